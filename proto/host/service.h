// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What a program tells the service manager that started it (systemd; sd_notify(3)): that it runs, what it is
 * doing, that it ends; and, as often as the manager wants to hear it, that it is alive. A manager that hears
 * nothing in time kills the program and starts it again, so "alive" must mean the thread that carries the
 * sound: the control thread, which speaks here, shows each time a counter of that thread's, and only where it
 * has moved on is anything said.
 *
 *     WATCHDOG_USEC        0 |---------|---------|---------| ...
 *     said                 +    +    +    +         (silence: the counter stands still)      then killed
 *
 * Without a manager (no NOTIFY_SOCKET) nothing happens. Nothing here waits: what a manager that does not read
 * has no room for is left out. Control thread only.
 */
#ifndef UNISONO_SERVICE_H
#define UNISONO_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "../timebase.h"

/* Plain data; belongs to the caller. */
struct service {
    int fd;              /* connected to the manager; -1: there is none */
    int64_t interval_ns; /* between signs of life; 0: none are wanted */
    raw_ns due;          /* the next */
    uint64_t progress;   /* the counter at the last */
    bool ready;          /* was told */
};

/* Finds the manager by the environment; cannot fail. */
void service_open(struct service *service, raw_ns now);
void service_close(struct service *service);

/* The program does what it was started for, or waits for what it needs to. Told once, however often called.
 */
void service_ready(struct service *service);

/* One line of UTF-8 for a person, shown by `systemctl status`; what is not printable comes out as '?'. */
void service_status(struct service *service, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Several times a second. `progress`: a counter of the thread that does the work, which moves on at least
 * that often while it lives.
 */
void service_alive(struct service *service, raw_ns now, uint64_t progress);

/* The end has begun. */
void service_stopping(struct service *service);

#endif
