#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The sender announces its stream by SAP, and Wireshark, which others wrote from the RFCs, reads it on the wire: what is
# said, when it is said again, that a new grandmaster and a new address make a new version at once, and that an end takes
# it back. The ptp4l is one that pretends. (dnssd.sh is about DNS-SD.)
. "$(dirname "$0")/lib.sh"
. "$tree/tests/ptp4l.sh"

host sender
host listener
fake_start sender --sync 16
fake_tell 'noise 20; gm 00-1D-C1-FF-FE-00-00-01' sender
send="$build/unisono-send --input tone --group $group --interface eth0 --latency 80"

run wire @listener dumpcap -q -i eth0 -f 'udp port 9875' -w "$work/sap.pcap"
await wire 15 '^File: '

# said FILTER FIELD...: a line for each announcement on the wire so far that FILTER lets through
said() {
    local filter=$1
    shift
    tshark -r "$work/sap.pcap" -Y "sap and ($filter)" -T fields -E separator=/s -E occurrence=a -E aggregator='|' \
        $(printf -- '-e %s ' "$@") 2> /dev/null
}

# heard COUNT FILTER: until there are so many
heard() {
    local until=$((SECONDS + 15))
    until [ "$(said "$2" frame.number | wc -l)" -ge "$1" ]; do
        [ $SECONDS -lt $until ] || { echo "$(said "$2" frame.number | wc -l) of $2, not $1, after 15 s"; return 1; }
        sleep 0.2
    done
}

same() { [ "$1" = "$2" ] || { printf 'is:     %s\nshould: %s\n' "$1" "$2"; return 1; }; }
gm() { echo "sdp.media_attribute.value contains \"IEEE1588-2008:00-1D-C1-FF-FE-00-00-0$1:0\""; }

# ---- what is said -----------------------------------------------------------------------------------------------
run sender @sender $send --name 'stage 1' --clock "ptp4l:$(ptp4l_socket sender)" --stats "$work/sender.json"
check 'it is announced three times' heard 3 'sap.flags.t == 0'
check 'Wireshark finds nothing malformed, nothing strange' \
    same "$(said '_ws.malformed or _ws.expert or sdp.invalid or sdp.unknown' frame.number)" ''
said 'sap.flags.t == 0' frame.time_relative > "$work/times"
check 'after 1 s and 3 s again, nearly' awk 'NR == 2 && ($1 < 0.95 || $1 > 2.5) || NR == 3 && ($1 < 2.9 || $1 > 5) { bad = 1 }
    END { exit bad }' "$work/times"
one() { said 'frame.number == 1' "$@"; }
check 'SAP of version 1, from the address it names, to 239.255.255.255, with the TTL of the stream' \
    same "$(one sap.flags sap.originating_source ip.src ip.dst ip.ttl sap.payload_type)" \
    '0x20 10.77.0.1 10.77.0.1 239.255.255.255 32 application/sdp'
check 'its hash is not 0' [ "$(($(one sap.message_identifier_hash)))" != 0 ]
check 'the session' same "$(one sdp.owner.username sdp.owner.version sdp.owner.address sdp.session_name sdp.time)" \
    '- 1 10.77.0.1 stage 1 0 0'
check 'where to' same "$(one sdp.connection_info sdp.media)" "IN IP4 ${group%:*}/32 audio ${group#*:} RTP/AVP 98"
check 'the domain' same "$(one sdp.session_attr)" 'clock-domain:PTPv2 0'
check 'the rest' same "$(one sdp.media_attr)" "rtpmap:98 L24/48000/2|ptime:1|framecount:48|recvonly|source-filter: incl IN IP4 \
${group%:*} 10.77.0.1|ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-00-00-01:0|mediaclk:direct=0|\
extmap:1 urn:x-unisono:header|x-unisono-latency:80000000"
check 'the statistics count it' await_stat sender 5 announced '>=' 3
check 'our own receiver lists it' sh -c 'ip netns exec "$1" "$2" --list --list-seconds 8 --interface eth0 2>&1 |
    grep -E "^stage 1 .*$3 .*L24/48000/2 .*1 ms .*PTP 0, 00-1D-C1-FF-FE-00-00-01 .*10.77.0.1"' - "$ns_listener" \
    "$build/unisono-recv" "$group"

# ---- another grandmaster; holdover ------------------------------------------------------------------------------
fake_tell 'sync off' sender
check 'in holdover' await_stat sender 15 clock_state = holdover
check 'nothing else is said in holdover' same "$(said 'sdp.owner.version != "1"' frame.number)" ''
fake_tell 'sync 16; gm 00-1D-C1-FF-FE-00-00-02' sender
check 'another grandmaster is announced' heard 1 "$(gm 2)"
check 'as version 2 of the session' same "$(said "$(gm 2)" sdp.owner.sessionid sdp.owner.version | sort -u)" \
    "$(one sdp.owner.sessionid) 2"
check 'with another hash' [ "$(said "$(gm 2)" sap.message_identifier_hash | sort -u)" != "$(one sap.message_identifier_hash)" ]
check 'the old one is not taken back' same "$(said 'sap.flags.t == 1' frame.number)" ''

# ---- another address --------------------------------------------------------------------------------------------
ip -n "$ns_sender" addr flush dev eth0
ip -n "$ns_sender" addr add 10.77.0.101/24 dev eth0
ip -n "$ns_sender" route replace 224.0.0.0/4 dev eth0
check 'the other address is announced' heard 1 'sap.originating_source == 10.77.0.101'
check 'as version 3 of the same session' same \
    "$(said 'sap.originating_source == 10.77.0.101' ip.src sdp.owner.sessionid sdp.owner.version sdp.owner.address | sort -u)" \
    "10.77.0.101 $(one sdp.owner.sessionid) 3 10.77.0.1"
check 'and packets come from there' heard 1 \
    "sdp.media_attr contains \"incl IN IP4 ${group%:*} 10.77.0.101\""

# ---- the end ----------------------------------------------------------------------------------------------------
hash=$(said 'sap.originating_source == 10.77.0.101' sap.message_identifier_hash | sort -u)
stop sender
check 'the sender ends cleanly' [ $status = 0 ]
check 'three deletions' heard 3 'sap.flags.t == 1'
check 'of the newest' same "$(said 'sap.flags.t == 1' sap.originating_source sap.message_identifier_hash | sort -u)" \
    "10.77.0.101 $hash"
said 'sap' frame.number > "$work/before"

# ---- without PTP, and quiet -------------------------------------------------------------------------------------
run quiet @sender $send --clock system --advertise=no --stats "$work/quiet.json"
run plain @sender $send --clock system --profile aes67 --codec L16 --rate 44100 --channels 1 --ptime 0.333 --ttl 4
mac=$(ip netns exec "$ns_sender" cat /sys/class/net/eth0/address | tr 'a-f:' 'A-F-')
check 'without PTP it is announced after 5 s' heard 1 'sdp.media_attr contains "L16"'
check 'with its own address as clock, without the extension, as it is' same \
    "$(said 'sdp.media_attr contains "L16"' ip.ttl sdp.media_attr | sort -u)" \
    "4 rtpmap:96 L16/44100/1|ptime:0.36|framecount:16|recvonly|source-filter: incl IN IP4 ${group%:*} 10.77.0.101|\
ts-refclk:localmac=$mac|mediaclk:direct=0|x-unisono-latency:80000000"
await_stat quiet 10 sent_packets '>' 6000
stop plain
check 'who is to be quiet is' same "$(said "frame.number > $(wc -l < "$work/before") and !(sdp.media_attr contains \"L16\") and
    sap.flags.t == 0" frame.number)" ''
check 'and counts nothing' [ "$(stat_of "$work/quiet.json" announced)" = 0 ]
stop quiet

# ---- printed ----------------------------------------------------------------------------------------------------
# print OPTION...: in $work/printed
print() {
    ip netns exec "$ns_sender" "$build/unisono-send" --print-sdp --group "$group" --interface eth0 "$@" < /dev/null \
        2> "$work/print.log" | tr -d '\r' > "$work/printed"
}
print --input tone --clock "ptp4l:$(ptp4l_socket sender)"
check 'printed with the grandmaster' grep -qx 'a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-00-00-02:0' "$work/printed"
check 'without a word about it' sh -c '! grep "no PTP" "$1"' - "$work/print.log"
print --input stdin --format S16_LE --clock system
check 'without PTP, too' grep -qx "a=ts-refclk:localmac=$mac" "$work/printed"
check 'which is said' grep -q 'no PTP within 2000 ms' "$work/print.log"
stop wire
finish
