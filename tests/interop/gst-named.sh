#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# GStreamer as an AES67 sender (gst_aes67_send.c), described by SDP as GStreamer writes it: played from a file, and found by its
# name in announcements of SAP. Codec, rate, channels, group and clock are nowhere told but there. PTP as in gst-aes67.sh.
. "$(dirname "$0")/../e2e/lib.sh"

tone=127
expect=$(awk 'BEGIN { print 20 - 1000 / 48000 }')
for name in grandmaster sender a b; do host $name; done
card written 'ppm 50.0'
card named 'ppm -80.0'

# ptp HOST [OPTION...]: ptp4l there, its socket is $work/HOST.ptp
ptp() {
    local name=$1
    shift
    printf '%s\n' '[global]' 'time_stamping software' 'free_running 1' 'logAnnounceInterval -2' 'logSyncInterval -3' \
        'logMinDelayReqInterval -3' > "$work/$name.conf"
    run "ptp-$name" "@$name" ptp4l -f "$work/$name.conf" -i eth0 -m -q --uds_address "$work/$name.ptp" "$@"
}
ptp grandmaster --priority1 1
await ptp-grandmaster 15 'assuming the grand master role'
ptp a -s
ptp b -s
for name in a b; do await "ptp-$name" 15 'master offset|LISTENING to UNCALIBRATED'; done
printf 'v=0\r\no=- 1188340656180883 1 IN IP4 10.77.0.2\r\ns=Session streamed with GStreamer\r\ni=server\r\nt=0 0\r\na=tool:GStreamer\r\na=type:broadcast\r\nm=audio %s RTP/AVP 98\r\nc=IN IP4 %s/32\r\na=rtpmap:98 L24/48000/2\r\na=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0\r\na=mediaclk:direct=0\r\n' \
    "${group#*:}" "${group%:*}" > "$work/gst.sdp"
{ printf '\x20\x00\x47\x53\x0a\x4d\x00\x02application/sdp\0'; cat "$work/gst.sdp"; } > "$work/gst.sap"

run sender @sender "$build/gst-aes67-send" ptp:0 "$group" eth0 "$tone"
await sender 30 'first frame at'
run announcer @sender bash -c 'while cat "$0" > /dev/udp/224.2.127.254/9875; do sleep 0.5; done' "$work/gst.sap"
common="--latency 20 --interface eth0"
run written @a "$build/unisono-recv" --device written --sdp "$work/gst.sdp" $common --clock "ptp4l:$work/a.ptp" --stats "$work/written.json"
run named @b "$build/unisono-recv" --device named --stream 'session streamed with gstreamer' $common --clock "ptp4l:$work/b.ptp" \
    --stats "$work/named.json"
for name in written named; do
    await $name 30 'playing L24, 48000 Hz, 2 channels from 10.77.0.2'
    check "$name: the name is known" grep -qi "\"stream_name\":\"Session streamed with GStreamer\"" "$work/$name.json"
done
sleep 8 # the sound that is measured
stop sender
for name in written named; do
    await_stat $name 10 state = idle
    stop $name
    check "$name: the receiver ends cleanly" [ $status = 0 ]
done

truth() { "$build/unisono-truth" "$@" --tone "$tone" --skip 3 --json; }
median() { jq -r '(.offset_ns // .error_ns).median | round / 1000' "$1"; }
within() { awk -v us="$1" -v limit="$2" 'BEGIN { exit !(us != "" && us + 0 <= limit && us + 0 >= -limit) }' ||
    { echo "$1 us is not within $2 us"; return 1; }; }
truth pair "$work/written.playback" "$work/named.playback" > "$work/pair.json"
check 'the outputs agree within 50 us' within "$(median "$work/pair.json")" 50
for name in written named; do
    truth latency "$work/$name.playback" --source realtime --expect $expect > "$work/$name.latency"
    check "$name: 20 ms after the RTP timestamp, within 100 us" within "$(median "$work/$name.latency")" 100
done
finish
