# SPDX-License-Identifier: GPL-3.0-or-later
# The best packet time: a table that is printed as it is measured. Sourced by bench.sh.
#
# PACKET_ROWS names others than the ordinary rows: each is MS:CODEC:CHANNELS.

packet_seconds=12 packet_skip=6
packet_rows=${PACKET_ROWS:-0.125:L24:2 0.25:L24:2 0.333:L24:2 1:L24:2 2:L24:2 4:L24:2 5:L24:2 10:L24:1}

# per_second NAME MEMBER: how much it grew by a second, from the first line behind the skipped seconds to the last
per_second() {
    awk -v skip="$packet_skip" -v member="\"$2\":" '
        { if (!match($0, member)) next
          n = substr($0, RSTART + RLENGTH) + 0
          match($0, "\"time_s\":"); t = substr($0, RSTART + RLENGTH) + 0
          if (++line == skip) { n0 = n; t0 = t } }
        END { if (line > skip) printf("%.6f", (n - n0) / (t - t0)) }' "$work/$1.json"
}

# what Ethernet adds to a payload: RTP 12, extension 16, UDP 8, IP 20, frame 18, preamble and gap 20
wire_mbit() {
    calc '(o + 94 * p) * 8 / 1e6' o="$(per_second sender sent_octets)" p="$(per_second sender sent_packets)"
}

# latency_needed MS: of a receiver that plays `left` at that latency, in its median second
latency_needed() {
    local early
    early=$(calc 'lead - need' lead="$(ordinary left lead_min_ms)" need="$(ordinary left lead_need_ms)")
    calc 'ms - (q < e ? q : e)' ms="$1" q="$(ordinary left queued_min_ms)" e="$early"
}

# packet_row MS CODEC CHANNELS: `left` hears all, `right` is behind a relay that loses 1 %
packet_row() {
    local latency good=$group torn=${group%:*}:$((${group#*:} + 2)) skip=$packet_skip
    latency=$(calc 'ms + 5' ms="$1")
    since=$(now_ms)
    receiver left a
    group=$torn
    receiver right b
    group=$good
    run relay @c chrt -f 60 "$build/relay" --from "$good" --to "$torn" --interface eth0 --after 500 --loss 1
    # captured, not made: only then a packet goes out no sooner than its last sample is there
    run sender @sender "$build/unisono-send" --input alsa:adc --rate 48000 --codec "$2" --channels "$3" --ptime "$1" \
        --latency "$latency" --group "$group" --interface eth0 --clock system --stats "$work/sender.json"
    await left 20 'info: playing' && await right 20 'info: playing' && measure "$packet_seconds" sender left right || return
    halt sender relay left right
    damage_of "$(slack left)" "$packet_seconds" right || return
    printf '%-7s%-6s%3d%9.0f%9.2f%9.2f%9.1f%9.1f%9.1f%10.1f%10.2f%10s\n' "$1" "$2" "$3" "$(per_second sender sent_packets)" \
        "$(wire_mbit)" "$(latency_needed "$latency")" "${busy[sender]}" "${busy[left]}" "${busy[right]}" \
        "$(calc 'l / (r + l) * 100' l="$(stat_of "$work/right.json" lost_packets)" r="$(stat_of "$work/right.json" received_packets)")" \
        "$(calc 'frames / 48' frames="$(per_second right concealed_frames)")" "$(echo "$damage" | tr -d ' ')"
    forget
}

part_packet-sizes() {
    local row
    echo 'measuring: packet sizes'
    printf '\n%-16s%9s%9s%9s%27s%30s\n%-7s%-6s%3s%9s%9s%9s%9s%9s%9s%10s%10s%10s\n' '' '' 'on wire' latency 'CPU, % of a core' \
        '1 in 100 packets lost' ms codec ch 'pkt/s' 'Mbit/s' 'ms' sender receiver 'lossy' 'lost %' 'ms/s' "damage ms"
    for row in $packet_rows; do
        IFS=: read -r ms codec channels <<< "$row"
        packet_row "$ms" "$codec" "$channels" || return
    done
    echo
}
