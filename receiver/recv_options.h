// SPDX-License-Identifier: GPL-3.0-or-later
/* What unisono-recv is told on its command line and in its configuration file. */
#ifndef UNISONO_RECV_OPTIONS_H
#define UNISONO_RECV_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/options.h"
#include "proto/sdp.h"

enum on_ptp_loss { ON_PTP_LOSS_PLAY, ON_PTP_LOSS_MUTE };

/* Plain values, each within its range and consistent with the others. */
struct recv_options {
    char device[256];  /* ALSA PCM */
    char record[1024]; /* path, .wav or .flac; "": none */
    double delay_ms;   /* this receiver's own, on top of the stream's latency */
    double gain_db;
    int resampler;              /* enum resample_quality */
    char name[64];              /* "": the host's */
    char stream[SDP_NAME_SIZE]; /* name to look for; "": none */
    char sdp[1024];             /* path of a description; "": none */
    char group[64];        /* for option_parse_group(), which accepts it; what is played without either */
    char interface[64];    /* "": by the routing table */
    bool list;             /* tell what is on the air, and end */
    uint32_t list_seconds; /* 0: not given */
    int profile;           /* enum option_profile */
    uint32_t rate_hz;      /* of the device, and of an AES67 stream; 0: not given */
    uint32_t channels;     /* likewise */
    int codec;             /* enum rtp_codec, of an AES67 stream; -1 with --profile unisono */
    double latency_ms;     /* of an AES67 stream; 0: not given */
    char clock[512];       /* for clock_source_open() */
    uint32_t ptp_domain;
    int on_ptp_loss;   /* enum on_ptp_loss */
    uint32_t realtime; /* priority 1 to 99; 0: off */
    bool wait;         /* at the start, for what is not there */
    char stats[1024];  /* path; "-": standard output; "": none */
    int log;           /* enum log_level */
};

/* No sound device: what comes is recorded only. */
bool recv_options_silent(const struct recv_options *options);

extern const struct options_program recv_options_program;

#endif
