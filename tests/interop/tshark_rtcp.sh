#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Wireshark's dissector of RTCP, which others wrote from RFC 3550, reads the worked compounds of PROTOCOL.md, section 8.3, and
# finds what is written around them. (tshark.sh does so with what unisono-send puts on the wire.)
. "$(dirname "$0")/../e2e/lib.sh"

# compound NAME: that block of the document, as a capture
compound() {
    awk -v fence="\`\`\`rtcp $1" '/^```/ { inside = $0 == fence; next } inside { printf "%06x %s\n", at, $0; at += NF }' \
        "$tree/proto/PROTOCOL.md" > "$work/bytes"
    check "PROTOCOL.md holds the worked compound: $1" [ -s "$work/bytes" ]
    text2pcap -q -4 192.0.2.1,239.69.83.1 -u 40000,5005 "$work/bytes" "$work/compound.pcap" 2> /dev/null
}

# says FIELD... VALUE: the compound's fields, as words
says() {
    local is should=${!#}
    is=$(tshark -r "$work/compound.pcap" -d udp.port==5005,rtcp -T fields -E separator=/s \
        $(printf -- '-e %s ' "${@:1:$#-1}") 2> /dev/null)
    [ "$is" = "$should" ] || { printf 'is:     %s\nshould: %s\n' "$is" "$should"; return 1; }
}

compound compound
check 'SR, SDES, APP, BYE, whose lengths are those of the datagram' says rtcp.pt rtcp.length_check '200,202,204,203 1'
check 'nothing is malformed, nothing strange' says _ws.malformed _ws.expert.severity ' '
check 'SR' says rtcp.senderssrc rtcp.timestamp.ntp.msw rtcp.timestamp.ntp.lsw rtcp.timestamp.rtp rtcp.sender.packetcount \
    rtcp.sender.octetcount "0x5eed1e55 $((1700000000 + 2208988800)) 2151778615 $((81600000024048 & 0xffffffff)) 5 36"
check 'SDES: CNAME' says rtcp.sdes.type rtcp.sdes.text '1,0 unisono@stage-left'
check 'APP: known, domain 5, the grandmaster' says rtcp.app.name rtcp.app.subtype rtcp.app.data \
    'UNIS 0 00010500001dc1fffe123456'
check 'one SSRC throughout' says rtcp.ssrc.identifier '0x5eed1e55,0x5eed1e55,0x5eed1e55'

compound receiver
check 'RR, SDES, BYE, whose lengths are those of the datagram' says rtcp.pt rtcp.length_check '201,202,203 1'
check 'nothing is malformed, nothing strange' says _ws.malformed _ws.expert.severity ' '
check 'RR' says rtcp.senderssrc rtcp.ssrc.fraction rtcp.ssrc.cum_nr rtcp.ssrc.ext_high rtcp.ssrc.jitter rtcp.ssrc.lsr \
    rtcp.ssrc.dlsr '0x0ddba11e 51 1 65538 2 1870692417 16384'
check 'SDES: CNAME, NAME, TOOL' says rtcp.sdes.type rtcp.sdes.text '1,2,6,0 hw:0@tower,tower,unisono-recv 0.1.0'
finish
