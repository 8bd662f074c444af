#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The monitor's terminal in a real one (tmux): what stands there, keys, sizes down to 40x10, LANG=C, names that want to
# break it, terminals that can do little, and that the terminal is given back. SCREEN is the command that shows views,
# THOUSAND and HOSTILE what is put behind it for that many receivers and for such names; MONITOR the monitor itself.
. "$(dirname "$0")/lib.sh"

screen=${SCREEN:-$build/viewer screen}
thousand=${THOUSAND-1000} hostile=${HOSTILE-12 hostile}
monitor=${MONITOR-$build/unisono-monitor}
export TZ=UTC TMUX_TMPDIR=$work

desks=0 # each server has a socket of its own: one that is ending is no good for the next
desk() { tmux -L "$tag-$desks" -f /dev/null "$@"; }
close_desk() { desk kill-server 2> /dev/null; clean_up; }
trap close_desk EXIT

# begin COLUMNSxROWS LOCALE [TERM] [ARGUMENT...]: the command in a shell in a terminal of its own
begin() {
    local size=$1 locale=$2 term=${3:-screen-256color}
    shift 2
    [ $# -gt 0 ] && shift
    desk kill-server 2> /dev/null
    desks=$((desks + 1))
    # tmux itself is always UTF-8 (-u): what the command believes is another matter
    LC_ALL=C.UTF-8 desk -u new-session -d -x "${size%x*}" -y "${size#*x}" \
        "PS1='shell-is-back\$ ' TERM=$term LC_ALL=$locale bash --norc --noprofile" || return 1
    desk set-option -g remain-on-exit on > /dev/null
    await_text 'shell-is-back' || return 1
    rm -f "$work/before" "$work/after"
    desk send-keys "stty -g > $work/before; ${program:-$screen} $*; code=\$?; stty -g > $work/after; echo status=\$code" Enter
}

text() { desk capture-pane -p; }
keys() { desk send-keys "$@"; }

# await_text 'REGEX': until it stands on the screen
await_text() {
    local until=$((SECONDS + 10))
    until text | grep -qE -- "$1"; do
        [ $SECONDS -lt $until ] || { echo "no '$1' in:"; text; return 1; }
        sleep 0.05
    done
}
await_no_text() {
    local until=$((SECONDS + 10))
    while text | grep -qE -- "$1"; do
        [ $SECONDS -lt $until ] || { echo "still '$1' in:"; text; return 1; }
        sleep 0.05
    done
}
ascii() { ! text | LC_ALL=C grep -n '[^ -~]' || return 1; }
first_line() { text | head -n 1 | grep -qE -- "$1" || { text; return 1; }; }
last_line() {
    local until=$((SECONDS + 10))
    until text | tail -n 1 | grep -qE -- "$1"; do
        [ $SECONDS -lt $until ] || { text; return 1; }
        sleep 0.05
    done
}
restored() { cmp "$work/before" "$work/after"; }

# ---- a desk of 80x24 --------------------------------------------------------------------------------------------
begin 80x24 C.UTF-8 || finish
check "it says how all is" await_text '^[0-9:]{8} ALARM 3 alarms  this clock locked'
check "with the stream" await_text 'Main hall .*239\.69\.83\.1:5004  L24/48000/2  latency 10 ms'
check "its alignment" await_text 'aligned 0\.8 us \(p99 1\.4, limit 10\)  headroom 0\.4 ms at seat-0002'
check "what is heard" await_text 'heard here: 1000 packets/s'
check "sparklines of blocks" await_text '^apart .*[▁▂▃▄▅▆▇█]{8}.* 0\.\.1\.2 us, 120 s'
check "the receivers" await_text '^> stage-left +playing +-0\.[0-9] '
check "and the alarms" await_text '^ALARM   since .*seat-0003: nothing has been heard'
before=$(text | head -n 1)
passes() { local until=$((SECONDS + 10)); while [ "$(text | head -n 1)" = "$before" ]; do [ $SECONDS -lt $until ] || return 1; sleep 0.1; done; }
check "time passes" passes
keys Down Down
check "Down moves the selection" await_text '^>Wseat-0002'
keys Up
check "Up, too" await_text '^> stage-right'
keys End
check "End goes to the last" await_text '^> seat-0011'
keys Home
check "Home to the first" await_text '^> stage-left'
keys PageDown
check "a page down" await_text '^> seat-000[5-9]'
keys Home s
check "s sorts by name" await_text 's sort: name'
keys s s
check "and by headroom" await_text 's sort: headroom'
check "least first" await_text '^>Wseat-0002 .* 0\.4'
keys s Home Down Right
check "Right shows details" await_text 'stage-right  playing  well  of Main hall'
check "all of them" await_text 'grandmaster +00-1D-C1-FF-FE-12-34-56'
keys h
check "h opens help" await_text 'Ctrl-L'
keys '?'
check "the same key closes it" await_text 'stage-right  playing'
keys Escape
check "Escape leads back" await_text '^> stage-right'
keys a
check "a shows the alarms" await_text '^Alarms: 3'
check "with their reasons" await_text 'and it said no BYE'
keys Left
check "Left leads back" await_text '^> stage-right'
keys Tab
check "Tab shows the next stream" await_text 'Lobby  stream 2 of 2'
keys Tab Space
check "Space pauses" await_text 'ALARM PAUSED 3 alarms'
shown=$(text | head -n 1)
stands() { local at=$SECONDS; while [ $((SECONDS - at)) -lt 3 ]; do [ "$(text | head -n 1)" = "$shown" ] || return 1; sleep 0.2; done; }
check "the figures stand" stands
keys Space
check "and go on" await_no_text PAUSED

# ---- other sizes ------------------------------------------------------------------------------------------------
desk resize-window -x 200 -y 50
check "a wide terminal shows more" await_text 'ppm +dB +age s +error 0\.\.10 us 120 s'
check "to the last row" await_text 'Space pause'
desk resize-window -x 40 -y 10
check "40x10 shows the state" await_text '^[0-9:]{8} ALARM 3 alarms clock locked$'
check "the alignment" await_text '^aligned 0\.8 us \(p99 1\.4, limit 10\)$'
check "receivers" await_text '^> stage-left    playing     -0\.[0-9]     6\.2$'
check "an alarm" await_text '^ALARM   seat-0003: nothing'
check "and the keys in the last row" last_line '^q quit  h help'
desk resize-window -x 12 -y 3
check "12x3 breaks nothing" await_text '^[0-9:]{8}'
desk resize-window -x 80 -y 24
check "and back" await_text 'Tab stream'
keys q
check "q quits" await_text 'status=0'
check "the terminal is what it was" restored
check "and shows what it showed" await_text 'shell-is-back.*stty'

# ---- killed, plain C, poor terminals ----------------------------------------------------------------------------
begin 80x24 C || finish
check "LANG=C has sparklines, too" await_text '^apart .*[-_.~=+*#]{8}.* 0\.\.1\.2 us, 120 s'
check "and is ASCII alone" ascii
keys C-c
check "Ctrl-C ends it" await_text 'status=0'
check "and gives the terminal back" restored

begin 80x24 C vt100 || finish
check "a vt100 does" await_text '^> stage-left +playing'
keys Down
check "with its keys" await_text '^> stage-right +playing'
keys q
check "and ends" await_text 'status=0'

begin 100x30 C dumb || finish
check "a terminal that can do nothing gets lines" await_text '^> stage-left +playing'
keys j
check "and takes letters" await_text '^> stage-right +playing'
keys q
check "and ends" await_text 'status=0'
check "as it was" restored

begin 80x24 C no-such-terminal || finish
check "one that nobody knows is an error" await_text 'TERM=no-such-terminal: not a terminal that is known'
check "with status 1" await_text 'status=1'
check "no terminal at all, too" bash -c "$screen < /dev/null > /dev/null 2> $work/none; [ \$? = 1 ] && grep -q 'no terminal' $work/none"

# ---- names, and many --------------------------------------------------------------------------------------------
if [ -n "$hostile" ]; then
    begin 80x24 C.UTF-8 screen-256color $hostile || finish
    desk pipe-pane "cat > $work/raw"
    check "honest names are shown" await_text '舒台左側'
    keys Down Down Down Down Down Down Down
    check "all of them" await_text 'ÄÖÜäöüß café'
    keys a
    await_text '^Alarms' > /dev/null
    keys q
    check "it ends" await_text 'status=0'
    # direction marks, joiners and title changes of names; the title is what a name asks for
    check "no steering character gets through" bash -c "! grep -qP '\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\x1b\]0;title' $work/raw"
    check "though there was output" test -s "$work/raw"
    begin 60x20 C screen-256color $hostile || finish
    check "in LANG=C they are ASCII" await_text '^[> ] \?+ +playing'
    check "all of them" ascii
    keys q
    await_text 'status=0' > /dev/null
fi
if [ -n "$thousand" ]; then
    begin 80x24 C.UTF-8 screen-256color $thousand || finish
    check "a thousand receivers" await_text '1000 receivers'
    keys End
    check "down to the last" await_text '^> seat-0999'
    keys q
    check "and end" await_text 'status=0'
fi

# ---- the monitor itself, where nothing is to be heard -----------------------------------------------------------
if [ -x "$monitor" ]; then
    program="$monitor --interface lo --group $group --clock system"
    begin 100x30 C.UTF-8 || finish
    check "the monitor has a page of its own" await_text "$(echo "$group" | sed 's/[.]/[.]/g')  "
    check "with keys" last_line 'q quit  h help'
    keys h
    check "help" await_text 'Ctrl-L'
    keys Escape a
    check "alarms" await_text '^Alarms: '
    desk resize-window -x 40 -y 10
    keys a
    check "40x10" await_text '^aligned'
    keys q
    check "it ends" await_text 'status=0'
    check "and gives the terminal back" restored
    begin 80x24 C || finish
    check "it starts" await_text 'q quit'
    kill -TERM "$(pgrep -f -- "^$program")"
    check "a SIGTERM ends it" await_text 'status=0'
    check "and gives the terminal back" restored
fi
finish
