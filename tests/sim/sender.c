// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/sender.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CAPTURE_FRAMES = 4096 };
#define READ_NS 60 /* from the pointer to the stamp */

static size_t read_sound(void *self, media_t at, float *out, size_t frames)
{
    const struct sim_sender *s = self;
    uint32_t rate_hz = (uint32_t)s->stream.rate_hz;
    int64_t second = at.n / rate_hz, rest = (at.n % rate_hz) * NS_PER_S;
    struct signal_turn turn = signal_at(s->sound, second * NS_PER_S + rest / rate_hz,
                                        (double)(rest % rate_hz) / rate_hz, 1e9 / rate_hz);

    for (size_t i = 0; i < frames; i++) {
        float x = (float)signal_next(&turn);

        for (unsigned c = 0; c < (unsigned)s->stream.channels; c++)
            *out++ = x;
    }
    return frames;
}

static bool never_ends(const void *self)
{
    (void)self;
    return false;
}

static void capture(struct sim_sender *s, int64_t now)
{
    int64_t there = adc_sampled(&s->adc, now), waits = there - s->adc.taken;

    while (waits > 0) {
        size_t count = waits < CAPTURE_FRAMES ? (size_t)waits : CAPTURE_FRAMES;

        adc_read(&s->adc, s->captured, count);
        retime_push(s->retime, s->captured, count);
        waits -= (int64_t)count;
    }
    retime_observe(s->retime, sim_raw(&s->host.crystal, now + READ_NS), (frame_t){there});
}

static int64_t run(void *self, int64_t now)
{
    struct sim_sender *s = self;
    const struct clock_map *map = &s->host.ptp.clock.map;
    raw_ns raw = sim_raw(&s->host.crystal, now);
    struct rtp_packet packet;
    uint8_t bytes[RTP_DATAGRAM_MAX];
    struct tx_status status;

    if (!s->tx)
        return LOOP_NEVER;
    if (now < s->host.stalled_until)
        return s->host.stalled_until;
    if (s->retime)
        capture(s, now);
    while (!s->error && tx_next(s->tx, map, raw, &packet)) {
        size_t header = rtp_header_bytes(packet.has_ext);

        rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
        memcpy(bytes + header, packet.payload, packet.payload_len);
        s->error = network_send(s->network, bytes, header + packet.payload_len, s->source, now);
    }
    tx_get_status(s->tx, &status);
    if (status.state == TX_ENDED)
        sim_sender_die(s);
    return s->tx ? host_wakes(&s->host, tx_deadline(s->tx, map, raw), now) : LOOP_NEVER;
}

int sim_sender_init(struct sim_sender *s, const struct scenario *scenario, const struct host_config *host,
                    const struct signal_config *sound, const struct ptp_masters *masters,
                    struct network *network, struct loop *loop, uint64_t seed, unsigned number)
{
    struct adc_config adc = scenario->adc;
    int error;

    *s = (struct sim_sender){.stream = scenario->stream,
                             .sound = sound,
                             .network = network,
                             .source = 77 + number,
                             .chance = chance_of(seed, "sender", number)};
    s->node = (struct loop_node){s, run, LOOP_NEVER, 0, 0};
    s->ssrc = (uint32_t)chance_bits(&s->chance);
    adc.channels = (unsigned)s->stream.channels;
    oscillator_init(&s->adc_crystal, &scenario->adc_crystal, chance_of(seed, "adc crystal", number));
    adc_init(&s->adc, &adc, &s->adc_crystal, sound, masters);
    s->captured = calloc((size_t)CAPTURE_FRAMES * adc.channels, sizeof *s->captured);
    error = s->captured ? host_init(&s->host, host, masters, loop, seed, 5000 + number) : -ENOMEM;
    return error ? error : loop_add(loop, &s->node);
}

void sim_sender_free(struct sim_sender *s)
{
    sim_sender_die(s);
    free(s->captured);
}

/* Rates without a code, which only the AES67 profile carries, have no nominal packet times. */
static unsigned packet_frames(const struct stream_config *c)
{
    int frames = rtp_ptime_frames((uint32_t)llround(c->ptime_ms * 1e3), (uint32_t)c->rate_hz);

    return frames > 0 ? (unsigned)frames : (unsigned)llround(c->ptime_ms * c->rate_hz / 1e3);
}

int sim_sender_start(struct sim_sender *s, struct loop *loop)
{
    const struct stream_config *c = &s->stream;
    struct tx_config config = {
        .rate_hz = (uint32_t)c->rate_hz,
        .channels = (unsigned)c->channels,
        .codec = (enum rtp_codec)c->codec,
        .frames_per_packet = packet_frames(c),
        .latency_ns = llround((c->latency_ms + c->pre_roll_ms) * 1e6),
        .gated = c->pre_roll_ms > 0,
        .plain = c->profile == 1,
        .ssrc = s->ssrc++,
        .first_sequence = (uint16_t)c->first_sequence,
        .source = {s, read_sound, never_ends},
        .seed = chance_bits(&s->chance),
    };
    struct retime_config retime = {config.channels, s->adc.config.rate_hz, config.rate_hz, RESAMPLE_MEDIUM};

    config.gate.hold_blocks = (size_t)llround(c->pre_roll_ms / c->ptime_ms);
    sim_sender_die(s);
    if (c->source == SCENARIO_ADC) {
        s->retime = retime_create(&retime);
        if (!s->retime)
            return -ENOMEM;
        config.retime = s->retime;
        adc_start(&s->adc, loop->now);
    }
    s->tx = tx_create(&config);
    if (!s->tx)
        return -ENOMEM;
    loop_move(loop, &s->node, loop->now + 1);
    return 0;
}

void sim_sender_die(struct sim_sender *s)
{
    tx_destroy(s->tx);
    retime_destroy(s->retime);
    s->tx = NULL;
    s->retime = NULL;
}

void sim_sender_talk(struct sim_sender *s, bool talk)
{
    if (s->tx)
        tx_talk(s->tx, talk);
}

void sim_sender_stop(struct sim_sender *s)
{
    if (s->tx)
        tx_stop(s->tx);
}
