// SPDX-License-Identifier: GPL-3.0-or-later
#include "voice.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define LOST_S       2e-3              /* further off is not steered but found anew */
#define FADE_NS      (20 * NS_PER_MS)  /* longer than concealment takes to fall silent */
#define CROSSFADE_NS (20 * NS_PER_MS)  /* from one delay to another */
#define MOVE_NS      (250 * NS_PER_MS) /* a shorter delay waits so long for its sound to be there */
#define GONE_NS      NS_PER_S          /* a stream announced and not heard for so long is none */
#define WAIT_NS      (250 * NS_PER_MS) /* others make room for a stream for so long, which drains any card, */
#define AGAIN_NS     (2 * NS_PER_S)    /* and when it was in vain, again so much later */
#define PACKET_NS    (30 * NS_PER_MS)  /* a stream without a packet for longer has stopped sending */
#define FOUND_NS     (100 * NS_PER_MS) /* held on top of the delay while card or clock are looked for */

int voice_init(struct voice *v, const struct rx_config *config, size_t timeline_samples)
{
    const struct stream_description stream = {
        .ext_id = RTP_EXT_ID_DEFAULT,
        .plain = config->plain,
        .claim = {.codec = config->codec,
                  .rate_hz = config->rate_hz,
                  .channels = config->channels,
                  .link_ns = config->link_ns},
    };
    int error = intake_init(&v->intake, &stream, timeline_samples);

    for (int i = 0; i < 2 && !error; i++)
        error = head_init(&v->heads[i], config->card_channels, config->quality);
    v->settings.gain = 1;
    v->mute_on_loss = config->mute_on_loss;
    fader_init(&v->fader, 1);
    duck_init(&v->duck, &config->duck, config->card_rate_hz);
    return error;
}

void voice_free(struct voice *v)
{
    intake_free(&v->intake);
    head_free(&v->heads[0]);
    head_free(&v->heads[1]);
}

static void begin_fade(struct voice *v, bool arm_again, uint32_t card_rate_hz)
{
    v->state = RX_FADING;
    v->arm_again = arm_again;
    v->fade_left = (size_t)samples_in_ns(FADE_NS, card_rate_hz);
}

void voice_datagram(struct voice *v, const struct clock_map *map, const uint8_t *bytes, size_t length,
                    raw_ns arrival, uint64_t source, bool stopping, uint32_t card_rate_hz)
{
    if (intake_datagram(&v->intake, map, bytes, length, arrival, source) != INTAKE_BEGIN)
        return;
    if (stopping)
        return;
    if (v->state == RX_PLAYING)
        begin_fade(v, true, card_rate_hz);
    else if (v->state == RX_FADING)
        v->arm_again = true;
    else
        v->state = RX_ARMED;
}

void voice_give_up(struct voice *v, uint32_t card_rate_hz)
{
    if (v->state == RX_PLAYING)
        begin_fade(v, false, card_rate_hz);
    else if (v->state == RX_FADING)
        v->arm_again = false;
    else
        v->state = RX_IDLE;
}

void voice_lost(struct voice *v, uint32_t card_rate_hz)
{
    if (v->state == RX_PLAYING)
        begin_fade(v, true, card_rate_hz);
}

void voice_card_stopped(struct voice *v)
{
    if (v->state == RX_PLAYING || (v->state == RX_FADING && v->arm_again))
        v->state = RX_ARMED;
    else if (v->state == RX_FADING)
        v->state = RX_IDLE;
}

void voice_set(struct voice *v, const struct voice_settings *settings, uint32_t card_rate_hz)
{
    bool same = route_equals(&v->settings.route, &settings->route);
    struct head *head = &v->heads[v->active], *other = &v->heads[!v->active];

    v->settings = *settings;
    fader_go(&v->fader, settings->mute ? 0 : settings->gain, card_rate_hz);
    if (same || v->state != RX_PLAYING)
        return;
    v->rerouted = !router_go(head->router, &settings->route, head->rate_hz);
    if (v->crossfade_left) /* the one that goes may stay as it is */
        v->rerouted = !router_go(other->router, &settings->route, other->rate_hz);
}

int64_t voice_link_ns(const struct voice *v, int64_t delay_ns)
{
    return v->intake.stream.claim.link_ns + v->settings.delay_ns + delay_ns;
}

bool voice_hopeless(const struct voice *v)
{
    return v->waits_again.ns != 0 && !v->waits;
}

bool voice_is_page(const struct voice *v)
{
    return v->settings.page || v->intake.stream.claim.priority >= RTP_PRIORITY_PAGE;
}

/* Brings the chain from card to media up to date. False while the card or the clock is not known. */
static bool refresh(struct voice *v, const struct card_view *card, const struct clock_map *map)
{
    if (!card->known || map->state == MEDIA_CLOCK_NO_PTP)
        return false;
    v->playout = (struct playout){.line = card->line, .map = *map, .rate_hz = v->intake.stream.claim.rate_hz};
    return true;
}

/* The media position that the next card frame must carry. */
static struct media_pos wanted(const struct voice *v, const struct card_view *card, int64_t link_ns,
                               uint32_t rate_hz)
{
    struct playout playout = v->playout;

    playout.link_ns = link_ns;
    playout.rate_hz = rate_hz;
    return playout_wanted(&playout, card->written);
}

/* The stream is not to be heard, or PTP is lost and that is to be silence. */
static bool muted(const struct voice *v, const struct clock_map *map)
{
    return v->refused || (v->mute_on_loss && map->state == MEDIA_CLOCK_HOLDOVER);
}

/*
 * Whether the others have to hold less in the card for this voice, which would be in time then. Not for ever:
 * what is in the card covers stalls, and some streams never come in time, by mistake or malice.
 */
static bool may_wait(struct voice *v, raw_ns now)
{
    if (!v->waits && now.ns >= v->waits_again.ns) {
        v->waits = true;
        v->waits_since = now;
    }
    if (v->waits && now.ns - v->waits_since.ns > WAIT_NS) {
        v->waits = false;
        v->waits_again.ns = now.ns + AGAIN_NS;
    }
    return v->waits;
}

static void was_in_time(struct voice *v)
{
    v->waits = false;
    v->waits_again.ns = 0;
}

/* Whether a head at `at` would have enough sound to keep the card above its floor. */
static bool enough(const struct voice *v, const struct card_view *card, struct media_pos at, double step)
{
    size_t present = timeline_present(v->intake.timeline, at.whole, HEAD_FEED_FRAMES - 1);
    double most = ((double)present - resampler_look_ahead(v->heads[0].resampler)) / step;

    return (double)card->queued + most >= (double)card->floor;
}

static void note_error(struct voice *v, const struct card_view *card, double error_s, double step,
                       uint32_t rate_hz)
{
    struct rx_status *s = &v->status;

    s->error_ns = error_s * 1e9;
    distribution_add(&v->errors_ns, llround(s->error_ns));
    if (fabs(s->error_ns) > s->error_worst_ns)
        s->error_worst_ns = fabs(s->error_ns);
    s->resample_ppm = (step * card->rate_hz / rate_hz - 1) * 1e6;
}

static double behind_s(const struct voice *v, const struct card_view *card, const struct head *head)
{
    return media_pos_minus(wanted(v, card, head->link_ns, head->rate_hz), head_position(head)) /
           head->rate_hz;
}

static void steer(struct voice *v, const struct card_view *card, struct head *head, double error_s,
                  struct voice_want *want)
{
    size_t block, yield;

    v->playout.rate_hz = head->rate_hz;
    head->step = resample_steer(playout_step(&v->playout), error_s, head->step,
                                (double)head->step_frames / card->rate_hz);
    block = head_block(head, head->step);
    yield = head_yield(head, &v->intake, head->step);
    want->most = block < want->most ? block : want->most;
    want->can = yield < want->can ? yield : want->can;
}

static void want_fade(const struct voice *v, struct voice_want *want)
{
    size_t block = head_block(&v->heads[v->active], v->heads[v->active].step);

    want->sounding = true;
    want->most = v->fade_left < block ? v->fade_left : block;
}

static void want_fade_and_arm(struct voice *v, const struct card_view *card, struct voice_want *want)
{
    begin_fade(v, true, card->rate_hz);
    want_fade(v, want);
}

/*
 * Another delay: the other head is placed there, and the two are crossfaded. A longer one lies in the
 * timeline's past, a shorter one may have to wait until the card holds less.
 */
static void move(struct voice *v, const struct card_view *card, struct voice_want *want)
{
    struct head *head = &v->heads[v->active], *other = &v->heads[!v->active];
    int64_t link_ns = voice_link_ns(v, card->delay_ns);
    struct media_pos at = wanted(v, card, link_ns, head->rate_hz);

    if (!v->moving) {
        v->moving = true;
        v->moving_since = card->stamp;
    }
    if (at.whole.n > v->intake.turn.n && !enough(v, card, at, head->step)) {
        want->can = 0;
        if (card->stamp.ns - v->moving_since.ns > MOVE_NS)
            want_fade_and_arm(v, card, want);
        return;
    }
    v->moving = v->rerouted = false;
    other->link_ns = link_ns;
    head_place(other, &v->intake, &v->settings.route, at, playout_step(&v->playout));
    v->crossfade_left = (size_t)samples_in_ns(CROSSFADE_NS, card->rate_hz);
    steer(v, card, other, 0, want);
}

/*
 * A hole has been concealed until nothing was left of it. Nobody need wait for more, unless packets come
 * that would fill it if the card held less.
 */
static bool hollow(struct voice *v, const struct card_view *card, const struct head *head)
{
    const struct intake *in = &v->intake;
    bool behind;

    if (!conceal_silent(head->conceal) || timeline_present(in->timeline, head->next, 1)) {
        was_in_time(v);
        return false;
    }
    behind = intake_newest(in).n <= head->next.n && card->stamp.ns - in->stream.newest.ns < PACKET_NS;
    return !(behind && may_wait(v, card->stamp));
}

/* Another route, to other mixes: the other head goes where the active one is, and the two are crossfaded. */
static void reroute(struct voice *v, const struct card_view *card, struct voice_want *want)
{
    struct head *other = &v->heads[!v->active];

    v->rerouted = false;
    head_join(other, &v->heads[v->active], &v->intake, &v->settings.route);
    v->crossfade_left = (size_t)samples_in_ns(CROSSFADE_NS, card->rate_hz);
    steer(v, card, other, 0, want);
}

static void play(struct voice *v, const struct card_view *card, const struct clock_map *map,
                 struct voice_want *want)
{
    struct head *head = &v->heads[v->active], *other = &v->heads[!v->active];
    double error_s = refresh(v, card, map) ? behind_s(v, card, head) : INFINITY;

    if (map->epoch != v->epoch)
        intake_anew(&v->intake);
    if (map->epoch != v->epoch || fabs(error_s) > LOST_S || muted(v, map)) {
        want_fade_and_arm(v, card, want);
        return;
    }
    want->sounding = want->playing = true;
    steer(v, card, head, error_s, want);
    note_error(v, card, error_s, head->step, head->rate_hz);
    want->hollow = hollow(v, card, head);
    if (v->crossfade_left)
        steer(v, card, other, behind_s(v, card, other), want);
    else if (voice_link_ns(v, card->delay_ns) != head->link_ns)
        move(v, card, want);
    else if (v->rerouted)
        reroute(v, card, want);
}

/* The head where the next card frame falls, if enough sound is there. */
static bool place(struct voice *v, const struct card_view *card, const struct clock_map *map,
                  struct media_pos at, double step)
{
    struct head *head;
    size_t yield;

    intake_turn(&v->intake, (media_t){at.whole.n - 1});
    /* to place may be to clear the resampler, megabytes with many channels: not before enough sound waits */
    if (!enough(v, card, at, step))
        return false;
    if (resampler_is_clear(v->heads[!v->active].resampler))
        v->active = !v->active;
    head = &v->heads[v->active];
    head->link_ns = voice_link_ns(v, card->delay_ns);
    head_place(head, &v->intake, &v->settings.route, at, step);
    yield = head_yield(head, &v->intake, step);
    if (!yield || card->queued + (int64_t)yield < card->floor)
        return false;
    v->state = RX_PLAYING;
    v->epoch = map->epoch;
    v->crossfade_left = 0;
    v->moving = v->rerouted = false;
    was_in_time(v);
    v->status.starts++;
    fader_init(&v->fader, v->settings.mute ? 0 : v->settings.gain);
    return true;
}

/* What would be played by now if all were known is kept, so that the start costs no latency once it is. */
static void hold_back(struct voice *v, const struct card_view *card)
{
    int64_t most = (int64_t)timeline_capacity(v->intake.timeline) / 2;
    int64_t keep = samples_in_ns(voice_link_ns(v, card->delay_ns) + FOUND_NS, v->intake.stream.claim.rate_hz);
    int64_t turn = intake_newest(&v->intake).n - (keep < most ? keep : most);

    if (turn > v->intake.turn.n)
        intake_turn(&v->intake, (media_t){turn});
}

/*
 * Waits for the moment at which the card's next frame falls on sound that is there. While the stream's first
 * sample lies ahead, that is where a block is to begin; where the card holds more than the stream's latency
 * allows, it has to drain.
 */
static void arm(struct voice *v, const struct card_view *card, const struct clock_map *map,
                struct voice_want *want)
{
    struct media_pos at;
    double ahead, step;

    if (card->stamp.ns - v->intake.stream.newest.ns > GONE_NS) {
        stream_unlock(&v->intake.stream);
        v->state = RX_IDLE;
        return;
    }
    if (!refresh(v, card, map) || !clock_map_usable(map) || muted(v, map) || !card->settled) {
        hold_back(v, card);
        return;
    }
    step = playout_step(&v->playout);
    at = wanted(v, card, voice_link_ns(v, card->delay_ns), v->playout.rate_hz);
    ahead = (double)(v->intake.begin.n - at.whole.n) - at.part;
    if (ahead > 0)
        want->until = (size_t)ceil(ahead / step);
    else if (place(v, card, map, at, step))
        play(v, card, map, want);
    else {
        want->starved = true;
        /* others make room for it, as long as it lives */
        if (!stream_stale(&v->intake.stream, card->stamp) && may_wait(v, card->stamp))
            want->can = 0;
    }
}

/* While it goes from one delay to another, the longer of the two. */
static int64_t own_delay_ns(const struct voice *v, const struct card_view *card)
{
    int64_t aim = v->settings.delay_ns + card->delay_ns;
    int64_t now = v->heads[v->active].link_ns - v->intake.stream.claim.link_ns;

    return v->state == RX_PLAYING && now > aim ? now : aim;
}

void voice_prepare(struct voice *v, const struct card_view *card, const struct clock_map *map,
                   struct voice_want *want)
{
    v->intake.delay_ns = own_delay_ns(v, card);
    *want = (struct voice_want){.most = SIZE_MAX, .can = SIZE_MAX, .until = SIZE_MAX};
    if (v->state == RX_ARMED)
        arm(v, card, map, want);
    else if (v->state == RX_PLAYING)
        play(v, card, map, want);
    else if (v->state == RX_FADING)
        want_fade(v, want);
}

/* Splits the gains between the active head and the other one, in a raised cosine. */
static void share(const struct voice *v, const struct card_view *card, float *from, float *to, size_t frames)
{
    double whole = (double)samples_in_ns(CROSSFADE_NS, card->rate_hz);

    for (size_t i = 0; i < frames; i++) {
        double left = v->crossfade_left > i ? (double)(v->crossfade_left - i) / whole : 0;
        float part = (float)(0.5 - 0.5 * cos(M_PI * left));

        to[i] = from[i] * (1 - part);
        from[i] *= part;
    }
}

static int run_head(struct voice *v, struct head *head, size_t frames, bool force_hole, float *out)
{
    head->step_frames = frames;
    return head_run(head, &v->intake, frames, head->step, force_hole, out);
}

/* Both heads run before anything is heard of them, so that a failure is silence. */
static int render_heads(struct voice *v, const struct card_view *card, size_t frames, bool ducked,
                        float *scratch, float *mix)
{
    struct head *head = &v->heads[v->active], *other = &v->heads[!v->active];
    float *first = scratch + 2 * frames, *second = first + frames * card->channels;
    float *gains = scratch, *others = scratch + frames;
    bool fading = v->state == RX_FADING;
    int error = run_head(v, head, frames, fading, first);

    if (!error && v->crossfade_left)
        error = run_head(v, other, frames, fading, second);
    if (error)
        return error;
    fader_gains(&v->fader, gains, frames);
    duck_gains(&v->duck, ducked, gains, frames);
    if (v->crossfade_left) {
        share(v, card, gains, others, frames);
        router_spread(other->router, second, others, mix, frames);
    }
    router_spread(head->router, first, gains, mix, frames);
    if (v->crossfade_left > frames) {
        v->crossfade_left -= frames;
    } else if (v->crossfade_left) {
        v->crossfade_left = 0;
        v->active = !v->active;
    }
    return 0;
}

/* The stream is over when its end has been played, or when nothing came for long and the fade is done. */
static bool over(const struct voice *v, const struct card_view *card)
{
    const struct head *head = &v->heads[v->active];
    const struct intake *in = &v->intake;

    /* the end of the fade has to leave the resampler, too */
    if ((double)conceal_silent_frames(head->conceal) < resampler_look_ahead(head->resampler))
        return false;
    return (in->ending && head->next.n >= in->end.n) || stream_stale(&in->stream, card->stamp);
}

/* What both heads have played is past. */
static void turn(struct voice *v)
{
    media_t next = v->heads[v->active].next, other = v->heads[!v->active].next;

    intake_turn(&v->intake, v->crossfade_left && other.n < next.n ? other : next);
}

void voice_render(struct voice *v, const struct card_view *card, size_t frames, bool ducked, float *scratch,
                  float *mix)
{
    bool fading = v->state == RX_FADING;

    if (render_heads(v, card, frames, ducked, scratch, mix)) {
        v->state = RX_ARMED; /* the position is lost */
        return;
    }
    v->status.played += frames;
    if (fading) {
        v->fade_left -= frames;
        if (v->fade_left == 0)
            v->state = v->arm_again ? RX_ARMED : RX_IDLE;
        return;
    }
    turn(v);
    if (over(v, card)) {
        stream_unlock(&v->intake.stream);
        v->state = RX_IDLE;
    }
}

void voice_pass(struct voice *v, size_t frames, bool ducked)
{
    duck_skip(&v->duck, ducked, frames);
}

bool voice_tidy(struct voice *v)
{
    bool sounding = v->state == RX_PLAYING || v->state == RX_FADING;

    for (unsigned i = 0; i < 2; i++)
        if (!sounding || (i != v->active && !v->crossfade_left))
            if (resampler_tidy(v->heads[i].resampler))
                return true;
    return false;
}

/* A quarter of the timeline is kept for what has been played. */
static int64_t room_ns(const struct intake *in)
{
    int64_t frames = (int64_t)timeline_capacity(in->timeline) / 4 * 3;

    return in->stream.claim.rate_hz ? frames * NS_PER_S / in->stream.claim.rate_hz : 0;
}

void voice_get_status(const struct voice *v, int64_t delay_ns, struct rx_status *status)
{
    const struct intake *in = &v->intake;

    status->state = v->state;
    status->stream = in->stream;
    status->datagrams = in->datagrams;
    status->malformed = in->malformed;
    status->foreign = in->foreign;
    status->absurd = in->absurd;
    status->unknown_codec = in->unknown_codec;
    status->unknown_rate = in->unknown_rate;
    status->made_up = in->decode.made_up;
    status->recovered = in->decode.recovered;
    status->late = in->late;
    status->early = in->early;
    status->played = v->status.played;
    status->concealed = v->heads[0].concealed + v->heads[1].concealed;
    status->starts = v->status.starts;
    status->error_ns = v->status.error_ns;
    status->error_worst_ns = v->status.error_worst_ns;
    status->resample_ppm = v->status.resample_ppm;
    status->lead_min_ms = in->lead_min_ns == INT64_MAX ? NAN : (double)in->lead_min_ns / 1e6;
    status->link_ns = voice_link_ns(v, delay_ns);
    status->room_ns = room_ns(in);
    status->page = voice_is_page(v);
    status->ducked_db = 20 * log10((double)v->duck.now);
}
