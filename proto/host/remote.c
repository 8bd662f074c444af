// SPDX-License-Identifier: GPL-3.0-or-later
#include "remote.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "places.h"
#include "proto/printable.h"

#define PATIENCE_NS (5 * NS_PER_S)

enum { LISTENER = REMOTE_CLIENTS, NAME_SIZE = 64, SHOWN_SIZE = 64, EVENTS_PER_WAIT = 256, HOLD_TRIES = 100 };

struct client {
    int fd;             /* -1: free */
    bool leaving;       /* says no more; goes when it has its answers */
    unsigned allowance; /* commands left in this wait */
    raw_ns active;
    size_t taken, sent, pending; /* bytes of `in` there are; of `out` gone, and in all */
    char in[REMOTE_LINE_SIZE];
    char out[REMOTE_ANSWER_SIZE];
};

struct remote {
    struct remote_config config;
    char name[NAME_SIZE];
    char path[PLACES_PATH_SIZE];
    struct stat made; /* the file, to know it again */
    int listener, epoll;
    unsigned allowance; /* events left in this wait */
    struct client clients[REMOTE_CLIENTS];
};

/* ---- the socket ---------------------------------------------------------------------------------------- */

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return address;
}

/* What stands in the way at `path` is removed when it is a socket that nobody listens at. */
static int remove_stale(const char *path, char *err, size_t err_size)
{
    struct sockaddr_un address = address_of(path);
    struct stat is;
    int fd, error = 0;

    if (lstat(path, &is) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(is.st_mode)) {
        snprintf(err, err_size, "control socket %s: a file that is no socket is there; name another path",
                 path);
        return -EEXIST;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const void *)&address, sizeof address) == 0 || errno == EAGAIN) {
        snprintf(err, err_size, "control socket %s: another program listens there; name another path", path);
        error = -EADDRINUSE;
    } else if (errno != ECONNREFUSED || unlink(path) < 0)
        error = -errno;
    close(fd);
    return error;
}

/*
 * Between bind() and listen() a socket looks like that of a dead process; who makes or removes one holds the
 * folder meanwhile. The folder's descriptor, which lets it go when it is closed; -1 when it cannot be had:
 * whoever may read the folder can hold it, and nobody shall keep us from starting.
 */
static int hold_folder(const char *path)
{
    const struct timespec pause = {.tv_nsec = 10 * NS_PER_MS};
    char folder[PLACES_PATH_SIZE];
    const char *slash = strrchr(path, '/');
    int fd;

    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int tries = 0; fd >= 0 && tries < HOLD_TRIES; tries++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        nanosleep(&pause, NULL);
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static void bury(void *context, const char *path)
{
    char err[256];

    (void)context;
    remove_stale(path, err, sizeof err);
}

static int watch(struct remote *r, int fd, uint32_t id, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u32 = id};

    return epoll_ctl(r->epoll, operation, fd, &event) < 0 ? -errno : 0;
}

static int bind_and_listen(struct remote *r)
{
    struct sockaddr_un address = address_of(r->path);

    r->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (r->listener < 0 || r->epoll < 0)
        return -errno;
    if (bind(r->listener, (const void *)&address, sizeof address) < 0)
        return -errno;
    /* until listen() nobody gets in, whatever the mode was */
    if (lstat(r->path, &r->made) < 0 || chmod(r->path, 0660) < 0 || listen(r->listener, REMOTE_CLIENTS) < 0)
        return -errno;
    return watch(r, r->listener, LISTENER, EPOLL_CTL_ADD, EPOLLIN);
}

static int listen_at(struct remote *r, bool ours, char *err, size_t err_size)
{
    int folder = hold_folder(r->path);
    int error;

    if (ours && folder >= 0)
        places_beside(r->path, bury, NULL);
    error = remove_stale(r->path, err, err_size);
    if (!error)
        error = bind_and_listen(r);
    if (folder >= 0)
        close(folder);
    return error;
}

int remote_open(struct remote **remote, const struct remote_config *config, char *err, size_t err_size)
{
    bool ours = strcmp(config->where, "auto") == 0;
    struct remote *r = NULL;
    int error = 0;

    *remote = NULL;
    *err = '\0';
    if (strcmp(config->where, "off") == 0)
        return 0;
    r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->config = *config;
    r->listener = r->epoll = -1;
    for (int i = 0; i < REMOTE_CLIENTS; i++)
        r->clients[i].fd = -1;
    printable_copy(r->name, sizeof r->name, config->name, strlen(config->name));
    if (ours)
        error = places_own(config->end, r->path, err, err_size);
    else if (snprintf(r->path, sizeof r->path, "%s", config->where) >= (int)sizeof r->path)
        error = -ENAMETOOLONG;
    if (!error)
        error = listen_at(r, ours, err, err_size);
    if (!error) {
        *remote = r;
        return 0;
    }
    if (!*err)
        snprintf(err, err_size, "control socket %s: %s", ours ? r->path : config->where, strerror(-error));
    remote_close(r);
    return error;
}

const char *remote_path(const struct remote *r)
{
    return r ? r->path : NULL;
}

/* ---- clients ------------------------------------------------------------------------------------------- */

static void drop(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

void remote_close(struct remote *r)
{
    struct stat is;

    if (!r)
        return;
    for (int i = 0; i < REMOTE_CLIENTS; i++)
        drop(&r->clients[i]);
    if (r->made.st_ino && lstat(r->path, &is) == 0 && is.st_ino == r->made.st_ino &&
        is.st_dev == r->made.st_dev)
        unlink(r->path);
    if (r->listener >= 0)
        close(r->listener);
    if (r->epoll >= 0)
        close(r->epoll);
    free(r);
}

/* What a client is waited for: to take its answer, or else to say something, if it may. */
static void await_client(struct remote *r, struct client *c)
{
    uint32_t events = c->sent < c->pending ? EPOLLOUT : c->leaving || c->allowance == 0 ? 0 : EPOLLIN;

    if (watch(r, c->fd, (uint32_t)(c - r->clients), EPOLL_CTL_MOD, events) < 0)
        drop(c);
}

static void send_out(struct remote *r, struct client *c)
{
    while (c->sent < c->pending) {
        ssize_t n = send(c->fd, c->out + c->sent, c->pending - c->sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            drop(c);
            return;
        }
        if (n < 0)
            break;
        c->sent += (size_t)n;
    }
    if (c->leaving && c->sent == c->pending && !memchr(c->in, '\n', c->taken))
        drop(c);
    else
        await_client(r, c);
}

/* A place for a newcomer: a free one, or that of who has been silent longest, if that is long. */
static struct client *find_place(struct remote *r, raw_ns now)
{
    struct client *oldest = r->clients;

    for (int i = 0; i < REMOTE_CLIENTS; i++) {
        if (r->clients[i].fd < 0)
            return &r->clients[i];
        if (r->clients[i].active.ns < oldest->active.ns)
            oldest = &r->clients[i];
    }
    if (now.ns - oldest->active.ns < PATIENCE_NS)
        return NULL;
    drop(oldest);
    return oldest;
}

static void admit(struct remote *r, raw_ns now)
{
    static const char full[] =
        "{\"ok\": false, \"error\": \"eight others are here already; try again in 5 s\"}\n";
    int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct client *c;

    if (fd < 0)
        return;
    c = find_place(r, now);
    if (!c) {
        send(fd, full, sizeof full - 1, MSG_NOSIGNAL);
        close(fd);
        return;
    }
    c->fd = fd;
    c->leaving = false;
    c->allowance = REMOTE_COMMANDS;
    c->active = now;
    c->taken = c->sent = c->pending = 0;
    if (watch(r, fd, (uint32_t)(c - r->clients), EPOLL_CTL_ADD, EPOLLIN) < 0)
        drop(c);
}

static void take_in(struct remote *r, struct client *c, raw_ns now)
{
    ssize_t n = recv(c->fd, c->in + c->taken, sizeof c->in - c->taken, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        drop(c);
        return;
    }
    if (n == 0)
        c->leaving = true;
    c->taken += (size_t)n;
    c->active = now;
    await_client(r, c);
}

/* ---- commands ------------------------------------------------------------------------------------------ */

static void write_who(const struct remote *r, struct json *answer)
{
    char program[32];

    snprintf(program, sizeof program, "unisono-%s", r->config.end);
    json_text(answer, "program", program);
    json_count(answer, "pid", (uint64_t)getpid());
    json_text(answer, "name", r->name);
}

static void write_help(const struct remote *r, struct json *answer)
{
    json_open(answer, "commands", '[');
    for (size_t i = 0; i < r->config.count; i++) {
        json_open(answer, NULL, '{');
        json_text(answer, "name", r->config.commands[i].name);
        json_text(answer, "usage", r->config.commands[i].usage);
        json_close(answer, '}');
    }
    json_close(answer, ']');
}

static int refuse_unknown(const struct remote *r, const char *name, char *why, size_t why_size)
{
    char shown[SHOWN_SIZE];
    size_t at;

    printable_copy(shown, sizeof shown, name, strlen(name));
    at = (size_t)snprintf(why, why_size, "%s: not a command; allowed are who, help", shown);
    for (size_t i = 0; i < r->config.count && at < why_size; i++)
        at += (size_t)snprintf(why + at, why_size - at, ", %s", r->config.commands[i].name);
    return -EINVAL;
}

static int dispatch(struct remote *r, char *line, struct json *answer, char *why, size_t why_size)
{
    const char *name = line + strspn(line, " ");
    char *argument = line + (name - line) + strcspn(name, " "), *end = line + strlen(line);

    if (*argument)
        *argument++ = '\0';
    argument += strspn(argument, " ");
    while (end > argument && end[-1] == ' ')
        *--end = '\0';
    if (strcmp(name, "who") == 0)
        write_who(r, answer);
    else if (strcmp(name, "help") == 0)
        write_help(r, answer);
    else {
        for (size_t i = 0; i < r->config.count; i++)
            if (strcmp(name, r->config.commands[i].name) == 0)
                return r->config.commands[i].run(r->config.context, argument, answer, why, why_size);
        return refuse_unknown(r, name, why, why_size);
    }
    return 0;
}

/* One line of JSON to `out`: its length, 0 when it does not fit. */
static size_t refusal(char *out, size_t size, const char *why)
{
    struct json answer = {.out = fmemopen(out, size, "w"), .compact = true};
    long len;

    if (!answer.out)
        return 0;
    json_open(&answer, NULL, '{');
    json_flag(&answer, "ok", false);
    json_text(&answer, "error", why);
    json_close(&answer, '}');
    len = fflush(answer.out) == 0 ? ftell(answer.out) : 0;
    return fclose(answer.out) == 0 && len > 0 ? (size_t)len : 0;
}

static bool has_control_character(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            return true;
    return false;
}

/* The answer to `line`, of `len` bytes and room for a zero behind, to the client's `out`. */
static void answer_line(struct remote *r, struct client *c, char *line, size_t len)
{
    struct json answer = {.out = NULL, .compact = true};
    char why[REMOTE_WHY_SIZE] = "";
    long written = 0;
    int error = -EINVAL;

    c->sent = c->pending = 0;
    line[len] = '\0';
    if (has_control_character(line, len)) {
        snprintf(why, sizeof why, "a control character; allowed is a line of printable text");
    } else if ((answer.out = fmemopen(c->out, sizeof c->out, "w"))) {
        json_open(&answer, NULL, '{');
        json_flag(&answer, "ok", true);
        error = dispatch(r, line, &answer, why, sizeof why);
        json_close(&answer, '}');
        if (fflush(answer.out) == 0 && !ferror(answer.out))
            written = ftell(answer.out);
        if (fclose(answer.out) != 0)
            written = 0;
    }
    if (error == 0 && (written <= 0 || c->out[written - 1] != '\n')) {
        snprintf(why, sizeof why, "the answer does not fit %d bytes", REMOTE_ANSWER_SIZE);
        error = -ENOBUFS;
    }
    c->pending = error ? refusal(c->out, sizeof c->out, why) : (size_t)written;
}

/* Runs the next line of the client, if there is one and its last answer is gone. True: there was. */
static bool run_line(struct remote *r, struct client *c)
{
    char *end = memchr(c->in, '\n', c->taken);
    size_t len;

    if (c->fd < 0 || c->sent < c->pending || c->allowance == 0)
        return false;
    if (!end && c->taken == sizeof c->in) {
        c->sent = 0;
        c->pending = refusal(c->out, sizeof c->out, "a line too long; allowed are 4095 bytes");
        c->leaving = true;
        c->taken = 0;
        send_out(r, c);
        return false;
    }
    if (!end) {
        if (c->leaving)
            drop(c);
        return false;
    }
    c->allowance--;
    len = (size_t)(end - c->in);
    answer_line(r, c, c->in, len > 0 && c->in[len - 1] == '\r' ? len - 1 : len);
    c->taken -= len + 1;
    memmove(c->in, end + 1, c->taken);
    send_out(r, c);
    return true;
}

/* One line of each in turn. */
static void run_lines(struct remote *r)
{
    bool again;

    do {
        again = false;
        for (int i = 0; i < REMOTE_CLIENTS; i++)
            again |= run_line(r, &r->clients[i]);
    } while (again);
}

/* ---- in turn ------------------------------------------------------------------------------------------- */

static void serve(struct remote *r)
{
    struct epoll_event events[REMOTE_CLIENTS + 1];
    int count = epoll_wait(r->epoll, events, REMOTE_CLIENTS + 1, 0);
    raw_ns now = clock_raw_now();

    for (int i = 0; i < count; i++) {
        struct client *c = &r->clients[events[i].data.u32 % REMOTE_CLIENTS];

        if (r->allowance > 0)
            r->allowance--;
        if (events[i].data.u32 == LISTENER)
            admit(r, now);
        else if (c->fd < 0)
            continue;
        else if (events[i].events & (EPOLLERR | EPOLLHUP) && !(events[i].events & EPOLLIN))
            drop(c);
        else if (c->sent < c->pending)
            send_out(r, c);
        else
            take_in(r, c, now);
    }
    run_lines(r);
}

/* What was more than the last wait allowed. */
static void renew(struct remote *r)
{
    r->allowance = EVENTS_PER_WAIT;
    for (int i = 0; i < REMOTE_CLIENTS; i++) {
        struct client *c = &r->clients[i];
        bool spent = c->allowance == 0;

        c->allowance = REMOTE_COMMANDS;
        if (c->fd >= 0 && spent)
            await_client(r, c);
    }
    run_lines(r);
}

/* Those that leave their answers unread. */
static void drop_slow(struct remote *r, raw_ns now)
{
    for (int i = 0; i < REMOTE_CLIENTS; i++) {
        struct client *c = &r->clients[i];

        if (c->fd >= 0 && c->sent < c->pending && now.ns - c->active.ns > PATIENCE_NS)
            drop(c);
    }
}

int remote_wait(struct remote *r, struct pollfd *fds, unsigned count, int timeout_ms)
{
    struct pollfd all[REMOTE_FDS + 1];
    raw_ns now = clock_raw_now();
    int64_t end_ns = now.ns + timeout_ms * NS_PER_MS;

    assert(count <= REMOTE_FDS);
    for (unsigned i = 0; i < count; i++)
        all[i] = fds[i];
    if (r) {
        drop_slow(r, now);
        renew(r);
    }
    do {
        int64_t left_ns = end_ns - clock_raw_now().ns;
        int ready;

        all[count] = (struct pollfd){.fd = r && r->allowance > 0 ? r->epoll : -1, .events = POLLIN};
        ready = poll(all, count + 1, left_ns > 0 ? (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS) : 0);
        if (ready < 0 && errno != EINTR)
            return -1;
        if (ready > (all[count].revents != 0)) {
            for (unsigned i = 0; i < count; i++)
                fds[i] = all[i];
            return ready - (all[count].revents != 0);
        }
        if (ready > 0)
            serve(r);
    } while (clock_raw_now().ns < end_ns);
    for (unsigned i = 0; i < count; i++)
        fds[i].revents = 0;
    return 0;
}

/* ---- the other end ------------------------------------------------------------------------------------- */

/* 0 when `fd` is ready for it before end_ns. */
static int ready(int fd, short events, int64_t end_ns)
{
    struct pollfd p = {.fd = fd, .events = events};
    int64_t left_ns = end_ns - clock_raw_now().ns;
    int n = poll(&p, 1, left_ns > 0 ? (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS) : 0);

    return n > 0 ? 0 : n == 0 ? -ETIMEDOUT : -errno;
}

static int send_all(int fd, const char *bytes, size_t len, int64_t end_ns)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        int error = n < 0 && errno == EAGAIN ? ready(fd, POLLOUT, end_ns) : n < 0 ? -errno : 0;

        if (error)
            return error;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int receive_line(int fd, char answer[REMOTE_ANSWER_SIZE], int64_t end_ns)
{
    size_t len = 0;

    while (len < REMOTE_ANSWER_SIZE) {
        int error = ready(fd, POLLIN, end_ns);
        ssize_t n = error ? -1 : recv(fd, answer + len, REMOTE_ANSWER_SIZE - len, 0);
        char *end;

        if (error)
            return error;
        if (n <= 0)
            return n < 0 ? -errno : -EPIPE;
        len += (size_t)n;
        end = memchr(answer, '\n', len);
        if (end) {
            *end = '\0';
            return 0;
        }
    }
    return -EMSGSIZE;
}

int remote_ask(const char *path, const char *line, int timeout_ms, char answer[REMOTE_ANSWER_SIZE], char *err,
               size_t err_size)
{
    struct sockaddr_un address = address_of(path);
    int64_t end_ns = clock_raw_now().ns + timeout_ms * NS_PER_MS;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = fd < 0 ? -errno : 0;

    if (!error && strlen(path) >= sizeof address.sun_path)
        error = -ENAMETOOLONG;
    if (!error && connect(fd, (const void *)&address, sizeof address) < 0)
        error = -errno;
    if (!error)
        error = send_all(fd, line, strlen(line), end_ns);
    if (!error)
        error = send_all(fd, "\n", 1, end_ns);
    if (!error)
        error = receive_line(fd, answer, end_ns);
    if (fd >= 0)
        close(fd);
    if (error)
        snprintf(err, err_size, "%s: %s", path,
                 error == -ETIMEDOUT      ? "no answer"
                 : error == -ECONNREFUSED ? "nobody listens there any more"
                                          : strerror(-error));
    return error;
}
