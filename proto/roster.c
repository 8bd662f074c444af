// SPDX-License-Identifier: GPL-3.0-or-later
#include "roster.h"

#include <stdlib.h>
#include <string.h>

#include "printable.h"

#define NONE UINT32_MAX

struct roster {
    uint64_t seed;
    size_t room, count;
    uint64_t refused;
    uint32_t free;   /* first of the free places, linked by `next` */
    uint32_t *first; /* of each chain, by the hash of SSRC and address; as many as `room` */
    uint32_t *next;  /* of each place: in its chain, or among the free */
    bool *taken;
    struct roster_member *members;
};

/* splitmix64's finalizer, keyed */
static size_t chain_of(const struct roster *r, uint32_t ssrc, uint64_t source)
{
    uint64_t x = (source * 0x9e3779b97f4a7c15u + ssrc) ^ r->seed;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (size_t)(x ^ x >> 31) % r->room;
}

struct roster *roster_create(size_t room, uint64_t seed)
{
    struct roster *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->seed = seed;
    r->room = room;
    r->first = malloc(room * sizeof *r->first);
    r->next = malloc(room * sizeof *r->next);
    r->taken = calloc(room, sizeof *r->taken);
    r->members = calloc(room, sizeof *r->members);
    if (!r->first || !r->next || !r->taken || !r->members) {
        roster_destroy(r);
        return NULL;
    }
    for (size_t i = 0; i < room; i++) {
        r->first[i] = NONE;
        r->next[i] = i + 1 < room ? (uint32_t)i + 1 : NONE;
    }
    return r;
}

void roster_destroy(struct roster *r)
{
    if (!r)
        return;
    free(r->first);
    free(r->next);
    free(r->taken);
    free(r->members);
    free(r);
}

static uint32_t find(const struct roster *r, uint32_t ssrc, uint64_t source)
{
    uint32_t at = r->first[chain_of(r, ssrc, source)];

    while (at != NONE && (r->members[at].ssrc != ssrc || r->members[at].source != source))
        at = r->next[at];
    return at;
}

static uint32_t find_cname(const struct roster *r, const char *cname, uint64_t source)
{
    for (uint32_t i = 0; i < r->room; i++)
        if (r->taken[i] && r->members[i].source == source && strcmp(r->members[i].cname, cname) == 0)
            return i;
    return NONE;
}

static void link_in(struct roster *r, uint32_t at)
{
    uint32_t *first = &r->first[chain_of(r, r->members[at].ssrc, r->members[at].source)];

    r->next[at] = *first;
    *first = at;
}

static void link_out(struct roster *r, uint32_t at)
{
    uint32_t *link = &r->first[chain_of(r, r->members[at].ssrc, r->members[at].source)];

    while (*link != at)
        link = &r->next[*link];
    *link = r->next[at];
}

/* A free place, or NONE. */
static uint32_t take_place(struct roster *r)
{
    uint32_t at = r->free;

    if (r->count == r->room) {
        r->refused++;
        return NONE;
    }
    r->free = r->next[at];
    r->taken[at] = true;
    r->count++;
    r->members[at] = (struct roster_member){0};
    return at;
}

void roster_forget(struct roster *r, size_t place)
{
    uint32_t at = (uint32_t)place;

    if (!roster_at(r, place))
        return;
    link_out(r, at);
    r->taken[at] = false;
    r->next[at] = r->free;
    r->free = at;
    r->count--;
}

static void note_arrival(struct roster_member *m, raw_ns arrival)
{
    int64_t gap_ns = arrival.ns - m->newest.ns;

    if (m->reports == 1)
        m->gap_ns = gap_ns;
    else if (m->reports > 1)
        m->gap_ns += (gap_ns - m->gap_ns) / 8;
    m->newest = arrival;
    m->reports++;
}

static void note_words(struct roster_member *m, const struct rtcp_report *report)
{
    if (*report->name)
        printable_copy(m->name, sizeof m->name, report->name, strlen(report->name));
    if (*report->tool)
        printable_copy(m->tool, sizeof m->tool, report->tool, strlen(report->tool));
    m->sends |= report->has_sr || report->has_offer;
    if (report->has_block) {
        m->has_block = true;
        m->block = report->block;
    }
    if (report->has_clock) {
        m->has_clock = true;
        m->clock = report->clock;
    }
    if (report->has_offer) {
        m->has_offer = true;
        m->offer = report->offer;
    }
    if (report->has_telemetry) {
        m->has_telemetry = true;
        m->telemetry = report->telemetry;
        m->telemetry_at = m->newest;
    }
}

/* The place of a newcomer, by whom *event says; NONE: there is none. */
static uint32_t welcome(struct roster *r, const struct rtcp_report *report, uint64_t source, raw_ns arrival,
                        enum roster_event *event)
{
    char cname[ROSTER_CNAME_SIZE];
    struct roster_member *m;
    uint32_t at;

    printable_copy(cname, sizeof cname, report->cname, report->cname_len);
    at = find_cname(r, cname, source);
    *event = at == NONE ? ROSTER_JOINED : ROSTER_RETURNED;
    if (at != NONE)
        link_out(r, at);
    else
        at = take_place(r);
    if (at == NONE)
        return NONE;
    m = &r->members[at];
    if (*event == ROSTER_RETURNED)
        *m = (struct roster_member){.returns = m->returns + 1};
    m->ssrc = report->ssrc;
    m->source = source;
    m->joined = arrival;
    memcpy(m->cname, cname, sizeof m->cname);
    link_in(r, at);
    return at;
}

enum roster_event roster_hear(struct roster *r, const struct rtcp_report *report, uint64_t source,
                              raw_ns arrival, size_t *place)
{
    uint32_t at = find(r, report->ssrc, source);
    enum roster_event event = ROSTER_KNOWN;

    if (at == NONE && (report->bye || report->cname_len == 0))
        return ROSTER_IGNORED;
    if (at == NONE)
        at = welcome(r, report, source, arrival, &event);
    if (at == NONE)
        return ROSTER_IGNORED;
    *place = at;
    note_arrival(&r->members[at], arrival);
    note_words(&r->members[at], report);
    return report->bye ? ROSTER_LEFT : event;
}

const struct roster_member *roster_at(const struct roster *r, size_t place)
{
    return place < r->room && r->taken[place] ? &r->members[place] : NULL;
}

size_t roster_room(const struct roster *r)
{
    return r->room;
}

size_t roster_count(const struct roster *r)
{
    return r->count;
}

uint64_t roster_refused(const struct roster *r)
{
    return r->refused;
}

bool roster_silent(const struct roster_member *m, raw_ns now)
{
    int64_t gap_ns = m->gap_ns ? m->gap_ns : 5 * NS_PER_S;

    return now.ns - m->newest.ns > 3 * gap_ns + 2 * NS_PER_S;
}

const char *roster_host(const struct roster_member *m)
{
    const char *at = strrchr(m->cname, '@');

    return at && at[1] ? at + 1 : m->cname;
}

const char *roster_name(const struct roster_member *m)
{
    return *m->name ? m->name : roster_host(m);
}

void roster_device(const struct roster_member *m, char *device, size_t size)
{
    const char *at = strrchr(m->cname, '@');

    printable_copy(device, size, m->cname, at ? (size_t)(at - m->cname) : 0);
}
