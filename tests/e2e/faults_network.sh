#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The network between sender and receivers fails: packets are lost, doubled and late, some at a time or many in a row;
# cables are pulled and put back at either end. What is missing is counted and concealed without a click; sound comes
# back by itself, aligned.
# alone: what leaves the cards is judged by the microsecond
. "$(dirname "$0")/lib.sh"

# behind relays that harm the stream between two packet numbers, and count how
address=${group%:*} port=${group#*:}
bad=$address:$((port + 2)) torn=$address:$((port + 4))

card near 'ppm 30.0'
card far 'ppm -50.0'
card edge 'ppm 10.0'
for name in sender near far edge middle; do host $name; done
receivers='near far edge'

# each receiver on a group of its own
listen() { # NAME GROUP
    run $1 @$1 "$build/unisono-recv" --device $1 --group $2 --interface eth0 --clock system --stats "$work/$1.json"
}
listen near $group
listen far $bad
listen edge $torn
run bad @middle chrt -f 60 "$build/relay" --from $group --to $bad --interface eth0 \
    --after 2000 --until 7000 --loss 2 --duplicate 2 --reorder 3 --hold 3
run torn @middle chrt -f 60 "$build/relay" --from $group --to $torn --interface eth0 \
    --after 3000 --until 3040 --loss 100
for name in $receivers; do await $name 10 'clock system: locked'; done
run sender @sender "$build/unisono-send" --input tone:997 --group $group --interface eth0 --clock system \
    --latency 80 --stats "$work/sender.json"
for name in $receivers; do await_stat $name 10 state = playing; done

# ---- a bad network ----------------------------------------------------------------------------------------------
await torn 15 '"lost"'
await bad 15 '"lost"'
lost=$(stat_of "$work/bad.out" lost)
doubled=$(stat_of "$work/bad.out" duplicated)
late=$(stat_of "$work/bad.out" reordered)
await_stat far 5 received_packets '>' 7100
check 'the relay did its worst' [ "$lost" -gt 50 -a "$doubled" -gt 50 -a "$late" -gt 50 ]
check 'each lost packet was counted' [ "$(stat_of "$work/far.json" lost_packets)" = "$lost" ]
check 'each doubled packet was counted' [ "$(stat_of "$work/far.json" duplicate_packets)" = "$doubled" ]
check 'each late packet was counted' [ "$(stat_of "$work/far.json" reordered_packets)" = "$late" ]
# while a hole is waited for, the card's queue runs low, and a machine that stands still then makes an xrun
xruns() { stat_of "$work/$1.json" xruns; }
check 'the sound was given up for xruns only' [ "$(stat_of "$work/far.json" starts)" = $((1 + $(xruns far))) ]
if [ "$(xruns far)" = 0 ]; then
    check 'what was lost was concealed, and nothing else' \
        [ "$(stat_of "$work/far.json" concealed_frames)" = $((48 * lost)) ]
    check 'a second copy is not too late' [ "$(stat_of "$work/far.json" late_packets)" = 0 ]
fi
check '40 packets lost in a row were counted' [ "$(stat_of "$work/edge.json" lost_packets)" = 40 ]
check 'a neighbour with a good network noticed nothing' [ "$(stat_of "$work/near.json" concealed_frames)" = 0 ]

# ---- a receiver's cable ---------------------------------------------------------------------------------------
ip -n "$ns_near" link set eth0 down
await_stat near 5 state = idle
ip -n "$ns_near" link set eth0 up
await_stat near 10 state = playing
check 'near: back after its cable was' compare "$(stat_of "$work/near.json" starts)" '>=' 2
check 'far: not concerned' [ "$(stat_of "$work/far.json" starts)" = $((1 + $(xruns far))) ]

# ---- the sender's cable -----------------------------------------------------------------------------------------
sleep 1 # sound of both, to be compared
ip -n "$ns_sender" link set eth0 down
for name in $receivers; do await_stat $name 5 state = idle; done
check 'the sender counts what it cannot send' await_stat sender 5 unsent_packets '>' 500
check 'and says why' await sender 5 'packets could not be sent: '
ip -n "$ns_sender" link set eth0 up
for name in $receivers; do await_stat $name 10 state = playing; done
sleep 2 # sound of all, to be compared
unsent=$(stat_of "$work/sender.json" unsent_packets)
await_stat sender 5 sent_packets '>' $(($(stat_of "$work/sender.json" sent_packets) + 500))
check 'all is sent again' [ "$(stat_of "$work/sender.json" unsent_packets)" = "$unsent" ]
check 'the sender says little about it' compare "$(wc -l < "$work/sender.log")" '<' 25
stop sender
check 'the sender ends cleanly' [ $status = 0 ]
for name in $receivers; do
    await_stat $name 10 state = idle
    stop $name
    check "$name: ends cleanly" [ $status = 0 ]
    check "$name: few lines in the log" compare "$(wc -l < "$work/$name.log")" '<' 40
done

# ---- what was heard ---------------------------------------------------------------------------------------------
# steps and kinks of the tone itself: 0.0328 and 0.0043
for name in $receivers; do
    "$build/clicks" --recording "$work/$name.playback" > "$work/$name.clicks"
    check "$name: no click" holds "$work/$name.clicks" '.peak < 0.26 and .step < 0.0345 and .kink < 0.0055'
done
pieces() { # NAME COUNT: so many sounds with pauses between them, and one more for an xrun
    check "$1: $2 sounds" holds "$work/$1.clicks" \
        '.sounds | length | . >= '"$2"' and . <= '"$2"' + $xruns' --argjson xruns "$(xruns $1)"
}
pieces far 2  # the sender's cable
pieces near 3 # its own
pieces edge 3 # the 40 packets
[ "$(xruns edge)" != 0 ] || check 'edge: the first pause is shorter than what was lost' \
    holds "$work/edge.clicks" '.sounds[1].from_s - .sounds[0].until_s < 0.04'
for name in far edge; do
    "$build/unisono-truth" pair "$work/near.playback" "$work/$name.playback" --tone 997 --json > "$work/pair.json"
    check "$name: in step with near, all the time" compare "$(stat_of "$work/pair.json" p99_abs)" '<' 20000
    check "$name: also after each start" holds "$work/pair.json" \
        'all(.starts[]; .sounded and .first_offset_ns < 50000 and .first_offset_ns > -50000)'
done
finish
