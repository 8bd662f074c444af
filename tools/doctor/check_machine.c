// SPDX-License-Identifier: GPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"

/* Idle states slower to leave than this delay a packet or a period audibly at small latencies. */
#define DEEP_US 100

#define LIMITS                                                                                               \
    "in /etc/security/limits.d/unisono.conf: '@audio - rtprio 95' and '@audio - memlock unlimited', be in "  \
    "the "                                                                                                   \
    "group audio, and log in anew (systemd: LimitRTPRIO=95, LimitMEMLOCK=infinity)"

/* ---- real time ------------------------------------------------------------------------------------- */

static bool is_root(const struct probe *probe)
{
    char text[PROBE_TEXT_MAX];
    const char *uid;

    probe_read(probe, text, sizeof text, "/proc/self/status");
    uid = strstr(text, "\nUid:");
    return uid && strtol(uid + strlen("\nUid:"), NULL, 10) == 0;
}

static bool has_capability(const struct probe *probe, int capability)
{
    char text[PROBE_TEXT_MAX];
    const char *effective;

    probe_read(probe, text, sizeof text, "/proc/self/status");
    effective = strstr(text, "\nCapEff:");
    return effective && (strtoull(effective + strlen("\nCapEff:"), NULL, 16) >> capability & 1);
}

/* The hard limit of a line of /proc/self/limits; LLONG_MAX: unlimited, -1: not known. */
static long long hard_limit(const struct probe *probe, const char *name)
{
    char text[PROBE_TEXT_MAX], soft[32], hard[32];
    const char *line;

    probe_read(probe, text, sizeof text, "/proc/self/limits");
    line = strstr(text, name);
    if (!line || sscanf(line + strlen(name), "%31s %31s", soft, hard) != 2)
        return -1;
    return strcmp(hard, "unlimited") == 0 ? LLONG_MAX : strtoll(hard, NULL, 10);
}

struct finding check_realtime(const struct probe *probe)
{
    static const char name[] = "realtime";
    int error = probe->host->try_fifo(probe->context, PROBE_PRIORITY);
    long long limit = hard_limit(probe, "Max realtime priority");

    if (error == 0)
        return finding_make(name, RESULT_PASS, "SCHED_FIFO %d granted%s", PROBE_PRIORITY,
                            is_root(probe) ? " (to root; run this as the user of the sound as well)" : "");
    if (limit > 0 && limit < PROBE_PRIORITY && probe->host->try_fifo(probe->context, (int)limit) == 0)
        return finding_remedy(
            finding_make(name, RESULT_WARN, "SCHED_FIFO %d granted only, not %d", (int)limit, PROBE_PRIORITY),
            LIMITS);
    return finding_remedy(
        finding_make(name, RESULT_FAIL,
                     "SCHED_FIFO refused (%s): anything on this machine can hold the sound up",
                     strerror(-error)),
        LIMITS);
}

struct finding check_memlock(const struct probe *probe)
{
    static const char name[] = "memlock";
    long long limit = hard_limit(probe, "Max locked memory");

    if (limit == LLONG_MAX)
        return finding_make(name, RESULT_PASS, "locked memory is not limited");
    if (has_capability(probe, CAP_IPC_LOCK))
        return finding_make(name, RESULT_PASS, "CAP_IPC_LOCK: any amount of memory may be locked%s",
                            is_root(probe) ? " (by root)" : "");
    if (limit < 0)
        return finding_make(name, RESULT_SKIP, "no /proc/self/limits");
    return finding_remedy(finding_make(name, RESULT_WARN,
                                       "only %lld kB may be locked: memory of the sound may be swapped out",
                                       limit / 1024),
                          LIMITS);
}

struct finding check_throttling(const struct probe *probe)
{
    static const char name[] = "rt-throttling";
    static const char remedy[] = "sysctl -w kernel.sched_rt_runtime_us=950000";
    long long runtime_us, period_us;

    if (!probe_number(probe, &runtime_us, "/proc/sys/kernel/sched_rt_runtime_us") ||
        !probe_number(probe, &period_us, "/proc/sys/kernel/sched_rt_period_us") || period_us <= 0)
        return finding_make(name, RESULT_SKIP, "no kernel.sched_rt_runtime_us");
    if (runtime_us < 0)
        return finding_make(name, RESULT_PASS, "none");
    if (runtime_us == 0)
        return finding_remedy(
            finding_make(name, RESULT_FAIL, "real-time threads get no processor time at all"), remedy);
    if (runtime_us * 100 < period_us * 90)
        return finding_remedy(finding_make(name, RESULT_WARN, "real-time threads get %lld %% of a processor",
                                           runtime_us * 100 / period_us),
                              remedy);
    return finding_make(name, RESULT_PASS,
                        "real-time threads may take %lld %% of a processor, and need little",
                        runtime_us * 100 / period_us);
}

/* A note: any of them will do with some latency. */
struct finding check_kernel(const struct probe *probe)
{
    static const char name[] = "kernel";
    static const char *const kinds[] = {"PREEMPT_RT", "PREEMPT_DYNAMIC", "PREEMPT"};
    char version[512];

    if (probe_read(probe, version, sizeof version, "/proc/sys/kernel/version") <= 0)
        return finding_make(name, RESULT_SKIP, "no /proc/sys/kernel/version");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strstr(version, kinds[i]))
            return finding_make(name, RESULT_PASS, "%s%s", kinds[i],
                                i == 0 ? ": the best for small latencies"
                                       : " (PREEMPT_RT holds threads up less, for latencies of a few ms)");
    }
    return finding_make(name, RESULT_PASS,
                        "not preemptible: a PREEMPT or PREEMPT_RT kernel allows smaller latencies");
}

/* ---- processor ------------------------------------------------------------------------------------- */

/* Processors are numbered from 0, with gaps where some are off. */
#define MOST_CPUS 1024

struct finding check_governor(const struct probe *probe)
{
    static const char name[] = "governor";
    char governor[64], other[64] = "";
    unsigned known = 0, slow = 0;

    for (int cpu = 0; cpu < MOST_CPUS && probe_exists(probe, "/sys/devices/system/cpu/cpu%d", cpu); cpu++) {
        if (probe_read(probe, governor, sizeof governor,
                       "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", cpu) <= 0)
            continue;
        known++;
        if (strcmp(governor, "performance") != 0) {
            slow++;
            memcpy(other, governor, sizeof other);
        }
    }
    if (known == 0)
        return finding_make(name, RESULT_SKIP,
                            "the frequency of the processors is not this system's to govern");
    if (slow == 0)
        return finding_make(name, RESULT_PASS, "performance");
    return finding_remedy(finding_make(name, RESULT_WARN,
                                       "%s on %u of %u processors: they wake up slow when the sound is due",
                                       other, slow, known),
                          "cpupower frequency-set -g performance");
}

/* The latency of the slowest idle state in use, in microseconds; -1: not known. */
static long long deepest_idle_us(const struct probe *probe, char *state, size_t size)
{
    long long latency_us, disabled, deepest_us = -1;

    for (int i = 0;
         probe_number(probe, &latency_us, "/sys/devices/system/cpu/cpu0/cpuidle/state%d/latency", i); i++) {
        if (probe_number(probe, &disabled, "/sys/devices/system/cpu/cpu0/cpuidle/state%d/disable", i) &&
            disabled)
            continue;
        if (latency_us > deepest_us) {
            deepest_us = latency_us;
            probe_read(probe, state, size, "/sys/devices/system/cpu/cpu0/cpuidle/state%d/name", i);
        }
    }
    return deepest_us;
}

/* The daemons hold /dev/cpu_dma_latency open, where they may: then deep states do no harm. */
struct finding check_idle(const struct probe *probe)
{
    static const char name[] = "idle-states";
    char state[64] = "";
    long long us = deepest_idle_us(probe, state, sizeof state);
    int error;

    if (us < 0)
        return finding_make(name, RESULT_SKIP,
                            "the idle states of the processors are not this system's to choose");
    if (us <= DEEP_US)
        return finding_make(name, RESULT_PASS, "the slowest, %s, takes %lld us to leave", state, us);
    error = probe->host->open_device(probe->context, "/dev/cpu_dma_latency", O_WRONLY);
    if (error == 0)
        return finding_make(name, RESULT_PASS,
                            "%s takes %lld us to leave, but Unisono may keep the processors out of it", state,
                            us);
    return finding_remedy(
        finding_make(name, RESULT_WARN,
                     "%s takes %lld us to leave, and this user may not prevent it (/dev/cpu_dma_latency: %s)",
                     state, us, strerror(-error)),
        "chgrp audio /dev/cpu_dma_latency; chmod 660 /dev/cpu_dma_latency (for good: a udev rule); or "
        "cpupower "
        "idle-set -D %d",
        DEEP_US);
}

struct finding check_cpus(const struct probe *probe)
{
    static const char name[] = "processors";
    unsigned count = 0, online = 0;
    long long on;

    for (; count < MOST_CPUS && probe_exists(probe, "/sys/devices/system/cpu/cpu%u", count); count++)
        online += !probe_number(probe, &on, "/sys/devices/system/cpu/cpu%u/online", count) || on;
    if (count == 0)
        return finding_make(name, RESULT_SKIP, "no /sys/devices/system/cpu");
    if (online > 1)
        return finding_make(name, RESULT_PASS, "%u", online);
    return finding_remedy(
        finding_make(name, RESULT_WARN, "one only: interrupts and sound wait for each other"),
        "run nothing else on this machine, and give the sender a larger --latency");
}

struct finding check_virtual(const struct probe *probe)
{
    static const char name[] = "virtual-machine";
    char text[PROBE_TEXT_MAX];
    const char *flags;

    if (probe_read(probe, text, sizeof text, "/proc/cpuinfo") <= 0)
        return finding_make(name, RESULT_SKIP, "no /proc/cpuinfo");
    flags = strstr(text, " hypervisor");
    if (!flags || (flags[11] != ' ' && flags[11] != '\n' && flags[11] != '\0'))
        return finding_make(name, RESULT_PASS, "no");
    return finding_remedy(
        finding_make(name, RESULT_WARN,
                     "yes: its host may hold it up for tens of milliseconds, whatever is set "
                     "here"),
        "use a real machine, or give the sender a larger --latency");
}
