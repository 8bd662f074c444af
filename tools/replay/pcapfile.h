// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A capture file: pcap or pcapng, by libpcap, read as often as needed from its beginning. Standard input is
 * kept in an unnamed temporary file when it cannot be read twice.
 *
 * Time never runs backward here: a frame that was stamped before the one in front of it (captures of several
 * interfaces, a clock that was set) gets that one's stamp, and is counted.
 */
#ifndef UNISONO_REPLAY_PCAPFILE_H
#define UNISONO_REPLAY_PCAPFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

struct pcapfile;

/* Of one pass through the file. */
struct pcapfile_counters {
    uint64_t frames;
    uint64_t datagrams; /* UDP over IPv4, the cut ones included */
    uint64_t cut;       /* frames of which the capture holds a part only */
    uint64_t fragments; /* of IPv4 datagrams; they are not put together */
    uint64_t malformed;
    uint64_t backward; /* stamped before the frame in front */
    int64_t backward_max_ns;
    uint64_t timeless;         /* frames whose time stamp is none; they are left out */
    int64_t first_ns, last_ns; /* of all frames; 0: there were none */
    bool damaged;              /* the file could not be read to its end, */
    char damage[256];          /* and why */
};

/*
 * Opens `path`, "-": standard input. 0, or -errno and in `err` one line that names the file and what is
 * wrong with it.
 */
int pcapfile_open(struct pcapfile **capture, const char *path, char *err, size_t err_size);
void pcapfile_close(struct pcapfile *capture);

/* Back to the first frame; counters begin at 0. As pcapfile_open(). */
int pcapfile_rewind(struct pcapfile *capture, char *err, size_t err_size);

/* The next UDP datagram, valid until the next call; false at the end, or where the file is damaged. */
bool pcapfile_next(struct pcapfile *capture, struct datagram *datagram);

const struct pcapfile_counters *pcapfile_count(const struct pcapfile *capture);

/* How much of the file this pass has read, 0 to 1. */
double pcapfile_progress(const struct pcapfile *capture);

#endif
