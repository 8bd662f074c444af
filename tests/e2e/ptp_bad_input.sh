#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# --clock ptp4l:PATH where PATH is anything but a ptp4l: one clear line, no PTP, and a process that lives and ends
# cleanly. --on-ptp-loss: silence or sound while there is no grandmaster. And ptp4l can read the files in tools/.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/ptp4l.sh"

# ---- what is not ptp4l ------------------------------------------------------------------------------------------
declare -A expected=()

# wrong NAME PATH REGEX [COMMAND...]: starts a receiver, by COMMAND
wrong() {
    local name=$1 path=$2
    expected[$name]=$3
    shift 3
    card $name
    run $name @here "$@" "$build/unisono-recv" --device $name --group $group --interface eth0 --realtime off \
        --clock "ptp4l:$path" --stats "$work/$name.json"
}

host here
chmod 1777 "$work" # nobody writes there, too
mkdir "$work/folder"
: > "$work/file"
run stream perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Local => shift, Listen => 1) or die; print "ready\n";
    $s->flush; close STDOUT; sleep 100' "$work/stream.socket"
await stream 5 ready
fake_start here
stop fake-here KILL # leaves its socket behind
mv "$(ptp4l_socket here)" "$work/dead"
fake_start here --version 4.4
fake_tell 'garbage on' here

wrong missing "$work/none" "no ptp4l at $work/none: start it"
wrong plain "$work/file" "$work/file is not a socket"
wrong folder "$work/folder" "$work/folder is not a socket"
wrong stranger "$work/stream.socket" "ptp4l at $work/stream.socket"
wrong dead "$work/dead" "ptp4l at $work/dead: is it running"
wrong garbage "$(ptp4l_socket here)" "ptp4l at $(ptp4l_socket here) .*answer.* domain"
wrong nobody "$(ptp4l_socket here)" "ptp4l at $(ptp4l_socket here) refuses this user" \
    setpriv --reuid nobody --regid nogroup --clear-groups
for name in "${!expected[@]}"; do
    check "$name: one line says so" await $name 5 "${expected[$name]}"
    check "$name: there is no PTP" await_stat $name 5 clock_state = no-ptp
    check "$name: the status has the reason, too" [ -n "$(stat_of "$work/$name.json" clock_reason)" ]
done
sleep 3 # of the same
for name in "${!expected[@]}"; do
    check "$name: still runs, without PTP" await_stat $name 1 clock_state = no-ptp
    stop $name TERM
    check "$name: ends cleanly" [ $status = 0 ]
    check "$name: has said it once" [ "$(grep -cE "${expected[$name]}" "$work/$name.log")" = 1 ]
    check "$name: few lines in the log" compare "$(wc -l < "$work/$name.log")" '<' 10
done
stop stream TERM

long=$work/$(printf '%0120d' 0)
card long
"$build/unisono-recv" --device long --group $group --interface lo --clock "ptp4l:$long" \
    > "$work/long.out" 2> "$work/long.log"
check 'a path too long for a socket: wrong usage' [ $? = 2 ]
check 'a path too long for a socket: one line says so' grep -qE 'at most 107 characters' "$work/long.log"
check 'and only one' [ "$(wc -l < "$work/long.log")" = 1 ]

# ---- no grandmaster: mute, or play on ---------------------------------------------------------------------------
fake_tell 'garbage 0' here
host there
fake_start there
card quiet 'ppm 50.0'
card loud 'ppm -80.0'
net="--group $group --interface eth0"
run quiet @here "$build/unisono-recv" --device quiet $net --clock "ptp4l:$(ptp4l_socket here)" \
    --stats "$work/quiet.json" --on-ptp-loss mute
run loud @here "$build/unisono-recv" --device loud $net --clock "ptp4l:$(ptp4l_socket here)-ro" \
    --stats "$work/loud.json"
run sender @there "$build/unisono-send" --input tone:997 $net --latency 80 --clock "ptp4l:$(ptp4l_socket there)"
for name in quiet loud; do await_stat $name 20 state = playing; done
check 'the read-only socket does as well' await_stat loud 5 clock_state = locked
sleep 1 # sound of both
starts=$(stat_of "$work/loud.json" starts) xruns=$(stat_of "$work/loud.json" xruns)
fake_tell 'state LISTENING' here
for name in quiet loud; do await_stat $name 5 clock_state = holdover; done
check '--on-ptp-loss mute: silence' await_stat quiet 5 state = armed
from=$(stat_of "$work/quiet.json" time_s)
sleep 2 # silence
until=$(stat_of "$work/quiet.json" time_s)
check 'otherwise sound' await_stat loud 5 state = playing
fake_tell 'state SLAVE' here
for name in quiet loud; do await_stat $name 15 clock_state = locked; done
check 'and sound again with the grandmaster' await_stat quiet 5 state = playing
sleep 1 # sound of both
check 'nothing was started anew where it played on' compare \
    "$(stat_of "$work/loud.json" starts)" '<=' $((starts + $(stat_of "$work/loud.json" xruns) - xruns))
stop sender
for name in quiet loud; do
    await_stat $name 10 state = idle
    stop $name
    check "$name: ends cleanly" [ $status = 0 ]
    "$build/clicks" --recording "$work/$name.playback" > "$work/$name.clicks"
    check "$name: no click" holds "$work/$name.clicks" '.peak < 0.26 and .step < 0.0345 and .kink < 0.0055'
done
"$build/clicks" --recording "$work/quiet.playback" --from "$(jq -n "$from + 0.3")" --until "$until" > "$work/quiet.clicks"
check 'mute is mute' holds "$work/quiet.clicks" '.peak == 0'

# ---- the files in tools/ ----------------------------------------------------------------------------------------
# Those for hardware end here for want of it, after they have been read.
for file in "$tree"/tools/ptp4l-*.conf; do
    name=$(basename "$file" .conf)
    run $name @there timeout 3 ptp4l -f "$file" -i lo -m --uds_address "$work/conf.socket"
    wait "${pid[$name]}"
    unset "pid[$name]"
    check "$name: ptp4l reads it" \
        sh -c '! grep -E "failed to parse|unknown option|bad value|out of range" "$1" "$2"' - \
        "$work/$name.log" "$work/$name.out"
    check "$name: and takes it up" grep -qE 'INITIALIZING to LISTENING|requested timestamping mode' \
        "$work/$name.log" "$work/$name.out"
done
finish
