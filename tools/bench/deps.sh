#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What `make bench` needs beside the tests' packages: the peers it measures. Installs those that are missing, says which, and sees
# to it that no service of theirs runs, now or after the next boot.
set -eu
here=$(dirname "$0")
packages="iproute2 linuxptp sox pkg-config libgstreamer1.0-dev gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-alsa
          snapserver snapclient"

fresh=
for service in snapserver snapclient; do
    [ "$(dpkg-query -W -f '${Status}' $service 2> /dev/null || true)" = 'install ok installed' ] || fresh="$fresh $service"
done
[ "$(id -u)" = 0 ] && as_root= || as_root=sudo

# Debian starts what it installs, unless this file forbids it.
policy=/usr/sbin/policy-rc.d
if [ -n "$fresh" ] && [ ! -e $policy ]; then
    trap '$as_root rm -f $policy' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy > /dev/null
    $as_root chmod 755 $policy
fi
"$here/../deps.sh" $packages

for service in $fresh; do
    if command -v systemctl > /dev/null; then
        $as_root systemctl disable --quiet "$service.service" 2> /dev/null || true
    else
        $as_root update-rc.d "$service" disable 2> /dev/null || true
    fi
done
