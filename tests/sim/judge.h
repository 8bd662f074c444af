// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The judge of one converter: takes every sample that leaves it, with the true instant, and says of every
 * window, a millisecond as a rule, what it was: silence, a fade, the sound, or damage; and of the sound, how
 * far it was from its time.
 *
 * The output x of a window is fitted by least squares with a known sound s at the instant where it belongs,
 *
 *     x(t) = (a + c tau + d tau^2) s(t - e) + b s'(t - e)         tau: place in the window, -0.5 to 0.5
 *
 * around the error e of the window before: a is the level, c and d its change (a fade), -b / a a correction
 * of e, and what is left over is damage. 48 samples of a tone at -12 dBFS with -100 dBFS of noise tell e to
 * about a nanosecond. Nothing is taken from what the receiver says of itself.
 */
#ifndef UNISONO_SIM_JUDGE_H
#define UNISONO_SIM_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ptp.h"
#include "signal.h"

enum {
    JUDGE_KEPT = 1024,   /* windows kept for the comparison of converters */
    JUDGE_SAMPLES = 256, /* most in one window */
    JUDGE_MASTERS = PTP_MASTERS
};

enum judge_kind {
    JUDGE_NOTHING, /* the card stood */
    JUDGE_SILENCE,
    JUDGE_SOUND,
    JUDGE_FADE,
    JUDGE_DAMAGE
};

struct judge_window {
    enum judge_kind kind;
    float error_ns; /* of sound: positive is late */
    float residual; /* power left over, full scale 1 */
};

struct judge_config {
    const struct signal_config *sound;
    const struct ptp_masters *masters;
    int64_t latency_ns; /* from a sample's PTP time to its presentation */
    double gain;
    double rate_hz;    /* nominal */
    int64_t window_ns; /* not above JUDGE_SAMPLES samples */
};

struct judge {
    struct judge_config config;
    float samples[JUDGE_SAMPLES];
    size_t count;
    int64_t from; /* true instant of the first of them */
    double from_part, period_ns;
    int64_t index;                        /* the window being filled, counted from the beginning */
    struct judge_window kept[JUDGE_KEPT]; /* by index */
    double error_ns;                      /* of the last sound */
    unsigned master;                      /* by whose time it was right */
    float before[2];                      /* the last two samples, */
    unsigned in_a_row;                    /* if there are two */

    int64_t settled_from; /* residual_worst counts from here */
    int64_t counted_to;   /* windows before it enter the sums below */
    uint64_t windows[JUDGE_DAMAGE + 1];
    int64_t first_sound;                /* index; -1: none so far */
    int64_t silent_run, silent_longest; /* between sound and sound, in windows */
    double kink;                        /* largest second difference */
    double residual_worst;              /* of sound that follows sound, power */
    bool was_sound;
    uint64_t digest; /* of everything it saw: two runs are alike, or are not */
};

void judge_init(struct judge *j, const struct judge_config *config);

/* Samples in a row, the first at true instant t + part, the others period_ns apart. */
void judge_take(struct judge *j, const float *samples, size_t count, int64_t t, double part,
                double period_ns);

/* The row ends: the card stops. */
void judge_cut(struct judge *j);

/* Nothing more comes for instants before t. */
void judge_pass(struct judge *j, int64_t t);

/* One window; it must have been closed, and be among the JUDGE_KEPT newest.
 */
const struct judge_window *judge_window(const struct judge *j, int64_t index);

#endif
