// SPDX-License-Identifier: GPL-3.0-or-later
#include "tx.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/codec.h"

enum { TERMINATE_COPIES = 3, FADES_PER_SECOND = 50 };

#define START_LEAD_NS    (100 * NS_PER_MS) /* from INIT to the first sample */
#define TERMINATE_GAP_NS (5 * NS_PER_MS)
#define LOST_NS          NS_PER_S /* so far from now, the stream goes on from now instead of catching up */
#define IDLE_WAKE_NS     (1 * NS_PER_MS)
#define WAKE_MAX_NS      (500 * NS_PER_US) /* while capturing */
#define WAKE_MIN_NS      (125 * NS_PER_US)
#define LEAVE_NS         NS_PER_S /* what a page may last beyond its latency once the program is to end */
#define READY_NS         (10 * NS_PER_US) /* a frame that passes the converter is readable so much later */

struct tx {
    struct tx_config config;
    enum tx_state state;
    uint32_t epoch;    /* of the media clock's map in use */
    media_t next;      /* first sample of the next packet; of the next block for the gate, if there is one */
    media_t end;       /* the sample after the last one, as TERMINATE says it */
    struct gate *gate; /* NULL: all is sent */
    size_t held;       /* blocks that come out of the gate after the source has ended */
    bool talk;         /* the gate is held open by hand */
    bool mute;         /* silence is sent: */
    unsigned fade;     /* frames of the ramp that are behind it; 0: none */
    bool pending;      /* what is in `frames` has passed the gate and is to be sent */
    float *frames;     /* one packet of sound */
    uint8_t *payload;  /* and its bytes, RTP_PAYLOAD_MAX */
    struct encoder *encoder;
    unsigned look_ahead; /* frames: its sound lies so far behind the time stamp */
    size_t inside;       /* frames of the source's sound that are still in the encoder */
    uint16_t sequence;
    bool leaving;    /* asked to stop */
    raw_ns leave_by; /* the end of the page or not; 0: not known yet */
    bool stopping;
    int terminates;       /* TERMINATE packets said so far */
    raw_ns terminate_due; /* when to say the next */
    uint64_t dither;
    struct tx_status status;
};

const char *tx_state_name(enum tx_state state)
{
    static const char *const names[] = {"waiting", "standby", "running", "ending", "ended"};

    return names[state];
}

static struct gate *open_gate(const struct tx_config *config)
{
    struct gate_config gate = config->gate;
    int64_t packet_ns = ns_of_samples(config->frames_per_packet, config->rate_hz);
    int64_t hold_ns = packet_ns * (int64_t)gate.hold_blocks;

    gate.rate_hz = config->rate_hz;
    gate.channels = config->channels;
    gate.block_frames = config->frames_per_packet;
    /* when the gate shuts, the last sound has left all speakers */
    gate.linger_blocks = (size_t)((config->latency_ns - hold_ns) / packet_ns) + 1;
    return gate_create(&gate);
}

struct tx *tx_create(const struct tx_config *config)
{
    struct tx *tx = calloc(1, sizeof *tx);
    size_t samples = (size_t)config->frames_per_packet * config->channels;
    const struct codec_format format = {
        .codec = config->codec,
        .rate_hz = config->rate_hz,
        .channels = config->channels,
        .frames_per_packet = config->frames_per_packet,
        .bitrate_bps = config->bitrate_bps,
        .fec = config->fec,
        .loss_percent = config->loss_percent,
    };

    if (!tx)
        return NULL;
    tx->config = *config;
    tx->sequence = config->first_sequence;
    tx->dither = config->seed | 1;
    tx->terminates = TERMINATE_COPIES;
    tx->frames = calloc(samples, sizeof *tx->frames);
    tx->payload = malloc(RTP_PAYLOAD_MAX);
    tx->encoder = encoder_create(&format);
    if (config->gated)
        tx->gate = open_gate(config);
    else
        tx->config.gate = (struct gate_config){0};
    tx->held = tx->config.gate.hold_blocks;
    if (!tx->frames || !tx->payload || !tx->encoder || (config->gated && !tx->gate)) {
        tx_destroy(tx);
        return NULL;
    }
    tx->look_ahead = encoder_look_ahead(tx->encoder);
    return tx;
}

void tx_destroy(struct tx *tx)
{
    if (!tx)
        return;
    free(tx->frames);
    free(tx->payload);
    encoder_destroy(tx->encoder);
    gate_destroy(tx->gate);
    free(tx);
}

void tx_talk(struct tx *tx, bool talk)
{
    tx->talk = talk && !tx->leaving;
}

void tx_mute(struct tx *tx, bool mute)
{
    tx->mute = mute;
}

void tx_stop(struct tx *tx)
{
    /* a page is ended as by its talker, with all that was said */
    tx->talk = false;
    if (tx->gate)
        gate_close(tx->gate);
    tx->leaving = true;
}

/* The first sample of a whole packet at or after an instant: packets lie on a grid that starts at the epoch.
 */
static media_t grid_after(const struct tx *tx, ptp_ns t)
{
    int64_t n = media_at_ptp(t, tx->config.rate_hz).n + 1;
    int64_t grid = tx->config.frames_per_packet;
    int64_t over = n % grid;

    return (media_t){over > 0 ? n + grid - over : n - over};
}

/* What the gate keeps back: so long before `next` was the sound taken that is sent now. */
static int64_t hold_frames(const struct tx *tx)
{
    return (int64_t)tx->config.gate.hold_blocks * tx->config.frames_per_packet;
}

static void fill_header(struct tx *tx, enum rtp_type type, struct rtp_packet *packet)
{
    const struct tx_config *c = &tx->config;
    uint8_t audio_type = rtp_codec_payload_type(c->codec);
    media_t at = type == RTP_TYPE_TERMINATE ? tx->end : (media_t){tx->next.n - hold_frames(tx)};

    *packet = (struct rtp_packet){
        .ssrc = c->ssrc,
        .timestamp = (uint32_t)(uint64_t)at.n,
        .sequence = tx->sequence++,
        .payload_type = type == RTP_TYPE_AUDIO ? audio_type : RTP_PT_CONTROL,
        .has_ext = !c->plain,
        .ext = {.presentation = {ptp_at_media(at, c->rate_hz).ns + c->latency_ns},
                .type = (uint8_t)type,
                .codec = (uint8_t)c->codec,
                .channels = (uint8_t)c->channels,
                .priority = (uint8_t)c->priority,
                .rate_hz = c->rate_hz},
        .payload = tx->payload,
    };
}

/* The first media sample that the next packet is made of. */
static media_t sound_of_next(const struct tx *tx)
{
    return (media_t){tx->next.n + tx->look_ahead};
}

static void stand_by(struct tx *tx, raw_ns now)
{
    tx->state = TX_STANDBY;
    tx->status.since = now;
}

/* Waits for a clock that is known and, when capturing, a card that is known; then says INIT, unless a gate
 * will. */
static bool start(struct tx *tx, const struct clock_map *map, raw_ns now, struct rtp_packet *packet)
{
    ptp_ns begin;

    if (!clock_map_usable(map))
        return false;
    if (tx->config.retime && !retime_ready(tx->config.retime))
        return false;
    begin = clock_map_ptp(map, now);
    begin.ns += tx->gate ? 0 : START_LEAD_NS;
    tx->next = grid_after(tx, begin);
    tx->epoch = map->epoch;
    if (tx->gate) {
        gate_reset(tx->gate);
        tx->pending = false;
        tx->terminates = TERMINATE_COPIES;
        stand_by(tx, now);
        return false;
    }
    tx->state = TX_RUNNING;
    encoder_reset(tx->encoder);
    if (tx->config.plain)
        return false;
    fill_header(tx, RTP_TYPE_INIT, packet);
    return true;
}

/*
 * Sound from a paced source, padded with silence. False when the source has nothing more, and what the
 * encoder had of it is out.
 */
static bool read_source(struct tx *tx)
{
    const struct tx_source *source = &tx->config.source;
    size_t wanted = tx->config.frames_per_packet;
    size_t got = source->read(source->self, sound_of_next(tx), tx->frames, wanted), left;

    if (got)
        tx->inside = tx->look_ahead;
    if (got == wanted)
        return true;
    if (source->ended(source->self)) {
        left = tx->inside;
        tx->inside -= left < wanted - got ? left : wanted - got;
        /* what the gate holds is said yet */
        if (!got && !left && tx->held == 0) {
            tx->stopping = true;
            return false;
        }
        tx->stopping = tx->stopping || (!tx->gate && !tx->inside);
        tx->held -= !got && !left;
    } else {
        tx->status.starved += wanted - got;
    }
    memset(tx->frames + got * tx->config.channels, 0,
           (wanted - got) * tx->config.channels * sizeof *tx->frames);
    return true;
}

static void go_on_from(struct tx *tx, ptp_ns now)
{
    media_t next = grid_after(tx, now);

    if (next.n > tx->next.n)
        tx->status.skipped += (uint64_t)(next.n - tx->next.n);
    tx->next = next;
    encoder_reset(tx->encoder);
    if (tx->gate)
        gate_skip(tx->gate);
}

/* Gets the next packet's sound into tx->frames; false while there is none. */
static bool collect(struct tx *tx, const struct clock_map *map, ptp_ns now)
{
    media_t at = sound_of_next(tx);
    int64_t late_ns = now.ns - ptp_at_media(at, tx->config.rate_hz).ns;
    int error;

    if (late_ns > LOST_NS || late_ns < -LOST_NS) {
        go_on_from(tx, now);
        return false;
    }
    if (!tx->config.retime) {
        if (late_ns < 0)
            return false;
        if ((double)late_ns / 1e6 > tx->status.late_max_ms)
            tx->status.late_max_ms = (double)late_ns / 1e6;
        return read_source(tx);
    }
    error = retime_pull(tx->config.retime, map, at, tx->frames, tx->config.frames_per_packet);
    if (error == -ETIME)
        go_on_from(tx, now);
    if (!error && (double)late_ns / 1e6 > tx->status.late_max_ms)
        tx->status.late_max_ms = (double)late_ns / 1e6;
    return !error;
}

static void fade(struct tx *tx)
{
    const unsigned channels = tx->config.channels, whole = tx->config.rate_hz / FADES_PER_SECOND;
    float *frame = tx->frames;

    if (!tx->mute && tx->fade == 0)
        return;
    for (unsigned i = 0; i < tx->config.frames_per_packet; i++, frame += channels) {
        if (tx->mute && tx->fade < whole)
            tx->fade++;
        else if (!tx->mute && tx->fade > 0)
            tx->fade--;
        for (unsigned k = 0; k < channels; k++)
            frame[k] *= (float)(whole - tx->fade) / (float)whole;
    }
}

static void measure(struct tx *tx)
{
    size_t samples = (size_t)tx->config.frames_per_packet * tx->config.channels;
    bool clips = tx->config.codec != RTP_CODEC_F32;

    for (size_t i = 0; i < samples; i++) {
        double magnitude = fabs((double)tx->frames[i]);

        tx->status.clipped += clips && magnitude > 1;
        if (magnitude > tx->status.peak)
            tx->status.peak = magnitude;
    }
}

/* False when the codec failed: then the packet is left out. */
static bool pack(struct tx *tx, struct rtp_packet *packet)
{
    int len;

    fade(tx);
    measure(tx);
    len = encoder_run(tx->encoder, tx->frames, tx->payload);
    if (len > 0) {
        fill_header(tx, RTP_TYPE_AUDIO, packet);
        packet->payload_len = (size_t)len;
        tx->status.packets++;
        tx->status.bytes += (size_t)len;
        tx->status.frames += tx->config.frames_per_packet;
    } else {
        tx->status.skipped += tx->config.frames_per_packet;
    }
    tx->next.n += tx->config.frames_per_packet;
    return len > 0;
}

/* Of what INIT began. */
static void begin_terminate(struct tx *tx, raw_ns now)
{
    tx->end.n = tx->next.n - hold_frames(tx);
    tx->terminates = 0;
    tx->terminate_due = now;
}

static void begin_ending(struct tx *tx, raw_ns now)
{
    if (tx->state == TX_RUNNING && !tx->config.plain)
        begin_terminate(tx, now);
    tx->state = tx->terminates < TERMINATE_COPIES ? TX_ENDING : TX_ENDED;
}

static bool say_terminate(struct tx *tx, raw_ns now, struct rtp_packet *packet)
{
    if (now.ns < tx->terminate_due.ns)
        return false;
    fill_header(tx, RTP_TYPE_TERMINATE, packet);
    tx->terminate_due.ns = now.ns + TERMINATE_GAP_NS;
    if (++tx->terminates == TERMINATE_COPIES && tx->state == TX_ENDING)
        tx->state = TX_ENDED;
    return true;
}

/* The gate opened: a page begins, with INIT. True when that is to be sent, before the block. */
static bool begin_page(struct tx *tx, raw_ns now, struct rtp_packet *packet)
{
    encoder_reset(tx->encoder);
    tx->state = TX_RUNNING;
    tx->terminates = TERMINATE_COPIES; /* what is left of them would end this page */
    tx->status.pages++;
    tx->fade = tx->mute ? tx->config.rate_hz / FADES_PER_SECOND : 0; /* it moves with sound only */
    tx->status.since = now;
    if (tx->config.plain)
        return false;
    fill_header(tx, RTP_TYPE_INIT, packet);
    return true;
}

/* The gate shut: back to standby, with TERMINATE. */
static void end_page(struct tx *tx, raw_ns now)
{
    if (!tx->config.plain)
        begin_terminate(tx, now);
    stand_by(tx, now);
}

/*
 * With a gate the source is read all the time; what does not pass is forgotten. The block that opens it waits
 * in `frames` until INIT is out.
 */
static bool next_gated(struct tx *tx, const struct clock_map *map, raw_ns now, struct rtp_packet *packet)
{
    while (!tx->pending) {
        if (tx->terminates < TERMINATE_COPIES && say_terminate(tx, now, packet))
            return true;
        if (!collect(tx, map, clock_map_ptp(map, now)))
            return false;
        switch (gate_pass(tx->gate, tx->frames, tx->talk)) {
        case GATE_SHUT:
            if (tx->state == TX_RUNNING)
                end_page(tx, now);
            tx->next.n += tx->config.frames_per_packet;
            break;
        case GATE_FIRST:
            tx->pending = true;
            if (begin_page(tx, now, packet))
                return true;
            break;
        case GATE_NEXT:
            tx->pending = true;
            break;
        }
    }
    tx->pending = false;
    return pack(tx, packet);
}

/* A page is ended first; but an input that gives nothing more holds up nobody. */
static void leave(struct tx *tx, raw_ns now)
{
    if (tx->leave_by.ns == 0)
        tx->leave_by.ns = now.ns + tx->config.latency_ns + LEAVE_NS;
    if (!tx->gate || tx->state != TX_RUNNING || now.ns > tx->leave_by.ns)
        tx->stopping = true;
}

bool tx_next(struct tx *tx, const struct clock_map *map, raw_ns now, struct rtp_packet *packet)
{
    bool sounding = tx->state == TX_STANDBY || tx->state == TX_RUNNING;

    if (tx->leaving)
        leave(tx, now);
    if (tx->stopping && (sounding || tx->state == TX_WAITING))
        begin_ending(tx, now);
    /* time jumped: the stream starts anew, with an INIT, so that all receivers find their place together */
    else if (sounding && map->epoch != tx->epoch)
        tx->state = TX_WAITING;
    if (tx->state == TX_WAITING)
        return start(tx, map, now, packet);
    if (tx->state == TX_ENDING)
        return say_terminate(tx, now, packet);
    if (tx->state == TX_ENDED)
        return false;
    if (tx->gate)
        return next_gated(tx, map, now, packet);
    if (!collect(tx, map, clock_map_ptp(map, now)))
        return false;
    return pack(tx, packet);
}

/*
 * While capturing, wake-ups are dithered so that the readings see the card's steps evenly; but none sleeps
 * past the moment at which the next packet can be made.
 */
static raw_ns capture_deadline(struct tx *tx, raw_ns now)
{
    raw_ns ready = retime_due(tx->config.retime, tx->config.frames_per_packet), due;
    int64_t interval = ns_of_samples(tx->config.frames_per_packet, tx->config.rate_hz) / 2;

    interval = interval > WAKE_MAX_NS ? WAKE_MAX_NS : interval < WAKE_MIN_NS ? WAKE_MIN_NS : interval;
    tx->dither ^= tx->dither << 13;
    tx->dither ^= tx->dither >> 7;
    tx->dither ^= tx->dither << 17;
    due.ns = now.ns + interval * 3 / 4 + (int64_t)(tx->dither % (uint64_t)(interval / 2));
    if (ready.ns > now.ns - READY_NS && ready.ns + READY_NS < due.ns)
        due.ns = ready.ns + READY_NS;
    return due;
}

raw_ns tx_deadline(struct tx *tx, const struct clock_map *map, raw_ns now)
{
    raw_ns idle = {now.ns + IDLE_WAKE_NS}, due;

    if (tx->state == TX_ENDING)
        return tx->terminate_due;
    if (tx->config.retime)
        return capture_deadline(tx, now);
    if (tx->state != TX_RUNNING && tx->state != TX_STANDBY)
        return idle;
    due = clock_map_raw(map, ptp_at_media(sound_of_next(tx), tx->config.rate_hz));
    if (tx->terminates < TERMINATE_COPIES && tx->terminate_due.ns < due.ns)
        due = tx->terminate_due;
    /* never further away than the first sample: a stepped clock must not put it to sleep */
    return due.ns > now.ns + START_LEAD_NS ? (raw_ns){now.ns + START_LEAD_NS} : due;
}

void tx_get_status(const struct tx *tx, struct tx_status *status)
{
    *status = tx->status;
    status->state = tx->state;
    status->next = tx->next;
    status->gated = tx->gate;
    status->level = tx->gate ? gate_level(tx->gate) : 0;
}

void tx_clear_extremes(struct tx *tx)
{
    tx->status.late_max_ms = 0;
    tx->status.peak = 0;
    if (tx->gate)
        gate_clear_level(tx->gate);
}
