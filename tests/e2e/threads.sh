#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Both programs and the simulated card, built with the thread sanitizer, through a whole stream: where their threads meet, nothing races.
UNISONO_BUILD=$(cd "$(dirname "$0")/../.." && pwd)/build/san-thread
# alone: ThreadSanitizer makes everything ten times slower
. "$(dirname "$0")/lib.sh"

card speaker 'ppm 50.0 xrun_at "4"'
card mic 'ppm 17.0'

run speaker "$build/unisono-recv" --device speaker --group "$group" --group "${group%:*}:$((${group#*:} + 2));page" --interface lo --clock system \
    --stats "$work/speaker.json" --record "$work/take.wav"
await speaker 20 'clock system: locked'
for source in alsa:mic tone:997; do
    run sender "$build/unisono-send" --input $source --group "$group" --interface lo --clock system --latency 100 \
        --stats "$work/sender.json"
    await_stat speaker 20 state = playing
    sleep 3 # of life together
    stop sender
    check "$source: the sender ends cleanly" [ $status = 0 ]
    check "$source: no race in the sender" bash -c "! grep -A 30 'WARNING: ThreadSanitizer' '$work/sender.log'"
    await_stat speaker 20 state = idle
done
stop speaker
check 'the receiver ends cleanly' [ $status = 0 ]
check 'it recorded all the while' [ "$(stat_of "$work/speaker.json" record_frames)" -gt 200000 ]
check 'no race in the receiver' bash -c "! grep -A 30 'WARNING: ThreadSanitizer' '$work/speaker.log'"
finish
