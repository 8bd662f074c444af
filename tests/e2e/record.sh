#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Recording: to the bit what was sent, at the time it was sent, so that recordings of several machines line up; a sender
# that is started again, another format, a full disk, a folder that vanishes, kill -9, paths that will not do. And the
# sound goes on.
. "$(dirname "$0")/lib.sh"

card plays 'ppm 40.0'
card full 'ppm -30.0'
host sender
host listener
mkdir "$work/takes" "$work/gone" "$work/small"
recv="$build/unisono-recv --group $group --interface eth0 --clock system"

record() { # NAME FILE [OPTION...]
    run $1 @listener $recv --record "$2" --stats "$work/$1.json" "${@:3}"
}
send() { # NAME OPTION...
    run $1 @sender "$build/unisono-send" --group $group --interface eth0 --clock system --latency 100 "${@:2}"
}
over() { # NAME SECONDS: until it ended by itself; its exit status is in $status
    local until=$((SECONDS + $2))
    while kill -0 "${pid[$1]}" 2> /dev/null && [ $SECONDS -lt $until ]; do sleep 0.05; done
    ! kill -0 "${pid[$1]}" 2> /dev/null || { echo "still running after $2 s"; return 1; }
    stop $1
}
raw() { sox -D "$1" -t raw -e signed -b "$2" - "${@:3}"; } # FILE BITS [EFFECT...]
frames() { soxi -s "$1"; }
reference() { # FILE: the sample count since midnight
    ffprobe -loglevel error -show_entries format_tags -of flat "$1" | grep -oiE 'time_reference="?=?[0-9]+' |
        grep -oE '[0-9]+$'
}

# ---- what will not do -------------------------------------------------------------------------------------------
touch "$work/takes/there.wav"
refuses() { # STATUS 'WHAT IT SAYS' OPTION...
    local expected=$1 says=$2
    shift 2
    timeout 10 $recv "$@" > "$work/refused.log" 2>&1
    [ $? = "$expected" ] && grep -qE -- "$says" "$work/refused.log" && return 0
    cat "$work/refused.log"
    return 1
}
none='--device none --interface lo'
recv="ip netns exec $ns_listener $build/unisono-recv --clock system"
check 'no folder, no recording' refuses 1 'missing: No such file' $none --record "$work/missing/a.wav"
check 'a name that is none of a sound file' refuses 2 '--record .*a\.mp3.*FILE\.wav or FILE\.flac' --record a.mp3
check 'neither sound nor recording' refuses 2 '--device none.*--record' --device none
recv="$build/unisono-recv --group $group --interface eth0 --clock system"

# ---- by name, and as plain AES67, beside all the others ----------------------------------------------------------
address=${group%:*} port=${group#*:}
sox -D -n -r 44100 -c 3 -b 24 "$work/noise3.wav" synth 8 whitenoise gain -12
net='--interface eth0 --clock system'
run named @listener "$build/unisono-recv" $net --stream Stage --device none --record "$work/takes/named.wav" \
    --stats "$work/named.json"
run unheard @listener "$build/unisono-recv" $net --group "$address:$((port + 4))" --device none \
    --record "$work/takes/unheard.wav" --control "$work/unheard.sock"
run plain @listener "$build/unisono-recv" $net --group "$address:$((port + 2))" --device none \
    --profile aes67 --codec L24 --rate 44100 --channels 3 --latency 40 --record "$work/takes/plain.wav"
for name in named plain; do await $name 10 'clock system: locked'; done
await unheard 10 "warning: --control $work/unheard.sock: there is nothing to change with --device none; no socket is made"
run stage @sender "$build/unisono-send" $net --name Stage --group "$address:$((port + 2))" \
    --input "file:$work/noise3.wav" --rate 44100 --channels 3 --latency 40

# ---- 24 bits, twice; with and without a sound device -------------------------------------------------------------
sox -D -n -r 48000 -c 2 -b 24 "$work/noise24.wav" synth 2.5 whitenoise gain -12
sox -D -n -r 48000 -c 1 -b 16 "$work/noise16.wav" synth 1 whitenoise gain -12
raw "$work/noise24.wav" 24 > "$work/noise24.raw"
record plays "$work/takes/plays.wav" --device plays
record flac "$work/takes/flac.flac" --device none
record killed "$work/takes/killed.wav" --device none
record there "$work/takes/there.wav" --device none
check 'a file that exists is left alone, and both are named' await there 5 'warning: .*there\.wav: .*left alone; .*there-2\.wav'
record gone "$work/gone/gone.wav" --device none
# a disk of 400 kB, 1.4 s, that nobody else sees
run full @listener sh -c "mount -t tmpfs -o size=400k none $work/small &&
    exec $recv --device full --record $work/small/full.wav --stats $work/full.json"
for name in plays flac killed there gone full; do await $name 10 'clock system: locked'; done
send first --input "file:$work/noise24.wav"
for name in plays flac killed gone full; do await $name 10 'recording to'; done
record late "$work/takes/late.wav" --device none
await there 10 'info: recording to .*there-2\.wav'
stop there
check 'the file is as it was' [ ! -s "$work/takes/there.wav" ]
check 'the other is made' [ "$(soxi -s "$work/takes/there-2.wav")" -gt 0 ]
await_stat killed 10 record_frames '>' 90000
stop killed KILL
await full 10 'the recording ends: cannot write to .*full.wav: .*No space left'
check 'the sender ends with its file' over first 10
before="$(stat_of "$work/full.json" xruns) $(stat_of "$work/full.json" concealed_frames)"
await_stat plays 5 record_frames = 120000
cp "$work/takes/killed.wav" "$work/killed.wav"
rm -r "$work/gone"
check 'who has no folder any more, and no sound device, ends' over gone 10
check 'with status 1' [ $status = 1 ]
check 'and says why' grep -q 'the recording ends: .*gone\.wav has been removed or renamed' "$work/gone.log"

send second --input "file:$work/noise24.wav"
run garbage @sender "$build/garbage" --group $group --interface eth0 --kind absurd --count 100 --rate 1000
await garbage 10 'sent 100'
run garbage1 @sender "$build/garbage" --group $group --interface eth0 --kind truncated --count 100 --rate 1000
await garbage1 10 'sent 100'
run garbage2 @sender "$build/garbage" --group $group --interface eth0 --kind codec --count 100 --rate 1000
await garbage2 10 'sent 100'
check 'without a sound device trouble is told' await flac 5 'packets with impossible presentation times'
check 'and what is malformed' await flac 5 'warning: [0-9]* packets are malformed'
check 'and a codec that is not known' await flac 5 'a stream of codec .* cannot be played'
check 'and a rate' await flac 5 'a stream of rate code 6, 192000 Hz, .* known are 44100 Hz .1., 48000 Hz .2.'
check 'and counted' await_stat flac 5 absurd_packets = 100
check 'each by its kind' await_stat flac 5 foreign_packets = 100
check 'and what was malformed' await_stat flac 5 malformed_packets = 100
await_stat full 10 state = playing
check 'a full disk ends the recording' [ "$(stat_of "$work/full.json" record_state)" = failed ]
check 'with one line of error' [ "$(grep -c 'error:' "$work/full.log")" = 1 ]
check 'the sender ends again' over second 10
await_stat full 5 state = idle
check "the sound goes on, without a fault: xruns and concealed frames stay $before" \
    [ "$(stat_of "$work/full.json" xruns) $(stat_of "$work/full.json" concealed_frames)" = "$before" ]

# ---- another format is another file -------------------------------------------------------------------------------
send third --input "file:$work/noise16.wav" --codec L16 --channels 1
await plays 10 'recording to .*plays-2\.wav'
check 'the sender ends a third time' over third 10
await_stat plays 5 record_state = recording
for name in plays flac late full named plain unheard; do
    stop $name
    check "$name: ends with status 0" [ $status = 0 ]
done

# ---- what is in the files ---------------------------------------------------------------------------------------
cd "$work/takes" || exit 1
whole() { # FILE: the noise, silence, the noise
    local n
    n=$(frames "$1")
    raw "$1" 24 trim 0s 120000s | cmp - "$work/noise24.raw" && raw "$1" 24 trim $((n - 120000))s | cmp - "$work/noise24.raw" &&
        [ "$(raw "$1" 24 trim 120000s $((n - 240000))s | tr -d '\0' | wc -c)" = 0 ]
}
for file in plays.wav flac.flac; do check "$file: to the bit what was sent, and silence between" whole $file; done
check 'both have the same length' [ "$(frames plays.wav)" = "$(frames flac.flac)" ]
check 'both begin at the same sample' [ -n "$(reference plays.wav)" -a "$(reference plays.wav)" = "$(reference flac.flac)" ]
check 'nothing was concealed' [ "$(stat_of "$work/plays.json" record_concealed_frames)" = 0 ]
check 'the gap is known' [ "$(stat_of "$work/plays.json" record_gap_frames)" = $(($(frames plays.wav) - 240000)) ]
for file in plays-2.wav flac-2.flac; do
    check "$file: 16 bits, to the bit" cmp <(raw $file 16) <(raw "$work/noise16.wav" 16)
    check "$file: has 16 bits" [ "$(soxi -b $file)" = 16 ]
done
later=$(($(reference late.wav) - $(reference plays.wav)))
check "a recording that began $later samples later" [ $later -gt 0 ]
check 'is the same when it is put where it says' cmp <(raw late.wav 24) <(raw plays.wav 24 trim ${later}s)
check 'a stream by name was found in time' [ "$(frames named.wav)" -gt 88200 ]
raw named.wav 24 > "$work/named.raw"
check 'from there on it is what was sent' cmp "$work/named.raw" <(raw "$work/noise3.wav" 24 | tail -c "$(stat -c %s "$work/named.raw")")
check 'as plain AES67 it is, too, from the first frame on' cmp -n "$(raw plain.wav 24 | wc -c)" <(raw plain.wav 24) \
    <(raw "$work/noise3.wav" 24)
check 'both are of the same time' [ "$(($(frames plain.wav) - $(frames named.wav)))" = \
    "$(($(reference named.wav) - $(reference plain.wav)))" ]
check 'its title is in the file' grep -qa 'Stage' named.wav
check 'what was not heard made no file' [ ! -e unheard.wav ]
raw "$work/killed.wav" 24 > "$work/killed.raw"
check 'what was killed can be read' [ "$(frames "$work/killed.wav")" -gt 40000 ]
check 'up to a second before the end' cmp -n "$(stat -c %s "$work/killed.raw")" "$work/killed.raw" "$work/noise24.raw"
stamp=$(($(date -u +%s) % 86400)) at=$(($(reference plays.wav) / 48000))
check 'the time of day is that of now' [ $(((stamp - at + 86400) % 86400)) -lt 120 ]
check 'who recorded is said' grep -qa unisono plays.wav
finish
