// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The PHC as a source of time, against a made-up card behind struct phc_io: its clock runs 3 ppm fast on TAI,
 * and every look at a clock takes time, drawn from a fixed seed. What is read is held against what the card
 * truly showed at that raw instant. One thread and made-up time: nothing here waits for anything.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/ptp_clock.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/host/phc.h"

#define RAW0     (INT64_C(5000) * NS_PER_S)
#define REAL0    (INT64_C(1790000000) * NS_PER_S)
#define CARD0    (REAL0 + 37 * NS_PER_S)
#define RATE     3e-6
#define HOUR_NS  (3600 * NS_PER_S)
#define POLL_NS  (60 * NS_PER_MS)
#define NEVER    (-1)
#define READINGS 8 /* in one poll */

enum garbage {
    SOUND,
    NSEC_TOO_LARGE,
    NEGATIVE_SECONDS,
    HUGE_SECONDS,
    NOTHING_WRITTEN,
    BACKWARDS,   /* the stamp after before the stamp before */
    OF_LAST_HOUR /* stamps that were not taken now */
};

struct world {
    struct phc_io io;
    struct phc *phc;
    uint32_t seed;

    int64_t raw;
    int64_t card0; /* what the card showed at RAW0 */
    double slew;   /* of CLOCK_REALTIME against raw */
    int64_t stepped_ns;

    /* the machine */
    int index;      /* of the interface, or -errno */
    int open_error; /* of the device node */
    int node;       /* N of the /dev/ptpN that is there; NEVER: none */
    int fd;         /* open, or -1 */
    int opened, closed;

    /* driver and kernel: what each way answers, 0 or -errno */
    int caps, precise, by_raw, by_realtime, bracketed;
    bool ignores_clock; /* brackets by CLOCK_REALTIME whatever was asked for */
    enum garbage garbage;
    int sound_reading;       /* that is spared from garbage; NEVER: none */
    int filled;              /* readings that are really written */
    unsigned lies_n_samples; /* written back if not 0 */
    int64_t before, after;   /* of a bracket, and as much again at random */
    int64_t pair_ns;         /* of a pair, after reading CLOCK_REALTIME */
    int64_t stall_ns;        /* of every reading */
    int spared;              /* but this one */
    int step_at;             /* reading, in the next poll, in which CLOCK_REALTIME is stepped */
    int64_t step_ns;
    int asked[4]; /* how often: precise, by raw, by realtime, bracketed */

    struct clock_sample sample;
    char text[256];
};

/* ---- its clocks ---- */

static int64_t upto(struct world *w, int64_t ns)
{
    w->seed = w->seed * 1664525 + 1013904223;
    return (int64_t)((uint64_t)(w->seed >> 8) * (uint64_t)ns >> 24);
}

static void pass(struct world *w, int64_t ns)
{
    w->raw += ns + upto(w, ns);
}

static int64_t card_at(const struct world *w, int64_t raw)
{
    return w->card0 + (raw - RAW0) + llround((double)(raw - RAW0) * RATE);
}

static int64_t realtime(const struct world *w)
{
    return REAL0 + (w->raw - RAW0) + llround((double)(w->raw - RAW0) * w->slew) + w->stepped_ns;
}

static struct ptp_clock_time told(int64_t ns)
{
    return (struct ptp_clock_time){.sec = ns / NS_PER_S, .nsec = (unsigned)(ns % NS_PER_S)};
}

/* One look at the card's register, between the stamps of a clock. */
static void look(struct world *w, int reading, bool by_raw, int64_t stamp[3])
{
    stamp[0] = by_raw ? w->raw : realtime(w);
    pass(w, w->before);
    stamp[1] = card_at(w, w->raw);
    if (reading == w->step_at) {
        w->stepped_ns += w->step_ns;
        w->step_at = NEVER;
    }
    if (w->stall_ns && reading != w->spared)
        pass(w, w->stall_ns);
    pass(w, w->after);
    stamp[2] = by_raw ? w->raw : realtime(w);
}

static void spoil(const struct world *w, int reading, struct ptp_clock_time t[3])
{
    if (reading == w->sound_reading)
        return;
    for (int i = 0; i < 3; i++) {
        switch (w->garbage) {
        case NSEC_TOO_LARGE:
            t[i].nsec = (unsigned)NS_PER_S;
            break;
        case NEGATIVE_SECONDS:
            t[i].sec = -t[i].sec;
            break;
        case HUGE_SECONDS:
            t[i].sec = INT64_MAX;
            break;
        case NOTHING_WRITTEN:
            t[i] = told(0);
            break;
        case BACKWARDS:
            t[i].sec += i == 0;
            break;
        case OF_LAST_HOUR:
            t[i].sec -= i == 1 ? 0 : HOUR_NS / NS_PER_S;
            break;
        default:
            break;
        }
    }
}

/* ---- driver and kernel ---- */

static int precise(struct world *w, struct ptp_sys_offset_precise *both)
{
    struct ptp_clock_time t[3];

    w->asked[0]++;
    if (w->precise)
        return w->precise;
    pass(w, 2000);
    /* each counter is latched as it stood up to 40 ns ago */
    t[0] = t[2] = told(w->raw - upto(w, 40));
    t[1] = told(card_at(w, w->raw) - upto(w, 40));
    pass(w, 5000);
    spoil(w, 0, t);
    both->sys_monoraw = t[2];
    both->device = t[1];
    both->sys_realtime = told(realtime(w));
    return 0;
}

static int extended(struct world *w, struct ptp_sys_offset_extended *all)
{
    bool by_raw = all->rsv[0] == CLOCK_MONOTONIC_RAW;
    int error = by_raw ? w->by_raw : w->by_realtime;

    w->asked[by_raw ? 1 : 2]++;
    assert_in_range(all->n_samples, 5, 10);
    assert_true(by_raw || all->rsv[0] == CLOCK_REALTIME);
    assert_int_equal(all->rsv[1], 0);
    assert_int_equal(all->rsv[2], 0);
    if (error)
        return error;
    pass(w, 300);
    for (int i = 0; i < (int)all->n_samples && i < w->filled; i++) {
        int64_t stamp[3];

        look(w, i, by_raw && !w->ignores_clock, stamp);
        for (int k = 0; k < 3; k++)
            all->ts[i][k] = told(stamp[k]);
        spoil(w, i, all->ts[i]);
    }
    if (w->lies_n_samples)
        all->n_samples = w->lies_n_samples;
    pass(w, 300);
    return 0;
}

static int fake_control(void *self, int fd, unsigned long request, void *argument)
{
    struct world *w = self;

    assert_int_equal(fd, w->fd);
    if (w->node == NEVER)
        return -ENODEV;
    if (request == PTP_CLOCK_GETCAPS)
        return w->caps;
    if (request == PTP_SYS_OFFSET_PRECISE)
        return precise(w, argument);
    assert_int_equal(request, PTP_SYS_OFFSET_EXTENDED);
    return extended(w, argument);
}

static int fake_read(void *self, int fd, struct timespec *t)
{
    struct world *w = self;
    int reading = w->asked[3]++ % READINGS;
    struct ptp_clock_time parts[3];
    int64_t stamp[3];

    assert_int_equal(fd, w->fd);
    if (w->node == NEVER)
        return -ENODEV;
    if (w->bracketed)
        return w->bracketed;
    look(w, reading, true, stamp);
    for (int i = 0; i < 3; i++)
        parts[i] = told(stamp[i]);
    spoil(w, reading, parts);
    *t = (struct timespec){parts[1].sec, parts[1].nsec};
    return 0;
}

static int fake_open(void *self, const char *path)
{
    struct world *w = self;
    char there[32];

    snprintf(there, sizeof there, "/dev/ptp%d", w->node);
    if (w->node == NEVER || strcmp(path, there) != 0)
        return -ENOENT;
    if (w->open_error)
        return w->open_error;
    assert_int_equal(w->fd, -1);
    w->fd = 100 + w->opened++;
    return w->fd;
}

static void fake_close(void *self, int fd)
{
    struct world *w = self;

    assert_int_equal(fd, w->fd);
    w->fd = -1;
    w->closed++;
}

static int fake_index(void *self, const char *interface)
{
    struct world *w = self;

    return strcmp(interface, "eth7") == 0 ? w->index : -ENODEV;
}

static raw_ns fake_raw(void *self)
{
    struct world *w = self;
    raw_ns now;

    pass(w, 10);
    now = (raw_ns){w->raw};
    pass(w, 10);
    return now;
}

static void fake_pair(void *self, struct clock_pair *pair)
{
    struct world *w = self;
    int64_t before;

    pass(w, 200);
    before = w->raw;
    w->raw += 15 + upto(w, 15);
    pair->realtime_ns = realtime(w);
    w->raw += w->pair_ns + upto(w, w->pair_ns);
    pair->width_ns = w->raw - before;
    pair->raw.ns = before + pair->width_ns / 2;
}

/* ---- the test's own ---- */

static void world_make(struct world *w)
{
    *w = (struct world){
        .io = {w, fake_open, fake_close, fake_control, fake_read, fake_index, fake_raw, fake_pair},
        .seed = 1,
        .raw = RAW0,
        .card0 = CARD0,
        .pair_ns = 15,
        .slew = -20e-6,
        .index = 3,
        .node = 3,
        .fd = -1,
        .sound_reading = NEVER,
        .filled = READINGS,
        .before = 400,
        .after = 400,
        .spared = NEVER,
        .step_at = NEVER,
    };
}

static int open_named(struct world *w, const char *name)
{
    w->text[0] = '\0';
    return phc_open(&w->phc, name, &w->io, w->text, sizeof w->text);
}

/* The card by its best way, and by each below it. */
static void open_way(struct world *w, int way)
{
    if (way > 0)
        w->precise = -EOPNOTSUPP;
    if (way > 1)
        w->by_raw = -EINVAL;
    if (way > 2)
        w->by_realtime = -EOPNOTSUPP;
    assert_int_equal(open_named(w, "/dev/ptp3"), 0);
    assert_string_equal(phc_method(w->phc), way == 0 ? "precise" : way == 3 ? "bracketed" : "extended");
    memset(w->asked, 0, sizeof w->asked);
}

static int poll_at_once(struct world *w)
{
    w->text[0] = '\0';
    w->sample = (struct clock_sample){.master = {42, 7}};
    return phc_poll(w->phc, (raw_ns){w->raw}, &w->sample, w->text, sizeof w->text);
}

static int poll_card(struct world *w)
{
    w->raw += POLL_NS;
    return poll_at_once(w);
}

static double error_ns(const struct world *w)
{
    return (double)(w->sample.ptp.ns - card_at(w, w->sample.raw.ns));
}

/* A sample, not further off than an error that is uniform within its bracket can be. */
static void assert_sample(struct world *w, double sigma_max_ns)
{
    assert_int_equal(poll_card(w), 1);
    if (fabs(error_ns(w)) > sqrt(3) * w->sample.sigma_ns + 2)
        fail_msg("%g ns off with sigma %g ns", error_ns(w), w->sample.sigma_ns);
    if (w->sample.sigma_ns > sigma_max_ns)
        fail_msg("sigma %g ns", w->sample.sigma_ns);
    assert_true(w->sample.sigma_ns >= 5);
    assert_int_equal(w->sample.master.gm_id, 42);
}

static void finish(struct world *w)
{
    phc_close(w->phc);
    assert_int_equal(w->fd, -1);
    assert_int_equal(w->opened, w->closed);
}

/* ---- tests ---- */

/* By every way: what the media clock makes of it is the card's time and rate. */
static void follow(int way, int64_t before, int64_t after, double slew)
{
    static const struct media_clock_config config = {100, 1000, 2 * NS_PER_S, NS_PER_MS};
    /* the bracket twice as wide, and what a slew gains while it is read */
    const double sigma_max_ns = ((double)(before + after) * 3 + fabs(slew) * 30000) / sqrt(12);
    struct media_clock clock;
    struct world w;
    double squares = 0, variances = 0;

    world_make(&w);
    w.before = before;
    w.after = after;
    w.slew = slew;
    open_way(&w, way);
    media_clock_init(&clock, &config);
    for (int i = 0; i < 1000; i++) {
        assert_sample(&w, sigma_max_ns);
        squares += error_ns(&w) * error_ns(&w);
        variances += w.sample.sigma_ns * w.sample.sigma_ns;
        media_clock_sample(&clock, &w.sample);
        media_clock_tick(&clock, (raw_ns){w.raw});
    }
    if (before == after)
        assert_true(squares < variances);
    if (way == 0) /* nor is sigma a multiple of the truth */
        assert_true(squares > variances / 4);
    assert_int_equal(clock.map.state, MEDIA_CLOCK_LOCKED);
    assert_int_equal(clock.steps, 0);
    assert_true(fabs((double)(clock_map_ptp(&clock.map, (raw_ns){w.raw}).ns - card_at(&w, w.raw))) <
                sqrt(3) * w.sample.sigma_ns);
    assert_true(fabs(clock.map.rate_dev - RATE) < 0.1e-6);
    assert_int_equal(w.asked[way], way == 3 ? 1000 * READINGS : 1000);
    finish(&w);
}

static void test_every_way_tells_the_cards_time(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        follow(way, 400, 400, -20e-6);
        follow(way, 100, 1200, -20e-6);
        follow(way, 1200, 100, -20e-6);
    }
}

/* ptp4l -S and chrony may slew CLOCK_REALTIME by a tenth. */
static void test_old_kernel_beside_a_slewed_system_clock(void **state)
{
    (void)state;
    follow(2, 400, 400, 500e-6);
    follow(2, 400, 400, -500e-6);
    follow(2, 400, 400, 0.1);
    follow(2, 400, 400, -0.1);
}

static void test_ways_missing_one_after_the_other(void **state)
{
    static const int missing[] = {-EOPNOTSUPP, -ENOTTY, -ENOSYS};

    (void)state;
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        struct world w;
        int *const ways[] = {&w.precise, &w.by_raw, &w.by_realtime, &w.bracketed};

        world_make(&w);
        open_way(&w, 0);
        for (int k = 0; k < 3; k++) {
            assert_sample(&w, 700);
            *ways[k] = missing[i];
            memset(w.asked, 0, sizeof w.asked);
            assert_sample(&w, 700); /* in the same poll */
            assert_int_equal(w.asked[k], 1);
            assert_sample(&w, 700);
            assert_int_equal(w.asked[k], 1); /* and not asked again */
        }
        assert_string_equal(phc_method(w.phc), "bracketed");
        w.bracketed = missing[i];
        assert_int_equal(poll_card(&w), -ENODEV);
        assert_non_null(strstr(w.text, "/dev/ptp3: cannot be read"));
        finish(&w);
    }
}

/* A kernel before 6.12 refuses the clock; one that ignores it instead is found out by what it says. */
static void test_clock_to_bracket_by(void **state)
{
    struct world w;

    (void)state;
    world_make(&w);
    w.precise = w.by_raw = -EINVAL;
    assert_int_equal(open_named(&w, "/dev/ptp3"), 0);
    for (int i = 0; i < 7; i++) /* of the precise way it may pass */
        assert_int_equal(poll_card(&w), i < 6 ? 0 : 1);
    assert_string_equal(phc_method(w.phc), "extended");
    assert_int_equal(w.asked[1], 1);
    assert_int_equal(w.asked[2], 1);
    finish(&w);

    world_make(&w);
    w.ignores_clock = true;
    open_way(&w, 1);
    for (int i = 0; i < 6; i++)
        assert_int_equal(poll_card(&w), 0);
    assert_sample(&w, 700);
    assert_int_equal(w.asked[2], 1);
    finish(&w);
}

/* What passes does not cost the better way; what stays does. */
static void test_errors_that_may_pass(void **state)
{
    static const int errors[] = {-EINVAL, -EBUSY, -ETIMEDOUT, -EIO, -EINTR};

    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct world w;

        world_make(&w);
        open_way(&w, 0);
        for (int k = 0; k < 30; k++) {
            w.precise = k % 8 == 7 ? 0 : errors[i];
            assert_int_equal(poll_card(&w), k % 8 == 7);
        }
        assert_string_equal(phc_method(w.phc), "precise");
        w.precise = 0;
        assert_sample(&w, 25);
        w.precise = errors[i];
        for (int k = 0; k < 7; k++)
            assert_int_equal(poll_card(&w), 0);
        assert_sample(&w, 700);
        assert_string_equal(phc_method(w.phc), "extended");
        finish(&w);
    }
}

/* -ENODEV of the precise way: the kernel keeps time by another counter. The card is there. */
static void test_precise_beside_another_counter(void **state)
{
    struct world w;

    (void)state;
    world_make(&w);
    w.precise = -ENODEV;
    assert_int_equal(open_named(&w, "/dev/ptp3"), 0);
    assert_sample(&w, 700);
    assert_string_equal(phc_method(w.phc), "extended");
    assert_int_equal(w.closed, 0);
    finish(&w);
}

static void test_last_way_fails(void **state)
{
    struct world w;

    (void)state;
    world_make(&w);
    open_way(&w, 3);
    w.bracketed = -EIO;
    for (int i = 0; i < 7; i++)
        assert_int_equal(poll_card(&w), 0);
    assert_int_equal(poll_card(&w), -ENODEV);
    assert_non_null(strstr(w.text, "/dev/ptp3: cannot be read"));
    w.bracketed = 0;
    w.precise = -EBUSY; /* still, for a moment */
    while (w.fd < 0)
        poll_card(&w);
    w.precise = 0;
    assert_sample(&w, 25); /* all ways are tried anew */
    assert_string_equal(phc_method(w.phc), "precise");
    finish(&w);
}

static void test_card_goes_and_comes_back(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        struct world w;

        world_make(&w);
        open_way(&w, way);
        assert_sample(&w, 700);
        w.node = NEVER;
        assert_int_equal(poll_card(&w), -ENODEV);
        assert_int_equal(w.fd, -1); /* or the card could not have its number again */
        for (int i = 0; i < 40; i++) {
            assert_int_equal(poll_card(&w), -ENODEV);
            assert_string_equal(w.text, "the network card's clock /dev/ptp3 is gone; looking for it");
        }
        w.node = 3;
        w.open_error = -EACCES; /* until udev has been there */
        for (int i = 0; i < 9; i++)
            assert_int_equal(poll_card(&w), -ENODEV);
        assert_non_null(strstr(w.text, "/dev/ptp3: no permission"));
        w.open_error = 0;
        for (int i = 0; w.fd < 0; i++) {
            assert_true(i < 9);
            poll_card(&w);
        }
        assert_sample(&w, 700);
        assert_string_equal(w.text, "");
        assert_int_equal(w.opened, 2);
        finish(&w);
    }
}

static void test_looks_every_half_second(void **state)
{
    struct world w;

    (void)state;
    world_make(&w);
    open_way(&w, 1);
    w.node = NEVER;
    assert_int_equal(poll_at_once(&w), -ENODEV);
    w.node = 3;
    w.raw += 499 * NS_PER_MS;
    assert_int_equal(poll_at_once(&w), -ENODEV);
    assert_int_equal(w.opened, 1);
    w.raw += NS_PER_MS;
    assert_int_equal(poll_at_once(&w), 1);
    assert_int_equal(w.opened, 2);
    finish(&w);
}

/* A driver that is loaded anew may give its card another number: an interface is followed there. */
static void test_interface_comes_back_with_another_clock(void **state)
{
    struct world w;

    (void)state;
    world_make(&w);
    assert_int_equal(open_named(&w, "eth7"), 0);
    assert_string_equal(phc_device(w.phc), "/dev/ptp3");
    assert_sample(&w, 700);
    w.node = NEVER;
    w.index = -ENODEV;
    for (int i = 0; i < 20; i++)
        assert_int_equal(poll_card(&w), -ENODEV);
    assert_string_equal(w.text, "the network card's clock /dev/ptp3 is gone; looking for it");
    w.node = w.index = 5;
    while (w.fd < 0)
        poll_card(&w);
    assert_sample(&w, 700);
    assert_string_equal(phc_device(w.phc), "/dev/ptp5");
    finish(&w);
}

/* Somebody else ran within every reading but one: that one is taken. Within all: none. */
static void test_preempted(void **state)
{
    (void)state;
    for (int way = 1; way < 4; way++) {
        struct world w;

        world_make(&w);
        open_way(&w, way);
        w.stall_ns = 20 * NS_PER_MS;
        for (w.spared = 0; w.spared < READINGS; w.spared++)
            assert_sample(&w, way == 2 ? 3000 : 700); /* 20 ppm of the stalls */
        w.stall_ns = 100 * NS_PER_US;
        w.spared = NEVER;
        assert_sample(&w, 100000); /* wide, and says so */
        assert_true(w.sample.sigma_ns > 20000);
        w.stall_ns = 2 * NS_PER_MS;
        for (int i = 1; i < 20; i++) {
            assert_int_equal(poll_card(&w), 0);
            assert_string_equal(w.text, i < 8 ? ""
                                              : "every reading of /dev/ptp3 takes longer than 1 ms; is this "
                                                "machine overloaded?");
        }
        w.stall_ns = 0;
        assert_sample(&w, 700);
        assert_string_equal(w.text, "");
        assert_string_equal(phc_method(w.phc), way == 3 ? "bracketed" : "extended");
        finish(&w);
    }
}

/* CLOCK_REALTIME is set while the card is read beside it. */
static void test_system_clock_is_stepped(void **state)
{
    static const int64_t steps[] = {HOUR_NS,       -HOUR_NS,       NS_PER_S,        -NS_PER_S,
                                    5 * NS_PER_MS, -5 * NS_PER_MS, 300 * NS_PER_US, -300 * NS_PER_US,
                                    2000,          -2000};

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct world w;

        world_make(&w);
        open_way(&w, 2);
        for (int at = 0; at < READINGS; at++) {
            int answer;

            w.step_at = at;
            w.step_ns = steps[i];
            answer = poll_card(&w);
            assert_int_equal(w.step_at, NEVER);
            if (llabs(steps[i]) >= NS_PER_MS)
                assert_int_equal(answer, 0);
            if (answer && fabs(error_ns(&w)) > sqrt(3) * w.sample.sigma_ns + 2)
                fail_msg("step %lld at %d: %g ns off with sigma %g", (long long)steps[i], at, error_ns(&w),
                         w.sample.sigma_ns);
            assert_sample(&w, 700); /* and the next is as good as ever */
        }
        assert_int_equal(w.asked[2], 2 * READINGS);
        finish(&w);
    }
}

/* The same while others run, for about as long as it is set back. */
static void test_system_clock_is_stepped_while_preempted(void **state)
{
    (void)state;
    for (int ms = 10; ms < 350; ms++) {
        struct world w;

        world_make(&w);
        open_way(&w, 2);
        w.stall_ns = 20 * NS_PER_MS;
        w.step_at = READINGS - 1;
        w.step_ns = -ms * NS_PER_MS;
        assert_int_equal(poll_card(&w), 0);
        w.stall_ns = 0;
        assert_sample(&w, 700);
        finish(&w);
    }
}

/* The other brackets do not care. */
static void test_system_clock_does_not_matter(void **state)
{
    (void)state;
    for (int way = 1; way < 4; way += 2) {
        struct world w;

        world_make(&w);
        open_way(&w, way);
        w.step_at = 4;
        w.step_ns = -HOUR_NS;
        assert_sample(&w, 700);
        assert_sample(&w, 700);
        finish(&w);
    }
}

/* One reading of eight is sound: it is found. */
static void test_garbage_beside_a_sound_reading(void **state)
{
    (void)state;
    for (int way = 1; way < 4; way++)
        for (enum garbage g = NSEC_TOO_LARGE; g <= OF_LAST_HOUR; g++) {
            struct world w;

            if (way == 3 && g >= NOTHING_WRITTEN)
                continue; /* the stamps are our own, and the time of a card may be anything */
            world_make(&w);
            open_way(&w, way);
            w.garbage = g;
            for (w.sound_reading = 0; w.sound_reading < READINGS; w.sound_reading++)
                assert_sample(&w, 700);
            finish(&w);
        }
}

/* None is: no sample ever, the next way, and at last a word to the user. */
static void test_nothing_but_garbage(void **state)
{
    (void)state;
    for (enum garbage g = NSEC_TOO_LARGE; g <= HUGE_SECONDS; g++) {
        struct world w;
        int answer, polls = 0;

        world_make(&w);
        open_way(&w, 0);
        w.garbage = g;
        while (!(answer = poll_card(&w)))
            polls++;
        assert_int_equal(answer, -ENODEV);
        assert_string_equal(w.text, "the driver of /dev/ptp3 tells times that cannot be; opening it anew");
        assert_int_equal(polls, 4 * 7);
        w.garbage = SOUND;
        while (w.fd < 0)
            poll_card(&w);
        assert_sample(&w, 25);
        finish(&w);
    }
}

/* Stamps that cannot be are no sample; the last way takes its own. */
static void test_nothing_but_wrong_stamps(void **state)
{
    (void)state;
    for (enum garbage g = NOTHING_WRITTEN; g <= OF_LAST_HOUR; g++) {
        struct world w;
        int way = g == BACKWARDS; /* the precise way has but one stamp */

        world_make(&w);
        open_way(&w, way);
        w.garbage = g;
        for (int i = 0; i < (3 - way) * 7; i++)
            assert_int_equal(poll_card(&w), 0);
        w.garbage = g == NOTHING_WRITTEN ? SOUND : g;
        w.by_realtime = g == NOTHING_WRITTEN ? -EIO : 0;
        assert_sample(&w, 700);
        assert_string_equal(phc_method(w.phc), "bracketed");
        finish(&w);
    }
}

/* A grandmaster may be of any epoch: the card's time is not held against the system's. */
static void test_any_epoch(void **state)
{
    static const int64_t epochs[] = {0, NS_PER_S, 2574 * NS_PER_S, 3500000000 * NS_PER_S};

    (void)state;
    for (int way = 0; way < 4; way++)
        for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++) {
            struct world w;

            world_make(&w);
            w.card0 = epochs[i];
            open_way(&w, way);
            assert_sample(&w, 700);
            finish(&w);
        }
}

/* Pairs, too, are only as good as they are narrow; and no reading is better than the card's own steps. */
static void test_sigma_tells_the_width(void **state)
{
    struct world w;

    (void)state;
    world_make(&w);
    open_way(&w, 2);
    w.pair_ns = 3000;
    for (int i = 0; i < 100; i++)
        assert_sample(&w, 2500);
    finish(&w);

    world_make(&w);
    w.before = w.after = 0;
    open_way(&w, 1);
    assert_sample(&w, 5);
    finish(&w);
}

static void test_driver_lies_about_the_readings(void **state)
{
    static const unsigned lies[] = {1, 25, 26, UINT32_MAX};

    (void)state;
    for (int way = 1; way < 3; way++)
        for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
            struct world w;

            world_make(&w);
            open_way(&w, way);
            w.lies_n_samples = lies[i];
            w.filled = 3; /* the other slots stay zero: the narrowest of all */
            assert_sample(&w, 700);
            w.filled = 0;
            assert_int_equal(poll_card(&w), 0);
            finish(&w);
        }
}

static void test_names(void **state)
{
    static const struct {
        const char *name;
        int index, node, open_error, caps, error;
        const char *says;
    } cases[] = {
        {"eth8", 3, 3, 0, 0, -ENODEV, "phc:eth8: no such network interface"},
        {"ptp3", 3, 3, 0, 0, -ENODEV, "a device is written /dev/ptp0"},
        {"eth7", -ENOENT, 3, 0, 0, -ENOENT,
         "phc:eth7: that interface has no clock of its own (ethtool -T eth7"},
        {"eth7", -EPERM, 3, 0, 0, -EPERM, "phc:eth7: cannot ask for its clock: Operation not permitted"},
        {"eth7", 3, 4, 0, 0, -ENOENT, "/dev/ptp3: there is no such clock"},
        {"/dev/ptp9", 3, 3, 0, 0, -ENOENT, "/dev/ptp9: there is no such clock; ls /dev/ptp*"},
        {"/dev/ptp3", 3, 3, -EACCES, 0, -EACCES, "/dev/ptp3: no permission to read it; a udev rule"},
        {"/dev/ptp3", 3, 3, -EMFILE, 0, -EMFILE, "/dev/ptp3: cannot be opened: Too many open files"},
        {"/dev/ptp3", 3, 3, 0, -ENOTTY, -ENOTTY, "/dev/ptp3 is not a PTP hardware clock"},
        {"/dev/a-name-that-is-longer-than-any-device-of-this-world-could-ever-have", 3, 3, 0, 0,
         -ENAMETOOLONG, "no such device"},
        {"/dev/ptp3", 3, 3, 0, 0, 0, ""},
        {"eth7", 3, 3, 0, 0, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;

        world_make(&w);
        w.index = cases[i].index;
        w.node = cases[i].node;
        w.open_error = cases[i].open_error;
        w.caps = cases[i].caps;
        assert_int_equal(open_named(&w, cases[i].name), cases[i].error);
        if (!strstr(w.text, cases[i].says) || strchr(w.text, '\n'))
            fail_msg("%s: %s", cases[i].name, w.text);
        finish(&w);
    }
}

/* A card that is there and cannot be read in any way is refused at once. */
static void test_card_without_any_way(void **state)
{
    struct world w;

    (void)state;
    world_make(&w);
    w.precise = w.by_raw = w.by_realtime = w.bracketed = -EOPNOTSUPP;
    assert_int_equal(open_named(&w, "/dev/ptp3"), -EOPNOTSUPP);
    assert_non_null(strstr(w.text, "/dev/ptp3 is not a PTP hardware clock"));
    finish(&w);
}

/* What this machine surely has none of. */
static void test_kernel(void **state)
{
    static const struct {
        const char *name;
        int error;
        const char *says;
    } cases[] = {
        {"lo", -ENOENT, "--clock phc:lo: that interface has no clock of its own"},
        {"no-such-if0", -ENODEV, "--clock phc:no-such-if0: no such network interface"},
        {"", -ENODEV, "no such network interface"},
        {"a-name-longer-than-an-interface", -ENODEV, "no such network interface"},
        {"/dev/null", -ENOTTY, "/dev/null is not a PTP hardware clock; those are called /dev/ptp0 and so on"},
        {"/dev", -ENOTTY, "/dev is not a PTP hardware clock"},
        {"/dev/ptp-none", -ENOENT, "/dev/ptp-none: there is no such clock"},
    };
    char fifo[] = "/tmp/unisono-phc-XXXXXX";
    struct world w;
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        w.phc = NULL;
        assert_int_equal(phc_open(&w.phc, cases[i].name, &phc_kernel, w.text, sizeof w.text), cases[i].error);
        if (!strstr(w.text, cases[i].says))
            fail_msg("%s: %s", cases[i].name, w.text);
    }
    assert_true(phc_kernel.raw(NULL).ns > 0);
    fd = phc_kernel.open(NULL, "/dev/null");
    assert_true(fd >= 0);
    assert_int_equal(phc_kernel.read(NULL, fd, &(struct timespec){0}), -EINVAL);
    phc_kernel.close(NULL, fd);

    /* does not wait for somebody to write into it */
    assert_non_null(mkdtemp(fifo));
    snprintf(w.text, sizeof w.text, "%s/f", fifo);
    assert_int_equal(mkfifo(w.text, 0600), 0);
    assert_int_equal(phc_open(&w.phc, w.text, &phc_kernel, (char[256]){0}, 256), -ENOTTY);
    unlink(w.text);
    rmdir(fifo);
    phc_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_way_tells_the_cards_time),
        cmocka_unit_test(test_old_kernel_beside_a_slewed_system_clock),
        cmocka_unit_test(test_ways_missing_one_after_the_other),
        cmocka_unit_test(test_clock_to_bracket_by),
        cmocka_unit_test(test_errors_that_may_pass),
        cmocka_unit_test(test_precise_beside_another_counter),
        cmocka_unit_test(test_last_way_fails),
        cmocka_unit_test(test_card_goes_and_comes_back),
        cmocka_unit_test(test_looks_every_half_second),
        cmocka_unit_test(test_interface_comes_back_with_another_clock),
        cmocka_unit_test(test_preempted),
        cmocka_unit_test(test_system_clock_is_stepped),
        cmocka_unit_test(test_system_clock_is_stepped_while_preempted),
        cmocka_unit_test(test_system_clock_does_not_matter),
        cmocka_unit_test(test_garbage_beside_a_sound_reading),
        cmocka_unit_test(test_nothing_but_garbage),
        cmocka_unit_test(test_nothing_but_wrong_stamps),
        cmocka_unit_test(test_driver_lies_about_the_readings),
        cmocka_unit_test(test_any_epoch),
        cmocka_unit_test(test_sigma_tells_the_width),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_card_without_any_way),
        cmocka_unit_test(test_kernel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
