// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * unisono-doctor's checks on machines made up of a folder of files and a record of answers: each result of
 * each check, starting from one healthy machine and breaking one thing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/ethtool.h>
#include <linux/net_tstamp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/ptpmgmt.h"
#include "tools/doctor/checks.h"

#define HARDWARE (SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE)
#define SOFTWARE (SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE)

/* ---- a machine --------------------------------------------------------------------------------------- */

struct machine {
    char root[64];
    struct doctor_options options;
    struct probe probe;

    int interface_error;
    struct net_interface interface; /* the one asked for, and */
    struct net_interface routed;    /* the one of the route to the group */
    int route_error;
    int ptp_error;
    struct clock_source_status ptp;
    char asked_clock[64];
    int asked_domain;
    int stamp_error;
    uint32_t stamps;
    int phc;
    int eee_error;
    bool eee_enabled, eee_active;
    int coalesce_error;
    uint32_t coalesce_us;
    int open_error;
    char opened[64];
    int fifo_limit; /* highest priority granted; 0: none */
    int tai_error, tai_s, leap;
    int igmp_error;
    struct igmp_view igmp;
    unsigned listened_s;
    int sound_error;
    struct sound_view sound;
    unsigned sound_opened;
};

static int fake_find_interface(void *context, const char *wanted, const struct sockaddr_in *group,
                               struct net_interface *found, char *err, size_t err_size)
{
    const struct machine *m = context;

    (void)group;
    if (wanted[0] == '\0' && m->options.interface[0]) {
        *found = m->routed;
        return m->route_error;
    }
    *found = m->interface;
    if (m->interface_error)
        snprintf(err, err_size, "no interface %s", wanted);
    return m->interface_error;
}

static int fake_ptp(void *context, const char *clock, int domain, struct clock_source_status *status)
{
    struct machine *m = context;

    snprintf(m->asked_clock, sizeof m->asked_clock, "%s", clock);
    m->asked_domain = domain;
    *status = m->ptp;
    return m->ptp_error;
}

static int fake_ethtool(void *context, const char *interface, void *command)
{
    const struct machine *m = context;
    struct ethtool_ts_info *stamps = command;
    struct ethtool_eee *eee = command;
    struct ethtool_coalesce *coalesce = command;

    if (strcmp(interface, m->interface.name) != 0)
        return -ENODEV;
    switch (*(uint32_t *)command) {
    case ETHTOOL_GET_TS_INFO:
        stamps->so_timestamping = m->stamps;
        stamps->phc_index = m->phc;
        return m->stamp_error;
    case ETHTOOL_GEEE:
        eee->eee_enabled = m->eee_enabled;
        eee->eee_active = m->eee_active;
        return m->eee_error;
    case ETHTOOL_GCOALESCE:
        coalesce->rx_coalesce_usecs = m->coalesce_us;
        return m->coalesce_error;
    default:
        fail_msg("ethtool command %u", *(uint32_t *)command);
        return -EINVAL;
    }
}

static int fake_open(void *context, const char *path, int flags)
{
    struct machine *m = context;

    (void)flags;
    snprintf(m->opened, sizeof m->opened, "%s", path);
    return m->open_error;
}

static int fake_fifo(void *context, int priority)
{
    const struct machine *m = context;

    return priority <= m->fifo_limit ? 0 : -EPERM;
}

static int fake_tai(void *context, int *tai_offset_s, int *leap)
{
    const struct machine *m = context;

    *tai_offset_s = m->tai_s;
    *leap = m->leap;
    return m->tai_error;
}

static int fake_igmp(void *context, const struct net_interface *interface, unsigned seconds,
                     struct igmp_view *view)
{
    struct machine *m = context;

    assert_int_equal(interface->index, m->interface.index);
    m->listened_s = seconds;
    *view = m->igmp;
    return m->igmp_error;
}

static int fake_sound(void *context, const char *device, struct sound_view *view)
{
    struct machine *m = context;

    assert_string_equal(device, m->options.device);
    m->sound_opened++;
    *view = m->sound;
    return m->sound_error;
}

static const struct probe_host fake_host = {
    .find_interface = fake_find_interface,
    .ptp = fake_ptp,
    .ethtool = fake_ethtool,
    .open_device = fake_open,
    .try_fifo = fake_fifo,
    .tai = fake_tai,
    .listen_igmp = fake_igmp,
    .sound = fake_sound,
};

/* ---- its files --------------------------------------------------------------------------------------- */

static void make_way(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
}

static void put_bytes(const struct machine *m, const char *path, const char *bytes, size_t size)
{
    char full[PATH_MAX];
    FILE *file;

    snprintf(full, sizeof full, "%s%s", m->root, path);
    make_way(full);
    file = fopen(full, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void put(const struct machine *m, const char *path, const char *text)
{
    put_bytes(m, path, text, strlen(text));
}

static void drop(const struct machine *m, const char *path)
{
    char full[PATH_MAX];

    snprintf(full, sizeof full, "%s%s", m->root, path);
    assert_int_equal(unlink(full), 0);
}

static void put_link(const struct machine *m, const char *path, const char *target)
{
    char full[PATH_MAX];

    snprintf(full, sizeof full, "%s%s", m->root, path);
    make_way(full);
    assert_int_equal(symlink(target, full), 0);
}

/* `arguments` are parted by blanks. */
static void put_process(const struct machine *m, int pid, const char *name, const char *arguments)
{
    char path[64], bytes[256];
    size_t n = strlen(arguments) + 1;

    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    put(m, path, name);
    snprintf(bytes, sizeof bytes, "%s", arguments);
    for (char *blank = strchr(bytes, ' '); blank; blank = strchr(blank + 1, ' '))
        *blank = '\0';
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    put_bytes(m, path, bytes, n);
}

#define UDP_HEAD                                                                                             \
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define UDP_LINE(port, inode)                                                                                \
    "  42: 00000000:" port " 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 " inode  \
    " 2 0000000000000000 0\n"

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* Card hw:0, eth0 with hardware timestamps, ptp4l in software and free, following a grandmaster. */
static int set_up(void **state)
{
    struct machine *m = calloc(1, sizeof *m);

    assert_non_null(m);
    snprintf(m->root, sizeof m->root, "/tmp/test_doctor.XXXXXX");
    assert_non_null(mkdtemp(m->root));
    m->options = (struct doctor_options){
        .interface = "eth0", .device = "hw:0", .group = "239.69.83.1:5004", .clock = "auto"};
    m->interface = (struct net_interface){.name = "eth0", .index = 2, .address = {htonl(0x0a000005)}};
    m->routed = m->interface;
    m->ptp = (struct clock_source_status){.kind = "ptp4l",
                                          .port_state = "UNCALIBRATED",
                                          .port = PTP_PORT_UNCALIBRATED,
                                          .proven = true,
                                          .gm_text = "AA-BB-CC-FF-FE-DD-EE-FF",
                                          .path_delay_ns = 4321};
    m->stamps = SOFTWARE;
    m->phc = -1;
    m->eee_error = m->coalesce_error = -EOPNOTSUPP;
    m->fifo_limit = 99;
    m->sound = (struct sound_view){.hardware = true,
                                   .type = "HW",
                                   .formats = "S32_LE S16_LE",
                                   .rates = "44100 48000 96000",
                                   .channels_min = 2,
                                   .channels_max = 8};
    put(m, "/sys/class/net/eth0/flags", "0x1003\n");
    put(m, "/sys/class/net/eth0/carrier", "1\n");
    put(m, "/sys/class/net/eth0/speed", "1000\n");
    put(m, "/sys/class/net/eth0/duplex", "full\n");
    put(m, "/sys/class/net/eth0/mtu", "1500\n");
    put(m, "/proc/net/udp",
        UDP_HEAD UDP_LINE("013F", "7001") UDP_LINE("0140", "7002") UDP_LINE("0044", "7003"));
    put(m, "/proc/net/igmp",
        "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n1\tlo        :     1      V1\n"
        "\t\t\t\t010000E0     1 0:00000000\t\t0\n2\teth0      :     2      V3\n");
    put(m, "/proc/sys/net/ipv4/conf/all/rp_filter", "0\n");
    put(m, "/proc/sys/net/ipv4/conf/eth0/rp_filter", "2\n");
    put(m, "/proc/sys/net/core/rmem_max", "4194304\n");
    put_process(m, 50, "ptp4l", "ptp4l -f /etc/ptp4l.conf -i eth0 -m");
    put(m, "/etc/ptp4l.conf", "[global]\n# free_running 0\ntime_stamping\tsoftware\nfree_running\t\t1\n");
    put_link(m, "/proc/50/fd/3", "/dev/null");
    put_link(m, "/proc/50/fd/4", "socket:[7001]");
    put_link(m, "/proc/50/fd/5", "socket:[7002]");
    put_process(m, 60, "chronyd", "/usr/sbin/chronyd -F 1");
    put(m, "/proc/self/status", "Name:\tdoctor\nUid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\n");
    put(m, "/proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max locked memory         8388608              unlimited            bytes     \n"
        "Max realtime priority     0                    95                   \n");
    put(m, "/proc/sys/kernel/sched_rt_runtime_us", "950000\n");
    put(m, "/proc/sys/kernel/sched_rt_period_us", "1000000\n");
    put(m, "/proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC Debian 6.1\n");
    put(m, "/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisor_not sse\n");
    put(m, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
    put(m, "/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n");
    put(m, "/sys/devices/system/cpu/cpu0/cpuidle/state0/latency", "2\n");
    put(m, "/sys/devices/system/cpu/cpu0/cpuidle/state0/name", "C1\n");
    put(m, "/proc/asound/pcm",
        "00-03: ALC256 Analog : ALC256 Analog : playback 1 : capture 1\n"
        "01-00: USB Microphone : USB Audio : capture 1\n");
    m->probe = (struct probe){.root = m->root, .host = &fake_host, .context = m, .options = &m->options};
    *state = m;
    return 0;
}

static int tear_down(void **state)
{
    struct machine *m = *state;

    nftw(m->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(m);
    return 0;
}

/* What the check finds on the machine as it is now, and that the words are in it. */
static void expect(struct machine *m, check_function *check, enum result result, const char *found,
                   const char *remedy)
{
    struct finding finding;

    probe_prepare(&m->probe);
    finding = check(&m->probe);
    if (finding.result != result || !strstr(finding.found, found) || !strstr(finding.remedy, remedy))
        fail_msg("%s: %s '%s' (%s), not %s '%s' (%s)", finding.name, result_name(finding.result),
                 finding.found, finding.remedy, result_name(result), found, remedy);
    if ((result == RESULT_WARN || result == RESULT_FAIL) != (finding.remedy[0] != '\0'))
        fail_msg("%s: remedy '%s' with %s", finding.name, finding.remedy, result_name(result));
}

/* ---- the whole --------------------------------------------------------------------------------------- */

static void test_healthy(void **state)
{
    struct machine *m = *state;

    m->stamps = SOFTWARE;
    probe_prepare(&m->probe);
    for (size_t i = 0; i < all_checks_count; i++) {
        struct finding finding = all_checks[i](&m->probe);
        bool software = all_checks[i] == check_timestamping;

        if (finding.result == RESULT_FAIL || (finding.result == RESULT_WARN && !software))
            fail_msg("%s: %s", finding.name, finding.found);
    }
    assert_int_equal(m->sound_opened, 1);
}

/* Nothing can be read, nothing answers: no check crashes, and none says PASS for what it cannot see. */
static void test_blind(void **state)
{
    struct machine *m = *state;

    m->probe.root = "/nonexistent";
    m->stamp_error = m->tai_error = -EPERM;
    m->ptp_error = -EACCES;
    expect(m, check_interface, RESULT_SKIP, "eth0", "");
    expect(m, check_link, RESULT_SKIP, "eth0", "");
    expect(m, check_mtu, RESULT_SKIP, "eth0", "");
    expect(m, check_igmp, RESULT_SKIP, "eth0", "");
    expect(m, check_rp_filter, RESULT_SKIP, "rp_filter", "");
    expect(m, check_receive_buffer, RESULT_SKIP, "rmem_max", "");
    expect(m, check_memlock, RESULT_SKIP, "limits", "");
    expect(m, check_throttling, RESULT_SKIP, "sched_rt", "");
    expect(m, check_kernel, RESULT_SKIP, "version", "");
    expect(m, check_governor, RESULT_SKIP, "govern", "");
    expect(m, check_idle, RESULT_SKIP, "idle", "");
    expect(m, check_cpus, RESULT_SKIP, "cpu", "");
    expect(m, check_virtual, RESULT_SKIP, "cpuinfo", "");
    expect(m, check_ptp_ports, RESULT_SKIP, "udp", "");
    expect(m, check_ptp4l_single, RESULT_SKIP, "no process", "");
    expect(m, check_phc2sys, RESULT_SKIP, "no ptp4l", "");
    expect(m, check_timestamping, RESULT_SKIP, "not permitted", "");
    expect(m, check_tai, RESULT_SKIP, "not permitted", "");
    expect(m, check_leap, RESULT_SKIP, "not permitted", "");
}

static void test_no_interface(void **state)
{
    static check_function *const checks[] = {check_link,  check_eee,  check_coalescing, check_mtu,
                                             check_route, check_igmp, check_rp_filter,  check_querier};
    struct machine *m = *state;

    m->interface_error = -ENODEV;
    expect(m, check_interface, RESULT_FAIL, "no interface eth0", "--interface");
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        expect(m, checks[i], RESULT_SKIP, "no interface", "");
    expect(m, check_timestamping, RESULT_SKIP, "No such device", "");
}

static void test_output(void **state)
{
    struct finding bad = finding_remedy(finding_make("x", RESULT_WARN, "a \"b\" \\ \t\xff"), "do %d", 7);
    struct finding good = finding_make("y", RESULT_PASS, "fine");
    struct tally tally = {.count = {[RESULT_PASS] = 1, [RESULT_WARN] = 1}};
    char text[512];
    FILE *out;

    (void)state;
    out = fmemopen(text, sizeof text, "w");
    json_begin(out);
    json_finding(out, &bad, true);
    json_finding(out, &good, false);
    json_end(out, &tally);
    fclose(out);
    assert_string_equal(
        text,
        "{\"checks\":[\n{\"name\":\"x\",\"result\":\"WARN\",\"found\":\"a \\\"b\\\" \\\\ \\u0009\\u00ff\","
        "\"remedy\":\"do 7\"},\n{\"name\":\"y\",\"result\":\"PASS\",\"found\":\"fine\","
        "\"remedy\":\"\"}\n],\"worst\":\"WARN\"}\n");
    out = fmemopen(text, sizeof text, "w");
    finding_print(out, &good);
    finding_print(out, &bad);
    tally_print(out, &tally);
    fclose(out);
    assert_non_null(strstr(text, "PASS  y "));
    assert_non_null(strstr(text, "\n      remedy: do 7\n"));
    assert_non_null(strstr(text, "READY, with reservations: 1 passed, 1 warnings, 0 failed, 0 skipped"));
}

static void test_verdict(void **state)
{
    struct tally tally = {.count = {[RESULT_SKIP] = 3}};

    (void)state;
    assert_int_equal(tally_status(&tally), 0);
    assert_int_equal(tally_worst(&tally), RESULT_PASS);
    tally.count[RESULT_WARN] = 1;
    assert_int_equal(tally_status(&tally), 1);
    tally.count[RESULT_FAIL] = 1;
    assert_int_equal(tally_status(&tally), 2);
}

/* ---- PTP --------------------------------------------------------------------------------------------- */

static void set_port(struct machine *m, uint8_t port)
{
    m->ptp.port = port;
    m->ptp.port_state = ptp_port_state_name(port);
}

static void test_ptp4l_answers(void **state)
{
    struct machine *m = *state;

    m->options.ptp_domain = 5;
    expect(m, check_ptp4l, RESULT_PASS, "AA-BB-CC-FF-FE-DD-EE-FF", "");
    expect(m, check_ptp4l, RESULT_PASS, "runs free", "");
    assert_int_equal(m->asked_domain, 5);
    assert_string_equal(m->asked_clock, "auto");
    put(m, "/etc/ptp4l.conf", "[global]\ntime_stamping hardware\n");
    expect(m, check_ptp4l, RESULT_WARN, "settles", "wait");
    drop(m, "/etc/ptp4l.conf");
    expect(m, check_ptp4l, RESULT_PASS, "runs free, or settles", "");
    set_port(m, PTP_PORT_SLAVE);
    m->ptp.offset_ns = -99999;
    expect(m, check_ptp4l, RESULT_PASS, "locked to AA-BB-CC-FF-FE-DD-EE-FF, domain 0, offset -99999 ns", "");
    m->ptp.offset_ns = -250000;
    expect(m, check_ptp4l, RESULT_WARN, "250 us off", "wait");
    set_port(m, PTP_PORT_MASTER);
    expect(m, check_ptp4l, RESULT_PASS, "this machine is the grandmaster", "");
    set_port(m, PTP_PORT_FAULTY);
    expect(m, check_ptp4l, RESULT_WARN, "FAULTY", "wait");
}

static void test_ptp4l_fails(void **state)
{
    static const struct {
        int error;
        const char *remedy;
    } faults[] = {
        {-ENOENT, "ptp4l-receiver.conf -i eth0"},
        {-ECONNREFUSED, "ptp4l-receiver.conf -i eth0"},
        {-EACCES, "run as root"},
        {-EDOM, "domainNumber 3"},
        {-ENODATA, "grandmaster"},
        {-EXDEV, "phc2sys -w -s eth0 -c CLOCK_REALTIME"},
        {-ERANGE, "set the clock of the grandmaster"},
        {-ETIMEDOUT, "restart ptp4l"},
    };
    struct machine *m = *state;

    m->options.ptp_domain = 3;
    snprintf(m->ptp.reason, sizeof m->ptp.reason, "the very reason");
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        m->ptp_error = faults[i].error;
        expect(m, check_ptp4l, RESULT_FAIL, "the very reason", faults[i].remedy);
    }
    m->stamps = HARDWARE;
    m->phc = 0;
    m->ptp_error = -ENOENT;
    expect(m, check_ptp4l, RESULT_FAIL, "the very reason", "ptp4l-receiver-hw.conf -i eth0");
    m->ptp_error = -ETIMEDOUT;
    snprintf(m->options.clock, sizeof m->options.clock, "system");
    expect(m, check_ptp4l, RESULT_WARN, "the very reason", "restart ptp4l");
    /* By the card's own clock it does not matter that the system clock is another. */
    m->ptp_error = -EXDEV;
    set_port(m, PTP_PORT_SLAVE);
    snprintf(m->options.clock, sizeof m->options.clock, "phc:eth0");
    expect(m, check_ptp4l, RESULT_PASS, "locked", "");
}

static void test_ptp4l_single(void **state)
{
    struct machine *m = *state;

    expect(m, check_ptp4l_single, RESULT_PASS, "pid 50", "");
    put_process(m, 51, "ptp4l", "ptp4l -i eth1");
    expect(m, check_ptp4l_single, RESULT_WARN, "2 run", "uds_address");
    /* the namespace of one cannot be read */
    put_process(m, 52, "ptp4l", "ptp4l -i eth2");
    put(m, "/proc/52/ns", "");
    expect(m, check_ptp4l_single, RESULT_SKIP, "3 run, perhaps in other", "");
    put(m, "/proc/net/udp", UDP_HEAD);
    expect(m, check_ptp_ports, RESULT_PASS, "free", "");
    put(m, "/proc/52/comm", "other");
    put_link(m, "/proc/self/ns/net", "net:[1]");
    put_link(m, "/proc/50/ns/net", "net:[1]");
    put_link(m, "/proc/51/ns/net", "net:[2]");
    expect(m, check_ptp4l_single, RESULT_PASS, "one", "");
}

/* What the configuration of ptp4l says, as it shows in the check of phc2sys. */
static void test_ptp4l_setup(void **state)
{
    static const struct {
        const char *arguments;
        bool known, software, free_running;
    } setups[] = {
        {"ptp4l -f /etc/ptp4l.conf -i eth0", true, true, true},
        {"ptp4l -mqf/etc/ptp4l.conf", true, true, true},
        {"ptp4l -Hf /etc/ptp4l.conf", true, false, true},
        {"ptp4l -i eth0 -mS", true, true, false},
        {"ptp4l -i S", true, false, false},
        {"ptp4l -f ptp4l.conf", true, true, true},
        {"ptp4l -i eth0 --time_stamping=software --free_running 1", true, true, true},
        {"ptp4l -f /etc/ptp4l.conf --free_running=0", true, true, false},
        {"ptp4l --time_stamping legacy --free_running=0", true, true, false},
        {"ptp4l -f /etc/other.conf", false, false, false},
        {"ptp4l -f", false, false, false},
    };
    struct machine *m = *state;

    put_link(m, "/proc/50/cwd", "/etc");
    for (size_t i = 0; i < sizeof setups / sizeof *setups; i++) {
        put_process(m, 50, "ptp4l", setups[i].arguments);
        probe_prepare(&m->probe);
        if (m->probe.ptp4l.known != setups[i].known || m->probe.ptp4l.software != setups[i].software ||
            m->probe.ptp4l.free_running != setups[i].free_running)
            fail_msg("%s: known %d, software %d, free %d", setups[i].arguments, m->probe.ptp4l.known,
                     m->probe.ptp4l.software, m->probe.ptp4l.free_running);
    }
}

static void test_timestamping(void **state)
{
    struct machine *m = *state;

    expect(m, check_timestamping, RESULT_WARN, "software timestamps only", "time_stamping software");
    m->stamps = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    expect(m, check_timestamping, RESULT_FAIL, "cannot stamp", "ethtool -T eth0");
    snprintf(m->options.clock, sizeof m->options.clock, "system");
    expect(m, check_timestamping, RESULT_WARN, "cannot stamp", "ethtool -T eth0");
    m->stamps = HARDWARE | SOFTWARE;
    m->phc = 3;
    expect(m, check_timestamping, RESULT_WARN, "ptp4l uses software", "ptp4l-receiver-hw.conf -i eth0");
    put(m, "/etc/ptp4l.conf", "[global]\n");
    expect(m, check_timestamping, RESULT_PASS, "/dev/ptp3", "");
    m->phc = -1;
    expect(m, check_timestamping, RESULT_WARN, "software timestamps only", "hardware timestamps");
    m->stamp_error = -EOPNOTSUPP;
    expect(m, check_timestamping, RESULT_SKIP, "not known", "");
}

static void test_phc(void **state)
{
    struct machine *m = *state;

    expect(m, check_phc, RESULT_SKIP, "no clock of its own", "");
    m->stamps = HARDWARE;
    m->phc = 1;
    expect(m, check_phc, RESULT_PASS, "/dev/ptp1 can be read", "");
    m->open_error = -EACCES;
    expect(m, check_phc, RESULT_WARN, "/dev/ptp1 cannot be read: Permission", "chmod 640 /dev/ptp1");
    m->open_error = -ENOENT;
    expect(m, check_phc, RESULT_WARN, "No such file", "ethtool -T eth0");
    snprintf(m->options.clock, sizeof m->options.clock, "phc:/dev/ptp7");
    expect(m, check_phc, RESULT_FAIL, "/dev/ptp7", "ls -l /dev/ptp7");
    assert_string_equal(m->opened, "/dev/ptp7");
    snprintf(m->options.clock, sizeof m->options.clock, "phc:eth9");
    expect(m, check_phc, RESULT_FAIL, "--clock phc:eth9: no such clock", "ethtool -T");
    snprintf(m->options.clock, sizeof m->options.clock, "phc:eth0");
    m->open_error = 0;
    expect(m, check_phc, RESULT_PASS, "/dev/ptp1", "");
}

static void test_ptp_ports(void **state)
{
    struct machine *m = *state;

    expect(m, check_ptp_ports, RESULT_PASS, "held by ptp4l", "");
    put_process(m, 70, "statime", "statime");
    put_link(m, "/proc/70/fd/9", "socket:[7009]");
    put(m, "/proc/net/udp6", UDP_HEAD UDP_LINE("0140", "7009"));
    expect(m, check_ptp_ports, RESULT_FAIL, "statime (pid 70)", "one PTP daemon");
    put(m, "/proc/net/udp6", UDP_HEAD UDP_LINE("0140", "7999"));
    expect(m, check_ptp_ports, RESULT_PASS, "held by ptp4l", "");
    drop(m, "/proc/50/fd/4");
    drop(m, "/proc/50/fd/5");
    expect(m, check_ptp_ports, RESULT_SKIP, "only root", "");
    drop(m, "/proc/net/udp6");
    put(m, "/proc/net/udp", UDP_HEAD);
    expect(m, check_ptp_ports, RESULT_WARN, "although ptp4l runs", "network_transport UDPv4");
    put(m, "/proc/50/comm", "other");
    expect(m, check_ptp_ports, RESULT_PASS, "free", "");
}

static void test_phc2sys(void **state)
{
    struct machine *m = *state;

    expect(m, check_phc2sys, RESULT_PASS, "not needed: ptp4l uses software", "");
    put(m, "/etc/ptp4l.conf", "[global]\n");
    expect(m, check_phc2sys, RESULT_FAIL, "nothing keeps the system clock",
           "phc2sys -w -s eth0 -c CLOCK_REALTIME");
    put_process(m, 80, "phc2sys", "phc2sys -s eth0 -c eth1");
    expect(m, check_phc2sys, RESULT_FAIL, "nothing keeps the system clock",
           "phc2sys -w -s eth0 -c CLOCK_REALTIME");
    set_port(m, PTP_PORT_MASTER);
    expect(m, check_phc2sys, RESULT_FAIL, "nothing keeps the system clock",
           "phc2sys -w -s CLOCK_REALTIME -c eth0");
    set_port(m, PTP_PORT_SLAVE);
    put_process(m, 80, "phc2sys", "phc2sys -c eth0 -s CLOCK_REALTIME");
    expect(m, check_phc2sys, RESULT_PASS, "runs, as is needed", "");
    put_process(m, 80, "phc2sys", "phc2sys -s eth0 -c CLOCK_REALTIME -w");
    expect(m, check_phc2sys, RESULT_PASS, "runs, as is needed", "");
    snprintf(m->options.clock, sizeof m->options.clock, "phc:eth0");
    expect(m, check_phc2sys, RESULT_PASS, "not needed: Unisono reads", "");
    snprintf(m->options.clock, sizeof m->options.clock, "auto");
    drop(m, "/etc/ptp4l.conf");
    expect(m, check_phc2sys, RESULT_SKIP, "only root", "");
    put(m, "/proc/50/comm", "other");
    expect(m, check_phc2sys, RESULT_SKIP, "no ptp4l", "");
}

static void test_clock_daemons(void **state)
{
    struct machine *m = *state;

    expect(m, check_clock_daemons, RESULT_PASS, "chronyd alone", "");
    put(m, "/etc/ptp4l.conf", "time_stamping software\n");
    expect(m, check_clock_daemons, RESULT_FAIL, "chronyd and ptp4l", "free_running 1");
    put_process(m, 60, "chronyd", "/usr/sbin/chronyd -F 1 -x");
    expect(m, check_clock_daemons, RESULT_PASS, "ptp4l alone", "");
    put(m, "/etc/ptp4l.conf", "free_running 1\n");
    expect(m, check_clock_daemons, RESULT_PASS, "nothing sets", "");
    put_process(m, 61, "systemd-timesyn", "/lib/systemd/systemd-timesyncd");
    put_process(m, 62, "phc2sys", "phc2sys -a -r");
    expect(m, check_clock_daemons, RESULT_FAIL, "systemd-timesyn and phc2sys", "systemctl disable");
    put_process(m, 62, "phc2sys", "phc2sys -a");
    expect(m, check_clock_daemons, RESULT_PASS, "systemd-timesyn alone", "");
    put_process(m, 62, "phc2sys", "phc2sys -c eth1 -s eth0");
    expect(m, check_clock_daemons, RESULT_PASS, "systemd-timesyn alone", "");
    put_process(m, 62, "phc2sys", "phc2sys -c eth1 -sCLOCK_REALTIME");
    expect(m, check_clock_daemons, RESULT_PASS, "systemd-timesyn alone", "");
    put_process(m, 63, "ntpd", "ntpd -g");
    expect(m, check_clock_daemons, RESULT_FAIL, "ntpd and systemd-timesyn", "systemctl disable");
}

static void test_tai(void **state)
{
    struct machine *m = *state;

    expect(m, check_tai, RESULT_PASS, "does not know", "");
    m->tai_s = 36;
    expect(m, check_tai, RESULT_PASS, "36 s", "");
    m->ptp.ptp_timescale = m->ptp.utc_offset_valid = true;
    m->ptp.utc_offset_s = 37;
    expect(m, check_tai, RESULT_WARN, "36 s, the grandmaster as 37 s", "leapsectz");
    m->tai_s = 37;
    expect(m, check_tai, RESULT_PASS, "37 s", "");
    expect(m, check_leap, RESULT_PASS, "none", "");
    m->leap = 1;
    expect(m, check_leap, RESULT_WARN, "inserted", "phc");
    m->leap = -1;
    expect(m, check_leap, RESULT_WARN, "left out", "phc");
}

/* ---- network ----------------------------------------------------------------------------------------- */

static void test_interface(void **state)
{
    struct machine *m = *state;

    expect(m, check_interface, RESULT_PASS, "eth0, 10.0.0.5, up", "");
    m->interface.by_route = true;
    expect(m, check_interface, RESULT_PASS, "chosen by the routing table", "");
    put(m, "/sys/class/net/eth0/phy80211", "");
    expect(m, check_interface, RESULT_WARN, "wireless", "cable");
    m->interface.address.s_addr = INADDR_ANY;
    expect(m, check_interface, RESULT_FAIL, "no IPv4 address", "ip address add");
    put(m, "/sys/class/net/eth0/carrier", "0\n");
    expect(m, check_interface, RESULT_FAIL, "no carrier", "cable");
    put(m, "/sys/class/net/eth0/flags", "0x1002\n");
    expect(m, check_interface, RESULT_FAIL, "is down", "ip link set eth0 up");
    m->interface.address.s_addr = htonl(INADDR_LOOPBACK);
    put(m, "/sys/class/net/eth0/flags", "0x9\n");
    put(m, "/sys/class/net/eth0/carrier", "1\n");
    expect(m, check_interface, RESULT_WARN, "nothing leaves", "--interface");
}

static void test_link(void **state)
{
    struct machine *m = *state;

    expect(m, check_link, RESULT_PASS, "1000 Mb/s, duplex full", "");
    put(m, "/sys/class/net/eth0/speed", "100\n");
    expect(m, check_link, RESULT_PASS, "100 Mb/s", "");
    put(m, "/sys/class/net/eth0/speed", "10\n");
    expect(m, check_link, RESULT_WARN, "10 Mb/s only", "autoneg on");
    put(m, "/sys/class/net/eth0/duplex", "half\n");
    expect(m, check_link, RESULT_WARN, "half duplex", "autoneg on");
    put(m, "/sys/class/net/eth0/duplex", "unknown\n");
    put(m, "/sys/class/net/eth0/speed", "-1\n");
    expect(m, check_link, RESULT_SKIP, "no speed", "");
    put(m, "/sys/class/net/eth0/mtu", "1499\n");
    expect(m, check_mtu, RESULT_WARN, "1499 at eth0", "ip link set eth0 mtu 1500");
    put(m, "/sys/class/net/eth0/mtu", "9000\n");
    expect(m, check_mtu, RESULT_PASS, "9000", "");
}

static void test_eee(void **state)
{
    struct machine *m = *state;

    expect(m, check_eee, RESULT_SKIP, "no Energy", "");
    m->eee_error = -EPERM;
    expect(m, check_eee, RESULT_SKIP, "root only", "");
    m->eee_error = 0;
    expect(m, check_eee, RESULT_PASS, "off", "");
    m->eee_enabled = true;
    expect(m, check_eee, RESULT_WARN, "other end has it off", "ethtool --set-eee eth0 eee off");
    m->eee_active = true;
    expect(m, check_eee, RESULT_WARN, "is on at eth0: the link", "ethtool --set-eee eth0 eee off");
}

static void test_coalescing(void **state)
{
    struct machine *m = *state;

    expect(m, check_coalescing, RESULT_SKIP, "tells nothing", "");
    m->coalesce_error = 0;
    expect(m, check_coalescing, RESULT_PASS, "at once", "");
    m->coalesce_us = 50;
    expect(m, check_coalescing, RESULT_WARN, "50 us late", "ethtool -C eth0 adaptive-rx off rx-usecs 0");
    m->stamps = HARDWARE;
    m->phc = 0;
    expect(m, check_coalescing, RESULT_WARN, "50 us late", "rx-usecs 0");
    put(m, "/etc/ptp4l.conf", "time_stamping hardware\n");
    expect(m, check_coalescing, RESULT_PASS, "do not mind", "");
}

static void test_multicast(void **state)
{
    struct machine *m = *state;

    expect(m, check_route, RESULT_PASS, "239.69.83.1 goes by eth0", "");
    m->routed.index = 3;
    snprintf(m->routed.name, sizeof m->routed.name, "wlan0");
    expect(m, check_route, RESULT_WARN, "goes by wlan0, not by eth0", "ip route add 224.0.0.0/4 dev eth0");
    m->route_error = -ENETUNREACH;
    expect(m, check_route, RESULT_WARN, "goes nowhere, not by eth0", "ip route add 224.0.0.0/4 dev eth0");

    expect(m, check_igmp, RESULT_PASS, "version 3", "");
    put(m, "/proc/net/igmp", "Idx\tDevice\n2\teth0      :     2      V1\n");
    expect(m, check_igmp, RESULT_WARN, "version 1", "force_igmp_version=2");
    put(m, "/proc/net/igmp", "Idx\tDevice\n2\teth00     :     2      V1\n");
    expect(m, check_igmp, RESULT_SKIP, "nothing about eth0", "");

    expect(m, check_rp_filter, RESULT_PASS, "not strict", "");
    put(m, "/proc/sys/net/ipv4/conf/all/rp_filter", "1\n");
    expect(m, check_rp_filter, RESULT_PASS, "not strict", "");
    put(m, "/proc/sys/net/ipv4/conf/eth0/rp_filter", "0\n");
    expect(m, check_rp_filter, RESULT_WARN, "strict at eth0", "net.ipv4.conf.eth0.rp_filter=2");
}

static void test_querier(void **state)
{
    struct machine *m = *state;

    expect(m, check_querier, RESULT_SKIP, "--listen 130", "");
    assert_int_equal(m->listened_s, 0);
    m->options.listen_s = 20;
    expect(m, check_querier, RESULT_SKIP, "none heard in 20 s, which proves nothing", "");
    assert_int_equal(m->listened_s, 20);
    m->options.listen_s = 130;
    expect(m, check_querier, RESULT_WARN, "none heard in 130 s", "querier");
    m->igmp = (struct igmp_view){.queries = 1, .querier = {htonl(0x0a0000fe)}};
    expect(m, check_querier, RESULT_PASS, "10.0.0.254 asks", "");
    m->igmp_error = -EPERM;
    expect(m, check_querier, RESULT_SKIP, "run as root", "");
}

static void test_receive_buffer(void **state)
{
    struct machine *m = *state;

    expect(m, check_receive_buffer, RESULT_PASS, "4096 kB", "");
    put(m, "/proc/sys/net/core/rmem_max", "1048576\n");
    expect(m, check_receive_buffer, RESULT_PASS, "1024 kB", "");
    put(m, "/proc/sys/net/core/rmem_max", "212992\n");
    expect(m, check_receive_buffer, RESULT_WARN, "208 kB only", "net.core.rmem_max=4194304");
}

/* ---- machine ----------------------------------------------------------------------------------------- */

static void test_realtime(void **state)
{
    struct machine *m = *state;

    expect(m, check_realtime, RESULT_PASS, "SCHED_FIFO 70 granted", "");
    m->fifo_limit = 0;
    expect(m, check_realtime, RESULT_FAIL, "refused (Operation not permitted)", "@audio - rtprio 95");
    m->fifo_limit = 20;
    put(m, "/proc/self/limits",
        "Max locked memory         65536                65536                bytes     \n"
        "Max realtime priority     0                    20                   \n");
    expect(m, check_realtime, RESULT_WARN, "SCHED_FIFO 20 granted only", "@audio - rtprio 95");
    expect(m, check_memlock, RESULT_WARN, "64 kB", "memlock unlimited");
    put(m, "/proc/self/status", "Name:\tx\nUid:\t0\t0\t0\t0\nCapEff:\t0000000000004000\n");
    expect(m, check_memlock, RESULT_PASS, "CAP_IPC_LOCK", "");
    m->fifo_limit = 99;
    expect(m, check_realtime, RESULT_PASS, "to root", "");
}

static void test_throttling(void **state)
{
    struct machine *m = *state;

    expect(m, check_memlock, RESULT_PASS, "not limited", "");
    expect(m, check_throttling, RESULT_PASS, "95 %", "");
    put(m, "/proc/sys/kernel/sched_rt_runtime_us", "-1\n");
    expect(m, check_throttling, RESULT_PASS, "none", "");
    put(m, "/proc/sys/kernel/sched_rt_runtime_us", "500000\n");
    expect(m, check_throttling, RESULT_WARN, "50 %", "sched_rt_runtime_us=950000");
    put(m, "/proc/sys/kernel/sched_rt_runtime_us", "0\n");
    expect(m, check_throttling, RESULT_FAIL, "no processor time", "sched_rt_runtime_us=950000");
}

static void test_kernel(void **state)
{
    struct machine *m = *state;

    expect(m, check_kernel, RESULT_PASS, "PREEMPT_DYNAMIC", "");
    put(m, "/proc/sys/kernel/version", "#1 SMP PREEMPT_RT Debian\n");
    expect(m, check_kernel, RESULT_PASS, "PREEMPT_RT: the best", "");
    put(m, "/proc/sys/kernel/version", "#1 SMP Debian\n");
    expect(m, check_kernel, RESULT_PASS, "not preemptible", "");
}

static void test_processors(void **state)
{
    struct machine *m = *state;

    expect(m, check_governor, RESULT_PASS, "performance", "");
    put(m, "/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n");
    expect(m, check_governor, RESULT_WARN, "powersave on 1 of 2", "cpupower frequency-set -g performance");
    expect(m, check_cpus, RESULT_PASS, "2", "");
    put(m, "/sys/devices/system/cpu/cpu1/online", "0\n");
    expect(m, check_cpus, RESULT_WARN, "one only", "--latency");

    expect(m, check_idle, RESULT_PASS, "C1, takes 2 us", "");
    put(m, "/sys/devices/system/cpu/cpu0/cpuidle/state1/latency", "890\n");
    put(m, "/sys/devices/system/cpu/cpu0/cpuidle/state1/name", "C10\n");
    expect(m, check_idle, RESULT_PASS, "C10 takes 890 us to leave, but Unisono", "");
    assert_string_equal(m->opened, "/dev/cpu_dma_latency");
    m->open_error = -EACCES;
    expect(m, check_idle, RESULT_WARN, "C10 takes 890 us", "chmod 660 /dev/cpu_dma_latency");
    put(m, "/sys/devices/system/cpu/cpu0/cpuidle/state1/disable", "1\n");
    expect(m, check_idle, RESULT_PASS, "C1, takes 2 us", "");

    expect(m, check_virtual, RESULT_PASS, "no", "");
    put(m, "/proc/cpuinfo", "flags\t\t: fpu sse hypervisor lahf\n");
    expect(m, check_virtual, RESULT_WARN, "hold it up", "real machine");
}

/* ---- sound ------------------------------------------------------------------------------------------- */

static void test_cards(void **state)
{
    struct machine *m = *state;

    m->options.device[0] = '\0';
    expect(m, check_cards, RESULT_PASS, "hw:0,3 (ALC256 Analog), hw:1,0 (USB Microphone, capture only)", "");
    expect(m, check_device, RESULT_SKIP, "none given", "");
    expect(m, check_format, RESULT_SKIP, "sound-device", "");
    expect(m, check_rates, RESULT_SKIP, "sound-device", "");
    assert_int_equal(m->sound_opened, 0);
    drop(m, "/proc/asound/pcm");
    expect(m, check_cards, RESULT_WARN, "none", "plug one in");
    snprintf(m->options.device, sizeof m->options.device, "sim");
    expect(m, check_cards, RESULT_SKIP, "no sound hardware", "");
}

static void test_device(void **state)
{
    struct machine *m = *state;

    expect(m, check_device, RESULT_PASS, "hw:0 is the hardware itself", "");
    m->sound.capture = true;
    expect(m, check_device, RESULT_PASS, "for capture", "");
    m->sound.hardware = false;
    snprintf(m->sound.type, sizeof m->sound.type, "PLUG");
    m->sound.card = 2;
    m->sound.device = 1;
    expect(m, check_device, RESULT_WARN, "a plugin (PLUG)", "--device hw:2,1");
    m->sound.card = -1;
    expect(m, check_device, RESULT_WARN, "a plugin (PLUG)", "--device hw:0,3");
    drop(m, "/proc/asound/pcm");
    expect(m, check_device, RESULT_WARN, "a plugin (PLUG)", "hw: name of a card");
}

static void test_device_refused(void **state)
{
    struct machine *m = *state;

    m->sound_error = -ENOENT;
    expect(m, check_device, RESULT_FAIL, "hw:0 cannot be opened: No such file", "aplay -L");
    expect(m, check_format, RESULT_SKIP, "sound-device", "");
    expect(m, check_rates, RESULT_SKIP, "sound-device", "");
    m->sound_error = -EACCES;
    expect(m, check_device, RESULT_FAIL, "Permission denied", "adduser");
    m->sound_error = -EIO;
    expect(m, check_device, RESULT_FAIL, "Input/output error", "aplay -v -D hw:0");
    m->sound_error = -EBUSY;
    expect(m, check_device, RESULT_FAIL, "hw:0 is busy; who holds it is not known", "fuser");
    put(m, "/proc/asound/card1/pcm2c/sub0/status", "state: RUNNING\nowner_pid   : 90\n");
    put_process(m, 90, "pipewire", "pipewire");
    expect(m, check_device, RESULT_FAIL, "hw:0 is busy; who holds it is not known", "fuser");
    snprintf(m->options.device, sizeof m->options.device, "plughw:1,2");
    expect(m, check_device, RESULT_FAIL, "busy: pipewire, pid 90, holds card1", "systemctl --user stop");
    snprintf(m->options.device, sizeof m->options.device, "default");
    expect(m, check_device, RESULT_FAIL, "busy: pipewire, pid 90, holds card1", "systemctl --user stop");
    snprintf(m->options.device, sizeof m->options.device, "hw:CARD=PCH,DEV=0");
    put(m, "/proc/asound/PCH/pcm0p/sub0/status", "state: RUNNING\nowner_pid   : 91\n");
    expect(m, check_device, RESULT_FAIL, "busy: a process, pid 91, holds PCH", "systemctl --user stop");
}

static void test_abilities(void **state)
{
    struct machine *m = *state;

    expect(m, check_format, RESULT_PASS, "S32_LE S16_LE, 2 to 8 channels", "");
    m->sound.channels_min = 8;
    expect(m, check_format, RESULT_WARN, "8 to 8 channels, not 2", "--channels 8");
    m->sound.channels_min = m->sound.channels_max = 1;
    expect(m, check_format, RESULT_WARN, "1 to 1 channels, not 2", "--channels 1");
    m->sound.formats[0] = '\0';
    expect(m, check_format, RESULT_FAIL, "takes none of", "plug:hw:0");
    expect(m, check_rates, RESULT_PASS, "44100 48000 96000 Hz", "");
    snprintf(m->sound.rates, sizeof m->sound.rates, "44100 96000");
    expect(m, check_rates, RESULT_WARN, "44100 96000 Hz, not at 48000", "--rate 44100 for");
    m->sound.rates[0] = '\0';
    expect(m, check_rates, RESULT_FAIL, "runs at none of", "another card");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_healthy),
        TEST(test_blind),
        TEST(test_no_interface),
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_verdict),
        TEST(test_ptp4l_answers),
        TEST(test_ptp4l_fails),
        TEST(test_ptp4l_single),
        TEST(test_ptp4l_setup),
        TEST(test_timestamping),
        TEST(test_phc),
        TEST(test_ptp_ports),
        TEST(test_phc2sys),
        TEST(test_clock_daemons),
        TEST(test_tai),
        TEST(test_interface),
        TEST(test_link),
        TEST(test_eee),
        TEST(test_coalescing),
        TEST(test_multicast),
        TEST(test_querier),
        TEST(test_receive_buffer),
        TEST(test_realtime),
        TEST(test_throttling),
        TEST(test_kernel),
        TEST(test_processors),
        TEST(test_cards),
        TEST(test_device),
        TEST(test_device_refused),
        TEST(test_abilities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
