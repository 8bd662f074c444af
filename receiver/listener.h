// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Listener: one of the streams that a receiver listens to, and all that is the stream's own: its socket, how
 * it is followed, RTCP with its group, what is told of it. Its sound is a voice of the playback, which all
 * listeners share.
 *
 *     listener_open()    the socket, before the playback is started with it
 *     listener_start()   the playback has been
 *     listener_begin()   all is set up: from now on the group may know
 *     listener_run()     a few times a second
 *     listener_stop()    the playback has stopped: so does the recording
 *     listener_leave()   BYE, as long as it says true
 *     listener_close()
 *
 * Control thread only.
 */
#ifndef UNISONO_LISTENER_H
#define UNISONO_LISTENER_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "follow.h"
#include "gauge.h"
#include "playback.h"
#include "proto/host/discovery.h"
#include "proto/host/timekeeper.h"
#include "proto/sdpnames.h"
#include "record.h"
#include "recv.h"
#include "route.h"
#include "selection.h"
#include "vouch.h"

/* Texts must stay valid. */
struct listener_config {
    unsigned voice;
    const struct selection *selection;
    bool several;                /* the log says of which stream it speaks */
    const char *interface;       /* as for net_find_interface() */
    struct discovery *discovery; /* of a stream by name: run by the caller, outlives the listener */
    const char *discovery_interface;
    int64_t link_ns;                       /* of described plain streams; 0: what the description says */
    const char *cname;                     /* RTCP canonical name */
    const char *name;                      /* of this receiver, for people */
    const char *host;                      /* of this machine */
    struct stream_description description; /* of a group's stream, where packets do not say it */
};

struct listener {
    struct listener_config config;
    struct voice_settings settings; /* in use */
    struct playback *playback;      /* borrowed; NULL before listener_start(), or without a sound device */
    struct record *record;          /* NULL: it is not recorded */
    struct receiver *receiver;
    struct follow *follow; /* NULL: a group was given */
    struct vouch vouch;    /* holds the receiver's end of RTCP */
    struct gauge gauge;
    char channel_names[SDP_NAMES_SIZE]; /* that the description has, */
    struct sdp_names names;             /* one by one */
    bool described, renamed;            /* there was one; and nobody has taken its names so far */
    char label[72];                     /* what its log lines begin with; "" when it is the only one */
    char interface[IF_NAMESIZE];        /* got; "" while none is known */
    int buffer_bytes;                   /* of the socket */
};

/* 0, or -errno with one line in `err`; then *listener is to be closed all the same. */
int listener_open(struct listener *listener, const struct listener_config *config, char *err,
                  size_t err_size);

/*
 * `playback` may be NULL: there is no sound device, it is recorded only. 0, or -errno with one line in `err`:
 * what is described in a file cannot be joined, or the recording not be made.
 */
int listener_start(struct listener *listener, struct playback *playback, char *err, size_t err_size);

void listener_begin(struct listener *listener);

/* What a user changes at run time. */
void listener_set(struct listener *listener, const struct voice_settings *settings);

/* `delay_ns`: this receiver's own, of all its streams. */
void listener_run(struct listener *listener, const struct timekeeper *clock, int64_t delay_ns, raw_ns now);

/* True, once for each description that has other names of channels than the one before, and for the first
 * one: *names is filled in, and valid until the next listener_run(). */
bool listener_take_names(struct listener *listener, struct route_names *names);

/* Of its voice; without a sound device, of what is recorded. */
void listener_get_status(struct listener *listener, struct playback_status *status);

/* It is recorded, and that has failed for good. */
bool listener_failed(struct listener *listener);

/* After the interface came back. On failure it is to be tried again. */
int listener_reconnect(struct listener *listener, char *err, size_t err_size);

/* Behind playback_stop(): ends the recording; status and gauge are those of the end. */
void listener_stop(struct listener *listener);

/* Nothing is heard any more; the group shall know. False: it does, or need not. */
bool listener_leave(struct listener *listener, raw_ns now);

void listener_close(struct listener *listener);

#endif
