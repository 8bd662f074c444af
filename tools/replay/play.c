// SPDX-License-Identifier: GPL-3.0-or-later
#include "play.h"

#include <errno.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUFFER_MS = 85,     /* the card's, as in unisono-recv */
    BLOCK_FRAMES = 8192 /* as many as the buffer has at 96 kHz; rx renders fewer at a time */
};

#define QUIET_NS (12 * NS_PER_S)   /* nothing that came before is still to be heard: 10 s is the most of L */
#define WAKE_NS  (100 * NS_PER_MS) /* and so long before the next datagram the card runs again */
#define PAUSE_S  60                /* a longer silence is not kept in the file */

struct play {
    struct rx *rx;
    const struct timescale *clock;
    unsigned hint; /* into it */
    uint32_t rate_hz;
    unsigned channels;
    int64_t room; /* of the card's buffer, frames */
    raw_ns next;  /* the next cycle */
    raw_ns heard; /* the newest datagram */

    bool running;
    raw_ns started; /* when frame `first` left the converter */
    int64_t first, written;

    char wav[256];
    SNDFILE *file;
    raw_ns begin;
    int64_t filed; /* frames in the file */
    bool failed;
    float block[];
};

static int open_wav(struct play *p, char *err, size_t err_size)
{
    SF_INFO info = {.samplerate = (int)p->rate_hz,
                    .channels = (int)p->channels,
                    .format = SF_FORMAT_RF64 | SF_FORMAT_PCM_24};

    p->file = sf_open(p->wav, SFM_WRITE, &info);
    if (!p->file) {
        snprintf(err, err_size, "--wav %s: cannot be written: %s", p->wav, sf_strerror(NULL));
        return -EIO;
    }
    /* a plain WAV, unless it grows beyond 4 GB */
    sf_command(p->file, SFC_RF64_AUTO_DOWNGRADE, NULL, SF_TRUE);
    sf_command(p->file, SFC_SET_CLIPPING, NULL, SF_TRUE);
    return 0;
}

int play_open(struct play **result, const struct play_config *config, char *err, size_t err_size)
{
    unsigned channels = config->rx.card_channels;
    struct play *p = calloc(1, sizeof *p + (size_t)BLOCK_FRAMES * channels * sizeof *p->block);
    struct rx_config rx = config->rx;
    int error = 0;

    *result = NULL;
    if (p) {
        rx.card_frames = (size_t)samples_in_ns(BUFFER_MS * NS_PER_MS, rx.card_rate_hz);
        p->rx = rx_create(&rx);
    }
    if (!p || !p->rx) {
        free(p);
        snprintf(err, err_size, "out of memory");
        return -ENOMEM;
    }
    p->clock = config->clock;
    p->rate_hz = rx.card_rate_hz;
    p->channels = channels;
    p->room = (int64_t)rx.card_frames;
    p->next = p->heard = p->begin = config->begin;
    snprintf(p->wav, sizeof p->wav, "%s", config->wav);
    if (p->wav[0])
        error = open_wav(p, err, err_size);
    if (error)
        play_close(p);
    else
        *result = p;
    return error;
}

void play_close(struct play *p)
{
    if (!p)
        return;
    if (p->file)
        sf_close(p->file);
    rx_destroy(p->rx);
    free(p);
}

static int64_t pointer(const struct play *p, raw_ns now)
{
    /* since the card started: never so long that the product overflows, timebase.h is exact anyway */
    return p->first + media_at_ptp((ptp_ns){now.ns - p->started.ns}, p->rate_hz).n;
}

static void file_frames(struct play *p, const float *frames, int64_t count)
{
    if (!p->file || p->failed || count <= 0)
        return;
    p->failed = sf_writef_float(p->file, frames, count) != count;
    p->filed += count;
}

/* Silence in the file for the time in which the card did not run. */
static void file_pause(struct play *p, raw_ns until)
{
    int64_t missing = samples_in_ns(until.ns - p->begin.ns, p->rate_hz) - p->filed;
    int64_t most = (int64_t)PAUSE_S * p->rate_hz;

    if (!p->file || missing <= 0)
        return;
    if (missing > most) {
        p->begin.ns += ns_of_samples(missing - most, p->rate_hz);
        missing = most;
    }
    memset(p->block, 0, (size_t)BLOCK_FRAMES * p->channels * sizeof *p->block);
    for (int64_t n; missing > 0; missing -= n) {
        n = missing < BLOCK_FRAMES ? missing : BLOCK_FRAMES;
        file_frames(p, p->block, n);
    }
}

static void stop_card(struct play *p, bool ran_dry)
{
    rx_card_stopped(p->rx, ran_dry);
    p->running = false;
}

static void cycle(struct play *p)
{
    raw_ns now = p->next;
    const struct clock_map *map = timescale_at(p->clock, now, &p->hint);
    int64_t queued = 0;
    size_t room, count;

    if (p->running) {
        queued = p->written - pointer(p, now);
        if (queued <= 0)
            stop_card(p, true);
        else
            rx_card(p->rx, now, queued);
        queued = queued > 0 ? queued : 0;
    }
    if (!p->running)
        file_pause(p, now);
    room = (size_t)(p->room - queued);
    count = rx_render(p->rx, map, room < BLOCK_FRAMES ? room : BLOCK_FRAMES, p->block);
    if (!p->running && count) {
        p->running = true;
        p->started = now;
        p->first = p->written;
    }
    file_frames(p, p->block, (int64_t)count);
    p->written += (int64_t)count;
    p->next = rx_deadline(p->rx, now);
}

/* A pause in which nobody hears anything is not played through: a capture may hold years of it. */
static void pass(struct play *p, raw_ns until)
{
    raw_ns quiet = {p->heard.ns + QUIET_NS};

    while (p->next.ns <= until.ns && p->next.ns < quiet.ns)
        cycle(p);
    if (p->next.ns <= until.ns) {
        if (p->running)
            stop_card(p, false);
        p->next.ns = until.ns - WAKE_NS > p->next.ns ? until.ns - WAKE_NS : p->next.ns;
        while (p->next.ns <= until.ns)
            cycle(p);
    }
}

void play_datagram(struct play *p, const uint8_t *bytes, size_t length, raw_ns arrival, uint64_t source)
{
    pass(p, arrival);
    rx_datagram(p->rx, 0, timescale_at(p->clock, arrival, &p->hint), bytes, length, arrival, source);
    p->heard = arrival;
}

int play_finish(struct play *p, struct rx_status *status, uint64_t *concealed_end, char *err, size_t err_size)
{
    struct rx_status last;

    rx_get_status(p->rx, 0, &last);
    pass(p, (raw_ns){p->heard.ns + last.link_ns + NS_PER_S});
    rx_get_status(p->rx, 0, status);
    *concealed_end = status->concealed - last.concealed;
    if (p->file && sf_close(p->file))
        p->failed = true;
    p->file = NULL;
    if (p->failed) {
        snprintf(err, err_size, "--wav %s: cannot be written to its end; free the disk", p->wav);
        return -EIO;
    }
    return 0;
}
