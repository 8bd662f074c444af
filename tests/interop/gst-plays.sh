#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# GStreamer, which knows nothing of Unisono, plays what unisono-send sends as plain RTP: every sample of the file, bit for
# bit, none missing and none added, and with nothing in front or behind but the silence that fills the last packet. The
# header extension, INIT and TERMINATE (a payload type of their own, no payload) do not disturb it; nor does
# it miss them in the AES67 profile.
#
# Three kinds of receiver: the depayloader alone, with a jitter buffer before it, and rtpbin, which is what players use
# that are given an SDP. Only the first takes packets of any payload type, and warns that INIT and TERMINATE are empty;
# the others drop them unseen. The caps are what an SDP says (PROTOCOL.md, sections 3 and 4).
. "$(dirname "$0")/../e2e/lib.sh"

samples=$build/interop-samples
host sender
host player

# receiver NAME CODEC RATE CHANNELS PT [ELEMENT...]: its output is $work/NAME.raw
receiver() {
    local name=$1 caps
    caps="application/x-rtp,media=(string)audio,encoding-name=(string)$2,clock-rate=(int)$3,channels=(int)$4,payload=(int)$5"
    local depay=rtp$2depay sink="filesink location=$work/$name.raw buffer-mode=unbuffered"
    shift 5
    local source="udpsrc address=${group%:*} port=${group#*:} multicast-iface=eth0 buffer-size=4000000"
    if [ "${1:-}" = rtpbin ]; then
        run "$name" @player gst-launch-1.0 $* name=bin ! $depay ! $sink $source ! "$caps" ! bin.recv_rtp_sink_0
    else
        run "$name" @player gst-launch-1.0 $source ! "$caps" ! ${1:+$* !} $depay ! $sink
    fi
    await "$name" 10 'New clock: '
}

# all_there RAW BYTES: until it has grown to that
all_there() {
    local until=$((SECONDS + 10))
    until [ "$(stat -c %s "$1")" -ge "$2" ]; do
        [ $SECONDS -lt $until ] || { echo "$1 has $(stat -c %s "$1") bytes, not $2"; return 1; }
        sleep 0.05
    done
}

# stream FILE CODEC RATE CHANNELS PT BYTES [OPTION...]
stream() {
    local file=$work/$1 codec=$2 rate=$3 channels=$4 pt=$5 bytes=$6 kind
    set -- "$1" "${@:7}"
    receiver bare "$codec" "$rate" "$channels" "$pt"
    receiver jitterbuffer "$codec" "$rate" "$channels" "$pt" rtpjitterbuffer latency=50
    receiver rtpbin "$codec" "$rate" "$channels" "$pt" rtpbin latency=50
    run sender @sender "$build/unisono-send" --input "file:$file" --codec "$codec" --group "$group" --interface eth0 \
        --clock system "${@:2}"
    await sender 20 'the input has ended'
    wait "${pid[sender]}"
    check "$*: the sender ends with its file" [ $? = 0 ]
    unset 'pid[sender]'
    for kind in bare jitterbuffer rtpbin; do
        check "$*: all of the file has come to the $kind receiver" all_there "$work/$kind.raw" "$bytes"
        stop "$kind"
        check "$*: bit for bit" "$samples" compare "$file" "$work/$kind.raw"
        check "$*: nothing stopped it" sh -c '! grep -aE "^ERROR|CRITICAL" "$@"' - "$work/$kind.log" "$work/$kind.out"
    done
    check "$*: not even a warning" sh -c '! grep -a WARN "$@"' - "$work"/{jitterbuffer,rtpbin}.{log,out}
}

"$samples" make "$work/noise.wav" 48000 2 150000
"$samples" make "$work/noise.flac" 44100 3 120000
stream noise.wav L24 48000 2 98 900000
stream noise.flac L16 44100 3 96 720000 --ptime 0.25
stream noise.wav L24 48000 2 98 900000 --profile aes67 --ptime 4
finish
