// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * One group and port, an RTP session (RFC 3550 section 3): its description, its sender, its sound as the
 * witness hears it, and how its receivers stand to each other.
 */
#ifndef UNISONO_MONITOR_SESSION_H
#define UNISONO_MONITOR_SESSION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "member.h"
#include "proto/roster.h"
#include "proto/sdp.h"
#include "testimony.h"
#include "witness.h"

#define SESSION_NOBODY SIZE_MAX

struct session {
    bool used;
    bool kept; /* asked for: never forgotten */
    struct sockaddr_in group;
    raw_ns heard; /* anything of it, or its announcement */
    raw_ns began; /* to be watched */

    bool described;   /* `sdp` means something */
    raw_ns announced; /* last; described */
    struct sdp_stream sdp;

    size_t sender; /* place in the roster, or SESSION_NOBODY */
    bool left;     /* by BYE */
    uint32_t ssrc;
    raw_ns ssrc_since;
    raw_ns sound_since;  /* its sound began anew: with another SSRC, by INIT, or after a standby */
    bool standby;        /* as its sender said last, */
    bool stood_by;       /* and as it was a second ago */
    uint32_t packets;    /* as the newest sender report counts them, */
    raw_ns packets_grew; /* and when that grew; 0: never */
    uint32_t rival_ssrc; /* another that sends, by RTCP */
    uint64_t rival_source;
    raw_ns rival_at; /* 0: none */

    bool witnessed; /* by ourselves, */
    struct witness witness;
    bool recorded; /* or by a recording */
    struct testimony testimony;

    raw_ns silent_since;      /* though announced; 0: it is not */
    double least_headroom_ms; /* since ssrc_since */
    struct alarm alarms[VIEW_ALARM_KINDS];
    struct view_history aparts, headrooms;
};

void session_begin(struct session *session, const struct sockaddr_in *group, bool kept, bool witnessed,
                   raw_ns now);

/* An announcement stands. */
void session_describe(struct session *session, const struct sdp_stream *sdp, raw_ns now);

/* A compound of somebody who sends, or wants to: whose place in the roster is `place`. `newest` when its
 * present sender was last heard of. */
void session_sender_says(struct session *session, size_t place, const struct rtcp_report *report,
                         uint64_t source, const struct roster_member *present, raw_ns now);

/* What a second was like; the receivers' figures are there, but for how far they are apart. */
struct session_second {
    raw_ns now;
    double time_s, seconds;
    const struct clock_map *map;
    const struct monitor_limits *limits;
    const struct roster *roster;
    struct member *members; /* by place in the roster */
    const uint32_t *places; /* of the session's receivers, */
    size_t count;
    float *room; /* for as many numbers */
};

/* First: sender, description, sound. Fills `view` and what members have to know. */
void session_show(struct session *session, const struct session_second *second, struct view_stream *view,
                  struct member_context *context);

/* Then, when the members are shown: alignment, and their apart_us. */
void session_compare(struct session *session, const struct session_second *second, struct view_stream *view);

/* Last, when they are judged. */
void session_judge(struct session *session, const struct session_second *second, struct view_stream *view);

/* Nobody asked for it, nobody announces it, and nothing was heard for a minute. */
bool session_is_over(const struct session *session, raw_ns now);

#endif
