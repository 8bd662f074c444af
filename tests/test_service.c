// SPDX-License-Identifier: GPL-3.0-or-later
/* What a service manager is told, read at its end of the socket; and waiting at the start. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/host/log.h"
#include "proto/host/service.h"
#include "proto/host/waiting.h"

#define MS NS_PER_MS

static int manager = -1;
static char folder[64], path[96];

/* A manager that wants a sign of life each `watchdog_us`; NULL: none. */
static void appear(const char *name, const char *watchdog_us)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(manager >= 0);
    assert_int_equal(bind(manager, (const void *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    if (watchdog_us)
        setenv("WATCHDOG_USEC", watchdog_us, 1);
}

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_service.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/notify", folder);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return 0;
}

static int end(void **state)
{
    (void)state;
    if (manager >= 0)
        close(manager);
    manager = -1;
    unlink(path);
    return rmdir(folder);
}

/* The next message, "" when there is none. */
static const char *heard(void)
{
    static char text[2048];
    ssize_t len = recv(manager, text, sizeof text - 1, 0);

    text[len > 0 ? len : 0] = '\0';
    return text;
}

static void test_without_manager(void **state)
{
    struct service s;
    (void)state;

    service_open(&s, (raw_ns){0});
    service_ready(&s);
    service_status(&s, "%s", "nobody");
    for (int i = 1; i < 5; i++)
        service_alive(&s, (raw_ns){i * NS_PER_S}, (uint64_t)i);
    service_stopping(&s);
    assert_int_equal(s.fd, -1);
    service_close(&s);

    setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
    service_open(&s, (raw_ns){0});
    service_ready(&s);
    assert_false(s.ready);
    service_close(&s);
}

static void test_what_is_told(void **state)
{
    struct service s;
    char huge[4096];
    (void)state;

    appear(path, NULL);
    service_open(&s, (raw_ns){0});
    assert_string_equal(heard(), "");
    service_ready(&s);
    assert_string_equal(heard(), "READY=1");
    service_ready(&s);
    assert_string_equal(heard(), "");
    service_status(&s, "playing %d", 7);
    assert_string_equal(heard(), "STATUS=playing 7");
    /* a second assignment is nobody's to make; what is no UTF-8 would make systemd drop the line */
    service_status(&s, "%s", "a\nREADY=0\033[31m\xff");
    assert_string_equal(heard(), "STATUS=a?READY=0?[31m?");
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    service_status(&s, "%s", huge);
    assert_true(strlen(heard()) < 600);
    /* no watchdog, no sign of life */
    service_alive(&s, (raw_ns){NS_PER_S}, 1);
    assert_string_equal(heard(), "");
    service_stopping(&s);
    assert_string_equal(heard(), "STOPPING=1\nSTATUS=stopping");
    service_close(&s);
}

static void test_abstract_socket(void **state)
{
    struct service s;
    char name[64];
    (void)state;

    snprintf(name, sizeof name, "@unisono-test-service-%d", (int)getpid());
    appear(name, NULL);
    service_open(&s, (raw_ns){0});
    service_ready(&s);
    assert_string_equal(heard(), "READY=1");
    service_close(&s);
}

/* The rule: a sign of life only when one is due, and only when the counter has moved since the last. */
static void test_watchdog(void **state)
{
    static const struct {
        int64_t at_ms;
        uint64_t cycles;
        bool said;
    } turns[] = {
        {0, 0, false},       {60, 1, true},      {120, 200, false},
        {1059, 4000, false}, {1060, 4001, true}, /* half of two seconds later */
        {2060, 4001, false},                     /* due, but the thread stands still */
        {9000, 4001, false}, {9060, 4002, true}, /* it moves again */
        {9120, 4003, false}, {10060, 1, true},   /* another thread, that began to count anew */
    };
    struct service s;
    (void)state;

    appear(path, "2000000");
    service_open(&s, (raw_ns){0});
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        service_alive(&s, (raw_ns){turns[i].at_ms * MS}, turns[i].cycles);
        assert_string_equal(heard(), turns[i].said ? "WATCHDOG=1" : "");
    }
    service_close(&s);
}

static void test_watchdog_of_another_process(void **state)
{
    struct service s;
    (void)state;

    appear(path, "2000000");
    setenv("WATCHDOG_PID", "1", 1);
    service_open(&s, (raw_ns){0});
    service_alive(&s, (raw_ns){MS}, 1);
    assert_string_equal(heard(), "");
    service_close(&s);
}

/* A manager that reads nothing: all this must come back, and what was not heard is told again. */
static void test_manager_that_does_not_read(void **state)
{
    struct service s;
    (void)state;

    appear(path, "2000000");
    service_open(&s, (raw_ns){0});
    alarm(20); /* it would hang */
    for (int i = 0; i < 2000; i++)
        service_status(&s, "number %d", i);
    service_ready(&s);
    assert_false(s.ready);
    service_alive(&s, (raw_ns){MS}, 1);
    while (strncmp(heard(), "STATUS=", 7) == 0)
        ;
    service_ready(&s);
    assert_string_equal(heard(), "READY=1");
    service_alive(&s, (raw_ns){2 * MS}, 1);
    assert_string_equal(heard(), "WATCHDOG=1");
    alarm(0);
    service_close(&s);
}

/* ---- waiting --------------------------------------------------------------------------------------- */

static struct waiting start_waiting(struct service *s, int signals, int log_fd)
{
    log_start(&(struct log_config){"prog", LOG_LEVEL_INFO, log_fd});
    return (struct waiting){.allowed = true, .signals = signals, .service = s};
}

static const char *logged(int fd)
{
    static char text[4096];
    ssize_t len = read(fd, text, sizeof text - 1);

    text[len > 0 ? len : 0] = '\0';
    return text;
}

static void test_waiting_tells_once(void **state)
{
    int log_pipe[2], signals[2];
    struct service s;
    struct waiting w;
    (void)state;

    assert_int_equal(pipe2(log_pipe, O_NONBLOCK), 0);
    assert_int_equal(pipe2(signals, O_NONBLOCK), 0);
    appear(path, "1000000");
    service_open(&s, (raw_ns){0});
    w = start_waiting(&s, signals[0], log_pipe[1]);
    waiting_need(&w, "network interface", "eth0");
    assert_true(waiting_again(&w, -ENODEV, "no such interface"));
    assert_string_equal(logged(log_pipe[0]),
                        "prog: warning: waiting for network interface eth0: no such interface\n");
    assert_string_equal(heard(), "STATUS=waiting for network interface eth0");
    assert_string_equal(heard(), "READY=1");
    assert_string_equal(heard(), "WATCHDOG=1");
    /* the same for another reason: nothing new; but the manager's patience is kept */
    assert_true(waiting_again(&w, -EADDRNOTAVAIL, "no address"));
    assert_string_equal(logged(log_pipe[0]), "");
    assert_string_equal(heard(), "WATCHDOG=1");
    assert_string_equal(heard(), "");
    /* the next thing */
    waiting_need(&w, "sound device", "hw:0");
    assert_true(waiting_again(&w, -ENOENT, "no such card"));
    assert_string_equal(logged(log_pipe[0]), "prog: info: network interface eth0 is there\n"
                                             "prog: warning: waiting for sound device hw:0: no such card\n");
    assert_string_equal(heard(), "STATUS=waiting for sound device hw:0");
    waiting_over(&w);
    assert_string_equal(logged(log_pipe[0]), "prog: info: sound device hw:0 is there\n");
    waiting_over(&w);
    assert_string_equal(logged(log_pipe[0]), "");
    service_close(&s);
    for (int i = 0; i < 2; i++) {
        close(log_pipe[i]);
        close(signals[i]);
    }
}

static void test_waiting_ends(void **state)
{
    struct service s;
    struct waiting w;
    int log_fd = open("/dev/null", O_WRONLY), signals[2];
    (void)state;

    assert_int_equal(pipe2(signals, O_NONBLOCK), 0);
    service_open(&s, (raw_ns){0});
    w = start_waiting(&s, signals[0], log_fd);
    waiting_need(&w, "sound device", "hw:0");
    assert_false(waiting_again(&w, -EINVAL, "no such rate")); /* a mistake */
    w.allowed = false;
    assert_false(waiting_again(&w, -ENODEV, "no such card"));
    assert_false(w.stopped);
    w.allowed = true;
    waiting_need(&w, NULL, NULL);
    assert_false(waiting_again(&w, -ENOENT, "no such folder")); /* will not come by itself */
    assert_false(w.stopped);
    /* a signal */
    waiting_need(&w, "sound device", "hw:0");
    assert_int_equal(write(signals[1], "x", 1), 1);
    assert_false(waiting_again(&w, -ENODEV, "no such card"));
    assert_true(w.stopped);
    service_close(&s);
    close(log_fd);
    close(signals[0]);
    close(signals[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_without_manager, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_told, begin, end),
        cmocka_unit_test_setup_teardown(test_abstract_socket, begin, end),
        cmocka_unit_test_setup_teardown(test_watchdog, begin, end),
        cmocka_unit_test_setup_teardown(test_watchdog_of_another_process, begin, end),
        cmocka_unit_test_setup_teardown(test_manager_that_does_not_read, begin, end),
        cmocka_unit_test_setup_teardown(test_waiting_tells_once, begin, end),
        cmocka_unit_test_setup_teardown(test_waiting_ends, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
