// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Record: writes what a stream carries to a file, beside the sound and without touching it.
 *
 *     socket --> listener thread: take --> spool --> writer thread: soundfile
 *
 * It has a socket of its own on the stream's group, or drains one that nobody plays from. The listener waits
 * for no disk, the writer may stall for as long as the spool lasts. When writing fails (disk full, directory
 * gone) the recording ends with one line in the log and the sound goes on.
 *
 * The file is made when the stream's first sound comes, and never in place of another: NAME.wav, then
 * NAME-2.wav and so on, for another format, or after ten seconds of nothing; names that are taken are
 * skipped. No more than one is begun each second: what is to be written before is left out, and counted.
 */
#ifndef UNISONO_RECORD_H
#define UNISONO_RECORD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/host/clockstatus.h"
#include "proto/host/stats.h"
#include "proto/mediaclock.h"
#include "recv.h"
#include "stream.h"
#include "take.h"

#define RECORD_PATH_SIZE 1024

struct record;

/* Strings are copied. */
struct record_config {
    struct receiver *receiver; /* borrowed, drained only here; NULL: one of its own, of */
    struct sockaddr_in group;  /* this group, 0.0.0.0: none before record_retune(), */
    const char *interface;     /* on this interface, as in struct recv_config */
    struct stream_description description;
    const char *path;  /* soundfile_check_name() accepts it */
    const char *title; /* of the stream, for people; printable or "" */
    const char *host;  /* of this machine */
};

enum record_state {
    RECORD_WAITING, /* for the stream */
    RECORD_WRITING,
    RECORD_FAILED /* and that is final */
};

struct record_status {
    enum record_state state;
    char file[RECORD_PATH_SIZE]; /* the newest; "" before the first */
    uint64_t files;              /* made so far */
    uint64_t written;            /* frames in all of them */
    uint64_t dropped;            /* frames that became silence, since the disk was too slow */
    uint64_t skipped;            /* frames that are in no file, since another had just been begun */
    struct take_counters take;
    struct stream stream; /* that is recorded, */
    bool heard;           /* and comes just now */
    uint64_t cycles;      /* of the listener: it lives */
};

/* "waiting", "recording", "failed" */
const char *record_state_name(enum record_state state);

/*
 * Control thread, as all below. A file that exists is told in the log, with the name that is taken instead.
 * 0, or -errno with one line in `err`: its directory does not take one, or no name is left.
 */
int record_start(struct record **record, const struct record_config *config, char *err, size_t err_size);

/* As recv_retune() and playback_describe(); a borrowed receiver was retuned already. */
int record_retune(struct record *record, const struct sockaddr_in *group, struct in_addr source,
                  const struct stream_description *description, char *err, size_t err_size);

/* After the interface came back: see recv_reopen(). */
int record_reopen(struct record *record, char *err, size_t err_size);

/* A few times a second: the clock's newest word; and what happened is told to the log. */
void record_run(struct record *record, const struct clock_map *map, const struct clock_source_status *clock);

void record_get_status(struct record *record, struct record_status *status);

/* record_state and more; NULL is allowed: "off". */
void record_report(struct record *record, struct stats *stats);

/* Ends the file with all that came; the status is that of the end. NULL is allowed. */
void record_stop(struct record *record);

/* Frees all, behind record_stop(), or as that. NULL is allowed. */
void record_destroy(struct record *record);

#endif
