// SPDX-License-Identifier: GPL-3.0-or-later
#include "rx.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conceal.h"
#include "intake.h"
#include "playout.h"
#include "proto/observer.h"

enum {
    TIMELINE_SAMPLES = 1 << 21, /* floats: 21 s of stereo at 48 kHz, 0.7 s of 64 channels */
    FEED_FRAMES = 4096,         /* most that is gathered for one block */
    READ_FRAMES = 256,          /* most that is read from the timeline at a time */
    BLOCK_FRAMES = 2048,        /* most that is made in one cycle */
    MAX_CHANNELS = 64
};

#define ALIGN_SIGMA_NS 500.0              /* an observer this sure places sound within a microsecond */
#define ALIGN_AGE_NS   (2500 * NS_PER_MS) /* one on a coarse card is given so long */
#define LOST_S         2e-3               /* further off is not steered but found anew */
#define IDLE_QUEUE_NS  (20 * NS_PER_MS)   /* silence kept waiting while there is no stream */
#define FADE_NS        (20 * NS_PER_MS)   /* longer than concealment takes to fall silent */
#define GONE_NS        NS_PER_S           /* a stream announced and not heard for so long is none */
#define WAKE_ARMED_NS  (125 * NS_PER_US)  /* the observer learns by the number of its readings */
#define WAKE_MIN_NS    (250 * NS_PER_US)
#define WAKE_MAX_NS    (1000 * NS_PER_US)
#define MARGIN_MIN_NS  (150 * NS_PER_US)  /* what a wake-up may come late without harm: a twentieth of the */
#define MARGIN_MAX_NS  (1000 * NS_PER_US) /* latency, within these */

struct rx {
    struct rx_config config;
    enum rx_state state;
    struct intake intake;
    struct observer observer;
    raw_ns observing_since;
    bool observing;
    struct conceal *conceal;
    struct resampler *resampler;
    struct playout playout;
    uint32_t epoch;  /* of the media clock's map in use */
    frame_t written; /* frames given to the card so far */
    raw_ns stamp;    /* of the newest card reading */
    int64_t queued;  /* frames waiting in the card then, by the observer's line where there is one */
    media_t base;    /* media sample of the resampler's input frame 0 */
    media_t next;    /* next media sample to gather */
    float *feed;     /* gathered, not yet taken by the resampler */
    size_t feed_count;
    double step;        /* media frames per card frame in the newest block, or in the first to come */
    size_t step_frames; /* card frames in it */
    float *read;        /* READ_FRAMES of the stream's channels */
    size_t fade_left;   /* card frames until a fade is over */
    bool arm_again;     /* what follows the fade */
    bool stopping;
    bool refused;
    uint64_t dither;
    struct distribution errors_ns;
    struct rx_status status;
};

static const char *const state_names[] = {"idle", "armed", "playing", "fading"};

const char *rx_state_name(enum rx_state state)
{
    return state_names[state];
}

struct rx *rx_create(const struct rx_config *config)
{
    struct rx *rx = calloc(1, sizeof *rx);
    struct stream_description stream = {
        .ext_id = RTP_EXT_ID_DEFAULT,
        .plain = config->plain,
        .claim = {.codec = config->codec,
                  .rate_hz = config->rate_hz,
                  .channels = config->channels,
                  .link_ns = config->link_ns},
    };

    if (!rx)
        return NULL;
    rx->config = *config;
    rx->dither = config->seed | 1;
    rx->conceal = conceal_create(config->card_channels);
    rx->resampler = resampler_create(config->card_channels, config->quality);
    rx->feed = calloc((size_t)FEED_FRAMES * config->card_channels, sizeof *rx->feed);
    rx->read = calloc((size_t)READ_FRAMES * MAX_CHANNELS, sizeof *rx->read);
    if (!rx->conceal || !rx->resampler || !rx->feed || !rx->read ||
        intake_init(&rx->intake, &stream, TIMELINE_SAMPLES)) {
        rx_destroy(rx);
        return NULL;
    }
    observer_init(&rx->observer, config->card_rate_hz);
    rx->status.queued_min_ms = INFINITY;
    return rx;
}

void rx_destroy(struct rx *rx)
{
    if (!rx)
        return;
    conceal_destroy(rx->conceal);
    resampler_destroy(rx->resampler);
    free(rx->feed);
    free(rx->read);
    intake_free(&rx->intake);
    free(rx);
}

static int64_t card_frames_in(const struct rx *rx, int64_t ns)
{
    return samples_in_ns(ns, rx->config.card_rate_hz);
}

static void begin_fade(struct rx *rx, bool arm_again)
{
    rx->state = RX_FADING;
    rx->arm_again = arm_again;
    rx->fade_left = (size_t)card_frames_in(rx, FADE_NS);
}

void rx_datagram(struct rx *rx, const struct clock_map *map, const uint8_t *bytes, size_t length,
                 raw_ns arrival, uint64_t source)
{
    if (intake_datagram(&rx->intake, map, bytes, length, arrival, source) != INTAKE_BEGIN)
        return;
    if (rx->stopping)
        return;
    if (rx->state == RX_PLAYING)
        begin_fade(rx, true);
    else if (rx->state == RX_FADING)
        rx->arm_again = true;
    else
        rx->state = RX_ARMED;
}

void rx_card(struct rx *rx, raw_ns stamp, int64_t queued)
{
    struct card_line line;

    if (!rx->observing) {
        rx->observing = true;
        rx->observing_since = stamp;
    }
    rx->stamp = stamp;
    rx->queued = queued;
    if (observer_reading(&rx->observer, stamp, (frame_t){rx->written.n - queued})) {
        rx->observing_since = stamp;
        if (rx->state == RX_PLAYING)
            begin_fade(rx, true);
    }
    /* a coarse pointer flatters the queue by up to a step; the line does not */
    if (observer_line(&rx->observer, &line)) {
        double at = card_line_frames_since(&line, stamp);
        int64_t left = rx->written.n - line.frame0.n - (int64_t)ceil(at);

        if (left < rx->queued)
            rx->queued = left < 0 ? 0 : left;
    }
}

void rx_card_stopped(struct rx *rx, bool ran_dry)
{
    observer_restart(&rx->observer);
    rx->observing = false;
    rx->queued = 0;
    rx->status.xruns += ran_dry;
    if (rx->state == RX_PLAYING || (rx->state == RX_FADING && rx->arm_again))
        rx->state = RX_ARMED;
    else if (rx->state == RX_FADING)
        rx->state = RX_IDLE;
}

/* The present sound ends with a fade; only a stream that begins is heard again. */
static void give_up(struct rx *rx)
{
    if (rx->state == RX_PLAYING)
        begin_fade(rx, false);
    else if (rx->state == RX_FADING)
        rx->arm_again = false;
    else
        rx->state = RX_IDLE;
}

void rx_stop(struct rx *rx)
{
    rx->stopping = true;
    give_up(rx);
}

void rx_describe(struct rx *rx, const struct stream_description *description)
{
    intake_describe(&rx->intake, description);
    give_up(rx);
}

void rx_refuse(struct rx *rx, bool refused)
{
    rx->refused = refused;
}

void rx_bye(struct rx *rx, uint32_t ssrc)
{
    intake_bye(&rx->intake, ssrc);
}

bool rx_ended(const struct rx *rx)
{
    return rx->stopping && rx->state == RX_IDLE;
}

static int64_t within(int64_t low, int64_t x, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

static int64_t latency_ns(const struct rx *rx)
{
    return rx->intake.stream.claim.link_ns + rx->config.delay_ns;
}

/* How long the driver sleeps between cycles: short for short latencies, and while the observer learns. */
static int64_t wake_interval_ns(const struct rx *rx)
{
    if (rx->state == RX_IDLE)
        return WAKE_MAX_NS;
    if (rx->state == RX_ARMED)
        return WAKE_ARMED_NS;
    return within(WAKE_MIN_NS, latency_ns(rx) / 5 - NS_PER_MS, WAKE_MAX_NS);
}

raw_ns rx_deadline(struct rx *rx, raw_ns now)
{
    int64_t interval = wake_interval_ns(rx);

    /* xorshift64 (Marsaglia 2003); +-25 % of dither lets the readings see the card's steps evenly */
    rx->dither ^= rx->dither << 13;
    rx->dither ^= rx->dither >> 7;
    rx->dither ^= rx->dither << 17;
    return (raw_ns){now.ns + interval * 3 / 4 + (int64_t)(rx->dither % (uint64_t)(interval / 2))};
}

/* The least the card must hold until the next cycle: a wake-up, what it may be late, and the pointer's step.
 */
static int64_t floor_ns(const struct rx *rx)
{
    int64_t margin = within(MARGIN_MIN_NS, latency_ns(rx) / 20, MARGIN_MAX_NS);

    return wake_interval_ns(rx) * 5 / 4 + margin + (int64_t)(2 * rx->observer.mean_late_ns);
}

static int64_t floor_frames(const struct rx *rx)
{
    return card_frames_in(rx, floor_ns(rx));
}

static size_t smaller(int64_t a, size_t b)
{
    return a <= 0 ? 0 : (uint64_t)a < b ? (size_t)a : b;
}

/* Silence until `target` frames are queued. */
static size_t silence(struct rx *rx, int64_t target, size_t room, float *out)
{
    size_t frames = smaller(target - rx->queued, room < BLOCK_FRAMES ? room : BLOCK_FRAMES);

    memset(out, 0, frames * rx->config.card_channels * sizeof *out);
    rx->written.n += (int64_t)frames;
    return frames;
}

static int64_t idle_target(const struct rx *rx)
{
    int64_t target = card_frames_in(rx, IDLE_QUEUE_NS);

    return target < (int64_t)rx->config.card_frames / 2 ? target : (int64_t)rx->config.card_frames / 2;
}

/* Less where the latency is short: sound that is due is not kept waiting for silence to drain. */
static int64_t armed_target(const struct rx *rx)
{
    int64_t idle = idle_target(rx), latency = card_frames_in(rx, latency_ns(rx)), least = floor_frames(rx);

    latency = latency > least ? latency : least;
    return idle < latency ? idle : latency;
}

static size_t feed_channels(struct rx *rx, const float *in, float *out, size_t frames)
{
    unsigned from = rx->intake.stream.claim.channels, to = rx->config.card_channels;

    for (size_t i = 0; i < frames; i++, in += from, out += to)
        for (unsigned channel = 0; channel < to; channel++)
            out[channel] = from == 1 ? in[0] : channel < from ? in[channel] : 0;
    return frames;
}

/* Gathers `frames` media frames behind those in the feed: from the timeline, or concealed where it has holes.
 */
static void gather(struct rx *rx, size_t frames, bool force_hole)
{
    struct timeline *timeline = rx->intake.timeline;

    while (frames) {
        float *to = rx->feed + rx->feed_count * rx->config.card_channels;
        size_t run = force_hole ? 0 : timeline_present(timeline, rx->next, frames);

        if (run) {
            run = run < READ_FRAMES ? run : READ_FRAMES;
            timeline_read(timeline, rx->next, rx->read, run);
            feed_channels(rx, rx->read, to, run);
            conceal_pass(rx->conceal, to, run);
        } else {
            run = force_hole ? frames : timeline_absent(timeline, rx->next, frames);
            if (!force_hole) {
                intake_need(&rx->intake, rx->next, run);
                if (timeline_present(timeline, rx->next, 1))
                    continue;
                run = timeline_absent(timeline, rx->next, run);
            }
            conceal_fill(rx->conceal, to, run);
            if (!force_hole && rx->next.n >= rx->intake.begin.n &&
                !(rx->intake.ending && rx->next.n >= rx->intake.end.n))
                rx->status.concealed += run;
        }
        rx->feed_count += run;
        rx->next.n += (int64_t)run;
        frames -= run;
    }
}

static void apply_gain(struct rx *rx, float *out, size_t frames)
{
    float gain = (float)rx->config.gain;

    for (size_t i = 0; i < frames; i++)
        for (unsigned channel = 0; channel < rx->config.card_channels; channel++, out++) {
            float magnitude;

            *out *= gain;
            magnitude = fabsf(*out);
            rx->status.clipped += magnitude > 1;
            if (magnitude > rx->status.peaks[channel])
                rx->status.peaks[channel] = magnitude;
        }
}

/* Makes `frames` card frames at `step`. On failure of the resampler the position is found anew. */
static size_t emit(struct rx *rx, size_t frames, double step, bool force_hole, float *out)
{
    size_t need = resampler_need(rx->resampler, frames, step), taken;
    int64_t fed = resampler_fed(rx->resampler);

    if (need > FEED_FRAMES) /* a rate conversion: make what fits */
        frames = resampler_yield(rx->resampler, FEED_FRAMES, step);
    need = resampler_need(rx->resampler, frames, step);
    if (need > rx->feed_count)
        gather(rx, need - rx->feed_count, force_hole);
    if (resampler_run(rx->resampler, step, rx->feed, rx->feed_count, out, frames)) {
        rx->state = RX_ARMED;
        return 0;
    }
    taken = (size_t)(resampler_fed(rx->resampler) - fed);
    rx->feed_count -= taken;
    memmove(rx->feed, rx->feed + taken * rx->config.card_channels,
            rx->feed_count * rx->config.card_channels * sizeof *rx->feed);
    /* while fading out, the timeline may belong to another stream already */
    if (!force_hole)
        timeline_release(rx->intake.timeline, rx->next);
    apply_gain(rx, out, frames);
    rx->written.n += (int64_t)frames;
    rx->status.played += frames;
    return frames;
}

/* Brings the chain from card to media up to date. False while the card or the clock is not known. */
static bool refresh(struct rx *rx, const struct clock_map *map)
{
    const struct stream_claim *claim = &rx->intake.stream.claim;

    if (!observer_line(&rx->observer, &rx->playout.line) || map->state == MEDIA_CLOCK_NO_PTP)
        return false;
    rx->playout.map = *map;
    if (rx->state == RX_ARMED) {
        rx->playout.link_ns = claim->link_ns + rx->config.delay_ns;
        rx->playout.rate_hz = claim->rate_hz;
    }
    return true;
}

/* The stream is not to be heard, or PTP is lost and that is to be silence. */
static bool muted(const struct rx *rx, const struct clock_map *map)
{
    if (rx->refused)
        return true;
    return rx->config.mute_on_loss && map->state == MEDIA_CLOCK_HOLDOVER;
}

static bool can_align(struct rx *rx, const struct clock_map *map)
{
    if (!refresh(rx, map))
        return false;
    if (!clock_map_usable(map) || muted(rx, map))
        return false;
    return rx->playout.line.sigma_ns < ALIGN_SIGMA_NS || rx->stamp.ns - rx->observing_since.ns > ALIGN_AGE_NS;
}

static double behind_s(const struct rx *rx)
{
    struct media_pos at = {.whole = rx->base};
    int64_t whole;

    resampler_position(rx->resampler, &whole, &at.part);
    at.whole.n += whole;
    return media_pos_minus(playout_wanted(&rx->playout, rx->written), at) / rx->playout.rate_hz;
}

/* Places the resampler on the media position that the next card frame must carry. */
static void place(struct rx *rx, struct media_pos at, double step)
{
    conceal_reset(rx->conceal, rx->playout.rate_hz);
    resampler_start(rx->resampler, at.part);
    rx->base = (media_t){at.whole.n - 1};
    rx->next = rx->base;
    rx->feed_count = 0;
    rx->step = step;
    rx->step_frames = 0;
    /* the frame of lead-in may lie before the stream's first */
    gather(rx, 1, !timeline_present(rx->intake.timeline, rx->base, 1));
}

/* Fades out at the last known rate: card and clock may be unknown by now. */
static size_t fade(struct rx *rx, size_t room, float *out)
{
    size_t frames = room < BLOCK_FRAMES ? room : BLOCK_FRAMES;

    frames = frames < rx->fade_left ? frames : rx->fade_left;
    rx->fade_left -= frames;
    frames = emit(rx, frames, rx->step, true, out);
    if (rx->fade_left == 0)
        rx->state = rx->arm_again ? RX_ARMED : RX_IDLE;
    return frames;
}

static void note_error(struct rx *rx, double error_s, double step)
{
    struct rx_status *s = &rx->status;
    double queued_ms = (double)rx->queued * 1e3 / rx->config.card_rate_hz;

    s->error_ns = error_s * 1e9;
    distribution_add(&rx->errors_ns, llround(s->error_ns));
    if (fabs(s->error_ns) > s->error_worst_ns)
        s->error_worst_ns = fabs(s->error_ns);
    s->resample_ppm = (step * rx->config.card_rate_hz / rx->playout.rate_hz - 1) * 1e6;
    if (queued_ms < s->queued_min_ms)
        s->queued_min_ms = queued_ms;
}

/* The stream is over when its end has been played, or when nothing came for long and the fade is done. */
static bool over(const struct rx *rx)
{
    const struct intake *in = &rx->intake;

    /* the end of the fade has to leave the resampler, too */
    if ((double)conceal_silent_frames(rx->conceal) < resampler_look_ahead(rx->resampler))
        return false;
    return (in->ending && rx->next.n >= in->end.n) || stream_stale(&in->stream, rx->stamp);
}

/*
 * How much may be made in this cycle. To make frames takes time, and the card plays on meanwhile: after a
 * hole that was waited for, a whole block (1.8 ms of work on a slow machine) for a card that holds 1.2 ms ran
 * dry before it came. So at most as much as is queued: it doubles from cycle to cycle.
 */
static size_t block_frames(const struct rx *rx, size_t room)
{
    int64_t least = floor_frames(rx), most = rx->queued > least ? rx->queued : least;

    room = room < BLOCK_FRAMES ? room : BLOCK_FRAMES;
    return smaller(most, room);
}

static size_t play(struct rx *rx, const struct clock_map *map, size_t room, float *out)
{
    double error_s, step;
    size_t frames, present;
    int64_t wanting;

    error_s = refresh(rx, map) ? behind_s(rx) : INFINITY;
    if (map->epoch != rx->epoch)
        intake_anew(&rx->intake);
    if (map->epoch != rx->epoch || fabs(error_s) > LOST_S || muted(rx, map)) {
        begin_fade(rx, true);
        return fade(rx, room, out);
    }
    step = resample_steer(playout_step(&rx->playout), error_s, rx->step,
                          (double)rx->step_frames / rx->config.card_rate_hz);
    note_error(rx, error_s, step);
    present = timeline_present(rx->intake.timeline, rx->next, FEED_FRAMES - rx->feed_count);
    room = block_frames(rx, room);
    frames = resampler_yield(rx->resampler, rx->feed_count + present, step);
    frames = frames < room ? frames : room;
    wanting = floor_frames(rx) - rx->queued;
    if ((int64_t)frames < wanting) /* a hole, and no time left to wait for it to be filled */
        frames = smaller(wanting, room);
    frames = emit(rx, frames, step, false, out);
    rx->step = step;
    rx->step_frames = frames;
    if (over(rx)) {
        stream_unlock(&rx->intake.stream);
        rx->state = RX_IDLE;
    }
    return frames;
}

/*
 * Waits, in silence, for the moment at which the card's next frame falls on sound that is there. While the
 * stream's first sample lies ahead, silence is written up to it; where the card holds more silence than the
 * stream's latency allows, none is written until it has drained.
 */
static size_t arm(struct rx *rx, const struct clock_map *map, size_t room, float *out)
{
    struct timeline *timeline = rx->intake.timeline;
    struct media_pos at;
    double ahead, step, most;
    size_t present, yield;

    if (rx->stamp.ns - rx->intake.stream.newest.ns > GONE_NS) {
        stream_unlock(&rx->intake.stream);
        rx->state = RX_IDLE;
        return silence(rx, idle_target(rx), room, out);
    }
    if (!can_align(rx, map)) {
        int64_t keep = (int64_t)timeline_capacity(timeline) / 2;

        timeline_release(timeline, (media_t){timeline_newest(timeline).n - keep});
        return silence(rx, armed_target(rx), room, out);
    }
    step = playout_step(&rx->playout);
    at = playout_wanted(&rx->playout, rx->written);
    ahead = (double)(rx->intake.begin.n - at.whole.n) - at.part;
    if (ahead > 0)
        return silence(rx, armed_target(rx), smaller((int64_t)ceil(ahead / step), room), out);
    timeline_release(timeline, (media_t){at.whole.n - 1});
    present = timeline_present(timeline, at.whole, FEED_FRAMES - 1);
    /* to place is to clear the resampler, megabytes with many channels: not before enough sound waits */
    most = ((double)present - resampler_look_ahead(rx->resampler)) / step;
    if ((double)rx->queued + most < (double)floor_frames(rx))
        return silence(rx, floor_frames(rx), room, out);
    place(rx, at, step);
    yield = resampler_yield(rx->resampler, rx->feed_count + present, step);
    if (!yield || rx->queued + (int64_t)yield < floor_frames(rx))
        return silence(rx, floor_frames(rx), room, out);
    rx->state = RX_PLAYING;
    rx->epoch = map->epoch;
    rx->status.starts++;
    return play(rx, map, room, out);
}

size_t rx_render(struct rx *rx, const struct clock_map *map, size_t room, float *out)
{
    switch (rx->state) {
    case RX_ARMED:
        return arm(rx, map, room, out);
    case RX_PLAYING:
        return play(rx, map, room, out);
    case RX_FADING:
        return fade(rx, room, out);
    case RX_IDLE:
        break;
    }
    return silence(rx, idle_target(rx), room, out);
}

void rx_get_status(const struct rx *rx, struct rx_status *status)
{
    const struct intake *in = &rx->intake;
    struct card_line line = {0};

    observer_line(&rx->observer, &line);
    *status = rx->status;
    status->state = rx->state;
    status->stream = in->stream;
    status->datagrams = in->datagrams;
    status->malformed = in->malformed;
    status->foreign = in->foreign;
    status->absurd = in->absurd;
    status->unknown_codec = in->unknown_codec;
    status->made_up = in->decode.made_up;
    status->recovered = in->decode.recovered;
    status->late = in->late;
    status->early = in->early;
    status->lead_min_ms = in->lead_min_ns == INT64_MAX ? NAN : (double)in->lead_min_ns / 1e6;
    status->card_ppm = observer_ppm(&rx->observer);
    status->card_sigma_ns = line.sigma_ns;
    status->link_ns = latency_ns(rx);
    status->lead_need_ms =
        (double)floor_ns(rx) / 1e6 +
        resampler_look_ahead(rx->resampler) * 1e3 / (in->stream.locked ? in->stream.claim.rate_hz : 48000);
}

void rx_get_distributions(const struct rx *rx, struct rx_distributions *distributions)
{
    distributions->errors_ns = rx->errors_ns;
    distributions->leads_us = rx->intake.leads_us;
}

void rx_clear_extremes(struct rx *rx)
{
    memset(rx->status.peaks, 0, sizeof rx->status.peaks);
    rx->intake.lead_min_ns = INT64_MAX;
    rx->status.error_worst_ns = 0;
    rx->status.queued_min_ms = INFINITY;
}
