// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The distribution of signed numbers, counted without ever beginning anew: whoever wants to know how they
 * were lately keeps an older copy and asks for the difference. So any number of readers, each with a rhythm
 * of its own, need nothing of the thread that counts but the copies.
 *
 * Counters are a sixteenth of an octave wide, so a quantile is within 4 % of the truth; up to 32 it is exact.
 */
#ifndef UNISONO_DISTRIBUTION_H
#define UNISONO_DISTRIBUTION_H

#include <stdint.h>

enum {
    DISTRIBUTION_STEPS = 16,
    DISTRIBUTION_OCTAVES = 23, /* magnitudes to 2^26; larger ones count as that */
    DISTRIBUTION_COUNTERS = DISTRIBUTION_STEPS * DISTRIBUTION_OCTAVES
};

/* All zero at the start; counters wrap. */
struct distribution {
    uint32_t above[DISTRIBUTION_COUNTERS]; /* 0 and above */
    uint32_t below[DISTRIBUTION_COUNTERS]; /* by magnitude */
};

void distribution_add(struct distribution *all, int64_t value);

/*
 * The value, or the magnitude, that `part` (0 to 1) of all between the two copies do not exceed: the middle
 * of its counter. NAN when there were none.
 */
double distribution_quantile(const struct distribution *now, const struct distribution *before, double part);
double distribution_magnitude(const struct distribution *now, const struct distribution *before, double part);

#endif
