// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * unisono-recv: sets everything up, hands the sound to the playback thread, and stays as the control thread:
 * clock, status, log, signals.
 */
#include <errno.h>
#include <math.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "follow.h"
#include "list.h"
#include "playback.h"
#include "proto/host/clock.h"
#include "proto/host/log.h"
#include "proto/host/net.h"
#include "proto/host/netwatch.h"
#include "proto/host/service.h"
#include "proto/host/signals.h"
#include "proto/host/stats.h"
#include "proto/host/timekeeper.h"
#include "proto/host/waiting.h"
#include "recv.h"
#include "recv_options.h"
#include "report.h"

enum {
    BUFFER_MS = 85 /* the card's: the longest stall of either end that its queue can cover */
};

struct recv_app {
    struct recv_options options;
    int signals;
    struct service service;
    struct waiting waiting;
    struct stats *stats;
    struct timekeeper *clock;
    struct receiver *receiver;
    struct follow *follow; /* NULL: a group was given */
    struct playback *playback;
    struct gauge gauge;
    struct vouch vouch;       /* holds the receiver's end of RTCP */
    struct netwatch *network; /* NULL: not watched */
    char host[64];
    char interface[IF_NAMESIZE];
    int buffer_bytes;  /* of the socket */
    char warning[256]; /* of the real-time set-up */
};

/* Sound can be heard without an address, but RTCP has to be sent from one. */
static int need_address(const struct sockaddr_in *group, const char *interface, char *err, size_t err_size)
{
    struct net_interface found;
    int error = net_find_interface(interface, group, &found, err, err_size);

    if (!error && found.address.s_addr == INADDR_ANY) {
        snprintf(err, err_size, "interface %s has no IPv4 address", found.name);
        error = -EADDRNOTAVAIL;
    }
    return error;
}

static int open_network(struct recv_app *app, char *err, size_t err_size)
{
    const struct recv_options *o = &app->options;
    struct recv_config config = {.interface = o->interface};
    const struct follow_config follow = {o->stream, o->sdp, o->interface, llround(o->latency_ms * 1e6)};
    struct sockaddr_in group;
    int error = option_parse_group(o->group, &group, err, err_size);

    if (!error && o->wait)
        error = need_address(&group, o->interface, err, err_size);
    if (!error && (o->stream[0] || o->sdp[0]))
        error = follow_open(&app->follow, &follow, clock_raw_now(), err, err_size);
    else
        config.group = group;
    if (!error)
        error = recv_open(&app->receiver, &config, app->interface, &app->buffer_bytes, err, err_size);
    return error;
}

static int start_playback(struct recv_app *app, char *err, size_t err_size)
{
    const struct recv_options *o = &app->options;
    struct playback_config config = {
        .receivers = {app->receiver},
        .realtime_priority = o->realtime,
        .card = {.direction = CARD_PLAYBACK,
                 .device = o->device,
                 .rate_hz = o->rate_hz ? o->rate_hz : 48000,
                 .channels = o->channels ? o->channels : 2,
                 .buffer_ms = BUFFER_MS},
        .rx = {.quality = (enum resample_quality)o->resampler,
               .voices = 1,
               .settings = {.gain = pow(10, o->gain_db / 20), .delay_ns = llround(o->delay_ms * 1e6)},
               .duck = DUCK_STANDARD,
               .mute_on_loss = o->on_ptp_loss == ON_PTP_LOSS_MUTE,
               .plain = o->profile == OPTION_PROFILE_AES67,
               .codec = o->codec < 0 ? RTP_CODEC_L24 : (enum rtp_codec)o->codec,
               .rate_hz = o->rate_hz,
               .channels = o->channels,
               .link_ns = llround(o->latency_ms * 1e6),
               .seed = (uint64_t)getpid() * 0x9e3779b97f4a7c15u},
    };

    return playback_start(&app->playback, &config, app->warning, sizeof app->warning, err, err_size);
}

/* Not needed to play: a failure is told, and no more. */
static void open_control(struct recv_app *app, const struct sockaddr_in *group)
{
    char err[512] = "", cname[RTCP_CNAME_MAX + 1];
    struct control_config config = {
        .group = *group,
        .interface = app->options.interface,
        .cname = cname,
        .name = *app->options.name ? app->options.name : app->host,
        .tool = "unisono-recv " UNISONO_VERSION,
    };

    /* receivers of one host have a card each */
    snprintf(cname, sizeof cname, "%.180s@%s", app->options.device, app->host);
    /* a description may have a port that leaves none above it for RTCP */
    if (ntohs(group->sin_port) == UINT16_MAX)
        log_warning("RTCP is not heard: there is no port above %u", UINT16_MAX);
    else if (control_open(&app->vouch.control, &config, clock_raw_now(), err, sizeof err))
        log_warning("%s; a sender of another PTP domain will not be noticed", err);
}

/* Where a stream is followed, the standard group stands for all: it picks the interface, if nobody did. */
static void watch_network(struct recv_app *app)
{
    struct sockaddr_in group;
    char err[512] = "";

    if (option_parse_group(app->options.group, &group, err, sizeof err))
        return;
    if (!app->follow)
        open_control(app, &group);
    if (netwatch_open(&app->network, app->options.interface, &group, err, sizeof err))
        log_warning("%s", err);
}

static void tell_buffer(const struct recv_app *app)
{
    if (app->buffer_bytes < 1 << 20)
        log_warning("receive buffer is %d kB: raise net.core.rmem_max to ride out longer stalls",
                    app->buffer_bytes >> 10);
}

/* To another group, or the same with another description. On failure all is as before. */
static int retune(struct recv_app *app, char *err, size_t err_size)
{
    const struct tuning *tuning = follow_tuning(app->follow);
    bool first = app->buffer_bytes == 0;
    int error = recv_retune(app->receiver, &tuning->group, tuning->source, &app->buffer_bytes, err, err_size);

    if (error)
        return error;
    playback_describe(app->playback, 0, &tuning->description);
    follow_settle(app->follow, clock_raw_now());
    if (first)
        tell_buffer(app);
    /* the BYE goes out where it may at once: in a large group nobody waits for it */
    control_leave(app->vouch.control, clock_raw_now());
    control_close(app->vouch.control);
    app->vouch = (struct vouch){0};
    open_control(app, &tuning->group);
    return 0;
}

static void follow(struct recv_app *app, const struct playback_status *status, const struct clock_map *map,
                   raw_ns now)
{
    char err[512];

    if (follow_run(app->follow, map, status->rx.state != RX_IDLE, now) && retune(app, err, sizeof err))
        log_debug("%s", err);
}

/* After the interface came back; what fails is tried again. */
static void reconnect(struct recv_app *app)
{
    char err[512];

    if (recv_reopen(app->receiver, err, sizeof err) || control_reopen(app->vouch.control, err, sizeof err) ||
        follow_reopen(app->follow, err, sizeof err))
        log_debug("%s", err);
    else
        netwatch_settle(app->network);
}

/* What was set up. Said only when all of it was: a failure is one line. */
static void tell_start(const struct recv_app *app)
{
    if (!app->follow) {
        log_info("listening to %s on %s", app->options.group, app->interface);
        tell_buffer(app);
    }
    log_info("playing on %s", playback_device(app->playback));
    if (playback_device_warning(app->playback))
        log_warning("sound device %s: %s", app->options.device, playback_device_warning(app->playback));
    if (*app->warning)
        log_warning("%s", app->warning);
}

/* Tells the group how this receiver fares, when it is its turn. */
static void tell_group(struct recv_app *app, const struct playback_status *status, raw_ns now)
{
    struct rx_distributions distributions;
    struct telemetry telemetry;
    const struct clock_map *map = timekeeper_map(app->clock);
    const struct gauge_on on = {
        .status = status,
        .distributions = &distributions,
        .map = map,
        .clock = timekeeper_source(app->clock),
        .channels = playback_channels(app->playback),
        .delay_ns = llround(app->options.delay_ms * 1e6),
        .refused = app->vouch.refused || follow_refuses(app->follow),
    };

    if (!control_due(app->vouch.control, &status->rx.stream, now))
        return;
    playback_get_distributions(app->playback, 0, &distributions);
    gauge_telemetry(&app->gauge, &on, now, &telemetry);
    control_say(app->vouch.control, &status->rx.stream, &telemetry, rtcp_clock_of_map(map), now);
    gauge_reported(&app->gauge, &distributions, now);
}

/* The control thread's life: until a signal ends it. */
static void control(struct recv_app *app)
{
    struct pollfd fd = {.fd = app->signals, .events = POLLIN};
    struct report report = {0};
    const struct report_on on = {app->playback, &app->gauge,  app->receiver, app->clock,
                                 &app->vouch,   app->network, &app->service, app->follow};
    struct playback_status status;
    struct playback_extremes extremes;
    raw_ns next = clock_raw_now();

    gauge_init(&app->gauge, next);
    while (poll(&fd, 1, TIMEKEEPER_INTERVAL_MS) == 0) {
        raw_ns now = clock_raw_now();
        const struct clock_map *map = timekeeper_run(app->clock);

        playback_set_clock(app->playback, map);
        playback_get_status(app->playback, 0, &status);
        service_ready(&app->service);
        service_alive(&app->service, now, status.cycles);
        follow(app, &status, map, now);
        playback_refuse(app->playback, 0,
                        vouch_run(&app->vouch, &status, map, now) || follow_refuses(app->follow));
        if (app->vouch.gone)
            playback_bye(app->playback, 0, status.rx.stream.claim.ssrc);
        if (playback_take_extremes(app->playback, 0, &extremes))
            gauge_extremes(&app->gauge, &extremes);
        tell_group(app, &status, now);
        if (netwatch_run(app->network, now))
            reconnect(app);
        recv_sweep(app->receiver);
        if (now.ns < next.ns)
            continue;
        next.ns += NS_PER_S;
        report_second(&report, &on, app->stats);
    }
}

/* Nothing is heard any more; the group shall know. */
static void leave(struct recv_app *app)
{
    struct rtcp_report ignored;

    while (control_leave(app->vouch.control, clock_raw_now())) {
        poll(NULL, 0, TIMEKEEPER_INTERVAL_MS);
        control_poll(app->vouch.control, 0, 0, &ignored);
    }
}

static int open_all(struct recv_app *app, char *err, size_t err_size)
{
    const struct clock_map no_clock = {.state = MEDIA_CLOCK_NO_PTP};
    const struct recv_options *o = &app->options;
    int error;

    waiting_need(&app->waiting, "clock", o->clock);
    error = timekeeper_open(&app->clock, o->clock, (int)o->ptp_domain, err, err_size);
    if (!error) {
        waiting_need(&app->waiting, *o->interface ? "network interface" : "a route to",
                     *o->interface ? o->interface : o->group);
        error = open_network(app, err, err_size);
    }
    if (!error) {
        waiting_need(&app->waiting, "sound device", o->device);
        error = start_playback(app, err, err_size);
    }
    /* what is described in a file can be joined, or that is a failure of the start */
    if (!error && o->sdp[0] && follow_run(app->follow, &no_clock, false, clock_raw_now()))
        error = retune(app, err, err_size);
    /* last, so that a start that fails leaves no file behind */
    if (!error) {
        waiting_need(&app->waiting, NULL, NULL);
        error = stats_open(&app->stats, o->stats, err, err_size);
    }
    return error;
}

static void close_all(struct recv_app *app)
{
    playback_stop(app->playback);
    recv_close(app->receiver);
    control_close(app->vouch.control);
    follow_close(app->follow);
    timekeeper_close(app->clock);
    app->vouch.control = NULL;
    app->buffer_bytes = 0;
    app->follow = NULL;
    app->playback = NULL;
    app->receiver = NULL;
    app->clock = NULL;
}

static int run(struct recv_app *app)
{
    char err[512] = "";
    int error;

    do {
        error = open_all(app, err, sizeof err);
        if (error)
            close_all(app);
    } while (error && waiting_again(&app->waiting, error, err));
    if (error && !app->waiting.stopped) {
        log_error("%s", err);
        return EXIT_FAILURE;
    }
    if (!error) {
        waiting_over(&app->waiting);
        tell_start(app);
        watch_network(app);
        control(app);
    }
    log_info("stopping");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct recv_app app = {.signals = -1};
    int status;

    if (!options_parse(&recv_options_program, &app.options, argc, argv, stdout, stderr, &status))
        return status;
    log_start(&(struct log_config){"unisono-recv", (enum log_level)app.options.log, STDERR_FILENO});
    app.signals = signals_take();
    gethostname(app.host, sizeof app.host - 1);
    if (app.options.list) {
        status = list_run(&app.options, app.signals, stdout);
        close(app.signals);
        return status;
    }
    service_open(&app.service, clock_raw_now());
    app.waiting =
        (struct waiting){.allowed = app.options.wait, .signals = app.signals, .service = &app.service};
    status = run(&app);
    service_stopping(&app.service);
    playback_stop(app.playback);
    leave(&app);
    control_close(app.vouch.control);
    follow_close(app.follow);
    netwatch_close(app.network);
    recv_close(app.receiver);
    timekeeper_close(app.clock);
    stats_close(app.stats);
    service_close(&app.service);
    close(app.signals);
    return status;
}
