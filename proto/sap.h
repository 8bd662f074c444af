// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Session announcements (SAP, RFC 2974), read and written: the packet around a session description. When they
 * may be sent: saptimer.h.
 *
 *      0                   1                   2                   3
 *     | V=1 |A|R|T|E|C|  auth length  |        message id hash        |  A: IPv6, T: deletion
 *     |               originating source: 32 or 128 bits              |  E: encrypted, C: compressed
 *     |              authentication data: auth length words           |
 *     | optional payload type "application/sdp" and a zero | payload ...
 *
 * Announcers send to 239.255.255.255 (administrative scope) or 224.2.127.254, SAP_PORT. Anyone can announce
 * or delete anything: authentication is skipped, not checked.
 */
#ifndef UNISONO_SAP_H
#define UNISONO_SAP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAP_PORT  9875
#define SAP_GROUP "239.255.255.255" /* where AES67 equipment announces */

/* Bytes that sap_build() puts before a description. */
#define SAP_OVERHEAD 24

struct sap_packet {
    bool deletion;         /* the session with this origin and hash has ended */
    uint16_t hash;         /* with the origin it names one version of one description; 0: says nothing */
    struct in_addr origin; /* the announcer */
    const char *sdp;       /* the description, inside the parsed datagram; a closing zero is left out. */
    size_t sdp_len;        /* A deletion may have only the o= line, or nothing */
};

/*
 * Parses one datagram of exactly `len` bytes. A payload type that is left out is application/sdp when the
 * payload begins with "v=0", or with "o=" in a deletion.
 *   0                 `packet` is filled
 *   -EBADMSG          malformed: truncated, a payload type without an end, an announcement of nothing
 *   -EPROTO           not for us: another SAP version
 *   -EPROTONOSUPPORT  sound, but not for us to read: IPv6 origin, encrypted, compressed, another payload type
 * On an error `packet` is undefined.
 */
int sap_parse(const uint8_t *datagram, size_t len, struct sap_packet *packet);

/*
 * Writes the packet to `to`, which has room for SAP_OVERHEAD + sdp_len bytes; returns how many it took. A
 * deletion takes no more of the description than its o= line (section 6).
 */
size_t sap_build(uint8_t *to, const struct sap_packet *packet);

/* What to put as hash for this text: never 0, and never what the description before it had, for it changed.
 */
uint16_t sap_hash(const char *sdp, size_t sdp_len, uint16_t before);

#endif
