// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Decode: the way to the timeline for packets of a codec with memory (codec.h), which come in any order, and
 * must be decoded in one.
 *
 *     packets --> next in order? --> decoder --> timeline
 *                  |           ^
 *                  no          | once what is missing came, or was made up
 *                  '--> store -'
 *
 * What is next is decoded at once. What is ahead waits in a store, sorted by its time. When frames are about
 * to be played that are not there (decode_need()), they are made up: by what the packet behind the hole
 * repeats of it (FEC), else by the decoder's concealment, whole packets at a time, but no more than 60 ms of
 * it: then the hole is left to the ordinary fade, and the sound goes on with the next packet there is.
 *
 * Decoding costs far more than a packet costs its sender, so it has a budget: twice the sound that time
 * passes, by when packets come, and 250 ms at once. What comes faster waits in the store. What is about to be
 * played is decoded all the same, up to two seconds in advance of the budget.
 *
 * Pure; nothing is allocated after decode_init().
 */
#ifndef UNISONO_DECODE_H
#define UNISONO_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/codec.h"
#include "proto/timebase.h"
#include "timeline.h"

enum {
    DECODE_STORE = 64,                         /* packets that wait; 160 ms of the shortest */
    DECODE_MADE_UP_MAX = 24 * CODEC_OPUS_STEP, /* frames in a row: 60 ms */
    DECODE_AT_ONCE = CODEC_OPUS_RATE_HZ / 4,   /* frames */
    DECODE_ADVANCE = 2 * CODEC_OPUS_RATE_HZ    /* frames */
};

struct decode_packet {
    media_t at;
    size_t frames, len;
    bool late; /* and counted as that */
    uint8_t payload[RTP_PAYLOAD_MAX];
};

struct decode {
    struct decoder *decoder;     /* owned */
    struct decode_packet *store; /* owned, DECODE_STORE; in no order */
    uint8_t order[DECODE_STORE]; /* of store: the first `waiting` by their time, then those free */
    unsigned waiting;
    float *sound;       /* owned: one packet's */
    bool unlimited;     /* no thread waits: there is no budget. To be set behind decode_init() */
    int64_t credit;     /* frames of it that are left; below 0: in advance */
    raw_ns credited_at; /* when a packet last came */
    bool running;       /* `next` is known */
    media_t next;       /* the frame behind the last one decoded or made up */
    size_t unit;        /* frames of the last packet */
    size_t run;         /* frames made up since then */
    unsigned channels;
    uint64_t made_up;   /* frames that were concealed by the decoder */
    uint64_t recovered; /* frames that FEC brought back */
    uint64_t broken;    /* packets that could not be decoded, but for those that were late */
};

/* Returns 0, or -ENOMEM; decode_free() takes what is left of it. */
int decode_init(struct decode *d);
void decode_free(struct decode *d);

/* Another stream, or the same anew, of one or two channels: nothing waits. The budget stays as it is. */
void decode_start(struct decode *d, unsigned channels);

/*
 * A packet of `frames` frames for `at` that codec_frames() found right, and that came at `arrival`. What lies
 * before `played` has been played: what is missing there is not waited for. Returns 0; -ETIME when the
 * packet's place has been played, made up or decoded before; -EEXIST when it waits already; -EOVERFLOW when
 * it lies beyond the timeline, or there is no room for it.
 */
int decode_take(struct decode *d, struct timeline *timeline, raw_ns arrival, media_t played, media_t at,
                size_t frames, const uint8_t *payload, size_t len);

/* The frames before `end` are about to be played: what is missing of them is made up now, as far as it can.
 */
void decode_need(struct decode *d, struct timeline *timeline, media_t end);

/* The frame behind the last one that waits; the next one when none does. */
media_t decode_newest(const struct decode *d);

#endif
