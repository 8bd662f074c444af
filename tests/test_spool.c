// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Spool: what is put comes out in order, what finds no room comes out as silence of the same length, and
 * nothing is held without bounds.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "receiver/spool.h"

enum { CHANNELS = 2, RATE = 48000, BLOCK = 240 };

static const struct take_format format = {
    .codec = RTP_CODEC_L24, .rate_hz = RATE, .channels = CHANNELS, .at = {77}};

static int set_up(void **state)
{
    *state = spool_create();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    spool_destroy(*state);
    return 0;
}

/* Frame n is n, on all channels. */
static void put(struct spool *s, int from, int frames)
{
    float block[BLOCK * CHANNELS];

    for (int n = from; n < from + frames; n += BLOCK) {
        for (int i = 0; i < BLOCK * CHANNELS; i++)
            block[i] = (float)(n + i / CHANNELS);
        spool_frames(s, block, BLOCK);
    }
}

static struct spool_piece *take(struct spool *s)
{
    bool closed;

    return spool_take(s, 0, &closed);
}

/* Takes pieces up to one that is of another kind, and returns that; all frames follow `*next`. */
static struct spool_piece *take_frames(struct spool *s, int *next)
{
    struct spool_piece *p;

    while ((p = take(s)) && p->kind == SPOOL_FRAMES) {
        for (size_t i = 0; i < p->frames * CHANNELS; i++)
            assert_true(p->samples[i] == (float)(*next + (int)i / CHANNELS));
        *next += (int)p->frames;
        free(p);
    }
    return p;
}

static void keeps_order(void **state)
{
    struct spool *s = *state;
    struct spool_piece *p;
    bool closed;
    int next = 0;

    spool_begin(s, &format);
    put(s, 0, 100 * BLOCK);
    spool_end(s);
    spool_close(s);
    p = spool_take(s, 0, &closed);
    assert_false(closed);
    assert_int_equal(p->kind, SPOOL_BEGIN);
    assert_int_equal(p->format.at.n, 77);
    free(p);
    p = take_frames(s, &next);
    assert_int_equal(next, 100 * BLOCK);
    assert_int_equal(p->kind, SPOOL_END);
    free(p);
    assert_null(spool_take(s, 1000, &closed)); /* does not wait for what will not come */
    assert_true(closed);
}

static void what_finds_no_room_is_silence(void **state)
{
    struct spool *s = *state;
    struct spool_piece *p;
    int next = 0, resumed, all = 11 * RATE;

    spool_begin(s, &format);
    put(s, 0, all);
    free(take(s));
    p = take_frames(s, &next);
    assert_in_range(next, 10 * RATE - 16384, 10 * RATE);
    assert_int_equal(p->kind, SPOOL_SILENCE);
    assert_int_equal(p->frames, all - next);
    assert_int_equal(spool_dropped(s), all - next);
    free(p);
    assert_null(take(s));
    resumed = all;
    put(s, all, BLOCK);
    assert_null(take_frames(s, &resumed));
    assert_int_equal(resumed, all + BLOCK);
}

/* While silence waits, sound that finds room again stands behind it. */
static void goes_on_behind_silence(void **state)
{
    struct spool *s = *state;
    struct spool_piece *p;
    int next = 0, all = 11 * RATE, resumed = all;

    spool_begin(s, &format);
    put(s, 0, all);
    free(take(s));
    p = take(s); /* room again */
    next = (int)p->frames;
    free(p);
    put(s, all, BLOCK);
    p = take_frames(s, &next);
    assert_int_equal(p->kind, SPOOL_SILENCE);
    assert_int_equal(next + (int)p->frames, all);
    free(p);
    assert_null(take_frames(s, &resumed));
    assert_int_equal(resumed, all + BLOCK);
}

static void forgets_what_is_abandoned(void **state)
{
    struct spool *s = *state;

    spool_begin(s, &format);
    put(s, 0, RATE);
    spool_abandon(s);
    put(s, 0, RATE);
    spool_end(s);
    spool_begin(s, &format);
    assert_null(take(s));
    assert_int_equal(spool_dropped(s), 0);
}

static void *put_nine_seconds(void *s)
{
    spool_begin(s, &format);
    put(s, 0, 9 * RATE);
    spool_close(s);
    return NULL;
}

static void between_two_threads(void **state)
{
    struct spool *s = *state;
    struct spool_piece *p;
    bool closed = false;
    pthread_t thread;
    int next = 0;

    assert_int_equal(pthread_create(&thread, NULL, put_nine_seconds, s), 0);
    while (!closed) {
        p = spool_take(s, 10000, &closed);
        for (size_t i = 0; p && i < p->frames * CHANNELS; i++)
            assert_true(p->samples[i] == (float)(next + (int)i / CHANNELS));
        next += p ? (int)p->frames : 0;
        free(p);
    }
    pthread_join(thread, NULL);
    assert_int_equal(next, 9 * RATE);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(keeps_order),
        TEST(what_finds_no_room_is_silence),
        TEST(goes_on_behind_silence),
        TEST(forgets_what_is_abandoned),
        TEST(between_two_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
