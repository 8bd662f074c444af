#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The monitor before a thousand receivers, and before names that want to be something else: what it costs, that it counts
# them all, and that its lines stay JSON.
# alone: measures processor time
. "$(dirname "$0")/lib.sh"

members=1000 seconds=${MONITOR_SECONDS:-20}
for name in crowd ear; do host $name; done

# Processor time so far, in ticks; resident memory now, in kB
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }

run monitor @ear "$build/unisono-monitor" --group $group --interface eth0 --clock system --json
await monitor 10 'listening on eth0'
run crowd @crowd "$build/crowd" --group $group --interface eth0 --members $members --hostile
await crowd 10 speaking

newest() { tail -n 2 "$work/monitor.out" | head -n 1; }
all_there() { [ "$(newest | jq '.streams[0].receivers | length')" = $members ]; }
until=$((SECONDS + 60))
until all_there 2> /dev/null || [ $SECONDS -ge $until ]; do sleep 0.5; done
check "all $members receivers are there" all_there

process=$(ip netns pids "$ns_ear")
before=$(ticks $process)
sleep "$seconds" # what is measured
cpu=$(awk -v t=$(($(ticks $process) - before)) -v s="$seconds" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.1f", 100 * t / hz / s }')
rss=$(resident $process)
echo "  $members receivers: $cpu % of a processor, $rss kB resident"
check 'less than 100 MiB' [ "$rss" -lt 102400 ]
check "less than 10 % of a processor: $cpu %" compare "$cpu" '<' 10

stop monitor
check 'the monitor ends cleanly' [ $status = 0 ]
stop crowd
check 'each line is a JSON object' holds "$work/monitor.out" 'map(type == "object") | all' -s
check 'no control character gets through' sh -c '! LC_ALL=C grep -qP "[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]" "$1"' - "$work/monitor.out"
check 'and all of it is UTF-8' iconv -f utf-8 -t utf-8 -o /dev/null "$work/monitor.out"
finish
