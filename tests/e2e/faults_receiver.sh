#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The receiver's own side fails: its sound card runs dry, or is pulled out and put back; the receiver is held up, or
# comes late. Each time sound is back by itself, aligned from its first moment.
# alone: what leaves the cards is judged by the microsecond
. "$(dirname "$0")/lib.sh"

card steady 'ppm 50.0'
card frail 'ppm -80.0 xrun_at "5" unplug_at 12 unplug_for 2'
card late 'ppm 20.0'
for name in sender steady frail late; do host $name; done
net="--group $group --interface eth0 --clock system"

listen() { run $1 @$1 "$build/unisono-recv" --device $1 $net --stats "$work/$1.json"; }

run sender @sender "$build/unisono-send" --input tone:997 $net --latency 80
await sender 10 'sending$'
listen steady
await_stat steady 10 state = playing
listen frail
await_stat frail 10 state = playing
sleep 1 # a stream long under way
listen late
await_stat late 10 state = playing

# ---- a card that runs dry ---------------------------------------------------------------------------------------
await_stat frail 10 xruns '>' 0
await_stat frail 5 state = playing
check 'the xrun is told' await frail 5 'ran dry \([0-9]+ times so far\)'
check 'and sound is back' await_stat frail 5 starts '>=' 2
xruns=$(stat_of "$work/frail.json" xruns) starts=$(stat_of "$work/frail.json" starts)

# ---- a receiver that is held up ---------------------------------------------------------------------------------
kill -STOP "${pid[late]}"
sleep 0.3 # that long
kill -CONT "${pid[late]}"
check 'its card ran dry' await_stat late 5 xruns '>' 0
check 'and sound is back' await_stat late 5 starts '>=' 2
await_stat late 5 state = playing

# ---- a card that is pulled out ----------------------------------------------------------------------------------
await frail 10 'the sound device is gone; looking for it'
check 'the status says so' await_stat frail 3 device_present = false
await frail 10 'the sound device is back'
check 'and sound is back' await_stat frail 5 starts '>' "$starts"
await_stat frail 5 state = playing
check 'the status says so when it is back' await_stat frail 3 device_present = true
check 'a card that is gone has not run dry' [ "$(stat_of "$work/frail.json" xruns)" = "$xruns" ]
# two seconds are 2000 packets; a machine that is busy may drop a few by itself
check 'the stream was listened to all the while' compare "$(stat_of "$work/frail.json" lost_packets)" '<' 100
sleep 2 # sound of all, to be compared
check 'a steady receiver was not concerned' \
    [ "$(stat_of "$work/steady.json" starts)" = $((1 + $(stat_of "$work/steady.json" xruns))) ]

stop sender
for name in steady frail late; do
    await_stat $name 10 state = idle
    stop $name
    check "$name: ends cleanly" [ $status = 0 ]
    check "$name: few lines in the log" compare "$(wc -l < "$work/$name.log")" '<' 30
done

# ---- what was heard ---------------------------------------------------------------------------------------------
for name in steady frail late; do
    "$build/clicks" --recording "$work/$name.playback" > "$work/$name.clicks"
    check "$name: no click but where the card itself broke off" \
        holds "$work/$name.clicks" '.peak < 0.26 and .step < 0.0345 and .kink < 0.0055'
done
for name in frail late; do
    "$build/unisono-truth" pair "$work/steady.playback" "$work/$name.playback" --tone 997 --json > "$work/pair.json"
    check "$name: in step with steady, all the time" compare "$(stat_of "$work/pair.json" p99_abs)" '<' 20000
    # B is this one; a segment for each time its card was started
    check "$name: aligned from the first sound after each start" holds "$work/pair.json" \
        '[.starts[] | select(.output == "B" and .sounded)] |
            all(.[]; .aligned and .first_offset_ns < 50000 and .first_offset_ns > -50000)'
    # but for starts that a stall of the machine ended before there could be sound
    short=$("$build/unisono-truth" damage "$work/$name.playback" --tone 997 --json |
        jq -c '[.segments[] | select(.end_raw_ns - .raw_ns < 1e9) | .raw_ns]')
    check "$name: sound within 3 s of each start of the card" holds "$work/pair.json" \
        '[.starts[] | select(.output == "B" and (.raw_ns as $start | $short | index($start) | not))] |
            ., (length >= 1 and all(.[]; .sounded and .sound_after_ms < 3000))' --argjson short "$short"
done
check 'the card did what it was to do' \
    holds <("$build/unisono-truth" damage "$work/frail.playback" --tone 997 --json) '[.segments[].ended] | index("xrun_forced") and index("unplugged")'
finish
