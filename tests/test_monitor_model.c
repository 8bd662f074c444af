// SPDX-License-Identifier: GPL-3.0-or-later
#include <arpa/inet.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/monitor/alarm.h"
#include "tools/monitor/json_view.h"
#include "tools/monitor/model.h"
#include "tools/monitor/testimony.h"

#define SENDER UINT32_C(0x5eed1e55)

/* A model, and a network that we make up. */
struct world {
    struct model *model;
    int group;
    double now_s;
    uint32_t packets; /* of the sender */
    bool standby;     /* it sends none, and says so */
    const struct view *view;
};

static const struct sockaddr_in *group_of(unsigned port)
{
    static struct sockaddr_in group = {.sin_family = AF_INET};

    group.sin_addr.s_addr = htonl(0xef450101);
    group.sin_port = htons((uint16_t)port);
    return &group;
}

static raw_ns now(const struct world *w)
{
    return (raw_ns){(int64_t)(w->now_s * 1e9)};
}

static struct model_config config(const char *expect)
{
    return (struct model_config){.limits = {10, 1, 0},
                                 .members = MODEL_MEMBERS_MAX,
                                 .expect = expect,
                                 .grace_s = 3,
                                 .witness = false,
                                 .seed = 7};
}

static void world_begin(struct world *w, const struct model_config *c)
{
    *w = (struct world){.now_s = 100, .model = model_create(c)};
    assert_non_null(w->model);
    w->group = model_watch(w->model, group_of(5004), true, now(w));
    assert_int_equal(w->group, 0);
}

static void say(struct world *w, const struct rtcp_report *report, uint32_t source)
{
    uint8_t bytes[RTCP_COMPOUND_MAX];
    size_t len = rtcp_build(bytes, report);

    model_rtcp(w->model, (size_t)w->group, bytes, len, htonl(source), now(w));
}

static struct rtcp_report member_report(uint32_t ssrc, const char *name)
{
    struct rtcp_report r = {.ssrc = ssrc, .has_telemetry = true, .has_clock = true};

    r.cname_len = (uint8_t)snprintf(r.cname, sizeof r.cname, "hw:0@%s", name);
    snprintf(r.name, sizeof r.name, "%s", name);
    r.clock = (struct rtcp_clock){.known = true, .domain = 5, .gm_id = 0x001dc1fffe123456};
    r.telemetry = (struct telemetry){
        .state = TELEMETRY_PLAYING,
        .clock_state = MEDIA_CLOCK_LOCKED,
        .device_present = true,
        .realtime = true,
        .interval_ms = 1000,
        .error_p99_ns = 2000,
        .lead_min_us = 8000,
        .lead_median_us = 9000,
        .lead_need_us = 2000,
        .received = 1000 * (uint32_t)(ssrc & 1),
        .starts = 1,
        .channels = 2,
    };
    return r;
}

static struct rtcp_report sender_report(struct world *w)
{
    struct rtcp_report r = {.ssrc = SENDER,
                            .has_sr = true,
                            .packets = w->packets += w->standby ? 0 : 1000,
                            .has_clock = true,
                            .clock = {.known = true, .domain = 5, .gm_id = 0x001dc1fffe123456},
                            .has_offer = true,
                            .offer = {.standby = w->standby,
                                      .codec = RTP_CODEC_L24,
                                      .rate_hz = 48000,
                                      .channels = 2,
                                      .frames_per_packet = 48,
                                      .latency_ns = 10000000}};

    r.ntp = rtcp_ntp_of_ptp((ptp_ns){now(w).ns});
    r.rtp = (uint32_t)media_at_ptp((ptp_ns){now(w).ns}, 48000).n;
    r.cname_len = (uint8_t)snprintf(r.cname, sizeof r.cname, "unisono@desk");
    snprintf(r.name, sizeof r.name, "Stage left");
    return r;
}

/* One second: the sender speaks, and the members given. */
static void second(struct world *w, struct rtcp_report *members, size_t count)
{
    struct rtcp_report sender = sender_report(w);

    w->now_s += 1;
    say(w, &sender, 0x0a4d0001);
    for (size_t i = 0; i < count; i++) {
        members[i].telemetry.received += 1000;
        say(w, &members[i], 0x0a4d0002 + (uint32_t)i);
    }
    w->view = model_tick(w->model, now(w), 1.7e9 + w->now_s);
}

static void seconds(struct world *w, struct rtcp_report *members, size_t count, unsigned n)
{
    while (n-- > 0)
        second(w, members, count);
}

static const struct view_alarm *alarm_of(const struct view *v, enum view_alarm_kind kind,
                                         const char *receiver)
{
    for (size_t i = 0; i < v->alarms; i++)
        if (v->alarm[i].kind == kind && !strcmp(v->alarm[i].receiver, receiver))
            return &v->alarm[i];
    return NULL;
}

static const struct view_receiver *receiver_of(const struct view *v, const char *name)
{
    for (size_t i = 0; i < v->stream[0].receivers; i++)
        if (!strcmp(v->stream[0].receiver[i].name, name))
            return &v->stream[0].receiver[i];
    return NULL;
}

/* The figures of a group that is well. */
static void test_well(void **state)
{
    struct rtcp_report members[3] = {member_report(1, "a"), member_report(2, "b"), member_report(3, "c")};
    struct model_config c = config("");
    const struct view_stream *s;
    struct world w;

    (void)state;
    members[0].telemetry.error_median_ns = -1000;
    members[1].telemetry.error_median_ns = 500;
    members[2].telemetry.error_median_ns = 3000;
    members[2].telemetry.error_p99_ns = 3400;
    members[1].telemetry.lead_min_us = 5500;
    world_begin(&w, &c);
    seconds(&w, members, 3, 4);
    s = &w.view->stream[0];
    assert_int_equal(w.view->streams, 1);
    assert_int_equal(w.view->level, VIEW_WELL);
    assert_int_equal(w.view->alarms_all, 0);
    assert_string_equal(s->name, "Stage left");
    assert_string_equal(s->group, "239.69.1.1:5004");
    assert_string_equal(s->sender, "10.77.0.1");
    assert_string_equal(s->codec, "L24");
    assert_true(s->on_air && !s->waiting && s->latency_ms == 10 && s->ptime_ms == 1);
    assert_int_equal(s->receivers, 3);
    assert_int_equal(s->playing, 3);
    assert_true(fabs(s->apart_us - 4) < 1e-6);
    assert_string_equal(s->early, "a");
    assert_string_equal(s->late, "c");
    /* c: 3 us, 0.4 about it; a: -1 us, 1 about it */
    assert_true(fabs(s->apart_p99_us - (3.4 + 2)) < 1e-6);
    assert_true(fabs(s->headroom_ms - 3.5) < 1e-9 && fabs(s->safe_latency_ms - 6.5) < 1e-9);
    assert_string_equal(s->headroom_of, "b");
    assert_true(fabs(receiver_of(w.view, "a")->apart_us + 1.5) < 1e-6);
    assert_string_equal(receiver_of(w.view, "a")->clock.grandmaster, "00-1D-C1-FF-FE-12-34-56");
    assert_true(fabs((double)s->aparts.value[VIEW_HISTORY - 1] - 4) < 1e-6);
    assert_true(isnan(s->aparts.value[0]));
    model_destroy(w.model);
}

/* The least headroom since the stream began decides what latency was safe; a new SSRC begins anew. */
static void test_safe_latency(void **state)
{
    struct rtcp_report member = member_report(1, "a");
    struct model_config c = config("");
    struct world w;

    (void)state;
    world_begin(&w, &c);
    member.telemetry.lead_min_us = 3000;
    seconds(&w, &member, 1, 2);
    member.telemetry.lead_min_us = 9000;
    seconds(&w, &member, 1, 3);
    assert_true(fabs(w.view->stream[0].headroom_ms - 7) < 1e-9);
    assert_true(fabs(w.view->stream[0].safe_latency_ms - 9) < 1e-9);
    model_destroy(w.model);
}

/* Apart: after two seconds in a row an alarm, for the group and for the outlier; over five seconds after. */
static void test_alignment(void **state)
{
    struct rtcp_report members[3] = {member_report(1, "a"), member_report(2, "b"), member_report(3, "c")};
    struct model_config c = config("");
    struct world w;

    (void)state;
    world_begin(&w, &c);
    members[2].telemetry.error_median_ns = 25000;
    second(&w, members, 3);
    assert_null(alarm_of(w.view, VIEW_ALARM_ALIGNMENT, ""));
    seconds(&w, members, 3, 2);
    assert_non_null(alarm_of(w.view, VIEW_ALARM_ALIGNMENT, ""));
    assert_non_null(alarm_of(w.view, VIEW_ALARM_ALIGNMENT, "c"));
    assert_null(alarm_of(w.view, VIEW_ALARM_ALIGNMENT, "a"));
    assert_string_equal(w.view->stream[0].receiver[0].name, "c"); /* gravest first */
    assert_int_equal(w.view->stream[0].level, VIEW_ALARM);
    members[2].telemetry.error_median_ns = 0;
    seconds(&w, members, 3, 4);
    assert_non_null(alarm_of(w.view, VIEW_ALARM_ALIGNMENT, "c")); /* no flapping */
    seconds(&w, members, 3, 2);
    assert_int_equal(w.view->alarms_all, 0);
    /* one second only is told nobody */
    members[2].telemetry.error_median_ns = 25000;
    second(&w, members, 3);
    members[2].telemetry.error_median_ns = 0;
    for (int i = 0; i < 6; i++) {
        second(&w, members, 3);
        assert_int_equal(w.view->alarms_all, 0);
    }
    /* who does not play is not compared, however far off */
    members[2].telemetry.error_median_ns = 25000;
    members[2].telemetry.state = TELEMETRY_ARMED;
    seconds(&w, members, 3, 4);
    assert_null(alarm_of(w.view, VIEW_ALARM_ALIGNMENT, "c"));
    assert_true(w.view->stream[0].apart_us == 0);
    model_destroy(w.model);
}

static void test_missing(void **state)
{
    struct rtcp_report members[2] = {member_report(1, "a"), member_report(2, "b")};
    struct model_config c = config("a,b,hw:0@c,d");
    struct rtcp_report expected = member_report(9, "c");
    struct world w;

    (void)state;
    world_begin(&w, &c);
    seconds(&w, members, 2, 2);
    assert_int_equal(w.view->alarms_all, 0); /* time to come */
    say(&w, &expected, 0x0a4d0009);
    seconds(&w, members, 2, 3);
    assert_non_null(alarm_of(w.view, VIEW_ALARM_MISSING, "d"));
    assert_string_equal(alarm_of(w.view, VIEW_ALARM_MISSING, "d")->stream, "Stage left");
    assert_int_equal(w.view->alarms_all, 1);
    /* b falls silent, without a word */
    seconds(&w, members, 1, 7);
    assert_non_null(alarm_of(w.view, VIEW_ALARM_MISSING, "b"));
    assert_string_equal(receiver_of(w.view, "b")->state, "silent");
    assert_int_equal(w.view->stream[0].silent, 1);
    assert_int_equal(w.view->stream[0].playing, 2); /* a and c */
    /* it is back, under another SSRC */
    members[1].ssrc = 77;
    seconds(&w, members, 2, 7);
    assert_null(alarm_of(w.view, VIEW_ALARM_MISSING, "b"));
    assert_string_equal(receiver_of(w.view, "b")->state, "playing");
    model_destroy(w.model);
}

/* A goodbye is no alarm, unless somebody expects the receiver. */
static void test_bye(void **state)
{
    struct rtcp_report members[2] = {member_report(1, "a"), member_report(2, "b")}, bye;
    struct model_config c = config("");
    struct world w;

    (void)state;
    world_begin(&w, &c);
    seconds(&w, members, 2, 3);
    bye = members[1];
    bye.bye = true;
    say(&w, &bye, 0x0a4d0003);
    seconds(&w, members, 1, 12);
    assert_int_equal(w.view->stream[0].receivers, 1);
    assert_int_equal(w.view->alarms_all, 0);
    model_destroy(w.model);
}

/* What happened between two reports; counters that begin anew, and wrap, are no losses. */
static void test_interval(void **state)
{
    struct rtcp_report member = member_report(1, "a");
    struct model_config c = config("");
    struct world w;

    (void)state;
    world_begin(&w, &c);
    member.telemetry.lost = UINT32_MAX - 1; /* before we came */
    seconds(&w, &member, 1, 2);
    assert_int_equal(w.view->alarms_all, 0);
    member.telemetry.lost += 4; /* wraps */
    member.telemetry.late += 6;
    second(&w, &member, 1);
    assert_non_null(alarm_of(w.view, VIEW_ALARM_LOSS, "a"));
    assert_true(fabs(receiver_of(w.view, "a")->loss_percent - 1000.0 / 1004) < 1e-9);
    assert_int_equal(receiver_of(w.view, "a")->level, VIEW_WARNING);
    seconds(&w, &member, 1, 31);
    assert_int_equal(w.view->alarms_all, 0);
    member.telemetry.xruns++;
    member.telemetry.starts++;
    second(&w, &member, 1);
    assert_non_null(alarm_of(w.view, VIEW_ALARM_XRUN, "a"));
    member.telemetry.lost = member.telemetry.late = 0; /* another stream */
    second(&w, &member, 1);
    assert_null(alarm_of(w.view, VIEW_ALARM_LOSS, "a"));
    model_destroy(w.model);
}

static void test_conditions(void **state)
{
    struct rtcp_report members[3] = {member_report(1, "a"), member_report(2, "b"), member_report(3, "c")};
    struct model_config c = config("");
    struct world w;

    (void)state;
    world_begin(&w, &c);
    members[0].telemetry.lead_min_us = 2500;
    members[1].telemetry.lead_min_us = 1000;
    members[2].telemetry.clock_state = MEDIA_CLOCK_HOLDOVER;
    seconds(&w, members, 3, 4);
    assert_int_equal(alarm_of(w.view, VIEW_ALARM_HEADROOM, "a")->level, VIEW_WARNING);
    assert_int_equal(alarm_of(w.view, VIEW_ALARM_HEADROOM, "b")->level, VIEW_ALARM);
    assert_int_equal(alarm_of(w.view, VIEW_ALARM_PTP, "c")->level, VIEW_WARNING);
    assert_true(w.view->alarm[0].level == VIEW_ALARM); /* gravest first */
    for (int i = 0; i < 3; i++)
        members[i] = member_report((uint32_t)i + 1, (const char *[]){"a", "b", "c"}[i]);
    members[0].clock.gm_id++;
    members[1].clock.domain = 6;
    members[2].telemetry.device_present = false;
    seconds(&w, members, 3, 3);
    assert_null(alarm_of(w.view, VIEW_ALARM_GRANDMASTERS, "a")); /* it may be a change on its way */
    seconds(&w, members, 3, 5);
    assert_non_null(alarm_of(w.view, VIEW_ALARM_GRANDMASTERS, "a"));
    assert_non_null(strstr(alarm_of(w.view, VIEW_ALARM_GRANDMASTERS, "b")->why, "domain 6"));
    assert_null(alarm_of(w.view, VIEW_ALARM_GRANDMASTERS, "c"));
    assert_non_null(alarm_of(w.view, VIEW_ALARM_DEVICE, "c"));
    members[2].telemetry.device_present = true;
    members[2].telemetry.state = TELEMETRY_ARMED;
    seconds(&w, members, 3, 8);
    assert_null(alarm_of(w.view, VIEW_ALARM_STREAM, "c"));
    seconds(&w, members, 3, 6);
    assert_non_null(alarm_of(w.view, VIEW_ALARM_STREAM, "c"));
    model_destroy(w.model);
}

/* The sender: it dies, says goodbye, or is two. */
static void test_sender(void **state)
{
    struct rtcp_report member = member_report(1, "a"), rival, bye;
    struct model_config c = config("");
    struct world w;

    (void)state;
    world_begin(&w, &c);
    seconds(&w, &member, 1, 3);
    rival = sender_report(&w);
    rival.ssrc = 4711;
    snprintf(rival.cname, sizeof rival.cname, "unisono@else");
    for (int i = 0; i < 4; i++) {
        say(&w, &rival, 0x0a4d0063);
        second(&w, &member, 1);
    }
    assert_non_null(strstr(alarm_of(w.view, VIEW_ALARM_STREAM, "")->why, "10.77.0.99"));
    assert_int_equal(w.view->stream[0].ssrc, SENDER);
    seconds(&w, &member, 1, 10);
    assert_int_equal(w.view->alarms_all, 0);
    bye = sender_report(&w);
    bye.bye = true;
    say(&w, &bye, 0x0a4d0001);
    for (int i = 0; i < 12; i++) {
        w.now_s += 1;
        say(&w, &member, 0x0a4d0002);
        w.view = model_tick(w.model, now(&w), w.now_s);
        assert_null(alarm_of(w.view, VIEW_ALARM_STREAM, ""));
    }
    assert_false(w.view->stream[0].on_air);
    seconds(&w, &member, 1, 3);
    assert_true(w.view->stream[0].on_air);
    for (int i = 0; i < 12; i++) {
        w.now_s += 1;
        w.view = model_tick(w.model, now(&w), w.now_s);
    }
    assert_non_null(strstr(alarm_of(w.view, VIEW_ALARM_STREAM, "")->why, "goodbye"));
    model_destroy(w.model);
}

/* One of the stream's packets; of sound, it has one frame of silence. */
static void send_packet(struct world *w, enum rtp_type type, uint16_t sequence)
{
    uint8_t bytes[RTP_DATAGRAM_MAX] = {0};
    bool sound = type == RTP_TYPE_AUDIO;
    media_t at = {(int64_t)(w->now_s * 48000)};
    const struct rtp_packet packet = {
        .ssrc = SENDER,
        .timestamp = (uint32_t)at.n,
        .sequence = sequence,
        .payload_type = sound ? RTP_PT_L24 : RTP_PT_CONTROL,
        .has_ext = true,
        .ext = {.presentation = {ptp_at_media(at, 48000).ns + 10 * NS_PER_MS},
                .type = (uint8_t)type,
                .codec = RTP_CODEC_L24,
                .channels = 2,
                .rate_hz = 48000},
    };

    rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
    model_rtp(w->model, (size_t)w->group, bytes, rtp_header_bytes(true) + (sound ? 6 : 0), htonl(0x0a4d0001),
              now(w));
}

/* A page begins, and its receiver with it; lasts and ends. */
static void hear_page(struct world *w, struct rtcp_report *member, uint16_t sequence)
{
    member->telemetry.state = TELEMETRY_PLAYING;
    member->telemetry.starts++;
    w->standby = false;
    for (unsigned i = 0; i < 20; i++) {
        send_packet(w, i == 0 ? RTP_TYPE_INIT : RTP_TYPE_AUDIO, sequence++);
        second(w, member, 1);
        assert_true(w->view->stream[0].on_air && !w->view->stream[0].standby);
        assert_int_equal(w->view->alarms_all, 0);
    }
    send_packet(w, RTP_TYPE_TERMINATE, sequence);
    second(w, member, 1);
}

/* A talker's sender, that says it is in standby: neither its silence nor that of its receivers is a fault,
 * nor that they start anew with each page. Heard by ourselves, and by RTCP alone. */
static void test_standby(void **state)
{
    for (int witness = 0; witness < 2; witness++) {
        struct rtcp_report member = member_report(1, "a");
        struct model_config c = config("");
        struct world w;

        (void)state;
        c.witness = witness;
        world_begin(&w, &c);
        member.telemetry.starts = 0;
        for (int page = 0; page < 3; page++) {
            w.standby = true;
            member.telemetry.state = TELEMETRY_IDLE;
            for (int i = 0; i < 30; i++) {
                second(&w, &member, 1);
                assert_true(w.view->stream[0].standby && !w.view->stream[0].on_air);
                assert_int_equal(w.view->alarms_all, 0);
            }
            hear_page(&w, &member, (uint16_t)(page * 21));
        }
        w.standby = true;
        seconds(&w, &member, 1, 3);
        /* who drops dead then is missed */
        for (int i = 0; i < 10; i++) {
            w.now_s += 1;
            say(&w, &member, 0x0a4d0002);
            w.view = model_tick(w.model, now(&w), w.now_s);
        }
        assert_false(w.view->stream[0].standby);
        assert_non_null(strstr(alarm_of(w.view, VIEW_ALARM_STREAM, "")->why, "goodbye"));
        model_destroy(w.model);
    }
}

/* Who stops, but does not say that it is meant so, has a fault, however many reports it sends. */
static void test_stuck(void **state)
{
    struct rtcp_report member = member_report(1, "a");
    struct model_config c = config("");
    struct world w;

    (void)state;
    world_begin(&w, &c);
    seconds(&w, &member, 1, 3);
    for (int i = 0; i < 12; i++) {
        w.packets -= 1000;
        second(&w, &member, 1);
    }
    assert_false(w.view->stream[0].standby || w.view->stream[0].on_air);
    assert_non_null(alarm_of(w.view, VIEW_ALARM_STREAM, ""));
    model_destroy(w.model);
}

/* Receivers of one host share its name: their cards tell them apart. */
static void test_same_name(void **state)
{
    struct rtcp_report members[2] = {member_report(1, "a"), member_report(2, "a")};
    struct model_config c = config("");
    struct world w;

    (void)state;
    memcpy(members[1].cname, "hw:1@a", 7);
    world_begin(&w, &c);
    seconds(&w, members, 2, 1);
    assert_non_null(receiver_of(w.view, "a (hw:0)"));
    assert_non_null(receiver_of(w.view, "a (hw:1)"));
    model_destroy(w.model);
}

/* A flood of forged members: bounded, counted, forgotten. And of groups. */
static void test_flood(void **state)
{
    struct rtcp_report member = member_report(1, "a");
    struct model_config c = config("");
    struct world w;

    (void)state;
    world_begin(&w, &c);
    for (uint32_t i = 0; i < 6000; i++) {
        struct rtcp_report forged = {.ssrc = i};

        forged.cname_len = (uint8_t)snprintf(forged.cname, sizeof forged.cname, "x%u", i);
        say(&w, &forged, 0x0a000000 + i);
    }
    second(&w, &member, 1);
    assert_int_equal(w.view->stream[0].receivers, MODEL_MEMBERS_MAX);
    assert_true(w.view->refused >= 6000 - MODEL_MEMBERS_MAX);
    assert_true(w.view->alarms <= VIEW_ALARMS_MAX);
    seconds(&w, &member, 1, 65);
    assert_int_equal(w.view->stream[0].receivers, 1);
    assert_string_equal(w.view->stream[0].name, "Stage left");
    for (unsigned i = 1; i < VIEW_STREAMS_MAX; i++)
        assert_int_equal(model_watch(w.model, group_of(6000 + 2 * i), false, now(&w)), i);
    assert_true(model_watch(w.model, group_of(9000), false, now(&w)) < 0);
    seconds(&w, &member, 1, 62);
    assert_int_equal(w.view->streams, 1); /* what was not asked for, and silent */
    assert_null(model_group(w.model, 3));
    model_destroy(w.model);
}

/* What is announced, and what is not told: no description, no telemetry. */
static void test_described(void **state)
{
    static struct directory directory;
    static const char sdp[] =
        "v=0\r\no=- 1 1 IN IP4 10.77.0.1\r\ns=Choir\r\nt=0 0\r\nm=audio 5006 RTP/AVP 98\r\n"
        "c=IN IP4 239.69.1.1/32\r\na=rtpmap:98 L24/48000/2\r\na=ptime:1\r\n"
        "a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:3\r\na=mediaclk:direct=0\r\n";
    struct rtcp_report plain = member_report(1, "a");
    struct model_config c = config("");
    struct world w;

    (void)state;
    directory_init(&directory);
    directory_service(&directory, 1, sdp, sizeof sdp - 1, (raw_ns){0});
    assert_int_equal(directory.count, 1);
    world_begin(&w, &c);
    plain.has_telemetry = false;
    plain.has_block = true;
    plain.block = (struct rtcp_block){.ssrc = SENDER, .lost = 3, .jitter = 48, .highest = 1000};
    second(&w, &plain, 1);
    plain.block.lost = 5;
    plain.block.highest = 1100;
    model_announced(w.model, &directory, "Chorus", false, now(&w));
    model_announced(w.model, &directory, "", true, now(&w));
    second(&w, &plain, 1);
    assert_int_equal(w.view->streams, 1); /* neither so called nor known */
    assert_string_equal(w.view->stream[0].receiver[0].state, "present");
    assert_true(fabs(w.view->stream[0].receiver[0].loss_percent - 2) < 1e-9);
    assert_true(fabs(w.view->stream[0].receiver[0].jitter_us - 1000) < 1e-9);
    for (int i = 0; i < 12; i++) {
        model_announced(w.model, &directory, "choir", false, now(&w));
        second(&w, &plain, 1);
    }
    assert_int_equal(w.view->streams, 2);
    assert_string_equal(w.view->stream[0].name, "Choir"); /* graver: announced, and silent */
    assert_int_equal(w.view->stream[0].clock.domain, 3);
    assert_non_null(alarm_of(w.view, VIEW_ALARM_STREAM, ""));
    model_destroy(w.model);
}

/* A testimony says what its view said. */
static void test_testimony(void **state)
{
    static struct view_stream stream;
    struct testimony testimony = {0};
    struct view_clock clock = {.state = "locked",
                               .known = true,
                               .domain = 5,
                               .offset_us = -1.25,
                               .uncertainty_us = 0.5,
                               .grandmaster = "00-1D-C1-FF-FE-12-34-56"};
    struct rtcp_report report, again;
    uint8_t bytes[RTCP_COMPOUND_MAX];
    struct view_witness w;

    (void)state;
    stream.ssrc = SENDER;
    stream.rate_hz = 48000;
    stream.witness = (struct view_witness){.hears = true,
                                           .packets_per_s = 1000,
                                           .lost = 7,
                                           .duplicates = 2,
                                           .jitter_us = 125,
                                           .lead_min_ms = -0.5,
                                           .lead_median_ms = 8.125,
                                           .jitter_worst_us = 250,
                                           .loss_percent = 50,
                                           .channels = 2,
                                           .peaks_db = {-12.5f, -INFINITY},
                                           .dishonest = "no",
                                           .honest = false};
    testimony_give(&stream, &clock, &report);
    assert_int_equal(rtcp_parse(bytes, rtcp_build(bytes, &report), &again), 0);
    assert_true(testimony_is(&again));
    assert_true(again.clock.gm_id == 0x001dc1fffe123456);
    testimony_take(&testimony, &again, (raw_ns){NS_PER_S});
    testimony_show(&testimony, 48000, 10, 344, &w, (raw_ns){NS_PER_S});
    assert_true(w.hears && w.timed && w.packets_per_s == 1000 && w.lost == 7 && w.duplicates == 2);
    assert_true(w.jitter_us == 125 && w.lead_min_ms == -0.5 && w.lead_median_ms == 8.125 &&
                w.sent_after_ms == 1.875);
    assert_true(w.loss_percent == 0 && w.bits_per_s == 344 * 8000 && w.jitter_worst_us == 250);
    assert_true(w.channels == 2 && w.peaks_db[0] == -12.5f && isinf(w.peaks_db[1]));
    assert_false(w.honest);
    assert_string_equal(w.dishonest, "no");
    again.telemetry.lost += 1000;
    testimony_take(&testimony, &again, (raw_ns){2 * NS_PER_S});
    testimony_show(&testimony, 48000, 10, 344, &w, (raw_ns){2 * NS_PER_S});
    assert_true(w.loss_percent == 50);
    testimony_show(&testimony, 48000, 10, 344, &w, (raw_ns){5 * NS_PER_S});
    assert_false(w.hears);
}

/* Only a recording may testify. */
static void test_forged_testimony(void **state)
{
    static struct view_stream stream = {.witness = {.hears = true, .honest = true, .packets_per_s = 5}};
    struct view_clock clock = {.state = "locked"};
    struct model_config c = config("");
    struct rtcp_report report;
    struct world w;

    (void)state;
    testimony_give(&stream, &clock, &report);
    world_begin(&w, &c);
    say(&w, &report, 0);
    second(&w, NULL, 0);
    assert_false(w.view->stream[0].witness.hears);
    model_destroy(w.model);
    c.recorded = true;
    world_begin(&w, &c);
    say(&w, &report, 0);
    second(&w, NULL, 0);
    assert_true(w.view->stream[0].witness.hears && w.view->recorded);
    assert_string_equal(w.view->clock.state, "locked");
    model_destroy(w.model);
}

/* Names that want to be something else: printable, and valid JSON of one line. */
static void test_hostile_names(void **state)
{
    struct rtcp_report member = member_report(1, "\x1b[31mred\"\\\n\xff");
    struct model_config c = config("");
    char *text = NULL;
    size_t size = 0;
    struct world w;
    FILE *out;

    (void)state;
    world_begin(&w, &c);
    seconds(&w, &member, 1, 2);
    out = open_memstream(&text, &size);
    json_view(out, w.view);
    fclose(out);
    assert_non_null(strstr(text, "?[31mred\\\"\\\\??"));
    for (size_t i = 0; i + 1 < size; i++)
        assert_true((unsigned char)text[i] >= 0x20 && (unsigned char)text[i] < 0x7f);
    assert_int_equal(text[size - 1], '\n');
    free(text);
    model_destroy(w.model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_well),
        cmocka_unit_test(test_safe_latency),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_bye),
        cmocka_unit_test(test_interval),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_sender),
        cmocka_unit_test(test_standby),
        cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_same_name),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_described),
        cmocka_unit_test(test_testimony),
        cmocka_unit_test(test_forged_testimony),
        cmocka_unit_test(test_hostile_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
