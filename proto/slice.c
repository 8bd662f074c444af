// SPDX-License-Identifier: GPL-3.0-or-later
#include "slice.h"

#include <string.h>

bool slice_equals(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool slice_equals_nocase(struct slice a, struct slice b)
{
    for (size_t i = 0; i < a.len && i < b.len; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return a.len == b.len;
}

bool slice_skip(struct slice *text, struct slice prefix)
{
    if (text->len < prefix.len || memcmp(text->at, prefix.at, prefix.len) != 0)
        return false;
    *text = (struct slice){text->at + prefix.len, text->len - prefix.len};
    return true;
}

struct slice slice_cut(struct slice *text, char separator, bool *found)
{
    struct slice head = {text->at, 0};
    size_t taken;

    while (head.len < text->len && text->at[head.len] != separator)
        head.len++;
    *found = head.len < text->len;
    taken = head.len + *found;
    if (taken) /* of an empty piece `at` means nothing: it may be NULL, to which not even 0 may be added */
        text->at += taken;
    text->len -= taken;
    return head;
}

struct slice slice_word(struct slice *text)
{
    bool found;

    while (slice_skip(text, SLICE(" ")))
        ;
    return slice_cut(text, ' ', &found);
}

bool slice_number(struct slice text, uint64_t max, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)(text.at[i] - '0');

        if (text.at[i] < '0' || text.at[i] > '9' || digit > max || *number > (max - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    return text.len > 0;
}

struct slice slice_trim(struct slice text)
{
    while (slice_skip(&text, SLICE(" ")))
        ;
    while (text.len > 0 && text.at[text.len - 1] == ' ')
        text.len--;
    return text;
}

bool slice_decimal(struct slice text, double *number)
{
    bool negative = slice_skip(&text, SLICE("-")), point = false;
    uint64_t digits = 0, divisor = 1;
    unsigned count = 0;

    if (!negative)
        slice_skip(&text, SLICE("+"));
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (text.at[i] < '0' || text.at[i] > '9' || ++count > 15)
            return false;
        digits = digits * 10 + (unsigned)(text.at[i] - '0');
        divisor *= point ? 10 : 1;
    }
    *number = (double)digits / (double)divisor * (negative ? -1 : 1); /* both exact: one rounding */
    return count > 0;
}

bool slice_ipv4(struct slice text, struct in_addr *address)
{
    uint8_t bytes[4];

    for (unsigned i = 0; i < 4; i++) {
        bool dot;
        struct slice part = slice_cut(&text, '.', &dot);
        uint64_t number;

        if (!slice_number(part, 255, &number) || (part.len > 1 && part.at[0] == '0') || dot != (i < 3))
            return false;
        bytes[i] = (uint8_t)number;
    }
    memcpy(address, bytes, sizeof bytes);
    return true;
}

bool slice_has_letter(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (lower(text.at[i]) >= 'a' && lower(text.at[i]) <= 'z')
            return true;
    return false;
}

bool slice_octets(struct slice text, unsigned octets, uint64_t *number)
{
    *number = 0;
    if (text.len != (size_t)octets * 3 - 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = lower(text.at[i]);

        if (i % 3 == 2 && c == '-')
            continue;
        if (i % 3 == 2 || !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        *number = *number << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
}
