// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * PTP time from a network card's own clock (PHC, Linux Documentation/driver-api/ptp.rst), which ptp4l steers.
 * The card holds what the grandmaster says, on the grandmaster's timescale: no phc2sys, no UTC offset, and
 * whoever sets the system clock does no harm. Control thread only.
 *
 * The card is read beside CLOCK_MONOTONIC_RAW by the best of three ways that driver and kernel know:
 *
 *   precise    PTP_SYS_OFFSET_PRECISE: the hardware latches both clocks at one instant
 *   extended   PTP_SYS_OFFSET_EXTENDED: the driver brackets the very register read. Kernels from 6.12 on
 *              bracket by raw time when asked; older ones by CLOCK_REALTIME, which is then carried to raw by
 *              two pairs around it
 *   bracketed  raw, the card, raw: by three calls from here
 *
 *        raw  ----r1--------------r2----->     the card was read somewhere between, so the error is uniform
 *        card --------- t --------------->     within the bracket: sigma = width / sqrt(12). The narrowest of
 *                                              several is kept
 *
 * The way is found at the opening. When it fails, the next takes over until the card is opened anew; an error
 * that may pass is given eight polls.
 *
 * All that touches the machine goes through struct phc_io. No PHC was at hand when this was written: it was
 * tested against a made-up one behind that boundary (tests/test_phc.c).
 */
#ifndef UNISONO_PHC_H
#define UNISONO_PHC_H

#include <stddef.h>
#include <time.h>

#include "clock.h"
#include "proto/mediaclock.h"

/* The boundary to the kernel. `self` is handed to each call; errors are -errno. */
struct phc_io {
    void *self;
    int (*open)(void *self, const char *path); /* a file descriptor */
    void (*close)(void *self, int fd);
    int (*control)(void *self, int fd, unsigned long request, void *argument); /* ioctl() */
    int (*read)(void *self, int fd, struct timespec *t); /* clock_gettime() of the card */
    /* N of /dev/ptpN; -ENODEV: no such interface, -ENOENT: no PHC */
    int (*index)(void *self, const char *interface);
    raw_ns (*raw)(void *self);
    void (*pair)(void *self, struct clock_pair *pair);
};

extern const struct phc_io phc_kernel;

struct phc;

/*
 * `name`: a device, /dev/ptpN, or a network interface that has one. `io` must stay valid. Returns 0 with *out
 * to be closed by the caller, or -errno and one line in `err`.
 */
int phc_open(struct phc **out, const char *name, const struct phc_io *io, char *err, size_t err_size);

/* NULL is allowed. */
void phc_close(struct phc *p);

/*
 * Reads the card, which takes microseconds. 1: *out is a sample, whose master is left to the caller. 0: none
 * this time, as no reading was narrow enough or made sense; when all were too wide for eight polls, `reason`
 * says so. -ENODEV: the card is gone or fails, `reason` says so; it is opened anew every half second, an
 * interface's wherever it is then.
 */
int phc_poll(struct phc *p, raw_ns now, struct clock_sample *out, char *reason, size_t reason_size);

/* The way in use: "precise", "extended", "bracketed" */
const char *phc_method(const struct phc *p);

/* /dev/ptpN */
const char *phc_device(const struct phc *p);

#endif
