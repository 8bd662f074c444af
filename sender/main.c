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

#include "announce.h"
#include "audience.h"
#include "booth.h"
#include "describe.h"
#include "muster.h"
#include "print_sdp.h"
#include "proto/host/clock.h"
#include "proto/host/log.h"
#include "proto/host/net.h"
#include "proto/host/netwatch.h"
#include "proto/host/service.h"
#include "proto/host/signals.h"
#include "proto/host/stats.h"
#include "proto/host/timekeeper.h"
#include "proto/host/waiting.h"
#include "report.h"
#include "send.h"
#include "send_options.h"
#include "source.h"
#include "talk.h"
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
    size_t hold_packets; /* the pre-roll */
    uint32_t ssrc;
    uint16_t first_sequence;
    char host[64];
    char interface[IF_NAMESIZE];
    char warning[256]; /* of the real-time set-up */
    char input_text[sizeof(((struct send_options *)NULL)->announce) + 8];
    struct source_spec input;
    char stream[128]; /* what is sent where, in words */
    int signals;
    struct talk talk;
    struct service service;
    struct waiting waiting;
    struct stats *stats;
    struct timekeeper *clock;
    struct source *source; /* NULL when capturing */
    struct sender *sender;
    struct audience *audience; /* NULL: nobody can be heard */
    struct netwatch *network;  /* NULL: not watched */
    struct announce *announce; /* NULL: not announced */
    struct booth booth;        /* at the control socket */
    struct muster muster;      /* who has to be there at the start */
    bool held;                 /* they are not; the transmit thread knows no time yet */
    char missing[256];         /* of them, as the log knows */
    raw_ns held_since;
    struct transmit *transmit;
    struct report report; /* what was told before */
};

/* Opens what is paced and settles rate and channels: those asked for, else the source's own. */
static int open_source(struct send_app *app, char *err, size_t err_size)
{
    const struct send_options *o = &app->options;
    struct source_config config = {
        .spec = app->input_text,
        .rate_hz = o->rate_hz                   ? o->rate_hz
                   : o->codec == RTP_CODEC_OPUS ? CODEC_OPUS_RATE_HZ
                                                : 0,
        .channels = o->channels,
        .loop = o->loop,
        .format = o->format < 0 ? SOURCE_S16_LE : (enum source_format)o->format,
    };
    int error;

    if (*o->announce)
        snprintf(app->input_text, sizeof app->input_text, "file:%s", o->announce);
    else
        snprintf(app->input_text, sizeof app->input_text, "%s", o->input);
    error = source_parse(app->input_text, &app->input, err, err_size);
    if (error)
        return error;
    /* Only a file has rate and channels of its own: what is not to be sent need not be opened for them. */
    if (app->input.kind == SOURCE_ALSA || (o->print_sdp && app->input.kind != SOURCE_FILE)) {
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

static const char *stream_name(const struct send_app *app)
{
    return *app->options.name ? app->options.name : app->host;
}

/* The gate's. */
static int64_t hold_ns(const struct send_app *app)
{
    return ns_of_samples((int64_t)(app->hold_packets * app->frames_per_packet), app->rate_hz);
}

/* From sampling to presentation: what is kept back comes on top of what packets and receivers have. */
static int64_t latency_ns(const struct send_app *app)
{
    return llround(app->options.latency_ms * 1e6) + hold_ns(app);
}

/* All of it: how much later than its sampling a packet leaves, but for its own length. */
static int64_t offered_hold_ns(const struct send_app *app)
{
    const struct send_options *o = &app->options;

    return hold_ns(app) + ns_of_samples(codec_look_ahead((unsigned)o->codec, o->fec), app->rate_hz);
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
        .name = stream_name(app),
        .tool = "unisono-send " UNISONO_VERSION,
        .offer = {.codec = (enum rtp_codec)o->codec,
                  .rate_hz = app->rate_hz,
                  .channels = app->channels,
                  .frames_per_packet = app->frames_per_packet,
                  .latency_ns = latency_ns(app),
                  .hold_ns = offered_hold_ns(app)},
    };
    int error = option_parse_group(o->group, &config.group, err, err_size);

    snprintf(cname, sizeof cname, "%s@%s", *o->name ? o->name : "unisono", app->host);
    if (!error)
        error = send_open(&app->sender, &config, app->interface, err, err_size);
    return error;
}

static struct tx_config stream_config(const struct send_app *app)
{
    const struct send_options *o = &app->options;

    return (struct tx_config){
        .rate_hz = app->rate_hz,
        .channels = app->channels,
        .codec = (enum rtp_codec)o->codec,
        .frames_per_packet = app->frames_per_packet,
        .bitrate_bps = send_options_bitrate_bps(o, app->channels),
        .fec = o->fec,
        .loss_percent = o->expected_loss_percent ? o->expected_loss_percent : 10,
        .latency_ns = latency_ns(app),
        .priority = send_options_priority(o),
        .gated = send_options_gated(o),
        .gate = {.hold_blocks = app->hold_packets,
                 .by_level = o->vox_db < 0,
                 .threshold_db = o->vox_db,
                 .hang_frames = llround(send_options_vox_hang_ms(o) * app->rate_hz / 1e3)},
        .plain = o->profile == OPTION_PROFILE_AES67,
        .ssrc = app->ssrc,
        .first_sequence = app->first_sequence,
        .seed = app->ssrc};
}

static int start_transmit(struct send_app *app, char *err, size_t err_size)
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
        .tx = stream_config(app),
    };

    return transmit_start(&app->transmit, &config, app->warning, sizeof app->warning, err, err_size);
}

static struct sdp_stream describe(const struct send_app *app, const struct sockaddr_in *group)
{
    const struct tx_config tx = stream_config(app);
    struct sdp_stream stream = describe_stream(stream_name(app), &tx, group, (uint8_t)app->options.ttl);

    sdp_names_copy(stream.channel_names,
                   (struct slice){app->options.channel_names, strlen(app->options.channel_names)});
    return stream;
}

/* Not needed to send: a failure is told, and no more. */
static void open_control(struct send_app *app)
{
    const struct send_options *o = &app->options;
    struct audience_config config = {
        .interface = o->interface,
        .ssrc = app->ssrc,
        .session_bytes_per_s = rtp_session_bytes((unsigned)o->codec, app->rate_hz, app->channels),
    };
    char err[512] = "";

    if (option_parse_group(o->group, &config.group, err, sizeof err))
        return;
    if (audience_open(&app->audience, &config, clock_raw_now(), err, sizeof err))
        log_warning("%s; receivers are not counted, nor waited for", err);
    app->held = app->audience && *o->wait_for;
    if (o->advertise) {
        struct announce_config said = {describe(app, &config.group), o->interface, stream_name(app)};

        if (announce_open(&app->announce, &said, clock_raw_now(), err, sizeof err))
            log_warning("%s; the stream is not announced", err);
    }
    if (netwatch_open(&app->network, o->interface, &config.group, err, sizeof err))
        log_warning("%s", err);
    booth_open(&app->booth, o, stream_name(app), app->transmit, app->audience);
}

static void tell_gate(const struct send_app *app)
{
    const struct send_options *o = &app->options;

    if (o->vox_db < 0)
        log_info("talk by level: at %g dBFS, and for %g ms after it", o->vox_db, send_options_vox_hang_ms(o));
    log_info("push to talk: %sSIGUSR1 to process %d, SIGUSR2 to end",
             app->talk.keyboard ? "Enter to begin and to end; or " : "", (int)getpid());
    log_info("sound is kept back for %.3f ms of the latency", (double)hold_ns(app) / 1e6);
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
             o->group, app->interface, stream_name(app), rtp_codec_name((unsigned)o->codec), app->rate_hz,
             app->channels, app->frames_per_packet, (double)latency_ns(app) / 1e6);
    if (send_options_gated(o))
        tell_gate(app);
    if (*app->warning)
        log_warning("%s", app->warning);
}

/*
 * Before the first sound there is nothing to report, nor to say, unless somebody is waited for: false. In
 * standby receivers hear who may talk.
 */
static bool send_rtcp(struct send_app *app, enum tx_state state, const struct clock_map *map, raw_ns now)
{
    struct send_counters sent;
    struct sockaddr_in own;
    int octets = 0;

    send_get_counters(app->sender, &sent);
    if (app->held)
        octets = send_invitation(app->sender, map);
    else if (state == TX_STANDBY)
        octets = send_standby(app->sender, map, now);
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

    if (send_reopen(app->sender, err, sizeof err) || audience_reopen(app->audience, err, sizeof err) ||
        announce_reopen(app->announce, err, sizeof err))
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

/* Until the next turn, and whoever wants to talk meanwhile is heard at once; false: a signal ends it. */
static bool rest(struct send_app *app)
{
    raw_ns end = {clock_raw_now().ns + TIMEKEEPER_INTERVAL_MS * NS_PER_MS};
    struct pollfd fds[1 + TALK_FDS] = {{.fd = app->signals, .events = POLLIN}};
    int64_t left_ms;

    while ((left_ms = (end.ns - clock_raw_now().ns) / NS_PER_MS) > 0) {
        int ready;

        talk_poll(&app->talk, fds + 1);
        ready = remote_wait(app->booth.remote, fds, sizeof fds / sizeof *fds, (int)left_ms);
        if (ready < 0 || fds[0].revents)
            return false;
        if (ready > 0)
            transmit_talk(app->transmit, talk_take(&app->talk, fds + 1, transmit_talks(app->transmit)));
    }
    return true;
}

static struct report_on reported(struct send_app *app)
{
    return (struct report_on){app->transmit, app->sender,  app->clock,
                              app->audience, app->network, app->announce,
                              &app->service, app->stream,  ""};
}

/* The control thread's life: until a signal, or the end of the source. */
static void control(struct send_app *app)
{
    struct report_on on = reported(app);
    struct transmit_status status;
    raw_ns next = clock_raw_now(), next_rtcp = next;

    app->held_since = next;
    while (!transmit_ended(app->transmit) && rest(app)) {
        const struct clock_map *map = timekeeper_run(app->clock);
        raw_ns now = clock_raw_now();

        if (app->held)
            hold(app, now);
        if (!app->held)
            transmit_set_clock(app->transmit, map);
        transmit_get_status(app->transmit, &status);
        report_state(&app->report, &status.tx);
        service_ready(&app->service);
        service_alive(&app->service, now, status.cycles);
        if (now.ns >= next_rtcp.ns && send_rtcp(app, status.tx.state, map, now))
            next_rtcp.ns = now.ns + SEND_REPORT_INTERVAL_NS;
        audience_listen(app->audience, now);
        announce_run(app->announce, map, now);
        if (netwatch_run(app->network, now))
            reconnect(app);
        if (now.ns < next.ns)
            continue;
        next.ns += NS_PER_S;
        on.missing = app->held ? app->missing : "";
        report_second(&app->report, &on, app->stats);
    }
    log_info(transmit_ended(app->transmit) ? "the input has ended" : "stopping");
}

static void say_bye(struct send_app *app)
{
    const struct clock_map *map = timekeeper_run(app->clock);

    for (int i = 0; i < BYES && map->state != MEDIA_CLOCK_NO_PTP; i++)
        send_bye(app->sender, map, clock_raw_now());
}

/* Behind control(): the last sound goes out, and what was counted is told whole. */
static void end(struct send_app *app)
{
    const struct report_on on = reported(app);

    booth_close(&app->booth);
    transmit_stop(app->transmit);
    report_last(&app->report, &on, app->stats);
    say_bye(app);
}

/* Settles what is sent; nothing of it comes by waiting. */
static int prepare(struct send_app *app, char *err, size_t err_size)
{
    const struct send_options *o = &app->options;
    int frames, error;
    unsigned names;

    if (getrandom(&app->ssrc, sizeof app->ssrc, 0) < 0 ||
        getrandom(&app->first_sequence, sizeof app->first_sequence, 0) < 0) {
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
    error = send_options_check_latency(o, app->rate_hz, err, err_size);
    if (error)
        return error;
    names = sdp_names_count(o->channel_names);
    if (names > 0 && names != app->channels) {
        snprintf(err, err_size, "--channel-names \"%s\": %u names for %u channels", o->channel_names, names,
                 app->channels);
        return -EINVAL;
    }
    app->hold_packets = (size_t)ceil(send_options_pre_roll_ms(o) * app->rate_hz / 1e3 / frames);
    snprintf(app->stream, sizeof app->stream, "%s %g kHz %u ch to %s", rtp_codec_name((unsigned)o->codec),
             app->rate_hz / 1e3, app->channels, o->group);
    return 0;
}

static int open_all(struct send_app *app, char *err, size_t err_size)
{
    const struct send_options *o = &app->options;
    int error;

    waiting_need(&app->waiting, "clock", o->clock);
    error = timekeeper_open(&app->clock, o->clock, (int)o->ptp_domain, err, err_size);
    if (!error) {
        waiting_need(&app->waiting, *o->interface ? "network interface" : "a route to",
                     *o->interface ? o->interface : o->group);
        error = open_network(app, err, err_size);
    }
    if (!error) {
        waiting_need(&app->waiting, "sound input", app->input.name);
        error = start_transmit(app, err, err_size);
    }
    /* last, so that a start that fails leaves no file behind; nothing is sent before the clock is told */
    if (!error) {
        waiting_need(&app->waiting, NULL, NULL);
        error = stats_open(&app->stats, o->stats, err, err_size);
    }
    return error;
}

static void close_all(struct send_app *app)
{
    transmit_destroy(app->transmit);
    send_close(app->sender);
    timekeeper_close(app->clock);
    app->transmit = NULL;
    app->sender = NULL;
    app->clock = NULL;
}

static int set_up(struct send_app *app, char *err, size_t err_size)
{
    int error = prepare(app, err, err_size);

    if (error)
        return error;
    do {
        error = open_all(app, err, err_size);
        if (error)
            close_all(app);
    } while (error && waiting_again(&app->waiting, error, err));
    if (!error)
        waiting_over(&app->waiting);
    return error;
}

/* Instead of sending: what would be announced. */
static int print_description(struct send_app *app, char *err, size_t err_size)
{
    const struct send_options *o = &app->options;
    struct sockaddr_in group;
    struct sdp_stream stream;
    int error = prepare(app, err, err_size);

    if (!error)
        error = option_parse_group(o->group, &group, err, err_size);
    if (!error)
        error = timekeeper_open(&app->clock, o->clock, (int)o->ptp_domain, err, err_size);
    if (error)
        return error;
    stream = describe(app, &group);
    return print_sdp(&stream, o->interface, app->clock, app->signals, err, err_size);
}

/* Sends until the end. 0 also when it was stopped before it could begin. */
static int send_all(struct send_app *app, char *err, size_t err_size)
{
    int error;

    service_open(&app->service, clock_raw_now());
    app->waiting =
        (struct waiting){.allowed = app->options.wait, .signals = app->signals, .service = &app->service};
    error = set_up(app, err, err_size);
    if (!error) {
        tell_start(app);
        open_control(app);
        control(app);
        service_stopping(&app->service);
        end(app);
    } else if (app->waiting.stopped) {
        log_info("stopping");
        error = 0;
    }
    service_close(&app->service);
    return error;
}

int main(int argc, char **argv)
{
    struct send_app app = {.signals = -1, .talk = {.signals = -1}};
    char err[512] = "";
    int status, error;

    if (!options_parse(&send_options_program, &app.options, argc, argv, stdout, stderr, &status))
        return status;
    log_start(&(struct log_config){"unisono-send", (enum log_level)app.options.log, STDERR_FILENO});
    app.signals = signals_take();
    if (send_options_gated(&app.options))
        talk_open(&app.talk, app.options.talk && strcmp(app.options.input, "stdin") != 0);
    error =
        app.options.print_sdp ? print_description(&app, err, sizeof err) : send_all(&app, err, sizeof err);
    if (error)
        log_error("%s", err);
    transmit_destroy(app.transmit);
    send_close(app.sender);
    audience_close(app.audience);
    announce_close(app.announce);
    netwatch_close(app.network);
    source_close(app.source);
    timekeeper_close(app.clock);
    stats_close(app.stats);
    talk_close(&app.talk);
    close(app.signals);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
