// SPDX-License-Identifier: GPL-3.0-or-later
/* The CSV (RFC 4180): one line for each packet of the stream, for spreadsheets and plots. */
#ifndef UNISONO_REPLAY_ROWS_H
#define UNISONO_REPLAY_ROWS_H

#include <stddef.h>

#include "analysis.h"

struct rows;

/* `path` "": no rows are wanted; then *rows is NULL, and all functions take that. 0, or -errno and `err`. */
int rows_open(struct rows **rows, const char *path, char *err, size_t err_size);
void rows_write(struct rows *rows, const struct datagram *datagram, const struct rtp_packet *packet,
                const struct analysis_row *row);
/* 0, or -errno and one line in `err` when not all could be written. */
int rows_close(struct rows *rows, char *err, size_t err_size);

#endif
