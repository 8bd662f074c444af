// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The log: one line on stderr for each message, "unisono-recv: warning: no stream on 239.69.83.1:5004".
 * Under systemd, when stderr is the journal, the line begins with the level as <3>, <4>, <6> or <7> instead
 * of being told by the word alone (sd-daemon(3)).
 *
 * For ordinary threads only. A line is formatted on the stack and handed over in one write(2): no lock, no
 * heap, lines of different threads never mix. But write(2) may wait for a slow terminal or journal, so a
 * real-time thread never calls this: it leaves its news in counters, and the control thread tells them.
 *
 * What log_start() sets is the one piece of process-wide state in Unisono. stderr itself belongs to the
 * process, any depth of any module may have to speak, and the state is written once, before the first
 * thread is started, and only read from then on.
 */
#ifndef UNISONO_LOG_H
#define UNISONO_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/timebase.h"

enum log_level {
    LOG_LEVEL_ERROR,   /* the program, or a part the user asked for, cannot go on */
    LOG_LEVEL_WARNING, /* it goes on, but somebody should see to something */
    LOG_LEVEL_INFO,    /* what changed: started, stream found, clock locked, stopped */
    LOG_LEVEL_DEBUG,   /* how it came to that */
};

/* Their names, in that order, as words of an option. */
#define LOG_LEVELS "error warning info debug"

struct log_config {
    const char *program;  /* begins each line; must stay valid */
    enum log_level level; /* the least urgent level that is still written */
    int fd;               /* where to; STDERR_FILENO */
};

/* Once, before the first thread. Without it, errors, warnings and info go to stderr under the name "unisono".
 */
void log_start(const struct log_config *config);

/*
 * No newline at the end. Control characters, which a peer may have sent, come out as '?', so a message is
 * one line whatever it holds; beyond some 1000 bytes it is cut, with "..." at the end. errno is left alone.
 */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* True when a message of that level would be written: to spare the work of composing one. */
bool log_wants(enum log_level level);

/*
 * Keeps a message that could come a thousand times a second to one in `interval_ns`. One for each kind of
 * message, owned by whoever says it, used from one thread; all other members zero at the start.
 */
struct log_limit {
    int64_t interval_ns;
    raw_ns last; /* when one passed */
    bool passed; /* one did */
    uint64_t held;
};

/*
 * Whether the message may be written now. When it may, *held is how many were held back since the last one,
 * for the message to say; when not, it is counted and *held is left alone.
 */
bool log_limit_pass(struct log_limit *limit, raw_ns now, uint64_t *held);

#endif
