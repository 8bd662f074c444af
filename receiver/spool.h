// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The spool between who hears and who writes: holds what a disk that stalls cannot take yet, ten seconds of
 * sound or SPOOL_SAMPLES_MAX, whichever is less. What does not fit is remembered as silence of the same
 * length, so that time is kept, and counted. One thread puts, another takes; neither is real-time.
 */
#ifndef UNISONO_SPOOL_H
#define UNISONO_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "take.h"

#define SPOOL_SAMPLES_MAX (1 << 24) /* floats: 64 MiB, 5 s of 64 channels at 48 kHz */

enum spool_kind { SPOOL_BEGIN, SPOOL_FRAMES, SPOOL_SILENCE, SPOOL_END };

struct spool_piece {
    struct spool_piece *next;
    enum spool_kind kind;
    struct take_format format; /* with SPOOL_BEGIN */
    size_t frames;             /* with SPOOL_FRAMES and SPOOL_SILENCE */
    size_t room;               /* of `samples`, in floats */
    float samples[];           /* frames x channels */
};

struct spool;

/* NULL when memory is short. */
struct spool *spool_create(void);
void spool_destroy(struct spool *s); /* NULL is allowed */

/* What take_sink wants; the context is the spool. */
void spool_begin(void *spool, const struct take_format *format);
void spool_frames(void *spool, const float *interleaved, size_t frames);
void spool_end(void *spool);

/* Nothing more will be put: spool_take() returns NULL once all is taken. */
void spool_close(struct spool *s);

/* From now on everything put is forgotten, and what is held, too. */
void spool_abandon(struct spool *s);

/*
 * The oldest piece, to be freed with free(); waits up to timeout_ms for one. NULL: none came, or, with
 * *closed, none will.
 */
struct spool_piece *spool_take(struct spool *s, int timeout_ms, bool *closed);

/* Frames that found no room. */
uint64_t spool_dropped(struct spool *s);

#endif
