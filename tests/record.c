// SPDX-License-Identifier: GPL-3.0-or-later
#include "record.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the recording format is little-endian and written without conversion"
#endif

typedef __int128 wide_t;

#define PPT INT64_C(1000000000000)

enum record_type { TYPE_FILE = 1, TYPE_SEGMENT, TYPE_DATA, TYPE_CLOCK, TYPE_END };

static const char MAGIC[8] = {'U', 'N', 'I', 'S', 'O', 'R', 'E', 'C'};

enum {
    VERSION = 1,
    ALIGNMENT = 8,
    CHUNKS_PER_SECOND = 100,
    BYTES_MAX = 1 << 24, /* of one record: far above 10 ms of 64 channels */
    RING_MIN = 1 << 16,  /* bytes, and so many seconds of sound */
    RING_SECONDS = 2,
    THREAD_STACK = 1 << 17
};

struct head {
    uint32_t type;
    uint32_t bytes;
};

struct file_record {
    char magic[8];
    uint32_t version;
    uint32_t stream;
};

struct segment_record {
    int64_t t0_ns;
    int64_t trim_ppt;
    uint32_t rate_hz;
    uint32_t channels;
    uint32_t granule;
    uint32_t fifo;
};

struct clock_record {
    int64_t raw_ns;
    int64_t realtime_ns;
    int64_t width_ns;
};

struct end_record {
    int64_t frames;
    int64_t end_ns;
    int64_t seen_ns;
    uint32_t cause;
    uint32_t zero;
};

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* --- time --- */

static wide_t floor_div(wide_t a, wide_t b)
{
    wide_t q = a / b;

    return a % b < 0 ? q - 1 : q;
}

/* Frames per 10^21 ns: an integer, since the trim is a whole number of parts in 10^12. */
static wide_t frames_per_zettasecond(const struct card_law *law)
{
    return (wide_t)law->rate_hz * (PPT + law->trim_ppt);
}

int64_t card_law_frame(const struct card_law *law, raw_ns t)
{
    return (int64_t)floor_div((t.ns - law->t0.ns) * frames_per_zettasecond(law), (wide_t)NS_PER_S * PPT);
}

struct instant card_law_instant(const struct card_law *law, int64_t n)
{
    wide_t rate = frames_per_zettasecond(law);
    wide_t product = (wide_t)n * NS_PER_S * PPT;

    return (struct instant){{law->t0.ns + (int64_t)(product / rate)},
                            (double)(product % rate) / (double)rate};
}

double card_law_period_ns(const struct card_law *law)
{
    return (double)NS_PER_S * (double)PPT / (double)frames_per_zettasecond(law);
}

double instant_minus(struct instant a, struct instant b)
{
    return (double)(a.at.ns - b.at.ns) + (a.part - b.part);
}

/* --- writing --- */

/*
 * The real-time thread hands bytes over through a ring; a thread of its own writes them to the file. A
 * write() may stand still for 30 ms while the kernel finds memory (seen on tmpfs), and a card would run dry
 * of it.
 */
struct record_writer {
    int fd;
    _Atomic int error;
    uint32_t channels;
    uint32_t chunk_frames;
    uint32_t fill;        /* frames waiting in the chunk */
    int64_t frames;       /* of the segment, those waiting included */
    unsigned char *chunk; /* head, first frame, samples, padding: handed over in one go */
    unsigned char *ring;
    size_t ring_size;
    atomic_size_t written, taken; /* bytes through the ring so far: by the real-time thread, by the other */
    atomic_bool closing;
    bool running; /* the other thread */
    pthread_t thread;
    sem_t news;
};

static void write_out(struct record_writer *w, const void *bytes, size_t size)
{
    const char *p = bytes;

    while (size > 0 && atomic_load(&w->error) == 0) {
        ssize_t n = write(w->fd, p, size);

        if (n < 0) {
            if (errno != EINTR)
                atomic_store(&w->error, -errno);
            continue;
        }
        p += n;
        size -= (size_t)n;
    }
}

static void *empty_ring(void *context)
{
    struct record_writer *w = context;
    bool closing;

    do {
        size_t taken = atomic_load(&w->taken), ready;

        while (sem_wait(&w->news) < 0)
            ;
        closing = atomic_load(&w->closing); /* before `written`: what was handed over earlier is not missed */
        for (ready = atomic_load(&w->written); taken != ready; atomic_store(&w->taken, taken)) {
            size_t at = taken % w->ring_size, rest = w->ring_size - at;
            size_t n = ready - taken < rest ? ready - taken : rest;

            write_out(w, w->ring + at, n);
            taken += n;
        }
    } while (!closing);
    return NULL;
}

static void pause_a_moment(void)
{
    const struct timespec moment = {0, 100000};

    nanosleep(&moment, NULL);
}

static void writer_put(struct record_writer *w, const void *bytes, size_t size)
{
    size_t at = atomic_load(&w->written), from, first;

    while (w->ring_size - (at - atomic_load(&w->taken)) < size) /* seconds behind: better late than lost */
        pause_a_moment();
    from = at % w->ring_size;
    first = size < w->ring_size - from ? size : w->ring_size - from;
    memcpy(w->ring + from, bytes, first);
    memcpy(w->ring, (const unsigned char *)bytes + first, size - first);
    atomic_store(&w->written, at + size);
    sem_post(&w->news);
}

/* An ordinary thread, whoever starts it. */
static int start_thread(struct record_writer *w)
{
    const struct sched_param ordinary = {0};
    pthread_attr_t attr;
    int err = pthread_attr_init(&attr);

    if (err)
        return -err;
    pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attr, SCHED_OTHER);
    pthread_attr_setschedparam(&attr, &ordinary);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    err = pthread_create(&w->thread, &attr, empty_ring, w);
    pthread_attr_destroy(&attr);
    w->running = err == 0;
    return -err;
}

static void stop_thread(struct record_writer *w)
{
    if (!w->running)
        return;
    atomic_store(&w->closing, true);
    sem_post(&w->news);
    pthread_join(w->thread, NULL);
    atomic_store(&w->closing, false);
    w->running = false;
}

static void writer_record(struct record_writer *w, enum record_type type, const void *payload, size_t size)
{
    unsigned char buffer[64] = {0};
    struct head head = {type, (uint32_t)size};

    assert(sizeof(head) + size <= sizeof(buffer));
    memcpy(buffer, &head, sizeof(head));
    memcpy(buffer + sizeof(head), payload, size);
    writer_put(w, buffer, aligned(sizeof(head) + size));
}

static int64_t *chunk_first(const struct record_writer *w)
{
    return (int64_t *)(void *)(w->chunk + sizeof(struct head));
}

static int32_t *chunk_samples(const struct record_writer *w)
{
    return (int32_t *)(void *)(w->chunk + sizeof(struct head) + sizeof(int64_t));
}

static void writer_flush(struct record_writer *w)
{
    uint32_t samples = w->fill * w->channels;
    struct head head = {TYPE_DATA, (uint32_t)(sizeof(int64_t) + samples * sizeof(int32_t))};

    if (w->fill == 0)
        return;
    memcpy(w->chunk, &head, sizeof(head));
    *chunk_first(w) = w->frames - w->fill;
    chunk_samples(w)[samples] = 0; /* padding of an odd number of samples */
    writer_put(w, w->chunk, aligned(sizeof(head) + head.bytes));
    w->fill = 0;
}

/*
 * Walks the chain of an existing file: learns the first segment's start and where the last whole record
 * ends, since a killed writer may have left half of one.
 */
static int writer_scan(int fd, enum record_stream stream, off_t *end, raw_ns *first_start)
{
    struct file_record file;
    struct segment_record segment;
    struct head head;
    struct stat st;

    *end = 0;
    *first_start = (raw_ns){0};
    if (fstat(fd, &st) < 0)
        return -errno;
    while (pread(fd, &head, sizeof(head), *end) == (ssize_t)sizeof(head)) {
        off_t payload = *end + (off_t)sizeof(head);
        off_t next = *end + (off_t)aligned(sizeof(head) + head.bytes);

        if (*end == 0 && (pread(fd, &file, sizeof(file), payload) != (ssize_t)sizeof(file) ||
                          head.type != TYPE_FILE || memcmp(file.magic, MAGIC, sizeof(MAGIC)) != 0 ||
                          file.version != VERSION || file.stream != stream))
            return -EBADMSG;
        if (head.type == 0 || head.bytes > BYTES_MAX)
            return -EBADMSG;
        if (next > st.st_size)
            break;
        if (head.type == TYPE_SEGMENT && first_start->ns == 0 &&
            pread(fd, &segment, sizeof(segment), payload) == (ssize_t)sizeof(segment))
            first_start->ns = segment.t0_ns;
        *end = next;
    }
    return *end == 0 && st.st_size > 0 ? -EBADMSG : 0;
}

int record_writer_open(struct record_writer **writer, const char *path, enum record_stream stream,
                       raw_ns *first_start)
{
    struct file_record file = {.version = VERSION, .stream = stream};
    struct head head = {TYPE_FILE, sizeof(file)};
    unsigned char first[sizeof(head) + sizeof(file)];
    struct record_writer *w = calloc(1, sizeof(*w));
    off_t end = 0;
    int err = -ENOMEM;

    if (!w)
        return err;
    sem_init(&w->news, 0, 0);
    w->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (w->fd < 0) {
        err = -errno;
        goto fail;
    }
    if (flock(w->fd, LOCK_EX | LOCK_NB) < 0) {
        err = errno == EWOULDBLOCK ? -EBUSY : -errno;
        goto fail;
    }
    err = writer_scan(w->fd, stream, &end, first_start);
    if (err == 0 && ftruncate(w->fd, end) < 0)
        err = -errno;
    if (err == 0 && end == 0) {
        memcpy(file.magic, MAGIC, sizeof(MAGIC));
        memcpy(first + sizeof(head), &file, sizeof(file));
        memcpy(first, &head, sizeof(head));
        write_out(w, first, sizeof(first));
        err = w->error;
    }
    if (err)
        goto fail;
    *writer = w;
    return 0;

fail:
    record_writer_close(w);
    return err;
}

int record_writer_setup(struct record_writer *w, uint32_t rate_hz, uint32_t channels)
{
    uint32_t frames = rate_hz / CHUNKS_PER_SECOND;
    size_t size = sizeof(struct head) + sizeof(int64_t) + ((size_t)frames * channels + 1) * sizeof(int32_t);
    size_t ring_size = RING_MIN + (size_t)RING_SECONDS * rate_hz * channels * sizeof(int32_t);

    stop_thread(w);
    free(w->chunk);
    free(w->ring);
    w->chunk = calloc(1, aligned(size));
    w->ring = malloc(ring_size);
    if (!w->chunk || !w->ring)
        return -ENOMEM;
    memset(w->ring, 0, ring_size); /* its pages are there before they are needed */
    w->ring_size = ring_size;
    atomic_store(&w->written, 0);
    atomic_store(&w->taken, 0);
    w->chunk_frames = frames;
    w->channels = channels;
    w->fill = 0;
    return start_thread(w);
}

void record_writer_segment(struct record_writer *w, const struct record_segment *segment)
{
    struct segment_record s = {
        .t0_ns = segment->law.t0.ns,
        .trim_ppt = segment->law.trim_ppt,
        .rate_hz = segment->law.rate_hz,
        .channels = segment->channels,
        .granule = segment->granule,
        .fifo = segment->fifo,
    };

    assert(w->chunk && segment->channels == w->channels);
    w->frames = 0;
    w->fill = 0;
    writer_record(w, TYPE_SEGMENT, &s, sizeof(s));
}

void record_writer_frames(struct record_writer *w, const int32_t *samples, uint32_t frames)
{
    while (frames > 0) {
        uint32_t room = w->chunk_frames - w->fill;
        uint32_t n = frames < room ? frames : room;

        memcpy(chunk_samples(w) + (size_t)w->fill * w->channels, samples,
               (size_t)n * w->channels * sizeof(*samples));
        w->fill += n;
        w->frames += n;
        samples += (size_t)n * w->channels;
        frames -= n;
        if (w->fill == w->chunk_frames)
            writer_flush(w);
    }
}

void record_writer_clock(struct record_writer *w, const struct record_clock *clock)
{
    struct clock_record c = {clock->raw.ns, clock->realtime_ns, clock->width_ns};

    writer_record(w, TYPE_CLOCK, &c, sizeof(c));
}

void record_writer_end(struct record_writer *w, enum record_cause cause, raw_ns end, raw_ns seen)
{
    struct end_record e = {.frames = w->frames, .end_ns = end.ns, .seen_ns = seen.ns, .cause = cause};

    writer_flush(w);
    writer_record(w, TYPE_END, &e, sizeof(e));
}

void record_writer_sync(struct record_writer *w)
{
    while (atomic_load(&w->taken) != atomic_load(&w->written))
        pause_a_moment();
}

int record_writer_error(const struct record_writer *w)
{
    return w->error;
}

void record_writer_close(struct record_writer *w)
{
    if (!w)
        return;
    stop_thread(w);
    if (w->fd >= 0)
        close(w->fd);
    sem_destroy(&w->news);
    free(w->chunk);
    free(w->ring);
    free(w);
}

/* --- reading --- */

struct chunk {
    size_t offset; /* of the samples in the file */
    int64_t first;
    int64_t frames;
};

struct indexed_segment {
    struct record_segment s;
    size_t first_chunk, chunks;
};

struct record {
    int fd;
    unsigned char *map;
    size_t mapped;
    size_t next; /* offset of the first record not yet indexed */
    enum record_stream stream;
    struct indexed_segment *segments;
    struct chunk *chunks;
    struct record_clock *clocks;
    size_t segment_count, chunk_count, clock_count;
    size_t segment_room, chunk_room, clock_room;
};

/* Makes room for one more element of `size` bytes in a list; returns the list, or NULL (the old one stands).
 */
static void *grown(void *list, size_t count, size_t *room, size_t size)
{
    size_t wanted = *room ? 2 * *room : 64;
    void *p = NULL;

    if (count < *room)
        return list;
    p = realloc(list, wanted * size);
    if (p)
        *room = wanted;
    return p;
}

static int remap(struct record *r)
{
    struct stat st;
    void *map = NULL;

    if (fstat(r->fd, &st) < 0)
        return -errno;
    if ((size_t)st.st_size <= r->mapped)
        return 0;
    if (r->map)
        map = mremap(r->map, r->mapped, (size_t)st.st_size, MREMAP_MAYMOVE);
    else
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, r->fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    r->map = map;
    r->mapped = (size_t)st.st_size;
    return 0;
}

static int index_segment(struct record *r, const unsigned char *payload, uint32_t bytes)
{
    struct segment_record s;
    struct indexed_segment *list = NULL;

    if (bytes != sizeof(s))
        return -EBADMSG;
    memcpy(&s, payload, sizeof(s));
    if (s.rate_hz == 0 || s.channels == 0 || s.channels > 1024 || s.trim_ppt <= -PPT || s.trim_ppt >= PPT)
        return -EBADMSG;
    list = grown(r->segments, r->segment_count, &r->segment_room, sizeof(*list));
    if (!list)
        return -ENOMEM;
    r->segments = list;
    list[r->segment_count++] = (struct indexed_segment){
        .s = {.law = {{s.t0_ns}, s.trim_ppt, s.rate_hz},
              .channels = s.channels,
              .granule = s.granule,
              .fifo = s.fifo},
        .first_chunk = r->chunk_count,
    };
    return 0;
}

static int index_data(struct record *r, const unsigned char *payload, uint32_t bytes)
{
    struct indexed_segment *segment = r->segment_count ? &r->segments[r->segment_count - 1] : NULL;
    struct chunk *list = NULL;
    struct chunk c = {0};
    size_t frame_bytes = segment ? segment->s.channels * sizeof(int32_t) : 1;

    if (!segment || bytes < sizeof(int64_t) || (bytes - sizeof(int64_t)) % frame_bytes != 0)
        return -EBADMSG;
    memcpy(&c.first, payload, sizeof(c.first));
    if (c.first != segment->s.frames || segment->s.cause != RECORD_OPEN)
        return -EBADMSG;
    c.frames = (int64_t)((bytes - sizeof(int64_t)) / frame_bytes);
    c.offset = (size_t)(payload - r->map) + sizeof(int64_t);
    list = grown(r->chunks, r->chunk_count, &r->chunk_room, sizeof(*list));
    if (!list)
        return -ENOMEM;
    r->chunks = list;
    list[r->chunk_count++] = c;
    segment->chunks++;
    segment->s.frames += c.frames;
    return 0;
}

static int index_clock(struct record *r, const unsigned char *payload, uint32_t bytes)
{
    struct clock_record c;
    struct record_clock *list = NULL;

    if (bytes != sizeof(c))
        return -EBADMSG;
    memcpy(&c, payload, sizeof(c));
    if (r->clock_count && c.raw_ns <= r->clocks[r->clock_count - 1].raw.ns)
        return 0; /* nothing can be interpolated over it */
    list = grown(r->clocks, r->clock_count, &r->clock_room, sizeof(*list));
    if (!list)
        return -ENOMEM;
    r->clocks = list;
    list[r->clock_count++] = (struct record_clock){{c.raw_ns}, c.realtime_ns, c.width_ns};
    return 0;
}

static int index_end(struct record *r, const unsigned char *payload, uint32_t bytes)
{
    struct end_record e;
    struct record_segment *s = r->segment_count ? &r->segments[r->segment_count - 1].s : NULL;

    if (bytes != sizeof(e) || !s || s->cause != RECORD_OPEN)
        return -EBADMSG;
    memcpy(&e, payload, sizeof(e));
    if (e.cause < RECORD_STOPPED || e.cause > RECORD_UNPLUGGED || e.frames != s->frames)
        return -EBADMSG;
    s->cause = (enum record_cause)e.cause;
    s->end.ns = e.end_ns;
    s->seen.ns = e.seen_ns;
    return 0;
}

static int index_record(struct record *r, struct head head, const unsigned char *payload)
{
    switch (head.type) {
    case TYPE_SEGMENT:
        return index_segment(r, payload, head.bytes);
    case TYPE_DATA:
        return index_data(r, payload, head.bytes);
    case TYPE_CLOCK:
        return index_clock(r, payload, head.bytes);
    case TYPE_END:
        return index_end(r, payload, head.bytes);
    default:
        return 0;
    }
}

static int index_file(struct record *r, struct head head, const unsigned char *payload)
{
    struct file_record file;

    if (head.type != TYPE_FILE || head.bytes != sizeof(file))
        return -EBADMSG;
    memcpy(&file, payload, sizeof(file));
    if (memcmp(file.magic, MAGIC, sizeof(MAGIC)) != 0 || file.version != VERSION ||
        file.stream > RECORD_CAPTURE)
        return -EBADMSG;
    r->stream = (enum record_stream)file.stream;
    return 0;
}

int record_poll(struct record *r)
{
    int err = remap(r);

    while (err == 0 && r->mapped - r->next >= sizeof(struct head)) {
        struct head head;
        size_t step = 0;

        memcpy(&head, r->map + r->next, sizeof(head));
        step = aligned(sizeof(head) + head.bytes);
        if (head.type == 0 || head.bytes > BYTES_MAX)
            return -EBADMSG;
        if (step > r->mapped - r->next)
            break; /* still being written */
        if (r->next == 0)
            err = index_file(r, head, r->map + sizeof(head));
        else
            err = index_record(r, head, r->map + r->next + sizeof(head));
        if (err == 0)
            r->next += step;
    }
    return err;
}

int record_open(struct record **record, const char *path)
{
    struct record *r = calloc(1, sizeof(*r));
    int err = -ENOMEM;

    if (!r)
        return err;
    r->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0) {
        err = -errno;
        goto fail;
    }
    err = record_poll(r);
    if (err)
        goto fail;
    *record = r;
    return 0;

fail:
    record_close(r);
    return err;
}

enum record_stream record_kind(const struct record *r)
{
    return r->stream;
}

size_t record_segments(const struct record *r)
{
    return r->segment_count;
}

const struct record_segment *record_segment(const struct record *r, size_t i)
{
    assert(i < r->segment_count);
    return &r->segments[i].s;
}

/* The chunk of the segment that holds frame n, which is known to be there. */
static const struct chunk *chunk_of(const struct record *r, const struct indexed_segment *segment, int64_t n)
{
    const struct chunk *low = r->chunks + segment->first_chunk;
    size_t count = segment->chunks;

    while (count > 1) {
        size_t half = count / 2;

        if (low[half].first <= n) {
            low += half;
            count -= half;
        } else {
            count = half;
        }
    }
    return low;
}

int record_samples(const struct record *r, size_t i, int64_t first, size_t frames, uint32_t channel,
                   double *out)
{
    const struct indexed_segment *segment = &r->segments[i];
    uint32_t channels = segment->s.channels;
    const struct chunk *c = NULL;

    assert(i < r->segment_count);
    if (first < 0 || channel >= channels || segment->chunks == 0 ||
        first + (int64_t)frames > segment->s.frames)
        return -ERANGE;
    for (c = chunk_of(r, segment, first); frames > 0; c++) {
        size_t skip = (size_t)(first - c->first);
        size_t n = (size_t)c->frames - skip;
        const unsigned char *p = r->map + c->offset + (skip * channels + channel) * sizeof(int32_t);

        n = n < frames ? n : frames;
        for (size_t k = 0; k < n; k++, p += channels * sizeof(int32_t)) {
            int32_t sample;

            memcpy(&sample, p, sizeof(sample));
            *out++ = (double)sample * 0x1p-31;
        }
        first += (int64_t)n;
        frames -= n;
    }
    return 0;
}

size_t record_clocks(const struct record *r)
{
    return r->clock_count;
}

int record_realtime(const struct record *r, struct instant raw, struct instant *realtime)
{
    const struct record_clock *c = r->clocks;
    size_t low = 0, high = r->clock_count;
    double gain = 0, extra = 0;

    if (r->clock_count == 0)
        return -ENODATA;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        if (c[middle].raw.ns <= raw.at.ns)
            low = middle;
        else
            high = middle;
    }
    if (low + 1 == r->clock_count && low > 0)
        low--;
    if (low + 1 < r->clock_count) {
        double span = (double)(c[low + 1].raw.ns - c[low].raw.ns);

        gain = ((double)(c[low + 1].realtime_ns - c[low].realtime_ns) - span) / span;
    }
    extra = (double)(raw.at.ns - c[low].raw.ns) * gain + raw.part;
    realtime->at.ns = c[low].realtime_ns + (raw.at.ns - c[low].raw.ns) + (int64_t)floor(extra);
    realtime->part = extra - floor(extra);
    return 0;
}

void record_close(struct record *r)
{
    if (!r)
        return;
    if (r->map)
        munmap(r->map, r->mapped);
    if (r->fd >= 0)
        close(r->fd);
    free(r->segments);
    free(r->chunks);
    free(r->clocks);
    free(r);
}
