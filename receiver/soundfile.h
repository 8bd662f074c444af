// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A sound file that is being recorded, through libsndfile.
 *
 *     NAME.wav    Broadcast Wave (EBU Tech 3285), whose bext chunk says when sample 0 was: samples since
 *                 midnight. It becomes RF64 (EBU Tech 3306) by itself when it passes 4 GB.
 *     NAME.flac   the same in its comments: TIME_REFERENCE=...
 *
 * 16 bits for L16, 24 for L24, both bit by bit; everything else as 32-bit float in WAV, and rounded to 24
 * bits in FLAC. The header is brought up to date while it grows, so that the file can be read wherever
 * writing broke off. A file that exists is never touched.
 */
#ifndef UNISONO_SOUNDFILE_H
#define UNISONO_SOUNDFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "take.h"

#define SOUNDFILE_FLAC_CHANNELS_MAX 8

/* How the stream's PTP time becomes the time of day. */
struct soundfile_time {
    bool utc;         /* false: nobody knows; times are those of PTP's own count, which the file says */
    int utc_offset_s; /* PTP - UTC; 0 unless `utc` */
    const char *grandmaster; /* for people; "": not known */
};

struct soundfile_config {
    const char *path;       /* ends in .wav or .flac; see soundfile_check_name() */
    const char *title;      /* of the stream; "" or printable */
    const char *originator; /* the machine that records */
    struct take_format format;
    struct soundfile_time time;
};

struct soundfile;

/* 0, or -EINVAL with what is allowed in `why`: an option's check. */
int soundfile_check_name(const char *path, char *why, size_t why_size);

/*
 * The sample count since midnight of the day in which media sample `at` lies. `day_s`, if not NULL, gets that
 * midnight, in seconds since 1970-01-01 (UTC, or PTP's own count).
 */
uint64_t soundfile_time_reference(media_t at, uint32_t rate_hz, const struct soundfile_time *time,
                                  int64_t *day_s);

/* Makes it. 0, or -errno with one line in `err`; -EEXIST: there is something of that name. */
int soundfile_create(struct soundfile **file, const struct soundfile_config *config, char *err,
                     size_t err_size);

/* Appends; NULL samples: silence. -EIO with one line in `err`: the disk is full, or broken. */
int soundfile_write(struct soundfile *file, const float *interleaved, size_t frames, char *err,
                    size_t err_size);

/*
 * The header says what is there by now. A FLAC file has no such number until it is closed. 0; or, with one
 * line in `err`, -EIO when that failed, then nothing more may be written; -ENOENT when the file has been
 * removed, or has another name now: what is written would be found by nobody.
 */
int soundfile_update(struct soundfile *file, char *err, size_t err_size);

/* Ends the file and frees all; NULL is allowed. -EIO with one line in `err` when that failed. */
int soundfile_close(struct soundfile *file, char *err, size_t err_size);

#endif
