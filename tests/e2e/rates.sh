#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Streams of 44.1 and 96 kHz on cards of other rates: the same sound leaves converters of 48 and 96 kHz, and of 44.1 and
# 88.2 kHz, at the same instant and without damage. (All pairs: tests/sim/scenarios/rates-*.sim.)
# alone: what leaves the cards is judged by the microsecond
. "$(dirname "$0")/lib.sh"

low=$group high=${group%:*}:$((${group#*:} + 2))
host sender
host a
host b

# listen NAME HOST CARD-HZ PPM GROUP
listen() {
    card "$1" "ppm $4 rates \"$3\""
    run "$1" "@$2" "$build/unisono-recv" --device "$1" --rate "$3" --group "$5" --interface eth0 --clock system \
        --stats "$work/$1.json"
    await "$1" 10 'clock system: locked'
}
listen low48 a 48000 50.0 "$low"
listen low96 b 96000 -80.0 "$low"
listen high44 a 44100 50.0 "$high"
listen high88 b 88200 -80.0 "$high"
run low @sender "$build/unisono-send" --input tone:997 --rate 44100 --latency 20 --group "$low" --interface eth0 --clock system
run high @sender "$build/unisono-send" --input tone:997 --rate 96000 --ptime 0.25 --latency 20 --group "$high" --interface eth0 \
    --clock system
for name in low48 low96; do await $name 10 'playing L24, 44100 Hz, 2 channels'; done
for name in high44 high88; do await $name 10 'playing L24, 96000 Hz, 2 channels'; done
sleep 7 # the sound that is measured
for name in low high low48 low96 high44 high88; do
    stop $name
    check "$name ends cleanly" [ $status = 0 ]
done

for pair in 'low48 low96' 'high44 high88'; do
    read -r one other <<< "$pair"
    "$build/unisono-truth" pair "$work/$one.playback" "$work/$other.playback" --tone 997 --skip 2 --length 5 --json \
        > "$work/pair.json"
    check "$one and $other agree within 20 us" compare "$(stat_of "$work/pair.json" p50_abs)" '<' 20000
    for name in $one $other; do
        check "$name lost nothing" [ "$(stat_of "$work/$name.json" lost_packets)" = 0 ]
        # at another pitch, or with a click in each, no window would be clean; a machine that stands still harms a few
        "$build/unisono-truth" damage "$work/$name.playback" --tone 997 --skip 2 --length 5 --json > "$work/damage.json"
        check "$name plays the tone" compare "$(stat_of "$work/damage.json" clean)" '>' 250
        check "$name plays nothing else" compare "$(stat_of "$work/damage.json" residual_mean_dbfs)" '<' -100
    done
done
finish
