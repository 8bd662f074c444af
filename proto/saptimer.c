// SPDX-License-Identifier: GPL-3.0-or-later
#include "saptimer.h"

#include <string.h>

#define LIMIT_BITS_PER_S 4000
#define INTERVAL_MIN_NS  (5 * NS_PER_S)
#define FORGET_NS        (900 * NS_PER_S)
#define FORGET_EVERY_NS  (60 * NS_PER_S)
#define BURST            3

/* Behind each of the first ones. */
static const int64_t burst_ns[BURST - 1] = {NS_PER_S, 2 * NS_PER_S};

/* splitmix64, -1/3 to 1/3 */
static double draw(struct sap_timer *t)
{
    uint64_t x = t->random += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    return ((double)(x >> 11) * 0x1p-53 * 2 - 1) / 3;
}

void sap_timer_start(struct sap_timer *t, uint64_t seed, raw_ns now)
{
    memset(t, 0, sizeof *t);
    t->random = seed;
    t->last = now;
    t->next_forget.ns = now.ns + FORGET_EVERY_NS;
}

void sap_timer_changed(struct sap_timer *t, raw_ns now)
{
    t->last = now;
    t->sent = 0;
}

static void forget_silent(struct sap_timer *t, raw_ns now)
{
    for (unsigned i = t->others; i-- > 0;)
        if (now.ns - t->ads[i].heard.ns > FORGET_NS)
            t->ads[i] = t->ads[--t->others];
    t->next_forget.ns = now.ns + FORGET_EVERY_NS;
}

void sap_timer_heard(struct sap_timer *t, struct in_addr origin, uint16_t hash, bool deletion, raw_ns now)
{
    unsigned at = 0;

    if (now.ns >= t->next_forget.ns)
        forget_silent(t, now);
    while (at < t->others && (t->ads[at].origin.s_addr != origin.s_addr || t->ads[at].hash != hash))
        at++;
    if (deletion && at < t->others)
        t->ads[at] = t->ads[--t->others];
    if (deletion || at == SAP_TIMER_ADS_MAX)
        return;
    t->others += at == t->others;
    t->ads[at] = (struct sap_timer_ad){origin, hash, now};
}

int64_t sap_timer_interval_ns(const struct sap_timer *t)
{
    int64_t bits = 8 * (int64_t)t->octets * (1 + (int64_t)t->others);
    int64_t interval_ns = bits * (NS_PER_S / LIMIT_BITS_PER_S);

    return interval_ns > INTERVAL_MIN_NS ? interval_ns : INTERVAL_MIN_NS;
}

/* Reckoned anew at each question, so that an interval that runs follows what was heard meanwhile. */
bool sap_timer_due(const struct sap_timer *t, raw_ns now)
{
    int64_t wait_ns = 0;

    if (t->sent >= BURST)
        wait_ns = (int64_t)((double)sap_timer_interval_ns(t) * (1 + t->dither));
    else if (t->sent > 0)
        wait_ns = burst_ns[t->sent - 1];
    return now.ns - t->last.ns >= wait_ns;
}

void sap_timer_sent(struct sap_timer *t, size_t octets, raw_ns now)
{
    t->last = now;
    t->sent += t->sent < BURST;
    t->octets = octets;
    t->dither = draw(t);
}
