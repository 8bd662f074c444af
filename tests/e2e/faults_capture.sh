#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The sender's sound input fails: it runs over, it is pulled out and put back, the sender is held up. Each time the
# sender carries on by itself: what was captured leaves the receiver's converter as long after as before.
# alone: what leaves the cards is judged by the microsecond
. "$(dirname "$0")/lib.sh"

card mic 'ppm 17.0 xrun_at "4" unplug_at 8 unplug_for 2' # hears 1000 and 1010 Hz
card speaker 'ppm -40.0'
host sender
host listener
net="--group $group --interface eth0 --clock system"

run speaker @listener "$build/unisono-recv" --device speaker $net --stats "$work/speaker.json"
await speaker 10 'clock system: locked'
run sender @sender "$build/unisono-send" --input alsa:mic $net --latency 80 --stats "$work/sender.json"
await_stat speaker 10 state = playing

ssrc=$(stat_of "$work/speaker.json" ssrc)

await_stat sender 10 overruns '>' 0
check 'running over is told' await sender 5 'the sound input ran over'
check 'sound is captured again' await_stat sender 5 starts '>' 1

overruns=$(stat_of "$work/sender.json" overruns)
await sender 10 'the sound input is gone; looking for it'
check 'the status says so' await_stat sender 3 device_present = false
await sender 10 'the sound input is back'
check 'and when it is back' await_stat sender 3 device_present = true
check 'an input that is gone has not run over' [ "$(stat_of "$work/sender.json" overruns)" = "$overruns" ]
check 'sound is captured again' await_stat sender 5 starts '>' 2
await_stat speaker 10 state = playing
sleep 1 # sound

kill -STOP "${pid[sender]}"
sleep 0.4 # that long: more than the card holds
kill -CONT "${pid[sender]}"
await_stat speaker 10 state = playing
sleep 2 # sound, to be measured
check 'the stream is still the same' [ "$(stat_of "$work/speaker.json" ssrc)" = "$ssrc" ]
check 'sound is sent' await_stat sender 3 state = running
stop sender
check 'the sender ends cleanly' [ $status = 0 ]
await_stat speaker 5 state = idle
stop speaker
for name in sender speaker; do
    check "$name: few lines in the log" compare "$(wc -l < "$work/$name.log")" '<' 40
done

"$build/unisono-truth" latency "$work/speaker.playback" --tone 1000,1010 --source raw --expect 80 \
    --csv "$work/latency.csv" --json > "$work/latency.json"
check 'from microphone to loudspeaker 80 ms, within 100 us' \
    holds "$work/latency.json" '.error_ns.count > 500 and .error_ns.median < 100000 and .error_ns.median > -100000'
# the last second is after all the faults
check 'after the last fault too' awk -F, '
    NR > 1 { error[NR] = $3 - 80e6 }
    END { if (NR < 200) exit 1; for (i = NR - 99; i <= NR; i++) bad += error[i] > 100000 || error[i] < -100000; exit bad > 5 }' \
    "$work/latency.csv"
"$build/clicks" --recording "$work/speaker.playback" > "$work/clicks.json"
# steps and kinks of the two tones together: 0.0658 and 0.0087
check 'no click' holds "$work/clicks.json" '., (.peak < 0.52 and .step < 0.069 and .kink < 0.0092)'
finish
