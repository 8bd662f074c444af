// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * stall-witness: a bystander that shows when the machine itself stood still.
 *
 * It does nothing but sleep until each millisecond of the clock (or as often as it is told) at real-time
 * priority, and notes how late it was woken: a stall is seen shorter than it was by up to that period. A
 * sound that broke at the same moment broke for the same reason; one that broke while the witness slept well
 * did not.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "proto/timebase.h"

enum { BINS = 200000 /* of 1 us; what is later counts in the last */ };

static const char HELP[] =
    "stall-witness: notes when this machine stood still\n"
    "\n"
    "  --seconds S       how long (until SIGTERM or SIGINT)\n"
    "  --every US        how often, 50 to 1000000 (1000)\n"
    "  --over US         note each wake-up later than this, 1 to 1000000 (500)\n"
    "  --file PATH       where to: one line `CLOCK_MONOTONIC_RAW-nanoseconds late-microseconds` each (none)\n"
    "  --priority N      SCHED_FIFO priority, 1 to 99 (82)\n"
    "\n"
    "At the end it prints how late the wake-ups were, in microseconds.\n"
    "Exit: 0, or 1 when the file cannot be written, 2 wrong usage.\n";

struct witness {
    double seconds; /* 0: until told */
    double every_us;
    double over_us;
    double priority;
    const char *path;
    FILE *file;
    uint32_t *bins;
    uint64_t count;
    int64_t latest_ns;
};

static int64_t now_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void go_real_time(int priority)
{
    struct sched_param param = {.sched_priority = priority};

    if (sched_setscheduler(0, SCHED_FIFO, &param) < 0)
        fprintf(stderr,
                "stall-witness: no SCHED_FIFO priority %d (%s): lateness will include ordinary scheduling; "
                "run as root or raise the rtprio limit\n",
                priority, strerror(errno));
    if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
        fprintf(stderr, "stall-witness: cannot lock memory (%s): lateness may include paging\n",
                strerror(errno));
}

static void note(struct witness *w, int64_t late_ns)
{
    int64_t bin = late_ns / NS_PER_US;

    w->bins[bin < BINS ? bin : BINS - 1]++;
    w->count++;
    if (late_ns > w->latest_ns)
        w->latest_ns = late_ns;
    if (w->file && (double)late_ns > w->over_us * 1e3) {
        fprintf(w->file, "%lld %.1f\n", (long long)now_ns(CLOCK_MONOTONIC_RAW), (double)late_ns / 1e3);
        fflush(w->file);
    }
}

static void watch(struct witness *w)
{
    const struct timespec no_wait = {0};
    int64_t every_ns = llround(w->every_us * 1e3), begin = now_ns(CLOCK_MONOTONIC), due = begin + every_ns;
    sigset_t stop;

    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    while (w->seconds <= 0 || (double)(due - begin) < w->seconds * 1e9) {
        struct timespec t = {due / NS_PER_S, due % NS_PER_S};
        int64_t late_ns = 0;

        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        late_ns = now_ns(CLOCK_MONOTONIC) - due;
        note(w, late_ns);
        due += (late_ns / every_ns + 1) * every_ns;
        if (sigtimedwait(&stop, NULL, &no_wait) > 0)
            break;
    }
}

/* The microseconds that a fraction q of the wake-ups did not exceed. */
static unsigned quantile(const struct witness *w, double q)
{
    uint64_t wanted = (uint64_t)ceil(q * (double)w->count), seen = 0;
    unsigned i = 0;

    while (i < BINS - 1 && seen + w->bins[i] < wanted)
        seen += w->bins[i++];
    return i + 1;
}

static int number(const char *text, double min, double max, double *value)
{
    char *end = NULL;

    *value = strtod(text, &end);
    return *text == '\0' || *end || !(*value >= min && *value <= max) ? -EINVAL : 0;
}

/* Returns -1 to go on, or the exit code. */
static int read_options(struct witness *w, int argc, char **argv)
{
    static const struct option options[] = {{"seconds", required_argument, NULL, 's'},
                                            {"over", required_argument, NULL, 'o'},
                                            {"every", required_argument, NULL, 'e'},
                                            {"file", required_argument, NULL, 'f'},
                                            {"priority", required_argument, NULL, 'p'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int option = 0, index = 0, err = 0;

    while ((option = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (option == 's')
            err = number(optarg, 0.001, 1e7, &w->seconds);
        else if (option == 'e')
            err = number(optarg, 50, 1e6, &w->every_us);
        else if (option == 'o')
            err = number(optarg, 1, 1e6, &w->over_us);
        else if (option == 'p')
            err = number(optarg, 1, 99, &w->priority);
        else if (option == 'f')
            w->path = optarg;
        else if (option == 'h')
            return fputs(HELP, stdout) < 0;
        else
            return 2; /* getopt has said why */
        if (err) {
            fprintf(stderr, "stall-witness: bad value '%s' of --%s; see --help for what is allowed\n", optarg,
                    options[index].name);
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "stall-witness: unexpected argument '%s'; see --help\n", argv[optind]);
        return 2;
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct witness w = {.every_us = 1000, .over_us = 500, .priority = 82};
    int code = read_options(&w, argc, argv);

    if (code >= 0)
        return code;
    code = 1;
    w.bins = calloc(BINS, sizeof(*w.bins));
    if (!w.bins) {
        fprintf(stderr, "stall-witness: out of memory\n");
        goto out;
    }
    if (w.path) {
        w.file = fopen(w.path, "w");
        if (!w.file) {
            fprintf(stderr, "stall-witness: cannot write '%s': %s\n", w.path, strerror(errno));
            goto out;
        }
        fprintf(w.file, "# CLOCK_MONOTONIC_RAW ns, us late; later than %.1f us\n", w.over_us);
        fflush(w.file);
    }
    go_real_time((int)w.priority);
    watch(&w);
    printf("wake-ups %llu, late by us: p50 %u p99 %u p99.9 %u p99.99 %u max %.1f\n",
           (unsigned long long)w.count, quantile(&w, 0.5), quantile(&w, 0.99), quantile(&w, 0.999),
           quantile(&w, 0.9999), (double)w.latest_ns / 1e3);
    code = 0;
out:
    if (w.file && fclose(w.file) != 0)
        code = 1;
    free(w.bins);
    return code;
}
