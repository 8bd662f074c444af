// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Gauge: what the receiver says about itself, gathered by its control thread for two readers with rhythms of
 * their own: the line of statistics each second, and the telemetry that RTCP carries whenever it is its turn.
 *
 *     gauge_extremes()                  each cycle: those that the real-time thread hands over
 *     gauge_line()                      each second
 *     gauge_telemetry(), then gauge_reported()   with each report
 */
#ifndef UNISONO_GAUGE_H
#define UNISONO_GAUGE_H

#include "playback.h"
#include "proto/host/clockstatus.h"
#include "proto/mediaclock.h"
#include "proto/telemetry.h"

struct gauge {
    struct playback_extremes line, report; /* since the line, the report before */
    struct rx_distributions distributions; /* as of the report before */
    raw_ns reported;
};

/* What the receiver knows of itself just now. */
struct gauge_on {
    const struct playback_status *status;
    const struct rx_distributions *distributions;
    const struct clock_map *map;
    const struct clock_source_status *clock;
    unsigned channels; /* of its card */
    int64_t delay_ns;  /* its own */
    bool refused;
    bool witness; /* there is no card: it listens only */
};

void gauge_init(struct gauge *gauge, raw_ns now);
void gauge_extremes(struct gauge *gauge, const struct playback_extremes *extremes);

/* The extremes since the line before. */
void gauge_line(struct gauge *gauge, struct playback_extremes *extremes);

/* One sigma of how far the output may be from PTP time, ns: clock, card and playout are independent. */
double gauge_budget_ns(const struct rx_status *rx, const struct clock_map *map);

/* How it fared since the report before. */
void gauge_telemetry(const struct gauge *gauge, const struct gauge_on *on, raw_ns now,
                     struct telemetry *telemetry);

/* That was said: a new interval begins. */
void gauge_reported(struct gauge *gauge, const struct rx_distributions *distributions, raw_ns now);

#endif
