#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# deps.sh PACKAGE...: installs those Debian packages that are missing, as root or through sudo, and says which. Nothing else.
set -eu

missing=
for package; do
    case $(dpkg-query -W -f '${Status}' "$package" 2> /dev/null || true) in
    'install ok installed') ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

command -v apt-get > /dev/null || {
    echo "this is no Debian: install what corresponds to$missing" >&2
    exit 1
}
as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo > /dev/null || {
        echo "neither root nor sudo: ask an administrator for \`apt-get install$missing\`" >&2
        exit 1
    }
    as_root=sudo
fi
echo "installing from Debian:$missing"
export DEBIAN_FRONTEND=noninteractive
# The lists may be missing or old; an update that fails is told by the installation.
$as_root apt-get update -qq || true
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing > /dev/null
