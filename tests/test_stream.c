// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Whom a receiver follows, as a table of situations; and the counting, against a model that remembers every
 * packet, at 8000 packets a second.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "receiver/stream.h"

#define RAW0 INT64_C(86400000000123)

static const struct stream_claim ours = {.ssrc = 0x1234,
                                         .source = 77,
                                         .codec = RTP_CODEC_L24,
                                         .rate_hz = 48000,
                                         .channels = 2,
                                         .link_ns = 10 * NS_PER_MS};

static raw_ns at_ms(double ms)
{
    return (raw_ns){RAW0 + (int64_t)(ms * 1e6)};
}

static void first_claim_is_taken(void **state)
{
    struct stream s = {0};

    (void)state;
    assert_int_equal(stream_judge(&s, &ours, at_ms(0)), STREAM_NEW);
    assert_true(s.locked);
    assert_int_equal(s.claim.ssrc, 0x1234);
    assert_int_equal(stream_judge(&s, &ours, at_ms(1)), STREAM_TAKE);
    assert_int_equal(s.newest.ns, at_ms(1).ns);
}

/* A second leg is none; a sender that has another address is followed there, and back. */
static void source_is_followed(void **state)
{
    struct stream_claim leg = ours;
    struct stream s = {0};

    (void)state;
    leg.source = 78;
    stream_judge(&s, &ours, at_ms(0));
    for (int ms = 1; ms < 500; ms++) { /* both, the second leg more often */
        assert_int_equal(stream_judge(&s, ms % 100 ? &leg : &ours, at_ms(ms)), STREAM_TAKE);
        assert_int_equal(s.claim.source, 77);
    }
    assert_int_equal(stream_judge(&s, &leg, at_ms(500)), STREAM_TAKE);
    assert_int_equal(s.claim.source, 77);
    assert_int_equal(stream_judge(&s, &leg, at_ms(500.001)), STREAM_TAKE);
    assert_int_equal(s.claim.source, 78);
    assert_int_equal(stream_judge(&s, &ours, at_ms(501)), STREAM_TAKE);
    assert_int_equal(s.claim.source, 78);
    assert_int_equal(stream_judge(&s, &ours, at_ms(601)), STREAM_TAKE);
    assert_int_equal(s.claim.source, 77);
}

/* One thing different from the stream that is followed, alive or silent, with and without an INIT. */
static void policy_table(void **state)
{
    enum { SAME, SSRC, SOURCE, CODEC, RATE, CHANNELS, LINK_A_LITTLE, LINK, SSRC_ELSEWHERE };
    static const struct {
        int differs;
        bool starts;
        double silent_ms;
        enum stream_verdict verdict;
    } cases[] = {
        {SAME, false, 1, STREAM_TAKE},
        {SAME, true, 1, STREAM_TAKE}, /* INIT said twice */
        {SAME, false, 5000, STREAM_TAKE},
        {SOURCE, false, 1, STREAM_TAKE}, /* another leg of the same stream */
        {LINK_A_LITTLE, false, 1, STREAM_TAKE},
        {SSRC, false, 1, STREAM_IGNORE},
        {SSRC, false, 99, STREAM_IGNORE},
        {SSRC, false, 100, STREAM_IGNORE},
        {SSRC, false, 100.001, STREAM_NEW},
        {SSRC, false, 5000, STREAM_NEW},
        {SSRC, true, 1, STREAM_NEW}, /* restarted: the same host says so */
        {SSRC_ELSEWHERE, true, 1, STREAM_IGNORE},
        {SSRC_ELSEWHERE, true, 101, STREAM_NEW},
        {CODEC, false, 1, STREAM_IGNORE},
        {CODEC, true, 1, STREAM_IGNORE},
        {CODEC, false, 101, STREAM_NEW},
        {RATE, false, 1, STREAM_IGNORE},
        {RATE, false, 101, STREAM_NEW},
        {CHANNELS, false, 1, STREAM_IGNORE},
        {CHANNELS, true, 1, STREAM_IGNORE},
        {CHANNELS, false, 101, STREAM_NEW},
        {LINK, false, 1, STREAM_IGNORE},
        {LINK, true, 1, STREAM_IGNORE},
        {LINK, false, 101, STREAM_NEW},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stream s = {0};
        struct stream_claim other = ours;
        enum stream_verdict verdict;

        other.ssrc += cases[i].differs == SSRC || cases[i].differs == SSRC_ELSEWHERE;
        other.source += cases[i].differs == SOURCE || cases[i].differs == SSRC_ELSEWHERE;
        other.codec = cases[i].differs == CODEC ? RTP_CODEC_L16 : other.codec;
        other.rate_hz = cases[i].differs == RATE ? 44100 : other.rate_hz;
        other.channels = cases[i].differs == CHANNELS ? 1 : other.channels;
        other.link_ns += cases[i].differs == LINK ? -2500 : cases[i].differs == LINK_A_LITTLE ? 3 : 0;
        other.starts = cases[i].starts;

        stream_judge(&s, &ours, at_ms(0));
        stream_count(&s, 5, 0);
        verdict = stream_judge(&s, &other, at_ms(cases[i].silent_ms));
        if (verdict != cases[i].verdict)
            print_message("case %zu\n", i);
        assert_int_equal(verdict, cases[i].verdict);
        if (verdict == STREAM_NEW) {
            assert_int_equal(s.claim.ssrc, other.ssrc);
            assert_int_equal(s.claim.channels, other.channels);
            assert_int_equal(s.counters.received, 0); /* counting begins anew */
            assert_int_equal(s.newest.ns, at_ms(cases[i].silent_ms).ns);
        } else {
            assert_memory_equal(&s.claim, &ours, sizeof ours);
            assert_int_equal(s.counters.received, 1);
        }
        /* a stranger does not keep the stream alive */
        assert_int_equal(s.newest.ns, verdict == STREAM_IGNORE ? RAW0 : at_ms(cases[i].silent_ms).ns);
    }
}

/* A crowd of strangers, each trying all the time, gets nowhere while the stream lives. */
static void strangers_get_nowhere(void **state)
{
    struct stream s = {0};

    (void)state;
    stream_judge(&s, &ours, at_ms(0));
    for (int i = 1; i < 10000; i++) {
        struct stream_claim other = ours;

        other.ssrc = (uint32_t)i * 2654435761u;
        other.source = 1000 + (uint64_t)i % 7;
        other.starts = i % 3 == 0;
        assert_int_equal(stream_judge(&s, &other, at_ms(i)), STREAM_IGNORE);
        assert_int_equal(stream_judge(&s, &ours, at_ms(i)), STREAM_TAKE);
    }
}

static void unlocked_takes_the_next(void **state)
{
    struct stream s = {0};
    struct stream_claim other = ours;

    (void)state;
    stream_judge(&s, &ours, at_ms(0));
    stream_unlock(&s);
    other.ssrc = 9;
    assert_int_equal(stream_judge(&s, &other, at_ms(0.1)), STREAM_NEW);
    stream_unlock(&s);
    assert_int_equal(stream_judge(&s, &other, at_ms(0.2)), STREAM_NEW);
}

/* What was only announced is waited for, a second long; from its first sound on, the usual time counts. */
static void announced_stream_is_waited_for(void **state)
{
    struct stream s = {0};
    struct stream_claim init = ours, other = ours;

    (void)state;
    init.starts = true;
    other.ssrc = 9;
    other.source = 78;
    other.starts = true;
    assert_int_equal(stream_judge(&s, &init, at_ms(0)), STREAM_NEW);
    assert_int_equal(stream_judge(&s, &other, at_ms(150)), STREAM_IGNORE);
    assert_int_equal(stream_judge(&s, &init, at_ms(200)), STREAM_TAKE); /* said once more */
    assert_int_equal(stream_judge(&s, &other, at_ms(1100)), STREAM_IGNORE);
    assert_false(stream_stale(&s, at_ms(1199)));
    assert_true(stream_stale(&s, at_ms(1201)));
    assert_int_equal(stream_judge(&s, &ours, at_ms(1150)), STREAM_TAKE); /* its first sound */
    assert_int_equal(stream_judge(&s, &other, at_ms(1249)), STREAM_IGNORE);
    assert_int_equal(stream_judge(&s, &other, at_ms(1251)), STREAM_NEW);
}

static void stale_after_100_ms(void **state)
{
    struct stream s = {0};

    (void)state;
    stream_judge(&s, &ours, at_ms(0));
    assert_false(stream_stale(&s, at_ms(0)));
    assert_false(stream_stale(&s, at_ms(99.9)));
    assert_true(stream_stale(&s, at_ms(100.1)));
    stream_judge(&s, &ours, at_ms(200));
    assert_false(stream_stale(&s, at_ms(250)));
    assert_false(stream_stale(&s, at_ms(150))); /* a reading from before the packet */
}

static struct stream counting_stream(uint16_t first)
{
    struct stream s = {0};

    stream_judge(&s, &ours, at_ms(0));
    stream_count(&s, first, 0);
    return s;
}

static void losses_and_repairs(void **state)
{
    struct stream s = counting_stream(65530);
    static const uint16_t sequence[] = {65531, 65533, 65532, 65533, 0, 65535, 2, 2, 1};
    static const struct {
        uint64_t lost, duplicates, reordered;
    } after[] = {{0, 0, 0}, {1, 0, 0}, {0, 0, 1}, {0, 1, 1}, {2, 1, 1},
                 {1, 1, 2}, {2, 1, 2}, {2, 2, 2}, {1, 2, 3}};

    (void)state;
    for (size_t i = 0; i < sizeof sequence / sizeof *sequence; i++) {
        uint64_t before = s.counters.duplicates;

        assert_int_equal(stream_count(&s, sequence[i], 0), after[i].duplicates > before);
        assert_int_equal(s.counters.lost, after[i].lost);
        assert_int_equal(s.counters.duplicates, after[i].duplicates);
        assert_int_equal(s.counters.reordered, after[i].reordered);
        assert_int_equal(s.counters.received, i + 2);
    }
}

static void packets_from_before_the_first_are_no_loss(void **state)
{
    struct stream s = counting_stream(100);

    (void)state;
    stream_count(&s, 99, 0);
    stream_count(&s, 98, 0);
    stream_count(&s, 101, 0);
    assert_int_equal(s.counters.lost, 0);
    assert_int_equal(s.counters.reordered, 2);
    assert_int_equal(s.counters.duplicates, 0);
    stream_count(&s, 100, 0);
    assert_int_equal(s.counters.duplicates, 1);
}

static void edges_of_the_window(void **state)
{
    struct stream s = counting_stream(1000);

    (void)state;
    stream_count(&s, 1063, 0);
    assert_int_equal(s.counters.lost, 62);
    stream_count(&s, 1000, 0); /* 63 back: still known to have come */
    assert_int_equal(s.counters.duplicates, 1);
    stream_count(&s, 1001, 0);
    assert_int_equal(s.counters.reordered, 1);
    assert_int_equal(s.counters.lost, 61);
    stream_count(&s, 1127, 0); /* 64 ahead: the window is empty but for this one */
    assert_int_equal(s.counters.lost, 61 + 63);
    stream_count(&s, 1064, 0);
    assert_int_equal(s.counters.reordered, 2);
    assert_int_equal(s.counters.lost, 61 + 62);
    stream_count(&s, 1063, 0); /* out of the window: neither */
    assert_int_equal(s.counters.reordered, 2);
    assert_int_equal(s.counters.duplicates, 1);
    assert_int_equal(s.counters.lost, 61 + 62);
}

static uint64_t random_state = 20261121;

static double uniform(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (double)(random_state >> 11) / 9007199254740992.0;
}

/* Two minutes at 8000 packets a second: 14 wraps, with loss, doubles and reordering up to 40 packets deep. */
static void counts_what_the_model_counts(void **state)
{
    enum { PACKETS = 960000, DEPTH = 40 };
    struct stream s = {0};
    uint8_t *seen = calloc(PACKETS, 1);
    int64_t *flight = calloc(PACKETS + DEPTH, 2 * sizeof *flight);
    uint64_t received = 0, duplicates = 0, reordered = 0, unique = 0;
    int64_t highest = -1, first = -1;

    (void)state;
    assert_non_null(seen);
    assert_non_null(flight);
    for (int64_t i = 0; i < PACKETS; i++) { /* two places of arrival each; -1: none */
        int64_t to = i + (uniform() < 0.05 ? (int64_t)(uniform() * DEPTH) : 0);

        if (uniform() < 0.02)
            continue;
        if (!flight[2 * to])
            flight[2 * to] = i + 1;
        else if (!flight[2 * to + 1])
            flight[2 * to + 1] = i + 1;
    }
    stream_judge(&s, &ours, at_ms(0));
    for (int64_t i = 0; i < 2 * PACKETS; i++) {
        int copies = uniform() < 0.01 ? 2 : 1;
        int64_t n = flight[i] - 1;

        while (n >= 0 && copies--) {
            stream_count(&s, (uint16_t)(n + 65000), 0);
            received++;
            first = first < 0 ? n : first;
            if (seen[n])
                duplicates++;
            else if (n < highest)
                reordered++;
            unique += !seen[n] && n >= first;
            seen[n] = 1;
            highest = n > highest ? n : highest;
        }
    }
    assert_int_equal(s.counters.received, received);
    assert_int_equal(s.counters.duplicates, duplicates);
    assert_int_equal(s.counters.reordered, reordered);
    assert_int_equal(s.counters.lost, (uint64_t)(highest - first + 1) - unique);
    assert_true(s.counters.lost > 10000 && s.counters.duplicates > 5000 && s.counters.reordered > 10000);
    free(seen);
    free(flight);
}

/* Any sequence numbers in any order: nothing runs below zero. */
static void noise_does_not_break_the_counts(void **state)
{
    struct stream s = counting_stream(7);

    (void)state;
    for (int i = 0; i < 100000; i++) {
        stream_count(&s, (uint16_t)(uniform() * 65536), (int64_t)(uniform() * 1e18) - (int64_t)5e17);
        assert_true(s.counters.lost < UINT64_C(1) << 40);
        assert_true(isfinite(s.counters.jitter_ns));
    }
    assert_int_equal(s.counters.received, 100001);
}

/* RFC 3550 A.8: J += (|D| - J) / 16. */
static void jitter_is_the_rfcs(void **state)
{
    struct stream s = {0};
    double wanted = 0;
    int64_t before = 0;

    (void)state;
    stream_judge(&s, &ours, at_ms(0));
    for (int i = 0; i < 5000; i++) {
        int64_t transit = 3 * NS_PER_MS + (int64_t)(uniform() * 200000);

        stream_count(&s, (uint16_t)i, transit);
        if (i)
            wanted += (fabs((double)(transit - before)) - wanted) / 16;
        before = transit;
        assert_true(fabs(s.counters.jitter_ns - wanted) < 1e-6);
    }
    for (int i = 0; i < 500; i++)
        stream_count(&s, (uint16_t)(5000 + i), 1000000);
    assert_true(s.counters.jitter_ns < 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_claim_is_taken),
        cmocka_unit_test(source_is_followed),
        cmocka_unit_test(policy_table),
        cmocka_unit_test(strangers_get_nowhere),
        cmocka_unit_test(unlocked_takes_the_next),
        cmocka_unit_test(announced_stream_is_waited_for),
        cmocka_unit_test(stale_after_100_ms),
        cmocka_unit_test(losses_and_repairs),
        cmocka_unit_test(packets_from_before_the_first_are_no_loss),
        cmocka_unit_test(edges_of_the_window),
        cmocka_unit_test(counts_what_the_model_counts),
        cmocka_unit_test(noise_does_not_break_the_counts),
        cmocka_unit_test(jitter_is_the_rfcs),
    };

    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
