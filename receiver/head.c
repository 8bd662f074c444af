// SPDX-License-Identifier: GPL-3.0-or-later
#include "head.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    READ_FRAMES = 64,      /* most that is read from the timeline at a time */
    RECALLED_FRAMES = 512, /* concealment's history, ... */
    RECALLED_MAX = 2048    /* of either, at rates that nobody has */
};

#define RECALLED_NS (5 * NS_PER_MS) /* ... behind its fade from silence */

int head_init(struct head *head, unsigned card_channels, enum resample_quality quality)
{
    *head = (struct head){.width = 1};
    head->router = router_create(card_channels);
    head->conceal = conceal_create(card_channels);
    head->resampler = resampler_create(card_channels, quality);
    head->feed = calloc((size_t)HEAD_FEED_FRAMES * card_channels, sizeof *head->feed);
    head->read = calloc((size_t)READ_FRAMES * RTP_CHANNELS_MAX, sizeof *head->read);
    return head->router && head->conceal && head->resampler && head->feed && head->read ? 0 : -ENOMEM;
}

void head_free(struct head *head)
{
    router_destroy(head->router);
    conceal_destroy(head->conceal);
    resampler_destroy(head->resampler);
    free(head->feed);
    free(head->read);
}

/* Gathers `frames` media frames behind those in the feed: from the timeline, or concealed where it has holes.
 */
static void gather(struct head *head, struct intake *intake, size_t frames, bool force_hole)
{
    struct timeline *timeline = intake->timeline;

    while (frames) {
        float *to = head->feed + head->feed_count * head->width;
        size_t run = force_hole ? 0 : timeline_present(timeline, head->next, frames);

        if (run) {
            run = run < READ_FRAMES ? run : READ_FRAMES;
            timeline_read(timeline, head->next, head->read, run);
            router_run(head->router, head->read, to, run);
            conceal_pass(head->conceal, to, run);
        } else {
            run = force_hole ? frames : timeline_absent(timeline, head->next, frames);
            if (!force_hole) {
                intake_need(intake, head->next, run);
                if (timeline_present(timeline, head->next, 1))
                    continue;
                run = timeline_absent(timeline, head->next, run);
            }
            conceal_fill(head->conceal, to, run);
            if (!force_hole && head->next.n >= intake->begin.n &&
                !(intake->ending && head->next.n >= intake->end.n))
                head->concealed += run;
        }
        head->feed_count += run;
        head->next.n += (int64_t)run;
        frames -= run;
    }
}

/* Everything but the resampler, which comes when it is known where. */
static void begin(struct head *head, const struct intake *intake, const struct route *route, media_t next)
{
    const struct stream_claim *claim = &intake->stream.claim;

    router_set(head->router, route, claim->channels);
    head->width = router_mixes(head->router);
    head->rate_hz = claim->rate_hz;
    conceal_set_channels(head->conceal, head->width);
    conceal_reset(head->conceal, claim->rate_hz);
    head->next = next;
    head->feed_count = 0;
}

void head_place(struct head *head, struct intake *intake, const struct route *route, struct media_pos at,
                double step)
{
    begin(head, intake, route, (media_t){at.whole.n - 1});
    resampler_start(head->resampler, head->width, at.part);
    head->base = head->next;
    head->step = step;
    head->step_frames = 0;
    /* the frame of lead-in may lie before the stream's first */
    gather(head, intake, 1, !timeline_present(intake->timeline, head->base, 1));
}

/* Passes so many frames through concealment that it is as if it had heard all that was before. */
static void recall(struct head *head, struct intake *intake)
{
    size_t frames = RECALLED_FRAMES + (size_t)samples_in_ns(RECALLED_NS, head->rate_hz);

    frames = frames < RECALLED_MAX ? frames : RECALLED_MAX;
    head->next.n -= (int64_t)frames;
    gather(head, intake, frames, false);
    head->feed_count = 0;
}

void head_join(struct head *head, const struct head *other, struct intake *intake, const struct route *route)
{
    struct media_pos at = head_position(other);
    double filter = resampler_look_ahead(head->resampler) * fmax(other->step, 1);
    size_t reach = (size_t)ceil(fmin(filter, RECALLED_MAX));
    uint64_t concealed = head->concealed;

    begin(head, intake, route, (media_t){at.whole.n - 1 - (int64_t)reach});
    head->base = head->next;
    head->link_ns = other->link_ns;
    head->step = other->step;
    head->step_frames = 0;
    recall(head, intake);
    resampler_start(head->resampler, head->width, at.part);
    for (size_t done = 0, frames; done < reach; done += frames) {
        frames = reach - done < READ_FRAMES ? reach - done : READ_FRAMES;
        head_run(head, intake, frames, 1, false, head->read);
    }
    head->concealed = concealed; /* the other one has counted that */
}

struct media_pos head_position(const struct head *head)
{
    struct media_pos at = {.whole = head->base};
    int64_t whole;

    resampler_position(head->resampler, &whole, &at.part);
    at.whole.n += whole;
    return at;
}

size_t head_yield(const struct head *head, const struct intake *intake, double step)
{
    size_t room = HEAD_FEED_FRAMES - head->feed_count;
    size_t present = timeline_present(intake->timeline, head->next, room);

    if (intake->ending && head->next.n + (int64_t)present >= intake->end.n)
        present = room;
    return resampler_yield(head->resampler, head->feed_count + present, step);
}

size_t head_block(const struct head *head, double step)
{
    return resampler_yield(head->resampler, HEAD_FEED_FRAMES, step);
}

int head_run(struct head *head, struct intake *intake, size_t frames, double step, bool force_hole,
             float *out)
{
    size_t need = resampler_need(head->resampler, frames, step), taken;
    int64_t fed = resampler_fed(head->resampler);

    if (need > head->feed_count)
        gather(head, intake, need - head->feed_count, force_hole);
    if (resampler_run(head->resampler, step, head->feed, head->feed_count, out, frames)) {
        memset(out, 0, frames * head->width * sizeof *out);
        return -EIO;
    }
    taken = (size_t)(resampler_fed(head->resampler) - fed);
    head->feed_count -= taken;
    memmove(head->feed, head->feed + taken * head->width,
            head->feed_count * head->width * sizeof *head->feed);
    return 0;
}
