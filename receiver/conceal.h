// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Concealment: what is heard where the network left a hole.
 *
 * The sound is continued by linear prediction from what was just played: Burg's method (Childers, Modern
 * Spectrum Analysis, 1978) fits an all-pole model to the last frames, which is always stable and carries
 * tones and decays on; the model is kept for some milliseconds, however many holes there are. It holds full
 * level for 4 ms, fades to silence by 12 ms, and when sound is back the two are crossfaded: a lost packet is
 * no click, a lost sender is a short fade.
 *
 * Everything read from the timeline passes through here, in order, so that the history is what was heard.
 */
#ifndef UNISONO_CONCEAL_H
#define UNISONO_CONCEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conceal;

/* Allocates everything for up to `channels` (1 to 64) interleaved channels. NULL when memory is short. */
struct conceal *conceal_create(unsigned channels);
void conceal_destroy(struct conceal *c);

/* Forgets the past: the first frames to come are faded in from silence. rate_hz sets the fades' lengths. */
void conceal_reset(struct conceal *c, uint32_t rate_hz);

/*
 * To be followed by a reset: frames then have `channels` channels, 1 to as many as it was created for. The
 * fewer, the better the prediction: all share the work that a hole may make.
 */
void conceal_set_channels(struct conceal *c, unsigned channels);

/* Passes `frames` good frames (frames x channels), changed in place only while crossfading back. */
void conceal_pass(struct conceal *c, float *io, size_t frames);

/* Writes `frames` frames of replacement. */
void conceal_fill(struct conceal *c, float *out, size_t frames);

/* True once a hole has lasted so long that the replacement is silence. */
bool conceal_silent(const struct conceal *c);

/* How many frames of silence it has filled in since then. */
size_t conceal_silent_frames(const struct conceal *c);

/* How often a model of one channel was fitted, which is what concealment costs: at most once in 128 good
 * frames of the channel, and four times more. */
uint64_t conceal_fits(const struct conceal *c);

#endif
