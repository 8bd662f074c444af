#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What cannot work is refused: one line on stderr that names the thing, the value and the remedy, the right exit
# status (2: the command line is wrong, 1: what it asks for cannot be had), and nothing left behind. What merely
# cannot be had in full (real-time scheduling) is one warning, and the sound goes on.
. "$(dirname "$0")/lib.sh"

send=$build/unisono-send recv=$build/unisono-recv
host here
card good
card rates 'rates "44100,96000"'
card channels 'channels "1,4"'
card wide 'channels "8"'
# a card of which we know no format: it takes mu-law alone
echo 'pcm.format { type mulaw slave { pcm "null" format S16_LE } }' >> "$ALSA_CONFIG_PATH"
mkdir "$work/empty" "$work/files"

# What was not as it should be, a line for each: is_refusal STATUS 'REGEX' [PID that may be there]
is_refusal() {
    local lines others
    lines=$(wc -l < "$work/refused.log")
    others=$(ip netns pids "$ns_here" | grep -vx "${3:-0}")
    [ "$refused" = "$1" ] || echo "exit status $refused, not $1"
    [ "$lines" = 1 ] || echo "$lines lines on stderr, not 1"
    grep -qE -- "$2" "$work/refused.log" || echo "no '$2'"
    [ ! -s "$work/refused.out" ] || echo "something on stdout"
    [ -z "$(ls -A "$work/empty")" ] || echo "left behind: $(ls -A "$work/empty")"
    [ -z "$others" ] || echo "still running: $others"
}

# refused 'what' STATUS 'REGEX' COMMAND...
refused() {
    local claim=$1 wanted=$2 regex=$3
    shift 3
    (cd "$work/empty" && exec timeout -k 1 10 ip netns exec "$ns_here" "$@") \
        > "$work/refused.out" 2> "$work/refused.log" < /dev/null
    refused=$?
    is_refusal "$wanted" "$regex" "${pid[squatter]:-}" > "$work/refused.why"
    [ ! -s "$work/refused.why" ] || cat "$work/refused.log" >> "$work/refused.why"
    check "$claim" sh -c 'cat "$1"; [ ! -s "$1" ]' - "$work/refused.why"
    rm -rf "$work/empty"
    mkdir "$work/empty"
}

net="--group $group --interface eth0 --clock system"
play="$recv --device good $net"
tone="$send --input tone $net"

# ---- the command line -------------------------------------------------------------------------------------------
for program in "$tone" "$play"; do
    name=$(basename "${program%% *}")
    refused "$name: unknown option" 2 'unknown option --sing; see unisono-.* --help' $program --sing 3
    refused "$name: unknown option with a near neighbour" 2 '--grop; did you mean --group\?' $program --grop 3
    refused "$name: a word that is no option" 2 "'loud'" $program loud
    refused "$name: value missing" 2 '--stats: needs a value' $program --stats
    refused "$name: given twice" 2 '--log debug: given before' $program --log info --log debug
    refused "$name: out of range" 2 '--realtime 100: allowed are 1 to 99, or off' $program --realtime 100
    refused "$name: not a number" 2 '--ptp-domain 1x: allowed are 0 to 127' $program --ptp-domain 1x
    refused "$name: not a word of the list" 2 '--log loud: allowed are error, warning, info' $program --log loud
    refused "$name: no configuration file" 2 '--config /nowhere: No such file' $program --config /nowhere
    refused "$name: a group that is not multicast" 2 '--group 10.1.2.3:5004: not a multicast address; allowed are 224' \
        ${program%% *} --group 10.1.2.3:5004
    refused "$name: a port that is none" 2 '--group 239.1.2.3:70000: not a port' ${program%% *} --group 239.1.2.3:70000
    refused "$name: no such clock" 2 '--clock sundial: allowed are auto, system' ${program%% *} --clock sundial
done
refused 'receiver: delay out of range' 2 '--delay 1001: allowed are 0 to 1000 ms' $play --delay 1001
refused 'receiver: gain out of range' 2 '--gain 21: allowed are -90 to 20 dB' $play --gain 21
refused 'receiver: a stream that describes itself is not described' 2 '--codec: .*--profile aes67' $play --codec L24
refused 'receiver: a plain stream has to be' 2 '--latency: missing' \
    $play --profile aes67 --codec L24 --rate 48000 --channels 2
refused 'sender: no input' 2 '--input: missing; allowed are' $send $net
refused 'sender: unknown kind of input' 2 '--input radio: allowed are alsa:DEVICE' $send --input radio $net
refused 'sender: no pitch' 2 '--input tone:loud: .*1 to 20000 Hz' $send --input tone:loud $net
refused 'sender: stdin without its format' 2 '--input stdin: needs --format' $send --input stdin $net
refused 'sender: rate' 2 '--rate 47999: allowed are 44100' $tone --rate 47999
refused 'sender: channels' 2 '--channels 65: allowed are 1 to 64' $tone --channels 65
refused 'sender: packet time' 2 '--ptime 3: allowed are 0.125' $tone --ptime 3
refused 'sender: latency below the packet time' 2 '--latency 1: allowed is more than --ptime 1' $tone --latency 1
refused 'sender: packets that do not fit' 2 '64 channels of L24 at 96000 Hz fit no packet: send [0-9]+ channels' \
    $tone --rate 96000 --channels 64

# ---- files ------------------------------------------------------------------------------------------------------
# RIFF WAVE by hand: format tag, channels, bytes of sound
wav() {
    printf 'RIFF\x34\0\0\0WAVEfmt \x10\0\0\0\x'"$1"'\0\x'"$2"'\0\x80\xbb\0\0\0\xee\x02\0\x04\0\x10\0data\x'"$3"'\0\0\0'
    printf 'aaaabbbbccccdddd' | head -c $((0x$3))
}
cd "$work/files" || exit 1
: > empty.wav
head -c 4000 /dev/urandom > noise.wav
wav 70 02 10 > unknown.wav # a tag that libsndfile has no decoder for
wav 01 02 00 > silent.wav
wav 01 03 0c > three.wav
head -c 20 three.wav > cut.wav
cp three.wav secret.wav
chmod 000 secret.wav
chmod 755 "$work/files"
chmod 711 "$work"
cd "$tree" || exit 1
from="$send $net --input file:$work/files"
refused 'a file that is not there' 1 'error: file:.*/none.wav: No such file or directory' $from/none.wav
refused 'a folder' 1 'error: file:.*/files/: is a directory' $from/
refused 'an empty file' 1 'error: file:.*/empty.wav: is empty .*WAV, FLAC' $from/empty.wav
refused 'a file of noise' 1 'error: file:.*/noise.wav: not a sound file .*WAV, FLAC' $from/noise.wav
refused 'a WAV of an unknown kind' 1 'error: file:.*/unknown.wav: not a sound file .*WAV, FLAC' $from/unknown.wav
refused 'a WAV without samples' 1 'error: file:.*/silent.wav: holds no sound' $from/silent.wav
refused 'a WAV cut within its header' 1 'error: file:.*/cut.wav: not a sound file' $from/cut.wav
refused 'channels that do not fit' 1 'error: file:.*/three.wav: has 3 channels, not 2.*--channels 3' \
    $from/three.wav --channels 2
# programs where an ordinary user can reach them
mkdir -m 1777 "$work/user"
cp "$send" "$recv" "$build/libasound_module_pcm_unisono_sim.so" "$work/user"
user='setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all'
refused 'a file we may not read' 1 'error: file:.*/secret.wav: Permission denied' \
    $user "$work/user/unisono-send" $net --input "file:$work/files/secret.wav"
refused 'stdin that ends at once' 1 'error: stdin: ended before one whole frame' \
    $send $net --input stdin --format S16_LE

# ---- network ----------------------------------------------------------------------------------------------------
for program in "$send --input tone" "$recv --device good"; do
    name=$(basename "${program%% *}")
    refused "$name: no such interface" 1 'error: .* nosuch0; there are: .*eth0' \
        $program --group "$group" --clock system --interface nosuch0
    refused "$name: no such address" 1 'error: .* 10.99.0.1; there are: .*eth0' \
        $program --group "$group" --clock system --interface 10.99.0.1
done
run squatter @here "$build/garbage" --kind occupy --group "$group" --interface eth0
await squatter 5 occupied
refused 'receiver: a port that another program does not share' 1 \
    "error: $group cannot be received: Address already in use.*another port" $play
stop squatter TERM

# ---- sound cards ------------------------------------------------------------------------------------------------
refused 'receiver: no such card' 1 'error: sound device nosuch cannot be opened: No such file.*aplay -L' \
    $recv --device nosuch $net
refused 'sender: no such card' 1 'error: sound input nosuch cannot be opened: No such file.*arecord -L' \
    $send --input alsa:nosuch $net
# "it can do 44100 to 96000 Hz" would be a lie about 48000
refused 'sender: a rate the card cannot do, and those it can' 1 \
    'error: .*rates cannot do 48000 Hz.* 44100( Hz)?(,| and| or) 96000.*--rate' $send --input alsa:rates $net
refused 'sender: channels the card cannot do, and those it can' 1 \
    'error: .*channels cannot do 2 channels.* 1(,| and| or) 4.*--channels' $send --input alsa:channels $net
refused 'sender: a card of no known format, and what it can' 1 'error: .*format .*MU_LAW' \
    $send --input alsa:format $net
refused 'receiver: a rate the card cannot do, and those it can' 1 \
    'error: .*rates cannot do 48000 Hz.* 44100( Hz)?(,| and| or) 96000.*--rate' $recv --device rates $net
refused 'receiver: channels the card cannot do, and those it can' 1 \
    'error: .*channels cannot do 2 channels.* 1(,| and| or) 4.*--channels' $recv --device channels $net
refused 'receiver: a card that has more channels only' 1 'error: .*wide cannot do 2 channels.* 8[^0-9].*--channels' \
    $recv --device wide $net
refused 'receiver: a card of no known format, and what it can' 1 'error: .*format .*MU_LAW.*plug:' \
    $recv --device format $net

# ---- statistics -------------------------------------------------------------------------------------------------
for program in "$tone" "$play"; do
    name=$(basename "${program%% *}")
    refused "$name: statistics that cannot be written" 1 'error: --stats /nowhere/s.json: .*No such file' \
        $program --stats /nowhere/s.json
done
refused 'sender: a start that fails leaves no statistics' 1 'sound input nosuch' \
    $send --input alsa:nosuch $net --stats here.json
refused 'receiver: a start that fails leaves no statistics' 1 'sound device nosuch' \
    $recv --device nosuch $net --stats here.json

# ---- no permission for real-time --------------------------------------------------------------------------------
sed "s,$build,$work/user," "$ALSA_CONFIG_PATH" > "$work/user/asound.conf"
echo "pcm.poor { type unisono_sim record \"$work/user/poor\" }" >> "$work/user/asound.conf"
# whatever the limits of whoever runs this; a busy machine is not what is tested
user="env ALSA_CONFIG_PATH=$work/user/asound.conf nice -n -15 prlimit --rtprio=0 --memlock=65536 $user"
run poor @here $user "$work/user/unisono-recv" --device poor $net --stats "$work/user/poor.json"
await poor 10 'clock system: locked'
run poorer @here $user "$work/user/unisono-send" --input tone $net --latency 80 --stats "$work/user/poorer.json"
check 'without permission the receiver plays all the same' await poor 10 'playing L24'
sleep 2 # some seconds in which it might warn again
for name in poor poorer; do
    check "$name: the status says so" [ "$(stat_of "$work/user/$name.json" realtime)" = false ]
done
stop poorer
check 'without permission the sender ends cleanly' [ $status = 0 ]
stop poor
check 'without permission the receiver ends cleanly' [ $status = 0 ]
for name in poor poorer; do
    check "$name: one warning, with the remedy" \
        [ "$(grep -cE 'warning: not permitted: real-time priority 70.*limits.d.*--realtime off' "$work/$name.log")" = 1 ]
done
check 'an ordinary user hears the tone' compare \
    "$("$build/unisono-truth" damage "$work/user/poor.playback" --json | jq .clean)" '>' 20
check 'no process is left' [ -z "$(ip netns pids "$ns_here")" ]

finish
