// SPDX-License-Identifier: GPL-3.0-or-later
#include "talk.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "proto/host/log.h"

enum { SIGNALS, KEYBOARD };

void talk_open(struct talk *talk, bool keyboard)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGTTIN); /* the terminal may be taken from us between a look and the reading */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    sigdelset(&set, SIGTTIN);
    talk->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    talk->keyboard = keyboard && isatty(STDIN_FILENO);
}

void talk_close(struct talk *talk)
{
    if (talk->signals >= 0)
        close(talk->signals);
    talk->signals = -1;
}

static bool in_foreground(void)
{
    return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

void talk_poll(const struct talk *talk, struct pollfd fds[TALK_FDS])
{
    fds[SIGNALS] = (struct pollfd){.fd = talk->signals, .events = POLLIN};
    fds[KEYBOARD] =
        (struct pollfd){.fd = talk->keyboard && in_foreground() ? STDIN_FILENO : -1, .events = POLLIN};
}

/* One line at most: the terminal gives no more at a time. */
static bool take_key(struct talk *talk, bool talks)
{
    char line[4096];
    ssize_t got = read(STDIN_FILENO, line, sizeof line);

    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN && in_foreground())) {
        log_info("the keyboard is gone: push to talk by signals only");
        talk->keyboard = false;
    }
    for (ssize_t i = 0; i < got; i++)
        talks ^= line[i] == '\n';
    return talks;
}

bool talk_take(struct talk *talk, const struct pollfd fds[TALK_FDS], bool talks)
{
    struct signalfd_siginfo info;
    bool begin = false, end = false;

    while (fds[SIGNALS].revents && read(talk->signals, &info, sizeof info) == sizeof info) {
        begin |= info.ssi_signo == SIGUSR1;
        end |= info.ssi_signo == SIGUSR2;
    }
    /* of two that waited nobody knows the order: the later one undid the earlier */
    if (begin != end)
        talks = begin;
    return fds[KEYBOARD].revents ? take_key(talk, talks) : talks;
}
