#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A programme gives way to a page: down while somebody talks, up again afterwards, also when the talker drops dead; without a click and
# without a hole. The page itself is 60 dB down here, so that what is measured is the programme.
# alone: levels are looked for at their times
. "$(dirname "$0")/lib.sh"

page=${group%:*}:$((${group#*:} + 2))
card speaker 'ppm 40.0'
host stage
host hall
run hall @hall "$build/unisono-recv" --device speaker --group "$group;name=music" --group "$page;name=call;gain=-60" --interface eth0 \
    --clock system --duck -20dB --stats "$work/hall.json"
run music @stage "$build/unisono-send" --input tone:997 --group "$group" --interface eth0 --clock system --latency 120
talk() { # LATENCY
    run talker @stage "$build/unisono-send" --input tone:440 --priority page --talk --group "$page" --interface eth0 --clock system \
        --latency "$1" --realtime off
    await talker 10 'standby: nothing is sent until somebody talks'
}
# of the newest line, until it holds: JQ
until_now() {
    local until=$((SECONDS + 10))
    until tail -n 1 "$work/hall.json" | holds /dev/stdin "$1" > "$work/said" 2>&1; do
        [ $SECONDS -lt $until ] || { cat "$work/said"; return 1; }
        sleep 0.05
    done
}
# peak LOWEST HIGHEST: of 300 ms of sound that is still to be made, once ramps are over
peak() {
    local from
    from=$(tail -n 1 "$work/hall.json" | jq .time_s)
    sleep 2.2 # sound: a line comes each second, the card holds a tenth, a release takes half a one
    "$build/clicks" --recording "$work/speaker.playback" --from "$(jq -n "$from + 1.4")" --until "$(jq -n "$from + 1.7")" > "$work/clicks.json"
    holds "$work/clicks.json" ".peak >= $1 and .peak <= $2" || { cat "$work/clicks.json"; return 1; }
}

talk 120
check 'the programme plays' until_now '.streams[0].state == "playing"'
check 'as it is sent' peak 0.2508 0.2516
kill -USR1 "${pid[talker]}"
check 'a page is heard' until_now '.streams[1].state == "playing" and .streams[1].page'
check 'the programme is 20 dB down' peak 0.0250 0.0257
check 'the statistics say so' until_now '(.streams[0].ducked_db + 20 | fabs) < 0.01 and .streams[1].ducked_db == 0'
kill -USR2 "${pid[talker]}"
check 'the page is over' until_now '.streams[1].state == "idle"'
check 'the programme is back' peak 0.2508 0.2516
kill -USR1 "${pid[talker]}"
check 'another page' until_now '.streams[1].state == "playing"'
stop talker KILL
check 'its talker drops dead: it falls silent' until_now '.streams[1].state == "idle"'
check 'and the programme is back' peak 0.2508 0.2516

# ---- an announcement from a file, in another format --------------------------------------------------------------------
sox -n -r 44100 -c 1 -b 16 "$work/gong.wav" synth 2.5 sine 300 gain -6
run gong @stage "$build/unisono-send" --announce "$work/gong.wav" --group "$page" --interface eth0 --clock system --latency 120 --realtime off
check 'is a page, too' until_now '.streams[1].state == "playing" and .streams[1].page and .streams[1].rate_hz == 44100 and
    .streams[0].ducked_db < -19'
wait "${pid[gong]}"
status=$?
unset 'pid[gong]'
check 'it is said once, and that is all' [ $status = 0 ]
check 'the programme is back in the end' until_now '.streams[1].state == "idle" and .streams[0].ducked_db == 0'

xruns=$(stat_of "$work/hall.json" xruns)
stop hall
if [ "$xruns" = 0 ]; then # else the machine stood still
    check 'the programme has not suffered' until_now '.streams[0].starts == 1 and .streams[0].concealed_frames == 0'
fi
"$build/clicks" --recording "$work/speaker.playback" > "$work/clicks.json"
# steps and kinks of the programme itself: 0.0328 and 0.0043
check 'no click in all of that' holds "$work/clicks.json" '.peak > 0.2 and .peak < 0.26 and .step < 0.0345 and .kink < 0.0055'
finish
