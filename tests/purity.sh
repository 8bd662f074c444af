#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# purity.sh: what the pure core may not do, it cannot do. Reads the objects of a build (UNISONO_BUILD, otherwise build/)
# and fails when one of them
#
#   - imports anything beyond arithmetic, memory and strings, assert and the core itself: no system call, no clock,
#     no stdio; libsamplerate and libopus only where they belong; snprintf only for error texts of rtp.c,
#     route.c and delay.c
#   - allocates or frees outside of a create, destroy, init or free function
#   - has static state that can change, or code that runs before main
#   - holds an instruction that asks the kernel or reads a clock
#
# At the end it checks itself: copies of rx.c that break one rule each must be caught.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${UNISONO_BUILD:-build}
core="proto/timebase proto/mediaclock proto/observer proto/resample proto/rtp proto/rtcp proto/telemetry proto/rtcptimer proto/roster
      proto/pcm proto/codec proto/ptpmgmt
      proto/printable proto/slice proto/sdp proto/sdp_attributes proto/sdpnames proto/sdpwrite proto/sap proto/saptimer proto/directory
      receiver/rx receiver/intake receiver/decode receiver/stream receiver/reception receiver/timeline receiver/conceal receiver/distribution receiver/playout
      receiver/voice receiver/head receiver/level receiver/route receiver/router receiver/delay receiver/gauge receiver/take
      sender/retime sender/gate sender/tx
      tools/replay/track tools/replay/losses tools/replay/histogram tools/replay/envelope
      tools/replay/analysis tools/replay/format
      tools/monitor/model tools/monitor/session tools/monitor/member tools/monitor/witness tools/monitor/testimony
      tools/monitor/alarm tools/monitor/figures"

math='(ll?round|ll?rint|nearbyint|floor|ceil|trunc|round|rint|fabs|fmin|fmax|fmod|sqrt|cbrt|hypot|pow|exp|expm1|log|log2|log10|log1p|sin|cos|sincos|tan|tanh|asin|acos|atan|atan2|ldexp|frexp|modf)f?'
memory='mem(cpy|move|set|cmp)|str(len|cmp|rchr|str)'
wide='__(u?div|u?mod|u?divmod|mul|ashl|ashr|lshr|cmp|ucmp|neg|float|floatun|fix|fixuns)(ti|di|df|dfti|tidf)[234]?' # of 128 bits
libsamplerate='src_(new|delete|reset|process|set_ratio)'
libopus='opus_(en|de)coder_(init|get_size|ctl)|opus_(en|de)code_float|opus_packet_[a-z_]+'
allocation='(malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|strdup|free|src_new|src_delete|src_clone)'
may_allocate='_(create|destroy|init|free)$'
forbidden_code='^(syscall|sysenter|int|rdtscp?|svc|swi|ecall|rdtime)$|cntv?ct_el0'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

complain() {
    echo "$1"
    failures=$((failures + 1))
}

# undefined symbols that are not allowed in object $1, whose name in the tree is $2; "$work/own" lists the core's own
check_imports() {
    local allowed="$math|$memory|$wide|__assert_fail|_GLOBAL_OFFSET_TABLE_|malloc|calloc|free"
    case $2 in
    proto/resample) allowed="$allowed|$libsamplerate" ;;
    proto/rtp | receiver/route | receiver/delay) allowed="$allowed|snprintf" ;;
    proto/codec) allowed="$allowed|$libopus" ;;
    tools/monitor/*) allowed="$allowed|v?snprintf" ;; # texts that people read
    esac
    local symbol
    for symbol in $(nm -u "$1" | awk '{ print $2 }' | grep -vxE "$allowed" | grep -vxFf "$work/own"); do
        complain "$2 imports $symbol"
    done
}

# allocation outside of the functions that may; gcc's parts of a function (NAME.cold, NAME.part.0 ...) count as NAME
check_allocation() {
    local function symbol
    objdump -dr --no-show-raw-insn "$1" | awk -v names="^$allocation\$" '
        /^[0-9a-f]+ <.*>:$/ { function_name = $2; gsub(/[<>:]/, "", function_name); sub(/[.].*/, "", function_name) }
        / R_[A-Z0-9_]+\t/ || /: R_[A-Z0-9_]+/ {
            symbol = $NF; sub(/[-+]0x[0-9a-f]+$/, "", symbol); sub(/@.*/, "", symbol)
            if (symbol ~ names) print function_name, symbol
        }' > "$work/calls"
    while read -r function symbol; do
        [[ $function =~ $may_allocate ]] || complain "$2: $function() calls $symbol"
    done < "$work/calls"
    # an address of an allocator kept in data could be called from anywhere
    objdump -r "$1" | awk -v names="^$allocation\$" '
        /^RELOCATION RECORDS FOR/ { section = $NF }
        section !~ /^\[\.text/ && NF == 3 {
            symbol = $3; sub(/[-+]0x[0-9a-f]+$/, "", symbol)
            if (symbol ~ names) print section, symbol
        }' > "$work/calls"
    while read -r function symbol; do
        complain "$2: section $function refers to $symbol"
    done < "$work/calls"
}

# sections that a program can write to, and common symbols; .data.rel.ro is constant once it is loaded
check_state() {
    local name
    for name in $(objdump -t "$1" | awk '
            $0 ~ /^[0-9a-f]+ / && (/ [*]COM[*]/ || / [.](data|bss|tdata|tbss)([.][^ \t]*)?\t/) &&
            !/ [.]data[.]rel[.]ro/ && $NF !~ /^[.]/ { print $NF }'); do
        complain "$2: $name is static and can change"
    done
    for name in $(objdump -h "$1" | awk '$2 ~ /^[.](init_array|ctors|preinit_array)/ { print $2 }'); do
        complain "$2: runs code before main ($name)"
    done
}

check_instructions() {
    local instruction
    for instruction in $(objdump -d --no-show-raw-insn "$1" | awk -F'\t' '{ print $2 }' | awk '{ print $1; print $NF }' |
        grep -E "$forbidden_code" | sort -u); do
        complain "$2 holds the instruction $instruction"
    done
}

check_object() {
    check_imports "$1" "$2"
    check_allocation "$1" "$2"
    check_state "$1" "$2"
    check_instructions "$1" "$2"
}

for object in $core; do
    [ -f "$build/$object.o" ] || { echo "$build/$object.o is missing: run make first"; exit 1; }
    nm --defined-only -g "$build/$object.o" | awk '{ print $3 }'
done | sort -u > "$work/own"
grep -q 'is missing:' "$work/own" && { cat "$work/own"; exit 1; }
for object in $core; do
    check_object "$build/$object.o" "$object"
done
[ $failures = 0 ] && echo "$(echo "$core" | wc -w) objects are pure"

# ---- the check, checked: each line is put into rx_render() of a copy of rx.c ----------------------------------------

caught=0
spoil() { # LINE
    {
        printf '#include <stdio.h>\n#include <time.h>\n#include <unistd.h>\n#include <stdlib.h>\n#include <sys/socket.h>\n'
        sed "/^size_t rx_render(/,/^{/ s|^{|{ $1|" receiver/rx.c
    } > "$work/rx.c"
    ${CC:-gcc} -std=c17 -O2 -D_GNU_SOURCE -fPIC -I. -Ireceiver -w -c -o "$work/rx.o" "$work/rx.c"
}

must_catch() { # WHAT LINE COMPLAINT
    local before=$failures said
    spoil "$2" || { complain "the copy of rx.c with $1 does not compile"; return; }
    check_object "$work/rx.o" receiver/rx > "$work/said"
    said=$(cat "$work/said")
    failures=$before
    if [[ $said == *"$3"* ]]; then
        caught=$((caught + 1))
    else
        complain "$1 in rx.c is not caught; said: ${said:-nothing}"
    fi
}

spoil ";" && check_object "$work/rx.o" receiver/rx # as it is, nothing is said
must_catch "a clock" "struct timespec t; clock_gettime(CLOCK_MONOTONIC, \&t); room += t.tv_nsec;" "imports clock_gettime"
must_catch "a system call" "room += (size_t)recv(3, out, 1, 0);" "imports recv"
must_catch "stdio" "printf(\"%zu\", room);" "imports p"
must_catch "snprintf" "char s[9]; room += snprintf(s, 9, \"%zu\", room);" "imports snprintf"
must_catch "an allocation" "out = malloc(room);" "rx_render() calls malloc"
must_catch "a release" "free(out);" "rx_render() calls free"
must_catch "an allocator in a table" "static void *(*const how[2])(size_t) = {malloc, malloc}; out = how[room % 2](room);" "malloc"
must_catch "a counter of its own" "static size_t calls; room += calls++;" "calls"
must_catch "a preset of its own" "static size_t level = 7; room += level++;" "level"
must_catch "a counter a thread" "static _Thread_local size_t mine; room += mine++;" "mine"
must_catch "the resampler past its wrapper" "src_reset(0);" "imports src_reset"
case $(uname -m) in
x86_64) must_catch "a cycle counter" "room += __builtin_ia32_rdtsc();" "instruction rdtsc" ;;
esac
echo "$caught breaches of rx.c were caught"
[ $failures = 0 ]
