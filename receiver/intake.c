// SPDX-License-Identifier: GPL-3.0-or-later
#include "intake.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/pcm.h"

/* A presentation time further than this from the sampling, or from now, is nobody's intention. */
#define LINK_MAX_NS (10 * NS_PER_S)
#define LATE_MAX_NS (10 * NS_PER_S)
/* A packet so far from where the timeline is, and yet in time, tells that time was stepped. */
#define STEPPED_NS (500 * NS_PER_MS)

/* A stream that begins anew costs far more than a packet: ten a second, and five at once, are more than
 * anybody means. */
#define BEGIN_COST_NS (100 * NS_PER_MS)
#define BEGIN_DEBT_NS (400 * NS_PER_MS)

/* What has been played is kept so long, for a delay that grows. */
#define HISTORY_NS (1250 * NS_PER_MS)

/* How far the clocks of two machines may be apart before their sound is refused. */
#define CLOCKS_APART_NS (50 * NS_PER_MS)

int intake_init(struct intake *in, const struct stream_description *description, size_t samples)
{
    *in = (struct intake){.description = *description, .lead_min_ns = INT64_MAX, .unknown_codec = -1};
    in->timeline = timeline_create(samples);
    if (decode_init(&in->decode) || !in->timeline) {
        intake_free(in);
        return -ENOMEM;
    }
    return 0;
}

void intake_free(struct intake *in)
{
    timeline_destroy(in->timeline);
    in->timeline = NULL;
    decode_free(&in->decode);
}

void intake_describe(struct intake *in, const struct stream_description *description)
{
    in->description = *description;
    stream_unlock(&in->stream);
}

/* One packet after parsing: whose it says it is, and where its first frame belongs. */
struct arrival {
    const struct rtp_packet *packet;
    struct stream_claim claim;
    media_t at;
    size_t frames;
    raw_ns raw;
};

/* A Unisono packet describes itself. */
static int describe(struct intake *in, struct arrival *a, uint64_t source)
{
    const struct rtp_header_ext *ext = &a->packet->ext;

    if (ext->rate_hz == 0) {
        in->unknown_rate = a->packet->rate_code ? a->packet->rate_code : in->unknown_rate;
        return -EPROTO;
    }
    a->claim = (struct stream_claim){
        .ssrc = a->packet->ssrc,
        .source = source,
        .codec = ext->codec,
        .rate_hz = ext->rate_hz,
        .channels = ext->channels,
        .priority = ext->priority,
        .starts = ext->type == RTP_TYPE_INIT,
    };
    if (ext->presentation.ns > INT64_MAX / 2) /* so that nothing below overflows */
        return -ERANGE;
    a->at = media_unwrap(a->packet->timestamp, media_at_ptp(ext->presentation, ext->rate_hz));
    a->claim.link_ns = ext->presentation.ns - ptp_at_media(a->at, ext->rate_hz).ns;
    return a->claim.link_ns < 0 || a->claim.link_ns > LINK_MAX_NS ? -ERANGE : 0;
}

/* A plain AES67 packet says only its time stamp; the rest was described, and "now" unwraps it. */
static int assume(struct arrival *a, const struct stream_description *description,
                  const struct clock_map *map, uint64_t source)
{
    if (map->state == MEDIA_CLOCK_NO_PTP)
        return -EAGAIN;
    if (a->packet->has_ext && a->packet->ext.type != RTP_TYPE_AUDIO) /* of a stream that describes itself */
        return -EPROTO;
    a->claim = description->claim;
    a->claim.ssrc = a->packet->ssrc;
    a->claim.source = source;
    a->at = media_unwrap(a->packet->timestamp - description->media_offset,
                         media_at_ptp(clock_map_ptp(map, a->raw), a->claim.rate_hz));
    return 0;
}

static bool is_possible(const struct stream_claim *claim)
{
    return claim->codec != RTP_CODEC_OPUS ||
           (claim->rate_hz == CODEC_OPUS_RATE_HZ && claim->channels <= CODEC_OPUS_CHANNELS_MAX);
}

/*
 * Frames in the payload. -EBADMSG when it is not whole frames, or the codec does not have such streams;
 * -EPROTO when it is of a kind that a later version may know.
 */
static int measure(struct intake *in, struct arrival *a, enum rtp_type type)
{
    int frames;

    a->frames = 0;
    if (!rtp_codec_known(a->claim.codec))
        in->unknown_codec = (int)a->claim.codec;
    if (a->claim.rate_hz == 0 || !rtp_codec_known(a->claim.codec))
        return -EPROTO;
    if (!is_possible(&a->claim))
        return -EBADMSG;
    if (type == RTP_TYPE_INIT || type == RTP_TYPE_TERMINATE)
        return 0;
    if (type != RTP_TYPE_AUDIO)
        return -EPROTO;
    frames = codec_frames(a->claim.codec, a->claim.rate_hz, a->claim.channels, a->packet->payload,
                          a->packet->payload_len);
    if (frames < 0)
        return frames;
    a->frames = (size_t)frames;
    return 0;
}

static void begin(struct intake *in, const struct arrival *a)
{
    in->begin = a->at;
    in->begins_from.ns = (in->begins_from.ns > a->raw.ns ? in->begins_from.ns : a->raw.ns) + BEGIN_COST_NS;
    in->turn = a->at;
    in->ending = false;
    in->anew = false;
    in->lead_min_ns = INT64_MAX;
    timeline_reset(in->timeline, a->claim.channels, a->at);
    if (codec_has_memory(a->claim.codec))
        decode_start(&in->decode, a->claim.channels);
}

void intake_turn(struct intake *in, media_t turn)
{
    int64_t keep = (int64_t)timeline_capacity(in->timeline) / 4;
    int64_t most = samples_in_ns(HISTORY_NS, in->stream.claim.rate_hz);

    in->turn = turn;
    timeline_release(in->timeline, (media_t){turn.n - (keep < most ? keep : most)});
}

void intake_anew(struct intake *in)
{
    timeline_reset(in->timeline, in->stream.claim.channels, in->begin);
    if (codec_has_memory(in->stream.claim.codec))
        decode_start(&in->decode, in->stream.claim.channels);
    in->anew = true;
}

/*
 * The stream goes on behind its end before that was played: a page upon a page, at a receiver with a delay of
 * its own. What is held is heard; what lies between is as before a beginning.
 */
static bool goes_on(struct intake *in, const struct arrival *a, enum rtp_type type)
{
    int64_t near = samples_in_ns(STEPPED_NS + a->claim.link_ns + in->delay_ns, a->claim.rate_hz);
    int64_t room = (int64_t)timeline_capacity(in->timeline) / 2;

    if (!in->ending || in->anew || type == RTP_TYPE_TERMINATE || a->at.n < in->end.n ||
        a->at.n - in->turn.n > (near < room ? near : room))
        return false;
    in->ending = false;
    in->begin = a->at;
    return true;
}

static bool may_begin(const struct intake *in, const struct arrival *a)
{
    return in->begins_from.ns - a->raw.ns <= BEGIN_DEBT_NS;
}

/* Neither a copy, nor one that came late. It is counted already. */
static bool is_newest(const struct intake *in, const struct arrival *a)
{
    return a->packet->sequence == (uint16_t)in->stream.highest;
}

/* The stream's own sender starts it anew, since time jumped. */
static bool starts_anew(const struct intake *in, const struct arrival *a, bool sounding)
{
    return a->claim.starts && sounding && is_newest(in, a);
}

/*
 * True when the clock calls a packet timely and the timeline, by far more than any queue, does not: time was
 * stepped at both ends, and the timeline is still where time was before.
 */
static bool elsewhere(const struct intake *in, const struct arrival *a, int64_t lead_ns)
{
    int64_t ahead = a->at.n - in->turn.n;
    int64_t stepped = samples_in_ns(STEPPED_NS, a->claim.rate_hz);

    return lead_ns > 0 &&
           (ahead < -stepped ||
            ahead > stepped + samples_in_ns(a->claim.link_ns + in->delay_ns, a->claim.rate_hz));
}

static int store_pcm(struct intake *in, const struct arrival *a)
{
    size_t width = rtp_codec_sample_bytes(a->claim.codec) * a->claim.channels;
    const uint8_t *from = a->packet->payload;
    struct timeline_slot slot;
    int error = timeline_claim(in->timeline, a->at, a->frames, &slot);

    if (error)
        return error;
    from += slot.skip * width;
    for (int i = 0; i < 2; i++) {
        pcm_decode(a->claim.codec, from, slot.area[i], slot.frames[i] * a->claim.channels);
        from += slot.frames[i] * width;
    }
    return 0;
}

static enum intake_event store(struct intake *in, const struct arrival *a, int64_t lead_ns, bool duplicate)
{
    enum intake_event event = INTAKE_NONE;
    uint64_t broken = in->decode.broken;
    int error;

    if (!duplicate && is_newest(in, a) && elsewhere(in, a, lead_ns) && may_begin(in, a)) {
        begin(in, a);
        event = INTAKE_BEGIN;
    }
    if (codec_has_memory(a->claim.codec))
        error = decode_take(&in->decode, in->timeline, a->raw, in->turn, a->at, a->frames, a->packet->payload,
                            a->packet->payload_len);
    else
        error = a->at.n + (int64_t)a->frames <= in->turn.n ? -ETIME : store_pcm(in, a);
    in->late += error == -ETIME && !duplicate; /* of a second copy, the first was in time */
    in->early += error == -EOVERFLOW;
    in->malformed += in->decode.broken - broken;
    return event;
}

/*
 * How long ago its first frame was sampled when it came. -ERANGE when that is nobody's intention: far outside
 * any buffer, the clocks do not agree.
 */
static int find_transit(const struct arrival *a, const struct clock_map *map, int64_t *transit_ns)
{
    int64_t lead_ns;

    *transit_ns = clock_map_ptp(map, a->raw).ns - ptp_at_media(a->at, a->claim.rate_hz).ns;
    lead_ns = a->claim.link_ns - *transit_ns;
    if (lead_ns < -LATE_MAX_NS || lead_ns > 2 * LINK_MAX_NS)
        return -ERANGE;
    /* no sound is sent before it was sampled */
    return a->frames && *transit_ns < -CLOCKS_APART_NS ? -ERANGE : 0;
}

static enum intake_event take_sound(struct intake *in, const struct arrival *a, bool timed,
                                    int64_t transit_ns, bool duplicate)
{
    int64_t lead_ns = timed ? a->claim.link_ns - transit_ns : 0;

    if (timed && !duplicate) {
        in->lead_min_ns = lead_ns < in->lead_min_ns ? lead_ns : in->lead_min_ns;
        distribution_add(&in->leads_us, lead_ns / NS_PER_US);
    }
    return store(in, a, lead_ns, duplicate);
}

static enum intake_event take(struct intake *in, const struct clock_map *map, const struct arrival *a,
                              enum rtp_type type)
{
    enum intake_event event = INTAKE_NONE, moved = INTAKE_NONE;
    bool timed = map->state != MEDIA_CLOCK_NO_PTP, duplicate;
    bool sounding = in->stream.locked && !in->stream.announced;
    int64_t transit_ns = 0;

    if (timed && find_transit(a, map, &transit_ns)) {
        in->absurd++;
        return INTAKE_NONE;
    }
    if (type == RTP_TYPE_TERMINATE && !in->stream.locked)
        return INTAKE_NONE; /* the second and third copy */
    if (a->claim.starts && in->stream.locked && !may_begin(in, a)) {
        in->foreign++;
        return INTAKE_NONE;
    }
    switch (stream_judge(&in->stream, &a->claim, a->raw)) {
    case STREAM_IGNORE:
        in->foreign++;
        return INTAKE_NONE;
    case STREAM_NEW:
        begin(in, a);
        event = INTAKE_BEGIN;
        break;
    case STREAM_TAKE:
        break;
    }
    duplicate = stream_count(&in->stream, a->packet->sequence, transit_ns);
    if (event == INTAKE_NONE && !duplicate && goes_on(in, a, type)) {
        in->stream.announced = a->claim.starts;
    } else if (in->anew || (!duplicate && event == INTAKE_NONE && starts_anew(in, a, sounding))) {
        in->stream.announced = a->claim.starts;
        begin(in, a);
        event = INTAKE_BEGIN;
    }
    if (type == RTP_TYPE_TERMINATE) {
        /* what ends before it began is a late copy of the page before, under the same SSRC */
        if (a->at.n >= in->begin.n) {
            in->ending = true;
            in->end = a->at;
        }
    } else if (type == RTP_TYPE_AUDIO) {
        moved = take_sound(in, a, timed, transit_ns, duplicate);
    }
    return moved ? moved : event;
}

void intake_bye(struct intake *in, uint32_t ssrc)
{
    if (!in->stream.locked || in->stream.claim.ssrc != ssrc || in->ending)
        return;
    in->ending = true;
    in->end = intake_newest(in);
}

media_t intake_newest(const struct intake *in)
{
    media_t newest = timeline_newest(in->timeline);

    if (codec_has_memory(in->stream.claim.codec) && decode_newest(&in->decode).n > newest.n)
        newest = decode_newest(&in->decode);
    return newest;
}

void intake_need(struct intake *in, media_t from, size_t frames)
{
    media_t end = {from.n + (int64_t)frames};
    uint64_t broken = in->decode.broken;

    if (!in->stream.locked || !codec_has_memory(in->stream.claim.codec))
        return;
    decode_need(&in->decode, in->timeline, in->ending && in->end.n < end.n ? in->end : end);
    in->malformed += in->decode.broken - broken;
}

enum intake_event intake_datagram(struct intake *in, const struct clock_map *map, const uint8_t *bytes,
                                  size_t length, raw_ns arrival, uint64_t source)
{
    struct rtp_packet packet;
    struct arrival a = {.packet = &packet, .raw = arrival};
    enum rtp_type type = RTP_TYPE_AUDIO;
    int error = rtp_parse(bytes, length, in->description.ext_id, &packet);

    in->datagrams++;
    if (!error && !in->description.plain && !packet.has_ext)
        error = -EPROTO;
    if (!error && in->description.plain) {
        error = assume(&a, &in->description, map, source);
    } else if (!error) {
        type = packet.ext.type;
        error = describe(in, &a, source);
    }
    if (!error)
        error = measure(in, &a, type);
    in->malformed += error == -EBADMSG;
    in->foreign += error == -EPROTO || error == -EPROTONOSUPPORT;
    in->absurd += error == -ERANGE;
    return error ? INTAKE_NONE : take(in, map, &a, type);
}
