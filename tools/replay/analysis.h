// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What a stream's packets tell about its sender: pure arithmetic on one packet after the other, in constant
 * memory. Nothing here knows of files; report.h tells it, verdict.h judges it.
 *
 *     transit   arrival - instant of the packet's first frame, on the clock that was chosen
 *     delay     what of that was not the same for the fastest packets: the height over the envelope
 *     lead      presentation - arrival: what a receiver has left
 */
#ifndef UNISONO_REPLAY_ANALYSIS_H
#define UNISONO_REPLAY_ANALYSIS_H

#include <stdbool.h>
#include <stdint.h>

#include "envelope.h"
#include "format.h"
#include "frame.h"
#include "histogram.h"
#include "losses.h"
#include "proto/rtcp.h"
#include "proto/rtp.h"
#include "track.h"

#define ANALYSIS_NO_LINK (-1)

struct analysis_config {
    struct format format;          /* codec, rate and channels must be known */
    bool plain;                    /* no extension; one that comes nevertheless counts for nothing */
    int64_t link_ns;               /* from sampling to presentation; ANALYSIS_NO_LINK: as the stream says */
    int64_t delay_ns;              /* a receiver's own, added to every presentation time */
    bool absolute;                 /* the clock is PTP itself; else it was derived from the stream */
    const struct timescale *clock; /* PTP over the capture's clock: transit and lead */
    const struct timescale *envelope; /* the stream's own, on which the fastest take format_packet_ns() */
    uint64_t segments;                /* a bit for each segment of the track that `envelope` was made of */
};

struct analysis_range {
    int64_t min, max;
};

/* Of the sender's reports. */
struct analysis_rtcp {
    uint64_t compounds, reports, malformed, foreign; /* foreign: RTCP of other streams at the same port */
    int64_t first_ns, last_ns;                       /* arrival of reports */
    int64_t interval_max_ns;
    struct analysis_range pair;   /* RTP timestamp - floor(NTP time * rate), in samples mod 2^32 */
    struct analysis_range age_ns; /* arrival - instant of the report's RTP timestamp */
    uint64_t aged;                /* reports that came after the first sound: those of age_ns */
    bool bye, has_clock;
    struct rtcp_clock clock; /* the newest */
    uint64_t clock_changes;
    char cname[RTCP_CNAME_MAX + 1];
};

struct analysis {
    struct analysis_config config;
    int64_t packet_ns; /* how long most packets last */
    int64_t limit_ns;  /* AES67's for the delay of a packet: 17 packet times, or 17 ms */
    struct track track;
    struct losses losses;
    unsigned clock_hint, envelope_hint;

    uint64_t packets, sound, unsound; /* unsound: no whole number of frames, or broken */
    uint64_t init, terminate, other_types;
    uint64_t strays, restarts, announced;
    int64_t first_ns, last_ns; /* arrival of the stream's packets; of the last with sound: */
    int64_t last_sound_ns;

    uint64_t jumps, skips; /* of the timestamp: with and without time passing */
    int64_t jump_max;      /* the largest, in samples, by magnitude */
    uint64_t off_grid;     /* first frame not a multiple of the packet's frames */
    uint64_t markers;
    uint64_t described; /* packets with the extension */
    uint64_t absurd;    /* of these, with a presentation time that nobody can mean */
    uint64_t link_changes;
    int64_t link_before_ns;
    struct analysis_range link_ns;
    struct analysis_range frames, payload_bytes;
    uint64_t oversized;        /* payloads beyond RTP_PAYLOAD_MAX */
    uint64_t payload_types[2]; /* a bit for each that came */
    uint64_t dscps;
    uint64_t ttls[4];

    struct histogram spacing; /* between arrivals */
    struct histogram transit, delay, lead;
    struct bars delay_bars, lead_bars;
    double jitter_ns, jitter_max_ns;    /* RFC 3550 appendix A.8 */
    uint64_t late;                      /* lead below 0 */
    uint64_t displaced;                 /* between two jumps of the timestamp: no delay is known */
    uint64_t over_one, over_limit;      /* sent later than one packet time, and than AES67's limit */
    uint64_t before_last, before_first; /* sent before the last, the first frame was sampled: absolute only */
    int64_t transit_before_ns;          /* of the packet before */
    unsigned segment_before;

    struct analysis_rtcp rtcp;
};

/* What is known of one packet. */
struct analysis_row {
    bool counted; /* of the stream's sequence; otherwise nothing below is known */
    bool sound, duplicate;
    struct track_step step;
    int64_t transit_ns, delay_ns;
    bool has_lead;
    int64_t lead_ns;
};

void analysis_init(struct analysis *analysis, const struct analysis_config *config);

/*
 * Where the packet's first frame stands on the media timeline by what the packet says itself (*at and the
 * link offset); false when it does not, or nobody can mean it.
 */
bool analysis_place(const struct rtp_packet *packet, media_t *at, int64_t *link_ns);

/* The packet as the track wants it. `near`: of plain packets, the media time by the capture's clock. */
struct track_packet analysis_track(const struct analysis_config *config, const struct rtp_packet *packet,
                                   int64_t arrival_ns);

/* Takes a packet of the stream, in order of arrival. */
void analysis_take(struct analysis *analysis, const struct datagram *datagram,
                   const struct rtp_packet *packet, struct analysis_row *row);

/* Takes a compound from the stream's source; `ssrc`: the stream's. */
void analysis_take_rtcp(struct analysis *analysis, const struct rtcp_report *report, uint32_t ssrc,
                        int64_t arrival_ns);

/* To be called once, at the end. */
void analysis_finish(struct analysis *analysis);

/* The latency at which no more than `part` of the packets had been late, before what a receiver needs. */
int64_t analysis_safe_ns(const struct analysis *analysis, double part);

#endif
