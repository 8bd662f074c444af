// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Retime: from the sound card's samples to the media clock's.
 *
 * The ADC samples when its own crystal says so; the stream needs the sound at exact multiples of the PTP
 * sample period. So captured frames are kept for a moment, the observer says when each was taken, and the
 * resampler reads them at the places where media samples fall:
 *
 *    ADC frames      |     |     |     |     |     |        taken at a + b n   (observer)
 *    media samples      |      |      |      |      |       due at m / rate    (media clock)
 *
 * The position is steered feed-forward exactly as at the receiver's DAC, only the other way round.
 */
#ifndef UNISONO_RETIME_H
#define UNISONO_RETIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/mediaclock.h"
#include "proto/observer.h"
#include "proto/resample.h"
#include "proto/timebase.h"

struct retime;

struct retime_config {
    unsigned channels;
    uint32_t card_rate_hz;
    uint32_t media_rate_hz;
    enum resample_quality quality;
};

struct retime_status {
    double card_ppm;   /* the ADC's crystal against nominal */
    double error_ns;   /* position against the clock's word, after the last packet */
    double sigma_ns;   /* the observer's own doubt */
    uint64_t restarts; /* times the position was found anew: start, overrun, clock step */
};

/* Allocates all it needs, half a second of sound included. NULL when memory is short. */
struct retime *retime_create(const struct retime_config *config);
void retime_destroy(struct retime *r);

/* Appends captured frames (frames x channels, interleaved). The oldest are dropped when nobody pulls. */
void retime_push(struct retime *r, const float *in, size_t frames);

/* At `stamp` the converter had taken `n` frames since the card was opened: those read plus those waiting. */
void retime_observe(struct retime *r, raw_ns stamp, frame_t n);

/* The card lost frames: forgets where it stood, keeps its rate. */
void retime_overrun(struct retime *r);

/* True once the observer knows the card well enough to start: below 0.5 us, or 2.5 s old. */
bool retime_ready(const struct retime *r);

/*
 * Fills `out` with `frames` frames, the first for media sample `at`. Successive calls must ask for successive
 * samples; any other `at`, or an error above 2 ms, finds the position anew and fades in over 5 ms.
 * Returns 0; -EAGAIN while the ADC has not delivered enough or is not known well; -ETIME when what is asked
 * for is no longer kept (ask for a later sample).
 */
int retime_pull(struct retime *r, const struct clock_map *map, media_t at, float *out, size_t frames);

/*
 * When the last frame that the next `frames` frames need passes the converter. INT64_MIN ns while the
 * position is not known: then nobody can say.
 */
raw_ns retime_due(const struct retime *r, size_t frames);

void retime_get_status(const struct retime *r, struct retime_status *status);

#endif
