// SPDX-License-Identifier: GPL-3.0-or-later
#include "dac.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int dac_init(struct dac *d, const struct dac_config *config, const struct oscillator *crystal,
             const struct oscillator *host, struct judge *judge)
{
    *d = (struct dac){.config = *config, .crystal = crystal, .host = host, .judge = judge, .ring_frames = 1};
    while (d->ring_frames < 2 * (config->buffer_frames + config->fifo_frames))
        d->ring_frames *= 2;
    d->ring = calloc(d->ring_frames, sizeof *d->ring);
    return d->ring ? 0 : -ENOMEM;
}

void dac_free(struct dac *d)
{
    free(d->ring);
}

void dac_write(struct dac *d, const float *frames, size_t count)
{
    for (size_t i = 0; i < count; i++)
        d->ring[(size_t)(d->written++) & (d->ring_frames - 1)] = frames[i * d->config.channels];
}

void dac_start(struct dac *d, int64_t t)
{
    d->running = true;
    d->own_start = oscillator_own(d->crystal, t + (int64_t)(d->config.start_us * 1e3), &d->own_part);
    d->first = d->judged;
}

/* Frames since the start that have passed the pointer's place, exactly. */
static double place(const struct dac *d, int64_t t)
{
    double part;
    int64_t own = oscillator_own(d->crystal, t, &part);
    double ns = (double)(own - d->own_start) + part - d->own_part;

    return ns > 0 ? ns * d->config.rate_hz / 1e9 : 0;
}

static int64_t pointer(const struct dac *d, int64_t t)
{
    int64_t step_ns = (int64_t)(d->config.step_us * 1e3), at;

    if (step_ns) {
        double part;

        t = oscillator_own(d->host, t, &part);
        t = oscillator_true(d->host, t - t % step_ns, 0, &part);
    }
    at = (int64_t)floor(place(d, t));
    return d->first + at - at % d->config.step_frames;
}

int64_t dac_queued(const struct dac *d, int64_t t)
{
    /* a card that runs dry notices at its converter, whatever its pointer says in between */
    if ((double)(d->written - d->first) <= place(d, t))
        return -1;
    return d->written - pointer(d, t);
}

void dac_stop(struct dac *d, int64_t t)
{
    dac_advance(d, t);
    d->running = false;
    d->judged = d->written;
    judge_cut(d->judge);
}

/* When frame n leaves the converter. */
static int64_t leaves(const struct dac *d, int64_t n, double *part)
{
    double frames = (double)(n - d->first + (int64_t)d->config.fifo_frames);
    double ns = frames * 1e9 / d->config.rate_hz + d->own_part;
    double whole = floor(ns);

    return oscillator_true(d->crystal, d->own_start + (int64_t)whole, ns - whole, part);
}

void dac_advance(struct dac *d, int64_t t)
{
    int64_t end;
    double period_ns = 1e9 / d->config.rate_hz / (1 + d->crystal->rate);

    if (d->running) {
        end = d->first + (int64_t)floor(place(d, t)) - (int64_t)d->config.fifo_frames;
        end = end < d->written ? end : d->written;
        while (d->judged < end) {
            size_t at = (size_t)d->judged & (d->ring_frames - 1);
            size_t count = d->ring_frames - at < (size_t)(end - d->judged) ? d->ring_frames - at
                                                                           : (size_t)(end - d->judged);
            double part;
            int64_t when = leaves(d, d->judged, &part);

            judge_take(d->judge, d->ring + at, count, when, part, period_ns);
            d->judged += (int64_t)count;
        }
    }
    judge_pass(d->judge, t - (int64_t)(2 * period_ns * (1 + d->config.fifo_frames)));
}
