#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Opus between strangers: GStreamer and FFmpeg play our stream from our description, in all frame sizes; and we play
# GStreamer's from a description as GStreamer writes it. A tone keeps its pitch and its level.
. "$(dirname "$0")/../e2e/lib.sh"

host sender
host player
card ours 'ppm 50.0'

# grown FILE BYTES: until it has grown to that
grown() {
    local until=$((SECONDS + 30))
    until [ "$(stat -c %s "$1" 2> /dev/null)" -ge "$2" ] 2> /dev/null; do
        [ $SECONDS -lt $until ] || { echo "$1 has $(stat -c %s "$1") bytes, not $2"; return 1; }
        sleep 0.05
    done
}

# a tone of 440 Hz at -12 dBFS, in the last second of FILE, raw, 16 bits, stereo: 0.25 / sqrt 2 is its RMS
is_the_tone() {
    sox -t raw -r 48000 -e signed -b 16 -c 2 "$1" -n remix 1 trim -1 stat 2> "$work/stat"
    awk '/RMS.*amplitude/ { level = $3 } /Rough.*frequency/ { hz = $3 }
        END { print level, hz; exit !(level > 0.17 && level < 0.185 && hz > 430 && hz < 450) }' "$work/stat"
}

plays() { # OPTION...
    local send="$build/unisono-send --input tone:440 --codec Opus --latency 60 --group $group --interface eth0 --clock system" kind
    ip netns exec "$ns_sender" $send --print-sdp "$@" > "$work/stream.sdp" 2> "$work/print.log"
    rm -f "$work"/*.raw
    run gst @player gst-launch-1.0 filesrc "location=$work/stream.sdp" ! sdpdemux latency=50 ! rtpopusdepay ! opusdec ! \
        audioconvert ! audio/x-raw,format=S16LE,channels=2 ! filesink "location=$work/gst.raw" buffer-mode=unbuffered
    run ffmpeg @player ffmpeg -nostdin -y -loglevel warning -protocol_whitelist file,udp,rtp -i "$work/stream.sdp" \
        -flush_packets 1 -ac 2 -ar 48000 -f s16le "$work/ffmpeg.raw"
    run sender @sender $send "$@"
    for kind in gst ffmpeg; do
        check "$*: $kind plays two seconds" grown "$work/$kind.raw" 384000
        stop $kind
        check "$*: it is the tone" is_the_tone "$work/$kind.raw"
    done
    stop sender
}

plays --ptime 2.5 --bitrate 256
plays --ptime 20 --fec --bitrate 96 --channels 1
plays --ptime 10 --profile aes67

# GStreamer's: no grandmaster has this identity, and none is asked for with --clock system
printf 'v=0\r\no=- 1188340656180883 1 IN IP4 10.77.0.1\r\ns=Session streamed with GStreamer\r\nt=0 0\r\nm=audio %s RTP/AVP 101\r\nc=IN IP4 %s/32\r\na=rtpmap:101 OPUS/48000/2\r\na=fmtp:101 sprop-stereo=1\r\na=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0\r\na=mediaclk:direct=0\r\n' \
    "${group#*:}" "${group%:*}" > "$work/gst.sdp"
run theirs @sender chrt -f 10 "$build/gst-aes67-send" system "$group" eth0 440 opus
run ours @player "$build/unisono-recv" --device ours --sdp "$work/gst.sdp" --latency 100 --interface eth0 --clock system \
    --stats "$work/ours.json"
await ours 15 'playing Opus, 48000 Hz, 2 channels from 10.77.0.1'
sleep 3 # the sound that is measured
stop theirs
await_stat ours 10 state = idle
stop ours
"$build/unisono-truth" thdn "$work/ours.playback" --tone 440 --skip 1 --length 2 --limit-db -30 --json > "$work/thdn.json"
check 'we play its tone at its level' compare "$(stat_of "$work/thdn.json" level_dbfs)" '>' -12.5
check 'and little else' compare "$(stat_of "$work/thdn.json" thdn_db)" '<' -25
check 'nothing is malformed' [ "$(stat_of "$work/ours.json" malformed_packets)" = 0 ]
finish
