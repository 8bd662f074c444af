// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Session descriptions, written: a stream of ours as AES67-2018 section 8 wants it told, for whoever plays
 * it. Struct in, text out, and sdp.h reads it back. Pure.
 *
 *     v=0
 *     o=- 1592598101 1 IN IP4 10.77.0.1
 *     s=stage
 *     c=IN IP4 239.69.83.1/32
 *     t=0 0
 *     a=clock-domain:PTPv2 0                                         RAVENNA; only with PTP
 *     m=audio 5004 RTP/AVP 98
 *     i=2 channels: Left, Right                                      only if they have names
 *     a=rtpmap:98 L24/48000/2
 *     a=fmtp:101 sprop-stereo=1; useinbandfec=1                      of Opus, with opus/48000/2
 *     a=ptime:1
 *     a=framecount:48                                                RAVENNA
 *     a=recvonly
 *     a=source-filter: incl IN IP4 239.69.83.1 10.77.0.1
 *     a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0        only if something is known
 *     a=mediaclk:direct=0
 *     a=extmap:1 urn:x-unisono:header                                not in the AES67 profile
 *     a=x-unisono-latency:10000000
 */
#ifndef UNISONO_SDPWRITE_H
#define UNISONO_SDPWRITE_H

#include "sdp.h"

/*
 * Room for every description. Without names of channels, and with the header of SAP, it stays below 1 kB, as
 * RFC 2974 section 6 wants it.
 */
#define SDP_WRITE_MAX 1280

/*
 * Writes the description, lines ended by CRLF and no closing zero, to the SDP_WRITE_MAX bytes at `to`;
 * returns how many. The stream has one leg, and all fields are as sdp.h promises; but the name may be any
 * bytes: what is not printable becomes a '?'. What is "not said" is left out. sdp_parse() makes the same
 * struct of it again, except for blanks at the end of a name.
 */
size_t sdp_write(const struct sdp_stream *stream, char *to);

/*
 * What is to be said as packet time: of packets of so many frames, in microseconds. Exact where milliseconds
 * with three decimals are, otherwise with two, which AES67 has ("0.33", and "1.09" at 44.1 kHz), and which
 * still give the number of frames when multiplied by the rate and rounded. frames >= 1; rate_hz > 0.
 */
uint32_t sdp_ptime_us(uint32_t frames, uint32_t rate_hz);

/* The time of this grandmaster, in this domain (0..255) of IEEE 1588-2008 (RFC 7273 section 4.3). */
struct sdp_refclk sdp_refclk_of_ptp(uint64_t gm_id, int domain);

/* The time of whoever has this address of Ethernet, and of nobody else (SMPTE ST 2110-10). `mac` < 2^48. */
struct sdp_refclk sdp_refclk_of_mac(uint64_t mac);

#endif
