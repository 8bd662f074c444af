// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Session descriptions (SDP, RFC 8866), read: which streams of sound are described, and what a receiver must
 * know to play them. Text in, structs out; no I/O, no clock, no allocation.
 *
 *     v=0                                                            the session: what is said here
 *     o=- 1423986 1423994 IN IP4 169.254.98.63                       holds for each media section
 *     s=Stage left : 2                                               that does not say otherwise
 *     t=0 0
 *     m=audio 5004 RTP/AVP 97                                        a media section, to the next m=
 *     c=IN IP4 239.69.83.171/32                                      group
 *     a=rtpmap:97 L24/48000/2                                        what is in the packets
 *     a=ptime:1                                                      how much of it
 *     a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0        on whose time (RFC 7273)
 *     a=mediaclk:direct=963214424                                    RTP timestamp at the PTP epoch
 *     a=x-unisono-latency:10000000                                   from sampling to presentation, in ns
 *
 * Read are: v o s c m, i of the media (names of channels: sdpnames.h), and a= with rtpmap, fmtp, ptime, mid,
 * group (RFC 5888, 7104), source-filter (RFC 4570), ts-refclk, mediaclk (RFC 7273), extmap (RFC 8285),
 * RAVENNA's framecount and clock-domain, and our own x-unisono-latency. They are written by sdpwrite.h. All
 * other lines are skipped, once they have the form of one. Of an attribute said twice in one place the first
 * counts, but of several ts-refclk one of PTP, and all source filters.
 *
 * Descriptions are as untrusted as packets. The parser is strict in what it reads and tells the malformed
 * from what is sound but cannot be played here.
 */
#ifndef UNISONO_SDP_H
#define UNISONO_SDP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtp.h"
#include "sdpnames.h"

#define SDP_TEXT_MAX    65536 /* bytes of a description */
#define SDP_LINE_MAX    4096  /* bytes of a line without its end */
#define SDP_MEDIA_MAX   64    /* media sections, of any kind */
#define SDP_FILTERS_MAX 16    /* source filters of the session, and of each media section */
#define SDP_GROUPS_MAX  32    /* groups of duplicates */
#define SDP_GROUP_MAX   256   /* bytes of what a group names */

#define SDP_NAME_SIZE    128 /* with the closing zero; longer ones are cut at a character's end */
#define SDP_REFCLK_SIZE  64
#define SDP_VERSION_SIZE 20
#define SDP_WHY_SIZE     192 /* room enough for every line about what is wrong */

#define SDP_LEGS_MAX       2
#define SDP_DOMAIN_UNKNOWN (-1)

/* Where packets come from. */
struct sdp_leg {
    struct sockaddr_in group; /* always multicast; port 1..65535 */
    uint8_t ttl;              /* 0: also when it is not said, which many leave out */
    bool has_source;          /* exactly one sender is allowed (source-filter incl); more are as if none */
    struct in_addr source;    /* 0.0.0.0 without has_source */
};

/* What time stamps count on. */
enum sdp_refclk_kind {
    SDP_REFCLK_NONE,          /* nothing is said */
    SDP_REFCLK_PTP,           /* gm_id, domain; clock-domain:PTPv2 alone gives the domain only */
    SDP_REFCLK_PTP_TRACEABLE, /* PTP, by any grandmaster that is traceable to TAI */
    SDP_REFCLK_LOCAL_MAC,     /* the sender's own (ST 2110-10) */
    SDP_REFCLK_OTHER,         /* ntp, gps, local, private ... */
};

struct sdp_refclk {
    enum sdp_refclk_kind kind;
    char version[SDP_VERSION_SIZE]; /* of PTP: "IEEE1588-2008" ...; "" when not said. Printable, cut */
    uint64_t gm_id;                 /* as in struct rtcp_clock; 0: not said, or not known to the sender */
    int domain;                     /* 0..255, or SDP_DOMAIN_UNKNOWN */
    char text[SDP_REFCLK_SIZE];     /* what stands behind "ts-refclk:" or "clock-domain:". Printable, cut */
};

/*
 * One stream, as a receiver needs it. Two media sections that carry the same packets over two networks (ST
 * 2022-7, a=group:DUP) are one stream with two legs, in the group's order, which may have other groups,
 * ports and sources, nothing else; all else is what the first one says. Texts are printable UTF-8 and end
 * with a zero: control characters (escape sequences among them) and what is not UTF-8 are '?'.
 */
struct sdp_stream {
    char name[SDP_NAME_SIZE]; /* s=, the same for all streams; "" when it is empty */
    uint64_t session_id;      /* o=: constant over the life of a session */
    uint64_t session_version; /* o=: grows with each change of the description */
    struct in_addr origin;    /* o=: who made it; 0.0.0.0 when that is not an IPv4 address */

    unsigned legs; /* 1 or 2 */
    struct sdp_leg leg[SDP_LEGS_MAX];

    uint8_t payload_type;               /* 0..127 */
    enum rtp_codec codec;               /* one that rtp_codec_known() */
    uint32_t rate_hz;                   /* one that rtp_rate_code() knows */
    unsigned channels;                  /* 1..RTP_CHANNELS_MAX; of Opus 2, unless it says that it sends one */
    bool fec;                           /* of Opus: packets may repeat those before them */
    char channel_names[SDP_NAMES_SIZE]; /* "Left, Right": as many as there are channels, or "" */

    uint32_t ptime_us;   /* 0: not said; to the nearest microsecond, at most 1 s */
    uint32_t framecount; /* frames in a packet; 0: not said, or not as one number; at most 65535 */

    bool has_media_offset; /* mediaclk:direct=; false: timestamps count from anywhere */
    uint32_t media_offset; /* RTP timestamp of the PTP epoch; 0 without has_media_offset */
    struct sdp_refclk refclk;

    int64_t latency_ns; /* of the presentation (PROTOCOL.md section 1); 0: not said; at most 10 s */
    uint8_t ext_id;     /* 1..14: ID of the Unisono element (PROTOCOL.md section 4); 0: a plain stream */
};

/*
 * Reads the description of exactly `len` bytes (no closing zero needed; lines end with LF or CRLF) and fills
 * `streams` in the order of their first media sections, at most `room` >= 1 of them.
 *   > 0               how many streams were filled. `why` is empty, or names the first media section that was
 *                     left out and the reason
 *   -EBADMSG          malformed, or above the limits here
 *   -EPROTONOSUPPORT  sound, but there is no stream that we can play: no sound at all, unicast, IPv6, another
 *                     codec, rate or profile, a media clock with another rate than PTP's
 * On an error `streams` is undefined and `why` holds one line, without its end: which line of the text, what
 * stands there, what is allowed. It is printable as the texts above and ends with a zero; why_size >= 1, and
 * what does not fit is cut.
 */
int sdp_parse(const char *text, size_t len, struct sdp_stream *streams, size_t room, char *why,
              size_t why_size);

#endif
