// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The muster: are those there without whom the sound shall not start?
 */
#ifndef UNISONO_MUSTER_H
#define UNISONO_MUSTER_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/roster.h"

#define MUSTER_NAMES_MAX 64

/* A number of receivers, or some by name. All zero: nobody is waited for. */
struct muster {
    unsigned count;
    unsigned names;
    char name[MUSTER_NAMES_MAX][ROSTER_NAME_SIZE];
};

/*
 * "3", or "lobby left,tower". A name is what --name of the receiver says, else its host, or its CNAME; blanks
 * around it do not count, nor does the case of letters. 0, or -EINVAL with what is wrong and what is allowed
 * in `why`.
 */
int muster_parse(const char *text, struct muster *muster, char *why, size_t why_size);

/* The same for a row of options. */
int muster_check(const char *text, char *why, size_t why_size);

/*
 * Whether all are there and can play: heard of lately, with a sound device and a locked clock as far as they
 * say. If not, `missing` gets who lacks, and why.
 */
bool muster_complete(const struct muster *muster, const struct roster *roster, raw_ns now, char *missing,
                     size_t missing_size);

#endif
