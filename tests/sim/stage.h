// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The stage: everything a scenario needs, built from it and one seed, and run.
 */
#ifndef UNISONO_SIM_STAGE_H
#define UNISONO_SIM_STAGE_H

#include "choir.h"
#include "members.h"
#include "receiver.h"
#include "scenario.h"
#include "sender.h"

struct stage {
    const struct scenario *scenario;
    uint64_t seed;
    struct loop loop;
    struct signal_config sound, other_sound; /* and of the rival */
    struct ptp_masters masters;
    struct network network;
    struct sim_sender sender, rival;
    struct sim_receiver *receivers;
    struct members members;
    struct judge **judges;
    struct choir choir;
    struct loop_node tick, script, garbage;
    unsigned next_event;
    struct chance chance;
    int64_t garbage_until;
    double garbage_per_s;
    int error;
};

/* NULL when memory is short. */
struct stage *stage_create(const struct scenario *scenario, uint64_t seed);
void stage_destroy(struct stage *s);

/* Every `every_ms` milliseconds a row: time_s, apart_us (worst since the last row), error_us of each
 * receiver. */
void stage_write_csv(struct stage *s, FILE *file, int64_t every_ms);

/* Runs up to `seconds`. 0 or -ENOMEM. */
int stage_run(struct stage *s, double seconds);

/* One number of everything that all converters put out. */
uint64_t stage_digest(const struct stage *s);

#endif
