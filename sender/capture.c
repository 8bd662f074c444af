// SPDX-License-Identifier: GPL-3.0-or-later
#include "capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_FRAMES = 1024 };

#define REOPEN_NS (500 * NS_PER_MS)

struct capture {
    struct card_config config;
    struct card *card; /* NULL while it is gone */
    struct retime *retime;
    float *block;
    bool running;
    int64_t read; /* frames since the card was first opened */
    raw_ns reopen_at;
    uint64_t overruns;
    char device[256];
    const char *device_warning;
};

int capture_open(struct capture **result, const struct card_config *config, struct retime *retime, char *err,
                 size_t err_size)
{
    struct capture *c = calloc(1, sizeof *c);
    int error = -ENOMEM;

    snprintf(err, err_size, "out of memory opening sound input %s", config->device);
    if (!c)
        goto out;
    c->config = *config;
    c->retime = retime;
    c->block = calloc((size_t)BLOCK_FRAMES * config->channels, sizeof *c->block);
    if (!c->block)
        goto out;
    error = card_open(&c->card, config, err, err_size);
    if (error)
        goto out;
    snprintf(c->device, sizeof c->device, "%s", card_description(c->card));
    c->device_warning = card_warning(c->card);
out:
    if (error) {
        capture_close(c);
        c = NULL;
    }
    *result = c;
    return error;
}

void capture_close(struct capture *c)
{
    if (!c)
        return;
    card_close(c->card);
    free(c->block);
    free(c);
}

static void lose(struct capture *c, raw_ns now)
{
    card_close(c->card);
    c->card = NULL;
    c->running = false;
    c->reopen_at.ns = now.ns + REOPEN_NS;
    retime_overrun(c->retime);
}

static void find(struct capture *c, raw_ns now)
{
    char err[256];

    if (now.ns < c->reopen_at.ns)
        return;
    c->reopen_at.ns = now.ns + REOPEN_NS;
    if (card_open(&c->card, &c->config, err, sizeof err))
        c->card = NULL;
}

static void recover(struct capture *c, int error, raw_ns now)
{
    c->overruns += error == -EPIPE;
    if (error == -ENODEV || card_recover(c->card)) {
        lose(c, now);
        return;
    }
    c->running = false;
    retime_overrun(c->retime);
}

void capture_cycle(struct capture *c, raw_ns now)
{
    struct card_reading reading;
    int64_t got;
    int error;

    if (!c->card)
        find(c, now);
    if (!c->card)
        return;
    if (!c->running) {
        c->running = card_start(c->card) == 0;
        return;
    }
    error = card_status(c->card, &reading);
    if (error) {
        recover(c, error, now);
        return;
    }
    retime_observe(c->retime, reading.stamp, (frame_t){c->read + reading.delay});
    while (reading.avail > 0) {
        got =
            card_read(c->card, c->block, reading.avail < BLOCK_FRAMES ? (size_t)reading.avail : BLOCK_FRAMES);
        if (got < 0)
            recover(c, (int)got, now);
        if (got <= 0)
            return;
        retime_push(c->retime, c->block, (size_t)got);
        c->read += got;
        reading.avail -= got;
    }
}

bool capture_present(const struct capture *c)
{
    return c->card != NULL;
}

uint64_t capture_overruns(const struct capture *c)
{
    return c->overruns;
}

const char *capture_device(const struct capture *c)
{
    return c->device;
}

const char *capture_device_warning(const struct capture *c)
{
    return c->device_warning;
}
