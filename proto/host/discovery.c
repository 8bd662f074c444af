// SPDX-License-Identifier: GPL-3.0-or-later
#include "discovery.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../sap.h"
#include "browser.h"
#include "net.h"

enum {
    GROUPS = 2,
    SLOT_BYTES = 8192, /* RFC 2974 wants less than 1 kB */
    RECEIVE_BUFFER = 256 * 1024,
};

/* Administrative scope, and global; RFC 2974 section 3. AES67 equipment uses the first. */
static const char *const groups[GROUPS] = {"239.255.255.255", "224.2.127.254"};

struct discovery {
    int fd[GROUPS];
    unsigned next; /* whose turn it is to be emptied first */
    char interface[INET_ADDRSTRLEN > IF_NAMESIZE ? INET_ADDRSTRLEN : IF_NAMESIZE];
    struct browser *browser; /* NULL: there is SAP alone */
    struct browser_news news;
    struct discovery_counters counters;
    struct directory directory;
    uint8_t slot[SLOT_BYTES];
};

static void close_sockets(const int fd[GROUPS])
{
    for (int i = 0; i < GROUPS; i++)
        if (fd[i] >= 0)
            close(fd[i]);
}

static int open_sockets(const struct discovery *d, int fd[GROUPS], struct net_interface *interface, char *err,
                        size_t err_size)
{
    fd[0] = fd[1] = -1;
    for (int i = 0; i < GROUPS; i++) {
        struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(SAP_PORT)};
        int bytes = RECEIVE_BUFFER, result;

        inet_pton(AF_INET, groups[i], &group.sin_addr);
        /* both on the one that the first group has */
        result = i > 0 ? 0 : net_find_interface(d->interface, &group, interface, err, err_size);
        if (result == 0)
            result = net_open_receive(&group, interface, &bytes, err, err_size);
        if (result < 0) {
            close_sockets(fd);
            return result;
        }
        fd[i] = result;
    }
    return 0;
}

int discovery_open(struct discovery **discovery, const char *interface, char *interface_name, char *err,
                   size_t err_size)
{
    struct discovery *d = calloc(1, sizeof *d);
    struct net_interface found;
    int result;

    *discovery = NULL;
    if (!d) {
        snprintf(err, err_size, "announcements are not heard: not enough memory");
        return -ENOMEM;
    }
    directory_init(&d->directory);
    snprintf(d->interface, sizeof d->interface, "%s", interface ? interface : "");
    result = open_sockets(d, d->fd, &found, err, err_size);
    if (result < 0) {
        free(d);
        return result;
    }
    memcpy(interface_name, found.name, IF_NAMESIZE);
    (void)browser_open(&d->browser, found.name);
    *discovery = d;
    return 0;
}

void discovery_close(struct discovery *d)
{
    if (!d)
        return;
    browser_close(d->browser);
    close_sockets(d->fd);
    free(d);
}

int discovery_reopen(struct discovery *d, char *err, size_t err_size)
{
    struct net_interface found;
    int fd[GROUPS], result;

    result = open_sockets(d, fd, &found, err, err_size);
    if (result < 0)
        return result;
    close_sockets(d->fd);
    memcpy(d->fd, fd, sizeof fd);
    return 0;
}

/* One datagram; false when none waits. */
static bool take_datagram(struct discovery *d, int fd, raw_ns now)
{
    struct sockaddr_in from = {0};
    socklen_t from_len = sizeof from;
    ssize_t len = recvfrom(fd, d->slot, sizeof d->slot, MSG_DONTWAIT | MSG_TRUNC, (void *)&from, &from_len);

    if (len < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            d->counters.errors++;
            d->counters.last_errno = errno;
        }
        return false;
    }
    d->counters.datagrams++;
    if (len > (ssize_t)sizeof d->slot)
        d->counters.truncated++;
    else
        directory_announcement(&d->directory, d->slot, (size_t)len, from.sin_addr.s_addr, now);
    return true;
}

void discovery_run(struct discovery *d, raw_ns now)
{
    unsigned idle = 0;

    /* in turns, so that a flood of one group does not drown the other */
    for (unsigned i = 0; i < DISCOVERY_BATCH && idle < GROUPS; i++) {
        idle = take_datagram(d, d->fd[d->next], now) ? 0 : idle + 1;
        d->next = (d->next + 1) % GROUPS;
    }
    for (unsigned i = 0; i < DISCOVERY_BATCH && browser_next(d->browser, &d->news); i++) {
        if (d->news.gone)
            directory_service_gone(&d->directory, d->news.service);
        else
            directory_service(&d->directory, d->news.service, d->news.text, d->news.len, now);
    }
    directory_expire(&d->directory, now);
}

const struct directory *discovery_directory(const struct discovery *d)
{
    return &d->directory;
}

void discovery_get_counters(const struct discovery *d, struct discovery_counters *counters)
{
    *counters = d->counters;
}
