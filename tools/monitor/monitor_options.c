// SPDX-License-Identifier: GPL-3.0-or-later
#include "monitor_options.h"

#include <errno.h>
#include <string.h>

#include "model.h"
#include "proto/host/log.h"

#define MEMBER(member) OPTION_MEMBER(struct monitor_options, member)

/* Each of a list, and no more than there is room for. */
static int check_groups(const char *text, char *why, size_t why_len)
{
    char one[64], reason[256];
    unsigned count = 0;

    for (;;) {
        size_t len = strcspn(text, ",");
        struct sockaddr_in group;
        int error;

        snprintf(one, sizeof one, "%.*s", (int)len, text);
        error = option_parse_group(one, &group, reason, sizeof reason);
        if (error) {
            snprintf(why, why_len, "%s: %s", one, reason);
            return error;
        }
        if (++count > VIEW_STREAMS_MAX) {
            snprintf(why, why_len, "too many; allowed are %d groups", VIEW_STREAMS_MAX);
            return -EINVAL;
        }
        if (!text[len])
            return 0;
        text += len + 1;
    }
}

static int check_names(const char *text, char *why, size_t why_len)
{
    unsigned count = 0;

    for (;;) {
        size_t len = strcspn(text, ",");

        if (len == 0 || len >= VIEW_NAME_SIZE) {
            snprintf(why, why_len, "a name of %zu bytes; allowed are 1 to %d, with commas between names", len,
                     VIEW_NAME_SIZE - 1);
            return -EINVAL;
        }
        if (++count > MODEL_EXPECT_MAX) {
            snprintf(why, why_len, "too many; allowed are %d names", MODEL_EXPECT_MAX);
            return -EINVAL;
        }
        if (!text[len])
            return 0;
        text += len + 1;
    }
}

static const struct option_spec specs[] = {
    {.group = "What is listened to",
     .name = "interface",
     .kind = OPTION_TEXT,
     MEMBER(interface),
     .argument = "IF",
     .help = "network interface, its name or IPv4 address; without it the one the routing table picks"},
    {.group = "What is listened to",
     .name = "stream",
     .kind = OPTION_TEXT,
     MEMBER(stream),
     .argument = "NAME",
     .help = "only announced streams of this name; without it, and without --group, all that are announced"},
    {.group = "What is listened to",
     .name = "group",
     .kind = OPTION_TEXT,
     MEMBER(group),
     .argument = "ADDR[:PORT],...",
     .help = "groups to listen to, announced or not",
     .check = check_groups},
    {.group = "What is listened to",
     .name = "no-audio",
     .kind = OPTION_FLAG,
     MEMBER(no_audio),
     .help = "leave the sound alone and listen to RTCP only: for thin links, or very many streams"},
    {.group = "What is listened to",
     .name = "play",
     .kind = OPTION_TEXT,
     MEMBER(play),
     .argument = "FILE",
     .help = "show a recording instead of the network; - is the standard input"},

    {.group = "Clock",
     .name = "clock",
     .kind = OPTION_TEXT,
     MEMBER(clock),
     .standard = "auto",
     .argument = "CLOCK",
     .help = "as for unisono-send and unisono-recv: auto, system, ptp4l, ptp4l:SOCKET, phc:DEVICE or "
             "phc:INTERFACE; "
             "by it the times of packets are judged",
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

    {.group = "Alarms",
     .name = "expect",
     .kind = OPTION_TEXT,
     MEMBER(expect),
     .argument = "NAME,...",
     .help = "receivers that must be there, by name, host or CARD@HOST",
     .check = check_names},
    {.group = "Alarms",
     .name = "limit-alignment",
     .kind = OPTION_REAL,
     MEMBER(limit_alignment_us),
     .standard = "10",
     .min = 0,
     .max = 1000000,
     .unit = "us",
     .argument = "US",
     .help = "how far receivers may play apart; 10 us are half a sample, or 3 mm of air"},
    {.group = "Alarms",
     .name = "limit-headroom",
     .kind = OPTION_REAL,
     MEMBER(limit_headroom_ms),
     .standard = "1",
     .min = -1000,
     .max = 1000,
     .unit = "ms",
     .argument = "MS",
     .help = "how long before they are needed packets must come, at least"},
    {.group = "Alarms",
     .name = "limit-loss",
     .kind = OPTION_REAL,
     MEMBER(limit_loss_percent),
     .standard = "0",
     .min = 0,
     .max = 100,
     .unit = "%",
     .argument = "PERCENT",
     .help = "packets that may be lost or late between two reports"},

    {.group = "How it is shown",
     .name = "json",
     .kind = OPTION_FLAG,
     MEMBER(json),
     .help = "print one JSON object a second instead of the screen"},
    {.group = "How it is shown",
     .name = "check",
     .kind = OPTION_INTEGER,
     MEMBER(check_s),
     .min = 1,
     .max = 86400,
     .unit = "s",
     .argument = "SECONDS",
     .help = "listen so long, print PASS or FAIL with the reasons, and end with status 0 or 1; 10 are enough "
             "for some "
             "forty receivers"},
    {.group = "How it is shown",
     .name = "prometheus",
     .kind = OPTION_TEXT,
     MEMBER(prometheus),
     .argument = "ADDR:PORT",
     .help = "serve metrics by HTTP; :PORT is on 127.0.0.1"},
    {.group = "How it is shown",
     .name = "record",
     .kind = OPTION_TEXT,
     MEMBER(record),
     .argument = "FILE",
     .help =
         "write all RTCP and SAP, and what is found of the sound, to a pcap file for --play, Wireshark and "
         "unisono-replay"},
    {.group = "How it is shown",
     .name = "log",
     .kind = OPTION_CHOICE,
     MEMBER(log),
     .standard = "info",
     .allowed = LOG_LEVELS,
     .argument = "LEVEL",
     .help = "least urgent messages to print"},
};

static int check(const void *values, char *why, size_t why_len)
{
    const struct monitor_options *o = values;
    const char *other = *o->group     ? "--group"
                        : *o->stream  ? "--stream"
                        : *o->record  ? "--record"
                        : o->no_audio ? "--no-audio"
                                      : NULL;

    if (o->json && o->check_s)
        snprintf(why, why_len, "--json: not with --check %u; allowed is one of the two", o->check_s);
    else if (*o->play && other)
        snprintf(why, why_len, "%s: not with --play %s, which shows all that was recorded", other, o->play);
    else
        return 0;
    return -EINVAL;
}

const struct options_program monitor_options_program = {
    .name = "unisono-monitor",
    .usage = "[--OPTION VALUE]...",
    .summary =
        "Shows who plays in unison: all streams, what their receivers say of themselves, and what this "
        "machine "
        "hears itself. Listens only: it never sends a packet. Without --json, --check, --prometheus and "
        "--record it takes the terminal.",
    .examples = "  unisono-monitor --interface eth0\n"
                "  unisono-monitor --stream \"Stage left\" --expect tower-left,tower-right\n"
                "  unisono-monitor --check 10 --limit-alignment 5 && echo in unison\n"
                "  unisono-monitor --json | jq -c '.streams[] | [.name, .apart_us]'\n"
                "\nMore in unisono-monitor(1).\n",
    .specs = specs,
    .count = sizeof specs / sizeof *specs,
    .check = check,
};
