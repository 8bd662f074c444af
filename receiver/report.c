// SPDX-License-Identifier: GPL-3.0-or-later
#include "report.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>

#include "proto/host/clock.h"
#include "proto/host/log.h"

static void tell_state(const struct playback_status *now)
{
    const struct stream_claim *c = &now->rx.stream.claim;
    struct in_addr from = {(in_addr_t)c->source};
    const char *codec = rtp_codec_name(c->codec);

    switch (now->rx.state) {
    case RX_PLAYING:
        log_info("playing %s, %u Hz, %u channels from %s (SSRC %08x), latency %.3f ms", codec ? codec : "?",
                 c->rate_hz, c->channels, inet_ntoa(from), c->ssrc, (double)now->rx.link_ns / 1e6);
        break;
    case RX_ARMED:
        log_info("stream found; waiting for card and clock to be known");
        break;
    case RX_IDLE:
        log_info("no stream: silence");
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

/* Counters that somebody should see to when they grow. */
static void tell_trouble(const struct playback_status *before, const struct playback_status *now,
                         double lead_min_ms)
{
    const struct rx_status *a = &before->rx, *b = &now->rx;

    if (b->xruns != a->xruns)
        log_warning(
            "the sound device ran dry (%llu times so far): a larger --latency at the sender would cover it",
            (unsigned long long)b->xruns);
    uint64_t concealed = b->concealed + b->made_up - a->concealed - a->made_up;

    if (concealed)
        log_warning("%.1f ms of sound did not come in time and were concealed",
                    (double)concealed * 1e3 / (b->stream.claim.rate_hz ? b->stream.claim.rate_hz : 48000));
    /* at a start, some of what has gathered is past its time: nobody has to see to that */
    if (b->late != a->late && b->starts == a->starts && b->state == RX_PLAYING)
        log_warning("%llu packets came too late to be played: network, clocks, or too small a --latency",
                    (unsigned long long)(b->late - a->late));
    if (b->state == RX_ARMED && a->state == RX_ARMED && lead_min_ms < b->lead_need_ms)
        log_warning(
            "packets come only %.2f ms ahead of their time and %.2f ms are needed here: raise the sender's "
            "--latency, or take --resampler fastest",
            lead_min_ms, b->lead_need_ms);
    if (b->absurd != a->absurd)
        log_warning("%llu packets with impossible presentation times: are both ends on the same clock?",
                    (unsigned long long)(b->absurd - a->absurd));
    if (now->card_present != before->card_present)
        log_warning(now->card_present ? "the sound device is back"
                                      : "the sound device is gone; looking for it");
}

static void write_stream(struct stats *stats, const struct rx_status *rx)
{
    const struct stream_claim *c = &rx->stream.claim;
    const char *codec = rtp_codec_name(c->codec);
    char unknown[12] = "";

    if (rx->unknown_codec >= 0)
        snprintf(unknown, sizeof unknown, "%d", rx->unknown_codec);
    stats_text(stats, "codec", rx->stream.locked && codec ? codec : "");
    stats_count(stats, "rate_hz", rx->stream.locked ? c->rate_hz : 0);
    stats_count(stats, "channels", rx->stream.locked ? c->channels : 0);
    stats_text(stats, "unknown_codec", unknown);
    stats_count(stats, "ssrc", rx->stream.locked ? c->ssrc : 0);
    stats_real(stats, "latency_ms", (double)rx->link_ns / 1e6);
    stats_count(stats, "received_packets", rx->stream.counters.received);
    stats_count(stats, "lost_packets", rx->stream.counters.lost);
    stats_count(stats, "duplicate_packets", rx->stream.counters.duplicates);
    stats_count(stats, "reordered_packets", rx->stream.counters.reordered);
    stats_real(stats, "jitter_us", rx->stream.counters.jitter_ns / 1e3);
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

static void write_line(struct stats *stats, const struct playback_status *now,
                       const struct playback_extremes *worst, const struct report_on *on)
{
    const struct rx_status *rx = &now->rx;
    struct recv_counters net;

    recv_get_counters(on->receiver, &net);
    stats_begin(stats);
    stats_real(stats, "time_s", (double)clock_raw_now().ns / 1e9);
    stats_text(stats, "state", rx_state_name(rx->state));
    write_stream(stats, rx);
    stats_real(stats, "lead_min_ms", worst->lead_min_ms);
    stats_real(stats, "lead_need_ms", rx->lead_need_ms);
    stats_real(stats, "error_ns", rx->error_ns);
    stats_real(stats, "error_worst_ns", worst->error_worst_ns);
    stats_real(stats, "error_budget_us", gauge_budget_ns(rx, timekeeper_map(on->clock)) / 1e3);
    stats_real(stats, "card_ppm", rx->card_ppm);
    stats_real(stats, "card_sigma_ns", rx->card_sigma_ns);
    stats_real(stats, "resample_ppm", rx->resample_ppm);
    stats_real(stats, "queued_min_ms", worst->queued_min_ms);
    stats_count(stats, "played_frames", rx->played);
    stats_count(stats, "concealed_frames", rx->concealed);
    stats_count(stats, "made_up_frames", rx->made_up);
    stats_count(stats, "recovered_frames", rx->recovered);
    stats_count(stats, "clipped_samples", rx->clipped);
    stats_count(stats, "starts", rx->starts);
    stats_count(stats, "xruns", rx->xruns);
    stats_count(stats, "late_packets", rx->late);
    stats_count(stats, "early_packets", rx->early);
    stats_count(stats, "absurd_packets", rx->absurd);
    stats_count(stats, "foreign_packets", rx->foreign);
    stats_count(stats, "malformed_packets", rx->malformed);
    stats_count(stats, "truncated_packets", net.truncated);
    stats_count(stats, "overflowed_packets", net.overflows);
    stats_flag(stats, "device_present", now->card_present);
    stats_flag(stats, "realtime", now->realtime);
    stats_real(stats, "wake_late_max_ms", worst->wake_late_ms);
    stats_count(stats, "cycles", now->cycles);
    timekeeper_report(on->clock, stats);
    vouch_report(on->vouch, stats);
    follow_report(on->follow, stats);
    stats_count(stats, "reconnects", netwatch_reconnects(on->network));
    write_control(stats, on->vouch->control);
    stats_end(stats);
}

static void tell_manager_playing(const struct report_on *on, const struct rx_status *rx,
                                 const struct playback_extremes *worst)
{
    const struct stream_claim *c = &rx->stream.claim;
    const char *codec = rtp_codec_name(c->codec);
    double headroom_ms = fmin(worst->queued_min_ms, worst->lead_min_ms - rx->lead_need_ms);
    char headroom[32] = "";

    if (isfinite(headroom_ms))
        snprintf(headroom, sizeof headroom, ", headroom %.1f ms", headroom_ms);
    service_status(on->service, "playing %s %g kHz %u ch from %s, in step to %.1f us%s", codec ? codec : "?",
                   c->rate_hz / 1e3, c->channels, inet_ntoa((struct in_addr){(in_addr_t)c->source}),
                   gauge_budget_ns(rx, timekeeper_map(on->clock)) / 1e3, headroom);
}

static void tell_manager(const struct report_on *on, const struct playback_status *now,
                         const struct playback_extremes *worst)
{
    const char *text = "no stream";

    if (!now->card_present)
        text = "the sound device is gone; looking for it";
    else if (on->vouch->refused)
        text = "silent: the sender is of another PTP domain";
    else if (now->rx.state == RX_ARMED)
        text = "stream found; waiting for card and clock to be known";
    else if (now->rx.state != RX_IDLE) {
        tell_manager_playing(on, &now->rx, worst);
        return;
    }
    service_status(on->service, "%s", text);
}

void report_second(struct report *r, const struct report_on *on, struct stats *stats)
{
    struct playback_status now;
    struct playback_extremes worst;

    playback_get_status(on->playback, &now);
    gauge_line(on->gauge, &worst);
    if (!r->spoken || now.rx.state != r->before.rx.state || now.rx.starts != r->before.rx.starts)
        tell_state(&now);
    if (r->spoken)
        tell_trouble(&r->before, &now, worst.lead_min_ms);
    tell_unknown_codec(r, now.rx.unknown_codec);
    tell_manager(on, &now, &worst);
    r->spoken = true;
    r->before = now;
    write_line(stats, &now, &worst, on);
}
