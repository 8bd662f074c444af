#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The network interface goes and comes: deleted and made again, with another index; with another address. Both programs
# take it up by themselves within two seconds, without a restart; the sound comes back, and who was not concerned hears
# nothing of it.
# alone: what leaves the cards is judged by the microsecond
. "$(dirname "$0")/lib.sh"

card near 'ppm 30.0'
card far 'ppm -50.0'
for name in sender near far; do host $name; done
receivers='near far'

# unplug HOST: its interface is gone, on both sides; plug HOST [ADDRESS]: there is another one of the same name
unplug() { local space=ns_$1; ip -n "${!space}" link delete eth0; }
plug() {
    local space=ns_$1
    local number=${!space##*-}
    ip -n "$tag-net" link add "p$number" type veth peer name eth0 netns "${!space}"
    ip -n "$tag-net" link set "p$number" master br0 up
    ip -n "${!space}" addr add "${2:-10.77.0.$number}/24" dev eth0
    ip -n "${!space}" link set eth0 up
    ip -n "${!space}" route add 224.0.0.0/4 dev eth0
}
readdress() { # HOST ADDRESS
    local space=ns_$1
    ip -n "${!space}" addr flush dev eth0
    ip -n "${!space}" addr add "$2/24" dev eth0
    ip -n "${!space}" route replace 224.0.0.0/4 dev eth0
}
index_of() { local space=ns_$1; ip -n "${!space}" -o link show eth0 | cut -d: -f1; }
# within SECONDS COMMAND...: how long it took is said, too
within() {
    local limit=$1 began=${EPOCHREALTIME/./} took
    shift
    "$@" || return 1
    took=$((${EPOCHREALTIME/./} - began))
    echo "took $((took / 1000)) ms"
    [ $took -lt $((limit * 1000000)) ]
}

for name in $receivers; do
    run $name @$name "$build/unisono-recv" --device $name --group $group --interface eth0 --clock system \
        --stats "$work/$name.json"
done
run sender @sender "$build/unisono-send" --input tone:997 --group $group --interface eth0 --clock system --latency 80 \
    --stats "$work/sender.json"
for name in $receivers; do await_stat $name 15 state = playing; done
check 'the sender counts its receivers' await_stat sender 10 receivers = 2
for name in sender $receivers; do
    check "$name: nothing had to be opened anew" [ "$(stat_of "$work/$name.json" reconnects)" = 0 ]
done

# ---- a receiver's interface -------------------------------------------------------------------------------------
before=$(index_of near)
unplug near
await_stat near 5 state = idle
check 'near: says that its interface is gone' await near 5 'network interface eth0 was removed'
plug near
check 'its interface has another index' [ "$(index_of near)" != "$before" ]
# the statistics come once a second
check 'near: plays again within 3 s' within 3 await_stat near 10 state = playing
check 'near: says so' await near 1 'network interface eth0 is back, address 10.77.0.2'
check 'near: counts it' await_stat near 3 reconnects = 1
reports=$(stat_of "$work/near.json" rtcp_heard)
check 'near: hears the sender again' await_stat near 5 rtcp_heard '>' "$reports"
reports=$(stat_of "$work/near.json" rtcp_sent)
check 'near: is heard again' await_stat near 15 rtcp_sent '>' "$reports"

# ---- a receiver's address: its sound goes on, for the kernel hears by index ----------------------------------------
starts=$(stat_of "$work/near.json" starts)
xruns=$(stat_of "$work/near.json" xruns)
readdress near 10.77.0.102
check 'near: takes its other address' await near 3 'is back, address 10.77.0.102'
check 'near: counts it' await_stat near 3 reconnects = 2
sleep 1
check 'near: plays' [ "$(stat_of "$work/near.json" state)" = playing ]
[ "$(stat_of "$work/near.json" xruns)" != "$xruns" ] ||
    check 'near: played all the time' [ "$(stat_of "$work/near.json" starts)" = "$starts" ]
reports=$(stat_of "$work/near.json" rtcp_sent)
check 'near: is heard again' await_stat near 15 rtcp_sent '>' "$reports"

# ---- the sender's interface -------------------------------------------------------------------------------------
before=$(index_of sender)
unplug sender
for name in $receivers; do await_stat $name 5 state = idle; done
check 'the sender says that its interface is gone' await sender 5 'network interface eth0 was removed'
plug sender
heard=$(stat_of "$work/sender.json" rtcp_heard)
check 'its interface has another index' [ "$(index_of sender)" != "$before" ]
check 'all play again within 3 s' within 3 await_stat near 10 state = playing
await_stat far 10 state = playing
check 'the sender says so' await sender 1 'network interface eth0 is back, address 10.77.0.1'
check 'the sender counts it' await_stat sender 3 reconnects = 1
check 'the sender hears its receivers again' await_stat sender 15 rtcp_heard '>' "$heard"

# ---- the sender's address -----------------------------------------------------------------------------------------
readdress sender 10.77.0.101
check 'the sender takes its other address' await sender 3 'is back, address 10.77.0.101'
sleep 1
for name in $receivers; do await_stat $name 10 state = playing; done
unsent=$(stat_of "$work/sender.json" unsent_packets)
await_stat sender 5 sent_packets '>' $(($(stat_of "$work/sender.json" sent_packets) + 500))
check 'all is sent again' [ "$(stat_of "$work/sender.json" unsent_packets)" = "$unsent" ]
check 'near: follows the sender to its other address' \
    await_stat near 5 rtcp_heard '>' $(($(stat_of "$work/near.json" rtcp_heard) + 1))
check 'the sender counts two receivers still' [ "$(stat_of "$work/sender.json" receivers)" = 2 ]
check 'far: had nothing to do' [ "$(stat_of "$work/far.json" reconnects)" = 0 ]

# ---- the end ------------------------------------------------------------------------------------------------------
stop near
check 'near: ends cleanly' [ $status = 0 ]
check 'the sender hears its BYE' await_stat sender 5 receivers = 1
stop sender
check 'the sender ends cleanly' [ $status = 0 ]
stop far
check 'far: ends cleanly' [ $status = 0 ]
for name in sender $receivers; do
    check "$name: few lines in the log" compare "$(wc -l < "$work/$name.log")" '<' 45
done
for name in $receivers; do
    "$build/clicks" --recording "$work/$name.playback" > "$work/$name.clicks"
    check "$name: no click" holds "$work/$name.clicks" '.peak < 0.26 and .step < 0.0345 and .kink < 0.0055'
done
"$build/unisono-truth" pair "$work/near.playback" "$work/far.playback" --tone 997 --json > "$work/pair.json"
check 'in step at each start' holds "$work/pair.json" \
    'all(.starts[]; .sounded and .first_offset_ns < 50000 and .first_offset_ns > -50000)'
finish
