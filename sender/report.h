// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Report: what the sender says of itself, once a second: a line of statistics, a line for the service
 * manager, and in the log whatever changed.
 */
#ifndef UNISONO_REPORT_H
#define UNISONO_REPORT_H

#include "proto/host/stats.h"
#include "proto/host/timekeeper.h"
#include "announce.h"
#include "audience.h"
#include "proto/host/netwatch.h"
#include "proto/host/service.h"
#include "send.h"
#include "transmit.h"

/* What was told before; all zero at the start. */
struct report {
    struct transmit_status before;
    struct tx_status told; /* the state in the log */
    bool state_told;
    struct send_counters net_before;
    bool spoken;
};

/* What the sender consists of, as far as it is reported. */
struct report_on {
    struct transmit *transmit;
    const struct sender *sender;
    const struct timekeeper *clock;
    struct audience *audience;
    const struct netwatch *network;
    const struct announce *announce;
    struct service *service;
    const char *stream;  /* "L24 48 kHz 2 ch to 239.69.83.1:5004" */
    const char *missing; /* receivers that the start waits for; "": none */
};

/* Several times a second: tells the log of a change of state. */
void report_state(struct report *report, const struct tx_status *now);

void report_second(struct report *report, const struct report_on *on, struct stats *stats);

/* Behind transmit_stop(): the last line of statistics, which has the whole of what was counted. */
void report_last(struct report *report, const struct report_on *on, struct stats *stats);

#endif
