// SPDX-License-Identifier: GPL-3.0-or-later
#include "histogram.h"

#include <assert.h>
#include <math.h>
#include <string.h>

void histogram_init(struct histogram *h)
{
    memset(h, 0, sizeof *h);
}

/* The first octave holds 0 to 63, one value each; octave o > 0 what lies from 64 * 2^(o-1) to 64 * 2^o. */
static void place(int64_t ns, unsigned *octave, unsigned *step)
{
    uint64_t value = (uint64_t)ns;

    *octave = 0;
    while (value >= 2 * HISTOGRAM_STEPS) {
        value >>= 1;
        ++*octave;
    }
    if (value >= HISTOGRAM_STEPS) {
        value -= HISTOGRAM_STEPS;
        ++*octave;
    }
    *step = (unsigned)value;
    if (*octave >= HISTOGRAM_OCTAVES) {
        *octave = HISTOGRAM_OCTAVES - 1;
        *step = HISTOGRAM_STEPS - 1;
    }
}

static int64_t upper_end(unsigned octave, unsigned step)
{
    if (octave == 0)
        return step;
    return ((int64_t)(HISTOGRAM_STEPS + step + 1) << (octave - 1)) - 1;
}

void histogram_add(struct histogram *h, int64_t ns)
{
    unsigned octave, step;

    if (!h->total || ns < h->min_ns)
        h->min_ns = ns;
    if (!h->total || ns > h->max_ns)
        h->max_ns = ns;
    h->total++;
    if (ns < 0) {
        h->negative++;
        return;
    }
    place(ns, &octave, &step);
    h->counts[octave][step]++;
}

int64_t histogram_quantile(const struct histogram *h, double part)
{
    uint64_t rank = (uint64_t)ceil(part * (double)h->total), passed = h->negative;

    if (!h->total || rank > h->total)
        return h->max_ns;
    if (rank <= passed)
        return h->min_ns;
    for (unsigned octave = 0; octave < HISTOGRAM_OCTAVES; octave++)
        for (unsigned step = 0; step < HISTOGRAM_STEPS; step++) {
            int64_t end = upper_end(octave, step);

            passed += h->counts[octave][step];
            if (passed >= rank)
                return end < h->min_ns ? h->min_ns : end > h->max_ns ? h->max_ns : end;
        }
    return h->max_ns;
}

void bars_init(struct bars *b, const int64_t *edges, unsigned count)
{
    assert(count < BARS_MAX);
    *b = (struct bars){.edges = edges, .count = count};
}

void bars_add(struct bars *b, int64_t ns)
{
    unsigned low = 0, high = b->count;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (ns < b->edges[middle])
            high = middle;
        else
            low = middle + 1;
    }
    b->bar[low]++;
}
