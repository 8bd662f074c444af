// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Alarms that do not flap. A condition is raised each second as long as it holds; what is shown begins once
 * it has held for a while, and ends once it has not held for a while, both by the kind of alarm.
 *
 *     raised     . . x x x x . x . . . . . .
 *     sounding   . . . . x x x x x x x x . .       confirmed after 2 s, held for 5 s
 */
#ifndef UNISONO_MONITOR_ALARM_H
#define UNISONO_MONITOR_ALARM_H

#include <stdbool.h>

#include "proto/timebase.h"
#include "view.h"

/* All zero at the start. */
struct alarm {
    bool raised;           /* since the last alarms_settle() */
    bool pending;          /* it was raised then, or before: `first` means something */
    bool sounding;         /* people are told; the rest means something to them */
    enum view_level level; /* as of the newest second that raised it; likewise `why` */
    raw_ns first, last;    /* raised */
    double since_s;        /* view.time_s */
    char why[VIEW_WHY_SIZE];
};

/* The condition holds now. Raised twice in a second, the graver one counts, the first among equals. */
void alarm_raise(struct alarm *alarm, enum view_level level, raw_ns now, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Once a second, when all that holds was raised. */
void alarm_settle(struct alarm *alarm, enum view_alarm_kind kind, raw_ns now, double time_s);

/* Of all kinds. */
void alarms_settle(struct alarm alarms[VIEW_ALARM_KINDS], raw_ns now, double time_s);
enum view_level alarms_level(const struct alarm alarms[VIEW_ALARM_KINDS]);

#endif
