// SPDX-License-Identifier: GPL-3.0-or-later
#include "members.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ptp.h"

#define TRAVEL_NS   (100 * NS_PER_US)
#define SENDER_SSRC UINT32_C(0x5eed0000)
enum { SENDER_OCTETS = 120 };

static raw_ns raw_at(int64_t t)
{
    return (raw_ns){SIM_RAW0 + t};
}

static void fly(struct members *m, const struct rtcp_report *report, int64_t now)
{
    struct members_flight *f;

    if (m->flying == MEMBERS_FLIGHTS) {
        m->overflows++;
        return;
    }
    f = &m->flights[(m->first + m->flying++) % MEMBERS_FLIGHTS];
    f->at = now + TRAVEL_NS;
    f->ssrc = report->ssrc;
    f->length = rtcp_build(f->bytes, report);
    f->octets = f->length + RTCP_TIMER_OVERHEAD;
    if (m->flying == 1)
        loop_move(m->loop, &m->air, f->at);
}

static int64_t deliver(void *self, int64_t now)
{
    struct members *m = self;

    while (m->flying && m->flights[m->first].at <= now) {
        const struct members_flight *f = &m->flights[m->first];
        struct rtcp_report heard;

        m->broken += rtcp_parse(f->bytes, f->length, &heard) != 0;
        for (unsigned i = 0; i < m->count; i++) {
            struct member *member = &m->member[i];

            if (member->gone || member->ssrc == f->ssrc || now < member->timer.begun.ns - SIM_RAW0)
                continue;
            rtcp_timer_heard(&member->timer, heard.ssrc, f->octets, heard.bye, raw_at(now));
            loop_move(m->loop, &member->node, rtcp_timer_deadline(&member->timer).ns - SIM_RAW0);
        }
        m->first = (m->first + 1) % MEMBERS_FLIGHTS;
        m->flying--;
    }
    return m->flying ? m->flights[m->first].at : LOOP_NEVER;
}

static void count_octets(struct members *m, size_t octets, int64_t now)
{
    if (now / NS_PER_S != m->second) {
        m->second = now / NS_PER_S;
        m->second_octets = 0;
    }
    m->second_octets += octets;
    if (now >= m->settled_from)
        m->octets += octets;
    m->reports++;
    if (m->second_octets > m->peak_octets)
        m->peak_octets = m->second_octets;
}

static size_t speak(struct member *member, bool bye, int64_t now)
{
    struct rtcp_report report = {.ssrc = member->ssrc,
                                 .has_block = !bye,
                                 .has_clock = !bye,
                                 .has_telemetry = !bye,
                                 .telemetry = {.channels = 2},
                                 .bye = bye};
    uint8_t bytes[RTCP_COMPOUND_MAX];
    size_t octets;

    report.cname_len =
        (uint8_t)snprintf(report.cname, sizeof report.cname, "unisono@stage-%08x", member->ssrc);
    report.block.ssrc = SENDER_SSRC;
    octets = rtcp_build(bytes, &report) + RTCP_TIMER_OVERHEAD;
    count_octets(member->all, octets, now);
    fly(member->all, &report, now);
    return octets;
}

static int64_t run_member(void *self, int64_t now)
{
    struct member *member = self;
    enum rtcp_timer_turn turn;
    int64_t next;

    rtcp_timer_sending(&member->timer, SENDER_SSRC, raw_at(now));
    turn = rtcp_timer_run(&member->timer, raw_at(now));
    if (turn != RTCP_TIMER_WAIT)
        rtcp_timer_sent(&member->timer, speak(member, turn == RTCP_TIMER_BYE, now), raw_at(now));
    if (rtcp_timer_deadline(&member->timer).ns == INT64_MAX) {
        member->gone = true;
        return LOOP_NEVER;
    }
    next = rtcp_timer_deadline(&member->timer).ns - SIM_RAW0;
    return next > now ? next : now + 1;
}

static int64_t run_sender(void *self, int64_t now)
{
    struct members *m = self;
    struct rtcp_report report = {.ssrc = SENDER_SSRC, .has_sr = true};

    report.cname_len = (uint8_t)snprintf(report.cname, sizeof report.cname, "unisono@stage-sender");
    fly(m, &report, now);
    return now + NS_PER_S;
}

static int add_member(struct members *m, unsigned i, struct chance *chance)
{
    struct member *member = &m->member[i];
    struct rtcp_timer_config config = {
        .session_bytes_per_s = m->session_bytes_per_s,
        .first_octets = SENDER_OCTETS,
        .seed = chance_bits(chance),
    };
    int64_t joins = (int64_t)(1e9 * chance_uniform(chance));

    member->all = m;
    member->ssrc = config.ssrc = (uint32_t)chance_bits(chance);
    member->table = calloc(MEMBERS_SLOTS, sizeof *member->table);
    if (!member->table)
        return -ENOMEM;
    rtcp_timer_init(&member->timer, &config, member->table, MEMBERS_SLOTS, raw_at(joins));
    member->node = (struct loop_node){member, run_member, joins + 1, 0, 0};
    return loop_add(m->loop, &member->node);
}

int members_init(struct members *m, unsigned count, uint32_t session_bytes_per_s, struct loop *loop,
                 uint64_t seed)
{
    struct chance chance = chance_of(seed, "members", 0);
    int error = 0;

    *m = (struct members){.session_bytes_per_s = session_bytes_per_s, .loop = loop};
    if (!count)
        return 0;
    m->member = calloc(count, sizeof *m->member);
    m->flights = calloc(MEMBERS_FLIGHTS, sizeof *m->flights);
    if (!m->member || !m->flights)
        return -ENOMEM;
    m->air = (struct loop_node){m, deliver, LOOP_NEVER, 0, 0};
    m->sender = (struct loop_node){m, run_sender, NS_PER_S / 2, 0, 0};
    error = loop_add(loop, &m->air);
    if (!error)
        error = loop_add(loop, &m->sender);
    for (; m->count < count && !error; m->count++)
        error = add_member(m, m->count, &chance);
    m->here = m->count;
    return error;
}

void members_free(struct members *m)
{
    for (unsigned i = 0; i < m->count; i++)
        free(m->member[i].table);
    free(m->member);
    free(m->flights);
}

void members_leave(struct members *m, unsigned count, int64_t now)
{
    for (unsigned i = 0; i < m->count && count; i++) {
        struct member *member = &m->member[i];

        if (member->gone || member->timer.phase == RTCP_TIMER_LEAVING)
            continue;
        rtcp_timer_leave(&member->timer, SENDER_OCTETS, raw_at(now));
        loop_move(m->loop, &member->node, rtcp_timer_deadline(&member->timer).ns - SIM_RAW0);
        m->here--;
        count--;
    }
}

double members_miscount(const struct members *m)
{
    double truth = (double)m->here + 1, worst = 0; /* and the sender */

    for (unsigned i = 0; i < m->count; i++) {
        const struct member *member = &m->member[i];

        if (!member->gone && member->timer.phase == RTCP_TIMER_REPORTING)
            worst = fmax(worst, fabs((double)rtcp_timer_members(&member->timer) - truth) / truth);
    }
    return worst;
}
