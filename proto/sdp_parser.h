// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Inside the parser of session descriptions: sdp.c goes through the lines and makes streams of media
 * sections, sdp_attributes.c reads the attributes. For everybody else there is sdp.h.
 *
 * What cannot be played is not an error as long as something else can. A refusal is therefore kept beside the
 * value it concerns, and told only when a media section turns out to need that value.
 */
#ifndef UNISONO_SDP_PARSER_H
#define UNISONO_SDP_PARSER_H

#include <string.h>

#include "sdp.h"
#include "slice.h"

#define SDP_PAYLOAD_TYPES 128

struct sdp_line {
    struct slice text;
    unsigned number; /* from 1 */
};

/* Why something sound cannot be played; reason is NULL when it can. */
struct sdp_refusal {
    const char *reason;
    struct sdp_line line;
};

struct sdp_connection {
    bool said;
    struct in_addr group;
    uint8_t ttl;
    struct sdp_refusal refusal; /* nothing else means anything with one */
};

/* Packets to `group` come from `source` only. */
struct sdp_filter {
    bool any_group;
    struct in_addr group;
    bool several; /* more than one source */
    struct in_addr source;
};

struct sdp_media_clock {
    bool said, has_offset;
    uint32_t offset;
    struct sdp_refusal refusal;
};

/* What can be said of the session and of a media section. */
struct sdp_section {
    struct sdp_connection connection;
    struct sdp_filter filters[SDP_FILTERS_MAX];
    unsigned filter_count;
    struct sdp_media_clock clock;
    struct sdp_refclk refclk, clock_domain;
    uint32_t ptime_us, framecount;
    int64_t latency_ns;
    uint8_t ext_id;
};

/* What a payload type stands for. */
struct sdp_coding {
    bool said;
    enum rtp_codec codec;
    uint32_t rate_hz;
    unsigned channels;
    struct sdp_refusal refusal;
};

struct sdp_media {
    struct sdp_section said;
    struct sdp_line line; /* m= */
    uint16_t port;
    struct slice formats;                   /* payload types */
    struct slice mid;                       /* empty: not said */
    struct slice info;                      /* i=, likewise */
    struct slice params[SDP_PAYLOAD_TYPES]; /* fmtp, likewise */
    struct sdp_refusal refusal;
    struct sdp_coding codings[SDP_PAYLOAD_TYPES];
};

/* Where a=group:DUP names a media section. */
struct sdp_place {
    bool grouped; /* false: nowhere */
    unsigned group, at;
};

struct sdp_parser {
    struct slice rest;
    struct sdp_line line;
    bool has_version, has_origin, has_name;
    struct sdp_stream common; /* what all streams share */
    struct sdp_section session;
    struct slice groups[SDP_GROUPS_MAX]; /* of DUP: the mids */
    unsigned group_count;
    struct sdp_media media; /* the present one */
    unsigned media_count;

    struct sdp_stream *streams;
    struct sdp_place places[SDP_MEDIA_MAX]; /* of the first leg of each stream */
    size_t room, count;
    char *why;
    size_t why_size;
};

/* Says that the present line is malformed, and what is allowed; returns -EBADMSG. */
int sdp_malformed(struct sdp_parser *p, const char *reason);

/* A refusal because of the present line. */
struct sdp_refusal sdp_refuse(const struct sdp_parser *p, const char *reason);

/* Takes what stands behind "a=". 0 or -EBADMSG. */
int sdp_take_attribute(struct sdp_parser *p, struct slice value);

static inline bool sdp_is_multicast(struct in_addr address)
{
    uint8_t first;

    memcpy(&first, &address, 1); /* network order */
    return first >= 224 && first <= 239;
}

#endif
