// SPDX-License-Identifier: GPL-3.0-or-later
#include "feed.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    RING_MS = 2000,
    FULL_WAIT_MS = 50, /* the reader looks again for room */
};

/*
 * `put` and `taken` count frames since the start and never wrap; their difference is what is in the ring.
 * Each is written by one thread: release there, acquire on the other side, so that the samples are seen no
 * later than the count that covers them.
 */
struct source_feed {
    struct source_feed_config config;
    float *ring;
    size_t capacity;    /* frames */
    size_t ready_level; /* frames */
    atomic_size_t put;
    atomic_size_t taken;
    atomic_bool finished; /* the reader has put its last */
    atomic_bool stop;
    int stop_fd;  /* eventfd: readable once the reader shall stop */
    int ready_fd; /* eventfd: readable once ready_level was reached or the reader finished */
    pthread_t thread;
};

static void signal_fd(int fd)
{
    uint64_t one = 1;

    /* Fails only if the counter were full, and then it is readable already. */
    if (write(fd, &one, sizeof one) < 0)
        return;
}

static void *feed_thread(void *context)
{
    struct source_feed *feed = context;

    feed->config.run(feed->config.context, feed);
    atomic_store_explicit(&feed->finished, true, memory_order_release);
    signal_fd(feed->ready_fd);
    return NULL;
}

static void feed_free(struct source_feed *feed)
{
    if (feed->stop_fd >= 0)
        close(feed->stop_fd);
    if (feed->ready_fd >= 0)
        close(feed->ready_fd);
    free(feed->ring);
    free(feed);
}

/* Signals are for the main thread: the reader starts with all of them blocked. */
static int start_thread(struct source_feed *feed)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&feed->thread, NULL, feed_thread, feed);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r == 0)
        pthread_setname_np(feed->thread, "source");
    return -r;
}

int source_feed_start(struct source_feed **out, const struct source_feed_config *config)
{
    int r = -ENOMEM;

    struct source_feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL)
        return -ENOMEM;
    feed->config = *config;
    feed->capacity = (size_t)config->rate_hz * RING_MS / 1000;
    feed->ready_level = (size_t)config->rate_hz * config->ready_ms / 1000;
    feed->stop_fd = eventfd(0, EFD_CLOEXEC);
    feed->ready_fd = eventfd(0, EFD_CLOEXEC);
    feed->ring = calloc(feed->capacity * config->channels, sizeof *feed->ring);
    if (feed->ring == NULL)
        goto fail;
    if (feed->stop_fd < 0 || feed->ready_fd < 0) {
        r = -errno;
        goto fail;
    }
    r = start_thread(feed);
    if (r < 0)
        goto fail;

    poll(&(struct pollfd){.fd = feed->ready_fd, .events = POLLIN}, 1, config->patience_ms);
    if (source_feed_ended(feed)) {
        source_feed_stop(feed);
        return -ENODATA;
    }
    *out = feed;
    return 0;

fail:
    feed_free(feed);
    return r;
}

void source_feed_stop(struct source_feed *feed)
{
    if (feed == NULL)
        return;
    atomic_store(&feed->stop, true);
    signal_fd(feed->stop_fd);
    pthread_join(feed->thread, NULL);
    feed_free(feed);
}

/* Copies between the ring, from frame count `at` on, and a flat buffer. */
static void ring_copy(struct source_feed *feed, size_t at, float *to, const float *from, size_t frames)
{
    size_t channels = feed->config.channels;
    size_t start = at % feed->capacity;
    size_t first = feed->capacity - start < frames ? feed->capacity - start : frames;
    float *slot = feed->ring + start * channels;

    if (from != NULL) {
        memcpy(slot, from, first * channels * sizeof *from);
        memcpy(feed->ring, from + first * channels, (frames - first) * channels * sizeof *from);
    } else {
        memcpy(to, slot, first * channels * sizeof *to);
        memcpy(to + first * channels, feed->ring, (frames - first) * channels * sizeof *to);
    }
}

bool source_feed_put(struct source_feed *feed, const float *interleaved, size_t frames)
{
    size_t put = atomic_load_explicit(&feed->put, memory_order_relaxed);

    while (frames > 0) {
        size_t level = put - atomic_load_explicit(&feed->taken, memory_order_acquire);
        size_t room = feed->capacity - level;
        size_t n = room < frames ? room : frames;

        if (atomic_load_explicit(&feed->stop, memory_order_relaxed))
            return false;
        if (n == 0) {
            poll(&(struct pollfd){.fd = feed->stop_fd, .events = POLLIN}, 1, FULL_WAIT_MS);
            continue;
        }
        ring_copy(feed, put, NULL, interleaved, n);
        put += n;
        atomic_store_explicit(&feed->put, put, memory_order_release);
        interleaved += n * feed->config.channels;
        frames -= n;
        if (level < feed->ready_level && level + n >= feed->ready_level)
            signal_fd(feed->ready_fd);
    }
    return true;
}

bool source_feed_wait(struct source_feed *feed, int fd)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = feed->stop_fd, .events = POLLIN}};

    while (poll(fds, 2, -1) < 0) {
        if (errno != EINTR)
            return false;
    }
    return fds[1].revents == 0;
}

size_t source_feed_take(struct source_feed *feed, float *interleaved, size_t frames)
{
    size_t taken = atomic_load_explicit(&feed->taken, memory_order_relaxed);
    size_t level = atomic_load_explicit(&feed->put, memory_order_acquire) - taken;
    size_t n = level < frames ? level : frames;

    ring_copy(feed, taken, interleaved, NULL, n);
    atomic_store_explicit(&feed->taken, taken + n, memory_order_release);
    return n;
}

bool source_feed_ended(const struct source_feed *feed)
{
    /* In this order: after `finished`, `put` no longer changes. */
    return atomic_load_explicit(&feed->finished, memory_order_acquire) &&
           atomic_load_explicit(&feed->put, memory_order_acquire) ==
               atomic_load_explicit(&feed->taken, memory_order_relaxed);
}
