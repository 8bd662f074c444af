// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The four time domains of Unisono, each a type of its own so that the compiler refuses to mix them,
 * and the exact conversions between them. Nothing else in the tree converts between sample counts and
 * nanoseconds. No double ever holds an absolute time: at today's nanosecond count a double has steps
 * of 256 ns.
 *
 *   ptp_ns   nanoseconds since the PTP epoch, on the timescale of the stream's PTP domain
 *   raw_ns   CLOCK_MONOTONIC_RAW: what ALSA stamps and what arrival stamps are mapped to
 *   media_t  samples since the PTP epoch at the stream's rate; its low 32 bits are the RTP timestamp
 *   frame_t  frames written to (or read from) a sound card since it was opened
 */
#ifndef UNISONO_TIMEBASE_H
#define UNISONO_TIMEBASE_H

#include <stdint.h>

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_US INT64_C(1000)

typedef struct {
    int64_t ns;
} ptp_ns;

typedef struct {
    int64_t ns;
} raw_ns;

typedef struct {
    int64_t n;
} media_t;

typedef struct {
    int64_t n;
} frame_t;

/*
 * A place between two samples of the media timeline: sample `whole` plus `part` of the way to the
 * next, 0 <= part < 1. The integer carries the absolute value, so the fraction keeps full precision.
 */
struct media_pos {
    media_t whole;
    double part;
};

/*
 * The last sample at or before an instant: floor(t * rate). This is the AES67 media clock with offset 0
 * (AES67-2018 section 6.3; RFC 7273). `rate_hz` > 0. Exact for every representable t.
 */
media_t media_at_ptp(ptp_ns t, uint32_t rate_hz);

/* The same place with its fraction of a sample. */
struct media_pos media_pos_at_ptp(ptp_ns t, uint32_t rate_hz);

/*
 * The instant of a sample: ceil(m / rate), so that media_at_ptp(ptp_at_media(m)) == m always holds.
 * Never more than 1 ns after the true instant.
 */
ptp_ns ptp_at_media(media_t m, uint32_t rate_hz);

/*
 * The sample count nearest to `near` whose low 32 bits are `rtp_timestamp` (RFC 3550 section 5.1): the
 * timestamp unwrapped, right while the true distance is below 2^31 samples (12 h at 48 kHz).
 */
media_t media_unwrap(uint32_t rtp_timestamp, media_t near);

/* How many samples last `ns` nanoseconds, rounded to the nearest; ns may be negative. */
int64_t samples_in_ns(int64_t ns, uint32_t rate_hz);

/* How long `samples` samples last, in nanoseconds, rounded up; samples may be negative. */
int64_t ns_of_samples(int64_t samples, uint32_t rate_hz);

/* a - b in samples, as a double: precise while the two are less than 2^52 samples apart. */
double media_pos_minus(struct media_pos a, struct media_pos b);

#endif
