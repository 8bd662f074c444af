#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The sender announces its stream by DNS-SD through the Avahi daemon, and another host finds it: under its name, with the
# description that it has by SAP. Without a daemon it sends all the same; it finds one that comes later, and one that
# comes back; when it has ended, or was killed, the service is gone. Two of one name are told apart.
#
# Each host has a D-Bus and an avahi-daemon of its own, in a mount namespace where /run is its own: nothing of this
# machine's is touched or asked.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/ptp4l.sh"

for name in sender listener; do host $name; done
fake_start sender --sync 16
fake_tell 'noise 20; gm 00-1D-C1-FF-FE-00-00-01' sender

bus() { echo "unix:path=$work/bus-$1"; }

bus_start() {
    cat > "$work/bus-$1.conf" <<- END
		<busconfig>
		  <listen>$(bus "$1")</listen>
		  <auth>EXTERNAL</auth>
		  <policy context="default">
		    <allow user="*"/> <allow own="*"/> <allow send_destination="*"/> <allow receive_sender="*"/>
		  </policy>
		</busconfig>
	END
    run "bus-$1" "@$1" dbus-daemon --nofork --print-address --config-file="$work/bus-$1.conf"
    await "bus-$1" 10 'unix:path='
}

daemon_start() {
    cat > "$work/avahi-$1.conf" <<- END
		[server]
		host-name=$1
		use-ipv6=no
		allow-interfaces=eth0
		[wide-area]
		enable-wide-area=no
		[publish]
		publish-workstation=no
	END
    # shellcheck disable=SC2016
    run "avahi-$1" "@$1" env DBUS_SYSTEM_BUS_ADDRESS="$(bus "$1")" unshare -m sh -c 'mount -t tmpfs tmpfs /run &&
        mkdir /run/avahi-daemon && exec avahi-daemon --no-drop-root --no-chroot --no-rlimits -f "$1"' - "$work/avahi-$1.conf"
    await "avahi-$1" 15 'Server startup complete'
}

send() { # NAME HOST OPTION...
    run "$1" "@$2" env DBUS_SYSTEM_BUS_ADDRESS="$(bus "$2")" "$build/unisono-send" --input tone --interface eth0 \
        --group "$group" --name 'stage left' --stats "$work/$1.json" "${@:3}"
}

# what the listener finds now, a line for each service that could be resolved
browse() {
    ip netns exec "$ns_listener" env DBUS_SYSTEM_BUS_ADDRESS="$(bus listener)" timeout 10 avahi-browse -rptk _unisono._udp |
        grep '^=;' > "$work/found"
}

# finds COUNT 'REGEX': until so many of the services are so, and no more
finds() {
    local until=$((SECONDS + 20))
    until browse; [ "$(grep -cE -- "$2" "$work/found")" = "$1" ]; do
        [ $SECONDS -lt $until ] || { echo "not $1 of '$2' within 20 s, but:"; cat "$work/found"; return 1; }
        sleep 0.2
    done
}

same() { [ "$1" = "$2" ] || { printf 'is:     %s\nshould: %s\n' "$1" "$2"; return 1; }; }

# the description that is in TXT: the strings come in their order or the reverse, other than printable bytes as \DDD
description() {
    grep -oE '"s[0-9]=[^"]*"' "$work/found" | sort | sed 's/^"s[0-9]=//; s/"$//' | tr -d '\n' | sed 's/\\013\\010/\n/g'
}

# ---- no daemon, no D-Bus ----------------------------------------------------------------------------------------
bus_start listener
daemon_start listener
send sender sender --clock "ptp4l:$(ptp4l_socket sender)"
check 'without D-Bus the sender sends' await_stat sender 15 sent_packets '>' 1000
check 'says why nobody finds it' await sender 5 'no Avahi daemon answers \(.*\): the stream is announced by SAP only'
bus_start sender
await_stat sender 15 sent_packets '>' 9000
check 'and says it once, without a daemon as without D-Bus' [ "$(grep -c 'no Avahi daemon' "$work/sender.log")" = 1 ]

# ---- one comes --------------------------------------------------------------------------------------------------
daemon_start sender
check 'a daemon that comes later is told' await sender 15 'announced by DNS-SD as "stage left"'
check 'another host finds the stream' finds 1 '^=;eth0;IPv4;stage\\032left;_unisono._udp;local;sender.local;'
check 'at the address and port of RTP' grep -qF ";10.77.0.1;${group#*:};" "$work/found"
check 'with the version of TXT' grep -qF '"txtvers=1"' "$work/found"
ip netns exec "$ns_sender" "$build/unisono-send" --input tone --interface eth0 --group "$group" --name 'stage left' \
    --print-sdp --clock "ptp4l:$(ptp4l_socket sender)" 2> "$work/print.log" | tr -d '\r' > "$work/printed"
check 'and the description, but for the ID of the session' same "$(description | grep -v '^o=')" \
    "$(grep -v '^o=' "$work/printed")"
check 'of which this is version 1' grep -qE '^o=- [0-9]+ 1 IN IP4 10.77.0.1$' <(description)

check 'our own receiver lists it, too' sh -c 'ip netns exec "$1" env DBUS_SYSTEM_BUS_ADDRESS="$2" "$3" --list \
    --list-seconds 5 --interface eth0 2>&1 | grep -E "^stage left .*PTP 0, 00-1D-C1-FF-FE-00-00-01 .*mDNS"' - "$ns_listener" \
    "$(bus listener)" "$build/unisono-recv"

# ---- it changes -------------------------------------------------------------------------------------------------
fake_tell 'gm 00-1D-C1-FF-FE-00-00-02' sender
check 'another grandmaster is found there' finds 1 'IEEE1588-2008:00-1D-C1-FF-FE-00-00-02:0'
check 'in version 2' grep -qE '^o=- [0-9]+ 2 IN IP4 10.77.0.1$' <(description)
check 'and the one before is not' finds 0 'IEEE1588-2008:00-1D-C1-FF-FE-00-00-01:0'

# ---- another of the same name -----------------------------------------------------------------------------------
send other listener --clock system
check 'another of the same name takes another' await other 20 'the name "stage left" is taken in this network: announced as "stage left #2"'
check 'and both are found' finds 2 ';stage\\032left(\\032\\0352)?;'
stop other
check 'it ends cleanly' [ $status = 0 ]
check 'and is gone' finds 0 '0352;'

# ---- the daemon goes and comes ----------------------------------------------------------------------------------
stop avahi-sender TERM
check 'without its daemon it is not found' finds 0 ';stage'
packets=$(stat_of "$work/sender.json" sent_packets)
daemon_start sender
check 'the daemon is back, and so is the service' finds 1 ';stage\\032left;'
check 'nothing was heard of that' await_stat sender 5 sent_packets '>' $((packets + 2000))

# ---- the ends ---------------------------------------------------------------------------------------------------
stop sender
check 'the sender ends cleanly' [ $status = 0 ]
check 'and is gone' finds 0 ';stage'
send sender sender --clock "ptp4l:$(ptp4l_socket sender)"
check 'again it is found' finds 1 ';stage\\032left;'
stop sender KILL
check 'killed, it is gone, too' finds 0 ';stage'

# ---- D-Bus that does not answer ---------------------------------------------------------------------------------
kill -STOP "${pid[bus-sender]}"
send hung sender --clock "ptp4l:$(ptp4l_socket sender)"
check 'with a D-Bus that hangs the sender sends' await_stat hung 15 sent_packets '>' 1000
began=$SECONDS
stop hung
check 'and ends cleanly, at once' [ $status = 0 -a $((SECONDS - began)) -le 5 ]
kill -CONT "${pid[bus-sender]}"
finish
