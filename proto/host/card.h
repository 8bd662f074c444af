// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A sound card through ALSA: opened for exact rate and channels, read and written without blocking, and asked
 * where its converter stands.
 *
 * One snd_pcm_status() gives the pointer and, right behind it, a CLOCK_MONOTONIC_RAW stamp: the pair that the
 * observer lives on. Nothing here waits; the caller sleeps by deadline. The start is explicit, and a card
 * that ran dry (playback) or over (capture) says so, is prepared again, and waits for the next start.
 */
#ifndef UNISONO_HOST_CARD_H
#define UNISONO_HOST_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../timebase.h"

enum card_direction { CARD_PLAYBACK, CARD_CAPTURE };

struct card_config {
    enum card_direction direction;
    const char *device; /* ALSA name */
    uint32_t rate_hz;
    unsigned channels;
    unsigned buffer_ms; /* wanted; the card may give less or more */
};

struct card_reading {
    raw_ns stamp;
    int64_t delay; /* frames between this end and the converter: queued to play, or captured and unread */
    int64_t avail; /* frames that can be written, or read, now */
};

struct card;

/*
 * Opens and configures. Returns 0, or -errno and in `err` one line with the device, what it refused, and what
 * it can do.
 */
int card_open(struct card **card, const struct card_config *config, char *err, size_t err_size);
void card_close(struct card *card);

size_t card_buffer_frames(const struct card *card);

/* "hw:0, S32_LE, 48000 Hz, 2 channels, buffer 4096 frames"; and what may hide its timing, or NULL. */
const char *card_description(const struct card *card);
const char *card_warning(const struct card *card);

/* Starts a prepared card. 0 or -errno. */
int card_start(struct card *card);

/*
 * Where it stands: the truest of a few readings taken in a row. 0; -EPIPE when it ran dry or over (call
 * card_recover()); -ENODEV when it is gone; another -errno.
 */
int card_status(struct card *card, struct card_reading *reading);

/* Writes, or reads, up to `frames` frames of floats, full scale 1. Returns how many, or as card_status(). */
int64_t card_write(struct card *card, const float *in, size_t frames);
int64_t card_read(struct card *card, float *out, size_t frames);

/* Makes a stopped or suspended card ready for card_start() again. 0, or -errno: then it must be opened anew.
 */
int card_recover(struct card *card);

/* Stops at once and forgets what is queued. */
void card_stop(struct card *card);

#endif
