# SPDX-License-Identifier: GPL-3.0-or-later
# The parts of the benchmark that measure Unisono. Sourced by bench.sh.

. "$tree/tests/ptp4l.sh"

clock=system # or ptp4l, for all of a span

clock_of() {
    [ "$clock" = ptp4l ] && echo "ptp4l:$(ptp4l_socket "$1")" || echo system
}

# receiver NAME HOST [OPTION...]: on the card of that name
receiver() {
    local name=$1 where=$2
    shift 2
    run "$name" "@$where" "$build/bench-stamp" "$work/$name.started" "$build/unisono-recv" --device "$name" --group "$group" \
        --interface eth0 --clock "$(clock_of "$where")" --stats "$work/$name.json" "$@"
}

# sender NAME CARD [OPTION...]
sender() {
    local name=$1 card=$2
    shift 2
    run "$name" @sender "$build/unisono-send" --input "alsa:$card" --rate 48000 --channels 2 --group "$group" --interface eth0 \
        --clock "$(clock_of sender)" --stats "$work/$name.json" "$@"
}

playing() {
    local name
    for name; do await "$name" 20 'info: playing L24' || return; done
}

# unisono_span COLUMN: the clock is called as the column
unisono_span() {
    clock=$1
    echo "measuring: Unisono, --clock $clock"
    if [ "$clock" = ptp4l ]; then ptp4l_network sender a b || return; fi
    since=$(now_ms)
    receiver left a
    receiver right b
    sender sender adc
    playing left right && measure "$seconds" sender left right || return
    halt sender left right
    if [ "$clock" = ptp4l ]; then halt ptp-a ptp-b ptp-sender; fi
    put_offsets "$1" left right
    put_latency "$1" left
    put_damage "$1" "$(slack left)"
    put_cpu "$1"
    # the error of PTP is no error of the latency
    [ "$clock" = ptp4l ] || put error10 "$1" "$(error_p99 left 10)"
    forget
}

part_unisono() {
    unisono_span system && unisono_span ptp4l
}

part_granularity() {
    echo 'measuring: granularity of outputs'
    since=$(now_ms)
    receiver left a
    receiver six b
    receiver fortyeight c
    sender sender adc
    playing left six fortyeight && measure "$seconds" || return
    halt sender left six fortyeight
    put fine6 system "$(pair_p99 left six)"
    put fine48 system "$(pair_p99 left fortyeight)"
    forget
}

# two_latencies ROW CARD MS ROW2 CARD2 MS2: two streams at once
two_latencies() {
    local first=$group second=${group%:*}:$((${group#*:} + 2))
    since=$(now_ms)
    receiver left a
    sender sender "$2" --latency "$3"
    group=$second
    receiver right b
    sender sender2 "$5" --latency "$6"
    group=$first
    playing left right && measure "$seconds" || return
    halt sender sender2 left right
    put "$1" system "$(error_p99 left "$3")"
    put "$4" system "$(error_p99 right "$6")"
    forget
}

part_latency() {
    echo 'measuring: latency against --latency'
    two_latencies error5 adc 5 error20 adc2 20
}

part_capture() {
    echo 'measuring: granularity of inputs'
    two_latencies capture6 adc6 10 capture48 adc48 10
}

# highest MEMBER: of the starts after an xrun, from nanoseconds to microseconds
highest() {
    calc 'x / 1000' x="$(grep -oE "\"$1\": *[0-9.]+" "$work/again" | cut -d: -f2 | sort -g | tail -n 1)"
}

part_xrun() {
    echo 'measuring: after an xrun'
    receiver left a
    receiver broken b
    sender sender adc
    playing left broken || return
    pause 57
    halt sender left broken
    read_pair left broken
    grep '"after_xrun": true' "$work/pair" > "$work/again"
    if [ "$(grep -c '"sounded": true' "$work/again")" -lt 3 ]; then
        echo '  there is no sound after an xrun'
        : > "$work/again"
    fi
    put again system "$(highest worst_first_second_ns)"
    put again5 system "$(highest worst_5_to_10_s_ns)"
    forget
}

# seconds_to_aligned NAME: from the start of the process, against the left output
seconds_to_aligned() {
    read_pair left "$1" --aligned-us 5
    grep '"output": "B"' "$work/pair" | head -n 1 > "$work/first"
    grep -q '"aligned": true' "$work/first" || return
    calc '(t0 - s) / 1e9 + ms / 1e3' s="$(cat "$work/$1.started")" t0="$(stat_of "$work/first" raw_ns)" \
        ms="$(stat_of "$work/first" aligned_after_ms)"
}

part_join() {
    local i took slowest=0
    echo 'measuring: joining in mid-stream'
    receiver left a
    sender sender adc
    playing left || return
    pause "$skip"
    for i in 1 2 3 4 5; do
        receiver "join$i" b
        pause 6
        halt "join$i"
    done
    halt sender left
    for i in 1 2 3 4 5; do
        took=$(seconds_to_aligned "join$i")
        [ -n "$took" ] || { slowest=never; break; }
        slowest=$(calc 'a > b ? a : b' a="$slowest" b="$took")
    done
    put join system "$slowest"
    forget
}

part_thdn() {
    echo 'measuring: THD+N'
    since=$(now_ms)
    receiver left a
    sender sender adc1k --latency 50
    playing left && measure "$seconds" || return
    halt sender left
    "$truth" thdn "$work/left.playback" --tone 1000 --skip "$from" --length "$seconds" --json > "$work/thdn"
    put thdn system "$(stat_of "$work/thdn" thdn_db)"
    "$truth" damage "$work/left.playback" --tone 1000 --skip "$from" --length "$seconds" --window-ms 100 --csv "$work/windows" \
        > "$work/damage"
    put thdn50 system "$(awk -F, '$3 == "clean" { print $5 - $4 }' "$work/windows" | median)"
    forget
}

# damage_stream MS [OPTION...]: starts one, of its own group and cards; the options are those of the sender
damage_stream() {
    local ms=$1 resampler=()
    shift
    case " $* " in *' --resampler '*) resampler=(--resampler fastest) ;; esac
    receiver "out$ms" a "${resampler[@]}"
    sender "sender$ms" "in$ms" --latency "$ms" "$@"
}

# All at once: the machine's stalls are the same for all of them, and it takes as long as one.
part_damage() {
    local first=$group ms
    echo 'measuring: damage'
    since=$(now_ms)
    damage_stream 10
    group=${first%:*}:$((${first#*:} + 2))
    damage_stream 5
    group=${first%:*}:$((${first#*:} + 4))
    damage_stream 3 --ptime 0.25 --resampler fastest
    group=${first%:*}:$((${first#*:} + 6))
    damage_stream 2 --ptime 0.25 --resampler fastest
    group=$first
    playing out10 out5 out3 out2 && measure "$damage_seconds" || return
    halt sender10 sender5 sender3 sender2 out10 out5 out3 out2
    for ms in 10 5 3 2; do
        damage_of "$(slack "out$ms")" "$damage_seconds" "out$ms"
        put "damage$ms" system "$damage"
        put "xruns$ms" system "$xruns"
    done
    put damagestall system "$(longest_stall)"
    forget
}
