// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A recording: all RTCP and SAP that came, and once a second what the witnesses found (testimony.h), as a
 * pcap file of nanoseconds. Each datagram gets the UDP and IPv4 headers that it had, as far as they are
 * known. Wireshark and unisono-replay open it; play.h shows it again.
 */
#ifndef UNISONO_MONITOR_RECORDING_H
#define UNISONO_MONITOR_RECORDING_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

struct recording;

/* Makes the file anew. 0, or -errno and one line in `err`. */
int recording_open(struct recording **recording, const char *path, char *err, size_t err_size);
void recording_close(struct recording *recording); /* NULL is allowed */

/* All but close take NULL. A write that fails is one line in the log; nothing is recorded from then on. */
void recording_take(struct recording *recording, const struct sockaddr_in *from, const struct sockaddr_in *to,
                    const uint8_t *bytes, size_t len, int64_t realtime_ns);

/* Once a second: what was taken reaches the file. */
void recording_flush(struct recording *recording);

#endif
