#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# From the first sample to the last: every source, the announced start and the announced end, both profiles, conversion
# of rates, the statistics, and the signals that end a program.
# alone: what leaves the cards is judged by the microsecond
. "$(dirname "$0")/lib.sh"

for name in one two three; do card $name "ppm $((${#name} * 40 - 160)).0"; done # 3, 3, 5 letters: -40, -40, 40
card mic 'ppm 17.0' # hears 1000 and 1010 Hz
for name in captured plain converted; do card $name 'ppm -25.0'; done
card cheap 'ppm 60.0 rates "44100" channels "4"'
host sender
host listener
net='--interface eth0 --clock system'
receivers='one two three'
address=${group%:*} port=${group#*:}
beside() { echo "$address:$((port + 2 * $1))"; } # other groups, for streams at the same time

listen() { # NAME GROUP [OPTION...]
    run $1 @listener "$build/unisono-recv" --device $1 --group $2 $net --stats "$work/$1.json" "${@:3}"
}
send() { # NAME GROUP OPTION...
    run $1 @sender "$build/unisono-send" --group $2 $net --stats "$work/$1.json" "${@:3}"
}
# ended NAME SECONDS: by itself, within that time; its exit status is in $status
ended() {
    local until=$((SECONDS + $2))
    while kill -0 "${pid[$1]}" 2> /dev/null && [ $SECONDS -lt $until ]; do sleep 0.05; done
    ! kill -0 "${pid[$1]}" 2> /dev/null || { echo "still running after $2 s"; return 1; }
    stop $1
}
# ends NAME SIGNAL: within 2 s, and cleanly
ends() {
    local began=${EPOCHREALTIME/./}
    stop $1 $2
    check "$1: $2 ends it with status 0" [ $status = 0 ]
    check "$1: within 2 s" [ $((${EPOCHREALTIME/./} - began)) -lt 2000000 ]
}
tone() { sox -D -n -r 48000 -c 2 "$@" gain -12; } # OUTPUT... synth SECONDS sine HZ

# ---- a file, from beginning to end, several times ---------------------------------------------------------------
tone -b 24 "$work/short.wav" synth 0.4 sine 997
for name in $receivers; do listen $name $group; done
for name in $receivers; do await $name 10 'clock system: locked'; done
streams=6
# the latency is shorter than the silence that a waiting receiver keeps in its card: only who was told of the start by
# INIT has drained that by the first sample
for ((i = 0; i < streams; i++)); do
    send file $group --input "file:$work/short.wav" --latency 12
    check 'the sender ends with its file' ended file 10
    check 'with status 0' [ $status = 0 ]
    check 'and says so' grep -q 'the input has ended' "$work/file.log"
    for name in $receivers; do await_stat $name 5 state = idle; done
done
for name in $receivers; do fresh $name; done
for name in $receivers; do
    "$build/clicks" --recording "$work/$name.playback" --gap 100 > "$work/$name.clicks"
    check "$name: all $streams files were heard" holds "$work/$name.clicks" ".sounds | length == $streams"
    check "$name: fades begin and end them" \
        holds "$work/$name.clicks" '.peak < 0.26 and .step < 0.0345 and .kink < 0.0047'
done
# a machine that stood still at the wrong moment may have spoilt two of them
check 'all receivers start at the same sample' jq -es --argjson n $streams '[.[].sounds | map(.from_s)] | transpose |
    map(select(max - min < 0.0001)) | length >= $n - 2' "$work/one.clicks" "$work/two.clicks" "$work/three.clicks"
check 'with the first of the file, and play to its last' jq -es --argjson n $streams \
    'map(.sounds[] | .until_s - .from_s) | map(select(. > 0.395 and . < 0.42)) | length >= 3 * ($n - 2)' \
    "$work/one.clicks" "$work/two.clicks" "$work/three.clicks"

# ---- FLAC, again and again --------------------------------------------------------------------------------------
# 997 periods: the end fits the beginning
tone -b 16 "$work/loop.flac" synth 1 sine 997
concealed=$(stat_of "$work/one.json" concealed_frames)
send loop $group --input "file:$work/loop.flac" --loop --latency 80
await loop 5 'FLAC'
for name in $receivers; do await_stat $name 10 state = playing; done
from=$(stat_of "$work/one.json" time_s)
sleep 3.5 # three times through
until=$(stat_of "$work/one.json" time_s)
ends loop TERM
await_stat one 5 state = idle
"$build/clicks" --recording "$work/one.playback" --from "$from" --until "$until" > "$work/one.clicks"
check 'a loop has no seam' holds "$work/one.clicks" '(.sounds | length == 1) and .kink < 0.0044'
if [ "$(stat_of "$work/one.json" xruns)" = 0 ]; then
    check 'an announced end is no loss' [ "$(stat_of "$work/one.json" concealed_frames)" = "$concealed" ]
fi

# ---- stdin ------------------------------------------------------------------------------------------------------
mkfifo "$work/pipe"
tone -t raw -e signed -b 16 - synth 1 sine 997 > "$work/pipe" &
pid[writer]=$!
input=$work/pipe send pipe $group --input stdin --format S16_LE --rate 48000 --channels 2 --latency 80
check 'the sender ends with its stdin' ended pipe 10
check 'with status 0' [ $status = 0 ]
fresh one
await_stat one 5 state = idle
"$build/clicks" --recording "$work/one.playback" --from "$until" --gap 100 > "$work/one.clicks"
check 'all of stdin was heard, to its last sample' \
    holds "$work/one.clicks" '.sounds[-1] | .until_s - .from_s | . > 0.995 and . < 1.02'

# ---- three streams at once: a captured one, one of plain AES67, one of another rate -----------------------------
listen captured "$(beside 1)"
listen plain "$(beside 2)" --profile aes67 --codec L24 --rate 48000 --channels 2 --latency 40
listen converted "$(beside 3)"
listen cheap "$(beside 1)" --rate 44100 --channels 4
send mic "$(beside 1)" --input alsa:mic --latency 40
send aes67 "$(beside 2)" --input tone:997 --latency 40 --profile aes67
send cd "$(beside 3)" --input tone:997 --latency 40 --rate 44100
for name in captured plain converted cheap; do await_stat $name 10 state = playing; done
await_stat captured 5 rate_hz = 48000
await_stat converted 5 rate_hz = 44100
sleep 4 # the sound that is measured
ends one TERM # waiting
ends captured INT # playing
ends mic INT
ends aes67 TERM
ends cd INT
for name in plain converted cheap; do await_stat $name 5 state = idle; done
ends plain TERM
ends converted INT
ends cheap TERM
check 'a stream of 44100 Hz says so' grep -q 'playing L24, 44100 Hz, 2 channels' "$work/converted.log"
latency() { # NAME SOURCE TONES
    "$build/unisono-truth" latency "$work/$1.playback" --source $2 --tone $3 --skip 2 --expect 40 --json \
        > "$work/$1.latency"
    check "$1: from source to converter 40 ms, within 100 us" \
        holds "$work/$1.latency" '.error_ns.count > 100 and .error_ns.median < 100000 and .error_ns.median > -100000'
}
latency captured raw 1000,1010
latency cheap raw 1000,1010 # a card that can do neither the rate nor the channels of the stream
latency plain realtime 997
latency converted realtime 997
check 'a card of 44100 Hz and 4 channels plays it' grep -q 'S32_LE, 44100 Hz, 4 channels' "$work/cheap.log"
for name in plain converted; do
    "$build/clicks" --recording "$work/$name.playback" > "$work/$name.clicks"
    check "$name: no click" holds "$work/$name.clicks" '.peak < 0.26 and .step < 0.0345 and .kink < 0.0047'
done
check 'both programs found their cards' compare "$(stat_of "$work/mic.json" card_ppm)" '>' 16

# ---- statistics on the standard output --------------------------------------------------------------------------
from=$(stat_of "$work/two.json" time_s)
ends two TERM # waiting
run two @listener "$build/unisono-recv" --device two --group $group $net --stats -
run talk @sender "$build/unisono-send" --input tone:997 --group $group $net --latency 80 --stats -
await two 10 '"state":"playing"'
sleep 2.2 # lines
ends two INT # playing
ends talk TERM
for name in two talk; do
    check "$name: a line is an object" holds "$work/$name.out" \
        'length == $lines and all(type == "object")' -s --argjson lines "$(wc -l < "$work/$name.out")"
    check "$name: each names state and time" holds "$work/$name.out" 'all(.state and .time_s)' -s
    # the last is written at the end
    check "$name: one a second" \
        holds "$work/$name.out" '.[:-1] | (last.time_s - first.time_s) / (length - 1) | . > 0.8 and . < 1.2' -s
    check "$name: nothing else is there" [ "$(grep -cv '^{.*}$' "$work/$name.out")" = 0 ]
done
"$build/clicks" --recording "$work/two.playback" --from "$from" > "$work/two.clicks"
check 'a receiver that is stopped while it plays fades' \
    holds "$work/two.clicks" '., ((.sounds | length >= 1) and .step < 0.0345 and .kink < 0.0047)'
ends three TERM
finish
