// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * tx in virtual time, packet by packet: the grid, the time stamps, the beginning and the end of a stream, and
 * what becomes of it when source, clock or process misbehave.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/pcm.h"
#include "sender/tx.h"

#define RAW0 INT64_C(86400000000123)
#define PTP0 INT64_C(1795000000123456789)

/* A source that counts, one frame one step, and can be made to fail. */
struct counter {
    unsigned channels;
    int64_t left;        /* frames until it ends; negative: never */
    size_t short_by;     /* frames that it does not deliver of each read */
    float scale;         /* of what it delivers */
    int64_t reads, from; /* calls so far, and the sample asked for last */
};

static float count_at(int64_t n, unsigned channel)
{
    return (float)((n * 7 + channel * 1000) % 32768) / 32768.0f;
}

static size_t counter_read(void *self, media_t at, float *out, size_t frames)
{
    struct counter *c = self;

    c->reads++;
    c->from = at.n;
    frames -= c->short_by < frames ? c->short_by : frames;
    if (c->left >= 0 && (int64_t)frames > c->left)
        frames = (size_t)c->left;
    for (size_t i = 0; i < frames * c->channels; i++)
        out[i] = c->scale * count_at(at.n + (int64_t)(i / c->channels), (unsigned)(i % c->channels));
    if (c->left >= 0)
        c->left -= (int64_t)frames;
    return frames;
}

static bool counter_ended(const void *self)
{
    const struct counter *c = self;

    return c->left == 0;
}

/* The driver: a clock, a time, and the newest packet. */
struct stage {
    struct tx *tx;
    struct tx_config config;
    struct counter source;
    struct clock_map map;
    int64_t now; /* raw */
    struct rtp_packet packet;
};

static struct tx_config usual(void)
{
    return (struct tx_config){.rate_hz = 48000,
                              .channels = 2,
                              .codec = RTP_CODEC_L24,
                              .frames_per_packet = 48,
                              .latency_ns = 10 * NS_PER_MS,
                              .ssrc = 0xcafe,
                              .first_sequence = 65530,
                              .seed = 5};
}

static void open_stage(struct stage *s, struct tx_config config)
{
    *s = (struct stage){.config = config, .now = RAW0};
    s->source = (struct counter){.channels = config.channels, .left = -1, .scale = 1};
    s->config.source = (struct tx_source){&s->source, counter_read, counter_ended};
    s->map = (struct clock_map){
        .raw0 = {RAW0}, .ptp0 = {PTP0}, .rate_dev = 33e-6, .state = MEDIA_CLOCK_LOCKED, .epoch = 1};
    s->tx = tx_create(&s->config);
    assert_non_null(s->tx);
}

static struct tx_status status_of(const struct stage *s)
{
    struct tx_status status;

    tx_get_status(s->tx, &status);
    return status;
}

static int64_t ptp_now(const struct stage *s)
{
    return clock_map_ptp(&s->map, (raw_ns){s->now}).ns;
}

static bool next(struct stage *s)
{
    return tx_next(s->tx, &s->map, (raw_ns){s->now}, &s->packet);
}

/* Sleeps until the deadline, which must be near; when it has passed, a moment goes by all the same. */
static void sleep_once(struct stage *s)
{
    raw_ns due = tx_deadline(s->tx, &s->map, (raw_ns){s->now});

    assert_true(due.ns - s->now <= 101 * NS_PER_MS);
    s->now = due.ns > s->now ? due.ns : s->now + 1;
}

/* The next packet, whenever it comes; it must come within a second, and after a few wake-ups. */
static void await_packet(struct stage *s)
{
    int64_t end = s->now + NS_PER_S;
    int wakes = 0;

    while (!next(s)) {
        assert_true(s->now < end);
        assert_true(wakes++ < 12);
        sleep_once(s);
    }
}

static void start(struct stage *s)
{
    await_packet(s);
    assert_int_equal(s->packet.ext.type, RTP_TYPE_INIT);
}

/* The whole sample count of the newest packet. */
static int64_t media_of(const struct stage *s)
{
    return media_unwrap(s->packet.timestamp, media_at_ptp((ptp_ns){ptp_now(s)}, s->config.rate_hz)).n;
}

static void check_audio(const struct stage *s, int64_t n)
{
    uint8_t wanted[RTP_PAYLOAD_MAX];
    float sound[1024];
    unsigned channels = s->config.channels;
    size_t samples = (size_t)s->config.frames_per_packet * channels;

    for (size_t i = 0; i < samples; i++)
        sound[i] = count_at(n + (int64_t)(i / channels), (unsigned)(i % channels));
    pcm_encode(s->config.codec, sound, wanted, samples);
    assert_int_equal(s->packet.payload_len, samples * rtp_codec_sample_bytes(s->config.codec));
    assert_memory_equal(s->packet.payload, wanted, s->packet.payload_len);
}

static void waits_for_a_clock(void **state)
{
    static const enum media_clock_state states[] = {MEDIA_CLOCK_NO_PTP, MEDIA_CLOCK_ACQUIRING};
    struct stage s;

    (void)state;
    open_stage(&s, usual());
    for (size_t i = 0; i < 2; i++) {
        s.map.state = states[i];
        for (int k = 0; k < 100; k++) {
            assert_false(next(&s));
            sleep_once(&s);
        }
        assert_int_equal(status_of(&s).state, TX_WAITING);
    }
    assert_int_equal(s.source.reads, 0);
    s.map.state = MEDIA_CLOCK_HOLDOVER;
    assert_true(next(&s));
    assert_int_equal(status_of(&s).state, TX_RUNNING);
    tx_destroy(s.tx);
    tx_destroy(NULL);
}

static void init_comes_first(void **state)
{
    struct stage s;
    int64_t first, ahead_ns;

    (void)state;
    open_stage(&s, usual());
    assert_true(next(&s));
    first = media_of(&s);
    assert_int_equal(s.packet.ext.type, RTP_TYPE_INIT);
    assert_int_equal(s.packet.payload_len, 0);
    assert_int_equal(s.packet.payload_type, RTP_PT_CONTROL);
    assert_int_equal(s.packet.sequence, 65530);
    assert_int_equal(s.packet.ssrc, 0xcafe);
    assert_true(s.packet.has_ext);
    assert_int_equal(s.packet.ext.codec, RTP_CODEC_L24);
    assert_int_equal(s.packet.ext.channels, 2);
    assert_int_equal(s.packet.ext.rate_hz, 48000);
    assert_int_equal(s.packet.ext.presentation.ns, ptp_at_media((media_t){first}, 48000).ns + 10 * NS_PER_MS);
    /* a moment ahead, so that all receivers are armed */
    ahead_ns = ptp_at_media((media_t){first}, 48000).ns - ptp_now(&s);
    assert_in_range(ahead_ns, 100 * NS_PER_MS, 102 * NS_PER_MS);
    assert_false(next(&s));
    await_packet(&s);
    assert_int_equal(s.packet.ext.type, RTP_TYPE_AUDIO);
    assert_int_equal(media_of(&s), first); /* the sound begins where INIT said */
    check_audio(&s, first);
    tx_destroy(s.tx);
}

/* Every packet at its time, on the grid, in order, with the source's samples in it. */
static void packets_follow_the_grid(void **state)
{
    static const struct {
        uint32_t rate_hz;
        unsigned channels, frames;
        enum rtp_codec codec;
    } cases[] = {{48000, 2, 48, RTP_CODEC_L24}, {44100, 2, 48, RTP_CODEC_L16}, {48000, 8, 6, RTP_CODEC_L24},
                 {96000, 1, 12, RTP_CODEC_F32}, {88200, 2, 96, RTP_CODEC_L16}, {48000, 1, 16, RTP_CODEC_L16}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tx_config config = usual();
        struct stage s;
        int64_t n;

        config.rate_hz = cases[i].rate_hz;
        config.channels = cases[i].channels;
        config.frames_per_packet = cases[i].frames;
        config.codec = cases[i].codec;
        open_stage(&s, config);
        start(&s);
        n = media_of(&s);
        assert_int_equal(n % cases[i].frames, 0);
        for (int k = 0; k < 3000; k++, n += cases[i].frames) {
            int64_t due = ptp_at_media((media_t){n}, cases[i].rate_hz).ns;

            await_packet(&s);
            assert_int_equal(s.packet.timestamp, (uint32_t)(uint64_t)n);
            assert_int_equal(s.packet.sequence, (uint16_t)(65531 + k));
            assert_int_equal(s.packet.payload_type, cases[i].codec == RTP_CODEC_L16   ? RTP_PT_L16
                                                    : cases[i].codec == RTP_CODEC_L24 ? RTP_PT_L24
                                                                                      : RTP_PT_F32);
            assert_int_equal(s.packet.ext.presentation.ns, due + 10 * NS_PER_MS);
            assert_int_equal(s.source.from, n);
            check_audio(&s, n);
            /* neither before its first sample nor later than that: floor(PTP * rate) is this very sample */
            assert_in_range(ptp_now(&s) - due, 0, 2);
            assert_int_equal(media_at_ptp((ptp_ns){due}, cases[i].rate_hz).n, n);
        }
        assert_int_equal(status_of(&s).packets, 3000);
        assert_int_equal(status_of(&s).frames, 3000 * cases[i].frames);
        assert_int_equal(status_of(&s).starved + status_of(&s).skipped + status_of(&s).clipped, 0);
        assert_int_equal(status_of(&s).next.n, n);
        tx_destroy(s.tx);
    }
}

/* A codec that looks ahead gets later sound, and its packets leave so much later; their times are as ever. */
static void a_look_ahead_is_waited_for(void **state)
{
    static const struct {
        unsigned frames, look_ahead;
        bool fec;
    } cases[] = {{120, 120, false}, {960, 120, false}, {480, 313, true}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tx_config config = usual();
        struct stage s;
        int64_t n;

        config.codec = RTP_CODEC_OPUS;
        config.frames_per_packet = cases[i].frames;
        config.fec = cases[i].fec;
        config.loss_percent = 10;
        config.bitrate_bps = 96000;
        config.latency_ns = 50 * NS_PER_MS;
        open_stage(&s, config);
        start(&s);
        n = media_of(&s);
        for (int k = 0; k < 50; k++, n += cases[i].frames) {
            int64_t due = ptp_at_media((media_t){n + cases[i].look_ahead}, 48000).ns;

            await_packet(&s);
            assert_int_equal(s.packet.timestamp, (uint32_t)(uint64_t)n);
            assert_int_equal(s.packet.payload_type, RTP_PT_OPUS);
            assert_int_equal(s.packet.ext.codec, RTP_CODEC_OPUS);
            assert_int_equal(s.packet.ext.presentation.ns,
                             ptp_at_media((media_t){n}, 48000).ns + 50 * NS_PER_MS);
            assert_int_equal(s.source.from, n + cases[i].look_ahead);
            assert_in_range(ptp_now(&s) - due, 0, 2);
            assert_int_equal(codec_frames(RTP_CODEC_OPUS, 48000, 2, s.packet.payload, s.packet.payload_len),
                             cases[i].frames);
        }
        tx_destroy(s.tx);
    }
}

/* What the source gave last is still in the encoder when it ends: a packet more brings it out, if it must. */
static void the_look_ahead_is_sent_at_the_end(void **state)
{
    /* frames of the source, and packets of 120 frames that hold them, which are 120 frames behind */
    static const struct {
        int64_t left;
        uint64_t packets;
    } cases[] = {{0, 0}, {1, 2}, {119, 2}, {120, 2}, {121, 3}, {240, 3}, {1000, 10}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tx_config config = usual();
        struct stage s;

        config.codec = RTP_CODEC_OPUS;
        config.frames_per_packet = 120;
        config.bitrate_bps = 96000;
        open_stage(&s, config);
        s.source.left = cases[i].left;
        while (status_of(&s).state != TX_ENDED)
            if (!next(&s) && status_of(&s).state != TX_ENDED)
                sleep_once(&s);
        assert_int_equal(status_of(&s).packets, cases[i].packets);
        assert_int_equal(status_of(&s).starved, 0);
        tx_destroy(s.tx);
    }
}

/* Two senders on the same clock, started at different moments, cut the time line in the same places. */
static void grid_is_common_to_all(void **state)
{
    struct stage a, b;
    struct tx_config config = usual();

    (void)state;
    config.frames_per_packet = 125; /* divides no second */
    open_stage(&a, config);
    open_stage(&b, config);
    b.now += 123456789;
    start(&a);
    start(&b);
    assert_int_equal((media_of(&a) - media_of(&b)) % 125, 0);
    assert_int_equal(media_of(&a) % 125, 0);
    tx_destroy(a.tx);
    tx_destroy(b.tx);
}

static void terminate_is_said_three_times(void **state)
{
    struct stage s;
    uint16_t sequence;
    int64_t end, said[3];

    (void)state;
    open_stage(&s, usual());
    start(&s);
    for (int i = 0; i < 10; i++)
        await_packet(&s);
    end = media_of(&s) + 48;
    sequence = s.packet.sequence;
    tx_stop(s.tx);
    for (int i = 0; i < 3; i++) {
        await_packet(&s);
        said[i] = s.now;
        assert_int_equal(s.packet.ext.type, RTP_TYPE_TERMINATE);
        assert_int_equal(s.packet.payload_type, RTP_PT_CONTROL);
        assert_int_equal(s.packet.payload_len, 0);
        assert_int_equal(s.packet.sequence, (uint16_t)(sequence + 1 + i));
        assert_int_equal(media_of(&s), end); /* where the sound ends */
        assert_int_equal(s.packet.ext.presentation.ns,
                         ptp_at_media((media_t){end}, 48000).ns + 10 * NS_PER_MS);
        assert_int_equal(status_of(&s).state, i < 2 ? TX_ENDING : TX_ENDED);
    }
    assert_true(said[1] - said[0] >= NS_PER_MS && said[2] - said[1] >= NS_PER_MS);
    assert_true(said[2] - said[0] < 50 * NS_PER_MS);
    for (int i = 0; i < 100; i++) {
        assert_false(next(&s));
        sleep_once(&s);
    }
    assert_int_equal(status_of(&s).packets, 10);
    tx_destroy(s.tx);
}

static void stopped_before_it_began(void **state)
{
    struct stage s;

    (void)state;
    open_stage(&s, usual());
    s.map.state = MEDIA_CLOCK_NO_PTP;
    assert_false(next(&s));
    tx_stop(s.tx);
    assert_false(next(&s));
    assert_int_equal(status_of(&s).state, TX_ENDED);
    tx_destroy(s.tx);
    /* between INIT and the first sound: what was announced is called off */
    open_stage(&s, usual());
    start(&s);
    tx_stop(s.tx);
    for (int i = 0; i < 3; i++) {
        await_packet(&s);
        assert_int_equal(s.packet.ext.type, RTP_TYPE_TERMINATE);
    }
    assert_int_equal(status_of(&s).state, TX_ENDED);
    assert_int_equal(status_of(&s).packets, 0);
    tx_destroy(s.tx);
}

static void plain_profile_is_audio_alone(void **state)
{
    struct tx_config config = usual();
    struct stage s;

    (void)state;
    config.plain = true;
    open_stage(&s, config);
    for (int i = 0; i < 100; i++) {
        await_packet(&s);
        assert_false(s.packet.has_ext);
        assert_int_equal(s.packet.payload_type, RTP_PT_L24);
        assert_int_equal(s.packet.sequence, (uint16_t)(65530 + i));
        assert_int_equal(media_of(&s) % 48, 0);
        check_audio(&s, media_of(&s));
    }
    tx_stop(s.tx);
    assert_false(next(&s));
    assert_int_equal(status_of(&s).state, TX_ENDED);
    tx_destroy(s.tx);
}

static void starving_source_is_silence(void **state)
{
    static const uint8_t zeros[288];
    struct stage s;

    (void)state;
    open_stage(&s, usual());
    start(&s);
    await_packet(&s);
    s.source.short_by = 18; /* of 48 */
    await_packet(&s);
    assert_int_equal(s.packet.payload_len, 288);
    assert_memory_equal(s.packet.payload + 30 * 6, zeros, 18 * 6);
    assert_int_equal(status_of(&s).starved, 18);
    s.source.short_by = 1000;
    for (int i = 0; i < 10; i++) {
        await_packet(&s);
        assert_int_equal(s.packet.payload_len, 288);
        assert_memory_equal(s.packet.payload, zeros, 288);
    }
    assert_int_equal(status_of(&s).starved, 18 + 480);
    s.source.short_by = 0; /* and it goes on in its place */
    await_packet(&s);
    check_audio(&s, media_of(&s));
    assert_int_equal(status_of(&s).starved, 18 + 480);
    assert_int_equal(status_of(&s).state, TX_RUNNING);
    tx_destroy(s.tx);
}

static void source_may_end_anywhere(void **state)
{
    static const int64_t lengths[] = {0, 1, 47, 48, 49, 480, 490};
    static const uint8_t zeros[288];

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct stage s;
        uint64_t packets = (uint64_t)(lengths[i] + 47) / 48;
        int64_t end = 0;

        open_stage(&s, usual());
        s.source.left = lengths[i];
        start(&s);
        end = media_of(&s);
        for (uint64_t k = 0; k < packets; k++) {
            await_packet(&s);
            assert_int_equal(s.packet.ext.type, RTP_TYPE_AUDIO);
            assert_int_equal(s.packet.payload_len, 288);
            end = media_of(&s) + 48;
        }
        if (lengths[i] % 48) /* what is missing in the last one is silence */
            assert_memory_equal(s.packet.payload + lengths[i] % 48 * 6, zeros,
                                (size_t)(48 - lengths[i] % 48) * 6);
        for (int k = 0; k < 3; k++) {
            await_packet(&s);
            assert_int_equal(s.packet.ext.type, RTP_TYPE_TERMINATE);
            assert_int_equal(media_of(&s), end);
        }
        assert_int_equal(status_of(&s).state, TX_ENDED);
        assert_int_equal(status_of(&s).packets, packets);
        assert_int_equal(status_of(&s).starved, 0);
        tx_destroy(s.tx);
    }
}

static void short_delay_is_caught_up(void **state)
{
    struct stage s;
    int64_t n;

    (void)state;
    open_stage(&s, usual());
    start(&s);
    await_packet(&s);
    n = media_of(&s);
    s.now += 250 * NS_PER_MS;
    for (int i = 1; i <= 250; i++) { /* all at once */
        assert_true(next(&s));
        assert_int_equal(s.packet.timestamp, (uint32_t)(uint64_t)(n + i * 48));
        check_audio(&s, n + i * 48);
    }
    assert_false(next(&s));
    assert_int_equal(status_of(&s).skipped, 0);
    assert_true(fabs(status_of(&s).late_max_ms - 249) < 1);
    tx_clear_extremes(s.tx);
    assert_true(status_of(&s).late_max_ms == 0);
    await_packet(&s);
    assert_true(status_of(&s).late_max_ms < 0.01);
    tx_destroy(s.tx);
}

static void long_delay_is_skipped(void **state)
{
    struct stage s;
    int64_t n, after;

    (void)state;
    open_stage(&s, usual());
    start(&s);
    await_packet(&s);
    n = media_of(&s);
    s.now += 1500 * NS_PER_MS;
    await_packet(&s);
    after = media_of(&s);
    assert_int_equal(after % 48, 0);
    assert_int_equal(status_of(&s).skipped, (uint64_t)(after - n - 48));
    assert_in_range(status_of(&s).skipped, 48 * 1495, 48 * 1505);
    assert_int_equal(s.packet.sequence, (uint16_t)(65530 + 2)); /* nothing was lost on the way */
    assert_in_range(ptp_now(&s) - ptp_at_media((media_t){after}, 48000).ns, 0, 2);
    check_audio(&s, after);
    tx_destroy(s.tx);
}

/* Time jumped: the same stream begins anew, announced, on the new time. */
static void clock_steps_begin_anew(void **state)
{
    static const int64_t steps[] = {5 * NS_PER_MS, -5 * NS_PER_S, 37 * NS_PER_S, -3600 * NS_PER_S,
                                    INT64_C(1000000) * NS_PER_S};

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct stage s;
        uint16_t sequence;
        int64_t n;

        open_stage(&s, usual());
        start(&s);
        for (int k = 0; k < 100; k++)
            await_packet(&s);
        sequence = s.packet.sequence;
        s.map.ptp0.ns += steps[i];
        s.map.epoch++;
        start(&s);
        assert_int_equal(s.packet.sequence, (uint16_t)(sequence + 1));
        n = media_of(&s);
        assert_int_equal(n % 48, 0);
        assert_in_range(ptp_at_media((media_t){n}, 48000).ns - ptp_now(&s), 98 * NS_PER_MS, 102 * NS_PER_MS);
        for (int k = 0; k < 100; k++) {
            await_packet(&s);
            assert_int_equal(s.packet.ext.type, RTP_TYPE_AUDIO);
            assert_int_equal(media_of(&s), n + 48 * k);
            check_audio(&s, n + 48 * k);
        }
        assert_int_equal(status_of(&s).skipped, 0);
        tx_destroy(s.tx);
    }
}

/* Less than a second of a step is bridged: a pause, or packets at once. */
static void small_clock_steps_are_bridged(void **state)
{
    struct stage s;
    int64_t n, before;

    (void)state;
    open_stage(&s, usual());
    start(&s);
    await_packet(&s);
    n = media_of(&s);
    s.map.ptp0.ns -= 300 * NS_PER_MS;
    before = s.now;
    await_packet(&s);
    assert_int_equal(media_of(&s), n + 48);
    assert_in_range(s.now - before, 300 * NS_PER_MS, 302 * NS_PER_MS);
    s.map.ptp0.ns += 300 * NS_PER_MS;
    for (int i = 0; i < 299; i++)
        assert_true(next(&s));
    assert_int_equal(status_of(&s).skipped, 0);
    tx_destroy(s.tx);
}

static void loudness_is_reported(void **state)
{
    struct stage s;

    (void)state;
    open_stage(&s, usual());
    start(&s);
    s.source.scale = 0.25f;
    for (int i = 0; i < 200; i++)
        await_packet(&s);
    assert_true(status_of(&s).peak > 0.2 && status_of(&s).peak <= 0.25);
    assert_int_equal(status_of(&s).clipped, 0);
    s.source.scale = 4;
    for (int i = 0; i < 200; i++)
        await_packet(&s);
    assert_true(status_of(&s).peak > 3.5);
    assert_true(status_of(&s).clipped > 10000);
    s.source.scale = 0.5f;
    tx_clear_extremes(s.tx);
    for (int i = 0; i < 200; i++)
        await_packet(&s);
    assert_true(status_of(&s).peak <= 0.5 && status_of(&s).peak > 0.4);
    tx_destroy(s.tx);
}

/* A sequence of 16 bits wraps every 65 s at a packet each millisecond. */
/* What is sent becomes silence, in a straight line of 20 ms, and the same sound again. */
static void mute_is_a_ramp(void **state)
{
    struct stage s;

    (void)state;
    open_stage(&s, usual());
    start(&s);
    await_packet(&s);
    for (int way = 0; way < 2; way++) {
        tx_mute(s.tx, way == 0);
        for (int i = 0; i < 960 + 48; i++) {
            float gain = (float)(i < 960 ? (way ? i + 1 : 959 - i) : way ? 960 : 0) / 960.0f;
            float sample;

            if (i % 48 == 0)
                await_packet(&s);
            pcm_decode(RTP_CODEC_L24, s.packet.payload + i % 48 * 6 + 3, &sample, 1);
            assert_float_equal(sample, gain * count_at(media_of(&s) + i % 48, 1), 1e-6);
        }
        assert_true(status_of(&s).frames == (uint64_t)(48 + (way + 1) * (960 + 48)));
    }
    tx_destroy(s.tx);
}

static void sequence_wraps(void **state)
{
    struct stage s;

    (void)state;
    open_stage(&s, usual());
    start(&s);
    for (int i = 1; i <= 70000; i++) {
        uint16_t before = s.packet.sequence;

        await_packet(&s);
        assert_int_equal(s.packet.sequence, (uint16_t)(before + 1));
    }
    tx_destroy(s.tx);
}

/* With a card that says nothing there is no stream, and wake-ups stay dithered. */
static void captured_waits_for_its_card(void **state)
{
    struct retime_config card = {2, 48000, 48000, RESAMPLE_FASTEST};
    struct tx_config config = usual();
    struct stage s;
    int64_t shortest = INT64_MAX, longest = 0;

    (void)state;
    config.retime = retime_create(&card);
    open_stage(&s, config);
    for (int i = 0; i < 1000; i++) {
        int64_t before = s.now;

        assert_false(next(&s));
        sleep_once(&s);
        shortest = s.now - before < shortest ? s.now - before : shortest;
        longest = s.now - before > longest ? s.now - before : longest;
    }
    assert_int_equal(status_of(&s).state, TX_WAITING);
    assert_true(shortest < 400000 && shortest >= 375000); /* half a packet, and a quarter of it either way */
    assert_true(longest > 600000 && longest <= 625000);
    tx_stop(s.tx);
    assert_false(next(&s));
    assert_int_equal(status_of(&s).state, TX_ENDED);
    tx_destroy(s.tx);
    retime_destroy(config.retime);
}

/* ---- with a gate ------------------------------------------------------------------------------------ */

enum {
    HOLD = 20,
    LINGER = 11,
    FADE = 5
}; /* packets of 1 ms; the linger is the latency without hold, and one */

static struct tx_config page(void)
{
    struct tx_config config = usual();

    config.gated = true;
    config.gate.hold_blocks = HOLD;
    config.latency_ns = (10 + HOLD) * NS_PER_MS;
    config.priority = RTP_PRIORITY_PAGE;
    return config;
}

/* So many ms in which nothing may be said; or, if it may, what is said is counted. */
static int listen(struct stage *s, int ms)
{
    int64_t end = s->now + ms * NS_PER_MS;
    int packets = 0;

    while (s->now < end) {
        while (next(s))
            packets++;
        sleep_once(s);
    }
    return packets;
}

/* INIT, sound from `from` (0: wherever) on and whole but for the fade in; the first sample. */
static int64_t hear_beginning(struct stage *s, int packets)
{
    uint16_t sequence;
    int64_t first, now = s->now;

    start(s);
    assert_true(s->now - now <= 2 * NS_PER_MS);
    first = media_of(s);
    sequence = s->packet.sequence;
    assert_int_equal(s->packet.ext.priority, RTP_PRIORITY_PAGE);
    /* what was taken HOLD ago, packets as long before their presentation as without a gate */
    assert_in_range(ptp_now(s) - ptp_at_media((media_t){first}, 48000).ns, HOLD * NS_PER_MS,
                    HOLD * NS_PER_MS + 2);
    assert_int_equal(s->packet.ext.presentation.ns,
                     ptp_at_media((media_t){first}, 48000).ns + (10 + HOLD) * NS_PER_MS);
    for (int i = 0; i < packets; i++) {
        if (i == 0)
            assert_true(next(s)); /* at once */
        else
            await_packet(s);
        assert_int_equal(s->packet.ext.type, RTP_TYPE_AUDIO);
        assert_int_equal(s->packet.sequence, (uint16_t)(sequence + 1 + i));
        assert_int_equal(media_of(s), first + i * 48);
        if (i > FADE)
            check_audio(s, first + i * 48);
    }
    return first;
}

/* The rest up to sample `last`, the fade, the linger, and TERMINATE; then nothing. */
static void hear_end(struct stage *s, int64_t last)
{
    static const uint8_t zeros[288];
    int64_t n;

    do {
        await_packet(s);
        n = media_of(s);
        assert_int_equal(s->packet.ext.type, RTP_TYPE_AUDIO);
        if (n < last)
            check_audio(s, n);
    } while (n < last + (FADE + LINGER - 1) * 48);
    assert_memory_equal(s->packet.payload, zeros, 288);
    for (int i = 0; i < 3; i++) {
        await_packet(s);
        assert_int_equal(s->packet.ext.type, RTP_TYPE_TERMINATE);
        assert_int_equal(media_of(s), n + 48);
        assert_int_equal(status_of(s).state, TX_STANDBY);
    }
    assert_int_equal(listen(s, 500), 0);
}

static void standby_is_silent(void **state)
{
    struct stage s;

    (void)state;
    open_stage(&s, page());
    assert_int_equal(listen(&s, 3000), 0);
    assert_int_equal(status_of(&s).state, TX_STANDBY);
    assert_in_range(s.source.reads, 2990, 3010); /* the source runs all the time */
    assert_int_equal(status_of(&s).pages, 0);
    assert_true(status_of(&s).gated);
    assert_true(status_of(&s).level > 0.5);
    assert_int_equal(status_of(&s).since.ns, RAW0);
    tx_stop(s.tx); /* nothing was begun, nothing has to be ended */
    assert_false(next(&s));
    assert_int_equal(status_of(&s).state, TX_ENDED);
    tx_destroy(s.tx);
}

static void pages_begin_and_end(void **state)
{
    struct stage s;

    (void)state;
    open_stage(&s, page());
    listen(&s, 100);
    for (uint64_t k = 1; k <= 5; k++) {
        int64_t first, last;

        tx_talk(s.tx, true);
        first = hear_beginning(&s, 50 * (int)k);
        assert_int_equal(status_of(&s).state, TX_RUNNING);
        assert_int_equal(status_of(&s).pages, k);
        assert_true(s.now - status_of(&s).since.ns < 60 * (int)k * NS_PER_MS);
        /* all that was taken until the key is released is said */
        last = first + (50 * (int64_t)k + HOLD) * 48;
        tx_talk(s.tx, false);
        hear_end(&s, last);
        assert_int_equal(status_of(&s).state, TX_STANDBY);
    }
    assert_int_equal(status_of(&s).starved + status_of(&s).skipped + status_of(&s).clipped, 0);
    tx_destroy(s.tx);
}

/* Pressed again while TERMINATE is being said: no copy of it comes after the new INIT. */
static void page_upon_page(void **state)
{
    struct stage s;
    int64_t first, last;

    (void)state;
    open_stage(&s, page());
    listen(&s, 100);
    tx_talk(s.tx, true);
    hear_beginning(&s, 50);
    tx_talk(s.tx, false);
    do
        await_packet(&s);
    while (s.packet.ext.type == RTP_TYPE_AUDIO);
    assert_int_equal(s.packet.ext.type, RTP_TYPE_TERMINATE);
    tx_talk(s.tx, true);
    first = hear_beginning(&s, 100);
    assert_true(first > 0);
    /* and during the linger it goes on, with nothing between */
    tx_talk(s.tx, false);
    for (int i = 0; i < HOLD + FADE + 3; i++)
        await_packet(&s);
    tx_talk(s.tx, true);
    for (int i = 0; i < 100; i++) {
        await_packet(&s);
        assert_int_equal(s.packet.ext.type, RTP_TYPE_AUDIO);
    }
    check_audio(&s, media_of(&s));
    assert_int_equal(status_of(&s).pages, 2);
    /* the end of the program is one of the page, too: all that was said is heard */
    last = media_of(&s) + (HOLD + 1) * 48;
    tx_stop(s.tx);
    tx_talk(s.tx, true); /* too late */
    do {
        await_packet(&s);
        assert_int_equal(s.packet.ext.type, RTP_TYPE_AUDIO);
        if (media_of(&s) < last)
            check_audio(&s, media_of(&s));
    } while (media_of(&s) < last + (FADE + LINGER - 1) * 48);
    for (int i = 0; i < 3; i++) {
        await_packet(&s);
        assert_int_equal(s.packet.ext.type, RTP_TYPE_TERMINATE);
    }
    assert_int_equal(status_of(&s).state, TX_ENDED);
    tx_destroy(s.tx);
}

static void level_makes_a_page(void **state)
{
    struct tx_config config = page();
    struct stage s;
    int64_t first, now;

    (void)state;
    config.gate.by_level = true;
    config.gate.threshold_db = -20;
    config.gate.hang_frames = 4800;
    open_stage(&s, config);
    s.source.scale = 0;
    assert_int_equal(listen(&s, 500), 0);
    s.source.scale = 1;
    now = ptp_now(&s);
    first = hear_beginning(&s, 0);
    assert_true(ptp_at_media((media_t){first}, 48000).ns < now);
    for (int i = 0; i < 100; i++) {
        await_packet(&s);
        if (ptp_at_media((media_t){media_of(&s)}, 48000).ns >= now)
            check_audio(&s, media_of(&s)); /* from its first sample: the fade was over before */
    }
    s.source.scale = 0;
    assert_in_range(listen(&s, 1000), 100 + HOLD + LINGER, 100 + HOLD + LINGER + 150);
    assert_int_equal(status_of(&s).state, TX_STANDBY);
    tx_destroy(s.tx);
}

/* The source ends in the middle of a page: what the gate holds is said yet. */
static void held_sound_outlives_its_source(void **state)
{
    static const int64_t lengths[] = {4800, 4801, 4847};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct stage s;
        int64_t first, n = 0;

        open_stage(&s, page());
        s.source.left = lengths[i];
        tx_talk(s.tx, true);
        start(&s);
        first = media_of(&s) + HOLD * 48; /* before it there was nothing */
        for (;;) {
            await_packet(&s);
            if (s.packet.ext.type != RTP_TYPE_AUDIO)
                break;
            n = media_of(&s);
            if (n >= first && n + 48 <= first + lengths[i])
                check_audio(&s, n);
        }
        assert_int_equal(n, first + (lengths[i] + 47) / 48 * 48 - 48);
        assert_int_equal(s.packet.ext.type, RTP_TYPE_TERMINATE);
        assert_int_equal(status_of(&s).starved, 0);
        await_packet(&s);
        await_packet(&s);
        assert_int_equal(status_of(&s).state, TX_ENDED);
        tx_destroy(s.tx);
    }
}

/* The program is to end in mid-page, and no sound comes any more that could shut the gate. */
static void a_page_without_sound_ends_in_time(void **state)
{
    struct stage s;

    (void)state;
    open_stage(&s, page());
    listen(&s, 100);
    tx_talk(s.tx, true);
    hear_beginning(&s, 50);
    s.map.state = MEDIA_CLOCK_NO_PTP;
    tx_stop(s.tx);
    for (int i = 0; i < 3000 && status_of(&s).state != TX_ENDED; i++) {
        next(&s);
        s.now += NS_PER_MS;
    }
    assert_int_equal(status_of(&s).state, TX_ENDED);
    tx_destroy(s.tx);
}

/* Muted in standby: the next page is silent from its first sample, and whole once it is not muted any more.
 */
static void mute_is_whole_at_the_beginning_of_a_page(void **state)
{
    static const uint8_t zeros[288];
    struct stage s;

    (void)state;
    open_stage(&s, page());
    tx_mute(s.tx, true);
    listen(&s, 100);
    tx_talk(s.tx, true);
    start(&s);
    for (int i = 0; i < 50; i++) {
        await_packet(&s);
        assert_memory_equal(s.packet.payload, zeros, 288);
    }
    tx_talk(s.tx, false);
    listen(&s, 500);
    tx_mute(s.tx, false);
    listen(&s, 100);
    tx_talk(s.tx, true);
    hear_beginning(&s, 50);
    tx_destroy(s.tx);
}

/* While it talks, and while it does not. */
static void clock_steps_with_a_gate(void **state)
{
    struct stage s;
    int64_t n;

    (void)state;
    open_stage(&s, page());
    listen(&s, 100);
    s.map.ptp0.ns += 37 * NS_PER_S;
    s.map.epoch++;
    assert_int_equal(listen(&s, 100), 0);
    assert_int_equal(status_of(&s).state, TX_STANDBY);
    tx_talk(s.tx, true);
    hear_beginning(&s, 50);
    s.map.ptp0.ns -= 3600 * NS_PER_S;
    s.map.epoch++;
    start(&s); /* anew, with silence where nothing was taken on this time yet */
    n = media_of(&s);
    for (int i = 0; i < 100; i++) {
        await_packet(&s);
        assert_int_equal(s.packet.ext.type, RTP_TYPE_AUDIO);
        assert_int_equal(media_of(&s), n + i * 48);
        if (i > HOLD)
            check_audio(&s, n + i * 48);
    }
    /* a stall beyond what can be caught up */
    s.now += 1500 * NS_PER_MS;
    for (int i = 0; i < 100; i++) {
        await_packet(&s);
        assert_int_equal(s.packet.ext.type, RTP_TYPE_AUDIO);
        if (i > HOLD)
            check_audio(&s, media_of(&s));
    }
    assert_in_range(status_of(&s).skipped, 48 * 1495, 48 * 1505);
    tx_destroy(s.tx);
}

/* A card whose frame k passes the converter at RAW0 + k / 48000 s, and hears a tone of PTP time. */
enum { CARD_HZ = 48000, TONE_HZ = 440 };

static double tone_at(const struct stage *s, raw_ns t)
{
    int64_t since = clock_map_ptp(&s->map, t).ns - PTP0;

    return 0.5 * sin(2 * 3.14159265358979 * TONE_HZ * (double)since / 1e9);
}

static void hear_card(struct stage *s, int64_t *heard)
{
    int64_t there = (s->now - RAW0) * CARD_HZ / NS_PER_S;

    for (; *heard < there; ++*heard) {
        float x = (float)tone_at(s, (raw_ns){RAW0 + *heard * NS_PER_S / CARD_HZ});
        float frame[2] = {x, x};

        retime_push(s->config.retime, frame, 1);
    }
    retime_observe(s->config.retime, (raw_ns){s->now}, (frame_t){there});
}

/* Captured sound passes the gate at its place in time, and what was said before the key is there. */
static void captured_pages(void **state)
{
    struct retime_config card = {2, CARD_HZ, 48000, RESAMPLE_FASTEST};
    struct tx_config config = page();
    struct stage s;
    int64_t heard = 0, end, pressed = 0, first = 0, last = 0, audio = 0;
    int inits = 0, terminates = 0;
    double worst = 0;

    (void)state;
    config.retime = retime_create(&card);
    open_stage(&s, config);
    for (end = s.now + 4 * NS_PER_S; s.now < end; sleep_once(&s)) {
        int64_t left = end - s.now;

        hear_card(&s, &heard);
        if (left < NS_PER_S && !pressed) {
            assert_int_equal(status_of(&s).state, TX_STANDBY);
            pressed = s.now;
        }
        tx_talk(s.tx, left < NS_PER_S && left > NS_PER_S / 2);
        while (next(&s)) {
            float sound[2 * 48];
            int64_t n = media_of(&s);

            assert_true(pressed);
            inits += s.packet.ext.type == RTP_TYPE_INIT;
            terminates += s.packet.ext.type == RTP_TYPE_TERMINATE;
            if (s.packet.ext.type != RTP_TYPE_AUDIO)
                continue;
            assert_true(audio == 0 || n == last + 48);
            first = audio++ ? first : n;
            last = n;
            if (n < first + FADE * 48 || n >= first + 500 * 48)
                continue;
            pcm_decode(RTP_CODEC_L24, s.packet.payload, sound, 2 * 48);
            for (int64_t i = 0; i < 48; i++) {
                raw_ns taken = clock_map_raw(&s.map, ptp_at_media((media_t){n + i}, 48000));

                worst = fmax(worst, fabs((double)sound[2 * i] - tone_at(&s, taken)));
            }
        }
    }
    assert_true(worst < 1e-3);
    assert_int_equal(inits, 1);
    assert_int_equal(terminates, 3);
    assert_in_range(audio, 500 + HOLD + FADE + LINGER - 2, 500 + HOLD + FADE + LINGER + 2);
    assert_in_range(clock_map_ptp(&s.map, (raw_ns){pressed}).ns - ptp_at_media((media_t){first}, 48000).ns,
                    HOLD * NS_PER_MS, (HOLD + 3) * NS_PER_MS);
    tx_destroy(s.tx);
    retime_destroy(config.retime);
}

static void plain_page_is_audio_alone(void **state)
{
    struct tx_config config = page();
    struct stage s;

    (void)state;
    config.plain = true;
    open_stage(&s, config);
    assert_int_equal(listen(&s, 100), 0);
    tx_talk(s.tx, true);
    for (int i = 0; i < 100; i++) {
        await_packet(&s);
        assert_false(s.packet.has_ext);
        assert_int_equal(s.packet.payload_len, 288);
        if (i > FADE)
            check_audio(&s, media_of(&s));
    }
    tx_talk(s.tx, false);
    assert_int_equal(listen(&s, 500), HOLD + FADE + LINGER);
    assert_int_equal(status_of(&s).state, TX_STANDBY);
    tx_destroy(s.tx);
}

static void priority_is_in_each_packet(void **state)
{
    struct tx_config config = usual();
    struct stage s;

    (void)state;
    config.priority = RTP_PRIORITY_PAGE; /* without a gate */
    open_stage(&s, config);
    start(&s);
    assert_int_equal(s.packet.ext.priority, RTP_PRIORITY_PAGE);
    await_packet(&s);
    assert_int_equal(s.packet.ext.priority, RTP_PRIORITY_PAGE);
    assert_false(status_of(&s).gated);
    tx_talk(s.tx, true); /* means nothing here */
    await_packet(&s);
    assert_int_equal(s.packet.ext.type, RTP_TYPE_AUDIO);
    tx_destroy(s.tx);
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(tx_state_name(TX_WAITING), "waiting");
    assert_string_equal(tx_state_name(TX_STANDBY), "standby");
    assert_string_equal(tx_state_name(TX_RUNNING), "running");
    assert_string_equal(tx_state_name(TX_ENDING), "ending");
    assert_string_equal(tx_state_name(TX_ENDED), "ended");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_for_a_clock),
        cmocka_unit_test(init_comes_first),
        cmocka_unit_test(a_look_ahead_is_waited_for),
        cmocka_unit_test(the_look_ahead_is_sent_at_the_end),
        cmocka_unit_test(packets_follow_the_grid),
        cmocka_unit_test(grid_is_common_to_all),
        cmocka_unit_test(terminate_is_said_three_times),
        cmocka_unit_test(stopped_before_it_began),
        cmocka_unit_test(plain_profile_is_audio_alone),
        cmocka_unit_test(starving_source_is_silence),
        cmocka_unit_test(source_may_end_anywhere),
        cmocka_unit_test(short_delay_is_caught_up),
        cmocka_unit_test(long_delay_is_skipped),
        cmocka_unit_test(clock_steps_begin_anew),
        cmocka_unit_test(small_clock_steps_are_bridged),
        cmocka_unit_test(loudness_is_reported),
        cmocka_unit_test(mute_is_a_ramp),
        cmocka_unit_test(sequence_wraps),
        cmocka_unit_test(captured_waits_for_its_card),
        cmocka_unit_test(standby_is_silent),
        cmocka_unit_test(pages_begin_and_end),
        cmocka_unit_test(page_upon_page),
        cmocka_unit_test(level_makes_a_page),
        cmocka_unit_test(held_sound_outlives_its_source),
        cmocka_unit_test(a_page_without_sound_ends_in_time),
        cmocka_unit_test(mute_is_whole_at_the_beginning_of_a_page),
        cmocka_unit_test(clock_steps_with_a_gate),
        cmocka_unit_test(captured_pages),
        cmocka_unit_test(plain_page_is_audio_alone),
        cmocka_unit_test(priority_is_in_each_packet),
        cmocka_unit_test(states_have_names),
    };

    return cmocka_run_group_tests_name("tx", tests, NULL, NULL);
}
