// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The model of what is on the network: events in, once a second a view out (view.h). Pure: no clock is read,
 * and all memory is taken at creation.
 *
 *     model_watch()      a group is listened to          model_rtcp()   a compound came
 *     model_announced()  what is announced               model_rtp()    a packet of sound came
 *     model_clock()      the monitor's own clock         model_tick()   a second is over: the view
 *
 * All that comes from the network is a claim. The witness (witness.h) holds the senders' against what it
 * hears; a receiver's is believed. Whoever floods the group with claims fills the table of receivers and is
 * counted.
 */
#ifndef UNISONO_MONITOR_MODEL_H
#define UNISONO_MONITOR_MODEL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "member.h"
#include "proto/directory.h"
#include "proto/mediaclock.h"
#include "proto/rtcp.h"
#include "proto/sdp.h"
#include "view.h"

#define MODEL_MEMBERS_MAX 4096 /* usual; PROTOCOL.md section 8 */
#define MODEL_EXPECT_MAX  256  /* names */

struct model_config {
    struct monitor_limits limits;
    size_t members; /* senders and receivers of all streams there is room for, usually MODEL_MEMBERS_MAX */
    const char *expect; /* NAME,...: receivers that must be there; copied. At most MODEL_EXPECT_MAX */
    double grace_s;     /* so long they may take to be heard of first */
    bool witness;       /* sound is listened to */
    bool recorded;      /* it comes from a file */
    uint64_t seed;      /* another one in each process */
};

struct model;

/* NULL: no memory. */
struct model *model_create(const struct model_config *config);
void model_destroy(struct model *model); /* NULL is allowed */

/* The place, below VIEW_STREAMS_MAX, of a group that is listened to from now on, or is already; -ENOSPC:
 * there is no room, counted. `kept`: it is never forgotten. */
int model_watch(struct model *model, const struct sockaddr_in *group, bool kept, raw_ns now);

/* The group at a place; NULL: it was forgotten, or never was. */
const struct sockaddr_in *model_group(const struct model *model, size_t place);

/*
 * What is announced, once a second. Groups that are listened to get their descriptions; others are listened
 * to from now on if they are called `name`, "" being any, in letters of either case; unless known_only.
 */
void model_announced(struct model *model, const struct directory *directory, const char *name,
                     bool known_only, raw_ns now);

/* A datagram for the group at a place, from an IPv4 address (network byte order). */
void model_rtcp(struct model *model, size_t place, const uint8_t *bytes, size_t len, uint32_t source,
                raw_ns arrival);
void model_rtp(struct model *model, size_t place, const uint8_t *bytes, size_t len, uint32_t source,
               raw_ns arrival);

/* The map is copied. offset_us: from the master, as the PTP daemon last said; NAN: not known. */
void model_clock(struct model *model, const struct clock_map *map, double offset_us);

/* A second is over, or about one. time_s: since 1970. Valid until the next tick. */
const struct view *model_tick(struct model *model, raw_ns now, double time_s);

/* What the witness found of the group at a place in the second before the last tick. False: nothing. */
bool model_testimony(const struct model *model, size_t place, struct rtcp_report *report);

#endif
