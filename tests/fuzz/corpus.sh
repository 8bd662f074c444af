#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Every stored input of the fuzzers through its target, under ASan and UBSan (built with `make SAN=address,undefined corpora`).
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${UNISONO_BUILD:-build}/san-address-undefined/tests/fuzz
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0

for source in tests/fuzz/fuzz_*.c; do
    target=$(basename "$source" .c)
    target=${target#fuzz_}
    if said=$("$build/corpus_$target" "tests/fuzz/corpus/$target" 2> "$log"); then
        echo "$target: $said"
    else
        failed=1
        echo "$target: FAILED"
        tail -n 25 "$log"
    fi
done
exit $failed
