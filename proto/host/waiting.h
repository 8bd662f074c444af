// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Waiting at the start for what comes later than the program: at boot a service is started before its network
 * interface has an address, or its sound card was found. A start is then tried again and again, as a whole,
 * so that nothing is held that may have become stale meanwhile:
 *
 *     do {
 *         waiting_need(&w, "network interface", "eth0");
 *         error = open it, and so on
 *         if (error)
 *             close all
 *     } while (error && waiting_again(&w, error, err));
 *     waiting_over(&w);
 *
 * The log gets one line at the beginning and one at the end for each thing that had to be waited for. Control
 * thread only, before the real-time thread lives.
 */
#ifndef UNISONO_WAITING_H
#define UNISONO_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "service.h"

struct waiting {
    bool allowed;            /* --wait; the caller sets this and the next two */
    int signals;             /* as of signals_take() */
    struct service *service; /* is told what is waited for, and kept from impatience */
    bool stopped;            /* a signal came meanwhile */
    char need[320];          /* what the present step needs; "": nothing that could come by itself */
    char told[320];          /* what the log says is waited for; "": nothing */
    uint64_t attempts;
};

/* What the steps from here on need. `kind` NULL: nothing that could come by itself. */
void waiting_need(struct waiting *w, const char *kind, const char *name);

/*
 * After a start that failed with `error`, a negative errno, and the line `err`. True: half a second has
 * passed, try again. False: no waiting helps, or nobody wants it, or a signal came (`stopped`).
 */
bool waiting_again(struct waiting *w, int error, const char *err);

/* All is there. */
void waiting_over(struct waiting *w);

#endif
