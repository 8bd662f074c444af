// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The receiver's ear for RTCP, at the port above that of the sound: what the sender of the stream says about
 * itself, above all on whose time it is. Without it a receiver plays as well, but cannot tell a sender of
 * another PTP domain from a broken one.
 *
 * All calls belong to one thread, the control thread; none but open and reopen blocks or allocates. Whoever
 * can send to the group can put words into another's mouth (PROTOCOL.md section 11): what is heard here is
 * good for telling people and for refusing a stream, never for placing sound.
 */
#ifndef UNISONO_CONTROL_H
#define UNISONO_CONTROL_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/rtcp.h"

/* Datagrams that a poll takes at most: a flood keeps the control thread from nothing else. */
#define CONTROL_BATCH 64

struct control_config {
    struct sockaddr_in group; /* of the sound; RTCP is heard at the port above, so its port is below 65535 */
    const char *interface;    /* as for net_find_interface(); copied */
};

struct control_counters {
    uint64_t reports;   /* of the stream that was asked for */
    uint64_t foreign;   /* of other streams, of receivers, from other addresses; or not RTCP */
    uint64_t malformed; /* refused by rtcp_parse(), or longer than any Ethernet frame carries */
    uint64_t errors;    /* polls that failed */
    int last_errno;     /* of the newest such failure; 0: none so far */
};

struct control;

/*
 * Opens the socket and joins the group. On failure returns -errno with one line in `err`; *control is NULL
 * then, which all functions take, so that the caller can go on without.
 */
int control_open(struct control **control, const struct control_config *config, char *err, size_t err_size);
void control_close(struct control *control);

/* Joins anew, after the interface came back with another index or address. On failure the old socket stays.
 */
int control_reopen(struct control *control, char *err, size_t err_size);

/*
 * Takes what waits, CONTROL_BATCH datagrams at most, without waiting. `ssrc` and `source`, the sender's IPv4
 * address in network byte order as in rx_datagram(), say which stream is followed now. Returns 1 when it was
 * heard and *report is its newest word; 0 when it was not, or -errno, and then *report is as before.
 */
int control_poll(struct control *control, uint32_t ssrc, uint64_t source, struct rtcp_report *report);

void control_get_counters(const struct control *control, struct control_counters *counters);

#endif
