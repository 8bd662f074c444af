// SPDX-License-Identifier: GPL-3.0-or-later
#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "report.h"

enum { BAR_WIDTH = 40 };

static double ms(int64_t ns)
{
    return (double)ns / 1e6;
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* One line, under a heading: "sequence    60000 packets ..." */
__attribute__((format(printf, 3, 4))) static void line(FILE *out, const char *heading, const char *format,
                                                       ...)
{
    va_list args;

    fprintf(out, "%-11s ", heading);
    va_start(args, format);
    vfprintf(out, format, args);
    va_end(args);
    fputc('\n', out);
}

/* What is there shows, if only by one sign. */
static void bar(FILE *out, const char *label, uint64_t count, uint64_t whole)
{
    int width = (int)lround(BAR_WIDTH * percent(count, whole) / 100);

    fprintf(out, "            %-24s %11" PRIu64 "  %8.4f %%  %.*s\n", label, count, percent(count, whole),
            count && !width ? 1 : width, "########################################");
}

static const char *duration(int64_t ns, char text[24])
{
    if (ns % NS_PER_MS == 0)
        snprintf(text, 24, "%" PRId64 " ms", ns / NS_PER_MS);
    else
        snprintf(text, 24, "%" PRId64 " us", ns / NS_PER_US);
    return text;
}

/* The bars from the first to the last that count something. */
static void table(FILE *out, const struct bars *b)
{
    unsigned first = 0, last = b->count;
    uint64_t whole = 0;
    char label[64], from[24], to[24];

    for (unsigned i = 0; i <= b->count; i++)
        whole += b->bar[i];
    while (first < b->count && !b->bar[first])
        first++;
    while (last > first && !b->bar[last])
        last--;
    for (unsigned i = first; whole && i <= last; i++) {
        if (i == 0)
            snprintf(label, sizeof label, "below %s", duration(b->edges[0], to));
        else if (i == b->count)
            snprintf(label, sizeof label, "%s and more", duration(b->edges[i - 1], from));
        else
            snprintf(label, sizeof label, "%s to %s", duration(b->edges[i - 1], from),
                     duration(b->edges[i], to));
        bar(out, label, b->bar[i], whole);
    }
}

static void tell_stream(FILE *out, const struct replay *r)
{
    const struct catalogue_stream *s = r->stream;
    const struct format *f = &r->format;
    struct in_addr to = {htonl(s->destination)}, from = {htonl(s->source)};
    char destination[INET_ADDRSTRLEN], source[INET_ADDRSTRLEN];
    const char *name = r->declared.name[0] ? r->declared.name : s->name;

    inet_ntop(AF_INET, &to, destination, sizeof destination);
    inet_ntop(AF_INET, &from, source, sizeof source);
    line(out, "stream", "%s:%u from %s, SSRC 0x%08" PRIx32 ", payload type %u%s%s", destination, s->port,
         source, s->ssrc, s->payload_type, *name ? ", " : "", name);
    line(out, "format", "%s, %u Hz, %u channels, %u frames a packet (%.3f ms): %s", rtp_codec_name(f->codec),
         (unsigned)f->rate_hz, f->channels, f->frames, ms(format_packet_ns(f)),
         format_origin_text(f->origin));
    line(out, "capture", "%.3f s with %" PRIu64 " packets of the stream, of %.3f s with %" PRIu64 " frames",
         (double)(r->analysis.last_ns - r->analysis.first_ns) / 1e9, r->analysis.packets,
         (double)(r->counters.last_ns - r->counters.first_ns) / 1e9, r->counters.frames);
}

static void tell_clock(FILE *out, const struct replay *r)
{
    const struct analysis_config *c = &r->analysis.config;
    double apart_s = (double)(r->fit.arrival.ns - r->fit.media.ns) / 1e9;

    if (c->absolute) {
        line(out, "clock", "assumed: the capturing machine's clock, %u s added, is PTP time",
             (unsigned)r->options->utc_offset_s);
        line(out, "", "what is said of transit and lead is absolute");
    } else {
        line(out, "clock", "assumed: the fastest packets were sent right after their last sample, and");
        line(out, "", "took no time; PTP time follows from them (--clock capture assumes otherwise)");
    }
    if (isfinite(r->fit.sender_doubt_ppm))
        line(out, "", "the sender counts %+.3f ppm (+-%.3f) against the capture's clock", r->fit.sender_ppm,
             r->fit.sender_doubt_ppm);
    if (!c->plain)
        line(out, "", "by that clock the fastest packets came %.6f s after their first sample", apart_s);
}

static void tell_sequence(FILE *out, const struct replay *r)
{
    const struct analysis *a = &r->analysis;
    const struct losses *l = &a->losses;

    line(out, "sequence",
         "%" PRIu64 " expected, %" PRIu64 " lost (%.4f %%), %" PRIu64 " twice, %" PRIu64
         " out of order, %" PRIu64 " restarts",
         l->expected, l->lost, percent(l->lost, l->expected), l->duplicates, l->reordered, a->restarts);
    if (l->reordered)
        line(out, "", "out of order by up to %" PRIu64 " packets", l->depth_max);
    if (l->lost)
        line(out, "", "gaps, by packets in a row:");
    for (unsigned i = 0; i < LOSSES_BURSTS; i++) {
        char label[48];
        unsigned from, to;
        uint64_t gaps = 0;

        for (unsigned k = 0; k < LOSSES_BURSTS; k++)
            gaps += l->bursts[k];
        losses_burst_range(i, &from, &to);
        snprintf(label, sizeof label, to > from ? "%u to %u" : to ? "%u" : "%u and more", from, to);
        if (l->bursts[i])
            bar(out, label, l->bursts[i], gaps);
    }
}

static void tell_quantiles(FILE *out, const char *heading, const char *what, const struct histogram *h)
{
    line(out, heading, "%s: min %.3f, median %.3f, p99 %.3f, p99.9 %.3f, max %.3f ms", what, ms(h->min_ns),
         ms(histogram_quantile(h, 0.5)), ms(histogram_quantile(h, 0.99)), ms(histogram_quantile(h, 0.999)),
         ms(h->max_ns));
}

static void tell_timing(FILE *out, const struct replay *r)
{
    const struct analysis *a = &r->analysis;
    double need_ms = r->played ? r->rx.lead_need_ms : 0;

    if (a->spacing.total)
        tell_quantiles(out, "arrival", "from packet to packet", &a->spacing);
    line(out, "jitter", "RFC 3550: %.3f ms at the end, %.3f ms at most", a->jitter_ns / 1e6,
         a->jitter_max_ns / 1e6);
    tell_quantiles(out, "delay", "beyond the fastest packets'", &a->delay);
    table(out, &a->delay_bars);
    if (a->config.absolute)
        tell_quantiles(out, "transit", "arrival after the first sample", &a->transit);
    if (!a->lead.total)
        return;
    line(out, "lead",
         "from arrival to presentation: min %.3f, median %.3f, max %.3f ms; %" PRIu64 " of %" PRIu64 " late",
         ms(a->lead.min_ns), ms(histogram_quantile(&a->lead, 0.5)), ms(a->lead.max_ns), a->late,
         a->lead.total);
    table(out, &a->lead_bars);
    line(out, "latency", "%.3f ms would have been safe for all packets, %.3f ms for 99.9 %% of them%s",
         ms(analysis_safe_ns(a, 0)) + need_ms, ms(analysis_safe_ns(a, 1e-3)) + need_ms,
         r->played ? "" : ", and what a receiver needs");
    if (r->played)
        line(out, "", "(%.3f ms of it are a receiver's own, from arrival to the converter)", need_ms);
}

static void tell_timestamps(FILE *out, const struct replay *r)
{
    const struct analysis *a = &r->analysis;

    line(out, "timestamps",
         "%" PRIu64 " jumps, %" PRIu64 " skips, %" PRIu64 " off the packet's grid, %" PRIu64 " marker bits",
         a->jumps, a->skips, a->off_grid, a->markers);
    if (!a->config.plain)
        line(out, "extension",
             "%" PRIu64 " INIT, %" PRIu64 " TERMINATE, %" PRIu64 " of other types; latency %.3f ms, %" PRIu64
             " changes",
             a->init, a->terminate, a->other_types, ms(a->link_ns.max), a->link_changes);
}

static void tell_rtcp(FILE *out, const struct replay *r)
{
    const struct analysis_rtcp *rtcp = &r->analysis.rtcp;
    double sample_ms = 1e3 / r->format.rate_hz;

    if (!rtcp->compounds) {
        line(out, "rtcp", "none");
        return;
    }
    line(out, "rtcp", "%" PRIu64 " sender reports%s, at most %.3f s apart", rtcp->reports,
         rtcp->bye ? " and BYE" : "", (double)rtcp->interval_max_ns / 1e9);
    if (rtcp->reports)
        line(out, "",
             "RTP time less NTP time: %.3f to %.3f ms; their instants %.3f to %.3f ms before arrival",
             (double)rtcp->pair.min * sample_ms, (double)rtcp->pair.max * sample_ms, ms(rtcp->age_ns.min),
             ms(rtcp->age_ns.max));
}

static void tell_receiver(FILE *out, const struct replay *r)
{
    const struct rx_status *rx = &r->rx;

    if (!r->played)
        return;
    line(out, "receiver",
         "%" PRIu64 " datagrams: %" PRIu64 " malformed, %" PRIu64 " foreign, %" PRIu64 " absurd, %" PRIu64
         " late, %" PRIu64 " early",
         rx->datagrams, rx->malformed, rx->foreign, rx->absurd, rx->late, rx->early);
    line(out, "",
         "%" PRIu64 " frames played after %" PRIu64 " starts, %" PRIu64 " concealed, %" PRIu64
         " xruns; lead at least %.3f ms, queue %.3f ms; error at most %.3f us",
         rx->played, rx->starts, rx->concealed, rx->xruns, rx->lead_min_ms, rx->queued_min_ms,
         rx->error_worst_ns / 1e3);
}

void report_text(FILE *out, const struct replay *r, const struct verdict *v)
{
    const struct tally *t = &v->tally;

    tell_stream(out, r);
    tell_clock(out, r);
    tell_sequence(out, r);
    tell_timing(out, r);
    tell_timestamps(out, r);
    tell_rtcp(out, r);
    tell_receiver(out, r);
    fputc('\n', out);
    for (unsigned i = 0; i < v->count; i++)
        finding_print(out, &v->findings[i]);
    fprintf(out, "%s: %u passed, %u warnings, %u failed, %u skipped\n", result_name(tally_worst(t)),
            t->count[RESULT_PASS], t->count[RESULT_WARN], t->count[RESULT_FAIL], t->count[RESULT_SKIP]);
}
