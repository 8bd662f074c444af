// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What left a simulated converter, and when: the recording written by the simulated sound card and read by
 * the truth tool.
 *
 * A recording is one file that only grows, so it can be read while it is being written. It is a chain of
 * records, each beginning at a multiple of 8 bytes: u32 type, u32 bytes, then `bytes` bytes of payload, then
 * zeros up to the next multiple of 8. All numbers are little-endian; `raw` is CLOCK_MONOTONIC_RAW in
 * nanoseconds.
 *
 *   1 FILE     char magic[8] "UNISOREC", u32 version (1), u32 stream (0 playback, 1 capture)
 *   2 SEGMENT  i64 raw t0, i64 trim_ppt, u32 rate_hz, u32 channels, u32 granule, u32 fifo
 *   3 DATA     i64 first frame, then i32 samples[frames][channels], full scale 2^31
 *   4 CLOCK    i64 raw, i64 CLOCK_REALTIME at the same instant, i64 width of the bracket it was read in
 *   5 END      i64 frames, i64 raw of the end, i64 raw when it was noticed, u32 cause, u32 0
 *
 * FILE comes first, once. A SEGMENT opens each time the card starts and an END closes it; frames count from 0
 * in each segment, DATA records follow one another without a gap. A type that is not known is skipped.
 * Frame k of a segment passes the converter at t0 + k / (rate * (1 + trim)): see struct card_law. A capture
 * card's recording holds no DATA. Whatever opens the file again appends, after cutting off a torn last
 * record.
 */
#ifndef UNISONO_RECORD_H
#define UNISONO_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/timebase.h"

/* An instant with its fraction of a nanosecond, 0 <= part < 1. */
struct instant {
    raw_ns at;
    double part;
};

/* When a card's frames pass its converter. Exact: integers only, so nothing accumulates however long it runs.
 */
struct card_law {
    raw_ns t0;        /* frame 0 passes the converter */
    int64_t trim_ppt; /* the crystal's error in parts per 10^12; positive: fast */
    uint32_t rate_hz; /* nominal */
};

/* Frame n = floor((t - t0) * true rate) is the last that has reached the converter; negative before t0. */
int64_t card_law_frame(const struct card_law *law, raw_ns t);

/* When frame n passes the converter; 0 <= n < 2^56. */
struct instant card_law_instant(const struct card_law *law, int64_t n);

/* True nanoseconds from one frame to the next. */
double card_law_period_ns(const struct card_law *law);

/* a - b in nanoseconds. */
double instant_minus(struct instant a, struct instant b);

enum record_stream { RECORD_PLAYBACK = 0, RECORD_CAPTURE = 1 };

/* How a segment ended. */
enum record_cause {
    RECORD_OPEN = 0,        /* it has not: still running, or its process was killed */
    RECORD_STOPPED = 1,     /* the program stopped the card; frames still queued were dropped */
    RECORD_DRAINED = 2,     /* the program let the queue play out */
    RECORD_XRUN = 3,        /* the program was late: underrun or overrun */
    RECORD_XRUN_FORCED = 4, /* an xrun the card was told to provoke */
    RECORD_UNPLUGGED = 5    /* the device went away */
};

struct record_segment {
    struct card_law law;
    uint32_t channels;
    uint32_t granule, fifo; /* frames: step of the card's pointer, depth of its fifo */
    int64_t frames; /* recorded so far; all of them when `cause` is not RECORD_OPEN; 0 of a capture card */
    enum record_cause cause;
    raw_ns end;  /* valid with a cause: when the first frame that is missing should have been played */
    raw_ns seen; /* valid with a cause: when that was noticed */
};

struct record_clock {
    raw_ns raw;
    int64_t realtime_ns;
    int64_t width_ns; /* realtime_ns was read within this much of raw */
};

/*
 * --- writing; every call but open, setup and close is fit for a real-time thread: no allocation, no system
 * call but waking the thread that writes. What was added is in the file some milliseconds later, all of it
 * after close. ---
 */

struct record_writer;

/*
 * Opens or creates the recording at `path` for appending and locks it against a second writer. *first_start
 * becomes the t0 of the first segment already in it, or 0 ns when there is none. The caller owns *writer.
 * Returns 0; -EBUSY when another process writes it; -EBADMSG when the file is something else, or the other
 * stream; or -errno.
 */
int record_writer_open(struct record_writer **writer, const char *path, enum record_stream stream,
                       raw_ns *first_start);

/* Makes room for segments of this shape. To be called before the first segment. Returns 0 or -ENOMEM. */
int record_writer_setup(struct record_writer *w, uint32_t rate_hz, uint32_t channels);

/* Opens a segment; `frames`, `cause`, `end` and `seen` of the argument are ignored. */
void record_writer_segment(struct record_writer *w, const struct record_segment *segment);

/* Adds frames to the segment, interleaved. They reach the file in pieces of 10 ms. */
void record_writer_frames(struct record_writer *w, const int32_t *samples, uint32_t frames);

/* After setup, like all that follows. */
void record_writer_clock(struct record_writer *w, const struct record_clock *clock);

/* Closes the segment. */
void record_writer_end(struct record_writer *w, enum record_cause cause, raw_ns end, raw_ns seen);

/* Waits until all that was added is in the file. Not for a real-time thread. */
void record_writer_sync(struct record_writer *w);

/* The first error met in writing as -errno, or 0. After an error nothing more is written. */
int record_writer_error(const struct record_writer *w);

/* NULL is allowed. */
void record_writer_close(struct record_writer *w);

/* --- reading --- */

struct record;

/* Opens and indexes a recording, finished or growing. The caller owns *record. Returns 0, -EBADMSG or -errno.
 */
int record_open(struct record **record, const char *path);

/* Takes in what has been appended since. Returns 0, -EBADMSG (not a recording from here on) or -errno. */
int record_poll(struct record *r);

enum record_stream record_kind(const struct record *r);
size_t record_segments(const struct record *r);

/* Valid until the next record_poll(). i < record_segments(). */
const struct record_segment *record_segment(const struct record *r, size_t i);

/*
 * Copies `frames` samples of one channel, full scale 1.0, from frame `first` of segment i. Returns 0, or
 * -ERANGE when they are not all there or there is no such channel.
 */
int record_samples(const struct record *r, size_t i, int64_t first, size_t frames, uint32_t channel,
                   double *out);

size_t record_clocks(const struct record *r);

/*
 * CLOCK_REALTIME at a raw instant, interpolated between the recorded clock pairs (extrapolated outside them);
 * `at` of the result holds realtime nanoseconds. Returns 0, or -ENODATA without any pair.
 */
int record_realtime(const struct record *r, struct instant raw, struct instant *realtime);

/* NULL is allowed. */
void record_close(struct record *r);

#endif
