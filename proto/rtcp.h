// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * RTCP (RFC 3550 section 6): the compound packets of senders and receivers, built and parsed.
 * proto/PROTOCOL.md section 8 is the specification; this is its only implementation, used at both ends. When
 * they may be sent: rtcptimer.h.
 *
 *     sender                                                  receiver
 *     | SR: PTP time and media clock of one instant,    |     | RR: how the sender's packets arrive  |
 *     |     what was sent so far                        |     |                                      |
 *     | SDES: CNAME; NAME, that of the stream; TOOL     |     | SDES: CNAME; now and then NAME, TOOL |
 *     | APP "UNIS": whose time it is, PTP domain and    |     | APP "UNIS": likewise                 |
 *     |     grandmaster                                 |     |                                      |
 *     | APP "UNIS": the stream's format and latency     |     | APP "UNIS": how it fares             |
 *     | BYE: only in the last ones                      |     | BYE: only in the last one            |
 *
 * The packets of sound name instants, but not the clock on which they count. Two PTP domains may differ by a
 * microsecond or by fifty years; the APP packet lets a receiver tell that it would play at the wrong time,
 * and say why. Other receivers skip it (RFC 3550 section 6.7).
 *
 * Bytes from the network are untrusted. The parser checks each length before the step that needs it, and
 * tells a malformed compound from one that is not for us; it allocates nothing and logs nothing.
 */
#ifndef UNISONO_RTCP_H
#define UNISONO_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mediaclock.h"
#include "rtp.h"
#include "telemetry.h"
#include "timebase.h"

#define RTCP_CNAME_MAX      255
#define RTCP_LATENCY_MAX_NS (10 * NS_PER_S)
#define RTCP_HOLD_STEP_NS   (100 * NS_PER_US)
#define RTCP_HOLD_MAX_NS    (UINT16_MAX * RTCP_HOLD_STEP_NS)

/* Room for every compound that is built: SR with a block, SDES with three items of 255 bytes, three APP, BYE.
 */
#define RTCP_COMPOUND_MAX (28 + 24 + 780 + 24 + 12 + TELEMETRY_BYTES_MAX + 28 + 8)

/* On whose time a sender is. */
struct rtcp_clock {
    bool known;     /* PTP, and domain and grandmaster are known; false: some other clock, or nobody told */
    bool holdover;  /* its clock runs on without that grandmaster, which is lost or about to be succeeded */
    uint8_t domain; /* this and gm_id are 0 while `known` is false */
    uint64_t gm_id; /* clock identity as one number, as in struct clock_master */
};

/* What one member says of how another one's packets arrive (RFC 3550 section 6.4.1). */
struct rtcp_block {
    uint32_t ssrc;         /* whose packets */
    uint8_t fraction_lost; /* since the report before, in 1/256 */
    int32_t lost;     /* since it began to listen, -2^23 to 2^23 - 1; below 0: more came than were sent */
    uint32_t highest; /* sequence number, extended */
    uint32_t jitter;  /* in units of the RTP timestamp */
    uint32_t lsr;     /* middle of the NTP timestamp of the newest SR; 0: there was none */
    uint32_t dlsr;    /* since that came, in 1/65536 s */
};

/* What a sender sends, or is about to. */
struct rtcp_offer {
    bool waiting; /* for receivers: there is no sound yet, and who hears this may say that it is there */
    bool standby; /* nobody talks: no sound comes, and that is meant so */
    enum rtp_codec codec;
    uint32_t rate_hz;
    unsigned channels;
    unsigned frames_per_packet; /* 1..65535 */
    int64_t latency_ns;         /* 0..RTCP_LATENCY_MAX_NS */
    int64_t hold_ns; /* sound is kept back so long before it is sent: pre-roll and the coder's look-ahead; at
                        most latency_ns. Said in steps of RTCP_HOLD_STEP_NS, rounded up */
};

/* One compound, as fields. */
struct rtcp_report {
    uint32_t ssrc; /* of its first packet; all below is of this source, others in the compound are skipped */
    bool has_sr;   /* SR, or RR: then the next four mean nothing */
    uint64_t ntp;  /* as of rtcp_ntp_of_ptp() */
    uint32_t rtp;  /* RTP timestamp of the same instant */
    uint32_t packets, octets; /* sent so far, mod 2^32; octets of payload */
    bool has_block;           /* the first of them, when parsed */
    struct rtcp_block block;  /* means nothing while has_block is false */
    uint8_t cname_len;        /* 0: there was none */
    char cname[RTCP_CNAME_MAX + 1];
    char name[RTCP_CNAME_MAX + 1]; /* SDES items; "": none */
    char tool[RTCP_CNAME_MAX + 1];
    bool has_clock;
    struct rtcp_clock clock; /* means nothing while has_clock is false; likewise below */
    bool has_telemetry;
    struct telemetry telemetry;
    bool has_offer; /* of a codec and a rate that are known here */
    struct rtcp_offer offer;
    bool bye;
};

/*
 * PTP time as NTP timestamp: seconds since 1900 mod 2^32 in the upper half, as if the PTP epoch were that of
 * 1970 in UTC; parts of a second, rounded down, in the lower half.
 */
uint64_t rtcp_ntp_of_ptp(ptp_ns t);

/* And back: what it was made of, between 1970 and 2106; rounded up, as that rounds down. */
ptp_ns rtcp_ptp_of_ntp(uint64_t ntp);

/* What a machine with this map tells others. Any state is allowed, MEDIA_CLOCK_NO_PTP too: not known. */
struct rtcp_clock rtcp_clock_of_map(const struct clock_map *map);

/*
 * Writes the compound to `to`, at most RTCP_COMPOUND_MAX bytes; returns how many. There is a CNAME, or it
 * asserts; cname needs no end but cname_len. block.lost is brought into its range.
 * All of an offer must be known here; a hold that is longer than can be said is said as the longest.
 */
size_t rtcp_build(uint8_t *to, const struct rtcp_report *report);

/*
 * Parses one datagram of exactly `len` bytes.
 *   0          `report` is filled; unknown packets, items and versions of ours are not an error here. In
 *              the texts everything but printable UTF-8 is replaced by '?', so that they can be shown; they
 *              end with a zero
 *   -EBADMSG   malformed: truncated, lengths that contradict, padding elsewhere than at the end
 *   -EPROTO    not for us: another RTP version, or not beginning with SR or RR (RTP and STUN among them)
 * On an error `report` is undefined.
 */
int rtcp_parse(const uint8_t *datagram, size_t len, struct rtcp_report *report);

#endif
