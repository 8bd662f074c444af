# SPDX-License-Identifier: GPL-3.0-or-later
# The widest stream of the benchmark, and what each stage costs. Sourced by bench.sh.

part_stages() {
    echo 'measuring: stages'
    echo
    "$build/bench-stages" && echo && "$build/bench-stages" --ptime 1 --channels 2,8 && echo &&
        "$build/bench-stages" --card 64 --channels 1,2,4,6,8,16,64
}

# resident NAME: the most memory it ever had, MiB
resident() {
    awk '/^VmHWM/ { printf("%.1f", $2 / 1024) }' "/proc/${pid[$1]}/status"
}

# missing NAME: packets and frames that did not come, were not in time, or were not sent
missing() {
    local sum=0 member value
    for member in lost_packets late_packets early_packets overflowed_packets truncated_packets concealed_frames unsent_packets \
        starved_frames skipped_frames xruns; do
        value=$(stat_of "$work/$1.json" $member)
        sum=$((sum + ${value:-0})) # each end has some of them
    done
    echo $sum
}

# each on one core: the receiver on the last, the sender on the first
part_wide() {
    local last=$(($(nproc) - 1)) before
    echo 'measuring: 64 channels, 8000 packets/s'
    [ "$last" -gt 0 ] || echo '  there is one core only: both share it'
    sox -D -n -r 48000 -c 64 -b 24 "$work/wide.wav" synth 2 whitenoise gain -12 || return
    run wide @a taskset --cpu-list $last "$build/unisono-recv" --device wide --channels 64 --group "$group" --interface eth0 \
        --clock system --stats "$work/wide.json"
    await wide 10 'clock system: locked' || return
    run sender @sender taskset --cpu-list 0 "$build/unisono-send" --input "file:$work/wide.wav" --loop --ptime 0.125 --latency 60 \
        --group "$group" --interface eth0 --clock system --stats "$work/sender.json"
    playing wide || return
    before=$(($(missing wide) + $(missing sender))) # what had gathered by the start and was past its time
    measure "$seconds" sender wide || return
    put wide_packets system "$(stat_of "$work/wide.json" received_packets)"
    put wide_missing system "$(($(missing wide) + $(missing sender) - before))"
    put wide_sender system "${busy[sender]}"
    put wide_receiver system "${busy[wide]}"
    put wide_sender_mib system "$(resident sender)"
    put wide_receiver_mib system "$(resident wide)"
    put wide_stall system "$(longest_stall)"
    halt sender wide
    rm -f "$work/wide.wav"
    forget
}
