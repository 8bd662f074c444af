// SPDX-License-Identifier: GPL-3.0-or-later
#include "analysis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/codec.h"

enum {
    LINK_TOLERANCE_NS = 2000, /* PROTOCOL.md section 7.2 */
    LIMIT_PACKETS = 17,       /* AES67-2018 section 7.5 */
};

#define LIMIT_NS    (17 * NS_PER_MS)
#define LINK_MAX_NS (10 * NS_PER_S)

#define US(x) (x) * NS_PER_US
#define MS(x) (x) * NS_PER_MS

static const int64_t delay_edges[] = {
    US(1), US(2), US(5),  US(10), US(20), US(50),  US(100), US(200), US(500),  MS(1),
    MS(2), MS(5), MS(10), MS(20), MS(50), MS(100), MS(200), MS(500), MS(1000),
};

static const int64_t lead_edges[] = {
    MS(-1000), MS(-100), MS(-50), MS(-20), MS(-10), MS(-5),  MS(-2),  MS(-1),  MS(0),    US(500),
    MS(1),     MS(2),    MS(3),   MS(4),   MS(5),   MS(6),   MS(7),   MS(8),   MS(9),    MS(10),
    MS(12),    MS(15),   MS(20),  MS(30),  MS(50),  MS(100), MS(200), MS(500), MS(1000),
};

void analysis_init(struct analysis *a, const struct analysis_config *config)
{
    memset(a, 0, sizeof *a);
    a->config = *config;
    a->packet_ns = format_packet_ns(&config->format);
    a->limit_ns = LIMIT_PACKETS * a->packet_ns < LIMIT_NS ? LIMIT_PACKETS * a->packet_ns : LIMIT_NS;
    track_init(&a->track, config->format.rate_hz);
    losses_init(&a->losses);
    histogram_init(&a->spacing);
    histogram_init(&a->transit);
    histogram_init(&a->delay);
    histogram_init(&a->lead);
    bars_init(&a->delay_bars, delay_edges, sizeof delay_edges / sizeof *delay_edges);
    bars_init(&a->lead_bars, lead_edges, sizeof lead_edges / sizeof *lead_edges);
}

bool analysis_place(const struct rtp_packet *p, media_t *at, int64_t *link_ns)
{
    if (!p->has_ext || !p->ext.rate_hz || p->ext.presentation.ns > INT64_MAX / 2)
        return false;
    *at = media_unwrap(p->timestamp, media_at_ptp(p->ext.presentation, p->ext.rate_hz));
    *link_ns = p->ext.presentation.ns - ptp_at_media(*at, p->ext.rate_hz).ns;
    return *link_ns >= 0 && *link_ns <= LINK_MAX_NS;
}

static unsigned frames_of(const struct analysis_config *config, const struct rtp_packet *p)
{
    const struct format *f = &config->format;
    int frames =
        p->payload_len ? codec_frames(f->codec, f->rate_hz, f->channels, p->payload, p->payload_len) : 0;

    return frames > 0 ? (unsigned)frames : 0;
}

struct track_packet analysis_track(const struct analysis_config *config, const struct rtp_packet *p,
                                   int64_t arrival_ns)
{
    struct track_packet track = {.sequence = p->sequence,
                                 .timestamp = p->timestamp,
                                 .frames = frames_of(config, p),
                                 .arrival_ns = arrival_ns};
    int64_t link_ns;

    if (!config->plain && p->has_ext) {
        track.placed = analysis_place(p, &track.at, &link_ns) && p->ext.rate_hz == config->format.rate_hz;
        track.announces = p->ext.type == RTP_TYPE_INIT;
    }
    return track;
}

static void widen(struct analysis_range *range, int64_t value, bool first)
{
    if (first || value < range->min)
        range->min = value;
    if (first || value > range->max)
        range->max = value;
}

static int64_t magnitude(int64_t x)
{
    return x < 0 ? -x : x;
}

/* What stands in the headers, whatever the packet holds. */
static void take_headers(struct analysis *a, const struct datagram *d, const struct rtp_packet *p)
{
    a->markers += p->marker;
    a->payload_types[p->payload_type / 64] |= UINT64_C(1) << p->payload_type % 64;
    a->dscps |= UINT64_C(1) << d->dscp % 64;
    a->ttls[d->ttl / 64] |= UINT64_C(1) << d->ttl % 64;
    if (a->config.plain || !p->has_ext)
        return;
    a->described++;
    a->init += p->ext.type == RTP_TYPE_INIT;
    a->terminate += p->ext.type == RTP_TYPE_TERMINATE;
    a->other_types += p->ext.type > RTP_TYPE_TERMINATE;
}

static void take_link(struct analysis *a, const struct rtp_packet *p)
{
    bool first = a->link_ns.max == 0;
    int64_t link_ns;
    media_t at;

    if (a->config.plain || !p->has_ext)
        return;
    if (!analysis_place(p, &at, &link_ns)) {
        a->absurd++;
        return;
    }
    if (!first && magnitude(link_ns - a->link_before_ns) > LINK_TOLERANCE_NS)
        a->link_changes++;
    a->link_before_ns = link_ns;
    widen(&a->link_ns, link_ns, first);
}

static void take_discipline(struct analysis *a, const struct rtp_packet *p, const struct track_step *step)
{
    unsigned frames = frames_of(&a->config, p);
    bool first = a->sound == 1;

    widen(&a->frames, frames, first);
    widen(&a->payload_bytes, (int64_t)p->payload_len, first);
    a->oversized += p->payload_len > RTP_PAYLOAD_MAX;
    a->off_grid += step->at.n % frames != 0;
    if (step->jumped) {
        a->jumps += !step->waited;
        a->skips += step->waited;
        if (magnitude(step->jump) > magnitude(a->jump_max))
            a->jump_max = step->jump;
    }
    take_link(a, p);
}

/* RFC 3550 section 6.4.1, in ns; across a break of the timeline it means nothing. */
static void take_jitter(struct analysis *a, const struct analysis_row *row)
{
    double change = (double)magnitude(row->transit_ns - a->transit_before_ns);

    if (a->transit.total > 1 && row->step.segment == a->segment_before) {
        a->jitter_ns += (change - a->jitter_ns) / 16;
        a->jitter_max_ns = fmax(a->jitter_max_ns, a->jitter_ns);
    }
    a->transit_before_ns = row->transit_ns;
    a->segment_before = row->step.segment;
}

static void take_sending(struct analysis *a, const struct analysis_row *row, unsigned frames)
{
    int64_t length_ns =
        frames == a->config.format.frames ? a->packet_ns : ns_of_samples(frames, a->config.format.rate_hz);
    int64_t sent_ns = a->config.absolute ? row->transit_ns - length_ns : row->delay_ns;

    a->over_one += sent_ns > length_ns;
    a->over_limit += sent_ns > a->limit_ns;
    if (a->config.absolute) {
        a->before_first += row->transit_ns < 0;
        a->before_last += row->transit_ns < length_ns;
    }
}

static int64_t link_of(const struct analysis *a, const struct rtp_packet *p)
{
    int64_t link_ns = a->config.link_ns;
    media_t at;

    if (link_ns == ANALYSIS_NO_LINK && !analysis_place(p, &at, &link_ns))
        return ANALYSIS_NO_LINK;
    return link_ns;
}

static bool is_displaced(const struct analysis *a, const struct track_step *step)
{
    unsigned segment = step->segment < ENVELOPE_SEGMENTS ? step->segment : ENVELOPE_SEGMENTS - 1;

    return !(a->config.segments >> segment & 1);
}

static void take_timing(struct analysis *a, const struct datagram *d, const struct rtp_packet *p,
                        struct analysis_row *row)
{
    raw_ns arrival = {d->arrival_ns};
    int64_t instant_ns = ptp_at_media(row->step.at, a->config.format.rate_hz).ns;
    int64_t link_ns = link_of(a, p);

    row->transit_ns =
        clock_map_ptp(timescale_at(a->config.clock, arrival, &a->clock_hint), arrival).ns - instant_ns;
    row->delay_ns = clock_map_ptp(timescale_at(a->config.envelope, arrival, &a->envelope_hint), arrival).ns -
                    instant_ns - a->packet_ns;
    if (a->last_sound_ns)
        histogram_add(&a->spacing, d->arrival_ns - a->last_sound_ns);
    a->last_sound_ns = d->arrival_ns;
    histogram_add(&a->transit, row->transit_ns);
    take_jitter(a, row);
    if (is_displaced(a, &row->step)) {
        a->displaced++;
    } else {
        histogram_add(&a->delay, row->delay_ns);
        bars_add(&a->delay_bars, row->delay_ns);
        take_sending(a, row, frames_of(&a->config, p));
    }
    row->has_lead = link_ns != ANALYSIS_NO_LINK;
    if (row->has_lead) {
        row->lead_ns = link_ns + a->config.delay_ns - row->transit_ns;
        histogram_add(&a->lead, row->lead_ns);
        bars_add(&a->lead_bars, row->lead_ns);
        a->late += row->lead_ns < 0;
    }
}

/* True when the packet holds sound in the stream's format. */
static bool is_sound(const struct analysis *a, const struct rtp_packet *p)
{
    if (!a->config.plain && p->has_ext && p->ext.type != RTP_TYPE_AUDIO)
        return false;
    return frames_of(&a->config, p) > 0;
}

void analysis_take(struct analysis *a, const struct datagram *d, const struct rtp_packet *p,
                   struct analysis_row *row)
{
    /* by the capture's clock; which of the timestamp's wraps it is matters to nothing but an absolute clock
     */
    ptp_ns now = clock_map_ptp(timescale_at(a->config.clock, (raw_ns){d->arrival_ns}, &a->clock_hint),
                               (raw_ns){d->arrival_ns});
    struct track_packet track = analysis_track(&a->config, p, d->arrival_ns);
    bool sound = is_sound(a, p);

    *row = (struct analysis_row){0};
    if (!a->packets++)
        a->first_ns = d->arrival_ns;
    a->last_ns = d->arrival_ns;
    take_headers(a, d, p);
    a->unsound += !sound && p->payload_len;
    if (!sound)
        track.frames = 0;
    track_take(&a->track, &track, media_at_ptp(now, a->config.format.rate_hz), &row->step);
    if (row->step.order == TRACK_STRAY) {
        a->strays++;
        return;
    }
    row->counted = true;
    row->sound = sound;
    a->restarts += row->step.order == TRACK_ANEW;
    a->announced = row->step.era;
    row->duplicate = losses_take(&a->losses, row->step.sequence, row->step.order == TRACK_ANEW);
    if (!sound || row->duplicate)
        return;
    a->sound++;
    take_discipline(a, p, &row->step);
    take_timing(a, d, p, row);
}

static void take_sender_report(struct analysis *a, const struct rtcp_report *report, int64_t arrival_ns)
{
    struct analysis_rtcp *r = &a->rtcp;
    uint32_t rate_hz = a->config.format.rate_hz;
    uint32_t should = (uint32_t)(uint64_t)media_at_ptp(rtcp_ptp_of_ntp(report->ntp), rate_hz).n;
    raw_ns arrival = {arrival_ns};
    unsigned hint = 0;

    if (r->reports) {
        if (arrival_ns - r->last_ns > r->interval_max_ns)
            r->interval_max_ns = arrival_ns - r->last_ns;
    } else {
        r->first_ns = arrival_ns;
    }
    r->last_ns = arrival_ns;
    widen(&r->pair, (int32_t)(report->rtp - should), r->reports == 0);
    r->reports++;
    if (a->sound) {
        media_t at = media_unwrap(report->rtp, a->track.at);
        int64_t now_ns = clock_map_ptp(timescale_at(a->config.clock, arrival, &hint), arrival).ns;

        widen(&r->age_ns, now_ns - ptp_at_media(at, rate_hz).ns, r->aged == 0);
        r->aged++;
    }
}

void analysis_take_rtcp(struct analysis *a, const struct rtcp_report *report, uint32_t ssrc,
                        int64_t arrival_ns)
{
    struct analysis_rtcp *r = &a->rtcp;

    if (report->ssrc != ssrc) {
        r->foreign++;
        return;
    }
    r->compounds++;
    r->bye = r->bye || report->bye;
    if (report->cname_len)
        memcpy(r->cname, report->cname, sizeof r->cname);
    if (report->has_clock) {
        r->clock_changes += r->has_clock && (r->clock.known != report->clock.known ||
                                             r->clock.domain != report->clock.domain ||
                                             r->clock.gm_id != report->clock.gm_id);
        r->has_clock = true;
        r->clock = report->clock;
    }
    if (report->has_sr)
        take_sender_report(a, report, arrival_ns);
}

void analysis_finish(struct analysis *a)
{
    losses_finish(&a->losses);
}

int64_t analysis_safe_ns(const struct analysis *a, double part)
{
    /* the delay's counters are finer; but in absolute time it is not the whole transit */
    if (a->config.absolute)
        return histogram_quantile(&a->transit, 1 - part);
    return histogram_quantile(&a->delay, 1 - part) + a->packet_ns;
}
