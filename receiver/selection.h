// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Selection: one stream that a user wants to hear, and how, as it is written behind --group, --stream and
 * --sdp:
 *
 *     TARGET[;SETTING]...        239.69.83.2:5006;gain=-6;mute
 *                                Stage left;page;name=call
 *
 * TARGET is a group, a name or a path. Within a target or a value \; is a semicolon and \\ a backslash; any
 * other backslash is one.
 *
 *     name=TEXT     what the log and the statistics call it, instead of the target
 *     map=ROUTE     which of its channels go where: see route.h
 *     gain=DB       louder or, below 0, softer, -90 to 20
 *     mute          not heard, but otherwise treated like the others; mute=no: it is heard
 *     delay=MS      so much later, 0 to 1000, on top of the receiver's own delay
 *     page          others give way to it, whatever its packets say
 */
#ifndef UNISONO_SELECTION_H
#define UNISONO_SELECTION_H

#include <netinet/in.h>
#include <stddef.h>

#include "proto/options.h"
#include "rx.h"

enum selection_kind { SELECTION_GROUP, SELECTION_STREAM, SELECTION_SDP };

struct selection {
    enum selection_kind kind;
    char target[OPTION_LIST_TEXT];
    struct sockaddr_in group; /* SELECTION_GROUP only */
    char name[64];            /* never empty; of a long target the beginning */
    struct voice_settings settings;
};

/*
 * Reads one. 0, or -EINVAL with one line in `why` that names the part that is wrong and what is allowed, to
 * stand after "--group TEXT: "; *selection is undefined then.
 */
int selection_parse(enum selection_kind kind, const char *text, struct selection *selection, char *why,
                    size_t why_size);

/* Whether both are the same stream, as far as their texts tell. */
bool selection_same(const struct selection *a, const struct selection *b);

#endif
