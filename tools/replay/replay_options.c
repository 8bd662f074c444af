// SPDX-License-Identifier: GPL-3.0-or-later
#include "replay_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/resample.h"

#define MEMBER(member) OPTION_MEMBER(struct replay_options, member)

_Static_assert(RESAMPLE_FASTEST == 0 && RESAMPLE_MEDIUM == 1 && RESAMPLE_BEST == 2, "order of RESAMPLERS");
_Static_assert(RTP_CODEC_L16 == 0 && RTP_CODEC_L24 == 1 && RTP_CODEC_F32 == 2 && RTP_CODEC_OPUS == 3,
               "order of OPTION_CODECS");

/* The whole text as a number up to `max`. */
static bool parse_number(const char *text, int base, unsigned long max, unsigned long *value)
{
    char *end;

    if (text[0] == '\0' || text[strspn(text, "0123456789abcdefABCDEFx")] != '\0')
        return false;
    errno = 0;
    *value = strtoul(text, &end, base);
    return *end == '\0' && errno == 0 && *value <= max;
}

static bool parse_ssrc(const char *text, uint32_t *ssrc)
{
    unsigned long value;

    if (!parse_number(text, 0, UINT32_MAX, &value))
        return false;
    *ssrc = (uint32_t)value;
    return true;
}

/* ADDR[:PORT]; unlike option_parse_group() any IPv4 address will do. */
static bool parse_destination(const char *text, uint32_t *address, uint16_t *port)
{
    const char *colon = strchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    char copy[INET_ADDRSTRLEN] = "";
    struct in_addr parsed;
    unsigned long number = 0;

    if (length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    if (inet_pton(AF_INET, copy, &parsed) != 1)
        return false;
    if (colon && (!parse_number(colon + 1, 10, UINT16_MAX, &number) || number == 0))
        return false;
    *address = ntohl(parsed.s_addr);
    *port = (uint16_t)number;
    return true;
}

static int check_group(const char *text, char *why, size_t why_len)
{
    uint32_t address;
    uint16_t port;

    if (parse_destination(text, &address, &port))
        return 0;
    snprintf(why, why_len, "allowed is an IPv4 address, and a port after a colon");
    return -EINVAL;
}

static int check_ssrc(const char *text, char *why, size_t why_len)
{
    uint32_t ssrc;

    if (parse_ssrc(text, &ssrc))
        return 0;
    snprintf(why, why_len, "allowed is a number of 32 bits, such as 0x5eed1e55");
    return -EINVAL;
}

struct catalogue_choice replay_options_choice(const struct replay_options *o)
{
    struct catalogue_choice choice = {0};

    if (o->group[0])
        parse_destination(o->group, &choice.destination, &choice.port);
    if (o->ssrc[0])
        choice.has_ssrc = parse_ssrc(o->ssrc, &choice.ssrc);
    return choice;
}

static const struct option_spec specs[] = {
    {.group = "Capture",
     .name = "file",
     .kind = OPTION_TEXT,
     MEMBER(file),
     .argument = "FILE",
     .help = "pcap or pcapng file, - for the standard input; --file itself may be left out"},
    {.group = "Capture",
     .name = "list",
     .kind = OPTION_FLAG,
     MEMBER(list),
     .help = "list the RTP streams in it, and end"},
    {.group = "Capture",
     .name = "group",
     .kind = OPTION_TEXT,
     MEMBER(group),
     .argument = "ADDR[:PORT]",
     .help = "take the stream that is sent there; without it the one with most packets of sound",
     .check = check_group},
    {.group = "Capture",
     .name = "ssrc",
     .kind = OPTION_TEXT,
     MEMBER(ssrc),
     .argument = "SSRC",
     .help = "take the stream with this SSRC, such as 0x5eed1e55",
     .check = check_ssrc},

    {.group = "Plain AES67 streams",
     .name = "sdp",
     .kind = OPTION_TEXT,
     MEMBER(sdp),
     .argument = "FILE",
     .help = "description of the stream; without it an announcement (SAP) in the capture is looked for"},
    {.group = "Plain AES67 streams",
     .name = "codec",
     .kind = OPTION_CHOICE,
     MEMBER(codec),
     .allowed = OPTION_CODECS,
     .argument = "CODEC",
     .help = "samples on the wire: PCM of 16 or 24 bits, 32-bit float, or Opus"},
    {.group = "Plain AES67 streams",
     .name = "rate",
     .kind = OPTION_INTEGER,
     MEMBER(rate_hz),
     .allowed = OPTION_RATES,
     .unit = "Hz",
     .argument = "HZ",
     .help = "sampling rate"},
    {.group = "Plain AES67 streams",
     .name = "channels",
     .kind = OPTION_INTEGER,
     MEMBER(channels),
     .min = 1,
     .max = RTP_CHANNELS_MAX,
     .argument = "N",
     .help = "number of channels"},
    {.group = "Plain AES67 streams",
     .name = "ptime",
     .kind = OPTION_REAL,
     MEMBER(ptime_ms),
     .allowed = "0.125 0.25 0.333 1 2 2.5 4 5 10 20",
     .unit = "ms",
     .argument = "MS",
     .help = "packet time that the sender is meant to have; the verdict says whether it has"},
    {.group = "Plain AES67 streams",
     .name = "latency",
     .kind = OPTION_REAL,
     MEMBER(latency_ms),
     .min = 0.5,
     .max = 1000,
     .unit = "ms",
     .argument = "MS",
     .help = "from the instant in the RTP timestamp to the instant at the speaker, 10 unless given. A stream "
             "that says so itself is then replayed as if it had been sent with this one"},

    {.group = "Clock",
     .name = "clock",
     .kind = OPTION_CHOICE,
     MEMBER(clock),
     .standard = "stream",
     .allowed = "stream capture",
     .argument = "CLOCK",
     .help =
         "what PTP time is taken from: stream, the fastest packets, which are assumed to have been sent in "
         "time; or capture, the capturing machine's clock, which then must be PTP's"},
    {.group = "Clock",
     .name = "utc-offset",
     .kind = OPTION_INTEGER,
     MEMBER(utc_offset_s),
     .standard = "0",
     .min = 0,
     .max = 100,
     .unit = "s",
     .argument = "S",
     .help = "with --clock capture: PTP time less the capture's; 37 when that is UTC, 0 when it is TAI"},

    {.group = "Receiver",
     .name = "play",
     .kind = OPTION_FLAG,
     MEMBER(play),
     .standard = "yes",
     .help = "feed the stream to a receiver in virtual time; --play=no only analyses, and is three to ten "
             "times as fast"},
    {.group = "Receiver",
     .name = "delay",
     .kind = OPTION_REAL,
     MEMBER(delay_ms),
     .standard = "0",
     .min = 0,
     .max = 1000,
     .unit = "ms",
     .argument = "MS",
     .help = "play so much later than the stream says, as of unisono-recv"},
    {.group = "Receiver",
     .name = "resampler",
     .kind = OPTION_CHOICE,
     MEMBER(resampler),
     .standard = "fastest",
     .allowed = OPTION_RESAMPLERS,
     .argument = "QUALITY",
     .help = "as of unisono-recv"},
    {.group = "Receiver",
     .name = "wav",
     .kind = OPTION_TEXT,
     MEMBER(wav),
     .argument = "FILE",
     .help = "write what the receiver plays, with all channels of the stream"},

    {.group = "Output",
     .name = "json",
     .kind = OPTION_FLAG,
     MEMBER(json),
     .help = "print one JSON object instead of text"},
    {.group = "Output",
     .name = "csv",
     .kind = OPTION_TEXT,
     MEMBER(csv),
     .argument = "FILE",
     .help = "write one line for each packet of the stream"},
};

/* A description in part, or with an SDP that says the same, would leave open what holds. */
static int check_description(const struct replay_options *o, char *why, size_t why_len)
{
    int given = (o->codec >= 0) + (o->rate_hz != 0) + (o->channels != 0);

    if (given && o->sdp[0]) {
        snprintf(why, why_len, "--sdp %s: allowed without --codec, --rate and --channels only", o->sdp);
        return -EINVAL;
    }
    if (given && given < 3) {
        snprintf(why, why_len, "%s: missing; --codec, --rate and --channels go together",
                 o->codec < 0      ? "--codec"
                 : o->rate_hz == 0 ? "--rate"
                                   : "--channels");
        return -EINVAL;
    }
    return 0;
}

static int check(const void *values, char *why, size_t why_len)
{
    const struct replay_options *o = values;

    if (o->file[0] == '\0') {
        snprintf(why, why_len, "FILE: missing; allowed is a pcap or pcapng file, or - for standard input");
        return -EINVAL;
    }
    if (o->utc_offset_s && o->clock != REPLAY_CLOCK_CAPTURE) {
        snprintf(why, why_len, "--utc-offset %u: allowed with --clock capture only",
                 (unsigned)o->utc_offset_s);
        return -EINVAL;
    }
    if (o->wav[0] && !o->play) {
        snprintf(why, why_len, "--wav %s: nothing is played; allowed without --play=no", o->wav);
        return -EINVAL;
    }
    if (o->list && (o->json || o->csv[0] || o->wav[0])) {
        snprintf(why, why_len,
                 "--list: prints a table and nothing else; allowed without --json, --csv and --wav");
        return -EINVAL;
    }
    return check_description(o, why, why_len);
}

const struct options_program replay_options_program = {
    .name = "unisono-replay",
    .usage = "FILE [--OPTION VALUE]...",
    .summary =
        "Reads a capture of an RTP stream of sound, Unisono or any AES67, feeds it to a receiver in virtual "
        "time, and tells what the network and the sender did to it: losses, jitter, lead, timestamps, and a "
        "verdict. Ends with status 0 when the verdict is PASS or WARN, 1 when it is FAIL or the file holds "
        "nothing of use, 2 when the command line is wrong.",
    .examples = "  tcpdump -i eth0 -w stage.pcap udp\n"
                "  unisono-replay stage.pcap --list\n"
                "  unisono-replay stage.pcap --group 239.69.83.1:5004 --wav heard.wav\n"
                "  zcat stage.pcap.gz | unisono-replay - --json\n"
                "\nMore in unisono-replay(1).\n",
    .specs = specs,
    .count = sizeof specs / sizeof *specs,
    .operand = "file",
    .check = check,
};
