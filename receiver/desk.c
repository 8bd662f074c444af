// SPDX-License-Identifier: GPL-3.0-or-later
#include "desk.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/options.h"
#include "proto/printable.h"

enum { SHOWN_SIZE = 64 };

#define GAIN_MIN_DB (-90.0)
#define GAIN_MAX_DB 20.0

/* ---- values -------------------------------------------------------------------------------------------- */

static int refuse(const char *name, const char *argument, const char *allowed, char *why, size_t why_size)
{
    char shown[SHOWN_SIZE];

    printable_copy(shown, sizeof shown, argument, strlen(argument));
    snprintf(why, why_size, "%s%s%s: %s", name, *shown ? " " : "", shown, allowed);
    return -EINVAL;
}

/* "": stays as it is; so in all of these. */
static int take_db(const char *name, const char *argument, double min, double max, double *db, char *why,
                   size_t why_size)
{
    char allowed[64];
    double value;

    if (!*argument)
        return 0;
    if (option_parse_quantity(argument, "dB", &value) && value >= min && value <= max) {
        *db = value;
        return 0;
    }
    snprintf(allowed, sizeof allowed, "allowed are %g to %g dB", min, max);
    return refuse(name, argument, allowed, why, why_size);
}

static double db_of(double gain)
{
    return round(20 * log10(gain) * 1e6) / 1e6;
}

static int take_gain(const char *argument, double *gain, char *why, size_t why_size)
{
    double db = db_of(*gain);
    int error = take_db("gain", argument, GAIN_MIN_DB, GAIN_MAX_DB, &db, why, why_size);

    if (*argument && !error)
        *gain = pow(10, db / 20);
    return error;
}

static int take_flag(const char *name, const char *argument, bool *flag, char *why, size_t why_size)
{
    bool yes = strcmp(argument, "yes") == 0;

    if (!*argument)
        return 0;
    if (!yes && strcmp(argument, "no") != 0)
        return refuse(name, argument, "allowed are yes and no", why, why_size);
    *flag = yes;
    return 0;
}

static int take_delay(const struct desk *d, const char *argument, int64_t *delay_ns, char *why,
                      size_t why_size)
{
    char reason[128];
    struct delay delay;

    if (!*argument)
        return 0;
    if (delay_parse(argument, &delay, reason, sizeof reason) ||
        delay_resolve(&delay, &d->place, delay_ns, reason, sizeof reason))
        return refuse("delay", argument, reason, why, why_size);
    return 0;
}

/* -ENOENT: *route can be used, and `why` is worth telling. */
static int take_map(const struct desk *d, const struct desk_voice *v, const char *argument,
                    struct route *route, char *why, size_t why_size)
{
    char reason[ROUTE_WHY_SIZE] = "";
    int error;

    if (strlen(argument) >= DESK_MAP_SIZE) {
        snprintf(why, why_size, "map: %zu bytes; allowed are %d", strlen(argument), DESK_MAP_SIZE - 1);
        return -EINVAL;
    }
    error = route_parse(argument, &v->names, route, reason, sizeof reason);
    if (error != -EINVAL && route_width(route) > d->card_channels) {
        snprintf(reason, sizeof reason, "channel %u of the card; allowed are 1 to %u, which it has",
                 route_width(route), d->card_channels);
        return refuse("map", argument, reason, why, why_size);
    }
    if (error)
        snprintf(why, why_size, "%s%s", error == -EINVAL ? "map: " : "", reason);
    return error;
}

/* ---- of the whole output ------------------------------------------------------------------------------- */

static void write_settings(struct json *answer, double gain, bool mute, int64_t delay_ns)
{
    json_real(answer, "gain_db", db_of(gain));
    json_flag(answer, "mute", mute);
    json_real(answer, "delay_ms", (double)delay_ns / 1e6);
}

static int output_done(struct desk *d, const struct rx_settings *now, bool changed, int error,
                       struct json *answer)
{
    if (error)
        return error;
    d->output = *now;
    if (changed)
        d->player->set(d->context, now);
    write_settings(answer, now->gain, now->mute, now->delay_ns);
    return 0;
}

static int run_gain(void *context, const char *argument, struct json *answer, char *why, size_t why_size)
{
    struct desk *d = context;
    struct rx_settings now = d->output;

    return output_done(d, &now, *argument, take_gain(argument, &now.gain, why, why_size), answer);
}

static int run_mute(void *context, const char *argument, struct json *answer, char *why, size_t why_size)
{
    struct desk *d = context;
    struct rx_settings now = d->output;

    return output_done(d, &now, *argument, take_flag("mute", argument, &now.mute, why, why_size), answer);
}

static int run_delay(void *context, const char *argument, struct json *answer, char *why, size_t why_size)
{
    struct desk *d = context;
    struct rx_settings now = d->output;

    return output_done(d, &now, *argument, take_delay(d, argument, &now.delay_ns, why, why_size), answer);
}

static int run_duck(void *context, const char *argument, struct json *answer, char *why, size_t why_size)
{
    struct desk *d = context;
    int error = take_db("duck", argument, GAIN_MIN_DB, 0, &d->duck.depth_db, why, why_size);

    if (error)
        return error;
    if (*argument)
        d->player->set_duck(d->context, &d->duck);
    json_real(answer, "duck_db", d->duck.depth_db);
    return 0;
}

/* ---- of a stream --------------------------------------------------------------------------------------- */

static void write_voice(const struct desk *d, unsigned voice, struct json *answer)
{
    const struct desk_voice *v = &d->voices[voice];

    json_count(answer, "stream", voice + 1);
    json_text(answer, "name", v->name);
    write_settings(answer, v->settings.gain, v->settings.mute, v->settings.delay_ns);
    json_text(answer, "map", *v->map ? v->map : "straight");
    json_flag(answer, "page", v->settings.page);
}

static void set_map(struct desk_voice *v, const char *argument, const struct route *route)
{
    size_t blanks = strspn(argument, " ");

    v->settings.route = *route;
    snprintf(v->map, sizeof v->map, "%.*s", DESK_MAP_SIZE - 1, argument + blanks);
}

static int voice_map(struct desk *d, struct desk_voice *v, const char *argument, struct json *answer,
                     char *why, size_t why_size)
{
    struct route route;
    int error = 0;

    if (!*argument)
        return 0;
    error = take_map(d, v, argument, &route, why, why_size);
    if (error && error != -ENOENT)
        return error;
    set_map(v, argument, &route);
    if (error)
        json_text(answer, "note", why);
    return 0;
}

static int voice_change(struct desk *d, struct desk_voice *v, const char *what, const char *argument,
                        struct json *answer, char *why, size_t why_size)
{
    struct voice_settings *s = &v->settings;

    if (!*what)
        return 0;
    if (strcmp(what, "gain") == 0)
        return take_gain(argument, &s->gain, why, why_size);
    if (strcmp(what, "mute") == 0)
        return take_flag(what, argument, &s->mute, why, why_size);
    if (strcmp(what, "page") == 0)
        return take_flag(what, argument, &s->page, why, why_size);
    if (strcmp(what, "delay") == 0)
        return take_delay(d, argument, &s->delay_ns, why, why_size);
    if (strcmp(what, "map") == 0)
        return voice_map(d, v, argument, answer, why, why_size);
    return refuse("stream: command", what, "allowed are gain, mute, delay, map, page", why, why_size);
}

/* The first word of *text, which is left behind it and the blanks that follow. One in quotes ends with them.
 */
static void next_word(const char **text, char word[DESK_NAME_SIZE])
{
    const char *at = *text;
    char quote = *at == '\'' || *at == '"' ? *at++ : ' ';
    const char *end = strchr(at, quote);
    size_t len = end ? (size_t)(end - at) : strlen(at);

    printable_copy(word, DESK_NAME_SIZE, at, len); /* as selection.c made the names */
    at += len + (end != NULL);
    *text = at + strspn(at, " ");
}

static int find_voice(const struct desk *d, const char *which, unsigned *voice, char *why, size_t why_size)
{
    char allowed[64];
    char *end;
    unsigned long number = strtoul(which, &end, 10);

    for (*voice = 0; *voice < d->count; ++*voice)
        if (strcmp(d->voices[*voice].name, which) == 0)
            return 0;
    if (which[0] >= '0' && which[0] <= '9' && !*end && number >= 1 && number <= d->count) {
        *voice = (unsigned)number - 1;
        return 0;
    }
    if (!*which)
        snprintf(why, why_size, "stream: which? allowed are 1 to %u, and names", d->count);
    else {
        snprintf(allowed, sizeof allowed, "no such stream; allowed are 1 to %u, and names", d->count);
        refuse("stream", which, allowed, why, why_size);
    }
    return -EINVAL;
}

static int run_stream(void *context, const char *argument, struct json *answer, char *why, size_t why_size)
{
    struct desk *d = context;
    char which[DESK_NAME_SIZE], what[DESK_NAME_SIZE];
    unsigned voice;
    int error;

    next_word(&argument, which);
    next_word(&argument, what);
    error = find_voice(d, which, &voice, why, why_size);
    if (!error)
        error = voice_change(d, &d->voices[voice], what, argument, answer, why, why_size);
    if (error)
        return error;
    if (*argument)
        d->player->set_voice(d->context, voice, &d->voices[voice].settings);
    write_voice(d, voice, answer);
    d->player->tell_voice(d->context, voice, answer);
    return 0;
}

static void write_voices(const struct desk *d, bool all, struct json *answer)
{
    json_open(answer, "streams", '[');
    for (unsigned i = 0; i < d->count; i++) {
        json_open(answer, NULL, '{');
        write_voice(d, i, answer);
        if (all)
            d->player->tell_voice(d->context, i, answer);
        json_close(answer, '}');
    }
    json_close(answer, ']');
}

/* All of them, or none: what is wrong for one is wrong for all, but for a name that one has and another not.
 */
static int run_map(void *context, const char *argument, struct json *answer, char *why, size_t why_size)
{
    struct desk *d = context;
    struct route route;
    bool note = false;

    for (unsigned i = 0; *argument && i < d->count; i++) {
        int error = take_map(d, &d->voices[i], argument, &route, why, why_size);

        if (error && error != -ENOENT)
            return error;
        note |= error != 0;
        set_map(&d->voices[i], argument, &route);
        d->player->set_voice(d->context, i, &d->voices[i].settings);
    }
    if (note)
        json_text(answer, "note", why);
    write_voices(d, false, answer);
    return 0;
}

static int run_status(void *context, const char *argument, struct json *answer, char *why, size_t why_size)
{
    struct desk *d = context;

    if (*argument)
        return refuse("status", argument, "allowed is status alone", why, why_size);
    d->player->tell(d->context, answer);
    write_settings(answer, d->output.gain, d->output.mute, d->output.delay_ns);
    json_real(answer, "duck_db", d->duck.depth_db);
    json_real(answer, "temperature_c", d->place.temperature_c);
    write_voices(d, true, answer);
    return 0;
}

int desk_set_names(struct desk *d, unsigned voice, const struct route_names *names, char *why,
                   size_t why_size)
{
    struct desk_voice *v = &d->voices[voice];
    struct route route = v->settings.route;
    int error;

    v->names = *names;
    error = route_parse(v->map, names, &route, why, why_size);
    if (error == -EINVAL)
        return error;
    v->settings.route = route;
    d->player->set_voice(d->context, voice, &v->settings);
    return error;
}

const struct remote_command desk_commands[] = {
    {"status", "", run_status},
    {"gain", "[DB]", run_gain},
    {"mute", "[yes|no]", run_mute},
    {"delay", "[MS|Nsmp|Nm]", run_delay},
    {"map", "[ROUTE|straight]", run_map},
    {"duck", "[DB]", run_duck},
    {"stream", "N|NAME [gain|mute|delay|map|page [VALUE]]", run_stream},
};
const size_t desk_command_count = sizeof desk_commands / sizeof *desk_commands;
