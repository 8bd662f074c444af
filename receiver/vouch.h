// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Is the sender on our time? It says by RTCP which PTP domain and grandmaster it counts by (PROTOCOL.md
 * section 8); here that is held against our own. Another domain is another time: the stream is refused.
 * Another grandmaster of the same domain is told, but played: one of the two may just not have noticed the
 * change yet, or a boundary clock stands between. A sender that says nothing is trusted, as any AES67 sender
 * must be.
 *
 * Control thread only.
 */
#ifndef UNISONO_VOUCH_H
#define UNISONO_VOUCH_H

#include "control.h"
#include "playback.h"
#include "proto/host/stats.h"

struct vouch {
    struct control *control; /* NULL: nothing can be heard */
    const char *label;       /* what log lines begin with */
    uint32_t ssrc;           /* whom `heard` is of */
    bool known;              /* `heard` means something */
    struct rtcp_report heard;
    bool refused;
    bool gone;                  /* the sender said BYE, since the call before */
    bool differs, differs_told; /* the grandmasters, since, and the log says so */
    raw_ns since;
};

/* Listens, judges, and tells the log what changed. True: the stream of `status` is refused. */
bool vouch_run(struct vouch *v, const struct playback_status *status, const struct clock_map *map,
               raw_ns now);

/* sender_domain, sender_grandmaster, sender_holdover, refused */
void vouch_report(const struct vouch *v, struct stats *stats);

#endif
