// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * unisono-send: sets everything up, hands the sound to the transmit thread, and stays as the control thread:
 * clock, RTCP, status, log, signals.
 */
#include <errno.h>
#include <math.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "audience.h"
#include "muster.h"
#include "proto/host/clock.h"
#include "proto/host/log.h"
#include "proto/host/net.h"
#include "proto/host/netwatch.h"
#include "proto/host/signals.h"
#include "proto/host/stats.h"
#include "proto/host/timekeeper.h"
#include "report.h"
#include "send.h"
#include "send_options.h"
#include "source.h"
#include "transmit.h"

enum {
    BUFFER_MS = 250, /* the capturing card's: how long this process may be held up without losing sound */
    BYES = 3
};

struct send_app {
    struct send_options options;
    uint32_t rate_hz;
    unsigned channels;
    unsigned frames_per_packet;
    uint32_t ssrc;
    char host[64];
    char interface[IF_NAMESIZE];
    char warning[256]; /* of the real-time set-up */
    struct source_spec input;
    int signals;
    struct stats *stats;
    struct timekeeper *clock;
    struct source *source; /* NULL when capturing */
    struct sender *sender;
    struct audience *audience; /* NULL: nobody can be heard */
    struct netwatch *network;  /* NULL: not watched */
    struct muster muster;      /* who has to be there at the start */
    bool held;                 /* they are not; the transmit thread knows no time yet */
    char missing[256];         /* of them, as the log knows */
    raw_ns held_since;
    struct transmit *transmit;
};

/* Opens what is paced and settles rate and channels: those asked for, else the source's own. */
static int open_source(struct send_app *app, char *err, size_t err_size)
{
    const struct send_options *o = &app->options;
    struct source_config config = {
        .spec = o->input,
        .rate_hz = o->rate_hz,
        .channels = o->channels,
        .loop = o->loop,
        .format = o->format < 0 ? SOURCE_S16_LE : (enum source_format)o->format,
    };
    int error = source_parse(o->input, &app->input, err, err_size);

    if (error)
        return error;
    if (app->input.kind == SOURCE_ALSA) {
        app->rate_hz = o->rate_hz ? o->rate_hz : 48000;
        app->channels = o->channels ? o->channels : 2;
        return 0;
    }
    error = source_open(&app->source, &config, err, err_size);
    if (error)
        return error;
    app->rate_hz = source_rate_hz(app->source);
    app->channels = source_channels(app->source);
    return 0;
}

static int open_network(struct send_app *app, char *err, size_t err_size)
{
    const struct send_options *o = &app->options;
    char cname[160];
    struct send_config config = {
        .interface = o->interface,
        .ttl = (uint8_t)o->ttl,
        .dscp = (uint8_t)o->dscp,
        .priority = NET_PRIORITY_DEFAULT,
        .ext_id = RTP_EXT_ID_DEFAULT,
        .ssrc = app->ssrc,
        .rate_hz = app->rate_hz,
        .cname = cname,
        .name = *o->name ? o->name : app->host,
        .tool = "unisono-send " UNISONO_VERSION,
        .offer = {.codec = (enum rtp_codec)o->codec,
                  .rate_hz = app->rate_hz,
                  .channels = app->channels,
                  .frames_per_packet = app->frames_per_packet,
                  .latency_ns = llround(o->latency_ms * 1e6)},
    };
    int error = option_parse_group(o->group, &config.group, err, err_size);

    snprintf(cname, sizeof cname, "%s@%s", *o->name ? o->name : "unisono", app->host);
    if (!error)
        error = send_open(&app->sender, &config, app->interface, err, err_size);
    return error;
}

static int start_transmit(struct send_app *app, uint16_t first_sequence, char *err, size_t err_size)
{
    const struct send_options *o = &app->options;
    struct transmit_config config = {
        .sender = app->sender,
        .source = app->source,
        .realtime_priority = o->realtime,
        .quality = (enum resample_quality)o->resampler,
        .card = {.direction = CARD_CAPTURE,
                 .device = app->input.name,
                 .rate_hz = app->rate_hz,
                 .channels = app->channels,
                 .buffer_ms = BUFFER_MS},
        .tx = {.rate_hz = app->rate_hz,
               .channels = app->channels,
               .codec = (enum rtp_codec)o->codec,
               .frames_per_packet = app->frames_per_packet,
               .latency_ns = llround(o->latency_ms * 1e6),
               .plain = o->profile == OPTION_PROFILE_AES67,
               .ssrc = app->ssrc,
               .first_sequence = first_sequence,
               .seed = app->ssrc},
    };

    return transmit_start(&app->transmit, &config, app->warning, sizeof app->warning, err, err_size);
}

/* Not needed to send: a failure is told, and no more. */
static void open_control(struct send_app *app)
{
    const struct send_options *o = &app->options;
    struct audience_config config = {
        .interface = o->interface,
        .ssrc = app->ssrc,
        .session_bytes_per_s = app->rate_hz * app->channels * rtp_codec_sample_bytes((unsigned)o->codec),
    };
    char err[512] = "";

    if (option_parse_group(o->group, &config.group, err, sizeof err))
        return;
    if (audience_open(&app->audience, &config, clock_raw_now(), err, sizeof err))
        log_warning("%s; receivers are not counted, nor waited for", err);
    app->held = app->audience && *o->wait_for;
    if (netwatch_open(&app->network, o->interface, &config.group, err, sizeof err))
        log_warning("%s", err);
}

/* What was set up. Said only when all of it was: a failure is one line. */
static void tell_start(const struct send_app *app)
{
    const struct send_options *o = &app->options;

    if (app->source)
        log_info("input: %s", source_description(app->source));
    else
        log_info("capturing from %s", transmit_device(app->transmit));
    if (transmit_device_warning(app->transmit))
        log_warning("sound input %s: %s", app->input.name, transmit_device_warning(app->transmit));
    log_info("sending to %s on %s as %s: %s, %u Hz, %u channels, %u frames a packet, latency %.3f ms",
             o->group, app->interface, *o->name ? o->name : app->host, rtp_codec_name((unsigned)o->codec),
             app->rate_hz, app->channels, app->frames_per_packet, o->latency_ms);
    if (*app->warning)
        log_warning("%s", app->warning);
}

/* Before the first sound there is nothing to report, nor to say, unless somebody is waited for: false. */
static bool send_rtcp(struct send_app *app, const struct clock_map *map, raw_ns now)
{
    struct send_counters sent;
    struct sockaddr_in own;
    int octets = 0;

    send_get_counters(app->sender, &sent);
    if (app->held)
        octets = send_invitation(app->sender, map);
    else if (sent.octets > 0)
        octets = send_report(app->sender, map, now);
    if (octets > 0) {
        send_get_rtcp_address(app->sender, &own);
        audience_reported(app->audience, &own, (size_t)octets, now);
    }
    return octets != 0; /* a failure is counted there */
}

/* After the interface came back; what fails is tried again. */
static void reconnect(struct send_app *app)
{
    char err[512];

    if (send_reopen(app->sender, err, sizeof err) || audience_reopen(app->audience, err, sizeof err))
        log_debug("%s", err);
    else
        netwatch_settle(app->network);
}

/*
 * Nothing starts before the transmit thread is told the time; it is told once all are there who are waited
 * for, or have been waited for long enough.
 */
static void hold(struct send_app *app, raw_ns now)
{
    double limit_s = app->options.wait_limit_s;
    char missing[sizeof app->missing] = "";

    if (muster_complete(&app->muster, audience_roster(app->audience), now, missing, sizeof missing)) {
        log_info("those who were waited for are there");
        app->held = false;
    } else if (limit_s > 0 && (double)(now.ns - app->held_since.ns) / 1e9 > limit_s) {
        log_warning("waited %g s; starting without %s", limit_s, missing);
        app->held = false;
    } else if (strcmp(missing, app->missing)) {
        log_info("waiting for receivers: %s", missing);
        memcpy(app->missing, missing, sizeof missing);
    }
}

/* The control thread's life: until a signal, or the end of the source. */
static void control(struct send_app *app)
{
    struct pollfd fd = {.fd = app->signals, .events = POLLIN};
    struct report report = {0};
    const struct report_on on = {app->transmit, app->sender, app->clock, app->audience, app->network};
    raw_ns next = clock_raw_now(), next_rtcp = next;

    app->held_since = next;
    while (!transmit_ended(app->transmit) && poll(&fd, 1, TIMEKEEPER_INTERVAL_MS) == 0) {
        const struct clock_map *map = timekeeper_run(app->clock);
        raw_ns now = clock_raw_now();

        if (app->held)
            hold(app, now);
        if (!app->held)
            transmit_set_clock(app->transmit, map);
        if (now.ns >= next_rtcp.ns && send_rtcp(app, map, now))
            next_rtcp.ns = now.ns + SEND_REPORT_INTERVAL_NS;
        audience_listen(app->audience, now);
        if (netwatch_run(app->network, now))
            reconnect(app);
        if (now.ns < next.ns)
            continue;
        next.ns += NS_PER_S;
        report_second(&report, &on, app->stats);
    }
    log_info(transmit_ended(app->transmit) ? "the input has ended" : "stopping");
}

static void say_bye(struct send_app *app)
{
    const struct clock_map *map = timekeeper_run(app->clock);

    for (int i = 0; i < BYES && map->state != MEDIA_CLOCK_NO_PTP; i++)
        send_bye(app->sender, map, clock_raw_now());
}

static int set_up(struct send_app *app, char *err, size_t err_size)
{
    const struct send_options *o = &app->options;
    uint16_t first_sequence = 0;
    int frames, error;

    if (getrandom(&app->ssrc, sizeof app->ssrc, 0) < 0 ||
        getrandom(&first_sequence, sizeof first_sequence, 0) < 0) {
        snprintf(err, err_size, "no random numbers for SSRC and sequence: %s", strerror(errno));
        return -errno;
    }
    gethostname(app->host, sizeof app->host - 1);
    if (*o->wait_for)
        muster_parse(o->wait_for, &app->muster, err, err_size); /* options_parse() has accepted it */
    error = open_source(app, err, err_size);
    if (error)
        return error;
    frames = rtp_ptime_check(send_options_ptime_us(o), app->rate_hz, (unsigned)o->codec, app->channels, err,
                             err_size);
    if (frames < 0)
        return frames;
    app->frames_per_packet = (unsigned)frames;
    error = timekeeper_open(&app->clock, o->clock, (int)o->ptp_domain, err, err_size);
    if (!error)
        error = open_network(app, err, err_size);
    if (!error)
        error = start_transmit(app, first_sequence, err, err_size);
    /* last, so that a start that fails leaves no file behind; nothing is sent before the clock is told */
    if (!error)
        error = stats_open(&app->stats, o->stats, err, err_size);
    return error;
}

int main(int argc, char **argv)
{
    struct send_app app = {.signals = -1};
    char err[512] = "";
    int status;

    if (!options_parse(&send_options_program, &app.options, argc, argv, stdout, stderr, &status))
        return status;
    log_start(&(struct log_config){"unisono-send", (enum log_level)app.options.log, STDERR_FILENO});
    app.signals = signals_take();
    if (set_up(&app, err, sizeof err) == 0) {
        tell_start(&app);
        open_control(&app);
        control(&app);
        status = EXIT_SUCCESS;
    } else {
        log_error("%s", err);
        status = EXIT_FAILURE;
    }
    transmit_stop(app.transmit);
    if (status == EXIT_SUCCESS)
        say_bye(&app);
    send_close(app.sender);
    audience_close(app.audience);
    netwatch_close(app.network);
    source_close(app.source);
    timekeeper_close(app.clock);
    stats_close(app.stats);
    close(app.signals);
    return status;
}
