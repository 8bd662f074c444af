#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A session: the sender waits for receivers, knows them by name, starts them together; a monitor beside says of each where it plays, and
# the cards agree; a receiver that is killed and one that is cut off are missed, and come back; the end reaches all, by TERMINATE, and by
# BYE alone where there is no TERMINATE.
# alone: twenty receivers
. "$(dirname "$0")/lib.sh"

receivers=${RECEIVERS:-20}
host sender
host desk
for ((i = 1; i <= receivers; i++)); do
    card card$i "ppm $(((i * 37) % 160 - 80)).0"
    host r$i
done

listen() { # NUMBER [OPTION]...
    local i=$1
    shift
    run r$i @r$i "$build/unisono-recv" --device card$i --name "tower $i" --group $group --interface eth0 --clock system \
        --resampler fastest --stats "$work/r$i.json" "$@"
}
# seen JQ: the newest whole line of the monitor makes it true
seen() { tail -n 2 "$work/desk.out" | head -n 1 | holds /dev/stdin "$1" > /dev/null 2>&1; }
await_seen() { # SECONDS JQ
    local until=$((SECONDS + $1))
    until seen "$2"; do
        [ $SECONDS -lt $until ] || { tail -n 1 "$work/desk.out" | jq -c '.alarms'; return 1; }
        sleep 0.2
    done
}
missed() { echo "[.alarms[] | select(.kind == \"missing\" and .receiver == \"$1\")] | length == 1"; }

names=$(for ((i = 1; i <= receivers; i++)); do printf '%s' "${names:+,}tower $i"; names=.; done)
run desk @desk "$build/unisono-monitor" --group $group --interface eth0 --clock system --json
run sender @sender "$build/unisono-send" --name stage --input tone:997 --group $group --interface eth0 --clock system \
    --latency 80 --wait-for "$names" --stats "$work/sender.json"
await sender 10 'waiting for receivers: tower 1 \(not heard of\)'
for ((i = 2; i <= receivers; i++)); do listen $i; done
check 'the sender waits for the one that is missing' await sender 30 "waiting for receivers: tower 1 \(not heard of\)$"
check 'nobody has heard sound' [ "$(cat "$work"/r*.json | grep -c '"state":"playing"')" = 0 ]
check 'nothing was sent' [ "$(stat_of "$work/sender.json" sent_packets)" = 0 ]
listen 1
check 'then it starts' await sender 30 'info: sending$'
for ((i = 1; i <= receivers; i++)); do
    await_stat r$i 20 state = playing
done
check 'the sender has them all' await_stat sender 20 receivers = $receivers
check 'some of them by name in its log, three a second' grep -qE 'receiver card[0-9]+@.* joined as tower [0-9]+' "$work/sender.log"

# When each card's sound began. Twenty that arm at the same moment are much for one machine, and it may stall: three fifths of them.
for ((i = 1; i <= receivers; i++)); do
    "$build/clicks" --recording "$work/card$i.playback" --gap 100 | jq '.sounds[0].from_s'
done | sort -n > "$work/began"
check 'most began with the first sample, within a millisecond' awk -v k=$((receivers - receivers * 2 / 5)) '$1 + 0 > 0 { at[++n] = $1 }
    END { for (i = 1; i + k - 1 <= n; i++) if (at[i + k - 1] - at[i] < 1e-3) exit 0; exit 1 }' "$work/began"

# ---- the monitor and the cards ---------------------------------------------------------------------------------
check "the monitor sees $receivers that play" await_seen 20 ".streams[0].playing == $receivers"
check 'by their names' seen '.streams[0].receivers | any(.name == "tower 2" and .device == "card2")'
from=$(wc -l < "$work/desk.out")
sleep 10 # of sound that is compared
tail -n +$from "$work/desk.out" | sed '$d' > "$work/compared" # the last line may be torn
furthest=0
for ((i = 2; i <= receivers; i++)); do
    said=$(jq -s '[.[].streams[0].receivers | [(.[] | select(.device == "card'$i'").error_us), (.[] | select(.device == "card1").error_us)] |
        select(length == 2 and all(. != null)) | .[0] - .[1]] | sort | .[length / 2 | floor]' "$work/compared")
    "$build/unisono-truth" pair "$work/card1.playback" "$work/card$i.playback" --tone 997 --skip 4 --json > "$work/pair.json"
    truth=$(jq '[.. | objects | select(has("median")) | .median][0] / 1000' "$work/pair.json")
    is_number "$said" && is_number "$truth" || { echo "  card$i: said '$said', is '$truth'"; said=999 truth=0; }
    # who is off, with what it says of itself and of its clock, for whoever has to find out why
    awk "BEGIN { d = $said - $truth; exit !(d > 3 || d < -3) }" && for r in 1 $i; do
        echo "  card$i against card1: said $said us, is $truth us; r$r:"
        tail -n 1 "$work/r$r.json" | jq -c '{starts, xruns, error_ns, error_budget_us, card_sigma_ns, clock_state, clock_slews, clock_steps, clock_step_ns}'
        tail -n 3 "$work/r$r.log"
    done
    furthest=$(awk "BEGIN { d = $said - $truth; d = d < 0 ? -d : d; print (d > $furthest ? d : $furthest) }")
done
echo "  of $receivers receivers none is further than $furthest us from where the monitor says it plays"
check 'the monitor is right within 3 us' compare "$furthest" '<' 3

# ---- one is killed, one is cut off -----------------------------------------------------------------------------
kill -KILL "${pid[r2]}"
ip -n "$tag-5" link set eth0 down # r3: hosts are counted from the sender, and the desk
check 'a receiver that is cut off falls silent' await_stat r3 10 state = idle
check 'and is missed by the monitor' await_seen 30 "$(missed 'tower 3')"
listen 2
await_stat r2 20 state = playing
check 'the killed one is counted once, though it has another SSRC' await_stat sender 5 receivers '<=' $((receivers + 1))
ip -n "$tag-5" link set eth0 up
ip -n "$tag-5" route add 224.0.0.0/4 dev eth0
check 'the one that was cut off plays again' await_stat r3 20 state = playing
check 'nobody is missed any more' await_seen 30 '[.alarms[] | select(.kind == "missing")] | length == 0'

# ---- the end ---------------------------------------------------------------------------------------------------
stop sender
check 'the sender ends cleanly' [ $status = 0 ]
for ((i = 1; i <= receivers; i++)); do
    await_stat r$i 10 state = idle
done
clean=0
for ((i = 1; i <= receivers; i++)); do
    stop r$i
    clean=$((clean + (status == 0)))
done
check 'all receivers end cleanly' [ $clean = $receivers ]

# ---- BYE alone -------------------------------------------------------------------------------------------------
run plain @sender "$build/unisono-send" --profile aes67 --input tone:997 --group $group --interface eth0 --clock system --latency 300
run r1 @r1 "$build/unisono-recv" --profile aes67 --codec L24 --rate 48000 --channels 1 --latency 300 --device card1 \
    --group $group --interface eth0 --clock system --stats "$work/r1.json"
await_stat r1 20 state = playing
await_stat r1 20 rtcp_heard '>=' 1
concealed=$(stat_of "$work/r1.json" concealed_frames)
stop plain
check 'a plain stream ends by BYE' await_stat r1 10 state = idle
check 'without a sample made up' [ "$(stat_of "$work/r1.json" concealed_frames)" = "$concealed" ]
stop r1
stop desk
check 'the monitor ends cleanly' [ $status = 0 ]
finish
