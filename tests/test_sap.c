// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Session announcements, RFC 2974. Each datagram is parsed in a copy of exactly its size, so that the address
 * sanitizer sees each byte read past the end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/sap.h"

#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define BYTES(literal) literal, sizeof(literal) - 1

#define ANNOUNCE "\x20\x00\x12\x34\xc0\xa8\x01\x0a"
#define DELETE   "\x24\x00\x12\x34\xc0\xa8\x01\x0a"
#define TYPE     "application/sdp\0"
#define SDP      "v=0\r\no=- 1 1 IN IP4 192.168.1.10\r\ns=x\r\n"

/* What is found must lie inside the datagram; the text is copied out of it. */
static int parse(const char *datagram, size_t len, struct sap_packet *packet, char text[256])
{
    uint8_t *copy = malloc(len ? len : 1);
    int result;

    assert_non_null(copy);
    memcpy(copy, datagram, len);
    memset(packet, 0xa5, sizeof *packet);
    result = sap_parse(copy, len, packet);
    if (result == 0) {
        assert_true(packet->sdp >= (char *)copy && packet->sdp + packet->sdp_len <= (char *)copy + len);
        assert_true(packet->sdp_len < 256);
        assert_true(packet->sdp_len > 0 || packet->deletion);
        memcpy(text, packet->sdp, packet->sdp_len);
        text[packet->sdp_len] = '\0';
    }
    free(copy);
    return result;
}

static void test_cases(void **state)
{
    static const struct {
        const char *datagram;
        size_t len;
        int result;
        bool deletion;
        const char *sdp;
    } cases[] = {
        {BYTES(ANNOUNCE TYPE SDP), 0, false, SDP},
        {BYTES(ANNOUNCE SDP), 0, false, SDP},
        {BYTES(ANNOUNCE "Application/SDP\0" SDP), 0, false, SDP},
        {BYTES(ANNOUNCE TYPE SDP "\0"), 0, false, SDP},
        {BYTES(ANNOUNCE TYPE "anything"), 0, false, "anything"}, /* what it is, the next parser says */
        {BYTES("\x20\x02\x12\x34\xc0\xa8\x01\x0a"
               "authenti" TYPE SDP),
         0, false, SDP},
        {BYTES("\x20\x01\x12\x34\xc0\xa8\x01\x0a"
               "v=0\n" SDP),
         0, false, SDP},
        {BYTES("\x28\x00\x12\x34\xc0\xa8\x01\x0a" TYPE SDP), 0, false, SDP}, /* the reserved bit is ignored */
        {BYTES(DELETE TYPE SDP), 0, true, SDP},
        {BYTES(DELETE TYPE "o=- 1 1 IN IP4 192.168.1.10"), 0, true, "o=- 1 1 IN IP4 192.168.1.10"},
        {BYTES(DELETE "o=- 1 1 IN IP4 192.168.1.10\r\n"), 0, true, "o=- 1 1 IN IP4 192.168.1.10\r\n"},
        {BYTES(DELETE TYPE), 0, true, ""},
        {BYTES(DELETE), 0, true, ""},

        {BYTES(""), -EBADMSG, false, NULL},
        {BYTES("\x20\x00\x12\x34\xc0\xa8\x01"), -EBADMSG, false, NULL},
        {BYTES(ANNOUNCE), -EBADMSG, false, NULL},
        {BYTES(ANNOUNCE TYPE), -EBADMSG, false, NULL},
        {BYTES(ANNOUNCE TYPE "\0"), -EBADMSG, false, NULL},
        {BYTES(ANNOUNCE "application/sdp"), -EBADMSG, false, NULL},
        {BYTES(ANNOUNCE "o=- 1 1 IN IP4 192.168.1.10\r\n"), -EBADMSG, false, NULL},
        {BYTES("\x20\xff\x12\x34\xc0\xa8\x01\x0a" TYPE SDP), -EBADMSG, false, NULL},
        {BYTES("\x20\x01\x12\x34\xc0\xa8\x01\x0a"
               "v=0"),
         -EBADMSG, false, NULL},

        {BYTES("\x00\x00\x12\x34\xc0\xa8\x01\x0a" TYPE SDP), -EPROTO, false, NULL},
        {BYTES("\x40\x00\x12\x34\xc0\xa8\x01\x0a" TYPE SDP), -EPROTO, false, NULL},
        {BYTES("\xff"), -EPROTO, false, NULL},

        {BYTES("\x30\x00\x12\x34\xc0\xa8\x01\x0a" SDP), -EPROTONOSUPPORT, false, NULL},
        {BYTES("\x21\x00\x12\x34\xc0\xa8\x01\x0a\x78\x9c"), -EPROTONOSUPPORT, false, NULL},
        {BYTES("\x22\x00\x12\x34\xc0\xa8\x01\x0a"
               "secret"),
         -EPROTONOSUPPORT, false, NULL},
        {BYTES(ANNOUNCE "application/sdp2\0" SDP), -EPROTONOSUPPORT, false, NULL},
        {BYTES(ANNOUNCE "application/sd\0" SDP), -EPROTONOSUPPORT, false, NULL},
        {BYTES(ANNOUNCE "text/plain\0" SDP), -EPROTONOSUPPORT, false, NULL},
        {BYTES(ANNOUNCE "\0" SDP), -EPROTONOSUPPORT, false, NULL},
    };
    struct sap_packet packet;
    char text[256];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int result = parse(cases[i].datagram, cases[i].len, &packet, text);

        if (result != cases[i].result)
            fail_msg("case %zu: %d, not %d", i, result, cases[i].result);
        if (result < 0)
            continue;
        assert_int_equal(packet.deletion, cases[i].deletion);
        assert_int_equal(packet.hash, 0x1234);
        assert_int_equal(packet.origin.s_addr, inet_addr("192.168.1.10"));
        assert_string_equal(text, cases[i].sdp);
    }
}

/* Shorter by any number of bytes: malformed up to the payload, then a shorter payload. */
static void test_truncated(void **state)
{
    static const char whole[] = "\x20\x01\x12\x34\xc0\xa8\x01\x0a"
                                "auth" TYPE SDP;
    const size_t payload_at = 8 + 4 + 16;
    struct sap_packet packet;
    char text[256];

    (void)state;
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        assert_int_equal(parse(whole, len, &packet, text), len > payload_at ? 0 : -EBADMSG);
        if (len > payload_at)
            assert_memory_equal(text, SDP, len - payload_at);
    }
}

/* What is built is parsed to the same; to the byte it is the datagram of the first case above. */
static void test_round_trip(void **state)
{
    static const char whole[] = ANNOUNCE TYPE SDP, gone[] = DELETE TYPE "o=- 1 1 IN IP4 192.168.1.10\r\n";
    struct sap_packet packet = {
        .hash = 0x1234, .origin = {inet_addr("192.168.1.10")}, .sdp = SDP, .sdp_len = sizeof SDP - 1};
    uint8_t built[SAP_OVERHEAD + sizeof SDP - 1];
    struct sap_packet again;
    char text[256];

    (void)state;
    assert_int_equal(sap_build(built, &packet), sizeof whole - 1);
    assert_memory_equal(built, whole, sizeof whole - 1);
    assert_int_equal(parse((char *)built, sizeof whole - 1, &again, text), 0);
    assert_false(again.deletion);
    assert_int_equal(again.hash, packet.hash);
    assert_int_equal(again.origin.s_addr, packet.origin.s_addr);
    assert_string_equal(text, SDP);

    packet.deletion = true;
    assert_int_equal(sap_build(built, &packet), sizeof gone - 1);
    assert_memory_equal(built, gone, sizeof gone - 1);
    assert_int_equal(parse((char *)built, sizeof gone - 1, &again, text), 0);
    assert_true(again.deletion);
    assert_string_equal(text, "o=- 1 1 IN IP4 192.168.1.10\r\n");

    packet.sdp_len = 5; /* no o= */
    assert_int_equal(sap_build(built, &packet), SAP_OVERHEAD);
    assert_int_equal(parse((char *)built, SAP_OVERHEAD, &again, text), 0);
    assert_int_equal(again.sdp_len, 0);
}

/* Never 0, never the one before; another text has another one, nearly always. */
static void test_hash(void **state)
{
    const uint16_t plain = sap_hash(BYTES(SDP), 0);
    unsigned same = 0;

    (void)state;
    assert_int_not_equal(plain, 0);
    assert_int_equal(sap_hash(BYTES(SDP), 0), plain);
    assert_int_not_equal(sap_hash(BYTES(SDP), plain), plain);
    assert_int_not_equal(sap_hash(BYTES(SDP), plain), 0);
    for (unsigned i = 0; i < 65536; i++) {
        char text[4] = {(char)i, (char)(i >> 8), 'x', '\0'};
        uint16_t hash = sap_hash(text, 3, plain);

        assert_true(hash != 0 && hash != plain);
        same += hash == sap_hash(text, 2, 0);
    }
    assert_in_range(same, 0, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
