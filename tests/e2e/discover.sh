#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Streams by name: --list shows what is announced by SAP, --stream finds, waits for and follows it, --sdp plays what nobody
# announces; and what strangers announce reaches neither the terminal nor the log as it came.
. "$(dirname "$0")/lib.sh"

for name in sender second player stranger; do host $name; done # 10.77.0.1 to 4
for name in told named plain filtered; do card $name 'ppm 40.0'; done
address=${group%:*} port=${group#*:}
beside() { echo "$address:$((port + 2 * $1))"; }
net='--interface eth0 --clock system'
unisono='a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0\r\na=mediaclk:direct=0\r\na=extmap:1 urn:x-unisono:header\r\n'

# describe FILE ORIGIN VERSION NAME GROUP [CODEC [LINES]]: a description
describe() {
    printf "v=0\r\no=- 77 $3 IN IP4 $2\r\ns=%s\r\nt=0 0\r\nm=audio ${5#*:} RTP/AVP 98\r\nc=IN IP4 ${5%:*}/32\r\n" "$4" > "$1.new"
    printf "a=rtpmap:98 ${6:-L24}/48000/2\r\na=ptime:1\r\n${7-$unisono}" >> "$1.new"
    mv "$1.new" "$1" # whole, for whoever reads it just now
}
# packet FILE [HEAD]: a packet of SAP with it, on standard output
packet() { printf "${2:-\\x20\\x00\\x12\\x34\\x0a\\x4d\\x00\\x01}application/sdp\\0"; cat "$1"; }
# say FILE: into a file that an announcer sends
say() { packet "$work/$1.sdp" > "$work/$1.new"; mv "$work/$1.new" "$work/$1.sap"; }
# announcer NAME HOST: sends $work/NAME.sap, as it is at the time, each 0.3 s; one write is one datagram
announcer() {
    run "$1" "@$2" bash -c 'while cat "$0" > /dev/udp/239.255.255.255/9875; do sleep 0.3; done' "$work/$1.sap"
}
# once HOST FILE
once() { local space=ns_$1; ip netns exec "${!space}" bash -c 'cat "$0" > /dev/udp/239.255.255.255/9875' "$2"; }
send() { # NAME HOST GROUP [OPTION...]
    run "$1" "@$2" "$build/unisono-send" --input tone:997 --latency 80 --group "$3" $net --advertise=no "${@:4}"
    await "$1" 10 'info: sending$'
}
play() { # NAME OPTION...
    run "$1" @player "$build/unisono-recv" --device "$1" $net --stats "$work/$1.json" "${@:2}"
}
list() { ip netns exec "$ns_player" "$build/unisono-recv" --list --list-seconds "${1:-2}" --interface eth0 > "$work/list" 2> "$work/list.log"; }
# heard CARD SECONDS: so long it plays without a hole or a click, and not silence
heard() {
    local from until
    from=$(stat_of "$work/$1.json" time_s)
    sleep "$2"
    fresh "$1" || return 1
    until=$(stat_of "$work/$1.json" time_s)
    "$build/clicks" --recording "$work/$1.playback" --from "$from" --until "$until" > "$work/$1.clicks"
    holds "$work/$1.clicks" '.peak > 0.2 and .peak < 0.26' > /dev/null || { cat "$work/$1.clicks"; return 1; }
}
# clean FILE...: nothing but printable text and line ends in it
clean() { ! LC_ALL=C grep -aHn -P '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$@"; }

# ---- nothing there ------------------------------------------------------------------------------------------------
check 'an empty network is no error' list 1
check 'and the list says so, and why that may be' grep -q '^No stream was announced on eth0 within 1 s.*--list-seconds' "$work/list"
play named --stream 'Stage left'
await named 10 'looking for the stream "Stage left" by SAP and mDNS on eth0'
describe "$work/other.sdp" 10.77.0.2 1 'Some other' "$(beside 5)"
say other
announcer other second
await named 20 'no stream "Stage left" so far, still looking; on the air: "Some other"'

# ---- found ----------------------------------------------------------------------------------------------------------
send first sender "$group"
play told --group "$group"
describe "$work/stage.sdp" 10.77.0.1 1 'Stage left' "$group"
say stage
announcer stage sender
check 'a stream that comes is found by its name' await_stat named 10 state = playing
check 'where and what it is, stands in the log' \
    grep -q "stream \"Stage left\", by SAP: $group, L24/48000/2, Unisono, from 10.77.0.1" "$work/named.log"
check 'the statistics name it' [ "$(jq -rs '.[-1].stream_name' "$work/named.json")" = 'Stage left' ]
await_stat told 10 state = playing
check 'it is heard' heard named 2
stop told
"$build/unisono-truth" pair "$work/told.playback" "$work/named.playback" --tone 997 --skip 0.5 --length 1 --json > "$work/pair.json"
check 'in step with a receiver that was told the group' holds "$work/pair.json" '.offset_ns.median | fabs < 20000'
check 'both are listed' list
check 'each in one line, with what a receiver needs' grep -qE "^Stage left +$group +L24/48000/2 +1 ms +PTP 0, 00-1D-C1-FF-FE-12-34-56 +10.77.0.1 +SAP +Unisono$" "$work/list"
check 'in columns' awk '{ at = index($0, "239."); if (NR > 1 && from && at != from) exit 1; from = at }' "$work/list"
check 'under a heading, and nothing else' [ "$(wc -l < "$work/list")" = 3 ]

# ---- it goes elsewhere ----------------------------------------------------------------------------------------------
stop first
send moved sender "$(beside 1)" --codec L16
describe "$work/stage.sdp" 10.77.0.1 2 'Stage left' "$(beside 1)" L16
say stage
check 'the receiver follows to another group and codec' await_stat named 10 codec = L16
await_stat named 10 state = playing
check 'and counts that' [ "$(stat_of "$work/named.json" retunes)" = 1 ]
check 'it is heard' heard named 1

# ---- its machine is replaced: no deletion, no BYE, another address, the same name ------------------------------------
stop moved KILL
stop stage KILL
describe "$work/spare.sdp" 10.77.0.2 1 'Stage left' "$(beside 2)"
say spare
announcer spare second
send spare_send second "$(beside 2)"
check 'the stream of that name from elsewhere is taken' await_stat named 15 codec = L24
await_stat named 10 state = playing
check 'it is heard' heard named 1
# one that sounds is not left for a namesake
describe "$work/thief.sdp" 10.77.0.1 9 'Stage left' "$(beside 3)"
say thief
announcer thief sender

# ---- strangers --------------------------------------------------------------------------------------------------------
printf 'v=0\r\no=- 1 1 IN IP4 10.77.0.9\r\ns=\x1b]0;owned\x07\x1b[2J\xc2\x9b31m%s\r\nm=audio 5004 RTP/AVP 98\r\nc=IN IP4 239.1.2.3\r\na=rtpmap:98 L24/48000/2\r\n%b' \
    evil "$unisono" > "$work/escape.sdp"
printf 'v=0\r\no=- 2 1 IN IP4 10.77.0.9\r\ns=%s\r\nm=audio 5004 RTP/AVP 98\r\nc=IN IP4 239.1.2.3\r\na=rtpmap:98 L24/48000/2\r\n' \
    "$(head -c 10000 /dev/zero | tr '\0' n)" > "$work/long.sdp"
printf 'v=0\r\no=- 3 1 IN IP4 10.77.0.9\r\ns=Bad\x1b[7m\r\nm=audio 5004 RTP/AVP 98\r\nc=IN IP4 239.1.2.3\r\na=rtpmap:98 \x1b[5mopus/48000/2\r\n' \
    > "$work/codec.sdp"
for name in escape long codec; do say $name; done
printf '\x24\x00\x12\x34\x0a\x4d\x00\x01' > "$work/delete.sap" # of the spare, as it says, but not from there
for ((i = 0; i < 30; i++)); do
    head -c $((RANDOM % 1400)) /dev/urandom > "$work/random.sap"
    for name in escape long codec random delete; do once stranger "$work/$name.sap"; done
done
describe "$work/timeless.sdp" 10.77.0.2 1 'Timeless' "$(beside 4)" L24 ''
sed -i 's/^o=- 77/o=- 78/' "$work/timeless.sdp"
say timeless
for name in escape long codec timeless; do announcer $name stranger; done
check 'they are listed' list 2
for name in escape long codec timeless; do stop $name KILL; done
check 'nothing that they wrote reaches the terminal as it came' clean "$work/list" "$work/list.log"
check 'what can be printed of a name is' grep -q 'owned.*evil' "$work/list"
check 'what cannot be played says why' grep -q 'Bad.*cannot be played: .*opus' "$work/list"
check 'so does what has no clock' grep -q '^Timeless .*cannot be played: .*ts-refclk' "$work/list"
check 'no line is longer than one can read' [ "$(wc -L < "$work/list")" -lt 500 ]
check 'the log is as clean' clean "$work/named.log"
check 'the log did not grow by it' [ "$(wc -l < "$work/named.log")" -lt 60 ]
check 'and the stream is still heard' heard named 1
check 'the namesake was not taken' [ "$(stat_of "$work/named.json" codec)$(stat_of "$work/named.json" retunes)" = L242 ]

# ---- deleted ------------------------------------------------------------------------------------------------------------
stop thief KILL
stop spare KILL
printf '\x24\x00\x12\x34\x0a\x4d\x00\x01application/sdp\0' > "$work/delete.sap"
once second "$work/delete.sap" # the address that announced it
check 'a stream that is deleted is told' await named 5 'no longer announced'
check 'and played as long as it comes' heard named 1
stop spare_send
check 'it ends in silence' await_stat named 10 state = idle
stop named
check 'the receiver ends cleanly' [ $status = 0 ]

# ---- a description in a file: plain AES67 ---------------------------------------------------------------------------------
plain='a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0\r\na=mediaclk:direct=0\r\n'
describe "$work/plain.sdp" 10.77.0.1 1 'Plain' "$group" L16 "$plain"
describe "$work/filtered.sdp" 10.77.0.1 1 'Filtered' "$group" L16 "${plain}a=source-filter: incl IN IP4 * 10.77.0.2\r\n"
send aes67 sender "$group" --profile aes67 --codec L16
play plain --sdp "$work/plain.sdp" --latency 40
play filtered --sdp "$work/filtered.sdp" --latency 40
check 'a plain stream is played by its description' await_stat plain 10 state = playing
check 'with the latency that was given' await_stat plain 5 latency_ms == 40
check 'it is heard' heard plain 1
check 'one that names another sender is not joined' [ "$(stat_of "$work/filtered.json" received_packets)" = 0 ]
stop aes67
send right second "$group" --profile aes67 --codec L16
check 'until it comes from there' await_stat filtered 10 state = playing
stop right
stop plain
check 'the receiver ends cleanly' [ $status = 0 ]
stop filtered

# ---- what fails ---------------------------------------------------------------------------------------------------------
fails() { # STATUS PATTERN OPTION...
    ip netns exec "$ns_player" timeout 10 "$build/unisono-recv" --device plain "${@:3}" > "$work/fail" 2>&1
    [ $? = "$1" ] && grep -qE -- "$2" "$work/fail" && [ "$(wc -l < "$work/fail")" = 1 ] || { cat "$work/fail"; return 1; }
}
describe "$work/local.sdp" 10.77.0.1 1 'Local' "$group" L16 'a=ts-refclk:localmac=00-1D-C1-12-34-56\r\na=mediaclk:direct=0\r\n'
describe "$work/sender.sdp" 10.77.0.1 1 'Sender' "$group" L16 'a=ts-refclk:ptp=traceable\r\na=mediaclk:sender\r\n'
check 'no such file' fails 1 '--sdp /nowhere cannot be read' --sdp /nowhere
check 'no description' fails 1 '--sdp .*: ' --sdp "$0"
check 'a clock that is not PTP' fails 1 'cannot be played: its clock is not PTP' --sdp "$work/local.sdp" --interface eth0
check 'timestamps from anywhere' fails 1 'no a=mediaclk:direct' --sdp "$work/sender.sdp" --interface eth0
check 'no such interface' fails 1 'no interface .* wlan7' --stream x --interface wlan7
check 'nor for a file' fails 1 'no interface .* wlan7' --sdp "$work/plain.sdp" --interface wlan7
check 'a name and a profile' fails 2 '--profile: not allowed with --stream alone' --stream x --profile aes67
check 'a name twice' fails 2 '--stream x: given before' --stream x --stream 'x;mute'
check 'a list and a name' fails 2 '--stream: not allowed with --list' --stream x --list
check 'seconds without a list' fails 2 '--list-seconds: 3; allowed with --list only' --list-seconds 3
finish
