#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A hostile neighbour on the group while two receivers play: 100,000 datagrams of every kind of garbage. Each is counted
# for what it is, none is logged by itself, none is heard, none stops anything. One receiver is as it is installed, the
# other built with sanitizers.
# alone: floods
. "$(dirname "$0")/lib.sh"

count=100000
san=${UNISONO_SAN_BUILD:-$build/san-address-undefined}
make -s -C "$tree" SAN=address,undefined BUILD="$san" "$san/unisono-recv" > "$work/make.log" 2>&1 ||
    { cat "$work/make.log"; exit 1; }
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

card plain 'ppm 40.0'
card checked 'ppm -30.0'
for name in sender plain checked attacker; do host $name; done
receivers='plain checked'
net="--group $group --interface eth0"

# 997 Hz and packets of 1 ms do not fit into each other, so a wrong, lost or repeated packet cannot hide. The latency
# is generous: a machine that stands still for some 50 ms is not what is tested here.
run witness "$build/stall-witness" --file "$work/stalls"
run plain @plain "$build/unisono-recv" --device plain $net --clock system --stats "$work/plain.json"
run checked @checked "$san/unisono-recv" --device checked $net --clock system --stats "$work/checked.json"
for name in $receivers; do await $name 20 'clock system: locked'; done
run sender @sender "$build/unisono-send" --input tone:997 $net --clock system --latency 80
for name in $receivers; do await_stat $name 10 state = playing; done

counters='malformed_packets foreign_packets absurd_packets late_packets early_packets truncated_packets'
sum() { # FILE MEMBER...
    local file=$1 total=0 member
    shift
    for member; do total=$((total + $(stat_of "$file" "$member"))); done
    echo $total
}
memory_kb() { awk '/^VmSize/ { print $2 }' "/proc/${pid[plain]}/status"; }

# attack KIND 'COUNTER...' [RATE]: those counters, together, must rise by what was sent, and no other
attack() {
    local name kind=$1 wanted=$2 rate=${3:-40000} from
    for name in $receivers; do tail -n 1 "$work/$name.json" > "$work/$name.before"; done
    from=$(stat_of "$work/plain.before" time_s)
    ip netns exec "$ns_attacker" "$build/garbage" --kind "$kind" --count $count --rate "$rate" $net \
        > "$work/garbage.out" 2>&1
    check "$kind: sent" grep -qx "sent $count" "$work/garbage.out"
    for name in $receivers; do
        local goal=$(($(sum "$work/$name.before" $counters) + count)) until=$((SECONDS + 4))
        until [ "$(sum "$work/$name.json" $counters)" -ge $goal ] || [ $SECONDS -ge $until ]; do sleep 0.05; done
        check "$kind: $name counted each, as $wanted" \
            [ $(($(sum "$work/$name.json" $wanted) - $(sum "$work/$name.before" $wanted))) = $count ]
        check "$kind: $name counted none otherwise" \
            [ $(($(sum "$work/$name.json" $counters) - $(sum "$work/$name.before" $counters))) = $count ]
    done
    echo "$kind $from $(stat_of "$work/plain.json" time_s)" >> "$work/attacks"
}

sleep 1 # an untroubled beginning
memory=$(memory_kb)
attack truncated malformed_packets
attack random 'malformed_packets foreign_packets absurd_packets'
attack version foreign_packets
attack extension malformed_packets
attack payload malformed_packets
attack oversize truncated_packets 20000 # each is two fragments
attack codec foreign_packets
attack stranger foreign_packets
attack control foreign_packets
attack absurd absurd_packets
attack old late_packets
attack future absurd_packets
check 'the receiver has not grown' compare "$(memory_kb)" '<' $((memory + 256))

for name in $receivers; do
    check "$name: still plays" [ "$(stat_of "$work/$name.json" state)" = playing ]
    # the machine may stop for so long that a card runs dry; below, the witness has to confirm it
    xruns=$(stat_of "$work/$name.json" xruns) starts=$(stat_of "$work/$name.json" starts)
    check "$name: without a new start: $starts, for $xruns xruns" [ "$starts" = $((1 + xruns)) ]
    check "$name: no packet of the stream is missing" [ "$(stat_of "$work/$name.json" lost_packets)" = 0 ]
    check "$name: nothing overflowed" [ "$(stat_of "$work/$name.json" overflowed_packets)" = 0 ]
    check "$name: nothing was concealed" [ "$(stat_of "$work/$name.json" concealed_frames)" = 0 ]
done

sleep 1 # an untroubled end
stop sender
for name in $receivers; do
    await_stat $name 10 state = idle
    stop $name
    check "$name: ends cleanly" [ $status = 0 ]
    check "$name: few lines in the log" compare "$(wc -l < "$work/$name.log")" '<' 80
done
check 'the sanitizers found nothing' sh -c '! grep -E "runtime error|Sanitizer" "$1"' - "$work/checked.log"

# what was heard: the tone's largest sample is 0.2512, its largest step 0.0327; the garbage is of full scale.
# The statistics have the recordings' clock.
for name in $receivers; do
    recording=$work/$name.playback
    while read -r kind from until; do
        "$build/clicks" --recording "$recording" --from "$from" --until "$until" > "$work/clicks.json"
        check "$kind: $name played nothing but the tone" \
            holds "$work/clicks.json" '.peak > 0.25 and .peak < 0.26 and .step < 0.034'
    done < "$work/attacks"
    "$build/unisono-truth" damage "$recording" --tone 997 --json --witness "$work/stalls" --slack-ms 60 \
        > "$work/damage.json"
    check "$name: the tone was whole all the time" \
        holds "$work/damage.json" '.events_unexplained == 0 and .clean > 2000'
    check "$name: and so was its end" holds "$work/damage.json" '.segments[-1].tail_ms < 3000'
done
finish
