// SPDX-License-Identifier: GPL-3.0-or-later
#include "stage.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TICK_NS (100 * NS_PER_MS) /* crystals change their frequency that often */

/* Up to now everything was under the old frequencies. */
static int64_t tick(void *self, int64_t now)
{
    struct stage *s = self;

    for (unsigned i = 0; i < s->scenario->receivers; i++) {
        struct sim_receiver *r = &s->receivers[i];

        dac_advance(&r->card, now);
        oscillator_advance(&r->card_crystal, now);
        oscillator_advance(&r->host.crystal, now);
    }
    oscillator_advance(&s->sender.adc_crystal, now);
    oscillator_advance(&s->sender.host.crystal, now);
    oscillator_advance(&s->rival.adc_crystal, now);
    oscillator_advance(&s->rival.host.crystal, now);
    choir_compare(&s->choir);
    return now + TICK_NS;
}

/* ---- events ---- */

static struct host *host_of(struct stage *s, unsigned i)
{
    return i < s->scenario->receivers ? &s->receivers[i].host : &s->sender.host;
}

static bool meant(const struct stage *s, const struct event *e, unsigned i)
{
    return i < s->scenario->receivers ? e->who.receiver[i] : e->who.sender;
}

static void change_sender(struct stage *s, struct sim_sender *sender, int word)
{
    if (word == 0)
        sim_sender_die(sender);
    else if (word == 1)
        sim_sender_stop(sender);
    else if (word == 3 || word == 4)
        sim_sender_talk(sender, word == 3);
    else if (!s->error)
        s->error = sim_sender_start(sender, &s->loop);
}

/*
 * The hosts follow another time, each from an instant within so long on: another grandmaster's, or that of
 * the same one, which jumped. The rival sits beside the sender.
 */
static void change_master(struct stage *s, uint64_t name, double offset_us, double within_s, int64_t now)
{
    struct ptp_masters *m = &s->masters;

    if (m->count == PTP_MASTERS)
        return;
    m->master[m->count].name = name;
    m->master[m->count].offset_ns = m->master[m->count - 1].offset_ns + llround(offset_us * 1e3);
    m->count++;
    for (unsigned i = 0; i <= s->scenario->receivers; i++) {
        struct ptp_client *ptp = &host_of(s, i)->ptp;

        ptp->next_master = m->count - 1;
        ptp->notices_at = now + (int64_t)(within_s * 1e9 * chance_uniform(&s->chance));
    }
}

static void happen_to(struct stage *s, const struct event *e, unsigned i, int64_t now)
{
    struct sim_receiver *r = i < s->scenario->receivers ? &s->receivers[i] : NULL;
    struct host *h = host_of(s, i);
    char why[160];

    if (e->kind == EVENT_STALL)
        h->stalled_until = now + (int64_t)(e->number[0] * 1e6);
    else if (e->kind == EVENT_PTP)
        h->ptp.lost = e->word == 0;
    else if (!r)
        return;
    else if (e->kind == EVENT_UNPLUG)
        sim_receiver_unplug(r, now, e->number[0]);
    else if (e->kind == EVENT_DRY)
        sim_receiver_run_dry(r, now);
    else if (e->kind == EVENT_CARD_PPM)
        r->card_crystal.config.ppm += e->number[0];
    else if (e->kind == EVENT_NET)
        scenario_set_path(&s->network.paths[i].config, e->text, why, sizeof why);
    else if (e->kind == EVENT_LEAVE)
        sim_receiver_leave(r);
}

static void happen(struct stage *s, const struct event *e, int64_t now)
{
    switch (e->kind) {
    case EVENT_SENDER:
        change_sender(s, &s->sender, e->word);
        break;
    case EVENT_RIVAL:
        change_sender(s, &s->rival, e->word);
        break;
    case EVENT_GRANDMASTER:
        change_master(s, s->masters.count + 1, e->number[0], isnan(e->number[1]) ? 1 : e->number[1], now);
        break;
    case EVENT_PTP_STEP:
        change_master(s, s->masters.master[s->masters.count - 1].name, e->number[0], 0, now);
        break;
    case EVENT_MEMBERS:
        members_leave(&s->members, (unsigned)e->number[0], now);
        break;
    case EVENT_GARBAGE:
        s->garbage_per_s = e->number[0];
        s->garbage_until = now + (int64_t)(e->number[1] * 1e9);
        loop_move(&s->loop, &s->garbage, now + 1);
        break;
    default:
        for (unsigned i = 0; i <= s->scenario->receivers; i++)
            if (meant(s, e, i))
                happen_to(s, e, i, now);
    }
}

static int64_t event_at(const struct stage *s)
{
    if (s->next_event == s->scenario->event_count)
        return LOOP_NEVER;
    return (int64_t)(s->scenario->events[s->next_event].at_s * 1e9);
}

static int64_t run_script(void *self, int64_t now)
{
    struct stage *s = self;

    while (event_at(s) <= now)
        happen(s, &s->scenario->events[s->next_event++], now);
    return event_at(s);
}

/* ---- hostile datagrams ---- */

/* Strangers that would be valid, our SSRC in another format or at an absurd time, broken headers, noise. */
static size_t make_garbage(struct stage *s, uint8_t *bytes, int64_t now)
{
    struct rtp_packet packet = {.ssrc = 0xbad, .payload_type = RTP_PT_L24, .has_ext = true};
    size_t length = 172;
    double part;
    int64_t ptp = ptp_time(&s->masters, 0, now, &part);
    unsigned kind = (unsigned)(6 * chance_uniform(&s->chance));

    packet.ext = (struct rtp_header_ext){{ptp + 5 * NS_PER_MS}, RTP_TYPE_AUDIO, RTP_CODEC_L24, 1, 0, 48000};
    packet.timestamp = (uint32_t)media_at_ptp((ptp_ns){ptp - 5 * NS_PER_MS}, 48000).n;
    if (kind == 1 || kind == 2)
        packet.ssrc = s->sender.ssrc - 1;
    if (kind == 1)
        packet.ext.channels = 2;
    if (kind == 2)
        packet.ext.presentation.ns = (int64_t)(chance_bits(&s->chance) >> 1);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)chance_bits(&s->chance);
    if (kind < 4)
        rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
    if (kind == 3)
        length = (size_t)((double)length * chance_uniform(&s->chance));
    return length;
}

static int64_t run_garbage(void *self, int64_t now)
{
    struct stage *s = self;
    uint8_t bytes[256];
    size_t length;

    if (now >= s->garbage_until)
        return LOOP_NEVER;
    length = make_garbage(s, bytes, now);
    if (!s->error)
        s->error = network_send(&s->network, bytes, length, 666, now);
    return now + 1 + (int64_t)(1e9 / s->garbage_per_s * chance_exponential(&s->chance));
}

/* ---- the whole ---- */

/* The PTP time of the beginning, so that the RTP timestamp wraps when the scenario wants it. */
static int64_t beginning(const struct scenario *s)
{
    uint32_t rate_hz = (uint32_t)s->stream.rate_hz;
    int64_t ptp = INT64_C(1800000000123456789);
    media_t now = media_at_ptp((ptp_ns){ptp}, rate_hz);

    if (s->stream.wraps_s < 0)
        return ptp;
    now.n = (now.n | 0xffffffff) + 1 - (int64_t)(s->stream.wraps_s * rate_hz);
    return ptp_at_media(now, rate_hz).ns;
}

static int add_nodes(struct stage *s)
{
    const struct stream_config *c = &s->scenario->stream;
    double bytes_per_s = c->rate_hz * c->channels * rtp_codec_sample_bytes((unsigned)c->codec);

    s->tick = (struct loop_node){s, tick, TICK_NS, 0, 0};
    s->script = (struct loop_node){s, run_script, event_at(s), 0, 0};
    s->garbage = (struct loop_node){s, run_garbage, LOOP_NEVER, 0, 0};
    if (loop_add(&s->loop, &s->tick) || loop_add(&s->loop, &s->script) || loop_add(&s->loop, &s->garbage))
        return -ENOMEM;
    if (members_init(&s->members, s->scenario->members, (uint32_t)bytes_per_s, &s->loop, s->seed))
        return -ENOMEM;
    s->members.settled_from = (int64_t)(s->scenario->from_s * 1e9);
    return sim_sender_start(&s->sender, &s->loop);
}

static int64_t window_at(const struct scenario *s, double second)
{
    return (int64_t)(second * 1e3 / s->stream.window_ms);
}

static int build(struct stage *s)
{
    const struct scenario *c = s->scenario;

    s->receivers = calloc(c->receivers, sizeof *s->receivers);
    s->judges = calloc(c->receivers, sizeof *s->judges);
    if (!s->receivers || !s->judges || network_init(&s->network, c->receivers, s->seed))
        return -ENOMEM;
    if (sim_sender_init(&s->sender, c, &c->sender, &s->sound, &s->masters, &s->network, &s->loop, s->seed,
                        0) ||
        sim_sender_init(&s->rival, c, &c->sender, &s->other_sound, &s->masters, &s->network, &s->loop,
                        s->seed, 1))
        return -ENOMEM;
    for (unsigned i = 0; i < c->receivers; i++) {
        s->network.paths[i].config = c->receiver[i].path;
        if (sim_receiver_init(&s->receivers[i], c, i, &s->sound, &s->masters, &s->network, &s->loop, s->seed))
            return -ENOMEM;
        s->judges[i] = &s->receivers[i].judge;
        s->judges[i]->settled_from = window_at(c, c->from_s);
        s->judges[i]->counted_to = window_at(c, c->to_s > 0 ? c->to_s : c->seconds);
    }
    s->choir = (struct choir){.judges = s->judges,
                              .count = c->receivers,
                              .window_ns = llround(c->stream.window_ms * 1e6),
                              .from = window_at(c, c->from_s),
                              .to = window_at(c, c->to_s > 0 ? c->to_s : c->seconds)};
    return add_nodes(s);
}

static struct signal_config sound_of(unsigned hz)
{
    return (struct signal_config){{hz, hz * 10 / 13}, {0.25, 0.05}};
}

struct stage *stage_create(const struct scenario *scenario, uint64_t seed)
{
    struct stage *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->scenario = scenario;
    s->seed = seed;
    s->chance = chance_of(seed, "stage", 0);
    s->sound = sound_of((unsigned)scenario->stream.tone_hz);
    s->other_sound = sound_of((unsigned)(1.3 * scenario->stream.tone_hz));
    s->masters = (struct ptp_masters){.count = 1, .epoch_ns = beginning(scenario), .master[0].name = 1};
    if (build(s)) {
        stage_destroy(s);
        return NULL;
    }
    return s;
}

void stage_destroy(struct stage *s)
{
    for (unsigned i = 0; s->receivers && i < s->scenario->receivers; i++)
        sim_receiver_free(&s->receivers[i]);
    members_free(&s->members);
    sim_sender_free(&s->sender);
    sim_sender_free(&s->rival);
    if (s->network.paths)
        network_free(&s->network);
    loop_free(&s->loop);
    free(s->receivers);
    free(s->judges);
    free(s);
}

void stage_write_csv(struct stage *s, FILE *file, int64_t every_ms)
{
    s->choir.csv = file;
    s->choir.csv_every =
        every_ms * NS_PER_MS > s->choir.window_ns ? every_ms * NS_PER_MS / s->choir.window_ns : 1;
    fprintf(file, "time_s,apart_us");
    for (unsigned i = 1; i <= s->scenario->receivers; i++)
        fprintf(file, ",error_us_%u", i);
    fputc('\n', file);
}

int stage_run(struct stage *s, double seconds)
{
    loop_run(&s->loop, (int64_t)(seconds * 1e9));
    for (unsigned i = 0; i < s->scenario->receivers; i++)
        dac_advance(&s->receivers[i].card, s->loop.now);
    choir_compare(&s->choir);
    return s->error ? s->error : s->sender.error ? s->sender.error : s->rival.error;
}

uint64_t stage_digest(const struct stage *s)
{
    uint64_t digest = UINT64_C(14695981039346656037);

    for (unsigned i = 0; i < s->scenario->receivers; i++)
        digest = (digest ^ s->judges[i]->digest) * UINT64_C(1099511628211);
    return digest;
}
