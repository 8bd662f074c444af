#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The clock of the field: real ptp4l on each host, free-running at the receivers, which steer by the offset it measures.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/ptp4l.sh"

card left 'ppm 50.0'
card right 'ppm -80.0'
for name in sender a b; do host "$name"; done
ptp4l_network sender a b || finish

for name in left:a right:b; do
    at=${name#*:} name=${name%:*}
    run "$name" "@$at" "$build/unisono-recv" --device "$name" --group "$group" --interface eth0 \
        --clock "ptp4l:$(ptp4l_socket "$at")" --stats "$work/$name.json"
done
run sender @sender "$build/unisono-send" --input tone:997 --group "$group" --interface eth0 \
    --clock "ptp4l:$(ptp4l_socket sender)" --stats "$work/sender.json"
await left 60 'playing L24'
await right 60 'playing L24'
sleep 10 # the sound that is measured
stop sender
stop left
stop right

"$build/unisono-truth" pair "$work/left.playback" "$work/right.playback" --tone 997 --skip 3 --json > "$work/pair.json"
check 'outputs agree within 100 us' compare "$(stat_of "$work/pair.json" p50_abs)" '<' 100000
check 'the receivers measured against a grandmaster' [ "$(stat_of "$work/left.json" clock_proven)" = true ]
check 'the sender is that grandmaster' [ -n "$(stat_of "$work/left.json" clock_grandmaster)" -a \
    "$(stat_of "$work/left.json" clock_grandmaster)" = "$(stat_of "$work/sender.json" clock_grandmaster)" ]
finish
