// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * garbage: a hostile neighbour. It sends to a group what no sender of ours would, as fast as it is told, so
 * that a test can see each kind counted by the receiver, and none heard.
 *
 *      the group --> one genuine packet --> forge() --> the group
 *
 * The worst garbage is nearly right. So most kinds begin as the stream's own next packet: one is listened for
 * at the start, and carried on from there by the clock; each kind then breaks one thing about it. What could
 * be taken for sound is noise of full scale, which nobody mistakes for the tone of a test.
 *
 * What a receiver must make of each kind (PROTOCOL.md section 7):
 *
 *   truncated  the genuine packet, cut                                         malformed
 *   random     random bytes of random length                                   malformed, foreign or absurd
 *   version    RTP versions 0, 1 and 3                                         foreign
 *   extension  lengths in header and extension that contradict the datagram    malformed
 *   payload    not a whole number of frames; INIT and TERMINATE with payload   malformed
 *   oversize   longer than any Ethernet frame                                  truncated
 *   codec      another codec, rate or channel count, in the stream's SSRC      foreign
 *   stranger   sound, INIT, TERMINATE: well formed, of other SSRCs             foreign
 *   control    RTCP, types of later versions, no extension                     foreign
 *   absurd     presentation times nobody can mean                              absurd
 *   old        the stream's own sound of seconds ago, again                    late
 *   future     the stream's own sound of seconds ahead                         absurd
 *
 * `occupy` sends nothing: it takes the port, without sharing it, until it is told to stop.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proto/host/net.h"
#include "proto/options.h"
#include "proto/rtp.h"
#include "proto/timebase.h"

enum {
    ROOM = 4096,         /* for a forged datagram */
    PAYLOAD = 480,       /* about so much where any size will do; more than one frame of 64 channels */
    OVERSIZE_MIN = 2049, /* more than a receiver makes room for */
    OVERSIZE_MAX = 2900, /* two fragments */
    RATE_AT = RTP_FIXED_BYTES + 5 + 9,
    RATE_192000 = 6 /* PROTOCOL.md keeps it for later */
};

#define TICK_NS      NS_PER_MS
#define CATCH_UP     4 /* ticks' worth that may be sent at once after a delay */
#define PATIENCE_NS  (5 * NS_PER_S)
#define SHIFT_MIN_NS (2 * NS_PER_S)
#define SHIFT_MAX_NS (9 * NS_PER_S)

struct garbage_options {
    char group[64];
    char interface[64];
    int kind;
    uint32_t count;
    uint32_t rate_hz;
    uint32_t seed;
};

/* A stream as it was at one instant: enough to say what it sends at any other. */
struct sample {
    struct rtp_packet packet; /* payload unused */
    uint32_t frames;
    uint32_t frame_bytes;
    media_t at;
    int64_t link_ns;
    int64_t seen_ns; /* CLOCK_MONOTONIC */
};

struct garbage {
    struct garbage_options options;
    struct sockaddr_in group;
    struct net_interface interface;
    struct sample sample;
    uint64_t random;
    int fd;
    uint8_t bytes[ROOM];
};

/* ---- chance and time ------------------------------------------------------------------------------- */

/* xorshift64* (Vigna 2016). */
static uint64_t draw(struct garbage *g)
{
    g->random ^= g->random >> 12;
    g->random ^= g->random << 25;
    g->random ^= g->random >> 27;
    return g->random * UINT64_C(0x2545f4914f6cdd1d);
}

/* low to high, both included. */
static int64_t between(struct garbage *g, int64_t low, int64_t high)
{
    return low + (int64_t)((draw(g) >> 1) % ((uint64_t)(high - low) + 1));
}

static void fill(struct garbage *g, uint8_t *to, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(draw(g) >> 56);
}

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* ---- the stream's own packets ---------------------------------------------------------------------- */

/* The packet that is `shift_ns` away from the one the stream sends now, as its sender would make it. */
static struct rtp_packet own_packet(const struct garbage *g, int64_t shift_ns)
{
    const struct sample *s = &g->sample;
    struct rtp_packet packet = s->packet;
    int64_t ahead = samples_in_ns(now_ns() - s->seen_ns + shift_ns, packet.ext.rate_hz) / s->frames;
    media_t at = {s->at.n + ahead * s->frames};

    packet.sequence = (uint16_t)(packet.sequence + ahead);
    packet.timestamp = (uint32_t)(uint64_t)at.n;
    packet.ext.presentation.ns = ptp_at_media(at, packet.ext.rate_hz).ns + s->link_ns;
    return packet;
}

/* Header and `payload_len` bytes of noise; returns the length. */
static size_t build(struct garbage *g, const struct rtp_packet *packet, size_t payload_len)
{
    size_t header = rtp_header_bytes(packet->has_ext);

    rtp_build(g->bytes, packet, RTP_EXT_ID_DEFAULT);
    fill(g, g->bytes + header, payload_len);
    return header + payload_len;
}

static size_t own_payload(const struct garbage *g)
{
    return (size_t)g->sample.frames * g->sample.frame_bytes;
}

/* ---- the kinds: each writes one datagram into g->bytes and returns its length ---------------------- */

static size_t forge_truncated(struct garbage *g)
{
    struct rtp_packet packet = own_packet(g, 0);
    size_t len = (size_t)between(g, 0, (int64_t)build(g, &packet, own_payload(g)) - 1);
    size_t header = rtp_header_bytes(true);

    /* cut between frames it would be a packet */
    return len > header && (len - header) % g->sample.frame_bytes == 0 ? len - 1 : len;
}

static size_t forge_random(struct garbage *g)
{
    size_t len = (size_t)between(g, 0, 1472);

    fill(g, g->bytes, len);
    return len;
}

static size_t forge_version(struct garbage *g)
{
    static const uint8_t versions[] = {0, 1, 3};
    struct rtp_packet packet = own_packet(g, 0);
    size_t len = build(g, &packet, own_payload(g));

    g->bytes[0] = (uint8_t)((g->bytes[0] & 0x3f) | versions[between(g, 0, 2)] << 6);
    return len;
}

static size_t forge_extension(struct garbage *g)
{
    struct rtp_packet packet = own_packet(g, 0);
    size_t len = build(g, &packet, own_payload(g));
    int64_t words = between(g, (int64_t)(len - RTP_FIXED_BYTES) / 4, UINT16_MAX);

    switch (between(g, 0, 4)) {
    case 0: /* the extension runs past the end */
        g->bytes[14] = (uint8_t)(words >> 8);
        g->bytes[15] = (uint8_t)words;
        break;
    case 1: /* an element, ours or not, runs past the end of the extension */
        g->bytes[16] = (uint8_t)(between(g, 1, 14) << 4 | between(g, 11, 15));
        break;
    case 2: /* ours is too short */
        g->bytes[16] = (uint8_t)(RTP_EXT_ID_DEFAULT << 4 | between(g, 0, 7));
        break;
    case 3: /* more padding than there is, or none */
        g->bytes[0] |= 0x20;
        g->bytes[len - 1] = 0;
        if (own_payload(g) < UINT8_MAX && between(g, 0, 1))
            g->bytes[len - 1] = (uint8_t)between(g, (int64_t)own_payload(g) + 1, UINT8_MAX);
        break;
    default: /* contributing sources run past the end */
        g->bytes[0] |= 0x0f;
        len = (size_t)between(g, RTP_FIXED_BYTES, RTP_FIXED_BYTES + 15 * 4 - 1);
        break;
    }
    return len;
}

static size_t forge_payload(struct garbage *g)
{
    struct rtp_packet packet = own_packet(g, 0);
    int64_t len = between(g, 0, RTP_PAYLOAD_MAX);

    if (between(g, 0, 9) == 0) {
        packet.ext.type = (uint8_t)between(g, RTP_TYPE_INIT, RTP_TYPE_TERMINATE);
        len = between(g, 1, RTP_PAYLOAD_MAX);
    } else if (len % g->sample.frame_bytes == 0) {
        len = len ? len - 1 : 0;
    }
    return build(g, &packet, (size_t)len);
}

static size_t forge_oversize(struct garbage *g)
{
    struct rtp_packet packet = own_packet(g, 0);

    return build(g, &packet, (size_t)between(g, OVERSIZE_MIN, OVERSIZE_MAX) - rtp_header_bytes(true));
}

/* The stream in another format at this very moment: all of it fits together, but it is not what plays. */
static size_t forge_codec(struct garbage *g)
{
    static const uint32_t rates[] = {44100, 48000, 88200, 96000};
    const struct sample *s = &g->sample;
    struct rtp_packet packet = own_packet(g, 0);
    ptp_ns sampled = {packet.ext.presentation.ns - s->link_ns};
    int64_t which = between(g, 0, 4);
    size_t frame_bytes, len;
    media_t at;

    switch (which) {
    case 0:
        packet.ext.codec = packet.ext.codec == RTP_CODEC_L16 ? RTP_CODEC_L24 : RTP_CODEC_L16;
        break;
    case 1:
        packet.ext.codec = (uint8_t)between(g, RTP_CODEC_OPUS + 1, 15);
        break;
    case 2:
        do
            packet.ext.rate_hz = rates[between(g, 0, 3)];
        while (packet.ext.rate_hz == s->packet.ext.rate_hz);
        break;
    case 3:
        packet.ext.channels = (uint8_t)(s->packet.ext.channels % RTP_CHANNELS_MAX + 1);
        break;
    default: /* below: a rate that is not known */
        break;
    }
    at = media_at_ptp(sampled, packet.ext.rate_hz);
    packet.timestamp = (uint32_t)(uint64_t)at.n;
    packet.ext.presentation.ns = ptp_at_media(at, packet.ext.rate_hz).ns + s->link_ns;
    frame_bytes = packet.ext.channels * rtp_codec_sample_bytes(packet.ext.codec);
    len = build(g, &packet, frame_bytes ? PAYLOAD / frame_bytes * frame_bytes : PAYLOAD);
    if (which > 3)
        g->bytes[RATE_AT] = (uint8_t)((g->bytes[RATE_AT] & 0xf0) | RATE_192000);
    return len;
}

static size_t forge_stranger(struct garbage *g)
{
    struct rtp_packet packet = own_packet(g, 0);

    do
        packet.ssrc = (uint32_t)draw(g);
    while (packet.ssrc == g->sample.packet.ssrc);
    packet.ext.type =
        (uint8_t)(between(g, 0, 3) ? RTP_TYPE_AUDIO : between(g, RTP_TYPE_INIT, RTP_TYPE_TERMINATE));
    if (packet.ext.type == RTP_TYPE_AUDIO && between(g, 0, 1))
        packet.ext.codec = packet.ext.codec == RTP_CODEC_L16 ? RTP_CODEC_L24 : RTP_CODEC_L16;
    return build(g, &packet,
                 packet.ext.type == RTP_TYPE_AUDIO
                     ? g->sample.frames * packet.ext.channels * rtp_codec_sample_bytes(packet.ext.codec)
                     : 0);
}

static size_t forge_control(struct garbage *g)
{
    struct rtp_packet packet = own_packet(g, 0);
    int64_t which = between(g, 0, 2);
    size_t len;

    packet.has_ext = which != 0; /* 0: plain AES67 */
    if (which == 1)
        packet.ext.type = (uint8_t)between(g, RTP_TYPE_TERMINATE + 1, 63);
    len = build(g, &packet, own_payload(g));
    if (which == 2) /* RTCP on the RTP port (RFC 5761) */
        g->bytes[1] = (uint8_t)between(g, 192, 223);
    return len;
}

static size_t forge_absurd(struct garbage *g)
{
    struct rtp_packet packet = own_packet(g, 0);
    int64_t away_ns = between(g, 12 * NS_PER_S, 40000 * NS_PER_S);

    switch (between(g, 0, 3)) {
    case 0: /* at random within 292 years */
        packet.ext.presentation.ns = (int64_t)(draw(g) >> 1);
        break;
    case 1: /* to be heard before it was sampled */
        packet.ext.presentation.ns -= g->sample.link_ns + between(g, 1, 40000 * NS_PER_S);
        break;
    case 2: /* consistent, but of another day */
        packet = own_packet(g, between(g, 0, 1) ? away_ns : -away_ns);
        break;
    default: /* after a latency of hours */
        packet.ext.presentation.ns += away_ns;
        break;
    }
    if (between(g, 0, 1))
        packet.ssrc = (uint32_t)draw(g);
    return build(g, &packet, own_payload(g));
}

static size_t forge_old(struct garbage *g)
{
    struct rtp_packet packet = own_packet(g, -between(g, SHIFT_MIN_NS, SHIFT_MAX_NS));

    return build(g, &packet, own_payload(g));
}

static size_t forge_future(struct garbage *g)
{
    struct rtp_packet packet = own_packet(g, between(g, SHIFT_MIN_NS, SHIFT_MAX_NS));

    return build(g, &packet, own_payload(g));
}

/* In the order of KINDS. */
static size_t (*const forges[])(struct garbage *g) = {
    forge_truncated, forge_random,   forge_version, forge_extension, forge_payload, forge_oversize,
    forge_codec,     forge_stranger, forge_control, forge_absurd,    forge_old,     forge_future,
};
#define KINDS                                                                                                \
    "truncated random version extension payload oversize codec stranger control absurd old future occupy"
enum { KIND_OCCUPY = sizeof forges / sizeof *forges };

/* ---- listening ------------------------------------------------------------------------------------- */

static bool learn(struct garbage *g, const uint8_t *bytes, size_t len)
{
    struct sample *s = &g->sample;
    ptp_ns sampled;

    if (rtp_parse(bytes, len, RTP_EXT_ID_DEFAULT, &s->packet) || !s->packet.frames || !s->packet.ext.rate_hz)
        return false;
    s->seen_ns = now_ns();
    s->frames = s->packet.frames;
    s->frame_bytes = s->packet.ext.channels * rtp_codec_sample_bytes(s->packet.ext.codec);
    s->at =
        media_unwrap(s->packet.timestamp, media_at_ptp(s->packet.ext.presentation, s->packet.ext.rate_hz));
    sampled = ptp_at_media(s->at, s->packet.ext.rate_hz);
    s->link_ns = s->packet.ext.presentation.ns - sampled.ns;
    return true;
}

/* Waits for one packet of sound. 0, or -errno having said why. */
static int listen_for_stream(struct garbage *g)
{
    char err[256];
    int buffer = 1 << 16, error = -ETIMEDOUT;
    int fd = net_open_receive(&g->group, &g->interface, &buffer, err, sizeof err);
    int64_t until = now_ns() + PATIENCE_NS;

    if (fd < 0) {
        fprintf(stderr, "garbage: %s\n", err);
        return fd;
    }
    while (error && now_ns() < until) {
        ssize_t len;

        poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 100);
        len = recv(fd, g->bytes, sizeof g->bytes, 0);
        if (len > 0 && learn(g, g->bytes, (size_t)len))
            error = 0;
    }
    close(fd);
    if (error)
        fprintf(stderr, "garbage: no stream on %s: start a sender first\n", g->options.group);
    return error;
}

/* ---- sending --------------------------------------------------------------------------------------- */

static int open_socket(struct garbage *g)
{
    const struct net_transmit_config config = {
        .group = g->group, .interface = g->interface, .ttl = 1, .dscp = 0, .priority = 0};
    const int off = 0;
    char err[256];

    g->fd = net_open_transmit(&config, err, sizeof err);
    if (g->fd < 0)
        fprintf(stderr, "garbage: %s\n", err);
    else
        setsockopt(g->fd, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof off);
    return g->fd < 0 ? g->fd : 0;
}

/* One datagram, waiting while the queue is full. */
static int send_one(struct garbage *g)
{
    size_t len = forges[g->options.kind](g);

    while (send(g->fd, g->bytes, len, 0) < 0) {
        if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR) {
            int error = errno;

            fprintf(stderr, "garbage: cannot send %zu bytes to %s: %s\n", len, g->options.group,
                    strerror(error));
            return -error;
        }
        poll(&(struct pollfd){.fd = g->fd, .events = POLLOUT}, 1, 1);
    }
    return 0;
}

/* Paced by ticks; what a held-up process missed is not sent in one burst, which would only fill buffers. */
static int send_all(struct garbage *g)
{
    int64_t due = now_ns();
    double credit = 0, each_tick = (double)g->options.rate_hz * TICK_NS / NS_PER_S;
    uint32_t sent = 0;
    int error = 0;

    while (!error && sent < g->options.count) {
        struct timespec t = {due / NS_PER_S, due % NS_PER_S};

        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        credit += each_tick * (double)(1 + (now_ns() - due) / TICK_NS);
        due += TICK_NS * (1 + (now_ns() - due) / TICK_NS);
        if (credit > CATCH_UP * each_tick + 1)
            credit = CATCH_UP * each_tick + 1;
        for (; !error && credit >= 1 && sent < g->options.count; credit--, sent++)
            error = send_one(g);
    }
    printf("sent %u\n", sent);
    return error;
}

/* Holds the port as a program does that does not share it. */
static int occupy(const struct garbage *g)
{
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = g->group.sin_port};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), received = 0;
    sigset_t stop;

    if (fd < 0 || bind(fd, (const void *)&any, sizeof any) < 0) {
        int error = errno;

        fprintf(stderr, "garbage: port %u cannot be taken: %s\n", ntohs(any.sin_port), strerror(error));
        if (fd >= 0)
            close(fd);
        return -error;
    }
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    printf("occupied\n");
    fflush(stdout);
    sigwait(&stop, &received);
    close(fd);
    return 0;
}

/* ---- entry ----------------------------------------------------------------------------------------- */

#define MEMBER(member) OPTION_MEMBER(struct garbage_options, member)

static const struct option_spec specs[] = {
    {.group = "Garbage",
     .name = "kind",
     .kind = OPTION_CHOICE,
     MEMBER(kind),
     .allowed = KINDS,
     .argument = "KIND",
     .help = "what is wrong with it"},
    {.group = "Garbage",
     .name = "count",
     .kind = OPTION_INTEGER,
     MEMBER(count),
     .standard = "100000",
     .min = 1,
     .max = 1e9,
     .argument = "N",
     .help = "how many datagrams"},
    {.group = "Garbage",
     .name = "rate",
     .kind = OPTION_INTEGER,
     MEMBER(rate_hz),
     .standard = "20000",
     .min = 1,
     .max = 1e6,
     .argument = "N",
     .help = "how many a second"},
    {.group = "Garbage",
     .name = "seed",
     .kind = OPTION_INTEGER,
     MEMBER(seed),
     .standard = "1",
     .min = 1,
     .max = UINT32_MAX,
     .argument = "N",
     .help = "the same seed makes the same choices again"},
    {.group = "Network",
     .name = "group",
     .kind = OPTION_TEXT,
     MEMBER(group),
     .standard = "239.69.83.1:5004",
     .argument = "ADDR[:PORT]",
     .help = "whom to disturb",
     .check = option_check_group},
    {.group = "Network",
     .name = "interface",
     .kind = OPTION_TEXT,
     MEMBER(interface),
     .argument = "IF",
     .help = "network interface, its name or IPv4 address"},
};

static int check(const void *values, char *why, size_t why_len)
{
    const struct garbage_options *o = values;

    if (o->kind >= 0)
        return 0;
    snprintf(why, why_len, "--kind: missing; allowed are " KINDS);
    return -EINVAL;
}

static const struct options_program program = {
    .name = "garbage",
    .usage = "--kind KIND --group ADDR:PORT --interface IF [--OPTION VALUE]...",
    .summary = "Disturbs a stream: a test instrument, for networks of its own only.",
    .specs = specs,
    .count = sizeof specs / sizeof *specs,
    .check = check,
};

int main(int argc, char **argv)
{
    struct garbage g = {.fd = -1};
    char err[256] = "";
    int status, error;

    if (!options_parse(&program, &g.options, argc, argv, stdout, stderr, &status))
        return status;
    g.random = g.options.seed * UINT64_C(0x9e3779b97f4a7c15);
    error = option_parse_group(g.options.group, &g.group, err, sizeof err);
    if (!error)
        error = net_find_interface(g.options.interface, &g.group, &g.interface, err, sizeof err);
    if (error) {
        fprintf(stderr, "garbage: %s\n", err);
        return EXIT_FAILURE;
    }
    if (g.options.kind == KIND_OCCUPY)
        return occupy(&g) ? EXIT_FAILURE : EXIT_SUCCESS;
    error = listen_for_stream(&g);
    if (!error)
        error = open_socket(&g);
    if (!error)
        error = send_all(&g);
    if (g.fd >= 0)
        close(g.fd);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
