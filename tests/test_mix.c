// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Several streams in one receiver: mixed into one card, each where its own clock-true timeline has it; pages
 * that duck programmes; and what a user changes while they sound. Virtual time, an exact card; each stream is
 * a tone of its own, so that everything is judged by what left the converter.
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
#define LEVEL 0.05

enum { RATE = 48000, WIDTH = 2, CARD_FRAMES = 8192, HEARD_MAX = 1 << 19, SENDERS_MAX = 8 };

struct sender {
    bool on;
    uint32_t rate_hz;
    double hz;
    int64_t link_ns, next;
    int64_t late_ns; /* it sends so much later than it could */
    unsigned frames;
    uint16_t sequence;
    uint8_t priority;
};

struct room {
    struct rx *rx;
    unsigned voices;
    struct clock_map map;
    int64_t now; /* raw, since RAW0 */
    struct sender senders[SENDERS_MAX];
    bool card_runs;
    double card_ppm, card_t0;
    int64_t written;
    float *heard;
    double *heard_at; /* raw since RAW0 */
    float *block;
    unsigned ear; /* the channel of the card that is listened to */
    struct rx_settings settings;
};

static struct room *open_room(unsigned voices)
{
    const struct rx_config config = {
        .card_rate_hz = RATE,
        .card_channels = WIDTH,
        .card_frames = CARD_FRAMES,
        .quality = RESAMPLE_MEDIUM,
        .voices = voices,
        .settings = {.gain = 1},
        .duck = {-20, 20 * NS_PER_MS, 200 * NS_PER_MS},
        .seed = 7,
    };
    struct room *r = calloc(1, sizeof *r);

    assert_non_null(r);
    r->voices = voices;
    r->settings = config.settings;
    r->map = (struct clock_map){.raw0 = {RAW0}, .ptp0 = {PTP0}, .state = MEDIA_CLOCK_LOCKED, .epoch = 1};
    r->card_ppm = 35;
    r->heard = calloc((size_t)HEARD_MAX * WIDTH, sizeof *r->heard);
    r->heard_at = calloc(HEARD_MAX, sizeof *r->heard_at);
    r->block = calloc((size_t)CARD_FRAMES * WIDTH, sizeof *r->block);
    r->rx = rx_create(&config);
    assert_non_null(r->heard);
    assert_non_null(r->heard_at);
    assert_non_null(r->block);
    assert_non_null(r->rx);
    for (unsigned i = 0; i < SENDERS_MAX; i++)
        r->senders[i] =
            (struct sender){.rate_hz = RATE, .hz = 500 + 250 * i, .link_ns = 10 * NS_PER_MS, .frames = 48};
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

static struct rx_status status_of(const struct room *r, unsigned voice)
{
    struct rx_status status;

    rx_get_status(r->rx, voice, &status);
    return status;
}

static void say(struct room *r, unsigned voice, enum rtp_type type)
{
    struct sender *s = &r->senders[voice];
    struct rtp_packet packet = {
        .ssrc = 0x1000 + voice,
        .sequence = s->sequence++,
        .timestamp = (uint32_t)(uint64_t)s->next,
        .payload_type = type == RTP_TYPE_AUDIO ? RTP_PT_L24 : RTP_PT_CONTROL,
        .has_ext = true,
        .ext = {.presentation = {ptp_at_media((media_t){s->next}, s->rate_hz).ns + s->link_ns},
                .type = (uint8_t)type,
                .codec = RTP_CODEC_L24,
                .channels = 1,
                .priority = s->priority,
                .rate_hz = s->rate_hz},
    };
    uint8_t bytes[RTP_DATAGRAM_MAX];
    float sound[256];
    size_t length = rtp_header_bytes(true);

    rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
    if (type == RTP_TYPE_AUDIO) {
        for (unsigned i = 0; i < s->frames; i++) {
            double turns = (double)((s->next + i) % ((int64_t)s->rate_hz * 1000)) * s->hz / s->rate_hz;

            sound[i] = (float)(LEVEL * sin(2 * M_PI * (turns - floor(turns))));
        }
        pcm_encode(RTP_CODEC_L24, sound, bytes + length, s->frames);
        length += (size_t)s->frames * 3;
        s->next += s->frames;
    }
    rx_datagram(r->rx, voice, &r->map, bytes, length, (raw_ns){RAW0 + r->now}, 10 + voice);
}

static double period_ns(const struct room *r)
{
    return 1e9 / (RATE * (1 + r->card_ppm * 1e-6));
}

/* The card stops; what it held is never heard. */
static void stop_card(struct room *r)
{
    int64_t played = (int64_t)floor(((double)r->now - r->card_t0) / period_ns(r));

    for (int64_t k = played; k < r->written; k++)
        r->heard_at[k] = -INFINITY;
    r->card_runs = false;
    rx_card_stopped(r->rx, true);
}

/* From now on; the first sample is taken `lead_ns` from now. */
static void switch_on(struct room *r, unsigned voice, int64_t lead_ns)
{
    struct sender *s = &r->senders[voice];

    s->next = media_at_ptp((ptp_ns){PTP0 + r->now + lead_ns}, s->rate_hz).n;
    s->on = true;
    say(r, voice, RTP_TYPE_INIT);
}

static void switch_off(struct room *r, unsigned voice)
{
    r->senders[voice].on = false;
    say(r, voice, RTP_TYPE_TERMINATE);
}

static void cycle(struct room *r)
{
    int64_t queued = 0;
    size_t frames;

    for (unsigned i = 0; i < r->voices; i++) {
        struct sender *s = &r->senders[i];

        while (s->on &&
               ptp_at_media((media_t){s->next + s->frames}, s->rate_hz).ns <= PTP0 + r->now - s->late_ns)
            say(r, i, RTP_TYPE_AUDIO);
    }
    if (r->card_runs) {
        queued = r->written - (int64_t)floor(((double)r->now - r->card_t0) / period_ns(r));
        assert_true(queued > 0); /* it never runs dry */
        rx_card(r->rx, (raw_ns){RAW0 + r->now + 60}, queued);
    }
    frames = rx_render(r->rx, &r->map, (size_t)(CARD_FRAMES - queued), r->block);
    assert_true((int64_t)frames <= CARD_FRAMES - queued);
    if (!r->card_runs && frames) {
        r->card_runs = true;
        r->card_t0 = (double)r->now + 5000 - (double)r->written * period_ns(r);
    }
    assert_true(r->written + (int64_t)frames < HEARD_MAX);
    memcpy(r->heard + r->written * WIDTH, r->block, frames * WIDTH * sizeof *r->heard);
    for (size_t i = 0; i < frames; i++, r->written++)
        r->heard_at[r->written] = r->card_t0 + (double)r->written * period_ns(r);
    r->now = rx_deadline(r->rx, (raw_ns){RAW0 + r->now}).ns - RAW0;
}

static void run_until(struct room *r, double second)
{
    while ((double)r->now < second * 1e9)
        cycle(r);
}

/* ---- the ears */

struct heard {
    double level, late_ns;
};

/* A voice's tone in `length_s` of one channel around an instant, which hold whole periods of all tones. */
static struct heard listen(const struct room *r, double second, double length_s, unsigned voice)
{
    const struct sender *s = &r->senders[voice];
    double sine = 0, cosine = 0;
    int64_t n = 0;

    for (int64_t k = 0; k < r->written; k++) {
        double since = r->heard_at[k], x = (double)r->heard[k * WIDTH + r->ear], turns;

        if (since < (second - length_s / 2) * 1e9 || since >= (second + length_s / 2) * 1e9)
            continue;
        turns = (since - (double)(s->link_ns + r->settings.delay_ns)) * 1e-9 * s->hz;
        sine += x * sin(2 * M_PI * turns);
        cosine += x * cos(2 * M_PI * turns);
        n++;
    }
    return (struct heard){2 * hypot(sine, cosine) / (double)(n ? n : 1),
                          -atan2(cosine, sine) / (2 * M_PI * s->hz) * 1e9};
}

/* In place, to 1.5 us, at `gain`. */
static void check_tone(const struct room *r, double second, unsigned voice, double gain)
{
    struct heard h = listen(r, second, 0.04, voice);

    if (fabs(h.level - LEVEL * gain) > 0.01 * LEVEL || (gain > 0 && fabs(h.late_ns) > 1500))
        print_message("at %.3f s, voice %u: level %.5f, %.0f ns late\n", second, voice, h.level, h.late_ns);
    assert_true(fabs(h.level - LEVEL * gain) < 0.01 * LEVEL);
    if (gain > 0)
        assert_true(fabs(h.late_ns) < 1500);
}

/* The largest second difference between two instants, in parts of that of the given tones at full level. */
static double kink(const struct room *r, double from, double to, const unsigned *voices, unsigned count)
{
    double worst = 0, own = 0, where = 0;

    for (int64_t k = 2; k < r->written; k++) {
        const float *x = r->heard + k * WIDTH + r->ear;

        if (r->heard_at[k] < from * 1e9 || r->heard_at[k] >= to * 1e9)
            continue;
        if (fabs((double)x[0] - 2 * (double)x[-WIDTH] + (double)x[-2 * WIDTH]) > worst) {
            worst = fabs((double)x[0] - 2 * (double)x[-WIDTH] + (double)x[-2 * WIDTH]);
            where = r->heard_at[k];
        }
    }
    for (unsigned i = 0; i < count; i++)
        own += LEVEL * pow(2 * sin(M_PI * r->senders[voices[i]].hz / RATE), 2);
    if (worst / own > 1.1)
        print_message("a kink of %.3f at %.4f s\n", worst / own, where * 1e-9);
    return worst / own;
}

/* ---- tests */

static void eight_streams_are_mixed_in_place(void **state)
{
    static const uint32_t rates[] = {48000, 44100, 96000, 48000, 88200, 48000, 44100, 48000};
    struct room *r = open_room(8);

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        r->senders[i].rate_hz = rates[i];
        r->senders[i].link_ns = (10 + 7 * (int64_t)i) * NS_PER_MS;
        r->senders[i].frames = i % 2 ? 12 : 48;
    }
    run_until(r, 0.5);
    for (unsigned i = 0; i < 8; i++) {
        switch_on(r, i, 100 * NS_PER_MS);
        run_until(r, 0.5 + 0.05 * (i + 1));
    }
    run_until(r, 2);
    for (unsigned i = 0; i < 8; i++) {
        check_tone(r, 1.5, i, 1);
        assert_int_equal(status_of(r, i).state, RX_PLAYING);
        assert_int_equal(status_of(r, i).concealed, 0);
        assert_int_equal(status_of(r, i).starts, 1);
        assert_true(fabs(status_of(r, i).error_ns) < 500);
    }
    close_room(r);
}

/* Each alone, and both in one: the sum, to the last bit of float. */
static void a_mix_is_the_sum(void **state)
{
    struct room *rooms[3];

    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        struct room *r = rooms[k] = open_room(2);

        run_until(r, 0.5);
        for (unsigned i = 0; i < 2; i++) {
            switch_on(r, i, 100 * NS_PER_MS);
            if (k < 2 && i != k) { /* announced, so that the card is treated alike, and mute */
                const struct voice_settings mute = {.gain = 1, .mute = true};

                rx_set_voice(r->rx, i, &mute);
            }
        }
        run_until(r, 1);
    }
    assert_int_equal(rooms[0]->written, rooms[2]->written);
    for (int64_t i = 0; i < rooms[2]->written * WIDTH; i++)
        assert_true(rooms[2]->heard[i] == rooms[0]->heard[i] + rooms[1]->heard[i]);
    for (unsigned k = 0; k < 3; k++)
        close_room(rooms[k]);
}

/* A page to a receiver whose programme would let the card hold 80 ms: all of it is heard. */
static void a_page_begins_with_its_first_sample(void **state)
{
    struct room *r = open_room(2);
    double first;
    int64_t k = 0;

    (void)state;
    r->senders[0].link_ns = 80 * NS_PER_MS;
    r->senders[1].priority = RTP_PRIORITY_PAGE;
    run_until(r, 0.5);
    rx_offer(r->rx, 1, 9 * NS_PER_MS);
    switch_on(r, 0, 100 * NS_PER_MS);
    run_until(r, 1);
    switch_on(r, 1, 0);
    first = (double)ptp_at_media((media_t){r->senders[1].next}, RATE).ns - (double)PTP0 + 10e6;
    run_until(r, 2);
    assert_int_equal(status_of(r, 1).starts, 1);
    assert_int_equal(status_of(r, 1).late, 0);
    /* from the end of its fade-in on, 5 ms later, it is whole */
    while (k < r->written && r->heard_at[k] < first)
        k++;
    check_tone(r, first * 1e-9 + 0.026, 1, 1);
    close_room(r);
}

static void a_page_ducks_the_programme(void **state)
{
    static const unsigned both[] = {0, 1};
    struct room *r = open_room(2);

    (void)state;
    r->senders[1].priority = RTP_PRIORITY_PAGE;
    run_until(r, 0.5);
    switch_on(r, 0, 100 * NS_PER_MS);
    run_until(r, 1);
    switch_on(r, 1, 100 * NS_PER_MS);
    run_until(r, 2);
    check_tone(r, 1.05, 0, 1);
    check_tone(r, 1.5, 0, 0.1);
    check_tone(r, 1.5, 1, 1);
    assert_true(fabs(status_of(r, 0).ducked_db + 20) < 0.01);
    assert_true(status_of(r, 1).page && status_of(r, 1).ducked_db == 0);
    switch_off(r, 1);
    run_until(r, 3);
    check_tone(r, 2.9, 0, 1);
    check_tone(r, 2.9, 1, 0);
    assert_true(kink(r, 0.7, 2.9, both, 2) < 1.1);
    close_room(r);
}

static void a_muted_page_ducks_nobody(void **state)
{
    const struct voice_settings mute = {.gain = 1, .mute = true};
    struct room *r = open_room(2);

    (void)state;
    r->senders[1].priority = RTP_PRIORITY_PAGE;
    rx_set_voice(r->rx, 1, &mute);
    run_until(r, 0.5);
    switch_on(r, 0, 100 * NS_PER_MS);
    switch_on(r, 1, 100 * NS_PER_MS);
    run_until(r, 1.5);
    check_tone(r, 1.4, 0, 1);
    check_tone(r, 1.4, 1, 0);
    close_room(r);
}

/* The talker drops dead in mid-word. */
static void a_dead_talker_ends_in_a_fade(void **state)
{
    static const unsigned both[] = {0, 1};
    struct room *r = open_room(2);

    (void)state;
    r->senders[1].priority = RTP_PRIORITY_PAGE;
    run_until(r, 0.5);
    switch_on(r, 0, 100 * NS_PER_MS);
    switch_on(r, 1, 100 * NS_PER_MS);
    run_until(r, 1.5);
    r->senders[1].on = false;
    run_until(r, 2.5);
    check_tone(r, 1.4, 0, 0.1);
    check_tone(r, 1.7, 1, 0);
    check_tone(r, 2.4, 0, 1);
    assert_int_equal(status_of(r, 0).concealed, 0);
    assert_int_equal(status_of(r, 1).state, RX_IDLE);
    assert_true(kink(r, 0.7, 2.4, both, 2) < 1.1);
    close_room(r);
}

/* What waits in the card while another stream ends, by a goodbye or without, and is waited for. */
static void an_end_does_not_drain_the_card(void **state)
{
    (void)state;
    for (int dies = 0; dies < 2; dies++) {
        struct room *r = open_room(2);

        for (unsigned i = 0; i < 2; i++)
            r->senders[i].link_ns = 60 * NS_PER_MS;
        run_until(r, 0.5);
        switch_on(r, 0, 100 * NS_PER_MS);
        switch_on(r, 1, 100 * NS_PER_MS);
        run_until(r, 1.5);
        rx_clear_extremes(r->rx);
        if (dies)
            r->senders[1].on = false;
        else
            switch_off(r, 1);
        run_until(r, 2);
        /* what is left of 60 ms where nothing can still come; else until the hole was heard, and no longer */
        assert_true(status_of(r, 0).queued_min_ms > (dies ? 0.9 : 50));
        rx_clear_extremes(r->rx);
        run_until(r, 2.5);
        assert_true(status_of(r, 0).queued_min_ms > 50);
        assert_int_equal(status_of(r, 0).concealed, 0);
        assert_int_equal(status_of(r, 0).starts, 1);
        check_tone(r, 2.4, 0, 1);
        close_room(r);
    }
}

/* Its packets stop for longer than concealment lasts, less than a stream takes to end, and go on. */
static void a_short_stream_finds_back_beside_a_long_one(void **state)
{
    struct room *r = open_room(2);

    (void)state;
    r->senders[0].link_ns = 80 * NS_PER_MS;
    r->senders[1].priority = RTP_PRIORITY_PAGE;
    run_until(r, 0.5);
    switch_on(r, 0, 100 * NS_PER_MS);
    switch_on(r, 1, 100 * NS_PER_MS);
    run_until(r, 1.5);
    r->senders[1].on = false;
    run_until(r, 1.55);
    r->senders[1].next = media_at_ptp((ptp_ns){PTP0 + r->now}, RATE).n;
    r->senders[1].on = true;
    run_until(r, 2.5);
    check_tone(r, 1.4, 1, 1);
    check_tone(r, 1.75, 1, 1);
    check_tone(r, 2.4, 1, 1);
    check_tone(r, 2.4, 0, 0.1);
    assert_int_equal(status_of(r, 0).concealed, 0);
    assert_int_equal(status_of(r, 0).starts, 1);
    close_room(r);
}

/* Its packets are all too late, whether it began so or came to it; the others keep what waits in the card. */
static void a_hopeless_stream_is_not_waited_for(void **state)
{
    (void)state;
    for (int played = 0; played < 2; played++) {
        struct room *r = open_room(2);
        double worst_ms = 1e9;

        r->senders[0].link_ns = 60 * NS_PER_MS;
        run_until(r, 0.5);
        switch_on(r, 0, 100 * NS_PER_MS);
        run_until(r, 1);
        r->senders[1].late_ns = played ? 0 : 15 * NS_PER_MS;
        switch_on(r, 1, 100 * NS_PER_MS);
        run_until(r, 1.5);
        r->senders[1].late_ns = 15 * NS_PER_MS;
        run_until(r, 2);
        rx_clear_extremes(r->rx);
        run_until(r, 3);
        worst_ms = status_of(r, 0).queued_min_ms;
        if (worst_ms < 40)
            print_message("played %d: %.2f ms\n", played, worst_ms);
        assert_true(worst_ms > 40);
        /* and when it sends in time again, it is heard */
        r->senders[1].late_ns = 0;
        run_until(r, 6);
        check_tone(r, 5.9, 1, 1);
        check_tone(r, 5.9, 0, 1);
        assert_int_equal(status_of(r, 0).concealed, 0);
        close_room(r);
    }
}

/* What came while the card was found again is there: its latency is not waited for once more. */
static void an_xrun_costs_no_latency(void **state)
{
    struct room *r = open_room(1);

    (void)state;
    r->senders[0].link_ns = 500 * NS_PER_MS;
    run_until(r, 0.5);
    switch_on(r, 0, 100 * NS_PER_MS);
    run_until(r, 2);
    stop_card(r);
    run_until(r, 2.5);
    check_tone(r, 2.1, 0, 1);
    check_tone(r, 2.45, 0, 1);
    assert_int_equal(status_of(r, 0).starts, 2);
    assert_int_equal(status_of(r, 0).late, 0);
    close_room(r);
}

/* A receiver with a delay of its own still has words to play when the talker has ended and begins again. */
static void a_page_begins_behind_the_end_of_the_last(void **state)
{
    static const unsigned one[] = {1};
    struct room *r = open_room(2);

    (void)state;
    r->senders[1].priority = RTP_PRIORITY_PAGE;
    r->settings.delay_ns = 400 * NS_PER_MS;
    rx_set(r->rx, &r->settings);
    run_until(r, 0.5);
    switch_on(r, 1, 100 * NS_PER_MS);
    run_until(r, 1.5);
    switch_off(r, 1);
    run_until(r, 1.6);
    switch_on(r, 1, 0);
    run_until(r, 3);
    check_tone(r, 1.85, 1, 1);
    check_tone(r, 1.97, 1, 0);
    check_tone(r, 2.1, 1, 1);
    check_tone(r, 2.9, 1, 1);
    assert_int_equal(status_of(r, 1).starts, 1);
    assert_int_equal(status_of(r, 1).concealed, 0);
    assert_true(kink(r, 0.7, 2.9, one, 1) < 1.1);
    close_room(r);
}

/* A page ends and begins again so much later: the second is whole, for the card did not fill up between them.
 */
static void page_after(double gap_s)
{
    struct room *r = open_room(2);
    double first;

    r->senders[0].link_ns = 80 * NS_PER_MS;
    r->senders[1].priority = RTP_PRIORITY_PAGE;
    run_until(r, 0.5);
    rx_offer(r->rx, 1, 9 * NS_PER_MS);
    switch_on(r, 0, 100 * NS_PER_MS);
    run_until(r, 1);
    switch_on(r, 1, 0);
    run_until(r, 1.5);
    switch_off(r, 1);
    run_until(r, 1.5 + gap_s);
    switch_on(r, 1, 0);
    first = (double)ptp_at_media((media_t){r->senders[1].next}, RATE).ns - (double)PTP0 + 10e6;
    run_until(r, 2);
    assert_int_equal(status_of(r, 1).late, 0);
    check_tone(r, first * 1e-9 + 0.026, 1, 1);
    close_room(r);
}

static void a_page_soon_after_another_is_whole(void **state)
{
    (void)state;
    for (double gap_s = 0.002; gap_s < 0.04; gap_s += 0.002)
        page_after(gap_s);
}

/* A duck that is told another depth, shallower or none at all, goes there, and up again. */
static void a_duck_may_be_changed_while_down(void **state)
{
    struct room *r = open_room(2);

    (void)state;
    r->senders[1].priority = RTP_PRIORITY_PAGE;
    run_until(r, 0.5);
    switch_on(r, 0, 100 * NS_PER_MS);
    switch_on(r, 1, 100 * NS_PER_MS);
    run_until(r, 1.2);
    check_tone(r, 1.1, 0, 0.1);
    rx_set_duck(r->rx, &(struct duck_config){0, 20 * NS_PER_MS, 200 * NS_PER_MS});
    run_until(r, 1.7);
    check_tone(r, 1.6, 0, 1);
    close_room(r);
}

/* Another stream may come and go as it likes. */
static void the_others_are_undisturbed(void **state)
{
    struct room *r = open_room(3);

    (void)state;
    run_until(r, 0.5);
    switch_on(r, 0, 100 * NS_PER_MS);
    for (int round = 0; round < 8; round++) {
        switch_on(r, 1, (round % 3) * 40 * NS_PER_MS);
        run_until(r, 1 + 0.4 * round);
        if (round % 2)
            switch_off(r, 1);
        else
            r->senders[1].on = false;
        run_until(r, 1.2 + 0.4 * round);
    }
    assert_int_equal(status_of(r, 0).starts, 1);
    assert_int_equal(status_of(r, 0).concealed, 0);
    assert_true(status_of(r, 1).starts == 8);
    for (int round = 0; round < 8; round++) {
        check_tone(r, 0.97 + 0.4 * round, 0, 1);
        check_tone(r, 1.17 + 0.4 * round, 0, 1);
    }
    close_room(r);
}

static void a_delay_changes_by_a_crossfade(void **state)
{
    static const unsigned one[] = {0};
    static const int64_t delays_ns[] = {2500000, 500000000, 499979167, 3000000, 0, 1000000000, 7};
    struct room *r = open_room(1);
    double t = 1;

    (void)state;
    run_until(r, 0.5);
    switch_on(r, 0, 100 * NS_PER_MS);
    run_until(r, 1);
    check_tone(r, 0.9, 0, 1);
    for (size_t i = 0; i < sizeof delays_ns / sizeof *delays_ns; i++) {
        r->settings.delay_ns = delays_ns[i];
        rx_set(r->rx, &r->settings);
        run_until(r, t + 1.2);
        check_tone(r, t + 1.1, 0, 1);
        t += 1.2;
    }
    assert_int_equal(status_of(r, 0).starts, 1);
    assert_int_equal(status_of(r, 0).concealed, 0);
    /* where the two cancel each other the curve bends, but nowhere more than the tone's own */
    assert_true(kink(r, 0.7, t, one, 1) < 1.1);
    close_room(r);
}

static void gains_and_mute_are_ramps(void **state)
{
    static const unsigned one[] = {0};
    struct voice_settings voice = {.gain = 1};
    struct room *r = open_room(1);

    (void)state;
    run_until(r, 0.5);
    switch_on(r, 0, 100 * NS_PER_MS);
    run_until(r, 1);
    voice.gain = 0.5;
    rx_set_voice(r->rx, 0, &voice);
    run_until(r, 1.3);
    r->settings.gain = 0.5;
    rx_set(r->rx, &r->settings);
    run_until(r, 1.6);
    voice.mute = true;
    rx_set_voice(r->rx, 0, &voice);
    run_until(r, 1.9);
    voice.mute = false;
    r->settings.mute = true;
    rx_set_voice(r->rx, 0, &voice);
    rx_set(r->rx, &r->settings);
    run_until(r, 2.2);
    r->settings = (struct rx_settings){.gain = 1};
    rx_set(r->rx, &r->settings);
    run_until(r, 2.6);
    check_tone(r, 1.2, 0, 0.5);
    check_tone(r, 1.5, 0, 0.25);
    check_tone(r, 1.8, 0, 0);
    check_tone(r, 2.1, 0, 0);
    check_tone(r, 2.5, 0, 0.5);
    assert_true(kink(r, 0.7, 2.6, one, 1) < 1.1);
    close_room(r);
}

/* Whatever else is set while a route goes over, its 10 ms are not begun anew. */
static void settings_do_not_hold_up_a_route(void **state)
{
    struct voice_settings voice = {.gain = 1};
    struct room *r = open_room(1);

    (void)state;
    run_until(r, 0.5);
    switch_on(r, 0, 100 * NS_PER_MS);
    run_until(r, 1);
    voice.route = (struct route){.count = 1, .entries = {{0, 0, 0.5f}}};
    for (double second = 1; second < 1.2; second += 0.001) {
        rx_set_voice(r->rx, 0, &voice);
        run_until(r, second);
    }
    check_tone(r, 1.042, 0, 0.5);
    close_room(r);
}

/*
 * A mono stream to both channels, which then part, join and fall silent: no click, and the channel whose part
 * of the route does not change is the same as without, to the least of 16 bits.
 */
static void a_route_that_parts_is_a_crossfade(void **state)
{
    static const unsigned one[] = {0};
    static const struct route routes[] = {
        {.count = 2, .entries = {{0, 0, 1}, {1, 0, 0.5f}}},  /* two mixes */
        {.count = 2, .entries = {{0, 0, 1}, {1, 0, 0.25f}}}, /* by a ramp */
        {.count = 1, .entries = {{0, 0, 1}}},                /* by a ramp, too */
        {.count = 0},                                        /* as it was; the mixes stay two */
        {.count = 2, .entries = {{0, 0, 1}, {1, 0, 0.5f}}},
    };
    static const double gains[] = {0.5, 0.25, 0, 1, 0.5};
    struct room *changed = open_room(1), *same = open_room(1);
    struct voice_settings voice = {.gain = 1};
    double worst = 0;

    (void)state;
    for (int k = 0; k < 2; k++) {
        struct room *r = k ? same : changed;

        run_until(r, 0.5);
        switch_on(r, 0, 100 * NS_PER_MS);
        for (int i = 0; i < 5; i++) {
            run_until(r, 1 + 0.2 * i);
            voice.route = routes[i];
            if (r == changed)
                rx_set_voice(r->rx, 0, &voice);
        }
        run_until(r, 2);
    }
    for (int i = 0; i < 5; i++) {
        changed->ear = 0;
        check_tone(changed, 1.1 + 0.2 * i, 0, 1);
        changed->ear = 1;
        check_tone(changed, 1.1 + 0.2 * i, 0, gains[i]);
    }
    assert_true(kink(changed, 0.7, 2, one, 1) < 1.1);
    changed->ear = 0;
    assert_true(kink(changed, 0.7, 2, one, 1) < 1.1);
    assert_int_equal(status_of(changed, 0).starts, 1);
    assert_int_equal(status_of(changed, 0).concealed, 0);
    assert_int_equal(changed->written, same->written);
    for (int64_t i = 0; i < same->written; i++)
        worst = fmax(worst, fabs((double)changed->heard[i * WIDTH] - (double)same->heard[i * WIDTH]));
    print_message("a channel that is not rerouted: %.1f dB off\n", 20 * log10(worst / LEVEL + 1e-20));
    assert_true(worst < LEVEL * 3e-5);
    close_room(changed);
    close_room(same);
}

/* Another route and another delay, each while the other is on its way, and again before it is there. */
static void routes_and_delays_may_meet(void **state)
{
    static const unsigned one[] = {0};
    struct voice_settings voice = {.gain = 1};
    struct room *r = open_room(1);

    (void)state;
    run_until(r, 0.5);
    switch_on(r, 0, 100 * NS_PER_MS);
    for (int i = 0; i < 60; i++) {
        run_until(r, 1 + 0.007 * i);
        voice.delay_ns = i % 5 == 4 ? (int64_t)(i % 4) * NS_PER_MS : voice.delay_ns;
        voice.route.count = (unsigned)i % 3;
        voice.route.entries[0] = (struct route_entry){0, 0, 1};
        voice.route.entries[1] = (struct route_entry){1, 0, i % 2 ? 1 : 0.5f};
        rx_set_voice(r->rx, 0, &voice);
    }
    voice = (struct voice_settings){.gain = 1, .route = {.count = 1, .entries = {{1, 0, 1}}}};
    rx_set_voice(r->rx, 0, &voice);
    run_until(r, 2);
    check_tone(r, 1.9, 0, 0);
    assert_true(kink(r, 0.7, 2, one, 1) < 1.1);
    r->ear = 1;
    check_tone(r, 1.9, 0, 1);
    assert_true(kink(r, 0.7, 2, one, 1) < 1.1);
    assert_int_equal(status_of(r, 0).starts, 1);
    close_room(r);
}

/* What is set while there is nothing to hear is in force when there is. */
static void mute_while_idle_is_heard_at_once(void **state)
{
    struct room *r = open_room(1);

    (void)state;
    run_until(r, 0.5);
    r->settings.mute = true;
    rx_set(r->rx, &r->settings);
    run_until(r, 0.6);
    switch_on(r, 0, 100 * NS_PER_MS);
    run_until(r, 1.2);
    assert_int_equal(status_of(r, 0).starts, 1);
    for (int64_t i = 0; i < r->written * WIDTH; i++)
        assert_true(r->heard[i] == 0);
    close_room(r);
}

/* A programme that ended while it was ducked begins at its level when the page is long over, and down while
 * one sounds. */
static void a_duck_goes_on_without_its_programme(void **state)
{
    struct room *r = open_room(2);

    (void)state;
    r->senders[1].priority = RTP_PRIORITY_PAGE;
    run_until(r, 0.5);
    switch_on(r, 0, 100 * NS_PER_MS);
    switch_on(r, 1, 100 * NS_PER_MS);
    run_until(r, 1.2);
    switch_off(r, 0);
    run_until(r, 1.4);
    switch_off(r, 1);
    run_until(r, 2);
    assert_true(status_of(r, 0).ducked_db == 0);
    switch_on(r, 0, 100 * NS_PER_MS);
    run_until(r, 2.4);
    check_tone(r, 2.15, 0, 1); /* from 5 ms after its first sample on */
    switch_off(r, 0);
    run_until(r, 2.5);
    switch_on(r, 1, 0);
    run_until(r, 2.8);
    switch_on(r, 0, 100 * NS_PER_MS);
    run_until(r, 3.2);
    check_tone(r, 2.94, 0, 0.1);
    close_room(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_streams_are_mixed_in_place),
        cmocka_unit_test(a_mix_is_the_sum),
        cmocka_unit_test(a_page_begins_with_its_first_sample),
        cmocka_unit_test(a_page_ducks_the_programme),
        cmocka_unit_test(a_muted_page_ducks_nobody),
        cmocka_unit_test(a_dead_talker_ends_in_a_fade),
        cmocka_unit_test(an_end_does_not_drain_the_card),
        cmocka_unit_test(a_short_stream_finds_back_beside_a_long_one),
        cmocka_unit_test(a_hopeless_stream_is_not_waited_for),
        cmocka_unit_test(an_xrun_costs_no_latency),
        cmocka_unit_test(a_page_begins_behind_the_end_of_the_last),
        cmocka_unit_test(a_page_soon_after_another_is_whole),
        cmocka_unit_test(a_duck_may_be_changed_while_down),
        cmocka_unit_test(the_others_are_undisturbed),
        cmocka_unit_test(a_delay_changes_by_a_crossfade),
        cmocka_unit_test(gains_and_mute_are_ramps),
        cmocka_unit_test(settings_do_not_hold_up_a_route),
        cmocka_unit_test(a_route_that_parts_is_a_crossfade),
        cmocka_unit_test(routes_and_delays_may_meet),
        cmocka_unit_test(mute_while_idle_is_heard_at_once),
        cmocka_unit_test(a_duck_goes_on_without_its_programme),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
