// SPDX-License-Identifier: GPL-3.0-or-later
#include "adc.h"

#include <math.h>

void adc_init(struct adc *a, const struct adc_config *config, const struct oscillator *crystal,
              const struct signal_config *sound, const struct ptp_masters *masters)
{
    *a = (struct adc){.config = *config, .crystal = crystal, .sound = sound, .masters = masters};
}

void adc_start(struct adc *a, int64_t t)
{
    a->own_start = oscillator_own(a->crystal, t, &a->own_part);
    a->taken = 0;
}

int64_t adc_sampled(const struct adc *a, int64_t t)
{
    double part;
    int64_t own = oscillator_own(a->crystal, t, &part);
    double ns = (double)(own - a->own_start) + part - a->own_part;
    int64_t frames = (int64_t)floor(ns * a->config.rate_hz / 1e9);

    return frames - frames % a->config.step_frames;
}

void adc_read(struct adc *a, float *out, size_t count)
{
    double rate = 1 + ptp_rate(a->masters, 0), part, ptp_part;
    double ns = (double)a->taken * 1e9 / a->config.rate_hz + a->own_part;
    double period_ns = 1e9 / a->config.rate_hz / (1 + a->crystal->rate);
    int64_t t = oscillator_true(a->crystal, a->own_start + (int64_t)floor(ns), ns - floor(ns), &part);
    int64_t ptp = ptp_time(a->masters, 0, t, &ptp_part);
    struct signal_turn turn = signal_at(a->sound, ptp, ptp_part + part, period_ns * rate);

    for (size_t i = 0; i < count; i++) {
        float x = (float)signal_next(&turn);

        for (unsigned c = 0; c < a->config.channels; c++)
            *out++ = x;
    }
    a->taken += (int64_t)count;
}
