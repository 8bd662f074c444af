// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The options, with the tables of the real programs. The first byte chooses the program; then arguments, one
 * a line, up to the first zero byte; what follows it is the configuration file. --config is ours.
 *
 * What is accepted lies in its ranges, and what --print-config makes of it is read again to the same values
 * and printed to the same text. What is refused is told in one clean line.
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "demand.h"
#include "proto/options.h"
#include "receiver/recv_options.h"
#include "sender/send_options.h"
#include "tools/doctor/doctor_options.h"

enum { ARGS_MAX = 32, VALUES_MAX = 1 << 17, TEXT_MAX = 1 << 16 };

struct values {
    _Alignas(16) char bytes[VALUES_MAX];
};

/* What one call said. */
struct said {
    bool accepted;
    int status;
    char *out, *err;
    size_t out_len, err_len;
};

/* A file without a name in any folder; `path` takes some 30 characters. */
static int make_file(char *path, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    DEMAND(fd >= 0);
    snprintf(path, size, "--config=/proc/self/fd/%d", fd);
    return fd;
}

static void fill_file(int fd, const void *bytes, size_t len)
{
    DEMAND(ftruncate(fd, 0) == 0);
    DEMAND(pwrite(fd, bytes, len, 0) == (ssize_t)len);
}

static struct said parse(const struct options_program *program, struct values *values, int argc, char **argv)
{
    struct said said = {0};
    FILE *out = open_memstream(&said.out, &said.out_len);
    FILE *err = open_memstream(&said.err, &said.err_len);

    DEMAND(out && err);
    memset(values, 0xee, sizeof *values);
    said.accepted = options_parse(program, values, argc, argv, out, err, &said.status);
    fclose(out);
    fclose(err);
    return said;
}

static void forget(struct said *said)
{
    free(said->out);
    free(said->err);
}

/* ---- what must hold */

static bool listed(const char *list, double value)
{
    char *end;

    for (const char *at = list; *at; at = end) {
        if (strtod(at, &end) == value && end != at)
            return true;
        if (end == at)
            return false;
    }
    return false;
}

static bool number_fits(const struct option_spec *spec, double value)
{
    if (value == 0 && (!spec->standard || spec->zero_word)) /* not given */
        return true;
    return spec->allowed ? listed(spec->allowed, value) : value >= spec->min && value <= spec->max;
}

static int words(const char *list)
{
    int count = 1;

    while ((list = strchr(list, ' ')) != NULL) {
        list++;
        count++;
    }
    return count;
}

static void check_text(const char *text)
{
    for (; *text; text++)
        DEMAND((unsigned char)*text >= ' ' && *text != 127);
}

static void check_value(const struct option_spec *spec, const struct values *values)
{
    const void *at = values->bytes + spec->offset;
    const struct option_list *list = at;
    const char *text = at;

    DEMAND(spec->offset + spec->size <= VALUES_MAX);
    switch (spec->kind) {
    case OPTION_FLAG:
        DEMAND(*(const uint8_t *)at <= 1);
        break;
    case OPTION_INTEGER:
        DEMAND(number_fits(spec, *(const uint32_t *)at));
        break;
    case OPTION_REAL:
        DEMAND(isfinite(*(const double *)at) && number_fits(spec, *(const double *)at));
        break;
    case OPTION_CHOICE:
        DEMAND(*(const int *)at >= (spec->standard ? 0 : -1) && *(const int *)at < words(spec->allowed));
        break;
    case OPTION_TEXT:
        DEMAND(memchr(text, '\0', spec->size));
        check_text(text);
        break;
    case OPTION_LIST:
        DEMAND(list->count <= OPTION_LIST_MAX);
        for (uint32_t i = 0; i < list->count; i++) {
            DEMAND(list->texts[i][0] && memchr(list->texts[i], '\0', OPTION_LIST_TEXT));
            check_text(list->texts[i]);
        }
        break;
    }
}

static bool same_list(const struct option_list *a, const struct option_list *b)
{
    for (uint32_t i = 0; i < a->count && a->count == b->count; i++)
        if (strcmp(a->texts[i], b->texts[i]) != 0)
            return false;
    return a->count == b->count;
}

static bool same_value(const struct option_spec *spec, const struct values *a, const struct values *b)
{
    const void *x = a->bytes + spec->offset, *y = b->bytes + spec->offset;

    if (spec->kind == OPTION_TEXT)
        return strcmp(x, y) == 0;
    if (spec->kind == OPTION_LIST)
        return same_list(x, y);
    if (spec->kind == OPTION_REAL)
        return *(const double *)x == *(const double *)y;
    return memcmp(x, y, spec->size) == 0;
}

/* One line, of the program, without control characters. */
static void check_refusal(const struct options_program *program, const struct said *said)
{
    size_t name = strlen(program->name);

    DEMAND(said->status == 2 && said->out_len == 0);
    DEMAND(said->err_len > name + 2 && said->err[said->err_len - 1] == '\n');
    DEMAND(strncmp(said->err, program->name, name) == 0 && strncmp(said->err + name, ": ", 2) == 0);
    for (size_t i = 0; i + 1 < said->err_len; i++)
        DEMAND((unsigned char)said->err[i] >= ' ' && said->err[i] != 127);
}

/* --print-config > file; --config file: the same values, and the same text once more. */
static void check_printed(const struct options_program *program, const struct values *values, int argc,
                          char **argv)
{
    static char path[64], print[] = "--print-config";
    static int fd = -1;
    struct values again;
    struct said first, second;
    char *from_file[] = {argv[0], path, print};

    if (fd < 0)
        fd = make_file(path, sizeof path);
    argv[argc] = print;
    first = parse(program, &again, argc + 1, argv);
    DEMAND(!first.accepted && first.status == 0 && first.out_len > 0 && first.err_len == 0);
    fill_file(fd, first.out, first.out_len);
    second = parse(program, &again, 2, from_file);
    DEMAND(second.accepted && second.out_len == 0 && second.err_len == 0);
    for (size_t i = 0; i < program->count; i++)
        DEMAND(same_value(&program->specs[i], values, &again));
    forget(&second);
    second = parse(program, &again, 3, from_file);
    DEMAND(second.out_len == first.out_len && memcmp(second.out, first.out, first.out_len) == 0);
    forget(&first);
    forget(&second);
}

/* ---- the input */

/* Cuts `text` at its line ends. Arguments that name a file of their own are left out. */
static int split(char *text, char **argv, int argc)
{
    char *save = NULL;

    for (char *arg = strtok_r(text, "\n", &save); arg && argc < ARGS_MAX; arg = strtok_r(NULL, "\n", &save))
        if (strncmp(arg, "--config", 8) != 0)
            argv[argc++] = arg;
    return argc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct options_program *const programs[] = {&send_options_program, &recv_options_program,
                                                             &doctor_options_program};
    static char text[TEXT_MAX + 1], path[64], name[] = "program";
    static int fd = -1;
    char *argv[ARGS_MAX + 2] = {name};
    const struct options_program *program;
    struct values values;
    struct said said;
    size_t len;
    int argc = 1;

    if (size == 0 || size > TEXT_MAX)
        return 0;
    if (fd < 0)
        fd = make_file(path, sizeof path);
    program = programs[data[0] % 3];
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    len = strlen(text);
    if (len < size - 1) {
        fill_file(fd, data + 1 + len + 1, size - 1 - len - 1);
        argv[argc++] = path;
    }
    argc = split(text, argv, argc);
    said = parse(program, &values, argc, argv);
    if (said.accepted) {
        DEMAND(said.status == 0 && said.out_len == 0 && said.err_len == 0);
        for (size_t i = 0; i < program->count; i++)
            check_value(&program->specs[i], &values);
        check_printed(program, &values, argc, argv);
    } else if (said.status != 0) {
        check_refusal(program, &said);
    } else {
        DEMAND(said.out_len > 0 && said.err_len == 0); /* --help and its kind */
    }
    forget(&said);
    return 0;
}
