// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Announcing the stream: its description by SAP and by DNS-SD (PROTOCOL.md section 13), so that people and
 * other equipment find it. Control thread only; never waits.
 *
 *     clock map -----.
 *     interface -----+--> description --> changed? --> SAP (saptimer.h: when)
 *     the stream ----'                            '--> DNS-SD (publish.h)
 *
 * Nothing is said before it is known whose time it is, or that nobody tells.
 */
#ifndef UNISONO_ANNOUNCE_H
#define UNISONO_ANNOUNCE_H

#include <stddef.h>

#include "proto/host/stats.h"
#include "proto/mediaclock.h"
#include "proto/sdp.h"

#define ANNOUNCE_PATIENCE_NS (5 * NS_PER_S) /* so long a grandmaster is waited for */

struct announce_config {
    struct sdp_stream stream; /* of describe_stream(); interface and clock are filled in here */
    const char *interface;    /* as for net_find_interface(); copied */
    const char *name;         /* of the service; copied */
};

struct announce;

/*
 * Opens the sockets and starts publishing. On failure returns -errno with one line in `err`; *announce is
 * NULL then, which all functions take, so that the caller can go on without.
 */
int announce_open(struct announce **announce, const struct announce_config *config, raw_ns now, char *err,
                  size_t err_size);

/* Some ten times a second: says what is due, with the clock's newest word. */
void announce_run(struct announce *announce, const struct clock_map *map, raw_ns now);

/* After the interface came back, or has another address. On failure all stays as it was. */
int announce_reopen(struct announce *announce, char *err, size_t err_size);

/* Once a second, into `stats`: announced. */
void announce_report(const struct announce *announce, struct stats *stats);

/* Takes back what was announced, and frees all. */
void announce_close(struct announce *announce);

#endif
