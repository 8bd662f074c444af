// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What the sender says of its stream in announcements (PROTOCOL.md section 13.1), as the struct that
 * sdp_write() takes.
 */
#ifndef UNISONO_DESCRIBE_H
#define UNISONO_DESCRIBE_H

#include "proto/host/net.h"
#include "proto/rtcp.h"
#include "proto/sdpwrite.h"
#include "tx.h"

/*
 * All but where it comes from and whose time it is on: the first version of a session. `name` is copied, and
 * cut at a character's end; `ssrc`, chosen anew in each run, is the session's ID.
 */
struct sdp_stream describe_stream(const char *name, const struct tx_config *tx,
                                  const struct sockaddr_in *group, uint8_t ttl);

/*
 * The interface that the stream is sent on. The session is named after the address of the first one and keeps
 * that name, so that those who know it see a new version of it, not another session.
 */
void describe_interface(struct sdp_stream *stream, const struct net_interface *interface);

/*
 * Whose time it is: the grandmaster's, what was said before while that one is lost, else that of `mac`, the
 * sender's own, unless 0.
 */
void describe_clock(struct sdp_stream *stream, const struct rtcp_clock *clock, uint64_t mac);

#endif
