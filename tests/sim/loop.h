// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The event loop: nodes, each with the instant at which it wants to run next. Virtual time jumps to the
 * smallest; of two at one instant the one added first runs first.
 */
#ifndef UNISONO_SIM_LOOP_H
#define UNISONO_SIM_LOOP_H

#include <stddef.h>
#include <stdint.h>

#define LOOP_NEVER INT64_MAX

struct loop_node {
    void *self;
    /* Runs at true instant `now`; returns when to run next, later than now, or LOOP_NEVER. */
    int64_t (*run)(void *self, int64_t now);
    int64_t next_at;
    uint64_t order; /* set by loop_add() */
    size_t place;   /* in the heap */
};

struct loop {
    struct loop_node **heap;
    size_t count, room;
    uint64_t added;
    int64_t now;
};

/* 0 or -ENOMEM. The node stays the caller's, and must stay where it is. */
int loop_add(struct loop *l, struct loop_node *node);

/* Another instant for a node that waits. */
void loop_move(struct loop *l, struct loop_node *node, int64_t next_at);

/* Runs everything that is due before `end`; afterwards it is `end`. */
void loop_run(struct loop *l, int64_t end);

void loop_free(struct loop *l);

#endif
