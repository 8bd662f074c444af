// SPDX-License-Identifier: GPL-3.0-or-later
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/slice.h"
#include "receiver/route.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { RATE_HZ = 48000, RAMP = RATE_HZ / 100, CHANNELS = 64 };

static const char *const known[] = {"Vox", "Keys, left", "Kick \"in\"", NULL, "1", "mono"};
static const struct route_names names = {.count = COUNT(known), .names = known};

/* ---- what is written ----------------------------------------------------------------------------------- */

static void test_decimals(void **state)
{
    static const struct {
        struct slice text;
        double number;
    } good[] = {{SLICE("0"), 0},        {SLICE("12.5"), 12.5},
                {SLICE("-6"), -6},      {SLICE("+.5"), 0.5},
                {SLICE("5."), 5},       {SLICE("0.1"), 0.1},
                {SLICE("-0.30"), -0.3}, {SLICE("123456789012.345"), 123456789012.345}};
    static const char *const bad[] = {"",    "-",     ".",  "+-1", "1e3", "0x1",
                                      "1,5", "1.2.3", " 1", "nan", "inf", "1234567890123456"};
    double number;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(slice_decimal(good[i].text, &number));
        assert_true(number == good[i].number);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(slice_decimal((struct slice){bad[i], strlen(bad[i])}, &number));
}

static void test_parses(void **state)
{
    static const struct {
        const char *text;
        unsigned count;
        struct route_entry entries[4];
    } rows[] = {
        {"", 0, {{0}}},
        {"  ", 0, {{0}}},
        {"straight", 0, {{0}}},
        {"1=3,2=4", 2, {{0, 2, 1}, {1, 3, 1}}},
        {"1=1:-6dB+2:-6dB", 2, {{0, 0, 0.501187234f}, {0, 1, 0.501187234f}}},
        {"1=1:-6+2:+6,2=64:20 DB", 3, {{0, 0, 0.501187234f}, {0, 1, 1.99526231f}, {1, 63, 10}}},
        {"64 = 1 : -0 db + MONO ", 2, {{63, 0, 1}, {63, ROUTE_ALL, 1}}},
        {"1=mono:-20", 1, {{0, ROUTE_ALL, 0.1f}}},
        {"1=Vox,2='Keys, left':-20", 2, {{0, 0, 1}, {1, 1, 0.1f}}},
        {"1='Kick \"in\"'+\"1\"+'mono'", 3, {{0, 2, 1}, {0, 4, 1}, {0, 5, 1}}},
        {"2=1+1", 2, {{1, 0, 1}, {1, 0, 1}}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct route route = {.count = 99};
        char why[ROUTE_WHY_SIZE];
        int r = route_parse(rows[i].text, &names, &route, why, sizeof why);

        assert_int_equal(r, 0);
        assert_int_equal(route.count, rows[i].count);
        for (unsigned k = 0; k < route.count; k++) {
            assert_int_equal(route.entries[k].card, rows[i].entries[k].card);
            assert_int_equal(route.entries[k].stream, rows[i].entries[k].stream);
            assert_true(fabsf(route.entries[k].gain / rows[i].entries[k].gain - 1) < 1e-6f);
        }
    }
}

static void test_refuses(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"1", "'1': allowed is CARD=STREAM[:GAIN][+STREAM[:GAIN]]..."},
        {",", "'': allowed is CARD=STREAM[:GAIN][+STREAM[:GAIN]]..."},
        {"1=1,", "'': allowed is CARD=STREAM[:GAIN][+STREAM[:GAIN]]..."},
        {"0=1", "'0' in '0=1': not a channel; allowed are 1 to 64"},
        {"2=1,65=1,3=1", "'65' in '65=1': not a channel; allowed are 1 to 64"},
        {"=1", "'=1': not a channel; allowed are 1 to 64"},
        {"-1=1", "'-1' in '-1=1': not a channel; allowed are 1 to 64"},
        {"1=0", "'0' in '1=0': not a channel; allowed are 1 to 64"},
        {"1=18446744073709551617",
         "'18446744073709551617' in '1=18446744073709551617': not a channel; allowed "
         "are 1 to 64"},
        {"1=", "'1=': no stream channel; allowed are channels 1 to 64, names and mono"},
        {"1=1+", "'1=1+': no stream channel; allowed are channels 1 to 64, names and mono"},
        {"1=''", "'1=''': an empty name; allowed are channels 1 to 64, names and mono"},
        {"1='Vox", "''' in '1='Vox': this quote is not closed"},
        {"1=1:", "'1=1:': not a gain; allowed are -120 to +20 dB"},
        {"1=1:20.1", "'20.1' in '1=1:20.1': not a gain; allowed are -120 to +20 dB"},
        {"1=1:-121dB", "'-121dB' in '1=1:-121dB': not a gain; allowed are -120 to +20 dB"},
        {"1=1:nan", "'nan' in '1=1:nan': not a gain; allowed are -120 to +20 dB"},
        {"1=1:- 1", "'- 1' in '1=1:- 1': not a gain; allowed are -120 to +20 dB"},
        {"1=1:1:1", "'1:1' in '1=1:1:1': not a gain; allowed are -120 to +20 dB"},
        {"1=1=2", "'=2' in '1=1=2': not understood; allowed is a comma and the next channel of the card"},
        {"1='Vox'2",
         "'2' in '1='Vox'2': not understood; allowed is a comma and the next channel of the card"},
        {"1=1,1=2", "'1=2': this channel of the card once more; several are joined by +"},
        {"1=nobody,2=0", "'0' in '2=0': not a channel; allowed are 1 to 64"},
        {"\033[2J=1", "'?[2J' in '?[2J=1': not a channel; allowed are 1 to 64"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct route route = {.count = 7};
        char why[ROUTE_WHY_SIZE];

        assert_int_equal(route_parse(rows[i].text, &names, &route, why, sizeof why), -EINVAL);
        assert_string_equal(why, rows[i].why);
        assert_int_equal(route.count, 7);
    }
}

static void test_unknown_names_are_silent(void **state)
{
    struct route route;
    char why[ROUTE_WHY_SIZE];

    (void)state;
    assert_int_equal(route_parse("1=Bass:+6,2=Drums,3=2", &names, &route, why, sizeof why), -ENOENT);
    assert_string_equal(why, "'Bass' in '1=Bass:+6': the stream has no channel of that name");
    assert_int_equal(route.count, 3);
    assert_true(route.entries[0].gain == 0 && route.entries[1].gain == 0 && route.entries[2].gain == 1);
    assert_int_equal(route_parse("1=Vox", NULL, &route, why, sizeof why), -ENOENT);
    assert_int_equal(route.count, 1); /* not straight */
}

static void test_bounds(void **state)
{
    char text[4096] = "1=1", why[ROUTE_WHY_SIZE], shown[ROUTE_WHY_SIZE], small[8];
    struct route route;

    (void)state;
    for (int i = 1; i < ROUTE_ENTRIES_MAX; i++)
        strcat(text, "+1");
    assert_int_equal(route_parse(text, NULL, &route, why, sizeof why), 0);
    assert_int_equal(route.count, ROUTE_ENTRIES_MAX);
    strcat(text, "+1");
    assert_int_equal(route_parse(text, NULL, &route, why, sizeof why), -EINVAL);
    assert_non_null(strstr(why, "too many; allowed are 256"));
    assert_true(strlen(why) < ROUTE_WHY_SIZE - 1);
    assert_int_equal(route_parse(text, NULL, &route, small, sizeof small), -EINVAL);
    memcpy(shown, why, sizeof small - 1);
    shown[sizeof small - 1] = '\0';
    assert_string_equal(small, shown);
}

static void test_width(void **state)
{
    struct route route;
    char why[ROUTE_WHY_SIZE];

    (void)state;
    assert_int_equal(route_parse("3=1,2=mono", NULL, &route, why, sizeof why), 0);
    assert_int_equal(route_width(&route), 3);
    assert_int_equal(route_parse("", NULL, &route, why, sizeof why), 0);
    assert_int_equal(route_width(&route), 0);
}

/* ---- what is heard ------------------------------------------------------------------------------------- */

static float in[RATE_HZ / 10 * 4], out[RATE_HZ / 10 * 4];

/* Values that no gain but unity leaves as they are; -0 among them. */
static void make_noise(void)
{
    uint32_t seed = 1;

    for (size_t i = 0; i < COUNT(in); i++) {
        seed = seed * 1664525 + 1013904223;
        in[i] = i % 97 == 0 ? -0.0f : (float)(int32_t)seed / 2147483648.0f;
    }
}

static struct route parsed(const char *text)
{
    struct route route;
    char why[ROUTE_WHY_SIZE];

    assert_int_equal(route_parse(text, NULL, &route, why, sizeof why), 0);
    return route;
}

/* -0 is as silent as 0. */
static void assert_bits(float a, float b)
{
    if (b == 0 && !signbit(b))
        assert_true(a == 0);
    else
        assert_memory_equal(&a, &b, sizeof a);
}

/* What the card's channels play: added to -0, which changes no bit. */
static void play(struct router *r, const float *from, float *to, size_t frames, unsigned card)
{
    static float mixes[COUNT(in)], ones[COUNT(in)];

    for (size_t i = 0; i < frames; i++)
        ones[i] = 1;
    for (size_t i = 0; i < frames * card; i++)
        to[i] = -0.0f;
    router_run(r, from, mixes, frames);
    router_spread(r, mixes, ones, to, frames);
}

/* Straight, of each number of channels to each. */
static void test_straight_shapes(void **state)
{
    struct route route = parsed("");

    (void)state;
    for (unsigned card = 1; card <= CHANNELS; card++) {
        struct router *r = router_create(card);

        assert_non_null(r);
        for (unsigned stream = 1; stream <= CHANNELS; stream++) {
            router_set(r, &route, stream);
            assert_int_equal(router_mixes(r), stream < card ? stream : stream == 1 ? 1 : card);
            play(r, in, out, 8, card);
            for (unsigned i = 0; i < 8 * card; i++) {
                unsigned frame = i / card, channel = i % card;

                if (stream == 1)
                    assert_bits(out[i], in[frame]);
                else
                    assert_bits(out[i], channel < stream ? in[frame * stream + channel] : 0);
            }
        }
        router_destroy(r);
    }
}

/* Each channel of the card plays the one at the other end of the stream: bits survive, whatever the shape. */
static void test_swapped_shapes(void **state)
{
    (void)state;
    for (unsigned card = 1; card <= CHANNELS; card += 3) {
        struct router *r = router_create(card);

        for (unsigned stream = 1; stream <= CHANNELS; stream++) {
            struct route route = {.count = 0};

            for (unsigned i = 0; i < CHANNELS; i++)
                route.entries[route.count++] = (struct route_entry){
                    .card = (uint8_t)i, .stream = (uint8_t)(CHANNELS - 1 - i), .gain = 1};
            router_set(r, &route, stream);
            play(r, in, out, 5, card);
            for (unsigned i = 0; i < 5 * card; i++) {
                unsigned from = CHANNELS - 1 - i % card;

                assert_bits(out[i], from < stream ? in[i / card * stream + from] : 0);
            }
        }
        router_destroy(r);
    }
}

static void test_mixes(void **state)
{
    static const float frame[4] = {0.5f, -0.25f, 0.125f, 1.0f};
    struct router *r = router_create(4);
    struct route route = parsed("1=1:-6dB+2:-6dB,2=mono,3=4+1+9,4=2+2");
    float half = (float)pow(10, -6 / 20.0), heard[4];

    (void)state;
    play(r, frame, heard, 1, 4); /* of no stream */
    for (int i = 0; i < 4; i++)
        assert_bits(heard[i], 0);
    router_set(r, &route, 4);
    play(r, frame, heard, 1, 4);
    assert_true(fabsf(heard[0] - half * 0.25f) < 1e-7f);
    assert_bits(heard[1], 1.375f / 4);
    assert_bits(heard[2], 1.5f);
    assert_bits(heard[3], -0.5f);
    router_destroy(r);
}

/* A sum of channels at full scale is at full scale. */
static void test_mono_does_not_clip(void **state)
{
    struct router *r = router_create(1);
    struct route route = parsed("1=mono");
    float full[CHANNELS], heard;

    (void)state;
    for (unsigned i = 0; i < CHANNELS; i++)
        full[i] = -1;
    for (unsigned stream = 1; stream <= CHANNELS; stream++) {
        router_set(r, &route, stream);
        play(r, full, &heard, 1, 1);
        assert_true(fabsf(heard + 1) < 1e-6f);
    }
    router_destroy(r);
}

/* ---- how it changes ------------------------------------------------------------------------------------ */

/* A constant on both channels, and the gains change over 10 ms, in blocks of `block` frames. */
static void ramp_in_blocks(size_t block)
{
    static float ones[2 * RAMP * 2], heard[2 * RAMP * 2];
    struct router *r = router_create(2);
    struct route route = parsed("1=1,2=2:-6");
    float quiet = route.entries[1].gain;

    for (size_t i = 0; i < COUNT(ones); i++)
        ones[i] = 1;
    router_set(r, &route, 2);
    route = parsed("1=2:-6,2=2");
    assert_true(router_go(r, &route, RATE_HZ));
    for (size_t done = 0; done < 2 * RAMP; done += block) {
        size_t now = 2 * RAMP - done < block ? 2 * RAMP - done : block;

        play(r, ones + 2 * done, heard + 2 * done, now, 2);
    }
    for (size_t i = 0; i < RAMP; i++) {
        double part = (double)(i + 1) / RAMP;

        assert_true(fabs(heard[2 * i] - (1 + (quiet - 1) * part)) < 1e-6);
        assert_true(fabs(heard[2 * i + 1] - (quiet + (1 - quiet) * part)) < 1e-6);
    }
    for (size_t i = RAMP - 1; i < 2 * RAMP; i++) {
        assert_bits(heard[2 * i], quiet);
        assert_bits(heard[2 * i + 1], 1);
    }
    router_destroy(r);
}

static void test_ramp(void **state)
{
    (void)state;
    ramp_in_blocks(2 * RAMP);
    ramp_in_blocks(1);
    ramp_in_blocks(37);
    ramp_in_blocks(RAMP);
}

/* Changes on the way, and back: no step is larger than a ramp's, and the end is the straight route's bits. */
static void test_change_on_the_way(void **state)
{
    struct router *r = router_create(1);
    struct route loud = parsed("1=1"), off = parsed("1=1:-120");
    float one = 1, heard, before = 1;

    (void)state;
    router_set(r, &loud, 1);
    for (int i = 0; i < 4 * RAMP; i++) {
        if (i % 200 == 0 && i < 2 * RAMP)
            assert_true(router_go(r, i % 400 == 0 ? &off : &loud, RATE_HZ));
        play(r, &one, &heard, 1, 1);
        assert_true(fabsf(heard - before) < 1.01f / RAMP);
        before = heard;
    }
    assert_true(router_go(r, &loud, RATE_HZ));
    play(r, in, out, RAMP, 1);
    play(r, in, out, 100, 1);
    assert_memory_equal(in, out, 100 * sizeof *in);
    router_destroy(r);
}

/* The same once more is no change; fewer channels than before leave nothing behind. */
static void test_same_and_fewer(void **state)
{
    struct router *r = router_create(2);
    struct route route = parsed("");

    (void)state;
    router_set(r, &route, 2);
    assert_true(router_go(r, &route, RATE_HZ));
    play(r, in, out, 10, 2);
    assert_memory_equal(in, out, 20 * sizeof *in);
    route = parsed("1=2,2=1");
    router_set(r, &route, 2);
    router_set(r, &route, 1);
    assert_int_equal(router_mixes(r), 1);
    play(r, in, out, 10, 2);
    for (int i = 0; i < 10; i++) {
        assert_bits(out[2 * i], 0);
        assert_bits(out[2 * i + 1], in[i]);
    }
    router_set(r, &route, 0);
    play(r, in, out, 10, 2);
    for (int i = 0; i < 20; i++)
        assert_bits(out[i], 0);
    router_destroy(r);
}

/* What is alike is done once, and what parts or begins is not to be had by a ramp. */
static void test_mixes_are_few(void **state)
{
    static const struct {
        const char *from, *to;
        unsigned stream, mixes;
        bool goes;
    } cases[] = {
        {"", "1=1,2=2", 2, 2, true},
        {"", "1=2,2=1", 2, 2, true},
        {"", "1=1", 2, 2, true}, /* to silence */
        {"1=1", "", 2, 1, false},
        {"", "1=1,2=2,3=1", 2, 2, false},
        {"", "1=1,2=1,3=1,4=1,5=1,6=1,7=1,8=1", 1, 1, true},
        {"", "1=1,2=1,3=1:-6,4=1,5=1,6=1,7=1,8=1", 1, 1, false},
        {"1=mono,5=mono,8=mono", "1=2:-3,5=2:-3,8=2:-3", 64, 1, true},
        {"1=mono,5=mono,8=mono", "1=2:-3,5=2:-3", 64, 1, false},
        {"1=1+2,2=2+1,3=1", "1=1,2=1,3=1", 2, 2, true},
        {"1=9", "1=1", 2, 1, false},
        {"1=9", "2=8", 2, 1, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct route from = parsed(cases[i].from), to = parsed(cases[i].to);
        struct router *r = router_create(8), *at_once = router_create(8);
        static float ramped[COUNT(out)];

        router_set(r, &from, cases[i].stream);
        router_set(at_once, cases[i].goes ? &to : &from, cases[i].stream);
        assert_int_equal(router_mixes(r), cases[i].mixes);
        assert_int_equal(router_go(r, &to, RATE_HZ), cases[i].goes);
        if (cases[i].goes)
            for (int k = 0; k < RAMP; k++)
                play(r, in, ramped, 1, 8);
        play(r, in, ramped, 5, 8);
        play(at_once, in, out, 5, 8);
        for (int k = 0; k < 40; k++)
            assert_bits(ramped[k] + 0.0f, out[k] + 0.0f);
        router_destroy(r);
        router_destroy(at_once);
    }
}

/* Added to what others play, at a gain of each frame. */
static void test_spread(void **state)
{
    static const float frames[] = {1, 2, 3, 4}, gains[] = {0.5f, 2};
    struct route route = parsed("1=2,3=1,4=2");
    struct router *r = router_create(4);
    float mixes[4], card[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    static const float wanted[] = {2, 1, 1.5f, 2, 9, 1, 7, 9};

    (void)state;
    router_set(r, &route, 2);
    assert_int_equal(router_mixes(r), 2);
    router_run(r, frames, mixes, 2);
    router_spread(r, mixes, gains, card, 2);
    assert_memory_equal(card, wanted, sizeof card);
    router_destroy(r);
}

/* ---- what it costs ------------------------------------------------------------------------------------- */

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Of blocks of 1 ms; the least of some rounds, since others use the processor too. */
static double frame_ns(struct route route, bool copied)
{
    enum { FRAMES = 48, BLOCKS = 400 };
    struct router *r = router_create(CHANNELS);
    double best = INFINITY;

    router_set(r, &route, CHANNELS);
    for (int round = 0; round < 20; round++) {
        double start = now_ns(), took;

        for (int i = 0; i < BLOCKS; i++) {
            if (copied)
                memcpy(out, in, sizeof(float) * FRAMES * CHANNELS);
            else
                router_run(r, in, out, FRAMES);
            __asm__ volatile("" ::"r"(out) : "memory");
        }
        took = (now_ns() - start) / (FRAMES * BLOCKS);
        best = took < best ? took : best;
    }
    router_destroy(r);
    return best;
}

static void test_costs(void **state)
{
    double copy = frame_ns(parsed(""), true), straight = frame_ns(parsed(""), false);
    struct route gained = {.count = CHANNELS};

    (void)state;
    for (uint8_t i = 0; i < CHANNELS; i++)
        gained.entries[i] = (struct route_entry){.card = i, .stream = i, .gain = 0.5f};
    print_message(
        "64 to 64: copied %.1f, straight %.1f, all channels gained %.1f, mono on two %.1f ns a frame\n", copy,
        straight, frame_ns(gained, false), frame_ns(parsed("1=mono,2=mono"), false));
    assert_true(straight < 2 * copy + 1);
}

static int setup(void **state)
{
    (void)state;
    make_noise();
    return 0;
}

/* Where the number of the stream's channels is known, all is read as elsewhere, and what is beyond it told.
 */
static void test_tells_what_is_beyond(void **state)
{
    static const struct {
        const char *text, *why; /* NULL: nothing is */
    } rows[] = {{"1=1,2=2", NULL},
                {"1=mono,2=Vox", NULL},
                {"1=9,2=10", "'9' in '1=9': the stream has 2 channels"},
                {"1=1:-6+3:-6", "'3' in '1=1:-6+3:-6': the stream has 2 channels"},
                {"1=1,2='Kick \"in\"'", "'Kick \"in\"' in '2='Kick \"in\"'': the stream has 2 channels"},
                {"1=Bass,2=3", "'Bass' in '1=Bass': the stream has no channel of that name"}};
    struct route_names two = names, one = {.channels = 1};
    char why[ROUTE_WHY_SIZE];
    struct route route;

    (void)state;
    two.channels = 2;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(route_parse(rows[i].text, &two, &route, why, sizeof why), rows[i].why ? -ENOENT : 0);
        if (rows[i].why)
            assert_string_equal(why, rows[i].why);
    }
    assert_int_equal(route_parse("1=2:-6,2=1", &one, &route, why, sizeof why), -ENOENT);
    assert_string_equal(why, "'2' in '1=2:-6': the stream has 1 channel");
    /* it sounds at once when the stream comes to have it */
    assert_true(route.count == 2 && route.entries[0].stream == 1 && route.entries[0].gain > 0.5f);
    assert_int_equal(route_parse("1=2,2=x:loud", &one, &route, why, sizeof why), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_parses),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_unknown_names_are_silent),
        cmocka_unit_test(test_tells_what_is_beyond),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_straight_shapes),
        cmocka_unit_test(test_swapped_shapes),
        cmocka_unit_test(test_mixes),
        cmocka_unit_test(test_mono_does_not_clip),
        cmocka_unit_test(test_ramp),
        cmocka_unit_test(test_change_on_the_way),
        cmocka_unit_test(test_same_and_fewer),
        cmocka_unit_test(test_mixes_are_few),
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_costs),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
