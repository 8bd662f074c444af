#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# unit.sh send|recv|send@|recv@ BINDIR CONFIGDIR: the systemd unit, on the standard output. One with @ has a configuration of
# its own for each instance: unisono-recv@lobby.service reads CONFIGDIR/recv-lobby.conf.
set -eu
end=${1%@} instance=
case $1 in *@) instance=%i ;; esac
case $end in
send) what=sender ;;
recv) what=receiver ;;
*) echo "unit.sh: $1: allowed are send, recv, send@ and recv@" >&2; exit 2 ;;
esac
sed -e "s,@END@,$end,g" -e "s,@AT@,${instance:+@},g" -e "s,@WHAT@,$what,g" -e "s,@OF_INSTANCE@,${instance:+ $instance},g" \
    -e "s,@BINDIR@,$2,g" -e "s,@CONFIG@,$3/$end${instance:+-$instance}.conf,g" "$(dirname "$0")/unisono.service.in"
