// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The network: a datagram sent to the group arrives at every receiver's inbox, each by its own path, later,
 * twice, in another order or not at all. The inbox is drained when the receiver wakes up, as a socket is.
 */
#ifndef UNISONO_SIM_NETWORK_H
#define UNISONO_SIM_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chance.h"

struct path_config {
    double delay_us;
    double jitter_us;               /* more, evenly up to so much */
    double queue_us;                /* and exponentially with this mean */
    double loss_pct;                /* independently */
    double burst_every_s, burst_ms; /* all is lost for so long, that often on average */
    double duplicate_pct;           /* comes twice */
    double reorder_pct, reorder_us; /* so many take so much longer */
    double limit_kbps, limit_ms;    /* a bottleneck of that rate, whose queue holds so much; 0: none */
};

enum { NETWORK_DATAGRAM = 1500 };

struct network_datagram {
    size_t length;
    uint64_t source;
    unsigned holders;
    struct network_datagram *next_free;
    uint8_t bytes[NETWORK_DATAGRAM];
};

struct network_arrival {
    int64_t at;
    struct network_datagram *datagram;
};

struct path {
    struct path_config config;
    struct chance chance;
    int64_t burst_until, burst_next;
    int64_t free_at;               /* when the bottleneck is done with all before */
    struct network_arrival *inbox; /* in order of arrival */
    size_t count, first, room;
    uint64_t sent, dropped;
};

struct network {
    struct path *paths;
    unsigned count;
    struct network_datagram *free;
};

/* 0 or -ENOMEM. */
int network_init(struct network *n, unsigned receivers, uint64_t seed);
void network_free(struct network *n);

/* 0 or -ENOMEM. `source`: the sender's address. */
int network_send(struct network *n, const uint8_t *bytes, size_t length, uint64_t source, int64_t now);

/* The next datagram that came to receiver `to` by `now`, or NULL; valid until the next call. */
const struct network_datagram *network_receive(struct network *n, unsigned to, int64_t now, int64_t *arrival);

#endif
