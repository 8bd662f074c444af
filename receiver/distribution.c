// SPDX-License-Identifier: GPL-3.0-or-later
#include "distribution.h"

#include <math.h>

/* The first two octaves hold 0 to 31, one value each; those above, sixteen counters of equal width each. */
static unsigned counter_of(uint64_t magnitude)
{
    unsigned octave = 0;

    while (magnitude >= 2 * DISTRIBUTION_STEPS && octave < DISTRIBUTION_OCTAVES - 2) {
        magnitude >>= 1;
        octave++;
    }
    if (magnitude >= 2 * DISTRIBUTION_STEPS)
        magnitude = 2 * DISTRIBUTION_STEPS - 1;
    return octave * DISTRIBUTION_STEPS + (unsigned)magnitude;
}

static double middle_of(unsigned counter)
{
    unsigned octave = counter < 2 * DISTRIBUTION_STEPS ? 0 : counter / DISTRIBUTION_STEPS - 1;
    double low = counter - octave * DISTRIBUTION_STEPS;

    return octave == 0 ? low : ldexp(low + 0.5, (int)octave);
}

void distribution_add(struct distribution *t, int64_t value)
{
    if (value < 0)
        t->below[counter_of(-(uint64_t)value)]++;
    else
        t->above[counter_of((uint64_t)value)]++;
}

static uint32_t since(const uint32_t *now, const uint32_t *before, unsigned i)
{
    return now[i] - before[i];
}

static uint64_t count(const struct distribution *now, const struct distribution *before)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < DISTRIBUTION_COUNTERS; i++)
        all += (uint64_t)since(now->above, before->above, i) + since(now->below, before->below, i);
    return all;
}

/* How many must have been passed: at least one. */
static uint64_t rank_of(double part, uint64_t all)
{
    double rank = ceil(part * (double)all);

    return rank < 1 ? 1 : rank > (double)all ? all : (uint64_t)rank;
}

double distribution_quantile(const struct distribution *now, const struct distribution *before, double part)
{
    uint64_t all = count(now, before), rank = rank_of(part, all), passed = 0;

    if (!all)
        return NAN;
    for (unsigned i = DISTRIBUTION_COUNTERS; i-- > 0;) {
        passed += since(now->below, before->below, i);
        if (passed >= rank)
            return -middle_of(i);
    }
    for (unsigned i = 0; i < DISTRIBUTION_COUNTERS; i++) {
        passed += since(now->above, before->above, i);
        if (passed >= rank)
            return middle_of(i);
    }
    return NAN; /* not reached: all were passed */
}

double distribution_magnitude(const struct distribution *now, const struct distribution *before, double part)
{
    uint64_t all = count(now, before), rank = rank_of(part, all), passed = 0;

    for (unsigned i = 0; all && i < DISTRIBUTION_COUNTERS; i++) {
        passed += (uint64_t)since(now->above, before->above, i) + since(now->below, before->below, i);
        if (passed >= rank)
            return middle_of(i);
    }
    return NAN;
}
