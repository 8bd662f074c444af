// SPDX-License-Identifier: GPL-3.0-or-later
#include "rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rows {
    FILE *file;
    char path[256];
};

int rows_open(struct rows **result, const char *path, char *err, size_t err_size)
{
    struct rows *r;

    *result = NULL;
    if (!*path)
        return 0;
    r = calloc(1, sizeof *r);
    if (r)
        r->file = fopen(path, "we");
    if (!r || !r->file) {
        int error = -errno;

        snprintf(err, err_size, "--csv %s: cannot be written: %s", path, strerror(-error));
        free(r);
        return error;
    }
    snprintf(r->path, sizeof r->path, "%s", path);
    fputs("arrival_s,kind,sequence,rtp_timestamp,media_samples,transit_us,delay_us,lead_us\n", r->file);
    *result = r;
    return 0;
}

static const char *kind(const struct analysis_row *row)
{
    if (!row->counted)
        return "stray";
    if (!row->sound)
        return "control";
    if (row->duplicate)
        return "duplicate";
    return row->step.order == TRACK_OLD ? "reordered" : row->step.jumped ? "jumped" : "sound";
}

void rows_write(struct rows *r, const struct datagram *d, const struct rtp_packet *p,
                const struct analysis_row *row)
{
    if (!r)
        return;
    fprintf(r->file, "%" PRId64 ".%09" PRId64 ",%s,%u,%" PRIu32 ",", d->arrival_ns / NS_PER_S,
            d->arrival_ns % NS_PER_S, kind(row), p->sequence, p->timestamp);
    if (row->sound && !row->duplicate)
        fprintf(r->file, "%" PRId64 ",%.3f,%.3f,", row->step.at.n, (double)row->transit_ns / 1e3,
                (double)row->delay_ns / 1e3);
    else
        fputs(",,,", r->file);
    if (row->has_lead)
        fprintf(r->file, "%.3f", (double)row->lead_ns / 1e3);
    fputc('\n', r->file);
}

int rows_close(struct rows *r, char *err, size_t err_size)
{
    int error = 0;

    if (!r)
        return 0;
    if (ferror(r->file))
        error = -EIO;
    if (fclose(r->file))
        error = -errno;
    if (error)
        snprintf(err, err_size, "--csv %s: cannot be written to its end; free the disk", r->path);
    free(r);
    return error;
}
