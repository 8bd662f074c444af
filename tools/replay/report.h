// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * How a replay is told: as text for people, or as one JSON object whose members carry their unit at the end
 * of their name. Both say which clock was assumed.
 */
#ifndef UNISONO_REPLAY_REPORT_H
#define UNISONO_REPLAY_REPORT_H

#include <stdio.h>

#include "replay.h"
#include "tools/doctor/finding.h"

/* What was found, by each of all_verdicts. */
struct verdict {
    struct finding findings[32];
    unsigned count;
    struct tally tally;
};

/* The table of streams. */
void report_list(FILE *out, const struct replay *replay);

void report_text(FILE *out, const struct replay *replay, const struct verdict *verdict);
void report_json(FILE *out, const struct replay *replay, const struct verdict *verdict);

#endif
