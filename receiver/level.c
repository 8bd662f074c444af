// SPDX-License-Identifier: GPL-3.0-or-later
#include "level.h"

#include <math.h>

#define FADER_NS (20 * NS_PER_MS)

void fader_init(struct fader *f, double gain)
{
    *f = (struct fader){.now = (float)gain, .target = (float)gain};
}

void fader_go(struct fader *f, double gain, uint32_t rate_hz)
{
    if (f->target == (float)gain)
        return;
    f->target = (float)gain;
    f->left = (size_t)samples_in_ns(FADER_NS, rate_hz) + 1;
    f->step = (f->target - f->now) / (float)f->left;
}

/* The gain of the next frame. */
static inline float next_gain(struct fader *f)
{
    if (f->left) {
        f->left--;
        f->now = f->left ? f->now + f->step : f->target;
    }
    return f->now;
}

void fader_run(struct fader *f, float *io, size_t frames, unsigned channels)
{
    if (!f->left && f->now == 1)
        return;
    for (size_t i = 0; i < frames; i++) {
        float gain = next_gain(f);

        for (unsigned channel = 0; channel < channels; channel++)
            *io++ *= gain;
    }
}

void fader_gains(struct fader *f, float *gains, size_t frames)
{
    for (size_t i = 0; i < frames; i++)
        gains[i] = next_gain(f);
}

void fader_skip(struct fader *f, size_t frames)
{
    if (frames < f->left) {
        f->left -= frames;
        f->now += f->step * (float)frames;
    } else if (f->left) {
        f->left = 0;
        f->now = f->target;
    }
}

/* The factor of one frame that comes from 1 to `depth` within `ns`. */
static float factor(float depth, int64_t ns, uint32_t rate_hz)
{
    double frames = (double)samples_in_ns(ns, rate_hz);

    return (float)pow((double)depth, 1 / fmax(frames, 1));
}

void duck_set(struct duck *d, const struct duck_config *config, uint32_t rate_hz)
{
    d->depth = (float)pow(10, config->depth_db / 20);
    d->fall = factor(d->depth, config->attack_ns, rate_hz);
    /* a shallower depth than where it is now must not keep it there */
    d->rise = 1 / factor(fminf(fminf(d->depth, d->now), 0.9f), config->release_ns, rate_hz);
}

void duck_init(struct duck *d, const struct duck_config *config, uint32_t rate_hz)
{
    *d = (struct duck){.now = 1};
    duck_set(d, config, rate_hz);
}

void duck_gains(struct duck *d, bool down, float *gains, size_t frames)
{
    float aim = down ? d->depth : 1;

    if (!down && d->now == 1)
        return;
    for (size_t i = 0; i < frames; i++) {
        if (d->now > aim)
            d->now = fmaxf(d->now * d->fall, aim);
        else if (d->now < aim)
            d->now = fminf(d->now * d->rise, aim);
        gains[i] *= d->now;
    }
}

void duck_skip(struct duck *d, bool down, size_t frames)
{
    float aim = down ? d->depth : 1;

    if (d->now > aim)
        d->now = fmaxf(d->now * powf(d->fall, (float)frames), aim);
    else if (d->now < aim)
        d->now = fminf(d->now * powf(d->rise, (float)frames), aim);
}

void meter_run(const float *in, size_t frames, unsigned channels, float *restrict peaks, uint64_t *clipped)
{
    for (size_t i = 0; i < frames; i++, in += channels) {
        uint32_t beyond = 0;

        for (unsigned channel = 0; channel < channels; channel++) {
            float magnitude = fabsf(in[channel]), peak = peaks[channel];

            beyond += magnitude > 1;
            peaks[channel] = magnitude > peak ? magnitude : peak;
        }
        *clipped += beyond;
    }
}
