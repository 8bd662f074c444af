// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The simulator itself: whether its judge measures what it is given, whether its crystals, paths and cards
 * are what they are said to be, and whether scenarios that make no sense are refused with a reason.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/sim/stage.h"
#include "tests/sim/verdict.h"

static const struct signal_config sound = {{1009, 773}, {0.25, 0.05}};
static const struct ptp_masters masters = {
    .count = 2,
    .epoch_ns = INT64_C(1800000000123456789),
    .master = {{.name = 1}, {.name = 2, .offset_ns = 3600 * NS_PER_S + 400 * NS_PER_MS, .ppm = 1}},
};

#define LATENCY_NS (10 * NS_PER_MS)

/* Gives a judge `ms` milliseconds of the sound from `from` on as a card at +40 ppm puts it out, late by
 * error_ns. */
static void play(struct judge *j, unsigned master, int64_t from, int ms, double error_ns, double level,
                 double spoil)
{
    double period_ns = 1e9 / 48000 / (1 + 40e-6), rate = 1 + ptp_rate(&masters, master);
    int all = (int)floor(ms * 1e6 / period_ns);

    for (int n = 0; n < all;) {
        float block[37];
        double at = n * period_ns, part = at - floor(at), ptp_part;
        int64_t t = from + (int64_t)floor(at);
        int64_t ptp = ptp_time(&masters, master, t, &ptp_part) - LATENCY_NS;
        struct signal_turn turn = signal_at(&sound, ptp, ptp_part + part - error_ns, period_ns * rate);
        int count = all - n < 37 ? all - n : 37;

        for (int i = 0; i < count; i++)
            block[i] = (float)(level * signal_next(&turn));
        if (n == 37 * 40)
            block[5] += (float)spoil;
        judge_take(j, block, (size_t)count, t, part, period_ns);
        n += count;
    }
    judge_pass(j, from + ms * INT64_C(1000000));
}

static struct judge new_judge(double gain)
{
    struct judge_config config = {&sound, &masters, LATENCY_NS, gain, 48000, NS_PER_MS};
    struct judge j;

    judge_init(&j, &config);
    return j;
}

static void the_judge_tells_time_to_nanoseconds(void **state)
{
    static const double errors_ns[] = {0, 1, -3, 50, -700, 5000, -48000, 150000};

    (void)state;
    for (size_t i = 0; i < sizeof errors_ns / sizeof *errors_ns; i++) {
        struct judge j = new_judge(0.5);

        play(&j, 0, 0, 200, errors_ns[i], 0.5, 0);
        assert_int_equal(j.windows[JUDGE_DAMAGE], 0);
        assert_int_equal(j.windows[JUDGE_SOUND], 200);
        for (int64_t k = 1; k < 199; k++)
            assert_true(fabs((double)judge_window(&j, k)->error_ns - errors_ns[i]) < 1);
        assert_true(j.kink / 0.5 < 1.01 * signal_kink(&sound, 48000));
    }
}

/* A whole period of the louder tone, or a grandmaster nobody has, is no small error but the wrong sound. */
static void the_judge_is_not_fooled_by_a_period(void **state)
{
    struct judge j = new_judge(1);

    (void)state;
    play(&j, 0, 0, 100, 1e9 / 1009, 1, 0);
    assert_true(j.windows[JUDGE_DAMAGE] > 95);
    j = new_judge(1);
    play(&j, 1, 0, 100, 200, 1, 0); /* right by the second grandmaster */
    assert_int_equal(j.windows[JUDGE_SOUND], 100);
    assert_int_equal(j.master, 1);
    assert_true(fabs((double)judge_window(&j, 50)->error_ns - 200) < 1);
}

static void the_judge_sees_one_wrong_sample(void **state)
{
    struct judge j = new_judge(1);

    (void)state;
    play(&j, 0, 0, 100, 0, 1, 0.02);
    assert_int_equal(j.windows[JUDGE_DAMAGE], 1);
    assert_true(j.kink > 4 * signal_kink(&sound, 48000));
    j = new_judge(1);
    play(&j, 0, 0, 100, 0, 0.9, 0); /* 1 dB too soft is not the sound either */
    assert_int_equal(j.windows[JUDGE_SOUND], 0);
}

static void the_judge_tells_silence_from_gaps(void **state)
{
    struct judge j = new_judge(1);

    (void)state;
    play(&j, 0, 0, 50, 0, 1, 0);
    play(&j, 0, 50 * NS_PER_MS, 30, 0, 0, 0);
    play(&j, 0, 80 * NS_PER_MS, 50, 0, 1, 0);
    assert_int_equal(j.windows[JUDGE_SILENCE], 30);
    assert_int_equal(j.silent_longest, 30);
    assert_int_equal(j.first_sound, 0);
    judge_cut(&j);
    judge_pass(&j, 200 * NS_PER_MS);
    assert_int_equal(j.windows[JUDGE_NOTHING], 70);
}

static void a_crystal_is_as_fast_as_it_is_said_to_be(void **state)
{
    struct oscillator_config config = {.ppm = 50, .walk_ppb = 3, .wander_ppm = 0.5, .wander_s = 120};
    struct oscillator o;
    double part, back, worst = 0;

    (void)state;
    oscillator_init(&o, &config, chance_of(7, "crystal", 0));
    for (int64_t t = 0; t < 240 * NS_PER_S; t += 100 * NS_PER_MS) {
        int64_t own, at = t + 12345678;

        oscillator_advance(&o, t);
        own = oscillator_own(&o, at, &part);
        worst = fmax(worst, fabs((double)(oscillator_true(&o, own, part, &back) - at) + back));
    }
    assert_true(worst < 1e-3);
    assert_true(fabs((double)(oscillator_own(&o, 240 * NS_PER_S, &part) - 240 * NS_PER_S) / 240e3 - 50) <
                0.2);
}

static void a_path_loses_what_it_is_said_to_lose(void **state)
{
    struct network n;
    uint8_t bytes[100] = {1};
    int64_t arrival, newest = 0;
    unsigned came = 0, overtaken = 0;

    (void)state;
    assert_int_equal(network_init(&n, 2, 5), 0);
    n.paths[0].config = (struct path_config){.delay_us = 100, .loss_pct = 10, .duplicate_pct = 5};
    n.paths[1].config = (struct path_config){.delay_us = 100, .reorder_pct = 20, .reorder_us = 5000};
    for (int64_t t = 0; t < 20 * NS_PER_S; t += NS_PER_MS) {
        bytes[0] = (uint8_t)(t / NS_PER_MS);
        assert_int_equal(network_send(&n, bytes, sizeof bytes, 9, t), 0);
        while (network_receive(&n, 0, t + NS_PER_MS, &arrival))
            came++;
    }
    assert_in_range(came, 18500, 19300); /* 20000 * 0.9 * 1.05 = 18900 */
    for (uint8_t last = 0;;) {
        const struct network_datagram *d = network_receive(&n, 1, INT64_MAX - 1, &arrival);

        if (!d)
            break;
        assert_true(arrival >= newest);
        newest = arrival;
        overtaken += (uint8_t)(d->bytes[0] - last) > 128;
        last = d->bytes[0];
    }
    assert_in_range(overtaken, 3000, 5000);
    network_free(&n);
}

/* A card's queue, seen through a coarse pointer, errs by less than a step, and always to the same side. */
static void a_card_says_what_it_is_said_to_say(void **state)
{
    struct oscillator_config crystal = {.ppm = 100};
    struct oscillator own, host;
    struct dac_config config = {.rate_hz = 48000, .channels = 1, .buffer_frames = 4096, .step_frames = 16};
    struct judge j = new_judge(1);
    struct dac d;
    float frames[4096] = {0};

    (void)state;
    oscillator_init(&own, &crystal, chance_of(1, "own", 0));
    oscillator_init(&host, &crystal, chance_of(1, "host", 0));
    assert_int_equal(dac_init(&d, &config, &own, &host, &j), 0);
    dac_write(&d, frames, 4096);
    dac_start(&d, 1000);
    for (int64_t t = 1000; t < 80 * NS_PER_MS; t += 77777) {
        double queued = 4096 - (double)(t - 1000) * 48000 * 1.0001 / 1e9;
        int64_t said = dac_queued(&d, t);

        assert_true((double)said >= queued - 1e-6 && (double)said < queued + 16);
    }
    assert_int_equal(dac_queued(&d, 90 * NS_PER_MS), -1);
    dac_free(&d);
}

struct ticker {
    int64_t every, ran_at;
    unsigned runs;
};

static int64_t tick(void *self, int64_t now)
{
    struct ticker *t = self;

    t->ran_at = now;
    t->runs++;
    return now + t->every;
}

static void the_loop_runs_all_in_order(void **state)
{
    struct loop loop = {0};
    struct ticker tickers[50] = {{0}};
    struct loop_node nodes[50];

    (void)state;
    for (int i = 0; i < 50; i++) {
        tickers[i].every = 7 + i;
        nodes[i] = (struct loop_node){&tickers[i], tick, i, 0, 0};
        assert_int_equal(loop_add(&loop, &nodes[i]), 0);
    }
    loop_move(&loop, &nodes[3], LOOP_NEVER);
    loop_run(&loop, 100000);
    for (int i = 0; i < 50; i++) {
        unsigned expected = i == 3 ? 0 : (unsigned)((100000 - 1 - i) / (7 + i) + 1);

        assert_int_equal(tickers[i].runs, expected);
    }
    assert_int_equal(loop.now, 100000);
    loop_free(&loop);
}

/* ---- scenarios ---- */

static struct scenario *read_text(const char *text, char *why, size_t why_size)
{
    char path[] = "/tmp/unisono-scenario.XXXXXX";
    int fd = mkstemp(path);
    struct scenario *s;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    s = scenario_read(path, why, why_size);
    unlink(path);
    return s;
}

static void nonsense_is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"seconds 5\nexpect starts = 1\n", "how many receivers"},
        {"receivers 2\n", "expects something"},
        {"receivers 2\nreceivers 3\n", "line 2: 3: receivers is said once"},
        {"receivers 0\n", "line 1: 0: receivers"},
        {"receivers 2\ncard 3 ppm 5\n", "line 2: 3: all, sender, or numbers"},
        {"receivers 2\ncard all pmp 5\n", "line 2: pmp: no such key"},
        {"receivers 2\ncard all ppm\n", "line 2: ppm: its value is missing"},
        {"receivers 2\ncard all ppm x\n", "line 2: x: a number"},
        {"receivers 2\ncard all step_frames 1.5\n", "line 2: 1.5: a whole number"},
        {"receivers 2\nat 5 explode\n", "line 2: explode: no such event"},
        {"receivers 2\nat 5 sender sings\n", "line 2: sender: one of its words"},
        {"receivers 2\nat 5 stall all\n", "line 2: stall: another number"},
        {"receivers 2\nat 5 net all lossy 3\n", "line 2: lossy: no such key"},
        {"receivers 2\nexpect beauty > 3\n", "line 2: beauty: no such metric"},
        {"receivers 2\nexpect starts ~ 3\n", "line 2: ~: one of"},
        {"receivers 2\nstream codec mp3\n", "line 2: mp3: no such choice"},
        {"sing loud\n", "line 1: sing: no such statement"},
    };
    char why[300];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(read_text(cases[i].text, why, sizeof why));
        if (!strstr(why, cases[i].reason))
            fail_msg("'%s' is not in '%s'", cases[i].reason, why);
    }
    assert_null(scenario_read("/nowhere/x.sim", why, sizeof why));
    assert_non_null(strstr(why, "/nowhere/x.sim"));
}

static uint64_t digest_of(const struct scenario *s, uint64_t seed, double ppm_more)
{
    struct stage *stage = stage_create(s, seed);
    uint64_t digest;

    assert_non_null(stage);
    stage->receivers[0].card_crystal.config.ppm += ppm_more;
    assert_int_equal(stage_run(stage, s->seconds), 0);
    digest = stage_digest(stage);
    stage_destroy(stage);
    return digest;
}

static void one_seed_is_one_run(void **state)
{
    char why[300];
    struct scenario *s = read_text("seconds 3\nreceivers 2\nnet all loss_pct 1 jitter_us 500\n"
                                   "at 2 grandmaster 100\nexpect starts = 1\n",
                                   why, sizeof why);
    uint64_t digest;

    (void)state;
    assert_non_null(s);
    digest = digest_of(s, 1, 0);
    assert_true(digest_of(s, 1, 0) == digest);
    assert_true(digest_of(s, 2, 0) != digest);
    assert_true(digest_of(s, 1, 0.001) != digest);
    scenario_free(s);
}

/* A path whose ways differ by 60 us shows as 30. */
static void an_expectation_can_fail(void **state)
{
    char why[300];
    struct scenario *s = read_text(
        "seconds 4\nfrom 2\nreceivers 2\nptp 1 asymmetry_us 60\nexpect apart_p50_us < 5\nexpect xruns = 1\n",
        why, sizeof why);
    struct stage *stage;
    FILE *nowhere = tmpfile();

    (void)state;
    assert_non_null(s);
    stage = stage_create(s, 1);
    assert_non_null(stage);
    assert_int_equal(stage_run(stage, 4), 0);
    assert_int_equal(verdict_tell(stage, true, nowhere), 2);
    assert_true(fabs(spread_quantile(&stage->choir.apart, 0.5) - 30000) < 1000);
    stage_destroy(stage);
    scenario_free(s);
    fclose(nowhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_judge_tells_time_to_nanoseconds),
        cmocka_unit_test(the_judge_is_not_fooled_by_a_period),
        cmocka_unit_test(the_judge_sees_one_wrong_sample),
        cmocka_unit_test(the_judge_tells_silence_from_gaps),
        cmocka_unit_test(a_crystal_is_as_fast_as_it_is_said_to_be),
        cmocka_unit_test(a_path_loses_what_it_is_said_to_lose),
        cmocka_unit_test(a_card_says_what_it_is_said_to_say),
        cmocka_unit_test(the_loop_runs_all_in_order),
        cmocka_unit_test(nonsense_is_refused_with_a_reason),
        cmocka_unit_test(one_seed_is_one_run),
        cmocka_unit_test(an_expectation_can_fail),
    };

    return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
