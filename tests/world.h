// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A small world in virtual time: one tx, a lossy link, several rx, each with a sound card of its own.
 *
 * The same tx and rx objects that the daemons run are driven here, jump by jump, to the next deadline. What
 * each card's converter put out, and at which true instant, is kept, so that alignment and damage are
 * measured and not inferred. True time is raw time; PTP runs at a known rate against it.
 */
#ifndef UNISONO_TESTS_WORLD_H
#define UNISONO_TESTS_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/mediaclock.h"
#include "receiver/rx.h"
#include "sender/tx.h"

enum { WORLD_RX = 4, WORLD_FLIGHT = 4096, WORLD_DATAGRAM = 1600 };

struct world_card {
    double ppm;
    int granule;    /* frames the pointer moves at a time */
    double late_us; /* wake-ups come late by up to this, evenly */
    bool running;
    raw_ns t0; /* when frame `first` left (or entered) the converter */
    int64_t first;
    int64_t written;
    int64_t queue_min; /* least that was queued at any wake-up while running */
};

struct world_output {
    float *samples; /* channel 0, by frame */
    double *times;  /* true instant of each frame, ns after the world began; NaN where the card stood still */
    int64_t frames;
};

struct world_config {
    unsigned receivers;
    struct rx_config rx[WORLD_RX];
    struct world_card cards[WORLD_RX];
    struct tx_config tx; /* source, retime and ssrc are set by the world unless given */
    bool capture;        /* sound comes from an ADC of its own instead of a paced tone */
    struct world_card adc;
    double tone_hz, tone_level;
    double ptp_ppm;        /* PTP against raw time */
    double clock_sigma_ns; /* noise of the clock samples, 16 a second */
    int64_t net_delay_ns, net_jitter_ns;
    double loss, duplicate; /* probabilities */
    int64_t seconds;        /* how much room the recordings get */
    uint64_t seed;
};

struct world;

struct world *world_create(const struct world_config *config);
void world_destroy(struct world *w);

/* Runs until `seconds` after the beginning. */
void world_run(struct world *w, double seconds);

/* Things to do to it between two runs. */
struct rx *world_rx(struct world *w, unsigned i);
struct tx *world_tx(struct world *w);
void world_receiver_joins(struct world *w, unsigned i, double at_s); /* deaf until then */
void world_kill_sender(struct world *w);                             /* without a word */
void world_restart_sender(struct world *w, uint32_t ssrc);
void world_stall(struct world *w, unsigned i, double seconds); /* receiver i does not run for so long */
void world_set_loss(struct world *w, double loss);
/*
 * From now on the clock of `node` (a receiver's number; the number of receivers: the sender) counts by
 * grandmaster gm_id, whose time is offset_ns ahead of the first one's; 0: it has none.
 */
void world_set_grandmaster(struct world *w, unsigned node, uint64_t gm_id, int64_t offset_ns);
const struct media_clock *world_clock(const struct world *w, unsigned node);
void world_inject(struct world *w, const uint8_t *bytes, size_t length,
                  uint64_t source); /* to every receiver, now */
raw_ns world_now(const struct world *w);
const struct clock_map *world_map(const struct world *w);
const struct world_output *world_output(const struct world *w, unsigned i);

/*
 * The time error of receiver i's output in a window of 20 ms around `at_s`, in ns, against sampling time +
 * the sender's latency: positive is late. `damage_db`: what is left when the tone is taken away, against full
 * scale. `level`: the tone's amplitude.
 */
double world_error_ns(const struct world *w, unsigned i, double at_s, double *damage_db, double *level);

#endif
