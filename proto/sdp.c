// SPDX-License-Identifier: GPL-3.0-or-later
#include "sdp_parser.h"

#include <assert.h>
#include <errno.h>

#include "printable.h"

#define QUOTED_SIZE 81 /* of a line, with a zero */

/* ---- what is said about it ------------------------------------------------------------------------- */

struct writer {
    char *to;
    size_t size, used;
};

/* Once something does not fit, nothing more is written. */
static void put(struct writer *out, struct slice text)
{
    size_t written = printable_copy(out->to + out->used, out->size - out->used, text.at, text.len);

    out->used += written;
    if (written < text.len)
        out->size = out->used + 1;
}

static void put_number(struct writer *out, unsigned number)
{
    char digits[10];
    size_t first = sizeof digits;

    do
        digits[--first] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    put(out, (struct slice){digits + first, sizeof digits - first});
}

static void explain(struct sdp_parser *p, const struct sdp_line *line, const char *reason)
{
    struct writer out = {.to = p->why, .size = p->why_size};
    char quoted[QUOTED_SIZE];
    size_t quoted_len = printable_copy(quoted, sizeof quoted, line->text.at, line->text.len);

    put(&out, SLICE("line "));
    put_number(&out, line->number);
    put(&out, SLICE(", \""));
    put(&out, (struct slice){quoted, quoted_len});
    put(&out, quoted_len < line->text.len ? SLICE("...\": ") : SLICE("\": "));
    for (; *reason; reason++)
        put(&out, (struct slice){reason, 1});
}

int sdp_malformed(struct sdp_parser *p, const char *reason)
{
    explain(p, &p->line, reason);
    return -EBADMSG;
}

/* The first one is what the caller hears of, unless the whole is malformed. */
static void leave_out(struct sdp_parser *p, const struct sdp_refusal *refusal)
{
    if (p->why[0] == '\0')
        explain(p, &refusal->line, refusal->reason);
}

struct sdp_refusal sdp_refuse(const struct sdp_parser *p, const char *reason)
{
    return (struct sdp_refusal){reason, p->line};
}

/* ---- lines of the session -------------------------------------------------------------------------- */

static int take_version(struct sdp_parser *p, struct slice value)
{
    uint64_t version;

    if (p->has_version || !slice_number(value, UINT32_MAX, &version))
        return sdp_malformed(p, "v= is a number, said once");
    p->has_version = true;
    if (version != 0) {
        explain(p, &p->line, "only version 0 is known");
        return -EPROTONOSUPPORT;
    }
    return 0;
}

/* RFC 8866 section 5.2 */
static int take_origin(struct sdp_parser *p, struct slice value)
{
    struct slice user = slice_word(&value), id = slice_word(&value), version = slice_word(&value);
    struct slice net = slice_word(&value), type = slice_word(&value), address = slice_word(&value);
    struct sdp_stream *common = &p->common;

    if (p->has_origin || p->media_count > 0)
        return sdp_malformed(p, "o= is said once, before the media");
    if (user.len == 0 || address.len == 0 || value.len > 0 ||
        !slice_number(id, UINT64_MAX, &common->session_id) ||
        !slice_number(version, UINT64_MAX, &common->session_version))
        return sdp_malformed(p, "o= is a user, two numbers below 2^64, and \"IN IP4\" with an address");
    if (slice_equals(net, SLICE("IN")) && slice_equals(type, SLICE("IP4")) &&
        !slice_ipv4(address, &common->origin) && !slice_has_letter(address))
        return sdp_malformed(p, "the address is four numbers up to 255, or a name");
    p->has_origin = true;
    return 0;
}

static int take_name(struct sdp_parser *p, struct slice value)
{
    if (p->has_name || p->media_count > 0)
        return sdp_malformed(p, "s= is said once, before the media");
    printable_copy(p->common.name, sizeof p->common.name, value.at, value.len);
    p->has_name = true;
    return 0;
}

/* ---- connection, RFC 8866 section 5.7 -------------------------------------------------------------- */

static int take_group(struct sdp_parser *p, struct slice text, struct sdp_connection *connection)
{
    bool has_ttl, has_count;
    struct slice address = slice_cut(&text, '/', &has_ttl), ttl = slice_cut(&text, '/', &has_count);
    uint64_t number = 0, count = 1;

    if ((has_ttl && !slice_number(ttl, 255, &number)) ||
        (has_count && !slice_number(text, UINT32_MAX, &count)))
        return sdp_malformed(p, "c= ends with an address, and perhaps /ttl (0 to 255) and /count");
    if (!slice_ipv4(address, &connection->group)) {
        if (!slice_has_letter(address))
            return sdp_malformed(p, "the address is four numbers up to 255, or a name");
        connection->refusal = sdp_refuse(p, "a multicast address is needed, not a name");
    } else if (!sdp_is_multicast(connection->group)) {
        connection->refusal =
            sdp_refuse(p, "unicast; only multicast (224.0.0.0 to 239.255.255.255) is received");
    } else if (count != 1) {
        connection->refusal = sdp_refuse(p, "one group is received, not several");
    }
    connection->ttl = (uint8_t)number;
    return 0;
}

static int take_connection(struct sdp_parser *p, struct slice value)
{
    bool in_media = p->media_count > 0;
    struct sdp_connection *kept = in_media ? &p->media.said.connection : &p->session.connection;
    struct slice net = slice_word(&value), type = slice_word(&value), address = slice_word(&value);
    struct sdp_connection connection = {.said = true};
    int result = 0;

    if (in_media && p->media.refusal.reason)
        return 0;
    if (address.len == 0 || value.len > 0)
        return sdp_malformed(p, "c= is \"IN IP4\" and an address");
    if (!slice_equals(net, SLICE("IN")) || !slice_equals(type, SLICE("IP4")))
        connection.refusal = sdp_refuse(p, "only \"IN IP4\" is received");
    else
        result = take_group(p, address, &connection);
    if (result < 0)
        return result;
    if (kept->said && !in_media)
        return sdp_malformed(p, "the session has one c=");
    if (kept->said)
        connection.refusal = sdp_refuse(p, "one group is received, not several");
    *kept = connection;
    return 0;
}

/* ---- media, RFC 8866 section 5.14 ------------------------------------------------------------------ */

static int check_formats(struct sdp_parser *p, struct slice formats)
{
    unsigned count = 0;

    for (; formats.len > 0; count++) {
        struct slice format = slice_word(&formats);
        uint64_t payload_type;

        if (!slice_number(format, SDP_PAYLOAD_TYPES - 1, &payload_type))
            return sdp_malformed(p, "payload types are 0 to 127");
    }
    return count > 0 ? 0 : sdp_malformed(p, "a payload type is needed, 0 to 127");
}

static int end_media(struct sdp_parser *p);

static int begin_media(struct sdp_parser *p, struct slice value)
{
    struct slice kind = slice_word(&value), ports = slice_word(&value), profile = slice_word(&value);
    struct sdp_media *media = &p->media;
    bool several;
    struct slice port = slice_cut(&ports, '/', &several);
    uint64_t number, count = 1;
    int result = end_media(p);

    if (result < 0)
        return result;
    if (!p->has_origin || !p->has_name)
        return sdp_malformed(p, "o= and s= must stand before the media");
    if (p->media_count == SDP_MEDIA_MAX)
        return sdp_malformed(p, "more than 64 media sections");
    p->media_count++;
    *media = (struct sdp_media){.line = p->line, .formats = value};
    if (!slice_number(port, 65535, &number) || (several && !slice_number(ports, 65535, &count)) ||
        profile.len == 0)
        return sdp_malformed(p, "m= is a kind, a port (0 to 65535), a profile and payload types");
    media->port = (uint16_t)number;
    if (!slice_equals(kind, SLICE("audio")))
        media->refusal = sdp_refuse(p, "only audio is played");
    else if (!slice_equals(profile, SLICE("RTP/AVP")) && !slice_equals(profile, SLICE("RTP/AVPF")))
        media->refusal = sdp_refuse(p, "only RTP/AVP is received");
    else if (number == 0)
        media->refusal = sdp_refuse(p, "port 0 says that there is no stream");
    else if (count != 1)
        media->refusal = sdp_refuse(p, "one port is received, not several");
    return media->refusal.reason ? 0 : check_formats(p, value);
}

/* ---- a stream out of a media section --------------------------------------------------------------- */

/* RFC 3551 section 6 */
static const struct sdp_coding *static_coding(unsigned payload_type)
{
    static const struct sdp_coding stereo = {.codec = RTP_CODEC_L16, .rate_hz = 44100, .channels = 2};
    static const struct sdp_coding mono = {.codec = RTP_CODEC_L16, .rate_hz = 44100, .channels = 1};

    return payload_type == 10 ? &stereo : payload_type == 11 ? &mono : NULL;
}

/* One of "name=value; name=value"; empty when it is not there. */
static struct slice parameter(struct slice params, struct slice name)
{
    for (bool more = params.len > 0; more;) {
        struct slice value = slice_cut(&params, ';', &more), key;
        bool has_value;

        while (value.len > 0 && value.at[0] == ' ')
            value = (struct slice){value.at + 1, value.len - 1};
        key = slice_cut(&value, '=', &has_value);
        if (slice_equals_nocase(key, name))
            return value;
    }
    return (struct slice){0};
}

static void take_params(const struct sdp_media *media, struct slice params, struct sdp_stream *stream)
{
    unsigned names = sdp_names_of_info(stream->channel_names, media->info);

    if (stream->codec == RTP_CODEC_OPUS) {
        stream->channels = slice_equals(parameter(params, SLICE("sprop-stereo")), SLICE("0")) ? 1 : 2;
        stream->fec = slice_equals(parameter(params, SLICE("useinbandfec")), SLICE("1"));
    }
    if (names == 0)
        names = sdp_names_of_order(stream->channel_names, parameter(params, SLICE("channel-order")));
    if (names != stream->channels)
        stream->channel_names[0] = '\0';
}

/* The first format that can be played goes into the stream; else why the first one cannot. */
static struct sdp_refusal choose_format(const struct sdp_media *media, struct sdp_stream *stream)
{
    struct sdp_refusal refusal = {NULL, media->line};

    for (struct slice rest = media->formats; rest.len > 0;) {
        uint64_t type = 0;
        const struct sdp_coding *coding;

        /* It is a number: check_formats(). */
        (void)slice_number(slice_word(&rest), SDP_PAYLOAD_TYPES - 1, &type);
        coding = media->codings[type].said ? &media->codings[type] : static_coding((unsigned)type);
        if (coding && !coding->refusal.reason) {
            stream->payload_type = (uint8_t)type;
            stream->codec = coding->codec;
            stream->rate_hz = coding->rate_hz;
            stream->channels = coding->channels;
            take_params(media, media->params[type], stream);
            return (struct sdp_refusal){NULL, media->line};
        }
        if (!refusal.reason)
            refusal = coding ? coding->refusal
                             : (struct sdp_refusal){"no rtpmap says what the payload type is", media->line};
    }
    return refusal;
}

static bool filter_holds(const struct sdp_section *section, struct sdp_leg *leg)
{
    const struct sdp_filter *chosen = NULL;
    bool several = false;

    for (unsigned i = 0; i < section->filter_count; i++) {
        const struct sdp_filter *filter = &section->filters[i];

        if (!filter->any_group && filter->group.s_addr != leg->group.sin_addr.s_addr)
            continue;
        several |= filter->several || (chosen && chosen->source.s_addr != filter->source.s_addr);
        chosen = filter;
    }
    if (chosen && !several) {
        leg->has_source = true;
        leg->source = chosen->source;
    }
    return chosen;
}

static struct sdp_refclk choose_refclk(const struct sdp_section *media, const struct sdp_section *session)
{
    struct sdp_refclk clock = media->refclk.kind != SDP_REFCLK_NONE ? media->refclk : session->refclk;
    const struct sdp_refclk *domain =
        media->clock_domain.kind != SDP_REFCLK_NONE ? &media->clock_domain : &session->clock_domain;

    if (clock.kind == SDP_REFCLK_NONE)
        clock = *domain;
    if (clock.kind == SDP_REFCLK_PTP && clock.domain == SDP_DOMAIN_UNKNOWN && domain->kind != SDP_REFCLK_NONE)
        clock.domain = domain->domain;
    if (clock.kind == SDP_REFCLK_NONE)
        clock.domain = SDP_DOMAIN_UNKNOWN;
    return clock;
}

static void fill_stream(const struct sdp_parser *p, const struct sdp_connection *connection,
                        const struct sdp_media_clock *clock, struct sdp_stream *stream)
{
    const struct sdp_section *said = &p->media.said, *session = &p->session;
    struct sdp_leg *leg = &stream->leg[0];

    stream->legs = 1;
    leg->group.sin_family = AF_INET;
    leg->group.sin_port = htons(p->media.port);
    leg->group.sin_addr = connection->group;
    leg->ttl = connection->ttl;
    if (!filter_holds(said, leg))
        (void)filter_holds(session, leg);
    stream->ptime_us = said->ptime_us ? said->ptime_us : session->ptime_us;
    stream->framecount = said->framecount ? said->framecount : session->framecount;
    stream->has_media_offset = clock->has_offset;
    stream->media_offset = clock->offset;
    stream->refclk = choose_refclk(said, session);
    stream->latency_ns = said->latency_ns ? said->latency_ns : session->latency_ns;
    stream->ext_id = said->ext_id ? said->ext_id : session->ext_id;
}

/* ---- two networks, one stream ---------------------------------------------------------------------- */

/* Where the groups name `mid`; groups of later lines count for nothing then. */
static struct sdp_place find_place(const struct sdp_parser *p, struct slice mid)
{
    for (unsigned i = 0; mid.len > 0 && i < p->group_count; i++) {
        struct slice rest = p->groups[i];

        for (unsigned at = 0; rest.len > 0; at++)
            if (slice_equals(slice_word(&rest), mid))
                return (struct sdp_place){true, i, at};
    }
    return (struct sdp_place){.grouped = false};
}

static bool same_packets(const struct sdp_stream *a, const struct sdp_stream *b)
{
    return a->payload_type == b->payload_type && a->codec == b->codec && a->rate_hz == b->rate_hz &&
           a->channels == b->channels && a->ptime_us == b->ptime_us && a->ext_id == b->ext_id &&
           a->has_media_offset == b->has_media_offset && a->media_offset == b->media_offset;
}

/*
 * Joins it to the stream whose duplicate it is; false when it is none. Legs with different packets are not
 * duplicates, whatever the group says.
 */
static bool join(struct sdp_parser *p, struct sdp_stream *leg, struct sdp_place place)
{
    for (size_t i = 0; place.grouped && i < p->count; i++) {
        struct sdp_stream *stream = &p->streams[i];
        struct sdp_place *first = &p->places[i];

        if (!first->grouped || first->group != place.group || first->at == place.at ||
            !same_packets(stream, leg))
            continue;
        if (stream->legs == SDP_LEGS_MAX) {
            leave_out(p, &(struct sdp_refusal){"two legs of a stream are received", p->media.line});
        } else if (place.at < first->at) {
            leg->leg[1] = stream->leg[0];
            leg->legs = 2;
            *stream = *leg;
            *first = place;
        } else {
            stream->leg[1] = leg->leg[0];
            stream->legs = 2;
        }
        return true;
    }
    return false;
}

static int end_media(struct sdp_parser *p)
{
    struct sdp_media *media = &p->media;
    const struct sdp_connection *connection =
        media->said.connection.said ? &media->said.connection : &p->session.connection;
    const struct sdp_media_clock *clock = media->said.clock.said ? &media->said.clock : &p->session.clock;
    struct sdp_stream stream = p->common;
    struct sdp_refusal refusal = media->refusal;
    struct sdp_place place;

    if (p->media_count == 0)
        return 0;
    if (!refusal.reason && !connection->said) {
        explain(p, &media->line, "no c= says where it is sent to");
        return -EBADMSG;
    }
    if (!refusal.reason)
        refusal = connection->refusal;
    if (!refusal.reason)
        refusal = choose_format(media, &stream);
    if (!refusal.reason)
        refusal = clock->refusal;
    if (refusal.reason) {
        leave_out(p, &refusal);
        return 0;
    }
    fill_stream(p, connection, clock, &stream);
    place = find_place(p, media->mid);
    if (join(p, &stream, place))
        return 0;
    if (p->count == p->room) {
        leave_out(p, &(struct sdp_refusal){"no room for so many streams", media->line});
        return 0;
    }
    p->places[p->count] = place;
    p->streams[p->count++] = stream;
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------------- */

static int take_line(struct sdp_parser *p)
{
    struct slice text = p->line.text, value;

    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] == '\0' || text.at[i] == '\r')
            return sdp_malformed(p, "neither a zero byte nor a bare carriage return may be in a line");
    if (text.len > SDP_LINE_MAX)
        return sdp_malformed(p, "a line has at most 4096 bytes");
    if (text.len < 2 || text.at[1] != '=' || !slice_has_letter((struct slice){text.at, 1}))
        return sdp_malformed(p, "a line begins with a letter and =");
    if (!p->has_version && text.at[0] != 'v')
        return sdp_malformed(p, "v=0 must stand first");
    value = (struct slice){text.at + 2, text.len - 2};
    switch (text.at[0]) {
    case 'v':
        return take_version(p, value);
    case 'o':
        return take_origin(p, value);
    case 's':
        return take_name(p, value);
    case 'c':
        return take_connection(p, value);
    case 'm':
        return begin_media(p, value);
    case 'i':
        if (p->media_count > 0 && p->media.info.len == 0)
            p->media.info = value;
        return 0;
    case 'a':
        return sdp_take_attribute(p, value);
    default:
        return 0;
    }
}

static int take_lines(struct sdp_parser *p)
{
    int result = 0;

    while (p->rest.len > 0 && result == 0) {
        bool ended;
        struct slice text = slice_cut(&p->rest, '\n', &ended);

        if (text.len > 0 && text.at[text.len - 1] == '\r')
            text.len--;
        while (text.len > 0 && text.at[text.len - 1] == ' ')
            text.len--;
        p->line = (struct sdp_line){text, p->line.number + 1};
        if (text.len > 0)
            result = take_line(p);
    }
    return result;
}

int sdp_parse(const char *text, size_t len, struct sdp_stream *streams, size_t room, char *why,
              size_t why_size)
{
    struct sdp_parser p = {
        .rest = {text, len}, .streams = streams, .room = room, .why = why, .why_size = why_size};
    int result;

    assert(room >= 1 && why_size >= 1);
    why[0] = '\0';
    if (len > SDP_TEXT_MAX) {
        p.line = (struct sdp_line){{text, 0}, 1};
        return sdp_malformed(&p, "a description has at most 65536 bytes");
    }
    result = take_lines(&p);
    if (result == 0)
        result = end_media(&p);
    if (result < 0)
        return result;
    if (!p.has_origin || !p.has_name)
        return sdp_malformed(&p, "v=, o= and s= are needed");
    if (p.media_count == 0) {
        explain(&p, &p.line, "there is no m=, so no stream");
        return -EPROTONOSUPPORT;
    }
    return p.count > 0 ? (int)p.count : -EPROTONOSUPPORT;
}
