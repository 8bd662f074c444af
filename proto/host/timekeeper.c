// SPDX-License-Identifier: GPL-3.0-or-later
#include "timekeeper.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"

#define PATIENCE_NS NS_PER_S

struct timekeeper {
    struct clock_source *source;
    struct media_clock clock;
    enum media_clock_state told; /* what the log said last */
    uint64_t told_steps, told_slews;
    char told_gm[PTP_CLOCK_ID_TEXT];
    char reason[CLOCK_TEXT_MAX]; /* the present one, and since when */
    raw_ns reason_since;
    char told_reason[CLOCK_TEXT_MAX];
    char told_note[CLOCK_TEXT_MAX];
};

int timekeeper_open(struct timekeeper **result, const char *spec, int domain, char *err, size_t err_size)
{
    struct timekeeper *k = calloc(1, sizeof *k);
    struct media_clock_config config;
    int error = -ENOMEM;

    snprintf(err, err_size, "out of memory opening the clock");
    if (k)
        error = clock_source_open(&k->source, spec, domain, err, err_size);
    if (error) {
        free(k);
        *result = NULL;
        return error;
    }
    clock_source_advice(k->source, &config);
    media_clock_init(&k->clock, &config);
    *result = k;
    return 0;
}

void timekeeper_close(struct timekeeper *k)
{
    if (!k)
        return;
    clock_source_close(k->source);
    free(k);
}

/* How a difference was taken: what was heard of it. */
static void tell_step(struct timekeeper *k)
{
    const struct media_clock *c = &k->clock;
    const char *kind = clock_source_status(k->source)->kind;

    if (c->steps != k->told_steps)
        log_warning("clock %s: time jumped by %+.6f s; the sound is placed anew", kind, c->step_ns / 1e9);
    if (c->slews != k->told_slews)
        log_info("clock %s: its time is %+.3f us from where this machine had carried on to; slewed, unheard",
                 kind, c->step_ns / 1e3);
    k->told_steps = c->steps;
    k->told_slews = c->slews;
}

static void tell_state(struct timekeeper *k)
{
    const struct clock_source_status *s = clock_source_status(k->source);
    const struct clock_map *map = &k->clock.map;
    const char *gm = s->gm_known ? s->gm_text : "";

    tell_step(k);
    if (map->state == k->told)
        return;
    if (map->state == MEDIA_CLOCK_LOCKED)
        log_info("clock %s: locked%s%s, rate %+.3f ppm against this machine's, uncertainty %.3f us", s->kind,
                 *gm ? " to grandmaster " : "", gm, map->rate_dev * 1e6, map->uncertainty_ns / 1e3);
    else if (map->state == MEDIA_CLOCK_HOLDOVER)
        log_warning("clock %s: holdover: going on at the last rate, the machines drift apart as their "
                    "crystals do (%s)",
                    s->kind, *s->reason ? s->reason : "its time contradicts what was known");
    else if (map->state == MEDIA_CLOCK_GM_CHANGED)
        log_warning(
            "clock %s: the grandmaster changed%s%s to %s; going on at the last rate until its time is known",
            s->kind, *k->told_gm ? " from " : "", k->told_gm, *gm ? gm : "none");
    if (map->state == MEDIA_CLOCK_LOCKED)
        snprintf(k->told_gm, sizeof k->told_gm, "%s", gm);
    k->told = map->state;
}

/* `waiting`: the source is on its way, nobody has to see to it; said only when it takes longer. */
static void tell_source(struct timekeeper *k, bool waiting)
{
    const struct clock_source_status *s = clock_source_status(k->source);

    if (strcmp(s->reason, k->reason)) {
        snprintf(k->reason, sizeof k->reason, "%s", s->reason);
        k->reason_since = k->clock.now;
    }
    if (strcmp(k->reason, k->told_reason) &&
        (!waiting || k->clock.now.ns - k->reason_since.ns > PATIENCE_NS || !*k->reason)) {
        if (*s->reason && waiting)
            log_info("clock %s: %s", s->kind, s->reason);
        else if (*s->reason)
            log_warning("clock %s: %s", s->kind, s->reason);
        snprintf(k->told_reason, sizeof k->told_reason, "%s", s->reason);
    }
    if (strcmp(s->note, k->told_note)) {
        if (*s->note)
            log_warning("clock %s: %s", s->kind, s->note);
        snprintf(k->told_note, sizeof k->told_note, "%s", s->note);
    }
}

const struct clock_map *timekeeper_run(struct timekeeper *k)
{
    struct clock_sample sample;
    int answer = clock_source_poll(k->source, &sample);

    clock_source_advice(k->source, &k->clock.config);
    if (answer > 0)
        media_clock_sample(&k->clock, &sample);
    else if (answer < 0)
        media_clock_lost(&k->clock, clock_raw_now());
    media_clock_tick(&k->clock, clock_raw_now());
    tell_source(k, answer >= 0);
    tell_state(k);
    return &k->clock.map;
}

const struct clock_map *timekeeper_map(const struct timekeeper *k)
{
    return &k->clock.map;
}

const struct clock_source_status *timekeeper_source(const struct timekeeper *k)
{
    return clock_source_status(k->source);
}

void timekeeper_report(const struct timekeeper *k, struct stats *stats)
{
    const struct clock_source_status *s = clock_source_status(k->source);
    const struct clock_map *map = &k->clock.map;

    stats_text(stats, "clock", s->kind);
    stats_text(stats, "clock_state", media_clock_state_name(map->state));
    stats_real(stats, "clock_state_s", (double)(k->clock.now.ns - k->clock.since.ns) / 1e9);
    stats_text(stats, "clock_port_state", s->port_state);
    stats_flag(stats, "clock_proven", s->proven);
    stats_text(stats, "clock_grandmaster", s->gm_known ? s->gm_text : "");
    stats_count(stats, "clock_domain", (uint64_t)s->domain);
    stats_real(stats, "clock_offset_ns", (double)s->offset_ns);
    stats_real(stats, "clock_path_delay_ns", (double)s->path_delay_ns);
    stats_real(stats, "clock_rate_ppm", map->rate_dev * 1e6);
    stats_real(stats, "clock_uncertainty_ns", map->uncertainty_ns);
    stats_count(stats, "clock_steps", k->clock.steps);
    stats_count(stats, "clock_slews", k->clock.slews);
    stats_real(stats, "clock_step_ns", k->clock.step_ns);
    stats_real(stats, "clock_slew_left_ns", k->clock.slew_ns);
    stats_text(stats, "clock_reason", s->reason);
}
