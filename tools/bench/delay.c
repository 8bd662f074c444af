// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * bench-delay: how late an output is against a simulated capture card, with nothing known beforehand.
 *
 *   bench-delay HZ HZ2 SKIP-SECONDS NAME.playback
 *
 * `unisono-truth latency` wants to be told what to expect to within half a period of the beat of two tones;
 * of a peer that is not known. But the periods of 997 and 1097 Hz have no common multiple below a second:
 * a delay that is wrong by n periods of the one misses the other by a little, 2.7 us for every 10 ms. Over
 * many windows that is plain to see, for both tones take the same way and share all its jitter.
 *
 * Prints the median latency in milliseconds, 0 to 1000, and by how many nanoseconds (median) the two tones
 * disagree about it.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/truth.h"

#define WINDOW_NS  (20 * NS_PER_MS)
#define RANGE_NS   1e9
#define LIMIT_DBFS (-60.0)

struct delays {
    double period_ns[2];
    double *ns[2]; /* of each tone and window, up to whole periods; that of tone 0 is continuous */
    double *scratch;
    size_t count;
};

static double nearest(double ns, double period_ns, double to_ns)
{
    return ns + round((to_ns - ns) / period_ns) * period_ns;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), compare);
    return values[n / 2];
}

/* Takes the delay of each tone from every clean window after the first skip_s seconds. */
static int collect(struct delays *d, const struct truth_track *t, const struct truth_tones *tones,
                   double skip_s)
{
    size_t n = 0;
    const struct truth_window *w = truth_track_windows(t, &n);
    int64_t from_ns = 0;
    struct truth_judge judge;

    for (int k = 0; k < 2; k++)
        d->ns[k] = calloc(n + 1, sizeof(double));
    d->scratch = calloc(n + 1, sizeof(double));
    if (!d->ns[0] || !d->ns[1] || !d->scratch || truth_judge_learn(&judge, t, LIMIT_DBFS) < 0)
        return -ENOMEM;
    if (n > 0)
        from_ns = record_segment(truth_track_record(t), 0)->law.t0.ns + llround(skip_s * (double)NS_PER_S);
    for (size_t i = 0; i < n; i++) {
        double source[TRUTH_TONES_MAX] = {0}, last_ns = d->count ? d->ns[0][d->count - 1] : 0;

        if (w[i].centre.ns < from_ns || truth_judge_window(&judge, &w[i]) != TRUTH_CLEAN)
            continue;
        truth_source_phases(tones, (struct instant){w[i].centre, 0}, source);
        for (int k = 0; k < 2; k++)
            d->ns[k][d->count] = (source[k] - w[i].phase[k]) / (2 * M_PI) * d->period_ns[k];
        d->ns[0][d->count] = nearest(d->ns[0][d->count], d->period_ns[0], last_ns);
        d->count++;
    }
    return d->count > 0 ? 0 : -ENODATA;
}

/* By how much the tones disagree, signed median, if the delay is n periods of tone 0 longer. */
static double disagreement_ns(struct delays *d, double n)
{
    for (size_t i = 0; i < d->count; i++) {
        double first = d->ns[0][i] + n * d->period_ns[0];

        d->scratch[i] = nearest(d->ns[1][i], d->period_ns[1], first) - first;
    }
    return median(d->scratch, d->count);
}

static void answer(struct delays *d)
{
    double best_ns = INFINITY, delay_ns = 0, base_ns = 0;

    memcpy(d->scratch, d->ns[0], d->count * sizeof(double));
    base_ns = median(d->scratch, d->count);
    for (double n = ceil(-base_ns / d->period_ns[0]); base_ns + n * d->period_ns[0] < RANGE_NS; n++) {
        double miss_ns = disagreement_ns(d, n);

        if (fabs(miss_ns) < fabs(best_ns)) {
            best_ns = miss_ns;
            delay_ns = base_ns + n * d->period_ns[0] + miss_ns / 2;
        }
    }
    printf("{\"latency_median_ms\": %.6f, \"disagreement_ns\": %.1f, \"windows\": %zu}\n", delay_ns / 1e6,
           best_ns, d->count);
}

int main(int argc, char **argv)
{
    struct truth_tones tones = {.count = 2};
    struct record *record = NULL;
    struct truth_track *track = NULL;
    struct delays d = {0};
    int err = 0;

    if (argc != 5) {
        fprintf(stderr, "usage: bench-delay HZ HZ2 SKIP-SECONDS NAME.playback\n");
        return 2;
    }
    for (int k = 0; k < 2; k++) {
        tones.millihertz[k] = llround(strtod(argv[1 + k], NULL) * 1000);
        d.period_ns[k] = 1e3 * (double)NS_PER_S / (double)tones.millihertz[k];
    }
    err = record_open(&record, argv[4]);
    if (err == 0)
        err = truth_track_new(&track, record, &tones, WINDOW_NS, WINDOW_NS / 2, 0);
    if (err == 0)
        err = truth_track_update(track);
    if (err == 0)
        err = collect(&d, track, &tones, strtod(argv[3], NULL));
    if (err)
        fprintf(stderr, "bench-delay: no clean sound in '%s': %s\n", argv[4], strerror(-err));
    else
        answer(&d);
    free(d.ns[0]);
    free(d.ns[1]);
    free(d.scratch);
    truth_track_free(track);
    record_close(record);
    return err ? 1 : 0;
}
