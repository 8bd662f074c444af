// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Report: what the receiver says of itself, once a second: a line of statistics, and in the log whatever
 * changed.
 */
#ifndef UNISONO_REPORT_H
#define UNISONO_REPORT_H

#include "playback.h"
#include "proto/host/stats.h"
#include "proto/host/timekeeper.h"
#include "recv.h"

/* What was told before; all zero at the start. */
struct report {
    struct playback_status before;
    bool spoken;
};

void report_second(struct report *report, struct playback *playback, const struct receiver *receiver,
                   const struct timekeeper *clock, struct stats *stats);

#endif
