// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Durations by the million in constant memory: counters whose width is a 64th of their value, so that each
 * quantile is right within 1.6 %; extremes and the sum are exact. Below 0 there is one counter only.
 */
#ifndef UNISONO_REPLAY_HISTOGRAM_H
#define UNISONO_REPLAY_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_STEPS = 64,   /* counters an octave */
    HISTOGRAM_OCTAVES = 42, /* up to 2^42 ns, 73 minutes; what is longer counts as that */
};

struct histogram {
    uint64_t counts[HISTOGRAM_OCTAVES][HISTOGRAM_STEPS];
    uint64_t total, negative;
    int64_t min_ns, max_ns;
};

void histogram_init(struct histogram *histogram);
void histogram_add(struct histogram *histogram, int64_t ns);

/*
 * The value that `part` (0 to 1) of all do not exceed: the upper end of its counter, never beyond the
 * extremes. 0 when the histogram is empty.
 */
int64_t histogram_quantile(const struct histogram *histogram, double part);

/* Counters between fixed edges, for tables that people read: bar i counts edges[i-1] <= x < edges[i]. */
enum { BARS_MAX = 40 };

struct bars {
    const int64_t *edges; /* ascending; not owned */
    unsigned count;       /* of edges, below BARS_MAX; there is one bar more */
    uint64_t bar[BARS_MAX];
};

void bars_init(struct bars *bars, const int64_t *edges, unsigned count);
void bars_add(struct bars *bars, int64_t ns);

#endif
