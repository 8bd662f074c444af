// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Console: the desk of a receiver that runs, at its control socket.
 *
 *     unisono-ctl --> remote --> desk --> playback and listeners
 *
 * Control thread only.
 */
#ifndef UNISONO_CONSOLE_H
#define UNISONO_CONSOLE_H

#include "desk.h"
#include "listener.h"
#include "playback.h"
#include "proto/host/remote.h"
#include "recv_options.h"

struct console {
    struct remote *remote; /* NULL: none */
    struct desk desk;
    struct playback *playback;
    struct listener *listeners;
    struct rx_settings *settings; /* of the whole output, as all others see them */
};

/*
 * Of a playback that has been started, and all of its listeners; both outlive the console. Where no socket
 * can be had, the log says so, and the receiver goes on without.
 */
void console_open(struct console *console, const struct recv_options *options, const char *name,
                  struct playback *playback, struct listener *listeners, unsigned count,
                  struct rx_settings *settings);
void console_close(struct console *console);

/* As remote_wait(), for something to read from `fd`. */
int console_wait(struct console *console, int fd, int timeout_ms);

#endif
