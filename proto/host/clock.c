// SPDX-License-Identifier: GPL-3.0-or-later
#include "clock.h"

#include <errno.h>

#define PAIR_TRIES    5
#define STAMP_MAX_AGE NS_PER_S

static int64_t read_clock(clockid_t id)
{
    struct timespec t = {0};

    clock_gettime(id, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

raw_ns clock_raw_now(void)
{
    return (raw_ns){read_clock(CLOCK_MONOTONIC_RAW)};
}

void clock_pair_read(struct clock_pair *pair)
{
    pair->width_ns = INT64_MAX;
    for (int i = 0; i < PAIR_TRIES; i++) {
        int64_t before = read_clock(CLOCK_MONOTONIC_RAW);
        int64_t realtime = read_clock(CLOCK_REALTIME);
        int64_t width = read_clock(CLOCK_MONOTONIC_RAW) - before;

        if (width < pair->width_ns)
            *pair = (struct clock_pair){{before + width / 2}, realtime, width};
    }
}

double clock_pair_sigma(const struct clock_pair *pair)
{
    double sigma = (double)pair->width_ns / 2;

    return sigma > 5 ? sigma : 5;
}

raw_ns clock_raw_of_stamp(const struct clock_pair *now, int64_t realtime_ns)
{
    int64_t age = now->realtime_ns - realtime_ns;

    if (age < 0 || age > STAMP_MAX_AGE)
        return now->raw;
    return (raw_ns){now->raw.ns - age};
}

int clock_sleep_until(raw_ns deadline)
{
    /* MONOTONIC may be slewed against RAW, so a long sleep can end a little early: sleep again. */
    for (;;) {
        int64_t left = deadline.ns - clock_raw_now().ns;
        int64_t until = read_clock(CLOCK_MONOTONIC) + left;
        struct timespec t = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};

        if (left <= 0)
            return 0;
        if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
            return -EINTR;
    }
}

struct timespec clock_timeout(raw_ns now, raw_ns deadline)
{
    int64_t left = deadline.ns > now.ns ? deadline.ns - now.ns : 0;

    return (struct timespec){.tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S};
}
