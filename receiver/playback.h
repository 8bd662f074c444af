// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Playback: the receiver's real-time thread. Network and sound card around rx, in one loop:
 *
 *   sleep to the deadline --> drain the sockets --> read the card --> rx_render() --> write the card
 *
 * Each stream that is listened to is a voice: a socket, and a place in the mix; they count from 0.
 * It runs until playback_stop(), fades out, and lets the card play what it holds. A card that ran dry is
 * started again, one that disappeared is looked for twice a second; the network is drained all the while.
 */
#ifndef UNISONO_PLAYBACK_H
#define UNISONO_PLAYBACK_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/host/card.h"
#include "proto/mediaclock.h"
#include "recv.h"
#include "rx.h"

struct playback;

struct playback_config {
    struct receiver *receivers[RX_VOICES_MAX]; /* of each voice; borrowed, drained only here */
    struct card_config card;                   /* its strings must outlive the playback */
    struct rx_config rx; /* voices too; card_rate_hz, card_channels and card_frames are filled in here */
    unsigned realtime_priority; /* 0: ordinary scheduling */
};

/* What the thread publishes ten times a second of each voice; the card is in all of them. */
struct playback_status {
    struct rx_status rx;
    bool card_present;
    bool realtime; /* got the priority it asked for */
    uint64_t cycles;
};

/* The worst of a span of time: each is taken once, and nothing falls between two of them. */
struct playback_extremes {
    double error_worst_ns; /* these as in struct rx_status, where they mean nothing to other threads */
    double lead_min_ms;    /* NAN: nothing came */
    double queued_min_ms;  /* INFINITY: nothing was played */
    float peaks[RTP_CHANNELS_MAX];
    double wake_late_ms; /* the latest wake-up */
};

/*
 * Opens the card, makes rx and starts the thread, silent. Returns 0, or -errno and one line in `err`.
 * `warning` gets a line when real-time scheduling was refused, else "".
 */
int playback_start(struct playback **playback, const struct playback_config *config, char *warning,
                   size_t warning_size, char *err, size_t err_size);

/* Control thread: the clock's newest word. */
void playback_set_clock(struct playback *playback, const struct clock_map *map);

/* Control thread: what a user changes at run time, without a click. Kept: none of it is lost. */
void playback_set(struct playback *playback, const struct rx_settings *settings);
void playback_set_voice(struct playback *playback, unsigned voice, const struct voice_settings *settings);
void playback_set_duck(struct playback *playback, const struct duck_config *duck);

/*
 * Control thread, behind recv_retune(), or for itself when the group is the same: the present sound of the
 * voice fades out, and what comes from now on is described so.
 */
void playback_describe(struct playback *playback, unsigned voice,
                       const struct stream_description *description);

/* Control thread: the voice's present stream is to be silence, or no longer. */
void playback_refuse(struct playback *playback, unsigned voice, bool refused);

/* Control thread: as rx_offer(). */
void playback_offer(struct playback *playback, unsigned voice, int64_t lead_ns);

/* Control thread. */
void playback_get_status(struct playback *playback, unsigned voice, struct playback_status *status);

/* Control thread: how it was all along, ten times a second anew. */
void playback_get_distributions(struct playback *playback, unsigned voice,
                                struct rx_distributions *distributions);

/*
 * Control thread: the extremes since those before. False when there are no newer ones yet; the span goes on
 * until those of all voices are taken.
 */
bool playback_take_extremes(struct playback *playback, unsigned voice, struct playback_extremes *extremes);

/* Control thread: the sender of this SSRC said BYE to the voice. */
void playback_bye(struct playback *playback, unsigned voice, uint32_t ssrc);

/* Of the card. */
unsigned playback_channels(const struct playback *playback);

/* What was opened; and what may hide the device's timing, or NULL. */
const char *playback_device(const struct playback *playback);
const char *playback_device_warning(const struct playback *playback);

/*
 * Fades out, plays the rest and ends the thread. What it published last, extremes included, is of the end, if
 * those before were taken. NULL is allowed.
 */
void playback_stop(struct playback *playback);

/* Frees all, behind playback_stop(), or as that. NULL is allowed. */
void playback_destroy(struct playback *playback);

#endif
