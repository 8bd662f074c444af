// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Desk: what somebody may change while a receiver plays, as commands of the control socket
 * (proto/host/remote.h).
 *
 *     gain [DB]   mute [yes|no]   delay [DELAY]      of the whole output
 *     duck [DB]                                      how far streams give way to a page
 *     map ROUTE                                      of all streams
 *     stream WHICH [gain|mute|delay|map|page ...]    of one stream: its number from 1 on, or its name
 *     status                                         all of it, and how the sound stands
 *
 * Without a value nothing changes; the answer always has the settings as they then are. The desk holds them,
 * and tells each change to whoever plays.
 */
#ifndef UNISONO_DESK_H
#define UNISONO_DESK_H

#include <stddef.h>

#include "delay.h"
#include "proto/host/json.h"
#include "proto/host/remote.h"
#include "route.h"
#include "rx.h"

enum { DESK_NAME_SIZE = 64, DESK_MAP_SIZE = 1024 };

/* Who plays. `voice` counts from 0. */
struct desk_player {
    void (*set)(void *context, const struct rx_settings *settings);
    void (*set_voice)(void *context, unsigned voice, const struct voice_settings *settings);
    void (*set_duck)(void *context, const struct duck_config *duck);
    /* Further members of the status: of the receiver, and of one stream. */
    void (*tell)(void *context, struct json *answer);
    void (*tell_voice)(void *context, unsigned voice, struct json *answer);
};

struct desk_voice {
    char name[DESK_NAME_SIZE];
    char map[DESK_MAP_SIZE];  /* as it was written; "": straight */
    struct route_names names; /* what is known of its stream's channels; borrowed */
    struct voice_settings settings;
};

/* Filled in by whoever opens it. */
struct desk {
    const struct desk_player *player;
    void *context; /* for its functions */
    struct delay_place place;
    unsigned card_channels;
    struct rx_settings output;
    struct duck_config duck;
    unsigned count; /* of streams */
    struct desk_voice voices[RX_VOICES_MAX];
};

/* The commands; their context is a struct desk. */
extern const struct remote_command desk_commands[];
extern const size_t desk_command_count;

/*
 * This is known of the channels of the voice's stream from now on: its map is read again, and set. 0; -ENOENT
 * and a line in `why`: the map has a name that `names` does not hold, or a channel that the stream does not
 * have, and what goes by that is silent.
 */
int desk_set_names(struct desk *desk, unsigned voice, const struct route_names *names, char *why,
                   size_t why_size);

#endif
