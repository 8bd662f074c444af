#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The same tone in four codecs, each to a receiver of its own: what leaves the converters is the same sound at the same
# instant, whatever the codec looks ahead. And what a receiver says of a codec that it does not know.
# alone: what leaves the cards is judged by the microsecond
. "$(dirname "$0")/lib.sh"

host sender
host player
port=${group#*:}
declare -A options=([l24]='--codec L24' [f32]='--codec F32' [opus]='--codec Opus --ptime 2.5 --bitrate 256'
                    [fec]='--codec Opus --ptime 20 --fec --expected-loss 20 --bitrate 128')
declare -A ppm=([l24]=50 [f32]=-80 [opus]=20 [fec]=-30)

for codec in l24 f32 opus fec; do
    card $codec "ppm ${ppm[$codec]}.0"
    port=$((port + 2))
    run $codec @player "$build/unisono-recv" --device $codec --group "${group%:*}:$port" --interface eth0 --clock system \
        --stats "$work/$codec.json"
    await $codec 10 'clock system: locked'
    run "send_$codec" @sender "$build/unisono-send" --input tone:1000 ${options[$codec]} --latency 60 \
        --group "${group%:*}:$port" --interface eth0 --clock system
done
await l24 10 'playing L24, 48000 Hz, 2 channels'
await f32 10 'playing F32, 48000 Hz, 2 channels'
await opus 10 'playing Opus, 48000 Hz, 2 channels'
await fec 10 'playing Opus'
sleep 5 # the sound that is measured
for codec in l24 f32 opus fec; do
    stop "send_$codec"
    check "$codec: the sender ends cleanly" [ $status = 0 ]
    await_stat $codec 10 state = idle
    stop $codec
    check "$codec: nothing was lost" [ "$(stat_of "$work/$codec.json" lost_packets)" = 0 ]
done
for codec in f32 opus fec; do
    "$build/unisono-truth" pair "$work/l24.playback" "$work/$codec.playback" --skip 2 --length 3 --json > "$work/pair.json"
    echo "  L24 and $codec: $(stat_of "$work/pair.json" p50_abs) ns apart, p99 $(stat_of "$work/pair.json" p99_abs) ns"
    check "L24 and $codec agree within 20 us" compare "$(stat_of "$work/pair.json" p50_abs)" '<' 20000
done

# ---- a codec of the future: version 0, AUDIO, codec 7, 48000 Hz, 2 channels -------------------------------------------
card blank
run blank @player "$build/unisono-recv" --device blank --group "$group" --interface eth0 --clock system --stats "$work/blank.json"
await blank 10 'clock system: locked'
future() {
    printf '\x90\x62\0\1\xfb\x03\x80\x00\x12\x34\x56\x78\xbe\xde\0\3\x1a\x17\x97\x9c\xfe\x36\xc2\x96\x80\0\x72\1AAAA' |
        ip netns exec "$ns_sender" bash -c "exec cat > /dev/udp/${group%:*}/${group#*:}"
}
future
await blank 10 'codec 7, which is not known here, cannot be played; known are L16 \(0\), L24 \(1\), F32 \(2\), Opus \(3\)'
await_stat blank 5 unknown_codec = 7
future
future
await_stat blank 5 foreign_packets '>=' 3
stop blank
check 'it is said once' [ "$(grep -c 'codec 7' "$work/blank.log")" = 1 ]
finish
