// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The questions that are asked once, of recordings as they are.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "truth_cli.h"

#define WINDOW_MS      20.0
#define THDN_WINDOW_MS 100.0

/* One window seen in two recordings (pair) or one (latency). */
struct offset {
    raw_ns at;
    double ns;
    uint32_t segment[2];
    const struct truth_window *w[2];
};

struct offsets {
    struct offset *list;
    size_t count;
    raw_ns origin, from, until;
};

static double seconds(int64_t ns)
{
    return (double)ns / (double)NS_PER_S;
}

static double milliseconds(int64_t ns)
{
    return (double)ns / (double)NS_PER_MS;
}

/* --- recordings --- */

int cli_sound_begin(struct cli_sound *sound, const char *path, const struct cli_options *o, double window_ms)
{
    int64_t window_ns = llround((o->window_ms > 0 ? o->window_ms : window_ms) * (double)NS_PER_MS);
    int err = 0;

    *sound = (struct cli_sound){.path = path};
    err = record_open(&sound->record, path);
    if (err == 0)
        err = truth_track_new(&sound->track, sound->record, &o->tones, window_ns, window_ns / 2, o->channel);
    if (err)
        cli_sound_close(sound);
    return err;
}

int cli_sound_update(struct cli_sound *sound, const struct cli_options *o)
{
    int err = record_poll(sound->record);

    if (err == 0)
        err = truth_track_update(sound->track);
    if (err == 0)
        err = truth_judge_learn(&sound->judge, sound->track, o->limit_db);
    return err;
}

static int complain(const char *path, int err, const struct cli_options *o)
{
    if (err == -EBADMSG)
        fprintf(stderr,
                "unisono-truth: '%s' is no recording of a simulated card, or damaged; name its NAME.playback "
                "file\n",
                path);
    else if (err == -ERANGE)
        fprintf(stderr, "unisono-truth: '%s' has no channel %u; choose a lower --channel\n", path,
                o->channel);
    else
        fprintf(stderr, "unisono-truth: cannot read '%s': %s\n", path, strerror(-err));
    return err;
}

int cli_sound_open(struct cli_sound *sound, const char *path, const struct cli_options *o, double window_ms)
{
    int err = cli_sound_begin(sound, path, o, window_ms);

    if (err == 0)
        err = cli_sound_update(sound, o);
    if (err)
        return complain(path, err, o);
    if (record_segments(sound->record) == 0 || record_kind(sound->record) != RECORD_PLAYBACK) {
        fprintf(stderr, "unisono-truth: '%s' holds no sound; was anything played on this card?\n", path);
        return -ENODATA;
    }
    return 0;
}

void cli_sound_close(struct cli_sound *sound)
{
    truth_track_free(sound->track);
    record_close(sound->record);
    *sound = (struct cli_sound){0};
}

raw_ns cli_sound_start(const struct cli_sound *sound)
{
    return record_segment(sound->record, 0)->law.t0;
}

/* Sets the stretch of time that is asked about, from when all the sounds have started. */
static void set_range(struct offsets *offsets, const struct cli_options *o, const struct cli_sound *sounds,
                      size_t n)
{
    offsets->origin = cli_sound_start(&sounds[0]);
    for (size_t i = 1; i < n; i++)
        if (cli_sound_start(&sounds[i]).ns > offsets->origin.ns)
            offsets->origin = cli_sound_start(&sounds[i]);
    offsets->from.ns = offsets->origin.ns + llround(o->skip_s * (double)NS_PER_S);
    offsets->until.ns = INT64_MAX;
    if (o->length_s > 0)
        offsets->until.ns = offsets->from.ns + llround(o->length_s * (double)NS_PER_S);
}

static bool in_range(const struct offsets *offsets, raw_ns t)
{
    return t.ns >= offsets->from.ns && t.ns < offsets->until.ns;
}

/* Opens the CSV file if one is wanted. Returns 0 or -errno, having said why. */
static int open_csv(FILE **file, const struct cli_options *o, const char *header)
{
    *file = NULL;
    if (!o->csv)
        return 0;
    *file = fopen(o->csv, "w");
    if (!*file) {
        fprintf(stderr, "unisono-truth: cannot write '%s': %s\n", o->csv, strerror(errno));
        return -errno;
    }
    fprintf(*file, "%s\n", header);
    return 0;
}

static int close_csv(FILE *file, const struct cli_options *o)
{
    if (file && fclose(file) != 0) {
        fprintf(stderr, "unisono-truth: cannot write '%s': %s\n", o->csv, strerror(errno));
        return -EIO;
    }
    return 0;
}

static void print_stats_json(const char *name, const struct truth_stats *s)
{
    printf("\"%s\": {\"count\": %zu, \"mean\": %.3f, \"median\": %.3f, \"rms\": %.3f, \"p50_abs\": %.3f, "
           "\"p99_abs\": %.3f, \"p999_abs\": %.3f, \"worst\": %.3f}",
           name, s->count, s->mean, s->median, s->rms, s->p50, s->p99, s->p999, s->worst);
}

static void print_stats_text(const char *name, const struct truth_stats *s)
{
    printf("  %s, us: median %+.4f, mean %+.4f, rms %.4f; absolute: p50 %.4f, p99 %.4f, p99.9 %.4f, worst "
           "%+.4f\n",
           name, s->median / 1e3, s->mean / 1e3, s->rms / 1e3, s->p50 / 1e3, s->p99 / 1e3, s->p999 / 1e3,
           s->worst / 1e3);
}

static int stats_of_offsets(struct truth_stats *stats, const struct offsets *offsets, double minus_ns)
{
    double *values = calloc(offsets->count + 1, sizeof(*values));
    size_t n = 0;

    if (!values)
        return -ENOMEM;
    for (size_t i = 0; i < offsets->count; i++)
        if (in_range(offsets, offsets->list[i].at))
            values[n++] = offsets->list[i].ns - minus_ns;
    truth_stats_of(stats, values, n);
    free(values);
    return 0;
}

/* --- pair --- */

static int find_pairs(struct offsets *offsets, const struct cli_options *o, const struct cli_sound s[2])
{
    size_t na = 0, nb = 0, i = 0, k = 0;
    const struct truth_window *a = truth_track_windows(s[0].track, &na);
    const struct truth_window *b = truth_track_windows(s[1].track, &nb);

    offsets->list = calloc((na < nb ? na : nb) + 1, sizeof(*offsets->list));
    if (!offsets->list)
        return -ENOMEM;
    while (i < na && k < nb) {
        if (a[i].centre.ns != b[k].centre.ns) {
            if (a[i].centre.ns < b[k].centre.ns)
                i++;
            else
                k++;
            continue;
        }
        if (truth_judge_window(&s[0].judge, &a[i]) == TRUTH_CLEAN &&
            truth_judge_window(&s[1].judge, &b[k]) == TRUTH_CLEAN)
            offsets->list[offsets->count++] =
                (struct offset){a[i].centre,
                                truth_delay_ns(&o->tones, a[i].phase, b[k].phase, 0),
                                {a[i].segment, b[k].segment},
                                {&a[i], &b[k]}};
        i++;
        k++;
    }
    return 0;
}

/* How one start of one card went: sound is back, and aligned with the other one. */
struct comeback {
    size_t which, segment;
    raw_ns t0;
    bool sounded, aligned;
    int64_t sound_after_ns, aligned_after_ns; /* since t0 */
    raw_ns sound;
    double first_ns, worst_first_s_ns, worst_5_to_10_s_ns;
};

/* The first pair of windows from which on all of the next second (or of the segment) are within the limit. */
static void find_alignment(struct comeback *c, const struct offset *first, const struct offset *end,
                           double limit_ns)
{
    const struct offset *since = NULL;

    for (const struct offset *p = first; p < end && p->segment[c->which] == c->segment; p++) {
        if (fabs(p->ns) > limit_ns)
            since = NULL;
        else if (!since)
            since = p;
        if (since && p->at.ns - since->at.ns >= NS_PER_S)
            break;
    }
    c->aligned = since != NULL;
    if (since)
        c->aligned_after_ns = since->at.ns - c->t0.ns;
}

static struct comeback look_at_start(const struct offsets *offsets, const struct cli_sound *sound,
                                     size_t which, size_t segment, double limit_ns)
{
    struct comeback c = {
        .which = which, .segment = segment, .t0 = record_segment(sound->record, segment)->law.t0};
    const struct offset *end = offsets->list + offsets->count, *first = offsets->list;

    while (first < end && first->segment[which] != segment)
        first++;
    if (first == end)
        return c;
    c.sounded = true;
    c.sound = first->at;
    c.sound_after_ns = first->at.ns - c.t0.ns;
    c.first_ns = first->ns;
    for (const struct offset *p = first; p < end && p->segment[which] == segment; p++) {
        int64_t age = p->at.ns - first->at.ns;

        if (age < NS_PER_S)
            c.worst_first_s_ns = fmax(c.worst_first_s_ns, fabs(p->ns));
        else if (age >= 5 * NS_PER_S && age < 10 * NS_PER_S)
            c.worst_5_to_10_s_ns = fmax(c.worst_5_to_10_s_ns, fabs(p->ns));
    }
    find_alignment(&c, first, end, limit_ns);
    return c;
}

static void print_start(const struct comeback *c, const struct cli_sound *sound,
                        const struct offsets *offsets, bool json, bool first)
{
    const char *name = c->which ? "B" : "A";
    enum record_cause before =
        c->segment ? record_segment(sound->record, c->segment - 1)->cause : RECORD_STOPPED;

    if (json) {
        printf("%s\n    {\"output\": \"%s\", \"segment\": %zu, \"raw_ns\": %lld, \"t_s\": %.6f, "
               "\"after_xrun\": %s, ",
               first ? "" : ",", name, c->segment, (long long)c->t0.ns,
               seconds(c->t0.ns - offsets->origin.ns),
               before == RECORD_XRUN || before == RECORD_XRUN_FORCED ? "true" : "false");
        if (!c->sounded)
            printf("\"sounded\": false}");
        else
            printf("\"sounded\": true, \"first_sound_raw_ns\": %lld, \"sound_after_ms\": %.3f, "
                   "\"first_offset_ns\": %.3f, "
                   "\"worst_first_second_ns\": %.3f, \"worst_5_to_10_s_ns\": %.3f, \"aligned\": %s, "
                   "\"aligned_after_ms\": %.3f}",
                   (long long)c->sound.ns, milliseconds(c->sound_after_ns), c->first_ns, c->worst_first_s_ns,
                   c->worst_5_to_10_s_ns, c->aligned ? "true" : "false", milliseconds(c->aligned_after_ns));
        return;
    }
    printf("  start of %s at %.3f s: ", name, seconds(c->t0.ns - offsets->origin.ns));
    if (!c->sounded) {
        printf("no sound in common\n");
        return;
    }
    printf("sound in both after %.1f ms, %+.4f us off; worst in its first second %.4f us, 5 to 10 s later "
           "%.4f us; ",
           milliseconds(c->sound_after_ns), c->first_ns / 1e3, c->worst_first_s_ns / 1e3,
           c->worst_5_to_10_s_ns / 1e3);
    if (c->aligned)
        printf("aligned after %.1f ms\n", milliseconds(c->aligned_after_ns));
    else
        printf("never aligned\n");
}

static void print_starts(const struct offsets *offsets, const struct cli_options *o,
                         const struct cli_sound s[2])
{
    bool first = true;

    for (size_t which = 0; which < 2; which++)
        for (size_t i = 0; i < record_segments(s[which].record); i++) {
            struct comeback c = look_at_start(offsets, &s[which], which, i, o->aligned_us * 1e3);

            print_start(&c, &s[which], offsets, o->json, first);
            first = false;
        }
}

static int pair_csv(const struct offsets *offsets, const struct cli_options *o)
{
    FILE *f = NULL;
    int err =
        open_csv(&f, o, "t_s,raw_ns,offset_ns,residual_a_dbfs,residual_b_dbfs,stretch_a_ppm,stretch_b_ppm");

    for (size_t i = 0; f && i < offsets->count; i++) {
        const struct offset *p = &offsets->list[i];

        if (in_range(offsets, p->at))
            fprintf(f, "%.6f,%lld,%.3f,%.1f,%.1f,%.4f,%.4f\n", seconds(p->at.ns - offsets->origin.ns),
                    (long long)p->at.ns, p->ns, truth_db(p->w[0]->residual), truth_db(p->w[1]->residual),
                    p->w[0]->stretch * 1e6, p->w[1]->stretch * 1e6);
    }
    return err ? err : close_csv(f, o);
}

static int pair_answer(const struct offsets *offsets, const struct cli_options *o,
                       const struct cli_sound s[2])
{
    struct truth_stats stats = {0};
    int err = stats_of_offsets(&stats, offsets, 0);

    if (err)
        return err;
    if (stats.count == 0) {
        fprintf(stderr,
                "unisono-truth: '%s' and '%s' have no clean sound in common; is --tone what was played?\n",
                o->paths[0], o->paths[1]);
        return -ENODATA;
    }
    if (o->json)
        printf("{\"a\": \"%s\", \"b\": \"%s\", \"origin_raw_ns\": %lld, ", o->paths[0], o->paths[1],
               (long long)offsets->origin.ns);
    else
        printf("%s later than %s: %zu windows, from %.1f s after both had started\n", o->paths[1],
               o->paths[0], stats.count, o->skip_s);
    if (o->json) {
        print_stats_json("offset_ns", &stats);
        printf(",\n  \"starts\": [");
    } else {
        print_stats_text("offset", &stats);
    }
    print_starts(offsets, o, s);
    if (o->json)
        printf("]}\n");
    return pair_csv(offsets, o);
}

int cli_pair(const struct cli_options *o)
{
    struct cli_sound s[2] = {{0}};
    struct offsets offsets = {0};
    int err = cli_sound_open(&s[0], o->paths[0], o, WINDOW_MS);

    if (err == 0)
        err = cli_sound_open(&s[1], o->paths[1], o, WINDOW_MS);
    if (err)
        goto out;
    set_range(&offsets, o, s, 2);
    err = find_pairs(&offsets, o, s);
    if (err == 0)
        err = pair_answer(&offsets, o, s);
out:
    free(offsets.list);
    cli_sound_close(&s[0]);
    cli_sound_close(&s[1]);
    return err ? 1 : 0;
}

/* --- latency --- */

static int find_latencies(struct offsets *offsets, const struct cli_options *o, const struct cli_sound *s)
{
    size_t n = 0;
    const struct truth_window *w = truth_track_windows(s->track, &n);
    int err = 0;

    offsets->list = calloc(n + 1, sizeof(*offsets->list));
    if (!offsets->list)
        return -ENOMEM;
    for (size_t i = 0; i < n && err == 0; i++) {
        struct instant source = {w[i].centre, 0};
        double phases[TRUTH_TONES_MAX] = {0};

        if (truth_judge_window(&s->judge, &w[i]) != TRUTH_CLEAN)
            continue;
        if (o->source == CLI_SOURCE_REALTIME)
            err = record_realtime(s->record, source, &source);
        truth_source_phases(&o->tones, source, phases);
        offsets->list[offsets->count++] =
            (struct offset){.at = w[i].centre,
                            .ns = truth_delay_ns(&o->tones, phases, w[i].phase, o->expect_ms * 1e6),
                            .w = {&w[i], &w[i]}};
    }
    return err;
}

static int latency_csv(const struct offsets *offsets, const struct cli_options *o)
{
    FILE *f = NULL;
    int err = open_csv(&f, o, "t_s,raw_ns,latency_ns,residual_dbfs,stretch_ppm");

    for (size_t i = 0; f && i < offsets->count; i++) {
        const struct offset *p = &offsets->list[i];

        if (in_range(offsets, p->at))
            fprintf(f, "%.6f,%lld,%.3f,%.1f,%.4f\n", seconds(p->at.ns - offsets->origin.ns),
                    (long long)p->at.ns, p->ns, truth_db(p->w[0]->residual), p->w[0]->stretch * 1e6);
    }
    return err ? err : close_csv(f, o);
}

static int latency_answer(const struct offsets *offsets, const struct cli_options *o)
{
    struct truth_stats stats = {0}, errors = {0};
    int err = stats_of_offsets(&stats, offsets, 0);

    if (err == 0)
        err = stats_of_offsets(&errors, offsets, o->expect_ms * 1e6);
    if (err)
        return err;
    if (stats.count == 0) {
        fprintf(stderr, "unisono-truth: '%s' has no clean sound; is --tone what was played?\n", o->paths[0]);
        return -ENODATA;
    }
    if (o->json) {
        printf(
            "{\"a\": \"%s\", \"expect_ms\": %.6f, \"latency_median_ms\": %.6f, \"latency_mean_ms\": %.6f, ",
            o->paths[0], o->expect_ms, stats.median / 1e6, stats.mean / 1e6);
        print_stats_json("error_ns", &errors);
        printf("}\n");
    } else {
        printf("%s: latency median %.6f ms, mean %.6f ms, in %zu windows\n", o->paths[0], stats.median / 1e6,
               stats.mean / 1e6, stats.count);
        print_stats_text("against what was expected", &errors);
    }
    return latency_csv(offsets, o);
}

int cli_latency(const struct cli_options *o)
{
    struct cli_sound s = {0};
    struct offsets offsets = {0};
    int err = cli_sound_open(&s, o->paths[0], o, WINDOW_MS);

    if (err)
        goto out;
    set_range(&offsets, o, &s, 1);
    err = find_latencies(&offsets, o, &s);
    if (err == -ENODATA)
        fprintf(stderr, "unisono-truth: '%s' holds no clock pairs; use --source raw\n", o->paths[0]);
    if (err == 0)
        err = latency_answer(&offsets, o);
out:
    free(offsets.list);
    cli_sound_close(&s);
    return err ? 1 : 0;
}

/* --- damage --- */

/* Lines "raw_ns late_us"; lines that begin with # are comments. The caller frees *stalls. */
static int read_witness(const char *path, struct truth_stall **stalls, size_t *count)
{
    FILE *f = fopen(path, "r");
    size_t room = 0;
    char line[256];
    int err = 0;

    if (!f) {
        fprintf(stderr, "unisono-truth: cannot read '%s': %s\n", path, strerror(errno));
        return -errno;
    }
    while (err == 0 && fgets(line, sizeof(line), f)) {
        long long raw = 0;
        double late_us = 0;
        struct truth_stall *p = *stalls;

        if (line[0] == '#')
            continue;
        if (sscanf(line, "%lld %lf", &raw, &late_us) != 2) {
            fprintf(stderr, "unisono-truth: '%s' is not what stall-witness writes\n", path);
            err = -EBADMSG;
            break;
        }
        if (*count == room) {
            room = room ? 2 * room : 256;
            p = realloc(*stalls, room * sizeof(*p));
        }
        if (!p) {
            err = -ENOMEM;
            break;
        }
        *stalls = p;
        p[(*count)++] = (struct truth_stall){{raw}, llround(late_us * 1e3)};
    }
    fclose(f);
    return err;
}

static const char *cause_name(enum record_cause cause)
{
    static const char *const names[] = {"open", "stopped", "drained", "xrun", "xrun_forced", "unplugged"};

    return names[cause];
}

static bool is_xrun(enum record_cause cause)
{
    return cause == RECORD_XRUN || cause == RECORD_XRUN_FORCED;
}

struct damage_sums {
    size_t xruns, xruns_forced, xruns_unexplained, events_unexplained;
};

static struct damage_sums sum_up(const struct truth_damage *d)
{
    struct damage_sums sums = {0};

    for (size_t i = 0; i < d->span_count; i++) {
        sums.xruns += d->spans[i].cause == RECORD_XRUN;
        sums.xruns_forced += d->spans[i].cause == RECORD_XRUN_FORCED;
        sums.xruns_unexplained += is_xrun(d->spans[i].cause) && !d->spans[i].explained;
    }
    for (size_t i = 0; i < d->event_count; i++)
        sums.events_unexplained += !d->events[i].explained;
    return sums;
}

static void damage_json(const struct truth_damage *d, const struct cli_options *o, raw_ns origin)
{
    struct damage_sums sums = sum_up(d);

    printf("{\"a\": \"%s\", \"origin_raw_ns\": %lld, \"windows\": %zu, \"clean\": %zu, \"events\": %zu, "
           "\"events_unexplained\": %zu, \"damaged_ms\": %.3f, \"xruns\": %zu, \"xruns_forced\": %zu, "
           "\"xruns_unexplained\": %zu, \"residual_mean_dbfs\": %.2f, \"residual_worst_clean_dbfs\": %.2f,\n"
           "  \"event_list\": [",
           o->paths[0], (long long)origin.ns, d->windows, d->clean, d->event_count, sums.events_unexplained,
           milliseconds(d->damaged_ns), sums.xruns, sums.xruns_forced, sums.xruns_unexplained,
           truth_db(d->mean_residual), truth_db(d->worst_residual));
    for (size_t i = 0; i < d->event_count; i++) {
        const struct truth_event *e = &d->events[i];

        printf("%s\n    {\"raw_ns\": %lld, \"t_s\": %.6f, \"ms\": %.3f, \"residual_dbfs\": %.2f, \"silent\": "
               "%s, "
               "\"explained\": %s}",
               i ? "," : "", (long long)e->from.ns, seconds(e->from.ns - origin.ns),
               milliseconds(e->until.ns - e->from.ns), truth_db(e->worst_residual),
               e->silent ? "true" : "false", e->explained ? "true" : "false");
    }
    printf("],\n  \"segments\": [");
    for (size_t i = 0; i < d->span_count; i++) {
        const struct truth_span *s = &d->spans[i];

        printf("%s\n    {\"raw_ns\": %lld, \"t_s\": %.6f, \"sounded\": %s, \"lead_in_ms\": %.3f, "
               "\"lead_in_audible_ms\": "
               "%.3f, \"tail_ms\": %.3f, \"ended\": \"%s\", \"end_raw_ns\": %lld, \"explained\": %s}",
               i ? "," : "", (long long)s->t0.ns, seconds(s->t0.ns - origin.ns),
               s->sound.ns ? "true" : "false", milliseconds(s->lead_in_ns), milliseconds(s->lead_in_dirty_ns),
               milliseconds(s->tail_ns), cause_name(s->cause), (long long)s->end.ns,
               s->explained ? "true" : "false");
    }
    printf("]}\n");
}

static void damage_text(const struct truth_damage *d, const struct cli_options *o, raw_ns origin)
{
    struct damage_sums sums = sum_up(d);

    printf("%s: %zu of %zu windows clean, residual %.1f dBFS, worst clean %.1f\n", o->paths[0], d->clean,
           d->windows, truth_db(d->mean_residual), truth_db(d->worst_residual));
    printf("  damage: %zu places, at most %.1f ms; xruns: %zu, and %zu forced\n", d->event_count,
           milliseconds(d->damaged_ns), sums.xruns, sums.xruns_forced);
    if (o->witness)
        printf("  without a stall of more than %.2f ms near: %zu places, %zu xruns\n", o->slack_ms,
               sums.events_unexplained, sums.xruns_unexplained);
    for (size_t i = 0; i < d->event_count; i++) {
        const struct truth_event *e = &d->events[i];

        printf("  damage at %.3f s, within %.1f ms, residual %.1f dBFS%s%s\n",
               seconds(e->from.ns - origin.ns), milliseconds(e->until.ns - e->from.ns),
               truth_db(e->worst_residual), e->silent ? ", silence" : "", e->explained ? ", explained" : "");
    }
    for (size_t i = 0; i < d->span_count; i++) {
        const struct truth_span *s = &d->spans[i];

        printf("  segment at %.3f s: ", seconds(s->t0.ns - origin.ns));
        if (s->sound.ns)
            printf("sound after %.1f ms (audible before: %.1f ms), ", milliseconds(s->lead_in_ns),
                   milliseconds(s->lead_in_dirty_ns));
        else
            printf("no sound, ");
        if (s->cause == RECORD_OPEN)
            printf("still open");
        else
            printf("%s at %.3f s", cause_name(s->cause), seconds(s->end.ns - origin.ns));
        printf("%s, tail without sound %.1f ms\n", s->explained ? " (explained)" : "",
               milliseconds(s->tail_ns));
    }
}

static int damage_csv(const struct cli_sound *s, const struct offsets *range, const struct cli_options *o)
{
    static const char *const states[] = {"silent", "dirty", "clean"};
    size_t n = 0;
    const struct truth_window *w = truth_track_windows(s->track, &n);
    FILE *f = NULL;
    int err = open_csv(&f, o, "t_s,raw_ns,state,level_dbfs,residual_dbfs,peak_residual_dbfs,stretch_ppm");

    for (size_t i = 0; f && i < n; i++)
        if (in_range(range, w[i].centre))
            fprintf(f, "%.6f,%lld,%s,%.2f,%.2f,%.2f,%.4f\n", seconds(w[i].centre.ns - range->origin.ns),
                    (long long)w[i].centre.ns, states[truth_judge_window(&s->judge, &w[i])],
                    truth_db(w[i].amplitude[0]), truth_db(w[i].residual), truth_db(w[i].peak),
                    w[i].stretch * 1e6);
    return err ? err : close_csv(f, o);
}

int cli_damage(const struct cli_options *o)
{
    struct cli_sound s = {0};
    struct offsets range = {0};
    struct truth_damage damage = {0};
    struct truth_stall *stalls = NULL;
    size_t stall_count = 0;
    int err = cli_sound_open(&s, o->paths[0], o, WINDOW_MS);

    if (err == 0 && o->witness)
        err = read_witness(o->witness, &stalls, &stall_count);
    if (err)
        goto out;
    set_range(&range, o, &s, 1);
    err = truth_damage_find(&damage, s.track, &s.judge, range.from, range.until);
    if (err)
        goto out;
    if (damage.clean == 0) {
        fprintf(stderr, "unisono-truth: '%s' has no clean sound; is --tone what was played?\n", s.path);
        err = -ENODATA;
        goto out;
    }
    truth_explain(&damage, stalls, stall_count, llround(o->slack_ms * (double)NS_PER_MS));
    if (o->json)
        damage_json(&damage, o, range.origin);
    else
        damage_text(&damage, o, range.origin);
    err = damage_csv(&s, &range, o);
out:
    truth_damage_free(&damage);
    free(stalls);
    cli_sound_close(&s);
    return err ? 1 : 0;
}

/* --- thdn --- */

int cli_thdn(const struct cli_options *o)
{
    struct cli_sound s = {0};
    struct offsets range = {0};
    const struct truth_window *w = NULL;
    double noise = 0, tone = 0, worst = 0;
    size_t n = 0, used = 0;
    int err = cli_sound_open(&s, o->paths[0], o, THDN_WINDOW_MS);

    if (err)
        goto out;
    set_range(&range, o, &s, 1);
    w = truth_track_windows(s.track, &n);
    for (size_t i = 0; i < n; i++) {
        double level = hypot(w[i].amplitude[0], w[i].amplitude[1]);

        if (!in_range(&range, w[i].centre) || truth_judge_window(&s.judge, &w[i]) != TRUTH_CLEAN)
            continue;
        noise += w[i].residual * w[i].residual;
        tone += level * level;
        worst = fmax(worst, w[i].residual / level);
        used++;
    }
    if ((int64_t)used * truth_track_step_ns(s.track) < NS_PER_S) {
        fprintf(stderr, "unisono-truth: '%s' has less than 1 s of clean sound; is --tone what was played?\n",
                s.path);
        err = -ENODATA;
        goto out;
    }
    if (o->json)
        printf("{\"a\": \"%s\", \"thdn_db\": %.2f, \"worst_window_db\": %.2f, \"level_dbfs\": %.2f, "
               "\"windows\": %zu}\n",
               s.path, truth_db(sqrt(noise / tone)), truth_db(worst), truth_db(sqrt(tone / (double)used)),
               used);
    else
        printf("%s: THD+N %.1f dB, worst window %.1f dB, of a tone of %.1f dBFS, in %zu windows\n", s.path,
               truth_db(sqrt(noise / tone)), truth_db(worst), truth_db(sqrt(tone / (double)used)), used);
out:
    cli_sound_close(&s);
    return err ? 1 : 0;
}
