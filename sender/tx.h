// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * tx: the sender, whole, without a system call in it.
 *
 *   source (paced: file, stdin, tone) ---.
 *                                         >--> media samples --> payload --> packet, stamped
 *   ADC frames --> retime ---------------'
 *   media clock ----^--------- decides which sample it is, and when it is due
 *
 * Whoever drives it passes time in and takes packets out until there are none, then sleeps until
 * tx_deadline(). Nothing is allocated after tx_create().
 *
 * A page sender has a gate (gate.h) behind the source: while it is shut, the source runs all the same, and
 * nothing is sent but RTCP (TX_STANDBY). When it opens there is an INIT, and the sound at its normal pace;
 * when it shuts, three TERMINATE. Time stamps say when sound was taken, also of what was kept back: so the
 * latency in the header has the hold in it, and packets come as long before their presentation as without.
 *
 * A stream starts with INIT, a moment before the first sample is taken, so that all receivers are armed by
 * then; it ends with three TERMINATE, a few milliseconds apart. In between, the time stamp of each packet is
 * floor(PTP time * rate), on the grid of whole packets: any AES67 receiver agrees about it.
 *
 * A codec that looks ahead (codec.h) gets the sound that lies so far behind the time stamp, and its packets
 * leave so much later.
 */
#ifndef UNISONO_TX_H
#define UNISONO_TX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/codec.h"
#include "proto/mediaclock.h"
#include "proto/rtp.h"
#include "proto/timebase.h"
#include "gate.h"
#include "retime.h"

struct tx;

/*
 * Where paced sound comes from: frames x channels, interleaved, for the media samples from `at` on. Returns
 * how many frames it delivered; fewer than asked means starved, unless `ended` says that there is no more.
 */
struct tx_source {
    void *self;
    size_t (*read)(void *self, media_t at, float *out, size_t frames);
    bool (*ended)(const void *self);
};

struct tx_config {
    uint32_t rate_hz;
    unsigned channels;
    enum rtp_codec codec;
    unsigned frames_per_packet;
    uint32_t bitrate_bps; /* these three of Opus: see struct codec_format */
    bool fec;
    unsigned loss_percent;
    int64_t latency_ns; /* from sampling to presentation; the hold of the gate is part of it */
    enum rtp_priority priority;
    bool gated;              /* only what the gate lets pass is sent: */
    struct gate_config gate; /* hold_blocks and what it opens by; the rest is filled in here */
    bool plain;              /* AES67: no extension, no INIT, no TERMINATE */
    uint32_t ssrc;           /* random for each run */
    uint16_t first_sequence; /* random for each run */
    struct tx_source source; /* paced; ignored when `retime` is set */
    struct retime *retime;   /* captured; borrowed */
    uint64_t seed;           /* of the wake-up dither */
};

enum tx_state {
    TX_WAITING, /* for the clock, or for the card's observer */
    TX_STANDBY, /* the gate is shut */
    TX_RUNNING,
    TX_ENDING, /* saying TERMINATE */
    TX_ENDED
};

struct tx_status {
    enum tx_state state;
    uint64_t packets;   /* AUDIO packets made */
    uint64_t bytes;     /* of their payload */
    uint64_t frames;    /* in them */
    uint64_t starved;   /* frames that the source did not deliver in time: silence was sent */
    uint64_t skipped;   /* frames never sent: the process was held up, or time was stepped */
    uint64_t clipped;   /* samples beyond full scale; of F32, which carries them, none */
    double late_max_ms; /* how long after its time a packet was made, at worst, since tx_clear_extremes() */
    double peak;        /* largest sample magnitude since tx_clear_extremes(), full scale 1 */
    media_t next;       /* first sample of the next packet; with a gate, of the next block that enters it */
    bool gated;         /* then the next three mean something: */
    uint64_t pages;     /* times that the gate opened */
    raw_ns since;       /* of the newest beginning or end of a page, or of the standby before the first */
    double level;       /* what the gate heard at most since tx_clear_extremes(), as of gate_level() */
};

/* NULL when memory is short. */
struct tx *tx_create(const struct tx_config *config);
void tx_destroy(struct tx *tx);

/*
 * The next packet that is due by `now`: true when there is one. `packet` gets all header fields, and
 * `payload` points to its payload_len bytes, valid until the next call.
 */
bool tx_next(struct tx *tx, const struct clock_map *map, raw_ns now, struct rtp_packet *packet);

/* When to ask again. */
raw_ns tx_deadline(struct tx *tx, const struct clock_map *map, raw_ns now);

/* The gate is held open by hand; or no longer, and what was said until now is sent yet. */
void tx_talk(struct tx *tx, bool talk);

/* From the next packet on, what is sent is silence; or sound again. Either is a ramp of 20 ms. */
void tx_mute(struct tx *tx, bool mute);

/* Ends the stream after the packets made so far; with a gate, after all that was said and is held. */
void tx_stop(struct tx *tx);

void tx_get_status(const struct tx *tx, struct tx_status *status);

/* Begins a new interval for the extremes in the status. */
void tx_clear_extremes(struct tx *tx);

const char *tx_state_name(enum tx_state state);

#endif
