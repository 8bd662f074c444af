// SPDX-License-Identifier: GPL-3.0-or-later
#include "recv_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/host/log.h"
#include "proto/resample.h"
#include "proto/rtp.h"

#define ON_PTP_LOSS "play mute" /* enum on_ptp_loss */

#define STANDARD_GROUP "239.69.83.1:5004"

#define MEMBER(member) OPTION_MEMBER(struct recv_options, member)

_Static_assert(RESAMPLE_FASTEST == 0 && RESAMPLE_MEDIUM == 1 && RESAMPLE_BEST == 2, "order of RESAMPLERS");

/* The codecs likewise: see OPTION_CODECS. */
_Static_assert(RTP_CODEC_L16 == 0 && RTP_CODEC_L24 == 1 && RTP_CODEC_F32 == 2 && RTP_CODEC_OPUS == 3,
               "order of OPTION_CODECS");

static const struct option_spec specs[] = {
    {.group = "Sound",
     .name = "device",
     .kind = OPTION_TEXT,
     MEMBER(device),
     .standard = "default",
     .argument = "ALSA_PCM",
     .help = "sound card to play on, such as hw:0 or plughw:CARD=PCH (aplay -L lists them)"},
    {.group = "Sound",
     .name = "delay",
     .kind = OPTION_REAL,
     MEMBER(delay_ms),
     .standard = "0",
     .min = 0,
     .max = 1000,
     .unit = "ms",
     .argument = "MS",
     .help = "play so much later than the stream says; a metre of air is 2.9 ms"},
    {.group = "Sound",
     .name = "gain",
     .kind = OPTION_REAL,
     MEMBER(gain_db),
     .standard = "0",
     .min = -90,
     .max = 20,
     .unit = "dB",
     .argument = "DB",
     .help = "louder or, below 0, softer"},
    {.group = "Sound",
     .name = "resampler",
     .kind = OPTION_CHOICE,
     MEMBER(resampler),
     .standard = "medium",
     .allowed = OPTION_RESAMPLERS,
     .argument = "QUALITY",
     .help =
         "how sound is fitted to the card's own clock; medium is flat to 20 kHz; fastest falls 0.5 dB "
         "short at 18 kHz and costs half; best is flat to 22 kHz and costs three times as much and 2 ms of "
         "the latency"},
    {.group = "Sound",
     .name = "rate",
     .kind = OPTION_INTEGER,
     MEMBER(rate_hz),
     .allowed = OPTION_RATES,
     .unit = "Hz",
     .argument = "HZ",
     .help =
         "sample rate the device is opened with, 48000 unless given; a stream of another rate is converted. "
         "With --profile aes67 it is the stream's rate, too"},
    {.group = "Sound",
     .name = "channels",
     .kind = OPTION_INTEGER,
     MEMBER(channels),
     .min = 1,
     .max = RTP_CHANNELS_MAX,
     .argument = "N",
     .help =
         "channels the device is opened with, 2 unless given; they play the stream's first channels, a mono "
         "stream plays on all. With --profile aes67 it is the stream's number, too"},

    {.group = "Network",
     .name = "name",
     .kind = OPTION_TEXT,
     MEMBER(name),
     .argument = "NAME",
     .help = "what people call this receiver, such as \"lobby left\"; without it the host's name"},
    {.group = "Network",
     .name = "stream",
     .kind = OPTION_TEXT,
     MEMBER(stream),
     .argument = "NAME",
     .help =
         "play the stream that is announced by this name (SAP, mDNS); wait for it, and follow it wherever "
         "it goes"},
    {.group = "Network",
     .name = "sdp",
     .kind = OPTION_TEXT,
     MEMBER(sdp),
     .argument = "FILE",
     .help = "play the stream that this session description (SDP) describes, of equipment that does not "
             "announce it"},
    {.group = "Network",
     .name = "group",
     .kind = OPTION_TEXT,
     MEMBER(group),
     .standard = STANDARD_GROUP,
     .argument = "ADDR[:PORT]",
     .help = "without either, IPv4 multicast address and UDP port to listen to",
     .check = option_check_group},
    {.group = "Network",
     .name = "interface",
     .kind = OPTION_TEXT,
     MEMBER(interface),
     .argument = "IF",
     .help = "network interface, its name or IPv4 address; without it the one the routing table picks"},
    {.group = "Network",
     .name = "list",
     .kind = OPTION_FLAG,
     MEMBER(list),
     .help = "print the streams that are announced, and end"},
    {.group = "Network",
     .name = "list-seconds",
     .kind = OPTION_INTEGER,
     MEMBER(list_seconds),
     .min = 1,
     .max = 3600,
     .unit = "s",
     .argument = "N",
     .help = "with --list, how long to listen, 6 unless given; some equipment announces once in 30 s"},

    {.group = "Plain AES67 streams",
     .name = "profile",
     .kind = OPTION_CHOICE,
     MEMBER(profile),
     .standard = "unisono",
     .allowed = OPTION_PROFILES,
     .argument = "PROFILE",
     .help = "unisono: the stream describes itself; aes67: --codec, --rate, --channels and --latency do"},
    {.group = "Plain AES67 streams",
     .name = "codec",
     .kind = OPTION_CHOICE,
     MEMBER(codec),
     .allowed = OPTION_CODECS,
     .argument = "CODEC",
     .help = "samples on the wire: PCM of 16 or 24 bits, 32-bit float, or Opus"},
    {.group = "Plain AES67 streams",
     .name = "latency",
     .kind = OPTION_REAL,
     MEMBER(latency_ms),
     .min = 0.5,
     .max = 1000,
     .unit = "ms",
     .argument = "MS",
     .help =
         "from the instant in the RTP timestamp to the instant at the speaker; the same at all receivers. "
         "With --stream and --sdp it is what the description says, else 10, unless given"},

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
    {.group = "Clock",
     .name = "on-ptp-loss",
     .kind = OPTION_CHOICE,
     MEMBER(on_ptp_loss),
     .standard = "play",
     .allowed = ON_PTP_LOSS,
     .argument = "WHAT",
     .help =
         "without a grandmaster: play on at the last rate, drifting apart by the crystals' errors, or mute"},

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
     .name = "log",
     .kind = OPTION_CHOICE,
     MEMBER(log),
     .standard = "info",
     .allowed = LOG_LEVELS,
     .argument = "LEVEL",
     .help = "least urgent messages to print"},
};

/* Which of the options that describe an AES67 stream is lacking; NULL: none. */
static const char *lacking(const struct recv_options *o)
{
    if (o->codec < 0)
        return "--codec";
    if (o->rate_hz == 0)
        return "--rate";
    if (o->channels == 0)
        return "--channels";
    return o->latency_ms > 0 ? NULL : "--latency";
}

/* What stands beside --list, --stream or --sdp and is none of their business; NULL: nothing. */
static const char *superfluous(const struct recv_options *o)
{
    if (strcmp(o->group, STANDARD_GROUP) != 0)
        return "--group";
    if (o->profile == OPTION_PROFILE_AES67)
        return "--profile";
    if (o->codec >= 0)
        return "--codec";
    if (o->sdp[0] && (o->list || o->stream[0]))
        return "--sdp";
    return o->stream[0] && o->list ? "--stream" : NULL;
}

static int check_source(const struct recv_options *o, char *why, size_t why_len)
{
    const char *by = o->list ? "--list" : o->stream[0] ? "--stream" : o->sdp[0] ? "--sdp" : NULL;
    const char *name = by ? superfluous(o) : NULL;

    if (o->list_seconds && !o->list) {
        snprintf(why, why_len, "--list-seconds: %u; allowed with --list only", o->list_seconds);
        return -EINVAL;
    }
    if (name && o->list)
        snprintf(why, why_len, "%s: not allowed with --list, which plays nothing; leave one of the two out",
                 name);
    else if (name)
        snprintf(why, why_len,
                 "%s: not allowed with %s, where the description says that; leave one of the two out", name,
                 by);
    return name ? -EINVAL : 0;
}

/* RFC 7587: its clock is 48000 Hz. */
static int check_opus(const struct recv_options *o, char *why, size_t why_len)
{
    if (o->codec != RTP_CODEC_OPUS)
        return 0;
    if (o->rate_hz != 48000)
        snprintf(why, why_len, "--rate %u: allowed with --codec Opus is 48000", (unsigned)o->rate_hz);
    else if (o->channels > 2)
        snprintf(why, why_len, "--channels %u: allowed with --codec Opus are 1 and 2", (unsigned)o->channels);
    else
        return 0;
    return -EINVAL;
}

static int check(const void *values, char *why, size_t why_len)
{
    const struct recv_options *o = values;
    bool described = o->stream[0] || o->sdp[0];
    const char *name;

    if (check_source(o, why, why_len) < 0)
        return -EINVAL;

    if (o->device[0] == '\0') {
        snprintf(why, why_len, "--device: empty; allowed is the name of an ALSA PCM, see aplay -L");
        return -EINVAL;
    }
    if (o->profile == OPTION_PROFILE_AES67) {
        name = lacking(o);
        if (name != NULL)
            snprintf(why, why_len,
                     "%s: missing; --profile aes67 needs --codec, --rate, --channels and --latency", name);
    } else {
        name = o->codec >= 0 ? "--codec" : o->latency_ms > 0 && !described ? "--latency" : NULL;
        if (name != NULL)
            snprintf(why, why_len, "%s: the stream says that itself; allowed with --profile aes67%s only",
                     name, name[2] == 'l' ? ", --stream and --sdp" : "");
    }
    return name == NULL ? check_opus(o, why, why_len) : -EINVAL;
}

const struct options_program recv_options_program = {
    .name = "unisono-recv",
    .usage = "[--OPTION VALUE]...",
    .summary =
        "Plays a multicast RTP stream on a sound card, each sample at the instant that the stream carries "
        "for it, in step with all other receivers. Sender and receivers need clocks that agree: PTP, "
        "by ptp4l.",
    .examples = "  unisono-recv --device hw:0 --interface eth0\n"
                "  unisono-recv --list --interface eth0\n"
                "  unisono-recv --stream 'Stage left' --device hw:0 --interface eth0\n"
                "  unisono-recv --device plughw:CARD=PCH --gain -6 --delay 2.9\n"
                "  unisono-recv --profile aes67 --group 239.69.1.1 --codec L24 --rate 48000 --channels 2 "
                "--latency 5\n"
                "\nMore in unisono-recv(1).\n",
    .specs = specs,
    .count = sizeof specs / sizeof *specs,
    .check = check,
};
