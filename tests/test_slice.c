// SPDX-License-Identifier: GPL-3.0-or-later
/* Pieces of text: words, numbers, addresses, and everything that is nearly one. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "proto/slice.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct slice of(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static void assert_slice(struct slice got, const char *want)
{
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.at, want, got.len);
}

static void test_equality(void **state)
{
    struct slice text = SLICE("ptp=x");

    (void)state;
    assert_true(slice_equals(SLICE("a"), SLICE("a")));
    assert_true(slice_equals((struct slice){NULL, 0}, SLICE("")));
    assert_false(slice_equals(SLICE("a"), SLICE("A")));
    assert_false(slice_equals(SLICE("a"), SLICE("ab")));
    assert_true(slice_equals_nocase(SLICE("l24["), SLICE("L24[")));
    assert_false(slice_equals_nocase(SLICE("["), SLICE("{")));
    assert_false(slice_equals_nocase(SLICE("L2"), SLICE("L24")));
    assert_true(slice_has_letter(SLICE("1.z")));
    assert_false(slice_has_letter(SLICE("1.2:[@`{")));
    assert_false(slice_skip(&text, SLICE("ptp=xy")));
    assert_false(slice_skip(&text, SLICE("PTP")));
    assert_slice(text, "ptp=x");
    assert_true(slice_skip(&text, SLICE("ptp=")));
    assert_slice(text, "x");
    assert_true(slice_skip(&text, SLICE("x")));
    assert_int_equal(text.len, 0);
    assert_false(slice_skip(&text, SLICE("x")));
}

static void test_cutting(void **state)
{
    struct slice text = SLICE("a:b::"), words = SLICE("  one two   three");
    struct slice nothing = {NULL, 0};
    bool found;

    (void)state;
    assert_slice(slice_cut(&text, ':', &found), "a");
    assert_slice(slice_cut(&text, ':', &found), "b");
    assert_slice(slice_cut(&text, ':', &found), "");
    assert_true(found);
    assert_int_equal(text.len, 0);
    assert_slice(slice_cut(&text, ':', &found), "");
    assert_false(found);
    assert_int_equal(slice_cut(&nothing, ':', &found).len, 0);
    assert_false(found);
    assert_int_equal(nothing.len, 0);

    assert_slice(slice_word(&words), "one");
    assert_slice(words, "two   three");
    assert_slice(slice_word(&words), "two");
    assert_slice(slice_word(&words), "three");
    assert_slice(slice_word(&words), "");
    assert_slice(slice_word(&words), "");
}

static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        uint64_t max;
        bool taken;
        uint64_t number;
    } cases[] = {
        {"0", 0, true, 0},
        {"000", 0, true, 0},
        {"5", 4, false, 0},
        {"5", 5, true, 5},
        {"255", 255, true, 255},
        {"256", 255, false, 0},
        {"2550", 255, false, 0},
        {"0255", 255, true, 255},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"99999999999999999999999", UINT64_MAX, false, 0},
        {"", 9, false, 0},
        {"-1", 9, false, 0},
        {"+1", 9, false, 0},
        {" 1", 9, false, 0},
        {"1 ", 9, false, 0},
        {"0x1", 9, false, 0},
        {"\xb1", 9, false, 0},
    };
    uint64_t number;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(slice_number(of(cases[i].text), cases[i].max, &number), cases[i].taken);
        if (cases[i].taken)
            assert_int_equal(number, cases[i].number);
    }
}

static void test_addresses(void **state)
{
    static const char *const addresses[] = {"0.0.0.0", "239.69.83.1", "255.255.255.255", "10.0.100.9"};
    static const char *const others[] = {"",         "1.2.3",    "1.2.3.",    "1.2.3.4.",  "1.2.3.4.5",
                                         ".1.2.3",   "1..2.3",   "1.2.3.x",   "1.2.3.256", "01.2.3.4",
                                         "1.2.3.-4", "1.2.3.4 ", "1.2.3.4/5", "::1",       "16909060"};
    struct in_addr address;

    (void)state;
    for (size_t i = 0; i < COUNT(addresses); i++) {
        assert_true(slice_ipv4(of(addresses[i]), &address));
        assert_int_equal(address.s_addr, inet_addr(addresses[i]));
    }
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(slice_ipv4(of(others[i]), &address));
}

static void test_octets(void **state)
{
    static const char *const others[] = {"",         "00-1D",    "00-1D-C",   "00-1D-C1-", "00-1D-C1-FF",
                                         "00:1D:C1", "00-1D-CG", "-00-1D-C1", "0-01D-C1",  "00 1D C1",
                                         "00-1D--1", "00A1DBC1"};
    uint64_t number;

    (void)state;
    assert_true(slice_octets(of("00-1d-C1"), 3, &number));
    assert_int_equal(number, 0x001dc1);
    assert_true(slice_octets(of("F0-1D-C1-FF-FE-09-af-99"), 8, &number));
    assert_int_equal(number, 0xf01dc1fffe09af99);
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(slice_octets(of(others[i]), 3, &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equality),  cmocka_unit_test(test_cutting), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_octets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
