// SPDX-License-Identifier: GPL-3.0-or-later
#include "conceal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    HISTORY = 512,  /* frames the model is fitted to, a power of two */
    MAX_ORDER = 32, /* poles for up to 4 channels; fewer for more, so that the work stays bounded */
    ORDER_BUDGET = 128,
    MIN_ORDER = 4,
    FIT_PRICE = 128, /* good frames that pay for a fit, and for how many of them a channel may be ahead: */
    CREDIT = 4 * FIT_PRICE,
    CHECKED = 8,       /* frames by which it is judged whether a model still fits */
    HOLD_US = 4000,    /* full level so long */
    GONE_US = 12000,   /* silent from here on */
    REJOIN_US = 2000,  /* crossfade back into good sound */
    FADE_IN_US = 5000, /* the same out of silence */
    GAIN_US = 500      /* time constant of turning a growing prediction down */
};

struct conceal {
    unsigned channels; /* of the present sound */
    unsigned order;
    uint32_t rate_hz;
    size_t hole;       /* frames filled since the hole began */
    size_t rejoin;     /* frames left of the crossfade back */
    size_t rejoin_all; /* its whole length */
    float follow;      /* how far the gain comes nearer its aim in one frame */
    bool predicting;   /* the model fits the present hole */
    size_t head;       /* next slot of the history */
    size_t fresh;      /* good frames since the last hole began */
    uint64_t fits;     /* of a channel each */
    float *history;    /* HISTORY frames, what was heard */
    float *past;       /* MAX_ORDER frames, unfaded prediction, newest last */
    double *model;     /* MAX_ORDER coefficients a channel */
    size_t *credit;    /* good frames to pay for its next fits, a channel */
    double *error;     /* mean square of what the model left when it was fitted, a channel */
    float *peak;       /* largest magnitude in the history, a channel: the prediction stays within */
    float *grown;      /* largest magnitude of the prediction so far, a channel */
    float *gain;       /* what it is turned down by, a channel; follows peak / grown */
    double forward[HISTORY], backward[HISTORY];
};

struct conceal *conceal_create(unsigned channels)
{
    struct conceal *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->history = calloc((size_t)HISTORY * channels, sizeof *c->history);
    c->past = calloc((size_t)MAX_ORDER * channels, sizeof *c->past);
    c->model = calloc((size_t)MAX_ORDER * channels, sizeof *c->model);
    c->credit = calloc(channels, sizeof *c->credit);
    c->error = calloc(channels, sizeof *c->error);
    c->peak = calloc(channels, sizeof *c->peak);
    c->grown = calloc(channels, sizeof *c->grown);
    c->gain = calloc(channels, sizeof *c->gain);
    if (!c->history || !c->past || !c->model || !c->credit || !c->error || !c->peak || !c->grown ||
        !c->gain) {
        conceal_destroy(c);
        return NULL;
    }
    conceal_set_channels(c, channels);
    conceal_reset(c, 48000);
    return c;
}

void conceal_destroy(struct conceal *c)
{
    if (!c)
        return;
    free(c->history);
    free(c->past);
    free(c->model);
    free(c->credit);
    free(c->error);
    free(c->peak);
    free(c->grown);
    free(c->gain);
    free(c);
}

static size_t frames_in_us(const struct conceal *c, unsigned us)
{
    return (size_t)((uint64_t)us * c->rate_hz / 1000000);
}

void conceal_set_channels(struct conceal *c, unsigned channels)
{
    unsigned order = ORDER_BUDGET / channels;

    c->channels = channels;
    c->order = order > MAX_ORDER ? MAX_ORDER : order < MIN_ORDER ? MIN_ORDER : order;
}

void conceal_reset(struct conceal *c, uint32_t rate_hz)
{
    c->rate_hz = rate_hz;
    c->follow = 1e6f / (GAIN_US * (float)rate_hz);
    c->hole = frames_in_us(c, GONE_US);
    c->rejoin = c->rejoin_all = 0;
    c->predicting = false;
    c->head = 0;
    c->fresh = 0;
    for (unsigned channel = 0; channel < c->channels; channel++)
        c->credit[channel] = CREDIT;
    memset(c->history, 0, (size_t)HISTORY * c->channels * sizeof *c->history);
}

static void remember(struct conceal *c, const float *frame)
{
    memcpy(c->history + c->head * c->channels, frame, c->channels * sizeof *frame);
    c->head = (c->head + 1) % HISTORY;
}

/* Burg's recursion over one channel of the history: x[n] is predicted as sum of model[k] * x[n-1-k]. */
static void fit_channel(struct conceal *c, unsigned channel)
{
    double *a = c->model + (size_t)channel * MAX_ORDER;
    double *f = c->forward, *b = c->backward;
    double energy = 0;

    memset(a, 0, MAX_ORDER * sizeof *a);
    c->fits++;
    c->credit[channel] -= FIT_PRICE;
    c->error[channel] = 0;
    c->peak[channel] = 0;
    for (size_t i = 0; i < HISTORY; i++) {
        f[i] = b[i] = (double)c->history[((c->head + i) % HISTORY) * c->channels + channel];
        energy += f[i] * f[i];
        c->peak[channel] = fmaxf(c->peak[channel], fabsf((float)f[i]));
    }
    if (energy < 1e-12)
        return;
    for (unsigned m = 0; m < c->order; m++) {
        /* a trace of noise keeps the denominator from vanishing under a pure tone */
        double num = 0, den = 1e-14 * energy, k;

        for (size_t n = m + 1; n < HISTORY; n++) {
            num += f[n] * b[n - 1];
            den += f[n] * f[n] + b[n - 1] * b[n - 1];
        }
        k = 2 * num / den;
        for (unsigned i = 0; i < (m + 1) / 2; i++) {
            double low = a[i], high = a[m - 1 - i];

            a[i] = low - k * high;
            a[m - 1 - i] = high - k * low;
        }
        a[m] = k;
        for (size_t n = HISTORY - 1; n > m; n--) {
            double forward = f[n];

            f[n] = forward - k * b[n - 1];
            b[n] = b[n - 1] - k * forward;
        }
    }
    for (size_t n = c->order; n < HISTORY; n++)
        c->error[channel] += f[n] * f[n] / (HISTORY - c->order);
}

/* No model: what was heard last, falling by a factor of e in 50 frames. */
static void hold_channel(struct conceal *c, unsigned channel)
{
    double *a = c->model + (size_t)channel * MAX_ORDER;

    memset(a, 0, MAX_ORDER * sizeof *a);
    a[0] = 0.98;
    c->error[channel] = 0;
}

/* A sample of the history; of the newest frame `back` is 1. */
static float heard(const struct conceal *c, unsigned channel, size_t back)
{
    return c->history[((c->head + HISTORY - back) % HISTORY) * c->channels + channel];
}

/* Whether the model would have missed the newest frames by far more than those that it was fitted to. */
static bool misfits(const struct conceal *c, unsigned channel)
{
    const double *a = c->model + (size_t)channel * MAX_ORDER;
    double sum = 0;

    for (size_t back = 1; back <= CHECKED; back++) {
        double off = (double)heard(c, channel, back);

        for (unsigned k = 0; k < c->order; k++)
            off -= a[k] * (double)heard(c, channel, back + 1 + k);
        sum += off * off;
    }
    return sum > 16 * CHECKED * c->error[channel];
}

/*
 * To fit 64 channels takes half a millisecond, and holes may be as many as packets: the good frames since pay
 * for it. As they become few, the model before is kept if it fits; at last, what does not fit would burst,
 * and the sound stands still and falls instead. A model predicts from the newest frames in any case.
 */
static void renew_model(struct conceal *c, unsigned channel)
{
    size_t *credit = &c->credit[channel];
    bool fits;

    *credit = *credit + c->fresh < CREDIT ? *credit + c->fresh : CREDIT;
    fits = *credit < CREDIT / 2 && !misfits(c, channel);
    if (!fits && *credit >= FIT_PRICE) {
        fit_channel(c, channel);
    } else {
        if (!fits)
            hold_channel(c, channel);
        for (size_t back = 1; back <= MAX_ORDER; back++)
            c->peak[channel] = fmaxf(c->peak[channel], fabsf(heard(c, channel, back)));
    }
    c->grown[channel] = c->peak[channel];
    c->gain[channel] = 1;
}

static void begin_prediction(struct conceal *c)
{
    for (unsigned channel = 0; channel < c->channels; channel++)
        renew_model(c, channel);
    c->fresh = 0;
    for (unsigned i = 0; i < MAX_ORDER; i++) {
        size_t slot = (c->head + HISTORY - MAX_ORDER + i) % HISTORY;

        memcpy(c->past + (size_t)i * c->channels, c->history + slot * c->channels,
               c->channels * sizeof *c->past);
    }
    c->predicting = true;
}

/* One predicted frame at full level into `frame`; the prediction goes on from itself. */
static void predict(struct conceal *c, float *frame)
{
    size_t width = c->channels * sizeof *frame;

    for (unsigned channel = 0; channel < c->channels; channel++) {
        const double *a = c->model + (size_t)channel * MAX_ORDER;
        double sum = 0;

        for (unsigned k = 0; k < c->order; k++)
            sum += a[k] * (double)c->past[(size_t)(MAX_ORDER - 1 - k) * c->channels + channel];
        frame[channel] = (float)sum;
    }
    memmove(c->past, c->past + c->channels, (MAX_ORDER - 1) * width);
    memcpy(c->past + (size_t)(MAX_ORDER - 1) * c->channels, frame, width);
}

/*
 * A sound that was growing must not go on growing: it is turned down as it exceeds its peak, so smoothly that
 * it keeps its shape. What is still beyond is bent, towards 1.15 times the peak: without an edge, which would
 * click. What the prediction feeds on is left alone: an error there is magnified.
 */
static float limited(struct conceal *c, unsigned channel, float x)
{
    float peak = c->peak[channel], over;

    if (peak <= 0)
        return x;
    c->grown[channel] = fmaxf(c->grown[channel], fabsf(x));
    c->gain[channel] += (peak / c->grown[channel] - c->gain[channel]) * c->follow;
    x *= c->gain[channel];
    over = fabsf(x) - peak;
    return over <= 0 ? x : copysignf(peak + 0.15f * peak * tanhf(over / (0.15f * peak)), x);
}

/* Level of the replacement after `hole` frames: 1, then half a cosine down to 0. */
static float hole_level(const struct conceal *c, size_t hole)
{
    size_t hold = frames_in_us(c, HOLD_US), gone = frames_in_us(c, GONE_US);

    if (hole <= hold)
        return 1;
    if (hole >= gone)
        return 0;
    return (float)(0.5 + 0.5 * cos(M_PI * (double)(hole - hold) / (double)(gone - hold)));
}

bool conceal_silent(const struct conceal *c)
{
    return c->hole >= frames_in_us(c, GONE_US) && !c->rejoin;
}

size_t conceal_silent_frames(const struct conceal *c)
{
    return conceal_silent(c) ? c->hole - frames_in_us(c, GONE_US) : 0;
}

void conceal_fill(struct conceal *c, float *out, size_t frames)
{
    if (c->rejoin) { /* the last hole was not closed yet: what was heard until now goes on */
        c->hole = 0;
        c->predicting = false;
        c->rejoin = c->rejoin_all = 0;
    }
    if (!c->predicting && !conceal_silent(c))
        begin_prediction(c);
    for (size_t i = 0; i < frames; i++, out += c->channels) {
        if (conceal_silent(c)) {
            c->hole++;
            memset(out, 0, c->channels * sizeof *out);
        } else {
            float level = hole_level(c, ++c->hole);

            predict(c, out);
            for (unsigned channel = 0; channel < c->channels; channel++)
                out[channel] = level * limited(c, channel, out[channel]);
        }
        remember(c, out);
    }
}

/* How a hole ends: the crossfade is short when the prediction still sounds, longer out of silence. */
static void begin_rejoin(struct conceal *c)
{
    c->rejoin_all = frames_in_us(c, conceal_silent(c) ? FADE_IN_US : REJOIN_US);
    c->rejoin = c->rejoin_all;
}

static void crossfade(struct conceal *c, float *frame)
{
    float predicted[64] = {0};
    double done = 1 - (double)c->rejoin / (double)(c->rejoin_all + 1);
    float good = (float)(0.5 - 0.5 * cos(M_PI * done));
    float level = hole_level(c, c->hole);

    if (c->predicting && level > 0) {
        predict(c, predicted);
        c->hole++;
    }
    for (unsigned channel = 0; channel < c->channels; channel++)
        frame[channel] = good * frame[channel] + (1 - good) * level * limited(c, channel, predicted[channel]);
    c->rejoin--;
}

void conceal_pass(struct conceal *c, float *io, size_t frames)
{
    if (c->hole && !c->rejoin)
        begin_rejoin(c);
    for (size_t i = 0; i < frames; i++, io += c->channels) {
        if (c->rejoin) {
            crossfade(c, io);
            if (!c->rejoin) {
                c->hole = 0;
                c->predicting = false;
            }
        }
        remember(c, io);
    }
    c->fresh += frames;
}

uint64_t conceal_fits(const struct conceal *c)
{
    return c->fits;
}
