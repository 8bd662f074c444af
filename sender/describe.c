// SPDX-License-Identifier: GPL-3.0-or-later
#include "describe.h"

#include <string.h>

#include "proto/printable.h"

struct sdp_stream describe_stream(const char *name, const struct tx_config *tx,
                                  const struct sockaddr_in *group, uint8_t ttl)
{
    struct sdp_stream stream = {
        .session_id = tx->ssrc,
        .session_version = 1,
        .legs = 1,
        .leg = {{.group = *group, .ttl = ttl}},
        .payload_type = rtp_codec_payload_type(tx->codec),
        .codec = tx->codec,
        .rate_hz = tx->rate_hz,
        .channels = tx->channels,
        .fec = tx->codec == RTP_CODEC_OPUS && tx->fec,
        .ptime_us = sdp_ptime_us(tx->frames_per_packet, tx->rate_hz),
        .framecount = tx->frames_per_packet,
        .has_media_offset = true,
        .refclk = {.domain = SDP_DOMAIN_UNKNOWN},
        .latency_ns = tx->latency_ns,
        .ext_id = tx->plain ? 0 : RTP_EXT_ID_DEFAULT,
    };

    printable_copy(stream.name, sizeof stream.name, name, strlen(name));
    return stream;
}

void describe_interface(struct sdp_stream *stream, const struct net_interface *interface)
{
    if (stream->origin.s_addr == INADDR_ANY)
        stream->origin = interface->address;
    stream->leg[0].has_source = interface->address.s_addr != INADDR_ANY;
    stream->leg[0].source = interface->address;
}

void describe_clock(struct sdp_stream *stream, const struct rtcp_clock *clock, uint64_t mac)
{
    if (clock->holdover && stream->refclk.kind != SDP_REFCLK_NONE)
        return;
    if (clock->known)
        stream->refclk = sdp_refclk_of_ptp(clock->gm_id, clock->domain);
    else if (mac != 0)
        stream->refclk = sdp_refclk_of_mac(mac);
    else
        stream->refclk = (struct sdp_refclk){.domain = SDP_DOMAIN_UNKNOWN};
}
