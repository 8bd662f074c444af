#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# demo.sh [SECONDS [DEVICE]]: one sender, three receivers on simulated sound cards with unlike crystals and pointers, and their
# alignment measured at the converters, live. With DEVICE (such as `default`) a fourth receiver plays on a real sound card.
#
# Everything runs on this machine's loopback interface, as whoever calls it. The sound cards are simulated (tests/simcard.c):
# each has a crystal of its own, and records what left its converter and when. The alignment shown comes from those
# recordings, not from what the receivers say of themselves.
. "$(dirname "$0")/e2e/lib.sh"

seconds=${1:-20} device=${2:-}
truth=$build/unisono-truth

card north 'ppm 50.0'
card south 'ppm -80.0'
card west 'ppm 120.0 granule 6'
names=(north south west)

cat << EOF

  One tone, sent as RTP multicast to $group on the loopback interface; three receivers, latency 10 ms.
  Their sound cards are simulated: crystals at +50, -80 and +120 ppm, the last with a pointer that moves in steps of
  6 frames. Uncorrected, the first two would drift apart by 130 us every second.

EOF

for name in "${names[@]}"; do
    run "$name" "$build/unisono-recv" --device "$name" --group "$group" --interface lo --clock system \
        --stats "$work/$name.json"
done
if [ -n "$device" ]; then
    run speaker "$build/unisono-recv" --device "$device" --group "$group" --interface lo --clock system --gain -20 \
        --stats "$work/speaker.json"
    names+=(speaker)
fi
for name in "${names[@]}"; do
    await "$name" 10 'clock system: locked' || exit 1
done
run sender "$build/unisono-send" --input tone:1000 --group "$group" --interface lo --clock system
for name in "${names[@]}"; do
    await "$name" 15 'info: playing L24' || exit 1
done
grep -h 'warning.*real-time' "$work"/north.log | head -n 1

"$truth" watch "$work/north.playback" "$work/south.playback" "$work/west.playback" \
    --names "north +50 ppm,south -80 ppm,west +120 ppm" --length "$seconds" --limit-us 20
verdict=$?

stop sender
for name in "${names[@]}"; do stop "$name"; done
echo
for name in "${names[@]}"; do
    printf '  %-8s crystal found %+8.2f ppm, packets %s, lost %s, concealed %s frames, xruns %s\n' "$name" \
        "$(stat_of "$work/$name.json" card_ppm)" "$(stat_of "$work/$name.json" received_packets)" \
        "$(stat_of "$work/$name.json" lost_packets)" "$(stat_of "$work/$name.json" concealed_frames)" \
        "$(stat_of "$work/$name.json" xruns)"
done
exit $verdict
