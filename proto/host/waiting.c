// SPDX-License-Identifier: GPL-3.0-or-later
#include "waiting.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"

enum { RETRY_MS = 500 };

void waiting_need(struct waiting *w, const char *kind, const char *name)
{
    if (kind)
        snprintf(w->need, sizeof w->need, "%s %s", kind, name);
    else
        w->need[0] = '\0';
}

/* Not there, without a route or an address, or still in other hands: all else is somebody's mistake. */
static bool may_pass(int error)
{
    switch (error) {
    case -ENOENT:
    case -ENODEV:
    case -ENXIO:
    case -EBUSY:
    case -ENETUNREACH:
    case -ENETDOWN:
    case -EADDRNOTAVAIL:
        return true;
    default:
        return false;
    }
}

static void tell_end(struct waiting *w)
{
    if (w->told[0])
        log_info("%s is there", w->told);
    w->told[0] = '\0';
}

bool waiting_again(struct waiting *w, int error, const char *err)
{
    struct pollfd fd = {.fd = w->signals, .events = POLLIN};

    if (!w->allowed || !w->need[0] || !may_pass(error))
        return false;
    if (strcmp(w->need, w->told)) {
        tell_end(w);
        snprintf(w->told, sizeof w->told, "%s", w->need);
        log_warning("waiting for %s: %s", w->need, err);
        service_status(w->service, "waiting for %s", w->need);
    }
    service_ready(w->service);
    service_alive(w->service, clock_raw_now(), ++w->attempts);
    w->stopped = poll(&fd, 1, RETRY_MS) != 0;
    return !w->stopped;
}

void waiting_over(struct waiting *w)
{
    tell_end(w);
}
