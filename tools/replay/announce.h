// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Descriptions of streams: announcements (SAP, RFC 2974) inside the capture, and the SDP of a file.
 */
#ifndef UNISONO_REPLAY_ANNOUNCE_H
#define UNISONO_REPLAY_ANNOUNCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format.h"
#include "frame.h"
#include "proto/sap.h"

enum { ANNOUNCE_MAX = 128 };

/* One stream as it is described. */
struct announcement {
    uint32_t destination; /* host byte order */
    uint16_t port;
    struct format format; /* origin FORMAT_SAP or FORMAT_SDP; frames: by its packet time, 0 without one */
};

struct announcements {
    struct announcement list[ANNOUNCE_MAX]; /* the newest of each destination */
    unsigned count;
    uint64_t received, malformed, untold; /* untold: there was no room */
};

/* Takes a datagram to SAP_PORT. */
void announce_take(struct announcements *announcements, const struct datagram *datagram);

/* What was announced for a destination; NULL: nothing. */
const struct announcement *announce_find(const struct announcements *announcements, uint32_t destination,
                                         uint16_t port);

/* Reads the SDP in a file. 0, or -errno and one line in `err`. */
int announce_read(struct announcement *announcement, const char *path, char *err, size_t err_size);

#endif
