// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What a program answered: a line of JSON (RFC 8259), an object. Whoever made the socket wrote it, so nothing
 * is taken for granted.
 */
#ifndef UNISONO_ANSWER_H
#define UNISONO_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * The member `name` of the outermost object, a text without its quotes and escapes, or another value as it
 * stands; printable, cut at `size`. False: there is none, or this is no JSON.
 */
bool answer_member(const char *json, const char *name, char *value, size_t size);

/*
 * For people: a member a line, its unit behind the number instead of in the name; "ok" is left out. False:
 * this is no JSON, and what was printed is not all.
 */
bool answer_print(FILE *out, const char *json);

#endif
