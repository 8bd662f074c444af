// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The parameters of a simulated sound card, read from its ALSA configuration. simcard.conf.example lists them
 * with their meaning. Numbers are kept as integers, so that a card's rate is exact.
 */
#ifndef UNISONO_SIMPARAMS_H
#define UNISONO_SIMPARAMS_H

#include <alsa/asoundlib.h>
#include <stdint.h>

enum { SIM_LIST_MAX = 16, SIM_FORMATS = 5, SIM_TONES_MAX = 2, SIM_PATH_BYTES = 1024, SIM_CHANNELS_MAX = 64 };

struct sim_list {
    int64_t v[SIM_LIST_MAX];
    unsigned count;
};

/* What a capture card hears: the sum of sines of true time, each 0 at the raw clock's zero and rising. */
struct sim_signal {
    int64_t millihertz[SIM_TONES_MAX];
    unsigned tones;
    double amplitude; /* of each tone, full scale 1 */
};

struct sim_params {
    struct sim_list trim_ppt;                    /* one: the crystal's error, parts in 10^12 */
    struct sim_list granule, fifo;               /* one each: frames */
    struct sim_list xrun_at_us;                  /* any number, after the first start in the recording */
    struct sim_list unplug_at_us, unplug_for_us; /* none or one; one */
    struct sim_list rates, channels;             /* what the card can do; no channels: 1 to 64 */
    unsigned formats[SIM_FORMATS];               /* snd_pcm_format_t */
    unsigned format_count;
    struct sim_signal signal;
    char record[SIM_PATH_BYTES]; /* file prefix; empty: no recording */
};

/*
 * Reads the compound of one pcm definition, with defaults for what is not there. Returns 0, or -EINVAL after
 * having said through ALSA's error handler which parameter is wrong and what is allowed.
 */
int sim_params_read(struct sim_params *params, snd_config_t *from);

#endif
