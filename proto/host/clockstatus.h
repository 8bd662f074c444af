// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What is known of a source of PTP time, for the status and the log: one record that the sources fill in.
 */
#ifndef UNISONO_CLOCKSTATUS_H
#define UNISONO_CLOCKSTATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/ptpmgmt.h"

#define CLOCK_TEXT_MAX 256

/* Strings are never NULL; "" where nothing is to say. */
struct clock_source_status {
    const char *kind;       /* "system", "ptp4l", "phc" */
    const char *port_state; /* of ptp4l: "SLAVE" and so on */
    uint8_t port;           /* the same as a number, enum ptp_port_state; 0: not known */
    int domain;             /* as asked for */
    bool proven; /* samples are measured against a grandmaster, or this machine is the grandmaster */
    bool gm_known;
    struct ptp_clock_id gm_id;
    char gm_text[PTP_CLOCK_ID_TEXT]; /* as in SDP */
    int64_t offset_ns;               /* local clock minus grandmaster at the last Sync */
    int64_t path_delay_ns;           /* mean, one way; 0: not known */
    int utc_offset_s;                /* TAI - UTC as ptp4l reckons; means something only with ptp_timescale */
    bool utc_offset_valid;
    bool ptp_timescale;          /* false: the grandmaster's own timescale (linuxptp in software: UTC) */
    char socket[108];            /* of the ptp4l in use */
    char reason[CLOCK_TEXT_MAX]; /* why there are no samples just now */
    char note[CLOCK_TEXT_MAX];   /* what the user should know although samples come */
};

#endif
