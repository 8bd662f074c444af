// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A replay, whole: what was asked, what the capture holds, what was found. Three passes through the file:
 *
 *     scan      who sends what                  catalogue, announcements --> which stream, in which format
 *     survey    the sender's clock              track --> envelope --> timescale
 *     play      every packet, in its time       analysis, rx, rows of the CSV
 *
 * and then the verdict on it all. Memory does not grow with the capture.
 */
#ifndef UNISONO_REPLAY_REPLAY_H
#define UNISONO_REPLAY_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis.h"
#include "announce.h"
#include "pcapfile.h"
#include "catalogue.h"
#include "envelope.h"
#include "packet.h"
#include "receiver/rx.h"
#include "replay_options.h"

struct replay {
    const struct replay_options *options;
    struct pcapfile *capture;
    struct pcapfile_counters counters; /* of the last pass that was finished */
    struct catalogue catalogue;
    struct announcements announcements;

    const struct catalogue_stream *stream; /* the one chosen; NULL: none yet */
    struct format format;
    struct format declared;    /* by SDP or SAP; origin FORMAT_UNKNOWN: nothing is */
    unsigned declared_frames;  /* that a packet should hold by SDP or --ptime; 0: nobody says */
    int64_t capture_offset_ns; /* what makes the capture's clock PTP's, if it is PTP's */
    uint64_t cut;              /* datagrams of the stream that the capture cut */

    struct envelope envelope;
    struct envelope_fit fit;
    struct timescale stream_scale, capture_scale;
    struct analysis analysis;
    bool played; /* rx was run, and */
    struct rx_status rx;
    uint64_t concealed_end; /* of rx.concealed: frames behind the last datagram, when the stream just stops */

    uint8_t room[PACKET_ROOM];
};

/* Both: 0, or -errno and one line in `err`. First the one, then the other. */
int replay_scan(struct replay *replay, char *err, size_t err_size);
int replay_run(struct replay *replay, char *err, size_t err_size);

#endif
