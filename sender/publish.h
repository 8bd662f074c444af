// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Publishing the stream by DNS-SD over mDNS (PROTOCOL.md section 13.3), through the Avahi daemon: the only
 * file that knows Avahi. Asking the daemon may take as long as it likes (D-Bus), so a thread of its own does
 * it, which nobody waits for:
 *
 *     control thread   publish_say() --> the newest text --> publishing thread <-- D-Bus --> avahi-daemon
 *
 * Where there is no daemon, or no D-Bus, the log says so once, and the thread looks again every few seconds.
 * When this process ends, however it does, the daemon notices and takes the service back.
 */
#ifndef UNISONO_PUBLISH_H
#define UNISONO_PUBLISH_H

#include <stddef.h>
#include <stdint.h>

#include <avahi-common/strlst.h>

#define PUBLISH_TYPE "_unisono._udp"

/* Bytes of a description in one string of TXT, which has room for 255 with its key. */
#define PUBLISH_PIECE 250

struct publish;

/*
 * Starts the thread. `name`: of the stream, wanted as that of the service; copied, made printable, cut to 63
 * bytes. Where it is taken, another one is, which the log tells. `port`: of RTP. NULL when memory or threads
 * are short.
 */
struct publish *publish_open(const char *name, uint16_t port);

/*
 * What is to be known from now on: the description of sdp_write(), 1 to SDP_WRITE_MAX bytes, copied; on the
 * interface with this index. Never waits.
 */
void publish_say(struct publish *publish, const char *sdp, size_t sdp_len, unsigned interface_index);

/* Takes the service back. Waits for the daemon a second at most. NULL is allowed. */
void publish_close(struct publish *publish);

/* The strings of TXT: txtvers=1, s0=, s1= ... The caller frees them; NULL when memory is short. */
AvahiStringList *publish_txt(const char *sdp, size_t sdp_len);

#endif
