// SPDX-License-Identifier: GPL-3.0-or-later
/* The command line of unisono-monitor: one row an option, in monitor_options.c. */
#ifndef UNISONO_MONITOR_OPTIONS_H
#define UNISONO_MONITOR_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/options.h"

struct monitor_options {
    char interface[32], stream[128], group[768];
    bool no_audio;
    char clock[128];
    uint32_t ptp_domain;
    char expect[4096];
    double limit_alignment_us, limit_headroom_ms, limit_loss_percent;
    bool json;
    uint32_t check_s; /* 0: no check */
    char prometheus[64];
    char record[256], play[256];
    int log;
};

extern const struct options_program monitor_options_program;

#endif
