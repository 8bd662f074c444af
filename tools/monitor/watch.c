// SPDX-License-Identifier: GPL-3.0-or-later
#include "watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/host/clock.h"
#include "proto/host/discovery.h"
#include "proto/host/log.h"
#include "proto/host/netwatch.h"
#include "proto/options.h"
#include "proto/sap.h"
#include "receiver/recv.h"

enum {
    DRAINS_MAX = 64, /* of one socket at a time: a flood keeps the others from nothing */
    SAP_GROUPS = 2,
    EARS = 2,
};

#define RETRY_NS NS_PER_S

/* One group's sockets. */
struct ears {
    bool open;
    struct sockaddr_in group;
    struct receiver *sound, *rtcp; /* NULL: not listened to, or not to be had */
};

struct watch {
    struct watch_config config;
    char interface[IF_NAMESIZE];
    struct discovery *discovery;
    struct netwatch *network;
    struct ears ears[VIEW_STREAMS_MAX]; /* by the model's places */
    struct receiver *sap[SAP_GROUPS];   /* for the recording alone */
    uint64_t overflows;
    bool told_error;
};

static const char *const sap_groups[SAP_GROUPS] = {"239.255.255.255", "224.2.127.254"};

/* ---- opening --------------------------------------------------------------------------------------- */

static struct receiver *open_ear(struct watch *w, const struct sockaddr_in *group, char *err, size_t err_size)
{
    struct recv_config config = {.group = *group, .interface = w->config.interface};
    struct receiver *receiver;

    return recv_open(&receiver, &config, NULL, NULL, err, err_size) ? NULL : receiver;
}

static struct sockaddr_in rtcp_of(const struct sockaddr_in *group)
{
    struct sockaddr_in rtcp = *group;

    rtcp.sin_port = htons((uint16_t)(ntohs(group->sin_port) + 1));
    return rtcp;
}

static void close_ears(struct ears *e)
{
    recv_close(e->sound);
    recv_close(e->rtcp);
    *e = (struct ears){0};
}

static bool open_ears(struct watch *w, struct ears *e, const struct sockaddr_in *group, char *err,
                      size_t err_size)
{
    struct sockaddr_in rtcp = rtcp_of(group);

    *e = (struct ears){.group = *group};
    e->rtcp = open_ear(w, &rtcp, err, err_size);
    if (e->rtcp && w->config.audio)
        e->sound = open_ear(w, group, err, err_size);
    e->open = e->rtcp && (e->sound || !w->config.audio);
    if (!e->open)
        close_ears(e);
    return e->open;
}

static void tell_once(struct watch *w, const char *err)
{
    if (!w->told_error)
        log_warning("%s", err);
    w->told_error = true;
}

static bool same_group(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
    return a->sin_addr.s_addr == b->sin_addr.s_addr && a->sin_port == b->sin_port;
}

/* Sockets for the groups that the model has, and for no others. */
static void follow_model(struct watch *w)
{
    char err[512] = "";

    for (size_t i = 0; i < VIEW_STREAMS_MAX; i++) {
        const struct sockaddr_in *group = model_group(w->config.model, i);
        struct ears *e = &w->ears[i];

        if (e->open && (!group || !same_group(group, &e->group)))
            close_ears(e);
        if (group && !e->open && !open_ears(w, e, group, err, sizeof err))
            tell_once(w, err);
    }
}

static int watch_groups(struct watch *w, raw_ns now, char *err, size_t err_size)
{
    char text[64];
    struct sockaddr_in group;

    for (const char *at = w->config.groups; *at;) {
        size_t len = strcspn(at, ",");
        int place, error;

        snprintf(text, sizeof text, "%.*s", (int)len, at);
        error = option_parse_group(text, &group, err, err_size);
        place = error ? error : model_watch(w->config.model, &group, true, now);
        if (place < 0)
            return place;
        if (!w->ears[place].open && !open_ears(w, &w->ears[place], &group, err, err_size))
            return -EIO;
        at += len + (at[len] == ',');
    }
    return 0;
}

static int open_sap(struct watch *w, char *err, size_t err_size)
{
    struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(SAP_PORT)};

    for (int i = 0; i < SAP_GROUPS && w->config.recording; i++) {
        inet_pton(AF_INET, sap_groups[i], &group.sin_addr);
        w->sap[i] = open_ear(w, &group, err, err_size);
        if (!w->sap[i])
            return -EIO;
    }
    return 0;
}

int watch_open(struct watch **result, const struct watch_config *config, raw_ns now, char *err,
               size_t err_size)
{
    struct watch *w = calloc(1, sizeof *w);
    struct sockaddr_in sap = {.sin_family = AF_INET, .sin_port = htons(SAP_PORT)};
    int error = -ENOMEM;

    *result = NULL;
    snprintf(err, err_size, "out of memory for the sockets");
    if (!w)
        return error;
    w->config = *config;
    inet_pton(AF_INET, sap_groups[0], &sap.sin_addr);
    error = discovery_open(&w->discovery, config->interface, w->interface, err, err_size);
    if (!error)
        error = watch_groups(w, now, err, err_size);
    if (!error)
        error = open_sap(w, err, err_size);
    if (error) {
        watch_close(w);
        return error;
    }
    /* not needed to listen: a failure is told, and no more */
    if (netwatch_open(&w->network, config->interface, &sap, err, err_size))
        log_warning("%s", err);
    log_info("listening on %s", w->interface);
    *result = w;
    return 0;
}

void watch_close(struct watch *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < VIEW_STREAMS_MAX; i++)
        close_ears(&w->ears[i]);
    for (int i = 0; i < SAP_GROUPS; i++)
        recv_close(w->sap[i]);
    netwatch_close(w->network);
    discovery_close(w->discovery);
    free(w);
}

/* ---- listening ------------------------------------------------------------------------------------- */

/* Whose datagrams they are. */
enum ear_kind { EAR_SOUND, EAR_RTCP, EAR_SAP };

static void take(struct watch *w, enum ear_kind kind, size_t place, const struct sockaddr_in *to,
                 const struct recv_datagram *d, const struct clock_pair *now)
{
    raw_ns arrival = clock_raw_of_stamp(now, d->arrival_realtime_ns);
    uint32_t source = d->source.sin_addr.s_addr;

    if (kind == EAR_SOUND) {
        model_rtp(w->config.model, place, d->bytes, d->len, source, arrival);
        return;
    }
    if (kind == EAR_RTCP)
        model_rtcp(w->config.model, place, d->bytes, d->len, source, arrival);
    recording_take(w->config.recording, &d->source, to, d->bytes, d->len,
                   d->arrival_realtime_ns ? d->arrival_realtime_ns : now->realtime_ns);
}

static void drain(struct watch *w, enum ear_kind kind, size_t place, struct receiver *receiver,
                  const struct sockaddr_in *to)
{
    const struct recv_datagram *datagrams;
    struct clock_pair now;
    int count = RECV_BATCH;

    for (int i = 0; i < DRAINS_MAX && count == RECV_BATCH; i++) {
        count = recv_drain(receiver, &datagrams);
        if (count > 0)
            clock_pair_read(&now);
        for (int k = 0; k < count; k++)
            take(w, kind, place, to, &datagrams[k], &now);
    }
    recv_sweep(receiver);
}

static void reopen(struct watch *w)
{
    char err[512] = "";
    int failed = discovery_reopen(w->discovery, err, sizeof err);

    for (size_t i = 0; i < VIEW_STREAMS_MAX && !failed; i++) {
        if (w->ears[i].rtcp)
            failed = recv_reopen(w->ears[i].rtcp, err, sizeof err);
        if (!failed && w->ears[i].sound)
            failed = recv_reopen(w->ears[i].sound, err, sizeof err);
    }
    for (int i = 0; i < SAP_GROUPS && !failed; i++)
        if (w->sap[i])
            failed = recv_reopen(w->sap[i], err, sizeof err);
    if (failed)
        log_debug("%s", err);
    else
        netwatch_settle(w->network);
}

void watch_run(struct watch *w, raw_ns now)
{
    struct sockaddr_in sap = {.sin_family = AF_INET, .sin_port = htons(SAP_PORT)};

    if (netwatch_run(w->network, now))
        reopen(w);
    discovery_run(w->discovery, now);
    for (size_t i = 0; i < VIEW_STREAMS_MAX; i++) {
        struct ears *e = &w->ears[i];
        struct sockaddr_in rtcp = rtcp_of(&e->group);

        /* the sound first: a compound may be about what it follows */
        if (e->sound)
            drain(w, EAR_SOUND, i, e->sound, &e->group);
        if (e->rtcp)
            drain(w, EAR_RTCP, i, e->rtcp, &rtcp);
    }
    for (int i = 0; i < SAP_GROUPS; i++) {
        inet_pton(AF_INET, sap_groups[i], &sap.sin_addr);
        if (w->sap[i])
            drain(w, EAR_SAP, 0, w->sap[i], &sap);
    }
}

/* ---- each second ----------------------------------------------------------------------------------- */

static uint64_t count_overflows(const struct watch *w)
{
    struct recv_counters counters;
    uint64_t overflows = 0;

    for (size_t i = 0; i < VIEW_STREAMS_MAX; i++)
        if (w->ears[i].sound) {
            recv_get_counters(w->ears[i].sound, &counters);
            overflows += counters.overflows;
        }
    return overflows;
}

void watch_second(struct watch *w, raw_ns now)
{
    uint64_t overflows = count_overflows(w);

    model_announced(w->config.model, discovery_directory(w->discovery), w->config.stream,
                    !*w->config.stream && *w->config.groups, now);
    follow_model(w);
    if (overflows > w->overflows)
        log_warning(
            "this machine lost %llu packets that had come: it is too slow, or net.core.rmem_max too small",
            (unsigned long long)(overflows - w->overflows));
    w->overflows = overflows;
}

static int64_t realtime_now(void)
{
    struct clock_pair now;

    clock_pair_read(&now);
    return now.realtime_ns;
}

void watch_record(struct watch *w)
{
    struct sockaddr_in nobody = {.sin_family = AF_INET};
    uint8_t compound[RTCP_COMPOUND_MAX];
    struct rtcp_report report;

    for (size_t i = 0; i < VIEW_STREAMS_MAX && w->config.recording; i++) {
        struct sockaddr_in rtcp = rtcp_of(&w->ears[i].group);

        nobody.sin_port = rtcp.sin_port;
        if (model_testimony(w->config.model, i, &report))
            recording_take(w->config.recording, &nobody, &rtcp, compound, rtcp_build(compound, &report),
                           realtime_now());
    }
    recording_flush(w->config.recording);
}
