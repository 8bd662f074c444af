// SPDX-License-Identifier: GPL-3.0-or-later
#include "frame.h"

#include <stdbool.h>

enum {
    ETHERNET_BYTES = 14,
    SLL_BYTES = 16,
    SLL2_BYTES = 20,
    FAMILY_BYTES = 4,
    VLAN_BYTES = 4,
    VLAN_TAGS_MAX = 4, /* nobody nests more; a bound for the loop */
    IPV4_BYTES = 20,
    UDP_BYTES = 8,
    TYPE_IPV4 = 0x0800,
    TYPE_VLAN = 0x8100,
    TYPE_VLAN_OUTER = 0x88a8, /* IEEE 802.1ad */
    TYPE_VLAN_OLD = 0x9100,
    FAMILY_INET = 2, /* the same on every system */
    PROTOCOL_UDP = 17,
};

/* What is left of a frame, behind what has been read. */
struct rest {
    const uint8_t *bytes;
    size_t captured, length;
};

static uint16_t get_be16(const uint8_t *from)
{
    return (uint16_t)(from[0] << 8 | from[1]);
}

static uint32_t get_be32(const uint8_t *from)
{
    return (uint32_t)get_be16(from) << 16 | get_be16(from + 2);
}

static bool has(const struct rest *rest, size_t bytes)
{
    return rest->captured >= bytes;
}

static void skip(struct rest *rest, size_t bytes)
{
    rest->bytes += bytes;
    rest->captured -= bytes;
    rest->length -= bytes;
}

/* A header of `bytes` bytes with an EtherType at `type_at`, and the VLAN tags behind it. */
static enum frame_kind pass_ethertype(struct rest *rest, size_t bytes, size_t type_at)
{
    uint16_t type;

    if (!has(rest, bytes))
        return FRAME_CUT;
    type = get_be16(rest->bytes + type_at);
    skip(rest, bytes);
    for (int tags = 0; type == TYPE_VLAN || type == TYPE_VLAN_OUTER || type == TYPE_VLAN_OLD; tags++) {
        if (tags == VLAN_TAGS_MAX)
            return FRAME_OTHER;
        if (!has(rest, VLAN_BYTES))
            return FRAME_CUT;
        type = get_be16(rest->bytes + 2);
        skip(rest, VLAN_BYTES);
    }
    return type == TYPE_IPV4 ? FRAME_DATAGRAM : FRAME_OTHER;
}

static enum frame_kind pass_family(struct rest *rest)
{
    uint32_t family;

    if (!has(rest, FAMILY_BYTES))
        return FRAME_CUT;
    family = get_be32(rest->bytes);
    skip(rest, FAMILY_BYTES);
    return family == FAMILY_INET || family == (uint32_t)FAMILY_INET << 24 ? FRAME_DATAGRAM : FRAME_OTHER;
}

static enum frame_kind pass_link(enum frame_link link, struct rest *rest)
{
    switch (link) {
    case FRAME_LINK_ETHERNET:
        return pass_ethertype(rest, ETHERNET_BYTES, 12);
    case FRAME_LINK_SLL:
        return pass_ethertype(rest, SLL_BYTES, 14);
    case FRAME_LINK_SLL2:
        return pass_ethertype(rest, SLL2_BYTES, 0);
    case FRAME_LINK_LOOPBACK:
        return pass_family(rest);
    case FRAME_LINK_RAW:
        break;
    }
    return FRAME_DATAGRAM;
}

/* RFC 791. What stands behind the packet's own length is the link's padding, or a trailer. */
static enum frame_kind pass_ipv4(struct rest *rest, struct datagram *datagram)
{
    const uint8_t *ip = rest->bytes;
    size_t header, total;

    if (!has(rest, 1))
        return FRAME_CUT;
    if (ip[0] >> 4 != 4)
        return FRAME_OTHER;
    if (!has(rest, IPV4_BYTES))
        return FRAME_CUT;
    header = (size_t)(ip[0] & 0x0f) * 4;
    total = get_be16(ip + 2);
    if (header < IPV4_BYTES || total < header || total > rest->length)
        return FRAME_MALFORMED;
    if (ip[9] != PROTOCOL_UDP)
        return FRAME_OTHER;
    if (get_be16(ip + 6) & 0x3fff) /* more fragments, or an offset */
        return FRAME_FRAGMENT;
    if (!has(rest, header))
        return FRAME_CUT;
    datagram->dscp = ip[1] >> 2;
    datagram->ttl = ip[8];
    datagram->source = get_be32(ip + 12);
    datagram->destination = get_be32(ip + 16);
    rest->length = total;
    if (rest->captured > total)
        rest->captured = total;
    skip(rest, header);
    return FRAME_DATAGRAM;
}

/* RFC 768. */
static enum frame_kind pass_udp(struct rest *rest, struct datagram *datagram)
{
    size_t length;

    if (rest->length < UDP_BYTES)
        return FRAME_MALFORMED;
    if (!has(rest, UDP_BYTES))
        return FRAME_CUT;
    length = get_be16(rest->bytes + 4);
    if (length < UDP_BYTES || length > rest->length)
        return FRAME_MALFORMED;
    datagram->source_port = get_be16(rest->bytes);
    datagram->port = get_be16(rest->bytes + 2);
    rest->length = length;
    if (rest->captured > length)
        rest->captured = length;
    skip(rest, UDP_BYTES);
    datagram->bytes = rest->bytes;
    datagram->captured = rest->captured;
    datagram->length = rest->length;
    return FRAME_DATAGRAM;
}

enum frame_kind frame_decode(enum frame_link link, const uint8_t *bytes, size_t captured, size_t length,
                             struct datagram *datagram)
{
    struct rest rest = {bytes, captured, length};
    enum frame_kind kind = pass_link(link, &rest);

    if (kind == FRAME_DATAGRAM)
        kind = pass_ipv4(&rest, datagram);
    if (kind == FRAME_DATAGRAM)
        kind = pass_udp(&rest, datagram);
    return kind;
}
