# SPDX-License-Identifier: GPL-3.0-or-later
# The table of `make bench`. Sourced by bench.sh.
#
#   put ROW COLUMN VALUE     a cell; an empty VALUE shows as `none`: it was to be measured and could not be
#   define_rows; table       prints all rows and columns in which something was measured

declare -A cell=() must=() aim=() text=()
declare -A title=([system]='Unisono' [ptp4l]='with ptp4l' [gst62]='GStreamer 62' [gst32]='GStreamer 32' [snapcast]='Snapcast')
rows=() columns=(system ptp4l gst62 gst32 snapcast)

put() {
    cell[$1,$2]=${3:-none}
}

# row ID 'what and unit' [MUST [AIM]], the limits of Unisono's columns; MUST may be empty
row() {
    rows+=("$1") text[$1]=$2 must[$1]=${3:-} aim[$1]=${4:-}
}

define_rows() {
    local ms
    row p50 'offset between two outputs, median, us'
    row p99 '  p99, us' 1 0.2
    row worst '  worst, us' 5 1
    row latency 'latency, input to output, ms'
    row error10 '  minus --latency 10: p99, us' 5 0.5
    row damage 'damage, ms: unexplained / explained' 0 0
    row xruns '  xruns'
    row stall '  longest stall of the machine meanwhile, ms'
    row sender 'CPU of the sender, % of a core'
    row receiver 'CPU of a receiver, % of a core' 4 "${cell[receiver,gst62]:-}"
    row fine6 'card in steps of 6 frames: p99, us' 3 1
    row fine48 'card in steps of 48 frames: p99, us' 25 5
    row error5 'input to output minus --latency 5: p99, us' 5 0.5
    row error20 'input to output minus --latency 20: p99, us' 5 0.5
    row capture6 '  10 ms, input in steps of 6 frames: p99, us'
    row capture48 '  10 ms, input in steps of 48 frames: p99, us'
    row again 'offset after an xrun, at once, us' 5 1
    row again5 '  5 s later, us' 1 1
    row join 'start in mid-stream to aligned sound, s' 3 1
    row thdn 'THD+N of 1 kHz, input to output, dB' -100 -110
    row thdn50 '  median of pieces of 100 ms, dB'
    for ms in 10 5 3 2; do
        row "damage$ms" "damage in $damage_seconds s at $ms ms: unexpl. / expl., ms" 0 0
        row "xruns$ms" '  xruns'
    done
    row wide_packets '64 channels, 0.125 ms: packets, all told'
    row wide_missing '  lost, late, concealed, not sent' 0 0
    row wide_sender '  CPU of the sender, % of a core' 100
    row wide_receiver '  CPU of the receiver, % of a core' 100
    row wide_sender_mib '  memory of the sender, MiB' 100
    row wide_receiver_mib '  memory of the receiver, MiB' 100
    row wide_stall '  longest stall of the machine meanwhile, ms'
    row damagestall '  longest stall of the machine meanwhile, ms'
    must[damage2]=
    # the offset with ptp4l has limits of its own, and only its p99
    must[p99,ptp4l]=10 aim[p99,ptp4l]=3
    must[worst,ptp4l]= aim[worst,ptp4l]=
}

# limit KIND ROW COLUMN
limit() {
    local -n limits=$1
    [ -n "${limits["$2,$3"]+set}" ] && echo "${limits["$2,$3"]}" || echo "${limits[$2]}"
}

at_most() {
    [ -n "$2" ] && awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 <= b + 0) }'
}

# '*' within the aim, '!' outside what must be, of Unisono's columns
mark() {
    local value=$1 most best
    case $3 in system | ptp4l) ;; *) return ;; esac
    most=$(limit must "$2" "$3")
    best=$(limit aim "$2" "$3")
    [ -n "$most$best" ] || return
    case $value in
    none | never) echo '!' ;;
    *) if at_most "$value" "$best"; then echo '*'; elif [ -n "$most" ] && ! at_most "$value" "$most"; then echo '!'; fi ;;
    esac
}

# limits_of KIND ROW: one limit, or that with ptp4l in brackets behind it
limits_of() {
    local with_ptp4l
    with_ptp4l=$(limit "$1" "$2" ptp4l)
    [ -z "$with_ptp4l" ] || [ "$with_ptp4l" = "$(limit "$1" "$2" system)" ] || with_ptp4l=" ($with_ptp4l)"
    case $with_ptp4l in ' ('*) ;; *) with_ptp4l= ;; esac
    echo "$(limit "$1" "$2" system)$with_ptp4l"
}

# filled ROW-OR-* COLUMN-OR-*: whether there is any cell
filled() {
    local key
    for key in "${!cell[@]}"; do
        # shellcheck disable=SC2053 # patterns are meant
        [[ $key == $1,$2 ]] && return
    done
    return 1
}

table() {
    local id column value shown=()
    for column in "${columns[@]}"; do filled '*' "$column" && shown+=("$column"); done
    printf '\n%s\n\n%-46s' "outputs +50 and -80 ppm, input +17 ppm, $seconds s after $skip s" figure
    for column in "${shown[@]}"; do printf '%13s' "${title[$column]}"; done
    printf '%9s%9s\n' must aim
    for id in "${rows[@]}"; do
        filled "$id" '*' || continue
        printf '%-46s' "${text[$id]}"
        for column in "${shown[@]}"; do
            value=${cell["$id,$column"]:-}
            printf '%13s' "$value${value:+$(mark "$value" "$id" "$column")}"
        done
        printf '%9s%9s\n' "$(limits_of must "$id")" "$(limits_of aim "$id")"
    done
    printf '\n* within the aim   ! not what it must be   (in brackets: with ptp4l)\n'
}
