// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Take: which samples a recording of a stream consists of, in order and without a gap in time.
 *
 *     datagrams --> intake, timeline --> take --> sink: begin(format, media time), frames ..., end
 *
 * A loudspeaker cannot wait; a recording can. What has come without a hole is handed on at once; a hole is
 * left open until a second after what lies behind it came, for packets that are late. Then it is concealed,
 * and what lasts longer is silence: sample n of a take is always media sample at + n.
 *
 *     media    ...######....######    ######...
 *                       ^hole     ^gap^
 *
 * A gap, where no stream was, is silence, so that a sender may be started again; after 10 s of nothing, when
 * time jumps back, and for another format, the take ends, and the next begins with the sound that comes.
 *
 * Samples are those of the stream, in its channels, neither resampled nor faded; only a few milliseconds
 * behind a hole are crossfaded with what stood in for it.
 *
 * Pure, but for the concealment that is made anew when a stream has another number of channels: not for a
 * real-time thread.
 */
#ifndef UNISONO_TAKE_H
#define UNISONO_TAKE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/mediaclock.h"
#include "stream.h"

struct take;

struct take_format {
    enum rtp_codec codec;
    uint32_t rate_hz;
    unsigned channels;
    media_t at; /* of the first frame */
    uint32_t ssrc;
    uint64_t source; /* as in struct stream_claim */
};

/* Where a take goes. Called from within take_datagram(), take_run(), take_describe() and take_finish(). */
struct take_sink {
    void *context;
    void (*begin)(void *context, const struct take_format *format);
    void (*frames)(void *context, const float *interleaved, size_t frames);
    void (*end)(void *context);
};

/* Counted since take_create(). */
struct take_counters {
    uint64_t frames;    /* handed on, all others included */
    uint64_t concealed; /* never came, and stood in for */
    uint64_t gap;       /* silence where no stream was */
    uint64_t late;      /* packets that came when their time was handed on already */
    uint64_t takes;     /* begun */
    uint64_t datagrams, malformed, foreign, absurd, early; /* as in struct intake */
    int unknown_codec, unknown_rate;                       /* likewise */
};

/* NULL when memory is short. */
struct take *take_create(const struct stream_description *description, const struct take_sink *sink);
void take_destroy(struct take *t); /* hands on nothing more; NULL is allowed */

/* What comes from now on is described so; see intake_describe(). */
void take_describe(struct take *t, const struct stream_description *description);

/* As intake_datagram(). */
void take_datagram(struct take *t, const struct clock_map *map, const uint8_t *bytes, size_t length,
                   raw_ns arrival, uint64_t source);

/* A few times a second at least: what is due by `now` is handed on. */
void take_run(struct take *t, raw_ns now);

/* Hands on all that came, however full of holes, and ends. */
void take_finish(struct take *t);

/* The stream that is followed. */
const struct stream *take_stream(const struct take *t);

void take_get_counters(const struct take *t, struct take_counters *counters);

#endif
