// SPDX-License-Identifier: GPL-3.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sender/muster.h"

static char why[256];

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        int result;
        unsigned count, names;
    } rows[] = {
        {"1", 0, 1, 0},
        {"4096", 0, 4096, 0},
        {"0", -EINVAL, 0, 0},
        {"4097", -EINVAL, 0, 0},
        {"tower", 0, 0, 1},
        {"a,b , c d", 0, 0, 3},
        {"a,", -EINVAL, 0, 0},
        {",a", -EINVAL, 0, 0},
        {"a,,b", -EINVAL, 0, 0},
        {" ", -EINVAL, 0, 0},
        {"3 towers", 0, 0, 1},
        {"-1", 0, 0, 1},
        {"99999999999999999999999999", 0, 0, 1},
    };
    struct muster m;
    char text[2000] = "x";

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int result = muster_parse(rows[i].text, &m, why, sizeof why);

        if (result != rows[i].result)
            fail_msg("%s: %d", rows[i].text, result);
        assert_int_equal(muster_check(rows[i].text, why, sizeof why), rows[i].result);
        if (result == 0) {
            assert_int_equal(m.count, rows[i].count);
            assert_int_equal(m.names, rows[i].names);
        }
    }
    assert_int_equal(muster_parse("a, b c ,d", &m, why, sizeof why), 0);
    assert_string_equal(m.name[1], "b c");
    for (int i = 1; i < MUSTER_NAMES_MAX; i++)
        strcat(text, ",x");
    assert_int_equal(muster_parse(text, &m, why, sizeof why), 0);
    strcat(text, ",x");
    assert_int_equal(muster_parse(text, &m, why, sizeof why), -EINVAL);
    memset(text, 'y', ROSTER_NAME_SIZE);
    text[ROSTER_NAME_SIZE] = '\0';
    assert_int_equal(muster_parse(text, &m, why, sizeof why), -EINVAL);
}

static void join(struct roster *r, uint32_t ssrc, const char *cname, const char *name, bool ready,
                 double at_s)
{
    struct rtcp_report said = {.ssrc = ssrc,
                               .cname_len = (uint8_t)strlen(cname),
                               .has_telemetry = true,
                               .telemetry = {.device_present = ready, .clock_state = MEDIA_CLOCK_LOCKED}};
    size_t place;

    snprintf(said.cname, sizeof said.cname, "%s", cname);
    snprintf(said.name, sizeof said.name, "%s", name);
    roster_hear(r, &said, 1, (raw_ns){(int64_t)(at_s * 1e9)}, &place);
}

static bool complete(const char *text, const struct roster *r, double at_s)
{
    struct muster m;

    assert_int_equal(muster_parse(text, &m, why, sizeof why), 0);
    why[0] = '\0';
    return muster_complete(&m, r, (raw_ns){(int64_t)(at_s * 1e9)}, why, sizeof why);
}

/* By number and by name, whatever the name is taken from; those who cannot play are not ready. */
static void test_complete(void **state)
{
    struct roster *r = roster_create(8, 1);
    struct rtcp_report sender = {.ssrc = 9, .has_sr = true, .cname_len = 5, .cname = "stage"};
    size_t place;

    (void)state;
    roster_hear(r, &sender, 1, (raw_ns){0}, &place);
    assert_false(complete("1", r, 1));
    assert_string_equal(why, "0 of 1 receivers are ready");
    assert_false(complete("stage", r, 1)); /* a sender is no receiver */
    join(r, 1, "hw:0@alpha", "Lobby left", true, 1);
    join(r, 2, "hw:0@beta", "", true, 1);
    assert_true(complete("2", r, 2));
    assert_false(complete("3", r, 2));
    assert_true(complete("lobby LEFT, beta", r, 2));
    assert_true(complete("alpha,hw:0@beta", r, 2));
    assert_false(complete("lobby left,gamma", r, 2));
    assert_string_equal(why, "gamma (not heard of)");
    join(r, 3, "hw:0@gamma", "", false, 2);
    assert_false(complete("3", r, 2));
    assert_string_equal(why, "2 of 3 receivers are ready, others lack a device or a clock");
    assert_false(complete("gamma,delta", r, 2));
    assert_string_equal(why, "gamma (no sound device), delta (not heard of)");
    join(r, 3, "hw:0@gamma", "", true, 3);
    assert_true(complete("gamma", r, 3));
    assert_true(complete("3", r, 3));
    assert_false(complete("3", r, 30)); /* nothing was heard since */
    assert_false(complete("alpha", r, 30));
    assert_string_equal(why, "alpha (silent)");
    roster_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
