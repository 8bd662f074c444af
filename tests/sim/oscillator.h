// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A crystal: what a clock that counts by it says at a true instant, and when it says it. Its frequency is off
 * by a constant, swings with the room's temperature, ramps while a box warms up, and walks at random. The
 * frequency is constant between two calls of oscillator_advance(), 100 ms apart.
 *
 * True time is nanoseconds since the world began. So is the crystal's own time.
 */
#ifndef UNISONO_SIM_OSCILLATOR_H
#define UNISONO_SIM_OSCILLATOR_H

#include <stdint.h>

#include "chance.h"

struct oscillator_config {
    double ppm; /* NaN: drawn from +-spread_ppm */
    double spread_ppm;
    double walk_ppb;                      /* random walk, ppb per square root of a second */
    double wander_ppm, wander_s;          /* swing: amplitude and period */
    double ramp_ppm, ramp_from_s, ramp_s; /* so much more, beginning there, within so long */
};

struct oscillator {
    struct oscillator_config config;
    struct chance chance;
    double phase; /* of the swing, turns */
    double walk;  /* so far, parts of 1 */
    int64_t t0;   /* true instant from which on */
    int64_t own0; /* its time was this, */
    double part;  /* and so much of a nanosecond, */
    double rate;  /* and runs fast by so much */
};

void oscillator_init(struct oscillator *o, const struct oscillator_config *config, struct chance chance);

/* Another frequency from true instant t on. Never back in time. */
void oscillator_advance(struct oscillator *o, int64_t t);

/* What it says at true instant t, not before the last advance; *part gets the rest of a nanosecond. */
int64_t oscillator_own(const struct oscillator *o, int64_t t, double *part);

/* When it says `own` + part. Before the last advance it is as if it had always run at the present rate. */
int64_t oscillator_true(const struct oscillator *o, int64_t own, double own_part, double *part);

#endif
