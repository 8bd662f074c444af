// SPDX-License-Identifier: GPL-3.0-or-later
#include "print_sdp.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "describe.h"
#include "proto/host/log.h"
#include "proto/host/net.h"
#include "proto/rtcp.h"
#include "proto/sdpwrite.h"

#define PATIENCE_MS 2000

static struct rtcp_clock wait_for_ptp(struct timekeeper *keeper, int signals)
{
    struct pollfd fd = {.fd = signals, .events = POLLIN};
    struct rtcp_clock clock = rtcp_clock_of_map(timekeeper_run(keeper));

    for (int waited_ms = 0; waited_ms < PATIENCE_MS && !clock.known; waited_ms += TIMEKEEPER_INTERVAL_MS) {
        if (poll(&fd, 1, TIMEKEEPER_INTERVAL_MS) != 0)
            break;
        clock = rtcp_clock_of_map(timekeeper_run(keeper));
    }
    if (!clock.known)
        log_warning("no PTP within %d ms: the description names no grandmaster", PATIENCE_MS);
    return clock;
}

int print_sdp(struct sdp_stream *stream, const char *interface, struct timekeeper *keeper, int signals,
              char *err, size_t err_size)
{
    struct net_interface found;
    struct rtcp_clock clock;
    char sdp[SDP_WRITE_MAX];
    int error = net_find_interface(interface, &stream->leg[0].group, &found, err, err_size);

    if (error)
        return error;
    clock = wait_for_ptp(keeper, signals);
    describe_interface(stream, &found);
    describe_clock(stream, &clock, net_mac(&found));
    if (fwrite(sdp, sdp_write(stream, sdp), 1, stdout) == 1 && fflush(stdout) == 0)
        return 0;
    error = -errno;
    snprintf(err, err_size, "the standard output cannot be written: %s", strerror(-error));
    return error;
}
