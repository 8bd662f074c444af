// SPDX-License-Identifier: GPL-3.0-or-later
/* What may be changed while a receiver plays, by the words of the control socket, without a receiver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "receiver/desk.h"
#include "tools/ctl/answer.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* What the player was told, and how often. */
struct played {
    struct rx_settings output;
    struct voice_settings voices[RX_VOICES_MAX];
    double duck_db;
    unsigned outputs, ducks, streams;
};

static void set(void *context, const struct rx_settings *settings)
{
    struct played *p = context;

    p->output = *settings;
    p->outputs++;
}

static void set_voice(void *context, unsigned voice, const struct voice_settings *settings)
{
    struct played *p = context;

    p->voices[voice] = *settings;
    p->streams++;
}

static void set_duck(void *context, const struct duck_config *duck)
{
    struct played *p = context;

    p->duck_db = duck->depth_db;
    p->ducks++;
}

static void tell(void *context, struct json *answer)
{
    (void)context;
    json_text(answer, "device", "none");
}

static void tell_voice(void *context, unsigned voice, struct json *answer)
{
    (void)context;
    json_count(answer, "voice", voice);
}

static const struct desk_player player = {set, set_voice, set_duck, tell, tell_voice};

static struct played played;
static struct desk desk;
static char answer[4096], why[512];

static int begin(void **state)
{
    (void)state;
    played = (struct played){.outputs = 0};
    desk = (struct desk){.player = &player,
                         .context = &played,
                         .place = {48000, 20},
                         .card_channels = 4,
                         .output = {.gain = 1},
                         .duck = DUCK_STANDARD,
                         .count = 3};
    for (unsigned i = 0; i < desk.count; i++)
        desk.voices[i].settings.gain = 1;
    snprintf(desk.voices[0].name, DESK_NAME_SIZE, "Vox");
    snprintf(desk.voices[1].name, DESK_NAME_SIZE, "Stage left");
    snprintf(desk.voices[2].name, DESK_NAME_SIZE, "1");
    return 0;
}

/* As remote.c does it. */
static int told(const char *name, const char *argument)
{
    struct json json = {.out = fmemopen(answer, sizeof answer, "w"), .compact = true};
    int error = -ENOSYS;

    assert_non_null(json.out);
    why[0] = '\0';
    json_open(&json, NULL, '{');
    for (size_t i = 0; i < desk_command_count; i++)
        if (strcmp(desk_commands[i].name, name) == 0)
            error = desk_commands[i].run(&desk, argument, &json, why, sizeof why);
    json_close(&json, '}');
    fclose(json.out);
    return error;
}

static void refused(const char *name, const char *argument, const char *expected)
{
    struct played before = played;

    assert_int_equal(told(name, argument), -EINVAL);
    assert_string_equal(why, expected);
    assert_memory_equal(&played, &before, sizeof before);
}

static void test_output(void **state)
{
    (void)state;
    assert_int_equal(told("gain", "-6"), 0);
    assert_string_equal(answer, "{\"gain_db\": -6,\"mute\": false,\"delay_ms\": 0}\n");
    assert_true(fabs(played.output.gain - pow(10, -0.3)) < 1e-12);
    assert_int_equal(told("gain", "-6 dB"), 0);
    assert_int_equal(told("gain", "3.5db"), 0);
    assert_int_equal(told("mute", "yes"), 0);
    assert_true(played.output.mute);
    assert_int_equal(told("delay", "140smp"), 0);
    assert_string_equal(answer, "{\"gain_db\": 3.5,\"mute\": true,\"delay_ms\": 2.916667}\n");
    assert_int_equal(played.output.delay_ns, 2916667);
    assert_int_equal(told("duck", "-30dB"), 0);
    assert_true(played.duck_db == -30 && desk.duck.release_ns == DUCK_STANDARD.release_ns);
    assert_int_equal(played.outputs, 5);
}

/* Without a value it is a question. */
static void test_asks(void **state)
{
    static const char *const names[] = {"gain", "mute", "delay", "duck", "map", "status"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(told(names[i], ""), 0);
    assert_int_equal(told("stream", "2"), 0);
    assert_int_equal(told("stream", "2 gain"), 0);
    assert_int_equal(played.outputs + played.ducks + played.streams, 0);
    assert_string_equal(
        answer, "{\"stream\": 2,\"name\": \"Stage left\",\"gain_db\": 0,\"mute\": false,\"delay_ms\": 0,"
                "\"map\": \"straight\",\"page\": false,\"voice\": 1}\n");
}

static void test_streams(void **state)
{
    (void)state;
    assert_int_equal(told("stream", "2 gain -12"), 0);
    assert_true(fabs(played.voices[1].gain - pow(10, -0.6)) < 1e-12);
    assert_int_equal(told("stream", "'Stage left' delay 12.5m"), 0);
    assert_int_equal(played.voices[1].delay_ns, 36420360);
    assert_int_equal(told("stream", "Vox mute yes"), 0);
    assert_true(played.voices[0].mute && !played.voices[1].mute);
    assert_int_equal(told("stream", "\"Stage left\" page yes"), 0);
    assert_true(played.voices[1].page);
    /* a name goes before a number */
    assert_int_equal(told("stream", "1 map 1=2 , 2=1:-6"), 0);
    assert_int_equal(played.voices[2].route.count, 2);
    assert_string_equal(desk.voices[2].map, "1=2 , 2=1:-6");
    assert_int_equal(played.streams, 5);
}

static void test_maps(void **state)
{
    static const char *const known[] = {"Keys", NULL, "Vox"};
    const struct route_names names = {.count = COUNT(known), .names = known};
    char value[128], reason[512];

    (void)state;
    assert_int_equal(told("map", "1=1:-6+2:-6,4=mono"), 0);
    for (unsigned i = 0; i < desk.count; i++)
        assert_int_equal(played.voices[i].route.count, 3);
    assert_int_equal(told("stream", "2 map 1=Vox"), 0);
    assert_true(answer_member(answer, "note", value, sizeof value));
    assert_string_equal(value, "'Vox' in '1=Vox': the stream has no channel of that name");
    assert_true(played.voices[1].route.entries[0].gain == 0);
    /* then a description comes */
    assert_int_equal(desk_set_names(&desk, 1, &names, reason, sizeof reason), 0);
    assert_true(played.voices[1].route.entries[0].gain == 1);
    assert_int_equal(played.voices[1].route.entries[0].stream, 2);
    assert_int_equal(told("stream", "2 map 1=Keys:+6"), 0);
    assert_false(answer_member(answer, "note", value, sizeof value));
    assert_int_equal(played.voices[1].route.entries[0].stream, 0);
    assert_int_equal(told("map", "straight"), 0);
    for (unsigned i = 0; i < desk.count; i++)
        assert_int_equal(played.voices[i].route.count, 0);
}

/* The map is what was set last, whatever descriptions come. */
static void test_names_change(void **state)
{
    static const char *const first[] = {"Vox", "Keys"}, *const second[] = {"Keys", "Drums"};
    const struct route_names names = {.count = 2, .names = first}, others = {.count = 2, .names = second};
    const struct route_entry *entries = played.voices[0].route.entries;
    char reason[512];

    (void)state;
    assert_int_equal(desk_set_names(&desk, 0, &names, reason, sizeof reason), 0);
    assert_int_equal(told("stream", "Vox map 1=Keys,2=Vox"), 0);
    assert_true(entries[0].stream == 1 && entries[1].stream == 0 && entries[1].gain == 1);
    assert_int_equal(desk_set_names(&desk, 0, &others, reason, sizeof reason), -ENOENT);
    assert_string_equal(reason, "'Vox' in '2=Vox': the stream has no channel of that name");
    assert_true(entries[0].stream == 0 && entries[0].gain == 1 && entries[1].gain == 0);
    assert_string_equal(desk.voices[0].map, "1=Keys,2=Vox");
    assert_int_equal(desk_set_names(&desk, 0, &names, reason, sizeof reason), 0);
    assert_true(entries[0].stream == 1 && entries[1].stream == 0 && entries[1].gain == 1);
}

/* Once the stream is heard, a map that asks for more than it has is told of, and set all the same. */
static void test_beyond(void **state)
{
    const struct route_names two = {.channels = 2}, sixteen = {.channels = 16};
    char value[128], reason[512];

    (void)state;
    assert_int_equal(told("map", "1=9,2=10"), 0);
    assert_false(answer_member(answer, "note", value, sizeof value));
    assert_int_equal(desk_set_names(&desk, 1, &two, reason, sizeof reason), -ENOENT);
    assert_string_equal(reason, "'9' in '1=9': the stream has 2 channels");
    assert_int_equal(told("stream", "2 map 1=10"), 0);
    assert_true(answer_member(answer, "note", value, sizeof value));
    assert_string_equal(value, "'10' in '1=10': the stream has 2 channels");
    assert_string_equal(desk.voices[1].map, "1=10");
    assert_int_equal(told("map", "1=1,2=3"), 0);
    assert_true(answer_member(answer, "note", value, sizeof value));
    assert_string_equal(value, "'3' in '2=3': the stream has 2 channels");
    assert_int_equal(desk_set_names(&desk, 1, &sixteen, reason, sizeof reason), 0);
    assert_int_equal(told("map", "1=16"), 0);
    assert_false(answer_member(answer, "note", value, sizeof value));
}

static void test_refuses(void **state)
{
    static char long_map[DESK_MAP_SIZE + 8];

    (void)state;
    memset(long_map, ' ', sizeof long_map - 1);
    refused("gain", "loud", "gain loud: allowed are -90 to 20 dB");
    refused("gain", "20.1", "gain 20.1: allowed are -90 to 20 dB");
    refused("gain", "-6 -6", "gain -6 -6: allowed are -90 to 20 dB");
    refused("gain", "nan", "gain nan: allowed are -90 to 20 dB");
    refused("mute", "on", "mute on: allowed are yes and no");
    refused("duck", "3", "duck 3: allowed are -90 to 0 dB");
    refused("delay", "soon",
            "delay soon: allowed are 0 to 1000 ms, also as samples (140smp) or metres of air (12.5m)");
    refused("delay", "400m", "delay 400m: that is 1165.5 ms; allowed are 0 to 1000 ms");
    refused("map", "5=1", "map 5=1: channel 5 of the card; allowed are 1 to 4, which it has");
    refused("map", "1=65", "map: '65' in '1=65': not a channel; allowed are 1 to 64");
    refused("map", long_map, "map: 1031 bytes; allowed are 1023");
    refused("status", "now", "status now: allowed is status alone");
    refused("stream", "", "stream: which? allowed are 1 to 3, and names");
    refused("stream", "4", "stream 4: no such stream; allowed are 1 to 3, and names");
    refused("stream", "0 gain 1", "stream 0: no such stream; allowed are 1 to 3, and names");
    refused("stream", "2x gain 1", "stream 2x: no such stream; allowed are 1 to 3, and names");
    refused("stream", "99999999999999999999 gain 1",
            "stream 99999999999999999999: no such stream; allowed are 1 to 3, and names");
    refused("stream", "'Stage", "stream Stage: no such stream; allowed are 1 to 3, and names");
    refused("stream", "2 dance", "stream: command dance: allowed are gain, mute, delay, map, page");
    refused("stream", "2 gain 21", "gain 21: allowed are -90 to 20 dB");
    refused("stream",
            "2 map 1=", "map: '1=': no stream channel; allowed are channels 1 to 64, names and mono");
}

/* ---- and what people see of it ------------------------------------------------------------------------- */

static const char *printed(const char *json, bool whole)
{
    static char text[4096];
    FILE *out = fmemopen(text, sizeof text, "w");

    assert_non_null(out);
    assert_int_equal(answer_print(out, json), whole);
    fclose(out);
    return text;
}

static void test_prints(void **state)
{
    (void)state;
    assert_string_equal(
        printed(
            "{\"ok\": true, \"gain_db\": -6, \"mute\": false, \"own_delay_ms\": 2.9, \"streams\": ["
            "{\"stream\": 1, \"name\": \"a \\\"b\\\" \\u001b\\n\"}, {\"stream\": 2, \"state_ms\": \"x\"}], "
            "\"list\": [1, \"two\"], \"none\": [], \"inner\": {\"x_hz\": null}}\n",
            true),
        "gain: -6 dB\nmute: no\nown delay: 2.9 ms\nstreams:\n"
        "  - stream: 1\n    name: a \"b\" ??\n  - stream: 2\n    state ms: x\n"
        "list:\n  - 1\n  - two\nnone:\ninner:\n  x: null Hz\n");
}

static void test_no_json(void **state)
{
    static const char *const texts[] = {"",
                                        "ok",
                                        "[1]",
                                        "{",
                                        "{\"a\"",
                                        "{\"a\":",
                                        "{\"a\": 1",
                                        "{\"a\": \"",
                                        "{\"a\": 1}}",
                                        "{\"a\": \"\\",
                                        "{a: 1}",
                                        "{\"a\": \"\\u12\"}",
                                        "{\"a\": ,}",
                                        "{\"a\": [1}",
                                        "{\"a\": \"\\x\"}"};
    char deep[256], value[8];

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        printed(texts[i], false);
    for (size_t i = 0; i < sizeof deep - 1; i++)
        deep[i] = '[';
    memcpy(deep, "{\"a\":", 5);
    deep[sizeof deep - 1] = '\0';
    printed(deep, false);
    assert_false(answer_member(deep, "b", value, sizeof value));
    assert_true(answer_member("{\"b\": {\"a\": 1}, \"a\": \"long enough\"}", "a", value, sizeof value));
    assert_string_equal(value, "long en");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_output, begin),
        cmocka_unit_test_setup(test_asks, begin),
        cmocka_unit_test_setup(test_streams, begin),
        cmocka_unit_test_setup(test_maps, begin),
        cmocka_unit_test_setup(test_names_change, begin),
        cmocka_unit_test_setup(test_beyond, begin),
        cmocka_unit_test_setup(test_refuses, begin),
        cmocka_unit_test(test_prints),
        cmocka_unit_test(test_no_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
