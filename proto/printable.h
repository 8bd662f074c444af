// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Text that strangers wrote, made fit for a terminal and a log. Pure.
 */
#ifndef UNISONO_PRINTABLE_H
#define UNISONO_PRINTABLE_H

#include <stddef.h>

/*
 * The bytes of the UTF-8 character at the beginning of `text`, of `len` >= 1 bytes; 0 when there is none, or
 * a control character (escape, line feed, U+0080 to U+009F).
 */
size_t printable_character(const char *text, size_t len);

/*
 * Copies `len` bytes of `from` to the `size` >= 1 bytes at `to`, and a closing zero behind. Each byte that is
 * not part of a UTF-8 character, or of a control character, becomes a '?'; the rest stays as it is. What does
 * not fit is cut at the end of a character. Returns the bytes written without the zero. They may not overlap.
 */
size_t printable_copy(char *to, size_t size, const char *from, size_t len);

#endif
