// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A receiver in the simulator: the daemon's rx, on a host of its own, between the network and a sound card
 * whose output is judged. What receiver/playback.c does with system calls, this does with models.
 */
#ifndef UNISONO_SIM_RECEIVER_H
#define UNISONO_SIM_RECEIVER_H

#include "dac.h"
#include "host.h"
#include "judge.h"
#include "network.h"
#include "receiver/rx.h"

struct sim_receiver {
    struct host host;
    struct loop_node node;
    struct network *network;
    unsigned number;
    struct oscillator card_crystal;
    struct dac card;
    struct judge judge;
    struct rx *rx;
    float *block; /* one card buffer of frames */
    struct chance chance;
    int64_t joins;        /* true instant at which it is switched on */
    int64_t card_back_at; /* unplugged until then */
    bool leaving;
    int64_t settled_at;  /* steps of the resampler's ratio count from here */
    double ratio_ppm;    /* of the last cycle, */
    int64_t ratio_at;    /* which was then; 0: it was not playing */
    double ratio_ppm_ms; /* largest step since settled_at */
};

int sim_receiver_init(struct sim_receiver *r, const struct scenario *scenario, unsigned number,
                      const struct signal_config *sound, const struct ptp_masters *masters,
                      struct network *network, struct loop *loop, uint64_t seed);
void sim_receiver_free(struct sim_receiver *r);

void sim_receiver_unplug(struct sim_receiver *r, int64_t now, double seconds);
void sim_receiver_run_dry(struct sim_receiver *r, int64_t now);
void sim_receiver_leave(struct sim_receiver *r);

#endif
