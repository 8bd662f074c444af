// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Statistics: one JSON object (RFC 8259) a line, a line a second, for scripts and for the curious. The unit
 * of every number is the end of its name.
 */
#ifndef UNISONO_STATS_H
#define UNISONO_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stats;

/*
 * `path`: a file, made anew; "-" for standard output; "" for none: then *stats is NULL, and all functions
 * take that. 0, or -errno and one line in `err`.
 */
int stats_open(struct stats **stats, const char *path, char *err, size_t err_size);
void stats_close(struct stats *stats);

/* The members of one object, between begin and end. Not-a-number becomes null. */
void stats_begin(struct stats *stats);
void stats_text(struct stats *stats, const char *name, const char *value);
void stats_flag(struct stats *stats, const char *name, bool value);
void stats_count(struct stats *stats, const char *name, uint64_t value);
void stats_real(struct stats *stats, const char *name, double value);

/* A member that is an array of objects: its name, then members between begin and end of each object. */
void stats_array_begin(struct stats *stats, const char *name);
void stats_object_begin(struct stats *stats);
void stats_object_end(struct stats *stats);
void stats_array_end(struct stats *stats);

/* Writes the line. A write that fails (disk full, reader gone) is told once in the log; the sound goes on. */
void stats_end(struct stats *stats);

#endif
