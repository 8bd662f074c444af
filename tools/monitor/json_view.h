// SPDX-License-Identifier: GPL-3.0-or-later
/* A view as one JSON object in one line; the unit of every number is the end of its name; null: not known. */
#ifndef UNISONO_MONITOR_JSON_VIEW_H
#define UNISONO_MONITOR_JSON_VIEW_H

#include <stdio.h>

#include "view.h"

void json_view(FILE *out, const struct view *view);

/* "well", "note", "warning", "alarm" */
const char *json_level_word(enum view_level level);

#endif
