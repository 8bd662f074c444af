#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Unattended: what `make install` leaves for systemd; what the service manager is told, and that its watchdog follows the
# thread that carries the sound; a start before network and sound card are there; and that the confinement of the units
# does not keep the programs from anything they do. No systemd runs here: the units are read by systemd-analyze, and the
# manager is played by build/notified.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/ptp4l.sh"
ulimit -c 0

send=$build/unisono-send recv=$build/unisono-recv
card speaker 'ppm 30.0'
card mic 'ppm 17.0'
card rates 'rates "44100,96000"'
for name in sender here late; do host $name; done
net="--group $group --interface eth0 --clock system"

# ---- installation -------------------------------------------------------------------------------------------------
root=$work/root
units=$root/usr/lib/systemd/system
# relative, as it was built: else what depends on a header is not known
installation() { make -s -C "$tree" BUILD="${build#"$tree"/}" PREFIX="$root/usr" SYSCONFDIR="$root/etc" "$1"; }
check 'make install' installation install
for end in send recv; do
    program=$build/unisono-$end example=$root/etc/unisono/$end.conf.example
    [ $end = send ] && given='--input alsa:default --wait' || given=--wait
    # shellcheck disable=SC2086
    "$program" $given --print-config > "$work/$end.now"
    check "$end.conf.example is what the program says today (else: make examples)" diff "$work/$end.now" "$example"
    "$program" --config "$example" --print-config > "$work/$end.again"
    check "$end.conf.example is read as it was written" diff "$work/$end.now" "$work/$end.again"
    ln -s "unisono-$end@.service" "$units/unisono-$end@lobby.service"
    for unit in "unisono-$end" "unisono-$end@lobby"; do
        systemd-analyze verify --man=no "$units/$unit.service" > "$work/verify" 2>&1
        check "$unit.service: nothing to complain of" test $? = 0 -a ! -s "$work/verify"
        [ ! -s "$work/verify" ] || cat "$work/verify"
    done
    check "unisono-$end.service: exposure is 2.1 of 10 at most" \
        systemd-analyze security --offline=true --threshold=21 --no-pager "$units/unisono-$end.service"
done
check 'an instance has its own configuration' \
    grep -q "^ExecStart=$root/usr/bin/unisono-recv --config $root/etc/unisono/recv-%i.conf$" "$units/unisono-recv@.service"
rm "$units"/unisono-*@lobby.service
cp "$root/etc/unisono/recv.conf.example" "$root/etc/unisono/recv.conf"
echo 'delay = 2.9' >> "$root/etc/unisono/recv.conf"
cp "$root/etc/unisono/recv.conf" "$work/mine"
installation install
check 'make install leaves a configuration alone' cmp "$work/mine" "$root/etc/unisono/recv.conf"
check 'make uninstall' installation uninstall
check 'and leaves nothing else behind' [ "$(find "$root" -type f)" = "$root/etc/unisono/recv.conf" ]
check 'the configuration among it is as it was' cmp "$work/mine" "$root/etc/unisono/recv.conf"

# ---- a mistake in a configuration -----------------------------------------------------------------------------------
printf '# of this test\nwait = yes\ngain = 21\n' > "$work/wrong.conf"
"$recv" --config "$work/wrong.conf" 2> "$work/wrong.log"
check 'a mistake in the file ends it with 2' [ $? = 2 ]
check 'and names file, line, option, value and what is allowed' \
    grep -qx "unisono-recv: $work/wrong.conf:3: gain = 21: allowed are -90 to 20 dB" "$work/wrong.log"

# ---- what the manager hears -----------------------------------------------------------------------------------------
# manager NAME: an ear of its own; managed NAME @HOST COMMAND...: with a watchdog of two seconds
manager() {
    run "ear-$1" "$build/notified" "$work/$1.notify"
    await "ear-$1" 5 listening
}
managed() {
    manager "$1"
    run "$1" "$2" env "NOTIFY_SOCKET=$work/$1.notify" WATCHDOG_USEC=2000000 "${@:3}"
}
told() { grep -cE -- "$2" "$work/ear-$1.out"; } # NAME REGEX: how often
# until the manager of NAME has been told REGEX so often more than BEFORE: until_told NAME SECONDS REGEX BEFORE TIMES
until_told() {
    local until=$((SECONDS + $2))
    until [ "$(told "$1" "$3")" -ge $(($4 + $5)) ]; do
        [ $SECONDS -lt $until ] || { echo "$1: not told '$3' $5 times in $2 s"; tail "$work/ear-$1.out"; return 1; }
        sleep 0.05
    done
}
run sender @sender "$send" --input tone:997 $net --latency 80
managed speaker @here "$recv" --device speaker $net --stats "$work/speaker.json"
managed microphone @here "$send" --input alsa:mic --group "${group%:*}:$((${group#*:} + 2))" --interface eth0 \
    --clock system --latency 80
await_stat speaker 15 state = playing
check 'receiver: READY' until_told speaker 5 ' READY=1$' 0 1
check 'receiver: STATUS' until_told speaker 5 \
    ' STATUS=playing L24 48 kHz 2 ch from 10\.77\.0\.1, in step to [0-9]+\.[0-9] us, headroom [0-9]+\.[0-9] ms$' 0 1
check 'sender: READY' until_told microphone 5 ' READY=1$' 0 1
check 'sender: STATUS' until_told microphone 15 ' STATUS=sending L24 48 kHz 2 ch to 239[0-9.:]+, 0 receivers$' 0 1
for name in speaker microphone; do
    before=$(told $name WATCHDOG=1) statuses=$(told $name STATUS=)
    check "$name: STATUS once a second" until_told $name 20 STATUS= "$statuses" 4
    check "$name: WATCHDOG about as often, at half its limit" compare $(($(told $name WATCHDOG=1) - before)) '>=' 3
    check "$name: READY once" [ "$(told $name READY=1)" = 1 ]
done

# ---- the thread that carries the sound hangs -------------------------------------------------------------------------
# the one with real-time scheduling; the simulated card has one of its own, too
sound_thread() { ps -L -o tid=,cls= -p "${pid[$1]}" | awk '$2 == "FF" { print $1 }'; }
for name in speaker microphone; do
    check "$name: one thread is a real-time one" [ "$(sound_thread $name | wc -l)" = 1 ]
    run freezer "$build/freeze" "$(sound_thread $name)"
    await freezer 5 frozen
    before=$(told $name WATCHDOG=1) statuses=$(told $name STATUS=)
    check "$name: the control thread lives" until_told $name 20 STATUS= "$statuses" 5
    # one sign of life may have been due for what it did before
    check "$name: no sign of life" compare $(($(told $name WATCHDOG=1) - before)) '<=' 1
    stop freezer TERM
    check "$name: it moves again, and so it says" until_told $name 10 WATCHDOG=1 "$(told $name WATCHDOG=1)" 2
done
run freezer "$build/freeze" "$(sound_thread speaker)"
await freezer 5 frozen
kill -ABRT "${pid[speaker]}" # as the manager does when its patience is at an end
stop freezer TERM            # which would have to bury the thread
stop speaker ABRT
check 'it can be killed then' [ $status = $((128 + 6)) ]
rm "$work/speaker.json"
stop ear-speaker KILL
rm "$work/speaker.notify"
managed speaker @here "$recv" --device speaker $net --stats "$work/speaker.json"
await_stat speaker 15 state = playing
check 'started again, it plays' [ "$(stat_of "$work/speaker.json" state)" = playing ]
for name in speaker microphone; do
    stop $name TERM
    check "$name: ends with 0" [ $status = 0 ]
    check "$name: STOPPING" until_told $name 5 STOPPING=1 0 1
done

# ---- before the network is there ---------------------------------------------------------------------------------------
number=${ns_late##*-}
ip -n "$ns_late" link delete eth0
managed early @late "$recv" --device early $net --wait --stats "$work/early.json"
managed early-sender @late "$send" --input tone --group "${group%:*}:$((${group#*:} + 4))" --interface eth0 \
    --clock system --wait
for name in early early-sender; do
    check "$name: waits for its interface" await $name 5 'warning: waiting for network interface eth0: there is no interface'
    check "$name: READY" until_told $name 5 READY=1 0 1
    check "$name: STATUS" until_told $name 5 'STATUS=waiting for network interface eth0$' 0 1
    check "$name: WATCHDOG" until_told $name 10 WATCHDOG=1 0 3
done
ip -n "$tag-net" link add "p$number" type veth peer name eth0 netns "$ns_late"
ip -n "$tag-net" link set "p$number" master br0 up
ip -n "$ns_late" link set eth0 up
before=$(told early WATCHDOG=1)
until_told early 10 WATCHDOG=1 "$before" 2 # two attempts and more, without an address
for name in early early-sender; do
    check "$name: waits for an address, too" [ "$(grep -c 'is there' "$work/$name.log")" = 0 ]
    check "$name: one line of it" [ "$(grep -c 'waiting for' "$work/$name.log")" = 1 ]
done
ip -n "$ns_late" addr add "10.77.0.$number/24" dev eth0
ip -n "$ns_late" route add 224.0.0.0/4 dev eth0
check 'early: the interface is there' await early 5 'info: network interface eth0 is there'
check 'early: then it waits for its card' await early 5 'warning: waiting for sound device early: .* cannot be opened'
check 'early: STATUS' until_told early 5 'STATUS=waiting for sound device early$' 0 1
card early 'ppm -20.0'
check 'early: the card is there' await early 5 'info: sound device early is there'
await_stat early 15 state = playing
check 'early: it plays' until_told early 5 'STATUS=playing L24' 0 1
check 'early: it is heard by RTCP' await_stat early 15 rtcp_sent '>' 0
check 'early-sender: sends' until_told early-sender 15 'STATUS=sending L24' 0 1
for name in early early-sender; do
    stop $name TERM
    check "$name: ends with 0" [ $status = 0 ]
done

# ---- the end of waiting, and what is not waited for ------------------------------------------------------------------
managed patient @here "$recv" --device speaker --group "$group" --interface eth7 --clock system --wait
managed patient-sender @here "$send" --input alsa:none $net --wait
await patient 5 'waiting for network interface eth7'
await patient-sender 5 'waiting for sound input none'
for name in patient patient-sender; do
    began=${EPOCHREALTIME/./}
    stop $name TERM
    check "$name: SIGTERM ends the waiting with 0" [ $status = 0 ]
    check "$name: at once" [ $((${EPOCHREALTIME/./} - began)) -lt 2000000 ]
    check "$name: says so" grep -q 'info: stopping' "$work/$name.log"
done
timeout -k 1 10 ip netns exec "$ns_here" "$recv" --device rates $net --wait 2> "$work/rates.log"
check 'a mistake is not waited for' [ $? = 1 ]
check 'and named' grep -q 'error: .*rates cannot do 48000 Hz' "$work/rates.log"

# ---- confined as in the units -----------------------------------------------------------------------------------------
# An ordinary user of the group audio with the limits of the units and no capability; each system call is written down.
mkdir -m 1777 "$work/user"
chmod 711 "$work"
cp "$send" "$recv" "$build/libasound_module_pcm_unisono_sim.so" "$work/user"
sed "s,$build,$work/user," "$ALSA_CONFIG_PATH" > "$work/user/asound.conf"
for name in spied spied-mic; do
    echo "pcm.$name { type unisono_sim record \"$work/user/$name\" }" >> "$work/user/asound.conf"
done
fake_start here
chgrp audio "$(ptp4l_socket here)" # tools/systemd/ptp4l.conf
chmod 660 "$(ptp4l_socket here)"
chmod 666 "$work/microphone.notify"
audio=$(getent group audio | cut -d: -f3)
# only who has CAP_SYS_RESOURCE can raise limits
limits='prlimit --rtprio=95 --memlock=unlimited'
$limits true 2> /dev/null || limits=
[ -n "$limits" ] || echo '  not checked: real-time priority by LimitRTPRIO=; limits cannot be raised on this machine'
confined() { # NAME COMMAND...
    run "$1" @here $limits strace -D -f -o "$work/$1.calls" \
        setpriv --reuid 65534 --regid "$audio" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
        env "ALSA_CONFIG_PATH=$work/user/asound.conf" "RUNTIME_DIRECTORY=$work/user" "NOTIFY_SOCKET=$work/microphone.notify" WATCHDOG_USEC=2000000 "${@:2}"
}
clock="--clock ptp4l:$(ptp4l_socket here)"
confined spied "$work/user/unisono-recv" --device spied --group "$group" --interface eth0 $clock \
    --stats "$work/user/spied.json"
confined spied-mic "$work/user/unisono-send" --input alsa:spied-mic --group "${group%:*}:$((${group#*:} + 6))" \
    --interface eth0 $clock --latency 200 --stats "$work/user/spied-mic.json"
for name in spied spied-mic; do
    check "$name: reads the clock at the socket for its group" await $name 20 'clock ptp4l: locked'
    [ -n "$limits" ] || continue
    check "$name: has its priority" [ "$(stat_of "$work/user/$name.json" realtime)" = true ]
    check "$name: misses no permission" bash -c "! grep -q 'not permitted' '$work/$name.log'"
done
check 'the control sockets are those of the group of the unit' [ "$(stat -c '%G %a' "$work"/user/*.sock)" = $'audio 660\naudio 660' ]
check 'which is that of the sound cards' grep -qx 'Group=audio' "$tree/tools/systemd/unisono.service.in"
for name in spied spied-mic; do
    stop $name TERM
    check "$name: ends with 0" [ $status = 0 ]
done
# the names of the calls that a set of systemd allows
expand() {
    systemd-analyze syscall-filter "$1" | sed -n 's/^    \([a-z0-9@_-]*\)$/\1/p' | while read -r name; do
        case $name in @*) expand "$name" ;; *) echo "$name" ;; esac
    done
}
comm -23 <(expand @system-service | sort -u) <({ expand @clock; expand @module; } | sort -u) \
    > "$work/allowed"
families=$(sed -n 's/^RestrictAddressFamilies=//p' "$tree/tools/systemd/unisono.service.in" | tr ' ' '|')
for name in spied spied-mic; do
    # the last exec is the program's; what was before is setpriv's and env's
    awk '/execve\(/ { n = NR } { line[NR] = $0 } END { for (i = n; i <= NR; i++) print line[i] }' "$work/$name.calls" \
        > "$work/$name.own"
    sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' "$work/$name.own" | sort -u > "$work/$name.names"
    check "$name: calls were seen" compare "$(wc -l < "$work/$name.names")" '>' 30
    comm -23 "$work/$name.names" "$work/allowed" > "$work/$name.forbidden"
    check "$name: none that the filter forbids" sh -c 'cat "$1"; [ ! -s "$1" ]' - "$work/$name.forbidden"
    check "$name: no socket of another family" \
        bash -c "! grep -E ' socket\(' '$work/$name.own' | grep -vE 'socket\(($families),'"
    check "$name: no memory to write and to execute" bash -c \
        "! grep -E 'mprotect\(.*PROT_EXEC|PROT_WRITE\|PROT_EXEC' '$work/$name.own'"
done
finish
