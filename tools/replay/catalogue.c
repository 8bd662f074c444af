// SPDX-License-Identifier: GPL-3.0-or-later
#include "catalogue.h"

#include <stdio.h>
#include <string.h>

#include "proto/timebase.h"

enum {
    NEAR = 16, /* so close behind the newest in sequence, a packet makes its stream known */
    NO_ROOM = -1,
};

#define STEADY_NS NS_PER_S /* longer between two packets says nothing about the rate */

void catalogue_init(struct catalogue *c)
{
    memset(c, 0, sizeof *c);
    for (int i = 0; i < CATALOGUE_BUCKETS; i++)
        c->buckets[i] = -1;
}

static void vote(struct majority *m, int64_t value)
{
    if (m->value == value) {
        m->votes++;
    } else if (m->votes == 0) {
        m->value = value;
        m->votes = 1;
    } else {
        m->votes--;
    }
}

static int *bucket(struct catalogue *c, uint32_t ssrc, uint32_t source, uint32_t destination)
{
    uint32_t hash = (ssrc * 0x9e3779b1u ^ source) * 0x85ebca6bu ^ destination;

    return &c->buckets[hash * 0xc2b2ae35u >> 22];
}

_Static_assert(CATALOGUE_BUCKETS == 1 << (32 - 22), "the hash's upper bits");

static bool is_of(const struct catalogue_stream *s, const struct datagram *d, uint32_t ssrc)
{
    return s->ssrc == ssrc && s->source == d->source && s->destination == d->destination &&
           s->port == d->port;
}

static int find(struct catalogue *c, const struct datagram *d, uint32_t ssrc)
{
    if (c->latest < c->count && is_of(&c->streams[c->latest], d, ssrc))
        return (int)c->latest;
    for (int i = *bucket(c, ssrc, d->source, d->destination); i >= 0; i = c->streams[i].next)
        if (is_of(&c->streams[i], d, ssrc))
            return i;
    return -1;
}

static void unlink_stream(struct catalogue *c, int place)
{
    const struct catalogue_stream *s = &c->streams[place];
    int *link = bucket(c, s->ssrc, s->source, s->destination);

    while (*link != place)
        link = &c->streams[*link].next;
    *link = s->next;
}

/* A place for a new stream. */
static int make_room(struct catalogue *c)
{
    if (c->count < CATALOGUE_MAX)
        return (int)c->count++;
    if (c->known == CATALOGUE_MAX)
        return NO_ROOM;
    do
        c->hand = (c->hand + 1) % CATALOGUE_MAX;
    while (c->streams[c->hand].known);
    unlink_stream(c, (int)c->hand);
    return (int)c->hand;
}

static int add(struct catalogue *c, const struct datagram *d, const struct rtp_packet *p)
{
    int place = make_room(c), *link = bucket(c, p->ssrc, d->source, d->destination);

    if (place == NO_ROOM)
        return place;
    c->streams[place] = (struct catalogue_stream){
        .source = d->source,
        .destination = d->destination,
        .port = d->port,
        .ssrc = p->ssrc,
        .first_ns = d->arrival_ns,
        .sequence = (uint16_t)(p->sequence - 0x8000), /* which no packet follows */
        .next = *link,
    };
    *link = place;
    return place;
}

static void take_sound(struct catalogue_stream *s, const struct datagram *d, const struct rtp_packet *p)
{
    int32_t step = (int32_t)(p->timestamp - s->timestamp);
    int64_t took_ns = d->arrival_ns - s->arrival_ns;

    s->payload_type = p->payload_type;
    vote(&s->payload_bytes, (int64_t)p->payload_len);
    if (s->sound++ && (uint16_t)(p->sequence - s->sequence) == 1) {
        vote(&s->step, step);
        if (step > 0 && took_ns < STEADY_NS) {
            s->ticks += (uint64_t)step;
            s->ticks_ns += took_ns;
        }
    }
    s->timestamp = p->timestamp;
    s->arrival_ns = d->arrival_ns;
}

void catalogue_take(struct catalogue *c, const struct datagram *d, const struct rtp_packet *p)
{
    int place = find(c, d, p->ssrc);
    struct catalogue_stream *s;
    uint16_t ahead;

    if (place < 0)
        place = add(c, d, p);
    if (place == NO_ROOM) {
        c->untold++;
        return;
    }
    c->latest = (unsigned)place;
    s = &c->streams[place];
    ahead = (uint16_t)(p->sequence - s->sequence);
    if (!s->known && ahead > 0 && ahead <= NEAR) {
        s->known = true;
        c->known++;
    }
    s->packets++;
    s->last_ns = d->arrival_ns;
    if (p->has_ext && p->ext.rate_hz && rtp_codec_known(p->ext.codec)) {
        s->describes = true;
        s->ext = p->ext;
    }
    if (p->payload_len)
        take_sound(s, d, p);
    else
        s->control++;
    s->sequence = p->sequence;
}

void catalogue_name(struct catalogue *c, uint32_t source, uint32_t ssrc, const char *name)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->streams[i].ssrc == ssrc && c->streams[i].source == source)
            snprintf(c->streams[i].name, sizeof c->streams[i].name, "%s", name);
}

struct format_evidence catalogue_evidence(const struct catalogue_stream *s)
{
    return (struct format_evidence){
        .payload_type = s->payload_type,
        .payload_bytes = (size_t)s->payload_bytes.value,
        .step = s->step.votes ? s->step.value : 0,
        .ticks_per_s = s->ticks_ns > 0 ? (double)s->ticks * 1e9 / (double)s->ticks_ns : 0,
    };
}

struct format catalogue_format(const struct catalogue_stream *s)
{
    struct format_evidence evidence = catalogue_evidence(s);
    struct format format = {0};

    if (!s->describes) {
        format_infer(&evidence, &format);
        return format;
    }
    format.origin = FORMAT_EXTENSION;
    format.codec = s->ext.codec;
    format.rate_hz = s->ext.rate_hz;
    format.channels = s->ext.channels;
    format.frames = format_frames(&evidence, s->ext.codec, s->ext.channels);
    return format;
}

bool catalogue_fits(const struct catalogue_stream *s, const struct catalogue_choice *choice)
{
    return s->known && (!choice->destination || s->destination == choice->destination) &&
           (!choice->port || s->port == choice->port) && (!choice->has_ssrc || s->ssrc == choice->ssrc);
}

const struct catalogue_stream *catalogue_choose(const struct catalogue *c,
                                                const struct catalogue_choice *choice)
{
    const struct catalogue_stream *best = NULL;
    bool best_is_sound = false;

    for (unsigned i = 0; i < c->count; i++) {
        const struct catalogue_stream *s = &c->streams[i];
        bool is_sound = catalogue_format(s).origin != FORMAT_UNKNOWN;

        if (!catalogue_fits(s, choice) || (best && best_is_sound && !is_sound))
            continue;
        if (!best || is_sound > best_is_sound || s->sound > best->sound) {
            best = s;
            best_is_sound = is_sound;
        }
    }
    return best;
}
