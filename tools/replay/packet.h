// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What a captured datagram is to us: RTP, or RTCP, or nothing. A datagram that the capture cut is read as far
 * as it is there; its sound is then silence.
 */
#ifndef UNISONO_REPLAY_PACKET_H
#define UNISONO_REPLAY_PACKET_H

#include "frame.h"
#include "proto/rtp.h"

enum { PACKET_ROOM = 65536 }; /* longer is no UDP payload */

/*
 * The bytes of a datagram in its whole length: its own, or `room` (PACKET_ROOM bytes), with zeros for what is
 * missing.
 */
const uint8_t *packet_bytes(const struct datagram *datagram, uint8_t *room);

/*
 * Parses RTP, as rtp_parse() with the default element. Where the capture cut the header extension, the packet
 * counts as having none, with the right length of its payload. -EAGAIN: cut before that.
 */
int packet_parse(const struct datagram *datagram, const uint8_t *bytes, struct rtp_packet *packet);

#endif
