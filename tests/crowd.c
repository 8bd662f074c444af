// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * crowd: a thousand receivers in one process, as far as the group hears them: each sends RTCP with telemetry,
 * as often as RFC 3550 section 6.3 lets members of a group of that size, whose bandwidth is that of two
 * channels of L24. Their SSRCs and names are their own, their address is one. With --hostile their names are
 * what nobody wants to see.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/host/clock.h"
#include "proto/host/net.h"
#include "proto/host/signals.h"
#include "proto/options.h"
#include "proto/rtcp.h"
#include "proto/rtcptimer.h"

#define BYTES_PER_S (48000 * 6 * 0.05 * 0.75) /* receivers' share (RFC 3550 section 6.2) */

enum { MEMBERS_MAX = 4000 };

struct crowd_options {
    char group[64], interface[64];
    uint32_t members;
    bool hostile;
};

struct one {
    raw_ns due;
    struct rtcp_report report;
};

struct crowd {
    struct crowd_options options;
    int out, signals;
    uint64_t random;
    struct one members[MEMBERS_MAX];
    uint64_t sent, bytes;
};

/* 0 to 1. xorshift64* (Vigna 2016). */
static double draw(struct crowd *c)
{
    c->random ^= c->random >> 12;
    c->random ^= c->random << 25;
    c->random ^= c->random >> 27;
    return (double)(c->random * UINT64_C(0x2545f4914f6cdd1d) >> 11) / (double)(UINT64_C(1) << 53);
}

/* Section 6.3.1: Td, drawn, and the compensation for reconsideration. */
static int64_t interval_ns(struct crowd *c, size_t len)
{
    double interval_s = fmax(1, c->options.members * (double)(len + RTCP_TIMER_OVERHEAD) / BYTES_PER_S);

    return (int64_t)(interval_s * (0.5 + draw(c)) / (M_E - 1.5) * 1e9);
}

static void name_hostile(struct rtcp_report *r, uint32_t i)
{
    static const char bidi[] = "\xe2\x80\xae\xcc\x80\xc2\x9b"
                               "31m";
    const char *const names[] = {"\x1b[2J\x1b[31mred\x1b]0;title\x07", "\xff\xfe\xc0\x80", "\"},{\\\"x\":1}",
                                 "line\nfeed\r\t\x7f", bidi};

    if (i % 6 == 5)
        memset(r->name, 'x', RTCP_CNAME_MAX);
    else
        snprintf(r->name, sizeof r->name, "%s", names[i % 6]);
    memcpy(r->tool, r->name, sizeof r->tool);
}

static void begin(struct crowd *c, uint32_t i, raw_ns now)
{
    struct one *m = &c->members[i];
    struct rtcp_report *r = &m->report;

    r->ssrc = 0x10000000 + i;
    r->cname_len = (uint8_t)snprintf(r->cname, sizeof r->cname, "hw:0@crowd-%04u", i);
    snprintf(r->name, sizeof r->name, "crowd-%04u", i);
    snprintf(r->tool, sizeof r->tool, "crowd");
    if (c->options.hostile)
        name_hostile(r, i);
    r->has_block = r->has_clock = r->has_telemetry = true;
    r->block = (struct rtcp_block){.ssrc = 1, .jitter = 2};
    r->clock = (struct rtcp_clock){.known = true, .gm_id = 0x001dc1fffe123456};
    r->telemetry = (struct telemetry){.state = TELEMETRY_PLAYING,
                                      .clock_state = MEDIA_CLOCK_LOCKED,
                                      .device_present = true,
                                      .uncertainty_ns = 50,
                                      .lead_median_us = 9000,
                                      .lead_need_us = 2000,
                                      .starts = 1,
                                      .channels = 2};
    m->due.ns = now.ns + (int64_t)(draw(c) * 1e9);
}

static void speak(struct crowd *c, struct one *m, raw_ns now)
{
    uint8_t compound[RTCP_COMPOUND_MAX];
    struct telemetry *t = &m->report.telemetry;
    size_t len;

    t->error_median_ns = (int32_t)(2000 * draw(c)) - 1000;
    t->error_p99_ns = 2000;
    t->lead_min_us = 8000 + (int32_t)(500 * draw(c));
    t->received += 1000;
    m->report.block.highest += 1000;
    len = rtcp_build(compound, &m->report);
    if (send(c->out, compound, len, 0) == (ssize_t)len) {
        c->sent++;
        c->bytes += len;
    }
    m->due.ns = now.ns + interval_ns(c, len);
}

static int open_group(struct crowd *c)
{
    struct net_transmit_config to = {.ttl = 1};
    char err[256] = "";
    int error = option_parse_group(c->options.group, &to.group, err, sizeof err);

    to.group.sin_port = htons((uint16_t)(ntohs(to.group.sin_port) + 1));
    if (!error)
        error = net_find_interface(c->options.interface, &to.group, &to.interface, err, sizeof err);
    if (!error)
        error = c->out = net_open_transmit(&to, err, sizeof err);
    if (error < 0)
        fprintf(stderr, "crowd: %s\n", err);
    return error < 0 ? error : 0;
}

#define MEMBER(member) OPTION_MEMBER(struct crowd_options, member)

static const struct option_spec specs[] = {
    {.group = "Network",
     .name = "group",
     .kind = OPTION_TEXT,
     MEMBER(group),
     .standard = "239.69.83.1:5004",
     .argument = "ADDR:PORT",
     .help = "group of the sound; RTCP goes to the port above",
     .check = option_check_group},
    {.group = "Network",
     .name = "interface",
     .kind = OPTION_TEXT,
     MEMBER(interface),
     .argument = "IF",
     .help = "network interface, its name or IPv4 address"},
    {.group = "Crowd",
     .name = "members",
     .kind = OPTION_INTEGER,
     MEMBER(members),
     .standard = "1000",
     .min = 1,
     .max = MEMBERS_MAX,
     .argument = "N",
     .help = "how many receivers"},
    {.group = "Crowd",
     .name = "hostile",
     .kind = OPTION_FLAG,
     MEMBER(hostile),
     .help = "names of control characters and worse"},
};

static const struct options_program program = {
    .name = "crowd",
    .usage = "--group ADDR:PORT --interface IF [--OPTION VALUE]...",
    .summary = "Speaks for many receivers: a test instrument.",
    .specs = specs,
    .count = sizeof specs / sizeof *specs,
};

int main(int argc, char **argv)
{
    struct crowd *c = calloc(1, sizeof *c);
    struct pollfd end = {.events = POLLIN};
    raw_ns now = clock_raw_now();
    int status = EXIT_FAILURE;

    if (!c)
        return status;
    if (!options_parse(&program, &c->options, argc, argv, stdout, stderr, &status) || open_group(c)) {
        free(c);
        return status;
    }
    end.fd = signals_take();
    c->random = 0x9e3779b97f4a7c15;
    for (uint32_t i = 0; i < c->options.members; i++)
        begin(c, i, now);
    printf("speaking\n");
    fflush(stdout);
    while (poll(&end, 1, 10) == 0) {
        now = clock_raw_now();
        for (uint32_t i = 0; i < c->options.members; i++)
            if (c->members[i].due.ns <= now.ns)
                speak(c, &c->members[i], now);
    }
    printf("{\"compounds\": %llu, \"bytes\": %llu}\n", (unsigned long long)c->sent,
           (unsigned long long)c->bytes);
    free(c);
    return EXIT_SUCCESS;
}
