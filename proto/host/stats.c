// SPDX-License-Identifier: GPL-3.0-or-later
#include "stats.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

struct stats {
    int fd;
    bool ours; /* fd was opened here */
    bool failed;
    char path[256];
    char line[1 << 15];
    size_t length;
};

int stats_open(struct stats **result, const char *path, char *err, size_t err_size)
{
    struct stats *s = NULL;

    *result = NULL;
    if (!*path)
        return 0;
    s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(err, err_size, "out of memory opening --stats %s", path);
        return -ENOMEM;
    }
    snprintf(s->path, sizeof s->path, "%s", path);
    s->ours = strcmp(path, "-") != 0;
    s->fd = s->ours ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : STDOUT_FILENO;
    if (s->fd < 0) {
        int error = -errno;

        snprintf(err, err_size, "--stats %s: cannot be written: %s", path, strerror(-error));
        free(s);
        return error;
    }
    *result = s;
    return 0;
}

void stats_close(struct stats *s)
{
    if (!s)
        return;
    if (s->ours)
        close(s->fd);
    free(s);
}

static void append(struct stats *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(struct stats *s, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(s->line + s->length, sizeof s->line - s->length, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof s->line - s->length)
        s->length += (size_t)n;
}

static void append_comma(struct stats *s)
{
    char before = s->line[s->length - 1];

    if (before != '{' && before != '[')
        append(s, ",");
}

static void append_name(struct stats *s, const char *name)
{
    append_comma(s);
    append(s, "\"%s\":", name);
}

void stats_begin(struct stats *s)
{
    if (!s)
        return;
    s->length = 0;
    append(s, "{");
}

void stats_text(struct stats *s, const char *name, const char *value)
{
    if (!s)
        return;
    append_name(s, name);
    append(s, "\"");
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;

        if (c < 0x20 || c == 0x7f)
            append(s, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            append(s, "\\%c", c);
        else
            append(s, "%c", c);
    }
    append(s, "\"");
}

void stats_flag(struct stats *s, const char *name, bool value)
{
    if (!s)
        return;
    append_name(s, name);
    append(s, value ? "true" : "false");
}

void stats_count(struct stats *s, const char *name, uint64_t value)
{
    if (!s)
        return;
    append_name(s, name);
    append(s, "%llu", (unsigned long long)value);
}

void stats_real(struct stats *s, const char *name, double value)
{
    if (!s)
        return;
    append_name(s, name);
    if (isfinite(value))
        append(s, "%.10g", value);
    else
        append(s, "null");
}

void stats_array_begin(struct stats *s, const char *name)
{
    if (!s)
        return;
    append_name(s, name);
    append(s, "[");
}

void stats_object_begin(struct stats *s)
{
    if (!s)
        return;
    append_comma(s);
    append(s, "{");
}

void stats_object_end(struct stats *s)
{
    if (s)
        append(s, "}");
}

void stats_array_end(struct stats *s)
{
    if (s)
        append(s, "]");
}

void stats_end(struct stats *s)
{
    if (!s)
        return;
    append(s, "}\n");
    if (write(s->fd, s->line, s->length) == (ssize_t)s->length) {
        s->failed = false;
    } else if (!s->failed) {
        log_warning("--stats %s: cannot be written: %s; the sound goes on", s->path, strerror(errno));
        s->failed = true;
    }
}
