// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Remote: a program is told things while it runs, at a UNIX socket of its own (SOCK_STREAM).
 *
 *     a line in:    COMMAND [ARGUMENT...]
 *     a line out:   {"ok": true, ...} or {"ok": false, "error": "what is wrong, and what is allowed"}
 *
 * Besides the commands of the program's table there are `who` (program, pid, name) and `help`. Whoever may
 * write to the socket's file, mode 0660, may tell. All belongs to the control thread, and nothing a client
 * does holds it up: eight clients at most, lines of 4095 bytes, REMOTE_COMMANDS commands in one
 * remote_wait(); who does not take an answer within 5 s is dropped, and when a ninth comes, who said nothing
 * for 5 s.
 */
#ifndef UNISONO_REMOTE_H
#define UNISONO_REMOTE_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"

enum {
    REMOTE_CLIENTS = 8,
    REMOTE_FDS = 8,             /* at most, to wait for */
    REMOTE_LINE_SIZE = 4096,    /* its end included */
    REMOTE_ANSWER_SIZE = 32768, /* likewise */
    REMOTE_WHY_SIZE = 512,
    REMOTE_COMMANDS = 16
};

struct remote_command {
    const char *name;
    const char *usage; /* what follows the name, for `help`: "DB"; "": nothing */
    /*
     * `argument` has no outer blanks; "" when there is none. Writes members to `answer`, an object that is
     * open. 0, or -errno, and in `why` what is wrong and allowed; what was written is then forgotten.
     */
    int (*run)(void *context, const char *argument, struct json *answer, char *why, size_t why_size);
};

struct remote_config {
    const char *where;                     /* a path; auto: as of places.h; off: none */
    const char *end;                       /* "recv" or "send" */
    const char *name;                      /* what people call this one; copied, up to 63 bytes */
    const struct remote_command *commands; /* must stay valid, as `context` */
    size_t count;
    void *context;
};

struct remote;

/*
 * Makes the socket. A file that a dead process left is replaced; one where somebody listens, or that is no
 * socket, is an error. With `auto`, what dead processes left beside it goes, too. *remote is NULL with `off`,
 * and on failure: -errno, one line in `err`. Without it the program goes on as well; all functions take NULL.
 */
int remote_open(struct remote **remote, const struct remote_config *config, char *err, size_t err_size);

/* Unlinks it, if it is still ours. */
void remote_close(struct remote *remote);

/* NULL: none. */
const char *remote_path(const struct remote *remote);

/*
 * In place of poll(): waits until one of `fds` is ready, or timeout_ms have passed, and answers clients at
 * once meanwhile. How many are ready, 0, or -1 and errno.
 */
int remote_wait(struct remote *remote, struct pollfd *fds, unsigned count, int timeout_ms);

/*
 * The other end: sends `line`, which has no line feed, to the socket at `path`, and waits for the answer, at
 * most timeout_ms in all. `answer` gets it without its line feed. 0, or -errno and one line in `err`.
 */
int remote_ask(const char *path, const char *line, int timeout_ms, char answer[REMOTE_ANSWER_SIZE], char *err,
               size_t err_size);

#endif
