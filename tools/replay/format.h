// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What the packets of a stream hold, and who says so. A Unisono stream says it itself; a plain AES67 stream
 * is described by an SDP, or by the user; when by neither, the packets tell most of it: the timestamp's steps
 * are the frames in a packet, the payload divided by them is a frame's bytes, and the steps divided by the
 * time they take are the sampling rate.
 */
#ifndef UNISONO_REPLAY_FORMAT_H
#define UNISONO_REPLAY_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/rtp.h"
#include "proto/sdp.h"

enum format_origin {
    FORMAT_UNKNOWN,
    FORMAT_EXTENSION, /* the stream's own */
    FORMAT_OPTIONS,
    FORMAT_SDP,      /* --sdp */
    FORMAT_SAP,      /* an announcement inside the capture */
    FORMAT_INFERRED, /* from the packets */
};

struct format {
    enum format_origin origin;
    enum rtp_codec codec;
    uint32_t rate_hz;
    unsigned channels;
    unsigned frames;    /* of most packets; 0: not known */
    bool other_reading; /* inferred, and L16 with half as many channels again fits as well as L24 */
    bool has_offset;    /* an SDP states the offset of timestamps against PTP (a=mediaclk:direct=) */
    uint32_t offset;    /* 0, unless it is stated */
    char reference[SDP_REFCLK_SIZE]; /* the clock that an SDP names (a=ts-refclk:), as text; "" */
    char name[SDP_NAME_SIZE];        /* of the session; "" */
};

/* What was seen of a stream's packets, all of the same kind for the most part. */
struct format_evidence {
    uint8_t payload_type;
    size_t payload_bytes;
    int64_t step;       /* of the timestamp from packet to packet */
    double ticks_per_s; /* how fast the timestamp runs by the capture's clock; 0: not known */
};

/* Fills codec, rate, channels and frames; false when no PCM that we know looks so. */
bool format_infer(const struct format_evidence *evidence, struct format *format);

/* Frames in a packet of a codec that is known by other means; of Opus by its time stamps. 0: not known. */
unsigned format_frames(const struct format_evidence *evidence, unsigned codec, unsigned channels);

/* "by the stream itself", "inferred from the packets" ... */
const char *format_origin_text(enum format_origin origin);

/* Packet time in ns: frames over rate. */
int64_t format_packet_ns(const struct format *format);

#endif
