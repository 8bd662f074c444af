// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Several voices of one rx, driven by a little program: the first bytes choose the receiver, each further
 * byte is an instruction with its arguments behind it. tests/fuzz/fuzz_rx.c does the same with one voice and
 * looks closer; here it is about what they do to each other, and about what a user changes while they sound.
 * The last of the senders sends Opus, the others L16.
 *
 *   LIVE      some cycles of normal life: packets of all senders that are on come, the card is read, sound
 *             is rendered
 *   START     a sender begins, with an INIT or without, at another latency, as a page or not
 *   END       a sender ends: TERMINATE, BYE, or nothing
 *   SET       gain, mute, delay, route of a voice or of the whole output, ducking
 *   OFFER     a lead, sensible or not
 *   STOPPED   the card stopped
 *   REFUSE, DESCRIBE, STALL
 *
 * What must hold: no more frames than there is room for, all of them finite and none louder than all senders
 * together (Opus of bytes that mean anything knows no full scale: then only finite); the card never is left
 * below what the next cycle needs, as long as room is there.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "demand.h"
#include "proto/codec.h"
#include "receiver/rx.h"
#include "receiver/timeline.h"

#define RAW0      INT64_C(86400000000123)
#define PTP0      INT64_C(1795000000000000000)
#define GAIN_MAX  2.0
#define OVERSHOOT 4.6 /* of a sinc filter and concealment, as in fuzz_rx.c */

enum {
    VOICES = 3,
    RATE = 48000,
    CARD_FRAMES = 2048,
    CYCLES_MAX = 512, /* of one program: the work is bounded; after 128 no sound had begun yet */
    GUARD = 8,
    CHANNELS = 2,
    OPUS = VOICES - 1
};

struct sender {
    bool on;
    uint32_t ssrc;
    int64_t link_ns, next;
    uint16_t sequence;
    uint8_t priority;
};

struct world {
    const uint8_t *at, *end;
    struct rx *rx;
    struct clock_map map;
    raw_ns now, t0; /* t0: the card's frame `first` left */
    bool runs;
    bool loud; /* Opus came */
    int64_t first, written;
    unsigned cycles;
    struct sender senders[VOICES];
    struct rx_settings settings;
    float out[(CARD_FRAMES + GUARD) * CHANNELS];
};

struct timeline *__real_timeline_create(size_t samples);
struct timeline *__wrap_timeline_create(size_t samples);

/* Small, so that its end is near and a receiver costs little to make. */
struct timeline *__wrap_timeline_create(size_t samples)
{
    (void)samples;
    return __real_timeline_create(1 << 13);
}

static uint8_t byte(struct world *w)
{
    return w->at < w->end ? *w->at++ : 0;
}

static int64_t packet_frames(unsigned voice)
{
    return voice == OPUS ? CODEC_OPUS_STEP : 48;
}

/* The sound of one packet; its end. */
static uint8_t *put_sound(uint8_t *to, unsigned voice, media_t at)
{
    uint32_t random = (uint32_t)(uint64_t)at.n;
    size_t len = 2 + random % 61;

    if (voice == OPUS) { /* one frame of 2.5 ms, fullband, mono, of bytes that mean anything */
        *to++ = 28 << 3;
        for (size_t i = 1; i < len; i++)
            *to++ = (uint8_t)((random = random * 1664525 + 1013904223) >> 24);
        return to;
    }
    for (unsigned i = 0; i < 48; i++) {
        *to++ = (uint8_t)(at.n % 251);
        *to++ = (uint8_t)i;
    }
    return to;
}

static void say(struct world *w, unsigned voice, enum rtp_type type)
{
    struct sender *s = &w->senders[voice];
    enum rtp_codec codec = voice == OPUS ? RTP_CODEC_OPUS : RTP_CODEC_L16;
    struct rtp_packet packet = {
        .ssrc = s->ssrc,
        .sequence = s->sequence++,
        .timestamp = (uint32_t)(uint64_t)s->next,
        .payload_type = codec == RTP_CODEC_OPUS ? RTP_PT_OPUS : RTP_PT_L16,
        .has_ext = true,
        .ext = {.presentation = {ptp_at_media((media_t){s->next}, RATE).ns + s->link_ns},
                .type = (uint8_t)type,
                .codec = (uint8_t)codec,
                .channels = 1,
                .priority = s->priority,
                .rate_hz = RATE},
    };
    uint8_t bytes[RTP_DATAGRAM_MAX];
    size_t length = rtp_header_bytes(true);

    rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
    if (type == RTP_TYPE_AUDIO) {
        length = (size_t)(put_sound(bytes + length, voice, (media_t){s->next}) - bytes);
        s->next += packet_frames(voice);
        w->loud |= voice == OPUS;
    }
    rx_datagram(w->rx, voice, &w->map, bytes, length, w->now, voice);
}

static int64_t played(const struct world *w)
{
    return w->runs ? w->first + (w->now.ns - w->t0.ns) * RATE / NS_PER_S : w->written;
}

static void check(const struct world *w, size_t frames, size_t room)
{
    uint8_t guard[GUARD * sizeof *w->out];

    memset(guard, 0x5a, sizeof guard);
    DEMAND(frames <= room);
    DEMAND(memcmp(w->out + room * CHANNELS, guard, sizeof guard) == 0);
    for (size_t i = 0; i < frames * CHANNELS; i++) {
        DEMAND(isfinite(w->out[i]));
        DEMAND(fabs((double)w->out[i]) <= VOICES * GAIN_MAX * GAIN_MAX * OVERSHOOT * (w->loud ? 0x1p24 : 1));
    }
    for (unsigned i = 0; i < VOICES; i++) {
        struct rx_status s;

        rx_get_status(w->rx, i, &s);
        DEMAND(fabs(s.error_ns) <= 2e6 && s.ducked_db <= 0);
        DEMAND(s.link_ns >= 0 && s.link_ns <= 13 * NS_PER_S);
    }
}

static void cycle(struct world *w)
{
    int64_t queued;
    size_t room, frames;

    w->now = rx_deadline(w->rx, w->now);
    for (unsigned i = 0; i < VOICES; i++)
        for (int n = 0; w->senders[i].on && n < 8 &&
                        ptp_at_media((media_t){w->senders[i].next + packet_frames(i)}, RATE).ns <=
                            PTP0 + w->now.ns - RAW0;
             n++)
            say(w, i, RTP_TYPE_AUDIO);
    queued = w->written - played(w);
    if (w->runs && queued < 0) {
        w->runs = false;
        queued = 0;
        rx_card_stopped(w->rx, true);
    }
    if (w->runs)
        rx_card(w->rx, w->now, queued);
    room = (size_t)(CARD_FRAMES - queued);
    memset(w->out + room * CHANNELS, 0x5a, GUARD * sizeof *w->out);
    frames = rx_render(w->rx, &w->map, room, w->out);
    check(w, frames, room);
    if (frames && !w->runs) {
        w->runs = true;
        w->t0 = w->now;
        w->first = w->written;
    }
    w->written += (int64_t)frames;
    /* what a cycle leaves lasts until the next: a shortest wake-up at least */
    if (w->runs)
        DEMAND(w->written - played(w) >= RATE / 8000);
}

static void start(struct world *w)
{
    static const int64_t links_ns[] = {10, 1, 3, 5, 20, 40, 100, 1000};
    uint8_t how = byte(w);
    struct sender *s = &w->senders[how % VOICES];

    s->on = true;
    s->ssrc += how & 64;
    s->link_ns = links_ns[how >> 3 & 7] * NS_PER_MS;
    s->priority = how >> 6 & 1;
    s->next = media_at_ptp((ptp_ns){PTP0 + w->now.ns - RAW0}, RATE).n + byte(w) * 16;
    if (how & 128)
        say(w, how % VOICES, RTP_TYPE_INIT);
}

static void end(struct world *w)
{
    uint8_t how = byte(w);
    unsigned voice = how % VOICES;

    w->senders[voice].on = false;
    if (how & 32)
        say(w, voice, RTP_TYPE_TERMINATE);
    if (how & 64)
        rx_bye(w->rx, voice, w->senders[voice].ssrc);
}

static void set(struct world *w)
{
    static const double gains[] = {1, 0, 0.5, GAIN_MAX};
    static const int64_t delays_ns[] = {0, 20834, 5 * NS_PER_MS, NS_PER_S};
    uint8_t what = byte(w), value = byte(w);
    struct voice_settings voice = {
        .gain = gains[value & 3],
        .mute = value & 4,
        .page = value & 8,
        .delay_ns = delays_ns[value >> 4 & 3],
        .route = {.count = value >> 6, .entries = {{0, ROUTE_ALL, 0.5f}, {1, 0, 1}, {7, 5, 1}}}};
    const struct duck_config duck = {-(double)value, value * NS_PER_MS, delays_ns[value & 3]};

    w->settings =
        (struct rx_settings){gains[value & 3], value & 4, what & 16 ? delays_ns[value >> 4 & 3] : 0};
    if (what % 5 < VOICES)
        rx_set_voice(w->rx, what % 5, &voice);
    else if (what % 5 == 3)
        rx_set(w->rx, &w->settings);
    else
        rx_set_duck(w->rx, &duck);
}

static void others(struct world *w, uint8_t what)
{
    static const int64_t leads_ns[] = {0, 9 * NS_PER_MS, -NS_PER_S, 1, INT64_C(1) << 40};
    const struct stream_description plain = {
        .plain = true,
        .claim = {.codec = RTP_CODEC_L16, .rate_hz = RATE, .channels = 1, .link_ns = 10 * NS_PER_MS}};
    uint8_t who = byte(w);

    if (what == 4)
        rx_offer(w->rx, who % VOICES, leads_ns[who / VOICES % 5]);
    else if (what == 5)
        rx_refuse(w->rx, who % VOICES, who & 64);
    else if (what == 6)
        rx_describe(w->rx, who % VOICES, &plain);
    else
        w->now.ns += who * NS_PER_MS / 4;
    if (what == 7 && who & 128) {
        w->runs = false;
        rx_card_stopped(w->rx, false);
    }
}

static void obey(struct world *w)
{
    uint8_t what = byte(w);

    switch (what & 7) {
    case 0:
        for (unsigned n = 4 * (what >> 3); n && w->cycles < CYCLES_MAX; n--, w->cycles++)
            cycle(w);
        break;
    case 1:
        start(w);
        break;
    case 2:
        end(w);
        break;
    case 3:
        set(w);
        break;
    default:
        others(w, what & 7);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    struct rx_config config = {.card_rate_hz = RATE,
                               .card_channels = CHANNELS,
                               .card_frames = CARD_FRAMES,
                               .quality = RESAMPLE_LINEAR,
                               .voices = VOICES,
                               .settings = {.gain = 1},
                               .duck = DUCK_STANDARD};

    memset(&w, 0, offsetof(struct world, out));
    w.at = data;
    w.end = data + size;
    w.now.ns = RAW0;
    w.map = (struct clock_map){.raw0 = {RAW0}, .ptp0 = {PTP0}, .state = MEDIA_CLOCK_LOCKED, .epoch = 1};
    config.seed = byte(&w);
    w.rx = rx_create(&config);
    DEMAND(w.rx);
    while (w.at < w.end)
        obey(&w);
    rx_stop(w.rx);
    for (int i = 0; !rx_ended(w.rx); i++) {
        DEMAND(i < 400);
        cycle(&w);
    }
    rx_destroy(w.rx);
    return 0;
}
