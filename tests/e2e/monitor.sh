#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The monitor beside a real group: what it says of the alignment is what the cards recorded; it misses who is killed, not who
# says goodbye; it sees losses, another grandmaster and what is announced; a recording shows the same again; and it never
# says a word itself.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/ptp4l.sh"

monitor=$build/unisono-monitor
address=${group%:*} port=${group#*:}
torn=$address:$((port + 2))
card one 'ppm 50.0'
card two 'ppm -80.0'
card three 'ppm 20.0'
card worse 'ppm 10.0'
for name in sender near far ear; do
    host $name
    fake_start $name
done
fake_tell 'gm 00-1D-C1-FF-FE-12-34-56; state SLAVE' sender near far ear
clock() { echo "--interface eth0 --clock ptp4l:$(ptp4l_socket $1)"; }

listen() { # NAME HOST GROUP
    run $1 @$2 "$build/unisono-recv" --device $1 --group $3 $(clock $2)
}
run wire @ear dumpcap -q -i eth0 -f 'ip and not igmp' -w "$work/wire.pcap"
await wire 15 '^File: '
run sender @sender "$build/unisono-send" --input tone:997 --group $group $(clock sender) --latency 80 --name 'Stage left'
await sender 20 'info: sending$'
listen one near $group
listen two near $group
listen three far $group
for name in one two three; do await $name 20 'playing L24'; done

# the newest whole line of a monitor's JSON
newest() { tail -n 2 "$work/$1.out" | head -n 1; }
# the stream of this test, whatever the order
stage='def stage: .streams[] | select(.name == "Stage left");'
# await_json NAME SECONDS FILTER: until jq says true of the newest line
await_json() {
    local until=$((SECONDS + $2))
    until newest $1 | holds /dev/stdin "$stage $3" > /dev/null 2>&1; do
        if [ $SECONDS -ge $until ]; then
            newest $1 | jq -c '[.streams[] | {name, on_air, apart_us, playing, silent}], .alarms' | cut -c 1-600
            return 1
        fi
        sleep 0.2
    done
}
alarm() { # KIND RECEIVER, a regex
    echo "[.alarms[] | select(.kind == \"$1\" and (.receiver | test(\"$2\")))] | length > 0"
}

# ---- how far apart ------------------------------------------------------------------------------------------------
run monitor @ear $monitor --group $group,$torn $(clock ear) --json --record "$work/show.pcap"
check 'three receivers play' await_json monitor 20 'stage | .playing == 3'
check 'the stream says what it is' await_json monitor 10 'stage |
    .on_air and .codec == "L24" and .latency_ms == 80 and .ptime_ms == 1 and .sender == "10.77.0.1" and .witness.honest'
check 'the monitor has a clock' await_json monitor 10 '.clock.state == "locked" and .clock.grandmaster == "00-1D-C1-FF-FE-12-34-56"'
check 'packets come in time, by that clock' await_json monitor 10 'stage | .witness | .timed and .lead_median_ms > 60 and
    .lead_median_ms < 80 and .lost_packets == 0'
from=$(wc -l < "$work/monitor.out")
sleep 8 # of sound that is compared
for other in two three; do
    # signed: how much later the other is; a card's recording goes on while it is read
    said=$(tail -n +$from "$work/monitor.out" | jq -s "$stage [.[] | stage.receivers |
        [(.[] | select(.device == \"$other\").error_us), (.[] | select(.device == \"one\").error_us)] |
        select(length == 2 and all(. != null)) | .[0] - .[1]] | sort | .[length / 2 | floor]")
    "$build/unisono-truth" pair "$work/one.playback" "$work/$other.playback" --tone 997 --skip 4 --json > "$work/pair.json"
    truth=$(jq '[.. | objects | select(has("median")) | .median][0]' "$work/pair.json")
    echo "  $other against one: the monitor says $said us, the cards $(awk "BEGIN { print $truth / 1000 }") us"
    check "$other: the monitor is right within 3 us" compare "$(awk "BEGIN { d = $said - $truth / 1000; print d < 0 ? -d : d }")" '<' 3
    check "$other: both said something" [ -n "$said" -a "$said" != null -a -n "$truth" -a "$truth" != null ]
done

# a stall of this machine is a real alarm, so it may take some tries
verdict() { # WANTED STATUS ARGUMENT...
    local wanted=$1 tries
    shift
    for tries in 1 2 3 4 5 6; do
        ip netns exec "$ns_ear" $monitor --group $group $(clock ear) "$@" > "$work/verdict.out" 2> "$work/verdict.log"
        status=$?
        [ $status = $wanted ] && return 0
    done
    cat "$work/verdict.out" "$work/verdict.log"
    return 1
}
check 'a group in unison passes' verdict 0 --check 4 --expect one@$(hostname),two@$(hostname)
check 'and is said to' grep -qx PASS "$work/verdict.out"
check 'an impossible limit fails' verdict 1 --check 5 --limit-alignment 0
check 'and says what failed' grep -q '^FAIL alignment: stream Stage left' "$work/verdict.out"
check 'one who is not there fails' verdict 1 --check 3 --expect lobby
check 'and is named' grep -q '^FAIL missing: .*receiver lobby: ' "$work/verdict.out"
ip netns exec "$ns_ear" $monitor --group $address:$((port + 8)) $(clock ear) --check 2 > "$work/verdict.out" 2>&1
status=$?
check 'silence fails' [ $status = 1 ]
check 'and is said' grep -q '^FAIL silence' "$work/verdict.out"

# ---- who leaves, and how ------------------------------------------------------------------------------------------
stop two
check 'who says goodbye is gone' await_json monitor 5 'stage | .receivers | length == 2'
kill -KILL "${pid[three]}"
check 'who is killed is missed' await_json monitor 15 "$(alarm missing three)"
check 'who said goodbye is not' await_json monitor 5 "$(alarm missing two) | not"
listen three far $group
check 'when it is back, it is missed no more' await_json monitor 30 "($(alarm missing three) | not) and (stage | .playing == 2)"

# ---- losses, and another grandmaster ------------------------------------------------------------------------------
run loss @ear "$build/relay" --from $group --to $torn --interface eth0 --loss 20
listen worse near $torn
check 'losses are an alarm' await_json monitor 20 "[.alarms[] |
    select(.kind == \"loss\" and .stream == \"$torn\" and .receiver != \"\" and .level == \"alarm\")] | length > 0"
check 'the witness hears them, too' await_json monitor 10 ".streams[] | select(.group == \"$torn\") |
    .witness.loss_percent > 10 and .witness.loss_percent < 30"
stop loss TERM
stop worse
fake_tell 'gm 00-1D-C1-FF-FE-66-66-66' far
check 'another grandmaster is an alarm' await_json monitor 25 '[.alarms[] | select(.kind == "grandmasters" and
    (.why | contains("00-1D-C1-FF-FE-66-66-66")))] | length > 0'

# what else is announced is none of this recording
stop monitor
check 'the monitor ends cleanly' [ $status = 0 ]

# ---- what is announced --------------------------------------------------------------------------------------------
announce() { # a SAP packet (RFC 2974) to its group
    { printf '\x20\0\x12\x34\x0a\x4d\0\x01application/sdp\0'
      printf 'v=0\r\no=- 1 1 IN IP4 10.77.0.1\r\ns=Announced\r\nt=0 0\r\nm=audio %s RTP/AVP 98\r\nc=IN IP4 %s/32\r\n' $port $address
      printf 'a=rtpmap:98 L24/48000/2\r\na=ptime:1\r\na=mediaclk:direct=0\r\n'; } > "$work/sap"
    ip netns exec "$ns_sender" bash -c "cat '$work/sap' > /dev/udp/239.255.255.255/9875"
}
run finder @ear $monitor --stream announced $(clock ear) --json
await finder 10 'listening on eth0'
announce
check 'what is announced is found' await_json finder 10 '.streams[0] | .announced and .name == "Announced" and .on_air'
stop finder

# ---- a recording --------------------------------------------------------------------------------------------------
$monitor --play "$work/show.pcap" --json > "$work/again.json" 2> "$work/again.log"
status=$?
check 'a recording is played to its end' [ $status = 0 ]
figures() {
    jq -c '[.level, .clock.grandmaster, (.streams[] | [.name, .group, .on_air, .playing, .apart_us, .headroom_ms,
        .witness.lost_packets, (.witness.lead_min_ms // 0 | . * 100 | round), [.receivers[] | [.name, .state, .error_us, .lost_packets]]]),
        [.alarms[] | [.kind, .receiver]]]' "$1"
}
# the recording begins with the first datagram, so a second more or less at its ends
figures "$work/monitor.out" | sort -u > "$work/live.figures"
figures "$work/again.json" | sort -u > "$work/again.figures"
same=$(comm -12 "$work/live.figures" "$work/again.figures" | wc -l)
echo "  $same of $(wc -l < "$work/live.figures") seconds are the same in all figures"
[ -z "${SHOW:-}" ] || diff "$work/live.figures" "$work/again.figures"
check 'there are seconds to compare' [ "$(wc -l < "$work/live.figures")" -gt 40 ]
check 'it shows the same figures' [ "$same" -ge $(($(wc -l < "$work/live.figures") * 9 / 10)) ]
check 'it is of RTCP that Wireshark reads' [ "$(tshark -r "$work/show.pcap" -d "udp.port==$((port + 1)),rtcp" -Y '_ws.malformed' 2> /dev/null | wc -l)" = 0 ]
"$build/unisono-replay" "$work/show.pcap" --list > "$work/list" 2>&1
check 'unisono-replay opens it' [ $? -lt 2 ]
check 'a recording fails as the network did' [ "$($monitor --play "$work/show.pcap" --check 1 2> /dev/null | head -n 1)" = FAIL ]

# ---- what cannot be had -------------------------------------------------------------------------------------------
run full @ear $monitor --group $group $(clock ear) --json --record /dev/full
check 'a full disk is told' await full 10 'error: --record /dev/full: cannot be written: No space'
check 'and the monitor goes on' await_json full 10 'stage | .on_air'
stop full
check 'told once' [ "$(grep -c /dev/full "$work/full.log")" = 1 ]
refuse() { # STATUS REGEX ARGUMENT...
    local wanted=$1 regex=$2
    shift 2
    timeout 10 $monitor "$@" > "$work/refused.out" 2>&1 < /dev/null
    status=$?
    cat "$work/refused.out"
    [ $status = $wanted ] && [ "$(wc -l < "$work/refused.out")" = 1 ] && grep -qE -- "$regex" "$work/refused.out"
}
check 'no terminal' refuse 2 'there is no terminal; give --json'
check 'two ways of printing' refuse 2 '--json: not with --check 5' --json --check 5
check 'no group' refuse 2 ': 10.0.0.1: not a multicast' --json --group 239.1.1.1,10.0.0.1
check 'no name' refuse 2 '--expect a,,b: a name of 0 bytes' --json --expect a,,b
check 'no recording' refuse 1 '--play /nowhere: No such file' --json --play /nowhere
check 'no place to record' refuse 1 '--record /nowhere/x: cannot be written' --json --clock system --record /nowhere/x
check 'no such interface' refuse 1 'nosuch0' --json --clock system --log error --interface nosuch0

for option in $($monitor --help | grep -oE '^  --[a-z-]+'); do
    grep -qF -- "$(sed 's/-/\\-/g' <<< "$option")" "$tree/tools/monitor/unisono-monitor.1" || echo "$option"
done > "$work/unknown" 2>&1
check 'the manual knows all options' sh -c 'cat "$1"; [ ! -s "$1" ]' - "$work/unknown"

stop sender
stop wire
check 'the monitor never sent a datagram' [ "$(tshark -r "$work/wire.pcap" \
    -Y "ip.src == 10.77.0.4 and udp.dstport != $((port + 2))" 2> /dev/null | wc -l)" = 0 ]
check 'though others were heard' [ "$(tshark -r "$work/wire.pcap" -c 2000 2> /dev/null | wc -l)" -gt 100 ]
finish
