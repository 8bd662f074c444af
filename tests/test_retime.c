// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Retime against an ADC of known crystal that samples a tone of true time: what comes out must be that tone
 * at the media samples, and what cannot be delivered must be refused as promised.
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

#include "sender/retime.h"

#define RAW0 INT64_C(86400000000123)
#define PTP0 INT64_C(1795000000123456789)
#define TONE 997.0

enum { CHANNELS_MAX = 8 };

/* An ADC, the thread that reads it, and whoever wants its sound on the media clock. */
struct studio {
    struct retime *r;
    struct retime_config config;
    struct clock_map map;
    double ppm;
    int granule;
    int64_t now;      /* raw ns since RAW0 */
    int64_t captured; /* frames the driver has delivered and we have read, lost ones included */
    int64_t lost;     /* of those, never pushed: an overrun */
    int64_t lead;     /* pushed in one go at most */
    media_t next;
    uint64_t random;
};

static double uniform(struct studio *s)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (double)(s->random >> 11) / 9007199254740992.0;
}

static void open_studio(struct studio *s, double ppm, int granule, struct retime_config config)
{
    *s = (struct studio){.config = config, .ppm = ppm, .granule = granule, .lead = 4096, .random = 20261121};
    s->map = (struct clock_map){
        .raw0 = {RAW0}, .ptp0 = {PTP0}, .rate_dev = 12.5e-6, .state = MEDIA_CLOCK_LOCKED, .epoch = 1};
    s->r = retime_create(&s->config);
    assert_non_null(s->r);
}

static struct retime_config stereo(void)
{
    return (struct retime_config){2, 48000, 48000, RESAMPLE_MEDIUM};
}

static double card_period_ns(const struct studio *s)
{
    return 1e9 / (s->config.card_rate_hz * (1 + s->ppm * 1e-6));
}

/* PTP nanoseconds since PTP0 at `raw_ns` since RAW0, as it truly is. */
static double ptp_since(const struct studio *s, double since_ns)
{
    return since_ns * (1 + s->map.rate_dev);
}

static double tone(double ptp_ns_since, unsigned channel)
{
    double turns = ptp_ns_since * 1e-9 * TONE;

    return 0.5 * sin(2 * M_PI * (turns - floor(turns) + 0.13 * channel));
}

static int64_t converted(const struct studio *s)
{
    int64_t frames = (int64_t)floor((double)s->now / card_period_ns(s));

    return frames - frames % s->granule;
}

/* One wake-up: reads what is there and observes the card. */
static void capture(struct studio *s)
{
    float block[64 * CHANNELS_MAX];
    int64_t there;

    s->now += 375000 + (int64_t)(uniform(s) * 250000);
    there = converted(s);
    while (s->captured < there) {
        size_t frames = there - s->captured < 64 ? (size_t)(there - s->captured) : 64;

        for (size_t i = 0; i < frames; i++)
            for (unsigned c = 0; c < s->config.channels; c++) {
                double at = (double)(s->captured + (int64_t)i) * card_period_ns(s);

                block[i * s->config.channels + c] = (float)tone(ptp_since(s, at), c);
            }
        retime_push(s->r, block, frames);
        s->captured += (int64_t)frames;
    }
    retime_observe(s->r, (raw_ns){RAW0 + s->now + 60 + (int64_t)(40 * uniform(s))},
                   (frame_t){there - s->lost});
}

static void capture_for(struct studio *s, double seconds)
{
    int64_t end = s->now + (int64_t)(seconds * 1e9);

    while (s->now < end)
        capture(s);
}

static media_t media_now(const struct studio *s)
{
    return media_at_ptp(clock_map_ptp(&s->map, (raw_ns){RAW0 + s->now}), s->config.media_rate_hz);
}

/* How a stretch of output compares with the tone: by how many ns late, and what is left without it. */
struct verdict {
    double late_ns, residual_db, level;
};

static struct verdict judge(const struct studio *s, media_t at, const float *out, size_t frames,
                            unsigned channel)
{
    double sine = 0, cosine = 0, left = 0;
    struct verdict v;

    /* over whole periods, or so many of them that it does not matter */
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < frames; i++) {
            ptp_ns due = ptp_at_media((media_t){at.n + (int64_t)i}, s->config.media_rate_hz);
            double exact = (double)(due.ns - PTP0); /* below 1 ns of rounding */
            double a = tone(exact, channel) * 2, b = tone(exact + 0.25e9 / TONE, channel) * 2;
            double x = (double)out[i * s->config.channels + channel];

            if (pass) {
                double off = x - a * sine - b * cosine;

                left += off * off;
            } else {
                sine += x * a * 2 / (double)frames;
                cosine += x * b * 2 / (double)frames;
            }
        }
    v.late_ns = -atan2(cosine, sine) / (2 * M_PI * TONE) * 1e9;
    v.level = hypot(sine, cosine);
    v.residual_db = 10 * log10(left / (double)frames + 1e-30);
    return v;
}

/* Captures and pulls packets of 48 frames for so long; returns how many came. */
static int run(struct studio *s, double seconds, float *out, size_t room)
{
    int64_t end = s->now + (int64_t)(seconds * 1e9);
    float packet[48 * CHANNELS_MAX];
    int packets = 0;

    while (s->now < end) {
        int error;

        capture(s);
        while ((error = retime_pull(s->r, &s->map, s->next, packet, 48)) == 0) {
            if ((size_t)(packets + 1) * 48 <= room)
                memcpy(out + (size_t)packets * 48 * s->config.channels, packet,
                       48 * s->config.channels * sizeof *out);
            s->next.n += 48;
            packets++;
        }
        assert_int_equal(error, -EAGAIN);
    }
    return packets;
}

/* Listens to exactly a second and judges it. */
static struct verdict listen(struct studio *s, unsigned channel)
{
    size_t room = s->config.media_rate_hz * 2;
    float *out = calloc(room * s->config.channels, sizeof *out);
    size_t frames = s->config.media_rate_hz; /* 997 whole periods */
    media_t from = s->next;
    struct verdict v;

    assert_non_null(out);
    assert_true((size_t)run(s, 1.1, out, room) * 48 >= frames);
    v = judge(s, from, out, frames, channel);
    free(out);
    return v;
}

static void says_nothing_before_it_knows(void **state)
{
    struct studio s;
    float out[96];

    (void)state;
    open_studio(&s, 17, 1, stereo());
    assert_false(retime_ready(s.r));
    assert_int_equal(retime_pull(s.r, &s.map, (media_t){1}, out, 48), -EAGAIN);
    capture(&s);
    assert_false(retime_ready(s.r));
    assert_int_equal(retime_pull(s.r, &s.map, media_now(&s), out, 48), -EAGAIN);
    capture_for(&s, 2);
    assert_true(retime_ready(s.r));
    retime_destroy(s.r);
    retime_destroy(NULL);
}

/* A card too coarse to be sure of is used after 2.5 s all the same. */
static void coarse_card_is_ready_in_the_end(void **state)
{
    struct studio s;

    (void)state;
    open_studio(&s, 17, 48, stereo());
    capture_for(&s, 2.4);
    assert_false(retime_ready(s.r));
    capture_for(&s, 0.2);
    assert_true(retime_ready(s.r));
    retime_destroy(s.r);
}

static void sound_is_placed_below_a_microsecond(void **state)
{
    static const struct {
        double ppm;
        int granule;
        struct retime_config config;
        double late_ns, residual_db;
    } cases[] = {
        {0, 1, {2, 48000, 48000, RESAMPLE_MEDIUM}, 400, -90},
        {17, 1, {2, 48000, 48000, RESAMPLE_FASTEST}, 400, -90},
        {-200, 1, {1, 48000, 48000, RESAMPLE_MEDIUM}, 400, -90},
        {400, 1, {2, 48000, 48000, RESAMPLE_BEST}, 400, -90},
        {-33, 6, {2, 48000, 48000, RESAMPLE_MEDIUM}, 1000, -85},
        {50, 48, {2, 48000, 48000, RESAMPLE_MEDIUM}, 5000, -70},
        {17, 1, {8, 48000, 48000, RESAMPLE_FASTEST}, 400, -90},
        {17, 1, {2, 44100, 48000, RESAMPLE_MEDIUM}, 400, -90},
        {17, 1, {2, 48000, 44100, RESAMPLE_MEDIUM}, 400, -90},
        {-60, 1, {2, 48000, 96000, RESAMPLE_MEDIUM}, 400, -90},
        {-60, 1, {2, 96000, 48000, RESAMPLE_MEDIUM}, 400, -90},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct studio s;
        struct verdict v;
        float none[1];

        open_studio(&s, cases[i].ppm, cases[i].granule, cases[i].config);
        capture_for(&s, 3);
        s.next = media_now(&s);
        run(&s, 7, none, 0);
        v = listen(&s, s.config.channels - 1);
        print_message("%.0f ppm, %d frames, %u -> %u Hz: %.0f ns late, residual %.1f dBFS\n", cases[i].ppm,
                      cases[i].granule, s.config.card_rate_hz, s.config.media_rate_hz, v.late_ns,
                      v.residual_db);
        assert_true(fabs(v.late_ns) < cases[i].late_ns);
        assert_true(v.residual_db < cases[i].residual_db);
        assert_true(fabs(v.level - 0.5) < 0.001);
        retime_destroy(s.r);
    }
}

static void starts_with_a_fade(void **state)
{
    struct studio s;
    static float out[48000 * 2];
    double before = 0;
    media_t from;

    (void)state;
    open_studio(&s, 17, 1, stereo());
    capture_for(&s, 3);
    from = s.next = media_now(&s);
    run(&s, 0.5, out, 20000);
    assert_true(fabsf(out[0]) < 1e-6f);
    for (int ms = 0; ms < 5; ms++) { /* each millisecond is a period of the tone */
        double peak = 0;

        for (int i = ms * 48; i < (ms + 1) * 48; i++)
            peak = fmax(peak, fabs((double)out[2 * i]));
        assert_true(peak > before);
        before = peak;
    }
    for (int i = 240; i < 10000; i++) {
        double due = (double)(ptp_at_media((media_t){from.n + i}, 48000).ns - PTP0);

        assert_true(fabs((double)out[2 * i] - tone(due, 0)) < 0.01);
    }
    retime_destroy(s.r);
}

static void waits_for_what_is_not_there_yet(void **state)
{
    struct studio s;
    float packet[96], none[1];
    struct retime_status before, after;

    (void)state;
    open_studio(&s, 17, 1, stereo());
    capture_for(&s, 3);
    s.next = media_now(&s);
    run(&s, 2, none, 0);
    retime_get_status(s.r, &before);
    for (int i = 0; i < 100; i++) /* asking often changes nothing */
        assert_int_equal(retime_pull(s.r, &s.map, s.next, packet, 48), -EAGAIN);
    run(&s, 0.5, none, 0);
    retime_get_status(s.r, &after);
    assert_int_equal(before.restarts, 1);
    assert_int_equal(after.restarts, 1);
    assert_true(listen(&s, 0).residual_db < -90);
    retime_destroy(s.r);
}

static void too_late_is_said(void **state)
{
    struct studio s;
    float packet[96], none[1];

    (void)state;
    open_studio(&s, 17, 1, stereo());
    capture_for(&s, 3);
    s.next = media_now(&s);
    assert_int_equal(retime_pull(s.r, &s.map, (media_t){s.next.n - 48000}, packet, 48), -ETIME);
    assert_int_equal(retime_pull(s.r, &s.map, (media_t){s.next.n - 48000 * 3600}, packet, 48), -ETIME);
    run(&s, 1, none, 0);
    assert_true(listen(&s, 1).residual_db < -80);
    retime_destroy(s.r);
}

/* Pulls stop while the card goes on: when they resume, what they ask for is gone, and that is said. */
static void pulled_again_after_a_pause(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        struct studio s;
        float packet[96], none[1];
        int error, tries = 0;

        open_studio(&s, 17, 1, stereo());
        capture_for(&s, 3);
        s.next = media_now(&s);
        run(&s, 0.2, none, 0);
        capture_for(&s, 0.24 + i * 0.02);
        error = retime_pull(s.r, &s.map, s.next, packet, 48);
        assert_true(error == 0 || error == -ETIME);
        for (; error == 0 && tries < 40; tries++) {
            s.next.n += 48;
            error = retime_pull(s.r, &s.map, s.next, packet, 48);
            assert_true(error == 0 || error == -ETIME);
        }
        s.next = media_now(&s);
        run(&s, 0.1, none, 0);
        assert_true(fabs(listen(&s, 0).late_ns) < 1000);
        retime_destroy(s.r);
    }
}

/* Exactly as many frames were dropped as the next packet would have needed, or one more or less. */
static void frames_dropped_under_the_position(void **state)
{
    (void)state;
    for (size_t k = 2; k < 400; k += 6) {
        struct studio s;
        static float silence[24000 * 2];
        float packet[96];
        int error;

        open_studio(&s, 0, 1, stereo());
        capture_for(&s, 3);
        s.next = media_now(&s);
        while ((error = retime_pull(s.r, &s.map, s.next, packet, 48)) == -EAGAIN)
            capture(&s);
        assert_int_equal(error, 0);
        s.next.n += 48;
        retime_push(s.r, silence, k);
        retime_push(s.r, silence, 24000 - k);
        error = retime_pull(s.r, &s.map, s.next, packet, 48);
        assert_true(error == 0 || error == -ETIME);
        retime_destroy(s.r);
    }
}

static void old_sound_is_dropped_and_numbers_stay_right(void **state)
{
    struct studio s;
    static float silence[100000 * 2];
    float none[1];

    (void)state;
    open_studio(&s, 17, 1, stereo());
    capture_for(&s, 30); /* nobody pulls */
    s.next = media_now(&s);
    run(&s, 0.1, none, 0);
    assert_true(fabs(listen(&s, 0).late_ns) < 400);

    /* and in one block of more than it holds: the card was not read for two seconds */
    s.now += (int64_t)(100000 * card_period_ns(&s));
    retime_push(s.r, silence, 100000);
    s.captured += 100000;
    capture_for(&s, 1);
    s.next = media_now(&s);
    run(&s, 0.1, none, 0);
    assert_true(fabs(listen(&s, 0).late_ns) < 1000);
    retime_destroy(s.r);
}

/* The driver lost frames: the card is found anew, by its old rate, and the sound is in its place again. */
static void overrun_is_survived(void **state)
{
    struct studio s;
    struct retime_status status;
    float packet[96], none[1];

    (void)state;
    open_studio(&s, -60, 1, stereo());
    capture_for(&s, 10);
    s.next = media_now(&s);
    run(&s, 1, none, 0);
    for (int i = 0; i < 3; i++) {
        int64_t gone;

        s.now += 100 * NS_PER_MS; /* held up; what the card had for us is lost */
        gone = converted(&s) - s.captured;
        s.captured += gone;
        s.lost += gone;
        retime_overrun(s.r);
        assert_false(retime_ready(s.r));
        assert_int_equal(retime_pull(s.r, &s.map, s.next, packet, 48), -EAGAIN);
        capture_for(&s, 0.3);
        assert_true(retime_ready(s.r));
        s.next = media_now(&s);
        run(&s, 0.1, none, 0);
        assert_true(fabs(listen(&s, 0).late_ns) < 1000);
    }
    retime_get_status(s.r, &status);
    assert_int_equal(status.restarts, 4);
    assert_true(fabs(status.card_ppm + 60) < 0.5);
    retime_destroy(s.r);
}

/* After an overrun no sound may be placed before the observer is sure again. */
static void overrun_is_not_answered_with_a_guess(void **state)
{
    double worst = 0;

    (void)state;
    for (int i = 0; i < 30; i++) {
        struct studio s;
        float none[1];
        static float out[4800 * 2];
        media_t from;

        open_studio(&s, -60, 6, stereo());
        s.random += (uint64_t)i * 7919;
        capture_for(&s, 10);
        s.next = media_now(&s);
        run(&s, 0.1, none, 0);
        retime_overrun(s.r);
        while (!retime_ready(s.r))
            capture(&s);
        from = s.next = media_now(&s);
        assert_true(run(&s, 0.3, out, 4800) > 60);
        from.n += 480;                                                              /* past the fade */
        worst = fmax(worst, fabs(judge(&s, from, out + 480 * 2, 2311, 0).late_ns)); /* 48 periods */
        retime_destroy(s.r);
    }
    print_message("right after an overrun, a pointer of 6 frames: %.0f ns\n", worst);
    assert_true(worst < 5000);
}

static void clock_step_is_a_new_start(void **state)
{
    struct studio s;
    struct retime_status status;
    float none[1];

    (void)state;
    open_studio(&s, 17, 1, stereo());
    capture_for(&s, 5);
    s.next = media_now(&s);
    run(&s, 1, none, 0);
    s.map.ptp0.ns += 50 * NS_PER_MS; /* what is "now" was 50 ms ago */
    s.map.epoch++;
    run(&s, 1, none, 0);
    retime_get_status(s.r, &status);
    assert_int_equal(status.restarts, 2);
    assert_true(fabs(status.error_ns) < 1000);
    /* less than 2 ms is steered: no new start */
    s.map.ptp0.ns += 500 * NS_PER_US;
    run(&s, 0.5, none, 0);
    retime_get_status(s.r, &status);
    assert_int_equal(status.restarts, 2);
    assert_true(fabs(status.error_ns) > 200e3 && fabs(status.error_ns) < 500e3);
    run(&s, 3, none, 0);
    retime_get_status(s.r, &status);
    assert_true(fabs(status.error_ns) < 20e3);
    retime_destroy(s.r);
}

static void another_sample_is_a_new_start(void **state)
{
    struct studio s;
    struct retime_status status;
    static float out[4800 * 2];
    float none[1];

    (void)state;
    open_studio(&s, 17, 1, stereo());
    capture_for(&s, 5);
    s.next = media_now(&s);
    run(&s, 1, none, 0);
    s.next.n += 960; /* the sender left some out */
    run(&s, 1, out, 4800);
    for (int i = 0; i < 4800; i++) /* faded in like the first */
        assert_true(fabs((double)out[2 * i]) <= 0.501 * fmin(1, pow(i / 120.0, 2) + 1e-6));
    retime_get_status(s.r, &status);
    assert_int_equal(status.restarts, 2);
    assert_true(fabs(listen(&s, 1).late_ns) < 400);
    retime_destroy(s.r);
}

/* The card's count jumps without a word from the driver: noticed by its readings, placed anew. */
static void jump_of_the_count_is_a_new_start(void **state)
{
    struct studio s;
    struct retime_status status;
    float none[1];

    (void)state;
    open_studio(&s, 17, 1, stereo());
    capture_for(&s, 5);
    s.next = media_now(&s);
    run(&s, 1, none, 0);
    s.now += 10 * NS_PER_MS; /* whose frames never come */
    s.lost += converted(&s) - s.captured;
    s.captured = converted(&s);
    run(&s, 1, none, 0);
    retime_get_status(s.r, &status);
    assert_int_equal(status.restarts, 2);
    run(&s, 0.1, none, 0);
    assert_true(fabs(listen(&s, 0).late_ns) < 1000);
    retime_destroy(s.r);
}

static void status_tells_the_truth(void **state)
{
    struct studio s;
    struct retime_status status;
    float none[1];

    (void)state;
    open_studio(&s, 123, 1, stereo());
    retime_get_status(s.r, &status);
    assert_int_equal(status.restarts, 0);
    capture_for(&s, 10);
    s.next = media_now(&s);
    run(&s, 5, none, 0);
    retime_get_status(s.r, &status);
    assert_true(fabs(status.card_ppm - 123) < 0.1);
    assert_true(fabs(status.error_ns) < 300);
    assert_true(status.sigma_ns > 0 && status.sigma_ns < 500);
    assert_int_equal(status.restarts, 1);
    retime_destroy(s.r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_nothing_before_it_knows),
        cmocka_unit_test(coarse_card_is_ready_in_the_end),
        cmocka_unit_test(sound_is_placed_below_a_microsecond),
        cmocka_unit_test(starts_with_a_fade),
        cmocka_unit_test(waits_for_what_is_not_there_yet),
        cmocka_unit_test(too_late_is_said),
        cmocka_unit_test(pulled_again_after_a_pause),
        cmocka_unit_test(frames_dropped_under_the_position),
        cmocka_unit_test(old_sound_is_dropped_and_numbers_stay_right),
        cmocka_unit_test(overrun_is_survived),
        cmocka_unit_test(overrun_is_not_answered_with_a_guess),
        cmocka_unit_test(clock_step_is_a_new_start),
        cmocka_unit_test(another_sample_is_a_new_start),
        cmocka_unit_test(jump_of_the_count_is_a_new_start),
        cmocka_unit_test(status_tells_the_truth),
    };

    return cmocka_run_group_tests_name("retime", tests, NULL, NULL);
}
