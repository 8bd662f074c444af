// SPDX-License-Identifier: GPL-3.0-or-later
/* --list: which streams are announced, for people: one line each, in columns, and what cannot be played and
 * why. */
#ifndef UNISONO_LIST_H
#define UNISONO_LIST_H

#include <stdio.h>

#include "recv_options.h"

/*
 * Listens for o->list_seconds, or until a signal can be read from `signals`, and prints on `out`. Returns the
 * exit status: to find nothing is none.
 */
int list_run(const struct recv_options *options, int signals, FILE *out);

#endif
