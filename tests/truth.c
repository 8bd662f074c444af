// SPDX-License-Identifier: GPL-3.0-or-later
#include "truth.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef __int128 wide_t;

enum { UNKNOWNS_MAX = 2 * TRUTH_TONES_MAX + 1 };

/* From this phase error at a window's edge on, the reference frequency is moved: its square falls below -140
 * dB. */
#define EDGE_ERROR_RAD 3e-4

/* A window's stretch is believed when the residual is this far below the tone. */
#define BELIEVE 0.03

#define SILENCE_AMPLITUDE 1e-3
#define PIECES_WITHIN_NS  (10 * NS_PER_MS)
#define EXPLAIN_BEFORE_NS (100 * NS_PER_MS)

/*
 * The fit, prepared for one card and one reference frequency. All windows have the same number of frames and
 * are centred on a frame, so the basis and its inverse are the same for all; the way from the centre
 * frame to the window's centre is half a frame at most, and done on the phase.
 */
struct fitter {
    size_t frames;               /* of a window, odd */
    unsigned unknowns;           /* cos, sin of each tone, then the offset */
    double *basis[UNKNOWNS_MAX]; /* each `frames` long */
    double *slope[UNKNOWNS_MAX]; /* u d/du of the basis; none of the offset */
    double inverse[UNKNOWNS_MAX][UNKNOWNS_MAX];
    double cross[UNKNOWNS_MAX][UNKNOWNS_MAX];  /* basis times slope */
    double square[UNKNOWNS_MAX][UNKNOWNS_MAX]; /* slope times slope */
    double omega[TRUTH_TONES_MAX];             /* radians per ns of raw time */
    double stretch;                            /* omega against nominal, minus 1 */
    double *samples, *residual;
    double *memory;
};

struct truth_track {
    struct record *record;
    struct truth_tones tones;
    int64_t window_ns, step_ns;
    uint32_t channel;
    size_t segment; /* being followed */
    bool prepared;  /* the fitter is for this segment */
    int64_t next;   /* index of the next window on the grid */
    struct fitter fit;
    struct truth_window *windows;
    size_t count, room;
};

double truth_db(double amplitude)
{
    double db = amplitude > 0 ? 20 * log10(amplitude) : TRUTH_SILENCE_DB;

    return db > TRUTH_SILENCE_DB ? db : TRUTH_SILENCE_DB;
}

/* --- the fit --- */

/* Four sums at once: a single chain of additions would wait for each one to finish. */
static double dot(const double *a, const double *b, size_t n)
{
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    size_t k = 0;

    for (; k + 4 <= n; k += 4) {
        s0 += a[k] * b[k];
        s1 += a[k + 1] * b[k + 1];
        s2 += a[k + 2] * b[k + 2];
        s3 += a[k + 3] * b[k + 3];
    }
    for (; k < n; k++)
        s0 += a[k] * b[k];
    return s0 + s1 + s2 + s3;
}

/* y += f * x */
static void add_scaled(double *y, double f, const double *x, size_t n)
{
    for (size_t k = 0; k < n; k++)
        y[k] += f * x[k];
}

/* Gauss-Jordan with pivoting; the matrix is a Gram matrix of distinct tones, so it has an inverse. */
static void invert(double a[UNKNOWNS_MAX][UNKNOWNS_MAX], double out[UNKNOWNS_MAX][UNKNOWNS_MAX], unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < n; j++)
            out[i][j] = i == j;
    for (unsigned c = 0; c < n; c++) {
        unsigned pivot = c;
        double scale = 0;

        for (unsigned r = c + 1; r < n; r++)
            if (fabs(a[r][c]) > fabs(a[pivot][c]))
                pivot = r;
        for (unsigned j = 0; j < n; j++) {
            double t = a[c][j], u = out[c][j];

            a[c][j] = a[pivot][j];
            a[pivot][j] = t;
            out[c][j] = out[pivot][j];
            out[pivot][j] = u;
        }
        scale = 1 / a[c][c];
        for (unsigned j = 0; j < n; j++) {
            a[c][j] *= scale;
            out[c][j] *= scale;
        }
        for (unsigned r = 0; r < n; r++) {
            double f = r == c ? 0 : a[r][c];

            for (unsigned j = 0; j < n; j++) {
                a[r][j] -= f * a[c][j];
                out[r][j] -= f * out[c][j];
            }
        }
    }
}

static void fitter_matrices(struct fitter *f)
{
    double gram[UNKNOWNS_MAX][UNKNOWNS_MAX];

    for (unsigned i = 0; i < f->unknowns; i++)
        for (unsigned j = 0; j < f->unknowns; j++) {
            gram[i][j] = dot(f->basis[i], f->basis[j], f->frames);
            f->cross[i][j] = dot(f->basis[i], f->slope[j], f->frames);
            f->square[i][j] = dot(f->slope[i], f->slope[j], f->frames);
        }
    invert(gram, f->inverse, f->unknowns);
}

/* Lays out the basis for a card's period and a reference `stretch` off nominal. */
static void fitter_tune(struct fitter *f, const struct truth_tones *tones, double period_ns, double stretch)
{
    f->stretch = stretch;
    for (unsigned i = 0; i < tones->count; i++) {
        double omega = 2e-12 * M_PI * (double)tones->millihertz[i] * (1 + stretch);

        f->omega[i] = omega;
        for (size_t k = 0; k < f->frames; k++) {
            double angle = omega * period_ns * ((double)k - (double)(f->frames / 2));

            f->basis[2 * i][k] = cos(angle);
            f->basis[2 * i + 1][k] = sin(angle);
            f->slope[2 * i][k] = -angle * sin(angle);
            f->slope[2 * i + 1][k] = angle * cos(angle);
        }
    }
    for (size_t k = 0; k < f->frames; k++) {
        f->basis[f->unknowns - 1][k] = 1;
        f->slope[f->unknowns - 1][k] = 0;
    }
    fitter_matrices(f);
}

static int fitter_init(struct fitter *f, const struct truth_tones *tones, double period_ns, int64_t window_ns,
                       double stretch)
{
    double *p = NULL;

    f->frames = 2 * (size_t)llround((double)window_ns / 2 / period_ns) + 1;
    f->unknowns = 2 * tones->count + 1;
    p = calloc((2 * f->unknowns + 2) * f->frames, sizeof(*p));
    if (!p)
        return -ENOMEM;
    free(f->memory);
    f->memory = p;
    for (unsigned i = 0; i < f->unknowns; i++, p += 2 * f->frames) {
        f->basis[i] = p;
        f->slope[i] = p + f->frames;
    }
    f->samples = p;
    f->residual = p + f->frames;
    fitter_tune(f, tones, period_ns, stretch);
    return 0;
}

static void multiply(double m[UNKNOWNS_MAX][UNKNOWNS_MAX], const double *x, double *y, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        y[i] = 0;
        for (unsigned j = 0; j < n; j++)
            y[i] += m[i][j] * x[j];
    }
}

/* residual = samples - basis * c */
static void fitter_subtract(struct fitter *f, const double *c)
{
    memcpy(f->residual, f->samples, f->frames * sizeof(*f->residual));
    for (unsigned i = 0; i < f->unknowns; i++)
        add_scaled(f->residual, -c[i], f->basis[i], f->frames);
}

/*
 * Fits f->samples. The stretch enters as one more function, g = u x'(u) of the x just found, made orthogonal
 * to the basis. Leaves the residual, coefficients in c, and returns the stretch against the reference.
 */
static double fitter_fit(struct fitter *f, double *c)
{
    unsigned n = f->unknowns;
    double sums[UNKNOWNS_MAX] = {0}, gc[UNKNOWNS_MAX] = {0}, shared[UNKNOWNS_MAX] = {0};
    double sg[UNKNOWNS_MAX] = {0}, before[UNKNOWNS_MAX] = {0};
    double norm = 0, along = 0, stretch = 0;

    for (unsigned i = 0; i < n; i++)
        sums[i] = dot(f->basis[i], f->samples, f->frames);
    multiply(f->inverse, sums, c, n);
    fitter_subtract(f, c);
    multiply(f->cross, c, gc, n);        /* basis times g */
    multiply(f->inverse, gc, shared, n); /* what of g lies in the basis */
    multiply(f->square, c, sg, n);
    for (unsigned i = 0; i < n; i++) {
        norm += c[i] * sg[i] - gc[i] * shared[i];
        along += c[i] == 0 ? 0 : c[i] * dot(f->slope[i], f->residual, f->frames);
    }
    if (norm <= 0)
        return 0;
    stretch = along / norm;
    memcpy(before, c, sizeof(before));
    for (unsigned i = 0; i < n; i++)
        c[i] -= stretch * shared[i];
    fitter_subtract(f, c);
    for (unsigned i = 0; i < n; i++)
        add_scaled(f->residual, -stretch * before[i], f->slope[i], f->frames);
    return stretch;
}

/* --- following a recording --- */

int truth_track_new(struct truth_track **track, struct record *record, const struct truth_tones *tones,
                    int64_t window_ns, int64_t step_ns, uint32_t channel)
{
    struct truth_track *t = calloc(1, sizeof(*t));

    assert(tones->count >= 1 && tones->count <= TRUTH_TONES_MAX && window_ns > 0 && step_ns > 0);
    if (!t)
        return -ENOMEM;
    t->record = record;
    t->tones = *tones;
    t->window_ns = window_ns;
    t->step_ns = step_ns;
    t->channel = channel;
    *track = t;
    return 0;
}

void truth_track_free(struct truth_track *t)
{
    if (!t)
        return;
    free(t->fit.memory);
    free(t->windows);
    free(t);
}

const struct truth_window *truth_track_windows(const struct truth_track *t, size_t *count)
{
    *count = t->count;
    return t->windows;
}

const struct record *truth_track_record(const struct truth_track *t)
{
    return t->record;
}

int64_t truth_track_window_ns(const struct truth_track *t)
{
    return t->window_ns;
}

int64_t truth_track_step_ns(const struct truth_track *t)
{
    return t->step_ns;
}

static struct truth_window *track_add(struct truth_track *t)
{
    if (t->count == t->room) {
        size_t room = t->room ? 2 * t->room : 1024;
        struct truth_window *p = realloc(t->windows, room * sizeof(*p));

        if (!p)
            return NULL;
        t->windows = p;
        t->room = room;
    }
    memset(&t->windows[t->count], 0, sizeof(t->windows[0]));
    return &t->windows[t->count++];
}

/* How far off the reference may a stretch be before the reference has to move? */
static double stretch_tolerance(const struct truth_track *t)
{
    return EDGE_ERROR_RAD / (t->fit.omega[0] * (double)t->window_ns / 2);
}

static double power(const double *c, unsigned tones)
{
    double sum = 0;

    for (unsigned i = 0; i < 2 * tones; i++)
        sum += c[i] * c[i];
    return sum;
}

/* Fits f->samples, moving the reference frequency if the window shows, believably, that it is off. */
static double track_fit(struct truth_track *t, const struct card_law *law, double *c)
{
    struct fitter *f = &t->fit;
    double stretch = fitter_fit(f, c);

    for (int i = 0; i < 3 && fabs(stretch) > stretch_tolerance(t); i++) {
        double left = 2 * dot(f->residual, f->residual, f->frames) / (double)f->frames;

        if (left > BELIEVE * BELIEVE * power(c, t->tones.count) || fabs(stretch) > 0.01)
            break;
        fitter_tune(f, &t->tones, card_law_period_ns(law), (1 + f->stretch) * (1 + stretch) - 1);
        stretch = fitter_fit(f, c);
    }
    return stretch;
}

static int track_window(struct truth_track *t, const struct record_segment *segment, raw_ns centre,
                        int64_t frame)
{
    struct fitter *f = &t->fit;
    struct truth_window *w = NULL;
    double c[UNKNOWNS_MAX] = {0}, stretch = 0, way_ns = 0;
    int err = record_samples(t->record, t->segment, frame - (int64_t)(f->frames / 2), f->frames, t->channel,
                             f->samples);

    if (err)
        return err;
    w = track_add(t);
    if (!w)
        return -ENOMEM;
    stretch = track_fit(t, &segment->law, c);
    way_ns = instant_minus((struct instant){centre, 0}, card_law_instant(&segment->law, frame));
    w->centre = centre;
    w->segment = (uint32_t)t->segment;
    w->stretch = (1 + f->stretch) * (1 + stretch) - 1;
    for (unsigned i = 0; i < t->tones.count; i++) {
        w->amplitude[i] = hypot(c[2 * i], c[2 * i + 1]);
        w->phase[i] = atan2(c[2 * i], c[2 * i + 1]) + f->omega[i] * (1 + stretch) * way_ns;
    }
    for (size_t k = 0; k < f->frames; k++)
        w->peak = fmax(w->peak, fabs(f->residual[k]));
    w->residual = sqrt(2 * dot(f->residual, f->residual, f->frames) / (double)f->frames);
    return 0;
}

/* The frame nearest to an instant. */
static int64_t nearest_frame(const struct card_law *law, raw_ns t)
{
    return card_law_frame(law, (raw_ns){t.ns + llround(card_law_period_ns(law) / 2)});
}

static int track_segment(struct truth_track *t)
{
    const struct record_segment *segment = record_segment(t->record, t->segment);
    int err = 0;

    if (!t->prepared) {
        err =
            fitter_init(&t->fit, &t->tones, card_law_period_ns(&segment->law), t->window_ns, t->fit.stretch);
        if (err)
            return err;
        t->prepared = true;
        t->next = (segment->law.t0.ns + t->window_ns / 2) / t->step_ns;
    }
    while (err == 0) {
        raw_ns centre = {t->next * t->step_ns};
        int64_t frame = nearest_frame(&segment->law, centre), half = (int64_t)(t->fit.frames / 2);

        if (frame + half >= segment->frames)
            break;
        if (frame >= half)
            err = track_window(t, segment, centre, frame);
        t->next++;
    }
    return err;
}

int truth_track_update(struct truth_track *t)
{
    int err = 0;

    while (err == 0 && t->segment < record_segments(t->record)) {
        err = track_segment(t);
        if (t->segment + 1 == record_segments(t->record))
            break; /* it may go on */
        t->segment++;
        t->prepared = false;
    }
    return err;
}

/* --- judging --- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int truth_judge_learn(struct truth_judge *judge, const struct truth_track *t, double limit_db)
{
    double *levels = calloc(t->count + 1, sizeof(*levels));
    size_t n = 0;

    if (!levels)
        return -ENOMEM;
    judge->limit = pow(10, limit_db / 20);
    for (size_t i = 0; i < t->count; i++)
        if (t->windows[i].residual <= judge->limit && t->windows[i].amplitude[0] > SILENCE_AMPLITUDE)
            levels[n++] = t->windows[i].amplitude[0];
    qsort(levels, n, sizeof(*levels), compare);
    judge->amplitude = n ? levels[n / 2] : INFINITY;
    free(levels);
    return 0;
}

enum truth_state truth_judge_window(const struct truth_judge *judge, const struct truth_window *w)
{
    if (w->residual > judge->limit)
        return TRUTH_DIRTY;
    if (w->amplitude[0] <= SILENCE_AMPLITUDE)
        return TRUTH_SILENT;
    return fabs(truth_db(w->amplitude[0] / judge->amplitude)) <= 3 ? TRUTH_CLEAN : TRUTH_DIRTY;
}

/* --- delays --- */

static double period_ns(int64_t millihertz)
{
    return 1e12 / (double)millihertz;
}

/* The value congruent to x modulo `period` that is nearest to `near`. */
static double nearest(double x, double period, double near)
{
    return x - period * round((x - near) / period);
}

double truth_delay_ns(const struct truth_tones *tones, const double lead_rad[], const double lag_rad[],
                      double expect_ns)
{
    double t0 = period_ns(tones->millihertz[0]), t1 = 0, d0 = 0, d1 = 0, best = INFINITY, delay = 0;
    int64_t beat = 0, turns = 0;

    d0 = nearest((lead_rad[0] - lag_rad[0]) / (2 * M_PI) * t0, t0, expect_ns);
    if (tones->count == 1)
        return d0;
    t1 = period_ns(tones->millihertz[1]);
    d1 = (lead_rad[1] - lag_rad[1]) / (2 * M_PI) * t1;
    beat = llabs(tones->millihertz[1] - tones->millihertz[0]);
    turns = tones->millihertz[0] / beat / 2 + 1;
    for (int64_t n = -turns; n <= turns; n++) {
        double first = d0 + (double)n * t0, second = nearest(d1, t1, first);

        if (fabs(second - first) < best) {
            best = fabs(second - first);
            delay = (first + second) / 2;
        }
    }
    return delay;
}

void truth_source_phases(const struct truth_tones *tones, struct instant source_time, double phase_rad[])
{
    for (unsigned i = 0; i < tones->count; i++) {
        int64_t f = tones->millihertz[i];
        int64_t part = (int64_t)((wide_t)f * source_time.at.ns % (1000 * NS_PER_S));

        phase_rad[i] = 2e-12 * M_PI * ((double)part + (double)f * source_time.part);
    }
}

/* --- figures --- */

static int compare_absolute(const void *a, const void *b)
{
    double x = fabs(*(const double *)a), y = fabs(*(const double *)b);

    return (x > y) - (x < y);
}

/* The value below or at which a fraction q of n sorted values lies. */
static size_t rank(size_t n, double q)
{
    size_t i = (size_t)ceil(q * (double)n);

    return i > 0 ? i - 1 : 0;
}

void truth_stats_of(struct truth_stats *stats, double *values, size_t count)
{
    double sum = 0, squares = 0;

    *stats = (struct truth_stats){.count = count};
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
        squares += values[i] * values[i];
    }
    stats->mean = sum / (double)count;
    stats->rms = sqrt(squares / (double)count);
    qsort(values, count, sizeof(*values), compare);
    stats->median = values[rank(count, 0.5)];
    qsort(values, count, sizeof(*values), compare_absolute);
    stats->p50 = fabs(values[rank(count, 0.5)]);
    stats->p99 = fabs(values[rank(count, 0.99)]);
    stats->p999 = fabs(values[rank(count, 0.999)]);
    stats->worst = values[count - 1];
}

/* --- damage --- */

struct finder {
    struct truth_damage *d;
    const struct truth_track *t;
    const struct truth_judge *judge;
    double squares; /* of the clean residuals */
};

static void open_event(struct finder *f, const struct truth_window *w, enum truth_state state)
{
    struct truth_damage *d = f->d;
    int64_t half = f->t->window_ns / 2;
    struct truth_event *e = d->event_count ? &d->events[d->event_count - 1] : NULL;

    if (!e || e->until.ns < w->centre.ns - half) {
        e = &d->events[d->event_count++];
        *e = (struct truth_event){.from = {w->centre.ns - half}};
    }
    e->until.ns = w->centre.ns + half;
    e->worst_residual = fmax(e->worst_residual, w->residual);
    e->silent = e->silent || state == TRUTH_SILENT;
}

/* Goes through the windows [first, last] of one segment, which begin and, but for an xrun, end clean. */
static void judge_sound(struct finder *f, size_t first, size_t last)
{
    struct truth_damage *d = f->d;

    for (size_t i = first; i <= last; i++) {
        const struct truth_window *w = &f->t->windows[i];
        enum truth_state state = truth_judge_window(f->judge, w);

        d->windows++;
        if (state != TRUTH_CLEAN) {
            open_event(f, w, state);
            continue;
        }
        d->clean++;
        d->worst_residual = fmax(d->worst_residual, w->residual);
        f->squares += w->residual * w->residual;
    }
}

/* Takes the windows [begin, end), all of one segment. */
static void judge_segment(struct finder *f, struct truth_span *span, size_t begin, size_t end)
{
    const struct truth_window *w = f->t->windows;
    int64_t half = f->t->window_ns / 2;
    size_t first = begin, last = end;
    bool xrun = span->cause == RECORD_XRUN || span->cause == RECORD_XRUN_FORCED;

    while (first < end && truth_judge_window(f->judge, &w[first]) != TRUTH_CLEAN) {
        if (truth_judge_window(f->judge, &w[first]) == TRUTH_DIRTY)
            span->lead_in_dirty_ns += f->t->step_ns;
        first++;
    }
    if (first == end)
        return;
    span->sound = w[first].centre;
    span->lead_in_ns = span->sound.ns - half - span->t0.ns;
    while (!xrun && truth_judge_window(f->judge, &w[last - 1]) != TRUTH_CLEAN)
        last--;
    span->tail_ns = last < end ? w[end - 1].centre.ns - w[last - 1].centre.ns : 0;
    judge_sound(f, first, last - 1);
}

static void find_in_segments(struct finder *f, raw_ns from, raw_ns until)
{
    const struct truth_track *t = f->t;
    size_t begin = 0;

    for (size_t i = 0; i < record_segments(t->record); i++) {
        const struct record_segment *s = record_segment(t->record, i);
        struct truth_span *span = &f->d->spans[f->d->span_count++];
        size_t end = 0;

        *span = (struct truth_span){.t0 = s->law.t0, .cause = s->cause, .end = s->end};
        while (begin < t->count && (t->windows[begin].segment < i || t->windows[begin].centre.ns < from.ns))
            begin++;
        end = begin;
        while (end < t->count && t->windows[end].segment == i && t->windows[end].centre.ns < until.ns)
            end++;
        judge_segment(f, span, begin, end);
        begin = end;
    }
}

int truth_damage_find(struct truth_damage *damage, const struct truth_track *t,
                      const struct truth_judge *judge, raw_ns from, raw_ns until)
{
    struct finder f = {.d = damage, .t = t, .judge = judge};

    *damage = (struct truth_damage){0};
    damage->events = calloc(t->count + 1, sizeof(*damage->events));
    damage->spans = calloc(record_segments(t->record) + 1, sizeof(*damage->spans));
    if (!damage->events || !damage->spans) {
        truth_damage_free(damage);
        return -ENOMEM;
    }
    find_in_segments(&f, from, until);
    for (size_t i = 0; i < damage->event_count; i++)
        damage->damaged_ns += damage->events[i].until.ns - damage->events[i].from.ns;
    damage->mean_residual = damage->clean ? sqrt(f.squares / (double)damage->clean) : 0;
    return 0;
}

void truth_damage_free(struct truth_damage *damage)
{
    free(damage->events);
    free(damage->spans);
    *damage = (struct truth_damage){0};
}

/* What the witness lost in the 10 ms up to this wake-up; of several witnesses, one behind the other, this one
 * alone. */
static int64_t lost_ns(const struct truth_stall *stalls, size_t i)
{
    int64_t sum = 0, last = stalls[i].woke.ns;

    for (size_t k = i + 1; k-- > 0;) {
        if (stalls[k].woke.ns > last || stalls[k].woke.ns <= stalls[i].woke.ns - PIECES_WITHIN_NS)
            break;
        last = stalls[k].woke.ns;
        sum += stalls[k].late_ns;
    }
    return sum;
}

static bool stalled(const struct truth_stall *stalls, size_t count, int64_t slack_ns, raw_ns from,
                    raw_ns until)
{
    for (size_t i = 0; i < count; i++)
        if (lost_ns(stalls, i) > slack_ns && stalls[i].woke.ns >= from.ns - EXPLAIN_BEFORE_NS &&
            stalls[i].woke.ns - stalls[i].late_ns <= until.ns)
            return true;
    return false;
}

void truth_explain(struct truth_damage *damage, const struct truth_stall *stalls, size_t count,
                   int64_t slack_ns)
{
    for (size_t i = 0; i < damage->event_count; i++) {
        struct truth_event *e = &damage->events[i];

        e->explained = stalled(stalls, count, slack_ns, e->from, e->until);
    }
    for (size_t i = 0; i < damage->span_count; i++) {
        struct truth_span *s = &damage->spans[i];

        s->explained = s->cause == RECORD_XRUN_FORCED ||
                       (s->cause == RECORD_XRUN && stalled(stalls, count, slack_ns, s->end, s->end));
    }
}
