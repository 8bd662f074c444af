// SPDX-License-Identifier: GPL-3.0-or-later
#include "head.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { READ_FRAMES = 256 /* most that is read from the timeline at a time */ };

int head_init(struct head *head, unsigned card_channels, enum resample_quality quality)
{
    *head = (struct head){.channels = card_channels};
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
        float *to = head->feed + head->feed_count * head->channels;
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

void head_place(struct head *head, struct intake *intake, const struct route *route, struct media_pos at,
                double step)
{
    const struct stream_claim *claim = &intake->stream.claim;

    head->rate_hz = claim->rate_hz;
    router_set(head->router, route, claim->channels, claim->rate_hz, true);
    conceal_reset(head->conceal, claim->rate_hz);
    resampler_start(head->resampler, at.part);
    head->base = (media_t){at.whole.n - 1};
    head->next = head->base;
    head->feed_count = 0;
    head->step = step;
    head->step_frames = 0;
    /* the frame of lead-in may lie before the stream's first */
    gather(head, intake, 1, !timeline_present(intake->timeline, head->base, 1));
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
        memset(out, 0, frames * head->channels * sizeof *out);
        return -EIO;
    }
    taken = (size_t)(resampler_fed(head->resampler) - fed);
    head->feed_count -= taken;
    memmove(head->feed, head->feed + taken * head->channels,
            head->feed_count * head->channels * sizeof *head->feed);
    return 0;
}
