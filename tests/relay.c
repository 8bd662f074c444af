// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * relay: a bad network between two groups. What comes in on one group goes out on the other, but between two
 * packet numbers some of it is lost, comes twice or comes late. How much of each is printed once the bad
 * stretch is over: exactly what a receiver must have counted.
 *
 *      --from --> lose? --> keep for later? --> --to
 *                           a copy (twice) or the only one (reordered): until a few others have passed
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/host/net.h"
#include "proto/options.h"

enum {
    ROOM = 2048,
    KEPT_MAX = 32 /* datagrams kept at a time: more are not taken out of order */
};

struct relay_options {
    char from[64], to[64], interface[64];
    double loss, duplicate, reorder; /* per cent */
    uint32_t hold, after, until, seed;
};

struct kept {
    uint32_t left; /* packets that pass before it; 0: the slot is free */
    size_t len;
    uint8_t bytes[ROOM];
};

struct relay {
    struct relay_options options;
    int in, out;
    uint64_t random;
    uint32_t packets, lost, duplicated, reordered;
    struct kept kept[KEPT_MAX];
    uint8_t bytes[ROOM];
};

/* 0 to 100. xorshift64* (Vigna 2016). */
static double draw_percent(struct relay *r)
{
    r->random ^= r->random >> 12;
    r->random ^= r->random << 25;
    r->random ^= r->random >> 27;
    return (double)(r->random * UINT64_C(0x2545f4914f6cdd1d) >> 11) * 100 / (double)(UINT64_C(1) << 53);
}

static void put(struct relay *r, const uint8_t *bytes, size_t len)
{
    while (send(r->out, bytes, len, 0) < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == EINTR))
        poll(&(struct pollfd){.fd = r->out, .events = POLLOUT}, 1, 1);
}

/* Keeps the packet in hand until `left` have passed. False when there is no room for it. */
static bool keep(struct relay *r, size_t len, uint32_t left)
{
    for (size_t i = 0; i < KEPT_MAX; i++) {
        struct kept *k = &r->kept[i];

        if (k->left)
            continue;
        k->left = left;
        k->len = len;
        memcpy(k->bytes, r->bytes, len);
        return true;
    }
    return false;
}

/* A packet has passed: those whose turn it is follow it. */
static void release(struct relay *r)
{
    for (size_t i = 0; i < KEPT_MAX; i++) {
        struct kept *k = &r->kept[i];

        if (k->left && --k->left == 0)
            put(r, k->bytes, k->len);
    }
}

static void tell(const struct relay *r)
{
    printf("{\"packets\": %u, \"lost\": %u, \"duplicated\": %u, \"reordered\": %u}\n", r->packets, r->lost,
           r->duplicated, r->reordered);
    fflush(stdout);
}

static void pass(struct relay *r, size_t len)
{
    const struct relay_options *o = &r->options;
    double fate = draw_percent(r);
    bool bad = r->packets >= o->after && r->packets < o->until;

    /* nothing is kept any more, so the figures are final */
    if (r->packets++ == o->until + o->hold + 1)
        tell(r);
    if (bad && fate < o->loss) {
        r->lost++;
        return;
    }
    if (bad && fate < o->loss + o->reorder && keep(r, len, o->hold)) {
        r->reordered++;
        return;
    }
    /* of two copies the first passes now, and counts */
    if (bad && fate >= o->loss + o->reorder && fate < o->loss + o->reorder + o->duplicate &&
        keep(r, len, o->hold + 1))
        r->duplicated++;
    put(r, r->bytes, len);
    release(r);
}

/* Both sockets. 0, or -errno having said why. */
static int open_both(struct relay *r)
{
    struct net_transmit_config to = {.ttl = 1};
    struct net_interface interface;
    struct sockaddr_in from;
    int buffer = NET_RECEIVE_BUFFER, error;
    char err[256] = "";

    error = option_parse_group(r->options.from, &from, err, sizeof err);
    if (!error)
        error = option_parse_group(r->options.to, &to.group, err, sizeof err);
    if (!error)
        error = net_find_interface(r->options.interface, &from, &interface, err, sizeof err);
    if (!error) {
        to.interface = interface;
        r->in = net_open_receive(&from, &interface, &buffer, err, sizeof err);
        r->out = r->in < 0 ? r->in : net_open_transmit(&to, err, sizeof err);
        error = r->out < 0 ? r->out : 0;
    }
    if (error)
        fprintf(stderr, "relay: %s\n", err);
    return error;
}

#define MEMBER(member) OPTION_MEMBER(struct relay_options, member)
#define PERCENT        .kind = OPTION_REAL, .standard = "0", .min = 0, .max = 100, .unit = "%", .argument = "PERCENT"
#define NUMBER         .kind = OPTION_INTEGER, .min = 1, .max = 1e9, .argument = "N"

static const struct option_spec specs[] = {
    {.group = "Network",
     .name = "from",
     .kind = OPTION_TEXT,
     MEMBER(from),
     .argument = "ADDR:PORT",
     .help = "group to listen to",
     .check = option_check_group},
    {.group = "Network",
     .name = "to",
     .kind = OPTION_TEXT,
     MEMBER(to),
     .argument = "ADDR:PORT",
     .help = "group to send to",
     .check = option_check_group},
    {.group = "Network",
     .name = "interface",
     .kind = OPTION_TEXT,
     MEMBER(interface),
     .argument = "IF",
     .help = "network interface, its name or IPv4 address"},
    {.group = "Faults", .name = "loss", MEMBER(loss), PERCENT, .help = "packets that never come"},
    {.group = "Faults", .name = "duplicate", MEMBER(duplicate), PERCENT, .help = "packets that come twice"},
    {.group = "Faults", .name = "reorder", MEMBER(reorder), PERCENT, .help = "packets that come late"},
    {.group = "Faults",
     .name = "hold",
     MEMBER(hold),
     NUMBER,
     .standard = "3",
     .help = "how many others pass before a late one, and between the two copies of one"},
    {.group = "Faults",
     .name = "after",
     MEMBER(after),
     NUMBER,
     .standard = "1",
     .help = "packets that pass unharmed at first"},
    {.group = "Faults",
     .name = "until",
     MEMBER(until),
     NUMBER,
     .standard = "1000000000",
     .help = "number of the first packet that passes unharmed again"},
    {.group = "Faults",
     .name = "seed",
     MEMBER(seed),
     NUMBER,
     .standard = "1",
     .help = "the same seed makes the same faults again"},
};

static int check(const void *values, char *why, size_t why_len)
{
    const struct relay_options *o = values;

    if (*o->from && *o->to && o->loss + o->reorder + o->duplicate <= 100)
        return 0;
    snprintf(why, why_len, "--from, --to: both are needed, and faults of 100 %% at most");
    return -EINVAL;
}

static const struct options_program program = {
    .name = "relay",
    .usage = "--from ADDR:PORT --to ADDR:PORT --interface IF [--OPTION VALUE]...",
    .summary = "Passes a stream on as a bad network would: a test instrument.",
    .specs = specs,
    .count = sizeof specs / sizeof *specs,
    .check = check,
};

int main(int argc, char **argv)
{
    struct relay *r = calloc(1, sizeof *r);
    int status = EXIT_FAILURE;

    if (!r)
        return status;
    if (!options_parse(&program, &r->options, argc, argv, stdout, stderr, &status)) {
        free(r);
        return status;
    }
    if (open_both(r)) {
        free(r);
        return EXIT_FAILURE;
    }
    r->random = r->options.seed * UINT64_C(0x9e3779b97f4a7c15);
    for (;;) { /* until it is killed */
        ssize_t len;

        poll(&(struct pollfd){.fd = r->in, .events = POLLIN}, 1, -1);
        len = recv(r->in, r->bytes, sizeof r->bytes, 0);
        if (len > 0)
            pass(r, (size_t)len);
    }
}
