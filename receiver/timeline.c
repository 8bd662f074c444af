// SPDX-License-Identifier: GPL-3.0-or-later
#include "timeline.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct timeline {
    float *samples;
    uint64_t *present; /* one bit a frame */
    size_t size;       /* floats in samples */
    size_t capacity;   /* frames, a power of two and at least 64 */
    unsigned channels;
    media_t floor;
    media_t newest;
};

struct timeline *timeline_create(size_t samples)
{
    struct timeline *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->size = samples;
    t->samples = calloc(samples, sizeof *t->samples);
    t->present = calloc(samples / 64 + 1, sizeof *t->present);
    if (!t->samples || !t->present) {
        timeline_destroy(t);
        return NULL;
    }
    timeline_reset(t, 1, (media_t){0});
    return t;
}

void timeline_destroy(struct timeline *t)
{
    if (!t)
        return;
    free(t->samples);
    free(t->present);
    free(t);
}

void timeline_reset(struct timeline *t, unsigned channels, media_t floor)
{
    size_t capacity = 64;

    while (capacity * 2 * channels <= t->size)
        capacity *= 2;
    t->capacity = capacity;
    t->channels = channels;
    t->floor = floor;
    t->newest = floor;
    memset(t->present, 0, capacity / 8);
}

size_t timeline_capacity(const struct timeline *t)
{
    return t->capacity;
}

static size_t slot_of(const struct timeline *t, int64_t n)
{
    return (size_t)((uint64_t)n & (t->capacity - 1));
}

/* How many frames from n on have their bit equal to `value`, a word at a time. */
static size_t run_length(const struct timeline *t, int64_t n, size_t limit, bool value)
{
    size_t run = 0;

    while (run < limit) {
        size_t slot = slot_of(t, n + (int64_t)run);
        uint64_t word = t->present[slot / 64] >> (slot % 64);
        size_t here = 64 - slot % 64;
        uint64_t other = value ? ~word : word;
        size_t same = other ? (size_t)__builtin_ctzll(other) : 64;

        if (same < here)
            return run + same < limit ? run + same : limit;
        run += here;
    }
    return limit;
}

static void set_present(struct timeline *t, int64_t n, size_t frames, bool value)
{
    for (size_t done = 0; done < frames;) {
        size_t slot = slot_of(t, n + (int64_t)done);
        size_t here = 64 - slot % 64;
        uint64_t mask;

        if (here > frames - done)
            here = frames - done;
        mask = (here == 64 ? ~UINT64_C(0) : (UINT64_C(1) << here) - 1) << (slot % 64);
        if (value)
            t->present[slot / 64] |= mask;
        else
            t->present[slot / 64] &= ~mask;
        done += here;
    }
}

int timeline_claim(struct timeline *t, media_t at, size_t frames, struct timeline_slot *slot)
{
    int64_t end = at.n + (int64_t)frames;
    int64_t first = at.n < t->floor.n ? t->floor.n : at.n;
    size_t wanted, start, before_wrap;

    if (end <= t->floor.n)
        return -ETIME;
    if (end > t->floor.n + (int64_t)t->capacity)
        return -EOVERFLOW;
    wanted = (size_t)(end - first);
    if (run_length(t, first, wanted, true) == wanted)
        return -EEXIST;
    start = slot_of(t, first);
    before_wrap = t->capacity - start < wanted ? t->capacity - start : wanted;
    slot->skip = (size_t)(first - at.n);
    slot->frames[0] = before_wrap;
    slot->area[0] = t->samples + start * t->channels;
    slot->frames[1] = wanted - before_wrap;
    slot->area[1] = t->samples;
    set_present(t, first, wanted, true);
    if (end > t->newest.n)
        t->newest.n = end;
    return 0;
}

/* Frames outside the ring's present span are absent, whatever the bit of their slot says. */
static size_t inside(const struct timeline *t, int64_t n, size_t limit)
{
    if (n < t->floor.n || n >= t->newest.n)
        return 0;
    return (uint64_t)(t->newest.n - n) < limit ? (size_t)(t->newest.n - n) : limit;
}

size_t timeline_present(const struct timeline *t, media_t at, size_t limit)
{
    return run_length(t, at.n, inside(t, at.n, limit), true);
}

size_t timeline_absent(const struct timeline *t, media_t at, size_t limit)
{
    size_t below = 0, span, run;

    if (at.n < t->floor.n) {
        uint64_t distance = (uint64_t)(t->floor.n - at.n);

        if (distance >= limit)
            return limit;
        below = (size_t)distance;
    }
    span = inside(t, at.n + (int64_t)below, limit - below);
    run = run_length(t, at.n + (int64_t)below, span, false);
    /* beyond the newest frame nothing is present */
    return run == span ? limit : below + run;
}

void timeline_read(const struct timeline *t, media_t at, float *out, size_t frames)
{
    size_t start = slot_of(t, at.n);
    size_t before_wrap = t->capacity - start < frames ? t->capacity - start : frames;
    size_t width = t->channels * sizeof *out;

    memcpy(out, t->samples + start * t->channels, before_wrap * width);
    memcpy(out + before_wrap * t->channels, t->samples, (frames - before_wrap) * width);
}

void timeline_release(struct timeline *t, media_t floor)
{
    int64_t clear_end = floor.n < t->newest.n ? floor.n : t->newest.n;

    if (floor.n <= t->floor.n)
        return;
    if (clear_end > t->floor.n)
        set_present(t, t->floor.n, (size_t)(clear_end - t->floor.n), false);
    t->floor = floor;
    if (t->newest.n < floor.n)
        t->newest = floor;
}

media_t timeline_floor(const struct timeline *t)
{
    return t->floor;
}

media_t timeline_newest(const struct timeline *t)
{
    return t->newest;
}
