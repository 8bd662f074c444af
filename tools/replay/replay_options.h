// SPDX-License-Identifier: GPL-3.0-or-later
/* The options of unisono-replay: see proto/options.h and unisono-replay(1). */
#ifndef UNISONO_REPLAY_OPTIONS_H
#define UNISONO_REPLAY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "catalogue.h"
#include "proto/options.h"

enum replay_clock { REPLAY_CLOCK_STREAM, REPLAY_CLOCK_CAPTURE };

struct replay_options {
    char file[256];
    bool list;
    char group[64];
    char ssrc[16];

    char sdp[256];
    int codec; /* enum rtp_codec; -1: not given */
    uint32_t rate_hz, channels;
    double ptime_ms;   /* 0: not given */
    double latency_ms; /* 0: not given */
    double delay_ms;

    int clock; /* enum replay_clock */
    uint32_t utc_offset_s;

    bool play;
    int resampler; /* enum resample_quality */
    char wav[256];

    bool json;
    char csv[256];
};

extern const struct options_program replay_options_program;

/* What --group and --ssrc ask for. Both have been checked. */
struct catalogue_choice replay_options_choice(const struct replay_options *options);

#endif
