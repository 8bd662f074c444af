// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The truth about a recording: when did a known tone pass the converter, and was it whole?
 *
 * Time is cut into windows, centred on the multiples of a step of the raw clock, so that the windows of
 * different recordings fall on the same instants. In each the tone (or two tones) of known frequency is
 * fitted by least squares
 *
 *      x(t) = offset + sum of a_i cos(w_i u) + b_i sin(w_i u),   u = t - centre, t the true time of each
 * frame,
 *
 * which yields amplitude and phase at the centre, and what is left over: the residual. The tone a card plays
 * is never at its nominal frequency in raw time: two clocks are being steered into each other. So a common
 * stretch of time is fitted too, x(t) + s * u x'(t), and the reference frequency follows it.
 *
 * A phase is a delay, up to whole periods. With two tones close together (f1, f2) the delay is known up to
 * 1 / |f2 - f1|, since the two must agree; with one, up to 1 / f1. Note what a single tone cannot show: a
 * piece of exactly n periods cut out or repeated. 1 kHz and packets of 1 ms hide from each other; take 997
 * Hz, or two tones.
 *
 * Levels: 0 dBFS is a full-scale sine, for a tone and for the rms of a residual alike.
 */
#ifndef UNISONO_TRUTH_H
#define UNISONO_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

enum { TRUTH_TONES_MAX = 2 };

struct truth_tones {
    int64_t millihertz[TRUTH_TONES_MAX];
    unsigned count; /* 1 or 2; if 2, they differ */
};

/* Nothing quieter than this, in dB, is told apart from silence. */
#define TRUTH_SILENCE_DB (-200.0)

struct truth_window {
    raw_ns centre;
    uint32_t segment;                  /* of the recording */
    double amplitude[TRUTH_TONES_MAX]; /* full scale 1 */
    double phase[TRUTH_TONES_MAX];     /* radians at `centre`, of sin(wt + phase) */
    double residual;                   /* rms, as the amplitude of a sine of that power */
    double peak;                       /* largest residual of one sample, full scale 1 */
    double stretch;                    /* frequency in raw time against nominal, minus 1 */
};

/*
 * Follows one channel of a recording, finished or growing. `record` must outlive it. window_ns is the length
 * of a window, step_ns the distance of their centres, both > 0. The caller owns *track. Returns 0 or -ENOMEM.
 */
struct truth_track;
int truth_track_new(struct truth_track **track, struct record *record, const struct truth_tones *tones,
                    int64_t window_ns, int64_t step_ns, uint32_t channel);

/*
 * Fits every window that is whole by now and was not before. Returns 0, -ENOMEM, or -ERANGE when the
 * recording has no such channel.
 */
int truth_track_update(struct truth_track *t);

/* The windows so far, in order of time; valid until the next update. */
const struct truth_window *truth_track_windows(const struct truth_track *t, size_t *count);
const struct record *truth_track_record(const struct truth_track *t);
int64_t truth_track_window_ns(const struct truth_track *t);
int64_t truth_track_step_ns(const struct truth_track *t);
void truth_track_free(struct truth_track *t); /* NULL is allowed */

/* 20 log10(amplitude), not below TRUTH_SILENCE_DB. */
double truth_db(double amplitude);

/* --- judging windows --- */

enum truth_state {
    TRUTH_SILENT, /* no tone and nothing else above the limit */
    TRUTH_DIRTY,  /* something, but not the tone, or not it alone, or more than 3 dB off its usual level */
    TRUTH_CLEAN
};

struct truth_judge {
    double limit;     /* residual above which a window is dirty, as an amplitude */
    double amplitude; /* the tone's usual one: median of the windows within the limit */
};

/* Learns the usual level from a track. limit_db: dBFS. With nothing to learn from, no window will be clean.
 */
int truth_judge_learn(struct truth_judge *judge, const struct truth_track *t, double limit_db);
enum truth_state truth_judge_window(const struct truth_judge *judge, const struct truth_window *w);

/* --- delays --- */

/*
 * The delay in nanoseconds by which something with the phases `lead_rad` is ahead of something with `lag_rad`
 * of the same tones: of all delays that explain both, the one nearest to expect_ns.
 */
double truth_delay_ns(const struct truth_tones *tones, const double lead_rad[], const double lag_rad[],
                      double expect_ns);

/* The phases at an instant, in nanoseconds of the source's clock, of a source that is sin(2 pi f t) in that
 * clock. */
void truth_source_phases(const struct truth_tones *tones, struct instant source_time, double phase_rad[]);

/* --- figures --- */

struct truth_stats {
    size_t count;
    double mean, median, rms; /* signed, signed, unsigned */
    double p50, p99, p999;    /* of the absolute values */
    double worst;             /* the value farthest from zero, with its sign */
};

/* Figures of `count` values; all zero of none. Reorders `values`. */
void truth_stats_of(struct truth_stats *stats, double *values, size_t count);

/* --- damage --- */

struct truth_event {
    raw_ns from, until;    /* the dirty or silent windows, whole: the damage lies within */
    double worst_residual; /* amplitude */
    bool silent;           /* the tone was gone for at least one window */
    bool explained;        /* set by truth_explain() */
};

/* What one segment of a recording held. */
struct truth_span {
    raw_ns t0;
    raw_ns sound;             /* centre of the first clean window; 0: there is none */
    int64_t lead_in_ns;       /* t0 to the start of that window: silence and fade-in */
    int64_t lead_in_dirty_ns; /* of which something was to be heard */
    int64_t tail_ns;          /* after the last clean window, of a segment that was stopped or drained */
    enum record_cause cause;  /* how it ended */
    raw_ns end;
    bool explained; /* an xrun: set by truth_explain() */
};

struct truth_damage {
    struct truth_event *events;
    size_t event_count;
    struct truth_span *spans;
    size_t span_count;
    size_t windows, clean; /* of those counted: from the first clean one of a segment to its last */
    int64_t damaged_ns;    /* all events together */
    double worst_residual; /* of the clean windows, amplitude */
    double mean_residual;  /* power mean of the clean windows, amplitude */
};

/*
 * Goes through the windows of [from, until). What comes before the first clean window of a segment is its
 * lead-in; what comes after the last one is its tail, which is no damage if the program stopped the card
 * there or the recording ends, and damage if the segment ended in an xrun. The caller frees with
 * truth_damage_free(). Returns 0 or -ENOMEM.
 */
int truth_damage_find(struct truth_damage *damage, const struct truth_track *t,
                      const struct truth_judge *judge, raw_ns from, raw_ns until);
void truth_damage_free(struct truth_damage *damage);

/* A wake-up that came late: the machine itself stood still for the `late_ns` before `woke`. */
struct truth_stall {
    raw_ns woke;
    int64_t late_ns;
};

/*
 * Marks as explained each event and each xrun before which, at most 100 ms, or during which the machine stood
 * still for longer than slack_ns: in one piece, or in several within 10 ms, since sound needs three wake-ups
 * one after the other and each can meet a piece of its own. `stalls` are in order of time; those of several
 * witnesses stand one witness behind the other. Forced xruns are explained by themselves.
 */
void truth_explain(struct truth_damage *damage, const struct truth_stall *stalls, size_t count,
                   int64_t slack_ns);

#endif
