// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * All RTP streams of a capture: who sends what to which group. Filled by the first pass through the file.
 *
 * A stream is known once two packets followed each other in sequence (RFC 3550 appendix A.1), which keeps
 * out most of what only looks like RTP. There is room for CATALOGUE_MAX streams; one that is not known yet
 * gives way to a newer one.
 */
#ifndef UNISONO_REPLAY_CATALOGUE_H
#define UNISONO_REPLAY_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format.h"
#include "frame.h"
#include "proto/rtp.h"

enum { CATALOGUE_MAX = 512, CATALOGUE_BUCKETS = 1024 };

/* The value that most had, of those counted so far (Boyer and Moore 1981). */
struct majority {
    int64_t value;
    uint64_t votes;
};

struct catalogue_stream {
    uint32_t source, destination, ssrc; /* addresses in host byte order */
    uint16_t port;

    bool known;
    uint64_t packets, sound, control; /* control: without payload, as INIT and TERMINATE */
    int64_t first_ns, last_ns;        /* arrival */
    uint8_t payload_type;             /* of sound */
    bool describes;                   /* Unisono: codec, rate and channels are in `ext` */
    struct rtp_header_ext ext;
    struct majority step, payload_bytes;
    uint64_t ticks;   /* that the timestamp went on between packets that follow each other, */
    int64_t ticks_ns; /* and the time it took */
    char name[64];    /* CNAME of its RTCP; "" */

    uint16_t sequence; /* of the newest sound */
    uint32_t timestamp;
    int64_t arrival_ns;
    int next; /* in its bucket; -1: none */
};

struct catalogue {
    struct catalogue_stream streams[CATALOGUE_MAX];
    unsigned count;
    unsigned known;  /* of these */
    unsigned hand;   /* who is asked first to give way */
    unsigned latest; /* the stream of the newest packet */
    uint64_t untold; /* packets for which there was no room */
    int buckets[CATALOGUE_BUCKETS];
};

void catalogue_init(struct catalogue *catalogue);

/* Takes a datagram that parsed as RTP. */
void catalogue_take(struct catalogue *catalogue, const struct datagram *datagram,
                    const struct rtp_packet *packet);

/* Takes the name (CNAME) that a source gives a stream in RTCP. */
void catalogue_name(struct catalogue *catalogue, uint32_t source, uint32_t ssrc, const char *name);

/* What the packets of a stream show of its format. */
struct format_evidence catalogue_evidence(const struct catalogue_stream *stream);

/* What the stream says of itself, or else what can be inferred; origin FORMAT_UNKNOWN when neither. */
struct format catalogue_format(const struct catalogue_stream *stream);

/* 0 stands for any. */
struct catalogue_choice {
    uint32_t destination;
    uint16_t port;
    bool has_ssrc;
    uint32_t ssrc;
};

bool catalogue_fits(const struct catalogue_stream *stream, const struct catalogue_choice *choice);

/*
 * The known stream with most packets of sound among those that fit; those whose format is known first. NULL:
 * there is none.
 */
const struct catalogue_stream *catalogue_choose(const struct catalogue *catalogue,
                                                const struct catalogue_choice *choice);

#endif
