// SPDX-License-Identifier: GPL-3.0-or-later
#include "gate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL_S    0.010 /* time constant of the mean */
#define FADE_S     0.005
#define LOUDEST    16.0  /* what is beyond, of a file of floats, shall not stay in the mean for long */
#define LEVEL_ZERO 1e-15 /* -150 dB: below it the mean is silence, so that it never becomes a subnormal */

struct gate {
    struct gate_config config;
    float *ring;       /* hold_blocks blocks; the oldest at `oldest` */
    size_t oldest;     /* block */
    int64_t in;        /* frames that came in so far */
    int64_t open_till; /* on the same count: sound before it comes out; what is past the hold is over */
    int64_t loud_till; /* by level: the end of the hang */
    bool open;         /* blocks are sent */
    int64_t sent_till; /* and will be until there: the fade and the linger */
    float gain;        /* of the last frame that came out */
    float gain_step;
    double mean, weight; /* of the squares; and how much of it one frame is */
    double threshold;    /* of the mean */
    double level;
};

struct gate *gate_create(const struct gate_config *config)
{
    struct gate *gate = calloc(1, sizeof *gate);
    size_t samples = config->hold_blocks * config->block_frames * config->channels;

    if (!gate)
        return NULL;
    gate->config = *config;
    gate->ring = calloc(samples ? samples : 1, sizeof *gate->ring);
    if (!gate->ring) {
        gate_destroy(gate);
        return NULL;
    }
    gate->gain_step = (float)(1 / (FADE_S * config->rate_hz));
    gate->weight = 1 - exp(-1 / (LEVEL_S * config->rate_hz));
    gate->threshold = pow(10, config->threshold_db / 10);
    return gate;
}

void gate_destroy(struct gate *gate)
{
    if (!gate)
        return;
    free(gate->ring);
    free(gate);
}

void gate_skip(struct gate *gate)
{
    const struct gate_config *c = &gate->config;

    memset(gate->ring, 0, c->hold_blocks * c->block_frames * c->channels * sizeof *gate->ring);
}

void gate_reset(struct gate *gate)
{
    gate_skip(gate);
    gate->open = false;
    gate->open_till = gate->loud_till = gate->sent_till = 0;
    gate->in = 0;
    gate->gain = 0;
    gate->mean = 0;
}

/* The mean is of twice the square: that of a sine is then the square of its amplitude. */
static void listen(struct gate *gate, const float *block)
{
    const struct gate_config *c = &gate->config;

    for (size_t i = 0; i < c->block_frames; i++, block += c->channels) {
        double largest = 0;

        for (unsigned k = 0; k < c->channels; k++)
            largest = fmax(largest, fabs((double)block[k]));
        largest = fmin(largest, LOUDEST);
        gate->mean += (2 * largest * largest - gate->mean) * gate->weight;
        if (gate->mean > gate->level)
            gate->level = gate->mean;
        if (c->by_level && gate->mean >= gate->threshold)
            gate->loud_till = gate->in + (int64_t)i + 1 + c->hang_frames;
    }
    if (gate->mean < LEVEL_ZERO)
        gate->mean = 0;
}

/* The newest block into the ring, the oldest out of it. */
static void exchange(struct gate *gate, float *block)
{
    const struct gate_config *c = &gate->config;
    size_t samples = c->block_frames * c->channels;
    float *slot = gate->ring + gate->oldest * samples;

    if (c->hold_blocks == 0)
        return;
    for (size_t i = 0; i < samples; i++) {
        float newest = block[i];

        block[i] = slot[i];
        slot[i] = newest;
    }
    gate->oldest = (gate->oldest + 1) % c->hold_blocks;
}

static void apply_gain(struct gate *gate, float *block, bool sounds)
{
    const struct gate_config *c = &gate->config;

    if (sounds && gate->gain >= 1)
        return;
    for (size_t i = 0; i < c->block_frames; i++, block += c->channels) {
        gate->gain += sounds ? gate->gain_step : -gate->gain_step;
        gate->gain = fminf(fmaxf(gate->gain, 0), 1);
        for (unsigned k = 0; k < c->channels; k++)
            block[k] *= gate->gain;
    }
}

enum gate_block gate_pass(struct gate *gate, float *block, bool talk)
{
    const struct gate_config *c = &gate->config;
    int64_t frames = (int64_t)c->block_frames, out = gate->in - (int64_t)c->hold_blocks * frames;
    int64_t fade = (int64_t)ceil(FADE_S * c->rate_hz);
    bool opens, was_open = gate->open;

    listen(gate, block);
    exchange(gate, block);
    gate->in += frames;
    opens = talk || gate->in - frames < gate->loud_till;
    if (opens) {
        gate->open = true;
        gate->open_till = gate->in;
        gate->sent_till = gate->in + fade + (int64_t)c->linger_blocks * frames;
    }
    if (gate->open && out >= gate->sent_till)
        gate->open = false;
    if (!gate->open)
        return GATE_SHUT;
    apply_gain(gate, block, out < gate->open_till);
    return was_open ? GATE_NEXT : GATE_FIRST;
}

void gate_close(struct gate *gate)
{
    gate->config.by_level = false;
    gate->loud_till = 0;
}

double gate_level(const struct gate *gate)
{
    return gate->level;
}

void gate_clear_level(struct gate *gate)
{
    gate->level = gate->mean;
}
