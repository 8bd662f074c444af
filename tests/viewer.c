// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * viewer: the monitor's terminal and metrics over hand-made views that change each second. For tests alone:
 * what it shows is invented.
 *
 *     viewer screen [RECEIVERS [hostile]]       until q, or SIGINT or SIGTERM
 *     viewer prometheus ADDR:PORT [RECEIVERS [hostile]]
 *
 * `hostile`: receivers bear names that want to break what shows them.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/host/log.h"
#include "proto/host/signals.h"
#include "tests/views.h"
#include "tools/monitor/prometheus.h"
#include "tools/monitor/screen.h"

struct viewer {
    struct screen *screen;
    struct prometheus *prometheus;
    struct view *view;
    struct view_receiver *receiver;
    size_t receivers;
    bool hostile;
};

static int show(struct viewer *v, unsigned second)
{
    views_make(v->view, v->receiver, v->receivers, second);
    for (size_t i = 0; v->hostile && i < v->receivers && i < VIEWS_HOSTILE; i++)
        snprintf(v->receiver[i].name, sizeof v->receiver[i].name, "%s", views_hostile[i]);
    if (v->screen)
        return screen_show(v->screen, v->view);
    return prometheus_publish(v->prometheus, v->view);
}

static int ms_to_next(const struct timespec *start, unsigned second)
{
    struct timespec now;
    long ms;

    clock_gettime(CLOCK_MONOTONIC, &now);
    ms = (start->tv_sec + (long)second - now.tv_sec) * 1000 + (start->tv_nsec - now.tv_nsec) / 1000000;
    return ms < 0 ? 0 : (int)ms + 1;
}

static int run(struct viewer *v, int signals)
{
    struct pollfd fd[2] = {{.fd = signals, .events = POLLIN},
                           {.fd = v->screen ? screen_fd(v->screen) : -1, .events = POLLIN}};
    struct timespec start;
    unsigned second = 0;

    clock_gettime(CLOCK_MONOTONIC, &start);
    while (!fd[0].revents) {
        int wait_ms = ms_to_next(&start, second), ready;

        if (wait_ms == 0) {
            int error = show(v, second++);

            if (error)
                return error;
            continue;
        }
        ready = poll(fd, 2, wait_ms);
        if (v->screen && (ready > 0 || errno == EINTR) && screen_keys(v->screen))
            break;
    }
    return 0;
}

static int start(struct viewer *v, int argc, char **argv, char *err, size_t err_size)
{
    int next = !strcmp(argv[1], "prometheus") ? 3 : 2, error;

    v->receivers = argc > next ? strtoul(argv[next], NULL, 10) : 12;
    v->hostile = argc > next + 1 && !strcmp(argv[next + 1], "hostile");
    v->view = malloc(sizeof *v->view);
    v->receiver = calloc(v->receivers + 1, sizeof *v->receiver);
    if (!v->view || !v->receiver) {
        snprintf(err, err_size, "out of memory");
        return -ENOMEM;
    }
    error = next == 3 ? prometheus_start(&v->prometheus, argv[2], err, err_size)
                      : screen_open(&v->screen, err, err_size);
    return error;
}

int main(int argc, char **argv)
{
    struct viewer viewer = {0};
    char err[256];
    int signals, error;

    if (argc < 2 || (strcmp(argv[1], "screen") && (strcmp(argv[1], "prometheus") || argc < 3))) {
        fprintf(stderr, "viewer screen|prometheus [ADDR:PORT] [RECEIVERS [hostile]]\n");
        return 2;
    }
    signals = signals_take();
    error = start(&viewer, argc, argv, err, sizeof err);
    if (error)
        log_error("%s", err);
    else
        error = run(&viewer, signals);
    screen_close(viewer.screen);
    prometheus_stop(viewer.prometheus);
    free(viewer.receiver);
    free(viewer.view);
    return error ? 1 : 0;
}
