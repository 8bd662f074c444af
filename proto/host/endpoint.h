// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * libortp's sessions over sockets of ours: the sender's for RTP, and one for RTCP alone at each end. This
 * file, sender/send.c and receiver/control.c are the only ones that know the library.
 *
 * oRTP builds packets and its sessions send them, but through a transport of ours: its own sockets choose no
 * interface, and crash when the network goes away. What others say is not read through it: its event queue
 * has no bound, and each compound would have to be validated before it may see it (ear.h).
 *
 * A session and its endpoints belong to one thread.
 */
#ifndef UNISONO_ENDPOINT_H
#define UNISONO_ENDPOINT_H

#include <stddef.h>
#include <stdint.h>

#include <ortp/ortp.h>

struct endpoint {
    RtpTransport transport; /* transport.data points back to here, so it stays where it is */
    int fd;                 /* the caller's, connected; -1: none yet */
    int result;             /* of the newest datagram: 0 or -errno */
};

void endpoint_init(struct endpoint *endpoint);

/*
 * A session that does nothing by itself: no scheduler, no reports, no polling. It sends RTP through `rtp`,
 * RTCP through `rtcp`; what is NULL is not used. The endpoints outlive it. After ortp_init(). NULL: no
 * memory.
 */
RtpSession *endpoint_session(uint32_t ssrc, struct endpoint *rtp, struct endpoint *rtcp);

/* A message of oRTP around bytes that stay the caller's. */
mblk_t *endpoint_wrap(uint8_t *bytes, size_t len);

/* Sends one RTCP compound: 0, or -errno. */
int endpoint_say(RtpSession *session, struct endpoint *rtcp, uint8_t *compound, size_t len);

#endif
