// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The feed of a paced source: a ring of two seconds and the reader thread that fills it.
 *
 *     reader thread: source_feed_put()  -->  ring  -->  source_feed_take(): real-time thread
 *
 * A disk or a pipe may keep a thread waiting, so an ordinary thread reads ahead, and the real-time thread
 * only copies out: single producer, single consumer, C11 atomics, no lock and no system call on the consuming
 * side.
 */
#ifndef UNISONO_FEED_H
#define UNISONO_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source_feed;

struct source_feed_config {
    uint32_t rate_hz;
    unsigned channels;
    unsigned ready_ms; /* how much sound source_feed_start() waits for, below 2000, */
    int patience_ms;   /* and how long at most; -1: until it is there */
    /* The reader: puts all there is, and returns at the end or as soon as a feed function says stop. */
    void (*run)(void *context, struct source_feed *feed);
    void *context;
};

/* Returns 0, -ENODATA when the reader ended without any sound, or another negative errno; then *feed is as
 * before. */
int source_feed_start(struct source_feed **feed, const struct source_feed_config *config);

/* Ends the thread and frees the ring. NULL is allowed. */
void source_feed_stop(struct source_feed *feed);

/* For the reader. Waits for room; false: stop. */
bool source_feed_put(struct source_feed *feed, const float *interleaved, size_t frames);

/* For the reader. Waits until fd is readable or at its end; false: stop. */
bool source_feed_wait(struct source_feed *feed, int fd);

/* For the real-time thread. */
size_t source_feed_take(struct source_feed *feed, float *interleaved, size_t frames);
bool source_feed_ended(const struct source_feed *feed);

#endif
