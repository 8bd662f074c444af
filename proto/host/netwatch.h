// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Watches the network interface that the sockets are on. A socket is bound to an interface by its index, and
 * sends from one address: when the interface is deleted and made again (a USB adapter, a VLAN, a container),
 * or its address is changed, the socket stays open and dead. The kernel tells of both (rtnetlink(7)), so
 * nothing is polled while all is well.
 *
 *     netwatch_run()  --> true: open the sockets anew
 *     netwatch_settle()   they are; else run() says so again after half a second
 *
 * Control thread only. What happens is told to the log here.
 */
#ifndef UNISONO_NETWATCH_H
#define UNISONO_NETWATCH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/timebase.h"

struct netwatch;

/*
 * `interface` and `group`: as for net_find_interface(), which is asked here what they mean now; copied.
 * Returns 0, or -errno with one line in `err`; *watch is NULL then, which the functions take.
 */
int netwatch_open(struct netwatch **watch, const char *interface, const struct sockaddr_in *group, char *err,
                  size_t err_size);
void netwatch_close(struct netwatch *watch);

/* A few times a second, without waiting. True: the interface was lost or its address changed, and it is
 * there. */
bool netwatch_run(struct netwatch *watch, raw_ns now);

/* After true: all sockets are open anew. */
void netwatch_settle(struct netwatch *watch);

/* How often that was so. */
uint64_t netwatch_reconnects(const struct netwatch *watch);

#endif
