// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The judgement of --check: whatever was a warning or an alarm during the time of listening, each once, makes
 * it a FAIL; so does silence.
 */
#ifndef UNISONO_MONITOR_CHECK_H
#define UNISONO_MONITOR_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "view.h"

/* All zero at the start. */
struct check {
    size_t count, more; /* reasons kept; those there was no room for */
    struct view_alarm reasons[VIEW_ALARMS_MAX];
};

void check_take(struct check *check, const struct view *view);

/* The verdict, as of the last view: PASS or FAIL, and a line for each reason. True: PASS. */
bool check_print(const struct check *check, const struct view *view, FILE *out);

#endif
