// SPDX-License-Identifier: GPL-3.0-or-later
#include "witness.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"
#include "proto/codec.h"
#include "proto/pcm.h"
#include "tools/replay/analysis.h"

enum {
    DECODE_MAX = 1024, /* samples in the largest datagram taken */
    STRAYS_MAX = 2,    /* a second; below, a packet says nothing of its sender */
    UDP_IP_BYTES = 28,
};

#define LATENCY_TOLERANCE_NS 2000 /* PROTOCOL.md section 7.2 */
#define FUTURE_TOLERANCE_NS  (100 * NS_PER_US)
#define OTHER_TIME_NS        (10 * NS_PER_S)
#define DISHONEST_HOLD_NS    (5 * NS_PER_S)

void witness_init(struct witness *w)
{
    *w = (struct witness){.offered_ns = -1};
    histogram_init(&w->transits);
    figure_history_clear(&w->leads);
    figure_history_clear(&w->losses);
}

void witness_expect(struct witness *w, const struct witness_format *format)
{
    w->format = *format;
}

static bool is_timed(const struct clock_map *map)
{
    return map->state == MEDIA_CLOCK_LOCKED;
}

static void accuse(struct witness *w, enum witness_fault fault, int64_t a, int64_t b)
{
    w->faults[fault]++;
    w->fault_values[fault][0] = a;
    w->fault_values[fault][1] = b;
}

/* What the packet says of its stream, and its place. False: nothing that could be followed. */
static bool claim_of(struct witness *w, const struct witness_datagram *d, const struct rtp_packet *p,
                     const struct clock_map *map, struct stream_claim *claim, media_t *at)
{
    *claim = (struct stream_claim){.ssrc = p->ssrc, .source = d->source};
    if (p->has_ext) {
        claim->codec = p->ext.codec;
        claim->rate_hz = p->ext.rate_hz;
        claim->channels = p->ext.channels;
        claim->starts = p->ext.type == RTP_TYPE_INIT;
        if (analysis_place(p, at, &claim->link_ns))
            return true;
        if (p->ext.rate_hz && p->ssrc == w->stream.claim.ssrc)
            accuse(w, WITNESS_ABSURD, 0, 0);
        return false;
    }
    if (!w->format.known)
        return false;
    claim->codec = w->format.codec;
    claim->rate_hz = w->format.rate_hz;
    claim->channels = w->format.channels;
    *at = media_unwrap(
        p->timestamp,
        media_at_ptp(map->state == MEDIA_CLOCK_NO_PTP ? (ptp_ns){0} : clock_map_ptp(map, d->arrival),
                     claim->rate_hz));
    return true;
}

/* Our stream's own packets contradict each other, or its offer. */
static void judge_latency(struct witness *w, const struct stream_claim *claim)
{
    const struct stream_claim *followed = &w->stream.claim;

    if (w->plain)
        return;
    if (w->stream.locked && claim->ssrc == followed->ssrc && claim->source == followed->source &&
        llabs(claim->link_ns - followed->link_ns) > LATENCY_TOLERANCE_NS)
        accuse(w, WITNESS_LATENCY_CHANGED, followed->link_ns, claim->link_ns);
}

static void take_levels(struct witness *w, const struct rtp_packet *p)
{
    const struct stream_claim *claim = &w->stream.claim;
    float samples[DECODE_MAX];
    int frames = codec_frames(claim->codec, claim->rate_hz, claim->channels, p->payload, p->payload_len);
    size_t count = frames > 0 ? (size_t)frames * claim->channels : 0;

    if (count == 0)
        return;
    w->frames = (unsigned)frames;
    if (codec_has_memory(claim->codec) || count > DECODE_MAX)
        return;
    pcm_decode(claim->codec, p->payload, samples, count);
    for (size_t i = 0; i < count; i++) {
        float magnitude = fabsf(samples[i]), *peak = &w->peaks[i % claim->channels];

        *peak = magnitude > *peak ? magnitude : *peak;
    }
}

static void take_transit(struct witness *w, int64_t transit_ns, const struct clock_map *map)
{
    int64_t doubt_ns = FUTURE_TOLERANCE_NS + (int64_t)(6 * fmin(map->uncertainty_ns, 1e9));

    if (w->has_transit && llabs(transit_ns - w->transit_before_ns) > w->deviation_ns)
        w->deviation_ns = llabs(transit_ns - w->transit_before_ns);
    w->transit_before_ns = transit_ns;
    w->has_transit = true;
    if (!is_timed(map))
        return;
    w->timed++;
    histogram_add(&w->transits, transit_ns);
    if (transit_ns < -doubt_ns)
        accuse(w, WITNESS_FROM_FUTURE, transit_ns, 0);
    if (transit_ns > OTHER_TIME_NS)
        accuse(w, WITNESS_OTHER_TIME, transit_ns, 0);
}

static void take_of_stream(struct witness *w, const struct witness_datagram *d, const struct rtp_packet *p,
                           const struct clock_map *map, media_t at)
{
    bool sound = !p->has_ext || p->ext.type == RTP_TYPE_AUDIO;
    int64_t now_ns = map->state == MEDIA_CLOCK_NO_PTP ? d->arrival.ns : clock_map_ptp(map, d->arrival).ns;
    int64_t transit_ns = now_ns - ptp_at_media(at, w->stream.claim.rate_hz).ns;
    bool duplicate = stream_count(&w->stream, p->sequence, transit_ns);

    w->packets++;
    w->bytes += d->len + UDP_IP_BYTES;
    w->ended = p->has_ext && p->ext.type == RTP_TYPE_TERMINATE;
    w->began = w->began || (p->has_ext && p->ext.type == RTP_TYPE_INIT);
    if (!sound || duplicate)
        return;
    take_transit(w, transit_ns, map);
    take_levels(w, p);
    if (!w->plain && w->offered_ns >= 0 &&
        llabs(w->stream.claim.link_ns - w->offered_ns) > LATENCY_TOLERANCE_NS)
        accuse(w, WITNESS_NOT_AS_OFFERED, w->stream.claim.link_ns, w->offered_ns);
}

void witness_take(struct witness *w, const struct witness_datagram *d, const struct clock_map *map)
{
    struct stream_claim claim;
    struct rtp_packet p;
    media_t at;
    int error = rtp_parse(d->bytes, d->len, w->format.ext_id ? w->format.ext_id : RTP_EXT_ID_DEFAULT, &p);

    w->malformed += error == -EBADMSG;
    if (error || !claim_of(w, d, &p, map, &claim, &at))
        return;
    judge_latency(w, &claim);
    switch (stream_judge(&w->stream, &claim, d->arrival)) {
    case STREAM_IGNORE:
        if (claim.ssrc != w->stream.claim.ssrc) {
            w->intruders++;
            w->intruder_ssrc = claim.ssrc;
            w->intruder_source = claim.source;
        }
        return;
    case STREAM_NEW:
        w->plain = !p.has_ext;
        w->lost = w->expected = 0;
        w->has_transit = false;
        w->offered_ns = -1;
        break;
    case STREAM_TAKE:
        break;
    }
    take_of_stream(w, d, &p, map, at);
}

void witness_sender_says(struct witness *w, const struct rtcp_report *report)
{
    uint32_t rate_hz = w->stream.claim.rate_hz;
    int32_t off;

    if (!w->stream.locked || report->ssrc != w->stream.claim.ssrc)
        return;
    if (report->has_offer)
        w->offered_ns = report->offer.latency_ns;
    if (!report->has_sr)
        return;
    off = (int32_t)(report->rtp - (uint32_t)(uint64_t)media_at_ptp(rtcp_ptp_of_ntp(report->ntp), rate_hz).n);
    /* the NTP timestamp has steps of a quarter of a nanosecond; one tick is its rounding */
    if (abs(off) > 1)
        accuse(w, WITNESS_PAIR, off, rate_hz);
}

bool witness_intruded(const struct witness *w)
{
    return w->intruders > STRAYS_MAX;
}

static void tell_fault(enum witness_fault fault, const int64_t values[2], char *why, size_t size)
{
    double a = (double)values[0], b = (double)values[1];

    switch (fault) {
    case WITNESS_LATENCY_CHANGED:
        snprintf(why, size, "presentation times jump: the latency was %.3f ms and is %.3f ms", a / 1e6,
                 b / 1e6);
        break;
    case WITNESS_NOT_AS_OFFERED:
        snprintf(why, size, "packets have a latency of %.3f ms, their sender says %.3f ms", a / 1e6, b / 1e6);
        break;
    case WITNESS_ABSURD:
        snprintf(why, size, "presentation times lie before the sampling, or more than 10 s behind it");
        break;
    case WITNESS_FROM_FUTURE:
        snprintf(why, size, "packets come %.3f ms before their sound was sampled", -a / 1e6);
        break;
    case WITNESS_OTHER_TIME:
        snprintf(why, size, "packets are %.3f s old by this monitor's clock: another PTP domain?", a / 1e9);
        break;
    case WITNESS_PAIR:
        snprintf(why, size, "sender reports: the RTP timestamp is %.0f samples off PTP time", a);
        break;
    case WITNESS_FAULTS:
        break;
    }
}

static void judge_honesty(struct witness *w, raw_ns now)
{
    for (unsigned fault = 0; fault < WITNESS_FAULTS; fault++) {
        /* sender reports come once a second, packets by the thousand */
        if (w->faults[fault] <= (fault == WITNESS_PAIR ? 0 : STRAYS_MAX))
            continue;
        tell_fault(fault, w->fault_values[fault], w->dishonest, sizeof w->dishonest);
        w->dishonest_until.ns = now.ns + DISHONEST_HOLD_NS;
        break;
    }
    if (now.ns >= w->dishonest_until.ns)
        w->dishonest[0] = '\0';
}

static void fill_timing(const struct witness *w, struct view_witness *view)
{
    double link_ms = (double)w->stream.claim.link_ns / 1e6;
    double median_ms = (double)histogram_quantile(&w->transits, 0.5) / 1e6;

    if (w->timed == 0)
        return;
    view->sent_after_ms = median_ms;
    if (w->plain)
        return;
    view->lead_min_ms = link_ms - (double)w->transits.max_ns / 1e6;
    view->lead_median_ms = link_ms - median_ms;
}

static double take_losses(struct witness *w)
{
    int64_t expected = w->stream.counting ? w->stream.highest - w->stream.first + 1 : 0;
    int64_t lost = (int64_t)w->stream.counters.lost;
    int64_t more = lost - w->lost, of = expected - w->expected;

    w->lost = lost;
    w->expected = expected;
    return of > 0 ? 100 * (double)(more > 0 ? more : 0) / (double)of : NAN;
}

void witness_nothing(struct view_witness *view)
{
    *view = (struct view_witness){
        .packets_per_s = NAN,
        .bits_per_s = NAN,
        .lost = NAN,
        .duplicates = NAN,
        .reordered = NAN,
        .malformed = NAN,
        .loss_percent = NAN,
        .jitter_us = NAN,
        .jitter_worst_us = NAN,
        .lead_min_ms = NAN,
        .lead_median_ms = NAN,
        .sent_after_ms = NAN,
        .honest = true,
    };
    figure_history_clear(&view->leads);
    figure_history_clear(&view->losses);
}

static void begin_second(struct witness *w)
{
    w->packets = w->bytes = w->timed = w->intruders = 0;
    w->began = false;
    w->deviation_ns = 0;
    histogram_init(&w->transits);
    memset(w->peaks, 0, sizeof w->peaks);
    memset(w->faults, 0, sizeof w->faults);
}

void witness_tick(struct witness *w, const struct clock_map *map, raw_ns now, double seconds,
                  struct view_witness *view)
{
    const struct stream_counters *counters = &w->stream.counters;

    witness_nothing(view);
    judge_honesty(w, now);
    view->hears = w->packets > 0;
    view->timed = is_timed(map);
    view->packets_per_s = (double)w->packets / seconds;
    view->bits_per_s = 8 * (double)w->bytes / seconds;
    view->malformed = (double)w->malformed;
    view->honest = !*w->dishonest;
    memcpy(view->dishonest, w->dishonest, sizeof view->dishonest);
    if (w->stream.counting) {
        view->lost = (double)counters->lost;
        view->duplicates = (double)counters->duplicates;
        view->reordered = (double)counters->reordered;
        view->loss_percent = take_losses(w);
    }
    if (view->hears) {
        view->jitter_us = counters->jitter_ns / 1e3;
        view->jitter_worst_us = (double)w->deviation_ns / 1e3;
        /* a codec with memory is not decoded here: its levels are not known */
        view->channels = codec_has_memory(w->stream.claim.codec) ? 0 : w->stream.claim.channels;
        for (unsigned i = 0; i < view->channels; i++)
            view->peaks_db[i] = figure_db_of_magnitude(w->peaks[i]);
    }
    fill_timing(w, view);
    figure_history_add(&w->leads, view->lead_min_ms);
    figure_history_add(&w->losses, view->loss_percent);
    view->leads = w->leads;
    view->losses = w->losses;
    begin_second(w);
}
