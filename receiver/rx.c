// SPDX-License-Identifier: GPL-3.0-or-later
#include "rx.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/observer.h"
#include "voice.h"

enum {
    BLOCK_FRAMES = 2048, /* most that is made in one cycle */
    PASSES = 8           /* blocks that a cycle is cut into at most, at the beginnings of streams */
};

/*
 * Floats in a timeline: 21 s of stereo at 48 kHz, 0.7 s of 64 channels; half of it where there are many. Two
 * seconds of 64 channels would be 32 MB of locked memory a voice, for streams that hardly anybody has:
 * rx_status tells for how much latency there is room.
 */
#define TIMELINE_SAMPLES ((size_t)1 << 21)
#define MANY_VOICES      4

#define ALIGN_SIGMA_NS 500.0              /* an observer this sure places sound within a microsecond */
#define ALIGN_AGE_NS   (2500 * NS_PER_MS) /* one on a coarse card is given so long */
#define IDLE_QUEUE_NS  (20 * NS_PER_MS)   /* silence kept waiting while there is no stream */
#define JOIN_NS        (1 * NS_PER_MS) /* a packet may come so much later than its sender means to send it */
#define WAKE_ARMED_NS  (125 * NS_PER_US) /* the observer learns by the number of its readings */
#define WAKE_MIN_NS    (250 * NS_PER_US)
#define WAKE_MAX_NS    (1000 * NS_PER_US)
#define MARGIN_MIN_NS  (150 * NS_PER_US)  /* what a wake-up may come late without harm: a twentieth of the */
#define MARGIN_MAX_NS  (1000 * NS_PER_US) /* latency, within these */

#define NO_HORIZON (INT64_MAX / 2) /* frames: the card may hold whatever there is room for */

struct rx {
    struct rx_config config;
    struct rx_settings settings;
    struct duck_config duck;
    struct voice *voices; /* config.voices of them */
    struct voice_want *wants;
    struct observer observer;
    raw_ns observing_since;
    bool observing;
    frame_t written; /* frames given to the card so far */
    raw_ns stamp;    /* of the newest card reading */
    int64_t queued;  /* frames waiting in the card then, by the observer's line where there is one */
    float *scratch;  /* two blocks, and two floats a frame more */
    struct fader fader;
    bool stopping;
    uint64_t dither;
    struct rx_status status; /* what of it is the card's */
};

static const char *const state_names[] = {"idle", "armed", "playing", "fading"};

const char *rx_state_name(enum rx_state state)
{
    return state_names[state];
}

struct rx *rx_create(const struct rx_config *config)
{
    size_t samples = config->voices > MANY_VOICES ? TIMELINE_SAMPLES / 2 : TIMELINE_SAMPLES;
    struct rx *rx = calloc(1, sizeof *rx);
    int error = 0;

    if (!rx)
        return NULL;
    rx->config = *config;
    rx->settings = config->settings;
    rx->duck = config->duck;
    rx->dither = config->seed | 1;
    rx->voices = calloc(config->voices, sizeof *rx->voices);
    rx->wants = calloc(config->voices, sizeof *rx->wants);
    rx->scratch = calloc((size_t)2 * BLOCK_FRAMES * (config->card_channels + 1), sizeof *rx->scratch);
    if (!rx->voices || !rx->wants || !rx->scratch) {
        rx_destroy(rx);
        return NULL;
    }
    for (unsigned i = 0; i < config->voices && !error; i++)
        error = voice_init(&rx->voices[i], config, samples);
    if (error) {
        rx_destroy(rx);
        return NULL;
    }
    observer_init(&rx->observer, config->card_rate_hz);
    fader_init(&rx->fader, rx->settings.mute ? 0 : rx->settings.gain);
    rx->status.queued_min_ms = INFINITY;
    return rx;
}

void rx_destroy(struct rx *rx)
{
    if (!rx)
        return;
    for (unsigned i = 0; rx->voices && i < rx->config.voices; i++)
        voice_free(&rx->voices[i]);
    free(rx->voices);
    free(rx->wants);
    free(rx->scratch);
    free(rx);
}

static int64_t card_frames_in(const struct rx *rx, int64_t ns)
{
    return samples_in_ns(ns, rx->config.card_rate_hz);
}

void rx_datagram(struct rx *rx, unsigned voice, const struct clock_map *map, const uint8_t *bytes,
                 size_t length, raw_ns arrival, uint64_t source)
{
    voice_datagram(&rx->voices[voice], map, bytes, length, arrival, source, rx->stopping,
                   rx->config.card_rate_hz);
}

void rx_describe(struct rx *rx, unsigned voice, const struct stream_description *description)
{
    intake_describe(&rx->voices[voice].intake, description);
    voice_give_up(&rx->voices[voice], rx->config.card_rate_hz);
}

void rx_offer(struct rx *rx, unsigned voice, int64_t lead_ns)
{
    rx->voices[voice].lead_ns = lead_ns;
}

void rx_set(struct rx *rx, const struct rx_settings *settings)
{
    rx->settings = *settings;
    fader_go(&rx->fader, settings->mute ? 0 : settings->gain, rx->config.card_rate_hz);
}

void rx_set_voice(struct rx *rx, unsigned voice, const struct voice_settings *settings)
{
    voice_set(&rx->voices[voice], settings, rx->config.card_rate_hz);
}

void rx_set_duck(struct rx *rx, const struct duck_config *duck)
{
    rx->duck = *duck;
    for (unsigned i = 0; i < rx->config.voices; i++)
        duck_set(&rx->voices[i].duck, duck, rx->config.card_rate_hz);
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
        for (unsigned i = 0; i < rx->config.voices; i++)
            voice_lost(&rx->voices[i], rx->config.card_rate_hz);
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
    for (unsigned i = 0; i < rx->config.voices; i++)
        voice_card_stopped(&rx->voices[i]);
}

void rx_stop(struct rx *rx)
{
    rx->stopping = true;
    for (unsigned i = 0; i < rx->config.voices; i++)
        voice_give_up(&rx->voices[i], rx->config.card_rate_hz);
}

void rx_refuse(struct rx *rx, unsigned voice, bool refused)
{
    rx->voices[voice].refused = refused;
}

void rx_bye(struct rx *rx, unsigned voice, uint32_t ssrc)
{
    intake_bye(&rx->voices[voice].intake, ssrc);
}

static bool any(const struct rx *rx, enum rx_state state)
{
    for (unsigned i = 0; i < rx->config.voices; i++)
        if (rx->voices[i].state == state)
            return true;
    return false;
}

/* Something is heard or about to be. */
static bool active(const struct rx *rx)
{
    return any(rx, RX_ARMED) || any(rx, RX_PLAYING) || any(rx, RX_FADING);
}

bool rx_ended(const struct rx *rx)
{
    return rx->stopping && !active(rx);
}

static int64_t within(int64_t low, int64_t x, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* The shortest of what is heard or about to be. */
static int64_t latency_ns(const struct rx *rx)
{
    int64_t least = INT64_MAX;

    for (unsigned i = 0; i < rx->config.voices; i++) {
        int64_t link_ns = voice_link_ns(&rx->voices[i], rx->settings.delay_ns);

        if (rx->voices[i].state != RX_IDLE && !voice_hopeless(&rx->voices[i]) && link_ns < least)
            least = link_ns;
    }
    return least < INT64_MAX ? least : voice_link_ns(&rx->voices[0], rx->settings.delay_ns);
}

/* How long the driver sleeps between cycles: short for short latencies, and while the observer learns. */
static int64_t wake_interval_ns(const struct rx *rx)
{
    bool playing = any(rx, RX_PLAYING) || any(rx, RX_FADING);

    if (!playing)
        return any(rx, RX_ARMED) ? WAKE_ARMED_NS : WAKE_MAX_NS;
    return within(WAKE_MIN_NS, latency_ns(rx) / 5 - NS_PER_MS, WAKE_MAX_NS);
}

/* One piece a cycle, behind all that is urgent. */
static void tidy(struct rx *rx)
{
    for (unsigned i = 0; i < rx->config.voices; i++)
        if (voice_tidy(&rx->voices[i]))
            return;
}

raw_ns rx_deadline(struct rx *rx, raw_ns now)
{
    int64_t interval = wake_interval_ns(rx);

    tidy(rx);
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

static size_t smaller(int64_t a, size_t b)
{
    return a <= 0 ? 0 : (uint64_t)a < b ? (size_t)a : b;
}

/* What is heard of it next is a beginning. */
static bool begins_next(const struct rx *rx, unsigned voice)
{
    const struct voice *v = &rx->voices[voice];

    return v->state != RX_PLAYING || v->intake.ending || rx->wants[voice].hollow;
}

/*
 * How much the card may hold at most, so that a stream that begins, whose packets come so long before their
 * time, need not wait until it has drained; but none for which no card could be low enough. While none is
 * offered, the room alone decides, whatever the card says is queued.
 */
static int64_t horizon(const struct rx *rx, const struct card_view *card)
{
    int64_t possible = card_frames_in(rx, WAKE_MIN_NS * 5 / 4 + MARGIN_MIN_NS);
    int64_t least = NO_HORIZON;

    for (unsigned i = 0; i < rx->config.voices; i++) {
        const struct voice *v = &rx->voices[i];
        int64_t lead_ns = v->lead_ns + v->settings.delay_ns + rx->settings.delay_ns - JOIN_NS;
        int64_t frames = card_frames_in(rx, lead_ns) -
                         (int64_t)ceil(resampler_look_ahead(v->heads[0].resampler)); /* at about its rate */

        if (v->lead_ns > 0 && begins_next(rx, i) && frames > possible && frames < least)
            least = frames;
    }
    return least < card->floor ? card->floor : least;
}

/* Silence that waits in the card while nothing sounds. */
static int64_t silence_target(const struct rx *rx, const struct card_view *card)
{
    int64_t half = (int64_t)rx->config.card_frames / 2, most = horizon(rx, card);
    int64_t target = card_frames_in(rx, IDLE_QUEUE_NS), latency = card_frames_in(rx, latency_ns(rx));

    target = target < half ? target : half;
    target = target < most ? target : most;
    if (!any(rx, RX_ARMED))
        return target;
    for (unsigned i = 0; i < rx->config.voices; i++)
        if (rx->wants[i].starved)
            return card->floor;
    /* less where the latency is short: sound that is due is not kept waiting for silence to drain */
    latency = latency > card->floor ? latency : card->floor;
    return target < latency ? target : latency;
}

static struct card_view look(const struct rx *rx)
{
    struct card_view card = {
        .written = rx->written,
        .queued = rx->queued,
        .floor = card_frames_in(rx, floor_ns(rx)),
        .stamp = rx->stamp,
        .rate_hz = rx->config.card_rate_hz,
        .channels = rx->config.card_channels,
        .delay_ns = rx->settings.delay_ns,
    };

    card.known = observer_line(&rx->observer, &card.line);
    card.settled = card.known && (card.line.sigma_ns < ALIGN_SIGMA_NS ||
                                  rx->stamp.ns - rx->observing_since.ns > ALIGN_AGE_NS);
    return card;
}

/* What all voices want together. */
struct plan {
    bool sounding;
    size_t frames;
    bool cut; /* short, at the beginning of a stream or the end of a fade */
};

/*
 * How many frames of sound. Whatever is contiguous, so that the card's queue covers stalls; at least what the
 * card needs until the next cycle, even if that takes concealment. To make frames takes time, and the card
 * plays on meanwhile: after a hole that was waited for, a whole block (1.8 ms of work on a slow machine) for
 * a card that holds 1.2 ms ran dry before it came. So at most as much as is queued: it doubles from cycle to
 * cycle.
 */
static size_t sound_frames(const struct rx *rx, const struct card_view *card, const struct voice_want *all,
                           size_t room)
{
    int64_t wanting = card->floor - card->queued;
    size_t frames;

    if (all->playing)
        room = smaller(card->queued > card->floor ? card->queued : card->floor, room);
    frames = all->can < room ? all->can : room;
    frames = smaller(horizon(rx, card) - card->queued, frames);
    if ((int64_t)frames < wanting) /* a hole, and no time left to wait for it to be filled */
        frames = smaller(wanting, room);
    return frames < all->most ? frames : all->most;
}

/*
 * Another stream that plays on is not kept waiting for the sake of a hole that can be heard already: that
 * would drain the card.
 */
static bool others_play(const struct rx *rx, unsigned voice)
{
    for (unsigned i = 0; i < rx->config.voices; i++)
        if (i != voice && rx->wants[i].playing && !rx->wants[i].hollow)
            return true;
    return false;
}

static struct plan make_plan(struct rx *rx, const struct card_view *card, const struct clock_map *map,
                             size_t room)
{
    struct voice_want all = {.most = SIZE_MAX, .can = SIZE_MAX, .until = SIZE_MAX};
    struct plan plan = {0};

    for (unsigned i = 0; i < rx->config.voices; i++)
        voice_prepare(&rx->voices[i], card, map, &rx->wants[i]);
    for (unsigned i = 0; i < rx->config.voices; i++) {
        struct voice_want *want = &rx->wants[i];

        if (want->hollow && others_play(rx, i))
            want->can = SIZE_MAX;
        all.sounding |= want->sounding;
        all.playing |= want->playing;
        all.most = want->most < all.most ? want->most : all.most;
        all.can = want->can < all.can ? want->can : all.can;
        all.until = want->until < all.until ? want->until : all.until;
    }
    plan.sounding = all.sounding;
    plan.frames = all.sounding ? sound_frames(rx, card, &all, room)
                               : smaller(silence_target(rx, card) - card->queued, room);
    plan.frames = plan.frames < all.until ? plan.frames : all.until;
    plan.cut = plan.frames == all.until || plan.frames == all.most;
    return plan;
}

/* A page sounds, or will before a programme could be down; one that is not heard here is nobody's reason. */
static bool paging(const struct rx *rx)
{
    size_t attack = smaller(card_frames_in(rx, rx->duck.attack_ns), SIZE_MAX);

    for (unsigned i = 0; i < rx->config.voices; i++)
        if (voice_is_page(&rx->voices[i]) && !rx->voices[i].settings.mute &&
            ((rx->voices[i].state == RX_PLAYING && !voice_hopeless(&rx->voices[i])) ||
             rx->wants[i].until <= attack))
            return true;
    return false;
}

static void mix(struct rx *rx, const struct card_view *card, size_t frames, bool sounding, float *out)
{
    bool page = paging(rx);

    for (unsigned i = 0; i < rx->config.voices; i++) {
        struct voice *v = &rx->voices[i];
        bool ducked = page && !voice_is_page(v);

        if (rx->wants[i].sounding)
            voice_render(v, card, frames, ducked, rx->scratch, out);
        else
            voice_pass(v, frames, ducked);
    }
    if (!sounding) {
        fader_skip(&rx->fader, frames);
        return;
    }
    fader_run(&rx->fader, out, frames, rx->config.card_channels);
    meter_run(out, frames, rx->config.card_channels, rx->status.peaks, &rx->status.clipped);
}

static void note_queue(struct rx *rx)
{
    double queued_ms = (double)rx->queued * 1e3 / rx->config.card_rate_hz;

    if (queued_ms < rx->status.queued_min_ms)
        rx->status.queued_min_ms = queued_ms;
}

size_t rx_render(struct rx *rx, const struct clock_map *map, size_t room, float *out)
{
    struct card_view card = look(rx);
    bool was_playing = any(rx, RX_PLAYING);
    size_t done = 0;
    struct plan plan;

    room = room < BLOCK_FRAMES ? room : BLOCK_FRAMES;
    for (int pass = 0; pass < PASSES; pass++) {
        plan = make_plan(rx, &card, map, room - done);
        memset(out, 0, plan.frames * card.channels * sizeof *out);
        mix(rx, &card, plan.frames, plan.sounding, out);
        out += plan.frames * card.channels;
        done += plan.frames;
        card.written.n += (int64_t)plan.frames;
        card.queued += (int64_t)plan.frames;
        /* cut short, what the card needs until the next cycle may still be lacking; behind the end is none */
        if (!plan.sounding || !plan.cut || card.queued >= card.floor || rx_ended(rx))
            break;
    }
    rx->written = card.written;
    if (was_playing || any(rx, RX_PLAYING))
        note_queue(rx);
    return done;
}

void rx_get_status(const struct rx *rx, unsigned voice, struct rx_status *status)
{
    const struct voice *v = &rx->voices[voice];
    const struct stream *stream = &v->intake.stream;
    struct card_line line = {0};

    observer_line(&rx->observer, &line);
    *status = rx->status;
    voice_get_status(v, rx->settings.delay_ns, status);
    status->card_ppm = observer_ppm(&rx->observer);
    status->card_sigma_ns = line.sigma_ns;
    status->lead_need_ms = (double)floor_ns(rx) / 1e6 + resampler_look_ahead(v->heads[0].resampler) * 1e3 /
                                                            (stream->locked ? stream->claim.rate_hz : 48000);
}

void rx_get_distributions(const struct rx *rx, unsigned voice, struct rx_distributions *distributions)
{
    distributions->errors_ns = rx->voices[voice].errors_ns;
    distributions->leads_us = rx->voices[voice].intake.leads_us;
}

void rx_clear_extremes(struct rx *rx)
{
    memset(rx->status.peaks, 0, sizeof rx->status.peaks);
    rx->status.queued_min_ms = INFINITY;
    for (unsigned i = 0; i < rx->config.voices; i++) {
        rx->voices[i].intake.lead_min_ns = INT64_MAX;
        rx->voices[i].status.error_worst_ns = 0;
    }
}
