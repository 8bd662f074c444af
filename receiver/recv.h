// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Receiving: drains the socket, many datagrams in one system call, into slots made beforehand. No allocation,
 * no log, and no look into the datagrams: that is the parser's task.
 */
#ifndef UNISONO_RECV_H
#define UNISONO_RECV_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECV_BATCH 32 /* datagrams a drain returns at most */
#define RECV_SLOT_BYTES                                                                                      \
    2048 /* what is longer came from no sender of ours: an Ethernet frame carries 1472                       \
          */

struct recv_config {
    struct sockaddr_in group; /* 0.0.0.0: none, before recv_retune() nothing is received */
    struct in_addr source;    /* the only sender that is listened to; INADDR_ANY: everybody */
    const char *interface;    /* as for net_find_interface(); copied */
};

struct recv_datagram {
    const uint8_t *bytes; /* valid until the next drain */
    size_t len;
    int64_t arrival_realtime_ns; /* CLOCK_REALTIME, stamped by the kernel; 0: it gave none */
    struct sockaddr_in source;
};

struct recv_counters {
    uint64_t datagrams; /* handed out */
    uint64_t truncated; /* longer than a slot: dropped */
    uint64_t overflows; /* dropped by the kernel because the receive buffer was full, as it last told */
    uint64_t errors;    /* drains that failed otherwise */
    int last_errno;     /* of the newest such failure; 0: none so far */
};

struct receiver;

/*
 * Opens the socket; blocks and allocates. *interface_name (IF_NAMESIZE bytes, may be NULL) gets the interface
 * used, *buffer_bytes (may be NULL) the receive buffer got, NET_RECEIVE_BUFFER being wanted. On failure
 * returns -errno with one line in `err`.
 */
int recv_open(struct receiver **receiver, const struct recv_config *config, char *interface_name,
              int *buffer_bytes, char *err, size_t err_size);
void recv_close(struct receiver *receiver); /* NULL is allowed */

/*
 * For poll(): readable when something waits; -1 while nothing is received. Another one once recv_drain() has
 * gone over to a new socket.
 */
int recv_fd(const struct receiver *receiver);

/*
 * Real-time. Points *datagrams at what was waiting, oldest first, and returns how many, 0 to RECV_BATCH: as
 * many as RECV_BATCH may mean that more waits. Or -errno, counted; the next call tries again.
 */
int recv_drain(struct receiver *receiver, const struct recv_datagram **datagrams);

/*
 * Control thread: joins anew, after the interface came back with another index or address. recv_drain() goes
 * over to the new socket as soon as it has emptied the old one, so what both heard comes twice, and nothing
 * is lost. On failure all is as before.
 */
int recv_reopen(struct receiver *receiver, char *err, size_t err_size);

/*
 * Control thread: joins another group. What comes from the present one is handed out until recv_go_over().
 * *buffer_bytes as for recv_open(). On failure returns -errno with one line in `err`, and all is as before.
 */
int recv_retune(struct receiver *receiver, const struct sockaddr_in *group, struct in_addr source,
                int *buffer_bytes, char *err, size_t err_size);

/*
 * Real-time: from now on recv_drain() hands out only what was sent to the group of the newest recv_retune().
 * False when that has to wait for recv_sweep(), and nothing has changed.
 */
bool recv_go_over(struct receiver *receiver);

/*
 * Control thread, a few times a second: closes the socket that recv_drain() has left. Leaving a group takes
 * locks of the kernel, for which a real-time thread must not wait.
 */
void recv_sweep(struct receiver *receiver);

/* Any thread. */
void recv_get_counters(const struct receiver *receiver, struct recv_counters *counters);

#endif
