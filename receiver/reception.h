// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Reception: how a stream arrives, as RTCP tells it to the group: the report block of RFC 3550 section 6.4.1,
 * from what is counted of the stream anyway (appendices A.3 and A.8).
 */
#ifndef UNISONO_RECEPTION_H
#define UNISONO_RECEPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/rtcp.h"
#include "proto/timebase.h"
#include "stream.h"

/* All zero at the start. */
struct reception {
    uint32_t ssrc;              /* whose packets the next two count */
    int64_t expected, received; /* up to the last block */
    bool has_sr;
    uint32_t sr_ssrc; /* who sent the newest sender report */
    uint32_t lsr;
    raw_ns sr_arrival;
};

/* A sender report of this source came, with this NTP timestamp. */
void reception_sender_report(struct reception *r, uint32_t ssrc, uint64_t ntp, raw_ns arrival);

/*
 * Fills `block` for a report that is sent `now`. False when nothing of the stream came since the last one:
 * then there is nothing to report. The fraction lost counts from that one on.
 */
bool reception_block(struct reception *r, const struct stream *stream, raw_ns now, struct rtcp_block *block);

#endif
