// SPDX-License-Identifier: GPL-3.0-or-later
#include "report.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>

#include "proto/host/clock.h"
#include "proto/host/log.h"

/* One stream, as it is now. */
struct line {
    const struct listener *listener;
    struct playback_status now;
    struct playback_extremes worst; /* since the line before */
};

/* ---- the log --------------------------------------------------------------------------------------- */

static void tell_state(const char *label, const struct playback_status *now)
{
    const struct stream_claim *c = &now->rx.stream.claim;
    struct in_addr from = {(in_addr_t)c->source};
    const char *codec = rtp_codec_name(c->codec);

    switch (now->rx.state) {
    case RX_PLAYING:
        log_info("%splaying %s, %u Hz, %u channels from %s (SSRC %08x), latency %.3f ms", label,
                 codec ? codec : "?", c->rate_hz, c->channels, inet_ntoa(from), c->ssrc,
                 (double)now->rx.link_ns / 1e6);
        break;
    case RX_ARMED:
        log_info("%sstream found; waiting for card and clock to be known", label);
        break;
    case RX_IDLE:
        log_info("%sno stream: silence", label);
        break;
    case RX_FADING:
        break;
    }
}

/* Once for each; they are 4 to 15, or -1. */
static void tell_unknown_codec(struct report *r, int codec)
{
    char known[128] = "";
    size_t used = 0;

    if (codec < 0 || r->told_codecs >> codec & 1)
        return;
    r->told_codecs |= 1u << codec;
    for (unsigned i = 0; rtp_codec_known(i) && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s (%u)", i ? ", " : "",
                                 rtp_codec_name(i), i);
    log_warning("a stream of codec %d, which is not known here, cannot be played; known are %s", codec,
                known);
}

/* What the codes say that PROTOCOL.md keeps for later. */
static const char *reserved_rate(int code)
{
    return code == 5 ? ", 176400 Hz," : code == 6 ? ", 192000 Hz," : code == 7 ? ", 32000 Hz," : ",";
}

/* Likewise; they are 5 to 15, or 0. */
static void tell_unknown_rate(struct report *r, int code)
{
    char known[128] = "";
    size_t used = 0;

    if (code <= 0 || r->told_rates >> code & 1)
        return;
    r->told_rates |= 1u << code;
    for (unsigned i = 1; rtp_rate_of_code(i) && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%u Hz (%u)", i > 1 ? ", " : "",
                                 (unsigned)rtp_rate_of_code(i), i);
    log_warning("a stream of rate code %d%s which is not known here, cannot be played; known are %s", code,
                reserved_rate(code), known);
}

/* Packets that somebody should see to when they come. */
static void tell_packets(const char *label, const struct rx_status *a, const struct rx_status *b)
{
    if (b->absurd != a->absurd)
        log_warning("%s%llu packets with impossible presentation times: are both ends on the same clock?",
                    label, (unsigned long long)(b->absurd - a->absurd));
    if (b->malformed != a->malformed)
        log_warning(
            "%s%llu packets are malformed: their lengths contradict, or they are of Opus at another rate "
            "than 48000 Hz or with more than 2 channels",
            label, (unsigned long long)(b->malformed - a->malformed));
}

/* Likewise, of the sound. */
static void tell_sound(const char *label, const struct rx_status *a, const struct rx_status *b,
                       double lead_min_ms)
{
    uint64_t concealed = b->concealed + b->made_up - a->concealed - a->made_up;

    if (concealed)
        log_warning("%s%.1f ms of sound did not come in time and were concealed", label,
                    (double)concealed * 1e3 / (b->stream.claim.rate_hz ? b->stream.claim.rate_hz : 48000));
    /* at a start, some of what has gathered is past its time: nobody has to see to that */
    if (b->late != a->late && b->starts == a->starts && b->state == RX_PLAYING)
        log_warning("%s%llu packets came too late to be played: network, clocks, or too small a --latency",
                    label, (unsigned long long)(b->late - a->late));
    if (b->state == RX_ARMED && a->state == RX_ARMED && lead_min_ms < b->lead_need_ms)
        log_warning(
            "%spackets come only %.2f ms ahead of their time and %.2f ms are needed here: raise the sender's "
            "--latency, or take --resampler fastest",
            label, lead_min_ms, b->lead_need_ms);
    if (b->early != a->early)
        log_warning(
            "%s%llu packets lie further ahead than there is room for: %u channels at %u Hz may have a "
            "latency of %.0f ms at most, --delay included",
            label, (unsigned long long)(b->early - a->early), b->stream.claim.channels,
            b->stream.claim.rate_hz, floor((double)b->room_ns / 1e6));
}

/* Likewise, of the card, which all streams have in common. */
static void tell_card(const struct playback_status *before, const struct playback_status *now)
{
    if (now->rx.xruns != before->rx.xruns)
        log_warning(
            "the sound device ran dry (%llu times so far): a larger --latency at the sender would cover it",
            (unsigned long long)now->rx.xruns);
    if (now->card_present != before->card_present)
        log_warning(now->card_present ? "the sound device is back"
                                      : "the sound device is gone; looking for it");
}

/* When it `ends`, that there is no stream is no news. Of its sound a recording tells itself. */
static void tell(struct report *r, const struct report_on *on, const struct line *lines, bool ends)
{
    const bool sound = !on->silent;

    if (r->spoken && sound)
        tell_card(&r->before[0], &lines[0].now);
    for (unsigned i = 0; i < on->count; i++) {
        const struct rx_status *before = &r->before[i].rx, *now = &lines[i].now.rx;
        const char *label = lines[i].listener->label;

        if (sound && !ends && (!r->spoken || now->state != before->state || now->starts != before->starts))
            tell_state(label, &lines[i].now);
        if (r->spoken && sound)
            tell_sound(label, before, now, lines[i].worst.lead_min_ms);
        if (r->spoken)
            tell_packets(label, before, now);
        tell_unknown_codec(r, now->unknown_codec);
        tell_unknown_rate(r, now->unknown_rate);
        r->before[i] = lines[i].now;
    }
    r->spoken = true;
}

/* ---- statistics ------------------------------------------------------------------------------------- */

static void write_format(struct stats *stats, const struct rx_status *rx)
{
    const struct stream_claim *c = &rx->stream.claim;
    const char *codec = rtp_codec_name(c->codec);
    char unknown[12] = "", unknown_rate[12] = "";

    if (rx->unknown_codec >= 0)
        snprintf(unknown, sizeof unknown, "%d", rx->unknown_codec);
    if (rx->unknown_rate > 0)
        snprintf(unknown_rate, sizeof unknown_rate, "%d", rx->unknown_rate);
    stats_text(stats, "codec", rx->stream.locked && codec ? codec : "");
    stats_count(stats, "rate_hz", rx->stream.locked ? c->rate_hz : 0);
    stats_count(stats, "channels", rx->stream.locked ? c->channels : 0);
    stats_text(stats, "unknown_codec", unknown);
    stats_text(stats, "unknown_rate", unknown_rate);
    stats_count(stats, "ssrc", rx->stream.locked ? c->ssrc : 0);
    stats_real(stats, "latency_ms", (double)rx->link_ns / 1e6);
    stats_count(stats, "received_packets", rx->stream.counters.received);
    stats_count(stats, "lost_packets", rx->stream.counters.lost);
    stats_count(stats, "duplicate_packets", rx->stream.counters.duplicates);
    stats_count(stats, "reordered_packets", rx->stream.counters.reordered);
    stats_real(stats, "jitter_us", rx->stream.counters.jitter_ns / 1e3);
}

/* What each stream has of its own. */
static void write_stream(struct stats *stats, const struct line *line, const struct clock_map *map)
{
    const struct rx_status *rx = &line->now.rx;
    const struct listener *l = line->listener;
    struct recv_counters net;

    recv_get_counters(l->receiver, &net);
    stats_text(stats, "state", !l->playback && rx->state != RX_IDLE ? "recording" : rx_state_name(rx->state));
    write_format(stats, rx);
    stats_real(stats, "lead_min_ms", line->worst.lead_min_ms);
    stats_real(stats, "error_ns", rx->error_ns);
    stats_real(stats, "error_worst_ns", line->worst.error_worst_ns);
    stats_real(stats, "error_budget_us", gauge_budget_ns(rx, map) / 1e3);
    stats_real(stats, "resample_ppm", rx->resample_ppm);
    stats_count(stats, "played_frames", rx->played);
    stats_count(stats, "concealed_frames", rx->concealed);
    stats_count(stats, "made_up_frames", rx->made_up);
    stats_count(stats, "recovered_frames", rx->recovered);
    stats_count(stats, "starts", rx->starts);
    stats_count(stats, "late_packets", rx->late);
    stats_count(stats, "early_packets", rx->early);
    stats_count(stats, "absurd_packets", rx->absurd);
    stats_count(stats, "foreign_packets", rx->foreign);
    stats_count(stats, "malformed_packets", rx->malformed);
    stats_count(stats, "truncated_packets", net.truncated);
    stats_count(stats, "overflowed_packets", net.overflows);
    vouch_report(&l->vouch, stats);
    follow_report(l->follow, stats);
    record_report(l->record, stats);
}

static void write_control(struct stats *stats, const struct control *control)
{
    struct control_counters rtcp;

    control_get_counters(control, &rtcp);
    stats_count(stats, "rtcp_members", rtcp.members);
    stats_count(stats, "rtcp_heard", rtcp.reports);
    stats_count(stats, "rtcp_others", rtcp.others);
    stats_count(stats, "rtcp_malformed", rtcp.malformed + rtcp.foreign);
    stats_count(stats, "rtcp_sent", rtcp.sent);
    stats_count(stats, "rtcp_unsent", rtcp.unsent);
}

static void write_streams(struct stats *stats, const struct line *lines, unsigned count,
                          const struct clock_map *map)
{
    stats_array_begin(stats, "streams");
    for (unsigned i = 0; i < count; i++) {
        const struct listener *l = lines[i].listener;

        stats_object_begin(stats);
        stats_text(stats, "name", l->config.selection->name);
        stats_flag(stats, "page", lines[i].now.rx.page);
        stats_real(stats, "ducked_db", lines[i].now.rx.ducked_db);
        stats_real(stats, "gain_db", 20 * log10(l->settings.gain));
        stats_flag(stats, "muted", l->settings.mute);
        stats_real(stats, "own_delay_ms", (double)l->settings.delay_ns / 1e6);
        write_stream(stats, &lines[i], map);
        write_control(stats, l->vouch.control);
        stats_object_end(stats);
    }
    stats_array_end(stats);
}

static void write_card(struct stats *stats, const struct playback_status *now,
                       const struct playback_extremes *worst)
{
    const struct rx_status *rx = &now->rx;

    stats_real(stats, "lead_need_ms", rx->lead_need_ms);
    stats_real(stats, "card_ppm", rx->card_ppm);
    stats_real(stats, "card_sigma_ns", rx->card_sigma_ns);
    stats_real(stats, "queued_min_ms", worst->queued_min_ms);
    stats_count(stats, "clipped_samples", rx->clipped);
    stats_count(stats, "xruns", rx->xruns);
    stats_flag(stats, "device_present", now->card_present);
    stats_flag(stats, "realtime", now->realtime);
    stats_real(stats, "wake_late_max_ms", worst->wake_late_ms);
    stats_count(stats, "cycles", now->cycles);
}

/* The array comes first: who looks for the last member of a name finds the one of the line itself. */
static void write_line(struct stats *stats, const struct line *lines, const struct report_on *on)
{
    const struct clock_map *map = timekeeper_map(on->clock);

    stats_begin(stats);
    stats_real(stats, "time_s", (double)clock_raw_now().ns / 1e9);
    if (on->count > 1)
        write_streams(stats, lines, on->count, map);
    write_stream(stats, &lines[0], map);
    write_card(stats, &lines[0].now, &lines[0].worst);
    timekeeper_report(on->clock, stats);
    stats_count(stats, "reconnects", netwatch_reconnects(on->network));
    write_control(stats, lines[0].listener->vouch.control);
    stats_end(stats);
}

/* ---- the service manager --------------------------------------------------------------------------- */

/* ", headroom 3.2 ms", or nothing while that is not known. */
static void headroom_text(double headroom_ms, char text[32])
{
    text[0] = '\0';
    if (isfinite(headroom_ms))
        snprintf(text, 32, ", headroom %.1f ms", headroom_ms);
}

static double headroom_of(const struct line *line)
{
    return fmin(line->worst.queued_min_ms, line->worst.lead_min_ms - line->now.rx.lead_need_ms);
}

static void tell_manager_playing(const struct report_on *on, const struct line *line)
{
    const struct rx_status *rx = &line->now.rx;
    const struct stream_claim *c = &rx->stream.claim;
    const char *codec = rtp_codec_name(c->codec);
    char headroom[32];

    headroom_text(headroom_of(line), headroom);
    service_status(on->service, "playing %s %g kHz %u ch from %s, in step to %.1f us%s", codec ? codec : "?",
                   c->rate_hz / 1e3, c->channels, inet_ntoa((struct in_addr){(in_addr_t)c->source}),
                   gauge_budget_ns(rx, timekeeper_map(on->clock)) / 1e3, headroom);
}

/* Of several, the worst of those that play. */
static void tell_manager_several(const struct report_on *on, const struct line *lines, unsigned playing)
{
    const struct clock_map *map = timekeeper_map(on->clock);
    double budget_ns = 0, headroom_ms = INFINITY;
    char headroom[32];

    for (unsigned i = 0; i < on->count; i++)
        if (lines[i].now.rx.state == RX_PLAYING) {
            budget_ns = fmax(budget_ns, gauge_budget_ns(&lines[i].now.rx, map));
            headroom_ms = fmin(headroom_ms, headroom_of(&lines[i]));
        }
    headroom_text(headroom_ms, headroom);
    service_status(on->service, "playing %u of %u streams, in step to %.1f us%s", playing, on->count,
                   budget_ns / 1e3, headroom);
}

static void tell_manager_recording(const struct report_on *on)
{
    const struct listener *l = on->listeners;
    struct record_status s;

    while (!l->record)
        l++;
    record_get_status(l->record, &s);
    service_status(on->service, "%s%s%s", record_state_name(s.state), *s.file ? ": " : "", s.file);
}

static void tell_manager(const struct report_on *on, const struct line *lines)
{
    const enum rx_state state = lines[0].now.rx.state;
    const char *text = "no stream";
    unsigned playing = 0;

    for (unsigned i = 0; i < on->count; i++)
        playing += lines[i].now.rx.state == RX_PLAYING;
    if (!lines[0].now.card_present)
        text = "the sound device is gone; looking for it";
    else if (on->count > 1 && playing > 0) {
        tell_manager_several(on, lines, playing);
        return;
    } else if (on->listeners[0].vouch.refused)
        text = "silent: the sender is of another PTP domain";
    else if (state == RX_ARMED)
        text = "stream found; waiting for card and clock to be known";
    else if (state != RX_IDLE) {
        tell_manager_playing(on, &lines[0]);
        return;
    }
    service_status(on->service, "%s", text);
}

static void gather(const struct report_on *on, struct line *lines)
{
    for (unsigned i = 0; i < on->count; i++) {
        lines[i].listener = &on->listeners[i];
        listener_get_status(&on->listeners[i], &lines[i].now);
        gauge_line(&on->listeners[i].gauge, &lines[i].worst);
    }
}

void report_second(struct report *r, const struct report_on *on, struct stats *stats)
{
    struct line lines[RX_VOICES_MAX] = {0};

    gather(on, lines);
    tell(r, on, lines, false);
    if (on->silent)
        tell_manager_recording(on);
    else
        tell_manager(on, lines);
    write_line(stats, lines, on);
}

void report_last(struct report *r, const struct report_on *on, struct stats *stats)
{
    struct line lines[RX_VOICES_MAX] = {0};

    gather(on, lines);
    tell(r, on, lines, true);
    write_line(stats, lines, on);
}
