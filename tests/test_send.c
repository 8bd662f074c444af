// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The sender's network end through the real libortp and the real kernel, in a network namespace of its own.
 * Where the kernel grants none, the tests are skipped.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/host/net.h"
#include "proto/rtcp.h"
#include "proto/rtp.h"
#include "sender/send.h"

/* Long enough for any machine; only a failing test ever waits for it. */
#define PATIENCE_MS 10000

#define GROUP_TEXT "239.69.83.9"
#define PORT       5404
#define SSRC       0x5eed1e55u
#define CNAME      "unisono@stage-left"
#define NAME       "left"
#define TOOL       "test 1"

static char err[512];

/* An instant whose PTP time is 1700000000.5, by the grandmaster of domain 5. */
static const raw_ns now = {7000000000};
static const struct clock_map map = {
    .raw0 = {5000000000},
    .ptp0 = {1700000000500000000 - 2 * NS_PER_S},
    .state = MEDIA_CLOCK_LOCKED,
    .epoch = 1,
    .master = {.gm_id = 0x001dc1fffe123456, .domain = 5},
};

/* ---- allocations, counted --------------------------------------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS false
static _Thread_local unsigned long allocations;
#else
#define COUNTS_ALLOCATIONS true
static _Thread_local unsigned long allocations;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

/* These stand before those of the C library, for libortp too. */
void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    allocations++;
    return __libc_realloc(block, size);
}
#endif

/* ---- surroundings ----------------------------------------------------------------------------------- */

static void lo_ioctl(unsigned long request, struct ifreq *what)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    snprintf(what->ifr_name, sizeof what->ifr_name, "lo");
    assert_int_equal(ioctl(fd, request, what), 0);
    close(fd);
}

static void set_lo_up(bool up)
{
    struct ifreq what = {0};

    lo_ioctl(SIOCGIFFLAGS, &what);
    what.ifr_flags = (short)(up ? what.ifr_flags | IFF_UP : what.ifr_flags & ~IFF_UP);
    lo_ioctl(SIOCSIFFLAGS, &what);
}

static void set_lo_address(const char *text)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    struct ifreq what = {0};

    assert_int_equal(inet_pton(AF_INET, text, &own.sin_addr), 1);
    memcpy(&what.ifr_addr, &own, sizeof own);
    lo_ioctl(SIOCSIFADDR, &what);
}

static int enter_namespace(void **state)
{
    static bool granted;

    granted = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    *state = &granted;
    if (granted)
        set_lo_up(true);
    return 0;
}

static struct sockaddr_in group_at(unsigned port)
{
    struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    inet_pton(AF_INET, GROUP_TEXT, &group.sin_addr);
    return group;
}

static const struct rtcp_offer offer = {
    .codec = RTP_CODEC_L24, .rate_hz = 48000, .channels = 2, .frames_per_packet = 6, .latency_ns = 10000000};

static struct sender *open_sender(void **state)
{
    struct send_config config = {
        .group = group_at(PORT),
        .interface = "lo",
        .ttl = NET_TTL_DEFAULT,
        .dscp = NET_DSCP_MEDIA,
        .priority = NET_PRIORITY_DEFAULT,
        .ext_id = RTP_EXT_ID_DEFAULT,
        .ssrc = SSRC,
        .rate_hz = 48000,
        .cname = CNAME,
        .name = NAME,
        .tool = TOOL,
        .offer = offer,
    };
    struct sender *sender = NULL;

    if (!*(const bool *)*state)
        skip();
    if (send_open(&sender, &config, NULL, err, sizeof err) < 0)
        fail_msg("%s", err);
    return sender;
}

static int open_ear(unsigned port)
{
    struct sockaddr_in group = group_at(port);
    struct net_interface interface;
    int bytes = NET_RECEIVE_BUFFER, fd;

    assert_int_equal(net_find_interface("lo", &group, &interface, err, sizeof err), 0);
    fd = net_open_receive(&group, &interface, &bytes, err, sizeof err);
    if (fd < 0)
        fail_msg("%s", err);
    return fd;
}

static size_t hear(int fd, uint8_t *bytes, size_t size, struct sockaddr_in *source)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    socklen_t source_len = sizeof *source;
    ssize_t len;

    assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
    len = recvfrom(fd, bytes, size, 0, (void *)source, source ? &source_len : NULL);
    assert_true(len >= 0);
    return (size_t)len;
}

static void assert_silence(int fd)
{
    uint8_t byte;

    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
}

static const struct rtp_packet first = {
    .ssrc = SSRC,
    .timestamp = 0xfb03ddc0,
    .sequence = 65530,
    .payload_type = RTP_PT_L24,
    .has_ext = true,
    .ext = {.presentation = {1700000000510000000}, .codec = RTP_CODEC_L24, .channels = 2, .rate_hz = 48000},
};

/* ---- RTP --------------------------------------------------------------------------------------------- */

/* Sends one packet and compares what arrives with what rtp_build() makes of the same fields. */
static void check_bytes(struct sender *sender, int ear, const struct rtp_packet *packet, size_t payload_len)
{
    alignas(4) uint8_t datagram[RTP_DATAGRAM_MAX];
    uint8_t want[RTP_DATAGRAM_MAX], got[RTP_DATAGRAM_MAX + 1];
    size_t header = rtp_header_bytes(packet->has_ext), len;

    memset(datagram, 0xee, sizeof datagram);
    for (size_t i = 0; i < payload_len; i++)
        datagram[header + i] = (uint8_t)(i * 7 + packet->sequence);
    memcpy(want + header, datagram + header, payload_len);
    rtp_build(want, packet, RTP_EXT_ID_DEFAULT);

    assert_int_equal(send_packet(sender, packet, datagram, payload_len), 0);
    len = hear(ear, got, sizeof got, NULL);
    assert_int_equal(len, header + payload_len);
    assert_memory_equal(got, want, len);
}

static void test_bytes(void **state)
{
    struct sender *sender = open_sender(state);
    struct rtp_packet packet = first;
    int ear = open_ear(PORT);

    packet.payload_type = RTP_PT_CONTROL;
    packet.ext.type = RTP_TYPE_INIT;
    check_bytes(sender, ear, &packet, 0);
    packet = first;
    /* Through the wraps of sequence number and timestamp, with every kind of size. */
    for (unsigned i = 0; i < 2000; i++) {
        packet.sequence = (uint16_t)(packet.sequence + 1);
        packet.timestamp += 48 * 100000;
        packet.ext.presentation.ns += 1000000;
        packet.marker = i % 5 == 0;
        packet.payload_type = (uint8_t)(96 + i % 32);
        packet.ext.channels = (uint8_t)(1 + i % 64);
        packet.has_ext = i % 3 != 0;
        check_bytes(sender, ear, &packet, i % (RTP_PAYLOAD_MAX + 1));
    }
    check_bytes(sender, ear, &packet, RTP_PAYLOAD_MAX);
    assert_silence(ear); /* one datagram for one packet, and nothing of the library's own */
    close(ear);
    send_close(sender);
}

/* The caller may send the same slot again: nothing of it stays changed but the header. */
static void test_slot_is_reusable(void **state)
{
    struct sender *sender = open_sender(state);
    alignas(4) uint8_t datagram[RTP_DATAGRAM_MAX] = {0};
    uint8_t one[64], two[64];
    int ear = open_ear(PORT);

    memset(datagram + 28, 0x5a, 36);
    assert_int_equal(send_packet(sender, &first, datagram, 36), 0);
    assert_int_equal(send_packet(sender, &first, datagram, 36), 0);
    assert_int_equal(hear(ear, one, sizeof one, NULL), 64);
    assert_int_equal(hear(ear, two, sizeof two, NULL), 64);
    assert_memory_equal(one, two, 64);
    close(ear);
    send_close(sender);
}

static void test_no_allocation(void **state)
{
    struct sender *sender = open_sender(state);
    alignas(4) uint8_t datagram[RTP_DATAGRAM_MAX] = {0};
    struct send_counters before, after;
    struct rtp_packet packet = first;
    unsigned long count;

    send_get_counters(sender, &before);
    count = allocations;
    for (int i = 0; i < 5000; i++) {
        packet.sequence = (uint16_t)(packet.sequence + 1);
        packet.timestamp += 48;
        send_packet(sender, &packet, datagram, 288);
    }
    assert_int_equal(allocations, count);
    send_get_counters(sender, &after);
    assert_int_equal(after.packets, 5000);
    assert_int_equal(after.octets, 5000 * 288);
    assert_int_equal(after.pool_misses, before.pool_misses);
    if (COUNTS_ALLOCATIONS) {
        void *volatile one = malloc(1); /* volatile: or the compiler drops the pair */

        free(one);
        assert_int_equal(allocations, count + 1); /* the counter does count */
    }
    send_close(sender);
}

/* The interface goes away and comes back: counted, not fatal, not said, and sound goes on. */
static void test_interface_down(void **state)
{
    struct sender *sender = open_sender(state);
    alignas(4) uint8_t datagram[RTP_DATAGRAM_MAX] = {0};
    struct send_counters counters;
    int ear = open_ear(PORT);
    uint8_t got[64];

    set_lo_up(false);
    for (int i = 0; i < 10; i++)
        assert_true(send_packet(sender, &first, datagram, 36) < 0);
    assert_true(send_report(sender, &map, now) < 0);
    set_lo_up(true);
    send_get_counters(sender, &counters);
    assert_int_equal(counters.packets, 0);
    assert_int_equal(counters.octets, 0);
    assert_int_equal(counters.reports, 0);
    assert_int_equal(counters.unreachable, 11);
    assert_int_equal(counters.would_block + counters.no_buffers + counters.other, 0);
    assert_true(counters.last_errno > 0);
    assert_int_equal(send_packet(sender, &first, datagram, 36), 0);
    assert_int_equal(hear(ear, got, sizeof got, NULL), 64);
    close(ear);
    send_close(sender);
}

/* The interface has another address: after a reopen packets come from there, through the same sender. */
static void test_reopen(void **state)
{
    struct sender *sender = open_sender(state);
    alignas(4) uint8_t datagram[RTP_DATAGRAM_MAX] = {0};
    int ear = open_ear(PORT), rtcp_ear = open_ear(PORT + 1);
    struct sockaddr_in source, own;
    uint8_t got[128];

    set_lo_address("127.0.0.9");
    assert_int_equal(send_reopen(sender, err, sizeof err), 0);
    assert_int_equal(send_packet(sender, &first, datagram, 36), 0);
    hear(ear, got, sizeof got, &source);
    assert_int_equal(source.sin_addr.s_addr, htonl(0x7f000009));
    assert_true(send_report(sender, &map, now) > 0);
    hear(rtcp_ear, got, sizeof got, &source);
    assert_int_equal(source.sin_addr.s_addr, htonl(0x7f000009));
    send_get_rtcp_address(sender, &own);
    assert_int_equal(own.sin_addr.s_addr, source.sin_addr.s_addr);
    assert_int_equal(own.sin_port, source.sin_port);
    set_lo_address("127.0.0.1");
    close(ear);
    close(rtcp_ear);
    send_close(sender);
}

/* ---- RTCP -------------------------------------------------------------------------------------------- */

static uint32_t be32(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

/* Checks SR, SDES and the two APP of PROTOCOL.md section 8; returns their length. */
static size_t check_report(const uint8_t *bytes, size_t len)
{
    static const uint8_t sdes[] = {0x81, 202, 0, 10, 0x5e, 0xed, 0x1e, 0x55, 1, sizeof CNAME - 1};
    static const uint8_t names[] = {2, 4, 'l', 'e', 'f', 't', 6, 6, 't', 'e', 's', 't', ' ', '1', 0, 0};
    static const uint8_t app[] = {0x80, 204, 0, 5, 0x5e, 0xed, 0x1e, 0x55, 'U',  'N',  'I',  'S',
                                  0,    1,   5, 0, 0x00, 0x1d, 0xc1, 0xff, 0xfe, 0x12, 0x34, 0x56};
    static const uint8_t offered[] = {0x82, 204, 0, 6, 0x5e, 0xed, 0x1e, 0x55, 'U', 'N',
                                      'I',  'S', 0, 0, 0x12, 0x01, 0,    6,    0,   0,
                                      0,    0,   0, 0, 0x00, 0x98, 0x96, 0x80};

    assert_true(len >= 28 + 44 + 24 + 28);
    assert_int_equal(be32(bytes), 0x80c80006);
    assert_int_equal(be32(bytes + 4), SSRC);
    assert_int_equal(be32(bytes + 8), 1700000000u + 2208988800u);
    assert_int_equal(be32(bytes + 12), 0x80000000); /* half a second */
    assert_int_equal(be32(bytes + 16), 81600000024000 & 0xffffffff);
    assert_int_equal(be32(bytes + 20), 3);
    assert_int_equal(be32(bytes + 24), 72);
    bytes += 28;
    assert_memory_equal(bytes, sdes, sizeof sdes);
    assert_memory_equal(bytes + sizeof sdes, CNAME, sizeof CNAME - 1);
    assert_memory_equal(bytes + 28, names, sizeof names);
    assert_memory_equal(bytes + 44, app, sizeof app);
    assert_memory_equal(bytes + 44 + 24, offered, sizeof offered);
    return 28 + 44 + 24 + 28;
}

static void test_rtcp(void **state)
{
    static const uint8_t bye[] = {0x81, 203, 0, 1, 0x5e, 0xed, 0x1e, 0x55};
    struct sender *sender = open_sender(state);
    alignas(4) uint8_t datagram[RTP_DATAGRAM_MAX] = {0};
    int ear = open_ear(PORT + 1);
    struct send_counters counters;
    uint8_t got[256];
    size_t len;
    int said;

    assert_int_equal(send_packet(sender, &first, datagram, 36), 0);
    assert_int_equal(send_packet(sender, &first, datagram, 0), 0);
    assert_int_equal(send_packet(sender, &first, datagram, 36), 0);
    said = send_report(sender, &map, now);
    len = hear(ear, got, sizeof got, NULL);
    assert_int_equal(said, len);
    assert_int_equal(check_report(got, len), len);
    for (int i = 0; i < 2; i++) {
        assert_true(send_bye(sender, &map, now) > 0);
        len = hear(ear, got, sizeof got, NULL);
        assert_int_equal(check_report(got, len), len - sizeof bye);
        assert_memory_equal(got + len - sizeof bye, bye, sizeof bye);
    }
    assert_silence(ear); /* no report of the library's own */
    send_get_counters(sender, &counters);
    assert_int_equal(counters.reports, 3);
    close(ear);
    send_close(sender);
}

/* Before the start: no sender report, and whatever is known of the time, none included. */
static void test_invitation(void **state)
{
    struct sender *sender = open_sender(state);
    int ear = open_ear(PORT + 1);
    struct clock_map other = map;
    struct rtcp_report report;
    uint8_t got[256];

    for (int i = 0; i < 2; i++) {
        other.state = i ? MEDIA_CLOCK_LOCKED : MEDIA_CLOCK_NO_PTP;
        assert_true(send_invitation(sender, &other) > 0);
        assert_int_equal(rtcp_parse(got, hear(ear, got, sizeof got, NULL), &report), 0);
        assert_true(!report.has_sr && !report.has_block && report.has_clock && report.clock.known == i &&
                    !report.bye);
        assert_true(report.has_offer && report.offer.waiting);
        assert_int_equal(report.offer.frames_per_packet, 6);
        assert_string_equal(report.name, NAME);
    }
    close(ear);
    send_close(sender);
}

/* A sender report as ever, but for the offer: nobody talks. The next one does not say so. */
static void test_standby(void **state)
{
    struct sender *sender = open_sender(state);
    int ear = open_ear(PORT + 1);
    struct rtcp_report report;
    uint8_t got[256];

    for (int standby = 1; standby >= 0; standby--) {
        assert_true((standby ? send_standby : send_report)(sender, &map, now) > 0);
        assert_int_equal(rtcp_parse(got, hear(ear, got, sizeof got, NULL), &report), 0);
        assert_true(report.has_sr && !report.bye && report.has_offer && !report.offer.waiting);
        assert_int_equal(report.offer.standby, standby);
        assert_int_equal(report.offer.frames_per_packet, 6);
    }
    close(ear);
    send_close(sender);
}

/* What the map says of its time goes out, and is what a receiver reads. */
static void test_clock_states(void **state)
{
    static const struct {
        enum media_clock_state state;
        uint16_t domain;
        struct rtcp_clock clock;
    } rows[] = {
        {MEDIA_CLOCK_LOCKED, 255, {true, false, 255, 0x001dc1fffe123456}},
        {MEDIA_CLOCK_ACQUIRING, 0, {true, false, 0, 0x001dc1fffe123456}},
        {MEDIA_CLOCK_HOLDOVER, 5, {true, true, 5, 0x001dc1fffe123456}},
        {MEDIA_CLOCK_GM_CHANGED, 5, {true, true, 5, 0x001dc1fffe123456}},
        {MEDIA_CLOCK_LOCKED, CLOCK_DOMAIN_UNKNOWN, {false, false, 0, 0}},
    };
    struct sender *sender = open_sender(state);
    int ear = open_ear(PORT + 1);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct clock_map other = map;
        struct rtcp_report report;
        uint8_t got[256];

        other.state = rows[i].state;
        other.master.domain = rows[i].domain;
        assert_true(send_report(sender, &other, now) > 0);
        assert_int_equal(rtcp_parse(got, hear(ear, got, sizeof got, NULL), &report), 0);
        assert_true(report.has_sr && report.has_clock && !report.bye);
        assert_int_equal(report.ssrc, SSRC);
        assert_string_equal(report.cname, CNAME);
        assert_int_equal(report.clock.known, rows[i].clock.known);
        assert_int_equal(report.clock.holdover, rows[i].clock.holdover);
        assert_int_equal(report.clock.domain, rows[i].clock.domain);
        assert_int_equal(report.clock.gm_id, rows[i].clock.gm_id);
    }
    close(ear);
    send_close(sender);
}

/* A CNAME of any length ends with one to four zeros on a word's boundary. */
static void test_cname_lengths(void **state)
{
    struct send_config config = {.group = group_at(PORT),
                                 .interface = "lo",
                                 .ext_id = 1,
                                 .rate_hz = 48000,
                                 .name = NAME,
                                 .tool = TOOL,
                                 .offer = offer};
    char name[256];
    uint8_t got[512];
    int ear;

    if (!*(const bool *)*state)
        skip();
    ear = open_ear(PORT + 1);
    for (size_t len = 1; len <= 255; len++) {
        struct sender *sender = NULL;
        size_t total, zeros;

        memset(name, 'n', len);
        name[len] = '\0';
        config.cname = name;
        assert_int_equal(send_open(&sender, &config, NULL, err, sizeof err), 0);
        assert_true(send_report(sender, &map, now) > 0);
        send_close(sender);
        total = hear(ear, got, sizeof got, NULL);
        assert_int_equal(total % 4, 0);
        assert_int_equal(total, 28 + 4 + 4 * ((size_t)got[30] << 8 | got[31]) + 24 + 28);
        zeros = total - (28 + 10 + len + 14) - 24 - 28;
        assert_in_range(zeros, 1, 4);
        assert_memory_equal(got + 38, name, len);
        assert_memory_equal(got + 38 + len + 14, "\0\0\0\0", zeros);
    }
    close(ear);
}

/* ---- the rest ---------------------------------------------------------------------------------------- */

struct media_thread {
    struct sender *sender;
    int packets;
    _Atomic bool done;
};

static void *send_media(void *context)
{
    struct media_thread *media = context;
    alignas(4) uint8_t datagram[RTP_DATAGRAM_MAX] = {0};

    for (int i = 0; i < media->packets; i++)
        send_packet(media->sender, &first, datagram, 36);
    atomic_store(&media->done, true);
    return NULL;
}

/* The real-time thread and the control thread at once, while the sockets are exchanged under them. */
static void test_two_threads(void **state)
{
    struct media_thread media = {.sender = open_sender(state), .packets = 20000};
    struct send_counters counters;
    uint64_t reports = 0;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, send_media, &media), 0);
    do {
        assert_true(send_report(media.sender, &map, now) > 0);
        reports++;
        if (reports % 16 == 0)
            assert_int_equal(send_reopen(media.sender, err, sizeof err), 0);
    } while (!atomic_load(&media.done));
    pthread_join(thread, NULL);
    send_get_counters(media.sender, &counters);
    assert_int_equal(counters.packets, 20000);
    assert_int_equal(counters.reports, reports);
    assert_int_equal(counters.last_errno, 0);
    send_close(media.sender);
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

static void test_open_refused(void **state)
{
    struct send_config config = {.group = group_at(PORT), .interface = "nowhere7", .cname = CNAME};
    int before = count_descriptors();
    struct sender *sender = NULL;

    if (!*(const bool *)*state)
        skip();
    assert_int_equal(send_open(&sender, &config, NULL, err, sizeof err), -ENODEV);
    assert_null(sender);
    assert_non_null(strstr(err, "nowhere7"));
    config.interface = "lo";
    config.group.sin_addr.s_addr = htonl(0xf0000001); /* 240.0.0.1: no group */
    assert_true(send_open(&sender, &config, NULL, err, sizeof err) < 0);
    assert_non_null(strstr(err, "240.0.0.1:5404"));
    assert_int_equal(count_descriptors(), before);
}

/* libortp would log warnings and errors to these, from the thread that must not. */
static void test_says_nothing(void **state)
{
    char path[] = "/tmp/unisono-test-send-XXXXXX";
    int file = mkstemp(path), out = dup(STDOUT_FILENO), complaint = dup(STDERR_FILENO);
    alignas(4) uint8_t datagram[RTP_DATAGRAM_MAX] = {0};
    struct sender *sender;
    struct stat stat;

    assert_true(file >= 0);
    unlink(path);
    sender = open_sender(state);
    send_close(sender);
    fflush(NULL);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    sender = open_sender(state);
    send_packet(sender, &first, datagram, 36);
    set_lo_up(false);
    send_packet(sender, &first, datagram, 36);
    send_bye(sender, &map, now);
    set_lo_up(true);
    send_close(sender);
    fflush(NULL);
    dup2(out, STDOUT_FILENO);
    dup2(complaint, STDERR_FILENO);
    close(out);
    close(complaint);
    assert_int_equal(fstat(file, &stat), 0);
    assert_int_equal(stat.st_size, 0);
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),         cmocka_unit_test(test_slot_is_reusable),
        cmocka_unit_test(test_no_allocation), cmocka_unit_test(test_interface_down),
        cmocka_unit_test(test_reopen),        cmocka_unit_test(test_rtcp),
        cmocka_unit_test(test_invitation),    cmocka_unit_test(test_standby),
        cmocka_unit_test(test_clock_states),  cmocka_unit_test(test_cname_lengths),
        cmocka_unit_test(test_two_threads),   cmocka_unit_test(test_open_refused),
        cmocka_unit_test(test_says_nothing),
    };

    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
