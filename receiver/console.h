// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Console: the desk of a receiver that runs, at its control socket.
 *
 *     unisono-ctl --> remote --> desk --> playback and listeners
 *
 * The names and numbers of channels that listeners learn go the same way: maps are the desk's, and it is
 * there also where no socket is.
 *
 * Control thread only.
 */
#ifndef UNISONO_CONSOLE_H
#define UNISONO_CONSOLE_H

#include "desk.h"
#include "listener.h"
#include "playback.h"
#include "proto/host/log.h"
#include "proto/host/remote.h"
#include "recv_options.h"

struct console {
    struct remote *remote; /* NULL: none */
    struct desk desk;
    struct playback *playback;
    struct listener *listeners;
    struct rx_settings *settings; /* of the whole output, as all others see them */
    struct console_voice {
        char missing[ROUTE_WHY_SIZE]; /* what of its map the stream has no channel for; "": nothing */
        char told[ROUTE_WHY_SIZE];    /* what of that the log has */
        struct log_limit limit;
    } voices[RX_VOICES_MAX];
};

/*
 * Of a playback that has been started, and all of its listeners; both outlive the console. Where no socket
 * can be had, the log says so, and the receiver goes on without.
 */
void console_open(struct console *console, const struct recv_options *options, const char *name,
                  struct playback *playback, struct listener *listeners, unsigned count,
                  struct rx_settings *settings);
void console_close(struct console *console);

/* Behind listener_run(): maps are read again where a description names channels otherwise than before, or the
 * stream has more or fewer. Takes a console that was not opened. */
void console_run(struct console *console, raw_ns now);

/* As remote_wait(), for something to read from `fd`. */
int console_wait(struct console *console, int fd, int timeout_ms);

#endif
