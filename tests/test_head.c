// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A head: how much it works for what a card plays, and another one that joins it in mid-sound.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "receiver/voice.h"

enum { RATE = 48000, STREAM = 2, FRAMES = 16384 };

/* A stream of two tones, all of it there, from media sample 0 on. */
static void fill(struct intake *in, uint32_t rate_hz)
{
    static const struct stream_description none;

    assert_int_equal(intake_init(in, &none, 1 << 16), 0);
    in->stream.locked = true;
    in->stream.claim = (struct stream_claim){.codec = RTP_CODEC_L24, .rate_hz = rate_hz, .channels = STREAM};
    timeline_reset(in->timeline, STREAM, (media_t){0});
    for (int64_t n = 0; n < FRAMES; n += 64) {
        struct timeline_slot slot;

        assert_int_equal(timeline_claim(in->timeline, (media_t){n}, 64, &slot), 0);
        for (int i = 0; i < 64 * STREAM; i++)
            slot.area[0][i] = (float)(0.5 * sin((double)(n + i / STREAM) * (0.1 + 0.05 * (i % STREAM))));
    }
}

static void work_goes_by_what_differs(void **state)
{
    static const struct {
        struct route route;
        unsigned width, converting;
    } cases[] = {
        {{.count = 0}, 2, 4},
        {{.count = 4, .entries = {{0, 0, 1}, {9, 0, 1}, {40, 0, 1}, {63, 0, 1}}}, 1, 4},
        {{.count = 3, .entries = {{0, 0, 1}, {9, ROUTE_ALL, 1}, {40, 0, 0.5f}}}, 3, 4},
        {{.count = 5, .entries = {{0, 0, 1}, {1, 1, 1}, {2, 0, 2}, {3, 1, 2}, {4, 0, 3}}}, 5, 8},
        {{.count = 1, .entries = {{0, 5, 1}}}, 1, 4},
    };
    struct intake in;
    struct head head;

    (void)state;
    fill(&in, RATE);
    assert_int_equal(head_init(&head, 64, RESAMPLE_FASTEST), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        head_place(&head, &in, &cases[i].route, (struct media_pos){{100}, 0.25}, 1);
        assert_int_equal(head.width, cases[i].width);
        assert_int_equal(resampler_converting(head.resampler), cases[i].converting);
    }
    head_free(&head);
    intake_free(&in);
}

/* A hole that both hear is filled by the second as by the first, as far as concealment reaches back. */
static void a_head_that_joins_makes_the_same(void **state)
{
    static const struct route straight,
        turned = {.count = 3, .entries = {{0, 1, 1}, {1, 0, 1}, {2, 0, 0.5f}}};
    static const uint32_t rates[] = {44100, 48000, 96000};
    static float a[480 * 4], b[480 * 4];

    (void)state;
    for (int quality = RESAMPLE_FASTEST; quality <= RESAMPLE_BEST; quality++)
        for (size_t k = 0; k < 3; k++) {
            double step = rates[k] / 48000.0 * 1.000031, worst = 0;
            struct head first, second;
            struct intake in;

            fill(&in, rates[k]);
            assert_int_equal(head_init(&first, 4, (enum resample_quality)quality), 0);
            assert_int_equal(head_init(&second, 4, (enum resample_quality)quality), 0);
            head_place(&first, &in, &straight, (struct media_pos){{100}, 0.3}, step);
            for (int i = 0; i < 10; i++)
                assert_int_equal(head_run(&first, &in, 300, step, false, a), 0);
            head_join(&second, &first, &in, &turned);
            assert_int_equal(second.width, 3);
            assert_true(second.step == first.step && second.concealed == 0);
            assert_true(fabs(media_pos_minus(head_position(&second), head_position(&first))) < 1e-9);
            for (int i = 0; i < 5; i++) {
                assert_int_equal(head_run(&first, &in, 480, step, false, a), 0);
                assert_int_equal(head_run(&second, &in, 480, step, false, b), 0);
                for (int n = 0; n < 480; n++) {
                    worst = fmax(worst, fabs((double)a[2 * n] - (double)b[3 * n + 1]));
                    worst = fmax(worst, fabs((double)a[2 * n + 1] - (double)b[3 * n]));
                }
            }
            print_message("%u Hz: %.1f dB off\n", rates[k], 20 * log10(worst * 2 + 1e-20));
            assert_true(worst < 3e-6);
            head_free(&first);
            head_free(&second);
            intake_free(&in);
        }
}

/* What does not sound is cleared, a converter at a time; what does is left alone. */
static void what_is_not_heard_is_cleared(void **state)
{
    static const struct route straight;
    const struct rx_config config = {.card_rate_hz = RATE,
                                     .card_channels = 64,
                                     .quality = RESAMPLE_FASTEST,
                                     .voices = 1,
                                     .duck = DUCK_STANDARD};
    static float out[100 * STREAM];
    struct voice v = {0};

    (void)state;
    assert_int_equal(voice_init(&v, &config, 1 << 16), 0);
    intake_free(&v.intake);
    fill(&v.intake, RATE);
    for (int i = 0; i < 2; i++) {
        head_place(&v.heads[i], &v.intake, &straight, (struct media_pos){{100}, 0}, 1);
        assert_int_equal(head_run(&v.heads[i], &v.intake, 100, 1, false, out), 0);
    }
    v.state = RX_PLAYING;
    v.crossfade_left = 1;
    assert_false(voice_tidy(&v));
    v.crossfade_left = 0;
    v.active = 1;
    assert_true(voice_tidy(&v));
    assert_false(voice_tidy(&v));
    assert_true(resampler_is_clear(v.heads[0].resampler) && !resampler_is_clear(v.heads[1].resampler));
    v.state = RX_IDLE;
    assert_true(voice_tidy(&v));
    assert_false(voice_tidy(&v));
    assert_true(resampler_is_clear(v.heads[1].resampler));
    voice_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_goes_by_what_differs),
        cmocka_unit_test(a_head_that_joins_makes_the_same),
        cmocka_unit_test(what_is_not_heard_is_cleared),
    };

    return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}
