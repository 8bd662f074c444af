// SPDX-License-Identifier: GPL-3.0-or-later
/* Numbers as they are shown on a line: figures of bounded width, sparklines, level meters. */
#ifndef UNISONO_MONITOR_GAUGE_H
#define UNISONO_MONITOR_GAUGE_H

#include <stdbool.h>

#include "line.h"
#include "view.h"

#define FIGURE_SIZE 24

/* What of several seconds that share one sign is shown. */
enum gauge_worst { GAUGE_HIGHEST, GAUGE_LOWEST, GAUGE_LARGEST /* magnitude */ };

/*
 * Writes `value` with as many as `decimals` as fit into `width` (3 to 20) characters; beyond that in k, M, G
 * or T, at last as "huge" or "-huge". "-" when it is not known. `sign`: "+" before what is above 0. Returns
 * `text`.
 */
const char *gauge_figure(char text[FIGURE_SIZE], double value, unsigned width, unsigned decimals, bool sign);

/* The same without a bound that anybody would reach. */
const char *gauge_plain(char text[FIGURE_SIZE], double value, unsigned decimals);

/* As few digits as tell it, six at most: of what somebody has set, such as a latency. */
const char *gauge_short(char text[FIGURE_SIZE], double value);

/* The worst of a whole history: the highest, lowest or largest; NAN when nothing is known. */
double gauge_worst_of(const struct view_history *history, enum gauge_worst worst);

/*
 * Appends all seconds of a history in at most `columns` signs, newest last, each sign the worst of as many
 * seconds as it stands for. The highest sign is `full`; '!' is what lies outside 0 to `full`, a space what is
 * not known. UTF-8 blocks, or signs of ASCII of growing weight.
 */
void gauge_spark(struct line *line, const struct view_history *history, unsigned columns, double full,
                 enum gauge_worst worst);

/*
 * Appends the peaks of the channels, each a bar over 60 dB and its figure, or where there are too many for
 * that one sign each and the loudest figure; '!' at full scale.
 */
void gauge_levels(struct line *line, const float *peaks_db, unsigned channels);

#endif
