// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The choir: all judges together. For every window it compares those converters that gave out sound:
 * the earliest against the latest, which is "between any two receivers" at its worst.
 */
#ifndef UNISONO_SIM_CHOIR_H
#define UNISONO_SIM_CHOIR_H

#include <stdint.h>
#include <stdio.h>

#include "judge.h"

/* Magnitudes of time errors, in bins of 1 %: quantiles to 1 %, the largest exactly. */
enum { SPREAD_BINS = 3000 };

struct spread {
    uint64_t bin[SPREAD_BINS];
    uint64_t count;
    double worst;
};

void spread_add(struct spread *s, double value_ns);
double spread_quantile(const struct spread *s, double q); /* NaN when it is empty */

struct choir {
    struct judge *const *judges;
    unsigned count;
    int64_t window_ns;
    int64_t from, to;           /* windows that are compared */
    int64_t next;               /* the next one */
    struct spread apart, clock; /* between any two; and each against the clock */
    int64_t worst_at;           /* window of the worst, */
    unsigned early, late;       /* and who they were */
    FILE *csv;                  /* or NULL */
    int64_t csv_every;          /* windows a row */
    double csv_apart;           /* worst since the last row */
};

/* Compares every window that all judges have closed. */
void choir_compare(struct choir *c);

#endif
