// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The ear for RTCP of both ends, at the port above that of the sound: takes what the group says, and counts
 * who is there (rtcptimer.h).
 *
 * All calls belong to one thread, the control thread; none but open and reopen blocks or allocates. Whoever
 * can send to the group can put words into another's mouth (PROTOCOL.md section 11): what is heard here is
 * good for telling people and for refusing a stream, never for placing sound.
 */
#ifndef UNISONO_EAR_H
#define UNISONO_EAR_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/rtcp.h"
#include "proto/rtcptimer.h"

/* Datagrams that are taken at most at a time: a flood keeps the control thread from nothing else. */
#define EAR_BATCH 64

struct ear_config {
    struct sockaddr_in group; /* of the sound; RTCP is heard at the port above, so its port is below 65535 */
    const char *interface;    /* as for net_find_interface(); copied */
    struct rtcp_timer_config timer;
};

/* A compound that somebody else sent. */
struct ear_word {
    const struct rtcp_report *report;
    uint64_t source; /* IPv4 address, network byte order */
    raw_ns arrival;
    enum rtcp_heard heard; /* OURSELVES: another has our SSRC. STRANGER, too, without a CNAME */
};

struct ear_counters {
    uint64_t compounds; /* well-formed, of others */
    uint64_t malformed; /* refused by rtcp_parse(), or longer than any Ethernet frame carries */
    uint64_t foreign;   /* not RTCP */
    uint64_t errors;    /* times that listening failed */
    int last_errno;     /* of the newest such failure; 0: none so far */
};

struct ear;

/* Opens the socket and joins the group. On failure returns -errno with one line in `err`; *ear is NULL then.
 */
int ear_open(struct ear **ear, const struct ear_config *config, raw_ns now, char *err, size_t err_size);
void ear_close(struct ear *ear); /* NULL is allowed */

/* Joins anew, after the interface came back with another index or address. On failure the old socket stays.
 */
int ear_reopen(struct ear *ear, char *err, size_t err_size);

/* Whence we speak ourselves, address and port: what comes from there is not told. */
void ear_ignore(struct ear *ear, const struct sockaddr_in *own);

/* Takes what waits, EAR_BATCH datagrams at most, without waiting, and tells `word` each. 0, or -errno. */
int ear_listen(struct ear *ear, void (*word)(void *context, const struct ear_word *word), void *context);

/* The members; also for rtcp_timer_run() and what belongs to it. */
struct rtcp_timer *ear_timer(struct ear *ear);

void ear_get_counters(const struct ear *ear, struct ear_counters *counters);

#endif
