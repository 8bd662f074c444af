// SPDX-License-Identifier: GPL-3.0-or-later
/* Hand-made views of the monitor, for tests: two streams that are always the same at the same second. */
#ifndef UNISONO_TESTS_VIEWS_H
#define UNISONO_TESTS_VIEWS_H

#include "tools/monitor/view.h"

/* Everything unknown: what is text empty, what is real NAN. */
void views_blank_receiver(struct view_receiver *receiver);
void views_blank_stream(struct view_stream *stream);
void views_blank(struct view *view);

/*
 * "Main hall" with `count` receivers out of the array, and "Lobby" with none, at `second` since an instant in
 * 2023. The first two receivers are "stage-left" and "stage-right", the others "seat-0002" and so on; the
 * third has headroom alarms, the fourth is silent, the fifth sends no telemetry.
 */
void views_make(struct view *view, struct view_receiver *receiver, size_t count, unsigned second);

/* Names that want to break lines, columns, labels or the terminal; as printable_copy() lets them through. */
#define VIEWS_HOSTILE 8
extern const char *const views_hostile[VIEWS_HOSTILE];

#endif
