// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * bench-stages: what each stage of the way of the sound costs, in nanoseconds a packet and a channel, and as
 * a share of one core at the stream's packet rate.
 *
 * Each stage is the very function of the tree, with the data that it has at work: a packet, or, for what the
 * receiver does a cycle at a time, a block of BLOCK_FRAMES; that is divided by the packets it holds. What a
 * stage needs beforehand is made outside of the measured time. The clock is CLOCK_THREAD_CPUTIME_ID, so that
 * what others run does not count; what a hypervisor takes may, therefore each figure is the median of many
 * runs.
 *
 * A stage is one row of `stages`: its name, what it measures, and how much it does in one run.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/mediaclock.h"
#include "proto/options.h"
#include "proto/pcm.h"
#include "proto/resample.h"
#include "proto/rtp.h"
#include "receiver/conceal.h"
#include "receiver/intake.h"
#include "receiver/level.h"
#include "receiver/route.h"
#include "receiver/rx.h"
#include "receiver/timeline.h"
#include "sender/tx.h"

enum {
    RATE_HZ = 48000,
    BATCH = 64,        /* packets in one run */
    BLOCK_FRAMES = 24, /* what a receiver renders in one cycle of 0.5 ms */
    MARGIN_FRAMES = 512,
    TIMELINE_SAMPLES = 1 << 21,
    CARD_FRAMES = 4096,
    RUNS_MIN = 15,
    RUNS_MAX = 2001,
    WIDTHS_MAX = 8
};

#define STAGE_NS (80 * NS_PER_MS) /* of CPU for one stage */
#define RAW0     INT64_C(86400000000123)
#define PTP0     INT64_C(1795000000123456789)
#define LINK_NS  (10 * NS_PER_MS)
#define STEP     1.00001

/* A receiver at work, its packets, and a card that keeps time. */
struct reception {
    struct rx *rx;
    raw_ns now, t0; /* t0: the card's frame 0 left it */
    int64_t written;
    media_t next;
    uint16_t sequence;
    float *block;
};

/* What all stages work on: one stream of `channels`, and a card of as many or more. */
struct world {
    enum rtp_codec codec;
    unsigned channels, card_channels;
    unsigned packet_frames;
    size_t packet_samples, payload_len;
    struct clock_map map;
    float *sound; /* a batch of packets and MARGIN_FRAMES: noise */
    float *out;   /* as much, for the card */
    uint8_t *card;
    uint8_t (*datagrams)[RTP_DATAGRAM_MAX]; /* BATCH */
    struct rtp_packet packet;
    raw_ns now;
    media_t next;
    struct timeline *timeline;
    struct intake intake;
    struct tx *tx;
    struct conceal *conceal;
    struct router *straight, *crossed; /* channel to channel; each card channel of two of the stream */
    struct fader fader;
    float gains[BLOCK_FRAMES], peaks[RTP_CHANNELS_MAX];
    uint64_t clipped;
    struct reception reception;
    struct resampler *resamplers[3]; /* by enum resample_quality */
};

struct stage {
    const char *name;
    const char *what;
    void (*prepare)(struct world *w); /* may be NULL; not measured */
    void (*run)(struct world *w);
    unsigned packets; /* how many the run does; 0: it is one event, without a rate */
};

static volatile uint8_t sink; /* so that nothing is found to be useless */

/* ---- the sender
 * ---------------------------------------------------------------------------------------------- */

static void run_encode(struct world *w)
{
    for (unsigned i = 0; i < BATCH; i++)
        pcm_encode(w->codec, w->sound + i * w->packet_samples, w->datagrams[i] + rtp_header_bytes(true),
                   w->packet_samples);
}

static void fill_packet(struct world *w)
{
    w->packet.sequence++;
    w->packet.timestamp = (uint32_t)(uint64_t)w->next.n;
    w->packet.ext.presentation.ns = ptp_at_media(w->next, RATE_HZ).ns + LINK_NS;
    w->next.n += w->packet_frames;
}

static void run_build(struct world *w)
{
    for (unsigned i = 0; i < BATCH; i++) {
        fill_packet(w);
        rtp_build(w->datagrams[i], &w->packet, RTP_EXT_ID_DEFAULT);
    }
}

static void run_tx(struct world *w)
{
    for (unsigned made = 0; made < BATCH;) {
        struct rtp_packet packet;

        while (tx_next(w->tx, &w->map, w->now, &packet)) {
            rtp_build(w->datagrams[made % BATCH], &packet, RTP_EXT_ID_DEFAULT);
            memcpy(w->datagrams[made % BATCH] + rtp_header_bytes(true), packet.payload, packet.payload_len);
            made++;
        }
        w->now = tx_deadline(w->tx, &w->map, w->now);
    }
}

static size_t read_sound(void *self, media_t at, float *out, size_t frames)
{
    const struct world *w = self;

    (void)at;
    memcpy(out, w->sound, frames * w->channels * sizeof *out);
    return frames;
}

static bool never_ends(const void *self)
{
    (void)self;
    return false;
}

/* ---- the receiver
 * -------------------------------------------------------------------------------------------- */

static void run_parse(struct world *w)
{
    struct rtp_packet packet;

    for (unsigned i = 0; i < BATCH; i++) {
        rtp_parse(w->datagrams[i], rtp_header_bytes(true) + w->payload_len, RTP_EXT_ID_DEFAULT, &packet);
        sink = (uint8_t)packet.timestamp;
    }
}

static void run_decode(struct world *w)
{
    for (unsigned i = 0; i < BATCH; i++)
        pcm_decode(w->codec, w->datagrams[i] + rtp_header_bytes(true), w->out + i * w->packet_samples,
                   w->packet_samples);
}

/* In and out again, as a receiver does: claimed a packet at a time, read and released a block at a time. */
static void run_timeline(struct world *w)
{
    size_t frames = (size_t)BATCH * w->packet_frames;
    media_t at = timeline_floor(w->timeline);
    struct timeline_slot slot;

    for (unsigned i = 0; i < BATCH; i++)
        timeline_claim(w->timeline, (media_t){at.n + (int64_t)i * w->packet_frames}, w->packet_frames, &slot);
    while (frames) {
        size_t block = frames < BLOCK_FRAMES ? frames : BLOCK_FRAMES;

        block = timeline_present(w->timeline, at, block);
        timeline_read(w->timeline, at, w->out, block);
        at.n += (int64_t)block;
        timeline_release(w->timeline, at);
        frames -= block;
    }
}

static void prepare_intake(struct world *w)
{
    w->now.ns = clock_map_raw(&w->map, ptp_at_media(w->next, RATE_HZ)).ns + NS_PER_MS;
    timeline_release(w->intake.timeline, w->next);
    run_build(w);
}

static void run_intake(struct world *w)
{
    for (unsigned i = 0; i < BATCH; i++)
        intake_datagram(&w->intake, &w->map, w->datagrams[i], rtp_header_bytes(true) + w->payload_len, w->now,
                        1);
}

static void prepare_hole(struct world *w)
{
    conceal_pass(w->conceal, w->sound, MARGIN_FRAMES);
}

static void run_hole(struct world *w)
{
    conceal_fill(w->conceal, w->out, w->packet_frames);
    conceal_pass(w->conceal, w->sound, RATE_HZ / 500);
}

static size_t blocks_of(const struct world *w)
{
    return (size_t)BATCH * w->packet_frames / BLOCK_FRAMES;
}

static void run_pass(struct world *w)
{
    for (size_t i = 0; i < blocks_of(w); i++)
        conceal_pass(w->conceal, w->sound + i * BLOCK_FRAMES * w->channels, BLOCK_FRAMES);
}

static void run_router(struct world *w, struct router *router)
{
    for (size_t i = 0; i < blocks_of(w); i++)
        router_run(router, w->sound + i * BLOCK_FRAMES * w->channels, w->out, BLOCK_FRAMES);
}

static void run_straight(struct world *w)
{
    run_router(w, w->straight);
}

static void run_crossed(struct world *w)
{
    run_router(w, w->crossed);
}

/* One voice more or less is one run of this. */
static void run_mix(struct world *w)
{
    for (size_t i = 0; i < blocks_of(w); i++) {
        fader_gains(&w->fader, w->gains, BLOCK_FRAMES);
        router_spread(w->straight, w->sound + i * BLOCK_FRAMES * w->channels, w->gains, w->out, BLOCK_FRAMES);
    }
}

static void run_meter(struct world *w)
{
    for (size_t i = 0; i < blocks_of(w); i++)
        meter_run(w->sound + i * BLOCK_FRAMES * w->card_channels, BLOCK_FRAMES, w->card_channels, w->peaks,
                  &w->clipped);
}

static void deliver(struct world *w)
{
    struct reception *r = &w->reception;
    uint8_t *bytes = w->datagrams[r->sequence % BATCH];

    w->packet.sequence = r->sequence++;
    w->packet.timestamp = (uint32_t)(uint64_t)r->next.n;
    w->packet.ext.presentation.ns = ptp_at_media(r->next, RATE_HZ).ns + LINK_NS;
    rtp_build(bytes, &w->packet, RTP_EXT_ID_DEFAULT);
    rx_datagram(r->rx, 0, &w->map, bytes, rtp_header_bytes(true) + w->payload_len, r->now, 1);
    r->next.n += w->packet_frames;
}

/* A cycle of BLOCK_FRAMES, with the packets that come in that time. */
static void cycle(struct world *w)
{
    struct reception *r = &w->reception;
    int64_t played = (r->now.ns - r->t0.ns) * RATE_HZ / NS_PER_S;

    while (ptp_at_media((media_t){r->next.n + w->packet_frames}, RATE_HZ).ns <=
           clock_map_ptp(&w->map, r->now).ns)
        deliver(w);
    if (r->written > 0)
        rx_card(r->rx, r->now, r->written - played);
    r->written += (int64_t)rx_render(r->rx, &w->map, CARD_FRAMES - (size_t)(r->written - played), r->block);
    rx_deadline(r->rx, r->now);
    r->now.ns += BLOCK_FRAMES * NS_PER_S / RATE_HZ;
}

/* Until it plays. */
static void prepare_rx(struct world *w)
{
    struct rx_status status = {.state = RX_IDLE};

    for (int i = 0; i < 10 * RATE_HZ / BLOCK_FRAMES && status.state != RX_PLAYING; i++) {
        cycle(w);
        rx_get_status(w->reception.rx, 0, &status);
    }
    if (status.state != RX_PLAYING)
        abort();
}

static void run_rx(struct world *w)
{
    for (size_t i = 0; i < blocks_of(w); i++)
        cycle(w);
}

static void run_resampler(struct world *w, enum resample_quality quality)
{
    struct resampler *r = w->resamplers[quality];

    for (size_t i = 0; i < blocks_of(w); i++)
        if (resampler_run(r, STEP, w->sound, resampler_need(r, BLOCK_FRAMES, STEP), w->out, BLOCK_FRAMES))
            abort();
}

static void run_fastest(struct world *w)
{
    run_resampler(w, RESAMPLE_FASTEST);
}

static void run_medium(struct world *w)
{
    run_resampler(w, RESAMPLE_MEDIUM);
}

static void run_best(struct world *w)
{
    run_resampler(w, RESAMPLE_BEST);
}

static void run_start_medium(struct world *w)
{
    resampler_start(w->resamplers[RESAMPLE_MEDIUM], w->channels, 0.5);
}

static void run_start_best(struct world *w)
{
    resampler_start(w->resamplers[RESAMPLE_BEST], w->channels, 0.5);
}

static void convert(struct world *w, enum pcm_format format)
{
    for (size_t i = 0; i < blocks_of(w); i++)
        pcm_to_card(format, w->sound + i * BLOCK_FRAMES * w->card_channels, w->card,
                    BLOCK_FRAMES * w->card_channels);
}

static void run_s16(struct world *w)
{
    convert(w, PCM_S16_LE);
}

static void run_s24_3(struct world *w)
{
    convert(w, PCM_S24_3LE);
}

static void run_s32(struct world *w)
{
    convert(w, PCM_S32_LE);
}

static const struct stage stages[] = {
    {"encode", "sender: samples to payload", NULL, run_encode, BATCH},
    {"build", "sender: header", NULL, run_build, BATCH},
    {"tx", "sender: both, with all bookkeeping", NULL, run_tx, BATCH},
    {"parse", "receiver: header", NULL, run_parse, BATCH},
    {"decode", "receiver: payload to samples", NULL, run_decode, BATCH},
    {"timeline", "receiver: in and out of the ring", NULL, run_timeline, BATCH},
    {"intake", "receiver: parse, decode, claim, with all bookkeeping", prepare_intake, run_intake, BATCH},
    {"conceal", "receiver: nothing is missing", prepare_hole, run_pass, BATCH},
    {"route straight", "receiver: channel to channel", NULL, run_straight, BATCH},
    {"route crossed", "receiver: two of the stream to each of the card", NULL, run_crossed, BATCH},
    {"resample fastest", "receiver: to the card's clock", NULL, run_fastest, BATCH},
    {"resample medium", "", NULL, run_medium, BATCH},
    {"resample best", "", NULL, run_best, BATCH},
    {"mix", "receiver: one voice, at its gain", NULL, run_mix, BATCH},
    {"meter", "receiver: the peaks of the card's channels", NULL, run_meter, BATCH},
    {"convert S16_LE", "receiver: to the card's format", NULL, run_s16, BATCH},
    {"convert S24_3LE", "", NULL, run_s24_3, BATCH},
    {"convert S32_LE", "", NULL, run_s32, BATCH},
    {"rx", "receiver: all of that but the card's format, medium, in whole cycles", prepare_rx, run_rx, BATCH},
    {"a hole", "receiver: one lost packet, modelled, filled, crossfaded", prepare_hole, run_hole, 0},
    {"start medium", "receiver: a resampler that was at work begins anew", run_medium, run_start_medium, 0},
    {"start best", "", run_best, run_start_best, 0},
};

enum { STAGES = sizeof stages / sizeof *stages };

/* ---- measuring
 * ----------------------------------------------------------------------------------------------- */

static int64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int compare_runs(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* Nanoseconds of one run, median. The first run, which warms the caches up, does not count. */
static int64_t measure(const struct stage *stage, struct world *w)
{
    static int64_t runs[RUNS_MAX];
    int64_t total = 0, begin;
    size_t count = 0;

    for (int i = -1; count < RUNS_MAX && (count < RUNS_MIN || total < STAGE_NS); i++) {
        if (stage->prepare)
            stage->prepare(w);
        begin = cpu_ns();
        stage->run(w);
        if (i < 0)
            continue;
        runs[count] = cpu_ns() - begin;
        total += runs[count++];
    }
    qsort(runs, count, sizeof *runs, compare_runs);
    return runs[count / 2];
}

static int create_routers(struct world *w)
{
    static const struct route straight;
    struct route *crossed = calloc(1, sizeof *crossed);
    int error = -ENOMEM;

    w->straight = router_create(w->card_channels);
    w->crossed = router_create(w->card_channels);
    if (!crossed || !w->straight || !w->crossed)
        goto out;
    for (unsigned channel = 0; channel < w->channels; channel++) {
        crossed->entries[crossed->count++] = (struct route_entry){(uint8_t)channel, (uint8_t)channel, 0.5f};
        crossed->entries[crossed->count++] =
            (struct route_entry){(uint8_t)channel, (uint8_t)(w->channels - 1 - channel), 0.25f};
    }
    router_set(w->straight, &straight, w->channels);
    router_set(w->crossed, crossed, w->channels);
    fader_init(&w->fader, 0.5);
    error = 0;
out:
    free(crossed);
    return error;
}

static int create_reception(struct world *w)
{
    const struct rx_config config = {
        .card_rate_hz = RATE_HZ,
        .card_channels = w->card_channels,
        .card_frames = CARD_FRAMES,
        .quality = RESAMPLE_MEDIUM,
        .voices = 1,
        .settings = {.gain = 1},
        .duck = DUCK_STANDARD,
        .seed = 1,
    };
    struct reception *r = &w->reception;

    r->now = r->t0 = (raw_ns){RAW0};
    r->next = media_at_ptp(clock_map_ptp(&w->map, r->now), RATE_HZ);
    r->rx = rx_create(&config);
    r->block = calloc((size_t)CARD_FRAMES * w->card_channels, sizeof *r->block);
    return r->rx && r->block ? 0 : -ENOMEM;
}

static int create_core(struct world *w)
{
    struct tx_config config = {
        .rate_hz = RATE_HZ,
        .channels = w->channels,
        .codec = w->codec,
        .frames_per_packet = w->packet_frames,
        .latency_ns = LINK_NS,
        .ssrc = 1,
        .source = {w, read_sound, never_ends},
    };
    struct stream_description description = {.ext_id = RTP_EXT_ID_DEFAULT};

    for (int q = RESAMPLE_FASTEST; q <= RESAMPLE_BEST; q++) {
        w->resamplers[q] = resampler_create(w->card_channels, (enum resample_quality)q);
        if (!w->resamplers[q])
            return -ENOMEM;
        resampler_start(w->resamplers[q], w->channels, 0);
    }
    w->tx = tx_create(&config);
    w->timeline = timeline_create(TIMELINE_SAMPLES);
    w->conceal = conceal_create(w->card_channels);
    if (!w->tx || !w->timeline || !w->conceal || create_routers(w))
        return -ENOMEM;
    timeline_reset(w->timeline, w->channels, w->next);
    conceal_set_channels(w->conceal, w->channels);
    conceal_reset(w->conceal, RATE_HZ);
    if (create_reception(w))
        return -ENOMEM;
    return intake_init(&w->intake, &description, TIMELINE_SAMPLES);
}

static void world_free(struct world *w)
{
    for (int q = RESAMPLE_FASTEST; q <= RESAMPLE_BEST; q++)
        resampler_destroy(w->resamplers[q]);
    tx_destroy(w->tx);
    timeline_destroy(w->timeline);
    conceal_destroy(w->conceal);
    router_destroy(w->straight);
    router_destroy(w->crossed);
    intake_free(&w->intake);
    rx_destroy(w->reception.rx);
    free(w->reception.block);
    free(w->sound);
    free(w->out);
    free(w->card);
    free(w->datagrams);
}

static int world_init(struct world *w, enum rtp_codec codec, unsigned channels, unsigned card_channels,
                      unsigned packet_frames)
{
    unsigned widest = card_channels > channels ? card_channels : channels;
    size_t samples = ((size_t)BATCH * packet_frames + MARGIN_FRAMES) * widest;
    uint32_t random = 1;

    *w = (struct world){
        .codec = codec,
        .channels = channels,
        .card_channels = widest,
        .packet_frames = packet_frames,
        .packet_samples = (size_t)packet_frames * channels,
        .payload_len = (size_t)packet_frames * channels * rtp_codec_sample_bytes(codec),
        .map = {.raw0 = {RAW0}, .ptp0 = {PTP0}, .state = MEDIA_CLOCK_LOCKED, .epoch = 1},
        .packet = {.ssrc = 1, .has_ext = true, .payload_type = RTP_PT_L24},
        .now = {RAW0},
        .next = media_at_ptp((ptp_ns){PTP0}, RATE_HZ),
        .sound = calloc(samples, sizeof *w->sound),
        .out = calloc(samples, sizeof *w->out),
        .card = calloc(samples, 4),
        .datagrams = calloc(BATCH, RTP_DATAGRAM_MAX),
    };
    w->packet.ext =
        (struct rtp_header_ext){.codec = (uint8_t)codec, .channels = (uint8_t)channels, .rate_hz = RATE_HZ};
    if (!w->sound || !w->out || !w->card || !w->datagrams)
        return -ENOMEM;
    for (size_t i = 0; i < samples; i++) {
        random = random * 1664525 + 1013904223; /* Numerical Recipes */
        w->sound[i] = (float)(random >> 8) / (float)(1 << 24) - 0.5f;
    }
    return create_core(w);
}

/* ---- the table
 * ----------------------------------------------------------------------------------------------- */

struct bench_options {
    char channels[64];
    uint32_t card;
    uint32_t codec;
    double ptime_ms;
};

#define MEMBER(member) OPTION_MEMBER(struct bench_options, member)

static const struct option_spec specs[] = {
    {.group = "Stream",
     .name = "channels",
     .kind = OPTION_TEXT,
     MEMBER(channels),
     .standard = "2,8,64",
     .argument = "N,...",
     .help = "numbers of channels, each a column"},
    {.group = "Stream",
     .name = "card",
     .kind = OPTION_INTEGER,
     MEMBER(card),
     .min = 1,
     .max = RTP_CHANNELS_MAX,
     .argument = "N",
     .help = "channels of the card, where they are more than the stream's"},
    {.group = "Stream",
     .name = "codec",
     .kind = OPTION_CHOICE,
     MEMBER(codec),
     .standard = "L24",
     .allowed = "L16 L24",
     .argument = "CODEC",
     .help = "samples on the wire"},
    {.group = "Stream",
     .name = "ptime",
     .kind = OPTION_REAL,
     MEMBER(ptime_ms),
     .standard = "0.125",
     .allowed = "0.125 0.25 0.333 1 2 4 5 10 20",
     .unit = "ms",
     .argument = "MS",
     .help = "packet time, at 48000 Hz"},
};

static const struct options_program program = {
    .name = "bench-stages",
    .usage = "[--OPTION VALUE]...",
    .summary = "What each stage of the way of the sound costs: CPU time a packet and a channel.",
    .examples = "  bench-stages --channels 2 --ptime 1\n",
    .specs = specs,
    .count = sizeof specs / sizeof *specs,
};

/* The numbers of channels, at most WIDTHS_MAX. How many, or -EINVAL, said on stderr. */
static int parse_widths(const struct bench_options *o, unsigned *widths)
{
    const char *at = o->channels;
    char why[256];
    int count = 0;

    for (;;) {
        char *end;
        unsigned long value = strtoul(at, &end, 10);

        if (end == at || (*end && *end != ',') || value < 1 || value > RTP_CHANNELS_MAX ||
            count == WIDTHS_MAX) {
            fprintf(stderr, "bench-stages: --channels %s: allowed are up to %d numbers from 1 to %d\n",
                    o->channels, WIDTHS_MAX, RTP_CHANNELS_MAX);
            return -EINVAL;
        }
        if (rtp_ptime_check((uint32_t)(o->ptime_ms * 1000 + 0.5), RATE_HZ, o->codec, (unsigned)value, why,
                            sizeof why) < 0) {
            fprintf(stderr, "bench-stages: --ptime %g: %s\n", o->ptime_ms, why);
            return -EINVAL;
        }
        widths[count++] = (unsigned)value;
        if (!*end)
            return count;
        at = end + 1;
    }
}

static void print_head(const struct bench_options *o, const unsigned *widths, int count, unsigned frames)
{
    printf("%s, %d Hz, %u frames a packet: %.0f packets/s. CPU time, median\n\n%-18s",
           rtp_codec_name(o->codec), RATE_HZ, frames, (double)RATE_HZ / frames, "");
    for (int i = 0; i < count; i++)
        printf("%15u channel%s", widths[i], widths[i] > 1 ? "s" : " ");
    printf("\n%-18s", "stage");
    for (int i = 0; i < count; i++)
        printf("%9s%8s%7s", "ns/pkt", "ns/ch", "core%");
    printf("\n");
}

/* An event has no rate: microseconds of one. */
static void print_cell(const struct stage *stage, const struct world *w, int64_t run_ns)
{
    double packet_ns = (double)run_ns / stage->packets;

    if (stage->packets)
        printf("%9.0f%8.2f%7.2f", packet_ns, packet_ns / w->channels,
               packet_ns * RATE_HZ / w->packet_frames / 1e7);
    else
        printf("%9.1f us%12s", (double)run_ns / 1e3, "");
}

int main(int argc, char **argv)
{
    struct world worlds[WIDTHS_MAX] = {0};
    struct bench_options options;
    unsigned widths[WIDTHS_MAX], frames;
    int status, count, error = 0;

    if (!options_parse(&program, &options, argc, argv, stdout, stderr, &status))
        return status;
    count = parse_widths(&options, widths);
    if (count < 0)
        return 2;
    frames = (unsigned)rtp_ptime_frames((uint32_t)(options.ptime_ms * 1000 + 0.5), RATE_HZ);
    for (int i = 0; i < count && !error; i++)
        error = world_init(&worlds[i], (enum rtp_codec)options.codec, widths[i], options.card, frames);
    if (error)
        fprintf(stderr, "bench-stages: out of memory\n");
    else
        print_head(&options, widths, count, frames);
    for (size_t s = 0; s < STAGES && !error; s++) {
        printf("%-18s", stages[s].name);
        for (int i = 0; i < count; i++) {
            print_cell(&stages[s], &worlds[i], measure(&stages[s], &worlds[i]));
            fflush(stdout);
        }
        printf("  %s\n", stages[s].what);
    }
    for (int i = 0; i < count; i++)
        world_free(&worlds[i]);
    return error ? 1 : 0;
}
