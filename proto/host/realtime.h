// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Real-time set-up of the one thread that carries sound.
 *
 * Four things keep a thread from being late, each worth more than the next:
 *   - SCHED_FIFO: it runs as soon as it is due, before all ordinary threads. Threads it might start would be
 *     ordinary ones (SCHED_RESET_ON_FORK).
 *   - locked memory: no page of it has to be fetched while the sound waits; the stack is touched in advance.
 *   - an idle processor that stays awake (/dev/cpu_dma_latency): no wake-up time from deep sleep.
 *   - timer slack of 1 ns: what is left to do for a thread that got no real-time priority.
 *
 * An ordinary user is allowed the first two only if the administrator says so. When one is refused the
 * program goes on, with one warning that names the remedy: sound at a generous latency may well be fine.
 */
#ifndef UNISONO_REALTIME_H
#define UNISONO_REALTIME_H

#include <stdbool.h>
#include <stddef.h>

/* What was obtained. Plain data; belongs to the caller, until realtime_leave(). */
struct realtime {
    int priority;       /* of SCHED_FIFO, 1 to 99; 0: ordinary scheduling */
    bool memory_locked; /* what is mapped now and later stays in memory */
    int awake_fd;       /* /dev/cpu_dma_latency, held open for its effect; -1: not permitted */
};

/*
 * Makes the calling thread a real-time one, and the memory of the whole process resident. To be called by
 * that thread once all is allocated. `priority` is 1 to 99; when a limit allows only a lower one, that is
 * taken. Returns 0, or -EPERM when real-time scheduling or locked memory was refused in whole or in part:
 * then `err` holds the warning, one line with the remedy, and *rt says what was obtained. Either way the
 * program goes on. The idle state of the processor is not worth a warning: *rt tells.
 */
int realtime_enter(struct realtime *rt, int priority, char *err, size_t err_len);

/* Lets the processor sleep again. Scheduling and locks end with the process. */
void realtime_leave(struct realtime *rt);

#endif
