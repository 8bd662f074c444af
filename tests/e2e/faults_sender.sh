#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The sender fails: it is killed and started again, held up, replaced by another on the same host while it still
# speaks. Receivers fade out without a click, wait, and come back by themselves, aligned.
# alone: what leaves the cards is judged by the microsecond
. "$(dirname "$0")/lib.sh"

card left 'ppm 50.0'
card right 'ppm -80.0'
for name in sender left right; do host $name; done
receivers='left right'
net="--group $group --interface eth0 --clock system"

xruns() { stat_of "$work/$1.json" xruns; } # of a machine that stood still
start_sender() { run ${1:-sender} @sender "$build/unisono-send" --input tone:997 $net --latency 80; }

for name in $receivers; do
    run $name @$name "$build/unisono-recv" --device $name $net --stats "$work/$name.json"
done
for name in $receivers; do await $name 10 'clock system: locked'; done
start_sender
for name in $receivers; do await_stat $name 10 state = playing; done
first=$(stat_of "$work/left.json" ssrc)

# ---- gone without a word, and back ----------------------------------------------------------------------------
sleep 1 # sound
stop sender KILL
for name in $receivers; do await_stat $name 5 state = idle; done
# once at the start, once now
check 'killed: the log says that there is no stream' [ "$(grep -c 'no stream: silence' "$work/left.log")" -ge 2 ]
start_sender
for name in $receivers; do await_stat $name 10 state = playing; done
second=$(stat_of "$work/left.json" ssrc)
check 'killed and started again: it is another stream' [ "$first" != "$second" ]
for name in $receivers; do
    check "$name: plays it" [ "$(stat_of "$work/$name.json" ssrc)" = "$second" ]
    check "$name: from one new start" compare "$(stat_of "$work/$name.json" starts)" '<=' $((2 + $(xruns $name)))
    check "$name: and misses nothing of it" [ "$(stat_of "$work/$name.json" lost_packets)" = 0 ]
done

# ---- held up for longer than the sound that was sent ahead ------------------------------------------------------
sleep 1 # sound
kill -STOP "${pid[sender]}"
sleep 0.3 # that long
kill -CONT "${pid[sender]}"
for name in $receivers; do await_stat $name 10 starts '>=' 3; done
for name in $receivers; do await_stat $name 5 state = playing; done
check 'held up for 300 ms: the same stream goes on' [ "$(stat_of "$work/left.json" ssrc)" = "$second" ]

# ---- replaced while it still speaks -----------------------------------------------------------------------------
sleep 1 # sound
start_sender other
await other 10 'sending$'
for name in $receivers; do await_stat $name 10 ssrc '!=' "$second"; done
for name in $receivers; do await_stat $name 5 state = playing; done
sleep 1 # sound of both on the network, one of them heard
third=$(stat_of "$work/left.json" ssrc)
check 'a second sender on the same host takes over' [ "$third" != "$second" ]
check 'of all receivers' [ "$(stat_of "$work/right.json" ssrc)" = "$third" ]
check 'the first is counted as not ours' await_stat left 5 foreign_packets '>' 500
stop sender KILL
sleep 2 # sound
check 'and when the first is gone it stays' [ "$(stat_of "$work/left.json" ssrc)" = "$third" ]

stop other
check 'the sender ends cleanly' [ $status = 0 ]
for name in $receivers; do
    await_stat $name 10 state = idle
    stop $name
    check "$name: ends cleanly" [ $status = 0 ]
    check "$name: few lines in the log" compare "$(wc -l < "$work/$name.log")" '<' 30
done

# ---- what was heard ---------------------------------------------------------------------------------------------
# steps and kinks of the tone itself: 0.0328 and 0.0043
for name in $receivers; do
    "$build/clicks" --recording "$work/$name.playback" > "$work/$name.clicks"
    check "$name: no click" holds "$work/$name.clicks" '.peak < 0.26 and .step < 0.0345 and .kink < 0.0055'
    [ "$(xruns $name)" = 0 ] || continue
    # the pieces are known by their number only while the machine itself makes no more of them
    check "$name: two pauses, and one at most for the change" \
        holds "$work/$name.clicks" '.sounds | length | . == 3 or . == 4'
    check "$name: held up for 300 ms, silent for less than 600 ms" \
        holds "$work/$name.clicks" '.sounds[2].from_s - .sounds[1].until_s < 0.6'
    check "$name: the change takes less than 300 ms" \
        holds "$work/$name.clicks" '.sounds[3] == null or .sounds[3].from_s - .sounds[2].until_s < 0.3'
done
"$build/unisono-truth" pair "$work/left.playback" "$work/right.playback" --tone 997 --json > "$work/pair.json"
check 'in step all the time, after each fault too' compare "$(stat_of "$work/pair.json" p99_abs)" '<' 20000
check 'and long enough to tell' holds "$work/pair.json" '.offset_ns.count > 300'
finish
