// SPDX-License-Identifier: GPL-3.0-or-later
#include "resample.h"

#include <errno.h>
#include <math.h>
#include <samplerate.h>
#include <stdlib.h>

#define SMOOTH_S 0.05

enum {
    MAX_CHANNELS = 64,
    LEAD_IN = 1 /* input frames ahead of the one a start counts from */
};

struct resampler {
    SRC_STATE *src;
    unsigned channels;
    double half_width; /* of the filter at ratio 1, input frames */
    double delay;      /* of the converter, input frames */
    int64_t fed;
    int64_t whole;
    double part;
    double lead_in; /* distance still to be skipped before the first frame that counts */
};

struct resampler *resampler_create(unsigned channels, enum resample_quality quality)
{
    /* (coefficients in half a filter + 2) / table increment, from libsamplerate 0.2's tables */
    static const struct {
        int converter;
        double half_width, delay;
    } kinds[] = {
        [RESAMPLE_FASTEST] = {SRC_SINC_FASTEST, 2466.0 / 128, 0},
        [RESAMPLE_MEDIUM] = {SRC_SINC_MEDIUM_QUALITY, 22440.0 / 491, 0},
        [RESAMPLE_BEST] = {SRC_SINC_BEST_QUALITY, 340241.0 / 2381, 0},
        [RESAMPLE_LINEAR] = {SRC_LINEAR, 1, 1},
    };
    struct resampler *r = calloc(1, sizeof *r);
    int error = 0;

    if (!r)
        return NULL;
    r->src = src_new(kinds[quality].converter, (int)channels, &error);
    if (!r->src) {
        free(r);
        return NULL;
    }
    r->channels = channels;
    r->half_width = kinds[quality].half_width;
    r->delay = kinds[quality].delay;
    resampler_start(r, 0);
    return r;
}

void resampler_destroy(struct resampler *r)
{
    if (!r)
        return;
    src_delete(r->src);
    free(r);
}

void resampler_start(struct resampler *r, double part)
{
    src_reset(r->src);
    r->fed = 0;
    r->whole = 0;
    r->part = 0;
    r->lead_in = LEAD_IN + r->delay + part;
}

int64_t resampler_fed(const struct resampler *r)
{
    return r->fed;
}

void resampler_position(const struct resampler *r, int64_t *whole, double *part)
{
    double ahead = r->part + r->lead_in - r->delay;

    *whole = r->whole + (int64_t)floor(ahead);
    *part = ahead - floor(ahead);
}

/* Input frames the filter must see beyond an output position; it widens when it has to lower the rate. */
static int64_t look_ahead(const struct resampler *r, double step)
{
    return (int64_t)ceil(r->half_width * fmax(step, 1)) + 1;
}

double resampler_look_ahead(const struct resampler *r)
{
    return (double)look_ahead(r, 1);
}

size_t resampler_need(const struct resampler *r, size_t frames, double step)
{
    double last = r->part + r->lead_in + (double)frames * step;
    int64_t need = r->whole + (int64_t)floor(last) + look_ahead(r, step) + 1 - r->fed;

    return frames && need > 0 ? (size_t)need : 0;
}

size_t resampler_yield(const struct resampler *r, size_t available, double step)
{
    int64_t end = r->fed + (int64_t)available - look_ahead(r, step) - r->whole;
    double room = (double)end - r->part - r->lead_in;

    /* the position after the block must lie below `end`: what fits exactly does not fit */
    return room > step ? (size_t)(ceil(room / step) - 1) : 0;
}

/* One block at a constant step; the position moves by exactly frames * step. */
static int run_block(struct resampler *r, double step, const float *in, size_t available, float *out,
                     size_t frames)
{
    SRC_DATA d = {
        .data_in = in,
        .data_out = out,
        .input_frames = (long)available,
        .output_frames = (long)frames,
        .src_ratio = 1 / step,
    };

    if (src_set_ratio(r->src, d.src_ratio) || src_process(r->src, &d))
        return -EIO;
    r->fed += d.input_frames_used;
    if (d.output_frames_gen != (long)frames)
        return -EIO;
    r->part += (double)frames * step;
    r->whole += (int64_t)floor(r->part);
    r->part -= floor(r->part);
    return 0;
}

/*
 * Moves the position by a fraction by making frames nobody hears. A step above 1 would widen the filter and
 * ask for more input than is there, so the lead-in is walked in two steps of half a frame to a frame.
 */
static int skip_lead_in(struct resampler *r, const float *in, size_t available)
{
    float unheard[MAX_CHANNELS];
    double steps[2] = {0.5 * r->lead_in, 0.5 * r->lead_in};
    int64_t start = r->fed;
    int error = 0;

    for (int i = 0; i < 2 && !error; i++) {
        size_t used = (size_t)(r->fed - start);

        error = run_block(r, steps[i], in + used * r->channels, available - used, unheard, 1);
    }
    r->lead_in = 0;
    return error;
}

int resampler_run(struct resampler *r, double step, const float *in, size_t available, float *out,
                  size_t frames)
{
    int64_t start = r->fed;
    int error = 0;

    if (!frames)
        return 0;
    if (r->lead_in > 0)
        error = skip_lead_in(r, in, available);
    if (!error) {
        size_t used = (size_t)(r->fed - start);

        error = run_block(r, step, in + used * r->channels, available - used, out, frames);
    }
    return error;
}

double resample_steer(double nominal, double behind_s, double previous, double elapsed_s)
{
    double limit = fabs(behind_s) > 20e-6 ? 300e-6 : 10e-6;
    double correction = behind_s < -limit ? -limit : behind_s > limit ? limit : behind_s;
    double aim = nominal * (1 + correction);

    return previous > 0 ? aim + (previous - aim) * exp(-elapsed_s / SMOOTH_S) : aim;
}
