// SPDX-License-Identifier: GPL-3.0-or-later
#include "playback.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/host/clock.h"
#include "proto/host/realtime.h"
#include "proto/snapshot.h"

enum {
    DRAIN_MAX =
        16 * RECV_BATCH /* datagrams in one cycle, of all voices: a flood must not hold up the sound */
};

#define PUBLISH_NS (100 * NS_PER_MS)
#define REOPEN_NS  (500 * NS_PER_MS)
#define DRAIN_NS   NS_PER_S /* a card is given so long to play its rest */

struct redescription {
    uint32_t number; /* grows with each; 0: none yet */
    struct stream_description description;
};

/* What the two threads share of a voice. */
struct shared_voice {
    SNAPSHOT_OF(struct redescription) redescribed;
    SNAPSHOT_OF(struct voice_settings) settings;
    SNAPSHOT_OF(struct playback_status) published;
    SNAPSHOT_OF(struct rx_distributions) distributions;
    struct playback_extremes extremes; /* the real-time thread's while `handed` is false, else the other's */
    atomic_bool handed;
    atomic_bool refused;  /* the stream is not to be heard */
    _Atomic uint64_t bye; /* an SSRC above 2^32, so that 0 is none; taken by the real-time thread */
    _Atomic int64_t lead_ns;
    uint32_t described;    /* the real-time thread's: number of the description in use */
    uint32_t descriptions; /* the control thread's count */
};

struct playback {
    struct playback_config config;
    struct card *card; /* NULL while it is gone */
    struct rx *rx;
    float *block; /* one card buffer of frames */
    size_t card_frames;
    bool running; /* the card was started and has not stopped */
    raw_ns reopen_at;
    raw_ns publish_at;
    struct playback_status status;
    double wake_late_ms; /* the latest since the extremes were handed over */
    uint32_t set;        /* value of `changes` that rx has */
    unsigned turn;       /* the voice that is drained first */
    pthread_t thread;
    sem_t entered; /* the thread has its scheduling, `warning` says if not */
    char warning[256];
    char device[256];
    const char *device_warning; /* or NULL */

    /* what the two threads share */
    SNAPSHOT_OF(struct clock_map) clock;
    SNAPSHOT_OF(struct rx_settings) settings;
    SNAPSHOT_OF(struct duck_config) duck;
    _Atomic uint32_t changes; /* grows with each change of any settings */
    _Atomic bool stop;
    struct shared_voice voices[RX_VOICES_MAX];
};

static void lose_card(struct playback *p, raw_ns now)
{
    card_close(p->card);
    p->card = NULL;
    p->running = false;
    p->reopen_at = (raw_ns){now.ns + REOPEN_NS};
    rx_card_stopped(p->rx, false);
}

static void find_card(struct playback *p, raw_ns now)
{
    char err[256];

    if (now.ns < p->reopen_at.ns)
        return;
    p->reopen_at.ns = now.ns + REOPEN_NS;
    if (card_open(&p->card, &p->config.card, err, sizeof err))
        return;
    if (card_buffer_frames(p->card) < p->card_frames) /* another device under the same name */
        lose_card(p, now);
}

/* An xrun or a suspend: the card is readied again; rx fills it with silence and finds its place anew. */
static void recover(struct playback *p, int error, raw_ns now)
{
    if (card_recover(p->card)) {
        lose_card(p, now);
        return;
    }
    p->running = false;
    rx_card_stopped(p->rx, error == -EPIPE);
}

static void feed_card(struct playback *p, const struct clock_map *map, raw_ns now)
{
    struct card_reading reading = {.avail = (int64_t)p->card_frames};
    size_t frames;
    int64_t wrote;
    int error;

    if (p->running) {
        error = card_status(p->card, &reading);
        if (error == -ENODEV) {
            lose_card(p, now);
            return;
        }
        if (error) {
            recover(p, error, now);
            return;
        }
        rx_card(p->rx, reading.stamp, reading.delay);
    }
    frames = rx_render(p->rx, map, reading.avail > 0 ? (size_t)reading.avail : 0, p->block);
    wrote = card_write(p->card, p->block, frames);
    if (wrote == -ENODEV)
        lose_card(p, now);
    else if (wrote != (int64_t)frames)
        recover(p, wrote < 0 ? (int)wrote : -EPIPE, now);
    else if (!p->running && frames)
        p->running = card_start(p->card) == 0;
}

/* One batch at most; returns how many came. */
static int drain_batch(struct playback *p, unsigned voice, const struct clock_map *map,
                       const struct clock_pair *pair)
{
    const struct recv_datagram *datagrams;
    int count = recv_drain(p->config.receivers[voice], &datagrams);

    for (int i = 0; i < count; i++) {
        const struct recv_datagram *d = &datagrams[i];
        raw_ns arrival = clock_raw_of_stamp(pair, d->arrival_realtime_ns);

        rx_datagram(p->rx, voice, map, d->bytes, d->len, arrival, d->source.sin_addr.s_addr);
    }
    return count;
}

/*
 * Group and description change as one: packets of the one group are never read as the other's. False while
 * the new group has to wait; what still comes from the old one is nobody's sound any more.
 */
static bool tune(struct playback *p, unsigned voice)
{
    struct shared_voice *v = &p->voices[voice];
    struct redescription newest;

    SNAPSHOT_LOAD(&v->redescribed, &newest);
    if (newest.number == v->described)
        return true;
    if (!recv_go_over(p->config.receivers[voice]))
        return false;
    v->described = newest.number;
    rx_describe(p->rx, voice, &newest.description);
    return true;
}

/* Batch by batch of each voice in turn, so that a flood on one group takes nothing from the others. */
static void drain_network(struct playback *p, const struct clock_map *map, const struct clock_pair *pair)
{
    const unsigned voices = p->config.rx.voices;
    bool more[RX_VOICES_MAX];
    int left = DRAIN_MAX, before;

    for (unsigned i = 0; i < voices; i++)
        more[i] = tune(p, i);
    do {
        before = left;
        for (unsigned i = 0; i < voices && left > 0; i++) {
            const unsigned voice = (p->turn + i) % voices;
            int count = more[voice] ? drain_batch(p, voice, map, pair) : 0;

            more[voice] = count == RECV_BATCH;
            left -= count > 0 ? count : 0;
        }
    } while (left > 0 && left < before);
    p->turn = (p->turn + 1) % voices;
}

/* Those before were all taken: each is handed over once. */
static bool all_taken(const struct playback *p)
{
    for (unsigned i = 0; i < p->config.rx.voices; i++)
        if (atomic_load_explicit(&p->voices[i].handed, memory_order_acquire))
            return false;
    return true;
}

static void hand_over(struct playback *p, const struct rx_status *rx, struct shared_voice *v)
{
    v->extremes = (struct playback_extremes){
        .error_worst_ns = rx->error_worst_ns,
        .lead_min_ms = rx->lead_min_ms,
        .queued_min_ms = rx->queued_min_ms,
        .wake_late_ms = p->wake_late_ms,
    };
    memcpy(v->extremes.peaks, rx->peaks, sizeof rx->peaks);
    atomic_store_explicit(&v->handed, true, memory_order_release);
}

static void publish(struct playback *p)
{
    bool hand = all_taken(p);
    struct rx_distributions distributions;

    p->status.card_present = p->card != NULL;
    for (unsigned i = 0; i < p->config.rx.voices; i++) {
        struct shared_voice *v = &p->voices[i];

        rx_get_status(p->rx, i, &p->status.rx);
        SNAPSHOT_STORE(&v->published, &p->status);
        rx_get_distributions(p->rx, i, &distributions);
        SNAPSHOT_STORE(&v->distributions, &distributions);
        if (hand)
            hand_over(p, &p->status.rx, v);
    }
    if (hand) {
        rx_clear_extremes(p->rx);
        p->wake_late_ms = 0;
    }
}

/* What the control thread has changed since. */
static void obey(struct playback *p)
{
    uint32_t changes = atomic_load_explicit(&p->changes, memory_order_acquire);
    struct rx_settings settings;
    struct voice_settings voice;
    struct duck_config duck;

    for (unsigned i = 0; i < p->config.rx.voices; i++) {
        struct shared_voice *v = &p->voices[i];
        uint64_t bye = atomic_exchange_explicit(&v->bye, 0, memory_order_relaxed);

        rx_refuse(p->rx, i, atomic_load_explicit(&v->refused, memory_order_relaxed));
        rx_offer(p->rx, i, atomic_load_explicit(&v->lead_ns, memory_order_relaxed));
        if (bye)
            rx_bye(p->rx, i, (uint32_t)bye);
    }
    if (changes == p->set)
        return;
    p->set = changes;
    SNAPSHOT_LOAD(&p->settings, &settings);
    rx_set(p->rx, &settings);
    SNAPSHOT_LOAD(&p->duck, &duck);
    rx_set_duck(p->rx, &duck);
    for (unsigned i = 0; i < p->config.rx.voices; i++) {
        SNAPSHOT_LOAD(&p->voices[i].settings, &voice);
        rx_set_voice(p->rx, i, &voice);
    }
}

/* One cycle; returns when the next is due. */
static raw_ns cycle(struct playback *p)
{
    struct clock_pair pair;
    struct clock_map map;

    clock_pair_read(&pair);
    SNAPSHOT_LOAD(&p->clock, &map);
    obey(p);
    drain_network(p, &map, &pair);
    if (p->card)
        feed_card(p, &map, pair.raw);
    else
        find_card(p, pair.raw);
    p->status.cycles++;
    if (pair.raw.ns >= p->publish_at.ns) {
        p->publish_at.ns = pair.raw.ns + PUBLISH_NS;
        publish(p);
    }
    return rx_deadline(p->rx, pair.raw);
}

static void note_wake(struct playback *p, raw_ns due)
{
    double late_ms = (double)(clock_raw_now().ns - due.ns) / 1e6;

    if (late_ms > p->wake_late_ms)
        p->wake_late_ms = late_ms;
}

static void run(struct playback *p)
{
    raw_ns end = {INT64_MAX};

    for (;;) {
        raw_ns due = cycle(p);

        if (end.ns == INT64_MAX && atomic_load_explicit(&p->stop, memory_order_relaxed)) {
            rx_stop(p->rx);
            end.ns = due.ns + DRAIN_NS;
        }
        if (end.ns != INT64_MAX && (rx_ended(p->rx) || !p->card || due.ns > end.ns))
            break;
        clock_sleep_until(due);
        note_wake(p, due);
    }
    /* what is queued still has to be heard; behind the fade there is silence, so it may end a little early */
    while (p->card && p->running && clock_raw_now().ns < end.ns) {
        struct card_reading reading;

        if (card_status(p->card, &reading) || reading.delay <= 2 * (int64_t)p->config.card.rate_hz / 1000)
            break;
        clock_sleep_until((raw_ns){clock_raw_now().ns + NS_PER_MS});
    }
    publish(p);
}

static void *enter(void *context)
{
    struct playback *p = context;
    struct realtime realtime = {.awake_fd = -1};
    unsigned priority = p->config.realtime_priority;

    if (priority && realtime_enter(&realtime, (int)priority, p->warning, sizeof p->warning) == 0)
        p->status.realtime = true;
    sem_post(&p->entered);
    run(p);
    realtime_leave(&realtime);
    return NULL;
}

/* As they are without a word of the control thread. */
static void begin_settings(struct playback *p)
{
    const struct voice_settings voice = {.gain = 1};

    SNAPSHOT_STORE(&p->settings, &p->config.rx.settings);
    SNAPSHOT_STORE(&p->duck, &p->config.rx.duck);
    for (unsigned i = 0; i < p->config.rx.voices; i++)
        SNAPSHOT_STORE(&p->voices[i].settings, &voice);
}

int playback_start(struct playback **result, const struct playback_config *config, char *warning,
                   size_t warning_size, char *err, size_t err_size)
{
    struct playback *p = calloc(1, sizeof *p);
    int error = -ENOMEM;

    *warning = 0;
    if (!p)
        goto out;
    p->config = *config;
    begin_settings(p);
    error = card_open(&p->card, &config->card, err, err_size);
    if (error)
        goto out;
    p->card_frames = card_buffer_frames(p->card);
    snprintf(p->device, sizeof p->device, "%s", card_description(p->card));
    p->device_warning = card_warning(p->card);
    p->config.rx.card_rate_hz = config->card.rate_hz;
    p->config.rx.card_channels = config->card.channels;
    p->config.rx.card_frames = p->card_frames;
    p->block = calloc(p->card_frames * config->card.channels, sizeof *p->block);
    p->rx = rx_create(&p->config.rx);
    sem_init(&p->entered, 0, 0);
    error = p->block && p->rx ? -pthread_create(&p->thread, NULL, enter, p) : -ENOMEM;
    if (error)
        goto out;
    sem_wait(&p->entered);
    snprintf(warning, warning_size, "%s", p->warning);
out:
    if (error && p) {
        rx_destroy(p->rx);
        card_close(p->card);
        free(p->block);
        free(p);
        p = NULL;
    }
    if (error == -ENOMEM)
        snprintf(err, err_size, "out of memory starting playback");
    *result = p;
    return error;
}

void playback_set_clock(struct playback *p, const struct clock_map *map)
{
    SNAPSHOT_STORE(&p->clock, map);
}

static void tell_change(struct playback *p)
{
    atomic_fetch_add_explicit(&p->changes, 1, memory_order_release);
}

void playback_set(struct playback *p, const struct rx_settings *settings)
{
    SNAPSHOT_STORE(&p->settings, settings);
    tell_change(p);
}

void playback_set_voice(struct playback *p, unsigned voice, const struct voice_settings *settings)
{
    SNAPSHOT_STORE(&p->voices[voice].settings, settings);
    tell_change(p);
}

void playback_set_duck(struct playback *p, const struct duck_config *duck)
{
    SNAPSHOT_STORE(&p->duck, duck);
    tell_change(p);
}

void playback_describe(struct playback *p, unsigned voice, const struct stream_description *description)
{
    struct shared_voice *v = &p->voices[voice];
    struct redescription newest = {.number = ++v->descriptions, .description = *description};

    SNAPSHOT_STORE(&v->redescribed, &newest);
}

void playback_get_status(struct playback *p, unsigned voice, struct playback_status *status)
{
    SNAPSHOT_LOAD(&p->voices[voice].published, status);
}

void playback_get_distributions(struct playback *p, unsigned voice, struct rx_distributions *distributions)
{
    SNAPSHOT_LOAD(&p->voices[voice].distributions, distributions);
}

bool playback_take_extremes(struct playback *p, unsigned voice, struct playback_extremes *extremes)
{
    struct shared_voice *v = &p->voices[voice];

    if (!atomic_load_explicit(&v->handed, memory_order_acquire))
        return false;
    *extremes = v->extremes;
    atomic_store_explicit(&v->handed, false, memory_order_release);
    return true;
}

void playback_bye(struct playback *p, unsigned voice, uint32_t ssrc)
{
    atomic_store_explicit(&p->voices[voice].bye, UINT64_C(1) << 32 | ssrc, memory_order_relaxed);
}

void playback_refuse(struct playback *p, unsigned voice, bool refused)
{
    atomic_store_explicit(&p->voices[voice].refused, refused, memory_order_relaxed);
}

void playback_offer(struct playback *p, unsigned voice, int64_t lead_ns)
{
    atomic_store_explicit(&p->voices[voice].lead_ns, lead_ns, memory_order_relaxed);
}

unsigned playback_channels(const struct playback *p)
{
    return p->config.card.channels;
}

const char *playback_device(const struct playback *p)
{
    return p->device;
}

const char *playback_device_warning(const struct playback *p)
{
    return p->device_warning;
}

void playback_stop(struct playback *p)
{
    if (!p)
        return;
    if (!atomic_exchange_explicit(&p->stop, true, memory_order_relaxed))
        pthread_join(p->thread, NULL);
}

void playback_destroy(struct playback *p)
{
    if (!p)
        return;
    playback_stop(p);
    if (p->card) {
        card_stop(p->card);
        card_close(p->card);
    }
    rx_destroy(p->rx);
    free(p->block);
    free(p);
}
