// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Tuning: what a receiver does to play a stream that somebody described: which group it joins, and how it
 * reads the packets; or why it cannot, in words for people.
 *
 * A stream with our header extension says by itself when it is to be heard. Of a plain AES67 stream that must
 * be known: on whose clock its timestamps count (a=ts-refclk) and from where (a=mediaclk:direct). Where it is
 * not, any latency would be a guess, and no two receivers would be in step; so it is refused.
 */
#ifndef UNISONO_TUNING_H
#define UNISONO_TUNING_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/sdp.h"
#include "stream.h"

#define TUNING_LINK_NS  (10 * NS_PER_MS) /* link offset of a plain stream, where nobody says another */
#define TUNING_WHY_SIZE 256

struct tuning {
    struct sockaddr_in group;
    struct in_addr source; /* the only sender that is listened to; INADDR_ANY: everybody */
    struct stream_description description;
    char channel_names[SDP_NAMES_SIZE]; /* as in struct sdp_stream */
};

/*
 * `domain`: our own PTP domain, or SDP_DOMAIN_UNKNOWN, with which all are ours. `link_ns`: of plain streams;
 * 0: what the description says (a=x-unisono-latency), else TUNING_LINK_NS. Of a stream of two networks (ST
 * 2022-7) the first is taken. True: *tuning is filled. False: it is as before, and `why`, TUNING_WHY_SIZE
 * bytes, holds one line, printable.
 */
bool tuning_of(const struct sdp_stream *stream, int domain, int64_t link_ns, struct tuning *tuning,
               char *why);

/* Whether to go from one to the other changes nothing but, at most, the names of channels. */
bool tuning_equal(const struct tuning *a, const struct tuning *b);

#endif
