// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Where PTP time comes from. A source delivers samples (raw, ptp) of which the media clock
 * (proto/mediaclock.h) makes a line:
 *
 *   ptp4l    asks a local ptp4l for the offset it measured at the last Sync (proto/host/ptp4l.h). Neither the
 *            system clock nor the network card's need follow PTP.
 *   phc      reads the network card's own clock (proto/host/phc.h), which ptp4l steers: the best there is.
 *   system   CLOCK_REALTIME. Something else (ptp4l in software, phc2sys, chrony) must keep the machines
 * together. auto     ptp4l when one answers; until then system.
 *
 * For phc and system, a ptp4l that answers is watched beside: it tells the grandmaster and whether it lives,
 * and it proves that the clock follows. It also decides the timescale of system: where ptp4l is synchronized
 * to a grandmaster on the PTP timescale (TAI), CLOCK_REALTIME is UTC, and TAI - UTC as ptp4l knows it is
 * added; otherwise CLOCK_REALTIME is taken as it stands. CLOCK_TAI is never asked: it is 37 s off, silently,
 * on most machines.
 */
#ifndef UNISONO_CLOCKSOURCE_H
#define UNISONO_CLOCKSOURCE_H

#include <stddef.h>

#include "clockstatus.h"
#include "proto/mediaclock.h"

struct clock_source;

/*
 * `spec` is the value of --clock: auto, system, ptp4l, ptp4l:SOCKET, phc:DEVICE or phc:INTERFACE; ptp_domain
 * 0..255. auto waits up to half a second for a ptp4l to answer. A named ptp4l need not run yet; a PHC must be
 * there. Returns 0 with *out to be closed by the caller; -EINVAL: the spec is wrong, -ENOMEM, or why the PHC
 * cannot be used; err then holds one line.
 */
int clock_source_open(struct clock_source **out, const char *spec, int ptp_domain, char *err,
                      size_t err_size);

/* NULL is allowed. */
void clock_source_close(struct clock_source *source);

/*
 * To be called every 50-100 ms by an ordinary thread. Never waits. Returns 1: *out is a new sample; 0: none
 * now; -errno: the reference is gone, and status->reason says why; keep calling, it recovers by itself.
 * -ENOENT, -EACCES, -ECONNREFUSED: no ptp4l to talk to; -ETIMEDOUT: it does not answer; -EDOM: it is in
 * another domain; -ENODATA: it has no living grandmaster; -EXDEV: its clock is not this machine's system
 * clock; -ERANGE: its grandmaster tells an impossible time; -ENODEV: the PHC is gone.
 */
int clock_source_poll(struct clock_source *source, struct clock_sample *out);

/* Valid until the source is closed; renewed by each poll. */
const struct clock_source_status *clock_source_status(const struct clock_source *source);

/* How the media clock should filter what this source delivers; auto may change it. */
void clock_source_advice(const struct clock_source *source, struct media_clock_config *config);

#endif
