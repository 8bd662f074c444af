// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/receiver.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define READ_NS      60                /* from the pointer to the stamp, */
#define READ_MORE_NS 40                /* evenly up to so much more, */
#define HELD_UP      0.002             /* and, so often, */
#define HELD_UP_NS   20e3              /* exponentially so much */
#define REOPEN_NS    (500 * NS_PER_MS) /* playback.c looks for a lost card that often */

static void card_stops(struct sim_receiver *r, int64_t now, bool ran_dry)
{
    dac_stop(&r->card, now);
    rx_card_stopped(r->rx, ran_dry);
}

/* How many frames fit into the card now; -1: there is no card. */
static int64_t ask_card(struct sim_receiver *r, int64_t now)
{
    int64_t queued, late = READ_NS + (int64_t)(READ_MORE_NS * chance_uniform(&r->chance));

    if (now < r->card_back_at)
        return -1;
    if (!r->card.running)
        return r->card.config.buffer_frames;
    queued = dac_queued(&r->card, now);
    if (queued < 0) {
        card_stops(r, now, true);
        return r->card.config.buffer_frames;
    }
    if (chance_happens(&r->chance, HELD_UP))
        late += (int64_t)(HELD_UP_NS * chance_exponential(&r->chance));
    rx_card(r->rx, sim_raw(&r->host.crystal, now + late), queued);
    return (int64_t)r->card.config.buffer_frames - queued;
}

static void note_ratio(struct sim_receiver *r, int64_t now)
{
    struct rx_status status;

    rx_get_status(r->rx, 0, &status);
    if (status.state != RX_PLAYING) {
        r->ratio_at = 0;
        return;
    }
    if (r->ratio_at && now > r->settled_at) {
        double step = fabs(status.resample_ppm - r->ratio_ppm) / ((double)(now - r->ratio_at) / 1e6);

        if (step > r->ratio_ppm_ms)
            r->ratio_ppm_ms = step;
    }
    r->ratio_ppm = status.resample_ppm;
    r->ratio_at = now;
}

static void feed_card(struct sim_receiver *r, int64_t now)
{
    int64_t room = ask_card(r, now), done;
    size_t frames;

    if (room < 0)
        return;
    frames = rx_render(r->rx, &r->host.ptp.clock.map, (size_t)room, r->block);
    done = now + (int64_t)(r->host.wake.frame_us * 1e3 * (double)frames);
    if (r->card.running && dac_queued(&r->card, done) < 0) { /* while they were made */
        card_stops(r, done, true);
        return;
    }
    if ((r->card.written - r->card.judged) > (int64_t)r->card.ring_frames / 2)
        dac_advance(&r->card, now);
    dac_write(&r->card, r->block, frames);
    if (!r->card.running && frames)
        dac_start(&r->card, done);
    note_ratio(r, now);
}

static int64_t run(void *self, int64_t now)
{
    struct sim_receiver *r = self;
    const struct network_datagram *d;
    int64_t arrival;

    if (now < r->host.stalled_until)
        return r->host.stalled_until;
    while ((d = network_receive(r->network, r->number, now, &arrival)))
        if (arrival >= r->joins)
            rx_datagram(r->rx, 0, &r->host.ptp.clock.map, d->bytes, d->length,
                        sim_raw(&r->host.crystal, arrival), d->source);
    feed_card(r, now);
    if (r->leaving && rx_ended(r->rx))
        return LOOP_NEVER;
    return host_wakes(&r->host, rx_deadline(r->rx, sim_raw(&r->host.crystal, now)), now);
}

static struct rx_config rx_config_of(const struct scenario *scenario, const struct receiver_config *receiver,
                                     uint64_t seed)
{
    const struct stream_config *stream = &scenario->stream;

    return (struct rx_config){
        .card_rate_hz = receiver->card.rate_hz,
        .card_channels = receiver->card.channels,
        .card_frames = receiver->card.buffer_frames,
        .quality = (enum resample_quality)stream->resampler,
        .voices = 1,
        .settings = {.gain = pow(10, receiver->gain_db / 20), .delay_ns = llround(receiver->delay_ms * 1e6)},
        .duck = DUCK_STANDARD,
        .mute_on_loss = stream->on_loss == 1,
        .plain = stream->profile == 1,
        .codec = (enum rtp_codec)stream->codec,
        .rate_hz = (uint32_t)stream->rate_hz,
        .channels = (unsigned)stream->channels,
        .link_ns = llround((stream->latency_ms + stream->pre_roll_ms) * 1e6),
        .seed = seed,
    };
}

int sim_receiver_init(struct sim_receiver *r, const struct scenario *scenario, unsigned number,
                      const struct signal_config *sound, const struct ptp_masters *masters,
                      struct network *network, struct loop *loop, uint64_t seed)
{
    const struct receiver_config *c = &scenario->receiver[number];
    struct judge_config judge = {sound,
                                 masters,
                                 0,
                                 pow(10, c->gain_db / 20),
                                 c->card.rate_hz,
                                 llround(scenario->stream.window_ms * 1e6)};
    struct rx_config rx;

    *r = (struct sim_receiver){
        .network = network, .number = number, .chance = chance_of(seed, "receiver", number)};
    judge.latency_ns =
        llround((scenario->stream.latency_ms + scenario->stream.pre_roll_ms + c->delay_ms) * 1e6);
    judge_init(&r->judge, &judge);
    oscillator_init(&r->card_crystal, &c->card_crystal, chance_of(seed, "card crystal", number));
    rx = rx_config_of(scenario, c, chance_bits(&r->chance));
    r->rx = rx_create(&rx);
    r->block = calloc((size_t)c->card.buffer_frames * c->card.channels, sizeof *r->block);
    if (!r->rx || !r->block || dac_init(&r->card, &c->card, &r->card_crystal, &r->host.crystal, &r->judge))
        return -ENOMEM;
    r->joins = (int64_t)(c->joins_s * 1e9);
    r->settled_at = (int64_t)(scenario->from_s * 1e9);
    r->node = (struct loop_node){r, run, r->joins + (int64_t)(1e6 * chance_uniform(&r->chance)), 0, 0};
    if (host_init(&r->host, &c->host, masters, loop, seed, number))
        return -ENOMEM;
    return loop_add(loop, &r->node);
}

void sim_receiver_free(struct sim_receiver *r)
{
    rx_destroy(r->rx);
    dac_free(&r->card);
    free(r->block);
}

void sim_receiver_unplug(struct sim_receiver *r, int64_t now, double seconds)
{
    int64_t back = now + (int64_t)(seconds * 1e9);

    card_stops(r, now, false);
    r->card_back_at = now + (back - now + REOPEN_NS - 1) / REOPEN_NS * REOPEN_NS;
}

void sim_receiver_run_dry(struct sim_receiver *r, int64_t now)
{
    card_stops(r, now, true);
}

void sim_receiver_leave(struct sim_receiver *r)
{
    r->leaving = true;
    rx_stop(r->rx);
}
