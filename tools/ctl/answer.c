// SPDX-License-Identifier: GPL-3.0-or-later
#include "answer.h"

#include <string.h>

#include "proto/printable.h"

enum { DEPTH_MAX = 8, TEXT_SIZE = 2048, NAME_SIZE = 64 };

struct reader {
    const char *at;
};

/* What a value is printed with. */
struct place {
    FILE *out; /* NULL: it is passed over */
    unsigned depth;
    bool first; /* behind the dash of an array */
};

static void skip_blanks(struct reader *r)
{
    r->at += strspn(r->at, " \t\r\n");
}

static bool take(struct reader *r, char sign)
{
    skip_blanks(r);
    if (*r->at != sign)
        return false;
    r->at++;
    return true;
}

/* \u00XX as one byte; all that is beyond Latin-1 becomes a question mark. */
static bool read_hex(struct reader *r, char *c)
{
    unsigned value = 0;

    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef";
        char lower = (char)(r->at[i] >= 'A' && r->at[i] <= 'F' ? r->at[i] - 'A' + 'a' : r->at[i]);
        const char *digit = lower ? strchr(digits, lower) : NULL;

        if (!digit)
            return false;
        value = value * 16 + (unsigned)(digit - digits);
    }
    r->at += 4;
    *c = (char)(value > 0 && value < 0x80 ? value : '?');
    return true;
}

static bool read_escape(struct reader *r, char *c)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *known;

    if (*r->at == '\0')
        return false;
    if (*r->at == 'u') {
        r->at++;
        return read_hex(r, c);
    }
    known = strchr(from, *r->at++);
    if (known)
        *c = to[known - from];
    return known != NULL;
}

/* Behind its first quote. Printable, cut at `size`. */
static bool read_text(struct reader *r, char *text, size_t size)
{
    char raw[TEXT_SIZE];
    size_t len = 0;

    while (*r->at != '"') {
        char c = *r->at++;

        if (c == '\0' || (c == '\\' && !read_escape(r, &c)))
            return false;
        if (len < sizeof raw)
            raw[len++] = c;
    }
    r->at++;
    printable_copy(text, size, raw, len);
    return true;
}

/* A number, true, false, null. */
static bool read_word(struct reader *r, char *text, size_t size)
{
    size_t len = strspn(r->at, "+-.0123456789abcdefghijklmnopqrstuvwxyzE");

    printable_copy(text, size, r->at, len);
    r->at += len;
    return len > 0;
}

static void print_head(struct place *p)
{
    fprintf(p->out, "%*s%s", (int)(2 * p->depth) - (p->first ? 2 : 0), "", p->first ? "- " : "");
    p->first = false;
}

/* "gain_db" and "-6" as "gain: -6 dB" */
static void print_member(struct place *p, const char *name, const char *value, bool number)
{
    static const char *const units[][2] = {{"_db", "dB"}, {"_ms", "ms"}, {"_us", "us"}, {"_ns", "ns"},
                                           {"_hz", "Hz"}, {"_c", "C"},   {"_s", "s"},   {"_ppm", "ppm"}};
    const char *unit = NULL;
    size_t len = strlen(name);

    for (size_t i = 0; number && !unit && i < sizeof units / sizeof *units; i++) {
        size_t end = strlen(units[i][0]);

        if (len > end && strcmp(name + len - end, units[i][0]) == 0) {
            unit = units[i][1];
            len -= end;
        }
    }
    print_head(p);
    for (size_t i = 0; i < len; i++)
        fputc(name[i] == '_' ? ' ' : name[i], p->out);
    fprintf(p->out, ": %s%s%s\n", value, unit ? " " : "", unit ? unit : "");
}

static bool read_value(struct reader *r, struct place *p, const char *name, unsigned nesting);

static bool read_object(struct reader *r, struct place *p, unsigned nesting)
{
    char name[NAME_SIZE];

    if (take(r, '}'))
        return true;
    do {
        if (!take(r, '"') || !read_text(r, name, sizeof name) || !take(r, ':') ||
            !read_value(r, p, name, nesting))
            return false;
    } while (take(r, ','));
    return take(r, '}');
}

static bool read_array(struct reader *r, struct place *p, unsigned nesting)
{
    if (take(r, ']'))
        return true;
    do {
        p->first = true;
        if (!read_value(r, p, NULL, nesting))
            return false;
    } while (take(r, ','));
    p->first = false;
    return take(r, ']');
}

static bool read_nested(struct reader *r, struct place *p, const char *name, unsigned nesting)
{
    struct place inner = *p;
    bool object = *r->at++ == '{', whole;

    if (nesting == DEPTH_MAX)
        return false;
    if (p->out && name) {
        print_head(p);
        fprintf(p->out, "%s:\n", name);
        inner.first = false;
    }
    inner.depth += name != NULL && !object ? 2 : name != NULL;
    whole = object ? read_object(r, &inner, nesting + 1) : read_array(r, &inner, nesting + 1);
    return whole;
}

static bool read_value(struct reader *r, struct place *p, const char *name, unsigned nesting)
{
    char value[TEXT_SIZE];
    bool text;

    skip_blanks(r);
    if (*r->at == '{' || *r->at == '[')
        return read_nested(r, p, name, nesting);
    text = take(r, '"');
    if (text ? !read_text(r, value, sizeof value) : !read_word(r, value, sizeof value))
        return false;
    if (!p->out || (nesting == 1 && name && strcmp(name, "ok") == 0))
        return true;
    if (!text && strcmp(value, "true") == 0)
        print_member(p, name ? name : "", "yes", false);
    else if (!text && strcmp(value, "false") == 0)
        print_member(p, name ? name : "", "no", false);
    else if (name)
        print_member(p, name, value, !text);
    else {
        print_head(p);
        fprintf(p->out, "%s\n", value);
    }
    return true;
}

bool answer_print(FILE *out, const char *json)
{
    struct reader r = {json};
    struct place p = {.out = out};

    skip_blanks(&r);
    if (*r.at != '{' || !read_value(&r, &p, NULL, 0))
        return false;
    skip_blanks(&r);
    return *r.at == '\0';
}

bool answer_member(const char *json, const char *wanted, char *value, size_t size)
{
    struct reader r = {json};
    struct place nowhere = {.out = NULL};
    char name[NAME_SIZE];

    if (!take(&r, '{'))
        return false;
    do {
        if (!take(&r, '"') || !read_text(&r, name, sizeof name) || !take(&r, ':'))
            return false;
        skip_blanks(&r);
        if (strcmp(name, wanted) == 0)
            return take(&r, '"') ? read_text(&r, value, size) : read_word(&r, value, size);
        if (!read_value(&r, &nowhere, name, 1))
            return false;
    } while (take(&r, ','));
    return false;
}
