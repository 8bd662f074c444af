#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The grandmaster's time jumps, for sender and receivers alike: a little of it is slewed and not heard; more is a short
# pause, from which all come back together, wherever time has gone.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/ptp4l.sh"
. "$tree/tests/ptp_faults.sh"

faults_pretend
faults_play
faults_change 'a new grandmaster, 80 us ahead' 0 1 'gm 02-00-00-FF-FE-0A-00-02; step 80000'
faults_change '20 ms ahead' 1 0 'step 20000000'
faults_change 'a new grandmaster, 20 ms behind' 1 0 'gm 02-00-00-FF-FE-0A-00-01; step -20000000'
faults_change 'two hours ahead' 1 0 'step 7200000000000'
faults_change '1970' 1 0 "gm 02-00-00-FF-FE-0A-00-03; epoch $(($(date +%s) - 2574))000000000"
for name in $faults_hosts; do
    check "$name: says that time jumped" grep -q 'time jumped by .* the sound is placed anew' "$work/$name.log"
    check "$name: names the new grandmaster" \
        grep -q 'the grandmaster changed.* 02-00-00-FF-FE-0A-00-0' "$work/$name.log"
done
faults_heard
finish
