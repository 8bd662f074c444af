// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * unisono-recv: sets everything up, hands the sound to the playback thread, and stays as the control thread:
 * clock, status, log, signals.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "list.h"
#include "listener.h"
#include "playback.h"
#include "proto/host/clock.h"
#include "proto/host/discovery.h"
#include "proto/host/log.h"
#include "proto/host/net.h"
#include "proto/host/netwatch.h"
#include "proto/host/service.h"
#include "proto/host/signals.h"
#include "proto/host/stats.h"
#include "proto/host/timekeeper.h"
#include "proto/host/waiting.h"
#include "recv_options.h"
#include "report.h"

enum {
    BUFFER_MS = 85 /* the card's: the longest stall of either end that its queue can cover */
};

struct recv_app {
    struct recv_options options;
    struct selection selections[RX_VOICES_MAX];
    struct listener listeners[RX_VOICES_MAX];
    unsigned count;           /* of both */
    struct sockaddr_in group; /* picks the interface, if nobody did: the first group */
    int signals;
    struct service service;
    struct waiting waiting;
    struct stats *stats;
    struct timekeeper *clock;
    struct discovery *discovery; /* NULL: no stream is looked for by its name */
    struct playback *playback;   /* NULL: there is no sound device */
    struct rx_settings settings; /* of the whole output */
    struct console console;      /* changes them */
    struct netwatch *network;    /* NULL: not watched */
    struct report report;        /* what was told before */
    char host[64];
    char cname[RTCP_CNAME_MAX + 1];
    char discovery_interface[IF_NAMESIZE];
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

/* What is said of a stream that does not describe itself; rx_create() takes the same. */
static struct stream_description described(const struct recv_options *o)
{
    return (struct stream_description){
        .ext_id = RTP_EXT_ID_DEFAULT,
        .plain = o->profile == OPTION_PROFILE_AES67,
        .claim = {.codec = o->codec < 0 ? RTP_CODEC_L24 : (enum rtp_codec)o->codec,
                  .rate_hz = o->rate_hz,
                  .channels = o->channels,
                  .link_ns = llround(o->latency_ms * 1e6)},
    };
}

static int open_network(struct recv_app *app, char *err, size_t err_size)
{
    const struct recv_options *o = &app->options;
    struct listener_config config = {
        .several = app->count > 1,
        .interface = o->interface,
        .discovery_interface = app->discovery_interface,
        .link_ns = llround(o->latency_ms * 1e6),
        .cname = app->cname,
        .name = *o->name ? o->name : app->host,
        .host = app->host,
        .description = described(o),
    };
    int error = o->wait ? need_address(&app->group, o->interface, err, err_size) : 0;

    if (!error && o->streams.count > 0)
        error = discovery_open(&app->discovery, o->interface, app->discovery_interface, err, err_size);
    config.discovery = app->discovery;
    for (unsigned i = 0; i < app->count && !error; i++) {
        config.voice = i;
        config.selection = &app->selections[i];
        error = listener_open(&app->listeners[i], &config, err, err_size);
    }
    return error;
}

static int start_playback(struct recv_app *app, char *err, size_t err_size)
{
    const struct recv_options *o = &app->options;
    struct playback_config config = {
        .realtime_priority = o->realtime,
        .card = {.direction = CARD_PLAYBACK,
                 .device = o->device,
                 .rate_hz = recv_options_place(o).card_rate_hz,
                 .channels = recv_options_card_channels(o),
                 .buffer_ms = BUFFER_MS},
        .rx = {.quality = (enum resample_quality)o->resampler,
               .voices = app->count,
               .settings = app->settings,
               .duck = recv_options_duck(o),
               .mute_on_loss = o->on_ptp_loss == ON_PTP_LOSS_MUTE,
               .plain = o->profile == OPTION_PROFILE_AES67,
               .codec = o->codec < 0 ? RTP_CODEC_L24 : (enum rtp_codec)o->codec,
               .rate_hz = o->rate_hz,
               .channels = o->channels,
               .link_ns = llround(o->latency_ms * 1e6),
               .seed = (uint64_t)getpid() * 0x9e3779b97f4a7c15u},
    };

    for (unsigned i = 0; i < app->count; i++)
        config.receivers[i] = app->listeners[i].receiver;
    return playback_start(&app->playback, &config, app->warning, sizeof app->warning, err, err_size);
}

/* After the interface came back; what fails is tried again. */
static void reconnect(struct recv_app *app)
{
    char err[512];
    int error = app->discovery ? discovery_reopen(app->discovery, err, sizeof err) : 0;

    for (unsigned i = 0; i < app->count && !error; i++)
        error = listener_reconnect(&app->listeners[i], err, sizeof err);
    if (error)
        log_debug("%s", err);
    else
        netwatch_settle(app->network);
}

static void begin_sound(struct recv_app *app)
{
    const struct recv_options *o = &app->options;

    log_info("playing on %s", playback_device(app->playback));
    if (playback_device_warning(app->playback))
        log_warning("sound device %s: %s", o->device, playback_device_warning(app->playback));
    if (*app->warning)
        log_warning("%s", app->warning);
    console_open(&app->console, o, *o->name ? o->name : app->host, app->playback, app->listeners, app->count,
                 &app->settings);
}

/* What was set up. Said only when all of it was: a failure is one line. */
static void begin(struct recv_app *app)
{
    const struct recv_options *o = &app->options;
    char err[512];

    for (unsigned i = 0; i < app->count; i++)
        listener_begin(&app->listeners[i]);
    if (app->playback)
        begin_sound(app);
    else if (strchr(o->control, '/'))
        log_warning("--control %s: there is nothing to change with --device none; no socket is made",
                    o->control);
    if (netwatch_open(&app->network, o->interface, &app->group, err, sizeof err))
        log_warning("%s", err);
}

/* There is no sound, and the recordings, which are all there is to do, have failed. */
static bool nothing_left(struct recv_app *app)
{
    unsigned recorded = 0, failed = 0;

    for (unsigned i = 0; i < app->count; i++) {
        recorded += app->listeners[i].record != NULL;
        failed += listener_failed(&app->listeners[i]);
    }
    return !app->playback && failed == recorded;
}

static struct report_on reported(struct recv_app *app)
{
    return (struct report_on){!app->playback, app->listeners, app->count,
                              app->clock,     app->network,   &app->service};
}

/* The control thread's life: until a signal ends it; false: until there was nothing left to do. */
static bool control(struct recv_app *app)
{
    const struct report_on on = reported(app);
    struct playback_status status;
    raw_ns next = clock_raw_now();

    while (console_wait(&app->console, app->signals, TIMEKEEPER_INTERVAL_MS) == 0) {
        const struct clock_map *map = timekeeper_run(app->clock);
        raw_ns now = clock_raw_now();

        if (app->playback)
            playback_set_clock(app->playback, map);
        listener_get_status(&app->listeners[0], &status);
        service_ready(&app->service);
        service_alive(&app->service, now, status.cycles);
        if (app->discovery)
            discovery_run(app->discovery, now);
        for (unsigned i = 0; i < app->count; i++)
            listener_run(&app->listeners[i], app->clock, app->settings.delay_ns, now);
        console_run(&app->console, now);
        if (nothing_left(app))
            return false;
        if (netwatch_run(app->network, now))
            reconnect(app);
        if (now.ns < next.ns)
            continue;
        next.ns += NS_PER_S;
        report_second(&app->report, &on, app->stats);
    }
    return true;
}

/* Nothing is heard any more; the groups shall know. */
static void leave(struct recv_app *app)
{
    bool again;

    do {
        again = false;
        for (unsigned i = 0; i < app->count; i++)
            again |= listener_leave(&app->listeners[i], clock_raw_now());
    } while (again && poll(NULL, 0, TIMEKEEPER_INTERVAL_MS) == 0);
}

/* Behind control(): the sound fades out, and what was counted is told whole. */
static void end(struct recv_app *app)
{
    const struct report_on on = reported(app);

    console_close(&app->console);
    playback_stop(app->playback);
    for (unsigned i = 0; i < app->count; i++)
        listener_stop(&app->listeners[i]);
    report_last(&app->report, &on, app->stats);
    leave(app);
}

static int open_all(struct recv_app *app, char *err, size_t err_size)
{
    const struct recv_options *o = &app->options;
    char group[INET_ADDRSTRLEN];
    int error;

    waiting_need(&app->waiting, "clock", o->clock);
    error = timekeeper_open(&app->clock, o->clock, (int)o->ptp_domain, err, err_size);
    if (!error) {
        waiting_need(
            &app->waiting, *o->interface ? "network interface" : "a route to",
            *o->interface ? o->interface : inet_ntop(AF_INET, &app->group.sin_addr, group, sizeof group));
        error = open_network(app, err, err_size);
    }
    if (!error && !recv_options_silent(o)) {
        waiting_need(&app->waiting, "sound device", o->device);
        error = start_playback(app, err, err_size);
    }
    /* nothing from here on comes by waiting */
    if (!error)
        waiting_need(&app->waiting, NULL, NULL);
    for (unsigned i = 0; i < app->count && !error; i++)
        error = listener_start(&app->listeners[i], app->playback, err, err_size);
    /* last, so that a start that fails leaves no file behind */
    if (!error)
        error = stats_open(&app->stats, o->stats, err, err_size);
    return error;
}

/* All that open_all() opened but what is written; also after a failure in the midst. */
static void close_all(struct recv_app *app)
{
    playback_destroy(app->playback);
    for (unsigned i = 0; i < app->count; i++)
        listener_close(&app->listeners[i]);
    discovery_close(app->discovery);
    timekeeper_close(app->clock);
    app->playback = NULL;
    app->discovery = NULL;
    app->clock = NULL;
}

static int run(struct recv_app *app)
{
    char err[512] = "";
    bool lives = true;
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
        begin(app);
        lives = control(app);
    }
    if (lives)
        log_info("stopping");
    service_stopping(&app->service);
    if (!error)
        end(app);
    return lives ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* What the options come to. */
static void prepare(struct recv_app *app)
{
    const struct recv_options *o = &app->options;

    gethostname(app->host, sizeof app->host - 1);
    /* receivers of one host have a card each */
    snprintf(app->cname, sizeof app->cname, "%.180s@%s", o->device, app->host);
    app->count = recv_options_selections(o, app->selections);
    app->group = recv_options_group(o);
    app->settings = recv_options_settings(o);
}

int main(int argc, char **argv)
{
    struct recv_app app = {.signals = -1};
    int status;

    if (!options_parse(&recv_options_program, &app.options, argc, argv, stdout, stderr, &status))
        return status;
    log_start(&(struct log_config){"unisono-recv", (enum log_level)app.options.log, STDERR_FILENO});
    app.signals = signals_take();
    if (app.options.list) {
        status = list_run(&app.options, app.signals, stdout);
        close(app.signals);
        return status;
    }
    prepare(&app);
    service_open(&app.service, clock_raw_now());
    app.waiting =
        (struct waiting){.allowed = app.options.wait, .signals = app.signals, .service = &app.service};
    status = run(&app);
    close_all(&app);
    netwatch_close(app.network);
    stats_close(app.stats);
    service_close(&app.service);
    close(app.signals);
    return status;
}
