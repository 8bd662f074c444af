// SPDX-License-Identifier: GPL-3.0-or-later
#include "play.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/directory.h"
#include "proto/sap.h"
#include "tools/replay/pcapfile.h"

/* When nobody testified, a second is over by the clock. */
#define UNTOLD_NS (3 * NS_PER_S / 2)

struct play {
    struct pcapfile *file;
    struct model *model;
    struct directory directory;
    bool waiting; /* `next` is still to be played */
    struct datagram next;
    int64_t ticked_ns, now_ns; /* since 1970; 0: nothing was played yet */
    bool testified;            /* since the last second */
};

int play_open(struct play **result, const char *path, struct model *model, char *err, size_t err_size)
{
    struct play *p = calloc(1, sizeof *p);
    char why[384];
    int error = -ENOMEM;

    *result = NULL;
    snprintf(err, err_size, "out of memory opening --play %s", path);
    if (!p)
        return error;
    p->model = model;
    directory_init(&p->directory);
    error = pcapfile_open(&p->file, path, why, sizeof why);
    if (error) {
        snprintf(err, err_size, "--play %s", why);
        play_close(p);
        return error;
    }
    *result = p;
    return 0;
}

void play_close(struct play *p)
{
    if (!p)
        return;
    pcapfile_close(p->file);
    free(p);
}

static void play_datagram(struct play *p, const struct datagram *d)
{
    raw_ns at = {d->arrival_ns};
    struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(d->port - 1))};
    int place;

    if (d->captured < d->length)
        return;
    if (d->port == SAP_PORT) {
        directory_announcement(&p->directory, d->bytes, d->length, htonl(d->source), at);
        return;
    }
    /* RFC 3550 section 11: RTCP has the odd port; or else it looks like it (RFC 5761) */
    if (d->length < 2 || d->bytes[1] < 200 || d->bytes[1] > 204)
        return;
    group.sin_addr.s_addr = htonl(d->destination);
    place = model_watch(p->model, &group, false, at);
    if (place >= 0)
        model_rtcp(p->model, (size_t)place, d->bytes, d->length, htonl(d->source), at);
    p->testified = p->testified || d->source == 0;
}

static const struct view *end_second(struct play *p, int64_t now_ns)
{
    p->ticked_ns = now_ns;
    p->testified = false;
    directory_expire(&p->directory, (raw_ns){now_ns});
    model_announced(p->model, &p->directory, "", false, (raw_ns){now_ns});
    return model_tick(p->model, (raw_ns){now_ns}, (double)now_ns / 1e9);
}

/* Whether a second was over before the datagram that is next; then *now_ns is when. */
static bool is_over(const struct play *p, int64_t *now_ns)
{
    *now_ns = p->now_ns;
    /* the testimonies of all streams stand together at the end of a second */
    if (p->testified)
        return p->next.source != 0;
    *now_ns = p->ticked_ns + NS_PER_S;
    return p->next.arrival_ns - p->ticked_ns > UNTOLD_NS;
}

const struct view *play_second(struct play *p)
{
    int64_t now_ns;

    while (p->waiting || pcapfile_next(p->file, &p->next)) {
        p->waiting = true;
        if (!p->ticked_ns)
            p->ticked_ns = p->next.arrival_ns;
        if (is_over(p, &now_ns))
            return end_second(p, now_ns);
        p->waiting = false;
        p->now_ns = p->next.arrival_ns;
        play_datagram(p, &p->next);
    }
    return p->now_ns > p->ticked_ns ? end_second(p, p->now_ns) : NULL;
}
