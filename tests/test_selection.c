// SPDX-License-Identifier: GPL-3.0-or-later
/* What is written behind --group, --stream and --sdp. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "proto/sdp.h"
#include "receiver/selection.h"

static struct selection taken(enum selection_kind kind, const char *text)
{
    const struct delay_place place = {48000, 20};
    struct selection s;
    char why[512] = "";

    if (selection_parse(kind, text, &s, why, sizeof why) ||
        selection_resolve(&s, "1=2", &place, 2, why, sizeof why))
        fail_msg("%s: %s", text, why);
    return s;
}

static void refuse(enum selection_kind kind, const char *text, const char *reason)
{
    struct selection s;
    char why[512] = "";

    assert_int_equal(selection_parse(kind, text, &s, why, sizeof why), -EINVAL);
    assert_string_equal(why, reason);
}

static void plain(void **state)
{
    struct selection s = taken(SELECTION_GROUP, "239.69.83.2:5006");
    (void)state;

    assert_int_equal(ntohl(s.group.sin_addr.s_addr), 0xef455302);
    assert_int_equal(ntohs(s.group.sin_port), 5006);
    assert_string_equal(s.name, "239.69.83.2:5006");
    assert_true(s.settings.gain == 1 && s.settings.delay_ns == 0);
    assert_int_equal(s.settings.route.count, 1); /* --map, where it has none of its own */
    assert_false(s.settings.mute || s.settings.page);
    assert_int_equal(ntohs(taken(SELECTION_GROUP, "239.69.83.2").group.sin_port), 5004);
    assert_int_equal(taken(SELECTION_STREAM, "Stage left").group.sin_addr.s_addr, INADDR_ANY);
    assert_string_equal(taken(SELECTION_SDP, "/tmp/a file").target, "/tmp/a file");
}

static void settings(void **state)
{
    struct selection s = taken(
        SELECTION_GROUP, "239.1.1.1;gain=-6.5; mute;page=yes;delay=2.25;name=Call: 1=1;map=1=2:-6dB,2=1");
    (void)state;

    assert_true(fabs(s.settings.gain - pow(10, -6.5 / 20)) < 1e-12);
    assert_true(s.settings.mute && s.settings.page);
    assert_int_equal(s.settings.delay_ns, 2250000);
    assert_string_equal(s.name, "Call: 1=1");
    assert_int_equal(s.settings.route.count, 2);
    assert_int_equal(s.settings.route.entries[0].stream, 1);
    s = taken(SELECTION_STREAM, "A;mute=no;page=no;gain=3dB;delay=1000ms");
    assert_false(s.settings.mute || s.settings.page);
    assert_true(s.settings.gain > 1.41 && s.settings.gain < 1.42);
    assert_int_equal(s.settings.delay_ns, 1000 * 1000000);
    assert_int_equal(taken(SELECTION_STREAM, "A;delay=48smp").settings.delay_ns, 1000000);
    assert_int_equal(taken(SELECTION_STREAM, "A;delay=12.5m").settings.delay_ns, 36420360);
    assert_int_equal(taken(SELECTION_STREAM, "A;map=").settings.route.count, 0);
    assert_int_equal(taken(SELECTION_STREAM, "A;map=1=Vox").settings.route.count, 1); /* silent, as yet */
}

/* What only the card or the temperature makes wrong. */
static void unresolved(void **state)
{
    const struct delay_place place = {48000, 20};
    struct selection s;
    char why[512] = "";
    (void)state;

    assert_int_equal(selection_parse(SELECTION_STREAM, "A;delay=400m", &s, why, sizeof why), 0);
    assert_int_equal(selection_resolve(&s, "", &place, 2, why, sizeof why), -EINVAL);
    assert_string_equal(why, "delay: that is 1165.5 ms; allowed are 0 to 1000 ms");
    assert_int_equal(selection_parse(SELECTION_STREAM, "A;map=1=1,4=1", &s, why, sizeof why), 0);
    assert_int_equal(selection_resolve(&s, "", &place, 2, why, sizeof why), -EINVAL);
    assert_string_equal(why, "its map goes to channel 4; allowed are 1 to 2, or more --channels");
    assert_int_equal(selection_resolve(&s, "", &place, 4, why, sizeof why), 0);
}

static void semicolons(void **state)
{
    (void)state;
    assert_string_equal(taken(SELECTION_STREAM, "A\\;B\\\\C\\D\\").target, "A;B\\C\\D\\");
    assert_string_equal(taken(SELECTION_STREAM, "A;name=B\\;C").name, "B;C");
    assert_string_equal(taken(SELECTION_STREAM, "A\\\\;mute").target, "A\\");
}

/* What people are shown, and say again. */
static void whole_characters(void **state)
{
    char text[] = "sixty-two bytes and then one of two, that would be cut in the "
                  "\xc3\xa4";

    (void)state;
    assert_int_equal(sizeof text - 1, 64);
    assert_string_equal(taken(SELECTION_STREAM, text).target, text);
    assert_memory_equal(taken(SELECTION_STREAM, text).name, text, 62);
    assert_int_equal(strlen(taken(SELECTION_STREAM, text).name), 62);
    assert_string_equal(taken(SELECTION_STREAM, "A\xff;mute").name, "A?");
    assert_string_equal(taken(SELECTION_STREAM, "A;name=B\xff").name, "B?");
}

static void refused(void **state)
{
    char name[2 * SDP_NAME_SIZE];
    (void)state;

    refuse(SELECTION_GROUP, "10.0.0.1", "not a multicast address; allowed are 224.0.0.0 to 239.255.255.255");
    refuse(SELECTION_GROUP, "239.1.1.1:0;mute", "not a port; allowed are 1 to 65534 after the colon");
    refuse(SELECTION_GROUP, ";mute", "nothing before the semicolon; allowed is ADDR[:PORT]");
    refuse(SELECTION_STREAM, ";mute", "nothing before the semicolon; allowed is the name of a stream");
    refuse(SELECTION_SDP, ";", "nothing before the semicolon; allowed is the path of a file");
    refuse(SELECTION_GROUP, "239.1.1.1;gian=3",
           "gian=3: no such setting; allowed are name, map, gain, mute, delay, page, record");
    refuse(SELECTION_GROUP, "239.1.1.1;",
           "'': no such setting; allowed are name, map, gain, mute, delay, page, record");
    refuse(SELECTION_GROUP, "239.1.1.1;record=take",
           "record=take: not the name of a sound file; allowed is FILE.wav or FILE.flac");
    refuse(SELECTION_GROUP, "239.1.1.1;record",
           "record: not the name of a sound file; allowed is FILE.wav or FILE.flac");
    refuse(SELECTION_GROUP, "239.1.1.1;gain", "gain: allowed are -90 to 20 dB");
    refuse(SELECTION_GROUP, "239.1.1.1;gain=", "gain=: allowed are -90 to 20 dB");
    refuse(SELECTION_GROUP, "239.1.1.1;gain=20.1", "gain=20.1: allowed are -90 to 20 dB");
    refuse(SELECTION_GROUP, "239.1.1.1;gain=3;gain=3", "gain=3: given before; keep one");
    refuse(SELECTION_GROUP, "239.1.1.1;delay=-1",
           "delay=-1: allowed are 0 to 1000 ms, also as samples (140smp) or metres of air (12.5m)");
    refuse(SELECTION_GROUP, "239.1.1.1;map=1=65",
           "map=1=65: '65' in '1=65': not a channel; allowed are 1 to 64");
    refuse(SELECTION_GROUP, "239.1.1.1;mute=on", "mute=on: allowed are yes, no");
    refuse(SELECTION_GROUP, "239.1.1.1;page=", "page=: allowed are yes, no");
    refuse(SELECTION_GROUP, "239.1.1.1;name=", "name=: allowed are 1 to 63 bytes");
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    refuse(SELECTION_STREAM, name, "too long; allowed are 127 bytes");
}

static void sameness(void **state)
{
    struct selection a = taken(SELECTION_GROUP, "239.1.1.1"),
                     b = taken(SELECTION_GROUP, "239.1.1.1:5004;mute");
    struct selection c = taken(SELECTION_GROUP, "239.1.1.1:5006"), d = taken(SELECTION_STREAM, "239.1.1.1");
    (void)state;

    assert_true(selection_same(&a, &b));
    assert_false(selection_same(&a, &c));
    assert_false(selection_same(&a, &d));
    assert_true(selection_same(&d, &d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),      cmocka_unit_test(settings),         cmocka_unit_test(unresolved),
        cmocka_unit_test(semicolons), cmocka_unit_test(whole_characters), cmocka_unit_test(refused),
        cmocka_unit_test(sameness),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
