#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The monitor beside a talker who says nothing: announced, silent and well, and so are its receivers. A page comes and goes without
# an alarm.
. "$(dirname "$0")/lib.sh"

card speaker 'ppm 50.0'
for name in sender speaker ear; do host $name; done
net='--interface eth0 --clock system'
run speaker @speaker "$build/unisono-recv" --device speaker --group $group $net --stats "$work/speaker.json"
run sender @sender "$build/unisono-send" --input tone:997 --group $group $net --name Gate --talk --pre-roll 50 --latency 100 \
    --stats "$work/sender.json"
await sender 10 'standby: nothing is sent until somebody talks'
await_stat sender 15 receivers = 1
newest() { tail -n 2 "$work/monitor.out" | head -n 1; }
await_json() { # SECONDS FILTER: until jq says true of the newest line
    local until=$((SECONDS + $1))
    until newest | holds /dev/stdin "$2" > /dev/null 2>&1; do
        [ $SECONDS -lt $until ] || { newest | cut -c 1-600; return 1; }
        sleep 0.2
    done
}
run monitor @ear "$build/unisono-monitor" $net --json
timeout 30 ip netns exec "$ns_ear" "$build/unisono-monitor" --group $group $net --check 8 > "$work/check.log" 2>&1
status=$?
sed 's/^/  /' "$work/check.log"
# a machine that stands still lets cards run dry
grep '^FAIL' "$work/check.log" | grep -vE '^FAIL$|^FAIL xrun: .* its card ran dry' > "$work/reasons"
check 'a talker in standby is no reason to fail' [ ! -s "$work/reasons" ]
check 'and passes' [ $status = 0 -o "$(grep -c '^FAIL xrun' "$work/check.log")" -gt 0 ]
check 'and is told as that' grep -q '^stream Gate on .*: standby, 0 of 1 receivers play' "$work/check.log"
check 'so it is in JSON' await_json 5 '.streams[0] | .announced and .standby and (.on_air | not)'
kill -USR1 "${pid[sender]}"
check 'a page is on the air' await_json 10 '.streams[0] | .on_air and (.standby | not) and .playing == 1'
kill -USR2 "${pid[sender]}"
check 'and is over' await_json 10 '.streams[0] | .standby and (.on_air | not) and .playing == 0'
stop monitor
check 'none of it was an alarm' jq -se '[.[].alarms[] | select(.kind == "stream")] == []' "$work/monitor.out"
stop sender
check 'the sender ends cleanly' [ $status = 0 ]
stop speaker
check 'the receiver ends cleanly' [ $status = 0 ]
finish
