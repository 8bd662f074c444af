// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A receiver in virtual time: rx, the same as in unisono-recv, gets each datagram at the instant at which it
 * was captured, and a sound card that has no faults: its crystal is the capture's clock, its pointer moves by
 * single frames, no wake-up is late. What is heard amiss is then the stream's doing, or the network's.
 */
#ifndef UNISONO_REPLAY_PLAY_H
#define UNISONO_REPLAY_PLAY_H

#include <stddef.h>
#include <stdint.h>

#include "envelope.h"
#include "receiver/rx.h"

struct play;

struct play_config {
    struct rx_config rx;           /* card_frames is set here */
    const struct timescale *clock; /* PTP over the capture's clock; not owned */
    raw_ns begin;                  /* the first datagram's arrival, or before */
    const char *wav;               /* file for what the card plays, from `begin` on; "": none */
};

/* 0, or -errno and one line in `err`. */
int play_open(struct play **play, const struct play_config *config, char *err, size_t err_size);

/* Lets time pass until `arrival` (never backward), then hands over a datagram. */
void play_datagram(struct play *play, const uint8_t *bytes, size_t length, raw_ns arrival, uint64_t source);

/*
 * Lets pass what time it takes until all is silent, and closes the file. 0, or -errno when the file could not
 * be written. *status is what rx counted; *concealed_end how many of the frames it concealed lie behind the
 * last datagram, since nothing said that the stream ended.
 */
int play_finish(struct play *play, struct rx_status *status, uint64_t *concealed_end, char *err,
                size_t err_size);
void play_close(struct play *play);

#endif
