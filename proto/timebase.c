// SPDX-License-Identifier: GPL-3.0-or-later
#include "timebase.h"

/* Sample counts since 1970 times 10^9 need 91 bits. */
typedef __int128 wide_t;

static wide_t wide_floor_div(wide_t a, wide_t b)
{
    wide_t q = a / b;

    return a % b < 0 ? q - 1 : q;
}

media_t media_at_ptp(ptp_ns t, uint32_t rate_hz)
{
    return (media_t){(int64_t)wide_floor_div((wide_t)t.ns * rate_hz, NS_PER_S)};
}

struct media_pos media_pos_at_ptp(ptp_ns t, uint32_t rate_hz)
{
    wide_t product = (wide_t)t.ns * rate_hz;
    wide_t whole = wide_floor_div(product, NS_PER_S);

    return (struct media_pos){{(int64_t)whole}, (double)(product - whole * NS_PER_S) / (double)NS_PER_S};
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
    return (int64_t)wide_floor_div((wide_t)ns * rate_hz + NS_PER_S / 2, NS_PER_S);
}

int64_t ns_of_samples(int64_t samples, uint32_t rate_hz)
{
    return (int64_t)-wide_floor_div(-(wide_t)samples * NS_PER_S, rate_hz);
}

double media_pos_minus(struct media_pos a, struct media_pos b)
{
    return (double)(a.whole.n - b.whole.n) + (a.part - b.part);
}
