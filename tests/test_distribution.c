// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "receiver/distribution.h"

static const struct distribution none;

static void test_empty(void **state)
{
    (void)state;
    assert_true(isnan(distribution_quantile(&none, &none, 0.5)));
    assert_true(isnan(distribution_magnitude(&none, &none, 0.99)));
}

/* Each magnitude comes back within 4 %, small ones exactly, with its sign; the largest stay the largest. */
static void test_values(void **state)
{
    (void)state;
    for (int64_t value = 0; value < 60000000; value += 1 + value / 37) {
        struct distribution t = none;
        double bound = value < 16 ? 0 : 0.04 * (double)value;

        distribution_add(&t, value);
        assert_true(fabs(distribution_quantile(&t, &none, 0.5) - (double)value) <= bound);
        assert_true(fabs(distribution_magnitude(&t, &none, 0.5) - (double)value) <= bound);
        t = none;
        distribution_add(&t, -value);
        assert_true(fabs(distribution_quantile(&t, &none, 0.5) + (double)value) <= bound);
        assert_true(fabs(distribution_magnitude(&t, &none, 0.5) - (double)value) <= bound);
    }
    for (int sign = -1; sign <= 1; sign += 2) {
        struct distribution t = none;

        distribution_add(&t, sign < 0 ? INT64_MIN : INT64_MAX);
        assert_true(distribution_quantile(&t, &none, 0.5) * sign > 6e7);
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Against the sorted numbers, of which the older half is to be forgotten. */
static void test_quantiles(void **state)
{
    enum { COUNT = 20000 };
    static double values[COUNT], magnitudes[COUNT];
    struct distribution t = none, before;

    (void)state;
    srand(1);
    for (int i = 0; i < 5000; i++)
        distribution_add(&t, 1000000 + i);
    before = t;
    for (int i = 0; i < COUNT; i++) {
        values[i] = round((rand() / (double)RAND_MAX - 0.3) * 40000);
        magnitudes[i] = fabs(values[i]);
        distribution_add(&t, (int64_t)values[i]);
    }
    qsort(values, COUNT, sizeof *values, ascending);
    qsort(magnitudes, COUNT, sizeof *magnitudes, ascending);
    for (int percent = 1; percent <= 99; percent += 7) {
        double value = values[COUNT * percent / 100 - 1], magnitude = magnitudes[COUNT * percent / 100 - 1];

        assert_true(fabs(distribution_quantile(&t, &before, percent / 100.0) - value) <=
                    0.04 * fabs(value) + 1);
        assert_true(fabs(distribution_magnitude(&t, &before, percent / 100.0) - magnitude) <=
                    0.04 * magnitude + 1);
    }
    assert_true(distribution_quantile(&t, &before, 0) <= 0.95 * values[0]);
    assert_true(distribution_magnitude(&t, &before, 1) >= 0.95 * magnitudes[COUNT - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_quantiles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
