// SPDX-License-Identifier: GPL-3.0-or-later
#include "console.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/host/clock.h"
#include "proto/host/log.h"

#define TELL_APART_NS (5 * NS_PER_S)

static void set(void *context, const struct rx_settings *settings)
{
    struct console *c = context;

    *c->settings = *settings;
    playback_set(c->playback, settings);
}

static void set_voice(void *context, unsigned voice, const struct voice_settings *settings)
{
    struct console *c = context;

    listener_set(&c->listeners[voice], settings);
}

static void set_duck(void *context, const struct duck_config *duck)
{
    struct console *c = context;

    playback_set_duck(c->playback, duck);
}

static void tell(void *context, struct json *answer)
{
    const struct console *c = context;
    struct playback_status status;

    playback_get_status(c->playback, 0, &status);
    json_real(answer, "time_s", (double)clock_raw_now().ns / 1e9); /* as in the statistics */
    json_text(answer, "device", playback_device(c->playback));
    json_flag(answer, "device_present", status.card_present);
    json_count(answer, "xruns", status.rx.xruns);
    json_count(answer, "clipped_samples", status.rx.clipped);
}

static void tell_voice(void *context, unsigned voice, struct json *answer)
{
    const struct console *c = context;
    const struct stream_claim *claim;
    struct playback_status status;
    const char *codec;

    playback_get_status(c->playback, voice, &status);
    claim = &status.rx.stream.claim;
    codec = rtp_codec_name(claim->codec);
    json_text(answer, "state", rx_state_name(status.rx.state));
    if (status.rx.stream.locked) {
        json_text(answer, "codec", codec ? codec : "?");
        json_count(answer, "rate_hz", claim->rate_hz);
        json_count(answer, "channels", claim->channels);
    }
    json_real(answer, "total_latency_ms", (double)status.rx.link_ns / 1e6);
    json_real(answer, "ducked_db", status.rx.ducked_db);
}

/* What goes by a name in the map of a stream that has no description. */
static void tell_undescribed(struct console *c, unsigned voice)
{
    const struct listener *l = &c->listeners[voice];
    const struct route_names none = {0};
    struct console_voice *v = &c->voices[voice];

    if (l->config.selection->kind != SELECTION_GROUP ||
        desk_set_names(&c->desk, voice, &none, v->missing, sizeof v->missing) != -ENOENT)
        return;
    log_warning("%smap: %s: names need --stream or --sdp; silent", l->label, v->missing);
    memcpy(v->told, v->missing, sizeof v->told);
}

/* Anyone may describe a stream, so often as he likes: what is told is the newest. */
static void tell_missing(struct console *c, unsigned voice, raw_ns now)
{
    struct console_voice *v = &c->voices[voice];
    uint64_t held;

    if (strcmp(v->missing, v->told) == 0 || (v->missing[0] && !log_limit_pass(&v->limit, now, &held)))
        return;
    if (v->missing[0])
        log_warning("%smap: %s; silent", c->listeners[voice].label, v->missing);
    memcpy(v->told, v->missing, sizeof v->told);
}

/* What is known of its channels by now; how many, of the stream that was heard last. False: nothing new. */
static bool learn(struct console *c, unsigned voice, struct route_names *names)
{
    const struct route_names *before = &c->desk.voices[voice].names;
    struct playback_status status;
    bool renamed;

    *names = *before;
    renamed = listener_take_names(&c->listeners[voice], names);
    names->channels = before->channels;
    playback_get_status(c->playback, voice, &status);
    if (status.rx.stream.locked)
        names->channels = status.rx.stream.claim.channels;
    return renamed || names->channels != before->channels;
}

void console_run(struct console *c, raw_ns now)
{
    struct route_names names;

    for (unsigned i = 0; i < c->desk.count; i++) {
        char *missing = c->voices[i].missing;

        if (learn(c, i, &names) && desk_set_names(&c->desk, i, &names, missing, ROUTE_WHY_SIZE) != -ENOENT)
            missing[0] = '\0';
        tell_missing(c, i, now);
    }
}

static const struct desk_player player = {set, set_voice, set_duck, tell, tell_voice};

static void fill_desk(struct console *c, const struct recv_options *options, unsigned count)
{
    struct desk *d = &c->desk;

    *d = (struct desk){
        .player = &player,
        .context = c,
        .place = recv_options_place(options),
        .card_channels = playback_channels(c->playback),
        .output = *c->settings,
        .duck = recv_options_duck(options),
        .count = count,
    };
    for (unsigned i = 0; i < count; i++) {
        const struct selection *selection = c->listeners[i].config.selection;

        snprintf(d->voices[i].name, sizeof d->voices[i].name, "%s", selection->name);
        snprintf(d->voices[i].map, sizeof d->voices[i].map, "%s", selection->map);
        d->voices[i].settings = c->listeners[i].settings;
        c->voices[i].limit.interval_ns = TELL_APART_NS;
        tell_undescribed(c, i);
    }
}

void console_open(struct console *c, const struct recv_options *options, const char *name,
                  struct playback *playback, struct listener *listeners, unsigned count,
                  struct rx_settings *settings)
{
    const struct remote_config config = {
        .where = options->control,
        .end = "recv",
        .name = name,
        .commands = desk_commands,
        .count = desk_command_count,
        .context = &c->desk,
    };
    char err[512];

    *c = (struct console){.playback = playback, .listeners = listeners, .settings = settings};
    fill_desk(c, options, count);
    if (remote_open(&c->remote, &config, err, sizeof err))
        log_warning("%s; settings cannot be changed while it runs", err);
    else if (c->remote)
        log_debug("control socket %s", remote_path(c->remote));
    console_run(c, clock_raw_now());
}

void console_close(struct console *c)
{
    remote_close(c->remote);
    c->remote = NULL;
}

int console_wait(struct console *c, int fd, int timeout_ms)
{
    struct pollfd poll = {.fd = fd, .events = POLLIN};

    return remote_wait(c->remote, &poll, 1, timeout_ms);
}
