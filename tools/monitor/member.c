// SPDX-License-Identifier: GPL-3.0-or-later
#include "member.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"

#define NOT_PLAYING_MAX_NS (10 * NS_PER_S) /* a card takes a moment, a clock some seconds */
#define NEW_STREAM_NS      (10 * NS_PER_S)
#define LOSS_GRAVE_PERCENT 1.0 /* beyond, concealment is heard */

void member_begin(struct member *m, unsigned session)
{
    *m = (struct member){.used = true, .session = session};
    figure_history_clear(&m->view.errors);
    figure_history_clear(&m->view.headrooms);
    figure_history_clear(&m->view.losses);
}

void member_return(struct member *m)
{
    m->counted = m->interval.known = false;
}

/* Lost, late and duplicates begin anew with each stream, so going back is no wrap. */
static uint32_t grown(uint32_t now, uint32_t before)
{
    uint32_t by = now - before;

    return by <= INT32_MAX ? by : now;
}

static struct member_counts counts_of(const struct rtcp_report *report)
{
    const struct telemetry *t = &report->telemetry;

    if (report->has_telemetry)
        return (struct member_counts){.telemetry = true,
                                      .received = t->received,
                                      .lost = t->lost,
                                      .late = t->late,
                                      .xruns = t->xruns,
                                      .starts = t->starts};
    return (struct member_counts){
        .lost = (uint32_t)report->block.lost, .expected = report->block.highest, .ssrc = report->block.ssrc};
}

static struct member_interval interval_of(const struct member_counts *now, const struct member_counts *before)
{
    struct member_interval interval = {.known =
                                           now->telemetry == before->telemetry && now->ssrc == before->ssrc};
    int32_t lost;

    if (!interval.known)
        return interval;
    if (now->telemetry) {
        interval.lost = grown(now->lost, before->lost);
        interval.late = grown(now->late, before->late);
        interval.expected = grown(now->received, before->received) + interval.lost;
        interval.xruns = grown(now->xruns, before->xruns);
        interval.starts = grown(now->starts, before->starts);
    } else {
        /* duplicates may let it shrink */
        lost = (int32_t)(now->lost - before->lost);
        interval.lost = lost > 0 ? lost : 0;
        interval.expected = grown(now->expected, before->expected);
    }
    return interval;
}

void member_hear(struct member *m, const struct rtcp_report *report)
{
    struct member_counts counts;

    m->fresh = true;
    if (!report->has_telemetry && !report->has_block)
        return;
    counts = counts_of(report);
    m->interval.known = false;
    if (m->counted)
        m->interval = interval_of(&counts, &m->counts);
    m->counts = counts;
    m->counted = true;
}

static double loss_percent(const struct member_interval *interval)
{
    double bad = interval->lost + interval->late;

    if (!interval->known || interval->expected <= 0)
        return NAN;
    return fmin(100, 100 * bad / interval->expected);
}

static const char *state_word(const struct member *m, const struct roster_member *said)
{
    static const char *const words[] = {[TELEMETRY_IDLE] = "idle",
                                        [TELEMETRY_ARMED] = "armed",
                                        [TELEMETRY_PLAYING] = "playing",
                                        [TELEMETRY_FADING] = "fading",
                                        [TELEMETRY_WITNESS] = "present"};

    if (m->silent)
        return "silent";
    return said->has_telemetry ? words[said->telemetry.state] : "present";
}

static void show_unknown(struct view_receiver *v)
{
    v->error_us = v->error_p99_us = v->error_worst_us = v->budget_us = v->apart_us = NAN;
    v->resample_ppm = v->card_ppm = v->lead_min_ms = v->lead_median_ms = v->headroom_ms = NAN;
    v->queued_min_ms = v->delay_ms = v->loss_percent = v->jitter_us = NAN;
    v->lost = v->late = v->duplicates = v->concealed = v->xruns = v->starts = v->clipped = NAN;
    v->device_present = v->realtime = v->refused = false;
    v->channels = 0;
    v->clock = figure_no_clock();
}

static void show_telemetry(struct view_receiver *v, const struct telemetry *t, bool plays)
{
    figure_clock_state(&v->clock, t->clock_state);
    v->clock.offset_us = figure_us_of_ns(t->ptp_offset_ns);
    v->clock.uncertainty_us = t->uncertainty_ns / 1e3;
    if (plays) {
        v->error_us = t->error_median_ns / 1e3;
        v->error_p99_us = t->error_p99_ns / 1e3;
        v->error_worst_us = t->error_worst_ns / 1e3;
        v->budget_us = t->budget_ns / 1e3;
        v->resample_ppm = t->resample_ppb / 1e3;
        v->card_ppm = t->card_ppb / 1e3;
        v->headroom_ms = figure_ms_of_us(telemetry_headroom_us(t));
        v->queued_min_ms = t->queued_min_us / 1e3;
    }
    v->lead_min_ms = figure_ms_of_us(t->lead_min_us);
    v->lead_median_ms = figure_ms_of_us(t->lead_median_us);
    v->delay_ms = t->delay_us / 1e3;
    v->lost = t->lost;
    v->late = t->late;
    v->duplicates = t->duplicates;
    v->concealed = t->concealed;
    v->xruns = t->xruns;
    v->starts = t->starts;
    v->clipped = t->clipped;
    v->device_present = t->device_present;
    v->realtime = t->realtime;
    v->refused = t->refused;
    v->channels = t->channels;
    for (unsigned i = 0; i < t->channels; i++)
        v->peaks_db[i] = figure_db_of_peak(t->peaks[i]);
}

static void show_identity(struct view_receiver *v, const struct roster_member *said, raw_ns now)
{
    char device[ROSTER_CNAME_SIZE];

    roster_device(said, device, sizeof device);
    figure_text(v->name, sizeof v->name, roster_name(said));
    figure_text(v->host, sizeof v->host, roster_host(said));
    figure_text(v->device, sizeof v->device, device);
    figure_text(v->tool, sizeof v->tool, said->tool);
    figure_address(v->address, sizeof v->address, (uint32_t)said->source);
    v->ssrc = said->ssrc;
    v->age_s = (double)(now.ns - said->newest.ns) / 1e9;
    v->gap_s = said->gap_ns ? (double)said->gap_ns / 1e9 : NAN;
}

void member_show(struct member *m, const struct roster_member *said, const struct member_context *on)
{
    struct view_receiver *v = &m->view;

    m->silent = roster_silent(said, on->now);
    m->plays = said->has_telemetry && said->telemetry.state == TELEMETRY_PLAYING && !m->silent;
    show_unknown(v);
    show_identity(v, said, on->now);
    figure_text(v->state, sizeof v->state, state_word(m, said));
    v->telemetry = said->has_telemetry;
    if (v->telemetry)
        show_telemetry(v, &said->telemetry, m->plays);
    else if (said->has_block)
        v->lost = said->block.lost;
    if (said->has_clock)
        figure_clock(&v->clock, &said->clock);
    v->loss_percent = loss_percent(&m->interval);
    if (said->has_block && on->rate_hz)
        v->jitter_us = said->block.jitter * 1e6 / on->rate_hz;
    figure_history_add(&v->errors, m->fresh ? v->error_us : NAN);
    figure_history_add(&v->headrooms, m->fresh ? v->headroom_ms : NAN);
    figure_history_add(&v->losses, m->fresh ? v->loss_percent : NAN);
    m->fresh = false;
}

void member_add_device(struct member *m)
{
    char both[2 * VIEW_NAME_SIZE + 4];

    snprintf(both, sizeof both, "%s (%s)", m->view.name, m->view.device);
    figure_text(m->view.name, sizeof m->view.name, both);
}

static void judge_clock(struct member *m, const struct roster_member *said, const struct member_context *on)
{
    struct alarm *ptp = &m->alarms[VIEW_ALARM_PTP], *masters = &m->alarms[VIEW_ALARM_GRANDMASTERS];
    enum media_clock_state state = said->telemetry.clock_state;
    const char *which = on->of_sender ? "the sender" : "most";
    struct view_clock reference = {0};

    if (said->has_telemetry && state != MEDIA_CLOCK_LOCKED)
        alarm_raise(
            ptp, state == MEDIA_CLOCK_HOLDOVER || state == MEDIA_CLOCK_GM_CHANGED ? VIEW_WARNING : VIEW_ALARM,
            on->now, "its clock is not locked: %s", media_clock_state_name(state));
    else if (said->has_telemetry && said->has_clock && !said->clock.known)
        alarm_raise(ptp, VIEW_NOTE, on->now, "nothing proves its time: no grandmaster is known to it");
    if (!said->has_clock || !said->clock.known || !on->has_reference)
        return;
    figure_clock(&reference, &on->reference);
    if (said->clock.domain != on->reference.domain)
        alarm_raise(masters, VIEW_ALARM, on->now, "it is in PTP domain %u, %s in %u", said->clock.domain,
                    which, on->reference.domain);
    else if (said->clock.gm_id != on->reference.gm_id)
        alarm_raise(masters, VIEW_ALARM, on->now, "it follows grandmaster %s, %s %s",
                    m->view.clock.grandmaster, which, reference.grandmaster);
}

static void judge_playout(struct member *m, const struct member_context *on)
{
    const struct view_receiver *v = &m->view;
    const struct monitor_limits *limits = on->limits;

    if (fabs(v->apart_us) > limits->alignment_us)
        alarm_raise(&m->alarms[VIEW_ALARM_ALIGNMENT], VIEW_ALARM, on->now,
                    "plays %.1f us %s than the others; the limit is %g us", fabs(v->apart_us),
                    v->apart_us > 0 ? "later" : "earlier", limits->alignment_us);
    if (v->headroom_ms < limits->headroom_ms)
        alarm_raise(&m->alarms[VIEW_ALARM_HEADROOM], v->headroom_ms < 0 ? VIEW_ALARM : VIEW_WARNING, on->now,
                    "packets come %.2f ms before they are too late; the limit is %g ms", v->headroom_ms,
                    limits->headroom_ms);
}

static void judge_interval(struct member *m, const struct roster_member *said,
                           const struct member_context *on)
{
    const struct member_interval *i = &m->interval;
    double percent = m->view.loss_percent;

    if (!i->known)
        return;
    if (percent > on->limits->loss_percent)
        alarm_raise(&m->alarms[VIEW_ALARM_LOSS], percent > LOSS_GRAVE_PERCENT ? VIEW_ALARM : VIEW_WARNING,
                    on->now, "%.0f packets lost and %.0f late of %.0f (%.2f %%); the limit is %g %%", i->lost,
                    i->late, i->expected, percent, on->limits->loss_percent);
    if (i->xruns)
        alarm_raise(&m->alarms[VIEW_ALARM_XRUN], VIEW_ALARM, on->now, "its card ran dry, %u times", i->xruns);
    /* with a new stream, and each page, all begin anew */
    else if (i->starts && m->view.starts > 1 &&
             on->now.ns - on->sound_since.ns > NEW_STREAM_NS + 2 * said->gap_ns)
        alarm_raise(&m->alarms[VIEW_ALARM_XRUN], VIEW_ALARM, on->now,
                    "it lost its place and started anew, %u times", i->starts);
}

/* A loudspeaker that is silent while there is sound, and nothing else says why. */
static void judge_silence(struct member *m, const struct roster_member *said, const struct member_context *on)
{
    bool idle = said->has_telemetry && !m->plays && on->on_air;

    if (!idle)
        m->not_playing.ns = 0;
    else if (!m->not_playing.ns)
        m->not_playing = on->now;
    if (!idle || on->now.ns - m->not_playing.ns < NOT_PLAYING_MAX_NS)
        return;
    alarm_raise(&m->alarms[VIEW_ALARM_STREAM], VIEW_ALARM, on->now, "%s",
                said->telemetry.refused ? "refuses the stream: it is of another PTP domain"
                                        : "does not play, though the stream is on the air");
}

void member_judge(struct member *m, const struct roster_member *said, const struct member_context *on)
{
    if (m->silent) {
        alarm_raise(&m->alarms[VIEW_ALARM_MISSING], VIEW_ALARM, on->now,
                    "not heard for %.0f s, and it did not say goodbye", m->view.age_s);
    } else {
        judge_clock(m, said, on);
        judge_playout(m, on);
        judge_interval(m, said, on);
        judge_silence(m, said, on);
        if (said->has_telemetry && !said->telemetry.device_present)
            alarm_raise(&m->alarms[VIEW_ALARM_DEVICE], VIEW_ALARM, on->now, "its sound card %s is not there",
                        m->view.device);
    }
    alarms_settle(m->alarms, on->now, on->time_s);
    m->view.level = alarms_level(m->alarms);
}

bool member_is_called(const struct roster_member *said, const char *name)
{
    return !strcmp(name, roster_name(said)) || !strcmp(name, roster_host(said)) || !strcmp(name, said->cname);
}
