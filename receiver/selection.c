// SPDX-License-Identifier: GPL-3.0-or-later
#include "selection.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/printable.h"
#include "proto/sdp.h"
#include "soundfile.h"

/* ---- settings -------------------------------------------------------------------------------------- */

/* `value`: what stands behind the =, or NULL: there is none. The reason in `why` stands after "KEY=VALUE: ".
 */
typedef int set_function(struct selection *s, const char *value, char *why, size_t why_size);

static int read_number(const char *value, const char *unit, double min, double max, double *number, char *why,
                       size_t why_size)
{
    if (value && option_parse_quantity(value, unit, number) && *number >= min && *number <= max)
        return 0;
    snprintf(why, why_size, "allowed are %g to %g %s", min, max, unit);
    return -EINVAL;
}

static int read_flag(const char *value, bool *flag, char *why, size_t why_size)
{
    *flag = !value || strcmp(value, "yes") == 0;
    if (*flag || strcmp(value, "no") == 0)
        return 0;
    snprintf(why, why_size, "allowed are yes, no");
    return -EINVAL;
}

static int set_name(struct selection *s, const char *value, char *why, size_t why_size)
{
    if (!value || value[0] == '\0' || strlen(value) >= sizeof s->name) {
        snprintf(why, why_size, "allowed are 1 to %zu bytes", sizeof s->name - 1);
        return -EINVAL;
    }
    printable_copy(s->name, sizeof s->name, value, strlen(value));
    return 0;
}

static int set_gain(struct selection *s, const char *value, char *why, size_t why_size)
{
    double db = 0;
    int error = read_number(value, "dB", -90, 20, &db, why, why_size);

    s->settings.gain = pow(10, db / 20);
    return error;
}

static int set_mute(struct selection *s, const char *value, char *why, size_t why_size)
{
    return read_flag(value, &s->settings.mute, why, why_size);
}

static int set_delay(struct selection *s, const char *value, char *why, size_t why_size)
{
    return delay_parse(value ? value : "", &s->delay, why, why_size);
}

static int set_map(struct selection *s, const char *value, char *why, size_t why_size)
{
    struct route unused;
    int error = route_parse(value ? value : "", NULL, &unused, why, why_size);

    snprintf(s->map, sizeof s->map, "%s", value && *value ? value : "straight");
    return error == -ENOENT ? 0 : error;
}

static int set_record(struct selection *s, const char *value, char *why, size_t why_size)
{
    int error = soundfile_check_name(value ? value : "", why, why_size);

    if (!error)
        snprintf(s->record, sizeof s->record, "%s", value);
    return error;
}

static int set_page(struct selection *s, const char *value, char *why, size_t why_size)
{
    return read_flag(value, &s->settings.page, why, why_size);
}

/* All there are. */
static const struct setting {
    const char *key;
    set_function *set;
} settings[] = {
    {"name", set_name},   {"map", set_map},   {"gain", set_gain},     {"mute", set_mute},
    {"delay", set_delay}, {"page", set_page}, {"record", set_record},
};

enum { SETTINGS = sizeof settings / sizeof *settings };

static int unknown_setting(const char *part, char *why, size_t why_size)
{
    size_t used = (size_t)snprintf(why, why_size, "%s: no such setting; allowed are", *part ? part : "''");

    for (size_t i = 0; i < SETTINGS && used < why_size; i++)
        used += (size_t)snprintf(why + used, why_size - used, "%s %s", i ? "," : "", settings[i].key);
    return -EINVAL;
}

/* One "KEY=VALUE" or "KEY", which is cut in two. `given` has a bit for each setting seen before. */
static int set_part(struct selection *s, char *part, unsigned *given, char *why, size_t why_size)
{
    char reason[256] = "";
    char *equals = strchr(part, '=');
    size_t len = equals ? (size_t)(equals - part) : strlen(part);
    size_t i = 0;
    int error = -EINVAL;

    while (i < SETTINGS && (strlen(settings[i].key) != len || strncmp(settings[i].key, part, len) != 0))
        i++;
    if (i == SETTINGS)
        return unknown_setting(part, why, why_size);
    if (*given & 1u << i)
        snprintf(reason, sizeof reason, "given before; keep one");
    else
        error = settings[i].set(s, equals ? equals + 1 : NULL, reason, sizeof reason);
    *given |= 1u << i;
    if (error)
        snprintf(why, why_size, "%s: %s", part, reason);
    return error;
}

/* ---- the whole --------------------------------------------------------------------------------------- */

/* Copies up to the next semicolon, blanks before it left out. False: there is nothing more. */
static bool next_part(const char **text, char part[OPTION_LIST_TEXT])
{
    const char *at = *text;
    size_t len = 0;

    if (!at)
        return false;
    at += strspn(at, " ");
    for (; *at != '\0' && *at != ';'; at++) {
        if (*at == '\\' && (at[1] == ';' || at[1] == '\\'))
            at++;
        if (len < OPTION_LIST_TEXT - 1)
            part[len++] = *at;
    }
    part[len] = '\0';
    *text = *at == ';' ? at + 1 : NULL;
    return true;
}

static int take_target(struct selection *s, char *why, size_t why_size)
{
    static const char *const allowed[] = {"ADDR[:PORT]", "the name of a stream", "the path of a file"};

    if (s->target[0] == '\0') {
        snprintf(why, why_size, "nothing before the semicolon; allowed is %s", allowed[s->kind]);
        return -EINVAL;
    }
    if (s->kind == SELECTION_GROUP)
        return option_parse_group(s->target, &s->group, why, why_size);
    if (s->kind == SELECTION_STREAM && strlen(s->target) >= SDP_NAME_SIZE) {
        snprintf(why, why_size, "too long; allowed are %d bytes", SDP_NAME_SIZE - 1);
        return -EINVAL;
    }
    return 0;
}

int selection_parse(enum selection_kind kind, const char *text, struct selection *s, char *why,
                    size_t why_size)
{
    char part[OPTION_LIST_TEXT];
    unsigned given = 0;
    int error;

    *s = (struct selection){.kind = kind, .settings = {.gain = 1}};
    next_part(&text, s->target);
    error = take_target(s, why, why_size);
    printable_copy(s->name, sizeof s->name, s->target, strlen(s->target));
    while (!error && next_part(&text, part))
        error = set_part(s, part, &given, why, why_size);
    return error;
}

int selection_resolve(struct selection *s, const char *map, const struct delay_place *place,
                      unsigned card_channels, char *why, size_t why_size)
{
    char reason[ROUTE_WHY_SIZE] = "";
    unsigned width;

    if (!*s->map)
        snprintf(s->map, sizeof s->map, "%s", map);
    if (delay_resolve(&s->delay, place, &s->settings.delay_ns, reason, sizeof reason)) {
        snprintf(why, why_size, "delay: %s", reason);
        return -EINVAL;
    }
    /* set_map() or the option's check has read it before */
    if (route_parse(s->map, NULL, &s->settings.route, reason, sizeof reason) == -EINVAL) {
        snprintf(why, why_size, "map: %s", reason);
        return -EINVAL;
    }
    width = route_width(&s->settings.route);
    if (width > card_channels) {
        snprintf(why, why_size, "its map goes to channel %u; allowed are 1 to %u, or more --channels", width,
                 card_channels);
        return -EINVAL;
    }
    return 0;
}

bool selection_same(const struct selection *a, const struct selection *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == SELECTION_GROUP)
        return a->group.sin_addr.s_addr == b->group.sin_addr.s_addr && a->group.sin_port == b->group.sin_port;
    return strcmp(a->target, b->target) == 0;
}
