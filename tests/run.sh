#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# run.sh TEST... [-- TEST...]: runs each test, a program or a script, shows what the failed ones said, and closes with "N passed, N failed". A test
# that says "skip: WHY" and exits with 77 is counted as skipped.
#
# Most tests wait for something most of the time, so JOBS of them (4) run at a time. Scripts with a line "# alone: WHY", and tests behind --,
# come after, one by one: what they measure others would disturb. A script that fails beside others may have been starved by
# them, so at the very end it runs once more, by itself; what it said when it failed is shown, whatever comes of that.
#
# A virtual machine stands still by itself, and what was late then is no fault of what was tested. So a witness runs beside; a test that
# fails while it saw the machine stand still for more than 5 ms is run again, twice at most, and that is told.
set -u
jobs=${JOBS:-4}
results=$(mktemp -d)
witness=
[ -x build/stall-witness ] && { build/stall-witness --over 5000 --file "$results/stalls.witness" > /dev/null 2>&1 & witness=$!; }
trap '[ -z "$witness" ] || kill $witness 2> /dev/null; rm -rf "$results"' EXIT

# Such times come in bursts: waits for 3 s without one, a minute and a half at most.
await_calm() {
    local seen until=$((SECONDS + 90))
    while seen=$(stalls) && sleep 3 && [ $(stalls) -gt $seen ] && [ $SECONDS -lt $until ]; do :; done
}
stalls() { cat "$results/stalls.witness" 2> /dev/null | wc -l; }

# run NUMBER TEST: what it said in $results/NUMBER.log, "CODE MILLISECONDS NAME WHY-AGAIN" in $results/NUMBER
run() {
    local start=$(date +%s%N) code before tries again= late
    for tries in 1 2 3; do
        before=$(stalls)
        timeout --kill-after=10 600 "$2" > "$results/$1.log" 2>&1 < /dev/null
        code=$?
        late=$(($(stalls) - before))
        [ $code != 0 ] && [ $code != 77 ] && [ $late -gt 0 ] && [ $tries -lt 3 ] || break
        await_calm
        again=" (run $((tries + 1)) times: the machine stood still $late times in the last that failed)"
    done
    echo "$code $((($(date +%s%N) - start) / 1000000)) $(basename "$2")$again" > "$results/$1.new"
    mv "$results/$1.new" "$results/$1"
}

passed=0 failed=0 skipped=0 names= beside=yes
tell() {
    local code took name again verdict
    read -r code took name again < "$results/$1"
    mv "$results/$1" "$results/$1.told"
    if [ -n "$beside" ] && [ $code != 0 ] && [ $code != 77 ] && [[ $name = *.sh ]]; then
        mv "$results/$1.log" "$results/$1.beside"
        return
    fi
    case $code in
    0) passed=$((passed + 1)) verdict=ok ;;
    77) skipped=$((skipped + 1)) verdict="skipped: $(grep -m 1 -o 'skip: .*' "$results/$1.log")" ;;
    *) failed=$((failed + 1)) verdict="FAILED ($code)" names="$names $name" ;;
    esac
    [ ! -e "$results/$1.beside" ] || verdict="beside others it failed; by itself $verdict"
    printf '%-28s %6d.%03d s  %s\n' "$name" $((took / 1000)) $((took % 1000)) "$verdict${again:+ $again}"
    [ $code = 0 ] || [ $code = 77 ] || sed 's/^/    /' "$results/$1.log" | tail -n 60
    [ ! -e "$results/$1.beside" ] || sed 's/^/    beside others: /' "$results/$1.beside" | tail -n 60
}
tell_all() {
    local result
    for result in "$results"/*; do
        case ${result##*/} in *.* | '*') ;; *) tell "${result##*/}" ;; esac
    done
}

together=() alone=() by_itself=
for test; do
    if [ "$test" = -- ]; then by_itself=yes; continue; fi
    if [ -n "$by_itself" ]; then alone+=("$test"); continue; fi
    if grep -qIm 1 '^# alone: ' "$test"; then alone+=("$test"); else together+=("$test"); fi
done
number=0
# not `wait` alone: the witness never ends
declare -A running=()
for test in "${together[@]}"; do
    while [ ${#running[@]} -ge $jobs ]; do
        wait -n -p ended "${!running[@]}"
        unset "running[$ended]"
        tell_all
    done
    number=$((number + 1))
    run $number "$test" &
    running[$!]=$number
done
[ ${#running[@]} = 0 ] || wait "${!running[@]}"
tell_all
beside=
for test in "${alone[@]}"; do
    number=$((number + 1))
    run $number "$test"
    tell_all
done
for ((i = 1; i <= ${#together[@]}; i++)); do
    [ -e "$results/$i.beside" ] || continue
    run $i "${together[i - 1]}"
    tell_all
done
lost=$((number - passed - failed - skipped))
[ $lost = 0 ] || { echo "$lost ended without a result"; failed=$((failed + lost)); }
[ -z "$names" ] || echo "failed:$names"
[ $skipped = 0 ] && echo "$passed passed, $failed failed" || echo "$passed passed, $failed failed, $skipped skipped"
exit $((failed > 0))
