#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Receivers speak: the sender counts those of one host and of others, hears what they lose, and who leaves, politely or not.
# Nobody speaks who never heard a stream. Wireshark reads what is on the wire.
. "$(dirname "$0")/lib.sh"

address=${group%:*} port=${group#*:}
torn=$address:$((port + 2))
for name in one two three four mute worse; do card $name 'ppm 20.0'; done
for name in sender near far ear; do host $name; done

listen() { # NAME HOST GROUP
    run $1 @$2 "$build/unisono-recv" --device $1 --group $3 --interface eth0 --clock system --stats "$work/$1.json"
}
run wire @ear dumpcap -q -i eth0 -f "udp port $((port + 1)) or udp port $((port + 3)) or udp port $((port + 5))" -w "$work/rtcp.pcap"
await wire 15 '^File: '
run sender @sender "$build/unisono-send" --input tone:997 --group $group --interface eth0 --clock system --latency 80 \
    --stats "$work/sender.json"
await sender 10 'info: sending$'
run coder @sender "$build/unisono-send" --input tone:440 --group $address:$((port + 4)) --interface eth0 --clock system --latency 80 \
    --codec Opus --ptime 20 --fec
await coder 10 'info: sending$'
for name in one two three; do listen $name near $group; done
# it names three a second in its log
await_stat sender 15 receivers = 3
listen four far $group
# behind a relay that loses a fifth, in a group of its own
run loss @ear "$build/relay" --from $group --to $torn --interface eth0 --after 1 --until 1000000 --loss 20
listen worse far $torn
# in a group where nobody sends
listen mute far "$address:$((port + 8))"
# two hosts, three cards on one of them
check 'the sender counts four receivers' await_stat sender 15 receivers = 4
for name in one two three four; do
    check "$name counts all of them, the sender and itself" await_stat $name 15 rtcp_members = 5
done
for name in one two three; do
    check "the sender knows $name by its card" grep -q "receiver $name@.* joined" "$work/sender.log"
done
await_stat worse 20 rtcp_sent '>=' 2
check 'nothing is lost on the way to them' [ "$(stat_of "$work/sender.json" receiver_loss_worst_percent)" = 0 ]

# ---- they leave -----------------------------------------------------------------------------------------------
stop one TERM
check 'one ends cleanly' [ $status = 0 ]
check 'the sender hears it at once' await_stat sender 3 receivers = 3
check 'and says so' grep -q 'receiver one@.* left' "$work/sender.log"
kill -KILL "${pid[two]}" # no BYE
stop three
check 'the sender is told of three, not of two' await_stat sender 3 receivers = 2
check 'two is missed after five intervals' await_stat sender 45 receivers = 1
check 'and the sender says so' grep -q 'of the receivers 1 fell silent: 1 now' "$work/sender.log"
check 'mute never spoke' [ "$(stat_of "$work/mute.json" rtcp_sent)" = 0 ]
stop sender
stop coder
stop four
stop loss TERM
stop worse
stop mute
check 'mute ends cleanly' [ $status = 0 ]
stop wire

# ---- on the wire ------------------------------------------------------------------------------------------------
said() {
    tshark -r "$work/rtcp.pcap" -d "udp.port==$((port + 1)),rtcp" -d "udp.port==$((port + 3)),rtcp" \
        -d "udp.port==$((port + 5)),rtcp" "$@" 2> /dev/null
}
check 'Wireshark finds nothing malformed, nothing strange' \
    [ "$(said -Y '_ws.malformed or _ws.expert' | wc -l)" = 0 ]
check 'all lengths are those of the datagrams' [ "$(said -Y 'rtcp and not rtcp.length_check == 1' | wc -l)" = 0 ]
check 'reports of receivers have a block and a name' [ "$(said -Y 'rtcp.pt == 201 and rtcp.rc == 1 and rtcp.sdes.text' | wc -l)" -ge 8 ]
check 'their delay since the last report of the sender is below 1.5 s' [ "$(said -Y 'rtcp.pt == 201 and
    rtcp.ssrc.lsr > 0 and rtcp.ssrc.dlsr > 98304' | wc -l)" = 0 ]
check 'from one address come three SSRCs of receivers' [ "$(said -Y 'rtcp.pt == 201 and ip.src == 10.77.0.2' \
    -T fields -e rtcp.senderssrc | sort -u | wc -l)" = 3 ]
# each of them each 0.41 to 1.24 s: no more than 2.5 a second
check 'who lost a fifth says so' [ "$(said -Y "udp.dstport == $((port + 3)) and rtcp.ssrc.fraction > 38 and
    rtcp.ssrc.fraction < 64" | wc -l)" -ge 2 ]
# byte 6 and 7 of the offer: 312 frames of Opus and one of ours are 6.6 ms, rounded up to 0.1
offered() { # PORT: the hold, in all offers
    said -Y "udp.dstport == $1 and rtcp.app.subtype == 2" -T fields -e rtcp.app.data | tr , '\n' |
        grep -E '^.{32}$' | cut -c 13-16 | sort -u
}
check 'nothing is kept back of PCM' [ "$(offered $((port + 1)))" = 0000 ]
check 'of Opus with FEC, what it looks ahead' [ "$(offered $((port + 5)))" = 0042 ]
check 'they are quiet' [ "$(said -Y "rtcp.pt == 201 and ip.src == 10.77.0.3 and udp.dstport == $((port + 1))" | wc -l)" \
    -lt $((SECONDS * 3 / 2 + 5)) ]
finish
