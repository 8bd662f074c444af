#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Streams by name, by DNS-SD over mDNS: what Avahi publishes is found, listed, played and followed; its daemon may come late, and
# go. Each side has a D-Bus and an Avahi daemon of its own, in its network namespace and with its own /run.
. "$(dirname "$0")/lib.sh"

for daemon in dbus-daemon avahi-daemon avahi-publish; do
    command -v $daemon > /dev/null || { echo "skip: there is no $daemon (avahi-daemon, avahi-utils)"; exit 77; }
done
for name in sender player; do host $name; done # 10.77.0.1 and 2
card named 'ppm 40.0'
address=${group%:*} port=${group#*:}
other=$address:$((port + 2))
net='--interface eth0 --clock system'

# bus HOST: its D-Bus, at $work/HOST.bus
bus() {
    cat > "$work/$1.conf" <<- END
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
		 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig><type>system</type><listen>unix:path=$work/$1.bus</listen><auth>EXTERNAL</auth>
		<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
		<allow user="*"/></policy></busconfig>
	END
    run "bus-$1" "@$1" dbus-daemon --config-file="$work/$1.conf" --nofork --nopidfile --print-address
    await "bus-$1" 10 'unix:path'
}
on_bus() { echo "DBUS_SYSTEM_BUS_ADDRESS=unix:path=$work/$1.bus"; }
# avahi HOST: its daemon; its host name is HOST
avahi() {
    printf '[server]\nhost-name=%s\nuse-ipv4=yes\nuse-ipv6=no\nallow-interfaces=eth0\n[wide-area]\nenable-wide-area=no\n' "$1" \
        > "$work/$1.avahi"
    run "avahi-$1" "@$1" unshare --mount sh -c 'mount -t tmpfs none /run && mkdir /run/avahi-daemon &&
        exec env "$0" avahi-daemon --no-drop-root --no-chroot --no-rlimits -f "$1"' "$(on_bus "$1")" "$work/$1.avahi"
    await "avahi-$1" 20 'Server startup complete'
}
# publish VERSION GROUP: the description in pieces of 200 bytes
publish() {
    local text at pieces=()
    text=$(printf 'v=0\r\no=- 77 %s IN IP4 10.77.0.1\r\ns=Stage left\r\nt=0 0\r\nm=audio %s RTP/AVP 98\r\nc=IN IP4 %s/32\r\na=rtpmap:98 L24/48000/2\r\na=ptime:1\r\na=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0\r\na=mediaclk:direct=0\r\na=extmap:1 urn:x-unisono:header\r\n' \
        "$1" "${2#*:}" "${2%:*}")
    for ((at = 0; at < ${#text}; at += 200)); do pieces=("s$((at / 200))=${text:at:200}" "${pieces[@]}"); done # in any order
    run publish @sender env "$(on_bus sender)" avahi-publish -s 'Stage left' _unisono._udp "${2#*:}" "${pieces[@]}"
    await publish 15 'Established under name'
}
send() { # NAME GROUP
    run "$1" @sender "$build/unisono-send" --input tone:997 --latency 80 --group "$2" $net
    await "$1" 10 'info: sending$'
}

# ---- no D-Bus, no daemon; then they come ------------------------------------------------------------------------
run named @player env "$(on_bus player)" "$build/unisono-recv" --device named --stream 'Stage left' $net --stats "$work/named.json"
await named 20 'no stream "Stage left" so far, still looking; nothing at all is announced'
bus sender
bus player
avahi sender
avahi player
send first "$group"
publish 1 "$group"
check 'a stream that is published is found, the daemon come late' await_stat named 30 state = playing
check 'by mDNS' grep -q "stream \"Stage left\", by mDNS: $group, L24/48000/2, Unisono, from 10.77.0.1" "$work/named.log"
ip netns exec "$ns_player" env "$(on_bus player)" "$build/unisono-recv" --list --list-seconds 6 --interface eth0 > "$work/list"
check 'it is listed' grep -qE "^Stage left +$group .* 10.77.0.1 +mDNS +Unisono$" "$work/list"

# ---- it moves; it goes ---------------------------------------------------------------------------------------------
stop first
stop publish
await named 15 'no longer announced'
send moved "$other"
publish 2 "$other"
check 'the receiver follows' await named 20 "by mDNS: $other"
check 'and plays' await_stat named 10 state = playing
stop avahi-player TERM
fresh named # the log says once in a while that nothing is announced, and has just said so
check 'without the daemon nothing is announced' await_stat named 5 state = playing
avahi player
check 'the daemon that comes back is asked' test -n "$(ip netns exec "$ns_player" env "$(on_bus player)" "$build/unisono-recv" \
    --list --list-seconds 6 --interface eth0 | grep '^Stage left')"
stop publish
stop moved
check 'it ends in silence' await_stat named 10 state = idle
stop bus-player TERM
stop named
check 'the receiver ends cleanly, without D-Bus' [ $status = 0 ]
finish
