// SPDX-License-Identifier: GPL-3.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"

enum {
    MTU_MIN = 1500,           /* what packets of AES67 are made for */
    BUFFER_MIN = 1024 * 1024, /* octets; some 300 ms of 64 channels at 48 kHz */
    QUERY_WAIT_S = 130,       /* queriers ask every 125 s (RFC 3376 section 8.2) */
};

static struct finding no_interface(const char *name)
{
    return finding_make(name, RESULT_SKIP, "no interface; see the check of that name");
}

/* ---- the link -------------------------------------------------------------------------------------- */

static const char *address_text(const struct probe *probe, char text[INET_ADDRSTRLEN])
{
    inet_ntop(AF_INET, &probe->interface.address, text, INET_ADDRSTRLEN);
    return text;
}

struct finding check_interface(const struct probe *probe)
{
    static const char name[] = "interface";
    const char *at = probe->interface.name;
    char address[INET_ADDRSTRLEN];
    long long flags, carrier;

    if (probe->interface_error)
        return finding_remedy(finding_make(name, RESULT_FAIL, "%s", probe->interface_why),
                              "give --interface with one of: ip -brief address");
    if (!probe_number(probe, &flags, "/sys/class/net/%s/flags", at))
        return finding_make(name, RESULT_SKIP, "%s: no /sys/class/net/%s/flags", at, at);
    if (!(flags & IFF_UP))
        return finding_remedy(finding_make(name, RESULT_FAIL, "%s is down", at), "ip link set %s up", at);
    if (probe_number(probe, &carrier, "/sys/class/net/%s/carrier", at) && !carrier)
        return finding_remedy(finding_make(name, RESULT_FAIL, "%s has no carrier", at),
                              "plug in the cable, and switch on what is at its other end");
    if (probe->interface.address.s_addr == INADDR_ANY)
        return finding_remedy(finding_make(name, RESULT_FAIL, "%s has no IPv4 address", at),
                              "ip address add 169.254.X.Y/16 dev %s, or start DHCP", at);
    address_text(probe, address);
    if (flags & IFF_LOOPBACK)
        return finding_remedy(finding_make(name, RESULT_WARN, "%s: nothing leaves this machine", at),
                              "give --interface with one of: ip -brief address");
    if (probe_exists(probe, "/sys/class/net/%s/wireless", at) ||
        probe_exists(probe, "/sys/class/net/%s/phy80211", at))
        return finding_remedy(
            finding_make(name, RESULT_WARN,
                         "%s, %s, is wireless: multicast is slow and gets lost there, and PTP is "
                         "off by milliseconds",
                         at, address),
            "use a cable");
    return finding_make(name, RESULT_PASS, "%s, %s, up%s", at, address,
                        probe->interface.by_route ? " (chosen by the routing table)" : "");
}

struct finding check_link(const struct probe *probe)
{
    static const char name[] = "link";
    const char *at = probe->interface.name;
    char duplex[32];
    long long speed;

    if (probe->interface_error)
        return no_interface(name);
    probe_read(probe, duplex, sizeof duplex, "/sys/class/net/%s/duplex", at);
    if (strcmp(duplex, "half") == 0)
        return finding_remedy(
            finding_make(name, RESULT_WARN, "%s is half duplex: packets wait for each other", at),
            "ethtool -s %s autoneg on, and the same at the switch; or another cable", at);
    if (!probe_number(probe, &speed, "/sys/class/net/%s/speed", at) || speed <= 0)
        return finding_make(name, RESULT_SKIP, "%s tells no speed (virtual or wireless)", at);
    if (speed < 100)
        return finding_remedy(finding_make(name, RESULT_WARN, "%s runs at %lld Mb/s only", at, speed),
                              "ethtool -s %s autoneg on, and another cable or switch", at);
    return finding_make(name, RESULT_PASS, "%s runs at %lld Mb/s%s%s", at, speed,
                        duplex[0] ? ", duplex " : "", duplex);
}

struct finding check_eee(const struct probe *probe)
{
    static const char name[] = "eee";
    const char *at = probe->interface.name;
    struct ethtool_eee eee = {.cmd = ETHTOOL_GEEE};
    int error;

    if (probe->interface_error)
        return no_interface(name);
    error = probe->host->ethtool(probe->context, at, &eee);
    if (error == -EPERM)
        return finding_make(name, RESULT_SKIP, "%s tells root only whether it saves energy", at);
    if (error)
        return finding_make(name, RESULT_SKIP, "%s has no Energy-Efficient Ethernet", at);
    if (!eee.eee_enabled)
        return finding_make(name, RESULT_PASS, "Energy-Efficient Ethernet is off at %s", at);
    return finding_remedy(
        finding_make(name, RESULT_WARN,
                     "Energy-Efficient Ethernet is on at %s%s: the link sleeps between packets, "
                     "and delays them by its waking up",
                     at, eee.eee_active ? "" : " (its other end has it off, at present)"),
        "ethtool --set-eee %s eee off", at);
}

struct finding check_coalescing(const struct probe *probe)
{
    static const char name[] = "coalescing";
    const char *at = probe->interface.name;
    struct ethtool_coalesce coalesce = {.cmd = ETHTOOL_GCOALESCE};

    if (probe->interface_error)
        return no_interface(name);
    if (probe->host->ethtool(probe->context, at, &coalesce))
        return finding_make(name, RESULT_SKIP, "%s tells nothing of interrupt coalescing", at);
    if (coalesce.rx_coalesce_usecs == 0)
        return finding_make(name, RESULT_PASS, "%s reports each packet at once", at);
    if (stamping_of(probe).hardware && !probe->ptp4l.software)
        return finding_make(name, RESULT_PASS,
                            "%s reports packets up to %u us late, which hardware timestamps do not mind", at,
                            coalesce.rx_coalesce_usecs);
    return finding_remedy(
        finding_make(name, RESULT_WARN,
                     "%s reports packets up to %u us late, and software timestamps are off by that", at,
                     coalesce.rx_coalesce_usecs),
        "ethtool -C %s adaptive-rx off rx-usecs 0", at);
}

struct finding check_mtu(const struct probe *probe)
{
    static const char name[] = "mtu";
    const char *at = probe->interface.name;
    long long mtu;

    if (probe->interface_error)
        return no_interface(name);
    if (!probe_number(probe, &mtu, "/sys/class/net/%s/mtu", at))
        return finding_make(name, RESULT_SKIP, "%s tells no MTU", at);
    if (mtu < MTU_MIN)
        return finding_remedy(
            finding_make(name, RESULT_WARN, "%lld at %s: large packets come in pieces, or not", mtu, at),
            "ip link set %s mtu %d", at, MTU_MIN);
    return finding_make(name, RESULT_PASS, "%lld", mtu);
}

/* ---- multicast ------------------------------------------------------------------------------------- */

/* Asks the kernel itself, so that policy routing counts. */
struct finding check_route(const struct probe *probe)
{
    static const char name[] = "multicast-route";
    struct net_interface chosen = {0};
    char group[INET_ADDRSTRLEN], why[256];
    int error;

    if (probe->interface_error)
        return no_interface(name);
    inet_ntop(AF_INET, &probe->group.sin_addr, group, sizeof group);
    error = probe->host->find_interface(probe->context, "", &probe->group, &chosen, why, sizeof why);
    if (!error && chosen.index == probe->interface.index)
        return finding_make(name, RESULT_PASS, "%s goes by %s", group, chosen.name);
    return finding_remedy(
        finding_make(name, RESULT_WARN, "%s goes %s%s, not by %s: right with --interface only", group,
                     error ? "nowhere" : "by ", error ? "" : chosen.name, probe->interface.name),
        "ip route add 224.0.0.0/4 dev %s; and give --interface %s to the programs", probe->interface.name,
        probe->interface.name);
}

/* "2\teth0      :     2      V3": the version of the interface in /proc/net/igmp; 0: not there. */
static int igmp_version(const struct probe *probe)
{
    char text[4 * PROBE_TEXT_MAX], *rest = text;
    const char *line;

    probe_read(probe, text, sizeof text, "/proc/net/igmp");
    while ((line = strsep(&rest, "\n"))) {
        char interface[32];
        unsigned index;
        int version;

        if (sscanf(line, "%u %31s : %*u V%d", &index, interface, &version) == 3 &&
            strcmp(interface, probe->interface.name) == 0)
            return version;
    }
    return 0;
}

struct finding check_igmp(const struct probe *probe)
{
    static const char name[] = "igmp";
    int version = probe->interface_error ? 0 : igmp_version(probe);

    if (probe->interface_error)
        return no_interface(name);
    if (version == 0)
        return finding_make(name, RESULT_SKIP, "nothing about %s in /proc/net/igmp", probe->interface.name);
    if (version >= 2)
        return finding_make(name, RESULT_PASS, "version %d", version);
    return finding_remedy(
        finding_make(name, RESULT_WARN,
                     "version 1: an old querier is in this network, or the kernel is told so"),
        "sysctl -w net.ipv4.conf.%s.force_igmp_version=2; IGMP version 2 or 3 at the switch",
        probe->interface.name);
}

/* The kernel takes the larger of the two settings. */
struct finding check_rp_filter(const struct probe *probe)
{
    static const char name[] = "rp-filter";
    const char *at = probe->interface.name;
    long long all, own;

    if (probe->interface_error)
        return no_interface(name);
    if (!probe_number(probe, &all, "/proc/sys/net/ipv4/conf/all/rp_filter") ||
        !probe_number(probe, &own, "/proc/sys/net/ipv4/conf/%s/rp_filter", at))
        return finding_make(name, RESULT_SKIP, "no net.ipv4.conf.%s.rp_filter", at);
    if ((all > own ? all : own) != 1)
        return finding_make(name, RESULT_PASS, "not strict");
    return finding_remedy(
        finding_make(name, RESULT_WARN,
                     "strict at %s: a stream is dropped when the way back to its sender is by "
                     "another interface",
                     at),
        "sysctl -w net.ipv4.conf.%s.rp_filter=2", at);
}

struct finding check_querier(const struct probe *probe)
{
    static const char name[] = "igmp-querier";
    unsigned seconds = probe->options->listen_s;
    struct igmp_view view = {0};
    char text[INET_ADDRSTRLEN];
    int error;

    if (probe->interface_error)
        return no_interface(name);
    if (seconds == 0)
        return finding_make(name, RESULT_SKIP, "not listened for; --listen %d does", QUERY_WAIT_S);
    error = probe->host->listen_igmp(probe->context, &probe->interface, seconds, &view);
    if (error)
        return finding_make(name, RESULT_SKIP, "cannot be listened for: %s%s", strerror(-error),
                            error == -EPERM || error == -EACCES ? " (run as root)" : "");
    if (view.queries > 0) {
        inet_ntop(AF_INET, &view.querier, text, sizeof text);
        return finding_make(name, RESULT_PASS, "%s asks", text);
    }
    if (seconds < QUERY_WAIT_S)
        return finding_make(name, RESULT_SKIP, "none heard in %u s, which proves nothing; --listen %d does",
                            seconds, QUERY_WAIT_S);
    return finding_remedy(
        finding_make(name, RESULT_WARN,
                     "none heard in %u s: a switch that snoops stops the stream after some minutes", seconds),
        "switch on the IGMP querier of one switch, or switch off IGMP snooping in all of them");
}

struct finding check_receive_buffer(const struct probe *probe)
{
    static const char name[] = "receive-buffer";
    long long most;

    if (!probe_number(probe, &most, "/proc/sys/net/core/rmem_max"))
        return finding_make(name, RESULT_SKIP,
                            "no net.core.rmem_max (in a network namespace it is not shown)");
    if (most >= BUFFER_MIN)
        return finding_make(name, RESULT_PASS, "sockets may hold up to %lld kB", most / 1024);
    return finding_remedy(
        finding_make(name, RESULT_WARN,
                     "sockets may hold up to %lld kB only: packets are lost when this machine is "
                     "held up",
                     most / 1024),
        "sysctl -w net.core.rmem_max=%d (for good: a file in /etc/sysctl.d/)", NET_RECEIVE_BUFFER);
}
