#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 64 channels in 24 bits, 8,000 packets a second, from a file to a card of 64 channels: nothing is lost on the way, and
# neither end takes more than 100 MiB. (What it costs: make bench PARTS=wide.)
# alone: both ends work hard
. "$(dirname "$0")/lib.sh"

# without a recording, which would take 12 MB a second
echo 'pcm.wide { type unisono_sim ppm 50.0 }' >> "$ALSA_CONFIG_PATH"
host sender
host receiver
sox -D -n -r 48000 -c 64 -b 24 "$work/noise.wav" synth 1 whitenoise gain -12

run receiver @receiver "$build/unisono-recv" --device wide --channels 64 --group "$group" --interface eth0 --clock system \
    --stats "$work/receiver.json"
await receiver 10 'clock system: locked'
run sender @sender "$build/unisono-send" --input "file:$work/noise.wav" --loop --ptime 0.125 --latency 60 --group "$group" \
    --interface eth0 --clock system --stats "$work/sender.json"
await receiver 10 'playing L24, 48000 Hz, 64 channels'
await_stat receiver 20 received_packets '>=' 64000 # 8 s of it

rss_mib() { awk '/^VmHWM/ { print $2 / 1024 }' "/proc/${pid[$1]}/status"; }
sender_mib=$(rss_mib sender) receiver_mib=$(rss_mib receiver)
stop sender
check 'the sender ends cleanly' [ $status = 0 ]
await_stat receiver 10 state = idle
stop receiver
check 'the receiver ends cleanly' [ $status = 0 ]

check 'all packets were sent' [ "$(stat_of "$work/sender.json" unsent_packets)" = 0 ]
for member in lost late early truncated overflowed malformed foreign; do
    check "no packet was $member" [ "$(stat_of "$work/receiver.json" ${member}_packets)" = 0 ]
done
check 'nothing was concealed' [ "$(stat_of "$work/receiver.json" concealed_frames)" = 0 ]
check 'the sender takes less than 100 MiB' compare "$sender_mib" '<' 100
check 'the receiver takes less than 100 MiB' compare "$receiver_mib" '<' 100
echo "  memory: sender $sender_mib MiB, receiver $receiver_mib MiB"
finish
