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
    DRAIN_BATCHES = 16 /* in one cycle: a flood must not hold up the sound */
};

#define PUBLISH_NS (100 * NS_PER_MS)
#define REOPEN_NS  (500 * NS_PER_MS)
#define DRAIN_NS   NS_PER_S /* a card is given so long to play its rest */

struct redescription {
    uint32_t number; /* grows with each; 0: none yet */
    struct stream_description description;
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
    uint32_t described;  /* number of the description in use */
    pthread_t thread;
    sem_t entered; /* the thread has its scheduling, `warning` says if not */
    char warning[256];
    char device[256];
    const char *device_warning; /* or NULL */

    /* what the two threads share */
    SNAPSHOT_OF(struct clock_map) clock;
    SNAPSHOT_OF(struct redescription) redescribed;
    SNAPSHOT_OF(struct playback_status) published;
    SNAPSHOT_OF(struct rx_distributions) distributions;
    struct playback_extremes extremes; /* the real-time thread's while `handed` is false, else the other's */
    atomic_bool handed;
    _Atomic uint64_t bye; /* an SSRC above 2^32, so that 0 is none; taken by the real-time thread */
    _Atomic bool stop;
    uint32_t descriptions; /* the control thread's count */
    atomic_bool refused;   /* the stream is not to be heard */
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

static void drain_network(struct playback *p, const struct clock_map *map, const struct clock_pair *pair)
{
    const struct recv_datagram *datagrams;
    int count, batches = 0;

    do {
        count = recv_drain(p->config.receiver, &datagrams);
        for (int i = 0; i < count; i++) {
            const struct recv_datagram *d = &datagrams[i];
            raw_ns arrival = clock_raw_of_stamp(pair, d->arrival_realtime_ns);

            rx_datagram(p->rx, map, d->bytes, d->len, arrival, d->source.sin_addr.s_addr);
        }
    } while (count == RECV_BATCH && ++batches < DRAIN_BATCHES);
}

/*
 * Group and description change as one: packets of the one group are never read as the other's. False while
 * the new group has to wait; what still comes from the old one is nobody's sound any more.
 */
static bool tune(struct playback *p)
{
    struct redescription newest;

    SNAPSHOT_LOAD(&p->redescribed, &newest);
    if (newest.number == p->described)
        return true;
    if (!recv_go_over(p->config.receiver))
        return false;
    p->described = newest.number;
    rx_describe(p->rx, &newest.description);
    return true;
}

static void hand_over(struct playback *p)
{
    const struct rx_status *rx = &p->status.rx;

    p->extremes = (struct playback_extremes){
        .error_worst_ns = rx->error_worst_ns,
        .lead_min_ms = rx->lead_min_ms,
        .queued_min_ms = rx->queued_min_ms,
        .wake_late_ms = p->wake_late_ms,
    };
    memcpy(p->extremes.peaks, rx->peaks, sizeof rx->peaks);
    rx_clear_extremes(p->rx);
    p->wake_late_ms = 0;
    atomic_store_explicit(&p->handed, true, memory_order_release);
}

static void publish(struct playback *p, raw_ns now)
{
    struct rx_distributions distributions;

    if (now.ns < p->publish_at.ns)
        return;
    p->publish_at.ns = now.ns + PUBLISH_NS;
    rx_get_status(p->rx, &p->status.rx);
    p->status.card_present = p->card != NULL;
    SNAPSHOT_STORE(&p->published, &p->status);
    rx_get_distributions(p->rx, &distributions);
    SNAPSHOT_STORE(&p->distributions, &distributions);
    if (!atomic_load_explicit(&p->handed, memory_order_acquire))
        hand_over(p);
}

/* One cycle; returns when the next is due. */
static raw_ns cycle(struct playback *p)
{
    struct clock_pair pair;
    struct clock_map map;
    uint64_t bye;

    clock_pair_read(&pair);
    SNAPSHOT_LOAD(&p->clock, &map);
    rx_refuse(p->rx, atomic_load_explicit(&p->refused, memory_order_relaxed));
    bye = atomic_exchange_explicit(&p->bye, 0, memory_order_relaxed);
    if (bye)
        rx_bye(p->rx, (uint32_t)bye);
    if (tune(p))
        drain_network(p, &map, &pair);
    if (p->card)
        feed_card(p, &map, pair.raw);
    else
        find_card(p, pair.raw);
    p->status.cycles++;
    publish(p, pair.raw);
    return rx_deadline(p->rx, pair.raw);
}

static void note_wake(struct playback *p, raw_ns due)
{
    double late_ms = (double)(clock_raw_now().ns - due.ns) / 1e6;

    if (late_ms > p->wake_late_ms)
        p->wake_late_ms = late_ms;
}

static void *run(void *context)
{
    struct playback *p = context;
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
    return NULL;
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

int playback_start(struct playback **result, const struct playback_config *config, char *warning,
                   size_t warning_size, char *err, size_t err_size)
{
    struct playback *p = calloc(1, sizeof *p);
    int error = -ENOMEM;

    *warning = 0;
    if (!p)
        goto out;
    p->config = *config;
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

void playback_describe(struct playback *p, const struct stream_description *description)
{
    struct redescription newest = {.number = ++p->descriptions, .description = *description};

    SNAPSHOT_STORE(&p->redescribed, &newest);
}

void playback_get_status(struct playback *p, struct playback_status *status)
{
    SNAPSHOT_LOAD(&p->published, status);
}

void playback_get_distributions(struct playback *p, struct rx_distributions *distributions)
{
    SNAPSHOT_LOAD(&p->distributions, distributions);
}

bool playback_take_extremes(struct playback *p, struct playback_extremes *extremes)
{
    if (!atomic_load_explicit(&p->handed, memory_order_acquire))
        return false;
    *extremes = p->extremes;
    atomic_store_explicit(&p->handed, false, memory_order_release);
    return true;
}

void playback_bye(struct playback *p, uint32_t ssrc)
{
    atomic_store_explicit(&p->bye, UINT64_C(1) << 32 | ssrc, memory_order_relaxed);
}

void playback_refuse(struct playback *p, bool refused)
{
    atomic_store_explicit(&p->refused, refused, memory_order_relaxed);
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
    atomic_store_explicit(&p->stop, true, memory_order_relaxed);
    pthread_join(p->thread, NULL);
    if (p->card) {
        card_stop(p->card);
        card_close(p->card);
    }
    rx_destroy(p->rx);
    free(p->block);
    free(p);
}
