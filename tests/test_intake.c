// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Intake: each way of being refused has its counter and leaves nothing behind; what is taken lies on the
 * timeline where its time stamp says.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/pcm.h"
#include "receiver/intake.h"

#define RAW0     INT64_C(86400000000123)
#define PTP0     INT64_C(1795000000123456789)
#define LINK     (10 * NS_PER_MS)
#define CHANNELS 2
#define FRAMES   48
#define HOST     77

/* Raw and PTP time run alike here, so that every lead is a round number. */
static const struct clock_map known = {
    .raw0 = {RAW0}, .ptp0 = {PTP0}, .state = MEDIA_CLOCK_LOCKED, .epoch = 1};
static const struct clock_map unknown = {.state = MEDIA_CLOCK_NO_PTP};

struct post {
    struct intake in;
    const struct clock_map *map;
    raw_ns now;
    uint64_t source;
    uint16_t sequence;       /* of the next packet */
    enum intake_event event; /* of the newest datagram */
};

static struct post new_post(bool plain, size_t samples)
{
    struct post p = {.map = &known, .now = {RAW0 + NS_PER_S}, .source = HOST};
    struct stream_description config = {
        .plain = plain,
        .ext_id = RTP_EXT_ID_DEFAULT,
        .claim = {.codec = RTP_CODEC_L24, .rate_hz = 48000, .channels = CHANNELS, .link_ns = LINK}};

    assert_int_equal(intake_init(&p.in, &config, samples), 0);
    return p;
}

/* The sample that is taken right now. */
static int64_t media_now(const struct post *p)
{
    return media_at_ptp((ptp_ns){PTP0 + p->now.ns - RAW0}, 48000).n;
}

static struct rtp_packet packet_at(struct post *p, int64_t n, enum rtp_type type)
{
    return (struct rtp_packet){
        .ssrc = 0x1234,
        .timestamp = (uint32_t)(uint64_t)n,
        .sequence = p->sequence++,
        .payload_type = type == RTP_TYPE_AUDIO ? RTP_PT_L24 : RTP_PT_CONTROL,
        .has_ext = true,
        .ext = {.presentation = {ptp_at_media((media_t){n}, 48000).ns + LINK},
                .type = (uint8_t)type,
                .codec = RTP_CODEC_L24,
                .channels = CHANNELS,
                .rate_hz = 48000},
    };
}

/* What frame n holds: a value that 24 bits hold exactly. */
static float content(int64_t n, unsigned channel)
{
    return (float)((int64_t)((uint64_t)n * 77 + channel * 12345) % 8388608) / 8388608.0f;
}

static void deliver(struct post *p, const uint8_t *bytes, size_t length)
{
    uint8_t *copy = malloc(length ? length : 1); /* exactly its size, for the address sanitizer */

    assert_non_null(copy);
    memcpy(copy, bytes, length);
    p->event = intake_datagram(&p->in, p->map, copy, length, p->now, p->source);
    free(copy);
}

/* Sends the packet with `frames` frames of its proper content. */
static void post_frames(struct post *p, const struct rtp_packet *packet, int64_t n, size_t frames)
{
    uint8_t bytes[RTP_DATAGRAM_MAX];
    float sound[1024];
    size_t header = rtp_header_bytes(packet->has_ext);
    unsigned codec = packet->has_ext ? packet->ext.codec : RTP_CODEC_L24;

    for (size_t i = 0; i < frames * CHANNELS; i++)
        sound[i] = content(n + (int64_t)(i / CHANNELS), i % CHANNELS);
    rtp_build(bytes, packet, RTP_EXT_ID_DEFAULT);
    if (frames)
        pcm_encode(codec, sound, bytes + header, frames * CHANNELS);
    deliver(p, bytes, header + frames * CHANNELS * rtp_codec_sample_bytes(codec));
}

static void post_audio(struct post *p, int64_t n)
{
    struct rtp_packet packet = packet_at(p, n, RTP_TYPE_AUDIO);

    post_frames(p, &packet, n, FRAMES);
}

static void post_control(struct post *p, int64_t n, enum rtp_type type)
{
    struct rtp_packet packet = packet_at(p, n, type);

    post_frames(p, &packet, n, 0);
}

static void check_content(const struct post *p, int64_t n, size_t frames)
{
    float out[4096];

    assert_true(frames * CHANNELS <= 4096);
    assert_int_equal(timeline_present(p->in.timeline, (media_t){n}, frames), frames);
    timeline_read(p->in.timeline, (media_t){n}, out, frames);
    for (size_t i = 0; i < frames * CHANNELS; i++)
        assert_true(out[i] == content(n + (int64_t)(i / CHANNELS), i % CHANNELS));
}

/* Every counter but `datagrams`, in the order of the struct. */
static void check_counters(const struct post *p, uint64_t malformed, uint64_t foreign, uint64_t absurd,
                           uint64_t late, uint64_t early)
{
    assert_int_equal(p->in.malformed, malformed);
    assert_int_equal(p->in.foreign, foreign);
    assert_int_equal(p->in.absurd, absurd);
    assert_int_equal(p->in.late, late);
    assert_int_equal(p->in.early, early);
}

static void sound_lies_where_it_belongs(void **state)
{
    struct post p = new_post(false, 1 << 12);
    int64_t n = media_now(&p);

    (void)state;
    for (int i = 0; i < 500; i++, n += FRAMES) {
        p.now.ns += NS_PER_MS;
        post_audio(&p, n);
        assert_int_equal(p.event, i == 0 ? INTAKE_BEGIN : INTAKE_NONE);
        check_content(&p, n, FRAMES);
        timeline_release(p.in.timeline, (media_t){n - 100});
    }
    check_counters(&p, 0, 0, 0, 0, 0);
    assert_int_equal(p.in.datagrams, 500);
    assert_int_equal(p.in.stream.counters.received, 500);
    assert_int_equal(p.in.stream.counters.lost, 0);
    assert_int_equal(p.in.stream.claim.link_ns, LINK);
    assert_int_equal(p.in.begin.n, n - 500 * FRAMES);
    intake_free(&p.in);
    assert_null(p.in.timeline);
}

static void init_announces_the_beginning(void **state)
{
    struct post p = new_post(false, 1 << 12);
    int64_t n = media_now(&p) + 4800;

    (void)state;
    post_control(&p, n, RTP_TYPE_INIT);
    assert_int_equal(p.event, INTAKE_BEGIN);
    assert_int_equal(p.in.begin.n, n);
    assert_int_equal(timeline_newest(p.in.timeline).n, n);
    p.now.ns += 100 * NS_PER_MS;
    p.now.ns += 101 * NS_PER_MS;
    post_audio(&p, n);
    assert_int_equal(p.event, INTAKE_NONE);
    assert_int_equal(p.in.begin.n, n);
    check_content(&p, n, FRAMES);
    post_control(&p, n + 480,
                 RTP_TYPE_INIT); /* the same stream anew, since time jumped: what is held is dropped */
    assert_int_equal(p.event, INTAKE_BEGIN);
    assert_int_equal(p.in.begin.n, n + 480);
    assert_int_equal(timeline_newest(p.in.timeline).n, n + 480);
    post_control(&p, n + 480, RTP_TYPE_INIT); /* repeated before the first sound: nothing new */
    assert_int_equal(p.event, INTAKE_NONE);
    check_counters(&p, 0, 0, 0, 0, 0);
    intake_free(&p.in);
}

static void terminate_says_where_it_ends(void **state)
{
    struct post p = new_post(false, 1 << 12);
    int64_t n = media_now(&p);

    (void)state;
    post_control(&p, n, RTP_TYPE_TERMINATE); /* of nothing: begins nothing */
    assert_false(p.in.stream.locked);
    post_audio(&p, n);
    assert_false(p.in.ending);
    post_control(&p, n + 48, RTP_TYPE_TERMINATE);
    assert_true(p.in.ending);
    assert_int_equal(p.in.end.n, n + 48);
    stream_unlock(&p.in.stream); /* as rx does when the end was played */
    post_control(&p, n + 48, RTP_TYPE_TERMINATE);
    assert_false(p.in.stream.locked);
    assert_int_equal(p.event, INTAKE_NONE);
    check_counters(&p, 0, 0, 0, 0, 0);
    p.now.ns += 100 * NS_PER_MS;
    p.now.ns += 101 * NS_PER_MS;
    post_audio(&p, n + 4800); /* and the next one ends only when it says so */
    assert_int_equal(p.event, INTAKE_BEGIN);
    assert_false(p.in.ending);
    intake_free(&p.in);
}

/* A talker says INIT, sound and TERMINATE again and again, under one SSRC. */
static void pages_come_one_after_another(void **state)
{
    static const int pauses_ms[] = {1, 5, 40, 99, 300, 2000, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof pauses_ms / sizeof *pauses_ms; i++)
        for (int played = 0; played < 2; played++) { /* was the end, when the next begins? */
            struct post p = new_post(false, 1 << 14);
            int64_t n = media_now(&p), before = n;
            struct rtp_packet late = packet_at(&p, n + 480, RTP_TYPE_TERMINATE);
            bool goes_on;

            post_control(&p, n, RTP_TYPE_INIT);
            for (int k = 0; k < 10; k++)
                post_audio(&p, n + k * FRAMES);
            for (int k = 0; k < 3; k++)
                post_control(&p, n + 480, RTP_TYPE_TERMINATE);
            assert_true(p.in.ending);
            assert_int_equal(p.in.end.n, n + 480);
            late.sequence = (uint16_t)(p.sequence - 1);
            if (played)
                stream_unlock(&p.in.stream);

            p.now.ns += (10 + pauses_ms[i]) * NS_PER_MS;
            n = media_now(&p);
            post_control(&p, n, RTP_TYPE_INIT);
            /* if not, what is held is heard first, but for what is far away */
            goes_on = !played && pauses_ms[i] < 75; /* half of the timeline's 8192 frames */
            assert_int_equal(p.event, goes_on ? INTAKE_NONE : INTAKE_BEGIN);
            assert_int_equal(p.in.begin.n, n);
            assert_false(p.in.ending);
            post_audio(&p, n);
            assert_int_equal(p.event, INTAKE_NONE);
            check_content(&p, n, FRAMES);
            /* what comes late of the page before, by a second leg, is no part of this one, nor its end */
            post_frames(&p, &late, n, 0);
            assert_int_equal(p.event, INTAKE_NONE);
            assert_false(p.in.ending);
            post_audio(&p, before + 9 * FRAMES);
            assert_int_equal(p.event, INTAKE_NONE);
            assert_int_equal(timeline_present(p.in.timeline, (media_t){before}, 480), goes_on ? 480 : 0);
            post_audio(&p, n + FRAMES);
            check_content(&p, n + FRAMES, FRAMES);
            post_control(&p, n + 96, RTP_TYPE_TERMINATE);
            assert_true(p.in.ending);
            assert_int_equal(p.in.end.n, n + 96);
            intake_free(&p.in);
        }
}

static void strange_terminate_ends_nothing(void **state)
{
    struct post p = new_post(false, 1 << 12);
    int64_t n = media_now(&p);
    struct rtp_packet packet = packet_at(&p, n, RTP_TYPE_TERMINATE);

    (void)state;
    post_audio(&p, n);
    packet.ssrc = 0x999;
    post_frames(&p, &packet, n, 0);
    assert_false(p.in.ending);
    check_counters(&p, 0, 1, 0, 0, 0);
    intake_free(&p.in);
}

/* Each refusal in its own counter, whatever the stream; none of them begins or disturbs one. */
static void refusals_by_form(void **state)
{
    (void)state;
    for (int locked = 0; locked < 2; locked++) {
        struct post p = new_post(false, 1 << 12);
        int64_t n = media_now(&p);
        struct rtp_packet packet;
        uint8_t bytes[RTP_DATAGRAM_MAX] = {0};
        uint64_t foreign = 0, malformed = 0;

        if (locked)
            post_audio(&p, n);
        p.in.datagrams = 0;

        deliver(&p, bytes, 0); /* nothing at all */
        malformed++;
        packet = packet_at(&p, n + 48, RTP_TYPE_AUDIO);
        rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
        for (size_t length = 1; length < 28; length++, malformed++) /* cut off within its header */
            deliver(&p, bytes, length);
        deliver(&p, bytes, 28);       /* no frames */
        deliver(&p, bytes, 28 + 289); /* not a whole number of them */
        malformed += 2;
        check_counters(&p, malformed, foreign, 0, 0, 0);

        bytes[0] ^= 0xc0; /* version 1 */
        deliver(&p, bytes, 28 + 288);
        foreign++;
        rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
        bytes[1] = 200; /* an RTCP sender report */
        deliver(&p, bytes, 28 + 288);
        foreign++;
        rtp_build(bytes, &packet, 7); /* the element of somebody else */
        deliver(&p, bytes, 28 + 288);
        foreign++;
        rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
        bytes[RTP_FIXED_BYTES + 5 + 8] |= 0x40; /* a version of the element to come */
        deliver(&p, bytes, 28 + 288);
        foreign++;
        check_counters(&p, malformed, foreign, 0, 0, 0);

        packet.has_ext = false; /* plain AES67 */
        post_frames(&p, &packet, n + 48, FRAMES);
        foreign++;
        packet = packet_at(&p, n + 48, RTP_TYPE_AUDIO);
        packet.ext.codec = 9; /* nobody's */
        post_frames(&p, &packet, n + 48, 0);
        foreign++;
        packet = packet_at(&p, n + 48, (enum rtp_type)33);
        post_frames(&p, &packet, n + 48, FRAMES);
        foreign++;
        packet = packet_at(&p, n + 48, RTP_TYPE_AUDIO);
        rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
        bytes[RTP_FIXED_BYTES + 5 + 9] |= 0x0f; /* a rate nobody knows */
        deliver(&p, bytes, 28 + 288);
        foreign++;
        check_counters(&p, malformed, foreign, 0, 0, 0);
        assert_int_equal(p.in.unknown_rate, 15);

        packet = packet_at(&p, n + 48, RTP_TYPE_INIT); /* control that carries sound */
        post_frames(&p, &packet, n + 48, FRAMES);
        packet = packet_at(&p, n + 48, RTP_TYPE_TERMINATE);
        post_frames(&p, &packet, n + 48, FRAMES);
        malformed += 2;
        check_counters(&p, malformed, foreign, 0, 0, 0);
        assert_int_equal(p.in.datagrams, malformed + foreign);
        assert_int_equal(p.in.stream.locked, locked);
        assert_int_equal(p.in.stream.counters.received, locked);
        assert_int_equal(timeline_present(p.in.timeline, (media_t){n + 48}, 100), 0);
        assert_false(p.in.ending);
        intake_free(&p.in);
    }
}

static void strangers_are_foreign(void **state)
{
    struct post p = new_post(false, 1 << 12);
    int64_t n = media_now(&p);
    struct rtp_packet packet = packet_at(&p, n + 48, RTP_TYPE_AUDIO);
    int64_t lead_ns;

    (void)state;
    post_audio(&p, n);
    lead_ns = p.in.lead_min_ns;
    packet.ssrc = 0x999;
    post_frames(&p, &packet, n + 48, FRAMES);
    check_counters(&p, 0, 1, 0, 0, 0);
    packet = packet_at(&p, n + 48, RTP_TYPE_AUDIO);
    packet.ext.codec = RTP_CODEC_L16; /* our name, another format */
    post_frames(&p, &packet, n + 48, FRAMES);
    check_counters(&p, 0, 2, 0, 0, 0);
    packet = packet_at(&p, n + 48, RTP_TYPE_AUDIO);
    packet.ext.presentation.ns -= NS_PER_MS; /* our name, another latency */
    post_frames(&p, &packet, n + 48, FRAMES);
    check_counters(&p, 0, 3, 0, 0, 0);
    assert_int_equal(timeline_present(p.in.timeline, (media_t){n + 48}, 100), 0);
    assert_int_equal(p.in.stream.counters.received, 1);
    assert_int_equal(p.in.lead_min_ns, lead_ns); /* their lateness is not ours */
    intake_free(&p.in);
}

static void absurd_times_are_refused(void **state)
{
    static const struct {
        int64_t media_off_ns, presentation_off_ns; /* from now */
        enum rtp_type type;
        bool absurd;
    } cases[] = {
        {0, LINK, RTP_TYPE_AUDIO, false},
        {0, 9 * NS_PER_S, RTP_TYPE_AUDIO, false},
        {0, 0, RTP_TYPE_AUDIO, false},
        {0, 11 * NS_PER_S, RTP_TYPE_AUDIO, true}, /* 11 s from sampling to playout */
        {0, -NS_PER_MS, RTP_TYPE_AUDIO, true},    /* played before it was sampled */
        {-9 * NS_PER_S, -9 * NS_PER_S + LINK, RTP_TYPE_AUDIO, false},
        {-11 * NS_PER_S, -11 * NS_PER_S + LINK, RTP_TYPE_AUDIO, true},
        {40 * NS_PER_MS, 40 * NS_PER_MS + LINK, RTP_TYPE_AUDIO, false}, /* clocks that do not quite agree */
        {60 * NS_PER_MS, 60 * NS_PER_MS + LINK, RTP_TYPE_AUDIO, true},  /* sent before it was sampled */
        {9 * NS_PER_S, 9 * NS_PER_S + LINK, RTP_TYPE_AUDIO, true},
        {9 * NS_PER_S, 9 * NS_PER_S + LINK, RTP_TYPE_INIT, false}, /* announced long before */
        {25 * NS_PER_S, 25 * NS_PER_S + LINK, RTP_TYPE_INIT, true},
        {-11 * NS_PER_S, -11 * NS_PER_S + LINK, RTP_TYPE_INIT, true},
        {0, 11 * NS_PER_S, RTP_TYPE_INIT, true},
        {0, -NS_PER_MS, RTP_TYPE_INIT, true},
        {3600 * NS_PER_S, 3600 * NS_PER_S + LINK, RTP_TYPE_INIT, true},
        {-3600 * NS_PER_S, LINK, RTP_TYPE_AUDIO, true},
        {37 * NS_PER_S, 37 * NS_PER_S + LINK, RTP_TYPE_INIT, true}, /* UTC against TAI */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct post p = new_post(false, 1 << 21);
        int64_t now = PTP0 + p.now.ns - RAW0;
        int64_t n = media_at_ptp((ptp_ns){now + cases[i].media_off_ns}, 48000).n;
        struct rtp_packet packet = packet_at(&p, n, cases[i].type);

        packet.ext.presentation.ns = now + cases[i].presentation_off_ns;
        if (cases[i].presentation_off_ns == 0) /* no latency: not a nanosecond before its sample */
            packet.ext.presentation = ptp_at_media((media_t){n}, 48000);
        post_frames(&p, &packet, n, cases[i].type == RTP_TYPE_AUDIO ? FRAMES : 0);
        if (p.in.absurd != cases[i].absurd)
            print_message("case %zu\n", i);
        assert_int_equal(p.in.absurd, cases[i].absurd);
        assert_int_equal(p.in.stream.locked, !cases[i].absurd);
        assert_int_equal(p.event, cases[i].absurd ? INTAKE_NONE : INTAKE_BEGIN);
        intake_free(&p.in);
    }
}

/* The corners of the 64-bit presentation time, with every time stamp. */
static void corners_of_the_clock_are_absurd(void **state)
{
    static const int64_t presentations[] = {
        0, 1, INT64_MAX, INT64_MAX - 1, INT64_MAX - LINK, INT64_C(1) << 62};
    static const uint32_t stamps[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x3fffffff, 0xcccccccc};

    (void)state;
    for (int clock = 0; clock < 2; clock++) {
        struct post p = new_post(false, 1 << 12);

        p.map = clock ? &known : &unknown;
        post_audio(&p, media_now(&p));
        for (size_t i = 0; i < sizeof presentations / sizeof *presentations; i++)
            for (size_t k = 0; k < sizeof stamps / sizeof *stamps; k++) {
                struct rtp_packet packet = packet_at(&p, 0, RTP_TYPE_AUDIO);

                packet.ssrc = 0x666;
                packet.ext.presentation.ns = presentations[i];
                packet.timestamp = stamps[k];
                post_frames(&p, &packet, 0, FRAMES);
            }
        assert_int_equal(p.in.absurd + p.in.foreign, 6 * 7);
        assert_int_equal(p.in.stream.claim.ssrc, 0x1234);
        intake_free(&p.in);
    }
}

static void late_and_early_are_counted(void **state)
{
    struct post p = new_post(false, 1 << 12); /* 2048 frames of stereo */
    int64_t n = media_now(&p);

    (void)state;
    p.map = &unknown; /* otherwise sound from the future is absurd */
    post_audio(&p, n);
    timeline_release(p.in.timeline, (media_t){n + 480});
    post_audio(&p, n + 432);
    check_counters(&p, 0, 0, 0, 1, 0);
    post_audio(&p, n + 433); /* its last frame is in time */
    check_counters(&p, 0, 0, 0, 1, 0);
    check_content(&p, n + 480, 1);
    post_audio(&p, n + 480 + 2048 - 48);
    check_counters(&p, 0, 0, 0, 1, 0);
    check_content(&p, n + 480 + 2048 - 48, 48);
    post_audio(&p, n + 480 + 2048 - 47);
    check_counters(&p, 0, 0, 0, 1, 1);
    assert_int_equal(p.event, INTAKE_NONE);
    assert_int_equal(p.in.stream.counters.received, 5); /* they are of the stream all the same */
    intake_free(&p.in);
}

/* Time was stepped at both ends: the stream goes on, at once, in the new time. */
static void stepped_time_begins_anew(void **state)
{
    static const int64_t steps[] = {-3 * NS_PER_S, 60 * NS_PER_S, -3600 * NS_PER_S, 3600 * NS_PER_S};

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct post p = new_post(false, 1 << 21);
        struct clock_map stepped = known;
        int64_t n = media_now(&p);

        for (int k = 0; k < 100; k++, n += FRAMES) {
            post_audio(&p, n);
            timeline_release(p.in.timeline, (media_t){n - 480});
            p.now.ns += NS_PER_MS;
        }
        stepped.ptp0.ns += steps[i];
        stepped.epoch++;
        p.map = &stepped;
        n += samples_in_ns(steps[i], 48000);
        post_audio(&p, n);
        assert_int_equal(p.event, INTAKE_BEGIN);
        assert_int_equal(p.in.begin.n, n);
        check_content(&p, n, FRAMES);
        post_audio(&p, n + FRAMES);
        assert_int_equal(p.event, INTAKE_NONE);
        check_content(&p, n, 2 * FRAMES);
        check_counters(&p, 0, 0, 0, 0, 0);
        intake_free(&p.in);
    }
}

/* A packet that is merely late is no reason to begin anew. */
static void late_packet_is_no_step(void **state)
{
    struct post p = new_post(false, 1 << 21);
    int64_t n = media_now(&p);

    (void)state;
    post_audio(&p, n);
    p.now.ns += 8 * NS_PER_S;
    post_audio(&p, n + 8 * 48000);
    timeline_release(p.in.timeline, (media_t){n + 8 * 48000});
    for (int k = 1; k <= 7; k++) {
        post_audio(&p, n + k * 48000);
        assert_int_equal(p.event, INTAKE_NONE);
    }
    check_counters(&p, 0, 0, 0, 7, 0);
    check_content(&p, n + 8 * 48000, FRAMES);
    intake_free(&p.in);
}

/* One latency of a second, as a recording has it that has taken all up to the newest: what is replayed, so
 * old that it is not known for a copy any more, is late and no step of time. */
static void replay_is_no_step(void **state)
{
    struct post p = new_post(false, 1 << 21);
    struct rtp_packet old[2];
    int64_t n = media_now(&p), first = n;

    (void)state;
    for (int k = 0; k < 900; k++, n += FRAMES) {
        struct rtp_packet packet = packet_at(&p, n, RTP_TYPE_AUDIO);

        packet.ext.presentation.ns += NS_PER_S;
        if (k == 0 || k == 890)
            old[k > 0] = packet;
        p.now.ns += NS_PER_MS;
        post_frames(&p, &packet, n, FRAMES);
        intake_turn(&p.in, (media_t){n + FRAMES});
    }
    for (int i = 0; i < 2; i++) {
        post_frames(&p, &old[i], first + i * 890 * FRAMES, FRAMES);
        assert_int_equal(p.event, INTAKE_NONE);
    }
    assert_int_equal(p.in.begin.n, first);
    intake_free(&p.in);
}

static void duplicate_is_nothing(void **state)
{
    struct post p = new_post(false, 1 << 12);
    int64_t n = media_now(&p);
    struct rtp_packet first = packet_at(&p, n, RTP_TYPE_AUDIO),
                      second = packet_at(&p, n + 48, RTP_TYPE_AUDIO);

    (void)state;
    post_frames(&p, &first, n, FRAMES);
    post_frames(&p, &first, n, FRAMES);
    post_audio(&p, n + 96);
    post_frames(&p, &second, n + 48, FRAMES);
    check_content(&p, n, 3 * FRAMES);
    check_counters(&p, 0, 0, 0, 0, 0);
    /* nor is the second copy of what was played already late */
    timeline_release(p.in.timeline, (media_t){n + 144});
    post_frames(&p, &first, n, FRAMES);
    check_counters(&p, 0, 0, 0, 0, 0);
    assert_int_equal(p.in.stream.counters.received, 5);
    assert_int_equal(p.in.stream.counters.duplicates, 2);
    assert_int_equal(p.in.stream.counters.reordered, 1);
    assert_int_equal(p.in.stream.counters.lost, 0);
    intake_free(&p.in);
}

static void lead_is_the_least_of_all(void **state)
{
    struct post p = new_post(false, 1 << 14);
    int64_t n = media_now(&p);

    (void)state;
    assert_int_equal(p.in.lead_min_ns, INT64_MAX);
    post_control(&p, n, RTP_TYPE_INIT); /* says nothing of it: it is sent long before */
    assert_int_equal(p.in.lead_min_ns, INT64_MAX);
    for (int i = 0; i < 10; i++) {
        p.now.ns += i == 5 ? 4 * NS_PER_MS : i == 6 ? -2 * NS_PER_MS : NS_PER_MS;
        post_audio(&p, n + i * FRAMES);
    }
    /* sample n was now; packet 5 came 9 ms after that, and was due at 5 + 10 ms */
    assert_in_range(p.in.lead_min_ns, 6 * NS_PER_MS - 21000, 6 * NS_PER_MS);
    p.in.lead_min_ns = INT64_MAX;
    p.now.ns += NS_PER_MS;
    post_audio(&p, n + 10 * FRAMES);
    assert_in_range(p.in.lead_min_ns, 9 * NS_PER_MS - 21000, 9 * NS_PER_MS);
    intake_free(&p.in);
}

static void restart_begins_anew(void **state)
{
    struct post p = new_post(false, 1 << 12);
    int64_t n = media_now(&p);
    struct rtp_packet packet = packet_at(&p, n + 480, RTP_TYPE_INIT);

    (void)state;
    post_audio(&p, n);
    packet.ssrc = 0x777;
    p.source = HOST + 1; /* from elsewhere it is a stranger's */
    post_frames(&p, &packet, n + 480, 0);
    assert_int_equal(p.event, INTAKE_NONE);
    p.source = HOST;
    post_frames(&p, &packet, n + 480, 0);
    assert_int_equal(p.event, INTAKE_BEGIN);
    assert_int_equal(p.in.begin.n, n + 480);
    assert_int_equal(timeline_absent(p.in.timeline, (media_t){n}, 1000), 1000);
    post_audio(&p, n + 480); /* the old one goes on: not heard any more */
    assert_int_equal(p.in.foreign, 2);
    assert_int_equal(timeline_present(p.in.timeline, (media_t){n + 480}, 100), 0);
    intake_free(&p.in);
}

static void silent_stream_is_followed_by_the_next(void **state)
{
    struct post p = new_post(false, 1 << 12);
    int64_t n = media_now(&p);
    struct rtp_packet packet;

    (void)state;
    post_audio(&p, n);
    p.now.ns += 101 * NS_PER_MS;
    n = media_now(&p);
    packet = packet_at(&p, n, RTP_TYPE_AUDIO);
    packet.ssrc = 0x777;
    packet.ext.codec = RTP_CODEC_L16;
    p.source = HOST + 1;
    post_frames(&p, &packet, n, FRAMES);
    assert_int_equal(p.event, INTAKE_BEGIN);
    assert_int_equal(p.in.stream.claim.codec, RTP_CODEC_L16);
    assert_int_equal(timeline_present(p.in.timeline, (media_t){n}, 100), FRAMES);
    check_counters(&p, 0, 0, 0, 0, 0);
    intake_free(&p.in);
}

/* Without a clock nothing says that a time is wrong; sound is taken and waits. */
static void no_clock_yet(void **state)
{
    struct post p = new_post(false, 1 << 12);
    int64_t n = media_now(&p);

    (void)state;
    p.map = &unknown;
    post_audio(&p, n);
    assert_int_equal(p.event, INTAKE_BEGIN);
    check_content(&p, n, FRAMES);
    assert_int_equal(p.in.lead_min_ns, INT64_MAX);
    check_counters(&p, 0, 0, 0, 0, 0);
    intake_free(&p.in);
}

static void plain_stream_is_placed_by_its_stamp(void **state)
{
    struct post p = new_post(true, 1 << 12);
    int64_t n = media_now(&p) - 48;
    struct rtp_packet packet = packet_at(&p, n, RTP_TYPE_AUDIO);

    (void)state;
    packet.has_ext = false;
    p.map = &unknown;
    post_frames(&p, &packet, n, FRAMES); /* no clock: nobody knows which turn of the stamp it is */
    assert_int_equal(p.event, INTAKE_NONE);
    assert_false(p.in.stream.locked);
    p.map = &known;
    for (int i = 0; i < 100; i++, n += FRAMES) {
        packet = packet_at(&p, n, RTP_TYPE_AUDIO);
        packet.has_ext = false;
        packet.payload_type = 101;
        post_frames(&p, &packet, n, FRAMES);
        assert_int_equal(p.event, i ? INTAKE_NONE : INTAKE_BEGIN);
        check_content(&p, n, FRAMES);
        timeline_release(p.in.timeline, (media_t){n - 100});
        p.now.ns += NS_PER_MS;
    }
    assert_int_equal(p.in.stream.claim.ssrc, 0x1234);
    assert_int_equal(p.in.stream.claim.source, HOST);
    assert_int_equal(p.in.stream.claim.link_ns, LINK);
    assert_in_range(p.in.lead_min_ns, LINK - NS_PER_MS - 21000, LINK - NS_PER_MS);
    check_counters(&p, 0, 0, 0, 0, 0);
    intake_free(&p.in);
}

/* a=mediaclk:direct=OFFSET: what the time stamp says of the PTP epoch. */
static void plain_stream_with_an_offset(void **state)
{
    static const uint32_t offsets[] = {1, 3560866135u, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        struct post p = new_post(true, 1 << 12);
        struct stream_description described = p.in.description;
        int64_t n = media_now(&p) - 48;
        struct rtp_packet packet = packet_at(&p, n, RTP_TYPE_AUDIO);

        described.media_offset = offsets[i];
        intake_describe(&p.in, &described);
        packet.has_ext = false;
        packet.timestamp += offsets[i];
        post_frames(&p, &packet, n, FRAMES);
        assert_int_equal(p.event, INTAKE_BEGIN);
        check_content(&p, n, FRAMES);
        check_counters(&p, 0, 0, 0, 0, 0);
        intake_free(&p.in);
    }
}

/* The Unisono element may have another ID; and where there is none, element 1 is somebody else's. */
static void ext_id_is_as_described(void **state)
{
    struct post p = new_post(false, 1 << 12);
    struct stream_description described = p.in.description;
    int64_t n = media_now(&p) - 48;
    struct rtp_packet packet = packet_at(&p, n, RTP_TYPE_AUDIO);

    (void)state;
    described.ext_id = 5;
    intake_describe(&p.in, &described);
    post_frames(&p, &packet, n, FRAMES); /* with ID 1 */
    assert_int_equal(p.event, INTAKE_NONE);
    check_counters(&p, 0, 1, 0, 0, 0);
    described.ext_id = 0;
    described.plain = true;
    intake_describe(&p.in, &described);
    packet.ext.type = 40; /* of another maker, who means something else */
    post_frames(&p, &packet, n, FRAMES);
    assert_int_equal(p.event, INTAKE_BEGIN);
    check_content(&p, n, FRAMES);
    intake_free(&p.in);
}

/* What was followed is not, after that: the next stream is taken at once, though the other is alive. */
static void described_anew_follows_nobody(void **state)
{
    struct post p = new_post(false, 1 << 12);
    int64_t n = media_now(&p) - 48;
    struct rtp_packet packet = packet_at(&p, n, RTP_TYPE_AUDIO);

    (void)state;
    post_frames(&p, &packet, n, FRAMES);
    packet.ssrc = 0x999;
    post_frames(&p, &packet, n, FRAMES);
    check_counters(&p, 0, 1, 0, 0, 0);
    intake_describe(&p.in, &p.in.description);
    post_frames(&p, &packet, n, FRAMES);
    assert_int_equal(p.event, INTAKE_BEGIN);
    assert_int_equal(p.in.stream.claim.ssrc, 0x999);
    intake_free(&p.in);
}

static void plain_stream_refusals(void **state)
{
    struct post p = new_post(true, 1 << 12);
    int64_t n = media_now(&p);
    struct rtp_packet packet = packet_at(&p, n, RTP_TYPE_AUDIO);
    uint8_t bytes[RTP_DATAGRAM_MAX] = {0};

    (void)state;
    packet.has_ext = false;
    post_frames(&p, &packet, n, FRAMES);
    rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
    deliver(&p, bytes, 12);
    deliver(&p, bytes, 12 + 289);
    check_counters(&p, 2, 0, 0, 0, 0);
    packet.ssrc = 0x999;
    post_frames(&p, &packet, n, FRAMES);
    check_counters(&p, 2, 1, 0, 0, 0);
    packet = packet_at(&p, n - 48000 * 3600, RTP_TYPE_AUDIO); /* an hour off */
    packet.has_ext = false;
    post_frames(&p, &packet, n, FRAMES);
    check_counters(&p, 2, 1, 1, 0, 0);
    intake_free(&p.in);
}

/* The time stamp wraps every 25 hours at 48 kHz; nothing else does. */
static void time_stamp_wraps_unnoticed(void **state)
{
    for (int plain = 0; plain < 2; plain++) {
        struct post p = new_post(plain, 1 << 12);
        int64_t turn = INT64_C(1) << 32, n = (media_now(&p) / turn + 1) * turn - 480;

        (void)state;
        p.now.ns = RAW0 + ptp_at_media((media_t){n}, 48000).ns - PTP0;
        for (int i = 0; i < 20; i++, n += FRAMES) {
            struct rtp_packet packet = packet_at(&p, n, RTP_TYPE_AUDIO);

            packet.has_ext = !plain;
            post_frames(&p, &packet, n, FRAMES);
            check_content(&p, n, FRAMES);
            timeline_release(p.in.timeline, (media_t){n - 100});
            p.now.ns += NS_PER_MS;
        }
        check_counters(&p, 0, 0, 0, 0, 0);
        assert_int_equal(p.in.stream.counters.received, 20);
        intake_free(&p.in);
    }
}

/* At 44.1 kHz no sample falls on a whole nanosecond: the link offset must still be one and the same. */
static void rounding_is_no_other_stream(void **state)
{
    static const uint32_t rates[] = {44100, 88200, 48000, 96000};

    (void)state;
    for (size_t r = 0; r < 4; r++) {
        struct post p = new_post(false, 1 << 12);
        int64_t n = media_at_ptp((ptp_ns){PTP0 + p.now.ns - RAW0}, rates[r]).n;

        for (int i = 0; i < 2000; i++, n += FRAMES) {
            struct rtp_packet packet = packet_at(&p, n, RTP_TYPE_AUDIO);

            packet.ext.rate_hz = rates[r];
            packet.ext.presentation.ns = ptp_at_media((media_t){n}, rates[r]).ns + LINK - i % 2;
            post_frames(&p, &packet, n, FRAMES);
            timeline_release(p.in.timeline, (media_t){n - 100});
            p.now.ns += ns_of_samples(FRAMES, rates[r]);
        }
        check_counters(&p, 0, 0, 0, 0, 0);
        assert_int_equal(p.in.stream.counters.received, 2000);
        intake_free(&p.in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_lies_where_it_belongs),
        cmocka_unit_test(init_announces_the_beginning),
        cmocka_unit_test(terminate_says_where_it_ends),
        cmocka_unit_test(pages_come_one_after_another),
        cmocka_unit_test(strange_terminate_ends_nothing),
        cmocka_unit_test(refusals_by_form),
        cmocka_unit_test(strangers_are_foreign),
        cmocka_unit_test(absurd_times_are_refused),
        cmocka_unit_test(corners_of_the_clock_are_absurd),
        cmocka_unit_test(late_and_early_are_counted),
        cmocka_unit_test(stepped_time_begins_anew),
        cmocka_unit_test(late_packet_is_no_step),
        cmocka_unit_test(replay_is_no_step),
        cmocka_unit_test(duplicate_is_nothing),
        cmocka_unit_test(lead_is_the_least_of_all),
        cmocka_unit_test(restart_begins_anew),
        cmocka_unit_test(silent_stream_is_followed_by_the_next),
        cmocka_unit_test(no_clock_yet),
        cmocka_unit_test(plain_stream_is_placed_by_its_stamp),
        cmocka_unit_test(plain_stream_with_an_offset),
        cmocka_unit_test(ext_id_is_as_described),
        cmocka_unit_test(described_anew_follows_nobody),
        cmocka_unit_test(plain_stream_refusals),
        cmocka_unit_test(time_stamp_wraps_unnoticed),
        cmocka_unit_test(rounding_is_no_other_stream),
    };

    return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
