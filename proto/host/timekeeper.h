// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The timekeeper: a clock source and the media clock made of it, as the control thread of either end runs
 * them. It tells in the log when the clock is found, lost or stepped.
 */
#ifndef UNISONO_TIMEKEEPER_H
#define UNISONO_TIMEKEEPER_H

#include <stddef.h>

#include "../mediaclock.h"
#include "clocksource.h"
#include "stats.h"

#define TIMEKEEPER_INTERVAL_MS 60 /* how often to run it */

struct timekeeper;

/* `spec` and `domain` as for clock_source_open(). 0, or -errno and one line in `err`. */
int timekeeper_open(struct timekeeper **keeper, const char *spec, int domain, char *err, size_t err_size);
void timekeeper_close(struct timekeeper *keeper);

/* Asks the source once and brings the media clock up to date; the map is valid until the next call. */
const struct clock_map *timekeeper_run(struct timekeeper *keeper);

/* As timekeeper_run() last returned it. */
const struct clock_map *timekeeper_map(const struct timekeeper *keeper);

/* What is known of the source. */
const struct clock_source_status *timekeeper_source(const struct timekeeper *keeper);

/* The clock's part of a line of statistics. */
void timekeeper_report(const struct timekeeper *keeper, struct stats *stats);

#endif
