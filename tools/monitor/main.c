// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * unisono-monitor: watches the network, or plays a recording, and shows the model's view each second.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "check.h"
#include "json_view.h"
#include "model.h"
#include "monitor_options.h"
#include "play.h"
#include "prometheus.h"
#include "proto/host/clock.h"
#include "proto/host/log.h"
#include "proto/host/signals.h"
#include "proto/host/timekeeper.h"
#include "recording.h"
#include "screen.h"
#include "watch.h"

enum {
    EXIT_USAGE = 2,
    GRACE_S = 10, /* receivers of a small group speak each second, of a larger one less often */
};

struct monitor {
    struct monitor_options options;
    int signals;
    struct model *model;
    struct timekeeper *clock;
    struct recording *recording;
    struct watch *watch;
    struct play *play;
    struct check check;
    struct screen *screen;
    struct prometheus *prometheus;
    const struct view *view; /* the newest; NULL: none yet */
};

/* ---- showing --------------------------------------------------------------------------------------- */

/* False: whoever read the output is gone. */
static bool show(struct monitor *m, const struct view *view)
{
    m->view = view;
    if (m->options.check_s)
        check_take(&m->check, view);
    if (m->prometheus && prometheus_publish(m->prometheus, view))
        log_warning("--prometheus %s: out of memory; what was served before stays", m->options.prometheus);
    if (m->screen && screen_show(m->screen, view))
        return false;
    if (m->options.json)
        json_view(stdout, view);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    log_error("standard output: cannot be written: %s", strerror(errno));
    return false;
}

/* Waits until `deadline`, or less; true: a signal or a key ends the program. */
static bool wait_until(struct monitor *m, raw_ns deadline)
{
    struct pollfd fds[2] = {{.fd = m->signals, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    struct timespec left = clock_timeout(clock_raw_now(), deadline);

    if (m->screen)
        fds[1].fd = screen_fd(m->screen);
    if (ppoll(fds, 2, &left, NULL) == 0)
        return false;
    if (fds[0].revents)
        return true;
    return m->screen && screen_keys(m->screen);
}

/* ---- the network, or a recording ------------------------------------------------------------------- */

static void set_clock(struct monitor *m)
{
    const struct clock_map *map = timekeeper_run(m->clock);
    const struct clock_source_status *source = timekeeper_source(m->clock);

    model_clock(m->model, map, source->gm_known ? (double)source->offset_ns / 1e3 : NAN);
}

static double time_now(void)
{
    struct clock_pair now;

    clock_pair_read(&now);
    return (double)now.realtime_ns / 1e9;
}

static int run_live(struct monitor *m)
{
    raw_ns second = clock_raw_now(), clock_due = second, turn = second;
    uint32_t seconds = 0;

    for (second.ns += NS_PER_S;;) {
        raw_ns now = clock_raw_now();

        if (now.ns >= clock_due.ns) {
            set_clock(m);
            clock_due.ns = now.ns + TIMEKEEPER_INTERVAL_MS * NS_PER_MS;
        }
        watch_run(m->watch, now);
        if (now.ns >= second.ns) {
            second.ns += NS_PER_S * ((now.ns - second.ns) / NS_PER_S + 1);
            watch_second(m->watch, now);
            if (!show(m, model_tick(m->model, now, time_now())))
                return EXIT_FAILURE;
            watch_record(m->watch);
            if (m->options.check_s && ++seconds == m->options.check_s)
                return EXIT_SUCCESS;
        }
        turn.ns = now.ns + WATCH_INTERVAL_MS * NS_PER_MS;
        if (wait_until(m, turn))
            return EXIT_SUCCESS;
    }
}

static int run_recording(struct monitor *m)
{
    bool slowly = m->screen || m->prometheus;
    raw_ns due = clock_raw_now();
    const struct view *view;

    while ((view = play_second(m->play))) {
        if (!show(m, view))
            return EXIT_FAILURE;
        due.ns += slowly ? NS_PER_S : 0;
        do
            if (wait_until(m, due))
                return EXIT_SUCCESS;
        while (clock_raw_now().ns < due.ns);
    }
    /* its last second stays, for whoever looks */
    for (due = clock_raw_now(); slowly; due.ns += NS_PER_S)
        if (wait_until(m, due))
            return EXIT_SUCCESS;
    return EXIT_SUCCESS;
}

/* ---- setting up ------------------------------------------------------------------------------------ */

static int open_model(struct monitor *m, char *err, size_t err_size)
{
    const struct monitor_options *o = &m->options;
    struct model_config config = {
        .limits = {o->limit_alignment_us, o->limit_headroom_ms, o->limit_loss_percent},
        .members = MODEL_MEMBERS_MAX,
        .expect = o->expect,
        .grace_s = o->check_s && o->check_s <= GRACE_S ? o->check_s - 0.5 : GRACE_S,
        .witness = !o->no_audio,
        .recorded = *o->play,
    };

    if (getrandom(&config.seed, sizeof config.seed, 0) < 0)
        config.seed = (uint64_t)getpid();
    m->model = model_create(&config);
    if (m->model)
        return 0;
    snprintf(err, err_size, "out of memory");
    return -ENOMEM;
}

static int open_network(struct monitor *m, char *err, size_t err_size)
{
    const struct monitor_options *o = &m->options;
    struct watch_config config = {.interface = o->interface,
                                  .stream = o->stream,
                                  .groups = o->group,
                                  .audio = !o->no_audio,
                                  .model = m->model};
    int error = timekeeper_open(&m->clock, o->clock, (int)o->ptp_domain, err, err_size);

    if (!error && *o->record)
        error = recording_open(&m->recording, o->record, err, err_size);
    config.recording = m->recording;
    if (!error)
        error = watch_open(&m->watch, &config, clock_raw_now(), err, err_size);
    return error;
}

static bool wants_screen(const struct monitor_options *o)
{
    return !o->json && !o->check_s && !*o->prometheus && !*o->record;
}

static int open_screen(struct monitor *m, char *err, size_t err_size)
{
    int null;

    /* nothing else may write to that terminal */
    if (isatty(STDERR_FILENO)) {
        null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        log_start(&(struct log_config){"unisono-monitor", LOG_LEVEL_ERROR, null});
    }
    return screen_open(&m->screen, err, err_size);
}

static int run(struct monitor *m, char *err, size_t err_size)
{
    const struct monitor_options *o = &m->options;
    int error = open_model(m, err, err_size), status;

    if (!error)
        error =
            *o->play ? play_open(&m->play, o->play, m->model, err, err_size) : open_network(m, err, err_size);
    if (!error && *o->prometheus)
        error = prometheus_start(&m->prometheus, o->prometheus, err, err_size);
    if (!error && wants_screen(o))
        error = open_screen(m, err, err_size);
    if (error)
        return EXIT_FAILURE;
    *err = '\0';
    status = m->play ? run_recording(m) : run_live(m);
    if (status == EXIT_SUCCESS && o->check_s && m->view)
        status = check_print(&m->check, m->view, stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
    else if (status == EXIT_SUCCESS && o->check_s) {
        snprintf(err, err_size, "--check %u: ended before a second was over", o->check_s);
        status = EXIT_FAILURE;
    }
    return status;
}

static void close_all(struct monitor *m)
{
    screen_close(m->screen);
    prometheus_stop(m->prometheus);
    play_close(m->play);
    watch_close(m->watch);
    recording_close(m->recording);
    timekeeper_close(m->clock);
    model_destroy(m->model);
    close(m->signals);
}

int main(int argc, char **argv)
{
    struct monitor *m = calloc(1, sizeof *m);
    char err[512] = "";
    int status;

    if (!m) {
        fputs("unisono-monitor: out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    if (!options_parse(&monitor_options_program, &m->options, argc, argv, stdout, stderr, &status)) {
        free(m);
        return status;
    }
    if (wants_screen(&m->options) && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))) {
        fputs("unisono-monitor: there is no terminal; give --json, --check, --prometheus or --record\n",
              stderr);
        free(m);
        return EXIT_USAGE;
    }
    log_start(&(struct log_config){"unisono-monitor", (enum log_level)m->options.log, STDERR_FILENO});
    m->signals = signals_take();
    status = run(m, err, sizeof err);
    close_all(m);
    log_start(&(struct log_config){"unisono-monitor", (enum log_level)m->options.log, STDERR_FILENO});
    if (*err && status != EXIT_SUCCESS)
        log_error("%s", err);
    free(m);
    return status;
}
