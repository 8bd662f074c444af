// SPDX-License-Identifier: GPL-3.0-or-later
#include "codec.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <opus/opus.h>

#include "pcm.h"

enum { SILK_FRAME = 960 /* frames of sound in each of its frames, in the longer packets */ };

/*
 * libopus says how late CELT is. SILK was measured 2.33 frames earlier: what it is given is delayed by as
 * much, by interpolation with a polynomial of degree 7, which is best in its middle: 3.33 frames, of which
 * one is given ahead.
 */
#define SILK_EARLY 2.33
#define FLOAT_MAX  16777216.0f /* as of F32 */

enum { SILK_TAPS = 8, SILK_AHEAD = 1 };

/* As libopus tells in both of its modes at 48000 Hz. */
enum { LOOK_AHEAD = 120, LOOK_AHEAD_FEC = 312 + SILK_AHEAD };

struct encoder {
    struct codec_format format;
    unsigned look_ahead;
    OpusEncoder *opus; /* NULL for the others */
    float *delayed;    /* with FEC: one packet of what is encoded */
    float *recent;     /* and what is given, behind the SILK_TAPS - 1 frames before it */
    float taps[SILK_TAPS];
};

struct decoder {
    OpusDecoder *opus;
    unsigned channels;
};

/* ---- encoding -------------------------------------------------------------------------------------- */

/*
 * Without FEC the low-delay mode. With it the application is AUDIO, which does not filter speech as VOIP
 * does; that the signal is a voice makes the encoder stay in SILK, where FEC is, at every bitrate.
 */
static int start_opus(struct encoder *e)
{
    const struct codec_format *f = &e->format;
    int application = f->fec ? OPUS_APPLICATION_AUDIO : OPUS_APPLICATION_RESTRICTED_LOWDELAY;
    opus_int32 look_ahead;
    int error = opus_encoder_init(e->opus, (opus_int32)f->rate_hz, (int)f->channels, application);

    if (!error)
        error = opus_encoder_ctl(e->opus, OPUS_SET_BITRATE((opus_int32)f->bitrate_bps));
    if (!error && f->fec)
        error = opus_encoder_ctl(e->opus, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
    if (!error && f->fec)
        error = opus_encoder_ctl(e->opus, OPUS_SET_INBAND_FEC(1));
    if (!error && f->fec)
        error = opus_encoder_ctl(e->opus, OPUS_SET_PACKET_LOSS_PERC((opus_int32)f->loss_percent));
    if (!error)
        error = opus_encoder_ctl(e->opus, OPUS_GET_LOOKAHEAD(&look_ahead));
    if (!error)
        e->look_ahead = (unsigned)look_ahead + (f->fec ? SILK_AHEAD : 0);
    return error;
}

/* Lagrange's interpolation at `delay` frames before the newest. */
static void find_taps(float *taps, double delay)
{
    for (int k = 0; k < SILK_TAPS; k++) {
        double tap = 1;

        for (int i = 0; i < SILK_TAPS; i++)
            tap *= i == k ? 1 : (delay - i) / (k - i);
        taps[k] = (float)tap;
    }
}

static const float *delay(struct encoder *e, const float *in)
{
    size_t channels = e->format.channels, before = (SILK_TAPS - 1) * channels;
    size_t samples = e->format.frames_per_packet * channels;

    memcpy(e->recent + before, in, samples * sizeof *in);
    for (size_t i = 0; i < samples; i++) {
        float sum = 0;

        for (size_t k = 0; k < SILK_TAPS; k++)
            sum += e->taps[k] * e->recent[before + i - k * channels];
        e->delayed[i] = sum;
    }
    memmove(e->recent, e->recent + samples, before * sizeof *in);
    return e->delayed;
}

struct encoder *encoder_create(const struct codec_format *format)
{
    struct encoder *e = calloc(1, sizeof *e);

    if (!e)
        return NULL;
    e->format = *format;
    if (format->codec != RTP_CODEC_OPUS)
        return e;
    e->opus = malloc((size_t)opus_encoder_get_size((int)format->channels));
    e->delayed = calloc(format->frames_per_packet, format->channels * sizeof *e->delayed);
    e->recent = calloc(format->frames_per_packet + SILK_TAPS - 1, format->channels * sizeof *e->recent);
    find_taps(e->taps, SILK_EARLY + SILK_AHEAD);
    if (!e->opus || !e->delayed || !e->recent || start_opus(e)) {
        encoder_destroy(e);
        return NULL;
    }
    return e;
}

void encoder_destroy(struct encoder *e)
{
    if (!e)
        return;
    free(e->opus);
    free(e->delayed);
    free(e->recent);
    free(e);
}

unsigned encoder_look_ahead(const struct encoder *e)
{
    return e->look_ahead;
}

unsigned codec_look_ahead(unsigned codec, bool fec)
{
    return codec != RTP_CODEC_OPUS ? 0 : fec ? LOOK_AHEAD_FEC : LOOK_AHEAD;
}

void encoder_reset(struct encoder *e)
{
    if (!e->opus)
        return;
    opus_encoder_ctl(e->opus, OPUS_RESET_STATE);
    memset(e->recent, 0, (SILK_TAPS - 1) * e->format.channels * sizeof *e->recent);
}

int encoder_run(struct encoder *e, const float *in, uint8_t *payload)
{
    const struct codec_format *f = &e->format;
    size_t samples = (size_t)f->frames_per_packet * f->channels;
    int len;

    if (!e->opus) {
        pcm_encode(f->codec, in, payload, samples);
        return (int)(samples * rtp_codec_sample_bytes(f->codec));
    }
    if (f->fec)
        in = delay(e, in);
    len = opus_encode_float(e->opus, in, (int)f->frames_per_packet, payload, RTP_PAYLOAD_MAX);
    return len > 0 ? len : -EIO;
}

/* ---- what a packet is ------------------------------------------------------------------------------ */

static int opus_frames(uint32_t rate_hz, unsigned channels, const uint8_t *payload, size_t len)
{
    const unsigned char *frames[48]; /* RFC 6716 section 3.2.5: 120 ms of 2.5 ms */
    opus_int16 sizes[48];
    int count, total;

    if (rate_hz != CODEC_OPUS_RATE_HZ || channels < 1 || channels > CODEC_OPUS_CHANNELS_MAX || len == 0 ||
        len > INT16_MAX)
        return -EBADMSG;
    count = opus_packet_parse(payload, (opus_int32)len, NULL, frames, sizes, NULL);
    if (count <= 0)
        return -EBADMSG;
    total = count * opus_packet_get_samples_per_frame(payload, (opus_int32)rate_hz);
    return total <= CODEC_OPUS_FRAMES_MAX ? total : -EBADMSG;
}

int codec_frames(unsigned codec, uint32_t rate_hz, unsigned channels, const uint8_t *payload, size_t len)
{
    return codec == RTP_CODEC_OPUS ? opus_frames(rate_hz, channels, payload, len)
                                   : rtp_pcm_frames(len, codec, channels);
}

bool codec_has_memory(unsigned codec)
{
    return codec == RTP_CODEC_OPUS;
}

/*
 * RFC 6716 section 4.2.3 and 4.2.4: a SILK frame begins, for each channel, with a bit of voice activity for
 * each of its 20 ms, and one that says whether it repeats the frame before (LBRR). All are coded with even
 * odds, so they stand there as bits.
 */
bool codec_has_fec(unsigned codec, const uint8_t *payload, size_t len)
{
    const unsigned char *frames[48];
    opus_int16 sizes[48];
    int parts, per_frame;
    unsigned first;

    if (codec != RTP_CODEC_OPUS || len == 0 || payload[0] & 0x80) /* configurations 16 to 31: CELT */
        return false;
    if (opus_packet_parse(payload, (opus_int32)len, NULL, frames, sizes, NULL) <= 0 || sizes[0] == 0)
        return false;
    per_frame = opus_packet_get_samples_per_frame(payload, (opus_int32)CODEC_OPUS_RATE_HZ);
    parts = per_frame > SILK_FRAME ? per_frame / SILK_FRAME : 1;
    first = frames[0][0];
    return (first >> (7 - parts) & 1) ||
           (opus_packet_get_nb_channels(payload) == 2 && (first >> (6 - 2 * parts) & 1));
}

/* ---- decoding -------------------------------------------------------------------------------------- */

struct decoder *decoder_create(void)
{
    struct decoder *d = calloc(1, sizeof *d);

    if (!d)
        return NULL;
    d->opus = malloc((size_t)opus_decoder_get_size((int)CODEC_OPUS_CHANNELS_MAX));
    if (!d->opus) {
        decoder_destroy(d);
        return NULL;
    }
    decoder_start(d, CODEC_OPUS_CHANNELS_MAX);
    return d;
}

void decoder_destroy(struct decoder *d)
{
    if (!d)
        return;
    free(d->opus);
    free(d);
}

void decoder_start(struct decoder *d, unsigned channels)
{
    int error = opus_decoder_init(d->opus, (opus_int32)CODEC_OPUS_RATE_HZ, (int)channels);

    assert(!error);
    (void)error;
    d->channels = channels;
}

/* A forged packet must not leave what poisons the filters behind; false for NaN, too. */
static void keep_finite(float *out, size_t samples)
{
    for (size_t i = 0; i < samples; i++)
        out[i] = out[i] >= -FLOAT_MAX && out[i] <= FLOAT_MAX ? out[i] : 0;
}

int decoder_run(struct decoder *d, const uint8_t *payload, size_t len, float *out)
{
    int frames = opus_decode_float(d->opus, payload, (opus_int32)len, out, CODEC_OPUS_FRAMES_MAX, 0);

    if (frames <= 0)
        return -EBADMSG;
    keep_finite(out, (size_t)frames * d->channels);
    return frames;
}

int decoder_conceal(struct decoder *d, const uint8_t *payload, size_t len, size_t frames, float *out)
{
    int made = opus_decode_float(d->opus, payload, (opus_int32)(payload ? len : 0), out, (int)frames,
                                 payload != NULL);

    assert(frames % CODEC_OPUS_STEP == 0 && frames <= CODEC_OPUS_FRAMES_MAX);
    if (made != (int)frames)
        return -EBADMSG;
    keep_finite(out, frames * d->channels);
    return 0;
}
