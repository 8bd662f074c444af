// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The monitor on a terminal: page.h through ncurses. One at a time in a process, for ncurses keeps its
 * terminal to itself, and used from one thread.
 *
 * Works on any terminal of terminfo(5). One that cannot place its cursor (TERM=dumb) gets the page printed
 * anew with each view. Without a UTF-8 locale (LC_ALL, LC_CTYPE, LANG) all is ASCII.
 *
 * Nothing else may write to that terminal meanwhile: a log on stderr belongs into a file.
 */
#ifndef UNISONO_MONITOR_SCREEN_H
#define UNISONO_MONITOR_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "view.h"

struct screen;

/*
 * Takes the terminal that is standard input and output, and sets LC_CTYPE from the environment. 0, or -errno
 * and one line in `err`. Ctrl-C stays a signal, for the caller to catch (signals.h).
 */
int screen_open(struct screen **screen, char *err, size_t err_size);

/*
 * Shows a view, which is copied. While paused, what was shown stays. 0 or -ENOMEM: then too, what was shown
 * stays.
 */
int screen_show(struct screen *screen, const struct view *view);

/* To poll for reading. */
int screen_fd(const struct screen *screen);

/*
 * Handles what was typed, without waiting, and a size that changed: to be called when screen_fd() is
 * readable, and when a signal (SIGWINCH) interrupted the poll. True when whoever sits there wants to leave,
 * or the terminal is gone.
 */
bool screen_keys(struct screen *screen);

/* Restores the terminal, always. Takes NULL. */
void screen_close(struct screen *screen);

#endif
