// SPDX-License-Identifier: GPL-3.0-or-later
#include "booth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/host/clock.h"
#include "proto/host/log.h"
#include "proto/printable.h"

enum { SHOWN_SIZE = 64 };

static int refuse(const char *name, const char *argument, const char *allowed, char *why, size_t why_size)
{
    char shown[SHOWN_SIZE];

    printable_copy(shown, sizeof shown, argument, strlen(argument));
    snprintf(why, why_size, "%s %s: %s", name, shown, allowed);
    return -EINVAL;
}

static int run_talk(void *context, const char *argument, struct json *answer, char *why, size_t why_size)
{
    struct booth *b = context;
    bool talks;

    if (!b->gated) {
        snprintf(why, why_size, "talk: this sender always sends; allowed with --talk or --vox");
        return -EINVAL;
    }
    talks = transmit_talks(b->transmit);
    if (strcmp(argument, "on") == 0)
        talks = true;
    else if (strcmp(argument, "off") == 0)
        talks = false;
    else if (strcmp(argument, "toggle") == 0)
        talks = !talks;
    else if (*argument)
        return refuse("talk", argument, "allowed are on, off and toggle", why, why_size);
    transmit_talk(b->transmit, talks);
    json_flag(answer, "talk", talks);
    return 0;
}

static int run_mute(void *context, const char *argument, struct json *answer, char *why, size_t why_size)
{
    struct booth *b = context;
    bool mutes = strcmp(argument, "yes") == 0;

    if (*argument && !mutes && strcmp(argument, "no") != 0)
        return refuse("mute", argument, "allowed are yes and no", why, why_size);
    if (*argument)
        transmit_mute(b->transmit, mutes);
    json_flag(answer, "mute", transmit_mutes(b->transmit));
    return 0;
}

static int run_status(void *context, const char *argument, struct json *answer, char *why, size_t why_size)
{
    struct booth *b = context;
    struct transmit_status status;

    if (*argument)
        return refuse("status", argument, "allowed is status alone", why, why_size);
    transmit_get_status(b->transmit, &status);
    json_real(answer, "time_s", (double)clock_raw_now().ns / 1e9); /* as in the statistics */
    json_text(answer, "name", b->name);
    json_text(answer, "state", tx_state_name(status.tx.state));
    json_flag(answer, "mute", transmit_mutes(b->transmit));
    if (b->gated) {
        json_flag(answer, "talk", transmit_talks(b->transmit));
        json_count(answer, "pages", status.tx.pages);
    }
    if (transmit_device(b->transmit)) {
        json_text(answer, "device", transmit_device(b->transmit));
        json_flag(answer, "device_present", status.card_present);
    }
    json_count(answer, "sent_frames", status.tx.frames);
    json_count(answer, "receivers", audience_count(b->audience));
    return 0;
}

static const struct remote_command commands[] = {
    {"status", "", run_status},
    {"mute", "[yes|no]", run_mute},
    {"talk", "[on|off|toggle]", run_talk},
};

void booth_open(struct booth *b, const struct send_options *options, const char *name,
                struct transmit *transmit, const struct audience *audience)
{
    const struct remote_config config = {
        .where = options->control,
        .end = "send",
        .name = name,
        .commands = commands,
        .count = sizeof commands / sizeof *commands,
        .context = b,
    };
    char err[512];

    *b = (struct booth){
        .name = name, .gated = send_options_gated(options), .transmit = transmit, .audience = audience};
    if (remote_open(&b->remote, &config, err, sizeof err))
        log_warning("%s; unisono-ctl cannot reach this sender", err);
    else if (b->remote)
        log_debug("control socket %s", remote_path(b->remote));
}

void booth_close(struct booth *b)
{
    remote_close(b->remote);
    b->remote = NULL;
}
