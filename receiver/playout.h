// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Playout: which sample at which instant. The chain from a card's frame to the media timeline,
 *
 *   frame n  --observer-->  raw time  --media clock-->  PTP time  - link offset  -->  media position
 *
 * and the one decision that follows from it: by how much the resampler must step so that what leaves the
 * converter stays where PTP says it belongs. It is feed-forward: the resampler's position is known exactly,
 * so no queue and no measured delay stands in a loop.
 */
#ifndef UNISONO_PLAYOUT_H
#define UNISONO_PLAYOUT_H

#include "proto/mediaclock.h"
#include "proto/observer.h"
#include "proto/timebase.h"

/* One card, one stream, as both are known at this moment. */
struct playout {
    struct card_line line;
    struct clock_map map;
    int64_t link_ns;  /* from a sample's media time to its playout here: sender's latency + own delay */
    uint32_t rate_hz; /* of the stream */
};

/* The media position that must leave the converter as the card's frame `n`. */
struct media_pos playout_wanted(const struct playout *p, frame_t n);

/* Media frames per card frame that keep this in step: the product of the three observed rates. */
double playout_step(const struct playout *p);

/* The card's frame, rounded down, at which a media sample is due. */
frame_t playout_frame_due(const struct playout *p, media_t m);

#endif
