// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What the sender announces: the description as time and interface change, the strings of DNS-SD, and SAP
 * against the real kernel, in a network namespace of its own. Where the kernel grants none, those tests are
 * skipped. On the loopback a datagram has come when send() returns: nothing waits.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/host/net.h"
#include "proto/sap.h"
#include "proto/sdpwrite.h"
#include "sender/announce.h"
#include "sender/describe.h"
#include "sender/publish.h"

#define SSRC 0x5eed1e55u
#define GM   0x001dc1fffe123456
#define MAC  0x7ce9d31b9aaf

static char err[512];

static struct sdp_stream usual(void)
{
    const struct tx_config tx = {.rate_hz = 44100,
                                 .channels = 2,
                                 .codec = RTP_CODEC_L24,
                                 .frames_per_packet = 48,
                                 .latency_ns = 10000000,
                                 .ssrc = SSRC};
    struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(5004)};

    assert_int_equal(inet_pton(AF_INET, "239.69.83.11", &group.sin_addr), 1);
    return describe_stream("stage", &tx, &group, 3);
}

/* ---- what is said ----------------------------------------------------------------------------------- */

static void test_stream(void **state)
{
    const struct sdp_stream s = usual();

    (void)state;
    assert_string_equal(s.name, "stage");
    assert_int_equal(s.session_id, SSRC);
    assert_int_equal(s.session_version, 1);
    assert_int_equal(s.legs, 1);
    assert_int_equal(s.leg[0].ttl, 3);
    assert_int_equal(s.payload_type, RTP_PT_L24);
    assert_int_equal(s.ptime_us, 1090);
    assert_int_equal(s.framecount, 48);
    assert_true(s.has_media_offset && s.media_offset == 0);
    assert_int_equal(s.latency_ns, 10000000);
    assert_int_equal(s.ext_id, 1);
}

/* The session keeps its name; packets come from where the interface is now. */
static void test_interface(void **state)
{
    struct sdp_stream s = usual();
    const struct net_interface first = {.address = {inet_addr("10.0.0.1")}};
    const struct net_interface second = {.address = {inet_addr("10.0.0.2")}};

    (void)state;
    describe_interface(&s, &first);
    assert_int_equal(s.origin.s_addr, first.address.s_addr);
    assert_true(s.leg[0].has_source && s.leg[0].source.s_addr == first.address.s_addr);
    describe_interface(&s, &second);
    assert_int_equal(s.origin.s_addr, first.address.s_addr);
    assert_true(s.leg[0].has_source && s.leg[0].source.s_addr == second.address.s_addr);
}

static void test_clock(void **state)
{
    const struct rtcp_clock none = {.known = false},
                            lost = {.known = true, .holdover = true, .gm_id = GM + 1};
    const struct rtcp_clock unknown = {.known = false, .holdover = true};
    const struct rtcp_clock known = {.known = true, .domain = 5, .gm_id = GM};
    struct sdp_stream s = usual();

    (void)state;
    describe_clock(&s, &none, 0);
    assert_int_equal(s.refclk.kind, SDP_REFCLK_NONE);
    describe_clock(&s, &none, MAC);
    assert_string_equal(s.refclk.text, "localmac=7C-E9-D3-1B-9A-AF");
    describe_clock(&s, &known, MAC);
    assert_string_equal(s.refclk.text, "ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:5");
    describe_clock(&s, &lost, MAC); /* stays as it was */
    assert_int_equal(s.refclk.gm_id, GM);
    describe_clock(&s, &unknown, MAC);
    assert_int_equal(s.refclk.gm_id, GM);
    describe_clock(&s, &none, MAC); /* but not when time began anew without PTP */
    assert_int_equal(s.refclk.kind, SDP_REFCLK_LOCAL_MAC);
}

/* PROTOCOL.md section 13.3: put together again the values are the text, and no string is too long. */
static void test_txt(void **state)
{
    static const size_t lens[] = {1, 249, 250, 251, 500, 501, SDP_WRITE_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        char sdp[SDP_WRITE_MAX], again[SDP_WRITE_MAX], key[] = "s0";
        size_t used = 0;
        AvahiStringList *txt, *at;

        for (size_t j = 0; j < lens[i]; j++)
            sdp[j] = (char)(j * 7);
        txt = publish_txt(sdp, lens[i]);
        assert_non_null(avahi_string_list_find(txt, "txtvers"));
        for (; (at = avahi_string_list_find(txt, key)); key[1]++) {
            size_t len = avahi_string_list_get_size(at) - 3;

            assert_in_range(len, 1, PUBLISH_PIECE);
            assert_true(used + len <= lens[i]);
            memcpy(again + used, avahi_string_list_get_text(at) + 3, len);
            used += len;
        }
        assert_int_equal(used, lens[i]);
        assert_memory_equal(again, sdp, used);
        assert_int_equal(avahi_string_list_length(txt), 1 + (lens[i] + PUBLISH_PIECE - 1) / PUBLISH_PIECE);
        avahi_string_list_free(txt);
    }
}

/* ---- on the wire ------------------------------------------------------------------------------------ */

static int enter_namespace(void **state)
{
    struct ifreq what = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    static bool granted;
    int fd;

    /* nobody's Avahi daemon is told */
    setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/dev/null", 1);
    granted = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    *state = &granted;
    if (!granted)
        return 0;
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &what), 0);
    close(fd);
    return 0;
}

struct wire {
    struct announce *announce;
    int hear, talk;
    struct clock_map map;
    raw_ns now;
};

static void open_wire(struct wire *w, void **state)
{
    struct announce_config config = {usual(), "lo", "stage"};
    struct net_transmit_config out = {.group = {.sin_family = AF_INET, .sin_port = htons(SAP_PORT)}};
    int buffer = 65536;

    if (!*(bool *)*state)
        skip();
    memset(w, 0, sizeof *w);
    w->now.ns = 1000 * NS_PER_S;
    assert_int_equal(inet_pton(AF_INET, SAP_GROUP, &out.group.sin_addr), 1);
    assert_int_equal(net_find_interface("lo", &out.group, &out.interface, err, sizeof err), 0);
    w->hear = net_open_receive(&out.group, &out.interface, &buffer, err, sizeof err);
    w->talk = net_open_transmit(&out, err, sizeof err);
    if (w->hear < 0 || w->talk < 0 || announce_open(&w->announce, &config, w->now, err, sizeof err))
        fail_msg("%s", err);
}

static void close_wire(struct wire *w)
{
    close(w->hear);
    close(w->talk);
}

static void set_gm(struct wire *w, uint64_t gm_id)
{
    w->map.state = MEDIA_CLOCK_LOCKED;
    w->map.master = (struct clock_master){.gm_id = gm_id, .domain = 0};
}

static void run_for(struct wire *w, int64_t ms)
{
    for (; ms > 0; ms -= 50) {
        announce_run(w->announce, &w->map, w->now);
        w->now.ns += 50 * NS_PER_MS;
    }
}

/* Our next on the wire; false: there is none. The description, if it has one, is read into *stream. */
static bool hear(struct wire *w, struct sap_packet *packet, struct sdp_stream *stream)
{
    static uint8_t datagram[2048];
    char why[SDP_WHY_SIZE];
    ssize_t len;

    do {
        len = recv(w->hear, datagram, sizeof datagram, MSG_DONTWAIT);
        if (len < 0)
            return false;
    } while (sap_parse(datagram, (size_t)len, packet) < 0 || packet->origin.s_addr != htonl(INADDR_LOOPBACK));
    if (!packet->deletion && sdp_parse(packet->sdp, packet->sdp_len, stream, 1, why, sizeof why) != 1)
        fail_msg("%s", why);
    return true;
}

static size_t count_heard(struct wire *w)
{
    struct sap_packet packet;
    struct sdp_stream stream;
    size_t count = 0;

    while (hear(w, &packet, &stream))
        count++;
    return count;
}

static void test_life(void **state)
{
    struct wire w;
    struct sap_packet packet;
    struct sdp_stream stream;
    uint16_t first_hash;

    open_wire(&w, state);
    run_for(&w, 1000);
    assert_int_equal(count_heard(&w), 0); /* whose time it is, is not known yet */
    set_gm(&w, GM);
    run_for(&w, 50);
    assert_true(hear(&w, &packet, &stream));
    assert_false(packet.deletion);
    assert_int_equal(packet.origin.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(stream.refclk.gm_id, GM);
    assert_int_equal(stream.session_version, 1);
    first_hash = packet.hash;
    run_for(&w, 3100);
    assert_int_equal(count_heard(&w), 2);
    run_for(&w, 60000);
    assert_in_range(count_heard(&w), 9, 18); /* each 3.3 to 6.7 s */

    w.map.state = MEDIA_CLOCK_GM_CHANGED;
    run_for(&w, 50);
    count_heard(&w);
    set_gm(&w, GM + 1);
    run_for(&w, 50);
    assert_true(hear(&w, &packet, &stream));
    assert_int_equal(stream.refclk.gm_id, GM + 1);
    assert_int_equal(stream.session_version, 2);
    assert_int_not_equal(packet.hash, first_hash);
    first_hash = packet.hash;
    run_for(&w, 3100);
    assert_int_equal(count_heard(&w), 2);

    announce_close(w.announce);
    for (int i = 0; i < 3; i++) {
        assert_true(hear(&w, &packet, &stream));
        assert_true(packet.deletion);
        assert_int_equal(packet.hash, first_hash);
        assert_memory_equal(packet.sdp, "o=- 1592598101 2 IN IP4 127.0.0.1\r\n", packet.sdp_len);
    }
    assert_false(hear(&w, &packet, &stream));
    close_wire(&w);
}

/* Nobody tells whose time it is: after 5 s it is announced without; and ended before, it says nothing. */
static void test_without_ptp(void **state)
{
    struct wire w;
    struct sap_packet packet;
    struct sdp_stream stream;

    open_wire(&w, state);
    run_for(&w, 5000);
    announce_close(w.announce);
    assert_int_equal(count_heard(&w), 0);
    close_wire(&w);

    open_wire(&w, state);
    run_for(&w, 5050);
    assert_true(hear(&w, &packet, &stream));
    assert_int_equal(stream.refclk.kind, SDP_REFCLK_NONE); /* lo has no address of Ethernet */
    announce_close(w.announce);
    close_wire(&w);
}

/* Announcements of others make ours rarer; garbage does not. */
static void test_others(void **state)
{
    struct wire w;
    uint8_t datagram[SAP_OVERHEAD + 64];
    struct sap_packet packet = {.origin = {inet_addr("10.9.8.7")}, .sdp = "v=0\r\n", .sdp_len = 5};

    open_wire(&w, state);
    set_gm(&w, GM);
    run_for(&w, 4000);
    for (unsigned i = 1; i < 100; i++) {
        size_t len;

        assert_int_equal(send(w.talk, "garbage", 7, 0), 7);
        packet.hash = (uint16_t)i;
        len = sap_build(datagram, &packet);
        assert_int_equal(send(w.talk, datagram, len, 0), len);
        run_for(&w, 50);
    }
    count_heard(&w);
    run_for(&w, 60000); /* 100 of some 500 bytes: about 100 s each */
    assert_in_range(count_heard(&w), 0, 1);
    announce_close(w.announce);
    close_wire(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream), cmocka_unit_test(test_interface), cmocka_unit_test(test_clock),
        cmocka_unit_test(test_txt),    cmocka_unit_test(test_life),      cmocka_unit_test(test_without_ptp),
        cmocka_unit_test(test_others),
    };

    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
