#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# One receiver, eight senders of unlike rates, codecs, packet times and latencies: all sound, each at its own instant, mixed into one
# card. One of them is killed: no click, and nothing happens to the others. The card's first channel plays all eight; its second one of
# them alone. The last is found by its name. A monitor sees the receiver under each of its streams.
# alone: what leaves the card is judged by the microsecond
. "$(dirname "$0")/lib.sh"

#        codec rate channels ptime latency tone
streams=('L24 48000 2 1      60     500'
         'L16 44100 2 1      70     700'
         'L24 96000 1 1      80     900'
         'L16 48000 4 0.25  100    1100'
         'L24 44100 2 4      90    1300'
         'L16 88200 2 1      60    1500'
         'L16 48000 1 5     120    1700'
         'L24 48000 8 0.125  65    1900')
killed=3
alone=4
base=${group%:*}
port=${group#*:}

card speaker 'ppm 60.0'
host stage
host hall

host ear

selections=() groups=
for i in ${!streams[@]}; do
    [ $i = $alone ] && map=1=1,2=1 || map=1=1
    [ $i = 7 ] && target=(--stream "stream 7") || target=(--group "$base:$((port + 2 * i))")
    selections+=(${target[0]} "${target[1]};name=s$i;gain=-18dB;map=$map")
    groups+=${groups:+,}$base:$((port + 2 * i))
done
begun=$EPOCHREALTIME # before the card begins to record
run hall @hall "$build/unisono-recv" --device speaker --resampler fastest "${selections[@]}" --interface eth0 \
    --clock system --stats "$work/hall.json"
await hall 10 'clock system: locked'
for i in ${!streams[@]}; do
    read -r codec rate channels ptime latency tone <<< "${streams[i]}"
    run s$i @stage "$build/unisono-send" --input tone:$tone --codec $codec --rate $rate --channels $channels --ptime $ptime \
        --latency $latency --name "stream $i" --group "$base:$((port + 2 * i))" --interface eth0 --clock system
done

run monitor @ear "$build/unisono-monitor" --group $groups --interface eth0 --clock system --json

# of the newest line: JQ
now() { tail -n 1 "$work/hall.json" | holds /dev/stdin "$1"; }
await_all() {
    local until=$((SECONDS + 15))
    until now "$1" > /dev/null 2>&1; do
        [ $SECONDS -lt $until ] || { tail -n 1 "$work/hall.json"; return 1; }
        sleep 0.1
    done
}
check 'all eight play' await_all '[.streams[].state == "playing"] == [range(8) | true]'
skip=$(awk "BEGIN { print $EPOCHREALTIME - $begun }") # from there on
check 'each by its name' now '[.streams[].name] == [range(8) | "s\(.)"]'
check 'each is what its sender sends' now '[.streams[] | "\(.codec) \(.rate_hz) \(.channels)"] ==
    ["L24 48000 2", "L16 44100 2", "L24 96000 1", "L16 48000 4", "L24 44100 2", "L16 88200 2", "L16 48000 1", "L24 48000 8"]'
check 'the members outside are of the first' now '.codec == "L24" and .rate_hz == 48000 and .ssrc == .streams[0].ssrc'
check 'the log says of which stream it speaks' grep -q 'info: s1: playing L16, 44100 Hz, 2 channels' "$work/hall.log"
sleep 3 # the sound that is measured
stop s$killed KILL
check 'one is killed: it falls silent' await_all ".streams[$killed].state == \"idle\""
sleep 1 # the others go on
check 'the others do' now "[.streams[] | select(.state == \"playing\")] | length == 7"
check 'each from one start, without a loss' now "[.streams[] | select(.name != \"s$killed\") | .starts == 1 and .lost_packets == 0 and
    .concealed_frames == 0] | all"
check 'RTCP: to each group its own' await_all '[.streams[].rtcp_sent >= 1] | all'
check 'RTCP: each hears its sender' await_all '[.streams[].rtcp_heard >= 1] | all'
seen() {
    local until=$((SECONDS + 10))
    until tail -n 2 "$work/monitor.out" | head -n 1 | holds /dev/stdin "$1" > /dev/null 2>&1; do
        [ $SECONDS -lt $until ] || { tail -n 2 "$work/monitor.out" | head -n 1 | jq -c '[.streams[] | {name, playing, receivers: [.receivers[].name]}]'; return 1; }
        sleep 0.2
    done
}
check 'the monitor sees it under each stream that plays' seen '[.streams[] | select(.on_air) | .playing == 1] == [range(7) | true]'
stop hall
check 'the receiver ends cleanly' [ $status = 0 ]

# ---- what was heard ---------------------------------------------------------------------------------------------
# what a tone's delay is, the other seven tones being the residual: 9 dB above it
late() { "$build/unisono-truth" latency "$work/speaker.playback" --source realtime --limit-db -10 --skip $skip --length 2.5 --json "$@"; }
# judge FILE FILTER: also false when there is no answer in the file
judge() { holds "$1" "., ($2)"; }
on_time='.error_ns.count > 50 and (.error_ns.median | fabs) < 20000'
xruns=$(stat_of "$work/hall.json" xruns)
for i in ${!streams[@]}; do
    read -r codec rate channels ptime latency tone <<< "${streams[i]}"
    late --tone $tone --expect $latency > "$work/s$i.latency"
    check "s$i: at its instant" judge "$work/s$i.latency" "$on_time"
    [ $i != $killed ] && [ "$xruns" = 0 ] || continue # of a machine that stood still
    "$build/unisono-truth" damage "$work/speaker.playback" --tone $tone --limit-db -10 --json > "$work/s$i.damage"
    check "s$i: whole all along" judge "$work/s$i.damage" '.damaged_ms == 0'
done
read -r codec rate channels ptime latency tone <<< "${streams[alone]}"
late --tone $tone --expect $latency --channel 1 --limit-db -70 > "$work/alone.latency"
check 'alone on the second channel: by its map' judge "$work/alone.latency" "$on_time"
# the sums over all eight tones of what one has at most; one that is cut off has a kink of up to 0.03
"$build/clicks" --recording "$work/speaker.playback" > "$work/clicks.json"
check 'no click' judge "$work/clicks.json" '.peak > 0.1 and .peak < 0.26 and .step < 0.041 and .kink < 0.0085'
finish
