// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "receiver/delay.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct delay_place cold = {96000, 0}, warm = {48000, 20};

static void test_reads(void **state)
{
    static const struct {
        const char *text;
        const struct delay_place *place;
        int64_t ns;
    } rows[] = {
        {"0", &warm, 0},
        {"2.9", &warm, 2900000},
        {"2.9ms", &warm, 2900000},
        {" 2.9 MS ", &warm, 2900000},
        {"1000", &warm, 1000000000},
        {"140samples", &warm, 2916667},
        {"140smp", &cold, 1458333},
        {"96000 samples", &cold, 1000000000},
        {"12.5m", &cold, 37730154},
        {"12.5m", &warm, 36420360},
        {"+1.m", &cold, 3018412},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct delay delay;
        int64_t ns = -1;
        char why[128];

        assert_int_equal(delay_parse(rows[i].text, &delay, why, sizeof why), 0);
        assert_int_equal(delay_resolve(&delay, rows[i].place, &ns, why, sizeof why), 0);
        assert_int_equal(ns, rows[i].ns);
    }
}

static void test_refuses(void **state)
{
    static const char *const texts[] = {"",         " ",   "ms",         "m",    "-1",   "-0.1m", "1s",
                                        "1 sample", "1e3", "nan",        "inf",  "0x10", "1..2",  "1m2",
                                        "1,5",      "--1", "12.5metres", "1 2m", "1m\n", "5feet", "\xff"};
    struct delay delay;
    char why[128];

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_int_equal(delay_parse(texts[i], &delay, why, sizeof why), -EINVAL);
        assert_string_equal(why,
                            "allowed are 0 to 1000 ms, also as samples (140smp) or metres of air (12.5m)");
    }
}

static void test_range(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"1000.1", "allowed are 0 to 1000 ms"},
        {"48001smp", "that is 1000.0 ms; allowed are 0 to 1000 ms"},
        {"400m", "that is 1165.5 ms; allowed are 0 to 1000 ms"},
        {"999999999999999", "allowed are 0 to 1000 ms"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct delay delay;
        int64_t ns = -1;
        char why[128];

        assert_int_equal(delay_parse(rows[i].text, &delay, why, sizeof why), 0);
        assert_int_equal(delay_resolve(&delay, &warm, &ns, why, sizeof why), -ERANGE);
        assert_string_equal(why, rows[i].why);
        assert_int_equal(ns, -1);
    }
}

static void test_speed(void **state)
{
    (void)state;
    assert_true(fabs(delay_sound_m_s(0) - 331.3) < 1e-9);
    assert_true(fabs(delay_sound_m_s(20) - 343.2) < 0.05);
    assert_true(fabs(delay_sound_m_s(-20) - 318.9) < 0.1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_speed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
