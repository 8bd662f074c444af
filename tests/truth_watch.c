// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The live view: follows recordings while they grow and shows how far each output is from the first.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "truth_cli.h"

#define WINDOW_MS  20.0
#define REFRESH_NS (500 * NS_PER_MS)

enum { NAME_BYTES = 32, RECENT = 50 /* windows of 10 ms that make up "now" */ };

struct lane {
    char name[NAME_BYTES];
    struct cli_sound sound; /* record is NULL until the file is there */
    size_t mine, first;     /* windows of this lane and of lane 0 that have been compared */
    double *offsets;        /* ns, since the skip */
    double *sorted;         /* room for as many */
    size_t count, room;
    double recent[RECENT];
    size_t recent_count;
    double now_ns;
    struct truth_stats stats;
    double residual;
    size_t xruns;
};

struct watch {
    const struct cli_options *o;
    struct lane lanes[CLI_PATHS_MAX];
    size_t count;
    int64_t started_ns;
};

static int64_t monotonic_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void name_lanes(struct watch *w)
{
    const char *p = w->o->names ? w->o->names : "";

    for (size_t i = 0; i < w->count; i++) {
        size_t n = strcspn(p, ",");

        if (n == 0)
            snprintf(w->lanes[i].name, NAME_BYTES, "output %zu", i + 1);
        else
            snprintf(w->lanes[i].name, NAME_BYTES, "%.*s", (int)(n < NAME_BYTES ? n : NAME_BYTES - 1), p);
        p += n + (p[n] == ',');
    }
}

static int lane_add(struct lane *lane, double ns)
{
    if (lane->count == lane->room) {
        size_t room = lane->room ? 2 * lane->room : 4096;
        double *offsets = realloc(lane->offsets, room * sizeof(*offsets));
        double *sorted = NULL;

        if (!offsets)
            return -ENOMEM;
        lane->offsets = offsets;
        sorted = realloc(lane->sorted, room * sizeof(*sorted));
        if (!sorted)
            return -ENOMEM;
        lane->sorted = sorted;
        lane->room = room;
    }
    lane->offsets[lane->count++] = ns;
    return 0;
}

/* Compares the windows of a lane with those of the first, from where it was left. */
static int lane_compare(struct lane *lane, const struct lane *reference, const struct cli_options *o)
{
    size_t na = 0, nb = 0;
    const struct truth_window *a = truth_track_windows(reference->sound.track, &na);
    const struct truth_window *b = truth_track_windows(lane->sound.track, &nb);
    int64_t start = 0;
    int err = 0;

    if (na == 0 || nb == 0)
        return 0;
    start = a[0].centre.ns > b[0].centre.ns ? a[0].centre.ns : b[0].centre.ns;
    while (err == 0 && lane->first < na && lane->mine < nb) {
        const struct truth_window *x = &a[lane->first], *y = &b[lane->mine];
        double ns = 0;

        lane->first += x->centre.ns <= y->centre.ns;
        lane->mine += y->centre.ns <= x->centre.ns;
        if (x->centre.ns != y->centre.ns || truth_judge_window(&reference->sound.judge, x) != TRUTH_CLEAN ||
            truth_judge_window(&lane->sound.judge, y) != TRUTH_CLEAN)
            continue;
        ns = truth_delay_ns(&o->tones, x->phase, y->phase, 0);
        lane->recent[lane->recent_count++ % RECENT] = ns;
        if (x->centre.ns - start >= (int64_t)(o->skip_s * (double)NS_PER_S))
            err = lane_add(lane, ns);
    }
    return err;
}

static void lane_summarise(struct lane *lane)
{
    double recent[RECENT];
    size_t n = lane->recent_count < RECENT ? lane->recent_count : RECENT, windows = 0;
    const struct truth_window *w = truth_track_windows(lane->sound.track, &windows);
    struct truth_stats stats;

    memcpy(recent, lane->recent, n * sizeof(*recent));
    truth_stats_of(&stats, recent, n);
    lane->now_ns = stats.median;
    if (lane->count)
        memcpy(lane->sorted, lane->offsets, lane->count * sizeof(*lane->offsets));
    truth_stats_of(&lane->stats, lane->sorted, lane->count);
    lane->residual = windows ? w[windows - 1].residual : 0;
    lane->xruns = 0;
    for (size_t i = 0; i < record_segments(lane->sound.record); i++) {
        enum record_cause cause = record_segment(lane->sound.record, i)->cause;

        lane->xruns += cause == RECORD_XRUN || cause == RECORD_XRUN_FORCED;
    }
}

static int lane_update(struct lane *lane, const char *path, const struct cli_options *o)
{
    int err = 0;

    if (!lane->sound.record)
        err = cli_sound_begin(&lane->sound, path, o, WINDOW_MS);
    if (err == -ENOENT)
        return 0; /* its program has not started yet */
    if (err == 0)
        err = cli_sound_update(&lane->sound, o);
    if (err)
        fprintf(stderr, "unisono-truth: cannot follow '%s': %s\n", path,
                err == -EBADMSG ? "it is no recording" : strerror(-err));
    return err;
}

static int watch_update(struct watch *w)
{
    int err = 0;

    for (size_t i = 0; err == 0 && i < w->count; i++)
        err = lane_update(&w->lanes[i], w->o->paths[i], w->o);
    for (size_t i = 0; err == 0 && i < w->count; i++) {
        if (!w->lanes[i].sound.record)
            continue;
        if (i > 0 && w->lanes[0].sound.record)
            err = lane_compare(&w->lanes[i], &w->lanes[0], w->o);
        lane_summarise(&w->lanes[i]);
    }
    return err;
}

static const char *lane_state(const struct lane *lane)
{
    size_t n = 0;
    const struct truth_window *w = NULL;

    if (!lane->sound.record)
        return "not started";
    w = truth_track_windows(lane->sound.track, &n);
    if (n == 0)
        return "silent";
    switch (truth_judge_window(&lane->sound.judge, &w[n - 1])) {
    case TRUTH_CLEAN:
        return "clean";
    case TRUTH_SILENT:
        return "silent";
    default:
        return "disturbed";
    }
}

static void show_screen(const struct watch *w, double elapsed_s)
{
    printf("\033[H\033[J%.0f s of sound compared with %s, in microseconds\n\n", elapsed_s, w->lanes[0].name);
    printf("  %-24s %10s %10s %10s %14s %6s  %s\n", "output", "now", "p99", "worst", "residual dBFS", "xruns",
           "sound");
    for (size_t i = 0; i < w->count; i++) {
        const struct lane *l = &w->lanes[i];

        printf("  %-24s ", l->name);
        if (i == 0)
            printf("%10s %10s %10s ", "reference", "", "");
        else if (l->count == 0)
            printf("%10s %10s %10s ", l->recent_count ? "settling" : "-", "-", "-");
        else
            printf("%+10.3f %10.3f %+10.3f ", l->now_ns / 1e3, l->stats.p99 / 1e3, l->stats.worst / 1e3);
        printf("%14.1f %6zu  %s\n", truth_db(l->residual), l->xruns, lane_state(l));
    }
    fflush(stdout);
}

static void show_line(const struct watch *w, double elapsed_s)
{
    printf("%6.1f s", elapsed_s);
    for (size_t i = 1; i < w->count; i++) {
        const struct lane *l = &w->lanes[i];

        if (l->count)
            printf("  %s %+.3f us (p99 %.3f, worst %+.3f, %s)", l->name, l->now_ns / 1e3, l->stats.p99 / 1e3,
                   l->stats.worst / 1e3, lane_state(l));
        else
            printf("  %s: %s", l->name, lane_state(l));
    }
    printf("\n");
    fflush(stdout);
}

static void show_json(const struct watch *w, double elapsed_s, const char *verdict)
{
    printf("{\"t_s\": %.3f, ", elapsed_s);
    if (verdict)
        printf("\"verdict\": \"%s\", \"limit_us\": %.3f, ", verdict, w->o->limit_us);
    printf("\"outputs\": [");
    for (size_t i = 0; i < w->count; i++) {
        const struct lane *l = &w->lanes[i];

        printf(
            "%s{\"name\": \"%s\", \"sound\": \"%s\", \"windows\": %zu, \"now_us\": %.4f, \"p99_us\": %.4f, "
            "\"worst_us\": %.4f, \"residual_dbfs\": %.2f, \"xruns\": %zu}",
            i ? ", " : "", l->name, lane_state(l), l->count, l->now_ns / 1e3, l->stats.p99 / 1e3,
            l->stats.worst / 1e3, truth_db(l->residual), l->xruns);
    }
    printf("]}\n");
    fflush(stdout);
}

/* Which lane fails, or NULL. A second of comparison is the least that counts. */
static const struct lane *failing_lane(const struct watch *w)
{
    for (size_t i = 1; i < w->count; i++) {
        const struct lane *l = &w->lanes[i];

        if (!l->sound.record || (int64_t)l->count * truth_track_step_ns(l->sound.track) < NS_PER_S ||
            l->stats.p99 > w->o->limit_us * 1e3)
            return l;
    }
    return NULL;
}

static int verdict(const struct watch *w, double elapsed_s)
{
    const struct lane *bad = failing_lane(w);
    double p99_ns = 0, worst_ns = 0;

    if (w->o->json) {
        show_json(w, elapsed_s, bad ? "FAIL" : "PASS");
        return bad ? 1 : 0;
    }
    for (size_t i = 1; i < w->count; i++) {
        p99_ns = fmax(p99_ns, w->lanes[i].stats.p99);
        worst_ns = fmax(worst_ns, fabs(w->lanes[i].stats.worst));
    }
    if (!bad)
        printf("PASS: all %zu outputs together within %.3f us (p99; worst %.3f us), limit %.3f us\n",
               w->count, p99_ns / 1e3, worst_ns / 1e3, w->o->limit_us);
    else if (bad->stats.p99 > w->o->limit_us * 1e3)
        printf("FAIL: %s is off by %.3f us (p99), limit %.3f us\n", bad->name, bad->stats.p99 / 1e3,
               w->o->limit_us);
    else
        printf("FAIL: %s gave less than a second of clean sound to compare\n", bad->name);
    return bad ? 1 : 0;
}

static int watch_run(struct watch *w)
{
    bool terminal = isatty(STDOUT_FILENO) && !w->o->json;
    struct timespec pause = {REFRESH_NS / NS_PER_S, REFRESH_NS % NS_PER_S};
    sigset_t stop;
    double elapsed_s = 0;

    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    for (unsigned round = 0;; round++) {
        if (watch_update(w) < 0)
            return 1;
        elapsed_s = (double)(monotonic_ns() - w->started_ns) / (double)NS_PER_S;
        if (terminal)
            show_screen(w, elapsed_s);
        else if (round % 2 == 0 && w->o->json)
            show_json(w, elapsed_s, NULL);
        else if (round % 2 == 0)
            show_line(w, elapsed_s);
        if (w->o->length_s > 0 && elapsed_s >= w->o->length_s)
            break;
        if (sigtimedwait(&stop, NULL, &pause) > 0)
            break;
    }
    return verdict(w, elapsed_s);
}

int cli_watch(const struct cli_options *o)
{
    struct watch *w = calloc(1, sizeof(*w));
    int code = 1;

    if (!w)
        return code;
    w->o = o;
    w->count = o->path_count;
    w->started_ns = monotonic_ns();
    name_lanes(w);
    code = watch_run(w);
    for (size_t i = 0; i < w->count; i++) {
        cli_sound_close(&w->lanes[i].sound);
        free(w->lanes[i].offsets);
        free(w->lanes[i].sorted);
    }
    free(w);
    return code;
}
