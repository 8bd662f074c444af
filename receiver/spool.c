// SPDX-License-Identifier: GPL-3.0-or-later
#include "spool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/timebase.h"

enum { PIECE_SAMPLES = 16384, SECONDS = 10 };

struct spool {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct spool_piece *first, *last;
    size_t held, limit; /* floats */
    unsigned channels;
    uint64_t dropped;
    bool closed, abandoned;
};

struct spool *spool_create(void)
{
    struct spool *s = calloc(1, sizeof *s);
    pthread_condattr_t attributes;

    if (!s)
        return NULL;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->filled, &attributes);
    pthread_condattr_destroy(&attributes);
    return s;
}

static void empty(struct spool *s)
{
    while (s->first) {
        struct spool_piece *next = s->first->next;

        free(s->first);
        s->first = next;
    }
    s->last = NULL;
    s->held = 0;
}

void spool_destroy(struct spool *s)
{
    if (!s)
        return;
    empty(s);
    pthread_cond_destroy(&s->filled);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* Appends an empty piece; NULL when memory is short. The lock is held. */
static struct spool_piece *append(struct spool *s, enum spool_kind kind, size_t room)
{
    struct spool_piece *p = malloc(sizeof *p + room * sizeof *p->samples);

    if (!p)
        return NULL;
    *p = (struct spool_piece){.kind = kind, .room = room};
    if (s->last)
        s->last->next = p;
    else
        s->first = p;
    s->last = p;
    s->held += room;
    pthread_cond_signal(&s->filled);
    return p;
}

void spool_begin(void *context, const struct take_format *format)
{
    struct spool *s = context;
    size_t wanted = (size_t)SECONDS * format->rate_hz * format->channels;
    struct spool_piece *p;

    pthread_mutex_lock(&s->lock);
    s->channels = format->channels;
    s->limit = wanted < SPOOL_SAMPLES_MAX ? wanted : SPOOL_SAMPLES_MAX;
    p = s->abandoned ? NULL : append(s, SPOOL_BEGIN, 0);
    if (p)
        p->format = *format;
    else /* what follows would be of no file */
        s->abandoned = true;
    pthread_mutex_unlock(&s->lock);
}

static void add_silence(struct spool *s, size_t frames)
{
    s->dropped += frames;
    if (!s->last || s->last->kind != SPOOL_SILENCE)
        append(s, SPOOL_SILENCE, 0);
    if (s->last && s->last->kind == SPOOL_SILENCE)
        s->last->frames += frames;
}

void spool_frames(void *context, const float *interleaved, size_t frames)
{
    struct spool *s = context;
    size_t samples;

    pthread_mutex_lock(&s->lock);
    samples = frames * s->channels;
    if (!s->abandoned) {
        struct spool_piece *p = s->last;
        bool fits = p && p->kind == SPOOL_FRAMES && p->frames * s->channels + samples <= p->room;

        if (!fits)
            p = s->held + PIECE_SAMPLES <= s->limit ? append(s, SPOOL_FRAMES, PIECE_SAMPLES) : NULL;
        if (p) {
            memcpy(p->samples + p->frames * s->channels, interleaved, samples * sizeof *interleaved);
            p->frames += frames;
        } else {
            add_silence(s, frames);
        }
    }
    pthread_mutex_unlock(&s->lock);
}

void spool_end(void *context)
{
    struct spool *s = context;

    pthread_mutex_lock(&s->lock);
    if (!s->abandoned)
        append(s, SPOOL_END, 0);
    pthread_mutex_unlock(&s->lock);
}

void spool_close(struct spool *s)
{
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    pthread_cond_signal(&s->filled);
    pthread_mutex_unlock(&s->lock);
}

void spool_abandon(struct spool *s)
{
    pthread_mutex_lock(&s->lock);
    s->abandoned = true;
    empty(s);
    pthread_mutex_unlock(&s->lock);
}

struct spool_piece *spool_take(struct spool *s, int timeout_ms, bool *closed)
{
    struct spool_piece *p;
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)timeout_ms * NS_PER_MS;
    until.tv_sec += until.tv_nsec / NS_PER_S;
    until.tv_nsec %= NS_PER_S;
    pthread_mutex_lock(&s->lock);
    while (!s->first && !s->closed && pthread_cond_timedwait(&s->filled, &s->lock, &until) == 0)
        ;
    p = s->first;
    if (p) {
        s->first = p->next;
        s->last = s->first ? s->last : NULL;
        s->held -= p->room;
    }
    *closed = s->closed && !p;
    pthread_mutex_unlock(&s->lock);
    return p;
}

uint64_t spool_dropped(struct spool *s)
{
    uint64_t dropped;

    pthread_mutex_lock(&s->lock);
    dropped = s->dropped;
    pthread_mutex_unlock(&s->lock);
    return dropped;
}
