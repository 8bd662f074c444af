#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A receiver that is told things while it plays: gain, mute, map and delay change without a click, and to what was asked for;
# what is wrong is refused in words; garbage and floods at its control socket do not disturb the sound.
# alone: levels are looked for at their times
. "$(dirname "$0")/lib.sh"

recv=$build/unisono-recv socket=$work/right.sock
card left 'ppm 30.0'
card right 'ppm -40.0'
card second
host here
run left @here "$recv" --device left --group "$group" --interface eth0 --clock system --control off \
    --stats "$work/left.json"
run right @here "$recv" --device right --name 'Lobby right' --group "$group;name=Stage left" --interface eth0 \
    --clock system --control "$socket" --stats "$work/right.json"
run sender @here "$build/unisono-send" --input tone:997 --group "$group" --interface eth0 --clock system --latency 120
for name in left right; do await_stat $name 15 state = playing; done

ctl() { "$build/unisono-ctl" --to "$socket" "$@"; }
says() { # REGEX COMMAND...
    ctl "${@:2}" > "$work/said" 2>&1
    grep -qE -- "$1" "$work/said" || { cat "$work/said"; return 1; }
}
refuses() { # REGEX COMMAND...
    ctl "${@:2}" > "$work/said" 2>&1
    [ $? = 1 ] && grep -qE -- "^unisono-ctl: $1$" "$work/said" || { cat "$work/said"; return 1; }
}
# peak LOWEST HIGHEST: of 300 ms, from what the card holds and a ramp later on
peak() {
    local from
    from=$(ctl --json status | jq .time_s)
    sleep 0.65 # sound
    "$build/clicks" --recording "$work/right.playback" --from "$(jq -n "$from + 0.2")" --until "$(jq -n "$from + 0.5")" \
        > "$work/right.clicks"
    holds "$work/right.clicks" ".peak >= $1 and .peak <= $2" || { cat "$work/right.clicks"; return 1; }
}

# ---- what is asked for is heard -----------------------------------------------------------------------------------
# the tone has 0.2512
check 'as it is sent' peak 0.2510 0.2513
check 'gain' says '^gain: -6 dB$' gain -6
check 'is heard' peak 0.1257 0.1260
check 'gain of the stream, by its name' says '^gain: -6 dB$' stream 'Stage left' gain '-6 dB'
check 'as in quotes of its own' says '^gain: -6 dB$' stream "'Stage left'"
check 'is heard, too' peak 0.0629 0.0632
check 'mute' says '^mute: yes$' mute yes
check 'is silence' peak 0 0
check 'no longer' says '^mute: no$' mute no
ctl gain 0 > "$work/said" && ctl stream 1 gain 0 > "$work/said"
check 'as at first' peak 0.2510 0.2513
check 'map: channel 2 alone' says '^    map: 2=1$' map 2=1
check 'leaves channel 1 silent' peak 0 0
check 'map: a sum with gains' says '^map: 1=1:-20\+2:-20$' stream 1 map 1=1:-20+2:-20
check 'adds' peak 0.0501 0.0504
check 'map: straight' says 'map: straight$' map straight
check 'is as at first' peak 0.2510 0.2513
check 'map: by a name that nobody knows' says "^note: 'Vox' in '1=Vox': the stream has no channel of that name$" map 1=Vox,2=1
check 'is silence' peak 0 0
check 'map: beyond the stream' says "^note: '9' in '2=9': the stream has 2 channels$" map 1=1,2=9
check 'the rest is heard' peak 0.2510 0.2513
check 'map: what is no UTF-8' ctl map $'1=\xff'
check 'is answered in UTF-8' bash -c "'$build/unisono-ctl' --to '$socket' --json status | iconv -f utf-8 -t utf-16 > /dev/null"
ctl map straight > "$work/said"
check 'the sender is muted' "$build/unisono-ctl" --to "${pid[sender]}" mute yes
check 'and says so' grep -qx 'mute: yes' <("$build/unisono-ctl" --to "${pid[sender]}" status)
check 'is silence' peak 0 0
check 'no longer' "$build/unisono-ctl" --to "${pid[sender]}" mute no
check 'as it is sent' peak 0.2510 0.2513

# ---- what is wrong -------------------------------------------------------------------------------------------------
check 'a map beyond the card' refuses 'map 3=1: channel 3 of the card; allowed are 1 to 2, which it has' map 3=1
check 'an impossible map' refuses "map: '65' in '1=65': not a channel; allowed are 1 to 64" map 1=65
check 'a gain' refuses 'gain loud: allowed are -90 to 20 dB' gain loud
check 'a delay' refuses 'delay 400m: that is 1165.5 ms; allowed are 0 to 1000 ms' delay 400m
check 'a stream' refuses 'stream 2: no such stream; allowed are 1 to 1, and names' stream 2 gain 0
check 'a command' refuses 'dance: not a command; allowed are who, help, status, gain, mute, delay, map, duck, stream' dance
check 'nothing of it changed anything' peak 0.2510 0.2513
"$build/unisono-ctl" --at 3 status 2> "$work/said"
check 'an option' test $? = 2 -a "$(cat "$work/said")" = 'unisono-ctl: --at: no such option; allowed are --to, --json, --help, --version'
"$build/unisono-ctl" --to "$work/none.sock" status 2> "$work/said"
check 'nobody there' test $? = 1 -a "$(cat "$work/said")" = "unisono-ctl: $work/none.sock: No such file or directory"
run second @here "$recv" --device second --group "$group" --interface eth0 --clock system --control "$socket"
await second 5 "warning: control socket $socket: another program listens there"
stop second

# ---- garbage and floods, while it plays ------------------------------------------------------------------------------
before=$(stat_of "$work/right.json" xruns)
run pester "$build/pester" "$socket" 2
wait "${pid[pester]}"
unset "pid[pester]"
check 'those who say what cannot be are dropped, and come again' \
    awk '/^joined/ { n = $3 } END { exit !(n > 5) }' "$work/pester.out"
check 'it answers again' says '^program: unisono-recv$' who
check 'the sound went on' peak 0.2510 0.2513
fresh right
check 'without an xrun more' [ "$(stat_of "$work/right.json" xruns)" = "$before" ]

# ---- a sender, found by itself -----------------------------------------------------------------------------------------
run page @here "$build/unisono-send" --input tone:440 --name Desk --priority page --talk --group "${group%:*}:$((${group#*:} + 2))" \
    --interface eth0 --clock system
await page 10 'push to talk'
say() { "$build/unisono-ctl" --to Desk "$@" > "$work/said" 2>&1; }
until_page() { # STATE
    local until=$((SECONDS + 10))
    until say status && grep -q "^state: $1\$" "$work/said"; do
        [ $SECONDS -lt $until ] || { cat "$work/said"; return 1; }
        sleep 0.05
    done
}
check 'a talker stands by' until_page standby
check 'talk on' say talk on
check 'is sent' until_page running
check 'talk toggle' say talk toggle
check 'stands by again' until_page standby
check 'what cannot be is refused' bash -c "! '$build/unisono-ctl' --to Desk talk loud 2> '$work/said'"
check 'in words' grep -qx 'unisono-ctl: talk loud: allowed are on, off and toggle' "$work/said"
check 'all are listed' [ "$("$build/unisono-ctl" list | grep -cE 'unisono-(send|recv)')" -ge 2 ]
"$build/unisono-ctl" status 2> "$work/said"
check 'and one has to be named' [ $? = 2 ]
stop page

# ---- delay -----------------------------------------------------------------------------------------------------------
check 'a delay in metres' says '^delay: 0.291363 ms$' delay 0.1m
sleep 2.5 # sound
began=$(ctl --json status | jq .time_s)
sleep 1.5 # sound
stop right
check 'ends cleanly' [ $status = 0 ]
check 'its socket is gone' [ ! -e "$socket" ]
stop left
stop sender
"$build/clicks" --recording "$work/right.playback" > "$work/right.clicks"
# steps and kinks of the tone itself: 0.0328 and 0.0043
check 'no click in all of that' holds "$work/right.clicks" '.peak < 0.26 and .step < 0.0345 and .kink < 0.0055'
skip=$(jq -r ".sounds[0].from_s | $began - . - 0.5" "$work/right.clicks")
"$build/unisono-truth" pair "$work/left.playback" "$work/right.playback" --tone 997 --skip "$skip" --length 1 --json \
    > "$work/pair.json"
check 'right is a decimetre behind left, to 20 us' holds "$work/pair.json" '.offset_ns.median - 291363 | fabs < 20000'
finish
