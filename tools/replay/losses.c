// SPDX-License-Identifier: GPL-3.0-or-later
#include "losses.h"

#include <string.h>

static const unsigned burst_to[LOSSES_BURSTS] = {1, 2, 4, 8, 16, 64, 1000, 0};

void losses_burst_range(unsigned i, unsigned *from, unsigned *to)
{
    *from = i ? burst_to[i - 1] + 1 : 1;
    *to = burst_to[i];
}

void losses_init(struct losses *l)
{
    memset(l, 0, sizeof *l);
}

static uint8_t *slot(struct losses *l, int64_t sequence)
{
    return &l->came[(uint64_t)sequence % LOSSES_WINDOW];
}

static void end_run(struct losses *l)
{
    unsigned i = 0;

    if (!l->run)
        return;
    while (burst_to[i] && l->run > burst_to[i])
        i++;
    l->bursts[i]++;
    if (l->run > l->burst_max)
        l->burst_max = l->run;
    l->run = 0;
}

/* A number about which nothing more will be heard. */
static void settle(struct losses *l, bool came)
{
    if (came) {
        end_run(l);
    } else {
        l->run++;
        l->lost++;
    }
}

static void begin(struct losses *l, int64_t sequence)
{
    l->begun = true;
    l->first = l->highest = sequence;
    l->expected++;
    memset(l->came, 1, sizeof l->came); /* nothing is missing before it */
}

void losses_finish(struct losses *l)
{
    if (!l->begun)
        return;
    for (int64_t i = 1; i <= LOSSES_WINDOW; i++)
        settle(l, *slot(l, l->highest + i));
    end_run(l);
    l->begun = false;
}

static void advance(struct losses *l, int64_t sequence)
{
    int64_t ahead = sequence - l->highest;
    int64_t kept = ahead < LOSSES_WINDOW ? ahead : LOSSES_WINDOW;

    for (int64_t i = 1; i <= kept; i++) {
        settle(l, *slot(l, l->highest + i));
        *slot(l, l->highest + i) = 0;
    }
    /* numbers that pass the window without ever having been in it */
    l->run += (uint64_t)(ahead - kept);
    l->lost += (uint64_t)(ahead - kept);
    l->expected += (uint64_t)ahead;
    l->highest = sequence;
    *slot(l, sequence) = 1;
}

bool losses_take(struct losses *l, int64_t sequence, bool anew)
{
    if (anew)
        losses_finish(l);
    if (!l->begun) {
        begin(l, sequence);
        return false;
    }
    if (sequence > l->highest) {
        advance(l, sequence);
        return false;
    }
    if (sequence >= l->first && sequence > l->highest - LOSSES_WINDOW && *slot(l, sequence)) {
        l->duplicates++;
        return true;
    }
    l->reordered++;
    if ((uint64_t)(l->highest - sequence) > l->depth_max)
        l->depth_max = (uint64_t)(l->highest - sequence);
    if (sequence >= l->first && sequence > l->highest - LOSSES_WINDOW)
        *slot(l, sequence) = 1;
    return false;
}
