// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A sine that is a function of the media time and of nothing else: sample m is A sin(2 pi f m / rate). So it
 * is the same whoever computes it and whenever he began, and two senders, or one that was restarted, agree.
 *
 * With f in thousandths of a hertz, f m / rate is a fraction over 1000 rate. Its numerator is kept as an
 * exact integer modulo 1000 rate, so the phase is as good for sample 10^14 as for sample 0.
 */
#include "source.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    STANDARD_RATE_HZ = 48000,
    STANDARD_CHANNELS = 2,
};

#define AMPLITUDE 0.25118864315095801 /* -12 dB against a sine of full scale */

struct tone_source {
    struct source base;
    int64_t step;   /* phase from one sample to the next, */
    int64_t circle; /* in units of which this many are a period */
    double radian;  /* radians to a unit */
};

static size_t tone_read(struct source *source, media_t at, float *interleaved, size_t frames)
{
    const struct tone_source *t = (const struct tone_source *)source;
    /* Of either sign: the sine takes both. */
    int64_t phase = (int64_t)((__int128)at.n * t->step % t->circle);

    for (size_t i = 0; i < frames; i++) {
        float value = (float)(AMPLITUDE * sin((double)phase * t->radian));

        for (unsigned c = 0; c < source->channels; c++)
            *interleaved++ = value;
        phase = (phase + t->step) % t->circle;
    }
    return frames;
}

static bool tone_ended(const struct source *source)
{
    (void)source;
    return false;
}

static void tone_close(struct source *source)
{
    free(source);
}

int source_open_tone(struct source **source, const struct source_config *config, uint32_t tone_mhz, char *err,
                     size_t err_len)
{
    struct tone_source *t = calloc(1, sizeof *t);
    if (t == NULL) {
        snprintf(err, err_len, "tone: out of memory; free some");
        return -ENOMEM;
    }
    t->base = (struct source){
        .read = tone_read,
        .ended = tone_ended,
        .close = tone_close,
        .rate_hz = config->rate_hz != 0 ? config->rate_hz : STANDARD_RATE_HZ,
        .channels = config->channels != 0 ? config->channels : STANDARD_CHANNELS,
    };
    t->step = tone_mhz;
    t->circle = (int64_t)t->base.rate_hz * 1000;
    t->radian = 2 * M_PI / (double)t->circle;
    snprintf(t->base.description, sizeof t->base.description,
             "tone of %.10g Hz at -12 dBFS, %u channel%s, %u Hz", tone_mhz / 1000.0, t->base.channels,
             t->base.channels == 1 ? "" : "s", t->base.rate_hz);
    *source = &t->base;
    return 0;
}
