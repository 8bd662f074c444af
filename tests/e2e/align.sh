#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# One sender, two receivers on cards 130 ppm apart: the same sound leaves both converters at the same instant.
# alone: what leaves the cards is judged by the microsecond
. "$(dirname "$0")/lib.sh"

card left 'ppm 50.0'
card right 'ppm -80.0'
host sender
host a
host b

run left @a "$build/unisono-recv" --device left --group "$group" --interface eth0 --clock system --stats "$work/left.json"
run right @b "$build/unisono-recv" --device right --group "$group" --interface eth0 --clock system --stats "$work/right.json"
await left 10 'clock system: locked'
await right 10 'clock system: locked'
run sender @sender "$build/unisono-send" --input tone:1000 --group "$group" --interface eth0 --clock system --stats "$work/sender.json"
await left 10 'playing L24, 48000 Hz, 2 channels from 10.77.0.1'
await right 10 'playing L24'
sleep 8 # the sound that is measured
stop sender
check 'the sender ends cleanly' [ $status = 0 ]
await_stat left 10 state = idle
stop left
check 'a receiver ends cleanly' [ $status = 0 ]
stop right

"$build/unisono-truth" pair "$work/left.playback" "$work/right.playback" --skip 2 --length 6 --json > "$work/pair.json"
check 'outputs agree within 20 us' compare "$(stat_of "$work/pair.json" p50_abs)" '<' 20000
check 'nothing was lost' [ "$(stat_of "$work/left.json" lost_packets)" = 0 ]
check 'both crystals were found' compare "$(stat_of "$work/right.json" card_ppm)" '<' -75
finish
