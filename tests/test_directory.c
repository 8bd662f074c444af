// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The directory: what is on the air by what strangers say. Each datagram is handed over in a copy of exactly
 * its size, so that the address sanitizer sees each byte read past the end.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/directory.h"

#define TYPE "application/sdp"
#define A    0x0100a8c0u /* 192.168.0.1, as it stands in memory */
#define B    0x0200a8c0u
#define MB   "192.168.0.2"
#define MA   "192.168.0.1"

static struct directory *d;
static raw_ns now;

static int set_up(void **state)
{
    (void)state;
    d = malloc(sizeof *d);
    assert_non_null(d);
    directory_init(d);
    now.ns = NS_PER_S;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(d);
    return 0;
}

static void pass(double seconds)
{
    now.ns += (int64_t)(seconds * 1e9);
}

/* ---- what is said ----------------------------------------------------------------------------------- */

struct say {
    const char *name, *origin, *group;
    uint64_t session, version;
    const char *more; /* lines of the media */
};

static const char *describe(const struct say *say)
{
    static char text[1024];

    snprintf(text, sizeof text,
             "v=0\r\no=- %llu %llu IN IP4 %s\r\ns=%s\r\nt=0 0\r\nm=audio 5004 RTP/AVP 98\r\n"
             "c=IN IP4 %s/32\r\na=rtpmap:98 L24/48000/2\r\n%s",
             (unsigned long long)say->session, (unsigned long long)say->version, say->origin, say->name,
             say->group ? say->group : "239.1.1.1", say->more ? say->more : "");
    return text;
}

static void sap(bool deletion, uint16_t hash, uint32_t from, const char *text)
{
    size_t text_len = strlen(text), len = 8 + sizeof TYPE + text_len;
    uint8_t *datagram = malloc(len);

    assert_non_null(datagram);
    datagram[0] = deletion ? 0x24 : 0x20;
    datagram[1] = 0;
    datagram[2] = (uint8_t)(hash >> 8);
    datagram[3] = (uint8_t)hash;
    memcpy(datagram + 4, &from, 4);
    memcpy(datagram + 8, TYPE, sizeof TYPE);
    memcpy(datagram + 8 + sizeof TYPE, text, text_len);
    directory_announcement(d, datagram, len, from, now);
    free(datagram);
}

static void announce(uint32_t from, struct say say)
{
    sap(false, 7, from, describe(&say));
}

static const struct directory_entry *find(const char *name)
{
    return directory_find(d, name, NULL, false);
}

static const struct directory_entry *follow(const char *name, uint32_t origin, bool silent)
{
    struct in_addr followed = {origin};

    return directory_find(d, name, &followed, silent);
}

static void group_is(const struct directory_entry *e, const char *group)
{
    char text[INET_ADDRSTRLEN];

    assert_non_null(e);
    inet_ntop(AF_INET, &e->stream.leg[0].group.sin_addr, text, sizeof text);
    assert_string_equal(text, group);
}

/* ---- announcements ---------------------------------------------------------------------------------- */

static void test_announced(void **state)
{
    const struct directory_entry *e;

    (void)state;
    assert_null(find("Stage"));
    announce(A, (struct say){.name = "Stage", .origin = MA, .session = 3});
    e = find("Stage");
    assert_non_null(e);
    assert_true(e->playable && e->kind == DIRECTORY_SAP && e->announcer == A && e->origin.s_addr == A);
    assert_int_equal(e->stream.channels, 2);
    assert_null(find("Stag"));
    assert_null(find("Stage2"));
    assert_null(find(""));
}

/* The same text again changes nothing but when it was heard. */
static void test_repeats(void **state)
{
    uint64_t changes;

    (void)state;
    announce(A, (struct say){.name = "Stage", .origin = MA});
    changes = d->changes;
    for (int i = 0; i < 1000; i++) {
        pass(5);
        announce(A, (struct say){.name = "Stage", .origin = MA});
        directory_expire(d, now);
    }
    assert_int_equal(d->count, 1);
    assert_int_equal(d->changes, changes);
    assert_int_equal(d->heard, 1001);
    assert_int_equal(find("Stage")->heard.ns, now.ns);
    assert_int_equal(find("Stage")->first_heard.ns, NS_PER_S);
}

static void test_newer_version(void **state)
{
    (void)state;
    announce(A, (struct say){.name = "Stage", .origin = MA, .session = 1, .version = 5});
    pass(5);
    announce(A,
             (struct say){.name = "Stage", .origin = MA, .session = 1, .version = 6, .group = "239.2.2.2"});
    assert_int_equal(d->count, 1);
    group_is(find("Stage"), "239.2.2.2");
    assert_int_equal(find("Stage")->first_heard.ns, NS_PER_S);
    /* an older one is a copy that came late */
    announce(A, (struct say){.name = "Stage", .origin = MA, .session = 1, .version = 5});
    group_is(find("Stage"), "239.2.2.2");
    assert_int_equal(d->refused, 1);
    /* some forget to count: another text of the same version is taken */
    announce(A,
             (struct say){.name = "Stage", .origin = MA, .session = 1, .version = 6, .group = "239.3.3.3"});
    group_is(find("Stage"), "239.3.3.3");
    /* and some begin anew: nobody says the newer one any more */
    pass(16);
    announce(A, (struct say){.name = "Stage", .origin = MA, .session = 1, .version = 1});
    group_is(find("Stage"), "239.1.1.1");
    assert_int_equal(d->count, 1);
}

/* A renamed stream is not found by its old name. */
static void test_renamed(void **state)
{
    (void)state;
    announce(A, (struct say){.name = "Old", .origin = MA, .version = 1});
    announce(A, (struct say){.name = "New", .origin = MA, .version = 2});
    assert_null(find("Old"));
    assert_non_null(find("New"));
}

/* A sender whose address changed keeps its session, and counts on. */
static void test_other_address(void **state)
{
    (void)state;
    announce(A, (struct say){.name = "Stage", .origin = MA, .version = 1});
    announce(B, (struct say){.name = "Stage", .origin = MA, .version = 2, .group = "239.2.2.2"});
    assert_int_equal(d->count, 1);
    group_is(find("Stage"), "239.2.2.2");
    assert_int_equal(find("Stage")->announcer, B);
    sap(true, 7, A, "");
    assert_non_null(find("Stage"));
    sap(true, 7, B, "");
    assert_null(find("Stage"));
}

/* Another's version is nobody else's to change, as long as he speaks. */
static void test_forged(void **state)
{
    (void)state;
    announce(A, (struct say){.name = "Stage", .origin = MA, .version = 2});
    announce(B, (struct say){.name = "Stage", .origin = MA, .version = 2, .group = "239.6.6.6"});
    group_is(find("Stage"), "239.1.1.1");
    assert_int_equal(d->refused, 1);
    pass(16);
    announce(B, (struct say){.name = "Stage", .origin = MA, .version = 2, .group = "239.6.6.6"});
    group_is(find("Stage"), "239.6.6.6");
    assert_int_equal(d->count, 1);
}

static void test_deleted(void **state)
{
    (void)state;
    announce(A, (struct say){.name = "Stage", .origin = MA});
    sap(true, 8, A, "");
    sap(true, 7, B, "");
    sap(true, 0, A, "");
    sap(true, 0, A, "o=- 99 0 IN IP4 " MA "\r\n");
    sap(true, 0, B, "o=- 0 0 IN IP4 " MA "\r\n");
    assert_non_null(find("Stage"));
    sap(true, 7, A, "");
    assert_null(find("Stage"));
    announce(A, (struct say){.name = "Stage", .origin = MA});
    sap(true, 0, A, "o=- 0 0 IN IP4 " MA "\r\n");
    assert_null(find("Stage"));
    assert_int_equal(d->count, 0);
}

/* A deletion of the version before the present one is none. */
static void test_deletes_old_version(void **state)
{
    struct say say = {.name = "Stage", .origin = MA, .version = 1};

    (void)state;
    sap(false, 1, A, describe(&say));
    say.version = 2;
    sap(false, 2, A, describe(&say));
    sap(true, 1, A, "");
    assert_non_null(find("Stage"));
}

/* Ten intervals, at least a minute and at most an hour; an hour when it was heard once. */
static void test_expires(void **state)
{
    static const struct {
        double interval_s, lives_s;
    } cases[] = {{0, 3600}, {1.5, 60}, {5, 60}, {30, 300}, {300, 3000}, {1000, 3600}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int times = cases[i].interval_s > 0 ? 5 : 1;

        for (int t = 0; t < times; t++) {
            pass(cases[i].interval_s);
            announce(A, (struct say){.name = "Stage", .origin = MA, .session = i});
        }
        pass(cases[i].lives_s - 0.1);
        directory_expire(d, now);
        assert_int_equal(d->count, 1);
        pass(0.2);
        directory_expire(d, now);
        assert_int_equal(d->count, 0);
    }
}

/* The copy for the other group does not make the interval short. */
static void test_two_groups(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        pass(30);
        announce(A, (struct say){.name = "Stage", .origin = MA});
        pass(0.01);
        announce(A, (struct say){.name = "Stage", .origin = MA});
    }
    pass(290);
    directory_expire(d, now);
    assert_int_equal(d->count, 1);
}

static void test_several_streams(void **state)
{
    static const char more[] =
        "m=audio 5006 RTP/AVP 98\r\nc=IN IP4 239.1.1.2/32\r\na=rtpmap:98 L16/48000/8\r\n"
        "m=video 5008 RTP/AVP 99\r\nc=IN IP4 239.1.1.3/32\r\n";

    (void)state;
    announce(A, (struct say){.name = "Desk", .origin = MA, .more = more});
    assert_int_equal(d->count, 3);
    group_is(find("Desk"), "239.1.1.1");
    for (size_t i = 0; i < 2; i++)
        assert_true(d->entries[i].playable && d->entries[i].why[0] == '\0');
    assert_false(d->entries[2].playable);
    assert_non_null(strstr(d->entries[2].why, "only audio"));
    assert_string_equal(d->entries[2].stream.name, "Desk");
    announce(A, (struct say){.name = "Desk", .origin = MA, .version = 1});
    assert_int_equal(d->count, 1);
}

/* What cannot be played is known all the same, and why. */
static void test_unplayable(void **state)
{
    const struct directory_entry *e;

    (void)state;
    sap(false, 1, A,
        "v=0\r\no=- 5 9 IN IP4 192.168.0.9\r\ns=Compressed\r\nt=0 0\r\nm=audio 5004 RTP/AVP 98\r\n"
        "c=IN IP4 239.1.1.1/32\r\na=rtpmap:98 G722/8000\r\n");
    e = find("Compressed");
    assert_non_null(e);
    assert_false(e->playable);
    assert_int_equal(e->stream.session_id, 5);
    assert_int_equal(e->stream.session_version, 9);
    assert_string_equal(inet_ntoa(e->origin), "192.168.0.9");
    assert_non_null(strstr(e->why, "G722"));
}

/* Without an address in o= the announcer stands for it: two boxes with one number are two sessions. */
static void test_origin_by_name(void **state)
{
    (void)state;
    announce(A, (struct say){.name = "One", .origin = "box.example"});
    announce(B, (struct say){.name = "Two", .origin = "box.example"});
    assert_int_equal(d->count, 2);
    assert_int_equal(find("Two")->origin.s_addr, B);
}

/* ---- services --------------------------------------------------------------------------------------- */

static void test_service(void **state)
{
    struct say say = {.name = "Stage", .origin = MA, .session = 1, .version = 9};
    const char *text = describe(&say);

    (void)state;
    directory_service(d, 4, text, strlen(text), now);
    assert_true(find("Stage")->kind == DIRECTORY_MDNS && find("Stage")->origin.s_addr == A);
    /* it says what it says now, were it another session or an older version */
    say = (struct say){.name = "Stage", .origin = MA, .session = 2, .version = 1, .group = "239.9.9.9"};
    text = describe(&say);
    directory_service(d, 4, text, strlen(text), now);
    assert_int_equal(d->count, 1);
    group_is(find("Stage"), "239.9.9.9");
    pass(100000);
    directory_expire(d, now);
    assert_int_equal(d->count, 1);
    directory_service_gone(d, 5);
    sap(true, 0, A, text); /* deletes no service */
    assert_int_equal(d->count, 1);
    directory_service_gone(d, 4);
    assert_int_equal(d->count, 0);
}

/* Of one session that is known in both ways, the newest version counts. */
static void test_both_ways(void **state)
{
    struct say say = {.name = "Stage", .origin = MA, .session = 1, .version = 1};
    const char *text = describe(&say);

    (void)state;
    announce(A, say);
    pass(1);
    directory_service(d, 4, text, strlen(text), now);
    assert_int_equal(d->count, 2);
    pass(1);
    say.version = 2;
    say.group = "239.2.2.2";
    announce(A, say);
    group_is(find("Stage"), "239.2.2.2");
    group_is(follow("Stage", A, false), "239.2.2.2");
    group_is(follow("Stage", A, true), "239.2.2.2");
}

/* ---- by name ---------------------------------------------------------------------------------------- */

static void test_letters(void **state)
{
    (void)state;
    announce(A, (struct say){.name = "stage", .origin = MA, .session = 1, .group = "239.1.1.1"});
    pass(1);
    announce(B, (struct say){.name = "STAGE", .origin = MB, .session = 2, .group = "239.2.2.2"});
    group_is(find("stage"), "239.1.1.1");
    group_is(find("STAGE"), "239.2.2.2");
    group_is(find("Stage"), "239.2.2.2"); /* of two like it the newest */
    announce(A, (struct say){.name = "B\xc3\xbchne", .origin = MA, .session = 3});
    assert_non_null(find("b\xc3\xbchNE"));
    assert_null(find("B\xc3\x9chne"));
}

static void test_namesakes(void **state)
{
    (void)state;
    announce(A, (struct say){.name = "Stage", .origin = MA, .session = 1, .group = "239.1.1.1"});
    pass(1);
    announce(B, (struct say){.name = "Stage", .origin = MB, .session = 1, .group = "239.2.2.2"});
    group_is(find("Stage"), "239.2.2.2");
    group_is(follow("Stage", A, false), "239.1.1.1"); /* kept to, whoever else comes */
    /* restarted at the same origin: its newest session */
    pass(1);
    announce(A, (struct say){.name = "Stage", .origin = MA, .session = 2, .group = "239.3.3.3"});
    group_is(follow("Stage", A, false), "239.3.3.3");
    group_is(follow("Stage", B, false), "239.2.2.2");
    /* silent: the other one */
    group_is(follow("Stage", A, true), "239.2.2.2");
    group_is(follow("Stage", B, true), "239.3.3.3");
    sap(true, 7, B, "");
    group_is(follow("Stage", A, true), "239.3.3.3"); /* there is no other */
    assert_null(follow("Stage", B, false));
}

/* Of several others the one that was announced last is the likeliest to be alive. */
static void test_silent_takes_the_freshest(void **state)
{
    (void)state;
    announce(B, (struct say){.name = "Stage", .origin = MB, .session = 1, .group = "239.2.2.2"});
    pass(1);
    announce(B, (struct say){.name = "Stage", .origin = "192.168.0.3", .session = 1, .group = "239.3.3.3"});
    pass(1);
    announce(B, (struct say){.name = "Stage", .origin = MB, .session = 1, .group = "239.2.2.2"});
    group_is(follow("Stage", A, true), "239.2.2.2");
}

/* ---- hostile ---------------------------------------------------------------------------------------- */

static void test_full(void **state)
{
    (void)state;
    announce(A, (struct say){.name = "Mine", .origin = MA, .session = 1});
    for (unsigned i = 0; i < 3 * DIRECTORY_ENTRIES; i++) {
        char name[32];

        pass(0.001);
        snprintf(name, sizeof name, "Flood %u", i);
        announce(B, (struct say){.name = name, .origin = MB, .session = i});
        if (i % 100 == 0) /* heard in between: it stays */
            announce(A, (struct say){.name = "Mine", .origin = MA, .session = 1});
    }
    assert_int_equal(d->count, DIRECTORY_ENTRIES);
    assert_int_equal(d->evicted, 3 * DIRECTORY_ENTRIES + 1 - DIRECTORY_ENTRIES);
    assert_non_null(find("Mine"));
    assert_null(find("Flood 0"));
}

static void demand_printable(const char *text)
{
    for (; *text; text++)
        assert_true((unsigned char)*text >= ' ' && *text != 127);
}

static void test_escapes(void **state)
{
    (void)state;
    announce(A, (struct say){.name = "\x1b[2J\x1b]0;owned\x07\xc2\x9b", .origin = MA, .session = 1});
    sap(false, 1, A, "v=0\no=- 2 0 IN IP4 " MA "\ns=\x1b[31mred\nm=audio 1 \x1b[31m 0\nc=IN IP4 239.1.1.1\n");
    assert_int_equal(d->count, 2);
    for (size_t i = 0; i < d->count; i++) {
        demand_printable(d->entries[i].stream.name);
        demand_printable(d->entries[i].why);
    }
}

static void test_long_name(void **state)
{
    char *name = malloc(3001);
    static char text[4096];

    (void)state;
    assert_non_null(name);
    memset(name, 'x', 3000);
    name[3000] = '\0';
    snprintf(text, sizeof text,
             "v=0\r\no=- 1 1 IN IP4 " MA "\r\ns=%s\r\nm=audio 5004 RTP/AVP 10\r\nc=IN IP4 239.1.1.1\r\n",
             name);
    sap(false, 1, A, text);
    assert_int_equal(d->count, 1);
    assert_int_equal(strlen(d->entries[0].stream.name), SDP_NAME_SIZE - 1);
    free(name);
}

static void test_malformed(void **state)
{
    static const char *const texts[] = {"v=0", "v=0\r\n", "v=0\r\ns=x\r\n", "nonsense",
                                        "v=0\r\no=- 1 1 IN IP4 999.1.1.1\r\ns=x\r\nm=audio 1 RTP/AVP 10\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        sap(false, 1, A, texts[i]);
    directory_announcement(d, (const uint8_t *)"\x20", 1, A, now);
    directory_announcement(d, NULL, 0, A, now);
    directory_service(d, 1, "", 0, now);
    assert_int_equal(d->count, 0);
    assert_int_equal(d->malformed, sizeof texts / sizeof *texts + 3);
    directory_announcement(d, (const uint8_t *)"\xe0\x00\x00\x00\x00\x00\x00\x00", 8, A, now);
    directory_announcement(d, (const uint8_t *)"\x22\x00\x00\x01\x01\x02\x03\x04", 8, A, now);
    assert_int_equal(d->foreign, 2);
}

/* What is known stands, whatever nonsense the same announcer sends then. */
static void test_malformed_replaces_nothing(void **state)
{
    (void)state;
    announce(A, (struct say){.name = "Stage", .origin = MA, .version = 1});
    sap(false, 1, A, "v=0\r\no=- 0 2 IN IP4 " MA "\r\ns=Stage\r\nm=audio 70000 RTP/AVP 10\r\n");
    group_is(find("Stage"), "239.1.1.1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_announced),
        TEST(test_repeats),
        TEST(test_newer_version),
        TEST(test_renamed),
        TEST(test_other_address),
        TEST(test_forged),
        TEST(test_deleted),
        TEST(test_deletes_old_version),
        TEST(test_expires),
        TEST(test_two_groups),
        TEST(test_several_streams),
        TEST(test_unplayable),
        TEST(test_origin_by_name),
        TEST(test_service),
        TEST(test_both_ways),
        TEST(test_letters),
        TEST(test_namesakes),
        TEST(test_silent_takes_the_freshest),
        TEST(test_full),
        TEST(test_escapes),
        TEST(test_long_name),
        TEST(test_malformed),
        TEST(test_malformed_replaces_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
