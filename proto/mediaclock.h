// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The media clock: what PTP says, as a straight line over CLOCK_MONOTONIC_RAW.
 *
 * A clock source (proto/host/clock.h) delivers samples: pairs of raw and PTP time taken at one instant, with
 * the spread to expect of them. The estimator turns them into a map
 *
 *     ptp = ptp0 + (raw - raw0) * (1 + rate_dev)
 *
 * with a two-state Kalman filter (offset and rate): wide at the first samples, narrow later, without a
 * schedule. Samples that lie outside what the filter can explain are left out; when they persist, time was
 * stepped, and the map starts afresh under a new epoch number. The map is published as one snapshot and read
 * by the real-time thread, which does the same arithmetic for every card and packet.
 */
#ifndef UNISONO_MEDIACLOCK_H
#define UNISONO_MEDIACLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "timebase.h"

/* One reading of both clocks. sigma_ns: one standard deviation of ptp against raw, > 0. */
struct clock_sample {
    raw_ns raw;
    ptp_ns ptp;
    double sigma_ns;
};

enum media_clock_state {
    MEDIA_CLOCK_NONE,      /* no sample yet: the map says nothing */
    MEDIA_CLOCK_ACQUIRING, /* samples come, the rate is not known well yet */
    MEDIA_CLOCK_LOCKED,    /* fresh samples, uncertainty below the limit */
    MEDIA_CLOCK_HOLDOVER,  /* samples stopped: running on the last rate */
};

struct clock_map {
    raw_ns raw0;
    ptp_ns ptp0;
    double rate_dev;       /* PTP seconds per raw second, minus 1 */
    double uncertainty_ns; /* one sigma at raw0 */
    enum media_clock_state state;
    uint32_t epoch; /* grows by one whenever time was stepped */
};

/* Valid in every state but MEDIA_CLOCK_NONE. */
ptp_ns clock_map_ptp(const struct clock_map *map, raw_ns raw);
raw_ns clock_map_raw(const struct clock_map *map, ptp_ns ptp);

struct media_clock_config {
    double
        rate_walk_ppb; /* random walk of the rate between the two clocks, ppb per square root of a second */
    double lock_ns;    /* locked while one sigma is below this */
    int64_t stale_ns;  /* no sample for so long: holdover */
    int64_t step_ns;   /* an offset that persists and exceeds this is a step, never a slew */
};

/* Kalman filter over offset and rate; one per process. Plain data, no allocation. */
struct media_clock {
    struct media_clock_config config;
    struct clock_map map;
    double part;                            /* of a nanosecond beyond map.ptp0 */
    double offset_var, cross_var, rate_var; /* ns^2, ns^2/s, (ns/s)^2 */
    double spread_var;                      /* measured variance of the innovations, ns^2 */
    raw_ns newest;                          /* of the last sample used or refused */
    unsigned refused;                       /* samples outside the gate, in a row */
    unsigned since_start;                   /* samples used in this epoch */
    uint64_t samples, outliers, steps;
};

void media_clock_init(struct media_clock *clock, const struct media_clock_config *config);

/*
 * Takes one sample. Samples not newer than the last are ignored. Returns true when the map changed.
 * Arithmetic relative to the newest sample, so absolute times lose nothing.
 */
bool media_clock_sample(struct media_clock *clock, const struct clock_sample *sample);

/* Brings the state up to date when no sample came: LOCKED or ACQUIRING turns into HOLDOVER. */
void media_clock_tick(struct media_clock *clock, raw_ns now);

const char *media_clock_state_name(enum media_clock_state state);

#endif
