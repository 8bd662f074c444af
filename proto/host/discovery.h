// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Discovery: feeds a directory (../directory.h) with what is said on the network: SAP in its two IPv4 groups
 * on one interface, and Unisono's services by Avahi, where there is one.
 *
 *     discovery_run() a few times a second --> discovery_directory()
 *
 * All calls belong to one thread; none but open, reopen and close blocks.
 */
#ifndef UNISONO_DISCOVERY_H
#define UNISONO_DISCOVERY_H

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

#include "../directory.h"

#define DISCOVERY_BATCH 64 /* datagrams, and services, that are taken at most at a time */

struct discovery_counters {
    uint64_t datagrams; /* of SAP */
    uint64_t truncated; /* too long for any description */
    uint64_t errors;    /* times that listening failed */
    int last_errno;     /* of the newest such failure; 0: none so far */
};

struct discovery;

/*
 * `interface`: as for net_find_interface(), which picks one for the groups of SAP where it is empty; copied.
 * *interface_name (IF_NAMESIZE bytes) gets its name. 0, or -errno with one line in `err`; *discovery is NULL
 * then.
 */
int discovery_open(struct discovery **discovery, const char *interface, char *interface_name, char *err,
                   size_t err_size);
void discovery_close(struct discovery *discovery); /* NULL is allowed */

/* Joins anew, after the interface came back with another index or address. On failure all is as before. */
int discovery_reopen(struct discovery *discovery, char *err, size_t err_size);

/* Takes what waits, without waiting, and forgets what has not been heard of for long. */
void discovery_run(struct discovery *discovery, raw_ns now);

/* What is known; until the next run. */
const struct directory *discovery_directory(const struct discovery *discovery);

void discovery_get_counters(const struct discovery *discovery, struct discovery_counters *counters);

#endif
