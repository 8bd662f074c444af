// SPDX-License-Identifier: GPL-3.0-or-later
/* Text of strangers: what gets through, what becomes a '?', where it is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/printable.h"

#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define BYTES(literal) literal, sizeof(literal) - 1

static void check(const char *from, size_t len, size_t size, const char *want)
{
    char *text = malloc(len ? len : 1), *to = malloc(size); /* exact: what goes beyond is seen */

    assert_non_null(text);
    assert_non_null(to);
    memcpy(text, from, len);
    assert_int_equal(printable_copy(to, size, text, len), strlen(want));
    assert_string_equal(to, want);
    free(text);
    free(to);
}

static void test_characters(void **state)
{
    static const struct {
        const char *from;
        size_t len;
        const char *want;
    } cases[] = {
        {BYTES(""), ""},
        {BYTES(" az~"), " az~"},
        {BYTES("\0\n\x1b\x1f\x7f"), "?????"},
        {BYTES("\xc2\xa0\xc3\xa4\xdf\xbf"), "\xc2\xa0\xc3\xa4\xdf\xbf"},
        {BYTES("\xc2\x80\xc2\x9f"), "????"}, /* U+0080, U+009F */
        {BYTES("\xe0\xa0\x80\xef\xbf\xbf"), "\xe0\xa0\x80\xef\xbf\xbf"},
        {BYTES("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
        {BYTES("\xc0\xaf\xc1\xbf"), "????"}, /* longer than needed */
        {BYTES("\xe0\x9f\xbf"), "???"},
        {BYTES("\xf0\x8f\xbf\xbf"), "????"},
        {BYTES("\xed\xa0\x80"), "???"},           /* a surrogate */
        {BYTES("\xf4\x90\x80\x80\xf5"), "?????"}, /* above U+10FFFF */
        {BYTES("\xc3"), "?"},
        {BYTES("\xe2\x82"), "??"},
        {BYTES("\xf0\x9f\x8e"), "???"},
        {BYTES("\xc3z\xe2\x82z"), "?z"
                                  "??z"},
        {BYTES("\xbf\x80z"), "??z"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check(cases[i].from, cases[i].len, cases[i].len + 1, cases[i].want);
}

static void test_cut(void **state)
{
    (void)state;
    check(BYTES("abc"), 1, "");
    check(BYTES("abc"), 3, "ab");
    check(BYTES("abc"), 4, "abc");
    check(BYTES("\n\n"), 2, "?");
    check(BYTES("a\xc3\xa4"), 3, "a");
    check(BYTES("a\xc3\xa4"), 4, "a\xc3\xa4");
    check(BYTES("\xf0\x9f\x8e\xb5z"), 4, "");
    check(BYTES("\xf0\x9f\x8e\xb5z"), 5, "\xf0\x9f\x8e\xb5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
