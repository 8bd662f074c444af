// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Gains stand in a matrix, a row for each mix: one column for each channel of the stream, and one for their
 * sum. Work is done for the cells alone in which there is, or was before the ramp, a gain.
 */
#include "route.h"

#include <stdlib.h>
#include <string.h>

#include "proto/rtp.h"

enum { SUM = RTP_CHANNELS_MAX, COLUMNS = RTP_CHANNELS_MAX + 1, RAMPS_PER_SECOND = 100 };

typedef float row[COLUMNS];

struct cell {
    unsigned column;
    float from, to;
};

/* A channel of the card that plays something. */
struct outlet {
    uint8_t card, mix;
};

struct router {
    unsigned card_channels, stream_channels;
    unsigned mixes; /* at least one, if of silence */
    unsigned outlet_count;
    struct outlet outlets[RTP_CHANNELS_MAX]; /* in the order of the card's channels */
    bool straight;                           /* mix n to channel n, and no more */
    size_t ramp_frames, ramp_done;           /* equal: no ramp */
    bool copies;                             /* no ramp, and what comes out is what goes in */
    bool sums;                               /* some cell takes the sum */
    row *from, *to;                          /* of each mix; no ramp: the same */
    unsigned row_ends[RTP_CHANNELS_MAX];
    struct cell *cells; /* row by row */
};

struct router *router_create(unsigned card_channels)
{
    struct router *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->card_channels = card_channels;
    r->mixes = 1;
    r->from = calloc(card_channels, sizeof *r->from);
    r->to = calloc(card_channels, sizeof *r->to);
    r->cells = calloc((size_t)card_channels * COLUMNS, sizeof *r->cells);
    if (!r->from || !r->to || !r->cells) {
        router_destroy(r);
        return NULL;
    }
    return r;
}

void router_destroy(struct router *r)
{
    if (!r)
        return;
    free(r->from);
    free(r->to);
    free(r->cells);
    free(r);
}

/* What a channel of the card is to play; false: nothing. */
static bool fill(row gains, const struct route *route, unsigned card, unsigned stream_channels)
{
    bool any = false;

    memset(gains, 0, sizeof(row));
    if (stream_channels == 0)
        return false;
    if (route->count == 0 && (stream_channels == 1 || card < stream_channels))
        gains[stream_channels == 1 ? 0 : card] = 1;
    for (unsigned i = 0; i < route->count; i++) {
        const struct route_entry *entry = &route->entries[i];

        if (entry->card != card)
            continue;
        if (entry->stream == ROUTE_ALL)
            gains[SUM] += entry->gain / (float)stream_channels;
        else if (entry->stream < stream_channels)
            gains[entry->stream] += entry->gain;
    }
    for (unsigned column = 0; column < COLUMNS; column++)
        any |= gains[column] != 0;
    return any;
}

/* The mix of such a row, which may be a new one. */
static unsigned mix_of(struct router *r, const row gains)
{
    unsigned mix = 0;

    while (mix < r->mixes && memcmp(r->to[mix], gains, sizeof(row)) != 0)
        mix++;
    if (mix == r->mixes)
        memcpy(r->to[r->mixes++], gains, sizeof(row));
    return mix;
}

static void lay_out(struct router *r, const struct route *route)
{
    row gains;

    r->mixes = r->outlet_count = 0;
    r->straight = true;
    for (unsigned card = 0; card < r->card_channels; card++) {
        struct outlet *outlet = &r->outlets[r->outlet_count];

        if (!fill(gains, route, card, r->stream_channels))
            continue;
        *outlet = (struct outlet){.card = (uint8_t)card, .mix = (uint8_t)mix_of(r, gains)};
        r->straight &= outlet->mix == card;
        r->outlet_count++;
    }
    if (r->mixes == 0) {
        memset(r->to[0], 0, sizeof(row));
        r->mixes = 1;
    }
}

static void list_cells(struct router *r)
{
    unsigned count = 0;

    r->sums = false;
    r->copies = r->mixes == r->stream_channels && r->ramp_done == r->ramp_frames;
    for (unsigned mix = 0; mix < r->mixes; mix++) {
        for (unsigned column = 0; column < COLUMNS; column++) {
            float from = r->from[mix][column], to = r->to[mix][column];

            r->copies &= to == (column == mix);
            if (from == 0 && to == 0)
                continue;
            r->sums |= column == SUM;
            r->cells[count++] = (struct cell){.column = column, .from = from, .to = to};
        }
        r->row_ends[mix] = count;
    }
}

/* After `done` of the ramp's frames; the end is exact. */
static float gain_of(const struct router *r, float from, float to, size_t done)
{
    return done >= r->ramp_frames ? to : from + (to - from) * ((float)done / (float)r->ramp_frames);
}

static void settle(struct router *r)
{
    memcpy(r->from, r->to, r->mixes * sizeof(row));
    r->ramp_done = r->ramp_frames;
    list_cells(r);
}

void router_set(struct router *r, const struct route *route, unsigned stream_channels)
{
    r->stream_channels = stream_channels;
    lay_out(r, route);
    settle(r);
}

static const struct outlet *first_outlet(const struct router *r, unsigned mix)
{
    const struct outlet *outlet = r->outlets;

    while (outlet->mix != mix)
        outlet++;
    return outlet;
}

/* Whether all channels of a mix are to play the same again, and all others nothing. */
static bool keeps_mixes(const struct router *r, const struct route *route)
{
    const struct outlet *outlet = r->outlets, *end = outlet + r->outlet_count;
    row gains, first;

    for (unsigned card = 0; card < r->card_channels; card++) {
        bool any = fill(gains, route, card, r->stream_channels);

        if (outlet == end || outlet->card != card) {
            if (any)
                return false;
            continue;
        }
        fill(first, route, first_outlet(r, outlet->mix)->card, r->stream_channels);
        if (memcmp(first, gains, sizeof gains) != 0)
            return false;
        outlet++;
    }
    return true;
}

bool router_go(struct router *r, const struct route *route, uint32_t rate_hz)
{
    if (!keeps_mixes(r, route))
        return false;
    for (unsigned mix = 0; mix < r->mixes; mix++)
        for (unsigned column = 0; column < COLUMNS; column++)
            r->from[mix][column] = gain_of(r, r->from[mix][column], r->to[mix][column], r->ramp_done);
    for (unsigned i = 0; i < r->outlet_count; i++)
        fill(r->to[r->outlets[i].mix], route, r->outlets[i].card, r->stream_channels);
    r->ramp_done = 0;
    r->ramp_frames = rate_hz / RAMPS_PER_SECOND;
    if (memcmp(r->from, r->to, r->mixes * sizeof(row)) == 0)
        settle(r);
    else
        list_cells(r);
    return true;
}

unsigned router_mixes(const struct router *r)
{
    return r->mixes;
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
    for (unsigned mix = 0; mix < r->mixes; mix++) {
        const struct cell *end = r->cells + r->row_ends[mix];

        for (out[mix] = 0; cell < end; cell++)
            out[mix] += gain_of(r, cell->from, cell->to, r->ramp_done) *
                        (cell->column == SUM ? sum : in[cell->column]);
    }
    if (r->ramp_done == r->ramp_frames)
        settle(r);
}

static void run_settled(const struct router *r, const float *in, float *out)
{
    const struct cell *cell = r->cells;
    float sum = r->sums ? sum_of(in, r->stream_channels) : 0;

    for (unsigned mix = 0; mix < r->mixes; mix++) {
        const struct cell *end = r->cells + r->row_ends[mix];
        float x = 0;

        if (cell < end) {
            x = cell->to * (cell->column == SUM ? sum : in[cell->column]);
            for (cell++; cell < end; cell++)
                x += cell->to * (cell->column == SUM ? sum : in[cell->column]);
        }
        out[mix] = x;
    }
}

void router_run(struct router *r, const float *in, float *out, size_t frames)
{
    for (; frames > 0 && r->ramp_done < r->ramp_frames; frames--) {
        run_ramp(r, in, out);
        in += r->stream_channels;
        out += r->mixes;
    }
    if (r->copies) {
        memcpy(out, in, frames * r->mixes * sizeof *out);
        return;
    }
    for (; frames > 0; frames--) {
        run_settled(r, in, out);
        in += r->stream_channels;
        out += r->mixes;
    }
}

void router_spread(const struct router *r, const float *in, const float *gains, float *out, size_t frames)
{
    for (size_t i = 0; i < frames; i++, in += r->mixes, out += r->card_channels) {
        float gain = gains[i];

        if (r->straight)
            for (unsigned mix = 0; mix < r->outlet_count; mix++)
                out[mix] += in[mix] * gain;
        else
            for (unsigned k = 0; k < r->outlet_count; k++)
                out[r->outlets[k].card] += in[r->outlets[k].mix] * gain;
    }
}
