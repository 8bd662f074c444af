// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The host's clocks and the sources of PTP time. What can be made up is made up; of the real clocks only
 * order is claimed, never a duration. The private parts are reached by including the source.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <signal.h>
#include <unistd.h>

#include "proto/host/clock.c"

/* ---- reading ---- */

static void pairs_lie_between_the_readings_around_them(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t raw_before = read_clock(CLOCK_MONOTONIC_RAW), real_before = read_clock(CLOCK_REALTIME);
        struct clock_pair pair;
        int64_t raw_after, real_after;

        clock_pair_read(&pair);
        real_after = read_clock(CLOCK_REALTIME);
        raw_after = read_clock(CLOCK_MONOTONIC_RAW);
        assert_true(pair.width_ns >= 0);
        assert_true(pair.raw.ns >= raw_before && pair.raw.ns <= raw_after);
        assert_true(pair.width_ns <= raw_after - raw_before);
        if (real_after >= real_before)
            assert_true(pair.realtime_ns >= real_before && pair.realtime_ns <= real_after);
    }
}

static void sigma_of_a_pair_is_half_its_width(void **state)
{
    const struct clock_pair wide = {.width_ns = 240}, narrow = {.width_ns = 0};

    (void)state;
    assert_true(clock_pair_sigma(&wide) == 120);
    assert_true(clock_pair_sigma(&narrow) == 5);
}

static void stamps_are_carried_to_raw(void **state)
{
    const struct clock_pair now = {{1000 * NS_PER_S}, INT64_C(1795240951000000123), 40};
    static const struct {
        int64_t age, expected; /* before now */
    } cases[] = {
        {0, 0},
        {250, 250},
        {NS_PER_MS, NS_PER_MS},
        {NS_PER_S, NS_PER_S},
        {NS_PER_S + 1, 0},        /* too old to be true */
        {-1, 0},                  /* from the future: the clock was set back */
        {-3600 * NS_PER_S, 0},    /* by an hour */
        {3600 * NS_PER_S, 0},     /* or forward */
        {1795240951000000123, 0}, /* no stamp at all */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(clock_raw_of_stamp(&now, now.realtime_ns - cases[i].age).ns ==
                    now.raw.ns - cases[i].expected);
}

static void sleep_is_never_short(void **state)
{
    raw_ns start = clock_raw_now();

    (void)state;
    for (int i = -1; i < 5; i++) {
        raw_ns deadline = {start.ns + i * 300 * NS_PER_US};

        assert_int_equal(clock_sleep_until(deadline), 0);
        assert_true(clock_raw_now().ns >= deadline.ns);
    }
    /* long past: no sleep, and no error for the negative rest */
    assert_int_equal(clock_sleep_until((raw_ns){-NS_PER_S}), 0);
}

static void on_signal(int number)
{
    (void)number;
}

static void sleep_ends_by_a_signal(void **state)
{
    const struct sigaction action = {.sa_handler = on_signal};
    const struct itimerval again = {{0, 10000}, {0, 10000}}, never = {{0, 0}, {0, 0}};
    struct sigaction before;

    (void)state;
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &again, NULL), 0);
    assert_int_equal(clock_sleep_until((raw_ns){clock_raw_now().ns + 600 * NS_PER_S}), -EINTR);
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
}

static void timeouts_are_what_is_left(void **state)
{
    struct timespec t = clock_timeout((raw_ns){5}, (raw_ns){5 + 3 * NS_PER_S + 7});

    (void)state;
    assert_int_equal(t.tv_sec, 3);
    assert_int_equal(t.tv_nsec, 7);
    t = clock_timeout((raw_ns){5}, (raw_ns){4});
    assert_int_equal(t.tv_sec, 0);
    assert_int_equal(t.tv_nsec, 0);
}

/* ---- sources ---- */

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
        {"phc", 0, -ENOTSUP, "not available yet"},
        {"phc:/dev/ptp0", 0, -ENOTSUP, "phc:/dev/ptp0"},
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
        int64_t raw_before = clock_raw_now().ns, real_before = read_clock(CLOCK_REALTIME), real_after;
        struct clock_sample sample;

        assert_int_equal(clock_source_poll(source, &sample), 1);
        real_after = read_clock(CLOCK_REALTIME);
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
    assert_true(config.rate_walk_ppb > 0 && config.lock_ns > 0 && config.stale_ns > 0 && config.step_ns > 0);
    clock_source_close(source);
}

/* A ptp4l that is named need not be there; who asks is told. */
static void ptp4l_may_come_later(void **state)
{
    struct clock_source *source;
    struct clock_sample sample;
    struct media_clock_config system_config = kind_system.advice, config;
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
    assert_non_null(source.ptp4l);
    ptp4l_close(source.ptp4l);
}

static void auto_falls_back_and_says_why(void **state)
{
    const struct stand_in *s = *state;
    const char *const nobody[] = {"/nowhere/at/all", NULL}, *const listening[] = {s->path, NULL};
    struct clock_source source = open_automatically(nobody, 9);

    assert_ptr_equal(source.kind, &kind_system);
    assert_null(source.ptp4l);
    assert_non_null(strstr(source.status.note, "nothing proves"));
    assert_non_null(strstr(source.status.note, "/nowhere/at/all"));
    assert_string_equal(source.status.reason, "");

    source = open_automatically(listening, 8);
    assert_ptr_equal(source.kind, &kind_system);
    assert_non_null(strstr(source.status.note, "domain 8"));
    assert_string_equal(source.status.reason, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_lie_between_the_readings_around_them),
        cmocka_unit_test(sigma_of_a_pair_is_half_its_width),
        cmocka_unit_test(stamps_are_carried_to_raw),
        cmocka_unit_test(sleep_is_never_short),
        cmocka_unit_test(sleep_ends_by_a_signal),
        cmocka_unit_test(timeouts_are_what_is_left),
        cmocka_unit_test(wrong_specs_are_refused_in_one_line),
        cmocka_unit_test(system_is_realtime_as_it_stands),
        cmocka_unit_test(ptp4l_may_come_later),
        cmocka_unit_test(closing_nothing_is_allowed),
        cmocka_unit_test_setup_teardown(auto_takes_a_ptp4l_that_answers, start_stand_in, stop_stand_in),
        cmocka_unit_test_setup_teardown(auto_falls_back_and_says_why, start_stand_in, stop_stand_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
