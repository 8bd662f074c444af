// SPDX-License-Identifier: GPL-3.0-or-later
#include "check.h"

#include <math.h>
#include <string.h>

static struct view_alarm *find(struct check *c, const struct view_alarm *a)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->reasons[i].kind == a->kind && !strcmp(c->reasons[i].stream, a->stream) &&
            !strcmp(c->reasons[i].receiver, a->receiver))
            return &c->reasons[i];
    return NULL;
}

void check_take(struct check *c, const struct view *v)
{
    for (size_t i = 0; i < v->alarms; i++) {
        const struct view_alarm *a = &v->alarm[i];
        struct view_alarm *known = find(c, a);

        if (a->level < VIEW_WARNING)
            continue;
        /* the gravest it ever was, in the newest words */
        if (known && a->level >= known->level)
            *known = *a;
        else if (!known && c->count < VIEW_ALARMS_MAX)
            c->reasons[c->count++] = *a;
        else if (!known)
            c->more++;
    }
}

static void print_reason(const struct view_alarm *a, FILE *out)
{
    fprintf(out, "FAIL %s:", view_alarm_word(a->kind));
    if (*a->stream)
        fprintf(out, " stream %s:", a->stream);
    if (*a->receiver)
        fprintf(out, " receiver %s:", a->receiver);
    fprintf(out, " %s\n", a->why);
}

/* " 0.8 us", or " unknown". */
static void print_figure(const char *what, double value, const char *unit, FILE *out)
{
    if (isnan(value))
        fprintf(out, ", %s unknown", what);
    else
        fprintf(out, ", %s %.2f %s", what, value, unit);
}

static void print_stream(const struct view_stream *s, FILE *out)
{
    fprintf(out, "stream %s on %s: %s, %zu of %zu receivers play", s->name, s->group,
            s->on_air    ? "on the air"
            : s->standby ? "standby"
                         : "silent",
            s->playing, s->receivers);
    print_figure("apart", s->apart_us, "us", out);
    print_figure("p99", s->apart_p99_us, "us", out);
    print_figure("headroom", s->headroom_ms, "ms", out);
    fputc('\n', out);
}

bool check_print(const struct check *c, const struct view *v, FILE *out)
{
    bool heard = false, pass;

    for (size_t i = 0; i < v->streams; i++)
        heard = heard || v->stream[i].on_air || v->stream[i].standby || v->stream[i].receivers > 0;
    pass = heard && c->count == 0;
    fprintf(out, "%s\n", pass ? "PASS" : "FAIL");
    if (!heard)
        fputs("FAIL silence: nothing is heard: no sound, no receiver\n", out);
    for (size_t i = 0; i < c->count; i++)
        print_reason(&c->reasons[i], out);
    if (c->more)
        fprintf(out, "FAIL and %zu more\n", c->more);
    for (size_t i = 0; i < v->streams; i++)
        print_stream(&v->stream[i], out);
    return pass;
}
