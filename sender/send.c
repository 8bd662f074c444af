// SPDX-License-Identifier: GPL-3.0-or-later
#include "send.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ortp/ortp.h>

#include "proto/host/endpoint.h"
#include "proto/host/net.h"
#include "proto/rtcp.h"

/* ---- oRTP's memory --------------------------------------------------------------------------------- */

/*
 * oRTP allocates two small blocks for each packet and frees them once it is sent. They come from a fixed set
 * of blocks: a lock-free stack of their indices, with a tag in the upper half of its head against a head that
 * comes back unchanged (ABA). What is too large, or too much, goes to malloc and is counted.
 *
 * The library takes plain functions without a context, so this is the one piece of state a process has once.
 */
#define POOL_BLOCKS      256
#define POOL_BLOCK_BYTES 512

static struct {
    alignas(max_align_t) unsigned char block[POOL_BLOCKS][POOL_BLOCK_BYTES];
    _Atomic uint32_t next[POOL_BLOCKS]; /* index + 1 of the block below; 0: the last */
    _Atomic uint64_t head;              /* tag << 32 | index + 1 of the uppermost free block */
    _Atomic uint64_t misses;
} pool;

static void pool_push(uint32_t index)
{
    uint64_t head = atomic_load(&pool.head);

    do
        atomic_store(&pool.next[index], (uint32_t)head);
    while (!atomic_compare_exchange_weak(&pool.head, &head, ((head >> 32) + 1) << 32 | (index + 1)));
}

static void *pool_pop(void)
{
    uint64_t head = atomic_load(&pool.head);
    uint32_t index;

    do {
        if ((uint32_t)head == 0)
            return NULL;
        index = (uint32_t)head - 1;
    } while (!atomic_compare_exchange_weak(&pool.head, &head,
                                           ((head >> 32) + 1) << 32 | atomic_load(&pool.next[index])));
    return pool.block[index];
}

static bool pool_owns(const void *block)
{
    return (uintptr_t)block - (uintptr_t)pool.block < sizeof pool.block;
}

static void *pool_malloc(size_t size)
{
    void *block = size <= POOL_BLOCK_BYTES ? pool_pop() : NULL;

    if (block)
        return block;
    atomic_fetch_add(&pool.misses, 1);
    return malloc(size);
}

static void pool_free(void *block)
{
    if (pool_owns(block))
        pool_push((uint32_t)(((uintptr_t)block - (uintptr_t)pool.block) / POOL_BLOCK_BYTES));
    else
        free(block);
}

static void *pool_realloc(void *block, size_t size)
{
    void *larger;

    if (!block)
        return pool_malloc(size);
    if (!pool_owns(block))
        return realloc(block, size);
    if (size <= POOL_BLOCK_BYTES)
        return block;
    larger = malloc(size);
    if (larger) {
        memcpy(larger, block, POOL_BLOCK_BYTES);
        pool_free(block);
    }
    return larger;
}

/* oRTP 5.3 gave its own allocator up for that of bctoolbox, and made these names macros. */
#ifdef ortp_malloc
#include <bctoolbox/port.h>
#define set_memory_functions bctbx_set_memory_functions
typedef BctoolboxMemoryFunctions memory_functions;
#else
#define set_memory_functions ortp_set_memory_functions
typedef OrtpMemoryFunctions memory_functions;
#endif

/* Before oRTP allocates anything, which it would not forgive. */
static void pool_install(void)
{
    memory_functions functions = {pool_malloc, pool_realloc, pool_free};

    for (uint32_t i = 0; i < POOL_BLOCKS; i++)
        pool_push(i);
    set_memory_functions(&functions);
}

struct sender {
    struct send_config config;
    char interface[INET_ADDRSTRLEN > IF_NAMESIZE ? INET_ADDRSTRLEN : IF_NAMESIZE];
    char cname[RTCP_CNAME_MAX + 1];
    RtpSession *media;   /* real-time thread */
    RtpSession *control; /* control thread */
    struct endpoint rtp, rtcp;
    uint8_t compound[RTCP_COMPOUND_MAX]; /* RTCP being sent */
    _Atomic uint64_t packets, octets, reports;
    _Atomic uint64_t would_block, no_buffers, unreachable, other;
    _Atomic int last_errno;
};

static void count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

static void count_failure(struct sender *s, int error)
{
    atomic_store_explicit(&s->last_errno, error, memory_order_relaxed);
    switch (error) {
    case EAGAIN:
        count(&s->would_block, 1);
        break;
    case ENOBUFS:
        count(&s->no_buffers, 1);
        break;
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENODEV:
    case ENXIO:
    case EADDRNOTAVAIL:
        count(&s->unreachable, 1);
        break;
    default:
        count(&s->other, 1);
        break;
    }
}

/* ---- opening and closing --------------------------------------------------------------------------- */

/* Opens the socket for group:port, or for the RTCP port above. Returns the descriptor or -errno. */
static int open_socket(const struct sender *s, bool rtcp, char *interface_name, char *err, size_t err_size)
{
    struct net_transmit_config config = {
        .group = s->config.group,
        .ttl = s->config.ttl,
        .dscp = s->config.dscp,
        .priority = s->config.priority,
    };
    int result = net_find_interface(s->interface, &config.group, &config.interface, err, err_size);

    if (result < 0)
        return result;
    if (interface_name)
        memcpy(interface_name, config.interface.name, IF_NAMESIZE);
    if (rtcp)
        config.group.sin_port = htons((uint16_t)(ntohs(config.group.sin_port) + 1));
    return net_open_transmit(&config, err, err_size);
}

int send_open(struct sender **sender, const struct send_config *config, char *interface_name, char *err,
              size_t err_size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct sender *s = calloc(1, sizeof *s);
    int result = -ENOMEM;

    assert(strlen(config->cname) > 0 && strlen(config->cname) < sizeof s->cname);
    pthread_once(&once, pool_install);
    ortp_init();
    ortp_set_log_level_mask(NULL, ORTP_FATAL);
    if (!s)
        goto out;
    s->config = *config;
    snprintf(s->interface, sizeof s->interface, "%s", config->interface ? config->interface : "");
    snprintf(s->cname, sizeof s->cname, "%s", config->cname);
    endpoint_init(&s->rtp);
    endpoint_init(&s->rtcp);

    result = s->rtp.fd = open_socket(s, false, interface_name, err, err_size);
    if (result < 0)
        goto out;
    result = s->rtcp.fd = open_socket(s, true, NULL, err, err_size);
    if (result < 0)
        goto out;
    s->media = endpoint_session(s->config.ssrc, &s->rtp, NULL);
    s->control = endpoint_session(s->config.ssrc, NULL, &s->rtcp);
    result = s->media && s->control ? 0 : -ENOMEM;
    if (s->media)
        rtp_session_enable_rtcp(s->media, FALSE);
out:
    if (result == -ENOMEM)
        snprintf(err, err_size, "not enough memory for a sender");
    if (result < 0) {
        if (s)
            send_close(s);
        else
            ortp_exit();
        return result;
    }
    *sender = s;
    return 0;
}

void send_close(struct sender *s)
{
    if (!s)
        return;
    if (s->media)
        rtp_session_destroy(s->media);
    if (s->control)
        rtp_session_destroy(s->control);
    if (s->rtp.fd >= 0)
        close(s->rtp.fd);
    if (s->rtcp.fd >= 0)
        close(s->rtcp.fd);
    free(s);
    ortp_exit();
}

int send_reopen(struct sender *s, char *err, size_t err_size)
{
    int rtp = open_socket(s, false, NULL, err, err_size);
    int rtcp = rtp < 0 ? rtp : open_socket(s, true, NULL, err, err_size);
    int result = rtcp < 0 ? rtcp : 0;

    /* dup3 puts the new socket under the old number in one step: the other thread never sees a closed one. */
    if (result == 0 && (dup3(rtp, s->rtp.fd, O_CLOEXEC) < 0 || dup3(rtcp, s->rtcp.fd, O_CLOEXEC) < 0)) {
        result = -errno;
        snprintf(err, err_size, "the new socket cannot take the place of the old one: %s", strerror(-result));
    }
    if (rtp >= 0)
        close(rtp);
    if (rtcp >= 0)
        close(rtcp);
    return result;
}

void send_get_rtcp_address(const struct sender *s, struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;

    *address = (struct sockaddr_in){0};
    getsockname(s->rtcp.fd, (void *)address, &len);
}

void send_get_counters(const struct sender *s, struct send_counters *counters)
{
    *counters = (struct send_counters){
        .packets = atomic_load(&s->packets),
        .octets = atomic_load(&s->octets),
        .reports = atomic_load(&s->reports),
        .would_block = atomic_load(&s->would_block),
        .no_buffers = atomic_load(&s->no_buffers),
        .unreachable = atomic_load(&s->unreachable),
        .other = atomic_load(&s->other),
        .last_errno = atomic_load(&s->last_errno),
        .pool_misses = atomic_load(&pool.misses),
    };
}

/* ---- RTP ------------------------------------------------------------------------------------------- */

int send_packet(struct sender *s, const struct rtp_packet *packet, uint8_t *datagram, size_t payload_len)
{
    mblk_t *message = endpoint_wrap(datagram, rtp_header_bytes(packet->has_ext) + payload_len);

    assert(packet->ssrc == s->config.ssrc && payload_len <= RTP_PAYLOAD_MAX && packet->payload_type < 128);
    assert((uintptr_t)datagram % alignof(uint32_t) == 0);
    memset(datagram, 0, RTP_FIXED_BYTES);
    rtp_set_version(message, 2);
    rtp_set_extbit(message, packet->has_ext);
    rtp_set_markbit(message, packet->marker);
    rtp_set_payload_type(message, packet->payload_type & 0x7fu);
    rtp_set_seqnumber(message, packet->sequence);
    rtp_set_ssrc(message, packet->ssrc);
    if (packet->has_ext)
        rtp_build_ext(datagram + RTP_FIXED_BYTES, &packet->ext, s->config.ext_id);

    rtp_session_sendm_with_ts(s->media, message, packet->timestamp);
    if (s->rtp.result < 0) {
        count_failure(s, -s->rtp.result);
        return s->rtp.result;
    }
    count(&s->packets, 1);
    count(&s->octets, payload_len);
    return 0;
}

/* ---- RTCP ------------------------------------------------------------------------------------------ */

static int send_compound(struct sender *s, struct rtcp_report *report, bool standby,
                         const struct clock_map *map)
{
    size_t len;

    report->ssrc = s->config.ssrc;
    report->cname_len = (uint8_t)strlen(s->cname);
    memcpy(report->cname, s->cname, sizeof s->cname);
    snprintf(report->name, sizeof report->name, "%s", s->config.name);
    snprintf(report->tool, sizeof report->tool, "%s", s->config.tool);
    report->has_clock = true;
    report->clock = rtcp_clock_of_map(map);
    report->has_offer = true;
    report->offer = s->config.offer;
    report->offer.waiting = !report->has_sr;
    report->offer.standby = standby;
    len = rtcp_build(s->compound, report);
    if (endpoint_say(s->control, &s->rtcp, s->compound, len) < 0) {
        count_failure(s, -s->rtcp.result);
        return s->rtcp.result;
    }
    count(&s->reports, 1);
    return (int)len;
}

int send_invitation(struct sender *s, const struct clock_map *map)
{
    struct rtcp_report report = {0};

    return send_compound(s, &report, false, map);
}

static int send_sender_report(struct sender *s, const struct clock_map *map, raw_ns now, bool standby,
                              bool bye)
{
    ptp_ns t = clock_map_ptp(map, now);
    struct rtcp_report report = {
        .has_sr = true,
        .ntp = rtcp_ntp_of_ptp(t),
        .rtp = (uint32_t)(uint64_t)media_at_ptp(t, s->config.rate_hz).n,
        .packets = (uint32_t)atomic_load(&s->packets),
        .octets = (uint32_t)atomic_load(&s->octets),
        .bye = bye,
    };

    assert(map->state != MEDIA_CLOCK_NO_PTP);
    return send_compound(s, &report, standby, map);
}

int send_report(struct sender *s, const struct clock_map *map, raw_ns now)
{
    return send_sender_report(s, map, now, false, false);
}

int send_standby(struct sender *s, const struct clock_map *map, raw_ns now)
{
    return send_sender_report(s, map, now, true, false);
}

int send_bye(struct sender *s, const struct clock_map *map, raw_ns now)
{
    return send_sender_report(s, map, now, false, true);
}
