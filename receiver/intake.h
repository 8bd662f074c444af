// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Intake: from a datagram to its place on the timeline, or to the counter that says why not.
 *
 * Everything from the network is hostile until it has passed here: parsed within its bounds, of our stream,
 * of a length that fits its format, and with a presentation time that somebody can mean.
 */
#ifndef UNISONO_INTAKE_H
#define UNISONO_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/mediaclock.h"
#include "proto/rtp.h"
#include "decode.h"
#include "distribution.h"
#include "stream.h"
#include "timeline.h"

struct intake {
    struct stream_description description;
    struct stream stream;
    struct timeline *timeline; /* owned */
    struct decode decode;      /* owned; of codecs with memory */
    media_t begin;             /* the stream's first sample, announced by INIT or seen first */
    raw_ns begins_from;        /* streams that begin are a debt, which is paid by then */
    bool ending;               /* a TERMINATE said where the stream ends */
    media_t end;
    media_t turn;        /* what lies before it has been played: too late */
    bool anew;           /* time jumped: what comes next is a beginning */
    int64_t delay_ns;    /* the receiver's own: it plays so much later than the stream says */
    int64_t lead_min_ns; /* smallest presentation time - arrival since it was last reset to INT64_MAX */
    struct distribution leads_us; /* presentation time - arrival of each packet */
    uint64_t datagrams, malformed, foreign, absurd, late, early;
    int unknown_codec; /* the newest of a packet that cannot be played for it, 4 to 15; -1: none so far */
    int unknown_rate;  /* likewise, the code of a sampling rate, 5 to 15; 0: none so far */
};

enum intake_event {
    INTAKE_NONE,
    INTAKE_BEGIN /* another stream from now on, or the same anew after time jumped: begin, format and link
                    offset are new, the timeline empty */
};

/* Returns 0, or -ENOMEM. `samples`: size of the timeline in floats. */
int intake_init(struct intake *in, const struct stream_description *description, size_t samples);
void intake_free(struct intake *in);

/* From now on packets are of another description, and no stream is followed. What is held stays until another
 * begins. */
void intake_describe(struct intake *in, const struct stream_description *description);

/* Drops what is held, since time jumped: the stream's next packet is a beginning. */
void intake_anew(struct intake *in);

/*
 * What lies before `turn` has been played. It stays on the timeline for a while, for who listens later; a
 * turn may lie before one that was told earlier.
 */
void intake_turn(struct intake *in, media_t turn);

/* The stream's sender says that nothing more comes: it ends with what is held. */
void intake_bye(struct intake *in, uint32_t ssrc);

/*
 * Frames [from, from + frames) are about to be played. Of a codec with memory, what is missing there and can
 * be made up is put on the timeline now, and counted in decode.made_up or decode.recovered; packets that come
 * for it later are late. What is still absent after that is to be concealed as ever. Nothing happens with
 * PCM. Real-time; each frame of sound is made up once, however often it is asked for.
 */
void intake_need(struct intake *in, media_t from, size_t frames);

/* The frame behind the newest that came, on the timeline or waiting to be decoded. */
media_t intake_newest(const struct intake *in);

enum intake_event intake_datagram(struct intake *in, const struct clock_map *map, const uint8_t *bytes,
                                  size_t length, raw_ns arrival, uint64_t source);

#endif
