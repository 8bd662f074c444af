// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/pcm.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ---- bits survive ---------------------------------------------------------------------------------- */

static void test_l16_every_value(void **state)
{
    (void)state;
    for (int32_t value = -32768; value <= 32767; value++) {
        uint8_t in[2] = {(uint8_t)(value >> 8), (uint8_t)value}, out[2];
        float x;

        pcm_decode(RTP_CODEC_L16, in, &x, 1);
        assert_true(x == (float)value / 32768.0f);
        pcm_encode(RTP_CODEC_L16, &x, out, 1);
        assert_memory_equal(out, in, 2);
    }
}

static void test_l24_every_value(void **state)
{
    enum { CHUNK = 4096 };
    static uint8_t in[3 * CHUNK], out[3 * CHUNK];
    static float x[CHUNK];

    (void)state;
    for (int32_t from = -8388608; from < 8388608; from += CHUNK) {
        for (int32_t i = 0; i < CHUNK; i++) {
            in[3 * i] = (uint8_t)((from + i) >> 16);
            in[3 * i + 1] = (uint8_t)((from + i) >> 8);
            in[3 * i + 2] = (uint8_t)(from + i);
        }
        pcm_decode(RTP_CODEC_L24, in, x, CHUNK);
        assert_true(x[0] == (float)from / 8388608.0f);
        pcm_encode(RTP_CODEC_L24, x, out, CHUNK);
        assert_memory_equal(out, in, sizeof in);
    }
}

/* 16-bit sound sent as L24 is the same sound with eight zero bits. */
static void test_l16_in_l24(void **state)
{
    (void)state;
    for (int32_t value = -32768; value <= 32767; value++) {
        uint8_t narrow[2] = {(uint8_t)(value >> 8), (uint8_t)value}, wide[3];
        float x;

        pcm_decode(RTP_CODEC_L16, narrow, &x, 1);
        pcm_encode(RTP_CODEC_L24, &x, wide, 1);
        assert_memory_equal(wide, narrow, 2);
        assert_int_equal(wide[2], 0);
    }
}

/* Every card format keeps what its bits can hold, at every length and offset of a vectorised loop. */
static void test_card_round_trip(void **state)
{
    static const enum pcm_format formats[] = {PCM_S16_LE, PCM_S24_LE, PCM_S24_3LE, PCM_S32_LE, PCM_FLOAT_LE};
    static const double full[] = {32768, 8388608, 8388608, 8388608, 8388608};

    (void)state;
    for (size_t f = 0; f < COUNT(formats); f++)
        for (size_t samples = 0; samples <= 67; samples++) {
            float in[67], out[67];
            uint8_t card[67 * 4 + 1];
            size_t bytes = samples * pcm_format_bytes(formats[f]);

            for (size_t i = 0; i < samples; i++)
                in[i] = (float)((double)((int32_t)(i * 2654435761u) >> 8) / 8388608.0);
            for (size_t i = 0; i < samples; i++)
                in[i] = (float)(floor((double)in[i] * full[f]) / full[f]);
            memset(card, 0xee, sizeof card);
            pcm_to_card(formats[f], in, card + 1, samples);
            assert_int_equal(card[0], 0xee);
            if (1 + bytes < sizeof card)
                assert_int_equal(card[1 + bytes], 0xee);
            pcm_from_card(formats[f], card + 1, out, samples);
            assert_memory_equal(out, in, samples * sizeof in[0]);
        }
}

/* ---- exact bytes ----------------------------------------------------------------------------------- */

static void test_byte_order(void **state)
{
    static const float in[] = {0.5f, -0.25f, (float)0x123456 / 8388608.0f};
    static const uint8_t l16[] = {0x40, 0x00, 0xe0, 0x00, 0x12, 0x34};
    static const uint8_t l24[] = {0x40, 0x00, 0x00, 0xe0, 0x00, 0x00, 0x12, 0x34, 0x56};
    static const uint8_t s16[] = {0x00, 0x40, 0x00, 0xe0, 0x34, 0x12};
    static const uint8_t s24[] = {0x00, 0x00, 0x40, 0x00, 0x00, 0x00, 0xe0, 0xff, 0x56, 0x34, 0x12, 0x00};
    static const uint8_t s24_3[] = {0x00, 0x00, 0x40, 0x00, 0x00, 0xe0, 0x56, 0x34, 0x12};
    static const uint8_t s32[] = {0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x00, 0xe0, 0x00, 0x56, 0x34, 0x12};
    static const uint8_t flt[] = {0x00, 0x00, 0x00, 0x3f, 0x00, 0x00, 0x80, 0xbe, 0xb0, 0xa2, 0x11, 0x3e};
    uint8_t out[12];

    (void)state;
    pcm_encode(RTP_CODEC_L16, in, out, 3);
    assert_memory_equal(out, l16, sizeof l16);
    pcm_encode(RTP_CODEC_L24, in, out, 3);
    assert_memory_equal(out, l24, sizeof l24);
    pcm_to_card(PCM_S16_LE, in, out, 3);
    assert_memory_equal(out, s16, sizeof s16);
    pcm_to_card(PCM_S24_LE, in, out, 3);
    assert_memory_equal(out, s24, sizeof s24);
    pcm_to_card(PCM_S24_3LE, in, out, 3);
    assert_memory_equal(out, s24_3, sizeof s24_3);
    pcm_to_card(PCM_S32_LE, in, out, 3);
    assert_memory_equal(out, s32, sizeof s32);
    pcm_to_card(PCM_FLOAT_LE, in, out, 3);
    assert_memory_equal(out, flt, sizeof flt);
}

/* Cards leave anything in the top byte of S24_LE. */
static void test_s24_top_byte_is_not_read(void **state)
{
    static const uint8_t card[] = {0xff, 0xff, 0xff, 0x5a, 0x01, 0x00, 0x00, 0xff};
    float out[2];

    (void)state;
    pcm_from_card(PCM_S24_LE, card, out, 2);
    assert_true(out[0] == -1.0f / 8388608.0f);
    assert_true(out[1] == 1.0f / 8388608.0f);
}

/* ---- rounding, clipping, nonsense ------------------------------------------------------------------- */

static int32_t to_l24(float x)
{
    uint8_t out[3];

    pcm_encode(RTP_CODEC_L24, &x, out, 1);
    return (int32_t)((uint32_t)out[0] << 24 | (uint32_t)out[1] << 16 | (uint32_t)out[2] << 8) >> 8;
}

static int32_t to_l16(float x)
{
    uint8_t out[2];

    pcm_encode(RTP_CODEC_L16, &x, out, 1);
    return (int16_t)(uint16_t)(out[0] << 8 | out[1]);
}

static int32_t to_s32(float x)
{
    uint8_t out[4];

    pcm_to_card(PCM_S32_LE, &x, out, 1);
    return (int32_t)((uint32_t)out[3] << 24 | (uint32_t)out[2] << 16 | (uint32_t)out[1] << 8 | out[0]);
}

static void test_rounding(void **state)
{
    static const struct {
        double units;
        int32_t want;
    } rows[] = {{0.5, 0},  {1.5, 2},    {2.5, 2},  {-0.5, 0}, {-1.5, -2},           {-2.5, -2}, {0.49, 0},
                {0.51, 1}, {-0.51, -1}, {1.49, 1}, {0.0, 0},  {4194303.5, 4194304}, {3.25, 3},  {-3.75, -4}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(to_l24((float)(rows[i].units / 8388608.0)), rows[i].want);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (fabs(rows[i].units) < 32768)
            assert_int_equal(to_l16((float)(rows[i].units / 32768.0)), rows[i].want);
    /* The last bit below one half: not lifted by the addition that rounds. */
    assert_int_equal(to_l16(nextafterf(0.5f, 0) / 32768.0f), 0);
    assert_int_equal(to_l16(nextafterf(0.5f, 1) / 32768.0f), 1);
}

static void test_clipping(void **state)
{
    static const float above[] = {1.0f, 1.5f, 1e30f, INFINITY}, below[] = {-1.0f, -1.5f, -1e30f, -INFINITY};

    (void)state;
    for (size_t i = 0; i < COUNT(above); i++) {
        assert_int_equal(to_l16(above[i]), 32767);
        assert_int_equal(to_l16(below[i]), -32768);
        assert_int_equal(to_l24(above[i]), 8388607);
        assert_int_equal(to_l24(below[i]), -8388608);
        assert_int_equal(to_s32(above[i]), INT32_MAX);
        assert_int_equal(to_s32(below[i]), INT32_MIN);
    }
    /* The largest float below 1 is in range for 24 bits and beyond it for 16. */
    assert_int_equal(to_l24(nextafterf(1.0f, 0)), 8388607);
    assert_int_equal(to_l16(nextafterf(1.0f, 0)), 32767);
    assert_int_equal(to_s32(nextafterf(1.0f, 0)), 2147483520);
}

static void test_not_a_number(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    uint8_t card[sizeof bad];
    float x[3];

    (void)state;
    assert_int_equal(to_l16(NAN), 0);
    assert_int_equal(to_l24(-NAN), 0);
    assert_int_equal(to_s32(NAN), 0);
    pcm_to_card(PCM_FLOAT_LE, bad, card, 3);
    memcpy(x, card, sizeof x); /* tests run on little-endian machines as on any: zero and +-1 alone matter */
    assert_true(x[0] == 0);
    memcpy(card, bad, sizeof card);
    pcm_from_card(PCM_FLOAT_LE, card, x, 3);
    assert_true(x[0] == 0 && x[1] == 0 && x[2] == 0);
}

static void test_float_card_is_clipped(void **state)
{
    static const float in[] = {1.25f, -7.0f, 0.75f, INFINITY};
    static const float want[] = {1.0f, -1.0f, 0.75f, 1.0f};
    uint8_t card[sizeof in];
    float out[4];

    (void)state;
    pcm_to_card(PCM_FLOAT_LE, in, card, 4);
    pcm_from_card(PCM_FLOAT_LE, card, out, 4);
    assert_memory_equal(out, want, sizeof want);
}

static uint32_t bits_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Every exponent, both signs, many significands: to the wire and back they are the same bits. */
static void test_f32_round_trip(void **state)
{
    (void)state;
    for (uint32_t bits = 1; bits > 0 && bits < UINT32_MAX - 4099; bits += 4099) {
        uint8_t wire[4] = {(uint8_t)(bits >> 24), (uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
        uint8_t again[4];
        bool sound = (bits & 0x7fffffff) <= 0x4b800000; /* up to 2^24 */
        float x;

        pcm_decode(RTP_CODEC_F32, wire, &x, 1);
        assert_int_equal(bits_of(x), sound ? bits : 0);
        pcm_encode(RTP_CODEC_F32, &x, again, 1);
        if (sound)
            assert_memory_equal(again, wire, 4);
    }
}

static void test_f32_of_bad_and_loud(void **state)
{
    static const float in[] = {NAN, INFINITY, 3e38f, 1.5f, -700.0f, -0.0f};
    static const float want[] = {0, 0, 0, 1.5f, -700.0f, -0.0f};
    uint8_t wire[sizeof in];
    float out[6];

    (void)state;
    pcm_encode(RTP_CODEC_F32, in, wire, 6);
    pcm_decode(RTP_CODEC_F32, wire, out, 6);
    assert_memory_equal(out, want, sizeof want);
    assert_int_equal(wire[12], 0x3f); /* 1.5 is 3f c0 00 00 */
    assert_int_equal(wire[13], 0xc0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_l16_every_value), cmocka_unit_test(test_l24_every_value),
        cmocka_unit_test(test_l16_in_l24),      cmocka_unit_test(test_card_round_trip),
        cmocka_unit_test(test_byte_order),      cmocka_unit_test(test_s24_top_byte_is_not_read),
        cmocka_unit_test(test_rounding),        cmocka_unit_test(test_clipping),
        cmocka_unit_test(test_not_a_number),    cmocka_unit_test(test_float_card_is_clipped),
        cmocka_unit_test(test_f32_round_trip),  cmocka_unit_test(test_f32_of_bad_and_loud),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
