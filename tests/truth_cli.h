// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What the commands of unisono-truth share: the options, and a recording made ready for questions.
 */
#ifndef UNISONO_TRUTH_CLI_H
#define UNISONO_TRUTH_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "truth.h"

enum { CLI_PATHS_MAX = 8 };

enum cli_source { CLI_SOURCE_NONE, CLI_SOURCE_RAW, CLI_SOURCE_REALTIME };

struct cli_options {
    const char *paths[CLI_PATHS_MAX];
    size_t path_count;
    struct truth_tones tones;
    double skip_s, length_s; /* length 0: to the end */
    double window_ms;        /* 0: what suits the command */
    uint32_t channel;
    enum cli_source source;
    double expect_ms;
    bool expect_given;
    double limit_db;
    double limit_us, aligned_us;
    const char *witness;
    double slack_ms;
    const char *csv;
    const char *names; /* comma-separated */
    bool json;
};

/* A recording, its windows, and what is usual in it. */
struct cli_sound {
    const char *path;
    struct record *record;
    struct truth_track *track;
    struct truth_judge judge;
};

/*
 * Opens a recording and fits all its windows. Says on standard error what is wrong. Returns 0 or -errno; the
 * caller closes in either case.
 */
int cli_sound_open(struct cli_sound *sound, const char *path, const struct cli_options *o, double window_ms);

/* The same in two steps, for a recording that grows: update returns 0 or -errno and says nothing. */
int cli_sound_begin(struct cli_sound *sound, const char *path, const struct cli_options *o, double window_ms);
int cli_sound_update(struct cli_sound *sound, const struct cli_options *o);
void cli_sound_close(struct cli_sound *sound);

/* t0 of the first segment; the recording has one. */
raw_ns cli_sound_start(const struct cli_sound *sound);

/* The commands; each returns the exit code. */
int cli_pair(const struct cli_options *o);
int cli_latency(const struct cli_options *o);
int cli_damage(const struct cli_options *o);
int cli_thdn(const struct cli_options *o);
int cli_watch(const struct cli_options *o);

#endif
