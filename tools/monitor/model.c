// SPDX-License-Identifier: GPL-3.0-or-later
#include "model.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"
#include "session.h"

#define MISSED_NS   (3600 * NS_PER_S) /* so long a receiver that fell silent is missed, */
#define STRANGER_NS (60 * NS_PER_S)   /* one that hardly spoke, or all when the table is full */

#define ACQUAINTED 3 /* reports that make a member one to be missed */

/* Somebody who must be there. */
struct expected {
    char name[VIEW_NAME_SIZE];
    bool there;
    struct alarm alarm;
};

/* One alarm that sounds; texts belong to the view. */
struct sounding {
    const struct alarm *alarm;
    enum view_alarm_kind kind;
    const char *stream, *receiver;
};

struct model {
    struct model_config config;
    struct clock_map map;
    struct view_clock clock;
    bool began;
    raw_ns start, ticked;
    struct session sessions[VIEW_STREAMS_MAX];
    struct roster *roster;
    struct member *members;          /* by place in the roster */
    struct view_receiver *receivers; /* as shown: session by session */
    uint32_t *places;                /* likewise, of the members */
    float *room;
    struct sounding *soundings;
    uint32_t *order;
    struct expected expected[MODEL_EXPECT_MAX];
    size_t expected_count;
    uint64_t compounds, malformed, streams_refused;
    struct view_stream streams[VIEW_STREAMS_MAX]; /* by place, before they are put in order */
    struct member_context contexts[VIEW_STREAMS_MAX];
    struct view view;
};

/* ---- life ------------------------------------------------------------------------------------------ */

static void take_expected(struct model *m, const char *names)
{
    while (*names && m->expected_count < MODEL_EXPECT_MAX) {
        struct expected *e = &m->expected[m->expected_count];
        size_t len = 0;

        while (names[len] && names[len] != ',')
            len++;
        if (len > 0 && len < sizeof e->name) {
            memcpy(e->name, names, len);
            m->expected_count++;
        }
        names += len + (names[len] == ',');
    }
}

struct model *model_create(const struct model_config *config)
{
    struct model *m = calloc(1, sizeof *m);
    size_t members = config->members;
    size_t alarms = (members + VIEW_STREAMS_MAX) * VIEW_ALARM_KINDS + MODEL_EXPECT_MAX;

    if (!m)
        return NULL;
    m->config = *config;
    m->clock = figure_no_clock();
    m->roster = roster_create(members, config->seed);
    m->members = calloc(members, sizeof *m->members);
    m->receivers = calloc(members, sizeof *m->receivers);
    m->places = calloc(members, sizeof *m->places);
    m->room = calloc(members, sizeof *m->room);
    m->soundings = calloc(alarms, sizeof *m->soundings);
    m->order = calloc(alarms, sizeof *m->order);
    if (!m->roster || !m->members || !m->receivers || !m->places || !m->room || !m->soundings || !m->order) {
        model_destroy(m);
        return NULL;
    }
    if (config->expect)
        take_expected(m, config->expect);
    m->config.expect = NULL;
    return m;
}

void model_destroy(struct model *m)
{
    if (!m)
        return;
    roster_destroy(m->roster);
    free(m->members);
    free(m->receivers);
    free(m->places);
    free(m->room);
    free(m->soundings);
    free(m->order);
    free(m);
}

/* ---- events ---------------------------------------------------------------------------------------- */

static void note_start(struct model *m, raw_ns now)
{
    if (m->began)
        return;
    m->began = true;
    m->start = m->ticked = now;
}

/* The place of a group, or -ENOENT; *room: of a free place, or -ENOSPC. */
static int find_group(const struct model *m, const struct sockaddr_in *group, int *room)
{
    *room = -ENOSPC;
    for (int i = VIEW_STREAMS_MAX - 1; i >= 0; i--) {
        const struct sockaddr_in *at = &m->sessions[i].group;

        if (!m->sessions[i].used)
            *room = i;
        else if (at->sin_addr.s_addr == group->sin_addr.s_addr && at->sin_port == group->sin_port)
            return i;
    }
    return -ENOENT;
}

int model_watch(struct model *m, const struct sockaddr_in *group, bool kept, raw_ns now)
{
    int room, place = find_group(m, group, &room);

    note_start(m, now);
    if (place >= 0)
        return place;
    if (room >= 0)
        session_begin(&m->sessions[room], group, kept, m->config.witness && !m->config.recorded, now);
    return room;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_name(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b))
        a++, b++;
    return lower(*a) == lower(*b);
}

void model_announced(struct model *m, const struct directory *directory, const char *name, bool known_only,
                     raw_ns now)
{
    m->streams_refused = 0;
    for (size_t i = 0; i < directory->count; i++) {
        const struct directory_entry *e = &directory->entries[i];
        const struct sockaddr_in *group = &e->stream.leg[0].group;
        int room, place;
        bool called;

        if (!e->playable || ntohs(group->sin_port) == UINT16_MAX)
            continue;
        place = find_group(m, group, &room);
        called = !*name || same_name(name, e->stream.name);
        if (place < 0 ? known_only || !called : !called && !m->sessions[place].kept)
            continue;
        place = model_watch(m, group, false, now);
        if (place < 0)
            m->streams_refused++;
        else
            session_describe(&m->sessions[place], &e->stream, now);
    }
}

static struct session *session_at(struct model *m, size_t place)
{
    return place < VIEW_STREAMS_MAX && m->sessions[place].used ? &m->sessions[place] : NULL;
}

const struct sockaddr_in *model_group(const struct model *m, size_t place)
{
    return place < VIEW_STREAMS_MAX && m->sessions[place].used ? &m->sessions[place].group : NULL;
}

static void forget_member(struct model *m, size_t place)
{
    roster_forget(m->roster, place);
    m->members[place].used = false;
}

static void hear_member(struct model *m, struct session *s, size_t place, enum roster_event event,
                        const struct rtcp_report *report)
{
    struct member *member = &m->members[place];

    if (event == ROSTER_LEFT) {
        forget_member(m, place);
        return;
    }
    if (event == ROSTER_JOINED || !member->used)
        member_begin(member, (unsigned)(s - m->sessions));
    if (event == ROSTER_RETURNED)
        member_return(member);
    member_hear(member, report);
}

void model_rtcp(struct model *m, size_t at, const uint8_t *bytes, size_t len, uint32_t source, raw_ns arrival)
{
    struct session *s = session_at(m, at);
    const struct roster_member *present;
    struct rtcp_report report;
    enum roster_event event;
    size_t place;

    if (!s)
        return;
    if (rtcp_parse(bytes, len, &report)) {
        m->malformed++;
        return;
    }
    s->heard = arrival;
    if (m->config.recorded && source == 0 && testimony_is(&report)) {
        s->recorded = true;
        testimony_take(&s->testimony, &report, arrival);
        return;
    }
    m->compounds++;
    present = s->sender == SESSION_NOBODY ? NULL : roster_at(m->roster, s->sender);
    /* the same SSRC, address and name on another group is another member */
    event = roster_hear(m->roster, &report, (uint64_t)at << 32 | source, arrival, &place);
    if (event == ROSTER_IGNORED)
        return;
    if (roster_at(m->roster, place)->sends) {
        session_sender_says(s, place, &report, source, present, arrival);
        m->members[place].used = false;
        return;
    }
    hear_member(m, s, place, event, &report);
}

void model_rtp(struct model *m, size_t place, const uint8_t *bytes, size_t len, uint32_t source,
               raw_ns arrival)
{
    struct witness_datagram datagram = {.bytes = bytes, .len = len, .source = source, .arrival = arrival};
    struct session *s = session_at(m, place);

    if (s && s->witnessed)
        witness_take(&s->witness, &datagram, &m->map);
}

void model_clock(struct model *m, const struct clock_map *map, double offset_us)
{
    struct rtcp_clock said = rtcp_clock_of_map(map);

    m->map = *map;
    figure_clock(&m->clock, &said);
    figure_clock_state(&m->clock, map->state);
    m->clock.offset_us = offset_us;
    m->clock.uncertainty_us = map->state == MEDIA_CLOCK_NO_PTP ? NAN : map->uncertainty_ns / 1e3;
}

/* ---- each second ----------------------------------------------------------------------------------- */

/* What is over: groups that nobody uses any more, members long gone. */
static void forget(struct model *m, raw_ns now)
{
    bool full = roster_count(m->roster) == m->config.members;

    for (size_t i = 0; i < VIEW_STREAMS_MAX; i++)
        if (m->sessions[i].used && session_is_over(&m->sessions[i], now))
            m->sessions[i].used = false;
    for (size_t i = 0; i < m->config.members; i++) {
        const struct roster_member *said = roster_at(m->roster, i);
        const struct session *s;
        int64_t patience_ns;

        if (!said)
            continue;
        s = &m->sessions[said->source >> 32];
        patience_ns = full || said->sends || said->reports < ACQUAINTED ? STRANGER_NS : MISSED_NS;
        if (!s->used || now.ns - said->newest.ns > patience_ns)
            forget_member(m, i);
    }
    for (size_t i = 0; i < VIEW_STREAMS_MAX; i++)
        if (m->sessions[i].used && m->sessions[i].sender != SESSION_NOBODY &&
            !roster_at(m->roster, m->sessions[i].sender))
            m->sessions[i].sender = SESSION_NOBODY;
}

static int compare_members(const void *context, uint32_t a, uint32_t b)
{
    const struct member *x = &((const struct member *)context)[a], *y = &((const struct member *)context)[b];
    int by_name;

    if (x->view.level != y->view.level)
        return x->view.level > y->view.level ? -1 : 1;
    by_name = strcmp(x->view.name, y->view.name);
    return by_name ? by_name : (a > b) - (a < b);
}

static int compare_names(const void *context, uint32_t a, uint32_t b)
{
    const struct member *members = context;

    return strcmp(members[a].view.name, members[b].view.name);
}

/* Of those with the same name each gets its card behind it: several receivers of one host. */
static void tell_apart(struct model *m, uint32_t *places, size_t count)
{
    size_t end;

    figure_sort(places, count, compare_names, m->members);
    for (size_t i = 0; i < count; i = end) {
        for (end = i + 1; end < count && compare_names(m->members, places[i], places[end]) == 0; end++)
            ;
        for (size_t k = i; k < end && end > i + 1; k++)
            member_add_device(&m->members[places[k]]);
    }
}

/* One session, from its receivers' places to what is shown of them, at `first`. How many there are. */
static size_t show_session(struct model *m, size_t i, struct session_second *at, size_t first)
{
    struct view_stream *v = &m->streams[i];
    uint32_t *places = m->places + first;

    at->places = places;
    at->count = 0;
    for (size_t p = 0; p < m->config.members; p++)
        if (m->members[p].used && m->members[p].session == i)
            places[at->count++] = (uint32_t)p;
    session_show(&m->sessions[i], at, v, &m->contexts[i]);
    for (size_t k = 0; k < at->count; k++)
        member_show(&m->members[places[k]], roster_at(m->roster, places[k]), &m->contexts[i]);
    tell_apart(m, places, at->count);
    session_compare(&m->sessions[i], at, v);
    for (size_t k = 0; k < at->count; k++)
        member_judge(&m->members[places[k]], roster_at(m->roster, places[k]), &m->contexts[i]);
    session_judge(&m->sessions[i], at, v);
    figure_sort(places, at->count, compare_members, m->members);
    for (size_t k = 0; k < at->count; k++)
        m->receivers[first + k] = m->members[places[k]].view;
    v->receiver = m->receivers + first;
    return at->count;
}

static int compare_streams(const void *context, uint32_t a, uint32_t b)
{
    const struct view_stream *x = &((const struct view_stream *)context)[a],
                             *y = &((const struct view_stream *)context)[b];
    int by_name;

    if (x->level != y->level)
        return x->level > y->level ? -1 : 1;
    by_name = strcmp(x->name, y->name);
    return by_name ? by_name : (a > b) - (a < b);
}

static void order_streams(struct model *m)
{
    size_t count = 0;

    for (uint32_t i = 0; i < VIEW_STREAMS_MAX; i++)
        if (m->sessions[i].used)
            m->order[count++] = i;
    figure_sort(m->order, count, compare_streams, m->streams);
    m->view.streams = count;
    for (size_t i = 0; i < count; i++)
        m->view.stream[i] = m->streams[m->order[i]];
}

static void judge_expected(struct model *m, raw_ns now, double time_s)
{
    for (size_t i = 0; i < m->expected_count; i++)
        m->expected[i].there = false;
    for (size_t p = 0; p < m->config.members; p++)
        for (size_t i = 0; m->members[p].used && i < m->expected_count; i++)
            if (member_is_called(roster_at(m->roster, p), m->expected[i].name))
                m->expected[i].there = true;
    for (size_t i = 0; i < m->expected_count; i++) {
        struct expected *e = &m->expected[i];

        if (!e->there && (double)(now.ns - m->start.ns) / 1e9 >= m->config.grace_s)
            alarm_raise(&e->alarm, VIEW_ALARM, now, "it is expected, and not there");
        alarm_settle(&e->alarm, VIEW_ALARM_MISSING, now, time_s);
    }
}

/* ---- the list of alarms ---------------------------------------------------------------------------- */

static size_t collect(struct model *m, size_t count, const struct alarm alarms[VIEW_ALARM_KINDS],
                      const char *stream, const char *receiver)
{
    for (unsigned kind = 0; kind < VIEW_ALARM_KINDS; kind++)
        if (alarms[kind].sounding)
            m->soundings[count++] = (struct sounding){&alarms[kind], kind, stream, receiver};
    return count;
}

static int compare_soundings(const void *context, uint32_t a, uint32_t b)
{
    const struct sounding *x = &((const struct sounding *)context)[a],
                          *y = &((const struct sounding *)context)[b];

    if (x->alarm->level != y->alarm->level)
        return x->alarm->level > y->alarm->level ? -1 : 1;
    if (x->alarm->since_s != y->alarm->since_s)
        return x->alarm->since_s < y->alarm->since_s ? -1 : 1;
    return (a > b) - (a < b);
}

static void list_alarms(struct model *m)
{
    const char *only = m->view.streams == 1 ? m->view.stream[0].name : "";
    size_t count = 0;

    for (size_t i = 0; i < VIEW_STREAMS_MAX; i++)
        if (m->sessions[i].used)
            count = collect(m, count, m->sessions[i].alarms, m->streams[i].name, "");
    for (size_t p = 0; p < m->config.members; p++)
        if (m->members[p].used)
            count = collect(m, count, m->members[p].alarms, m->streams[m->members[p].session].name,
                            m->members[p].view.name);
    for (size_t i = 0; i < m->expected_count; i++)
        if (m->expected[i].alarm.sounding)
            m->soundings[count++] =
                (struct sounding){&m->expected[i].alarm, VIEW_ALARM_MISSING, only, m->expected[i].name};
    for (uint32_t i = 0; i < count; i++)
        m->order[i] = i;
    figure_sort(m->order, count, compare_soundings, m->soundings);
    m->view.alarms_all = count;
    m->view.alarms = count < VIEW_ALARMS_MAX ? count : VIEW_ALARMS_MAX;
    m->view.level = VIEW_WELL;
    for (size_t i = 0; i < m->view.alarms; i++) {
        const struct sounding *from = &m->soundings[m->order[i]];
        struct view_alarm *to = &m->view.alarm[i];

        *to = (struct view_alarm){
            .kind = from->kind, .level = from->alarm->level, .since_s = from->alarm->since_s};
        figure_text(to->stream, sizeof to->stream, from->stream);
        figure_text(to->receiver, sizeof to->receiver, from->receiver);
        figure_text(to->why, sizeof to->why, from->alarm->why);
        if (to->level > m->view.level)
            m->view.level = to->level;
    }
}

/* In a recording, the clock is that of the monitor which made it. */
static void show_recorded_clock(struct model *m)
{
    for (size_t i = 0; i < VIEW_STREAMS_MAX; i++) {
        const struct session *s = &m->sessions[i];
        const struct telemetry *t = &s->testimony.report.telemetry;

        if (!s->used || !s->recorded)
            continue;
        figure_clock(&m->clock, &s->testimony.report.clock);
        figure_clock_state(&m->clock, t->clock_state);
        m->clock.offset_us = figure_us_of_ns(t->ptp_offset_ns);
        m->clock.uncertainty_us = t->uncertainty_ns / 1e3;
        return;
    }
}

const struct view *model_tick(struct model *m, raw_ns now, double time_s)
{
    struct session_second at = {.now = now,
                                .time_s = time_s,
                                .map = &m->map,
                                .limits = &m->config.limits,
                                .roster = m->roster,
                                .members = m->members,
                                .room = m->room};
    size_t shown = 0;

    note_start(m, now);
    at.seconds = fmax(0.001, (double)(now.ns - m->ticked.ns) / 1e9);
    m->ticked = now;
    forget(m, now);
    for (size_t i = 0; i < VIEW_STREAMS_MAX; i++)
        if (m->sessions[i].used)
            shown += show_session(m, i, &at, shown);
    judge_expected(m, now, time_s);
    order_streams(m);
    list_alarms(m);
    if (m->config.recorded)
        show_recorded_clock(m);
    m->view.time_s = time_s;
    m->view.recorded = m->config.recorded;
    m->view.clock = m->clock;
    m->view.heard_rtcp = (double)m->compounds;
    m->view.malformed = (double)m->malformed;
    m->view.refused = (double)(m->streams_refused + roster_refused(m->roster));
    return &m->view;
}

bool model_testimony(const struct model *m, size_t place, struct rtcp_report *report)
{
    if (!model_group(m, place) || !m->sessions[place].witnessed)
        return false;
    testimony_give(&m->streams[place], &m->clock, report);
    return true;
}
