// SPDX-License-Identifier: GPL-3.0-or-later
#include "vouch.h"

#include <math.h>

#include "proto/host/log.h"
#include "proto/ptpmgmt.h"

#define DIFFERS_NS (10 * NS_PER_S) /* a change of grandmaster is over by then */

static void gm_text(uint64_t gm_id, char text[PTP_CLOCK_ID_TEXT])
{
    struct ptp_clock_id id = ptp_clock_id_of_number(gm_id);

    ptp_clock_id_text(&id, text);
}

static void judge_domain(struct vouch *v, const struct clock_map *map, bool comparable)
{
    bool refused = comparable && v->heard.clock.domain != map->master.domain;

    if (refused && !v->refused)
        log_error(
            "%sthe sender counts by PTP domain %u, this receiver by domain %u: its sound is refused; set "
            "the same --ptp-domain, and domainNumber in ptp4l's configuration",
            v->label, v->heard.clock.domain, map->master.domain);
    if (!refused && v->refused)
        log_info("%sthe sender's PTP domain is ours: its sound is taken", v->label);
    v->refused = refused;
}

static void judge_master(struct vouch *v, const struct clock_map *map, bool comparable, raw_ns now)
{
    bool differs = comparable && !v->refused && v->heard.clock.gm_id != map->master.gm_id;

    if (differs && !v->differs)
        v->since = now;
    v->differs = differs;
    if (!differs) {
        v->differs_told = false;
    } else if (!v->differs_told && now.ns - v->since.ns > DIFFERS_NS) {
        char theirs[PTP_CLOCK_ID_TEXT], ours[PTP_CLOCK_ID_TEXT];

        gm_text(v->heard.clock.gm_id, theirs);
        gm_text(map->master.gm_id, ours);
        log_warning("%sthe sender follows grandmaster %s, this receiver %s: is the network divided?",
                    v->label, theirs, ours);
        v->differs_told = true;
    }
}

bool vouch_run(struct vouch *v, const struct playback_status *status, const struct clock_map *map, raw_ns now)
{
    const struct stream *stream = &status->rx.stream;
    bool comparable;

    if (stream->claim.ssrc != v->ssrc) {
        v->ssrc = stream->claim.ssrc;
        v->known = false;
    }
    v->gone = false;
    if (control_poll(v->control, stream->claim.ssrc, stream->claim.source, &v->heard) > 0) {
        v->known = v->heard.has_clock;
        v->gone = v->heard.bye;
    }
    comparable = v->known && v->heard.clock.known && rtcp_clock_of_map(map).known;
    judge_domain(v, map, comparable);
    judge_master(v, map, comparable, now);
    return v->refused;
}

void vouch_report(const struct vouch *v, struct stats *stats)
{
    bool known = v->known && v->heard.clock.known;
    char gm[PTP_CLOCK_ID_TEXT] = "";

    if (known)
        gm_text(v->heard.clock.gm_id, gm);
    stats_real(stats, "sender_domain", known ? v->heard.clock.domain : NAN);
    stats_text(stats, "sender_grandmaster", gm);
    stats_flag(stats, "sender_holdover", known && v->heard.clock.holdover);
    stats_flag(stats, "refused", v->refused);
}
