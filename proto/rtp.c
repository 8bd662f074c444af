// SPDX-License-Identifier: GPL-3.0-or-later
#include "rtp.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "bytes.h"

#define RTP_VERSION 2

/* RFC 8285 sections 4.2 and 4.3 */
#define EXT_PROFILE_ONE_BYTE 0xBEDE
#define EXT_ID_STOP          15

/* Our element, version 0 (PROTOCOL.md section 4) */
#define ELEMENT_BYTES       11
#define ELEMENT_VERSION     0
#define ELEMENT_VERSION_AT  8 /* in every version to come */
#define ELEMENT_CODEC_RATE  9
#define ELEMENT_FLAGS_COUNT 10

static const struct {
    uint8_t code;
    uint32_t rate_hz;
} rates[] = {{1, 44100}, {2, 48000}, {3, 88200}, {4, 96000}};

static const struct {
    uint32_t us;
    uint16_t frames; /* at 44.1 and 48 kHz */
    const char *name;
} ptimes[] = {{125, 6, "0.125"},  {250, 12, "0.25"},  {333, 16, "0.333"}, {1000, 48, "1"},
              {2000, 96, "2"},    {2500, 120, "2.5"}, {4000, 192, "4"},   {5000, 240, "5"},
              {10000, 480, "10"}, {20000, 960, "20"}};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

unsigned rtp_codec_sample_bytes(unsigned codec)
{
    switch (codec) {
    case RTP_CODEC_L16:
        return 2;
    case RTP_CODEC_L24:
        return 3;
    case RTP_CODEC_F32:
        return 4;
    default:
        return 0;
    }
}

bool rtp_codec_known(unsigned codec)
{
    return rtp_codec_sample_bytes(codec) > 0 || codec == RTP_CODEC_OPUS;
}

uint8_t rtp_codec_payload_type(unsigned codec)
{
    static const uint8_t types[] = {[RTP_CODEC_L16] = RTP_PT_L16,
                                    [RTP_CODEC_L24] = RTP_PT_L24,
                                    [RTP_CODEC_F32] = RTP_PT_F32,
                                    [RTP_CODEC_OPUS] = RTP_PT_OPUS};

    assert(rtp_codec_known(codec));
    return types[codec];
}

uint32_t rtp_session_bytes(unsigned codec, uint32_t rate_hz, unsigned channels)
{
    unsigned sample = codec == RTP_CODEC_OPUS ? 2 : rtp_codec_sample_bytes(codec);

    return rate_hz * channels * sample;
}

const char *rtp_codec_name(unsigned codec)
{
    switch (codec) {
    case RTP_CODEC_L16:
        return "L16";
    case RTP_CODEC_L24:
        return "L24";
    case RTP_CODEC_F32:
        return "F32";
    case RTP_CODEC_OPUS:
        return "Opus";
    default:
        return NULL;
    }
}

int rtp_rate_code(uint32_t rate_hz)
{
    for (size_t i = 0; i < COUNT(rates); i++)
        if (rates[i].rate_hz == rate_hz)
            return rates[i].code;
    return -EINVAL;
}

uint32_t rtp_rate_of_code(unsigned code)
{
    for (size_t i = 0; i < COUNT(rates); i++)
        if (rates[i].code == code)
            return rates[i].rate_hz;
    return 0;
}

int rtp_pcm_frames(size_t len, unsigned codec, unsigned channels)
{
    size_t frame_bytes = (size_t)rtp_codec_sample_bytes(codec) * channels;

    if (rtp_codec_sample_bytes(codec) == 0)
        return -EPROTONOSUPPORT;
    if (frame_bytes == 0 || len == 0 || len % frame_bytes != 0 || len / frame_bytes > UINT16_MAX)
        return -EBADMSG;
    return (int)(len / frame_bytes);
}

void rtp_build_ext(uint8_t *to, const struct rtp_header_ext *ext, uint8_t ext_id)
{
    int rate_code = rtp_rate_code(ext->rate_hz);
    uint64_t presentation_ns = (uint64_t)ext->presentation.ns;
    uint8_t *element = to + 5;

    assert(ext->presentation.ns >= 0);
    assert(ext_id >= 1 && ext_id < EXT_ID_STOP);
    assert(ext->type < 64 && ext->codec < 16 && rate_code > 0);
    assert(ext->channels >= 1 && ext->channels <= RTP_CHANNELS_MAX && ext->priority < 4);

    put_be16(to, EXT_PROFILE_ONE_BYTE);
    put_be16(to + 2, (RTP_EXT_BYTES - 4) / 4);
    to[4] = (uint8_t)(ext_id << 4 | (ELEMENT_BYTES - 1));
    put_be32(element, (uint32_t)(presentation_ns >> 32));
    put_be32(element + 4, (uint32_t)presentation_ns);
    element[ELEMENT_VERSION_AT] = (uint8_t)(ELEMENT_VERSION << 6 | ext->type);
    element[ELEMENT_CODEC_RATE] = (uint8_t)(ext->codec << 4 | rate_code);
    element[ELEMENT_FLAGS_COUNT] = (uint8_t)(ext->priority << 6 | (ext->channels - 1));
}

void rtp_build(uint8_t *datagram, const struct rtp_packet *packet, uint8_t ext_id)
{
    assert(packet->payload_type < 128);

    datagram[0] = (uint8_t)(RTP_VERSION << 6 | packet->has_ext << 4);
    datagram[1] = (uint8_t)(packet->marker << 7 | packet->payload_type);
    put_be16(datagram + 2, packet->sequence);
    put_be32(datagram + 4, packet->timestamp);
    put_be32(datagram + 8, packet->ssrc);
    if (packet->has_ext)
        rtp_build_ext(datagram + RTP_FIXED_BYTES, &packet->ext, ext_id);
}

static int parse_element(const uint8_t *element, size_t len, struct rtp_packet *packet)
{
    uint64_t presentation_ns;

    if (len <= ELEMENT_VERSION_AT)
        return -EBADMSG;
    /* The version first: another version may have another length. */
    if (element[ELEMENT_VERSION_AT] >> 6 != ELEMENT_VERSION)
        return -EPROTONOSUPPORT;
    if (len != ELEMENT_BYTES)
        return -EBADMSG;

    presentation_ns = (uint64_t)get_be32(element) << 32 | get_be32(element + 4);
    if (presentation_ns > INT64_MAX)
        return -EBADMSG;

    packet->has_ext = true;
    packet->ext = (struct rtp_header_ext){
        .presentation = {(int64_t)presentation_ns},
        .type = element[ELEMENT_VERSION_AT] & 0x3f,
        .codec = element[ELEMENT_CODEC_RATE] >> 4,
        .channels = (uint8_t)((element[ELEMENT_FLAGS_COUNT] & 0x3f) + 1),
        .priority = element[ELEMENT_FLAGS_COUNT] >> 6,
        .rate_hz = rtp_rate_of_code(element[ELEMENT_CODEC_RATE] & 0x0f),
    };
    packet->rate_code = element[ELEMENT_CODEC_RATE] & 0x0f;
    return 0;
}

/* The elements of a one-byte-header extension (RFC 8285 section 4.2); the first with our ID counts. */
static int parse_one_byte_elements(const uint8_t *body, size_t len, uint8_t ext_id, struct rtp_packet *packet)
{
    size_t at = 0;

    while (at < len) {
        unsigned id = body[at] >> 4;
        size_t element_len = (size_t)(body[at] & 0x0f) + 1;
        int result = 0;

        if (body[at] == 0) { /* one byte of padding */
            at++;
            continue;
        }
        /* ID 15, and ID 0 with a length, end the extension (sections 4.1.2 and 4.2). */
        if (id == EXT_ID_STOP || id == 0)
            break;
        at++;
        if (element_len > len - at)
            return -EBADMSG;
        if (id == ext_id && !packet->has_ext)
            result = parse_element(body + at, element_len, packet);
        if (result < 0)
            return result;
        at += element_len;
    }
    return 0;
}

/* Any other profile, the two-byte form among them, is skipped (RFC 3550 section 5.3.1). */
static int parse_extension(const uint8_t *datagram, size_t len, size_t *at, uint8_t ext_id,
                           struct rtp_packet *packet)
{
    uint16_t profile;
    size_t body_len;
    int result = 0;

    if (len - *at < 4)
        return -EBADMSG;
    profile = get_be16(datagram + *at);
    body_len = (size_t)get_be16(datagram + *at + 2) * 4;
    *at += 4;
    if (body_len > len - *at)
        return -EBADMSG;
    if (profile == EXT_PROFILE_ONE_BYTE)
        result = parse_one_byte_elements(datagram + *at, body_len, ext_id, packet);
    *at += body_len;
    return result;
}

static int check_payload(struct rtp_packet *packet)
{
    int frames;

    switch (packet->ext.type) {
    case RTP_TYPE_AUDIO:
        if (rtp_codec_sample_bytes(packet->ext.codec) == 0)
            return 0;
        frames = rtp_pcm_frames(packet->payload_len, packet->ext.codec, packet->ext.channels);
        packet->frames = (uint16_t)(frames > 0 ? frames : 0);
        return frames > 0 ? 0 : -EBADMSG;
    case RTP_TYPE_INIT:
    case RTP_TYPE_TERMINATE:
        return packet->payload_len == 0 ? 0 : -EBADMSG;
    default:
        return 0;
    }
}

static bool is_ours(const uint8_t *datagram, size_t len)
{
    if (len >= 1 && datagram[0] >> 6 != RTP_VERSION)
        return false;
    return len < 2 || datagram[1] < 192 || datagram[1] > 223;
}

int rtp_parse(const uint8_t *datagram, size_t len, uint8_t ext_id, struct rtp_packet *packet)
{
    size_t at = RTP_FIXED_BYTES;
    int result;

    if (!is_ours(datagram, len))
        return -EPROTO;
    if (len < RTP_FIXED_BYTES)
        return -EBADMSG;
    *packet = (struct rtp_packet){
        .ssrc = get_be32(datagram + 8),
        .timestamp = get_be32(datagram + 4),
        .sequence = get_be16(datagram + 2),
        .payload_type = datagram[1] & 0x7f,
        .marker = datagram[1] >> 7,
    };

    at += (size_t)(datagram[0] & 0x0f) * 4; /* contributing sources */
    if (at > len)
        return -EBADMSG;
    if (datagram[0] & 0x10) {
        result = parse_extension(datagram, len, &at, ext_id, packet);
        if (result < 0)
            return result;
    }
    if (datagram[0] & 0x20) {
        if (at == len || datagram[len - 1] == 0 || datagram[len - 1] > len - at)
            return -EBADMSG;
        len -= datagram[len - 1];
    }
    packet->payload = datagram + at;
    packet->payload_len = len - at;

    return packet->has_ext ? check_payload(packet) : 0;
}

static size_t frames_of_ptime(size_t index, uint32_t rate_hz)
{
    return rate_hz > 48000 ? 2u * ptimes[index].frames : ptimes[index].frames;
}

int rtp_ptime_frames(uint32_t ptime_us, uint32_t rate_hz)
{
    if (rtp_rate_code(rate_hz) < 0)
        return -EINVAL;
    for (size_t i = 0; i < COUNT(ptimes); i++)
        if (ptimes[i].us == ptime_us)
            return (int)frames_of_ptime(i, rate_hz);
    return -EINVAL;
}

/* The longest packet time that fits, or NULL when none does. */
static const char *fitting_ptime(uint32_t rate_hz, size_t frame_bytes)
{
    const char *name = NULL;

    for (size_t i = 0; i < COUNT(ptimes); i++)
        if (frames_of_ptime(i, rate_hz) * frame_bytes <= RTP_PAYLOAD_MAX)
            name = ptimes[i].name;
    return name;
}

/* RFC 7587: its clock is 48000 Hz, and one packet is one frame here. */
static int check_opus(uint32_t ptime_us, uint32_t rate_hz, unsigned channels, int frames, char *err,
                      size_t err_size)
{
    if (channels < 1 || channels > 2)
        snprintf(err, err_size, "%u channels of Opus: allowed are 1 and 2; more fit with L16, L24 or F32",
                 channels);
    else if (rate_hz != 48000)
        snprintf(err, err_size, "Opus at %u Hz: allowed is 48000 Hz", (unsigned)rate_hz);
    else if (ptime_us != 2500 && ptime_us != 5000 && ptime_us != 10000 && ptime_us != 20000)
        snprintf(err, err_size, "packets of %g ms of Opus: allowed are 2.5, 5, 10 and 20 ms",
                 ptime_us / 1000.0);
    else
        return frames;
    return -EINVAL;
}

int rtp_ptime_check(uint32_t ptime_us, uint32_t rate_hz, unsigned codec, unsigned channels, char *err,
                    size_t err_size)
{
    size_t frame_bytes = (size_t)rtp_codec_sample_bytes(codec) * channels;
    int frames = rtp_ptime_frames(ptime_us, rate_hz);
    const char *fits;

    if (rtp_rate_code(rate_hz) < 0) {
        snprintf(err, err_size, "sample rate %u Hz: allowed are 44100, 48000, 88200 and 96000",
                 (unsigned)rate_hz);
        return -EINVAL;
    }
    if (frames < 0) {
        snprintf(err, err_size,
                 "packet time %u us: allowed are 0.125, 0.25, 0.333, 1, 2, 2.5, 4, 5, 10 and 20 ms",
                 (unsigned)ptime_us);
        return -EINVAL;
    }
    if (codec == RTP_CODEC_OPUS)
        return check_opus(ptime_us, rate_hz, channels, frames, err, err_size);
    if (frame_bytes == 0 || channels > RTP_CHANNELS_MAX) {
        snprintf(
            err, err_size,
            "%u channels of codec %u: allowed are 1 to %d channels of L16, L24 or F32, and 1 or 2 of Opus",
            channels, codec, RTP_CHANNELS_MAX);
        return -EINVAL;
    }
    if ((size_t)frames * frame_bytes <= RTP_PAYLOAD_MAX)
        return frames;

    fits = fitting_ptime(rate_hz, frame_bytes);
    if (fits)
        snprintf(err, err_size,
                 "%u channels of %s at %u Hz make packets of %zu bytes and only %d fit: "
                 "the packet time can be %s ms at most",
                 channels, rtp_codec_name(codec), (unsigned)rate_hz, (size_t)frames * frame_bytes,
                 RTP_PAYLOAD_MAX, fits);
    else
        snprintf(err, err_size,
                 "%u channels of %s at %u Hz fit no packet: send %zu channels at most, with 0.125 ms packets",
                 channels, rtp_codec_name(codec), (unsigned)rate_hz,
                 RTP_PAYLOAD_MAX / (frame_bytes / channels * frames_of_ptime(0, rate_hz)));
    return -EINVAL;
}
