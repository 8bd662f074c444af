// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The card observer: when does frame n pass a sound card's converter?
 *
 * Each time the real-time loop asks the card, it learns a pair (raw time, frame at the converter). The pair
 * errs in one direction only. The driver's pointer moves in steps (one frame on a PCIe card, a burst on
 * I2S, a millisecond on USB), so the frame it names has passed already; and whatever delays the reader
 * between pointer and time stamp makes the stamp late, never early. In a plot of time over frames all
 * readings therefore lie on or above the true line
 *
 *        t |          . :   .
 *          |      . .  .  _,-'      and the readings just after a step, undisturbed, lie on it.
 *          |   .  :  _,-*'          The line sought is the lower envelope: of all lines below every
 *          |    _,*-'               point, the one that is highest in the middle of the window.
 *          |_,-'____________ n      (Moon, Skelly, Towsley, INFOCOM 1999: clock skew from one-way delays)
 *
 * It is the edge of the lower convex hull above the window's middle. Its error falls with the NUMBER of
 * readings, not with its square root, it needs no bandwidth schedule, and it knows the rate to a fraction of
 * a ppm after half a second. Reading instants must be dithered over the card's step, or the step is not seen.
 *
 * Memory is constant: readings are gathered in buckets that keep their lowest member; while the window is
 * growing, pairs of buckets merge whenever the store is full.
 */
#ifndef UNISONO_OBSERVER_H
#define UNISONO_OBSERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "timebase.h"

enum { OBSERVER_BUCKETS = 512 };

/* t(n) = raw0 + raw0_part + (n - frame0) * period_ns. */
struct card_line {
    frame_t frame0;
    raw_ns raw0;
    double raw0_part; /* ns, 0 <= part < 1 */
    double period_ns; /* raw nanoseconds per frame */
    double sigma_ns;  /* what the line's error at the newest reading is expected to be, one sigma */
};

/* The instant at which frame n passes the converter, to the nanosecond. */
raw_ns card_line_raw(const struct card_line *line, frame_t n);

/* The place on the card's frame axis at an instant, relative to line->frame0. */
double card_line_frames_since(const struct card_line *line, raw_ns t);

/* One bucket: the lowest reading in it, relative to the observer's origin and nominal period. */
struct observer_point {
    double frames;  /* n - origin frame */
    double late_ns; /* t - origin time - frames * nominal period */
};

struct observer {
    double nominal_period_ns;
    frame_t origin_frame;
    raw_ns origin_raw;
    struct observer_point points[OBSERVER_BUCKETS];
    struct observer_point hull[OBSERVER_BUCKETS];
    unsigned count;               /* closed buckets in points[] */
    unsigned hull_count;          /* corners of their lower hull in hull[] */
    struct observer_point open;   /* the bucket being filled */
    unsigned open_readings;       /* readings in it so far */
    unsigned bucket_readings;     /* readings that close a bucket */
    double offset_ns, slope;      /* the line: late = offset + slope * frames */
    double slope_prior;           /* rate known from before a restart, ns per frame */
    double slope_tolerance;       /* and how far it may be off */
    bool has_prior;               /* slope_prior says something */
    double mean_late_ns;          /* average height of the readings above the line */
    double readings;              /* in the window */
    double newest_frames;         /* of the last reading */
    raw_ns moved;                 /* when the count last moved */
    bool started;                 /* origin and newest are set */
    bool moving;                  /* it has moved since the restart: readings count from there */
    unsigned early_run, late_run; /* readings in a row that the line cannot explain */
    uint64_t early, restarts;     /* counted for the status */
};

/* rate_hz: the card's nominal rate, > 0. */
void observer_init(struct observer *o, double rate_hz);

/* Forgets where the card is, after an xrun or a jump, but keeps what its crystal's rate is. */
void observer_restart(struct observer *o);

/*
 * Takes one reading: at `stamp`, frame `n` was at the converter (playback: written - delay; capture: read +
 * available). n never decreases between restarts; a smaller n restarts. Returns true when the reading showed
 * that the card's count jumped and the observer restarted by itself: whoever relied on the line must
 * re-anchor.
 */
bool observer_reading(struct observer *o, raw_ns stamp, frame_t n);

/* False until there is a line: at least 16 readings, and two places that they name. */
bool observer_line(const struct observer *o, struct card_line *line);

/* The card's rate against nominal as now believed, in ppm (positive: fast crystal). */
double observer_ppm(const struct observer *o);

#endif
