// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The receiver's end of RTCP, at the port above that of the sound. It hears what the sender of the stream
 * says about itself, above all on whose time it is; and it tells the group how the stream arrives, as often
 * as the group's size allows (proto/rtcptimer.h). Without it a receiver plays as well, but cannot tell a
 * sender of another PTP domain from a broken one, and nobody knows that it is there. A receiver that never
 * followed a stream, nor heard that one is offered, says nothing.
 *
 * All calls belong to one thread, the control thread, and all take NULL, which does nothing. None but open
 * and reopen blocks or allocates.
 */
#ifndef UNISONO_CONTROL_H
#define UNISONO_CONTROL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/rtcp.h"
#include "stream.h"

/* How long a receiver stays at most for the sake of its BYE. */
#define CONTROL_LEAVE_NS (4 * NS_PER_S)

struct control_config {
    struct sockaddr_in group; /* of the sound; RTCP is at the port above, so its port is below 65535 */
    const char *interface;    /* as for net_find_interface(); copied */
    const char *cname;        /* RTCP canonical name; copied up to RTCP_CNAME_MAX */
    const char *name;         /* what people call it; must stay valid, as `tool` */
    const char *tool;         /* the program and its version */
};

struct control_counters {
    uint64_t reports;    /* of the stream that was asked for */
    uint64_t others;     /* of other streams, of receivers, from other addresses */
    uint64_t foreign;    /* not RTCP */
    uint64_t malformed;  /* refused by rtcp_parse(), or longer than any Ethernet frame carries */
    uint64_t errors;     /* times that listening failed */
    uint64_t sent;       /* our own */
    uint64_t unsent;     /* those that could not be */
    uint64_t collisions; /* somebody else had our SSRC, and we took another */
    int last_errno;      /* of the newest failure of either kind; 0: none so far */
    size_t members;      /* of the group, as far as they speak; ourselves included */
};

struct control;

/*
 * Opens the socket and joins the group. On failure returns -errno with one line in `err`; *control is NULL
 * then, so that the caller can go on without.
 */
int control_open(struct control **control, const struct control_config *config, raw_ns now, char *err,
                 size_t err_size);
void control_close(struct control *control);

/*
 * Joins anew, and speaks from another socket, after the interface came back with another index or address. On
 * failure the old ear stays.
 */
int control_reopen(struct control *control, char *err, size_t err_size);

/*
 * Takes what waits, EAR_BATCH datagrams at most, without waiting. `ssrc` and `source`, the sender's IPv4
 * address in network byte order as in rx_datagram(), say which stream is followed now. Returns 1 when it was
 * heard and *report is its newest word; 0 when it was not, or -errno, and then *report is as before.
 */
int control_poll(struct control *control, uint32_t ssrc, uint64_t source, struct rtcp_report *report);

/*
 * Whether a report is due about the stream that is followed, or was last, or is offered; then control_say()
 * is to be called at once.
 */
bool control_due(struct control *control, const struct stream *stream, raw_ns now);

/* True: *offer is the newest that a sender made on this group, if that is not long ago. */
bool control_offer(const struct control *control, raw_ns now, struct rtcp_offer *offer);

/* Says it, with what the receiver has to tell of itself. */
void control_say(struct control *control, const struct stream *stream, const struct telemetry *telemetry,
                 struct rtcp_clock clock, raw_ns now);

/*
 * After control_poll() and instead of control_due(), from the moment that the receiver leaves: true as long
 * as its BYE is still to be sent, which takes no longer than CONTROL_LEAVE_NS.
 */
bool control_leave(struct control *control, raw_ns now);

void control_get_counters(const struct control *control, struct control_counters *counters);

#endif
