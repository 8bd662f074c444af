// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * bench-stamp: bench-stamp FILE COMMAND [ARGUMENT]... writes CLOCK_MONOTONIC_RAW, the clock of the
 * recordings, in nanoseconds to FILE and becomes COMMAND: when was it started?
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec t = {0};
    FILE *f = NULL;

    if (argc < 3) {
        fprintf(stderr, "usage: bench-stamp FILE COMMAND [ARGUMENT]...\n");
        return 2;
    }
    f = fopen(argv[1], "w");
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    if (!f || fprintf(f, "%lld%09ld\n", (long long)t.tv_sec, t.tv_nsec) < 0 || fclose(f) != 0) {
        fprintf(stderr, "bench-stamp: cannot write '%s': %s\n", argv[1], strerror(errno));
        return 1;
    }
    execvp(argv[2], argv + 2);
    fprintf(stderr, "bench-stamp: cannot start '%s': %s\n", argv[2], strerror(errno));
    return 1;
}
