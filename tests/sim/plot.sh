#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# plot.sh UNISONO-SIM SCENARIO.sim SEED OUT: plays one scenario with one seed and draws it: OUT.csv, a row each 10 ms, and
# OUT.svg, above how far the earliest and the latest converter are apart, below the error of each against the clock. Gaps
# are silence or damage.
set -eu
sim=$1 scenario=$2 seed=$3 out=$4
[ -f "$scenario" ] || { echo "plot.sh: $scenario: no such scenario; say SCENARIO=NAME, one of $(dirname "$0")/scenarios"; exit 2; }
status=0
"$sim" --seed "$seed" --figures --csv "$out.csv" "$scenario" || status=$?
[ $status -le 1 ] || exit $status
receivers=$(($(head -1 "$out.csv" | tr -cd , | wc -c) - 1))
gnuplot <<END
set terminal svg size 1200,700 background rgb 'white' font 'sans,13'
set output '$out.svg'
set datafile separator ','
set multiplot layout 2,1 title "$(basename "$scenario" .sim), seed $seed: $(sed -n '1s/^# //p' "$scenario" | sed "s/\"/'/g")"
set grid
set xlabel 's'
set ylabel 'apart, us'
set yrange [0:*]
unset key
plot '$out.csv' skip 1 using 1:2 with lines lc rgb '#444444'
set ylabel 'error against the clock, us'
set yrange [*:*]
$([ "$receivers" -le 8 ] && echo 'set key outside right')
plot for [i=1:$receivers] '$out.csv' skip 1 using 1:(valid(i + 2) ? column(i + 2) : NaN) with lines title sprintf('%d', i)
END
echo "$out.csv $out.svg"
exit $status
