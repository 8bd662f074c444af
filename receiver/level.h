// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Level: gains that go from one value to another without a click.
 *
 * A fader is linear in amplitude and takes 20 ms. A duck is linear in decibels: down within its attack as
 * long as something more important sounds, up again within its release.
 */
#ifndef UNISONO_LEVEL_H
#define UNISONO_LEVEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/timebase.h"

struct fader {
    float now, step, target;
    size_t left; /* frames until the target is reached */
};

/* At once at `gain`, linear. */
void fader_init(struct fader *f, double gain);

/* From now on towards `gain`, in 20 ms at rate_hz. */
void fader_go(struct fader *f, double gain, uint32_t rate_hz);

/* Multiplies frames x channels. */
void fader_run(struct fader *f, float *io, size_t frames, unsigned channels);

/* The gain of each of the next frames. */
void fader_gains(struct fader *f, float *gains, size_t frames);

/* Goes on by so many frames, of which none is heard. */
void fader_skip(struct fader *f, size_t frames);

struct duck_config {
    double depth_db;    /* at most 0: how far a programme is lowered while a page sounds */
    int64_t attack_ns;  /* from full level down to there */
    int64_t release_ns; /* and back */
};

#define DUCK_STANDARD ((struct duck_config){-20, 20 * NS_PER_MS, 500 * NS_PER_MS})

struct duck {
    float now, depth;
    float fall, rise; /* per frame */
};

void duck_init(struct duck *d, const struct duck_config *config, uint32_t rate_hz);

/* Another depth or other times: from where it is. */
void duck_set(struct duck *d, const struct duck_config *config, uint32_t rate_hz);

/* Multiplies the gains of the next frames, going down while `down`, else up. */
void duck_gains(struct duck *d, bool down, float *gains, size_t frames);

/* Goes on by so many frames, of which none is heard. */
void duck_skip(struct duck *d, bool down, size_t frames);

/* Raises the peak of each channel to the largest magnitude in frames x channels, and counts samples beyond
 * full scale. */
void meter_run(const float *in, size_t frames, unsigned channels, float *peaks, uint64_t *clipped);

#endif
