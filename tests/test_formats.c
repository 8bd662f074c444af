// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Every codec, rate, number of channels and packet time that fits a datagram, from a source through tx, the
 * wire and intake to the receiver's timeline: each sample arrives bit by bit, in its channel and at its
 * place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/rtp.h"
#include "receiver/intake.h"
#include "sender/tx.h"

#define RAW0 INT64_C(86400000000123)
#define PTP0 INT64_C(1795000000123456789)
#define HOST 77

enum { PACKETS = 5, TIMELINE_SAMPLES = 1 << 16, FRAMES_MAX = 1440 };

static const uint32_t rates_hz[] = {44100, 48000, 88200, 96000};
static const uint32_t ptimes_us[] = {125, 250, 333, 1000, 2000, 4000, 5000, 10000, 20000};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* A multiple of 2^-15 that 16 bits hold, so that it passes both codecs unchanged; unlike in each channel. */
static float content(int64_t n, unsigned channel)
{
    return (float)((n * 77 + channel * 1013) % 32768 - 16384) / 32768.0f;
}

static size_t read_content(void *self, media_t at, float *out, size_t frames)
{
    unsigned channels = *(unsigned *)self;

    for (size_t i = 0; i < frames * channels; i++)
        out[i] = content(at.n + (int64_t)(i / channels), (unsigned)(i % channels));
    return frames;
}

static bool never_ends(const void *self)
{
    (void)self;
    return false;
}

static void check_timeline(const struct intake *in, int64_t from, size_t frames, unsigned channels)
{
    static float heard[FRAMES_MAX * PACKETS];

    assert_true(frames * channels <= COUNT(heard));
    assert_int_equal(timeline_present(in->timeline, (media_t){from}, frames), frames);
    timeline_read(in->timeline, (media_t){from}, heard, frames);
    for (size_t i = 0; i < frames * channels; i++)
        if (heard[i] != content(from + (int64_t)(i / channels), (unsigned)(i % channels)))
            fail_msg("frame %zu, channel %zu of %u is another", i / channels, i % channels, channels);
}

/* Sends INIT and PACKETS packets in virtual time, and hears them. */
static void run_format(struct intake *in, struct tx_config *config)
{
    struct clock_map map = {.raw0 = {RAW0}, .ptp0 = {PTP0}, .state = MEDIA_CLOCK_LOCKED, .epoch = 1};
    uint8_t datagram[RTP_DATAGRAM_MAX];
    struct tx *tx = tx_create(config);
    raw_ns now = {RAW0};
    struct tx_status status;

    assert_non_null(tx);
    do {
        struct rtp_packet packet;

        while (tx_next(tx, &map, now, &packet)) {
            size_t header = rtp_header_bytes(packet.has_ext);

            rtp_build(datagram, &packet, RTP_EXT_ID_DEFAULT);
            memcpy(datagram + header, packet.payload, packet.payload_len);
            intake_datagram(in, &map, datagram, header + packet.payload_len, now, HOST);
        }
        now = tx_deadline(tx, &map, now);
        tx_get_status(tx, &status);
    } while (status.packets < PACKETS);
    tx_destroy(tx);

    assert_int_equal(in->stream.counters.lost, 0);
    assert_int_equal(in->malformed + in->foreign + in->absurd + in->late + in->early, 0);
    check_timeline(in, in->begin.n, PACKETS * config->frames_per_packet, config->channels);
}

static bool format_fits(const struct tx_config *config)
{
    return (size_t)config->frames_per_packet * config->channels * rtp_codec_sample_bytes(config->codec) <=
           RTP_PAYLOAD_MAX;
}

static void test_every_format(void **state)
{
    struct stream_description description = {.ext_id = RTP_EXT_ID_DEFAULT};
    struct intake in;
    uint32_t ssrc = 0;
    unsigned ran = 0;

    (void)state;
    for (unsigned codec = RTP_CODEC_L16; codec <= RTP_CODEC_L24; codec++)
        for (size_t r = 0; r < COUNT(rates_hz); r++)
            for (unsigned channels = 1; channels <= RTP_CHANNELS_MAX; channels++)
                for (size_t t = 0; t < COUNT(ptimes_us); t++) {
                    struct tx_config config = {
                        .rate_hz = rates_hz[r],
                        .channels = channels,
                        .codec = codec,
                        .frames_per_packet = (unsigned)rtp_ptime_frames(ptimes_us[t], rates_hz[r]),
                        .latency_ns = 50 * NS_PER_MS,
                        .ssrc = ++ssrc,
                        .source = {&channels, read_content, never_ends},
                    };

                    if (!format_fits(&config))
                        continue;
                    assert_int_equal(intake_init(&in, &description, TIMELINE_SAMPLES), 0);
                    run_format(&in, &config);
                    assert_int_equal(in.stream.claim.channels, channels);
                    assert_int_equal(in.stream.claim.rate_hz, rates_hz[r]);
                    intake_free(&in);
                    ran++;
                }
    assert_true(ran > 1000);
    printf("%u formats of %u fit a datagram\n", ran, ssrc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_format),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
