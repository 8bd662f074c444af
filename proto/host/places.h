// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Where control sockets are: PLACE/recv-PID.sock and PLACE/send-PID.sock. A program opens its own in the
 * first place that suits it, and that it can write to; unisono-ctl looks in all.
 *
 *     $RUNTIME_DIRECTORY          what systemd made for a service: /run/unisono-recv; of several, that one
 *     /run/unisono                for root
 *     $XDG_RUNTIME_DIR/unisono    for users in a session
 *     /tmp/unisono-UID            for the others
 */
#ifndef UNISONO_PLACES_H
#define UNISONO_PLACES_H

#include <stdbool.h>
#include <stddef.h>

enum { PLACES_PATH_SIZE = 108 }; /* what a socket's path may have, its closing zero included */

/*
 * The path of a new socket of this process; `end` is "recv" or "send". Makes the folder, if need be, for this
 * user alone to write to. -errno, and a line in `err`: nowhere. One in /tmp that somebody else owns, or may
 * write to, is refused: -EPERM.
 */
int places_own(const char *end, char path[PLACES_PATH_SIZE], char *err, size_t err_size);

/* Calls `found` for each such socket in the folder of the socket at `path`. */
void places_beside(const char *path, void (*found)(void *context, const char *path), void *context);

/*
 * Calls `found` for each socket in any of the places, /run/unisono-* of all services included, in the order
 * of their names within a place. It stands there; nobody need listen.
 */
void places_each(void (*found)(void *context, const char *path), void *context);

#endif
