#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Maps by the names of channels, as descriptions have them: by announcement and by file; a name that is not there; names that change
# while it plays; a map that somebody set meanwhile; and a group, which has no names.
# alone: levels are looked for at their times
. "$(dirname "$0")/lib.sh"

host stage
host hall
for name in named filed wrong told beyond; do card $name; done
net="--interface eth0 --clock system"
# the first channel has 0.25, the second 0.05
sox -D -n -r 48000 -c 2 -b 24 "$work/band.wav" synth 60 sine 500 sine 500 remix 1v0.25 2v0.05

send() { # CHANNEL-NAMES
    run band @stage "$build/unisono-send" --input "file:$work/band.wav" --name Band --channel-names "$1" --latency 80 \
        --group "$group" $net
}
play() { # NAME OPTION...
    run "$1" @hall "$build/unisono-recv" --device "$1" $net --control off --stats "$work/$1.json" "${@:2}"
}
peak() { # CARD CHANNEL FROM LOWEST HIGHEST: of 0.3 s
    "$build/clicks" --recording "$work/$1.playback" --channel "$2" --from "$3" --until "$(jq -n "$3 + 0.3")" |
        tee "$work/peak" | holds /dev/stdin ".peak >= $4 and .peak <= $5" || { echo "$1, channel $2:"; cat "$work/peak"; return 1; }
}
# levels CARD LOWEST HIGHEST LOWEST HIGHEST: of both channels, from what the card holds and a ramp later on
levels() {
    local from
    from=$("$build/unisono-ctl" --to "$work/named.sock" --json status | jq '.time_s + 0.15')
    sleep 0.6 # sound
    peak "$1" 1 "$from" "$2" "$3" && peak "$1" 2 "$from" "$4" "$5"
}
vox='0.24 0.26' keys='0.045 0.055' silence='0 0'
logged() { [ "$(grep -c -- "$2" "$work/$1.log")" = "$3" ] || { cat "$work/$1.log"; return 1; } } # NAME REGEX TIMES

# ---- where it is described ------------------------------------------------------------------------------------------
ip netns exec "$ns_stage" "$build/unisono-send" --input "file:$work/band.wav" --name Band --channel-names 'Vox,Keys' \
    --group "$group" $net --print-sdp > "$work/band.sdp" 2> "$work/print.log"
run named @hall "$build/unisono-recv" --device named $net --control "$work/named.sock" --stats "$work/named.json" \
    --stream 'Band;map=1=Keys,2=Vox'
play filed --sdp "$work/band.sdp;map=1=Keys,2=Vox"
play wrong --stream Band --map 1=Drums,2=Vox
play told --group "$group;map=1=Keys,2=1"
play beyond --stream 'Band;map=1=3,2=Vox'
send 'Vox,Keys'
for name in named filed wrong told beyond; do await_stat $name 15 state = playing; done
check 'announced: each name is its channel' levels named $keys $vox
check 'in a file: the same' levels filed $keys $vox
check 'neither has anything to complain about' logged named warning:.map 0
check 'nor the other' logged filed warning:.map 0
check 'a name that is not there is silent, the other is heard' levels wrong $silence $vox
check 'which the log says, once' logged wrong "warning: map: 'Drums' in '1=Drums': the stream has no channel of that name; silent\$" 1
check 'a group has no names: silent' levels told $silence $vox
check 'and what to do about it' logged told "warning: map: 'Keys' in '1=Keys': .*: names need --stream or --sdp; silent\$" 1
check 'a channel that is not there is silent, the other is heard' levels beyond $silence $vox
check 'which the log says, once' logged beyond "warning: map: '3' in '1=3': the stream has 2 channels; silent\$" 1

# ---- what somebody sets, and names that change -----------------------------------------------------------------------
"$build/unisono-ctl" --to "$work/named.sock" map 1=Vox,2=Drums > "$work/said" 2>&1
check 'a map by names is set' grep -q "^note: 'Drums' in '2=Drums': the stream has no channel of that name$" "$work/said"
check 'and heard' levels named $vox $silence
ssrc=$(stat_of "$work/wrong.json" ssrc)
stop band
send 'Drums,Vox'
for name in named wrong; do await $name 15 ', channels Drums, Vox$'; done
for name in named wrong filed; do await_stat $name 15 ssrc != "$ssrc"; await_stat $name 15 state = playing; done
check 'names that change are followed' levels wrong $vox $keys
check 'also by a map that somebody set' levels named $keys $vox
check 'and stays as it was set' grep -q '^    map: 1=Vox,2=Drums$' <("$build/unisono-ctl" --to "$work/named.sock" status)
check 'a file says what it said' levels filed $keys $vox
finish
