// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * rx, driven by a little program: the first bytes choose the receiver and the sender, each further byte is an
 * instruction with its arguments behind it. Time is virtual; the same bytes always do the same.
 *
 *   LIVE    some cycles of normal life: packets come, the card is read, sound is rendered
 *   PACKET  the sender's packet at a shift in time, of any type, perhaps with bytes changed or cut off
 *   RAW     bytes of the program as a datagram
 *   REPLAY  a datagram of before, perhaps from another host
 *   SENDER  another stream: identity, format, link offset
 *   LOSS    which packets the network loses from now on
 *   WAIT    time passes, nothing runs
 *   CARD    one reading of the card, off by this and that
 *   JUMP    the card's count, crystal or pointer steps change
 *   STOPPED the card stopped
 *   RENDER  with this much room
 *   CLOCK   another map: state, epoch, jump, rate
 *   STOP, REFUSE, CLEAR
 *
 * What must hold is in check_render(), check_status() and check_end(), and in the two functions put around
 * the timeline's: the Makefile links with --wrap. The timeline is made small, so that its end is near and a
 * receiver costs little to make.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "demand.h"
#include "proto/pcm.h"
#include "receiver/rx.h"
#include "receiver/timeline.h"

#define RAW0        INT64_C(86400000000123)
#define PTP0        INT64_C(1795000000000000000)
#define TIME_MAX_NS (INT64_MAX / 5 * 2) /* what a clock source lets pass at most */
#define GAIN_MAX    10.0                /* +20 dB */
/*
 * No sample may exceed full scale times the gain by more: a sinc filter raises the worst of sounds at full
 * scale, which is not music, by less than 4, and concealment stays within 1.15.
 */
#define OVERSHOOT    4.6
#define DEADLINE_MAX (1250 * NS_PER_US)

enum {
    CYCLES_MAX = 64,      /* of one program: the work is bounded */
    END_CYCLES = 512,     /* of the shortest, for a fade and all that a card holds */
    FRAMES_MAX = 1 << 13, /* rendered */
    DATAGRAMS_MAX = 256,
    ROOM_MAX = 4096,
    GUARD = 8, /* floats behind the room that must stay as they are */
    CHANNELS_MAX = 4,
    KEPT = 8
};

struct sender {
    uint32_t ssrc;
    uint64_t source;
    uint32_t rate_hz;
    unsigned channels, frames;
    enum rtp_codec codec;
    int64_t link_ns;
    media_t next;
    uint16_t sequence;
    bool on;
};

struct card {
    bool runs;
    raw_ns t0;     /* when its frame `first` left the converter */
    int64_t first; /* counted as rx does, by frames written */
    int64_t written;
    int32_t ppm;
    int32_t granule;
};

struct datagram {
    uint8_t bytes[RTP_DATAGRAM_MAX];
    size_t len;
    bool genuine;
};

struct world {
    const uint8_t *at, *end; /* of the program */
    struct rx_config config;
    struct rx *rx;
    struct rx *twin; /* of some programs: driven alike, it must do alike */
    raw_ns now;
    struct clock_map map;
    struct sender sender;
    struct card card;
    unsigned lost;
    struct datagram kept[KEPT];
    unsigned keeping;
    uint64_t cycles, datagrams, renders, rendered, xruns;
    uint64_t budget; /* of frames to render */
    uint32_t epoch;  /* of the map at the last render */
    bool stopped, refused;
    bool loud;           /* sound of F32 or Opus came, which knows no full scale */
    uint64_t since_stop; /* frames rendered until it ended */
    float out[(ROOM_MAX * CHANNELS_MAX) + GUARD];
    float twin_out[ROOM_MAX * CHANNELS_MAX];
};

/* What the functions around the timeline know. */
static struct {
    size_t samples;
    unsigned channels;
    unsigned content;
    bool genuine; /* nothing but genuine packets came: each frame says at which media time it belongs */
} around;

/* ---- sound that tells its own media time */

static int16_t sound(unsigned content, int64_t n, unsigned channel)
{
    uint32_t m = (uint32_t)(uint64_t)n;
    uint32_t hash = (m ^ channel << 27) * UINT32_C(2654435761);
    int32_t phase = (int16_t)(uint16_t)(m * (1009 + 512 * channel));
    int32_t triangle = (abs(phase) - 16384) * 2;

    switch (content) {
    case 0:
        return (int16_t)(uint16_t)((hash ^ hash >> 15) >> 8);
    case 1:
        return (int16_t)(triangle < -32768 ? -32768 : triangle > 32767 ? 32767 : triangle);
    case 2:
        return m >> (2 + channel % 4) & 1 ? 32767 : -32768;
    default: /* growing bursts */
        return (int16_t)(triangle / 2 * (int32_t)(m & 1023) / 1023);
    }
}

struct timeline *__real_timeline_create(size_t samples);
struct timeline *__wrap_timeline_create(size_t samples);
void __real_timeline_reset(struct timeline *t, unsigned channels, media_t floor);
void __wrap_timeline_reset(struct timeline *t, unsigned channels, media_t floor);
void __real_timeline_read(const struct timeline *t, media_t at, float *out, size_t frames);
void __wrap_timeline_read(const struct timeline *t, media_t at, float *out, size_t frames);

struct timeline *__wrap_timeline_create(size_t samples)
{
    DEMAND(samples >= around.samples);
    return __real_timeline_create(around.samples);
}

void __wrap_timeline_reset(struct timeline *t, unsigned channels, media_t floor)
{
    around.channels = channels;
    __real_timeline_reset(t, channels, floor);
}

/* Only what is present may be read, and it must be what was sent for that time. */
void __wrap_timeline_read(const struct timeline *t, media_t at, float *out, size_t frames)
{
    DEMAND(frames <= timeline_capacity(t));
    DEMAND(at.n >= timeline_floor(t).n && at.n + (int64_t)frames <= timeline_newest(t).n);
    DEMAND(timeline_present(t, at, frames) == frames);
    __real_timeline_read(t, at, out, frames);
    for (size_t i = 0; around.genuine && i < frames; i++)
        for (unsigned channel = 0; channel < around.channels; channel++)
            DEMAND(*out++ * 32768 == sound(around.content, at.n + (int64_t)i, channel));
}

/* ---- reading the program */

static uint8_t byte(struct world *w)
{
    return w->at < w->end ? *w->at++ : 0;
}

static int16_t word(struct world *w)
{
    unsigned high = byte(w);

    return (int16_t)(uint16_t)(high << 8 | byte(w));
}

/* +-(2^k - 1) of something: every magnitude with one byte. */
static int64_t magnitude(uint8_t b)
{
    int64_t size = (int64_t)((UINT64_C(1) << (b & 63)) - 1);

    return b & 64 ? -size : size;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* ---- the world */

static ptp_ns ptp_now(const struct world *w)
{
    return clock_map_ptp(&w->map, w->now);
}

static void set_sender(struct world *w, uint8_t who, uint8_t format, uint8_t link)
{
    static const uint32_t rates[] = {48000, 44100, 96000, 88200};
    static const unsigned channels[] = {1, 2, 3, 8, 64, 2, 1, 7};
    static const unsigned frames[] = {48, 6, 12, 240};
    static const int64_t links[] = {10 * NS_PER_MS, 2 * NS_PER_MS,     5 * NS_PER_MS, NS_PER_S, 0,
                                    50 * NS_PER_MS, 10 * NS_PER_S + 1, 3 * NS_PER_MS};
    struct sender *s = &w->sender;
    size_t width;

    s->ssrc = 0x5eed1e55 + (who & 3);
    s->source = who >> 2 & 1;
    s->codec = (who & 0xc0) == 0xc0 ? RTP_CODEC_OPUS
               : who & 0x80         ? RTP_CODEC_F32
               : who & 8            ? RTP_CODEC_L16
                                    : RTP_CODEC_L24;
    s->on = !(who & 16);
    s->sequence = (uint16_t)(who & 32 ? 0xfff0 : s->sequence);
    s->rate_hz = rates[format & 3];
    s->channels = channels[format >> 2 & 7];
    s->link_ns = links[link & 7];
    width = s->channels * rtp_codec_sample_bytes(s->codec);
    s->frames = frames[format >> 5 & 3];
    if (s->codec == RTP_CODEC_OPUS) {
        s->rate_hz = 48000;
        s->channels = 1 + (format >> 2 & 1);
        s->frames = 120u << (format >> 5 & 3);
    }
    if (s->frames * width > RTP_PAYLOAD_MAX)
        s->frames = (unsigned)(RTP_PAYLOAD_MAX / width);
    s->next.n = media_at_ptp(ptp_now(w), s->rate_hz).n / s->frames * s->frames;
}

static void hand_over(struct world *w, const uint8_t *bytes, size_t len, uint64_t source)
{
    struct rtp_packet packet;

    if (w->datagrams == DATAGRAMS_MAX)
        return;
    w->datagrams++;
    if (!rtp_parse(bytes, len, RTP_EXT_ID_DEFAULT, &packet) && (w->config.plain || packet.has_ext)) {
        unsigned codec = w->config.plain ? w->config.codec : packet.ext.codec;

        w->loud |= codec == RTP_CODEC_F32 || codec == RTP_CODEC_OPUS;
    }
    rx_datagram(w->rx, 0, &w->map, bytes, len, w->now, source);
    if (w->twin)
        rx_datagram(w->twin, 0, &w->map, bytes, len, w->now, source);
}

/* Keeps it for replay, and delivers. What is not genuine, or not read as it was meant, may sound anyhow. */
static void deliver(struct world *w, const struct datagram *d, uint64_t source)
{
    const struct sender *s = &w->sender;
    bool understood = !w->config.plain || (w->config.codec == s->codec && w->config.channels == s->channels);

    around.genuine = around.genuine && d->genuine && understood;
    w->kept[w->keeping++ % KEPT] = *d;
    hand_over(w, d->bytes, d->len, source);
}

/* One frame of any mode that lasts as long as the sender's, of bytes that mean anything; its end. */
static uint8_t *build_opus(uint8_t *to, const struct sender *s, media_t at)
{
    static const uint8_t celt[] = {28, 29, 30, 31}, silk[] = {16, 25, 8, 13};
    unsigned longer = s->frames == 120 ? 0 : s->frames == 240 ? 1 : s->frames == 480 ? 2 : 3;
    uint32_t random = (uint32_t)(uint64_t)at.n;
    size_t len = 2 + random / s->frames * 7 % 120;

    *to++ = (uint8_t)((s->ssrc & 1 ? silk : celt)[longer] << 3 | (random / s->frames & 1) << 2);
    for (size_t i = 1; i < len; i++)
        *to++ = (uint8_t)((random = random * 1664525 + 1013904223) >> 24);
    return to;
}

static void build(const struct world *w, struct datagram *d, media_t at, uint16_t sequence, unsigned type)
{
    const struct sender *s = &w->sender;
    int64_t presentation_ns = ptp_at_media(at, s->rate_hz).ns + s->link_ns;
    struct rtp_packet packet = {
        .ssrc = s->ssrc,
        .timestamp = (uint32_t)(uint64_t)at.n,
        .sequence = sequence,
        .payload_type = type == RTP_TYPE_AUDIO ? RTP_PT_L24 : RTP_PT_CONTROL,
        .has_ext = !w->config.plain,
        .ext = {.presentation = {presentation_ns < 0 ? 0 : presentation_ns},
                .type = (uint8_t)type,
                .codec = (uint8_t)s->codec,
                .channels = (uint8_t)s->channels,
                .rate_hz = s->rate_hz},
    };
    uint8_t *to = d->bytes + rtp_header_bytes(packet.has_ext);

    rtp_build(d->bytes, &packet, RTP_EXT_ID_DEFAULT);
    if (s->codec == RTP_CODEC_OPUS && type == RTP_TYPE_AUDIO) {
        d->len = (size_t)(build_opus(to, s, at) - d->bytes);
        d->genuine = false;
        return;
    }
    for (unsigned i = 0; type == RTP_TYPE_AUDIO && i < s->frames; i++)
        for (unsigned channel = 0; channel < s->channels; channel++) {
            uint16_t x = (uint16_t)sound(around.content, at.n + i, channel);

            if (s->codec == RTP_CODEC_F32) {
                float value = (float)(int16_t)x / 32768;

                pcm_encode(RTP_CODEC_F32, &value, to, 1);
                to += 4;
                continue;
            }
            *to++ = (uint8_t)(x >> 8);
            *to++ = (uint8_t)x;
            if (s->codec == RTP_CODEC_L24)
                *to++ = 0;
        }
    d->len = (size_t)(to - d->bytes);
    d->genuine = true;
}

/* The packets whose last frame has been sampled by now. */
static void send_due(struct world *w)
{
    struct sender *s = &w->sender;
    int64_t due = (media_at_ptp(ptp_now(w), s->rate_hz).n - s->next.n) / s->frames;
    struct datagram d;

    if (!s->on)
        return;
    if (due < -8 || due > 8) { /* time jumped or went by: it goes on from now */
        s->next.n = media_at_ptp(ptp_now(w), s->rate_hz).n / s->frames * s->frames;
        due = 0;
    }
    for (; due > 0; due--) {
        bool lost = w->lost & 1;

        w->lost = w->lost >> 1 | (w->lost & 1) << 15;
        if (!lost) {
            build(w, &d, s->next, s->sequence, RTP_TYPE_AUDIO);
            deliver(w, &d, s->source);
        }
        s->sequence++;
        s->next.n += s->frames;
    }
}

/* Frames that have left the converter, by its pointer. */
static int64_t card_position(const struct world *w)
{
    const struct card *c = &w->card;
    __int128 rate = (__int128)w->config.card_rate_hz * (1000000 + c->ppm);
    int64_t passed = (int64_t)((w->now.ns - c->t0.ns) * rate / (INT64_C(1000000) * NS_PER_S));

    return c->runs ? c->first + passed / c->granule * c->granule : c->written;
}

static void read_card(struct world *w, raw_ns stamp, int64_t queued)
{
    rx_card(w->rx, stamp, queued);
    if (w->twin)
        rx_card(w->twin, stamp, queued);
}

static void stop_card(struct world *w, bool ran_dry)
{
    w->card.runs = false;
    w->xruns += ran_dry;
    rx_card_stopped(w->rx, ran_dry);
    if (w->twin)
        rx_card_stopped(w->twin, ran_dry);
}

static struct rx_status status_of(const struct rx *rx)
{
    struct rx_status status;

    rx_get_status(rx, 0, &status);
    return status;
}

/* ---- what must hold */

static float loudest(const float *out, size_t samples)
{
    float most = 0;

    for (size_t i = 0; i < samples; i++) {
        DEMAND(isfinite(out[i]));
        most = fmaxf(most, fabsf(out[i]));
    }
    return most;
}

static bool waiting(enum rx_state state)
{
    return state == RX_IDLE || state == RX_ARMED;
}

static void check_render(struct world *w, enum rx_state before, size_t room, size_t frames)
{
    unsigned channels = w->config.card_channels;
    enum rx_state after = status_of(w->rx).state;
    const float *last = w->out + (frames ? frames - 1 : 0) * channels;
    float most = loudest(w->out, frames * channels);
    bool lost = w->map.state == MEDIA_CLOCK_HOLDOVER && w->config.mute_on_loss;

    DEMAND(frames <= room);
    DEMAND((double)most <= w->config.settings.gain * OVERSHOOT * (w->loud ? 0x1p24 : 1));
    if (waiting(before) && waiting(after))
        DEMAND(most == 0);
    if (before == RX_FADING && waiting(after) && frames) /* a fade is over when it is silent */
        DEMAND(loudest(last, channels) <= 1e-6);
    if (waiting(before) && after == RX_PLAYING) {
        DEMAND(clock_map_usable(&w->map));
        DEMAND((double)loudest(w->out, frames ? channels : 0) <=
               0.05 * w->config.settings.gain * (w->loud ? 0x1p24 : 1));
    }
    if (before == RX_PLAYING && after == RX_PLAYING)
        DEMAND(w->epoch == w->map.epoch);
    if (w->refused || lost || w->map.state == MEDIA_CLOCK_NO_PTP)
        DEMAND(after != RX_PLAYING);
    if (w->stopped) {
        DEMAND(after == RX_FADING || after == RX_IDLE);
        w->since_stop += before == RX_IDLE ? 0 : frames;
        DEMAND(w->since_stop <= w->config.card_rate_hz / 50); /* the fade */
        DEMAND(rx_ended(w->rx) == (after == RX_IDLE));
    }
    w->epoch = w->map.epoch;
}

static void check_status(const struct world *w)
{
    struct rx_status s = status_of(w->rx);
    const struct stream_counters *c = &s.stream.counters;

    DEMAND(s.datagrams == w->datagrams);
    DEMAND(s.malformed + s.foreign + s.absurd + s.late + s.early <= s.datagrams);
    DEMAND(c->received <= s.datagrams && c->duplicates + c->reordered <= c->received);
    DEMAND(c->lost <= c->received * 32768);
    DEMAND(isfinite(c->jitter_ns) && c->jitter_ns >= 0);
    DEMAND(s.xruns == w->xruns && s.starts <= w->renders);
    DEMAND(s.played <= w->rendered && s.clipped <= s.played * w->config.card_channels);
    DEMAND(fabs(s.error_ns) <= 2e6 && s.error_worst_ns >= 0 && s.error_worst_ns <= 2e6);
    DEMAND(isnan(s.lead_min_ms) || fabs(s.lead_min_ms) <= 20e3);
    DEMAND(s.lead_need_ms > 0 && isfinite(s.lead_need_ms));
    DEMAND(!isnan(s.queued_min_ms));
    DEMAND(fabs(s.card_ppm) < 1100 && isfinite(s.card_sigma_ns) && s.card_sigma_ns >= 0);
    DEMAND(fabs(s.resample_ppm) < 2500);
    DEMAND(s.link_ns >= w->config.settings.delay_ns &&
           s.link_ns <= 10 * NS_PER_S + w->config.settings.delay_ns);
    if (s.state == RX_PLAYING)
        DEMAND(s.stream.locked && s.starts > 0);
}

/* ---- the instructions */

static void render(struct world *w, size_t room)
{
    unsigned channels = w->config.card_channels;
    enum rx_state before = status_of(w->rx).state;
    uint8_t guard[GUARD * sizeof *w->out];
    size_t frames;

    room = (size_t)clamp((int64_t)room, 0, ROOM_MAX);
    room = room < w->budget - w->rendered ? room : w->budget - w->rendered;
    memset(guard, 0x5a, sizeof guard);
    memset(w->out + room * channels, 0x5a, sizeof guard);
    frames = rx_render(w->rx, &w->map, room, w->out);
    DEMAND(memcmp(w->out + room * channels, guard, sizeof guard) == 0);
    w->renders++;
    w->rendered += frames;
    check_render(w, before, room, frames);
    if (w->twin) {
        DEMAND(rx_render(w->twin, &w->map, room, w->twin_out) == frames);
        DEMAND(memcmp(w->out, w->twin_out, frames * channels * sizeof *w->out) == 0);
    }
    if (frames && !w->card.runs) {
        w->card.runs = true;
        w->card.t0 = w->now;
        w->card.first = w->card.written;
    }
    w->card.written += (int64_t)frames;
}

static void next_deadline(struct world *w)
{
    raw_ns due = rx_deadline(w->rx, w->now);

    DEMAND(due.ns > w->now.ns && due.ns <= w->now.ns + DEADLINE_MAX);
    if (w->twin)
        DEMAND(rx_deadline(w->twin, w->now).ns == due.ns);
    w->now = due;
}

static void live(struct world *w, unsigned cycles)
{
    for (; cycles > 0 && w->cycles < CYCLES_MAX; cycles--, w->cycles++) {
        int64_t queued;

        next_deadline(w);
        send_due(w);
        queued = w->card.written - card_position(w);
        if (w->card.runs && queued < 0) {
            stop_card(w, true);
            queued = 0;
        }
        if (w->card.runs)
            read_card(w, w->now, queued);
        render(w, (size_t)clamp((int64_t)w->config.card_frames - queued, 0, ROOM_MAX));
    }
}

static void packet(struct world *w)
{
    struct sender *s = &w->sender;
    int shift = (int8_t)byte(w);
    uint8_t how = byte(w), changes = byte(w);
    struct datagram d;
    media_t at = {s->next.n + shift * (how & 32 ? 4096 : (int64_t)s->frames)};

    /* of the stream itself: like its own repetition, or one that overtook others; else the newest so far */
    build(w, &d, at, (uint16_t)(s->sequence + (how & 16 ? 0 : shift)), how & 15);
    for (changes &= 7; changes > 0; changes--) {
        size_t where = byte(w);

        d.genuine = false;
        d.bytes[where % d.len] ^= byte(w);
    }
    if (how & 64) {
        d.genuine = false;
        d.len = d.len * byte(w) / 255;
    }
    deliver(w, &d, s->source);
}

static void raw(struct world *w)
{
    struct datagram d = {.len = byte(w)};
    size_t left = (size_t)(w->end - w->at);
    uint8_t *exact;

    d.len = d.len < left ? d.len : left;
    memcpy(d.bytes, w->at, d.len);
    w->at += d.len;
    w->kept[w->keeping++ % KEPT] = d;
    around.genuine = false;
    exact = malloc(d.len ? d.len : 1); /* so that a read beyond is found */
    memcpy(exact, d.bytes, d.len);
    hand_over(w, exact, d.len, w->sender.source);
    free(exact);
}

static void replay(struct world *w)
{
    uint8_t which = byte(w);
    const struct datagram *d = &w->kept[which % KEPT];

    around.genuine = around.genuine && d->genuine;
    if (d->len)
        hand_over(w, d->bytes, d->len, w->sender.source ^ (which >> 3 & 1));
}

static void card_reading(struct world *w)
{
    uint8_t how = byte(w);
    int64_t queued = w->card.written - card_position(w), off = word(w);
    int64_t late_ns = word(w) * (how & 1 ? 100 : NS_PER_MS);

    queued += how & 2 ? off * 65536 : off;
    read_card(w, (raw_ns){w->now.ns + (how & 4 ? 0 : late_ns)}, queued);
}

static void card_jump(struct world *w)
{
    static const int32_t granules[] = {1, 6, 48, 1024};
    uint8_t how = byte(w);

    /* it holds no more than its buffer; a card that says so all the same is card_reading()'s */
    w->card.first = card_position(w) + (how & 1 ? word(w) : 0);
    if (w->card.first < w->card.written - (int64_t)w->config.card_frames)
        w->card.first = w->card.written - (int64_t)w->config.card_frames;
    w->card.t0 = w->now;
    if (how & 2)
        w->card.ppm = (int8_t)byte(w) * 8;
    if (how & 4)
        w->card.granule = granules[how >> 3 & 3];
}

/* The line turns or breaks now. */
static void clock_change(struct world *w)
{
    uint8_t how = byte(w);
    int64_t jump_ns = how & 8 ? magnitude(byte(w)) : 0;

    w->map.ptp0.ns = clamp(ptp_now(w).ns, 0, TIME_MAX_NS);
    w->map.raw0 = w->now;
    if (jump_ns > 0)
        w->map.ptp0.ns = jump_ns < TIME_MAX_NS - w->map.ptp0.ns ? w->map.ptp0.ns + jump_ns : TIME_MAX_NS;
    else
        w->map.ptp0.ns = clamp(w->map.ptp0.ns + jump_ns, 0, TIME_MAX_NS);
    w->map.state = (how & 7) % (MEDIA_CLOCK_GM_CHANGED + 1);
    w->map.epoch += how >> 4 & 1;
    if (how & 32)
        w->map.rate_dev = word(w) / 32768.0 * 1e-3;
}

static void stop(struct world *w)
{
    w->stopped = true;
    rx_stop(w->rx);
    if (w->twin)
        rx_stop(w->twin);
}

static void refuse(struct world *w, bool refused)
{
    w->refused = refused;
    rx_refuse(w->rx, 0, refused);
    if (w->twin)
        rx_refuse(w->twin, 0, refused);
}

static void clear(struct world *w)
{
    check_status(w);
    rx_clear_extremes(w->rx);
    DEMAND(status_of(w->rx).error_worst_ns == 0 && isnan(status_of(w->rx).lead_min_ms));
    if (w->twin)
        rx_clear_extremes(w->twin);
}

static void obey(struct world *w)
{
    uint8_t who, format;

    switch (byte(w) % 16) {
    case 0:
    case 1:
        live(w, 1 + byte(w) % 32u);
        break;
    case 2:
        packet(w);
        break;
    case 3:
        raw(w);
        break;
    case 4:
        replay(w);
        break;
    case 5:
        who = byte(w);
        format = byte(w);
        set_sender(w, who, format, byte(w));
        break;
    case 6:
        w->lost = (uint16_t)word(w);
        break;
    case 7:
        w->now.ns += magnitude(byte(w) % 39); /* five minutes at most */
        break;
    case 8:
        card_reading(w);
        break;
    case 9:
        card_jump(w);
        break;
    case 10:
        stop_card(w, byte(w) & 1);
        break;
    case 11:
        render(w, (uint16_t)word(w));
        break;
    case 12:
        clock_change(w);
        break;
    case 13:
        stop(w);
        break;
    case 14:
        refuse(w, byte(w) & 1);
        break;
    case 15:
        clear(w);
        break;
    }
}

/* ---- from beginning to end */

/* Whatever has been done to it: told to stop, it falls silent, and stays so. */
static void check_end(struct world *w)
{
    stop(w);
    w->budget = UINT64_MAX; /* that was for the program */
    /* time passes: what the card holds at most may leave no room for the whole fade */
    for (int i = 0; !rx_ended(w->rx); i++) {
        DEMAND(i < END_CYCLES);
        w->cycles = 0;
        live(w, 1);
    }
    render(w, 64);
    DEMAND(status_of(w->rx).state == RX_IDLE);
    check_status(w);
}

static struct rx_config choose(uint8_t a, uint8_t b, const struct sender *s)
{
    static const struct {
        uint32_t rate_hz;
        unsigned channels;
        enum resample_quality quality;
    } cards[] = {
        {48000, 1, RESAMPLE_LINEAR},  {44100, 2, RESAMPLE_FASTEST}, {96000, 1, RESAMPLE_LINEAR},
        {48000, 1, RESAMPLE_MEDIUM},  {48000, 4, RESAMPLE_LINEAR},  {88200, 1, RESAMPLE_LINEAR},
        {48000, 1, RESAMPLE_FASTEST}, {48000, 2, RESAMPLE_LINEAR},  {44100, 1, RESAMPLE_BEST},
    };
    static const double gains[] = {1, 0.5, GAIN_MAX, 1};
    static const int64_t delays[] = {0, 2900 * NS_PER_US, 0, NS_PER_S};
    static const size_t card_frames[] = {1024, 4096, 480, 96};
    unsigned card = (a & 15) % (unsigned)(sizeof cards / sizeof *cards);

    around.samples = a & 32 ? 1 << 12 : 1 << 13;
    around.content = b & 3;
    around.channels = 1;
    around.genuine = true;
    return (struct rx_config){
        .card_rate_hz = cards[card].rate_hz,
        .card_channels = cards[card].channels,
        .quality = cards[card].quality,
        .card_frames = card_frames[b >> 6],
        .voices = 1,
        .settings = {.gain = gains[b >> 2 & 3], .delay_ns = delays[b >> 4 & 3]},
        .duck = DUCK_STANDARD,
        .mute_on_loss = a & 64,
        .plain = a & 128,
        .codec = s->codec,
        .rate_hz = s->rate_hz,
        .channels = s->channels,
        .link_ns = s->link_ns <= 10 * NS_PER_S ? s->link_ns : 10 * NS_PER_S,
        .seed = a,
    };
}

/* Not every program does what costs much: its bytes draw the lot (FNV-1a). */
static uint32_t lot(const uint8_t *data, size_t size)
{
    uint32_t sum = 2166136261;

    for (size_t i = 0; i < size; i++)
        sum = (sum ^ data[i]) * 16777619;
    return sum >> 24;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    uint8_t a, b, who, format;

    memset(&w, 0, offsetof(struct world, out));
    w.at = data;
    w.end = data + size;
    w.now.ns = RAW0;
    w.map = (struct clock_map){.raw0 = {RAW0}, .ptp0 = {PTP0}, .state = MEDIA_CLOCK_LOCKED, .epoch = 1};
    w.card.granule = 1;
    w.budget = FRAMES_MAX;
    a = byte(&w);
    b = byte(&w);
    who = byte(&w);
    format = byte(&w);
    set_sender(&w, who, format, byte(&w));
    w.config = choose(a, b, &w.sender);
    w.rx = rx_create(&w.config);
    DEMAND(w.rx);
    if (lot(data, size) % 16 == 0) {
        w.twin = rx_create(&w.config);
        DEMAND(w.twin);
    }
    while (w.at < w.end)
        obey(&w);
    check_status(&w);
    if (lot(data, size) % 4 == 0)
        check_end(&w);
    rx_destroy(w.rx);
    rx_destroy(w.twin);
    return 0;
}
