// SPDX-License-Identifier: GPL-3.0-or-later
#include "record.h"

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/host/clock.h"
#include "proto/host/log.h"
#include "proto/snapshot.h"
#include "soundfile.h"
#include "spool.h"

enum {
    LISTEN_MS = 5,      /* a socket holds far more; so 8000 packets a second are no 8000 wake-ups */
    WRITE_MS = 50,      /* between two writes: the disk gets long ones */
    DRAIN_BATCHES = 16, /* between two looks at what is due: a flood must not hold that up */
    CLOCK_MS = 3000,    /* so long the first file waits for a clock, to say when it was made */
    NUMBERS_MAX = 9999
};

#define UPDATE_NS   NS_PER_S    /* of the header */
#define BEGIN_NS    NS_PER_S    /* from one file to the next */
#define TELL_NS     NS_PER_S    /* of what is lost */
#define STACK_BYTES (512 << 10) /* resident, where memory is locked for the sound's sake */

/* What the threads of a recording need to know of the clock. */
struct record_clock {
    struct clock_map map;
    bool known;
    bool utc;
    int utc_offset_s;
    char grandmaster[PTP_CLOCK_ID_TEXT];
};

struct redescription {
    uint32_t number; /* grows with each; 0: none yet */
    struct stream_description description;
};

struct record {
    struct receiver *receiver;
    bool own_receiver;
    struct take *take;     /* the listener's */
    struct spool *spool;   /* between the two */
    uint32_t described;    /* the listener's: number of the description in use */
    uint32_t descriptions; /* the control thread's count */
    char path[RECORD_PATH_SIZE], title[128], host[64];

    /* the writer's */
    struct soundfile *file;
    unsigned number; /* of the newest file */
    raw_ns update_at, begin_at;
    struct take_format format; /* of what is to be written, */
    bool pending;              /* and that has no file yet */

    pthread_t listener, writer;
    bool listens, writes;
    struct record_status told; /* what the log knows */
    raw_ns tell_at;
    SNAPSHOT_OF(struct record_clock) clock;
    SNAPSHOT_OF(struct redescription) redescribed;
    atomic_bool stop;
    pthread_mutex_t lock; /* of these: */
    struct record_status status;
    char failure[RECORD_PATH_SIZE + 256];
};

static const char *const state_names[] = {"waiting", "recording", "failed"};

const char *record_state_name(enum record_state state)
{
    return state_names[state];
}

/* ---- the listener ----------------------------------------------------------------------------------- */

/* As in playback.c: group and description change as one. */
static bool tune(struct record *r)
{
    struct redescription newest;

    SNAPSHOT_LOAD(&r->redescribed, &newest);
    if (newest.number == r->described)
        return true;
    if (!recv_go_over(r->receiver))
        return false;
    r->described = newest.number;
    take_describe(r->take, &newest.description);
    return true;
}

static void drain_network(struct record *r, const struct clock_map *map, const struct clock_pair *pair)
{
    const struct recv_datagram *datagrams;
    int count, batches = 0;

    do {
        count = recv_drain(r->receiver, &datagrams);
        for (int i = 0; i < count; i++) {
            const struct recv_datagram *d = &datagrams[i];

            take_datagram(r->take, map, d->bytes, d->len, clock_raw_of_stamp(pair, d->arrival_realtime_ns),
                          d->source.sin_addr.s_addr);
        }
    } while (count == RECV_BATCH && ++batches < DRAIN_BATCHES);
}

static void publish(struct record *r, raw_ns now)
{
    pthread_mutex_lock(&r->lock);
    r->status.stream = *take_stream(r->take);
    r->status.heard = r->status.stream.locked && !stream_stale(&r->status.stream, now);
    take_get_counters(r->take, &r->status.take);
    r->status.dropped = spool_dropped(r->spool);
    r->status.cycles++;
    pthread_mutex_unlock(&r->lock);
}

static void *listen_on(void *context)
{
    struct record *r = context;
    bool last = false;

    while (!last) {
        struct clock_pair pair;
        struct record_clock clock;

        last = atomic_load(&r->stop); /* what came until then is still taken */
        clock_pair_read(&pair);
        SNAPSHOT_LOAD(&r->clock, &clock);
        if (tune(r))
            drain_network(r, &clock.map, &pair);
        take_run(r->take, pair.raw);
        publish(r, pair.raw);
        if (!last)
            poll(NULL, 0, LISTEN_MS);
    }
    take_finish(r->take);
    publish(r, clock_raw_now());
    spool_close(r->spool);
    return NULL;
}

/* ---- the writer ------------------------------------------------------------------------------------- */

static void fail(struct record *r, const char *why)
{
    char ignored[8];

    soundfile_close(r->file, ignored, sizeof ignored);
    r->file = NULL;
    spool_abandon(r->spool);
    pthread_mutex_lock(&r->lock);
    if (r->status.state != RECORD_FAILED)
        snprintf(r->failure, sizeof r->failure, "%s", why);
    r->status.state = RECORD_FAILED;
    pthread_mutex_unlock(&r->lock);
}

/* NAME.wav, NAME-2.wav, ... False when it is too long. */
static bool name_file(const struct record *r, unsigned number, char *path, size_t size)
{
    const char *dot = strrchr(r->path, '.');
    int length = number < 2 ? snprintf(path, size, "%s", r->path)
                            : snprintf(path, size, "%.*s-%u%s", (int)(dot - r->path), r->path, number, dot);

    return length > 0 && (size_t)length < size;
}

static int create_next(struct record *r, struct soundfile_config *config, char *path, size_t size, char *err,
                       size_t err_size)
{
    int error = -EEXIST;

    snprintf(err, err_size, "cannot record: all names after %s are taken", r->path);
    config->path = path;
    while (error == -EEXIST && r->number < NUMBERS_MAX) {
        if (!name_file(r, ++r->number, path, size)) {
            snprintf(err, err_size, "cannot record: the name of file %u after %s is too long", r->number,
                     r->path);
            return -ENAMETOOLONG;
        }
        error = soundfile_create(&r->file, config, err, err_size);
    }
    return error;
}

static void begin_file(struct record *r, raw_ns now)
{
    struct record_clock clock;
    char path[RECORD_PATH_SIZE], err[RECORD_PATH_SIZE + 256];
    struct soundfile_config config = {.title = r->title, .originator = r->host, .format = r->format};

    r->pending = false;
    r->begin_at.ns = now.ns + BEGIN_NS;
    r->update_at.ns = now.ns + UPDATE_NS;
    SNAPSHOT_LOAD(&r->clock, &clock);
    config.time = (struct soundfile_time){clock.utc, clock.utc_offset_s, clock.grandmaster};
    if (create_next(r, &config, path, sizeof path, err, sizeof err)) {
        fail(r, err);
        return;
    }
    pthread_mutex_lock(&r->lock);
    r->status.state = RECORD_WRITING;
    r->status.files++;
    memcpy(r->status.file, path, sizeof path);
    pthread_mutex_unlock(&r->lock);
}

static void end_file(struct record *r)
{
    char err[RECORD_PATH_SIZE + 256];
    int error = soundfile_close(r->file, err, sizeof err);

    r->file = NULL;
    r->pending = false;
    if (error) {
        fail(r, err);
        return;
    }
    pthread_mutex_lock(&r->lock);
    if (r->status.state == RECORD_WRITING)
        r->status.state = RECORD_WAITING;
    pthread_mutex_unlock(&r->lock);
}

/* A file that is not due yet begins with what comes behind this. */
static void skip(struct record *r, size_t frames)
{
    r->format.at.n += (int64_t)frames;
    pthread_mutex_lock(&r->lock);
    r->status.skipped += frames;
    pthread_mutex_unlock(&r->lock);
}

static void write_frames(struct record *r, const float *samples, size_t frames)
{
    char err[RECORD_PATH_SIZE + 256];
    raw_ns now = clock_raw_now();

    if (r->pending && now.ns < r->begin_at.ns) {
        skip(r, frames);
        return;
    }
    if (r->pending)
        begin_file(r, now);
    if (r->file && soundfile_write(r->file, samples, frames, err, sizeof err))
        fail(r, err);
    if (!r->file)
        return;
    pthread_mutex_lock(&r->lock);
    r->status.written += frames;
    pthread_mutex_unlock(&r->lock);
}

static void write_piece(struct record *r, const struct spool_piece *p)
{
    if (p->kind == SPOOL_BEGIN) {
        r->format = p->format;
        r->pending = true;
    } else if (p->kind == SPOOL_END) {
        end_file(r);
    } else {
        write_frames(r, p->kind == SPOOL_FRAMES ? p->samples : NULL, p->frames);
    }
}

static void update(struct record *r)
{
    char err[RECORD_PATH_SIZE + 256];
    raw_ns now = clock_raw_now();

    if (!r->file || now.ns < r->update_at.ns)
        return;
    r->update_at.ns = now.ns + UPDATE_NS;
    if (soundfile_update(r->file, err, sizeof err))
        fail(r, err);
}

/* The first file says when it was made: the clock may still be looked for. */
static void await_clock(struct record *r)
{
    struct record_clock clock = {0};

    for (int waited_ms = 0; waited_ms < CLOCK_MS && !atomic_load(&r->stop); waited_ms += WRITE_MS) {
        SNAPSHOT_LOAD(&r->clock, &clock);
        if (clock.known)
            return;
        poll(NULL, 0, WRITE_MS);
    }
}

static void *write_out(void *context)
{
    struct record *r = context;
    bool closed = false;

    while (!closed) {
        struct spool_piece *p = spool_take(r->spool, 10 * WRITE_MS, &closed);

        if (p && p->kind == SPOOL_BEGIN)
            await_clock(r);
        for (; p; p = spool_take(r->spool, 0, &closed)) {
            write_piece(r, p);
            free(p);
            update(r);
        }
        update(r); /* where nothing comes, too */
        if (!closed && !atomic_load(&r->stop))
            poll(NULL, 0, WRITE_MS);
    }
    end_file(r);
    return NULL;
}

/* ---- the control thread ----------------------------------------------------------------------------- */

/* The names that are taken already, as far as that can be known before there is any sound. */
static int skip_names(struct record *r, char *err, size_t err_size)
{
    char path[RECORD_PATH_SIZE] = "";
    struct stat unused;

    while (r->number < NUMBERS_MAX && name_file(r, r->number + 1, path, sizeof path)) {
        if (lstat(path, &unused)) {
            if (r->number > 0)
                log_warning("--record %s: there is a file of this name, which is left alone; recording to %s",
                            r->path, path);
            return 0;
        }
        r->number++;
    }
    snprintf(err, err_size, "--record %s: it and all names after it are taken; choose another", r->path);
    return -EEXIST;
}

/* Likewise. */
static int check_folder(const char *path, char *err, size_t err_size)
{
    char copy[RECORD_PATH_SIZE];
    const char *folder;
    int error;

    snprintf(copy, sizeof copy, "%s", path);
    folder = dirname(copy);
    if (access(folder, W_OK | X_OK) == 0)
        return 0;
    error = errno;
    snprintf(err, err_size, "--record %s: no file can be made in %s: %s", path, folder, strerror(error));
    return -error;
}

static int open_parts(struct record *r, const struct record_config *config, char *err, size_t err_size)
{
    const struct recv_config ear = {.group = config->group, .interface = config->interface};
    const struct take_sink sink = {NULL, spool_begin, spool_frames, spool_end};
    struct take_sink to_spool = sink;
    int error = check_folder(config->path, err, err_size);

    if (!error)
        error = skip_names(r, err, err_size);
    if (!error && r->own_receiver)
        error = recv_open(&r->receiver, &ear, NULL, NULL, err, err_size);
    if (error)
        return error;
    snprintf(err, err_size, "--record %s: not enough memory", config->path);
    r->spool = to_spool.context = spool_create();
    r->take = r->spool ? take_create(&config->description, &to_spool) : NULL;
    return r->take ? 0 : -ENOMEM;
}

static int start_threads(struct record *r)
{
    pthread_attr_t attributes;
    int error;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    error = pthread_create(&r->writer, &attributes, write_out, r);
    r->writes = !error;
    if (!error)
        error = pthread_create(&r->listener, &attributes, listen_on, r);
    r->listens = !error;
    pthread_attr_destroy(&attributes);
    return -error;
}

int record_start(struct record **result, const struct record_config *config, char *err, size_t err_size)
{
    const struct record_clock no_clock = {.map = {.state = MEDIA_CLOCK_NO_PTP}};
    struct record *r = calloc(1, sizeof *r);
    int error;

    *result = NULL;
    if (!r) {
        snprintf(err, err_size, "--record %s: not enough memory", config->path);
        return -ENOMEM;
    }
    pthread_mutex_init(&r->lock, NULL);
    SNAPSHOT_STORE(&r->clock, &no_clock);
    r->status.take.unknown_codec = -1;
    r->receiver = config->receiver;
    r->own_receiver = !config->receiver;
    snprintf(r->path, sizeof r->path, "%s", config->path);
    snprintf(r->title, sizeof r->title, "%s", config->title);
    snprintf(r->host, sizeof r->host, "%s", config->host);
    error = open_parts(r, config, err, err_size);
    if (!error) {
        error = start_threads(r);
        if (error)
            snprintf(err, err_size, "--record %s: no thread: %s", config->path, strerror(-error));
    }
    if (error) {
        record_destroy(r);
        return error;
    }
    *result = r;
    return 0;
}

int record_retune(struct record *r, const struct sockaddr_in *group, struct in_addr source,
                  const struct stream_description *description, char *err, size_t err_size)
{
    struct redescription newest = {.description = *description};
    int error = 0;

    if (r->own_receiver)
        error = recv_retune(r->receiver, group, source, NULL, err, err_size);
    if (error)
        return error;
    newest.number = ++r->descriptions;
    SNAPSHOT_STORE(&r->redescribed, &newest);
    return 0;
}

int record_reopen(struct record *r, char *err, size_t err_size)
{
    return r && r->own_receiver ? recv_reopen(r->receiver, err, err_size) : 0;
}

/* What is lost may be lost many times a second, and is told `all` only now and then. */
static void tell(struct record *r, bool all)
{
    struct record_status now;

    record_get_status(r, &now);
    if (now.files != r->told.files)
        log_info("recording to %s", now.file);
    if (now.state == RECORD_FAILED && r->told.state != RECORD_FAILED)
        log_error("the recording ends: %s", r->failure); /* not written any more */
    r->told.files = now.files;
    r->told.state = now.state;
    if (!all)
        return;
    if (now.take.concealed != r->told.take.concealed)
        log_warning("%llu frames never came and are concealed in the recording",
                    (unsigned long long)(now.take.concealed - r->told.take.concealed));
    if (now.dropped != r->told.dropped && now.state != RECORD_FAILED)
        log_warning("the disk is too slow: %llu frames are silence in the recording",
                    (unsigned long long)(now.dropped - r->told.dropped));
    if (now.skipped != r->told.skipped)
        log_warning("%llu frames are in no file: streams of other formats begin too often",
                    (unsigned long long)(now.skipped - r->told.skipped));
    r->told = now;
}

void record_run(struct record *r, const struct clock_map *map, const struct clock_source_status *status)
{
    struct record_clock clock = {.map = *map, .known = map->state != MEDIA_CLOCK_NO_PTP};
    bool system = strcmp(status->kind, "system") == 0;
    raw_ns now = clock_raw_now();

    if (!r)
        return;
    clock.utc = system || (status->ptp_timescale && status->utc_offset_valid);
    clock.utc_offset_s = clock.utc && status->ptp_timescale ? status->utc_offset_s : 0;
    if (status->gm_known)
        snprintf(clock.grandmaster, sizeof clock.grandmaster, "%s", status->gm_text);
    SNAPSHOT_STORE(&r->clock, &clock);
    if (r->own_receiver)
        recv_sweep(r->receiver);
    tell(r, now.ns >= r->tell_at.ns);
    if (now.ns >= r->tell_at.ns)
        r->tell_at.ns = now.ns + TELL_NS;
}

void record_get_status(struct record *r, struct record_status *status)
{
    pthread_mutex_lock(&r->lock);
    *status = r->status;
    pthread_mutex_unlock(&r->lock);
}

void record_report(struct record *r, struct stats *stats)
{
    struct record_status s = {0};

    if (r)
        record_get_status(r, &s);
    stats_text(stats, "record_state", r ? record_state_name(s.state) : "off");
    stats_text(stats, "record_file", s.file);
    stats_count(stats, "record_files", s.files);
    stats_count(stats, "record_frames", s.written);
    stats_count(stats, "record_concealed_frames", s.take.concealed);
    stats_count(stats, "record_gap_frames", s.take.gap);
    stats_count(stats, "record_dropped_frames", s.dropped);
    stats_count(stats, "record_skipped_frames", s.skipped);
    stats_count(stats, "record_late_packets", s.take.late);
}

void record_stop(struct record *r)
{
    if (!r || atomic_exchange(&r->stop, true))
        return;
    if (r->listens)
        pthread_join(r->listener, NULL);
    else if (r->spool)
        spool_close(r->spool);
    if (r->writes)
        pthread_join(r->writer, NULL);
    if (r->listens)
        tell(r, true);
}

void record_destroy(struct record *r)
{
    if (!r)
        return;
    record_stop(r);
    take_destroy(r->take);
    spool_destroy(r->spool);
    if (r->own_receiver)
        recv_close(r->receiver);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
