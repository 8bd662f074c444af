// SPDX-License-Identifier: GPL-3.0-or-later
#include "send_options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/host/log.h"
#include "proto/rtp.h"
#include "proto/codec.h"
#include "muster.h"
#include "source.h"

#define VOX_HANG_MS      500
#define PRE_ROLL_VOX_MS  200
#define PRE_ROLL_TALK_MS 20

#define MEMBER(member) OPTION_MEMBER(struct send_options, member)

static int check_input(const char *text, char *why, size_t why_len)
{
    struct source_spec spec;

    return source_parse(text, &spec, why, why_len);
}

static int check_names(const char *text, char *why, size_t why_len)
{
    if (sdp_names_count(text) > 0)
        return 0;
    snprintf(why, why_len,
             "allowed are up to %d names of printable characters with commas between, %d bytes in all",
             RTP_CHANNELS_MAX, SDP_NAMES_SIZE - 1);
    return -EINVAL;
}

/* What was --announce yes or no is --advertise now; configuration files may still say it. */
static int check_announce(const char *text, char *why, size_t why_len)
{
    if ((strcmp(text, "yes") != 0 && strcmp(text, "no") != 0) || access(text, F_OK) == 0)
        return 0;
    snprintf(why, why_len,
             "there is no such file to play; whether the network is told of the stream is --advertise %s",
             text);
    return -EINVAL;
}

static const struct option_spec specs[] = {
    {.group = "Sound",
     .name = "input",
     .kind = OPTION_TEXT,
     MEMBER(input),
     .argument = "SOURCE",
     .help = "where sound comes from: alsa:DEVICE, file:PATH (WAV, FLAC, AIFF, Ogg ...), stdin (raw "
             "samples), tone or tone:HZ (a sine of 1 to 20000 Hz, 1000 by default, at -12 dBFS)",
     .check = check_input},
    {.group = "Sound",
     .name = "rate",
     .kind = OPTION_INTEGER,
     MEMBER(rate_hz),
     .allowed = OPTION_RATES,
     .unit = "Hz",
     .argument = "HZ",
     .help = "sample rate of the stream; without it the source's own, or 48000 where it has none; files of "
             "another rate are converted"},
    {.group = "Sound",
     .name = "channels",
     .kind = OPTION_INTEGER,
     MEMBER(channels),
     .min = 1,
     .max = RTP_CHANNELS_MAX,
     .argument = "N",
     .help = "channels of the stream; without it the source's own, or 2 where it has none; a mono file is "
             "spread over all of them"},
    {.group = "Sound",
     .name = "format",
     .kind = OPTION_CHOICE,
     MEMBER(format),
     .allowed = SOURCE_FORMATS,
     .argument = "FORMAT",
     .help = "format of the raw samples of --input stdin, which needs it"},
    {.group = "Sound",
     .name = "loop",
     .kind = OPTION_FLAG,
     MEMBER(loop),
     .help = "play the file of --input file:PATH again and again, without a gap"},
    {.group = "Sound",
     .name = "resampler",
     .kind = OPTION_CHOICE,
     MEMBER(resampler),
     .standard = "medium",
     .allowed = OPTION_RESAMPLERS,
     .argument = "QUALITY",
     .help =
         "how captured sound (alsa:) is brought onto the media clock; fastest looks 0.4 ms ahead and falls "
         "0.5 dB short at 18 kHz, medium looks 1 ms ahead and is flat to 20 kHz, best 3 ms and 22 kHz"},

    {.group = "Stream",
     .name = "name",
     .kind = OPTION_TEXT,
     MEMBER(name),
     .argument = "NAME",
     .help = "name of the stream; without it the host's name"},
    {.group = "Stream",
     .name = "wait-for",
     .kind = OPTION_TEXT,
     MEMBER(wait_for),
     .argument = "N|NAME,...",
     .help = "hold the start until so many receivers, or those of these names, are there and can play; then "
             "all start "
             "together",
     .check = muster_check},
    {.group = "Stream",
     .name = "wait-limit",
     .kind = OPTION_REAL,
     MEMBER(wait_limit_s),
     .standard = "0",
     .min = 0,
     .max = 86400,
     .unit = "s",
     .argument = "S",
     .help = "wait no longer than so, and start without those who are missing; 0 is as long as it takes"},
    {.group = "Stream",
     .name = "codec",
     .kind = OPTION_CHOICE,
     MEMBER(codec),
     .standard = "L24",
     .allowed = OPTION_CODECS,
     .argument = "CODEC",
     .help =
         "samples on the wire: PCM of 16 or 24 bits, 32-bit float (F32), or Opus, which takes a "
         "seventh of the bandwidth or less: 48000 Hz, 1 or 2 channels, needs --ptime 2.5, 5, 10 or 20, and "
         "takes 2.5 ms of the latency for itself"},
    {.group = "Stream",
     .name = "bitrate",
     .kind = OPTION_REAL,
     MEMBER(bitrate_kbits),
     .min = 6,
     .max = 510,
     .unit = "kbit/s",
     .argument = "KBITS",
     .help = "of --codec Opus; without it 64 kbit/s a channel"},
    {.group = "Stream",
     .name = "fec",
     .kind = OPTION_FLAG,
     MEMBER(fec),
     .help = "with --codec Opus and --ptime 10 or 20: each packet repeats the speech of the one before in "
             "short, so that one that is lost is not missed; takes 6.5 ms of the latency for itself"},
    {.group = "Stream",
     .name = "expected-loss",
     .kind = OPTION_INTEGER,
     MEMBER(expected_loss_percent),
     .min = 1,
     .max = 100,
     .unit = "%",
     .argument = "PERCENT",
     .help =
         "with --fec, 10 unless given: the more packets are lost, the more of the bitrate goes to what is "
         "repeated"},
    {.group = "Stream",
     .name = "channel-names",
     .kind = OPTION_TEXT,
     MEMBER(channel_names),
     .argument = "NAME,...",
     .help = "what the channels are called, such as \"Left, Right\", for the description of the stream; "
             "as many as it has channels",
     .check = check_names},
    {.group = "Stream",
     .name = "ptime",
     .kind = OPTION_REAL,
     MEMBER(ptime_ms),
     .standard = "1",
     .allowed = "0.125 0.25 0.333 1 2 2.5 4 5 10 20",
     .unit = "ms",
     .argument = "MS",
     .help = "packet time: how much sound one packet holds; at 44100 and 88200 Hz a packet has as many "
             "frames as at 48000 and 96000 Hz"},
    {.group = "Stream",
     .name = "latency",
     .kind = OPTION_REAL,
     MEMBER(latency_ms),
     .standard = "10",
     .min = 0.5,
     .max = 1000,
     .unit = "ms",
     .argument = "MS",
     .help = "from the instant a sample is taken to the instant it leaves all speakers; above --ptime"},
    {.group = "Stream",
     .name = "profile",
     .kind = OPTION_CHOICE,
     MEMBER(profile),
     .standard = "unisono",
     .allowed = OPTION_PROFILES,
     .argument = "PROFILE",
     .help = "aes67: without the header extension, for equipment that dislikes it"},

    {.group = "Page",
     .name = "priority",
     .kind = OPTION_CHOICE,
     MEMBER(priority),
     .allowed = "programme page",
     .argument = "PRIORITY",
     .help = "page: receivers of several streams lower the others while this one sounds; without it "
             "programme, and page with --announce"},
    {.group = "Page",
     .name = "talk",
     .kind = OPTION_FLAG,
     MEMBER(talk),
     .help = "push to talk: nothing is sent but while somebody talks; Enter on the terminal begins and ends "
             "it, and so do the signals USR1 and USR2"},
    {.group = "Page",
     .name = "vox",
     .kind = OPTION_REAL,
     MEMBER(vox_db),
     .min = -90,
     .max = -1,
     .unit = "dBFS",
     .argument = "DB",
     .help = "talk by level: nothing is sent but what is this loud, and what is around it; a full-scale sine "
             "has 0"},
    {.group = "Page",
     .name = "vox-hang",
     .kind = OPTION_REAL,
     MEMBER(vox_hang_ms),
     .min = 10,
     .max = 10000,
     .unit = "ms",
     .argument = "MS",
     .help = "with --vox: how long after the last loud sound it goes on; without it 500"},
    {.group = "Page",
     .name = "pre-roll",
     .kind = OPTION_REAL,
     MEMBER(pre_roll_ms),
     .min = 1,
     .max = 2000,
     .unit = "ms",
     .argument = "MS",
     .help = "with --talk or --vox: so much of what was said before is sent, too; it comes on top of "
             "--latency; without it 200 with --vox, 20 with --talk alone"},
    {.group = "Page",
     .name = "announce",
     .kind = OPTION_TEXT,
     MEMBER(announce),
     .argument = "FILE",
     .help = "instead of --input: play the file once, as a page, and end",
     .check = check_announce},

    {.group = "Network",
     .name = "group",
     .kind = OPTION_TEXT,
     MEMBER(group),
     .standard = "239.69.83.1:5004",
     .argument = "ADDR[:PORT]",
     .help = "IPv4 multicast address and UDP port to send to",
     .check = option_check_group},
    {.group = "Network",
     .name = "interface",
     .kind = OPTION_TEXT,
     MEMBER(interface),
     .argument = "IF",
     .help = "network interface, its name or IPv4 address; without it the one the routing table picks"},
    {.group = "Network",
     .name = "ttl",
     .kind = OPTION_INTEGER,
     MEMBER(ttl),
     .standard = "32",
     .min = 0,
     .max = 255,
     .argument = "N",
     .help = "time to live: 1 stays in this network, 0 on this host"},
    {.group = "Network",
     .name = "dscp",
     .kind = OPTION_INTEGER,
     MEMBER(dscp),
     .standard = "34",
     .min = 0,
     .max = 63,
     .argument = "N",
     .help = "mark by which switches know the packets; 34 is AF41, the one of AES67 for media"},

    {.group = "Network",
     .name = "advertise",
     .kind = OPTION_FLAG,
     MEMBER(advertise),
     .standard = "yes",
     .help = "tell the network that there is this stream, by SAP and by DNS-SD (mDNS, through Avahi); "
             "--advertise=no is quiet"},

    {.group = "Clock",
     .name = "clock",
     .kind = OPTION_TEXT,
     MEMBER(clock),
     .standard = "auto",
     .argument = "CLOCK",
     .help = "where PTP time comes from: ptp4l or ptp4l:SOCKET (the offset that it measures), phc:IF or "
             "phc:DEVICE (the "
             "network card's own clock, steered by ptp4l), system (the host's clock, disciplined by others); "
             "auto is ptp4l "
             "when one answers, until then system",
     .check = option_check_clock},
    {.group = "Clock",
     .name = "ptp-domain",
     .kind = OPTION_INTEGER,
     MEMBER(ptp_domain),
     .standard = "0",
     .min = 0,
     .max = 127,
     .argument = "N",
     .help = "PTP domain that ptp4l must be in"},

    {.group = "Running",
     .name = "realtime",
     .kind = OPTION_INTEGER,
     MEMBER(realtime),
     .standard = "70",
     .min = 1,
     .max = 99,
     .zero_word = "off",
     .argument = "PRIO",
     .help = "SCHED_FIFO priority of the thread that carries sound"},
    {.group = "Running",
     .name = "print-sdp",
     .kind = OPTION_FLAG,
     MEMBER(print_sdp),
     .help = "print the description (SDP) of the stream that these options make, and end"},
    {.group = "Running",
     .name = "wait",
     .kind = OPTION_FLAG,
     MEMBER(wait),
     .help = "when network interface, clock or sound device is not there at the start, wait for it instead "
             "of failing"},
    {.group = "Running",
     .name = "stats",
     .kind = OPTION_TEXT,
     MEMBER(stats),
     .argument = "FILE",
     .help = "write one JSON object a second to FILE; - is the standard output"},
    {.group = "Running",
     .name = "control",
     .kind = OPTION_TEXT,
     MEMBER(control),
     .standard = "auto",
     .argument = "PATH",
     .help = "socket for unisono-ctl, to talk, to mute and to ask how it stands; auto: where that looks for "
             "it; off: none",
     .check = option_check_control},
    {.group = "Running",
     .name = "log",
     .kind = OPTION_CHOICE,
     MEMBER(log),
     .standard = "info",
     .allowed = LOG_LEVELS,
     .argument = "LEVEL",
     .help = "least urgent messages to print"},
};

uint32_t send_options_ptime_us(const struct send_options *options)
{
    return (uint32_t)lrint(options->ptime_ms * 1000);
}

enum rtp_priority send_options_priority(const struct send_options *options)
{
    if (options->priority >= 0)
        return (enum rtp_priority)options->priority;
    return options->announce[0] ? RTP_PRIORITY_PAGE : RTP_PRIORITY_PROGRAMME;
}

double send_options_vox_hang_ms(const struct send_options *options)
{
    return options->vox_hang_ms > 0 ? options->vox_hang_ms : VOX_HANG_MS;
}

/* A level is noticed when the word has begun; a finger is about as fast as the mouth. */
double send_options_pre_roll_ms(const struct send_options *options)
{
    if (!send_options_gated(options))
        return 0;
    if (options->pre_roll_ms > 0)
        return options->pre_roll_ms;
    return options->vox_db < 0 ? PRE_ROLL_VOX_MS : PRE_ROLL_TALK_MS;
}

bool send_options_gated(const struct send_options *options)
{
    return options->talk || options->vox_db < 0;
}

/* Options that mean nothing without the right kind of input are a mistake, not a no-op. */
static int check_source(const struct send_options *o, char *why, size_t why_len)
{
    struct source_spec spec;

    if (o->input[0] == '\0') {
        snprintf(why, why_len,
                 "--input: missing; allowed are alsa:DEVICE, file:PATH, stdin, tone and tone:HZ, or "
                 "--announce FILE");
        return -EINVAL;
    }
    if (source_parse(o->input, &spec, why, why_len) < 0)
        return -EINVAL;
    if (o->loop && spec.kind != SOURCE_FILE) {
        snprintf(why, why_len, "--loop: with --input %s there is nothing to loop; allowed with file:PATH",
                 o->input);
        return -EINVAL;
    }
    if (o->format >= 0 && spec.kind != SOURCE_STDIN) {
        snprintf(why, why_len, "--format: --input %s knows its own; allowed with stdin", o->input);
        return -EINVAL;
    }
    if (o->format < 0 && spec.kind == SOURCE_STDIN) {
        snprintf(why, why_len, "--input stdin: needs --format; allowed are S16_LE, S24_3LE, S32_LE, F32_LE");
        return -EINVAL;
    }
    return 0;
}

/* How far a packet's sound lies behind its time stamp: see codec.h. */
static double look_ahead_ms(const struct send_options *o)
{
    return o->codec != RTP_CODEC_OPUS ? 0 : o->fec ? 6.5 : 2.5;
}

uint32_t send_options_bitrate_bps(const struct send_options *o, unsigned channels)
{
    return o->bitrate_kbits > 0 ? (uint32_t)lrint(o->bitrate_kbits * 1000) : 64000 * channels;
}

static int check_codec(const struct send_options *o, char *why, size_t why_len)
{
    const char *codec = rtp_codec_name((unsigned)o->codec);

    if (o->codec != RTP_CODEC_OPUS && o->bitrate_kbits > 0)
        snprintf(why, why_len, "--bitrate %g: with --codec %s there is nothing to choose; allowed with Opus",
                 o->bitrate_kbits, codec);
    else if (o->codec != RTP_CODEC_OPUS && o->fec)
        snprintf(why, why_len, "--fec: --codec %s has none; allowed with Opus", codec);
    else if (o->fec && o->ptime_ms < 10)
        snprintf(why, why_len, "--fec: packets of --ptime %g ms are too short for it; allowed are 10 and 20",
                 o->ptime_ms);
    else if (o->expected_loss_percent > 0 && !o->fec)
        snprintf(why, why_len, "--expected-loss %u: means nothing without --fec",
                 (unsigned)o->expected_loss_percent);
    else
        return 0;
    return -EINVAL;
}

/* Short packets are many, and each needs room for some sound. */
static int check_bitrate(const struct send_options *o, char *why, size_t why_len)
{
    const double least_kbits = CODEC_OPUS_BITS_MIN / o->ptime_ms;

    if (o->codec != RTP_CODEC_OPUS || o->bitrate_kbits <= 0 || o->bitrate_kbits >= least_kbits)
        return 0;
    snprintf(why, why_len,
             "--bitrate %g: is none for sound in packets of --ptime %g ms; allowed are %g to 510 kbit/s",
             o->bitrate_kbits, o->ptime_ms, least_kbits);
    return -EINVAL;
}

/* What of the others makes no sense with --announce; NULL: all does. */
static const char *against_announce(const struct send_options *o)
{
    return o->input[0]                             ? "--input"
           : o->loop                               ? "--loop"
           : o->format >= 0                        ? "--format"
           : o->talk                               ? "--talk"
           : o->vox_db < 0                         ? "--vox"
           : o->priority == RTP_PRIORITY_PROGRAMME ? "--priority programme"
                                                   : NULL;
}

static int check_page(const struct send_options *o, char *why, size_t why_len)
{
    const char *other = o->announce[0] ? against_announce(o) : NULL;

    if (other)
        snprintf(why, why_len, "%s: not allowed with --announce, which plays a file once as a page", other);
    else if (o->pre_roll_ms > 0 && !send_options_gated(o))
        snprintf(why, why_len, "--pre-roll %g: nothing is kept back; allowed with --talk or --vox",
                 o->pre_roll_ms);
    else if (o->vox_hang_ms > 0 && !(o->vox_db < 0))
        snprintf(why, why_len, "--vox-hang %g: nobody listens to the level; allowed with --vox",
                 o->vox_hang_ms);
    else if (o->priority == RTP_PRIORITY_PAGE && o->profile == OPTION_PROFILE_AES67)
        snprintf(why, why_len,
                 "--priority page: stands in the header extension; allowed with --profile unisono");
    else
        return 0;
    return -EINVAL;
}

int send_options_check_latency(const struct send_options *o, uint32_t rate_hz, char *why, size_t why_size)
{
    double packet_ms = rtp_ptime_frames(send_options_ptime_us(o), rate_hz) * 1e3 / rate_hz;
    char lasts[64] = "", own[64] = "";

    if (o->latency_ms > packet_ms + look_ahead_ms(o))
        return 0;
    if (rate_hz % 44100 == 0)
        snprintf(lasts, sizeof lasts, ", which is %.2f ms at %u Hz", packet_ms, (unsigned)rate_hz);
    if (look_ahead_ms(o) > 0)
        snprintf(own, sizeof own, " and %g ms that Opus looks ahead", look_ahead_ms(o));
    snprintf(why, why_size, "--latency %g: allowed is more than --ptime %g ms%s%s, up to 1000 ms",
             o->latency_ms, o->ptime_ms, lasts, own);
    return -EINVAL;
}

static int check(const void *values, char *why, size_t why_len)
{
    const struct send_options *o = values;

    int r = check_page(o, why, why_len);
    if (r == 0 && !o->announce[0])
        r = check_source(o, why, why_len);
    if (r < 0)
        return r;
    r = check_codec(o, why, why_len);
    if (r < 0)
        return r;
    /* Where the source decides, main asks again once it is open. */
    uint32_t rate_hz = o->rate_hz;
    unsigned channels = o->channels;
    r = send_options_check_latency(o, rate_hz ? rate_hz : 48000, why, why_len);
    if (r < 0)
        return r;
    if (o->codec == RTP_CODEC_OPUS) {
        rate_hz = rate_hz ? rate_hz : 48000;
        channels = channels ? channels : 2;
    }
    if (rate_hz == 0 || channels == 0)
        return 0;
    char reason[256];
    r = rtp_ptime_check(send_options_ptime_us(o), rate_hz, (unsigned)o->codec, channels, reason,
                        sizeof reason);
    if (r < 0) {
        snprintf(why, why_len, "--ptime %g: %s", o->ptime_ms, reason);
        return r;
    }
    return check_bitrate(o, why, why_len);
}

const struct options_program send_options_program = {
    .name = "unisono-send",
    .usage = "--input SOURCE [--OPTION VALUE]...",
    .summary =
        "Multicasts sound as RTP, each packet stamped with the instant at which all receivers play it. "
        "Sender and receivers need clocks that agree: PTP, by ptp4l.",
    .examples = "  unisono-send --input tone --interface eth0\n"
                "  unisono-send --input file:concert.flac --loop --name stage\n"
                "  unisono-send --input alsa:hw:1 --rate 48000 --channels 2 --latency 5 --ptime 0.25\n"
                "  unisono-send --input alsa:hw:2 --channels 1 --priority page --talk --name desk\n"
                "  unisono-send --announce gong.wav --group 239.69.83.9\n"
                "  ffmpeg -i URL -f s16le -ar 48000 -ac 2 - | unisono-send --input stdin --format S16_LE\n"
                "\nMore in unisono-send(1).\n",
    .specs = specs,
    .count = sizeof specs / sizeof *specs,
    .check = check,
};
