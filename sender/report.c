// SPDX-License-Identifier: GPL-3.0-or-later
#include "report.h"

#include <math.h>
#include <string.h>

#include "proto/host/clock.h"
#include "proto/host/log.h"

#define LEVEL_LEAST 1e-15 /* -150 dBFS */

void report_state(struct report *r, const struct tx_status *now)
{
    const struct tx_status *told = &r->told;
    bool page = r->state_told && now->pages != told->pages;

    if (r->state_told && now->state == told->state && !page)
        return;
    if (now->state == TX_WAITING)
        log_info("waiting for the clock and the input to be known");
    if (page) /* it may be over already */
        log_info("talking: page %llu", (unsigned long long)now->pages);
    else if (now->state == TX_RUNNING)
        log_info("sending");
    if (now->state == TX_STANDBY && now->pages > 0 && (page || told->state == TX_RUNNING))
        log_info("standby: page %llu is over", (unsigned long long)now->pages);
    else if (now->state == TX_STANDBY)
        log_info("standby: nothing is sent until somebody talks");
    r->state_told = true;
    r->told = *now;
}

static uint64_t unsent(const struct send_counters *c)
{
    return c->would_block + c->no_buffers + c->unreachable + c->other;
}

/* Counters that somebody should see to when they grow. */
static void tell_trouble(const struct report *r, const struct transmit_status *now,
                         const struct send_counters *net)
{
    const struct transmit_status *before = &r->before;

    if (now->overruns != before->overruns)
        log_warning("the sound input ran over (%llu times so far)", (unsigned long long)now->overruns);
    if (now->tx.starved != before->tx.starved)
        log_warning("the input did not deliver %llu frames in time: silence was sent",
                    (unsigned long long)(now->tx.starved - before->tx.starved));
    if (now->tx.skipped != before->tx.skipped)
        log_warning("%llu frames were not sent: the program was held up, or time was stepped",
                    (unsigned long long)(now->tx.skipped - before->tx.skipped));
    if (unsent(net) != unsent(&r->net_before))
        log_warning("%llu packets could not be sent: %s",
                    (unsigned long long)(unsent(net) - unsent(&r->net_before)), strerror(net->last_errno));
    if (now->tx.clipped != before->tx.clipped)
        log_warning("the input is too loud: %llu samples were clipped",
                    (unsigned long long)(now->tx.clipped - before->tx.clipped));
    if (now->card_present != before->card_present)
        log_warning(now->card_present ? "the sound input is back"
                                      : "the sound input is gone; looking for it");
}

static void write_line(struct stats *stats, const struct transmit_status *now,
                       const struct send_counters *net, const struct report_on *on)
{
    stats_begin(stats);
    stats_real(stats, "time_s", (double)clock_raw_now().ns / 1e9);
    stats_text(stats, "state", tx_state_name(now->tx.state));
    if (now->tx.gated) {
        stats_flag(stats, "talking", now->tx.state == TX_RUNNING);
        stats_count(stats, "pages", now->tx.pages);
        stats_real(stats, "since_s", (double)(clock_raw_now().ns - now->tx.since.ns) / 1e9);
        stats_real(stats, "level_dbfs", 10 * log10(fmax(now->tx.level, LEVEL_LEAST)));
    }
    stats_count(stats, "sent_packets", net->packets);
    stats_count(stats, "sent_octets", net->octets);
    stats_count(stats, "unsent_packets", unsent(net));
    stats_count(stats, "sent_frames", now->tx.frames);
    stats_count(stats, "starved_frames", now->tx.starved);
    stats_count(stats, "skipped_frames", now->tx.skipped);
    stats_count(stats, "clipped_samples", now->tx.clipped);
    stats_real(stats, "peak", now->tx.peak);
    stats_real(stats, "send_late_max_ms", now->tx.late_max_ms);
    if (transmit_device(on->transmit)) {
        stats_flag(stats, "device_present", now->card_present);
        stats_real(stats, "card_ppm", now->retime.card_ppm);
        stats_real(stats, "card_sigma_ns", now->retime.sigma_ns);
        stats_real(stats, "error_ns", now->retime.error_ns);
        stats_count(stats, "starts", now->retime.restarts);
        stats_count(stats, "overruns", now->overruns);
    }
    stats_flag(stats, "realtime", now->realtime);
    stats_real(stats, "wake_late_max_ms", now->wake_late_ms);
    stats_count(stats, "cycles", now->cycles);
    timekeeper_report(on->clock, stats);
    stats_count(stats, "reconnects", netwatch_reconnects(on->network));
    audience_report(on->audience, stats);
    announce_report(on->announce, stats);
    stats_end(stats);
}

static void tell_manager(const struct report_on *on, const struct report *r,
                         const struct transmit_status *now, const struct send_counters *net)
{
    size_t receivers = audience_count(on->audience);
    uint64_t lost = unsent(net) - unsent(&r->net_before);

    if (transmit_device(on->transmit) && !now->card_present)
        service_status(on->service, "the sound input is gone; sending silence as %s", on->stream);
    else if (*on->missing)
        service_status(on->service, "waiting for receivers: %s", on->missing);
    else if (now->tx.state == TX_WAITING)
        service_status(on->service, "waiting for the clock and the input to be known");
    else if (lost)
        service_status(on->service, "%llu packets a second cannot be sent: %s", (unsigned long long)lost,
                       strerror(net->last_errno));
    else if (now->tx.state == TX_STANDBY)
        service_status(on->service, "standby; ready to send %s, %zu receiver%s", on->stream, receivers,
                       receivers == 1 ? "" : "s");
    else
        service_status(on->service, "sending %s, %zu receiver%s", on->stream, receivers,
                       receivers == 1 ? "" : "s");
}

static void gather(const struct report_on *on, struct transmit_status *now, struct send_counters *net)
{
    transmit_get_status(on->transmit, now);
    transmit_clear_extremes(on->transmit);
    send_get_counters(on->sender, net);
}

void report_second(struct report *r, const struct report_on *on, struct stats *stats)
{
    struct transmit_status now;
    struct send_counters net;

    gather(on, &now, &net);
    report_state(r, &now.tx);
    if (r->spoken)
        tell_trouble(r, &now, &net);
    tell_manager(on, r, &now, &net);
    r->spoken = true;
    r->before = now;
    r->net_before = net;
    write_line(stats, &now, &net, on);
}

void report_last(struct report *r, const struct report_on *on, struct stats *stats)
{
    struct transmit_status now;
    struct send_counters net;

    gather(on, &now, &net);
    if (r->spoken)
        tell_trouble(r, &now, &net);
    write_line(stats, &now, &net, on);
}
