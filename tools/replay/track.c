// SPDX-License-Identifier: GPL-3.0-or-later
#include "track.h"

#include <stdlib.h>

enum {
    MAX_DROPOUT = 3000, /* RFC 3550 appendix A.1 */
    MAX_MISORDER = 100,
    OLD_MAX = 32768, /* half of the sequence numbers */
};

#define GAP_DOUBT_NS NS_PER_S /* a long gap must have lasted as long as it claims, within this */

void track_init(struct track *t, uint32_t rate_hz)
{
    *t = (struct track){.rate_hz = rate_hz};
}

/* How far its sequence number lies from the highest, the shortest way round. */
static int64_t shortest(const struct track *t, const struct track_packet *p)
{
    return (int16_t)(p->sequence - (uint16_t)(uint64_t)t->highest);
}

/* Media time that passed since the newest sound, beyond what passed by arrival. */
static int64_t ahead_ns(const struct track *t, const struct track_packet *p, int64_t samples)
{
    return ns_of_samples(samples, t->rate_hz) - (p->arrival_ns - t->arrival_ns);
}

/*
 * By how many packets the timestamp says it is away from the newest sound: only when the sequence number
 * agrees. So a gap is measured even if the sequence wrapped in it.
 */
static bool agree(const struct track *t, const struct track_packet *p, int64_t *away)
{
    int64_t ticks = (int32_t)(p->timestamp - t->timestamp);

    if (!t->sounded || ticks % t->frames)
        return false;
    *away = ticks / t->frames;
    if (*away > 0)
        *away += t->silent;
    if ((uint16_t)(p->sequence - (uint16_t)(uint64_t)t->sound_sequence) != (uint16_t)(uint64_t)*away)
        return false;
    return *away > -OLD_MAX && (*away <= MAX_DROPOUT || llabs(ahead_ns(t, p, ticks)) < GAP_DOUBT_NS);
}

/* True when the packet belongs to the sequence; *sequence is then its number without wraps. */
static bool follow(struct track *t, const struct track_packet *p, struct track_step *step)
{
    int64_t near = shortest(t, p), away;

    if (p->frames && agree(t, p, &away))
        step->sequence = t->sound_sequence + away;
    else if (near > -MAX_MISORDER && near <= MAX_DROPOUT)
        step->sequence = t->highest + near;
    else
        return false;
    step->order = step->sequence > t->highest ? TRACK_NEXT : TRACK_OLD;
    t->probation = false;
    return true;
}

static void begin_anew(struct track *t, const struct track_packet *p, struct track_step *step)
{
    if (!t->probation || p->sequence != t->expected) {
        t->probation = true;
        t->expected = (uint16_t)(p->sequence + 1);
        step->order = TRACK_STRAY;
        return;
    }
    t->probation = false;
    /* the number after the highest that has these 16 bits */
    step->sequence = t->highest + 1 + (uint16_t)(p->sequence - (uint16_t)(uint64_t)(t->highest + 1));
    step->order = TRACK_ANEW;
}

static media_t place(const struct track *t, const struct track_packet *p, media_t near)
{
    if (p->placed)
        return p->at;
    return media_unwrap(p->timestamp, t->sounded ? t->at : near);
}

/* What the newest sound and the sequence number let expect of the timestamp. */
static void compare(struct track *t, const struct track_packet *p, struct track_step *step)
{
    int64_t packets = step->sequence - t->sound_sequence - t->silent;
    int64_t ahead = ahead_ns(t, p, step->at.n - t->at.n);

    if (t->announced) {
        t->era++;
        t->segment++;
        return;
    }
    if (step->order == TRACK_NEXT) {
        step->jump = step->at.n - t->at.n - packets * t->frames;
        step->jumped = step->jump != 0;
        step->waited = llabs(ahead) < llabs(ns_of_samples(step->jump, t->rate_hz)) / 2;
    }
    if ((step->jumped || step->order == TRACK_ANEW) && llabs(ahead) > TRACK_STEP_NS)
        t->segment++;
}

static void take_sound(struct track *t, const struct track_packet *p, media_t near, struct track_step *step)
{
    step->at = place(t, p, near);
    if (step->order != TRACK_OLD) {
        if (t->sounded)
            compare(t, p, step);
        t->sounded = true;
        t->sound_sequence = step->sequence;
        t->timestamp = p->timestamp;
        t->at = step->at;
        t->frames = p->frames;
        t->arrival_ns = p->arrival_ns;
        t->silent = 0;
        t->announced = false;
    }
}

void track_take(struct track *t, const struct track_packet *p, media_t near, struct track_step *step)
{
    *step = (struct track_step){.order = TRACK_FIRST, .sequence = p->sequence, .at = t->at};
    if (t->begun && !follow(t, p, step))
        begin_anew(t, p, step);
    if (step->order == TRACK_STRAY)
        return;
    t->begun = true;
    if (step->order != TRACK_OLD)
        t->highest = step->sequence;
    if (p->frames) {
        take_sound(t, p, near, step);
    } else if (step->order != TRACK_OLD) {
        t->silent++;
        t->announced = t->announced || (p->announces && t->sounded);
    }
    step->segment = t->segment;
    step->era = t->era;
}
