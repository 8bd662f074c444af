// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The roster: who takes part, as each says of itself by RTCP. Senders and monitors keep one of all receivers;
 * it knows nothing of when to speak (rtcptimer.h does).
 *
 * A member is an SSRC at an address. Whoever comes back under another SSRC with the CNAME and address of one
 * that is there is the same machine started anew, and takes over its place. Bounded: when all places are
 * taken, newcomers are counted and not kept. Everything here was written by strangers and made printable.
 */
#ifndef UNISONO_ROSTER_H
#define UNISONO_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtcp.h"
#include "timebase.h"

#define ROSTER_CNAME_SIZE 128 /* these with the closing zero; longer ones are cut at a character's end */
#define ROSTER_NAME_SIZE  64
#define ROSTER_TOOL_SIZE  48

struct roster_member {
    uint32_t ssrc;
    uint64_t source; /* IPv4 address, network byte order */
    raw_ns joined, newest;
    int64_t gap_ns;   /* between its reports, smoothed; 0: there was one only */
    uint64_t reports; /* since it joined */
    uint64_t returns; /* times that it came back under another SSRC */
    char cname[ROSTER_CNAME_SIZE];
    char name[ROSTER_NAME_SIZE]; /* "" until it was said, which is not in each report; likewise tool */
    char tool[ROSTER_TOOL_SIZE];
    bool sends; /* sound: it sends sender reports or an offer */
    bool has_block, has_clock, has_telemetry, has_offer;
    struct rtcp_block block; /* these four as of the newest report that had one */
    struct rtcp_clock clock;
    struct telemetry telemetry;
    raw_ns telemetry_at; /* arrival */
    struct rtcp_offer offer;
};

struct roster;

/* Places 0 to room - 1. `seed`: another one in each process, so that nobody can choose SSRCs that collide.
 * NULL: no memory; nothing is allocated later. */
struct roster *roster_create(size_t room, uint64_t seed);
void roster_destroy(struct roster *roster); /* NULL is allowed */

enum roster_event {
    ROSTER_KNOWN,
    ROSTER_JOINED,
    ROSTER_RETURNED, /* under another SSRC */
    ROSTER_LEFT,     /* by BYE; the caller forgets the place, or keeps it to be looked at */
    ROSTER_IGNORED   /* BYE of a stranger, no CNAME from a stranger, or no place is free */
};

/* Somebody said this. *place gets whose it is; it means nothing after ROSTER_IGNORED. */
enum roster_event roster_hear(struct roster *roster, const struct rtcp_report *report, uint64_t source,
                              raw_ns arrival, size_t *place);

/* Frees a place. */
void roster_forget(struct roster *roster, size_t place);

/* NULL when the place is free or there is no such place. Valid until the next call that changes the roster.
 */
const struct roster_member *roster_at(const struct roster *roster, size_t place);

size_t roster_room(const struct roster *roster);
size_t roster_count(const struct roster *roster);
uint64_t roster_refused(const struct roster *roster); /* newcomers for whom there was no place */

/*
 * Whether it has missed more than two of its reports by `now`, and 2 s: networks lose some, and chance makes
 * intervals up to three times as long as the one before.
 */
bool roster_silent(const struct roster_member *member, raw_ns now);

/* What people call it: its name, else the host in its CNAME, else all of that. Valid as long as the member.
 */
const char *roster_name(const struct roster_member *member);

/* The parts of CNAME: what stands before the last '@', cut to size; and what stands behind, or all. */
void roster_device(const struct roster_member *member, char *device, size_t size);
const char *roster_host(const struct roster_member *member);

#endif
