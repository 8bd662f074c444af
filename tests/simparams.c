// SPDX-License-Identifier: GPL-3.0-or-later
#include "simparams.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MICRO INT64_C(1000000)

struct field {
    const char *key;
    size_t offset; /* of a struct sim_list in struct sim_params */
    unsigned max_count;
    int64_t unit;        /* the value is kept in units of this many millionths */
    int64_t min, max;    /* in those units */
    const char *allowed; /* in words */
};

static const struct field fields[] = {
    {"ppm", offsetof(struct sim_params, trim_ppt), 1, 1, -1000 * MICRO, 1000 * MICRO, "-1000 to 1000"},
    {"granule", offsetof(struct sim_params, granule), 1, MICRO, 1, 480, "1 to 480 frames"},
    {"fifo", offsetof(struct sim_params, fifo), 1, MICRO, 0, 4096, "0 to 4096 frames"},
    {"xrun_at", offsetof(struct sim_params, xrun_at_us), SIM_LIST_MAX, 1, 0, 1000000 * MICRO,
     "seconds, rising"},
    {"unplug_at", offsetof(struct sim_params, unplug_at_us), 1, 1, 0, 1000000 * MICRO, "seconds"},
    {"unplug_for", offsetof(struct sim_params, unplug_for_us), 1, 1, 0, 1000000 * MICRO, "seconds"},
    {"rates", offsetof(struct sim_params, rates), SIM_LIST_MAX, MICRO, 8000, 192000,
     "8000 to 192000 Hz, rising"},
    {"channels", offsetof(struct sim_params, channels), SIM_LIST_MAX, MICRO, 1, SIM_CHANNELS_MAX,
     "1 to 64, rising"},
};

static const unsigned formats_known[SIM_FORMATS] = {
    SND_PCM_FORMAT_S16_LE, SND_PCM_FORMAT_S24_LE,   SND_PCM_FORMAT_S24_3LE,
    SND_PCM_FORMAT_S32_LE, SND_PCM_FORMAT_FLOAT_LE,
};

/* Reads a decimal number as a count of millionths, exactly and whatever the locale. Advances *p. */
static int parse_micros(const char **p, int64_t *micros)
{
    const char *s = *p;
    int64_t sign = *s == '-' ? -1 : 1, value = 0, unit = MICRO;
    bool digits = false;

    if (*s == '-' || *s == '+')
        s++;
    for (; *s >= '0' && *s <= '9' && value < INT64_MAX / 100 / MICRO; s++, digits = true)
        value = 10 * value + (*s - '0');
    value *= MICRO;
    if (*s == '.')
        s++;
    for (; *s >= '0' && *s <= '9' && unit > 1; s++, digits = true) {
        unit /= 10;
        value += unit * (*s - '0');
    }
    *micros = sign * value;
    *p = s;
    return digits ? 0 : -EINVAL;
}

static int parse_list(const char *text, struct sim_list *list, unsigned max_count)
{
    const char *p = text;

    for (list->count = 0; list->count < max_count; p++) {
        if (parse_micros(&p, &list->v[list->count++]) < 0)
            return -EINVAL;
        if (*p == '\0')
            return 0;
        if (*p != ',')
            break;
    }
    return -EINVAL;
}

static int conf_numbers(snd_config_t *node, struct sim_list *list, unsigned max_count)
{
    const char *text = NULL;
    long integer = 0;
    double real = 0;

    if (snd_config_get_string(node, &text) == 0)
        return parse_list(text, list, max_count);
    list->count = 1;
    if (snd_config_get_integer(node, &integer) == 0 && labs(integer) < INT64_MAX / MICRO)
        list->v[0] = integer * MICRO;
    else if (snd_config_get_real(node, &real) == 0 && fabs(real) < 1e12)
        list->v[0] = llround(real * (double)MICRO);
    else
        return -EINVAL;
    return 0;
}

static int conf_field(struct sim_params *params, const struct field *field, snd_config_t *node)
{
    struct sim_list *list = (struct sim_list *)(void *)((char *)params + field->offset);
    int err = conf_numbers(node, list, field->max_count);

    for (unsigned i = 0; err == 0 && i < list->count; i++) {
        if (list->v[i] % field->unit != 0)
            err = -EINVAL;
        list->v[i] /= field->unit;
        if (list->v[i] < field->min || list->v[i] > field->max || (i > 0 && list->v[i] <= list->v[i - 1]))
            err = -EINVAL;
    }
    if (err)
        SNDERR("unisono_sim: bad value of '%s'; allowed: %s", field->key, field->allowed);
    return err;
}

static int conf_formats(struct sim_params *params, snd_config_t *node)
{
    const char *text = NULL;
    char word[32];

    params->format_count = 0;
    if (snd_config_get_string(node, &text) < 0)
        goto bad;
    while (*text) {
        size_t length = strcspn(text, ",");
        unsigned i = 0;

        if (length >= sizeof(word) || params->format_count == SIM_FORMATS)
            goto bad;
        memcpy(word, text, length);
        word[length] = '\0';
        while (i < SIM_FORMATS && formats_known[i] != (unsigned)snd_pcm_format_value(word))
            i++;
        if (i == SIM_FORMATS)
            goto bad;
        params->formats[params->format_count++] = formats_known[i];
        text += length + (text[length] == ',');
    }
    if (params->format_count > 0)
        return 0;
bad:
    SNDERR("unisono_sim: bad value of 'formats'; allowed: a list of S16_LE S24_LE S24_3LE S32_LE FLOAT_LE");
    return -EINVAL;
}

/* F1[,F2][@DBFS] */
static int parse_signal(const char *p, struct sim_signal *signal)
{
    int64_t level = -12 * MICRO;

    signal->tones = 0;
    do {
        int64_t micros = 0;

        if (signal->tones == SIM_TONES_MAX || parse_micros(&p, &micros) < 0 || micros % 1000 != 0)
            return -EINVAL;
        signal->millihertz[signal->tones++] = micros / 1000;
        if (micros <= 0 || micros > 40000 * MICRO)
            return -EINVAL;
    } while (*p++ == ',');
    if (p[-1] == '@') {
        if (parse_micros(&p, &level) < 0)
            return -EINVAL;
        p++;
    }
    signal->amplitude = pow(10, (double)level / (double)MICRO / 20);
    return p[-1] != '\0' || signal->amplitude * signal->tones > 1.0 + 1e-9 ? -EINVAL : 0;
}

static int conf_signal(struct sim_params *params, snd_config_t *node)
{
    const char *text = NULL;
    long hertz = 0;
    int err = -EINVAL;

    if (snd_config_get_string(node, &text) == 0) {
        err = parse_signal(text, &params->signal);
    } else if (snd_config_get_integer(node, &hertz) == 0 && hertz > 0 && hertz <= 40000) {
        params->signal.millihertz[0] = 1000 * hertz;
        params->signal.tones = 1;
        err = 0;
    }
    if (err)
        SNDERR("unisono_sim: bad value of 'signal'; allowed: F1[,F2][@DBFS] in Hz, their sum not above full "
               "scale");
    return err;
}

static int conf_record(struct sim_params *params, snd_config_t *node)
{
    const char *text = NULL;

    if (snd_config_get_string(node, &text) == 0 && strlen(text) < sizeof(params->record) - 32) {
        memcpy(params->record, text, strlen(text) + 1);
        return 0;
    }
    SNDERR("unisono_sim: bad value of 'record'; allowed: the first part of a file name");
    return -EINVAL;
}

static int conf_entry(struct sim_params *params, const char *id, snd_config_t *node)
{
    if (strcmp(id, "comment") == 0 || strcmp(id, "type") == 0 || strcmp(id, "hint") == 0)
        return 0;
    if (strcmp(id, "formats") == 0)
        return conf_formats(params, node);
    if (strcmp(id, "signal") == 0)
        return conf_signal(params, node);
    if (strcmp(id, "record") == 0)
        return conf_record(params, node);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (strcmp(id, fields[i].key) == 0)
            return conf_field(params, &fields[i], node);
    SNDERR("unisono_sim: unknown parameter '%s'", id);
    return -EINVAL;
}

int sim_params_read(struct sim_params *params, snd_config_t *from)
{
    snd_config_iterator_t i, next;

    *params = (struct sim_params){
        .trim_ppt = {{0}, 1},
        .granule = {{1}, 1},
        .fifo = {{0}, 1},
        .unplug_for_us = {{MICRO}, 1},
        .rates = {{44100, 48000, 88200, 96000}, 4},
        .format_count = SIM_FORMATS,
        .signal = {{1000000, 1010000}, 2, pow(10, -12.0 / 20)},
    };
    memcpy(params->formats, formats_known, sizeof(formats_known));
    snd_config_for_each(i, next, from)
    {
        snd_config_t *node = snd_config_iterator_entry(i);
        const char *id = NULL;
        int err = snd_config_get_id(node, &id);

        if (err == 0)
            err = conf_entry(params, id, node);
        if (err)
            return err;
    }
    if ((params->unplug_at_us.count || params->xrun_at_us.count) && params->record[0] == '\0') {
        SNDERR("unisono_sim: 'xrun_at' and 'unplug_at' count from the first start in the recording; set "
               "'record'");
        return -EINVAL;
    }
    return 0;
}
