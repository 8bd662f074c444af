// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The report block, number by number, from streams that are counted packet by packet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "receiver/reception.h"

#define SSRC 0x5eed1e55u

static const struct stream_claim claim = {
    .ssrc = SSRC, .codec = RTP_CODEC_L24, .rate_hz = 48000, .channels = 2};

static raw_ns at(double s)
{
    return (raw_ns){(int64_t)(s * 1e9)};
}

static struct stream begin(void)
{
    struct stream stream = {0};

    stream_judge(&stream, &claim, at(0));
    return stream;
}

/* The packets numbered `from` to `until`, which is left out, but each `gap`th; 0: all. */
static void receive(struct stream *stream, unsigned from, unsigned until, unsigned gap)
{
    for (unsigned n = from; n < until; n++)
        if (gap == 0 || n % gap != 0)
            stream_count(stream, (uint16_t)n, 0);
}

static struct rtcp_block block_of(struct reception *reception, const struct stream *stream)
{
    struct rtcp_block block;

    memset(&block, 0xa5, sizeof block);
    assert_true(reception_block(reception, stream, at(10), &block));
    assert_int_equal(block.ssrc, stream->claim.ssrc);
    return block;
}

/* RFC 3550 appendix A.3: the fraction since the report before, the sum since the beginning. */
static void test_losses(void **state)
{
    struct stream stream = begin();
    struct reception reception = {0};
    struct rtcp_block block;

    (void)state;
    receive(&stream, 65001, 65401, 0);
    block = block_of(&reception, &stream);
    assert_int_equal(block.fraction_lost, 0);
    assert_int_equal(block.lost, 0);
    assert_int_equal(block.highest, 65400);

    receive(&stream, 65401, 65801, 4); /* 100 of 400; past the wrap */
    block = block_of(&reception, &stream);
    assert_int_equal(block.fraction_lost, 63); /* the last one that is missing is not known to be */
    assert_int_equal(block.lost, 99);
    assert_int_equal(block.highest, 65799);

    receive(&stream, 65801, 66001, 0);
    block = block_of(&reception, &stream);
    assert_int_equal(block.fraction_lost, 1); /* that one, of 201 */
    assert_int_equal(block.lost, 100);
    assert_int_equal(block.highest, 66000);

    receive(&stream, 66001, 76001, 256);
    block = block_of(&reception, &stream);
    assert_int_equal(block.fraction_lost, 0); /* 39 of 10000: less than 1/256 */
    assert_int_equal(block.lost, 139);

    receive(&stream, 76001, 76002, 0);
    receive(&stream, 86001, 86002, 0); /* as many as can be */
    block = block_of(&reception, &stream);
    assert_int_equal(block.fraction_lost, 255);
    assert_int_equal(block.lost, 139 + 9999);
}

/* What comes twice counts twice, by the RFC; no fraction is below 0. */
static void test_duplicates(void **state)
{
    struct stream stream = begin();
    struct reception reception = {0};
    struct rtcp_block block;

    (void)state;
    receive(&stream, 100, 200, 0);
    receive(&stream, 150, 200, 0);
    block = block_of(&reception, &stream);
    assert_int_equal(block.fraction_lost, 0);
    assert_int_equal(block.lost, -50);
}

static void test_limits(void **state)
{
    struct stream stream = begin();
    struct reception reception = {0};

    (void)state;
    receive(&stream, 1, 2, 0);
    stream.highest = INT64_C(1) << 40;
    assert_int_equal(block_of(&reception, &stream).lost, 0x7fffff);
    assert_int_equal(block_of(&(struct reception){0}, &stream).highest, 0);
    stream.highest = 1;
    stream.counters.received = UINT64_C(1) << 40;
    assert_int_equal(block_of(&reception, &stream).lost, -0x800000);
}

/* Nothing new: nothing to report. Another stream, or the same counted anew: from the beginning. */
static void test_nothing_and_anew(void **state)
{
    struct stream stream = {0};
    struct reception reception = {0};
    struct rtcp_block block;

    (void)state;
    assert_false(reception_block(&reception, &stream, at(1), &block));
    stream = begin();
    assert_false(reception_block(&reception, &stream, at(1), &block));
    receive(&stream, 1, 101, 10);
    assert_int_equal(block_of(&reception, &stream).lost, 9);
    assert_false(reception_block(&reception, &stream, at(1), &block));

    stream = begin();
    receive(&stream, 4001, 4011, 0);
    block = block_of(&reception, &stream);
    assert_int_equal(block.lost, 0);
    assert_int_equal(block.fraction_lost, 0);

    stream = begin();
    stream.claim.ssrc = 7;
    receive(&stream, 1, 21, 2);
    block = block_of(&reception, &stream);
    assert_int_equal(block.lost, 9);
    assert_int_equal(block.fraction_lost, 9 * 256 / 19);
}

static void test_jitter(void **state)
{
    struct stream stream = begin();

    (void)state;
    for (unsigned n = 0; n < 500; n++) /* 1 ms to and fro: it tends to 48 samples */
        stream_count(&stream, (uint16_t)n, n % 2 ? NS_PER_MS : 0);
    assert_in_range(block_of(&(struct reception){0}, &stream).jitter, 47, 48);
}

/* Of the stream that is reported, and no other. */
static void test_sender_report(void **state)
{
    struct stream stream = begin();
    struct reception reception = {0};
    struct rtcp_block block;

    (void)state;
    receive(&stream, 1, 3, 0);
    block = block_of(&reception, &stream);
    assert_true(block.lsr == 0 && block.dlsr == 0);
    reception_sender_report(&reception, 7, 0x0123456789abcdef, at(9));
    receive(&stream, 3, 4, 0);
    block = block_of(&reception, &stream);
    assert_true(block.lsr == 0 && block.dlsr == 0);
    reception_sender_report(&reception, SSRC, 0x0123456789abcdef, at(8.5));
    receive(&stream, 4, 5, 0);
    block = block_of(&reception, &stream);
    assert_int_equal(block.lsr, 0x456789ab);
    assert_int_equal(block.dlsr, 3 * 65536 / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses), cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_nothing_and_anew),
        cmocka_unit_test(test_jitter), cmocka_unit_test(test_sender_report),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
