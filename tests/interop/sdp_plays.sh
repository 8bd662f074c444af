#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Others play our stream from our description, knowing nothing else of it: GStreamer's sdpdemux and FFmpeg from the file
# that --print-sdp writes, and FFmpeg from the announcement that it hears by SAP itself. Every sample of the sound file,
# bit for bit; from SAP those from the moment on that it had heard of the stream.
. "$(dirname "$0")/../e2e/lib.sh"
. "$tree/tests/ptp4l.sh"

samples=$build/interop-samples
host sender
host player
fake_start sender --sync 16
fake_tell 'noise 20' sender
send="$build/unisono-send --group $group --interface eth0 --clock ptp4l:$(ptp4l_socket sender)"

# joined COUNT: until so many sockets of the player are at the port of RTP; /proc/net/igmp has those of RTCP, too
joined() {
    local until=$((SECONDS + 15)) hex
    hex=$(printf '%04X' "${group#*:}")
    until [ "$(ip netns exec "$ns_player" awk -v port="$hex" '$2 ~ ":" port "$"' /proc/net/udp | wc -l)" -ge "$1" ]; do
        [ $SECONDS -lt $until ] || { echo "no $1 sockets at the port of RTP within 15 s"; return 1; }
        sleep 0.05
    done
}

# grown FILE BYTES: until it has grown to that
grown() {
    local until=$((SECONDS + 15))
    until [ "$(stat -c %s "$1" 2> /dev/null)" -ge "$2" ] 2> /dev/null; do
        [ $SECONDS -lt $until ] || { echo "$1 has $(stat -c %s "$1") bytes, not $2"; return 1; }
        sleep 0.05
    done
}

settled() { # FILE: until it grows no more
    local before=-1
    until [ "$(stat -c %s "$1")" = "$before" ]; do
        before=$(stat -c %s "$1")
        sleep 0.5
    done
}

sends() { # FILE OPTION...
    run sender @sender $send --input "file:$work/$1" "${@:2}"
    await sender 20 'the input has ended'
    wait "${pid[sender]}"
    unset 'pid[sender]'
}

# their socket buffers are small, and nobody here is asked how busy this machine is
prompt=
chrt -f 10 true 2> /dev/null && prompt='chrt -f 10'
ffmpeg="ffmpeg -nostdin -y -loglevel warning -protocol_whitelist file,udp,rtp"

# plays FILE CODEC BYTES OPTION...
plays() {
    local file=$1 codec=$2 bytes=$3 kind
    local raw=s${codec#L}be
    ip netns exec "$ns_sender" $send --input "file:$work/$file" --print-sdp --codec "$codec" "${@:4}" \
        > "$work/stream.sdp" 2> "$work/print.log"
    rm -f "$work"/*.raw
    run gst @player $prompt gst-launch-1.0 filesrc "location=$work/stream.sdp" ! sdpdemux latency=50 ! "rtp${codec}depay" ! \
        filesink "location=$work/gst.raw" buffer-mode=unbuffered
    run ffmpeg @player $prompt $ffmpeg -i "$work/stream.sdp" -c copy -flush_packets 1 -f "$raw" "$work/ffmpeg.raw"
    check "$codec: GStreamer and FFmpeg join from the description" joined 2
    sends "$file" --codec "$codec" "${@:4}"
    for kind in gst ffmpeg; do
        check "$codec: all of the file has come to $kind" grown "$work/$kind.raw" "$bytes"
        stop $kind
        check "$codec: $kind has it bit for bit" "$samples" compare "$work/$file" "$work/$kind.raw"
    done
    ip netns exec "$ns_player" awk '/^Udp: [0-9]/ { print "  datagrams that found no room in a socket: " $6 }' /proc/net/snmp
}

"$samples" make "$work/noise.wav" 48000 2 150000
"$samples" make "$work/noise.flac" 44100 3 120000
plays noise.wav L24 900000
# packets of 1 ms: neither can be told from outside to take a larger socket buffer than the usual
plays noise.flac L16 720000 --profile aes67

# ---- from SAP ---------------------------------------------------------------------------------------------------
"$samples" make "$work/long.wav" 48000 2 384000
run sap @player $prompt $ffmpeg -f sap -i sap://239.255.255.255 -c copy -flush_packets 1 -f s24be "$work/sap.raw"
hears_sap() {
    local until=$((SECONDS + 15))
    until ip netns exec "$ns_player" grep -q FFFFFFEF /proc/net/igmp; do
        [ $SECONDS -lt $until ] || { echo 'ffmpeg does not listen to SAP'; return 1; }
        sleep 0.05
    done
}
check 'FFmpeg listens to SAP' hears_sap
sends long.wav
settled "$work/sap.raw"
stop sap
check 'FFmpeg has heard of the stream within 2 s' grown "$work/sap.raw" $((6 * 48000 * 6))
check 'and has the rest of it bit for bit' "$samples" compare "$work/long.wav" "$work/sap.raw"
finish
