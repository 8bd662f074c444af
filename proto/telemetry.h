// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Telemetry: what a receiver says about itself by RTCP, so that anybody on the network can see whether it is
 * in unison, how much room it has, and what went wrong (PROTOCOL.md section 8.4). Built and parsed here as
 * the body of an APP packet; rtcp.c puts it into a compound.
 *
 * It is a claim, not a proof: a receiver sees its own playout through its own clock and card. A monitor holds
 * it against what it hears itself.
 */
#ifndef UNISONO_TELEMETRY_H
#define UNISONO_TELEMETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mediaclock.h"

#define TELEMETRY_CHANNELS_MAX 64
#define TELEMETRY_FIXED_BYTES  96
#define TELEMETRY_BYTES_MAX    (TELEMETRY_FIXED_BYTES + TELEMETRY_CHANNELS_MAX)

/* Stands for a signed number that is not known. */
#define TELEMETRY_UNKNOWN INT32_MIN

/* A peak of silence; others count half decibels below full scale, so 0 is full scale or above. */
#define TELEMETRY_SILENCE 255

enum telemetry_state {
    TELEMETRY_IDLE,    /* no stream */
    TELEMETRY_ARMED,   /* a stream is there; card, clock or sound are waited for */
    TELEMETRY_PLAYING, /* in step */
    TELEMETRY_FADING,
    TELEMETRY_WITNESS, /* listens, and has no loudspeaker: a monitor, in its recordings, or who only records
                        */
};

/*
 * "Since the report before" is interval_ms. Playout error: when a sample left the converter minus when it
 * should have, by the receiver's own clock; above 0 is late. Lead: from the arrival of a packet to when its
 * first frame is due. Numbers that do not fit are sent as the nearest that does. Counters are mod 2^32 and
 * never go back while the SSRC is the same, except lost, late and duplicates, which begin anew with each
 * stream.
 */
struct telemetry {
    enum telemetry_state state;
    enum media_clock_state clock_state;
    bool device_present;
    bool realtime; /* the thread of sound has real-time priority */
    bool refused;  /* the stream is of another PTP domain: silence */

    uint32_t interval_ms;
    int32_t ptp_offset_ns;   /* newest, from the master as ptp4l says it; or TELEMETRY_UNKNOWN */
    uint32_t uncertainty_ns; /* of the clock, one sigma */
    uint32_t budget_ns;      /* of clock, card and playout together, one sigma */
    int32_t error_median_ns; /* these three are 0 while nothing was played */
    uint32_t error_p99_ns;   /* of the magnitude */
    uint32_t error_worst_ns; /* likewise */
    int32_t resample_ppb;    /* step of the resampler against nominal */
    int32_t card_ppb;        /* the card's crystal against nominal */
    int32_t lead_min_us;     /* or TELEMETRY_UNKNOWN, when nothing came */
    int32_t lead_median_us;  /* likewise */
    uint32_t lead_need_us;   /* what this receiver needs of that to play */
    uint32_t queued_min_us;  /* least sound that waited in the card */
    uint32_t delay_us;       /* its own, added to the stream's latency */
    uint32_t received;       /* packets of the stream, duplicates included */
    uint32_t lost, late;     /* packets never seen; past their time */
    uint32_t duplicates;     /* packets */
    uint32_t concealed;      /* frames */
    uint32_t xruns;          /* of the card */
    uint32_t starts;         /* aligned starts; more than one: it was anchored anew */
    uint32_t clipped;        /* samples beyond full scale, after its gain */

    uint8_t channels;                      /* of the device, 0..TELEMETRY_CHANNELS_MAX */
    uint8_t peaks[TELEMETRY_CHANNELS_MAX]; /* largest magnitude of each; 0 beyond `channels` */
};

/* A magnitude as a peak, full scale 1.0. */
uint8_t telemetry_peak(double magnitude);

/* How much later packets could have come without harm, us, below 0: so much too late; or TELEMETRY_UNKNOWN.
 */
int32_t telemetry_headroom_us(const struct telemetry *telemetry);

/* Writes the body to `to`, at most TELEMETRY_BYTES_MAX bytes; returns how many, a multiple of 4. */
size_t telemetry_build(uint8_t *to, const struct telemetry *telemetry);

/*
 * Parses a body of exactly `len` bytes. What a later version adds behind is ignored.
 *   0                 filled
 *   -EPROTONOSUPPORT  of another version
 *   -EBADMSG          too short for its version, or for the channels it says it has
 * On an error `telemetry` is undefined.
 */
int telemetry_parse(const uint8_t *body, size_t len, struct telemetry *telemetry);

#endif
