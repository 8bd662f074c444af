// SPDX-License-Identifier: GPL-3.0-or-later
#include "line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

enum { COMBINING_MAX = 2 };

/* One character of a text, and what is to be shown for it. */
struct glyph {
    size_t taken; /* bytes of the text */
    const char *bytes;
    size_t len;
    unsigned width;
};

static bool only_steers(wchar_t c)
{
    static const struct {
        wchar_t first, last;
    } range[] = {{0xad, 0xad},     {0x34f, 0x34f},   {0x61c, 0x61c},     {0x180b, 0x180f},
                 {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},   {0xfe00, 0xfe0f},
                 {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};

    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        if (c >= range[i].first && c <= range[i].last)
            return true;
    return false;
}

static struct glyph unknown(size_t taken)
{
    return (struct glyph){.taken = taken, .bytes = "?", .len = 1, .width = 1};
}

/* `combining`: how many the character before has already; -1 when there is none before. */
static struct glyph glyph_at(const char *text, bool ascii, int *combining)
{
    unsigned char first = (unsigned char)*text;
    mbstate_t state = {0};
    wchar_t c;
    size_t taken;
    int width;

    if (first < 0x80) {
        *combining = 0;
        return first < 0x20 || first == 0x7f ? unknown(1) : (struct glyph){1, text, 1, 1};
    }
    if (ascii) {
        for (taken = 1; (unsigned char)text[taken] >> 6 == 2;)
            taken++;
        return unknown(taken);
    }
    taken = mbrtowc(&c, text, strlen(text), &state);
    if (taken == (size_t)-1 || taken == (size_t)-2)
        return unknown(1);
    if (only_steers(c))
        return (struct glyph){.taken = taken, .bytes = text};
    width = wcwidth(c);
    if (width < 0)
        return unknown(taken);
    if (width > 0) {
        *combining = 0;
        return (struct glyph){taken, text, taken, (unsigned)width};
    }
    if (*combining < 0 || *combining >= COMBINING_MAX)
        return (struct glyph){.taken = taken, .bytes = text};
    (*combining)++;
    return (struct glyph){taken, text, taken, 0};
}

void line_begin(struct line *line, unsigned columns, bool ascii)
{
    line->columns = columns;
    line->ascii = ascii;
    line->used = 0;
    line->selected = false;
    line->length = 0;
    line->text[0] = '\0';
    line->span[0] = (struct line_span){0, LOOK_PLAIN};
    line->spans = 1;
}

void line_look(struct line *line, enum look look)
{
    struct line_span *last = &line->span[line->spans - 1];

    if (last->look == look)
        return;
    if (last->from == line->length)
        last->look = look;
    else if (line->spans < LINE_SPANS)
        line->span[line->spans++] = (struct line_span){line->length, look};
}

/* Appends what fits into `columns`; the columns it took. */
static unsigned append(struct line *line, const char *text, unsigned columns)
{
    unsigned left = columns;
    int combining = -1;

    while (*text) {
        struct glyph g = glyph_at(text, line->ascii, &combining);

        if (g.width > left || g.len >= LINE_SIZE - line->length)
            break;
        memcpy(line->text + line->length, g.bytes, g.len);
        line->length += g.len;
        left -= g.width;
        text += g.taken;
    }
    line->text[line->length] = '\0';
    line->used += columns - left;
    return columns - left;
}

void line_text(struct line *line, const char *text, unsigned columns)
{
    unsigned room = line->columns - line->used;

    if (columns > room)
        columns = room;
    if (columns == 0)
        return;
    if (line_width_of(text, line->ascii) <= columns) {
        append(line, text, columns);
        return;
    }
    append(line, text, columns - 1);
    append(line, "~", 1);
}

void line_add(struct line *line, const char *format, ...)
{
    char text[LINE_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    line_text(line, text, line->columns);
}

bool line_field(struct line *line, const char *format, ...)
{
    char text[LINE_SIZE];
    unsigned space = line->used ? 2 : 0;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (line_width_of(text, line->ascii) + space > line->columns - line->used)
        return false;
    line_pad(line, line->used + space);
    append(line, text, line->columns - line->used);
    return true;
}

void line_pad(struct line *line, unsigned column)
{
    while (line->used < column && line->used < line->columns && line->length < LINE_SIZE - 1) {
        line->text[line->length++] = ' ';
        line->used++;
    }
    line->text[line->length] = '\0';
}

unsigned line_width_of(const char *text, bool ascii)
{
    unsigned width = 0;
    int combining = -1;

    while (*text) {
        struct glyph g = glyph_at(text, ascii, &combining);

        width += g.width;
        text += g.taken;
    }
    return width;
}
