#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Has someone else's dissector (tshark) read the wire: without arguments the worked stream of
# proto/PROTOCOL.md, else a capture of whole streams.
#
#   tests/wire_tshark.sh [CAPTURE [PORT]]      CAPTURE - reads standard input; PORT 5004
#
# Every RTP packet must carry the extension as specified; INIT, then AUDIO in steps of one sequence number, with
# presentation times that keep step with the time stamps, then three TERMINATE (in the document: one).
# Exit status 0, 1 with a line that says what is wrong, 77 when tshark is not there.
set -euo pipefail

fail() { echo "wire_tshark: $*" >&2; exit 1; }

command -v tshark >/dev/null && command -v text2pcap >/dev/null ||
    { echo "wire_tshark: skipped: tshark is not installed" >&2; exit 77; }

protocol=${UNISONO_PROTOCOL_MD:-$(dirname "$0")/../proto/PROTOCOL.md}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The hex blocks of the document, in the form text2pcap reads: offset and bytes, from 0 again for each.
worked_stream() {
    local line offset=0 inside=
    while IFS= read -r line; do
        case $line in
        '```hex '*) inside=1 offset=0 ;;
        '```') inside= ;;
        *)
            if [ "$inside" ]; then
                printf '%06x %s\n' "$offset" "$line"
                set -- $line
                offset=$((offset + $#))
            fi
            ;;
        esac
    done <"$protocol"
}

capture=${1:-}
port=${2:-5004}
terminates=3
if [ -z "$capture" ]; then
    terminates=1
    capture=$work/worked.pcap
    worked_stream >"$work/worked.txt"
    text2pcap -q -4 192.0.2.1,239.69.83.1 -u 40000,5004 "$work/worked.txt" "$capture" 2>/dev/null
fi

tshark -r "$capture" -d "udp.port==$port,rtp" -Y "rtp && udp.dstport == $port" -T fields -E separator=' ' \
    -e rtp.version -e rtp.padding -e rtp.cc -e rtp.marker -e rtp.p_type -e rtp.seq -e rtp.timestamp -e rtp.ssrc \
    -e rtp.ext.profile -e rtp.ext.len -e rtp.ext.rfc5285.id -e rtp.ext.rfc5285.len \
    -e rtp.ext.rfc5285.data -e udp.length 2>"$work/tshark.err" >"$work/fields" || fail "$(cat "$work/tshark.err")"

rates=([1]=44100 [2]=48000 [3]=88200 [4]=96000)
bytes=([0]=2 [1]=3)
declare -A seen last_seq last_ts last_ns frames
packets=0 audio=0
while read -r version padding cc marker pt seq ts ssrc profile words id len data udp_len; do
    packets=$((packets + 1))
    here="packet $packets (SSRC $ssrc, sequence number $seq)"
    [ "$version $padding $cc $marker" = '2 0 0 0' ] || fail "$here: V $version, P $padding, CC $cc, M $marker"
    [ "$profile $words $id $len" = '0xbede 3 1 11' ] ||
        fail "$here: extension $profile, $words words, element $id of $len bytes"

    data=${data//:/}
    ns=$((16#${data:0:16})) kind=$((16#${data:16:2})) format=$((16#${data:18:2})) channels=$((16#${data:20:2} + 1))
    rate=${rates[format & 15]:-} width=${bytes[format >> 4]:-}
    [ "$rate" ] && [ "$width" ] && [ "$channels" -le 64 ] || fail "$here: format byte $format, $channels channels"
    [ "${last_seq[$ssrc]:-}" ] && [ "$seq" != $(((last_seq[$ssrc] + 1) & 65535)) ] &&
        fail "$here: follows sequence number ${last_seq[$ssrc]}"
    payload=$((udp_len - 8 - 28))

    # Modulo 2^32: from the packet before to this one, in frames and in ns.
    if [ "${last_ts[$ssrc]:-}" ]; then
        step=$(((ts - last_ts[$ssrc]) & 0xffffffff))
        error=$((ns - last_ns[$ssrc] - step * 1000000000 / rate))
        [ "$error" -ge -1 ] && [ "$error" -le 1 ] ||
            fail "$here: $step frames on, but the presentation time is $error ns off"
    fi
    case $kind in
    0)
        [ "${seen[$ssrc]:-}" = INIT ] || [ "${seen[$ssrc]:-}" = AUDIO ] || fail "$here: AUDIO without INIT"
        [ "$pt" = $((format >> 4 == 0 ? 96 : 98)) ] || fail "$here: AUDIO with payload type $pt"
        [ $((payload % (channels * width))) = 0 ] && [ "$payload" -gt 0 ] || fail "$here: $payload bytes"
        n=$((payload / (channels * width)))
        [ "${frames[$ssrc]:-$n}" = "$n" ] || fail "$here: $n frames, those before ${frames[$ssrc]}"
        frames[$ssrc]=$n seen[$ssrc]=AUDIO audio=$((audio + 1))
        ;;
    1)
        [ -z "${seen[$ssrc]:-}" ] || [ "${seen[$ssrc]}" = INIT ] || fail "$here: INIT after ${seen[$ssrc]}"
        seen[$ssrc]=INIT
        ;;
    2)
        case ${seen[$ssrc]:-} in AUDIO) seen[$ssrc]=1 ;; [0-9]*) seen[$ssrc]=$((seen[$ssrc] + 1)) ;;
        *) fail "$here: TERMINATE after ${seen[$ssrc]:-nothing}" ;; esac
        ;;
    *) fail "$here: type and version $kind" ;;
    esac
    [ "$kind" = 0 ] || [ "$pt $payload" = '126 0' ] || fail "$here: payload type $pt with $payload bytes"
    last_seq[$ssrc]=$seq last_ts[$ssrc]=$ts last_ns[$ssrc]=$ns
done <"$work/fields"

[ "$audio" -gt 0 ] || fail "no RTP packet with sound in the capture"
for ssrc in "${!seen[@]}"; do
    [ "${seen[$ssrc]}" = "$terminates" ] || fail "SSRC $ssrc ends with ${seen[$ssrc]}, not with $terminates TERMINATE"
done
echo "wire_tshark: $packets packets, $audio of them with sound: as specified"
