// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A sound card's capture side: it samples the known sound, as it is in the air at a true instant, at the pace
 * of its own crystal, and its driver says in steps how many samples there are.
 */
#ifndef UNISONO_SIM_ADC_H
#define UNISONO_SIM_ADC_H

#include <stddef.h>
#include <stdint.h>

#include "oscillator.h"
#include "ptp.h"
#include "signal.h"

struct adc_config {
    unsigned rate_hz, channels;
    unsigned step_frames;
};

struct adc {
    struct adc_config config;
    const struct oscillator *crystal;
    const struct signal_config *sound;
    const struct ptp_masters *masters;
    int64_t own_start;
    double own_part;
    int64_t taken; /* frames given out so far */
};

void adc_init(struct adc *a, const struct adc_config *config, const struct oscillator *crystal,
              const struct signal_config *sound, const struct ptp_masters *masters);
void adc_start(struct adc *a, int64_t t);

/* How many frames were sampled since the start, as the driver says. */
int64_t adc_sampled(const struct adc *a, int64_t t);

/* The next `count` of them, frames x channels. */
void adc_read(struct adc *a, float *out, size_t count);

#endif
