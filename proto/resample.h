// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A resampler whose input position is known exactly at every output frame.
 *
 * libsamplerate's sinc converters have no group delay and advance their input position by 1 / ratio for each
 * output frame, in plain double arithmetic, as long as src_set_ratio() precedes every block. So the position
 * needs no measuring: it is the sum of what was asked for (agreement over 28 million frames: 4e-7 samples).
 * What a converter reports as "used" is only what went into its internal buffer.
 *
 * The unit of position is one input frame; frame 0 is the first one offered after resampler_start().
 * Not all channels need be at work: what the others would have cost is saved, in steps of 4, 8 and all.
 *
 * "step" is input frames per output frame, the inverse of libsamplerate's ratio.
 */
#ifndef UNISONO_RESAMPLE_H
#define UNISONO_RESAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum resample_quality {
    RESAMPLE_FASTEST, /* look-ahead 20 frames; -0.5 dB at 18 kHz */
    RESAMPLE_MEDIUM,  /* look-ahead 47 frames; flat to 20 kHz */
    RESAMPLE_BEST,    /* look-ahead 144 frames; flat to 22 kHz */
    RESAMPLE_LINEAR   /* 1 frame; for a simulated day of low tones in a minute, not for ears */
};

struct resampler;

/*
 * Allocates converters for `channels` (1 to 64) interleaved channels, which all are at work. Returns NULL
 * when memory is short. The only functions here that allocate or free are these two.
 */
struct resampler *resampler_create(unsigned channels, enum resample_quality quality);
void resampler_destroy(struct resampler *r);

/*
 * Forgets all input. From now on frames have `channels` channels, 1 to as many as it was created for. The
 * next output frame will lie at position 1 + part: one frame of lead-in must be offered ahead of the frame
 * that `part` (0 <= part < 1) counts from. To forget is to clear what has been at work since it last was,
 * up to 0.4 MB a channel.
 */
void resampler_start(struct resampler *r, unsigned channels, double part);

/* Does beforehand, of one that is not at work, a part of what a start would have to clear. False when there
 * is nothing left to do. */
bool resampler_tidy(struct resampler *r);
bool resampler_is_clear(const struct resampler *r);

/* For how many channels converters are at work: what it costs goes by them. */
unsigned resampler_converting(const struct resampler *r);

/* Index of the next input frame to offer, counted since resampler_start(). */
int64_t resampler_fed(const struct resampler *r);

/* Position of the next output frame, in input frames since resampler_start(): whole and part. */
void resampler_position(const struct resampler *r, int64_t *whole, double *part);

/* How far beyond an output frame's position the input must reach, in input frames, at a step of 1. */
double resampler_look_ahead(const struct resampler *r);

/*
 * How many input frames beyond those fed are needed for `frames` output frames at `step`; and how many
 * output frames can be had from `available` input frames beyond those fed.
 */
size_t resampler_need(const struct resampler *r, size_t frames, double step);
size_t resampler_yield(const struct resampler *r, size_t available, double step);

/*
 * Makes exactly `frames` output frames at `step` from at least resampler_need() input frames. `in` holds
 * `available` frames from resampler_fed() on; frames not taken must be offered again. Returns 0, or -EIO when
 * libsamplerate failed or made fewer frames (a bug of ours: the position would be lost).
 */
int resampler_run(struct resampler *r, double step, const float *in, size_t available, float *out,
                  size_t frames);

/*
 * The step that brings position and clock together. `nominal` is the step that keeps time by itself;
 * `behind_s` is how far the position lags behind where the clock says it must be, in seconds. Proportional
 * with a time constant of one second; at most 10 ppm while playing (inaudible as pitch), 300 ppm while more
 * than 20 us off. Never rate-limited: a slew limiter around a loop limit-cycles. But smoothed: the clock's
 * word may jump by microseconds, where a card counts in coarse steps, and the pitch must not. `previous`, the
 * step of the block before (0: there was none), is left with a time constant of 50 ms; it held for
 * `elapsed_s`. (tests/README.md: 17 ppm from one millisecond to the next became 0.5, and alignment stayed as
 * it was.)
 */
double resample_steer(double nominal, double behind_s, double previous, double elapsed_s);

#endif
