// SPDX-License-Identifier: GPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "truth.h"

#define NO_FRAME INT64_MAX

/* A sound, and what is done to it on its way to the converter. Times in ns of raw time, counted from EPOCH.
 */
struct synth {
    struct card_law law;
    int64_t frames;
    struct truth_tones tones;
    double amplitude;  /* of each */
    double delay_ns;   /* of the sound against the source */
    double source_ppm; /* the source's clock against raw time */
    double slew_ppm;   /* steering in progress: from frame slew_from on the delay grows by this */
    int64_t slew_from;
    int bits; /* the samples are rounded to this many */
    int64_t silent_from, silent_until;
    int64_t cut_at, cut_frames; /* frames left out from there; negative: played again */
    int64_t click_at;
    double click;
    int64_t fade_in_from, fade_in_until; /* silent before */
    double second_harmonic;
};

#define EPOCH INT64_C(123456789012345) /* some day in the life of the raw clock */

static const struct synth PLAIN = {
    .law = {{EPOCH}, 0, 48000},
    .frames = 48000,
    .tones = {{997000}, 1},
    .amplitude = 0.25,
    .bits = 24,
    .slew_from = NO_FRAME,
    .silent_from = NO_FRAME,
    .cut_at = NO_FRAME,
    .click_at = NO_FRAME,
};

static const struct truth_tones TWO_TONES = {{1000000, 1010000}, 2};

static double synth_value(const struct synth *s, int64_t n)
{
    int64_t of = n >= s->cut_at ? n + s->cut_frames : n;
    struct instant t = card_law_instant(&s->law, of);
    long double ns = (long double)(t.at.ns - EPOCH) + (long double)t.part;
    double value = 0, gain = 1;

    ns = ns * (1 + (long double)s->source_ppm * 1e-6L) - (long double)s->delay_ns;
    if (n > s->slew_from)
        ns -= (long double)(n - s->slew_from) * (long double)s->slew_ppm * 1e-6L / 48000 * 1e9L;
    for (unsigned i = 0; i < s->tones.count; i++) {
        long double cycles = ns * (long double)s->tones.millihertz[i] * 1e-12L;

        value += s->amplitude * (double)sinl(2 * (long double)M_PI * (cycles - floorl(cycles)));
        value += s->second_harmonic * (double)sinl(4 * (long double)M_PI * (cycles - floorl(cycles)));
    }
    if (n < s->fade_in_until)
        gain = n < s->fade_in_from
                   ? 0
                   : (double)(n - s->fade_in_from) / (double)(s->fade_in_until - s->fade_in_from);
    if (n >= s->silent_from && n < s->silent_until)
        gain = 0;
    return gain * value + (n == s->click_at ? s->click : 0);
}

static void write_segment(struct record_writer *w, const struct synth *s)
{
    struct record_segment segment = {.law = s->law, .channels = 2, .granule = 1};
    int32_t frame[2] = {0};

    assert_int_equal(record_writer_setup(w, s->law.rate_hz, 2), 0);
    record_writer_segment(w, &segment);
    for (int64_t n = 0; n < s->frames; n++) {
        frame[1] = (int32_t)(lrint(synth_value(s, n) * (1 << (s->bits - 1))) * (1 << (32 - s->bits)));
        record_writer_frames(w, frame, 1);
    }
}

struct state {
    char dir[64];
    char path[2][96];
};

static void record_synth(const char *path, const struct synth *s)
{
    struct record_writer *w = NULL;
    raw_ns first = {-1};

    assert_int_equal(record_writer_open(&w, path, RECORD_PLAYBACK, &first), 0);
    write_segment(w, s);
    record_writer_end(w, RECORD_STOPPED, card_law_instant(&s->law, s->frames).at, (raw_ns){0});
    assert_int_equal(record_writer_error(w), 0);
    record_writer_close(w);
}

static int setup(void **state)
{
    struct state *s = calloc(1, sizeof(*s));

    if (!s)
        return -1;
    *state = s;
    snprintf(s->dir, sizeof(s->dir), "/tmp/unisono-test-truth-XXXXXX");
    if (!mkdtemp(s->dir))
        return -1;
    snprintf(s->path[0], sizeof(s->path[0]), "%s/a.playback", s->dir);
    snprintf(s->path[1], sizeof(s->path[1]), "%s/b.playback", s->dir);
    return 0;
}

static int teardown(void **state)
{
    struct state *s = *state;

    unlink(s->path[0]);
    unlink(s->path[1]);
    rmdir(s->dir);
    free(s);
    return 0;
}

struct sound {
    struct record *record;
    struct truth_track *track;
    struct truth_judge judge;
    const struct truth_window *w;
    size_t n;
};

static struct sound open_sound(const char *path, const struct truth_tones *tones)
{
    struct sound s = {0};

    assert_int_equal(record_open(&s.record, path), 0);
    assert_int_equal(truth_track_new(&s.track, s.record, tones, 20 * NS_PER_MS, 10 * NS_PER_MS, 1), 0);
    assert_int_equal(truth_track_update(s.track), 0);
    assert_int_equal(truth_judge_learn(&s.judge, s.track, -60), 0);
    s.w = truth_track_windows(s.track, &s.n);
    return s;
}

static void close_sound(struct sound *s)
{
    truth_track_free(s->track);
    record_close(s->record);
}

static struct truth_damage damage_of(const struct sound *s)
{
    struct truth_damage d;

    assert_int_equal(truth_damage_find(&d, s->track, &s->judge, (raw_ns){0}, (raw_ns){INT64_MAX}), 0);
    return d;
}

/* --- the law of a card --- */

static void test_frame_and_instant_agree(void **state)
{
    static const int64_t trims[] = {0, 50000000, -80000000, 123456789, -1000000000, 1};
    static const uint32_t rates[] = {44100, 48000, 96000};
    static const int64_t frames[] = {0, 1, 479, 48000, 123456789, INT64_C(50000000000)};

    (void)state;
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 3; j++)
            for (size_t k = 0; k < 6; k++) {
                struct card_law law = {{EPOCH}, trims[i], rates[j]};
                struct instant t = card_law_instant(&law, frames[k]);
                raw_ns reached = {t.at.ns + (t.part > 0)};

                assert_int_equal(card_law_frame(&law, reached), frames[k]);
                assert_int_equal(card_law_frame(&law, (raw_ns){reached.ns - 1}), frames[k] - 1);
                assert_true(t.part >= 0 && t.part < 1);
            }
}

static void test_law_does_not_drift(void **state)
{
    /* 10 days at 48 kHz and +50 ppm: 48002.4 frames a second, exactly. */
    struct card_law law = {{EPOCH}, 50000000, 48000};
    struct instant t = card_law_instant(&law, INT64_C(480024) * 86400);

    (void)state;
    assert_int_equal(t.at.ns - EPOCH, 864000 * NS_PER_S);
    assert_true(t.part == 0);
    assert_int_equal(card_law_frame(&law, (raw_ns){EPOCH - 1}), -1);
}

/* --- the file --- */

static void test_what_is_written_is_read(void **state)
{
    struct state *st = *state;
    struct record_segment segment = {
        .law = {{EPOCH}, -80000000, 48000}, .channels = 3, .granule = 6, .fifo = 32};
    struct record_clock clock = {{EPOCH + 5}, INT64_C(1700000000000000000), 44};
    struct record_writer *w = NULL;
    struct record *r = NULL;
    raw_ns first = {-1};
    double out[1001];
    int32_t frame[3];

    assert_int_equal(record_writer_open(&w, st->path[0], RECORD_PLAYBACK, &first), 0);
    assert_int_equal(first.ns, 0);
    assert_int_equal(record_writer_setup(w, 48000, 3), 0);
    record_writer_segment(w, &segment);
    record_writer_clock(w, &clock);
    for (int32_t k = 0; k < 1001; k++) {
        for (int32_t c = 0; c < 3; c++)
            frame[c] = (3 * k + c) << 16;
        record_writer_frames(w, frame, 1);
    }
    record_writer_end(w, RECORD_XRUN, (raw_ns){EPOCH + 7}, (raw_ns){EPOCH + 9});
    record_writer_close(w);

    assert_int_equal(record_open(&r, st->path[0]), 0);
    assert_int_equal(record_kind(r), RECORD_PLAYBACK);
    assert_int_equal(record_segments(r), 1);
    assert_int_equal(record_segment(r, 0)->law.t0.ns, EPOCH);
    assert_int_equal(record_segment(r, 0)->law.trim_ppt, -80000000);
    assert_int_equal(record_segment(r, 0)->granule, 6);
    assert_int_equal(record_segment(r, 0)->fifo, 32);
    assert_int_equal(record_segment(r, 0)->frames, 1001);
    assert_int_equal(record_segment(r, 0)->cause, RECORD_XRUN);
    assert_int_equal(record_segment(r, 0)->end.ns, EPOCH + 7);
    assert_int_equal(record_segment(r, 0)->seen.ns, EPOCH + 9);
    assert_int_equal(record_clocks(r), 1);
    assert_int_equal(record_samples(r, 0, 1, 1000, 2, out), 0);
    for (int k = 0; k < 1000; k++)
        assert_true(out[k] == ((3 * (k + 1) + 2) << 16) * 0x1p-31);
    assert_int_equal(record_samples(r, 0, 2, 1000, 2, out), -ERANGE);
    assert_int_equal(record_samples(r, 0, 0, 1, 3, out), -ERANGE);
    record_close(r);
}

static void test_recording_is_read_while_it_grows(void **state)
{
    struct state *st = *state;
    struct record_segment segment = {.law = {{EPOCH}, 0, 48000}, .channels = 1};
    struct record_writer *w = NULL;
    struct record *r = NULL;
    raw_ns first = {0};
    int32_t samples[480] = {0};

    assert_int_equal(record_writer_open(&w, st->path[0], RECORD_PLAYBACK, &first), 0);
    assert_int_equal(record_open(&r, st->path[0]), 0);
    assert_int_equal(record_segments(r), 0);
    assert_int_equal(record_writer_setup(w, 48000, 1), 0);
    record_writer_segment(w, &segment);
    record_writer_frames(w, samples, 479);
    record_writer_sync(w);
    assert_int_equal(record_poll(r), 0);
    assert_int_equal(record_segments(r), 1);
    assert_int_equal(record_segment(r, 0)->frames, 0);
    record_writer_frames(w, samples, 1);
    record_writer_sync(w);
    assert_int_equal(record_poll(r), 0);
    assert_int_equal(record_segment(r, 0)->frames, 480);
    assert_int_equal(record_segment(r, 0)->cause, RECORD_OPEN);
    record_close(r);
    record_writer_close(w);
}

static void test_torn_recording_is_continued(void **state)
{
    struct state *st = *state;
    struct synth s = PLAIN;
    struct record_writer *w = NULL;
    struct record *r = NULL;
    struct stat before, after;
    raw_ns first = {0};

    s.frames = 960;
    record_synth(st->path[0], &s);
    assert_int_equal(stat(st->path[0], &before), 0);
    assert_int_equal(truncate(st->path[0], before.st_size - 3), 0); /* killed while it wrote the END */
    assert_int_equal(record_open(&r, st->path[0]), 0);
    assert_int_equal(record_segment(r, 0)->frames, 960);
    assert_int_equal(record_segment(r, 0)->cause, RECORD_OPEN);
    record_close(r);

    assert_int_equal(record_writer_open(&w, st->path[0], RECORD_PLAYBACK, &first), 0);
    assert_int_equal(first.ns, EPOCH);
    assert_int_equal(stat(st->path[0], &after), 0);
    assert_int_equal(after.st_size, before.st_size - 40);
    s.law.t0.ns += NS_PER_S;
    write_segment(w, &s);
    record_writer_close(w);

    assert_int_equal(record_open(&r, st->path[0]), 0);
    assert_int_equal(record_segments(r), 2);
    assert_int_equal(record_segment(r, 0)->frames, 960);
    assert_int_equal(record_segment(r, 0)->cause, RECORD_OPEN);
    assert_int_equal(record_segment(r, 1)->law.t0.ns, EPOCH + NS_PER_S);
    record_close(r);
}

static void test_one_writer_and_no_foreign_file(void **state)
{
    struct state *st = *state;
    struct record_writer *w = NULL, *second = NULL;
    struct record *r = NULL;
    raw_ns first = {0};
    FILE *f = NULL;

    assert_int_equal(record_writer_open(&w, st->path[0], RECORD_PLAYBACK, &first), 0);
    assert_int_equal(record_writer_open(&second, st->path[0], RECORD_PLAYBACK, &first), -EBUSY);
    record_writer_close(w);
    assert_int_equal(record_writer_open(&second, st->path[0], RECORD_CAPTURE, &first), -EBADMSG);
    f = fopen(st->path[1], "w");
    assert_non_null(f);
    fprintf(f, "this is my diary, and no recording of a card");
    fclose(f);
    assert_int_equal(record_writer_open(&second, st->path[1], RECORD_PLAYBACK, &first), -EBADMSG);
    assert_int_equal(record_open(&r, st->path[1]), -EBADMSG);
    assert_int_equal(record_open(&r, "/tmp/unisono-there-is-no-such-file"), -ENOENT);
}

static void test_realtime_is_interpolated(void **state)
{
    struct state *st = *state;
    struct record_clock clocks[3] = {{{EPOCH}, 5 * NS_PER_S, 0},
                                     {{EPOCH + NS_PER_S}, 6 * NS_PER_S + 100, 0},
                                     {{EPOCH + 3 * NS_PER_S}, 8 * NS_PER_S - 100, 0}};
    struct record_writer *w = NULL;
    struct record *r = NULL;
    struct instant real = {0};
    raw_ns first = {0};

    assert_int_equal(record_writer_open(&w, st->path[0], RECORD_PLAYBACK, &first), 0);
    assert_int_equal(record_writer_setup(w, 48000, 1), 0);
    for (int i = 0; i < 3; i++)
        record_writer_clock(w, &clocks[i]);
    record_writer_close(w);
    assert_int_equal(record_open(&r, st->path[0]), 0);
    assert_int_equal(record_realtime(r, (struct instant){{EPOCH + NS_PER_S / 2}, 0.5}, &real), 0);
    assert_true(fabs((double)(real.at.ns - 5 * NS_PER_S - NS_PER_S / 2) + real.part - 50.5) < 1e-3);
    assert_int_equal(record_realtime(r, (struct instant){{EPOCH + 2 * NS_PER_S}, 0}, &real), 0);
    assert_true(fabs((double)(real.at.ns - 7 * NS_PER_S) + real.part) < 1e-3);
    assert_int_equal(record_realtime(r, (struct instant){{EPOCH + 5 * NS_PER_S}, 0}, &real), 0);
    assert_true(fabs((double)(real.at.ns - 10 * NS_PER_S) + real.part + 300) < 1e-3);
    assert_int_equal(record_realtime(r, (struct instant){{EPOCH - NS_PER_S}, 0}, &real), 0);
    assert_true(fabs((double)(real.at.ns - 4 * NS_PER_S) + real.part + 100) < 1e-3);
    record_close(r);
}

/* --- offsets --- */

static struct truth_stats pair_stats(const struct state *st, const struct truth_tones *tones,
                                     double expect_ns)
{
    struct sound a = open_sound(st->path[0], tones), b = open_sound(st->path[1], tones);
    struct truth_stats stats;
    double *d = calloc(a.n, sizeof(*d));
    size_t n = 0;

    assert_non_null(d);
    for (size_t i = 0, k = 0; i < a.n && k < b.n;) {
        if (a.w[i].centre.ns < b.w[k].centre.ns) {
            i++;
        } else if (b.w[k].centre.ns < a.w[i].centre.ns) {
            k++;
        } else {
            assert_int_equal(truth_judge_window(&a.judge, &a.w[i]), TRUTH_CLEAN);
            d[n++] = truth_delay_ns(tones, a.w[i++].phase, b.w[k++].phase, expect_ns);
        }
    }
    truth_stats_of(&stats, d, n);
    free(d);
    close_sound(&a);
    close_sound(&b);
    return stats;
}

static void check_pair(const struct state *st, const struct truth_tones *tones, double later_ns,
                       double source_ppm, double expect_ns)
{
    struct synth a = PLAIN, b = PLAIN;
    struct truth_stats stats;

    a.tones = b.tones = *tones;
    a.source_ppm = b.source_ppm = source_ppm;
    a.law.trim_ppt = 50000000;
    b.law.trim_ppt = -80000000;
    b.law.t0.ns += 123456; /* the cards need not have started together */
    b.delay_ns = later_ns;
    unlink(st->path[0]);
    unlink(st->path[1]);
    record_synth(st->path[0], &a);
    record_synth(st->path[1], &b);
    stats = pair_stats(st, tones, expect_ns);
    assert_true(stats.count > 90);
    assert_true(fabs(stats.median - later_ns) < 5);
    assert_true(fabs(stats.worst - later_ns) < 5);
}

static void test_offset_is_recovered(void **state)
{
    check_pair(*state, &PLAIN.tones, 137, 0, 0);
    check_pair(*state, &PLAIN.tones, -20833, 0, 0);
    check_pair(*state, &PLAIN.tones, 137, 60, 0);
    check_pair(*state, &PLAIN.tones, 137, -400, 0);
}

static void test_two_tones_resolve_many_periods(void **state)
{
    check_pair(*state, &TWO_TONES, 137, 0, 0);
    check_pair(*state, &TWO_TONES, 23456789, 0, 0);
    check_pair(*state, &TWO_TONES, -41234567, 0, 0);
    check_pair(*state, &TWO_TONES, 268000137, 0, 250e6);
    check_pair(*state, &TWO_TONES, 137, 60, 0);
}

static void test_other_rates(void **state)
{
    struct state *st = *state;
    struct synth a = PLAIN, b = PLAIN;
    struct truth_stats stats;

    a.law.rate_hz = 44100;
    b.law.rate_hz = 96000;
    b.frames *= 2;
    b.delay_ns = 137;
    record_synth(st->path[0], &a);
    record_synth(st->path[1], &b);
    stats = pair_stats(st, &PLAIN.tones, 0);
    assert_true(stats.count > 90 && fabs(stats.worst - 137) < 5);
}

static void test_source_phases_give_latency(void **state)
{
    struct state *st = *state;
    struct synth s = PLAIN;
    struct sound a;

    s.tones = TWO_TONES;
    s.delay_ns = 9999863;
    record_synth(st->path[0], &s);
    a = open_sound(st->path[0], &TWO_TONES);
    assert_true(a.n > 90);
    for (size_t i = 0; i < a.n; i++) {
        double phases[2];

        truth_source_phases(&TWO_TONES, (struct instant){{a.w[i].centre.ns - EPOCH}, 0}, phases);
        assert_true(fabs(truth_delay_ns(&TWO_TONES, phases, a.w[i].phase, 20e6) - 9999863) < 5);
    }
    close_sound(&a);
}

static void test_phases_of_large_times_are_exact(void **state)
{
    /* 1700000001 s at 1000.25 Hz are a whole number of cycles and a quarter. */
    struct truth_tones tones = {{1000250}, 1};
    double phase = 0;

    (void)state;
    truth_source_phases(&tones, (struct instant){{INT64_C(1700000001000000000)}, 0}, &phase);
    assert_true(fabs(phase - M_PI / 2) < 1e-12);
}

/* --- damage --- */

/* Plays 1 s of s, and expects one event around frame `at`, or none if `at` is NO_FRAME. */
static void expect_one_event(void **state, const struct synth *s, int64_t at)
{
    struct state *st = *state;
    struct sound a;
    struct truth_damage d;

    unlink(st->path[0]);
    record_synth(st->path[0], s);
    a = open_sound(st->path[0], &s->tones);
    d = damage_of(&a);
    assert_int_equal(d.event_count, at == NO_FRAME ? 0 : 1);
    if (at != NO_FRAME) {
        raw_ns t = card_law_instant(&s->law, at).at;

        assert_true(d.events[0].from.ns <= t.ns && t.ns <= d.events[0].until.ns);
        assert_true(d.damaged_ns <= 40 * NS_PER_MS);
        assert_true(d.events[0].worst_residual > a.judge.limit);
    }
    assert_true(truth_db(d.worst_residual) < (at == NO_FRAME ? -100 : -60));
    assert_true(d.clean > 90);
    truth_damage_free(&d);
    close_sound(&a);
}

static void test_whole_sound_is_clean(void **state)
{
    struct synth s = PLAIN;

    expect_one_event(state, &s, NO_FRAME);
    s.law.trim_ppt = -80000000;
    s.source_ppm = 90;
    expect_one_event(state, &s, NO_FRAME);
    s.tones = TWO_TONES;
    expect_one_event(state, &s, NO_FRAME);
}

static void test_steering_is_no_damage(void **state)
{
    struct synth s = PLAIN;
    struct state *st = *state;
    struct sound a;
    struct truth_damage d;

    s.slew_from = 20000;
    s.slew_ppm = 300;
    record_synth(st->path[0], &s);
    a = open_sound(st->path[0], &s.tones);
    d = damage_of(&a);
    assert_int_equal(d.event_count, 0);
    assert_true(fabs(a.w[80].stretch + 300e-6) < 1e-7);
    assert_true(truth_db(a.w[80].residual) < -120);
    truth_damage_free(&d);
    close_sound(&a);
}

static void test_missing_millisecond_is_found(void **state)
{
    struct synth s = PLAIN;

    s.silent_from = 30000;
    s.silent_until = 30048;
    expect_one_event(state, &s, 30020);
    s.tones = TWO_TONES;
    expect_one_event(state, &s, 30020);
}

static void test_cut_millisecond_is_found(void **state)
{
    struct synth s = PLAIN;

    s.cut_at = 30000;
    s.cut_frames = 48;
    expect_one_event(state, &s, 30000);
    s.tones = TWO_TONES; /* 1 ms is one period of the first: the second shows it */
    expect_one_event(state, &s, 30000);
}

static void test_repeated_frame_is_found(void **state)
{
    struct synth s = PLAIN;

    s.cut_at = 30000;
    s.cut_frames = -1;
    expect_one_event(state, &s, 30000);
}

static void test_click_is_found(void **state)
{
    struct synth s = PLAIN;

    s.click_at = 30000;
    s.click = 0.1;
    expect_one_event(state, &s, 30000);
    s.click = -0.03;
    expect_one_event(state, &s, 30000);
}

static void test_lead_in_is_no_damage(void **state)
{
    struct state *st = *state;
    struct synth s = PLAIN;
    struct sound a;
    struct truth_damage d;

    s.fade_in_from = 9600;
    s.fade_in_until = 9840;
    s.silent_from = 38400;
    s.silent_until = 48000;
    record_synth(st->path[0], &s);
    a = open_sound(st->path[0], &s.tones);
    d = damage_of(&a);
    assert_int_equal(d.event_count, 0);
    assert_int_equal(d.span_count, 1);
    assert_in_range(d.spans[0].lead_in_ns, 205 * NS_PER_MS, 215 * NS_PER_MS);
    assert_in_range(d.spans[0].lead_in_dirty_ns, 10 * NS_PER_MS, 30 * NS_PER_MS);
    assert_in_range(d.spans[0].tail_ns, 180 * NS_PER_MS, 210 * NS_PER_MS);
    assert_int_equal(d.spans[0].cause, RECORD_STOPPED);
    truth_damage_free(&d);
    close_sound(&a);
}

/* Two segments with an xrun between them: the silence before it is damage, the fade-in after it is not. */
static void test_xrun_divides(void **state)
{
    struct state *st = *state;
    struct synth s = PLAIN;
    struct record_writer *w = NULL;
    struct sound a;
    struct truth_damage d;
    raw_ns first = {0};

    assert_int_equal(record_writer_open(&w, st->path[0], RECORD_PLAYBACK, &first), 0);
    s.silent_from = 45600;
    s.silent_until = 48000;
    write_segment(w, &s);
    record_writer_end(w, RECORD_XRUN, (raw_ns){EPOCH + NS_PER_S}, (raw_ns){EPOCH + NS_PER_S});
    s.silent_from = NO_FRAME;
    s.law.t0.ns += 1100 * NS_PER_MS;
    s.fade_in_from = 4800;
    s.fade_in_until = 5040;
    write_segment(w, &s);
    record_writer_close(w);

    a = open_sound(st->path[0], &s.tones);
    d = damage_of(&a);
    assert_int_equal(d.event_count, 1);
    assert_true(d.events[0].silent);
    assert_in_range(d.damaged_ns, 50 * NS_PER_MS, 70 * NS_PER_MS);
    assert_int_equal(d.span_count, 2);
    assert_int_equal(d.spans[0].cause, RECORD_XRUN);
    assert_int_equal(d.spans[1].cause, RECORD_OPEN);
    assert_in_range(d.spans[1].sound.ns - d.spans[1].t0.ns, 110 * NS_PER_MS, 130 * NS_PER_MS);

    {
        struct truth_stall stalls[] = {{{EPOCH + 870 * NS_PER_MS}, 4 * NS_PER_MS},
                                       {{EPOCH + 930 * NS_PER_MS}, 2 * NS_PER_MS}};
        struct truth_stall pieces[] = {{{EPOCH + 930 * NS_PER_MS}, 2 * NS_PER_MS},
                                       {{EPOCH + 915 * NS_PER_MS}, 2 * NS_PER_MS},
                                       {{EPOCH + 928 * NS_PER_MS}, 2 * NS_PER_MS},
                                       {{EPOCH + 935 * NS_PER_MS}, 2 * NS_PER_MS}};

        truth_explain(&d, stalls, 2, 3 * NS_PER_MS);
        assert_true(d.events[0].explained); /* 80 ms before */
        assert_false(d.spans[0].explained); /* the long one is 130 ms before, the near one too short */
        truth_explain(&d, stalls, 2, NS_PER_MS);
        assert_true(d.spans[0].explained);
        truth_explain(&d, pieces, 4, 3 * NS_PER_MS);
        assert_true(d.spans[0].explained); /* two of 2 ms within 10 ms */
        truth_explain(&d, pieces, 4, 5 * NS_PER_MS);
        assert_false(d.spans[0].explained); /* a third is of another witness, the fourth too early */
        truth_explain(&d, stalls, 2, 5 * NS_PER_MS);
        assert_false(d.events[0].explained);
    }
    truth_damage_free(&d);
    close_sound(&a);
}

static void test_half_the_level_is_damage(void **state)
{
    struct state *st = *state;
    struct synth s = PLAIN;
    struct record_writer *w = NULL;
    struct sound a;
    raw_ns first = {0};

    assert_int_equal(record_writer_open(&w, st->path[0], RECORD_PLAYBACK, &first), 0);
    write_segment(w, &s);
    s.law.t0.ns += 2 * NS_PER_S;
    s.frames = 9600;
    s.amplitude /= 2;
    write_segment(w, &s);
    record_writer_close(w);
    a = open_sound(st->path[0], &s.tones);
    assert_int_equal(truth_judge_window(&a.judge, &a.w[10]), TRUTH_CLEAN);
    assert_int_equal(truth_judge_window(&a.judge, &a.w[a.n - 1]), TRUTH_DIRTY);
    close_sound(&a);
}

static void test_known_distortion(void **state)
{
    struct state *st = *state;
    struct synth s = PLAIN;
    struct sound a;
    double ratio = 0;

    s.second_harmonic = s.amplitude * 1e-4;
    record_synth(st->path[0], &s);
    a = open_sound(st->path[0], &s.tones);
    for (size_t i = 0; i < a.n; i++)
        ratio += a.w[i].residual * a.w[i].residual / a.w[i].amplitude[0] / a.w[i].amplitude[0];
    assert_true(fabs(truth_db(sqrt(ratio / (double)a.n)) + 80) < 0.1);
    assert_true(fabs(truth_db(a.w[10].amplitude[0]) - truth_db(0.25)) < 1e-4);
    close_sound(&a);
}

/* A track that is updated as its recording grows finds the same windows as one that comes later. */
static void test_growing_track(void **state)
{
    struct state *st = *state;
    struct synth s = PLAIN;
    struct record_writer *w = NULL;
    struct record *r = NULL;
    struct truth_track *t = NULL;
    struct sound a;
    struct record_segment segment = {.law = s.law, .channels = 2};
    raw_ns first = {0};
    size_t n = 0;
    int32_t frame[2] = {0};

    assert_int_equal(record_writer_open(&w, st->path[0], RECORD_PLAYBACK, &first), 0);
    assert_int_equal(record_writer_setup(w, 48000, 2), 0);
    assert_int_equal(record_open(&r, st->path[0]), 0);
    assert_int_equal(truth_track_new(&t, r, &s.tones, 20 * NS_PER_MS, 10 * NS_PER_MS, 1), 0);
    assert_int_equal(truth_track_update(t), 0);
    record_writer_segment(w, &segment);
    for (int64_t k = 0; k < 24000; k++) {
        frame[1] = (int32_t)lrint(synth_value(&s, k) * 0x1p31);
        record_writer_frames(w, frame, 1);
        if (k % 5000 == 0) {
            assert_int_equal(record_poll(r), 0);
            assert_int_equal(truth_track_update(t), 0);
        }
    }
    record_writer_sync(w);
    assert_int_equal(record_poll(r), 0);
    assert_int_equal(truth_track_update(t), 0);
    a = open_sound(st->path[0], &s.tones);
    assert_int_equal(a.n, 48);
    assert_memory_equal(truth_track_windows(t, &n), a.w, a.n * sizeof(*a.w));
    assert_int_equal(n, a.n);
    close_sound(&a);
    truth_track_free(t);
    record_close(r);
    record_writer_close(w);
}

static void test_figures(void **state)
{
    double values[1000];
    struct truth_stats s;

    (void)state;
    for (int i = 0; i < 1000; i++)
        values[i] = i < 500 ? -(i + 1) : i + 1;
    truth_stats_of(&s, values, 1000);
    assert_int_equal(s.count, 1000);
    assert_true(s.p50 == 500 && s.p99 == 990 && s.p999 == 999 && s.worst == 1000);
    assert_true(s.median == -1 && fabs(s.mean - 250) < 1e-9 && fabs(s.rms - 577.783) < 1e-3);
    truth_stats_of(&s, values, 0);
    assert_true(s.count == 0 && s.worst == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame_and_instant_agree),
        cmocka_unit_test(test_law_does_not_drift),
        cmocka_unit_test_setup_teardown(test_what_is_written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recording_is_read_while_it_grows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_torn_recording_is_continued, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_writer_and_no_foreign_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_realtime_is_interpolated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_offset_is_recovered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_tones_resolve_many_periods, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_rates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_source_phases_give_latency, setup, teardown),
        cmocka_unit_test(test_phases_of_large_times_are_exact),
        cmocka_unit_test_setup_teardown(test_whole_sound_is_clean, setup, teardown),
        cmocka_unit_test_setup_teardown(test_steering_is_no_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_millisecond_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_millisecond_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeated_frame_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_click_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lead_in_is_no_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_xrun_divides, setup, teardown),
        cmocka_unit_test_setup_teardown(test_half_the_level_is_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_known_distortion, setup, teardown),
        cmocka_unit_test_setup_teardown(test_growing_track, setup, teardown),
        cmocka_unit_test(test_figures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
