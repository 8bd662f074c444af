#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The grandmaster's timescale and what it announces of UTC: a leap second and another TAI - UTC are not heard, since PTP
# time knows neither; another timescale is another time. A receiver of another domain refuses the stream, and says why.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/ptp4l.sh"
. "$tree/tests/ptp_faults.sh"

faults_pretend
faults_play
faults_change 'from a timescale of its own to the PTP timescale' 1 0 'timescale ptp'
faults_change 'a leap second is announced' 0 0 'leap 61'
faults_change 'and comes: TAI - UTC is 38 s' 0 0 'leap 0; utc 38'
faults_change 'back to a timescale of its own' 1 0 'timescale arb'

card far 'ppm 20.0'
host far
fake_start far --domain 5
run far @far "$build/unisono-recv" --device far --group $group --interface eth0 --ptp-domain 5 \
    --clock "ptp4l:$(ptp4l_socket far)" --stats "$work/far.json"
await_stat far 20 clock_state = locked
check 'a receiver of another domain refuses the stream, and says why' \
    await far 10 'sender counts by PTP domain 0, this receiver by domain 5: its sound is refused'
check 'and so does its status' await_stat far 5 refused = true
check 'and it does not play' await_stat far 5 state = armed
from=$(stat_of "$work/far.json" time_s)
sleep 2 # silence
stop far
check 'and ends cleanly' [ $status = 0 ]
"$build/clicks" --recording "$work/far.playback" --from "$from" > "$work/far.clicks"
check 'it was silent' holds "$work/far.clicks" '.peak == 0'
faults_heard
finish
