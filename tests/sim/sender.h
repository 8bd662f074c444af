// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A sender in the simulator: the daemon's tx, on a host of its own, with the known sound or an ADC before it
 * and the network behind it.
 */
#ifndef UNISONO_SIM_SENDER_H
#define UNISONO_SIM_SENDER_H

#include "adc.h"
#include "host.h"
#include "network.h"
#include "sender/retime.h"
#include "sender/tx.h"

struct sim_sender {
    struct host host;
    struct loop_node node;
    struct stream_config stream;
    const struct signal_config *sound;
    struct network *network;
    struct adc adc;
    struct oscillator adc_crystal;
    struct retime *retime;
    struct tx *tx;   /* NULL: it is not running */
    float *captured; /* a buffer for what the ADC gives at once */
    uint64_t source; /* its address */
    uint32_t ssrc;   /* of the next start */
    struct chance chance;
    int error; /* of memory */
};

int sim_sender_init(struct sim_sender *s, const struct scenario *scenario, const struct host_config *host,
                    const struct signal_config *sound, const struct ptp_masters *masters,
                    struct network *network, struct loop *loop, uint64_t seed, unsigned number);
void sim_sender_free(struct sim_sender *s);

/* Another run of the program, with another SSRC. 0 or -ENOMEM. */
int sim_sender_start(struct sim_sender *s, struct loop *loop);

/* With a pre-roll: push to talk. */
void sim_sender_talk(struct sim_sender *s, bool talk);

/* Without a word; or with TERMINATE. */
void sim_sender_die(struct sim_sender *s);
void sim_sender_stop(struct sim_sender *s);

#endif
