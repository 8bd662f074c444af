// SPDX-License-Identifier: GPL-3.0-or-later
#include "control.h"

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

#include "proto/host/net.h"

/* Reports of many streams and receivers between two polls; a flood must not make a queue of minutes. */
#define RECEIVE_BUFFER (64 * 1024)
#define SLOT_BYTES     2048 /* an Ethernet frame carries 1472 */

struct control {
    int fd;
    struct sockaddr_in address; /* the group, with the port of RTCP */
    char interface[INET_ADDRSTRLEN > IF_NAMESIZE ? INET_ADDRSTRLEN : IF_NAMESIZE];
    struct control_counters counters;
    uint8_t slot[SLOT_BYTES];
};

/* The descriptor, or -errno with a line that says what is missing. */
static int open_socket(const struct control *c, char *err, size_t err_size)
{
    struct net_interface interface;
    int bytes = RECEIVE_BUFFER;
    char why[256] = "";
    int fd = net_find_interface(c->interface, &c->address, &interface, why, sizeof why);

    if (fd == 0)
        fd = net_open_receive(&c->address, &interface, &bytes, why, sizeof why);
    if (fd < 0)
        snprintf(err, err_size, "the sender's RTCP is not heard: %s", why);
    return fd;
}

int control_open(struct control **control, const struct control_config *config, char *err, size_t err_size)
{
    struct control *c = calloc(1, sizeof *c);
    int result = -ENOMEM;

    assert(ntohs(config->group.sin_port) < UINT16_MAX);
    *control = NULL;
    if (!c) {
        snprintf(err, err_size, "the sender's RTCP is not heard: not enough memory");
        return result;
    }
    c->address = config->group;
    c->address.sin_port = htons((uint16_t)(ntohs(config->group.sin_port) + 1));
    snprintf(c->interface, sizeof c->interface, "%s", config->interface ? config->interface : "");
    c->fd = open_socket(c, err, err_size);
    if (c->fd < 0) {
        result = c->fd;
        free(c);
        return result;
    }
    *control = c;
    return 0;
}

void control_close(struct control *c)
{
    if (!c)
        return;
    close(c->fd);
    free(c);
}

int control_reopen(struct control *c, char *err, size_t err_size)
{
    int fd = c ? open_socket(c, err, err_size) : 0;

    if (!c || fd < 0)
        return fd;
    close(c->fd);
    c->fd = fd;
    return 0;
}

/* Whether the slot holds a report of the stream; if so *report is that. Counts it in any case. */
static bool take(struct control *c, size_t len, uint64_t from, uint32_t ssrc, uint64_t source,
                 struct rtcp_report *report)
{
    struct rtcp_report heard;
    int result = len > SLOT_BYTES ? -EBADMSG : rtcp_parse(c->slot, len, &heard);

    if (result == -EBADMSG) {
        c->counters.malformed++;
    } else if (result < 0 || heard.ssrc != ssrc || from != source) {
        c->counters.foreign++;
    } else {
        c->counters.reports++;
        *report = heard;
        return true;
    }
    return false;
}

int control_poll(struct control *c, uint32_t ssrc, uint64_t source, struct rtcp_report *report)
{
    int heard = 0;

    for (int i = 0; c && i < CONTROL_BATCH; i++) {
        struct sockaddr_in from = {0};
        socklen_t from_len = sizeof from;
        /* MSG_TRUNC: the length is the datagram's, even if the slot is shorter */
        ssize_t len =
            recvfrom(c->fd, c->slot, SLOT_BYTES, MSG_DONTWAIT | MSG_TRUNC, (void *)&from, &from_len);
        int error = len < 0 ? errno : 0;

        if (error == EAGAIN || error == EINTR)
            break;
        if (error) {
            c->counters.errors++;
            c->counters.last_errno = error;
            return heard ? heard : -error;
        }
        if (take(c, (size_t)len, from.sin_addr.s_addr, ssrc, source, report))
            heard = 1;
    }
    return heard;
}

void control_get_counters(const struct control *c, struct control_counters *counters)
{
    *counters = c ? c->counters : (struct control_counters){0};
}
