// SPDX-License-Identifier: GPL-3.0-or-later
#include "format.h"

#include <math.h>

#include "proto/codec.h"
#include "proto/timebase.h"

enum { /* static payload types of RFC 3551 section 6, both L16 at 44100 Hz */
       PT_L16_STEREO = 10,
       PT_L16_MONO = 11,
};

#define RATE_DOUBT 0.04 /* 44100 and 48000 Hz are 8.8 % apart */

static uint32_t nearest_rate(double ticks_per_s)
{
    static const uint32_t rates[] = {44100, 48000, 88200, 96000};

    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        if (fabs(ticks_per_s / rates[i] - 1) < RATE_DOUBT)
            return rates[i];
    return 0;
}

bool format_infer(const struct format_evidence *e, struct format *f)
{
    size_t frame_bytes;
    uint32_t rate_hz = nearest_rate(e->ticks_per_s);

    if (e->payload_type == PT_L16_STEREO || e->payload_type == PT_L16_MONO)
        rate_hz = 44100;
    if (!rate_hz || e->step <= 0 || e->payload_bytes == 0 || e->payload_bytes % (size_t)e->step)
        return false;
    frame_bytes = e->payload_bytes / (size_t)e->step;
    f->codec = frame_bytes % 3 == 0 && e->payload_type != PT_L16_STEREO && e->payload_type != PT_L16_MONO
                   ? RTP_CODEC_L24
                   : RTP_CODEC_L16;
    if (frame_bytes % rtp_codec_sample_bytes(f->codec))
        return false;
    f->channels = (unsigned)(frame_bytes / rtp_codec_sample_bytes(f->codec));
    if (f->channels > RTP_CHANNELS_MAX)
        return false;
    f->origin = FORMAT_INFERRED;
    f->other_reading = frame_bytes % 6 == 0 && frame_bytes / 2 <= RTP_CHANNELS_MAX;
    f->rate_hz = rate_hz;
    f->frames = (unsigned)e->step;
    return true;
}

unsigned format_frames(const struct format_evidence *e, unsigned codec, unsigned channels)
{
    int frames = codec_has_memory(codec) ? (int)e->step : rtp_pcm_frames(e->payload_bytes, codec, channels);

    return frames > 0 ? (unsigned)frames : 0;
}

const char *format_origin_text(enum format_origin origin)
{
    static const char *const text[] = {
        [FORMAT_UNKNOWN] = "unknown",           [FORMAT_EXTENSION] = "by the stream itself",
        [FORMAT_OPTIONS] = "by the options",    [FORMAT_SDP] = "by the SDP file",
        [FORMAT_SAP] = "by a SAP announcement", [FORMAT_INFERRED] = "inferred from the packets",
    };

    return text[origin];
}

int64_t format_packet_ns(const struct format *f)
{
    return ns_of_samples(f->frames, f->rate_hz);
}
