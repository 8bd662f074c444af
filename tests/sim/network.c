// SPDX-License-Identifier: GPL-3.0-or-later
#include "network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int network_init(struct network *n, unsigned receivers, uint64_t seed)
{
    *n = (struct network){.paths = calloc(receivers, sizeof *n->paths), .count = receivers};
    if (!n->paths)
        return -ENOMEM;
    for (unsigned i = 0; i < receivers; i++)
        n->paths[i].chance = chance_of(seed, "path", i);
    return 0;
}

static void release(struct network *n, struct network_datagram *d)
{
    if (--d->holders)
        return;
    d->next_free = n->free;
    n->free = d;
}

void network_free(struct network *n)
{
    for (unsigned i = 0; i < n->count; i++) {
        struct path *p = &n->paths[i];

        for (size_t k = p->first; k < p->count; k++)
            release(n, p->inbox[k].datagram);
        free(p->inbox);
    }
    while (n->free) {
        struct network_datagram *next = n->free->next_free;

        free(n->free);
        n->free = next;
    }
    free(n->paths);
}

/* Room for one more behind the last. */
static int make_room(struct path *p)
{
    if (p->count < p->room)
        return 0;
    if (p->first > p->room / 2) {
        memmove(p->inbox, p->inbox + p->first, (p->count - p->first) * sizeof *p->inbox);
    } else {
        size_t room = p->room ? 2 * p->room : 64;
        struct network_arrival *inbox = calloc(room, sizeof *inbox);

        if (!inbox)
            return -ENOMEM;
        if (p->count)
            memcpy(inbox, p->inbox + p->first, (p->count - p->first) * sizeof *inbox);
        free(p->inbox);
        p->inbox = inbox;
        p->room = room;
    }
    p->count -= p->first;
    p->first = 0;
    return 0;
}

static int arrive(struct path *p, struct network_datagram *d, int64_t at)
{
    size_t place;
    int error = make_room(p);

    if (error)
        return error;
    for (place = p->count++; place > p->first && p->inbox[place - 1].at > at; place--)
        p->inbox[place] = p->inbox[place - 1];
    p->inbox[place] = (struct network_arrival){at, d};
    d->holders++;
    return 0;
}

static bool in_burst(struct path *p, int64_t now)
{
    if (p->config.burst_every_s <= 0)
        return false;
    if (!p->burst_next)
        p->burst_next = now + (int64_t)(p->config.burst_every_s * 1e9 * chance_exponential(&p->chance));
    if (now >= p->burst_next) {
        p->burst_until = now + (int64_t)(p->config.burst_ms * 1e6);
        p->burst_next =
            p->burst_until + (int64_t)(p->config.burst_every_s * 1e9 * chance_exponential(&p->chance));
    }
    return now < p->burst_until;
}

/* How long a bottleneck holds a datagram; negative: its queue is full. */
static int64_t held_up(struct path *p, size_t length, int64_t now)
{
    int64_t takes, waits;

    if (p->config.limit_kbps <= 0)
        return 0;
    takes = (int64_t)((double)(length + 66) * 8e6 / p->config.limit_kbps); /* with Ethernet, IP, UDP */
    waits = p->free_at > now ? p->free_at - now : 0;
    if (waits > (int64_t)(p->config.limit_ms * 1e6))
        return -1;
    p->free_at = now + waits + takes;
    return waits + takes;
}

static int travel(struct path *p, struct network_datagram *d, int64_t now)
{
    const struct path_config *c = &p->config;
    int copies = 1 + chance_happens(&p->chance, c->duplicate_pct / 100), error = 0;
    int64_t wait = held_up(p, d->length, now);

    p->sent++;
    if (in_burst(p, now) || chance_happens(&p->chance, c->loss_pct / 100) || wait < 0) {
        p->dropped++;
        return 0;
    }
    while (copies-- && !error) {
        double us = c->delay_us + c->jitter_us * chance_uniform(&p->chance);

        if (c->queue_us > 0)
            us += c->queue_us * chance_exponential(&p->chance);
        if (chance_happens(&p->chance, c->reorder_pct / 100))
            us += c->reorder_us;
        error = arrive(p, d, now + wait + (int64_t)(us * 1e3));
    }
    return error;
}

int network_send(struct network *n, const uint8_t *bytes, size_t length, uint64_t source, int64_t now)
{
    struct network_datagram *d = n->free;
    int error = 0;

    if (d)
        n->free = d->next_free;
    else
        d = malloc(sizeof *d);
    if (!d)
        return -ENOMEM;
    d->length = length;
    d->source = source;
    d->holders = 1;
    memcpy(d->bytes, bytes, length);
    for (unsigned i = 0; i < n->count && !error; i++)
        error = travel(&n->paths[i], d, now);
    release(n, d);
    return error;
}

const struct network_datagram *network_receive(struct network *n, unsigned to, int64_t now, int64_t *arrival)
{
    struct path *p = &n->paths[to];
    struct network_datagram *d;

    if (p->first == p->count || p->inbox[p->first].at > now)
        return NULL;
    *arrival = p->inbox[p->first].at;
    d = p->inbox[p->first++].datagram;
    release(n, d); /* its bytes stay until the next one is sent */
    return d;
}
