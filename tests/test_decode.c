// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Decode, through intake as packets come: whatever their order, the sound is that of packets in order, to the
 * bit; what is missing is made up when it is needed and not before, and never for long.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "receiver/intake.h"

#define RAW0    INT64_C(86400000000123)
#define PTP0    INT64_C(1795000000123456789)
#define LINK    (5 * NS_PER_S)
#define PACKETS 60
#define SSRC    0x1234

static const struct clock_map known = {
    .raw0 = {RAW0}, .ptp0 = {PTP0}, .state = MEDIA_CLOCK_LOCKED, .epoch = 1};

/* A stream that was coded before, and its packets delivered one by one. */
struct post {
    struct intake in;
    unsigned frames, channels;
    int64_t first; /* media time of packet 0 */
    raw_ns now;
    uint8_t payloads[PACKETS][RTP_PAYLOAD_MAX];
    size_t lens[PACKETS];
    enum intake_event event;
};

static struct post *new_post(unsigned frames, unsigned channels, bool fec)
{
    struct post *p = calloc(1, sizeof *p);
    struct stream_description description = {.ext_id = RTP_EXT_ID_DEFAULT};
    const struct codec_format format = {RTP_CODEC_OPUS, 48000, channels, frames, 96000, fec, 20};
    struct encoder *e = encoder_create(&format);
    float sound[960 * 2];

    assert_non_null(p);
    assert_int_equal(intake_init(&p->in, &description, 1 << 18), 0);
    p->frames = frames;
    p->channels = channels;
    p->now = (raw_ns){RAW0 + NS_PER_S};
    p->first = media_at_ptp((ptp_ns){PTP0 + NS_PER_S}, 48000).n + 100;
    for (int k = 0; k < PACKETS; k++) {
        for (unsigned i = 0; i < frames * channels; i++) {
            double t = (double)((unsigned)k * frames + i / channels) / 48000;

            sound[i] = (float)(0.3 * sin(2 * M_PI * (300 + 200 * sin(2 * M_PI * 4 * t)) * t));
        }
        p->lens[k] = (size_t)encoder_run(e, sound, p->payloads[k]);
    }
    encoder_destroy(e);
    return p;
}

static void free_post(struct post *p)
{
    intake_free(&p->in);
    free(p);
}

static media_t at_packet(const struct post *p, int k)
{
    return (media_t){p->first + (int64_t)k * p->frames};
}

static void deliver(struct post *p, const struct rtp_packet *packet, const uint8_t *payload, size_t len)
{
    size_t header = rtp_header_bytes(true);
    uint8_t *bytes = malloc(header + len); /* exactly its size, for the address sanitizer */

    assert_non_null(bytes);
    rtp_build(bytes, packet, RTP_EXT_ID_DEFAULT);
    if (len)
        memcpy(bytes + header, payload, len);
    p->event = intake_datagram(&p->in, &known, bytes, header + len, p->now, 77);
    free(bytes);
}

/* A packet of the stream, and the moment at which its sound has been sampled. */
static struct rtp_packet packet_at(struct post *p, media_t at, int sequence)
{
    p->now.ns = RAW0 + ptp_at_media(at, 48000).ns + NS_PER_MS - PTP0;
    return (struct rtp_packet){.ssrc = SSRC,
                               .timestamp = (uint32_t)(uint64_t)at.n,
                               .sequence = (uint16_t)(1000 + sequence),
                               .payload_type = RTP_PT_OPUS,
                               .has_ext = true,
                               .ext = {.presentation = {ptp_at_media(at, 48000).ns + LINK},
                                       .codec = RTP_CODEC_OPUS,
                                       .channels = (uint8_t)p->channels,
                                       .rate_hz = 48000}};
}

static void post_packet(struct post *p, int k)
{
    struct rtp_packet packet = packet_at(p, at_packet(p, k), k);

    deliver(p, &packet, p->payloads[k], p->lens[k]);
}

/* What lies on the timeline for packet k; it must be there. */
static void read_packet(const struct post *p, int k, float *out)
{
    assert_int_equal(timeline_present(p->in.timeline, at_packet(p, k), p->frames), p->frames);
    timeline_read(p->in.timeline, at_packet(p, k), out, p->frames);
}

static bool is_there(const struct post *p, int k)
{
    return timeline_present(p->in.timeline, at_packet(p, k), 1) > 0;
}

static void assert_same_sound(const struct post *a, const struct post *b, int from, int to)
{
    static float x[960 * 2], y[960 * 2];

    for (int k = from; k < to; k++) {
        read_packet(a, k, x);
        read_packet(b, k, y);
        assert_memory_equal(x, y, a->frames * a->channels * sizeof *x);
    }
}

/* Every order and every copy comes to the same. */
static void order_of_arrival_does_not_matter(void **state)
{
    static const unsigned frames[] = {120, 240, 480, 960};

    (void)state;
    for (unsigned f = 0; f < 8; f++) {
        struct post *straight = new_post(frames[f / 2], 1 + f % 2, false);
        struct post *shuffled = new_post(frames[f / 2], 1 + f % 2, false);

        for (int k = 0; k < PACKETS; k++)
            post_packet(straight, k);
        post_packet(shuffled, 0);
        for (int k = 1; k + 6 < PACKETS; k += 6)
            for (int i = 0; i < 7; i++) /* some twice */
                post_packet(shuffled, k + (int[]){4, 2, 5, 0, 2, 3, 1}[i]);
        assert_same_sound(straight, shuffled, 0, 55);
        assert_int_equal(shuffled->in.decode.made_up, 0);
        assert_int_equal(shuffled->in.late, 0);
        assert_int_equal(shuffled->in.stream.counters.duplicates, 9);
        free_post(straight);
        free_post(shuffled);
    }
}

/* What lies behind a gap waits; it is there as soon as the gap is closed. */
static void what_is_missing_is_waited_for(void **state)
{
    struct post *p = new_post(960, 2, false), *whole = new_post(960, 2, false);

    (void)state;
    for (int k = 0; k < PACKETS; k++)
        post_packet(whole, k);
    for (int k = 0; k < 20; k++)
        if (k != 10)
            post_packet(p, k);
    assert_true(is_there(p, 9));
    assert_false(is_there(p, 10));
    assert_false(is_there(p, 11));
    post_packet(p, 10);
    assert_same_sound(p, whole, 0, 20);
    free_post(p);
    free_post(whole);
}

static void a_hole_is_made_up_when_it_is_needed(void **state)
{
    static float lost[960 * 2], sound[960 * 2];
    struct post *p = new_post(960, 2, false);

    (void)state;
    for (int k = 0; k < 20; k++)
        if (k != 10)
            post_packet(p, k);
    intake_need(&p->in, at_packet(p, 9), 960); /* is there */
    assert_int_equal(p->in.decode.made_up, 0);
    intake_need(&p->in, at_packet(p, 10), 1);
    assert_int_equal(p->in.decode.made_up, 960);
    assert_int_equal(p->in.decode.recovered, 0);
    assert_true(is_there(p, 19));
    read_packet(p, 10, lost);
    read_packet(p, 9, sound);
    assert_true(fabsf(lost[0] - sound[2 * 959]) < 0.1f); /* goes on where the last one ended */
    intake_need(&p->in, at_packet(p, 10), 960);
    assert_int_equal(p->in.decode.made_up, 960); /* once */
    post_packet(p, 10);
    assert_int_equal(p->in.late, 1);
    read_packet(p, 10, sound);
    assert_memory_equal(sound, lost, sizeof lost);
    free_post(p);
}

static void fec_brings_back_what_was_lost(void **state)
{
    static const unsigned frames[] = {480, 960};

    (void)state;
    for (int f = 0; f < 2; f++) {
        struct post *whole = new_post(frames[f], 1, true), *p = new_post(frames[f], 1, true);
        float a[960], b[960];
        double error = 0, all = 0;

        for (int k = 0; k < PACKETS; k++) {
            post_packet(whole, k);
            if (k != 30 && k != 40 && k != 41)
                post_packet(p, k);
            if (k > 1)
                intake_need(&p->in, at_packet(p, k - 1), frames[f]);
        }
        /* of two in a row, the second comes back */
        assert_int_equal(p->in.decode.recovered, 2 * frames[f]);
        assert_int_equal(p->in.decode.made_up, frames[f]);
        read_packet(whole, 30, a);
        read_packet(p, 30, b);
        for (unsigned i = 0; i < frames[f]; i++) {
            error += (double)(a[i] - b[i]) * (double)(a[i] - b[i]);
            all += (double)a[i] * (double)a[i];
        }
        print_message("%u frames: error of what FEC brought back %.4f\n", frames[f], error / all);
        assert_true(error < all / 10);
        free_post(whole);
        free_post(p);
    }
}

static void no_more_than_60_ms_are_made_up(void **state)
{
    static const unsigned frames[] = {120, 240, 480, 960};

    (void)state;
    for (int f = 0; f < 4; f++) {
        struct post *p = new_post(frames[f], 2, false);
        int hole = 3000 / (int)frames[f] + 2; /* above 60 ms */

        for (int k = 0; k < 10; k++)
            post_packet(p, k);
        for (int i = 0; i < 200; i++) {
            media_t from = {at_packet(p, 10).n + i * 48};

            intake_need(&p->in, from, 48);
            assert_int_equal(timeline_present(p->in.timeline, from, 48), i < 60 ? 48 : 0);
        }
        assert_int_equal(p->in.decode.made_up, 2880);
        /* and the sound goes on with what comes */
        post_packet(p, 10 + hole);
        assert_true(is_there(p, 10 + hole));
        assert_false(is_there(p, 9 + hole));
        assert_int_equal(p->in.late, 0);
        post_packet(p, 9 + hole);
        assert_int_equal(p->in.late, 1);
        free_post(p);
    }
}

/* Nobody asks while nothing is played; what is missing must not stop the rest for ever. */
static void a_hole_that_nobody_plays_passes(void **state)
{
    struct post *p = new_post(240, 1, false);

    (void)state;
    for (int k = 0; k < 30; k++)
        if (k != 10)
            post_packet(p, k);
    assert_false(is_there(p, 29));
    intake_turn(&p->in, at_packet(p, 12));
    post_packet(p, 30);
    assert_true(is_there(p, 30));
    assert_true(is_there(p, 12));
    free_post(p);
}

static void more_than_the_store_holds_is_not_waited_for(void **state)
{
    struct post *p = new_post(120, 1, false);
    struct rtp_packet packet;

    (void)state;
    post_packet(p, 0);
    for (int k = 2; k < 2 + DECODE_STORE + 1; k++) {
        packet = packet_at(p, at_packet(p, k), k);
        assert_false(is_there(p, 2));
        deliver(p, &packet, p->payloads[k % PACKETS], p->lens[k % PACKETS]);
    }
    assert_true(is_there(p, 1 + DECODE_STORE));
    assert_true(is_there(p, 2 + DECODE_STORE));
    assert_int_equal(p->in.decode.made_up, 120);
    assert_int_equal(p->in.early, 0);
    free_post(p);
}

/* The same sound after a new beginning as after the first, whatever was decoded before, and no store of old.
 */
static void a_beginning_starts_the_decoder_anew(void **state)
{
    struct post *used = new_post(960, 2, false), *fresh = new_post(960, 2, false);
    struct rtp_packet packet = packet_at(used, at_packet(used, -30), 500);

    (void)state;
    packet.ssrc++;
    deliver(used, &packet, used->payloads[50], used->lens[50]);
    assert_int_equal(used->event, INTAKE_BEGIN);
    packet = packet_at(used, at_packet(used, -28), 502);
    packet.ssrc++;
    deliver(used, &packet, used->payloads[52], used->lens[52]);
    assert_int_equal(used->in.decode.waiting, 1);
    stream_unlock(&used->in.stream);
    for (int k = 0; k < 10; k++) {
        post_packet(used, k);
        assert_int_equal(used->event, k == 0 ? INTAKE_BEGIN : INTAKE_NONE);
        post_packet(fresh, k);
    }
    assert_same_sound(used, fresh, 0, 10);
    free_post(used);
    free_post(fresh);
}

static void nothing_is_made_up_beyond_the_end(void **state)
{
    struct post *p = new_post(480, 1, false);
    struct rtp_packet packet;

    (void)state;
    for (int k = 0; k < 10; k++)
        post_packet(p, k);
    packet = packet_at(p, at_packet(p, 11), 11);
    packet.ext.type = RTP_TYPE_TERMINATE;
    deliver(p, &packet, NULL, 0);
    assert_true(p->in.ending);
    intake_need(&p->in, at_packet(p, 10), 4800);
    assert_true(is_there(p, 10));
    assert_false(is_there(p, 11));
    assert_int_equal(p->in.decode.made_up, 480);
    free_post(p);

    p = new_post(480, 1, false);
    for (int k = 0; k < 10; k++)
        if (k != 8)
            post_packet(p, k);
    intake_bye(&p->in, SSRC); /* with what waits */
    assert_int_equal(p->in.end.n, at_packet(p, 10).n);
    free_post(p);
}

/* ---- the budget ------------------------------------------------------------------------------------ */

/* 1.2 s of sound at one instant: no more than 250 ms is decoded at once, nothing is lost, and what is needed
 * is there in time, whether anything comes behind it or not. */
static void a_burst_waits(void **state)
{
    struct post *p = new_post(960, 2, false), *straight = new_post(960, 2, false);
    const raw_ns burst_at = {RAW0 + 3 * NS_PER_S};
    int k = 0;

    (void)state;
    for (int i = 0; i < PACKETS; i++) {
        struct rtp_packet packet = packet_at(p, at_packet(p, i), i);

        post_packet(straight, i);
        p->now = burst_at;
        deliver(p, &packet, p->payloads[i], p->lens[i]);
    }
    while (is_there(p, k))
        k++;
    assert_int_equal(k, 12);
    assert_int_equal(p->in.decode.waiting, PACKETS - k);
    assert_int_equal(intake_newest(&p->in).n, at_packet(p, PACKETS).n);
    for (k = 0; k < PACKETS; k++) {
        intake_need(&p->in, at_packet(p, k), 960);
        assert_false(k + 1 >= 12 && k + 1 < PACKETS && is_there(p, k + 1)); /* no more than that */
    }
    assert_int_equal(p->in.decode.made_up, 0);
    assert_int_equal(p->in.early, 0);
    assert_same_sound(p, straight, 0, PACKETS);
    free_post(p);
    free_post(straight);
}

/* What waits is decoded as time goes on, twice as fast as it is played. */
static void a_burst_is_worked_off(void **state)
{
    struct post *p = new_post(240, 1, false);

    (void)state;
    for (int i = 0; i < 90; i++) {
        struct rtp_packet packet = packet_at(p, at_packet(p, i), i);

        if (i < 60)
            p->now = (raw_ns){RAW0 + ptp_at_media(at_packet(p, 60), 48000).ns - PTP0};
        deliver(p, &packet, p->payloads[i % PACKETS], p->lens[i % PACKETS]);
        assert_int_equal(is_there(p, i), i < 50 || i > 70);
    }
    assert_int_equal(p->in.decode.waiting, 0);
    assert_int_equal(p->in.early, 0);
    free_post(p);
}

/* Who forges INIT and sound by turns, as fast as the network goes, keeps nobody busy. */
static void a_flood_of_beginnings_is_dammed(void **state)
{
    struct post *p = new_post(960, 2, false);
    unsigned begun = 0;

    (void)state;
    for (int i = 0; i < 5000; i++) {
        struct rtp_packet packet = packet_at(p, at_packet(p, 0), i);

        packet.ext.type = i % 2 ? RTP_TYPE_AUDIO : RTP_TYPE_INIT;
        deliver(p, &packet, p->payloads[0], i % 2 ? p->lens[0] : 0);
        begun += p->event == INTAKE_BEGIN;
    }
    assert_int_equal(begun, 5);
    assert_in_range(p->in.decode.credit, DECODE_AT_ONCE - 5 * 960, DECODE_AT_ONCE);
    assert_int_equal(p->in.foreign, 2500 - 5);
    p->now.ns += NS_PER_S;
    stream_unlock(&p->in.stream);
    post_packet(p, 50);
    assert_int_equal(p->event, INTAKE_BEGIN);
    assert_true(is_there(p, 50));
    free_post(p);
}

/* ---- what is wrong --------------------------------------------------------------------------------- */

static void malformed_opus_is_counted_and_not_heard(void **state)
{
    static const uint8_t bad[] = {31 << 3 | 2, 200, 1, 2};
    struct post *p = new_post(960, 2, false);
    struct rtp_packet packet = packet_at(p, at_packet(p, 1), 1);

    (void)state;
    post_packet(p, 0);
    deliver(p, &packet, bad, sizeof bad);
    deliver(p, &packet, bad, 0);
    packet.ext.channels = 3;
    deliver(p, &packet, p->payloads[1], p->lens[1]);
    packet.ext.channels = 2;
    packet.ext.rate_hz = 44100;
    packet.ext.presentation.ns = ptp_at_media(at_packet(p, 1), 44100).ns + LINK;
    deliver(p, &packet, p->payloads[1], p->lens[1]);
    packet = packet_at(p, at_packet(p, 1), 1);
    packet.ext.channels = 64;
    packet.ext.type = RTP_TYPE_INIT;
    deliver(p, &packet, NULL, 0);
    assert_int_equal(p->in.malformed, 5);
    assert_false(is_there(p, 1));
    post_packet(p, 1);
    assert_true(is_there(p, 1));
    free_post(p);
}

static void an_unknown_codec_is_told_by_number(void **state)
{
    struct post *p = new_post(960, 2, false);
    struct rtp_packet packet = packet_at(p, at_packet(p, 0), 0);

    (void)state;
    assert_int_equal(p->in.unknown_codec, -1);
    packet.ext.codec = 7;
    deliver(p, &packet, p->payloads[0], p->lens[0]);
    assert_int_equal(p->in.foreign, 1);
    assert_int_equal(p->in.unknown_codec, 7);
    assert_false(p->in.stream.locked);
    free_post(p);
}

/* Time stamps off the grid, overlapping, of all lengths: nothing is broken, and good sound is decoded again.
 */
static void hostile_times_are_survived(void **state)
{
    struct post *p = new_post(240, 2, false);
    uint32_t random = 7;

    (void)state;
    post_packet(p, 0);
    for (int i = 0; i < 20000; i++) {
        uint8_t toc[3] = {0, 1, 2};
        struct rtp_packet packet;

        random = random * 1664525 + 1013904223;
        packet = packet_at(p, (media_t){p->first + (random >> 8) % 20000}, i);
        toc[0] = (uint8_t)(random >> 24);
        if (i % 7)
            deliver(p, &packet, toc, sizeof toc);
        else
            deliver(p, &packet, p->payloads[i % PACKETS], p->lens[i % PACKETS]);
        if (i % 11 == 0)
            intake_need(&p->in, (media_t){p->first + (random >> 4) % 20000}, random % 2000);
    }
    assert_true(p->in.decode.waiting <= DECODE_STORE);
    intake_turn(&p->in, (media_t){p->first + 40000});
    for (int k = 0; k < 3; k++) {
        struct rtp_packet packet = packet_at(p, (media_t){p->first + 41040 + k * 240}, 30000 + k);

        deliver(p, &packet, p->payloads[k], p->lens[k]);
    }
    assert_int_equal(timeline_present(p->in.timeline, (media_t){p->first + 41040}, 720), 720);
    free_post(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_of_arrival_does_not_matter),
        cmocka_unit_test(what_is_missing_is_waited_for),
        cmocka_unit_test(a_hole_is_made_up_when_it_is_needed),
        cmocka_unit_test(fec_brings_back_what_was_lost),
        cmocka_unit_test(no_more_than_60_ms_are_made_up),
        cmocka_unit_test(a_hole_that_nobody_plays_passes),
        cmocka_unit_test(more_than_the_store_holds_is_not_waited_for),
        cmocka_unit_test(a_beginning_starts_the_decoder_anew),
        cmocka_unit_test(nothing_is_made_up_beyond_the_end),
        cmocka_unit_test(a_burst_waits),
        cmocka_unit_test(a_burst_is_worked_off),
        cmocka_unit_test(a_flood_of_beginnings_is_dammed),
        cmocka_unit_test(malformed_opus_is_counted_and_not_heard),
        cmocka_unit_test(an_unknown_codec_is_told_by_number),
        cmocka_unit_test(hostile_times_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
