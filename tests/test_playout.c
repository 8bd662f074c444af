// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Playout: the chain from a card's frame to the media timeline and back, checked against the same chain in
 * long double, and the step against the difference of two frames.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "receiver/playout.h"

#define RAW0 INT64_C(86400000000123)
#define PTP0 INT64_C(1795000000123456789)

static const double card_ppms[] = {0, 50, -80, 500, -500};
static const double clock_ppms[] = {0, 7.5, -40, 300};
static const uint32_t card_rates[] = {48000, 44100, 96000};
static const uint32_t media_rates[] = {48000, 44100, 88200, 96000};

static struct playout chain(double card_ppm, double clock_ppm, uint32_t card_rate_hz, uint32_t media_rate_hz)
{
    return (struct playout){
        .line = {.frame0 = {INT64_C(123456789012)},
                 .raw0 = {RAW0},
                 .raw0_part = 0.37,
                 .period_ns = 1e9 / (card_rate_hz * (1 + card_ppm * 1e-6))},
        .map = {.raw0 = {RAW0 + 123456},
                .ptp0 = {PTP0},
                .rate_dev = clock_ppm * 1e-6,
                .state = MEDIA_CLOCK_LOCKED},
        .link_ns = 10 * NS_PER_MS + 333,
        .rate_hz = media_rate_hz,
    };
}

/* The exact place of frame n, in samples from the one at PTP0. */
static long double exact(const struct playout *p, int64_t n)
{
    long double raw = (long double)(p->line.raw0.ns - p->map.raw0.ns) + (long double)p->line.raw0_part +
                      (long double)(n - p->line.frame0.n) * (long double)p->line.period_ns;

    return (raw * (1 + (long double)p->map.rate_dev) - (long double)p->link_ns) * p->rate_hz / 1e9L;
}

/* All combinations, each at frames before and after the newest reading. */
static void for_all(void (*check)(const struct playout *p, int64_t n))
{
    for (size_t a = 0; a < sizeof card_ppms / sizeof *card_ppms; a++)
        for (size_t b = 0; b < sizeof clock_ppms / sizeof *clock_ppms; b++)
            for (size_t c = 0; c < sizeof card_rates / sizeof *card_rates; c++)
                for (size_t d = 0; d < sizeof media_rates / sizeof *media_rates; d++) {
                    struct playout p = chain(card_ppms[a], clock_ppms[b], card_rates[c], media_rates[d]);

                    for (int64_t n = -5000; n <= 50000; n += 701)
                        check(&p, p.line.frame0.n + n);
                }
}

static void check_wanted(const struct playout *p, int64_t n)
{
    struct media_pos at = playout_wanted(p, (frame_t){n}), zero = media_pos_at_ptp(p->map.ptp0, p->rate_hz);
    long double off = (long double)media_pos_minus(at, zero) - exact(p, n);

    assert_true(at.part >= 0 && at.part < 1);
    /* two roundings to the nanosecond */
    assert_true(fabsl(off) < 1.1L * p->rate_hz / 1e9L);
}

static void check_step(const struct playout *p, int64_t n)
{
    double step = playout_step(p);
    struct media_pos a = playout_wanted(p, (frame_t){n}), b = playout_wanted(p, (frame_t){n + 480000});

    assert_true(fabs(media_pos_minus(b, a) / 480000 / step - 1) < 1e-9);
}

/* The frame at which a sample is due, and the sample that is due at a frame, are each other's inverse. */
static void check_due(const struct playout *p, int64_t n)
{
    double slack = 2e-9 * p->rate_hz + 1e-9;
    struct media_pos at = playout_wanted(p, (frame_t){n});

    for (int k = -1; k <= 1; k++) {
        media_t m = {at.whole.n + k};
        frame_t due = playout_frame_due(p, m);
        struct media_pos there = {m, 0};

        /* at the frame, rounded down, the sample is just due or not yet; one later it is past */
        assert_true(media_pos_minus(playout_wanted(p, due), there) <= slack);
        assert_true(media_pos_minus(playout_wanted(p, (frame_t){due.n + 1}), there) >= -slack);
    }
}

static void wanted_is_the_chain(void **state)
{
    (void)state;
    for_all(check_wanted);
}

static void step_is_the_slope(void **state)
{
    (void)state;
    for_all(check_step);
}

static void due_is_the_inverse(void **state)
{
    (void)state;
    for_all(check_due);
}

static void known_values(void **state)
{
    struct playout p = {
        .line = {.frame0 = {1000}, .raw0 = {RAW0}, .period_ns = 1e9 / 48000},
        .map = {.raw0 = {RAW0}, .ptp0 = {100 * NS_PER_S}, .state = MEDIA_CLOCK_LOCKED},
        .link_ns = 10 * NS_PER_MS,
        .rate_hz = 48000,
    };
    struct media_pos at = playout_wanted(&p, (frame_t){1000});

    (void)state;
    assert_int_equal(at.whole.n, 4800000 - 480);
    assert_true(at.part == 0);
    at = playout_wanted(&p, (frame_t){1480});
    assert_int_equal(at.whole.n, 4800000);
    assert_true(at.part < 1e-4);
    assert_true(fabs(playout_step(&p) - 1) < 1e-12);
    assert_int_equal(playout_frame_due(&p, (media_t){4800000 - 480}).n, 1000);
    assert_in_range(playout_frame_due(&p, (media_t){4800000}).n, 1479, 1480);
    p.link_ns += NS_PER_S; /* a longer latency: an earlier sample now */
    assert_int_equal(playout_wanted(&p, (frame_t){1000}).whole.n, 4800000 - 480 - 48000);
    p.line.period_ns = 1e9 / 44100;
    assert_true(fabs(playout_step(&p) - 48000.0 / 44100) < 1e-12);
    p.map.rate_dev = 100e-6; /* PTP runs faster: more media for each frame */
    assert_true(playout_step(&p) > 48000.0 / 44100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wanted_is_the_chain),
        cmocka_unit_test(step_is_the_slope),
        cmocka_unit_test(due_is_the_inverse),
        cmocka_unit_test(known_values),
    };

    return cmocka_run_group_tests_name("playout", tests, NULL, NULL);
}
