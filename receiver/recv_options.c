// SPDX-License-Identifier: GPL-3.0-or-later
#include "recv_options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/host/log.h"
#include "proto/resample.h"
#include "proto/rtp.h"
#include "soundfile.h"

#define ON_PTP_LOSS "play mute" /* enum on_ptp_loss */

#define STANDARD_GROUP "239.69.83.1:5004"

enum { STANDARD_RATE_HZ = 48000, STANDARD_CHANNELS = 2 };

#define MEMBER(member) OPTION_MEMBER(struct recv_options, member)

_Static_assert(RESAMPLE_FASTEST == 0 && RESAMPLE_MEDIUM == 1 && RESAMPLE_BEST == 2, "order of RESAMPLERS");

/* The codecs likewise: see OPTION_CODECS. */
_Static_assert(RTP_CODEC_L16 == 0 && RTP_CODEC_L24 == 1 && RTP_CODEC_F32 == 2 && RTP_CODEC_OPUS == 3,
               "order of OPTION_CODECS");

static int check_group(const char *text, char *why, size_t why_len)
{
    struct selection unused;

    return selection_parse(SELECTION_GROUP, text, &unused, why, why_len);
}

static int check_stream(const char *text, char *why, size_t why_len)
{
    struct selection unused;

    return selection_parse(SELECTION_STREAM, text, &unused, why, why_len);
}

static int check_sdp(const char *text, char *why, size_t why_len)
{
    struct selection unused;

    return selection_parse(SELECTION_SDP, text, &unused, why, why_len);
}

static int check_delay(const char *text, char *why, size_t why_len)
{
    struct delay unused;

    return delay_parse(text, &unused, why, why_len);
}

static int check_map(const char *text, char *why, size_t why_len)
{
    struct route unused;
    int error = route_parse(text, NULL, &unused, why, why_len);

    return error == -ENOENT ? 0 : error;
}

static const struct option_spec specs[] = {
    {.group = "Sound",
     .name = "device",
     .kind = OPTION_TEXT,
     MEMBER(device),
     .standard = "default",
     .argument = "ALSA_PCM",
     .help = "sound card to play on, such as hw:0 or plughw:CARD=PCH (aplay -L lists them); none: no card, "
             "with --record"},
    {.group = "Sound",
     .name = "record",
     .kind = OPTION_TEXT,
     MEMBER(record),
     .argument = "FILE",
     .help = "write the stream's own samples to FILE.wav or FILE.flac, or the next name that is free; its "
             "time reference "
             "lets recordings of several machines line up",
     .check = soundfile_check_name},
    {.group = "Sound",
     .name = "delay",
     .kind = OPTION_TEXT,
     MEMBER(delay),
     .standard = "0",
     .argument = "DELAY",
     .help = "play so much later than the stream says, 0 to 1000 ms: 2.9 or 2.9ms; 140smp, samples of the "
             "device; 12.5m, metres of air",
     .check = check_delay},
    {.group = "Sound",
     .name = "temperature",
     .kind = OPTION_REAL,
     MEMBER(temperature_c),
     .standard = "20",
     .min = -50,
     .max = 60,
     .unit = "C",
     .argument = "C",
     .help = "of the air, for delays in metres: sound goes 343 m/s at 20 degrees"},
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
     .name = "mute",
     .kind = OPTION_FLAG,
     MEMBER(mute),
     .help = "play silence, in step, until unisono-ctl says otherwise"},
    {.group = "Sound",
     .name = "map",
     .kind = OPTION_TEXT,
     MEMBER(map),
     .argument = "ROUTE",
     .help =
         "which channels of a stream go to which of the device: CARD=STREAM[:GAIN][+STREAM[:GAIN]]..., "
         "with commas between; STREAM is a number from 1 on, a name, or mono, the sum of all; GAIN is -120 "
         "to +20 dB. 1=3,2=4, or 1=mono,2=mono; without it straight, a mono stream to all",
     .check = check_map},
    {.group = "Sound",
     .name = "duck",
     .kind = OPTION_REAL,
     MEMBER(duck_db),
     .standard = "-20",
     .min = -90,
     .max = 0,
     .unit = "dB",
     .argument = "DB",
     .help = "how far other streams are lowered while a page sounds"},
    {.group = "Sound",
     .name = "duck-attack",
     .kind = OPTION_REAL,
     MEMBER(duck_attack_ms),
     .standard = "20",
     .min = 1,
     .max = 10000,
     .unit = "ms",
     .argument = "MS",
     .help = "how long it takes to lower them"},
    {.group = "Sound",
     .name = "duck-release",
     .kind = OPTION_REAL,
     MEMBER(duck_release_ms),
     .standard = "500",
     .min = 1,
     .max = 10000,
     .unit = "ms",
     .argument = "MS",
     .help = "and to raise them again behind the page"},
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
     .name = "group",
     .kind = OPTION_LIST,
     MEMBER(groups),
     .argument = "ADDR[:PORT][;SETTING]...",
     .help = "IPv4 multicast address and UDP port to listen to, " STANDARD_GROUP
             " unless a stream is given; may be given again, for several streams at once. Settings of this "
             "one: name=TEXT, map=ROUTE, gain=DB, mute, delay=DELAY, page, record=FILE",
     .check = check_group},
    {.group = "Network",
     .name = "stream",
     .kind = OPTION_LIST,
     MEMBER(streams),
     .argument = "NAME[;SETTING]...",
     .help =
         "play the stream that is announced by this name (SAP, mDNS); wait for it, and follow it wherever "
         "it goes; may be given again",
     .check = check_stream},
    {.group = "Network",
     .name = "sdp",
     .kind = OPTION_LIST,
     MEMBER(sdps),
     .argument = "FILE[;SETTING]...",
     .help = "play the stream that this session description (SDP) describes, of equipment that does not "
             "announce it; may be given again",
     .check = check_sdp},
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
     .name = "control",
     .kind = OPTION_TEXT,
     MEMBER(control),
     .standard = "auto",
     .argument = "PATH",
     .help =
         "socket for unisono-ctl, which changes gain, map, delay and more while it plays; auto: where that "
         "looks for it; off: none",
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

static const char *const kind_names[] = {"--group", "--stream", "--sdp"}; /* enum selection_kind */

static unsigned selected(const struct recv_options *o)
{
    return o->groups.count + o->streams.count + o->sdps.count;
}

/* What stands beside --list and is none of its business; NULL: nothing. */
static const char *superfluous(const struct recv_options *o)
{
    if (o->record[0])
        return "--record";
    if (selected(o) > 0)
        return o->groups.count ? "--group" : o->streams.count ? "--stream" : "--sdp";
    if (o->profile == OPTION_PROFILE_AES67)
        return "--profile";
    return o->codec >= 0 ? "--codec" : NULL;
}

static int check_list(const struct recv_options *o, char *why, size_t why_len)
{
    const char *name = o->list ? superfluous(o) : NULL;

    if (o->list_seconds && !o->list) {
        snprintf(why, why_len, "--list-seconds: %u; allowed with --list only", o->list_seconds);
        return -EINVAL;
    }
    if (name)
        snprintf(why, why_len, "%s: not allowed with --list, which plays nothing; leave one of the two out",
                 name);
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

bool recv_options_silent(const struct recv_options *o)
{
    return strcmp(o->device, "none") == 0;
}

static int check_selection(const struct recv_options *o, struct selection *s, char *why, size_t why_len)
{
    const struct delay_place place = recv_options_place(o);
    char reason[256];
    int error = selection_resolve(s, o->map, &place, recv_options_card_channels(o), reason, sizeof reason);

    if (error)
        snprintf(why, why_len, "%s %s: %s", kind_names[s->kind], s->target, reason);
    return error;
}

static int check_selections(const struct recv_options *o, char *why, size_t why_len)
{
    struct selection all[RX_VOICES_MAX];
    bool recorded = false;
    unsigned count;
    int error = 0;

    if (selected(o) > RX_VOICES_MAX) {
        snprintf(why, why_len, "--group, --stream and --sdp: %u streams; allowed are %d together",
                 selected(o), RX_VOICES_MAX);
        return -EINVAL;
    }
    count = recv_options_selections(o, all);
    for (unsigned i = 0; i < count && !error; i++) {
        error = check_selection(o, &all[i], why, why_len);
        for (unsigned k = 0; k < i && !error; k++)
            if (selection_same(&all[i], &all[k])) {
                snprintf(why, why_len, "%s %s: given before; keep one", kind_names[all[i].kind],
                         all[i].target);
                error = -EINVAL;
            } else if (all[i].record[0] && strcmp(all[i].record, all[k].record) == 0) {
                snprintf(why, why_len, "%s %s: is recorded to %s, as %s is; give each a file of its own",
                         kind_names[all[i].kind], all[i].target, all[i].record, all[k].target);
                error = -EINVAL;
            }
        recorded |= all[i].record[0] != '\0';
    }
    if (!error && o->record[0] && strcmp(all[0].record, o->record) != 0) {
        snprintf(why, why_len, "--record %s: %s %s has record=%s already; keep one", o->record,
                 kind_names[all[0].kind], all[0].target, all[0].record);
        error = -EINVAL;
    }
    if (!error && recv_options_silent(o) && !recorded && !o->list) {
        snprintf(why, why_len, "--device none: nothing would be done; allowed with --record only");
        error = -EINVAL;
    }
    return error;
}

/* What the check of one option does not know: the card. */
static int check_settings(const struct recv_options *o, char *why, size_t why_len)
{
    const struct delay_place place = recv_options_place(o);
    struct delay delay;
    struct route route;
    int64_t unused;
    char reason[ROUTE_WHY_SIZE] = "";

    if (delay_parse(o->delay, &delay, reason, sizeof reason) ||
        delay_resolve(&delay, &place, &unused, reason, sizeof reason)) {
        snprintf(why, why_len, "--delay %s: %s", o->delay, reason);
        return -EINVAL;
    }
    (void)route_parse(o->map, NULL, &route, reason, sizeof reason);
    if (route_width(&route) > recv_options_card_channels(o)) {
        snprintf(why, why_len, "--map %s: channel %u of the card; allowed are 1 to %u (--channels)", o->map,
                 route_width(&route), recv_options_card_channels(o));
        return -EINVAL;
    }
    return 0;
}

/* Whether anything would be played that nobody but these options describes. */
static int check_profile(const struct recv_options *o, char *why, size_t why_len)
{
    bool described = o->streams.count + o->sdps.count > 0;
    bool groups = o->groups.count > 0 || !described;
    const char *name = NULL;

    if (!groups && (o->profile == OPTION_PROFILE_AES67 || o->codec >= 0)) {
        snprintf(why, why_len,
                 "%s: not allowed with %s alone, where the description says that; allowed with --group",
                 o->profile == OPTION_PROFILE_AES67 ? "--profile" : "--codec",
                 o->streams.count ? "--stream" : "--sdp");
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

static int check(const void *values, char *why, size_t why_len)
{
    const struct recv_options *o = values;

    if (check_list(o, why, why_len) < 0 || check_settings(o, why, why_len) < 0 ||
        check_selections(o, why, why_len) < 0)
        return -EINVAL;
    if (o->device[0] == '\0') {
        snprintf(why, why_len, "--device: empty; allowed is the name of an ALSA PCM, see aplay -L");
        return -EINVAL;
    }
    return check_profile(o, why, why_len);
}

unsigned recv_options_selections(const struct recv_options *o, struct selection selections[RX_VOICES_MAX])
{
    const struct option_list *const lists[] = {&o->groups, &o->streams, &o->sdps}; /* enum selection_kind */
    const struct delay_place place = recv_options_place(o);
    char why[512];
    unsigned count = 0;

    for (int kind = SELECTION_GROUP; kind <= SELECTION_SDP; kind++)
        for (unsigned i = 0; i < lists[kind]->count; i++)
            (void)selection_parse((enum selection_kind)kind, lists[kind]->texts[i], &selections[count++], why,
                                  sizeof why);
    if (count == 0)
        (void)selection_parse(SELECTION_GROUP, STANDARD_GROUP, &selections[count++], why, sizeof why);
    for (unsigned i = 0; i < count; i++)
        (void)selection_resolve(&selections[i], o->map, &place, recv_options_card_channels(o), why,
                                sizeof why);
    if (o->record[0] && !selections[0].record[0])
        snprintf(selections[0].record, sizeof selections[0].record, "%s", o->record);
    return count;
}

struct delay_place recv_options_place(const struct recv_options *o)
{
    return (struct delay_place){o->rate_hz ? o->rate_hz : STANDARD_RATE_HZ, o->temperature_c};
}

unsigned recv_options_card_channels(const struct recv_options *o)
{
    return o->channels ? o->channels : STANDARD_CHANNELS;
}

struct duck_config recv_options_duck(const struct recv_options *o)
{
    return (struct duck_config){.depth_db = o->duck_db,
                                .attack_ns = llround(o->duck_attack_ms * 1e6),
                                .release_ns = llround(o->duck_release_ms * 1e6)};
}

struct rx_settings recv_options_settings(const struct recv_options *o)
{
    const struct delay_place place = recv_options_place(o);
    struct rx_settings settings = {.gain = pow(10, o->gain_db / 20), .mute = o->mute};
    struct delay delay;
    char why[128];

    (void)delay_parse(o->delay, &delay, why, sizeof why);
    (void)delay_resolve(&delay, &place, &settings.delay_ns, why, sizeof why);
    return settings;
}

struct sockaddr_in recv_options_group(const struct recv_options *o)
{
    struct selection first;
    char why[512];

    (void)selection_parse(SELECTION_GROUP, o->groups.count ? o->groups.texts[0] : STANDARD_GROUP, &first, why,
                          sizeof why);
    return first.group;
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
                "  unisono-recv --group 239.69.83.1 --group '239.69.83.2;gain=-6' --device hw:0\n"
                "  unisono-recv --device plughw:CARD=PCH --gain -6 --delay 2.9\n"
                "  unisono-recv --device none --record take.wav --interface eth0\n"
                "  unisono-recv --profile aes67 --group 239.69.1.1 --codec L24 --rate 48000 --channels 2 "
                "--latency 5\n"
                "\nMore in unisono-recv(1).\n",
    .specs = specs,
    .count = sizeof specs / sizeof *specs,
    .check = check,
};
