// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Sound files, through libsndfile, and through libsamplerate when the rate is not the one wanted.
 *
 * The reader decodes into `in`, converts into `out`, spreads a mono file over the channels into `wide`, and
 * puts that into the feed. A loop only seeks: neither the converter nor the feed learns of it, so the first
 * frame follows the last as if they had been recorded so.
 */
#include "feed.h"
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <samplerate.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/host/log.h"

enum {
    CHUNK = 2048, /* frames decoded at a time */
    MAX_CHANNELS = 64,
    UNUSUAL_RATE_TO_HZ = 48000,
    READY_MS = 500,
};

struct file_source {
    struct source base;
    struct source_feed *feed; /* as the real-time thread knows it */
    struct source_feed *to;   /* and as the reader does */
    char *path;
    int fd;
    SNDFILE *file;
    SF_INFO info;
    SRC_STATE *converter; /* NULL: the file has the rate wanted */
    double ratio;         /* frames out for each frame in */
    bool loop;
    float in[CHUNK * MAX_CHANNELS];
    float out[CHUNK * MAX_CHANNELS];
    float wide[CHUNK * MAX_CHANNELS];
};

/* ---- the reader ----------------------------------------------------------------------------------- */

/* Puts frames that have the final rate; false: stop. */
static bool emit(struct file_source *f, const float *frames, size_t count)
{
    unsigned channels = f->base.channels;

    if (channels == (unsigned)f->info.channels)
        return source_feed_put(f->to, frames, count);
    for (size_t i = 0; i < count; i++) {
        for (unsigned c = 0; c < channels; c++)
            f->wide[i * channels + c] = frames[i];
    }
    return source_feed_put(f->to, f->wide, count);
}

/* Converts `count` frames of f->in, or with `last` also what the converter still holds; false: stop. */
static bool convert(struct file_source *f, size_t count, bool last)
{
    SRC_DATA data = {
        .data_in = f->in,
        .input_frames = (long)count,
        .data_out = f->out,
        .output_frames = CHUNK,
        .src_ratio = f->ratio,
        .end_of_input = last,
    };

    do {
        int r = src_process(f->converter, &data);
        if (r != 0) {
            log_warning("file:%s: cannot convert the rate (%s); the file ends here", f->path,
                        src_strerror(r));
            return false;
        }
        if (!emit(f, f->out, (size_t)data.output_frames_gen))
            return false;
        data.data_in += data.input_frames_used * f->info.channels;
        data.input_frames -= data.input_frames_used;
    } while (data.input_frames > 0 || data.output_frames_gen == CHUNK ||
             (last && data.output_frames_gen > 0));
    return true;
}

/* Reads the file once from where it stands; false: stop, or the file is broken. */
static bool play_once(struct file_source *f)
{
    sf_count_t total = 0;
    sf_count_t count;

    while ((count = sf_readf_float(f->file, f->in, CHUNK)) > 0) {
        size_t samples = (size_t)count * (size_t)f->info.channels;

        for (size_t i = 0; i < samples; i++) {
            if (!isfinite(f->in[i]))
                f->in[i] = 0;
        }
        total += count;
        if (!(f->converter != NULL ? convert(f, (size_t)count, false) : emit(f, f->in, (size_t)count)))
            return false;
    }
    /* The length of an MP3 file may be a guess; of all others it is known, and a file that shrank says no
     * more. */
    bool whole = total == f->info.frames || (f->info.format & SF_FORMAT_TYPEMASK) == SF_FORMAT_MPEG;
    if (sf_error(f->file) == SF_ERR_NO_ERROR && whole)
        return true;
    log_warning("file:%s: broken after %.3f of %.3f s (%s); it ends here", f->path,
                (double)total / f->info.samplerate, (double)f->info.frames / f->info.samplerate,
                sf_strerror(f->file));
    return false;
}

static void run(void *context, struct source_feed *feed)
{
    struct file_source *f = context;
    bool more = true;

    f->to = feed;
    while (more) {
        more = play_once(f) && f->loop;
        if (more && sf_seek(f->file, 0, SEEK_SET) != 0) {
            log_warning("file:%s: cannot go back to its start (%s); it ends here", f->path,
                        sf_strerror(f->file));
            more = false;
        }
    }
    if (f->converter != NULL)
        convert(f, 0, true);
}

/* ---- the source ----------------------------------------------------------------------------------- */

static size_t file_read(struct source *source, media_t at, float *interleaved, size_t frames)
{
    (void)at;
    return source_feed_take(((struct file_source *)source)->feed, interleaved, frames);
}

static bool file_ended(const struct source *source)
{
    return source_feed_ended(((const struct file_source *)source)->feed);
}

static void file_close(struct source *source)
{
    struct file_source *f = (struct file_source *)source;

    source_feed_stop(f->feed);
    if (f->converter != NULL)
        src_delete(f->converter);
    if (f->file != NULL)
        sf_close(f->file);
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    free(f);
}

static int open_decoder(struct file_source *f, char *err, size_t err_len)
{
    struct stat st;

    /* Not to wait for somebody to write when it is a named pipe. */
    f->fd = open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (f->fd < 0 || fstat(f->fd, &st) < 0) {
        int r = -errno;
        snprintf(err, err_len, "file:%s: %s; give the path of a readable sound file", f->path, strerror(-r));
        return r;
    }
    if (!S_ISREG(st.st_mode)) {
        snprintf(err, err_len, "file:%s: %s; give the path of a sound file", f->path,
                 S_ISDIR(st.st_mode) ? "is a directory" : "is not a regular file");
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    }
    f->file = sf_open_fd(f->fd, SFM_READ, &f->info, SF_FALSE);
    if (f->file == NULL) {
        snprintf(err, err_len, "file:%s: %s (%s); WAV, FLAC, AIFF and Ogg are among those that can be played",
                 f->path, st.st_size == 0 ? "is empty" : "not a sound file of a known kind",
                 sf_strerror(NULL));
        return -EINVAL;
    }
    if (f->info.frames <= 0) {
        snprintf(err, err_len, "file:%s: holds no sound; give a file with at least one sample", f->path);
        return -ENODATA;
    }
    return 0;
}

static int choose_channels(struct file_source *f, unsigned wanted, char *err, size_t err_len)
{
    unsigned own = (unsigned)f->info.channels;

    f->base.channels = wanted != 0 ? wanted : own;
    if (own > MAX_CHANNELS) {
        snprintf(err, err_len, "file:%s: has %u channels; allowed are 1 to %d", f->path, own, MAX_CHANNELS);
        return -EINVAL;
    }
    if (own == f->base.channels || own == 1)
        return 0;
    snprintf(err, err_len,
             "file:%s: has %u channels, not %u, and only a mono file is spread over more; give --channels %u",
             f->path, own, wanted, own);
    return -EINVAL;
}

static bool usual_rate(uint32_t rate_hz)
{
    return rate_hz == 44100 || rate_hz == 48000 || rate_hz == 88200 || rate_hz == 96000;
}

static int choose_rate(struct file_source *f, uint32_t wanted, char *err, size_t err_len)
{
    uint32_t own = (uint32_t)f->info.samplerate;
    int r = 0;

    f->base.rate_hz = wanted != 0 ? wanted : usual_rate(own) ? own : UNUSUAL_RATE_TO_HZ;
    if (f->base.rate_hz == own)
        return 0;
    f->ratio = (double)f->base.rate_hz / (double)own;
    if (src_is_valid_ratio(f->ratio))
        f->converter = src_new(SRC_SINC_BEST_QUALITY, f->info.channels, &r);
    if (f->converter != NULL)
        return 0;
    snprintf(err, err_len, "file:%s: cannot be converted from %u to %u Hz (%s); convert the file first",
             f->path, own, f->base.rate_hz, r != 0 ? src_strerror(r) : "too far apart");
    return -EINVAL;
}

static void describe(struct file_source *f)
{
    SF_FORMAT_INFO major = {.format = f->info.format & SF_FORMAT_TYPEMASK};
    SF_FORMAT_INFO sub = {.format = f->info.format & SF_FORMAT_SUBMASK};
    char rate[48] = "";

    sf_command(NULL, SFC_GET_FORMAT_INFO, &major, sizeof major);
    sf_command(NULL, SFC_GET_FORMAT_INFO, &sub, sizeof sub);
    if (f->converter != NULL)
        snprintf(rate, sizeof rate, " converted to %u Hz", f->base.rate_hz);
    /* The facts stand before the path, which may be cut. */
    snprintf(f->base.description, sizeof f->base.description,
             "%s, %s, %d channel%s, %d Hz%s, %.3f s%s: file:%s",
             major.name != NULL ? major.name : "sound file", sub.name != NULL ? sub.name : "unknown coding",
             f->info.channels, f->info.channels == 1 ? "" : "s", f->info.samplerate, rate,
             (double)f->info.frames / f->info.samplerate, f->loop ? " looped" : "", f->path);
}

int source_open_file(struct source **source, const struct source_config *config, const char *path, char *err,
                     size_t err_len)
{
    int r;

    struct file_source *f = calloc(1, sizeof *f);
    if (f == NULL || (f->path = strdup(path)) == NULL) {
        free(f);
        snprintf(err, err_len, "file:%s: out of memory; free some", path);
        return -ENOMEM;
    }
    f->base = (struct source){.read = file_read, .ended = file_ended, .close = file_close};
    f->fd = -1;
    f->loop = config->loop;
    r = open_decoder(f, err, err_len);
    if (r == 0)
        r = choose_channels(f, config->channels, err, err_len);
    if (r == 0)
        r = choose_rate(f, config->rate_hz, err, err_len);
    if (r < 0)
        goto fail;
    describe(f);

    r = source_feed_start(&f->feed, &(struct source_feed_config){.rate_hz = f->base.rate_hz,
                                                                 .channels = f->base.channels,
                                                                 .ready_ms = READY_MS,
                                                                 .patience_ms = -1,
                                                                 .run = run,
                                                                 .context = f});
    if (r < 0) {
        snprintf(err, err_len, "file:%s: no sound could be read from it (%s); check the file", path,
                 strerror(-r));
        goto fail;
    }
    *source = &f->base;
    return 0;

fail:
    file_close(&f->base);
    return r;
}
