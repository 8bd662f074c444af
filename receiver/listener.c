// SPDX-License-Identifier: GPL-3.0-or-later
#include "listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/host/clock.h"
#include "proto/host/log.h"

enum { BUFFER_ENOUGH = 1 << 20 };

/* ---- opening --------------------------------------------------------------------------------------- */

int listener_open(struct listener *l, const struct listener_config *config, char *err, size_t err_size)
{
    const struct selection *s = config->selection;
    const struct follow_config follow = {
        .name = s->kind == SELECTION_STREAM ? s->target : "",
        .sdp = s->target,
        .discovery = config->discovery,
        .interface = config->discovery_interface,
        .link_ns = config->link_ns,
    };
    const struct recv_config recv = {.group = s->group, .interface = config->interface};
    int error = 0;

    *l = (struct listener){.config = *config, .settings = s->settings};
    l->vouch.label = l->label;
    if (config->several)
        snprintf(l->label, sizeof l->label, "%s: ", s->name);
    if (s->kind != SELECTION_GROUP)
        error = follow_open(&l->follow, &follow, clock_raw_now(), err, err_size);
    if (!error)
        error = recv_open(&l->receiver, &recv, l->interface, &l->buffer_bytes, err, err_size);
    return error;
}

void listener_close(struct listener *l)
{
    control_close(l->vouch.control);
    follow_close(l->follow);
    record_destroy(l->record);
    recv_close(l->receiver);
    *l = (struct listener){0};
}

/* Not needed to play: a failure is told, and no more. */
static void open_control(struct listener *l, const struct sockaddr_in *group)
{
    const struct control_config config = {
        .group = *group,
        .interface = l->config.interface,
        .cname = l->config.cname,
        .name = l->config.name,
        .tool = "unisono-recv " UNISONO_VERSION,
    };
    char err[512] = "";

    l->vouch = (struct vouch){.label = l->label};
    /* a description may have a port that leaves none above it for RTCP */
    if (ntohs(group->sin_port) == UINT16_MAX)
        log_warning("%sRTCP is not heard: there is no port above %u", l->label, UINT16_MAX);
    else if (control_open(&l->vouch.control, &config, clock_raw_now(), err, sizeof err))
        log_warning("%s%s; a sender of another PTP domain will not be noticed", l->label, err);
}

static void tell_buffer(const struct listener *l)
{
    if (l->buffer_bytes < BUFFER_ENOUGH)
        log_warning("%sreceive buffer is %d kB: raise net.core.rmem_max to ride out longer stalls", l->label,
                    l->buffer_bytes >> 10);
}

void listener_begin(struct listener *l)
{
    gauge_init(&l->gauge, clock_raw_now());
    if (l->follow)
        return;
    log_info("%slistening to %s on %s", l->label, l->config.selection->target, l->interface);
    tell_buffer(l);
    open_control(l, &l->config.selection->group);
}

/* ---- following -------------------------------------------------------------------------------------- */

/* To another group, or the same with another description. On failure all is as before. */
static int retune(struct listener *l, char *err, size_t err_size)
{
    const struct tuning *tuning = follow_tuning(l->follow);
    bool first = l->buffer_bytes == 0;
    int error = recv_retune(l->receiver, &tuning->group, tuning->source, &l->buffer_bytes, err, err_size);

    if (!error && l->record)
        error = record_retune(l->record, &tuning->group, tuning->source, &tuning->description, err, err_size);
    if (error)
        return error;
    if (l->playback)
        playback_describe(l->playback, l->config.voice, &tuning->description);
    follow_settle(l->follow, clock_raw_now());
    if (first)
        tell_buffer(l);
    /* the BYE goes out where it may at once: in a large group nobody waits for it */
    control_leave(l->vouch.control, clock_raw_now());
    control_close(l->vouch.control);
    open_control(l, &tuning->group);
    return 0;
}

/* Those of the newest description. */
static void note_names(struct listener *l)
{
    const char *names = follow_channel_names(l->follow);

    if (!names || (l->described && strcmp(names, l->channel_names) == 0))
        return;
    snprintf(l->channel_names, sizeof l->channel_names, "%s", names);
    sdp_names_list(names, &l->names);
    l->described = l->renamed = true;
}

/* Beside the sound it hears by itself; without a sound device it has the receiver for itself. */
static int start_record(struct listener *l, char *err, size_t err_size)
{
    const struct selection *s = l->config.selection;
    const struct record_config config = {
        .receiver = l->playback ? NULL : l->receiver,
        .group = s->group,
        .interface = l->config.interface,
        .description = l->config.description,
        .path = s->record,
        .title = s->target,
        .host = l->config.host,
    };

    return s->record[0] ? record_start(&l->record, &config, err, err_size) : 0;
}

int listener_start(struct listener *l, struct playback *playback, char *err, size_t err_size)
{
    const struct clock_map no_clock = {.state = MEDIA_CLOCK_NO_PTP};
    bool in_file = l->config.selection->kind == SELECTION_SDP;
    int error;

    l->playback = playback;
    if (playback)
        playback_set_voice(playback, l->config.voice, &l->settings);
    error = start_record(l, err, err_size);
    /* what is described in a file can be joined, or that is a failure of the start */
    if (!error && in_file && follow_run(l->follow, &no_clock, false, clock_raw_now()))
        error = retune(l, err, err_size);
    note_names(l);
    return error;
}

bool listener_take_names(struct listener *l, struct route_names *names)
{
    bool renamed = l->renamed;

    if (renamed)
        *names = (struct route_names){.count = l->names.count, .names = l->names.names};
    l->renamed = false;
    return renamed;
}

static void follow(struct listener *l, const struct playback_status *status, const struct clock_map *map,
                   raw_ns now)
{
    char err[512];

    if (follow_run(l->follow, map, status->rx.state != RX_IDLE, now) && retune(l, err, sizeof err))
        log_debug("%s%s", l->label, err);
    note_names(l);
}

int listener_reconnect(struct listener *l, char *err, size_t err_size)
{
    int error = recv_reopen(l->receiver, err, err_size);

    if (!error)
        error = control_reopen(l->vouch.control, err, err_size);
    return error ? error : record_reopen(l->record, err, err_size);
}

/* ---- running ----------------------------------------------------------------------------------------- */

void listener_set(struct listener *l, const struct voice_settings *settings)
{
    l->settings = *settings;
    playback_set_voice(l->playback, l->config.voice, settings);
}

/* How long before their time packets are going to come, as far as the sender tells. */
static void expect(struct listener *l, raw_ns now)
{
    struct rtcp_offer offer;
    int64_t lead_ns = 0;

    if (control_offer(l->vouch.control, now, &offer))
        lead_ns = offer.latency_ns - offer.hold_ns - ns_of_samples(offer.frames_per_packet, offer.rate_hz);
    playback_offer(l->playback, l->config.voice, lead_ns > 0 ? lead_ns : 0);
}

/* Tells the group how this receiver fares, when it is its turn. */
static void tell_group(struct listener *l, const struct playback_status *status,
                       const struct timekeeper *clock, int64_t delay_ns, raw_ns now)
{
    struct rx_distributions distributions = {0};
    struct telemetry telemetry;
    const struct clock_map *map = timekeeper_map(clock);
    const struct gauge_on on = {
        .status = status,
        .distributions = &distributions,
        .map = map,
        .clock = timekeeper_source(clock),
        .witness = !l->playback,
        .channels = l->playback ? playback_channels(l->playback) : 0,
        .delay_ns = delay_ns + l->settings.delay_ns,
        .refused = l->vouch.refused || follow_refuses(l->follow),
    };

    if (!control_due(l->vouch.control, &status->rx.stream, now))
        return;
    if (l->playback)
        playback_get_distributions(l->playback, l->config.voice, &distributions);
    gauge_telemetry(&l->gauge, &on, now, &telemetry);
    control_say(l->vouch.control, &status->rx.stream, &telemetry, rtcp_clock_of_map(map), now);
    gauge_reported(&l->gauge, &distributions, now);
}

static void get_recorded(struct listener *l, struct playback_status *status)
{
    struct record_status recorded = {.take.unknown_codec = -1};

    if (l->record)
        record_get_status(l->record, &recorded);
    *status = (struct playback_status){.cycles = recorded.cycles};
    status->rx.state = recorded.heard ? RX_PLAYING : RX_IDLE;
    status->rx.stream = recorded.stream;
    status->rx.link_ns = recorded.stream.claim.link_ns;
    status->rx.datagrams = recorded.take.datagrams;
    status->rx.malformed = recorded.take.malformed;
    status->rx.foreign = recorded.take.foreign;
    status->rx.absurd = recorded.take.absurd;
    status->rx.unknown_codec = recorded.take.unknown_codec;
    status->rx.unknown_rate = recorded.take.unknown_rate;
    status->rx.late = recorded.take.late;
    status->rx.early = recorded.take.early;
    status->rx.concealed = recorded.take.concealed;
}

void listener_get_status(struct listener *l, struct playback_status *status)
{
    if (l->playback)
        playback_get_status(l->playback, l->config.voice, status);
    else
        get_recorded(l, status);
}

bool listener_failed(struct listener *l)
{
    struct record_status status;

    if (!l->record)
        return false;
    record_get_status(l->record, &status);
    return status.state == RECORD_FAILED;
}

static void take_extremes(struct listener *l)
{
    struct playback_extremes extremes;

    if (playback_take_extremes(l->playback, l->config.voice, &extremes))
        gauge_extremes(&l->gauge, &extremes);
}

/* What the control thread does for the sound. */
static void attend_playback(struct listener *l, const struct playback_status *status, bool refused,
                            raw_ns now)
{
    const unsigned voice = l->config.voice;

    playback_refuse(l->playback, voice, refused || follow_refuses(l->follow));
    if (l->vouch.gone)
        playback_bye(l->playback, voice, status->rx.stream.claim.ssrc);
    expect(l, now);
    take_extremes(l);
}

void listener_run(struct listener *l, const struct timekeeper *clock, int64_t delay_ns, raw_ns now)
{
    const struct clock_map *map = timekeeper_map(clock);
    struct playback_status status;
    bool refused;

    if (l->record)
        record_run(l->record, map, timekeeper_source(clock));
    listener_get_status(l, &status);
    follow(l, &status, map, now);
    refused = vouch_run(&l->vouch, &status, map, now);
    if (l->playback)
        attend_playback(l, &status, refused, now);
    tell_group(l, &status, clock, delay_ns, now);
    recv_sweep(l->receiver);
}

void listener_stop(struct listener *l)
{
    record_stop(l->record);
    if (l->playback)
        take_extremes(l);
}

bool listener_leave(struct listener *l, raw_ns now)
{
    struct rtcp_report ignored;

    control_poll(l->vouch.control, 0, 0, &ignored);
    return control_leave(l->vouch.control, now);
}
