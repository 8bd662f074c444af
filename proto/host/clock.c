// SPDX-License-Identifier: GPL-3.0-or-later
#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ptp4l.h"

#define PAIR_TRIES    5
#define STAMP_MAX_AGE NS_PER_S

static int64_t read_clock(clockid_t id)
{
    struct timespec t = {0};

    clock_gettime(id, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

raw_ns clock_raw_now(void)
{
    return (raw_ns){read_clock(CLOCK_MONOTONIC_RAW)};
}

void clock_pair_read(struct clock_pair *pair)
{
    pair->width_ns = INT64_MAX;
    for (int i = 0; i < PAIR_TRIES; i++) {
        int64_t before = read_clock(CLOCK_MONOTONIC_RAW);
        int64_t realtime = read_clock(CLOCK_REALTIME);
        int64_t width = read_clock(CLOCK_MONOTONIC_RAW) - before;

        if (width < pair->width_ns)
            *pair = (struct clock_pair){{before + width / 2}, realtime, width};
    }
}

double clock_pair_sigma(const struct clock_pair *pair)
{
    double sigma = (double)pair->width_ns / 2;

    return sigma > 5 ? sigma : 5;
}

raw_ns clock_raw_of_stamp(const struct clock_pair *now, int64_t realtime_ns)
{
    int64_t age = now->realtime_ns - realtime_ns;

    if (age < 0 || age > STAMP_MAX_AGE)
        return now->raw;
    return (raw_ns){now->raw.ns - age};
}

int clock_sleep_until(raw_ns deadline)
{
    /* MONOTONIC may be slewed against RAW, so a long sleep can end a little early: sleep again. */
    for (;;) {
        int64_t left = deadline.ns - clock_raw_now().ns;
        int64_t until = read_clock(CLOCK_MONOTONIC) + left;
        struct timespec t = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};

        if (left <= 0)
            return 0;
        if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
            return -EINTR;
    }
}

struct timespec clock_timeout(raw_ns now, raw_ns deadline)
{
    int64_t left = deadline.ns > now.ns ? deadline.ns - now.ns : 0;

    return (struct timespec){.tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S};
}

/* ---- sources ---- */

struct source_kind {
    const char *name;
    int (*poll)(struct clock_source *source, const struct clock_pair *now, struct clock_sample *out);
    struct media_clock_config advice;
};

struct clock_source {
    const struct source_kind *kind;
    struct clock_source_status status;
    struct ptp4l *ptp4l; /* NULL: not of that kind */
    char path[sizeof(((struct clock_source_status *)0)->socket)];
    const char *paths[2];
};

static int poll_system(struct clock_source *source, const struct clock_pair *now, struct clock_sample *out)
{
    (void)source;
    /* The one place where the system clock becomes PTP time: CLOCK_REALTIME as it stands, no UTC offset. */
    out->raw = now->raw;
    out->ptp = (ptp_ns){now->realtime_ns};
    out->sigma_ns = clock_pair_sigma(now);
    return 1;
}

static int poll_ptp4l(struct clock_source *source, const struct clock_pair *now, struct clock_sample *out)
{
    return ptp4l_poll(source->ptp4l, now, out, &source->status);
}

/* Read within tens of nanoseconds; a daemon may slew it by 500 ppm from one moment to the next. */
static const struct source_kind kind_system = {
    .name = "system",
    .poll = poll_system,
    .advice = {.rate_walk_ppb = 300, .lock_ns = 1000, .stale_ns = 2 * NS_PER_S, .step_ns = 100 * NS_PER_US},
};

/*
 * Some microseconds of noise at 8 Hz in software, against two crystals that drift slowly: the memory should
 * be some 20 s.
 */
static const struct source_kind kind_ptp4l = {
    .name = "ptp4l",
    .poll = poll_ptp4l,
    .advice = {.rate_walk_ppb = 3, .lock_ns = 5000, .stale_ns = 4 * NS_PER_S, .step_ns = 200 * NS_PER_US},
};

static void become_system(struct clock_source *source, const char *note)
{
    source->kind = &kind_system;
    snprintf(source->status.note, sizeof(source->status.note), "%s", note);
}

static int become_ptp4l(struct clock_source *source, const char *const *paths)
{
    source->kind = &kind_ptp4l;
    return ptp4l_open(&source->ptp4l, paths, (uint8_t)source->status.domain);
}

static int open_auto(struct clock_source *source, const char *const *paths)
{
    char note[CLOCK_TEXT_MAX];
    int err = become_ptp4l(source, paths);

    if (err)
        return err;
    err = ptp4l_probe(source->ptp4l, &source->status);
    if (!err)
        return 0;
    ptp4l_close(source->ptp4l);
    source->ptp4l = NULL;
    snprintf(note, sizeof(note),
             "taking the system clock as PTP time: nothing proves that the machines agree (%.150s)",
             source->status.reason);
    source->status.reason[0] = '\0';
    become_system(source, note);
    return 0;
}

static int open_spec(struct clock_source *source, const char *spec, char *err, size_t err_size)
{
    const char *path;

    if (strcmp(spec, "auto") == 0)
        return open_auto(source, ptp4l_usual_paths);
    if (strcmp(spec, "system") == 0) {
        become_system(source,
                      "taking the system clock as PTP time: nothing here proves that the machines agree");
        return 0;
    }
    if (strcmp(spec, "ptp4l") == 0)
        return become_ptp4l(source, ptp4l_usual_paths);
    if (strncmp(spec, "phc", 3) == 0 && (spec[3] == '\0' || spec[3] == ':')) {
        snprintf(err, err_size,
                 "--clock %s: phc is not available yet; use ptp4l (measured offset), or system with phc2sys",
                 spec);
        return -ENOTSUP;
    }
    path = strncmp(spec, "ptp4l:", 6) == 0 ? spec + 6 : "";
    if (*path == '\0') {
        snprintf(err, err_size, "--clock %s: no such clock; use auto, system, ptp4l or ptp4l:SOCKET", spec);
        return -EINVAL;
    }
    if (strlen(path) >= sizeof(source->path)) {
        snprintf(err, err_size, "--clock %s: the path of a socket has at most %zu characters", spec,
                 sizeof(source->path) - 1);
        return -EINVAL;
    }
    memcpy(source->path, path, strlen(path) + 1);
    source->paths[0] = source->path;
    return become_ptp4l(source, source->paths);
}

int clock_source_open(struct clock_source **out, const char *spec, int ptp_domain, char *err, size_t err_size)
{
    struct clock_source *source;
    int ret;

    if (ptp_domain < 0 || ptp_domain > 255) {
        snprintf(err, err_size, "--ptp-domain %d: a PTP domain is 0 to 255", ptp_domain);
        return -EINVAL;
    }
    source = calloc(1, sizeof(*source));
    if (!source) {
        snprintf(err, err_size, "--clock %s: out of memory", spec);
        return -ENOMEM;
    }
    source->status.port_state = "";
    source->status.domain = ptp_domain;
    ret = open_spec(source, spec, err, err_size);
    if (ret == -ENOMEM)
        snprintf(err, err_size, "--clock %s: out of memory", spec);
    if (ret) {
        clock_source_close(source);
        return ret;
    }
    source->status.kind = source->kind->name;
    *out = source;
    return 0;
}

void clock_source_close(struct clock_source *source)
{
    if (!source)
        return;
    ptp4l_close(source->ptp4l);
    free(source);
}

int clock_source_poll(struct clock_source *source, struct clock_sample *out)
{
    struct clock_pair now;

    clock_pair_read(&now);
    return source->kind->poll(source, &now, out);
}

const struct clock_source_status *clock_source_status(const struct clock_source *source)
{
    return &source->status;
}

void clock_source_advice(const struct clock_source *source, struct media_clock_config *config)
{
    *config = source->kind->advice;
}
