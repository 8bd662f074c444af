// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Codecs: one packet of sound to a payload and back, whatever the codec.
 *
 * L16, L24 and F32 (pcm.h) have no memory: each packet stands for itself. Opus (RFC 7587, by libopus) has:
 * its packets are decoded in the order of their media time, and one that is missing is made up, out of what
 * was before or out of what the next one carries for that (in-band FEC).
 *
 * Coding delay. What an encoder is given comes out of the decoder encoder_look_ahead() frames later:
 *
 *     given     |  T + look-ahead ...  T + look-ahead + F  |
 *     decoded   |  T ...  T + F                            |     in the packet with time stamp T
 *
 * so that the packet of T holds the sound of T, as with every other codec, and all receivers are in unison.
 * It is 120 frames (2.5 ms) without FEC: Opus then works in its low-delay mode, CELT. FEC exists only in its
 * other one, SILK, for frames of 10 and 20 ms: 313 frames (6.5 ms). Measured (tests/test_codec.c), both are
 * exact to 0.05 frames (1 us), SILK below 8 kHz; what it leaves to CELT above is 2.3 frames late.
 *
 * Pure. Nothing is allocated after the create functions. Sound is frames x channels, full scale 1.
 */
#ifndef UNISONO_CODEC_H
#define UNISONO_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtp.h"

#define CODEC_OPUS_RATE_HZ      48000u
#define CODEC_OPUS_CHANNELS_MAX 2u
#define CODEC_OPUS_FRAMES_MAX   5760 /* 120 ms, the longest packet there is */
#define CODEC_OPUS_STEP         120  /* 2.5 ms: what is made up is a multiple of it */
#define CODEC_OPUS_BITS_MIN     24 /* in a packet, by the bitrate: with less, libopus puts no sound into it */

struct codec_format {
    enum rtp_codec codec;
    uint32_t rate_hz;
    unsigned channels;
    unsigned frames_per_packet; /* one that rtp_ptime_check() finds right */

    /* Of Opus; the others ignore them. */
    uint32_t bitrate_bps;  /* 6000 to 510000, and CODEC_OPUS_BITS_MIN in a packet */
    bool fec;              /* each packet repeats the one before in short; with packets of 10 and 20 ms */
    unsigned loss_percent; /* what the network is expected to lose, 1 to 100: the more, the better the FEC */
};

struct encoder;

/* NULL when memory is short. */
struct encoder *encoder_create(const struct codec_format *format);
void encoder_destroy(struct encoder *e); /* NULL is allowed */

/* Frames by which the sound that is given must be ahead of the packet's time stamp; 0 without a memory. */
unsigned encoder_look_ahead(const struct encoder *e);

/* Likewise, before there is an encoder. */
unsigned codec_look_ahead(unsigned codec, bool fec);

/* What comes next does not follow what was before. */
void encoder_reset(struct encoder *e);

/*
 * One packet: frames_per_packet frames of `in` to `payload`, which has RTP_PAYLOAD_MAX bytes. How many bytes,
 * > 0; or -EIO when the codec failed, which is a bug.
 */
int encoder_run(struct encoder *e, const float *in, uint8_t *payload);

/*
 * The frames in a payload of `len` bytes.
 *   > 0               so many; an Opus packet is sound as far as its lengths tell
 *   -EBADMSG          malformed: empty, not a whole number of frames, lengths that contradict; Opus with
 *                     another rate than 48000 Hz or more than two channels
 *   -EPROTONOSUPPORT  an unknown codec
 */
int codec_frames(unsigned codec, uint32_t rate_hz, unsigned channels, const uint8_t *payload, size_t len);

/* Whether its packets must be decoded in order. */
bool codec_has_memory(unsigned codec);

/* Whether the packet, which codec_frames() found right, repeats the sound before it. */
bool codec_has_fec(unsigned codec, const uint8_t *payload, size_t len);

/* Decodes one stream with memory at a time; made before it is known which. */
struct decoder;

/* NULL when memory is short. */
struct decoder *decoder_create(void);
void decoder_destroy(struct decoder *d); /* NULL is allowed */

/* From now on another stream, of one or two channels. */
void decoder_start(struct decoder *d, unsigned channels);

/*
 * The next packet, which codec_frames() found right: its frames to `out`, which has room for
 * CODEC_OPUS_FRAMES_MAX of them. How many, or -EBADMSG when it cannot be decoded. What is not a finite
 * number, or above 2^24, is 0.
 */
int decoder_run(struct decoder *d, const uint8_t *payload, size_t len, float *out);

/*
 * Makes up `frames` frames, a multiple of CODEC_OPUS_STEP and at most CODEC_OPUS_FRAMES_MAX, for what should
 * have come next. `payload`: the packet that follows them, if codec_has_fec() and it has just as many frames;
 * else NULL. 0, or -EBADMSG when it cannot be done; then `out` means nothing.
 */
int decoder_conceal(struct decoder *d, const uint8_t *payload, size_t len, size_t frames, float *out);

#endif
