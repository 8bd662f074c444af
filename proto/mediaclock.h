// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The media clock: what PTP says, as a straight line over CLOCK_MONOTONIC_RAW.
 *
 * A clock source (proto/host/clocksource.h) delivers samples: pairs of raw and PTP time taken at one instant,
 * with the spread to expect of them, and whose time it is. The estimator turns them into a map
 *
 *     ptp = ptp0 + (raw - raw0) * (1 + rate_dev)
 *
 * with a two-state Kalman filter (offset and rate): wide at the first samples, narrow later, without a
 * schedule. The map is published as one snapshot and read by the real-time thread, which does the same
 * arithmetic for every card and packet.
 *
 * Nothing that happens to PTP may be heard. So the map never follows a doubt: when samples stop, when they
 * come from another grandmaster, or when they contradict what was known, it runs on at the last rate, and
 * what comes is gathered in a second filter, the candidate. Only when that one is sure the two are compared:
 *
 *     old  ----------.- - - - - - - - -       up to `slew_max_ns`: slewed at 20 ppm, which nobody hears
 *                     ` .                     (pitch is noticed from 2000 ppm on); all boxes do the same,
 *     new              . . . .`-----------    so they stay together meanwhile
 *
 *     further: a new epoch. The map jumps, and whoever plays fades and finds its place anew.
 *
 *   state        is entered when                                                         the map
 *   NO_PTP       at the start                                                            says nothing
 *   ACQUIRING    the first sample came; or a new epoch began; or doubt exceeds lock_ns   follows the samples
 *   LOCKED       4 samples and doubt (one sigma) below lock_ns; also while slewing       follows the samples
 *   HOLDOVER     the source says that its reference is gone, or no sample for stale_ns;  runs on at the last
 *                until the candidate of the same grandmaster is sure                     rate, doubt grows
 *   GM_CHANGED   samples come from another grandmaster; until its candidate is sure      runs on likewise
 *
 * That a grandmaster is named, or said to be present, enters nowhere: a dead one keeps both.
 */
#ifndef UNISONO_MEDIACLOCK_H
#define UNISONO_MEDIACLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "timebase.h"

#define CLOCK_DOMAIN_UNKNOWN 256

/* Whose time it is. */
struct clock_master {
    uint64_t gm_id;  /* its clock identity as one number; 0: nobody's but this machine's */
    uint16_t domain; /* PTP domain, or CLOCK_DOMAIN_UNKNOWN */
};

/* One reading of both clocks. sigma_ns: one standard deviation of ptp against raw, > 0. */
struct clock_sample {
    raw_ns raw;
    ptp_ns ptp;
    double sigma_ns;
    struct clock_master master;
};

enum media_clock_state {
    MEDIA_CLOCK_NO_PTP,
    MEDIA_CLOCK_ACQUIRING,
    MEDIA_CLOCK_LOCKED,
    MEDIA_CLOCK_HOLDOVER,
    MEDIA_CLOCK_GM_CHANGED,
};

struct clock_map {
    raw_ns raw0;
    ptp_ns ptp0;
    double rate_dev;       /* PTP seconds per raw second, minus 1; a slew included */
    double uncertainty_ns; /* one sigma at raw0, and what is still to be slewed */
    enum media_clock_state state;
    uint32_t epoch; /* grows by one whenever time jumped; 0: no time yet */
    struct clock_master master;
};

/* Valid in every state but MEDIA_CLOCK_NO_PTP. */
ptp_ns clock_map_ptp(const struct clock_map *map, raw_ns raw);
raw_ns clock_map_raw(const struct clock_map *map, ptp_ns ptp);

/* Whether sound can be placed by it: it is known and sure, or was until the reference was lost. */
bool clock_map_usable(const struct clock_map *map);

struct media_clock_config {
    double
        rate_walk_ppb;   /* random walk of the rate between the two clocks, ppb per square root of a second */
    double lock_ns;      /* locked while one sigma is below this */
    int64_t stale_ns;    /* no sample for so long: holdover */
    int64_t slew_max_ns; /* what is slewed; beyond, time jumps */
};

/*
 * Settings for the three kinds of source: the system clock, read within tens of nanoseconds, which a daemon
 * may slew by 500 ppm from one moment to the next; a network card's clock, which ptp4l steers some times a
 * second by fractions of a ppm; and ptp4l's own measurements, some microseconds of noise at 8 Hz between two
 * crystals that drift slowly.
 */
extern const struct media_clock_config media_clock_for_system, media_clock_for_phc, media_clock_for_ptp4l;

/* A straight line of PTP over raw time, and how much it may be off: two-state Kalman filter. */
struct clock_line {
    raw_ns raw0;
    ptp_ns ptp0;
    double part; /* of a nanosecond beyond ptp0, 0 <= part < 1 */
    double rate_dev;
    double offset_var, cross_var, rate_var; /* ns^2, ns^2/s, (ns/s)^2 */
    double spread_var;                      /* measured variance of the innovations, ns^2 */
    raw_ns began;
    unsigned used;    /* samples */
    unsigned refused; /* samples outside the gate, in a row */
};

/* One per process. Plain data, no allocation. */
struct media_clock {
    struct media_clock_config config;
    struct clock_map map;
    struct clock_line line;      /* what is followed */
    struct clock_line candidate; /* what may be followed next */
    bool comparing;              /* the candidate means something, or waits for its first sample */
    bool began;                  /* the candidate has its first sample */
    struct clock_master other;   /* whose the candidate is */
    double slew_ns;              /* map - line, still to be slewed */
    double slew_rate;            /* and how fast it is, parts of 1 */
    raw_ns newest;               /* of the last sample */
    raw_ns now;                  /* of the last call */
    raw_ns since;                /* when the present state was entered */
    uint64_t samples, outliers;
    uint64_t steps; /* times that time jumped */
    uint64_t slews; /* times that a difference was slewed instead */
    double step_ns; /* the last of either: new time minus old */
};

void media_clock_init(struct media_clock *clock, const struct media_clock_config *config);

/*
 * Takes one sample. Samples not newer than the last are ignored. Arithmetic relative to the newest sample, so
 * absolute times lose nothing. To be followed by media_clock_tick().
 */
void media_clock_sample(struct media_clock *clock, const struct clock_sample *sample);

/* The source says that its reference is gone: no waiting for stale_ns. */
void media_clock_lost(struct media_clock *clock, raw_ns now);

/* Brings the map up to date: state, doubt, slew. To be called some 16 times a second, sample or not. */
void media_clock_tick(struct media_clock *clock, raw_ns now);

/* "no-ptp", "acquiring", "locked", "holdover", "gm-changed" */
const char *media_clock_state_name(enum media_clock_state state);

#endif
