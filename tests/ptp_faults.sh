# SPDX-License-Identifier: GPL-3.0-or-later
# A sender and two receivers, each beside a ptp4l, and what is heard of each change of PTP. Sourced after e2e/lib.sh and
# ptp4l.sh; hosts sender, left and right, processes of the same names.
#
#   faults_pretend [OPTION...]         the hosts, each with a ptp4l that pretends (tests/fake_ptp4l.c)
#   faults_play                        sender and receivers, until both play. The ptp4l of each host is there already
#   faults_begin WHAT                  a change begins
#   faults_settle [STATE [HOSTS]]      until the clocks of HOSTS (all) are in this state (locked) and slew no more, and
#                                      both receivers play
#   faults_finish STEPS SLEWS          sound that is measured, and the end of the change: by so much each host's
#                                      clock_steps and clock_slews have grown; SLEWS any: does not matter
#   faults_change WHAT STEPS SLEWS 'COMMANDS'   all three of them, with commands to each fake-ptp4l
#   faults_heard                       ends it, and checks what was heard: never a click; where time did not step,
#                                      outputs together all the while and no new start; where it did, a pause of less
#                                      than 3 s, and together again afterwards
#
# faults_limit_us is how far apart the outputs may be while together.

faults_hosts='sender left right' faults_receivers='left right' faults_limit_us=100

faults_pretend() {
    local name
    for name in $faults_hosts; do host $name; done
    for name in $faults_hosts; do fake_start $name --sync 16 "$@"; done
    # an offset that never varies is no real one: clients take it for one that is not measured yet
    fake_tell 'noise 20' $faults_hosts
}

faults_play() {
    local name
    # two tones, so that outputs that are several periods apart are found out: they repeat after 1 / 16 Hz only
    sox -D -n -r 48000 -b 24 "$work/tones.wav" synth 1 sine 997 sine 1013 remix 1v0.125,2v0.125 1v0.125,2v0.125 \
        2> /dev/null || { echo 'skip: no sox'; exit 77; }
    card left 'ppm 50.0'
    card right 'ppm -80.0'
    for name in $faults_receivers; do
        run $name @$name "$build/unisono-recv" --device $name --group $group --interface eth0 \
            --clock "ptp4l:$(ptp4l_socket $name)" --stats "$work/$name.json"
    done
    run sender @sender "$build/unisono-send" --input "file:$work/tones.wav" --loop --group $group --interface eth0 \
        --latency 80 --clock "ptp4l:$(ptp4l_socket sender)" --stats "$work/sender.json"
    for name in $faults_hosts; do await_stat $name 20 clock_state = locked; done
    for name in $faults_receivers; do await_stat $name 20 state = playing; done
    sleep 1.5 # sound before all that
}

# of both receivers
faults_sum() {
    local name sum=0
    for name in $faults_receivers; do sum=$((sum + $(stat_of "$work/$name.json" "$1"))); done
    echo $sum
}

# how much a member of a host's statistics has grown since the change began
faults_grown() {
    echo $(($(stat_of "$work/$1.json" "$2") - faults_before[$1.$2]))
}

declare -A faults_before=()

faults_begin() {
    local name member
    faults_what=$1
    faults_from=$(stat_of "$work/left.json" time_s)
    # xruns are the machine's, which may stand still, not PTP's
    faults_starts=$(faults_sum starts) faults_xruns=$(faults_sum xruns)
    for name in $faults_hosts; do
        for member in clock_steps clock_slews; do
            faults_before[$name.$member]=$(stat_of "$work/$name.json" $member)
        done
    done
}

faults_settle() {
    local name
    for name in ${2:-$faults_hosts}; do
        await_stat $name 20 clock_state = "${1:-locked}"
        await_stat $name 10 clock_slew_left_ns '<' 1000
        await_stat $name 10 clock_slew_left_ns '>' -1000
    done
    for name in $faults_receivers; do await_stat $name 10 state = playing; done
    faults_settled=$(stat_of "$work/left.json" time_s)
}

faults_finish() {
    local name
    sleep 2 # the sound that is measured
    for name in $faults_hosts; do
        check "$faults_what: $name stepped $1 times" [ "$(faults_grown $name clock_steps)" = "$1" ]
        [ "$2" = any ] || check "$faults_what: $name slewed $2 times" [ "$(faults_grown $name clock_slews)" = "$2" ]
    done
    echo "$faults_what/$1/$faults_from/$faults_settled/$(stat_of "$work/left.json" time_s)/$((
        $(faults_sum starts) - faults_starts))/$(($(faults_sum xruns) - faults_xruns))" >> "$work/changes"
}

faults_change() {
    local name
    faults_begin "$1"
    fake_tell "$4" $faults_hosts
    for name in $faults_hosts; do
        await_stat $name 20 clock_steps '>=' $((faults_before[$name.clock_steps] + $2))
        [ "$3" = any ] || await_stat $name 20 clock_slews '>=' $((faults_before[$name.clock_slews] + $3))
    done
    faults_settle
    faults_finish "$2" "$3"
}

# the outputs' largest distance between two seconds of the recordings' clock, in us
faults_apart() {
    awk -F, -v from="$1" -v until="$2" 'NR > 1 && $2 / 1e9 >= from && $2 / 1e9 <= until {
        n++; d = $3 < 0 ? -$3 : $3; if (d > worst) worst = d }
        END { if (n) printf "%.1f\n", worst / 1000; else print "" }' "$work/pair.csv"
}

faults_heard_one() {
    local what=$1 steps=$2 from=$3 settled=$4 until=$5 starts=$6 xruns=$7 name during after
    after=$(faults_apart "$settled" "$until") during=$(faults_apart "$from" "$until")
    for name in $faults_receivers; do
        "$build/clicks" --recording "$work/$name.playback" --from "$from" --until "$until" > "$work/$name.clicks"
        [ "$xruns" != 0 ] || check "$what: $name is silent for 3 s at most" \
            holds "$work/$name.clicks" '.sounds | [.[1:], .[:-1]] | transpose | map(.[0].from_s - .[1].until_s) | add // 0 | . < 3'
        check "$what: $name without a click" \
            holds "$work/$name.clicks" '.peak < 0.26 and .step < 0.0345 and .kink < 0.0055'
    done
    if [ "$steps" != 0 ]; then
        echo "  $what: afterwards at most $after us apart"
        check "$what: together again" compare "$after" '<' 20
        # two each: a sender that learns of it before a receiver moves that one twice
        check "$what: no more new starts than that takes" compare "$starts" '<=' $((4 * steps + xruns))
        return
    fi
    echo "  $what: meanwhile at most $during us apart, afterwards $after us"
    check "$what: together all the while" compare "$during" '<' $faults_limit_us
    check "$what: no new start" compare "$starts" '<=' "$xruns"
}

faults_heard() {
    local line name
    stop sender
    check 'the sender ends cleanly' [ $status = 0 ]
    for name in $faults_receivers; do
        await_stat $name 10 state = idle
        stop $name
        check "$name: ends cleanly" [ $status = 0 ]
        check "$name: few lines in the log" compare "$(wc -l < "$work/$name.log")" '<' 60
    done
    "$build/unisono-truth" pair "$work/left.playback" "$work/right.playback" --tone 997,1013 --csv "$work/pair.csv" \
        > "$work/pair.txt"
    while IFS= read -r line; do
        IFS=/ read -ra line <<< "$line"
        faults_heard_one "${line[@]}"
    done < "$work/changes"
}
