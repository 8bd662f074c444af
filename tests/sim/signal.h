// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The sound whose truth is known: two tones, of which the louder shows time to nanoseconds and the softer
 * tells one period of it from the next. It is a function of PTP time, so that what leaves a converter at an
 * instant can be compared with what must.
 */
#ifndef UNISONO_SIM_SIGNAL_H
#define UNISONO_SIM_SIGNAL_H

#include <stddef.h>
#include <stdint.h>

enum { SIGNAL_TONES = 2 };

struct signal_config {
    unsigned hz[SIGNAL_TONES]; /* whole numbers, so that each second is alike */
    double level[SIGNAL_TONES];
};

/* The tones at one instant, and how they turn from sample to sample. */
struct signal_turn {
    double sine[SIGNAL_TONES], cosine[SIGNAL_TONES]; /* times the level */
    double by_sine[SIGNAL_TONES], by_cosine[SIGNAL_TONES];
};

/* From PTP time `ns` + part on, in steps of step_ns. */
struct signal_turn signal_at(const struct signal_config *s, int64_t ns, double part, double step_ns);

/* The sample there; goes one step on. */
double signal_next(struct signal_turn *t);

/* Amplitude of the sum's second difference from sample to sample at a rate: what no click exceeds. */
double signal_kink(const struct signal_config *s, double rate_hz);

#endif
