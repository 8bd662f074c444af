// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Codecs: what comes out of a packet is the sound of its time stamp, for PCM to the bit, for Opus as sine
 * waves tell, with all frame sizes, with and without FEC; what was lost is made up; what is malformed is
 * refused.
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

#include "proto/codec.h"

#define RATE    48000
#define LEN     RATE       /* frames of each test sound */
#define SETTLED (RATE / 4) /* from where on they are looked at, and */
#define LOOKED  (RATE / 2) /* how many frames */

/* A coded sound: what was given and what came out, frame by frame of the same time. */
struct take {
    struct codec_format format;
    float *in, *out;
    size_t bytes, packets;
};

static struct take new_take(struct codec_format format)
{
    struct take t = {.format = format};
    size_t room = (LEN + 4 * CODEC_OPUS_FRAMES_MAX) * format.channels;

    t.in = calloc(room, sizeof *t.in);
    t.out = calloc(room, sizeof *t.out);
    assert_non_null(t.in);
    assert_non_null(t.out);
    return t;
}

static void free_take(struct take *t)
{
    free(t->in);
    free(t->out);
}

/* Through encoder and decoder, each packet given the sound that the look-ahead asks for. */
static void pass(struct take *t)
{
    struct encoder *e = encoder_create(&t->format);
    struct decoder *d = decoder_create();
    unsigned frames = t->format.frames_per_packet, channels = t->format.channels;
    uint8_t payload[RTP_PAYLOAD_MAX];

    assert_non_null(e);
    assert_non_null(d);
    assert_int_equal(encoder_look_ahead(e), codec_look_ahead(t->format.codec, t->format.fec));
    decoder_start(d, channels);
    for (size_t at = 0; at + frames <= LEN; at += frames) {
        int len = encoder_run(e, t->in + (at + encoder_look_ahead(e)) * channels, payload);

        assert_true(len > 0 && len <= RTP_PAYLOAD_MAX);
        assert_int_equal(codec_frames(RTP_CODEC_OPUS, RATE, channels, payload, (size_t)len), frames);
        assert_int_equal(decoder_run(d, payload, (size_t)len, t->out + at * channels), frames);
        t->bytes += (size_t)len;
        t->packets++;
    }
    decoder_destroy(d);
    encoder_destroy(e);
}

/*
 * Many sines together, so that a codec has sound as it knows it; how much later they are in the output, by
 * the slope of their phases, is what a cross-correlation finds, and to a fraction of a frame.
 */
enum { PARTIALS = 30 };

static double partial_hz(int k, double low_hz, double high_hz)
{
    /* none is a multiple of another, or of a packet's rate */
    return low_hz + (high_hz - low_hz) * (k + 0.37 * sin(k * 12.9898)) / PARTIALS;
}

static void fill(struct take *t, double low_hz, double high_hz, double level)
{
    unsigned channels = t->format.channels;

    for (int64_t n = 0; n < LEN + CODEC_OPUS_FRAMES_MAX; n++) {
        double sum = 0;

        for (int k = 0; k < PARTIALS; k++)
            sum += sin(2 * M_PI * partial_hz(k, low_hz, high_hz) * (double)n / RATE + k * k);
        for (unsigned c = 0; c < channels; c++)
            t->in[(size_t)n * channels + c] = (float)(sum * level / sqrt(PARTIALS));
    }
}

static double lag(const struct take *t, double low_hz, double high_hz)
{
    double slope = 0, weight = 0;

    for (int k = 0; k < PARTIALS; k++) {
        double re = 0, im = 0, w = 2 * M_PI * partial_hz(k, low_hz, high_hz) / RATE;

        for (int64_t n = SETTLED; n < SETTLED + LOOKED; n++) {
            double angle = w * (double)n + k * k, x = (double)t->out[(size_t)n * t->format.channels];

            re += x * sin(angle);
            im += x * cos(angle);
        }
        slope -= w * atan2(im, re);
        weight += w * w;
    }
    return slope / weight;
}

static const struct {
    unsigned frames;
    bool fec;
} modes[] = {{120, false}, {240, false}, {480, false}, {960, false}, {480, true}, {960, true}};

#define MODES (sizeof modes / sizeof *modes)

static void opus_sounds_at_its_time_stamp(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODES * 2; i++) {
        struct codec_format format = {
            RTP_CODEC_OPUS, RATE, 1 + (unsigned)(i & 1), modes[i / 2].frames, 128000, modes[i / 2].fec, 10};
        struct take t = new_take(format);
        double off;

        fill(&t, 300, 3000, 0.2);
        pass(&t);
        off = lag(&t, 300, 3000);
        print_message("%u frames, FEC %d, %u channels: %+.3f frames off\n", format.frames_per_packet,
                      format.fec, format.channels, off);
        assert_true(fabs(off) < 0.05);
        free_take(&t);
    }
}

/* Sound over noise of the decoded, in dB. */
static double snr(const struct take *t)
{
    unsigned channels = t->format.channels;
    double sound = 0, noise = 0;

    for (size_t i = SETTLED * channels; i < (SETTLED + LOOKED) * channels; i++) {
        double error = (double)t->out[i] - (double)t->in[i];

        sound += (double)t->in[i] * (double)t->in[i];
        noise += error * error;
    }
    return 10 * log10(sound / noise);
}

static void opus_has_its_noise_floor(void **state)
{
    static const struct {
        unsigned frames;
        uint32_t bitrate_bps;
        double least_db; /* some 2 dB below what was measured */
    } cases[] = {{120, 128000, 11}, {240, 128000, 11}, {480, 128000, 15}, {960, 128000, 17},
                 {480, 64000, 3},   {480, 256000, 31}, {480, 510000, 38}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct take t = new_take(
            (struct codec_format){RTP_CODEC_OPUS, RATE, 2, cases[i].frames, cases[i].bitrate_bps, false, 0});
        double db, kbits;

        fill(&t, 300, 12000, 0.2);
        pass(&t);
        db = snr(&t);
        kbits = (double)t.bytes * 8 / 1000 / ((double)t.packets * cases[i].frames / RATE);
        print_message("%u frames, %u kbit/s: %.1f dB, %.1f kbit/s\n", cases[i].frames,
                      cases[i].bitrate_bps / 1000, db, kbits);
        assert_true(db > cases[i].least_db);
        assert_true(kbits < cases[i].bitrate_bps / 1000.0 * 1.05 + 2);
        free_take(&t);
    }
}

/* ---- what is lost ---------------------------------------------------------------------------------- */

static float loudness(const float *sound, size_t samples)
{
    double sum = 0;

    for (size_t i = 0; i < samples; i++)
        sum += (double)sound[i] * (double)sound[i];
    return (float)sqrt(sum / (double)samples);
}

static double error_of(const float *a, const float *b, size_t samples)
{
    double sum = 0, all = 0;

    for (size_t i = 0; i < samples; i++) {
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        all += (double)b[i] * (double)b[i];
    }
    return sum / all;
}

/*
 * One packet is lost, in the middle of a sine that rises and falls. `with_next`: what the next one carries of
 * it is used. Returns how wrong the lost place is, against what would have been decoded there: 0 not at all,
 * 1 as silence would be.
 */
static double lose_one(bool with_next)
{
    enum { F = 960, LOST = 30, PACKETS = 40 };
    const struct codec_format format = {RTP_CODEC_OPUS, RATE, 1, F, 64000, true, 20};
    struct encoder *e = encoder_create(&format);
    struct decoder *whole = decoder_create(), *torn = decoder_create();
    static uint8_t payloads[PACKETS][RTP_PAYLOAD_MAX];
    float in[F], good[CODEC_OPUS_FRAMES_MAX], bad[CODEC_OPUS_FRAMES_MAX];
    int lens[PACKETS];
    double error = -1;

    decoder_start(whole, 1);
    decoder_start(torn, 1);
    for (int k = 0; k < PACKETS; k++) {
        for (int i = 0; i < F; i++) {
            double t = (double)(k * F + i) / RATE;

            in[i] = (float)(0.3 * sin(2 * M_PI * (300 + 250 * sin(2 * M_PI * 5 * t)) * t));
        }
        lens[k] = encoder_run(e, in, payloads[k]);
        assert_true(lens[k] > 0);
    }
    for (int k = 0; k <= LOST; k++) {
        size_t len = (size_t)lens[k], next = (size_t)lens[k + 1];

        assert_int_equal(decoder_run(whole, payloads[k], len, good), F);
        if (k < LOST) {
            assert_int_equal(decoder_run(torn, payloads[k], len, bad), F);
            continue;
        }
        assert_true(codec_has_fec(RTP_CODEC_OPUS, payloads[k + 1], next));
        assert_int_equal(
            decoder_conceal(torn, with_next ? payloads[k + 1] : NULL, with_next ? next : 0, F, bad), 0);
        error = error_of(bad, good, F);
    }
    decoder_destroy(whole);
    decoder_destroy(torn);
    encoder_destroy(e);
    return error;
}

static void the_next_packet_repeats_what_was_lost(void **state)
{
    double guessed = lose_one(false), repeated = lose_one(true);

    (void)state;
    print_message("error of a lost packet: %.3f concealed, %.3f with FEC\n", guessed, repeated);
    assert_true(repeated < 0.1);
    assert_true(repeated < guessed / 4);
}

static void without_fec_none_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODES; i++) {
        const struct codec_format format = {RTP_CODEC_OPUS, RATE,         2, modes[i].frames,
                                            96000,          modes[i].fec, 20};
        struct take t = new_take(format);
        struct encoder *e = encoder_create(&format);
        uint8_t payload[RTP_PAYLOAD_MAX];
        size_t with = 0, count = 0;

        fill(&t, 200, 3000, 0.3);
        for (size_t at = 0; at + format.frames_per_packet <= LEN; at += format.frames_per_packet, count++)
            with += codec_has_fec(RTP_CODEC_OPUS, payload,
                                  (size_t)encoder_run(e, t.in + at * format.channels, payload));
        print_message("%zu of %zu\n", with, count);
        assert_true(format.fec ? with > 0 : with == 0);
        encoder_destroy(e);
        free_take(&t);
    }
}

static void what_is_made_up_goes_on(void **state)
{
    const struct codec_format format = {RTP_CODEC_OPUS, RATE, 2, 240, 128000, false, 0};
    struct take t = new_take(format);
    struct encoder *e = encoder_create(&format);
    struct decoder *d = decoder_create();
    float out[CODEC_OPUS_FRAMES_MAX * 2], before = 0;
    uint8_t payload[RTP_PAYLOAD_MAX];

    (void)state;
    decoder_start(d, 2);
    assert_int_equal(decoder_conceal(d, NULL, 0, 240, out), 0); /* of nothing */
    assert_true(loudness(out, 480) == 0);
    fill(&t, 200, 3000, 0.3);
    for (size_t at = 0; at < RATE / 2; at += 240) {
        int len = encoder_run(e, t.in + at * 2, payload);

        assert_int_equal(decoder_run(d, payload, (size_t)len, out), 240);
        before = loudness(out, 480);
    }
    assert_int_equal(decoder_conceal(d, NULL, 0, 240, out), 0);
    assert_true(loudness(out, 480) > before / 2);
    for (int i = 0; i < 100; i++)
        assert_int_equal(decoder_conceal(d, NULL, 0, 120, out), 0);
    assert_true(loudness(out, 240) < before);
    encoder_destroy(e);
    decoder_destroy(d);
    free_take(&t);
}

static void a_reset_encoder_is_a_new_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODES; i++) {
        const struct codec_format format = {RTP_CODEC_OPUS, RATE,         1, modes[i].frames,
                                            96000,          modes[i].fec, 20};
        struct take t = new_take(format);
        struct encoder *used = encoder_create(&format), *fresh = encoder_create(&format);
        uint8_t a[RTP_PAYLOAD_MAX], b[RTP_PAYLOAD_MAX];

        fill(&t, 200, 3000, 0.3);
        for (size_t at = 0; at < RATE / 4; at += format.frames_per_packet)
            assert_true(encoder_run(used, t.in + at, a) > 0);
        encoder_reset(used);
        for (size_t at = 0; at < RATE / 4; at += format.frames_per_packet) {
            int len = encoder_run(used, t.in + at, a);

            assert_int_equal(encoder_run(fresh, t.in + at, b), len);
            assert_memory_equal(a, b, (size_t)len);
        }
        encoder_destroy(used);
        encoder_destroy(fresh);
        free_take(&t);
    }
}

/* ---- what is wrong --------------------------------------------------------------------------------- */

/* Where libopus leaves the sound out: a packet is but the byte that says of what kind it is. */
static void sound_needs_its_bits(void **state)
{
    (void)state;
    for (unsigned channels = 1; channels <= 2; channels++)
        for (unsigned frames = 120; frames <= 960; frames *= 2) {
            const uint32_t least = CODEC_OPUS_BITS_MIN * RATE / frames;

            for (uint32_t bps = least < 6000 ? 6000 : least - 100; bps <= least; bps += 100) {
                struct take t =
                    new_take((struct codec_format){RTP_CODEC_OPUS, RATE, channels, frames, bps, false, 0});

                fill(&t, 100, 5000, 0.3);
                pass(&t);
                if (bps < least)
                    assert_int_equal(t.bytes, t.packets);
                else
                    assert_true(t.bytes >= 3 * t.packets);
                free_take(&t);
            }
        }
}

static void lengths_tell_what_is_malformed(void **state)
{
    /* RFC 6716 section 3.2: 20 ms of CELT (31 << 3), one frame, two alike, two unlike, and many */
    static const struct {
        uint8_t bytes[6];
        size_t len;
        int frames;
    } cases[] = {
        {{0}, 0, -EBADMSG},
        {{31 << 3}, 1, 960}, /* one frame of no bytes: nothing was said */
        {{31 << 3, 1, 2}, 3, 960},
        {{28 << 3, 1, 2}, 3, 120},
        {{31 << 3 | 1, 1, 2}, 3, 1920},
        {{31 << 3 | 1, 1, 2, 3}, 4, -EBADMSG}, /* an odd number for two alike */
        {{31 << 3 | 2, 1, 7, 8}, 4, 1920},
        {{31 << 3 | 2, 9, 7, 8}, 4, -EBADMSG}, /* the first is longer than all */
        {{31 << 3 | 2}, 1, -EBADMSG},
        {{31 << 3 | 3}, 1, -EBADMSG},    /* no count */
        {{31 << 3 | 3, 0}, 2, -EBADMSG}, /* of none */
        {{31 << 3 | 3, 6}, 2, 5760},     /* 120 ms */
        {{31 << 3 | 3, 7}, 2, -EBADMSG}, /* 140 ms */
        {{28 << 3 | 3, 48}, 2, 5760},
        {{28 << 3 | 3, 49}, 2, -EBADMSG},
        {{3 << 3 | 1}, 1, 5760},                 /* two of 60 ms of SILK */
        {{31 << 3 | 3, 0x41, 200}, 3, -EBADMSG}, /* padding beyond the end */
    };
    const uint8_t sound[] = {31 << 3, 1, 2};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *copy = malloc(cases[i].len ? cases[i].len : 1); /* exactly its size, for the sanitizer */

        assert_non_null(copy);
        memcpy(copy, cases[i].bytes, cases[i].len);
        assert_int_equal(codec_frames(RTP_CODEC_OPUS, RATE, 2, copy, cases[i].len), cases[i].frames);
        (void)codec_has_fec(RTP_CODEC_OPUS, copy, cases[i].len);
        free(copy);
    }
    assert_int_equal(codec_frames(RTP_CODEC_OPUS, RATE, 3, sound, sizeof sound), -EBADMSG);
    assert_int_equal(codec_frames(RTP_CODEC_OPUS, 44100, 2, sound, sizeof sound), -EBADMSG);
    assert_int_equal(codec_frames(7, RATE, 2, sound, sizeof sound), -EPROTONOSUPPORT);
    assert_int_equal(codec_frames(RTP_CODEC_F32, RATE, 1, sound, 3), -EBADMSG);
    assert_int_equal(codec_frames(RTP_CODEC_F32, RATE, 3, sound, 24), 2);
}

static void noise_for_packets_is_survived(void **state)
{
    struct decoder *d = decoder_create();
    float out[CODEC_OPUS_FRAMES_MAX * 2];
    uint32_t random = 1;
    size_t decoded = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        size_t len = 1 + (random >> 8) % 60;
        uint8_t *payload = malloc(len);
        unsigned channels = 1 + (unsigned)(i / 5000 & 1);
        int frames;

        assert_non_null(payload);
        for (size_t k = 0; k < len; k++)
            payload[k] = (uint8_t)((random = random * 1664525 + 1013904223) >> 24);
        if (i % 500 == 0)
            decoder_start(d, channels);
        frames = codec_frames(RTP_CODEC_OPUS, RATE, channels, payload, len);
        if (frames > 0 && decoder_run(d, payload, len, out) > 0) {
            decoded++;
            for (size_t k = 0; k < (size_t)frames * channels; k++)
                assert_true(isfinite(out[k]));
        }
        free(payload);
    }
    assert_true(decoded > 1000);
    decoder_destroy(d);
}

static void pcm_is_coded_as_ever(void **state)
{
    static const float sound[] = {0, 0.5f, -1, 1.5f};
    static const uint8_t l16[] = {0, 0, 0x40, 0, 0x80, 0, 0x7f, 0xff};
    static const uint8_t f32[] = {0, 0, 0, 0, 0x3f, 0, 0, 0, 0xbf, 0x80, 0, 0, 0x3f, 0xc0, 0, 0};
    struct encoder *e;
    uint8_t payload[RTP_PAYLOAD_MAX];

    (void)state;
    e = encoder_create(&(struct codec_format){
        .codec = RTP_CODEC_L16, .rate_hz = RATE, .channels = 2, .frames_per_packet = 2});
    assert_int_equal(encoder_look_ahead(e), 0);
    assert_int_equal(codec_look_ahead(RTP_CODEC_L16, false), 0);
    assert_int_equal(encoder_run(e, sound, payload), sizeof l16);
    assert_memory_equal(payload, l16, sizeof l16);
    encoder_destroy(e);
    e = encoder_create(&(struct codec_format){
        .codec = RTP_CODEC_F32, .rate_hz = RATE, .channels = 1, .frames_per_packet = 4});
    assert_int_equal(encoder_run(e, sound, payload), sizeof f32);
    assert_memory_equal(payload, f32, sizeof f32);
    encoder_destroy(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opus_sounds_at_its_time_stamp),
        cmocka_unit_test(opus_has_its_noise_floor),
        cmocka_unit_test(the_next_packet_repeats_what_was_lost),
        cmocka_unit_test(without_fec_none_is_found),
        cmocka_unit_test(what_is_made_up_goes_on),
        cmocka_unit_test(a_reset_encoder_is_a_new_one),
        cmocka_unit_test(sound_needs_its_bits),
        cmocka_unit_test(lengths_tell_what_is_malformed),
        cmocka_unit_test(noise_for_packets_is_survived),
        cmocka_unit_test(pcm_is_coded_as_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
