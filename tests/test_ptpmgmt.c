// SPDX-License-Identifier: GPL-3.0-or-later
/* PTP management messages: the GET octet by octet, answers as ptp4l 3.1.1 gave them, and bad ones. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/ptpmgmt.h"

#define CLIENT 0x203e

/* Hex digits to octets; spaces are ignored. */
static size_t unhex(const char *hex, uint8_t *out, size_t size)
{
    size_t n = 0;

    while (*hex) {
        char digits[3];

        if (*hex == ' ') {
            hex++;
            continue;
        }
        digits[0] = hex[0];
        digits[1] = hex[1];
        digits[2] = '\0';
        assert_true(n < size);
        out[n++] = (uint8_t)strtoul(digits, NULL, 16);
        hex += 2;
    }
    return n;
}

/* What every answer to CLIENT begins with, length and sequence apart. */
#define HEAD(length, sequence, control)                                                                      \
    "0d02 " length " 00000000 0000000000000000 00000000 aeebb5fffef5c214 0000 " sequence " " control         \
    " 7f 0000000000000000 203e 0000 02 00 "

/* Taken off the socket of ptp4l 3.1.1. */
static const char current_hex[] =
    HEAD("0048", "0001", "04") "0001 0014 2001 0001 000000000ad90000 000000004c320000";
static const char status_hex[] =
    HEAD("0068", "0001", "04") "0001 0034 c000 0000000000000ad9 18e9fa661da34cf5 00000000 "
                               "00000000 0000 000000000000000000000000 00000001 2a1cfcfffee320d3";

/* Made by the layout in IEEE 1588-2008 clause 15.5. */
static const char default_hex[] = HEAD("004a", "0007", "04") "0001 0016 2000 02 00 0003 ff f8 fe ffff 80 "
                                                             "aeebb5fffef5c214 05 00";
static const char parent_hex[] = HEAD("0056", "0007", "04") "0001 0022 2002 2a1cfcfffee320d3 0002 00 00 ffff "
                                                            "7fffffff 64 06 21 4e5d 80 2a1cfcfffee320d4";
static const char properties_hex[] = HEAD("003a", "0007", "04") "0001 0006 2003 0025 3c a0";
static const char port_hex[] = HEAD("0050", "0007", "04") "0001 001c 2004 aeebb5fffef5c214 0001 08 fd "
                                                          "0000000000000000 00 03 fc 01 00 02";
static const char settings_hex[] = HEAD("003e", "0007", "04") "0001 000a c001 f8 fe ffff 0025 00 a0";
static const char error_hex[] = HEAD("003c", "0009", "04") "0002 0008 0006 c001 00000000";

static int parse_hex(const char *hex, struct ptpmgmt_reply *reply)
{
    uint8_t msg[PTPMGMT_MAX_LEN];
    size_t n = unhex(hex, msg, sizeof(msg));

    return ptpmgmt_parse(msg, n, CLIENT, reply);
}

static void get_is_octet_for_octet(void **state)
{
    static const char expected[] =
        "0d02 0036 18 00 0000 0000000000000000 00000000 0000000000000000 203e abcd 04 7f "
        "ffffffffffffffff ffff 00 00 00 00 0001 0002 c000";
    uint8_t want[PTPMGMT_GET_LEN], got[PTPMGMT_GET_LEN];

    (void)state;
    assert_int_equal(unhex(expected, want, sizeof(want)), PTPMGMT_GET_LEN);
    memset(got, 0x55, sizeof(got));
    ptpmgmt_build_get(got, PTPMGMT_TIME_STATUS_NP, 0x18, CLIENT, 0xabcd);
    assert_memory_equal(got, want, sizeof(want));
}

static void subscription_is_octet_for_octet(void **state)
{
    static const char head[] =
        "0d02 0078 18 00 0000 0000000000000000 00000000 0000000000000000 203e abcd 04 7f "
        "ffffffffffffffff ffff 00 00 01 00 0001 0044 c003 003c 03";
    uint8_t want[PTPMGMT_SUBSCRIBE_LEN] = {0}, got[PTPMGMT_SUBSCRIBE_LEN];

    (void)state;
    assert_int_equal(unhex(head, want, sizeof(want)), 57);
    memset(got, 0x55, sizeof(got));
    ptpmgmt_build_subscribe(got, PTPMGMT_EVENT_PORT_STATE | PTPMGMT_EVENT_TIME_SYNC, 60, 0x18, CLIENT,
                            0xabcd);
    assert_memory_equal(got, want, sizeof(want));
}

static void clock_id_is_a_number(void **state)
{
    const struct ptp_clock_id id = {{0xfe, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x80}};
    struct ptp_clock_id back = ptp_clock_id_of_number(ptp_clock_id_number(&id));

    (void)state;
    assert_true(ptp_clock_id_number(&id) == UINT64_C(0xfe01020304050680));
    assert_true(ptp_clock_id_equal(&id, &back));
}

static void current_is_read(void **state)
{
    struct ptpmgmt_reply r;

    (void)state;
    assert_int_equal(parse_hex(current_hex, &r), 0);
    assert_int_equal(r.id, PTPMGMT_CURRENT_DATA_SET);
    assert_int_equal(r.error, 0);
    assert_int_equal(r.domain, 0);
    assert_int_equal(r.sequence, 1);
    assert_int_equal(r.current.steps_removed, 1);
    assert_int_equal(r.current.offset_ns, 2777);
    assert_int_equal(r.current.mean_path_delay_ns, 19506);
}

static void negative_intervals_are_read(void **state)
{
    struct ptpmgmt_reply r;

    (void)state;
    assert_int_equal(
        parse_hex(HEAD("0048", "0001", "04") "0001 0014 2001 0001 fffffffff5270000 ffffffffffff0000", &r), 0);
    assert_int_equal(r.current.offset_ns, -2777);
    assert_int_equal(r.current.mean_path_delay_ns, -1);
}

static void time_status_is_read(void **state)
{
    static const struct ptp_clock_id gm = {{0x2a, 0x1c, 0xfc, 0xff, 0xfe, 0xe3, 0x20, 0xd3}};
    struct ptpmgmt_reply r;

    (void)state;
    assert_int_equal(parse_hex(status_hex, &r), 0);
    assert_int_equal(r.id, PTPMGMT_TIME_STATUS_NP);
    assert_int_equal(r.time_status.master_offset_ns, 2777);
    assert_true(r.time_status.ingress_time_ns == INT64_C(0x18e9fa661da34cf5));
    assert_true(r.time_status.gm_present);
    assert_true(ptp_clock_id_equal(&r.time_status.gm_id, &gm));
}

static void default_and_parent_are_read(void **state)
{
    static const struct ptp_clock_id own = {{0xae, 0xeb, 0xb5, 0xff, 0xfe, 0xf5, 0xc2, 0x14}};
    static const struct ptp_clock_id gm = {{0x2a, 0x1c, 0xfc, 0xff, 0xfe, 0xe3, 0x20, 0xd4}};
    struct ptpmgmt_reply r;

    (void)state;
    assert_int_equal(parse_hex(default_hex, &r), 0);
    assert_true(r.default_ds.slave_only);
    assert_int_equal(r.default_ds.ports, 3);
    assert_int_equal(r.default_ds.priority1, 255);
    assert_int_equal(r.default_ds.priority2, 128);
    assert_int_equal(r.default_ds.clock_class, 248);
    assert_int_equal(r.default_ds.domain, 5);
    assert_true(ptp_clock_id_equal(&r.default_ds.clock_id, &own));

    assert_int_equal(parse_hex(parent_hex, &r), 0);
    assert_int_equal(r.parent.parent_id.byte[7], 0xd3);
    assert_int_equal(r.parent.parent_port, 2);
    assert_int_equal(r.parent.gm_priority1, 100);
    assert_int_equal(r.parent.gm_class, 6);
    assert_int_equal(r.parent.gm_priority2, 128);
    assert_true(ptp_clock_id_equal(&r.parent.gm_id, &gm));
}

static void properties_port_and_settings_are_read(void **state)
{
    struct ptpmgmt_reply r;

    (void)state;
    assert_int_equal(parse_hex(properties_hex, &r), 0);
    assert_int_equal(r.time_properties.utc_offset_s, 37);
    assert_true(r.time_properties.utc_offset_valid);
    assert_true(r.time_properties.ptp_timescale);
    assert_true(r.time_properties.time_traceable);
    assert_true(r.time_properties.frequency_traceable);
    assert_int_equal(r.time_properties.time_source, 0xa0);

    /* Each flag alone. */
    assert_int_equal(parse_hex(HEAD("003a", "0007", "04") "0001 0006 2003 ffff 08 a0", &r), 0);
    assert_int_equal(r.time_properties.utc_offset_s, -1);
    assert_true(r.time_properties.ptp_timescale);
    assert_false(r.time_properties.utc_offset_valid);
    assert_false(r.time_properties.time_traceable);
    assert_false(r.time_properties.frequency_traceable);

    assert_int_equal(parse_hex(port_hex, &r), 0);
    assert_int_equal(r.port.port, 1);
    assert_int_equal(r.port.state, PTP_PORT_UNCALIBRATED);
    assert_int_equal(r.port.log_min_delay_req_interval, -3);
    assert_int_equal(r.port.log_announce_interval, 0);
    assert_int_equal(r.port.log_sync_interval, -4);

    assert_int_equal(parse_hex(settings_hex, &r), 0);
    assert_int_equal(r.gm_settings.utc_offset_s, 37);
}

static void refusal_is_told(void **state)
{
    struct ptpmgmt_reply r;

    (void)state;
    assert_int_equal(parse_hex(error_hex, &r), 0);
    assert_int_equal(r.error, 6);
    assert_int_equal(r.id, PTPMGMT_GRANDMASTER_SETTINGS_NP);
    assert_int_equal(r.sequence, 9);
    /* an error status without an error, and one cut short */
    assert_int_equal(parse_hex(HEAD("003c", "0009", "04") "0002 0008 0000 c001 00000000", &r), -EBADMSG);
    assert_int_equal(parse_hex(HEAD("0038", "0009", "04") "0002 0004 0006 c001", &r), -EBADMSG);
}

static void newer_header_bits_are_allowed(void **state)
{
    uint8_t msg[PTPMGMT_MAX_LEN];
    size_t n = unhex(properties_hex, msg, sizeof(msg));
    struct ptpmgmt_reply r;

    (void)state;
    msg[0] |= 0x10; /* majorSdoId of 802.1AS */
    msg[1] |= 0x10; /* PTP 2.1 */
    msg[46] |= 0xf0;
    assert_int_equal(ptpmgmt_parse(msg, n, CLIENT, &r), 0);
    /* what follows the message does not matter */
    assert_int_equal(ptpmgmt_parse(msg, n + 2, CLIENT, &r), 0);
}

/* Changes one octet of a good answer at a time. */
static void wrong_octets_are_told_apart(void **state)
{
    static const struct {
        const char *what;
        unsigned at;
        uint8_t value;
        int result;
    } cases[] = {
        {"a Sync, not management", 0, 0x00, -EPROTO},
        {"PTP version 1", 1, 0x01, -EPROTO},
        {"longer than received", 3, 0xff, -EBADMSG},
        {"shorter than its own header", 3, 0x35, -EBADMSG},
        {"cut before the TLV ends", 3, 0x39, -EBADMSG},
        {"to another clock", 34, 0x01, -EPROTO},
        {"to another client", 43, 0x3f, -EPROTO},
        {"a GET", 46, 0x00, -EPROTO},
        {"a command", 46, 0x03, -EPROTO},
        {"an unknown TLV", 49, 0x03, -EPROTO},
        {"TLV longer than the message", 51, 0x07, -EBADMSG},
        {"TLV huge", 50, 0xff, -EBADMSG},
        {"TLV without id", 51, 0x01, -EBADMSG},
        {"TLV without data", 51, 0x02, -EBADMSG},
        {"TLV with too little data", 51, 0x05, -EBADMSG},
        {"an unknown data set", 53, 0x77, -EPROTO},
        {"another data set's size", 53, 0x00, -EBADMSG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t msg[PTPMGMT_MAX_LEN];
        size_t n = unhex(properties_hex, msg, sizeof(msg));
        struct ptpmgmt_reply r;

        msg[cases[i].at] = cases[i].value;
        if (ptpmgmt_parse(msg, n, CLIENT, &r) != cases[i].result)
            fail_msg("%s: not %d", cases[i].what, cases[i].result);
    }
}

/* Each length below the whole, in memory of exactly that size: a sanitizer sees any step beyond. */
static void every_truncation_is_malformed(void **state)
{
    static const char *const all[] = {current_hex,    status_hex, default_hex,  parent_hex,
                                      properties_hex, port_hex,   settings_hex, error_hex};

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        uint8_t msg[PTPMGMT_MAX_LEN];
        size_t n = unhex(all[i], msg, sizeof(msg));

        for (size_t len = 0; len < n; len++) {
            uint8_t *exact = malloc(len ? len : 1);
            struct ptpmgmt_reply r;

            assert_non_null(exact);
            memcpy(exact, msg, len);
            assert_int_equal(ptpmgmt_parse(exact, len, CLIENT, &r), -EBADMSG);
            if (len >= 54) {
                /* and when its length field agrees with what there is */
                exact[3] = (uint8_t)len;
                assert_int_equal(ptpmgmt_parse(exact, len, CLIENT, &r), -EBADMSG);
            }
            free(exact);
        }
    }
}

static void random_octets_never_pass_unread_memory(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (int round = 0; round < 100000; round++) {
        uint8_t msg[128];
        size_t n = unhex(status_hex, msg, sizeof(msg));
        struct ptpmgmt_reply r;
        uint8_t *exact;
        int ret;

        for (int change = 0; change < 1 + round % 4; change++) {
            seed = seed * 1664525 + 1013904223;
            msg[(seed >> 8) % n] = (uint8_t)(seed >> 24);
        }
        n -= (seed >> 4) % 8 == 0 ? (seed >> 16) % n : 0;
        exact = malloc(n);
        assert_non_null(exact);
        memcpy(exact, msg, n);
        ret = ptpmgmt_parse(exact, n, CLIENT, &r);
        assert_true(ret == 0 || ret == -EBADMSG || ret == -EPROTO);
        free(exact);
    }
}

static void names_are_as_in_sdp_and_logs(void **state)
{
    static const struct ptp_clock_id id = {{0x00, 0x1d, 0xc1, 0xff, 0xfe, 0x0a, 0xb2, 0x9f}};
    struct ptp_clock_id other = id;
    char text[PTP_CLOCK_ID_TEXT];

    (void)state;
    ptp_clock_id_text(&id, text);
    assert_string_equal(text, "00-1D-C1-FF-FE-0A-B2-9F");
    assert_true(ptp_clock_id_equal(&id, &other));
    other.byte[7] ^= 1;
    assert_false(ptp_clock_id_equal(&id, &other));

    assert_string_equal(ptp_port_state_name(PTP_PORT_INITIALIZING), "INITIALIZING");
    assert_string_equal(ptp_port_state_name(PTP_PORT_LISTENING), "LISTENING");
    assert_string_equal(ptp_port_state_name(PTP_PORT_MASTER), "MASTER");
    assert_string_equal(ptp_port_state_name(PTP_PORT_UNCALIBRATED), "UNCALIBRATED");
    assert_string_equal(ptp_port_state_name(PTP_PORT_SLAVE), "SLAVE");
    assert_string_equal(ptp_port_state_name(PTP_PORT_GRAND_MASTER), "GRAND_MASTER");
    assert_string_equal(ptp_port_state_name(0), "unknown");
    assert_string_equal(ptp_port_state_name(11), "unknown");
    assert_string_equal(ptp_port_state_name(255), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_is_octet_for_octet),
        cmocka_unit_test(subscription_is_octet_for_octet),
        cmocka_unit_test(clock_id_is_a_number),
        cmocka_unit_test(current_is_read),
        cmocka_unit_test(negative_intervals_are_read),
        cmocka_unit_test(time_status_is_read),
        cmocka_unit_test(default_and_parent_are_read),
        cmocka_unit_test(properties_port_and_settings_are_read),
        cmocka_unit_test(refusal_is_told),
        cmocka_unit_test(newer_header_bits_are_allowed),
        cmocka_unit_test(wrong_octets_are_told_apart),
        cmocka_unit_test(every_truncation_is_malformed),
        cmocka_unit_test(random_octets_never_pass_unread_memory),
        cmocka_unit_test(names_are_as_in_sdp_and_logs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
