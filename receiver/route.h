// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Route: which channels of a stream go to which of the card, how loud, and mixed how.
 *
 *     stream channels --> router --> mixes --> conceal, resample --> spread --> card channels
 *
 * A mix is what one or more of the card's channels play, all the same: what comes behind does the work for
 * each of them once, and for channels that play nothing not at all.
 *
 * A route is written CARD=STREAM[:GAIN][+STREAM[:GAIN]]..., separated by commas; channels count from 1:
 *
 *     1=3,2=4                        card channel 1 plays stream channel 3, 2 plays 4
 *     1=1:-6dB+2:-6dB                card channel 1 plays both, each 6 dB lower
 *     1=mono                         the sum of all stream channels, each at 1/n, so that it cannot clip
 *     1=Vox,2='Keys, left':-3        by name, where the description of the stream gives names
 *
 * Blanks between the parts mean nothing. A word of digits is a number, the word mono the sum, any other a
 * name; what stands in 'single' or "double" quotes is a name in any case. A gain is in dB, with these letters
 * or without.
 *
 * Card channels that are not named are silent. The empty route, also written straight, is channel n to
 * channel n, and a stream of one channel to all. What a stream has no channel for is silence, not an error:
 * streams come and go; it is worth a word.
 *
 * Pure; a change is a ramp of 10 ms, so that it makes no click, as far as the mixes remain those of the same
 * channels. What splits a mix, or lets a silent channel play, is for another router to be crossfaded to.
 */
#ifndef UNISONO_ROUTE_H
#define UNISONO_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ROUTE_ENTRIES_MAX = 256, ROUTE_ALL = 255, ROUTE_WHY_SIZE = 160 };

/* Channels here count from 0. */
struct route_entry {
    uint8_t card;
    uint8_t stream; /* ROUTE_ALL: the sum of all, each at 1/n */
    float gain;     /* linear */
};

struct route {
    unsigned count; /* 0: straight */
    struct route_entry entries[ROUTE_ENTRIES_MAX];
};

/* What is known of a stream's channels. */
struct route_names {
    unsigned count;
    const char *const *names; /* of channel 0 on, as its description has them; NULL: this one has none */
    unsigned channels;        /* as many as the stream has; 0: that is not known */
};

/*
 * Reads a route. `names` may be NULL: none are known. Returns 0, or -EINVAL with one line in `why` that names
 * the part that is wrong, and what is allowed: channels 1 to 64, each of the card once, gains -120 to +20 dB.
 * *route is then as it was. -ENOENT, with a line: a name that `names` does not hold, or a channel that the
 * stream does not have, and nothing else is wrong. *route is then usable, and what is not there is silent.
 * ROUTE_WHY_SIZE holds each `why` whole.
 */
int route_parse(const char *text, const struct route_names *names, struct route *route, char *why,
                size_t why_size);

/* How many channels a card must have for all of `route` to be heard; 0: a straight route suits every card. */
unsigned route_width(const struct route *route);

/* Written alike; routes that merely sound alike may differ. */
bool route_equals(const struct route *a, const struct route *b);

/* A route at work. */
struct router;

/* For cards of card_channels (1..64), and streams of up to 64; at first one mix, of silence. NULL when memory
 * is short. */
struct router *router_create(unsigned card_channels);
void router_destroy(struct router *r);

/*
 * From now on routes `stream_channels` (0..64; 0: silence) channels so, at once, in as few mixes as that
 * takes. Entries for channels that the card or the stream does not have are passed over. Allocates nothing.
 */
void router_set(struct router *r, const struct route *route, unsigned stream_channels);

/*
 * The same with the stream and the mixes as they are: gains go there linearly within 10 ms of rate_hz, from
 * where they are, be it on their way from an earlier change. False, and nothing is changed, where channels of
 * one mix would have to part, or a channel without one to sound.
 */
bool router_go(struct router *r, const struct route *route, uint32_t rate_hz);

/* How many mixes it makes, 1 to the card's channels. */
unsigned router_mixes(const struct router *r);

/* in: frames x stream channels, out: frames x mixes; they do not overlap. A channel that is passed on alone
 * and at unity keeps every bit. */
void router_run(struct router *r, const float *in, float *out, size_t frames);

/* Adds mixes (frames x mixes), each frame at its gain, to the channels that they are for (frames x card
 * channels). */
void router_spread(const struct router *r, const float *in, const float *gains, float *out, size_t frames);

#endif
