#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# fuzz.sh FOLDER SECONDS TARGET...: runs FOLDER/fuzz_TARGET for so long each, one after the other, on a copy of its corpus, and says
# what came of it. What it finds is left in FOLDER/findings. `make fuzz` calls it; FUZZ_ARGS is passed on to libFuzzer.
set -u
cd "$(dirname "$0")/../.." || exit 1
folder=$1 seconds=$2
shift 2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder/findings"
# many short lives: a small quarantine, and no memory handed back in between
sanitizers=quarantine_size_mb=1:thread_local_quarantine_size_kb=64:allocator_release_to_os_interval_ms=-1:malloc_context_size=2
failed=0

for target; do
    fuzzer=$folder/fuzz_$target corpus=tests/fuzz/corpus/$target dictionary=tests/fuzz/$target.dict
    [ -x "$fuzzer" ] || { echo "$target: there is no tests/fuzz/fuzz_$target.c" >&2; exit 2; }
    mkdir "$work/$target"
    [ ! -d "$corpus" ] || cp -r "$corpus/." "$work/$target"
    ASAN_OPTIONS=$sanitizers "$fuzzer" -max_total_time="$seconds" -max_len=2048 -print_final_stats=1 \
        -artifact_prefix="$folder/findings/$target-" $([ ! -f "$dictionary" ] || echo "-dict=$dictionary") \
        ${FUZZ_ARGS:-} "$work/$target" > "$work/log" 2>&1
    code=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$work/log" | tail -n 1)
    input=$(sed -n 's/.*Test unit written to //p' "$work/log" | tail -n 1)
    printf '%-10s %11s executions  %5s edges  %s\n' "$target" "${runs:-0}" "${edges:-0}" \
        "$([ $code = 0 ] && echo 'nothing found' || echo FOUND)"
    [ $code != 0 ] || continue
    failed=1
    grep -vE '^(#|INFO)' "$work/log" | tail -n 40
    [ -z "$input" ] || echo "replay it: $fuzzer $input"
done
exit $failed
