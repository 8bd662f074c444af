#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The monitor's metrics by HTTP: promtool takes them and the example rules; methods, paths, many and slow clients, and
# an address that is taken. SERVER is the command that serves metrics at the address behind it, HOSTILE what is put behind
# that for names that want to break the text.
. "$(dirname "$0")/lib.sh"

server=${SERVER:-$build/viewer prometheus}
hostile=${HOSTILE-300 hostile}

# serve NAME ARGUMENT...: at a free port; its URL is in $url
serve() {
    local name=$1
    shift
    run "$name" $server 127.0.0.1:0 "$@"
    await "$name" 10 'http://127.0.0.1:[0-9]+/metrics' || finish
    url=$(grep -oE 'http://[0-9.:]+' "$work/$name.log" | head -n 1)
    for _ in $(seq 100); do [ "$(code "$url/metrics")" = 200 ] && return; sleep 0.05; done
}

# code URL [OPTION...]: of the answer
code() { curl --silent --max-time 50 --output "$work/body" --dump-header "$work/head" --write-out '%{http_code}' "$@"; }
answers() { local want=$1; shift; [ "$(code "$@")" = "$want" ] || { head "$work/head" "$work/body"; return 1; }; }
of_head() { grep -qiE -- "$1" "$work/head" || { cat "$work/head"; return 1; }; }

serve monitor
check "promtool finds nothing to say" bash -c "curl -s $url/metrics | promtool check metrics > $work/lint 2>&1 && [ ! -s $work/lint ] || { cat $work/lint; exit 1; }"
check "the example rules are valid" promtool check rules "$tree/tools/monitor/unisono.rules.yml"
# each metric that a rule names is one that is served, of a system with some of everything in it
named() {
    local metric missing=0
    for metric in $(grep -oE 'unisono_[a-z0-9_]+' "$tree/tools/monitor/unisono.rules.yml" | sort -u); do
        grep -q "^$metric[{ ]" "$work/body" || { echo "$metric is not served"; missing=1; }
    done
    return $missing
}
check "/metrics is 200" answers 200 "$url/metrics"
check "in the text format 0.0.4" of_head '^content-type: text/plain; version=0\.0\.4; charset=utf-8'
check "each metric of the rules is served" named
check "with its build" grep -q '^unisono_monitor_build_info{version=' "$work/body"
check "HEAD is 200" answers 200 --head "$url/metrics"
check "with the length" of_head '^content-length: [1-9][0-9]{3,}'
check "/ is a pointer" answers 200 "$url/"
check "to /metrics" grep -q /metrics "$work/body"
check "all else is 404" answers 404 "$url/etc/passwd"
check "the metrics below a path, too" answers 404 "$url/metrics/"
check "POST is 405" answers 405 --data x=1 "$url/metrics"
check "which says what is allowed" of_head '^allow: GET, HEAD'
check "PUT of much is 405" answers 405 --request PUT --data-binary "@$build/unisono-recv" --header Expect: "$url/"
check "DELETE is 405" answers 405 --request DELETE "$url/"
check "a header beyond bounds is refused" bash -c "[ \$(curl -s -o /dev/null -w '%{http_code}' -H 'X: $(printf '%030000d' 0)' $url/) -ge 400 ]"

parallel() {
    local i wanted=0
    for i in $(seq 100); do
        curl --silent --max-time 50 --output /dev/null --write-out '%{http_code}\n' "$url/metrics" >> "$work/codes" &
        clients[i]=$!
    done
    wait "${clients[@]}"
    wanted=$(grep -c '^200$' "$work/codes")
    [ "$wanted" = 100 ] || { echo "$wanted of 100"; return 1; }
}
clients=()
check "100 requests at once are all answered" parallel

# half a request, and answers that nobody reads
exec 3<> "/dev/tcp/127.0.0.1/${url##*:}" 4<> "/dev/tcp/127.0.0.1/${url##*:}"
printf 'GET /met' >&3
for _ in $(seq 50); do printf 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'; done >&4
check "slow clients do not keep others waiting" answers 200 --max-time 5 "$url/metrics"
time_of() { curl -s "$url/metrics" | awk '$1 == "unisono_monitor_time_seconds" { printf "%.0f", $2 }'; }
goes_on() {
    local before until=$((SECONDS + 10))
    before=$(time_of)
    until [ "$(time_of)" -gt "$before" ]; do
        [ $SECONDS -lt $until ] || { echo "still $before"; return 1; }
        sleep 0.1
    done
}
check "nor the figures from going on" goes_on
exec 3>&- 4>&-

run taken $server "${url#http://}"
check "an address that is taken is an error" bash -c "tail --pid=${pid[taken]} -f /dev/null; grep -q 'cannot listen there: .*choose another port' $work/taken.log"
stop taken
check "of one line and status 1" [ "$(wc -l < "$work/taken.log") $status" = "1 1" ]

stop monitor TERM
check "it ends cleanly" [ $status = 0 ]

if [ -n "$hostile" ]; then
    serve hostile $hostile
    check "promtool takes names that want to break it" bash -c "curl -s $url/metrics | promtool check metrics"
    # asks for more than the sockets hold, and reads none of it
    exec 5<> "/dev/tcp/127.0.0.1/${url##*:}"
    for _ in $(seq 200); do printf 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'; done >&5
    check "who never reads harms nobody" answers 200 --max-time 5 "$url/metrics"
    cut_off() {
        local until=$((SECONDS + 30))
        while ss -Htn state established "sport = :${url##*:}" | grep -q .; do
            [ $SECONDS -lt $until ] || { ss -tn; return 1; }
            sleep 0.1
        done
    }
    check "and is cut off" cut_off
    exec 5>&-
    stop hostile
    check "it ends cleanly, too" [ $status = 0 ]
fi
finish
