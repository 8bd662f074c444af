#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Wireshark's dissectors, which others wrote from the RFCs, read what unisono-send puts on the wire, and find what
# PROTOCOL.md says: RTP, the header extension (RFC 8285), INIT, as many AUDIO packets as the file has, three TERMINATE;
# RTCP on the port above (SR, SDES, APP, BYE); the marks in the IP header. The same for the AES67 profile, without the extension.
#
# ../wire_tshark.sh judges each packet by itself, the worked packets of PROTOCOL.md included; this test adds what takes a
# whole stream: what comes first and last, counts, time of sending, RTCP.
. "$(dirname "$0")/../e2e/lib.sh"

samples=$build/interop-samples
port=${group#*:}
host sender
host listener

# capture NAME OPTION...: all that a sender with these options sends, while the listener listens, in $work/NAME.pcapng
capture() {
    local name=$1
    shift
    run dumpcap @listener dumpcap -q -i eth0 -f udp -w "$work/$name.pcapng"
    await dumpcap 10 '^File: '
    run sender @sender "$build/unisono-send" --group "$group" --interface eth0 --clock system "$@"
    await sender 20 'the input has ended'
    wait "${pid[sender]}"
    check "$name: the sender ends with its file" [ $? = 0 ]
    unset 'pid[sender]'
    check "$name: the last packet of RTCP has come" has_bye "$work/$name.pcapng"
    stop dumpcap
}

# has_bye CAPTURE: until there is one in it
has_bye() {
    local until=$((SECONDS + 10))
    until [ -n "$(tshark -r "$1" -d "udp.port==$((port + 1)),rtcp" -Y 'rtcp.pt == 203' 2> /dev/null)" ]; do
        [ $SECONDS -lt $until ] || { echo "no BYE in 10 s"; return 1; }
        sleep 0.2
    done
}

# dissect CAPTURE FILTER FIELD...: a line for each packet
dissect() {
    local file=$1 filter=$2
    shift 2
    tshark -r "$file" -d "udp.port==$port,rtp" -d "udp.port==$((port + 1)),rtcp" -Y "$filter" -T fields -E separator=/s \
        $(printf -- '-e %s ' "$@") 2> /dev/null
}

same() { [ "$1" = "$2" ] || { printf 'is:     %s\nshould: %s\n' "$1" "$2"; return 1; }; }

# column FILE N: the different values in it, in order
column() { awk -v n="$2" '{ print $n }' "$1" | sort -u | paste -sd ' '; }

# steps FILE N MODULUS: the different steps from each line to the next
steps() { awk -v n="$2" -v m="$3" 'NR > 1 { print ($n - last + m) % m } { last = $n }' "$1" | sort -u | paste -sd ' '; }

# instant M RATE: ns of PTP time, rounded up (PROTOCOL.md, section 1)
instant() { echo $(($1 / $2 * 1000000000 + ($1 % $2 * 1000000000 + $2 - 1) / $2)); }

# timed 'TIMESTAMP DATA' RATE FRAMES LATENCY_NS: the timestamp and the presentation time of a packet agree to the bit
timed() {
    local timestamp=${1% *} data=${1#* } near media presentation
    presentation=$((16#${data:0:16}))
    near=$(((presentation - $4) / 1000000000 * $2 + (presentation - $4) % 1000000000 * $2 / 1000000000))
    media=$((near / $3 * $3))
    same "$timestamp" $((media & 0xffffffff)) && same "$presentation" $(($(instant "$media" "$2") + $4))
}

# reports CAPTURE RATE: NTP time and RTP timestamp of each SR are the same instant; and how many there were
reports() {
    local msw lsw timestamp t count=0
    while read -r msw lsw timestamp; do
        # ns, from a fraction that was rounded down
        t=$(((msw - 2208988800) * 1000000000 + (lsw * 1000000000 + 4294967295) / 4294967296))
        t=$(((t / 1000000000 * $2 + t % 1000000000 * $2 / 1000000000) & 0xffffffff))
        same "$timestamp" "$t" || return 1
        count=$((count + 1))
    done < <(dissect "$1" 'rtcp.pt == 200' rtcp.timestamp.ntp.msw rtcp.timestamp.ntp.lsw rtcp.timestamp.rtp)
    [ $count -gt 0 ] || { echo "no SR"; return 1; }
}

# stream NAME RATE FRAMES AUDIO BYTES: what is the same in both profiles; $work/NAME.audio is left for more
stream() {
    local name=$1 file=$work/$1.pcapng rate=$2 frames=$3 audio=$4 bytes=$5 packets ssrc last
    dissect "$file" "rtp && udp.dstport == $port" rtp.ssrc rtp.seq rtp.timestamp rtp.p_type udp.length ip.ttl \
        ip.dsfield.dscp ip.dst rtp.marker > "$work/$name.rtp"
    awk '$4 != 126' "$work/$name.rtp" > "$work/$name.audio"
    packets=$(wc -l < "$work/$name.rtp") ssrc=$(column "$work/$name.rtp" 1)

    check "$name: nothing is malformed, no datagram without a checksum" same \
        "$(dissect "$file" '!_ws.malformed && !(_ws.expert.severity == "Error") && udp.checksum != 0' frame.number | wc -l)" \
        "$(dissect "$file" udp frame.number | wc -l)"
    check "$name: the packets of the file and no more" same "$(wc -l < "$work/$name.audio")" "$audio"
    check "$name: each of the right length" same "$(column "$work/$name.audio" 5)" "$bytes"
    check "$name: one SSRC" [ "${ssrc% *}" = "$ssrc" ]
    check "$name: sequence numbers in steps of 1" same "$(steps "$work/$name.rtp" 2 65536)" 1
    check "$name: timestamps in steps of the packet's frames" same "$(steps "$work/$name.audio" 3 4294967296)" "$frames"
    check "$name: TTL 32, AF41, to the group" same "$(awk '{ print $6, $7, $8, $9 }' "$work/$name.rtp" | sort -u)" \
        "32 34 ${group%:*} 0"
    check "$name: found as RTP without being told, too" same \
        "$(tshark -r "$file" --enable-heuristic rtp_udp -Y "rtp && udp.dstport == $port" 2> /dev/null | wc -l)" "$packets"

    dissect "$file" rtcp rtcp.pt rtcp.senderssrc rtcp.sdes.type ip.ttl ip.dsfield.dscp udp.dstport > "$work/$name.rtcp"
    check "$name: RTCP is SR, SDES with CNAME, NAME and TOOL, two APP, then with BYE, and marked likewise" same \
        "$(uniq "$work/$name.rtcp")" "200,202,204,204 $ssrc 1,2,6,0 32 34 $((port + 1))
200,202,204,204,203 $ssrc 1,2,6,0 32 34 $((port + 1))"
    check "$name: APP says that the time is not known to be PTP's, and what is offered" same \
        "$(dissect "$file" rtcp rtcp.app.name rtcp.app.subtype rtcp.app.data | sort -u)" \
        "UNIS,UNIS 0,2 000000000000000000000000,$offer"
    check "$name: SR: NTP time is the PTP time of the RTP timestamp" reports "$file" "$rate"
    last=$(dissect "$file" 'rtcp.pt == 203' rtcp.sender.packetcount rtcp.sender.octetcount | tail -n 1)
    check "$name: the last SR has counted all" same "$last" "$packets $((audio * (bytes - 8 - head)))"
}

# How long after the first AUDIO the first SR came, and how long each of the others after the one before: reported
reported() {
    awk 'NF == 1 && !first { first = $1 }
        $1 == "200,202,204,204" {
            gap = $2 - (n++ ? last : first)
            last = $2
            if (n == 1) start = gap
            else { if (n == 2 || gap < least) least = gap; if (gap > most) most = gap }
        }
        END { printf "%d reports, the first at %.3f s, then each %.3f to %.3f s\n", n, start, least, most
              exit !(n >= 5 && n <= 7 && start >= 0 && start < 1 && least > 0.5 && most < 2) }' "$work/order"
}

# How long before (below 0) or after the instant of its first frame the earliest packet was sent, in us: earliest CAPTURE
earliest() {
    local stamp data sent first=999999999
    while read -r stamp data; do
        sent=${stamp/./}
        sent=$(((sent - (16#${data:0:16} - 10000000)) / 1000))
        [ $sent -ge $first ] || first=$sent
    done < <(dissect "$1" "rtp.p_type == 98" frame.time_epoch rtp.ext.rfc5285.data)
    echo $first
}

"$samples" make "$work/noise.wav" 48000 2 268800
capture unisono --input "file:$work/noise.wav" --latency 10
head=28 offer=00001201003000000000000000989680
stream unisono 48000 48 5600 $((8 + head + 288))
check 'unisono: each packet as PROTOCOL.md says' "$tree/tests/wire_tshark.sh" "$work/unisono.pcapng" "$port"
check 'the packets in PROTOCOL.md are so, too' "$tree/tests/wire_tshark.sh"

dissect "$work/unisono.pcapng" "rtp && udp.dstport == $port" rtp.ext.rfc5285.id rtp.ext.rfc5285.len > "$work/elements"
check 'one element, ID 1, of 11 bytes' same "$(sort -u "$work/elements")" '1 11'
dissect "$work/unisono.pcapng" "rtp && udp.dstport == $port" rtp.p_type rtp.timestamp rtp.ext.rfc5285.data > "$work/typed"
field() { sed -n "$1" "$work/typed" | cut -d' ' -f"$2"; }
init=$(field 1p 1-3) audio=$(field 2p 2-3)
check 'INIT comes first, with both times of the first AUDIO' same "$init" "126 ${audio:0:-6}01${audio: -4}"
check 'timestamp and presentation time of the first AUDIO' timed "$audio" 48000 48 10000000
check 'only the last three are TERMINATE' same "$(awk '{ print substr($3, 17, 2) }' "$work/typed" | uniq -c | xargs)" \
    '1 01 5600 00 3 02'
check 'TERMINATE is one packet behind the last AUDIO' same "$(tail -n 3 "$work/typed" | cut -d' ' -f2 | sort -u)" \
    $((($(tail -n 4 "$work/typed" | head -n 1 | cut -d' ' -f2) + 48) & 0xffffffff))
check 'timestamp and presentation time of TERMINATE' timed "$(field '$p' 2-3)" 48000 48 10000000
check 'no packet was sent before its first frame was' compare "$(earliest "$work/unisono.pcapng")" '>=' 0
dissect "$work/unisono.pcapng" "rtp.p_type == 98 || rtcp" rtcp.pt frame.time_epoch > "$work/order"
check 'a first SR with the first AUDIO, then one each second' reported

"$samples" make "$work/noise.flac" 48000 4 48000
capture aes67 --input "file:$work/noise.flac" --codec L16 --ptime 0.333 --profile aes67
head=12 offer=00000203001000000000000000989680
stream aes67 48000 16 3000 $((8 + head + 128))
check 'aes67: no extension, no packet without sound, payload type 96' same \
    "$(dissect "$work/aes67.pcapng" "rtp && udp.dstport == $port" rtp.ext rtp.p_type | sort -u)" '0 96'
finish
