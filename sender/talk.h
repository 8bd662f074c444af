// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Push to talk: what a person at the keyboard, or another program by a signal, wants.
 *
 *     Enter on the terminal    talk, or no longer
 *     SIGUSR1, SIGUSR2         talk; no longer
 *
 * Control thread only.
 */
#ifndef UNISONO_TALK_H
#define UNISONO_TALK_H

#include <poll.h>
#include <stdbool.h>

enum { TALK_FDS = 2 };

/* Plain data; belongs to the caller. */
struct talk {
    int signals;   /* readable when one came; -1: nobody is listened to */
    bool keyboard; /* the standard input is a terminal that is listened to */
};

/*
 * Blocks both signals: to be called before the first thread, which inherits the mask. With `keyboard` the
 * terminal is listened to, if the standard input is one. A background process leaves it to the foreground.
 */
void talk_open(struct talk *talk, bool keyboard);
void talk_close(struct talk *talk);

/* What to poll until the next talk_take(). */
void talk_poll(const struct talk *talk, struct pollfd fds[TALK_FDS]);

/* Whether to talk, after what came until now; `talks`: whether so far. `fds` were polled. Never waits. */
bool talk_take(struct talk *talk, const struct pollfd fds[TALK_FDS], bool talks);

#endif
