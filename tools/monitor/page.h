// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A screenful as lines of text: what is seen of a view, at a desk, in so many columns and rows. Only lines
 * that are seen are made, however many receivers there are.
 *
 *     time, state of all, clock                      first row
 *     page: stream, receiver, alarms or help
 *     keys                                           last row
 */
#ifndef UNISONO_MONITOR_PAGE_H
#define UNISONO_MONITOR_PAGE_H

#include "desk.h"
#include "line.h"
#include "view.h"

/*
 * Makes `rows` >= 3 lines of `columns` >= 10. desk_arrange() must have been called with this view; here
 * desk->top and desk->visible are set, so that what is selected is seen. Times are of the local time zone.
 */
void page_draw(struct desk *desk, const struct view *view, struct line *lines, unsigned rows,
               unsigned columns, bool ascii);

/* ---- for the files of the pages -------------------------------------------------------------------------
 */

/* A part of the screen that is filled from above; lines beyond its end, or before what is scrolled to, go. */
struct sheet {
    struct line *lines, *scrap; /* scrap: one line to write into what is not seen */
    size_t rows, skip;
    size_t next; /* lines begun so far, seen or not */
    unsigned columns;
    bool ascii;
};

/* Begins the next line. */
struct line *sheet_line(struct sheet *sheet);

/* True when the next line would be seen. */
bool sheet_room(const struct sheet *sheet);

/* A text over as many lines as it takes, broken between words, each line indented. */
void sheet_words(struct sheet *sheet, unsigned indent, const char *text);

/*
 * A paragraph: fields that are kept whole, two spaces between them, over at most `lines_max` lines, of which
 * all but the first begin with two spaces. A field that does not fit into what is left is left out, unless
 * none fitted: then it is cut.
 */
struct flow {
    struct sheet *sheet;
    struct line *line;
    size_t lines_left;
};

void flow_begin(struct flow *flow, struct sheet *sheet, size_t lines_max);
__attribute__((format(printf, 3, 4))) void flow_field(struct flow *flow, enum look look, const char *format,
                                                      ...);

/* The clock in words: "locked", "domain 0", "grandmaster ...", "+0.1 us" */
void flow_clock(struct flow *flow, const struct view_clock *clock);

void page_stream(struct sheet *sheet, struct desk *desk, const struct view *view);
void page_receiver(struct sheet *sheet, const struct desk *desk, const struct view *view);
void page_alarms(struct sheet *sheet, const struct view *view);
void page_help(struct sheet *sheet);

/* One alarm in one line. */
void alarm_line(struct line *line, const struct view *view, const struct view_alarm *alarm);

/* "well", "NOTE", "WARNING", "ALARM", and how it looks. */
const char *level_word(enum view_level level);
enum look level_look(enum view_level level);

/* "-" for what is empty. */
const char *or_dash(const char *text);

#endif
