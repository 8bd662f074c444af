// SPDX-License-Identifier: GPL-3.0-or-later
#include "telemetry.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "bytes.h"

#define VERSION 0

enum {
    FLAG_DEVICE = 1,
    FLAG_REALTIME = 2,
    FLAG_REFUSED = 4,
};

/* Bytes 0 to 3; then the numbers, 32 bits each, in the order below; then the peaks. */
#define HEAD_BYTES 4
#define NUMBERS    23

uint8_t telemetry_peak(double magnitude)
{
    double steps = magnitude > 0 ? round(-40 * log10(magnitude)) : TELEMETRY_SILENCE;

    return (uint8_t)(steps < 0 ? 0 : steps < TELEMETRY_SILENCE ? steps : TELEMETRY_SILENCE);
}

int32_t telemetry_headroom_us(const struct telemetry *t)
{
    int64_t headroom = (int64_t)t->lead_min_us - t->lead_need_us;

    return t->lead_min_us == TELEMETRY_UNKNOWN || headroom <= INT32_MIN ? TELEMETRY_UNKNOWN
                                                                        : (int32_t)headroom;
}

size_t telemetry_build(uint8_t *to, const struct telemetry *t)
{
    const uint32_t numbers[NUMBERS] = {
        t->interval_ms,
        (uint32_t)t->ptp_offset_ns,
        t->uncertainty_ns,
        t->budget_ns,
        (uint32_t)t->error_median_ns,
        t->error_p99_ns,
        t->error_worst_ns,
        (uint32_t)t->resample_ppb,
        (uint32_t)t->card_ppb,
        (uint32_t)t->lead_min_us,
        (uint32_t)t->lead_median_us,
        t->lead_need_us,
        t->queued_min_us,
        t->delay_us,
        t->received,
        t->lost,
        t->late,
        t->duplicates,
        t->concealed,
        t->xruns,
        t->starts,
        t->clipped,
        (uint32_t)t->channels << 24,
    };
    uint8_t channels = t->channels < TELEMETRY_CHANNELS_MAX ? t->channels : TELEMETRY_CHANNELS_MAX;
    uint8_t *at = to;

    *at++ = VERSION;
    *at++ = (uint8_t)t->state;
    *at++ = (uint8_t)t->clock_state;
    *at++ = (uint8_t)((t->device_present ? FLAG_DEVICE : 0) | (t->realtime ? FLAG_REALTIME : 0) |
                      (t->refused ? FLAG_REFUSED : 0));
    for (unsigned i = 0; i < NUMBERS; i++)
        at = put_be32(at, numbers[i]);
    memcpy(at, t->peaks, channels);
    at += channels;
    while ((at - to) % 4 != 0)
        *at++ = 0;
    return (size_t)(at - to);
}

static void take_numbers(const uint8_t *at, struct telemetry *t)
{
    uint32_t n[NUMBERS];

    for (unsigned i = 0; i < NUMBERS; i++)
        n[i] = get_be32(at + 4 * i);
    t->interval_ms = n[0];
    t->ptp_offset_ns = (int32_t)n[1];
    t->uncertainty_ns = n[2];
    t->budget_ns = n[3];
    t->error_median_ns = (int32_t)n[4];
    t->error_p99_ns = n[5];
    t->error_worst_ns = n[6];
    t->resample_ppb = (int32_t)n[7];
    t->card_ppb = (int32_t)n[8];
    t->lead_min_us = (int32_t)n[9];
    t->lead_median_us = (int32_t)n[10];
    t->lead_need_us = n[11];
    t->queued_min_us = n[12];
    t->delay_us = n[13];
    t->received = n[14];
    t->lost = n[15];
    t->late = n[16];
    t->duplicates = n[17];
    t->concealed = n[18];
    t->xruns = n[19];
    t->starts = n[20];
    t->clipped = n[21];
    t->channels = (uint8_t)(n[22] >> 24);
}

int telemetry_parse(const uint8_t *body, size_t len, struct telemetry *t)
{
    if (len < 1)
        return -EBADMSG;
    /* the version first: another version may have another length */
    if (body[0] != VERSION)
        return -EPROTONOSUPPORT;
    if (len < HEAD_BYTES + 4 * NUMBERS)
        return -EBADMSG;
    *t = (struct telemetry){
        .state = body[1] <= TELEMETRY_WITNESS ? body[1] : TELEMETRY_IDLE,
        .clock_state = body[2] <= MEDIA_CLOCK_GM_CHANGED ? body[2] : MEDIA_CLOCK_NO_PTP,
        .device_present = body[3] & FLAG_DEVICE,
        .realtime = body[3] & FLAG_REALTIME,
        .refused = body[3] & FLAG_REFUSED,
    };
    take_numbers(body + HEAD_BYTES, t);
    if (t->channels > TELEMETRY_CHANNELS_MAX || len - HEAD_BYTES - 4 * NUMBERS < t->channels)
        return -EBADMSG;
    memcpy(t->peaks, body + HEAD_BYTES + 4 * NUMBERS, t->channels);
    return 0;
}
