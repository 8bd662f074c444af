// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What a receiver makes of a description: those of equipment in the field, as their makers document them, and
 * those of streams that nobody can play in step.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "receiver/tuning.h"

/* Dante in AES67 mode: an offset that is new with each start. */
static const char dante[] = "v=0\r\no=- 1423986 1423994 IN IP4 169.254.98.63\r\ns=AOIP44-serial-1614 : 2\r\n"
                            "c=IN IP4 239.65.45.154/32\r\nt=0 0\r\na=keywds:Dante\r\n"
                            "m=audio 5004 RTP/AVP 97\r\ni=2 channels: TxChan 0, TxChan 1\r\na=recvonly\r\n"
                            "a=rtpmap:97 L24/48000/2\r\na=ptime:1\r\n"
                            "a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0\r\n"
                            "a=mediaclk:direct=3560866135\r\n";
/* RAVENNA as Merging's Anubis has it: everything twice. */
static const char ravenna[] =
    "v=0\r\no=- 13 0 IN IP4 192.168.15.52\r\ns=Anubis_610120_13\r\nc=IN IP4 239.1.15.52/15\r\nt=0 0\r\n"
    "a=clock-domain:PTPv2 "
    "0\r\na=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-51-9E-F7:0\r\na=mediaclk:direct=0\r\n"
    "m=audio 5004 RTP/AVP 98\r\nc=IN IP4 239.1.15.52/15\r\na=rtpmap:98 L16/48000/2\r\n"
    "a=source-filter: incl IN IP4 239.1.15.52 192.168.15.52\r\na=clock-domain:PTPv2 0\r\na=sync-time:0\r\n"
    "a=framecount:6\r\na=palign:0\r\na=ptime:0.125\r\n"
    "a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-51-9E-F7:0\r\na=mediaclk:direct=0\r\na=recvonly\r\n";
/* ALC NetworX: the domain stands apart. */
static const char alc[] = "v=0\r\no=- 4 0 IN IP4 10.0.0.5\r\ns=ALC 1\r\nt=0 0\r\na=clock-domain:PTPv2 3\r\n"
                          "m=audio 5004 RTP/AVP 98\r\nc=IN IP4 239.1.0.5/15\r\na=rtpmap:98 L24/48000/8\r\n"
                          "a=sync-time:123456\r\na=framecount:48\r\na=ptime:1\r\na=mediaclk:direct=123456\r\n"
                          "a=ts-refclk:ptp=IEEE1588-2008:00-0B-72-FF-FE-01-02-03\r\n";
/* Lawo: clock and filter for all media, video beside. */
static const char lawo[] =
    "v=0\r\no=- 1234 1234 IN IP4 192.168.1.10\r\ns=mc2 56 sender\r\nt=0 0\r\n"
    "a=ts-refclk:ptp=IEEE1588-2008:00-90-56-FF-FE-08-0F-45\r\na=clock-domain:PTPv2 5\r\n"
    "a=source-filter: incl IN IP4 * 192.168.1.10\r\na=mediaclk:direct=0 rate=48000\r\n"
    "m=video 50000 RTP/AVP 112\r\nc=IN IP4 239.100.10.2/64\r\na=rtpmap:112 raw/90000\r\n"
    "m=audio 5004 RTP/AVP 97\r\nc=IN IP4 239.100.10.1/64\r\na=rtpmap:97 L24/48000/2\r\n"
    "a=fmtp:97 channel-order=SMPTE2110.(ST)\r\na=ptime:1\r\na=mid:audio0\r\n";
static const char gstreamer[] =
    "v=0\r\no=- 1188340656180883 1 IN IP4 192.168.1.20\r\ns=Session streamed with GStreamer\r\nt=0 0\r\n"
    "a=tool:GStreamer\r\na=type:broadcast\r\nm=audio 5004 RTP/AVP 98\r\nc=IN IP4 239.69.83.20/32\r\n"
    "a=rtpmap:98 "
    "L24/48000/2\r\na=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0\r\na=mediaclk:direct=0\r\n";

#define STREAM                                                                                               \
    "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 5004 RTP/AVP 98\r\nc=IN IP4 239.1.1.1/32\r\n" \
    "a=rtpmap:98 L24/96000/4\r\n"
#define PTP    "a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:2\r\n"
#define DIRECT "a=mediaclk:direct=5\r\n"
#define OURS   "a=extmap:3 urn:x-unisono:header\r\n"

static struct sdp_stream parse(const char *text)
{
    struct sdp_stream stream;
    char why[SDP_WHY_SIZE];

    assert_true(sdp_parse(text, strlen(text), &stream, 1, why, sizeof why) > 0);
    return stream;
}

static struct tuning tune(const char *text, int domain, int64_t link_ns)
{
    struct sdp_stream stream = parse(text);
    char why[TUNING_WHY_SIZE] = "";
    struct tuning tuning;

    if (!tuning_of(&stream, domain, link_ns, &tuning, why))
        fail_msg("%s", why);
    assert_string_equal(why, "");
    return tuning;
}

static void test_equipment(void **state)
{
    static const struct {
        const char *text, *group, *source;
        int domain;
        enum rtp_codec codec;
        unsigned channels;
        uint32_t offset;
    } cases[] = {
        {dante, "239.65.45.154", "0.0.0.0", 0, RTP_CODEC_L24, 2, 3560866135u},
        {ravenna, "239.1.15.52", "192.168.15.52", 0, RTP_CODEC_L16, 2, 0},
        {alc, "239.1.0.5", "0.0.0.0", 3, RTP_CODEC_L24, 8, 123456},
        {lawo, "239.100.10.1", "192.168.1.10", 5, RTP_CODEC_L24, 2, 0},
        {gstreamer, "239.69.83.20", "0.0.0.0", 0, RTP_CODEC_L24, 2, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tuning t = tune(cases[i].text, cases[i].domain, 0);

        assert_string_equal(inet_ntoa(t.group.sin_addr), cases[i].group);
        assert_int_equal(ntohs(t.group.sin_port), 5004);
        assert_string_equal(inet_ntoa(t.source), cases[i].source);
        assert_true(t.description.plain && t.description.ext_id == 0);
        assert_int_equal(t.description.claim.codec, cases[i].codec);
        assert_int_equal(t.description.claim.rate_hz, 48000);
        assert_int_equal(t.description.claim.channels, cases[i].channels);
        assert_int_equal(t.description.media_offset, cases[i].offset);
        assert_int_equal(t.description.claim.link_ns, 10 * NS_PER_MS);
    }
}

static void test_link_offset(void **state)
{
    static const char says[] = STREAM PTP DIRECT "a=x-unisono-latency:4000000\r\n";

    (void)state;
    assert_int_equal(tune(dante, 0, 7 * NS_PER_MS).description.claim.link_ns, 7 * NS_PER_MS);
    assert_int_equal(tune(says, 2, 0).description.claim.link_ns, 4 * NS_PER_MS);
    assert_int_equal(tune(says, 2, 7 * NS_PER_MS).description.claim.link_ns, 7 * NS_PER_MS);
}

/* Ours says all by itself, whatever its description leaves out. */
static void test_ours(void **state)
{
    struct tuning t = tune(STREAM OURS, 0, 7 * NS_PER_MS);

    (void)state;
    assert_true(!t.description.plain && t.description.ext_id == 3);
    assert_true(tune(STREAM OURS PTP DIRECT, 2, 0).description.ext_id == 3);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {STREAM DIRECT, "no clock (a=ts-refclk)"},
        {STREAM DIRECT "a=ts-refclk:localmac=00-1D-C1-12-34-56\r\n", "not PTP"},
        {STREAM DIRECT "a=ts-refclk:ntp=10.0.0.1\r\n", "not PTP"},
        {STREAM PTP, "a=mediaclk:direct"},
        {STREAM PTP "a=mediaclk:sender\r\n", "a=mediaclk:direct"},
        {STREAM PTP DIRECT, "PTP domain 2, this receiver by domain 0"},
        {STREAM PTP DIRECT OURS, "PTP domain 2, this receiver by domain 0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sdp_stream stream = parse(cases[i].text);
        struct tuning before, tuning;
        char why[TUNING_WHY_SIZE];

        memset(&tuning, 0x5a, sizeof tuning);
        memset(&before, 0x5a, sizeof before);
        assert_false(tuning_of(&stream, 0, 0, &tuning, why));
        assert_non_null(strstr(why, cases[i].why));
        assert_memory_equal(&tuning, &before, sizeof tuning);
    }
}

/* A domain that one side does not know is no reason. */
static void test_unknown_domain(void **state)
{
    (void)state;
    tune(STREAM PTP DIRECT, SDP_DOMAIN_UNKNOWN, 0);
    tune(STREAM DIRECT "a=ts-refclk:ptp=traceable\r\n", 0, 0);
    tune(STREAM DIRECT "a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56\r\n", 7, 0);
}

static void test_equal(void **state)
{
    static const char *const others[] = {
        STREAM PTP "a=mediaclk:direct=6\r\n",
        STREAM PTP DIRECT OURS,
        STREAM PTP DIRECT "a=source-filter: incl IN IP4 * 10.0.0.1\r\n",
        "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 5006 RTP/AVP 98\r\nc=IN IP4 "
        "239.1.1.1/32\r\n"
        "a=rtpmap:98 L24/96000/4\r\n" PTP DIRECT,
        "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 5004 RTP/AVP 98\r\nc=IN IP4 "
        "239.1.1.2/32\r\n"
        "a=rtpmap:98 L24/96000/4\r\n" PTP DIRECT,
        "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 5004 RTP/AVP 98\r\nc=IN IP4 "
        "239.1.1.1/32\r\n"
        "a=rtpmap:98 L16/96000/4\r\n" PTP DIRECT,
        "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 5004 RTP/AVP 98\r\nc=IN IP4 "
        "239.1.1.1/32\r\n"
        "a=rtpmap:98 L24/48000/4\r\n" PTP DIRECT,
        "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 5004 RTP/AVP 98\r\nc=IN IP4 "
        "239.1.1.1/32\r\n"
        "a=rtpmap:98 L24/96000/3\r\n" PTP DIRECT,
    };
    struct tuning t = tune(STREAM PTP DIRECT, 2, 0), same = tune(STREAM DIRECT PTP "a=ptime:1\r\n", 2, 0);
    struct tuning later = tune(STREAM PTP DIRECT, 2, 1), other;

    (void)state;
    assert_true(tuning_equal(&t, &same));
    assert_false(tuning_equal(&t, &later));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        other = tune(others[i], 2, 0);
        assert_false(tuning_equal(&t, &other));
    }
}

/* Other names are no reason to join anew. */
static void test_channel_names(void **state)
{
    struct tuning t = tune(dante, 0, 0), lawo_tuning = tune(lawo, 5, 0), none = tune(gstreamer, 0, 0);
    struct tuning renamed = t;

    (void)state;
    assert_string_equal(t.channel_names, "TxChan 0, TxChan 1");
    assert_string_equal(lawo_tuning.channel_names, "L, R");
    assert_string_equal(none.channel_names, "");
    snprintf(renamed.channel_names, sizeof renamed.channel_names, "Vox, Keys");
    assert_true(tuning_equal(&t, &renamed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equipment),      cmocka_unit_test(test_link_offset),
        cmocka_unit_test(test_ours),           cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unknown_domain), cmocka_unit_test(test_equal),
        cmocka_unit_test(test_channel_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
