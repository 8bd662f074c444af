// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * When a session may be announced by SAP (RFC 2974 section 3.1). Pure: time comes in.
 *
 *     start, or a change      at once, after 1 s, after 3 s: a datagram may be lost
 *     then                    each T = max(5 s, 8 * ads * bytes / 4000 bit/s), less or more by up to a third
 *
 * `ads` are all announcements that are heard, ours among them: together they take no more than 4000 bit/s.
 * The RFC's minimum of 300 s is for sessions that are planned days ahead; equipment of AES67 has seconds.
 *
 *     sap_timer_start();
 *     each:  sap_timer_heard() of others;  if (sap_timer_due()) send;  sap_timer_sent()
 *     a change:  sap_timer_changed()
 */
#ifndef UNISONO_SAPTIMER_H
#define UNISONO_SAPTIMER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "timebase.h"

/*
 * Announcements of others that are counted; more are not. So whoever forges them can hold the repetitions
 * back to each ten minutes or so, a change never.
 */
#define SAP_TIMER_ADS_MAX 255

/* One announcement of somebody. */
struct sap_timer_ad {
    struct in_addr origin;
    uint16_t hash;
    raw_ns heard;
};

/* Plain data, no allocation; the fields are the timer's own. */
struct sap_timer {
    raw_ns last;        /* when we announced, or should have */
    unsigned sent;      /* since the start or the change, as far as it matters */
    uint64_t random;    /* state of the generator */
    double dither;      /* of the interval that runs, -1/3 to 1/3 */
    size_t octets;      /* of our announcement, UDP payload */
    raw_ns next_forget; /* when to look for those that ended unheard */
    unsigned others;
    struct sap_timer_ad ads[SAP_TIMER_ADS_MAX];
};

/* The first announcement is due now. `seed`: differs from those of others, so that they do not speak as one.
 */
void sap_timer_start(struct sap_timer *timer, uint64_t seed, raw_ns now);

/* What is announced has changed, and has to be said at once. */
void sap_timer_changed(struct sap_timer *timer, raw_ns now);

/*
 * Somebody else's announcement, or its deletion, was heard. Those not heard for a quarter of an hour, three
 * times the RFC's minimum, are forgotten.
 */
void sap_timer_heard(struct sap_timer *timer, struct in_addr origin, uint16_t hash, bool deletion,
                     raw_ns now);

/* Whether to announce now. */
bool sap_timer_due(const struct sap_timer *timer, raw_ns now);

/* It was done, or could not be: with so many octets of UDP payload. */
void sap_timer_sent(struct sap_timer *timer, size_t octets, raw_ns now);

/* From one announcement to the next, once the first three are out, in the middle. */
int64_t sap_timer_interval_ns(const struct sap_timer *timer);

#endif
