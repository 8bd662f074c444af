// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * From a captured frame to the UDP datagram in it: link layer, VLAN tags, IPv4, UDP. Pure; a capture is as
 * hostile as the network it comes from, and each length is checked before the step that needs it.
 */
#ifndef UNISONO_REPLAY_FRAME_H
#define UNISONO_REPLAY_FRAME_H

#include <stddef.h>
#include <stdint.h>

/* What stands in front of the IP header. The numbers mean nothing outside. */
enum frame_link {
    FRAME_LINK_ETHERNET,
    FRAME_LINK_SLL,      /* "Linux cooked", as of the pseudo-interface "any" */
    FRAME_LINK_SLL2,     /* its successor */
    FRAME_LINK_RAW,      /* nothing */
    FRAME_LINK_LOOPBACK, /* the address family in four bytes, of either byte order */
};

/* One datagram. Addresses and ports in host byte order. */
struct datagram {
    int64_t arrival_ns; /* by the capture's clock, since 1970; 0 or more */
    uint32_t source, destination;
    uint16_t source_port, port;
    uint8_t ttl, dscp;
    const uint8_t *bytes; /* UDP payload, inside the frame */
    size_t captured;      /* how much of it is there */
    size_t length;        /* how much there was on the wire: more, when the capture cut it */
};

enum frame_kind {
    FRAME_DATAGRAM,
    FRAME_FRAGMENT,  /* of a larger IPv4 datagram */
    FRAME_CUT,       /* the capture holds too little of it to tell */
    FRAME_MALFORMED, /* lengths that contradict */
    FRAME_OTHER,     /* no UDP over IPv4 */
};

/*
 * Looks into a frame of which `captured` bytes of `length` are there (captured <= length). FRAME_DATAGRAM:
 * `datagram` is filled, but for arrival_ns. Otherwise it is undefined. UDP checksums are not looked at: what
 * a machine captures of its own sending has none yet.
 */
enum frame_kind frame_decode(enum frame_link link, const uint8_t *bytes, size_t captured, size_t length,
                             struct datagram *datagram);

#endif
