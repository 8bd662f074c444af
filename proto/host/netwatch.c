// SPDX-License-Identifier: GPL-3.0-or-later
#include "netwatch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "net.h"

#define RETRY_NS (500 * NS_PER_MS)
#define BATCH    32 /* datagrams of the kernel at a time; more wait for the next call */

struct netwatch {
    int fd;
    struct sockaddr_in group;
    char wanted[INET_ADDRSTRLEN > IF_NAMESIZE ? INET_ADDRSTRLEN : IF_NAMESIZE];
    struct net_interface interface; /* that the sockets are on */
    bool lost;                      /* they are not, any more */
    raw_ns retry_at;
    uint64_t reconnects;
};

int netwatch_open(struct netwatch **watch, const char *interface, const struct sockaddr_in *group, char *err,
                  size_t err_size)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR};
    struct netwatch *w = calloc(1, sizeof *w);
    int result = -ENOMEM;

    *watch = NULL;
    if (!w) {
        snprintf(err, err_size, "the interface is not watched: not enough memory");
        return result;
    }
    w->group = *group;
    snprintf(w->wanted, sizeof w->wanted, "%s", interface ? interface : "");
    w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (w->fd < 0 || bind(w->fd, (const void *)&address, sizeof address) < 0) {
        result = -errno;
        snprintf(err, err_size, "the interface is not watched: %s", strerror(-result));
        goto out;
    }
    /* After the socket, so that nothing changes unseen. */
    result = net_find_interface(w->wanted, &w->group, &w->interface, err, err_size);
out:
    if (result < 0) {
        if (w->fd >= 0)
            close(w->fd);
        free(w);
        return result;
    }
    *watch = w;
    return 0;
}

void netwatch_close(struct netwatch *w)
{
    if (!w)
        return;
    close(w->fd);
    free(w);
}

/* Whether the address that a message takes away is ours. */
static bool takes_our_address(const struct netwatch *w, struct nlmsghdr *header)
{
    const struct ifaddrmsg *message = NLMSG_DATA(header);
    unsigned room = (unsigned)IFA_PAYLOAD(header);

    if (header->nlmsg_len < NLMSG_LENGTH(sizeof *message) || message->ifa_index != w->interface.index)
        return false;
    for (struct rtattr *a = IFA_RTA(message); RTA_OK(a, room); a = RTA_NEXT(a, room))
        if (a->rta_type == IFA_LOCAL && RTA_PAYLOAD(a) == sizeof w->interface.address)
            return memcmp(RTA_DATA(a), &w->interface.address, sizeof w->interface.address) == 0;
    return false;
}

static bool takes_our_interface(const struct netwatch *w, struct nlmsghdr *header)
{
    const struct ifinfomsg *message = NLMSG_DATA(header);

    /* bridges tell of their ports leaving in the same words, and of another family */
    return header->nlmsg_len >= NLMSG_LENGTH(sizeof *message) && message->ifi_family == AF_UNSPEC &&
           message->ifi_index == (int)w->interface.index;
}

/* Reads what the kernel told. True when the sockets are dead by it, or when some of it was lost. */
static bool read_news(const struct netwatch *w)
{
    union {
        struct nlmsghdr header; /* alignment */
        char bytes[16384];
    } news;
    bool lost = false;

    for (int i = 0; i < BATCH; i++) {
        ssize_t len = recv(w->fd, &news, sizeof news, MSG_DONTWAIT);
        struct nlmsghdr *header = &news.header;

        if (len < 0 && errno == ENOBUFS)
            lost = true;
        if (len <= 0)
            break;
        for (; NLMSG_OK(header, (size_t)len); header = NLMSG_NEXT(header, len))
            if ((header->nlmsg_type == RTM_DELADDR && takes_our_address(w, header)) ||
                (header->nlmsg_type == RTM_DELLINK && takes_our_interface(w, header)))
                lost = true;
    }
    return lost;
}

bool netwatch_run(struct netwatch *w, raw_ns now)
{
    struct net_interface found;
    char err[512];

    if (!w)
        return false;
    if (read_news(w) && !w->lost) {
        w->lost = true;
        w->retry_at = now;
        log_warning("network interface %s was removed or lost its address: looking for it",
                    w->interface.name);
    }
    if (!w->lost || now.ns < w->retry_at.ns)
        return false;
    w->retry_at.ns = now.ns + RETRY_NS;
    if (net_find_interface(w->wanted, &w->group, &found, err, sizeof err) < 0)
        return false;
    if (found.address.s_addr == INADDR_ANY && w->interface.address.s_addr != INADDR_ANY)
        return false; /* made, but not yet given one */
    w->interface = found;
    return true;
}

void netwatch_settle(struct netwatch *w)
{
    char text[INET_ADDRSTRLEN];

    w->lost = false;
    w->reconnects++;
    log_info("network interface %s is back, address %s: all sockets were opened anew", w->interface.name,
             inet_ntop(AF_INET, &w->interface.address, text, sizeof text));
}

uint64_t netwatch_reconnects(const struct netwatch *w)
{
    return w ? w->reconnects : 0;
}
