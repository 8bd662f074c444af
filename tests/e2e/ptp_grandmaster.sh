#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Real ptp4l: the grandmaster dies and a backup takes over; that one dies, too, and for a while there is none; then one
# returns. Sound goes on all the while, undamaged, and the outputs stay together.
# alone: what leaves the cards is judged by the microsecond
. "$(dirname "$0")/lib.sh"
. "$tree/tests/ptp4l.sh"
. "$tree/tests/ptp_faults.sh"

faults_limit_us=500 # this machine stands still for milliseconds at times, and software timestamps with it
noticed=8           # seconds: three Announces that do not come, two for the rest, one for the statistics, two to spare

gm() { stat_of "$work/$1.json" clock_grandmaster; }
uncertainty() { stat_of "$work/$1.json" clock_uncertainty_ns; }

for name in $faults_hosts backup; do host $name; done
run witness "$build/stall-witness" --file "$work/stalls"
ptp4l_network sender left right || finish
ptp4l_start backup backup
ptp4l_follows backup 15
faults_play
first=$(gm left)
check 'the sender is the grandmaster' [ -n "$first" -a "$(gm sender)" = "$first" -a "$(gm right)" = "$first" ]

# ---- killed, with a backup --------------------------------------------------------------------------------------
faults_begin 'killed, with a backup'
stop ptp-sender KILL
for name in left right; do
    check "killed: $name says so in time" await $name $noticed 'clock ptp4l: (holdover|the grandmaster changed)'
done
check 'killed: the sender has no ptp4l' await_stat sender 5 clock_state = holdover
for name in left right; do await_stat $name 20 clock_slews '>' "${faults_before[$name.clock_slews]}"; done
faults_settle locked 'left right'
second=$(gm left)
check 'the backup has taken over' [ -n "$second" -a "$second" != "$first" -a "$(gm right)" = "$second" ]
check 'and is said to have' grep -q "locked to grandmaster $second" "$work/left.log"
faults_finish 0 any

# ---- and that one, too ------------------------------------------------------------------------------------------
faults_begin 'none left'
stop ptp-backup KILL
for name in left right; do
    check "none left: $name is in holdover in time" await_stat $name $noticed clock_state = holdover
    check "none left: $name says why" [ -n "$(stat_of "$work/$name.json" clock_reason)" ]
    check "none left: $name proves nothing" [ "$(stat_of "$work/$name.json" clock_proven)" = false ]
done
faults_settle holdover 'left right'
doubt=$(uncertainty left)
sleep "${HOLDOVER_S:-5}" # of holdover
echo "  none left: own doubt of left $(uncertainty left) ns"
check 'none left: uncertainty grows' compare "$(uncertainty left)" '>' "$(awk "BEGIN { print 1.2 * $doubt }")"
faults_finish 0 any

# ---- one returns ------------------------------------------------------------------------------------------------
faults_begin 'one returns'
ptp4l_start sender sender
ptp4l_leads sender 15
faults_settle
check 'one returns: all follow it' [ -n "$(gm left)" -a "$(gm left)" = "$(gm sender)" -a "$(gm right)" = "$(gm sender)" ]
faults_finish 0 any

stop witness
faults_heard
# a card that holds silence, or sound that has just begun, holds 20 ms at the most; silence that runs dry harms nobody
for name in $faults_receivers; do
    "$build/unisono-truth" damage "$work/$name.playback" --tone 997,1013 --json --witness "$work/stalls" --slack-ms 12 \
        > "$work/damage.json"
    check "$name: no damage but where the machine stood still" \
        holds "$work/damage.json" '.events_unexplained == 0 and
            ([.segments[] | select(.sounded and .ended == "xrun" and (.explained | not))] | length) == 0'
    echo "  states of $name: $(grep -o '"clock_state": *"[^"]*"' "$work/$name.json" | cut -d'"' -f4 | uniq -c | xargs)"
done
finish
