// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The host's clocks, and where PTP time comes from.
 *
 * Everything in Unisono is timed on CLOCK_MONOTONIC_RAW (raw_ns): nothing steps or slews it, and ALSA stamps
 * with it. But the kernel stamps packets with CLOCK_REALTIME and sleeps by CLOCK_MONOTONIC, so those are
 * mapped to raw here, by pairs of readings taken as close together as the machine allows:
 *
 *        raw  -----r1-------------r2----->      a pair: (r1 + r2) / 2 against t, true to (r2 - r1) / 2
 *   realtime  ---------- t -------------->      some 40 ns wide; the narrowest of a few is kept
 *
 * A clock source delivers samples (raw, ptp) of which the media clock (proto/mediaclock.h) makes a line:
 *
 *   system   PTP is CLOCK_REALTIME as it stands. Something else (ptp4l, phc2sys, chrony) must keep the
 * machines together, and nothing here proves that it does. ptp4l    asks a local ptp4l for the offset it
 * measured at the last Sync (proto/host/ptp4l.h). CLOCK_REALTIME need not follow PTP: works with
 * free_running, too.
 */
#ifndef UNISONO_CLOCK_H
#define UNISONO_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "proto/mediaclock.h"
#include "proto/ptpmgmt.h"
#include "proto/timebase.h"

/* ---- reading ---- */

raw_ns clock_raw_now(void);

/* One instant on both clocks: realtime_ns was read within width_ns / 2 of raw. */
struct clock_pair {
    raw_ns raw;
    int64_t realtime_ns;
    int64_t width_ns;
};

/* The narrowest of a few bracketed readings: about a microsecond, without a system call by the vDSO. */
void clock_pair_read(struct clock_pair *pair);

/* One standard deviation to expect of a pair, in nanoseconds; at least 5. */
double clock_pair_sigma(const struct clock_pair *pair);

/*
 * When a packet came, from its SO_TIMESTAMPNS stamp and a pair read after it. CLOCK_REALTIME may be slewed,
 * so the stamp should not be older than some milliseconds (500 ppm of 1 ms are 0.5 us). A stamp from the
 * future, or older than a second, says that the clock was stepped meanwhile or that there is no stamp: the
 * pair's own instant is returned.
 */
raw_ns clock_raw_of_stamp(const struct clock_pair *now, int64_t realtime_ns);

/*
 * Sleeps until `deadline`, never shorter; at once back when it has passed. 0, or -EINTR when a signal
 * handler ran.
 */
int clock_sleep_until(raw_ns deadline);

/* What is left until `deadline`, for ppoll() and its like; zero when it has passed. */
struct timespec clock_timeout(raw_ns now, raw_ns deadline);

/* ---- sources of PTP time ---- */

#define CLOCK_TEXT_MAX 256

/* For the status and the log. Strings are never NULL; "" where nothing is to say. */
struct clock_source_status {
    const char *kind;       /* "system", "ptp4l" */
    const char *port_state; /* "SLAVE" and so on; ptp4l only */
    int domain;             /* as asked for */
    bool proven; /* samples are measured against a grandmaster, or this machine is the grandmaster */
    bool gm_known;
    struct ptp_clock_id gm_id;
    char gm_text[PTP_CLOCK_ID_TEXT]; /* as in SDP */
    int64_t offset_ns;               /* local clock minus grandmaster at the last Sync */
    int64_t path_delay_ns;           /* mean, one way; 0: not known */
    int utc_offset_s;                /* TAI - UTC; means something only with ptp_timescale */
    bool utc_offset_valid;
    bool ptp_timescale;          /* false: the grandmaster's own timescale (linuxptp in software: UTC) */
    char socket[108];            /* of the ptp4l in use */
    char reason[CLOCK_TEXT_MAX]; /* why there are no samples just now */
    char note[CLOCK_TEXT_MAX];   /* what the user should know although samples come */
};

struct clock_source;

/*
 * `spec` is the value of --clock: auto, system, ptp4l or ptp4l:SOCKET; ptp_domain 0..255. auto is ptp4l when
 * one answers in that domain now (waits up to half a second for it), else system: decided once, here. A named
 * ptp4l need not run yet. Returns 0 with *out to be closed by the caller; -EINVAL: the spec is wrong,
 * -ENOTSUP: not available yet, -ENOMEM; err then holds one line.
 */
int clock_source_open(struct clock_source **out, const char *spec, int ptp_domain, char *err,
                      size_t err_size);

void clock_source_close(struct clock_source *source);

/*
 * To be called every 50-100 ms by an ordinary thread. Never waits. Returns 1: *out is a new sample; 0: none
 * now; -errno: the source cannot give any now, and status->reason says why; keep calling, it recovers by
 * itself. -ENOENT, -EACCES, -ECONNREFUSED: no ptp4l to talk to; -ETIMEDOUT: it does not answer; -EDOM: it is
 * in another domain; -ENODATA: it has no living grandmaster; -EXDEV: its clock is not this machine's system
 * clock; -ERANGE: its grandmaster tells an impossible time.
 */
int clock_source_poll(struct clock_source *source, struct clock_sample *out);

/* Valid until the source is closed; renewed by each poll. */
const struct clock_source_status *clock_source_status(const struct clock_source *source);

/* How the media clock should filter what this source delivers. */
void clock_source_advice(const struct clock_source *source, struct media_clock_config *config);

#endif
