// SPDX-License-Identifier: GPL-3.0-or-later
/* The monitor's lines: whole screens against golden ones, columns that hold whatever names come, what keys
 * do. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include <cmocka.h>

#include "tests/views.h"
#include "tools/monitor/gauge.h"
#include "tools/monitor/page.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { ROWS_MAX = 60 };

struct stage {
    struct view view;
    struct view_receiver receiver[1000];
    struct desk desk;
    struct line lines[ROWS_MAX];
};

static int raise_stage(void **state)
{
    *state = calloc(1, sizeof(struct stage));
    return *state ? 0 : -1;
}

static int strike_stage(void **state)
{
    struct stage *s = *state;

    desk_free(&s->desk);
    free(s);
    return 0;
}

static void draw(struct stage *s, unsigned columns, unsigned rows, bool ascii)
{
    assert_int_equal(desk_arrange(&s->desk, &s->view), 0);
    page_draw(&s->desk, &s->view, s->lines, rows, columns, ascii);
}

static void press(struct stage *s, enum desk_key key)
{
    assert_int_equal(desk_press(&s->desk, &s->view, key), 0);
    draw(s, 80, 24, false);
}

/* The row that holds a text; -1 none. */
static int row_of(const struct stage *s, unsigned rows, const char *text)
{
    for (unsigned i = 0; i < rows; i++)
        if (strstr(s->lines[i].text, text))
            return (int)i;
    return -1;
}

static bool has(const struct stage *s, const char *text)
{
    return row_of(s, 24, text) >= 0;
}

static const char *selected(const struct stage *s)
{
    const struct view_receiver *r = desk_receiver(&s->desk, &s->view);

    return r ? r->name : "";
}

/* ---- golden screens --------------------------------------------------------------------------------------
 */

/* clang-format off */
static const char *const golden_40[] = {
    "22:13:27 ALARM 3 alarms clock locked",
    "Main hall  stream 1 of 2  L24/48000/2",
    "aligned 0.8 us (p99 1.4, limit 10)",
    "  headroom 0.4 ms at seat-0002  1 SILENT",
    "  receiver      state   error us room ms",
    "> stage-left    playing     -0.4     6.2",
    "  stage-right   playing     -0.3     6.3",
    " Wseat-0002     playing     -0.2     0.4",
    "ALARM   seat-0003: nothing has been hea~",
    "q quit  h help  Enter details  a alarms",
};
static const char *const golden_80[] = {
    "22:13:27 ALARM 3 alarms  this clock locked  8 receivers  2 streams",
    "> ALARM   Main hall                    6 playing  1 silent  apart 0.8 us",
    "  well    Lobby                        0 playing  apart - us  headroom - ms",
    "Main hall  stream 1 of 2  239.69.83.1:5004  L24/48000/2  latency 10 ms",
    "  packets of 1 ms  announced  from 10.77.0.200  sender's clock locked  domain 0",
    "aligned 0.8 us (p99 1.4, limit 10)  headroom 0.4 ms at seat-0002  loss 0.00 %",
    "  furthest: stage-left early, seat-0008 late  smallest safe latency 9.6 ms",
    "heard here: 1000 packets/s  2.72 Mbit/s  jitter 11 us (worst 85)",
    "  lead 8.8 ms (least 8.1)  sent 1.2 ms after its sampling  lost 2  duplicates 0",
    "level dB   1 ########.. -12.0  2 #####..... -30.0",
    "apart       ▇▆▅▄▃▃▄▅▇█████▇▅▄▃▃▄▅▆▇████▇▆▅▄▃▄▅▆▇█ 0..1.2 us, 120 s",
    "headroom ▇▇███████▇▆▆▅▄▃▃▂▂▁▁▁▁▁▂▂▃▄▄▅▆▇▇███████▇ 0..5.6 ms, 120 s",
    "  receiver       state   error us    p99   apart PTP        room ms loss % xruns",
    "> stage-left     playing     -0.4    1.0    -0.3 locked         6.2   0.00     0",
    "  stage-right    playing     -0.3    0.9    -0.2 locked         6.3   0.00     0",
    " Wseat-0002      playing     -0.2    0.8    -0.1 locked         0.4   0.00     3",
    " Aseat-0003      silent         -      -       - -                -   0.00     -",
    " nseat-0004      present        -      -       - -                -   0.00     -",
    "  seat-0005      playing     +0.1    0.7    +0.2 locked         6.7   0.00     0",
    "  seat-0006      playing     +0.2    0.8    +0.3 locked         6.8   0.00     0",
    "ALARM   since 22:12:20 (67 s)  seat-0003: nothing has been heard of it for 60 s~",
    "WARNING since 22:08:20 (5 min)  seat-0002: headroom is 0.4 ms, the limit 1.0 ms",
    "NOTE    since 19:43:20 (3 h)  seat-0004: nothing proves that its clock is the s~",
    "q quit  h help  Enter details  a alarms  s sort: trouble  Tab stream",
};
static const char *const golden_132[] = {
    "22:13:27 ALARM 3 alarms  this clock locked  8 receivers  2 streams  offset +0.120 us",
    "> ALARM   Main hall                    6 playing  1 silent  apart 0.8 us  headroom 0.4 ms",
    "  well    Lobby                        0 playing  apart - us  headroom - ms",
    "Main hall  stream 1 of 2  239.69.83.1:5004  L24/48000/2  latency 10 ms  packets of 1 ms  announced  from 10.77.0.200",
    "  sender's clock locked  domain 0  grandmaster 00-1D-C1-FF-FE-12-34-56  offset +0.010 us  +-0.050 us  host desk  unisono-send 0.1.0",
    "aligned 0.8 us (p99 1.4, limit 10)  headroom 0.4 ms at seat-0002  loss 0.00 %  furthest: stage-left early, seat-0008 late",
    "  smallest safe latency 9.6 ms  6 of 8 play  1 SILENT",
    "heard here: 1000 packets/s  2.72 Mbit/s  jitter 11 us (worst 85)  lead 8.8 ms (least 8.1)  sent 1.2 ms after its sampling  lost 2",
    "  duplicates 0  reordered 0  malformed 0  presentation times honest",
    "level dB   1 ########.. -12.0  2 #####..... -30.0",
    "apart         ▇▆▅▅▄▃▃▃▄▄▅▆▇▇██████▇▆▅▅▄▃▃▃▄▄▅▆▇▇██████▇▆▅▅▄▃▃▃▄▄▅▆▇▇█ 0..1.2 us, 120 s",
    "headroom ▇▇▇██████████▇▇▇▆▆▅▅▄▄▃▃▂▂▂▁▁▁▁▁▁▁▂▂▂▃▃▄▄▅▅▆▆▇▇▇██████████▇▇ 0..5.6 ms, 120 s",
    "  receiver                   state   error us    p99   apart PTP        room ms loss % xruns     ppm    dB age s 0..10 us 120 s",
    "> stage-left                 playing     -0.4    1.0    -0.3 locked         6.2   0.00     0  +12.50 -18.5   0.0 ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁ ",
    "  stage-right                playing     -0.3    0.9    -0.2 locked         6.3   0.00     0  +11.50 -18.5   0.1 ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁",
    " Wseat-0002                  playing     -0.2    0.8    -0.1 locked         0.4   0.00     3  +10.50 -18.5   0.2 ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁",
    " Aseat-0003                  silent         -      -       - -                -   0.00     -       -     -  67.0                   ",
    " nseat-0004                  present        -      -       - -                -   0.00     -       -     -   0.4                   ",
    "  seat-0005                  playing     +0.1    0.7    +0.2 locked         6.7   0.00     0   +7.50 -18.5   0.5 ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁",
    "  seat-0006                  playing     +0.2    0.8    +0.3 locked         6.8   0.00     0   +6.50 -18.5   0.6 ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁",
    "  seat-0007                  playing     +0.3    0.9    +0.4 locked         6.9   0.00     0   +5.50 -18.5   0.7 ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁",
    "",
    "ALARM   since 22:12:20 (67 s)  seat-0003: nothing has been heard of it for 60 s, and it said no BYE",
    "WARNING since 22:08:20 (5 min)  seat-0002: headroom is 0.4 ms, the limit 1.0 ms",
    "NOTE    since 19:43:20 (3 h)  seat-0004: nothing proves that its clock is the sender's",
    "q quit  h help  Enter details  a alarms  s sort: trouble  Tab stream  Space pause",
};
static const char *const golden_200[] = {
    "22:13:27 ALARM 3 alarms  this clock locked  8 receivers  2 streams  offset +0.120 us",
    "> ALARM   Main hall                    6 playing  1 silent  apart 0.8 us  headroom 0.4 ms",
    "  well    Lobby                        0 playing  apart - us  headroom - ms",
    "Main hall  stream 1 of 2  239.69.83.1:5004  L24/48000/2  latency 10 ms  packets of 1 ms  announced  from 10.77.0.200  sender's clock locked  domain 0  grandmaster 00-1D-C1-FF-FE-12-34-56",
    "  offset +0.010 us  +-0.050 us  host desk  unisono-send 0.1.0",
    "aligned 0.8 us (p99 1.4, limit 10)  headroom 0.4 ms at seat-0002  loss 0.00 %  furthest: stage-left early, seat-0008 late  smallest safe latency 9.6 ms  6 of 8 play  1 SILENT",
    "heard here: 1000 packets/s  2.72 Mbit/s  jitter 11 us (worst 85)  lead 8.8 ms (least 8.1)  sent 1.2 ms after its sampling  lost 2  duplicates 0  reordered 0  malformed 0  presentation times honest",
    "level dB   1 ########.. -12.0  2 #####..... -30.0",
    "apart              **++===~~~-------~~~===++***###########***++===~~~-------~~~===++***###########***++===~~~-------~~~===++***## 0..1.2 us, 120 s",
    "headroom *****######################*****++++====~~~~----......______________......----~~~~====++++*****######################*** 0..5.6 ms, 120 s",
    "  receiver                   state   error us    p99   apart PTP        room ms loss % xruns     ppm    dB age s error 0..10 us 120 s",
    "> stage-left                 playing     -0.4    1.0    -0.3 locked         6.2   0.00     0  +12.50 -18.5   0.0 ____________________________________________________________                           ",
    "  stage-right                playing     -0.3    0.9    -0.2 locked         6.3   0.00     0  +11.50 -18.5   0.1 ____________________________________________________________",
    " Wseat-0002                  playing     -0.2    0.8    -0.1 locked         0.4   0.00     3  +10.50 -18.5   0.2 ____________________________________________________________",
    " Aseat-0003                  silent         -      -       - -                -   0.00     -       -     -  67.0                                                             ",
    " nseat-0004                  present        -      -       - -                -   0.00     -       -     -   0.4                                                             ",
    "  seat-0005                  playing     +0.1    0.7    +0.2 locked         6.7   0.00     0   +7.50 -18.5   0.5 ____________________________________________________________",
    "  seat-0006                  playing     +0.2    0.8    +0.3 locked         6.8   0.00     0   +6.50 -18.5   0.6 ____________________________________________________________",
    "  seat-0007                  playing     +0.3    0.9    +0.4 locked         6.9   0.00     0   +5.50 -18.5   0.7 ____________________________________________________________",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "ALARM   since 22:12:20 (67 s)  seat-0003: nothing has been heard of it for 60 s, and it said no BYE",
    "WARNING since 22:08:20 (5 min)  seat-0002: headroom is 0.4 ms, the limit 1.0 ms",
    "NOTE    since 19:43:20 (3 h)  seat-0004: nothing proves that its clock is the sender's",
    "q quit  h help  Enter details  a alarms  s sort: trouble  Tab stream  Space pause",
};
/* clang-format on */

static void test_golden(void **state)
{
    static const struct {
        const char *const *want;
        unsigned rows, columns;
        bool ascii;
    } cases[] = {
        {golden_40, COUNT(golden_40), 40, true},
        {golden_80, COUNT(golden_80), 80, false},
        {golden_132, COUNT(golden_132), 132, false},
        {golden_200, COUNT(golden_200), 200, true},
    };
    struct stage *s = *state;

    views_make(&s->view, s->receiver, 8, 7);
    for (size_t i = 0; i < COUNT(cases); i++) {
        draw(s, cases[i].columns, cases[i].rows, cases[i].ascii);
        for (unsigned k = 0; k < cases[i].rows; k++)
            assert_string_equal(s->lines[k].text, cases[i].want[k]);
    }
}

/* ---- bounds ----------------------------------------------------------------------------------------------
 */

/* By the C library's count, which line.c does not use for whole texts. */
static void check_line(const struct line *line, bool ascii)
{
    wchar_t wide[LINE_SIZE];
    size_t count = mbstowcs(wide, line->text, LINE_SIZE);
    int width;

    assert_true(count != (size_t)-1);
    width = wcswidth(wide, count);
    assert_in_range(width, 0, line->columns);
    assert_int_equal(width, line->used);
    assert_int_equal(strlen(line->text), line->length);
    for (const char *c = line->text; *c; c++)
        assert_true((unsigned char)*c >= 0x20 && *c != 0x7f && (!ascii || (unsigned char)*c < 0x80));
    for (unsigned i = 0; i < line->spans; i++)
        assert_in_range(line->span[i].from, i ? line->span[i - 1].from : 0, line->length);
}

/* Every size, every page, names that want to break it. */
static void test_bounds(void **state)
{
    static const enum desk_page pages[] = {DESK_STREAM, DESK_RECEIVER, DESK_ALARMS, DESK_HELP};
    struct stage *s = *state;

    views_make(&s->view, s->receiver, 12, 3);
    for (size_t i = 0; i < VIEWS_HOSTILE; i++) {
        snprintf(s->receiver[i].name, VIEW_NAME_SIZE, "%s", views_hostile[i]);
        snprintf(s->view.alarm[i % 3].receiver, VIEW_NAME_SIZE, "%s", views_hostile[i]);
        snprintf(s->view.alarm[i % 3].why, VIEW_WHY_SIZE, "%s %s", views_hostile[i],
                 views_hostile[(i + 1) % 8]);
    }
    snprintf(s->view.stream[0].name, VIEW_NAME_SIZE, "%s", views_hostile[3]);
    s->receiver[5].error_us = -2147483.648;
    s->receiver[6].xruns = 4294967295;
    s->receiver[7].headroom_ms = -1e300;
    s->receiver[7].loss_percent = INFINITY;
    s->receiver[8].channels = VIEW_CHANNELS;
    for (size_t p = 0; p < COUNT(pages); p++)
        for (unsigned columns = 10; columns <= 230; columns += columns < 60 ? 1 : 7)
            for (unsigned rows = 3; rows <= ROWS_MAX; rows += rows < 12 ? 1 : 9) {
                bool ascii = (columns + rows) % 2;

                s->desk.page = pages[p];
                s->desk.selected = columns % 12;
                snprintf(s->desk.receiver_name, VIEW_NAME_SIZE, "%s", s->receiver[s->desk.selected].name);
                s->desk.receiver_ssrc = s->receiver[s->desk.selected].ssrc;
                draw(s, columns, rows, ascii);
                for (unsigned i = 0; i < rows; i++)
                    check_line(&s->lines[i], ascii);
            }
}

/* All figures of a receiver begin in the same columns whatever its name is. */
static void test_columns_hold(void **state)
{
    struct stage *s = *state;
    unsigned found = 0, want = 0;

    views_make(&s->view, s->receiver, 20, 3);
    for (size_t i = 0; i < VIEWS_HOSTILE; i++)
        snprintf(s->receiver[8 + i].name, VIEW_NAME_SIZE, "%s", views_hostile[i]);
    draw(s, 100, 50, false);
    for (unsigned i = 0; i < 50; i++) {
        char *state_word = strstr(s->lines[i].text, " playing  ");
        char before[LINE_SIZE] = "";

        if (!state_word || strstr(s->lines[i].text, "apart"))
            continue;
        memcpy(before, s->lines[i].text, (size_t)(state_word - s->lines[i].text));
        if (found++ == 0)
            want = line_width_of(before, false);
        assert_int_equal(line_width_of(before, false), want);
    }
    assert_int_equal(found, 18);
}

static void test_names(void **state)
{
    static const struct {
        const char *text;
        unsigned columns;
        bool ascii;
        const char *want;
    } cases[] = {
        {"plain", 5, false, "plain"},
        {"plain", 4, false, "pla~"},
        {"plain", 1, false, "~"},
        {"caf\u00e9", 9, true, "caf?"},
        {"\u8212\u53f0", 4, false, "\u8212\u53f0"},
        {"\u8212\u53f0", 3, false, "\u8212~"},
        {"\u8212\u53f0", 2, false, "~"},
        {"\u8212\u53f0", 4, true, "??"},
        {"e\u0301\u0302\u0303\u0304x", 9, false, "e\u0301\u0302x"},
        {"\u0301x", 9, false, "x"},
        {"a\u202eb\u200bc\u2066d", 9, false, "abcd"},
        {"a\xff\xe2\x82", 9, false, "a???"},
        {"a\x1b[2J", 9, false, "a?[2J"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct line line;

        line_begin(&line, 40, cases[i].ascii);
        line_text(&line, cases[i].text, cases[i].columns);
        assert_string_equal(line.text, cases[i].want);
        assert_in_range(line.used, 0, cases[i].columns);
    }
}

static void test_figures(void **state)
{
    static const struct {
        double value;
        unsigned width, decimals;
        bool sign;
        const char *want;
    } cases[] = {
        {0.84, 6, 1, false, "0.8"},         {-0.84, 6, 1, true, "-0.8"},
        {0.84, 6, 1, true, "+0.8"},         {-0.04, 6, 1, true, "0.0"},
        {12345.67, 6, 1, false, "12346"},   {-12345.67, 5, 1, true, "-12k"},
        {4294967295, 5, 0, false, "4295M"}, {1e30, 5, 0, false, "huge"},
        {-1e30, 5, 0, true, "-huge"},       {NAN, 5, 1, false, "-"},
        {-INFINITY, 5, 1, false, "-inf"},
    };
    char text[FIGURE_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(
            gauge_figure(text, cases[i].value, cases[i].width, cases[i].decimals, cases[i].sign),
            cases[i].want);
}

static void test_sparkline(void **state)
{
    struct view_history h;
    struct line line;

    (void)state;
    for (size_t i = 0; i < VIEW_HISTORY; i++)
        h.value[i] = i < 30 ? NAN : (float)i;
    h.value[119] = -1;
    h.value[60] = 1000;
    line_begin(&line, 200, true);
    gauge_spark(&line, &h, 12, 119, GAUGE_HIGHEST);
    assert_string_equal(line.text, "   -~~!++*##");
    line_begin(&line, 200, true);
    gauge_spark(&line, &h, 12, 119, GAUGE_LOWEST);
    assert_string_equal(line.text, "   --~==+**!");
    line_begin(&line, 200, true);
    gauge_spark(&line, &h, 200, 119, GAUGE_HIGHEST);
    assert_int_equal(line.used, VIEW_HISTORY);
    line_begin(&line, 5, true);
    gauge_spark(&line, &h, 12, 119, GAUGE_HIGHEST);
    assert_int_equal(line.used, 5);
}

/* ---- a thousand ------------------------------------------------------------------------------------------
 */

/* Receivers that are not seen lie where nothing can be read while the page is drawn. */
static void test_thousand(void **state)
{
    struct stage *s = *state;
    size_t size = 1000 * sizeof(struct view_receiver), page = (size_t)sysconf(_SC_PAGESIZE);
    size_t hidden = (100 * sizeof(struct view_receiver) + page - 1) / page * page;
    struct view_receiver *receiver =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(receiver != MAP_FAILED);
    views_make(&s->view, receiver, 1000, 1);
    assert_int_equal(desk_arrange(&s->desk, &s->view), 0);
    assert_int_equal(mprotect((char *)receiver + hidden, size - hidden, PROT_NONE), 0);
    page_draw(&s->desk, &s->view, s->lines, ROWS_MAX, 132, false);
    assert_true(row_of(s, ROWS_MAX, "stage-left") > 0);
    assert_int_equal(mprotect((char *)receiver + hidden, size - hidden, PROT_READ | PROT_WRITE), 0);
    assert_int_equal(desk_press(&s->desk, &s->view, DESK_END), 0);
    page_draw(&s->desk, &s->view, s->lines, ROWS_MAX, 132, false);
    assert_string_equal(selected(s), "seat-0999");
    assert_true(row_of(s, ROWS_MAX, ">") > 0 && row_of(s, ROWS_MAX, " seat-0998") > 0);
    assert_int_equal(row_of(s, ROWS_MAX, "stage-right"), -1);
    munmap(receiver, size);
}

/* ---- keys ------------------------------------------------------------------------------------------------
 */

static void test_selection(void **state)
{
    struct stage *s = *state;

    views_make(&s->view, s->receiver, 40, 1);
    draw(s, 80, 24, false);
    assert_string_equal(selected(s), "stage-left");
    press(s, DESK_UP);
    assert_string_equal(selected(s), "stage-left");
    press(s, DESK_DOWN);
    press(s, DESK_DOWN);
    assert_string_equal(selected(s), "seat-0002");
    assert_true(has(s, ">Wseat-0002"));
    press(s, DESK_PAGE_DOWN);
    assert_int_equal(s->desk.selected, 2 + s->desk.visible - 1);
    press(s, DESK_PAGE_UP);
    assert_string_equal(selected(s), "seat-0002");

    /* its place changes, the selection goes along */
    press(s, DESK_KEY_SORT);
    assert_int_equal(s->desk.sort, DESK_BY_NAME);
    assert_string_equal(selected(s), "seat-0002");
    assert_int_equal(s->desk.selected, 0);
    press(s, DESK_KEY_SORT);
    press(s, DESK_KEY_SORT);
    assert_int_equal(s->desk.sort, DESK_BY_HEADROOM);
    assert_int_equal(s->desk.selected, 0); /* it has the least */
    press(s, DESK_END);
    assert_true(isnan(desk_receiver(&s->desk, &s->view)->headroom_ms)); /* not known: last */
    press(s, DESK_HOME);
    assert_string_equal(selected(s), "seat-0002");
}

static void test_details(void **state)
{
    struct stage *s = *state;

    views_make(&s->view, s->receiver, 12, 1);
    draw(s, 80, 24, false);
    press(s, DESK_DOWN);
    press(s, DESK_DOWN);
    press(s, DESK_ENTER);
    assert_true(has(s, "seat-0002  playing  WARNING  of Main hall"));
    assert_true(has(s, "WARNING headroom") && has(s, "0x00001002") && has(s, "00-1D-C1-FF-FE-12-34-56"));
    press(s, DESK_END);
    assert_true(has(s, "newest last") && !has(s, "of Main hall"));
    press(s, DESK_HOME);

    /* it goes: said, not another shown instead */
    s->view.stream[0].receivers = 2;
    draw(s, 80, 24, false);
    assert_true(has(s, "seat-0002") && has(s, "is no more"));
    s->view.stream[0].receivers = 12;
    draw(s, 80, 24, false);
    assert_true(has(s, "0x00001002"));

    press(s, DESK_KEY_HELP);
    assert_true(has(s, "Keys"));
    press(s, DESK_KEY_ALARMS);
    assert_true(has(s, "Alarms: 3") && has(s, "missing") && has(s, "it said no BYE"));
    press(s, DESK_BACK);
    assert_true(has(s, "0x00001002"));
    press(s, DESK_BACK);
    assert_true(has(s, ">Wseat-0002"));
}

static void test_streams(void **state)
{
    struct stage *s = *state;

    views_make(&s->view, s->receiver, 3, 1);
    draw(s, 80, 24, false);
    assert_true(has(s, "stream 1 of 2"));
    press(s, DESK_KEY_STREAM);
    assert_true(has(s, "stream 2 of 2") && has(s, "none has been heard of") && has(s, "fewer than two play"));
    press(s, DESK_ENTER); /* there is none */
    assert_true(has(s, "stream 2 of 2"));

    /* graver than the other now: first, and still selected */
    struct view_stream lobby = s->view.stream[1];
    s->view.stream[1] = s->view.stream[0];
    s->view.stream[0] = lobby;
    draw(s, 80, 24, false);
    assert_true(has(s, "stream 1 of 2") && has(s, "Lobby  stream"));
    press(s, DESK_KEY_STREAM);
    assert_true(has(s, "Main hall  stream 2 of 2"));
    s->view.streams = 0;
    draw(s, 80, 24, false);
    assert_true(has(s, "No stream has been heard yet"));
    press(s, DESK_DOWN);
    press(s, DESK_KEY_STREAM);
}

static void test_top_line(void **state)
{
    struct stage *s = *state;

    views_make(&s->view, s->receiver, 2, 0);
    draw(s, 80, 24, false);
    assert_true(has(s, "22:13:20 ALL WELL 0 alarms  this clock locked"));
    press(s, DESK_KEY_PAUSE);
    assert_true(has(s, "ALL WELL PAUSED 0"));
    s->desk.now = VIEW_ALARM;
    draw(s, 40, 10, false);
    assert_true(has(s, "ALL WELL PAUSED, NOW ALARM"));
    s->desk.paused = false;
    s->view.recorded = true;
    draw(s, 80, 24, false);
    assert_true(has(s, "RECORDED") && !has(s, "PAUSED"));
    s->view.time_s = 1e300;
    draw(s, 80, 24, false);
    assert_true(has(s, "--:--:-- ALL WELL RECORDED"));
    views_blank(&s->view);
    draw(s, 80, 24, false);
    assert_true(has(s, "--:--:-- ALL WELL 0 alarms  this clock unknown"));
}

static void test_witness(void **state)
{
    struct stage *s = *state;
    struct view_witness *w = &s->view.stream[0].witness;

    views_make(&s->view, s->receiver, 2, 0);
    w->honest = false;
    snprintf(w->dishonest, sizeof w->dishonest, "latency jumped by 3 ms");
    draw(s, 80, 24, false);
    assert_true(has(s, "DISHONEST: latency jumped by 3 ms") && !has(s, "times honest"));
    w->timed = false;
    draw(s, 80, 24, false);
    assert_true(has(s, "lead unknown: this clock is not locked"));
    w->hears = false;
    draw(s, 80, 24, false);
    assert_true(has(s, "heard here: nothing"));
    s->view.stream[0].apart_us = 812;
    draw(s, 80, 24, false);
    assert_true(has(s, "APART 812.0 us (p99 1.4, limit 10)"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, raise_stage, strike_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_golden),  TEST(test_bounds),    TEST(test_columns_hold), TEST(test_names),
        TEST(test_figures), TEST(test_sparkline), TEST(test_thousand),     TEST(test_selection),
        TEST(test_details), TEST(test_streams),   TEST(test_top_line),     TEST(test_witness),
    };

    setenv("TZ", "UTC", 1);
    tzset();
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
