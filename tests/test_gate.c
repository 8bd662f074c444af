// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The gate, block by block: what comes out is what went in a hold before, unchanged but for the fades; all of
 * what was said while it was open is there, and nothing else.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sender/gate.h"

enum { RATE = 48000, BLOCK = 48, FADE = 240, BLOCKS_MAX = 4000, CHANNELS = 2 };

/* What a run gave: the input, the output, and what became of each block. */
struct run {
    struct gate *gate;
    size_t count; /* blocks so far */
    size_t hold;
    float in[BLOCKS_MAX * BLOCK], out[BLOCKS_MAX * BLOCK]; /* the first channel */
    enum gate_block what[BLOCKS_MAX];
};

static struct gate_config usual(void)
{
    return (struct gate_config){
        .rate_hz = RATE, .channels = CHANNELS, .block_frames = BLOCK, .hold_blocks = 20, .linger_blocks = 10};
}

static struct run *begin(struct gate_config config)
{
    struct run *r = calloc(1, sizeof *r);

    assert_non_null(r);
    r->gate = gate_create(&config);
    assert_non_null(r->gate);
    r->hold = config.hold_blocks;
    return r;
}

static void end(struct run *r)
{
    gate_destroy(r->gate);
    free(r);
}

/* A sine of the second channel, with a ramp on the first that names each frame. */
static void pass(struct run *r, size_t blocks, bool talk, double amplitude)
{
    for (; blocks > 0; blocks--) {
        float block[BLOCK * CHANNELS];
        float *in = r->in + r->count * BLOCK, *out = r->out + r->count * BLOCK;

        assert_true(r->count < BLOCKS_MAX);
        for (size_t i = 0; i < BLOCK; i++) {
            double t = (double)(r->count * BLOCK + i) / RATE;

            in[i] = (float)(amplitude * (double)((r->count * BLOCK + i) % 4001 + 1) / 4002);
            block[i * CHANNELS] = in[i];
            block[i * CHANNELS + 1] = (float)(amplitude * sin(6.283185307 * 1000 * t));
        }
        r->what[r->count] = gate_pass(r->gate, block, talk);
        for (size_t i = 0; i < BLOCK; i++)
            out[i] = block[i * CHANNELS];
        r->count++;
    }
}

/* The block in which the next spurt begins at or behind `from`, and the one behind its last. */
static size_t first_of(const struct run *r, size_t from)
{
    while (from < r->count && r->what[from] != GATE_FIRST) {
        assert_int_equal(r->what[from], GATE_SHUT);
        from++;
    }
    return from;
}

static size_t behind(const struct run *r, size_t first)
{
    size_t at = first + 1;

    while (at < r->count && r->what[at] == GATE_NEXT)
        at++;
    return at;
}

/* Output frame i times `gain` of the input a hold before. */
static void check_frame(const struct run *r, size_t i, double gain)
{
    size_t hold = r->hold * BLOCK;
    double wanted = i < hold ? 0 : gain * (double)r->in[i - hold];

    assert_true(fabs((double)r->out[i] - wanted) < 1e-5);
    if (gain >= 1 && i >= hold)
        assert_true(r->out[i] == r->in[i - hold]);
}

static void key_opens_and_shuts(void **state)
{
    static const size_t holds[] = {0, 1, 20, 200};

    (void)state;
    for (size_t k = 0; k < sizeof holds / sizeof *holds; k++) {
        struct gate_config config = usual();
        struct run *r;
        size_t first, last, said;

        config.hold_blocks = holds[k];
        r = begin(config);
        pass(r, 300, false, 0.5);
        pass(r, 100, true, 0.5);
        pass(r, 400, false, 0.5);
        first = first_of(r, 0);
        last = behind(r, first);
        said = 400 + holds[k];        /* the block in which the last that was said comes out is before */
        assert_int_equal(first, 300); /* at once */
        assert_int_equal(last, said + FADE / BLOCK + 10);
        assert_int_equal(first_of(r, last), r->count);
        for (size_t i = first * BLOCK; i < last * BLOCK; i++) {
            size_t since = i - first * BLOCK + 1;
            double rise = since < FADE + 2 ? fmin((double)since / FADE, 0.999999) : 1; /* of floats, summed */
            double fall = i < said * BLOCK ? 1 : 1 - (double)(i - said * BLOCK + 1) / FADE;

            check_frame(r, i, fall < 0 ? 0 : fmin(rise, fall));
        }
        end(r);
    }
}

/* Spurts of 1 to 40 ms, some shorter than the fade: of a steady 1 no two frames differ by more than a fade
 * does. */
static void nothing_clicks(void **state)
{
    struct run *r = begin(usual());
    float before = 0;

    (void)state;
    for (int k = -1; k < 40; k++) { /* first only what fills the ring */
        for (int n = 0; n < 90; n++) {
            float block[BLOCK * CHANNELS];
            enum gate_block what;

            for (size_t i = 0; i < BLOCK * CHANNELS; i++)
                block[i] = 1;
            what = gate_pass(r->gate, block, n <= k);
            assert_true(what != GATE_SHUT || before <= 0);
            for (size_t i = 0; what != GATE_SHUT && i < BLOCK; i++) {
                assert_true(fabsf(block[i * CHANNELS] - before) <= 1.01f / FADE);
                before = block[i * CHANNELS];
            }
        }
        assert_true(before <= 0);
    }
    end(r);
}

/* A word that begins while the one before is still on its way is more of the same; and so while it lingers.
 */
static void pauses_are_bridged(void **state)
{
    static const size_t pauses[] = {1, 10, 20, 22, 34};

    (void)state;
    for (size_t k = 0; k < sizeof pauses / sizeof *pauses; k++) {
        struct run *r = begin(usual());
        size_t first, last;

        pass(r, 50, false, 0.5);
        pass(r, 50, true, 0.5);
        pass(r, pauses[k], false, 0.5);
        pass(r, 50, true, 0.5);
        pass(r, 200, false, 0.5);
        first = first_of(r, 0);
        last = behind(r, first);
        assert_int_equal(first, 50);
        assert_int_equal(last, 150 + pauses[k] + 20 + FADE / BLOCK + 10);
        assert_int_equal(first_of(r, last), r->count);
        for (size_t i = (100 + pauses[k] + 20 + FADE / BLOCK) * BLOCK; i < (150 + pauses[k] + 20) * BLOCK;
             i++)
            check_frame(r, i, 1); /* the second word, from its first frame */
        end(r);
    }
}

static void level_opens_and_hangs(void **state)
{
    struct gate_config config = usual();
    struct run *r;
    size_t first, last;

    (void)state;
    config.by_level = true;
    config.threshold_db = -30;
    config.hang_frames = RATE / 10;
    config.hold_blocks = 50;
    r = begin(config);
    pass(r, 300, false, 0.0025); /* 22 dB below */
    assert_int_equal(first_of(r, 0), r->count);
    pass(r, 200, false, 0.5);
    pass(r, 600, false, 0.0025);
    first = first_of(r, 0);
    last = behind(r, first);
    assert_in_range(first, 300, 302); /* so loud a word is noticed within 2 ms; */
    for (size_t i = (300 + 50) * BLOCK; i < (500 + 50) * BLOCK; i++)
        check_frame(r, i, 1); /* all of it comes out, from its first frame to its last */
    /* 100 ms of hang, behind the time that the mean needs to fall by 24 dB: 55 ms */
    assert_in_range(last, 500 + 100 + 40 + 50, 500 + 100 + 70 + 50 + FADE / BLOCK + 10);
    assert_int_equal(first_of(r, last), r->count);
    end(r);
}

/* The threshold is that of a sine: just above it opens, just below does not. */
static void threshold_is_exact(void **state)
{
    static const double thresholds[] = {-60, -40, -20, -6};

    (void)state;
    for (size_t k = 0; k < sizeof thresholds / sizeof *thresholds; k++) {
        double amplitude = pow(10, thresholds[k] / 20);
        struct gate_config config = usual();
        float block[BLOCK * CHANNELS];
        int opened[2] = {0, 0};

        config.by_level = true;
        config.threshold_db = thresholds[k];
        config.hang_frames = 480;
        for (int louder = 0; louder < 2; louder++) {
            struct gate *gate = gate_create(&config);

            for (size_t n = 0; n < 48000; n += BLOCK) {
                for (size_t i = 0; i < BLOCK; i++) {
                    block[i * 2] = 0;
                    block[i * 2 + 1] = (float)(amplitude * (louder ? 1.12 : 0.89) *
                                               sin(6.283185307 * 1000 * (double)(n + i) / RATE));
                }
                opened[louder] += gate_pass(gate, block, false) != GATE_SHUT;
            }
            gate_destroy(gate);
        }
        assert_int_equal(opened[0], 0);
        assert_true(opened[1] > 900);
    }
}

static void level_is_told(void **state)
{
    struct gate_config config = usual();
    struct run *r;

    (void)state;
    config.by_level = true;
    config.threshold_db = 0;
    r = begin(config);
    assert_true(gate_level(r->gate) == 0);
    pass(r, 300, false, 0.5); /* the ramp on the first channel is louder than the sine at times */
    assert_true(gate_level(r->gate) > 0.25 && gate_level(r->gate) < 0.5);
    pass(r, 300, false, 0);
    assert_true(gate_level(r->gate) > 0.25);
    gate_clear_level(r->gate);
    assert_true(gate_level(r->gate) < 1e-9);
    end(r);
}

/* What a file of floats may hold does not keep the gate open, or shut, for ever. */
static void odd_samples_pass_by(void **state)
{
    static const float odd[] = {INFINITY, -INFINITY, 3e38f, NAN};
    struct gate_config config = usual();

    (void)state;
    config.by_level = true;
    config.threshold_db = -30;
    config.hang_frames = 4800;
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
        struct gate *gate = gate_create(&config);
        float block[BLOCK * CHANNELS] = {odd[k]};

        gate_pass(gate, block, false);
        for (int i = 0; i < 1000; i++) {
            float silence[BLOCK * CHANNELS] = {0};

            if (gate_pass(gate, silence, false) == GATE_SHUT && i > 500)
                break;
            assert_true(i < 900);
        }
        for (int n = 0; n < BLOCK * CHANNELS; n++)
            block[n] = 0.5f;
        assert_int_equal(gate_pass(gate, block, false), GATE_FIRST);
        gate_destroy(gate);
    }
}

static void reset_and_skip(void **state)
{
    struct run *r = begin(usual());

    (void)state;
    pass(r, 100, true, 0.5);
    gate_skip(r->gate);
    pass(r, 1, true, 0.5);
    assert_int_equal(r->what[100], GATE_NEXT); /* still open, */
    for (size_t i = 0; i < BLOCK; i++)
        assert_true(r->out[100 * BLOCK + i] == 0); /* and what it held is silence */
    pass(r, 20, true, 0.5);
    for (size_t i = 0; i < BLOCK; i++)
        check_frame(r, 120 * BLOCK + i, 1);
    gate_reset(r->gate);
    pass(r, 1, true, 0.5);
    assert_int_equal(r->what[121], GATE_FIRST);
    gate_reset(r->gate);
    pass(r, 1, false, 0.5);
    assert_int_equal(r->what[122], GATE_SHUT);
    end(r);
    gate_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_opens_and_shuts), cmocka_unit_test(nothing_clicks),
        cmocka_unit_test(pauses_are_bridged),  cmocka_unit_test(level_opens_and_hangs),
        cmocka_unit_test(threshold_is_exact),  cmocka_unit_test(level_is_told),
        cmocka_unit_test(odd_samples_pass_by), cmocka_unit_test(reset_and_skip),
    };

    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
