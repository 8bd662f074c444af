// SPDX-License-Identifier: GPL-3.0-or-later
#include "rtcp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "printable.h"

#define RTCP_VERSION 2u

/* RFC 3550 section 12.1 */
enum {
    TYPE_SR = 200,
    TYPE_RR = 201,
    TYPE_SDES = 202,
    TYPE_BYE = 203,
    TYPE_APP = 204,
};

/* RFC 3550 section 6.5 */
enum {
    SDES_CNAME = 1,
    SDES_NAME = 2,
    SDES_TOOL = 6,
};
#define HEADER_BYTES      4
#define SENDER_INFO_BYTES 20
#define BLOCK_BYTES       24
#define LOST_MAX          0x7fffff
#define NTP_OF_1970       UINT32_C(2208988800) /* seconds */

/* Our APP packets, by subtype (PROTOCOL.md sections 8.1, 8.4 and 8.5) */
enum {
    APP_CLOCK = 0,
    APP_TELEMETRY = 1,
    APP_OFFER = 2,
};
#define APP_HEAD_BYTES 8 /* SSRC and name */

#define CLOCK_VERSION       0
#define CLOCK_BYTES         12
#define CLOCK_FLAG_KNOWN    1
#define CLOCK_FLAG_HOLDOVER 2

#define OFFER_VERSION      0
#define OFFER_BYTES        16
#define OFFER_FLAG_WAITING 1
#define OFFER_FLAG_STANDBY 2

static const uint8_t app_name[4] = {'U', 'N', 'I', 'S'};

/* ---- what is said ---------------------------------------------------------------------------------- */

uint64_t rtcp_ntp_of_ptp(ptp_ns t)
{
    int64_t seconds = t.ns / NS_PER_S, rest_ns = t.ns % NS_PER_S;

    if (rest_ns < 0) {
        rest_ns += NS_PER_S;
        seconds--;
    }
    return ((uint64_t)seconds + NTP_OF_1970) << 32 | ((uint64_t)rest_ns << 32) / NS_PER_S;
}

ptp_ns rtcp_ptp_of_ntp(uint64_t ntp)
{
    uint32_t seconds = (uint32_t)(ntp >> 32) - NTP_OF_1970;
    uint64_t fraction = ntp & UINT32_MAX;

    return (ptp_ns){seconds * NS_PER_S + (int64_t)((fraction * (uint64_t)NS_PER_S + UINT32_MAX) >> 32)};
}

struct rtcp_clock rtcp_clock_of_map(const struct clock_map *map)
{
    struct rtcp_clock clock = {
        .known = map->state != MEDIA_CLOCK_NO_PTP && map->master.gm_id != 0 &&
                 map->master.domain < CLOCK_DOMAIN_UNKNOWN,
        .holdover = map->state == MEDIA_CLOCK_HOLDOVER || map->state == MEDIA_CLOCK_GM_CHANGED,
    };

    if (clock.known) {
        clock.domain = (uint8_t)map->master.domain;
        clock.gm_id = map->master.gm_id;
    }
    return clock;
}

/* ---- building -------------------------------------------------------------------------------------- */

/* `count` is RC, SC or the subtype, `body` the bytes that follow: whole words. */
static uint8_t *put_header(uint8_t *to, unsigned count, unsigned type, size_t body)
{
    return put_be32(to, RTCP_VERSION << 30 | count << 24 | type << 16 | (uint32_t)(body / 4));
}

/* Section 6.4.1. */
static uint8_t *put_sender_info(uint8_t *to, const struct rtcp_report *report)
{
    to = put_be64(to, report->ntp);
    to = put_be32(to, report->rtp);
    to = put_be32(to, report->packets);
    return put_be32(to, report->octets);
}

static uint8_t *put_block(uint8_t *to, const struct rtcp_block *block)
{
    int32_t lost = block->lost > LOST_MAX ? LOST_MAX : block->lost < ~LOST_MAX ? ~LOST_MAX : block->lost;

    to = put_be32(to, block->ssrc);
    to = put_be32(to, (uint32_t)block->fraction_lost << 24 | ((uint32_t)lost & 0xffffff));
    to = put_be32(to, block->highest);
    to = put_be32(to, block->jitter);
    to = put_be32(to, block->lsr);
    return put_be32(to, block->dlsr);
}

/* Sections 6.4.1 and 6.4.2. */
static uint8_t *put_report(uint8_t *to, const struct rtcp_report *report)
{
    size_t body = 4 + (report->has_sr ? SENDER_INFO_BYTES : 0u) + (report->has_block ? BLOCK_BYTES : 0u);

    to = put_header(to, report->has_block, report->has_sr ? TYPE_SR : TYPE_RR, body);
    to = put_be32(to, report->ssrc);
    if (report->has_sr)
        to = put_sender_info(to, report);
    return report->has_block ? put_block(to, &report->block) : to;
}

static uint8_t *put_item(uint8_t *to, uint8_t type, const char *text, size_t len)
{
    *to++ = type;
    *to++ = (uint8_t)len;
    memcpy(to, text, len);
    return to + len;
}

static uint8_t *put_text(uint8_t *to, uint8_t type, const char *text)
{
    return *text ? put_item(to, type, text, strlen(text)) : to;
}

/* Section 6.5: one chunk, its list ended by one to four zeros. */
static uint8_t *put_source_description(uint8_t *to, const struct rtcp_report *report)
{
    uint8_t *chunk = to + HEADER_BYTES, *end = put_be32(chunk, report->ssrc);

    end = put_item(end, SDES_CNAME, report->cname, report->cname_len);
    end = put_text(end, SDES_NAME, report->name);
    end = put_text(end, SDES_TOOL, report->tool);
    do
        *end++ = 0;
    while ((end - chunk) % 4 != 0);
    put_header(to, 1, TYPE_SDES, (size_t)(end - chunk));
    return end;
}

/* Section 6.7: `body` bytes of ours follow. */
static uint8_t *put_app(uint8_t *to, const struct rtcp_report *report, unsigned subtype, size_t body)
{
    to = put_header(to, subtype, TYPE_APP, APP_HEAD_BYTES + body);
    to = put_be32(to, report->ssrc);
    memcpy(to, app_name, sizeof app_name);
    return to + sizeof app_name;
}

static uint8_t *put_clock(uint8_t *to, const struct rtcp_report *report)
{
    const struct rtcp_clock *clock = &report->clock;

    to = put_app(to, report, APP_CLOCK, CLOCK_BYTES);
    *to++ = CLOCK_VERSION;
    *to++ = (uint8_t)((clock->known ? CLOCK_FLAG_KNOWN : 0) | (clock->holdover ? CLOCK_FLAG_HOLDOVER : 0));
    *to++ = clock->known ? clock->domain : 0;
    *to++ = 0;
    return put_be64(to, clock->known ? clock->gm_id : 0);
}

static uint8_t *put_telemetry(uint8_t *to, const struct rtcp_report *report)
{
    size_t len = telemetry_build(to + HEADER_BYTES + APP_HEAD_BYTES, &report->telemetry);

    return put_app(to, report, APP_TELEMETRY, len) + len;
}

/* In steps: rounded up, so that nobody expects packets earlier than they come; but not above the latency. */
static uint16_t hold_steps(const struct rtcp_offer *offer)
{
    int64_t steps = (offer->hold_ns + RTCP_HOLD_STEP_NS - 1) / RTCP_HOLD_STEP_NS;
    int64_t most = offer->latency_ns / RTCP_HOLD_STEP_NS;

    most = most < UINT16_MAX ? most : UINT16_MAX;
    return (uint16_t)(steps < most ? steps : most);
}

static uint8_t *put_offer(uint8_t *to, const struct rtcp_report *report)
{
    const struct rtcp_offer *offer = &report->offer;

    to = put_app(to, report, APP_OFFER, OFFER_BYTES);
    *to++ = OFFER_VERSION;
    *to++ = (uint8_t)((offer->waiting ? OFFER_FLAG_WAITING : 0) | (offer->standby ? OFFER_FLAG_STANDBY : 0));
    *to++ = (uint8_t)((unsigned)offer->codec << 4 | (unsigned)rtp_rate_code(offer->rate_hz));
    *to++ = (uint8_t)(offer->channels - 1);
    to = put_be16(to, (uint16_t)offer->frames_per_packet);
    to = put_be16(to, hold_steps(offer));
    return put_be64(to, (uint64_t)offer->latency_ns);
}

size_t rtcp_build(uint8_t *to, const struct rtcp_report *report)
{
    uint8_t *end = to;

    assert(report->cname_len > 0);
    end = put_source_description(put_report(end, report), report);
    if (report->has_clock)
        end = put_clock(end, report);
    if (report->has_telemetry)
        end = put_telemetry(end, report);
    if (report->has_offer)
        end = put_offer(end, report);
    /* Last, as section 6.1 wants it. */
    if (report->bye)
        end = put_be32(put_header(end, 1, TYPE_BYE, 4), report->ssrc);
    return (size_t)(end - to);
}

/* ---- parsing --------------------------------------------------------------------------------------- */

/* The first of each kind counts; an empty one is none. */
static void take_item(struct rtcp_report *report, unsigned type, const uint8_t *text, uint8_t len)
{
    const char *from = (const char *)text;

    if (type == SDES_CNAME && report->cname_len == 0)
        report->cname_len = (uint8_t)printable_copy(report->cname, sizeof report->cname, from, len);
    else if (type == SDES_NAME && !*report->name)
        printable_copy(report->name, sizeof report->name, from, len);
    else if (type == SDES_TOOL && !*report->tool)
        printable_copy(report->tool, sizeof report->tool, from, len);
}

/* All of the following get what stands behind a packet's header: `len` bytes, whole words, padding taken off.
 */

/* SR and RR, sections 6.4.1 and 6.4.2: where the blocks are; what a profile adds behind is skipped. */
static size_t blocks_at(unsigned type)
{
    return type == TYPE_SR ? 4 + SENDER_INFO_BYTES : 4;
}

static int check_blocks(size_t len, unsigned type, unsigned count)
{
    return len >= blocks_at(type) + (size_t)count * BLOCK_BYTES ? 0 : -EBADMSG;
}

static void take_sender_info(struct rtcp_report *report, const uint8_t *body)
{
    report->has_sr = true;
    report->ntp = get_be64(body + 4);
    report->rtp = get_be32(body + 12);
    report->packets = get_be32(body + 16);
    report->octets = get_be32(body + 20);
}

/* The first of `count` report blocks at `from`. */
static void take_block(struct rtcp_report *report, const uint8_t *from, unsigned count)
{
    uint32_t lost;

    if (count == 0)
        return;
    lost = get_be32(from + 4);
    report->has_block = true;
    report->block = (struct rtcp_block){
        .ssrc = get_be32(from),
        .fraction_lost = (uint8_t)(lost >> 24),
        .lost = (int32_t)(lost & 0xffffff) - (lost & 0x800000 ? 0x1000000 : 0),
        .highest = get_be32(from + 8),
        .jitter = get_be32(from + 12),
        .lsr = get_be32(from + 16),
        .dlsr = get_be32(from + 20),
    };
}

/* The items of one chunk from *at on, which is left at the next chunk. */
static int parse_items(const uint8_t *body, size_t len, size_t *at, bool ours, struct rtcp_report *report)
{
    while (*at < len && body[*at] != 0) {
        if (len - *at < 2 || body[*at + 1] > len - *at - 2)
            return -EBADMSG;
        if (ours)
            take_item(report, body[*at], body + *at + 2, body[*at + 1]);
        *at += 2 + (size_t)body[*at + 1];
    }
    if (*at == len)
        return -EBADMSG; /* nothing ends the list */
    *at = (*at / 4 + 1) * 4;
    return 0;
}

static int parse_source_description(const uint8_t *body, size_t len, unsigned chunks,
                                    struct rtcp_report *report)
{
    size_t at = 0;

    for (; chunks > 0; chunks--) {
        bool ours;
        int result;

        if (len - at < 4)
            return -EBADMSG;
        ours = get_be32(body + at) == report->ssrc;
        at += 4;
        result = parse_items(body, len, &at, ours, report);
        if (result < 0)
            return result;
    }
    return at == len ? 0 : -EBADMSG;
}

/* Section 6.6. */
static int parse_bye(const uint8_t *body, size_t len, unsigned sources, struct rtcp_report *report)
{
    size_t reason = (size_t)sources * 4;

    if (reason > len || (reason < len && body[reason] > len - reason - 1))
        return -EBADMSG;
    for (unsigned i = 0; i < sources; i++)
        if (get_be32(body + (size_t)i * 4) == report->ssrc)
            report->bye = true;
    return 0;
}

/* The bodies of our APP packets, from the version on. It comes first: another may have another length. */

static int parse_clock(const uint8_t *data, size_t len, struct rtcp_report *report)
{
    if (report->has_clock || (len > 0 && data[0] != CLOCK_VERSION))
        return 0;
    if (len < CLOCK_BYTES)
        return -EBADMSG;
    report->has_clock = true;
    report->clock.known = data[1] & CLOCK_FLAG_KNOWN;
    report->clock.holdover = data[1] & CLOCK_FLAG_HOLDOVER;
    if (report->clock.known) {
        report->clock.domain = data[2];
        report->clock.gm_id = get_be64(data + 4);
    }
    return 0;
}

static int parse_telemetry(const uint8_t *data, size_t len, struct rtcp_report *report)
{
    int result = report->has_telemetry ? -EPROTONOSUPPORT : telemetry_parse(data, len, &report->telemetry);

    report->has_telemetry |= result == 0;
    return result == -EPROTONOSUPPORT ? 0 : result;
}

/* A codec or a rate that we do not know is no offer to us. */
static int parse_offer(const uint8_t *data, size_t len, struct rtcp_report *report)
{
    struct rtcp_offer *offer = &report->offer;
    uint64_t latency_ns, hold_ns;

    if (report->has_offer || (len > 0 && data[0] != OFFER_VERSION))
        return 0;
    if (len < OFFER_BYTES)
        return -EBADMSG;
    latency_ns = get_be64(data + 8);
    hold_ns = get_be16(data + 6) * (uint64_t)RTCP_HOLD_STEP_NS;
    if (latency_ns > RTCP_LATENCY_MAX_NS || hold_ns > latency_ns || get_be16(data + 4) == 0)
        return -EBADMSG;
    *offer = (struct rtcp_offer){
        .waiting = data[1] & OFFER_FLAG_WAITING,
        .standby = data[1] & OFFER_FLAG_STANDBY,
        .codec = data[2] >> 4,
        .rate_hz = rtp_rate_of_code(data[2] & 15),
        .channels = (data[3] & 63) + 1u,
        .frames_per_packet = get_be16(data + 4),
        .latency_ns = (int64_t)latency_ns,
        .hold_ns = (int64_t)hold_ns,
    };
    report->has_offer = rtp_codec_name(offer->codec) && offer->rate_hz;
    if (!report->has_offer)
        *offer = (struct rtcp_offer){0};
    return 0;
}

static int parse_app(const uint8_t *body, size_t len, unsigned subtype, struct rtcp_report *report)
{
    const uint8_t *data = body + APP_HEAD_BYTES;

    if (len < APP_HEAD_BYTES)
        return -EBADMSG;
    len -= APP_HEAD_BYTES;
    if (get_be32(body) != report->ssrc || memcmp(body + 4, app_name, sizeof app_name) != 0)
        return 0;
    switch (subtype) {
    case APP_CLOCK:
        return parse_clock(data, len, report);
    case APP_TELEMETRY:
        return parse_telemetry(data, len, report);
    case APP_OFFER:
        return parse_offer(data, len, report);
    default:
        return 0;
    }
}

static int parse_body(const uint8_t *body, size_t len, unsigned type, unsigned count,
                      struct rtcp_report *report)
{
    switch (type) {
    case TYPE_SR:
    case TYPE_RR:
        return check_blocks(len, type, count);
    case TYPE_SDES:
        return parse_source_description(body, len, count, report);
    case TYPE_BYE:
        return parse_bye(body, len, count, report);
    case TYPE_APP:
        return parse_app(body, len, count, report);
    default:
        return 0;
    }
}

/* Finds the packet at `at`: its length with header and padding, and *body_len without. Or -EBADMSG. */
static int find_packet(const uint8_t *datagram, size_t len, size_t at, size_t *body_len)
{
    size_t packet_len;

    if (len - at < HEADER_BYTES || datagram[at] >> 6 != RTCP_VERSION)
        return -EBADMSG;
    packet_len = ((size_t)(datagram[at + 2] << 8 | datagram[at + 3]) + 1) * 4;
    if (packet_len > len - at)
        return -EBADMSG;
    *body_len = packet_len - HEADER_BYTES;
    if (datagram[at] & 0x20) {
        size_t padding = datagram[len - 1];

        if (at + packet_len != len || padding == 0 || padding % 4 != 0 || padding > *body_len)
            return -EBADMSG;
        *body_len -= padding;
    }
    return (int)packet_len;
}

static bool is_ours(const uint8_t *datagram, size_t len)
{
    if (len >= 1 && datagram[0] >> 6 != RTCP_VERSION)
        return false;
    return len < 2 || datagram[1] == TYPE_SR || datagram[1] == TYPE_RR;
}

int rtcp_parse(const uint8_t *datagram, size_t len, struct rtcp_report *report)
{
    size_t at = 0;

    if (!is_ours(datagram, len))
        return -EPROTO;
    if (len < HEADER_BYTES + 4)
        return -EBADMSG;
    *report = (struct rtcp_report){.ssrc = get_be32(datagram + HEADER_BYTES)};

    while (at < len) {
        const uint8_t *body = datagram + at + HEADER_BYTES;
        size_t body_len = 0;
        int packet_len = find_packet(datagram, len, at, &body_len);
        int result;

        if (packet_len < 0)
            return packet_len;
        result = parse_body(body, body_len, body[-3], body[-4] & 0x1f, report);
        if (result < 0)
            return result;
        if (at == 0 && datagram[1] == TYPE_SR)
            take_sender_info(report, body);
        if (at == 0)
            take_block(report, body + blocks_at(datagram[1]), datagram[0] & 0x1f);
        at += (size_t)packet_len;
    }
    return 0;
}
