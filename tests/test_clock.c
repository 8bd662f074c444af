// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The host's clocks. What can be made up is made up; of the real clocks only order is claimed, never a
 * duration. The private parts are reached by including the source.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/time.h>
#include <signal.h>
#include <unistd.h>

#include "proto/host/clock.c"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_lie_between_the_readings_around_them),
        cmocka_unit_test(sigma_of_a_pair_is_half_its_width),
        cmocka_unit_test(stamps_are_carried_to_raw),
        cmocka_unit_test(sleep_is_never_short),
        cmocka_unit_test(sleep_ends_by_a_signal),
        cmocka_unit_test(timeouts_are_what_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
