// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The browser: which services of Unisono senders there are on the network, as Avahi knows it (DNS-SD over
 * mDNS, RFC 6762 and 6763). A service of type BROWSER_TYPE carries its session description in its TXT
 * records, in pieces s0=... to s9=... that are put together in the order of their numbers.
 *
 * Avahi lives in a thread of its own, since its client library waits for D-Bus and the daemon. What it finds
 * is handed over by a short queue; when that is full, Avahi's thread waits, not the reader. Where there is no
 * daemon, nothing is found, and it is looked for again and again.
 */
#ifndef UNISONO_BROWSER_H
#define UNISONO_BROWSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BROWSER_TYPE     "_unisono._udp"
#define BROWSER_TEXT_MAX 2560 /* ten pieces of at most 252 bytes */
#define BROWSER_SERVICES 256  /* at a time; more are not looked at */

struct browser_news {
    uint64_t service; /* never 0, and never the same for another */
    bool gone;
    size_t len;                  /* 0 when it is gone */
    char text[BROWSER_TEXT_MAX]; /* no closing zero */
};

struct browser;

/*
 * `interface`: name of the only one that is looked at, whatever index it may get in its life. 0, or -errno:
 * no memory, no thread.
 */
int browser_open(struct browser **browser, const char *interface);
void browser_close(struct browser *browser); /* waits for Avahi's thread. NULL is allowed */

/* The oldest news; false when there is none. NULL: there is none. Any one thread. */
bool browser_next(struct browser *browser, struct browser_news *news);

#endif
