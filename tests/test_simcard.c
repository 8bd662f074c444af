// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The simulated sound card, through ALSA, as any program meets it. The card runs in real time, but no check
 * is one of duration: what the card said at a moment is compared with what its law, known from the recording,
 * says for a clock read before and for the stamp that came with the answer.
 *
 * UNISONO_SIMCARD_SO names the plugin.
 */
#include <alsa/asoundlib.h>

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "record.h"

/* The buffer is long, so that a machine that stalls for a third of a second does not spoil a test. */
enum { READINGS_MAX = 8000, PERIOD = 48, BUFFER = 16384 };

struct state {
    char dir[64];
    char conf[96];
    char playback[96], capture[96];
};

struct reading {
    raw_ns before, stamp;
    int64_t frame; /* at the converter, as the card said */
    int64_t hw;    /* its pointer */
    int64_t took_ns;
};

static int setup(void **state)
{
    struct state *s = calloc(1, sizeof(*s));

    if (!s)
        return -1;
    *state = s;
    snprintf(s->dir, sizeof(s->dir), "/tmp/unisono-test-simcard-XXXXXX");
    if (!mkdtemp(s->dir))
        return -1;
    snprintf(s->conf, sizeof(s->conf), "%s/asound.conf", s->dir);
    snprintf(s->playback, sizeof(s->playback), "%s/card.playback", s->dir);
    snprintf(s->capture, sizeof(s->capture), "%s/card.capture", s->dir);
    return 0;
}

static int teardown(void **state)
{
    struct state *s = *state;

    snd_config_update_free_global();
    unlink(s->conf);
    unlink(s->playback);
    unlink(s->capture);
    rmdir(s->dir);
    free(s);
    return 0;
}

/* Lets ALSA know one card, pcm `card`, with these parameters. */
static void configure(const struct state *s, const char *parameters)
{
    const char *so = getenv("UNISONO_SIMCARD_SO");
    FILE *f = fopen(s->conf, "w");

    if (!so)
        fail_msg("UNISONO_SIMCARD_SO is not set; set it to the absolute path of the plugin's .so");
    assert_non_null(f);
    fprintf(f, "pcm_type.unisono_sim { lib \"%s\" }\npcm.card { type unisono_sim record \"%s/card\" %s }\n",
            so, s->dir, parameters);
    assert_int_equal(fclose(f), 0);
    setenv("ALSA_CONFIG_PATH", s->conf, 1);
    snd_config_update_free_global();
}

static int hw_setup(snd_pcm_t *pcm, snd_pcm_access_t access, snd_pcm_format_t format, unsigned channels,
                    unsigned rate)
{
    snd_pcm_hw_params_t *hw = NULL;
    snd_pcm_uframes_t period = PERIOD, buffer = BUFFER;
    int err = snd_pcm_hw_params_malloc(&hw);

    if (err == 0)
        err = snd_pcm_hw_params_any(pcm, hw);
    if (err >= 0)
        err = snd_pcm_hw_params_set_access(pcm, hw, access);
    if (err == 0)
        err = snd_pcm_hw_params_set_format(pcm, hw, format);
    if (err == 0)
        err = snd_pcm_hw_params_set_channels(pcm, hw, channels);
    if (err == 0)
        err = snd_pcm_hw_params_set_rate(pcm, hw, rate, 0);
    if (err == 0)
        err = snd_pcm_hw_params_set_buffer_size(pcm, hw, buffer);
    if (err == 0)
        err = snd_pcm_hw_params_set_period_size_near(pcm, hw, &period, NULL);
    if (err == 0)
        err = snd_pcm_hw_params(pcm, hw);
    snd_pcm_hw_params_free(hw);
    return err;
}

static void sw_setup(snd_pcm_t *pcm, snd_pcm_uframes_t start, bool never_stop)
{
    snd_pcm_sw_params_t *sw = NULL;
    snd_pcm_uframes_t boundary = 0;

    assert_int_equal(snd_pcm_sw_params_malloc(&sw), 0);
    assert_int_equal(snd_pcm_sw_params_current(pcm, sw), 0);
    assert_int_equal(snd_pcm_sw_params_get_boundary(sw, &boundary), 0);
    assert_int_equal(snd_pcm_sw_params_set_start_threshold(pcm, sw, start ? start : boundary), 0);
    if (never_stop)
        assert_int_equal(snd_pcm_sw_params_set_stop_threshold(pcm, sw, boundary), 0);
    assert_int_equal(snd_pcm_sw_params_set_avail_min(pcm, sw, 256), 0);
    assert_int_equal(snd_pcm_sw_params_set_tstamp_mode(pcm, sw, SND_PCM_TSTAMP_ENABLE), 0);
    assert_int_equal(snd_pcm_sw_params_set_tstamp_type(pcm, sw, SND_PCM_TSTAMP_TYPE_MONOTONIC_RAW), 0);
    assert_int_equal(snd_pcm_sw_params(pcm, sw), 0);
    snd_pcm_sw_params_free(sw);
}

static void set_avail_min(snd_pcm_t *pcm, snd_pcm_uframes_t frames)
{
    snd_pcm_sw_params_t *sw = NULL;

    assert_int_equal(snd_pcm_sw_params_malloc(&sw), 0);
    assert_int_equal(snd_pcm_sw_params_current(pcm, sw), 0);
    assert_int_equal(snd_pcm_sw_params_set_avail_min(pcm, sw, frames), 0);
    assert_int_equal(snd_pcm_sw_params(pcm, sw), 0);
    snd_pcm_sw_params_free(sw);
}

/* Opens the card the way the daemons do: mono S32 at 48 kHz, explicit start, raw stamps. */
static snd_pcm_t *open_card(snd_pcm_stream_t stream, int mode, bool never_stop)
{
    snd_pcm_t *pcm = NULL;

    assert_int_equal(snd_pcm_open(&pcm, "card", stream, mode), 0);
    assert_int_equal(hw_setup(pcm, SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_FORMAT_S32_LE, 1, 48000), 0);
    sw_setup(pcm, 0, never_stop);
    return pcm;
}

static raw_ns raw_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (raw_ns){t.tv_sec * NS_PER_S + t.tv_nsec};
}

/* Writes frames whose value is their number, from *next on, as many as there is room for. */
static int write_counting(snd_pcm_t *pcm, int64_t *next, int64_t count)
{
    int32_t block[BUFFER];
    snd_pcm_sframes_t n = 0;

    count = count < BUFFER ? count : BUFFER;
    for (int64_t k = 0; k < count; k++)
        block[k] = (int32_t)(*next + k);
    n = snd_pcm_writei(pcm, block, (snd_pcm_uframes_t)count);
    if (n > 0)
        *next += n;
    return n < 0 ? (int)n : 0;
}

static snd_pcm_state_t take_reading(snd_pcm_t *pcm, struct reading *r, int64_t written)
{
    snd_pcm_status_t *status = NULL;
    snd_htimestamp_t stamp = {0};
    snd_pcm_state_t s = SND_PCM_STATE_OPEN;

    assert_int_equal(snd_pcm_status_malloc(&status), 0);
    r->before = raw_now();
    assert_int_equal(snd_pcm_status(pcm, status), 0);
    r->took_ns = raw_now().ns - r->before.ns;
    snd_pcm_status_get_htstamp(status, &stamp);
    r->stamp.ns = stamp.tv_sec * NS_PER_S + stamp.tv_nsec;
    r->frame = written - snd_pcm_status_get_delay(status);
    r->hw = written - (BUFFER - (int64_t)snd_pcm_status_get_avail(status));
    s = snd_pcm_status_get_state(status);
    snd_pcm_status_free(status);
    return s;
}

static void check_reading(const struct reading *r, const struct record_segment *s)
{
    int64_t granule = s->granule, fifo = s->fifo;
    int64_t least = (card_law_frame(&s->law, r->before) + fifo) / granule * granule - fifo;

    assert_true(r->stamp.ns >= r->before.ns);
    assert_true(r->frame >= least);
    assert_true(r->frame <= card_law_frame(&s->law, r->stamp));
    assert_int_equal(r->hw % granule, 0);
    /* held up in between, the plugin answers for two moments */
    if (r->took_ns < 150 * NS_PER_US)
        assert_int_equal(r->frame, r->hw - fifo);
}

static struct record *open_recording(const char *path)
{
    struct record *r = NULL;

    assert_int_equal(record_open(&r, path), 0);
    return r;
}

/* The recorded value of frame n of segment i, as an S32. */
static int64_t recorded(const struct record *r, size_t i, int64_t n)
{
    double v = 0;

    assert_int_equal(record_samples(r, i, n, 1, 0, &v), 0);
    return (int64_t)(v * 0x1p31);
}

/* --- playback --- */

#define STALL_NS (10 * NS_PER_MS) /* a machine that stands still for so long may let the card run dry */

/* False: the machine stood still, so the card may have run dry. */
static bool play_once(struct state *st, const char *parameters, int64_t trim_ppt)
{
    struct reading *readings = calloc(READINGS_MAX, sizeof(*readings));
    snd_pcm_t *pcm = NULL;
    struct record *r = NULL;
    const struct record_segment *s = NULL;
    int64_t written = 0;
    bool stood = false;
    raw_ns last;
    int count = 0;

    assert_non_null(readings);
    unlink(st->playback);
    configure(st, parameters);
    pcm = open_card(SND_PCM_STREAM_PLAYBACK, SND_PCM_NONBLOCK, false);
    assert_int_equal(write_counting(pcm, &written, BUFFER), 0);
    assert_int_equal(written, BUFFER);
    assert_int_equal(snd_pcm_state(pcm), SND_PCM_STATE_PREPARED);
    last = raw_now();
    assert_int_equal(snd_pcm_start(pcm), 0);
    while (written < BUFFER + 6000) {
        struct reading reading;
        snd_pcm_state_t now = take_reading(pcm, &reading, written);

        stood = raw_now().ns - last.ns > STALL_NS;
        if (stood)
            break;
        last = raw_now();
        assert_int_equal(now, SND_PCM_STATE_RUNNING);
        if (count < READINGS_MAX && (count == 0 || reading.before.ns > readings[count - 1].before.ns + 25000))
            readings[count++] = reading;
        if (snd_pcm_avail_update(pcm) >= 256)
            assert_int_equal(write_counting(pcm, &written, 256), 0);
    }
    assert_int_equal(snd_pcm_drop(pcm), 0);
    stood = stood || raw_now().ns - last.ns > STALL_NS;
    assert_int_equal(snd_pcm_close(pcm), 0);
    if (stood) {
        free(readings);
        return false;
    }

    r = open_recording(st->playback);
    assert_int_equal(record_segments(r), 1);
    s = record_segment(r, 0);
    assert_int_equal(s->law.trim_ppt, trim_ppt);
    assert_int_equal(s->cause, RECORD_STOPPED);
    assert_true(s->frames <= written && s->frames == card_law_frame(&s->law, s->end) + s->fifo);
    assert_true(count > 0);
    for (int i = 0; i < count; i++)
        check_reading(&readings[i], s);
    for (int64_t k = 0; k < s->frames; k++)
        assert_int_equal(recorded(r, 0, k), k);
    assert_true(record_clocks(r) >= 1);
    record_close(r);
    free(readings);
    return true;
}

static void play_and_check(struct state *st, const char *parameters, int64_t trim_ppt)
{
    for (int i = 0; i < 20; i++)
        if (play_once(st, parameters, trim_ppt))
            return;
    fail_msg("the machine stood still for 10 ms in each of 20 runs");
}

static void test_pointer_follows_the_law(void **state)
{
    play_and_check(*state, "ppm 0", 0);
    play_and_check(*state, "ppm -80.5 granule 1 fifo 32", -80500000);
    play_and_check(*state, "ppm 50 granule 6", 50000000);
    play_and_check(*state, "ppm '123.456789' granule 48 fifo 17", 123456789);
}

/* snd_pcm_delay() by itself says how it is now, not how it was. */
static void test_delay_is_of_now(void **state)
{
    struct state *st = *state;
    raw_ns before[200], after[200];
    int64_t frame[200], written = 0;
    snd_pcm_t *pcm = NULL;
    struct record *r = NULL;

    configure(st, "fifo 5");
    pcm = open_card(SND_PCM_STREAM_PLAYBACK, 0, false);
    assert_int_equal(write_counting(pcm, &written, BUFFER), 0);
    assert_int_equal(snd_pcm_start(pcm), 0);
    for (int i = 0; i < 200; i++) {
        snd_pcm_sframes_t delay = 0;

        before[i] = raw_now();
        assert_int_equal(snd_pcm_delay(pcm, &delay), 0);
        after[i] = raw_now();
        frame[i] = written - delay;
    }
    snd_pcm_close(pcm);
    r = open_recording(st->playback);
    for (int i = 0; i < 200; i++) {
        assert_true(frame[i] >= card_law_frame(&record_segment(r, 0)->law, before[i]));
        assert_true(frame[i] <= card_law_frame(&record_segment(r, 0)->law, after[i]));
    }
    record_close(r);
}

static void test_underrun_is_exact_and_recovered(void **state)
{
    struct state *st = *state;
    struct reading reading;
    snd_pcm_t *pcm = NULL;
    struct record *r = NULL;
    const struct record_segment *s = NULL;
    int64_t written = 0;

    configure(st, "ppm 50 fifo 20 granule 6");
    pcm = open_card(SND_PCM_STREAM_PLAYBACK, SND_PCM_NONBLOCK, false);
    assert_int_equal(snd_pcm_start(pcm), -EPIPE); /* nothing to play */
    assert_int_equal(write_counting(pcm, &written, 481), 0);
    assert_int_equal(snd_pcm_start(pcm), 0);
    while (take_reading(pcm, &reading, written) == SND_PCM_STATE_RUNNING)
        ;
    assert_int_equal(snd_pcm_state(pcm), SND_PCM_STATE_XRUN);
    assert_int_equal(take_reading(pcm, &reading, written), SND_PCM_STATE_XRUN);
    assert_int_equal(write_counting(pcm, &written, 48), -EPIPE);
    assert_int_equal(snd_pcm_prepare(pcm), 0);
    assert_int_equal(snd_pcm_state(pcm), SND_PCM_STATE_PREPARED);
    written = 0;
    assert_int_equal(write_counting(pcm, &written, 480), 0);
    assert_int_equal(snd_pcm_start(pcm), 0);
    assert_int_equal(snd_pcm_close(pcm), 0);

    r = open_recording(st->playback);
    assert_int_equal(record_segments(r), 2);
    s = record_segment(r, 0);
    assert_int_equal(s->cause, RECORD_XRUN);
    assert_int_equal(s->frames, 481);
    assert_int_equal(card_law_frame(&s->law, s->end), 481 - 20);
    assert_int_equal(card_law_frame(&s->law, (raw_ns){s->end.ns - 1}), 481 - 21);
    assert_true(s->seen.ns >= s->end.ns);
    assert_true(record_segment(r, 1)->law.t0.ns > s->seen.ns);
    assert_int_equal(record_segment(r, 1)->cause, RECORD_STOPPED);
    record_close(r);
}

static void test_forced_xruns(void **state)
{
    struct state *st = *state;
    snd_pcm_t *pcm = NULL;
    struct record *r = NULL;
    int64_t written = 0;
    int err = 0;

    configure(st, "xrun_at '0.05,0.5' fifo 3");
    pcm = open_card(SND_PCM_STREAM_PLAYBACK, 0, false);
    for (int xruns = 0; xruns < 2; xruns++) {
        written = 0;
        assert_int_equal(write_counting(pcm, &written, BUFFER), 0);
        assert_int_equal(snd_pcm_start(pcm), 0);
        do
            err = write_counting(pcm, &written, 48);
        while (err == 0);
        assert_int_equal(err, -EPIPE);
        assert_int_equal(snd_pcm_prepare(pcm), 0);
    }
    snd_pcm_close(pcm);
    r = open_recording(st->playback);
    assert_int_equal(record_segments(r), 2);
    for (size_t i = 0; i < 2; i++) {
        const struct record_segment *s = record_segment(r, i);

        assert_int_equal(s->cause, RECORD_XRUN_FORCED);
        assert_int_equal(s->end.ns, record_segment(r, 0)->law.t0.ns + (i ? 500 : 50) * NS_PER_MS);
        assert_int_equal(s->frames, card_law_frame(&s->law, s->end) + 3);
    }
    record_close(r);
}

static void test_drain_plays_all(void **state)
{
    struct state *st = *state;
    snd_pcm_t *pcm = NULL;
    struct record *r = NULL;
    int64_t written = 0;

    configure(st, "granule 48 fifo 7");
    pcm = open_card(SND_PCM_STREAM_PLAYBACK, 0, false);
    assert_int_equal(write_counting(pcm, &written, 1001), 0); /* no multiple of the granule */
    assert_int_equal(snd_pcm_drain(pcm), 0);                  /* which starts it, too */
    assert_int_equal(snd_pcm_state(pcm), SND_PCM_STATE_SETUP);
    snd_pcm_close(pcm);
    r = open_recording(st->playback);
    assert_int_equal(record_segment(r, 0)->cause, RECORD_DRAINED);
    assert_int_equal(record_segment(r, 0)->frames, 1001);
    assert_int_equal(recorded(r, 0, 1000), 1000);
    record_close(r);
}

/* With the stop threshold at the boundary the card runs on, and what was not written is silent. */
static void test_card_runs_on(void **state)
{
    struct state *st = *state;
    struct reading reading = {0};
    snd_pcm_t *pcm = NULL;
    struct record *r = NULL;
    int64_t written = 0, late = 0;
    snd_pcm_sframes_t forward = 0;

    configure(st, "ppm 10");
    pcm = open_card(SND_PCM_STREAM_PLAYBACK, SND_PCM_NONBLOCK, true);
    assert_int_equal(write_counting(pcm, &written, 100), 0);
    assert_int_equal(snd_pcm_start(pcm), 0);
    while (reading.frame < 500)
        assert_int_equal(take_reading(pcm, &reading, written), SND_PCM_STATE_RUNNING);
    /* so far that the card comes round to the first frames again */
    forward = snd_pcm_forward(pcm, (snd_pcm_uframes_t)(reading.frame - written + BUFFER - 1000));
    assert_true(forward > 0);
    written += forward;
    late = written;
    assert_int_equal(write_counting(pcm, &written, 100), 0);
    while (reading.frame < late + 800)
        assert_int_equal(take_reading(pcm, &reading, written), SND_PCM_STATE_RUNNING);
    snd_pcm_close(pcm);
    r = open_recording(st->playback);
    assert_int_equal(record_segments(r), 1);
    assert_true(late < BUFFER && late + 800 > BUFFER + 100);
    assert_true(record_segment(r, 0)->frames >= late + 800);
    for (int64_t k = 1; k < late + 800; k++)
        assert_int_equal(recorded(r, 0, k), k < 100 || (k >= late && k < late + 100) ? k : 0);
    record_close(r);
}

/* Until a frame has been taken the program may change its mind. */
static void test_rewound_frames_are_replaced(void **state)
{
    struct state *st = *state;
    snd_pcm_t *pcm = NULL;
    struct record *r = NULL;
    int64_t written = 0, replaced = 5000;

    configure(st, "");
    pcm = open_card(SND_PCM_STREAM_PLAYBACK, 0, false);
    assert_int_equal(write_counting(pcm, &written, BUFFER), 0);
    assert_int_equal(snd_pcm_rewind(pcm, 24), 24);
    assert_int_equal(write_counting(pcm, &replaced, 24), 0);
    assert_int_equal(snd_pcm_start(pcm), 0);
    assert_int_equal(snd_pcm_drain(pcm), 0);
    snd_pcm_close(pcm);
    r = open_recording(st->playback);
    assert_int_equal(record_segment(r, 0)->frames, BUFFER);
    assert_int_equal(recorded(r, 0, BUFFER - 25), BUFFER - 25);
    assert_int_equal(recorded(r, 0, BUFFER - 24), 5000);
    assert_int_equal(recorded(r, 0, BUFFER - 1), 5023);
    record_close(r);
}

/* Whoever waits is woken when there is room, neither before nor never. */
static void test_wait_is_for_room(void **state)
{
    struct state *st = *state;
    snd_pcm_t *pcm = NULL;
    int64_t written = 0;

    configure(st, "ppm -300 granule 48 fifo 10");
    pcm = open_card(SND_PCM_STREAM_PLAYBACK, SND_PCM_NONBLOCK, false);
    assert_int_equal(write_counting(pcm, &written, BUFFER), 0);
    assert_int_equal(snd_pcm_start(pcm), 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(snd_pcm_wait(pcm, 10000), 1);
        assert_true(snd_pcm_avail_update(pcm) >= 256);
        assert_int_equal(write_counting(pcm, &written, BUFFER), 0);
    }
    snd_pcm_close(pcm);
}

/* The same with a descriptor fetched once, as an event loop does; at the end comes the underrun. */
static void test_descriptor_is_ready_when_there_is_room(void **state)
{
    struct state *st = *state;
    snd_pcm_t *pcm = NULL;
    int64_t written = 0;
    struct pollfd fd = {0};
    unsigned short revents = 0;

    configure(st, "ppm -300 granule 48 fifo 10");
    pcm = open_card(SND_PCM_STREAM_PLAYBACK, SND_PCM_NONBLOCK, false);
    set_avail_min(pcm, BUFFER / 2);
    assert_int_equal(snd_pcm_poll_descriptors_count(pcm), 1);
    assert_int_equal(snd_pcm_poll_descriptors(pcm, &fd, 1), 1);
    assert_int_equal(poll(&fd, 1, 10000), 1); /* there is room before the start */
    assert_int_equal(write_counting(pcm, &written, BUFFER), 0);
    assert_int_equal(poll(&fd, 1, 0), 0);
    assert_int_equal(snd_pcm_start(pcm), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(poll(&fd, 1, 0), 0); /* not for a sixth of a second */
        do {
            assert_int_equal(poll(&fd, 1, 10000), 1);
            assert_int_equal(snd_pcm_poll_descriptors_revents(pcm, &fd, 1, &revents), 0);
        } while (revents == 0);
        assert_int_equal(revents, POLLOUT);
        assert_true(snd_pcm_avail_update(pcm) >= BUFFER / 2);
        assert_int_equal(poll(&fd, 1, 0), 1); /* it stays ready until something is written */
        assert_int_equal(write_counting(pcm, &written, BUFFER), 0);
    }
    while (!(revents & POLLERR)) {
        assert_int_equal(poll(&fd, 1, 10000), 1);
        assert_int_equal(snd_pcm_poll_descriptors_revents(pcm, &fd, 1, &revents), 0);
    }
    assert_int_equal(snd_pcm_state(pcm), SND_PCM_STATE_XRUN);
    assert_int_equal(snd_pcm_wait(pcm, 10000), -EPIPE);
    snd_pcm_close(pcm);
}

/* A fault wakes whoever waits, although there is no room yet. */
static void test_fault_ends_the_wait(void **state)
{
    struct state *st = *state;
    snd_pcm_t *pcm = NULL;
    struct record *r = NULL;
    const struct record_segment *s = NULL;
    int64_t written = 0;

    configure(st, "xrun_at 0.02");
    pcm = open_card(SND_PCM_STREAM_PLAYBACK, SND_PCM_NONBLOCK, false);
    set_avail_min(pcm, BUFFER - 1);
    assert_int_equal(write_counting(pcm, &written, BUFFER), 0);
    assert_int_equal(snd_pcm_start(pcm), 0);
    assert_int_equal(snd_pcm_wait(pcm, 10000), -EPIPE);
    snd_pcm_close(pcm);
    r = open_recording(st->playback);
    s = record_segment(r, 0);
    assert_int_equal(s->cause, RECORD_XRUN_FORCED);
    assert_true(card_law_frame(&s->law, s->seen) < BUFFER - 1);
    record_close(r);
}

static void test_mmap_and_channels(void **state)
{
    struct state *st = *state;
    const snd_pcm_channel_area_t *areas = NULL;
    snd_pcm_uframes_t offset = 0, frames = 480;
    snd_pcm_t *pcm = NULL;
    struct record *r = NULL;
    double v[480];

    configure(st, "");
    assert_int_equal(snd_pcm_open(&pcm, "card", SND_PCM_STREAM_PLAYBACK, 0), 0);
    assert_int_equal(hw_setup(pcm, SND_PCM_ACCESS_MMAP_NONINTERLEAVED, SND_PCM_FORMAT_S16_LE, 64, 96000), 0);
    assert_true(snd_pcm_avail_update(pcm) >= 480);
    assert_int_equal(snd_pcm_mmap_begin(pcm, &areas, &offset, &frames), 0);
    assert_int_equal(frames, 480);
    for (unsigned c = 0; c < 64; c++)
        for (unsigned k = 0; k < 480; k++) {
            int16_t sample = (int16_t)(100 * c + k);

            memcpy((char *)areas[c].addr + (areas[c].first + areas[c].step * (offset + k)) / 8, &sample,
                   sizeof(sample));
        }
    assert_int_equal(snd_pcm_mmap_commit(pcm, offset, frames), 480);
    assert_int_equal(snd_pcm_drain(pcm), 0);
    snd_pcm_close(pcm);
    r = open_recording(st->playback);
    for (uint32_t c = 0; c < 64; c++) {
        assert_int_equal(record_samples(r, 0, 0, 480, c, v), 0);
        for (unsigned k = 0; k < 480; k++)
            assert_true(v[k] == (int16_t)(100 * c + k) * 0x1p-15);
    }
    record_close(r);
}

static void test_formats(void **state)
{
    static const struct {
        snd_pcm_format_t format;
        unsigned char bytes[8]; /* two frames of one channel */
        int64_t s32[2];
    } cases[] = {
        {SND_PCM_FORMAT_S16_LE, {0x34, 0x12, 0x00, 0x80}, {0x12340000, INT32_MIN}},
        {SND_PCM_FORMAT_S24_LE, {0x56, 0x34, 0x12, 0x00, 0xff, 0xff, 0xff, 0xff}, {0x12345600, -256}},
        {SND_PCM_FORMAT_S24_3LE, {0x56, 0x34, 0x12, 0x00, 0x00, 0x80}, {0x12345600, INT32_MIN}},
        {SND_PCM_FORMAT_S32_LE, {0x78, 0x56, 0x34, 0x12, 0xff, 0xff, 0xff, 0xff}, {0x12345678, -1}},
        {SND_PCM_FORMAT_FLOAT_LE, {0, 0, 0x80, 0x3e, 0, 0, 0x80, 0xbf}, {0x20000000, INT32_MIN}},
        {SND_PCM_FORMAT_FLOAT_LE, {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}, {INT32_MAX, INT32_MIN}},
    };
    struct state *st = *state;

    configure(st, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snd_pcm_t *pcm = NULL;
        struct record *r = NULL;

        unlink(st->playback);
        assert_int_equal(snd_pcm_open(&pcm, "card", SND_PCM_STREAM_PLAYBACK, 0), 0);
        assert_int_equal(hw_setup(pcm, SND_PCM_ACCESS_RW_INTERLEAVED, cases[i].format, 1, 44100), 0);
        sw_setup(pcm, 0, false);
        assert_int_equal(snd_pcm_writei(pcm, cases[i].bytes, 2), 2);
        assert_int_equal(snd_pcm_drain(pcm), 0);
        snd_pcm_close(pcm);
        r = open_recording(st->playback);
        assert_int_equal(recorded(r, 0, 0), cases[i].s32[0]);
        assert_int_equal(recorded(r, 0, 1), cases[i].s32[1]);
        record_close(r);
    }
}

/* --- capture --- */

/* What the source is at frame n, by another way than the card computes it. */
static long double source_at(const struct card_law *law, int64_t n, const double *hertz, int tones,
                             double dbfs)
{
    struct instant t = card_law_instant(law, n);
    long double value = 0;

    for (int i = 0; i < tones; i++) {
        long double cycles = ((long double)t.at.ns + (long double)t.part) * (long double)hertz[i] * 1e-9L;

        value += powl(10, (long double)dbfs / 20) * sinl(2 * (long double)M_PI * (cycles - floorl(cycles)));
    }
    return value;
}

static void capture_and_check(struct state *st, const char *parameters, const double *hertz, int tones,
                              double dbfs)
{
    static int32_t words[2 * 9600];
    struct reading reading;
    snd_pcm_t *pcm = NULL;
    struct record *r = NULL;
    const struct record_segment *s = NULL;
    struct card_law law;

    unlink(st->capture);
    configure(st, parameters);
    assert_int_equal(snd_pcm_open(&pcm, "card", SND_PCM_STREAM_CAPTURE, 0), 0);
    assert_int_equal(hw_setup(pcm, SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_FORMAT_S32_LE, 2, 48000), 0);
    sw_setup(pcm, 1, false);
    for (int done = 0; done < 9600; done += 480)
        assert_int_equal(snd_pcm_readi(pcm, words + 2 * done, 480), 480);
    take_reading(pcm, &reading, 0);
    assert_int_equal(snd_pcm_close(pcm), 0);
    r = open_recording(st->capture);
    assert_int_equal(record_kind(r), RECORD_CAPTURE);
    s = record_segment(r, 0);
    law = s->law;
    for (int k = 0; k < 9600; k++) {
        long double expected = source_at(&law, k, hertz, tones, dbfs);

        assert_true(fabsl((long double)words[2 * k] * 0x1p-31L - expected) < 2e-9L); /* 4 steps; -174 dB */
        assert_int_equal(words[2 * k], words[2 * k + 1]);
    }
    /* capture: delay counts what has been taken and not read; 9600 frames have been read */
    assert_true(9600 - reading.frame <= card_law_frame(&law, reading.stamp));
    assert_true(9600 - reading.frame >=
                (card_law_frame(&law, reading.before) - (int64_t)s->fifo) / s->granule * s->granule +
                    s->fifo);
    record_close(r);
}

static void test_capture_is_the_source(void **state)
{
    capture_and_check(*state, "ppm 17.3", (double[]){1000, 1010}, 2, -12);
    capture_and_check(*state, "ppm -80 granule 6 fifo 9 signal '997.125@-0.5'", (double[]){997.125}, 1, -0.5);
    capture_and_check(*state, "signal 440", (double[]){440}, 1, -12);
}

static void test_overrun(void **state)
{
    struct state *st = *state;
    int32_t block[BUFFER];
    snd_pcm_t *pcm = NULL;
    struct record *r = NULL;
    const struct record_segment *s = NULL;
    struct reading reading;

    configure(st, "ppm 17.3");
    pcm = open_card(SND_PCM_STREAM_CAPTURE, SND_PCM_NONBLOCK, false);
    assert_int_equal(snd_pcm_start(pcm), 0);
    while (take_reading(pcm, &reading, 0) == SND_PCM_STATE_RUNNING)
        ;
    assert_int_equal(snd_pcm_state(pcm), SND_PCM_STATE_XRUN);
    assert_int_equal(snd_pcm_readi(pcm, block, 1), -EPIPE);
    assert_int_equal(snd_pcm_prepare(pcm), 0);
    assert_int_equal(snd_pcm_start(pcm), 0);
    assert_int_equal(snd_pcm_wait(pcm, 10000), 1);
    assert_true(snd_pcm_avail_update(pcm) >= 256);
    snd_pcm_close(pcm);
    r = open_recording(st->capture);
    assert_int_equal(record_segments(r), 2);
    s = record_segment(r, 0);
    assert_int_equal(s->cause, RECORD_XRUN);
    assert_int_equal(card_law_frame(&s->law, s->end), BUFFER);
    record_close(r);
}

/* --- what a card cannot do, and faults --- */

static void test_restrictions(void **state)
{
    static const struct {
        snd_pcm_format_t format;
        unsigned channels, rate;
        bool can;
    } cases[] = {
        {SND_PCM_FORMAT_S16_LE, 2, 48000, true},  {SND_PCM_FORMAT_S24_3LE, 8, 44100, true},
        {SND_PCM_FORMAT_S32_LE, 2, 48000, false}, {SND_PCM_FORMAT_S16_LE, 1, 48000, false},
        {SND_PCM_FORMAT_S16_LE, 2, 96000, false},
    };
    struct state *st = *state;

    configure(st, "formats 'S16_LE,S24_3LE' rates '44100,48000' channels '2,8'");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snd_pcm_t *pcm = NULL;
        int err = 0;

        assert_int_equal(snd_pcm_open(&pcm, "card", SND_PCM_STREAM_PLAYBACK, 0), 0);
        err = hw_setup(pcm, SND_PCM_ACCESS_RW_INTERLEAVED, cases[i].format, cases[i].channels, cases[i].rate);
        assert_int_equal(err, cases[i].can ? 0 : -EINVAL);
        snd_pcm_close(pcm);
    }
}

static void test_one_program_at_a_time(void **state)
{
    struct state *st = *state;
    snd_pcm_t *first = NULL, *second = NULL, *capture = NULL;

    configure(st, "");
    first = open_card(SND_PCM_STREAM_PLAYBACK, 0, false);
    assert_int_equal(snd_pcm_open(&second, "card", SND_PCM_STREAM_PLAYBACK, 0), -EBUSY);
    capture = open_card(SND_PCM_STREAM_CAPTURE, 0, false);
    snd_pcm_close(capture);
    snd_pcm_close(first);
    assert_int_equal(snd_pcm_open(&second, "card", SND_PCM_STREAM_PLAYBACK, 0), 0);
    snd_pcm_close(second);
}

/* Plays until the device is gone. */
static void play_until_unplugged(void)
{
    snd_pcm_t *pcm = open_card(SND_PCM_STREAM_PLAYBACK, 0, false);
    int64_t written = 0;
    int err = 0;

    assert_int_equal(write_counting(pcm, &written, BUFFER), 0);
    assert_int_equal(snd_pcm_start(pcm), 0);
    do
        err = write_counting(pcm, &written, 48);
    while (err == 0);
    assert_int_equal(err, -ENODEV);
    assert_int_equal(snd_pcm_state(pcm), SND_PCM_STATE_DISCONNECTED);
    assert_int_equal(snd_pcm_prepare(pcm), -ENODEV);
    assert_int_equal(snd_pcm_writei(pcm, &err, 1), -ENODEV);
    assert_int_equal(snd_pcm_close(pcm), 0);
}

static void test_unplugged(void **state)
{
    struct state *st = *state;
    struct record *r = NULL;
    const struct record_segment *s = NULL;
    snd_pcm_t *pcm = NULL;

    configure(st, "unplug_at 0.03 unplug_for 100000");
    play_until_unplugged();
    assert_int_equal(snd_pcm_open(&pcm, "card", SND_PCM_STREAM_PLAYBACK, 0), -ENODEV);
    r = open_recording(st->playback);
    s = record_segment(r, 0);
    assert_int_equal(s->cause, RECORD_UNPLUGGED);
    assert_int_equal(s->end.ns, s->law.t0.ns + 30 * NS_PER_MS);
    assert_int_equal(s->frames, card_law_frame(&s->law, s->end));
    record_close(r);

    unlink(st->playback);
    configure(st, "unplug_at 0.03 unplug_for 0.001");
    play_until_unplugged();
    while (snd_pcm_open(&pcm, "card", SND_PCM_STREAM_PLAYBACK, 0) == -ENODEV)
        ;
    assert_int_equal(hw_setup(pcm, SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_FORMAT_S32_LE, 1, 48000), 0);
    snd_pcm_close(pcm);
}

static void silent_handler(const char *file, int line, const char *function, int err, const char *fmt, ...)
{
    (void)file;
    (void)line;
    (void)function;
    (void)err;
    (void)fmt;
}

static void test_bad_parameters_are_refused(void **state)
{
    static const char *const bad[] = {
        "ppm 1001",
        "ppm '-1000.000001'",
        "ppm 'fast'",
        "granule 0",
        "granule 481",
        "granule 1.5",
        "fifo -1",
        "xrun_at '2,1'",
        "xrun_at '1,'",
        "rates '48000,44100'",
        "rates 1000",
        "channels 65",
        "channels '1,x'",
        "formats 'S16_LE,U8'",
        "formats ''",
        "signal '1000,@'",
        "signal '1000,1010@-3'",
        "signal 0",
        "ppm '1 '",
        "colour blue",
    };
    struct state *st = *state;

    snd_lib_error_set_handler(silent_handler);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snd_pcm_t *pcm = NULL;

        configure(st, bad[i]);
        assert_int_equal(snd_pcm_open(&pcm, "card", SND_PCM_STREAM_PLAYBACK, 0), -EINVAL);
    }
    snd_lib_error_set_handler(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pointer_follows_the_law, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delay_is_of_now, setup, teardown),
        cmocka_unit_test_setup_teardown(test_underrun_is_exact_and_recovered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forced_xruns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_drain_plays_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_card_runs_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rewound_frames_are_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wait_is_for_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptor_is_ready_when_there_is_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fault_ends_the_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mmap_and_channels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_formats, setup, teardown),
        cmocka_unit_test_setup_teardown(test_capture_is_the_source, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overrun, setup, teardown),
        cmocka_unit_test_setup_teardown(test_restrictions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_program_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unplugged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_parameters_are_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
