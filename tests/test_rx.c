// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * rx at its edges: what is not the usual run of things (tests/test_sync.c has that). One receiver, one exact
 * card, a sender made of packets alone, in virtual time; everything that left the card is kept and judged.
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
#include "receiver/rx.h"

#define RAW0  INT64_C(86400000000123)
#define PTP0  INT64_C(1795000000000000000)
#define LEVEL 0.25

enum {
    CHANNELS_MAX = 64,
    HEARD_MAX = 1 << 19, /* frames: eleven seconds at 48 kHz */
    BLOCK_MAX = 8192
};

/* ---- nothing is allocated while it runs: the sanitizers bring an allocator of their own, which is not
 * counted */

static unsigned long allocations;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 1
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *old);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    allocations++;
    return __libc_realloc(old, size);
}

void free(void *old)
{
    allocations++;
    __libc_free(old);
}
#else
#define COUNTS_ALLOCATIONS 0
#endif

/* ---- the room: a sender, a card, a receiver */

struct sender {
    bool on;
    uint32_t ssrc;
    uint64_t source;
    uint32_t rate_hz;
    unsigned channels, frames;
    enum rtp_codec codec;
    bool plain;
    int64_t link_ns;
    int64_t next; /* media sample of the next packet */
    uint16_t sequence;
    double level;
    double hz[CHANNELS_MAX];
};

struct room {
    struct rx *rx;
    struct rx_config config;
    struct clock_map map;
    int64_t now; /* raw, since RAW0 */
    struct sender sender;
    bool card_runs;
    double card_ppm;
    int granule;    /* frames that the card's pointer moves at a time */
    double card_t0; /* when frame card_first left the converter, raw since RAW0 */
    int64_t card_first, written;
    int64_t stuck_until; /* the process does not run */
    float *heard;        /* by frame, card_channels wide */
    double *heard_at;    /* raw since RAW0 */
    float *block;
};

static struct rx_config usual(void)
{
    return (struct rx_config){.card_rate_hz = 48000,
                              .card_channels = 2,
                              .card_frames = 4096,
                              .quality = RESAMPLE_MEDIUM,
                              .voices = 1,
                              .settings = {.gain = 1},
                              .duck = DUCK_STANDARD,
                              .seed = 77};
}

static struct room *open_room(struct rx_config config)
{
    struct room *r = calloc(1, sizeof *r);

    assert_non_null(r);
    r->config = config;
    r->map = (struct clock_map){.raw0 = {RAW0}, .ptp0 = {PTP0}, .state = MEDIA_CLOCK_LOCKED, .epoch = 1};
    r->card_ppm = 30;
    r->granule = 1;
    r->heard = calloc((size_t)HEARD_MAX * config.card_channels, sizeof *r->heard);
    r->heard_at = calloc(HEARD_MAX, sizeof *r->heard_at);
    r->block = calloc((size_t)BLOCK_MAX * config.card_channels, sizeof *r->block);
    r->rx = rx_create(&config);
    assert_non_null(r->heard);
    assert_non_null(r->heard_at);
    assert_non_null(r->block);
    assert_non_null(r->rx);
    r->sender = (struct sender){.ssrc = 0x1234,
                                .source = 77,
                                .rate_hz = 48000,
                                .channels = 2,
                                .frames = 48,
                                .codec = RTP_CODEC_L24,
                                .link_ns = 10 * NS_PER_MS,
                                .level = LEVEL};
    for (unsigned c = 0; c < CHANNELS_MAX; c++)
        r->sender.hz[c] = 1000;
    return r;
}

static void close_room(struct room *r)
{
    rx_destroy(r->rx);
    free(r->heard);
    free(r->heard_at);
    free(r->block);
    free(r);
}

static struct rx_status status_of(const struct room *r)
{
    struct rx_status status;

    rx_get_status(r->rx, 0, &status);
    return status;
}

static int64_t ptp_now(const struct room *r)
{
    return clock_map_ptp(&r->map, (raw_ns){RAW0 + r->now}).ns;
}

static void deliver(struct room *r, const uint8_t *bytes, size_t length)
{
    rx_datagram(r->rx, 0, &r->map, bytes, length, (raw_ns){RAW0 + r->now}, r->sender.source);
}

static struct rtp_packet packet_at(const struct sender *s, int64_t n, enum rtp_type type)
{
    return (struct rtp_packet){
        .ssrc = s->ssrc,
        .timestamp = (uint32_t)(uint64_t)n,
        .payload_type = RTP_PT_L24,
        .has_ext = !s->plain,
        .ext = {.presentation = {ptp_at_media((media_t){n}, s->rate_hz).ns + s->link_ns},
                .type = (uint8_t)type,
                .codec = (uint8_t)s->codec,
                .channels = (uint8_t)s->channels,
                .rate_hz = s->rate_hz},
    };
}

static void send_control(struct room *r, enum rtp_type type)
{
    struct rtp_packet packet = packet_at(&r->sender, r->sender.next, type);
    uint8_t bytes[64];

    packet.sequence = r->sender.sequence++;
    packet.payload_type = RTP_PT_CONTROL;
    rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
    deliver(r, bytes, rtp_header_bytes(true));
}

static void send_audio(struct room *r)
{
    struct sender *s = &r->sender;
    struct rtp_packet packet = packet_at(s, s->next, RTP_TYPE_AUDIO);
    uint8_t bytes[RTP_DATAGRAM_MAX];
    float sound[1024];
    size_t header = rtp_header_bytes(packet.has_ext), samples = (size_t)s->frames * s->channels;

    assert_true(samples <= 1024 && samples * 3 <= RTP_PAYLOAD_MAX);
    for (size_t i = 0; i < samples; i++) {
        int64_t n = (s->next + (int64_t)(i / s->channels)) % ((int64_t)s->rate_hz * 1000);
        double turns = (double)n * s->hz[i % s->channels] / s->rate_hz;

        sound[i] = (float)(s->level * sin(2 * M_PI * (turns - floor(turns))));
    }
    packet.sequence = s->sequence++;
    rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
    pcm_encode(s->codec, sound, bytes + header, samples);
    deliver(r, bytes, header + samples * rtp_codec_sample_bytes(s->codec));
    s->next += s->frames;
}

/* From now on, the sample taken now first. */
static void switch_on(struct room *r, bool init)
{
    int64_t lead = init ? 100 * NS_PER_MS : 0;

    r->sender.next = media_at_ptp((ptp_ns){ptp_now(r) + lead}, r->sender.rate_hz).n;
    r->sender.on = true;
    if (init)
        send_control(r, RTP_TYPE_INIT);
}

static double card_place(const struct room *r)
{
    double rate = r->config.card_rate_hz * (1 + r->card_ppm * 1e-6);

    return (double)r->card_first + ((double)r->now - r->card_t0) * rate / 1e9;
}

static void write_card(struct room *r, size_t frames)
{
    unsigned width = r->config.card_channels;
    double period = 1e9 / (r->config.card_rate_hz * (1 + r->card_ppm * 1e-6));

    if (!r->card_runs && frames) {
        r->card_runs = true;
        r->card_t0 = (double)r->now + 5000;
        r->card_first = r->written;
    }
    assert_true(r->written + (int64_t)frames < HEARD_MAX);
    for (size_t i = 0; i < frames; i++) {
        int64_t n = r->written + (int64_t)i;

        memcpy(r->heard + n * width, r->block + i * width, width * sizeof *r->heard);
        r->heard_at[n] = r->card_t0 + (double)(n - r->card_first) * period;
    }
    r->written += (int64_t)frames;
}

/* One cycle, as the daemon's loop does it. */
static void cycle(struct room *r)
{
    int64_t room = (int64_t)r->config.card_frames;
    int64_t due;
    unsigned long before;
    size_t frames;

    while (r->sender.on &&
           ptp_at_media((media_t){r->sender.next + r->sender.frames}, r->sender.rate_hz).ns <= ptp_now(r))
        send_audio(r);
    before = allocations;
    if (r->card_runs && card_place(r) >= (double)r->written) {
        rx_card_stopped(r->rx, true);
        r->card_runs = false;
    }
    if (r->card_runs) {
        int64_t passed = (int64_t)floor(card_place(r)) - r->card_first;
        int64_t queued = r->written - r->card_first - passed / r->granule * r->granule;

        rx_card(r->rx, (raw_ns){RAW0 + r->now + 60}, queued);
        room -= queued;
    }
    frames = rx_render(r->rx, &r->map, (size_t)room, r->block);
    assert_true((int64_t)frames <= room);
    due = rx_deadline(r->rx, (raw_ns){RAW0 + r->now}).ns - RAW0;
    assert_int_equal(allocations, before);
    write_card(r, frames);
    assert_true(due > r->now && due - r->now <= 1250000);
    r->now = due > r->stuck_until ? due : r->stuck_until;
}

static void run_until(struct room *r, double second)
{
    while ((double)r->now < second * 1e9)
        cycle(r);
}

/* ---- the ears */

struct verdict {
    double late_ns, level, residual_db;
};

/* Listens to 20 ms of a channel around an instant, for the tone of `hz`. */
static struct verdict listen_at(const struct room *r, double second, unsigned channel, double hz)
{
    unsigned width = r->config.card_channels;
    double sine = 0, cosine = 0, left = 0;
    struct verdict v;
    int64_t n = 0;

    for (int pass = 0; pass < 2; pass++)
        for (int64_t k = 0; k < r->written; k++) {
            double since = r->heard_at[k], x = (double)r->heard[k * width + channel], turns, a, b;

            if (since < second * 1e9 - 10e6 || since >= second * 1e9 + 10e6)
                continue;
            /* sampled at PTP0 + this, which is a whole second */
            since -= (double)(r->sender.link_ns + r->config.settings.delay_ns);
            turns = since * 1e-9 * hz;
            a = sin(2 * M_PI * turns);
            b = cos(2 * M_PI * turns);
            if (pass) {
                left += pow(x - 2 * (a * sine + b * cosine) / (double)n, 2);
            } else {
                sine += x * a;
                cosine += x * b;
                n++;
            }
        }
    v.level = n ? 2 * hypot(sine, cosine) / (double)n : 0;
    v.late_ns = -atan2(cosine, sine) / (2 * M_PI * hz) * 1e9;
    v.residual_db = 10 * log10(left / (double)(n ? n : 1) + 1e-30);
    return v;
}

static void check_tone(const struct room *r, double second)
{
    struct verdict v = listen_at(r, second, 0, 1000);

    if (fabs(v.level - LEVEL) > 0.002 || fabs(v.late_ns) > 1500 || v.residual_db > -60)
        print_message("at %.3f s: level %.4f, %.0f ns late, residual %.1f dBFS\n", second, v.level, v.late_ns,
                      v.residual_db);
    assert_true(fabs(v.level - LEVEL) < 0.002);
    assert_true(fabs(v.late_ns) < 1500);
    assert_true(v.residual_db < -60);
}

static void check_silence(const struct room *r, double from, double to)
{
    for (int64_t k = 0; k < r->written; k++)
        if (r->heard_at[k] >= from * 1e9 && r->heard_at[k] < to * 1e9)
            for (unsigned c = 0; c < r->config.card_channels; c++)
                assert_true(fabsf(r->heard[k * r->config.card_channels + c]) < 1e-6f);
}

/* The largest step of channel 0, beside that of the tone itself. */
static double largest_step(const struct room *r)
{
    double worst = 0;

    for (int64_t k = 1; k < r->written; k++)
        worst = fmax(worst, fabs((double)(r->heard[k * r->config.card_channels] -
                                          r->heard[(k - 1) * r->config.card_channels])));
    return worst / (2 * M_PI * 1000 / r->config.card_rate_hz * LEVEL);
}

/* ---- the tests */

static void idle_is_a_little_silence(void **state)
{
    struct room *r = open_room(usual());

    (void)state;
    for (int i = 0; i < 3000; i++) {
        cycle(r);
        if (i > 100)
            assert_in_range(r->written - (int64_t)card_place(r), 48, 1000);
    }
    assert_int_equal(status_of(r).state, RX_IDLE);
    assert_int_equal(status_of(r).xruns, 0);
    assert_int_equal(status_of(r).played, 0);
    check_silence(r, 0, 100);
    close_room(r);
    rx_destroy(NULL);
}

static void tiny_card_is_not_overfilled(void **state)
{
    struct rx_config config = usual();
    struct room *r;

    (void)state;
    config.card_frames = 480; /* 10 ms, all of the latency */
    r = open_room(config);
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 3);
    assert_int_equal(status_of(r).xruns, 0);
    assert_int_equal(status_of(r).concealed, 0);
    check_tone(r, 2.5);
    close_room(r);
}

static void no_room_no_frames(void **state)
{
    struct room *r = open_room(usual());
    float nothing[2] = {9, 9};

    (void)state;
    assert_int_equal(rx_render(r->rx, &r->map, 0, nothing), 0);
    run_until(r, 1);
    switch_on(r, true);
    assert_int_equal(rx_render(r->rx, &r->map, 0, nothing), 0); /* armed */
    run_until(r, 2);
    assert_int_equal(status_of(r).state, RX_PLAYING);
    for (int i = 0; i < 10; i++)
        assert_int_equal(rx_render(r->rx, &r->map, 0, nothing), 0);
    rx_stop(r->rx);
    assert_int_equal(status_of(r).state, RX_FADING);
    assert_int_equal(rx_render(r->rx, &r->map, 0, nothing), 0);
    assert_true(nothing[0] == 9 && nothing[1] == 9);
    close_room(r);
}

/* A block as small as one frame at a time gives the same sound. */
static void room_of_a_few_frames_is_enough(void **state)
{
    struct rx_config config = usual();
    struct room *r;

    (void)state;
    config.quality = RESAMPLE_FASTEST;
    r = open_room(config);
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 2);
    for (int i = 0; i < 4000; i++) {
        size_t frames, room = 1 + (size_t)i % 3;

        frames = rx_render(r->rx, &r->map, room, r->block);
        assert_true(frames <= room);
        write_card(r, frames);
        if (!frames || i % 16 == 15)
            cycle(r);
    }
    assert_int_equal(status_of(r).starts, 1);
    assert_int_equal(status_of(r).concealed, 0);
    check_tone(r, (double)r->now * 1e-9 - 0.02);
    assert_true(largest_step(r) < 1.05);
    close_room(r);
}

static void xrun_before_any_stream(void **state)
{
    struct room *r = open_room(usual());

    (void)state;
    rx_card_stopped(r->rx, true); /* before the card was ever read */
    rx_card_stopped(r->rx, true);
    assert_int_equal(status_of(r).state, RX_IDLE);
    run_until(r, 0.5);
    r->stuck_until = 700 * NS_PER_MS;
    run_until(r, 1);
    assert_int_equal(status_of(r).xruns, 3);
    assert_int_equal(status_of(r).state, RX_IDLE);
    switch_on(r, true);
    run_until(r, 3);
    check_tone(r, 2.5);
    assert_int_equal(status_of(r).starts, 1);
    close_room(r);
}

/* A card that was unplugged or suspended stopped, but did not run dry. */
static void unplugged_card_is_no_xrun(void **state)
{
    struct room *r = open_room(usual());

    (void)state;
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 2);
    rx_card_stopped(r->rx, false);
    r->card_runs = false;
    r->now += NS_PER_S; /* and is back a second later */
    run_until(r, 4);
    check_tone(r, 3.9);
    assert_int_equal(status_of(r).xruns, 0);
    assert_int_equal(status_of(r).starts, 2);
    close_room(r);
}

static void xrun_while_armed(void **state)
{
    struct room *r = open_room(usual());

    (void)state;
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 1.05);
    assert_int_equal(status_of(r).state, RX_ARMED);
    r->card_t0 -= 1e9; /* the card raced ahead and ran dry */
    run_until(r, 1.06);
    assert_int_equal(status_of(r).xruns, 1);
    assert_int_equal(status_of(r).state, RX_ARMED);
    run_until(r, 3);
    check_tone(r, 2.5);
    close_room(r);
}

static void xrun_while_playing_comes_back(void **state)
{
    struct room *r = open_room(usual());

    (void)state;
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 2);
    for (int i = 0; i < 5; i++) {
        r->stuck_until = r->now + 40 * NS_PER_MS;
        run_until(r, 2.5 + 0.5 * i);
        check_tone(r, 2.45 + 0.5 * i);
    }
    assert_int_equal(status_of(r).xruns, 5);
    assert_int_equal(status_of(r).starts, 6);
    close_room(r);
}

/* On a coarse card the first readings after an xrun say little of where it is: no sound before it is known.
 */
static void xrun_of_a_coarse_card_is_not_answered_with_a_guess(void **state)
{
    static const int granules[] = {1, 6, 48};
    static const double limits_ns[] = {2000, 5000, 20000};

    (void)state;
    for (int g = 0; g < 3; g++) {
        struct room *r = open_room(usual());
        struct verdict v = {0};
        double back = 5.05;

        r->granule = granules[g];
        run_until(r, 1);
        switch_on(r, true);
        run_until(r, 5);
        r->stuck_until = r->now + 40 * NS_PER_MS;
        run_until(r, 8.5);
        while (back < 8.4 && (fabs(v.level - LEVEL) > 0.002 || v.residual_db > -50)) {
            back += 0.01;
            v = listen_at(r, back, 0, 1000);
        }
        print_message("%d frames: sound is back after %.0f ms, %.0f ns late\n", granules[g],
                      (back - 5.04) * 1e3, v.late_ns);
        assert_int_equal(status_of(r).xruns, 1);
        assert_true(back < 8.4);
        assert_true(fabs(v.late_ns) < limits_ns[g]);
        close_room(r);
    }
}

/* The card's own count jumps by far: faded out, found anew. */
static void jump_of_the_card_is_faded_over(void **state)
{
    struct room *r = open_room(usual());
    int64_t first;

    (void)state;
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 4);
    r->card_t0 -= 2e6; /* 2 ms of frames vanished from the queue */
    first = status_of(r).state == RX_PLAYING;
    assert_true(first);
    run_until(r, 6);
    assert_int_equal(status_of(r).starts, 2);
    assert_int_equal(status_of(r).state, RX_PLAYING);
    assert_int_equal(status_of(r).xruns, 0);
    close_room(r);
}

static void xrun_while_ending_ends(void **state)
{
    struct room *r = open_room(usual());

    (void)state;
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 2);
    rx_stop(r->rx);
    assert_int_equal(status_of(r).state, RX_FADING);
    assert_false(rx_ended(r->rx));
    rx_card_stopped(r->rx, true);
    assert_true(rx_ended(r->rx));
    close_room(r);
}

static void stop_while_idle(void **state)
{
    struct room *r = open_room(usual());

    (void)state;
    assert_false(rx_ended(r->rx));
    run_until(r, 0.5);
    rx_stop(r->rx);
    assert_true(rx_ended(r->rx));
    switch_on(r, true); /* too late */
    run_until(r, 1.5);
    assert_true(rx_ended(r->rx));
    check_silence(r, 0, 100);
    close_room(r);
}

static void stop_while_armed(void **state)
{
    struct room *r = open_room(usual());

    (void)state;
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 1.02);
    assert_int_equal(status_of(r).state, RX_ARMED);
    rx_stop(r->rx);
    assert_true(rx_ended(r->rx));
    run_until(r, 2);
    assert_true(rx_ended(r->rx));
    check_silence(r, 0, 100);
    close_room(r);
}

static void stop_while_playing_fades(void **state)
{
    struct room *r = open_room(usual());
    double at, before = 1, peak = 0;

    (void)state;
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 2);
    at = r->heard_at[r->written - 1] * 1e-9;
    rx_stop(r->rx);
    rx_stop(r->rx); /* once more is no more */
    run_until(r, 2.2);
    assert_true(rx_ended(r->rx));
    assert_true(largest_step(r) < 1.05);
    for (int ms = 5; ms < 20; ms++, before = peak) {
        peak = 0;
        for (int64_t k = 0; k < r->written; k++)
            if (r->heard_at[k] >= (at + ms * 1e-3) * 1e9 && r->heard_at[k] < (at + (ms + 1) * 1e-3) * 1e9)
                peak = fmax(peak, fabs((double)r->heard[2 * k]));
        assert_true(peak <= before);
    }
    check_silence(r, at + 0.021, 100);
    close_room(r);
}

/* Whatever a card says of its queue: the fade is written into the room there is, and nothing behind it. */
static void stop_whatever_is_said_to_be_queued(void **state)
{
    static const int64_t queued[] = {0, 100, 4000, 50000, -2000};

    (void)state;
    for (size_t i = 0; i < sizeof queued / sizeof *queued; i++) {
        struct room *r = open_room(usual());

        run_until(r, 1);
        switch_on(r, true);
        run_until(r, 2);
        assert_int_equal(status_of(r).state, RX_PLAYING);
        rx_card(r->rx, (raw_ns){RAW0 + r->now}, queued[i]);
        rx_stop(r->rx);
        assert_int_equal(rx_render(r->rx, &r->map, 4096, r->block), 960);
        assert_true(rx_ended(r->rx));
        close_room(r);
    }
}

/* A fade that was to be followed by a new start ends for good when told to. */
static void stop_while_fading(void **state)
{
    struct room *r = open_room(usual());

    (void)state;
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 2);
    r->map.epoch++;
    write_card(r,
               rx_render(r->rx, &r->map, 100, r->block)); /* where there is room the fade is written whole */
    assert_int_equal(status_of(r).state, RX_FADING);
    rx_stop(r->rx);
    assert_false(rx_ended(r->rx));
    r->sender.ssrc = 0x999; /* and the sender starts anew, too */
    switch_on(r, true);
    run_until(r, 3);
    assert_true(rx_ended(r->rx));
    assert_int_equal(status_of(r).starts, 1);
    check_silence(r, 2.06, 100);
    close_room(r);
}

static void lost_clock_fades_and_returns(void **state)
{
    struct room *r = open_room(usual());

    (void)state;
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 2);
    r->map.state = MEDIA_CLOCK_NO_PTP;
    run_until(r, 3);
    assert_int_equal(status_of(r).state, RX_ARMED);
    check_silence(r, 2.1, 2.9);
    r->map.state = MEDIA_CLOCK_ACQUIRING; /* not good enough to begin with */
    run_until(r, 3.5);
    assert_int_equal(status_of(r).state, RX_ARMED);
    r->map.state = MEDIA_CLOCK_LOCKED;
    run_until(r, 4.5);
    check_tone(r, 4.2);
    assert_int_equal(status_of(r).starts, 2);
    assert_true(largest_step(r) < 1.05);
    close_room(r);
}

/* Holdover, and a clock that looks for its rate, are no reason to stop. */
static void doubtful_clock_plays_on(void **state)
{
    struct room *r = open_room(usual());

    (void)state;
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 2);
    r->map.state = MEDIA_CLOCK_HOLDOVER;
    run_until(r, 2.5);
    r->map.state = MEDIA_CLOCK_ACQUIRING;
    run_until(r, 3);
    assert_int_equal(status_of(r).starts, 1);
    check_tone(r, 2.9);
    close_room(r);
}

/* --on-ptp-loss mute: a fade, silence, and the sound again once locked. Another grandmaster is no loss. */
static void lost_clock_mutes_where_wanted(void **state)
{
    struct rx_config config = usual();
    struct room *r;

    (void)state;
    config.mute_on_loss = true;
    r = open_room(config);
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 2);
    r->map.state = MEDIA_CLOCK_GM_CHANGED;
    run_until(r, 2.5);
    assert_int_equal(status_of(r).starts, 1);
    r->map.state = MEDIA_CLOCK_HOLDOVER;
    run_until(r, 3.5);
    check_silence(r, 2.6, 3.4);
    r->map.state = MEDIA_CLOCK_LOCKED;
    run_until(r, 4.5);
    check_tone(r, 4.2);
    assert_int_equal(status_of(r).starts, 2);
    assert_true(largest_step(r) < 1.05);
    close_room(r);
}

/* The process stood still for so long that the stream counts as gone; the clock agrees just now. */
static void stream_given_up_is_not_started(void **state)
{
    struct room *r = open_room(usual());
    size_t frames;

    (void)state;
    r->sender.link_ns = 2 * NS_PER_S;
    r->map.state = MEDIA_CLOCK_ACQUIRING;
    switch_on(r, false);
    run_until(r, 2.4);
    assert_int_equal(status_of(r).state, RX_ARMED);
    r->now += 1200 * NS_PER_MS;
    r->map.state = MEDIA_CLOCK_LOCKED;
    rx_card(r->rx, (raw_ns){RAW0 + r->now}, r->written - (int64_t)floor(card_place(r)));
    frames = rx_render(r->rx, &r->map, 2048, r->block);
    assert_int_equal(status_of(r).state, RX_IDLE);
    assert_false(status_of(r).stream.locked);
    assert_int_equal(status_of(r).starts, 0);
    for (size_t i = 0; i < frames * r->config.card_channels; i++)
        assert_true(r->block[i] == 0);
    close_room(r);
}

/* The stream of another PTP domain. */
static void refused_stream_is_silence(void **state)
{
    struct room *r = open_room(usual());

    (void)state;
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 2);
    rx_refuse(r->rx, 0, true);
    run_until(r, 3);
    check_silence(r, 2.1, 2.9);
    assert_int_equal(status_of(r).state, RX_ARMED);
    rx_refuse(r->rx, 0, false);
    run_until(r, 4);
    check_tone(r, 3.5);
    assert_int_equal(status_of(r).starts, 2);
    assert_true(largest_step(r) < 1.05);
    close_room(r);
}

static void no_clock_at_all(void **state)
{
    struct room *r = open_room(usual());

    (void)state;
    r->map.state = MEDIA_CLOCK_NO_PTP;
    run_until(r, 0.5);
    switch_on(r, true);
    run_until(r, 2);
    assert_int_equal(status_of(r).state, RX_ARMED);
    assert_int_equal(status_of(r).early, 0);
    check_silence(r, 0, 100);
    rx_stop(r->rx);
    assert_true(rx_ended(r->rx));
    close_room(r);
}

static void clock_step_fades_and_returns(void **state)
{
    static const int64_t steps[] = {5 * NS_PER_MS,   -5 * NS_PER_MS,   3 * NS_PER_S,  -3 * NS_PER_S,
                                    400 * NS_PER_MS, -400 * NS_PER_MS, 37 * NS_PER_S, -37 * NS_PER_S,
                                    3600 * NS_PER_S, -3600 * NS_PER_S};

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct room *r = open_room(usual());

        run_until(r, 1);
        switch_on(r, true);
        run_until(r, 3);
        r->map.ptp0.ns += steps[i];
        r->map.epoch++;
        r->sender.next = media_at_ptp((ptp_ns){ptp_now(r)}, 48000).n; /* the sender saw it, too */
        run_until(r, 6);
        if (status_of(r).state != RX_PLAYING)
            print_message("after a step of %d ms: %s, late %d, early %d\n", (int)(steps[i] / 1000000),
                          rx_state_name(status_of(r).state), (int)status_of(r).late, (int)status_of(r).early);
        assert_int_equal(status_of(r).state, RX_PLAYING);
        assert_int_equal(status_of(r).starts, 2);
        assert_true(fabs(status_of(r).error_ns) < 1000);
        assert_true(listen_at(r, 5.5, 0, 1000).level > 0.99 * LEVEL);
        assert_true(largest_step(r) < 1.2);
        close_room(r);
    }
}

static void announced_and_never_heard(void **state)
{
    struct room *r = open_room(usual());

    (void)state;
    run_until(r, 1);
    switch_on(r, true);
    r->sender.on = false;
    run_until(r, 1.5);
    assert_int_equal(status_of(r).state, RX_ARMED);
    run_until(r, 3);
    assert_int_equal(status_of(r).state, RX_IDLE);
    assert_false(status_of(r).stream.locked);
    assert_int_equal(status_of(r).concealed, 0);
    check_silence(r, 0, 100);
    r->sender.ssrc++;
    switch_on(r, false);
    run_until(r, 4);
    check_tone(r, 3.8);
    close_room(r);
}

/* Without a word, within the receiver's patience and beyond it. */
static void sender_pauses(void **state)
{
    static const double pauses[] = {0.003, 0.02, 0.05, 0.15, 0.5, 2};

    (void)state;
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
        struct room *r = open_room(usual());

        run_until(r, 1);
        switch_on(r, true);
        run_until(r, 2);
        r->sender.on = false;
        run_until(r, 2 + pauses[i]);
        r->sender.on = true;
        r->sender.next = media_at_ptp((ptp_ns){ptp_now(r)}, 48000).n;
        run_until(r, 3.5 + pauses[i]);
        check_tone(r, 3.3 + pauses[i]);
        assert_true(largest_step(r) < 1.2);
        assert_int_equal(status_of(r).xruns, 0);
        close_room(r);
    }
}

static void terminated_then_started_at_once(void **state)
{
    struct room *r = open_room(usual());

    (void)state;
    run_until(r, 1);
    for (int i = 0; i < 3; i++) {
        r->sender.ssrc++;
        switch_on(r, true);
        run_until(r, 2 + i);
        check_tone(r, 1.9 + i);
        for (int k = 0; k < 3; k++)
            send_control(r, RTP_TYPE_TERMINATE);
        r->sender.on = false;
        run_until(r, 2.05 + i);
        assert_int_equal(status_of(r).state, RX_IDLE);
        assert_false(status_of(r).stream.locked);
    }
    assert_int_equal(status_of(r).starts, 3);
    assert_int_equal(status_of(r).concealed, 0);
    assert_true(largest_step(r) < 1.05);
    close_room(r);
}

/* Page after page under one SSRC, INIT and the first sound together; the last has hardly been played. */
static void pages_under_one_ssrc(void **state)
{
    static const double pauses_s[] = {0.001, 0.009, 0.02, 0.05, 0.3, 1.5};
    struct room *r = open_room(usual());
    double at = 1;

    (void)state;
    run_until(r, at);
    for (size_t i = 0; i < sizeof pauses_s / sizeof *pauses_s; i++) {
        r->sender.next = media_at_ptp((ptp_ns){ptp_now(r)}, 48000).n;
        r->sender.on = true;
        send_control(r, RTP_TYPE_INIT);
        assert_true(status_of(r).stream.locked);
        run_until(r, at + 0.5);
        check_tone(r, at + 0.1);
        check_tone(r, at + 0.45);
        r->sender.on = false;
        for (int k = 0; k < 3; k++)
            send_control(r, RTP_TYPE_TERMINATE);
        at += 0.5 + pauses_s[i];
        run_until(r, at);
    }
    assert_int_equal(status_of(r).state, RX_IDLE);
    assert_int_equal(status_of(r).concealed, 0);
    assert_int_equal(status_of(r).xruns, 0);
    assert_true(largest_step(r) < 1.05);
    close_room(r);
}

/* RTCP's BYE ends a stream as TERMINATE does, where it was not said: what is held is played, nothing is made
 * up. */
static void bye_ends_what_is_held(void **state)
{
    struct room *r = open_room(usual());

    (void)state;
    run_until(r, 1);
    for (int i = 0; i < 3; i++) {
        r->sender.ssrc++;
        switch_on(r, true);
        run_until(r, 2 + i);
        rx_bye(r->rx, 0, r->sender.ssrc - 1); /* of the stream before */
        run_until(r, 2.1 + i);
        check_tone(r, 2 + i);
        if (i == 2)
            send_control(r, RTP_TYPE_TERMINATE);
        r->sender.on = false;
        rx_bye(r->rx, 0, r->sender.ssrc);
        run_until(r, 2.15 + i);
        assert_int_equal(status_of(r).state, RX_IDLE);
        assert_false(status_of(r).stream.locked);
    }
    assert_int_equal(status_of(r).starts, 3);
    assert_int_equal(status_of(r).concealed, 0);
    assert_true(largest_step(r) < 1.05);
    close_room(r);
}

/* The sender comes back at once with another rate, layout or codec. */
static void restarted_in_another_format(void **state)
{
    static const struct {
        uint32_t from_hz, to_hz;
        unsigned from, to;
        enum rtp_codec codec;
    } cases[] = {{48000, 48000, 2, 1, RTP_CODEC_L16}, {48000, 96000, 2, 2, RTP_CODEC_L24},
                 {96000, 48000, 2, 2, RTP_CODEC_L24}, {48000, 44100, 1, 2, RTP_CODEC_L24},
                 {48000, 48000, 2, 8, RTP_CODEC_L24}, {88200, 44100, 2, 2, RTP_CODEC_L16}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct room *r = open_room(usual());

        r->sender.rate_hz = cases[i].from_hz;
        r->sender.channels = cases[i].from;
        run_until(r, 1);
        switch_on(r, true);
        run_until(r, 2);
        r->sender.ssrc++;
        r->sender.rate_hz = cases[i].to_hz;
        r->sender.channels = cases[i].to;
        r->sender.codec = cases[i].codec;
        switch_on(r, true);
        run_until(r, 3.5);
        if (status_of(r).state != RX_PLAYING)
            print_message("%u -> %u Hz, %u -> %u channels: %s, %d packets late\n", cases[i].from_hz,
                          cases[i].to_hz, cases[i].from, cases[i].to, rx_state_name(status_of(r).state),
                          (int)status_of(r).late);
        check_tone(r, 3.3);
        assert_int_equal(status_of(r).starts, 2);
        assert_true(largest_step(r) < 1.1);
        close_room(r);
    }
}

/* Which channel of the stream comes out of which of the card. */
static void channels_are_mapped(void **state)
{
    static const struct {
        unsigned stream, card;
        int from[8]; /* the stream's channel for each of the card; -1: silence */
    } cases[] = {{1, 2, {0, 0}},
                 {2, 1, {0}},
                 {2, 4, {0, 1, -1, -1}},
                 {8, 2, {0, 1}},
                 {1, 8, {0, 0, 0, 0, 0, 0, 0, 0}},
                 {8, 8, {0, 1, 2, 3, 4, 5, 6, 7}}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rx_config config = usual();
        struct room *r;

        config.card_channels = cases[i].card;
        config.quality = RESAMPLE_FASTEST;
        r = open_room(config);
        r->sender.channels = cases[i].stream;
        for (unsigned c = 0; c < 8; c++)
            r->sender.hz[c] = 500 + 100 * c;
        run_until(r, 1);
        switch_on(r, true);
        run_until(r, 2);
        for (unsigned c = 0; c < cases[i].card; c++) {
            double hz = cases[i].from[c] < 0 ? 500 : 500 + 100 * cases[i].from[c];
            struct verdict v = listen_at(r, 1.9, c, hz);

            assert_true(fabs(v.level - (cases[i].from[c] < 0 ? 0 : LEVEL)) < 0.002);
            assert_true(v.residual_db < -70);
        }
        close_room(r);
    }
}

static void sixty_four_channels(void **state)
{
    struct rx_config config = usual();
    struct room *r;

    (void)state;
    config.card_channels = 64;
    config.quality = RESAMPLE_FASTEST;
    r = open_room(config);
    r->sender.channels = 64;
    r->sender.frames = 6;
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 1.6);
    assert_true(fabs(listen_at(r, 1.5, 63, 1000).level - LEVEL) < 0.002);
    assert_int_equal(status_of(r).concealed, 0);
    close_room(r);
}

/* A page of one channel to a card of 64: the same on all; and then on two, unlike each other. */
static void one_channel_to_sixty_four(void **state)
{
    static const struct voice_settings parted = {.route = {.count = 2, .entries = {{0, 0, 1}, {63, 0, 0.5f}}},
                                                 .gain = 1};
    struct rx_config config = usual();
    struct room *r;

    (void)state;
    config.card_channels = 64;
    r = open_room(config);
    r->sender.channels = 1;
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 1.6);
    assert_true(fabs(listen_at(r, 1.5, 0, 1000).level - LEVEL) < 0.002);
    for (int64_t i = 0; i < r->written; i++)
        for (unsigned c = 1; c < 64; c++)
            assert_true(r->heard[i * 64 + c] == r->heard[i * 64]);
    rx_set_voice(r->rx, 0, &parted);
    run_until(r, 2);
    assert_true(fabs(listen_at(r, 1.9, 0, 1000).level - LEVEL) < 0.002);
    assert_true(fabs(listen_at(r, 1.9, 63, 1000).level - LEVEL / 2) < 0.002);
    assert_true(listen_at(r, 1.9, 1, 1000).level == 0);
    close_room(r);
}

/* As much latency and delay as the status says there is room for, and too much. */
static void room_of_the_timeline_is_told(void **state)
{
    (void)state;
    for (int too_much = 0; too_much < 2; too_much++) {
        struct rx_config config = usual();
        struct room *r;

        config.quality = RESAMPLE_FASTEST;
        config.settings.delay_ns = 400 * NS_PER_MS;
        r = open_room(config);
        assert_int_equal(status_of(r).room_ns, 0);
        r->sender.channels = 64;
        r->sender.frames = 6;
        r->sender.link_ns = (too_much ? 200 : 112) * NS_PER_MS;
        run_until(r, 1);
        switch_on(r, true);
        run_until(r, 2.5);
        assert_int_equal(status_of(r).room_ns, 512 * NS_PER_MS);
        assert_int_equal(status_of(r).link_ns, r->sender.link_ns + config.settings.delay_ns);
        assert_true((status_of(r).early > 0) == (too_much > 0));
        if (!too_much)
            assert_int_equal(status_of(r).concealed, 0);
        close_room(r);
    }
}

static void cards_of_other_rates(void **state)
{
    static const struct {
        uint32_t card_hz, stream_hz;
    } cases[] = {{44100, 48000}, {96000, 48000}, {48000, 96000},
                 {44100, 96000}, {96000, 44100}, {44100, 88200}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rx_config config = usual();
        struct room *r;

        config.card_rate_hz = cases[i].card_hz;
        r = open_room(config);
        r->sender.rate_hz = cases[i].stream_hz;
        r->sender.link_ns = 15 * NS_PER_MS;
        run_until(r, 1);
        switch_on(r, true);
        run_until(r, 3);
        check_tone(r, 2.5);
        assert_true(listen_at(r, 2.5, 1, 1000).residual_db < -90);
        assert_int_equal(status_of(r).concealed, 0);
        close_room(r);
    }
}

static void gain_and_clipping(void **state)
{
    static const double gains[] = {0, 0.5, 2, 5};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct rx_config config = usual();
        struct room *r;

        config.settings.gain = gains[i];
        r = open_room(config);
        run_until(r, 1);
        switch_on(r, true);
        run_until(r, 2);
        assert_true(fabs(listen_at(r, 1.8, 0, 1000).level - LEVEL * gains[i]) < 0.002);
        if (gains[i] > 4) /* beyond full scale for a good part of each period */
            assert_in_range(status_of(r).clipped, 2 * 48000 * 0.2, 2 * 48000 * 0.9);
        else
            assert_int_equal(status_of(r).clipped, 0);
        close_room(r);
    }
}

static void own_delay_is_added(void **state)
{
    struct rx_config config = usual();
    struct room *r;

    (void)state;
    config.settings.delay_ns = 7 * NS_PER_MS + 123456;
    r = open_room(config);
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 3);
    check_tone(r, 2.5); /* which counts the delay in */
    assert_int_equal(status_of(r).link_ns, 17 * NS_PER_MS + 123456);
    close_room(r);
}

static void plain_stream_plays(void **state)
{
    struct rx_config config = usual();
    struct room *r;

    (void)state;
    config.plain = true;
    config.codec = RTP_CODEC_L16;
    config.rate_hz = 44100;
    config.channels = 1;
    config.link_ns = 10 * NS_PER_MS;
    r = open_room(config);
    r->sender.plain = true;
    r->sender.codec = RTP_CODEC_L16;
    r->sender.rate_hz = 44100;
    r->sender.channels = 1;
    run_until(r, 1);
    switch_on(r, false);
    run_until(r, 3);
    check_tone(r, 2.5);
    assert_int_equal(status_of(r).starts, 1);
    close_room(r);
}

/* The receiver is told, in the middle of a stream, that another one is to be played. */
static void described_anew(void **state)
{
    const struct stream_description plain = {
        .plain = true,
        .claim = {.codec = RTP_CODEC_L16, .rate_hz = 44100, .channels = 1, .link_ns = 10 * NS_PER_MS},
        .media_offset = 0,
    };
    const struct stream_description ours = {.ext_id = RTP_EXT_ID_DEFAULT};
    struct room *r = open_room(usual());
    struct sender before = r->sender;

    (void)state;
    rx_describe(r->rx, 0, &ours); /* before there is anything */
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 2);
    check_tone(r, 1.8);
    rx_describe(r->rx, 0, &plain);
    r->sender.plain = true;
    r->sender.ssrc++;
    r->sender.codec = RTP_CODEC_L16;
    r->sender.rate_hz = 44100;
    r->sender.channels = 1;
    switch_on(r, false);
    run_until(r, 3.5);
    check_tone(r, 3.3);
    assert_int_equal(status_of(r).starts, 2);
    assert_int_equal(status_of(r).stream.claim.rate_hz, 44100);
    /* and back; there, nothing comes */
    rx_describe(r->rx, 0, &ours);
    run_until(r, 4);
    check_silence(r, 3.6, 3.9);
    assert_int_equal(status_of(r).state, RX_IDLE);
    assert_true(status_of(r).foreign > 0); /* packets without the extension are not ours any more */
    r->sender = before;
    switch_on(r, false);
    run_until(r, 5.5);
    check_tone(r, 5.3);
    assert_int_equal(status_of(r).starts, 3);
    assert_true(largest_step(r) < 1.1);
    close_room(r);
}

static void described_anew_while_it_ends(void **state)
{
    const struct stream_description ours = {.ext_id = RTP_EXT_ID_DEFAULT};
    struct room *r = open_room(usual());

    (void)state;
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 2);
    rx_stop(r->rx);
    rx_describe(r->rx, 0, &ours);
    run_until(r, 2.5);
    assert_true(rx_ended(r->rx));
    close_room(r);
}

static void status_tells_the_truth(void **state)
{
    struct room *r = open_room(usual());
    struct rx_distributions before, after;
    struct rx_status s;
    double lead_us;

    (void)state;
    rx_get_distributions(r->rx, 0, &before);
    s = status_of(r);
    assert_int_equal(s.state, RX_IDLE);
    assert_true(isnan(s.lead_min_ms));
    assert_true(isinf(s.queued_min_ms));
    run_until(r, 1);
    switch_on(r, true);
    run_until(r, 6);
    s = status_of(r);
    assert_true(fabs(s.card_ppm - 30) < 0.2);
    assert_true(s.card_sigma_ns > 0 && s.card_sigma_ns < 500);
    assert_true(fabs(s.resample_ppm + 30) < 11); /* the inverse, and what steers */
    assert_true(fabs(s.error_ns) < 500 && s.error_worst_ns >= fabs(s.error_ns));
    assert_int_equal(s.stream.counters.received, s.datagrams);
    assert_int_equal(s.stream.counters.lost, 0);
    /* sent a packet time after its first sample, and found at the next cycle */
    assert_true(s.lead_min_ms < 9.01 && s.lead_min_ms > 7);
    assert_true(s.queued_min_ms > 0 && s.queued_min_ms < 9);
    assert_true(s.lead_need_ms > 0 && s.lead_need_ms < s.lead_min_ms);
    rx_get_distributions(r->rx, 0, &after);
    lead_us = distribution_quantile(&after.leads_us, &before.leads_us, 0.5);
    assert_true(lead_us > s.lead_min_ms * 960 && lead_us < 9050 * 1.04);
    assert_true(distribution_magnitude(&after.errors_ns, &before.errors_ns, 1) < 1.04 * s.error_worst_ns + 1);
    assert_true(distribution_magnitude(&after.errors_ns, &before.errors_ns, 1) > 0.96 * s.error_worst_ns - 1);
    for (unsigned c = 0; c < 2; c++)
        assert_true(fabs((double)s.peaks[c] - LEVEL) < 0.01 * LEVEL);
    rx_clear_extremes(r->rx);
    s = status_of(r);
    assert_true(s.peaks[0] == 0 && s.peaks[1] == 0 && s.peaks[2] == 0);
    assert_true(s.error_worst_ns == 0 && isinf(s.queued_min_ms) && isnan(s.lead_min_ms));
    run_until(r, 6.1);
    s = status_of(r);
    assert_true(s.queued_min_ms > 0 && s.queued_min_ms < 10);
    close_room(r);
}

static void wake_ups_are_dithered(void **state)
{
    struct rx_config config = usual();
    struct rx *a = rx_create(&config), *b, *same;
    int64_t least = INT64_MAX, most = 0, differ = 0;
    raw_ns now = {RAW0};

    (void)state;
    same = rx_create(&config);
    config.seed++;
    config.seed *= 3;
    b = rx_create(&config);
    for (int i = 0; i < 10000; i++) {
        int64_t wait = rx_deadline(a, now).ns - now.ns;

        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
        assert_int_equal(rx_deadline(same, now).ns - now.ns, wait);
        differ += rx_deadline(b, now).ns - now.ns != wait;
    }
    assert_in_range(least, 750000, 760000);
    assert_in_range(most, 1240000, 1250000);
    assert_true(differ > 9900);
    rx_destroy(a);
    rx_destroy(b);
    rx_destroy(same);
}

/* Packets lost all the time, in every pattern: nothing is too loud, nothing clicks, and it stays in step. */
static void heavy_loss_is_survived(void **state)
{
    struct room *r = open_room(usual());
    uint64_t random = 99;
    double loudest = 0;

    (void)state;
    r->sender.frames = 6;
    run_until(r, 1);
    switch_on(r, true);
    while (r->now < 4 * NS_PER_S) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        if ((random >> 20) % 2 && r->now > 1500 * NS_PER_MS) { /* this one never arrives */
            r->sender.next += 6;
            r->sender.sequence++;
        }
        cycle(r);
    }
    run_until(r, 5);
    for (int64_t k = 0; k < r->written * 2; k++)
        loudest = fmax(loudest, fabs((double)r->heard[k]));
    print_message("loudest %.2f of the tone, %d frames concealed\n", loudest / LEVEL,
                  (int)status_of(r).concealed);
    assert_true(loudest < 2 * LEVEL);
    assert_int_equal(status_of(r).starts, 1);
    assert_true(status_of(r).concealed > 5000);
    assert_true(status_of(r).stream.counters.lost > 800);
    check_tone(r, 4.9);
    close_room(r);
}

/* The counting allocator itself: what create() does is seen. */
static void creation_allocates_and_running_does_not(void **state)
{
    struct rx_config config = usual();
    struct rx *rx;

    (void)state;
    if (!COUNTS_ALLOCATIONS)
        skip();
    allocations = 0;
    rx = rx_create(&config);
    assert_true(allocations > 5);
    rx_destroy(rx); /* that nothing is while it runs, each cycle above has checked */
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(rx_state_name(RX_IDLE), "idle");
    assert_string_equal(rx_state_name(RX_ARMED), "armed");
    assert_string_equal(rx_state_name(RX_PLAYING), "playing");
    assert_string_equal(rx_state_name(RX_FADING), "fading");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_is_a_little_silence),
        cmocka_unit_test(tiny_card_is_not_overfilled),
        cmocka_unit_test(no_room_no_frames),
        cmocka_unit_test(room_of_a_few_frames_is_enough),
        cmocka_unit_test(xrun_before_any_stream),
        cmocka_unit_test(unplugged_card_is_no_xrun),
        cmocka_unit_test(xrun_while_armed),
        cmocka_unit_test(xrun_while_playing_comes_back),
        cmocka_unit_test(xrun_of_a_coarse_card_is_not_answered_with_a_guess),
        cmocka_unit_test(jump_of_the_card_is_faded_over),
        cmocka_unit_test(xrun_while_ending_ends),
        cmocka_unit_test(stop_while_idle),
        cmocka_unit_test(stop_while_armed),
        cmocka_unit_test(stop_while_playing_fades),
        cmocka_unit_test(stop_while_fading),
        cmocka_unit_test(stop_whatever_is_said_to_be_queued),
        cmocka_unit_test(lost_clock_fades_and_returns),
        cmocka_unit_test(doubtful_clock_plays_on),
        cmocka_unit_test(lost_clock_mutes_where_wanted),
        cmocka_unit_test(stream_given_up_is_not_started),
        cmocka_unit_test(refused_stream_is_silence),
        cmocka_unit_test(no_clock_at_all),
        cmocka_unit_test(clock_step_fades_and_returns),
        cmocka_unit_test(announced_and_never_heard),
        cmocka_unit_test(sender_pauses),
        cmocka_unit_test(terminated_then_started_at_once),
        cmocka_unit_test(pages_under_one_ssrc),
        cmocka_unit_test(bye_ends_what_is_held),
        cmocka_unit_test(restarted_in_another_format),
        cmocka_unit_test(channels_are_mapped),
        cmocka_unit_test(sixty_four_channels),
        cmocka_unit_test(one_channel_to_sixty_four),
        cmocka_unit_test(room_of_the_timeline_is_told),
        cmocka_unit_test(cards_of_other_rates),
        cmocka_unit_test(gain_and_clipping),
        cmocka_unit_test(own_delay_is_added),
        cmocka_unit_test(plain_stream_plays),
        cmocka_unit_test(described_anew),
        cmocka_unit_test(described_anew_while_it_ends),
        cmocka_unit_test(status_tells_the_truth),
        cmocka_unit_test(wake_ups_are_dithered),
        cmocka_unit_test(heavy_loss_is_survived),
        cmocka_unit_test(creation_allocates_and_running_does_not),
        cmocka_unit_test(states_have_names),
    };

    return cmocka_run_group_tests_name("rx", tests, NULL, NULL);
}
