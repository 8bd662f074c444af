// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Follow: keeps a receiver on the stream that it was told by name, wherever that goes: another group, port,
 * address or format, a sender that was started again or replaced by another of the same name. Or on the one
 * that a file describes, which goes nowhere.
 *
 *     follow_run()    --> true: tune to follow_tuning()
 *     follow_settle()     that was done; else run() says so again after half a second
 *
 * A stream is left for one of the same name and another origin only when nothing has come from it for
 * seconds: anyone may give a stream any name. That a stream is no longer announced is no reason to stop.
 *
 * Control thread only. What happens is told to the log here.
 */
#ifndef UNISONO_FOLLOW_H
#define UNISONO_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/host/discovery.h"
#include "proto/host/stats.h"
#include "proto/mediaclock.h"
#include "tuning.h"

struct follow_config {
    const char *name;            /* of the stream; "": the one in `sdp` */
    const char *sdp;             /* path of a description, without a name */
    struct discovery *discovery; /* with a name: where it is looked for; run by the caller, outlives this */
    const char *interface;       /* with a name: which `discovery` is on */
    int64_t link_ns;             /* of plain streams; 0: none was given */
};

struct follow;

/* 0, or -errno with one line in `err`. *follow is NULL then, which all that follows takes but tuning and
 * settle. */
int follow_open(struct follow **follow, const struct follow_config *config, raw_ns now, char *err,
                size_t err_size);
void follow_close(struct follow *follow);

/*
 * A few times a second, behind discovery_run(), without waiting. `sounding`: packets come of the stream that
 * was tuned to. `map`: of our clock, whose domain the stream's must be.
 */
bool follow_run(struct follow *follow, const struct clock_map *map, bool sounding, raw_ns now);

/* Where to tune, after true; until the next run. */
const struct tuning *follow_tuning(const struct follow *follow);
void follow_settle(struct follow *follow, raw_ns now);

/* Names of the channels of the stream that was tuned to, as its description has them by now (as in struct
 * sdp_stream); NULL: none was tuned to. Until the next run. */
const char *follow_channel_names(const struct follow *follow);

/* The stream that was tuned to says of itself by now that it cannot be played: it shall be silence. */
bool follow_refuses(const struct follow *follow);

/* stream_name, retunes */
void follow_report(const struct follow *follow, struct stats *stats);

#endif
