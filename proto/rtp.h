// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The wire: RTP (RFC 3550) and the one header-extension element of Unisono (RFC 8285), built and parsed.
 * proto/PROTOCOL.md is the specification; this is its only implementation, used at both ends.
 *
 *      0                   1                   2                   3
 *     |V=2|P|X|  CC   |M|     PT      |        sequence number        |  RTP_FIXED_BYTES
 *     |                    timestamp: media clock                     |
 *     |                             SSRC                              |
 *     |            0xBEDE             |           length 3            |  RTP_EXT_BYTES
 *     | ID=1  | len=10| presentation time: 64 bits, ns since ...      |
 *     | ... the PTP epoch                                             |
 *     | ...           |ver|   type    | codec | rate  |pri| channels-1|
 *     |                     payload: L16, L24 ...                    |
 *
 * A plain AES67 packet is the same without the middle part; a plain receiver skips that part.
 *
 * Bytes from the network are untrusted. The parser checks each length before the step that needs it, and
 * tells a malformed packet from one that is not for us; it allocates nothing and logs nothing.
 */
#ifndef UNISONO_RTP_H
#define UNISONO_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "timebase.h"

#define RTP_FIXED_BYTES 12
#define RTP_EXT_BYTES   16
#define RTP_PAYLOAD_MAX 1440 /* AES67-2018: what fits an Ethernet frame with room for extensions */

/* Room for every datagram that a sender builds. */
#define RTP_DATAGRAM_MAX (RTP_FIXED_BYTES + RTP_EXT_BYTES + RTP_PAYLOAD_MAX)

#define RTP_CHANNELS_MAX   64
#define RTP_EXT_ID_DEFAULT 1

/* Dynamic payload types (RFC 3551 section 6). Receivers of the extension do not depend on them. */
#define RTP_PT_L16     96
#define RTP_PT_L24     98
#define RTP_PT_F32     100
#define RTP_PT_OPUS    101
#define RTP_PT_CONTROL 126 /* packets without audio: a receiver that does not know them must ignore them */

enum rtp_type {
    RTP_TYPE_AUDIO = 0,
    RTP_TYPE_INIT = 1,      /* the stream starts at this packet's presentation time */
    RTP_TYPE_TERMINATE = 2, /* the stream ends at this packet's presentation time */
};

enum rtp_codec {
    RTP_CODEC_L16 = 0, /* RFC 3551 section 4.5.11 */
    RTP_CODEC_L24 = 1, /* RFC 3190 */
    RTP_CODEC_F32 = 2, /* IEEE 754 binary32, PROTOCOL.md section 5 */
    RTP_CODEC_OPUS = 3 /* RFC 7587 */
};

/* Two bits of each packet: which stream gives way where a receiver plays several. */
enum rtp_priority {
    RTP_PRIORITY_PROGRAMME = 0,
    RTP_PRIORITY_PAGE = 1, /* programmes are ducked while it sounds; 2 and 3 are taken for it */
};

/* What the header extension says. */
struct rtp_header_ext {
    ptp_ns presentation; /* when the packet's first frame must leave every speaker; never negative */
    uint8_t type;        /* enum rtp_type, or one we do not know (0..63) */
    uint8_t codec;       /* enum rtp_codec, or one we do not know (0..15) */
    uint8_t channels;    /* 1..64 */
    uint8_t priority;    /* enum rtp_priority, or 2 or 3 */
    uint32_t rate_hz;    /* 0: a rate code that we do not know */
};

/*
 * One packet, as fields. To build: fill the constant fields once, then set sequence, timestamp and
 * presentation for each packet.
 */
struct rtp_packet {
    uint32_t ssrc;
    uint32_t timestamp; /* low 32 bits of the media_t of the first frame */
    uint16_t sequence;
    uint8_t payload_type; /* 0..127 */
    bool marker;
    bool has_ext;
    struct rtp_header_ext ext; /* means nothing while has_ext is false */

    /* Set by the parser alone. */
    uint8_t rate_code;      /* 0..15, of the extension */
    uint16_t frames;        /* of AUDIO in L16, L24 or F32 with the extension; otherwise 0 */
    const uint8_t *payload; /* inside the parsed datagram; padding is already taken off */
    size_t payload_len;
};

/* How many bytes stand before the payload. */
static inline size_t rtp_header_bytes(bool has_ext)
{
    return has_ext ? RTP_FIXED_BYTES + RTP_EXT_BYTES : RTP_FIXED_BYTES;
}

/*
 * Writes the header of `packet`, rtp_header_bytes(packet->has_ext) bytes, to the front of `datagram`; the
 * payload belongs right behind. ext_id 1..14. Fields out of range are a caller's bug and assert.
 */
void rtp_build(uint8_t *datagram, const struct rtp_packet *packet, uint8_t ext_id);

/* Only the extension: RTP_EXT_BYTES bytes, as they stand behind the fixed header. */
void rtp_build_ext(uint8_t *to, const struct rtp_header_ext *ext, uint8_t ext_id);

/*
 * Parses one datagram of exactly `len` bytes. `ext_id` is the element to look for, 1..14; 0: none.
 *   0                 `packet` is filled; unknown types, codecs and rate codes are not an error here
 *   -EBADMSG          malformed: truncated, lengths that contradict, audio that is not whole frames,
 *                     INIT or TERMINATE with a payload
 *   -EPROTO           not for us: another RTP version, STUN, RTCP (RFC 5761 section 4)
 *   -EPROTONOSUPPORT  our element in a header version that we do not know
 * On an error `packet` is undefined.
 */
int rtp_parse(const uint8_t *datagram, size_t len, uint8_t ext_id, struct rtp_packet *packet);

/*
 * The frames in a payload of `len` bytes: > 0, or -EBADMSG when it is empty or not a whole number of frames,
 * or -EPROTONOSUPPORT when the codec is not L16, L24 or F32. For all codecs there is codec_frames().
 */
int rtp_pcm_frames(size_t len, unsigned codec, unsigned channels);

/* Bytes of one sample on the wire; 0 for a codec whose samples have no fixed size, or which is unknown. */
unsigned rtp_codec_sample_bytes(unsigned codec);

/* "L16", "L24", ...; NULL when the number has no meaning yet. */
const char *rtp_codec_name(unsigned codec);

/* The codecs that this version plays: L16, L24, F32 and Opus. */
bool rtp_codec_known(unsigned codec);

/* The dynamic payload type of a codec that is known. */
uint8_t rtp_codec_payload_type(unsigned codec);

/*
 * The bytes a second of a stream that the bandwidth of RTCP is reckoned by (PROTOCOL.md section 8): of PCM
 * what it has; of Opus, whose bitrate nobody is told, those of L16; 0 for an unknown codec.
 */
uint32_t rtp_session_bytes(unsigned codec, uint32_t rate_hz, unsigned channels);

/* The 4-bit code of a sample rate, or -EINVAL for a rate that has none. */
int rtp_rate_code(uint32_t rate_hz);

/* And back; 0 for a code that has no rate. */
uint32_t rtp_rate_of_code(unsigned code);

/*
 * Packet times. The nominal time names a number of frames; at 44.1 and 88.2 kHz AES67 keeps the frame count
 * of 48 and 96 kHz, so that "1 ms" there lasts 1.088 ms. `ptime_us` is the nominal time in microseconds: 125,
 * 250, 333, 1000, 2000, 2500, 4000, 5000, 10000 or 20000.
 */

/* Frames per packet, or -EINVAL for a time or rate that is not in the table. */
int rtp_ptime_frames(uint32_t ptime_us, uint32_t rate_hz);

/*
 * The same, for a stream that must also fit RTP_PAYLOAD_MAX; Opus has 48000 Hz, 1 or 2 channels and packets
 * of 2.5, 5, 10 or 20 ms, which always fit. On -EINVAL `err` holds one line which names the
 * values and what would fit.
 */
int rtp_ptime_check(uint32_t ptime_us, uint32_t rate_hz, unsigned codec, unsigned channels, char *err,
                    size_t err_size);

#endif
