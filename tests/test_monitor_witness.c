// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/pcm.h"
#include "tools/monitor/witness.h"

enum { FRAMES = 48, CHANNELS = 2 };

/* A sender that we play; PTP time is raw time + 1 s. */
struct sender {
    struct witness witness;
    struct clock_map map;
    struct rtp_packet packet;
    media_t at;
    int64_t latency_ns, delay_ns; /* delay: from the sampling of the first frame to the arrival */
    int64_t skew_ns;              /* its time against PTP's */
    uint64_t source;
    float level;
    bool plain;
    struct view_witness view;
};

static void begin(struct sender *s)
{
    *s = (struct sender){
        .map = {.ptp0 = {NS_PER_S}, .uncertainty_ns = 50, .state = MEDIA_CLOCK_LOCKED, .epoch = 1},
        .packet = {.ssrc = 7, .sequence = 65530, .payload_type = RTP_PT_L24, .has_ext = true},
        .at = {INT64_C(81600000000000)},
        .latency_ns = 10 * NS_PER_MS,
        .delay_ns = 1100 * NS_PER_US,
        .source = 1,
        .level = 0.5f,
    };
    witness_init(&s->witness);
}

/* The next packet, and whether it arrives. */
static void send_one(struct sender *s, bool arrives)
{
    uint8_t bytes[RTP_DATAGRAM_MAX];
    float samples[FRAMES * CHANNELS];
    ptp_ns instant = ptp_at_media(s->at, 48000);
    struct witness_datagram d = {.bytes = bytes, .source = s->source};

    s->packet.timestamp = (uint32_t)(uint64_t)s->at.n;
    s->packet.has_ext = !s->plain;
    s->packet.ext = (struct rtp_header_ext){.presentation = {instant.ns + s->latency_ns},
                                            .type = RTP_TYPE_AUDIO,
                                            .codec = RTP_CODEC_L24,
                                            .channels = CHANNELS,
                                            .rate_hz = 48000};
    rtp_build(bytes, &s->packet, RTP_EXT_ID_DEFAULT);
    for (int i = 0; i < FRAMES * CHANNELS; i++)
        samples[i] = i % CHANNELS ? 0 : i % 4 ? -s->level : s->level;
    pcm_encode(RTP_CODEC_L24, samples, bytes + rtp_header_bytes(!s->plain), FRAMES * CHANNELS);
    d.len = rtp_header_bytes(!s->plain) + sizeof samples / 4 * 3;
    d.arrival.ns = instant.ns - s->skew_ns - NS_PER_S + s->delay_ns;
    if (arrives)
        witness_take(&s->witness, &d, &s->map);
    s->packet.sequence++;
    s->at.n += FRAMES;
}

static void tick(struct sender *s)
{
    witness_tick(&s->witness, &s->map, (raw_ns){ptp_at_media(s->at, 48000).ns - NS_PER_S}, 1, &s->view);
}

static void second(struct sender *s)
{
    for (int i = 0; i < 1000; i++)
        send_one(s, true);
    tick(s);
}

static void test_honest(void **state)
{
    struct sender s;

    (void)state;
    begin(&s);
    second(&s);
    second(&s);
    assert_true(s.view.hears && s.view.timed && s.view.honest);
    assert_true(s.view.packets_per_s == 1000);
    assert_true(s.view.bits_per_s == 1000 * 8 * (28 + 28 + 288));
    assert_true(s.view.lost == 0 && s.view.loss_percent == 0 && s.view.duplicates == 0);
    assert_true(fabs(s.view.lead_min_ms - 8.9) < 0.001);
    assert_true(fabs(s.view.lead_median_ms - 8.9) < 0.02);
    assert_true(fabs(s.view.sent_after_ms - 1.1) < 0.02);
    assert_true(s.view.jitter_us < 0.01);
    assert_int_equal(s.view.channels, CHANNELS);
    assert_true(fabs((double)s.view.peaks_db[0] + 6.02) < 0.01);
    assert_true(isinf(s.view.peaks_db[1]));
    tick(&s);
    assert_false(s.view.hears);
    assert_true(isnan(s.view.lead_min_ms));
}

static void test_losses(void **state)
{
    struct sender s;

    (void)state;
    begin(&s);
    second(&s);
    for (int i = 0; i < 1000; i++)
        send_one(&s, i % 100 != 50);
    tick(&s);
    assert_true(s.view.lost == 10 && fabs(s.view.loss_percent - 1) < 0.001);
    s.packet.sequence = (uint16_t)(s.packet.sequence - 3);
    s.at.n -= (int64_t)3 * FRAMES;
    second(&s);
    assert_true(s.view.duplicates == 3 && s.view.lost == 10);
}

static void test_jitter(void **state)
{
    struct sender s;

    (void)state;
    begin(&s);
    for (int i = 0; i < 1000; i++) {
        s.delay_ns = 1100 * NS_PER_US + i % 2 * 400 * NS_PER_US;
        send_one(&s, true);
    }
    tick(&s);
    assert_true(fabs(s.view.jitter_us - 400) < 1);
    assert_true(fabs(s.view.jitter_worst_us - 400) < 0.01);
    assert_true(fabs(s.view.lead_min_ms - 8.5) < 0.001);
}

/* Each lie is found within a second, and told. */
static void expect_lie(struct sender *s, const char *word)
{
    second(s);
    assert_false(s->view.honest);
    if (!strstr(s->view.dishonest, word))
        fail_msg("\"%s\" says nothing of %s", s->view.dishonest, word);
}

static void test_latency_jumps(void **state)
{
    struct sender s;

    (void)state;
    begin(&s);
    second(&s);
    s.latency_ns += 3000; /* beyond the tolerance of receivers */
    expect_lie(&s, "was 10.000 ms and is 10.003 ms");
    s.latency_ns -= 3000;
    for (int i = 0; i < 6; i++)
        second(&s);
    assert_true(s.view.honest);
}

static void test_not_as_offered(void **state)
{
    struct rtcp_report says = {.ssrc = 7, .has_offer = true, .offer = {.latency_ns = 12 * NS_PER_MS}};
    struct sender s;

    (void)state;
    begin(&s);
    second(&s);
    witness_sender_says(&s.witness, &says);
    expect_lie(&s, "their sender says 12.000 ms");
}

static void test_other_times(void **state)
{
    struct sender s;

    (void)state;
    begin(&s);
    s.delay_ns = -NS_PER_MS;
    expect_lie(&s, "before their sound was sampled");
    begin(&s);
    s.skew_ns = -37 * NS_PER_S; /* UTC is taken for TAI */
    expect_lie(&s, "37.00");
    begin(&s);
    s.skew_ns = 37 * NS_PER_S;
    expect_lie(&s, "before their sound was sampled");
    /* without a clock nobody can tell */
    begin(&s);
    s.map.state = MEDIA_CLOCK_ACQUIRING;
    s.delay_ns = -NS_PER_MS;
    second(&s);
    assert_true(s.view.honest && !s.view.timed && isnan(s.view.lead_min_ms));
}

static void test_absurd(void **state)
{
    struct sender s;

    (void)state;
    begin(&s);
    second(&s);
    s.latency_ns = -NS_PER_MS;
    expect_lie(&s, "before the sampling");
}

static void test_sender_reports(void **state)
{
    ptp_ns when = {INT64_C(1700000000123456789)};
    struct rtcp_report says = {.ssrc = 7, .has_sr = true, .ntp = rtcp_ntp_of_ptp(when)};
    struct sender s;

    (void)state;
    begin(&s);
    second(&s);
    says.rtp = (uint32_t)(uint64_t)media_at_ptp(when, 48000).n;
    witness_sender_says(&s.witness, &says);
    second(&s);
    assert_true(s.view.honest);
    says.rtp += 48;
    says.ssrc = 8; /* somebody else's */
    witness_sender_says(&s.witness, &says);
    second(&s);
    assert_true(s.view.honest);
    says.ssrc = 7;
    witness_sender_says(&s.witness, &says);
    expect_lie(&s, "48 samples");
}

static void test_second_sender(void **state)
{
    struct sender s;

    (void)state;
    begin(&s);
    second(&s);
    for (int i = 0; i < 10; i++) {
        send_one(&s, true);
        s.packet.ssrc = 8;
        s.source = 9;
        send_one(&s, true);
        s.packet.ssrc = 7;
        s.source = 1;
    }
    assert_true(witness_intruded(&s.witness));
    assert_int_equal(s.witness.intruder_ssrc, 8);
    assert_int_equal(s.witness.intruder_source, 9);
    tick(&s);
    assert_false(witness_intruded(&s.witness));
}

/* A plain AES67 stream, as its description has it. */
static void test_plain(void **state)
{
    struct witness_format format = {
        .known = true, .codec = RTP_CODEC_L24, .rate_hz = 48000, .channels = CHANNELS};
    struct sender s;

    (void)state;
    begin(&s);
    s.plain = true;
    second(&s);
    assert_false(s.view.hears); /* nobody says what it is */
    witness_expect(&s.witness, &format);
    second(&s);
    second(&s);
    assert_true(s.view.hears && s.view.honest && isnan(s.view.lead_min_ms));
    assert_true(fabs(s.view.sent_after_ms - 1.1) < 0.02);
    assert_true(fabs((double)s.view.peaks_db[0] + 6.02) < 0.01);
}

/* Noise is counted, and has no other effect. */
static void test_garbage(void **state)
{
    uint8_t bytes[64] = {0x90, 98};
    struct witness_datagram d = {.bytes = bytes, .len = 13};
    struct sender s;

    (void)state;
    begin(&s);
    witness_take(&s.witness, &d, &s.map);
    tick(&s);
    assert_true(s.view.malformed == 1 && !s.view.hears && s.view.honest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest),         cmocka_unit_test(test_losses),
        cmocka_unit_test(test_jitter),         cmocka_unit_test(test_latency_jumps),
        cmocka_unit_test(test_not_as_offered), cmocka_unit_test(test_other_times),
        cmocka_unit_test(test_absurd),         cmocka_unit_test(test_sender_reports),
        cmocka_unit_test(test_second_sender),  cmocka_unit_test(test_plain),
        cmocka_unit_test(test_garbage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
