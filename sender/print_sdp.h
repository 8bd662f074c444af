// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * --print-sdp: the description that would be announced, on the standard output.
 */
#ifndef UNISONO_PRINT_SDP_H
#define UNISONO_PRINT_SDP_H

#include <stddef.h>

#include "proto/host/timekeeper.h"
#include "proto/sdp.h"

/*
 * Prints `stream`, of describe_stream(), with the interface and the clock filled in. PTP is waited for, 2 s
 * at most and not after a signal on the descriptor `signals`; the log says when it is not there. `interface`:
 * as for net_find_interface(). 0, or -errno and one line in `err`.
 */
int print_sdp(struct sdp_stream *stream, const char *interface, struct timekeeper *clock, int signals,
              char *err, size_t err_size);

#endif
