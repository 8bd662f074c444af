// SPDX-License-Identifier: GPL-3.0-or-later
#include "reception.h"

#define LOST_MAX 0x7fffff

void reception_sender_report(struct reception *r, uint32_t ssrc, uint64_t ntp, raw_ns arrival)
{
    r->has_sr = true;
    r->sr_ssrc = ssrc;
    r->lsr = (uint32_t)(ntp >> 16);
    r->sr_arrival = arrival;
}

static int32_t limit_lost(int64_t lost)
{
    return (int32_t)(lost > LOST_MAX ? LOST_MAX : lost < ~LOST_MAX ? ~LOST_MAX : lost);
}

/* Of 256, rounded down; at least one packet came, so it stays below. */
static uint8_t fraction_of(int64_t lost, int64_t expected)
{
    if (lost <= 0)
        return 0;
    return (uint8_t)(lost * 256 / expected);
}

bool reception_block(struct reception *r, const struct stream *stream, raw_ns now, struct rtcp_block *block)
{
    int64_t expected = stream->highest - stream->first + 1;
    int64_t received = (int64_t)stream->counters.received;

    if (!stream->counting)
        return false;
    if (stream->claim.ssrc != r->ssrc || received < r->received) { /* another stream, or it began anew */
        r->ssrc = stream->claim.ssrc;
        r->expected = r->received = 0;
    }
    if (received == r->received)
        return false;
    *block = (struct rtcp_block){
        .ssrc = r->ssrc,
        .fraction_lost =
            fraction_of(expected - r->expected - (received - r->received), expected - r->expected),
        .lost = limit_lost(expected - received),
        .highest = (uint32_t)stream->highest,
        .jitter = (uint32_t)samples_in_ns((int64_t)stream->counters.jitter_ns, stream->claim.rate_hz),
    };
    if (r->has_sr && r->sr_ssrc == r->ssrc) {
        block->lsr = r->lsr;
        block->dlsr = (uint32_t)samples_in_ns(now.ns - r->sr_arrival.ns, 65536);
    }
    r->expected = expected;
    r->received = received;
    return true;
}
