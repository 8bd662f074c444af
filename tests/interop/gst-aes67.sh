#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# GStreamer as an AES67 sender: its clock is its own PTP slave (GstPtpClock), its RTP timestamps are PTP time with offset
# 0, its packets hold 1 ms and no header extension. Two receivers that are told --profile aes67 play it on
# cards 130 ppm apart, with the PTP that ptp4l measures for each: in alignment, and each 20 ms after the instant
# that the timestamps say, absolutely.
#
# The grandmaster is ptp4l in a namespace of its own, so PTP time is this machine's CLOCK_REALTIME, against which
# the recordings tell the absolute latency; nothing and nobody here sets a clock (free_running). 127 Hz, because a tone
# tells a latency up to whole periods, 7.9 ms, and because no piece of 1 ms cut out of it goes unnoticed.
. "$(dirname "$0")/../e2e/lib.sh"

tone=127
# the latency, less the one sample by which GStreamer's tone is early (gst_aes67_send.c)
expect=$(awk 'BEGIN { print 20 - 1000 / 48000 }')
host grandmaster
host sender
host a
host b
card left 'ppm 50.0'
card right 'ppm -80.0'

# ptp HOST [OPTION...]: ptp4l there, its socket is $work/HOST.ptp
ptp() {
    local name=$1
    shift
    cat > "$work/$name.conf" <<- END
		[global]
		time_stamping software
		free_running 1
		logAnnounceInterval -2
		logSyncInterval -3
		logMinDelayReqInterval -3
	END
    run "ptp-$name" "@$name" ptp4l -f "$work/$name.conf" -i eth0 -m -q --uds_address "$work/$name.ptp" "$@"
}

ptp grandmaster --priority1 1
await ptp-grandmaster 15 'assuming the grand master role'
ptp a -s
ptp b -s
for name in a b; do await "ptp-$name" 15 'master offset|LISTENING to UNCALIBRATED'; done

plays="--profile aes67 --codec L24 --rate 48000 --channels 2 --latency 20 --group $group --interface eth0"
run left @a "$build/unisono-recv" --device left $plays --clock "ptp4l:$work/a.ptp" --stats "$work/left.json"
run right @b "$build/unisono-recv" --device right $plays --clock "ptp4l:$work/b.ptp" --stats "$work/right.json"
await left 20 'clock ptp4l.*: (locked|measured)'
await right 20 'clock ptp4l.*: (locked|measured)'
run sender @sender "$build/gst-aes67-send" ptp:0 "$group" eth0 "$tone"
await sender 30 'first frame at'
await left 15 'playing L24, 48000 Hz, 2 channels from 10.77.0.2'
await right 15 'playing L24'
sleep 12 # the sound that is measured
stop sender
check 'the GStreamer sender ends cleanly' [ $status = 0 ]
await_stat left 10 state = idle
await_stat right 10 state = idle
stop left
check 'a receiver ends cleanly' [ $status = 0 ]
stop right

truth() { "$build/unisono-truth" "$@" --tone "$tone" --skip 3 --json; }
# median FILE: the median of what it says in ns, in us
median() { jq -r '(.offset_ns // .error_ns).median | round / 1000' "$1"; }
within() { awk -v us="$1" -v limit="$2" 'BEGIN { exit !(us != "" && us + 0 <= limit && us + 0 >= -limit) }' ||
    { echo "$1 us is not within $2 us"; return 1; }; }
truth pair "$work/left.playback" "$work/right.playback" > "$work/pair.json"
truth latency "$work/left.playback" --source realtime --expect $expect > "$work/left.latency"
truth latency "$work/right.playback" --source realtime --expect $expect > "$work/right.latency"
cat "$work/sender.out"

check 'the outputs agree within 50 us' within "$(median "$work/pair.json")" 50
for name in left right; do
    check "$name: 20 ms after the RTP timestamp, within 100 us" within "$(median "$work/$name.latency")" 100
    check "$name: nothing was lost" [ "$(stat_of "$work/$name.json" lost_packets)" = 0 ]
    check "$name: the timestamps were within reach of its clock" [ "$(stat_of "$work/$name.json" absurd_packets)" = 0 ]
done
echo "  measured, medians: apart $(median "$work/pair.json") us, off $(median "$work/left.latency") and" \
    "$(median "$work/right.latency") us"
finish
