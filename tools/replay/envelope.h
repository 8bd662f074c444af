// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The sender's clock, seen from the capture's: nothing on the way makes a packet early, so in a plot of
 * (arrival - media time) over media time all packets lie on or above the line that the two clocks draw, and
 * those that were not delayed lie on it. The line is the lower envelope, as in proto/observer.h; here the
 * whole capture is known, so that it is fitted in overlapping windows, from behind as well as from ahead:
 *
 *     late |    .  :    .     . :        crystals wander over minutes: a line for each window of 20 s, taken
 * at |  . : .  _.-'-._ .  . .      its middle, and straight between those
 *          |__.-'-'*'   *   '-*-'-.__
 *          +--------------------------- media time
 *
 * Packets are gathered in buckets that keep their lowest. A segment of the track (track.h) has an envelope of
 * its own; of each era the longest segment makes the timescale.
 */
#ifndef UNISONO_REPLAY_ENVELOPE_H
#define UNISONO_REPLAY_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/mediaclock.h"
#include "proto/timebase.h"

enum {
    ENVELOPE_BUCKETS = 8192,
    ENVELOPE_SEGMENTS = 64, /* what comes later counts to the last one */
    ENVELOPE_POINTS = ENVELOPE_BUCKETS + ENVELOPE_SEGMENTS + 2,
    TIMESCALE_KNOTS = 1024
};

/* PTP over the capture's clock (as raw_ns), piecewise linear. Knots ascend. */
struct timescale {
    unsigned count; /* 0: nothing is known */
    struct clock_map knots[TIMESCALE_KNOTS];
};

/* What holds at an instant. `hint`: where to begin the search; kept by the caller, 0 at first. */
const struct clock_map *timescale_at(const struct timescale *timescale, raw_ns at, unsigned *hint);

/* A timescale that is the capture's clock itself, offset_ns added. */
void timescale_of_capture(struct timescale *timescale, int64_t offset_ns);

struct envelope_point {
    double media_ns; /* since the segment's first packet */
    double late_ns;  /* arrival - media time, less that of the first packet */
};

struct envelope_segment {
    unsigned first, count; /* of the points */
    unsigned era;
    ptp_ns media0; /* of its first packet: instant of the first frame, and */
    raw_ns arrival0;
    raw_ns newest; /* arrival of the last one */
    uint64_t packets;
};

struct envelope {
    uint32_t rate_hz;
    raw_ns begin;
    int64_t bucket_ns;
    int64_t bucket; /* the one being filled */
    struct envelope_point points[ENVELOPE_POINTS];
    struct envelope_point hull[ENVELOPE_POINTS];
    unsigned point_count;
    struct envelope_segment segments[ENVELOPE_SEGMENTS];
    unsigned segment_count;
    unsigned segment; /* of the track: the newest one's */
};

/* What the fit found, of the longest segment but for `segments`. */
struct envelope_fit {
    double sender_ppm;       /* the sender's media clock against the capture's clock; positive: fast */
    double sender_doubt_ppm; /* and how far that may be off; INFINITY: nothing is known */
    double wander_ppm;       /* largest difference between two windows; 0 with one */
    double noise_ns;         /* how high over the line the lowest packets of the buckets lie, on average */
    unsigned windows;
    uint64_t segments; /* a bit for each segment that the timescale was made of */
    raw_ns arrival;    /* an early packet: came at `arrival` by the capture's clock, */
    ptp_ns media;      /* and its first frame's instant was this */
};

/* The stream's packets arrive from `begin` to `end`. */
void envelope_init(struct envelope *envelope, uint32_t rate_hz, raw_ns begin, raw_ns end);

/* Takes a packet with sound: in order of arrival, segments and eras ascending. */
void envelope_take(struct envelope *envelope, unsigned segment, unsigned era, media_t at, raw_ns arrival);

/*
 * The timescale on which a packet that was not delayed comes floor_ns after the instant of its first frame.
 * False when there was no packet.
 */
bool envelope_fit(struct envelope *envelope, int64_t floor_ns, struct timescale *timescale,
                  struct envelope_fit *fit);

#endif
