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
 *     gain=DB       louder or, below 0, softer, -90 to 20
 *     mute          not heard, but otherwise treated like the others; mute=no: it is heard
 *     delay=DELAY   so much later, as of delay.h, on top of the receiver's own delay
 *     map=ROUTE     which of its channels go where, as of route.h
 *     record=FILE   what comes is written there, as by --record
 *     page          others give way to it, whatever its packets say
 */
#ifndef UNISONO_SELECTION_H
#define UNISONO_SELECTION_H

#include <netinet/in.h>
#include <stddef.h>

#include "delay.h"
#include "proto/options.h"
#include "rx.h"

enum selection_kind { SELECTION_GROUP, SELECTION_STREAM, SELECTION_SDP };

struct selection {
    enum selection_kind kind;
    char target[OPTION_LIST_TEXT];
    struct sockaddr_in group;   /* SELECTION_GROUP only */
    char name[64];              /* never empty, printable; of a long target the beginning */
    char map[OPTION_LIST_TEXT]; /* as it was written; "": none was */
    struct delay delay;
    char record[OPTION_LIST_TEXT];  /* path; "": not recorded */
    struct voice_settings settings; /* but for route and delay, which selection_resolve() makes of the two */
};

/*
 * Reads one. 0, or -EINVAL with one line in `why` that names the part that is wrong and what is allowed, to
 * stand after "--group TEXT: "; *selection is undefined then.
 */
int selection_parse(enum selection_kind kind, const char *text, struct selection *selection, char *why,
                    size_t why_size);

/*
 * Fills in settings.delay_ns and settings.route: of `map`, where the selection has none of its own, and then
 * selection->map is that. No names are known yet. 0; -EINVAL and one line in `why`, to stand after "TARGET:
 * ", when that is beyond what is allowed or the card has.
 */
int selection_resolve(struct selection *selection, const char *map, const struct delay_place *place,
                      unsigned card_channels, char *why, size_t why_size);

/* Whether both are the same stream, as far as their texts tell. */
bool selection_same(const struct selection *a, const struct selection *b);

#endif
