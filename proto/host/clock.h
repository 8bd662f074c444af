// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The host's clocks.
 *
 * Everything in Unisono is timed on CLOCK_MONOTONIC_RAW (raw_ns): nothing steps or slews it, and ALSA stamps
 * with it. But the kernel stamps packets with CLOCK_REALTIME and sleeps by CLOCK_MONOTONIC, so those are
 * mapped to raw here, by pairs of readings taken as close together as the machine allows:
 *
 *        raw  -----r1-------------r2----->      a pair: (r1 + r2) / 2 against t, true to (r2 - r1) / 2
 *   realtime  ---------- t -------------->      some 40 ns wide; the narrowest of a few is kept
 */
#ifndef UNISONO_CLOCK_H
#define UNISONO_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "proto/timebase.h"

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

#endif
