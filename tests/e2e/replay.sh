#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# unisono-replay on real captures: a stream of unisono-send and one of a GStreamer AES67 sender, announced by SAP, side
# by side, captured in a namespace. Its figures against what is known of the streams; then packets taken out of the
# capture, captures cut and damaged, and files that are none.
. "$(dirname "$0")/lib.sh"

replay=$build/unisono-replay
plain=239.195.7.9:5006
host sender
host listener

# replayed NAME FILE [OPTION...]: the report in $work/NAME.json, what was said in NAME.log, the status in $replayed
replayed() {
    local name=$1
    shift
    timeout 120 "$replay" "$@" --json > "$work/$name.json" 2> "$work/$name.log"
    replayed=$?
}

# says NAME 'JQ EXPRESSION': true of the report
says() { holds "$work/$1.json" "$2" > "$work/says.out" || { cat "$work/says.out"; jq -c . "$work/$1.json" | head -c 3000; return 1; }; }

# judged NAME CHECK RESULT
judged() { says "$1" "[.checks[] | select(.name == \"$2\")] | length == 1 and .[0].result == \"$3\""; }

# refused STATUS 'REGEX' ARGUMENT...: one line on stderr, nothing on stdout
refused() {
    local wanted=$1 regex=$2 status
    shift 2
    timeout 60 "$replay" "$@" > "$work/refused.out" 2> "$work/refused.log" < /dev/null
    status=$?
    [ $status = "$wanted" ] && [ "$(wc -l < "$work/refused.log")" = 1 ] && [ ! -s "$work/refused.out" ] &&
        grep -qE -- "$regex" "$work/refused.log" || { echo "status $status"; cat "$work/refused.log"; return 1; }
}

# ---- two senders ------------------------------------------------------------------------------------------------
description="v=0
o=- 1 1 IN IP4 10.77.0.1
s=Foreign desk
t=0 0
m=audio ${plain#*:} RTP/AVP 98
c=IN IP4 ${plain%:*}/32
a=rtpmap:98 L24/48000/2
a=ptime:1
a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0
a=mediaclk:direct=0"
announce() {
    { printf '\x20\x00\x12\x34\x0a\x4d\x00\x01application/sdp\0'; printf '%s\n' "$description" | sed 's/$/\r/'; } \
        > "$work/announcement"
    # one write, one datagram
    ip netns exec "$ns_sender" bash -c 'dd if="$1" bs=4096 count=1 status=none > /dev/udp/239.255.255.255/9875' \
        - "$work/announcement"
}
run dumpcap @listener dumpcap -q -i eth0 -f udp -w "$work/both.pcapng"
await dumpcap 10 '^File: '
run foreign @sender "$build/gst-aes67-send" system "$plain" eth0 500
run sender @sender "$build/unisono-send" --input tone:440 --group "$group" --interface eth0 --clock system --name desk
await foreign 20 'first frame'
announce
sleep 8
stop sender
check 'the sender ends cleanly' [ $status = 0 ]
stop foreign
check 'all of it is captured' captured "$ns_sender" 10.77.0.2 "$work/both.pcapng"
stop dumpcap
both=$work/both.pcapng
# what tshark sees, which is not us
sent=$(tshark -r "$both" -d "udp.port==${group#*:},rtp" -Y "rtp && udp.dstport == ${group#*:}" 2> /dev/null | wc -l)
foreign=$(tshark -r "$both" -d "udp.port==${plain#*:},rtp" -Y "rtp && udp.dstport == ${plain#*:}" 2> /dev/null | wc -l)
check 'both were captured' [ "$sent" -gt 5000 -a "$foreign" -gt 3000 ]

"$replay" "$both" --list > "$work/list"
check 'both are listed, each with what it is' sh -c 'cat "$1"; grep -qE "^$2 .*L24 48000 Hz, 2 ch \(by the stream itself\)" "$1" &&
    grep -qE "^$3 .*L24 48000 Hz, 2 ch \(by a SAP announcement\)  Foreign desk" "$1"' - "$work/list" "$group" "$plain"

# ---- ours -------------------------------------------------------------------------------------------------------
replayed ours "$both" --wav "$work/heard.wav" --csv "$work/rows.csv" --group "$group"
check 'ours: no check fails' [ $replayed = 0 ]
check 'ours: format by itself' says ours '.stream | .unisono and .codec == "L24" and .rate_hz == 48000 and .channels == 2 and .packet_frames == 48'
check 'ours: every packet' says ours ".stream.packets == $sent and .sequence.expected_packets == $sent and .sequence.lost_packets == 0"
check 'ours: no jump, no marker, one latency' says ours '.timestamps.jumps == 0 and .timestamps.off_grid_packets == 0 and
    .timestamps.marker_packets == 0 and .extension.latency_min_ms == 10 and .extension.latency_max_ms == 10'
check 'ours: INIT and TERMINATE' says ours '.extension.init_packets >= 1 and .extension.terminate_packets == 3'
check 'ours: reports, whose NTP and RTP time agree to the sample' says ours \
    '.rtcp.sender_reports >= 2 and .rtcp.bye and .rtcp.rtp_minus_ntp_min_ms == 0 and .rtcp.rtp_minus_ntp_max_ms == 0'
check 'ours: marked as AES67 has it' says ours '.headers.dscp == [34] and .headers.ttl == [32]'
# sender and capture have one clock; a stalled machine leaves doubt, which is said
check 'ours: the rate of one clock against itself' says ours '.clock | .assumed == "stream" and (.sender_ppm | fabs) <= .sender_doubt_ppm + 1'
check 'ours: packets come each millisecond' says ours '.spacing.median_ms > 0.9 and .spacing.median_ms < 1.1'
check 'ours: the receiver began once, and had all of it' says ours \
    ".receiver | .starts == 1 and .xruns == 0 and .malformed_packets == 0 and .foreign_packets == 0 and .datagrams == $sent"
check 'ours: what rx had left is what was found' says ours '(.receiver.lead_min_ms - .lead.min_ms | fabs) < 0.01'
check 'ours: the whole delay in the bars' says ours '([.delay.bars[].packets] | add) == .delay.packets'
check 'ours: a sender without PTP is told' judged ours ptp-domain WARN
check 'ours: it ended with a word' judged ours end PASS
check 'ours: a row for each packet, and its head' [ "$(wc -l < "$work/rows.csv")" = $((sent + 1)) ]
check 'ours: what was heard is as long as what was sent' compare "$(soxi -D "$work/heard.wav")" '>' "$(awk "BEGIN { print $sent / 1000 - 1 }")"
pitch=$(sox "$work/heard.wav" -n remix 1 trim 2 4 stat 2>&1 | awk '/Rough/ { print $3 }')
check 'ours: and it is the tone' compare "$pitch" '>' 430
check 'ours: of no other pitch' compare "$pitch" '<' 450

replayed absolute "$both" --clock capture --play=no --group "$group"
check 'on one machine its clock is PTP: no packet before its first sample' says absolute \
    '.clock.absolute and .sending.before_first_sample == 0 and .transit.min_ms > 0 and .transit.median_ms < 5'
replayed leap "$both" --clock capture --utc-offset 37 --play=no --group "$group"
check '37 s off is seen' judged leap media-clock FAIL
check '37 s off is a failure' [ $replayed = 1 ]
replayed short "$both" --latency 1.5 --play=no --group "$group"
check 'with less latency there is less lead, by as much' holds "$work/short.json" \
    '.lead.min_ms - ($ours - 8.5) | fabs < 0.01' --argjson ours "$(jq .lead.min_ms "$work/ours.json")"

# ---- the other --------------------------------------------------------------------------------------------------
replayed theirs "$both" --group "$plain"
check 'theirs: plain, by its announcement' says theirs '.stream | (.unisono | not) and .format_by == "by a SAP announcement" and .channels == 2'
check 'theirs: every packet' says theirs ".stream.packets == $foreign and .sequence.lost_packets == 0 and .timestamps.jumps == 0"
check 'theirs: whose time, by its announcement' judged theirs ptp-domain PASS
check 'theirs: played' says theirs '.receiver.starts == 1 and .receiver.malformed_packets == 0'
check 'theirs: unmarked, which is told' judged theirs marking WARN
printf '%s\n' "${description/L24/L16}" > "$work/wrong.sdp"
printf '%s\n' "$description" > "$work/right.sdp"
replayed right "$both" --sdp "$work/right.sdp" --play=no
check 'an SDP chooses its stream' says right ".stream.group == \"${plain%:*}\" and .stream.format_by == \"by the SDP file\""
replayed wrong "$both" --sdp "$work/wrong.sdp" --play=no
check 'a wrong SDP is a failure' [ $replayed = 1 ]
check 'a wrong SDP: packets of 72 frames' judged wrong packet-time FAIL
replayed options "$both" --group "$plain" --codec L24 --rate 48000 --channels 2 --ptime 4 --play=no
check 'packets of 1 ms are not of 4' judged options packet-time FAIL
# without the announcement
editcap -F nsecpcap "$both" "$work/all.pcap"
tshark -r "$work/all.pcap" -Y 'udp.dstport != 9875' -F nsecpcap -w "$work/silent.pcap" 2> /dev/null
replayed inferred "$work/silent.pcap" --group "$plain" --play=no
check 'inferred, and said so' says inferred '.stream | .format_inferred and .codec == "L24" and .rate_hz == 48000 and .channels == 2'

# ---- a capture with gaps that are known -------------------------------------------------------------------------
tshark -r "$both" -Y "udp.dstport == ${group#*:}" -F nsecpcap -w "$work/one.pcap" 2> /dev/null
editcap -F nsecpcap "$work/one.pcap" "$work/gaps.pcap" 1000 2000-2004 3000-3029
replayed gaps "$work/gaps.pcap"
check 'the gaps, one by one' says gaps '.sequence | .lost_packets == 36 and .burst_max_packets == 30 and
    ([.bursts[] | select(.bursts > 0) | [.from_packets, .bursts]] == [[1, 1], [5, 1], [17, 1]])'
check 'the gaps are no jump' says gaps '.timestamps.jumps == 0 and .timestamps.skips == 0 and .sequence.restarts == 0'
check 'the gaps were heard by the receiver' says gaps '.receiver.concealed_frames > 0'
check 'the gaps fail' judged gaps loss FAIL
mergecap -F nsecpcap -w "$work/twice.pcap" "$work/one.pcap" "$work/one.pcap"
replayed twice "$work/twice.pcap"
check 'each packet twice: nothing is lost, nothing is heard' says twice \
    ".sequence.duplicate_packets == $sent and .sequence.lost_packets == 0 and .receiver.late_packets == 0"
"$replay" - --json < "$work/gaps.pcap" > "$work/stdin.json" 2> "$work/stdin.log"
check 'standard input, a file' says stdin '.sequence.lost_packets == 36'
cat "$work/gaps.pcap" | "$replay" - --json > "$work/pipe.json" 2> "$work/pipe.log"
check 'standard input, a pipe' says pipe '.sequence.lost_packets == 36'

# ---- damaged ----------------------------------------------------------------------------------------------------
size=$(stat -c %s "$work/one.pcap")
head -c $((size / 2 + 7)) "$work/one.pcap" > "$work/half.pcap"
replayed half "$work/half.pcap" --play=no
check 'cut in mid-packet: judged as far as it goes' says half ".stream.packets > $sent / 3 and .stream.packets < $sent and .capture.damage != null"
check 'cut in mid-packet: and said so' judged half capture WARN
editcap -F nsecpcap -s 60 "$work/one.pcap" "$work/snap.pcap"
replayed snap "$work/snap.pcap" --codec L24 --rate 48000 --channels 2 --play=no
check 'snaplen 60: the headers tell most of it' says snap ".stream.cut_packets >= $sent - 10 and .sequence.lost_packets == 0 and .timestamps.jumps == 0"
check 'snaplen 60: and it is said' judged snap capture WARN
editcap -F nsecpcap -s 40 "$work/one.pcap" "$work/stump.pcap"
check 'snaplen 40: nothing of RTP is left' refused 1 'no RTP stream in [0-9]+ frames' "$work/stump.pcap"
head -c 100000 /dev/urandom > "$work/noise.pcap"
check 'noise is no capture' refused 1 'noise.pcap: is no capture that can be read .*give a pcap or pcapng' "$work/noise.pcap"
{ head -c 24 "$work/one.pcap"; head -c 100000 /dev/urandom; } > "$work/headed.pcap"
check 'a head and noise' refused 1 'no RTP stream in [0-9]+ frames.*damaged' "$work/headed.pcap"
: > "$work/empty.pcap"
check 'an empty file' refused 1 'empty.pcap: is empty' "$work/empty.pcap"
head -c 24 "$work/one.pcap" > "$work/none.pcap"
check 'a capture of nothing' refused 1 'no RTP stream in 0 frames' "$work/none.pcap"
check 'no such file' refused 1 'nowhere: No such file' "$work/nowhere"
check 'a folder' refused 1 'Is a directory' "$work"
check 'another group' refused 1 'no RTP stream to 239.1.2.3:0; see --list' "$both" --group 239.1.2.3
check 'a WAV that cannot be written' refused 1 '--wav /nowhere/x: cannot be written' "$both" --wav /nowhere/x
check 'a CSV that cannot be written' refused 1 '--csv /nowhere/x: cannot be written: No such file' "$both" --csv /nowhere/x
check 'an SDP that is none' refused 1 '--sdp .*noise.pcap: ' "$both" --sdp "$work/noise.pcap"
check 'no file' refused 2 'FILE: missing' --json
check 'an unknown option' refused 2 'unknown option --sing' "$both" --sing
for option in $("$replay" --help | grep -oE '^  --[a-z-]+'); do
    check "the manual knows $option" grep -qF -- "$(sed 's/-/\\-/g' <<< "$option")" "$tree/tools/replay/unisono-replay.1"
done
"$replay" "$both" > "$work/text" 2> "$work/text.log"
check 'as text: a verdict, and nothing on stderr' sh -c 'tail -n 1 "$1" | grep -qE "^(PASS|WARN): [0-9]+ passed" && [ ! -s "$2" ]' - "$work/text" "$work/text.log"
finish
