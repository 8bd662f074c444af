// SPDX-License-Identifier: GPL-3.0-or-later
#include "audience.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/host/ear.h"
#include "proto/host/log.h"

#define NAMED_MAX 3 /* lines with a name, a second */

struct audience {
    struct ear *ear;
    struct roster *roster;
    uint32_t ssrc;
    size_t told;         /* receivers, as the log knows */
    bool saturated_told; /* that there are too many to be counted */
    bool collision_told;
    unsigned named;              /* lines in this second */
    size_t joined, left;         /* since the last report */
    size_t unnamed;              /* of these */
    uint8_t worst, worst_before; /* fraction lost: in this interval, in the one before */
    bool reported, reported_before;
    raw_ns interval_end; /* of the worst */
};

int audience_open(struct audience **audience, const struct audience_config *config, raw_ns now, char *err,
                  size_t err_size)
{
    struct audience *a = calloc(1, sizeof *a);
    struct ear_config ear = {.group = config->group,
                             .interface = config->interface,
                             .timer = {.ssrc = config->ssrc,
                                       .sends_sound = true,
                                       .session_bytes_per_s = config->session_bytes_per_s,
                                       .first_octets = RTCP_TIMER_OVERHEAD + 100,
                                       .seed = (uint64_t)now.ns * config->ssrc}};
    int error = -ENOMEM;

    *audience = NULL;
    if (a)
        a->roster = roster_create(RTCP_TIMER_SLOTS / 2, ear.timer.seed);
    if (!a || !a->roster) {
        snprintf(err, err_size, "RTCP is not heard: not enough memory");
        free(a);
        return error;
    }
    a->ssrc = config->ssrc;
    error = ear_open(&a->ear, &ear, now, err, err_size);
    if (error) {
        roster_destroy(a->roster);
        free(a);
        return error;
    }
    *audience = a;
    return 0;
}

void audience_close(struct audience *a)
{
    if (!a)
        return;
    ear_close(a->ear);
    roster_destroy(a->roster);
    free(a);
}

int audience_reopen(struct audience *a, char *err, size_t err_size)
{
    return a ? ear_reopen(a->ear, err, err_size) : 0;
}

void audience_reported(struct audience *a, const struct sockaddr_in *own, size_t octets, raw_ns now)
{
    if (!a)
        return;
    ear_ignore(a->ear, own);
    rtcp_timer_sent(ear_timer(a->ear), octets + RTCP_TIMER_OVERHEAD, now);
}

/* Ourselves and other senders are none. */
static size_t count_receivers(const struct audience *a)
{
    const struct rtcp_timer *timer = ear_timer(a->ear);

    return rtcp_timer_members(timer) - rtcp_timer_senders(timer);
}

const struct roster *audience_roster(const struct audience *a)
{
    return a ? a->roster : NULL;
}

/* What stands in the roster is what they said last. */
static void enrol(struct audience *a, const struct ear_word *word)
{
    size_t place;

    if (roster_hear(a->roster, word->report, word->source, word->arrival, &place) == ROSTER_LEFT)
        roster_forget(a->roster, place);
}

/* The timer has dropped them, too. */
static void forget_silent(struct audience *a, raw_ns now)
{
    int64_t limit_ns = 5 * rtcp_timer_interval_ns(ear_timer(a->ear));

    for (size_t i = 0; i < roster_room(a->roster); i++) {
        const struct roster_member *member = roster_at(a->roster, i);

        if (member && now.ns - member->newest.ns > limit_ns)
            roster_forget(a->roster, i);
    }
}

static void tell_coming(struct audience *a, const struct ear_word *word)
{
    bool joined = word->heard == RTCP_HEARD_JOINED;

    a->joined += joined;
    a->left += !joined;
    if (a->named < NAMED_MAX) {
        a->named++;
        log_info("receiver %s %s%s%s", word->report->cname_len ? word->report->cname : "without a name",
                 joined ? "joined" : "left", *word->report->name ? " as " : "", word->report->name);
    } else {
        a->unnamed++;
    }
}

static void take_word(void *context, const struct ear_word *word)
{
    struct audience *a = context;
    const struct rtcp_report *report = word->report;

    if (word->heard == RTCP_HEARD_OURSELVES && !a->collision_told) {
        log_warning(
            "somebody else on this group has our SSRC %08x: receivers may mix the two up; restart one",
            a->ssrc);
        a->collision_told = true;
    }
    if (report->has_sr || report->has_offer)
        return;
    enrol(a, word);
    if (word->heard == RTCP_HEARD_JOINED || word->heard == RTCP_HEARD_LEFT)
        tell_coming(a, word);
    if (word->heard != RTCP_HEARD_JOINED && word->heard != RTCP_HEARD_KNOWN)
        return;
    if (report->has_block && report->block.ssrc == a->ssrc) {
        a->reported = true;
        if (report->block.fraction_lost > a->worst)
            a->worst = report->block.fraction_lost;
    }
}

void audience_listen(struct audience *a, raw_ns now)
{
    if (!a)
        return;
    ear_listen(a->ear, take_word, a);
    /* Our turn is not taken: we report each second (send.h). But this drops those who fell silent. */
    rtcp_timer_run(ear_timer(a->ear), now);
    if (now.ns < a->interval_end.ns)
        return;
    /* In two intervals all have reported. */
    forget_silent(a, now);
    a->interval_end.ns = now.ns + rtcp_timer_interval_ns(ear_timer(a->ear));
    a->worst_before = a->worst;
    a->reported_before = a->reported;
    a->worst = 0;
    a->reported = false;
}

static void tell_count(struct audience *a)
{
    size_t receivers = count_receivers(a), expected = a->told + a->joined;
    size_t silent = expected > receivers + a->left ? expected - receivers - a->left : 0;
    bool saturated = rtcp_timer_saturated(ear_timer(a->ear));

    if (silent > 0)
        log_info("of the receivers %zu fell silent: %zu now", silent, receivers);
    else if (a->unnamed > 0)
        log_info("of %zu receivers that joined and %zu that left, %zu are not named here: %zu now", a->joined,
                 a->left, a->unnamed, receivers);
    if (saturated && !a->saturated_told)
        log_warning("there are more than %zu receivers: no more are counted", receivers);
    a->saturated_told = saturated;
    a->told = receivers;
    a->joined = a->left = a->unnamed = 0;
    a->named = 0;
}

size_t audience_count(const struct audience *a)
{
    return a ? count_receivers(a) : 0;
}

void audience_report(struct audience *a, struct stats *stats)
{
    struct ear_counters heard = {0};
    uint8_t worst = 0;
    bool known = false;

    if (a) {
        tell_count(a);
        ear_get_counters(a->ear, &heard);
        worst = a->worst > a->worst_before ? a->worst : a->worst_before;
        known = a->reported || a->reported_before;
    }
    stats_real(stats, "receivers", a ? (double)count_receivers(a) : NAN);
    stats_real(stats, "receiver_loss_worst_percent", known ? worst * 100.0 / 256 : NAN);
    stats_count(stats, "rtcp_heard", heard.compounds);
    stats_count(stats, "rtcp_malformed", heard.malformed);
}
