// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Paced sources: sound that has no clock of its own and is taken at the pace of the media clock.
 *
 *     file  -->  reader thread: decode, convert the rate  -->  ring  --\
 *     stdin -->  reader thread: read, convert the format  -->  ring  ---> source_read() in the real-time
 * thread tone  -->  computed from the media time asked for   -------------/
 *
 * A disk or a pipe may keep a thread waiting, so an ordinary thread reads ahead into a ring of two seconds,
 * and the real-time thread only copies out of it: single producer, single consumer, C11 atomics, no lock and
 * no system call on the consuming side. The reader looks for room when the ring was full every 50 ms; nobody
 * has to wake it.
 *
 * A sample is a float, full scale 1.0. PCM of up to 24 bits comes out as integer / 2^(bits-1), exactly.
 * Values beyond full scale, which float files may hold, are passed on; what is not a number becomes silence.
 */
#ifndef UNISONO_SOURCE_H
#define UNISONO_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/timebase.h"

enum source_kind {
    SOURCE_ALSA, /* alsa:DEVICE; not paced: it has a clock of its own, and source_open() refuses it */
    SOURCE_FILE, /* file:PATH */
    SOURCE_STDIN,
    SOURCE_TONE, /* tone, or tone:HZ */
};

/* The parts of what --input says. */
struct source_spec {
    enum source_kind kind;
    const char *name;  /* device or path, pointing into the text parsed; NULL for the others */
    uint32_t tone_mhz; /* thousandths of a hertz; 0 for the others */
};

/* Returns 0, or -EINVAL and in `why` what is allowed. */
int source_parse(const char *text, struct source_spec *spec, char *why, size_t why_len);

/* Raw formats of stdin, interleaved; in the order of SOURCE_FORMATS. */
#define SOURCE_FORMATS "S16_LE S24_3LE S32_LE F32_LE"
enum source_format { SOURCE_S16_LE, SOURCE_S24_3LE, SOURCE_S32_LE, SOURCE_F32_LE };

struct source_config {
    const char *spec;          /* what --input says; needed until source_open() returns */
    uint32_t rate_hz;          /* wanted; 0: the source's own, 48000 where it has none or an unusual one */
    unsigned channels;         /* wanted; 0: the source's own, 2 where it has none */
    bool loop;                 /* file: begins again at its end, without a frame between */
    enum source_format format; /* stdin */
};

struct source;

/*
 * Opens a source and waits until its first sound is ready: a file's always is within moments; for stdin it
 * waits for 200 ms of sound, but not longer than 2 s or until a signal was handled. Starts the reader thread,
 * which takes no signals. Returns 0, or a negative errno and in `err` one line that names the source, what is
 * wrong and what to do.
 */
int source_open(struct source **source, const struct source_config *config, char *err, size_t err_len);

/* What it delivers; fixed from source_open() on. */
uint32_t source_rate_hz(const struct source *source);
unsigned source_channels(const struct source *source);

/*
 * For people: "WAV (Microsoft), Signed 24 bit PCM, 2 channels, 48000 Hz, 1.500 s: file:a.wav". Valid until
 * source_close().
 */
const char *source_description(const struct source *source);

/*
 * Takes the next `frames` frames, the first of which will be sample `at` of the media timeline (only a tone
 * cares). For the real-time thread: never waits. Returns how many frames it wrote; fewer than asked when
 * the rest is not there yet or the source has ended.
 */
size_t source_read(struct source *source, media_t at, float *interleaved, size_t frames);

/* True when all there was has been read and no more will come. For the thread that reads. */
bool source_ended(const struct source *source);

/* Stops the reader thread at once, even while stdin is silent, and frees all. NULL is allowed. */
void source_close(struct source *source);

/* ---- for the kinds of source only ---------------------------------------------------------------- */

/* Every kind of source begins with this. */
struct source {
    size_t (*read)(struct source *source, media_t at, float *interleaved, size_t frames);
    bool (*ended)(const struct source *source);
    void (*close)(struct source *source);
    uint32_t rate_hz;
    unsigned channels;
    char description[256];
};

/* As source_open(), the spec already parsed. */
int source_open_file(struct source **source, const struct source_config *config, const char *path, char *err,
                     size_t err_len);
int source_open_stdin(struct source **source, const struct source_config *config, char *err, size_t err_len);
int source_open_tone(struct source **source, const struct source_config *config, uint32_t tone_mhz, char *err,
                     size_t err_len);

#endif
