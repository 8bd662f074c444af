// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * rx: the receiver, whole, without a system call in it.
 *
 *   datagrams --> stream (whose?) --> timeline --> conceal --> resample --> frames for the card
 *                                        ^                        ^
 *   card readings --> observer ----------+------ playout ---------+
 *   media clock   ------------------------------'
 *
 * Whoever drives it (daemon, simulator, fuzzer) passes time, datagrams and card readings in, and gets frames
 * to write and the next deadline back. Nothing is allocated after rx_create().
 *
 * One cycle of the driver:
 *     rx_datagram() for each datagram waiting
 *     rx_card()     once, with the card's status
 *     rx_render()   once, and write all it returned to the card
 *     sleep until rx_deadline()
 */
#ifndef UNISONO_RX_H
#define UNISONO_RX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/mediaclock.h"
#include "proto/resample.h"
#include "proto/rtp.h"
#include "proto/timebase.h"
#include "stream.h"
#include "distribution.h"

struct rx;

struct rx_config {
    uint32_t card_rate_hz;
    unsigned card_channels; /* 1 to 64 */
    size_t card_frames;     /* how much the card's buffer holds */
    enum resample_quality quality;
    double gain;       /* linear */
    int64_t delay_ns;  /* this receiver's own, added to the sender's latency */
    bool mute_on_loss; /* silence in holdover, instead of playing on at the last rate */
    bool plain;        /* AES67 without the extension: the five below describe the stream */
    enum rtp_codec codec;
    uint32_t rate_hz;
    unsigned channels;
    int64_t link_ns;
    uint64_t seed; /* of the wake-up dither */
};

enum rx_state {
    RX_IDLE,    /* no stream: silence */
    RX_ARMED,   /* a stream is there; waiting for card, clock or its first sample */
    RX_PLAYING, /* in step */
    RX_FADING   /* fading out, to arm again or to end */
};

/* Everything counted since rx_create(), and how it stands now. */
struct rx_status {
    enum rx_state state;
    struct stream stream;
    uint64_t datagrams; /* all that came */
    uint64_t malformed; /* broken RTP, extension or payload */
    uint64_t foreign;   /* sound, but not of our stream or profile */
    uint64_t absurd;    /* presentation times nobody can mean */
    int unknown_codec;  /* the number of the newest codec that came and is not known here; -1: none */
    uint64_t late;      /* packets wholly past their time */
    uint64_t early;     /* packets beyond what the timeline holds */
    uint64_t played;    /* frames of sound written to the card */
    uint64_t concealed; /* media frames replaced inside the stream */
    uint64_t made_up;   /* media frames that the codec's own concealment made, not among those */
    uint64_t recovered; /* media frames that came back by FEC, not among those either */
    uint64_t xruns;
    uint64_t starts;       /* aligned starts: the first, and after each xrun, gap or step */
    double error_ns;       /* playout against the clock's word, newest */
    double error_worst_ns; /* largest magnitude since rx_clear_extremes() */
    double lead_min_ms;    /* smallest time from arrival to playout of a packet, since rx_clear_extremes() */
    double lead_need_ms;   /* what this receiver needs of that: its look-ahead and one cycle */
    double queued_min_ms;  /* least sound waiting in the card while playing, since rx_clear_extremes() */
    double card_ppm;       /* the DAC's crystal against nominal */
    double card_sigma_ns;  /* the observer's doubt */
    double resample_ppm;   /* step against nominal */
    int64_t link_ns;       /* from sampling to playout, own delay included */
    uint64_t clipped;      /* samples beyond full scale after gain */
    float peaks[RTP_CHANNELS_MAX]; /* of each card channel, after gain, since rx_clear_extremes(); full scale
                                      1 */
};

/* How it was all along: see distribution.h. */
struct rx_distributions {
    struct distribution errors_ns; /* playout against the clock's word, each cycle; above 0: late */
    struct distribution leads_us;  /* from arrival to playout, each packet */
};

/* NULL when memory is short. */
struct rx *rx_create(const struct rx_config *config);
void rx_destroy(struct rx *rx);

/*
 * Takes one datagram as it came, hostile or not. `map` may be in state MEDIA_CLOCK_NO_PTP. `source`
 * identifies the sending host.
 */
void rx_datagram(struct rx *rx, const struct clock_map *map, const uint8_t *bytes, size_t length,
                 raw_ns arrival, uint64_t source);

/*
 * From now on datagrams are of another stream, described so: the present one is faded out and given up. What
 * rx_config said of the stream is forgotten.
 */
void rx_describe(struct rx *rx, const struct stream_description *description);

/* The card's status: at `stamp`, `queued` of the frames written had not left the converter. */
void rx_card(struct rx *rx, raw_ns stamp, int64_t queued);

/*
 * Fills `out` with the frames (frames x card channels, full scale 1.0) that must be written to the card now,
 * at most `room`, and returns how many. They count as written.
 */
size_t rx_render(struct rx *rx, const struct clock_map *map, size_t room, float *out);

/*
 * The card stopped, and what was queued is gone: it `ran_dry`, or it was unplugged or suspended. It is found
 * and placed anew once it runs again.
 */
void rx_card_stopped(struct rx *rx, bool ran_dry);

/* Ends the sound with a fade; rx_ended() tells when nothing but silence is left to write. */
void rx_stop(struct rx *rx);
bool rx_ended(const struct rx *rx);

/* Silence, with a fade, as long as `refused`; then the sound finds its place again. */
void rx_refuse(struct rx *rx, bool refused);

/* The stream of this SSRC ends with what has come of it: its sender said so by RTCP. */
void rx_bye(struct rx *rx, uint32_t ssrc);

/* When to run the next cycle, given that this one ran at `now`. */
raw_ns rx_deadline(struct rx *rx, raw_ns now);

void rx_get_status(const struct rx *rx, struct rx_status *status);
void rx_get_distributions(const struct rx *rx, struct rx_distributions *distributions);

/* Begins a new interval for the extremes in the status. */
void rx_clear_extremes(struct rx *rx);

const char *rx_state_name(enum rx_state state);

#endif
