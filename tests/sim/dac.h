// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A sound card's playback side: frames are written ahead, its converter takes them at the pace of its own
 * crystal, and a driver says, in steps, how many are left.
 *
 *    written                       pointer (what the driver says)    converter
 *       v                              v                                v
 *       |############ queued ##########|------------ fifo --------------|===> judge
 */
#ifndef UNISONO_SIM_DAC_H
#define UNISONO_SIM_DAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "judge.h"
#include "oscillator.h"

struct dac_config {
    unsigned rate_hz, channels;
    unsigned buffer_frames;
    unsigned step_frames; /* the pointer moves in such steps; 1: each frame */
    double step_us;       /* or only at such intervals of the host's clock, as on USB; 0: always */
    unsigned fifo_frames; /* a frame leaves so much later than the pointer says */
    double start_us;      /* from the start to the first frame */
};

struct dac {
    struct dac_config config;
    const struct oscillator *crystal;
    const struct oscillator *host; /* whose interval step_us counts */
    struct judge *judge;
    bool running;
    int64_t own_start; /* the crystal's time of the frame `first` at the pointer */
    double own_part;
    int64_t first; /* frames written before the start */
    int64_t written, judged;
    float *ring;        /* channel 0 of the newest frames */
    size_t ring_frames; /* a power of two */
};

int dac_init(struct dac *d, const struct dac_config *config, const struct oscillator *crystal,
             const struct oscillator *host, struct judge *judge);
void dac_free(struct dac *d);

/* Frames x channels, interleaved. A card that stands still keeps them until it is started. */
void dac_write(struct dac *d, const float *frames, size_t count);
void dac_start(struct dac *d, int64_t t);

/* It stands, and what was queued is gone: by an xrun, or because it was unplugged. */
void dac_stop(struct dac *d, int64_t t);

/* What the driver says at true instant t: frames written that are still queued; negative: it ran dry. */
int64_t dac_queued(const struct dac *d, int64_t t);

/* Everything that has left the converter by t goes to the judge. To be called before the crystal is advanced.
 */
void dac_advance(struct dac *d, int64_t t);

#endif
