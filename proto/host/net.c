// SPDX-License-Identifier: GPL-3.0-or-later
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_BUFFER (256 * 1024)

/* ---- which interface ------------------------------------------------------------------------------- */

/*
 * Looks among the IPv4 addresses of this host for the first that belongs to `name` (any when NULL) and equals
 * `address` (any when INADDR_ANY), and sets name and address of `found`. False when there is none.
 */
static bool find_address(const char *name, struct in_addr address, struct net_interface *found)
{
    struct ifaddrs *list = NULL;
    bool hit = false;

    if (getifaddrs(&list) < 0)
        return false;
    for (const struct ifaddrs *i = list; i && !hit; i = i->ifa_next) {
        const struct sockaddr_in *own = (const void *)i->ifa_addr;
        /* The name ends before the label of a secondary address ("eth0:1"). */
        int name_len = (int)strcspn(i->ifa_name, ":");

        if (!own || own->sin_family != AF_INET)
            continue;
        if (name && (strlen(name) != (size_t)name_len || strncmp(name, i->ifa_name, (size_t)name_len) != 0))
            continue;
        if (address.s_addr != INADDR_ANY && address.s_addr != own->sin_addr.s_addr)
            continue;
        snprintf(found->name, sizeof found->name, "%.*s", name_len, i->ifa_name);
        found->address = own->sin_addr;
        hit = true;
    }
    freeifaddrs(list);
    return hit;
}

/* "lo, eth0, wlan0" */
static void list_interfaces(char *text, size_t size)
{
    struct if_nameindex *all = if_nameindex();
    size_t at = 0;

    text[0] = '\0';
    for (const struct if_nameindex *i = all; i && i->if_index && at < size; i++)
        at += (size_t)snprintf(text + at, size - at, "%s%s", at ? ", " : "", i->if_name);
    if_freenameindex(all);
}

struct route_request {
    struct nlmsghdr header;
    struct rtmsg route;
    struct rtattr attribute;
    struct in_addr destination;
};

/* Reads the answer to a route request: the index of the interface, or -errno. */
static int parse_route(const struct nlmsghdr *header, size_t len)
{
    const struct rtattr *attribute;
    unsigned room;
    int index;

    if (len < sizeof *header || header->nlmsg_len > len)
        return -EIO;
    if (header->nlmsg_type == NLMSG_ERROR && header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr))) {
        const struct nlmsgerr *error = NLMSG_DATA(header);

        return error->error < 0 ? error->error : -EIO;
    }
    if (header->nlmsg_type != RTM_NEWROUTE || header->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg)))
        return -EIO;
    room = (unsigned)RTM_PAYLOAD(header);
    for (attribute = RTM_RTA((struct rtmsg *)NLMSG_DATA(header)); RTA_OK(attribute, room);
         attribute = RTA_NEXT(attribute, room))
        if (attribute->rta_type == RTA_OIF && RTA_PAYLOAD(attribute) >= sizeof index) {
            memcpy(&index, RTA_DATA(attribute), sizeof index);
            return index;
        }
    return -ENETUNREACH;
}

/* The index of the interface that the routing table picks, or -errno. */
static int route_to(struct in_addr destination)
{
    struct route_request request = {
        .header = {.nlmsg_len = sizeof request, .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST},
        .route = {.rtm_family = AF_INET, .rtm_dst_len = 32},
        .attribute = {.rta_len = RTA_LENGTH(sizeof destination), .rta_type = RTA_DST},
        .destination = destination,
    };
    union {
        struct nlmsghdr header;
        char bytes[4096];
    } answer;
    ssize_t len;
    int result = -EIO;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0)
        return -errno;
    if (send(fd, &request, sizeof request, 0) < 0) {
        result = -errno;
        goto out;
    }
    len = recv(fd, &answer, sizeof answer, 0);
    result = len < 0 ? -errno : parse_route(&answer.header, (size_t)len);
out:
    close(fd);
    return result;
}

int net_find_interface(const char *wanted, const struct sockaddr_in *group, struct net_interface *found,
                       char *err, size_t err_size)
{
    const struct in_addr any = {INADDR_ANY};
    struct in_addr address;
    char text[INET_ADDRSTRLEN], names[256];
    int index;

    *found = (struct net_interface){.by_route = !wanted || !wanted[0]};
    if (found->by_route) {
        index = route_to(group->sin_addr);
        found->index = index > 0 ? (unsigned)index : 0;
    } else if (inet_pton(AF_INET, wanted, &address) != 1) {
        found->index = if_nametoindex(wanted);
    } else if (address.s_addr != INADDR_ANY && find_address(NULL, address, found)) {
        found->index = if_nametoindex(found->name);
    }
    if (found->index > 0 && (found->address.s_addr || if_indextoname(found->index, found->name))) {
        if (found->address.s_addr == INADDR_ANY)
            find_address(found->name, any, found);
        return 0;
    }

    list_interfaces(names, sizeof names);
    if (found->by_route) {
        snprintf(err, err_size,
                 "no route to the group %s: name the interface with --interface; there are: %s",
                 inet_ntop(AF_INET, &group->sin_addr, text, sizeof text), names);
        return -ENETUNREACH;
    }
    snprintf(err, err_size, "there is no interface with the name or address %s; there are: %s", wanted,
             names);
    return -ENODEV;
}

uint64_t net_mac(const struct net_interface *interface)
{
    struct ifreq request = {.ifr_ifindex = 0};
    uint64_t mac = 0;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memcpy(request.ifr_name, interface->name, sizeof request.ifr_name);
    if (fd >= 0 && ioctl(fd, SIOCGIFHWADDR, &request) == 0 && request.ifr_hwaddr.sa_family == ARPHRD_ETHER)
        for (unsigned i = 0; i < 6; i++)
            mac = mac << 8 | (uint8_t)request.ifr_hwaddr.sa_data[i];
    if (fd >= 0)
        close(fd);
    return mac;
}

/* ---- sockets --------------------------------------------------------------------------------------- */

static int open_udp(char *err, size_t err_size)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0)
        return fd;
    fd = -errno;
    snprintf(err, err_size, "no UDP socket can be opened: %s", strerror(-fd));
    return fd;
}

struct option {
    int level, name;
    const void *value;
    socklen_t size;
    const char *text; /* for the error line */
};

/* Sets each in its order; the first that fails ends it. */
static int set_options(int fd, const struct option *options, size_t count, const char *interface, char *err,
                       size_t err_size)
{
    for (size_t i = 0; i < count; i++) {
        int error;

        if (setsockopt(fd, options[i].level, options[i].name, options[i].value, options[i].size) == 0)
            continue;
        error = errno;
        snprintf(err, err_size, "interface %s: %s was refused: %s", interface, options[i].text,
                 strerror(error));
        return -error;
    }
    return 0;
}

#define OPTION(level, name, value, text)                                                                     \
    {                                                                                                        \
        level, name, &(value), sizeof(value), text                                                           \
    }
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void describe_group(const struct sockaddr_in *group, char *text, size_t size)
{
    char address[INET_ADDRSTRLEN];

    snprintf(text, size, "%s:%u", inet_ntop(AF_INET, &group->sin_addr, address, sizeof address),
             ntohs(group->sin_port));
}

int net_open_transmit(const struct net_transmit_config *config, char *err, size_t err_size)
{
    const struct net_interface *interface = &config->interface;
    const int ttl = config->ttl, loop = 1, tos = config->dscp << 2, buffer = SEND_BUFFER;
    const struct ip_mreqn out = {.imr_address = interface->address, .imr_ifindex = (int)interface->index};
    const struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr = interface->address};
    const struct option options[] = {
        OPTION(IPPROTO_IP, IP_MULTICAST_IF, out, "sending multicast"),
        OPTION(IPPROTO_IP, IP_MULTICAST_TTL, ttl, "the multicast TTL"),
        OPTION(IPPROTO_IP, IP_MULTICAST_LOOP, loop, "multicast to this host"),
        OPTION(IPPROTO_IP, IP_TOS, tos, "the DSCP mark"),
        /* After IP_TOS, which sets a priority of its own. */
        OPTION(SOL_SOCKET, SO_PRIORITY, config->priority, "the priority"),
        OPTION(SOL_SOCKET, SO_SNDBUF, buffer, "the send buffer"),
    };
    char group[64];
    int fd, result;

    if (interface->address.s_addr == INADDR_ANY) {
        snprintf(err, err_size, "interface %s has no IPv4 address: give it one, or choose another interface",
                 interface->name);
        return -EADDRNOTAVAIL;
    }
    fd = open_udp(err, err_size);
    if (fd < 0)
        return fd;
    result = set_options(fd, options, COUNT(options), interface->name, err, err_size);
    if (result < 0)
        goto out;
    if (bind(fd, (const void *)&source, sizeof source) < 0 ||
        connect(fd, (const void *)&config->group, sizeof config->group) < 0) {
        result = -errno;
        describe_group(&config->group, group, sizeof group);
        snprintf(err, err_size, "interface %s: %s cannot be sent to: %s", interface->name, group,
                 strerror(-result));
    }
out:
    if (result < 0)
        close(fd);
    return result < 0 ? result : fd;
}

/* Past net.core.rmem_max where we are allowed to; returns what it came to. */
static int grow_receive_buffer(int fd, int bytes)
{
    int got = 0;
    socklen_t size = sizeof got;

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &size);
    return got / 2; /* the kernel doubles what it was asked for, to cover its own bookkeeping */
}

int net_open_receive(const struct sockaddr_in *group, const struct net_interface *interface,
                     int *buffer_bytes, char *err, size_t err_size)
{
    return net_open_receive_from(group, (struct in_addr){INADDR_ANY}, interface, buffer_bytes, err, err_size);
}

static int join(int fd, const struct sockaddr_in *group, struct in_addr source,
                const struct net_interface *interface, char *err, size_t err_size)
{
    const struct ip_mreqn member = {
        .imr_multiaddr = group->sin_addr,
        .imr_ifindex = (int)interface->index,
    };
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = source};
    struct group_source_req specific = {.gsr_interface = interface->index};
    const struct option any = OPTION(IPPROTO_IP, IP_ADD_MEMBERSHIP, member, "joining the group");
    const struct option one =
        OPTION(IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, specific, "joining the group of one source");

    memcpy(&specific.gsr_group, group, sizeof *group);
    memcpy(&specific.gsr_source, &from, sizeof from);
    return set_options(fd, source.s_addr == INADDR_ANY ? &any : &one, 1, interface->name, err, err_size);
}

int net_open_receive_from(const struct sockaddr_in *group, struct in_addr source,
                          const struct net_interface *interface, int *buffer_bytes, char *err,
                          size_t err_size)
{
    const int on = 1, off = 0;
    /* SO_REUSEPORT would let the kernel share unicast datagrams out among programs. */
    const struct option before[] = {OPTION(SOL_SOCKET, SO_REUSEADDR, on, "sharing the port")};
    const struct option after[] = {
        /* Else every group that anyone on this host has joined would come in here. */
        OPTION(IPPROTO_IP, IP_MULTICAST_ALL, off, "keeping other groups out"),
        OPTION(SOL_SOCKET, SO_TIMESTAMPNS, on, "stamping arrivals"),
        OPTION(SOL_SOCKET, SO_RXQ_OVFL, on, "counting overflows"),
    };
    char where[64];
    int fd = open_udp(err, err_size);
    int result;

    if (fd < 0)
        return fd;
    result = set_options(fd, before, COUNT(before), interface->name, err, err_size);
    if (result < 0)
        goto out;
    if (bind(fd, (const void *)group, sizeof *group) < 0) {
        result = -errno;
        describe_group(group, where, sizeof where);
        snprintf(err, err_size, "%s cannot be received: %s%s", where, strerror(-result),
                 result == -EADDRINUSE
                     ? ": a program that does not share the port has it; choose another port"
                     : "");
        goto out;
    }
    result = set_options(fd, after, COUNT(after), interface->name, err, err_size);
    if (result == 0)
        result = join(fd, group, source, interface, err, err_size);
    if (result == 0)
        *buffer_bytes = grow_receive_buffer(fd, *buffer_bytes);
out:
    if (result < 0)
        close(fd);
    return result < 0 ? result : fd;
}
