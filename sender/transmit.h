// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Transmit: the sender's real-time thread. Sound source and network around tx, in one loop:
 *
 *   sleep to the deadline --> read the card (when capturing) --> tx_next() until none --> send
 *
 * It runs until the source ends or transmit_stop(), says goodbye and ends. A sound card that ran over is
 * started again, one that disappeared is looked for twice a second; the receivers hear silence meanwhile.
 */
#ifndef UNISONO_TRANSMIT_H
#define UNISONO_TRANSMIT_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/host/card.h"
#include "proto/mediaclock.h"
#include "proto/resample.h"
#include "send.h"
#include "source.h"
#include "tx.h"

struct transmit;

struct transmit_config {
    struct sender *sender;         /* borrowed; packets are sent only here */
    struct source *source;         /* paced source, borrowed; NULL when capturing */
    struct card_config card;       /* when capturing; its strings must outlive the transmission */
    enum resample_quality quality; /* of the capture's way onto the media clock */
    struct tx_config tx;           /* source and retime are filled in here */
    unsigned realtime_priority;    /* 0: ordinary scheduling */
};

/* What the thread publishes ten times a second, and whenever tx.state changes. */
struct transmit_status {
    struct tx_status tx;
    struct retime_status retime; /* when capturing */
    bool card_present;           /* when capturing */
    uint64_t overruns;
    bool realtime;
    double wake_late_ms; /* the latest wake-up since transmit_clear_extremes() */
    uint64_t cycles;
};

/* As playback_start(). The first packet waits for transmit_set_clock(). */
int transmit_start(struct transmit **transmit, const struct transmit_config *config, char *warning,
                   size_t warning_size, char *err, size_t err_size);

/* Control thread: the clock's newest word. */
void transmit_set_clock(struct transmit *transmit, const struct clock_map *map);

/* Control thread: somebody talks, or no longer; where there is a gate. Heard with the next cycle. */
void transmit_talk(struct transmit *transmit, bool talk);

/* Control thread: what it was told last. Whether sound is sent is in the status: tx.state is TX_RUNNING. */
bool transmit_talks(const struct transmit *transmit);

/* Control thread: silence is sent, or sound again, as tx_mute(). Heard with the next cycle. */
void transmit_mute(struct transmit *transmit, bool mute);
bool transmit_mutes(const struct transmit *transmit);

/* Control thread. */
void transmit_get_status(struct transmit *transmit, struct transmit_status *status);

/* Control thread: begins a new interval for the extremes in the status. */
void transmit_clear_extremes(struct transmit *transmit);

/* The card that was opened, or NULL; and what may hide its timing, or NULL. */
const char *transmit_device(const struct transmit *transmit);
const char *transmit_device_warning(const struct transmit *transmit);

/* True once the last packet is out: the source ended. */
bool transmit_ended(const struct transmit *transmit);

/* Sends TERMINATE and ends the thread; the status is that of the end. NULL is allowed. */
void transmit_stop(struct transmit *transmit);

/* Frees all, behind transmit_stop(), or as that. NULL is allowed. */
void transmit_destroy(struct transmit *transmit);

#endif
