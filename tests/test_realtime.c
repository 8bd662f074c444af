// SPDX-License-Identifier: GPL-3.0-or-later
/* Each case in a process of its own, since what realtime_enter() does cannot be undone. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/host/realtime.h"

enum { NOBODY = 65534 };

static void limit(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit both = {value, value};

    if (setrlimit(resource, &both) < 0)
        _exit(77);
}

static void become_nobody(rlim_t priority, rlim_t memory)
{
    limit(RLIMIT_RTPRIO, priority);
    limit(RLIMIT_MEMLOCK, memory);
    if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
        _exit(77);
}

#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                  \
            return 1;                                                                                        \
        }                                                                                                    \
    } while (0)

static int refused(void)
{
    struct realtime rt;
    char err[512] = "";

    become_nobody(0, 65536);
    MUST(realtime_enter(&rt, 70, err, sizeof err) == -EPERM);
    MUST(rt.priority == 0 && !rt.memory_locked);
    MUST(sched_getscheduler(0) == SCHED_OTHER);
    MUST(prctl(PR_GET_TIMERSLACK) == 1);
    MUST(strstr(err, "real-time priority 70 and locked memory") != NULL);
    MUST(strstr(err, "limits.d") != NULL && strstr(err, "LimitRTPRIO=70") != NULL);
    MUST(strchr(err, '\n') == NULL);
    /* Nothing that would make a later allocation fail. */
    char *later = malloc(1 << 24);
    MUST(later != NULL);
    free(later);
    realtime_leave(&rt);
    return 0;
}

static int lower_priority(void)
{
    struct realtime rt;
    char err[512] = "";

    become_nobody(50, RLIM_INFINITY);
    MUST(realtime_enter(&rt, 70, err, sizeof err) == -EPERM);
    MUST(rt.priority == 50 && rt.memory_locked);
    MUST(strstr(err, "real-time priority 70 (got 50)") != NULL && strstr(err, "locked memory") == NULL);
    return 0;
}

static void *policy_of_child(void *policy)
{
    *(int *)policy = sched_getscheduler(0);
    return NULL;
}

static int granted(void)
{
    struct realtime rt;
    char err[512] = "";
    struct sched_param param;
    pthread_t thread;
    int child = -1;

    if (realtime_enter(&rt, 70, err, sizeof err) < 0)
        return 77; /* not allowed to whoever runs the tests */
    MUST(rt.priority == 70 && rt.memory_locked && err[0] == '\0');
    MUST(sched_getscheduler(0) == (SCHED_FIFO | SCHED_RESET_ON_FORK));
    MUST(sched_getparam(0, &param) == 0 && param.sched_priority == 70);
    MUST(pthread_create(&thread, NULL, policy_of_child, &child) == 0);
    pthread_join(thread, NULL);
    MUST(child == SCHED_OTHER);
    realtime_leave(&rt);
    MUST(rt.awake_fd == -1);
    return 0;
}

static void in_child(int (*body)(void))
{
    int status = 0;

    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(body());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_refused(void **state)
{
    (void)state;
    in_child(refused);
}

static void test_lower_priority(void **state)
{
    (void)state;
    in_child(lower_priority);
}

static void test_granted(void **state)
{
    (void)state;
    in_child(granted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_lower_priority),
        cmocka_unit_test(test_granted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
