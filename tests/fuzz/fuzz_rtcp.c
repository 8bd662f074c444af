// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The parser of RTCP. The input is the datagram.
 *
 * What is accepted keeps the promises of proto/rtcp.h; what we could have said is built anew and parsed to
 * the same; more packets behind it take nothing back.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "demand.h"
#include "proto/rtcp.h"

enum { BYTES_MAX = 1 << 16 };

/* Printable UTF-8, by another road than the parser's: each character's number is worked out. */
static bool printable(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;

    while (*at) {
        unsigned more = *at < 0x80 ? 0 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;
        static const uint32_t least[] = {0x20, 0xa0, 0x800, 0x10000};
        uint32_t character = more ? *at & (0x3fu >> more) : *at;

        if (*at >= 0xf8 || (*at >= 0x80 && *at < 0xc0))
            return false;
        at++;
        for (unsigned i = 0; i < more; i++, at++) {
            if (*at >> 6 != 2)
                return false;
            character = character << 6 | (*at & 0x3f);
        }
        if (character < least[more] || character == 0x7f || character > 0x10ffff ||
            (character >= 0xd800 && character <= 0xdfff))
            return false;
    }
    return true;
}

static bool same_clock(const struct rtcp_report *a, const struct rtcp_report *b)
{
    return a->has_clock == b->has_clock &&
           (!a->has_clock || (a->clock.known == b->clock.known && a->clock.holdover == b->clock.holdover &&
                              a->clock.domain == b->clock.domain && a->clock.gm_id == b->clock.gm_id));
}

static bool same_block(const struct rtcp_report *a, const struct rtcp_report *b)
{
    const struct rtcp_block *x = &a->block, *y = &b->block;

    return a->has_block == b->has_block &&
           (!a->has_block ||
            (x->ssrc == y->ssrc && x->fraction_lost == y->fraction_lost && x->lost == y->lost &&
             x->highest == y->highest && x->jitter == y->jitter && x->lsr == y->lsr && x->dlsr == y->dlsr));
}

/* By what would be sent. */
static bool same_telemetry(const struct rtcp_report *a, const struct rtcp_report *b)
{
    uint8_t one[TELEMETRY_BYTES_MAX], other[TELEMETRY_BYTES_MAX];
    size_t len;

    if (!a->has_telemetry || !b->has_telemetry)
        return a->has_telemetry == b->has_telemetry;
    len = telemetry_build(one, &a->telemetry);
    return len == telemetry_build(other, &b->telemetry) && memcmp(one, other, len) == 0;
}

static bool same_offer(const struct rtcp_report *a, const struct rtcp_report *b)
{
    const struct rtcp_offer *x = &a->offer, *y = &b->offer;

    return a->has_offer == b->has_offer && x->waiting == y->waiting && x->standby == y->standby &&
           x->codec == y->codec && x->rate_hz == y->rate_hz && x->channels == y->channels &&
           x->frames_per_packet == y->frames_per_packet && x->latency_ns == y->latency_ns &&
           x->hold_ns == y->hold_ns;
}

static bool same(const struct rtcp_report *a, const struct rtcp_report *b)
{
    return a->ssrc == b->ssrc && a->has_sr == b->has_sr && a->ntp == b->ntp && a->rtp == b->rtp &&
           a->packets == b->packets && a->octets == b->octets && a->cname_len == b->cname_len &&
           strcmp(a->cname, b->cname) == 0 && strcmp(a->name, b->name) == 0 &&
           strcmp(a->tool, b->tool) == 0 && same_telemetry(a, b) && same_offer(a, b) && same_block(a, b) &&
           same_clock(a, b) && a->bye == b->bye;
}

static void check_fields(const struct rtcp_report *r)
{
    DEMAND(strlen(r->cname) == r->cname_len);
    DEMAND(printable(r->cname));
    DEMAND(r->has_sr || (!r->ntp && !r->rtp && !r->packets && !r->octets));
    DEMAND(!r->has_block || (r->block.lost >= -(1 << 23) && r->block.lost < 1 << 23));
    DEMAND(strlen(r->name) <= RTCP_CNAME_MAX && printable(r->name));
    DEMAND(strlen(r->tool) <= RTCP_CNAME_MAX && printable(r->tool));
    DEMAND(!r->has_telemetry || r->telemetry.channels <= TELEMETRY_CHANNELS_MAX);
    DEMAND(!r->has_offer || (r->offer.channels >= 1 && r->offer.channels <= RTP_CHANNELS_MAX &&
                             rtp_rate_code(r->offer.rate_hz) > 0 && r->offer.frames_per_packet > 0 &&
                             r->offer.latency_ns >= 0 && r->offer.latency_ns <= RTCP_LATENCY_MAX_NS));
    DEMAND(r->has_clock || (!r->clock.known && !r->clock.holdover));
    DEMAND(r->clock.known || (r->clock.domain == 0 && r->clock.gm_id == 0));
}

static void check_rebuilt(const struct rtcp_report *r)
{
    uint8_t bytes[RTCP_COMPOUND_MAX];
    struct rtcp_report again;
    size_t len;

    if (!r->cname_len)
        return;
    len = rtcp_build(bytes, r);
    DEMAND(len <= sizeof bytes && len % 4 == 0);
    DEMAND(rtcp_parse(bytes, len, &again) == 0);
    DEMAND(same(r, &again));
}

/* An unknown packet behind is skipped; half of one is malformed. Padding has to be in the last one. */
static void check_more(const uint8_t *datagram, size_t len, const struct rtcp_report *r)
{
    static const uint8_t unknown[] = {0x80, 222, 0, 1, 1, 2, 3, 4};
    static uint8_t bytes[BYTES_MAX + sizeof unknown];
    struct rtcp_report again;
    int result;

    memcpy(bytes, datagram, len);
    memcpy(bytes + len, unknown, sizeof unknown);
    result = rtcp_parse(bytes, len + sizeof unknown, &again);
    DEMAND(result == 0 || result == -EBADMSG);
    if (result == 0)
        DEMAND(same(r, &again));
    DEMAND(rtcp_parse(bytes, len + sizeof unknown - 1, &again) == -EBADMSG);
    DEMAND(rtcp_parse(bytes, len + 3, &again) == -EBADMSG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rtcp_report report;
    int result;

    if (size > BYTES_MAX)
        return 0;
    result = rtcp_parse(data, size, &report);
    DEMAND(result == 0 || result == -EBADMSG || result == -EPROTO);
    if (result != 0)
        return 0;
    check_fields(&report);
    check_rebuilt(&report);
    check_more(data, size, &report);
    return 0;
}
