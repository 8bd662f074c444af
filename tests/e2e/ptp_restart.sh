#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Real ptp4l: that of one receiver is killed, started again, and held up. The receiver plays on, in step with the other,
# and comes back to its grandmaster.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/ptp4l.sh"
. "$tree/tests/ptp_faults.sh"

faults_limit_us=500 # this machine stands still for milliseconds at times, and software timestamps with it

for name in $faults_hosts; do host $name; done
ptp4l_network sender left right || finish
faults_play
sleep 4 # in which the clocks' rates are learnt

faults_begin 'killed'
stop ptp-left KILL
check 'killed: it is in holdover' await_stat left 6 clock_state = holdover
check 'killed: and says why' grep -q 'no answer from ptp4l at .* is it running' "$work/left.log"
sleep 2 # of holdover
check 'killed: the other is not concerned' [ "$(stat_of "$work/right.json" clock_state)" = locked ]
ptp4l_start left receiver
ptp4l_follows left 15
faults_settle
faults_finish 0 any

faults_begin 'held up'
kill -STOP "${pid[ptp-left]}"
check 'held up: it is in holdover' await_stat left 6 clock_state = holdover
check 'held up: and says why' grep -q 'does not answer in domain 0' "$work/left.log"
sleep 1 # of holdover
kill -CONT "${pid[ptp-left]}"
faults_settle
faults_finish 0 any

faults_heard
finish
