// SPDX-License-Identifier: GPL-3.0-or-later
#include "timebase.h"

/*
 * Sample counts since 1970 times 10^9 need 91 bits. Whole seconds and the rest are taken apart, so that 64
 * bits do for the division: one of 128 bits costs a simulated day a minute.
 */
typedef __int128 wide_t;

struct parts {
    int64_t whole;
    int64_t rest; /* 0 <= rest < by */
};

static struct parts divide(int64_t a, int64_t by)
{
    struct parts p = {a / by, a % by};

    if (p.rest < 0) {
        p.whole--;
        p.rest += by;
    }
    return p;
}

media_t media_at_ptp(ptp_ns t, uint32_t rate_hz)
{
    return media_pos_at_ptp(t, rate_hz).whole;
}

struct media_pos media_pos_at_ptp(ptp_ns t, uint32_t rate_hz)
{
    struct parts t_s = divide(t.ns, NS_PER_S);
    struct parts in_second = divide(t_s.rest * rate_hz, NS_PER_S);

    return (struct media_pos){{(int64_t)((wide_t)t_s.whole * rate_hz + in_second.whole)},
                              (double)in_second.rest / (double)NS_PER_S};
}

ptp_ns ptp_at_media(media_t m, uint32_t rate_hz)
{
    return (ptp_ns){ns_of_samples(m.n, rate_hz)};
}

media_t media_unwrap(uint32_t rtp_timestamp, media_t near)
{
    /* Unsigned subtraction, then the sign of 32 bits: the shortest way round the circle. */
    int32_t delta = (int32_t)(rtp_timestamp - (uint32_t)(uint64_t)near.n);

    return (media_t){near.n + delta};
}

int64_t samples_in_ns(int64_t ns, uint32_t rate_hz)
{
    struct parts t_s = divide(ns, NS_PER_S);

    return (int64_t)((wide_t)t_s.whole * rate_hz + (t_s.rest * rate_hz + NS_PER_S / 2) / NS_PER_S);
}

int64_t ns_of_samples(int64_t samples, uint32_t rate_hz)
{
    struct parts s = divide(samples, rate_hz);

    return (int64_t)((wide_t)s.whole * NS_PER_S + (s.rest * NS_PER_S + rate_hz - 1) / rate_hz);
}

double media_pos_minus(struct media_pos a, struct media_pos b)
{
    return (double)(a.whole.n - b.whole.n) + (a.part - b.part);
}
