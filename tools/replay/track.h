// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The track of one stream: which number in the sequence, and which place on the media timeline, each packet
 * has, and where one of the two breaks. Sequence numbers (16 bits) and RTP timestamps (32 bits) both wrap;
 * each tells the other's wraps, and when they contradict, something is wrong:
 *
 *     timestamp and sequence agree          the next packet, a gap (however long) or an old one
 *     sequence near, timestamp elsewhere    a jump of the timestamp
 *     both elsewhere, once                  a stray packet, which counts for nothing (RFC 3550 appendix A.1)
 *     both elsewhere, twice in a row        the sender began anew
 *
 * A segment is a stretch in which media time and arrival keep step; what breaks that begins another. An era
 * is what lies between two announcements (INIT) that time jumped: only there may a receiver's clock jump.
 */
#ifndef UNISONO_REPLAY_TRACK_H
#define UNISONO_REPLAY_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/timebase.h"

/* A jump further from arrival than this begins a segment; less may be jitter. */
#define TRACK_STEP_NS (5 * NS_PER_MS)

struct track_packet {
    uint16_t sequence;
    uint32_t timestamp;
    unsigned frames; /* 0: a packet without sound, which has a sequence number only */
    bool announces;  /* INIT: what follows is a beginning */
    bool placed;     /* `at` is known; else it follows from the timestamp */
    media_t at;
    int64_t arrival_ns;
};

enum track_order {
    TRACK_FIRST, /* of the stream */
    TRACK_NEXT,  /* later in the sequence than all before */
    TRACK_OLD,   /* not so: out of order, or seen before */
    TRACK_ANEW,  /* the first one counted of a new sequence */
    TRACK_STRAY, /* nothing below is known */
};

struct track_step {
    enum track_order order;
    int64_t sequence; /* without wraps; the first packet has its own 16 bits, a new sequence follows on */
    media_t at;       /* of its first frame; without sound: that of the sound before */
    bool jumped;      /* the timestamp is not where the sequence number says, */
    int64_t jump;     /* but so many samples after it; before it: negative. In order only */
    bool waited;      /* as much time passed: the sender left frames out, and its clock did not jump */
    unsigned segment; /* from 0 */
    unsigned era;     /* from 0 */
};

struct track {
    uint32_t rate_hz;
    bool begun;      /* `highest` is set */
    int64_t highest; /* sequence */
    bool sounded;    /* what follows is set: of the latest packet with sound, by sequence */
    int64_t sound_sequence;
    uint32_t timestamp;
    media_t at;
    unsigned frames;
    int64_t arrival_ns;
    unsigned silent; /* packets without sound after it */
    bool probation;  /* a stray packet came; the one after it in its sequence would be `expected` */
    uint16_t expected;
    bool announced; /* by INIT */
    unsigned segment, era;
};

void track_init(struct track *track, uint32_t rate_hz);

/*
 * Takes the next packet, in order of arrival. Plain AES67 packets do not say which wrap of the timestamp they
 * are in: the first with sound that is not `placed` is taken to be near `near`.
 */
void track_take(struct track *track, const struct track_packet *packet, media_t near,
                struct track_step *step);

#endif
