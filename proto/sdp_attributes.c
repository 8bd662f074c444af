// SPDX-License-Identifier: GPL-3.0-or-later
#include "sdp_parser.h"

#include <errno.h>

#include "printable.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define PTIME_MAX_US   1000000
#define FRAMECOUNT_MAX 65535
#define LATENCY_MAX_NS 10000000000

static bool find_codec(struct slice name, enum rtp_codec *codec)
{
    static const struct {
        struct slice name;
        enum rtp_codec codec;
    } codecs[] = {{{"L24", 3}, RTP_CODEC_L24},
                  {{"L16", 3}, RTP_CODEC_L16},
                  {{"F32", 3}, RTP_CODEC_F32},
                  {{"opus", 4}, RTP_CODEC_OPUS}};

    for (size_t i = 0; i < COUNT(codecs); i++)
        if (slice_equals_nocase(name, codecs[i].name)) {
            *codec = codecs[i].codec;
            return true;
        }
    return false;
}

/* RFC 8866 section 6.6: "97 L24/48000/2" */
static int take_rtpmap(struct sdp_parser *p, struct sdp_section *section, struct slice value)
{
    struct slice type = slice_word(&value), name, rate, channels = slice_word(&value);
    bool has_rate, has_channels;
    uint64_t payload_type, rate_hz, count = 1;
    struct sdp_coding coding = {.said = true};

    (void)section;
    name = slice_cut(&channels, '/', &has_rate);
    rate = slice_cut(&channels, '/', &has_channels);
    if (value.len > 0 || !slice_number(type, SDP_PAYLOAD_TYPES - 1, &payload_type) || name.len == 0 ||
        !slice_number(rate, UINT32_MAX, &rate_hz))
        return sdp_malformed(p, "rtpmap is a payload type (0 to 127) and codec/rate/channels");
    if (p->media_count == 0 || p->media.codings[payload_type].said)
        return 0;
    coding.rate_hz = (uint32_t)rate_hz;
    if (!find_codec(name, &coding.codec))
        coding.refusal = sdp_refuse(p, "only L16, L24, F32 and Opus are played");
    /* What stands there for another codec is that codec's. */
    if (has_channels && !coding.refusal.reason && (!slice_number(channels, UINT32_MAX, &count) || count == 0))
        return sdp_malformed(p, "the channels are a number above 0");
    coding.channels = (unsigned)count;
    if (!coding.refusal.reason && rtp_rate_code(coding.rate_hz) < 0)
        coding.refusal = sdp_refuse(p, "the rates that are played are 44100, 48000, 88200 and 96000 Hz");
    /* RFC 7587 section 7: always so, and fmtp says the channels */
    if (!coding.refusal.reason && coding.codec == RTP_CODEC_OPUS && (rate_hz != 48000 || count != 2))
        coding.refusal = sdp_refuse(p, "Opus is written opus/48000/2");
    if (!coding.refusal.reason && coding.channels > RTP_CHANNELS_MAX)
        coding.refusal = sdp_refuse(p, "at most 64 channels are played");
    p->media.codings[payload_type] = coding;
    return 0;
}

/* RFC 8866 section 6.15: "101 sprop-stereo=1; useinbandfec=1". What it means is the codec's. */
static int take_fmtp(struct sdp_parser *p, struct sdp_section *section, struct slice value)
{
    struct slice type = slice_word(&value);
    uint64_t payload_type;

    (void)section;
    if (p->media_count > 0 && slice_number(type, SDP_PAYLOAD_TYPES - 1, &payload_type) &&
        p->media.params[payload_type].len == 0)
        p->media.params[payload_type] = value;
    return 0;
}

/* Milliseconds with or without a fraction ("1", "0.125", "1.088435374149659") in us, to the nearest. */
static bool take_ms(struct slice text, uint32_t max_us, uint32_t *us)
{
    bool point;
    struct slice fraction = text, whole = slice_cut(&fraction, '.', &point);
    uint64_t number, total_us, scale = 100;

    if (!slice_number(whole, max_us / 1000, &number) || (point && fraction.len == 0))
        return false;
    total_us = number * 1000;
    for (size_t i = 0; i < fraction.len; i++, scale /= 10) {
        if (fraction.at[i] < '0' || fraction.at[i] > '9')
            return false;
        total_us += (uint64_t)(fraction.at[i] - '0') * scale + (i == 3 && fraction.at[i] >= '5');
    }
    *us = (uint32_t)total_us;
    return total_us > 0 && total_us <= max_us;
}

static int take_ptime(struct sdp_parser *p, struct sdp_section *section, struct slice value)
{
    uint32_t ptime_us;

    if (!take_ms(value, PTIME_MAX_US, &ptime_us))
        return sdp_malformed(p, "ptime is in milliseconds, above 0 and at most 1000");
    if (section->ptime_us == 0)
        section->ptime_us = ptime_us;
    return 0;
}

/* No standard says how it looks, so what does not look like one number says nothing. */
static int take_framecount(struct sdp_parser *p, struct sdp_section *section, struct slice value)
{
    uint64_t count;

    (void)p;
    if (section->framecount == 0 && slice_number(value, FRAMECOUNT_MAX, &count))
        section->framecount = (uint32_t)count;
    return 0;
}

/* "incl IN IP4 239.69.83.171 192.168.1.10", the group also "*" */
static int take_source_filter(struct sdp_parser *p, struct sdp_section *section, struct slice value)
{
    struct slice mode = slice_word(&value), net = slice_word(&value), type = slice_word(&value);
    struct slice group = slice_word(&value), source = slice_word(&value);
    struct sdp_filter filter = {.any_group = slice_equals(group, SLICE("*"))};
    bool readable = slice_equals(net, SLICE("IN")) && slice_equals(type, SLICE("IP4"));

    if (source.len == 0)
        return sdp_malformed(p, "source-filter is \"incl IN IP4\", a group and a source");
    /* What excludes, and other kinds of addresses, do not tell where our packets come from. */
    if (!slice_equals(mode, SLICE("incl")) || !readable)
        return 0;
    if (!filter.any_group && !slice_ipv4(group, &filter.group))
        return sdp_malformed(p, "the group is four numbers up to 255, or *");
    if (!slice_ipv4(source, &filter.source) || filter.source.s_addr == 0 || sdp_is_multicast(filter.source))
        return sdp_malformed(p, "the source is the address of a host, four numbers up to 255");
    while (value.len > 0) {
        struct in_addr another;

        if (!slice_ipv4(slice_word(&value), &another))
            return sdp_malformed(p, "each source is four numbers up to 255");
        filter.several |= another.s_addr != filter.source.s_addr;
    }
    if (section->filter_count == SDP_FILTERS_MAX)
        return sdp_malformed(p, "more than 16 source filters");
    section->filters[section->filter_count++] = filter;
    return 0;
}

/*
 * What stands behind the grandmaster: "5", "domain-nmbr=5" (RFC 7273 section 4.8 with its errata), or the
 * name of a domain as in IEEE 1588-2002, for which there is no number.
 */
static bool take_domain(struct slice text, struct slice version, int *domain)
{
    uint64_t number;

    if (slice_equals(version, SLICE("IEEE1588-2002")) || slice_skip(&text, SLICE("domain-name=")))
        return true;
    (void)slice_skip(&text, SLICE("domain-nmbr="));
    if (!slice_number(text, 255, &number))
        return false;
    *domain = (int)number;
    return true;
}

/* "IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0", "IEEE1588-2008:traceable", and "traceable" of ST 2110-10:2017 */
static int take_ptp(struct sdp_parser *p, struct slice value, struct sdp_refclk *clock)
{
    bool has_server, has_domain;
    struct slice version = slice_cut(&value, ':', &has_server);
    struct slice grandmaster = slice_cut(&value, ':', &has_domain);

    if (!has_server && slice_equals(version, SLICE("traceable"))) {
        clock->kind = SDP_REFCLK_PTP_TRACEABLE;
        return 0;
    }
    if (!has_server || version.len == 0)
        return sdp_malformed(p, "ptp= is version:grandmaster:domain, version:traceable or traceable");
    printable_copy(clock->version, sizeof clock->version, version.at, version.len);
    clock->kind = SDP_REFCLK_PTP;
    if (slice_equals(grandmaster, SLICE("traceable")))
        clock->kind = SDP_REFCLK_PTP_TRACEABLE;
    else if (!slice_octets(grandmaster, 8, &clock->gm_id))
        return sdp_malformed(p, "the grandmaster is eight hexadecimal octets with - between");
    if (has_domain && !take_domain(value, version, &clock->domain))
        return sdp_malformed(p, "the domain is 0 to 255");
    return 0;
}

/* RFC 7273 section 4 */
static int take_refclk(struct sdp_parser *p, struct sdp_section *section, struct slice value)
{
    struct sdp_refclk clock = {.kind = SDP_REFCLK_OTHER, .domain = SDP_DOMAIN_UNKNOWN};
    int result = 0;
    uint64_t mac;

    if (value.len == 0)
        return sdp_malformed(p, "a clock is needed, as ptp=...");
    printable_copy(clock.text, sizeof clock.text, value.at, value.len);
    if (slice_skip(&value, SLICE("ptp="))) {
        result = take_ptp(p, value, &clock);
    } else if (slice_skip(&value, SLICE("localmac="))) {
        clock.kind = SDP_REFCLK_LOCAL_MAC;
        if (!slice_octets(value, 6, &mac))
            result = sdp_malformed(p, "localmac is six hexadecimal octets with - between");
    }
    if (result == 0 && (section->refclk.kind == SDP_REFCLK_NONE || clock.kind < section->refclk.kind))
        section->refclk = clock;
    return result;
}

/* RAVENNA: "PTPv2 0". Other clocks and forms say nothing. */
static int take_clock_domain(struct sdp_parser *p, struct sdp_section *section, struct slice value)
{
    struct sdp_refclk clock = {.kind = SDP_REFCLK_PTP};
    struct slice text = value, source = slice_word(&value);
    uint64_t domain;

    (void)p;
    if (section->clock_domain.kind != SDP_REFCLK_NONE || !slice_equals(source, SLICE("PTPv2")) ||
        !slice_number(slice_word(&value), 255, &domain))
        return 0;
    clock.domain = (int)domain;
    printable_copy(clock.version, sizeof clock.version, source.at, source.len);
    printable_copy(clock.text, sizeof clock.text, text.at, text.len);
    section->clock_domain = clock;
    return 0;
}

/*
 * "rate=1000/1001": the media clock counts that much of the rate in a second of PTP. A number without a
 * divisor, which is seen, is not of RFC 7273 section 5.2; it repeats the rate.
 */
static int take_clock_rate(struct sdp_parser *p, struct slice value, struct sdp_media_clock *clock)
{
    bool has_divisor;
    struct slice above = slice_cut(&value, '/', &has_divisor);
    uint64_t numerator, divisor = 1;

    if (!slice_number(above, UINT32_MAX, &numerator) ||
        (has_divisor && !slice_number(value, UINT32_MAX, &divisor)) || numerator == 0 || divisor == 0)
        return sdp_malformed(p, "rate= is two numbers above 0, with / between");
    if (has_divisor && numerator != divisor)
        clock->refusal = sdp_refuse(p, "only a media clock with the rate of PTP can be followed");
    return 0;
}

/* RFC 7273 section 5: "direct=963214424 rate=1/1", perhaps with "id=... " before; "sender" and others */
static int take_mediaclk(struct sdp_parser *p, struct sdp_section *section, struct slice value)
{
    struct sdp_media_clock clock = {.said = true};
    struct slice word = slice_word(&value);
    uint64_t offset;
    int result = 0;

    if (slice_skip(&word, SLICE("id=")))
        word = slice_word(&value);
    if (word.len == 0)
        return sdp_malformed(p, "a media clock is needed, as direct=0");
    if (slice_skip(&word, SLICE("direct="))) {
        if (!slice_number(word, UINT32_MAX, &offset))
            return sdp_malformed(p, "direct= is 0 to 4294967295");
        clock.has_offset = true;
        clock.offset = (uint32_t)offset;
    }
    while (result == 0 && value.len > 0) {
        word = slice_word(&value);
        if (slice_skip(&word, SLICE("rate=")))
            result = take_clock_rate(p, word, &clock);
    }
    if (result == 0 && !section->clock.said)
        section->clock = clock;
    return result;
}

/* RFC 8285 section 5: "1/sendonly urn:x-unisono:header", without the direction mostly */
static int take_extmap(struct sdp_parser *p, struct sdp_section *section, struct slice value)
{
    struct slice direction = slice_word(&value), uri = slice_word(&value), id;
    bool has_direction;
    uint64_t number;

    if (!slice_equals(uri, SLICE("urn:x-unisono:header")))
        return 0;
    id = slice_cut(&direction, '/', &has_direction);
    if (!slice_number(id, 14, &number) || number == 0)
        return sdp_malformed(p, "the ID of this extension is 1 to 14");
    if (section->ext_id == 0)
        section->ext_id = (uint8_t)number;
    return 0;
}

/* PROTOCOL.md section 13.1 */
static int take_latency(struct sdp_parser *p, struct sdp_section *section, struct slice value)
{
    uint64_t latency_ns;

    if (!slice_number(value, LATENCY_MAX_NS, &latency_ns) || latency_ns == 0)
        return sdp_malformed(p, "the latency is in nanoseconds, above 0 and at most 10000000000");
    if (section->latency_ns == 0)
        section->latency_ns = (int64_t)latency_ns;
    return 0;
}

/* RFC 7104 section 3.2: "DUP primary secondary" */
static int take_dup(struct sdp_parser *p, struct sdp_section *section, struct slice value)
{
    (void)section;
    if (p->media_count > 0 || !slice_equals(slice_word(&value), SLICE("DUP")))
        return 0;
    if (p->group_count == SDP_GROUPS_MAX)
        return sdp_malformed(p, "more than 32 groups");
    /* Each media section looks through all of them. */
    if (value.len > SDP_GROUP_MAX)
        return sdp_malformed(p, "a group names at most 256 bytes");
    p->groups[p->group_count++] = value;
    return 0;
}

static int take_mid(struct sdp_parser *p, struct sdp_section *section, struct slice value)
{
    (void)section;
    if (p->media_count > 0 && p->media.mid.len == 0)
        p->media.mid = slice_word(&value);
    return 0;
}

static const struct attribute {
    struct slice name;
    int (*take)(struct sdp_parser *p, struct sdp_section *section, struct slice value);
} attributes[] = {
    {{"rtpmap", 6}, take_rtpmap},
    {{"fmtp", 4}, take_fmtp},
    {{"ptime", 5}, take_ptime},
    {{"framecount", 10}, take_framecount},
    {{"source-filter", 13}, take_source_filter},
    {{"ts-refclk", 9}, take_refclk},
    {{"clock-domain", 12}, take_clock_domain},
    {{"mediaclk", 8}, take_mediaclk},
    {{"extmap", 6}, take_extmap},
    {{"x-unisono-latency", 17}, take_latency},
    {{"group", 5}, take_dup},
    {{"mid", 3}, take_mid},
};

int sdp_take_attribute(struct sdp_parser *p, struct slice value)
{
    struct sdp_section *section = p->media_count > 0 ? &p->media.said : &p->session;
    bool has_value;
    struct slice name = slice_cut(&value, ':', &has_value);

    if (name.len == 0)
        return sdp_malformed(p, "a= needs a name");
    if (p->media_count > 0 && p->media.refusal.reason)
        return 0;
    for (size_t i = 0; i < COUNT(attributes); i++)
        if (slice_equals(name, attributes[i].name))
            return attributes[i].take(p, section, value);
    return 0;
}
