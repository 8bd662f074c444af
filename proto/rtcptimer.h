// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * When may I speak? The rules by which the members of a group share 5 % of the session's bandwidth for RTCP
 * without anybody giving out turns (RFC 3550 sections 6.2, 6.3 and 8.2, appendix A.7).
 *
 * Each member counts the others by what it hears and spaces its own reports accordingly:
 *
 *     Td = max(minimum, average size * members who share / bandwidth they share)
 *     T  = Td * (0.5 to 1.5, random) / (e - 3/2)
 *
 * The minimum is that of RFC 3550 before the first report, 2.5 s, and then 1 s, which the profile for
 * feedback allows (RFC 4585 section 3.5.3, T_rr_interval), so that people see what happens. Who may be gone
 * is judged by 5 s, since others may keep to RFC 3550.
 *
 *   reconsideration   when T is over it is drawn again, with what is known by then, and the report waits if
 *                     that is longer: a thousand who start at once hear each other and hold back
 *   reverse           when members leave, what is left of T shrinks with them, so that those who stay are not
 *                     taken for gone
 *   leaving           a BYE waits likewise when there are more than 50 members, counting only the BYEs
 *
 * It knows only numbers: time is passed in, what is heard is told to it, and it tells when to speak. Nothing
 * is allocated; the table of members belongs to the caller. A call costs one look into that table, but
 * rtcp_timer_run() from the deadline on, which may walk through it.
 *
 * One cycle of the driver:
 *     rtcp_timer_sending()     while sound of somebody comes
 *     rtcp_timer_heard()       for each compound that came
 *     rtcp_timer_run()         and if it says so, send, then rtcp_timer_sent()
 *     sleep until rtcp_timer_deadline(), or longer: a late report harms nobody
 */
#ifndef UNISONO_RTCPTIMER_H
#define UNISONO_RTCPTIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "timebase.h"

/* What sizes are counted with: IPv4 and UDP headers belong to a packet (RFC 3550 section 6.3.3). */
#define RTCP_TIMER_OVERHEAD 28

/* Others who can be told apart as senders; one is usual, a second while a stream succeeds another. */
#define RTCP_TIMER_SENDERS 8

/* Slots of a table for 4096 other members. */
#define RTCP_TIMER_SLOTS 8192

/* A slot of the table. */
struct rtcp_member {
    uint32_t ssrc;
    uint32_t heard; /* when last, in ticks of the timer; 0: the slot is free */
};

struct rtcp_timer_config {
    uint32_t ssrc;    /* ours */
    bool sends_sound; /* we are a sender: of their share, and with their smaller minimum, if it is */
    /*
     * Of the session, bytes a second; the same at all members (section 6.2), so it is taken from what all
     * know: the sound alone, rate * channels * bytes of a sample. 0: not known yet, so nothing may be said.
     */
    uint32_t session_bytes_per_s;
    uint32_t first_octets; /* likely size of our first compound, RTCP_TIMER_OVERHEAD included */
    uint64_t seed;         /* another one in each member */
};

enum rtcp_timer_phase {
    RTCP_TIMER_LISTENING, /* bandwidth is not known */
    RTCP_TIMER_REPORTING,
    RTCP_TIMER_LEAVING, /* the BYE is still to be sent */
    RTCP_TIMER_LEFT
};

/* Plain data; to be read through the functions below. */
struct rtcp_timer {
    struct rtcp_timer_config config;
    enum rtcp_timer_phase phase;
    struct rtcp_member *table; /* the caller's */
    size_t slots;
    size_t others; /* members in the table; at most half the slots */
    struct {
        uint32_t ssrc;
        raw_ns newest; /* sound of it */
    } senders[RTCP_TIMER_SENDERS];
    unsigned sender_count;
    size_t byes;     /* of others, since we leave */
    bool at_once;    /* and that without waiting */
    size_t pmembers; /* members, as of the last scheduling */
    double average_octets;
    bool initial;  /* nothing was sent yet: another minimum */
    bool spoken;   /* something was sent under this SSRC */
    raw_ns begun;  /* the first tick */
    raw_ns looked; /* when for silent members */
    raw_ns last;   /* tp: when we sent last, or began */
    raw_ns next;   /* tn */
    uint64_t random;
};

/*
 * `slots`: a power of two, 2 to 2^20; the table holds half as many others and needs no preparation. It must
 * outlive the timer.
 */
void rtcp_timer_init(struct rtcp_timer *timer, const struct rtcp_timer_config *config,
                     struct rtcp_member *table, size_t slots, raw_ns now);

/* The session's bandwidth became known, which starts the schedule, or changed. 0 is ignored. */
void rtcp_timer_bandwidth(struct rtcp_timer *timer, uint32_t session_bytes_per_s, raw_ns now);

enum rtcp_heard {
    RTCP_HEARD_KNOWN,
    RTCP_HEARD_JOINED,   /* a member from now on */
    RTCP_HEARD_LEFT,     /* was a member until this BYE */
    RTCP_HEARD_STRANGER, /* no member: BYE of an unknown one, or the table is full */
    RTCP_HEARD_OURSELVES /* our SSRC: somebody else has it, too (section 8.2), or the caller heard himself */
};

/*
 * A compound of another member, with a CNAME, which is what makes a member of an SSRC (section 6.2.1), or
 * with BYE; `octets` with RTCP_TIMER_OVERHEAD. What comes back of our own is not to be told.
 */
enum rtcp_heard rtcp_timer_heard(struct rtcp_timer *timer, uint32_t ssrc, size_t octets, bool bye,
                                 raw_ns now);

/* Sound of another member has come since the last call; once a second is enough. */
void rtcp_timer_sending(struct rtcp_timer *timer, uint32_t ssrc, raw_ns now);

/*
 * After a collision: we go on under another SSRC, as if we had just begun. The caller says BYE for the old
 * one, if rtcp_timer_has_spoken().
 */
void rtcp_timer_rename(struct rtcp_timer *timer, uint32_t ssrc, raw_ns now);

enum rtcp_timer_turn {
    RTCP_TIMER_WAIT,
    RTCP_TIMER_REPORT, /* send a report now */
    RTCP_TIMER_BYE     /* send a report with BYE now */
};

/*
 * What is due, at or after the deadline; before it, nothing. Members who said nothing for five intervals, and
 * senders without sound for two, are dropped here (section 6.3.5).
 */
enum rtcp_timer_turn rtcp_timer_run(struct rtcp_timer *timer, raw_ns now);

/* After each turn but WAIT. octets: as sent, RTCP_TIMER_OVERHEAD included; 0: it could not be sent. */
void rtcp_timer_sent(struct rtcp_timer *timer, size_t octets, raw_ns now);

/*
 * We leave: a BYE of so many octets is to be sent, at once when there are at most 50 members, else when
 * rtcp_timer_run() says so (section 6.3.7). Who has never spoken has left without one. May be repeated.
 */
void rtcp_timer_leave(struct rtcp_timer *timer, size_t octets, raw_ns now);

/* When to call rtcp_timer_run() next; what is heard may change it. INT64_MAX: never again, we have left. */
raw_ns rtcp_timer_deadline(const struct rtcp_timer *timer);

/* Td for one who sends no sound: without chance, with the minimum of 5 s by which members are taken for gone.
 */
int64_t rtcp_timer_interval_ns(const struct rtcp_timer *timer);

/* How many there are, ourselves included; while we leave, how many leave. */
size_t rtcp_timer_members(const struct rtcp_timer *timer);
size_t rtcp_timer_senders(const struct rtcp_timer *timer);

/* The table is full: there may be more members than are counted. */
bool rtcp_timer_saturated(const struct rtcp_timer *timer);

bool rtcp_timer_has_spoken(const struct rtcp_timer *timer);

#endif
