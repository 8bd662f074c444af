// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The timeline against a model that remembers every frame by its number: random packets around floor, newest
 * and capacity, at every channel count, with the ring wrapping all the time.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "receiver/timeline.h"

enum { MODEL = 1 << 15 };

/* media time of today, and the ones where a sign or a word could go wrong */
static const int64_t places[] = {INT64_C(86160000005925), 0, -1000, -(INT64_C(1) << 40),
                                 (INT64_C(1) << 32) - 100};

static uint64_t random_state;

static size_t below(size_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state >> 16) % n;
}

/* What any frame must hold when version `v` of it was written last. */
static float content(int64_t n, unsigned channel, unsigned version)
{
    return (float)((uint64_t)(n * 131 + channel * 17 + version * 7) % 65521);
}

struct model {
    struct timeline *t;
    unsigned channels;
    int64_t floor, newest;
    int64_t key[MODEL]; /* whose frame this is; it is there when key equals the frame's number */
    unsigned version[MODEL];
    unsigned writes;
};

static size_t index_of(int64_t n)
{
    return (size_t)((uint64_t)n % MODEL);
}

static bool there(const struct model *m, int64_t n)
{
    return n >= m->floor && m->key[index_of(n)] == n;
}

static void reset(struct model *m, unsigned channels, int64_t floor)
{
    timeline_reset(m->t, channels, (media_t){floor});
    m->channels = channels;
    m->floor = m->newest = floor;
    for (size_t i = 0; i < MODEL; i++)
        m->key[i] = INT64_MIN;
}

static void write_packet(struct model *m, int64_t at, size_t frames)
{
    struct timeline_slot slot = {0};
    int64_t end = at + (int64_t)frames, n;
    int error = timeline_claim(m->t, (media_t){at}, frames, &slot);
    bool all = true;

    for (n = at < m->floor ? m->floor : at; n < end; n++)
        all = all && there(m, n);
    if (end <= m->floor) {
        assert_int_equal(error, -ETIME);
        return;
    }
    if (end > m->floor + (int64_t)timeline_capacity(m->t)) {
        assert_int_equal(error, -EOVERFLOW);
        return;
    }
    if (all) {
        assert_int_equal(error, -EEXIST);
        return;
    }
    assert_int_equal(error, 0);
    assert_int_equal(slot.skip, at < m->floor ? m->floor - at : 0);
    assert_int_equal(slot.skip + slot.frames[0] + slot.frames[1], frames);
    m->writes++;
    n = at + (int64_t)slot.skip;
    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < slot.frames[i]; k++, n++) {
            for (unsigned c = 0; c < m->channels; c++)
                slot.area[i][k * m->channels + c] = content(n, c, m->writes);
            m->key[index_of(n)] = n;
            m->version[index_of(n)] = m->writes;
        }
    if (end > m->newest)
        m->newest = end;
}

static void release(struct model *m, int64_t floor)
{
    timeline_release(m->t, (media_t){floor});
    if (floor > m->floor)
        m->floor = floor;
    if (m->newest < m->floor)
        m->newest = m->floor;
}

static void check_runs(const struct model *m, int64_t at, size_t limit)
{
    size_t present = 0, absent = 0;

    while (present < limit && there(m, at + (int64_t)present))
        present++;
    while (absent < limit && !there(m, at + (int64_t)absent))
        absent++;
    assert_int_equal(timeline_present(m->t, (media_t){at}, limit), present);
    assert_int_equal(timeline_absent(m->t, (media_t){at}, limit), absent);
}

static void check_read(const struct model *m, int64_t at, size_t limit)
{
    static float out[4096 * 64];
    size_t frames = timeline_present(m->t, (media_t){at}, limit);

    timeline_read(m->t, (media_t){at}, out, frames);
    for (size_t k = 0; k < frames; k++)
        for (unsigned c = 0; c < m->channels; c++) {
            int64_t n = at + (int64_t)k;

            assert_true(out[k * m->channels + c] == content(n, c, m->version[index_of(n)]));
        }
}

static struct model *new_model(size_t samples)
{
    struct model *m = calloc(1, sizeof *m);

    assert_non_null(m);
    m->t = timeline_create(samples);
    assert_non_null(m->t);
    random_state = 20261121;
    return m;
}

static void free_model(struct model *m)
{
    timeline_destroy(m->t);
    free(m);
}

/* One random thing of all that can happen, somewhere around what is there. */
static void happen(struct model *m)
{
    int64_t capacity = (int64_t)timeline_capacity(m->t);
    int64_t near = m->floor + (int64_t)below((size_t)capacity + 200) - 100;
    static const size_t sizes[] = {1, 6, 48, 64, 63, 65, 128, 12, 5};

    switch (below(10)) {
    case 0: /* late, or in part */
        write_packet(m, m->floor - (int64_t)below(200), 1 + below(150));
        break;
    case 1: /* at the edge of the capacity */
        write_packet(m, m->floor + capacity - (int64_t)below(130), 1 + below(70));
        break;
    case 2: /* a duplicate, or overlapping what is there */
        write_packet(m, m->newest - (int64_t)below(100), 1 + below(100));
        break;
    case 3:
        write_packet(m, near, sizes[below(sizeof sizes / sizeof *sizes)]);
        break;
    case 4:
        release(m, m->floor + (int64_t)below(200) - 20);
        break;
    case 5:
        if (below(20) == 0)
            release(m, m->floor + (int64_t)below(3 * (size_t)capacity));
        break;
    case 6:
        check_runs(m, near, below(300));
        break;
    case 7:
        check_read(m, m->floor + (int64_t)below(100), 1 + below(4000));
        break;
    default: /* the usual: the next packet */
        write_packet(m, m->newest + (below(8) ? 0 : 48), 48);
    }
}

static void behaves_like_the_model(void **state)
{
    struct model *m = new_model(1 << 14);

    (void)state;
    for (size_t p = 0; p < sizeof places / sizeof *places; p++)
        for (unsigned channels = 1; channels <= 64; channels += channels < 9 ? 1 : 11) {
            reset(m, channels, places[p]);
            for (int i = 0; i < 1500; i++) {
                happen(m);
                assert_int_equal(timeline_newest(m->t).n, m->newest);
            }
            check_runs(m, m->floor - 70, 5000);
            check_runs(m, m->floor, 5000);
        }
    free_model(m);
}

/* A power of two of frames, as many as fit, whatever the channels. */
static void capacity_fits_the_room(void **state)
{
    struct timeline *t = timeline_create(1 << 21);

    (void)state;
    for (unsigned channels = 1; channels <= 64; channels++) {
        struct timeline_slot slot;
        size_t capacity;

        timeline_reset(t, channels, (media_t){1000003});
        capacity = timeline_capacity(t);
        assert_int_equal(capacity & (capacity - 1), 0);
        assert_true(capacity * channels <= 1 << 21);
        assert_true(capacity * channels * 2 > 1 << 21);
        assert_int_equal(timeline_claim(t, (media_t){1000003}, capacity + 1, &slot), -EOVERFLOW);
        assert_int_equal(timeline_claim(t, (media_t){1000003}, capacity, &slot), 0);
        assert_int_equal(slot.frames[0] + slot.frames[1], capacity);
        /* every float of it may be written */
        memset(slot.area[0], 0, slot.frames[0] * channels * sizeof(float));
        memset(slot.area[1], 0, slot.frames[1] * channels * sizeof(float));
        assert_int_equal(timeline_present(t, (media_t){1000003}, SIZE_MAX), capacity);
    }
    timeline_destroy(t);
    timeline_destroy(NULL);
}

/* Stretches that begin and end at each place of a bitmap word. */
static void every_edge_of_a_word(void **state)
{
    struct model *m = new_model(1 << 12);

    (void)state;
    for (int64_t from = 0; from < 130; from++)
        for (size_t length = 1; length < 140; length++) {
            reset(m, 1, 1 << 20);
            write_packet(m, (1 << 20) + from, length);
            check_runs(m, 1 << 20, 4096);
            check_runs(m, (1 << 20) + from, 4096);
            check_runs(m, (1 << 20) + from, length);
            check_runs(m, (1 << 20) + from, length - 1);
            check_runs(m, (1 << 20) + from + (int64_t)length, 300);
            if (length > 2) {
                release(m, (1 << 20) + from + (int64_t)length / 2);
                check_runs(m, (1 << 20) + from, 4096);
                check_runs(m, (1 << 20) + from + (int64_t)length / 2, 4096);
            }
        }
    free_model(m);
}

static void late_early_duplicate_are_told_apart(void **state)
{
    struct timeline *t = timeline_create(1 << 10);
    struct timeline_slot slot;

    (void)state;
    timeline_reset(t, 2, (media_t){480});
    assert_int_equal(timeline_newest(t).n, 480);
    assert_int_equal(timeline_claim(t, (media_t){432}, 48, &slot), -ETIME);
    assert_int_equal(timeline_claim(t, (media_t){-100000}, 48, &slot), -ETIME);
    assert_int_equal(timeline_claim(t, (media_t){433}, 48, &slot), 0);
    assert_int_equal(slot.skip, 47);
    assert_int_equal(slot.frames[0] + slot.frames[1], 1);
    assert_int_equal(timeline_newest(t).n, 481);
    assert_int_equal(timeline_claim(t, (media_t){480}, 48, &slot), 0);
    assert_int_equal(timeline_claim(t, (media_t){480}, 48, &slot), -EEXIST);
    assert_int_equal(timeline_claim(t, (media_t){490}, 10, &slot), -EEXIST);
    assert_int_equal(timeline_claim(t, (media_t){500}, 48, &slot), 0); /* 28 of these are there */
    assert_int_equal(timeline_claim(t, (media_t){480 + 512 - 48}, 48, &slot), 0);
    assert_int_equal(timeline_claim(t, (media_t){480 + 512 - 47}, 48, &slot), -EOVERFLOW);
    assert_int_equal(timeline_claim(t, (media_t){INT64_C(1) << 60}, 48, &slot), -EOVERFLOW);
    /* the refused ones left nothing */
    assert_int_equal(timeline_present(t, (media_t){480}, 1000), 68);
    assert_int_equal(timeline_absent(t, (media_t){548}, 1000), 480 + 512 - 48 - 548);
    assert_int_equal(timeline_newest(t).n, 480 + 512);
    timeline_destroy(t);
}

/* What was played is forgotten, so that the same slot one turn later is a hole. */
static void no_ghost_of_the_last_turn(void **state)
{
    struct timeline *t = timeline_create(256);
    struct timeline_slot slot;

    (void)state;
    timeline_reset(t, 1, (media_t){0});
    for (int64_t at = 0; at < 100000; at += 48) {
        assert_int_equal(timeline_absent(t, (media_t){at}, 48), 48);
        if (at / 48 % 3 != 1) {
            assert_int_equal(timeline_claim(t, (media_t){at}, 48, &slot), 0);
            assert_int_equal(timeline_present(t, (media_t){at}, 100), 48);
        }
        timeline_release(t, (media_t){at + 48});
        assert_int_equal(timeline_present(t, (media_t){at}, 100), 0);
    }
    timeline_destroy(t);
}

static void reset_empties(void **state)
{
    struct timeline *t = timeline_create(1 << 12);
    struct timeline_slot slot;

    (void)state;
    timeline_reset(t, 1, (media_t){100});
    assert_int_equal(timeline_claim(t, (media_t){100}, 4096, &slot), 0);
    timeline_reset(t, 8, (media_t){50});
    assert_int_equal(timeline_capacity(t), 512);
    assert_int_equal(timeline_absent(t, (media_t){0}, 5000), 5000);
    assert_int_equal(timeline_newest(t).n, 50);
    timeline_reset(t, 1, (media_t){100});
    assert_int_equal(timeline_absent(t, (media_t){0}, 5000), 5000);
    timeline_destroy(t);
}

static void floor_only_rises(void **state)
{
    struct timeline *t = timeline_create(1 << 10);
    struct timeline_slot slot;

    (void)state;
    timeline_reset(t, 1, (media_t){1000});
    assert_int_equal(timeline_claim(t, (media_t){1000}, 100, &slot), 0);
    timeline_release(t, (media_t){1050});
    timeline_release(t, (media_t){1000});
    timeline_release(t, (media_t){-5});
    assert_int_equal(timeline_present(t, (media_t){1050}, 100), 50);
    assert_int_equal(timeline_claim(t, (media_t){1000}, 50, &slot), -ETIME);
    timeline_release(t, (media_t){INT64_C(1) << 50});
    assert_int_equal(timeline_newest(t).n, INT64_C(1) << 50);
    assert_int_equal(timeline_absent(t, (media_t){1000}, 100), 100);
    assert_int_equal(timeline_claim(t, (media_t){INT64_C(1) << 50}, 100, &slot), 0);
    timeline_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_like_the_model),    cmocka_unit_test(capacity_fits_the_room),
        cmocka_unit_test(every_edge_of_a_word),      cmocka_unit_test(late_early_duplicate_are_told_apart),
        cmocka_unit_test(no_ghost_of_the_last_turn), cmocka_unit_test(reset_empties),
        cmocka_unit_test(floor_only_rises),
    };

    return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
