// SPDX-License-Identifier: GPL-3.0-or-later
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_LEN = 1024 };

static const struct {
    const char *word;
    int priority; /* of syslog(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

static struct {
    struct log_config config;
    bool journal;
} state = {.config = {.program = "unisono", .level = LOG_LEVEL_INFO, .fd = STDERR_FILENO}};

/* systemd.exec(5): JOURNAL_STREAM holds device and inode of the stream that goes to the journal. */
static bool is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char mine[64];
    struct stat st;

    if (stream == NULL || fstat(fd, &st) < 0)
        return false;
    snprintf(mine, sizeof mine, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, mine) == 0;
}

void log_start(const struct log_config *config)
{
    state.config = *config;
    state.journal = is_journal(config->fd);
}

bool log_wants(enum log_level level)
{
    return level <= state.config.level;
}

/* write(2) until all is out; a log that cannot be written is nobody's reason to stop. */
static void write_line(const char *line, size_t len)
{
    while (len > 0) {
        ssize_t n = write(state.config.fd, line, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        line += n;
        len -= (size_t)n;
    }
}

__attribute__((format(printf, 2, 0))) static void write_message(enum log_level level, const char *format,
                                                                va_list args)
{
    static const char cut[] = "...\n";
    char line[LINE_LEN];
    int saved_errno = errno;
    size_t prefix_len = 0;
    size_t len;
    int n;

    if (!log_wants(level))
        return;
    if (state.journal)
        prefix_len = (size_t)snprintf(line, sizeof line, "<%d>", levels[level].priority);
    n = snprintf(line + prefix_len, sizeof line / 2, "%s: %s: ", state.config.program, levels[level].word);
    len = prefix_len + (n < LINE_LEN / 2 ? (size_t)n : LINE_LEN / 2 - 1);
    errno = saved_errno; /* for %m */
    n = vsnprintf(line + len, sizeof line - len, format, args);
    if (n < 0)
        n = 0;
    if (len + (size_t)n + 1 > sizeof line) {
        memcpy(line + sizeof line - strlen(cut), cut, strlen(cut));
        len = sizeof line;
    } else {
        len += (size_t)n;
        line[len++] = '\n';
    }
    for (size_t i = 0; i + 1 < len; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 127)
            line[i] = '?';
    }
    write_line(line, len);
    errno = saved_errno;
}

void log_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_message(LOG_LEVEL_ERROR, format, args);
    va_end(args);
}

void log_warning(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_message(LOG_LEVEL_WARNING, format, args);
    va_end(args);
}

void log_info(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_message(LOG_LEVEL_INFO, format, args);
    va_end(args);
}

void log_debug(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_message(LOG_LEVEL_DEBUG, format, args);
    va_end(args);
}

bool log_limit_pass(struct log_limit *limit, raw_ns now, uint64_t *held)
{
    if (limit->passed && now.ns - limit->last.ns < limit->interval_ns) {
        limit->held++;
        return false;
    }
    *held = limit->held;
    limit->held = 0;
    limit->last = now;
    limit->passed = true;
    return true;
}
