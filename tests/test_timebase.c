// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The time domains, against exact arithmetic of 128 bits: far beyond today's date, before the epoch, and at
 * every edge where a rounding could go the other way.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "proto/timebase.h"

static const uint32_t rates[] = {8000, 11025, 22050, 32000, 44100, 48000, 88200, 96000, 176400, 192000, 1};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define TODAY        INT64_C(1795000000123456789)
#define FAR          INT64_C(4611686018427387904) /* 2^62 ns: the year 2116 */

static uint64_t random_state = 20261121;

static int64_t random_bits(unsigned bits)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (int64_t)(random_state >> (64 - bits));
}

/* Instants of every size, both signs, and the neighbourhood of the corners. */
static int64_t some_instant(int i)
{
    static const int64_t corners[] = {0,      NS_PER_S, -NS_PER_S, TODAY,
                                      -TODAY, FAR,      -FAR,      FAR - 1,
                                      1,      -1,       FAR / 2,   INT64_C(4294967296) * NS_PER_S};

    if (i % 2)
        return corners[(size_t)(i / 2) % COUNT(corners)] + random_bits(12) - 2048;
    return random_bits(1 + (unsigned)(i / 2) % 62) * (i % 4 ? 1 : -1);
}

/* The definition itself: m <= t * rate / 1e9 < m + 1. */
static void media_at_ptp_is_the_floor(void **state)
{
    (void)state;
    for (size_t r = 0; r < COUNT(rates); r++)
        for (int i = 0; i < 4000; i++) {
            ptp_ns t = {some_instant(i)};
            __int128 product = (__int128)t.ns * rates[r];
            __int128 m = media_at_ptp(t, rates[r]).n;

            assert_true(m * NS_PER_S <= product && product < (m + 1) * NS_PER_S);
        }
}

static void media_at_ptp_of_known_instants(void **state)
{
    (void)state;
    assert_int_equal(media_at_ptp((ptp_ns){0}, 48000).n, 0);
    assert_int_equal(media_at_ptp((ptp_ns){20833}, 48000).n, 0);
    assert_int_equal(media_at_ptp((ptp_ns){20834}, 48000).n, 1);
    assert_int_equal(media_at_ptp((ptp_ns){-1}, 48000).n, -1);
    assert_int_equal(media_at_ptp((ptp_ns){-20833}, 48000).n, -1);
    assert_int_equal(media_at_ptp((ptp_ns){-20834}, 48000).n, -2);
    assert_int_equal(media_at_ptp((ptp_ns){-NS_PER_S}, 44100).n, -44100);
    /* computed with a calculator of arbitrary precision */
    assert_int_equal(media_at_ptp((ptp_ns){1795000000123456789}, 48000).n, INT64_C(86160000005925));
    assert_int_equal(media_at_ptp((ptp_ns){1795000000123456789}, 44100).n, INT64_C(79159500005444));
    assert_int_equal(media_at_ptp((ptp_ns){FAR}, 96000).n, INT64_C(442721857769029));
    assert_int_equal(media_at_ptp((ptp_ns){-FAR}, 96000).n, INT64_C(-442721857769030));
}

/* ceil(m / rate): at or after the true instant, by less than a nanosecond. */
static void ptp_at_media_is_the_ceiling(void **state)
{
    (void)state;
    for (size_t r = 0; r < COUNT(rates); r++)
        for (int i = 0; i < 4000; i++) {
            media_t m = media_at_ptp((ptp_ns){some_instant(i)}, rates[r]);
            __int128 late = (__int128)ptp_at_media(m, rates[r]).ns * rates[r] - (__int128)m.n * NS_PER_S;

            assert_true(late >= 0 && late < rates[r]);
        }
}

static void samples_survive_the_round_trip(void **state)
{
    (void)state;
    for (size_t r = 0; r < COUNT(rates); r++)
        for (int i = 0; i < 4000; i++) {
            media_t m = media_at_ptp((ptp_ns){some_instant(i)}, rates[r]);

            for (int64_t k = -3; k <= 3; k++) {
                media_t near = {m.n + k};
                ptp_ns t = ptp_at_media(near, rates[r]);

                assert_int_equal(media_at_ptp(t, rates[r]).n, near.n);
                assert_int_equal(media_at_ptp((ptp_ns){t.ns - 1}, rates[r]).n, near.n - 1);
            }
        }
}

static void instants_lie_within_their_sample(void **state)
{
    (void)state;
    for (size_t r = 0; r < COUNT(rates); r++)
        for (int i = 0; i < 4000; i++) {
            ptp_ns t = {some_instant(i)};
            media_t m = media_at_ptp(t, rates[r]);

            assert_true(ptp_at_media(m, rates[r]).ns <= t.ns);
            assert_true(ptp_at_media((media_t){m.n + 1}, rates[r]).ns > t.ns);
        }
}

static void positions_carry_the_exact_fraction(void **state)
{
    (void)state;
    for (size_t r = 0; r < COUNT(rates); r++)
        for (int i = 0; i < 4000; i++) {
            ptp_ns t = {some_instant(i)};
            struct media_pos p = media_pos_at_ptp(t, rates[r]);
            __int128 rest = (__int128)t.ns * rates[r] - (__int128)p.whole.n * NS_PER_S;

            assert_int_equal(p.whole.n, media_at_ptp(t, rates[r]).n);
            assert_true(p.part >= 0 && p.part < 1);
            assert_true(fabs(p.part - (double)rest / 1e9) < 1e-15);
        }
}

static void unwrap_finds_the_nearest(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        media_t near = {some_instant(i)};
        int64_t delta = i % 3 ? random_bits(32) - (INT64_C(1) << 31) : random_bits(10) - 512;
        media_t there = {near.n + delta};

        assert_int_equal(media_unwrap((uint32_t)(uint64_t)there.n, near).n, there.n);
    }
}

static void unwrap_at_the_edges(void **state)
{
    static const int64_t turns[] = {0, 1, -1, 20060, -20060, INT64_C(1) << 29};
    const int64_t turn = INT64_C(1) << 32, half = INT64_C(1) << 31;

    (void)state;
    for (size_t i = 0; i < COUNT(turns); i++) {
        int64_t base = turns[i] * turn;

        assert_int_equal(media_unwrap(0, (media_t){base - 1}).n, base);
        assert_int_equal(media_unwrap(UINT32_MAX, (media_t){base}).n, base - 1);
        assert_int_equal(media_unwrap(0, (media_t){base + half - 1}).n, base);
        assert_int_equal(media_unwrap(0, (media_t){base + half + 1}).n, base + turn);
        assert_int_equal(media_unwrap(0x7fffffff, (media_t){base}).n, base + half - 1);
        assert_int_equal(media_unwrap(0x80000001, (media_t){base}).n, base - half + 1);
        assert_int_equal(media_unwrap(5, (media_t){base + 5}).n, base + 5);
    }
}

static void lengths_round_as_promised(void **state)
{
    (void)state;
    assert_int_equal(samples_in_ns(10416, 48000), 0);
    assert_int_equal(samples_in_ns(10417, 48000), 1);
    assert_int_equal(samples_in_ns(-10416, 48000), 0);
    assert_int_equal(samples_in_ns(-10417, 48000), -1);
    assert_int_equal(ns_of_samples(1, 48000), 20834);
    assert_int_equal(ns_of_samples(-1, 48000), -20833);
    assert_int_equal(ns_of_samples(48, 48000), NS_PER_MS);
    assert_int_equal(ns_of_samples(-48, 48000), -NS_PER_MS);
    assert_int_equal(ns_of_samples(0, 44100), 0);
    for (size_t r = 0; r < COUNT(rates); r++)
        for (int i = 0; i < 4000; i++) {
            int64_t ns = some_instant(i);
            __int128 exact = (__int128)ns * rates[r];
            int64_t samples = samples_in_ns(ns, rates[r]);
            __int128 off = (__int128)samples * NS_PER_S - exact;

            assert_true(2 * off <= NS_PER_S && 2 * off >= -NS_PER_S);
            off = (__int128)ns_of_samples(samples, rates[r]) * rates[r] - (__int128)samples * NS_PER_S;
            assert_true(off >= 0 && off < rates[r]);
        }
}

/* Small differences between large positions lose nothing. */
static void positions_subtract_without_loss(void **state)
{
    (void)state;
    for (int i = 0; i < 10000; i++) {
        double part = (double)random_bits(53) / 9007199254740992.0;
        struct media_pos a = {{some_instant(i)}, part};
        double by = (double)(random_bits(40) - (INT64_C(1) << 39)) / 65536.0;
        double whole = floor(part + by);
        struct media_pos b = {{a.whole.n + (int64_t)whole}, part + by - whole};

        assert_true(fabs(media_pos_minus(b, a) - by) < 4e-9);
        assert_true(media_pos_minus(a, b) == -media_pos_minus(b, a));
    }
    assert_true(media_pos_minus((struct media_pos){{FAR}, 0.75}, (struct media_pos){{FAR}, 0.25}) == 0.5);
    assert_true(media_pos_minus((struct media_pos){{FAR + 1}, 0}, (struct media_pos){{FAR}, 0.25}) == 0.75);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(media_at_ptp_is_the_floor),
        cmocka_unit_test(media_at_ptp_of_known_instants),
        cmocka_unit_test(ptp_at_media_is_the_ceiling),
        cmocka_unit_test(samples_survive_the_round_trip),
        cmocka_unit_test(instants_lie_within_their_sample),
        cmocka_unit_test(positions_carry_the_exact_fraction),
        cmocka_unit_test(unwrap_finds_the_nearest),
        cmocka_unit_test(unwrap_at_the_edges),
        cmocka_unit_test(lengths_round_as_promised),
        cmocka_unit_test(positions_subtract_without_loss),
    };

    return cmocka_run_group_tests_name("timebase", tests, NULL, NULL);
}
