// SPDX-License-Identifier: GPL-3.0-or-later
/* How far a long file has been read, on standard error, when that is a terminal. */
#ifndef UNISONO_REPLAY_PROGRESS_H
#define UNISONO_REPLAY_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "pcapfile.h"

struct progress {
    bool shown; /* there is a terminal */
    const char *what;
    unsigned calls;
    time_t newest; /* when it was shown last */
    bool dirty;    /* something stands on the line */
};

/* Begins a pass, called `what`. */
void progress_begin(struct progress *progress, const char *what);

/* To be called for each packet. */
void progress_step(struct progress *progress, const struct pcapfile *capture);

/* Clears the line. */
void progress_end(struct progress *progress);

#endif
