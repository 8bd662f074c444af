// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The directory: which streams are on the air, as far as somebody says so. Fed with announcements (SAP) and
 * services (DNS-SD over mDNS), asked for a name. Pure: what was heard and when comes in as arguments.
 *
 *     announcement --> sap_parse --+
 *                                  +--> one entry for each stream of the description --> directory_find()
 *     service's text --------------+
 *
 * Anyone can announce anything. So the table is bounded, and a description stands until whoever announced it
 * changes or deletes it, or somebody, as its sender with another address, announces a newer version (RFC 8866
 * section 5.2). What else others say, and older versions, count only once it has not been announced for three
 * times as long as usual. Who says the same again costs one comparison of hashes.
 */
#ifndef UNISONO_DIRECTORY_H
#define UNISONO_DIRECTORY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sdp.h"
#include "timebase.h"

#define DIRECTORY_ENTRIES 256
#define DIRECTORY_STREAMS                                                                                    \
    16 /* of one description that are looked at; the rest is left out, which `why` says */

enum directory_kind {
    DIRECTORY_SAP,  /* until it is deleted, or was not heard for ten of its intervals, at least a minute and
                       at most an hour (RFC 2974 section 4) */
    DIRECTORY_MDNS, /* until the service is gone */
};

/* A stream, or a description of which nothing can be played. */
struct directory_entry {
    enum directory_kind kind;
    uint64_t announcer;    /* SAP: IPv4 address that it came from, in network byte order; mDNS: the service */
    struct in_addr origin; /* o=; where that has no address, the announcer's */
    bool playable;
    struct sdp_stream
        stream; /* not playable: only name, session_id, session_version and origin mean anything */
    char why[SDP_WHY_SIZE]; /* not playable: the first reason, printable, as sdp_parse() has it */
    raw_ns first_heard;     /* the session */
    raw_ns heard;           /* the announcement, last */

    /* The directory's own. */
    unsigned index; /* of the stream in its description */
    uint64_t text_hash;
    uint16_t sap_hash;
    struct in_addr sap_origin;
    int64_t interval_ns; /* between announcements; 0: heard once */
};

/* Read only, but for the functions below. */
struct directory {
    struct directory_entry entries[DIRECTORY_ENTRIES];
    size_t count;
    uint64_t changes;   /* grows with each change of what the entries say */
    uint64_t heard;     /* announcements and services taken */
    uint64_t malformed; /* broken SAP or SDP */
    uint64_t foreign;   /* sound SAP that is not for us: encrypted, compressed, IPv6, not SDP */
    uint64_t refused;   /* about another's session, or older than what is known */
    uint64_t evicted;   /* entries that had to go since the table was full */
};

void directory_init(struct directory *directory);

/* A datagram of SAP, hostile or not, that came from this IPv4 address (network byte order). */
void directory_announcement(struct directory *directory, const uint8_t *datagram, size_t len, uint32_t source,
                            raw_ns now);

/*
 * A service that was found, or whose text changed: the description is all it says. `service` is a number that
 * the caller made up for it and keeps until directory_service_gone().
 */
void directory_service(struct directory *directory, uint64_t service, const char *text, size_t len,
                       raw_ns now);
void directory_service_gone(struct directory *directory, uint64_t service);

/* Once a second or so: forgets what has not been announced for long. */
void directory_expire(struct directory *directory, raw_ns now);

/*
 * The stream called `name`: in just these letters, else without regard to the case of ASCII ones. NULL: there
 * is none. Of several
 *   - with `followed`, the origin whose stream the caller plays: its newest session, and no other origin's,
 *     since anyone may give a stream that name
 *   - with `followed` and `silent`, nothing comes from it any more: another origin's, announced last; if
 *     there is none, its own
 *   - without `followed` (NULL): the session that was first heard last, as after a restart
 * and of that session the newest version, the first stream that can be played. Valid until the next change.
 */
const struct directory_entry *directory_find(const struct directory *directory, const char *name,
                                             const struct in_addr *followed, bool silent);

#endif
