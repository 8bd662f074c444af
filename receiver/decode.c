// SPDX-License-Identifier: GPL-3.0-or-later
#include "decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int decode_init(struct decode *d)
{
    *d = (struct decode){.decoder = decoder_create(), .credit = DECODE_AT_ONCE};
    d->store = calloc(DECODE_STORE, sizeof *d->store);
    d->sound = calloc((size_t)CODEC_OPUS_FRAMES_MAX * CODEC_OPUS_CHANNELS_MAX, sizeof *d->sound);
    for (unsigned i = 0; i < DECODE_STORE; i++)
        d->order[i] = (uint8_t)i;
    return d->decoder && d->store && d->sound ? 0 : -ENOMEM;
}

void decode_free(struct decode *d)
{
    decoder_destroy(d->decoder);
    free(d->store);
    free(d->sound);
    *d = (struct decode){0};
}

void decode_start(struct decode *d, unsigned channels)
{
    decoder_start(d->decoder, channels);
    d->channels = channels;
    d->waiting = 0;
    d->running = false;
    d->run = 0;
}

media_t decode_newest(const struct decode *d)
{
    const struct decode_packet *last;

    if (d->waiting == 0)
        return d->next;
    last = &d->store[d->order[d->waiting - 1]];
    return (media_t){last->at.n + (int64_t)last->frames};
}

/* ---- the store ------------------------------------------------------------------------------------- */

static struct decode_packet *first_waiting(const struct decode *d)
{
    return d->waiting ? &d->store[d->order[0]] : NULL;
}

static void drop_first(struct decode *d)
{
    uint8_t freed = d->order[0];

    d->waiting--;
    memmove(d->order, d->order + 1, d->waiting);
    d->order[d->waiting] = freed;
}

static int keep(struct decode *d, media_t at, size_t frames, bool late, const uint8_t *payload, size_t len)
{
    uint8_t slot = d->order[d->waiting];
    unsigned place = d->waiting;

    while (place > 0 && d->store[d->order[place - 1]].at.n > at.n)
        place--;
    if (place > 0 && d->store[d->order[place - 1]].at.n == at.n)
        return -EEXIST;
    memmove(d->order + place + 1, d->order + place, d->waiting - place);
    d->order[place] = slot;
    d->waiting++;
    d->store[slot].at = at;
    d->store[slot].frames = frames;
    d->store[slot].len = len;
    d->store[slot].late = late;
    memcpy(d->store[slot].payload, payload, len);
    return 0;
}

/* ---- the budget ------------------------------------------------------------------------------------- */

static void earn(struct decode *d, raw_ns arrival)
{
    int64_t elapsed_ns = arrival.ns - d->credited_at.ns;

    if (elapsed_ns > 0)
        d->credit +=
            samples_in_ns(elapsed_ns < 2 * NS_PER_S ? elapsed_ns : 2 * NS_PER_S, 2 * CODEC_OPUS_RATE_HZ);
    if (d->credit > DECODE_AT_ONCE)
        d->credit = DECODE_AT_ONCE;
    d->credited_at = arrival;
}

/* Whether so many frames may be decoded now, and if so they are paid for. What lies before `due` is about to
 * be played. */
static bool afford(struct decode *d, media_t at, size_t frames, media_t due)
{
    if (!d->unlimited && d->credit < (at.n < due.n ? (int64_t)frames - DECODE_ADVANCE : (int64_t)frames))
        return false;
    d->credit -= (int64_t)frames;
    return true;
}

/* ---- onto the timeline ----------------------------------------------------------------------------- */

/* Puts the sound of [at, at + frames) where it belongs. */
static int place(struct decode *d, struct timeline *timeline, media_t at, size_t frames)
{
    const float *from = d->sound;
    struct timeline_slot slot;
    int error = timeline_claim(timeline, at, frames, &slot);

    if (error)
        return error;
    from += slot.skip * d->channels;
    for (int i = 0; i < 2; i++) {
        memcpy(slot.area[i], from, slot.frames[i] * d->channels * sizeof *from);
        from += slot.frames[i] * d->channels;
    }
    return 0;
}

static int decode_one(struct decode *d, struct timeline *timeline, media_t at, size_t frames, bool late,
                      const uint8_t *payload, size_t len)
{
    int made = decoder_run(d->decoder, payload, len, d->sound);

    d->next = (media_t){at.n + (int64_t)frames};
    d->unit = frames;
    d->run = 0;
    if (made == (int)frames)
        return place(d, timeline, at, frames);
    d->broken += !late;
    return 0;
}

/* What waits and overlaps what there is was sent by nobody; it must not stop what is behind it. */
static void decode_waiting(struct decode *d, struct timeline *timeline, media_t due)
{
    while (d->waiting && first_waiting(d)->at.n <= d->next.n) {
        const struct decode_packet *p = first_waiting(d);

        if (p->at.n == d->next.n) {
            if (!afford(d, p->at, p->frames, due))
                return;
            decode_one(d, timeline, p->at, p->frames, p->late, p->payload, p->len);
        }
        drop_first(d);
    }
}

/* ---- what is missing ------------------------------------------------------------------------------- */

static bool make_up(struct decode *d, struct timeline *timeline, const struct decode_packet *from,
                    size_t frames, media_t due)
{
    if (!afford(d, d->next, frames, due))
        return false;
    if (!decoder_conceal(d->decoder, from ? from->payload : NULL, from ? from->len : 0, frames, d->sound))
        place(d, timeline, d->next, frames);
    d->next.n += (int64_t)frames;
    return true;
}

/* Frames that the packet behind a hole of so many can bring back: all, or 0. */
static bool repeats(const struct decode_packet *p, int64_t hole)
{
    return p && hole == (int64_t)p->frames && codec_has_fec(RTP_CODEC_OPUS, p->payload, p->len);
}

/*
 * The next piece of the hole before the first packet that waits, if any; there is one. False when nothing
 * more can be done.
 */
static bool fill_piece(struct decode *d, struct timeline *timeline, media_t due)
{
    const struct decode_packet *p = first_waiting(d);
    int64_t hole = p ? p->at.n - d->next.n : INT64_MAX;
    size_t piece = DECODE_MADE_UP_MAX - d->run;

    piece = piece < d->unit ? piece : d->unit;
    piece = hole < (int64_t)piece ? (size_t)hole : piece;
    if (repeats(p, hole)) {
        if (!make_up(d, timeline, p, (size_t)hole, due))
            return false;
        d->recovered += (uint64_t)hole;
    } else if (piece > 0 && piece % CODEC_OPUS_STEP == 0) {
        if (!make_up(d, timeline, NULL, piece, due))
            return false;
        d->run += piece;
        d->made_up += piece;
    } else if (p && hole > (int64_t)p->frames && repeats(p, (int64_t)p->frames)) {
        d->next.n = p->at.n - (int64_t)p->frames;
    } else if (p) {
        d->next = p->at;
    } else {
        d->run = DECODE_MADE_UP_MAX;
        return false;
    }
    decode_waiting(d, timeline, due);
    return true;
}

/* What is missing before `end`, as far as the budget allows, which does not hold before `due`. */
static void fill(struct decode *d, struct timeline *timeline, media_t end, media_t due)
{
    if (!d->running)
        return;
    decode_waiting(d, timeline, due);
    while (d->next.n < end.n && !(d->waiting && first_waiting(d)->at.n == d->next.n) &&
           fill_piece(d, timeline, due))
        ;
}

void decode_need(struct decode *d, struct timeline *timeline, media_t end)
{
    if (d->running && d->next.n < end.n)
        fill(d, timeline, end, end);
}

/* In its turn; or, where nothing more is made up for what is missing, the sound goes on with it. */
static bool is_next(const struct decode *d, media_t at)
{
    if (d->waiting)
        return at.n == d->next.n && first_waiting(d)->at.n != at.n;
    return at.n == d->next.n || d->run >= DECODE_MADE_UP_MAX;
}

static void run_from(struct decode *d, media_t at, size_t frames)
{
    d->running = true;
    d->next = at;
    d->unit = frames;
}

int decode_take(struct decode *d, struct timeline *timeline, raw_ns arrival, media_t played, media_t at,
                size_t frames, const uint8_t *payload, size_t len)
{
    static const media_t nothing = {INT64_MIN};
    int64_t end = at.n + (int64_t)frames;
    bool late = end <= played.n;
    int error;

    if (end > timeline_floor(timeline).n + (int64_t)timeline_capacity(timeline) || len > RTP_PAYLOAD_MAX)
        return -EOVERFLOW;
    earn(d, arrival);
    if (!d->running)
        run_from(d, at, frames);
    if (at.n > d->next.n)
        fill(d, timeline, played, nothing);
    if (d->waiting == DECODE_STORE) /* what is missing is not waited for any longer */
        fill(d, timeline, first_waiting(d)->at, nothing);
    if (at.n < d->next.n)
        return -ETIME;
    if (is_next(d, at) && afford(d, at, frames, nothing))
        error = decode_one(d, timeline, at, frames, late, payload, len);
    else if (d->waiting == DECODE_STORE)
        error = -EOVERFLOW;
    else
        error = keep(d, at, frames, late, payload, len);
    decode_waiting(d, timeline, nothing);
    return !error && late ? -ETIME : error;
}
