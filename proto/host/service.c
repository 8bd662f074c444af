// SPDX-License-Identifier: GPL-3.0-or-later
#include "service.h"

#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "../printable.h"

enum { LINE_LEN = 512 };

/*
 * sd_notify() waits as long as the manager's queue is full, and that may be for ever: after 10 messages where
 * nobody reads. The control thread must not. So a socket of our own stands beside, which sends nothing, but
 * can be asked whether there is room.
 */
static int connect_beside(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un manager = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    int fd;

    if (len == 0 || len >= sizeof manager.sun_path)
        return -1;
    memcpy(manager.sun_path, path, len);
    if (path[0] == '@')
        manager.sun_path[0] = '\0'; /* no file: unix(7), abstract */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 &&
        connect(fd, (const void *)&manager, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

void service_open(struct service *s, raw_ns now)
{
    uint64_t limit_us = 0;

    *s = (struct service){.fd = connect_beside(), .due = now};
    if (sd_watchdog_enabled(0, &limit_us) > 0)
        s->interval_ns = (int64_t)(limit_us / 2) * 1000; /* half, as sd_watchdog_enabled(3) advises */
}

void service_close(struct service *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

/* False: it was not heard. */
static bool tell(const struct service *s, const char *line)
{
    struct pollfd room = {.fd = s->fd, .events = POLLOUT};

    return s->fd >= 0 && poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) && sd_notify(0, line) > 0;
}

void service_ready(struct service *s)
{
    if (!s->ready)
        s->ready = tell(s, "READY=1");
}

void service_status(struct service *s, const char *format, ...)
{
    char text[LINE_LEN], line[LINE_LEN] = "STATUS=";
    size_t head = strlen(line);
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    printable_copy(line + head, sizeof line - head, text, strlen(text));
    tell(s, line);
}

void service_alive(struct service *s, raw_ns now, uint64_t progress)
{
    if (s->interval_ns == 0 || now.ns < s->due.ns || progress == s->progress)
        return;
    if (!tell(s, "WATCHDOG=1"))
        return;
    s->progress = progress;
    s->due.ns = now.ns + s->interval_ns;
}

void service_stopping(struct service *s)
{
    tell(s, "STOPPING=1\nSTATUS=stopping");
}
