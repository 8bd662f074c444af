// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A scenario: a file of some ten lines that says what differs from the ordinary, what happens, and what must
 * hold. # begins a comment. tests/README.md is the manual; scenario.c holds the tables of all words.
 *
 *     seconds 60                          how long
 *     receivers 2
 *     stream latency_ms 5 ptime_ms 0.125  what is sent
 *     card 2 ppm -80 step_frames 48       WHO: all, sender, or numbers such as 1,3-5
 *     host all wander_ppm 1
 *     ptp all kind software
 *     net all loss_pct 1
 *     at 20 grandmaster 80                event, at a second
 *     expect apart_p999_us < 0.5          all of these must hold
 */
#ifndef UNISONO_SIM_SCENARIO_H
#define UNISONO_SIM_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

#include "adc.h"
#include "dac.h"
#include "network.h"
#include "oscillator.h"
#include "ptp.h"

/* How late a thread runs that wanted to run: exponentially, and now and then not for a long time; and how
 * slowly. */
struct wake_config {
    double late_us;                 /* mean */
    double stall_every_s, stall_ms; /* mean; evenly up to so much */
    double frame_us;                /* to make one frame for the card */
};

struct host_config {
    struct oscillator_config crystal;
    struct wake_config wake;
    struct ptp_config ptp;
};

struct receiver_config {
    struct host_config host;
    struct dac_config card;
    struct oscillator_config card_crystal;
    struct path_config path;
    double delay_ms, gain_db;
    double joins_s; /* switched on */
};

enum scenario_source { SCENARIO_TONE, SCENARIO_ADC };

struct stream_config {
    double rate_hz, channels, ptime_ms, latency_ms;
    double pre_roll_ms; /* above 0: a talker, who keeps sound back so long on top of the latency */
    int source;         /* enum scenario_source */
    int codec;          /* enum rtp_codec */
    int profile;        /* 0: unisono, 1: aes67 */
    int resampler;      /* of all receivers; enum resample_quality */
    int on_loss;        /* of PTP; 0: play, 1: mute */
    double wraps_s;     /* the RTP timestamp wraps so long after the beginning; negative: as it comes */
    double first_sequence;
    double tone_hz;   /* of the louder tone; the softer is some 23 % lower */
    double window_ms; /* what is judged at a time */
};

enum event_kind {
    EVENT_SENDER,      /* dies | stops | starts; talks | hushes, with a pre-roll */
    EVENT_RIVAL,       /* another sender on the same group: starts | dies */
    EVENT_STALL,       /* WHO MS: does not run for so long */
    EVENT_UNPLUG,      /* WHO S: the card is gone for so long */
    EVENT_DRY,         /* WHO: the card runs dry now */
    EVENT_CARD_PPM,    /* WHO PPM: the crystal jumps by so much */
    EVENT_NET,         /* WHO KEY VALUE ... */
    EVENT_PTP,         /* WHO lost | back */
    EVENT_GRANDMASTER, /* OFFSET_US [WITHIN_S]: another one; each host notices within so long */
    EVENT_PTP_STEP,    /* OFFSET_US: the present one's time jumps */
    EVENT_LEAVE,       /* WHO: ends with a fade */
    EVENT_MEMBERS,     /* COUNT: so many members say goodbye at once */
    EVENT_GARBAGE      /* PER_S S: hostile datagrams */
};

enum { SCENARIO_EVENTS = 64, SCENARIO_EXPECTS = 32, SCENARIO_RECEIVERS = 1000, SCENARIO_NAME = 32 };

struct who {
    bool sender;
    bool receiver[SCENARIO_RECEIVERS];
};

struct event {
    double at_s;
    enum event_kind kind;
    struct who who;
    int word; /* of a choice, by its place in the table */
    double number[2];
    char text[160]; /* of EVENT_NET: what is to be set */
};

struct expect {
    char metric[SCENARIO_NAME];
    char relation[3]; /* < <= = >= > */
    double limit;
};

struct scenario {
    char name[64];   /* of the file, without folder and .sim */
    char about[160]; /* its first comment */
    double seconds;
    double from_s; /* alignment counts from here, */
    double to_s;   /* to here; 0: the end */
    unsigned receivers;
    struct receiver_config *receiver; /* `receivers` of them */
    struct stream_config stream;
    struct host_config sender;
    struct adc_config adc;
    struct oscillator_config adc_crystal;
    unsigned members; /* that speak RTCP only */
    struct event events[SCENARIO_EVENTS];
    unsigned event_count;
    struct expect expects[SCENARIO_EXPECTS];
    unsigned expect_count;
};

/*
 * Reads a file. NULL on an error, and in `why` one line that names the file, the line, the word and what is
 * allowed.
 */
struct scenario *scenario_read(const char *path, char *why, size_t why_size);
void scenario_free(struct scenario *s);

/* Sets what the words of an EVENT_NET say. 0 or -EINVAL. */
int scenario_set_path(struct path_config *path, const char *words, char *why, size_t why_size);

#endif
