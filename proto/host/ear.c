// SPDX-License-Identifier: GPL-3.0-or-later
#include "ear.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "net.h"

/* Reports of many members between two calls; a flood must not make a queue of minutes. */
#define RECEIVE_BUFFER (64 * 1024)
#define SLOT_BYTES     2048 /* an Ethernet frame carries 1472 */

struct ear {
    int fd;
    struct sockaddr_in address; /* the group, with the port of RTCP */
    char interface[INET_ADDRSTRLEN > IF_NAMESIZE ? INET_ADDRSTRLEN : IF_NAMESIZE];
    struct sockaddr_in own;
    struct ear_counters counters;
    struct rtcp_timer timer;
    struct rtcp_member table[RTCP_TIMER_SLOTS];
    uint8_t slot[SLOT_BYTES];
};

/* The descriptor, or -errno with a line that says what is missing. */
static int open_socket(const struct ear *e, char *err, size_t err_size)
{
    struct net_interface interface;
    int bytes = RECEIVE_BUFFER;
    char why[256] = "";
    int fd = net_find_interface(e->interface, &e->address, &interface, why, sizeof why);

    if (fd == 0)
        fd = net_open_receive(&e->address, &interface, &bytes, why, sizeof why);
    if (fd < 0)
        snprintf(err, err_size, "RTCP is not heard: %s", why);
    return fd;
}

int ear_open(struct ear **ear, const struct ear_config *config, raw_ns now, char *err, size_t err_size)
{
    struct ear *e = calloc(1, sizeof *e);
    int result = -ENOMEM;

    assert(ntohs(config->group.sin_port) < UINT16_MAX);
    *ear = NULL;
    if (!e) {
        snprintf(err, err_size, "RTCP is not heard: not enough memory");
        return result;
    }
    e->address = config->group;
    e->address.sin_port = htons((uint16_t)(ntohs(config->group.sin_port) + 1));
    snprintf(e->interface, sizeof e->interface, "%s", config->interface ? config->interface : "");
    e->fd = open_socket(e, err, err_size);
    if (e->fd < 0) {
        result = e->fd;
        free(e);
        return result;
    }
    rtcp_timer_init(&e->timer, &config->timer, e->table, RTCP_TIMER_SLOTS, now);
    *ear = e;
    return 0;
}

void ear_close(struct ear *e)
{
    if (!e)
        return;
    close(e->fd);
    free(e);
}

int ear_reopen(struct ear *e, char *err, size_t err_size)
{
    int fd = open_socket(e, err, err_size);

    if (fd < 0)
        return fd;
    close(e->fd);
    e->fd = fd;
    return 0;
}

void ear_ignore(struct ear *e, const struct sockaddr_in *own)
{
    e->own = *own;
}

struct rtcp_timer *ear_timer(struct ear *e)
{
    return &e->timer;
}

/* One datagram; its length is what it was sent with. CLOCK_REALTIME of its arrival, 0: unknown. Or -errno. */
static ssize_t take_datagram(struct ear *e, struct sockaddr_in *from, int64_t *realtime_ns)
{
    struct iovec part = {e->slot, SLOT_BYTES};
    union {
        struct cmsghdr header; /* alignment */
        char bytes[CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(sizeof(uint32_t))];
    } control;
    struct msghdr header = {.msg_name = from,
                            .msg_namelen = sizeof *from,
                            .msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control};
    ssize_t len = recvmsg(e->fd, &header, MSG_DONTWAIT | MSG_TRUNC);

    *realtime_ns = 0;
    if (len < 0)
        return -errno;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
        struct timespec stamp;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
        *realtime_ns = (int64_t)stamp.tv_sec * NS_PER_S + stamp.tv_nsec;
    }
    return len;
}

/* Whether the slot holds a compound; if so it is in *report. Counts it in any case. */
static bool parse(struct ear *e, size_t len, struct rtcp_report *report)
{
    int result = len > SLOT_BYTES ? -EBADMSG : rtcp_parse(e->slot, len, report);

    e->counters.malformed += result == -EBADMSG;
    e->counters.foreign += result == -EPROTO;
    e->counters.compounds += result == 0;
    return result == 0;
}

/* A name makes a member (RFC 3550 section 6.2.1); who sends sender reports sends sound. */
static enum rtcp_heard count(struct ear *e, const struct rtcp_report *report, size_t len, raw_ns arrival)
{
    enum rtcp_heard heard;

    if (report->cname_len == 0 && !report->bye)
        return RTCP_HEARD_STRANGER;
    heard = rtcp_timer_heard(&e->timer, report->ssrc, len + RTCP_TIMER_OVERHEAD, report->bye, arrival);
    if (report->has_sr && !report->bye)
        rtcp_timer_sending(&e->timer, report->ssrc, arrival);
    return heard;
}

int ear_listen(struct ear *e, void (*word)(void *context, const struct ear_word *word), void *context)
{
    struct clock_pair pair;

    clock_pair_read(&pair);
    for (int i = 0; i < EAR_BATCH; i++) {
        struct sockaddr_in from = {0};
        struct rtcp_report report;
        int64_t realtime_ns;
        ssize_t len = take_datagram(e, &from, &realtime_ns);

        if (len == -EAGAIN || len == -EINTR)
            break;
        if (len < 0) {
            e->counters.errors++;
            e->counters.last_errno = (int)-len;
            return (int)len;
        }
        if (from.sin_addr.s_addr == e->own.sin_addr.s_addr && from.sin_port == e->own.sin_port)
            continue;
        if (parse(e, (size_t)len, &report)) {
            struct ear_word said = {.report = &report,
                                    .source = from.sin_addr.s_addr,
                                    .arrival = clock_raw_of_stamp(&pair, realtime_ns)};

            said.heard = count(e, &report, (size_t)len, said.arrival);
            word(context, &said);
        }
    }
    return 0;
}

void ear_get_counters(const struct ear *e, struct ear_counters *counters)
{
    *counters = e->counters;
}
