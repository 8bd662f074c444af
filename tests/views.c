// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/views.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const views_hostile[VIEWS_HOSTILE] = {
    "\u8212\u53f0\u5de6\u5074\u306e\u30b9\u30d4\u30fc\u30ab\u30fc\u7fa4", /* double width */
    "zalgo-a\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309z",     /* combining, heaps of it */
    "\u202eright to left\u2066\u200b\u200d\ufeff",                        /* direction, no width */
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\ufe0f \U0001f50a",        /* joined emoji */
    "\u0301\u0302leads with marks",                                       /* combining with nothing */
    "quo\"te\\back {a=\"b\"} 1",                                          /* labels */
    "?[2J?]0;title?",                                                     /* what is left of escapes */
    "\u00c4\u00d6\u00dc\u00e4\u00f6\u00fc\u00df caf\u00e9 \u0394\u03a9",  /* honest UTF-8 */
};

static void all_nan(struct view_history *history)
{
    for (size_t i = 0; i < VIEW_HISTORY; i++)
        history->value[i] = NAN;
}

static void blank_clock(struct view_clock *clock)
{
    *clock = (struct view_clock){.offset_us = NAN, .uncertainty_us = NAN};
}

void views_blank_receiver(struct view_receiver *r)
{
    double *const real[] = {&r->age_s,          &r->gap_s,       &r->error_us,       &r->error_p99_us,
                            &r->error_worst_us, &r->budget_us,   &r->apart_us,       &r->resample_ppm,
                            &r->card_ppm,       &r->lead_min_ms, &r->lead_median_ms, &r->headroom_ms,
                            &r->queued_min_ms,  &r->delay_ms,    &r->loss_percent,   &r->jitter_us,
                            &r->lost,           &r->late,        &r->duplicates,     &r->concealed,
                            &r->xruns,          &r->starts,      &r->clipped};

    memset(r, 0, sizeof *r);
    for (size_t i = 0; i < sizeof real / sizeof *real; i++)
        *real[i] = NAN;
    blank_clock(&r->clock);
    all_nan(&r->errors);
    all_nan(&r->headrooms);
    all_nan(&r->losses);
}

void views_blank_stream(struct view_stream *s)
{
    struct view_witness *w = &s->witness;
    double *const real[] = {&s->ptime_ms,       &s->latency_ms,     &s->apart_us,        &s->apart_p99_us,
                            &s->apart_limit_us, &s->headroom_ms,    &s->safe_latency_ms, &w->packets_per_s,
                            &w->bits_per_s,     &w->lost,           &w->duplicates,      &w->reordered,
                            &w->malformed,      &w->loss_percent,   &w->jitter_us,       &w->jitter_worst_us,
                            &w->lead_min_ms,    &w->lead_median_ms, &w->sent_after_ms};

    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < sizeof real / sizeof *real; i++)
        *real[i] = NAN;
    blank_clock(&s->clock);
    all_nan(&s->aparts);
    all_nan(&s->headrooms);
    all_nan(&w->leads);
    all_nan(&w->losses);
}

void views_blank(struct view *v)
{
    memset(v, 0, sizeof *v);
    blank_clock(&v->clock);
    v->time_s = NAN;
}

static void locked(struct view_clock *clock, double offset_us)
{
    *clock = (struct view_clock){
        .state = "locked", .known = true, .domain = 0, .offset_us = offset_us, .uncertainty_us = 0.05};
    snprintf(clock->grandmaster, sizeof clock->grandmaster, "00-1D-C1-FF-FE-12-34-56");
}

/* Something that moves, between -1 and 1. */
static double swing(unsigned second, double period_s)
{
    return sin(2 * 3.14159265358979 * second / period_s);
}

static void playing(struct view_receiver *r, size_t i, unsigned second)
{
    snprintf(r->state, sizeof r->state, "playing");
    r->telemetry = r->device_present = r->realtime = true;
    locked(&r->clock, 0.02 * (double)(i % 7) - 0.05);
    r->gap_s = 1;
    r->error_us = 0.1 * ((double)(i % 9) - 4) + 0.05 * swing(second, 20);
    r->error_p99_us = fabs(r->error_us) + 0.6;
    r->error_worst_us = r->error_p99_us + 1.1;
    r->budget_us = 0.4;
    r->apart_us = r->error_us + 0.02;
    r->resample_ppm = 12.5 - (double)(i % 40);
    r->card_ppm = r->resample_ppm + 0.3;
    r->lead_min_ms = 8.2;
    r->lead_median_ms = 8.9;
    r->headroom_ms = i == 2 ? 0.4 : 6.2 + 0.1 * (double)(i % 10);
    r->queued_min_ms = 5.5;
    r->delay_ms = 0;
    r->lost = (double)(i % 3);
    r->late = r->duplicates = r->clipped = 0;
    r->concealed = 48 * r->lost;
    r->xruns = i == 2 ? 3 : 0;
    r->starts = 1 + r->xruns;
    r->channels = 2;
    r->peaks_db[0] = -18.5f;
    r->peaks_db[1] = i == 1 ? -INFINITY : -21;
    for (unsigned k = 0; k < VIEW_HISTORY; k++) {
        r->errors.value[k] = (float)(r->error_us + 0.3 * swing(second + k, 33));
        r->headrooms.value[k] = (float)(r->headroom_ms + 0.2 * swing(second + k, 50));
        r->losses.value[k] = k == 60 ? 1.5f : 0;
    }
}

static void make_receiver(struct view_receiver *r, size_t i, unsigned second)
{
    views_blank_receiver(r);
    snprintf(r->name, sizeof r->name, i == 0 ? "stage-left" : i == 1 ? "stage-right" : "seat-%04zu", i);
    snprintf(r->host, sizeof r->host, "box%zu", i);
    snprintf(r->device, sizeof r->device, "hw:0");
    snprintf(r->tool, sizeof r->tool, "unisono-recv 0.1.0");
    snprintf(r->address, sizeof r->address, "10.77.%u.%u", (unsigned)i / 250 % 256, (unsigned)i % 250 + 1);
    r->ssrc = 0x1000 + (uint32_t)i;
    r->age_s = 0.1 * (double)(i % 10);
    r->loss_percent = 0;
    r->jitter_us = 14.5;
    if (i == 3) {
        snprintf(r->state, sizeof r->state, "silent");
        r->level = VIEW_ALARM;
        r->age_s = 60 + second;
    } else if (i == 4) {
        snprintf(r->state, sizeof r->state, "present");
        r->level = VIEW_NOTE;
        snprintf(r->tool, sizeof r->tool, "some other program");
    } else {
        playing(r, i, second);
        r->level = i == 2 ? VIEW_WARNING : VIEW_WELL;
    }
}

static void make_witness(struct view_witness *w, unsigned second)
{
    w->hears = w->timed = w->honest = true;
    w->packets_per_s = 1000;
    w->bits_per_s = 2.72e6;
    w->lost = 2;
    w->duplicates = w->reordered = w->malformed = 0;
    w->loss_percent = 0;
    w->jitter_us = 11;
    w->jitter_worst_us = 85;
    w->lead_min_ms = 8.1;
    w->lead_median_ms = 8.8;
    w->sent_after_ms = 1.2;
    w->channels = 2;
    w->peaks_db[0] = (float)(-12 + 3 * swing(second, 7));
    w->peaks_db[1] = -30;
}

static void make_stream(struct view_stream *s, const char *name, unsigned number)
{
    views_blank_stream(s);
    snprintf(s->name, sizeof s->name, "%s", name);
    snprintf(s->group, sizeof s->group, "239.69.83.%u:5004", number);
    snprintf(s->sender, sizeof s->sender, "10.77.0.200");
    snprintf(s->host, sizeof s->host, "desk");
    snprintf(s->tool, sizeof s->tool, "unisono-send 0.1.0");
    snprintf(s->codec, sizeof s->codec, "L24");
    s->ssrc = 0xabcd0000 + number;
    s->announced = s->on_air = true;
    s->rate_hz = 48000;
    s->channels = 2;
    s->ptime_ms = 1;
    s->latency_ms = 10;
    s->apart_limit_us = 10;
    locked(&s->clock, 0.01);
}

static void make_hall(struct view_stream *s, struct view_receiver *receiver, size_t count, unsigned second)
{
    make_stream(s, "Main hall", 1);
    make_witness(&s->witness, second);
    for (size_t i = 0; i < count; i++)
        make_receiver(&receiver[i], i, second);
    s->receiver = receiver;
    s->receivers = count;
    s->silent = count > 3;
    s->playing = count - (count > 3) - (count > 4);
    s->level = count > 3 ? VIEW_ALARM : count > 2 ? VIEW_WARNING : VIEW_WELL;
    if (count < 2)
        return;
    s->apart_us = 0.8;
    s->apart_p99_us = 1.4;
    snprintf(s->early, sizeof s->early, "stage-left");
    snprintf(s->late, sizeof s->late, "seat-0008");
    s->headroom_ms = count > 2 ? 0.4 : 6.2;
    snprintf(s->headroom_of, sizeof s->headroom_of, count > 2 ? "seat-0002" : "stage-left");
    s->safe_latency_ms = 9.6;
    for (unsigned k = 0; k < VIEW_HISTORY; k++) {
        s->aparts.value[k] = k < 10 ? NAN : (float)(0.8 + 0.4 * swing(second + k, 40));
        s->headrooms.value[k] = (float)(3 + 2.6 * swing(second + k, 90));
    }
}

static void add_alarm(struct view *v, enum view_alarm_kind kind, enum view_level level, const char *receiver,
                      double since_s, const char *why)
{
    struct view_alarm *a = &v->alarm[v->alarms++];

    *a = (struct view_alarm){.kind = kind, .level = level, .since_s = since_s};
    snprintf(a->stream, sizeof a->stream, "%s", v->stream[0].name);
    snprintf(a->receiver, sizeof a->receiver, "%s", receiver);
    snprintf(a->why, sizeof a->why, "%s", why);
    v->alarms_all = v->alarms;
}

void views_make(struct view *v, struct view_receiver *receiver, size_t count, unsigned second)
{
    double start_s = 1700000000;

    views_blank(v);
    v->time_s = start_s + second;
    locked(&v->clock, 0.12);
    v->heard_rtcp = 100 + second;
    v->malformed = v->refused = 0;
    v->streams = 2;
    make_hall(&v->stream[0], receiver, count, second);
    make_stream(&v->stream[1], "Lobby", 2);
    v->level = v->stream[0].level;
    if (count > 3)
        add_alarm(v, VIEW_ALARM_MISSING, VIEW_ALARM, "seat-0003", start_s - 60,
                  "nothing has been heard of it for 60 s, and it said no BYE");
    if (count > 2)
        add_alarm(v, VIEW_ALARM_HEADROOM, VIEW_WARNING, "seat-0002", start_s - 300,
                  "headroom is 0.4 ms, the limit 1.0 ms");
    if (count > 4)
        add_alarm(v, VIEW_ALARM_PTP, VIEW_NOTE, "seat-0004", start_s - 9000,
                  "nothing proves that its clock is the sender's");
}
