// SPDX-License-Identifier: GPL-3.0-or-later
#include "pcm.h"

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <string.h>

/*
 * The nearest integer, halves to even, without libm and in a form that vectorises: adding 1.5 * 2^52 leaves
 * the integer in the low bits of the double, two's complement, rounded as IEEE 754 rounds every sum. Holds
 * for |value| < 2^31.
 */
static inline int32_t round_to_int(double value)
{
    double shifted = value + 6755399441055744.0;
    uint64_t bits;

    memcpy(&bits, &shifted, sizeof bits);
    return (int32_t)(uint32_t)bits;
}

/* x * full rounded and clipped to [-full, full - 1]; full is a power of two, so the product is exact. */
static inline int32_t quantise(float x, double full)
{
    double y = (double)x * full;

    y = y > full - 1 ? full - 1 : y;
    y = y < -full ? -full : y;
    return round_to_int(y == y ? y : 0.0);
}

#define FULL_16 32768.0
#define FULL_24 8388608.0
#define FULL_32 2147483648.0

static inline int32_t sign_extend_24(uint32_t low)
{
    return (int32_t)(low << 8) >> 8;
}

static void decode_l16(const uint8_t *payload, float *out, size_t samples)
{
    for (size_t i = 0; i < samples; i++)
        out[i] = (float)(int16_t)(uint16_t)(payload[2 * i] << 8 | payload[2 * i + 1]) / (float)FULL_16;
}

static void decode_l24(const uint8_t *payload, float *out, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        const uint8_t *at = payload + 3 * i;
        uint32_t value = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];

        out[i] = (float)sign_extend_24(value) / (float)FULL_24;
    }
}

static void encode_l16(const float *in, uint8_t *payload, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        int32_t value = quantise(in[i], FULL_16);

        payload[2 * i] = (uint8_t)(value >> 8);
        payload[2 * i + 1] = (uint8_t)value;
    }
}

static void encode_l24(const float *in, uint8_t *payload, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        int32_t value = quantise(in[i], FULL_24);

        payload[3 * i] = (uint8_t)(value >> 16);
        payload[3 * i + 1] = (uint8_t)(value >> 8);
        payload[3 * i + 2] = (uint8_t)value;
    }
}

/* False for NaN, too. */
static inline bool is_sound(float value)
{
    return value >= -16777216.0f && value <= 16777216.0f;
}

static void decode_f32(const uint8_t *payload, float *out, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        uint32_t bits;
        float value;

        memcpy(&bits, payload + 4 * i, sizeof bits);
        bits = be32toh(bits);
        memcpy(&value, &bits, sizeof value);
        out[i] = is_sound(value) ? value : 0;
    }
}

static void encode_f32(const float *in, uint8_t *payload, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        float value = is_sound(in[i]) ? in[i] : 0;
        uint32_t bits;

        memcpy(&bits, &value, sizeof bits);
        bits = htobe32(bits);
        memcpy(payload + 4 * i, &bits, sizeof bits);
    }
}

void pcm_decode(unsigned codec, const uint8_t *payload, float *out, size_t samples)
{
    assert(codec == RTP_CODEC_L16 || codec == RTP_CODEC_L24 || codec == RTP_CODEC_F32);
    if (codec == RTP_CODEC_L16)
        decode_l16(payload, out, samples);
    else if (codec == RTP_CODEC_L24)
        decode_l24(payload, out, samples);
    else
        decode_f32(payload, out, samples);
}

void pcm_encode(unsigned codec, const float *in, uint8_t *payload, size_t samples)
{
    assert(codec == RTP_CODEC_L16 || codec == RTP_CODEC_L24 || codec == RTP_CODEC_F32);
    if (codec == RTP_CODEC_L16)
        encode_l16(in, payload, samples);
    else if (codec == RTP_CODEC_L24)
        encode_l24(in, payload, samples);
    else
        encode_f32(in, payload, samples);
}

unsigned pcm_format_bytes(enum pcm_format format)
{
    switch (format) {
    case PCM_S16_LE:
        return 2;
    case PCM_S24_3LE:
        return 3;
    case PCM_S24_LE:
    case PCM_S32_LE:
    case PCM_FLOAT_LE:
        return 4;
    }
    return 0;
}

static inline uint32_t get_le32(const uint8_t *from)
{
    uint32_t value;

    memcpy(&value, from, sizeof value);
    return le32toh(value);
}

static inline void put_le32(uint8_t *to, uint32_t value)
{
    value = htole32(value);
    memcpy(to, &value, sizeof value);
}

static void from_s16(const uint8_t *card, float *out, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        uint16_t value;

        memcpy(&value, card + 2 * i, sizeof value);
        out[i] = (float)(int16_t)le16toh(value) / (float)FULL_16;
    }
}

static void from_s24(const uint8_t *card, float *out, size_t samples)
{
    for (size_t i = 0; i < samples; i++)
        out[i] = (float)sign_extend_24(get_le32(card + 4 * i)) / (float)FULL_24;
}

static void from_s24_3(const uint8_t *card, float *out, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        const uint8_t *at = card + 3 * i;
        uint32_t value = (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];

        out[i] = (float)sign_extend_24(value) / (float)FULL_24;
    }
}

static void from_s32(const uint8_t *card, float *out, size_t samples)
{
    for (size_t i = 0; i < samples; i++)
        out[i] = (float)(int32_t)get_le32(card + 4 * i) / (float)FULL_32;
}

static void from_float(const uint8_t *card, float *out, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        uint32_t bits = get_le32(card + 4 * i);
        float value;

        memcpy(&value, &bits, sizeof value);
        out[i] = value - value == 0 ? value : 0; /* false for NaN and for both infinities */
    }
}

void pcm_from_card(enum pcm_format format, const uint8_t *card, float *out, size_t samples)
{
    switch (format) {
    case PCM_S16_LE:
        from_s16(card, out, samples);
        break;
    case PCM_S24_LE:
        from_s24(card, out, samples);
        break;
    case PCM_S24_3LE:
        from_s24_3(card, out, samples);
        break;
    case PCM_S32_LE:
        from_s32(card, out, samples);
        break;
    case PCM_FLOAT_LE:
        from_float(card, out, samples);
        break;
    }
}

static void to_s16(const float *in, uint8_t *card, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        uint16_t value = htole16((uint16_t)quantise(in[i], FULL_16));

        memcpy(card + 2 * i, &value, sizeof value);
    }
}

static void to_s24(const float *in, uint8_t *card, size_t samples)
{
    for (size_t i = 0; i < samples; i++)
        put_le32(card + 4 * i, (uint32_t)quantise(in[i], FULL_24));
}

static void to_s24_3(const float *in, uint8_t *card, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        int32_t value = quantise(in[i], FULL_24);

        card[3 * i] = (uint8_t)value;
        card[3 * i + 1] = (uint8_t)(value >> 8);
        card[3 * i + 2] = (uint8_t)(value >> 16);
    }
}

static void to_s32(const float *in, uint8_t *card, size_t samples)
{
    for (size_t i = 0; i < samples; i++)
        put_le32(card + 4 * i, (uint32_t)quantise(in[i], FULL_32));
}

static void to_float(const float *in, uint8_t *card, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        float value = in[i] == in[i] ? in[i] : 0;
        uint32_t bits;

        value = value > 1 ? 1 : value;
        value = value < -1 ? -1 : value;
        memcpy(&bits, &value, sizeof bits);
        put_le32(card + 4 * i, bits);
    }
}

void pcm_to_card(enum pcm_format format, const float *in, uint8_t *card, size_t samples)
{
    switch (format) {
    case PCM_S16_LE:
        to_s16(in, card, samples);
        break;
    case PCM_S24_LE:
        to_s24(in, card, samples);
        break;
    case PCM_S24_3LE:
        to_s24_3(in, card, samples);
        break;
    case PCM_S32_LE:
        to_s32(in, card, samples);
        break;
    case PCM_FLOAT_LE:
        to_float(in, card, samples);
        break;
    }
}
