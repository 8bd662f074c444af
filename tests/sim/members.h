// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Members of the group that only speak RTCP: as many receivers as a scenario wants, without sound, each with
 * the daemons' timer (proto/rtcptimer) and their compounds, all on one network that carries every report to
 * everybody.
 */
#ifndef UNISONO_SIM_MEMBERS_H
#define UNISONO_SIM_MEMBERS_H

#include "chance.h"
#include "loop.h"
#include "proto/rtcp.h"
#include "proto/rtcptimer.h"

enum { MEMBERS_SLOTS = 4096, MEMBERS_FLIGHTS = 4096 };

struct members;

struct member {
    struct members *all;
    struct loop_node node;
    struct rtcp_timer timer;
    struct rtcp_member *table;
    uint32_t ssrc;
    bool gone;
};

/* A compound on its way; it comes to all at once. */
struct members_flight {
    int64_t at;
    uint32_t ssrc;
    size_t octets;
    size_t length;
    uint8_t bytes[RTCP_COMPOUND_MAX];
};

struct members {
    struct member *member;
    unsigned count, here;
    uint32_t session_bytes_per_s;
    struct loop *loop;
    struct loop_node air, sender;   /* delivers; and the sender's own report each second */
    struct members_flight *flights; /* a ring */
    size_t first, flying;
    uint64_t second_octets; /* said by receivers in the present second, */
    int64_t second;
    int64_t settled_from;         /* true instant from which on `octets` counts */
    uint64_t octets, peak_octets; /* in all, and in the loudest second of the whole */
    uint64_t reports, overflows, broken;
};

/* They join within the first second. 0 or -ENOMEM. `session_bytes_per_s`: of the sound alone. */
int members_init(struct members *m, unsigned count, uint32_t session_bytes_per_s, struct loop *loop,
                 uint64_t seed);
void members_free(struct members *m);

/* So many say goodbye, all at once. */
void members_leave(struct members *m, unsigned count, int64_t now);

/* The largest error of anybody's count of all members, parts of 1. */
double members_miscount(const struct members *m);

#endif
