// SPDX-License-Identifier: GPL-3.0-or-later
#include "tuning.h"

#include <stdio.h>
#include <string.h>

/* Why nobody can know when a plain stream is to be heard; NULL: it is known. */
static const char *timeless(const struct sdp_stream *s)
{
    if (s->refclk.kind == SDP_REFCLK_NONE)
        return "its description names no clock (a=ts-refclk), so its timing cannot be trusted";
    if (s->refclk.kind != SDP_REFCLK_PTP && s->refclk.kind != SDP_REFCLK_PTP_TRACEABLE)
        return "its clock is not PTP, so its timing cannot be trusted: set its sender to PTP";
    if (!s->has_media_offset)
        return "its timestamps count from anywhere (no a=mediaclk:direct), so its timing cannot be trusted: "
               "set its sender to PTP";
    return NULL;
}

bool tuning_of(const struct sdp_stream *s, int domain, int64_t link_ns, struct tuning *tuning, char *why)
{
    const char *reason = s->ext_id ? NULL : timeless(s);

    if (reason) {
        snprintf(why, TUNING_WHY_SIZE, "%s", reason);
        return false;
    }
    if (domain != SDP_DOMAIN_UNKNOWN && s->refclk.domain != SDP_DOMAIN_UNKNOWN &&
        s->refclk.domain != domain) {
        snprintf(why, TUNING_WHY_SIZE,
                 "it counts by PTP domain %d, this receiver by domain %d: set the same --ptp-domain, and "
                 "domainNumber in ptp4l's configuration",
                 s->refclk.domain, domain);
        return false;
    }
    if (link_ns == 0)
        link_ns = s->latency_ns ? s->latency_ns : TUNING_LINK_NS;
    *tuning = (struct tuning){
        .group = s->leg[0].group,
        .source = s->leg[0].source,
        .description = {.plain = !s->ext_id, .ext_id = s->ext_id},
    };
    memcpy(tuning->channel_names, s->channel_names, sizeof tuning->channel_names);
    if (!s->ext_id) {
        tuning->description.media_offset = s->media_offset;
        tuning->description.claim = (struct stream_claim){
            .codec = s->codec,
            .rate_hz = s->rate_hz,
            .channels = s->channels,
            .link_ns = link_ns,
        };
    }
    return true;
}

bool tuning_equal(const struct tuning *a, const struct tuning *b)
{
    const struct stream_description *c = &a->description, *d = &b->description;

    return a->group.sin_addr.s_addr == b->group.sin_addr.s_addr && a->group.sin_port == b->group.sin_port &&
           a->source.s_addr == b->source.s_addr && c->plain == d->plain && c->ext_id == d->ext_id &&
           c->media_offset == d->media_offset && c->claim.codec == d->claim.codec &&
           c->claim.rate_hz == d->claim.rate_hz && c->claim.channels == d->claim.channels &&
           c->claim.link_ns == d->claim.link_ns;
}
