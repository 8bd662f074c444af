// SPDX-License-Identifier: GPL-3.0-or-later
#include "source.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/options.h"

enum {
    TONE_STANDARD_MHZ = 1000000,
};

/* ---- what --input says ---------------------------------------------------------------------------- */

/* What follows `prefix` in text; NULL when it begins otherwise. */
static const char *after(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static int parse_tone(const char *text, struct source_spec *spec, char *why, size_t why_len)
{
    double hz;

    if (!option_parse_real(text, &hz) || hz < 1 || hz > 20000) {
        snprintf(why, why_len, "not the pitch of a tone; allowed are 1 to 20000 Hz");
        return -EINVAL;
    }
    *spec = (struct source_spec){.kind = SOURCE_TONE, .tone_mhz = (uint32_t)lrint(hz * 1000)};
    return 0;
}

int source_parse(const char *text, struct source_spec *spec, char *why, size_t why_len)
{
    const char *rest;

    *spec = (struct source_spec){0};
    if ((rest = after(text, "alsa:")) != NULL && *rest != '\0')
        *spec = (struct source_spec){.kind = SOURCE_ALSA, .name = rest};
    else if ((rest = after(text, "file:")) != NULL && *rest != '\0')
        *spec = (struct source_spec){.kind = SOURCE_FILE, .name = rest};
    else if (strcmp(text, "stdin") == 0)
        *spec = (struct source_spec){.kind = SOURCE_STDIN};
    else if (strcmp(text, "tone") == 0)
        *spec = (struct source_spec){.kind = SOURCE_TONE, .tone_mhz = TONE_STANDARD_MHZ};
    else if ((rest = after(text, "tone:")) != NULL)
        return parse_tone(rest, spec, why, why_len);
    else {
        snprintf(why, why_len, "allowed are alsa:DEVICE, file:PATH, stdin, tone and tone:HZ");
        return -EINVAL;
    }
    return 0;
}

/* ---- the interface -------------------------------------------------------------------------------- */

int source_open(struct source **source, const struct source_config *config, char *err, size_t err_len)
{
    struct source_spec spec;
    char why[256];

    int r = source_parse(config->spec, &spec, why, sizeof why);
    if (r < 0) {
        snprintf(err, err_len, "input %s: %s", config->spec, why);
        return r;
    }
    switch (spec.kind) {
    case SOURCE_FILE:
        return source_open_file(source, config, spec.name, err, err_len);
    case SOURCE_STDIN:
        return source_open_stdin(source, config, err, err_len);
    case SOURCE_TONE:
        return source_open_tone(source, config, spec.tone_mhz, err, err_len);
    case SOURCE_ALSA:
        break;
    }
    snprintf(err, err_len, "input %s: has a clock of its own and cannot be paced; open it as a sound card",
             config->spec);
    return -EINVAL;
}

uint32_t source_rate_hz(const struct source *source)
{
    return source->rate_hz;
}

unsigned source_channels(const struct source *source)
{
    return source->channels;
}

const char *source_description(const struct source *source)
{
    return source->description;
}

size_t source_read(struct source *source, media_t at, float *interleaved, size_t frames)
{
    return source->read(source, at, interleaved, frames);
}

bool source_ended(const struct source *source)
{
    return source->ended(source);
}

void source_close(struct source *source)
{
    if (source != NULL)
        source->close(source);
}
