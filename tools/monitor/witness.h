// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The witness: an independent ear for one stream. It holds what a sender says against what comes: whether
 * packets are lost, when they come, and whether their presentation times are what PROTOCOL.md promises.
 *
 *     sampled ---- transit ---> arrives here ---- lead ---> presented
 *        |                                                    |
 *        +------------------ latency L, constant -------------+
 *
 * It counts as a receiver does (receiver/stream.h). Pure; everything from the network is hostile.
 */
#ifndef UNISONO_MONITOR_WITNESS_H
#define UNISONO_MONITOR_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/mediaclock.h"
#include "proto/rtcp.h"
#include "proto/rtp.h"
#include "receiver/stream.h"
#include "tools/replay/histogram.h"
#include "view.h"

/* What is dishonest. A count a second, and the two numbers that contradict. */
enum witness_fault {
    WITNESS_LATENCY_CHANGED, /* ns: L before, L now */
    WITNESS_NOT_AS_OFFERED,  /* ns: L of the packets, L of the offer */
    WITNESS_ABSURD,          /* presentation times before the sampling, or more than 10 s behind it */
    WITNESS_FROM_FUTURE,     /* ns: transit below 0 */
    WITNESS_OTHER_TIME,      /* ns: transit beyond all networks */
    WITNESS_PAIR,            /* ticks that the RTP timestamp of a sender report is off its NTP timestamp */
    WITNESS_FAULTS
};

struct witness_format {
    bool known; /* for plain streams, which do not describe themselves */
    enum rtp_codec codec;
    uint32_t rate_hz;
    unsigned channels;
    uint8_t ext_id; /* 0: no extension */
};

/* All zero but for what witness_init() sets. */
struct witness {
    struct witness_format format;
    int64_t offered_ns; /* the offer's L; below 0: not known */
    struct stream stream;
    bool ended;             /* by TERMINATE */
    unsigned frames;        /* of the newest packet with sound */
    bool plain;             /* so is the stream: no L */
    uint64_t malformed;     /* since the beginning */
    int64_t lost, expected; /* of the stream, as of the last tick */

    /* since the last tick */
    uint64_t packets, bytes, timed;
    bool began; /* with an INIT */
    struct histogram transits;
    int64_t deviation_ns, transit_before_ns;
    bool has_transit;
    float peaks[RTP_CHANNELS_MAX];
    uint64_t faults[WITNESS_FAULTS];
    int64_t fault_values[WITNESS_FAULTS][2];
    uint64_t intruders; /* packets of another SSRC than that which is followed */
    uint32_t intruder_ssrc;
    uint64_t intruder_source;

    raw_ns dishonest_until;
    char dishonest[VIEW_WHY_SIZE];
    struct view_history leads, losses;
};

struct witness_datagram {
    const uint8_t *bytes;
    size_t len;
    uint64_t source; /* IPv4 address, network byte order */
    raw_ns arrival;
};

void witness_init(struct witness *witness);

/* What the stream is by its description, if that says it. */
void witness_expect(struct witness *witness, const struct witness_format *format);

void witness_take(struct witness *witness, const struct witness_datagram *datagram,
                  const struct clock_map *map);

/* A compound of the stream's own sender. */
void witness_sender_says(struct witness *witness, const struct rtcp_report *report);

/* Another's packets in the last second, more than strays; before the tick that ends it. */
bool witness_intruded(const struct witness *witness);

/* Once a second: fills `view` with what the last `seconds` were like. */
void witness_tick(struct witness *witness, const struct clock_map *map, raw_ns now, double seconds,
                  struct view_witness *view);

/* A view without anything heard. */
void witness_nothing(struct view_witness *view);

#endif
