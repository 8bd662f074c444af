// SPDX-License-Identifier: GPL-3.0-or-later
/* Names of channels: what is a list of them, as descriptions write it, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/sdp.h"

struct row {
    const char *text, *names;
    unsigned count;
};

static void assert_rows(unsigned (*read)(char *, struct slice), const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(rows[i].text);
        char *exact = malloc(len ? len : 1), names[SDP_NAMES_SIZE];

        assert_non_null(exact);
        memcpy(exact, rows[i].text, len);
        memset(names, 'z', sizeof names);
        assert_int_equal(read(names, (struct slice){exact, len}), rows[i].count);
        assert_string_equal(names, rows[i].names);
        free(exact);
    }
}

#define ROWS(rows) rows, sizeof(rows) / sizeof *(rows)

static void lists(void **state)
{
    static const struct row rows[] = {
        {"Left,Right", "Left, Right", 2},
        {"  Left ,   Right ", "Left, Right", 2},
        {"Vox", "Vox", 1},
        {"Keys l\xc3\xa9ger,\x1b[2J", "Keys l\xc3\xa9ger, ?[2J", 2},
        {"", "", 0},
        {",", "", 0},
        {"a,", "", 0},
        {"a,,b", "", 0},
        {"   ", "", 0},
    };
    char many[4 * RTP_CHANNELS_MAX], names[SDP_NAMES_SIZE], *at = many;

    (void)state;
    assert_rows(sdp_names_copy, ROWS(rows));
    for (int i = 0; i < RTP_CHANNELS_MAX; i++, at += 2)
        memcpy(at, "a,", 3);
    at[-1] = '\0';
    assert_int_equal(sdp_names_count(many), RTP_CHANNELS_MAX);
    memcpy(at - 1, ",a", 3);
    assert_int_equal(sdp_names_count(many), 0);
    memset(many, 'x', sizeof many);
    assert_int_equal(sdp_names_copy(names, (struct slice){many, SDP_NAMES_SIZE - 1}), 1);
    assert_int_equal(strlen(names), SDP_NAMES_SIZE - 1);
    assert_int_equal(sdp_names_copy(names, (struct slice){many, SDP_NAMES_SIZE}), 0);
    /* blanks that are put between count, too */
    for (size_t len = SDP_NAMES_SIZE - 4; len <= SDP_NAMES_SIZE; len++) {
        many[len - 2] = ',';
        assert_int_equal(sdp_names_copy(names, (struct slice){many, len}), len + 1 < SDP_NAMES_SIZE ? 2 : 0);
        many[len - 2] = 'x';
    }
}

static void of_info(void **state)
{
    static const struct row rows[] = {
        {"2 channels: Left, Right", "Left, Right", 2},
        {"8 channels: a,b,c,d,e,f,g,h", "a, b, c, d, e, f, g, h", 8},
        {"1 channel: Vox", "Vox", 1},
        {"3 channels: Left, Right", "", 0},
        {"2 channels", "", 0},
        {"Left, Right", "", 0},
        {"70 channels: a", "", 0},
        {"", "", 0},
    };

    (void)state;
    assert_rows(sdp_names_of_info, ROWS(rows));
}

static void of_order(void **state)
{
    static const struct row rows[] = {
        {"SMPTE2110.(ST)", "L, R", 2},
        {"SMPTE2110.(51,ST)", "L, R, C, LFE, Ls, Rs, L, R", 8},
        {"SMPTE2110.(M,DM,LtRt)", "M, M1, M2, Lt, Rt", 5},
        {"SMPTE2110.(71)", "L, R, C, LFE, Lss, Rss, Lrs, Rrs", 8},
        {"SMPTE2110.(U03,SGRP)", "?, ?, ?, SDI 1, SDI 2, SDI 3, SDI 4", 7},
        {"SMPTE2110.()", "", 0},
        {"SMPTE2110.(ST", "", 0},
        {"SMPTE2110.(ST,XYZ)", "", 0},
        {"SMPTE2110.(U00)", "", 0},
        {"SMPTE2110.(U64,ST)", "", 0},
        {"AES67.(ST)", "", 0},
        {"", "", 0},
    };

    (void)state;
    assert_rows(sdp_names_of_order, ROWS(rows));
}

static void one_by_one(void **state)
{
    struct sdp_names names;

    (void)state;
    sdp_names_list("Left, Right, Keys", &names);
    assert_int_equal(names.count, 3);
    assert_string_equal(names.names[0], "Left");
    assert_string_equal(names.names[1], "Right");
    assert_string_equal(names.names[2], "Keys");
    sdp_names_list("", &names);
    assert_int_equal(names.count, 0);
}

#define HEAD                                                                                                 \
    "v=0\no=- 1 1 IN IP4 10.0.0.1\ns=x\nc=IN IP4 239.1.1.1/3\nt=0 0\ni=9 channels: no\nm=audio 5004 "        \
    "RTP/AVP 97\n"

/* In a description they count when they are as many as its channels; i= comes before channel-order. */
static void in_a_description(void **state)
{
    static const struct {
        const char *text, *names;
    } rows[] = {
        {HEAD "i=2 channels: Left, Right\na=rtpmap:97 L24/48000/2\n", "Left, Right"},
        {HEAD "i=2 channels: Left, Right\na=rtpmap:97 L24/48000/3\n", ""},
        {HEAD "a=fmtp:97 channel-order=SMPTE2110.(ST)\na=rtpmap:97 L24/48000/2\n", "L, R"},
        {HEAD "a=rtpmap:97 L24/48000/2\na=fmtp:97 x=y; channel-order=SMPTE2110.(ST)\n", "L, R"},
        {HEAD "i=2 channels: a, b\na=rtpmap:97 L24/48000/2\na=fmtp:97 channel-order=SMPTE2110.(ST)\n",
         "a, b"},
        {HEAD "a=rtpmap:97 L24/48000/2\na=fmtp:96 channel-order=SMPTE2110.(ST)\n", ""},
        {HEAD "a=rtpmap:97 L24/48000/2\na=fmtp:97 channel-order=SMPTE2110.(51)\n", ""},
        {HEAD "i=1 channel: Vox\na=rtpmap:97 opus/48000/2\na=fmtp:97 sprop-stereo=0\n", "Vox"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sdp_stream stream;
        char why[SDP_WHY_SIZE];

        assert_int_equal(sdp_parse(rows[i].text, strlen(rows[i].text), &stream, 1, why, sizeof why), 1);
        assert_string_equal(stream.channel_names, rows[i].names);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),      cmocka_unit_test(of_info),          cmocka_unit_test(of_order),
        cmocka_unit_test(one_by_one), cmocka_unit_test(in_a_description),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
