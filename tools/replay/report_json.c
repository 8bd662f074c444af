// SPDX-License-Identifier: GPL-3.0-or-later
#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>

#include "proto/host/json.h"
#include "report.h"

static double ms(int64_t ns)
{
    return (double)ns / 1e6;
}

static void put_address(struct json *j, const char *name, uint32_t address)
{
    struct in_addr in = {htonl(address)};
    char text[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &in, text, sizeof text);
    json_text(j, name, text);
}

static void put_capture(struct json *j, const struct replay *r)
{
    const struct pcapfile_counters *n = &r->counters;

    json_open(j, "capture", '{');
    json_text(j, "file", r->options->file);
    json_real(j, "duration_s", (double)(n->last_ns - n->first_ns) / 1e9);
    json_count(j, "frames", n->frames);
    json_count(j, "udp_datagrams", n->datagrams);
    json_count(j, "cut_frames", n->cut);
    json_count(j, "ip_fragments", n->fragments);
    json_count(j, "malformed_frames", n->malformed);
    json_count(j, "timeless_frames", n->timeless);
    json_count(j, "backward_stamps", n->backward);
    json_real(j, "backward_max_ms", ms(n->backward_max_ns));
    if (n->damaged)
        json_text(j, "damage", n->damage);
    else
        json_null(j, "damage");
    json_close(j, '}');
}

static void put_stream(struct json *j, const struct replay *r)
{
    const struct catalogue_stream *s = r->stream;
    const struct format *f = &r->format;
    char ssrc[16];

    snprintf(ssrc, sizeof ssrc, "0x%08" PRIx32, s->ssrc);
    json_open(j, "stream", '{');
    put_address(j, "group", s->destination);
    json_count(j, "port", s->port);
    put_address(j, "source", s->source);
    json_text(j, "ssrc", ssrc);
    json_text(j, "name", r->declared.name[0] ? r->declared.name : s->name);
    json_count(j, "payload_type", s->payload_type);
    json_flag(j, "unisono", s->describes);
    json_text(j, "codec", rtp_codec_name(f->codec));
    json_count(j, "rate_hz", f->rate_hz);
    json_count(j, "channels", f->channels);
    json_count(j, "packet_frames", f->frames);
    json_real(j, "packet_ms", ms(format_packet_ns(f)));
    json_text(j, "format_by", format_origin_text(f->origin));
    json_flag(j, "format_inferred", f->origin == FORMAT_INFERRED);
    json_real(j, "duration_s", (double)(r->analysis.last_ns - r->analysis.first_ns) / 1e9);
    json_count(j, "packets", r->analysis.packets);
    json_count(j, "sound_packets", r->analysis.sound);
    json_count(j, "unsound_packets", r->analysis.unsound);
    json_count(j, "cut_packets", r->cut);
    json_count(j, "payload_max_bytes", (uint64_t)r->analysis.payload_bytes.max);
    json_close(j, '}');
}

static void put_clock(struct json *j, const struct replay *r)
{
    bool absolute = r->analysis.config.absolute;

    json_open(j, "clock", '{');
    json_text(j, "assumed", absolute ? "capture" : "stream");
    json_flag(j, "absolute", absolute);
    json_count(j, "utc_offset_s", r->options->utc_offset_s);
    json_real(j, "sender_ppm", isfinite(r->fit.sender_doubt_ppm) ? r->fit.sender_ppm : NAN);
    json_real(j, "sender_doubt_ppm", r->fit.sender_doubt_ppm);
    json_real(j, "sender_wander_ppm", r->fit.wander_ppm);
    json_real(j, "envelope_noise_us", r->fit.noise_ns / 1e3);
    json_count(j, "windows", r->fit.windows);
    json_real(j, "capture_minus_media_s",
              r->analysis.config.plain ? NAN : (double)(r->fit.arrival.ns - r->fit.media.ns) / 1e9);
    json_close(j, '}');
}

static void put_sequence(struct json *j, const struct replay *r)
{
    const struct analysis *a = &r->analysis;
    const struct losses *l = &a->losses;

    json_open(j, "sequence", '{');
    json_count(j, "expected_packets", l->expected);
    json_count(j, "lost_packets", l->lost);
    json_count(j, "burst_max_packets", l->burst_max);
    json_open(j, "bursts", '[');
    for (unsigned i = 0; i < LOSSES_BURSTS; i++) {
        unsigned from, to;

        losses_burst_range(i, &from, &to);
        json_open(j, NULL, '{');
        json_count(j, "from_packets", from);
        if (to)
            json_count(j, "to_packets", to);
        else
            json_null(j, "to_packets");
        json_count(j, "bursts", l->bursts[i]);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_count(j, "duplicate_packets", l->duplicates);
    json_count(j, "reordered_packets", l->reordered);
    json_count(j, "reorder_depth_max_packets", l->depth_max);
    json_count(j, "restarts", a->restarts);
    json_count(j, "announced_restarts", a->announced);
    json_count(j, "stray_packets", a->strays);
    json_close(j, '}');
}

static void put_histogram(struct json *j, const char *name, const struct histogram *h, const struct bars *b)
{
    bool any = h->total > 0;

    json_open(j, name, '{');
    json_count(j, "packets", h->total);
    json_real(j, "min_ms", any ? ms(h->min_ns) : NAN);
    json_real(j, "median_ms", any ? ms(histogram_quantile(h, 0.5)) : NAN);
    json_real(j, "p99_ms", any ? ms(histogram_quantile(h, 0.99)) : NAN);
    json_real(j, "p99_9_ms", any ? ms(histogram_quantile(h, 0.999)) : NAN);
    json_real(j, "max_ms", any ? ms(h->max_ns) : NAN);
    if (b)
        json_open(j, "bars", '[');
    for (unsigned i = 0; b && i <= b->count; i++) {
        if (!b->bar[i])
            continue;
        json_open(j, NULL, '{');
        json_real(j, "from_ms", i ? ms(b->edges[i - 1]) : NAN);
        json_real(j, "to_ms", i < b->count ? ms(b->edges[i]) : NAN);
        json_count(j, "packets", b->bar[i]);
        json_close(j, '}');
    }
    if (b)
        json_close(j, ']');
    json_close(j, '}');
}

static void put_timing(struct json *j, const struct replay *r)
{
    const struct analysis *a = &r->analysis;
    double need_ms = r->played ? r->rx.lead_need_ms : 0;

    put_histogram(j, "spacing", &a->spacing, NULL);
    json_open(j, "jitter", '{');
    json_real(j, "rfc3550_ms", a->jitter_ns / 1e6);
    json_real(j, "rfc3550_max_ms", a->jitter_max_ns / 1e6);
    json_close(j, '}');
    put_histogram(j, "delay", &a->delay, &a->delay_bars);
    put_histogram(j, "transit", &a->transit, NULL);
    put_histogram(j, "lead", &a->lead, &a->lead_bars);
    json_open(j, "latency", '{');
    json_count(j, "late_packets", a->late);
    json_real(j, "receiver_need_ms", r->played ? need_ms : NAN);
    json_real(j, "safe_for_all_ms", ms(analysis_safe_ns(a, 0)) + need_ms);
    json_real(j, "safe_for_99_9_percent_ms", ms(analysis_safe_ns(a, 1e-3)) + need_ms);
    json_close(j, '}');
    json_open(j, "sending", '{');
    json_count(j, "over_one_packet_time", a->over_one);
    json_count(j, "over_aes67_limit", a->over_limit);
    json_real(j, "aes67_limit_ms", ms(a->limit_ns));
    json_count(j, "displaced_packets", a->displaced);
    if (a->config.absolute) {
        json_count(j, "before_last_sample", a->before_last);
        json_count(j, "before_first_sample", a->before_first);
    }
    json_close(j, '}');
}

static void put_bits(struct json *j, const char *name, const uint64_t *bits, unsigned words)
{
    json_open(j, name, '[');
    for (unsigned i = 0; i < words * 64; i++)
        if (bits[i / 64] >> i % 64 & 1)
            json_count(j, NULL, i);
    json_close(j, ']');
}

static void put_headers(struct json *j, const struct replay *r)
{
    const struct analysis *a = &r->analysis;

    json_open(j, "timestamps", '{');
    json_count(j, "jumps", a->jumps);
    json_count(j, "skips", a->skips);
    json_whole(j, "jump_max_samples", a->jump_max);
    json_whole(j, "frames_min", a->frames.min);
    json_whole(j, "frames_max", a->frames.max);
    json_count(j, "off_grid_packets", a->off_grid);
    json_count(j, "marker_packets", a->markers);
    json_close(j, '}');
    json_open(j, "headers", '{');
    put_bits(j, "payload_types", a->payload_types, 2);
    put_bits(j, "dscp", &a->dscps, 1);
    put_bits(j, "ttl", a->ttls, 4);
    json_close(j, '}');
    if (a->config.plain)
        return;
    json_open(j, "extension", '{');
    json_count(j, "packets", a->described);
    json_count(j, "init_packets", a->init);
    json_count(j, "terminate_packets", a->terminate);
    json_count(j, "other_packets", a->other_types);
    json_count(j, "absurd_packets", a->absurd);
    json_real(j, "latency_min_ms", ms(a->link_ns.min));
    json_real(j, "latency_max_ms", ms(a->link_ns.max));
    json_count(j, "latency_changes", a->link_changes);
    json_close(j, '}');
}

static void put_rtcp(struct json *j, const struct replay *r)
{
    const struct analysis_rtcp *rtcp = &r->analysis.rtcp;
    double sample_ms = 1e3 / r->format.rate_hz;
    char gm[24];

    json_open(j, "rtcp", '{');
    json_count(j, "sender_reports", rtcp->reports);
    json_count(j, "malformed", rtcp->malformed);
    json_real(j, "interval_max_s", rtcp->reports > 1 ? (double)rtcp->interval_max_ns / 1e9 : NAN);
    json_real(j, "rtp_minus_ntp_min_ms", rtcp->reports ? (double)rtcp->pair.min * sample_ms : NAN);
    json_real(j, "rtp_minus_ntp_max_ms", rtcp->reports ? (double)rtcp->pair.max * sample_ms : NAN);
    json_real(j, "age_min_ms", rtcp->aged ? ms(rtcp->age_ns.min) : NAN);
    json_real(j, "age_max_ms", rtcp->aged ? ms(rtcp->age_ns.max) : NAN);
    json_flag(j, "bye", rtcp->bye);
    json_text(j, "cname", rtcp->cname);
    json_flag(j, "ptp_known", rtcp->has_clock && rtcp->clock.known);
    if (rtcp->has_clock && rtcp->clock.known) {
        snprintf(gm, sizeof gm, "%016" PRIx64, rtcp->clock.gm_id);
        json_count(j, "ptp_domain", rtcp->clock.domain);
        json_text(j, "grandmaster", gm);
        json_flag(j, "holdover", rtcp->clock.holdover);
    }
    json_text(j, "declared_reference", r->declared.reference);
    json_close(j, '}');
}

static void put_receiver(struct json *j, const struct replay *r)
{
    const struct rx_status *rx = &r->rx;

    if (!r->played)
        return;
    json_open(j, "receiver", '{');
    json_count(j, "datagrams", rx->datagrams);
    json_count(j, "malformed_packets", rx->malformed);
    json_count(j, "foreign_packets", rx->foreign);
    json_count(j, "absurd_packets", rx->absurd);
    json_count(j, "late_packets", rx->late);
    json_count(j, "early_packets", rx->early);
    json_count(j, "played_frames", rx->played);
    json_count(j, "concealed_frames", rx->concealed);
    json_count(j, "starts", rx->starts);
    json_count(j, "xruns", rx->xruns);
    json_real(j, "lead_min_ms", rx->lead_min_ms);
    json_real(j, "queued_min_ms", rx->queued_min_ms);
    json_real(j, "error_worst_us", rx->error_worst_ns / 1e3);
    json_real(j, "resample_ppm", rx->resample_ppm);
    json_close(j, '}');
}

static void put_verdict(struct json *j, const struct verdict *v)
{
    json_open(j, "checks", '[');
    for (unsigned i = 0; i < v->count; i++) {
        const struct finding *f = &v->findings[i];

        json_open(j, NULL, '{');
        json_text(j, "name", f->name);
        json_text(j, "result", result_name(f->result));
        json_text(j, "found", f->found);
        json_text(j, "remedy", f->remedy);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_text(j, "verdict", result_name(tally_worst(&v->tally)));
}

void report_json(FILE *out, const struct replay *r, const struct verdict *v)
{
    struct json j = {.out = out};

    json_open(&j, NULL, '{');
    put_capture(&j, r);
    put_stream(&j, r);
    put_clock(&j, r);
    put_sequence(&j, r);
    put_timing(&j, r);
    put_headers(&j, r);
    put_rtcp(&j, r);
    put_receiver(&j, r);
    put_verdict(&j, v);
    json_close(&j, '}');
}
