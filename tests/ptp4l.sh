# SPDX-License-Identifier: GPL-3.0-or-later
# Real ptp4l for the end-to-end tests. Sourced after e2e/lib.sh, which owns the hosts (namespaces on a bridge), the
# processes and the folder $work, and undoes them at exit. Root only, as ptp4l itself.
#
#   ptp4l_start HOST sender|backup|receiver ['OPTION VALUE'...]
#                             starts it on HOST's eth0 with tools/ptp4l-KIND.conf as it stands, and the options given
#                             beside it; process ptp-HOST, so: stop ptp-HOST, await ptp-HOST ...
#   ptp4l_socket HOST         prints the path of its socket, for --clock ptp4l:PATH
#   ptp4l_leads HOST SECONDS  until it has taken the part of the grandmaster
#   ptp4l_follows HOST SECONDS   until it has chosen a master and takes in its Syncs
#
#   ptp4l_network SENDER RECEIVER...
#                             all of that: SENDER leads, the others follow it
#
# With software timestamps on one kernel all clocks are one: PTP time is CLOCK_REALTIME, and what a receiver makes of
# it can be compared with the truth.
#
# And the one that pretends, tests/fake_ptp4l.c, for what the real one does seldom:
#
#   fake_start HOST [OPTION...]      starts it on HOST, at the socket that ptp4l_socket prints; process fake-HOST
#   fake_tell 'COMMANDS' HOST...     tells it to all of them, nearly at once, and waits until all have obeyed

ptp4l_socket() {
    echo "$work/ptp-$1.socket"
}

ptp4l_start() {
    local host=$1 kind=$2 config=$work/ptp-$1.conf option
    shift 2
    {
        cat "$tree/tools/ptp4l-$kind.conf"
        printf '\n# of this test\nuds_address %s\n' "$(ptp4l_socket "$host")"
        # since 4.0 there is a second socket, which several on one machine must not share either
        case $(ptp4l -v) in [123].*) ;; *) echo "uds_ro_address $(ptp4l_socket "$host")-ro" ;; esac
        for option; do echo "$option"; done
    } > "$config"
    run "ptp-$host" "@$host" ptp4l -f "$config" -i eth0 -m -q
}

ptp4l_leads() {
    await "ptp-$1" "$2" 'assuming the grand master role'
}

ptp4l_follows() {
    await "ptp-$1" "$2" 'to (UNCALIBRATED|SLAVE) on'
}

ptp4l_network() {
    local sender=$1 host
    shift
    ptp4l_start "$sender" sender
    for host; do ptp4l_start "$host" receiver; done
    ptp4l_leads "$sender" 15 || return
    for host; do ptp4l_follows "$host" 15 || return; done
}

declare -A fake_in=()

fake_start() {
    local host=$1 pipe=$work/fake-$1.in fd
    shift
    rm -f "$pipe"
    mkfifo "$pipe"
    # for both directions: so the opening does not wait for another, and there is never an end
    exec {fd}<> "$pipe"
    fake_in[$host]=$fd
    : > "$work/fake-$host.out"
    input=$pipe run "fake-$host" "@$host" "$build/fake-ptp4l" --socket "$(ptp4l_socket "$host")" "$@"
    fake_tell '' "$host"
}

fake_tell() {
    local commands=$1 host until=$((SECONDS + 5))
    local -A answers=()
    shift
    for host; do answers[$host]=$(wc -l < "$work/fake-$host.out"); done
    for host; do echo "$commands" >&"${fake_in[$host]}"; done
    for host; do
        until [ "$(wc -l < "$work/fake-$host.out")" -gt "${answers[$host]}" ]; do
            [ $SECONDS -lt $until ] && kill -0 "${pid[fake-$host]}" 2> /dev/null || break
            sleep 0.01
        done
        tail -n +$((answers[$host] + 1)) "$work/fake-$host.out" | grep -qx ok && continue
        echo "  fake-$host: '$commands' was not obeyed: $(tail -n 1 "$work/fake-$host.out" "$work/fake-$host.log")"
        failures=$((failures + 1))
    done
}
