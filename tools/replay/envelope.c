// SPDX-License-Identifier: GPL-3.0-or-later
#include "envelope.h"

#include <math.h>
#include <string.h>

enum {
    WINDOW_BUCKETS = 32, /* a window has so many at least, */
    SURE_POINTS = 16,    /* and fewer points say nothing about the rate */
};

#define WINDOW_NS   20e9 /* over which a crystal's rate is nearly constant */
#define SURE_NS     0.2e9
#define SIGMA_NS    100.0 /* what receivers are told of the clock's doubt */
#define DOUBT_TIMES 4

void envelope_init(struct envelope *e, uint32_t rate_hz, raw_ns begin, raw_ns end)
{
    memset(e, 0, sizeof *e);
    e->rate_hz = rate_hz;
    e->begin = begin;
    e->bucket_ns = (end.ns - begin.ns) / ENVELOPE_BUCKETS + 1;
}

static void begin_segment(struct envelope *e, unsigned segment, unsigned era, ptp_ns media, raw_ns arrival)
{
    e->segment = segment;
    e->bucket = -1;
    e->segments[e->segment_count++] =
        (struct envelope_segment){.first = e->point_count, .era = era, .media0 = media, .arrival0 = arrival};
}

void envelope_take(struct envelope *e, unsigned segment, unsigned era, media_t at, raw_ns arrival)
{
    ptp_ns media = ptp_at_media(at, e->rate_hz);
    int64_t bucket = (arrival.ns - e->begin.ns) / e->bucket_ns;
    struct envelope_segment *s;
    struct envelope_point p;

    if (!e->segment_count || (segment != e->segment && e->segment_count < ENVELOPE_SEGMENTS))
        begin_segment(e, segment, era, media, arrival);
    s = &e->segments[e->segment_count - 1];
    p.media_ns = (double)(media.ns - s->media0.ns);
    p.late_ns = (double)(arrival.ns - s->arrival0.ns) - p.media_ns;
    s->newest = arrival;
    s->packets++;
    if (bucket != e->bucket && e->point_count < ENVELOPE_POINTS) {
        e->bucket = bucket;
        e->points[e->point_count++] = p;
        s->count++;
    } else if (p.late_ns < e->points[e->point_count - 1].late_ns) {
        e->points[e->point_count - 1] = p;
    }
}

/* late = late0 + slope * media, of a window. */
struct line {
    double late0_ns, slope;
};

/* Lower hull by Andrew's monotone chain; the points come sorted, but for a few that were out of order. */
static unsigned lower_hull(struct envelope_point *h, const struct envelope_point *points, unsigned count)
{
    unsigned n = 0;

    for (unsigned i = 0; i < count; i++) {
        struct envelope_point p = points[i];

        if (n && h[n - 1].media_ns >= p.media_ns) {
            if (h[n - 1].late_ns <= p.late_ns || (n > 1 && h[n - 2].media_ns >= p.media_ns))
                continue;
            n--;
        }
        while (n >= 2 && (h[n - 1].media_ns - h[n - 2].media_ns) * (p.late_ns - h[n - 2].late_ns) <=
                             (h[n - 1].late_ns - h[n - 2].late_ns) * (p.media_ns - h[n - 2].media_ns))
            n--;
        h[n++] = p;
    }
    return n;
}

static double height(const struct line *line, const struct envelope_point *p)
{
    return p->late_ns - line->late0_ns - line->slope * p->media_ns;
}

/* The hull's edge above the middle gives the rate; every point lies on or above the line. */
static struct line fit_line(struct envelope_point *hull, const struct envelope_point *points, unsigned count)
{
    struct line line = {0};
    unsigned n = lower_hull(hull, points, count), edge = 1;
    double span = hull[n - 1].media_ns - hull[0].media_ns;
    double middle = hull[0].media_ns + span / 2, lowest = INFINITY;

    if (count >= SURE_POINTS && span >= SURE_NS) {
        while (edge + 1 < n && hull[edge].media_ns < middle)
            edge++;
        line.slope =
            (hull[edge].late_ns - hull[edge - 1].late_ns) / (hull[edge].media_ns - hull[edge - 1].media_ns);
    }
    for (unsigned i = 0; i < n; i++)
        lowest = fmin(lowest, height(&line, &hull[i]));
    line.late0_ns = lowest;
    return line;
}

/* Of a segment, in the making. */
struct scale {
    struct envelope *envelope;
    const struct envelope_segment *segment;
    int64_t floor_ns;
    struct timescale *timescale;
    struct envelope_fit *fit;
    double slope_min, slope_max;
    double height_sum;
};

static void add_knot(struct scale *s, const struct line *line, double media_ns)
{
    struct timescale *t = s->timescale;
    double late_ns = line->late0_ns + line->slope * media_ns;
    struct clock_map *knot = &t->knots[t->count];

    if (t->count == TIMESCALE_KNOTS)
        return;
    *knot = (struct clock_map){
        .raw0 = {s->segment->arrival0.ns + llround(media_ns) + llround(late_ns)},
        .ptp0 = {s->segment->media0.ns + llround(media_ns) + s->floor_ns},
        .rate_dev = 1 / (1 + line->slope) - 1,
        .uncertainty_ns = SIGMA_NS,
        .state = MEDIA_CLOCK_LOCKED,
        .epoch = s->segment->era + 1,
        .master = {.gm_id = 1, .domain = CLOCK_DOMAIN_UNKNOWN},
    };
    t->count++;
}

/* Fits the points from `from` to `to` (media time), and remembers how well. */
static struct line fit_window(struct scale *s, double from, double to)
{
    const struct envelope_point *points = s->envelope->points + s->segment->first;
    unsigned first = 0, count;
    struct line line;
    double sum = 0;

    while (first + 1 < s->segment->count && points[first].media_ns < from)
        first++;
    for (count = 1; first + count < s->segment->count && points[first + count].media_ns <= to;)
        count++;
    line = fit_line(s->envelope->hull, points + first, count);
    for (unsigned i = 0; i < count; i++)
        sum += height(&line, &points[first + i]);
    s->height_sum += sum / count;
    s->slope_min = fmin(s->slope_min, line.slope);
    s->slope_max = fmax(s->slope_max, line.slope);
    s->fit->windows++;
    return line;
}

/* The pieces between knots are straight from one to the next. */
static void connect(struct timescale *t, unsigned first)
{
    for (unsigned i = first; i + 1 < t->count; i++) {
        struct clock_map *a = &t->knots[i], *b = &t->knots[i + 1];

        if (b->raw0.ns > a->raw0.ns)
            a->rate_dev = (double)(b->ptp0.ns - a->ptp0.ns) / (double)(b->raw0.ns - a->raw0.ns) - 1;
    }
}

static void fit_segment(struct scale *s)
{
    const struct envelope_segment *segment = s->segment;
    const struct envelope_point *points = s->envelope->points + segment->first;
    double begin = points[0].media_ns, end = points[segment->count - 1].media_ns;
    double window = fmax(WINDOW_NS, (double)s->envelope->bucket_ns * WINDOW_BUCKETS);
    unsigned first = s->timescale->count, steps = 1;

    if (end - begin > 1.5 * window)
        steps = (unsigned)ceil((end - begin) / window * 2) - 1;
    for (unsigned i = 0; i < steps; i++) {
        double from = begin + (end - begin) * i / (steps + 1),
               to = begin + (end - begin) * (i + 2) / (steps + 1);
        struct line line = fit_window(s, from, to);

        if (i == 0)
            add_knot(s, &line, begin);
        add_knot(s, &line, (from + to) / 2);
    }
    connect(s->timescale, first);
}

/* The rate over the whole segment, from its first knot to its last. */
static void judge(struct scale *s, unsigned first)
{
    const struct clock_map *a = &s->timescale->knots[first];
    const struct clock_map *b = &s->timescale->knots[s->timescale->count - 1];
    double span = (double)(s->segment->newest.ns - s->segment->arrival0.ns);
    struct envelope_fit *fit = s->fit;

    fit->arrival = a->raw0;
    fit->media = (ptp_ns){a->ptp0.ns - s->floor_ns};
    fit->noise_ns = s->height_sum / fit->windows;
    fit->wander_ppm = (s->slope_max - s->slope_min) * 1e6;
    fit->sender_ppm = a->rate_dev * 1e6;
    if (b != a)
        fit->sender_ppm = ((double)(b->ptp0.ns - a->ptp0.ns) / (double)(b->raw0.ns - a->raw0.ns) - 1) * 1e6;
    fit->sender_doubt_ppm = INFINITY;
    if (s->segment->count >= SURE_POINTS && span >= SURE_NS)
        fit->sender_doubt_ppm = DOUBT_TIMES * fit->noise_ns / span * 1e6;
}

static const struct envelope_segment *longest(const struct envelope *e, unsigned era, bool any)
{
    const struct envelope_segment *best = NULL;

    for (unsigned i = 0; i < e->segment_count; i++)
        if ((any || e->segments[i].era == era) && (!best || e->segments[i].packets > best->packets))
            best = &e->segments[i];
    return best;
}

bool envelope_fit(struct envelope *e, int64_t floor_ns, struct timescale *timescale, struct envelope_fit *fit)
{
    const struct envelope_segment *main_segment = longest(e, 0, true);
    struct envelope_fit other;
    uint64_t segments = 0;

    timescale->count = 0;
    *fit = (struct envelope_fit){.sender_doubt_ppm = INFINITY};
    for (unsigned i = 0; i < e->segment_count; i++) {
        const struct envelope_segment *segment = longest(e, e->segments[i].era, false);
        unsigned first = timescale->count;
        struct scale scale = {.envelope = e,
                              .segment = segment,
                              .floor_ns = floor_ns,
                              .timescale = timescale,
                              .fit = segment == main_segment ? fit : &other,
                              .slope_min = INFINITY,
                              .slope_max = -INFINITY};

        if (i && e->segments[i - 1].era == e->segments[i].era)
            continue;
        segments |= UINT64_C(1) << (segment - e->segments);
        *scale.fit = (struct envelope_fit){0};
        fit_segment(&scale);
        if (timescale->count > first)
            judge(&scale, first);
        /* an era begins with its first packet, wherever its line was taken */
        if (first && timescale->count > first) {
            struct clock_map *knot = &timescale->knots[first];
            raw_ns begin = e->segments[i].arrival0;

            knot->ptp0 = clock_map_ptp(knot, begin);
            knot->raw0 = begin;
        }
    }
    fit->segments = segments;
    return timescale->count > 0;
}

const struct clock_map *timescale_at(const struct timescale *t, raw_ns at, unsigned *hint)
{
    if (*hint >= t->count || t->knots[*hint].raw0.ns > at.ns)
        *hint = 0;
    while (*hint + 1 < t->count && t->knots[*hint + 1].raw0.ns <= at.ns)
        ++*hint;
    return &t->knots[*hint];
}

void timescale_of_capture(struct timescale *t, int64_t offset_ns)
{
    t->count = 1;
    t->knots[0] = (struct clock_map){
        .ptp0 = {offset_ns},
        .uncertainty_ns = SIGMA_NS,
        .state = MEDIA_CLOCK_LOCKED,
        .epoch = 1,
        .master = {.gm_id = 1, .domain = CLOCK_DOMAIN_UNKNOWN},
    };
}
