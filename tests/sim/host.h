// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What every machine of the simulator has: a crystal, a view of PTP, and a scheduler that wakes its threads
 * late.
 */
#ifndef UNISONO_SIM_HOST_H
#define UNISONO_SIM_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"
#include "ptp.h"
#include "scenario.h"

struct host {
    struct oscillator crystal;
    struct ptp_client ptp;
    const struct ptp_masters *masters;
    struct loop_node clock; /* runs the PTP client */
    struct wake_config wake;
    struct chance chance;
    int64_t stalled_until, stall_next;
};

/* `number` names its streams of chance. 0 or -ENOMEM. */
int host_init(struct host *h, const struct host_config *config, const struct ptp_masters *masters,
              struct loop *loop, uint64_t seed, unsigned number);

/* When a thread that asks at `now` to be woken at `due` of the host's own time does run. */
int64_t host_wakes(struct host *h, raw_ns due, int64_t now);

#endif
