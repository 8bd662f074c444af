// SPDX-License-Identifier: GPL-3.0-or-later
/* The options parser on a table of its own, then the two real tables, then the manuals against them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/host/log.h"
#include "proto/options.h"
#include "proto/resample.h"
#include "proto/rtp.h"
#include "receiver/recv_options.h"
#include "sender/send_options.h"
#include "sender/source.h"

/* ---- a table with everything in it ----------------------------------------------------------------- */

struct values {
    bool flag;
    uint32_t count;
    uint32_t rate;
    uint32_t priority;
    double level;
    double step;
    int choice;
    int shape;
    char text[16];
    char even[16];
    struct option_list list;
};

static int check_even(const char *text, char *why, size_t why_len)
{
    if (strlen(text) % 2 == 0)
        return 0;
    snprintf(why, why_len, "allowed is an even length");
    return -EINVAL;
}

#define MEMBER(member) OPTION_MEMBER(struct values, member)

static const struct option_spec specs[] = {
    {.group = "One", .name = "flag", .kind = OPTION_FLAG, MEMBER(flag), .help = "a flag"},
    {.group = "One",
     .name = "count",
     .kind = OPTION_INTEGER,
     MEMBER(count),
     .standard = "3",
     .min = 0,
     .max = UINT32_MAX,
     .argument = "N",
     .help = "an integer"},
    {.group = "One",
     .name = "rate",
     .kind = OPTION_INTEGER,
     MEMBER(rate),
     .allowed = "44100 48000",
     .unit = "Hz",
     .argument = "HZ",
     .help = "an integer of a list"},
    {.group = "One",
     .name = "priority",
     .kind = OPTION_INTEGER,
     MEMBER(priority),
     .standard = "70",
     .min = 1,
     .max = 99,
     .zero_word = "off",
     .argument = "PRIO",
     .help = "with a word for 0"},
    {.group = "Two",
     .name = "level",
     .kind = OPTION_REAL,
     MEMBER(level),
     .standard = "0",
     .min = -90,
     .max = 20,
     .unit = "dB",
     .argument = "DB",
     .help = "a real"},
    {.group = "Two",
     .name = "step",
     .kind = OPTION_REAL,
     MEMBER(step),
     .standard = "1",
     .allowed = "0.125 0.333 1",
     .unit = "ms",
     .argument = "MS",
     .help = "a real of a list"},
    {.group = "Two",
     .name = "choice",
     .kind = OPTION_CHOICE,
     MEMBER(choice),
     .standard = "second",
     .allowed = "first second third",
     .argument = "WORD",
     .help = "a choice"},
    {.group = "Two",
     .name = "shape",
     .kind = OPTION_CHOICE,
     MEMBER(shape),
     .allowed = "round square",
     .argument = "WORD",
     .help = "a choice without default"},
    {.group = "Two", .name = "text", .kind = OPTION_TEXT, MEMBER(text), .argument = "TEXT", .help = "a text"},
    {.group = "Two",
     .name = "even",
     .kind = OPTION_TEXT,
     MEMBER(even),
     .standard = "even",
     .argument = "TEXT",
     .help = "a text that is checked",
     .check = check_even},
    {.group = "Two",
     .name = "list",
     .kind = OPTION_LIST,
     MEMBER(list),
     .argument = "TEXT",
     .help = "texts that are checked",
     .check = check_even},
};

static int check_together(const void *values, char *why, size_t why_len)
{
    const struct values *v = values;

    if (v->count != 99 || v->rate != 44100)
        return 0;
    snprintf(why, why_len, "--count 99: allowed is less with --rate 44100");
    return -EINVAL;
}

static const struct options_program program = {
    .name = "prog",
    .usage = "[OPTION]...",
    .summary =
        "Does a thing that takes more than one line to tell, so that a line must be broken somewhere in it.",
    .examples = "  prog --flag\n",
    .specs = specs,
    .count = sizeof specs / sizeof *specs,
    .check = check_together,
};

/* ---- running it ------------------------------------------------------------------------------------ */

struct outcome {
    bool goes_on;
    int status;
    char out[16384];
    char err[2048];
};

static struct outcome run_all(const struct options_program *p, void *values, int argc, char *const *argv)
{
    struct outcome o = {0};
    FILE *out = fmemopen(o.out, sizeof o.out, "w");
    FILE *err = fmemopen(o.err, sizeof o.err, "w");

    assert_non_null(out);
    assert_non_null(err);
    o.goes_on = options_parse(p, values, argc, argv, out, err, &o.status);
    fclose(out);
    fclose(err);
    return o;
}

/* Arguments after the program's name, up to NULL. */
static struct outcome run(const struct options_program *p, void *values, ...)
{
    char *argv[32] = {(char *)"prog"};
    int argc = 1;
    va_list args;

    va_start(args, values);
    while ((argv[argc] = va_arg(args, char *)) != NULL)
        argc++;
    va_end(args);
    return run_all(p, values, argc, argv);
}

static struct values taken(const char *first, const char *second)
{
    struct values v;
    struct outcome o = run(&program, &v, first, second, NULL);

    assert_string_equal(o.err, "");
    assert_true(o.goes_on);
    return v;
}

static void refuse(const char *first, const char *second, const char *message)
{
    struct values v;
    struct outcome o = run(&program, &v, first, second, NULL);

    assert_false(o.goes_on);
    assert_int_equal(o.status, 2);
    assert_string_equal(o.out, "");
    assert_string_equal(o.err, message);
}

/* ---- command line ---------------------------------------------------------------------------------- */

static void test_defaults(void **state)
{
    (void)state;
    struct values v = taken(NULL, NULL);

    assert_false(v.flag);
    assert_int_equal(v.count, 3);
    assert_int_equal(v.rate, 0);
    assert_int_equal(v.priority, 70);
    assert_true(v.level == 0);
    assert_true(v.step == 1);
    assert_int_equal(v.choice, 1);
    assert_int_equal(v.shape, -1);
    assert_string_equal(v.text, "");
    assert_string_equal(v.even, "even");
    assert_int_equal(v.list.count, 0);
}

static void test_values(void **state)
{
    (void)state;
    assert_true(taken("--flag", NULL).flag);
    assert_true(taken("--flag=yes", NULL).flag);
    assert_false(taken("--flag=no", NULL).flag);
    assert_int_equal(taken("--count", "0").count, 0);
    assert_int_equal(taken("--count=4294967295", NULL).count, UINT32_MAX);
    assert_int_equal(taken("--count", "+7").count, 7);
    assert_int_equal(taken("--rate", "48000").rate, 48000);
    assert_int_equal(taken("--priority", "99").priority, 99);
    assert_int_equal(taken("--priority", "off").priority, 0);
    assert_true(taken("--level", "-6.25").level == -6.25);
    assert_true(taken("--level=-90", NULL).level == -90);
    assert_true(taken("--level", "1.5e1").level == 15);
    assert_true(taken("--step", "0.333").step == 0.333);
    assert_true(taken("--step", "1.0").step == 1);
    assert_int_equal(taken("--choice", "first").choice, 0);
    assert_int_equal(taken("--choice", "third").choice, 2);
    assert_int_equal(taken("--shape", "square").shape, 1);
    assert_string_equal(taken("--text", "-").text, "-");
    assert_string_equal(taken("--text=--a=b", NULL).text, "--a=b");
    assert_string_equal(taken("--text", "fifteen bytes..").text, "fifteen bytes..");
    assert_string_equal(taken("--even=", NULL).even, "");
}

static void test_numbers_refused(void **state)
{
    static const char *const words[] = {
        "", " 1", "1 ", "1x", "0x1", "nan", "inf", "1,5", "1e", "--1", "99999999999999999999", "1e999"};
    (void)state;
    struct values v;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char count[64], level[64];

        snprintf(count, sizeof count, "--count=%s", words[i]);
        snprintf(level, sizeof level, "--level=%s", words[i]);
        assert_false(run(&program, &v, count, NULL).goes_on);
        assert_false(run(&program, &v, level, NULL).goes_on);
    }
    double real;
    assert_false(option_parse_real("1e999", &real));
    assert_true(option_parse_real("-1.5e-3", &real));
    assert_true(real == -1.5e-3);
    refuse("--count", "-1", "prog: --count -1: allowed are 0 to 4294967295\n");
    refuse("--count", "4294967296", "prog: --count 4294967296: allowed are 0 to 4294967295\n");
    refuse("--count", "1.0", "prog: --count 1.0: allowed are 0 to 4294967295\n");
    refuse("--rate", "48001", "prog: --rate 48001: allowed are 44100, 48000 Hz\n");
    refuse("--rate", "0", "prog: --rate 0: allowed are 44100, 48000 Hz\n");
    refuse("--priority", "0", "prog: --priority 0: allowed are 1 to 99, or off\n");
    refuse("--level", "-90.001", "prog: --level -90.001: allowed are -90 to 20 dB\n");
    refuse("--level", "20.001", "prog: --level 20.001: allowed are -90 to 20 dB\n");
    refuse("--step", "0.5", "prog: --step 0.5: allowed are 0.125, 0.333, 1 ms\n");
}

static void test_words_refused(void **state)
{
    (void)state;
    refuse("--choice", "fir", "prog: --choice fir: allowed are first, second, third\n");
    refuse("--choice", "First", "prog: --choice First: allowed are first, second, third\n");
    refuse("--choice", "first second", "prog: --choice first second: allowed are first, second, third\n");
    refuse("--choice=", NULL, "prog: --choice : allowed are first, second, third\n");
    refuse("--flag=maybe", NULL, "prog: --flag maybe: allowed are yes, no\n");
    refuse("--text", "sixteen bytes...", "prog: --text sixteen bytes...: too long; allowed are 15 bytes\n");
    refuse("--text", "a\nb", "prog: --text a?b: holds a control character; allowed is printable text\n");
    refuse("--even", "odd", "prog: --even odd: allowed is an even length\n");
}

static void test_options_refused(void **state)
{
    struct values v;
    (void)state;

    refuse("--levle", "1", "prog: unknown option --levle; did you mean --level?\n");
    refuse("--prio=1", NULL, "prog: unknown option --prio; did you mean --priority?\n");
    refuse("--hlep", NULL, "prog: unknown option --hlep; did you mean --help?\n");
    refuse("--hellp", NULL, "prog: unknown option --hellp; did you mean --help?\n");
    refuse("--zzzzzzzz", NULL, "prog: unknown option --zzzzzzzz; see prog --help\n");
    refuse("--=1", NULL, "prog: unknown option --; see prog --help\n");
    refuse("file", NULL, "prog: 'file': allowed are options only; see prog --help\n");
    refuse("-h", NULL, "prog: '-h': allowed are options only; see prog --help\n");
    refuse("--", NULL, "prog: '--': allowed are options only; see prog --help\n");
    refuse("--flag", "yes", "prog: 'yes': allowed are options only; see prog --help\n");
    refuse("--text", NULL, "prog: --text: needs a value, --text TEXT\n");
    refuse("--text", "--flag", "prog: --text: needs a value, --text TEXT\n");
    refuse("--config", NULL, "prog: --config: needs a value, --config FILE\n");
    refuse("--help=yes", NULL, "prog: --help=yes: takes no value\n");
    refuse("--flag", "--flag=no", "prog: --flag no: given before; keep one\n");
    assert_string_equal(run(&program, &v, "--count", "99", "--rate", "44100", NULL).err,
                        "prog: --count 99: allowed is less with --rate 44100\n");
}

static void test_an_error_is_one_line(void **state)
{
    struct values v;
    char huge[5000];
    (void)state;

    memset(huge, '\n', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    memcpy(huge, "--text=", 7);
    struct outcome o = run(&program, &v, huge, NULL);
    assert_int_equal(o.status, 2);
    assert_ptr_equal(strchr(o.err, '\n'), o.err + strlen(o.err) - 1);
    memcpy(huge, "--tttt\n", 7);
    o = run(&program, &v, huge, NULL);
    assert_int_equal(o.status, 2);
    assert_ptr_equal(strchr(o.err, '\n'), o.err + strlen(o.err) - 1);
}

/* ---- what ends the program ------------------------------------------------------------------------- */

static void test_help_has_all(void **state)
{
    struct values v;
    const struct option_spec *spec;
    (void)state;

    struct outcome o = run(&program, &v, "--help", NULL);
    assert_false(o.goes_on);
    assert_int_equal(o.status, 0);
    assert_string_equal(o.err, "");
    assert_ptr_equal(strstr(o.out, "Usage: prog [OPTION]...\n"), o.out);
    for (size_t i = 0; (spec = options_spec(&program, i)) != NULL; i++) {
        char row[64];

        snprintf(row, sizeof row, "\n  --%s%s%s ", spec->name, spec->argument != NULL ? " " : "",
                 spec->argument != NULL ? spec->argument : "");
        assert_non_null(strstr(o.out, row));
    }
    assert_non_null(strstr(o.out, "\nOne\n  --flag "));
    assert_non_null(strstr(o.out, "\n\nTwo\n  --level "));
    assert_non_null(strstr(o.out, " with a word for 0 (1 to 99, or off; default 70)\n"));
    assert_non_null(strstr(o.out, "a real of a list (0.125, 0.333, 1 ms; default 1)\n"));
    assert_non_null(strstr(o.out, "a text that is checked (default even)\n"));
    assert_non_null(strstr(o.out, "Examples\n  prog --flag\n"));
    for (const char *line = o.out; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") < 80);
}

static void test_help_before_the_rest(void **state)
{
    struct values v;
    (void)state;

    struct outcome o = run(&program, &v, "--level", "bad", "--help", NULL);
    assert_int_equal(o.status, 0);
    assert_ptr_equal(strstr(o.out, "Usage"), o.out);
}

static void test_version(void **state)
{
    struct values v;
    (void)state;

    struct outcome o = run(&program, &v, "--version", NULL);
    assert_false(o.goes_on);
    assert_int_equal(o.status, 0);
    assert_ptr_equal(strstr(o.out, "prog "), o.out);
    assert_non_null(strstr(o.out, "\nLicence: GPL-3.0-or-later"));
}

static void test_output_that_fails(void **state)
{
    struct values v;
    char *argv[] = {(char *)"prog", (char *)"--help"};
    int status = 0;
    (void)state;

    FILE *full = fopen("/dev/full", "w");
    FILE *err = tmpfile();
    assert_non_null(full);
    assert_non_null(err);
    assert_false(options_parse(&program, &v, 2, argv, full, err, &status));
    assert_int_equal(status, 1);
    assert_true(ftell(err) > 0);
    fclose(full);
    fclose(err);
}

/* ---- configuration file ---------------------------------------------------------------------------- */

static char config_path[] = "/tmp/unisono-test-options-XXXXXX";

static int make_config(void **state)
{
    (void)state;
    int fd = mkstemp(config_path);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

static int remove_config(void **state)
{
    (void)state;
    return unlink(config_path);
}

static void write_config(const char *text, size_t len)
{
    FILE *file = fopen(config_path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static struct values accept_config(const char *text)
{
    struct values v;

    write_config(text, strlen(text));
    struct outcome o = run(&program, &v, "--config", config_path, NULL);
    assert_string_equal(o.err, "");
    assert_true(o.goes_on);
    return v;
}

/* `message` begins with the number of the line, or with a blank where none is told. */
static void refuse_config(const char *text, const char *message)
{
    struct values v;
    char whole[1024];

    write_config(text, strlen(text));
    struct outcome o = run(&program, &v, "--config", config_path, NULL);
    assert_false(o.goes_on);
    assert_int_equal(o.status, 2);
    snprintf(whole, sizeof whole, "prog: %s%s%s\n", config_path, message[0] == ' ' ? "" : ":", message);
    assert_string_equal(o.err, whole);
}

static void test_config_values(void **state)
{
    (void)state;
    struct values v = accept_config("# a comment\n"
                                    "\n"
                                    "   # another\n"
                                    "flag = yes\r\n"
                                    "count=12\n"
                                    "  rate  =  44100   # why not\n"
                                    "level = -3.5\t# soft\n"
                                    "shape = round\n"
                                    "text = \" a \\\"b\\\\ #\" # quoted\n"
                                    "even = a#b#");

    assert_true(v.flag);
    assert_int_equal(v.count, 12);
    assert_int_equal(v.rate, 44100);
    assert_true(v.level == -3.5);
    assert_int_equal(v.shape, 0);
    assert_string_equal(v.text, " a \"b\\ #");
    assert_string_equal(v.even, "a#b#");
    assert_int_equal(v.priority, 70);
    assert_string_equal(accept_config("even =\n").even, "");
    assert_string_equal(accept_config("even = # nothing\n").even, "");
    assert_string_equal(accept_config("text = a b  c\n").text, "a b  c");
}

static void test_command_line_overrides_config(void **state)
{
    struct values v;
    (void)state;

    write_config("flag = yes\ncount = 5\nlevel = 1\n", 31);
    assert_true(run(&program, &v, "--count", "6", "--config", config_path, "--flag=no", NULL).goes_on);
    assert_int_equal(v.count, 6);
    assert_false(v.flag);
    assert_true(v.level == 1);
}

static void test_config_refused(void **state)
{
    struct values v;
    char whole[256];
    (void)state;

    refuse_config("count = 1\n\nlevel = 21\n", "3: level = 21: allowed are -90 to 20 dB");
    refuse_config("lvel = 1\n", "1: unknown option lvel; did you mean level?");
    refuse_config("config = x\n", "1: config: allowed on the command line only");
    refuse_config("count = 1\ncount = 1\n", "2: count = 1: given before in this file; keep one");
    refuse_config("count 1\n", "1: 'count 1': allowed are lines of 'name = value' and # comments");
    refuse_config("count\n", "1: 'count': allowed are lines of 'name = value' and # comments");
    refuse_config("= 1\n", "1: '= 1': allowed are lines of 'name = value' and # comments");
    refuse_config("text = \"a\n", "1: text: allowed is one value in \"quotes\"");
    refuse_config("text = \"a\\\n", "1: text: allowed is one value in \"quotes\"");
    refuse_config("text = \"a\" b\n", "1: text: allowed is one value in \"quotes\"");
    refuse_config("flag\n", "1: 'flag': allowed are lines of 'name = value' and # comments");

    /* what no single line is to blame for */
    refuse_config("rate = 44100\ncount = 99\n",
                  " and the command line: --count 99: allowed is less with --rate 44100");

    write_config("text = a\0b\n", 11);
    struct outcome o = run(&program, &v, "--config", config_path, NULL);
    snprintf(whole, sizeof whole, "prog: %s:1: holds a NUL byte; allowed is text\n", config_path);
    assert_string_equal(o.err, whole);
    refuse("--config", "/nonexistent",
           "prog: --config /nonexistent: No such file or directory; allowed is a readable file\n");
    refuse("--config", "/tmp", "prog: --config /tmp: Is a directory; allowed is a readable file\n");
}

/* Each time it is given it has one more; those of the command line stand for the file's. */
static void test_lists(void **state)
{
    struct values v = accept_config("list = aa\nlist =\nlist = \"b ##\"\n");
    char *arguments[OPTION_LIST_MAX + 2];
    struct outcome o;
    (void)state;

    assert_int_equal(v.list.count, 2);
    assert_string_equal(v.list.texts[0], "aa");
    assert_string_equal(v.list.texts[1], "b ##");
    assert_true(run(&program, &v, "--list=cc", "--config", config_path, "--list", "aa", NULL).goes_on);
    assert_int_equal(v.list.count, 2);
    assert_string_equal(v.list.texts[0], "cc");
    assert_string_equal(v.list.texts[1], "aa");
    assert_true(run(&program, &v, "--list=", "--config", config_path, NULL).goes_on);
    assert_int_equal(v.list.count, 0);

    refuse("--list=aa", "--list=odd", "prog: --list odd: allowed is an even length\n");
    arguments[0] = (char *)"prog";
    for (int i = 1; i < OPTION_LIST_MAX + 2; i++)
        arguments[i] = (char *)"--list=aa";
    o = run_all(&program, &v, OPTION_LIST_MAX + 1, arguments);
    assert_true(o.goes_on);
    assert_int_equal(v.list.count, OPTION_LIST_MAX);
    o = run_all(&program, &v, OPTION_LIST_MAX + 2, arguments);
    assert_int_equal(o.status, 2);
    assert_string_equal(o.err, "prog: --list aa: one too many; allowed are 16\n");

    o = run(&program, &v, "--print-config", "--list=aa", "--list= \"#b", NULL);
    assert_non_null(strstr(o.out, "\nlist = aa\nlist = \" \\\"#b\"\n"));
    write_config(o.out, strlen(o.out));
    assert_true(run(&program, &v, "--config", config_path, NULL).goes_on);
    assert_int_equal(v.list.count, 2);
    assert_string_equal(v.list.texts[1], " \"#b");
    assert_non_null(strstr(run(&program, &v, "--print-config", NULL).out, "\n#list =\n"));
}

/* What --print-config prints, --config reads, to the same values. */
static void test_print_config_round_trip(void **state)
{
    struct values v, again;
    (void)state;

    struct outcome o =
        run(&program, &v, "--print-config", "--flag", "--count=0", "--priority=off", "--level=0.1",
            "--step=0.333", "--text= \"#\\ ", "--even=a #b", "--choice=third", NULL);
    assert_false(o.goes_on);
    assert_int_equal(o.status, 0);
    assert_string_equal(o.err, "");
    assert_non_null(strstr(o.out, "\nlevel = 0.1\n"));
    assert_non_null(strstr(o.out, "\npriority = off\n"));
    assert_non_null(strstr(o.out, "\n#rate =\n"));
    assert_non_null(strstr(o.out, "\n#shape =\n"));
    /* given, and the default; not given */
    write_config(o.out, strlen(o.out));
    o = run(&program, &again, "--config", config_path, NULL);
    assert_string_equal(o.err, "");
    assert_true(again.flag);
    assert_int_equal(again.count, 0);
    assert_int_equal(again.rate, 0);
    assert_int_equal(again.priority, 0);
    assert_true(again.level == 0.1);
    assert_true(again.step == 0.333);
    assert_int_equal(again.choice, 2);
    assert_int_equal(again.shape, -1);
    assert_string_equal(again.text, " \"#\\ ");
    assert_string_equal(again.even, "a #b");
}

/* Defaults stand behind #, and whatever is given and is not one does not. */
static void test_print_config_defaults(void **state)
{
    struct values v;
    (void)state;

    struct outcome o = run(&program, &v, "--print-config", "--count=3", "--step=0.125", NULL);
    assert_int_equal(o.status, 0);
    assert_non_null(strstr(o.out, "\n# a flag (yes, no)\n#flag = no\n"));
    assert_non_null(strstr(o.out, "\n#count = 3\n"));
    assert_non_null(strstr(o.out, "\n#priority = 70\n"));
    assert_non_null(strstr(o.out, "\n#level = 0\n"));
    assert_non_null(strstr(o.out, "\n# a real of a list (0.125, 0.333, 1 ms)\nstep = 0.125\n"));
    assert_non_null(strstr(o.out, "\n#choice = second\n"));
    assert_non_null(strstr(o.out, "\n#text =\n"));
    assert_non_null(strstr(o.out, "\n#even = even\n"));
}

/* ---- values both ends share ------------------------------------------------------------------------ */

static void test_group(void **state)
{
    static const char *const bad[] = {"",
                                      "239.1.2",
                                      "239.1.2.3.4",
                                      "10.0.0.1",
                                      "240.0.0.1",
                                      "ff15::1",
                                      "239.1.2.3:",
                                      "239.1.2.3:0",
                                      "239.1.2.3:65535",
                                      "239.1.2.3:5004x",
                                      "239.1.2.3 ",
                                      "239.1.2.300000000000",
                                      "host",
                                      ":5004"};
    struct sockaddr_in group;
    char why[256];
    (void)state;

    assert_int_equal(option_parse_group("239.69.83.1", &group, why, sizeof why), 0);
    assert_int_equal(ntohs(group.sin_port), 5004);
    assert_int_equal(ntohl(group.sin_addr.s_addr), 0xef455301);
    assert_int_equal(group.sin_family, AF_INET);
    assert_int_equal(option_parse_group("224.0.0.255:65534", &group, why, sizeof why), 0);
    assert_int_equal(ntohs(group.sin_port), 65534);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(option_parse_group(bad[i], &group, why, sizeof why), -EINVAL);
}

static void test_clock(void **state)
{
    static const char *const good[] = {"auto",           "system",        "ptp4l",
                                       "ptp4l:/run/a:b", "phc:/dev/ptp0", "phc:eth0"};
    static const char *const bad[] = {"", "ptp4l:", "ptp", "ptp4lx", "System", "system:", "phc", "phc:"};
    char why[256];
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(option_check_clock(good[i], why, sizeof why), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(option_check_clock(bad[i], why, sizeof why), -EINVAL);
}

/* ---- the sender's table ---------------------------------------------------------------------------- */

static void test_send_defaults(void **state)
{
    struct send_options o;
    (void)state;

    assert_true(run(&send_options_program, &o, "--input", "tone", NULL).goes_on);
    assert_string_equal(o.group, "239.69.83.1:5004");
    assert_int_equal(o.codec, RTP_CODEC_L24);
    assert_int_equal(o.profile, OPTION_PROFILE_UNISONO);
    assert_int_equal(o.rate_hz, 0);
    assert_int_equal(o.channels, 0);
    assert_int_equal(send_options_ptime_us(&o), 1000);
    assert_true(o.latency_ms == 10);
    assert_int_equal(o.format, -1);
    assert_string_equal(o.clock, "auto");
    assert_int_equal(o.realtime, 70);
    assert_int_equal(o.log, LOG_LEVEL_INFO);
    assert_int_equal(o.ttl, 32);
    assert_int_equal(o.dscp, 34);
}

static void test_send_words_match_enums(void **state)
{
    struct send_options o;
    (void)state;

    assert_true(run(&send_options_program, &o, "--input=stdin", "--format=F32_LE", "--codec=L16",
                    "--log=debug", "--profile=aes67", "--ptime=0.333", NULL)
                    .goes_on);
    assert_int_equal(o.format, SOURCE_F32_LE);
    assert_int_equal(o.codec, RTP_CODEC_L16);
    assert_int_equal(o.log, LOG_LEVEL_DEBUG);
    assert_int_equal(o.profile, OPTION_PROFILE_AES67);
    assert_int_equal(send_options_ptime_us(&o), 333);
    assert_true(
        run(&send_options_program, &o, "--input=stdin", "--format=S24_3LE", "--log=warning", NULL).goes_on);
    assert_int_equal(o.format, SOURCE_S24_3LE);
    assert_int_equal(o.log, LOG_LEVEL_WARNING);
}

/* Each packet time of --ptime is one that the wire knows. */
static void test_send_packet_times(void **state)
{
    const struct option_spec *spec;
    struct send_options o;
    unsigned times = 0;
    (void)state;

    for (size_t i = 0; (spec = options_spec(&send_options_program, i)) != NULL; i++) {
        if (strcmp(spec->name, "ptime") != 0)
            continue;
        char *words = strdup(spec->allowed);
        assert_non_null(words);
        char *rest = words;
        for (char *word; (word = strsep(&rest, " ")) != NULL; times++) {
            assert_true(run(&send_options_program, &o, "--input=tone", "--latency=50", "--ptime", word, NULL)
                            .goes_on);
            assert_true(rtp_ptime_frames(send_options_ptime_us(&o), 48000) > 0);
            assert_true(rtp_ptime_frames(send_options_ptime_us(&o), 44100) > 0);
        }
        free(words);
    }
    assert_int_equal(times, 10);
}

static void refuse_send(const char *input, const char *second, const char *third, const char *message)
{
    struct send_options o;
    struct outcome out = run(&send_options_program, &o, input, second, third, NULL);

    assert_int_equal(out.status, 2);
    assert_string_equal(out.err, message);
}

static void test_send_opus_bitrate(void **state)
{
    struct send_options o;
    struct outcome out =
        run(&send_options_program, &o, "--input=tone", "--codec=Opus", "--ptime=2.5", "--bitrate=9.59", NULL);

    (void)state;
    assert_int_equal(out.status, 2);
    assert_string_equal(out.err, "unisono-send: --bitrate 9.59: is none for sound in packets of --ptime 2.5 "
                                 "ms; allowed are 9.6 to 510 kbit/s\n");
    assert_true(
        run(&send_options_program, &o, "--input=tone", "--codec=Opus", "--ptime=2.5", "--bitrate=9.6", NULL)
            .goes_on);
    assert_true(
        run(&send_options_program, &o, "--input=tone", "--codec=Opus", "--ptime=5", "--bitrate=6", NULL)
            .goes_on);
}

static void test_send_refused(void **state)
{
    (void)state;
    refuse_send("--input=tone", "--codec=Opus", NULL,
                "unisono-send: --ptime 1: packets of 1 ms of Opus: allowed are 2.5, 5, 10 and 20 ms\n");
    refuse_send("--input=tone", "--codec=Opus", "--ptime=10",
                "unisono-send: --latency 10: allowed is more than --ptime 10 ms and 2.5 ms that Opus looks "
                "ahead, up to 1000 ms\n");
    refuse_send("--input=tone", "--fec", NULL,
                "unisono-send: --fec: --codec L24 has none; allowed with Opus\n");
    refuse_send(
        "--input=tone", "--bitrate=64", NULL,
        "unisono-send: --bitrate 64: with --codec L24 there is nothing to choose; allowed with Opus\n");
    refuse_send("--input=tone", "--expected-loss=5", NULL,
                "unisono-send: --expected-loss 5: means nothing without --fec\n");
    refuse_send(
        NULL, NULL, NULL,
        "unisono-send: --input: missing; allowed are alsa:DEVICE, file:PATH, stdin, tone and tone:HZ, or "
        "--announce FILE\n");
    refuse_send("--input=mic", NULL, NULL,
                "unisono-send: --input mic: allowed are alsa:DEVICE, file:PATH, stdin, tone and tone:HZ\n");
    refuse_send("--input=tone:20001", NULL, NULL,
                "unisono-send: --input tone:20001: not the pitch of a tone; allowed are 1 to 20000 Hz\n");
    refuse_send("--input=tone", "--ptime=7", NULL,
                "unisono-send: --ptime 7: allowed are 0.125, 0.25, 0.333, 1, 2, 2.5, 4, 5, 10, 20 ms\n");
    refuse_send("--input=tone", "--ptime=10", NULL,
                "unisono-send: --latency 10: allowed is more than --ptime 10 ms, up to 1000 ms\n");
    refuse_send("--input=tone", "--ptime=10", "--rate=88200",
                "unisono-send: --latency 10: allowed is more than --ptime 10 ms, which is 10.88 ms at 88200 "
                "Hz, up to 1000 ms\n");
    refuse_send("--input=tone", "--latency=1.08", "--rate=44100",
                "unisono-send: --latency 1.08: allowed is more than --ptime 1 ms, which is 1.09 ms at 44100 "
                "Hz, up to 1000 ms\n");
    refuse_send("--input=tone", "--latency=1", NULL,
                "unisono-send: --latency 1: allowed is more than --ptime 1 ms, up to 1000 ms\n");
    refuse_send("--input=tone", "--rate=32000", NULL,
                "unisono-send: --rate 32000: allowed are 44100, 48000, 88200, 96000 Hz\n");
    refuse_send("--input=tone", "--channels=65", NULL, "unisono-send: --channels 65: allowed are 1 to 64\n");
    refuse_send("--input=tone", "--loop", NULL,
                "unisono-send: --loop: with --input tone there is nothing to loop; allowed with file:PATH\n");
    refuse_send("--input=file:a.wav", "--format=S16_LE", NULL,
                "unisono-send: --format: --input file:a.wav knows its own; allowed with stdin\n");
    refuse_send("--input=stdin", NULL, NULL,
                "unisono-send: --input stdin: needs --format; allowed are S16_LE, S24_3LE, S32_LE, F32_LE\n");
    refuse_send("--input=tone", "--group=10.1.2.3", NULL,
                "unisono-send: --group 10.1.2.3: not a multicast address; allowed are 224.0.0.0 to "
                "239.255.255.255\n");
}

/* Pages: what follows from what, and what contradicts itself. */
static void test_send_pages(void **state)
{
    struct send_options o;
    (void)state;

    assert_true(run(&send_options_program, &o, "--input=tone", NULL).goes_on);
    assert_int_equal(send_options_priority(&o), RTP_PRIORITY_PROGRAMME);
    assert_false(send_options_gated(&o));
    assert_true(send_options_pre_roll_ms(&o) == 0);
    assert_true(o.advertise);
    assert_true(run(&send_options_program, &o, "--input=tone", "--priority=page", NULL).goes_on);
    assert_int_equal(send_options_priority(&o), RTP_PRIORITY_PAGE);
    assert_false(send_options_gated(&o));
    assert_true(run(&send_options_program, &o, "--input=tone", "--talk", NULL).goes_on);
    assert_int_equal(send_options_priority(&o), RTP_PRIORITY_PROGRAMME);
    assert_true(send_options_gated(&o));
    assert_true(send_options_pre_roll_ms(&o) == 20);
    assert_true(run(&send_options_program, &o, "--input=tone", "--talk", "--vox", "-40", NULL).goes_on);
    assert_true(send_options_gated(&o));
    assert_true(o.vox_db == -40);
    assert_true(send_options_pre_roll_ms(&o) == 200);
    assert_true(send_options_vox_hang_ms(&o) == 500);
    assert_true(
        run(&send_options_program, &o, "--input=tone", "--vox=-1", "--vox-hang=10", "--pre-roll=2000", NULL)
            .goes_on);
    assert_true(send_options_pre_roll_ms(&o) == 2000);
    assert_true(send_options_vox_hang_ms(&o) == 10);
    assert_true(run(&send_options_program, &o, "--announce=gong.wav", "--advertise=no", NULL).goes_on);
    assert_int_equal(send_options_priority(&o), RTP_PRIORITY_PAGE);
    assert_string_equal(o.announce, "gong.wav");
    assert_false(o.advertise);
    assert_false(send_options_gated(&o));

    refuse_send("--input=tone", "--vox=0", NULL, "unisono-send: --vox 0: allowed are -90 to -1 dBFS\n");
    refuse_send("--input=tone", "--vox=-91", NULL, "unisono-send: --vox -91: allowed are -90 to -1 dBFS\n");
    refuse_send("--input=tone", "--pre-roll=50", NULL,
                "unisono-send: --pre-roll 50: nothing is kept back; allowed with --talk or --vox\n");
    refuse_send("--input=tone", "--talk", "--vox-hang=50",
                "unisono-send: --vox-hang 50: nobody listens to the level; allowed with --vox\n");
    refuse_send("--input=tone", "--priority=page", "--profile=aes67",
                "unisono-send: --priority page: stands in the header extension; allowed with --profile "
                "unisono\n");
    refuse_send("--input=tone", "--priority=urgent", NULL,
                "unisono-send: --priority urgent: allowed are programme, page\n");
    refuse_send("--input=tone", "--announce=gong.wav", NULL,
                "unisono-send: --input: not allowed with --announce, which plays a file once as a page\n");
    refuse_send("--announce=gong.wav", "--loop", NULL,
                "unisono-send: --loop: not allowed with --announce, which plays a file once as a page\n");
    refuse_send(
        "--announce=gong.wav", "--priority=programme", NULL,
        "unisono-send: --priority programme: not allowed with --announce, which plays a file once as a "
        "page\n");
    refuse_send("--announce=gong.wav", "--vox=-40", NULL,
                "unisono-send: --vox: not allowed with --announce, which plays a file once as a page\n");
    /* what it was once */
    refuse_send("--input=tone", "--announce=no", NULL,
                "unisono-send: --announce no: there is no such file to play; whether the network is told of "
                "the stream is --advertise no\n");
    refuse_send("--input=tone", "--announce=yes", NULL,
                "unisono-send: --announce yes: there is no such file to play; whether the network is told of "
                "the stream is --advertise yes\n");
}

static void test_send_packet_too_large(void **state)
{
    struct send_options o;
    (void)state;

    struct outcome out =
        run(&send_options_program, &o, "--input=tone", "--rate=48000", "--channels=11", NULL);
    assert_int_equal(out.status, 2);
    assert_ptr_equal(strstr(out.err, "unisono-send: --ptime 1: "), out.err);
    assert_ptr_equal(strchr(out.err, '\n'), out.err + strlen(out.err) - 1);
    assert_true(
        run(&send_options_program, &o, "--input=tone", "--rate=48000", "--channels=10", NULL).goes_on);
}

/* ---- the receiver's table -------------------------------------------------------------------------- */

static void test_recv_defaults(void **state)
{
    struct selection selections[RX_VOICES_MAX];
    struct recv_options o;
    (void)state;

    assert_true(run(&recv_options_program, &o, NULL).goes_on);
    assert_string_equal(o.device, "default");
    assert_int_equal(recv_options_selections(&o, selections), 1);
    assert_string_equal(selections[0].target, "239.69.83.1:5004");
    assert_int_equal(ntohs(recv_options_group(&o).sin_port), 5004);
    assert_true(o.duck_db == -20 && o.duck_attack_ms == 20 && o.duck_release_ms == 500);
    assert_int_equal(o.resampler, RESAMPLE_MEDIUM);
    assert_int_equal(o.profile, OPTION_PROFILE_UNISONO);
    assert_int_equal(o.codec, -1);
    assert_true(recv_options_settings(&o).delay_ns == 0 && o.gain_db == 0 && o.latency_ms == 0);
    assert_true(!recv_options_settings(&o).mute && recv_options_settings(&o).gain == 1);
    assert_string_equal(o.map, "");
    assert_string_equal(o.control, "auto");
    assert_int_equal(o.realtime, 70);
}

static void test_recv_words_match_enums(void **state)
{
    struct recv_options o;
    (void)state;

    assert_true(run(&recv_options_program, &o, "--resampler=fastest", "--profile=aes67", "--codec=L24",
                    "--rate=96000", "--channels=2", "--latency=5", "--realtime=off", "--gain", "-12", NULL)
                    .goes_on);
    assert_int_equal(o.resampler, RESAMPLE_FASTEST);
    assert_int_equal(o.profile, OPTION_PROFILE_AES67);
    assert_int_equal(o.codec, RTP_CODEC_L24);
    assert_int_equal(o.realtime, 0);
    assert_true(o.gain_db == -12);
    assert_true(run(&recv_options_program, &o, "--resampler=best", NULL).goes_on);
    assert_int_equal(o.resampler, RESAMPLE_BEST);
}

static void refuse_recv(const char *first, const char *second, const char *message)
{
    struct recv_options o;
    struct outcome out = run(&recv_options_program, &o, first, second, NULL);

    assert_int_equal(out.status, 2);
    assert_string_equal(out.err, message);
}

static void test_recv_refused(void **state)
{
    struct recv_options o;
    (void)state;

    refuse_recv("--gain=21", NULL, "unisono-recv: --gain 21: allowed are -90 to 20 dB\n");
    refuse_recv(
        "--delay=-1", NULL,
        "unisono-recv: --delay -1: allowed are 0 to 1000 ms, also as samples (140smp) or metres of air "
        "(12.5m)\n");
    refuse_recv("--delay=340m", "--temperature=-20",
                "unisono-recv: --delay 340m: that is 1066.0 ms; allowed are 0 to 1000 ms\n");
    refuse_recv("--map=1=1,5=2", "--channels=4",
                "unisono-recv: --map 1=1,5=2: channel 5 of the card; allowed are 1 to 4 (--channels)\n");
    refuse_recv(
        "--map=1=1:30dB", NULL,
        "unisono-recv: --map 1=1:30dB: '30dB' in '1=1:30dB': not a gain; allowed are -120 to +20 dB\n");
    refuse_recv("--temperature=61", NULL, "unisono-recv: --temperature 61: allowed are -50 to 60 C\n");
    refuse_recv("--control=on", NULL,
                "unisono-recv: --control on: allowed are auto, off, and a path with a slash in it\n");
    refuse_recv("--delay=1000.5", NULL, "unisono-recv: --delay 1000.5: allowed are 0 to 1000 ms\n");
    refuse_recv("--duck=1", NULL, "unisono-recv: --duck 1: allowed are -90 to 0 dB\n");
    refuse_recv("--gain=-6dBm", NULL, "unisono-recv: --gain -6dBm: allowed are -90 to 20 dB\n");
    refuse_recv("--resampler=good", NULL,
                "unisono-recv: --resampler good: allowed are fastest, medium, best\n");
    refuse_recv("--realtime=0", NULL, "unisono-recv: --realtime 0: allowed are 1 to 99, or off\n");
    refuse_recv("--device=", NULL,
                "unisono-recv: --device: empty; allowed is the name of an ALSA PCM, see aplay -L\n");
    refuse_recv("--codec=L24", NULL,
                "unisono-recv: --codec: the stream says that itself; allowed with --profile aes67 only\n");
    refuse_recv(
        "--latency=5", NULL,
        "unisono-recv: --latency: the stream says that itself; allowed with --profile aes67, --stream "
        "and --sdp only\n");
    refuse_recv(
        "--profile=aes67", "--codec=L24",
        "unisono-recv: --rate: missing; --profile aes67 needs --codec, --rate, --channels and --latency\n");
    struct outcome out = run(&recv_options_program, &o, "--profile=aes67", "--codec=L24", "--rate=48000",
                             "--channels=2", NULL);
    assert_string_equal(out.err,
                        "unisono-recv: --latency: missing; --profile aes67 needs --codec, --rate, --channels "
                        "and --latency\n");
}

/* Several streams: in which order they count, and what cannot be. */
static void test_recv_streams(void **state)
{
    struct selection s[RX_VOICES_MAX];
    struct recv_options o;
    char *arguments[RX_VOICES_MAX + 2], groups[RX_VOICES_MAX][32];
    struct outcome out;
    (void)state;

    assert_true(run(&recv_options_program, &o, "--stream=Call;page", "--group=239.1.1.2;gain=-6 db",
                    "--sdp=/tmp/a", "--group", "239.1.1.1:5006", "--duck=-12dB", "--duck-release=1000ms",
                    NULL)
                    .goes_on);
    assert_int_equal(recv_options_selections(&o, s), 4);
    assert_string_equal(s[0].target, "239.1.1.2");
    assert_true(s[0].settings.gain < 0.502 && s[0].settings.gain > 0.501);
    assert_string_equal(s[1].target, "239.1.1.1:5006");
    assert_int_equal(s[2].kind, SELECTION_STREAM);
    assert_true(s[2].settings.page);
    assert_int_equal(s[3].kind, SELECTION_SDP);
    assert_int_equal(ntohl(recv_options_group(&o).sin_addr.s_addr), 0xef010102);
    assert_true(o.duck_db == -12 && o.duck_release_ms == 1000);

    refuse_recv("--group=239.1.1.1", "--group=239.1.1.1:5004;mute",
                "unisono-recv: --group 239.1.1.1:5004: given before; keep one\n");
    refuse_recv("--stream=A", "--stream=A", "unisono-recv: --stream A: given before; keep one\n");
    refuse_recv("--stream=A;record=a.wav", "--stream=B;record=a.wav",
                "unisono-recv: --stream B: is recorded to a.wav, as A is; give each a file of its own\n");
    refuse_recv("--group=239.1.1.1;gain=21", NULL,
                "unisono-recv: --group 239.1.1.1;gain=21: gain=21: allowed are -90 to 20 dB\n");
    refuse_recv("--group=239.1.1.1;map=3=1", NULL,
                "unisono-recv: --group 239.1.1.1: its map goes to channel 3; allowed are 1 to 2, or more "
                "--channels\n");
    refuse_recv(
        "--list", "--group=239.1.1.1",
        "unisono-recv: --group: not allowed with --list, which plays nothing; leave one of the two out\n");
    refuse_recv("--stream=A", "--codec=L24",
                "unisono-recv: --codec: not allowed with --stream alone, where the description says that; "
                "allowed with --group\n");

    arguments[0] = (char *)"unisono-recv";
    for (int i = 0; i < RX_VOICES_MAX; i++) {
        snprintf(groups[i], sizeof groups[i], "--group=239.1.2.%d", i);
        arguments[i + 1] = groups[i];
    }
    arguments[RX_VOICES_MAX + 1] = (char *)"--stream=A";
    assert_true(run_all(&recv_options_program, &o, RX_VOICES_MAX + 1, arguments).goes_on);
    assert_int_equal(recv_options_selections(&o, s), RX_VOICES_MAX);
    out = run_all(&recv_options_program, &o, RX_VOICES_MAX + 2, arguments);
    assert_int_equal(out.status, 2);
    assert_string_equal(out.err,
                        "unisono-recv: --group, --stream and --sdp: 17 streams; allowed are 16 together\n");
}

/* ---- the manuals ----------------------------------------------------------------------------------- */

/* The manual's source without backslashes and quotes, so that words can be found in it; to be freed. */
static char *read_manual(const char *path)
{
    char where[1024];
    char *text = NULL;
    size_t len = 0;
    int c;

    /* Beside this source file, wherever that was compiled. */
    snprintf(where, sizeof where, "%.*s../%s", (int)(strlen(__FILE__) - strlen("test_options.c")), __FILE__,
             path);
    FILE *in = fopen(where, "r");
    if (in == NULL)
        fail_msg("%s: %s", where, strerror(errno));
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    while ((c = fgetc(in)) != EOF) {
        if (c != '\\' && c != '"')
            fputc(c, out);
    }
    fclose(in);
    fclose(out);
    return text;
}

/* The entry of an option, from its tag to the next option or heading; to be freed; NULL: there is none. */
static char *manual_entry(const char *options, const char *name)
{
    static const char *const ends[] = {"\n.TP\n.BI --", "\n.TP\n.B --", "\n.S"};
    char tag[64];
    size_t len;

    snprintf(tag, sizeof tag, ".TP\n.BI --%s ", name);
    const char *at = strstr(options, tag);
    if (at == NULL) {
        snprintf(tag, sizeof tag, ".TP\n.B --%s\n", name);
        at = strstr(options, tag);
    }
    if (at == NULL)
        return NULL;
    len = strlen(at);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *end = strstr(at, ends[i]);

        if (end != NULL && (size_t)(end - at) < len)
            len = (size_t)(end - at);
    }
    return strndup(at, len);
}

static void assert_mentions(const char *name, const char *entry, const char *words)
{
    char *copy = strdup(words);
    char *rest = copy;

    assert_non_null(copy);
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        if (strstr(entry, word) == NULL)
            fail_msg("the manual's entry on --%s does not mention %s", name, word);
    }
    free(copy);
}

static void check_manual(const struct options_program *p, const char *path)
{
    const struct option_spec *spec;
    char *manual = read_manual(path);
    size_t rows = 0, tags = 0;

    const char *options = strstr(manual, ".SH OPTIONS\n");
    assert_non_null(options);
    for (size_t i = 0; (spec = options_spec(p, i)) != NULL; i++, rows++) {
        char number[32];
        char *entry = manual_entry(options, spec->name);

        if (entry == NULL)
            fail_msg("%s does not describe --%s", path, spec->name);
        if (spec->argument != NULL)
            assert_mentions(spec->name, entry, spec->argument);
        if (spec->standard != NULL)
            assert_mentions(spec->name, entry, spec->standard);
        if (spec->allowed != NULL)
            assert_mentions(spec->name, entry, spec->allowed);
        if (spec->unit != NULL)
            assert_mentions(spec->name, entry, spec->unit);
        if (spec->zero_word != NULL)
            assert_mentions(spec->name, entry, spec->zero_word);
        if (spec->allowed == NULL && (spec->kind == OPTION_INTEGER || spec->kind == OPTION_REAL)) {
            snprintf(number, sizeof number, "%g %g", spec->min, spec->max);
            assert_mentions(spec->name, entry, number);
        }
        free(entry);
    }
    /* And no option that is not in the table. */
    for (const char *at = options; (at = strstr(at, ".TP\n.B")) != NULL; at++) {
        const char *dashes = at + strcspn(at, " ");
        tags += strncmp(dashes, " --", 3) == 0;
    }
    assert_int_equal(tags, rows);
    free(manual);
}

static void test_manuals(void **state)
{
    (void)state;
    check_manual(&send_options_program, "sender/unisono-send.1");
    check_manual(&recv_options_program, "receiver/unisono-recv.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_numbers_refused),
        cmocka_unit_test(test_words_refused),
        cmocka_unit_test(test_options_refused),
        cmocka_unit_test(test_an_error_is_one_line),
        cmocka_unit_test(test_help_has_all),
        cmocka_unit_test(test_help_before_the_rest),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_output_that_fails),
        cmocka_unit_test(test_config_values),
        cmocka_unit_test(test_command_line_overrides_config),
        cmocka_unit_test(test_config_refused),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_print_config_round_trip),
        cmocka_unit_test(test_print_config_defaults),
        cmocka_unit_test(test_group),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_send_defaults),
        cmocka_unit_test(test_send_words_match_enums),
        cmocka_unit_test(test_send_packet_times),
        cmocka_unit_test(test_send_opus_bitrate),
        cmocka_unit_test(test_send_refused),
        cmocka_unit_test(test_send_pages),
        cmocka_unit_test(test_send_packet_too_large),
        cmocka_unit_test(test_recv_defaults),
        cmocka_unit_test(test_recv_words_match_enums),
        cmocka_unit_test(test_recv_refused),
        cmocka_unit_test(test_recv_streams),
        cmocka_unit_test(test_manuals),
    };

    return cmocka_run_group_tests(tests, make_config, remove_config);
}
