// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/roster.h"

#define ADDRESS UINT64_C(0x0100000a)

static raw_ns at(double s)
{
    return (raw_ns){(int64_t)(s * 1e9)};
}

static struct rtcp_report report(uint32_t ssrc, const char *cname)
{
    struct rtcp_report r = {.ssrc = ssrc, .cname_len = (uint8_t)strlen(cname)};

    snprintf(r.cname, sizeof r.cname, "%s", cname);
    return r;
}

/* Joins, is known, says who it is, leaves. */
static void test_life(void **state)
{
    struct roster *r = roster_create(8, 1);
    struct rtcp_report said = report(7, "hw:0@tower");
    const struct roster_member *m;
    char device[ROSTER_CNAME_SIZE];
    size_t place = 99, again = 99;

    (void)state;
    assert_int_equal(roster_hear(r, &said, ADDRESS, at(1), &place), ROSTER_JOINED);
    m = roster_at(r, place);
    assert_non_null(m);
    assert_string_equal(roster_name(m), "tower");
    snprintf(said.name, sizeof said.name, "delay tower left");
    said.has_telemetry = true;
    said.telemetry.xruns = 3;
    assert_int_equal(roster_hear(r, &said, ADDRESS, at(2), &again), ROSTER_KNOWN);
    assert_int_equal(again, place);
    said.name[0] = '\0';
    said.has_telemetry = false;
    assert_int_equal(roster_hear(r, &said, ADDRESS, at(3), &again), ROSTER_KNOWN);
    assert_string_equal(roster_name(m), "delay tower left");
    assert_true(m->has_telemetry && m->telemetry.xruns == 3 && m->telemetry_at.ns == at(2).ns);
    assert_int_equal(m->reports, 3);
    assert_int_equal(m->gap_ns, NS_PER_S);
    roster_device(m, device, sizeof device);
    assert_string_equal(device, "hw:0");
    assert_string_equal(roster_host(m), "tower");
    said.bye = true;
    assert_int_equal(roster_hear(r, &said, ADDRESS, at(4), &again), ROSTER_LEFT);
    assert_int_equal(again, place);
    roster_forget(r, place);
    assert_null(roster_at(r, place));
    assert_int_equal(roster_count(r), 0);
    assert_int_equal(roster_hear(r, &said, ADDRESS, at(5), &again), ROSTER_IGNORED);
    roster_destroy(r);
}

/* Without a name nobody is a member; nor is the same SSRC at another address the same one. */
static void test_who(void **state)
{
    struct roster *r = roster_create(8, 1);
    struct rtcp_report nameless = {.ssrc = 7}, said = report(7, "hw:0@tower");
    size_t place, other;

    (void)state;
    assert_int_equal(roster_hear(r, &nameless, ADDRESS, at(1), &place), ROSTER_IGNORED);
    assert_int_equal(roster_hear(r, &said, ADDRESS, at(1), &place), ROSTER_JOINED);
    assert_int_equal(roster_hear(r, &said, ADDRESS + 1, at(1), &other), ROSTER_JOINED);
    assert_int_not_equal(place, other);
    assert_int_equal(roster_hear(r, &nameless, ADDRESS, at(2), &other), ROSTER_KNOWN);
    assert_int_equal(other, place);
    roster_destroy(r);
}

/* A receiver that was started anew has another SSRC, and is the same to people. */
static void test_returns(void **state)
{
    struct roster *r = roster_create(8, 1);
    struct rtcp_report before = report(7, "hw:0@tower"), after = report(8, "hw:0@tower");
    size_t place, again;

    (void)state;
    before.has_telemetry = true;
    roster_hear(r, &before, ADDRESS, at(1), &place);
    assert_int_equal(roster_hear(r, &after, ADDRESS, at(9), &again), ROSTER_RETURNED);
    assert_int_equal(again, place);
    assert_int_equal(roster_count(r), 1);
    assert_int_equal(roster_at(r, place)->returns, 1);
    assert_false(roster_at(r, place)->has_telemetry);
    assert_int_equal(roster_hear(r, &after, ADDRESS, at(10), &again), ROSTER_KNOWN);
    /* what comes late under the old one is somebody who is there no more, and takes the place back */
    assert_int_equal(roster_hear(r, &before, ADDRESS, at(11), &again), ROSTER_RETURNED);
    assert_int_equal(roster_count(r), 1);
    roster_destroy(r);
}

/* Full: newcomers are counted. Places are used again, and nobody is lost when chains are long. */
static void test_full(void **state)
{
    enum { ROOM = 50 };
    struct roster *r = roster_create(ROOM, 1);
    size_t place;
    char cname[32];

    (void)state;
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < ROOM + 10; i++) {
            struct rtcp_report said;

            snprintf(cname, sizeof cname, "hw:%u@host", round * 1000 + i);
            said = report(round * 1000 + i, cname);
            assert_int_equal(roster_hear(r, &said, ADDRESS, at(1), &place),
                             i < ROOM ? ROSTER_JOINED : ROSTER_IGNORED);
        }
        assert_int_equal(roster_count(r), ROOM);
        assert_int_equal(roster_refused(r), (round + 1) * 10);
        for (size_t i = 0; i < ROOM; i++)
            roster_forget(r, (i * 7 + round) % ROOM); /* in an order that is not that of joining */
        assert_int_equal(roster_count(r), 0);
    }
    roster_destroy(r);
}

static void test_silent(void **state)
{
    struct roster *r = roster_create(4, 1);
    struct rtcp_report said = report(7, "hw:0@tower");
    size_t place;

    (void)state;
    for (int s = 0; s < 10; s++)
        roster_hear(r, &said, ADDRESS, at(s), &place);
    assert_false(roster_silent(roster_at(r, place), at(9 + 4.9)));
    assert_true(roster_silent(roster_at(r, place), at(9 + 5.1)));
    roster_destroy(r);
}

/* Long names are cut at a character's end. */
static void test_long_names(void **state)
{
    struct roster *r = roster_create(4, 1);
    struct rtcp_report said = {.ssrc = 1, .cname_len = 255};
    size_t place;

    (void)state;
    memset(said.cname, 'c', 255);
    for (size_t i = 0; i < 254; i += 2)
        memcpy(said.name + i, "\xc3\xa4", 2);
    memset(said.tool, 't', 255);
    roster_hear(r, &said, ADDRESS, at(1), &place);
    assert_int_equal(strlen(roster_at(r, place)->cname), ROSTER_CNAME_SIZE - 1);
    assert_int_equal(strlen(roster_at(r, place)->name), ROSTER_NAME_SIZE - 2);
    assert_int_equal(strlen(roster_at(r, place)->tool), ROSTER_TOOL_SIZE - 1);
    roster_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life), cmocka_unit_test(test_who),    cmocka_unit_test(test_returns),
        cmocka_unit_test(test_full), cmocka_unit_test(test_silent), cmocka_unit_test(test_long_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
