// SPDX-License-Identifier: GPL-3.0-or-later
#include "oscillator.h"

#include <math.h>

static double rate_at(const struct oscillator *o, double s)
{
    const struct oscillator_config *c = &o->config;
    double ppm = c->ppm;

    if (c->wander_s > 0)
        ppm += c->wander_ppm * sin(2 * M_PI * (s / c->wander_s + o->phase));
    if (c->ramp_s > 0)
        ppm += c->ramp_ppm * fmin(fmax((s - c->ramp_from_s) / c->ramp_s, 0), 1);
    return ppm * 1e-6 + o->walk;
}

void oscillator_init(struct oscillator *o, const struct oscillator_config *config, struct chance chance)
{
    *o = (struct oscillator){.config = *config, .chance = chance};
    o->phase = chance_uniform(&o->chance);
    if (isnan(o->config.ppm))
        o->config.ppm = chance_between(&o->chance, -config->spread_ppm, config->spread_ppm);
    o->rate = rate_at(o, 0);
}

void oscillator_advance(struct oscillator *o, int64_t t)
{
    double part, seconds = (double)(t - o->t0) / 1e9;

    o->own0 = oscillator_own(o, t, &part);
    o->part = part;
    o->t0 = t;
    o->walk += o->config.walk_ppb * 1e-9 * sqrt(seconds) * chance_gauss(&o->chance);
    o->rate = rate_at(o, (double)t / 1e9);
}

int64_t oscillator_own(const struct oscillator *o, int64_t t, double *part)
{
    double ahead = o->part + (double)(t - o->t0) * o->rate;
    double whole = floor(ahead);

    *part = ahead - whole;
    return o->own0 + (t - o->t0) + (int64_t)whole;
}

int64_t oscillator_true(const struct oscillator *o, int64_t own, double own_part, double *part)
{
    double since = (double)(own - o->own0) + own_part - o->part;
    double ahead = own_part - o->part - since * o->rate / (1 + o->rate);
    double whole = floor(ahead);

    *part = ahead - whole;
    return o->t0 + (own - o->own0) + (int64_t)whole;
}
