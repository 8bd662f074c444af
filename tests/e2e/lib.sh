# SPDX-License-Identifier: GPL-3.0-or-later
# What the end-to-end tests share: real processes in network namespaces of their own, simulated sound cards behind the
# ordinary ALSA interface, and the instruments that read their recordings. Sourced by each test; bash.
#
#   card NAME 'ppm 50.0 granule 1'    a simulated card; it records to $work/NAME.playback
#   host NAME                         a namespace on the test's own bridge (10.77.0.N)
#   run NAME [@HOST] COMMAND...       starts in the background; output in $work/NAME.out and .log
#   await NAME SECONDS 'REGEX'        until its log or output matches; fails the test when it does not, or it ended
#   await_stat NAME SECONDS MEMBER OP VALUE   until the newest line of its statistics, $work/NAME.json, says so; OP is
#                                     one of awk's for numbers, or = for a word
#   fresh NAME                        until there is a line of its statistics that was written after this
#   stop NAME [SIGNAL]                ends it (INT) and waits; its exit status is in $status
#   check 'what is claimed' COMMAND   one assertion
#   holds FILE 'JQ' [OPTION]...       the file is not empty, and what jq says of it is true in the end; options are jq's
#
# Everything is undone at exit, whatever happened: processes by pid, namespaces by name, files by folder.

set -u
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${UNISONO_BUILD:-$tree/build}
work=$(mktemp -d "${UNISONO_TMP:-/dev/shm}/unisono.XXXXXX")
tag=u$$
checks=0 failures=0 status=0 hosts=0 bridged=
declare -A pid=()

export ALSA_CONFIG_PATH=$work/asound.conf
# control sockets
export RUNTIME_DIRECTORY=$work
# no test tells the host's own Avahi daemon what it sends
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$work/no-dbus
# random, so that two runs on one machine do not hear each other even where they share a network
group=239.$((RANDOM % 200 + 20)).$((RANDOM % 250)).$((RANDOM % 250 + 1)):$((RANDOM % 10000 * 2 + 20000))

cat > "$ALSA_CONFIG_PATH" <<EOF
</usr/share/alsa/alsa.conf>
pcm_type.unisono_sim { lib "$build/libasound_module_pcm_unisono_sim.so" }
EOF

clean_up() {
    local name
    for name in "${!pid[@]}"; do kill -KILL "${pid[$name]}" 2> /dev/null; done
    wait 2> /dev/null
    for ((; hosts > 0; hosts--)); do ip netns delete "$tag-$hosts" 2> /dev/null; done
    [ -z "$bridged" ] || ip netns delete "$tag-net" 2> /dev/null
    [ -n "${KEEP:-}" ] && echo "kept: $work" || rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP PIPE

card() {
    echo "pcm.$1 { type unisono_sim record \"$work/$1\" ${2:-} }" >> "$ALSA_CONFIG_PATH"
}

# A network of its own: a bridge in one namespace, each host in another. Loopback exists in each.
host() {
    if [ -z "$bridged" ]; then
        ip netns add "$tag-net" && bridged=yes
        ip -n "$tag-net" link add br0 type bridge mcast_snooping 0
        ip -n "$tag-net" link set br0 up
    fi
    hosts=$((hosts + 1))
    declare -g "ns_$1=$tag-$hosts"
    ip netns add "$tag-$hosts"
    ip -n "$tag-net" link add "p$hosts" type veth peer name eth0 netns "$tag-$hosts"
    ip -n "$tag-net" link set "p$hosts" master br0 up
    ip -n "$tag-$hosts" addr add "10.77.0.$hosts/24" dev eth0
    ip -n "$tag-$hosts" link set lo up
    ip -n "$tag-$hosts" link set eth0 up
    ip -n "$tag-$hosts" route add 224.0.0.0/4 dev eth0
}

run() {
    local name=$1 space=
    shift
    case $1 in @*) space=ns_${1#@}; shift ;; esac
    # of another of this name
    rm -f "$work/$name.json"
    : > "$work/$name.out"
    : > "$work/$name.log"
    if [ -n "$space" ]; then
        ip netns exec "${!space}" "$@" > "$work/$name.out" 2> "$work/$name.log" < "${input:-/dev/null}" &
    else
        "$@" > "$work/$name.out" 2> "$work/$name.log" < "${input:-/dev/null}" &
    fi
    pid[$name]=$!
}

await() {
    local name=$1 until=$((SECONDS + $2 + 1)) # SECONDS may be about to tick
    until grep -qE -- "$3" "$work/$name.log" "$work/$name.out"; do
        if [ $SECONDS -ge $until ] || ! kill -0 "${pid[$name]}" 2> /dev/null; then
            grep -qE -- "$3" "$work/$name.log" "$work/$name.out" && return 0
            echo "  $name: no '$3' within $2 s; its log ends:"
            tail -n 5 "$work/$name.log" | sed 's/^/    /'
            failures=$((failures + 1))
            return 1
        fi
        sleep 0.05
    done
}

await_stat() {
    local until=$((SECONDS + $2 + 1)) value
    while :; do
        value=$(stat_of "$work/$1.json" "$3" 2> /dev/null)
        if [ "$4" = = ] && [ "$value" = "$5" ]; then return 0; fi
        if [ "$4" != = ] && compare "$value" "$4" "$5" > /dev/null; then return 0; fi
        if [ $SECONDS -ge $until ] || ! kill -0 "${pid[$1]}" 2> /dev/null; then break; fi
        sleep 0.05
    done
    echo "  $1: $3 is $value, not $4 $5, after $2 s; its log ends:"
    tail -n 5 "$work/$1.log" | sed 's/^/    /'
    failures=$((failures + 1))
    return 1
}

fresh() { await_stat "$1" 5 time_s '>' "$(stat_of "$work/$1.json" time_s)"; }

stop() {
    kill -"${2:-INT}" "${pid[$1]}" 2> /dev/null
    wait "${pid[$1]}" 2> /dev/null
    status=$?
    unset "pid[$1]"
}

check() {
    local claim=$1
    shift
    checks=$((checks + 1))
    if "$@" > "$work/check.out" 2>&1; then
        echo "  ok: $claim"
    else
        echo "  FAILED: $claim"
        sed 's/^/    /' "$work/check.out" | tail -n 12
        failures=$((failures + 1))
    fi
}

# captured NAMESPACE ADDRESS FILE: all that came from there to the host of that address is in the file that dumpcap writes. What it
# has not taken from the kernel when it is stopped is gone.
captured() {
    local until=$((SECONDS + 10))
    ip netns exec "$1" bash -c "echo the end of the capture > /dev/udp/$2/9"
    until grep -qa 'the end of the capture' "$3"; do
        [ $SECONDS -lt $until ] || return 1
        sleep 0.05
    done
}

# Last value of a member in a file of statistics: stat_of FILE NAME
stat_of() {
    grep -oE "\"$2\": *(\"[^\"]*\"|[^,}]*)" "$1" | tail -n 1 | cut -d: -f2- | tr -d '" '
}

is_number() { [[ $1 =~ ^[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?$ ]]; }

# compare A OP B with reals: compare "$x" '<' 5; what is no number is never true
compare() {
    is_number "$1" && is_number "$3" && awk -v a="$1" -v b="$3" "BEGIN { exit !(a + 0 $2 b + 0) }" || { echo "$1 is not $2 $3"; return 1; }
}

# jq itself finds nothing wrong with an empty file
holds() {
    local said
    if [ -f "$1" ] && [ ! -s "$1" ]; then echo "$1 is empty"; return 1; fi
    said=$(jq -e "${@:3}" "$2" "$1") || { echo "$said"; return 1; }
    echo "$said"
    [ -n "$said" ]
}

# To be the last line of each test.
finish() {
    [ $checks -gt 0 ] || { echo "  no check was made"; exit 1; }
    exit $((failures > 0))
}
