// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The wire, against its specification: the packets are read out of proto/PROTOCOL.md (path in the first
 * argument or UNISONO_PROTOCOL_MD), so that document and code cannot drift apart.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/pcm.h"
#include "proto/rtp.h"

static const char *protocol_path = "proto/PROTOCOL.md";

/* The bytes of the block "```hex NAME" of the document. */
static size_t read_worked_packet(const char *name, uint8_t *bytes, size_t size)
{
    FILE *file = fopen(protocol_path, "r");
    char line[512], fence[64];
    size_t len = 0;
    int inside = 0;

    if (!file)
        fail_msg("%s: %s", protocol_path, strerror(errno));
    snprintf(fence, sizeof fence, "```hex %s\n", name);
    while (fgets(line, sizeof line, file)) {
        const char *at = line;
        unsigned byte;
        int used;

        if (!inside) {
            inside = strcmp(line, fence) == 0;
            continue;
        }
        if (strncmp(line, "```", 3) == 0)
            break;
        for (; sscanf(at, " %2x%n", &byte, &used) == 1; at += used) {
            assert_true(len < size);
            bytes[len++] = (uint8_t)byte;
        }
    }
    fclose(file);
    if (len == 0)
        fail_msg("%s holds no block %s", protocol_path, name);
    return len;
}

/* Parses a copy of exactly its size, so that the address sanitizer sees each byte read past the end. */
static int parse_copy(const uint8_t *bytes, size_t len, struct rtp_packet *packet)
{
    uint8_t *copy = malloc(len ? len : 1);
    int result;

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    result = rtp_parse(copy, len, RTP_EXT_ID_DEFAULT, packet);
    if (result == 0) {
        assert_true(packet->payload >= copy && packet->payload <= copy + len);
        assert_true(packet->payload_len <= len - (size_t)(packet->payload - copy));
        packet->payload = bytes + (packet->payload - copy);
    }
    free(copy);
    return result;
}

/* ---- the document ---------------------------------------------------------------------------------- */

static const struct rtp_packet worked = {
    .ssrc = 0x5eed1e55,
    .timestamp = 0xfb03ddc0,
    .sequence = 65535,
    .payload_type = RTP_PT_L24,
    .has_ext = true,
    .ext = {.presentation = {1700000000510000000}, .codec = RTP_CODEC_L24, .channels = 2, .rate_hz = 48000},
};

static void assert_packet(const struct rtp_packet *got, const struct rtp_packet *want)
{
    assert_int_equal(got->ssrc, want->ssrc);
    assert_int_equal(got->timestamp, want->timestamp);
    assert_int_equal(got->sequence, want->sequence);
    assert_int_equal(got->payload_type, want->payload_type);
    assert_int_equal(got->marker, want->marker);
    assert_int_equal(got->has_ext, want->has_ext);
    assert_int_equal(got->ext.presentation.ns, want->ext.presentation.ns);
    assert_int_equal(got->ext.type, want->ext.type);
    assert_int_equal(got->ext.codec, want->ext.codec);
    assert_int_equal(got->ext.channels, want->ext.channels);
    assert_int_equal(got->ext.rate_hz, want->ext.rate_hz);
}

/* Field by field both ways: what the document says is what is parsed, and what is built. */
static void check_worked_packet(const char *name, const struct rtp_packet *want, size_t payload_len)
{
    uint8_t bytes[RTP_DATAGRAM_MAX], built[RTP_FIXED_BYTES + RTP_EXT_BYTES];
    size_t len = read_worked_packet(name, bytes, sizeof bytes);
    struct rtp_packet packet;

    assert_int_equal(len, sizeof built + payload_len);
    assert_int_equal(parse_copy(bytes, len, &packet), 0);
    assert_packet(&packet, want);
    assert_int_equal(packet.payload_len, payload_len);
    assert_ptr_equal(packet.payload, bytes + sizeof built);
    rtp_build(built, want, RTP_EXT_ID_DEFAULT);
    assert_memory_equal(built, bytes, sizeof built);
}

static void test_worked_init(void **state)
{
    struct rtp_packet want = worked;

    (void)state;
    want.sequence = 65534;
    want.payload_type = RTP_PT_CONTROL;
    want.ext.type = RTP_TYPE_INIT;
    check_worked_packet("init", &want, 0);
}

static void test_worked_audio(void **state)
{
    static const int32_t frames[] = {0,       0,        1,       -1,       0x400000, -0x400000,
                                     8388607, -8388608, 1193046, -1193046, 256,      -256};
    uint8_t bytes[RTP_DATAGRAM_MAX], encoded[36];
    float samples[12];
    struct rtp_packet packet;
    size_t len;

    (void)state;
    check_worked_packet("audio", &worked, 36);
    len = read_worked_packet("audio", bytes, sizeof bytes);
    assert_int_equal(parse_copy(bytes, len, &packet), 0);
    assert_int_equal(packet.frames, 6);
    pcm_decode(packet.ext.codec, packet.payload, samples, 12);
    for (size_t i = 0; i < 12; i++)
        assert_int_equal((int32_t)(samples[i] * 8388608.0f), frames[i]);
    pcm_encode(packet.ext.codec, samples, encoded, 12);
    assert_memory_equal(encoded, packet.payload, 36);
}

static void test_worked_terminate(void **state)
{
    struct rtp_packet want = worked;

    (void)state;
    want.sequence = 0;
    want.timestamp += 6;
    want.payload_type = RTP_PT_CONTROL;
    want.ext.presentation.ns += 125000;
    want.ext.type = RTP_TYPE_TERMINATE;
    check_worked_packet("terminate", &want, 0);
}

/* The numbers of section 12 follow from those of section 5. */
static void test_worked_times(void **state)
{
    media_t m = media_at_ptp((ptp_ns){1700000000500000000}, 48000);

    (void)state;
    assert_int_equal(m.n, 81600000024000);
    assert_int_equal((uint32_t)m.n, worked.timestamp);
    assert_int_equal(ptp_at_media(m, 48000).ns + 10 * NS_PER_MS, worked.ext.presentation.ns);
    assert_int_equal(media_unwrap(worked.timestamp, media_at_ptp(worked.ext.presentation, 48000)).n, m.n);
}

/* The table of section 5. */
static void test_instants(void **state)
{
    static const struct {
        uint32_t rate_hz;
        int64_t media;
        uint32_t timestamp;
        int64_t instant_ns;
    } rows[] = {
        {48000, 81600000000000, 4211310592, 1700000000000000000},
        {48000, 81600000000016, 4211310608, 1700000000000333334},
        {48000, 81600000000032, 4211310624, 1700000000000666667},
        {44100, 74970000000048, 1345848368, 1700000000001088436},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal((uint32_t)rows[i].media, rows[i].timestamp);
        assert_int_equal(ptp_at_media((media_t){rows[i].media}, rows[i].rate_hz).ns, rows[i].instant_ns);
        assert_int_equal(media_at_ptp((ptp_ns){rows[i].instant_ns}, rows[i].rate_hz).n, rows[i].media);
    }
}

/* ---- building and parsing --------------------------------------------------------------------------- */

/* Every value of each extension field, built and parsed again. */
static void test_round_trip(void **state)
{
    static const uint32_t rates[] = {44100, 48000, 88200, 96000};
    static const int64_t times[] = {0, 1, 0x0123456789abcdef, INT64_MAX};

    (void)state;
    for (unsigned i = 0; i < 64 * 16; i++) {
        uint8_t bytes[RTP_FIXED_BYTES + RTP_EXT_BYTES];
        struct rtp_packet got, want = {
                                   .ssrc = 0x80000000u + i,
                                   .timestamp = ~i,
                                   .sequence = (uint16_t)(i * 77),
                                   .payload_type = (uint8_t)(i % 64),
                                   .marker = i % 3 == 0,
                                   .has_ext = true,
                                   .ext = {.presentation = {times[i % 4]},
                                           .type = (uint8_t)(3 + i % 61), /* the payload may be empty */
                                           .codec = (uint8_t)(i / 64),
                                           .channels = (uint8_t)(i % 64 + 1),
                                           .rate_hz = rates[i / 4 % 4]},
                               };

        rtp_build(bytes, &want, RTP_EXT_ID_DEFAULT);
        assert_int_equal(parse_copy(bytes, sizeof bytes, &got), 0);
        assert_packet(&got, &want);
    }
}

static void test_plain(void **state)
{
    struct rtp_packet got, want = {.ssrc = 7, .timestamp = 48, .sequence = 3, .payload_type = 98};
    uint8_t bytes[RTP_FIXED_BYTES + 6] = {0};

    (void)state;
    assert_int_equal(rtp_header_bytes(false), RTP_FIXED_BYTES);
    rtp_build(bytes, &want, RTP_EXT_ID_DEFAULT);
    assert_int_equal(parse_copy(bytes, sizeof bytes, &got), 0);
    assert_packet(&got, &want);
    assert_int_equal(got.payload_len, 6);
    assert_int_equal(rtp_pcm_frames(got.payload_len, RTP_CODEC_L24, 2), 1);
    assert_int_equal(rtp_pcm_frames(got.payload_len, RTP_CODEC_L16, 2), -EBADMSG);
    assert_int_equal(rtp_pcm_frames(0, RTP_CODEC_L16, 2), -EBADMSG);
    assert_int_equal(rtp_pcm_frames(6, RTP_CODEC_OPUS, 2), -EPROTONOSUPPORT);
}

#define HEAD  0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3
#define HEADX 0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3
/* Presentation time 1, version and type, L16 at 48 kHz, mono */
#define DATA(version_type) 0, 0, 0, 0, 0, 0, 0, 1, version_type, 0x02, 0x00

struct parse_case {
    const char *name;
    int result;
    bool has_ext;
    size_t payload_len;
    size_t len;
    uint8_t bytes[64];
};

#define CASE(name, result, has_ext, payload_len, ...)                                                        \
    {                                                                                                        \
        name, result, has_ext, payload_len, sizeof((const uint8_t[]){__VA_ARGS__}),                          \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

static const struct parse_case cases[] = {
    CASE("version 1", -EPROTO, false, 0, 0x40, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3),
    CASE("version 3", -EPROTO, false, 0, 0xc0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3),
    CASE("STUN", -EPROTO, false, 0, 0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42),
    CASE("RTCP SR", -EPROTO, false, 0, 0x80, 200, 0, 6),
    CASE("RTCP lowest", -EPROTO, false, 0, 0x80, 192, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3),
    CASE("RTCP highest", -EPROTO, false, 0, 0x80, 223, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3),
    CASE("just below RTCP", 0, false, 0, 0x80, 191, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3),
    CASE("just above RTCP", 0, false, 0, 0x80, 224, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3),
    CASE("one byte", -EBADMSG, false, 0, 0x80),
    CASE("eleven bytes", -EBADMSG, false, 0, 0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0),
    CASE("empty payload", 0, false, 0, HEAD),
    CASE("one contributing source", 0, false, 1, 0x81, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, 9, 9, 1),
    CASE("contributing source cut", -EBADMSG, false, 0, 0x81, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, 9),
    CASE("padding", 0, false, 1, 0xa0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 7, 0, 0, 3),
    CASE("all padding", 0, false, 0, 0xa0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4),
    CASE("padding count 0", -EBADMSG, false, 0, 0xa0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 7, 0),
    CASE("padding too large", -EBADMSG, false, 0, 0xa0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 3),
    CASE("padding without a byte", -EBADMSG, false, 0, 0xa0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3),

    CASE("extension head cut", -EBADMSG, false, 0, HEADX, 0xbe, 0xde, 0),
    CASE("extension body cut", -EBADMSG, false, 0, HEADX, 0xbe, 0xde, 0, 1, 0, 0, 0),
    CASE("extension length huge", -EBADMSG, false, 0, HEADX, 0xbe, 0xde, 0xff, 0xff, 0x1a, DATA(0)),
    CASE("extension of no words", 0, false, 2, HEADX, 0xbe, 0xde, 0, 0, 1, 2),
    CASE("another profile", 0, false, 2, HEADX, 0x12, 0x34, 0, 1, 0x1a, 0, 0, 0, 1, 2),
    CASE("two-byte form", 0, false, 2, HEADX, 0x10, 0x00, 0, 4, 1, 11, DATA(0), 0, 0, 0, 1, 2),
    CASE("ours", 0, true, 2, HEADX, 0xbe, 0xde, 0, 3, 0x1a, DATA(0), 1, 2),
    CASE("ours after others and padding", 0, true, 2, HEADX, 0xbe, 0xde, 0, 5, 0x20, 9, 0, 0x31, 9, 9, 0, 0,
         0x1a, DATA(0), 1, 2),
    CASE("ours before stop", 0, true, 2, HEADX, 0xbe, 0xde, 0, 4, 0x1a, DATA(0), 0xff, 9, 9, 9, 1, 2),
    CASE("ours behind stop", 0, false, 2, HEADX, 0xbe, 0xde, 0, 4, 0xf0, 0, 0, 0, 0x1a, DATA(0), 1, 2),
    CASE("ours behind ID 0 with a length", 0, false, 2, HEADX, 0xbe, 0xde, 0, 4, 0x01, 0, 0, 0, 0x1a, DATA(0),
         1, 2),
    CASE("another's ID", 0, false, 2, HEADX, 0xbe, 0xde, 0, 3, 0x2a, DATA(0), 1, 2),
    CASE("element runs past the extension", -EBADMSG, false, 0, HEADX, 0xbe, 0xde, 0, 2, 0x1a, 0, 0, 0, 0, 0,
         0, 1, 0, 2, 0, 1, 2),
    CASE("another's element runs past", -EBADMSG, false, 0, HEADX, 0xbe, 0xde, 0, 1, 0x2f, 0, 0, 0, 1, 2),
    CASE("ours with 8 bytes", -EBADMSG, false, 0, HEADX, 0xbe, 0xde, 0, 3, 0x17, DATA(0), 1, 2),
    CASE("ours with 10 bytes", -EBADMSG, false, 0, HEADX, 0xbe, 0xde, 0, 3, 0x19, DATA(0), 1, 2),
    CASE("ours with 12 bytes", -EBADMSG, false, 0, HEADX, 0xbe, 0xde, 0, 4, 0x1b, DATA(0), 0, 0, 0, 0, 1, 2),
    CASE("ours in version 1", -EPROTONOSUPPORT, false, 0, HEADX, 0xbe, 0xde, 0, 3, 0x1a, DATA(0x40), 1, 2),
    CASE("ours in version 3, 9 bytes", -EPROTONOSUPPORT, false, 0, HEADX, 0xbe, 0xde, 0, 3, 0x18, DATA(0xc0),
         1, 2),
    CASE("presentation beyond 2^63", -EBADMSG, false, 0, HEADX, 0xbe, 0xde, 0, 3, 0x1a, 0x80, 0, 0, 0, 0, 0,
         0, 1, 0, 2, 0, 1, 2),
    CASE("audio without payload", -EBADMSG, false, 0, HEADX, 0xbe, 0xde, 0, 3, 0x1a, DATA(0)),
    CASE("audio with half a frame", -EBADMSG, false, 0, HEADX, 0xbe, 0xde, 0, 3, 0x1a, DATA(0), 1, 2, 3),
    CASE("INIT", 0, true, 0, HEADX, 0xbe, 0xde, 0, 3, 0x1a, DATA(1)),
    CASE("INIT with payload", -EBADMSG, false, 0, HEADX, 0xbe, 0xde, 0, 3, 0x1a, DATA(1), 1, 2),
    CASE("TERMINATE", 0, true, 0, HEADX, 0xbe, 0xde, 0, 3, 0x1a, DATA(2)),
    CASE("TERMINATE with payload", -EBADMSG, false, 0, HEADX, 0xbe, 0xde, 0, 3, 0x1a, DATA(2), 1, 2),
    CASE("a type to come, any payload", 0, true, 3, HEADX, 0xbe, 0xde, 0, 3, 0x1a, DATA(63), 1, 2, 3),
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct parse_case *c = &cases[i];
        struct rtp_packet packet;
        int result = parse_copy(c->bytes, c->len, &packet);

        if (result != c->result)
            fail_msg("%s: %d instead of %d", c->name, result, c->result);
        if (result == 0 && (packet.has_ext != c->has_ext || packet.payload_len != c->payload_len))
            fail_msg("%s: extension %d, payload %zu", c->name, packet.has_ext, packet.payload_len);
    }
}

/* No prefix of a good packet is read past its end, and none but a whole one passes as Unisono audio. */
static void test_truncated(void **state)
{
    uint8_t bytes[RTP_DATAGRAM_MAX];
    size_t len = read_worked_packet("audio", bytes, sizeof bytes);

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        struct rtp_packet packet;
        int result = parse_copy(bytes, cut, &packet);
        bool whole_frames = cut > 28 && (cut - 28) % 6 == 0;

        assert_int_equal(result, whole_frames ? 0 : -EBADMSG);
    }
}

static void test_other_ext_id(void **state)
{
    struct rtp_packet packet, want = worked;
    uint8_t bytes[RTP_FIXED_BYTES + RTP_EXT_BYTES];

    (void)state;
    want.ext.type = RTP_TYPE_INIT;
    rtp_build(bytes, &want, 14);
    assert_int_equal(rtp_parse(bytes, sizeof bytes, 14, &packet), 0);
    assert_true(packet.has_ext);
    assert_int_equal(packet.ext.presentation.ns, want.ext.presentation.ns);
    assert_int_equal(rtp_parse(bytes, sizeof bytes, 1, &packet), 0);
    assert_false(packet.has_ext);
}

/* Of several elements with our ID the first counts, whatever the others hold. */
static void test_first_element_counts(void **state)
{
    static const uint8_t bytes[] = {HEADX, 0xbe, 0xde, 0, 4, 0x1a, DATA(1), 0x10, 0xff, 0, 0};
    struct rtp_packet packet;

    (void)state;
    assert_int_equal(parse_copy(bytes, sizeof bytes, &packet), 0);
    assert_int_equal(packet.ext.type, RTP_TYPE_INIT);
}

/* What the extension names but we do not know is told, not refused. */
static void test_unknown_values(void **state)
{
    static const uint8_t bytes[] = {HEADX, 0xbe, 0xde, 0, 3, 0x1a, 0,    0, 0, 0,
                                    0,     0,    0,    1, 0, 0xef, 0xff, 1, 2, 3};
    struct rtp_packet packet;

    (void)state;
    assert_int_equal(parse_copy(bytes, sizeof bytes, &packet), 0);
    assert_int_equal(packet.ext.codec, 14);
    assert_null(rtp_codec_name(packet.ext.codec));
    assert_int_equal(packet.ext.rate_hz, 0);
    assert_int_equal(packet.rate_code, 15);
    assert_int_equal(packet.ext.channels, 64);
    assert_int_equal(packet.frames, 0);
}

/*
 * Damaged packets, a hundred thousand of them (UNISONO_FUZZ_ROUNDS for more): never a byte read outside, and
 * what passes is consistent. The seed is fixed: a failure comes back.
 */
static void test_damaged(void **state)
{
    static const char *const names[] = {"init", "audio", "terminate"};
    const char *wanted = getenv("UNISONO_FUZZ_ROUNDS");
    long rounds = wanted ? strtol(wanted, NULL, 10) : 100000;
    uint8_t seeds[3][RTP_DATAGRAM_MAX];
    size_t lens[3];
    uint64_t random = 0x9e3779b97f4a7c15;
    long passed = 0, refused = 0;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        lens[i] = read_worked_packet(names[i], seeds[i], sizeof seeds[i]);
    for (long round = 0; round < rounds; round++) {
        uint8_t bytes[128];
        size_t from = (size_t)round % 3, len = lens[from];
        struct rtp_packet packet;
        unsigned changes;

        memset(bytes, 0, sizeof bytes);
        memcpy(bytes, seeds[from], len);
        random = random * 6364136223846793005u + 1442695040888963407u;
        for (changes = (unsigned)(random >> 61); changes > 0; changes--) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            /* Mostly in the headers, where it matters. */
            bytes[(random >> 33) % (changes % 2 ? 32 : len)] ^= (uint8_t)(1u << (random >> 50) % 8);
        }
        if (random >> 60 == 0)
            len = (random >> 40) % sizeof bytes;
        if (parse_copy(bytes, len, &packet) < 0) {
            refused++;
            continue;
        }
        passed++;
        assert_true(packet.payload_type < 128);
        if (packet.has_ext) {
            assert_true(packet.ext.presentation.ns >= 0);
            assert_in_range(packet.ext.channels, 1, RTP_CHANNELS_MAX);
            if (packet.frames)
                assert_int_equal(packet.payload_len, (size_t)packet.frames * packet.ext.channels *
                                                         rtp_codec_sample_bytes(packet.ext.codec));
        }
    }
    assert_true(passed > rounds / 10 && refused > rounds / 10);
}

/* ---- packet times ---------------------------------------------------------------------------------- */

static void test_ptime_frames(void **state)
{
    static const struct {
        uint32_t us;
        int at_48, at_96;
    } rows[] = {{125, 6, 12},     {250, 12, 24},    {333, 16, 32},     {1000, 48, 96},    {2000, 96, 192},
                {4000, 192, 384}, {5000, 240, 480}, {10000, 480, 960}, {20000, 960, 1920}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(rtp_ptime_frames(rows[i].us, 48000), rows[i].at_48);
        assert_int_equal(rtp_ptime_frames(rows[i].us, 44100), rows[i].at_48);
        assert_int_equal(rtp_ptime_frames(rows[i].us, 96000), rows[i].at_96);
        assert_int_equal(rtp_ptime_frames(rows[i].us, 88200), rows[i].at_96);
    }
    assert_int_equal(rtp_ptime_frames(3000, 48000), -EINVAL);
    assert_int_equal(rtp_ptime_frames(1000, 32000), -EINVAL);
    /* "1 ms" at 44.1 kHz lasts 1.088 ms. */
    assert_int_equal(ns_of_samples(rtp_ptime_frames(1000, 44100), 44100), 1088436);
}

static void test_ptime_fit(void **state)
{
    char err[256] = "";

    (void)state;
    assert_int_equal(rtp_ptime_check(1000, 48000, RTP_CODEC_L24, 10, err, sizeof err), 48);
    assert_int_equal(rtp_ptime_check(1000, 48000, RTP_CODEC_L16, 15, err, sizeof err), 48);
    assert_int_equal(rtp_ptime_check(125, 48000, RTP_CODEC_L24, 64, err, sizeof err), 6);
    assert_string_equal(err, "");

    assert_int_equal(rtp_ptime_check(1000, 48000, RTP_CODEC_L24, 11, err, sizeof err), -EINVAL);
    assert_non_null(strstr(err, "11 channels of L24 at 48000 Hz"));
    assert_non_null(strstr(err, "1584 bytes and only 1440 fit"));
    assert_non_null(strstr(err, "0.333 ms at most"));
    assert_int_equal(rtp_ptime_check(333, 48000, RTP_CODEC_L24, 11, err, sizeof err), 16);

    assert_int_equal(rtp_ptime_check(1000, 96000, RTP_CODEC_L24, 64, err, sizeof err), -EINVAL);
    assert_non_null(strstr(err, "40 channels at most, with 0.125 ms"));
    assert_int_equal(rtp_ptime_check(125, 96000, RTP_CODEC_L24, 40, err, sizeof err), 12);
    assert_int_equal(rtp_ptime_check(125, 96000, RTP_CODEC_L24, 41, err, sizeof err), -EINVAL);

    assert_int_equal(rtp_ptime_check(3000, 48000, RTP_CODEC_L24, 2, err, sizeof err), -EINVAL);
    assert_non_null(strstr(err, "0.125, 0.25, 0.333, 1, 2, 2.5, 4, 5, 10 and 20 ms"));
    assert_int_equal(rtp_ptime_check(1000, 22050, RTP_CODEC_L24, 2, err, sizeof err), -EINVAL);
    assert_non_null(strstr(err, "22050 Hz"));
    assert_int_equal(rtp_ptime_check(1000, 48000, RTP_CODEC_L24, 65, err, sizeof err), -EINVAL);
    assert_int_equal(rtp_ptime_check(1000, 48000, RTP_CODEC_L24, 0, err, sizeof err), -EINVAL);
    assert_int_equal(rtp_ptime_check(1000, 48000, 9, 2, err, sizeof err), -EINVAL);
    assert_int_equal(rtp_ptime_check(1000, 48000, RTP_CODEC_F32, 7, err, sizeof err), 48);
    assert_int_equal(rtp_ptime_check(1000, 48000, RTP_CODEC_F32, 8, err, sizeof err), -EINVAL);
    assert_non_null(strstr(err, "1536 bytes"));
}

static void test_ptime_of_opus(void **state)
{
    static const uint32_t good_us[] = {2500, 5000, 10000, 20000}, bad_us[] = {125, 1000, 2000, 4000};
    char err[256] = "";

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (unsigned channels = 1; channels <= 2; channels++)
            assert_int_equal(rtp_ptime_check(good_us[i], 48000, RTP_CODEC_OPUS, channels, err, sizeof err),
                             good_us[i] * 48 / 1000);
        assert_int_equal(rtp_ptime_check(bad_us[i], 48000, RTP_CODEC_OPUS, 2, err, sizeof err), -EINVAL);
        assert_non_null(strstr(err, "allowed are 2.5, 5, 10 and 20 ms"));
    }
    assert_int_equal(rtp_ptime_check(5000, 48000, RTP_CODEC_OPUS, 3, err, sizeof err), -EINVAL);
    assert_non_null(strstr(err, "3 channels of Opus: allowed are 1 and 2"));
    assert_int_equal(rtp_ptime_check(5000, 44100, RTP_CODEC_OPUS, 2, err, sizeof err), -EINVAL);
    assert_non_null(strstr(err, "allowed is 48000 Hz"));
}

/* What a refusal names is the longest packet time that fits, or else the most channels that do. */
static void check_advice(unsigned codec, uint32_t rate_hz, unsigned channels, const char *err)
{
    static const uint32_t times_us[] = {125, 250, 333, 1000, 2000, 4000, 5000, 10000, 20000};
    size_t frame_bytes = rtp_codec_sample_bytes(codec) * (size_t)channels;
    const char *named = strstr(err, "can be "), *most = strstr(err, "send ");
    uint32_t named_us = named ? (uint32_t)lround(strtod(named + strlen("can be "), NULL) * 1000) : 0;
    char text[256];

    assert_true(!named != !most);
    if (named)
        assert_true(rtp_ptime_check(named_us, rate_hz, codec, channels, text, sizeof text) > 0);
    for (size_t i = 0; i < sizeof times_us / sizeof *times_us; i++)
        if (times_us[i] > named_us)
            assert_true((size_t)rtp_ptime_frames(times_us[i], rate_hz) * frame_bytes > RTP_PAYLOAD_MAX);
    if (most) {
        unsigned fit = (unsigned)strtoul(most + strlen("send "), NULL, 10);

        assert_true(fit < channels);
        assert_true(rtp_ptime_check(125, rate_hz, codec, fit, text, sizeof text) > 0);
        assert_int_equal(rtp_ptime_check(125, rate_hz, codec, fit + 1, text, sizeof text), -EINVAL);
    }
}

/* Every codec, rate, number of channels and packet time: taken when it fits a datagram, refused with advice
 * else. */
static void test_ptime_whole_table(void **state)
{
    static const uint32_t times_us[] = {125, 250, 333, 1000, 2000, 4000, 5000, 10000, 20000};
    static const uint32_t rates_hz[] = {44100, 48000, 88200, 96000};
    unsigned taken = 0, refused = 0;

    (void)state;
    for (unsigned codec = RTP_CODEC_L16; codec <= RTP_CODEC_L24; codec++)
        for (size_t r = 0; r < sizeof rates_hz / sizeof *rates_hz; r++)
            for (unsigned channels = 1; channels <= RTP_CHANNELS_MAX; channels++)
                for (size_t t = 0; t < sizeof times_us / sizeof *times_us; t++) {
                    int frames = rtp_ptime_frames(times_us[t], rates_hz[r]);
                    size_t bytes = (size_t)frames * rtp_codec_sample_bytes(codec) * channels;
                    char err[256] = "";
                    int got = rtp_ptime_check(times_us[t], rates_hz[r], codec, channels, err, sizeof err);

                    assert_int_equal(got, bytes <= RTP_PAYLOAD_MAX ? frames : -EINVAL);
                    if (got < 0)
                        check_advice(codec, rates_hz[r], channels, err);
                    taken += got > 0;
                    refused += got < 0;
                }
    assert_int_equal(taken + refused, 2 * 4 * 64 * 9);
    assert_true(taken > 800 && refused > 800);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worked_init),
        cmocka_unit_test(test_worked_audio),
        cmocka_unit_test(test_worked_terminate),
        cmocka_unit_test(test_worked_times),
        cmocka_unit_test(test_instants),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_other_ext_id),
        cmocka_unit_test(test_first_element_counts),
        cmocka_unit_test(test_unknown_values),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_ptime_frames),
        cmocka_unit_test(test_ptime_fit),
        cmocka_unit_test(test_ptime_whole_table),
        cmocka_unit_test(test_ptime_of_opus),
    };

    if (getenv("UNISONO_PROTOCOL_MD"))
        protocol_path = getenv("UNISONO_PROTOCOL_MD");
    if (argc > 1)
        protocol_path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
