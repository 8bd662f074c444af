// SPDX-License-Identifier: GPL-3.0-or-later
#include "realtime.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STACK_BYTES = 256 * 1024 }; /* more than the audio path ever uses */

/* Raises a soft limit as far as it may go, and returns it. */
static rlim_t raise_limit(__rlimit_resource_t resource)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) < 0)
        return 0;
    if (limit.rlim_cur != limit.rlim_max) {
        struct rlimit raised = {limit.rlim_max, limit.rlim_max};

        if (setrlimit(resource, &raised) == 0)
            return raised.rlim_cur;
    }
    return limit.rlim_cur;
}

/* CAP_IPC_LOCK lifts the limit on locked memory. */
static bool may_lock_any_amount(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

    if (syscall(SYS_capget, &header, data) < 0)
        return false;
    return (data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK)) != 0;
}

/*
 * All memory, present and future, or nothing. Under a finite limit, MCL_FUTURE might well succeed now and
 * then let a later allocation or thread start fail, which is worse than a page fault.
 */
static bool lock_memory(void)
{
    if (raise_limit(RLIMIT_MEMLOCK) != RLIM_INFINITY && !may_lock_any_amount())
        return false;
    return mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
}

/* Touches the pages of stack that the audio path is going to use. */
__attribute__((noinline)) static void touch_stack(void)
{
    volatile char stack[STACK_BYTES];
    long page = sysconf(_SC_PAGESIZE);

    for (size_t i = 0; i < sizeof stack; i += (size_t)page)
        stack[i] = 0;
    stack[sizeof stack - 1] = 0;
}

static bool set_fifo(int priority)
{
    struct sched_param param = {.sched_priority = priority};

    return sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param) == 0;
}

/* The priority obtained: the one wanted, the highest that is permitted, or 0. */
static int take_priority(int priority)
{
    if (set_fifo(priority))
        return priority;
    rlim_t limit = raise_limit(RLIMIT_RTPRIO);
    if (limit < (rlim_t)priority)
        priority = (int)limit;
    return priority > 0 && set_fifo(priority) ? priority : 0;
}

static int keep_processor_awake(void)
{
    int32_t most_us = 0;

    int fd = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, &most_us, sizeof most_us) != sizeof most_us) {
        close(fd);
        fd = -1;
    }
    return fd;
}

int realtime_enter(struct realtime *rt, int priority, char *err, size_t err_len)
{
    char lacking[64] = "";

    rt->memory_locked = lock_memory();
    touch_stack();
    rt->priority = take_priority(priority);
    rt->awake_fd = keep_processor_awake();
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    if (rt->memory_locked && rt->priority == priority)
        return 0;

    if (rt->priority > 0 && rt->priority < priority)
        snprintf(lacking, sizeof lacking, "real-time priority %d (got %d)", priority, rt->priority);
    else if (rt->priority == 0)
        snprintf(lacking, sizeof lacking, "real-time priority %d", priority);
    snprintf(
        err, err_len,
        "not permitted: %s%s%s; sound may break under load: allow 'rtprio %d' and 'memlock unlimited' in "
        "/etc/security/limits.d/ (systemd: LimitRTPRIO=%d, LimitMEMLOCK=infinity), or give --realtime off",
        lacking, lacking[0] != '\0' && !rt->memory_locked ? " and " : "",
        rt->memory_locked ? "" : "locked memory", priority, priority);
    return -EPERM;
}

void realtime_leave(struct realtime *rt)
{
    if (rt->awake_fd >= 0)
        close(rt->awake_fd);
    rt->awake_fd = -1;
}
