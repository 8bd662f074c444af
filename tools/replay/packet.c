// SPDX-License-Identifier: GPL-3.0-or-later
#include "packet.h"

#include <errno.h>
#include <string.h>

const uint8_t *packet_bytes(const struct datagram *d, uint8_t *room)
{
    if (d->captured >= d->length || d->length > PACKET_ROOM)
        return d->bytes;
    memcpy(room, d->bytes, d->captured);
    memset(room + d->captured, 0, d->length - d->captured);
    return room;
}

/* Where the payload begins, as far as what was captured tells; 0: it does not. */
static size_t header_bytes(const struct datagram *d)
{
    size_t at = RTP_FIXED_BYTES;

    if (d->captured < RTP_FIXED_BYTES)
        return 0;
    at += (size_t)(d->bytes[0] & 0x0f) * 4;
    if (!(d->bytes[0] & 0x10))
        return at;
    if (d->captured < at + 4)
        return 0;
    return at + 4 + (size_t)(d->bytes[at + 2] << 8 | d->bytes[at + 3]) * 4;
}

int packet_parse(const struct datagram *d, const uint8_t *bytes, struct rtp_packet *packet)
{
    uint8_t fixed[RTP_FIXED_BYTES];
    size_t header = header_bytes(d);
    int error;

    if (d->captured >= d->length || (header && d->captured >= header))
        return rtp_parse(bytes, d->length, RTP_EXT_ID_DEFAULT, packet);
    if (!header)
        return -EAGAIN;
    memcpy(fixed, d->bytes, sizeof fixed);
    fixed[0] = (uint8_t)(fixed[0] & 0xc0); /* without what follows the fixed part */
    error = rtp_parse(fixed, sizeof fixed, RTP_EXT_ID_DEFAULT, packet);
    if (!error && header > d->length)
        error = -EBADMSG;
    if (!error) {
        packet->payload = NULL;
        packet->payload_len = d->length - header;
    }
    return error;
}
