// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * One receiver: from what it says of itself (proto/roster.h keeps that) to what is shown of it, and to what
 * is wrong with it.
 *
 *     each report   member_hear()     what happened since the one before
 *     each second   member_show()     figures, by what the roster knows; then the model compares all members
 *                   member_judge()    alarms
 */
#ifndef UNISONO_MONITOR_MEMBER_H
#define UNISONO_MONITOR_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "alarm.h"
#include "proto/roster.h"
#include "view.h"

/* What a receiver may be. All limits belong to the user. */
struct monitor_limits {
    double alignment_us, headroom_ms, loss_percent;
};

/* The counters of one report, as far as it has them; mod 2^32. */
struct member_counts {
    bool telemetry; /* by telemetry; else by the report block, which knows of `lost` and `expected` only */
    uint32_t received, lost, late, xruns, starts;
    uint32_t expected, ssrc; /* of the block: highest sequence number, whose packets */
};

/* What happened between the last two reports. */
struct member_interval {
    bool known;
    double expected, lost, late;
    uint32_t xruns, starts;
};

struct member {
    bool used;
    unsigned session;
    struct member_counts counts;
    bool counted; /* `counts` means something */
    struct member_interval interval;
    bool fresh;         /* reported since the last second */
    bool silent, plays; /* as of member_show() */
    raw_ns not_playing; /* since when, though there is sound; 0: it plays, or there is none */
    struct alarm alarms[VIEW_ALARM_KINDS];
    struct view_receiver view; /* with its histories; without `apart_us` and `level` until they are known */
};

/* What a member's session has for all of them. */
struct member_context {
    raw_ns now;
    double time_s;
    const struct monitor_limits *limits;
    bool on_air;
    uint32_t rate_hz;
    raw_ns sound_since; /* it began, and all with it */
    bool has_reference; /* whose time is right, so that others are wrong */
    bool of_sender;     /* that is the sender's; else the majority's */
    struct rtcp_clock reference;
};

void member_begin(struct member *member, unsigned session);

/* It came back under another SSRC: what it counts begins anew. */
void member_return(struct member *member);

void member_hear(struct member *member, const struct rtcp_report *report);
void member_show(struct member *member, const struct roster_member *said, const struct member_context *on);
void member_judge(struct member *member, const struct roster_member *said, const struct member_context *on);

/* After member_show(): "NAME (CARD)", where the name alone is also another's. */
void member_add_device(struct member *member);

/* Whether people mean it when they say `name`: its name, its host, or CARD@HOST. */
bool member_is_called(const struct roster_member *said, const char *name);

#endif
