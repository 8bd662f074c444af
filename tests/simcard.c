// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A simulated sound card: an ALSA external plugin (pcm type `unisono_sim`) whose crystal, pointer and fifo
 * are parameters, and which records what left its converter at which instant. Any ALSA program can use it.
 *
 * True time is CLOCK_MONOTONIC_RAW. The card starts at t0; frame k passes the converter at
 * t0 + k / (rate * (1 + ppm * 1e-6)), in integers, for ever. Nothing runs in between: each call from the
 * program first computes where the card has got to by now, takes those frames out of the ring, and only then
 * acts. Since nobody but the program can change the ring, the result is that of a card that had
 * been running all the time.
 *
 *      program writes                DMA pointer, in steps of       converter: floor((t - t0) * true rate)
 *      (appl_ptr)                    `granule` frames (hw_ptr)
 *          |<------- queued ------------->|<---------- fifo ----------->|
 *          |<------------------------- delay -------------------------->|
 *
 * Playback: the DMA takes frame k when it is `fifo` frames ahead of the converter. If frame k has not been
 * written by then, that is an underrun, and the segment of the recording ends with the last frame written;
 * the next start opens another with a t0 of its own. With a stop threshold above the buffer size the card
 * runs on instead and frames that were not written in time are silent.
 * Capture: the samples are a known function of true time, taken by the same law, available one frame later.
 *
 * The parameters are listed in simcard.conf.example.
 */
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/timerfd.h>
#include <time.h>

#include "record.h"
#include "simparams.h"

typedef __int128 wide_t;

enum { TONE_BLOCK = 256, BUFFER_BYTES_MAX = 1 << 22 };

#define NEVER      INT64_MAX
#define FRESH_NS   (200 * NS_PER_US)
#define FULL_SCALE 0x1p31

/* --- the card --- */

struct sim {
    snd_pcm_ioplug_t io;
    struct sim_params p;
    struct record_writer *writer; /* NULL: no recording */
    raw_ns first_start;           /* in the recording; 0: not yet */
    raw_ns opened;
    struct card_law law; /* of the running segment */
    bool running;
    int fault;             /* 0, -EPIPE or -ENODEV: what ended the segment */
    unsigned xruns_forced; /* how many of p.xrun_at_us lie behind us */
    int64_t taken;         /* playback: frames the DMA has taken */
    int64_t hw;            /* the pointer, in frames since the start */
    int32_t *ring;         /* playback: buffer_size frames, interleaved */
    raw_ns clock_read;     /* when the recording last got a clock pair */
    snd_pcm_uframes_t avail_min;
    bool runs_on;        /* the stop threshold lets an underrun pass */
    int64_t answered_ns; /* the instant the last pointer() spoke of; 0: it does not count any more */
    pthread_t asker;     /* who called pointer() then */
    int timer_fd;
    bool polled;          /* the program uses the poll descriptor */
    atomic_bool disarmed; /* the timer has to be set even if the deadline stays */
    int64_t deadline_ns;  /* what the timer is set to, raw */
};

static raw_ns raw_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (raw_ns){t.tv_sec * NS_PER_S + t.tv_nsec};
}

static bool is_playback(const struct sim *s)
{
    return s->io.stream == SND_PCM_STREAM_PLAYBACK;
}

static void record_clock_pair(struct sim *s)
{
    struct record_clock best = {.width_ns = INT64_MAX};

    for (int i = 0; i < 5; i++) {
        raw_ns before = raw_now();
        struct timespec t;
        int64_t width;

        clock_gettime(CLOCK_REALTIME, &t);
        width = raw_now().ns - before.ns;
        if (width < best.width_ns)
            best = (struct record_clock){{before.ns + width / 2}, t.tv_sec * NS_PER_S + t.tv_nsec, width};
    }
    record_writer_clock(s->writer, &best);
    s->clock_read = best.raw;
}

/* The DMA takes frames up to `limit` out of the ring, leaving silence. */
static void take_frames(struct sim *s, int64_t limit)
{
    int64_t size = (int64_t)s->io.buffer_size;

    while (s->taken < limit) {
        int64_t at = s->taken % size;
        int64_t n = limit - s->taken < size - at ? limit - s->taken : size - at;
        int32_t *frames = s->ring + at * s->io.channels;

        if (s->writer)
            record_writer_frames(s->writer, frames, (uint32_t)n);
        memset(frames, 0, (size_t)n * s->io.channels * sizeof(*frames));
        s->taken += n;
    }
}

static void end_segment(struct sim *s, enum record_cause cause, raw_ns end, raw_ns seen)
{
    s->running = false;
    if (cause == RECORD_XRUN || cause == RECORD_XRUN_FORCED)
        s->fault = -EPIPE;
    if (s->writer)
        record_writer_end(s->writer, cause, end, seen);
    if (s->writer && record_writer_error(s->writer))
        SNDERR("unisono_sim: the recording '%s' is incomplete: %s", s->p.record,
               snd_strerror(record_writer_error(s->writer)));
}

/* The first raw nanosecond at which frame n has reached the converter; n below 0 is frame 0. */
static raw_ns reached(const struct sim *s, int64_t n)
{
    struct instant t = card_law_instant(&s->law, n > 0 ? n : 0);

    return (raw_ns){t.at.ns + (t.part > 0)};
}

/* When the running card runs dry (over) if the program does nothing more, or NEVER. */
static raw_ns xrun_instant(const struct sim *s)
{
    int64_t appl = (int64_t)s->io.appl_ptr, fifo = s->p.fifo.v[0];

    if (s->runs_on || s->io.state == SND_PCM_STATE_DRAINING)
        return (raw_ns){NEVER};
    return reached(s, is_playback(s) ? appl - fifo : appl + (int64_t)s->io.buffer_size + fifo);
}

/* The next xrun that was asked for, or NEVER. */
static raw_ns forced_xrun_instant(const struct sim *s)
{
    const struct sim_list *at = &s->p.xrun_at_us;

    if (s->xruns_forced == at->count)
        return (raw_ns){NEVER};
    return (raw_ns){s->first_start.ns + at->v[s->xruns_forced] * NS_PER_US};
}

/* When this handle loses its device, or NEVER. */
static raw_ns unplug_instant(const struct sim *s)
{
    raw_ns at = {NEVER};

    if (s->p.unplug_at_us.count && s->first_start.ns)
        at.ns = s->first_start.ns + s->p.unplug_at_us.v[0] * NS_PER_US;
    return at.ns > s->opened.ns ? at : (raw_ns){NEVER};
}

/* What will happen to the card first if the program does nothing more, and when (NEVER: nothing). */
static enum record_cause next_event(const struct sim *s, raw_ns *at)
{
    raw_ns xrun = s->running ? xrun_instant(s) : (raw_ns){NEVER};
    raw_ns forced = s->running ? forced_xrun_instant(s) : (raw_ns){NEVER};

    *at = unplug_instant(s);
    if (xrun.ns <= at->ns && xrun.ns <= forced.ns) {
        *at = xrun;
        return RECORD_XRUN;
    }
    if (forced.ns <= at->ns) {
        *at = forced;
        return RECORD_XRUN_FORCED;
    }
    return RECORD_UNPLUGGED;
}

/* Where the DMA is at an instant, before rounding to the granule. */
static int64_t dma_frame(const struct sim *s, raw_ns t)
{
    int64_t frame = card_law_frame(&s->law, t), fifo = s->p.fifo.v[0], appl = (int64_t)s->io.appl_ptr;

    if (!is_playback(s))
        return frame > fifo ? frame - fifo : 0;
    if (s->runs_on && s->io.state != SND_PCM_STATE_DRAINING)
        return frame + fifo;
    return frame + fifo < appl ? frame + fifo : appl;
}

static void set_pointer(struct sim *s, int64_t dma)
{
    if (s->io.state == SND_PCM_STATE_DRAINING && dma == (int64_t)s->io.appl_ptr)
        s->hw = dma; /* the last burst is a short one */
    else
        s->hw = dma - dma % s->p.granule.v[0];
}

/* Lets the card run up to `now`, or up to what stops it on the way. */
static void advance(struct sim *s, raw_ns now)
{
    raw_ns event = {NEVER};
    enum record_cause cause = next_event(s, &event);
    bool stopped = event.ns <= now.ns;
    int64_t dma = 0;

    if (stopped && cause == RECORD_UNPLUGGED) {
        s->fault = -ENODEV;
        snd_pcm_ioplug_set_state(&s->io, SND_PCM_STATE_DISCONNECTED);
    }
    if (!s->running)
        return;
    dma = dma_frame(s, stopped ? event : now);
    if (is_playback(s))
        take_frames(s, dma);
    set_pointer(s, dma);
    if (stopped && cause == RECORD_XRUN_FORCED)
        s->xruns_forced++;
    if (stopped)
        end_segment(s, cause, event, now);
    else if (s->writer && now.ns - s->clock_read.ns >= NS_PER_S)
        record_clock_pair(s);
}

/* --- the poll descriptor --- */

/* The DMA frame the program waits for, given how far it has written or read: it can go on from there. */
static int64_t awaited_frame(const struct sim *s, int64_t appl)
{
    int64_t granule = s->p.granule.v[0], target = appl + (int64_t)s->avail_min;

    if (s->io.state == SND_PCM_STATE_DRAINING)
        return appl;
    if (is_playback(s))
        target -= (int64_t)s->io.buffer_size;
    return target > 0 ? (target + granule - 1) / granule * granule : 0;
}

/* The raw instant from which the program is to be woken; NEVER: not at all; 0: now. */
static int64_t wake_ns(const struct sim *s, int64_t appl)
{
    int64_t fifo = s->p.fifo.v[0], target = awaited_frame(s, appl), wake = 0;
    raw_ns event = {NEVER};

    if (s->fault || (!s->running && s->io.state != SND_PCM_STATE_PREPARED))
        return 0;
    if (!s->running)
        return is_playback(s) && s->hw >= target ? 0 : NEVER;
    if (s->hw >= target)
        return 0;
    wake = reached(s, target + (is_playback(s) ? -fifo : fifo)).ns;
    next_event(s, &event);
    return wake < event.ns ? wake : event.ns;
}

/* Makes the descriptor readable from the instant on at which the program can go on, and not before. */
static void arm(struct sim *s, raw_ns now, int64_t appl)
{
    struct itimerspec when = {0};
    int64_t deadline_ns = 0, wait_ns = 0;

    if (!s->polled)
        return;
    deadline_ns = wake_ns(s, appl);
    if (!atomic_exchange(&s->disarmed, false) && deadline_ns == s->deadline_ns)
        return;
    s->deadline_ns = deadline_ns;
    wait_ns = deadline_ns > now.ns ? deadline_ns - now.ns : 1;
    if (deadline_ns != NEVER) {
        when.it_value.tv_sec = wait_ns / NS_PER_S;
        when.it_value.tv_nsec = wait_ns % NS_PER_S;
    }
    timerfd_settime(s->timer_fd, 0, &when, NULL);
}

static int sim_poll_descriptors(snd_pcm_ioplug_t *io, struct pollfd *pfd, unsigned int space)
{
    struct sim *s = io->private_data;

    if (space < 1)
        return -EINVAL;
    s->polled = true;
    atomic_store(&s->disarmed, true);
    snd_pcm_avail_update(io->pcm); /* for its pointer(), which arms the timer under the lock */
    *pfd = (struct pollfd){.fd = s->timer_fd, .events = POLLIN | POLLERR | POLLNVAL};
    return 1;
}

static int sim_poll_revents(snd_pcm_ioplug_t *io, struct pollfd *pfd, unsigned int nfds,
                            unsigned short *revents)
{
    struct sim *s = io->private_data;
    unsigned short ready = is_playback(s) ? POLLOUT : POLLIN;
    snd_pcm_sframes_t avail = 0;

    *revents = 0;
    if (nfds < 1 || !(pfd->revents & POLLIN))
        return 0;
    /* The timer runs on a clock that is slewed, so it may have been early: it is set anew in any case. */
    atomic_store(&s->disarmed, true);
    avail = snd_pcm_avail_update(io->pcm);
    switch (io->state) {
    case SND_PCM_STATE_DRAINING:
        break;
    case SND_PCM_STATE_PREPARED:
    case SND_PCM_STATE_RUNNING:
        *revents = avail >= (snd_pcm_sframes_t)s->avail_min ? ready : 0;
        break;
    case SND_PCM_STATE_SETUP:
        *revents = ready; /* drained */
        break;
    default:
        *revents = ready | POLLERR;
        break;
    }
    return 0;
}

/* --- callbacks that ask --- */

static snd_pcm_sframes_t sim_pointer(snd_pcm_ioplug_t *io)
{
    struct sim *s = io->private_data;
    raw_ns now = raw_now();

    advance(s, now);
    s->answered_ns = now.ns;
    s->asker = pthread_self();
    arm(s, now, (int64_t)io->appl_ptr);
    return s->fault == -EPIPE ? -EPIPE : (snd_pcm_sframes_t)s->hw;
}

/*
 * snd_pcm_status() calls pointer(), takes the time stamp, and calls this: here the delay must be that of the
 * pointer's instant, or it would not belong to the stamp. A bare snd_pcm_delay() calls this alone and wants
 * the delay of now. The library does not say which; but between the two calls of the former nothing happens.
 */
static int sim_delay(snd_pcm_ioplug_t *io, snd_pcm_sframes_t *delay)
{
    struct sim *s = io->private_data;
    raw_ns now = raw_now();
    bool same =
        s->answered_ns && now.ns - s->answered_ns < FRESH_NS && pthread_equal(s->asker, pthread_self());
    int64_t queued = 0;

    if (!same)
        advance(s, now);
    s->answered_ns = 0;
    if (s->fault == -EPIPE) {
        snd_pcm_ioplug_set_state(io, SND_PCM_STATE_XRUN);
        return -EPIPE;
    }
    queued = is_playback(s) ? (int64_t)io->appl_ptr - s->hw : s->hw - (int64_t)io->appl_ptr;
    *delay = (snd_pcm_sframes_t)(queued + (s->running ? s->p.fifo.v[0] : 0));
    return 0;
}

/* --- samples --- */

static unsigned char *area_address(const snd_pcm_channel_area_t *area, snd_pcm_uframes_t offset)
{
    return (unsigned char *)area->addr + (area->first + area->step * offset) / 8;
}

static int32_t from_float(float f)
{
    double v = (double)f * FULL_SCALE;

    if (v >= FULL_SCALE - 1)
        return INT32_MAX;
    return v > -FULL_SCALE ? (int32_t)lrint(v) : INT32_MIN;
}

static int32_t load_sample(const unsigned char *p, snd_pcm_format_t format)
{
    float f;

    switch (format) {
    case SND_PCM_FORMAT_S16_LE:
        return (int32_t)((uint32_t)p[0] << 16 | (uint32_t)p[1] << 24);
    case SND_PCM_FORMAT_S24_LE:
    case SND_PCM_FORMAT_S24_3LE:
        return (int32_t)((uint32_t)p[0] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 24);
    case SND_PCM_FORMAT_FLOAT_LE:
        memcpy(&f, p, sizeof(f));
        return from_float(f);
    default:
        return (int32_t)((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
    }
}

static int32_t rounded(double v, int bits)
{
    double scale = (double)(UINT32_C(1) << (bits - 1));
    double r = rint(v * scale);

    return (int32_t)(r > scale - 1 ? scale - 1 : r < -scale ? -scale : r);
}

static void store_sample(unsigned char *p, snd_pcm_format_t format, double v)
{
    int bytes = (int)snd_pcm_format_physical_width(format) / 8;
    int32_t x = format == SND_PCM_FORMAT_FLOAT_LE ? 0 : rounded(v, snd_pcm_format_width(format));
    float f = (float)v;

    if (format == SND_PCM_FORMAT_FLOAT_LE)
        memcpy(p, &f, sizeof(f));
    else
        memcpy(p, &x, (size_t)bytes);
}

/*
 * The source's value at frames first, first + 1, ...: phases are exact at `first` and turned by complex
 * multiplication from there, which over a block adds less than 1e-13.
 */
static void source_block(const struct sim *s, int64_t first, unsigned frames, double *out)
{
    struct instant t = card_law_instant(&s->law, first);
    double period_s = card_law_period_ns(&s->law) / (double)NS_PER_S;

    memset(out, 0, frames * sizeof(*out));
    for (unsigned i = 0; i < s->p.signal.tones; i++) {
        int64_t mhz = s->p.signal.millihertz[i];
        int64_t cycles = (int64_t)((wide_t)mhz * t.at.ns % (1000 * NS_PER_S)); /* in 1e-12 */
        double turn = ((double)cycles + (double)mhz * t.part) * 1e-12;
        double step = 2 * M_PI * (double)mhz * 1e-3 * period_s;
        double c = s->p.signal.amplitude * cos(2 * M_PI * turn),
               v = s->p.signal.amplitude * sin(2 * M_PI * turn);
        double rc = cos(step), rs = sin(step);

        for (unsigned k = 0; k < frames; k++) {
            double next = c * rc - v * rs;

            out[k] += v;
            v = v * rc + c * rs;
            c = next;
        }
    }
}

static void write_ring(struct sim *s, const snd_pcm_channel_area_t *areas, snd_pcm_uframes_t offset,
                       snd_pcm_uframes_t size)
{
    snd_pcm_format_t format = s->io.format;
    unsigned channels = s->io.channels;

    for (unsigned c = 0; c < channels; c++) {
        const unsigned char *p = area_address(&areas[c], offset);
        snd_pcm_uframes_t at = s->io.appl_ptr % s->io.buffer_size;

        for (snd_pcm_uframes_t k = 0; k < size; k++) {
            s->ring[at * channels + c] = load_sample(p, format);
            p += areas[c].step / 8;
            at = at + 1 == s->io.buffer_size ? 0 : at + 1;
        }
    }
}

static void read_source(const struct sim *s, const snd_pcm_channel_area_t *areas, snd_pcm_uframes_t offset,
                        snd_pcm_uframes_t size)
{
    double block[TONE_BLOCK];

    for (snd_pcm_uframes_t done = 0; done < size; done += TONE_BLOCK) {
        unsigned n = size - done < TONE_BLOCK ? (unsigned)(size - done) : TONE_BLOCK;

        source_block(s, (int64_t)(s->io.appl_ptr + done), n, block);
        for (unsigned c = 0; c < s->io.channels; c++)
            for (unsigned k = 0; k < n; k++)
                store_sample(area_address(&areas[c], offset + done + k), s->io.format, block[k]);
    }
}

static snd_pcm_sframes_t sim_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
                                      snd_pcm_uframes_t offset, snd_pcm_uframes_t size)
{
    struct sim *s = io->private_data;
    raw_ns now = raw_now();

    advance(s, now);
    s->answered_ns = 0;
    if (s->fault)
        return s->fault;
    if (is_playback(s))
        write_ring(s, areas, offset, size);
    else
        read_source(s, areas, offset, size);
    arm(s, now, (int64_t)(io->appl_ptr + size));
    return (snd_pcm_sframes_t)size;
}

/* --- callbacks that change the state --- */

static int sim_start(snd_pcm_ioplug_t *io)
{
    struct sim *s = io->private_data;
    raw_ns now = raw_now();
    struct record_segment segment = {0};

    advance(s, now);
    if (s->fault)
        return s->fault;
    if (is_playback(s) && io->appl_ptr == 0 && !s->runs_on)
        return -EPIPE; /* as the kernel does */
    s->law = (struct card_law){raw_now(), s->p.trim_ppt.v[0], io->rate};
    if (!s->first_start.ns)
        s->first_start = s->law.t0;
    while (forced_xrun_instant(s).ns <= s->law.t0.ns)
        s->xruns_forced++;
    s->running = true;
    if (s->writer) {
        segment.law = s->law;
        segment.channels = io->channels;
        segment.granule = (uint32_t)s->p.granule.v[0];
        segment.fifo = (uint32_t)s->p.fifo.v[0];
        record_writer_segment(s->writer, &segment);
        record_clock_pair(s);
    }
    arm(s, now, (int64_t)io->appl_ptr);
    return 0;
}

static int sim_stop(snd_pcm_ioplug_t *io)
{
    struct sim *s = io->private_data;
    bool draining = io->state == SND_PCM_STATE_DRAINING;
    raw_ns now = raw_now();

    if (s->running && !draining)
        advance(s, now);
    if (s->running)
        end_segment(s, draining ? RECORD_DRAINED : RECORD_STOPPED, now, now);
    if (s->fault == -EPIPE)
        s->fault = 0;
    s->answered_ns = 0;
    return 0;
}

static int sim_sw_params(snd_pcm_ioplug_t *io, snd_pcm_sw_params_t *params)
{
    struct sim *s = io->private_data;
    snd_pcm_uframes_t stop = 0;

    snd_pcm_sw_params_get_avail_min(params, &s->avail_min);
    snd_pcm_sw_params_get_stop_threshold(params, &stop);
    s->runs_on = stop > io->buffer_size;
    atomic_store(&s->disarmed, true);
    return 0;
}

static int sim_prepare(snd_pcm_ioplug_t *io)
{
    struct sim *s = io->private_data;
    raw_ns now = raw_now();

    if (s->running) /* the library has forgotten the pointers already */
        end_segment(s, RECORD_STOPPED, now, now);
    advance(s, now);
    if (s->fault == -ENODEV)
        return s->fault;
    s->fault = 0;
    s->taken = 0;
    s->hw = 0;
    if (is_playback(s))
        memset(s->ring, 0, io->buffer_size * io->channels * sizeof(*s->ring));
    return 0;
}

static int sim_hw_params(snd_pcm_ioplug_t *io, snd_pcm_hw_params_t *params)
{
    struct sim *s = io->private_data;
    int32_t *ring = NULL;
    int err = 0;

    (void)params;
    advance(s, raw_now());
    if (s->fault == -ENODEV)
        return s->fault;
    if (s->writer)
        err = record_writer_setup(s->writer, io->rate, io->channels);
    if (err)
        return err;
    ring = calloc(io->buffer_size * io->channels, sizeof(*ring));
    if (!ring)
        return -ENOMEM;
    free(s->ring);
    s->ring = ring;
    s->avail_min = io->period_size; /* as ALSA's own defaults */
    s->runs_on = false;
    return 0;
}

static void sim_dump(snd_pcm_ioplug_t *io, snd_output_t *out)
{
    struct sim *s = io->private_data;
    const struct sim_params *c = &s->p;

    snd_output_printf(
        out, "Unisono simulated sound card: %.6f ppm, granule %lld, fifo %lld frames, recording %s\n",
        (double)c->trim_ppt.v[0] / 1e6, (long long)c->granule.v[0], (long long)c->fifo.v[0],
        c->record[0] ? c->record : "none");
    if (io->rate) {
        snd_output_printf(out, "Its setup is:\n");
        snd_pcm_dump_setup(io->pcm, out);
    }
}

static void sim_free(struct sim *s)
{
    record_writer_close(s->writer);
    if (s->timer_fd >= 0)
        close(s->timer_fd);
    free(s->ring);
    free(s);
}

static int sim_close(snd_pcm_ioplug_t *io)
{
    struct sim *s = io->private_data;

    if (s->running)
        sim_stop(io);
    sim_free(s);
    return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {
    .start = sim_start,
    .stop = sim_stop,
    .pointer = sim_pointer,
    .transfer = sim_transfer,
    .close = sim_close,
    .hw_params = sim_hw_params,
    .sw_params = sim_sw_params,
    .prepare = sim_prepare,
    .poll_descriptors = sim_poll_descriptors,
    .poll_revents = sim_poll_revents,
    .dump = sim_dump,
    .delay = sim_delay,
};

/* --- opening --- */

static int constrain_list(struct sim *s, int what, const struct sim_list *list)
{
    unsigned values[SIM_LIST_MAX];

    for (unsigned i = 0; i < list->count; i++)
        values[i] = (unsigned)list->v[i];
    return snd_pcm_ioplug_set_param_list(&s->io, what, list->count, values);
}

static int constrain(struct sim *s)
{
    static const unsigned accesses[] = {SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_ACCESS_RW_NONINTERLEAVED,
                                        SND_PCM_ACCESS_MMAP_INTERLEAVED, SND_PCM_ACCESS_MMAP_NONINTERLEAVED};
    snd_pcm_ioplug_t *io = &s->io;
    int err = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 4, accesses);

    if (err == 0)
        err = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, s->p.format_count, s->p.formats);
    if (err == 0 && s->p.channels.count)
        err = constrain_list(s, SND_PCM_IOPLUG_HW_CHANNELS, &s->p.channels);
    else if (err == 0)
        err = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_CHANNELS, 1, SIM_CHANNELS_MAX);
    if (err == 0)
        err = constrain_list(s, SND_PCM_IOPLUG_HW_RATE, &s->p.rates);
    if (err == 0)
        err = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, 16, BUFFER_BYTES_MAX / 2);
    if (err == 0)
        err = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 32, BUFFER_BYTES_MAX);
    if (err == 0)
        err = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIODS, 2, 1024);
    return err;
}

/* Opens the recording PREFIX.playback or PREFIX.capture. */
static int open_recording(struct sim *s, snd_pcm_stream_t stream)
{
    bool playback = stream == SND_PCM_STREAM_PLAYBACK;
    char path[SIM_PATH_BYTES + 16];
    int err = 0;

    if (s->p.record[0] == '\0')
        return 0;
    snprintf(path, sizeof(path), "%s.%s", s->p.record, playback ? "playback" : "capture");
    err = record_writer_open(&s->writer, path, playback ? RECORD_PLAYBACK : RECORD_CAPTURE, &s->first_start);
    if (err == -EBUSY)
        return err; /* two programs at one card: the ordinary answer says it all */
    if (err == -EBADMSG)
        SNDERR("unisono_sim: '%s' exists and is no recording; remove it or choose another 'record'", path);
    else if (err)
        SNDERR("unisono_sim: cannot write the recording '%s': %s", path, snd_strerror(err));
    return err;
}

static bool is_unplugged(const struct sim *s)
{
    int64_t since_us = (s->opened.ns - s->first_start.ns) / NS_PER_US;

    return s->p.unplug_at_us.count && s->first_start.ns && since_us >= s->p.unplug_at_us.v[0] &&
           since_us < s->p.unplug_at_us.v[0] + s->p.unplug_for_us.v[0];
}

static int sim_open(snd_pcm_t **pcm, const char *name, snd_config_t *conf, snd_pcm_stream_t stream, int mode)
{
    struct sim *s = calloc(1, sizeof(*s));
    int err = -ENOMEM;

    if (!s)
        return err;
    s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (s->timer_fd < 0) {
        err = -errno;
        goto fail;
    }
    err = sim_params_read(&s->p, conf);
    if (err == 0)
        err = open_recording(s, stream);
    if (err)
        goto fail;
    s->opened = raw_now();
    err = is_unplugged(s) ? -ENODEV : 0;
    if (err)
        goto fail;
    s->io.version = SND_PCM_IOPLUG_VERSION;
    s->io.name = "Unisono simulated sound card";
    s->io.flags = SND_PCM_IOPLUG_FLAG_MONOTONIC | SND_PCM_IOPLUG_FLAG_BOUNDARY_WA;
    s->io.poll_fd = s->timer_fd;
    s->io.poll_events = POLLIN;
    s->io.callback = &callbacks;
    s->io.private_data = s;
    err = snd_pcm_ioplug_create(&s->io, name, stream, mode);
    if (err)
        goto fail;
    err = constrain(s);
    if (err) {
        snd_pcm_ioplug_delete(&s->io); /* calls sim_close() */
        return err;
    }
    *pcm = s->io.pcm;
    return 0;

fail:
    sim_free(s);
    return err;
}

#pragma GCC visibility push(default)
SND_PCM_PLUGIN_DEFINE_FUNC(unisono_sim);

SND_PCM_PLUGIN_DEFINE_FUNC(unisono_sim)
{
    (void)root;
    return sim_open(pcmp, name, conf, stream, mode);
}

SND_PCM_PLUGIN_SYMBOL(unisono_sim)
#pragma GCC visibility pop
