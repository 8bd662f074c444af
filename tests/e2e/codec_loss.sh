#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Opus over a bad network, with and without FEC: every packet that is lost is brought back or made up by the codec, nothing is
# left to the fade, and packets in the wrong order are put right.
. "$(dirname "$0")/lib.sh"

host sender
host middle
host player
base=${group%:*} port=${group#*:}
declare -A options=([plain]='--ptime 10' [fec]='--ptime 20 --fec --expected-loss 20')
declare -A frames=([plain]=480 [fec]=960)

# FEC is for speech: what stands still is not repeated
sox -n -r 48000 -b 16 -c 2 "$work/voice.wav" synth 12 sawtooth 180 gain -12 lowpass 3000 tremolo 4 90
for name in plain fec; do
    card $name 'ppm 50.0'
    port=$((port + 4))
    run $name @player "$build/unisono-recv" --device $name --group "$base:$((port + 2))" --interface eth0 --clock system \
        --stats "$work/$name.json"
    run "relay_$name" @middle chrt -f 60 "$build/relay" --from "$base:$port" --to "$base:$((port + 2))" --interface eth0 \
        --after 150 --until 350 --loss 10 --reorder 5 --duplicate 5 --hold 2
    await $name 10 'clock system: locked'
    run "send_$name" @sender "$build/unisono-send" --input "file:$work/voice.wav" --loop --codec Opus ${options[$name]} --latency 200 \
        --group "$base:$port" --interface eth0 --clock system
done
for name in plain fec; do
    await "relay_$name" 20 '"lost"'
    lost=$(stat_of "$work/relay_$name.out" lost)
    await_stat $name 5 lost_packets '>=' "$lost"
    stop "send_$name"
    await_stat $name 10 state = idle
    stop $name
    made_up=$(stat_of "$work/$name.json" made_up_frames) recovered=$(stat_of "$work/$name.json" recovered_frames)
    echo "  $name: $lost packets lost, $made_up frames made up, $recovered brought back"
    check "$name: the relay did its worst" [ "$lost" -gt 5 ]
    if [ "$(stat_of "$work/$name.json" xruns)" = 0 ] && [ "$(stat_of "$work/$name.json" late_packets)" = 0 ]; then
        check "$name: each lost packet was made up for" [ $((made_up + recovered)) = $((lost * frames[$name])) ]
        check "$name: and nothing was left to the fade" [ "$(stat_of "$work/$name.json" concealed_frames)" = 0 ]
    else
        echo "  not checked: the machine stood still meanwhile"
    fi
done
check 'without FEC nothing comes back' [ "$(stat_of "$work/plain.json" recovered_frames)" = 0 ]
check 'with FEC something does' [ "$(stat_of "$work/fec.json" recovered_frames)" -gt 0 ]
finish
