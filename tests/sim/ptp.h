// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * PTP: the grandmasters' time, and what a host gets to know of it. A host's measurement is off by a slow
 * error of its servo or of its path (first-order Gauss-Markov), by white noise, by half the asymmetry of its
 * path, and now and then by a message that waited in a queue.
 */
#ifndef UNISONO_SIM_PTP_H
#define UNISONO_SIM_PTP_H

#include <stdbool.h>
#include <stdint.h>

#include "chance.h"
#include "oscillator.h"
#include "proto/mediaclock.h"

enum { PTP_MASTERS = 8 };

/* Grandmasters; the first is there from the beginning. */
struct ptp_masters {
    unsigned count;
    int64_t epoch_ns; /* PTP time of the first when the world began */
    struct {
        uint64_t name;     /* clock identity; a grandmaster whose time jumps keeps it */
        int64_t offset_ns; /* its time minus that of the first, when the world began */
        double ppm;        /* and how it runs against true time */
    } master[PTP_MASTERS];
};

/* PTP time by one grandmaster at true instant t, and the rest of a nanosecond. */
int64_t ptp_time(const struct ptp_masters *m, unsigned master, int64_t t, double *part);

/* How much faster than true time it runs, parts of 1. */
double ptp_rate(const struct ptp_masters *m, unsigned master);

enum ptp_kind {
    PTP_PERFECT,  /* a tenth of a microsecond's thousandth */
    PTP_HARDWARE, /* a network card's clock, steered by ptp4l */
    PTP_SOFTWARE, /* ptp4l's measured offsets, software time stamps */
};

struct ptp_config {
    enum ptp_kind kind;
    double noise_us, noise_s;       /* the slow error: one sigma, and its time constant; NaN: of the kind */
    double white_us;                /* one sigma; NaN: of the kind */
    double rate_hz;                 /* samples a second; NaN: of the kind */
    double asymmetry_us;            /* of the path: half of it is seen as offset */
    double outlier_pct, outlier_us; /* so many samples are late by up to so much */
};

struct ptp_client {
    struct ptp_config config;
    struct chance chance;
    double slow_ns;
    unsigned master;
    bool lost;
    unsigned next_master; /* it will follow this one */
    int64_t notices_at;   /* from this true instant on */
    int64_t newest;       /* true instant of the last sample */
    struct media_clock clock;
};

void ptp_client_init(struct ptp_client *c, const struct ptp_config *config, struct chance chance);

/* Takes a sample at true instant t, where the host's own clock is `host`, and brings the media clock up to
 * date. */
void ptp_client_run(struct ptp_client *c, const struct ptp_masters *masters, const struct oscillator *host,
                    int64_t t);

/* True time from one run to the next. */
int64_t ptp_client_interval(const struct ptp_client *c);

/* Raw time of a host when the world began: an uptime. */
#define SIM_RAW0 INT64_C(5000000000000)

raw_ns sim_raw(const struct oscillator *host, int64_t t);

#endif
