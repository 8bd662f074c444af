// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The audience: who listens, as far as they say so by RTCP, and how the sound arrives at them. Control thread
 * only. What is said here is for people; nothing that is sent depends on it, but the moment of the start when
 * it waits for them.
 */
#ifndef UNISONO_AUDIENCE_H
#define UNISONO_AUDIENCE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/host/stats.h"
#include "proto/roster.h"
#include "proto/timebase.h"

struct audience_config {
    struct sockaddr_in group; /* of the sound */
    const char *interface;    /* as for net_find_interface(); copied */
    uint32_t ssrc;            /* of the stream */
    uint32_t session_bytes_per_s;
};

struct audience;

/*
 * Opens the socket and joins the group. On failure returns -errno with one line in `err`; *audience is NULL
 * then, which all functions take, so that the caller can go on without.
 */
int audience_open(struct audience **audience, const struct audience_config *config, raw_ns now, char *err,
                  size_t err_size);
void audience_close(struct audience *audience);

/* Joins anew, after the interface came back. On failure the old socket stays. */
int audience_reopen(struct audience *audience, char *err, size_t err_size);

/* Our own report was sent: from there, and so many octets of UDP payload. */
void audience_reported(struct audience *audience, const struct sockaddr_in *own, size_t octets, raw_ns now);

/* Hears what was said. Those who come are told to the log, a few by name in each second. */
void audience_listen(struct audience *audience, raw_ns now);

/* Those who were heard of; not for long who fell silent. NULL without an audience. */
const struct roster *audience_roster(const struct audience *audience);

/* How many receivers speak; 0 when nobody can be heard. */
size_t audience_count(const struct audience *audience);

/* Once a second: how many they are, in the log if that changed; and `stats`, unless NULL: receivers, ... */
void audience_report(struct audience *audience, struct stats *stats);

#endif
