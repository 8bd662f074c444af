// SPDX-License-Identifier: GPL-3.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/host/log.h"

static int fds[2];

static int open_pipe(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    return pipe2(fds, O_NONBLOCK);
}

static int close_pipe(void **state)
{
    (void)state;
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static void start(enum log_level level)
{
    log_start(&(struct log_config){.program = "prog", .level = level, .fd = fds[1]});
}

/* All that was written since the last call. */
static const char *written(void)
{
    static char text[8192];
    ssize_t n = read(fds[0], text, sizeof text - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void log_all(void)
{
    log_error("e %d", 1);
    log_warning("w %s", "two");
    log_info("i");
    log_debug("d");
}

static void test_levels(void **state)
{
    (void)state;
    start(LOG_LEVEL_DEBUG);
    log_all();
    assert_string_equal(written(), "prog: error: e 1\nprog: warning: w two\nprog: info: i\nprog: debug: d\n");
    start(LOG_LEVEL_INFO);
    log_all();
    assert_string_equal(written(), "prog: error: e 1\nprog: warning: w two\nprog: info: i\n");
    assert_true(log_wants(LOG_LEVEL_INFO));
    assert_false(log_wants(LOG_LEVEL_DEBUG));
    start(LOG_LEVEL_ERROR);
    log_all();
    assert_string_equal(written(), "prog: error: e 1\n");
}

static void test_journal(void **state)
{
    char stream[64];
    struct stat st;
    (void)state;

    assert_int_equal(fstat(fds[1], &st), 0);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    start(LOG_LEVEL_DEBUG);
    log_all();
    assert_string_equal(
        written(), "<3>prog: error: e 1\n<4>prog: warning: w two\n<6>prog: info: i\n<7>prog: debug: d\n");

    /* The journal is somebody else's stream: stderr was redirected. */
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + 1);
    setenv("JOURNAL_STREAM", stream, 1);
    start(LOG_LEVEL_DEBUG);
    log_info("i");
    assert_string_equal(written(), "prog: info: i\n");
}

static void test_always_one_line(void **state)
{
    char huge[4000];
    (void)state;

    start(LOG_LEVEL_INFO);
    log_info("a\nb\r\033[31m\x7f");
    assert_string_equal(written(), "prog: info: a?b??[31m?\n");
    log_info("%s", "caf\xc3\xa9");
    assert_string_equal(written(), "prog: info: caf\xc3\xa9\n");
    log_info("%s", "");
    assert_string_equal(written(), "prog: info: \n");

    for (size_t len = 900; len < 1200; len++) {
        memset(huge, 'x', len);
        huge[len] = '\0';
        log_info("%s", huge);
        const char *line = written();
        size_t line_len = strlen(line);
        assert_int_equal(strcspn(line, "\n"), line_len - 1);
        if (line_len == strlen("prog: info: ") + len + 1)
            assert_int_equal(line[line_len - 2], 'x');
        else
            assert_string_equal(line + line_len - 4, "...\n");
        assert_true(line_len > 900 && line_len <= 1024);
    }
}

static void test_errno_is_left_alone(void **state)
{
    (void)state;
    log_start(&(struct log_config){.program = "prog", .level = LOG_LEVEL_INFO, .fd = -1});
    errno = ENOENT;
    log_info("nowhere");
    assert_int_equal(errno, ENOENT);
    start(LOG_LEVEL_INFO);
    errno = ENOENT;
    log_info("%m");
    assert_string_equal(written(), "prog: info: No such file or directory\n");
    assert_int_equal(errno, ENOENT);
}

enum { THREADS = 4, LINES = 200 };

static void *log_lines(void *letter)
{
    char text[300];

    memset(text, *(const char *)letter, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < LINES; i++)
        log_info("%s", text);
    return NULL;
}

/* Lines of several threads never mix. */
static void test_threads(void **state)
{
    pthread_t threads[THREADS];
    char line[512];
    char seen[THREADS + 1] = "";
    int lines = 0;
    (void)state;

    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fcntl(fileno(file), F_SETFL, O_APPEND), 0);
    log_start(&(struct log_config){.program = "prog", .level = LOG_LEVEL_INFO, .fd = fileno(file)});
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_lines, (void *)&"abcd"[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    rewind(file);
    for (; fgets(line, sizeof line, file) != NULL; lines++) {
        const char *text = line + strlen("prog: info: ");

        assert_int_equal(strlen(text), 300);
        assert_int_equal(strspn(text, (char[]){text[0], '\0'}), 299);
        seen[text[0] - 'a'] = text[0];
    }
    assert_int_equal(lines, THREADS * LINES);
    assert_string_equal(seen, "abcd");
    fclose(file);
}

static void test_limit(void **state)
{
    struct log_limit limit = {.interval_ns = 1000};
    uint64_t held = 99;
    (void)state;

    /* The first passes even at time 0, the clock's or ours. */
    assert_true(log_limit_pass(&limit, (raw_ns){0}, &held));
    assert_int_equal(held, 0);
    for (int64_t t = 0; t < 1000; t++)
        assert_false(log_limit_pass(&limit, (raw_ns){t}, &held));
    assert_true(log_limit_pass(&limit, (raw_ns){1000}, &held));
    assert_int_equal(held, 1000);
    assert_false(log_limit_pass(&limit, (raw_ns){1999}, &held));
    assert_int_equal(held, 1000);
    assert_true(log_limit_pass(&limit, (raw_ns){50000}, &held));
    assert_int_equal(held, 1);
    assert_true(log_limit_pass(&limit, (raw_ns){51000}, &held));
    assert_int_equal(held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_levels, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_journal, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_always_one_line, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_errno_is_left_alone, open_pipe, close_pipe),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
