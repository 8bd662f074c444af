#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Opus is recorded, behind a network that loses one packet in 50 and beside one that loses none: the file goes on, what was made up is
# counted, and both files are of the same time and length and sound alike.
. "$(dirname "$0")/lib.sh"

for name in sender middle listener; do host $name; done
base=${group%:*} port=${group#*:}
torn=$base:$((port + 2)) packet=240 # frames: 5 ms
net='--interface eth0 --clock system'

sox -D -R -n -b 24 -r 48000 -c 2 "$work/sung.wav" synth 6 sine 300 sine 400 tremolo 3 60 gain -6
for name in whole torn; do
    run $name @listener "$build/unisono-recv" $net --group "$([ $name = whole ] && echo $group || echo $torn)" --device none \
        --record "$work/$name.wav" --stats "$work/$name.json"
done
run relay @middle "$build/relay" --from $group --to $torn --interface eth0 --loss 2 --after 100 --until 1100
for name in whole torn; do await $name 10 'clock system: locked'; done
run sender @sender "$build/unisono-send" $net --group $group --input "file:$work/sung.wav" --codec Opus --ptime 5 --latency 100

# 400 packets, of which some are lost by now
check 'the recording goes on while packets are lost' await_stat torn 15 record_frames '>' $((400 * packet))
check 'by then the sender has not ended' kill -0 "${pid[sender]}"
await relay 15 '"lost"'
lost=$(stat_of "$work/relay.out" lost)
await sender 15 'the input has ended'
wait "${pid[sender]}"
unset 'pid[sender]'
for name in whole torn; do
    stop $name
    check "$name: ends with status 0" [ $status = 0 ]
    check "$name: one file" [ "$(stat_of "$work/$name.json" record_files)" = 1 ]
    check "$name: of floats" [ "$(soxi -V1 -b "$work/$name.wav") $(soxi -V1 -e "$work/$name.wav")" = '32 Floating Point PCM' ]
    # where the file begins: samples since midnight
    declare "${name}_at=$(ffprobe -loglevel error -show_entries format_tags -of flat "$work/$name.wav" |
        grep -oiE 'time_reference="?=?[0-9]+' | grep -oE '[0-9]+$')"
    declare "${name}_frames=$(soxi -V1 -s "$work/$name.wav")"
done
concealed=$(stat_of "$work/torn.json" record_concealed_frames)
echo "  $lost packets lost, $concealed frames made up; $torn_frames frames from $torn_at on, without losses $whole_frames from $whole_at on"
check 'the relay did its worst' [ "$lost" -gt 10 ]
check 'each lost packet is made up for' [ "$concealed" = $((lost * packet)) ]
check 'nothing else is' [ "$(stat_of "$work/torn.json" record_gap_frames) $(stat_of "$work/torn.json" record_dropped_frames) \
$(stat_of "$work/whole.json" record_concealed_frames)" = '0 0 0' ]
check 'the file has as many frames as the statistics' [ "$torn_frames" = "$(stat_of "$work/torn.json" record_frames)" ]
check 'it is as long as what was sent' [ "$whole_frames" -ge $((6 * 48000)) -a "$whole_frames" -lt $((6 * 48000 + 4 * packet)) ]
check 'both begin at the same sample' [ -n "$whole_at" -a "$torn_at" = "$whole_at" ]
check 'and end at the same' [ "$torn_frames" = "$whole_frames" ]
rms() { sox -V1 "$@" -n stat 2>&1 | awk '/^RMS.*amplitude/ { print $3 }'; }
sound=$(rms "$work/whole.wav") apart=$(rms -m -v 1 "$work/whole.wav" -v -1 "$work/torn.wav")
echo "  sound $sound, difference $apart"
# a file that slipped by one packet would differ by more than half
check 'they sound alike' compare "$apart" '<' "$(awk "BEGIN { print $sound / 5 }")"
finish
