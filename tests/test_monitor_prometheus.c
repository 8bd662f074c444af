// SPDX-License-Identifier: GPL-3.0-or-later
/* The monitor's metrics as text: names, labels that stay unique and whole, what is not known left out. */
#include <math.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/views.h"
#include "tools/monitor/prometheus.h"

struct stage {
    struct view view;
    struct view_receiver receiver[1000];
    char *text;
};

static int raise_stage(void **state)
{
    *state = calloc(1, sizeof(struct stage));
    return *state ? 0 : -1;
}

static int strike_stage(void **state)
{
    struct stage *s = *state;

    free(s->text);
    free(s);
    return 0;
}

static const char *tell(struct stage *s)
{
    size_t size;
    FILE *out;

    free(s->text);
    out = open_memstream(&s->text, &size);
    assert_non_null(out);
    assert_int_equal(prometheus_text(out, &s->view), 0);
    fclose(out);
    assert_int_equal(strlen(s->text), size);
    return s->text;
}

/* Whether a whole line of the text is this one. */
static bool has(const struct stage *s, const char *line)
{
    size_t len = strlen(line);

    for (const char *at = s->text; (at = strstr(at, line)); at++)
        if ((at == s->text || at[-1] == '\n') && at[len] == '\n')
            return true;
    return false;
}

static unsigned count(const struct stage *s, const char *what)
{
    unsigned found = 0;

    for (const char *at = s->text; (at = strstr(at, what)); at++)
        found++;
    return found;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every line is of the format; each series stands once; each metric in one piece, after its HELP and TYPE. */
static void check_format(const struct stage *s)
{
    char *text = strdup(s->text), *rest = text, *line, family[96] = "";
    size_t room = count(s, "\n"), series = 0, families = 0;
    char **seen = calloc(room + 1, sizeof *seen), **types = calloc(room + 1, sizeof *types);
    regex_t sample;

    assert_int_equal(
        regcomp(&sample,
                "^unisono_[a-z0-9_]+"
                "(\\{[a-z]+=\"([^\"\\\\]|\\\\[\\\\\"n])*\"(,[a-z]+=\"([^\"\\\\]|\\\\[\\\\\"n])*\")*\\})?"
                " ([+-]Inf|-?[0-9.]+(e[-+][0-9]+)?)$",
                REG_EXTENDED | REG_NOSUB),
        0);
    while ((line = strsep(&rest, "\n")) && *line) {
        if (sscanf(line, "# HELP %95s", family) == 1)
            continue;
        if (!strncmp(line, "# TYPE ", 7)) {
            assert_memory_equal(line + 7, family, strlen(family));
            types[families++] = line;
            continue;
        }
        if (regexec(&sample, line, 0, NULL, 0) != 0)
            fail_msg("not of the format: %s", line);
        assert_memory_equal(line, family, strlen(family));
        assert_true(strchr("{ ", line[strlen(family)]));
        *strrchr(line, ' ') = '\0';
        seen[series++] = line;
    }
    qsort(seen, series, sizeof *seen, by_text);
    for (size_t i = 1; i < series; i++)
        if (!strcmp(seen[i - 1], seen[i]))
            fail_msg("stands twice: %s", seen[i]);
    qsort(types, families, sizeof *types, by_text);
    for (size_t i = 1; i < families; i++)
        assert_string_not_equal(types[i - 1], types[i]);
    assert_true(series > 0);
    regfree(&sample);
    free(types);
    free(seen);
    free(text);
}

static void test_values(void **state)
{
    static const char *const lines[] = {
        "unisono_monitor_build_info{version=\"" UNISONO_VERSION "\"} 1",
        "unisono_monitor_time_seconds 1700000000",
        "unisono_monitor_clock_state{state=\"locked\"} 1",
        "unisono_monitor_clock_state{state=\"holdover\"} 0",
        "unisono_monitor_clock_offset_seconds 1.2e-07",
        "# TYPE unisono_monitor_compounds_total counter",
        "unisono_monitor_compounds_total 100",
        "unisono_level 3",
        "unisono_alarms 3",
        "unisono_alarm{kind=\"missing\",level=\"alarm\",stream=\"Main hall\",receiver=\"seat-0003\"} 1",
        "unisono_stream_apart_seconds{stream=\"Main hall\"} 8e-07",
        "unisono_stream_headroom_seconds{stream=\"Main hall\"} 0.0004",
        "unisono_stream_sample_rate_hertz{stream=\"Main hall\"} 48000",
        "unisono_stream_receivers{stream=\"Main hall\"} 8",
        "unisono_stream_receivers_playing{stream=\"Main hall\"} 6",
        "unisono_stream_level{stream=\"Main hall\"} 3",
        "unisono_stream_on_air{stream=\"Lobby\"} 1",
        "unisono_stream_clock_state{stream=\"Lobby\",state=\"locked\"} 1",
        "unisono_witness_honest{stream=\"Main hall\"} 1",
        "unisono_witness_bytes_per_second{stream=\"Main hall\"} 340000",
        "unisono_witness_lost_packets_total{stream=\"Main hall\"} 2",
        ("unisono_receiver_info{stream=\"Main hall\",receiver=\"stage-left\",ssrc=\"00001000\",host=\"box0\","
         "device=\"hw:0\",tool=\"unisono-recv 0.1.0\",address=\"10.77.0.1\"} 1"),
        "# TYPE unisono_receiver_error_seconds gauge",
        "unisono_receiver_error_seconds{stream=\"Main hall\",receiver=\"stage-left\"} -4e-07",
        "unisono_receiver_resampling_offset_ratio{stream=\"Main hall\",receiver=\"stage-left\"} 1.25e-05",
        "# TYPE unisono_receiver_xruns_total counter",
        "unisono_receiver_xruns_total{stream=\"Main hall\",receiver=\"seat-0002\"} 3",
        "unisono_receiver_state{stream=\"Main hall\",receiver=\"seat-0003\",state=\"silent\"} 1",
        "unisono_receiver_state{stream=\"Main hall\",receiver=\"seat-0003\",state=\"playing\"} 0",
        "unisono_receiver_level{stream=\"Main hall\",receiver=\"seat-0002\"} 2",
        "unisono_receiver_peak_ratio{stream=\"Main hall\",receiver=\"stage-right\",channel=\"2\"} 0",
        "unisono_receiver_device_present{stream=\"Main hall\",receiver=\"stage-left\"} 1",
    };
    struct stage *s = *state;

    views_make(&s->view, s->receiver, 8, 0);
    tell(s);
    check_format(s);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!has(s, lines[i]))
            fail_msg("missing: %s", lines[i]);
}

static void test_unknown(void **state)
{
    struct stage *s = *state;

    /* of seat-0003 nothing is known but its age; and its claims are not claimed */
    views_make(&s->view, s->receiver, 8, 0);
    tell(s);
    assert_null(strstr(s->text, "nan"));
    assert_null(strstr(s->text, "NaN"));
    assert_null(
        strstr(s->text, "unisono_receiver_error_seconds{stream=\"Main hall\",receiver=\"seat-0003\"}"));
    assert_null(strstr(s->text, "unisono_receiver_realtime{stream=\"Main hall\",receiver=\"seat-0003\"}"));
    assert_null(strstr(s->text, "unisono_stream_apart_seconds{stream=\"Lobby\"}"));

    /* a metric of which nothing is known is not named either */
    s->receiver[0].error_us = INFINITY;
    for (size_t i = 1; i < 8; i++)
        s->receiver[i].error_us = s->receiver[i].late = NAN;
    s->receiver[0].late = NAN;
    tell(s);
    check_format(s);
    assert_null(strstr(s->text, "unisono_receiver_late_packets_total"));
    assert_true(has(s, "unisono_receiver_error_seconds{stream=\"Main hall\",receiver=\"stage-left\"} +Inf"));

    views_blank(&s->view);
    tell(s);
    check_format(s);
    assert_null(strstr(s->text, "unisono_stream_"));
    assert_null(strstr(s->text, "unisono_receiver_"));
    assert_null(strstr(s->text, "clock"));
    assert_true(has(s, "unisono_level 0"));
}

static void test_escapes(void **state)
{
    struct stage *s = *state;

    views_make(&s->view, s->receiver, VIEWS_HOSTILE, 0);
    for (size_t i = 0; i < VIEWS_HOSTILE; i++)
        snprintf(s->receiver[i].name, VIEW_NAME_SIZE, "%s", views_hostile[i]);
    memset(s->receiver[0].name, '"', VIEW_NAME_SIZE - 1); /* twice as long when escaped */
    memset(s->receiver[1].name, '\\', VIEW_NAME_SIZE - 1);
    memset(s->receiver[2].name, '\\', VIEW_NAME_SIZE - 1); /* the same: SSRC behind */
    snprintf(s->receiver[3].name, VIEW_NAME_SIZE, "line\nfeed");
    snprintf(s->view.stream[0].name, VIEW_NAME_SIZE, "\"hall\\");
    snprintf(s->view.alarm[0].receiver, VIEW_NAME_SIZE, "%s", views_hostile[5]);
    snprintf(s->receiver[7].state, sizeof s->receiver[7].state, "\"new\"");
    tell(s);
    check_format(s);
    assert_true(has(s, "unisono_receiver_xruns_total{stream=\"\\\"hall\\\\\","
                       "receiver=\"quo\\\"te\\\\back {a=\\\"b\\\"} 1\"} 0"));
    assert_true(strstr(s->text, "receiver=\"line\\nfeed\",state=\"silent\"} 1"));
    assert_true(strstr(s->text, ",state=\"\\\"new\\\"\"} 1"));
}

/* Who bears the name of another, and who pretends to. */
static void test_unique(void **state)
{
    struct stage *s = *state;

    views_make(&s->view, s->receiver, 8, 0);
    snprintf(s->receiver[0].name, VIEW_NAME_SIZE, "twin");
    snprintf(s->receiver[1].name, VIEW_NAME_SIZE, "twin");
    snprintf(s->receiver[2].name, VIEW_NAME_SIZE, "twin #00001001");
    s->receiver[5].name[0] = '\0';
    snprintf(s->receiver[6].name, VIEW_NAME_SIZE, "twin");
    s->receiver[6].ssrc = s->receiver[0].ssrc;
    s->view.alarm[1] = s->view.alarm[0];
    tell(s);
    check_format(s);
    assert_true(strstr(s->text, "receiver=\"twin #00001000\"") &&
                strstr(s->text, "receiver=\"twin #00001001\""));
    assert_null(strstr(s->text, "receiver=\"twin\""));
    assert_non_null(strstr(s->text, "receiver=\"#00001005\""));
    assert_int_equal(count(s, "unisono_receiver_info{"), 6);

    /* streams, too; receivers of one name in two streams are no trouble */
    snprintf(s->view.stream[1].name, VIEW_NAME_SIZE, "%s", s->view.stream[0].name);
    s->view.stream[1].receiver = s->receiver;
    s->view.stream[1].receivers = 8;
    tell(s);
    check_format(s);
    assert_non_null(strstr(s->text, "unisono_stream_info{stream=\"Main hall #abcd0001\""));
    assert_non_null(strstr(s->text, "unisono_stream_info{stream=\"Main hall #abcd0002\""));
    assert_int_equal(count(s, "unisono_receiver_info{"), 12);

    s->view.stream[1].ssrc = s->view.stream[0].ssrc;
    tell(s);
    check_format(s);
    assert_int_equal(count(s, "unisono_stream_info{"), 1);
    assert_int_equal(count(s, "unisono_receiver_info{"), 6);
}

static void test_thousand(void **state)
{
    struct stage *s = *state;

    views_make(&s->view, s->receiver, 1000, 0);
    tell(s);
    check_format(s);
    assert_int_equal(count(s, "unisono_receiver_info{"), 1000);
}

static void test_address(void **state)
{
    static const char *const bad[] = {"",
                                      "9469",
                                      "localhost:9469",
                                      "127.0.0.1:",
                                      "127.0.0.1:x",
                                      ":65536",
                                      ":1 ",
                                      "127.0.0.1:+1",
                                      "[::1]:9469",
                                      "1.2.3:80",
                                      "127.0.0.1",
                                      ":-1",
                                      "999.0.0.1:80",
                                      "127.0.0.1000000000000:1"};
    struct prometheus *p;
    char err[256];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_true(prometheus_start(&p, bad[i], err, sizeof err) < 0);
        assert_null(p);
        assert_non_null(strstr(err, bad[i]));
        assert_null(strchr(err, '\n'));
    }
    assert_true(prometheus_start(&p, "203.0.113.1:0", err, sizeof err) < 0);
    assert_non_null(strstr(err, "choose an address of this machine"));
    assert_int_equal(prometheus_start(&p, ":0", err, sizeof err), 0);
    prometheus_stop(p);
    prometheus_stop(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, raise_stage, strike_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values), TEST(test_unknown),  TEST(test_escapes),
        TEST(test_unique), TEST(test_thousand), cmocka_unit_test(test_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
