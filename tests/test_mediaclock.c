// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The media clock against a known relation of two clocks: noise, outliers, steps, a silent source, a crystal
 * that changes its mind. True PTP is an exact line (or a chain of them) over raw time.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "proto/mediaclock.h"

#define RAW0     INT64_C(86400000000123)
#define PTP0     INT64_C(1795000000123456789)
#define INTERVAL (NS_PER_S / 16)

static const struct media_clock_config usual = {50, 5000, 2 * NS_PER_S, NS_PER_MS};

/* Two clocks and a source that compares them. */
struct pair {
    struct media_clock clock;
    int64_t raw, ptp; /* both now, true */
    double part;      /* of a nanosecond of ptp */
    double ppm;       /* of PTP against raw */
    double noise_ns, sigma_ns;
    uint64_t gm_id; /* whose time it is */
    uint64_t random;
};

static double uniform(struct pair *p)
{
    p->random ^= p->random << 13;
    p->random ^= p->random >> 7;
    p->random ^= p->random << 17;
    return (double)(p->random >> 11) / 9007199254740992.0;
}

static double gauss(struct pair *p)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += uniform(p);
    return sum;
}

static struct pair pair_at(int64_t raw, int64_t ptp, double ppm, double noise_ns)
{
    struct pair p = {.raw = raw,
                     .ptp = ptp,
                     .ppm = ppm,
                     .noise_ns = noise_ns,
                     .sigma_ns = fmax(noise_ns, 1),
                     .gm_id = 1,
                     .random = 20261121};

    media_clock_init(&p.clock, &usual);
    return p;
}

static struct pair new_pair(double ppm, double noise_ns)
{
    return pair_at(RAW0, PTP0, ppm, noise_ns);
}

static void pass(struct pair *p, int64_t ns)
{
    double ahead = p->part + (double)ns * p->ppm * 1e-6;

    p->raw += ns;
    p->ptp += ns + (int64_t)floor(ahead);
    p->part = ahead - floor(ahead);
}

/* One sample, wrong by `error_ns` on top of the noise. */
static void give(struct pair *p, double error_ns)
{
    struct clock_sample s = {
        .raw = {p->raw},
        .ptp = {p->ptp + llround(p->part + p->noise_ns * gauss(p) + error_ns)},
        .sigma_ns = p->sigma_ns,
        .master = {p->gm_id, 0},
    };

    media_clock_sample(&p->clock, &s);
}

static void run(struct pair *p, double seconds)
{
    int64_t end = p->raw + (int64_t)(seconds * 1e9);

    while (p->raw < end) {
        pass(p, INTERVAL);
        give(p, 0);
    }
}

/* What the map says now, minus the truth. */
static double error_ns(const struct pair *p)
{
    return (double)(clock_map_ptp(&p->clock.map, (raw_ns){p->raw}).ns - p->ptp) - p->part;
}

/* The largest error at any sample in the next `seconds`. */
static double worst_in(struct pair *p, double seconds)
{
    int64_t end = p->raw + (int64_t)(seconds * 1e9);
    double worst = 0;

    while (p->raw < end) {
        pass(p, INTERVAL);
        give(p, 0);
        worst = fmax(worst, fabs(error_ns(p)));
    }
    return worst;
}

static void map_and_inverse_agree(void **state)
{
    static const double devs[] = {0, 7.5e-6, -80e-6, 500e-6, -500e-6};
    static const int64_t spans[] = {
        0,         1,          -1,       999,           INTERVAL,  -INTERVAL,
        100000007, -123456789, NS_PER_S, 60 * NS_PER_S, -NS_PER_S, 3600 * NS_PER_S};

    (void)state;
    for (size_t d = 0; d < sizeof devs / sizeof *devs; d++)
        for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
            struct clock_map map = {.raw0 = {RAW0}, .ptp0 = {PTP0}, .rate_dev = devs[d]};
            ptp_ns there = clock_map_ptp(&map, (raw_ns){RAW0 + spans[i]});
            raw_ns back = clock_map_raw(&map, there);
            long double exact = (long double)spans[i] * (1 + (long double)devs[d]);

            assert_true(fabsl((long double)(there.ns - PTP0) - exact) <= 0.51L);
            assert_in_range(back.ns - (RAW0 + spans[i]) + 1, 0, 2);
        }
}

static void nothing_is_known_at_first(void **state)
{
    struct media_clock clock;

    (void)state;
    media_clock_init(&clock, &usual);
    assert_int_equal(clock.map.state, MEDIA_CLOCK_NO_PTP);
    media_clock_tick(&clock, (raw_ns){INT64_C(1) << 60});
    assert_int_equal(clock.map.state, MEDIA_CLOCK_NO_PTP);
    assert_int_equal(clock.samples, 0);
}

/* One sample gives the offset, four give a rate; locked as soon as the doubt allows. */
static void acquires_then_locks(void **state)
{
    struct pair p = new_pair(20, 0);

    (void)state;
    give(&p, 0);
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_ACQUIRING);
    assert_int_equal(p.clock.map.epoch, 1);
    assert_true(fabs(error_ns(&p)) <= 1);
    for (int i = 0; i < 2; i++) {
        pass(&p, INTERVAL);
        give(&p, 0);
        assert_int_equal(p.clock.map.state, MEDIA_CLOCK_ACQUIRING);
    }
    pass(&p, INTERVAL);
    give(&p, 0);
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_LOCKED);
    assert_true(fabs(error_ns(&p)) < 5);
    assert_true(fabs(p.clock.map.rate_dev - 20e-6) < 0.1e-6);
}

/* With samples so noisy that a few do not get below the limit, it must not claim to be locked. */
static void locks_only_below_the_limit(void **state)
{
    struct pair p = new_pair(0, 20000);
    int waited = 0;

    (void)state;
    while (p.clock.map.state != MEDIA_CLOCK_LOCKED && waited < 10000) {
        assert_true(p.clock.map.state != MEDIA_CLOCK_LOCKED || p.clock.map.uncertainty_ns <= 5000);
        pass(&p, INTERVAL);
        give(&p, 0);
        waited++;
    }
    assert_true(waited > 10 && waited < 2000);
    assert_true(p.clock.map.uncertainty_ns <= 5000);
}

static void noise_is_averaged_away(void **state)
{
    static const struct {
        double ppm, noise_ns, limit_ns; /* the samples themselves are up to four times the noise off */
    } cases[] = {{7.5, 30, 60}, {-80, 100, 160}, {500, 100, 160}, {-500, 1000, 900}, {0, 0, 2}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pair p = new_pair(cases[i].ppm, cases[i].noise_ns);
        double worst;

        run(&p, 20);
        worst = worst_in(&p, 600);
        print_message("%.0f ppm, noise %.0f ns: worst %.1f ns\n", cases[i].ppm, cases[i].noise_ns, worst);
        assert_true(worst < cases[i].limit_ns);
        assert_true(fabs(p.clock.map.rate_dev - cases[i].ppm * 1e-6) < 1e-6);
        assert_int_equal(p.clock.map.state, MEDIA_CLOCK_LOCKED);
        assert_int_equal(p.clock.map.epoch, 1);
        assert_int_equal(p.clock.steps, 0);
    }
}

/* The same sequence of samples anywhere on the time axes gives the same map, to the last bit. */
static void absolute_times_lose_nothing(void **state)
{
    struct pair a = pair_at(0, 0, 33, 50);
    struct pair b = pair_at(INT64_C(1) << 61, (INT64_C(1) << 62) + 12345, 33, 50);

    (void)state;
    for (int i = 0; i < 2000; i++) {
        pass(&a, INTERVAL);
        pass(&b, INTERVAL);
        give(&a, 0);
        give(&b, 0);
        assert_int_equal(a.clock.map.ptp0.ns - a.ptp, b.clock.map.ptp0.ns - b.ptp);
        assert_true(a.clock.map.rate_dev == b.clock.map.rate_dev);
        assert_true(error_ns(&a) == error_ns(&b));
    }
}

static void old_samples_are_ignored(void **state)
{
    struct pair p = new_pair(10, 20);
    struct clock_sample old;
    struct clock_map before;

    (void)state;
    run(&p, 5);
    before = p.clock.map;
    old = (struct clock_sample){{p.raw}, {p.ptp + 1000000}, 20, {p.gm_id, 0}};
    for (int i = 0; i < 3; i++) {
        media_clock_sample(&p.clock, &old);
        old.raw.ns -= i ? 10 * NS_PER_S : 12345;
    }
    assert_memory_equal(&before, &p.clock.map, sizeof before);
    old.raw.ns = p.raw + 1;
    old.ptp.ns = p.ptp + 1;
    media_clock_sample(&p.clock, &old);
    assert_int_equal(p.clock.map.raw0.ns, p.raw + 1);
}

/* Up to seven in a row may be anything. */
static void outliers_do_not_move_it(void **state)
{
    struct pair p = new_pair(-30, 50);
    uint64_t wrong = 0;
    double worst = 0;

    (void)state;
    run(&p, 10);
    for (int burst = 0; burst < 100; burst++) {
        int length = 1 + burst % 7;

        for (int i = 0; i < 24; i++) {
            static const double errors[] = {50e3, 3e9, 400e3, 2e6, 10e9, 90e3, 8e6};

            pass(&p, INTERVAL);
            give(&p, i < length ? errors[(burst + i) % 7] * (burst % 3 ? 1 : -1) : 0);
            wrong += i < length;
            worst = fmax(worst, fabs(error_ns(&p)));
        }
    }
    print_message("with outliers: worst %.0f ns\n", worst);
    assert_true(worst < 100);
    assert_int_equal(p.clock.outliers, wrong);
    assert_int_equal(p.clock.map.epoch, 1);
    assert_int_equal(p.clock.steps, 0);
}

/* Software stamps: every tenth sample comes late by anything up to half a millisecond. */
static void one_sided_delays_are_left_out(void **state)
{
    struct pair p = new_pair(12, 100);
    double worst = 0;

    (void)state;
    run(&p, 10);
    for (int i = 0; i < 16 * 300; i++) {
        pass(&p, INTERVAL);
        give(&p, i % 10 == 3 ? 5000 + 500e3 * uniform(&p) : 0);
        worst = fmax(worst, fabs(error_ns(&p)));
    }
    assert_true(worst < 200);
    assert_int_equal(p.clock.map.epoch, 1);
}

/* A source that promises more than it holds must not be locked out of its own clock. */
static void sigma_that_lies_is_found_out(void **state)
{
    struct pair p = new_pair(5, 1000);
    double worst;

    (void)state;
    p.sigma_ns = 20;
    run(&p, 60);
    worst = worst_in(&p, 300);
    print_message("claims 20 ns, has 1000 ns: worst %.0f ns\n", worst);
    assert_true(worst < 1000);
    assert_true(p.clock.outliers * 50 < p.clock.samples);
    assert_int_equal(p.clock.map.epoch, 1);
}

static void step_begins_a_new_epoch(void **state)
{
    static const int64_t steps[] = {5 * NS_PER_MS,  -5 * NS_PER_MS,  37 * NS_PER_S,
                                    -37 * NS_PER_S, 3600 * NS_PER_S, -1700000000 * NS_PER_S};

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct pair p = new_pair(40, 50);
        double rate;

        run(&p, 10);
        rate = p.clock.map.rate_dev;
        p.ptp += steps[i];
        for (int k = 0; k < 7; k++) { /* perhaps only outliers */
            pass(&p, INTERVAL);
            give(&p, 0);
            assert_int_equal(p.clock.map.state, MEDIA_CLOCK_LOCKED);
        }
        while (p.clock.map.epoch == 1) {
            assert_true(fabs(error_ns(&p) + (double)steps[i]) < 2000); /* until it is sure, nothing happens */
            pass(&p, INTERVAL);
            give(&p, 0);
        }
        assert_int_equal(p.clock.map.epoch, 2);
        assert_int_equal(p.clock.steps, 1);
        assert_true(fabs(p.clock.step_ns - (double)steps[i]) < 1000);
        assert_true(fabs(error_ns(&p)) < 1000);
        assert_true(fabs(p.clock.map.rate_dev - rate) < 2e-6); /* the crystal was not stepped */
        assert_int_equal(p.clock.map.state, MEDIA_CLOCK_LOCKED);
        run(&p, 10);
        assert_true(worst_in(&p, 20) < 70);
        assert_int_equal(p.clock.map.epoch, 2);
    }
}

/* What the published map jumps by, at the worst, from one tick to the next, in the next `seconds`; and its
 * fastest slew. */
static double worst_jump(struct pair *p, double seconds, double *fastest)
{
    int64_t end = p->raw + (int64_t)(seconds * 1e9);
    double worst = 0;

    *fastest = 0;
    while (p->raw < end) {
        struct clock_map before;

        pass(p, INTERVAL);
        before = p->clock.map;
        give(p, 0);
        worst = fmax(worst, fabs((double)(clock_map_ptp(&before, (raw_ns){p->raw}).ns -
                                          clock_map_ptp(&p->clock.map, (raw_ns){p->raw}).ns)));
        *fastest = fmax(*fastest, fabs(p->clock.slew_rate));
    }
    return worst;
}

/* A small difference of a new grandmaster is slewed, slowly and without a jump. */
static void another_grandmaster_is_slewed_to(void **state)
{
    static const double differences_us[] = {0, 3, 80, -300, 900};

    (void)state;
    for (size_t i = 0; i < sizeof differences_us / sizeof *differences_us; i++) {
        struct pair p = new_pair(25, 50);
        double fastest, jump;

        run(&p, 30);
        p.gm_id = 2;
        p.ptp += llround(differences_us[i] * 1e3);
        pass(&p, INTERVAL);
        give(&p, 0);
        assert_int_equal(p.clock.map.state, MEDIA_CLOCK_GM_CHANGED);
        jump = worst_jump(&p, fabs(differences_us[i]) / 20 + 20, &fastest);
        print_message("%.0f us: jumps %.0f ns, slewed at %.1f ppm\n", differences_us[i], jump, fastest * 1e6);
        assert_true(jump < 150); /* an ordinary sample moves it so far, too */
        assert_true(fastest <= 20e-6);
        assert_int_equal(p.clock.map.state, MEDIA_CLOCK_LOCKED);
        assert_int_equal(p.clock.map.master.gm_id, 2);
        assert_int_equal(p.clock.map.epoch, 1);
        assert_int_equal(p.clock.slews, 1);
        assert_true(worst_in(&p, 10) < 100);
    }
}

static void another_grandmaster_far_off_is_a_new_epoch(void **state)
{
    struct pair p = new_pair(25, 50);

    (void)state;
    run(&p, 30);
    p.gm_id = 2;
    p.ptp += 2 * NS_PER_MS;
    pass(&p, INTERVAL);
    give(&p, 0);
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_GM_CHANGED);
    assert_int_equal(p.clock.map.epoch, 1);
    run(&p, 5);
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_LOCKED);
    assert_int_equal(p.clock.map.epoch, 2);
    assert_true(worst_in(&p, 10) < 100);
}

/* The new one dies before it is known, and the old one is back. */
static void a_candidate_that_dies_is_forgotten(void **state)
{
    struct pair p = new_pair(25, 3000);

    (void)state;
    run(&p, 30);
    p.gm_id = 2;
    p.ptp += 500 * NS_PER_US;
    run(&p, 0.5);
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_GM_CHANGED);
    media_clock_lost(&p.clock, (raw_ns){p.raw});
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_HOLDOVER);
    p.gm_id = 1;
    p.ptp -= 500 * NS_PER_US;
    run(&p, 20);
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_LOCKED);
    assert_int_equal(p.clock.map.master.gm_id, 1);
    assert_true(fabs(p.clock.step_ns) < 20e3);
    assert_int_equal(p.clock.steps, 0);
}

static void a_lost_reference_is_holdover_at_once(void **state)
{
    struct pair p = new_pair(25, 50);
    struct clock_map before;

    (void)state;
    run(&p, 30);
    before = p.clock.map;
    media_clock_lost(&p.clock, (raw_ns){p.raw});
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_HOLDOVER);
    assert_int_equal(clock_map_ptp(&before, (raw_ns){p.raw}).ns,
                     clock_map_ptp(&p.clock.map, (raw_ns){p.raw}).ns);
    for (int i = 0; i < 1000; i++) {
        pass(&p, INTERVAL);
        media_clock_lost(&p.clock, (raw_ns){p.raw});
        media_clock_tick(&p.clock, (raw_ns){p.raw});
    }
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_HOLDOVER);
    assert_true(p.clock.now.ns - p.clock.since.ns > 60 * NS_PER_S);
    assert_true(fabs(error_ns(&p)) < p.clock.map.uncertainty_ns);
}

/* Nobody plays before it is known: what was gathered is dropped, and the first who comes is taken. */
static void lost_before_it_was_known(void **state)
{
    struct pair p = new_pair(25, 50);

    (void)state;
    pass(&p, INTERVAL);
    give(&p, 0);
    media_clock_lost(&p.clock, (raw_ns){p.raw});
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_ACQUIRING);
    p.gm_id = 7;
    p.ptp += 5 * NS_PER_S;
    run(&p, 5);
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_LOCKED);
    assert_int_equal(p.clock.map.master.gm_id, 7);
    assert_true(worst_in(&p, 10) < 100);
}

/* The control thread may be held up in the middle of a slew. */
static void a_late_call_does_not_overshoot(void **state)
{
    struct pair p = new_pair(0, 0.001);

    (void)state;
    run(&p, 30);
    p.gm_id = 2;
    p.ptp += 30 * NS_PER_US;
    run(&p, 2.5);
    for (int i = 0; i < 8; i++) {
        double before = p.clock.slew_ns;

        pass(&p, NS_PER_S);
        give(&p, 0);
        assert_true(before * p.clock.slew_ns >= -1 && fabs(p.clock.slew_ns) <= fabs(before) + 1e-9);
    }
    assert_true(fabs(p.clock.slew_ns) < 1);
}

/* Below the limit it is followed in the same epoch. */
static void small_offset_is_followed_not_stepped(void **state)
{
    struct pair p = new_pair(40, 50);

    (void)state;
    run(&p, 10);
    p.ptp += 300 * NS_PER_US;
    run(&p, 25);
    assert_true(fabs(error_ns(&p)) < 2000);
    run(&p, 35);
    assert_true(worst_in(&p, 10) < 100);
    assert_int_equal(p.clock.map.epoch, 1);
    assert_int_equal(p.clock.steps, 0);
}

static void rate_change_is_followed(void **state)
{
    struct pair p = new_pair(10, 50);
    double worst;

    (void)state;
    run(&p, 60);
    p.ppm = 30;
    worst = worst_in(&p, 30);
    print_message("20 ppm of change: worst %.0f ns\n", worst);
    assert_true(worst < 100e3);
    assert_true(worst_in(&p, 30) < 300);
    assert_true(fabs(p.clock.map.rate_dev - 30e-6) < 0.2e-6);
    assert_int_equal(p.clock.map.epoch, 1);
}

/* 0.5 ppm back and forth in two minutes, as a crystal beside a fan does. */
static void warm_crystal_is_followed(void **state)
{
    struct pair p = new_pair(0, 50);
    double worst = 0;

    (void)state;
    for (int i = 0; i < 16 * 600; i++) {
        p.ppm = 10 + 0.5 * sin(2 * M_PI * i / 16 / 120);
        pass(&p, INTERVAL);
        give(&p, 0);
        if (i > 16 * 20)
            worst = fmax(worst, fabs(error_ns(&p)));
    }
    print_message("warm crystal: worst %.0f ns\n", worst);
    assert_true(worst < 200);
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_LOCKED);
}

static void silent_source_means_holdover(void **state)
{
    struct pair p = new_pair(25, 20);
    double sure;

    (void)state;
    run(&p, 30);
    sure = p.clock.map.uncertainty_ns;
    pass(&p, usual.stale_ns - 1);
    media_clock_tick(&p.clock, (raw_ns){p.raw});
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_LOCKED);
    pass(&p, 1);
    media_clock_tick(&p.clock, (raw_ns){p.raw});
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_HOLDOVER);
    for (int i = 0; i < 100; i++) {
        double before = p.clock.map.uncertainty_ns;

        pass(&p, NS_PER_S / 10);
        media_clock_tick(&p.clock, (raw_ns){p.raw});
        assert_true(p.clock.map.uncertainty_ns > before);
    }
    assert_true(p.clock.map.uncertainty_ns > 10 * sure);
    assert_true(fabs(error_ns(&p)) < 5 * p.clock.map.uncertainty_ns);
    assert_true(fabs(error_ns(&p)) < 1000); /* 12 s on the last rate */
    give(&p, 0);
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_HOLDOVER); /* one is not enough */
    run(&p, 5);
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_LOCKED);
    assert_int_equal(p.clock.map.epoch, 1);
    assert_true(fabs(error_ns(&p)) < 60);
}

/* Ticks need not come often: one long silence costs what many short ticks cost. */
static void ticks_may_come_at_any_rate(void **state)
{
    struct pair a = new_pair(25, 20), b;

    (void)state;
    run(&a, 30);
    b = a;
    for (int i = 0; i < 300; i++) {
        pass(&a, NS_PER_S / 10);
        media_clock_tick(&a.clock, (raw_ns){a.raw});
    }
    pass(&b, 30 * NS_PER_S);
    media_clock_tick(&b.clock, (raw_ns){b.raw});
    assert_true(fabs(error_ns(&a) - error_ns(&b)) < 2);
    assert_true(fabs(a.clock.map.uncertainty_ns / b.clock.map.uncertainty_ns - 1) < 1e-6);
}

/* A sample may be older than the last tick: it was taken before and delivered after. */
static void sample_from_before_the_tick_counts(void **state)
{
    struct pair p = new_pair(25, 20), ticked;

    (void)state;
    run(&p, 30);
    pass(&p, NS_PER_S);
    ticked = p;
    media_clock_tick(&ticked.clock, (raw_ns){ticked.raw + 400 * NS_PER_MS});
    give(&p, 0);
    give(&ticked, 0);
    media_clock_tick(&p.clock, (raw_ns){p.raw + 400 * NS_PER_MS});
    assert_int_equal(ticked.clock.map.state, MEDIA_CLOCK_LOCKED);
    assert_true(fabs(error_ns(&p) - error_ns(&ticked)) < 2);
    assert_true(fabs(p.clock.map.uncertainty_ns / ticked.clock.map.uncertainty_ns - 1) < 1e-6);
}

/* An hour without a source, then it is back: the offset that gathered is no step when it is small. */
static void returns_from_a_long_holdover(void **state)
{
    struct pair p = new_pair(25, 20);

    (void)state;
    run(&p, 60);
    pass(&p, 3600 * NS_PER_S);
    media_clock_tick(&p.clock, (raw_ns){p.raw});
    p.ppm = 25.2;
    run(&p, 60);
    assert_int_equal(p.clock.map.state, MEDIA_CLOCK_LOCKED);
    assert_int_equal(p.clock.map.epoch, 1);
    assert_true(worst_in(&p, 20) < 60);
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(media_clock_state_name(MEDIA_CLOCK_NO_PTP), "no-ptp");
    assert_string_equal(media_clock_state_name(MEDIA_CLOCK_ACQUIRING), "acquiring");
    assert_string_equal(media_clock_state_name(MEDIA_CLOCK_LOCKED), "locked");
    assert_string_equal(media_clock_state_name(MEDIA_CLOCK_HOLDOVER), "holdover");
    assert_string_equal(media_clock_state_name(MEDIA_CLOCK_GM_CHANGED), "gm-changed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_and_inverse_agree),
        cmocka_unit_test(nothing_is_known_at_first),
        cmocka_unit_test(acquires_then_locks),
        cmocka_unit_test(locks_only_below_the_limit),
        cmocka_unit_test(noise_is_averaged_away),
        cmocka_unit_test(absolute_times_lose_nothing),
        cmocka_unit_test(old_samples_are_ignored),
        cmocka_unit_test(outliers_do_not_move_it),
        cmocka_unit_test(one_sided_delays_are_left_out),
        cmocka_unit_test(sigma_that_lies_is_found_out),
        cmocka_unit_test(step_begins_a_new_epoch),
        cmocka_unit_test(another_grandmaster_is_slewed_to),
        cmocka_unit_test(another_grandmaster_far_off_is_a_new_epoch),
        cmocka_unit_test(a_candidate_that_dies_is_forgotten),
        cmocka_unit_test(a_lost_reference_is_holdover_at_once),
        cmocka_unit_test(lost_before_it_was_known),
        cmocka_unit_test(a_late_call_does_not_overshoot),
        cmocka_unit_test(small_offset_is_followed_not_stepped),
        cmocka_unit_test(rate_change_is_followed),
        cmocka_unit_test(warm_crystal_is_followed),
        cmocka_unit_test(silent_source_means_holdover),
        cmocka_unit_test(ticks_may_come_at_any_rate),
        cmocka_unit_test(sample_from_before_the_tick_counts),
        cmocka_unit_test(returns_from_a_long_holdover),
        cmocka_unit_test(states_have_names),
    };

    return cmocka_run_group_tests_name("mediaclock", tests, NULL, NULL);
}
