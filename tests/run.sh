#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# run.sh TEST...: runs each test, a program or a script, one after the other, shows what the failed ones said, and closes with
# "N passed, N failed". A test that says "skip: WHY" and exits with 77 is counted as skipped.
set -u
passed=0 failed=0 skipped=0 names=
log=$(mktemp)
trap 'rm -f "$log"' EXIT

for test; do
    name=$(basename "$test")
    start=$(date +%s%N)
    timeout --kill-after=10 600 "$test" > "$log" 2>&1 < /dev/null
    code=$?
    took=$((($(date +%s%N) - start) / 1000000))
    case $code in
    0) passed=$((passed + 1)) verdict=ok ;;
    77) skipped=$((skipped + 1)) verdict="skipped: $(grep -m 1 -o 'skip: .*' "$log")" ;;
    *) failed=$((failed + 1)) verdict="FAILED ($code)" names="$names $name" ;;
    esac
    printf '%-28s %6d.%03d s  %s\n' "$name" $((took / 1000)) $((took % 1000)) "$verdict"
    [ $code = 0 ] || [ $code = 77 ] || sed 's/^/    /' "$log" | tail -n 60
done
[ -z "$names" ] || echo "failed:$names"
[ $skipped = 0 ] && echo "$passed passed, $failed failed" || echo "$passed passed, $failed failed, $skipped skipped"
exit $((failed > 0))
