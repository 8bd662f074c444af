#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The preflight on machines with a real ptp4l and without: what it says of the clock, the network and a simulated card,
# its exit status, and its JSON. What depends on the machine that runs this test is asserted only where it is known.
. "$(dirname "$0")/lib.sh"
. "$tree/tests/ptp4l.sh"

doctor=$build/unisono-doctor
card good
host sender
host a
host lonely

# examined HOST [OPTION VALUE]...: by ptp4l's socket of that host; the report in doctor.json, the status in $examined
examined() {
    local at=$1 space=ns_$1
    shift
    timeout 200 ip netns exec "${!space}" "$doctor" --json --group "$group" --interface eth0 \
        --clock "ptp4l:$(ptp4l_socket "$at")" "$@" > "$work/doctor.json" 2> "$work/doctor.log"
    examined=$?
}

# says CHECK RESULT ['REGEX of what was found' ['REGEX of the remedy']]
says() {
    holds "$work/doctor.json" '.checks[] | select(.name == $name) | debug
         | .result == $result and (.found | test($found)) and (.remedy | test($remedy))' \
        --arg name "$1" --arg result "$2" --arg found "${3:-}" --arg remedy "${4:-}"
}

# The status is what the worst of the findings says, and each bad one has a remedy.
adds_up() {
    local worst
    worst=$(jq -r '[.checks[].result] | if index("FAIL") then "FAIL" elif index("WARN") then "WARN" else "PASS" end' \
        "$work/doctor.json")
    [ "$(jq -r .worst "$work/doctor.json")" = "$worst" ] || { echo "worst is not $worst"; return 1; }
    case $worst in PASS) [ "$examined" = 0 ] ;; WARN) [ "$examined" = 1 ] ;; *) [ "$examined" = 2 ] ;; esac ||
        { echo "status $examined with $worst"; return 1; }
    holds "$work/doctor.json" 'all(.checks[]; (.result == "WARN" or .result == "FAIL") == (.remedy != ""))'
}

# refused STATUS 'REGEX' OPTION...
refused() {
    local wanted=$1 regex=$2
    shift 2
    "$doctor" "$@" > "$work/refused.out" 2> "$work/refused.log"
    [ $? = "$wanted" ] && [ "$(wc -l < "$work/refused.log")" = 1 ] && grep -qE -- "$regex" "$work/refused.log" &&
        [ ! -s "$work/refused.out" ]
}

# ---- a receiver's host in good health -----------------------------------------------------------------------------
ptp4l_network sender a || finish
# until it has taken a Sync in; the path delay takes some seconds
for ((i = 0; i < 15; i++)); do
    examined a --device good
    says ptp4l PASS > /dev/null 2>&1 && break
    sleep 1
done
check 'a healthy host: ptp4l measures against the grandmaster' says ptp4l PASS 'UNCALIBRATED, measures against .*-.*, domain 0, .*runs free'
check 'a healthy host: one ptp4l, whatever runs in other namespaces' says ptp4l-single PASS "pid ${pid[ptp-a]}$"
check 'a healthy host: the ports of PTP are held by ptp4l' says ptp-ports PASS 'held by ptp4l'
check 'a healthy host: phc2sys is not needed' says phc2sys PASS 'software timestamps'
check 'a healthy host: a veth stamps in software' says timestamping WARN 'eth0 has software timestamps only' 'time_stamping software'
check 'a healthy host: the interface' says interface PASS 'eth0, 10\.77\.0\.2, up'
check 'a healthy host: the route to the group' says multicast-route PASS "^${group%:*} goes by eth0"
check 'a healthy host: IGMP' says igmp PASS 'version [23]'
check 'a healthy host: nobody has listened for a querier' says igmp-querier SKIP 'listen 130'
check 'a healthy host: the simulated card is a plugin' says sound-device WARN 'good is a plugin \(IOPLUG\)' 'hw:'
check 'a healthy host: its formats' says sound-format PASS 'S32_LE|S16_LE'
check 'a healthy host: its rates' says sound-rates PASS '48000'
check 'a healthy host: the report adds up' adds_up
check 'a healthy host: nothing on stderr' [ ! -s "$work/doctor.log" ]

examined sender
check 'the sender: it is the grandmaster' says ptp4l PASS 'this machine is the grandmaster'
check 'the sender: without --device no card is opened' says sound-device SKIP 'none given'

# ---- what can be wrong with the clock -----------------------------------------------------------------------------
examined a --ptp-domain 7
check 'another domain: it says which' says ptp4l FAIL 'domain 0' 'domainNumber 7'
check 'another domain: the report adds up' adds_up
examined lonely
check 'no ptp4l: fails, with the command that starts it' says ptp4l FAIL 'ptp4l' 'ptp4l -f .*ptp4l-receiver.conf -i eth0'
check 'no ptp4l: none counted' says ptp4l-single SKIP
check 'no ptp4l: the ports are free' says ptp-ports PASS 'free'
check 'no ptp4l: the worst is a FAIL' [ "$examined" = 2 ]
run squatter @lonely "$build/garbage" --kind occupy --group 224.0.1.129:319 --interface eth0
await squatter 5 occupied && examined lonely
check 'another program holds a port of PTP' says ptp-ports FAIL "taken by garbage \\(pid ${pid[squatter]}\\)" 'systemctl'
stop squatter TERM
ip netns exec "$ns_lonely" "$doctor" --group "$group" --interface eth0 --clock system > "$work/lines.out" 2>&1
check 'the system clock as PTP time: a missing ptp4l is a warning at most' grep -qE '^(WARN|PASS)  ptp4l ' "$work/lines.out"
kill -STOP "${pid[ptp-a]}"
examined a
kill -CONT "${pid[ptp-a]}"
check 'no socket of the doctor is left' [ -z "$(find "$work" -name '*.unisono-*')" ]
check 'ptp4l hangs' says ptp4l FAIL 'not answer' 'restart ptp4l'
stop ptp-sender
examined a
check 'the grandmaster is gone' says ptp4l FAIL '.' 'start a grandmaster'

# ---- network ------------------------------------------------------------------------------------------------------
ip -n "$ns_lonely" route delete 224.0.0.0/4
ip -n "$ns_lonely" link set eth0 mtu 1280
examined lonely --listen 1
check 'no route for the group' says multicast-route WARN 'nowhere' 'ip route add 224.0.0.0/4 dev eth0'
check 'a small MTU' says mtu WARN '1280' 'mtu 1500'
check 'a second of silence proves nothing about queriers' says igmp-querier SKIP 'in 1 s'
ip -n "$tag-net" address add 10.77.0.254/24 dev br0
ip -n "$tag-net" link set br0 type bridge mcast_snooping 1 mcast_querier 1 mcast_query_use_ifaddr 1 \
    mcast_query_interval 100 mcast_startup_query_interval 100
examined lonely --listen 60
check 'a querier is heard' says igmp-querier PASS '10\.77\.0\.254 asks'
ip -n "$ns_lonely" link set eth0 down
examined lonely
check 'an interface that is down' says interface FAIL 'eth0 is down' 'ip link set eth0 up'
examined lonely --interface nosuch0 2> /dev/null
check 'options given twice are refused' [ "$examined" = 64 ]
ip netns exec "$ns_lonely" "$doctor" --json --interface nosuch0 > "$work/doctor.json"
check 'no such interface' says interface FAIL 'nosuch0' '--interface'
check 'no such interface: no check of it' says mtu SKIP

# ---- an ordinary user ---------------------------------------------------------------------------------------------
mkdir -m 755 "$work/user"
chmod 711 "$work"
cp "$doctor" "$work/user"
ip netns exec "$ns_a" prlimit --rtprio=0 --memlock=65536 setpriv --reuid 65534 --regid 65534 --clear-groups \
    --inh-caps=-all --bounding-set=-all "$work/user/unisono-doctor" --json --interface eth0 --listen 1 \
    --clock "ptp4l:$(ptp4l_socket a)" > "$work/doctor.json"
check 'a user without limits: no real time' says realtime FAIL 'refused' 'rtprio 95'
check 'a user without limits: little memory to lock' says memlock WARN '64 kB' 'memlock unlimited'
check 'a user may not ask ptp4l by its writable socket' says ptp4l FAIL 'refuses this user' 'run as root'
check 'a user may not listen for IGMP' says igmp-querier SKIP 'run as root'
check 'a user may not see who holds the ports' says ptp-ports SKIP 'only root'

# ---- sound --------------------------------------------------------------------------------------------------------
echo 'pcm.mulaw { type mulaw slave { pcm "null" format S16_LE } }' >> "$ALSA_CONFIG_PATH"
examined a --device mulaw
check 'a card of no known format' says sound-format FAIL 'takes none of' 'plug:'
examined a --device nosuch
check 'no such card' says sound-device FAIL 'nosuch cannot be opened' 'aplay -L'
check 'no such card: nothing from ALSA on stderr' [ ! -s "$work/doctor.log" ]

# ---- lines, and the command line ----------------------------------------------------------------------------------
ip netns exec "$ns_a" "$doctor" --interface eth0 > "$work/lines.out" 2>&1
check 'lines: each check, its remedy, and a verdict' awk '
    /^(PASS|WARN|FAIL|SKIP)  [a-z0-9-]+  +[^ ]/ { if (bad) exit 1; bad = /^(WARN|FAIL)/; n++; next }
    /^      remedy: ./ { if (!bad) exit 1; bad = 0; next }
    /^(READY|NOT READY).*: [0-9]+ passed/ { last = NR; next }
    { exit 1 }
    END { if (n < 25 || last != NR) exit 1 }' "$work/lines.out"
check 'usage: unknown option' refused 64 'unknown option --sing' --sing
check 'usage: no such clock' refused 64 '--clock sundial: allowed are auto' --clock sundial
check 'usage: domain' refused 64 '--ptp-domain 128: allowed are 0 to 127' --ptp-domain 128
check 'usage: listen' refused 64 '--listen -1: allowed are 0 to 600' --listen -1
check 'usage: group' refused 64 '--group 10.1.2.3: not a multicast' --group 10.1.2.3
check '--help says the statuses' sh -c '"$1" --help | grep -q "64 when"' - "$doctor"
check '--version' sh -c '"$1" --version | grep -q "^unisono-doctor [0-9]"' - "$doctor"
check 'a full disk is told' sh -c '"$1" --interface lo > /dev/full 2> "$2"; [ $? = 74 ] && grep -q "standard output" "$2"' \
    - "$doctor" "$work/full.log"
for option in $("$doctor" --help | grep -oE '^  --[a-z-]+'); do
    check "the manual knows $option" grep -qF -- "$(sed 's/-/\\-/g' <<< "$option")" "$tree/tools/doctor/unisono-doctor.1"
done
finish
