// SPDX-License-Identifier: GPL-3.0-or-later
#include "choir.h"

#include <math.h>

#define BIN_RATIO 1.01
#define BIN_FIRST 0.01 /* ns */

void spread_add(struct spread *s, double value_ns)
{
    double magnitude = fabs(value_ns);
    int bin = magnitude > BIN_FIRST ? (int)(log(magnitude / BIN_FIRST) / log(BIN_RATIO)) : 0;

    s->bin[bin < SPREAD_BINS ? bin : SPREAD_BINS - 1]++;
    s->count++;
    s->worst = fmax(s->worst, magnitude);
}

double spread_quantile(const struct spread *s, double q)
{
    uint64_t left = (uint64_t)(q * (double)s->count);

    for (int i = 0; i < SPREAD_BINS; i++) {
        if (s->bin[i] > left)
            return fmin(BIN_FIRST * pow(BIN_RATIO, i + 1), s->worst);
        left -= s->bin[i];
    }
    return s->count ? s->worst : NAN;
}

static void write_row(struct choir *c, int64_t index)
{
    fprintf(c->csv, "%.3f,%.4f", (double)index * (double)c->window_ns / 1e9, c->csv_apart / 1e3);
    for (unsigned i = 0; i < c->count; i++) {
        const struct judge_window *w = judge_window(c->judges[i], index);

        if (w->kind == JUDGE_SOUND)
            fprintf(c->csv, ",%.4f", (double)w->error_ns / 1e3);
        else
            fputc(',', c->csv);
    }
    fputc('\n', c->csv);
    c->csv_apart = 0;
}

static void compare(struct choir *c, int64_t index)
{
    double low = INFINITY, high = -INFINITY;
    unsigned early = 0, late = 0;
    bool counts = index >= c->from && index < c->to;

    for (unsigned i = 0; i < c->count; i++) {
        const struct judge_window *w = judge_window(c->judges[i], index);
        double error_ns = (double)w->error_ns;

        if (w->kind != JUDGE_SOUND)
            continue;
        if (counts)
            spread_add(&c->clock, error_ns);
        if (error_ns < low)
            low = error_ns, early = i;
        if (error_ns > high)
            high = error_ns, late = i;
    }
    if (early != late) {
        c->csv_apart = fmax(c->csv_apart, high - low);
        if (counts && high - low > c->apart.worst) {
            c->worst_at = index;
            c->early = early;
            c->late = late;
        }
        if (counts)
            spread_add(&c->apart, high - low);
    }
    if (c->csv && index % c->csv_every == 0)
        write_row(c, index);
}

void choir_compare(struct choir *c)
{
    int64_t closed = INT64_MAX;

    for (unsigned i = 0; i < c->count; i++)
        if (c->judges[i]->index < closed)
            closed = c->judges[i]->index;
    while (c->next < closed)
        compare(c, c->next++);
}
