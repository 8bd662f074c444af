// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What whoever sits at the terminal has chosen to see: page, stream, receiver, order. What is selected stays
 * selected when the order changes: a receiver is found again by SSRC and name, a stream by SSRC and group.
 */
#ifndef UNISONO_MONITOR_DESK_H
#define UNISONO_MONITOR_DESK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "view.h"

enum desk_page { DESK_STREAM, DESK_RECEIVER, DESK_ALARMS, DESK_HELP };

enum desk_sort { DESK_BY_TROUBLE, DESK_BY_NAME, DESK_BY_ERROR, DESK_BY_HEADROOM, DESK_SORTS };

enum desk_key {
    DESK_UP,
    DESK_DOWN,
    DESK_PAGE_UP,
    DESK_PAGE_DOWN,
    DESK_HOME,
    DESK_END,
    DESK_ENTER,
    DESK_BACK,
    DESK_KEY_STREAM, /* the next one */
    DESK_KEY_ALARMS,
    DESK_KEY_SORT,
    DESK_KEY_PAUSE,
    DESK_KEY_HELP,
};

struct desk {
    enum desk_page page, below; /* below: where help and alarms lead back to */
    enum desk_sort sort;
    bool paused;
    enum view_level now; /* of the newest view, though another is shown while paused */

    size_t stream; /* place in view->stream; 0 when there is none */
    uint32_t stream_ssrc;
    char stream_group[24];

    size_t *order; /* places in stream->receiver, as shown */
    size_t room, receivers;
    size_t selected; /* place in `order` */
    uint32_t receiver_ssrc;
    char receiver_name[VIEW_NAME_SIZE];
    bool gone;  /* the receiver of the page DESK_RECEIVER is no more */
    bool fixed; /* the receiver above was chosen; else the first is selected, whoever it is */

    /* set by page_draw() */
    size_t top;     /* first line that is shown of receivers, or of a text */
    size_t visible; /* how many are shown */
};

/* All 0 is a desk. */
void desk_free(struct desk *desk);

/* Takes a new view, or the same after another choice: finds again what was selected. 0 or -ENOMEM. */
int desk_arrange(struct desk *desk, const struct view *view);

/* Takes a key. desk_arrange() must have been called with this view. 0 or -ENOMEM. */
int desk_press(struct desk *desk, const struct view *view, enum desk_key key);

/* The stream and the receiver that are selected; NULL when there is none. */
const struct view_stream *desk_stream(const struct desk *desk, const struct view *view);
const struct view_receiver *desk_receiver(const struct desk *desk, const struct view *view);

/* "trouble", "name", "error", "headroom" */
const char *desk_sort_word(enum desk_sort sort);

#endif
