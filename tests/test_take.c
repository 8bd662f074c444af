// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Take: frame n of a take is media frame at + n, whatever is lost, late, restarted or silent in between; and
 * nothing waits for longer than it should.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/codec.h"
#include "proto/pcm.h"
#include "receiver/take.h"

#define RAW0     INT64_C(86400000000123)
#define PTP0     INT64_C(1795000000123456789)
#define LINK     (10 * NS_PER_MS)
#define RATE     48000
#define FRAMES   48
#define CHANNELS 2
#define HOST     77
#define MS       NS_PER_MS

enum { ROOM = RATE * 20, TAKES = 4 };

/* Raw and PTP time run alike here. */
static const struct clock_map known = {
    .raw0 = {RAW0}, .ptp0 = {PTP0}, .state = MEDIA_CLOCK_LOCKED, .epoch = 1};
static const struct clock_map unknown = {.state = MEDIA_CLOCK_NO_PTP};

struct studio {
    struct take *take;
    const struct clock_map *map;
    int64_t now_ns; /* since RAW0 */
    uint32_t ssrc;
    uint16_t sequence;
    unsigned channels;
    /* what the sink got */
    struct take_format formats[TAKES];
    size_t frames[TAKES];
    float *samples[TAKES]; /* of the first two channels */
    unsigned begun, ended;
};

static void on_begin(void *context, const struct take_format *format)
{
    struct studio *s = context;

    assert_int_equal(s->begun, s->ended);
    assert_true(s->begun < TAKES);
    s->formats[s->begun] = *format;
    s->samples[s->begun] = calloc(ROOM * CHANNELS, sizeof(float));
    s->begun++;
}

static void on_frames(void *context, const float *interleaved, size_t frames)
{
    struct studio *s = context;
    unsigned take = s->begun - 1, channels = s->formats[take].channels;

    assert_int_equal(s->begun, s->ended + 1);
    assert_true(s->frames[take] + frames <= ROOM);
    for (size_t i = 0; i < frames; i++)
        for (unsigned c = 0; c < channels; c++)
            s->samples[take][(s->frames[take] + i) * CHANNELS + c] = interleaved[i * channels + c];
    s->frames[take] += frames;
}

static void on_end(void *context)
{
    struct studio *s = context;

    s->ended++;
    assert_int_equal(s->begun, s->ended);
}

static int set_up(void **state)
{
    struct studio *s = calloc(1, sizeof *s);
    const struct stream_description any = {.ext_id = RTP_EXT_ID_DEFAULT};

    s->take = take_create(&any, &(struct take_sink){s, on_begin, on_frames, on_end});
    s->map = &known;
    s->now_ns = NS_PER_S;
    s->ssrc = 0x1234;
    s->channels = CHANNELS;
    assert_non_null(s->take);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct studio *s = *state;

    take_destroy(s->take);
    for (unsigned i = 0; i < TAKES; i++)
        free(s->samples[i]);
    free(s);
    return 0;
}

/* The media frame that is sampled so long after RAW0. */
static int64_t media_at(int64_t ns)
{
    return media_at_ptp((ptp_ns){PTP0 + ns}, RATE).n;
}

/* 24 bits hold it exactly, and it is never 0. */
static float content(int64_t n, unsigned channel)
{
    return (float)((int64_t)((uint64_t)n * 7919 + channel * 12345) % 4194303 + 1) / 8388608.0f;
}

static void deliver_as(struct studio *s, int64_t n, enum rtp_type type, uint16_t sequence, unsigned codec)
{
    uint8_t datagram[RTP_DATAGRAM_MAX];
    float samples[FRAMES * CHANNELS];
    size_t length = rtp_header_bytes(true);
    const struct rtp_packet packet = {
        .ssrc = s->ssrc,
        .timestamp = (uint32_t)(uint64_t)n,
        .sequence = sequence,
        .payload_type = type == RTP_TYPE_AUDIO ? RTP_PT_L24 : RTP_PT_CONTROL,
        .has_ext = true,
        .ext = {.presentation = {ptp_at_media((media_t){n}, RATE).ns + LINK},
                .type = (uint8_t)type,
                .codec = (uint8_t)codec,
                .channels = (uint8_t)s->channels,
                .rate_hz = RATE},
    };

    rtp_build(datagram, &packet, RTP_EXT_ID_DEFAULT);
    if (type == RTP_TYPE_AUDIO) {
        for (unsigned i = 0; i < FRAMES * s->channels; i++)
            samples[i] = content(n + i / s->channels, i % s->channels);
        pcm_encode(RTP_CODEC_L24, samples, datagram + length, FRAMES * s->channels);
        length += (size_t)FRAMES * s->channels * 3;
    }
    take_datagram(s->take, s->map, datagram, length, (raw_ns){RAW0 + s->now_ns}, HOST);
}

static void deliver(struct studio *s, int64_t n, enum rtp_type type, uint16_t sequence)
{
    deliver_as(s, n, type, sequence, RTP_CODEC_L24);
}

static void wait_ms(struct studio *s, int64_t ms)
{
    for (int64_t i = 0; i < ms; i++) {
        s->now_ns += MS;
        take_run(s->take, (raw_ns){RAW0 + s->now_ns});
    }
}

/* `packets` of 1 ms from media frame `n` on, each when its last frame was sampled; returns where they end. */
static int64_t play(struct studio *s, int64_t n, int packets)
{
    for (int i = 0; i < packets; i++, n += FRAMES) {
        wait_ms(s, 1);
        deliver(s, n, RTP_TYPE_AUDIO, s->sequence++);
    }
    return n;
}

/* One of them does not come now. */
static int64_t leave_out(struct studio *s, int64_t n, int packets)
{
    wait_ms(s, packets);
    s->sequence = (uint16_t)(s->sequence + packets);
    return n + (int64_t)packets * FRAMES;
}

/* Frames from..until of a take, in media frames, are those that were sent. */
static void expect_content(const struct studio *s, unsigned take, int64_t from, int64_t until)
{
    int64_t at = s->formats[take].at.n;

    assert_true(from >= at && until <= at + (int64_t)s->frames[take]);
    for (int64_t n = from; n < until; n++)
        for (unsigned c = 0; c < s->formats[take].channels; c++)
            if (s->samples[take][(n - at) * CHANNELS + c] != content(n, c))
                fail_msg("frame %lld, channel %u is not what was sent", (long long)(n - from), c);
}

static void expect_silence(const struct studio *s, unsigned take, int64_t from, int64_t until)
{
    int64_t at = s->formats[take].at.n;

    for (int64_t i = (from - at) * CHANNELS; i < (until - at) * CHANNELS; i++)
        assert_true(s->samples[take][i] == 0);
}

static struct take_counters counters_of(const struct studio *s)
{
    struct take_counters counters;

    take_get_counters(s->take, &counters);
    return counters;
}

static void is_bit_exact_from_the_first_frame(void **state)
{
    struct studio *s = *state;
    int64_t begin = media_at(s->now_ns), end = play(s, begin, 500);

    /* nothing was missing: nothing waited */
    assert_int_equal(s->frames[0], 500 * FRAMES);
    take_finish(s->take);
    assert_int_equal(s->begun, 1);
    assert_int_equal(s->ended, 1);
    assert_int_equal(s->formats[0].at.n, begin);
    assert_int_equal(s->formats[0].channels, CHANNELS);
    assert_int_equal(s->formats[0].rate_hz, RATE);
    assert_int_equal(s->formats[0].codec, RTP_CODEC_L24);
    expect_content(s, 0, begin, end);
}

/* A loudspeaker would have given these up 0.9 s before. */
static void late_packets_find_their_place(void **state)
{
    struct studio *s = *state;
    int64_t begin = media_at(s->now_ns), hole = play(s, begin, 50);
    uint16_t sequence = s->sequence;
    int64_t end = play(s, leave_out(s, hole, 2), 900);

    assert_int_equal(s->frames[0], hole - begin);
    deliver(s, hole + FRAMES, RTP_TYPE_AUDIO, (uint16_t)(sequence + 1));
    deliver(s, hole, RTP_TYPE_AUDIO, sequence);
    wait_ms(s, 1);
    assert_int_equal(s->frames[0], end - begin);
    expect_content(s, 0, begin, end);
    assert_int_equal(counters_of(s).concealed, 0);
}

static void what_never_comes_is_concealed(void **state)
{
    struct studio *s = *state;
    int64_t begin = media_at(s->now_ns), hole = play(s, begin, 50);
    int64_t behind = leave_out(s, hole, 3), end = play(s, behind, 980);

    assert_int_equal(s->frames[0], hole - begin);
    end = play(s, end, 40);
    assert_int_equal(s->frames[0], end - begin);
    assert_int_equal(counters_of(s).concealed, 3 * FRAMES);
    expect_content(s, 0, begin, hole);
    /* crossfaded for 2 ms */
    expect_content(s, 0, behind + 2 * FRAMES, end);
    assert_true(s->samples[0][(hole - begin) * CHANNELS] != 0);
    deliver(s, hole, RTP_TYPE_AUDIO, 50); /* hours later */
    assert_int_equal(counters_of(s).late, 1);
    assert_int_equal(s->frames[0], end - begin);
}

static void a_long_hole_keeps_time(void **state)
{
    struct studio *s = *state;
    int64_t begin = media_at(s->now_ns), hole = play(s, begin, 50);
    int64_t behind = leave_out(s, hole, 5000), end;

    assert_int_equal(s->frames[0], hole - begin); /* nothing is made up before it has an end */
    end = play(s, behind, 1100);
    assert_int_equal(s->begun, 1);
    assert_int_equal(s->frames[0], end - begin);
    expect_silence(s, 0, hole + 12 * FRAMES, behind);
    expect_content(s, 0, behind + 5 * FRAMES, end);
}

/* Without a clock, too: packets say where they belong. */
static void a_long_hole_without_a_clock(void **state)
{
    struct studio *s = *state;

    s->map = &unknown;
    a_long_hole_keeps_time(state);
}

static void a_sender_that_is_started_again_goes_on(void **state)
{
    struct studio *s = *state;
    int64_t begin = media_at(s->now_ns), gap = play(s, begin, 50), again, end;

    deliver(s, gap, RTP_TYPE_TERMINATE, s->sequence++);
    s->ssrc++;
    again = leave_out(s, gap, 4000);
    deliver(s, again, RTP_TYPE_INIT, s->sequence++);
    end = play(s, again, 50);
    assert_int_equal(s->begun, 1);
    assert_int_equal(s->frames[0], end - begin);
    expect_content(s, 0, begin, gap);
    expect_silence(s, 0, gap, again);
    expect_content(s, 0, again, end); /* its beginning is not faded */
    assert_int_equal(counters_of(s).gap, again - gap);
    assert_int_equal(counters_of(s).concealed, 0);
}

/* It dropped dead: the end is faded, the new beginning is not. */
static void a_sender_that_is_replaced_begins_sharply(void **state)
{
    struct studio *s = *state;
    int64_t begin = media_at(s->now_ns), gap = play(s, begin, 50), again = leave_out(s, gap, 300), end;

    s->ssrc++;
    end = play(s, again, 50);
    assert_int_equal(s->frames[0], end - begin);
    assert_true(s->samples[0][(gap - begin) * CHANNELS] != 0);
    expect_silence(s, 0, gap + 12 * FRAMES, again);
    expect_content(s, 0, again, end);
    assert_int_equal(counters_of(s).gap, again - gap);
}

/* What waits behind a hole is not lost when the timeline goes over to another stream. */
static void a_restart_behind_a_hole_loses_nothing(void **state)
{
    struct studio *s = *state;
    int64_t begin = media_at(s->now_ns), hole = play(s, begin, 50);
    int64_t behind = leave_out(s, hole, 1), again = play(s, behind, 100), end;

    s->ssrc++;
    deliver(s, again, RTP_TYPE_INIT, s->sequence++);
    end = play(s, again, 50);
    take_finish(s->take);
    assert_int_equal(s->begun, 1);
    assert_int_equal(s->frames[0], end - begin);
    expect_content(s, 0, behind + 2 * FRAMES, end);
    assert_int_equal(counters_of(s).concealed, FRAMES);
}

static void another_format_is_another_take(void **state)
{
    struct studio *s = *state;
    int64_t begin = media_at(s->now_ns), mono = play(s, begin, 50), end;

    deliver(s, mono, RTP_TYPE_TERMINATE, s->sequence++);
    s->ssrc++;
    s->channels = 1;
    deliver(s, mono, RTP_TYPE_INIT, s->sequence++);
    end = play(s, mono, 50);
    take_finish(s->take);
    assert_int_equal(s->begun, 2);
    assert_int_equal(s->formats[1].channels, 1);
    assert_int_equal(s->formats[1].at.n, mono);
    assert_int_equal(s->frames[0], mono - begin);
    assert_int_equal(s->frames[1], end - mono);
    expect_content(s, 0, begin, mono);
    expect_content(s, 1, mono, end);
}

static void ten_seconds_of_nothing_end_it(void **state)
{
    struct studio *s = *state;
    int64_t begin = media_at(s->now_ns), silent = play(s, begin, 50), again, end;

    again = leave_out(s, silent, 9900);
    assert_int_equal(s->ended, 0);
    again = leave_out(s, again, 200);
    assert_int_equal(s->ended, 1);
    assert_int_equal(s->frames[0], silent - begin);
    again = leave_out(s, again, 60000); /* far beyond what the timeline holds */
    end = play(s, again, 50);
    take_finish(s->take);
    assert_int_equal(s->begun, 2);
    assert_int_equal(s->formats[1].at.n, again);
    assert_int_equal(s->frames[1], end - again);
    expect_content(s, 1, again, end);
}

static void ten_seconds_of_nothing_without_a_clock(void **state)
{
    struct studio *s = *state;

    s->map = &unknown;
    ten_seconds_of_nothing_end_it(state);
}

static void time_that_jumps_back_is_another_take(void **state)
{
    struct studio *s = *state;
    struct clock_map stepped = known;
    int64_t begin = media_at(s->now_ns), stop = play(s, begin, 3000), again = stop - 100 * RATE, end;

    stepped.ptp0.ns -= 100 * NS_PER_S;
    stepped.epoch++;
    s->map = &stepped;
    end = play(s, again, 100);
    take_finish(s->take);
    assert_int_equal(s->begun, 2);
    assert_int_equal(s->frames[0], stop - begin);
    assert_int_equal(s->formats[1].at.n, again);
    assert_int_equal(s->frames[1], end - again);
}

enum { OPUS_FRAMES = 480, OPUS_PACKETS = 300 };

/* A tone's next packet, of media frame `n`; it is coded whether it comes or not. */
static void play_opus(struct studio *s, struct encoder *encoder, int64_t n, bool comes)
{
    uint8_t datagram[RTP_DATAGRAM_MAX];
    float sound[OPUS_FRAMES * CHANNELS];
    size_t header = rtp_header_bytes(true);
    int64_t ahead = n + encoder_look_ahead(encoder);
    const struct rtp_packet packet = {
        .ssrc = s->ssrc,
        .timestamp = (uint32_t)(uint64_t)n,
        .sequence = s->sequence++,
        .payload_type = RTP_PT_OPUS,
        .has_ext = true,
        .ext = {.presentation = {ptp_at_media((media_t){n}, RATE).ns + LINK},
                .type = RTP_TYPE_AUDIO,
                .codec = RTP_CODEC_OPUS,
                .channels = CHANNELS,
                .rate_hz = RATE},
    };
    int len;

    for (unsigned i = 0; i < OPUS_FRAMES * CHANNELS; i++)
        sound[i] = (float)(0.3 * sin(2 * M_PI * 440 / RATE * (double)(ahead % RATE + i / CHANNELS)));
    rtp_build(datagram, &packet, RTP_EXT_ID_DEFAULT);
    len = encoder_run(encoder, sound, datagram + header);
    assert_true(len > 0);
    wait_ms(s, OPUS_FRAMES * 1000 / RATE);
    if (comes)
        take_datagram(s->take, s->map, datagram, header + (size_t)len, (raw_ns){RAW0 + s->now_ns}, HOST);
}

/* Behind a packet of Opus that is lost the next ones wait to be decoded; the file goes on all the same. */
static void opus_goes_on_behind_lost_packets(void **state)
{
    const struct codec_format format = {RTP_CODEC_OPUS, RATE, CHANNELS, OPUS_FRAMES, 96000, false, 0};
    struct encoder *encoder = encoder_create(&format);
    struct studio *s = *state;
    int64_t begin = media_at(s->now_ns), lost = 0;

    for (int64_t k = 0; k < OPUS_PACKETS; k++) {
        bool comes = k % 50 != 25;

        play_opus(s, encoder, begin + k * OPUS_FRAMES, comes);
        lost += !comes;
        /* what is late has its second to come, and no longer */
        assert_true((int64_t)s->frames[0] >= (k < 25 ? k + 1 : k - RATE / OPUS_FRAMES) * OPUS_FRAMES);
    }
    take_finish(s->take);
    assert_int_equal(s->begun, 1);
    assert_int_equal(s->formats[0].codec, RTP_CODEC_OPUS);
    assert_int_equal(s->formats[0].at.n, begin);
    assert_int_equal(s->frames[0], OPUS_PACKETS * OPUS_FRAMES);
    assert_int_equal(counters_of(s).concealed, lost * OPUS_FRAMES);
    assert_int_equal(counters_of(s).gap, 0);
    assert_int_equal(counters_of(s).late, 0);
    /* the tone goes on through all of it, in its place */
    for (int64_t k = 1; k < OPUS_PACKETS; k++) {
        double in_step = 0, power = 0;

        for (int64_t i = k * OPUS_FRAMES; i < (k + 1) * OPUS_FRAMES; i++) {
            double x = (double)s->samples[0][i * CHANNELS];
            int64_t n = begin + i;

            in_step += x * 0.3 * sin(2 * M_PI * 440 / RATE * (double)(n % RATE));
            power += x * x;
        }
        assert_true(power > OPUS_FRAMES * 0.02);
        assert_true(in_step > OPUS_FRAMES * 0.02);
    }
    encoder_destroy(encoder);
}

/* The INIT of the next page is lost: the end before it is none of what waits behind a lost packet of it. */
static void opus_goes_on_behind_an_end(void **state)
{
    const struct codec_format format = {RTP_CODEC_OPUS, RATE, CHANNELS, OPUS_FRAMES, 96000, false, 0};
    struct encoder *encoder = encoder_create(&format);
    struct studio *s = *state;
    int64_t begin = media_at(s->now_ns);

    for (int64_t k = 0; k < OPUS_PACKETS; k++) {
        if (k == 50)
            deliver_as(s, begin + k * OPUS_FRAMES, RTP_TYPE_TERMINATE, s->sequence++, RTP_CODEC_OPUS);
        play_opus(s, encoder, begin + k * OPUS_FRAMES, k != OPUS_PACKETS - 30);
    }
    take_finish(s->take);
    assert_int_equal(s->frames[0], OPUS_PACKETS * OPUS_FRAMES);
    assert_int_equal(counters_of(s).concealed, OPUS_FRAMES);
    encoder_destroy(encoder);
}

static void what_is_refused_is_counted(void **state)
{
    struct studio *s = *state;
    int64_t n = play(s, media_at(s->now_ns), 10);

    assert_int_equal(counters_of(s).unknown_codec, -1);
    deliver_as(s, n, RTP_TYPE_AUDIO, s->sequence, 9);
    take_datagram(s->take, s->map, (const uint8_t *)"\x80", 1, (raw_ns){RAW0 + s->now_ns}, HOST);
    deliver(s, n + 60 * RATE, RTP_TYPE_AUDIO, s->sequence);
    s->ssrc++;
    deliver(s, n, RTP_TYPE_AUDIO, s->sequence);
    assert_int_equal(counters_of(s).unknown_codec, 9);
    assert_int_equal(counters_of(s).datagrams, 14);
    assert_int_equal(counters_of(s).malformed, 1);
    assert_int_equal(counters_of(s).absurd, 1);
    assert_int_equal(counters_of(s).foreign, 2); /* of an unknown codec, and of another stream */
    assert_int_equal(counters_of(s).early, 0);
}

static void nothing_heard_is_no_take(void **state)
{
    struct studio *s = *state;

    deliver(s, media_at(s->now_ns), RTP_TYPE_INIT, s->sequence++);
    wait_ms(s, 12000);
    take_finish(s->take);
    assert_int_equal(s->begun, 0);
}

/* What must hold whoever sends: calls in order, and sound that is there. */
struct watcher {
    bool open;
    unsigned channels;
    uint64_t frames;
};

static void watch_begin(void *context, const struct take_format *format)
{
    struct watcher *w = context;

    assert_false(w->open);
    assert_in_range(format->channels, 1, RTP_CHANNELS_MAX);
    assert_true(format->rate_hz > 0);
    w->open = true;
    w->channels = format->channels;
}

static void watch_frames(void *context, const float *interleaved, size_t frames)
{
    struct watcher *w = context;
    float sum = 0;

    assert_true(w->open);
    for (size_t i = 0; i < frames * w->channels; i++) /* all of it is there, for the address sanitizer */
        sum += interleaved[i];
    assert_false(sum != sum);
    w->frames += frames;
}

static void watch_end(void *context)
{
    struct watcher *w = context;

    assert_true(w->open);
    w->open = false;
}

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* A packet of some stream at some time, most of them plausible, some of them damaged. */
static size_t random_packet(uint64_t *x, int64_t now_ns, uint8_t *datagram)
{
    static const uint32_t rates[] = {44100, 48000, 96000};
    static const int64_t jumps_ns[] = {0, 0, 0, 0, 30 * MS, -900 * MS, -3000 * MS, 9000 * MS, -100000 * MS};
    uint32_t rate_hz = rates[next_random(x) % 40 / 19];
    unsigned channels = next_random(x) % 30 ? 2 : 1 + (unsigned)(next_random(x) % 64);
    unsigned frames = channels > 8 ? 6 : 48;
    int64_t at = media_at_ptp((ptp_ns){PTP0 + now_ns + jumps_ns[next_random(x) % 9]}, rate_hz).n;
    enum rtp_type type = next_random(x) % 50 ? RTP_TYPE_AUDIO : (enum rtp_type)(1 + next_random(x) % 2);
    size_t length = rtp_header_bytes(true);
    const struct rtp_packet packet = {
        .ssrc = 1 + (uint32_t)(next_random(x) % 40 / 39),
        .timestamp = (uint32_t)(uint64_t)at,
        .sequence = (uint16_t)(now_ns / MS),
        .payload_type = RTP_PT_L24,
        .has_ext = true,
        .ext = {.presentation = {ptp_at_media((media_t){at}, rate_hz).ns + LINK},
                .type = (uint8_t)type,
                .codec = RTP_CODEC_L24,
                .channels = (uint8_t)channels,
                .rate_hz = rate_hz},
    };

    rtp_build(datagram, &packet, RTP_EXT_ID_DEFAULT);
    if (type == RTP_TYPE_AUDIO) {
        memset(datagram + length, (int)(next_random(x) & 0xff), (size_t)frames * channels * 3);
        length += (size_t)frames * channels * 3;
    }
    if (next_random(x) % 20 == 0)
        datagram[next_random(x) % length] ^= (uint8_t)(1 << next_random(x) % 8);
    return next_random(x) % 50 ? length : next_random(x) % length;
}

static void survives_anybody(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct watcher w = {0};
        const struct stream_description any = {.ext_id = RTP_EXT_ID_DEFAULT};
        struct take *take = take_create(&any, &(struct take_sink){&w, watch_begin, watch_frames, watch_end});
        uint64_t x = seed * 0x9e3779b97f4a7c15u;
        int64_t now_ns = NS_PER_S;
        struct take_counters c;

        for (int i = 0; i < 4000; i++) {
            uint8_t datagram[RTP_DATAGRAM_MAX];
            size_t length = random_packet(&x, now_ns, datagram);
            uint8_t *copy = malloc(length + 1);

            memcpy(copy, datagram, length);
            now_ns += (int64_t)(next_random(&x) % (2 * MS));
            if (next_random(&x) % 2000 == 0)
                now_ns += (int64_t)(next_random(&x) % (15 * (uint64_t)NS_PER_S));
            take_datagram(take, seed % 2 ? &known : &unknown, copy, length, (raw_ns){RAW0 + now_ns},
                          HOST + next_random(&x) % 100 / 99);
            take_run(take, (raw_ns){RAW0 + now_ns});
            free(copy);
        }
        take_finish(take);
        take_get_counters(take, &c);
        assert_false(w.open);
        assert_true(c.takes > 0);
        assert_int_equal(c.frames, w.frames);
        assert_true(c.concealed + c.gap < c.frames);
        take_destroy(take);
    }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(is_bit_exact_from_the_first_frame),
        TEST(late_packets_find_their_place),
        TEST(what_never_comes_is_concealed),
        TEST(a_long_hole_keeps_time),
        TEST(a_long_hole_without_a_clock),
        TEST(a_sender_that_is_started_again_goes_on),
        TEST(a_sender_that_is_replaced_begins_sharply),
        TEST(a_restart_behind_a_hole_loses_nothing),
        TEST(another_format_is_another_take),
        TEST(ten_seconds_of_nothing_end_it),
        TEST(ten_seconds_of_nothing_without_a_clock),
        TEST(time_that_jumps_back_is_another_take),
        TEST(opus_goes_on_behind_lost_packets),
        TEST(opus_goes_on_behind_an_end),
        TEST(what_is_refused_is_counted),
        TEST(nothing_heard_is_no_take),
        cmocka_unit_test(survives_anybody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
