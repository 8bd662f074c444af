// SPDX-License-Identifier: GPL-3.0-or-later
#include "retime.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define READY_SIGMA_NS 500.0
#define READY_AGE_NS   (2500 * NS_PER_MS)
#define LOST_S         2e-3 /* so far off, the position is found anew instead of steered */
#define FADE_IN_S      5e-3

struct retime {
    struct retime_config config;
    struct observer observer;
    struct resampler *resampler;
    float *kept;     /* captured frames, oldest first */
    size_t capacity; /* frames */
    size_t count;    /* frames in kept */
    frame_t oldest;  /* card frame number of kept[0] */
    raw_ns first_seen;
    bool seen;    /* first_seen is set */
    bool placed;  /* the resampler has a position */
    frame_t base; /* card frame number of the resampler's input frame 0 */
    media_t next; /* media sample of the next output frame */
    size_t faded, fade_frames;
    double step; /* of the last packet; 0: none since it was placed */
    double error_s;
    uint64_t restarts;
};

struct retime *retime_create(const struct retime_config *config)
{
    struct retime *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->config = *config;
    r->capacity = config->card_rate_hz / 2;
    r->kept = calloc(r->capacity * config->channels, sizeof *r->kept);
    r->resampler = resampler_create(config->channels, config->quality);
    if (!r->kept || !r->resampler) {
        retime_destroy(r);
        return NULL;
    }
    observer_init(&r->observer, config->card_rate_hz);
    r->fade_frames = (size_t)(FADE_IN_S * config->media_rate_hz);
    return r;
}

void retime_destroy(struct retime *r)
{
    if (!r)
        return;
    resampler_destroy(r->resampler);
    free(r->kept);
    free(r);
}

static void drop_oldest(struct retime *r, size_t frames)
{
    r->count -= frames;
    r->oldest.n += (int64_t)frames;
    memmove(r->kept, r->kept + frames * r->config.channels, r->count * r->config.channels * sizeof *r->kept);
}

void retime_push(struct retime *r, const float *in, size_t frames)
{
    size_t width = r->config.channels;

    if (frames > r->capacity) {
        size_t excess = frames - r->capacity;

        in += excess * width;
        r->oldest.n += (int64_t)(r->count + excess);
        r->count = 0;
        frames = r->capacity;
    }
    if (r->count + frames > r->capacity) {
        /* nobody pulls: keep half of what would fit, so that making room is rare */
        size_t keep = (r->capacity - frames) / 2;

        if (r->count > keep)
            drop_oldest(r, r->count - keep);
    }
    memcpy(r->kept + r->count * width, in, frames * width * sizeof *in);
    r->count += frames;
}

void retime_observe(struct retime *r, raw_ns stamp, frame_t n)
{
    if (!r->seen) {
        r->first_seen = stamp;
        r->seen = true;
    }
    if (observer_reading(&r->observer, stamp, n)) {
        r->placed = false;
        r->first_seen = stamp;
    }
}

void retime_overrun(struct retime *r)
{
    observer_restart(&r->observer);
    r->placed = false;
    r->seen = false;
    r->oldest.n += (int64_t)r->count;
    r->count = 0;
}

bool retime_ready(const struct retime *r)
{
    struct card_line line;

    if (!observer_line(&r->observer, &line))
        return false;
    return line.sigma_ns < READY_SIGMA_NS || line.raw0.ns - r->first_seen.ns > READY_AGE_NS;
}

/* Where on the card's frame axis media sample `at` was taken: whole frame and part. */
static void wanted(const struct retime *r, const struct card_line *line, const struct clock_map *map,
                   media_t at, int64_t *whole, double *part)
{
    raw_ns t = clock_map_raw(map, ptp_at_media(at, r->config.media_rate_hz));
    double frames = card_line_frames_since(line, t);

    *whole = line->frame0.n + (int64_t)floor(frames);
    *part = frames - floor(frames);
}

static int place(struct retime *r, const struct card_line *line, const struct clock_map *map, media_t at)
{
    int64_t whole;
    double part;

    wanted(r, line, map, at, &whole, &part);
    if (whole - 1 < r->oldest.n)
        return -ETIME;
    if (whole >= r->oldest.n + (int64_t)r->count)
        return -EAGAIN;
    resampler_start(r->resampler, r->config.channels, part);
    r->base = (frame_t){whole - 1};
    r->next = at;
    r->faded = 0;
    r->step = 0;
    r->placed = true;
    r->restarts++;
    return 0;
}

static void fade_in(struct retime *r, float *out, size_t frames)
{
    for (size_t i = 0; i < frames && r->faded < r->fade_frames; i++, r->faded++) {
        float level = (float)(0.5 - 0.5 * cos(M_PI * (double)r->faded / (double)r->fade_frames));

        for (unsigned channel = 0; channel < r->config.channels; channel++)
            out[i * r->config.channels + channel] *= level;
    }
}

/* Seconds by which the resampler's position lags behind the place wanted for the next sample. */
static double lag_s(const struct retime *r, const struct card_line *line, const struct clock_map *map)
{
    int64_t want_whole, at_whole;
    double want_part, at_part;

    wanted(r, line, map, r->next, &want_whole, &want_part);
    resampler_position(r->resampler, &at_whole, &at_part);
    return ((double)(want_whole - r->base.n - at_whole) + want_part - at_part) * line->period_ns / 1e9;
}

/* Where in `kept` the resampler wants to read on; negative when those frames were dropped. */
static int64_t unread(const struct retime *r)
{
    return r->base.n + resampler_fed(r->resampler) - r->oldest.n;
}

int retime_pull(struct retime *r, const struct clock_map *map, media_t at, float *out, size_t frames)
{
    struct card_line line;
    size_t skip, need;
    double step, elapsed_s = (double)frames / r->config.media_rate_hz;
    int error = 0;

    if (!retime_ready(r) || !observer_line(&r->observer, &line))
        return -EAGAIN;
    if (r->placed && (r->next.n != at.n || fabs(lag_s(r, &line, map)) > LOST_S || unread(r) < 0))
        r->placed = false;
    if (!r->placed)
        error = place(r, &line, map, at);
    if (error)
        return error;
    r->error_s = lag_s(r, &line, map);
    step = 1e9 / ((1 + map->rate_dev) * r->config.media_rate_hz * line.period_ns);
    step = resample_steer(step, r->error_s, r->step, elapsed_s);
    skip = (size_t)unread(r);
    need = resampler_need(r->resampler, frames, step);
    if (skip + need > r->count)
        return -EAGAIN;
    error = resampler_run(r->resampler, step, r->kept + skip * r->config.channels, need, out, frames);
    if (error) {
        r->placed = false;
        return -EAGAIN;
    }
    r->step = step;
    fade_in(r, out, frames);
    r->next.n += (int64_t)frames;
    skip = (size_t)unread(r);
    if (skip > r->capacity / 4)
        drop_oldest(r, skip);
    return 0;
}

raw_ns retime_due(const struct retime *r, size_t frames)
{
    double step = r->step > 0 ? r->step : (double)r->config.card_rate_hz / r->config.media_rate_hz;
    struct card_line line;
    int64_t last;

    if (!r->placed || !observer_line(&r->observer, &line))
        return (raw_ns){INT64_MIN};
    last = r->base.n + resampler_fed(r->resampler) + (int64_t)resampler_need(r->resampler, frames, step);
    return card_line_raw(&line, (frame_t){last});
}

void retime_get_status(const struct retime *r, struct retime_status *status)
{
    struct card_line line = {0};

    observer_line(&r->observer, &line);
    *status = (struct retime_status){
        .card_ppm = observer_ppm(&r->observer),
        .error_ns = r->error_s * 1e9,
        .sigma_ns = line.sigma_ns,
        .restarts = r->restarts,
    };
}
