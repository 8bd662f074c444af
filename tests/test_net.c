// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Sockets, against the real kernel, in a network namespace of their own: nothing leaves this process. Where
 * the kernel grants no namespace, the tests that need one are skipped.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <pthread.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/host/net.h"
#include "proto/host/netwatch.h"
#include "receiver/recv.h"

/* Long enough for any machine; only a failing test ever waits for it. */
#define PATIENCE_MS 10000

/* A veth pair: the kernel names its other end veth0. */
#define LINK "unisono0"
#define PEER "veth0"

static char err[512];

/* ---- a network of our own --------------------------------------------------------------------------- */

static struct sockaddr_in address(const char *text, unsigned port)
{
    struct sockaddr_in result = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    assert_int_equal(inet_pton(AF_INET, text, &result.sin_addr), 1);
    return result;
}

static void interface_ioctl(unsigned long request, struct ifreq *what)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(ioctl(fd, request, what), 0);
    close(fd);
}

static void set_up(const char *name, bool up)
{
    struct ifreq what = {0};

    snprintf(what.ifr_name, sizeof what.ifr_name, "%s", name);
    interface_ioctl(SIOCGIFFLAGS, &what);
    what.ifr_flags = (short)(up ? what.ifr_flags | IFF_UP : what.ifr_flags & ~IFF_UP);
    interface_ioctl(SIOCSIFFLAGS, &what);
}

static void set_address(const char *name, const char *text)
{
    struct sockaddr_in own = address(text, 0);
    struct ifreq what = {0};

    snprintf(what.ifr_name, sizeof what.ifr_name, "%s", name);
    memcpy(&what.ifr_addr, &own, sizeof own);
    interface_ioctl(SIOCSIFADDR, &what);
}

static void add_multicast_route(const char *name)
{
    struct rtentry route = {.rt_flags = RTF_UP};
    struct sockaddr_in to = address("224.0.0.0", 0), mask = address("240.0.0.0", 0);
    char device[IF_NAMESIZE];
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    snprintf(device, sizeof device, "%s", name);
    memcpy(&route.rt_dst, &to, sizeof to);
    memcpy(&route.rt_genmask, &mask, sizeof mask);
    route.rt_dev = device;
    assert_int_equal(ioctl(fd, SIOCADDRT, &route), 0);
    close(fd);
}

/* RTM_NEWLINK or RTM_DELLINK for the pair; returns 0 or -errno. */
static int link_request(uint16_t type)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg info;
        struct rtattr name;
        char name_text[12];
        struct rtattr link_info;
        struct rtattr kind;
        char kind_text[4];
    } request = {
        .header = {.nlmsg_len = sizeof request,
                   .nlmsg_type = type,
                   .nlmsg_flags =
                       (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | (type == RTM_NEWLINK ? NLM_F_CREATE : 0))},
        .name = {RTA_LENGTH(sizeof LINK), IFLA_IFNAME},
        .name_text = LINK,
        .link_info = {RTA_LENGTH(RTA_LENGTH(4)), IFLA_LINKINFO},
        .kind = {RTA_LENGTH(4), IFLA_INFO_KIND},
        .kind_text = {'v', 'e', 't', 'h'},
    };
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[512];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

    assert_true(fd >= 0);
    assert_int_equal(send(fd, &request, sizeof request, 0), sizeof request);
    assert_true(recv(fd, &answer, sizeof answer, 0) >= (ssize_t)sizeof answer.header);
    close(fd);
    assert_int_equal(answer.header.nlmsg_type, NLMSG_ERROR);
    return answer.error.error;
}

static void create_links(void)
{
    if (link_request(RTM_NEWLINK) != 0)
        skip(); /* this kernel has no veth */
    set_address(LINK, "10.9.0.1");
    set_address(PEER, "10.9.1.1");
    set_up(LINK, true);
    set_up(PEER, true);
}

static int enter_namespace(void **state)
{
    static bool granted;

    granted = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    *state = &granted;
    if (granted)
        set_up("lo", true);
    return 0;
}

static void need_namespace(void **state)
{
    if (!*(const bool *)*state)
        skip();
}

/* ---- sockets for the tests -------------------------------------------------------------------------- */

static struct net_interface interface_of(const char *name)
{
    struct sockaddr_in group = address("239.69.83.1", 5004);
    struct net_interface found;

    if (net_find_interface(name, &group, &found, err, sizeof err) < 0)
        fail_msg("%s", err);
    return found;
}

static int open_transmit(const char *interface, const struct sockaddr_in *group)
{
    struct net_transmit_config config = {
        .group = *group,
        .interface = interface_of(interface),
        .ttl = NET_TTL_DEFAULT,
        .dscp = NET_DSCP_MEDIA,
        .priority = NET_PRIORITY_DEFAULT,
    };
    int fd = net_open_transmit(&config, err, sizeof err);

    if (fd < 0)
        fail_msg("%s", err);
    return fd;
}

static struct receiver *open_receiver(const char *interface, const struct sockaddr_in *group)
{
    struct recv_config config = {.group = *group, .interface = interface};
    struct receiver *receiver = NULL;

    if (recv_open(&receiver, &config, NULL, NULL, err, sizeof err) < 0)
        fail_msg("%s", err);
    return receiver;
}

/* Waits until something is there, then drains. */
static int drain(struct receiver *receiver, const struct recv_datagram **datagrams)
{
    struct pollfd ready = {.fd = recv_fd(receiver), .events = POLLIN};

    assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
    return recv_drain(receiver, datagrams);
}

static void assert_next(struct receiver *receiver, const char *text)
{
    const struct recv_datagram *datagrams;

    assert_int_equal(drain(receiver, &datagrams), 1);
    assert_int_equal(datagrams->len, strlen(text));
    assert_memory_equal(datagrams->bytes, text, strlen(text));
}

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;

    assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

static int64_t realtime_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- which interface -------------------------------------------------------------------------------- */

static void test_interface_by_name_and_address(void **state)
{
    struct net_interface found;

    need_namespace(state);
    found = interface_of("lo");
    assert_string_equal(found.name, "lo");
    assert_int_equal(found.index, if_nametoindex("lo"));
    assert_int_equal(found.address.s_addr, htonl(INADDR_LOOPBACK));
    assert_false(found.by_route);
    found = interface_of("127.0.0.1");
    assert_string_equal(found.name, "lo");
    assert_int_equal(found.index, if_nametoindex("lo"));
}

static void test_interface_unknown(void **state)
{
    static const char *const names[] = {"nowhere7", "192.0.2.77", "0.0.0.0", "lo and a name far too long",
                                        "lox"};
    struct sockaddr_in group = address("239.69.83.1", 5004);
    struct net_interface found;

    need_namespace(state);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(net_find_interface(names[i], &group, &found, err, sizeof err), -ENODEV);
        assert_non_null(strstr(err, names[i]));
        assert_non_null(strstr(err, "there are: lo")); /* the remedy */
        assert_null(strchr(err, '\n'));
    }
}

static void test_interface_by_route(void **state)
{
    struct sockaddr_in group = address("239.69.83.1", 5004);
    struct net_interface found;

    need_namespace(state);
    assert_int_equal(net_find_interface("", &group, &found, err, sizeof err), -ENETUNREACH);
    assert_non_null(strstr(err, "239.69.83.1"));
    assert_non_null(strstr(err, "--interface"));
    add_multicast_route("lo");
    assert_int_equal(net_find_interface(NULL, &group, &found, err, sizeof err), 0);
    assert_true(found.by_route);
    assert_string_equal(found.name, "lo");
    assert_int_equal(found.address.s_addr, htonl(INADDR_LOOPBACK));
}

/* ---- sending ---------------------------------------------------------------------------------------- */

static void test_transmit_marks(void **state)
{
    struct sockaddr_in group = address("239.69.83.2", 6004), peer;
    socklen_t size = sizeof peer;
    int fd;

    need_namespace(state);
    fd = open_transmit("lo", &group);
    assert_int_equal(option_of(fd, IPPROTO_IP, IP_MULTICAST_TTL), 32);
    assert_int_equal(option_of(fd, IPPROTO_IP, IP_TOS), 34 << 2);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_PRIORITY), 5);
    assert_int_equal(option_of(fd, IPPROTO_IP, IP_MULTICAST_LOOP), 1);
    assert_int_equal(getpeername(fd, (void *)&peer, &size), 0);
    assert_int_equal(peer.sin_addr.s_addr, group.sin_addr.s_addr);
    assert_int_equal(peer.sin_port, group.sin_port);
    close(fd);
}

static void test_transmit_needs_an_address(void **state)
{
    struct net_transmit_config config = {.group = address("239.69.83.2", 6004), .ttl = 1};

    need_namespace(state);
    if (link_request(RTM_NEWLINK) != 0)
        skip();
    config.interface = interface_of(LINK);
    assert_int_equal(config.interface.address.s_addr, INADDR_ANY);
    assert_int_equal(net_open_transmit(&config, err, sizeof err), -EADDRNOTAVAIL);
    assert_non_null(strstr(err, LINK " has no IPv4 address"));
    assert_int_equal(link_request(RTM_DELLINK), 0);
}

/* ---- receiving -------------------------------------------------------------------------------------- */

static void test_loopback(void **state)
{
    struct sockaddr_in group = address("239.69.83.3", 6104), source;
    socklen_t size = sizeof source;
    const struct recv_datagram *datagrams;
    struct recv_counters counters;
    struct receiver *receiver;
    int64_t before, after;
    int fd;

    need_namespace(state);
    receiver = open_receiver("lo", &group);
    fd = open_transmit("lo", &group);
    assert_int_equal(recv_drain(receiver, &datagrams), 0);
    before = realtime_ns();
    assert_int_equal(send(fd, "sound", 5, 0), 5);
    assert_int_equal(drain(receiver, &datagrams), 1);
    after = realtime_ns();
    assert_int_equal(datagrams->len, 5);
    assert_memory_equal(datagrams->bytes, "sound", 5);
    assert_in_range(datagrams->arrival_realtime_ns, before, after);
    assert_int_equal(getsockname(fd, (void *)&source, &size), 0);
    assert_int_equal(datagrams->source.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(datagrams->source.sin_port, source.sin_port);
    assert_int_equal(recv_drain(receiver, &datagrams), 0);
    recv_get_counters(receiver, &counters);
    assert_int_equal(counters.datagrams, 1);
    assert_int_equal(counters.errors, 0);
    close(fd);
    recv_close(receiver);
}

/* Several programs of one host hear the same group, each all of it. */
static void test_shared_port(void **state)
{
    struct sockaddr_in group = address("239.69.83.3", 6105);
    struct receiver *one, *two;
    int fd;

    need_namespace(state);
    one = open_receiver("lo", &group);
    two = open_receiver("lo", &group);
    fd = open_transmit("lo", &group);
    assert_int_equal(send(fd, "both", 4, 0), 4);
    assert_next(one, "both");
    assert_next(two, "both");
    close(fd);
    recv_close(one);
    recv_close(two);
}

static void test_port_in_use(void **state)
{
    struct sockaddr_in group = address("239.69.83.3", 6106);
    struct recv_config config = {.group = group, .interface = "lo"};
    struct receiver *receiver;
    int fd;

    need_namespace(state);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (void *)&group, sizeof group), 0);
    assert_int_equal(recv_open(&receiver, &config, NULL, NULL, err, sizeof err), -EADDRINUSE);
    assert_non_null(strstr(err, "239.69.83.3:6106"));
    assert_non_null(strstr(err, "choose another port"));
    close(fd);
}

static void test_not_a_group(void **state)
{
    struct recv_config config = {.group = address("127.0.0.1", 6107), .interface = "lo"};
    struct receiver *receiver;

    need_namespace(state);
    assert_true(recv_open(&receiver, &config, NULL, NULL, err, sizeof err) < 0);
    assert_non_null(strstr(err, "joining the group"));
}

static void test_receive_buffer(void **state)
{
    struct recv_config config = {.group = address("239.69.83.3", 6108), .interface = "lo"};
    char name[IF_NAMESIZE] = "";
    struct receiver *receiver;
    int bytes = 0;

    need_namespace(state);
    assert_int_equal(recv_open(&receiver, &config, name, &bytes, err, sizeof err), 0);
    assert_string_equal(name, "lo");
    assert_int_equal(bytes, option_of(recv_fd(receiver), SOL_SOCKET, SO_RCVBUF) / 2);
    recv_close(receiver);
}

/* More than one batch, in order; what is too long is left out; an empty datagram is a datagram. */
static void test_batches(void **state)
{
    struct sockaddr_in group = address("239.69.83.4", 6204);
    const struct recv_datagram *datagrams;
    struct recv_counters counters;
    struct receiver *receiver;
    static char huge[RECV_SLOT_BYTES + 1];
    int fd;

    need_namespace(state);
    receiver = open_receiver("lo", &group);
    fd = open_transmit("lo", &group);
    for (uint8_t i = 0; i < RECV_BATCH + 8; i++)
        assert_int_equal(send(fd, &i, i % 2 ? 1 : 0, 0), i % 2 ? 1 : 0);
    assert_int_equal(drain(receiver, &datagrams), RECV_BATCH);
    for (uint8_t i = 0; i < RECV_BATCH; i++) {
        assert_int_equal(datagrams[i].len, i % 2);
        if (i % 2)
            assert_int_equal(datagrams[i].bytes[0], i);
        if (i > 0)
            assert_true(datagrams[i].arrival_realtime_ns >= datagrams[i - 1].arrival_realtime_ns);
    }
    assert_int_equal(drain(receiver, &datagrams), 8);
    assert_int_equal(datagrams[7].bytes[0], RECV_BATCH + 7);

    assert_int_equal(send(fd, huge, sizeof huge, 0), sizeof huge);
    assert_int_equal(send(fd, huge, sizeof huge - 1, 0), sizeof huge - 1);
    assert_int_equal(drain(receiver, &datagrams), 1);
    assert_int_equal(datagrams->len, RECV_SLOT_BYTES);
    recv_get_counters(receiver, &counters);
    assert_int_equal(counters.truncated, 1);
    assert_int_equal(counters.datagrams, RECV_BATCH + 8 + 1);
    close(fd);
    recv_close(receiver);
}

/* What the kernel had to drop is known to the datagram. */
static void test_overflow(void **state)
{
    enum { MANY = 40000 };
    struct sockaddr_in group = address("239.69.83.4", 6205);
    const struct recv_datagram *datagrams;
    struct recv_counters counters;
    struct receiver *receiver;
    int fd, count;
    uint64_t got = 0;

    need_namespace(state);
    receiver = open_receiver("lo", &group);
    fd = open_transmit("lo", &group);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(send(fd, "x", 1, 0), 1);
    while ((count = recv_drain(receiver, &datagrams)) > 0)
        got += (uint64_t)count;
    assert_true(got > 0 && got < MANY);
    assert_int_equal(send(fd, "x", 1, 0), 1);
    assert_int_equal(drain(receiver, &datagrams), 1);
    recv_get_counters(receiver, &counters);
    assert_int_equal(counters.overflows, MANY - got);
    close(fd);
    recv_close(receiver);
}

/* A datagram for the group that comes in on another interface, where someone else joined, is not ours. */
static void test_other_interface(void **state)
{
    struct sockaddr_in group = address("239.69.83.5", 6304);
    struct receiver *here, *there;
    int fd_here, fd_there;

    need_namespace(state);
    create_links();
    here = open_receiver(LINK, &group);
    there = open_receiver(PEER, &group);
    fd_here = open_transmit(LINK, &group);
    fd_there = open_transmit(PEER, &group);
    assert_int_equal(send(fd_there, "there", 5, 0), 5);
    assert_int_equal(send(fd_here, "here", 4, 0), 4);
    assert_next(here, "here");
    assert_next(there, "there");
    close(fd_here);
    close(fd_there);
    recv_close(here);
    recv_close(there);
    assert_int_equal(link_request(RTM_DELLINK), 0);
}

/* Link down and up: the membership stays. Interface gone and back: it takes a reopen. */
static void test_interface_lost(void **state)
{
    struct sockaddr_in group = address("239.69.83.5", 6305);
    const struct recv_datagram *datagrams;
    struct receiver *receiver;
    int fd;

    need_namespace(state);
    create_links();
    receiver = open_receiver(LINK, &group);
    set_up(LINK, false);
    assert_int_equal(recv_drain(receiver, &datagrams), 0);
    set_up(LINK, true);
    fd = open_transmit(LINK, &group);
    assert_int_equal(send(fd, "up", 2, 0), 2);
    assert_next(receiver, "up");
    close(fd);

    assert_int_equal(link_request(RTM_DELLINK), 0);
    assert_int_equal(recv_drain(receiver, &datagrams), 0);
    assert_int_equal(recv_reopen(receiver, err, sizeof err), -ENODEV);
    assert_non_null(strstr(err, LINK));
    create_links();
    assert_int_equal(recv_reopen(receiver, err, sizeof err), 0);
    assert_int_equal(recv_drain(receiver, &datagrams), 0); /* goes over */
    fd = open_transmit(LINK, &group);
    assert_int_equal(send(fd, "back", 4, 0), 4);
    assert_next(receiver, "back");
    close(fd);
    recv_close(receiver);
    assert_int_equal(link_request(RTM_DELLINK), 0);
}

static int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* What waits in the old socket comes first; the old one is closed by the other thread, not by recv_drain().
 */
static void test_handover(void **state)
{
    struct sockaddr_in group = address("239.69.83.5", 6306);
    const struct recv_datagram *datagrams;
    struct receiver *receiver;
    int fd, before, number;

    need_namespace(state);
    receiver = open_receiver("lo", &group);
    fd = open_transmit("lo", &group);
    before = count_descriptors();
    number = recv_fd(receiver);
    for (uint8_t i = 0; i < RECV_BATCH + 2; i++)
        assert_int_equal(send(fd, &i, 1, 0), 1);
    assert_int_equal(recv_reopen(receiver, err, sizeof err), 0);
    assert_int_equal(send(fd, "both", 4, 0), 4);
    assert_int_equal(recv_drain(receiver, &datagrams), RECV_BATCH); /* more waits: not yet */
    assert_int_equal(recv_fd(receiver), number);
    assert_int_equal(recv_drain(receiver, &datagrams), 3);
    assert_int_equal(datagrams[1].bytes[0], RECV_BATCH + 1);
    assert_int_equal(datagrams[2].len, 4);
    assert_true(recv_fd(receiver) != number);
    assert_int_equal(recv_drain(receiver, &datagrams), 1);
    assert_int_equal(datagrams[0].len, 4);
    assert_int_equal(count_descriptors(), before + 1);
    recv_sweep(receiver);
    recv_sweep(receiver);
    assert_int_equal(count_descriptors(), before);

    /* twice before anybody drains, and never swept */
    assert_int_equal(recv_reopen(receiver, err, sizeof err), 0);
    assert_int_equal(recv_reopen(receiver, err, sizeof err), 0);
    assert_int_equal(count_descriptors(), before + 1);
    assert_int_equal(recv_drain(receiver, &datagrams), 0);
    assert_int_equal(recv_reopen(receiver, err, sizeof err), 0);
    assert_int_equal(recv_drain(receiver, &datagrams), 0);
    assert_int_equal(recv_reopen(receiver, err, sizeof err), 0);
    recv_close(receiver);
    assert_int_equal(count_descriptors(), before - 1);
    close(fd);
}

/* Another group is not heard before recv_go_over(), and the one before not after it. */
static void test_retune(void **state)
{
    struct sockaddr_in one = address("239.69.83.6", 6310), two = address("239.69.83.7", 6312);
    const struct in_addr anybody = {INADDR_ANY};
    const struct recv_datagram *datagrams;
    struct receiver *receiver;
    int to_one, to_two, before, bytes = 0;

    need_namespace(state);
    before = count_descriptors();
    to_one = open_transmit("lo", &one);
    to_two = open_transmit("lo", &two);
    receiver = open_receiver("lo", &one);
    assert_int_equal(recv_retune(receiver, &two, anybody, &bytes, err, sizeof err), 0);
    assert_true(bytes > 0);
    assert_int_equal(send(to_one, "one", 3, 0), 3);
    assert_int_equal(send(to_two, "two", 3, 0), 3);
    assert_int_equal(recv_drain(receiver, &datagrams), 1);
    assert_memory_equal(datagrams[0].bytes, "one", 3);
    assert_int_equal(recv_drain(receiver, &datagrams), 0);
    /* the interface comes back before it was taken: another socket, which waits as well */
    assert_int_equal(recv_reopen(receiver, err, sizeof err), 0);
    assert_int_equal(send(to_one, "old", 3, 0), 3);
    assert_int_equal(send(to_two, "new", 3, 0), 3);
    assert_true(recv_go_over(receiver));
    assert_int_equal(recv_drain(receiver, &datagrams), 1);
    assert_memory_equal(datagrams[0].bytes, "new", 3);
    assert_true(recv_go_over(receiver)); /* there is nothing to go over to */

    /* not before the socket that was left is closed */
    assert_int_equal(recv_reopen(receiver, err, sizeof err), 0); /* closes it, */
    assert_int_equal(recv_drain(receiver, &datagrams), 0);       /* and this leaves another */
    assert_int_equal(recv_reopen(receiver, err, sizeof err), 0);
    assert_int_equal(recv_drain(receiver, &datagrams), 0);
    assert_int_equal(recv_retune(receiver, &one, anybody, &bytes, err, sizeof err), 0);
    recv_sweep(receiver);
    assert_true(recv_go_over(receiver));
    assert_int_equal(send(to_one, "one", 3, 0), 3);
    assert_next(receiver, "one");

    recv_close(receiver);
    close(to_one);
    close(to_two);
    assert_int_equal(count_descriptors(), before);
}

/* Before it is told a group it hears nothing, and has no socket. */
static void test_untuned(void **state)
{
    struct sockaddr_in none = {.sin_family = AF_INET}, one = address("239.69.83.6", 6314);
    const struct recv_datagram *datagrams;
    struct receiver *receiver;
    int fd, before, bytes = 0;

    need_namespace(state);
    before = count_descriptors();
    receiver = open_receiver("lo", &none);
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(recv_fd(receiver), -1);
    assert_int_equal(recv_drain(receiver, &datagrams), 0);
    assert_int_equal(recv_reopen(receiver, err, sizeof err), 0);
    assert_true(recv_go_over(receiver));
    assert_int_equal(recv_retune(receiver, &one, (struct in_addr){INADDR_ANY}, &bytes, err, sizeof err), 0);
    assert_true(recv_go_over(receiver));
    fd = open_transmit("lo", &one);
    assert_int_equal(send(fd, "one", 3, 0), 3);
    assert_next(receiver, "one");
    recv_close(receiver);
    close(fd);
    assert_int_equal(count_descriptors(), before);
}

static void test_one_source(void **state)
{
    struct sockaddr_in group = address("239.69.83.8", 6316);
    const struct recv_datagram *datagrams;
    struct recv_config config = {.group = group, .interface = "lo", .source = {htonl(0x7f000009)}};
    struct receiver *receiver;
    int fd, bytes = 0;

    need_namespace(state);
    assert_int_equal(recv_open(&receiver, &config, NULL, NULL, err, sizeof err), 0);
    fd = open_transmit("lo", &group);
    assert_int_equal(send(fd, "no", 2, 0), 2);
    assert_int_equal(recv_drain(receiver, &datagrams), 0);
    assert_int_equal(
        recv_retune(receiver, &group, (struct in_addr){htonl(INADDR_LOOPBACK)}, &bytes, err, sizeof err), 0);
    assert_true(recv_go_over(receiver));
    assert_int_equal(send(fd, "yes", 3, 0), 3);
    assert_next(receiver, "yes");
    recv_close(receiver);
    close(fd);
}

enum { MANY = 3000 };

struct draining {
    struct receiver *receiver;
    atomic_bool stop;
    _Atomic unsigned count; /* of those heard */
    bool heard[MANY];       /* in whatever order: a thread that changes its processor overtakes itself */
};

static void *drain_on(void *context)
{
    struct draining *d = context;
    const struct recv_datagram *datagrams;
    bool last;
    int count;

    do {
        last = atomic_load(&d->stop);
        count = recv_drain(d->receiver, &datagrams);
        for (int i = 0; i < count; i++) {
            uint32_t number;

            memcpy(&number, datagrams[i].bytes, sizeof number);
            d->count += !d->heard[number % MANY];
            d->heard[number % MANY] = true;
        }
    } while (!last || count > 0);
    return NULL;
}

/* While another thread drains: not one is lost. */
static void test_handover_under_way(void **state)
{
    struct sockaddr_in group = address("239.69.83.5", 6307);
    struct draining draining = {0};
    time_t end = time(NULL) + PATIENCE_MS / 1000;
    pthread_t thread;
    int fd, before;

    need_namespace(state);
    before = count_descriptors();
    draining.receiver = open_receiver("lo", &group);
    fd = open_transmit("lo", &group);
    assert_int_equal(pthread_create(&thread, NULL, drain_on, &draining), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(send(fd, &i, sizeof i, 0), sizeof i);
        if (i % 10 == 0)
            recv_sweep(draining.receiver);
        if (i % 30 == 0)
            assert_int_equal(recv_reopen(draining.receiver, err, sizeof err), 0);
        while (i > atomic_load(&draining.count) + 50 && time(NULL) < end)
            sched_yield(); /* no flood */
    }
    atomic_store(&draining.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(draining.count, MANY);
    recv_close(draining.receiver);
    close(fd);
    assert_int_equal(count_descriptors(), before);
}

/* ---- watching --------------------------------------------------------------------------------------- */

static raw_ns at(double s)
{
    return (raw_ns){(int64_t)(s * 1e9)};
}

static struct netwatch *open_watch(const char *interface)
{
    struct sockaddr_in group = address("239.69.83.5", 6306);
    struct netwatch *watch;

    if (netwatch_open(&watch, interface, &group, err, sizeof err) < 0)
        fail_msg("%s", err);
    assert_false(netwatch_run(watch, at(0)));
    return watch;
}

/* Deleted, made again, and only with its address as good as before; asked again each half second until
 * settled. */
static void test_watch_interface(void **state)
{
    struct netwatch *watch;

    need_namespace(state);
    create_links();
    watch = open_watch(LINK);
    set_up(LINK, false); /* costs no membership */
    set_up(LINK, true);
    assert_false(netwatch_run(watch, at(1)));

    assert_int_equal(link_request(RTM_DELLINK), 0);
    assert_false(netwatch_run(watch, at(2)));
    assert_int_equal(link_request(RTM_NEWLINK), 0);
    assert_false(netwatch_run(watch, at(3)));
    set_address(LINK, "10.9.0.1");
    assert_true(netwatch_run(watch, at(4)));
    assert_false(netwatch_run(watch, at(4.4)));
    assert_true(netwatch_run(watch, at(4.6))); /* nobody has settled it */
    netwatch_settle(watch);
    assert_int_equal(netwatch_reconnects(watch), 1);
    assert_false(netwatch_run(watch, at(6)));

    /* faster than anybody looks */
    assert_int_equal(link_request(RTM_DELLINK), 0);
    create_links();
    assert_true(netwatch_run(watch, at(7)));
    netwatch_settle(watch);
    assert_int_equal(netwatch_reconnects(watch), 2);
    netwatch_close(watch);
    assert_int_equal(link_request(RTM_DELLINK), 0);
}

/* Our address, and no other; that of another interface neither. */
static void test_watch_address(void **state)
{
    struct netwatch *watch;

    need_namespace(state);
    create_links();
    watch = open_watch(LINK);
    set_address(PEER, "10.9.1.2");
    set_address(LINK ":1", "10.9.2.1");
    set_address(LINK ":1", "10.9.2.2");
    assert_false(netwatch_run(watch, at(1)));
    set_address(LINK, "10.9.0.7");
    assert_true(netwatch_run(watch, at(2)));
    netwatch_settle(watch);
    set_address(LINK, "10.9.0.1");
    assert_true(netwatch_run(watch, at(3)));
    netwatch_settle(watch);
    assert_false(netwatch_run(watch, at(4)));
    netwatch_close(watch);
    assert_int_equal(link_request(RTM_DELLINK), 0);
}

/* News that did not fit are bad news. And what cannot be watched, names itself. */
static void test_watch_overflow(void **state)
{
    struct sockaddr_in group = address("239.69.83.5", 6306);
    struct netwatch *watch;

    need_namespace(state);
    assert_int_equal(netwatch_open(&watch, "nowhere7", &group, err, sizeof err), -ENODEV);
    assert_null(watch);
    assert_non_null(strstr(err, "nowhere7"));
    assert_false(netwatch_run(watch, at(0)));
    assert_int_equal(netwatch_reconnects(watch), 0);
    netwatch_close(watch);

    create_links();
    watch = open_watch("lo");
    for (int i = 0; i < 3000; i++) {
        set_address(LINK, "10.9.0.7");
        set_address(LINK, "10.9.0.8");
    }
    assert_true(netwatch_run(watch, at(1)));
    netwatch_settle(watch);
    while (netwatch_run(watch, at(2))) /* the kernel tells once more that it had more to tell */
        netwatch_settle(watch);
    assert_in_range(netwatch_reconnects(watch), 1, 3);
    netwatch_close(watch);
    assert_int_equal(link_request(RTM_DELLINK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interface_by_name_and_address),
        cmocka_unit_test(test_interface_unknown),
        cmocka_unit_test(test_interface_by_route),
        cmocka_unit_test(test_transmit_marks),
        cmocka_unit_test(test_transmit_needs_an_address),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_shared_port),
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_not_a_group),
        cmocka_unit_test(test_receive_buffer),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_other_interface),
        cmocka_unit_test(test_interface_lost),
        cmocka_unit_test(test_handover),
        cmocka_unit_test(test_retune),
        cmocka_unit_test(test_untuned),
        cmocka_unit_test(test_one_source),
        cmocka_unit_test(test_handover_under_way),
        cmocka_unit_test(test_watch_interface),
        cmocka_unit_test(test_watch_address),
        cmocka_unit_test(test_watch_overflow),
    };

    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
