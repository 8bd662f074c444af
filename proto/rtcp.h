// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * RTCP (RFC 3550 section 6): the compound packets of a sender, built and parsed. proto/PROTOCOL.md section 8
 * is the specification; this is its only implementation, used at both ends.
 *
 *     | SR: PTP time and media clock of one instant, what was sent so far      |
 *     | SDES: CNAME, the name of the sender                                    |
 *     | APP "UNIS": whose time it is, PTP domain and grandmaster               |
 *     | BYE: only in the last ones                                             |
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
#include "timebase.h"

#define RTCP_CNAME_MAX 255

/* Room for every compound that is built: SR, SDES with the longest CNAME, APP, BYE. */
#define RTCP_COMPOUND_MAX (28 + 268 + 24 + 8)

/* On whose time a sender is. */
struct rtcp_clock {
    bool known;     /* PTP, and domain and grandmaster are known; false: some other clock, or nobody told */
    bool holdover;  /* its clock runs on without that grandmaster, which is lost or about to be succeeded */
    uint8_t domain; /* this and gm_id are 0 while `known` is false */
    uint64_t gm_id; /* clock identity as one number, as in struct clock_master */
};

/* One compound, as fields. */
struct rtcp_report {
    uint32_t ssrc; /* of its first packet; all below is of this source, others in the compound are skipped */
    bool has_sr;   /* the next four mean nothing without */
    uint64_t ntp;  /* as of rtcp_ntp_of_ptp() */
    uint32_t rtp;  /* RTP timestamp of the same instant */
    uint32_t packets, octets; /* sent so far, mod 2^32; octets of payload */
    uint8_t cname_len;        /* 0: there was none */
    char cname[RTCP_CNAME_MAX + 1];
    bool has_clock;
    struct rtcp_clock clock; /* means nothing while has_clock is false */
    bool bye;
};

/*
 * PTP time as NTP timestamp: seconds since 1900 mod 2^32 in the upper half, as if the PTP epoch were that of
 * 1970 in UTC; parts of a second, rounded down, in the lower half.
 */
uint64_t rtcp_ntp_of_ptp(ptp_ns t);

/* What a machine with this map tells others. Any state is allowed, MEDIA_CLOCK_NO_PTP too: not known. */
struct rtcp_clock rtcp_clock_of_map(const struct clock_map *map);

/*
 * Writes the compound to `to`, at most RTCP_COMPOUND_MAX bytes; returns how many. Only senders build: has_sr
 * is true and there is a CNAME, or it asserts. cname needs no end but cname_len.
 */
size_t rtcp_build(uint8_t *to, const struct rtcp_report *report);

/*
 * Parses one datagram of exactly `len` bytes.
 *   0          `report` is filled; unknown packets, items and versions of ours are not an error here. In
 * cname everything but printable UTF-8 is replaced by '?', so that it can be shown; it ends with a zero
 *   -EBADMSG   malformed: truncated, lengths that contradict, padding elsewhere than at the end
 *   -EPROTO    not for us: another RTP version, or not beginning with SR or RR (RTP and STUN among them)
 * On an error `report` is undefined.
 */
int rtcp_parse(const uint8_t *datagram, size_t len, struct rtcp_report *report);

#endif
