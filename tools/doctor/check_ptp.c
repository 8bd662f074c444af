// SPDX-License-Identifier: GPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/net_tstamp.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "proto/timebase.h"

#define PHC2SYS_LETTERS "arc:d:f:s:E:P:I:S:F:R:N:O:L:M:i:u:wmn:qvxz:l:t:h"
#define CHRONYD_LETTERS "46df:F:hi:l:L:mnP:qQrRst:u:U:vx"

/* A clock that follows and is further off than this has not settled. */
#define SETTLED_NS (100 * NS_PER_US)

static bool clock_is(const struct probe *probe, const char *kind)
{
    size_t n = strlen(kind);
    const char *clock = probe->options->clock;

    return strncmp(clock, kind, n) == 0 && (clock[n] == '\0' || clock[n] == ':');
}

/* ---- ptp4l ----------------------------------------------------------------------------------------- */

/* It answers and has a clock to tell of. */
static struct finding judge_state(const struct probe *probe, const char *name)
{
    const struct clock_source_status *s = &probe->ptp;
    int64_t off_ns = s->offset_ns < 0 ? -s->offset_ns : s->offset_ns;

    switch (s->port) {
    case PTP_PORT_MASTER:
    case PTP_PORT_GRAND_MASTER:
        return finding_make(name, RESULT_PASS, "this machine is the grandmaster, %s, domain %d", s->gm_text,
                            s->domain);
    case PTP_PORT_SLAVE:
        if (off_ns <= SETTLED_NS)
            return finding_make(name, RESULT_PASS, "%s, locked to %s, domain %d, offset %" PRId64 " ns",
                                s->port_state, s->gm_text, s->domain, s->offset_ns);
        return finding_remedy(finding_make(name, RESULT_WARN,
                                           "%s of %s, but still %" PRId64 " us off: not settled",
                                           s->port_state, s->gm_text, off_ns / NS_PER_US),
                              "wait a minute and try again; see the log of ptp4l for what holds it off");
    case PTP_PORT_UNCALIBRATED:
        if (!probe->ptp4l.known || probe->ptp4l.free_running)
            return finding_make(name, RESULT_PASS,
                                "%s, measures against %s, domain %d, path delay %" PRId64 " ns%s",
                                s->port_state, s->gm_text, s->domain, s->path_delay_ns,
                                probe->ptp4l.known ? ", runs free" : " (runs free, or settles still)");
        return finding_remedy(
            finding_make(name, RESULT_WARN, "%s: it settles on %s still", s->port_state, s->gm_text),
            "wait a minute and try again");
    default:
        return finding_remedy(finding_make(name, RESULT_WARN, "answers, but its port is in state %s",
                                           s->port_state[0] ? s->port_state : "unknown"),
                              "wait ten seconds and try again; see the log of ptp4l");
    }
}

static struct finding no_time(const struct probe *probe, const char *name)
{
    const char *reason = probe->ptp.reason, *at = probe->interface.name[0] ? probe->interface.name : "IF";
    /* The system clock may be kept by others; then ptp4l would only have proven it. */
    enum result result = clock_is(probe, "system") ? RESULT_WARN : RESULT_FAIL;
    struct finding finding = finding_make(name, result, "%s", reason);
    const char *kind = stamping_of(probe).hardware ? "-hw" : "";

    switch (probe->ptp_error) {
    case -ENOENT:
    case -ECONNREFUSED:
        return finding_remedy(
            finding,
            "ptp4l -f /usr/local/share/doc/unisono/ptp4l-receiver%s.conf -i %s (a machine that "
            "sends: ptp4l-sender%s.conf), or --clock ptp4l:SOCKET",
            kind, at, kind);
    case -EACCES:
    case -EPERM:
        return finding_remedy(finding,
                              "run as root; for good: ptp4l 4.0 with its uds_ro_address, or a group for "
                              "its socket");
    case -EDOM:
        return finding_remedy(finding,
                              "--ptp-domain as it says, or domainNumber %d in the configuration of ptp4l",
                              (int)probe->options->ptp_domain);
    case -ENODATA:
        return finding_remedy(finding,
                              "start a grandmaster: ptp4l -f ptp4l-sender.conf at the sender; multicast to "
                              "224.0.1.129, UDP 319 and 320, must pass the switches");
    case -EXDEV:
        return finding_remedy(finding, "--clock phc:%s, or run: phc2sys -w -s %s -c CLOCK_REALTIME", at, at);
    case -ERANGE:
        return finding_remedy(finding, "set the clock of the grandmaster");
    default:
        return finding_remedy(finding, "systemctl restart ptp4l, or start it by hand; is that its socket?");
    }
}

struct finding check_ptp4l(const struct probe *probe)
{
    static const char name[] = "ptp4l";

    /* With the network card's clock as PTP time it does not matter that the system's does not follow. */
    if (probe->ptp_error == -EXDEV && clock_is(probe, "phc"))
        return judge_state(probe, name);
    return probe->ptp_error ? no_time(probe, name) : judge_state(probe, name);
}

struct finding check_ptp4l_single(const struct probe *probe)
{
    static const char name[] = "ptp4l-single";
    unsigned count = probe->ptp4l.count;

    if (count == 0)
        return finding_make(name, RESULT_SKIP, "no process of that name");
    if (count == 1)
        return finding_make(name, RESULT_PASS, "one, pid %d", (int)probe->ptp4l.pid);
    if (probe->ptp4l.unplaced)
        return finding_make(name, RESULT_SKIP,
                            "%u run, perhaps in other network namespaces, which only root may see", count);
    return finding_remedy(finding_make(name, RESULT_WARN, "%u run: which of them answers is chance", count),
                          "end all but one; or give each its uds_address, and --clock ptp4l:SOCKET");
}

/* ---- timestamps ------------------------------------------------------------------------------------ */

struct stamping stamping_of(const struct probe *probe)
{
    struct ethtool_ts_info info = {.cmd = ETHTOOL_GET_TS_INFO, .phc_index = -1};
    const uint32_t hardware =
        SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
    const uint32_t software = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE;
    struct stamping stamping = {.phc = -1};

    stamping.error = probe->interface_error
                         ? probe->interface_error
                         : probe->host->ethtool(probe->context, probe->interface.name, &info);
    if (stamping.error)
        return stamping;
    stamping.hardware = (info.so_timestamping & hardware) == hardware && info.phc_index >= 0;
    stamping.software = (info.so_timestamping & software) == software;
    stamping.phc = info.phc_index;
    return stamping;
}

struct finding check_timestamping(const struct probe *probe)
{
    static const char name[] = "timestamping";
    struct stamping stamping = stamping_of(probe);
    const char *at = probe->interface.name;

    if (stamping.error)
        return finding_make(name, RESULT_SKIP, "not known: %s", strerror(-stamping.error));
    if (stamping.hardware && probe->ptp4l.known && probe->ptp4l.software)
        return finding_remedy(
            finding_make(name, RESULT_WARN,
                         "%s stamps in hardware (/dev/ptp%d), but ptp4l uses software timestamps", at,
                         stamping.phc),
            "ptp4l -f /usr/local/share/doc/unisono/ptp4l-receiver-hw.conf -i %s (or ptp4l-sender-hw.conf), "
            "and --clock phc:%s",
            at, at);
    if (stamping.hardware)
        return finding_make(name, RESULT_PASS, "%s stamps in hardware, by /dev/ptp%d", at, stamping.phc);
    if (stamping.software)
        return finding_remedy(
            finding_make(name, RESULT_WARN,
                         "%s has software timestamps only: machines agree to some 10 us, not 0.1", at),
            "time_stamping software in the configuration of ptp4l; better a network card with "
            "hardware timestamps, such as Intel i210");
    return finding_remedy(
        finding_make(name, clock_is(probe, "system") ? RESULT_WARN : RESULT_FAIL,
                     "%s cannot stamp the packets of PTP", at),
        "use the network card itself, not a bridge, tunnel or bond; or another card: ethtool -T %s", at);
}

/* The device of --clock phc:..., else that of the interface. False: neither. */
static bool phc_path(const struct probe *probe, char *path, size_t size)
{
    const char *named = clock_is(probe, "phc") ? strchr(probe->options->clock, ':') : NULL;
    struct ethtool_ts_info info = {.cmd = ETHTOOL_GET_TS_INFO, .phc_index = -1};

    if (named && strchr(named + 1, '/')) {
        snprintf(path, size, "%s", named + 1);
        return true;
    }
    if (named && probe->host->ethtool(probe->context, named + 1, &info) < 0)
        info.phc_index = -1;
    if (!named)
        info.phc_index = stamping_of(probe).phc;
    snprintf(path, size, "/dev/ptp%d", info.phc_index);
    return info.phc_index >= 0;
}

struct finding check_phc(const struct probe *probe)
{
    static const char name[] = "phc";
    bool wanted = clock_is(probe, "phc");
    char path[PROBE_PATH_MAX];
    int error;

    if (!phc_path(probe, path, sizeof path)) {
        if (wanted)
            return finding_remedy(
                finding_make(name, RESULT_FAIL, "--clock %s: no such clock", probe->options->clock),
                "give --clock phc:IF with a card that ethtool -T says has a clock, or --clock ptp4l");
        return finding_make(name, RESULT_SKIP, "the network card has no clock of its own");
    }
    error = probe->host->open_device(probe->context, path, O_RDONLY);
    if (error == 0)
        return finding_make(name, RESULT_PASS, "%s can be read", path);
    return finding_remedy(finding_make(name, wanted ? RESULT_FAIL : RESULT_WARN, "%s cannot be read: %s",
                                       path, strerror(-error)),
                          error == -EACCES || error == -EPERM
                              ? "chgrp audio %s; chmod 640 %s (for good: a udev rule for SUBSYSTEM==\"ptp\")"
                              : "modprobe ptp; ls -l %s; and the driver of the card: ethtool -T %s",
                          path, error == -EACCES || error == -EPERM ? path : probe->interface.name);
}

/* ---- ports of PTP ---------------------------------------------------------------------------------- */

/* What holds the ports 319 and 320, all owners taken together. */
struct port_holders {
    unsigned sockets;
    unsigned unseen; /* sockets whose owner this user may not see */
    bool ptp4l;
    char others[160]; /* "ptpd (pid 12)"; "": none */
};

static void add_holder(const struct probe *probe, struct port_holders *holders, unsigned long long inode)
{
    struct probe_process owner;
    bool blind = false;
    char text[64];
    size_t length = strlen(holders->others);

    holders->sockets++;
    if (!probe_socket_owner(probe, inode, &owner, &blind)) {
        holders->unseen++;
        return;
    }
    if (strcmp(owner.name, "ptp4l") == 0) {
        holders->ptp4l = true;
        return;
    }
    snprintf(text, sizeof text, "%s (pid %d)", owner.name, (int)owner.pid);
    if (!strstr(holders->others, text))
        snprintf(holders->others + length, sizeof holders->others - length, "%s%s", length ? ", " : "", text);
}

/* "  12: 00000000:013F 00000000:0000 07 0:0 00:0 0 UID 0 INODE ...", of /proc/net/udp and udp6. */
static bool find_holders(const struct probe *probe, const char *table, struct port_holders *holders)
{
    char text[16 * PROBE_TEXT_MAX], *rest = text;
    const char *line;

    if (probe_read(probe, text, sizeof text, "/proc/net/%s", table) < 0)
        return false;
    while ((line = strsep(&rest, "\n"))) {
        unsigned long long inode;
        unsigned port;

        if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*s %*s %*s %*s %*s %*s %*s %llu", &port, &inode) == 2 &&
            (port == 319 || port == 320))
            add_holder(probe, holders, inode);
    }
    return true;
}

struct finding check_ptp_ports(const struct probe *probe)
{
    static const char name[] = "ptp-ports";
    struct port_holders holders = {0};

    if (!find_holders(probe, "udp", &holders))
        return finding_make(name, RESULT_SKIP, "no /proc/net/udp");
    find_holders(probe, "udp6", &holders);
    if (holders.others[0])
        return finding_remedy(
            finding_make(name, RESULT_FAIL, "UDP 319 and 320 are taken by %s", holders.others),
            "systemctl disable --now that program: one PTP daemon for one machine, ptp4l");
    if (holders.ptp4l)
        return finding_make(name, RESULT_PASS, "UDP 319 and 320 are held by ptp4l");
    if (holders.unseen > 0)
        return finding_make(name, RESULT_SKIP, "UDP 319 and 320 are held, but only root may see by whom");
    if (probe->ptp4l.count > 0 && !probe->ptp4l.unplaced)
        return finding_remedy(
            finding_make(name, RESULT_WARN,
                         "UDP 319 and 320 are free although ptp4l runs: it is not on UDP and IPv4"),
            "network_transport UDPv4 in the configuration of ptp4l, which AES67 asks for");
    return finding_make(name, RESULT_PASS, "UDP 319 and 320 are free");
}

/* ---- who sets which clock -------------------------------------------------------------------------- */

static size_t arguments_of(const struct probe *probe, pid_t pid, char *text, size_t size)
{
    int n = probe_read(probe, text, size, "/proc/%d/cmdline", (int)pid);

    return n > 0 ? (size_t)n : 0;
}

/* What phc2sys does with the system clock. */
struct phc2sys_setup {
    bool sets;  /* it sets it from a network card's clock, */
    bool feeds; /* or sets that from it, as a grandmaster does. Neither: it keeps several cards together */
};

static struct phc2sys_setup phc2sys_setup(const struct probe *probe, pid_t pid)
{
    char text[PROBE_TEXT_MAX];
    size_t n = arguments_of(probe, pid, text, sizeof text);
    const char *from = probe_argument(text, n, PHC2SYS_LETTERS, 's');
    const char *to = probe_argument(text, n, PHC2SYS_LETTERS, 'c');

    if (probe_argument(text, n, PHC2SYS_LETTERS, 'a'))
        return (struct phc2sys_setup){.sets = probe_argument(text, n, PHC2SYS_LETTERS, 'r') != NULL};
    if (from && strcmp(from, "CLOCK_REALTIME") == 0)
        return (struct phc2sys_setup){.feeds = true};
    return (struct phc2sys_setup){.sets = !to || strcmp(to, "CLOCK_REALTIME") == 0};
}

static bool chronyd_sets_system(const struct probe *probe, pid_t pid)
{
    char text[PROBE_TEXT_MAX];
    size_t n = arguments_of(probe, pid, text, sizeof text);

    return !probe_argument(text, n, CHRONYD_LETTERS, 'x');
}

struct finding check_clock_daemons(const struct probe *probe)
{
    static const char name[] = "clock-daemons";
    static const char *const daemons[] = {"chronyd", "ntpd", "systemd-timesyn", "phc2sys"};
    struct probe_process process;
    char list[160] = "";
    unsigned count = 0;

    for (size_t i = 0; i < sizeof daemons / sizeof *daemons; i++) {
        size_t n = strlen(list);

        if (probe_count(probe, daemons[i], &process) == 0 ||
            (strcmp(daemons[i], "phc2sys") == 0 && !phc2sys_setup(probe, process.pid).sets) ||
            (strcmp(daemons[i], "chronyd") == 0 && !chronyd_sets_system(probe, process.pid)))
            continue;
        snprintf(list + n, sizeof list - n, "%s%s", n ? " and " : "", daemons[i]);
        count++;
    }
    if (probe->ptp4l.count > 0 && probe->ptp4l.known && probe->ptp4l.software && !probe->ptp4l.free_running) {
        size_t n = strlen(list);

        snprintf(list + n, sizeof list - n, "%sptp4l", n ? " and " : "");
        count++;
    }
    if (count < 2)
        return finding_make(name, RESULT_PASS,
                            count ? "the system clock is set by %s alone" : "nothing sets the system clock%s",
                            list);
    return finding_remedy(finding_make(name, RESULT_FAIL, "%s set the system clock against each other", list),
                          "systemctl disable --now systemd-timesyncd chrony ntp; or free_running 1 in the "
                          "configuration of ptp4l and no phc2sys, which --clock ptp4l or phc:IF do not need");
}

/* This machine is the grandmaster. */
static bool leads(const struct probe *probe)
{
    return probe->ptp.port == PTP_PORT_MASTER || probe->ptp.port == PTP_PORT_GRAND_MASTER;
}

struct finding check_phc2sys(const struct probe *probe)
{
    static const char name[] = "phc2sys";
    struct probe_process process;
    struct phc2sys_setup setup = {0};
    bool runs;
    const char *at = probe->interface.name[0] ? probe->interface.name : "IF";

    if (probe_count(probe, "phc2sys", &process) > 0)
        setup = phc2sys_setup(probe, process.pid);
    runs = setup.sets || setup.feeds;
    if (probe->ptp4l.count == 0)
        return finding_make(name, RESULT_SKIP, "no ptp4l that it could go with");
    if (clock_is(probe, "phc"))
        return finding_make(name, RESULT_PASS, "not needed: Unisono reads the network card's clock itself%s",
                            runs ? "; it runs" : "");
    if (!probe->ptp4l.known)
        return finding_make(name, RESULT_SKIP,
                            "needed if ptp4l uses hardware timestamps, which only root may see%s",
                            runs ? "; it runs" : "");
    if (probe->ptp4l.software)
        return finding_make(name, RESULT_PASS, "not needed: ptp4l uses software timestamps%s",
                            runs ? "; it runs" : "");
    if (runs)
        return finding_make(name, RESULT_PASS, "runs, as is needed with hardware timestamps and --clock %s",
                            probe->options->clock);
    return finding_remedy(finding_make(name, RESULT_FAIL,
                                       "nothing keeps the system clock and the network card's "
                                       "together, and --clock %s needs that",
                                       probe->options->clock),
                          "--clock phc:%s; or run: phc2sys -w -s %s -c %s", at,
                          leads(probe) ? "CLOCK_REALTIME" : at, leads(probe) ? at : "CLOCK_REALTIME");
}

/* A note: Unisono takes TAI - UTC from ptp4l, never from the kernel. */
struct finding check_tai(const struct probe *probe)
{
    static const char name[] = "tai";
    const struct clock_source_status *s = &probe->ptp;
    int tai_s = 0, leap = 0, error = probe->host->tai(probe->context, &tai_s, &leap);

    if (error)
        return finding_make(name, RESULT_SKIP, "not known: %s", strerror(-error));
    if (tai_s == 0)
        return finding_make(name, RESULT_PASS, "the kernel does not know TAI - UTC; Unisono does not ask it");
    if (!probe->ptp_error && s->ptp_timescale && s->utc_offset_valid && s->utc_offset_s != tai_s)
        return finding_remedy(
            finding_make(name, RESULT_WARN, "the kernel reckons TAI - UTC as %d s, the grandmaster as %d s",
                         tai_s, s->utc_offset_s),
            "set the leap seconds right at the grandmaster, or in chrony (leapsectz right/UTC)");
    return finding_make(name, RESULT_PASS, "the kernel reckons TAI - UTC as %d s", tai_s);
}

struct finding check_leap(const struct probe *probe)
{
    static const char name[] = "leap-second";
    int tai_s = 0, leap = 0, error = probe->host->tai(probe->context, &tai_s, &leap);

    if (error)
        return finding_make(name, RESULT_SKIP, "not known: %s", strerror(-error));
    if (leap == 0)
        return finding_make(name, RESULT_PASS, "none at the end of this day");
    return finding_remedy(
        finding_make(name, RESULT_WARN,
                     "one is %s at the end of this day, UTC: the system clock is then stepped",
                     leap > 0 ? "inserted" : "left out"),
        "--clock phc:IF or a grandmaster on the PTP timescale; or no show at that hour");
}
