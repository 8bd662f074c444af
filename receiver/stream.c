// SPDX-License-Identifier: GPL-3.0-or-later
#include "stream.h"

#include <stdlib.h>

enum {
    LINK_TOLERANCE_NS = 2000, /* rounding of two conversions is 2 ns; anything else is another timeline */
    STALE_NS = 100000000,
    ANNOUNCED_NS = 1000000000, /* from INIT to the first sound may take its time */
};

static bool same_stream(const struct stream_claim *a, const struct stream_claim *b)
{
    return a->ssrc == b->ssrc && a->codec == b->codec && a->rate_hz == b->rate_hz &&
           a->channels == b->channels && llabs(a->link_ns - b->link_ns) <= LINK_TOLERANCE_NS;
}

bool stream_stale(const struct stream *s, raw_ns now)
{
    return now.ns - s->newest.ns > (s->announced ? ANNOUNCED_NS : STALE_NS);
}

static void follow_source(struct stream *s, uint64_t source, raw_ns arrival)
{
    if (source != s->claim.source && arrival.ns - s->from_source.ns <= STALE_NS)
        return;
    s->claim.source = source;
    s->from_source = arrival;
}

enum stream_verdict stream_judge(struct stream *s, const struct stream_claim *claim, raw_ns arrival)
{
    if (s->locked && same_stream(&s->claim, claim)) {
        s->newest = arrival;
        s->claim.priority = claim->priority;
        follow_source(s, claim->source, arrival);
        s->announced = s->announced && claim->starts;
        return STREAM_TAKE;
    }
    if (s->locked && !stream_stale(s, arrival)) {
        bool restarted = claim->starts && claim->source == s->claim.source && claim->ssrc != s->claim.ssrc;

        if (!restarted)
            return STREAM_IGNORE;
    }
    *s = (struct stream){.locked = true,
                         .announced = claim->starts,
                         .claim = *claim,
                         .newest = arrival,
                         .from_source = arrival};
    return STREAM_NEW;
}

void stream_unlock(struct stream *s)
{
    s->locked = false;
}

/* True for a sequence number that was seen before. */
static bool count_sequence(struct stream *s, uint16_t sequence)
{
    int64_t extended, ahead;

    if (!s->counting) {
        s->counting = true;
        s->first = s->highest = sequence;
        s->window = 1;
        s->unique = 1;
        return false;
    }
    extended = s->highest + (int16_t)(sequence - (uint16_t)s->highest);
    ahead = extended - s->highest;
    if (ahead > 0) {
        s->window = ahead < 64 ? s->window << ahead | 1 : 1;
        s->highest = extended;
        s->unique++;
    } else if (ahead > -64 && s->window >> -ahead & 1) {
        s->counters.duplicates++;
        return true;
    } else if (ahead > -64) {
        s->window |= UINT64_C(1) << -ahead;
        s->counters.reordered++;
        s->unique += extended >= s->first;
    }
    return false;
}

bool stream_count(struct stream *s, uint16_t sequence, int64_t transit_ns)
{
    struct stream_counters *c = &s->counters;
    bool duplicate = count_sequence(s, sequence);

    if (c->received++) {
        double change = (double)llabs(transit_ns - s->transit_ns);

        c->jitter_ns += (change - c->jitter_ns) / 16;
    }
    s->transit_ns = transit_ns;
    c->lost = (uint64_t)(s->highest - s->first + 1 - s->unique);
    return duplicate;
}
