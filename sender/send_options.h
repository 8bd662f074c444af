// SPDX-License-Identifier: GPL-3.0-or-later
/* What unisono-send is told on its command line and in its configuration file. */
#ifndef UNISONO_SEND_OPTIONS_H
#define UNISONO_SEND_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/options.h"
#include "proto/rtp.h"
#include "proto/sdpnames.h"

/* Plain values, each within its range and consistent with the others. */
struct send_options {
    char input[1024];                   /* for source_parse(), which accepts it; "": with `announce` */
    uint32_t rate_hz;                   /* 0: the source's own */
    uint32_t channels;                  /* 0: the source's own */
    int format;                         /* enum source_format; -1 unless the input is stdin */
    bool loop;                          /* only with a file */
    char name[64];                      /* "": the host's name */
    char group[64];                     /* for option_parse_group(), which accepts it */
    char interface[64];                 /* "": by the routing table */
    int profile;                        /* enum option_profile */
    int codec;                          /* enum rtp_codec */
    double bitrate_kbits;               /* of Opus; 0: see send_options_bitrate_bps() */
    bool fec;                           /* of Opus */
    uint32_t expected_loss_percent;     /* 1 to 100, of FEC; 0: not said */
    char channel_names[SDP_NAMES_SIZE]; /* "Left, Right"; "": none */
    double ptime_ms;                    /* nominal, see send_options_ptime_us() */
    double latency_ms;                  /* from sampling to the speakers */
    int resampler;                      /* enum resample_quality, of captured sound */
    int priority;        /* enum rtp_priority; -1: none was given, see send_options_priority() */
    bool talk;           /* push to talk */
    double vox_db;       /* talk by level, below 0 dBFS; 0: not */
    double vox_hang_ms;  /* 0: none was given, see send_options_vox_hang_ms() */
    double pre_roll_ms;  /* 0: none was given, see send_options_pre_roll_ms() */
    char announce[1024]; /* the file that is played once, instead of an input; "": none */
    char wait_for[1024]; /* for muster_parse(), which accepts it; "": nobody */
    double wait_limit_s; /* 0: none */
    uint32_t ttl;        /* routers to cross, at most; 0: this host only */
    uint32_t dscp;       /* six bits */
    bool advertise;      /* by SAP and DNS-SD */
    char clock[512];     /* for clock_source_open() */
    uint32_t ptp_domain;
    uint32_t realtime; /* priority 1 to 99; 0: off */
    bool wait;         /* at the start, for what is not there */
    bool print_sdp;    /* instead of sending */
    char stats[1024];  /* path; "-": standard output; "": none */
    char control[108]; /* a path, auto or off: as of remote_open() */
    int log;           /* enum log_level */
};

extern const struct options_program send_options_program;

/* What Opus is given: what was said, else 64 kbit/s a channel. */
uint32_t send_options_bitrate_bps(const struct send_options *options, unsigned channels);

/* The nominal packet time, as rtp_ptime_frames() takes it. */
uint32_t send_options_ptime_us(const struct send_options *options);

/* What follows from the others where nothing was given. */
enum rtp_priority send_options_priority(const struct send_options *options);
double send_options_vox_hang_ms(const struct send_options *options);
double send_options_pre_roll_ms(const struct send_options *options); /* 0 where all is sent */

/*
 * Whether the latency is longer than what one packet of a stream of that rate takes: at 44100 and 88200 Hz
 * that lasts longer than --ptime says. 0, or -EINVAL with one line in `why`.
 */
int send_options_check_latency(const struct send_options *options, uint32_t rate_hz, char *why,
                               size_t why_size);

/* Only sound that somebody talks is sent. */
bool send_options_gated(const struct send_options *options);

#endif
