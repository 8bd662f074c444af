// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Session descriptions, written: to the letter, and back through the parser. Each text is written into a
 * buffer of exactly SDP_WRITE_MAX bytes. The worked description is read out of proto/PROTOCOL.md (path in the
 * first argument or UNISONO_PROTOCOL_MD), so that document and code cannot drift apart.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/sdpwrite.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define GM 0x001dc1fffe123456

static const char *protocol_path = "proto/PROTOCOL.md";

/* The lines of the block "```sdp announcement" of the document, ended by CRLF. */
static void read_block(char *text, size_t size)
{
    FILE *file = fopen(protocol_path, "r");
    char line[512];
    bool inside = false;

    if (!file)
        fail_msg("%s: %s", protocol_path, strerror(errno));
    text[0] = '\0';
    while (fgets(line, sizeof line, file)) {
        if (inside && strncmp(line, "```", 3) == 0)
            break;
        line[strcspn(line, "\n")] = '\0';
        if (inside) {
            assert_true(strlen(text) + strlen(line) + 3 <= size);
            strcat(strcat(text, line), "\r\n");
        }
        inside |= strcmp(line, "```sdp announcement") == 0;
    }
    fclose(file);
    if (text[0] == '\0')
        fail_msg("%s holds no worked description", protocol_path);
}

static struct sdp_stream usual(void)
{
    return (struct sdp_stream){
        .name = "stage left",
        .session_id = 1592598101,
        .session_version = 1,
        .origin = {inet_addr("10.77.0.1")},
        .legs = 1,
        .leg = {{.group = {.sin_family = AF_INET,
                           .sin_port = htons(5004),
                           .sin_addr = {inet_addr("239.69.83.1")}},
                 .ttl = 32,
                 .has_source = true,
                 .source = {inet_addr("10.77.0.1")}}},
        .payload_type = 98,
        .codec = RTP_CODEC_L24,
        .rate_hz = 48000,
        .channels = 2,
        .ptime_us = 1000,
        .framecount = 48,
        .has_media_offset = true,
        .refclk = sdp_refclk_of_ptp(GM, 5),
        .latency_ns = 10000000,
        .ext_id = 1,
    };
}

/* Writes it; the text ends with a zero, to be freed. */
static char *write_text(const struct sdp_stream *stream)
{
    char *exact = malloc(SDP_WRITE_MAX), *text = malloc(SDP_WRITE_MAX + 1);
    size_t len;

    assert_true(exact && text);
    len = sdp_write(stream, exact);
    assert_in_range(len, 1, SDP_WRITE_MAX);
    memcpy(text, exact, len);
    text[len] = '\0';
    assert_int_equal(strlen(text), len);
    free(exact);
    return text;
}

static struct sdp_stream read_back(const char *text)
{
    struct sdp_stream stream;
    char why[SDP_WHY_SIZE];
    int count = sdp_parse(text, strlen(text), &stream, 1, why, sizeof why);

    if (count != 1 || why[0])
        fail_msg("%s: %d, %s", text, count, why);
    return stream;
}

/* What was written reads as `want`, whose name is printable. */
static void assert_round_trip(const struct sdp_stream *want)
{
    char *text = write_text(want);
    struct sdp_stream got = read_back(text);

    free(text);
    assert_string_equal(got.name, want->name);
    assert_int_equal(got.session_id, want->session_id);
    assert_int_equal(got.session_version, want->session_version);
    assert_int_equal(got.origin.s_addr, want->origin.s_addr);
    assert_int_equal(got.legs, 1);
    assert_memory_equal(&got.leg[0].group, &want->leg[0].group, sizeof got.leg[0].group);
    assert_int_equal(got.leg[0].ttl, want->leg[0].ttl);
    assert_int_equal(got.leg[0].has_source, want->leg[0].has_source);
    assert_int_equal(got.leg[0].source.s_addr, want->leg[0].source.s_addr);
    assert_int_equal(got.payload_type, want->payload_type);
    assert_int_equal(got.codec, want->codec);
    assert_int_equal(got.rate_hz, want->rate_hz);
    assert_int_equal(got.channels, want->channels);
    assert_int_equal(got.fec, want->fec);
    assert_string_equal(got.channel_names, want->channel_names);
    assert_int_equal(got.ptime_us, want->ptime_us);
    assert_int_equal(got.framecount, want->framecount);
    assert_int_equal(got.has_media_offset, want->has_media_offset);
    assert_int_equal(got.media_offset, want->media_offset);
    assert_int_equal(got.latency_ns, want->latency_ns);
    assert_int_equal(got.ext_id, want->ext_id);
    assert_int_equal(got.refclk.kind, want->refclk.kind);
    assert_string_equal(got.refclk.version, want->refclk.version);
    assert_int_equal(got.refclk.gm_id, want->refclk.gm_id);
    assert_int_equal(got.refclk.domain, want->refclk.domain);
    assert_string_equal(got.refclk.text, want->refclk.text);
}

static void test_worked(void **state)
{
    const struct sdp_stream stream = usual();
    char *text = write_text(&stream), worked[SDP_WRITE_MAX + 1];

    (void)state;
    read_block(worked, sizeof worked);
    assert_string_equal(text, worked);
    assert_round_trip(&stream);
    free(text);
}

/* What is not said is left out, and nothing else. */
static void test_left_out(void **state)
{
    struct sdp_stream stream = usual();
    char *text;

    (void)state;
    stream.ext_id = 0;
    stream.latency_ns = 0;
    stream.ptime_us = stream.framecount = 0;
    stream.has_media_offset = false;
    stream.leg[0].has_source = false;
    stream.leg[0].source.s_addr = 0;
    stream.refclk = (struct sdp_refclk){.domain = SDP_DOMAIN_UNKNOWN};
    assert_round_trip(&stream);
    text = write_text(&stream);
    assert_string_equal(text, "v=0\r\n"
                              "o=- 1592598101 1 IN IP4 10.77.0.1\r\n"
                              "s=stage left\r\n"
                              "c=IN IP4 239.69.83.1/32\r\n"
                              "t=0 0\r\n"
                              "m=audio 5004 RTP/AVP 98\r\n"
                              "a=rtpmap:98 L24/48000/2\r\n"
                              "a=recvonly\r\n");
    free(text);
}

static void test_clocks(void **state)
{
    struct sdp_stream stream = usual();
    char *text;

    (void)state;
    stream.refclk = sdp_refclk_of_ptp(GM, 127);
    assert_string_equal(stream.refclk.text, "ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:127");
    assert_round_trip(&stream);

    stream.refclk = sdp_refclk_of_mac(0x7ce9d31b9aaf);
    assert_string_equal(stream.refclk.text, "localmac=7C-E9-D3-1B-9A-AF");
    assert_round_trip(&stream);
    text = write_text(&stream);
    assert_null(strstr(text, "clock-domain"));
    assert_non_null(strstr(text, "\r\na=ts-refclk:localmac=7C-E9-D3-1B-9A-AF\r\n"));
    free(text);

    /* as the parser gives it for a=clock-domain:PTPv2 5 alone */
    stream.refclk =
        (struct sdp_refclk){.kind = SDP_REFCLK_PTP, .domain = 5, .version = "PTPv2", .text = "PTPv2 5"};
    assert_round_trip(&stream);
    stream.refclk = (struct sdp_refclk){.kind = SDP_REFCLK_PTP_TRACEABLE,
                                        .domain = SDP_DOMAIN_UNKNOWN,
                                        .version = "IEEE1588-2008",
                                        .text = "ptp=IEEE1588-2008:traceable"};
    assert_round_trip(&stream);
}

/* Whatever a host or a user is called, the lines stay lines. */
static void test_odd_names(void **state)
{
    static const struct {
        const char *name, *read;
    } cases[] = {
        {"", ""},
        {"B\xc3\xbchne 2 (\xe6\xad\xa3)", "B\xc3\xbchne 2 (\xe6\xad\xa3)"},
        {"x\r\na=ptime:20", "x??a=ptime:20"},
        {"\nm=audio 9 RTP/AVP 0", "?m=audio 9 RTP/AVP 0"},
        {"\x1b[31m", "?[31m"},
        {"latin\xfcone", "latin?one"},
        {"s=s=s", "s=s=s"},
        {"-", "-"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sdp_stream stream = usual(), got;
        char *text;

        memset(stream.name, 0, sizeof stream.name);
        memcpy(stream.name, cases[i].name, strlen(cases[i].name));
        text = write_text(&stream);
        got = read_back(text);
        assert_string_equal(got.name, cases[i].read);
        assert_int_equal(got.ptime_us, 1000);
        free(text);
    }
}

/* The longest of everything fits, whole. */
static void test_longest(void **state)
{
    struct sdp_stream stream = usual();
    char *text;

    (void)state;
    memset(stream.name, 'n', sizeof stream.name - 1);
    stream.session_id = stream.session_version = UINT64_MAX;
    stream.origin.s_addr = stream.leg[0].source.s_addr = inet_addr("192.168.100.100");
    stream.leg[0].group.sin_addr.s_addr = inet_addr("239.255.255.255");
    stream.leg[0].group.sin_port = htons(65535);
    stream.leg[0].ttl = 255;
    stream.payload_type = 127;
    stream.channels = RTP_CHANNELS_MAX;
    stream.ptime_us = 999999;
    stream.framecount = 65535;
    stream.media_offset = UINT32_MAX;
    stream.latency_ns = 10000000000;
    stream.ext_id = 14;
    stream.codec = RTP_CODEC_OPUS;
    stream.fec = true;
    memset(stream.channel_names, 'x', sizeof stream.channel_names - 1);
    stream.refclk.domain = 255;
    memset(stream.refclk.text, 'x', sizeof stream.refclk.text - 1);
    memcpy(stream.refclk.text, "ptp=", 4);
    text = write_text(&stream);
    assert_non_null(strstr(text, "a=x-unisono-latency:10000000000\r\n"));
    assert_int_equal(strlen(strstr(text, "a=x-unisono-latency:10000000000\r\n")), 33);
    free(text);
}

/* RFC 7587 section 7: always 48000/2; how many channels there are is a parameter. */
static void test_opus(void **state)
{
    static const char *const said[] = {"sprop-stereo=0\r\n", "sprop-stereo=1\r\n",
                                       "sprop-stereo=0; useinbandfec=1\r\n",
                                       "sprop-stereo=1; useinbandfec=1\r\n"};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct sdp_stream stream = usual();
        char *text;

        stream.payload_type = RTP_PT_OPUS;
        stream.codec = RTP_CODEC_OPUS;
        stream.channels = 1 + i % 2;
        stream.fec = i / 2;
        assert_round_trip(&stream);
        text = write_text(&stream);
        assert_non_null(strstr(text, "a=rtpmap:101 opus/48000/2\r\na=fmtp:101 sprop-stereo="));
        assert_non_null(strstr(text, said[i]));
        free(text);
    }
}

static void test_float(void **state)
{
    struct sdp_stream stream = usual();
    char *text;

    (void)state;
    stream.payload_type = RTP_PT_F32;
    stream.codec = RTP_CODEC_F32;
    stream.channels = 7;
    assert_round_trip(&stream);
    text = write_text(&stream);
    assert_non_null(strstr(text, "a=rtpmap:100 F32/48000/7\r\n"));
    free(text);
}

static void test_channel_names(void **state)
{
    struct sdp_stream stream = usual();
    char *text;

    (void)state;
    memcpy(stream.channel_names, "Vox, Keys left", sizeof "Vox, Keys left");
    assert_round_trip(&stream);
    text = write_text(&stream);
    assert_non_null(strstr(text, "m=audio 5004 RTP/AVP 98\r\ni=2 channels: Vox, Keys left\r\n"));
    free(text);
    stream.channels = 1;
    memcpy(stream.channel_names, "Vox", sizeof "Vox");
    assert_round_trip(&stream);
}

/* AES67-2018 section 8.1: the number of frames is found again; and the numbers that the field writes. */
static void test_ptime(void **state)
{
    static const struct {
        uint32_t frames, rate_hz, us;
        const char *text;
    } cases[] = {
        {6, 48000, 125, "0.125"},  {12, 48000, 250, "0.25"},   {16, 48000, 330, "0.33"},
        {48, 48000, 1000, "1"},    {192, 48000, 4000, "4"},    {960, 48000, 20000, "20"},
        {6, 44100, 140, "0.14"},   {12, 44100, 270, "0.27"},   {16, 44100, 360, "0.36"},
        {48, 44100, 1090, "1.09"}, {192, 44100, 4350, "4.35"}, {12, 96000, 125, "0.125"},
        {32, 96000, 330, "0.33"},  {96, 88200, 1090, "1.09"},  {1920, 88200, 21770, "21.77"},
        {5, 1000000, 5, "0.005"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sdp_stream stream = usual();
        uint32_t us = sdp_ptime_us(cases[i].frames, cases[i].rate_hz);
        char *text, *at;

        assert_int_equal(us, cases[i].us);
        stream.ptime_us = us;
        assert_round_trip(&stream);
        text = write_text(&stream);
        at = strstr(text, "a=ptime:");
        assert_non_null(at);
        assert_memory_equal(at + 8, cases[i].text, strlen(cases[i].text));
        assert_int_equal(at[8 + strlen(cases[i].text)], '\r');
        free(text);
    }
}

/* Every packet time that a sender has: its frames are found again. */
static void test_all_ptimes(void **state)
{
    static const uint32_t ptimes_us[] = {125, 250, 333, 1000, 2000, 2500, 4000, 5000, 10000, 20000};
    static const uint32_t rates_hz[] = {44100, 48000, 88200, 96000};

    (void)state;
    for (size_t i = 0; i < COUNT(ptimes_us); i++)
        for (size_t j = 0; j < COUNT(rates_hz); j++) {
            int frames = rtp_ptime_frames(ptimes_us[i], rates_hz[j]);
            uint64_t us = sdp_ptime_us((uint32_t)frames, rates_hz[j]);

            assert_int_equal((us * rates_hz[j] + 500000) / 1000000, frames);
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worked),        cmocka_unit_test(test_left_out), cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_odd_names),     cmocka_unit_test(test_longest),  cmocka_unit_test(test_ptime),
        cmocka_unit_test(test_all_ptimes),    cmocka_unit_test(test_opus),     cmocka_unit_test(test_float),
        cmocka_unit_test(test_channel_names),
    };

    if (getenv("UNISONO_PROTOCOL_MD"))
        protocol_path = getenv("UNISONO_PROTOCOL_MD");
    if (argc > 1)
        protocol_path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
