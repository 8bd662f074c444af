// SPDX-License-Identifier: GPL-3.0-or-later
#include "replay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "play.h"
#include "progress.h"
#include "rows.h"

#define LATENCY_NS (10 * NS_PER_MS) /* of a plain stream, unless given */

/* ---- first pass: who is there ------------------------------------------------------------------------ */

static void scan_datagram(struct replay *r, const struct datagram *d)
{
    const uint8_t *bytes = packet_bytes(d, r->room);
    struct rtp_packet packet;
    struct rtcp_report report;
    int error;

    if (d->port == SAP_PORT) {
        announce_take(&r->announcements, d);
        return;
    }
    error = packet_parse(d, bytes, &packet);
    if (!error)
        catalogue_take(&r->catalogue, d, &packet);
    else if (error == -EPROTO && rtcp_parse(bytes, d->length, &report) == 0 && report.cname_len)
        catalogue_name(&r->catalogue, d->source, report.ssrc, report.cname);
}

int replay_scan(struct replay *r, char *err, size_t err_size)
{
    struct progress progress;
    struct datagram d;

    catalogue_init(&r->catalogue);
    progress_begin(&progress, "looking for streams");
    while (pcapfile_next(r->capture, &d)) {
        scan_datagram(r, &d);
        progress_step(&progress, r->capture);
    }
    progress_end(&progress);
    r->counters = *pcapfile_count(r->capture);
    if (r->catalogue.known)
        return 0;
    snprintf(err, err_size,
             "%s: no RTP stream in %" PRIu64 " frames (%" PRIu64 " UDP datagrams, %" PRIu64
             " fragments)%s%s; capture while it is sent, at a port that receives it",
             r->options->file, r->counters.frames, r->counters.datagrams, r->counters.fragments,
             r->counters.damaged ? ", then damaged: " : "", r->counters.damage);
    return -ENODATA;
}

/* ---- the choice ---------------------------------------------------------------------------------------- */

static int read_sdp(struct replay *r, struct announcement *sdp, struct catalogue_choice *choice, char *err,
                    size_t err_size)
{
    int error = announce_read(sdp, r->options->sdp, err, err_size);

    if (!error && !choice->destination) {
        choice->destination = sdp->destination;
        choice->port = sdp->port;
    }
    return error;
}

static int choose(struct replay *r, const struct catalogue_choice *choice, char *err, size_t err_size)
{
    char address[INET_ADDRSTRLEN] = "any address", ssrc[32] = "";
    struct in_addr destination = {htonl(choice->destination)};

    r->stream = catalogue_choose(&r->catalogue, choice);
    if (r->stream)
        return 0;
    if (choice->destination)
        inet_ntop(AF_INET, &destination, address, sizeof address);
    if (choice->has_ssrc)
        snprintf(ssrc, sizeof ssrc, " with SSRC 0x%08" PRIx32, choice->ssrc);
    snprintf(err, err_size, "%s: no RTP stream to %s:%u%s; see --list", r->options->file, address,
             choice->port, ssrc);
    return -ENODATA;
}

static struct format format_of_options(const struct replay_options *o)
{
    return (struct format){.origin = FORMAT_OPTIONS,
                           .codec = (enum rtp_codec)o->codec,
                           .rate_hz = o->rate_hz,
                           .channels = o->channels};
}

static unsigned frames_of(const struct replay *r, const struct format *f)
{
    struct format_evidence evidence = catalogue_evidence(r->stream);

    return format_frames(&evidence, f->codec, f->channels);
}

/* The stream's own word comes first, then the user's, then an announcement; then what can be seen. */
static int describe(struct replay *r, const struct announcement *described, char *err, size_t err_size)
{
    const struct replay_options *o = r->options;

    r->format = catalogue_format(r->stream);
    if (r->stream->describes && o->codec >= 0) {
        snprintf(err, err_size,
                 "--codec: the stream says that itself; leave out --codec, --rate and --channels");
        return -EINVAL;
    }
    if (described) {
        r->declared = described->format;
        r->declared_frames = described->format.frames;
    }
    if (o->codec >= 0)
        r->format = format_of_options(o);
    else if (described && !r->stream->describes)
        r->format = described->format;
    if (o->ptime_ms > 0)
        r->declared_frames =
            (unsigned)rtp_ptime_frames((uint32_t)lrint(o->ptime_ms * 1000), r->format.rate_hz);
    if (r->format.origin == FORMAT_UNKNOWN) {
        snprintf(err, err_size,
                 "%s: SSRC 0x%08" PRIx32
                 " is RTP, but it cannot be told what it holds (payload type %u); if it is "
                 "PCM, give --sdp, or --codec, --rate and --channels; other streams: --list",
                 o->file, r->stream->ssrc, r->stream->payload_type);
        return -ENODATA;
    }
    r->format.frames = frames_of(r, &r->format);
    return 0;
}

/* ---- second pass: the sender's clock ------------------------------------------------------------------- */

static bool is_to_stream(const struct replay *r, const struct datagram *d)
{
    return d->destination == r->stream->destination && d->port == r->stream->port;
}

static bool is_of_stream(const struct replay *r, const struct datagram *d, const struct rtp_packet *p)
{
    return p->ssrc == r->stream->ssrc && d->source == r->stream->source;
}

static void survey_packet(struct replay *r, const struct analysis_config *config, struct track *track,
                          const struct datagram *d, const struct rtp_packet *p)
{
    struct track_packet packet = analysis_track(config, p, d->arrival_ns);
    media_t near = media_at_ptp((ptp_ns){d->arrival_ns + r->capture_offset_ns}, r->format.rate_hz);
    struct track_step step;

    track_take(track, &packet, near, &step);
    if (packet.frames && step.order != TRACK_STRAY)
        envelope_take(&r->envelope, step.segment, step.era, step.at, (raw_ns){d->arrival_ns});
}

static int survey(struct replay *r, const struct analysis_config *config, char *err, size_t err_size)
{
    struct progress progress;
    struct rtp_packet packet;
    struct track track;
    struct datagram d;
    int error = pcapfile_rewind(r->capture, err, err_size);

    if (error)
        return error;
    track_init(&track, r->format.rate_hz);
    envelope_init(&r->envelope, r->format.rate_hz, (raw_ns){r->stream->first_ns},
                  (raw_ns){r->stream->last_ns});
    progress_begin(&progress, "looking for the sender's clock");
    while (pcapfile_next(r->capture, &d)) {
        if (is_to_stream(r, &d) && packet_parse(&d, packet_bytes(&d, r->room), &packet) == 0 &&
            is_of_stream(r, &d, &packet))
            survey_packet(r, config, &track, &d, &packet);
        progress_step(&progress, r->capture);
    }
    progress_end(&progress);
    envelope_fit(&r->envelope, format_packet_ns(&r->format), &r->stream_scale, &r->fit);
    return 0;
}

/* ---- third pass: every packet in its time -------------------------------------------------------------- */

struct pass {
    struct replay *replay;
    struct play *play;
    struct rows *rows;
};

static void take_rtcp(struct replay *r, const struct datagram *d, const uint8_t *bytes)
{
    struct rtcp_report report;
    int error = rtcp_parse(bytes, d->length, &report);

    if (error == -EBADMSG)
        r->analysis.rtcp.malformed++;
    if (!error)
        analysis_take_rtcp(&r->analysis, &report, r->stream->ssrc, d->arrival_ns);
}

static void pass_datagram(const struct pass *pass, const struct datagram *d)
{
    struct replay *r = pass->replay;
    bool to_stream = is_to_stream(r, d);
    bool to_control = d->destination == r->stream->destination && d->port == r->stream->port + 1;
    const uint8_t *bytes;
    struct rtp_packet packet;
    struct analysis_row row;
    int error;

    if (!to_stream && !to_control)
        return;
    bytes = packet_bytes(d, r->room);
    error = packet_parse(d, bytes, &packet);
    if (d->source == r->stream->source && (to_control || error == -EPROTO))
        take_rtcp(r, d, bytes);
    if (!to_stream)
        return;
    if (pass->play && (!r->options->ssrc[0] || (!error && packet.ssrc == r->stream->ssrc)))
        play_datagram(pass->play, bytes, d->length, (raw_ns){d->arrival_ns}, d->source);
    if (error || !is_of_stream(r, d, &packet))
        return;
    r->cut += d->captured < d->length;
    analysis_take(&r->analysis, d, &packet, &row);
    rows_write(pass->rows, d, &packet, &row);
}

static int open_play(struct replay *r, struct play **play, char *err, size_t err_size)
{
    const struct replay_options *o = r->options;
    const struct analysis_config *a = &r->analysis.config;
    unsigned channels = r->format.channels;
    struct play_config config = {
        .rx = {.card_rate_hz = r->format.rate_hz,
               .card_channels = o->wav[0] ? channels : 1, /* nobody hears the others */
               .quality = (enum resample_quality)o->resampler,
               .voices = 1,
               .settings = {.gain = 1, .delay_ns = a->delay_ns},
               .duck = DUCK_STANDARD,
               .plain = a->link_ns != ANALYSIS_NO_LINK,
               .codec = r->format.codec,
               .rate_hz = r->format.rate_hz,
               .channels = channels,
               .link_ns = a->link_ns,
               .seed = 1},
        .clock = a->clock,
        .begin = {r->stream->first_ns},
        .wav = o->wav,
    };

    return o->play ? play_open(play, &config, err, err_size) : 0;
}

static int run_pass(struct replay *r, char *err, size_t err_size)
{
    struct pass pass = {.replay = r};
    struct progress progress;
    struct datagram d;
    int error = pcapfile_rewind(r->capture, err, err_size), closed;

    if (!error)
        error = open_play(r, &pass.play, err, err_size);
    if (!error)
        error = rows_open(&pass.rows, r->options->csv, err, err_size);
    if (error)
        goto out;
    progress_begin(&progress, pass.play ? "playing" : "analysing");
    while (pcapfile_next(r->capture, &d)) {
        pass_datagram(&pass, &d);
        progress_step(&progress, r->capture);
    }
    progress_end(&progress);
    analysis_finish(&r->analysis);
    r->counters = *pcapfile_count(r->capture);
    r->played = pass.play != NULL;
    if (r->played)
        error = play_finish(pass.play, &r->rx, &r->concealed_end, err, err_size);
out:
    closed = rows_close(pass.rows, err, err_size);
    play_close(pass.play);
    return error ? error : closed;
}

int replay_run(struct replay *r, char *err, size_t err_size)
{
    const struct replay_options *o = r->options;
    struct catalogue_choice choice = replay_options_choice(o);
    struct announcement sdp;
    const struct announcement *described = NULL;
    struct analysis_config config = {.link_ns = ANALYSIS_NO_LINK, .delay_ns = llround(o->delay_ms * 1e6)};
    int error = 0;

    if (o->sdp[0]) {
        error = read_sdp(r, &sdp, &choice, err, err_size);
        described = &sdp;
    }
    if (!error)
        error = choose(r, &choice, err, err_size);
    if (error)
        return error;
    if (!described)
        described = announce_find(&r->announcements, r->stream->destination, r->stream->port);
    error = describe(r, described, err, err_size);
    if (error)
        return error;
    r->capture_offset_ns = o->utc_offset_s * NS_PER_S + ns_of_samples(r->format.offset, r->format.rate_hz);
    timescale_of_capture(&r->capture_scale, r->capture_offset_ns);
    config.format = r->format;
    config.plain = !r->stream->describes;
    if (o->latency_ms > 0)
        config.link_ns = llround(o->latency_ms * 1e6);
    else if (config.plain)
        config.link_ns = LATENCY_NS;
    error = survey(r, &config, err, err_size);
    if (error)
        return error;
    config.absolute = o->clock == REPLAY_CLOCK_CAPTURE;
    config.clock = config.absolute ? &r->capture_scale : &r->stream_scale;
    config.envelope = &r->stream_scale;
    config.segments = r->fit.segments;
    analysis_init(&r->analysis, &config);
    return run_pass(r, err, err_size);
}
