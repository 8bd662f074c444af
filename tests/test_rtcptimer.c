// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * When RTCP may be sent: the arithmetic of RFC 3550 number by number, and a network in virtual time where up
 * to 3,000 members hear each other by nothing else than this module.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/rtcptimer.h"

#define OURS    0x11111111u
#define BYTES   288000u /* a second: 48000 Hz, 2 channels, L24 */
#define OCTETS  150u
#define SECONDS *NS_PER_S

/* What all receivers share: 5 % of it, and 75 % of that. */
#define RECEIVERS_BYTES (BYTES * 0.05 * 0.75)

static raw_ns at(double s)
{
    return (raw_ns){(int64_t)(s * 1e9)};
}

static uint64_t step(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return *random >> 33;
}

/* ---- one member ------------------------------------------------------------------------------------- */

struct one {
    struct rtcp_timer timer;
    struct rtcp_member table[RTCP_TIMER_SLOTS];
};

static struct one *create(uint32_t bytes_per_s, bool sends_sound, uint64_t seed)
{
    struct one *one = malloc(sizeof *one);
    struct rtcp_timer_config config = {OURS, sends_sound, bytes_per_s, OCTETS, seed};

    assert_non_null(one);
    memset(one->table, 0xa5, sizeof one->table); /* needs no preparation */
    rtcp_timer_init(&one->timer, &config, one->table, RTCP_TIMER_SLOTS, at(0));
    return one;
}

/* So many others are heard, all at this instant. */
static void hear(struct one *one, uint32_t first, uint32_t count, raw_ns now)
{
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(rtcp_timer_heard(&one->timer, first + i, OCTETS, false, now), RTCP_HEARD_JOINED);
}

/* Until it is its turn: when that is. */
static raw_ns await_turn(struct one *one, enum rtcp_timer_turn turn)
{
    raw_ns now = rtcp_timer_deadline(&one->timer);

    for (int i = 0; i < 1000 && rtcp_timer_run(&one->timer, now) != turn; i++)
        now = rtcp_timer_deadline(&one->timer);
    assert_true(now.ns < INT64_MAX);
    return now;
}

/* Section 6.2: 5 s at least, else what the bandwidth gives; the sender pays from its own quarter. */
static void test_interval(void **state)
{
    struct one *one = create(BYTES, false, 1);

    (void)state;
    assert_int_equal(rtcp_timer_members(&one->timer), 1);
    assert_int_equal(rtcp_timer_interval_ns(&one->timer), 5 SECONDS);
    hear(one, 1000, 999, at(1));
    assert_int_equal(rtcp_timer_members(&one->timer), 1000);
    /* nobody sends sound: all 1000 share three quarters */
    assert_in_range(rtcp_timer_interval_ns(&one->timer),
                    (uintmax_t)(1000 * OCTETS / RECEIVERS_BYTES * 1e9) - 1,
                    (uintmax_t)(1000 * OCTETS / RECEIVERS_BYTES * 1e9) + 1);
    rtcp_timer_sending(&one->timer, 1000, at(1));
    rtcp_timer_sending(&one->timer, 1001, at(1));
    rtcp_timer_sending(&one->timer, 1001, at(1));
    assert_int_equal(rtcp_timer_senders(&one->timer), 2);
    assert_int_equal(rtcp_timer_members(&one->timer), 1000);
    assert_in_range(rtcp_timer_interval_ns(&one->timer),
                    (uintmax_t)(998 * OCTETS / RECEIVERS_BYTES * 1e9) - 1,
                    (uintmax_t)(998 * OCTETS / RECEIVERS_BYTES * 1e9) + 1);
    free(one);

    /* more than a quarter are senders: all share all */
    one = create(100, false, 1);
    hear(one, 1000, 6, at(1));
    rtcp_timer_sending(&one->timer, 1000, at(1));
    assert_int_equal(rtcp_timer_interval_ns(&one->timer), 6 * OCTETS SECONDS / 15 * 4); /* 1 of 7 */
    rtcp_timer_sending(&one->timer, 1001, at(1));
    assert_int_equal(rtcp_timer_interval_ns(&one->timer), 7 * OCTETS SECONDS / 5); /* 2 of 7 */
    free(one);
}

/* Section 6.3.3: a sixteenth of each, sent or heard. */
static void test_average(void **state)
{
    struct one *one = create(100, false, 1);

    (void)state;
    rtcp_timer_heard(&one->timer, 1, OCTETS + 32, false, at(0));
    assert_int_equal(rtcp_timer_interval_ns(&one->timer), 2 * (OCTETS + 2) SECONDS * 4 / 15);
    rtcp_timer_sent(&one->timer, OCTETS + 2 - 32, at(1));
    assert_int_equal(rtcp_timer_interval_ns(&one->timer), 2 * OCTETS SECONDS * 4 / 15);
    rtcp_timer_sent(&one->timer, 0, at(2)); /* nothing went out */
    assert_int_equal(rtcp_timer_interval_ns(&one->timer), 2 * OCTETS SECONDS * 4 / 15);
    free(one);
}

/* 2.5 s before the first, 1 s then; times 0.5 to 1.5, divided by e - 3/2. A sender: 360 kbit. */
static void check_draws(bool sends_sound, bool first, double td_s)
{
    double least = 1e9, most = 0, sum = 0;

    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct one *one = create(BYTES, sends_sound, seed);
        double t;

        if (!first)
            rtcp_timer_sent(&one->timer, OCTETS, at(0));
        t = (double)rtcp_timer_deadline(&one->timer).ns / 1e9;
        least = t < least ? t : least;
        most = t > most ? t : most;
        sum += t;
        free(one);
    }
    assert_true(least >= td_s * 0.5 / 1.21828 && least < td_s * 0.52 / 1.21828);
    assert_true(most <= td_s * 1.5 / 1.21828 && most > td_s * 1.48 / 1.21828);
    assert_true(sum / 500 > td_s * 0.97 / 1.21828 && sum / 500 < td_s * 1.03 / 1.21828);
}

static void test_draw(void **state)
{
    (void)state;
    check_draws(false, true, 2.5);
    check_draws(false, false, 1);
    check_draws(true, true, 360.0 / (BYTES * 8 / 1000.0) / 2);
    check_draws(true, false, 360.0 / (BYTES * 8 / 1000.0));
}

/* The turn comes when T, drawn anew, is over; what was heard meanwhile puts it off. */
static void test_reconsideration(void **state)
{
    unsigned waited = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct one *one = create(BYTES, false, seed);
        raw_ns due = rtcp_timer_deadline(&one->timer), turn;

        assert_int_equal(rtcp_timer_run(&one->timer, (raw_ns){due.ns - 1}), RTCP_TIMER_WAIT);
        assert_int_equal(rtcp_timer_deadline(&one->timer).ns, due.ns);
        hear(one, 1, 1000, at(0.5));
        waited += rtcp_timer_run(&one->timer, due) == RTCP_TIMER_WAIT;
        turn = await_turn(one, RTCP_TIMER_REPORT);
        /* 1001 members: Td = 13.9 s, so not before 5.7 s */
        assert_in_range(turn.ns, 5.7 * 1e9, 17.2 * 1e9);
        rtcp_timer_sent(&one->timer, OCTETS, turn);
        assert_in_range(rtcp_timer_deadline(&one->timer).ns - turn.ns, 5.7 * 1e9, 17.2 * 1e9);
        free(one);
    }
    assert_int_equal(waited, 100);
}

/* Section 6.3.4: half are left, so half of what remained; and as if half of what has passed had passed. */
static void test_reverse(void **state)
{
    struct one *one = create(BYTES, false, 3);
    int64_t before, rest;

    (void)state;
    hear(one, 1, 999, at(0));
    rtcp_timer_sent(&one->timer, OCTETS, at(10));
    before = rtcp_timer_deadline(&one->timer).ns;
    rest = before - at(12).ns;
    for (uint32_t i = 0; i < 500; i++)
        assert_int_equal(rtcp_timer_heard(&one->timer, 1 + i, OCTETS, true, at(12)), RTCP_HEARD_LEFT);
    assert_int_equal(rtcp_timer_members(&one->timer), 500);
    /* in 500 steps, each rounded down */
    assert_in_range(rtcp_timer_deadline(&one->timer).ns, at(12).ns + rest / 2 - 2000, at(12).ns + rest / 2);
    assert_in_range(one->timer.last.ns, at(11).ns, at(11).ns + 2000);
    assert_int_equal(rtcp_timer_heard(&one->timer, 1, OCTETS, true, at(12)), RTCP_HEARD_STRANGER);
    assert_int_equal(rtcp_timer_members(&one->timer), 500);
    free(one);
}

/* Section 6.3.5: five intervals of silence, or two without sound. */
static void test_silence(void **state)
{
    struct one *one = create(BYTES, false, 1);

    (void)state;
    hear(one, 1, 3, at(1));
    rtcp_timer_sending(&one->timer, 4, at(1));
    assert_int_equal(rtcp_timer_members(&one->timer), 5);
    rtcp_timer_sent(&one->timer, OCTETS, at(4)); /* the next look is past 10.9 s, but not past 14 s */
    rtcp_timer_heard(&one->timer, 4, OCTETS, false, at(4));
    assert_int_equal(rtcp_timer_senders(&one->timer), 1);
    rtcp_timer_run(&one->timer, at(10.9));
    assert_int_equal(rtcp_timer_senders(&one->timer), 1);
    rtcp_timer_run(&one->timer, at(17));
    assert_int_equal(rtcp_timer_senders(&one->timer), 0); /* its reports are not sound */
    assert_int_equal(rtcp_timer_members(&one->timer), 5);
    assert_int_equal(rtcp_timer_heard(&one->timer, 1, OCTETS, false, at(20)), RTCP_HEARD_KNOWN);
    rtcp_timer_run(&one->timer, at(26.2));
    assert_int_equal(rtcp_timer_members(&one->timer), 3);
    assert_int_equal(rtcp_timer_heard(&one->timer, 2, OCTETS, false, at(27)), RTCP_HEARD_JOINED);
    free(one);

    one = create(BYTES, false, 1);
    hear(one, 1, 3, at(1));
    rtcp_timer_run(&one->timer, at(25.9));
    assert_int_equal(rtcp_timer_members(&one->timer), 4);
    free(one);
}

/* Stamps come from the kernel, `now` from the caller: some are older than the timer, some newer than `now`.
 */
static void test_stamps_out_of_order(void **state)
{
    struct one *one = create(BYTES, false, 1);

    (void)state;
    assert_int_equal(rtcp_timer_heard(&one->timer, 1, OCTETS, false, at(-0.05)), RTCP_HEARD_JOINED);
    assert_int_equal(rtcp_timer_heard(&one->timer, 1, OCTETS, false, at(-0.05)), RTCP_HEARD_KNOWN);
    assert_int_equal(rtcp_timer_members(&one->timer), 2);
    hear(one, 2, 2, at(30.2));
    rtcp_timer_run(&one->timer, at(30));
    assert_int_equal(rtcp_timer_members(&one->timer), 3);
    free(one);
}

/* Section 6.3.7. */
static void test_bye(void **state)
{
    struct one *one = create(BYTES, false, 1);
    raw_ns turn;

    (void)state;
    rtcp_timer_leave(&one->timer, OCTETS, at(1)); /* has never spoken */
    assert_int_equal(rtcp_timer_deadline(&one->timer).ns, INT64_MAX);
    assert_int_equal(rtcp_timer_run(&one->timer, at(1000)), RTCP_TIMER_WAIT);
    assert_int_equal(rtcp_timer_heard(&one->timer, 1, OCTETS, false, at(2)), RTCP_HEARD_STRANGER);
    free(one);

    one = create(BYTES, false, 1);
    hear(one, 1, 49, at(0)); /* 50 members, ourselves included: at once */
    rtcp_timer_sent(&one->timer, OCTETS, at(1));
    rtcp_timer_leave(&one->timer, OCTETS, at(2));
    assert_int_equal(rtcp_timer_deadline(&one->timer).ns, at(2).ns);
    assert_int_equal(rtcp_timer_run(&one->timer, at(2)), RTCP_TIMER_BYE);
    rtcp_timer_sent(&one->timer, OCTETS, at(2));
    rtcp_timer_leave(&one->timer, OCTETS, at(2));
    assert_int_equal(rtcp_timer_deadline(&one->timer).ns, INT64_MAX);
    assert_int_equal(rtcp_timer_run(&one->timer, at(100)), RTCP_TIMER_WAIT);
    free(one);

    one = create(BYTES, false, 1);
    hear(one, 1, 50, at(0)); /* 51: as for a first report in an empty group */
    rtcp_timer_sent(&one->timer, OCTETS, at(1));
    rtcp_timer_leave(&one->timer, OCTETS, at(2));
    assert_int_equal(rtcp_timer_members(&one->timer), 1);
    assert_in_range(rtcp_timer_deadline(&one->timer).ns, at(2 + 1.02).ns, at(2 + 3.08).ns);
    rtcp_timer_heard(&one->timer, 1, 4000, false, at(2)); /* neither counts nor weighs */
    rtcp_timer_sending(&one->timer, 77, at(2));
    assert_int_equal(rtcp_timer_members(&one->timer), 1);
    assert_int_equal(rtcp_timer_interval_ns(&one->timer), 5 SECONDS);
    for (uint32_t i = 0; i < 1000; i++) /* other BYEs do, whosever they are */
        rtcp_timer_heard(&one->timer, 5000 + i, OCTETS, true, at(2));
    assert_int_equal(rtcp_timer_members(&one->timer), 1001);
    turn = await_turn(one, RTCP_TIMER_BYE);
    assert_in_range(turn.ns, at(2 + 5.7).ns, at(2 + 17.2).ns);
    free(one);
}

/* Who knows no bandwidth says nothing, but counts; then it begins like anybody. */
static void test_listening(void **state)
{
    struct one *one = create(0, false, 1);

    (void)state;
    for (int s = 0; s < 100; s++) {
        if (s < 50)
            rtcp_timer_heard(&one->timer, 7, OCTETS, false, at(s));
        assert_int_equal(rtcp_timer_run(&one->timer, at(s)), RTCP_TIMER_WAIT);
        assert_true(rtcp_timer_deadline(&one->timer).ns > at(s).ns);
        if (s == 50)
            assert_int_equal(rtcp_timer_members(&one->timer), 2);
    }
    assert_int_equal(rtcp_timer_members(&one->timer), 1);
    rtcp_timer_bandwidth(&one->timer, 0, at(100));
    assert_int_equal(rtcp_timer_run(&one->timer, at(110)), RTCP_TIMER_WAIT);
    rtcp_timer_bandwidth(&one->timer, BYTES, at(120));
    assert_in_range(rtcp_timer_deadline(&one->timer).ns, at(120 + 1.02).ns, at(120 + 3.08).ns);
    assert_true(await_turn(one, RTCP_TIMER_REPORT).ns < at(120 + 3.08).ns);
    free(one);
}

/* Section 8.2: whoever has our SSRC is noticed; under a new one we begin anew, and know the others still. */
static void test_collision(void **state)
{
    struct one *one = create(BYTES, false, 1);

    (void)state;
    hear(one, 1, 5, at(0));
    rtcp_timer_sent(&one->timer, OCTETS, at(1));
    assert_true(rtcp_timer_has_spoken(&one->timer));
    assert_int_equal(rtcp_timer_heard(&one->timer, OURS, OCTETS, false, at(2)), RTCP_HEARD_OURSELVES);
    assert_int_equal(rtcp_timer_heard(&one->timer, OURS, OCTETS, true, at(2)), RTCP_HEARD_OURSELVES);
    rtcp_timer_sending(&one->timer, OURS, at(2));
    assert_int_equal(rtcp_timer_members(&one->timer), 6);
    assert_int_equal(rtcp_timer_senders(&one->timer), 0);
    rtcp_timer_rename(&one->timer, OURS + 1, at(3));
    assert_false(rtcp_timer_has_spoken(&one->timer));
    assert_in_range(rtcp_timer_deadline(&one->timer).ns, at(3 + 1.02).ns, at(3 + 3.08).ns);
    assert_int_equal(rtcp_timer_heard(&one->timer, OURS, OCTETS, false, at(3)), RTCP_HEARD_JOINED);
    assert_int_equal(rtcp_timer_heard(&one->timer, OURS + 1, OCTETS, false, at(3)), RTCP_HEARD_OURSELVES);
    assert_int_equal(rtcp_timer_members(&one->timer), 7);
    free(one);
}

/* ---- the table -------------------------------------------------------------------------------------- */

/* Against a plain list, in a table so small that all are in each other's way, with room for 16. */
static void test_table(void **state)
{
    struct rtcp_member table[32];
    struct rtcp_timer timer;
    struct rtcp_timer_config config = {OURS, false, BYTES, OCTETS, 1};
    bool present[40] = {false};
    size_t count = 0;
    uint64_t random = 1;

    (void)state;
    rtcp_timer_init(&timer, &config, table, 32, at(0));
    for (int i = 0; i < 200000; i++) {
        uint32_t ssrc = (uint32_t)(step(&random) % 40);
        bool bye = step(&random) % 2;
        enum rtcp_heard expected = RTCP_HEARD_KNOWN;

        if (!present[ssrc] && (bye || count == 16))
            expected = RTCP_HEARD_STRANGER;
        else if (bye)
            expected = RTCP_HEARD_LEFT;
        else if (!present[ssrc])
            expected = RTCP_HEARD_JOINED;
        count = count + (expected == RTCP_HEARD_JOINED) - (expected == RTCP_HEARD_LEFT);
        present[ssrc] = bye ? false : present[ssrc] || expected == RTCP_HEARD_JOINED;
        assert_int_equal(rtcp_timer_heard(&timer, ssrc, OCTETS, bye, at(0)), expected);
        assert_int_equal(rtcp_timer_members(&timer), 1 + count);
        assert_int_equal(rtcp_timer_saturated(&timer), count == 16);
    }
}

/* Those who went silent go, and nobody else, wherever they stand in the table. */
static void test_table_silence(void **state)
{
    struct rtcp_member table[32];
    struct rtcp_timer timer;
    struct rtcp_timer_config config = {OURS, false, BYTES, OCTETS, 1};
    uint64_t random = 7;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        uint32_t stays = 0, first = (uint32_t)step(&random);

        config.seed = step(&random);
        rtcp_timer_init(&timer, &config, table, 32, at(0));
        for (uint32_t i = 0; i < 16; i++) {
            bool again = step(&random) % 2;

            rtcp_timer_heard(&timer, first + i, OCTETS, false, at(0));
            if (again)
                rtcp_timer_heard(&timer, first + i, OCTETS, false, at(20));
            stays |= (uint32_t)again << i;
        }
        rtcp_timer_run(&timer, at(26));
        assert_int_equal(rtcp_timer_members(&timer), 1 + __builtin_popcount(stays));
        for (uint32_t i = 0; i < 16; i++)
            assert_int_equal(rtcp_timer_heard(&timer, first + i, OCTETS, false, at(26)),
                             stays >> i & 1 ? RTCP_HEARD_KNOWN : RTCP_HEARD_JOINED);
    }
}

/* A flood of invented members fills the table, and no more; when it ends, they go. */
static void test_flood(void **state)
{
    struct one *one = create(BYTES, false, 1);

    (void)state;
    for (uint32_t i = 0; i < 100000; i++)
        rtcp_timer_heard(&one->timer, i * 7919, OCTETS, false, at(1));
    assert_int_equal(rtcp_timer_members(&one->timer), 4097);
    assert_true(rtcp_timer_saturated(&one->timer));
    rtcp_timer_sending(&one->timer, 100000u * 7919, at(1));
    assert_int_equal(rtcp_timer_senders(&one->timer), 0);
    /* 4097 * 150 / 10800 = 57 s, five times that */
    await_turn(one, RTCP_TIMER_REPORT);
    rtcp_timer_run(&one->timer, at(290));
    assert_int_equal(rtcp_timer_members(&one->timer), 1);
    for (uint32_t i = 0; i < 100; i++)
        rtcp_timer_sending(&one->timer, i, at(291));
    assert_int_equal(rtcp_timer_senders(&one->timer), RTCP_TIMER_SENDERS);
    assert_int_equal(rtcp_timer_members(&one->timer), 101);
    free(one);
}

/* ---- the network ------------------------------------------------------------------------------------ */

/*
 * One sender and n receivers, in steps of 50 ms: what is sent in a step is heard by all others at its end.
 * The sender reports each second. Receivers' compounds have 120 to 180 octets.
 */
#define STEP_S       0.05
#define STEPS        20 /* a second */
#define SENDER       0  /* index; SSRC is index + 1 */
#define SENDER_BYTES 184u
#define RUN_MAX_S    400

struct node {
    struct rtcp_timer timer;
    raw_ns deadline; /* of the timer; here, because most steps look at nothing else */
    bool there;
};

struct net {
    unsigned n; /* receivers */
    size_t slots;
    struct node *nodes;
    struct rtcp_member *tables;
    int64_t ticks; /* steps so far */
    unsigned *sent;
    bool *bye;
    unsigned sent_count;
    double octets[RUN_MAX_S]; /* of the receivers, in each second */
    unsigned reports, byes;   /* of the receivers */
    double cpu_s;
};

static raw_ns now_of(const struct net *net)
{
    return (raw_ns){net->ticks * 50 * NS_PER_MS};
}

static void net_create(struct net *net, unsigned n)
{
    *net = (struct net){.n = n, .slots = n < 500 ? 1024 : RTCP_TIMER_SLOTS};
    net->nodes = calloc(n + 1, sizeof *net->nodes);
    net->tables = calloc((n + 1) * net->slots, sizeof *net->tables);
    net->sent = calloc(n + 1, sizeof *net->sent);
    net->bye = calloc(n + 1, sizeof *net->bye);
    assert_true(net->nodes && net->tables && net->sent && net->bye);
}

static void net_destroy(struct net *net)
{
    free(net->nodes);
    free(net->tables);
    free(net->sent);
    free(net->bye);
}

static void join(struct net *net, unsigned index)
{
    struct rtcp_timer_config config = {index + 1, index == SENDER, BYTES, OCTETS, index * 77u + 1};
    struct node *node = &net->nodes[index];

    rtcp_timer_init(&node->timer, &config, net->tables + index * net->slots, net->slots, now_of(net));
    node->deadline = rtcp_timer_deadline(&node->timer);
    node->there = true;
}

static unsigned octets_of(unsigned index)
{
    return index == SENDER ? SENDER_BYTES : 120 + index % 61;
}

static void speak(struct net *net, unsigned index, bool bye)
{
    rtcp_timer_sent(&net->nodes[index].timer, octets_of(index), now_of(net));
    net->bye[net->sent_count] = bye;
    net->sent[net->sent_count++] = index;
    if (index == SENDER)
        return;
    net->octets[net->ticks / STEPS] += octets_of(index);
    net->reports += !bye;
    net->byes += bye;
}

static void deliver(struct net *net)
{
    raw_ns now = now_of(net);

    for (unsigned i = 0; net->sent_count && i <= net->n; i++) {
        struct node *node = &net->nodes[i];

        for (unsigned k = 0; node->there && k < net->sent_count; k++)
            if (net->sent[k] != i)
                rtcp_timer_heard(&node->timer, net->sent[k] + 1, octets_of(net->sent[k]), net->bye[k], now);
        node->deadline = rtcp_timer_deadline(&node->timer);
    }
    net->sent_count = 0;
}

static void one_step(struct net *net)
{
    raw_ns now = now_of(net);

    for (unsigned i = 0; i <= net->n; i++) {
        struct node *node = &net->nodes[i];
        enum rtcp_timer_turn turn;

        if (i == SENDER && net->ticks % STEPS == 10)
            speak(net, i, false);
        if (!node->there || now.ns < node->deadline.ns)
            continue;
        rtcp_timer_sending(&node->timer, SENDER + 1, now);
        turn = rtcp_timer_run(&node->timer, now);
        if (turn != RTCP_TIMER_WAIT && i != SENDER)
            speak(net, i, turn == RTCP_TIMER_BYE);
        node->there = turn != RTCP_TIMER_BYE;
        node->deadline = rtcp_timer_deadline(&node->timer);
    }
    net->ticks++;
    deliver(net);
}

static void run_until(struct net *net, double s)
{
    clock_t from = clock();

    assert_true(s <= RUN_MAX_S);
    while ((double)net->ticks * STEP_S < s)
        one_step(net);
    net->cpu_s += (double)(clock() - from) / CLOCKS_PER_SEC;
}

/* The receivers' octets a second between two instants, as part of what is theirs. */
static double share(const struct net *net, unsigned from_s, unsigned until_s)
{
    double sum = 0;

    for (unsigned s = from_s; s < until_s; s++)
        sum += net->octets[s];
    return sum / (until_s - from_s) / RECEIVERS_BYTES;
}

/* The largest share of any span so long. */
static double worst_share(const struct net *net, unsigned from_s, unsigned until_s, unsigned span_s)
{
    double worst = 0;

    for (unsigned s = from_s; s + span_s <= until_s; s++)
        if (share(net, s, s + span_s) > worst)
            worst = share(net, s, s + span_s);
    return worst;
}

/* All who are there count `members`, within a part of them. */
static void check_count(const struct net *net, size_t members, double tolerance)
{
    for (unsigned i = 0; i <= net->n; i++) {
        double counted = (double)rtcp_timer_members(&net->nodes[i].timer);

        if (net->nodes[i].there)
            assert_true(counted <= (double)members && counted >= (double)members * (1 - tolerance));
    }
}

static void print_net(const struct net *net, const char *what, double first_s, unsigned from_s,
                      unsigned until_s)
{
    print_message(
        "%s %4u receivers: all have reported after %.1f s; of their share: %.3f, worst 5 s %.3f, worst "
        "second at the start %.3f; %.2f s CPU\n",
        what, net->n, first_s, share(net, from_s, until_s), worst_share(net, from_s, until_s, 5),
        worst_share(net, 0, 5, 1), net->cpu_s);
}

/*
 * Those who speak first draw from what they know, 2.5 s, which is the share of 180. Others hear them and hold
 * back, so a thousand are not heard in these 2 s, nor three thousand.
 */
static void check_burst(unsigned count, unsigned n, double first_3_s)
{
    assert_true(count <= 4 * n && count < 550);
    assert_true(first_3_s < 2.5);
}

/* Runs until everybody has reported: when that was. */
static double await_all(struct net *net, double limit_s)
{
    for (;;) {
        unsigned silent = 0;

        for (unsigned i = 1; i <= net->n; i++)
            silent += !net->nodes[i].there || !rtcp_timer_has_spoken(&net->nodes[i].timer);
        if (silent == 0)
            return (double)net->ticks * STEP_S;
        if ((double)net->ticks * STEP_S > limit_s)
            fail_msg("%u of %u have not reported after %.0f s", silent, net->n, limit_s);
        run_until(net, (double)net->ticks * STEP_S + 0.5);
    }
}

/* How long Td is with so many. */
static double td_of(unsigned n)
{
    double td = n * OCTETS / RECEIVERS_BYTES;

    return td > 5 ? td : 5;
}

/* All are switched on at once. */
static void start_at_once(unsigned n, unsigned then_s)
{
    struct net net;
    double first_s;
    unsigned settled;

    net_create(&net, n);
    for (unsigned i = 0; i <= n; i++)
        join(&net, i);
    run_until(&net, 3.2); /* without reconsideration all would have reported by now */
    check_burst(net.reports, n, share(&net, 0, 3));
    first_s = await_all(&net, 3 * td_of(n));
    check_count(&net, n + 1, 0);
    settled = (unsigned)first_s + 1;
    /* until all have, many count too few, and speak a little too often */
    assert_true(share(&net, 5, settled) < 1.3);
    run_until(&net, settled + then_s);
    check_count(&net, n + 1, 0);
    print_net(&net, "start at once", first_s, settled, settled + then_s);
    assert_true(worst_share(&net, settled, settled + then_s, 5) < 1.2);
    net_destroy(&net);
}

static void test_start_at_once(void **state)
{
    (void)state;
    start_at_once(1, 60);
    start_at_once(2, 60);
    start_at_once(10, 60);
    start_at_once(100, 60);
    start_at_once(1000, 30);
    start_at_once(3000, 5);
}

/* Each is switched on when somebody comes to it: over a minute. */
static void test_start_staggered(void **state)
{
    static const unsigned counts[] = {10, 100, 1000};

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        unsigned n = counts[k];
        struct net net;
        double first_s;

        net_create(&net, n);
        join(&net, SENDER);
        for (unsigned i = 1; i <= n; i++) {
            run_until(&net, 60.0 * i / n);
            join(&net, i);
        }
        first_s = await_all(&net, 60 + 3 * td_of(n));
        run_until(&net, 120);
        check_count(&net, n + 1, 0);
        assert_true(worst_share(&net, 0, 120, 5) < 1.3);
        print_net(&net, "start over a minute", first_s, 65, 120);
        net_destroy(&net);
    }
}

/* Half lose their power at once: nobody says BYE, and after five intervals they are forgotten. */
static void test_half_vanish(void **state)
{
    static const unsigned counts[] = {2, 10, 100, 1000};

    (void)state;
    for (size_t k = 0; k < 4; k++) {
        unsigned n = counts[k], from, gone = 0;
        struct net net;

        net_create(&net, n);
        for (unsigned i = 0; i <= n; i++)
            join(&net, i);
        await_all(&net, 3 * td_of(n));
        for (unsigned i = 1; i <= n / 2; i++)
            net.nodes[i].there = false;
        from = (unsigned)(net.ticks / STEPS);
        do
            run_until(&net, (double)net.ticks * STEP_S + 0.5);
        while (rtcp_timer_members(&net.nodes[n].timer) > n - n / 2 + 1 && ++gone < 2 * 7 * td_of(n));
        /* Those who time out shorten Td, at each at another instant: it goes on for one more */
        run_until(&net, (double)net.ticks * STEP_S + 2 * td_of(n));
        check_count(&net, n - n / 2 + 1, 0);
        assert_true(worst_share(&net, from, (unsigned)(net.ticks / STEPS), 5) < 1.3);
        print_message("half of %4u vanish: forgotten after %.0f s, worst 5 s %.3f of the share; %.2f s CPU\n",
                      n, gone / 2.0, worst_share(&net, from, (unsigned)(net.ticks / STEPS), 5), net.cpu_s);
        net_destroy(&net);
    }
}

/* All are switched off at once, politely. */
static void test_all_leave(void **state)
{
    static const unsigned counts[] = {1, 10, 49, 50, 100, 1000};

    (void)state;
    for (size_t k = 0; k < 6; k++) {
        unsigned n = counts[k], from, until;
        struct net net;

        net_create(&net, n);
        for (unsigned i = 0; i <= n; i++)
            join(&net, i);
        await_all(&net, 3 * td_of(n));
        while (net.ticks % STEPS)
            one_step(&net);
        from = (unsigned)(net.ticks / STEPS);
        for (unsigned i = 1; i <= n; i++) {
            rtcp_timer_leave(&net.nodes[i].timer, octets_of(i), now_of(&net));
            net.nodes[i].deadline = rtcp_timer_deadline(&net.nodes[i].timer);
        }
        if (n < 50) {
            one_step(&net); /* 50 members at most, the sender included: at once */
            assert_int_equal(net.byes, n);
        }
        run_until(&net, from + 4);
        check_burst(net.byes, n, share(&net, from, from + 3));
        while (rtcp_timer_members(&net.nodes[SENDER].timer) > 1 && net.ticks < RUN_MAX_S * STEPS)
            one_step(&net);
        until = (unsigned)(net.ticks / STEPS) + 1;
        assert_int_equal(net.byes, n);
        assert_true(until - from < 3 * td_of(n));
        print_message("all of %4u leave: gone after %u s; of their share: first 3 s %.3f, then %.3f\n", n,
                      until - from, share(&net, from, from + 3),
                      until > from + 3 ? share(&net, from + 3, until) : 0);
        assert_true(until <= from + 3 || share(&net, from + 3, until) < 1.2);
        net_destroy(&net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interval),
        cmocka_unit_test(test_average),
        cmocka_unit_test(test_draw),
        cmocka_unit_test(test_reconsideration),
        cmocka_unit_test(test_reverse),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_stamps_out_of_order),
        cmocka_unit_test(test_bye),
        cmocka_unit_test(test_listening),
        cmocka_unit_test(test_collision),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_table_silence),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_start_at_once),
        cmocka_unit_test(test_start_staggered),
        cmocka_unit_test(test_half_vanish),
        cmocka_unit_test(test_all_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
