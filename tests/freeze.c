// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * freeze TID: stops one thread of another process, as if it hung in a driver, while its neighbours run on;
 * until SIGTERM or SIGINT lets it go. Says "frozen" once it stands.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
    pid_t thread = argc == 2 ? atoi(argv[1]) : 0;
    sigset_t set;
    int status, signal_taken;

    if (thread <= 0) {
        fprintf(stderr, "usage: freeze TID\n");
        return 2;
    }
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) < 0 || ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) < 0 ||
        waitpid(thread, &status, __WALL) < 0 || !WIFSTOPPED(status)) {
        fprintf(stderr, "freeze: thread %d cannot be stopped: %s\n", (int)thread, strerror(errno));
        return EXIT_FAILURE;
    }
    printf("frozen\n");
    fflush(stdout);
    sigwait(&set, &signal_taken);
    ptrace(PTRACE_DETACH, thread, NULL, NULL);
    return EXIT_SUCCESS;
}
