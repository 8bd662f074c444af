// SPDX-License-Identifier: GPL-3.0-or-later
#include "rtcptimer.h"

#include <assert.h>
#include <string.h>

/* RFC 3550 sections 6.2 and 6.3, appendix A.7 */
#define RTCP_FRACTION    0.05
#define SENDERS_FRACTION 0.25
#define COMPENSATION     (2.71828 - 1.5)  /* reconsideration makes intervals longer than they are drawn */
#define MINIMUM_NS       (5 * NS_PER_S)   /* for who may be gone */
#define FIRST_NS         (MINIMUM_NS / 2) /* before the first report: a thousand may be switched on at once */
#define SPEAK_NS         NS_PER_S /* then, as RFC 4585 section 3.5.3 has it with T_rr_interval of 1 s */
#define REDUCED_KBIT     360      /* a sender's minimum is so many kbit of the session, in seconds */
#define MEMBER_INTERVALS 5
#define SENDER_INTERVALS 2
#define BYE_AT_ONCE      50 /* members at most */
#define INTERVAL_MAX_NS  (24 * 3600 * NS_PER_S)
#define SLOTS_MAX        (1u << 20)
#define TICK_SHIFT       26 /* 67 ms: fine enough for intervals of seconds, and 9 years fit */
#define AVERAGE_WEIGHT   (1.0 / 16)

/* ---- chance ---------------------------------------------------------------------------------------- */

/* splitmix64 */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* 0 to 1, uniform */
static double draw(struct rtcp_timer *t)
{
    t->random += 0x9e3779b97f4a7c15u;
    return (double)(mix(t->random) >> 11) * 0x1p-53;
}

/* ---- members --------------------------------------------------------------------------------------- */

/* Never 0, even if something came while we were being set up. */
static uint32_t tick_at(const struct rtcp_timer *t, raw_ns now)
{
    if (now.ns < t->begun.ns)
        return 1;
    return (uint32_t)((now.ns - t->begun.ns) >> TICK_SHIFT) + 1;
}

/* Keyed, so that nobody can choose SSRCs that fall into one place. */
static size_t home_of(const struct rtcp_timer *t, uint32_t ssrc)
{
    return (size_t)mix(ssrc ^ t->config.seed) & (t->slots - 1);
}

/* Where it is, or the free slot where it would be: at most half are taken. */
static size_t slot_of(const struct rtcp_timer *t, uint32_t ssrc)
{
    size_t at = home_of(t, ssrc);

    while (t->table[at].heard && t->table[at].ssrc != ssrc)
        at = (at + 1) & (t->slots - 1);
    return at;
}

static bool touch(struct rtcp_timer *t, uint32_t ssrc, raw_ns now, bool *joined)
{
    struct rtcp_member *member = &t->table[slot_of(t, ssrc)];

    *joined = member->heard == 0;
    if (*joined && t->others == t->slots / 2)
        return false;
    t->others += *joined;
    *member = (struct rtcp_member){ssrc, tick_at(t, now)};
    return true;
}

/* Frees a slot, and moves up those behind that could no longer be found over the hole. */
static void remove_slot(struct rtcp_timer *t, size_t hole)
{
    size_t mask = t->slots - 1;

    for (size_t at = (hole + 1) & mask; t->table[at].heard; at = (at + 1) & mask) {
        size_t way = (at - home_of(t, t->table[at].ssrc)) & mask;

        if (way >= ((at - hole) & mask)) {
            t->table[hole] = t->table[at];
            hole = at;
        }
    }
    t->table[hole].heard = 0;
    t->others--;
}

static void remove_sender(struct rtcp_timer *t, unsigned index)
{
    t->senders[index] = t->senders[--t->sender_count];
}

/* ---- intervals ------------------------------------------------------------------------------------- */

size_t rtcp_timer_members(const struct rtcp_timer *t)
{
    return 1 + (t->phase == RTCP_TIMER_LEAVING ? t->byes : t->others);
}

size_t rtcp_timer_senders(const struct rtcp_timer *t)
{
    return t->phase == RTCP_TIMER_LEAVING ? 0 : t->sender_count + t->config.sends_sound;
}

/* Td of appendix A.7. */
static int64_t interval(const struct rtcp_timer *t, bool sends_sound, int64_t minimum_ns)
{
    double bandwidth = t->config.session_bytes_per_s * RTCP_FRACTION;
    size_t members = rtcp_timer_members(t), senders = rtcp_timer_senders(t), sharing = members;
    double td_ns;

    if ((double)senders <= (double)members * SENDERS_FRACTION) {
        bandwidth *= sends_sound ? SENDERS_FRACTION : 1 - SENDERS_FRACTION;
        sharing = sends_sound ? senders : members - senders;
    }
    if (bandwidth <= 0)
        return minimum_ns;
    td_ns = t->average_octets * (double)sharing / bandwidth * (double)NS_PER_S;
    if (td_ns > (double)INTERVAL_MAX_NS)
        return INTERVAL_MAX_NS;
    return td_ns > (double)minimum_ns ? (int64_t)td_ns : minimum_ns;
}

int64_t rtcp_timer_interval_ns(const struct rtcp_timer *t)
{
    return interval(t, false, MINIMUM_NS);
}

/* T: with chance, and as short as we may. */
static int64_t draw_interval(struct rtcp_timer *t)
{
    bool sends_sound = t->config.sends_sound && t->phase != RTCP_TIMER_LEAVING;
    int64_t minimum_ns = t->initial ? FIRST_NS : SPEAK_NS, reduced_ns;

    if (sends_sound && t->config.session_bytes_per_s > 0) {
        reduced_ns = REDUCED_KBIT * 1000 / 8 * NS_PER_S / t->config.session_bytes_per_s;
        reduced_ns /= t->initial ? 2 : 1;
        minimum_ns = reduced_ns < minimum_ns ? reduced_ns : minimum_ns;
    }
    return (int64_t)((double)interval(t, sends_sound, minimum_ns) * (draw(t) + 0.5) / COMPENSATION);
}

static void schedule(struct rtcp_timer *t, raw_ns now)
{
    t->last = now;
    t->next.ns = now.ns + draw_interval(t);
    t->pmembers = rtcp_timer_members(t);
}

/* Section 6.3.4: what is left, and what has passed, shrink with the members. */
static void reconsider_backwards(struct rtcp_timer *t, raw_ns now)
{
    int64_t members = (int64_t)rtcp_timer_members(t), before = (int64_t)t->pmembers;

    if (members >= before)
        return;
    if (t->next.ns > now.ns)
        t->next.ns = now.ns + (t->next.ns - now.ns) * members / before;
    t->last.ns = now.ns - (now.ns - t->last.ns) * members / before;
    t->pmembers = (size_t)members;
}

/* Section 6.3.5. Walks through the table not at each reconsideration, but in each interval, which is 0.41 Td
 * at least. */
static void drop_silent(struct rtcp_timer *t, raw_ns now)
{
    int64_t td_ns = rtcp_timer_interval_ns(t);
    int32_t silent_ticks = (int32_t)((MEMBER_INTERVALS * td_ns) >> TICK_SHIFT) + 1;
    uint32_t tick = tick_at(t, now);

    if (now.ns - t->looked.ns < td_ns / 4)
        return;
    t->looked = now;
    for (size_t at = 0; at < t->slots && t->others > 0;)
        /* signed: what was heard may be newer than `now` */
        if (t->table[at].heard && (int32_t)(tick - t->table[at].heard) > silent_ticks)
            remove_slot(t, at); /* which may bring another here */
        else
            at++;
    for (unsigned i = t->sender_count; i-- > 0;)
        if (now.ns - t->senders[i].newest.ns > SENDER_INTERVALS * td_ns)
            remove_sender(t, i);
    reconsider_backwards(t, now);
}

/* ---- what happens ---------------------------------------------------------------------------------- */

void rtcp_timer_init(struct rtcp_timer *t, const struct rtcp_timer_config *config, struct rtcp_member *table,
                     size_t slots, raw_ns now)
{
    assert(slots >= 2 && slots <= SLOTS_MAX && (slots & (slots - 1)) == 0);
    memset(table, 0, slots * sizeof *table);
    *t = (struct rtcp_timer){
        .config = *config,
        .phase = config->session_bytes_per_s ? RTCP_TIMER_REPORTING : RTCP_TIMER_LISTENING,
        .table = table,
        .slots = slots,
        .average_octets = config->first_octets,
        .initial = true,
        .begun = now,
        .looked = now,
        .random = config->seed,
    };
    schedule(t, now);
}

void rtcp_timer_bandwidth(struct rtcp_timer *t, uint32_t session_bytes_per_s, raw_ns now)
{
    if (session_bytes_per_s == 0)
        return;
    t->config.session_bytes_per_s = session_bytes_per_s;
    if (t->phase == RTCP_TIMER_LISTENING) {
        t->phase = RTCP_TIMER_REPORTING;
        schedule(t, now);
    }
}

static void average(struct rtcp_timer *t, size_t octets)
{
    t->average_octets += AVERAGE_WEIGHT * ((double)octets - t->average_octets);
}

static enum rtcp_heard part_from(struct rtcp_timer *t, uint32_t ssrc, raw_ns now)
{
    size_t at = slot_of(t, ssrc);

    if (t->table[at].heard == 0)
        return RTCP_HEARD_STRANGER;
    remove_slot(t, at);
    for (unsigned i = t->sender_count; i-- > 0;)
        if (t->senders[i].ssrc == ssrc)
            remove_sender(t, i);
    reconsider_backwards(t, now);
    return RTCP_HEARD_LEFT;
}

enum rtcp_heard rtcp_timer_heard(struct rtcp_timer *t, uint32_t ssrc, size_t octets, bool bye, raw_ns now)
{
    bool joined;

    if (ssrc == t->config.ssrc)
        return RTCP_HEARD_OURSELVES;
    if (t->phase == RTCP_TIMER_LEFT)
        return RTCP_HEARD_STRANGER;
    if (t->phase == RTCP_TIMER_LEAVING) { /* section 6.3.7: only BYEs count now, whosever they are */
        t->byes += bye;
        if (bye)
            average(t, octets);
        return RTCP_HEARD_STRANGER;
    }
    average(t, octets);
    if (bye)
        return part_from(t, ssrc, now);
    if (!touch(t, ssrc, now, &joined))
        return RTCP_HEARD_STRANGER;
    return joined ? RTCP_HEARD_JOINED : RTCP_HEARD_KNOWN;
}

void rtcp_timer_sending(struct rtcp_timer *t, uint32_t ssrc, raw_ns now)
{
    bool joined;
    unsigned i = 0;

    if (ssrc == t->config.ssrc || t->phase == RTCP_TIMER_LEAVING || t->phase == RTCP_TIMER_LEFT ||
        !touch(t, ssrc, now, &joined))
        return;
    while (i < t->sender_count && t->senders[i].ssrc != ssrc)
        i++;
    if (i == RTCP_TIMER_SENDERS)
        return;
    t->senders[i].ssrc = ssrc;
    t->senders[i].newest = now;
    if (i == t->sender_count)
        t->sender_count++;
}

void rtcp_timer_rename(struct rtcp_timer *t, uint32_t ssrc, raw_ns now)
{
    t->config.ssrc = ssrc;
    t->initial = true;
    t->spoken = false;
    schedule(t, now);
}

enum rtcp_timer_turn rtcp_timer_run(struct rtcp_timer *t, raw_ns now)
{
    if (t->phase == RTCP_TIMER_LEFT || now.ns < t->next.ns)
        return RTCP_TIMER_WAIT;
    if (t->phase == RTCP_TIMER_LEAVING && t->at_once)
        return RTCP_TIMER_BYE;
    if (t->phase != RTCP_TIMER_LEAVING)
        drop_silent(t, now);
    if (t->phase == RTCP_TIMER_LISTENING) {
        schedule(t, now);
        return RTCP_TIMER_WAIT;
    }
    t->next.ns = t->last.ns + draw_interval(t);
    t->pmembers = rtcp_timer_members(t);
    if (t->next.ns > now.ns)
        return RTCP_TIMER_WAIT;
    return t->phase == RTCP_TIMER_LEAVING ? RTCP_TIMER_BYE : RTCP_TIMER_REPORT;
}

void rtcp_timer_sent(struct rtcp_timer *t, size_t octets, raw_ns now)
{
    if (t->phase == RTCP_TIMER_LEAVING)
        t->phase = RTCP_TIMER_LEFT;
    if (t->phase != RTCP_TIMER_REPORTING)
        return;
    if (octets > 0) {
        average(t, octets);
        t->spoken = true;
    }
    t->initial = false;
    schedule(t, now);
}

void rtcp_timer_leave(struct rtcp_timer *t, size_t octets, raw_ns now)
{
    if (t->phase == RTCP_TIMER_LEAVING || t->phase == RTCP_TIMER_LEFT)
        return;
    t->at_once = rtcp_timer_members(t) <= BYE_AT_ONCE;
    t->phase = t->spoken ? RTCP_TIMER_LEAVING : RTCP_TIMER_LEFT;
    t->byes = 0;
    t->average_octets = (double)octets;
    t->initial = true;
    schedule(t, now);
    if (t->at_once)
        t->next = now;
}

raw_ns rtcp_timer_deadline(const struct rtcp_timer *t)
{
    return t->phase == RTCP_TIMER_LEFT ? (raw_ns){INT64_MAX} : t->next;
}

bool rtcp_timer_saturated(const struct rtcp_timer *t)
{
    return t->others == t->slots / 2;
}

bool rtcp_timer_has_spoken(const struct rtcp_timer *t)
{
    return t->spoken;
}
