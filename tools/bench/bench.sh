#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# bench.sh [--seconds N] [--skip N] [--damage-seconds N] [--parts "PART ..."]
#
# Measures Unisono and its peers, one after the other in one run on the same simulated sound cards, and prints one table.
#
#   parts: unisono gstreamer snapcast granularity latency capture xrun join thdn damage stages wide packet-sizes
#   (all of them by default)
#
# METHOD
# Cards. Simulated ALSA cards (tests/simcard.c), the same for everybody: outputs whose crystals are off by +50 and -80 ppm, an
# input at +17 ppm that hears two sines, 997 and 1097 Hz (two, so that a delay is known beyond one period; not 1000, because a
# hole of exactly one packet of 1 ms would not show in it). Each records what left its converter at which instant of
# CLOCK_MONOTONIC_RAW. All figures but CPU come from these recordings, read by unisono-truth when the sound is over; no
# program is asked how well it does.
# Network. Each program runs in a network namespace of its own, joined by a bridge: multicast and TCP as on a LAN, and nothing
# of it outside this machine.
# Spans. Nothing else of ours runs while something is measured: all analysis waits until a span is over. --skip seconds (15)
# after the start are not looked at, --seconds (60) then are. Recordings lie in memory (/dev/shm).
# Offset: the phase of the sines in one output against the other, in windows of 20 ms every 10 ms; only windows that are whole
# in both count. p99 and worst are of absolute values.
# Latency: from the input's converter to the output's, of the +50 ppm output, median.
# Damage: windows whose residual beside the sines is above -60 dBFS, and silence after an xrun, in milliseconds; a
# window counts whole, so that one inserted frame weighs 20 to 40 ms. It is called explained when stall-witness, a
# real-time sleeper (every 0.25 ms) that knows nothing of sound, saw this machine stand still for longer than the slack, at most
# 100 ms before: in one piece, or in several within 10 ms. There is a witness on each CPU, since one CPU of a virtual machine
# can be halted alone. The slack is the least of two things in an ordinary second, as the receiver tells them: what its card has
# queued at the lowest point, and how much earlier than needed the latest packet came; less the 0.25 ms by which the witness may
# miss the beginning of a stall (but half of it at least). Of a peer it is its ALSA buffer. Sums over both outputs.
# CPU: user and system time from /proc/PID/stat over the measured span, in percent of one core; of two receivers the mean. The
# simulated card's work counts in the program that uses it. PTP daemons do not count, GStreamer's runs in a process of its own.
#
# The peers are set up for the best they can do here:
# GStreamer: alsasrc, rtpL24pay with 1 ms packets and timestamps that count from the PTP epoch; rtpjitterbuffer mode=synced
#   rfc7273-sync=true, alsasink slave-method=resample (skew would let the cards drift 40 ms apart), on GstPtpClock with
#   ptp4l as grandmaster, 10 s to settle; latency 62 ms (jitterbuffer 20, sink buffer 20, its segment 5, deadline 15, the rest at the
#   sender) and 32 ms (10, 10, 2, 8).
# Snapcast: alsa source, PCM without a codec, chunks of 10 ms, buffer 268 ms.
# Unisono: as installed, --latency 10, once with --clock system and once with a free-running ptp4l on each host.
#
# Other parts, Unisono alone:
# granularity  outputs whose pointers move in steps of 6 and of 48 frames, +200 and -200 ppm, against one of 1 frame
# latency      input to output against --latency 5 and 20: p99 of the error
# capture      the same at 10 ms with inputs of 6 and 48 frames and +200 ppm
# xrun         an output made to run dry every 15 s: its offset in the first second of sound, and from 5 to 10 s later
# join         five receivers started one after the other in mid-stream: from the start of the process to the first instant
#              after which it stays within 5 us of another; the slowest
# thdn         1 kHz at -1 dBFS, input to output, at 50 ms: a stall of the machine is no distortion
# damage       --damage-seconds (600) at 10 ms, 5 ms, 3 ms and 2 ms, four streams at once (the latter two with packets of 0.25 ms
#              and --resampler fastest at both ends)
# stages       what each stage of the way of the sound costs: CPU time of the functions themselves (bench-stages), a packet and
#              a channel, and as a share of one core, for 2, 8 and 64 channels, and for fewer than a card of 64 has. Needs no
#              network; 15 s
# wide         64 channels, L24, 48 kHz, 0.125 ms: 8000 packets/s from a file to a card, sender and receiver on one core each:
#              what was lost, late, concealed or not sent, CPU, and the most memory each ever had
# packet-sizes a table, a row each packet time: packets/s and bits/s with all headers; the latency it needs, which is that asked
#              for less what was left of it (the least in the card's queue, or how much earlier than needed the latest packet
#              came) in an ordinary second; CPU of both ends; and of a receiver that loses one packet in 100 at random: its
#              CPU, how much it conceals in a second, and its damage (unexplained / explained) to the sines. 30 s a row

. "$(dirname "$0")/../../tests/e2e/lib.sh"

seconds=60 skip=15 damage_seconds=600
parts='unisono gstreamer snapcast granularity latency capture xrun join thdn damage stages wide packet-sizes'
tones=997,1097
truth=$build/unisono-truth
declare -A busy=() # CPU of the processes of a span, % of a core
from=0             # when its span began, in seconds since its cards started
since=0            # when they started, by now_ms

. "$tree/tools/bench/table.sh"
. "$tree/tools/bench/figures.sh"
. "$tree/tools/bench/unisono.sh"
. "$tree/tools/bench/peers.sh"
. "$tree/tools/bench/wide.sh"
. "$tree/tools/bench/packet_sizes.sh"

usage() {
    echo "bench: $*" >&2
    exit 2
}

die() {
    echo "bench: $*" >&2
    exit 1
}

# --- the world ----------------------------------------------------------------------------------------------------------------

# As `card` of the library, and to be found in the list of devices, where Snapcast looks.
bench_card() {
    card "$1" "$2 hint { show on description \"$1\" }"
}

define_world() {
    local signal="signal \"$tones@-12\"" name
    for name in sender a b c; do host "$name"; done
    bench_card left 'ppm 50.0'
    bench_card right 'ppm -80.0'
    bench_card six 'ppm 200.0 granule 6'
    bench_card fortyeight 'ppm -200.0 granule 48'
    bench_card broken 'ppm -80.0 xrun_at "15,30,45"'
    for name in 1 2 3 4 5; do bench_card "join$name" 'ppm -80.0'; done
    for name in 10 5 3 2; do
        bench_card "out$name" 'ppm -80.0'
        bench_card "in$name" "ppm 17.0 $signal"
    done
    bench_card adc "ppm 17.0 $signal"
    bench_card adc2 "ppm 17.0 $signal"
    bench_card adc6 "ppm 200.0 granule 6 $signal"
    bench_card adc48 "ppm 200.0 granule 48 $signal"
    bench_card adc1k 'ppm 17.0 signal "1000@-1"'
    # without a recording: 64 channels would take 12 MB a second
    echo 'pcm.wide { type unisono_sim ppm 50.0 }' >> "$ALSA_CONFIG_PATH"
}

# halt NAME...: as `stop` of the library, but waits 5 s and no longer
halt() {
    local name until
    for name; do kill -INT "${pid[$name]}" 2> /dev/null; done
    until=$(($(now_ms) + 5000))
    for name; do
        while kill -0 "${pid[$name]}" 2> /dev/null && [ "$(now_ms)" -lt $until ]; do sleep 0.05; done
        kill -KILL "${pid[$name]}" 2> /dev/null
        wait "${pid[$name]}" 2> /dev/null
        unset "pid[$name]"
    done
}

# Clears the recordings away, so that the next span starts with new ones. KEEP=1 keeps them all.
forget() {
    local kept=$work/span.$((++spans))
    [ -n "${KEEP:-}" ] || kept=
    [ -z "$kept" ] || mkdir "$kept"
    for file in "$work"/*.playback "$work"/*.capture "$work"/*.json "$work"/*.log "$work"/witness*; do
        [ ! -e "$file" ] || if [ -n "$kept" ]; then mv "$file" "$kept"; else rm "$file"; fi
    done
}

# --- a span -------------------------------------------------------------------------------------------------------------------

now_ms() {
    echo $((${EPOCHREALTIME/[.,]/} / 1000))
}

# In the background, so that the script can be interrupted.
pause() {
    run pause sleep "$1"
    wait "${pid[pause]}"
    unset "pid[pause]"
}

# User and system time of a process, in clock ticks
ticks() {
    awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/${pid[$1]}/stat"
}

# measure SECONDS NAME...: waits until the skipped time is over, then lets SECONDS pass. Sets `from`, and busy[NAME].
measure() {
    local length=$1 name begin elapsed cpu
    local -A before=()
    shift
    for ((cpu = 0; cpu < $(nproc); cpu++)); do
        run "witness$cpu" taskset --cpu-list $cpu "$build/stall-witness" --every 250 --over 50 --file "$work/witness.$cpu"
    done
    pause "$skip"
    begin=$(now_ms)
    from=$(awk -v a="$begin" -v b="$since" 'BEGIN { printf("%.3f", (a - b) / 1000) }')
    for name; do before[$name]=$(ticks "$name"); done
    pause "$length"
    elapsed=$(($(now_ms) - begin))
    for name; do
        kill -0 "${pid[$name]}" 2> /dev/null || { echo "  $name ended: $(tail -n 1 "$work/$name.log")"; return 1; }
        busy[$name]=$(calc '(b - a) / hz * 1e5 / ms' a="${before[$name]}" b="$(ticks "$name")" hz="$(getconf CLK_TCK)" ms=$elapsed)
    done
    pause 2 # for the cards started later than `since`, and so does what is looked at
    for ((cpu = 0; cpu < $(nproc); cpu++)); do halt "witness$cpu"; done
    cat "$work"/witness.* > "$work/witness"
}

# --- main ---------------------------------------------------------------------------------------------------------------------

whole_number() {
    case $2 in '' | *[!0-9]* | 0*) usage "bad value '$2' of $1; give whole seconds from 1 on" ;; esac
}

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
        --seconds) whole_number "$1" "${2:-}"; seconds=$2 ;;
        --skip) whole_number "$1" "${2:-}"; skip=$2 ;;
        --damage-seconds) whole_number "$1" "${2:-}"; damage_seconds=$2 ;;
        --parts) parts=${2:-} ;;
        *) usage "unknown option '$1'; see the head of $0" ;;
        esac
        [ $# -gt 1 ] || usage "$1 needs a value; see the head of $0"
        shift 2
    done
    [ -n "$parts" ] || usage "no part is chosen; see the head of $0"
    for part in $parts; do
        [ "$(type -t "part_$part")" = function ] || usage "unknown part '$part'; see the head of $0"
    done
}

# About how long all this takes
tell_duration() {
    local total=0 span=$((skip + seconds + 12)) part
    for part in $parts; do
        case $part in
        unisono) total=$((total + 2 * span)) ;;
        gstreamer) total=$((total + 2 * (span + 60))) ;;
        snapcast) total=$((total + span + 8)) ;;
        xrun) total=$((total + 65)) ;;
        join) total=$((total + skip + 45)) ;;
        damage) total=$((total + skip + damage_seconds + 30)) ;;
        stages) total=$((total + 15)) ;;
        packet-sizes) total=$((total + 30 * $(wc -w <<< "$packet_rows"))) ;;
        *) total=$((total + span)) ;;
        esac
    done
    echo "this takes about $(((total + 59) / 60)) minutes, in which the machine should do nothing else"
}

# Something went wrong: what still runs must not disturb the next part.
clear_up() {
    local name
    for name in "${!pid[@]}"; do halt "$name"; done
    forget
}

# A minute of stereo takes 23 MB in the memory that /dev/shm is.
check_room() {
    local longest=$seconds needed free
    case " $parts " in *' damage '*) [ "$damage_seconds" -lt "$longest" ] || longest=$damage_seconds ;; esac
    needed=$(((longest + skip + 60) * 4 * 48000 * 2 * 4 / 1000000))
    free=$(df -m --output=avail "$work" | tail -n 1)
    [ "$free" -gt "$needed" ] || die "the recordings take $needed MB, ${work%/*} has $free: choose shorter spans"
}

read_options "$@"
[ "$(id -u)" = 0 ] || die 'network namespaces need root: run it with sudo'
for tool in bench-delay bench-stamp bench-stages relay unisono-truth stall-witness unisono-send unisono-recv; do
    [ -x "$build/$tool" ] || die "there is no $build/$tool: run 'make bench'"
done
check_room
define_world
spans=0 broken=
tell_duration
for part in $parts; do
    "part_$part" || { echo "  part $part could not be measured"; broken=yes; clear_up; }
    clock=system
done
define_rows
if filled '*' '*'; then table; fi
[ -z "$broken" ]
