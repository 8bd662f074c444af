// SPDX-License-Identifier: GPL-3.0-or-later
#include "printable.h"

#include <assert.h>
#include <stdint.h>

/*
 * RFC 3629 section 4. The limits of the second byte keep out longer forms than needed, surrogates, what is
 * above U+10FFFF, and the controls U+0080 to U+009F.
 */
size_t printable_character(const char *text, size_t len)
{
    uint8_t first = (uint8_t)text[0], second;
    uint8_t lowest = first == 0xc2 || first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t highest = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    size_t count = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (first < 0x80)
        return first >= 0x20 && first != 0x7f;
    if (first < 0xc2 || first > 0xf4 || count > len)
        return 0;
    second = (uint8_t)text[1];
    if (second < lowest || second > highest)
        return 0;
    for (size_t i = 2; i < count; i++)
        if ((uint8_t)text[i] >> 6 != 2)
            return 0;
    return count;
}

size_t printable_copy(char *to, size_t size, const char *from, size_t len)
{
    size_t used = 0, at = 0;

    assert(size >= 1);
    while (at < len) {
        size_t count = printable_character(from + at, len - at);

        if ((count > 0 ? count : 1) > size - 1 - used)
            break;
        if (count == 0) {
            to[used++] = '?';
            at++;
        }
        for (; count > 0; count--)
            to[used++] = from[at++];
    }
    to[used] = '\0';
    return used;
}
