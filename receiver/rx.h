// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * rx: the receiver, whole, without a system call in it.
 *
 *   datagrams --> voice --.
 *   datagrams --> voice --+--> mix --> frames for the card
 *   datagrams --> voice --'
 *
 *   voice:  stream (whose?) --> timeline --> route --> conceal --> resample --> fader, duck, spread
 *                                  ^                                  ^
 *   card readings --> observer ----+------------- playout ------------+
 *   media clock   --------------------------------------'
 *
 * Whoever drives it (daemon, simulator, fuzzer) passes time, datagrams and card readings in, and gets frames
 * to write and the next deadline back. Nothing is allocated after rx_create().
 *
 * One cycle of the driver:
 *     rx_datagram() for each datagram waiting, of each voice
 *     rx_card()     once, with the card's status
 *     rx_render()   once, and write all it returned to the card
 *     sleep until rx_deadline()
 */
#ifndef UNISONO_RX_H
#define UNISONO_RX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "distribution.h"
#include "level.h"
#include "proto/mediaclock.h"
#include "proto/resample.h"
#include "proto/rtp.h"
#include "proto/timebase.h"
#include "route.h"
#include "stream.h"

#define RX_VOICES_MAX 16

struct rx;

/* Of the whole output. */
struct rx_settings {
    double gain;      /* linear */
    bool mute;        /* silence, with all else going on */
    int64_t delay_ns; /* this receiver's own, added to the sender's latency; 0 or more */
};

/* Of one stream. */
struct voice_settings {
    struct route route;
    double gain; /* linear */
    bool mute;
    int64_t delay_ns; /* on top of the whole output's; 0 or more */
    bool page;        /* others give way to it, even if its packets do not ask for that */
};

struct rx_config {
    uint32_t card_rate_hz;
    unsigned card_channels; /* 1 to 64 */
    size_t card_frames;     /* how much the card's buffer holds */
    enum resample_quality quality;
    unsigned voices;             /* streams that are listened to, 1 to RX_VOICES_MAX */
    struct rx_settings settings; /* to begin with; those of voices are 0 dB, straight */
    struct duck_config duck;
    bool mute_on_loss; /* silence in holdover, instead of playing on at the last rate */
    bool plain;        /* AES67 without the extension: the four below describe the streams */
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

/*
 * Everything counted since rx_create(), and how it stands now: of one voice, and of the card, which all have
 * in common (xruns, lead_need, queued, card, clipped, peaks).
 */
struct rx_status {
    enum rx_state state;
    struct stream stream;
    uint64_t datagrams; /* all that came */
    uint64_t malformed; /* broken RTP, extension or payload */
    uint64_t foreign;   /* sound, but not of our stream or profile */
    uint64_t absurd;    /* presentation times nobody can mean */
    int unknown_codec;  /* the number of the newest codec that came and is not known here; -1: none */
    int unknown_rate;   /* likewise, the code of a sampling rate; 0: none */
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
    int64_t room_ns;       /* the largest link_ns of this stream that the timeline holds; 0: no stream yet */
    bool page;             /* others give way to it */
    double ducked_db;      /* how far it gives way itself, at most 0 */
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
 * Takes one datagram as it came for a voice, hostile or not. `map` may be in state MEDIA_CLOCK_NO_PTP.
 * `source` identifies the sending host.
 */
void rx_datagram(struct rx *rx, unsigned voice, const struct clock_map *map, const uint8_t *bytes,
                 size_t length, raw_ns arrival, uint64_t source);

/*
 * From now on a voice's datagrams are of another stream, described so: the present one is faded out and given
 * up. What rx_config said of the stream is forgotten.
 */
void rx_describe(struct rx *rx, unsigned voice, const struct stream_description *description);

/*
 * The packets of this voice's stream, which may not have begun yet, are going to come so long before their
 * time; 0: not known. The card then holds no more sound than that leaves.
 */
void rx_offer(struct rx *rx, unsigned voice, int64_t lead_ns);

/* Changes at run time: gains and routes by ramps, delays by a crossfade. */
void rx_set(struct rx *rx, const struct rx_settings *settings);
void rx_set_voice(struct rx *rx, unsigned voice, const struct voice_settings *settings);
void rx_set_duck(struct rx *rx, const struct duck_config *duck);

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

/* Silence of this voice, with a fade, as long as `refused`; then the sound finds its place again. */
void rx_refuse(struct rx *rx, unsigned voice, bool refused);

/* The voice's stream of this SSRC ends with what has come of it: its sender said so by RTCP. */
void rx_bye(struct rx *rx, unsigned voice, uint32_t ssrc);

/* When to run the next cycle, given that this one ran at `now`; to be asked when the card has its frames,
 * since what is not urgent is done here. */
raw_ns rx_deadline(struct rx *rx, raw_ns now);

void rx_get_status(const struct rx *rx, unsigned voice, struct rx_status *status);
void rx_get_distributions(const struct rx *rx, unsigned voice, struct rx_distributions *distributions);

/* Begins a new interval for the extremes in the status, of all voices. */
void rx_clear_extremes(struct rx *rx);

const char *rx_state_name(enum rx_state state);

#endif
