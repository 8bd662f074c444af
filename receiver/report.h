// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Report: what the receiver says of itself, once a second: a line of statistics, a line for the service
 * manager, and in the log whatever changed.
 */
#ifndef UNISONO_REPORT_H
#define UNISONO_REPORT_H

#include "listener.h"
#include "playback.h"
#include "proto/host/netwatch.h"
#include "proto/host/service.h"
#include "proto/host/stats.h"
#include "proto/host/timekeeper.h"

/* What was told before; all zero at the start. */
struct report {
    struct playback_status before[RX_VOICES_MAX];
    unsigned told_codecs; /* bit n: codec n, which is not known here, was told of */
    unsigned told_rates;  /* likewise, rate codes */
    bool spoken;
};

/* What the receiver consists of, as far as it is reported. */
struct report_on {
    bool silent; /* there is no sound device: all is recorded only */
    struct listener *listeners;
    unsigned count; /* of them, 1 to RX_VOICES_MAX */
    const struct timekeeper *clock;
    const struct netwatch *network;
    struct service *service;
};

/*
 * The members of a line are of the card and of the first stream. Where there are several, the array `streams`
 * has them all.
 */
void report_second(struct report *report, const struct report_on *on, struct stats *stats);

/* Behind listener_stop(): the last line of statistics, which has the whole of what was counted. */
void report_last(struct report *report, const struct report_on *on, struct stats *stats);

#endif
