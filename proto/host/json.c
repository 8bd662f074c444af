// SPDX-License-Identifier: GPL-3.0-or-later
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "proto/printable.h"

/* The character of UTF-8 that `text` begins with, or a '?' for a byte that is none. Returns the bytes taken.
 */
static size_t put_character(FILE *out, const char *text)
{
    size_t len = printable_character(text, strnlen(text, 4));

    if (len > 0)
        fwrite(text, 1, len, out);
    else
        fputc('?', out);
    return len > 0 ? len : 1;
}

static void put_text(const struct json *j, const char *text)
{
    FILE *out = j->out;

    fputc('"', out);
    while (*text) {
        unsigned char c = (unsigned char)*text;

        if (c > 0x7f && j->compact) {
            text += put_character(out, text);
            continue;
        }
        text++;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c > 0x7e)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void begin(struct json *j, const char *name)
{
    if (j->more)
        fputc(',', j->out);
    if (j->depth && !j->compact)
        fprintf(j->out, "\n%*s", (int)j->depth * 2, "");
    if (name) {
        put_text(j, name);
        fputs(": ", j->out);
    }
    j->more = true;
}

void json_open(struct json *j, const char *name, char bracket)
{
    begin(j, name);
    fputc(bracket, j->out);
    j->depth++;
    j->more = false;
}

void json_close(struct json *j, char bracket)
{
    j->depth--;
    if (!j->compact)
        fprintf(j->out, "\n%*s", (int)j->depth * 2, "");
    fputc(bracket, j->out);
    j->more = true;
    if (!j->depth)
        fputc('\n', j->out);
}

void json_text(struct json *j, const char *name, const char *value)
{
    begin(j, name);
    put_text(j, value);
}

void json_flag(struct json *j, const char *name, bool value)
{
    begin(j, name);
    fputs(value ? "true" : "false", j->out);
}

void json_count(struct json *j, const char *name, uint64_t value)
{
    begin(j, name);
    fprintf(j->out, "%" PRIu64, value);
}

void json_whole(struct json *j, const char *name, int64_t value)
{
    begin(j, name);
    fprintf(j->out, "%" PRId64, value);
}

void json_real(struct json *j, const char *name, double value)
{
    if (!isfinite(value)) {
        json_null(j, name);
        return;
    }
    begin(j, name);
    fprintf(j->out, "%.10g", value);
}

void json_null(struct json *j, const char *name)
{
    begin(j, name);
    fputs("null", j->out);
}
