// SPDX-License-Identifier: GPL-3.0-or-later
#include "desk.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void desk_free(struct desk *desk)
{
    free(desk->order);
    *desk = (struct desk){0};
}

const char *desk_sort_word(enum desk_sort sort)
{
    static const char *const word[DESK_SORTS] = {"trouble", "name", "error", "headroom"};

    return word[sort];
}

const struct view_stream *desk_stream(const struct desk *desk, const struct view *view)
{
    return desk->stream < view->streams ? &view->stream[desk->stream] : NULL;
}

const struct view_receiver *desk_receiver(const struct desk *desk, const struct view *view)
{
    const struct view_stream *s = desk_stream(desk, view);

    if (!s || desk->gone || desk->selected >= desk->receivers)
        return NULL;
    return &s->receiver[desk->order[desk->selected]];
}

struct sorting {
    const struct view_receiver *receiver;
    enum desk_sort sort;
};

/* Small ones first, what is not known last. */
static int compare_real(double a, double b)
{
    if (isnan(a) || isnan(b))
        return (isnan(a) ? 1 : 0) - (isnan(b) ? 1 : 0);
    return (a > b) - (a < b);
}

static int compare(const void *a, const void *b, void *with)
{
    const struct sorting *s = with;
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    const struct view_receiver *x = &s->receiver[i], *y = &s->receiver[k];
    int order = 0;

    if (s->sort == DESK_BY_NAME)
        order = strcmp(x->name, y->name);
    else if (s->sort == DESK_BY_ERROR)
        order = compare_real(-fabs(x->error_us), -fabs(y->error_us));
    else if (s->sort == DESK_BY_HEADROOM)
        order = compare_real(x->headroom_ms, y->headroom_ms);
    return order ? order : (i > k) - (i < k);
}

static int sort_receivers(struct desk *desk, const struct view_stream *s)
{
    struct sorting sorting = {s->receiver, desk->sort};

    if (s->receivers > desk->room) {
        size_t *order = realloc(desk->order, s->receivers * sizeof *order);

        if (!order)
            return -ENOMEM;
        desk->order = order;
        desk->room = s->receivers;
    }
    desk->receivers = s->receivers;
    for (size_t i = 0; i < s->receivers; i++)
        desk->order[i] = i;
    if (desk->sort != DESK_BY_TROUBLE && s->receivers > 0)
        qsort_r(desk->order, s->receivers, sizeof *desk->order, compare, &sorting);
    return 0;
}

static void remember_stream(struct desk *desk, const struct view *view)
{
    const struct view_stream *s = desk_stream(desk, view);

    if (!s)
        return;
    desk->stream_ssrc = s->ssrc;
    snprintf(desk->stream_group, sizeof desk->stream_group, "%s", s->group);
}

static void remember_receiver(struct desk *desk, const struct view *view)
{
    const struct view_receiver *r = desk_receiver(desk, view);

    desk->fixed = r && desk->selected > 0;
    if (!r)
        return;
    desk->receiver_ssrc = r->ssrc;
    snprintf(desk->receiver_name, sizeof desk->receiver_name, "%s", r->name);
}

static void find_stream(struct desk *desk, const struct view *view)
{
    for (size_t i = 0; i < view->streams; i++)
        if (view->stream[i].ssrc == desk->stream_ssrc && !strcmp(view->stream[i].group, desk->stream_group)) {
            desk->stream = i;
            return;
        }
    desk->stream = 0;
    remember_stream(desk, view);
}

static void find_receiver(struct desk *desk, const struct view_stream *s)
{
    desk->gone = false;
    for (size_t i = 0; i < desk->receivers; i++) {
        const struct view_receiver *r = &s->receiver[desk->order[i]];

        if (r->ssrc == desk->receiver_ssrc && !strcmp(r->name, desk->receiver_name)) {
            desk->selected = i;
            return;
        }
    }
    desk->gone = desk->page == DESK_RECEIVER || desk->below == DESK_RECEIVER;
    if (desk->selected >= desk->receivers)
        desk->selected = desk->receivers ? desk->receivers - 1 : 0;
}

int desk_arrange(struct desk *desk, const struct view *view)
{
    const struct view_stream *s;

    find_stream(desk, view);
    s = desk_stream(desk, view);
    if (!s) {
        desk->receivers = desk->selected = 0;
        desk->gone = desk->page == DESK_RECEIVER || desk->below == DESK_RECEIVER;
        return 0;
    }
    if (sort_receivers(desk, s) < 0)
        return -ENOMEM;
    if (desk->fixed || desk->page == DESK_RECEIVER || desk->below == DESK_RECEIVER)
        find_receiver(desk, s);
    else
        desk->selected = 0, desk->gone = false;
    return 0;
}

static void move(struct desk *desk, const struct view *view, enum desk_key key)
{
    bool list = desk->page == DESK_STREAM;
    size_t *at = list ? &desk->selected : &desk->top, step = desk->visible > 1 ? desk->visible - 1 : 1;
    size_t last = list ? (desk->receivers ? desk->receivers - 1 : 0) : SIZE_MAX / 2;

    switch (key) {
    case DESK_UP:
    case DESK_PAGE_UP:
        step = key == DESK_UP ? 1 : step;
        *at = *at > step ? *at - step : 0;
        break;
    case DESK_DOWN:
    case DESK_PAGE_DOWN:
        step = key == DESK_DOWN ? 1 : step;
        *at = *at + step < last ? *at + step : last;
        break;
    case DESK_HOME:
        *at = 0;
        break;
    default:
        *at = last;
    }
    if (list)
        remember_receiver(desk, view);
}

static void next_stream(struct desk *desk, const struct view *view)
{
    desk->stream = view->streams ? (desk->stream + 1) % view->streams : 0;
    desk->page = desk->below = DESK_STREAM;
    desk->selected = desk->top = 0;
    desk->fixed = desk->gone = false;
    remember_stream(desk, view);
}

/* Help and alarms lie over the page that was there; the same key leads back. */
static void turn_over(struct desk *desk, enum desk_page page)
{
    if (desk->page == page) {
        desk->page = desk->below;
        desk->below = DESK_STREAM;
    } else {
        if (desk->page == DESK_STREAM || desk->page == DESK_RECEIVER)
            desk->below = desk->page;
        desk->page = page;
    }
    desk->top = 0;
}

int desk_press(struct desk *desk, const struct view *view, enum desk_key key)
{
    switch (key) {
    case DESK_ENTER:
        if (desk->page == DESK_STREAM && desk_receiver(desk, view)) {
            remember_receiver(desk, view);
            desk->page = DESK_RECEIVER;
            desk->top = 0;
        }
        break;
    case DESK_BACK:
        if (desk->page == DESK_RECEIVER)
            desk->page = DESK_STREAM, desk->fixed = desk->selected > 0, desk->top = 0;
        else if (desk->page != DESK_STREAM)
            turn_over(desk, desk->page);
        break;
    case DESK_KEY_STREAM:
        next_stream(desk, view);
        break;
    case DESK_KEY_ALARMS:
        turn_over(desk, DESK_ALARMS);
        break;
    case DESK_KEY_HELP:
        turn_over(desk, DESK_HELP);
        break;
    case DESK_KEY_SORT:
        desk->sort = (desk->sort + 1) % DESK_SORTS;
        break;
    case DESK_KEY_PAUSE:
        desk->paused = !desk->paused;
        break;
    default:
        move(desk, view, key);
    }
    return desk_arrange(desk, view);
}
