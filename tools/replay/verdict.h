// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The verdict: what is judged of a replay, one finding each, as those of unisono-doctor. Pure judgement.
 */
#ifndef UNISONO_REPLAY_VERDICT_H
#define UNISONO_REPLAY_VERDICT_H

#include "replay.h"
#include "tools/doctor/finding.h"

typedef struct finding verdict_function(const struct replay *replay);

extern verdict_function *const all_verdicts[];
extern const size_t all_verdicts_count;

#endif
