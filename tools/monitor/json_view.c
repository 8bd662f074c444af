// SPDX-License-Identifier: GPL-3.0-or-later
#include "json_view.h"

#include "proto/host/json.h"

const char *json_level_word(enum view_level level)
{
    static const char *const words[] = {
        [VIEW_WELL] = "well", [VIEW_NOTE] = "note", [VIEW_WARNING] = "warning", [VIEW_ALARM] = "alarm"};

    return words[level];
}

static void put_clock(struct json *j, const char *name, const struct view_clock *c)
{
    json_open(j, name, '{');
    json_text(j, "state", c->state);
    json_flag(j, "known", c->known);
    if (c->known) {
        json_flag(j, "holdover", c->holdover);
        json_count(j, "domain", c->domain);
        json_text(j, "grandmaster", c->grandmaster);
    }
    json_real(j, "offset_us", c->offset_us);
    json_real(j, "uncertainty_us", c->uncertainty_us);
    json_close(j, '}');
}

static void put_peaks(struct json *j, const float *peaks_db, unsigned channels)
{
    json_open(j, "peaks_db", '[');
    for (unsigned i = 0; i < channels; i++)
        json_real(j, NULL, (double)peaks_db[i]);
    json_close(j, ']');
}

static void put_ssrc(struct json *j, uint32_t ssrc)
{
    char text[9];

    snprintf(text, sizeof text, "%08x", ssrc);
    json_text(j, "ssrc", text);
}

static void put_identity(struct json *j, const struct view_receiver *r)
{
    json_text(j, "name", r->name);
    json_text(j, "host", r->host);
    json_text(j, "device", r->device);
    json_text(j, "tool", r->tool);
    json_text(j, "address", r->address);
    put_ssrc(j, r->ssrc);
    json_text(j, "level", json_level_word(r->level));
    json_text(j, "state", r->state);
    json_flag(j, "telemetry", r->telemetry);
    json_real(j, "age_s", r->age_s);
    json_real(j, "gap_s", r->gap_s);
}

static void put_receiver(struct json *j, const struct view_receiver *r)
{
    json_open(j, NULL, '{');
    put_identity(j, r);
    put_clock(j, "clock", &r->clock);
    json_real(j, "error_us", r->error_us);
    json_real(j, "error_p99_us", r->error_p99_us);
    json_real(j, "error_worst_us", r->error_worst_us);
    json_real(j, "budget_us", r->budget_us);
    json_real(j, "apart_us", r->apart_us);
    json_real(j, "resample_ppm", r->resample_ppm);
    json_real(j, "card_ppm", r->card_ppm);
    json_real(j, "lead_min_ms", r->lead_min_ms);
    json_real(j, "lead_median_ms", r->lead_median_ms);
    json_real(j, "headroom_ms", r->headroom_ms);
    json_real(j, "queued_min_ms", r->queued_min_ms);
    json_real(j, "delay_ms", r->delay_ms);
    json_real(j, "loss_percent", r->loss_percent);
    json_real(j, "jitter_us", r->jitter_us);
    json_real(j, "lost_packets", r->lost);
    json_real(j, "late_packets", r->late);
    json_real(j, "duplicate_packets", r->duplicates);
    json_real(j, "concealed_frames", r->concealed);
    json_real(j, "xruns", r->xruns);
    json_real(j, "starts", r->starts);
    json_real(j, "clipped_samples", r->clipped);
    json_flag(j, "device_present", r->device_present);
    json_flag(j, "realtime", r->realtime);
    json_flag(j, "refused", r->refused);
    put_peaks(j, r->peaks_db, r->channels);
    json_close(j, '}');
}

static void put_witness(struct json *j, const struct view_witness *w)
{
    json_open(j, "witness", '{');
    json_flag(j, "hears", w->hears);
    json_flag(j, "timed", w->timed);
    json_real(j, "packets_per_s", w->packets_per_s);
    json_real(j, "bits_per_s", w->bits_per_s);
    json_real(j, "lost_packets", w->lost);
    json_real(j, "duplicate_packets", w->duplicates);
    json_real(j, "reordered_packets", w->reordered);
    json_real(j, "malformed_packets", w->malformed);
    json_real(j, "loss_percent", w->loss_percent);
    json_real(j, "jitter_us", w->jitter_us);
    json_real(j, "jitter_worst_us", w->jitter_worst_us);
    json_real(j, "lead_min_ms", w->lead_min_ms);
    json_real(j, "lead_median_ms", w->lead_median_ms);
    json_real(j, "sent_after_ms", w->sent_after_ms);
    json_flag(j, "honest", w->honest);
    json_text(j, "dishonest", w->dishonest);
    put_peaks(j, w->peaks_db, w->channels);
    json_close(j, '}');
}

static void put_alignment(struct json *j, const struct view_stream *s)
{
    json_real(j, "apart_us", s->apart_us);
    json_real(j, "apart_p99_us", s->apart_p99_us);
    json_real(j, "apart_limit_us", s->apart_limit_us);
    json_text(j, "earliest", s->early);
    json_text(j, "latest", s->late);
    json_real(j, "headroom_ms", s->headroom_ms);
    json_text(j, "headroom_of", s->headroom_of);
    json_real(j, "safe_latency_ms", s->safe_latency_ms);
}

static void put_stream(struct json *j, const struct view_stream *s)
{
    json_open(j, NULL, '{');
    json_text(j, "name", s->name);
    json_text(j, "group", s->group);
    json_text(j, "sender", s->sender);
    json_text(j, "host", s->host);
    json_text(j, "tool", s->tool);
    put_ssrc(j, s->ssrc);
    json_text(j, "level", json_level_word(s->level));
    json_flag(j, "announced", s->announced);
    json_flag(j, "on_air", s->on_air);
    json_flag(j, "waiting", s->waiting);
    json_flag(j, "standby", s->standby);
    json_text(j, "codec", s->codec);
    json_count(j, "rate_hz", s->rate_hz);
    json_count(j, "channels", s->channels);
    json_real(j, "ptime_ms", s->ptime_ms);
    json_real(j, "latency_ms", s->latency_ms);
    put_clock(j, "clock", &s->clock);
    put_witness(j, &s->witness);
    json_count(j, "playing", s->playing);
    json_count(j, "silent", s->silent);
    put_alignment(j, s);
    json_open(j, "receivers", '[');
    for (size_t i = 0; i < s->receivers; i++)
        put_receiver(j, &s->receiver[i]);
    json_close(j, ']');
    json_close(j, '}');
}

static void put_alarm(struct json *j, const struct view_alarm *a)
{
    json_open(j, NULL, '{');
    json_text(j, "kind", view_alarm_word(a->kind));
    json_text(j, "level", json_level_word(a->level));
    json_text(j, "stream", a->stream);
    json_text(j, "receiver", a->receiver);
    json_real(j, "since_s", a->since_s);
    json_text(j, "why", a->why);
    json_close(j, '}');
}

void json_view(FILE *out, const struct view *v)
{
    struct json j = {.out = out, .compact = true};

    json_open(&j, NULL, '{');
    json_real(&j, "time_s", v->time_s);
    json_flag(&j, "recorded", v->recorded);
    json_text(&j, "level", json_level_word(v->level));
    put_clock(&j, "clock", &v->clock);
    json_open(&j, "streams", '[');
    for (size_t i = 0; i < v->streams; i++)
        put_stream(&j, &v->stream[i]);
    json_close(&j, ']');
    json_open(&j, "alarms", '[');
    for (size_t i = 0; i < v->alarms; i++)
        put_alarm(&j, &v->alarm[i]);
    json_close(&j, ']');
    json_real(&j, "alarms_all", (double)v->alarms_all);
    json_real(&j, "rtcp_compounds", v->heard_rtcp);
    json_real(&j, "rtcp_malformed", v->malformed);
    json_real(&j, "refused", v->refused);
    json_close(&j, '}');
}
