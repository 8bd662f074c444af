// SPDX-License-Identifier: GPL-3.0-or-later
#include "observer.h"

#include <math.h>

enum {
    MIN_READINGS = 16,       /* fewer say nothing about the step */
    SETTLED_READINGS = 1024, /* from here on the line is good enough to doubt a reading by it */
    JUMP_RUN = 24            /* unexplained readings in a row that prove a jump; a stall explains a few */
};

#define RATE_LIMIT      1000e-6    /* no crystal is further off than this */
#define PRIOR_TOLERANCE 0.3e-6     /* how much a rate may change over a restart */
#define EARLY_GUARD_NS  3000.0     /* a reading so far below the line is not noise */
#define PLACE_DOUBT     12.0       /* the place is off by so many (average height / readings), at one sigma */
#define DROP_SHARE      (1.0 / 16) /* of the window is dropped at a time: the work is in it */
#define STANDSTILL_NS   (50 * NS_PER_MS)
#define LATE_JUMP_NS    3e6 /* readings never below this height: frames were lost */

raw_ns card_line_raw(const struct card_line *line, frame_t n)
{
    double ahead_ns = line->raw0_part + (double)(n.n - line->frame0.n) * line->period_ns;

    return (raw_ns){line->raw0.ns + llround(ahead_ns)};
}

double card_line_frames_since(const struct card_line *line, raw_ns t)
{
    return ((double)(t.ns - line->raw0.ns) - line->raw0_part) / line->period_ns;
}

void observer_init(struct observer *o, double rate_hz)
{
    *o = (struct observer){.nominal_period_ns = 1e9 / rate_hz, .bucket_readings = 1};
}

/* How far the rate may be off: four times what the place may be at both ends of the window, in ns per frame.
 */
static double slope_doubt(const struct observer *o)
{
    return 8 * PLACE_DOUBT * o->mean_late_ns / o->readings / (o->newest_frames - o->points[0].frames);
}

void observer_restart(struct observer *o)
{
    /* a run that was short adds nothing to what an earlier, longer one knew */
    if (!o->has_prior && o->readings >= SETTLED_READINGS) {
        o->has_prior = true;
        o->slope_prior = o->slope;
        o->slope_tolerance = PRIOR_TOLERANCE * o->nominal_period_ns + slope_doubt(o);
    }
    o->restarts++;
    o->count = o->hull_count = 0;
    o->open_readings = 0;
    o->bucket_readings = 1;
    o->readings = 0;
    o->mean_late_ns = 0;
    o->early_run = o->late_run = 0;
    o->moving = false;
    o->started = false;
}

static double height(const struct observer *o, struct observer_point p)
{
    return p.late_ns - (o->offset_ns + o->slope * p.frames);
}

static bool lower(const struct observer *o, struct observer_point a, struct observer_point b)
{
    return a.late_ns - o->slope * a.frames < b.late_ns - o->slope * b.frames;
}

/* Halves the number of buckets: each pair keeps its lower one. */
static void merge_pairs(struct observer *o)
{
    unsigned kept = 0;

    for (unsigned i = 0; i + 1 < o->count; i += 2)
        o->points[kept++] = lower(o, o->points[i], o->points[i + 1]) ? o->points[i] : o->points[i + 1];
    if (o->count % 2)
        o->points[kept++] = o->points[o->count - 1];
    o->count = kept;
    o->bucket_readings *= 2;
}

static void drop_before(struct observer *o, double frames)
{
    unsigned gone = 0;

    while (gone < o->count && o->points[gone].frames < frames)
        gone++;
    for (unsigned i = gone; i < o->count; i++)
        o->points[i - gone] = o->points[i];
    o->count -= gone;
    o->readings -= (double)gone * o->bucket_readings;
}

/* One more point at the right end of the lower hull, by Andrew's monotone chain. */
static void extend_hull(struct observer *o, struct observer_point p)
{
    struct observer_point *h = o->hull;
    unsigned n = o->hull_count;

    if (n && h[n - 1].frames >= p.frames) {
        /* a second reading of the same step: only the earlier stamp counts */
        if (h[n - 1].late_ns <= p.late_ns)
            return;
        n--;
    }
    while (n >= 2 && (h[n - 1].frames - h[n - 2].frames) * (p.late_ns - h[n - 2].late_ns) <=
                         (h[n - 1].late_ns - h[n - 2].late_ns) * (p.frames - h[n - 2].frames))
        n--;
    h[n++] = p;
    o->hull_count = n;
}

/* Points left: what they hid may be of the hull now. */
static void rebuild_hull(struct observer *o)
{
    o->hull_count = 0;
    for (unsigned i = 0; i < o->count; i++)
        extend_hull(o, o->points[i]);
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* A line takes two places: the readings between two steps of a coarse pointer all name one. */
static bool spans(const struct observer *o)
{
    return o->readings >= MIN_READINGS && o->points[o->count - 1].frames > o->points[0].frames;
}

/* The hull's edge above the middle of the window gives the rate; every point lies on or above the line. */
static void fit(struct observer *o)
{
    unsigned n = o->hull_count;
    double middle = 0.5 * (o->hull[0].frames + o->hull[n - 1].frames);
    double tolerance = o->has_prior ? o->slope_tolerance : RATE_LIMIT * o->nominal_period_ns;
    double prior = o->has_prior ? o->slope_prior : 0;
    unsigned edge = 1;

    while (edge + 1 < n && o->hull[edge].frames < middle)
        edge++;
    o->slope = (o->hull[edge].late_ns - o->hull[edge - 1].late_ns) /
               (o->hull[edge].frames - o->hull[edge - 1].frames);
    o->slope = clamp(o->slope, prior - tolerance, prior + tolerance);
    o->offset_ns = INFINITY;
    for (unsigned i = 0; i < n; i++) {
        double offset = o->hull[i].late_ns - o->slope * o->hull[i].frames;

        if (offset < o->offset_ns)
            o->offset_ns = offset;
    }
}

/*
 * How much of the past the line is fitted to. The envelope's error falls as step / (readings in the window),
 * a crystal that warms up bends the line by the window's square: the best window grows with the cube root of
 * the step. The factor was chosen by trial with crystals of 3 ppb/sqrt(s) and 0.5 ppm swings in two minutes.
 */
static double window_frames(const struct observer *o)
{
    double seconds = clamp(2.5 * cbrt(o->mean_late_ns / 10e3), 2, 10);

    return seconds * 1e9 / o->nominal_period_ns;
}

/* Average height over the line: with the step unknown at first, this tells it. Only while each reading has a
 * bucket. */
static double mean_height(const struct observer *o)
{
    double sum = 0;

    for (unsigned i = 0; i < o->count; i++)
        sum += height(o, o->points[i]);
    return sum / o->count;
}

static void close_bucket(struct observer *o)
{
    double window = window_frames(o), span;

    o->points[o->count++] = o->open;
    extend_hull(o, o->open);
    o->readings += o->open_readings;
    o->open_readings = 0;
    span = o->open.frames - o->points[0].frames;
    if (span > window * (1 + DROP_SHARE)) {
        drop_before(o, o->open.frames - window);
        rebuild_hull(o);
        o->has_prior = false; /* a whole window of this run knows better */
    }
    if (o->count == OBSERVER_BUCKETS) {
        merge_pairs(o);
        rebuild_hull(o);
    }
    if (!spans(o))
        return;
    fit(o);
    if (o->bucket_readings == 1)
        o->mean_late_ns = mean_height(o);
}

/* True when a run of readings contradicts the line so plainly that the card's count must have jumped. */
static bool jumped(struct observer *o, double late_ns)
{
    double guard = EARLY_GUARD_NS + 2 * o->mean_late_ns;

    if (late_ns < -guard) {
        o->early++;
        o->early_run++;
    } else {
        o->early_run = 0;
    }
    o->late_run = late_ns > LATE_JUMP_NS + 8 * o->mean_late_ns ? o->late_run + 1 : 0;
    return o->early_run >= JUMP_RUN || o->late_run >= 4 * JUMP_RUN;
}

/*
 * A card that has just been started may not move yet, and one that was suspended stands still: the frame it
 * names then says nothing of when it passes. True while it is so. *stopped tells that a moving card came to a
 * halt.
 */
static bool standing(struct observer *o, raw_ns stamp, frame_t n, bool *stopped)
{
    double frames;

    *stopped = false;
    if (!o->started) {
        o->started = true;
        o->origin_frame = n;
        o->origin_raw = o->moved = stamp;
        o->newest_frames = 0;
        return true;
    }
    frames = (double)(n.n - o->origin_frame.n);
    if (frames == o->newest_frames) {
        *stopped = o->moving && stamp.ns - o->moved.ns > STANDSTILL_NS;
        return !o->moving || *stopped;
    }
    *stopped = frames < o->newest_frames;
    o->newest_frames = frames;
    o->moved = stamp;
    o->moving = true;
    return *stopped;
}

bool observer_reading(struct observer *o, raw_ns stamp, frame_t n)
{
    struct observer_point p;
    bool stopped;

    if (standing(o, stamp, n, &stopped)) {
        if (stopped)
            observer_restart(o);
        return stopped;
    }
    p.frames = o->newest_frames;
    p.late_ns = (double)(stamp.ns - o->origin_raw.ns) - p.frames * o->nominal_period_ns;
    if (o->readings >= SETTLED_READINGS) {
        double late_ns = height(o, p);

        if (jumped(o, late_ns)) {
            observer_restart(o);
            return true;
        }
        if (o->early_run)
            return false;
        if (o->bucket_readings > 1)
            o->mean_late_ns += (fmin(late_ns, 4 * o->mean_late_ns + 1000) - o->mean_late_ns) / 256;
    }
    if (!o->open_readings++ || lower(o, p, o->open))
        o->open = p;
    if (o->open_readings >= o->bucket_readings)
        close_bucket(o);
    return false;
}

bool observer_line(const struct observer *o, struct card_line *line)
{
    double frames, ns, whole;

    if (!spans(o))
        return false;
    frames = o->points[o->count - 1].frames;
    ns = frames * o->nominal_period_ns + o->offset_ns + o->slope * frames;
    whole = floor(ns);
    line->frame0 = (frame_t){o->origin_frame.n + (int64_t)frames};
    line->raw0 = (raw_ns){o->origin_raw.ns + (int64_t)whole};
    line->raw0_part = ns - whole;
    line->period_ns = o->nominal_period_ns + o->slope;
    /* the lowest of N readings spread evenly over the step is off by step / N; the slope doubles it */
    line->sigma_ns = 20.0 + PLACE_DOUBT * o->mean_late_ns / o->readings;
    return true;
}

double observer_ppm(const struct observer *o)
{
    return -o->slope / (o->nominal_period_ns + o->slope) * 1e6;
}
