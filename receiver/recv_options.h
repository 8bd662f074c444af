// SPDX-License-Identifier: GPL-3.0-or-later
/* What unisono-recv is told on its command line and in its configuration file. */
#ifndef UNISONO_RECV_OPTIONS_H
#define UNISONO_RECV_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/options.h"
#include "rx.h"
#include "selection.h"

enum on_ptp_loss { ON_PTP_LOSS_PLAY, ON_PTP_LOSS_MUTE };

/* Plain values, each within its range and consistent with the others. */
struct recv_options {
    char device[256]; /* ALSA PCM */
    char delay[64];   /* this receiver's own, on top of the stream's latency: for recv_options_settings() */
    double temperature_c;
    double gain_db;
    bool mute;
    char map[1024]; /* of streams that have none of their own */
    int resampler;  /* enum resample_quality */
    double duck_db; /* at most 0 */
    double duck_attack_ms, duck_release_ms;
    char name[64];                            /* "": the host's */
    struct option_list groups, streams, sdps; /* what to listen to: for recv_options_selections() */
    char interface[64];                       /* "": by the routing table */
    bool list;                                /* tell what is on the air, and end */
    uint32_t list_seconds;                    /* 0: not given */
    int profile;                              /* enum option_profile */
    uint32_t rate_hz;                         /* of the device, and of an AES67 stream; 0: not given */
    uint32_t channels;                        /* likewise */
    int codec;         /* enum rtp_codec, of an AES67 stream; -1 with --profile unisono */
    double latency_ms; /* of an AES67 stream; 0: not given */
    char clock[512];   /* for clock_source_open() */
    uint32_t ptp_domain;
    int on_ptp_loss;   /* enum on_ptp_loss */
    uint32_t realtime; /* priority 1 to 99; 0: off */
    bool wait;         /* at the start, for what is not there */
    char stats[1024];  /* path; "-": standard output; "": none */
    char control[108]; /* a path, auto or off: as of remote_open() */
    int log;           /* enum log_level */
};

extern const struct options_program recv_options_program;

/*
 * What is to be listened to, in the order that counts: groups, streams by name, descriptions; where none was
 * given, the standard group. Returns how many, 1 to RX_VOICES_MAX; `options` has passed the parser.
 */
unsigned recv_options_selections(const struct recv_options *options,
                                 struct selection selections[RX_VOICES_MAX]);

/* What they say of the whole output, and what delays depend on. */
struct rx_settings recv_options_settings(const struct recv_options *options);
struct duck_config recv_options_duck(const struct recv_options *options);
struct delay_place recv_options_place(const struct recv_options *options);

/* That the device is to be opened with. */
unsigned recv_options_card_channels(const struct recv_options *options);

/* What stands for all of it where only a route is wanted: the first group, or the standard one. */
struct sockaddr_in recv_options_group(const struct recv_options *options);

#endif
