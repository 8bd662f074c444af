// SPDX-License-Identifier: GPL-3.0-or-later
#include "timekeeper.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

struct timekeeper {
    struct clock_source *source;
    struct media_clock clock;
    enum media_clock_state told; /* what the log said last */
    uint32_t told_epoch;
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

static void tell_state(struct timekeeper *k)
{
    const struct clock_source_status *s = clock_source_status(k->source);
    const struct clock_map *map = &k->clock.map;

    if (map->state == k->told && map->epoch == k->told_epoch)
        return;
    if (k->told_epoch && map->epoch != k->told_epoch)
        log_warning("clock %s: time was stepped; the sound is placed anew", s->kind);
    if (map->state == MEDIA_CLOCK_LOCKED)
        log_info("clock %s: locked%s%s, rate %+.3f ppm against this machine's, uncertainty %.3f us", s->kind,
                 s->gm_known ? " to grandmaster " : "", s->gm_known ? s->gm_text : "", map->rate_dev * 1e6,
                 map->uncertainty_ns / 1e3);
    else if (map->state == MEDIA_CLOCK_HOLDOVER)
        log_warning("clock %s: no news from it; going on with the last rate", s->kind);
    k->told = map->state;
    k->told_epoch = map->epoch;
}

/* `waiting`: the source is on its way, nobody has to see to it. */
static void tell_source(struct timekeeper *k, bool waiting)
{
    const struct clock_source_status *s = clock_source_status(k->source);

    if (strcmp(s->reason, k->told_reason)) {
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

    if (answer > 0)
        media_clock_sample(&k->clock, &sample);
    media_clock_tick(&k->clock, clock_raw_now());
    tell_source(k, answer >= 0);
    tell_state(k);
    return &k->clock.map;
}

void timekeeper_report(const struct timekeeper *k, struct stats *stats)
{
    const struct clock_source_status *s = clock_source_status(k->source);
    const struct clock_map *map = &k->clock.map;

    stats_text(stats, "clock", s->kind);
    stats_text(stats, "clock_state", media_clock_state_name(map->state));
    stats_text(stats, "clock_port_state", s->port_state);
    stats_flag(stats, "clock_proven", s->proven);
    stats_text(stats, "clock_grandmaster", s->gm_known ? s->gm_text : "");
    stats_count(stats, "clock_domain", (uint64_t)s->domain);
    stats_real(stats, "clock_offset_ns", (double)s->offset_ns);
    stats_real(stats, "clock_path_delay_ns", (double)s->path_delay_ns);
    stats_real(stats, "clock_rate_ppm", map->rate_dev * 1e6);
    stats_real(stats, "clock_uncertainty_ns", map->uncertainty_ns);
    stats_count(stats, "clock_steps", k->clock.steps);
    stats_text(stats, "clock_reason", s->reason);
}
