// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * UDP multicast sockets (IPv4), opened the way a stage network wants them: on one named interface, never on
 * whichever the kernel fancies; marked for the switches; stamped on arrival by the kernel.
 *
 * Every function that can fail takes `err`, `err_size`: on failure one line that names the thing, its value
 * and the remedy; and returns -errno.
 */
#ifndef UNISONO_NET_H
#define UNISONO_NET_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_TTL_DEFAULT      32
#define NET_DSCP_MEDIA       34 /* AF41: AES67-2018 for media */
#define NET_PRIORITY_DEFAULT 5  /* becomes the 802.1p class of a VLAN that has an egress map */
#define NET_RECEIVE_BUFFER   (4 * 1024 * 1024)

struct net_interface {
    char name[IF_NAMESIZE];
    unsigned index;
    struct in_addr address; /* its IPv4 address; INADDR_ANY when it has none */
    bool by_route;          /* nobody named it: the routing table chose it for the group */
};

/*
 * The interface called `wanted`, which is its name or one of its IPv4 addresses. NULL or "": the one the
 * routing table picks for `group`; by_route is then set, and the caller should say which it was.
 * -ENODEV: no such interface; -ENETUNREACH: no route to the group.
 */
int net_find_interface(const char *wanted, const struct sockaddr_in *group, struct net_interface *found,
                       char *err, size_t err_size);

/* Its address of Ethernet as a number, the first octet highest; 0: it has none. */
uint64_t net_mac(const struct net_interface *interface);

struct net_transmit_config {
    struct sockaddr_in group;
    struct net_interface interface;
    uint8_t ttl;  /* 0 stays on this host; 1 on this network */
    uint8_t dscp; /* 0..63 */
    int priority; /* SO_PRIORITY, 0..6 */
};

/*
 * A non-blocking socket connected to the group: send() is enough, with the address of the interface as
 * source. Programs on this host hear it too. Returns the descriptor, which the caller closes.
 * -EADDRNOTAVAIL: the interface has no IPv4 address.
 */
int net_open_transmit(const struct net_transmit_config *config, char *err, size_t err_size);

/*
 * A non-blocking socket that receives what is sent to the group and port and arrives on this interface, and
 * nothing else; several programs of one host can do so. Datagrams carry SCM_TIMESTAMPNS (CLOCK_REALTIME) and,
 * after losses, SO_RXQ_OVFL. *buffer_bytes: in, the receive buffer wanted; out, what the kernel gave (it
 * may be less without privilege: net.core.rmem_max). Returns the descriptor, which the caller closes.
 */
int net_open_receive(const struct sockaddr_in *group, const struct net_interface *interface,
                     int *buffer_bytes, char *err, size_t err_size);

/* The same, of what `source` sends alone (IGMPv3, RFC 4607); INADDR_ANY: of what anybody sends. */
int net_open_receive_from(const struct sockaddr_in *group, struct in_addr source,
                          const struct net_interface *interface, int *buffer_bytes, char *err,
                          size_t err_size);

#endif
