// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Session descriptions: what equipment of the field sends (addresses and identities changed), what is sound
 * but not for us, and what is hostile. Each text is parsed in a copy of exactly its size, so that the address
 * sanitizer sees each byte read past the end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/sdp.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ROOM         4

struct result {
    int count; /* or -errno */
    struct sdp_stream stream[ROOM];
    char why[SDP_WHY_SIZE];
};

/* Nothing but printable ASCII and bytes of UTF-8 characters; ends within `size`. */
static void assert_printable(const char *text, size_t size)
{
    assert_non_null(memchr(text, '\0', size));
    for (; *text; text++)
        assert_true((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void assert_promises(const struct sdp_stream *s)
{
    assert_printable(s->name, sizeof s->name);
    assert_printable(s->refclk.version, sizeof s->refclk.version);
    assert_printable(s->refclk.text, sizeof s->refclk.text);
    assert_in_range(s->legs, 1, SDP_LEGS_MAX);
    for (unsigned i = 0; i < s->legs; i++) {
        assert_int_equal(s->leg[i].group.sin_family, AF_INET);
        assert_true(IN_MULTICAST(ntohl(s->leg[i].group.sin_addr.s_addr)));
        assert_int_not_equal(s->leg[i].group.sin_port, 0);
        assert_int_equal(s->leg[i].has_source, s->leg[i].source.s_addr != 0);
    }
    assert_in_range(s->payload_type, 0, 127);
    assert_true(rtp_codec_known(s->codec));
    assert_printable(s->channel_names, sizeof s->channel_names);
    assert_true(rtp_rate_code(s->rate_hz) > 0);
    assert_in_range(s->channels, 1, RTP_CHANNELS_MAX);
    assert_in_range(s->ptime_us, 0, 1000000);
    assert_in_range(s->framecount, 0, 65535);
    assert_true(s->has_media_offset || s->media_offset == 0);
    assert_in_range(s->refclk.domain + 1, 0, 256);
    assert_in_range(s->ext_id, 0, 14);
}

static void parse_bytes(const char *text, size_t len, struct result *result)
{
    char *copy = malloc(len ? len : 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    memset(result, 0xa5, sizeof *result);
    result->count = sdp_parse(copy, len, result->stream, ROOM, result->why, sizeof result->why);
    free(copy); /* nothing of the text is referred to afterwards */
    assert_printable(result->why, sizeof result->why);
    assert_true(result->count == -EBADMSG || result->count == -EPROTONOSUPPORT ||
                (result->count > 0 && result->count <= ROOM));
    assert_true(result->count > 0 || result->why[0] != '\0');
    for (int i = 0; i < result->count; i++)
        assert_promises(&result->stream[i]);
}

static void assert_same_clock(const struct sdp_refclk *a, const struct sdp_refclk *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_string_equal(a->version, b->version);
    assert_int_equal(a->gm_id, b->gm_id);
    assert_int_equal(a->domain, b->domain);
    assert_string_equal(a->text, b->text);
}

/* All but the words of the session. */
static void assert_same(const struct sdp_stream *a, const struct sdp_stream *b)
{
    assert_int_equal(a->legs, b->legs);
    for (unsigned i = 0; i < a->legs; i++) {
        assert_int_equal(a->leg[i].group.sin_addr.s_addr, b->leg[i].group.sin_addr.s_addr);
        assert_int_equal(a->leg[i].group.sin_port, b->leg[i].group.sin_port);
        assert_int_equal(a->leg[i].ttl, b->leg[i].ttl);
        assert_int_equal(a->leg[i].source.s_addr, b->leg[i].source.s_addr);
    }
    assert_int_equal(a->payload_type, b->payload_type);
    assert_int_equal(a->codec, b->codec);
    assert_int_equal(a->rate_hz, b->rate_hz);
    assert_int_equal(a->channels, b->channels);
    assert_int_equal(a->ptime_us, b->ptime_us);
    assert_int_equal(a->framecount, b->framecount);
    assert_int_equal(a->has_media_offset, b->has_media_offset);
    assert_int_equal(a->media_offset, b->media_offset);
    assert_int_equal(a->latency_ns, b->latency_ns);
    assert_int_equal(a->ext_id, b->ext_id);
    assert_same_clock(&a->refclk, &b->refclk);
}

static void parse(const char *text, struct result *result)
{
    parse_bytes(text, strlen(text), result);
}

/* ---- the field ------------------------------------------------------------------------------------- */

struct want_leg {
    const char *group;
    uint16_t port;
    uint8_t ttl;
    const char *source; /* NULL: any */
};

struct want {
    const char *name;
    uint64_t session_id, session_version;
    const char *origin;
    unsigned legs;
    struct want_leg leg[SDP_LEGS_MAX];
    uint8_t payload_type;
    enum rtp_codec codec;
    uint32_t rate_hz;
    unsigned channels;
    uint32_t ptime_us, framecount;
    bool has_media_offset;
    uint32_t media_offset;
    enum sdp_refclk_kind refclk;
    const char *version; /* NULL: "" */
    uint64_t gm_id;
    int domain;
    const char *clock; /* text; NULL: "" */
    uint8_t ext_id;
};

struct field {
    const char *device, *text;
    int count;
    struct want want[2];
};

static const struct field field[] = {
    {"Dante",
     "v=0\r\n"
     "o=- 1423986 1423994 IN IP4 169.254.98.63\r\n"
     "s=AOIP44-serial-1614 : 2\r\n"
     "c=IN IP4 239.65.45.154/32\r\n"
     "t=0 0\r\n"
     "a=keywds:Dante\r\n"
     "m=audio 5004 RTP/AVP 97\r\n"
     "i=2 channels: TxChan 0, TxChan 1\r\n"
     "a=recvonly\r\n"
     "a=rtpmap:97 L24/48000/2\r\n"
     "a=ptime:1\r\n"
     "a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0\r\n"
     "a=mediaclk:direct=3560866135\r\n",
     1,
     {{.name = "AOIP44-serial-1614 : 2",
       .session_id = 1423986,
       .session_version = 1423994,
       .origin = "169.254.98.63",
       .legs = 1,
       .leg = {{"239.65.45.154", 5004, 32, NULL}},
       .payload_type = 97,
       .codec = RTP_CODEC_L24,
       .rate_hz = 48000,
       .channels = 2,
       .ptime_us = 1000,
       .has_media_offset = true,
       .media_offset = 3560866135,
       .refclk = SDP_REFCLK_PTP,
       .version = "IEEE1588-2008",
       .gm_id = 0x001dc1fffe123456,
       .clock = "ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0"}}},
    {"Merging Anubis, RAVENNA: everything in session and media",
     "v=0\r\n"
     "o=- 13 0 IN IP4 192.168.15.52\r\n"
     "s=Anubis_610120_13\r\n"
     "c=IN IP4 239.1.15.52/15\r\n"
     "t=0 0\r\n"
     "a=clock-domain:PTPv2 0\r\n"
     "a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-51-9E-F7:0\r\n"
     "a=mediaclk:direct=0\r\n"
     "m=audio 5004 RTP/AVP 98\r\n"
     "c=IN IP4 239.1.15.52/15\r\n"
     "a=rtpmap:98 L16/48000/2\r\n"
     "a=source-filter: incl IN IP4 239.1.15.52 192.168.15.52\r\n"
     "a=clock-domain:PTPv2 0\r\n"
     "a=sync-time:0\r\n"
     "a=framecount:6\r\n"
     "a=palign:0\r\n"
     "a=ptime:0.125\r\n"
     "a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-51-9E-F7:0\r\n"
     "a=mediaclk:direct=0\r\n"
     "a=recvonly\r\n"
     "a=midi-pre2:50040 0,0;0,1\r\n",
     1,
     {{.name = "Anubis_610120_13",
       .session_id = 13,
       .origin = "192.168.15.52",
       .legs = 1,
       .leg = {{"239.1.15.52", 5004, 15, "192.168.15.52"}},
       .payload_type = 98,
       .codec = RTP_CODEC_L16,
       .rate_hz = 48000,
       .channels = 2,
       .ptime_us = 125,
       .framecount = 6,
       .has_media_offset = true,
       .refclk = SDP_REFCLK_PTP,
       .version = "IEEE1588-2008",
       .gm_id = 0x001dc1fffe519ef7,
       .clock = "ptp=IEEE1588-2008:00-1D-C1-FF-FE-51-9E-F7:0"}}},
    {"aes67-linux-daemon at 44.1 kHz: traceable without a version; LF",
     "v=0\n"
     "o=- 0 0 IN IP4 127.0.0.1\n"
     "s=ALSA Source 0\n"
     "c=IN IP4 239.1.0.1/15\n"
     "t=0 0\n"
     "a=clock-domain:PTPv2 0\n"
     "m=audio 5004 RTP/AVP 98\n"
     "c=IN IP4 239.1.0.1/15\n"
     "a=rtpmap:98 L16/44100/2\n"
     "a=sync-time:0\n"
     "a=framecount:48\n"
     "a=ptime:1.08843537415\n"
     "a=mediaclk:direct=0\n"
     "a=ts-refclk:ptp=traceable\n"
     "a=recvonly\n",
     1,
     {{.name = "ALSA Source 0",
       .origin = "127.0.0.1",
       .legs = 1,
       .leg = {{"239.1.0.1", 5004, 15, NULL}},
       .payload_type = 98,
       .codec = RTP_CODEC_L16,
       .rate_hz = 44100,
       .channels = 2,
       .ptime_us = 1088,
       .framecount = 48,
       .has_media_offset = true,
       .refclk = SDP_REFCLK_PTP_TRACEABLE,
       .domain = SDP_DOMAIN_UNKNOWN,
       .clock = "ptp=traceable"}}},
    {"aes67-linux-daemon, redundant: one group, two ports and sources",
     "v=0\n"
     "o=- 2831159553 317021570 IN IP4 192.168.1.17\n"
     "s=Daemon a8c01101 ALSA Source 0\n"
     "t=0 0\n"
     "a=group:DUP 1 2\n"
     "m=audio 5004 RTP/AVP 98\n"
     "c=IN IP4 239.1.0.1/15\n"
     "a=source-filter: incl IN IP4 239.1.0.1 192.168.1.17\n"
     "a=rtpmap:98 L24/48000/2\n"
     "a=sync-time:0\n"
     "a=framecount:48\n"
     "a=ptime:1\n"
     "a=mediaclk:direct=0\n"
     "a=clock-domain:PTPv2 0\n"
     "a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-50-36-33:0\n"
     "a=recvonly\n"
     "a=mid:1\n"
     "m=audio 5006 RTP/AVP 98\n"
     "c=IN IP4 239.1.0.1/15\n"
     "a=source-filter: incl IN IP4 239.1.0.1 192.168.1.18\n"
     "a=rtpmap:98 L24/48000/2\n"
     "a=sync-time:0\n"
     "a=framecount:48\n"
     "a=ptime:1\n"
     "a=mediaclk:direct=0\n"
     "a=clock-domain:PTPv2 0\n"
     "a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-50-36-33:0\n"
     "a=mid:2\n",
     1,
     {{.name = "Daemon a8c01101 ALSA Source 0",
       .session_id = 2831159553,
       .session_version = 317021570,
       .origin = "192.168.1.17",
       .legs = 2,
       .leg = {{"239.1.0.1", 5004, 15, "192.168.1.17"}, {"239.1.0.1", 5006, 15, "192.168.1.18"}},
       .payload_type = 98,
       .codec = RTP_CODEC_L24,
       .rate_hz = 48000,
       .channels = 2,
       .ptime_us = 1000,
       .framecount = 48,
       .has_media_offset = true,
       .refclk = SDP_REFCLK_PTP,
       .version = "IEEE1588-2008",
       .gm_id = 0x001dc1fffe503633,
       .clock = "ptp=IEEE1588-2008:00-1D-C1-FF-FE-50-36-33:0"}}},
    {"ST 2110-30 with two networks, ts-refclk of each, and an own clock on the second stream",
     "v=0\r\n"
     "o=- 123456 11 IN IP4 192.168.100.2\r\n"
     "s=Mixer A\r\n"
     "i=two streams, the first one twice\r\n"
     "t=0 0\r\n"
     "a=recvonly\r\n"
     "a=group:DUP primary secondary\r\n"
     "m=audio 50020 RTP/AVP 97\r\n"
     "c=IN IP4 239.101.9.10/64\r\n"
     "a=source-filter:incl IN IP4 239.101.9.10 192.168.101.2\r\n"
     "a=rtpmap:97 L24/48000/8\r\n"
     "a=fmtp:97 channel-order=SMPTE2110.(51,ST)\r\n"
     "a=ptime:0.125\r\n"
     "a=ts-refclk:ptp=IEEE1588-2008:08-00-11-ff-fe-21-e1-b1:127\r\n"
     "a=mediaclk:direct=0\r\n"
     "a=mid:secondary\r\n"
     "m=audio 50000 RTP/AVP 97\r\n"
     "c=IN IP4 239.100.9.10/64\r\n"
     "a=source-filter:incl IN IP4 239.100.9.10 192.168.100.2\r\n"
     "a=rtpmap:97 L24/48000/8\r\n"
     "a=fmtp:97 channel-order=SMPTE2110.(51,ST)\r\n"
     "a=ptime:0.125\r\n"
     "a=ts-refclk:ptp=IEEE1588-2008:08-00-11-FF-FE-21-E1-B0:domain-nmbr=127\r\n"
     "a=mediaclk:direct=0\r\n"
     "a=mid:primary\r\n"
     "m=audio 50004 RTP/AVP 100\r\n"
     "c=IN IP4 239.100.9.11/64\r\n"
     "a=rtpmap:100 L16/96000\r\n"
     "a=ts-refclk:localmac=7C-E9-D3-1B-9A-AF\r\n"
     "a=mediaclk:sender\r\n",
     2,
     {{.name = "Mixer A",
       .session_id = 123456,
       .session_version = 11,
       .origin = "192.168.100.2",
       .legs = 2,
       .leg = {{"239.100.9.10", 50000, 64, "192.168.100.2"}, {"239.101.9.10", 50020, 64, "192.168.101.2"}},
       .payload_type = 97,
       .codec = RTP_CODEC_L24,
       .rate_hz = 48000,
       .channels = 8,
       .ptime_us = 125,
       .has_media_offset = true,
       .refclk = SDP_REFCLK_PTP,
       .version = "IEEE1588-2008",
       .gm_id = 0x080011fffe21e1b0,
       .domain = 127,
       .clock = "ptp=IEEE1588-2008:08-00-11-FF-FE-21-E1-B0:domain-nmbr=127"},
      {.name = "Mixer A",
       .session_id = 123456,
       .session_version = 11,
       .origin = "192.168.100.2",
       .legs = 1,
       .leg = {{"239.100.9.11", 50004, 64, NULL}},
       .payload_type = 100,
       .codec = RTP_CODEC_L16,
       .rate_hz = 96000,
       .channels = 1,
       .refclk = SDP_REFCLK_LOCAL_MAC,
       .domain = SDP_DOMAIN_UNKNOWN,
       .clock = "localmac=7C-E9-D3-1B-9A-AF"}}},
    {"Lawo: attributes of the session only, video beside, a rate behind the media clock",
     "v=0\r\n"
     "o=- 1234 1234 IN IP4 192.168.1.10\r\n"
     "s=mc2 56 sender\r\n"
     "t=0 0\r\n"
     "a=ts-refclk:ptp=IEEE1588-2008:00-90-56-FF-FE-08-0F-45\r\n"
     "a=clock-domain:PTPv2 5\r\n"
     "a=source-filter: incl IN IP4 * 192.168.1.10\r\n"
     "a=mediaclk:direct=0 rate=48000\r\n"
     "m=video 50000 RTP/AVP 112\r\n"
     "c=IN IP4 239.100.10.2/64\r\n"
     "a=rtpmap:112 raw/90000\r\n"
     "a=ptime:not for us\r\n"
     "m=audio 5004 RTP/AVP 97\r\n"
     "c=IN IP4 239.100.10.1/64\r\n"
     "a=rtpmap:97 L24/48000/2\r\n"
     "a=fmtp:97 channel-order=SMPTE2110.(ST)\r\n"
     "a=ptime:1\r\n"
     "a=mid:audio0\r\n"
     "a=control:trackID=0\r\n",
     1,
     {{.name = "mc2 56 sender",
       .session_id = 1234,
       .session_version = 1234,
       .origin = "192.168.1.10",
       .legs = 1,
       .leg = {{"239.100.10.1", 5004, 64, "192.168.1.10"}},
       .payload_type = 97,
       .codec = RTP_CODEC_L24,
       .rate_hz = 48000,
       .channels = 2,
       .ptime_us = 1000,
       .has_media_offset = true,
       .refclk = SDP_REFCLK_PTP,
       .version = "IEEE1588-2008",
       .gm_id = 0x009056fffe080f45,
       .domain = 5,
       .clock = "ptp=IEEE1588-2008:00-90-56-FF-FE-08-0F-45"}}},
    {"PipeWire",
     "v=0\n"
     "o=- 3901234567 3901234567 IN IP4 10.0.0.7\n"
     "s=PipeWire RTP Stream on bühne\n"
     "c=IN IP4 239.69.12.34/1\n"
     "t=3901234567 0\n"
     "a=recvonly\n"
     "a=tool:PipeWire 0.3.65\n"
     "a=type:broadcast\n"
     "m=audio 46000 RTP/AVP 127\n"
     "i=2 channels: FL, FR\n"
     "a=rtpmap:127 L16/48000/2\n"
     "a=ptime:1\n"
     "a=ts-refclk:ptp=IEEE1588-2008:00-00-00-FF-FE-00-00-00:0\n"
     "a=mediaclk:direct=1266592257\n",
     1,
     {{.name = "PipeWire RTP Stream on bühne",
       .session_id = 3901234567,
       .session_version = 3901234567,
       .origin = "10.0.0.7",
       .legs = 1,
       .leg = {{"239.69.12.34", 46000, 1, NULL}},
       .payload_type = 127,
       .codec = RTP_CODEC_L16,
       .rate_hz = 48000,
       .channels = 2,
       .ptime_us = 1000,
       .has_media_offset = true,
       .media_offset = 1266592257,
       .refclk = SDP_REFCLK_PTP,
       .version = "IEEE1588-2008",
       .gm_id = 0x000000fffe000000,
       .clock = "ptp=IEEE1588-2008:00-00-00-FF-FE-00-00-00:0"}}},
    {"PulseAudio: no ttl, a name for the user",
     "v=0\n"
     "o=root 3901234567 0 IN IP4 10.0.0.7\n"
     "s=PulseAudio RTP Stream on lobby\n"
     "c=IN IP4 224.0.0.56\n"
     "t=3901234567 0\n"
     "a=recvonly\n"
     "m=audio 46290 RTP/AVP 10\n"
     "a=rtpmap:10 L16/44100/2\n"
     "a=type:broadcast\n",
     1,
     {{.name = "PulseAudio RTP Stream on lobby",
       .session_id = 3901234567,
       .origin = "10.0.0.7",
       .legs = 1,
       .leg = {{"224.0.0.56", 46290, 0, NULL}},
       .payload_type = 10,
       .codec = RTP_CODEC_L16,
       .rate_hz = 44100,
       .channels = 2,
       .domain = SDP_DOMAIN_UNKNOWN}}},
    {"GStreamer 1.22, of the caps of rtpL24pay",
     "v=0\r\n"
     "o=- 1188340656180883 1 IN IP4 192.168.1.20\r\n"
     "s=Session streamed with GStreamer\r\n"
     "t=0 0\r\n"
     "a=tool:GStreamer\r\n"
     "a=type:broadcast\r\n"
     "m=audio 5004 RTP/AVP 98\r\n"
     "c=IN IP4 239.69.83.20/32\r\n"
     "a=rtpmap:98 L24/48000/2\r\n"
     "a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0\r\n"
     "a=mediaclk:direct=0\r\n",
     1,
     {{.name = "Session streamed with GStreamer",
       .session_id = 1188340656180883,
       .session_version = 1,
       .origin = "192.168.1.20",
       .legs = 1,
       .leg = {{"239.69.83.20", 5004, 32, NULL}},
       .payload_type = 98,
       .codec = RTP_CODEC_L24,
       .rate_hz = 48000,
       .channels = 2,
       .has_media_offset = true,
       .refclk = SDP_REFCLK_PTP,
       .version = "IEEE1588-2008",
       .gm_id = 0x001dc1fffe123456,
       .clock = "ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0"}}},
    {"FFmpeg 5.1, L24: nothing about time",
     "v=0\r\n"
     "o=- 0 0 IN IP4 127.0.0.1\r\n"
     "s=No Name\r\n"
     "c=IN IP4 239.69.83.9/15\r\n"
     "t=0 0\r\n"
     "a=tool:libavformat LIBAVFORMAT_VERSION\r\n"
     "m=audio 5004 RTP/AVP 97\r\n"
     "b=AS:2304\r\n"
     "a=rtpmap:97 L24/48000/2\r\n",
     1,
     {{.name = "No Name",
       .origin = "127.0.0.1",
       .legs = 1,
       .leg = {{"239.69.83.9", 5004, 15, NULL}},
       .payload_type = 97,
       .codec = RTP_CODEC_L24,
       .rate_hz = 48000,
       .channels = 2,
       .domain = SDP_DOMAIN_UNKNOWN}}},
    {"FFmpeg 5.1, L16 at 44.1 kHz: a static payload type, no rtpmap",
     "v=0\r\n"
     "o=- 0 0 IN IP4 127.0.0.1\r\n"
     "s=No Name\r\n"
     "c=IN IP4 239.69.83.9/15\r\n"
     "t=0 0\r\n"
     "a=tool:libavformat LIBAVFORMAT_VERSION\r\n"
     "m=audio 5004 RTP/AVP 10\r\n"
     "b=AS:1411\r\n",
     1,
     {{.name = "No Name",
       .origin = "127.0.0.1",
       .legs = 1,
       .leg = {{"239.69.83.9", 5004, 15, NULL}},
       .payload_type = 10,
       .codec = RTP_CODEC_L16,
       .rate_hz = 44100,
       .channels = 2,
       .domain = SDP_DOMAIN_UNKNOWN}}},
    {"a Unisono stream; the clock in the session, its domain in RAVENNA's words",
     "v=0\r\n"
     "o=unisono 1700000000 3 IN IP4 192.168.7.1\r\n"
     "s=\r\n"
     "t=0 0\r\n"
     "a=clock-domain:PTPv2 5\r\n"
     "m=audio 5004 RTP/AVP 98 126\r\n"
     "c=IN IP4 239.69.83.1/32\r\n"
     "a=rtpmap:98 L24/96000/64\r\n"
     "a=rtpmap:126 unisono-control/96000\r\n"
     "a=ptime:1\r\n"
     "a=extmap:3 urn:ietf:params:rtp-hdrext:ntp-64\r\n"
     "a=extmap:1/sendonly urn:x-unisono:header\r\n"
     "a=mediaclk:id=src:MDA6NjA6MmI6MjA6MTI6MWY= direct=4294967295 rate=1/1\r\n",
     1,
     {{.name = "",
       .session_id = 1700000000,
       .session_version = 3,
       .origin = "192.168.7.1",
       .legs = 1,
       .leg = {{"239.69.83.1", 5004, 32, NULL}},
       .payload_type = 98,
       .codec = RTP_CODEC_L24,
       .rate_hz = 96000,
       .channels = 64,
       .ptime_us = 1000,
       .has_media_offset = true,
       .media_offset = 4294967295,
       .refclk = SDP_REFCLK_PTP,
       .version = "PTPv2",
       .domain = 5,
       .clock = "PTPv2 5",
       .ext_id = 1}}},
};

static void assert_address(struct in_addr address, const char *want)
{
    char text[INET_ADDRSTRLEN];

    assert_string_equal(inet_ntop(AF_INET, &address, text, sizeof text), want);
}

static void assert_stream(const struct sdp_stream *got, const struct want *want)
{
    assert_string_equal(got->name, want->name);
    assert_int_equal(got->session_id, want->session_id);
    assert_int_equal(got->session_version, want->session_version);
    assert_address(got->origin, want->origin);
    assert_int_equal(got->legs, want->legs);
    for (unsigned i = 0; i < want->legs; i++) {
        const struct sdp_leg *leg = &got->leg[i];

        assert_address(leg->group.sin_addr, want->leg[i].group);
        assert_int_equal(ntohs(leg->group.sin_port), want->leg[i].port);
        assert_int_equal(leg->ttl, want->leg[i].ttl);
        assert_int_equal(leg->has_source, want->leg[i].source != NULL);
        assert_address(leg->source, want->leg[i].source ? want->leg[i].source : "0.0.0.0");
    }
    assert_int_equal(got->payload_type, want->payload_type);
    assert_int_equal(got->codec, want->codec);
    assert_int_equal(got->rate_hz, want->rate_hz);
    assert_int_equal(got->channels, want->channels);
    assert_int_equal(got->ptime_us, want->ptime_us);
    assert_int_equal(got->framecount, want->framecount);
    assert_int_equal(got->has_media_offset, want->has_media_offset);
    assert_int_equal(got->media_offset, want->media_offset);
    assert_int_equal(got->refclk.kind, want->refclk);
    assert_string_equal(got->refclk.version, want->version ? want->version : "");
    assert_int_equal(got->refclk.gm_id, want->gm_id);
    assert_int_equal(got->refclk.domain, want->domain);
    assert_string_equal(got->refclk.text, want->clock ? want->clock : "");
    assert_int_equal(got->ext_id, want->ext_id);
}

static void test_field(void **state)
{
    struct result result;

    (void)state;
    for (size_t i = 0; i < COUNT(field); i++) {
        print_message("%s\n", field[i].device);
        parse(field[i].text, &result);
        assert_int_equal(result.count, field[i].count);
        for (int stream = 0; stream < result.count; stream++)
            assert_stream(&result.stream[stream], &field[i].want[stream]);
    }
}

/* ---- one line at a time ---------------------------------------------------------------------------- */

#define HEAD    "v=0\no=- 1 2 IN IP4 192.168.1.10\ns=x\n"
#define GROUP   "c=IN IP4 239.1.2.3/32\n"
#define MEDIA   "m=audio 5004 RTP/AVP 98\n"
#define FORMAT  "a=rtpmap:98 L24/48000/2\n"
#define SESSION HEAD GROUP
#define STREAM  SESSION MEDIA FORMAT
#define UNISONO "urn:x-unisono:header"
#define GM      "00-1D-C1-FF-FE-12-34-56"

struct line_case {
    const char *text;
    int result;
    const char *why; /* a part of it; NULL: empty */
};

static void run_cases(const struct line_case *cases, size_t count)
{
    struct result result;

    for (size_t i = 0; i < count; i++) {
        parse(cases[i].text, &result);
        if (result.count != cases[i].result || (cases[i].why && !strstr(result.why, cases[i].why)) ||
            (!cases[i].why && result.why[0]))
            fail_msg("%s\nresult %d, not %d; \"%s\", not \"%s\"", cases[i].text, result.count,
                     cases[i].result, result.why, cases[i].why ? cases[i].why : "");
    }
}

#define BAD(text_, why_)                                                                                     \
    {                                                                                                        \
        .text = text_, .result = -EBADMSG, .why = why_                                                       \
    }
#define NOT_OURS(text_, why_)                                                                                \
    {                                                                                                        \
        .text = text_, .result = -EPROTONOSUPPORT, .why = why_                                               \
    }
#define FINE(text_)                                                                                          \
    {                                                                                                        \
        .text = text_, .result = 1                                                                           \
    }

static void test_malformed(void **state)
{
    static const struct line_case cases[] = {
        BAD("", "line 0, \"\": v=, o= and s= are needed"),
        BAD("\n\n", "needed"),
        BAD("o=- 1 2 IN IP4 192.168.1.10\nv=0\n", "line 1, \"o=- 1 2 IN IP4 192.168.1.10\": v=0 must"),
        BAD("SDP:\nv=0\n", "line 1, \"SDP:\": a line begins with a letter and ="),
        BAD("\xef\xbb\xbfv=0\n", "a line begins"),
        BAD("v=\n", "number"),
        BAD("v=-1\n", "number"),
        BAD("v=0x0\n", "number"),
        BAD("v=0\nv=0\n", "line 2, \"v=0\": v= is a number, said once"),
        BAD("v=0\ns=x\n" GROUP MEDIA FORMAT, "o= and s= must stand before"),
        BAD("v=0\no=- 1 2 IN IP4 1.2.3.4\n" GROUP MEDIA FORMAT, "o= and s= must stand before"),
        BAD("v=0\no=- 1 2 IN IP4 1.2.3.4\n", "needed"),
        BAD(STREAM "s=again\n", "once"),
        BAD(HEAD "s=again\n", "once"),
        BAD(HEAD "o=- 1 2 IN IP4 1.2.3.4\n", "once"),
        BAD(STREAM "o=- 1 2 IN IP4 1.2.3.4\n", "once"),
        BAD("v=0\no=- 1 2 IN IP4\ns=x\n", "two numbers"),
        BAD("v=0\no=- 1 2 IN IP4 1.2.3.4 5\ns=x\n", "two numbers"),
        BAD("v=0\no=- -1 2 IN IP4 1.2.3.4\ns=x\n", "two numbers"),
        BAD("v=0\no=- 1 18446744073709551616 IN IP4 1.2.3.4\ns=x\n", "two numbers below 2^64"),
        BAD("v=0\no=- 1 2 IN IP4 1.2.3.256\ns=x\n", "up to 255"),
        BAD(STREAM "x\n", "begins with a letter"),
        BAD(STREAM "=\n", "begins with a letter"),
        BAD(STREAM " a=recvonly\n", "begins with a letter"),
        BAD(STREAM "a=\n", "needs a name"),
        BAD(STREAM "a=:x\n", "needs a name"),
        BAD(STREAM "i=a\rb\n", "carriage return"),

        BAD(HEAD MEDIA FORMAT, "line 4, \"m=audio 5004 RTP/AVP 98\": no c= says"),
        BAD(HEAD MEDIA FORMAT MEDIA, "line 4, \"m=audio 5004 RTP/AVP 98\": no c= says"),
        BAD(SESSION GROUP, "one c="),
        BAD(HEAD "c=\n", "c= is"),
        BAD(HEAD "c=IN IP4\n", "c= is"),
        BAD(HEAD "c=IN IP4 239.1.2.3 4\n", "c= is"),
        BAD(HEAD "c=IN IP4 239.1.2\n", "up to 255"),
        BAD(HEAD "c=IN IP4 239.1.2.3.4\n", "up to 255"),
        BAD(HEAD "c=IN IP4 239.1.2.03\n", "up to 255"),
        BAD(HEAD "c=IN IP4 239.1.2.-3\n", "up to 255"),
        BAD(HEAD "c=IN IP4 239.1.2.4294967299\n", "up to 255"),
        BAD(HEAD "c=IN IP4 239.1.2.3/\n", "/ttl"),
        BAD(HEAD "c=IN IP4 239.1.2.3/256\n", "/ttl"),
        BAD(HEAD "c=IN IP4 239.1.2.3/-1\n", "/ttl"),
        BAD(HEAD "c=IN IP4 239.1.2.3/32/\n", "/ttl"),
        BAD(HEAD "c=IN IP4 239.1.2.3/32/1/1\n", "/ttl"),

        BAD(SESSION "m=\n", "m= is a kind"),
        BAD(SESSION "m=audio\n", "m= is a kind"),
        BAD(SESSION "m=audio 5004\n", "m= is a kind"),
        BAD(SESSION "m=audio -5004 RTP/AVP 98\n", "0 to 65535"),
        BAD(SESSION "m=audio 65536 RTP/AVP 98\n", "0 to 65535"),
        BAD(SESSION "m=audio 18446744073709556620 RTP/AVP 98\n", "0 to 65535"),
        BAD(SESSION "m=video 65536 RTP/AVP 98\n", "0 to 65535"),
        BAD(SESSION "m=audio 5004/ RTP/AVP 98\n", "m= is a kind"),
        BAD(SESSION "m=audio 5004 RTP/AVP\n", "a payload type is needed"),
        BAD(SESSION "m=audio 5004 RTP/AVP 128\n", "0 to 127"),
        BAD(SESSION "m=audio 5004 RTP/AVP 98 L24\n", "0 to 127"),
    };

    (void)state;
    run_cases(cases, COUNT(cases));
}

static void test_malformed_attributes(void **state)
{
    static const struct line_case cases[] = {
        BAD(SESSION MEDIA "a=rtpmap:98\n", "line 6, \"a=rtpmap:98\": rtpmap is"),
        BAD(SESSION MEDIA "a=rtpmap:98 L24\n", "rtpmap is"),
        BAD(SESSION MEDIA "a=rtpmap:98 /48000\n", "rtpmap is"),
        BAD(SESSION MEDIA "a=rtpmap:128 L24/48000/2\n", "rtpmap is"),
        BAD(SESSION MEDIA "a=rtpmap:98 L24/48000.0/2\n", "rtpmap is"),
        BAD(SESSION MEDIA "a=rtpmap:98 L24/48000/2 x\n", "rtpmap is"),
        BAD(SESSION MEDIA "a=rtpmap:98 L24/48000/0\n", "above 0"),
        BAD(SESSION MEDIA "a=rtpmap:98 L24/48000/-2\n", "above 0"),
        BAD(SESSION MEDIA "a=rtpmap:98 L24/48000/\n", "above 0"),
        BAD(SESSION MEDIA "a=rtpmap:98 L24/48000/2/2\n", "above 0"),
        BAD(SESSION MEDIA "a=rtpmap:98 L24/48000/4294967298\n", "above 0"),
        BAD(STREAM "a=ptime\n", "above 0 and at most 1000"),
        BAD(STREAM "a=ptime:0\n", "above 0"),
        BAD(STREAM "a=ptime:0.0004\n", "above 0"),
        BAD(STREAM "a=ptime:-1\n", "above 0"),
        BAD(STREAM "a=ptime:1,088\n", "above 0"),
        BAD(STREAM "a=ptime:1e3\n", "above 0"),
        BAD(STREAM "a=ptime:1.\n", "above 0"),
        BAD(STREAM "a=ptime:.125\n", "above 0"),
        BAD(STREAM "a=ptime:1000.001\n", "above 0"),
        BAD(STREAM "a=ptime:4294967297\n", "above 0"),
        BAD(STREAM "a=source-filter: incl IN IP4 239.1.2.3\n", "a group and a source"),
        BAD(STREAM "a=source-filter: incl IN IP4 239.1.2 192.168.1.1\n", "the group is"),
        BAD(STREAM "a=source-filter: incl IN IP4 239.1.2.3 239.1.2.3\n", "address of a host"),
        BAD(STREAM "a=source-filter: incl IN IP4 239.1.2.3 0.0.0.0\n", "address of a host"),
        BAD(STREAM "a=source-filter: incl IN IP4 239.1.2.3 192.168.1.1 x\n", "each source"),
        BAD(STREAM "a=ts-refclk\n", "a clock is needed"),
        BAD(STREAM "a=ts-refclk:ptp=\n", "ptp= is version"),
        BAD(STREAM "a=ts-refclk:ptp=IEEE1588-2008\n", "ptp= is version"),
        BAD(STREAM "a=ts-refclk:ptp=:" GM "\n", "ptp= is version"),
        BAD(STREAM "a=ts-refclk:ptp=IEEE1588-2008:\n", "eight hexadecimal octets"),
        BAD(STREAM "a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-12-34-56\n", "eight hexadecimal octets"),
        BAD(STREAM "a=ts-refclk:ptp=IEEE1588-2008:" GM "-\n", "eight hexadecimal octets"),
        BAD(STREAM "a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-5G\n", "eight hexadecimal octets"),
        BAD(STREAM "a=ts-refclk:ptp=IEEE1588-2008:00.1D-C1-FF-FE-12-34-56\n", "eight hexadecimal octets"),
        BAD(STREAM "a=ts-refclk:ptp=IEEE1588-2008:" GM ":\n", "0 to 255"),
        BAD(STREAM "a=ts-refclk:ptp=IEEE1588-2008:" GM ":256\n", "0 to 255"),
        BAD(STREAM "a=ts-refclk:ptp=IEEE1588-2008:" GM ":-1\n", "0 to 255"),
        BAD(STREAM "a=ts-refclk:ptp=IEEE1588-2008:" GM ":domain-nmbr=\n", "0 to 255"),
        BAD(STREAM "a=ts-refclk:localmac=00-1D-C1-FF-FE-12-34-56\n", "six hexadecimal octets"),
        BAD(STREAM "a=mediaclk:\n", "a media clock is needed"),
        BAD(STREAM "a=mediaclk:id=src:x\n", "a media clock is needed"),
        BAD(STREAM "a=mediaclk:direct=\n", "0 to 4294967295"),
        BAD(STREAM "a=mediaclk:direct=-1\n", "0 to 4294967295"),
        BAD(STREAM "a=mediaclk:direct=4294967296\n", "0 to 4294967295"),
        BAD(STREAM "a=mediaclk:direct=0 rate=1/0\n", "rate="),
        BAD(STREAM "a=mediaclk:direct=0 rate=0/1\n", "rate="),
        BAD(STREAM "a=mediaclk:direct=0 rate=1/\n", "rate="),
        BAD(STREAM "a=mediaclk:direct=0 rate=\n", "rate="),
        BAD(STREAM "a=extmap:0 " UNISONO "\n", "1 to 14"),
        BAD(STREAM "a=x-unisono-latency\n", "10000000000"),
        BAD(STREAM "a=x-unisono-latency:0\n", "10000000000"),
        BAD(STREAM "a=x-unisono-latency:10000000001\n", "10000000000"),
        BAD(STREAM "a=x-unisono-latency:10 ms\n", "10000000000"),
        BAD(STREAM "a=extmap:15 " UNISONO "\n", "1 to 14"),
        BAD(STREAM "a=extmap:x " UNISONO "\n", "1 to 14"),
    };

    (void)state;
    run_cases(cases, COUNT(cases));
}

static void test_not_ours(void **state)
{
    static const struct line_case cases[] = {
        NOT_OURS("v=1\n", "line 1, \"v=1\": only version 0"),
        NOT_OURS(SESSION, "no m="),
        NOT_OURS(SESSION "m=video 5004 RTP/AVP 98\n" FORMAT,
                 "line 5, \"m=video 5004 RTP/AVP 98\": only audio"),
        NOT_OURS(HEAD "m=video 5004 RTP/AVP 98\nm=text 5006 RTP/AVP 99\n", "line 4, \"m=video"),
        NOT_OURS(SESSION "m=audio 5004 RTP/SAVP 98\n" FORMAT, "only RTP/AVP"),
        NOT_OURS(SESSION "m=audio 5004 udp wb\n", "only RTP/AVP"),
        NOT_OURS(SESSION "m=audio 0 RTP/AVP 98\n" FORMAT, "port 0"),
        NOT_OURS(SESSION "m=audio 5004/2 RTP/AVP 98\n" FORMAT, "one port"),
        NOT_OURS(HEAD "c=IN IP4 192.168.1.20\n" MEDIA FORMAT, "line 4, \"c=IN IP4 192.168.1.20\": unicast"),
        NOT_OURS(HEAD "c=IN IP4 240.0.0.1\n" MEDIA FORMAT, "unicast"),
        NOT_OURS(HEAD "c=IN IP4 223.255.255.255\n" MEDIA FORMAT, "unicast"),
        NOT_OURS(HEAD "c=IN IP6 ff15::101\n" MEDIA FORMAT, "only \"IN IP4\""),
        NOT_OURS(HEAD "c=ATM NSAP 47\n" MEDIA FORMAT, "only \"IN IP4\""),
        NOT_OURS(HEAD "c=IN IP4 box.example/3\n" MEDIA FORMAT, "not a name"),
        NOT_OURS(HEAD "c=IN IP4 239.1.2.3/32/2\n" MEDIA FORMAT, "one group"),
        NOT_OURS(HEAD MEDIA GROUP GROUP FORMAT, "line 6, \"c=IN IP4 239.1.2.3/32\": one group"),
        NOT_OURS(SESSION MEDIA, "no rtpmap says"),
        NOT_OURS(SESSION MEDIA "a=rtpmap:97 L24/48000/2\n", "line 5, \"m=audio 5004 RTP/AVP 98\": no rtpmap"),
        NOT_OURS(SESSION FORMAT MEDIA, "no rtpmap"),
        NOT_OURS(SESSION MEDIA "a=rtpmap:98 AMR/8000/two\n",
                 "line 6, \"a=rtpmap:98 AMR/8000/two\": only L16"),
        NOT_OURS(SESSION MEDIA "a=rtpmap:98 opus/48000\n", "opus/48000/2"),
        NOT_OURS(SESSION MEDIA "a=rtpmap:98 opus/44100/2\n", "opus/48000/2"),
        NOT_OURS(SESSION MEDIA "a=rtpmap:98 multiopus/48000/6\n", "only L16, L24, F32 and Opus"),
        NOT_OURS(SESSION MEDIA "a=rtpmap:98 AM824/48000/2\n", "only L16, L24, F32 and Opus"),
        NOT_OURS(SESSION MEDIA "a=rtpmap:98 L24/32000/2\n", "44100, 48000, 88200 and 96000"),
        NOT_OURS(SESSION MEDIA "a=rtpmap:98 L24/0/2\n", "44100, 48000, 88200 and 96000"),
        NOT_OURS(SESSION MEDIA "a=rtpmap:98 L24/48000/65\n", "at most 64 channels"),
        NOT_OURS(STREAM "a=mediaclk:direct=0 rate=1000/1001\n", "rate of PTP"),
        NOT_OURS(SESSION "a=mediaclk:direct=0 rate=2/1\n" MEDIA FORMAT, "line 5, \"a=mediaclk"),
    };

    (void)state;
    run_cases(cases, COUNT(cases));
}

static void test_tolerated(void **state)
{
    static const struct line_case cases[] = {
        FINE(STREAM),
        FINE("v=0\no=- 1 2 IN IP4 host.example\ns= \n" GROUP MEDIA FORMAT),
        FINE("v=0\no=- 1 2 IN IP6 fe80::1\ns=x\n" GROUP MEDIA FORMAT),
        FINE("v=0\no=- 18446744073709551615 0 IN IP4 1.2.3.4\ns=x\n" GROUP MEDIA FORMAT),
        FINE("\nv=0\n\no=- 1 2 IN IP4 1.2.3.4  \ns=x\n" GROUP "\n" MEDIA FORMAT "\n\r\n"),
        FINE(HEAD "c=IN IP4 192.168.1.20\n" MEDIA GROUP FORMAT), /* the media section's own */
        FINE(HEAD "c=IN IP6 ff15::101\n" MEDIA GROUP FORMAT),
        FINE(HEAD "c=IN IP4 239.1.2.3/0/1\n" MEDIA FORMAT),
        FINE(SESSION "m=audio 5004/1 RTP/AVPF 98 99\n" FORMAT),
        FINE(SESSION "m=audio 5004 RTP/AVP 96 98\na=rtpmap:96 G722/8000\n" FORMAT),
        FINE(SESSION MEDIA "a=rtpmap:98 l24/48000/2\n"),
        FINE(STREAM "a=rtpmap:98 G722/8000\n"), /* the first one counts */
        FINE(STREAM "a=rtpmap:99 x/4294967295\n"),
        FINE(STREAM "z=0 0\nk=prompt\nX=unknown\na=\x01\n"),
        FINE(STREAM "a=framecount:48-192\na=framecount:0\na=framecount:99999\n"),
        FINE(STREAM "a=clock-domain:PTPv1 0\na=clock-domain:PTPv2 300\na=clock-domain\n"),
        FINE(STREAM "a=ts-refclk:ntp=203.0.113.10\na=ts-refclk:local\na=ts-refclk:private:traceable\n"),
        FINE(STREAM "a=ts-refclk:ptp=IEEE1588-2002:" GM ":_DFLT\n"),
        FINE(STREAM "a=ts-refclk:ptp=IEEE1588-2002:" GM ":domain-name=_DFLT\n"),
        FINE(STREAM "a=ts-refclk:ptp=IEEE802.1AS-2011:" GM "\n"),
        FINE(STREAM "a=ts-refclk:ptp=IEEE1588-a-version-longer-than-its-room:" GM ":255\n"),
        FINE(STREAM "a=mediaclk:direct\na=mediaclk:sender\na=mediaclk:IEEE1722=38-D6-6D-8E-D2-78-13-2F\n"),
        FINE(STREAM "a=mediaclk:direct=0 rate=5/5 more=0\n"),
        FINE(STREAM "a=source-filter: excl IN IP4 239.1.2.3 192.168.1.1\n"),
        FINE(STREAM "a=source-filter: incl IN IP6 ff15::101 fe80::1\n"),
        FINE(STREAM "a=source-filter: incl IN * box.example host.example\n"),
        FINE(STREAM "a=extmap:4097 urn:other\na=extmap\na=mid\na=group\na=group:LS 1 2\n"),
    };

    (void)state;
    run_cases(cases, COUNT(cases));
}

/* ---- which of several ------------------------------------------------------------------------------ */

static struct sdp_stream one(const char *text)
{
    struct result result;

    parse(text, &result);
    if (result.count != 1)
        fail_msg("%s\nresult %d: %s", text, result.count, result.why);
    return result.stream[0];
}

static void test_media_over_session(void **state)
{
    const struct sdp_stream s =
        one(HEAD "c=IN IP4 239.9.9.9/9\na=ptime:4\na=framecount:9\na=mediaclk:direct=9\n"
                 "a=extmap:9 " UNISONO "\na=ts-refclk:ptp=IEEE1588-2008:" GM ":9\n"
                 "a=x-unisono-latency:9\na=source-filter: incl IN IP4 * 9.9.9.9\n" MEDIA FORMAT GROUP
                 "a=x-unisono-latency:1\na=x-unisono-latency:2\n"
                 "a=ptime:1\na=framecount:1\na=mediaclk:direct=1\na=extmap:1 " UNISONO
                 "\na=ts-refclk:ptp=IEEE1588-2008:" GM ":1\n"
                 "a=source-filter: incl IN IP4 239.1.2.3 1.1.1.1\n"
                 "a=ptime:2\na=framecount:2\na=mediaclk:direct=2\na=extmap:2 " UNISONO
                 "\na=ts-refclk:ptp=IEEE1588-2008:" GM ":2\n");

    (void)state;
    assert_address(s.leg[0].group.sin_addr, "239.1.2.3");
    assert_address(s.leg[0].source, "1.1.1.1");
    assert_int_equal(s.leg[0].ttl, 32);
    assert_int_equal(s.ptime_us, 1000);
    assert_int_equal(s.framecount, 1);
    assert_int_equal(s.media_offset, 1);
    assert_int_equal(s.ext_id, 1);
    assert_int_equal(s.latency_ns, 1);
    assert_int_equal(s.refclk.domain, 1);
}

static void test_session_holds(void **state)
{
    const struct sdp_stream s =
        one(HEAD "c=IN IP4 239.9.9.9/9\na=ptime:4\na=framecount:9\na=mediaclk:direct=9\n"
                 "a=extmap:9 " UNISONO "\na=ts-refclk:ptp=IEEE1588-2008:" GM ":9\n"
                 "a=x-unisono-latency:10000000000\n"
                 "a=source-filter: incl IN IP4 * 9.9.9.9\n" MEDIA FORMAT);

    (void)state;
    assert_address(s.leg[0].group.sin_addr, "239.9.9.9");
    assert_address(s.leg[0].source, "9.9.9.9");
    assert_int_equal(s.leg[0].ttl, 9);
    assert_int_equal(s.ptime_us, 4000);
    assert_int_equal(s.framecount, 9);
    assert_int_equal(s.media_offset, 9);
    assert_int_equal(s.ext_id, 9);
    assert_int_equal(s.latency_ns, 10000000000);
    assert_int_equal(s.refclk.domain, 9);
}

/* Nothing of one media section is left in the next. */
static void test_sections_apart(void **state)
{
    struct result result;

    (void)state;
    parse(STREAM "a=ptime:1\na=framecount:48\na=mediaclk:direct=5\na=extmap:1 " UNISONO
                 "\na=ts-refclk:local\na=source-filter: incl IN IP4 * 9.9.9.9\n"
                 "m=audio 5006 RTP/AVP 97\na=rtpmap:97 L16/44100\n",
          &result);
    assert_int_equal(result.count, 2);
    assert_string_equal(result.why, "");
    assert_int_equal(result.stream[0].refclk.kind, SDP_REFCLK_OTHER);
    assert_string_equal(result.stream[0].refclk.text, "local");
    assert_true(result.stream[0].leg[0].has_source);
    assert_int_equal(result.stream[1].channels, 1);
    assert_int_equal(result.stream[1].ptime_us, 0);
    assert_int_equal(result.stream[1].framecount, 0);
    assert_false(result.stream[1].has_media_offset);
    assert_int_equal(result.stream[1].ext_id, 0);
    assert_int_equal(result.stream[1].refclk.kind, SDP_REFCLK_NONE);
    assert_false(result.stream[1].leg[0].has_source);

    /* and a payload type of before says nothing about the one of now */
    parse(STREAM "m=audio 5006 RTP/AVP 98\n", &result);
    assert_int_equal(result.count, 1);
    assert_non_null(strstr(result.why, "line 7, \"m=audio 5006 RTP/AVP 98\": no rtpmap"));
}

static void test_refclk(void **state)
{
    static const struct {
        const char *lines;
        enum sdp_refclk_kind kind;
        int domain;
    } cases[] = {
        {"", SDP_REFCLK_NONE, -1},
        {"a=ts-refclk:ntp=traceable\na=ts-refclk:ptp=IEEE1588-2008:" GM ":3\n", SDP_REFCLK_PTP, 3},
        {"a=ts-refclk:ptp=IEEE1588-2008:" GM ":3\na=ts-refclk:ntp=traceable\n", SDP_REFCLK_PTP, 3},
        {"a=ts-refclk:ptp=IEEE1588-2008:traceable\na=ts-refclk:local\n", SDP_REFCLK_PTP_TRACEABLE, -1},
        {"a=ts-refclk:ptp=IEEE1588-2008:" GM "\n", SDP_REFCLK_PTP, -1},
        {"a=ts-refclk:ptp=IEEE1588-2008:" GM "\na=clock-domain:PTPv2 7\n", SDP_REFCLK_PTP, 7},
        {"a=ts-refclk:ptp=IEEE1588-2008:" GM ":3\na=clock-domain:PTPv2 7\n", SDP_REFCLK_PTP, 3},
        {"a=ts-refclk:localmac=00-1D-C1-12-34-56\na=clock-domain:PTPv2 7\n", SDP_REFCLK_LOCAL_MAC, -1},
        {"a=clock-domain:PTPv2 7\na=clock-domain:PTPv2 8\n", SDP_REFCLK_PTP, 7},
        {"a=clock-domain:PTPv2 0\n", SDP_REFCLK_PTP, 0},
        {"a=ts-refclk:gps\n", SDP_REFCLK_OTHER, -1},
    };
    char text[512];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sdp_stream in_media, in_session;

        snprintf(text, sizeof text, "%s%s", STREAM, cases[i].lines);
        in_media = one(text);
        snprintf(text, sizeof text, "%s%s%s", SESSION, cases[i].lines, MEDIA FORMAT);
        in_session = one(text);
        assert_int_equal(in_media.refclk.kind, cases[i].kind);
        assert_int_equal(in_media.refclk.domain, cases[i].domain);
        assert_same_clock(&in_media.refclk, &in_session.refclk);
    }
}

static void test_source(void **state)
{
    static const struct {
        const char *lines, *source; /* NULL: any */
    } cases[] = {
        {"a=source-filter: incl IN IP4 239.1.2.3 1.2.3.4\n", "1.2.3.4"},
        {"a=source-filter:incl IN IP4 239.1.2.3 1.2.3.4\n", "1.2.3.4"},
        {"a=source-filter: incl IN IP4 239.1.2.4 1.2.3.4\n", NULL},
        {"a=source-filter: incl IN IP4 239.1.2.3 1.2.3.4 1.2.3.5\n", NULL},
        {"a=source-filter: incl IN IP4 239.1.2.3 1.2.3.4 1.2.3.4\n", "1.2.3.4"},
        {"a=source-filter: incl IN IP4 239.1.2.3 1.2.3.4\na=source-filter: incl IN IP4 * 1.2.3.5\n", NULL},
        {"a=source-filter: incl IN IP4 * 1.2.3.4\na=source-filter: incl IN IP4 * 1.2.3.4\n", "1.2.3.4"},
        {"a=source-filter: incl IN IP4 239.1.2.4 1.2.3.5\na=source-filter: incl IN IP4 * 1.2.3.4\n",
         "1.2.3.4"},
    };
    char text[512];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sdp_stream s;

        snprintf(text, sizeof text, "%s%s", STREAM, cases[i].lines);
        s = one(text);
        assert_int_equal(s.leg[0].has_source, cases[i].source != NULL);
        assert_address(s.leg[0].source, cases[i].source ? cases[i].source : "0.0.0.0");
    }
}

static void test_ptime(void **state)
{
    static const struct {
        const char *text;
        uint32_t us;
    } cases[] = {
        {"1", 1000},     {"0.125", 125},         {"0.33", 330},    {"0.333", 333},
        {"0.3333", 333}, {"0.0005", 1},          {"1.0885", 1089}, {"1.088435374149659863945578", 1088},
        {"20", 20000},   {"1000.0000", 1000000}, {"0.9999", 1000}, {"00001.5", 1500},
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(text, sizeof text, "%sa=ptime:%s\n", STREAM, cases[i].text);
        assert_int_equal(one(text).ptime_us, cases[i].us);
    }
}

/* ---- duplicates over two networks ------------------------------------------------------------------ */

#define DUP_LEG(mid, group, port, format)                                                                    \
    "m=audio " port " RTP/AVP 98\nc=IN IP4 " group "/32\na=rtpmap:98 " format "\na=mid:" mid "\n"
#define L24 "L24/48000/2"

static void test_duplicates(void **state)
{
    static const struct {
        const char *text;
        int count;
        unsigned legs; /* of the first stream */
        const char *first, *second, *why;
    } cases[] = {
        {HEAD "a=group:DUP a b\n" DUP_LEG("a", "239.0.0.1", "5004", L24)
             DUP_LEG("b", "239.0.0.2", "5004", L24),
         1, 2, "239.0.0.1", "239.0.0.2", ""},
        {HEAD "a=group:DUP b a\n" DUP_LEG("a", "239.0.0.1", "5004", L24)
             DUP_LEG("b", "239.0.0.2", "5004", L24),
         1, 2, "239.0.0.2", "239.0.0.1", ""},
        {HEAD "a=group:LS a b\n" DUP_LEG("a", "239.0.0.1", "5004", L24)
             DUP_LEG("b", "239.0.0.2", "5004", L24),
         2, 1, "239.0.0.1", NULL, ""},
        {HEAD "a=group:DUP a c\n" DUP_LEG("a", "239.0.0.1", "5004", L24)
             DUP_LEG("b", "239.0.0.2", "5004", L24),
         2, 1, "239.0.0.1", NULL, ""},
        {HEAD "a=group:DUP a b\n" DUP_LEG("a", "239.0.0.1", "5004", L24)
             DUP_LEG("b", "239.0.0.2", "5004", "L16/48000/2"),
         2, 1, "239.0.0.1", NULL, ""},
        {HEAD "a=group:DUP a b\n" DUP_LEG("a", "239.0.0.1", "5004", "G722/8000")
             DUP_LEG("b", "239.0.0.2", "5004", L24),
         1, 1, "239.0.0.2", NULL, "only L16, L24, F32 and Opus"},
        {HEAD "a=group:DUP a a\n" DUP_LEG("a", "239.0.0.1", "5004", L24)
             DUP_LEG("a", "239.0.0.2", "5004", L24),
         2, 1, "239.0.0.1", NULL, ""},
        {HEAD "a=group:DUP a b c\n" DUP_LEG("a", "239.0.0.1", "5004", L24)
             DUP_LEG("b", "239.0.0.2", "5004", L24) DUP_LEG("c", "239.0.0.3", "5004", L24),
         1, 2, "239.0.0.1", "239.0.0.2", "two legs"},
        {HEAD "a=group:DUP x y\na=group:DUP a b\n" DUP_LEG("x", "239.0.0.8", "5004", L24)
             DUP_LEG("a", "239.0.0.1", "5004", L24) DUP_LEG("b", "239.0.0.2", "5004", L24)
                 DUP_LEG("y", "239.0.0.9", "5004", L24),
         2, 2, "239.0.0.8", "239.0.0.9", ""},
    };
    struct result result;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        parse(cases[i].text, &result);
        if (result.count != cases[i].count)
            fail_msg("case %zu: %d streams: %s", i, result.count, result.why);
        assert_int_equal(result.stream[0].legs, cases[i].legs);
        assert_address(result.stream[0].leg[0].group.sin_addr, cases[i].first);
        if (cases[i].second)
            assert_address(result.stream[0].leg[1].group.sin_addr, cases[i].second);
        assert_non_null(strstr(result.why, cases[i].why));
        assert_int_equal(result.why[0] == '\0', cases[i].why[0] == '\0');
    }
}

/* ---- room and limits ------------------------------------------------------------------------------- */

struct text {
    char *at;
    size_t len, size;
};

static struct text text_create(void)
{
    struct text text = {.size = 400000};

    text.at = calloc(1, text.size);
    assert_non_null(text.at);
    return text;
}

static void __attribute__((format(printf, 2, 3))) add(struct text *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text->len += (size_t)vsnprintf(text->at + text->len, text->size - text->len, format, args);
    va_end(args);
    assert_true(text->len < text->size);
}

static void test_room(void **state)
{
    struct text text = text_create();
    struct sdp_stream streams[SDP_MEDIA_MAX];
    char why[SDP_WHY_SIZE], tiny[1];

    (void)state;
    add(&text, "%s", SESSION);
    for (int i = 0; i < SDP_MEDIA_MAX; i++)
        add(&text, "m=audio %d RTP/AVP 98\n%s", 5004 + i, FORMAT);
    assert_int_equal(sdp_parse(text.at, text.len, streams, SDP_MEDIA_MAX, why, sizeof why), SDP_MEDIA_MAX);
    assert_string_equal(why, "");
    assert_int_equal(ntohs(streams[63].leg[0].group.sin_port), 5067);

    memset(streams, 0xa5, sizeof streams);
    assert_int_equal(sdp_parse(text.at, text.len, streams, 2, why, sizeof why), 2);
    assert_non_null(strstr(why, "line 9, \"m=audio 5006 RTP/AVP 98\": no room"));
    assert_int_equal(ntohs(streams[1].leg[0].group.sin_port), 5005);
    assert_int_equal(streams[2].channels, 0xa5a5a5a5); /* not touched */

    add(&text, "m=audio 5000 RTP/AVP 98\n");
    assert_int_equal(sdp_parse(text.at, text.len, streams, SDP_MEDIA_MAX, why, sizeof why), -EBADMSG);
    assert_non_null(strstr(why, "line 133, \"m=audio 5000 RTP/AVP 98\": more than 64"));
    assert_int_equal(sdp_parse(text.at, text.len, streams, SDP_MEDIA_MAX, tiny, sizeof tiny), -EBADMSG);
    assert_int_equal(tiny[0], '\0');
    free(text.at);
}

static void test_limits(void **state)
{
    struct text text = text_create();
    struct result result;

    (void)state;
    for (int i = 0; i < 5000; i++) /* thousands of media */
        add(&text, "%sm=video 5004 RTP/AVP 98\n", i == 0 ? SESSION : "");
    parse_bytes(text.at, 65000, &result);
    assert_int_equal(result.count, -EBADMSG);
    assert_non_null(strstr(result.why, "more than 64 media sections"));

    text.len = 0;
    add(&text, "%s", STREAM); /* the longest text, and one byte more */
    while (text.len <= SDP_TEXT_MAX)
        add(&text, "\n");
    text.len = SDP_TEXT_MAX;
    parse_bytes(text.at, text.len, &result);
    assert_int_equal(result.count, 1);
    parse_bytes(text.at, text.len + 1, &result);
    assert_int_equal(result.count, -EBADMSG);
    assert_non_null(strstr(result.why, "at most 65536 bytes"));

    for (int over = 0; over < 2; over++) { /* the longest line, and one byte more */
        text.len = 0;
        add(&text, "%si=%0*d\r\n", STREAM, SDP_LINE_MAX - 2 + over, 0);
        parse_bytes(text.at, text.len, &result);
        assert_int_equal(result.count, over ? -EBADMSG : 1);
        assert_true(!over || strstr(result.why, "at most 4096 bytes"));
    }

    for (unsigned extra = 0; extra < 2; extra++) {
        text.len = 0;
        add(&text, "%s", STREAM);
        for (unsigned i = 0; i < SDP_FILTERS_MAX + extra; i++)
            add(&text, "a=source-filter: incl IN IP4 239.1.2.3 1.2.3.4\n");
        parse_bytes(text.at, text.len, &result);
        assert_int_equal(result.count, extra ? -EBADMSG : 1);

        text.len = 0;
        add(&text, "%s", SESSION);
        for (unsigned i = 0; i < SDP_GROUPS_MAX + extra; i++)
            add(&text, "a=group:DUP a%u b%u\n", i, i);
        add(&text, "%s", MEDIA FORMAT);
        parse_bytes(text.at, text.len, &result);
        assert_int_equal(result.count, extra ? -EBADMSG : 1);

        text.len = 0;
        add(&text, "%sa=group:DUP %0*d\n%s", SESSION, (int)(SDP_GROUP_MAX + extra), 0, MEDIA FORMAT);
        parse_bytes(text.at, text.len, &result);
        assert_int_equal(result.count, extra ? -EBADMSG : 1);
    }
    free(text.at);
}

/* ---- names and other words of strangers ------------------------------------------------------------ */

static void test_names(void **state)
{
    static const struct {
        const char *name, *shown;
    } cases[] = {
        {"Bühne links", "Bühne links"},
        {"a\x1b[31mred", "a?[31mred"},
        {"\xc2\x9b"
         "31m",
         "??31m"}, /* CSI of 8 bits, in UTF-8 */
        {"tab\there\x7f", "tab?here?"},
        {"\xff\xc3 \xe2\x82", "?? ??"},
        {"\xed\xa0\x80 \xc0\xaf", "??? ??"}, /* a surrogate, a long form */
        {"  leading", "  leading"},
        {"trailing   ", "trailing"},
    };
    struct text text = text_create();
    struct result result;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        text.len = 0;
        add(&text, "v=0\no=- 1 2 IN IP4 1.2.3.4\ns=%s\n%s", cases[i].name, GROUP MEDIA FORMAT);
        parse_bytes(text.at, text.len, &result);
        assert_int_equal(result.count, 1);
        assert_string_equal(result.stream[0].name, cases[i].shown);
    }

    text.len = 0; /* cut at the end of a character */
    add(&text, "v=0\no=- 1 2 IN IP4 1.2.3.4\ns=%0126dü\n%s", 0, GROUP MEDIA FORMAT);
    parse_bytes(text.at, text.len, &result);
    assert_int_equal(result.count, 1);
    assert_int_equal(strlen(result.stream[0].name), 126);
    text.len = 0;
    add(&text, "v=0\no=- 1 2 IN IP4 1.2.3.4\ns=%0125dü\n%s", 0, GROUP MEDIA FORMAT);
    parse_bytes(text.at, text.len, &result);
    assert_int_equal(strlen(result.stream[0].name), 127);

    text.len = 0;
    add(&text, "v=0\no=- 1 2 IN IP4 1.2.3.4\ns=%010000d\n%s", 0, GROUP MEDIA FORMAT);
    parse_bytes(text.at, text.len, &result);
    assert_int_equal(result.count, -EBADMSG);

    text.len = 0;
    add(&text, "%sa=ts-refclk:ptp=%0100d:" GM ":0\n", STREAM, 0);
    parse_bytes(text.at, text.len, &result);
    assert_int_equal(strlen(result.stream[0].refclk.version), SDP_VERSION_SIZE - 1);
    assert_int_equal(strlen(result.stream[0].refclk.text), SDP_REFCLK_SIZE - 1);
    free(text.at);
}

static void test_why(void **state)
{
    static const char nul[] = STREAM "i=a\0b\n";
    struct text text = text_create();
    struct sdp_stream stream;
    struct result result;
    char why[24];

    (void)state;
    parse("v=0\r\no=- 1 2 IN IP4 1.2.3.4\r\ns=x\r\na=ptime:\x1b]0;owned\x07\r\n", &result);
    assert_string_equal(result.why,
                        "line 4, \"a=ptime:?]0;owned?\": ptime is in milliseconds, above 0 and at most 1000");
    parse_bytes(nul, sizeof nul - 1, &result);
    assert_string_equal(result.why,
                        "line 7, \"i=a?b\": neither a zero byte nor a bare carriage return may be in a line");
    add(&text, "%sa=ptime:%0100d\n", STREAM, 0);
    parse_bytes(text.at, text.len, &result);
    assert_non_null(strstr(result.why, "0000...\": ptime is in milliseconds, above 0 and at most 1000"));
    assert_true(strlen(result.why) < 170);

    memset(why, 0xa5, sizeof why);
    assert_int_equal(sdp_parse("v=x", 3, &stream, 1, why, 12), -EBADMSG);
    assert_string_equal(why, "line 1, \"v=");
    assert_int_equal((unsigned char)why[12], 0xa5);
    assert_int_equal(sdp_parse("ü=0", 4, &stream, 1, why, 11), -EBADMSG);
    assert_string_equal(why, "line 1, \""); /* nothing behind what did not fit */
    free(text.at);
}

/* ---- hostile --------------------------------------------------------------------------------------- */

/* A prefix breaks no promise, and what it tells is never of a later line. */
static void test_truncated(void **state)
{
    struct result result;
    unsigned played = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(field); i++)
        for (size_t len = 0; len < strlen(field[i].text); len++) {
            parse_bytes(field[i].text, len, &result);
            played += result.count > 0;
            if (len < (size_t)(strstr(field[i].text, "m=audio") - field[i].text) + 20)
                assert_true(result.count < 0);
        }
    assert_true(played > 500);
}

/* Each line once more, in its place: refused, or the same stream with the same legs. */
static void test_repeated(void **state)
{
    struct text text = text_create();
    struct result whole, result;

    (void)state;
    for (size_t i = 0; i < COUNT(field); i++) {
        parse(field[i].text, &whole);
        for (const char *line = field[i].text; *line;) {
            size_t before = (size_t)(line - field[i].text), len = (size_t)(strchr(line, '\n') - line) + 1;

            text.len = 0;
            add(&text, "%.*s%.*s%s", (int)(before + len), field[i].text, (int)len, line, line + len);
            parse_bytes(text.at, text.len, &result);
            if (strchr("vos", *line))
                assert_int_equal(result.count, -EBADMSG);
            else if (*line == 'c')
                assert_true(result.count < 0 || result.why[0]);
            else if (*line == 'm') /* a stream more only where it needs no rtpmap */
                assert_true(result.count < 0 || result.why[0] || result.count == whole.count + 1);
            else {
                assert_int_equal(result.count, whole.count);
                for (int n = 0; n < whole.count; n++)
                    assert_same(&result.stream[n], &whole.stream[n]);
            }
            line += len;
        }
    }
    free(text.at);
}

/* Bytes changed, moved, taken out: no promise is broken. */
static void test_mangled(void **state)
{
    uint32_t random = 12345;
    struct result result;
    char text[2048];

    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t len = strlen(field[(size_t)round % COUNT(field)].text);

        memcpy(text, field[(size_t)round % COUNT(field)].text, len);
        for (int change = 0; change <= round % 4; change++) {
            size_t at, cut;

            random = random * 1664525 + 1013904223;
            at = (random >> 8) % len;
            cut = 1 + (random >> 4) % 8;
            cut = cut < len - at ? cut : len - at - 1;
            switch (random >> 30) {
            case 0:
                text[at] = (char)(random >> 16);
                break;
            case 1:
                text[at] = "\n\r\0 =:/-9"[(random >> 20) % 10];
                break;
            case 2:
                memmove(text + at, text + at + cut, len - at - cut);
                len -= cut;
                break;
            default:
                text[at] = (char)(text[at] ^ 1 << (random >> 20) % 8);
            }
        }
        parse_bytes(text, len, &result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_field),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_malformed_attributes),
        cmocka_unit_test(test_not_ours),
        cmocka_unit_test(test_tolerated),
        cmocka_unit_test(test_media_over_session),
        cmocka_unit_test(test_session_holds),
        cmocka_unit_test(test_sections_apart),
        cmocka_unit_test(test_refclk),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_ptime),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_why),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_mangled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
