// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What the monitor shows: one plain struct, made anew each second by the model (model.h) and read by every
 * way of showing it: terminal, JSON, Prometheus, check. Whoever shows it computes nothing.
 *
 * All texts are printable UTF-8 and end with a zero. Numbers that are not known are NAN.
 */
#ifndef UNISONO_MONITOR_VIEW_H
#define UNISONO_MONITOR_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIEW_NAME_SIZE   64
#define VIEW_TEXT_SIZE   128
#define VIEW_WHY_SIZE    192
#define VIEW_CHANNELS    64
#define VIEW_STREAMS_MAX 32
#define VIEW_ALARMS_MAX  256 /* the gravest; view.alarms_all counts all */
#define VIEW_HISTORY     120 /* seconds, newest last */

/* From harmless to grave; also the order in which receivers are shown, gravest first. */
enum view_level { VIEW_WELL, VIEW_NOTE, VIEW_WARNING, VIEW_ALARM };

/* What an alarm is about; its word in JSON and Prometheus is view_alarm_word(). */
enum view_alarm_kind {
    VIEW_ALARM_MISSING,      /* a receiver fell silent without BYE, or one that was asked for never came */
    VIEW_ALARM_ALIGNMENT,    /* the group, or one receiver, is further apart than the limit */
    VIEW_ALARM_HEADROOM,     /* less than the limit */
    VIEW_ALARM_PTP,          /* not locked, or nothing proves the time */
    VIEW_ALARM_GRANDMASTERS, /* members of one stream follow different ones, or different domains */
    VIEW_ALARM_LOSS,         /* packets lost or late since the last interval */
    VIEW_ALARM_XRUN,         /* a card ran dry, or a receiver had to anchor anew */
    VIEW_ALARM_DEVICE,       /* a receiver has no sound card */
    VIEW_ALARM_STREAM, /* the stream itself: silent though announced, dishonest presentation times, a second
                          sender */
    VIEW_ALARM_KINDS
};

const char *view_alarm_word(enum view_alarm_kind kind); /* "missing", "alignment" ... */

struct view_alarm {
    enum view_alarm_kind kind;
    enum view_level level;
    char stream[VIEW_NAME_SIZE];
    char receiver[VIEW_NAME_SIZE]; /* "": the stream as a whole */
    double since_s;                /* view.time_s when it began */
    char why[VIEW_WHY_SIZE];       /* a sentence with value and limit */
};

/* One value a second, NAN where none was. */
struct view_history {
    float value[VIEW_HISTORY];
};

struct view_clock {
    char state[16]; /* as media_clock_state_name(); "" unknown */
    bool known;     /* domain and grandmaster mean something */
    bool holdover;
    unsigned domain;
    char grandmaster[24]; /* 00-1D-C1-FF-FE-12-34-56 */
    double offset_us;     /* from the master, as ptp4l says */
    double uncertainty_us;
};

struct view_receiver {
    enum view_level level; /* of its gravest alarm */
    char name[VIEW_NAME_SIZE], host[VIEW_NAME_SIZE], device[VIEW_NAME_SIZE], tool[VIEW_NAME_SIZE],
        address[24];
    uint32_t ssrc;
    char state[16]; /* playing, armed, idle, fading, silent (nothing heard of it), "present": no telemetry */
    bool telemetry; /* it sends ours: else all below but loss and jitter is NAN */
    double age_s;   /* since its last report */
    double gap_s;   /* between its reports */
    struct view_clock clock;
    double error_us; /* median, signed: above 0 plays late */
    double error_p99_us, error_worst_us, budget_us;
    double apart_us; /* median against the median of the group's, signed */
    double resample_ppm, card_ppm;
    double lead_min_ms, lead_median_ms, headroom_ms;
    double queued_min_ms, delay_ms;
    double loss_percent; /* since its report before */
    double jitter_us;
    double lost, late, duplicates, concealed, xruns, starts, clipped; /* so far, as it counts */
    bool device_present, realtime, refused;
    unsigned channels;
    float peaks_db[VIEW_CHANNELS];                 /* full scale 0; -INFINITY: silence */
    struct view_history errors, headrooms, losses; /* us, ms, percent */
};

/* What the monitor hears of the sound itself. */
struct view_witness {
    bool hears; /* packets came within the last second */
    bool timed; /* its own clock is locked: leads mean something */
    double packets_per_s, bits_per_s;
    double lost, duplicates, reordered, malformed; /* so far */
    double loss_percent;                           /* last second */
    double jitter_us, jitter_worst_us;             /* RFC 3550 A.8; largest deviation in the last second */
    double lead_min_ms, lead_median_ms;            /* presentation - arrival here, last second */
    double sent_after_ms; /* median from the sampling of a packet's first frame to its arrival */
    bool honest; /* presentation times are the sampling instants + one constant latency, none from the future
                  */
    char dishonest[VIEW_WHY_SIZE]; /* why not */
    unsigned channels;
    float peaks_db[VIEW_CHANNELS];
    struct view_history leads, losses;
};

struct view_stream {
    enum view_level level;
    char name[VIEW_NAME_SIZE], group[24], sender[24], host[VIEW_NAME_SIZE], tool[VIEW_NAME_SIZE];
    bool announced; /* by SAP or mDNS */
    bool on_air;    /* sound comes */
    bool waiting;   /* the sender holds its start until receivers are there */
    bool standby;   /* nobody talks: no sound comes, and its sender says that it is meant so */
    uint32_t ssrc;
    char codec[8];
    uint32_t rate_hz;
    unsigned channels;
    double ptime_ms, latency_ms;
    struct view_clock clock; /* the sender's */
    struct view_witness witness;

    size_t receivers; /* places in `receiver`, gravest first */
    const struct view_receiver *receiver;
    size_t playing, silent;

    /* alignment across the group */
    double apart_us; /* between the medians of the two furthest apart; NAN with fewer than two that play */
    double apart_p99_us; /* the same with each one's p99 around its median: what nearly all samples keep */
    double apart_limit_us;
    char early[VIEW_NAME_SIZE], late[VIEW_NAME_SIZE]; /* those two */
    double headroom_ms;                               /* the least of all */
    char headroom_of[VIEW_NAME_SIZE];
    double safe_latency_ms; /* smallest that would have been safe since the stream began */
    struct view_history aparts, headrooms;
};

struct view {
    double time_s;           /* seconds since 1970, of this machine, or of the recording */
    bool recorded;           /* played from a file */
    struct view_clock clock; /* the monitor's own */
    enum view_level level;
    size_t streams;
    struct view_stream stream[VIEW_STREAMS_MAX]; /* gravest first */
    size_t alarms, alarms_all;
    struct view_alarm alarm[VIEW_ALARMS_MAX]; /* gravest and oldest first */
    double heard_rtcp, malformed,
        refused; /* compounds; what was no good; members and streams there was no room for */
};

#endif
