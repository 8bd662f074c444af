// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Which stream a receiver follows, and what the network does to it.
 *
 * A group carries one stream. A receiver locks to the first that makes sense and stays with it: packets of
 * another SSRC, format or link offset are not heard while the locked one is alive. It moves over
 *
 *   - at once, when the same host announces a new start (INIT with a new SSRC: the sender was restarted);
 *   - otherwise when the locked stream has been silent for 100 ms; for a second when it has only
 *     been announced.
 *
 * Its sender may get another address: claim.source follows once nothing came from the old one for 100 ms.
 * Until then copies from elsewhere are a second network leg.
 *
 * Counting follows RFC 3550 appendix A.1 (extended sequence), A.3 (loss) and A.8 (jitter), with 64-bit
 * sequence numbers, because 8000 packets a second wrap 16 bits every 8 s.
 */
#ifndef UNISONO_STREAM_H
#define UNISONO_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/rtp.h"
#include "proto/timebase.h"

/* What one packet says of the stream it belongs to. */
struct stream_claim {
    uint32_t ssrc;
    uint64_t source; /* the sending host: its address, without the port, which a restart changes */
    enum rtp_codec codec;
    uint32_t rate_hz;
    unsigned channels;
    int64_t link_ns;  /* presentation time - time of the media sample */
    bool starts;      /* an INIT packet */
    uint8_t priority; /* enum rtp_priority; of the newest packet */
};

/* What is known of a stream besides its packets: by configuration, or by a description (SDP). */
struct stream_description {
    bool plain;                /* AES67: packets say neither format nor presentation time, but these do: */
    struct stream_claim claim; /* codec, rate_hz, channels, link_ns */
    uint32_t media_offset;     /* RTP timestamp of the PTP epoch (a=mediaclk:direct, RFC 7273 section 5.2) */
    uint8_t ext_id;            /* ID of the Unisono element, 1 to 14; 0: there is none, with `plain` only */
};

struct stream_counters {
    uint64_t received;   /* packets of the stream, duplicates included */
    uint64_t lost;       /* by sequence number, never seen so far */
    uint64_t duplicates; /* sequence numbers seen before */
    uint64_t reordered;  /* came after a later one */
    double jitter_ns;    /* RFC 3550 A.8, against the media clock */
};

struct stream {
    bool locked;
    bool announced; /* by INIT; no sound yet */
    struct stream_claim claim;
    raw_ns newest;      /* arrival of its last packet */
    raw_ns from_source; /* of its last packet from claim.source */
    bool counting;      /* the sequence fields are set */
    int64_t first, highest;
    uint64_t window; /* which of the last 64 sequence numbers up to `highest` came */
    int64_t unique;
    int64_t transit_ns; /* arrival - media time of the packet before */
    struct stream_counters counters;
};

enum stream_verdict {
    STREAM_TAKE,  /* of the stream we follow */
    STREAM_NEW,   /* the first of a stream we follow from now on; counters start at zero */
    STREAM_IGNORE /* of a stream we do not follow */
};

enum stream_verdict stream_judge(struct stream *s, const struct stream_claim *claim, raw_ns arrival);

/*
 * Counts a packet that was taken. transit_ns: arrival minus media time, both on the PTP timescale. True when
 * its sequence number had been seen before.
 */
bool stream_count(struct stream *s, uint16_t sequence, int64_t transit_ns);

/* Nothing more is expected of it: the next claim is taken. */
void stream_unlock(struct stream *s);

/* True when the locked stream has said nothing for so long that it counts as gone. */
bool stream_stale(const struct stream *s, raw_ns now);

#endif
