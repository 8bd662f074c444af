// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * PCM: the payloads of the wire and the sample formats of sound cards, to and from float.
 *
 * Full scale is 1.0: an integer of N bits is value / 2^(N-1). A float has a significand of 24 bits, so 16-
 * and 24-bit samples pass through float and back bit by bit. The other way
 *
 *   - value * 2^(N-1) is rounded to the nearest integer, halves to the even one, without dither;
 *   - what lies beyond the range is clipped to -2^(N-1) or 2^(N-1) - 1;
 *   - NaN becomes 0.
 *
 * F32 is the float itself (IEEE 754 binary32, most significant byte first): it is not clipped either way.
 * What is no sound becomes 0 both ways: NaN, infinities, and magnitudes above 2^24, with which sums would
 * overflow.
 *
 * `samples` counts single values: frames times channels. Input and output do not overlap. Nothing needs
 * alignment beyond that of its C type; card buffers are bytes.
 */
#ifndef UNISONO_PCM_H
#define UNISONO_PCM_H

#include <stddef.h>
#include <stdint.h>

#include "rtp.h"

/* Payload to float and back; codec is RTP_CODEC_L16, RTP_CODEC_L24 or RTP_CODEC_F32, anything else is a
 * caller's bug. */
void pcm_decode(unsigned codec, const uint8_t *payload, float *out, size_t samples);
void pcm_encode(unsigned codec, const float *in, uint8_t *payload, size_t samples);

/* The formats of ALSA that we use; the names are ALSA's. */
enum pcm_format {
    PCM_S16_LE,
    PCM_S24_LE,  /* 24 bits in the low three bytes of four; written sign-extended, the top byte is not read */
    PCM_S24_3LE, /* three bytes */
    PCM_S32_LE,
    PCM_FLOAT_LE, /* written clipped to -1..1; NaN and infinities read as 0 */
};

/* Bytes of one sample. */
unsigned pcm_format_bytes(enum pcm_format format);

void pcm_from_card(enum pcm_format format, const uint8_t *card, float *out, size_t samples);
void pcm_to_card(enum pcm_format format, const float *in, uint8_t *card, size_t samples);

#endif
