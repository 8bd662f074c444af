// SPDX-License-Identifier: GPL-3.0-or-later
#include "transmit.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "proto/host/clock.h"
#include "proto/host/realtime.h"
#include "proto/snapshot.h"

#define PUBLISH_NS (100 * NS_PER_MS)

struct transmit {
    struct transmit_config config;
    struct tx *tx;
    struct retime *retime;
    struct capture *capture;
    raw_ns publish_at;
    struct transmit_status status;
    unsigned cleared; /* last value of `clear` seen */
    _Alignas(8) uint8_t datagram[RTP_DATAGRAM_MAX];
    pthread_t thread;
    sem_t entered; /* the thread has its scheduling, `warning` says if not */
    char warning[256];

    /* what the two threads share */
    SNAPSHOT_OF(struct clock_map) clock;
    SNAPSHOT_OF(struct transmit_status) published;
    _Atomic unsigned clear; /* asks for the extremes to begin anew */
    _Atomic bool talk, mute, stop, ended;
};

static size_t read_source(void *self, media_t at, float *out, size_t frames)
{
    return source_read(self, at, out, frames);
}

static bool source_over(const void *self)
{
    return source_ended(self);
}

static void publish(struct transmit *t, raw_ns now, bool force)
{
    unsigned clear = atomic_load_explicit(&t->clear, memory_order_relaxed);
    struct tx_status tx;

    if (clear != t->cleared) {
        t->cleared = clear;
        tx_clear_extremes(t->tx);
        t->status.wake_late_ms = 0;
    }
    tx_get_status(t->tx, &tx);
    /* of the end nobody hears before its turn: BYE is not to overtake the last sound */
    if (now.ns < t->publish_at.ns && !force && (tx.state == t->status.tx.state || tx.state == TX_ENDED))
        return;
    t->status.tx = tx;
    t->publish_at.ns = now.ns + PUBLISH_NS;
    if (t->capture) {
        retime_get_status(t->retime, &t->status.retime);
        t->status.card_present = capture_present(t->capture);
        t->status.overruns = capture_overruns(t->capture);
    }
    SNAPSHOT_STORE(&t->published, &t->status);
}

/* One cycle; returns when the next is due. */
static raw_ns cycle(struct transmit *t)
{
    raw_ns now = clock_raw_now();
    struct rtp_packet packet;
    struct clock_map map;

    SNAPSHOT_LOAD(&t->clock, &map);
    if (t->capture)
        capture_cycle(t->capture, now);
    tx_talk(t->tx, atomic_load_explicit(&t->talk, memory_order_relaxed));
    tx_mute(t->tx, atomic_load_explicit(&t->mute, memory_order_relaxed));
    while (tx_next(t->tx, &map, now, &packet)) {
        memcpy(t->datagram + rtp_header_bytes(packet.has_ext), packet.payload, packet.payload_len);
        send_packet(t->config.sender, &packet, t->datagram, packet.payload_len);
    }
    t->status.cycles++;
    publish(t, now, false);
    return tx_deadline(t->tx, &map, now);
}

static void *run(void *context)
{
    struct transmit *t = context;
    struct realtime realtime = {.awake_fd = -1};
    unsigned priority = t->config.realtime_priority;
    raw_ns due;

    if (priority && realtime_enter(&realtime, (int)priority, t->warning, sizeof t->warning) == 0)
        t->status.realtime = true;
    sem_post(&t->entered);
    for (;;) {
        double late_ms;

        due = cycle(t);
        if (t->status.tx.state == TX_ENDED)
            break;
        if (atomic_load_explicit(&t->stop, memory_order_relaxed))
            tx_stop(t->tx);
        clock_sleep_until(due);
        late_ms = (double)(clock_raw_now().ns - due.ns) / 1e6;
        if (late_ms > t->status.wake_late_ms)
            t->status.wake_late_ms = late_ms;
    }
    publish(t, due, true);
    atomic_store_explicit(&t->ended, true, memory_order_release);
    realtime_leave(&realtime);
    return NULL;
}

static int open_input(struct transmit *t, char *err, size_t err_size)
{
    struct retime_config retime = {
        .channels = t->config.card.channels,
        .card_rate_hz = t->config.card.rate_hz,
        .media_rate_hz = t->config.tx.rate_hz,
        .quality = t->config.quality,
    };

    if (t->config.source) {
        t->config.tx.source = (struct tx_source){t->config.source, read_source, source_over};
        return 0;
    }
    t->retime = retime_create(&retime);
    if (!t->retime)
        return -ENOMEM;
    t->config.tx.retime = t->retime;
    return capture_open(&t->capture, &t->config.card, t->retime, err, err_size);
}

static void free_all(struct transmit *t)
{
    tx_destroy(t->tx);
    capture_close(t->capture);
    retime_destroy(t->retime);
    free(t);
}

int transmit_start(struct transmit **result, const struct transmit_config *config, char *warning,
                   size_t warning_size, char *err, size_t err_size)
{
    struct transmit *t = calloc(1, sizeof *t);
    int error = -ENOMEM;

    *warning = 0;
    snprintf(err, err_size, "out of memory starting transmission");
    if (!t)
        goto out;
    t->config = *config;
    sem_init(&t->entered, 0, 0);
    error = open_input(t, err, err_size);
    if (error)
        goto out;
    t->tx = tx_create(&t->config.tx);
    error = t->tx ? -pthread_create(&t->thread, NULL, run, t) : -ENOMEM;
    if (error)
        goto out;
    sem_wait(&t->entered);
    snprintf(warning, warning_size, "%s", t->warning);
out:
    if (error && t) {
        free_all(t);
        t = NULL;
    }
    *result = t;
    return error;
}

void transmit_set_clock(struct transmit *t, const struct clock_map *map)
{
    SNAPSHOT_STORE(&t->clock, map);
}

void transmit_talk(struct transmit *t, bool talk)
{
    atomic_store_explicit(&t->talk, talk, memory_order_relaxed);
}

bool transmit_talks(const struct transmit *t)
{
    return atomic_load_explicit(&t->talk, memory_order_relaxed);
}

void transmit_mute(struct transmit *t, bool mute)
{
    atomic_store_explicit(&t->mute, mute, memory_order_relaxed);
}

bool transmit_mutes(const struct transmit *t)
{
    return atomic_load_explicit(&t->mute, memory_order_relaxed);
}

void transmit_get_status(struct transmit *t, struct transmit_status *status)
{
    SNAPSHOT_LOAD(&t->published, status);
}

void transmit_clear_extremes(struct transmit *t)
{
    atomic_fetch_add_explicit(&t->clear, 1, memory_order_relaxed);
}

const char *transmit_device(const struct transmit *t)
{
    return t->capture ? capture_device(t->capture) : NULL;
}

const char *transmit_device_warning(const struct transmit *t)
{
    return t->capture ? capture_device_warning(t->capture) : NULL;
}

bool transmit_ended(const struct transmit *t)
{
    return atomic_load_explicit(&t->ended, memory_order_acquire);
}

void transmit_stop(struct transmit *t)
{
    if (!t)
        return;
    if (!atomic_exchange_explicit(&t->stop, true, memory_order_relaxed))
        pthread_join(t->thread, NULL);
}

void transmit_destroy(struct transmit *t)
{
    if (!t)
        return;
    transmit_stop(t);
    free_all(t);
}
