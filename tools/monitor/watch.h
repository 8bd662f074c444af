// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The monitor's ears: sockets for each group's sound and RTCP and for announcements, all listening only.
 * Nothing is ever sent, but for the joins of IGMP.
 *
 *     discovery --> which groups --> sockets --> model
 *                                           \--> recording
 *
 * One thread; watch_run() some 50 times a second takes what waits without blocking: the kernel has stamped
 * it.
 */
#ifndef UNISONO_MONITOR_WATCH_H
#define UNISONO_MONITOR_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "model.h"
#include "proto/timebase.h"
#include "recording.h"

#define WATCH_INTERVAL_MS 20

struct watch_config {
    const char *interface;       /* as for net_find_interface() */
    const char *stream;          /* announced ones of this name only; "": all, unless `groups` is given */
    const char *groups;          /* ADDR[:PORT],...: whether announced or not; "" */
    bool audio;                  /* the sound is listened to */
    struct model *model;         /* these two belong to the caller, */
    struct recording *recording; /* NULL: none */
};

struct watch;

/* The config's texts stay valid. 0, or -errno and one line in `err`. */
int watch_open(struct watch **watch, const struct watch_config *config, raw_ns now, char *err,
               size_t err_size);
void watch_close(struct watch *watch); /* NULL is allowed */

/* Takes what waits. */
void watch_run(struct watch *watch, raw_ns now);

/* Once a second, before the model's tick: what is announced, which groups come and go. */
void watch_second(struct watch *watch, raw_ns now);

/* And after it: the witnesses' findings are recorded. */
void watch_record(struct watch *watch);

#endif
