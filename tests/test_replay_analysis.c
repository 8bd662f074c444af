// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * unisono-replay on made-up streams whose truth is known: the sender's clock, jitter, lead, what is wrong
 * with timestamps and reports; what the verdict makes of it; and what a receiver plays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/replay/play.h"
#include "tools/replay/verdict.h"

enum { FRAMES = 48, PACKETS = 20000, LINK_MS = 10, BYTES = FRAMES * 6 };

#define BEGIN_NS INT64_C(1700000000000000000) /* by PTP, of the first frame; a multiple of 48 frames */

/* One packet as it is captured; `gone`: it is not. */
struct made {
    struct rtp_packet rtp;
    int64_t arrival_ns;
    bool gone;
};

struct world {
    struct replay replay;
    struct replay_options options;
    struct made packets[PACKETS];
    unsigned count;
    uint64_t random;
    double offset_s, ppm; /* of the capture's clock: what it shows less PTP, and by how much it is slow */
    uint8_t payload[BYTES];
};

static double uniform(struct world *w)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (double)(w->random >> 11) / 9007199254740992.0;
}

/* What the capture's clock shows when it is so long after the beginning. */
static int64_t shown(const struct world *w, int64_t since_ns)
{
    return BEGIN_NS + llround(w->offset_s * 1e9) + since_ns - llround((double)since_ns * w->ppm * 1e-6);
}

/* A steady stream of Unisono, each packet sent right after its last sample. */
static struct world *make(double ppm)
{
    struct world *w = calloc(1, sizeof *w);
    media_t first = media_at_ptp((ptp_ns){BEGIN_NS}, 48000);

    w->random = 88172645463325252;
    w->ppm = ppm;
    w->offset_s = -37;
    w->count = PACKETS;
    assert_int_equal(first.n % FRAMES, 0);
    for (unsigned i = 0; i < PACKETS; i++) {
        media_t at = {first.n + (int64_t)i * FRAMES};

        w->packets[i] = (struct made){
            .rtp = {.ssrc = 0x5eed1e55,
                    .sequence = (uint16_t)(60000 + i),
                    .timestamp = (uint32_t)(uint64_t)at.n,
                    .payload_type = 98,
                    .has_ext = true,
                    .ext = {.presentation = {ptp_at_media(at, 48000).ns + LINK_MS * NS_PER_MS},
                            .codec = RTP_CODEC_L24,
                            .channels = 2,
                            .rate_hz = 48000},
                    .frames = FRAMES,
                    .payload_len = BYTES},
            .arrival_ns = shown(w, (int64_t)(i + 1) * NS_PER_MS),
        };
    }
    w->options.latency_ms = 0;
    w->options.clock = REPLAY_CLOCK_STREAM;
    w->replay.options = &w->options;
    w->replay.format = (struct format){.origin = FORMAT_EXTENSION,
                                       .codec = RTP_CODEC_L24,
                                       .rate_hz = 48000,
                                       .channels = 2,
                                       .frames = FRAMES};
    return w;
}

static void without_extension(struct world *w)
{
    for (unsigned i = 0; i < w->count; i++)
        w->packets[i].rtp.has_ext = false;
    w->replay.format.origin = FORMAT_SDP;
}

static int by_arrival(const void *a, const void *b)
{
    const struct made *x = a, *y = b;

    return (x->arrival_ns > y->arrival_ns) - (x->arrival_ns < y->arrival_ns);
}

static void survey(struct world *w, const struct analysis_config *config)
{
    struct replay *r = &w->replay;
    struct track track;

    track_init(&track, 48000);
    envelope_init(&r->envelope, 48000, (raw_ns){w->packets[0].arrival_ns},
                  (raw_ns){w->packets[w->count - 1].arrival_ns});
    for (unsigned i = 0; i < w->count; i++) {
        const struct made *m = &w->packets[i];
        struct track_packet p = analysis_track(config, &m->rtp, m->arrival_ns);
        media_t near = media_at_ptp((ptp_ns){m->arrival_ns + r->capture_offset_ns}, 48000);
        struct track_step step;

        if (m->gone)
            continue;
        track_take(&track, &p, near, &step);
        if (p.frames && step.order != TRACK_STRAY)
            envelope_take(&r->envelope, step.segment, step.era, step.at, (raw_ns){m->arrival_ns});
    }
    assert_true(envelope_fit(&r->envelope, NS_PER_MS, &r->stream_scale, &r->fit));
}

static struct datagram datagram_of(const struct made *m)
{
    return (struct datagram){
        .arrival_ns = m->arrival_ns, .ttl = 32, .dscp = 34, .port = 5004, .length = 28 + m->rtp.payload_len};
}

/* As replay_run() does with a file. */
static const struct analysis *analyse(struct world *w)
{
    struct replay *r = &w->replay;
    struct analysis_config config = {.format = r->format, .link_ns = ANALYSIS_NO_LINK};

    config.plain = r->format.origin != FORMAT_EXTENSION;
    if (config.plain)
        config.link_ns = LINK_MS * NS_PER_MS;
    r->capture_offset_ns = w->options.utc_offset_s * NS_PER_S;
    timescale_of_capture(&r->capture_scale, r->capture_offset_ns);
    qsort(w->packets, w->count, sizeof *w->packets, by_arrival);
    survey(w, &config);
    config.absolute = w->options.clock == REPLAY_CLOCK_CAPTURE;
    config.clock = config.absolute ? &r->capture_scale : &r->stream_scale;
    config.envelope = &r->stream_scale;
    config.segments = r->fit.segments;
    analysis_init(&r->analysis, &config);
    for (unsigned i = 0; i < w->count; i++) {
        struct datagram d = datagram_of(&w->packets[i]);
        struct analysis_row row;

        if (!w->packets[i].gone)
            analysis_take(&r->analysis, &d, &w->packets[i].rtp, &row);
    }
    analysis_finish(&r->analysis);
    r->counters.frames = r->analysis.packets;
    r->counters.last_ns = w->packets[w->count - 1].arrival_ns;
    return &r->analysis;
}

static struct finding verdict_of(const struct world *w, const char *name)
{
    for (size_t i = 0; i < all_verdicts_count; i++) {
        struct finding f = all_verdicts[i](&w->replay);

        if (strcmp(f.name, name) == 0)
            return f;
    }
    fail_msg("no check %s", name);
    return (struct finding){0};
}

static void expect(const struct world *w, const char *name, enum result result)
{
    struct finding f = verdict_of(w, name);

    if (f.result != result)
        fail_msg("%s: %s, %s", name, result_name(f.result), f.found);
    assert_true((result == RESULT_WARN || result == RESULT_FAIL) <= (f.remedy[0] != '\0'));
}

/* Nothing is wrong but what is named (result RESULT_FAIL or RESULT_WARN). */
static void expect_only(const struct world *w, const char *wrong, enum result result)
{
    for (size_t i = 0; i < all_verdicts_count; i++) {
        struct finding f = all_verdicts[i](&w->replay);
        bool named = strcmp(f.name, wrong) == 0;

        if (strcmp(f.name, "rtcp") == 0 || strcmp(f.name, "receiver") == 0)
            continue; /* neither is part of these streams */
        if (named ? f.result != result : f.result > RESULT_PASS)
            fail_msg("%s: %s, %s", f.name, result_name(f.result), f.found);
    }
}

/* ---- a good sender ------------------------------------------------------------------------------------- */

static void test_nothing_is_wrong(void **state)
{
    struct world *w = make(0);
    const struct analysis *a = analyse(w);

    (void)state;
    assert_int_equal(a->packets, PACKETS);
    assert_int_equal(a->sound, PACKETS);
    assert_int_equal(a->losses.lost + a->losses.duplicates + a->losses.reordered, 0);
    assert_int_equal(a->jumps + a->skips + a->off_grid + a->markers + a->absurd + a->link_changes, 0);
    assert_int_equal(a->link_ns.max, LINK_MS * NS_PER_MS);
    assert_true(a->delay.max_ns <= 5 && a->delay.min_ns >= -5);
    assert_true(llabs(a->lead.min_ns - 9 * NS_PER_MS) <= 5);
    assert_true(llabs(analysis_safe_ns(a, 0) - NS_PER_MS) <= 5);
    assert_true(fabs(w->replay.fit.sender_ppm) < 0.001);
    expect_only(w, "", RESULT_PASS);
    free(w);
}

static void test_a_clock_that_is_off(void **state)
{
    static const double ppm[] = {50, -200, 0.5};

    (void)state;
    for (size_t i = 0; i < sizeof ppm / sizeof *ppm; i++) {
        struct world *w = make(ppm[i]);
        const struct analysis *a = analyse(w);

        assert_true(fabs(w->replay.fit.sender_ppm - ppm[i]) < 0.05);
        assert_true(w->replay.fit.sender_doubt_ppm < 0.1);
        assert_true(a->delay.max_ns < 100); /* the line takes all of it */
        expect(w, "rate", fabs(ppm[i]) > 100 ? RESULT_WARN : RESULT_PASS);
        free(w);
    }
}

static void test_a_clock_of_another_rate(void **state)
{
    struct world *w = make(0);
    const struct analysis *a;

    (void)state;
    for (unsigned i = 0; i < w->count; i++)
        w->packets[i].arrival_ns = shown(w, (int64_t)(i + 1) * 1088435); /* really 44100 Hz */
    a = analyse(w);
    assert_true(fabs(w->replay.fit.sender_ppm + 81250) < 5);
    assert_int_equal(a->jumps, 0);
    expect(w, "rate", RESULT_FAIL);
    free(w);
}

/* Ten minutes in which the rate swings by 0.5 ppm, a packet each 10 ms, up to 50 us late. */
static void test_a_crystal_that_wanders(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct envelope *e = &w->replay.envelope;
    struct timescale *scale = &w->replay.stream_scale;
    double worst_ns = 0;
    unsigned hint = 0;

    (void)state;
    w->random = 1;
    envelope_init(e, 48000, (raw_ns){0}, (raw_ns){600 * NS_PER_S});
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 1; i < 60000; i++) {
            double t = (double)i / 100, drift_ns = 0.5e3 * 200 / (2 * M_PI) * sin(2 * M_PI * t / 200);
            raw_ns early = {i * 10 * NS_PER_MS + llround(drift_ns)};

            if (pass == 0)
                envelope_take(e, 0, 0, (media_t){i * 480}, (raw_ns){early.ns + llround(uniform(w) * 5e4)});
            else
                worst_ns =
                    fmax(worst_ns, fabs((double)(clock_map_ptp(timescale_at(scale, early, &hint), early).ns -
                                                 i * 10 * NS_PER_MS)));
        }
        if (pass == 0)
            assert_true(envelope_fit(e, 0, scale, &w->replay.fit));
    }
    assert_true(worst_ns < 2000);
    assert_true(w->replay.fit.wander_ppm > 0.8 && w->replay.fit.wander_ppm < 1.5);
    free(w);
}

static void test_jitter(void **state)
{
    struct world *w = make(50);
    double jitter = 0, before = 0;
    const struct analysis *a;

    (void)state;
    for (unsigned i = 0; i < w->count; i++)
        w->packets[i].arrival_ns += llround(uniform(w) * 0.9e6);
    a = analyse(w);
    /* RFC 3550 appendix A.8, written again */
    for (unsigned i = 0; i < w->count; i++) {
        double transit = (double)(w->packets[i].arrival_ns - shown(w, 0)) - i * 1e6;

        if (i)
            jitter += (fabs(transit - before) - jitter) / 16;
        before = transit;
    }
    assert_true(fabs(a->jitter_ns - jitter) < jitter * 1e-3);
    assert_true(fabs(w->replay.fit.sender_ppm - 50) < 1);
    assert_true(llabs(histogram_quantile(&a->delay, 0.5) - 450000) < 15000);
    assert_true(llabs(histogram_quantile(&a->delay, 0.99) - 891000) < 20000);
    assert_true(llabs(a->delay.max_ns - 900000) < 5000);
    assert_true(llabs(analysis_safe_ns(a, 0) - 1900000) < 5000);
    assert_int_equal(a->over_one, 0);
    expect_only(w, "", RESULT_PASS);
    free(w);
}

static void test_late_packets(void **state)
{
    struct world *w = make(0);
    const struct analysis *a;
    uint64_t late = 0;

    (void)state;
    for (unsigned i = 0; i < w->count; i++)
        if (uniform(w) < 0.0005) {
            w->packets[i].arrival_ns += 12 * NS_PER_MS;
            late++;
        }
    a = analyse(w);
    assert_int_equal(a->late, late);
    assert_int_equal(a->over_one, late);
    assert_int_equal(a->over_limit, 0);
    assert_true(llabs(a->lead.min_ns + 3 * NS_PER_MS) < 100);
    assert_true(llabs(analysis_safe_ns(a, 0) - 13 * NS_PER_MS) < 100);
    assert_true(llabs(analysis_safe_ns(a, 0.001) - NS_PER_MS) < 100);
    expect(w, "lead", RESULT_WARN);
    expect(w, "sending", RESULT_PASS); /* one in a thousand may */
    free(w);
}

static void test_beyond_what_aes67_allows(void **state)
{
    struct world *w = make(0);

    (void)state;
    w->packets[777].arrival_ns += 18 * NS_PER_MS;
    assert_int_equal(analyse(w)->over_limit, 1);
    expect(w, "sending", RESULT_FAIL);
    free(w);
}

/* ---- sequence ------------------------------------------------------------------------------------------ */

static void test_losses_and_copies(void **state)
{
    struct world *w = make(20);
    const struct analysis *a;

    (void)state;
    w->packets[100].gone = true;
    for (unsigned i = 5000; i < 5007; i++)
        w->packets[i].gone = true;
    /* in place of a lost one, a copy of the packet before */
    w->packets[9000].rtp = w->packets[8999].rtp;
    w->packets[12000].arrival_ns += 3500 * NS_PER_US; /* three overtake it */
    a = analyse(w);
    assert_int_equal(a->losses.lost, 9);
    assert_int_equal(a->losses.bursts[0], 2);
    assert_int_equal(a->losses.bursts[3], 1);
    assert_int_equal(a->losses.burst_max, 7);
    assert_int_equal(a->losses.duplicates, 1);
    assert_int_equal(a->losses.reordered, 1);
    assert_int_equal(a->losses.depth_max, 3);
    assert_int_equal(a->sound, PACKETS - 9);
    assert_int_equal(a->jumps + a->skips, 0);
    expect(w, "loss", RESULT_WARN);
    expect(w, "order", RESULT_WARN);
    for (unsigned i = 15000; i < 15020; i++)
        w->packets[i].gone = true;
    analyse(w);
    expect(w, "loss", RESULT_FAIL);
    free(w);
}

static void test_a_new_sequence(void **state)
{
    struct world *w = make(0);
    const struct analysis *a;

    (void)state;
    without_extension(w);
    for (unsigned i = 10000; i < w->count; i++)
        w->packets[i].rtp.sequence = (uint16_t)(w->packets[i].rtp.sequence + 20000);
    a = analyse(w);
    assert_int_equal(a->restarts, 1);
    assert_int_equal(a->strays, 1);
    assert_int_equal(a->losses.lost, 0);
    assert_int_equal(a->jumps, 0);
    expect(w, "restarts", RESULT_FAIL);
    free(w);
}

/* ---- timestamps ---------------------------------------------------------------------------------------- */

static void test_wrong_steps(void **state)
{
    struct world *w = make(0);
    const struct analysis *a;

    (void)state;
    without_extension(w);
    for (unsigned i = 0; i < w->count; i++)
        w->packets[i].rtp.timestamp -= i;
    a = analyse(w);
    assert_int_equal(a->jumps, PACKETS - 1);
    assert_int_equal(a->jump_max, -1);
    assert_int_equal(a->losses.lost, 0);
    expect(w, "timestamp-step", RESULT_FAIL);
    free(w);
}

static void test_a_jump(void **state)
{
    struct world *w = make(0);
    const struct analysis *a;

    (void)state;
    without_extension(w);
    for (unsigned i = 15000; i < w->count; i++)
        w->packets[i].rtp.timestamp += 48000;
    a = analyse(w);
    assert_int_equal(a->jumps, 1);
    assert_int_equal(a->jump_max, 48000);
    assert_int_equal(a->displaced, 5000);
    assert_true(a->delay.max_ns <= 5);
    assert_int_equal(a->late, 0); /* they claim to be for later */
    expect(w, "timestamp-step", RESULT_FAIL);
    free(w);
}

static void test_silence(void **state)
{
    struct world *w = make(0);
    const struct analysis *a;

    (void)state;
    /* the sender leaves out 3 s, and numbers on */
    for (unsigned i = 0; i < 3000; i++)
        w->packets[10000 + i].gone = true;
    for (unsigned i = 13000; i < w->count; i++)
        w->packets[i].rtp.sequence = (uint16_t)(w->packets[i].rtp.sequence - 3000);
    a = analyse(w);
    assert_int_equal(a->losses.lost, 0);
    assert_int_equal(a->jumps, 0);
    assert_int_equal(a->skips, 1);
    assert_int_equal(a->jump_max, 3000 * FRAMES);
    assert_int_equal(a->displaced, 0);
    expect(w, "timestamp-step", RESULT_WARN);
    expect(w, "loss", RESULT_PASS);
    free(w);
}

static void test_an_announced_jump_of_time(void **state)
{
    struct world *w = make(0);
    const struct analysis *a;
    struct rtp_packet *init = &w->packets[10000].rtp;

    (void)state;
    for (unsigned i = 10000; i < w->count; i++) { /* PTP jumps by 2 s, of which the capture knows nothing */
        w->packets[i].rtp.timestamp += 96000;
        w->packets[i].rtp.ext.presentation.ns += 2 * NS_PER_S;
    }
    init->ext.type = RTP_TYPE_INIT;
    init->payload_len = 0;
    a = analyse(w);
    assert_int_equal(a->init, 1);
    assert_int_equal(a->announced, 1);
    assert_int_equal(a->jumps + a->skips + a->displaced + a->late, 0);
    assert_true(a->delay.max_ns <= 5);
    assert_int_equal(w->replay.stream_scale.knots[w->replay.stream_scale.count - 1].epoch, 2);
    expect(w, "restarts", RESULT_WARN);
    free(w);
}

static void test_both_wrap_without_the_extension(void **state)
{
    struct world *w = make(50);
    const struct analysis *a;

    (void)state;
    without_extension(w);
    for (unsigned i = 0; i < w->count; i++)
        w->packets[i].rtp.timestamp = 0xfffffd00u + i * FRAMES;
    a = analyse(w);
    assert_int_equal(a->jumps + a->skips + a->losses.lost + a->restarts, 0);
    assert_true(fabs(w->replay.fit.sender_ppm - 50) < 0.05);
    assert_true(a->delay.max_ns < 100);
    free(w);
}

static void test_latency_that_changes(void **state)
{
    struct world *w = make(0);

    (void)state;
    for (unsigned i = 100; i < 200; i++)
        w->packets[i].rtp.ext.presentation.ns += 5000;
    w->packets[300].rtp.ext.presentation.ns -= NS_PER_S; /* before it was sampled */
    analyse(w);
    assert_int_equal(w->replay.analysis.link_changes, 2);
    assert_int_equal(w->replay.analysis.absurd, 1);
    expect(w, "presentation", RESULT_FAIL);
    free(w);
}

static void test_off_the_grid(void **state)
{
    struct world *w = make(0);

    (void)state;
    for (unsigned i = 0; i < w->count; i++) {
        w->packets[i].rtp.timestamp += 7;
        w->packets[i].rtp.ext.presentation.ns += 145833;
        w->packets[i].rtp.marker = i < 3;
    }
    assert_int_equal(analyse(w)->off_grid, PACKETS);
    assert_int_equal(w->replay.analysis.markers, 3);
    expect(w, "timestamp-grid", RESULT_FAIL);
    expect(w, "marker", RESULT_WARN);
    expect(w, "timestamp-step", RESULT_PASS);
    free(w);
}

/* ---- on PTP time --------------------------------------------------------------------------------------- */

static void test_absolute_time(void **state)
{
    struct world *w = make(0);
    const struct analysis *a;

    (void)state;
    without_extension(w);
    w->options.clock = REPLAY_CLOCK_CAPTURE;
    w->options.utc_offset_s = 37;
    for (unsigned i = 0; i < w->count; i++)
        w->packets[i].arrival_ns += 200000;
    w->packets[500].arrival_ns -= 300000;  /* before its last sample */
    w->packets[600].arrival_ns -= 1300000; /* before its first */
    a = analyse(w);
    assert_true(llabs(histogram_quantile(&a->transit, 0.5) - 1200000) < 20000);
    assert_int_equal(a->before_first, 1);
    assert_int_equal(a->before_last, 2);
    assert_true(llabs(a->lead.min_ns - 8800000) < 10);
    expect(w, "sent-early", RESULT_FAIL);
    expect(w, "media-clock", RESULT_PASS);
    /* a capture that keeps UTC, taken for TAI */
    w->options.utc_offset_s = 0;
    analyse(w);
    expect(w, "media-clock", RESULT_FAIL);
    free(w);
}

/* ---- reports ------------------------------------------------------------------------------------------- */

static void report_at(struct world *w, int64_t since_ns, int64_t rtp_off)
{
    ptp_ns t = {BEGIN_NS + since_ns};
    struct rtcp_report report = {.ssrc = 0x5eed1e55,
                                 .has_sr = true,
                                 .ntp = rtcp_ntp_of_ptp(t),
                                 .rtp = (uint32_t)(uint64_t)(media_at_ptp(t, 48000).n + rtp_off)};

    analysis_take_rtcp(&w->replay.analysis, &report, 0x5eed1e55, shown(w, since_ns + NS_PER_MS));
}

static void test_reports(void **state)
{
    struct world *w = make(0);
    const struct analysis_rtcp *rtcp = &w->replay.analysis.rtcp;

    (void)state;
    analyse(w);
    expect(w, "rtcp", RESULT_WARN); /* none */
    for (int i = 0; i < 10; i++)
        report_at(w, i * NS_PER_S + NS_PER_MS, 0); /* on a sample: a fraction less is the one before */
    assert_int_equal(rtcp->reports, 10);
    assert_int_equal(rtcp->pair.min, 0);
    assert_int_equal(rtcp->pair.max, 0);
    assert_int_equal(rtcp->interval_max_ns, NS_PER_S);
    assert_true(llabs(rtcp->age_ns.max - NS_PER_MS) < 50000);
    expect(w, "rtcp", RESULT_PASS);
    report_at(w, 10 * NS_PER_S, 4800);
    expect(w, "rtcp", RESULT_FAIL);
    free(w);
}

static void test_the_senders_clock_by_its_reports(void **state)
{
    struct world *w = make(0);
    struct rtcp_report report = {.ssrc = 0x5eed1e55, .has_clock = true};

    (void)state;
    analyse(w);
    expect(w, "ptp-domain", RESULT_SKIP);
    analysis_take_rtcp(&w->replay.analysis, &report, 0x5eed1e55, BEGIN_NS);
    expect(w, "ptp-domain", RESULT_WARN);
    w->replay.analysis.rtcp.has_clock = false;
    report.clock = (struct rtcp_clock){.known = true, .domain = 5, .gm_id = 0x1dc1fffe123456};
    analysis_take_rtcp(&w->replay.analysis, &report, 0x5eed1e55, BEGIN_NS);
    expect(w, "ptp-domain", RESULT_PASS);
    report.clock.gm_id++;
    analysis_take_rtcp(&w->replay.analysis, &report, 0x5eed1e55, BEGIN_NS);
    expect(w, "ptp-domain", RESULT_WARN);
    free(w);
}

/* ---- what a receiver plays ----------------------------------------------------------------------------- */

static void sample(uint8_t *to, media_t at, unsigned channel)
{
    double turns = fmod((double)(at.n % 48000) / 48.0, 1); /* 1 kHz */
    int32_t value = (int32_t)lrint(sin(2 * M_PI * turns) * (channel ? 0.25 : 0.5) * 8388607);

    to[0] = (uint8_t)((uint32_t)value >> 16);
    to[1] = (uint8_t)((uint32_t)value >> 8);
    to[2] = (uint8_t)(uint32_t)value;
}

static void play_packet(struct world *w, struct play *play, const struct made *m)
{
    uint8_t bytes[RTP_DATAGRAM_MAX];
    size_t header = rtp_header_bytes(m->rtp.has_ext);
    media_t at = media_at_ptp((ptp_ns){m->rtp.ext.presentation.ns - LINK_MS * NS_PER_MS}, 48000);

    rtp_build(bytes, &m->rtp, RTP_EXT_ID_DEFAULT);
    for (unsigned i = 0; i < FRAMES * 2; i++)
        sample(bytes + header + (size_t)i * 3, (media_t){at.n + i / 2}, i % 2);
    play_datagram(play, bytes, header + BYTES, (raw_ns){m->arrival_ns}, 1);
    (void)w;
}

static struct rx_status play_all(struct world *w, const char *wav, uint64_t *concealed_end)
{
    struct play_config config = {.rx = {.card_rate_hz = 48000,
                                        .card_channels = 2,
                                        .quality = RESAMPLE_FASTEST,
                                        .voices = 1,
                                        .settings = {.gain = 1},
                                        .seed = 1},
                                 .clock = &w->replay.stream_scale,
                                 .begin = {w->packets[0].arrival_ns},
                                 .wav = wav};
    struct rx_status status;
    char err[256] = "";
    struct play *play;

    assert_int_equal(play_open(&play, &config, err, sizeof err), 0);
    for (unsigned i = 0; i < w->count; i++)
        if (!w->packets[i].gone)
            play_packet(w, play, &w->packets[i]);
    assert_int_equal(play_finish(play, &status, concealed_end, err, sizeof err), 0);
    play_close(play);
    return status;
}

/* The largest magnitude of each channel from one second on, and how long the file is. */
static int64_t read_wav(const char *path, float peak[2], unsigned *zeros)
{
    SF_INFO info = {0};
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    float frame[2];

    assert_non_null(file);
    assert_int_equal(info.channels, 2);
    assert_int_equal(info.samplerate, 48000);
    peak[0] = peak[1] = 0;
    *zeros = 0;
    for (int64_t i = 0; sf_readf_float(file, frame, 1) == 1; i++) {
        if (i < 48000 || i > 3 * 48000)
            continue;
        for (int c = 0; c < 2; c++)
            peak[c] = fmaxf(peak[c], fabsf(frame[c]));
        *zeros += frame[0] == 0 && frame[1] == 0;
    }
    sf_close(file);
    return info.frames;
}

static void test_what_is_heard(void **state)
{
    char path[] = "/tmp/unisono-replay.XXXXXX";
    struct world *w = make(50);
    struct rx_status rx;
    uint64_t concealed_end;
    float peak[2];
    unsigned zeros;
    int64_t frames;

    (void)state;
    close(mkstemp(path));
    w->count = 4000;
    w->packets[2000].gone = w->packets[2001].gone = w->packets[3000].gone = true;
    analyse(w);
    rx = play_all(w, path, &concealed_end);
    assert_int_equal(rx.starts, 1);
    assert_int_equal(rx.xruns, 0);
    assert_int_equal(rx.concealed - concealed_end, 3 * FRAMES);
    assert_int_equal(rx.late + rx.early + rx.absurd + rx.malformed + rx.foreign, 0);
    assert_true(fabs(rx.lead_min_ms - 9) < 0.001);
    assert_true(rx.error_worst_ns < 20000);
    assert_true(fabs(rx.resample_ppm - 50) < 1);
    frames = read_wav(path, peak, &zeros);
    assert_true(fabsf(peak[0] - 0.5f) < 0.01f && fabsf(peak[1] - 0.25f) < 0.01f);
    assert_true(zeros < 10);
    assert_true(frames > 4 * 48000 && frames < 6 * 48000);
    unlink(path);
    free(w);
}

/* A pause of a year is not played through. */
static void test_a_long_pause(void **state)
{
    struct world *w = make(0);
    uint64_t concealed_end;
    struct rx_status rx;

    (void)state;
    w->count = 3000;
    for (unsigned i = 1500; i < w->count; i++) {
        w->packets[i].arrival_ns += 365 * INT64_C(86400) * NS_PER_S;
        w->packets[i].rtp.timestamp += (uint32_t)(365 * INT64_C(86400) * 48000);
        w->packets[i].rtp.ext.presentation.ns += 365 * INT64_C(86400) * NS_PER_S;
    }
    analyse(w);
    assert_int_equal(w->replay.analysis.jumps, 0);
    rx = play_all(w, "", &concealed_end);
    assert_int_equal(rx.starts, 2);
    assert_int_equal(rx.absurd + rx.late, 0);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_wrong),
        cmocka_unit_test(test_a_clock_that_is_off),
        cmocka_unit_test(test_a_clock_of_another_rate),
        cmocka_unit_test(test_a_crystal_that_wanders),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_late_packets),
        cmocka_unit_test(test_beyond_what_aes67_allows),
        cmocka_unit_test(test_losses_and_copies),
        cmocka_unit_test(test_a_new_sequence),
        cmocka_unit_test(test_wrong_steps),
        cmocka_unit_test(test_a_jump),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_an_announced_jump_of_time),
        cmocka_unit_test(test_both_wrap_without_the_extension),
        cmocka_unit_test(test_latency_that_changes),
        cmocka_unit_test(test_off_the_grid),
        cmocka_unit_test(test_absolute_time),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_the_senders_clock_by_its_reports),
        cmocka_unit_test(test_what_is_heard),
        cmocka_unit_test(test_a_long_pause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
