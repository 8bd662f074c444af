// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Head: reads the timeline at a place of its own, as the head of a tape machine does, and makes frames for
 * the card: of the mixes that its router makes, until they are spread to the card's channels.
 *
 *     timeline --> route --> conceal --> resample --> spread
 *
 * A voice has two of them, so that it can go from one place to another, as when its delay is changed, by a
 * crossfade. Nothing is allocated after head_init().
 */
#ifndef UNISONO_HEAD_H
#define UNISONO_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conceal.h"
#include "intake.h"
#include "proto/resample.h"
#include "proto/timebase.h"
#include "route.h"

enum { HEAD_FEED_FRAMES = 4096 /* most that is gathered for one block */ };

struct head {
    struct router *router;
    struct conceal *conceal;
    struct resampler *resampler;
    unsigned width;     /* mixes */
    uint32_t rate_hz;   /* of the stream */
    int64_t link_ns;    /* from a sample's media time to its playout by this head */
    media_t base;       /* media sample of the resampler's input frame 0 */
    media_t next;       /* next media sample to gather */
    float *feed;        /* gathered, not yet taken by the resampler */
    size_t feed_count;  /* frames */
    float *read;        /* what is read from the timeline at a time */
    double step;        /* media frames per card frame in the newest block, or in the first to come */
    size_t step_frames; /* card frames in it */
    uint64_t concealed; /* media frames replaced inside the stream */
};

/* Returns 0, or -ENOMEM; head_free() takes what is left of it. */
int head_init(struct head *head, unsigned card_channels, enum resample_quality quality);
void head_free(struct head *head);

/* Places it so that the next card frame carries the media position `at`, `step` media frames a card frame. */
void head_place(struct head *head, struct intake *intake, const struct route *route, struct media_pos at,
                double step);

/* Places it where another one is, which sounds: with the past in its filters, so that the two make the same
 * of what they route alike. */
void head_join(struct head *head, const struct head *other, struct intake *intake, const struct route *route);

/* The media position of the next card frame. */
struct media_pos head_position(const struct head *head);

/* How many card frames can be made at `step` of what is there without a hole. Behind a stream's end is none.
 */
size_t head_yield(const struct head *head, const struct intake *intake, double step);

/* The most that fits one block. */
size_t head_block(const struct head *head, double step);

/*
 * Makes `frames` frames of head->width mixes, at most head_block(), at `step`. Holes are concealed; with
 * `force_hole` all is a hole, since the timeline may belong to another stream already. Returns 0; -EIO when
 * the resampler failed, and then `out` is silence.
 */
int head_run(struct head *head, struct intake *intake, size_t frames, double step, bool force_hole,
             float *out);

#endif
