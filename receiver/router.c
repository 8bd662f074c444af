// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Gains stand in a matrix, a row for each channel of the card: one column for each channel of the stream, and
 * one for their sum. Work is done for the cells alone in which there is, or was before the ramp, a gain.
 */
#include "route.h"

#include <stdlib.h>
#include <string.h>

#include "proto/rtp.h"

enum { SUM = RTP_CHANNELS_MAX, COLUMNS = RTP_CHANNELS_MAX + 1, RAMPS_PER_SECOND = 100 };

struct cell {
    unsigned column;
    float from, to;
};

typedef float matrix[RTP_CHANNELS_MAX][COLUMNS];

struct router {
    unsigned card_channels, stream_channels;
    size_t ramp_frames, ramp_done; /* equal: no ramp */
    bool copies;                   /* no ramp, and what comes out is what goes in */
    bool sums;                     /* some cell takes the sum */
    matrix from, to;               /* no ramp: the same */
    unsigned row_ends[RTP_CHANNELS_MAX];
    struct cell cells[]; /* row by row */
};

static size_t router_size(unsigned card_channels)
{
    return sizeof(struct router) + (size_t)card_channels * COLUMNS * sizeof(struct cell);
}

struct router *router_create(unsigned card_channels)
{
    struct router *r = calloc(1, router_size(card_channels));

    if (r)
        r->card_channels = card_channels;
    return r;
}

void router_destroy(struct router *r)
{
    free(r);
}

void router_copy(struct router *r, const struct router *from)
{
    memcpy(r, from, router_size(from->card_channels));
}

static void straight(struct router *r)
{
    for (unsigned card = 0; card < r->card_channels; card++) {
        if (r->stream_channels == 1)
            r->to[card][0] = 1;
        else if (card < r->stream_channels)
            r->to[card][card] = 1;
    }
}

static void fill(struct router *r, const struct route *route)
{
    memset(r->to, 0, sizeof r->to);
    if (r->stream_channels == 0)
        return;
    if (route->count == 0)
        straight(r);
    for (unsigned i = 0; i < route->count; i++) {
        const struct route_entry *entry = &route->entries[i];

        if (entry->card >= r->card_channels)
            continue;
        if (entry->stream == ROUTE_ALL)
            r->to[entry->card][SUM] += entry->gain / (float)r->stream_channels;
        else if (entry->stream < r->stream_channels)
            r->to[entry->card][entry->stream] += entry->gain;
    }
}

static void list_cells(struct router *r)
{
    unsigned count = 0;

    r->sums = false;
    r->copies = r->card_channels == r->stream_channels && r->ramp_done == r->ramp_frames;
    for (unsigned card = 0; card < r->card_channels; card++) {
        for (unsigned column = 0; column < COLUMNS; column++) {
            float from = r->from[card][column], to = r->to[card][column];

            r->copies &= to == (column == card);
            if (from == 0 && to == 0)
                continue;
            r->sums |= column == SUM;
            r->cells[count++] = (struct cell){.column = column, .from = from, .to = to};
        }
        r->row_ends[card] = count;
    }
}

/* After `done` of the ramp's frames; the end is exact. */
static float gain_of(const struct router *r, float from, float to, size_t done)
{
    return done >= r->ramp_frames ? to : from + (to - from) * ((float)done / (float)r->ramp_frames);
}

/* What is heard now becomes where the next ramp begins. What the stream no longer has cannot fade. */
static void freeze(struct router *r, unsigned stream_channels)
{
    for (unsigned card = 0; card < r->card_channels; card++)
        for (unsigned column = 0; column < COLUMNS; column++) {
            bool gone = column == SUM ? stream_channels == 0 : column >= stream_channels;

            r->from[card][column] =
                gone ? 0 : gain_of(r, r->from[card][column], r->to[card][column], r->ramp_done);
        }
}

static void settle(struct router *r)
{
    memcpy(r->from, r->to, sizeof r->from);
    r->ramp_done = r->ramp_frames;
    list_cells(r);
}

void router_set(struct router *r, const struct route *route, unsigned stream_channels, uint32_t rate_hz,
                bool at_once)
{
    freeze(r, stream_channels);
    r->stream_channels = stream_channels;
    fill(r, route);
    r->ramp_done = 0;
    r->ramp_frames = rate_hz / RAMPS_PER_SECOND;
    if (at_once || memcmp(r->from, r->to, sizeof r->from) == 0)
        settle(r);
    else
        list_cells(r);
}

/* Four sums side by side: one alone waits for each addition. */
static float sum_of(const float *in, unsigned channels)
{
    float sums[4] = {0};

    for (unsigned i = 0; i < channels; i++)
        sums[i % 4] += in[i];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static void run_ramp(struct router *r, const float *in, float *out)
{
    const struct cell *cell = r->cells;
    float sum = r->sums ? sum_of(in, r->stream_channels) : 0;

    r->ramp_done++;
    for (unsigned card = 0; card < r->card_channels; card++) {
        const struct cell *end = r->cells + r->row_ends[card];

        for (out[card] = 0; cell < end; cell++)
            out[card] += gain_of(r, cell->from, cell->to, r->ramp_done) *
                         (cell->column == SUM ? sum : in[cell->column]);
    }
    if (r->ramp_done == r->ramp_frames)
        settle(r);
}

static void run_settled(const struct router *r, const float *in, float *out)
{
    const struct cell *cell = r->cells;
    float sum = r->sums ? sum_of(in, r->stream_channels) : 0;

    for (unsigned card = 0; card < r->card_channels; card++) {
        const struct cell *end = r->cells + r->row_ends[card];
        float x = 0;

        if (cell < end) {
            x = cell->to * (cell->column == SUM ? sum : in[cell->column]);
            for (cell++; cell < end; cell++)
                x += cell->to * (cell->column == SUM ? sum : in[cell->column]);
        }
        out[card] = x;
    }
}

void router_run(struct router *r, const float *in, float *out, size_t frames)
{
    for (; frames > 0 && r->ramp_done < r->ramp_frames; frames--) {
        run_ramp(r, in, out);
        in += r->stream_channels;
        out += r->card_channels;
    }
    if (r->copies) {
        memcpy(out, in, frames * r->card_channels * sizeof *out);
        return;
    }
    for (; frames > 0; frames--) {
        run_settled(r, in, out);
        in += r->stream_channels;
        out += r->card_channels;
    }
}
