// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The receiver's ear for RTCP, against the real kernel, in a network namespace of its own. Where the kernel
 * grants none, the tests are skipped. On the loopback a datagram has come when send() returns: nothing waits.
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

static struct control *open_control(void **state)
{
    struct control_config config = {.group = address(GROUP, PORT), .interface = "lo"};
    struct control *control = NULL;

    if (!*(const bool *)*state)
        skip();
    if (control_open(&control, &config, err, sizeof err) < 0)
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
    assert_int_equal(counters_of(control).foreign + counters_of(control).malformed, 0);
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
    assert_int_equal(counters_of(control).foreign, 3);

    report_from(STAGE, SSRC, 1, false);
    report_from("127.0.0.9", SSRC, 3, true);
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 1);
    assert_int_equal(report.packets, 1);
    assert_false(report.bye);
    assert_int_equal(counters_of(control).foreign, 4);
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

    for (uint32_t i = 0; i < CONTROL_BATCH + 2; i++)
        report_from(STAGE, SSRC, i, false);
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 1);
    assert_int_equal(report.packets, CONTROL_BATCH - 1);
    assert_int_equal(counters_of(control).reports, CONTROL_BATCH);
    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 1);
    assert_int_equal(report.packets, CONTROL_BATCH + 1);

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
    struct control_config config = {.group = address(GROUP, PORT), .interface = "nowhere7"};
    struct sockaddr_in rtcp = address(GROUP, PORT + 1);
    struct control *control = (void *)&config;
    struct rtcp_report report = {.packets = 4711};
    int greedy = socket(AF_INET, SOCK_DGRAM, 0), before;

    if (!*(const bool *)*state)
        skip();
    before = count_descriptors();
    assert_int_equal(control_open(&control, &config, err, sizeof err), -ENODEV);
    assert_null(control);
    assert_non_null(strstr(err, "RTCP is not heard"));
    assert_non_null(strstr(err, "nowhere7"));

    assert_int_equal(bind(greedy, (const void *)&rtcp, sizeof rtcp), 0);
    config.interface = "lo";
    assert_int_equal(control_open(&control, &config, err, sizeof err), -EADDRINUSE);
    assert_null(control);
    assert_non_null(strstr(err, GROUP ":5405"));
    assert_null(strchr(err, '\n'));
    assert_int_equal(count_descriptors(), before);

    assert_int_equal(control_poll(control, SSRC, source(STAGE), &report), 0);
    assert_int_equal(report.packets, 4711);
    assert_int_equal(control_reopen(control, err, sizeof err), 0);
    assert_int_equal(counters_of(control).reports, 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_counts),  cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_malformed),      cmocka_unit_test(test_other_places),
        cmocka_unit_test(test_flood),          cmocka_unit_test(test_reopen),
        cmocka_unit_test(test_two_receivers),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_reopen_refused),
    };

    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
