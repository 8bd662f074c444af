// SPDX-License-Identifier: GPL-3.0-or-later
#include "resample.h"

#include <errno.h>
#include <math.h>
#include <samplerate.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SMOOTH_S 0.05

enum {
    MAX_CHANNELS = 64,
    LEAD_IN = 1, /* input frames ahead of the one a start counts from */
    NARROW = 4,  /* channels: a converter of 4 costs hardly more than one of 1, and half of one of 6 */
    GROUPS_MAX = 3,
    CHUNK = 64 /* frames that a group of several takes or makes at a time */
};

/* Channels that share a converter. All groups at work are fed alike, so that their positions are one. */
struct group {
    SRC_STATE *src;
    unsigned first, channels;
    bool clear; /* it holds no sound */
};

struct resampler {
    struct group groups[GROUPS_MAX];
    unsigned count;
    unsigned channels; /* at work */
    double half_width; /* of the filter at ratio 1, input frames */
    double delay;      /* of the converter, input frames */
    int64_t fed;
    int64_t whole;
    double part;
    double lead_in;  /* distance still to be skipped before the first frame that counts */
    float *in, *out; /* CHUNK frames of a group */
};

/*
 * 4, 4 and the rest. Never a converter of one channel beside others: libsamplerate's buffer for one takes a
 * frame more than the others do.
 */
static void lay_out(struct resampler *r, unsigned channels)
{
    for (unsigned first = 0; first < channels; r->count++) {
        struct group *g = &r->groups[r->count];
        unsigned left = channels - first;

        g->first = first;
        g->channels = r->count == GROUPS_MAX - 1 || left <= NARROW + 1 ? left : NARROW;
        first += g->channels;
    }
}

static bool groups_create(struct resampler *r, int converter)
{
    unsigned widest = 0;
    int error = 0;

    for (unsigned i = 0; i < r->count; i++) {
        struct group *g = &r->groups[i];

        g->src = src_new(converter, (int)g->channels, &error);
        g->clear = true;
        if (!g->src)
            return false;
        widest = g->channels > widest ? g->channels : widest;
    }
    r->in = calloc((size_t)CHUNK * widest, sizeof *r->in);
    r->out = calloc((size_t)CHUNK * widest, sizeof *r->out);
    return r->in && r->out;
}

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

    if (!r)
        return NULL;
    r->half_width = kinds[quality].half_width;
    r->delay = kinds[quality].delay;
    lay_out(r, channels);
    if (!groups_create(r, kinds[quality].converter)) {
        resampler_destroy(r);
        return NULL;
    }
    resampler_start(r, channels, 0);
    return r;
}

void resampler_destroy(struct resampler *r)
{
    if (!r)
        return;
    for (unsigned i = 0; i < r->count; i++)
        if (r->groups[i].src)
            src_delete(r->groups[i].src);
    free(r->in);
    free(r->out);
    free(r);
}

static void clear(struct group *g)
{
    if (!g->clear)
        src_reset(g->src);
    g->clear = true;
}

static bool at_work(const struct resampler *r, unsigned group)
{
    return group < r->count && r->groups[group].first < r->channels;
}

void resampler_start(struct resampler *r, unsigned channels, double part)
{
    r->channels = channels;
    for (unsigned i = 0; at_work(r, i); i++)
        clear(&r->groups[i]);
    r->fed = 0;
    r->whole = 0;
    r->part = 0;
    r->lead_in = LEAD_IN + r->delay + part;
}

bool resampler_tidy(struct resampler *r)
{
    for (unsigned i = 0; i < r->count; i++)
        if (!r->groups[i].clear) {
            clear(&r->groups[i]);
            return true;
        }
    return false;
}

bool resampler_is_clear(const struct resampler *r)
{
    for (unsigned i = 0; i < r->count; i++)
        if (!r->groups[i].clear)
            return false;
    return true;
}

unsigned resampler_converting(const struct resampler *r)
{
    unsigned channels = 0;

    for (unsigned i = 0; at_work(r, i); i++)
        channels += r->groups[i].channels;
    return channels;
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

/* To and from frames of `stride` channels; what the group has beyond them is silence. */
static void gather(const struct resampler *r, const struct group *g, const float *in, size_t frames)
{
    unsigned real = r->channels - g->first < g->channels ? r->channels - g->first : g->channels;

    for (size_t i = 0; i < frames; i++) {
        memcpy(r->in + i * g->channels, in + i * r->channels + g->first, real * sizeof *in);
        for (unsigned channel = real; channel < g->channels; channel++)
            r->in[i * g->channels + channel] = 0;
    }
}

static void scatter(const struct resampler *r, const struct group *g, float *out, size_t frames)
{
    unsigned real = r->channels - g->first < g->channels ? r->channels - g->first : g->channels;

    for (size_t i = 0; i < frames; i++)
        memcpy(out + i * r->channels + g->first, r->out + i * g->channels, real * sizeof *out);
}

/* One converter; `d` says what it is given, and then what it did. */
static int process(struct group *g, SRC_DATA *d)
{
    g->clear = false;
    return src_set_ratio(g->src, d->src_ratio) || src_process(g->src, d) ? -EIO : 0;
}

/* The same by way of the chunks. */
static int process_chunks(struct resampler *r, struct group *g, SRC_DATA *all)
{
    while (all->output_frames_gen < all->output_frames) {
        long in = all->input_frames - all->input_frames_used,
             out = all->output_frames - all->output_frames_gen;
        SRC_DATA d = {
            .data_in = r->in,
            .data_out = r->out,
            .input_frames = in < CHUNK ? in : CHUNK,
            .output_frames = out < CHUNK ? out : CHUNK,
            .src_ratio = all->src_ratio,
        };

        gather(r, g, all->data_in + all->input_frames_used * (long)r->channels, (size_t)d.input_frames);
        if (process(g, &d) || (d.input_frames_used == 0 && d.output_frames_gen == 0))
            return -EIO;
        scatter(r, g, all->data_out + all->output_frames_gen * (long)r->channels,
                (size_t)d.output_frames_gen);
        all->input_frames_used += d.input_frames_used;
        all->output_frames_gen += d.output_frames_gen;
    }
    return 0;
}

/* One block at a constant step; the position moves by exactly frames * step. */
static int run_block(struct resampler *r, double step, const float *in, size_t available, float *out,
                     size_t frames)
{
    long used = 0;

    for (unsigned i = 0; at_work(r, i); i++) {
        struct group *g = &r->groups[i];
        bool alone = i == 0 && g->channels == r->channels;
        SRC_DATA d = {
            .data_in = in,
            .data_out = out,
            .input_frames = (long)available,
            .output_frames = (long)frames,
            .src_ratio = 1 / step,
        };

        if (alone ? process(g, &d) : process_chunks(r, g, &d))
            return -EIO;
        if (d.output_frames_gen != (long)frames || (i > 0 && d.input_frames_used != used))
            return -EIO;
        used = d.input_frames_used;
    }
    r->fed += used;
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
