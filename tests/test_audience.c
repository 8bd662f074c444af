// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Who listens, as the sender counts them, against the real kernel, in a network namespace of its own. Where
 * the kernel grants none, the tests are skipped. On the loopback a datagram has come when send() returns:
 * nothing waits.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/host/clock.h"
#include "proto/host/log.h"
#include "proto/host/net.h"
#include "proto/host/stats.h"
#include "proto/rtcp.h"
#include "sender/audience.h"

#define GROUP "239.69.83.11"
#define PORT  5504 /* RTCP: 5505 */
#define SSRC  0x5eed1e55u

static char err[512];

/* ---- surroundings ----------------------------------------------------------------------------------- */

static int enter_namespace(void **state)
{
    struct ifreq what = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    static bool granted;
    int fd;

    granted = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    *state = &granted;
    if (!granted)
        return 0;
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &what), 0);
    close(fd);
    return 0;
}

static struct sockaddr_in group_at(unsigned port)
{
    struct sockaddr_in result = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    assert_int_equal(inet_pton(AF_INET, GROUP, &result.sin_addr), 1);
    return result;
}

static struct audience *open_audience(void **state, raw_ns now)
{
    struct audience_config config = {
        .group = group_at(PORT), .interface = "lo", .ssrc = SSRC, .session_bytes_per_s = 288000};
    struct audience *audience = NULL;

    if (!*(const bool *)*state)
        skip();
    if (audience_open(&audience, &config, now, err, sizeof err) < 0)
        fail_msg("%s", err);
    return audience;
}

static int open_mouth(struct sockaddr_in *own)
{
    struct net_transmit_config config = {.group = group_at(PORT + 1)};
    socklen_t len = sizeof *own;
    int fd;

    assert_int_equal(net_find_interface("lo", &config.group, &config.interface, err, sizeof err), 0);
    fd = net_open_transmit(&config, err, sizeof err);
    assert_true(fd >= 0);
    if (own)
        assert_int_equal(getsockname(fd, (void *)own, &len), 0);
    return fd;
}

/* A receiver's report of how the stream `about` arrives; */
static void report(int mouth, uint32_t ssrc, const char *name, uint32_t about, uint8_t fraction, bool bye)
{
    struct rtcp_report said = {.ssrc = ssrc,
                               .has_block = about != 0,
                               .block = {.ssrc = about, .fraction_lost = fraction},
                               .cname_len = (uint8_t)strlen(name),
                               .bye = bye};
    uint8_t bytes[RTCP_COMPOUND_MAX];
    size_t len;

    snprintf(said.cname, sizeof said.cname, "%s", name);
    len = rtcp_build(bytes, &said);
    assert_int_equal(send(mouth, bytes, len, 0), len);
}

/* The newest line of statistics, and what was logged meanwhile, in files of their own. */
struct told {
    char folder[32], stats_path[64], log_path[64];
    char line[8192], log[8192];
};

static void read_end(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    size_t len;

    assert_non_null(file);
    len = fread(text, 1, size - 1, file);
    text[len] = '\0';
    fclose(file);
}

static void tell(struct audience *audience, struct told *told)
{
    struct stats *stats;
    int log;

    snprintf(told->folder, sizeof told->folder, "/tmp/audience.XXXXXX");
    assert_non_null(mkdtemp(told->folder));
    snprintf(told->stats_path, sizeof told->stats_path, "%s/stats", told->folder);
    snprintf(told->log_path, sizeof told->log_path, "%s/log", told->folder);
    assert_int_equal(stats_open(&stats, told->stats_path, err, sizeof err), 0);
    log = open(told->log_path, O_CREAT | O_WRONLY, 0600);
    assert_true(log >= 0);
    log_start(&(struct log_config){"test", LOG_LEVEL_INFO, log});
    audience_listen(audience, clock_raw_now());
    stats_begin(stats);
    audience_report(audience, stats);
    stats_end(stats);
    log_start(&(struct log_config){"test", LOG_LEVEL_INFO, STDERR_FILENO});
    stats_close(stats);
    close(log);
    read_end(told->stats_path, told->line, sizeof told->line);
    read_end(told->log_path, told->log, sizeof told->log);
    unlink(told->stats_path);
    unlink(told->log_path);
    rmdir(told->folder);
}

static unsigned count_lines(const char *text)
{
    unsigned count = 0;

    for (; *text; text++)
        count += *text == '\n';
    return count;
}

static void assert_says(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no %s in: %s", part, text);
}

/* ---- tests ------------------------------------------------------------------------------------------- */

/* They come, tell what they lost, and go. Each is named. */
static void test_counts(void **state)
{
    struct audience *audience = open_audience(state, clock_raw_now());
    int mouth = open_mouth(NULL);
    struct told told;

    tell(audience, &told);
    assert_says(told.line, "\"receivers\":0,\"receiver_loss_worst_percent\":null");
    assert_string_equal(told.log, "");
    report(mouth, 1, "hw:0@one", SSRC, 0, false);
    report(mouth, 2, "hw:0@two", SSRC, 64, false);
    report(mouth, 2, "hw:0@two", SSRC, 32, false);
    tell(audience, &told);
    assert_says(told.line, "\"receivers\":2,\"receiver_loss_worst_percent\":25");
    assert_says(told.line, "\"rtcp_heard\":3,\"rtcp_malformed\":0");
    assert_says(told.log, "receiver hw:0@one joined\n");
    assert_says(told.log, "receiver hw:0@two joined\n");
    assert_int_equal(count_lines(told.log), 2);

    report(mouth, 1, "hw:0@one", SSRC, 255, true);
    tell(audience, &told);
    assert_says(told.line, "\"receivers\":1,");
    assert_says(told.log, "receiver hw:0@one left\n");
    assert_int_equal(count_lines(told.log), 1);
    tell(audience, &told);
    assert_string_equal(told.log, "");
    close(mouth);
    audience_close(audience);
}

/* Ourselves, another sender, a report about another stream, a BYE of a stranger, garbage. */
static void test_no_receivers(void **state)
{
    struct audience *audience = open_audience(state, clock_raw_now());
    struct sockaddr_in own;
    int mouth = open_mouth(NULL), mine = open_mouth(&own);
    struct rtcp_report said = {.ssrc = SSRC, .has_sr = true, .cname_len = 5, .cname = "stage"};
    uint8_t bytes[RTCP_COMPOUND_MAX];
    size_t len = rtcp_build(bytes, &said);
    struct told told;

    audience_reported(audience, &own, len, clock_raw_now());
    assert_int_equal(send(mine, bytes, len, 0), len);
    said.ssrc = 9;
    assert_int_equal(send(mouth, bytes, rtcp_build(bytes, &said), 0), len);
    report(mouth, 3, "stranger", SSRC, 99, true);
    assert_int_equal(send(mouth, bytes, 7, 0), 7);
    tell(audience, &told);
    assert_says(told.line, "\"receivers\":0,");
    assert_says(told.line, "\"rtcp_heard\":2,\"rtcp_malformed\":1");
    assert_string_equal(told.log, "");
    report(mouth, 4, "hw:0@four", 77, 99, false); /* listens to another stream of the group */
    tell(audience, &told);
    assert_says(told.line, "\"receivers\":1,");
    assert_says(told.line, "\"receiver_loss_worst_percent\":null");
    close(mouth);
    close(mine);
    audience_close(audience);
}

/* Sixty at once: three by name, all in one line; and whoever is silent is missed. */
static void test_crowd(void **state)
{
    raw_ns long_ago = {clock_raw_now().ns - 3600 * NS_PER_S};
    struct audience *audience = open_audience(state, long_ago);
    int mouth = open_mouth(NULL);
    struct told told;
    char name[32];

    for (uint32_t i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "hw:0@host%u", i);
        report(mouth, 100 + i, name, SSRC, 0, false);
    }
    tell(audience, &told);
    assert_says(told.line, "\"receivers\":60,");
    assert_says(told.log, "receiver hw:0@host2 joined\n");
    assert_says(told.log, "57 are not named here: 60 now");
    assert_int_equal(count_lines(told.log), 4);
    /* five intervals of 5 s */
    audience_listen(audience, (raw_ns){clock_raw_now().ns + 24 * NS_PER_S});
    tell(audience, &told);
    assert_says(told.line, "\"receivers\":60,");
    audience_listen(audience, (raw_ns){clock_raw_now().ns + 40 * NS_PER_S});
    tell(audience, &told);
    assert_says(told.line, "\"receivers\":0,");
    assert_says(told.log, "of the receivers 60 fell silent: 0 now");
    assert_int_equal(count_lines(told.log), 1);
    close(mouth);
    audience_close(audience);
}

/* Our SSRC from elsewhere: said once. */
static void test_collision(void **state)
{
    struct audience *audience = open_audience(state, clock_raw_now());
    int mouth = open_mouth(NULL);
    struct told told;

    for (int i = 0; i < 5; i++)
        report(mouth, SSRC, "echo", SSRC, 0, false);
    tell(audience, &told);
    assert_says(told.log, "has our SSRC 5eed1e55");
    assert_int_equal(count_lines(told.log), 1);
    assert_says(told.line, "\"receivers\":0,");
    close(mouth);
    audience_close(audience);
}

/* Losses are told for two intervals of 5 s, no longer. */
static void test_losses_pass(void **state)
{
    struct audience *audience = open_audience(state, clock_raw_now());
    raw_ns now = clock_raw_now();
    int mouth = open_mouth(NULL);
    struct told told;

    audience_listen(audience, now);
    report(mouth, 1, "hw:0@one", SSRC, 128, false);
    tell(audience, &told);
    assert_says(told.line, "\"receiver_loss_worst_percent\":50");
    audience_listen(audience, (raw_ns){now.ns + 6 * NS_PER_S});
    report(mouth, 1, "hw:0@one", SSRC, 0, false);
    tell(audience, &told);
    assert_says(told.line, "\"receiver_loss_worst_percent\":50");
    audience_listen(audience, (raw_ns){now.ns + 12 * NS_PER_S});
    tell(audience, &told);
    assert_says(told.line, "\"receiver_loss_worst_percent\":0,");
    audience_listen(audience, (raw_ns){now.ns + 18 * NS_PER_S});
    tell(audience, &told);
    assert_says(told.line, "\"receiver_loss_worst_percent\":null");
    close(mouth);
    audience_close(audience);
}

/* Without an ear all can be called. */
static void test_refused(void **state)
{
    struct audience_config config = {.group = group_at(PORT), .interface = "nowhere7", .ssrc = SSRC};
    struct audience *audience = (void *)&config;
    struct sockaddr_in own = {0};
    struct told told;

    if (!*(const bool *)*state)
        skip();
    assert_int_equal(audience_open(&audience, &config, clock_raw_now(), err, sizeof err), -ENODEV);
    assert_null(audience);
    assert_says(err, "RTCP is not heard");
    audience_reported(audience, &own, 100, clock_raw_now());
    assert_int_equal(audience_reopen(audience, err, sizeof err), 0);
    tell(audience, &told);
    assert_says(told.line, "\"receivers\":null");
    audience_close(audience);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),    cmocka_unit_test(test_no_receivers), cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_collision), cmocka_unit_test(test_losses_pass),  cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
