#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# alternatives.sh [SEEDS [TABLE]]: what else was tried; only tables whose title holds TABLE. Each alternative is one line of the core changed in a copy of the tree; the
# scenarios it concerns are played with seeds 1 to SEEDS (5), and the worst figure of all seeds is printed. What the core has
# stands first in each table. Virtual time: nothing here depends on the machine.
set -eu
cd "$(dirname "$0")/../.."
seeds=${1:-5} wanted=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# TITLE FIGURES SCENARIO...: a new table
table() {
    title=$1 figures=$2
    shift 2
    scenarios=("$@")
    [[ $title == *"$wanted"* ]] || return 0
    printf '\n%s\n\n| |' "$title"
    for s in "${scenarios[@]}"; do for f in $figures; do printf ' %s %s |' "$s" "$f"; done; done
    printf '\n|---|'
    for s in "${scenarios[@]}"; do for f in $figures; do printf -- '---|'; done; done
    echo
}

# NAME FILE SED-EXPRESSION: one row
row() {
    [[ $title == *"$wanted"* ]] || return 0
    rm -rf "$work/tree"
    mkdir "$work/tree"
    cp -r Makefile proto receiver sender tests tools "$work/tree/"
    sed -i "$3" "$work/tree/$2"
    if [ -n "$3" ] && cmp -s "$2" "$work/tree/$2"; then
        echo "alternatives.sh: '$3' changes nothing in $2" >&2
        exit 1
    fi
    make -s -C "$work/tree" build/unisono-sim > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    printf '| %s |' "$1"
    for s in "${scenarios[@]}"; do
        "$work/tree/build/unisono-sim" --seeds "$seeds" --figures "tests/sim/scenarios/$s.sim" > "$work/said" || true
        for f in $figures; do
            awk -v f="$f" '$1 == f { if ($2 == "inf") most = 1e9; else if ($2 + 0 > most) most = $2 + 0 }
                END { printf " %.4g |", most }' "$work/said"
        done
    done
    echo
}

table 'Observer: how much of the past the line is fitted to, in seconds (h: average height over the line)' apart_p999_us \
    ordinary i2s-16 usb-125us usb-1ms usb-ticks-1ms thermal-ramp
row '2.5 cbrt(h / 10 us), 2 to 10' proto/observer.c ''
row '1.25 cbrt(h / 10 us), 2 to 10' proto/observer.c 's/clamp(2.5 \*/clamp(1.25 */'
row '5 cbrt(h / 10 us), 2 to 10' proto/observer.c 's/clamp(2.5 \*/clamp(5 */'
row '2.5 cbrt(h / 10 us), 1 to 5' proto/observer.c 's/10e3), 2, 10)/10e3), 1, 5)/'
row '5 cbrt(h / 10 us), 2 to 20' proto/observer.c 's/clamp(2.5 \* cbrt(o->mean_late_ns \/ 10e3), 2, 10)/clamp(5 * cbrt(o->mean_late_ns \/ 10e3), 2, 20)/'

table 'Steering: time constant with which the resampler leaves its step' 'ratio_ppm_ms apart_p999_us' usb-1ms usb-ticks-1ms xrun-storm
row '50 ms' proto/resample.c ''
row 'none' proto/resample.c 's/define SMOOTH_S .*/define SMOOTH_S 1e-9/'
row '20 ms' proto/resample.c 's/define SMOOTH_S .*/define SMOOTH_S 0.02/'
row '200 ms' proto/resample.c 's/define SMOOTH_S .*/define SMOOTH_S 0.2/'

table 'Steering: largest correction within 20 us, ppm' 'ratio_ppm_ms apart_p999_us' usb-1ms grandmaster xrun-storm
row '10' proto/resample.c ''
row '3' proto/resample.c 's/: 10e-6;/: 3e-6;/'
row '30' proto/resample.c 's/: 10e-6;/: 30e-6;/'

table 'Media clock on ptp4l: random walk of the rate that the filter assumes, ppb per square root of a second' apart_p999_us ptp-software outliers holdover
row '20' proto/mediaclock.c ''
for walk in 3 6 10 40 60; do
    row $walk proto/mediaclock.c "s/.rate_walk_ppb = 20, .lock_ns = 5000/.rate_walk_ppb = $walk, .lock_ns = 5000/"
done

table 'Media clock: samples further off than so many sigmas are left out' apart_p999_us ptp-software outliers
row '5' proto/mediaclock.c ''
row '3' proto/mediaclock.c 's/GATE_SIGMAS    5.0/GATE_SIGMAS    3.0/'
row '10' proto/mediaclock.c 's/GATE_SIGMAS    5.0/GATE_SIGMAS    10.0/'

table 'Start: sound begins when the observer is this sure, ns' 'first_sound_ms apart_worst_us' start-together late-joiner
row '500' receiver/rx.c ''
row '100' receiver/rx.c 's/ALIGN_SIGMA_NS 500.0/ALIGN_SIGMA_NS 100.0/'
row '2000' receiver/rx.c 's/ALIGN_SIGMA_NS 500.0/ALIGN_SIGMA_NS 2000.0/'
