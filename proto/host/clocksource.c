// SPDX-License-Identifier: GPL-3.0-or-later
#include "clocksource.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "phc.h"
#include "ptp4l.h"

#define SETTLE_NS (10 * NS_PER_S) /* longer than any Announce interval in use */

/* Polls in which a ptp4l that is there may tell its state, before samples are taken. */
#define WATCH_WAITS 25

struct source_kind {
    const char *name;
    int (*poll)(struct clock_source *source, const struct clock_pair *now, struct clock_sample *out);
    const struct media_clock_config *advice;
};

struct clock_source {
    const struct source_kind *kind;
    struct clock_source_status status;
    struct ptp4l *ptp4l; /* the source, or watched beside it */
    struct phc *phc;
    char path[sizeof(((struct clock_source_status *)0)->socket)];
    const char *paths[2];
    bool seeking;   /* auto: ptp4l is taken as soon as it has a grandmaster */
    unsigned waits; /* polls so far that waited for ptp4l to tell its state */
    bool watched;   /* ptp4l has been synchronized; what it said last holds until it says otherwise */
    struct clock_master master; /* then */
    int64_t ahead_ns;           /* and of system: PTP minus CLOCK_REALTIME, TAI - UTC or 0 */
    struct clock_pair last;     /* of system: the reading before */
    bool settling;              /* CLOCK_REALTIME jumped, and TAI - UTC may be about to follow */
    raw_ns settle_until;
    char alone[CLOCK_TEXT_MAX]; /* the note when no ptp4l is there to prove anything */
};

static struct clock_master master_of(const struct clock_source *source)
{
    return (struct clock_master){ptp_clock_id_number(&source->status.gm_id), (uint16_t)source->status.domain};
}

static bool synchronized(const struct clock_source_status *s)
{
    return s->port == PTP_PORT_SLAVE || s->port == PTP_PORT_MASTER || s->port == PTP_PORT_GRAND_MASTER;
}

/*
 * Asks the ptp4l beside a clock that it steers. 1: samples may be taken; 0: not yet, it is about to tell its
 * state; -errno: it had a grandmaster, and has it no more.
 */
static int watch(struct clock_source *source, const struct clock_pair *now)
{
    struct clock_source_status *s = &source->status, told = *s;
    int answer = ptp4l_poll(source->ptp4l, now, NULL, &told);

    if (answer > 0 && synchronized(&told)) {
        *s = told;
        s->proven = true;
        s->note[0] = '\0';
        source->watched = true;
        source->master = master_of(source);
        return 1;
    }
    if (answer < 0 && source->watched) {
        *s = told;
        s->proven = false;
        return answer;
    }
    if (source->watched)
        return 1;
    if (answer == 0 && source->waits++ < WATCH_WAITS)
        return 0;
    snprintf(s->note, sizeof s->note, "%s", source->alone);
    return 1;
}

/*
 * At a leap second CLOCK_REALTIME jumps, and TAI - UTC follows with the grandmaster's next Announce; PTP time
 * does neither. Until both have changed, or enough time has passed for it to be an ordinary setting of the
 * clock, the sum means nothing.
 */
static bool settling(struct clock_source *source, const struct clock_pair *now, bool told)
{
    int64_t gained = (now->realtime_ns - source->last.realtime_ns) - (now->raw.ns - source->last.raw.ns);
    int64_t ahead_ns = source->status.ptp_timescale ? source->status.utc_offset_s * NS_PER_S : 0;

    if (source->last.raw.ns && llabs(gained) > NS_PER_S / 2 && source->ahead_ns) {
        source->settling = true;
        source->settle_until.ns = now->raw.ns + SETTLE_NS;
    }
    source->last = *now;
    if (source->settling && (now->raw.ns > source->settle_until.ns || (told && ahead_ns != source->ahead_ns)))
        source->settling = false;
    if (!source->settling && told)
        source->ahead_ns = ahead_ns;
    return source->settling;
}

static int poll_system(struct clock_source *source, const struct clock_pair *now, struct clock_sample *out)
{
    int answer = watch(source, now);

    if (settling(source, now, source->watched) || answer <= 0)
        return answer < 0 ? answer : 0;
    *out = (struct clock_sample){
        .raw = now->raw,
        .ptp = {now->realtime_ns + source->ahead_ns},
        .sigma_ns = clock_pair_sigma(now),
        .master = source->master,
    };
    return 1;
}

static int poll_phc(struct clock_source *source, const struct clock_pair *now, struct clock_sample *out)
{
    int answer = watch(source, now);

    if (answer <= 0)
        return answer;
    answer = phc_poll(source->phc, now->raw, out, source->status.reason, sizeof source->status.reason);
    if (answer > 0) {
        source->status.reason[0] = '\0';
        out->master = source->master;
    }
    return answer;
}

static int poll_ptp4l(struct clock_source *source, const struct clock_pair *now, struct clock_sample *out)
{
    int answer = ptp4l_poll(source->ptp4l, now, out, &source->status);

    if (answer > 0)
        out->master = master_of(source);
    return answer;
}

static const struct source_kind kind_system = {
    .name = "system",
    .poll = poll_system,
    .advice = &media_clock_for_system,
};

static const struct source_kind kind_phc = {
    .name = "phc",
    .poll = poll_phc,
    .advice = &media_clock_for_phc,
};

static const struct source_kind kind_ptp4l = {
    .name = "ptp4l",
    .poll = poll_ptp4l,
    .advice = &media_clock_for_ptp4l,
};

static void become(struct clock_source *source, const struct source_kind *kind)
{
    source->kind = kind;
    source->status.kind = kind->name;
}

/* auto, before a ptp4l has answered with a grandmaster: the system clock, and an eye on the sockets. */
static int poll_seeking(struct clock_source *source, const struct clock_pair *now, struct clock_sample *out)
{
    struct clock_source_status told = source->status;
    int answer = ptp4l_poll(source->ptp4l, now, out, &told);

    if (answer > 0) {
        source->seeking = false;
        source->status = told;
        become(source, &kind_ptp4l);
        out->master = master_of(source);
        return 1;
    }
    *out = (struct clock_sample){
        .raw = now->raw,
        .ptp = {now->realtime_ns},
        .sigma_ns = clock_pair_sigma(now),
        .master = source->master,
    };
    return 1;
}

static int open_auto(struct clock_source *source, const char *const *paths)
{
    int error = ptp4l_open(&source->ptp4l, paths, (uint8_t)source->status.domain);

    if (error)
        return error;
    if (ptp4l_probe(source->ptp4l, &source->status) == 0) {
        become(source, &kind_ptp4l);
        return 0;
    }
    become(source, &kind_system);
    source->seeking = true;
    snprintf(
        source->status.note, sizeof source->status.note,
        "taking the system clock as PTP time until a ptp4l answers: nothing proves that the machines agree "
        "(%.140s)",
        source->status.reason);
    source->status.reason[0] = '\0';
    return 0;
}

static int open_steered(struct clock_source *source, const struct source_kind *kind, const char *note)
{
    become(source, kind);
    snprintf(source->alone, sizeof source->alone, "%s", note);
    return ptp4l_open(&source->ptp4l, ptp4l_usual_paths, (uint8_t)source->status.domain);
}

static int open_phc(struct clock_source *source, const char *name, char *err, size_t err_size)
{
    int error = phc_open(&source->phc, name, &phc_kernel, err, err_size);

    if (error)
        return error;
    return open_steered(
        source, &kind_phc,
        "no synchronized ptp4l answers: nothing proves that the network card's clock follows a "
        "grandmaster");
}

static int open_socket(struct clock_source *source, const char *spec, const char *path, char *err,
                       size_t err_size)
{
    if (strlen(path) >= sizeof source->path) {
        snprintf(err, err_size, "--clock %s: the path of a socket has at most %zu characters", spec,
                 sizeof source->path - 1);
        return -EINVAL;
    }
    memcpy(source->path, path, strlen(path) + 1);
    source->paths[0] = source->path;
    become(source, &kind_ptp4l);
    return ptp4l_open(&source->ptp4l, source->paths, (uint8_t)source->status.domain);
}

static int open_spec(struct clock_source *source, const char *spec, char *err, size_t err_size)
{
    if (strcmp(spec, "auto") == 0)
        return open_auto(source, ptp4l_usual_paths);
    if (strcmp(spec, "system") == 0)
        return open_steered(
            source, &kind_system,
            "taking the system clock as PTP time: nothing here proves that the machines agree");
    if (strcmp(spec, "ptp4l") == 0) {
        become(source, &kind_ptp4l);
        return ptp4l_open(&source->ptp4l, ptp4l_usual_paths, (uint8_t)source->status.domain);
    }
    if (strncmp(spec, "ptp4l:", 6) == 0 && spec[6])
        return open_socket(source, spec, spec + 6, err, err_size);
    if (strncmp(spec, "phc:", 4) == 0 && spec[4])
        return open_phc(source, spec + 4, err, err_size);
    snprintf(err, err_size,
             "--clock %s: no such clock; use auto, system, ptp4l, ptp4l:SOCKET, phc:DEVICE or phc:INTERFACE",
             spec);
    return -EINVAL;
}

int clock_source_open(struct clock_source **out, const char *spec, int ptp_domain, char *err, size_t err_size)
{
    struct clock_source *source;
    int ret;

    if (ptp_domain < 0 || ptp_domain > 255) {
        snprintf(err, err_size, "--ptp-domain %d: a PTP domain is 0 to 255", ptp_domain);
        return -EINVAL;
    }
    source = calloc(1, sizeof *source);
    if (!source) {
        snprintf(err, err_size, "--clock %s: out of memory", spec);
        return -ENOMEM;
    }
    source->status.port_state = "";
    source->status.domain = ptp_domain;
    source->master.domain = CLOCK_DOMAIN_UNKNOWN;
    ret = open_spec(source, spec, err, err_size);
    if (ret == -ENOMEM)
        snprintf(err, err_size, "--clock %s: out of memory", spec);
    if (ret) {
        clock_source_close(source);
        return ret;
    }
    *out = source;
    return 0;
}

void clock_source_close(struct clock_source *source)
{
    if (!source)
        return;
    ptp4l_close(source->ptp4l);
    phc_close(source->phc);
    free(source);
}

int clock_source_poll(struct clock_source *source, struct clock_sample *out)
{
    struct clock_pair now;

    clock_pair_read(&now);
    return source->seeking ? poll_seeking(source, &now, out) : source->kind->poll(source, &now, out);
}

const struct clock_source_status *clock_source_status(const struct clock_source *source)
{
    return &source->status;
}

void clock_source_advice(const struct clock_source *source, struct media_clock_config *config)
{
    *config = *source->kind->advice;
}
