#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# ptp4l itself fails: it answers garbage, refuses, stalls, is killed and comes back as another version. All play on and
# lock again; nothing is heard of it.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/ptp4l.sh"
. "$tree/tests/ptp_faults.sh"

# WHAT COMMANDS UNDO REASON: what is wrong goes on until all are in holdover and say why
fault() {
    local name
    local -A lines=()
    for name in $faults_hosts; do lines[$name]=$(wc -l < "$work/$name.log"); done
    faults_begin "$1"
    fake_tell "$2" $faults_hosts
    for name in $faults_hosts; do
        check "$1: $name holds over" await_stat $name 15 clock_state = holdover
        check "$1: $name says why" grep -qE "$4" <(tail -n +$((lines[$name] + 1)) "$work/$name.log")
    done
    [ -z "$3" ] || fake_tell "$3" $faults_hosts
}

faults_pretend
faults_play
fault 'garbage' 'garbage on' 'garbage 0' 'answers? (nothing|not|only)|does not answer'
faults_settle
faults_finish 0 any
fault 'nonsense' 'nonsense on' 'nonsense 0' 'impossible|hears no grandmaster|not this machine|following grandmaster'
faults_settle
faults_finish 0 any
faults_change 'some garbage' 0 any 'garbage 20'
fault 'stalled' 'stall on' 'stall off' 'does not answer in domain 0'
faults_settle
faults_finish 0 any
fault 'no Sync' 'sync off' 'sync 16' 'no Sync from grandmaster 02-00'
faults_settle
faults_finish 0 any
faults_begin 'killed, and back as other versions'
for name in $faults_hosts; do stop fake-$name KILL; done
for name in $faults_hosts; do
    check "killed: $name holds over" await_stat $name 10 clock_state = holdover
    check "killed: $name says why" grep -q 'no answer from ptp4l at .* is it running' "$work/$name.log"
done
fake_start sender --version 4.0 --sync 16
fake_start left --version 4.2 --sync 16
fake_start right --version 4.4 --sync 16
fake_tell 'noise 20' $faults_hosts
faults_settle
faults_finish 0 any
faults_heard
finish
