// SPDX-License-Identifier: GPL-3.0-or-later
/* Signals that end a program, as something to poll. */
#ifndef UNISONO_SIGNALS_H
#define UNISONO_SIGNALS_H

/*
 * Blocks SIGINT and SIGTERM, and returns a descriptor that becomes readable when one comes; -1 with errno
 * when there is none to be had. SIGPIPE is blocked, too: a reader of the statistics that went away is an
 * error of write(). To be called before the first thread, which inherits the mask.
 */
int signals_take(void);

#endif
