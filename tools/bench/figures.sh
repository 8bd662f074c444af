# SPDX-License-Identifier: GPL-3.0-or-later
# What the recordings of a span say. Sourced by bench.sh; `from` and `seconds` are the span, counted from the start of the cards.

# calc EXPRESSION [NAME=VALUE ...]: a number in three digits or so; nothing if a VALUE is empty
calc() {
    local expression=$1 argument
    shift
    for argument; do [ -n "${argument#*=}" ] || return; done
    awk "${@/#/-v}" "function abs(x) { return x < 0 ? -x : x }
        BEGIN { x = $expression; printf(abs(x) < 0.0995 ? \"%.3f\" : abs(x) < 9.95 ? \"%.2f\" : abs(x) < 99.5 ? \"%.1f\" : \"%.0f\", x) }"
}

# read_pair A B [OPTION...]: into $work/pair
read_pair() {
    local a=$1 b=$2
    shift 2
    "$truth" pair "$work/$a.playback" "$work/$b.playback" --tone $tones --json "$@" > "$work/pair"
}

# pair_p99 A B: microseconds
pair_p99() {
    read_pair "$1" "$2" --skip "$from" --length "$seconds"
    calc 'x / 1000' x="$(stat_of "$work/pair" p99_abs)"
}

# put_offsets COLUMN A B
put_offsets() {
    read_pair "$2" "$3" --skip "$from" --length "$seconds"
    put p50 "$1" "$(calc 'x / 1000' x="$(stat_of "$work/pair" p50_abs)")"
    put p99 "$1" "$(calc 'x / 1000' x="$(stat_of "$work/pair" p99_abs)")"
    put worst "$1" "$(calc 'abs(x) / 1000' x="$(stat_of "$work/pair" worst)")"
}

# error_p99 NAME MS: how far the latency is from what was asked for, in microseconds
error_p99() {
    "$truth" latency "$work/$1.playback" --tone $tones --source raw --expect "$2" --skip "$from" --length "$seconds" --json \
        > "$work/latency"
    calc 'x / 1000' x="$(stat_of "$work/latency" p99_abs)"
}

# put_latency COLUMN NAME
put_latency() {
    local ms=
    "$build/bench-delay" ${tones/,/ } "$from" "$work/$2.playback" > "$work/latency" && ms=$(stat_of "$work/latency" latency_median_ms)
    put latency "$1" "${ms:+$(printf '%.3f' "$ms")}"
}

# damage_of SLACK-MS LENGTH NAME...: sets damage (ms, `unexplained / explained`) and xruns, over all outputs
damage_of() {
    local slack=$1 length=$2 name unexplained explained
    shift 2
    damage= xruns=
    : > "$work/damages"
    for name; do
        "$truth" damage "$work/$name.playback" --tone $tones --skip "$from" --length "$length" --witness "$work/witness" \
            --slack-ms "$slack" --json > "$work/damage" || return
        cat "$work/damage" >> "$work/damages"
    done
    read -r unexplained explained xruns < <(awk -v from="$from" -v length_s="$length" '
        function field(name,   v) {
            if (!match($0, "\"" name "\": *[^,}]*"))
                return ""
            v = substr($0, RSTART, RLENGTH)
            sub(/^[^:]*: */, "", v)
            gsub(/"/, "", v)
            return v
        }
        function add(ms, is_explained) {
            if (is_explained == "true") explained += ms; else unexplained += ms
        }
        /"clean":/ { origin = field("origin_raw_ns"); ended = "" }
        /"silent":/ { add(field("ms"), field("explained")) }
        /"ended":/ {
            if (ended ~ /xrun/)
                add((field("raw_ns") - end) / 1e6 + field("lead_in_ms"), why)
            ended = field("ended"); end = field("end_raw_ns"); why = field("explained")
            at = (end - origin) / 1e9
            if (ended ~ /xrun/ && at >= from && at < from + length_s) count++; else ended = ""
        }
        END { printf("%.0f %.0f %d\n", unexplained, explained, count) }' "$work/damages")
    damage="$unexplained / $explained"
}

# The longest stall that a witness saw in the span, and in the skipped seconds before, in milliseconds
longest_stall() {
    calc 'us / 1000' us="$(awk '$1 != "#" && $2 > us { us = $2 } END { print us + 0 }' "$work/witness")"
}

# put_damage COLUMN SLACK-MS: of the two outputs
put_damage() {
    damage_of "$2" "$seconds" left right
    put damage "$1" "$damage"
    put xruns "$1" "$xruns"
    put stall "$1" "$(longest_stall)"
}

# The median of the numbers on standard input
median() {
    sort -g | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'
}

# ordinary NAME MEMBER: of a receiver's statistics, the median second
ordinary() {
    grep -oE "\"$2\": *[0-9.-]+" "$work/$1.json" | cut -d: -f2 | tail -n "+${from%.*}" | median
}

# slack NAME: how long a stall the receiver survives, in milliseconds, less the witness's resolution, but half of it at least
slack() {
    local queued early
    queued=$(ordinary "$1" queued_min_ms)
    early=$(calc 'lead - need' lead="$(ordinary "$1" lead_min_ms)" need="$(ordinary "$1" lead_need_ms)")
    calc 's > 0.5 ? s - 0.25 : s > 0 ? s / 2 : 0.01' s="$(calc 'q < e ? q : e' q="${queued:-0}" e="${early:-0}")"
}

# put_cpu COLUMN
put_cpu() {
    put sender "$1" "${busy[sender]}"
    put receiver "$1" "$(calc '(a + b) / 2' a="${busy[left]}" b="${busy[right]}")"
}
