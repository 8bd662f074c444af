#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Who talks only now and then: a page by signal, by Enter on a terminal, by the level of the voice, from a file. What is on the wire is
# compared with what was said, sample by sample; what leaves the receiver's card has no click, also when the talker drops dead.
. "$(dirname "$0")/lib.sh"

card speaker 'ppm 50.0'
for name in sender speaker listener; do host $name; done
net="--group $group --interface eth0 --clock system"
send="$build/unisono-send $net"

run dumpcap @listener dumpcap -q -i eth0 -f "udp port ${group#*:} or udp port 9" -w "$work/wire.pcapng"
await dumpcap 10 '^File: '
run speaker @speaker "$build/unisono-recv" --device speaker $net --stats "$work/speaker.json"
await speaker 10 'clock system: locked'

# ---- by signal --------------------------------------------------------------------------------------------------
run sender @sender $send --input tone:997 --priority page --talk --pre-roll 50 --latency 80 --stats "$work/sender.json"
await sender 10 'standby: nothing is sent until somebody talks'
check 'the latency has the pre-roll in it' await sender 5 'latency 130.000 ms'
check 'a receiver hears of the talker before it hears it' await_stat sender 15 receivers = 1
check 'the statistics say standby' [ "$(stat_of "$work/sender.json" state)" = standby ]
check 'and nothing was sent' [ "$(stat_of "$work/sender.json" sent_packets)" = 0 ]
for page in 1 2; do
    kill -USR1 "${pid[sender]}"
    check "page $page begins" await sender 5 "talking: page $page\$"
    sleep 0.7 # so long does somebody talk
    kill -USR2 "${pid[sender]}"
    check "page $page ends" await sender 5 "standby: page $page is over"
done
await_stat speaker 5 state = idle
kill -USR1 "${pid[sender]}"
await sender 5 'talking: page 3$'
sleep 0.5 # in the middle of a word
stop sender KILL
fresh speaker
check 'a talker that drops dead leaves silence' await_stat speaker 5 state = idle
"$build/clicks" --recording "$work/speaker.playback" > "$work/clicks.json"
xruns=$(stat_of "$work/speaker.json" xruns) # of a machine that stood still
check 'three pages were heard' holds "$work/clicks.json" ".sounds | length | . >= 3 and . <= 3 + $xruns"
check 'each as long as somebody talked' \
    holds "$work/clicks.json" "(.sounds | length) > 3 or ([.sounds[:2][] | .until_s - .from_s] | min > 0.68)" # else an xrun is between
check 'without a click' holds "$work/clicks.json" '., (.peak < 0.26 and .step < 0.0345 and .kink < 0.0055)'

# ---- by Enter ---------------------------------------------------------------------------------------------------
mkfifo "$work/keys"
exec 7<> "$work/keys"
input=$work/keys run desk @sender script -qefc "$send --input tone:440 --talk --latency 80" /dev/null
await desk 10 'Enter to begin and to end'
await desk 10 'standby: nothing is sent until somebody talks'
talker=$(grep -oE 'SIGUSR1 to process [0-9]+' "$work/desk.out" | grep -oE '[0-9]+$')
echo >&7
check 'Enter begins a page' await desk 5 'talking: page 1'
echo >&7
check 'Enter ends it' await desk 5 'standby: page 1 is over'
kill -INT "$talker"
wait "${pid[desk]}"
status=$?
unset 'pid[desk]'
check 'the end is clean' [ $status = 0 ]
exec 7>&-

# ---- by level: words that swell, with pauses of silence -----------------------------------------------------------
noise() { sox -D -R -n -b 24 -r 48000 -c 1 "$@"; }
for word in 1 2 3; do
    noise "$work/word$word.wav" synth 0.$((word + 1))5 pinknoise fade t 0.08 0 0.08 gain -n -6 trim 0.0$word
    noise "$work/pause$word.wav" synth 0.$((word * 2 + 3)) sine 1 vol 0
done
noise "$work/rest.wav" synth 0.8 sine 1 vol 0
sox "$work"/pause1.wav "$work"/word1.wav "$work"/pause2.wav "$work"/word2.wav "$work"/pause3.wav "$work"/word3.wav "$work/rest.wav" \
    "$work/speech.wav"
run vox @sender $send --input "file:$work/speech.wav" --vox -30 --vox-hang 120 --pre-roll 100 --stats "$work/vox.json"
check 'the end of the file ends the sender' await vox 15 'the input has ended'
wait "${pid[vox]}"
status=$?
unset 'pid[vox]'
check 'with status 0' [ $status = 0 ]
check 'three words are three pages' grep -q 'standby: page 3 is over' "$work/vox.log"

# ---- a file, once -----------------------------------------------------------------------------------------------
noise "$work/gong.wav" synth 0.61 pluck A3 fade h 0 0.61 0.05 gain -n -3
timeout 20 ip netns exec "$ns_sender" $send --announce "$work/gong.wav" 2> "$work/gong.log"
status=$?
check 'an announcement ends by itself' [ $status = 0 ]

# ---- what was on the wire -----------------------------------------------------------------------------------------
await_stat speaker 5 state = idle
check 'all of it is captured' captured "$ns_sender" 10.77.0.3 "$work/wire.pcapng"
stop dumpcap
# one line for each packet: SSRC, type, priority, timestamp, payload; all in hexadecimal but type and priority
tshark -r "$work/wire.pcapng" -Y "udp.dstport == ${group#*:}" -T fields -e udp.payload 2> "$work/tshark.log" |
    awk 'function digit(at) { return index("0123456789abcdef", substr($1, at, 1)) - 1 }
        function byte(at) { return digit(at * 2 + 1) * 16 + digit(at * 2 + 2) }
        { print substr($1, 17, 8), byte(25) % 64, int(byte(27) / 64), substr($1, 9, 8), substr($1, 57) }' > "$work/packets"
mapfile -t ssrcs < <(awk '!seen[$1]++ { print $1 }' "$work/packets")
check 'four senders, each under one SSRC' [ ${#ssrcs[@]} = 4 ]
[ ${#ssrcs[@]} = 4 ] || finish
# said SSRC: the types in order, repetitions as one
said() { awk -v ssrc=$1 '$1 == ssrc && $2 != last { printf "%s", last = $2 }' "$work/packets"; }
payload() { awk -v ssrc=$1 '$1 == ssrc { printf "%s", $5 }' "$work/packets"; }
samples() { sox -D "$1" -t raw -e signed -b 24 -B - | od -An -v -tx1 | tr -d ' \n'; }
holds() { case $1 in *"$2"*) [ ${#2} -gt 10000 ] ;; *) echo "${#2} digits are not within ${#1}"; return 1 ;; esac; }

check 'by signal: INIT, sound, TERMINATE; INIT and sound of the one that died' [ "$(said ${ssrcs[0]})" = 10210210 ]
check 'all of it a page' [ "$(awk -v ssrc=${ssrcs[0]} '$1 == ssrc && $3 != 1' "$work/packets" | wc -l)" = 0 ]
check 'what is not said to be a page is a programme' [ "$(awk -v ssrc=${ssrcs[1]} '$1 == ssrc && $3' "$work/packets" | wc -l)" = 0 ]
check 'by level: three times INIT, sound, TERMINATE' [ "$(said ${ssrcs[2]})" = 102102102 ]
check 'TERMINATE three times each' [ "$(awk -v ssrc=${ssrcs[2]} '$1 == ssrc && $2 == 2' "$work/packets" | wc -l)" = 9 ]
wire=$(payload ${ssrcs[2]})
for word in 1 2 3; do
    check "word $word is there, to the bit, from its first sample to its last" holds "$wire" "$(samples "$work/word$word.wav")"
done
check 'and the silence between is not' compare "${#wire}" '<' $((6 * 48000 * 2))
check 'the announcement: INIT, sound, TERMINATE' [ "$(said ${ssrcs[3]})" = 102 ]
check 'to the bit' holds "$(payload ${ssrcs[3]})" "$(samples "$work/gong.wav")"
check 'as a page' [ "$(awk -v ssrc=${ssrcs[3]} '$1 == ssrc && $3 != 1' "$work/packets" | wc -l)" = 0 ]
stop speaker
check 'the receiver ends cleanly' [ $status = 0 ]
finish
