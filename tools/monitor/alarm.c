// SPDX-License-Identifier: GPL-3.0-or-later
#include "alarm.h"

#include <stdarg.h>
#include <stdio.h>

/*
 * What mends itself within the first number is told nobody: a grandmaster's change reaches the machines one
 * after the other, an error settles. What was heard, and is over in a moment, stays long enough to be read.
 */
static const struct {
    int64_t confirm_ns, hold_ns;
} patience[VIEW_ALARM_KINDS] = {
    [VIEW_ALARM_MISSING] = {0, 5 * NS_PER_S},
    [VIEW_ALARM_ALIGNMENT] = {2 * NS_PER_S, 5 * NS_PER_S},
    [VIEW_ALARM_HEADROOM] = {0, 5 * NS_PER_S},
    [VIEW_ALARM_PTP] = {2 * NS_PER_S, 5 * NS_PER_S},
    [VIEW_ALARM_GRANDMASTERS] = {5 * NS_PER_S, 5 * NS_PER_S},
    [VIEW_ALARM_LOSS] = {0, 30 * NS_PER_S},
    [VIEW_ALARM_XRUN] = {0, 30 * NS_PER_S},
    [VIEW_ALARM_DEVICE] = {0, 5 * NS_PER_S},
    [VIEW_ALARM_STREAM] = {2 * NS_PER_S, 5 * NS_PER_S},
};

void alarm_raise(struct alarm *alarm, enum view_level level, raw_ns now, const char *format, ...)
{
    va_list args;

    if (alarm->raised && level <= alarm->level)
        return;
    if (!alarm->pending)
        alarm->first = now;
    alarm->raised = alarm->pending = true;
    alarm->last = now;
    alarm->level = level;
    va_start(args, format);
    vsnprintf(alarm->why, sizeof alarm->why, format, args);
    va_end(args);
}

void alarm_settle(struct alarm *alarm, enum view_alarm_kind kind, raw_ns now, double time_s)
{
    if (alarm->raised) {
        if (!alarm->sounding && now.ns - alarm->first.ns >= patience[kind].confirm_ns) {
            alarm->sounding = true;
            alarm->since_s = time_s;
        }
    } else if (!alarm->sounding || now.ns - alarm->last.ns >= patience[kind].hold_ns) {
        alarm->sounding = alarm->pending = false;
    }
    alarm->raised = false;
}

void alarms_settle(struct alarm alarms[VIEW_ALARM_KINDS], raw_ns now, double time_s)
{
    for (unsigned kind = 0; kind < VIEW_ALARM_KINDS; kind++)
        alarm_settle(&alarms[kind], kind, now, time_s);
}

enum view_level alarms_level(const struct alarm alarms[VIEW_ALARM_KINDS])
{
    enum view_level level = VIEW_WELL;

    for (unsigned kind = 0; kind < VIEW_ALARM_KINDS; kind++)
        if (alarms[kind].sounding && alarms[kind].level > level)
            level = alarms[kind].level;
    return level;
}
