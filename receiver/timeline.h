// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The timeline: a ring of frames indexed by media time.
 *
 *        floor                    newest
 *          v                        v
 *     .....|##########..########....|.......       # present   . absent
 *          +------- capacity -----------------
 *
 * A packet is written where its time stamp says it belongs. So reordering and duplicates, or a second copy
 * over another network, need no code of their own; a frame that comes after its turn lies below the floor,
 * and one that claims to be too far ahead lies beyond the capacity: both are refused and counted, nothing
 * grows.
 */
#ifndef UNISONO_TIMELINE_H
#define UNISONO_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/timebase.h"

struct timeline;

/* Where a packet's frames go: at most two stretches of the ring, interleaved floats. */
struct timeline_slot {
    size_t skip;      /* leading frames of the packet that come too late */
    size_t frames[2]; /* frames in each stretch; the second may be 0 */
    float *area[2];
};

/*
 * Allocates room for `samples` floats in all, whatever the channel count will be (a power of two). NULL when
 * memory is short.
 */
struct timeline *timeline_create(size_t samples);
void timeline_destroy(struct timeline *t);

/* Empties the ring for a stream of `channels`; nothing before `floor` will be taken. */
void timeline_reset(struct timeline *t, unsigned channels, media_t floor);

/* How many frames ahead of the floor the ring can hold. */
size_t timeline_capacity(const struct timeline *t);

/*
 * Marks `frames` frames from `at` as present and tells where the caller must store them at once. Returns 0;
 * -ETIME when all lie below the floor; -EOVERFLOW when any lies beyond the capacity; -EEXIST when all are
 * there already.
 */
int timeline_claim(struct timeline *t, media_t at, size_t frames, struct timeline_slot *slot);

/* How many frames from `at` on are present (absent) without interruption, counting no further than `limit`.
 */
size_t timeline_present(const struct timeline *t, media_t at, size_t limit);
size_t timeline_absent(const struct timeline *t, media_t at, size_t limit);

/* Copies `frames` present frames from `at` on. */
void timeline_read(const struct timeline *t, media_t at, float *out, size_t frames);

/* Raises the floor to `floor`: what lies below is forgotten. Never lowers it. */
void timeline_release(struct timeline *t, media_t floor);

/* The first frame that is not too late. */
media_t timeline_floor(const struct timeline *t);

/* The frame after the newest one present; the floor when the ring is empty. */
media_t timeline_newest(const struct timeline *t);

#endif
