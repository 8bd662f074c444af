// SPDX-License-Identifier: GPL-3.0-or-later
/* The options of unisono-doctor: see proto/options.h and unisono-doctor(1). */
#ifndef UNISONO_DOCTOR_OPTIONS_H
#define UNISONO_DOCTOR_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/options.h"

struct doctor_options {
    char interface[64]; /* "": that of the route to the group */
    char device[256];   /* "": none, list the cards */
    char group[64];
    char clock[256];
    uint32_t ptp_domain;
    uint32_t listen_s; /* for IGMP queries; 0: not at all */
    bool json;
};

extern const struct options_program doctor_options_program;

#endif
