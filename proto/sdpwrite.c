// SPDX-License-Identifier: GPL-3.0-or-later
#include "sdpwrite.h"

#include <assert.h>
#include <string.h>

#include "printable.h"

/* What does not fit is a bug here: all that is written has a largest size. */
struct pen {
    char *to;
    size_t used, size;
};

static void put(struct pen *pen, const char *text)
{
    for (; *text; text++) {
        assert(pen->used < pen->size);
        pen->to[pen->used++] = *text;
    }
}

static void put_number(struct pen *pen, uint64_t number)
{
    char digits[21] = "";
    size_t first = sizeof digits - 1;

    do
        digits[--first] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    put(pen, digits + first);
}

/* "00-1D-C1", the highest first */
static void put_octets(struct pen *pen, uint64_t number, unsigned octets)
{
    static const char hex[] = "0123456789ABCDEF";

    while (octets-- > 0) {
        unsigned octet = number >> (8 * octets) & 0xff;

        put(pen, (char[]){hex[octet >> 4], hex[octet & 15], octets > 0 ? '-' : '\0', '\0'});
    }
}

static void put_address(struct pen *pen, struct in_addr address)
{
    uint8_t bytes[4];

    memcpy(bytes, &address, sizeof bytes);
    for (unsigned i = 0; i < sizeof bytes; i++) {
        put_number(pen, bytes[i]);
        put(pen, i < 3 ? "." : "");
    }
}

/* "0.125": milliseconds without zeros at the end */
static void put_ms(struct pen *pen, uint32_t us)
{
    uint32_t rest = us % 1000;

    put_number(pen, us / 1000);
    put(pen, rest ? "." : "");
    for (uint32_t digit = 100; rest > 0; rest %= digit, digit /= 10)
        put_number(pen, rest / digit);
}

/* A line, or the rest of one, that is a number in words. */
static void put_counted(struct pen *pen, const char *before, uint64_t number, const char *behind)
{
    put(pen, before);
    put_number(pen, number);
    put(pen, behind);
    put(pen, "\r\n");
}

static void put_name(struct pen *pen, const char *name)
{
    char printable[SDP_NAME_SIZE];
    size_t len = 0;

    while (len < SDP_NAME_SIZE && name[len] != '\0')
        len++;
    len = printable_copy(printable, sizeof printable, name, len);
    put(pen, "s=");
    put(pen, len > 0 ? printable : " "); /* RFC 8866 section 5.3 */
    put(pen, "\r\n");
}

static void put_session(struct pen *pen, const struct sdp_stream *s)
{
    const struct sdp_refclk *clock = &s->refclk;

    put(pen, "v=0\r\no=- ");
    put_number(pen, s->session_id);
    put(pen, " ");
    put_number(pen, s->session_version);
    put(pen, " IN IP4 ");
    put_address(pen, s->origin);
    put(pen, "\r\n");
    put_name(pen, s->name);
    put(pen, "c=IN IP4 ");
    put_address(pen, s->leg[0].group.sin_addr);
    put_counted(pen, "/", s->leg[0].ttl, "");
    put(pen, "t=0 0\r\n");
    if (clock->kind == SDP_REFCLK_PTP && clock->domain != SDP_DOMAIN_UNKNOWN)
        put_counted(pen, "a=clock-domain:PTPv2 ", (uint64_t)clock->domain, "");
}

static void put_clocks(struct pen *pen, const struct sdp_stream *s)
{
    const struct sdp_refclk *clock = &s->refclk;
    /* Of what was read from clock-domain all is said there. */
    bool domain_alone = clock->kind == SDP_REFCLK_PTP && memcmp(clock->text, "ptp=", 4) != 0;

    if (clock->kind != SDP_REFCLK_NONE && !domain_alone) {
        put(pen, "a=ts-refclk:");
        put(pen, clock->text);
        put(pen, "\r\n");
    }
    if (s->has_media_offset)
        put_counted(pen, "a=mediaclk:direct=", s->media_offset, "");
}

static void put_filter(struct pen *pen, const struct sdp_leg *leg)
{
    put(pen, "a=source-filter: incl IN IP4 ");
    put_address(pen, leg->group.sin_addr);
    put(pen, " ");
    put_address(pen, leg->source);
    put(pen, "\r\n");
}

static void put_coding(struct pen *pen, const struct sdp_stream *s)
{
    bool opus = s->codec == RTP_CODEC_OPUS;

    put(pen, "a=rtpmap:");
    put_number(pen, s->payload_type);
    put(pen, " ");
    put(pen, opus ? "opus" : rtp_codec_name(s->codec));
    put(pen, "/");
    put_number(pen, s->rate_hz);
    put_counted(pen, "/", opus ? 2 : s->channels, "");
    if (!opus)
        return;
    put(pen, "a=fmtp:");
    put_number(pen, s->payload_type);
    put_counted(pen, " sprop-stereo=", s->channels == 2, s->fec ? "; useinbandfec=1" : "");
}

static void put_media(struct pen *pen, const struct sdp_stream *s)
{
    put(pen, "m=audio ");
    put_number(pen, ntohs(s->leg[0].group.sin_port));
    put_counted(pen, " RTP/AVP ", s->payload_type, "");
    if (s->channel_names[0] != '\0') {
        put(pen, "i=");
        put_number(pen, s->channels);
        put(pen, s->channels == 1 ? " channel: " : " channels: ");
        put(pen, s->channel_names);
        put(pen, "\r\n");
    }
    put_coding(pen, s);
    if (s->ptime_us > 0) {
        put(pen, "a=ptime:");
        put_ms(pen, s->ptime_us);
        put(pen, "\r\n");
    }
    if (s->framecount > 0)
        put_counted(pen, "a=framecount:", s->framecount, "");
    put(pen, "a=recvonly\r\n");
    if (s->leg[0].has_source)
        put_filter(pen, &s->leg[0]);
    put_clocks(pen, s);
    if (s->ext_id > 0)
        put_counted(pen, "a=extmap:", s->ext_id, " urn:x-unisono:header");
    if (s->latency_ns > 0)
        put_counted(pen, "a=x-unisono-latency:", (uint64_t)s->latency_ns, "");
}

size_t sdp_write(const struct sdp_stream *stream, char *to)
{
    struct pen pen = {.to = to, .size = SDP_WRITE_MAX};

    assert(stream->legs == 1);
    put_session(&pen, stream);
    put_media(&pen, stream);
    return pen.used;
}

uint32_t sdp_ptime_us(uint32_t frames, uint32_t rate_hz)
{
    uint64_t us = (uint64_t)frames * 1000000;

    if (us % rate_hz == 0)
        return (uint32_t)(us / rate_hz);
    return (uint32_t)((us / 10 + rate_hz / 2) / rate_hz * 10);
}

static struct sdp_refclk clock_of(enum sdp_refclk_kind kind, const char *prefix, uint64_t id, unsigned octets,
                                  int domain)
{
    struct sdp_refclk clock = {.kind = kind, .domain = domain};
    struct pen pen = {.to = clock.text, .size = sizeof clock.text - 1};

    put(&pen, prefix);
    put_octets(&pen, id, octets);
    if (domain != SDP_DOMAIN_UNKNOWN) {
        put(&pen, ":");
        put_number(&pen, (uint64_t)domain);
    }
    return clock;
}

struct sdp_refclk sdp_refclk_of_ptp(uint64_t gm_id, int domain)
{
    struct sdp_refclk clock = clock_of(SDP_REFCLK_PTP, "ptp=IEEE1588-2008:", gm_id, 8, domain);

    assert(domain >= 0 && domain <= 255);
    clock.gm_id = gm_id;
    memcpy(clock.version, "IEEE1588-2008", sizeof "IEEE1588-2008");
    return clock;
}

struct sdp_refclk sdp_refclk_of_mac(uint64_t mac)
{
    return clock_of(SDP_REFCLK_LOCAL_MAC, "localmac=", mac, 6, SDP_DOMAIN_UNKNOWN);
}
