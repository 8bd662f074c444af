// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The receiver's end of RTCP, and the ear that both ends share, against the real kernel, in a network
 * namespace of its own. Where the kernel grants none, the tests are skipped. On the loopback a datagram has
 * come when send() returns: nothing waits.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/host/clock.h"
#include "proto/host/ear.h"
#include "proto/host/net.h"
#include "proto/rtcp.h"
#include "receiver/control.h"

#define GROUP "239.69.83.9"
#define PORT  5404 /* RTCP: 5405 */
#define SSRC  0x5eed1e55u
#define STAGE "127.0.0.1" /* where the sender is */

static char err[512];

/* ---- surroundings ----------------------------------------------------------------------------------- */

static void set_lo_up(bool up)
{
    struct ifreq what = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &what), 0);
    what.ifr_flags = (short)(up ? what.ifr_flags | IFF_UP : what.ifr_flags & ~IFF_UP);
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &what), 0);
    close(fd);
}

static int enter_namespace(void **state)
{
    static bool granted;

    granted = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    *state = &granted;
    if (granted)
        set_lo_up(true);
    return 0;
}

static struct sockaddr_in address(const char *text, unsigned port)
{
    struct sockaddr_in result = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    assert_int_equal(inet_pton(AF_INET, text, &result.sin_addr), 1);
    return result;
}

static uint64_t source(const char *text)
{
    return address(text, 0).sin_addr.s_addr;
}

static struct control_config config_of(const char *interface)
{
    return (struct control_config){.group = address(GROUP, PORT),
                                   .interface = interface,
                                   .cname = "hw:0@tower",
                                   .name = "tower",
                                   .tool = "test 1"};
}

static struct control *open_control(void **state)
{
    struct control_config config = config_of("lo");
    struct control *control = NULL;

    if (!*(const bool *)*state)
        skip();
    if (control_open(&control, &config, clock_raw_now(), err, sizeof err) < 0)
        fail_msg("%s", err);
    return control;
}

/* Sends to the group as from this address of the loopback. */
static void speak(const char *from, const char *group, unsigned port, const void *bytes, size_t len)
{
    struct net_transmit_config config = {.group = address(group, port), .ttl = 1};
    int fd;

    assert_int_equal(net_find_interface("lo", &config.group, &config.interface, err, sizeof err), 0);
    config.interface.address = address(from, 0).sin_addr;
    fd = net_open_transmit(&config, err, sizeof err);
    if (fd < 0)
        fail_msg("%s", err);
    assert_int_equal(send(fd, bytes, len, 0), len);
    close(fd);
}

/* A report whose packet count tells it from others. */
static void report_from(const char *from, uint32_t ssrc, uint32_t packets, bool bye)
{
    struct rtcp_report report = {
        .ssrc = ssrc,
        .has_sr = true,
        .packets = packets,
        .cname_len = 5,
        .cname = "stage",
        .has_clock = true,
        .clock = {.known = true, .domain = 9, .gm_id = 77},
        .bye = bye,
    };
    uint8_t bytes[RTCP_COMPOUND_MAX];

    speak(from, GROUP, PORT + 1, bytes, rtcp_build(bytes, &report));
}

static const struct telemetry fares = {.state = TELEMETRY_PLAYING, .xruns = 3, .channels = 2};
static const struct rtcp_clock ours = {.known = true, .domain = 5, .gm_id = 7};

static void speak_if_due(struct control *control, const struct stream *stream, raw_ns now)
{
    if (control_due(control, stream, now))
        control_say(control, stream, &fares, ours, now);
}

static struct control_counters counters_of(const struct control *control)
{
    struct control_counters counters;

    control_get_counters(control, &counters);
    return counters;
}

/* ---- tests ------------------------------------------------------------------------------------------- */

static void test_newest_counts(void **state)
{
    struct control *control = open_control(state);
    struct rtcp_report report = {.packets = 4711};

    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 0);
    assert_int_equal(report.packets, 4711);
    for (uint32_t i = 1; i <= 5; i++)
        report_from(STAGE, SSRC, i, i == 5);
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 1);
    assert_int_equal(report.ssrc, SSRC);
    assert_int_equal(report.packets, 5);
    assert_true(report.bye && report.has_sr && report.has_clock && report.clock.known);
    assert_int_equal(report.clock.domain, 9);
    assert_int_equal(report.clock.gm_id, 77);
    assert_string_equal(report.cname, "stage");
    report.packets = 4711;
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 0);
    assert_int_equal(report.packets, 4711);
    assert_int_equal(counters_of(control).reports, 5);
    assert_int_equal(counters_of(control).others + counters_of(control).malformed, 0);
    control_close(control);
}

/* Another SSRC, another address, whoever comes last: counted, not taken. */
static void test_foreign(void **state)
{
    static const uint8_t rtp[] = {0x80, 98, 0, 1, 0, 0, 0, 2, 0x5e, 0xed, 0x1e, 0x55};
    struct control *control = open_control(state);
    struct rtcp_report report = {0};

    report_from(STAGE, SSRC + 1, 2, false);
    report_from("127.0.0.9", SSRC, 3, false);
    speak(STAGE, GROUP, PORT + 1, rtp, sizeof rtp);
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 0);
    assert_int_equal(report.packets, 0);
    assert_int_equal(counters_of(control).others, 2);
    assert_int_equal(counters_of(control).foreign, 1);

    report_from(STAGE, SSRC, 1, false);
    report_from("127.0.0.9", SSRC, 3, true);
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 1);
    assert_int_equal(report.packets, 1);
    assert_false(report.bye);
    assert_int_equal(counters_of(control).others, 3);
    assert_int_equal(counters_of(control).reports, 1);

    /* The receiver goes over to another stream. */
    report_from("127.0.0.9", SSRC + 1, 6, false);
    report_from(STAGE, SSRC, 7, false);
    assert_int_equal(control_poll(control, SSRC + 1, source("127.0.0.9"), &report), 1);
    assert_int_equal(report.packets, 6);
    control_close(control);
}

static void test_malformed(void **state)
{
    static const uint8_t cut[] = {0x80, 200, 0, 6, 0x5e, 0xed, 0x1e, 0x55};
    /* An RR as long as a slot, and another behind. */
    static uint8_t huge[4000] = {0x80, 201,  0x01,          0xff, 0x5e, 0xed,
                                 0x1e, 0x55, [2048] = 0x80, 201,  0x01, 0xe7};
    struct control *control = open_control(state);
    struct rtcp_report report;

    assert_int_equal(rtcp_parse(huge, sizeof huge, &report), 0); /* it is only the length that offends */
    report.packets = 4711;
    speak(STAGE, GROUP, PORT + 1, cut, sizeof cut);
    speak(STAGE, GROUP, PORT + 1, huge, sizeof huge);
    speak(STAGE, GROUP, PORT + 1, cut, 0);
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 0);
    assert_int_equal(report.packets, 4711);
    assert_int_equal(counters_of(control).malformed, 3);
    report_from(STAGE, SSRC, 8, false);
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 1);
    assert_int_equal(report.packets, 8);
    control_close(control);
}

/* Neither the port of the sound, nor another group that someone on this host has joined. */
static void test_other_places(void **state)
{
    struct sockaddr_in other = address("239.69.83.10", PORT + 1);
    struct control *control = open_control(state);
    struct rtcp_report report;
    struct net_interface lo;
    int bytes = 65536, ear;

    assert_int_equal(net_find_interface("lo", &other, &lo, err, sizeof err), 0);
    ear = net_open_receive(&other, &lo, &bytes, err, sizeof err);
    assert_true(ear >= 0);
    speak(STAGE, GROUP, PORT, "x", 1);
    speak(STAGE, "239.69.83.10", PORT + 1, "x", 1);
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 0);
    assert_int_equal(counters_of(control).malformed, 0);
    assert_int_equal(recv(ear, &bytes, 1, 0), 1); /* so it was there */
    close(ear);
    control_close(control);
}

/* A poll of a flood ends; the next one goes on. */
static void test_flood(void **state)
{
    struct control *control = open_control(state);
    struct rtcp_report report = {0};

    for (uint32_t i = 0; i < EAR_BATCH + 2; i++)
        report_from(STAGE, SSRC, i, false);
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 1);
    assert_int_equal(report.packets, EAR_BATCH - 1);
    assert_int_equal(counters_of(control).reports, EAR_BATCH);
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 1);
    assert_int_equal(report.packets, EAR_BATCH + 1);

    /* More than the buffer holds: what is lost is lost, and then all is as before. */
    for (uint32_t i = 0; i < 2000; i++)
        report_from(STAGE, SSRC, i, false);
    while (control_poll(control, SSRC, source(STAGE), &report) == 1)
        ;
    report_from(STAGE, SSRC, 9999, false);
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 1);
    assert_int_equal(report.packets, 9999);
    control_close(control);
}

/* The interface goes down, which ends no membership, and comes back; a reopened ear hears likewise, alone. */
static void test_reopen(void **state)
{
    struct control *control = open_control(state);
    struct rtcp_report report = {0};

    set_lo_up(false);
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 0);
    set_lo_up(true);
    report_from(STAGE, SSRC, 1, false);
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 1);
    assert_int_equal(control_reopen(control, err, sizeof err), 0);
    report_from(STAGE, SSRC, 2, false);
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 1);
    assert_int_equal(report.packets, 2);
    assert_int_equal(counters_of(control).reports, 2);
    control_close(control);
}

/* Several programs of one host hear the same. */
static void test_two_receivers(void **state)
{
    struct control *one = open_control(state), *two = open_control(state);
    struct rtcp_report report = {0};

    report_from(STAGE, SSRC, 1, false);
    assert_int_equal(control_poll(one, SSRC, source(STAGE), &report), 1);
    assert_int_equal(control_poll(two, SSRC, source(STAGE), &report), 1);
    control_close(one);
    control_close(two);
}

static int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* A failure names the thing and leaves nothing behind; without an ear everything can be called. */
static void test_refused(void **state)
{
    struct control_config config = config_of("nowhere7");
    struct sockaddr_in rtcp = address(GROUP, PORT + 1);
    struct control *control = (void *)&config;
    struct rtcp_report report = {.packets = 4711};
    int greedy = socket(AF_INET, SOCK_DGRAM, 0), before;

    if (!*(const bool *)*state)
        skip();
    before = count_descriptors();
    assert_int_equal(control_open(&control, &config, clock_raw_now(), err, sizeof err), -ENODEV);
    assert_null(control);
    assert_non_null(strstr(err, "RTCP is not heard"));
    assert_non_null(strstr(err, "nowhere7"));

    assert_int_equal(bind(greedy, (const void *)&rtcp, sizeof rtcp), 0);
    config.interface = "lo";
    assert_int_equal(control_open(&control, &config, clock_raw_now(), err, sizeof err), -EADDRINUSE);
    assert_null(control);
    assert_non_null(strstr(err, GROUP ":5405"));
    assert_null(strchr(err, '\n'));
    assert_int_equal(count_descriptors(), before);

    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 0);
    assert_int_equal(report.packets, 4711);
    assert_int_equal(control_reopen(control, err, sizeof err), 0);
    assert_int_equal(counters_of(control).reports, 0);
    assert_false(control_due(control, &(struct stream){0}, clock_raw_now()));
    assert_false(control_leave(control, clock_raw_now()));
    control_close(control);

    close(greedy);
    control = open_control(state);
    control_close(control);
    assert_int_equal(count_descriptors(), before - 1);
}

/* A reopening that fails leaves the old socket in its place. */
static void test_reopen_refused(void **state)
{
    struct control *control = open_control(state);
    struct sockaddr_in rtcp = address(GROUP, PORT + 1);
    struct rtcp_report report = {0};
    int before, greedy = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

    /* Shares the port until it has it; who comes later finds it taken. */
    assert_int_equal(setsockopt(greedy, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(greedy, (const void *)&rtcp, sizeof rtcp), 0);
    on = 0;
    assert_int_equal(setsockopt(greedy, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    before = count_descriptors();
    assert_int_equal(control_reopen(control, err, sizeof err), -EADDRINUSE);
    assert_int_equal(count_descriptors(), before);
    report_from(STAGE, SSRC, 1, false);
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 1);
    close(greedy);
    control_close(control);
}

/* ---- speaking ---------------------------------------------------------------------------------------- */

/* What waits at the group's RTCP port, in `report`; false: nothing. */
static bool overhear(int ear, struct rtcp_report *report, uint8_t *bytes, size_t *len)
{
    ssize_t got = recv(ear, bytes, 2048, MSG_DONTWAIT);

    if (got < 0)
        return false;
    *len = (size_t)got;
    assert_int_equal(rtcp_parse(bytes, *len, report), 0);
    return true;
}

static int open_ear(void)
{
    struct sockaddr_in group = address(GROUP, PORT + 1);
    struct net_interface lo;
    int bytes = 1 << 20, ear;

    assert_int_equal(net_find_interface("lo", &group, &lo, err, sizeof err), 0);
    ear = net_open_receive(&group, &lo, &bytes, err, sizeof err);
    assert_true(ear >= 0);
    return ear;
}

/* A stream that sounds at `now`: 100 packets up to number 65636, of which one was lost. */
static struct stream sounding(raw_ns now)
{
    return (struct stream){
        .locked = true,
        .counting = true,
        .claim =
            {.ssrc = SSRC, .source = source(STAGE), .codec = RTP_CODEC_L24, .rate_hz = 48000, .channels = 2},
        .newest = now,
        .first = 65537,
        .highest = 65636,
        .counters = {.received = 99, .lost = 1, .jitter_ns = 1e9 * 3 / 48000 + 1},
    };
}

/* Half a second at a time, from *now on, until it speaks: true, within so long. The stream goes on meanwhile.
 */
static bool speaks_within(struct control *control, struct stream *stream, raw_ns *now, double limit_s)
{
    uint64_t before = counters_of(control).sent;
    raw_ns end = {now->ns + (int64_t)(limit_s * 1e9)};

    for (; now->ns <= end.ns; now->ns += NS_PER_S / 20) {
        stream->newest = *now;
        stream->highest += 50;
        stream->counters.received += 50;
        speak_if_due(control, stream, *now);
        if (counters_of(control).sent != before)
            return true;
    }
    return false;
}

/* Nothing before a stream; then by RFC 3550: 1 to 3.1 s to the first, 0.4 to 1.24 s from each to the next. */
static void test_speaks(void **state)
{
    struct control *control = open_control(state);
    raw_ns now = clock_raw_now(), began;
    struct stream stream = {0};
    struct rtcp_report report, ignored;
    int ear = open_ear();
    uint8_t bytes[2048];
    size_t len = 0, first_len = 0;

    for (int s = 0; s < 60; s++) {
        now.ns += NS_PER_S;
        speak_if_due(control, &stream, now);
    }
    assert_false(overhear(ear, &report, bytes, &len));
    began = now;
    stream = sounding(now);
    stream.highest -= 50 * 20;
    stream.counters.received -= 50 * 20;
    assert_true(speaks_within(control, &stream, &now, 3.2));
    assert_in_range(now.ns - began.ns, NS_PER_S, 3200 * NS_PER_MS);
    assert_true(overhear(ear, &report, bytes, &first_len));
    assert_false(report.has_sr);
    assert_true(report.has_block);
    assert_int_equal(report.block.ssrc, SSRC);
    assert_int_equal(report.block.highest, stream.highest);
    assert_int_equal(report.block.lost, 1);
    assert_int_equal(report.block.jitter, 3);
    assert_int_equal(report.block.lsr, 0);
    assert_string_equal(report.cname, "hw:0@tower");
    assert_non_null(memmem(bytes, first_len, "\2\5tower\6\6test 1", 15));
    for (int i = 0; i < 5; i++) {
        raw_ns before = now;

        now.ns += NS_PER_MS;
        assert_true(speaks_within(control, &stream, &now, 1.3));
        assert_true(now.ns - before.ns > 400 * NS_PER_MS);
        assert_true(overhear(ear, &report, bytes, &len));
        assert_int_equal(report.block.fraction_lost, 0);
        assert_int_equal(report.block.lost, 1);
        assert_true(len < first_len); /* NAME and TOOL are not in each */
    }
    /* It does not hear itself, and counts the sender by its sound alone. */
    control_poll(control, SSRC, source(STAGE), &ignored);
    assert_int_equal(counters_of(control).others + counters_of(control).collisions, 0);
    assert_int_equal(counters_of(control).members, 2);
    assert_int_equal(counters_of(control).sent, 6);
    /* Nothing of the stream any more: it is there still, and has nothing to report. */
    for (int i = 0; counters_of(control).sent == 6 && i < 130; i++) {
        now.ns += NS_PER_S / 20;
        speak_if_due(control, &stream, now);
    }
    assert_true(overhear(ear, &report, bytes, &len));
    assert_false(report.has_block);
    close(ear);
    control_close(control);
}

/* LSR and DLSR of the stream's sender report; a stranger's counts for nothing. */
static void test_answers_sender_report(void **state)
{
    struct control *control = open_control(state);
    raw_ns now = clock_raw_now();
    struct stream stream = sounding(now);
    struct rtcp_report said = {
        .ssrc = SSRC, .has_sr = true, .ntp = 0x1234567890abcdef, .cname_len = 5, .cname = "stage"};
    struct rtcp_report report;
    uint8_t bytes[2048];
    int ear = open_ear();
    size_t len = 0;

    speak(STAGE, GROUP, PORT + 1, bytes, rtcp_build(bytes, &said));
    said.ntp = 7;
    speak("127.0.0.9", GROUP, PORT + 1, bytes, rtcp_build(bytes, &said));
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 1);
    assert_true(overhear(ear, &report, bytes, &len) && overhear(ear, &report, bytes, &len));
    now.ns += 10 * NS_PER_S;
    assert_true(speaks_within(control, &stream, &now, 6.3));
    assert_true(overhear(ear, &report, bytes, &len));
    assert_int_equal(report.block.lsr, 0x567890ab);
    assert_in_range(report.block.dlsr, 10 * 65536, 17 * 65536);
    close(ear);
    control_close(control);
}

/* On one host, by one group: each is a member for the other, and nobody takes himself for another. */
static void test_neighbours(void **state)
{
    struct control *one = open_control(state), *two = open_control(state);
    raw_ns now = clock_raw_now();
    struct stream stream = sounding(now);
    struct rtcp_report ignored;

    assert_true(speaks_within(one, &stream, &now, 6.3));
    assert_true(speaks_within(two, &stream, &now, 6.3));
    control_poll(one, SSRC, source(STAGE), &ignored);
    control_poll(two, SSRC, source(STAGE), &ignored);
    assert_int_equal(counters_of(one).members, 3);
    assert_int_equal(counters_of(two).members, 3);
    assert_int_equal(counters_of(one).others, 1);
    assert_int_equal(counters_of(two).others, 1);
    assert_int_equal(counters_of(one).collisions + counters_of(two).collisions, 0);
    assert_false(control_leave(two, now)); /* 3 members: at once */
    control_poll(one, SSRC, source(STAGE), &ignored);
    assert_int_equal(counters_of(one).members, 2);
    control_close(one);
    control_close(two);
}

/* What we say comes back from another address: BYE, and another SSRC; whoever repeats that, in vain. */
static void test_collision(void **state)
{
    struct control *control = open_control(state);
    raw_ns now = clock_raw_now();
    struct stream stream = sounding(now);
    struct rtcp_report report, ignored;
    uint8_t bytes[2048];
    int ear = open_ear();
    uint32_t before;
    size_t len = 0;

    assert_true(speaks_within(control, &stream, &now, 6.3));
    assert_true(overhear(ear, &report, bytes, &len));
    before = report.ssrc;
    speak("127.0.0.9", GROUP, PORT + 1, bytes, len);
    control_poll(control, SSRC, source(STAGE), &ignored);
    assert_int_equal(counters_of(control).collisions, 1);
    assert_true(overhear(ear, &report, bytes, &len)); /* the echo */
    assert_true(overhear(ear, &report, bytes, &len));
    assert_true(report.bye);
    assert_int_equal(report.ssrc, before);
    assert_true(speaks_within(control, &stream, &now, 6.3));
    assert_true(overhear(ear, &report, bytes, &len));
    assert_true(report.ssrc != before);
    assert_false(report.bye);
    speak("127.0.0.9", GROUP, PORT + 1, bytes, len);
    control_poll(control, SSRC, source(STAGE), &ignored);
    assert_int_equal(counters_of(control).collisions, 1);
    close(ear);
    control_close(control);
}

/* The number of datagrams that wait, all of which are BYE. */
static unsigned count_byes(int ear)
{
    struct rtcp_report report;
    uint8_t bytes[2048];
    unsigned count = 0;
    size_t len = 0;

    while (overhear(ear, &report, bytes, &len)) {
        assert_true(report.bye && !report.has_block && report.cname_len > 0);
        count++;
    }
    return count;
}

static void test_leaves(void **state)
{
    struct control *control = open_control(state);
    raw_ns now = clock_raw_now(), began;
    struct stream stream = sounding(now);
    struct rtcp_report report;
    uint8_t bytes[2048];
    int ear = open_ear();
    size_t len = 0;

    assert_false(control_leave(control, now)); /* has never spoken */
    assert_int_equal(count_byes(ear), 0);
    control_close(control);

    control = open_control(state);
    assert_true(speaks_within(control, &stream, &now, 6.3));
    assert_true(overhear(ear, &report, bytes, &len));
    assert_false(control_leave(control, now));
    assert_false(control_leave(control, now));
    assert_int_equal(count_byes(ear), 1);
    control_close(control);

    /* More than 50: it waits like anybody, 1 to 3.1 s when nobody else leaves. */
    control = open_control(state);
    for (uint32_t i = 0; i < 60; i++)
        report_from("127.0.0.9", 100 + i, 0, false);
    control_poll(control, SSRC, source(STAGE), &report);
    assert_true(speaks_within(control, &stream, &now, 6.3));
    while (overhear(ear, &report, bytes, &len))
        ;
    began = now;
    while (control_leave(control, now))
        now.ns += NS_PER_S / 20;
    assert_in_range(now.ns - began.ns, NS_PER_S, 3200 * NS_PER_MS);
    assert_int_equal(count_byes(ear), 1);
    control_close(control);

    /* If hundreds do, it stays no longer than promised, and is forgotten without. */
    control = open_control(state);
    for (uint32_t i = 0; i < 60; i++)
        report_from("127.0.0.9", 100 + i, 0, false);
    control_poll(control, SSRC, source(STAGE), &report);
    assert_true(speaks_within(control, &stream, &now, 6.3));
    while (overhear(ear, &report, bytes, &len))
        ;
    began = now;
    assert_true(control_leave(control, now));
    for (uint32_t i = 0; i < 3000; i++) {
        report_from("127.0.0.9", 1000 + i, 0, true);
        if (i % 50 == 49)
            control_poll(control, SSRC, source(STAGE), &report);
    }
    while (overhear(ear, &report, bytes, &len))
        ;
    assert_int_equal(counters_of(control).members, 3001);
    while (control_leave(control, now))
        now.ns += NS_PER_S / 20;
    assert_in_range(now.ns - began.ns, CONTROL_LEAVE_NS, CONTROL_LEAVE_NS + NS_PER_S / 20);
    assert_int_equal(count_byes(ear), 0);
    close(ear);
    control_close(control);
}

/* Without an interface nothing is said, which is counted; with it, all is as before. */
static void test_speaks_again(void **state)
{
    struct control *control = open_control(state);
    raw_ns now = clock_raw_now();
    struct stream stream = sounding(now);
    int before;

    set_lo_up(false);
    assert_false(speaks_within(control, &stream, &now, 20));
    assert_in_range(counters_of(control).unsent, 10, 40);
    assert_true(counters_of(control).last_errno > 0);
    set_lo_up(true);
    assert_true(speaks_within(control, &stream, &now, 6.3));
    before = count_descriptors();
    assert_int_equal(control_reopen(control, err, sizeof err), 0);
    assert_int_equal(count_descriptors(), before - 1);
    assert_true(speaks_within(control, &stream, &now, 6.3));
    assert_int_equal(count_descriptors(), before);
    control_close(control);
}

/* A sender that waits for receivers hears of them, though nothing was played; and no longer when it is gone.
 */
static void test_answers_offer(void **state)
{
    struct control *control = open_control(state);
    raw_ns now = clock_raw_now();
    struct stream nothing = {0};
    struct rtcp_report offer = {
        .ssrc = SSRC,
        .cname_len = 5,
        .cname = "stage",
        .has_offer = true,
        .offer = {.waiting = true,
                  .codec = RTP_CODEC_L24,
                  .rate_hz = 48000,
                  .channels = 2,
                  .frames_per_packet = 48,
                  .latency_ns = 10 * NS_PER_MS},
    };
    struct rtcp_report said, ignored;
    struct rtcp_offer told = {0};
    uint8_t bytes[2048];
    int ear = open_ear();
    size_t len;
    bool heard = false;

    assert_false(control_offer(control, now, &told));
    for (int i = 0; i < 80 && !heard; i++, now.ns += NS_PER_S / 20) {
        if (i % 20 == 0) {
            speak(STAGE, GROUP, PORT + 1, bytes, rtcp_build(bytes, &offer));
            assert_true(overhear(ear, &said, bytes, &len) && said.has_offer);
            control_poll(control, 0, 0, &ignored);
        }
        speak_if_due(control, &nothing, now);
        heard = overhear(ear, &said, bytes, &len);
    }
    assert_true(heard);
    assert_true(control_offer(control, clock_raw_now(), &told));
    assert_true(told.latency_ns == 10 * NS_PER_MS && told.frames_per_packet == 48 && told.rate_hz == 48000);
    assert_false(control_offer(control, (raw_ns){clock_raw_now().ns + 6 * NS_PER_S}, &told));
    assert_string_equal(said.cname, "hw:0@tower");
    assert_string_equal(said.name, "tower");
    assert_string_equal(said.tool, "test 1");
    assert_false(said.has_block);
    assert_true(said.has_telemetry && said.telemetry.state == TELEMETRY_PLAYING && said.telemetry.xruns == 3);
    assert_true(said.has_clock && said.clock.known && said.clock.domain == 5 && said.clock.gm_id == 7);
    close(ear);
    control_close(control);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_counts),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_other_places),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_reopen),
        cmocka_unit_test(test_two_receivers),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_reopen_refused),
        cmocka_unit_test(test_speaks),
        cmocka_unit_test(test_answers_sender_report),
        cmocka_unit_test(test_answers_offer),
        cmocka_unit_test(test_neighbours),
        cmocka_unit_test(test_collision),
        cmocka_unit_test(test_leaves),
        cmocka_unit_test(test_speaks_again),
    };

    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
