// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Pieces of a text that belongs to somebody else: a place in it and a length, no closing zero. Pure; nothing
 * is copied, and nothing beyond the piece is read.
 */
#ifndef UNISONO_SLICE_H
#define UNISONO_SLICE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
    const char *at; /* means nothing while len is 0 */
    size_t len;     /* bytes */
};

/* A string literal as a slice. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

bool slice_equals(struct slice a, struct slice b);

/* Without regard to the case of ASCII letters. */
bool slice_equals_nocase(struct slice a, struct slice b);

/* Whether there is an ASCII letter. */
bool slice_has_letter(struct slice text);

/* Whether *text begins with `prefix`; if so, it is cut off. */
bool slice_skip(struct slice *text, struct slice prefix);

/*
 * Cuts *text in two at the first `separator`, which is in neither: returns what stands before, and leaves
 * what stands behind. Without a separator *found is false, all is returned and *text is empty.
 */
struct slice slice_cut(struct slice *text, char separator, bool *found);

/* The next word of *text, which is left behind the space that ends it; empty when there is none. Several
 * spaces are as one. */
struct slice slice_word(struct slice *text);

/* All of `text` is decimal digits, at least one, and their number is at most `max`. *number is undefined when
 * it is false, here and below. */
bool slice_number(struct slice text, uint64_t max, uint64_t *number);

/*
 * All of `text` is a number in plain decimal notation: a sign or none, up to 15 digits, a point among or
 * before them or none. The nearest double.
 */
bool slice_decimal(struct slice text, double *number);

/* `text` without the blanks at its ends. */
struct slice slice_trim(struct slice text);

/* All of `text` is an IPv4 address: four numbers, without leading zeros, which some read as octal. */
bool slice_ipv4(struct slice text, struct in_addr *address);

/* All of `text` is `octets` (1..8) octets in two hexadecimal digits each, with - between. The first one is
 * the highest of the number. */
bool slice_octets(struct slice text, unsigned octets, uint64_t *number);

#endif
