// SPDX-License-Identifier: GPL-3.0-or-later
#include "take.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "conceal.h"
#include "intake.h"

enum {
    TIMELINE_SAMPLES = 1 << 22, /* floats: 1.3 s of 64 channels at 48 kHz */
    BLOCK_FRAMES = 256,         /* handed on at a time */
    FADE_IN_DIVISOR = 100       /* of the rate: more frames than concealment takes to fade in */
};

#define WAIT_NS    NS_PER_S        /* for what is late */
#define SILENT_NS  (10 * NS_PER_S) /* of nothing end a take */
#define OVERLAP_NS NS_PER_S        /* a stream that begins so much before the end goes on there */

struct take {
    struct intake intake;
    struct take_sink sink;
    struct conceal *conceal; /* of `channels`; NULL before the first stream, or when memory was short */
    unsigned channels;
    bool open;                 /* a take has begun */
    bool begins;               /* the next frame that is present begins one */
    bool ended;                /* the stream before said where it ends */
    struct take_format format; /* of the open take */
    media_t next;              /* to be handed on */
    media_t newest;            /* the frame after the newest that came, */
    raw_ns newest_at;          /* and when */
    float block[BLOCK_FRAMES * RTP_CHANNELS_MAX];
    struct take_counters counters;
};

struct take *take_create(const struct stream_description *description, const struct take_sink *sink)
{
    struct take *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->sink = *sink;
    if (intake_init(&t->intake, description, TIMELINE_SAMPLES)) {
        take_destroy(t);
        return NULL;
    }
    t->intake.delay_ns = WAIT_NS;
    t->intake.decode.unlimited = true;
    return t;
}

void take_destroy(struct take *t)
{
    if (!t)
        return;
    conceal_destroy(t->conceal);
    intake_free(&t->intake);
    free(t);
}

/* What lies before `at` is not waited for any more. */
static void turn_to(struct take *t, media_t at)
{
    if (at.n <= t->intake.turn.n)
        return;
    t->intake.turn = at;
    timeline_release(t->intake.timeline, at);
}

static void end(struct take *t)
{
    if (t->open)
        t->sink.end(t->sink.context);
    t->open = false;
}

static void hand_on(struct take *t, size_t frames)
{
    t->sink.frames(t->sink.context, t->block, frames);
    t->counters.frames += frames;
    t->next.n += (int64_t)frames;
}

/* Concealment without a past; its fade from silence is spent on silence, since a recording begins as it is.
 */
static void forget(struct take *t)
{
    size_t left = t->format.rate_hz / FADE_IN_DIVISOR;

    if (!t->conceal)
        return;
    conceal_reset(t->conceal, t->format.rate_hz);
    memset(t->block, 0, BLOCK_FRAMES * t->channels * sizeof *t->block);
    for (; left > BLOCK_FRAMES; left -= BLOCK_FRAMES)
        conceal_pass(t->conceal, t->block, BLOCK_FRAMES);
    conceal_pass(t->conceal, t->block, left);
}

static void open_take(struct take *t, media_t at)
{
    const struct stream_claim *claim = &t->intake.stream.claim;

    t->format = (struct take_format){.codec = claim->codec,
                                     .rate_hz = claim->rate_hz,
                                     .channels = claim->channels,
                                     .at = at,
                                     .ssrc = claim->ssrc,
                                     .source = claim->source};
    if (t->channels != claim->channels || !t->conceal) {
        conceal_destroy(t->conceal);
        t->channels = claim->channels;
        t->conceal = conceal_create(t->channels);
    }
    forget(t);
    t->open = true;
    t->begins = false;
    t->next = at;
    t->counters.takes++;
    t->sink.begin(t->sink.context, &t->format);
}

/* The timeline is that of another stream, or of another time: does the take go on with it? */
static void begin_stream(struct take *t)
{
    const struct stream_claim *claim = &t->intake.stream.claim;
    const struct take_format *f = &t->format;
    bool same =
        t->open && claim->codec == f->codec && claim->rate_hz == f->rate_hz && claim->channels == f->channels;
    int64_t gap = t->intake.begin.n - t->next.n;

    if (same && gap >= -samples_in_ns(OVERLAP_NS, f->rate_hz) &&
        gap <= samples_in_ns(SILENT_NS, f->rate_hz)) {
        turn_to(t, t->next);
        return;
    }
    end(t);
    t->begins = true;
}

/* Replaces up to `frames` frames from `next` on, and returns how many. */
static size_t replace(struct take *t, size_t frames)
{
    bool gap = t->next.n < t->intake.begin.n;
    size_t n = frames < BLOCK_FRAMES ? frames : BLOCK_FRAMES;

    if (gap && (uint64_t)(t->intake.begin.n - t->next.n) < n)
        n = (size_t)(t->intake.begin.n - t->next.n);
    if (!t->conceal || (gap && t->ended))
        memset(t->block, 0, n * t->channels * sizeof *t->block);
    else
        conceal_fill(t->conceal, t->block, n);
    t->counters.gap += gap ? n : 0;
    t->counters.concealed += gap ? 0 : n;
    hand_on(t, n);
    if (gap && t->next.n == t->intake.begin.n)
        forget(t);
    return n;
}

static size_t pass(struct take *t)
{
    size_t n = timeline_present(t->intake.timeline, t->next, BLOCK_FRAMES);

    if (n == 0)
        return 0;
    timeline_read(t->intake.timeline, t->next, t->block, n);
    if (t->conceal)
        conceal_pass(t->conceal, t->block, n);
    hand_on(t, n);
    return n;
}

/* Whether any of what came from `at` on is still there. */
static bool holds(const struct take *t, media_t at)
{
    size_t span = t->newest.n > at.n ? (size_t)(t->newest.n - at.n) : 0;

    return timeline_absent(t->intake.timeline, at, span) < span;
}

/* Hands on what came, and stands in for holes before `horizon`. What came afterwards lies on the timeline. */
static void hand_on_until(struct take *t, media_t horizon)
{
    struct timeline *timeline = t->intake.timeline;

    if (t->begins) {
        media_t first = timeline_floor(timeline);

        if (!holds(t, first))
            return;
        first.n += (int64_t)timeline_absent(timeline, first, (size_t)(t->newest.n - first.n));
        open_take(t, first);
    }
    while (t->open && t->next.n < t->newest.n) {
        media_t due = horizon.n > t->intake.begin.n ? horizon : t->intake.begin;
        size_t absent;

        if (pass(t))
            continue;
        if (due.n <= t->next.n)
            break;
        due.n = due.n < t->newest.n ? due.n : t->newest.n;
        intake_need(&t->intake, t->next, (size_t)(due.n - t->next.n));
        if (timeline_present(timeline, t->next, 1))
            continue;
        absent = timeline_absent(timeline, t->next, (size_t)(t->newest.n - t->next.n));
        if ((uint64_t)(due.n - t->next.n) < absent)
            absent = (size_t)(due.n - t->next.n);
        replace(t, absent);
    }
    if (t->open)
        turn_to(t, t->next);
}

/* All that came, and nothing more is waited for. */
static void settle(struct take *t)
{
    hand_on_until(t, t->newest);
}

/* What came so long ago that nothing from before it is waited for any more. */
static media_t horizon_at(const struct take *t, raw_ns now)
{
    uint32_t rate_hz = t->intake.stream.claim.rate_hz;
    int64_t room = (int64_t)timeline_capacity(t->intake.timeline) * 3 / 4;
    int64_t wait = samples_in_ns(WAIT_NS, rate_hz);

    return (media_t){t->newest.n + samples_in_ns(now.ns - t->newest_at.ns, rate_hz) -
                     (wait < room ? wait : room)};
}

void take_run(struct take *t, raw_ns now)
{
    media_t horizon;

    if (!t->open && !t->begins)
        return;
    horizon = horizon_at(t, now);
    hand_on_until(t, horizon);
    /* nothing is held: what comes next may be far ahead */
    if (!holds(t, timeline_floor(t->intake.timeline)))
        turn_to(t, horizon);
    if (t->open && now.ns - t->newest_at.ns > SILENT_NS) {
        settle(t);
        end(t);
        t->begins = true;
    }
}

/* Whether the stream's own sender announces a start with this datagram: then the timeline is soon emptied. */
static bool announces(const struct take *t, const uint8_t *bytes, size_t length, uint64_t source)
{
    struct rtp_packet packet;

    return source == t->intake.stream.claim.source && !t->intake.description.plain &&
           rtp_parse(bytes, length, t->intake.description.ext_id, &packet) == 0 && packet.has_ext &&
           packet.ext.type == RTP_TYPE_INIT;
}

void take_datagram(struct take *t, const struct clock_map *map, const uint8_t *bytes, size_t length,
                   raw_ns arrival, uint64_t source)
{
    const struct stream *stream = &t->intake.stream;
    media_t before, after;
    bool begins;

    if (stream->locked && (stream_stale(stream, arrival) || announces(t, bytes, length, source)))
        settle(t);
    t->ended = t->intake.ending || (t->ended && t->next.n < t->intake.begin.n);
    before = intake_newest(&t->intake);
    begins = intake_datagram(&t->intake, map, bytes, length, arrival, source) == INTAKE_BEGIN;
    after = intake_newest(&t->intake);
    if (begins || after.n > before.n) {
        t->newest = after;
        t->newest_at = arrival;
    }
    if (begins)
        begin_stream(t);
    else if (t->intake.ending && after.n > t->intake.end.n) /* what it began with did not come */
        t->intake.ending = false;
    if (t->open || t->begins)
        hand_on_until(t, horizon_at(t, arrival));
}

void take_describe(struct take *t, const struct stream_description *description)
{
    settle(t);
    intake_describe(&t->intake, description);
}

void take_finish(struct take *t)
{
    settle(t);
    end(t);
    t->begins = false;
    stream_unlock(&t->intake.stream);
}

const struct stream *take_stream(const struct take *t)
{
    return &t->intake.stream;
}

void take_get_counters(const struct take *t, struct take_counters *counters)
{
    const struct intake *in = &t->intake;

    *counters = t->counters;
    counters->late = in->late;
    counters->concealed += in->decode.made_up;
    counters->datagrams = in->datagrams;
    counters->malformed = in->malformed;
    counters->foreign = in->foreign;
    counters->absurd = in->absurd;
    counters->early = in->early;
    counters->unknown_codec = in->unknown_codec;
    counters->unknown_rate = in->unknown_rate;
}
