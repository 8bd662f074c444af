// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The card observer against cards whose crystal is known: pointers of 1, 6 and 48 frames, readers that are
 * held up, counts that jump, crystals that warm up. Errors are measured against the true line, at the
 * newest reading, where playout uses it.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "proto/observer.h"

#define RAW0 INT64_C(86400000000123)

/* A card and the thread that asks it. */
struct card {
    struct observer observer;
    int64_t raw;    /* now */
    int64_t frame;  /* whole frames that have passed the converter */
    double part;    /* and the part of the next */
    int64_t offset; /* what the driver's count is off by: a jump */
    double ppm;
    int granule;
    double held_up;    /* probability that the reader is preempted between pointer and stamp */
    double held_up_ns; /* for up to so long */
    int64_t interval_ns;
    bool stuck; /* the pointer does not move, the converter does not either */
    uint64_t random;
    uint64_t restarts; /* seen as the return value */
};

static double uniform(struct card *c)
{
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return (double)(c->random >> 11) / 9007199254740992.0;
}

static struct card new_card(double ppm, int granule)
{
    struct card c = {.raw = RAW0, .ppm = ppm, .granule = granule, .interval_ns = 500000, .random = 20261121};

    observer_init(&c.observer, 48000);
    return c;
}

static double true_period_ns(const struct card *c)
{
    return 1e9 / (48000 * (1 + c->ppm * 1e-6));
}

static void pass(struct card *c, int64_t ns)
{
    double ahead = c->part + (double)ns / true_period_ns(c);

    c->raw += ns;
    if (c->stuck)
        return;
    c->frame += (int64_t)floor(ahead);
    c->part = ahead - floor(ahead);
}

static int64_t pointer(const struct card *c)
{
    return c->frame - c->frame % c->granule + c->offset;
}

/* One dithered wake-up and its reading. */
static bool read_card(struct card *c)
{
    int64_t late;
    bool restarted;

    pass(c, c->interval_ns * 3 / 4 + (int64_t)(uniform(c) * (double)c->interval_ns / 2));
    late = 60 + (int64_t)(40 * uniform(c));
    if (uniform(c) < c->held_up)
        late += (int64_t)(uniform(c) * c->held_up_ns);
    restarted = observer_reading(&c->observer, (raw_ns){c->raw + late}, (frame_t){pointer(c)});
    c->restarts += restarted;
    return restarted;
}

/* When the line says the present place passes the converter, minus when it does: positive is late. */
static double error_ns(const struct card *c)
{
    struct card_line line;
    double frames, whole_ns;

    if (!observer_line(&c->observer, &line))
        return NAN;
    frames = (double)(c->frame + c->offset - line.frame0.n) + c->part;
    whole_ns = (double)(line.raw0.ns - c->raw);
    return whole_ns + line.raw0_part + frames * line.period_ns;
}

static double rate_error_ppm(const struct card *c)
{
    return observer_ppm(&c->observer) - c->ppm;
}

static double worst_in(struct card *c, double seconds)
{
    int64_t end = c->raw + (int64_t)(seconds * 1e9);
    double worst = 0;

    while (c->raw < end) {
        read_card(c);
        worst = fmax(worst, fabs(error_ns(c)));
    }
    return worst;
}

static void line_and_inverse_agree(void **state)
{
    struct card_line line = {
        .frame0 = {INT64_C(1) << 40}, .raw0 = {RAW0}, .raw0_part = 0.7, .period_ns = 20833.217};

    (void)state;
    for (int64_t k = -1000000; k <= 1000000; k += 997) {
        raw_ns t = card_line_raw(&line, (frame_t){line.frame0.n + k});

        assert_true(fabs((double)(t.ns - RAW0) - (0.7 + (double)k * 20833.217)) < 0.51);
        assert_true(fabs(card_line_frames_since(&line, t) - (double)k) < 0.51 / 20833);
    }
}

static void knows_nothing_before_16_readings(void **state)
{
    struct card c = new_card(0, 1);
    struct card_line line;

    (void)state;
    assert_true(observer_ppm(&c.observer) == 0);
    for (int i = 0; i < 15; i++) {
        read_card(&c);
        assert_false(observer_line(&c.observer, &line));
    }
    for (int i = 0; i < 4; i++)
        read_card(&c);
    assert_true(observer_line(&c.observer, &line));
    assert_int_equal(c.restarts, 0);
}

/* A coarse pointer names one frame for many readings. That is no line, whatever was known before. */
static void knows_nothing_before_the_second_step(void **state)
{
    struct card c = new_card(40, 1024);
    struct card_line line;
    int64_t step;

    (void)state;
    for (int run = 0; run < 2; run++) {
        unsigned readings = 0;

        for (step = pointer(&c), read_card(&c); pointer(&c) == step;)
            read_card(&c);
        for (step = pointer(&c); pointer(&c) == step; readings++) {
            assert_false(observer_line(&c.observer, &line));
            read_card(&c);
        }
        assert_true(readings > 32);
        assert_true(observer_line(&c.observer, &line));
        assert_true(line.sigma_ns > 0);
        assert_true(fabs(error_ns(&c)) < 1e6);
        assert_true(c.restarts == 0);
        for (int i = 0; i < 500; i++)
            read_card(&c);
        c.offset += 5000;
        observer_restart(&c.observer);
    }
}

static void line_is_well_formed(void **state)
{
    struct card c = new_card(-80, 6);
    struct card_line line;
    double parts = 0;
    int lines = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        read_card(&c);
        if (!observer_line(&c.observer, &line))
            continue;
        assert_true(line.raw0_part >= 0 && line.raw0_part < 1);
        parts += line.raw0_part;
        lines++;
        assert_true(line.frame0.n <= pointer(&c));
        assert_true(line.sigma_ns > 0);
        assert_true(fabs(line.period_ns * 48000 / 1e9 - 1) <= 1001e-6);
    }
    assert_true(fabs(parts / lines - 0.5) < 0.1); /* nothing below the nanosecond is thrown away */
}

static void converges_for_every_pointer_and_crystal(void **state)
{
    static const double ppms[] = {0, 50, -80, 17.3, 200, -200, 500, -500};
    static const struct {
        int granule;
        double half_second_ns, later_ns, rate_ppm;
    } cases[] = {{1, 1500, 400, 0.2}, {6, 6000, 1000, 0.4}, {48, 60000, 5000, 2.5}};

    (void)state;
    for (size_t g = 0; g < sizeof cases / sizeof *cases; g++) {
        double worst_soon = 0, worst_later = 0, worst_rate = 0;

        for (size_t i = 0; i < sizeof ppms / sizeof *ppms; i++) {
            struct card c = new_card(ppms[i], cases[g].granule);

            c.random += i;
            worst_in(&c, 0.5);
            worst_soon = fmax(worst_soon, fabs(error_ns(&c)));
            worst_in(&c, 14.5);
            worst_later = fmax(worst_later, worst_in(&c, 30));
            worst_rate = fmax(worst_rate, fabs(rate_error_ppm(&c)));
            assert_int_equal(c.restarts, 0);
        }
        print_message("%d frames: %.0f ns after 0.5 s, worst %.0f ns after 15 s, rate %.3f ppm\n",
                      cases[g].granule, worst_soon, worst_later, worst_rate);
        assert_true(worst_soon < cases[g].half_second_ns);
        assert_true(worst_later < cases[g].later_ns);
        assert_true(worst_rate < cases[g].rate_ppm);
    }
}

/* As often as every 125 us and as rarely as every 5 ms. */
static void converges_at_every_cycle(void **state)
{
    static const int64_t intervals[] = {125000, 250000, 1000000, 2000000, 5000000};

    (void)state;
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        struct card c = new_card(-47, 1);
        double worst;

        c.interval_ns = intervals[i];
        worst_in(&c, 15);
        worst = worst_in(&c, 30);
        print_message("a reading every %d us: %.0f ns\n", (int)(intervals[i] / 1000), worst);
        assert_true(worst < 200 + 200e-6 * (double)intervals[i]);
        assert_int_equal(c.restarts, 0);
    }
}

static void preemption_does_not_show(void **state)
{
    struct card c = new_card(50, 1);
    double worst;

    (void)state;
    c.held_up = 0.05;
    c.held_up_ns = 5e6;
    worst_in(&c, 10);
    worst = worst_in(&c, 60);
    print_message("5 %% held up for up to 5 ms: %.0f ns\n", worst);
    assert_true(worst < 250);
    assert_int_equal(c.restarts, 0);
}

/* The machine stops for longer and longer: one late reading each, never a jump. */
static void stalls_are_not_jumps(void **state)
{
    struct card c = new_card(50, 1);

    (void)state;
    worst_in(&c, 10);
    for (int64_t stall = NS_PER_MS; stall < 2 * NS_PER_S; stall += stall / 2) {
        pass(&c, stall);
        assert_true(worst_in(&c, 1) < (stall < NS_PER_S / 2 ? 500 : 10000));
        worst_in(&c, 5);
    }
    for (int i = 0; i < 20; i++) { /* late by a lot, several times in a row */
        pass(&c, 300000);
        observer_reading(&c.observer, (raw_ns){c.raw + 20 * NS_PER_MS}, (frame_t){pointer(&c)});
        assert_true(fabs(error_ns(&c)) < 500);
    }
    assert_int_equal(c.restarts, 0);
    assert_int_equal(c.observer.restarts, 0);
}

/* Feeds readings until the observer notices; how many it took. */
static int readings_until_restart(struct card *c, int limit)
{
    for (int i = 1; i <= limit; i++)
        if (read_card(c))
            return i;
    return -1;
}

static void jump_ahead_is_noticed(void **state)
{
    static const int64_t jumps[] = {20, 96, 480, 48000};

    (void)state;
    for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
        struct card c = new_card(50, 1);
        int took;

        worst_in(&c, 10);
        c.offset = jumps[i]; /* frames lost by the driver: the count is ahead of what it was */
        took = readings_until_restart(&c, 200);
        assert_true(took > 0 && took <= 32);
        assert_int_equal(c.observer.restarts, 1);
        worst_in(&c, 0.5);
        assert_true(worst_in(&c, 5) < 1000);
        assert_int_equal(c.restarts, 1);
        assert_true(fabs(rate_error_ppm(&c)) < 0.5);
    }
}

static void smaller_count_restarts_at_once(void **state)
{
    struct card c = new_card(50, 1);

    (void)state;
    worst_in(&c, 10);
    c.offset = -200; /* more than passes between two readings */
    assert_int_equal(readings_until_restart(&c, 10), 1);
    worst_in(&c, 0.5);
    assert_true(worst_in(&c, 5) < 1000);
}

/* A card that was suspended: no frames for a while, then it goes on. */
static void standstill_is_noticed(void **state)
{
    struct card c = new_card(50, 1);
    int took;

    (void)state;
    worst_in(&c, 10);
    c.stuck = true;
    took = readings_until_restart(&c, 4000);
    assert_true(took > 0 && took <= 400);
    for (int i = 0; i < 1000; i++)
        read_card(&c);
    c.stuck = false;
    for (int i = 0; i < 4000; i++)
        read_card(&c);
    assert_true(worst_in(&c, 5) < 1000);
}

/* Position is lost, the crystal is not: however many restarts, each is known again after a few readings. */
static void restart_keeps_the_rate(void **state)
{
    struct card c = new_card(-80, 1);
    double before, worst = 0;

    (void)state;
    worst_in(&c, 15);
    before = observer_ppm(&c.observer);
    for (int k = 0; k < 20; k++) {
        observer_restart(&c.observer);
        pass(&c, 50 * NS_PER_MS);
        c.offset += 2400;
        for (int i = 0; i < 300; i++) {
            read_card(&c);
            assert_true(fabs(observer_ppm(&c.observer) - before) < 0.5);
        }
        worst = fmax(worst, fabs(error_ns(&c)));
    }
    print_message("150 ms after a restart: %.0f ns\n", worst);
    assert_true(worst < 1000);
    assert_int_equal(c.observer.restarts, 20);
    assert_int_equal(c.restarts, 0);
}

/* A rate that was hardly known when an xrun came must not be held on to. */
static void early_restart_does_not_freeze_a_guess(void **state)
{
    static const int ages[] = {64, 96, 200, 400, 800};
    double worst = 0;

    (void)state;
    for (size_t a = 0; a < sizeof ages / sizeof *ages; a++)
        for (int i = 0; i < 20; i++) {
            struct card c = new_card(50, 1);

            c.random += (uint64_t)i * 7919;
            for (int k = 0; k < ages[a]; k++)
                read_card(&c);
            observer_restart(&c.observer);
            worst_in(&c, 0.5);
            worst = fmax(worst, worst_in(&c, 1.5));
        }
    print_message("restarted in its first half second: %.0f ns\n", worst);
    assert_true(worst < 1500);
}

/* What came before a restart says nothing of where the card is now, only of its rate. */
static void restart_forgets_the_place(void **state)
{
    struct card c = new_card(400, 1);
    struct card_line line;

    (void)state;
    worst_in(&c, 60); /* 400 ppm for a minute: 24 ms away from nominal */
    observer_restart(&c.observer);
    assert_false(observer_line(&c.observer, &line));
    c.stuck = true; /* a pointer that has not moved yet */
    for (int i = 0; i < 40; i++) {
        read_card(&c);
        if (observer_line(&c.observer, &line))
            assert_true(fabs(error_ns(&c)) < 40 * (double)c.interval_ns);
    }
    c.stuck = false;
    worst_in(&c, 1);
    assert_true(worst_in(&c, 5) < 1000);
}

static void thermal_drift_is_followed(void **state)
{
    struct card c = new_card(0, 1);
    double worst = 0;

    (void)state;
    while (c.raw < RAW0 + 600 * NS_PER_S) {
        double t = (double)(c.raw - RAW0) * 1e-9;

        c.ppm = 30 + 0.5 * sin(2 * M_PI * t / 120);
        read_card(&c);
        if (t > 15)
            worst = fmax(worst, fabs(error_ns(&c)));
    }
    print_message("0.5 ppm up and down in two minutes: %.0f ns\n", worst);
    assert_true(worst < 300);
    assert_int_equal(c.restarts, 0);
}

/* A card that is switched on warms up by 20 ppm. */
static void warm_up_is_followed(void **state)
{
    struct card c = new_card(0, 1);
    double worst = 0;

    (void)state;
    while (c.raw < RAW0 + 300 * NS_PER_S) {
        double t = (double)(c.raw - RAW0) * 1e-9;

        c.ppm = 60 - 20 * exp(-t / 60);
        read_card(&c);
        if (t > 15)
            worst = fmax(worst, fabs(error_ns(&c)));
    }
    print_message("20 ppm of warming up: %.0f ns\n", worst);
    assert_true(worst < 1500);
    assert_int_equal(c.restarts, 0);
}

/* Two days, read twelve times a second: the origin is far away by then, the precision is not. */
static void days_of_frames_lose_nothing(void **state)
{
    struct card c = new_card(-120, 1);
    double worst;

    (void)state;
    c.frame = INT64_C(1) << 40;
    c.raw = INT64_C(1) << 61;
    c.interval_ns = NS_PER_S / 12;
    while (c.raw < (INT64_C(1) << 61) + 172800 * NS_PER_S)
        read_card(&c);
    c.interval_ns = 500000;
    worst_in(&c, 15);
    worst = worst_in(&c, 15);
    print_message("after two days: %.0f ns\n", worst);
    assert_true(worst < 400);
    assert_int_equal(c.restarts, 0);
}

/* Wherever the counts begin, the same readings give the same line, to the bit. */
static void absolute_counts_do_not_matter(void **state)
{
    struct card a = new_card(33, 6), b = new_card(33, 6);

    (void)state;
    b.raw = INT64_C(1) << 62;
    b.frame = INT64_C(6) << 50;
    for (int i = 0; i < 20000; i++) {
        struct card_line la, lb;

        read_card(&a);
        read_card(&b);
        if (!observer_line(&a.observer, &la))
            continue;
        assert_true(observer_line(&b.observer, &lb));
        assert_int_equal(la.raw0.ns - RAW0, lb.raw0.ns - (INT64_C(1) << 62));
        assert_int_equal(la.frame0.n, lb.frame0.n - (INT64_C(6) << 50));
        assert_memory_equal(&la.raw0_part, &lb.raw0_part, 3 * sizeof(double));
    }
}

/* Several readings within one step of the pointer add nothing and harm nothing. */
static void readings_of_one_frame_do_no_harm(void **state)
{
    struct card c = new_card(50, 1);

    (void)state;
    while (c.raw < RAW0 + 20 * NS_PER_S) {
        read_card(&c);
        for (int i = 1; i < 4; i++)
            assert_false(
                observer_reading(&c.observer, (raw_ns){c.raw + 100 + i * 900}, (frame_t){pointer(&c)}));
    }
    assert_true(worst_in(&c, 5) < 400);
}

static const int ages[] = {17, 24, 40, 63, 80, 128, 256, 512, 1024, 2000, 5000, 9000};

enum { AGES = sizeof ages / sizeof *ages };

/* How the error of one card compares with its sigma, at each age: rarely above 4, never far above. */
static void note_doubt(struct card *c, int until, int outside[AGES], int seen[AGES])
{
    for (int a = 0, k = 0; a < AGES && ages[a] <= until; a++) {
        struct card_line line;

        for (; k < ages[a]; k++)
            read_card(c);
        if (!observer_line(&c->observer, &line))
            continue;
        seen[a]++;
        outside[a] += fabs(error_ns(c)) > 4 * line.sigma_ns;
        if (!(fabs(error_ns(c)) < 12 * line.sigma_ns))
            print_message("%d frames, %d readings: %.0f ns off, sigma %.0f ns\n", c->granule, ages[a],
                          error_ns(c), line.sigma_ns);
        assert_true(fabs(error_ns(c)) < 12 * line.sigma_ns);
    }
}

/* sigma_ns is what decides when sound may be placed, so it must not promise what does not hold. */
static void doubt_is_honest(void **state)
{
    static const int granules[] = {1, 6, 48};

    (void)state;
    for (size_t g = 0; g < 3; g++)
        for (int prior = 0; prior < 2; prior++) {
            int outside[AGES] = {0}, seen[AGES] = {0};

            for (int i = 0; i < 100; i++) {
                struct card c = new_card(0, granules[g]);

                c.random = c.random * 31 + (uint64_t)i;
                c.ppm = 400 * uniform(&c) - 200;
                c.frame = (int64_t)(1000 * uniform(&c));
                if (prior) {
                    for (int k = 0; k < 1500; k++)
                        read_card(&c);
                    observer_restart(&c.observer);
                }
                note_doubt(&c, i < 40 ? 9000 : 1024, outside, seen);
            }
            for (int a = 0; a < AGES; a++) {
                if (outside[a] * 20 > seen[a])
                    print_message("%d frames, %s, %d readings: %d of %d beyond 4 sigma\n", granules[g],
                                  prior ? "restarted" : "new", ages[a], outside[a], seen[a]);
                assert_true(outside[a] * 20 <= seen[a]);
            }
            assert_true(seen[AGES - 1] == 40); /* each has a line in the end */
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_and_inverse_agree),
        cmocka_unit_test(knows_nothing_before_16_readings),
        cmocka_unit_test(knows_nothing_before_the_second_step),
        cmocka_unit_test(line_is_well_formed),
        cmocka_unit_test(converges_for_every_pointer_and_crystal),
        cmocka_unit_test(converges_at_every_cycle),
        cmocka_unit_test(preemption_does_not_show),
        cmocka_unit_test(stalls_are_not_jumps),
        cmocka_unit_test(jump_ahead_is_noticed),
        cmocka_unit_test(smaller_count_restarts_at_once),
        cmocka_unit_test(standstill_is_noticed),
        cmocka_unit_test(restart_keeps_the_rate),
        cmocka_unit_test(early_restart_does_not_freeze_a_guess),
        cmocka_unit_test(restart_forgets_the_place),
        cmocka_unit_test(thermal_drift_is_followed),
        cmocka_unit_test(warm_up_is_followed),
        cmocka_unit_test(days_of_frames_lose_nothing),
        cmocka_unit_test(absolute_counts_do_not_matter),
        cmocka_unit_test(readings_of_one_frame_do_no_harm),
        cmocka_unit_test(doubt_is_honest),
    };

    return cmocka_run_group_tests_name("observer", tests, NULL, NULL);
}
