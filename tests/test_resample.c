// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The resampler's one promise: its position is known. Blocks of every size, steps of every kind and presets
 * of any fraction are driven against a tone, whose value at the promised position is what must come out.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/resample.h"

enum { CHANNELS_MAX = 64, BLOCK_MAX = 512, FEED_MAX = 2048 };

static const char *const names[] = {"fastest", "medium", "best"};
static uint64_t random_state = 20261121;

static double uniform(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (double)(random_state >> 11) / 9007199254740992.0;
}

static size_t below(size_t n)
{
    return (size_t)(uniform() * (double)n);
}

/* Many blocks of one or two frames, which a late wake-up causes, and some of any size. */
static size_t some_block(void)
{
    double kind = uniform();

    return kind < 0.45 ? 1 + below(2) : kind < 0.5 ? 0 : kind < 0.75 ? below(24) : below(BLOCK_MAX + 1);
}

/* A resampler, the tone that it is fed with, and the tone that must come out. */
struct bench {
    struct resampler *r;
    unsigned channels;
    double turns; /* of the tone, per input frame; each channel is shifted by a tenth of a turn */
    long double sum;
    double worst, square;
    int64_t made;
    float in[FEED_MAX * CHANNELS_MAX], out[BLOCK_MAX * CHANNELS_MAX];
};

static double tone(const struct bench *b, int64_t whole, double part, unsigned channel)
{
    long double turns = (long double)whole * (long double)b->turns + (long double)(part * b->turns);

    return 0.9 * sin(2 * M_PI * ((double)(turns - floorl(turns)) + 0.1 * channel));
}

static void feed(struct bench *b, size_t frames)
{
    int64_t at = resampler_fed(b->r);

    assert_true(frames <= FEED_MAX);
    for (size_t i = 0; i < frames; i++)
        for (unsigned c = 0; c < b->channels; c++)
            b->in[i * b->channels + c] = (float)tone(b, at + (int64_t)i, 0, c);
}

static void begin(struct bench *b, double part)
{
    int64_t whole;
    double at;

    resampler_start(b->r, b->channels, part);
    b->sum = 1 + (long double)part;
    resampler_position(b->r, &whole, &at);
    assert_int_equal(resampler_fed(b->r), 0);
    assert_int_equal(whole, 1);
    assert_true(fabs(at - part) < 1e-15);
}

static void open_bench(struct bench *b, unsigned channels, enum resample_quality quality, double turns)
{
    memset(b, 0, sizeof *b);
    b->r = resampler_create(channels, quality);
    assert_non_null(b->r);
    b->channels = channels;
    b->turns = turns;
    begin(b, 0);
}

static long double position(const struct bench *b)
{
    int64_t whole;
    double part;

    resampler_position(b->r, &whole, &part);
    assert_true(part >= 0 && part < 1);
    return (long double)whole + (long double)part;
}

/* Makes one block from `spare` frames more than it needs, and compares each sample with the tone. */
static void make(struct bench *b, size_t frames, double step, size_t spare)
{
    size_t available = resampler_need(b->r, frames, step) + spare;
    int64_t whole;
    double part;

    resampler_position(b->r, &whole, &part);
    feed(b, available);
    assert_int_equal(resampler_run(b->r, step, b->in, available, b->out, frames), 0);
    for (size_t i = 0; i < frames; i++)
        for (unsigned c = 0; c < b->channels; c++) {
            double wanted = tone(b, whole, part + (double)i * step, c);
            double off = (double)b->out[i * b->channels + c] - wanted;

            b->worst = fmax(b->worst, fabs(off));
            b->square += off * off;
        }
    b->made += (int64_t)frames * b->channels;
    b->sum += (long double)frames * (long double)step;
    assert_true(fabsl(position(b) - b->sum) < 1e-9L);
}

static double residual_db(const struct bench *b)
{
    return 10 * log10(b->square / (double)b->made * 2 / 0.81 + 1e-30);
}

static void need_and_yield_are_consistent(void **state)
{
    static const double steps[] = {1, 0.5, 2, 0.999, 1.001, 48000.0 / 44100, 44100.0 / 48000, 1.5, 0.75};
    static struct bench b;

    (void)state;
    for (int quality = RESAMPLE_FASTEST; quality <= RESAMPLE_BEST; quality++) {
        open_bench(&b, 1, (enum resample_quality)quality, 0.01);
        for (int i = 0; i < 3000; i++) {
            double step = i % 3 ? steps[below(sizeof steps / sizeof *steps)] : 0.5 + 1.5 * uniform();
            size_t frames = some_block(), available = below(1000);
            size_t yield = resampler_yield(b.r, available, step);

            assert_int_equal(resampler_need(b.r, 0, step), 0);
            assert_true(resampler_yield(b.r, resampler_need(b.r, frames, step), step) >= frames);
            assert_true(resampler_need(b.r, yield, step) <= available);
            assert_true(resampler_need(b.r, yield + 1, step) > available);
            make(&b, below(60), step, below(3));
            if (i % 50 == 49)
                begin(&b, uniform());
        }
        resampler_destroy(b.r);
    }
}

/* Whatever blocks it is made in, the position is the sum of the steps and the sound is what lies there. */
static void sound_is_what_lies_at_the_position(void **state)
{
    static const unsigned channels[] = {1, 2, 8};
    static const double limits_db[] = {-100, -125, -138};
    static struct bench b;

    (void)state;
    for (int quality = RESAMPLE_FASTEST; quality <= RESAMPLE_BEST; quality++)
        for (size_t k = 0; k < 3; k++) {
            double db;

            open_bench(&b, channels[k], (enum resample_quality)quality, 997.0 / 48000);
            begin(&b, 0.375);
            make(&b, 400, 1, 0); /* the filter's own start */
            b.worst = b.square = 0;
            b.made = 0;
            while (b.made < (quality == RESAMPLE_BEST ? 40000 : 200000))
                make(&b, some_block(), 1 + 600e-6 * (uniform() - 0.5), below(200));
            db = residual_db(&b);
            print_message("%s, %u channels: residual %.1f dB\n", names[quality], channels[k], db);
            assert_true(db < limits_db[quality]);
            resampler_destroy(b.r);
        }
}

/* Conversions between rates, up and down by as much as two. */
static void large_steps_keep_the_position(void **state)
{
    static const double steps[] = {0.5, 2, 44100.0 / 48000, 48000.0 / 44100, 96000.0 / 48000, 1.7, 0.51};
    static struct bench b;

    (void)state;
    for (int quality = RESAMPLE_FASTEST; quality <= RESAMPLE_BEST; quality++) {
        double worst_db = -300;

        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            open_bench(&b, 2, (enum resample_quality)quality, 997.0 / 48000);
            make(&b, 512, steps[k], 0);
            b.square = 0;
            b.made = 0;
            while (b.made < 20000)
                make(&b, some_block(), steps[k] * (1 + 600e-6 * (uniform() - 0.5)), below(200));
            worst_db = fmax(worst_db, residual_db(&b));
            resampler_destroy(b.r);
        }
        print_message("%s, steps of 0.5 to 2: residual %.1f dB\n", names[quality], worst_db);
        assert_true(worst_db < (quality == RESAMPLE_FASTEST ? -95 : -115));
    }
}

/* Every change of step within the promised range, from block to block. */
static void wild_steps_keep_the_position(void **state)
{
    static struct bench b;

    (void)state;
    open_bench(&b, 2, RESAMPLE_MEDIUM, 500.0 / 48000);
    make(&b, 512, 1, 0);
    b.square = 0;
    b.made = 0;
    for (int i = 0; i < 4000; i++)
        make(&b, below(120), 0.5 + 1.5 * uniform(), below(50));
    print_message("random steps: residual %.1f dB\n", residual_db(&b));
    assert_true(residual_db(&b) < -110); /* a slip of one frame would be -24 dB */
    resampler_destroy(b.r);
}

/* An hour's worth of additions at a step that no binary fraction holds. */
static void position_does_not_drift(void **state)
{
    static struct bench b;
    const double step = 1 + 50e-6 / 3;
    int64_t made = 0;

    (void)state;
    open_bench(&b, 1, RESAMPLE_FASTEST, 0);
    while (made < 3000000) {
        size_t need = resampler_need(b.r, BLOCK_MAX, step);

        assert_true(need <= FEED_MAX);
        assert_int_equal(resampler_run(b.r, step, b.in, need, b.out, BLOCK_MAX), 0);
        made += BLOCK_MAX;
    }
    assert_true(fabsl(position(&b) - (1 + (long double)made * (long double)step)) < 1e-6L);
    resampler_destroy(b.r);
}

static void any_fraction_can_be_preset(void **state)
{
    static const double parts[] = {0,   1e-12, 1e-7,  1e-3,      0.01,      0.04999, 0.05,     0.0501,
                                   0.3, 0.5,   0.707, 0.9499999, 0.9500001, 0.99,    0.9999999};
    static const double limits_db[] = {-100, -125, -138};
    static struct bench b;

    (void)state;
    for (int quality = RESAMPLE_FASTEST; quality <= RESAMPLE_BEST; quality++) {
        double worst = -300;

        for (size_t k = 0; k < sizeof parts / sizeof *parts + 40; k++) {
            double part = k < sizeof parts / sizeof *parts ? parts[k] : uniform();

            open_bench(&b, 2, (enum resample_quality)quality, 997.0 / 48000);
            begin(&b, part);
            make(&b, 1 + below(2), 1.000017, 0); /* a first block of a frame or two must be enough */
            make(&b, 300, 1.000017, 0);
            b.square = 0; /* before this the filter reaches back to before the first frame */
            b.made = 0;
            for (int i = 0; i < 20; i++)
                make(&b, some_block(), 1.000017, 0);
            make(&b, 100, 1.000017, 0);
            worst = fmax(worst, residual_db(&b));
            resampler_destroy(b.r);
        }
        print_message("%s, any preset: residual %.1f dB\n", names[quality], worst);
        assert_true(worst < limits_db[quality]);
    }
}

/* How much more than needed is offered makes no difference to what comes out. */
static void surplus_input_changes_nothing(void **state)
{
    static struct bench a, b;

    (void)state;
    open_bench(&a, 2, RESAMPLE_MEDIUM, 0.03);
    open_bench(&b, 2, RESAMPLE_MEDIUM, 0.03);
    for (int i = 0; i < 2000; i++) {
        size_t frames = some_block();
        double step = 1 + 1e-3 * (uniform() - 0.5);

        make(&a, frames, step, 0);
        make(&b, frames, step, below(500));
        for (size_t k = 0; k < frames * 2; k++)
            assert_true(fabsf(a.out[k] - b.out[k]) < 1e-6f);
    }
    resampler_destroy(a.r);
    resampler_destroy(b.r);
}

/* After a start nothing of the past is heard. */
static void start_forgets_everything(void **state)
{
    static struct bench fresh, used;

    (void)state;
    for (int quality = RESAMPLE_FASTEST; quality <= RESAMPLE_BEST; quality++) {
        open_bench(&used, 2, (enum resample_quality)quality, 0.11);
        for (int i = 0; i < 30; i++)
            make(&used, some_block(), 0.8 + 0.7 * uniform(), below(100));
        open_bench(&fresh, 2, (enum resample_quality)quality, 0.02);
        used.turns = 0.02;
        begin(&fresh, 0.25);
        begin(&used, 0.25);
        for (int i = 0; i < 20; i++) {
            size_t frames = some_block();

            make(&fresh, frames, 1.0001, 0);
            make(&used, frames, 1.0001, 0);
            assert_memory_equal(fresh.out, used.out, frames * 2 * sizeof(float));
        }
        resampler_destroy(used.r);
        resampler_destroy(fresh.r);
    }
}

/* Of one that was made for many channels, a few at work: each number of them is the tone, and pays for no
 * more than its groups. */
static void few_channels_of_many_are_at_work(void **state)
{
    static const unsigned made_for[] = {1, 2, 3, 4, 5, 8, 9, 13, 64};
    static struct bench b;

    (void)state;
    for (int quality = RESAMPLE_FASTEST; quality <= RESAMPLE_BEST; quality++)
        for (size_t k = 0; k < sizeof made_for / sizeof *made_for; k++) {
            open_bench(&b, made_for[k], (enum resample_quality)quality, 997.0 / 48000);
            for (b.channels = 1; b.channels <= made_for[k]; b.channels += b.channels < 14 ? 1 : 25) {
                unsigned all = made_for[k], pays = b.channels <= 4 ? 4 : b.channels <= 8 ? 8 : all;

                begin(&b, uniform());
                assert_true(resampler_converting(b.r) >= b.channels);
                assert_true(resampler_converting(b.r) <= (pays < all ? pays + 1 : all));
                make(&b, 300, 1, 0);
                b.square = 0;
                b.made = 0;
                for (int i = 0; i < 20; i++)
                    make(&b, some_block(), 1 + 600e-6 * (uniform() - 0.5), below(200));
                make(&b, 100, 1.0001, 0);
                make(&b, 100, 1.9, 0);
                assert_true(residual_db(&b) < (quality == RESAMPLE_FASTEST ? -95 : -115));
            }
            resampler_destroy(b.r);
        }
}

/* What was at work is cleared a group at a time; then it is as good as new, and a start has nothing to clear.
 */
static void tidying_leaves_nothing_to_do(void **state)
{
    static struct bench used, fresh;

    (void)state;
    open_bench(&used, 64, RESAMPLE_FASTEST, 0.11);
    assert_true(resampler_is_clear(used.r) && !resampler_tidy(used.r));
    used.channels = 6;
    begin(&used, 0);
    make(&used, 200, 1.001, 0);
    assert_false(resampler_is_clear(used.r));
    assert_true(resampler_tidy(used.r));
    assert_false(resampler_is_clear(used.r));
    assert_true(resampler_tidy(used.r)); /* of 4 and 4; the third was not at work */
    assert_true(resampler_is_clear(used.r) && !resampler_tidy(used.r));
    open_bench(&fresh, 64, RESAMPLE_FASTEST, 0.02);
    used.turns = 0.02;
    used.channels = 64;
    begin(&fresh, 0.25);
    begin(&used, 0.25);
    make(&fresh, 100, 1.0001, 0);
    make(&used, 100, 1.0001, 0);
    assert_memory_equal(fresh.out, used.out, 100 * 64 * sizeof(float));
    resampler_destroy(used.r);
    resampler_destroy(fresh.r);
}

static void too_little_input_is_an_error(void **state)
{
    static struct bench b;
    size_t need;

    (void)state;
    open_bench(&b, 2, RESAMPLE_MEDIUM, 0.02);
    make(&b, 100, 1, 0);
    need = resampler_need(b.r, 200, 1);
    feed(&b, need);
    assert_int_equal(resampler_run(b.r, 1, b.in, need - 100, b.out, 200), -EIO);
    begin(&b, 0.5); /* and a start mends it */
    make(&b, 100, 1, 0);
    resampler_destroy(b.r);
}

static void nothing_asked_nothing_moved(void **state)
{
    static struct bench b;

    (void)state;
    open_bench(&b, 2, RESAMPLE_FASTEST, 0.02);
    begin(&b, 0.75);
    assert_int_equal(resampler_run(b.r, 1, b.in, 0, b.out, 0), 0);
    assert_true(fabsl(position(&b) - 1.75L) < 1e-15L);
    assert_int_equal(resampler_fed(b.r), 0);
    resampler_destroy(b.r);
    resampler_destroy(NULL);
}

/* The look-ahead that latency is planned with is the one that need() asks for. */
static void look_ahead_is_what_need_asks_for(void **state)
{
    static const double published[] = {20, 47, 144}; /* of the header, and a frame of rounding */
    static struct bench b;

    (void)state;
    for (int quality = RESAMPLE_FASTEST; quality <= RESAMPLE_BEST; quality++) {
        double ahead;

        open_bench(&b, 1, (enum resample_quality)quality, 0);
        ahead = resampler_look_ahead(b.r);
        assert_true(fabs(ahead - published[quality]) <= 1);
        for (int i = 0; i < 100; i++) {
            size_t frames = 1 + below(100);
            double reach = (double)position(&b) + (double)frames + ahead;

            assert_true(
                fabs(reach - (double)(resampler_fed(b.r) + (int64_t)resampler_need(b.r, frames, 1))) <= 1);
            make(&b, frames, 1, 0);
        }
        resampler_destroy(b.r);
    }
}

static void steering_is_proportional_and_bounded(void **state)
{
    static const struct {
        double behind_s, ppm;
    } cases[] = {{0, 0},        {1e-6, 1},   {-1e-6, -1},   {9.9e-6, 9.9}, {-9.9e-6, -9.9}, {15e-6, 10},
                 {-15e-6, -10}, {20e-6, 10}, {-20e-6, -10}, {21e-6, 21},   {-250e-6, -250}, {299e-6, 299},
                 {1, 300},      {-1, -300},  {301e-6, 300}, {5e-9, 0.005}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(fabs((resample_steer(1, cases[i].behind_s, 0, 0) - 1) * 1e6 - cases[i].ppm) < 1e-6);
        assert_true(fabs((resample_steer(0.91875, cases[i].behind_s, 0, 0) / 0.91875 - 1) * 1e6 -
                         cases[i].ppm) < 1e-6);
    }
}

/* The loop itself: a lag of any size is worked off without overshoot to speak of. */
static void steering_closes_the_gap(void **state)
{
    static const double lags_s[] = {5e-6, -5e-6, 15e-6, 100e-6, -1.9e-3};

    (void)state;
    for (size_t i = 0; i < sizeof lags_s / sizeof *lags_s; i++) {
        double lag = lags_s[i], step = 0;

        for (int k = 0; k < 30000; k++) {
            double next, before = step;

            step = resample_steer(1, lag, step, 1e-3);
            next = lag - (step - 1) * 1e-3;
            assert_true(fabs(next) <= fmax(fabs(lag), 20e-9));
            assert_true(k == 0 || fabs(step - before) * 1e6 < 6.1); /* 300 ppm in 50 ms, at most */
            lag = next;
        }
        assert_true(fabs(lag) < 20e-9);
    }
}

/* A clock whose word jumps to and fro by 20 us every 100 ms: the step never changes by 1 ppm in a
 * millisecond. */
static void a_jumping_clock_is_smoothed(void **state)
{
    double lag = 0, step = 0, worst_ppm = 0;

    (void)state;
    for (int k = 0; k < 20000; k++) {
        double jump = k / 100 % 2 ? 20e-6 : 0, before = step;

        step = resample_steer(1, lag + jump, step, 1e-3);
        lag -= (step - 1) * 1e-3;
        if (k)
            worst_ppm = fmax(worst_ppm, fabs(step - before) * 1e6);
    }
    assert_true(worst_ppm > 0.1 && worst_ppm < 1);
    assert_true(fabs(lag + 10e-6) < 2e-6); /* in the middle */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_jumping_clock_is_smoothed),
        cmocka_unit_test(need_and_yield_are_consistent),
        cmocka_unit_test(sound_is_what_lies_at_the_position),
        cmocka_unit_test(large_steps_keep_the_position),
        cmocka_unit_test(wild_steps_keep_the_position),
        cmocka_unit_test(position_does_not_drift),
        cmocka_unit_test(any_fraction_can_be_preset),
        cmocka_unit_test(surplus_input_changes_nothing),
        cmocka_unit_test(start_forgets_everything),
        cmocka_unit_test(few_channels_of_many_are_at_work),
        cmocka_unit_test(tidying_leaves_nothing_to_do),
        cmocka_unit_test(too_little_input_is_an_error),
        cmocka_unit_test(nothing_asked_nothing_moved),
        cmocka_unit_test(look_ahead_is_what_need_asks_for),
        cmocka_unit_test(steering_is_proportional_and_bounded),
        cmocka_unit_test(steering_closes_the_gap),
    };

    return cmocka_run_group_tests_name("resample", tests, NULL, NULL);
}
