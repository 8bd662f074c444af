// SPDX-License-Identifier: GPL-3.0-or-later
/* When announcements are due, in virtual time. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/saptimer.h"

#define OCTETS  600
#define STEP_NS (10 * NS_PER_MS)

static raw_ns at_s(int64_t s)
{
    return (raw_ns){1000 * NS_PER_S + s * NS_PER_S};
}

/* Runs until the next announcement, which is sent; how long it took. */
static int64_t next(struct sap_timer *t, raw_ns *now, size_t octets)
{
    const raw_ns begun = *now;

    while (!sap_timer_due(t, *now)) {
        now->ns += STEP_NS;
        assert_true(now->ns - begun.ns < 3600 * NS_PER_S);
    }
    sap_timer_sent(t, octets, *now);
    return now->ns - begun.ns;
}

static void test_schedule(void **state)
{
    struct sap_timer t;
    raw_ns now = at_s(0);
    int64_t least = INT64_MAX, most = 0, sum = 0;

    (void)state;
    sap_timer_start(&t, 1, now);
    assert_int_equal(next(&t, &now, OCTETS), 0);
    assert_int_equal(next(&t, &now, OCTETS), NS_PER_S);
    assert_int_equal(next(&t, &now, OCTETS), 2 * NS_PER_S);
    for (int i = 0; i < 1000; i++) {
        int64_t took = next(&t, &now, OCTETS);

        least = took < least ? took : least;
        most = took > most ? took : most;
        sum += took;
    }
    /* 5 s and a third more or less, all of it used */
    assert_in_range(least, 10 * NS_PER_S / 3, 10 * NS_PER_S / 3 + 100 * NS_PER_MS);
    assert_in_range(most, 20 * NS_PER_S / 3 - 100 * NS_PER_MS, 20 * NS_PER_S / 3 + STEP_NS);
    assert_in_range(sum / 1000, 4850 * NS_PER_MS, 5150 * NS_PER_MS);
}

static void hear(struct sap_timer *t, unsigned from, unsigned count, bool deletion, raw_ns now)
{
    for (unsigned i = from; i < from + count; i++)
        sap_timer_heard(t, (struct in_addr){htonl(0x0a000000 + i / 2)}, (uint16_t)(1 + i % 2), deletion, now);
}

/* RFC 2974 section 3.1: all announcements together 4000 bit/s */
static void test_bandwidth(void **state)
{
    struct sap_timer t;
    raw_ns now = at_s(0);

    (void)state;
    sap_timer_start(&t, 2, now);
    for (int i = 0; i < 3; i++)
        next(&t, &now, OCTETS);
    assert_int_equal(sap_timer_interval_ns(&t), 5 * NS_PER_S); /* 8 * 600 / 4000 = 1.2 s */
    hear(&t, 0, 3, false, now);
    assert_int_equal(sap_timer_interval_ns(&t), 5 * NS_PER_S);
    hear(&t, 0, 3, false, now); /* the same again */
    hear(&t, 3, 6, false, now);
    assert_int_equal(sap_timer_interval_ns(&t), 12 * NS_PER_S); /* ten in all */
    assert_in_range(next(&t, &now, OCTETS), 8 * NS_PER_S, 16 * NS_PER_S + STEP_NS);
    hear(&t, 0, 9, true, now);
    hear(&t, 0, 9, true, now); /* of those that nobody knows */
    assert_int_equal(sap_timer_interval_ns(&t), 5 * NS_PER_S);

    /* a flood is counted up to a limit */
    hear(&t, 0, 5000, false, now);
    assert_int_equal(sap_timer_interval_ns(&t), 1200 * NS_PER_MS * (1 + SAP_TIMER_ADS_MAX));
    sap_timer_changed(&t, now);
    assert_true(sap_timer_due(&t, now));
}

/* An interval that runs becomes longer when others are heard meanwhile. */
static void test_reconsidered(void **state)
{
    struct sap_timer t;
    raw_ns now = at_s(0);

    (void)state;
    sap_timer_start(&t, 3, now);
    for (int i = 0; i < 3; i++)
        next(&t, &now, OCTETS);
    hear(&t, 0, 99, false, now);
    assert_in_range(next(&t, &now, OCTETS), 80 * NS_PER_S, 160 * NS_PER_S + STEP_NS);
}

static void test_forgotten(void **state)
{
    struct sap_timer t;
    raw_ns now = at_s(0);

    (void)state;
    sap_timer_start(&t, 4, now);
    for (int i = 0; i < 3; i++)
        next(&t, &now, OCTETS);
    hear(&t, 0, 99, false, now);
    now.ns += 600 * NS_PER_S;
    hear(&t, 0, 19, false, now);
    assert_int_equal(sap_timer_interval_ns(&t), 120 * NS_PER_S);
    now.ns += 400 * NS_PER_S;
    hear(&t, 0, 1, false, now);
    assert_int_equal(sap_timer_interval_ns(&t), 24 * NS_PER_S); /* 19 and ours */
}

/* At once, and the two after it; a change in between begins anew. */
static void test_changed(void **state)
{
    struct sap_timer t;
    raw_ns now = at_s(0);

    (void)state;
    sap_timer_start(&t, 5, now);
    for (int i = 0; i < 10; i++)
        next(&t, &now, OCTETS);
    now.ns += STEP_NS;
    assert_false(sap_timer_due(&t, now));
    sap_timer_changed(&t, now);
    assert_int_equal(next(&t, &now, OCTETS), 0);
    assert_int_equal(next(&t, &now, OCTETS), NS_PER_S);
    sap_timer_changed(&t, now);
    assert_int_equal(next(&t, &now, OCTETS), 0);
    assert_int_equal(next(&t, &now, OCTETS), NS_PER_S);
    assert_int_equal(next(&t, &now, OCTETS), 2 * NS_PER_S);
    assert_in_range(next(&t, &now, OCTETS), 10 * NS_PER_S / 3, 20 * NS_PER_S / 3 + STEP_NS);
}

/* Two that started together do not stay together. */
static void test_seeds(void **state)
{
    struct sap_timer a, b;
    raw_ns now_a = at_s(0), now_b = now_a;
    unsigned same = 0;

    (void)state;
    sap_timer_start(&a, 6, now_a);
    sap_timer_start(&b, 7, now_b);
    for (int i = 0; i < 103; i++)
        same += next(&a, &now_a, OCTETS) == next(&b, &now_b, OCTETS);
    assert_in_range(same, 3, 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedule),     cmocka_unit_test(test_bandwidth),
        cmocka_unit_test(test_reconsidered), cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_changed),      cmocka_unit_test(test_seeds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
