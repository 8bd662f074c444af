// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Testimony: what the witness of a stream found in a second, and on whose time, as an RTCP compound of its
 * own. A recording holds these instead of the sound, so that it is small, and everything that reads RTCP
 * reads it.
 *
 *     RR     losses and jitter in the report block           of the SSRC TESTIMONY_SSRC,
 *     SDES   NAME: why the stream is dishonest, "": it is not   from the address 0.0.0.0
 *     APP    clock; telemetry in the state TELEMETRY_WITNESS
 */
#ifndef UNISONO_MONITOR_TESTIMONY_H
#define UNISONO_MONITOR_TESTIMONY_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/rtcp.h"
#include "proto/timebase.h"
#include "view.h"

#define TESTIMONY_SSRC 0x556e6973u

/* What a testimony says, and said before. All zero at the start. */
struct testimony {
    bool heard;
    bool sounded; /* there was sound, once */
    raw_ns at;
    struct rtcp_report report;
    uint32_t lost; /* since the one before */
    struct view_history leads, losses;
};

/* `stream`: of a view whose witness hears; `clock`: the monitor's own. */
void testimony_give(const struct view_stream *stream, const struct view_clock *clock,
                    struct rtcp_report *report);

/* Whether that is one; of a recording, since anybody can say so. */
bool testimony_is(const struct rtcp_report *report);

void testimony_take(struct testimony *testimony, const struct rtcp_report *report, raw_ns at);

/* Once a second. `bytes`: of each datagram, UDP and IPv4 headers included; NAN when not known. */
void testimony_show(struct testimony *testimony, uint32_t rate_hz, double latency_ms, double bytes,
                    struct view_witness *view, raw_ns now);

#endif
