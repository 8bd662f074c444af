// SPDX-License-Identifier: GPL-3.0-or-later
#include "world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORLD_RAW0 INT64_C(5000000000000)
#define WORLD_PTP0 INT64_C(1800000000123456789)

struct flight {
    int64_t at; /* raw ns; INT64_MAX: free */
    unsigned to;
    size_t length;
    uint64_t source;
    uint8_t bytes[WORLD_DATAGRAM];
};

struct receiver {
    struct rx *rx;
    struct media_clock clock;
    int64_t next; /* raw ns of its next cycle */
    int64_t hears_from;
    struct world_output output;
    float *buffer;
};

struct world {
    struct world_config config;
    uint64_t random;
    int64_t now;
    struct tx *tx;
    bool sender_dead;
    struct retime *retime;
    struct media_clock tx_clock;
    struct {
        uint64_t gm_id; /* 0: none */
        int64_t offset_ns;
    } masters[WORLD_RX + 1]; /* of each node */
    int64_t tx_next, adc_read;
    int64_t clock_next;
    struct receiver rx[WORLD_RX];
    struct flight flights[WORLD_FLIGHT];
};

static double uniform(struct world *w)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (double)(w->random >> 11) / 9007199254740992.0;
}

static double gauss(struct world *w)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += uniform(w);
    return sum;
}

static int64_t ptp_of(const struct world *w, int64_t raw)
{
    int64_t since = raw - WORLD_RAW0;

    return WORLD_PTP0 + since + llround((double)since * w->config.ptp_ppm * 1e-6);
}

static size_t tone_read(void *self, media_t at, float *out, size_t frames)
{
    const struct world *w = self;
    unsigned channels = w->config.tx.channels;

    for (size_t i = 0; i < frames; i++) {
        double turns = fmod((double)((at.n + (int64_t)i) % (int64_t)(w->config.tx.rate_hz * 1000)) *
                                w->config.tone_hz / w->config.tx.rate_hz,
                            1);

        for (unsigned c = 0; c < channels; c++)
            out[i * channels + c] = (float)(w->config.tone_level * sin(2 * M_PI * turns));
    }
    return frames;
}

static bool tone_ended(const void *self)
{
    (void)self;
    return false;
}

static void make_sender(struct world *w, uint32_t ssrc)
{
    struct tx_config config = w->config.tx;

    config.ssrc = ssrc;
    config.seed = w->config.seed + ssrc;
    config.source = (struct tx_source){w, tone_read, tone_ended};
    if (w->config.capture) {
        struct retime_config retime = {config.channels, 48000, config.rate_hz, RESAMPLE_MEDIUM};

        retime_destroy(w->retime);
        w->retime = retime_create(&retime);
        config.retime = w->retime;
        w->adc_read = 0;
        w->config.adc.running = false;
    }
    tx_destroy(w->tx);
    w->tx = tx_create(&config);
    w->tx_next = w->now;
    w->sender_dead = false;
}

struct world *world_create(const struct world_config *config)
{
    struct world *w = calloc(1, sizeof *w);
    struct media_clock_config clock = {50, 5000, 2 * NS_PER_S, NS_PER_MS};

    w->config = *config;
    w->random = config->seed | 1;
    w->now = w->clock_next = WORLD_RAW0;
    for (size_t i = 0; i < WORLD_FLIGHT; i++)
        w->flights[i].at = INT64_MAX;
    media_clock_init(&w->tx_clock, &clock);
    for (unsigned i = 0; i <= config->receivers; i++)
        w->masters[i].gm_id = 1;
    for (unsigned i = 0; i < config->receivers; i++) {
        struct receiver *r = &w->rx[i];
        int64_t room = config->seconds * 60000;

        r->rx = rx_create(&config->rx[i]);
        media_clock_init(&r->clock, &clock);
        r->next = w->now + (int64_t)i * 10000;
        r->output.samples = calloc((size_t)room, sizeof(float));
        r->output.times = calloc((size_t)room, sizeof(double));
        r->buffer = calloc(65536, 2 * sizeof(float));
    }
    make_sender(w, 0x1234);
    return w;
}

void world_destroy(struct world *w)
{
    for (unsigned i = 0; i < w->config.receivers; i++) {
        rx_destroy(w->rx[i].rx);
        free(w->rx[i].output.samples);
        free(w->rx[i].output.times);
        free(w->rx[i].buffer);
    }
    tx_destroy(w->tx);
    retime_destroy(w->retime);
    free(w);
}

static double card_rate(const struct world_card *card)
{
    return 48000 * (1 + card->ppm * 1e-6);
}

/* Exact place of the converter on the card's frame axis. */
static double card_place(const struct world_card *card, int64_t raw)
{
    return (double)card->first + (double)(raw - card->t0.ns) * card_rate(card) / 1e9;
}

static int64_t card_pointer(const struct world_card *card, int64_t raw)
{
    double since = card_place(card, raw) - (double)card->first;

    return card->first + (int64_t)floor(since / card->granule) * card->granule;
}

static void send(struct world *w, unsigned to, const uint8_t *bytes, size_t length, uint64_t source,
                 int64_t at)
{
    for (size_t i = 0; i < WORLD_FLIGHT; i++) {
        struct flight *f = &w->flights[i];

        if (f->at != INT64_MAX)
            continue;
        f->at = at;
        f->to = to;
        f->length = length;
        f->source = source;
        memcpy(f->bytes, bytes, length);
        return;
    }
}

static void run_sender(struct world *w)
{
    struct rtp_packet packet;
    uint8_t bytes[WORLD_DATAGRAM];

    if (w->config.capture && w->retime) {
        struct world_card *adc = &w->config.adc;
        float frame[RTP_CHANNELS_MAX];
        int64_t there;

        if (!adc->running) {
            adc->running = true;
            adc->t0 = (raw_ns){w->now};
            adc->first = 0;
        }
        there = card_pointer(adc, w->now);
        for (; w->adc_read < there; w->adc_read++) {
            int64_t raw = adc->t0.ns + llround((double)(w->adc_read) * 1e9 / card_rate(adc));
            double turns = (double)(ptp_of(w, raw) % NS_PER_S) * 1e-9 * w->config.tone_hz;

            for (unsigned c = 0; c < w->config.tx.channels; c++)
                frame[c] = (float)(w->config.tone_level * sin(2 * M_PI * turns));
            retime_push(w->retime, frame, 1);
        }
        retime_observe(w->retime, (raw_ns){w->now + 60}, (frame_t){there});
    }
    while (tx_next(w->tx, &w->tx_clock.map, (raw_ns){w->now}, &packet)) {
        size_t header = rtp_header_bytes(packet.has_ext);

        rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
        memcpy(bytes + header, packet.payload, packet.payload_len);
        for (unsigned i = 0; i < w->config.receivers; i++) {
            int copies = uniform(w) < w->config.loss ? 0 : uniform(w) < w->config.duplicate ? 2 : 1;

            while (copies--)
                send(w, i, bytes, header + packet.payload_len, 77,
                     w->now + w->config.net_delay_ns +
                         (int64_t)(uniform(w) * (double)w->config.net_jitter_ns));
        }
    }
    w->tx_next = tx_deadline(w->tx, &w->tx_clock.map, (raw_ns){w->now}).ns;
    if (w->tx_next <= w->now)
        w->tx_next = w->now + 1000;
}

static void record(struct world *w, unsigned i, const float *frames, size_t count)
{
    struct world_card *card = &w->config.cards[i];
    struct world_output *o = &w->rx[i].output;

    for (size_t k = 0; k < count && o->frames < w->config.seconds * 60000; k++) {
        o->samples[o->frames] = frames[k * w->config.rx[i].card_channels];
        o->times[o->frames++] = (double)(card->t0.ns - WORLD_RAW0) +
                                (double)(card->written + (int64_t)k - card->first) * 1e9 / card_rate(card);
    }
    card->written += (int64_t)count;
}

static void run_receiver(struct world *w, unsigned i)
{
    struct receiver *r = &w->rx[i];
    struct world_card *card = &w->config.cards[i];
    int64_t room = (int64_t)w->config.rx[i].card_frames;
    size_t count;

    if (card->running && card_place(card, w->now) >= (double)card->written) {
        rx_card_stopped(r->rx, true);
        card->running = false;
    }
    if (card->running) {
        int64_t queued = card->written - card_pointer(card, w->now);

        rx_card(r->rx, (raw_ns){w->now + 60 + (int64_t)(uniform(w) * 40)}, queued);
        room -= queued;
        if (queued < card->queue_min || !card->queue_min)
            card->queue_min = queued;
    }
    count = rx_render(r->rx, &r->clock.map, (size_t)room, r->buffer);
    if (!card->running && count) {
        card->running = true;
        card->t0 = (raw_ns){w->now + 5000};
        card->first = card->written;
    }
    record(w, i, r->buffer, count);
    r->next = rx_deadline(r->rx, (raw_ns){w->now}).ns + (int64_t)(uniform(w) * card->late_us * 1000);
}

static struct media_clock *clock_of(struct world *w, unsigned node)
{
    return node < w->config.receivers ? &w->rx[node].clock : &w->tx_clock;
}

static void run_clocks(struct world *w)
{
    for (unsigned i = 0; i <= w->config.receivers; i++) {
        double noise = w->config.clock_sigma_ns * gauss(w);
        struct clock_sample s = {{w->now},
                                 {ptp_of(w, w->now) + w->masters[i].offset_ns + llround(noise)},
                                 fmax(w->config.clock_sigma_ns, 1),
                                 {w->masters[i].gm_id, 0}};

        if (w->masters[i].gm_id)
            media_clock_sample(clock_of(w, i), &s);
        else
            media_clock_lost(clock_of(w, i), (raw_ns){w->now});
        media_clock_tick(clock_of(w, i), (raw_ns){w->now});
    }
    w->clock_next += NS_PER_S / 16;
}

void world_set_grandmaster(struct world *w, unsigned node, uint64_t gm_id, int64_t offset_ns)
{
    w->masters[node].gm_id = gm_id;
    w->masters[node].offset_ns = offset_ns;
}

const struct media_clock *world_clock(const struct world *w, unsigned node)
{
    return node < w->config.receivers ? &w->rx[node].clock : &w->tx_clock;
}

void world_run(struct world *w, double seconds)
{
    int64_t end = WORLD_RAW0 + (int64_t)(seconds * 1e9);

    while (w->now < end) {
        struct flight *flight = &w->flights[0];
        int64_t next = w->clock_next;
        unsigned node = WORLD_RX;

        for (size_t i = 1; i < WORLD_FLIGHT; i++)
            if (w->flights[i].at < flight->at)
                flight = &w->flights[i];
        for (unsigned i = 0; i < w->config.receivers; i++)
            if (w->rx[i].next < next)
                next = w->rx[i].next, node = i;
        if (!w->sender_dead && w->tx_next < next)
            next = w->tx_next, node = WORLD_RX + 1;
        if (flight->at <= next) {
            w->now = flight->at > w->now ? flight->at : w->now;
            if (w->now >= w->rx[flight->to].hears_from)
                rx_datagram(w->rx[flight->to].rx, &w->rx[flight->to].clock.map, flight->bytes, flight->length,
                            (raw_ns){flight->at}, flight->source);
            flight->at = INT64_MAX;
            continue;
        }
        w->now = next > w->now ? next : w->now;
        if (node < WORLD_RX)
            run_receiver(w, node);
        else if (node == WORLD_RX)
            run_clocks(w);
        else
            run_sender(w);
    }
}

struct rx *world_rx(struct world *w, unsigned i)
{
    return w->rx[i].rx;
}

struct tx *world_tx(struct world *w)
{
    return w->tx;
}

void world_receiver_joins(struct world *w, unsigned i, double at_s)
{
    w->rx[i].hears_from = WORLD_RAW0 + (int64_t)(at_s * 1e9);
}

void world_kill_sender(struct world *w)
{
    w->sender_dead = true;
}

void world_restart_sender(struct world *w, uint32_t ssrc)
{
    make_sender(w, ssrc);
}

void world_stall(struct world *w, unsigned i, double seconds)
{
    w->rx[i].next = w->now + (int64_t)(seconds * 1e9);
}

void world_set_loss(struct world *w, double loss)
{
    w->config.loss = loss;
}

void world_inject(struct world *w, const uint8_t *bytes, size_t length, uint64_t source)
{
    for (unsigned i = 0; i < w->config.receivers; i++)
        rx_datagram(w->rx[i].rx, &w->rx[i].clock.map, bytes, length, (raw_ns){w->now}, source);
}

raw_ns world_now(const struct world *w)
{
    return (raw_ns){w->now};
}

const struct clock_map *world_map(const struct world *w)
{
    return &w->tx_clock.map;
}

const struct world_output *world_output(const struct world *w, unsigned i)
{
    return &w->rx[i].output;
}

/* Solves the 3x3 normal equations of a fit by cosine, sine and constant. */
static void solve3(double m[3][4])
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            double f = m[j][i] / m[i][i];

            if (j != i)
                for (int k = 0; k < 4; k++)
                    m[j][k] -= f * m[i][k];
        }
}

double world_error_ns(const struct world *w, unsigned i, double at_s, double *damage_db, double *level)
{
    const struct world_output *o = &w->rx[i].output;
    double hz = w->config.tone_hz, m[3][4] = {{0}}, left = 0, cycles;
    double middle = at_s * 1e9, period_ns = 1e9 / hz, error;
    int64_t low = 0, high = o->frames, n = 0;

    while (low < high) {
        int64_t mid = (low + high) / 2;

        if (o->times[mid] < middle - 10e6)
            low = mid + 1;
        else
            high = mid;
    }
    for (int pass = 0; pass < 2; pass++) {
        n = 0;
        for (int64_t k = low; k < o->frames && o->times[k] < middle + 10e6; k++, n++) {
            /* the tone is exact on the PTP timescale: phase against sampling time + latency */
            int64_t raw = WORLD_RAW0 + llround(floor(o->times[k]));
            int64_t sampled = ptp_of(w, raw) - w->config.tx.latency_ns - w->config.rx[i].delay_ns;
            double fraction = o->times[k] - floor(o->times[k]);
            double turns = ((double)(sampled % NS_PER_S) + fraction) * 1e-9 * hz;
            double basis[3] = {sin(2 * M_PI * turns), cos(2 * M_PI * turns), 1};

            if (pass) {
                double r = (double)o->samples[k];

                for (int a = 0; a < 3; a++)
                    r -= m[a][3] / m[a][a] * basis[a];
                left += r * r;
            } else {
                for (int a = 0; a < 3; a++) {
                    for (int b = 0; b < 3; b++)
                        m[a][b] += basis[a] * basis[b];
                    m[a][3] += basis[a] * (double)o->samples[k];
                }
            }
        }
        if (!pass && n > 100)
            solve3(m);
    }
    if (n <= 100) {
        *damage_db = 0;
        *level = 0;
        return NAN;
    }
    *level = hypot(m[0][3] / m[0][0], m[1][3] / m[1][1]);
    *damage_db = 10 * log10(left / (double)n + 1e-30);
    cycles = atan2(m[1][3] / m[1][1], m[0][3] / m[0][0]) / (2 * M_PI);
    error = -cycles * period_ns;
    return error;
}
