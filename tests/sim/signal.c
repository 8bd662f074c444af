// SPDX-License-Identifier: GPL-3.0-or-later
#include "signal.h"

#include <math.h>

#define NS 1000000000

struct signal_turn signal_at(const struct signal_config *s, int64_t ns, double part, double step_ns)
{
    struct signal_turn t;
    int64_t second = ns % NS;

    for (int i = 0; i < SIGNAL_TONES; i++) {
        int64_t turns = second * s->hz[i]; /* in parts of 1e9; exact */
        double angle = 2 * M_PI * (((double)(turns % NS) + part * s->hz[i]) / NS);
        double by = 2 * M_PI * s->hz[i] * step_ns / NS;

        t.sine[i] = s->level[i] * sin(angle);
        t.cosine[i] = s->level[i] * cos(angle);
        t.by_sine[i] = sin(by);
        t.by_cosine[i] = cos(by);
    }
    return t;
}

double signal_next(struct signal_turn *t)
{
    double sum = 0;

    for (int i = 0; i < SIGNAL_TONES; i++) {
        double sine = t->sine[i], cosine = t->cosine[i];

        sum += sine;
        t->sine[i] = sine * t->by_cosine[i] + cosine * t->by_sine[i];
        t->cosine[i] = cosine * t->by_cosine[i] - sine * t->by_sine[i];
    }
    return sum;
}

double signal_kink(const struct signal_config *s, double rate_hz)
{
    double sum = 0;

    for (int i = 0; i < SIGNAL_TONES; i++)
        sum += s->level[i] * 2 * (1 - cos(2 * M_PI * s->hz[i] / rate_hz));
    return sum;
}
