// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The verdict on one run: its figures by name, and whether they are as the scenario expects. Times are those
 * of the converters; counts are the receivers' own, and the worst of them unless the name says otherwise.
 */
#ifndef UNISONO_SIM_VERDICT_H
#define UNISONO_SIM_VERDICT_H

#include <stdio.h>

#include "stage.h"

/* The place of a figure in the table, or -1. */
int verdict_metric(const char *name);

/* All names with what they mean, one a line. */
void verdict_list(FILE *to);

/*
 * Writes one line on the run to `to`; with `all`, every figure; then one for each expectation that does not
 * hold. Returns how many do not.
 */
unsigned verdict_tell(const struct stage *s, bool all, FILE *to);

#endif
