// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * clicks: looks through the recording of a simulated card, sample by sample, for what the ear calls a click,
 * and tells from when to when there was sound.
 *
 *      step    x[n] - x[n-1]              of a sine of amplitude A:  2 A sin(pi f / rate)       at most
 *      kink    x[n] - 2 x[n-1] + x[n-2]                              A (2 sin(pi f / rate))^2   at most
 *
 * A sound that is faded and only faded exceeds neither of its own two figures by more than a trifle; one
 * that is cut off at full swing exceeds the first, one that is cut off at a zero crossing the second. The
 * card is silent before each start, and after each stop that the program asked for; where an xrun or an
 * unplugged card cut the sound off, that is no fault of the samples, and is not counted.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/options.h"
#include "record.h"

enum { BLOCK = 4096, SOUNDS_MAX = 256 };

#define AUDIBLE 1e-4 /* -80 dBFS */

struct clicks_options {
    char recording[1024];
    double from_s, until_s; /* CLOCK_MONOTONIC_RAW; 0: all */
    double gap_ms;
    uint32_t channel; /* from 1 on */
};

struct sound {
    double from_s, until_s;
};

struct clicks {
    struct clicks_options options;
    double step, kink, peak;
    double step_at_s, kink_at_s;
    double before[2]; /* x[n-1], x[n-2] */
    struct sound sounds[SOUNDS_MAX];
    size_t count;
    bool full; /* there were more */
};

static void note_sound(struct clicks *c, double at_s)
{
    struct sound *last = c->count ? &c->sounds[c->count - 1] : NULL;

    if (last && at_s - last->until_s <= c->options.gap_ms / 1e3) {
        last->until_s = at_s;
        return;
    }
    if (c->count == SOUNDS_MAX) {
        c->full = true;
        return;
    }
    c->sounds[c->count++] = (struct sound){at_s, at_s};
}

static void look(struct clicks *c, double x, double at_s)
{
    double step = fabs(x - c->before[0]), kink = fabs(x - 2 * c->before[0] + c->before[1]);

    c->before[1] = c->before[0];
    c->before[0] = x;
    if (at_s < c->options.from_s || (c->options.until_s > 0 && at_s >= c->options.until_s))
        return;
    if (step > c->step) {
        c->step = step;
        c->step_at_s = at_s;
    }
    if (kink > c->kink) {
        c->kink = kink;
        c->kink_at_s = at_s;
    }
    c->peak = fmax(c->peak, fabs(x));
    if (fabs(x) > AUDIBLE)
        note_sound(c, at_s);
}

static double seconds(struct instant t)
{
    return (double)t.at.ns / 1e9;
}

/* 0, or -errno when the recording has no such samples. */
static int look_at_segment(struct clicks *c, const struct record *record, size_t i)
{
    const struct record_segment *s = record_segment(record, i);
    double block[BLOCK];

    c->before[0] = c->before[1] = 0;
    for (int64_t first = 0; first < s->frames; first += BLOCK) {
        size_t frames = s->frames - first < BLOCK ? (size_t)(s->frames - first) : BLOCK;
        int error = record_samples(record, i, first, frames, c->options.channel - 1, block);

        if (error)
            return error;
        for (size_t k = 0; k < frames; k++)
            look(c, block[k], seconds(card_law_instant(&s->law, first + (int64_t)k)));
    }
    for (int k = 0; k < 2 && (s->cause == RECORD_STOPPED || s->cause == RECORD_DRAINED); k++)
        look(c, 0, seconds(card_law_instant(&s->law, s->frames + k)));
    return 0;
}

static void tell(const struct clicks *c)
{
    printf("{\"step\": %.6f, \"step_at_s\": %.6f, \"kink\": %.6f, \"kink_at_s\": %.6f, \"peak\": %.6f, "
           "\"sounds\": [",
           c->step, c->step_at_s, c->kink, c->kink_at_s, c->peak);
    for (size_t i = 0; i < c->count; i++)
        printf("%s{\"from_s\": %.6f, \"until_s\": %.6f}", i ? ", " : "", c->sounds[i].from_s,
               c->sounds[i].until_s);
    printf("]%s}\n", c->full ? ", \"more_sounds\": true" : "");
}

static const struct option_spec specs[] = {
    {.group = "Clicks",
     .name = "recording",
     .kind = OPTION_TEXT,
     OPTION_MEMBER(struct clicks_options, recording),
     .argument = "FILE",
     .help = "NAME.playback of a simulated card"},
    {.group = "Clicks",
     .name = "from",
     .kind = OPTION_REAL,
     OPTION_MEMBER(struct clicks_options, from_s),
     .standard = "0",
     .min = 0,
     .max = 1e10,
     .unit = "s",
     .argument = "S",
     .help = "ignore what was played before this second of CLOCK_MONOTONIC_RAW"},
    {.group = "Clicks",
     .name = "until",
     .kind = OPTION_REAL,
     OPTION_MEMBER(struct clicks_options, until_s),
     .standard = "0",
     .min = 0,
     .max = 1e10,
     .unit = "s",
     .argument = "S",
     .help = "and from this one on; 0: nothing"},
    {.group = "Clicks",
     .name = "gap",
     .kind = OPTION_REAL,
     OPTION_MEMBER(struct clicks_options, gap_ms),
     .standard = "5",
     .min = 0,
     .max = 1e6,
     .unit = "ms",
     .argument = "MS",
     .help = "so long below -80 dBFS at least lies between two sounds"},
    {.group = "Clicks",
     .name = "channel",
     .kind = OPTION_INTEGER,
     OPTION_MEMBER(struct clicks_options, channel),
     .standard = "1",
     .min = 1,
     .max = 64,
     .argument = "N",
     .help = "of the card"},
};

static int check(const void *values, char *why, size_t why_len)
{
    const struct clicks_options *o = values;

    if (*o->recording)
        return 0;
    snprintf(why, why_len, "--recording: missing; allowed is the NAME.playback of a simulated card");
    return -EINVAL;
}

static const struct options_program program = {
    .name = "clicks",
    .usage = "--recording FILE [--OPTION VALUE]...",
    .summary = "Looks for clicks in what left a simulated sound card, and for where there was sound.",
    .specs = specs,
    .count = sizeof specs / sizeof *specs,
    .check = check,
};

int main(int argc, char **argv)
{
    struct clicks c = {.count = 0};
    struct record *record = NULL;
    int status, error;

    if (!options_parse(&program, &c.options, argc, argv, stdout, stderr, &status))
        return status;
    error = record_open(&record, c.options.recording);
    for (size_t i = 0; !error && i < record_segments(record); i++)
        error = look_at_segment(&c, record, i);
    if (error)
        fprintf(stderr, "clicks: '%s' cannot be read: %s\n", c.options.recording, strerror(-error));
    else
        tell(&c);
    record_close(record);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
