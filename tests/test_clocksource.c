// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The sources of PTP time: which one a word on the command line means, and what each does while others fail.
 * The private parts are reached by including the source.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/host/clocksource.c"

static int64_t realtime_now(void)
{
    struct clock_pair pair;

    clock_pair_read(&pair);
    return pair.realtime_ns;
}

static void wrong_specs_are_refused_in_one_line(void **state)
{
    static const struct {
        const char *spec;
        int domain, result;
        const char *says;
    } cases[] = {
        {"", 0, -EINVAL, "--clock"},
        {"gps", 0, -EINVAL, "gps"},
        {"System", 0, -EINVAL, "System"},
        {"system:", 0, -EINVAL, "system:"},
        {"ptp4l:", 0, -EINVAL, "ptp4l:SOCKET"},
        {"ptp4lx", 0, -EINVAL, "ptp4lx"},
        {"phc", 0, -EINVAL, "phc:INTERFACE"},
        {"phc:", 0, -EINVAL, "phc:INTERFACE"},
        {"phc:/dev/null", 0, -ENOTTY, "/dev/null is not a PTP hardware clock"},
        {"phc:/nowhere/at/all", 0, -ENOENT, "/nowhere/at/all"},
        {"phc:lo", 0, -ENOENT, "phc:lo"},
        {"phc:nosuchif", 0, -ENODEV, "no such network interface"},
        {"phc2", 0, -EINVAL, "phc2"},
        {"system", -1, -EINVAL, "--ptp-domain -1"},
        {"system", 256, -EINVAL, "0 to 255"},
        {"ptp4l:/"
         "012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678"
         "9"
         "0123456",
         0, -EINVAL, "107"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct clock_source *source = NULL;
        char err[256] = "";

        if (clock_source_open(&source, cases[i].spec, cases[i].domain, err, sizeof(err)) != cases[i].result)
            fail_msg("'%s' %d: not %d", cases[i].spec, cases[i].domain, cases[i].result);
        assert_null(source);
        if (!strstr(err, cases[i].says) || strchr(err, '\n'))
            fail_msg("'%s': \"%s\" does not say \"%s\"", cases[i].spec, err, cases[i].says);
    }
}

static void system_is_realtime_as_it_stands(void **state)
{
    struct clock_source *source;
    struct media_clock_config config;
    char err[256];

    (void)state;
    assert_int_equal(clock_source_open(&source, "system", 0, err, sizeof(err)), 0);
    for (int i = 0; i < 100; i++) {
        int64_t raw_before = clock_raw_now().ns, real_before = realtime_now(), real_after;
        struct clock_sample sample;

        assert_int_equal(clock_source_poll(source, &sample), 1);
        real_after = realtime_now();
        assert_true(sample.raw.ns >= raw_before && sample.raw.ns <= clock_raw_now().ns);
        if (real_after >= real_before)
            assert_true(sample.ptp.ns >= real_before && sample.ptp.ns <= real_after);
        assert_true(sample.sigma_ns > 0);
    }
    assert_string_equal(clock_source_status(source)->kind, "system");
    assert_string_equal(clock_source_status(source)->port_state, "");
    assert_false(clock_source_status(source)->proven);
    assert_non_null(strstr(clock_source_status(source)->note, "nothing"));
    clock_source_advice(source, &config);
    assert_true(config.rate_walk_ppb > 0 && config.lock_ns > 0 && config.stale_ns > 0 &&
                config.slew_max_ns > 0);
    clock_source_close(source);
}

/* A ptp4l that is named need not be there; who asks is told. */
static void ptp4l_may_come_later(void **state)
{
    struct clock_source *source;
    struct clock_sample sample;
    struct media_clock_config system_config = *kind_system.advice, config;
    char err[256];

    (void)state;
    assert_int_equal(clock_source_open(&source, "ptp4l:/nowhere/at/all", 3, err, sizeof(err)), 0);
    assert_int_equal(clock_source_poll(source, &sample), -ENOENT);
    assert_string_equal(clock_source_status(source)->kind, "ptp4l");
    assert_int_equal(clock_source_status(source)->domain, 3);
    assert_non_null(strstr(clock_source_status(source)->reason, "/nowhere/at/all"));
    assert_false(clock_source_status(source)->proven);
    clock_source_advice(source, &config);
    assert_true(config.rate_walk_ppb < system_config.rate_walk_ppb);
    clock_source_close(source);
}

static void closing_nothing_is_allowed(void **state)
{
    (void)state;
    clock_source_close(NULL);
}

/* ---- auto ---- */

struct stand_in {
    char dir[64], path[100];
    int fd;
    uint8_t domain;
    bool running;
    pthread_t thread;
};

/* Answers each GET of DEFAULT_DATA_SET in its domain until a message of one octet comes. */
static void *serve_default(void *user)
{
    struct stand_in *s = user;

    for (;;) {
        uint8_t request[256], reply[74] = {0x0d, 0x02, 0, 74};
        struct sockaddr_un from;
        socklen_t size = sizeof(from);
        ssize_t n = recvfrom(s->fd, request, sizeof(request), 0, (struct sockaddr *)&from, &size);

        if (n == 1)
            return NULL;
        if (n != PTPMGMT_GET_LEN || request[4] != s->domain)
            continue;
        reply[4] = s->domain;
        memcpy(reply + 34, request + 20, 10);
        reply[46] = 2;
        reply[49] = 1;
        reply[51] = 22;
        memcpy(reply + 52, request + 52, 2);
        sendto(s->fd, reply, sizeof(reply), 0, (struct sockaddr *)&from, size);
    }
}

static int start_stand_in(void **state)
{
    struct stand_in *s = calloc(1, sizeof(*s));
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    assert_non_null(s);
    snprintf(s->dir, sizeof(s->dir), "/tmp/test_clock.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->path, sizeof(s->path), "%s/socket", s->dir);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", s->path);
    s->domain = 9;
    s->fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_true(s->fd >= 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve_default, s), 0);
    *state = s;
    return 0;
}

static int stop_stand_in(void **state)
{
    struct stand_in *s = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", s->path);
    assert_int_equal(sendto(fd, "", 1, 0, (struct sockaddr *)&address, sizeof(address)), 1);
    pthread_join(s->thread, NULL);
    close(fd);
    close(s->fd);
    unlink(s->path);
    assert_int_equal(rmdir(s->dir), 0);
    free(s);
    return 0;
}

static struct clock_source open_automatically(const char *const *paths, int domain)
{
    struct clock_source source = {.status = {.domain = domain, .port_state = ""}};

    assert_int_equal(open_auto(&source, paths), 0);
    return source;
}

static void auto_takes_a_ptp4l_that_answers(void **state)
{
    const struct stand_in *s = *state;
    const char *const paths[] = {"/nowhere/at/all", s->path, NULL};
    struct clock_source source = open_automatically(paths, 9);

    assert_ptr_equal(source.kind, &kind_ptp4l);
    assert_false(source.seeking);
    ptp4l_close(source.ptp4l);
}

static void auto_falls_back_says_why_and_goes_on_looking(void **state)
{
    const struct stand_in *s = *state;
    const char *const nobody[] = {"/nowhere/at/all", NULL}, *const listening[] = {s->path, NULL};
    struct clock_source source = open_automatically(nobody, 9);
    struct clock_sample sample;

    assert_ptr_equal(source.kind, &kind_system);
    assert_true(source.seeking);
    assert_non_null(strstr(source.status.note, "nothing proves"));
    assert_non_null(strstr(source.status.note, "/nowhere/at/all"));
    assert_string_equal(source.status.reason, "");
    assert_int_equal(clock_source_poll(&source, &sample), 1);
    ptp4l_close(source.ptp4l);

    source = open_automatically(listening, 8);
    assert_ptr_equal(source.kind, &kind_system);
    assert_non_null(strstr(source.status.note, "domain 8"));
    assert_string_equal(source.status.reason, "");
    ptp4l_close(source.ptp4l);
}

/* The reading so many milliseconds after the beginning; the system clock was set by `set_ns` meanwhile. */
static struct clock_pair reading(int64_t ms, int64_t set_ns)
{
    return (struct clock_pair){
        {NS_PER_S + ms * NS_PER_MS}, 1700000000 * NS_PER_S + ms * NS_PER_MS + set_ns, 40};
}

static void leap_second_is_waited_out(void **state)
{
    struct clock_source source = {.status = {.ptp_timescale = true, .utc_offset_s = 37}};
    struct clock_pair now = reading(0, 0);

    (void)state;
    assert_false(settling(&source, &now, true));
    assert_int_equal(source.ahead_ns, 37 * NS_PER_S);
    for (int ms = 60; ms < 1500; ms += 60) { /* it is a second behind, and nobody has told yet */
        now = reading(ms, -NS_PER_S);
        assert_true(settling(&source, &now, true));
    }
    source.status.utc_offset_s = 38;
    now = reading(1500, -NS_PER_S);
    assert_false(settling(&source, &now, true));
    assert_int_equal(now.realtime_ns + source.ahead_ns, reading(1500, 0).realtime_ns + 37 * NS_PER_S);
}

/* Somebody set it: after a while it is taken as it is. */
static void a_clock_that_was_set_is_taken_in_the_end(void **state)
{
    struct clock_source source = {.status = {.ptp_timescale = true, .utc_offset_s = 37}};
    struct clock_pair now = reading(0, 0);

    (void)state;
    assert_false(settling(&source, &now, true));
    now = reading(60, 3600 * NS_PER_S);
    assert_true(settling(&source, &now, true));
    now = reading(10061, 3600 * NS_PER_S);
    assert_false(settling(&source, &now, true));
}

/* Where no ptp4l tells a timescale, there is nothing to wait for. */
static void without_a_timescale_nothing_is_waited_for(void **state)
{
    struct clock_source source = {.status = {.utc_offset_s = 37}};
    struct clock_pair now = reading(0, 0);

    (void)state;
    assert_false(settling(&source, &now, false));
    now = reading(60, -NS_PER_S);
    assert_false(settling(&source, &now, false));
    assert_int_equal(source.ahead_ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_specs_are_refused_in_one_line),
        cmocka_unit_test(system_is_realtime_as_it_stands),
        cmocka_unit_test(ptp4l_may_come_later),
        cmocka_unit_test(closing_nothing_is_allowed),
        cmocka_unit_test(leap_second_is_waited_out),
        cmocka_unit_test(a_clock_that_was_set_is_taken_in_the_end),
        cmocka_unit_test(without_a_timescale_nothing_is_waited_for),
        cmocka_unit_test_setup_teardown(auto_takes_a_ptp4l_that_answers, start_stand_in, stop_stand_in),
        cmocka_unit_test_setup_teardown(auto_falls_back_says_why_and_goes_on_looking, start_stand_in,
                                        stop_stand_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
