// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * JSON (RFC 8259), written as it comes: objects in objects, a member a line unless compact. A name is given
 * inside objects, NULL inside arrays. The output is valid whatever a text holds: bytes that are not printable
 * ASCII come out as \u00XX; compact, UTF-8 stands as it is, and a byte that is none becomes a '?'.
 */
#ifndef UNISONO_JSON_H
#define UNISONO_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    unsigned depth;
    bool more;    /* a comma is due before the next one */
    bool compact; /* all in one line */
};

void json_open(struct json *json, const char *name, char bracket); /* '{' or '[' */
void json_close(struct json *json, char bracket);                  /* '}' or ']' */
void json_text(struct json *json, const char *name, const char *value);
void json_flag(struct json *json, const char *name, bool value);
void json_count(struct json *json, const char *name, uint64_t value);
void json_whole(struct json *json, const char *name, int64_t value);
void json_real(struct json *json, const char *name, double value); /* null, when it is no number */
void json_null(struct json *json, const char *name);

#endif
