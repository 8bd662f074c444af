// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * unisono-replay: from captured bytes to streams. Frames of every kind of link, whole and cut; which streams
 * there are and what they hold; the options.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/replay/catalogue.h"
#include "tools/replay/frame.h"
#include "tools/replay/packet.h"
#include "tools/replay/replay_options.h"

/* ---- frames -------------------------------------------------------------------------------------------- */

/* IPv4 and UDP from 10.0.0.1:4000 to 239.69.83.1:5004 with three bytes, and one of padding behind. */
static const uint8_t packet[] = {0x45, 0x88, 0,  31, 0,    1,    0x40, 0,    32, 17, 0, 0, 10,  0,   0,   1,
                                 239,  69,   83, 1,  0x0f, 0xa0, 0x13, 0x8c, 0,  11, 0, 0, 'a', 'b', 'c', 0};

static size_t frame(uint8_t *to, const uint8_t *head, size_t bytes)
{
    memcpy(to, head, bytes);
    memcpy(to + bytes, packet, sizeof packet);
    return bytes + sizeof packet;
}

static void expect_packet(enum frame_link link, const uint8_t *head, size_t bytes)
{
    uint8_t all[128];
    size_t length = frame(all, head, bytes);
    struct datagram d;

    assert_int_equal(frame_decode(link, all, length, length, &d), FRAME_DATAGRAM);
    assert_int_equal(d.source, 0x0a000001);
    assert_int_equal(d.destination, 0xef455301);
    assert_int_equal(d.source_port, 4000);
    assert_int_equal(d.port, 5004);
    assert_int_equal(d.ttl, 32);
    assert_int_equal(d.dscp, 34);
    assert_int_equal(d.length, 3);
    assert_int_equal(d.captured, 3);
    assert_memory_equal(d.bytes, "abc", 3);
    /* cut anywhere: never more than was there; only a payload may be cut */
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1); /* so that ASan sees a step beyond */
        enum frame_kind kind;

        memcpy(copy, all, cut);
        kind = frame_decode(link, copy, cut, length, &d);
        assert_int_equal(kind, cut < bytes + 28 ? FRAME_CUT : FRAME_DATAGRAM);
        if (kind == FRAME_DATAGRAM)
            assert_int_equal(d.captured, cut - bytes - 28 < 3 ? cut - bytes - 28 : 3);
        free(copy);
    }
}

static void test_links(void **state)
{
    static const uint8_t ethernet[14] = {[12] = 8}, cooked[16] = {[14] = 8}, cooked2[20] = {8};
    static const uint8_t vlan[22] = {[12] = 0x88, 0xa8, [16] = 0x81, [20] = 8};
    static const uint8_t little[4] = {2}, big[4] = {[3] = 2};

    (void)state;
    expect_packet(FRAME_LINK_ETHERNET, ethernet, sizeof ethernet);
    expect_packet(FRAME_LINK_ETHERNET, vlan, sizeof vlan);
    expect_packet(FRAME_LINK_SLL, cooked, sizeof cooked);
    expect_packet(FRAME_LINK_SLL2, cooked2, sizeof cooked2);
    expect_packet(FRAME_LINK_LOOPBACK, little, sizeof little);
    expect_packet(FRAME_LINK_LOOPBACK, big, sizeof big);
    expect_packet(FRAME_LINK_RAW, ethernet, 0);
}

static enum frame_kind spoilt(size_t at, uint8_t value)
{
    uint8_t all[sizeof packet];
    struct datagram d;

    memcpy(all, packet, sizeof all);
    all[at] = value;
    return frame_decode(FRAME_LINK_RAW, all, sizeof all, sizeof all, &d);
}

static void test_what_is_none(void **state)
{
    (void)state;
    assert_int_equal(spoilt(0, 0x65), FRAME_OTHER);     /* IPv6 */
    assert_int_equal(spoilt(0, 0x44), FRAME_MALFORMED); /* a header of 16 bytes */
    assert_int_equal(spoilt(0, 0x4f), FRAME_MALFORMED); /* a header longer than the packet */
    assert_int_equal(spoilt(3, 200), FRAME_MALFORMED);  /* longer than the frame */
    assert_int_equal(spoilt(3, 24), FRAME_MALFORMED);   /* too short for UDP */
    assert_int_equal(spoilt(9, 6), FRAME_OTHER);        /* TCP */
    assert_int_equal(spoilt(6, 0x20), FRAME_FRAGMENT);  /* more to come */
    assert_int_equal(spoilt(7, 1), FRAME_FRAGMENT);     /* not the first */
    assert_int_equal(spoilt(25, 7), FRAME_MALFORMED);   /* UDP shorter than its header */
    assert_int_equal(spoilt(25, 12), FRAME_MALFORMED);  /* UDP longer than IP */
}

static void test_options_of_ip(void **state)
{
    uint8_t all[sizeof packet + 4];
    struct datagram d;

    (void)state;
    memcpy(all, packet, 20);
    memset(all + 20, 1, 4);
    memcpy(all + 24, packet + 20, sizeof packet - 20);
    all[0] = 0x46;
    all[3] += 4;
    assert_int_equal(frame_decode(FRAME_LINK_RAW, all, sizeof all, sizeof all, &d), FRAME_DATAGRAM);
    assert_int_equal(d.port, 5004);
    assert_memory_equal(d.bytes, "abc", 3);
    for (size_t cut = 20; cut < 32; cut++)
        assert_int_equal(frame_decode(FRAME_LINK_RAW, all, cut, sizeof all, &d), FRAME_CUT);
}

/* ---- packets that the capture cut ---------------------------------------------------------------------- */

static void test_cut_packets(void **state)
{
    static uint8_t whole[RTP_DATAGRAM_MAX], room[PACKET_ROOM];
    struct rtp_packet sent = {
        .ssrc = 7,
        .timestamp = 48,
        .sequence = 9,
        .payload_type = 98,
        .has_ext = true,
        .ext = {.presentation = {NS_PER_S}, .codec = RTP_CODEC_L24, .channels = 2, .rate_hz = 48000}};
    struct datagram d = {.bytes = whole, .length = 28 + 288};
    struct rtp_packet read;

    (void)state;
    rtp_build(whole, &sent, RTP_EXT_ID_DEFAULT);
    memset(whole + 28, 0x55, 288);
    for (d.captured = 0; d.captured <= d.length; d.captured++) {
        int error = packet_parse(&d, packet_bytes(&d, room), &read);

        assert_int_equal(error, d.captured < 16 ? -EAGAIN : 0);
        if (error)
            continue;
        assert_int_equal(read.ssrc, 7);
        assert_int_equal(read.payload_len, 288);
        assert_int_equal(read.has_ext, d.captured >= 28);
        if (read.has_ext)
            assert_int_equal(read.payload[287], d.captured == d.length ? 0x55 : 0);
    }
}

/* ---- which streams, in which format -------------------------------------------------------------------- */

static struct catalogue catalogue;

struct sent {
    uint32_t source, ssrc;
    unsigned step, bytes;
    uint8_t payload_type;
    uint32_t rate_hz;
};

static void send_stream(const struct sent *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct datagram d = {.source = s->source,
                             .destination = 0xef000001,
                             .port = 5004,
                             .arrival_ns = NS_PER_S + ns_of_samples((int64_t)i * s->step, s->rate_hz)};
        struct rtp_packet p = {.ssrc = s->ssrc,
                               .sequence = (uint16_t)(65530 + i),
                               .timestamp = 0xfffffff0u + i * s->step,
                               .payload_type = s->payload_type,
                               .payload_len = s->bytes};

        catalogue_take(&catalogue, &d, &p);
    }
}

static struct format format_of(uint32_t ssrc)
{
    struct catalogue_choice choice = {.has_ssrc = true, .ssrc = ssrc};
    const struct catalogue_stream *s = catalogue_choose(&catalogue, &choice);

    assert_non_null(s);
    return catalogue_format(s);
}

static void expect_format(const struct sent *s, enum rtp_codec codec, uint32_t rate_hz, unsigned channels)
{
    struct format f;

    catalogue_init(&catalogue);
    send_stream(s, 200);
    f = format_of(s->ssrc);
    assert_int_equal(f.origin, FORMAT_INFERRED);
    assert_int_equal(f.codec, codec);
    assert_int_equal(f.rate_hz, rate_hz);
    assert_int_equal(f.channels, channels);
    assert_int_equal(f.frames, s->step);
}

static void test_inferred_formats(void **state)
{
    static const struct sent unknown[] = {
        {1, 2, 48, 287, 97, 48000},    /* no whole number of bytes a frame */
        {1, 2, 48, 288, 97, 64000},    /* no rate of sound */
        {1, 2, 3600, 1200, 96, 90000}, /* video */
    };

    (void)state;
    expect_format(&(struct sent){1, 2, 48, 288, 97, 48000}, RTP_CODEC_L24, 48000, 2);
    expect_format(&(struct sent){1, 2, 6, 288, 97, 48000}, RTP_CODEC_L24, 48000, 16);
    expect_format(&(struct sent){1, 2, 48, 192, 97, 44100}, RTP_CODEC_L16, 44100, 2);
    expect_format(&(struct sent){1, 2, 96, 192, 97, 96000}, RTP_CODEC_L16, 96000, 1);
    expect_format(&(struct sent){1, 2, 48, 192, 10, 44100}, RTP_CODEC_L16, 44100, 2);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        catalogue_init(&catalogue);
        send_stream(&unknown[i], 200);
        assert_int_equal(format_of(2).origin, FORMAT_UNKNOWN);
    }
}

static void test_the_most_sound_is_chosen(void **state)
{
    struct catalogue_choice any = {0}, other = {.destination = 0xef000002};

    (void)state;
    catalogue_init(&catalogue);
    send_stream(&(struct sent){1, 10, 48, 288, 97, 48000}, 100);
    send_stream(&(struct sent){1, 11, 48, 288, 97, 48000}, 300);
    send_stream(&(struct sent){2, 11, 48, 288, 97, 48000}, 200);
    send_stream(&(struct sent){1, 12, 3600, 1200, 96, 90000}, 900);
    assert_int_equal(catalogue_choose(&catalogue, &any)->ssrc, 11);
    assert_int_equal(catalogue_choose(&catalogue, &any)->source, 1);
    assert_null(catalogue_choose(&catalogue, &other));
}

/* Datagrams that look like RTP once do not push out what is RTP. */
static void test_noise_makes_no_streams(void **state)
{
    struct catalogue_choice any = {0};

    (void)state;
    catalogue_init(&catalogue);
    send_stream(&(struct sent){1, 10, 48, 288, 97, 48000}, 100);
    for (uint32_t i = 0; i < 10000; i++)
        send_stream(&(struct sent){3, 1000000 + i * 7919, 48, 100, 97, 48000}, 1);
    assert_int_equal(catalogue.known, 1);
    assert_int_equal(catalogue.untold, 0);
    assert_int_equal(catalogue_choose(&catalogue, &any)->ssrc, 10);
    /* and more streams than there is room for are counted */
    for (uint32_t i = 0; i < 1000; i++)
        send_stream(&(struct sent){4, i, 48, 288, 97, 48000}, 3);
    assert_int_equal(catalogue.known, CATALOGUE_MAX);
    assert_true(catalogue.untold > 0);
    assert_int_equal(catalogue_choose(&catalogue, &any)->ssrc, 10);
}

/* ---- options ------------------------------------------------------------------------------------------- */

static bool parse(struct replay_options *o, const char *said, int argc, char *const *argv)
{
    char *text = NULL;
    size_t length = 0;
    FILE *err = open_memstream(&text, &length);
    int status = -1;
    bool goes_on = options_parse(&replay_options_program, o, argc, argv, err, err, &status);

    fclose(err);
    if (said) {
        assert_false(goes_on);
        assert_int_equal(status, 2);
        assert_non_null(strstr(text, said));
    }
    free(text);
    return goes_on;
}

#define PARSE(o, said, ...)                                                                                  \
    parse(o, said, sizeof((char *[]){__VA_ARGS__}) / sizeof(char *), (char *[]){__VA_ARGS__})

static void test_options(void **state)
{
    struct replay_options o;
    struct catalogue_choice choice;

    (void)state;
    assert_true(PARSE(&o, NULL, "prog", "a.pcap", "--json", "--group", "10.1.2.3:6000", "--ssrc", "0x5eed"));
    assert_string_equal(o.file, "a.pcap");
    assert_true(o.json && o.play);
    choice = replay_options_choice(&o);
    assert_int_equal(choice.destination, 0x0a010203);
    assert_int_equal(choice.port, 6000);
    assert_true(choice.has_ssrc);
    assert_int_equal(choice.ssrc, 0x5eed);
    assert_true(PARSE(&o, NULL, "prog", "--json", "-", "--play=no"));
    assert_string_equal(o.file, "-");
    assert_true(o.json && !o.play);
    assert_true(PARSE(&o, NULL, "prog", "--file", "b.pcap"));
    assert_string_equal(o.file, "b.pcap");

    PARSE(&o, "FILE: missing", "prog", "--json");
    PARSE(&o, "given before", "prog", "a", "b");
    PARSE(&o, "'-x': allowed are options only", "prog", "-x");
    PARSE(&o, "--group 1.2.3: allowed", "prog", "a", "--group", "1.2.3");
    PARSE(&o, "--ssrc 0x1ffffffff: allowed", "prog", "a", "--ssrc", "0x1ffffffff");
    PARSE(&o, "--rate: missing", "prog", "a", "--codec", "L24");
    PARSE(&o, "--sdp x: allowed without", "prog", "a", "--sdp", "x", "--rate", "48000");
    PARSE(&o, "--utc-offset 37: allowed with", "prog", "a", "--utc-offset", "37");
    PARSE(&o, "--wav x: nothing is played", "prog", "a", "--wav", "x", "--play=no");
    PARSE(&o, "--list: prints a table", "prog", "a", "--list", "--json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_options_of_ip),
        cmocka_unit_test(test_cut_packets),
        cmocka_unit_test(test_inferred_formats),
        cmocka_unit_test(test_the_most_sound_is_chosen),
        cmocka_unit_test(test_noise_makes_no_streams),
        cmocka_unit_test(test_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
