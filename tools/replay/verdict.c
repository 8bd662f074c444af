// SPDX-License-Identifier: GPL-3.0-or-later
#include "verdict.h"

#include <inttypes.h>
#include <math.h>

enum { DSCP_AES67 = 34 /* AF41: AES67-2018 table 1 */ };

#define LOSS_LIMIT     1e-3 /* of all packets: more than a listener forgives */
#define RATE_DOUBT_PPM 2.0
#define BACKWARD_NS    NS_PER_MS /* less is what several processors make of one moment */
#define QUIET_NS       NS_PER_S  /* a stream that ends so long before its capture has ended */

static double ms(int64_t ns)
{
    return (double)ns / 1e6;
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

static double percent(uint64_t part, uint64_t whole)
{
    return 100 * share(part, whole);
}

static bool describes(const struct replay *r)
{
    return !r->analysis.config.plain;
}

/* ---- the capture --------------------------------------------------------------------------------------- */

static struct finding judge_capture(const struct replay *r)
{
    static const char name[] = "capture";
    const struct pcapfile_counters *n = &r->counters;

    if (n->damaged)
        return finding_remedy(
            finding_make(name, RESULT_WARN, "the file is damaged behind frame %" PRIu64 ": %s", n->frames,
                         n->damage),
            "what stands before was judged; stop the capturing program by SIGINT, and look for a full disk");
    if (r->cut)
        return finding_remedy(
            finding_make(name, RESULT_WARN,
                         "%" PRIu64 " packets of the stream were cut, and their sound is missing", r->cut),
            "capture whole packets: tcpdump -s 0, dumpcap without -s");
    if (n->backward_max_ns > BACKWARD_NS)
        return finding_remedy(
            finding_make(name, RESULT_WARN, "time ran backward %" PRIu64 " times, by up to %.3f ms",
                         n->backward, ms(n->backward_max_ns)),
            "capture one interface only, and keep daemons from setting the clock meanwhile");
    if (n->timeless || n->malformed || n->fragments)
        return finding_remedy(
            finding_make(name, RESULT_WARN,
                         "%" PRIu64 " frames without time, %" PRIu64 " malformed, %" PRIu64
                         " fragments of IP, all left out",
                         n->timeless, n->malformed, n->fragments),
            "fragments: a sender made packets of more than %d bytes of sound; else see who damages frames",
            RTP_PAYLOAD_MAX);
    return finding_make(name, RESULT_PASS, "%" PRIu64 " frames, whole and in order", n->frames);
}

/* ---- format and headers -------------------------------------------------------------------------------- */

static struct finding judge_format(const struct replay *r)
{
    static const char name[] = "format";
    const struct analysis *a = &r->analysis;
    const struct format *f = &r->format, *d = &r->declared;
    const char *codec = rtp_codec_name(f->codec);

    if (!a->sound)
        return finding_remedy(finding_make(name, RESULT_FAIL,
                                           "no packet holds whole frames of %s, %u channels", codec,
                                           f->channels),
                              "see what the sender is set to, or give the right --codec and --channels");
    if (a->unsound)
        return finding_remedy(finding_make(name, RESULT_FAIL,
                                           "%" PRIu64
                                           " packets hold no whole number of frames of %s, %u channels",
                                           a->unsound, codec, f->channels),
                              "see what the sender is set to, or give the right --codec and --channels");
    if (d->origin != FORMAT_UNKNOWN &&
        (d->codec != f->codec || d->rate_hz != f->rate_hz || d->channels != f->channels))
        return finding_remedy(finding_make(name, RESULT_FAIL,
                                           "%s, %u Hz, %u channels, but %s it is %s, %u Hz, %u", codec,
                                           (unsigned)f->rate_hz, f->channels, format_origin_text(d->origin),
                                           rtp_codec_name(d->codec), (unsigned)d->rate_hz, d->channels),
                              "correct the description");
    if (f->other_reading)
        return finding_remedy(
            finding_make(name, RESULT_PASS,
                         "inferred: L24, %u channels, %u Hz; L16 with %u channels fits as well", f->channels,
                         (unsigned)f->rate_hz, f->channels * 3 / 2),
            "if that is not it, give --sdp, or --codec, --rate and --channels");
    return finding_make(name, RESULT_PASS, "%s, %u Hz, %u channels, %s", codec, (unsigned)f->rate_hz,
                        f->channels, format_origin_text(f->origin));
}

static bool is_packet_time(int64_t frames, uint32_t rate_hz)
{
    static const uint32_t ptimes_us[] = {125, 250, 333, 1000, 4000};

    for (size_t i = 0; i < sizeof ptimes_us / sizeof *ptimes_us; i++)
        if (rtp_ptime_frames(ptimes_us[i], rate_hz) == frames)
            return true;
    return false;
}

static struct finding judge_packets(const struct replay *r)
{
    static const char name[] = "packet-time";
    const struct analysis *a = &r->analysis;
    double length_ms = ms(format_packet_ns(&r->format));

    if (a->frames.min != a->frames.max)
        return finding_remedy(finding_make(name, RESULT_FAIL, "packets of %" PRId64 " to %" PRId64 " frames",
                                           a->frames.min, a->frames.max),
                              "set the sender to one packet time: receivers may assume that all are alike");
    if (r->declared_frames && r->declared_frames != a->frames.min)
        return finding_remedy(finding_make(name, RESULT_FAIL,
                                           "%" PRId64 " frames a packet, but %u are declared", a->frames.min,
                                           r->declared_frames),
                              "make the sender and its description (a=ptime, --ptime) agree");
    if (!is_packet_time(a->frames.min, r->format.rate_hz))
        return finding_remedy(finding_make(name, RESULT_WARN,
                                           "%" PRId64
                                           " frames, %.3f ms: not one of AES67 (0.125, 0.25, 0.333, "
                                           "1 and 4 ms)",
                                           a->frames.min, length_ms),
                              "set the sender to packets of 1 ms, which all AES67 receivers take");
    return finding_make(name, RESULT_PASS, "%" PRId64 " frames, %.3f ms", a->frames.min, length_ms);
}

static struct finding judge_size(const struct replay *r)
{
    static const char name[] = "packet-size";
    const struct analysis *a = &r->analysis;

    if (a->oversized)
        return finding_remedy(finding_make(name, RESULT_FAIL,
                                           "%" PRIu64 " packets hold up to %" PRId64
                                           " bytes of sound; %d are allowed",
                                           a->oversized, a->payload_bytes.max, RTP_PAYLOAD_MAX),
                              "set the sender to a shorter packet time or fewer channels");
    return finding_make(name, RESULT_PASS, "%" PRId64 " bytes of sound, of %d", a->payload_bytes.max,
                        RTP_PAYLOAD_MAX);
}

/* The only bit set, or -1. */
static int only(const uint64_t *bits, unsigned words)
{
    int found = -1;

    for (unsigned i = 0; i < words * 64; i++)
        if (bits[i / 64] >> i % 64 & 1) {
            if (found >= 0)
                return -1;
            found = (int)i;
        }
    return found;
}

static struct finding judge_marking(const struct replay *r)
{
    static const char name[] = "marking";
    int dscp = only(&r->analysis.dscps, 1), ttl = only(r->analysis.ttls, 4);

    if (dscp < 0 || ttl < 0)
        return finding_remedy(
            finding_make(name, RESULT_WARN, "%s differs from packet to packet", dscp < 0 ? "DSCP" : "TTL"),
            "look for two senders with one SSRC, or two ways through the network");
    if (dscp != DSCP_AES67)
        return finding_remedy(
            finding_make(name, RESULT_WARN, "DSCP %d, TTL %d; AES67 marks sound by DSCP %d (AF41)", dscp, ttl,
                         DSCP_AES67),
            "mark it at the sender, or see which switch rewrites it; then let switches obey it");
    return finding_make(name, RESULT_PASS, "DSCP %d, TTL %d", dscp, ttl);
}

/* ---- sequence ------------------------------------------------------------------------------------------ */

static struct finding judge_loss(const struct replay *r)
{
    static const char name[] = "loss";
    const struct losses *l = &r->analysis.losses;
    double part = share(l->lost, l->expected);

    if (!l->lost)
        return finding_make(name, RESULT_PASS, "none of %" PRIu64, l->expected);
    return finding_remedy(finding_make(name, part > LOSS_LIMIT ? RESULT_FAIL : RESULT_WARN,
                                       "%" PRIu64 " of %" PRIu64 " (%.4f %%), at worst %" PRIu64 " in a row",
                                       l->lost, l->expected, 100 * part, l->burst_max),
                          "see the drop counters of switch ports and network cards (ethtool -S); wireless "
                          "links lose multicast; "
                          "and whether the capturing machine itself dropped them");
}

static struct finding judge_order(const struct replay *r)
{
    static const char name[] = "order";
    const struct losses *l = &r->analysis.losses;

    if (l->reordered)
        return finding_remedy(finding_make(name, RESULT_WARN,
                                           "%" PRIu64 " came after later ones, up to %" PRIu64
                                           " packets behind",
                                           l->reordered, l->depth_max),
                              "look for two ways through the network, or a network card with several queues");
    if (l->duplicates)
        return finding_remedy(finding_make(name, RESULT_WARN, "%" PRIu64 " came twice", l->duplicates),
                              "harmless; unless a second way is meant, look for a loop, or a capture of "
                              "two interfaces");
    return finding_make(name, RESULT_PASS, "each once, in sequence");
}

static struct finding judge_restarts(const struct replay *r)
{
    static const char name[] = "restarts";
    const struct analysis *a = &r->analysis;

    if (a->restarts || a->strays)
        return finding_remedy(finding_make(name, RESULT_FAIL,
                                           "the sequence began anew %" PRIu64
                                           " times under the same SSRC; %" PRIu64 " stray packets",
                                           a->restarts, a->strays),
                              "look for two senders with one SSRC, and for a sender that is restarted");
    if (a->announced)
        return finding_remedy(finding_make(name, RESULT_WARN,
                                           "%" PRIu64 " announced, since the sender's time jumped",
                                           a->announced),
                              "keep the grandmaster's time steady: see PTP at the sender");
    return finding_make(name, RESULT_PASS, "none");
}

/* ---- timestamps ---------------------------------------------------------------------------------------- */

static struct finding judge_steps(const struct replay *r)
{
    static const char name[] = "timestamp-step";
    const struct analysis *a = &r->analysis;

    if (a->jumps)
        return finding_remedy(finding_make(name, RESULT_FAIL,
                                           "%" PRIu64 " jumps, by up to %" PRId64 " samples", a->jumps,
                                           a->jump_max),
                              "the sender must count samples, and nothing else: see its clock, and whether "
                              "its input stalls");
    if (a->skips)
        return finding_remedy(finding_make(name, RESULT_WARN,
                                           "%" PRIu64 " skips, up to %" PRId64
                                           " samples, while as much time passed",
                                           a->skips, a->jump_max),
                              "the sender had no sound for these: see whether its input stalls");
    return finding_make(name, RESULT_PASS, "always as many samples as the packet before held");
}

static struct finding judge_grid(const struct replay *r)
{
    static const char name[] = "timestamp-grid";
    const struct analysis *a = &r->analysis;

    if (!describes(r))
        return finding_make(name, RESULT_SKIP, "plain AES67 knows no grid");
    if (a->off_grid)
        return finding_remedy(finding_make(name, RESULT_FAIL,
                                           "%" PRIu64 " packets do not begin at a multiple of their frames",
                                           a->off_grid),
                              "the sender breaks PROTOCOL.md section 5");
    return finding_make(name, RESULT_PASS, "each begins at a multiple of its frames since the PTP epoch");
}

static struct finding judge_marker(const struct replay *r)
{
    static const char name[] = "marker";

    if (r->analysis.markers)
        return finding_remedy(
            finding_make(name, RESULT_WARN, "set in %" PRIu64 " packets", r->analysis.markers),
            "sound without pauses has none (RFC 3551 section 4.1); receivers ignore it");
    return finding_make(name, RESULT_PASS, "never set");
}

static struct finding judge_presentation(const struct replay *r)
{
    static const char name[] = "presentation";
    const struct analysis *a = &r->analysis;

    if (!describes(r))
        return finding_make(name, RESULT_SKIP, "plain AES67 does not say when it is to be heard");
    if (a->absurd || a->link_changes)
        return finding_remedy(finding_make(name, RESULT_FAIL,
                                           "%" PRIu64 " presentation times that nobody can mean; the latency "
                                           "changed %" PRIu64 " times, from %.6f to %.6f ms",
                                           a->absurd, a->link_changes, ms(a->link_ns.min),
                                           ms(a->link_ns.max)),
                              "the sender breaks PROTOCOL.md section 5: one latency for each SSRC");
    return finding_make(name, RESULT_PASS, "%.3f ms after the sampling, in all packets", ms(a->link_ns.max));
}

/* How far a plain stream's timestamps are from PTP time, as far as that can be known. */
static struct finding judge_offset(const struct replay *r)
{
    static const char name[] = "media-clock";
    const struct analysis *a = &r->analysis;
    const struct analysis_rtcp *rtcp = &a->rtcp;
    int64_t transit_ns = a->transit.min_ns;

    if (a->config.absolute && (transit_ns < -NS_PER_MS || transit_ns > NS_PER_S))
        return finding_remedy(
            finding_make(name, RESULT_FAIL,
                         "timestamps are %.6f s from the capture's clock: not on the same time",
                         (double)transit_ns / 1e9),
            "see PTP at the sender and at the capturing machine; give --utc-offset 37 if that "
            "one keeps UTC");
    if (a->config.absolute)
        return finding_make(name, RESULT_PASS,
                            "timestamps are PTP time, with offset %u: the fastest packet came "
                            "%.3f ms after its first sample",
                            (unsigned)r->format.offset, ms(transit_ns));
    if (describes(r) && !a->absurd)
        return finding_make(name, RESULT_PASS, "timestamps are the presentation times', with offset 0");
    if (rtcp->reports && rtcp->pair.min >= -1 && rtcp->pair.max <= 1)
        return finding_make(name, RESULT_PASS, "timestamps are those of the sender's reports, with offset 0");
    return finding_make(name, RESULT_SKIP, "only --clock capture can tell whether timestamps are PTP time");
}

/* ---- sending ------------------------------------------------------------------------------------------- */

static struct finding judge_early(const struct replay *r)
{
    static const char name[] = "sent-early";
    const struct analysis *a = &r->analysis;

    if (!a->config.absolute)
        return finding_make(name, RESULT_SKIP, "only --clock capture can tell");
    if (a->before_first || (a->before_last && !describes(r)))
        return finding_remedy(
            finding_make(name, a->before_first ? RESULT_FAIL : RESULT_WARN,
                         "%" PRIu64 " packets came before their first sample was taken, %" PRIu64
                         " before their last; the earliest %.3f ms before that",
                         a->before_first, a->before_last, ms(a->packet_ns - a->transit.min_ns)),
            "see PTP at the sender and at the capturing machine; a file that is played may be sent ahead, "
            "but "
            "its timestamps may not");
    if (a->before_last)
        return finding_make(name, RESULT_PASS,
                            "no packet came before its first sample, %" PRIu64
                            " before their last: this sender has no microphone",
                            a->before_last);
    return finding_make(name, RESULT_PASS, "no packet came before its last sample was taken");
}

static struct finding judge_sending(const struct replay *r)
{
    static const char name[] = "sending";
    const struct analysis *a = &r->analysis;
    double length_ms = ms(format_packet_ns(&r->format)), limit_ms = ms(a->limit_ns);
    uint64_t judged = a->sound - a->displaced;

    if (a->over_limit)
        return finding_remedy(
            finding_make(name, RESULT_FAIL,
                         "%" PRIu64 " of %" PRIu64
                         " packets were delayed by more than %.3f ms, the limit of AES67; "
                         "the worst by %.3f ms",
                         a->over_limit, judged, limit_ms, ms(a->delay.max_ns)),
            "real-time rights and fewer stalls at the sender (unisono-doctor), DSCP in the switches; or a "
            "capturing machine that stalls: compare with another");
    if (share(a->over_one, judged) > LOSS_LIMIT)
        return finding_remedy(
            finding_make(name, RESULT_WARN,
                         "%.2f %% of packets were delayed by more than one packet time (%.3f ms)",
                         percent(a->over_one, judged), length_ms),
            "real-time rights and fewer stalls at the sender (unisono-doctor), DSCP in the switches");
    return finding_make(name, RESULT_PASS,
                        "%.2f %% within one packet time (%.3f ms), all within %.3f ms of the fastest",
                        100 - percent(a->over_one, judged), length_ms, ms(a->delay.max_ns));
}

static struct finding judge_rate(const struct replay *r)
{
    static const char name[] = "rate";
    bool absolute = r->analysis.config.absolute;
    double ppm = fabs(r->fit.sender_ppm), doubt = r->fit.sender_doubt_ppm;
    double warn = absolute ? RATE_DOUBT_PPM : 100, fail = absolute ? 20 : 1000;
    enum result result = ppm > fail + doubt ? RESULT_FAIL : ppm > warn + doubt ? RESULT_WARN : RESULT_PASS;
    struct finding finding;

    if (!isfinite(doubt) || doubt > fail)
        return finding_make(name, RESULT_SKIP, "the capture is too short, or too uneven, to tell");
    finding = finding_make(name, result, "the sender counts %+.3f ppm (+-%.3f) against the capture's clock",
                           r->fit.sender_ppm, doubt);
    if (result == RESULT_PASS)
        return finding;
    if (ppm > 1000)
        return finding_remedy(finding,
                              "that is no crystal, but another sampling rate: give the right --rate, or "
                              "correct the description");
    return finding_remedy(finding,
                          absolute ? "one of the two does not follow PTP: see ptp4l at both"
                                   : "one of the two clocks is wrong: see PTP at the sender, and who sets "
                                     "the clock of the capturing machine");
}

/* ---- the receiver -------------------------------------------------------------------------------------- */

static struct finding judge_lead(const struct replay *r)
{
    static const char name[] = "lead";
    const struct analysis *a = &r->analysis;
    double need_ms = r->played ? r->rx.lead_need_ms : 0, least_ms = ms(a->lead.min_ns);
    double safe_ms = ms(analysis_safe_ns(a, 0)) + need_ms;

    if (!a->lead.total)
        return finding_make(name, RESULT_SKIP, "no latency is known");
    if (a->late)
        return finding_remedy(
            finding_make(name, share(a->late, a->lead.total) > LOSS_LIMIT ? RESULT_FAIL : RESULT_WARN,
                         "%" PRIu64 " of %" PRIu64 " packets came too late, by up to %.3f ms", a->late,
                         a->lead.total, -least_ms),
            "a latency of %.1f ms would have been enough for all of them", safe_ms);
    if (least_ms < need_ms)
        return finding_remedy(finding_make(name, RESULT_WARN,
                                           "%.3f ms at least, of which a receiver needs %.3f", least_ms,
                                           need_ms),
                              "a latency of %.1f ms would have been enough", safe_ms);
    return finding_make(name, RESULT_PASS, "%.3f ms at least; a receiver needs %.3f", least_ms, need_ms);
}

static struct finding judge_receiver(const struct replay *r)
{
    static const char name[] = "receiver";
    const struct rx_status *rx = &r->rx;
    uint64_t refused = rx->malformed + rx->absurd + rx->late + rx->early;
    uint64_t concealed = rx->concealed - r->concealed_end;

    if (!r->played)
        return finding_make(name, RESULT_SKIP, "nothing was played");
    if (!rx->starts)
        return finding_remedy(
            finding_make(name, RESULT_FAIL,
                         "played nothing: %" PRIu64 " malformed, %" PRIu64 " absurd, %" PRIu64
                         " late, %" PRIu64 " foreign",
                         rx->malformed, rx->absurd, rx->late, rx->foreign),
            "see the checks above; a stream of less than half a second is too short to begin");
    if (concealed || refused || rx->starts > 1 + r->analysis.announced)
        return finding_remedy(
            finding_make(name, RESULT_WARN,
                         "started %" PRIu64 " times, %" PRIu64 " frames concealed; %" PRIu64
                         " packets late, %" PRIu64 " early, %" PRIu64 " absurd, %" PRIu64 " malformed",
                         rx->starts, concealed, rx->late, rx->early, rx->absurd, rx->malformed),
            "see the checks above for the cause");
    return finding_make(name, RESULT_PASS, "played %" PRIu64 " frames without a gap", rx->played);
}

/* ---- reports ------------------------------------------------------------------------------------------- */

static struct finding judge_rtcp(const struct replay *r)
{
    static const char name[] = "rtcp";
    const struct analysis_rtcp *rtcp = &r->analysis.rtcp;
    double rate = r->format.rate_hz, spread_ms = (double)(rtcp->pair.max - rtcp->pair.min) * 1e3 / rate;
    bool exact = rtcp->pair.min >= -1 && rtcp->pair.max <= 1;

    if (rtcp->malformed)
        return finding_remedy(
            finding_make(name, RESULT_WARN, "%" PRIu64 " compounds are malformed", rtcp->malformed),
            "see what sends to the port above the stream's");
    if (!rtcp->reports)
        return describes(r) ? finding_remedy(finding_make(name, RESULT_WARN, "no sender report"),
                                             "capture the port above the stream's, too")
                            : finding_make(name, RESULT_SKIP, "no sender report; receivers need none");
    if (describes(r) ? !exact : spread_ms > 1)
        return finding_remedy(
            finding_make(name, RESULT_FAIL, "NTP and RTP time of the reports disagree by %.3f to %.3f ms",
                         (double)rtcp->pair.min * 1e3 / rate, (double)rtcp->pair.max * 1e3 / rate),
            "the sender's reports and its timestamps count on different clocks");
    if (rtcp->aged && (rtcp->age_ns.min < -100 * NS_PER_MS || rtcp->age_ns.max > 100 * NS_PER_MS))
        return finding_remedy(finding_make(name, RESULT_WARN,
                                           "reports name instants %.3f to %.3f ms before their arrival",
                                           ms(rtcp->age_ns.min), ms(rtcp->age_ns.max)),
                              "the sender's reports are not of the time of its sound");
    return finding_make(name, RESULT_PASS, "%" PRIu64 " reports, whose NTP and RTP time agree within %.3f ms",
                        rtcp->reports, spread_ms);
}

static struct finding judge_domain(const struct replay *r)
{
    static const char name[] = "ptp-domain";
    const struct analysis_rtcp *rtcp = &r->analysis.rtcp;
    const struct rtcp_clock *clock = &rtcp->clock;

    if (!rtcp->has_clock && r->declared.reference[0])
        return finding_make(name, RESULT_PASS, "%s, by the description", r->declared.reference);
    if (!rtcp->has_clock)
        return finding_make(name, RESULT_SKIP, "nothing names it");
    if (!clock->known)
        return finding_remedy(
            finding_make(name, RESULT_WARN, "the sender does not know whether its time is PTP's"),
            "start ptp4l at the sender, and unisono-send with --clock ptp4l or phc");
    if (clock->holdover || rtcp->clock_changes)
        return finding_remedy(finding_make(name, RESULT_WARN,
                                           "domain %u; the grandmaster changed %" PRIu64 " times%s",
                                           clock->domain, rtcp->clock_changes,
                                           clock->holdover ? ", and was lost at the end" : ""),
                              "see ptp4l at the sender and at the grandmaster");
    return finding_make(name, RESULT_PASS, "domain %u, grandmaster %016" PRIx64, clock->domain, clock->gm_id);
}

static struct finding judge_end(const struct replay *r)
{
    static const char name[] = "end";
    const struct analysis *a = &r->analysis;
    const char *how = a->terminate ? "TERMINATE" : a->rtcp.bye ? "BYE" : NULL;

    if (how)
        return finding_make(name, RESULT_PASS, "the sender ended the stream, by %s", how);
    if (r->counters.last_ns - a->last_ns < QUIET_NS)
        return finding_make(name, RESULT_SKIP, "the capture ends while the stream goes on");
    if (describes(r) || a->rtcp.reports)
        return finding_remedy(finding_make(name, RESULT_WARN,
                                           "it fell silent %.1f s before the capture ends, without a word",
                                           (double)(r->counters.last_ns - a->last_ns) / 1e9),
                              "see whether the sender died, or its network");
    return finding_make(name, RESULT_SKIP, "it ended; this sender announces nothing");
}

verdict_function *const all_verdicts[] = {
    judge_capture, judge_format,   judge_packets, judge_size, judge_marking, judge_loss,
    judge_order,   judge_restarts, judge_steps,   judge_grid, judge_marker,  judge_presentation,
    judge_offset,  judge_early,    judge_sending, judge_rate, judge_lead,    judge_receiver,
    judge_rtcp,    judge_domain,   judge_end,
};

const size_t all_verdicts_count = sizeof all_verdicts / sizeof *all_verdicts;
