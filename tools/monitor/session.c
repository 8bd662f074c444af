// SPDX-License-Identifier: GPL-3.0-or-later
#include "session.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "figures.h"

#define FORGOTTEN_NS  (60 * NS_PER_S)
#define ANNOUNCED_NS  (3 * NS_PER_S) /* session_describe() comes each second while one stands */
#define REPORTS_NS    (3 * NS_PER_S) /* a sender's are a second apart */
#define SENDER_GONE   (5 * NS_PER_S)
#define SILENCE_NS    (5 * NS_PER_S) /* a restart of the sender is no silence */
#define RIVAL_NS      (3 * NS_PER_S)
#define HEADERS_BYTES (28 + RTP_FIXED_BYTES + RTP_EXT_BYTES)

void session_begin(struct session *s, const struct sockaddr_in *group, bool kept, bool witnessed, raw_ns now)
{
    *s = (struct session){.used = true,
                          .kept = kept,
                          .group = *group,
                          .heard = now,
                          .began = now,
                          .sender = SESSION_NOBODY,
                          .witnessed = witnessed,
                          .least_headroom_ms = NAN};
    witness_init(&s->witness);
    figure_history_clear(&s->aparts);
    figure_history_clear(&s->headrooms);
}

void session_describe(struct session *s, const struct sdp_stream *sdp, raw_ns now)
{
    struct witness_format format = {.known = true,
                                    .codec = sdp->codec,
                                    .rate_hz = sdp->rate_hz,
                                    .channels = sdp->channels,
                                    .ext_id = sdp->ext_id};

    s->described = true;
    s->announced = s->heard = now;
    s->sdp = *sdp;
    witness_expect(&s->witness, &format);
}

static void take_ssrc(struct session *s, uint32_t ssrc, raw_ns now)
{
    if (s->ssrc == ssrc)
        return;
    s->ssrc = ssrc;
    s->ssrc_since = s->sound_since = now;
    s->least_headroom_ms = NAN;
    s->packets_grew.ns = 0;
}

static void note_rival(struct session *s, uint32_t ssrc, uint64_t source, raw_ns now)
{
    s->rival_ssrc = ssrc;
    s->rival_source = source;
    s->rival_at = now;
}

/* Whether another than the present sender may take its place. */
static bool is_free(const struct session *s, const struct roster_member *present, uint32_t ssrc, raw_ns now)
{
    bool heard = s->witness.stream.locked && !stream_stale(&s->witness.stream, now);

    if (heard)
        return ssrc == s->witness.stream.claim.ssrc;
    return !present || s->left || now.ns - present->newest.ns > SENDER_GONE;
}

void session_sender_says(struct session *s, size_t place, const struct rtcp_report *report, uint64_t source,
                         const struct roster_member *present, raw_ns now)
{
    if (place != s->sender) {
        if (!is_free(s, present, report->ssrc, now)) {
            note_rival(s, report->ssrc, source, now);
            return;
        }
        s->sender = place;
    }
    s->left = report->bye;
    s->standby = report->has_offer && report->offer.standby;
    take_ssrc(s, report->ssrc, now);
    if (report->has_sr && report->packets != s->packets)
        s->packets_grew = now;
    s->packets = report->packets;
    witness_sender_says(&s->witness, report);
}

/* ---- sender, description, sound --------------------------------------------------------------------- */

static void show_description(const struct session *s, struct view_stream *v)
{
    const struct sdp_stream *sdp = &s->sdp;
    uint32_t frames = sdp->framecount;

    figure_text(v->name, sizeof v->name, sdp->name);
    figure_text(v->codec, sizeof v->codec, rtp_codec_name(sdp->codec));
    v->rate_hz = sdp->rate_hz;
    v->channels = sdp->channels;
    if (frames || sdp->ptime_us)
        v->ptime_ms = frames ? frames * 1e3 / sdp->rate_hz : sdp->ptime_us / 1e3;
    if (sdp->refclk.kind == SDP_REFCLK_PTP && sdp->refclk.domain != SDP_DOMAIN_UNKNOWN && sdp->refclk.gm_id) {
        struct rtcp_clock clock = {
            .known = true, .domain = (uint8_t)sdp->refclk.domain, .gm_id = sdp->refclk.gm_id};

        figure_clock(&v->clock, &clock);
    }
}

static void show_offer(const struct rtcp_offer *offer, struct view_stream *v)
{
    figure_text(v->codec, sizeof v->codec, rtp_codec_name(offer->codec));
    v->rate_hz = offer->rate_hz;
    v->channels = offer->channels;
    v->ptime_ms = offer->frames_per_packet * 1e3 / offer->rate_hz;
    v->latency_ms = (double)offer->latency_ns / 1e6;
    v->waiting = offer->waiting;
}

static void show_sender(const struct session *s, const struct roster_member *sender, struct view_stream *v)
{
    if (!*v->name)
        figure_text(v->name, sizeof v->name, sender->name);
    figure_text(v->host, sizeof v->host, roster_host(sender));
    figure_text(v->tool, sizeof v->tool, sender->tool);
    figure_address(v->sender, sizeof v->sender, (uint32_t)sender->source);
    if (sender->has_offer)
        show_offer(&sender->offer, v);
    if (sender->has_clock)
        figure_clock(&v->clock, &sender->clock);
    v->waiting = v->waiting && !s->left;
}

/* Where nobody describes the stream, it does so itself. */
static void show_claim(const struct witness *w, struct view_stream *v)
{
    const struct stream_claim *claim = &w->stream.claim;
    const char *codec = rtp_codec_name(claim->codec);

    if (!w->stream.locked)
        return;
    if (!v->rate_hz) {
        figure_text(v->codec, sizeof v->codec, codec ? codec : "");
        v->rate_hz = claim->rate_hz;
        v->channels = claim->channels;
    }
    if (isnan(v->ptime_ms) && w->frames)
        v->ptime_ms = w->frames * 1e3 / claim->rate_hz;
    if (isnan(v->latency_ms) && !w->plain)
        v->latency_ms = (double)claim->link_ns / 1e6;
    if (!*v->sender)
        figure_address(v->sender, sizeof v->sender, (uint32_t)claim->source);
}

static double packet_bytes(const struct view_stream *v, const struct roster_member *sender)
{
    /* of a codec whose packets have no size of their own nobody knows */
    if (!sender || !sender->has_offer || rtp_codec_sample_bytes(sender->offer.codec) == 0)
        return NAN;
    return HEADERS_BYTES +
           sender->offer.frames_per_packet * v->channels * rtp_codec_sample_bytes(sender->offer.codec);
}

static void show_sound(struct session *s, const struct session_second *at, const struct roster_member *sender,
                       struct view_stream *v)
{
    struct witness *w = &s->witness;
    bool began = w->began;

    if (s->recorded)
        testimony_show(&s->testimony, v->rate_hz, v->latency_ms, packet_bytes(v, sender), &v->witness,
                       at->now);
    else if (s->witnessed && witness_intruded(w))
        note_rival(s, w->intruder_ssrc, w->intruder_source, at->now);
    if (s->witnessed)
        witness_tick(w, at->map, at->now, at->seconds, &v->witness);
    else if (!s->recorded)
        witness_nothing(&v->witness);
    if (v->witness.hears)
        s->heard = at->now;
    if (v->witness.hears && s->recorded)
        take_ssrc(s, s->testimony.report.block.ssrc, at->now);
    else if (v->witness.hears && w->stream.locked)
        take_ssrc(s, w->stream.claim.ssrc, at->now);
    v->ssrc = s->ssrc;
    v->on_air = v->witness.hears || (!s->witnessed && s->packets_grew.ns && !s->left && !s->standby &&
                                     at->now.ns - s->packets_grew.ns < REPORTS_NS);
    v->standby =
        s->standby && !s->left && !v->on_air && sender && at->now.ns - sender->newest.ns < REPORTS_NS;
    if (began || (v->on_air && s->stood_by))
        s->sound_since = at->now;
    s->stood_by = v->standby;
}

/* Whose time counts: the sender's, else that of most members (Boyer and Moore's vote). */
static void find_reference(const struct session_second *at, const struct roster_member *sender,
                           struct member_context *context)
{
    size_t votes = 0;

    context->of_sender = sender && sender->has_clock && sender->clock.known;
    context->has_reference = context->of_sender;
    if (context->of_sender)
        context->reference = sender->clock;
    for (size_t i = 0; i < at->count && !context->of_sender; i++) {
        const struct roster_member *m = roster_at(at->roster, at->places[i]);

        if (!m->has_clock || !m->clock.known)
            continue;
        if (votes == 0)
            context->reference = m->clock;
        votes += m->clock.domain == context->reference.domain && m->clock.gm_id == context->reference.gm_id
                     ? 1
                     : SIZE_MAX;
        context->has_reference = true;
    }
}

void session_show(struct session *s, const struct session_second *at, struct view_stream *v,
                  struct member_context *context)
{
    const struct roster_member *sender =
        s->sender == SESSION_NOBODY ? NULL : roster_at(at->roster, s->sender);

    *v = (struct view_stream){.ptime_ms = NAN, .latency_ms = NAN, .clock = figure_no_clock()};
    v->announced = s->described && at->now.ns - s->announced.ns < ANNOUNCED_NS;
    figure_group(v->group, sizeof v->group, s->group.sin_addr.s_addr, ntohs(s->group.sin_port));
    if (s->described)
        show_description(s, v);
    if (sender)
        show_sender(s, sender, v);
    show_claim(&s->witness, v);
    show_sound(s, at, sender, v);
    if (!*v->name)
        figure_text(v->name, sizeof v->name, v->group);
    *context = (struct member_context){.now = at->now,
                                       .time_s = at->time_s,
                                       .limits = at->limits,
                                       .on_air = v->on_air,
                                       .rate_hz = v->rate_hz,
                                       .sound_since = s->sound_since};
    find_reference(at, sender, context);
}

/* ---- alignment ------------------------------------------------------------------------------------- */

/* The two highest ends of all, of two members. */
struct ends {
    double first, second;
    size_t of;
};

static void take_end(struct ends *ends, double value, size_t place)
{
    if (isnan(ends->first) || value > ends->first) {
        ends->second = ends->first;
        ends->first = value;
        ends->of = place;
    } else if (isnan(ends->second) || value > ends->second) {
        ends->second = value;
    }
}

/* Largest distance of one member's late end from another's early end. */
static double span(const struct ends *late, const struct ends *early)
{
    if (late->of != early->of)
        return late->first + early->first;
    return fmax(late->first + early->second, late->second + early->first);
}

/* Sorts them (Shell's way). */
static float median_of(float *values, size_t count)
{
    for (size_t gap = count / 2; gap > 0; gap /= 2)
        for (size_t i = gap; i < count; i++) {
            float moved = values[i];
            size_t to = i;

            for (; to >= gap && values[to - gap] > moved; to -= gap)
                values[to] = values[to - gap];
            values[to] = moved;
        }
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static void compare_headrooms(struct session *s, const struct session_second *at, struct view_stream *v)
{
    v->headroom_ms = v->safe_latency_ms = NAN;
    for (size_t i = 0; i < at->count; i++) {
        const struct member *m = &at->members[at->places[i]];

        if (!m->plays || isnan(m->view.headroom_ms) || m->view.headroom_ms >= v->headroom_ms)
            continue;
        v->headroom_ms = m->view.headroom_ms;
        memcpy(v->headroom_of, m->view.name, sizeof v->headroom_of);
    }
    s->least_headroom_ms = fmin(s->least_headroom_ms, v->headroom_ms);
    v->safe_latency_ms = v->latency_ms - s->least_headroom_ms;
    figure_history_add(&s->headrooms, v->headroom_ms);
    v->headrooms = s->headrooms;
}

void session_compare(struct session *s, const struct session_second *at, struct view_stream *v)
{
    struct ends late = {NAN, NAN, SESSION_NOBODY}, early = late, wide_late = late, wide_early = late;
    float middle;

    for (size_t i = 0; i < at->count; i++) {
        const struct member *m = &at->members[at->places[i]];
        double error = m->view.error_us, spread = fmax(0, m->view.error_p99_us - fabs(error));

        v->silent += m->silent;
        if (!m->plays)
            continue;
        at->room[v->playing++] = (float)error;
        take_end(&late, error, at->places[i]);
        take_end(&early, -error, at->places[i]);
        take_end(&wide_late, error + spread, at->places[i]);
        take_end(&wide_early, -error + spread, at->places[i]);
    }
    v->receivers = at->count;
    v->apart_limit_us = at->limits->alignment_us;
    v->apart_us = v->apart_p99_us = NAN;
    if (v->playing >= 2) {
        v->apart_us = late.first + early.first;
        v->apart_p99_us = span(&wide_late, &wide_early);
        memcpy(v->early, at->members[early.of].view.name, sizeof v->early);
        memcpy(v->late, at->members[late.of].view.name, sizeof v->late);
        middle = median_of(at->room, v->playing);
        for (size_t i = 0; i < at->count; i++)
            if (at->members[at->places[i]].plays)
                at->members[at->places[i]].view.apart_us =
                    at->members[at->places[i]].view.error_us - (double)middle;
    }
    figure_history_add(&s->aparts, v->apart_us);
    v->aparts = s->aparts;
    compare_headrooms(s, at, v);
}

/* ---- alarms ---------------------------------------------------------------------------------------- */

static void judge_sender(struct session *s, const struct session_second *at, struct view_stream *v)
{
    const struct roster_member *sender =
        s->sender == SESSION_NOBODY ? NULL : roster_at(at->roster, s->sender);
    struct alarm *ptp = &s->alarms[VIEW_ALARM_PTP];

    if (!sender || s->left || at->now.ns - sender->newest.ns > SENDER_GONE || !sender->has_clock)
        return;
    if (sender->clock.holdover)
        alarm_raise(ptp, VIEW_WARNING, at->now, "the sender's clock runs on without its grandmaster %s",
                    v->clock.grandmaster);
    else if (!sender->clock.known)
        alarm_raise(ptp, VIEW_NOTE, at->now,
                    "nothing proves the sender's time: no grandmaster is known to it");
}

static void judge_sound(struct session *s, const struct session_second *at, const struct view_stream *v)
{
    struct alarm *stream = &s->alarms[VIEW_ALARM_STREAM];
    /* after the end of a page its sender is still to say goodbye */
    bool vanished = s->ssrc && !s->left && (!s->witness.ended || s->standby);
    char address[16];

    if (v->on_air || v->waiting || v->standby || (!v->announced && !vanished))
        s->silent_since.ns = 0;
    else if (!s->silent_since.ns)
        s->silent_since = at->now;
    if (!v->witness.honest)
        alarm_raise(stream, VIEW_ALARM, at->now, "%s", v->witness.dishonest);
    if (s->silent_since.ns && at->now.ns - s->silent_since.ns >= SILENCE_NS)
        alarm_raise(stream, VIEW_ALARM, at->now, "%s, and silent for %.0f s",
                    v->announced ? "it is announced" : "its sender did not say goodbye",
                    (double)(at->now.ns - s->silent_since.ns) / 1e9);
    if (s->rival_at.ns && at->now.ns - s->rival_at.ns < RIVAL_NS) {
        figure_address(address, sizeof address, (uint32_t)s->rival_source);
        alarm_raise(stream, VIEW_ALARM, at->now, "a second sender is on the group: %s, SSRC %08x", address,
                    s->rival_ssrc);
    }
    if (v->witness.loss_percent > at->limits->loss_percent)
        alarm_raise(&s->alarms[VIEW_ALARM_LOSS], VIEW_WARNING, at->now,
                    "on the way to this monitor %.2f %% were lost; the limit is %g %%",
                    v->witness.loss_percent, at->limits->loss_percent);
}

void session_judge(struct session *s, const struct session_second *at, struct view_stream *v)
{
    judge_sender(s, at, v);
    judge_sound(s, at, v);
    if (v->apart_us > at->limits->alignment_us)
        alarm_raise(&s->alarms[VIEW_ALARM_ALIGNMENT], VIEW_ALARM, at->now,
                    "%s and %s are %.1f us apart; the limit is %g us", v->early, v->late, v->apart_us,
                    at->limits->alignment_us);
    alarms_settle(s->alarms, at->now, at->time_s);
    v->level = alarms_level(s->alarms);
    for (size_t i = 0; i < at->count; i++)
        if (at->members[at->places[i]].view.level > v->level)
            v->level = at->members[at->places[i]].view.level;
}

bool session_is_over(const struct session *s, raw_ns now)
{
    return !s->kept && now.ns - s->heard.ns > FORGOTTEN_NS;
}
