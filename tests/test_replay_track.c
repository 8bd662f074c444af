// SPDX-License-Identifier: GPL-3.0-or-later
/* unisono-replay: the track of a stream, what is lost of it, and histograms, on sequences whose truth is
 * known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tools/replay/histogram.h"
#include "tools/replay/losses.h"
#include "tools/replay/track.h"

enum { FRAMES = 48 };

static const media_t near = {0};

static struct track_step take(struct track *t, int64_t number, uint32_t timestamp, int64_t arrival_ns)
{
    struct track_packet p = {.sequence = (uint16_t)(uint64_t)number,
                             .timestamp = timestamp,
                             .frames = FRAMES,
                             .arrival_ns = arrival_ns};
    struct track_step step;

    track_take(t, &p, near, &step);
    return step;
}

/* Packet `number` of a steady stream that begins with this timestamp. */
static struct track_step steady(struct track *t, int64_t number, uint32_t first)
{
    return take(t, number, first + (uint32_t)number * FRAMES, number * NS_PER_MS);
}

static void test_both_wrap(void **state)
{
    struct track t;

    (void)state;
    track_init(&t, 48000);
    for (int64_t i = 65000; i < 65000 + 3 * 65536; i++) {
        struct track_step step = steady(&t, i, (uint32_t)-65500 * FRAMES);

        assert_int_equal(step.order, i == 65000 ? TRACK_FIRST : TRACK_NEXT);
        assert_int_equal(step.sequence, i);
        assert_int_equal(step.at.n, (i - 65500) * FRAMES);
        assert_false(step.jumped);
        assert_int_equal(step.segment, 0);
    }
}

static void test_old_packets(void **state)
{
    struct track t;
    struct track_step step;

    (void)state;
    track_init(&t, 48000);
    for (int64_t i = 0; i < 200; i++)
        steady(&t, i, 0);
    step = take(&t, 150, 150 * FRAMES, 200 * NS_PER_MS);
    assert_int_equal(step.order, TRACK_OLD);
    assert_int_equal(step.sequence, 150);
    assert_int_equal(step.at.n, 150 * FRAMES);
    /* and the track goes on where it was */
    step = steady(&t, 200, 0);
    assert_int_equal(step.order, TRACK_NEXT);
    assert_false(step.jumped);
}

static void test_a_gap_longer_than_the_sequence(void **state)
{
    struct track t;
    struct track_step step;

    (void)state;
    track_init(&t, 48000);
    steady(&t, 0, 0);
    steady(&t, 1, 0);
    step = steady(&t, 70002, 0);
    assert_int_equal(step.order, TRACK_NEXT);
    assert_int_equal(step.sequence, 70002);
    assert_false(step.jumped);
    /* the same claim, but no time passed: nobody believes it */
    step = take(&t, 210000, 210000u * FRAMES, 70003 * NS_PER_MS);
    assert_int_equal(step.order, TRACK_STRAY);
}

static void test_a_jump_of_the_timestamp(void **state)
{
    struct track t;
    struct track_step step;

    (void)state;
    track_init(&t, 48000);
    steady(&t, 0, 0);
    step = take(&t, 1, FRAMES + 4800, NS_PER_MS);
    assert_true(step.jumped);
    assert_false(step.waited);
    assert_int_equal(step.jump, 4800);
    assert_int_equal(step.segment, 1);
    assert_int_equal(step.era, 0);
    step = take(&t, 2, 2 * FRAMES + 4800, 2 * NS_PER_MS);
    assert_false(step.jumped);
    assert_int_equal(step.segment, 1);
    /* back, by less than what begins a segment */
    step = take(&t, 3, 3 * FRAMES + 4752, 3 * NS_PER_MS);
    assert_true(step.jumped);
    assert_int_equal(step.jump, -48);
    assert_int_equal(step.segment, 1);
}

static void test_frames_left_out(void **state)
{
    struct track t;
    struct track_step step;

    (void)state;
    track_init(&t, 48000);
    steady(&t, 0, 0);
    step = take(&t, 1, FRAMES + 48000, 1001 * NS_PER_MS);
    assert_true(step.jumped);
    assert_true(step.waited);
    assert_int_equal(step.jump, 48000);
    assert_int_equal(step.segment, 0);
}

static void test_a_new_sequence(void **state)
{
    struct track t;
    struct track_step step;

    (void)state;
    track_init(&t, 48000);
    for (int64_t i = 0; i < 10; i++)
        steady(&t, i, 0);
    /* one stray packet is forgotten */
    assert_int_equal(take(&t, 30000, 12345, 10 * NS_PER_MS).order, TRACK_STRAY);
    assert_int_equal(steady(&t, 10, 0).order, TRACK_NEXT);
    /* two in a row are not */
    assert_int_equal(take(&t, 40000, 11 * FRAMES, 11 * NS_PER_MS).order, TRACK_STRAY);
    step = take(&t, 40001, 12 * FRAMES, 12 * NS_PER_MS);
    assert_int_equal(step.order, TRACK_ANEW);
    assert_int_equal((uint16_t)step.sequence, 40001);
    assert_int_equal(step.segment, 0); /* the timestamps went on */
    step = take(&t, 40002, 13 * FRAMES, 13 * NS_PER_MS);
    assert_int_equal(step.order, TRACK_NEXT);
    assert_false(step.jumped);
}

static void test_an_announced_beginning(void **state)
{
    struct track t;
    struct track_packet init = {.sequence = 2, .timestamp = 999, .announces = true};
    struct track_step step;

    (void)state;
    track_init(&t, 48000);
    init.sequence = 65535; /* before the first sound it is no new era */
    track_take(&t, &init, near, &step);
    steady(&t, 65536, 0);
    steady(&t, 65537, 0);
    init.sequence = 2;
    track_take(&t, &init, near, &step);
    assert_int_equal(step.order, TRACK_NEXT);
    assert_int_equal(step.era, 0);
    step = take(&t, 65539, 1u << 30, 65539 * NS_PER_MS);
    assert_int_equal(step.order, TRACK_NEXT);
    assert_false(step.jumped);
    assert_int_equal(step.era, 1);
    assert_int_equal(step.segment, 1);
}

/* Packets without sound have numbers, and no time. */
static void test_silent_packets(void **state)
{
    struct track t;
    struct track_packet silent = {.sequence = 2, .timestamp = 12345};
    struct track_step step;

    (void)state;
    track_init(&t, 48000);
    take(&t, 0, 0, 0);
    take(&t, 1, FRAMES, NS_PER_MS);
    track_take(&t, &silent, near, &step);
    assert_int_equal(step.order, TRACK_NEXT);
    assert_int_equal(step.at.n, FRAMES);
    step = take(&t, 3, 2 * FRAMES, 2 * NS_PER_MS);
    assert_int_equal(step.order, TRACK_NEXT);
    assert_false(step.jumped);
    /* another one, and a gap behind it in which the sequence wraps */
    silent.sequence = 4;
    track_take(&t, &silent, near, &step);
    step = take(&t, 70010, 70008 * FRAMES, 70008 * NS_PER_MS);
    assert_int_equal(step.sequence, 70010);
    assert_false(step.jumped);
}

/* ---- losses -------------------------------------------------------------------------------------------- */

static void test_bursts(void **state)
{
    struct losses l;
    uint64_t lost = 0;

    (void)state;
    losses_init(&l);
    for (int64_t i = 1000; i < 20000; i++) {
        /* one, three in a row, twenty in a row, and 2000, more than the window holds */
        bool gone =
            i == 1500 || (i >= 2000 && i < 2003) || (i >= 3000 && i < 3020) || (i >= 9000 && i < 11000);

        lost += gone;
        if (!gone)
            assert_false(losses_take(&l, i, false));
    }
    losses_finish(&l);
    assert_int_equal(lost, 2024);
    assert_int_equal(l.lost, lost);
    assert_int_equal(l.expected, 19000);
    assert_int_equal(l.burst_max, 2000);
    assert_int_equal(l.bursts[0], 1);
    assert_int_equal(l.bursts[2], 1);
    assert_int_equal(l.bursts[5], 1);
    assert_int_equal(l.bursts[7], 1);
    assert_int_equal(l.duplicates + l.reordered, 0);
}

static void test_out_of_order_is_not_lost(void **state)
{
    struct losses l;

    (void)state;
    losses_init(&l);
    for (int64_t i = 0; i < 5000; i++) {
        if (i == 100 || i == 2000)
            continue;
        losses_take(&l, i, false);
        if (i == 105)
            assert_false(losses_take(&l, 100, false));
        if (i == 2001)
            assert_false(losses_take(&l, 2000, false));
        if (i == 3000)
            assert_true(losses_take(&l, 2999, false));
    }
    losses_finish(&l);
    assert_int_equal(l.lost, 0);
    assert_int_equal(l.reordered, 2);
    assert_int_equal(l.depth_max, 5);
    assert_int_equal(l.duplicates, 1);
}

static void test_the_last_gap_counts(void **state)
{
    struct losses l;

    (void)state;
    losses_init(&l);
    losses_take(&l, 7, false);
    losses_take(&l, 10, false);
    losses_take(&l, 50000, true); /* another sequence: no loss in between */
    losses_take(&l, 50002, false);
    losses_finish(&l);
    assert_int_equal(l.lost, 3);
    assert_int_equal(l.bursts[0], 1);
    assert_int_equal(l.bursts[1], 1);
    assert_int_equal(l.expected, 7);
}

/* ---- histograms ---------------------------------------------------------------------------------------- */

static void test_quantiles(void **state)
{
    static struct histogram h;

    (void)state;
    histogram_init(&h);
    assert_int_equal(histogram_quantile(&h, 0.5), 0);
    for (int64_t i = 1; i <= 100000; i++)
        histogram_add(&h, i * 1000);
    for (int percent = 1; percent <= 100; percent++) {
        int64_t truth = percent * INT64_C(1000000), q = histogram_quantile(&h, percent / 100.0);

        assert_true(q >= truth && q <= truth + truth / 60);
    }
    assert_int_equal(h.min_ns, 1000);
    assert_int_equal(histogram_quantile(&h, 1), 100000000);
    histogram_add(&h, -5000);
    histogram_add(&h, INT64_MAX);
    assert_int_equal(histogram_quantile(&h, 0), -5000);
    assert_int_equal(h.max_ns, INT64_MAX);
}

static void test_bars(void **state)
{
    static const int64_t edges[] = {-10, 0, 10};
    struct bars b;

    (void)state;
    bars_init(&b, edges, 3);
    for (int64_t x = -12; x < 15; x++)
        bars_add(&b, x);
    assert_int_equal(b.bar[0], 2);
    assert_int_equal(b.bar[1], 10);
    assert_int_equal(b.bar[2], 10);
    assert_int_equal(b.bar[3], 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_wrap),
        cmocka_unit_test(test_old_packets),
        cmocka_unit_test(test_a_gap_longer_than_the_sequence),
        cmocka_unit_test(test_a_jump_of_the_timestamp),
        cmocka_unit_test(test_frames_left_out),
        cmocka_unit_test(test_a_new_sequence),
        cmocka_unit_test(test_an_announced_beginning),
        cmocka_unit_test(test_silent_packets),
        cmocka_unit_test(test_bursts),
        cmocka_unit_test(test_out_of_order_is_not_lost),
        cmocka_unit_test(test_the_last_gap_counts),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_bars),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
