// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Sending: datagrams through libortp to the group, and RTCP beside them.
 *
 *   real-time thread   send_packet()                       RTP session  -->  group:port
 *   control thread     send_invitation(), send_report(),   RTCP session -->  group:port + 1
 *                      send_bye(),
 *                      send_get_counters(), send_reopen()
 *
 * What others say by RTCP is heard elsewhere (audience.h).
 *
 * oRTP builds the packets and its session sends them, but on a socket of ours (endpoint.h). The bytes are the
 * same as rtp_build() writes. The two sessions share nothing but counters; each belongs to one thread.
 *
 * A packet that cannot be sent is counted and forgotten; the next one is tried like any other, so sound goes
 * on when the interface is back.
 *
 * In send_packet() there is no allocation (oRTP's come out of a pool made beforehand), no lock that is
 * ever contended, no log, and one system call.
 */
#ifndef UNISONO_SEND_H
#define UNISONO_SEND_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/mediaclock.h"
#include "proto/rtcp.h"
#include "proto/rtp.h"
#include "proto/timebase.h"

/*
 * One report at the start, then one in each: so long may a receiver be in doubt whose time it is. RFC 3550
 * section 6.2 lets a sender of B kbit/s have 360 / B seconds, here 0.51 s at the most; and a quarter of 5 %
 * of the bandwidth, of which the largest compound each second takes a third.
 */
#define SEND_REPORT_INTERVAL_NS NS_PER_S

struct send_config {
    struct sockaddr_in group; /* RTCP goes to the port above */
    const char *interface;    /* as for net_find_interface(); copied */
    uint8_t ttl;
    uint8_t dscp;
    int priority;
    uint8_t ext_id; /* 1..14 */
    uint32_t ssrc;  /* random in every run (RFC 3550 section 8) */
    uint32_t rate_hz;
    const char *cname;       /* RTCP canonical name, 1 to 255 bytes; copied */
    const char *name;        /* of the stream, and */
    const char *tool;        /* program and version; both must stay valid, up to 255 bytes are said */
    struct rtcp_offer offer; /* what is sent; `waiting` and `standby` are ignored */
};

struct send_counters {
    uint64_t packets; /* handed to the network */
    uint64_t octets;  /* their payload, without header and extension */
    uint64_t reports; /* RTCP compounds handed to the network */

    /* Packets that were not sent, by reason, RTCP included. */
    uint64_t would_block; /* EAGAIN: the send buffer is full */
    uint64_t no_buffers;  /* ENOBUFS: the queue of the interface is full */
    uint64_t unreachable; /* ENETUNREACH, ENETDOWN, ENODEV, ...: the interface or its route is gone */
    uint64_t other;
    int last_errno; /* of the newest failure; 0: none so far */

    uint64_t pool_misses; /* allocations of oRTP that the pool could not serve, in this process */
};

struct sender;

/*
 * Opens sockets and sessions; blocks and allocates. *interface_name (IF_NAMESIZE bytes, may be NULL) gets
 * the interface used. On failure returns -errno with one line in `err`.
 */
int send_open(struct sender **sender, const struct send_config *config, char *interface_name, char *err,
              size_t err_size);
void send_close(struct sender *sender); /* NULL is allowed */

/*
 * Real-time. Sends one packet: `datagram` holds payload_len bytes of payload behind
 * rtp_header_bytes(packet->has_ext) bytes that are written here. It is aligned to 4 bytes, and the caller's
 * again on return. packet->ssrc is the configured one. Returns 0, or -errno (already counted).
 */
int send_packet(struct sender *sender, const struct rtp_packet *packet, uint8_t *datagram,
                size_t payload_len);

/*
 * Control thread: sender report, CNAME, and whose time it is that `map` says, every SEND_REPORT_INTERVAL_NS.
 * `now` is the present; the map's state is not MEDIA_CLOCK_NO_PTP, for a report without time is none. How
 * many octets of UDP payload it had, or -errno.
 */
int send_report(struct sender *sender, const struct clock_map *map, raw_ns now);

/* Control thread: as send_report(), and that nothing is sent until somebody talks. */
int send_standby(struct sender *sender, const struct clock_map *map, raw_ns now);

/*
 * Control thread: what send_report() says, before anything was sent: that the sender waits for receivers.
 * `map` may be in any state.
 */
int send_invitation(struct sender *sender, const struct clock_map *map);

/* Control thread: as send_report() with BYE, once nothing more is to be sent. May be repeated. */
int send_bye(struct sender *sender, const struct clock_map *map, raw_ns now);

/* Control thread: whence RTCP is sent, address and port. */
void send_get_rtcp_address(const struct sender *sender, struct sockaddr_in *address);

/*
 * Control thread: opens the sockets anew, after the interface came back with another index or address.
 * Packets go on through the old sockets until the new ones take their place, which the real-time thread may
 * do without waiting: a socket that is in no group has nothing to leave.
 */
int send_reopen(struct sender *sender, char *err, size_t err_size);

/* Any thread. */
void send_get_counters(const struct sender *sender, struct send_counters *counters);

#endif
