# SPDX-License-Identifier: GPL-3.0-or-later
# The parts of the benchmark that measure the peers. Sourced by bench.sh.

# await_sound NAME: whether the tones leave the card within some seconds
await_sound() {
    local try clean
    for try in 1 2 3 4 5; do
        pause 2
        "$truth" damage "$work/$1.playback" --tone $tones --json > "$work/damage" 2> /dev/null
        clean=$(stat_of "$work/damage" clean)
        [ "${clean:-0}" -gt 50 ] && return
    done
    return 1
}

# peer_figures COLUMN SLACK-MS
peer_figures() {
    put_offsets "$1" left right
    put_latency "$1" left
    put_damage "$1" "$2"
    put_cpu "$1"
    forget
}

# --- GStreamer ----------------------------------------------------------------------------------------------------------------

# gst_receiver NAME HOST JITTERBUFFER-MS BUFFER-MS SEGMENT-MS DEADLINE-MS: some pipelines stay silent for ever; they are
# started again
gst_receiver() {
    local name=$1 where=$2 try caps
    caps="application/x-rtp,media=audio,clock-rate=48000,encoding-name=L24,channels=2,payload=98"
    caps+=",a-ts-refclk=(string)\\\"ptp=IEEE1588-2008:$grandmaster:0\\\",a-mediaclk=(string)\\\"direct=0\\\""
    for try in 1 2 3 4 5; do
        run "$name" "@$where" "$build/bench-gstreamer" 0 eth0 "
            udpsrc address=${group%:*} port=${group#*:} multicast-iface=eth0 caps=\"$caps\" !
            rtpjitterbuffer mode=synced rfc7273-sync=true latency=$3 ! rtpL24depay ! audioconvert !
            alsasink device=$name provide-clock=false slave-method=resample buffer-time=${4}000 latency-time=${5}000
                processing-deadline=${6}000000"
        await "$name" 60 '^playing' && await_sound "$name" && return
        echo "  GStreamer's receiver stays silent: started again"
        halt "$name"
        rm -f "$work/$name.playback"
    done
    return 1
}

# gst_span COLUMN JITTERBUFFER-MS BUFFER-MS SEGMENT-MS DEADLINE-MS
gst_span() {
    local column=$1
    shift
    echo "measuring: GStreamer, jitterbuffer $1 ms, sink $2 ms in segments of $3, deadline $4 ms"
    ptp4l_start sender sender
    ptp4l_leads sender 15 || return
    grandmaster=$(ip netns exec "$ns_sender" pmc -u -b 0 -s "$(ptp4l_socket sender)" 'GET DEFAULT_DATA_SET' |
        awk '/clockIdentity/ { gsub(/\./, "", $2); gsub(/../, "&-", $2); sub(/-$/, "", $2); print toupper($2) }')
    run sender @c "$build/bench-gstreamer" 0 eth0 "
        alsasrc device=adc provide-clock=false buffer-time=200000 latency-time=1000 !
        audio/x-raw,rate=48000,channels=2,format=S32LE ! audioconvert !
        rtpL24pay name=pay pt=98 min-ptime=1000000 max-ptime=1000000 !
        udpsink host=${group%:*} port=${group#*:} multicast-iface=eth0 sync=false"
    await sender 60 '^playing' && gst_receiver left a "$@" && gst_receiver right b "$@" || return
    since=$(now_ms)
    measure "$seconds" sender left right || return
    halt sender left right ptp-sender
    peer_figures "$column" "$2"
}

# Its sound may also end for good in the middle of a span, after a stall of the machine.
gst_try() {
    local try
    for try in 1 2 3; do
        gst_span "$@" || return
        [ "${cell[p99,$1]}" = none ] || return 0
        echo "  GStreamer fell silent: measured again"
    done
}

part_gstreamer() {
    gst_try gst62 20 20 5 15 && gst_try gst32 10 10 2 8
}

# --- Snapcast -----------------------------------------------------------------------------------------------------------------

part_snapcast() {
    echo 'measuring: Snapcast'
    mkdir -p "$work/snapcast"
    run sender @sender snapserver --config /dev/null --server.datadir="$work/snapcast" --http.enabled=false --tcp.enabled=false \
        --stream.source='alsa://?name=bench&device=adc&sampleformat=48000:16:2&codec=pcm&chunk_ms=10' --stream.buffer=268
    await sender 10 'AlsaStream' || return
    run left @a snapclient --host 10.77.0.1 --soundcard left --hostID left --player alsa
    run right @b snapclient --host 10.77.0.1 --soundcard right --hostID right --player alsa
    await_sound left && await_sound right || return
    since=$(now_ms)
    measure "$seconds" sender left right || return
    halt sender left right
    peer_figures snapcast 80
}
