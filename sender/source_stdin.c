// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Raw samples on the standard input, interleaved and little-endian. Whoever writes them sets no pace: when
 * the ring is full the reader stops reading and the pipe holds the writer up.
 */
#include "feed.h"
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/host/log.h"
#include "proto/pcm.h"

enum {
    STANDARD_RATE_HZ = 48000,
    STANDARD_CHANNELS = 2,
    READY_MS = 200,
    PATIENCE_MS = 2000,
    BUFFER_BYTES = 1 << 16,
};

static const struct {
    const char *name;
    enum pcm_format pcm;
} formats[] = {
    [SOURCE_S16_LE] = {"S16_LE", PCM_S16_LE},
    [SOURCE_S24_3LE] = {"S24_3LE", PCM_S24_3LE},
    [SOURCE_S32_LE] = {"S32_LE", PCM_S32_LE},
    [SOURCE_F32_LE] = {"F32_LE", PCM_FLOAT_LE},
};

struct stdin_source {
    struct source base;
    struct source_feed *feed; /* as the real-time thread knows it */
    struct source_feed *to;   /* and as the reader does */
    enum source_format format;
    uint8_t bytes[BUFFER_BYTES];
    float samples[BUFFER_BYTES / 2];
};

/* Puts the whole frames among `len` bytes; false: stop. *used: how many bytes those are. */
static bool put_frames(struct stdin_source *s, size_t len, size_t *used)
{
    size_t sample_bytes = pcm_format_bytes(formats[s->format].pcm);
    size_t frames = len / (sample_bytes * s->base.channels);
    size_t samples = frames * s->base.channels;

    pcm_from_card(formats[s->format].pcm, s->bytes, s->samples, samples);
    *used = samples * sample_bytes;
    return source_feed_put(s->to, s->samples, frames);
}

static void run(void *context, struct source_feed *feed)
{
    struct stdin_source *s = context;
    size_t have = 0; /* bytes of a frame that is not complete yet */

    s->to = feed;
    while (source_feed_wait(feed, STDIN_FILENO)) {
        ssize_t n = read(STDIN_FILENO, s->bytes + have, sizeof s->bytes - have);
        size_t used;

        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            log_warning("stdin: %s; it ends here", strerror(errno));
        else if (n == 0 && have > 0)
            log_warning("stdin: ended within a frame; check --format %s and --channels %u",
                        formats[s->format].name, s->base.channels);
        if (n <= 0)
            return;
        if (!put_frames(s, have + (size_t)n, &used))
            return;
        have = have + (size_t)n - used;
        memmove(s->bytes, s->bytes + used, have);
    }
}

static size_t stdin_read(struct source *source, media_t at, float *interleaved, size_t frames)
{
    (void)at;
    return source_feed_take(((struct stdin_source *)source)->feed, interleaved, frames);
}

static bool stdin_ended(const struct source *source)
{
    return source_feed_ended(((const struct stdin_source *)source)->feed);
}

static void stdin_close(struct source *source)
{
    struct stdin_source *s = (struct stdin_source *)source;

    source_feed_stop(s->feed);
    free(s);
}

/* What can be told before reading. */
static int check_stdin(char *err, size_t err_len)
{
    if (fcntl(STDIN_FILENO, F_GETFL) < 0) {
        snprintf(err, err_len, "stdin: is closed; connect a pipe or a file with raw samples to it");
        return -EBADF;
    }
    if (isatty(STDIN_FILENO)) {
        snprintf(err, err_len, "stdin: is a terminal; connect a pipe or a file with raw samples to it");
        return -EINVAL;
    }
    return 0;
}

int source_open_stdin(struct source **source, const struct source_config *config, char *err, size_t err_len)
{
    int r = check_stdin(err, err_len);
    if (r < 0)
        return r;
    struct stdin_source *s = calloc(1, sizeof *s);
    if (s == NULL) {
        snprintf(err, err_len, "stdin: out of memory; free some");
        return -ENOMEM;
    }
    s->base = (struct source){
        .read = stdin_read,
        .ended = stdin_ended,
        .close = stdin_close,
        .rate_hz = config->rate_hz != 0 ? config->rate_hz : STANDARD_RATE_HZ,
        .channels = config->channels != 0 ? config->channels : STANDARD_CHANNELS,
    };
    s->format = config->format;
    snprintf(s->base.description, sizeof s->base.description, "stdin, %s, %u channel%s, %u Hz",
             formats[s->format].name, s->base.channels, s->base.channels == 1 ? "" : "s", s->base.rate_hz);

    r = source_feed_start(&s->feed, &(struct source_feed_config){.rate_hz = s->base.rate_hz,
                                                                 .channels = s->base.channels,
                                                                 .ready_ms = READY_MS,
                                                                 .patience_ms = PATIENCE_MS,
                                                                 .run = run,
                                                                 .context = s});
    if (r < 0) {
        snprintf(err, err_len, "stdin: %s; connect a pipe or a file with raw samples to it",
                 r == -ENODATA ? "ended before one whole frame" : strerror(-r));
        stdin_close(&s->base);
        return r;
    }
    *source = &s->base;
    return 0;
}
