// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What the sequence numbers tell: packets that never came, came twice, or came late. A number counts as lost
 * only when LOSSES_WINDOW later ones have passed it, so that reordering is no loss; numbers lost in a row are
 * one burst.
 */
#ifndef UNISONO_REPLAY_LOSSES_H
#define UNISONO_REPLAY_LOSSES_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LOSSES_WINDOW = 1024,
    LOSSES_BURSTS = 8 /* of 1, 2, 3-4, 5-8, 9-16, 17-64, 65-1000, more packets */
};

struct losses {
    bool begun;
    int64_t first, highest;
    uint8_t came[LOSSES_WINDOW]; /* by sequence mod LOSSES_WINDOW: of those up to `highest` */
    uint64_t run;                /* of the burst that is not over yet */

    uint64_t expected, lost, duplicates, reordered;
    uint64_t depth_max; /* reordering: packets that had come before one they should have followed */
    uint64_t bursts[LOSSES_BURSTS], burst_max;
};

void losses_init(struct losses *losses);

/*
 * Takes the next packet's number, without wraps. `anew`: the sender began another sequence; what is missing
 * in between is no loss. True when that number had come before.
 */
bool losses_take(struct losses *losses, int64_t sequence, bool anew);

/* Counts what is still in the window. No packet may follow. */
void losses_finish(struct losses *losses);

/* The shortest and longest burst that bursts[i] counts; *to is 0 for "and more". */
void losses_burst_range(unsigned i, unsigned *from, unsigned *to);

#endif
