// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * One line of a terminal as text with looks: what is written into it never takes more columns than it has,
 * whatever names strangers gave themselves. No terminal is touched here.
 *
 * A column is what wcwidth(3) counts. Double-width characters take two; of combining characters two stay with
 * the one before them, the others go; characters that only steer (direction marks, joiners, variation
 * selectors, tags) go, for terminals disagree on their width; what has no known width becomes '?'. For a
 * terminal without UTF-8 each character beyond ASCII becomes '?'.
 */
#ifndef UNISONO_MONITOR_LINE_H
#define UNISONO_MONITOR_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_SIZE  2048 /* bytes, with the closing zero */
#define LINE_SPANS 32

/* Colour and bold, which repeat what the words say already. */
enum look { LOOK_PLAIN, LOOK_BOLD, LOOK_WELL, LOOK_NOTE, LOOK_WARNING, LOOK_ALARM, LOOK_HEADING };

struct line {
    unsigned columns; /* there are */
    unsigned used;    /* of them */
    bool ascii;
    bool selected; /* the whole line stands out */
    size_t length; /* of the text, bytes */
    char text[LINE_SIZE];
    unsigned spans; /* each from its first byte to where the next begins; the first begins at 0 */
    struct line_span {
        size_t from;
        enum look look;
    } span[LINE_SPANS];
};

/* An empty line. Unless `ascii`, LC_CTYPE must be a UTF-8 locale. */
void line_begin(struct line *line, unsigned columns, bool ascii);

/* How what follows looks. Without room for another span the look stays. */
void line_look(struct line *line, enum look look);

/* Appends the text in at most `columns`, and at most as many as are left; what was cut ends with '~'. */
void line_text(struct line *line, const char *text, unsigned columns);

/* Appends as much as there is room for. */
__attribute__((format(printf, 2, 3))) void line_add(struct line *line, const char *format, ...);

/*
 * Appends two spaces, unless the line is empty, and the whole text; or nothing when there is not room for all
 * of it. Returns whether it did.
 */
__attribute__((format(printf, 2, 3))) bool line_field(struct line *line, const char *format, ...);

/* Appends spaces up to `column`, which is no more than line->columns. */
void line_pad(struct line *line, unsigned column);

/* The columns that a text would take. */
unsigned line_width_of(const char *text, bool ascii);

#endif
