// SPDX-License-Identifier: GPL-3.0-or-later
#include "testimony.h"

#include <math.h>
#include <string.h>

#include "figures.h"
#include "witness.h"

static const char cname[] = "witness@monitor";

static int32_t whole(double x)
{
    return isnan(x) || fabs(x) > INT32_MAX ? TELEMETRY_UNKNOWN : (int32_t)lround(x);
}

static uint32_t count(double x)
{
    return x > 0 && x < UINT32_MAX ? (uint32_t)lround(x) : 0;
}

static enum media_clock_state state_of(const char *name)
{
    for (unsigned state = MEDIA_CLOCK_NO_PTP; state <= MEDIA_CLOCK_GM_CHANGED; state++)
        if (!strcmp(media_clock_state_name(state), name))
            return state;
    return MEDIA_CLOCK_NO_PTP;
}

static uint64_t id_of(const char *text)
{
    uint64_t id = 0;

    for (; *text; text++)
        if (*text != '-')
            id = id << 4 | (uint64_t)(*text <= '9' ? *text - '0' : *text - 'A' + 10);
    return id;
}

static void give_peaks(const struct view_witness *w, struct telemetry *t)
{
    t->channels = (uint8_t)w->channels;
    for (unsigned i = 0; i < w->channels; i++)
        t->peaks[i] = telemetry_peak(isinf(w->peaks_db[i]) ? 0 : pow(10, w->peaks_db[i] / 20));
}

void testimony_give(const struct view_stream *stream, const struct view_clock *clock,
                    struct rtcp_report *report)
{
    const struct view_witness *w = &stream->witness;
    struct telemetry *t = &report->telemetry;

    *report = (struct rtcp_report){
        .ssrc = TESTIMONY_SSRC,
        .has_block = true,
        .block = {.ssrc = stream->ssrc,
                  .fraction_lost = (uint8_t)fmin(255, isnan(w->loss_percent) ? 0 : w->loss_percent * 2.56),
                  .lost = whole(fmin(w->lost, 0x7fffff)),
                  .jitter = isnan(w->jitter_us) ? 0 : count(w->jitter_us * stream->rate_hz / 1e6)},
        .cname_len = sizeof cname - 1,
        .has_clock = true,
        .clock = {.known = clock->known,
                  .holdover = clock->holdover,
                  .domain = (uint8_t)clock->domain,
                  .gm_id = clock->known ? id_of(clock->grandmaster) : 0},
        .has_telemetry = true,
        .telemetry = {.state = TELEMETRY_WITNESS,
                      .clock_state = state_of(clock->state),
                      .interval_ms = 1000,
                      .ptp_offset_ns = whole(clock->offset_us * 1e3),
                      .uncertainty_ns = count(clock->uncertainty_us * 1e3),
                      .error_worst_ns = count(w->jitter_worst_us * 1e3),
                      .lead_min_us = whole(w->lead_min_ms * 1e3),
                      .lead_median_us = whole(w->lead_median_ms * 1e3),
                      .lost = count(w->lost),
                      .duplicates = count(w->duplicates),
                      .received = count(w->packets_per_s),
                      .refused = !w->honest},
    };
    memcpy(report->cname, cname, sizeof cname);
    memcpy(report->name, w->dishonest, sizeof w->dishonest);
    if (w->hears)
        give_peaks(w, t);
}

bool testimony_is(const struct rtcp_report *report)
{
    return report->ssrc == TESTIMONY_SSRC && report->has_telemetry &&
           report->telemetry.state == TELEMETRY_WITNESS;
}

void testimony_take(struct testimony *t, const struct rtcp_report *report, raw_ns at)
{
    if (!t->heard) {
        figure_history_clear(&t->leads);
        figure_history_clear(&t->losses);
    }
    t->lost = 0;
    if (t->sounded && report->telemetry.lost > t->report.telemetry.lost)
        t->lost = report->telemetry.lost - t->report.telemetry.lost;
    t->heard = true;
    t->sounded = t->sounded || report->telemetry.received > 0;
    t->at = at;
    t->report = *report;
}

void testimony_show(struct testimony *t, uint32_t rate_hz, double latency_ms, double bytes,
                    struct view_witness *view, raw_ns now)
{
    const struct telemetry *said = &t->report.telemetry;

    witness_nothing(view);
    if (!t->heard || now.ns - t->at.ns > 2 * NS_PER_S)
        return;
    view->hears = said->received > 0;
    view->timed = said->clock_state == MEDIA_CLOCK_LOCKED;
    view->packets_per_s = said->received;
    view->bits_per_s = said->received * bytes * 8;
    if (t->sounded) {
        view->lost = said->lost;
        view->duplicates = said->duplicates;
    }
    if (view->hears) {
        view->loss_percent = 100.0 * t->lost / ((double)said->received + t->lost);
        view->jitter_us = rate_hz ? t->report.block.jitter * 1e6 / rate_hz : NAN;
        view->jitter_worst_us = said->error_worst_ns / 1e3;
    }
    view->lead_min_ms = figure_ms_of_us(said->lead_min_us);
    view->lead_median_ms = figure_ms_of_us(said->lead_median_us);
    view->sent_after_ms = latency_ms - view->lead_median_ms;
    view->honest = !said->refused;
    if (said->refused)
        figure_text(view->dishonest, sizeof view->dishonest,
                    *t->report.name ? t->report.name : "nobody said why");
    view->channels = said->channels;
    for (unsigned i = 0; i < said->channels; i++)
        view->peaks_db[i] = figure_db_of_peak(said->peaks[i]);
    figure_history_add(&t->leads, view->lead_min_ms);
    figure_history_add(&t->losses, view->loss_percent);
    view->leads = t->leads;
    view->losses = t->losses;
}
