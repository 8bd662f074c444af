// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "receiver/gauge.h"

static const struct clock_map locked = {.state = MEDIA_CLOCK_LOCKED, .uncertainty_ns = 300};
static const struct clock_source_status proven = {.proven = true, .offset_ns = -1234};

static struct playback_extremes extremes(double error_ns, double lead_ms, double queued_ms, float peak)
{
    return (struct playback_extremes){.error_worst_ns = error_ns,
                                      .lead_min_ms = lead_ms,
                                      .queued_min_ms = queued_ms,
                                      .peaks = {0.1f, peak}};
}

static struct telemetry telemetry_of(const struct gauge *g, const struct playback_status *status,
                                     const struct rx_distributions *distributions)
{
    const struct gauge_on on = {status, distributions, &locked, &proven, 2, 5 * NS_PER_MS, false, false};
    struct telemetry t;

    gauge_telemetry(g, &on, (raw_ns){3 * NS_PER_S}, &t);
    return t;
}

/* Two readers, each with its own span of time; none takes anything from the other. */
static void test_two_readers(void **state)
{
    const struct playback_extremes first = extremes(800, 7, 3, 0.5f), second = extremes(200, 6, 4, 0.25f);
    struct playback_status status = {.rx = {.state = RX_PLAYING}};
    static struct rx_distributions none;
    struct playback_extremes line;
    struct telemetry t;
    struct gauge g;

    (void)state;
    gauge_init(&g, (raw_ns){NS_PER_S});
    gauge_extremes(&g, &first);
    gauge_line(&g, &line);
    assert_true(line.error_worst_ns == 800 && line.lead_min_ms == 7 && line.queued_min_ms == 3);
    gauge_extremes(&g, &second);
    gauge_line(&g, &line);
    assert_true(line.error_worst_ns == 200 && line.lead_min_ms == 6 && line.queued_min_ms == 4);
    t = telemetry_of(&g, &status, &none);
    assert_int_equal(t.interval_ms, 2000);
    assert_int_equal(t.lead_min_us, 6000);
    assert_int_equal(t.queued_min_us, 3000);
    assert_int_equal(t.peaks[0], 40);
    assert_int_equal(t.peaks[1], 12);
    assert_int_equal(t.error_worst_ns, 0); /* nothing was played, by the distributions */
    gauge_reported(&g, &none, (raw_ns){3 * NS_PER_S});
    t = telemetry_of(&g, &status, &none);
    assert_int_equal(t.interval_ms, 0);
    assert_int_equal(t.lead_min_us, TELEMETRY_UNKNOWN);
    assert_int_equal(t.lead_median_us, TELEMETRY_UNKNOWN);
    assert_int_equal(t.queued_min_us, 0);
    assert_int_equal(t.peaks[1], TELEMETRY_SILENCE);
}

/* Every number has its place and unit; those that do not fit are the nearest that does. */
static void test_units(void **state)
{
    static struct rx_distributions before, now;
    struct playback_status status = {
        .rx = {.state = RX_PLAYING,
               .card_ppm = -80.0005,
               .resample_ppm = 1e9,
               .card_sigma_ns = 400,
               .error_ns = 0,
               .lead_need_ms = 1.5,
               .late = 7,
               .concealed = 240,
               .made_up = 240,
               .xruns = 2,
               .starts = 3,
               .clipped = 4,
               .stream = {.counters = {.received = 100, .lost = 5, .duplicates = 6}}},
        .card_present = true,
        .realtime = true,
    };
    struct playback_extremes worst = extremes(900, 4, 2, 0);
    struct telemetry t;
    struct gauge g;

    (void)state;
    gauge_init(&g, (raw_ns){0});
    for (int i = 0; i < 100; i++) {
        distribution_add(&before.errors_ns, 1000000);
        distribution_add(&now.errors_ns, 1000000);
    }
    gauge_reported(&g, &before, (raw_ns){NS_PER_S});
    gauge_extremes(&g, &worst);
    for (int i = 0; i < 100; i++) {
        distribution_add(&now.errors_ns, i < 98 ? -20 : 900);
        distribution_add(&now.leads_us, 5000);
    }
    t = telemetry_of(&g, &status, &now);
    assert_int_equal(t.state, TELEMETRY_PLAYING);
    assert_int_equal(t.clock_state, MEDIA_CLOCK_LOCKED);
    assert_true(t.device_present && t.realtime && !t.refused);
    assert_int_equal(t.ptp_offset_ns, -1234);
    assert_int_equal(t.uncertainty_ns, 300);
    assert_int_equal(t.budget_ns, 500);
    assert_int_equal(t.error_median_ns, -20);
    assert_in_range(t.error_p99_ns, 870, 930);
    assert_int_equal(t.error_worst_ns, 900);
    assert_int_equal(t.card_ppb, -80001);
    assert_int_equal(t.resample_ppb, INT32_MAX);
    assert_int_equal(t.lead_min_us, 4000);
    assert_in_range(t.lead_median_us, 4800, 5200);
    assert_int_equal(t.lead_need_us, 1500);
    assert_int_equal(telemetry_headroom_us(&t), 2500);
    assert_int_equal(t.delay_us, 5000);
    assert_int_equal(t.received, 100);
    assert_int_equal(t.lost, 5);
    assert_int_equal(t.late, 7);
    assert_int_equal(t.duplicates, 6);
    assert_int_equal(t.concealed, 480);
    assert_int_equal(t.xruns, 2);
    assert_int_equal(t.starts, 3);
    assert_int_equal(t.clipped, 4);
    assert_int_equal(t.channels, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_readers),
        cmocka_unit_test(test_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
