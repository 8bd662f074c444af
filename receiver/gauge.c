// SPDX-License-Identifier: GPL-3.0-or-later
#include "gauge.h"

#include <math.h>

static const struct playback_extremes none = {.lead_min_ms = NAN, .queued_min_ms = INFINITY};

void gauge_init(struct gauge *g, raw_ns now)
{
    *g = (struct gauge){.line = none, .report = none, .reported = now};
}

static void merge(struct playback_extremes *all, const struct playback_extremes *more)
{
    all->error_worst_ns = fmax(all->error_worst_ns, more->error_worst_ns);
    all->lead_min_ms = fmin(all->lead_min_ms, more->lead_min_ms); /* of a number and NAN: the number */
    all->queued_min_ms = fmin(all->queued_min_ms, more->queued_min_ms);
    all->wake_late_ms = fmax(all->wake_late_ms, more->wake_late_ms);
    for (unsigned i = 0; i < RTP_CHANNELS_MAX; i++)
        all->peaks[i] = fmaxf(all->peaks[i], more->peaks[i]);
}

void gauge_extremes(struct gauge *g, const struct playback_extremes *extremes)
{
    merge(&g->line, extremes);
    merge(&g->report, extremes);
}

void gauge_line(struct gauge *g, struct playback_extremes *extremes)
{
    *extremes = g->line;
    g->line = none;
}

double gauge_budget_ns(const struct rx_status *rx, const struct clock_map *map)
{
    return hypot(map->uncertainty_ns, hypot(rx->card_sigma_ns, rx->error_ns));
}

static int32_t signed_of(double value)
{
    if (isnan(value))
        return TELEMETRY_UNKNOWN;
    return value < -INT32_MAX ? -INT32_MAX : value > INT32_MAX ? INT32_MAX : (int32_t)lround(value);
}

static uint32_t unsigned_of(double value)
{
    return !(value > 0) ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)llround(value);
}

static enum telemetry_state state_of(enum rx_state state)
{
    switch (state) {
    case RX_ARMED:
        return TELEMETRY_ARMED;
    case RX_PLAYING:
        return TELEMETRY_PLAYING;
    case RX_FADING:
        return TELEMETRY_FADING;
    case RX_IDLE:
        break;
    }
    return TELEMETRY_IDLE;
}

/* Those of errors stay 0 while nothing was played. */
static void fill_playout(const struct gauge *g, const struct gauge_on *on, struct telemetry *t)
{
    const struct distribution *now = &on->distributions->errors_ns, *before = &g->distributions.errors_ns;
    double median = distribution_quantile(now, before, 0.5);

    if (!isnan(median)) {
        t->error_median_ns = signed_of(median);
        t->error_p99_ns = unsigned_of(distribution_magnitude(now, before, 0.99));
        t->error_worst_ns = unsigned_of(g->report.error_worst_ns);
    }
    t->lead_min_us = signed_of(g->report.lead_min_ms * 1e3);
    t->lead_median_us =
        signed_of(distribution_quantile(&on->distributions->leads_us, &g->distributions.leads_us, 0.5));
    t->queued_min_us = isinf(g->report.queued_min_ms) ? 0 : unsigned_of(g->report.queued_min_ms * 1e3);
    t->channels = (uint8_t)on->channels;
    for (unsigned i = 0; i < on->channels; i++)
        t->peaks[i] = telemetry_peak((double)g->report.peaks[i]);
}

void gauge_telemetry(const struct gauge *g, const struct gauge_on *on, raw_ns now, struct telemetry *t)
{
    const struct rx_status *rx = &on->status->rx;
    const struct stream_counters *counters = &rx->stream.counters;

    *t = (struct telemetry){
        .state = on->witness ? TELEMETRY_WITNESS : state_of(rx->state),
        .clock_state = on->map->state,
        .device_present = on->status->card_present,
        .realtime = on->status->realtime,
        .refused = on->refused,
        .interval_ms = unsigned_of((double)(now.ns - g->reported.ns) / 1e6),
        .ptp_offset_ns = on->clock->proven ? signed_of((double)on->clock->offset_ns) : TELEMETRY_UNKNOWN,
        .uncertainty_ns = unsigned_of(on->map->uncertainty_ns),
        .budget_ns = unsigned_of(gauge_budget_ns(rx, on->map)),
        .resample_ppb = signed_of(rx->resample_ppm * 1e3),
        .card_ppb = signed_of(rx->card_ppm * 1e3),
        .lead_need_us = unsigned_of(rx->lead_need_ms * 1e3),
        .delay_us = unsigned_of((double)on->delay_ns / 1e3),
        .received = (uint32_t)counters->received,
        .lost = (uint32_t)counters->lost,
        .late = (uint32_t)rx->late,
        .duplicates = (uint32_t)counters->duplicates,
        .concealed = (uint32_t)(rx->concealed + rx->made_up),
        .xruns = (uint32_t)rx->xruns,
        .starts = (uint32_t)rx->starts,
        .clipped = (uint32_t)rx->clipped,
    };
    fill_playout(g, on, t);
}

void gauge_reported(struct gauge *g, const struct rx_distributions *distributions, raw_ns now)
{
    g->report = none;
    g->distributions = *distributions;
    g->reported = now;
}
