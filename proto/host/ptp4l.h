// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * PTP time from a local ptp4l, by the offset it measured, over its management socket. Control thread only.
 *
 * At each Sync ptp4l notes the arrival by its local clock (ingress) and computes how far that clock is from
 * the grandmaster (master_offset). So at the ingress the grandmaster's time was
 *
 *     ptp = ingress - master_offset
 *
 * whether ptp4l steers the local clock or runs free. With software timestamping the local clock is
 * CLOCK_REALTIME; its readings beside CLOCK_MONOTONIC_RAW, kept over the last polls, enclose the ingress and
 * tell the raw time of it, even while something slews CLOCK_REALTIME.
 *
 *     polls      |          |          |          |       pairs (raw, realtime)
 *     Sync            *                     *             ingress, seen at the poll after the next
 *
 * Timescales. Where the grandmaster is on the PTP timescale (TAI) and the local clock on UTC, ptp4l takes TAI
 * - UTC out of the offset; here it is put back. A grandmaster on a timescale of its own (linuxptp with
 * software timestamps sends UTC) is followed as it is. With hardware timestamping the ingress is by the
 * network card, in TAI: usable only while phc2sys keeps CLOCK_REALTIME on it.
 *
 * When this ptp4l is itself the grandmaster, PTP time is its local clock.
 *
 * What ptp4l says is taken with care (all seen with 3.1.1): a dead grandmaster stays in its data sets for
 * ever, only the port state and the ingress tell; after a change of grandmaster the ingress moves on while
 * the offset is still the old one, until a path delay has been measured; of another domain it answers
 * nothing.
 */
#ifndef UNISONO_PTP4L_H
#define UNISONO_PTP4L_H

#include <stdint.h>

#include "clock.h"
#include "clockstatus.h"
#include "proto/mediaclock.h"

struct ptp4l;

/* Where ptp4l listens unless configured otherwise, in the order to try; NULL at the end. */
extern const char *const ptp4l_usual_paths[];

/*
 * `paths`, ended by NULL: sockets to try, at most 107 characters each; must stay valid. No ptp4l need run
 * yet. 0 or -ENOMEM.
 */
int ptp4l_open(struct ptp4l **out, const char *const *paths, uint8_t domain);

/* NULL is allowed. Leaves no socket file behind. */
void ptp4l_close(struct ptp4l *p);

/*
 * Waits up to half a second for an answer in the domain. 0: one came. Otherwise -errno as
 * clock_source_poll(), and status->reason.
 */
int ptp4l_probe(struct ptp4l *p, struct clock_source_status *status);

/*
 * Takes in the answers to the last poll's questions and asks the next; never waits. `now` has just been read.
 * The rest as clock_source_poll(). Time is `now` alone: connections are retried and silences judged by it.
 * The sample's master is left to the caller.
 *
 * With out == NULL ptp4l is only watched, whichever clock it steers: 1 at each Sync that it took in, and
 * whenever it is itself the grandmaster.
 */
int ptp4l_poll(struct ptp4l *p, const struct clock_pair *now, struct clock_sample *out,
               struct clock_source_status *status);

#endif
