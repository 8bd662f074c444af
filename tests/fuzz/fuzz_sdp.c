// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Session descriptions: the input is one. Whatever it says, the fields stay within what sdp.h promises, and
 * the same text says the same again, with other line ends and with an attribute more that nobody knows. What
 * is written of a stream reads the same.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "demand.h"
#include "proto/sdpwrite.h"

#define ROOM 5

struct result {
    int count;
    struct sdp_stream stream[ROOM];
    char why[SDP_WHY_SIZE];
};

/* `fill` stands where nothing has been written: what is left of it is not equal the second time. */
static void parse(const char *text, size_t len, size_t room, size_t why_size, int fill, struct result *result)
{
    struct sdp_stream *stream = malloc(room * sizeof *stream); /* exact: what is written beyond is found */
    char *why = malloc(why_size), *copy = malloc(len ? len : 1);

    DEMAND(stream && why && copy);
    memset(stream, fill, room * sizeof *stream);
    memset(why, fill, why_size);
    if (len > 0)
        memcpy(copy, text, len);
    memset(result, 0, sizeof *result);
    result->count = sdp_parse(copy, len, stream, room, why, why_size);
    free(copy);
    DEMAND(result->count == -EBADMSG || result->count == -EPROTONOSUPPORT ||
           (result->count > 0 && (size_t)result->count <= room));
    if (result->count > 0)
        memcpy(result->stream, stream, (size_t)result->count * sizeof *stream);
    memcpy(result->why, why, why_size);
    free(stream);
    free(why);
}

static void demand_printable(const char *text, size_t size)
{
    DEMAND(memchr(text, '\0', size));
    for (const uint8_t *at = (const uint8_t *)text; *at; at++) {
        unsigned behind = *at < 0x80 ? 0 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;

        DEMAND(*at >= 0x20 && *at != 0x7f && (*at < 0x80 || (*at >= 0xc2 && *at <= 0xf4)));
        DEMAND(*at != 0xc2 || at[1] >= 0xa0);
        for (; behind > 0; behind--)
            DEMAND((*++at & 0xc0) == 0x80);
    }
}

static void demand_promises(const struct sdp_stream *s)
{
    demand_printable(s->name, sizeof s->name);
    demand_printable(s->refclk.version, sizeof s->refclk.version);
    demand_printable(s->refclk.text, sizeof s->refclk.text);
    DEMAND(s->legs == 1 || s->legs == 2);
    for (unsigned i = 0; i < s->legs; i++) {
        const struct sdp_leg *leg = &s->leg[i];

        DEMAND(leg->group.sin_family == AF_INET && leg->group.sin_port != 0);
        DEMAND(IN_MULTICAST(ntohl(leg->group.sin_addr.s_addr)));
        DEMAND(leg->has_source == (leg->source.s_addr != 0));
        DEMAND(!leg->has_source || !IN_MULTICAST(ntohl(leg->source.s_addr)));
    }
    DEMAND(s->payload_type < 128);
    DEMAND(rtp_codec_known(s->codec));
    demand_printable(s->channel_names, sizeof s->channel_names);
    DEMAND(rtp_rate_code(s->rate_hz) > 0);
    DEMAND(s->channels >= 1 && s->channels <= RTP_CHANNELS_MAX);
    DEMAND(s->ptime_us <= 1000000 && s->framecount <= 65535);
    DEMAND(s->has_media_offset || s->media_offset == 0);
    DEMAND(s->refclk.kind <= SDP_REFCLK_OTHER);
    DEMAND(s->refclk.domain >= SDP_DOMAIN_UNKNOWN && s->refclk.domain <= 255);
    DEMAND(s->refclk.kind == SDP_REFCLK_PTP || s->refclk.kind == SDP_REFCLK_PTP_TRACEABLE ||
           s->refclk.domain == SDP_DOMAIN_UNKNOWN);
    DEMAND(s->refclk.kind == SDP_REFCLK_PTP || s->refclk.gm_id == 0);
    DEMAND((s->refclk.kind == SDP_REFCLK_NONE) == (s->refclk.text[0] == '\0'));
    DEMAND(s->ext_id <= 14);
    DEMAND(s->latency_ns >= 0 && s->latency_ns <= 10000000000);
}

static bool same_legs(const struct sdp_stream *a, const struct sdp_stream *b)
{
    bool same = a->legs == b->legs;

    for (unsigned i = 0; same && i < a->legs; i++)
        same = a->leg[i].group.sin_addr.s_addr == b->leg[i].group.sin_addr.s_addr &&
               a->leg[i].group.sin_port == b->leg[i].group.sin_port && a->leg[i].ttl == b->leg[i].ttl &&
               a->leg[i].source.s_addr == b->leg[i].source.s_addr;
    return same;
}

static void demand_same(const struct result *a, const struct result *b)
{
    DEMAND(a->count == b->count);
    for (int i = 0; i < a->count; i++) {
        const struct sdp_stream *s = &a->stream[i], *t = &b->stream[i];

        DEMAND(strcmp(s->name, t->name) == 0 && s->session_id == t->session_id);
        DEMAND(s->session_version == t->session_version && s->origin.s_addr == t->origin.s_addr);
        DEMAND(same_legs(s, t));
        DEMAND(s->payload_type == t->payload_type && s->codec == t->codec);
        DEMAND(s->rate_hz == t->rate_hz && s->channels == t->channels);
        DEMAND(s->ptime_us == t->ptime_us && s->framecount == t->framecount);
        DEMAND(s->has_media_offset == t->has_media_offset && s->media_offset == t->media_offset);
        DEMAND(s->refclk.kind == t->refclk.kind && strcmp(s->refclk.version, t->refclk.version) == 0);
        DEMAND(s->refclk.gm_id == t->refclk.gm_id && s->refclk.domain == t->refclk.domain);
        DEMAND(strcmp(s->refclk.text, t->refclk.text) == 0 && s->ext_id == t->ext_id);
        DEMAND(s->latency_ns == t->latency_ns);
    }
}

/* LF becomes CRLF, and a line is added. */
static size_t rewrite(char *to, const char *text, size_t len)
{
    static const char line[] = "\r\na=nobody-knows:it\r\n";
    size_t used = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
            to[used++] = '\r';
        to[used++] = text[i];
    }
    memcpy(to + used, line, sizeof line - 1);
    return used + sizeof line - 1;
}

/* What was cut may end with blanks, or mean something else; and clock-domain may have words behind. */
static void forget_the_uncertain(struct sdp_stream *s)
{
    size_t len = strlen(s->name);

    while (len > 0 && s->name[len - 1] == ' ')
        s->name[--len] = '\0';
    if (s->refclk.kind == SDP_REFCLK_PTP && strncmp(s->refclk.text, "ptp=", 4) != 0)
        memset(s->refclk.text, 0, sizeof s->refclk.text);
    else if (strlen(s->refclk.text) >= SDP_REFCLK_SIZE - 4)
        s->refclk = (struct sdp_refclk){.domain = SDP_DOMAIN_UNKNOWN};
}

static void demand_written(const struct sdp_stream *stream)
{
    struct result first = {.count = 1, .stream = {*stream}}, second;
    char *text = malloc(SDP_WRITE_MAX);
    size_t len;

    DEMAND(text);
    if (strlen(stream->refclk.text) >= SDP_REFCLK_SIZE - 4)
        forget_the_uncertain(&first.stream[0]);
    len = sdp_write(&first.stream[0], text);
    parse(text, len, 1, SDP_WHY_SIZE, 0x5a, &second);
    DEMAND(second.count == 1);
    forget_the_uncertain(&first.stream[0]);
    forget_the_uncertain(&second.stream[0]);
    demand_same(&first, &second);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t room = 1 + size % ROOM, rewritten_len;
    struct result first, second;
    char *rewritten;

    parse(text, size, room, SDP_WHY_SIZE, 0xa5, &first);
    demand_printable(first.why, SDP_WHY_SIZE);
    DEMAND(first.count > 0 || first.why[0]);
    for (int i = 0; i < first.count; i++)
        demand_promises(&first.stream[i]);
    for (int i = 0; i < first.count; i++)
        if (first.stream[i].legs == 1)
            demand_written(&first.stream[i]);

    parse(text, size, room, 1 + size % SDP_WHY_SIZE, 0x5a, &second);
    demand_same(&first, &second);
    DEMAND(strncmp(first.why, second.why, strlen(second.why)) == 0);

    rewritten = malloc(2 * size + 64);
    DEMAND(rewritten);
    rewritten_len = rewrite(rewritten, text, size);
    /* "x\r" at the very end is a bare carriage return once a line follows; and without a line it is none */
    if (rewritten_len <= SDP_TEXT_MAX && (size == 0 || text[size - 1] != '\r')) {
        parse(rewritten, rewritten_len, room, SDP_WHY_SIZE, 0xa5, &second);
        demand_same(&first, &second);
    }
    free(rewritten);
    return 0;
}
