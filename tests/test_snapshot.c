// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The snapshot: one writer and three readers at full speed. Every copy must be of one piece, and never older
 * than the copy before. Runs under the thread sanitizer, too.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "proto/snapshot.h"

enum { WORDS = 50, STORES = 200000, READERS = 3 };

/* Every field follows from the first, so that a torn copy shows. The size is no multiple of 8. */
struct record {
    uint64_t number;
    uint64_t words[WORDS];
    char tail[5];
};

struct room {
    SNAPSHOT_OF(struct record) shared;
    _Atomic int done;
};

struct reader {
    struct room *room;
    uint64_t loads, changes, torn, older;
};

static void fill(struct record *r, uint64_t number)
{
    memset(r, 0, sizeof *r);
    r->number = number;
    for (size_t i = 0; i < WORDS; i++)
        r->words[i] = number * (2 * i + 3);
    memset(r->tail, (int)(number & 0x7f), sizeof r->tail);
}

static int whole(const struct record *r)
{
    struct record wanted;

    fill(&wanted, r->number);
    return memcmp(&wanted.words, &r->words, sizeof r->words) == 0 &&
           memcmp(&wanted.tail, &r->tail, sizeof r->tail) == 0;
}

static void *read_on(void *context)
{
    struct reader *reader = context;
    uint64_t before = 0;
    int done;

    do {
        struct record copy;

        done = atomic_load(&reader->room->done);
        SNAPSHOT_LOAD(&reader->room->shared, &copy);
        reader->loads++;
        reader->torn += !whole(&copy);
        reader->older += copy.number < before;
        reader->changes += copy.number != before;
        before = copy.number;
    } while (!done);
    return NULL;
}

static void what_is_stored_is_loaded(void **state)
{
    SNAPSHOT_OF(struct record) shared = {0};
    struct record in, out;

    (void)state;
    SNAPSHOT_LOAD(&shared, &out); /* before the first store: zeros */
    fill(&in, 0);
    assert_memory_equal(&in, &out, sizeof in);
    for (uint64_t i = 1; i < 1000; i++) {
        fill(&in, i * 77777777777);
        SNAPSHOT_STORE(&shared, &in);
        memset(&out, 0xff, sizeof out);
        SNAPSHOT_LOAD(&shared, &out);
        assert_memory_equal(&in, &out, sizeof in);
    }
}

/* Sizes around a word: no byte is forgotten and none behind it is touched. */
static void every_size_is_copied_exactly(void **state)
{
#define CHECK_SIZE(size)                                                                                     \
    do {                                                                                                     \
        struct bytes {                                                                                       \
            unsigned char b[size];                                                                           \
        };                                                                                                   \
        SNAPSHOT_OF(struct bytes) shared = {0};                                                              \
        struct {                                                                                             \
            struct bytes copy;                                                                               \
            unsigned char behind[16];                                                                        \
        } out;                                                                                               \
        struct bytes in;                                                                                     \
                                                                                                             \
        for (int i = 0; i < size; i++)                                                                       \
            in.b[i] = (unsigned char)(i * 31 + 7);                                                           \
        memset(&out, 0xa5, sizeof out);                                                                      \
        SNAPSHOT_STORE(&shared, &in);                                                                        \
        SNAPSHOT_LOAD(&shared, &out.copy);                                                                   \
        assert_memory_equal(&out.copy, &in, size);                                                           \
        for (int i = 0; i < 16; i++)                                                                         \
            assert_int_equal(out.behind[i], 0xa5);                                                           \
    } while (0)

    (void)state;
    CHECK_SIZE(1);
    CHECK_SIZE(7);
    CHECK_SIZE(8);
    CHECK_SIZE(9);
    CHECK_SIZE(15);
    CHECK_SIZE(16);
    CHECK_SIZE(17);
    CHECK_SIZE(4095);
}

static void copies_are_never_torn(void **state)
{
    static struct room room;
    struct reader readers[READERS] = {0};
    pthread_t threads[READERS];
    struct record in;

    (void)state;
    fill(&in, 0);
    SNAPSHOT_STORE(&room.shared, &in);
    for (int i = 0; i < READERS; i++) {
        readers[i].room = &room;
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    }
    for (uint64_t n = 1; n <= STORES; n++) {
        fill(&in, n);
        SNAPSHOT_STORE(&room.shared, &in);
    }
    atomic_store(&room.done, 1);
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(readers[i].torn, 0);
        assert_int_equal(readers[i].older, 0);
        assert_true(readers[i].loads > 0);
    }
    SNAPSHOT_LOAD(&room.shared, &in);
    assert_int_equal(in.number, STORES);
}

/* The next version is half made, and its writer has been preempted by who reads now: the newest is there. */
static void a_writer_that_is_held_up_holds_up_nobody(void **state)
{
    static struct room room;
    struct record in, out;

    (void)state;
    for (uint64_t n = 1; n <= 4; n++) {
        _Atomic uint64_t *next = room.shared.slots[n % 2 ? 0 : 1];

        fill(&in, n);
        SNAPSHOT_STORE(&room.shared, &in);
        for (size_t i = 0; i < WORDS / 2; i++)
            atomic_store(&next[i], n + i);
        memset(&out, 0xff, sizeof out);
        SNAPSHOT_LOAD(&room.shared, &out);
        assert_memory_equal(&in, &out, sizeof in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_stored_is_loaded),
        cmocka_unit_test(every_size_is_copied_exactly),
        cmocka_unit_test(copies_are_never_torn),
        cmocka_unit_test(a_writer_that_is_held_up_holds_up_nobody),
    };

    return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
