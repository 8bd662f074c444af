// SPDX-License-Identifier: GPL-3.0-or-later
#include "soundfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/bytes.h"

enum { BLOCK = 8192, DAY_S = 86400 };

/* Of a FLAC file (RFC 9639 section 8.2): where the frames are counted, in the low bits of a big-endian
 * number. */
enum { FLAC_COUNT_AT = 18, FLAC_COUNT_BITS = 36 };

struct soundfile {
    SNDFILE *file;
    int fd; /* that of `file` */
    char *path;
    uint64_t frames;
    unsigned channels;
    int bits; /* 0: float */
    bool flac;
    int block[BLOCK];
};

static bool ends_in(const char *path, const char *suffix)
{
    size_t length = strlen(path), tail = strlen(suffix);

    return length > tail && path[length - tail - 1] != '/' && strcasecmp(path + length - tail, suffix) == 0;
}

int soundfile_check_name(const char *path, char *why, size_t why_size)
{
    if (ends_in(path, ".wav") || ends_in(path, ".flac"))
        return 0;
    snprintf(why, why_size, "not the name of a sound file; allowed is FILE.wav or FILE.flac");
    return -EINVAL;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

uint64_t soundfile_time_reference(media_t at, uint32_t rate_hz, const struct soundfile_time *time,
                                  int64_t *day_s)
{
    int64_t offset_s = time->utc ? time->utc_offset_s : 0;
    int64_t second = floor_div(at.n, rate_hz) - offset_s;
    int64_t midnight = floor_div(second, DAY_S) * DAY_S;

    if (day_s)
        *day_s = midnight;
    return (uint64_t)(at.n - (midnight + offset_s) * rate_hz);
}

/* Fields of bext need no terminating zero, but readers like one. */
static void fill_bext(SF_BROADCAST_INFO *b, const struct soundfile_config *c)
{
    int64_t day_s;
    uint64_t reference = soundfile_time_reference(c->format.at, c->format.rate_hz, &c->time, &day_s);
    time_t begin = (time_t)(day_s + (int64_t)(reference / c->format.rate_hz));
    char date[16], clock[16];
    struct tm tm;

    memset(b, 0, sizeof *b);
    gmtime_r(&begin, &tm);
    strftime(date, sizeof date, "%Y-%m-%d", &tm);
    strftime(clock, sizeof clock, "%H:%M:%S", &tm);
    memcpy(b->origination_date, date, sizeof b->origination_date);
    memcpy(b->origination_time, clock, sizeof b->origination_time);
    snprintf(b->description, sizeof b->description, "%.100s%sTimes are %s%s%.40s, media sample %" PRId64,
             c->title, *c->title ? ". " : "",
             c->time.utc ? "UTC" : "PTP's own count (TAI, or whatever its grandmaster counts), not UTC",
             *c->time.grandmaster ? ", by grandmaster " : "", c->time.grandmaster, c->format.at.n);
    snprintf(b->originator, sizeof b->originator, "unisono %.20s", UNISONO_VERSION);
    snprintf(b->originator_reference, sizeof b->originator_reference, "%.20s %08x", c->originator,
             c->format.ssrc);
    b->time_reference_low = (uint32_t)reference;
    b->time_reference_high = (uint32_t)(reference >> 32);
    b->version = 1;
}

/* 0, or -EIO. */
static int write_meta(struct soundfile *f, const struct soundfile_config *c)
{
    SF_BROADCAST_INFO b;
    char comment[512];

    fill_bext(&b, c);
    if (!f->flac) {
        sf_command(f->file, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE);
        return sf_command(f->file, SFC_RF64_AUTO_DOWNGRADE, NULL, SF_TRUE) == SF_TRUE &&
                       sf_command(f->file, SFC_SET_BROADCAST_INFO, &b, sizeof b) == SF_TRUE
                   ? 0
                   : -EIO;
    }
    snprintf(comment, sizeof comment, "TIME_REFERENCE=%" PRIu64 "; %.10s %.8s; %.256s",
             (uint64_t)b.time_reference_high << 32 | b.time_reference_low, b.origination_date,
             b.origination_time, b.description);
    return sf_set_string(f->file, SF_STR_COMMENT, comment) ||
                   sf_set_string(f->file, SF_STR_SOFTWARE, "unisono")
               ? -EIO
               : 0;
}

static int complain(const struct soundfile *f, char *err, size_t err_size)
{
    snprintf(err, err_size, "cannot write to %s: %s", f->path, sf_strerror(f->file));
    return -EIO;
}

static int update_header(struct soundfile *f, char *err, size_t err_size)
{
    if (f->flac)
        return 0;
    /* its value is 0, whatever happened */
    sf_command(f->file, SFC_UPDATE_HEADER_NOW, NULL, 0);
    return sf_error(f->file) ? complain(f, err, err_size) : 0;
}

static int refuse_channels(const struct soundfile_config *c, char *err, size_t err_size)
{
    snprintf(err, err_size, "%s: FLAC holds at most %d channels, the stream has %u; record to a .wav file",
             c->path, SOUNDFILE_FLAC_CHANNELS_MAX, c->format.channels);
    return -EINVAL;
}

int soundfile_create(struct soundfile **result, const struct soundfile_config *c, char *err, size_t err_size)
{
    struct soundfile *f = calloc(1, sizeof *f);
    SF_INFO info = {.samplerate = (int)c->format.rate_hz, .channels = (int)c->format.channels};
    int error = -ENOMEM;
    bool made = false;

    *result = NULL;
    snprintf(err, err_size, "%s: not enough memory to record", c->path);
    if (!f || !(f->path = strdup(c->path)))
        goto out;
    f->channels = c->format.channels;
    f->flac = ends_in(c->path, ".flac");
    f->bits = c->format.codec == RTP_CODEC_L16 ? 16 : c->format.codec == RTP_CODEC_L24 || f->flac ? 24 : 0;
    info.format = f->flac ? SF_FORMAT_FLAC : SF_FORMAT_RF64;
    info.format |= f->bits == 16 ? SF_FORMAT_PCM_16 : f->bits == 24 ? SF_FORMAT_PCM_24 : SF_FORMAT_FLOAT;
    if (f->flac && f->channels > SOUNDFILE_FLAC_CHANNELS_MAX) {
        error = refuse_channels(c, err, err_size);
        goto out;
    }
    f->fd = open(c->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    made = f->fd >= 0;
    if (!made) {
        error = -errno;
        snprintf(err, err_size, "cannot record to %s: %s", c->path, strerror(errno));
        goto out;
    }
    f->file = sf_open_fd(f->fd, SFM_WRITE, &info, SF_TRUE);
    error = f->file ? write_meta(f, c) : -EIO;
    if (error)
        snprintf(err, err_size, "cannot record to %s: %s", c->path, sf_strerror(f->file));
    else
        error = update_header(f, err, err_size);
out:
    if (error && f) {
        if (f->file) /* else libsndfile has closed the descriptor */
            sf_close(f->file);
        if (made)
            unlink(c->path); /* ours, and empty */
        free(f->path);
        free(f);
        f = NULL;
    }
    *result = f;
    return error;
}

/* As pcm_encode() does, left-justified in 32 bits, which libsndfile cuts to the file's. */
static void to_integers(const float *in, int *out, size_t samples, int bits)
{
    const float scale = ldexpf(1, bits - 1);

    for (size_t i = 0; i < samples; i++) {
        float x = in[i] * scale;

        x = !(x == x) ? 0 : x < -scale ? -scale : x > scale - 1 ? scale - 1 : x;
        out[i] = (int)((unsigned)lrintf(x) << (32 - bits));
    }
}

int soundfile_write(struct soundfile *f, const float *interleaved, size_t frames, char *err, size_t err_size)
{
    const size_t most = BLOCK / f->channels;

    while (frames) {
        size_t n = frames < most ? frames : most;
        sf_count_t wrote;

        if (!interleaved || f->bits) {
            memset(f->block, 0, n * f->channels * sizeof *f->block);
            if (interleaved)
                to_integers(interleaved, f->block, n * f->channels, f->bits);
            wrote = sf_writef_int(f->file, f->block, (sf_count_t)n);
        } else {
            wrote = sf_writef_float(f->file, interleaved, (sf_count_t)n);
        }
        if (wrote != (sf_count_t)n)
            return complain(f, err, err_size);
        interleaved = interleaved ? interleaved + n * f->channels : NULL;
        frames -= n;
        f->frames += n;
    }
    return 0;
}

int soundfile_update(struct soundfile *f, char *err, size_t err_size)
{
    struct stat open, named;

    if (fstat(f->fd, &open) || stat(f->path, &named) || open.st_dev != named.st_dev ||
        open.st_ino != named.st_ino) {
        snprintf(err, err_size, "%s has been removed or renamed while it was written", f->path);
        return -ENOENT;
    }
    return update_header(f, err, err_size);
}

/* libsndfile does not say when the end of a FLAC file, its count of frames at the very last, was not written.
 */
static bool is_whole(const struct soundfile *f, int fd)
{
    uint8_t count[8];

    return pread(fd, count, sizeof count, FLAC_COUNT_AT) == sizeof count &&
           (get_be64(count) & ((UINT64_C(1) << FLAC_COUNT_BITS) - 1)) == f->frames;
}

int soundfile_close(struct soundfile *f, char *err, size_t err_size)
{
    int error, fd;

    if (!f)
        return 0;
    fd = f->flac && f->frames ? dup(f->fd) : -1;
    error = sf_close(f->file) || (fd >= 0 && !is_whole(f, fd)) ? -EIO : 0;
    if (fd >= 0)
        close(fd);
    if (error)
        snprintf(err, err_size, "cannot end %s: %s", f->path, "the disk is full or broken");
    free(f->path);
    free(f);
    return error;
}
