// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * tx and rx together, in virtual time: what left the converters, and when. Nothing here depends on the
 * machine, so the limits are tight.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "world.h"

static struct world_config plain_world(void)
{
    struct world_config c = {
        .receivers = 2,
        .cards = {{.ppm = 50, .granule = 1, .late_us = 100}, {.ppm = -80, .granule = 1, .late_us = 100}},
        .adc = {.ppm = 17, .granule = 1},
        .tx = {.rate_hz = 48000,
               .channels = 2,
               .codec = RTP_CODEC_L24,
               .frames_per_packet = 48,
               .latency_ns = 10 * NS_PER_MS},
        .tone_hz = 1000,
        .tone_level = 0.25,
        .ptp_ppm = 7.5,
        .clock_sigma_ns = 30,
        .net_delay_ns = 50 * NS_PER_US,
        .net_jitter_ns = 100 * NS_PER_US,
        .seconds = 40,
        .seed = 20261121,
    };

    for (unsigned i = 0; i < WORLD_RX; i++)
        c.rx[i] = (struct rx_config){.card_rate_hz = 48000,
                                     .card_channels = 2,
                                     .card_frames = 4096,
                                     .quality = RESAMPLE_MEDIUM,
                                     .gain = 1,
                                     .seed = 7919 * (uint64_t)(i + 1)};
    return c;
}

struct verdict {
    double worst_pair_ns, worst_ns, worst_damage_db;
};

/* Looks at every 20 ms between two instants. */
static struct verdict look(const struct world *w, double from_s, double to_s)
{
    struct verdict v = {0, 0, -300};

    for (double at = from_s + 0.01; at < to_s - 0.01; at += 0.02) {
        double damage, level;
        double a = world_error_ns(w, 0, at, &damage, &level);

        assert_true(a == a); /* NaN: nothing was played there */
        v.worst_ns = fmax(v.worst_ns, fabs(a));
        v.worst_damage_db = fmax(v.worst_damage_db, damage);
        if (world_output(w, 1)->frames) {
            double b = world_error_ns(w, 1, at, &damage, &level);

            v.worst_pair_ns = fmax(v.worst_pair_ns, fabs(a - b));
            v.worst_damage_db = fmax(v.worst_damage_db, damage);
        }
    }
    return v;
}

static struct rx_status status_of(struct world *w, unsigned i)
{
    struct rx_status s;

    rx_get_status(world_rx(w, i), &s);
    return s;
}

static void two_cards_agree(void **state)
{
    struct world_config c = plain_world();
    struct world *w = world_create(&c);
    struct verdict v;

    (void)state;
    world_run(w, 30);
    v = look(w, 15, 29.9);
    print_message("pair %.0f ns, against the clock %.0f ns, residual %.1f dBFS\n", v.worst_pair_ns,
                  v.worst_ns, v.worst_damage_db);
    assert_true(v.worst_pair_ns < 300);
    assert_true(v.worst_ns < 400);
    assert_true(v.worst_damage_db < -100);
    assert_int_equal(status_of(w, 0).xruns, 0);
    assert_int_equal(status_of(w, 0).starts, 1);
    assert_int_equal(status_of(w, 0).concealed, 0);
    world_destroy(w);
}

static void coarse_pointers_agree(void **state)
{
    struct world_config c = plain_world();
    struct world *w;
    struct verdict six, fortyeight;

    (void)state;
    c.cards[1] = (struct world_card){.ppm = 200, .granule = 6, .late_us = 100};
    w = world_create(&c);
    world_run(w, 30);
    six = look(w, 15, 29.9);
    world_destroy(w);
    c.cards[1] = (struct world_card){.ppm = -200, .granule = 48, .late_us = 100};
    w = world_create(&c);
    world_run(w, 30);
    fortyeight = look(w, 15, 29.9);
    world_destroy(w);
    print_message("6 frames: %.0f ns; 48 frames: %.0f ns\n", six.worst_pair_ns, fortyeight.worst_pair_ns);
    assert_true(six.worst_pair_ns < 1000);
    assert_true(fortyeight.worst_pair_ns < 5000);
}

static void captured_sound_keeps_its_time(void **state)
{
    struct world_config c = plain_world();
    struct world *w;
    struct verdict v;

    (void)state;
    c.capture = true;
    w = world_create(&c);
    world_run(w, 30);
    v = look(w, 15, 29.9);
    print_message("ADC to DAC: %.0f ns off, pair %.0f ns, residual %.1f dBFS\n", v.worst_ns, v.worst_pair_ns,
                  v.worst_damage_db);
    assert_true(v.worst_ns < 500);
    assert_true(v.worst_damage_db < -100);
    world_destroy(w);
}

static void short_latencies_hold(void **state)
{
    static const struct {
        int64_t latency_us;
        unsigned frames;
    } cases[] = {{5000, 12}, {3000, 12}, {2500, 6}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world_config c = plain_world();
        struct world *w;
        struct verdict v;

        c.tx.latency_ns = cases[i].latency_us * NS_PER_US;
        c.tx.frames_per_packet = cases[i].frames;
        c.rx[0].quality = c.rx[1].quality = RESAMPLE_FASTEST;
        w = world_create(&c);
        world_run(w, 8);
        v = look(w, 3, 7.9);
        assert_true(v.worst_damage_db < -90);
        assert_int_equal(status_of(w, 0).concealed, 0);
        assert_int_equal(status_of(w, 1).xruns, 0);
        world_destroy(w);
    }
}

static void receivers_start_together(void **state)
{
    struct world_config c = plain_world();
    struct world *w = world_create(&c);
    double first[2] = {0};

    (void)state;
    world_run(w, 3);
    for (unsigned i = 0; i < 2; i++) {
        const struct world_output *o = world_output(w, i);
        int64_t k = 0;

        while (k < o->frames && fabsf(o->samples[k]) < 1e-5f)
            k++;
        first[i] = o->times[k];
    }
    /* INIT goes out with the first clock, the sound 100 ms later: both cards are known by then */
    assert_true(fabs(first[0] - first[1]) < 100e3);
    world_destroy(w);
}

static void late_joiner_is_aligned_within_a_second(void **state)
{
    struct world_config c = plain_world();
    struct world *w = world_create(&c);
    double damage, level, error;

    (void)state;
    world_receiver_joins(w, 1, 5.0);
    world_run(w, 7);
    error = world_error_ns(w, 1, 5.2, &damage, &level);
    assert_true(fabs(error) < 1000);
    assert_true(fabs(level - c.tone_level) < 0.001);
    world_destroy(w);
}

static void loss_is_concealed(void **state)
{
    struct world_config c = plain_world();
    struct world *w;
    struct verdict v;

    (void)state;
    c.loss = 0.01;
    c.duplicate = 0.05;
    c.net_jitter_ns = 3 * NS_PER_MS; /* reorders */
    w = world_create(&c);
    world_run(w, 20);
    v = look(w, 5, 19.9);
    print_message("1 %% loss, reordering: residual %.1f dBFS\n", v.worst_damage_db);
    assert_true(status_of(w, 0).concealed > 4000);
    assert_true(status_of(w, 0).stream.counters.lost > 100);
    assert_true(status_of(w, 0).stream.counters.duplicates > 500);
    assert_true(status_of(w, 0).stream.counters.reordered > 1000);
    assert_true(v.worst_damage_db < -60);
    assert_int_equal(status_of(w, 0).starts, 1);
    world_destroy(w);
}

/* No step in the output may exceed what the tone itself does between two frames, by more than a little. */
static double largest_step(const struct world_output *o)
{
    double worst = 0;

    for (int64_t k = 1; k < o->frames; k++)
        worst = fmax(worst, fabs((double)(o->samples[k] - o->samples[k - 1])));
    return worst;
}

static void silent_sender_fades_and_returns(void **state)
{
    struct world_config c = plain_world();
    struct world *w = world_create(&c);
    double damage, level, error, step = 2 * M_PI * c.tone_hz / 48000 * c.tone_level;

    (void)state;
    world_run(w, 3);
    world_kill_sender(w);
    world_run(w, 4);
    world_error_ns(w, 0, 3.5, &damage, &level);
    assert_true(level < 1e-6);
    assert_int_equal(status_of(w, 0).state, RX_IDLE);
    world_restart_sender(w, 0x777);
    world_run(w, 6);
    error = world_error_ns(w, 0, 5.5, &damage, &level);
    assert_true(fabs(error) < 1000);
    assert_int_equal(status_of(w, 0).stream.claim.ssrc, 0x777);
    assert_true(largest_step(world_output(w, 0)) < 1.5 * step);
    world_destroy(w);
}

static void quick_restart_of_the_sender_is_taken_up(void **state)
{
    struct world_config c = plain_world();
    struct world *w = world_create(&c);
    double damage, level, step = 2 * M_PI * c.tone_hz / 48000 * c.tone_level;

    (void)state;
    world_run(w, 3);
    world_restart_sender(w, 0x778); /* the same host, at once, without TERMINATE */
    world_run(w, 5);
    assert_true(fabs(world_error_ns(w, 0, 4.5, &damage, &level)) < 1000);
    assert_int_equal(status_of(w, 0).stream.claim.ssrc, 0x778);
    assert_true(largest_step(world_output(w, 0)) < 1.5 * step);
    world_destroy(w);
}

static void terminate_ends_with_a_fade(void **state)
{
    struct world_config c = plain_world();
    struct world *w = world_create(&c);
    double step = 2 * M_PI * c.tone_hz / 48000 * c.tone_level;

    (void)state;
    world_run(w, 3);
    tx_stop(world_tx(w));
    world_run(w, 3.2);
    assert_int_equal(status_of(w, 0).state, RX_IDLE);
    assert_int_equal(status_of(w, 0).concealed, 0);
    assert_true(largest_step(world_output(w, 0)) < 1.5 * step);
    world_destroy(w);
}

static void xrun_comes_back_aligned(void **state)
{
    struct world_config c = plain_world();
    struct world *w = world_create(&c);
    double damage, level, back = 0;

    (void)state;
    world_run(w, 8);
    world_stall(w, 0, 0.05);
    world_run(w, 12);
    assert_int_equal(status_of(w, 0).xruns, 1);
    assert_int_equal(status_of(w, 0).starts, 2);
    for (double at = 8.06; at < 9 && back == 0; at += 0.01) {
        double error = world_error_ns(w, 0, at, &damage, &level);

        if (fabs(level - c.tone_level) < 1e-4 && damage < -80) {
            print_message("sound is back %.0f ms after the stall, %.0f ns off\n", (at - 8.05) * 1e3, error);
            assert_true(fabs(error) < 1000);
            back = at;
        }
    }
    assert_true(back > 0 && back < 8.4);
    assert_true(look(w, 9, 11.9).worst_pair_ns < 1000);
    world_destroy(w);
}

/* They notice it one after the other, as ptp4l on each does, and are a little off its time, as measurements
 * are. */
static void change_grandmaster(struct world *w, double at_s, int64_t offset_ns)
{
    world_run(w, at_s);
    world_set_grandmaster(w, 0, 2, offset_ns);
    world_run(w, at_s + 0.4);
    world_set_grandmaster(w, 2, 2, offset_ns);
    world_run(w, at_s + 0.9);
    world_set_grandmaster(w, 1, 2, offset_ns);
}

static void another_grandmaster_is_not_heard(void **state)
{
    struct world_config c = plain_world();
    struct world *w;
    struct verdict v;

    (void)state;
    c.clock_sigma_ns = 1000;
    c.seconds = 40;
    w = world_create(&c);
    change_grandmaster(w, 10, 80000);
    world_run(w, 39);
    v = look(w, 9, 30);
    print_message("80 us ahead: at most %.1f us apart, residual %.1f dBFS\n", v.worst_pair_ns / 1e3,
                  v.worst_damage_db);
    assert_true(v.worst_pair_ns < 25000);
    assert_true(v.worst_damage_db < -70);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(world_clock(w, i)->slews, 1);
        assert_int_equal(world_clock(w, i)->steps, 0);
    }
    assert_int_equal(status_of(w, 0).starts, 1);
    assert_int_equal(status_of(w, 1).starts, 1);
    assert_true(look(w, 32, 38).worst_pair_ns < 1000);
    world_destroy(w);
}

static void a_grandmaster_far_off_is_a_new_start(void **state)
{
    static const int64_t offsets[] = {20 * NS_PER_MS, -20 * NS_PER_MS, 3600 * NS_PER_S, -3600 * NS_PER_S};

    (void)state;
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        struct world_config c = plain_world();
        struct world *w;

        c.seconds = 30;
        w = world_create(&c);
        change_grandmaster(w, 10, offsets[i]);
        world_run(w, 20);
        assert_int_equal(world_clock(w, 2)->steps, 1);
        assert_int_equal(status_of(w, 0).state, RX_PLAYING);
        assert_int_equal(status_of(w, 1).state, RX_PLAYING);
        assert_in_range(status_of(w, 0).starts, 2, 3);
        assert_true(look(w, 15, 19).worst_pair_ns < 1000);
        world_destroy(w);
    }
}

static void no_grandmaster_for_a_minute_is_not_heard(void **state)
{
    struct world_config c = plain_world();
    struct world *w;
    struct verdict v;

    (void)state;
    c.seconds = 90;
    w = world_create(&c);
    world_run(w, 10);
    for (unsigned i = 0; i < 3; i++)
        world_set_grandmaster(w, i, 0, 0);
    world_run(w, 70);
    assert_int_equal(world_clock(w, 0)->map.state, MEDIA_CLOCK_HOLDOVER);
    for (unsigned i = 0; i < 3; i++)
        world_set_grandmaster(w, i, 1, 0);
    world_run(w, 80);
    assert_int_equal(world_clock(w, 0)->map.state, MEDIA_CLOCK_LOCKED);
    v = look(w, 9, 79);
    print_message("a minute of holdover: at most %.1f us apart, residual %.1f dBFS\n", v.worst_pair_ns / 1e3,
                  v.worst_damage_db);
    assert_true(v.worst_damage_db < -80);
    assert_int_equal(status_of(w, 0).starts, 1);
    world_destroy(w);
}

static void other_rates_and_layouts_play(void **state)
{
    static const struct {
        uint32_t rate_hz;
        unsigned frames, channels;
        enum rtp_codec codec;
    } cases[] = {{44100, 48, 2, RTP_CODEC_L24},
                 {96000, 96, 1, RTP_CODEC_L16},
                 {48000, 6, 8, RTP_CODEC_L24},
                 {88200, 96, 2, RTP_CODEC_L24}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world_config c = plain_world();
        struct world *w;
        struct verdict v;

        c.tx.rate_hz = cases[i].rate_hz;
        c.tx.frames_per_packet = cases[i].frames;
        c.tx.channels = cases[i].channels;
        c.tx.codec = cases[i].codec;
        w = world_create(&c);
        world_run(w, 6);
        v = look(w, 3, 5.9);
        print_message("%u Hz, %u channels: pair %.0f ns, residual %.1f dBFS\n", cases[i].rate_hz,
                      cases[i].channels, v.worst_pair_ns, v.worst_damage_db);
        assert_true(v.worst_ns < 1000);
        assert_true(v.worst_damage_db < (cases[i].codec == RTP_CODEC_L16 ? -85 : -95));
        world_destroy(w);
    }
}

/* Noise, broken headers and strangers while a tone plays: counted, never heard. */
static void garbage_is_never_heard(void **state)
{
    struct world_config c = plain_world();
    struct world *w = world_create(&c);
    struct rtp_packet packet = {.ssrc = 0xbad, .payload_type = RTP_PT_L24, .has_ext = true};
    uint8_t bytes[400] = {0};
    struct rx_status s;

    (void)state;
    world_run(w, 3);
    srand(5);
    for (int i = 0; i < 100000; i++) {
        int64_t now = clock_map_ptp(world_map(w), world_now(w)).ns;
        size_t length = 316;

        packet.ext = (struct rtp_header_ext){.presentation = {now + 5 * NS_PER_MS},
                                             .type = RTP_TYPE_AUDIO,
                                             .codec = RTP_CODEC_L24,
                                             .channels = 2,
                                             .rate_hz = 48000};
        packet.timestamp = (uint32_t)media_at_ptp((ptp_ns){now - 5 * NS_PER_MS}, 48000).n;
        for (size_t k = 28; k < length; k++)
            bytes[k] = (uint8_t)rand();
        switch (i % 6) {
        case 0: /* a stranger that would be valid */
            rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
            break;
        case 1: /* our SSRC, another format */
            packet.ssrc = 0x1234;
            packet.ext.channels = 1;
            rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
            packet.ssrc = 0xbad;
            break;
        case 2: /* our SSRC, an absurd time */
            packet.ssrc = 0x1234;
            packet.ext.presentation.ns = (int64_t)((uint64_t)rand() << 32);
            rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
            packet.ssrc = 0xbad;
            break;
        case 3: /* truncated */
            rtp_build(bytes, &packet, RTP_EXT_ID_DEFAULT);
            length = (size_t)(rand() % 316);
            break;
        default: /* noise */
            for (size_t k = 0; k < 28; k++)
                bytes[k] = (uint8_t)rand();
        }
        world_inject(w, bytes, length, 666);
        if (i % 100 == 0)
            world_run(w, 3 + i * 2e-5);
    }
    world_run(w, 5.5);
    s = status_of(w, 0);
    assert_true(s.foreign > 30000);
    assert_true(s.absurd > 10000);
    assert_true(s.malformed > 10000);
    assert_int_equal(s.starts, 1);
    assert_int_equal(s.concealed, 0);
    assert_true(look(w, 2.5, 5.4).worst_damage_db < -95);
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_cards_agree),
        cmocka_unit_test(coarse_pointers_agree),
        cmocka_unit_test(captured_sound_keeps_its_time),
        cmocka_unit_test(short_latencies_hold),
        cmocka_unit_test(receivers_start_together),
        cmocka_unit_test(late_joiner_is_aligned_within_a_second),
        cmocka_unit_test(loss_is_concealed),
        cmocka_unit_test(silent_sender_fades_and_returns),
        cmocka_unit_test(quick_restart_of_the_sender_is_taken_up),
        cmocka_unit_test(terminate_ends_with_a_fade),
        cmocka_unit_test(xrun_comes_back_aligned),
        cmocka_unit_test(another_grandmaster_is_not_heard),
        cmocka_unit_test(a_grandmaster_far_off_is_a_new_start),
        cmocka_unit_test(no_grandmaster_for_a_minute_is_not_heard),
        cmocka_unit_test(other_rates_and_layouts_play),
        cmocka_unit_test(garbage_is_never_heard),
    };

    return cmocka_run_group_tests_name("sync", tests, NULL, NULL);
}
