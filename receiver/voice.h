// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Voice: one stream on its way to the card, from its datagrams to its share of the mix.
 *
 *     datagrams --> intake --> timeline --> head --> fader, duck --> mix
 *
 * All voices of a receiver make the same frames of the same card at the same time: first each is asked what
 * it wants, then all render as many frames as suits them together. So they are mixed to the sample, whatever
 * their rates, latencies and codecs.
 *
 * A voice is idle, armed (a stream is there; card, clock or sound are waited for), playing, or fading out.
 */
#ifndef UNISONO_VOICE_H
#define UNISONO_VOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "distribution.h"
#include "head.h"
#include "intake.h"
#include "level.h"
#include "playout.h"
#include "rx.h"

struct voice {
    enum rx_state state;
    struct voice_settings settings;
    struct intake intake;
    struct head heads[2];
    unsigned active;       /* which of them sounds */
    size_t crossfade_left; /* card frames until the other one has taken over; 0: only one sounds */
    bool moving;           /* the other one shall, as soon as its sound is there */
    raw_ns moving_since;
    bool rerouted;          /* the route takes other mixes, which the other one shall make */
    struct playout playout; /* card and clock as this voice sees them */
    uint32_t epoch;         /* of the media clock's map in use */
    size_t fade_left;       /* card frames until a fade is over */
    bool arm_again;         /* what follows the fade */
    bool refused;
    bool mute_on_loss;
    int64_t lead_ns; /* offered: how long before their time packets come; 0: not known */
    bool waits;      /* the others drain the card so that its sound may come in time, */
    raw_ns waits_since;
    raw_ns waits_again; /* but not before then, since that was in vain; 0: it was not */
    struct fader fader;
    struct duck duck;
    struct distribution errors_ns;
    struct rx_status status; /* what of it is the voice's own */
};

/* The card in this cycle. */
struct card_view {
    bool known;   /* where its frames are is known: `line` */
    bool settled; /* so well that sound can be placed by it */
    struct card_line line;
    frame_t written; /* the next frame to be made */
    int64_t queued;  /* frames that wait in the card before it */
    int64_t floor;   /* the least it must hold until the next cycle */
    raw_ns stamp;    /* when it was read */
    uint32_t rate_hz;
    unsigned channels;
    int64_t delay_ns; /* of the whole output */
};

/* What a voice has to say to the number of frames. */
struct voice_want {
    bool sounding; /* it has something to render */
    bool playing;
    size_t most;  /* no more than this */
    size_t can;   /* more would need a hole */
    size_t until; /* frames until it begins: that is to be the beginning of a block */
    bool hollow;  /* a hole has lasted until it was silence: others need not wait for what may still come */
    bool starved; /* it could begin if the card held less */
};

/* A zeroed voice. Returns 0, or -ENOMEM; voice_free() takes what is left of it. `timeline_samples`: floats.
 */
int voice_init(struct voice *v, const struct rx_config *config, size_t timeline_samples);
void voice_free(struct voice *v);

/* As rx_datagram(). `stopping`: what begins is not heard any more. */
void voice_datagram(struct voice *v, const struct clock_map *map, const uint8_t *bytes, size_t length,
                    raw_ns arrival, uint64_t source, bool stopping, uint32_t card_rate_hz);

/* The present sound ends with a fade; only a stream that begins is heard again. */
void voice_give_up(struct voice *v, uint32_t card_rate_hz);

/* The card's time jumped: what plays fades out and finds its place again. */
void voice_lost(struct voice *v, uint32_t card_rate_hz);

/* The card stopped, and what was queued is gone. */
void voice_card_stopped(struct voice *v);

/* Gains by ramps at once; routes by ramps, too, or by a crossfade; the delay by a crossfade as soon as its
 * sound is there. */
void voice_set(struct voice *v, const struct voice_settings *settings, uint32_t card_rate_hz);

/* From sampling to playout, own delays included. */
int64_t voice_link_ns(const struct voice *v, int64_t delay_ns);

/* The others waited for it in vain: what comes of it is always too late. */
bool voice_hopeless(const struct voice *v);

/* Whether programmes give way to it. */
bool voice_is_page(const struct voice *v);

/*
 * Brings the voice up to `card` and `map`: it may begin to play, to move to another delay, or to fade. Fills
 * *want, whose numbers are card frames; SIZE_MAX: no limit.
 */
void voice_prepare(struct voice *v, const struct card_view *card, const struct clock_map *map,
                   struct voice_want *want);

/*
 * After voice_prepare(), which said that it sounds: adds `frames` frames, at most want->most, to `mix`
 * (frames x card channels). `ducked`: it gives way to another. `scratch`: room for two blocks of as many
 * frames, and two floats a frame more.
 */
void voice_render(struct voice *v, const struct card_view *card, size_t frames, bool ducked, float *scratch,
                  float *mix);

/* Likewise when it does not sound: its duck goes on, so that it is where it belongs when it does. */
void voice_pass(struct voice *v, size_t frames, bool ducked);

/* When there is time: clears a part of what its next start would have to. False: nothing is left to clear. */
bool voice_tidy(struct voice *v);

/* Fills in what of the status is the voice's. */
void voice_get_status(const struct voice *v, int64_t delay_ns, struct rx_status *status);

#endif
