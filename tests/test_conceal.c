// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Concealment, judged as an ear would: no click where a hole begins or ends, tones carried on, silence in the
 * end, and never louder than what was heard.
 */
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

#include "receiver/conceal.h"

enum { CHANNELS_MAX = 64, FRAMES_MAX = 8192 };

static uint64_t random_state = 20261121;

static double uniform(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (double)(random_state >> 11) / 9007199254740992.0;
}

static float tone_at(double hz, uint32_t rate_hz, int64_t frame, unsigned channel)
{
    double turns = (double)frame * hz / rate_hz + 0.17 * channel;

    return (float)(0.5 * sin(2 * M_PI * turns));
}

/* A stream with holes: what went in, what came out. */
struct listener {
    struct conceal *c;
    unsigned channels;
    uint32_t rate_hz;
    double hz;
    int64_t frame; /* heard so far */
    float *out;    /* all of it */
};

static struct listener listen(unsigned channels, uint32_t rate_hz, double hz)
{
    struct listener l = {.channels = channels, .rate_hz = rate_hz, .hz = hz};

    l.c = conceal_create(channels);
    assert_non_null(l.c);
    conceal_reset(l.c, rate_hz);
    l.out = calloc((size_t)FRAMES_MAX * channels, sizeof *l.out);
    assert_non_null(l.out);
    return l;
}

static void leave(struct listener *l)
{
    conceal_destroy(l->c);
    free(l->out);
}

static float *place(struct listener *l, size_t frames)
{
    assert_true(l->frame + (int64_t)frames <= FRAMES_MAX);
    return l->out + (size_t)l->frame * l->channels;
}

static void good(struct listener *l, size_t frames)
{
    float *to = place(l, frames);

    for (size_t i = 0; i < frames; i++)
        for (unsigned c = 0; c < l->channels; c++)
            to[i * l->channels + c] = tone_at(l->hz, l->rate_hz, l->frame + (int64_t)i, c);
    conceal_pass(l->c, to, frames);
    l->frame += (int64_t)frames;
}

static void hole(struct listener *l, size_t frames)
{
    conceal_fill(l->c, place(l, frames), frames);
    l->frame += (int64_t)frames;
}

/* What was heard from `from` on minus the tone, against full scale. */
static double residual_db(const struct listener *l, int64_t from)
{
    double sum = 1e-30;

    for (int64_t i = from; i < l->frame; i++)
        for (unsigned c = 0; c < l->channels; c++) {
            double off = (double)(l->out[i * l->channels + c] - tone_at(l->hz, l->rate_hz, i, c));

            sum += off * off;
        }
    return 10 * log10(sum / (double)((l->frame - from) * l->channels) + 1e-30);
}

/* The largest step from one frame to the next, beside what the tone itself does. */
static double step_ratio(const struct listener *l)
{
    double worst = 0, own = 2 * sin(M_PI * l->hz / l->rate_hz) * 0.5;

    for (int64_t i = 1; i < l->frame; i++)
        for (unsigned c = 0; c < l->channels; c++) {
            double now = (double)l->out[i * l->channels + c],
                   before = (double)l->out[(i - 1) * l->channels + c];

            worst = fmax(worst, fabs(now - before));
        }
    return worst / own;
}

static void lost_packet_of_a_tone_is_not_heard(void **state)
{
    static const double tones[] = {100, 440, 997, 3000, 8000, 15000};
    static const unsigned channels[] = {1, 2, 4, 8, 64};
    static const uint32_t rates[] = {44100, 48000, 96000};

    (void)state;
    for (size_t r = 0; r < 3; r++)
        for (size_t k = 0; k < 5; k++) {
            double worst = -300;

            for (size_t i = 0; i < 6; i++) {
                struct listener l = listen(channels[k], rates[r], tones[i]);
                int64_t from;

                good(&l, 2000);
                from = l.frame;
                hole(&l, rates[r] / 1000);
                good(&l, 500);
                worst = fmax(worst, residual_db(&l, from));
                assert_true(step_ratio(&l) < 1.1);
                leave(&l);
            }
            print_message("%u Hz, %u channels, 1 ms lost: residual %.1f dBFS\n", rates[r], channels[k],
                          worst);
            /* the model sees a fixed number of frames, half as long at 96 kHz; 64 channels share its cost */
            assert_true(worst < (rates[r] > 48000 ? -35 : channels[k] > 8 ? -50 : -60));
        }
}

/* Two tones, a decaying one, and three with hum: still not heard. */
static void lost_packet_of_a_chord_is_not_heard(void **state)
{
    struct conceal *c = conceal_create(2);
    static float want[4000 * 2], got[4000 * 2];
    double sum = 0;

    (void)state;
    conceal_reset(c, 48000);
    for (int i = 0; i < 4000; i++) {
        want[2 * i] = (float)(0.3 * sin(i * 0.057) + 0.2 * sin(i * 0.131 + 1));
        want[2 * i + 1] =
            (float)(0.4 * exp(-i / 4000.0) * sin(i * 0.2) + 0.2 * sin(i * 0.0065) + 0.1 * sin(i * 0.7));
    }
    memcpy(got, want, sizeof got);
    conceal_pass(c, got, 3000);
    conceal_fill(c, got + 3000 * 2, 48);
    conceal_pass(c, got + 3048 * 2, 952);
    for (int i = 3000 * 2; i < 4000 * 2; i++)
        sum += (double)(got[i] - want[i]) * (double)(got[i] - want[i]);
    print_message("chord: residual %.1f dBFS\n", 10 * log10(sum / 2000));
    assert_true(10 * log10(sum / 2000) < -60);
    conceal_destroy(c);
}

static void good_sound_passes_untouched(void **state)
{
    struct listener l = listen(2, 48000, 700);

    (void)state;
    good(&l, 1000);
    for (int64_t i = 240; i < l.frame; i++)
        assert_true(l.out[2 * i] == tone_at(700, 48000, i, 0));
    for (int k = 0; k < 5; k++) {
        hole(&l, 48);
        good(&l, 96); /* the crossfade */
        good(&l, 500);
        for (int64_t i = l.frame - 500; i < l.frame; i++)
            assert_true(l.out[2 * i] == tone_at(700, 48000, i, 0));
    }
    leave(&l);
}

/* 4 ms at full level, silent from 12 ms on, at each rate. */
static void long_hole_fades_to_silence(void **state)
{
    static const uint32_t rates[] = {44100, 48000, 88200, 96000};

    (void)state;
    for (size_t r = 0; r < 4; r++) {
        struct listener l = listen(2, rates[r], 1000);
        int64_t from, ms = rates[r] / 1000;
        double before = 1;

        good(&l, 2000);
        from = l.frame;
        assert_false(conceal_silent(l.c));
        assert_int_equal(conceal_silent_frames(l.c), 0);
        hole(&l, (size_t)(4 * ms));
        assert_true(residual_db(&l, from) < (rates[r] > 48000 ? -25 : -40));
        hole(&l, (size_t)(7 * ms));
        assert_false(conceal_silent(l.c));
        hole(&l, (size_t)(2 * ms));
        assert_true(conceal_silent(l.c));
        hole(&l, 500);
        assert_in_range(conceal_silent_frames(l.c), 500, 500 + 2 * ms);
        for (int64_t i = from + 12 * ms + 12; i < l.frame; i++)
            assert_true(l.out[2 * i] == 0 && l.out[2 * i + 1] == 0);
        for (int64_t at = from + 4 * ms; at < from + 12 * ms; at += ms) { /* one period of the tone each */
            double peak = 0;

            for (int64_t i = at; i < at + ms; i++)
                peak = fmax(peak, fabs((double)l.out[2 * i]));
            assert_true(peak < before);
            before = peak;
        }
        assert_true(step_ratio(&l) < 1.5);
        leave(&l);
    }
}

/* The fade itself, sample by sample: on a constant that the model carries on, it only ever falls. */
static void fade_is_monotone(void **state)
{
    struct conceal *c = conceal_create(1);
    float heard[2000], out[600];

    (void)state;
    conceal_reset(c, 48000);
    for (int i = 0; i < 2000; i++)
        heard[i] = 0.5f;
    conceal_pass(c, heard, 2000);
    for (int i = 1; i < 240; i++)
        assert_true(heard[i] >= heard[i - 1]);
    conceal_fill(c, out, 600);
    for (int i = 1; i < 600; i++)
        assert_true(out[i] <= out[i - 1] + 1e-6f && out[i] >= 0);
    for (int i = 0; i < 2000; i++)
        heard[i] = 0.5f;
    conceal_pass(c, heard, 2000);
    assert_true(heard[0] < 0.001f);
    for (int i = 1; i < 2000; i++)
        assert_true(heard[i] >= heard[i - 1] && heard[i] - heard[i - 1] < 0.005f);
    assert_true(heard[240] == 0.5f);
    conceal_destroy(c);
}

/* However the same hole and the same sound are cut into calls, the output is the same. */
static void calls_of_any_size_are_the_same(void **state)
{
    struct listener whole = listen(2, 48000, 620), cut = listen(2, 48000, 620);
    static const size_t holes[] = {48, 1, 200, 700, 6, 30};

    (void)state;
    for (size_t k = 0; k < 6; k++) {
        int64_t end;

        good(&whole, 600);
        hole(&whole, holes[k]);
        for (end = cut.frame + 600; cut.frame < end;)
            good(&cut, 1 + (size_t)((double)(end - cut.frame) * uniform() * 0.2));
        for (end = cut.frame + (int64_t)holes[k]; cut.frame < end;)
            hole(&cut, 1 + (size_t)((double)(end - cut.frame) * uniform() * 0.5));
    }
    good(&whole, 600);
    good(&cut, 600);
    assert_int_equal(whole.frame, cut.frame);
    assert_memory_equal(whole.out, cut.out, (size_t)whole.frame * 2 * sizeof(float));
    leave(&whole);
    leave(&cut);
}

static void reset_begins_from_silence(void **state)
{
    struct listener l = listen(2, 48000, 500);

    (void)state;
    assert_true(conceal_silent(l.c));
    hole(&l, 100);
    for (int i = 0; i < 200; i++)
        assert_true(l.out[i] == 0);
    good(&l, 1000);
    assert_true(step_ratio(&l) < 1.2);
    conceal_reset(l.c, 48000);
    assert_true(conceal_silent(l.c));
    hole(&l, 100);
    for (int64_t i = 2 * (l.frame - 100); i < 2 * l.frame; i++)
        assert_true(l.out[i] == 0);
    leave(&l);
}

/* A hole in the first milliseconds of sound, while it is still fading in, must not cut it off. */
static void hole_while_fading_in_does_not_click(void **state)
{
    double worst = 0;

    (void)state;
    for (size_t heard = 6; heard < 300; heard += 6) {
        struct listener l = listen(2, 48000, 1000);

        good(&l, heard);
        hole(&l, 6);
        good(&l, 600);
        worst = fmax(worst, step_ratio(&l));
        leave(&l);
    }
    print_message("a packet lost in the first 6 ms: a step of %.1f times the tone's own\n", worst);
    assert_true(worst < 1.5);
}

/* Another packet lost while the last hole is still being closed. */
static void repeated_holes_do_not_click(void **state)
{
    static const size_t lengths[] = {6, 48, 100, 300, 1000};
    double worst = 0;

    (void)state;
    for (size_t k = 0; k < 5; k++)
        for (size_t between = 3; between < 130; between += 7) {
            struct listener l = listen(2, 48000, 1000);

            good(&l, 2000);
            for (int i = 0; i < 4; i++) {
                hole(&l, lengths[k]);
                good(&l, between);
            }
            good(&l, 500);
            worst = fmax(worst, step_ratio(&l));
            leave(&l);
        }
    print_message("holes close together: a step of %.1f times the tone's own\n", worst);
    assert_true(worst < 2);
}

/* One packet of 125 us lost in every 15: fourteen fifteenths of the sound arrive and must be heard. */
static void frequent_small_holes_do_not_mute(void **state)
{
    struct listener l = listen(2, 48000, 1000);
    double sum = 0;
    int64_t from;

    (void)state;
    good(&l, 1000);
    for (int i = 0; i < 40; i++) {
        hole(&l, 6);
        good(&l, 84);
    }
    from = l.frame;
    for (int i = 0; i < 20; i++) {
        hole(&l, 6);
        good(&l, 84);
    }
    for (int64_t i = from; i < l.frame; i++)
        sum += (double)l.out[2 * i] * (double)l.out[2 * i];
    print_message("1 of 15 packets lost: level %.1f dB\n",
                  10 * log10(sum / (double)(l.frame - from) / 0.125));
    assert_true(10 * log10(sum / (double)(l.frame - from) / 0.125) > -3);
    leave(&l);
}

/* Every second frame, and every second packet, of a tone: few fits, and still the tone. */
static void many_holes_are_few_fits(void **state)
{
    enum { MS = 40 };
    static const size_t lengths[] = {1, 6, 48};

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        struct listener l = listen(2, 48000, 997);
        uint64_t fits;
        double level = 0;
        int64_t from;

        good(&l, 1024);
        fits = conceal_fits(l.c);
        from = l.frame;
        for (size_t heard = 0; heard < 48 * MS; heard += lengths[k]) {
            hole(&l, lengths[k]);
            good(&l, lengths[k]);
        }
        fits = (conceal_fits(l.c) - fits) / 2;
        for (int64_t i = from; i < l.frame; i++)
            level = fmax(level, fabs((double)l.out[2 * i]));
        print_message(
            "%zu of %zu frames lost: %llu fits in %d ms, residual %.1f dBFS, peak %.2f, step %.2f\n",
            lengths[k], 2 * lengths[k], (unsigned long long)fits, 2 * MS, residual_db(&l, from), level,
            step_ratio(&l));
        assert_in_range(fits, 1, 48 * MS / 128 + 4);
        assert_true(level < 0.7 && step_ratio(&l) < 1.5);
        assert_true(lengths[k] < 48 || residual_db(&l, from) < -50);
        leave(&l);
    }
}

/* The hole before was in silence, or in next to nothing: the sound that begins has a model of its own. */
static void sound_that_begins_is_modelled(void **state)
{
    static const float before[] = {0, 1e-4f};
    static float io[2000];

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct conceal *c = conceal_create(1);
        double worst = 0;

        conceal_reset(c, 48000);
        for (int i = 0; i < 1000; i++)
            io[i] = before[k] * (float)(2 * uniform() - 1);
        for (int i = 1000; i < 2000; i++)
            io[i] = tone_at(1000, 48000, i, 0);
        conceal_pass(c, io, 1000 - 6);
        conceal_fill(c, io + 1000 - 6, 6);
        conceal_pass(c, io + 1000, 100);
        conceal_fill(c, io + 1100, 48);
        conceal_pass(c, io + 1148, 852);
        for (int i = 1090; i < 1500; i++)
            worst = fmax(worst, fabs((double)io[i] - (double)io[i - 1]));
        print_message("a hole 2 ms after an onset: a step of %.2f times the tone's own\n",
                      worst / sin(M_PI * 1000 / 48000));
        assert_true(worst < 1.5 * sin(M_PI * 1000 / 48000));
        conceal_destroy(c);
    }
}

/* Each hole finds a channel louder than the last one did: even then a channel is fitted but once in 128. */
static void hostile_sound_does_not_raise_the_cost(void **state)
{
    struct conceal *c = conceal_create(4);
    float frame[4], level = 1e-6f;
    uint64_t frames = 0;

    (void)state;
    conceal_reset(c, 48000);
    for (int i = 0; i < 40000; i++) {
        level = level > 1e30f ? 0 : level < 1e-6f ? 1e-6f : level * 1.9f;
        for (int k = 0; k < 4; k++)
            frame[k] = (i + k) % 3 ? level : -level;
        conceal_pass(c, frame, 1);
        conceal_fill(c, frame, 1);
        frames++;
    }
    print_message("sound that grows from hole to hole: a fit in %.0f frames\n",
                  (double)frames * 4 / (double)conceal_fits(c));
    assert_true(conceal_fits(c) <= 4 * (frames / 128 + 4));
    conceal_destroy(c);
}

enum { SIGNALS = 14, HEARD = 1500 };

/* Sounds that are hard to predict, all of full scale. */
static const char *awkward(int kind, float *out, size_t frames, unsigned channels)
{
    static const char *const kinds[SIGNALS] = {"noise",    "DC",       "impulses", "silence",    "square",
                                               "onset",    "sawtooth", "growth",   "chirp",      "Nyquist",
                                               "DC steps", "am tone",  "clicks",   "noise burst"};
    double period = 5 + 300 * uniform(), start = (double)frames - 3 - 300 * uniform(), phase = uniform();

    for (size_t i = 0; i < frames; i++) {
        double n = (double)i, turns = n / period + phase, x = 0, saw = turns - floor(turns);
        double values[SIGNALS] = {2 * uniform() - 1,
                                  1,
                                  (i % (size_t)(period + 2)) == 0 ? 1 : 0,
                                  0,
                                  saw < 0.5 ? 1 : -1,
                                  n > start ? sin((n - start) * 0.3) : 0,
                                  2 * saw - 1,
                                  exp((n - (double)frames) / period) * sin(n * 0.2),
                                  sin(n * n * 1e-3 / period),
                                  i % 2 ? 1 : -1,
                                  saw < 0.3   ? 0.2
                                  : saw < 0.7 ? 1
                                              : -0.9,
                                  sin(n * 0.4) * saw,
                                  uniform() < 0.01 ? 2 * uniform() - 1 : 0,
                                  n > start ? 2 * uniform() - 1 : 1e-4 * (2 * uniform() - 1)};

        x = values[kind];
        for (unsigned c = 0; c < channels; c++)
            out[i * channels + c] = (float)(c % 2 ? -x : x);
    }
    return kinds[kind];
}

/* The replacement is never louder than twice what was heard in the last 10 ms, whatever that was. */
static void replacement_is_never_loud(void **state)
{
    static const unsigned channels[] = {1, 2, 8, 64};
    static float heard[HEARD * CHANNELS_MAX], out[700 * CHANNELS_MAX];
    double worst[SIGNALS] = {0};
    const char *names[SIGNALS];

    (void)state;
    for (size_t k = 0; k < 4; k++)
        for (int kind = 0; kind < SIGNALS; kind++)
            for (int i = 0; i < (channels[k] > 8 ? 4 : 40); i++) {
                struct conceal *c = conceal_create(channels[k]);
                size_t width = channels[k];
                double peak = 1e-9, loudest = 0;

                conceal_reset(c, 48000);
                names[kind] = awkward(kind, heard, HEARD, channels[k]);
                conceal_pass(c, heard, HEARD);
                for (size_t n = (HEARD - 512) * width; n < HEARD * width; n++)
                    peak = fmax(peak, fabs((double)heard[n]));
                conceal_fill(c, out, 700);
                for (size_t n = 0; n < 700 * width; n++) {
                    assert_true(isfinite(out[n]));
                    loudest = fmax(loudest, fabs((double)out[n]));
                }
                worst[kind] = fmax(worst[kind], loudest / peak);
                conceal_destroy(c);
            }
    for (int kind = 0; kind < SIGNALS; kind++)
        if (worst[kind] > 1.2)
            print_message("%s: up to %.2f times as loud\n", names[kind], worst[kind]);
    for (int kind = 0; kind < SIGNALS; kind++)
        assert_true(worst[kind] <= 2);
}

/* Two tones that swell as they beat keep their shape while they are turned down: no corner, no flat top. */
static void swelling_sound_is_not_bent(void **state)
{
    static float io[1200];
    const double own = pow(2 * sin(M_PI * 1060 / 48000), 2) * 0.5;
    double worst = 0;

    (void)state;
    for (int start = 0; start < 4800; start += 97) { /* all phases of the beat */
        struct conceal *c = conceal_create(1);

        conceal_reset(c, 48000);
        for (int i = 0; i < 600; i++)
            io[i] = 0.5f * (tone_at(1000, 48000, start + i, 0) + tone_at(1060, 48000, start + i, 0)) +
                    (float)(3e-7 * (uniform() - 0.5)); /* 24 bits */
        conceal_pass(c, io, 600);
        conceal_fill(c, io + 600, 600);
        for (int i = 500; i < 1200; i++)
            worst = fmax(worst, fabs((double)io[i] - 2 * (double)io[i - 1] + (double)io[i - 2]));
        conceal_destroy(c);
    }
    print_message("beating tones: a kink of %.2f times their own\n", worst / own);
    assert_true(worst / own < 1.03);
}

/* Good sound and holes at random, for long: what the model learns from itself does not build up. */
static void own_replacement_does_not_build_up(void **state)
{
    struct conceal *c = conceal_create(2);
    static float io[1000 * 2];
    double loudest = 0;

    (void)state;
    conceal_reset(c, 48000);
    for (int i = 0; i < 3000; i++) {
        size_t frames = 1 + (size_t)(uniform() * 120);

        if (i % 2) {
            conceal_fill(c, io, frames);
        } else {
            awkward(i / 100 % SIGNALS, io, frames, 2);
            conceal_pass(c, io, frames);
        }
        for (size_t n = 0; n < frames * 2; n++)
            loudest = fmax(loudest, fabs((double)io[n]));
    }
    print_message("random holes: up to %.2f of full scale\n", loudest);
    assert_true(loudest <= 2);
    conceal_destroy(c);
}

/* For information: what the first frame of a hole costs, when the model is fitted. */
static void cost_is_printed(void **state)
{
    static const unsigned channels[] = {2, 64};
    static float io[2000 * CHANNELS_MAX];

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct conceal *c = conceal_create(channels[k]);
        struct timespec a, b;
        double fit_ns = 1e12, frame_ns = 1e12;

        for (int i = 0; i < 10; i++) {
            double ns;

            conceal_reset(c, 48000);
            awkward(0, io, 2000, channels[k]);
            conceal_pass(c, io, 2000);
            clock_gettime(CLOCK_MONOTONIC, &a);
            conceal_fill(c, io, 1);
            clock_gettime(CLOCK_MONOTONIC, &b);
            ns = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
            fit_ns = fmin(fit_ns, ns);
            conceal_fill(c, io, 100);
            clock_gettime(CLOCK_MONOTONIC, &a);
            ns = (double)(a.tv_sec - b.tv_sec) * 1e9 + (double)(a.tv_nsec - b.tv_nsec);
            frame_ns = fmin(frame_ns, ns / 100);
        }
        print_message("%u channels: a hole costs %.0f ns to begin and %.0f ns a frame\n", channels[k], fit_ns,
                      frame_ns);
        conceal_destroy(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_packet_of_a_tone_is_not_heard),
        cmocka_unit_test(lost_packet_of_a_chord_is_not_heard),
        cmocka_unit_test(good_sound_passes_untouched),
        cmocka_unit_test(long_hole_fades_to_silence),
        cmocka_unit_test(fade_is_monotone),
        cmocka_unit_test(calls_of_any_size_are_the_same),
        cmocka_unit_test(reset_begins_from_silence),
        cmocka_unit_test(hole_while_fading_in_does_not_click),
        cmocka_unit_test(repeated_holes_do_not_click),
        cmocka_unit_test(frequent_small_holes_do_not_mute),
        cmocka_unit_test(many_holes_are_few_fits),
        cmocka_unit_test(sound_that_begins_is_modelled),
        cmocka_unit_test(hostile_sound_does_not_raise_the_cost),
        cmocka_unit_test(replacement_is_never_loud),
        cmocka_unit_test(swelling_sound_is_not_bent),
        cmocka_unit_test(own_replacement_does_not_build_up),
        cmocka_unit_test(cost_is_printed),
    };

    return cmocka_run_group_tests_name("conceal", tests, NULL, NULL);
}
