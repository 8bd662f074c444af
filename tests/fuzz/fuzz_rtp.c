// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The parser of RTP and its extension. The first byte chooses the element's ID, the rest is the datagram.
 *
 * What is accepted keeps the promises of proto/rtp.h; built anew, plainly or not, it is parsed to the same;
 * its sound passes through float and back bit by bit. What is cut short never looks longer.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "demand.h"
#include "proto/pcm.h"
#include "proto/rtp.h"

enum { BYTES_MAX = 1 << 16 };

static bool same(const struct rtp_packet *a, const struct rtp_packet *b)
{
    if (a->ssrc != b->ssrc || a->timestamp != b->timestamp || a->sequence != b->sequence ||
        a->payload_type != b->payload_type || a->marker != b->marker || a->has_ext != b->has_ext ||
        a->frames != b->frames || a->payload_len != b->payload_len ||
        memcmp(a->payload, b->payload, a->payload_len) != 0)
        return false;
    return !a->has_ext || (a->ext.presentation.ns == b->ext.presentation.ns && a->ext.type == b->ext.type &&
                           a->ext.codec == b->ext.codec && a->ext.channels == b->ext.channels &&
                           a->ext.rate_hz == b->ext.rate_hz);
}

static void check_fields(const struct rtp_packet *p, const uint8_t *datagram, size_t len)
{
    unsigned width = rtp_codec_sample_bytes(p->ext.codec) * p->ext.channels;

    DEMAND(p->payload_type < 128);
    DEMAND(p->payload >= datagram + RTP_FIXED_BYTES && p->payload + p->payload_len <= datagram + len);
    if (!p->has_ext) {
        DEMAND(p->frames == 0);
        return;
    }
    DEMAND(p->ext.presentation.ns >= 0 && p->ext.type < 64 && p->ext.codec < 16);
    DEMAND(p->ext.channels >= 1 && p->ext.channels <= RTP_CHANNELS_MAX);
    DEMAND(p->ext.rate_hz == 0 || rtp_rate_code(p->ext.rate_hz) > 0);
    DEMAND(p->payload - datagram >= RTP_FIXED_BYTES + RTP_EXT_BYTES);
    if (p->ext.type == RTP_TYPE_AUDIO && width)
        DEMAND(p->frames > 0 && p->payload_len == (size_t)p->frames * width);
    else
        DEMAND(p->frames == 0);
    if (p->ext.type == RTP_TYPE_INIT || p->ext.type == RTP_TYPE_TERMINATE)
        DEMAND(p->payload_len == 0);
}

/* A rate code that we do not know cannot be built. */
static void check_rebuilt(const struct rtp_packet *p, uint8_t ext_id)
{
    static uint8_t bytes[RTP_FIXED_BYTES + RTP_EXT_BYTES + BYTES_MAX];
    size_t header = rtp_header_bytes(p->has_ext);
    struct rtp_packet again;

    if (p->has_ext && p->ext.rate_hz == 0)
        return;
    rtp_build(bytes, p, ext_id);
    memcpy(bytes + header, p->payload, p->payload_len);
    DEMAND(rtp_parse(bytes, header + p->payload_len, ext_id, &again) == 0);
    DEMAND(same(p, &again));
}

/*
 * The same packet as RFC 3550 and RFC 8285 let others write it: with contributing sources, with an element of
 * somebody else ahead and a second one of ours behind, with padding. It says the same.
 */
static void check_disguised(const struct rtp_packet *p, uint8_t ext_id)
{
    static uint8_t bytes[BYTES_MAX + 512];
    uint8_t head[RTP_FIXED_BYTES + RTP_EXT_BYTES], *to = bytes, sources = p->sequence & 15;
    uint8_t padding = (uint8_t)(1 + p->timestamp % 255);
    struct rtp_packet again, other = *p;

    if (p->has_ext && p->ext.rate_hz == 0)
        return;
    rtp_build(head, p, ext_id);
    memcpy(to, head, RTP_FIXED_BYTES);
    to[0] |= (uint8_t)(0x20 | sources);
    to += RTP_FIXED_BYTES;
    memset(to, 0x90, 4u * sources);
    to += 4u * sources;
    if (p->has_ext) {
        static const uint8_t somebody[] = {0xbe, 0xde, 0, 7, 0, 2, 0x1a, 0xff};

        memcpy(to, somebody, sizeof somebody);
        to[5] = (uint8_t)((ext_id % 14 + 1) << 4 | 1);
        memcpy(to + 8, head + RTP_FIXED_BYTES + 4, 12);
        other.ext.presentation.ns ^= 1;
        rtp_build_ext(head + RTP_FIXED_BYTES, &other.ext, ext_id);
        memcpy(to + 20, head + RTP_FIXED_BYTES + 4, 12);
        to += 32;
    }
    memcpy(to, p->payload, p->payload_len);
    to += p->payload_len;
    memset(to, 0x55, padding);
    to += padding;
    to[-1] = padding;
    DEMAND(rtp_parse(bytes, (size_t)(to - bytes), ext_id, &again) == 0);
    DEMAND(same(p, &again));
}

static void check_sound(const struct rtp_packet *p)
{
    static float sound[BYTES_MAX / 2];
    static uint8_t bytes[BYTES_MAX];
    size_t samples = (size_t)p->frames * p->ext.channels;

    if (!p->frames)
        return;
    pcm_decode(p->ext.codec, p->payload, sound, samples);
    for (size_t i = 0; i < samples; i++)
        DEMAND(fabsf(sound[i]) <= (p->ext.codec == RTP_CODEC_F32 ? 0x1p24f : 1));
    if (p->ext.codec == RTP_CODEC_F32) /* what is no sound is not kept */
        return;
    pcm_encode(p->ext.codec, sound, bytes, samples);
    DEMAND(memcmp(bytes, p->payload, p->payload_len) == 0);
}

/* A few lengths below: what is left is refused, or has less in it. */
static void check_cut(const uint8_t *datagram, size_t len, uint8_t ext_id, const struct rtp_packet *p)
{
    static const size_t cuts[] = {1, 4, 16};
    struct rtp_packet less;

    for (size_t i = 0; i < sizeof cuts / sizeof *cuts && cuts[i] <= len; i++) {
        uint8_t *exact = malloc(len - cuts[i] + 1);

        memcpy(exact + 1, datagram, len - cuts[i]); /* no alignment is needed either */
        if (rtp_parse(exact + 1, len - cuts[i], ext_id, &less) == 0)
            check_fields(&less, exact + 1, len - cuts[i]);
        if (p->has_ext && p->frames && !(datagram[0] & 0x20) && cuts[i] == 1)
            DEMAND(rtp_parse(exact + 1, len - 1, ext_id, &less) != 0 || less.frames < p->frames);
        free(exact);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rtp_packet packet;
    uint8_t ext_id;
    int result;

    if (size == 0 || size > BYTES_MAX)
        return 0;
    ext_id = (uint8_t)(1 + data[0] % 14);
    result = rtp_parse(data + 1, size - 1, ext_id, &packet);
    DEMAND(result == 0 || result == -EBADMSG || result == -EPROTO || result == -EPROTONOSUPPORT);
    if (result != 0)
        return 0;
    check_fields(&packet, data + 1, size - 1);
    check_rebuilt(&packet, ext_id);
    check_disguised(&packet, ext_id);
    check_sound(&packet);
    check_cut(data + 1, size - 1, ext_id, &packet);
    return 0;
}
