// SPDX-License-Identifier: GPL-3.0-or-later
#include "options.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#ifndef UNISONO_VERSION
#define UNISONO_VERSION "(unreleased)"
#endif

enum {
    CLOCK_PATH_MAX = 107, /* of sockaddr_un; a device is shorter */
    WHY_LEN = 512,
    HELP_COLUMN = 24, /* where the explanations of --help begin */
    HELP_WIDTH = 79,
    NAME_MAX_LEN = 32, /* no option is called longer */
    NUMBER_LEN = 64,   /* room for any number with its end */
    EXIT_USAGE = 2,
    DEFAULT_PORT = 5004, /* RFC 3551 section 8 */
};

/* The rows every program has. They have no member: the parser itself acts on them. */
static const struct option_spec builtin[] = {
    {.group = "General",
     .name = "config",
     .kind = OPTION_TEXT,
     .size = SIZE_MAX,
     .argument = "FILE",
     .help = "read options from FILE, lines of 'name = value'; the command line overrides them"},
    {.group = "General",
     .name = "print-config",
     .kind = OPTION_FLAG,
     .help = "print all options and their values as a configuration file, and end"},
    {.group = "General", .name = "help", .kind = OPTION_FLAG, .help = "print this, and end"},
    {.group = "General", .name = "version", .kind = OPTION_FLAG, .help = "print name and version, and end"},
};

enum { BUILTIN_CONFIG, BUILTIN_PRINT_CONFIG, BUILTIN_HELP, BUILTIN_VERSION, BUILTIN_COUNT };

_Static_assert(sizeof builtin / sizeof *builtin == BUILTIN_COUNT, "one row for each");

struct parser {
    const struct options_program *program;
    void *values;
    FILE *out, *err;
    const char *config_path; /* into argv */
    bool print_config;
    bool done; /* --help or --version was obeyed */
    int exit_status;
};

/* ---- text ---------------------------------------------------------------------------------------- */

/* Appends to the text in buf, cutting what does not fit. */
__attribute__((format(printf, 3, 4))) static void append(char *buf, size_t len, const char *format, ...)
{
    size_t used = strlen(buf);
    va_list args;

    va_start(args, format);
    vsnprintf(buf + used, len - used, format, args);
    va_end(args);
}

/* One line on err: whatever the user typed, it stays one line. */
__attribute__((format(printf, 2, 3))) static int usage_error(struct parser *parser, const char *format, ...)
{
    char line[WHY_LEN * 3];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    for (char *c = line; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    }
    fprintf(parser->err, "%s: %s\n", parser->program->name, line);
    parser->exit_status = EXIT_USAGE;
    return -EINVAL;
}

/* The next of the words in *list, which moves on; NULL at the end. */
static const char *next_word(const char **list, size_t *len)
{
    const char *word = *list + strspn(*list, " ");

    *len = strcspn(word, " ");
    *list = word + *len;
    return *len > 0 ? word : NULL;
}

/* "L24, L16", "0.5 to 1000 ms", "1 to 99, or off"; empty where every text will do. */
static void describe_allowed(const struct option_spec *spec, char *buf, size_t len)
{
    const char *list = spec->allowed;
    const char *word;
    size_t word_len;

    buf[0] = '\0';
    if (spec->kind == OPTION_TEXT || spec->kind == OPTION_LIST)
        return;
    if (spec->kind == OPTION_FLAG) {
        append(buf, len, "yes, no");
    } else if (list != NULL) {
        while ((word = next_word(&list, &word_len)) != NULL)
            append(buf, len, "%s%.*s", buf[0] == '\0' ? "" : ", ", (int)word_len, word);
    } else {
        append(buf, len, "%.10g to %.10g", spec->min, spec->max);
    }
    if (spec->unit != NULL)
        append(buf, len, " %s", spec->unit);
    if (spec->zero_word != NULL)
        append(buf, len, ", or %s", spec->zero_word);
}

/* ---- values -------------------------------------------------------------------------------------- */

static void *member(const struct option_spec *spec, void *values)
{
    return (char *)values + spec->offset;
}

static const void *const_member(const struct option_spec *spec, const void *values)
{
    return (const char *)values + spec->offset;
}

bool option_parse_real(const char *text, double *value)
{
    char *end;

    if (text[0] == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
        return false;
    *value = strtod(text, &end);
    return *end == '\0' && isfinite(*value);
}

/* Copies the text without the unit at its end, and blanks before it. False: too long for a number. */
static bool cut_unit(const char *text, const char *unit, char number[NUMBER_LEN])
{
    size_t len = strlen(text);
    size_t unit_len = unit != NULL ? strlen(unit) : 0;

    if (unit_len > 0 && len > unit_len && strcasecmp(text + len - unit_len, unit) == 0)
        for (len -= unit_len; len > 0 && text[len - 1] == ' ';)
            len--;
    if (len >= NUMBER_LEN)
        return false;
    memcpy(number, text, len);
    number[len] = '\0';
    return true;
}

bool option_parse_quantity(const char *text, const char *unit, double *value)
{
    char number[NUMBER_LEN];

    return cut_unit(text, unit, number) && option_parse_real(number, value);
}

static bool parse_integer(const char *text, long long *value)
{
    char *end;

    if (text[0] == '\0' || text[strspn(text, "0123456789+-")] != '\0')
        return false;
    /* What is too large comes out as the largest, which no range reaches. */
    *value = strtoll(text, &end, 10);
    return *end == '\0';
}

/* Whether a number is in the row's list of values, or in its range when it has none. */
static bool number_allowed(const struct option_spec *spec, double value)
{
    const char *list = spec->allowed;
    const char *word;
    size_t len;

    if (list == NULL)
        return value >= spec->min && value <= spec->max;
    while ((word = next_word(&list, &len)) != NULL) {
        if (strtod(word, NULL) == value)
            return true;
    }
    return false;
}

static bool set_number(const struct option_spec *spec, void *values, const char *text)
{
    char number[NUMBER_LEN];
    long long integer;
    double real;

    if (spec->kind == OPTION_REAL) {
        if (!option_parse_quantity(text, spec->unit, &real) || !number_allowed(spec, real))
            return false;
        *(double *)member(spec, values) = real;
        return true;
    }
    if (spec->zero_word != NULL && strcmp(text, spec->zero_word) == 0)
        integer = 0;
    else if (!cut_unit(text, spec->unit, number) || !parse_integer(number, &integer) ||
             !number_allowed(spec, (double)integer))
        return false;
    *(uint32_t *)member(spec, values) = (uint32_t)integer;
    return true;
}

static bool set_choice(const struct option_spec *spec, void *values, const char *text)
{
    const char *list = spec->allowed;
    const char *word;
    size_t len;

    for (int i = 0; (word = next_word(&list, &len)) != NULL; i++) {
        if (strlen(text) == len && strncmp(text, word, len) == 0) {
            *(int *)member(spec, values) = i;
            return true;
        }
    }
    return false;
}

static bool set_flag(const struct option_spec *spec, void *values, const char *text)
{
    bool yes = strcmp(text, "yes") == 0;

    if (!yes && strcmp(text, "no") != 0)
        return false;
    *(bool *)member(spec, values) = yes;
    return true;
}

/* Checks one text and copies it to `to`, which has room for `size` bytes. */
static int set_text(const struct option_spec *spec, char *to, size_t size, const char *text, char *why,
                    size_t why_len)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 127) {
            snprintf(why, why_len, "holds a control character; allowed is printable text");
            return -EINVAL;
        }
    }
    if (strlen(text) >= size) {
        snprintf(why, why_len, "too long; allowed are %zu bytes", size - 1);
        return -EINVAL;
    }
    if (spec->check != NULL && text[0] != '\0') {
        int r = spec->check(text, why, why_len);
        if (r < 0)
            return r;
    }
    memcpy(to, text, strlen(text) + 1);
    return 0;
}

static int add_to_list(const struct option_spec *spec, void *values, const char *text, char *why,
                       size_t why_len)
{
    struct option_list *list = member(spec, values);
    int r;

    if (text[0] == '\0')
        return 0;
    if (list->count == OPTION_LIST_MAX) {
        snprintf(why, why_len, "one too many; allowed are %d", OPTION_LIST_MAX);
        return -EINVAL;
    }
    r = set_text(spec, list->texts[list->count], OPTION_LIST_TEXT, text, why, why_len);
    list->count += r == 0;
    return r;
}

/* Checks and stores one value; on error `why` says what is allowed. */
static int set_value(const struct option_spec *spec, void *values, const char *text, char *why,
                     size_t why_len)
{
    char allowed[WHY_LEN / 2];
    bool ok = false;

    switch (spec->kind) {
    case OPTION_TEXT:
        return set_text(spec, member(spec, values), spec->size, text, why, why_len);
    case OPTION_LIST:
        return add_to_list(spec, values, text, why, why_len);
    case OPTION_FLAG:
        ok = set_flag(spec, values, text);
        break;
    case OPTION_CHOICE:
        ok = set_choice(spec, values, text);
        break;
    case OPTION_INTEGER:
    case OPTION_REAL:
        ok = set_number(spec, values, text);
        break;
    }
    if (ok)
        return 0;
    describe_allowed(spec, allowed, sizeof allowed);
    snprintf(why, why_len, "allowed are %s", allowed);
    return -EINVAL;
}

static void set_standard(const struct options_program *program, void *values)
{
    char why[WHY_LEN];

    for (size_t i = 0; i < program->count; i++) {
        const struct option_spec *spec = &program->specs[i];
        void *at = member(spec, values);

        memset(at, 0, spec->size);
        if (spec->kind == OPTION_CHOICE)
            *(int *)at = -1;
        if (spec->standard != NULL) {
            int r = set_value(spec, values, spec->standard, why, sizeof why);
            assert(r == 0);
            (void)r;
        }
    }
}

/* ---- names --------------------------------------------------------------------------------------- */

const struct option_spec *options_spec(const struct options_program *program, size_t i)
{
    if (i < program->count)
        return &program->specs[i];
    i -= program->count;
    return i < BUILTIN_COUNT ? &builtin[i] : NULL;
}

/* The place of the option called so; SIZE_MAX: there is none. */
static size_t find_option(const struct options_program *program, const char *name, size_t len)
{
    const struct option_spec *spec;

    for (size_t i = 0; (spec = options_spec(program, i)) != NULL; i++) {
        if (strlen(spec->name) == len && strncmp(spec->name, name, len) == 0)
            return i;
    }
    return SIZE_MAX;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters to add, drop, change or swap with their neighbour. Both lengths <= NAME_MAX_LEN. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t d[NAME_MAX_LEN + 1][NAME_MAX_LEN + 1]; /* from the first i letters of a to the first j of b */

    for (size_t j = 0; j <= b_len; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        d[i][0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a_len][b_len];
}

/* The option whose name is nearest to what was typed: the one it begins, else one a slip or two away. */
static const char *nearest_name(const struct options_program *program, const char *name, size_t len)
{
    const char *best = NULL;
    size_t best_distance = len < 6 ? 2 : 3;
    const struct option_spec *spec;

    for (size_t i = 0; len <= NAME_MAX_LEN && (spec = options_spec(program, i)) != NULL; i++) {
        size_t d = distance(name, len, spec->name, strlen(spec->name));

        if (len >= 2 && strncmp(spec->name, name, len) == 0)
            d = 0;
        if (d < best_distance) {
            best = spec->name;
            best_distance = d;
        }
    }
    return best;
}

static int unknown_option(struct parser *parser, const char *place, const char *dashes, const char *name,
                          size_t len)
{
    const char *near = nearest_name(parser->program, name, len);

    if (near == NULL)
        return usage_error(parser, "%sunknown option %s%.*s; see %s --help", place, dashes, (int)len, name,
                           parser->program->name);
    return usage_error(parser, "%sunknown option %s%.*s; did you mean %s%s?", place, dashes, (int)len, name,
                       dashes, near);
}

/* ---- configuration file -------------------------------------------------------------------------- */

/* Takes the quotes off a value in place. Returns what stands behind it, or NULL: no closing quote. */
static char *unquote(char *value)
{
    char *to = value;
    char *from = value + 1;

    for (; *from != '"'; from++) {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        if (*from == '\0')
            return NULL;
        *to++ = *from;
    }
    *to = '\0';
    return from + 1;
}

/* Cuts the comment and the blanks off the end of an unquoted value. */
static void trim_value(char *value)
{
    size_t end = strlen(value);

    for (size_t i = 0; i < end; i++) {
        if (value[i] == '#' && (i == 0 || value[i - 1] == ' ' || value[i - 1] == '\t'))
            end = i;
    }
    while (end > 0 && (value[end - 1] == ' ' || value[end - 1] == '\t'))
        end--;
    value[end] = '\0';
}

/* One line without its end, which may be changed. `given` has a bit for each option seen before. */
static int config_line(struct parser *parser, const char *place, char *line, uint64_t *given)
{
    char why[WHY_LEN] = "";
    char *name = line + strspn(line, " \t");
    size_t name_len = strcspn(name, " \t=#");
    char *value = name + name_len + strspn(name + name_len, " \t");

    if (name_len == 0 && (*value == '\0' || *value == '#'))
        return 0;
    if (name_len == 0 || *value != '=')
        return usage_error(parser, "%s'%s': allowed are lines of 'name = value' and # comments", place, name);
    value += 1 + strspn(value + 1, " \t");
    if (*value == '"') {
        char *behind = unquote(value);

        if (behind != NULL)
            behind += strspn(behind, " \t");
        if (behind == NULL || (*behind != '\0' && *behind != '#'))
            return usage_error(parser, "%s%.*s: allowed is one value in \"quotes\"", place, (int)name_len,
                               name);
    } else {
        trim_value(value);
    }

    size_t i = find_option(parser->program, name, name_len);
    if (i == SIZE_MAX)
        return unknown_option(parser, place, "", name, name_len);
    const struct option_spec *spec = options_spec(parser->program, i);
    if (i >= parser->program->count)
        return usage_error(parser, "%s%s: allowed on the command line only", place, spec->name);
    if (*given & UINT64_C(1) << i && spec->kind != OPTION_LIST)
        return usage_error(parser, "%s%s = %s: given before in this file; keep one", place, spec->name,
                           value);
    *given |= UINT64_C(1) << i;
    if (set_value(spec, parser->values, value, why, sizeof why) < 0)
        return usage_error(parser, "%s%s = %s: %s", place, spec->name, value, why);
    return 0;
}

static int read_config(struct parser *parser, const char *path)
{
    char place[WHY_LEN];
    uint64_t given = 0;
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    int r = 0;

    FILE *file = fopen(path, "re");
    if (file == NULL)
        return usage_error(parser, "--config %s: %s; allowed is a readable file", path, strerror(errno));
    for (unsigned number = 1; r == 0 && (errno = 0, len = getline(&line, &size, file)) >= 0; number++) {
        snprintf(place, sizeof place, "%s:%u: ", path, number);
        if (strlen(line) != (size_t)len) {
            r = usage_error(parser, "%sholds a NUL byte; allowed is text", place);
            break;
        }
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            line[--len] = '\0';
        r = config_line(parser, place, line, &given);
    }
    if (r == 0 && ferror(file))
        r = usage_error(parser, "--config %s: %s; allowed is a readable file", path, strerror(errno));
    free(line);
    fclose(file);
    return r;
}

/* ---- command line -------------------------------------------------------------------------------- */

static void print_help(const struct options_program *program, FILE *out);

/* --help and its kind. `value` is never NULL. */
static int obey_builtin(struct parser *parser, const struct option_spec *spec, const char *value)
{
    FILE *out = parser->out;

    switch (spec - builtin) {
    case BUILTIN_CONFIG:
        parser->config_path = value;
        break;
    case BUILTIN_PRINT_CONFIG:
        parser->print_config = true;
        break;
    case BUILTIN_HELP:
        print_help(parser->program, out);
        parser->done = true;
        break;
    default:
        fprintf(out, "%s %s\n", parser->program->name, UNISONO_VERSION);
        fprintf(out, "Licence: GPL-3.0-or-later, <https://gnu.org/licenses/gpl.html>. No warranty.\n");
        parser->done = true;
        break;
    }
    return 0;
}

/*
 * Goes through the arguments, either for the program's own options or for those every program has: the
 * latter come first, since --config must be read before what overrides it.
 */
static int read_arguments(struct parser *parser, int argc, char *const *argv, bool own)
{
    uint64_t given = 0;

    for (int a = 1; a < argc && !parser->done; a++) {
        char why[WHY_LEN] = "";
        const char *arg = argv[a];
        bool operand = parser->program->operand != NULL && (arg[0] != '-' || arg[1] == '\0');

        if (!operand && (strncmp(arg, "--", 2) != 0 || arg[2] == '\0'))
            return usage_error(parser, "'%s': allowed are options only; see %s --help", arg,
                               parser->program->name);
        const char *name = operand ? parser->program->operand : arg + 2;
        size_t len = strcspn(name, "=");
        size_t i = find_option(parser->program, name, len);
        if (i == SIZE_MAX)
            return unknown_option(parser, "", "--", name, len);
        const struct option_spec *spec = options_spec(parser->program, i);
        bool builtin_flag = i >= parser->program->count && spec->kind == OPTION_FLAG;
        if (builtin_flag && name[len] == '=')
            return usage_error(parser, "--%s: takes no value", name);
        const char *value = operand ? arg : name[len] == '=' ? name + len + 1 : NULL;
        if (value == NULL && spec->kind == OPTION_FLAG)
            value = "yes";
        if (value == NULL && a + 1 < argc && strncmp(argv[a + 1], "--", 2) != 0)
            value = argv[++a];
        if (value == NULL)
            return usage_error(parser, "--%s: needs a value, --%s %s", spec->name, spec->name,
                               spec->argument);
        bool again = given & UINT64_C(1) << i;
        if (again && spec->kind != OPTION_LIST)
            return usage_error(parser, "--%s %s: given before; keep one", spec->name, value);
        if (!again && own && spec->kind == OPTION_LIST)
            *(struct option_list *)member(spec, parser->values) = (struct option_list){0};
        given |= UINT64_C(1) << i;
        if (i >= parser->program->count) {
            if (!own)
                obey_builtin(parser, spec, value);
        } else if (own && set_value(spec, parser->values, value, why, sizeof why) < 0) {
            return usage_error(parser, "--%s %s: %s", spec->name, value, why);
        }
    }
    return 0;
}

/* ---- printing ------------------------------------------------------------------------------------ */

/* Prints words with breaks before HELP_WIDTH; every further line begins with `margin` blanks. */
static void print_wrapped(FILE *out, const char *text, size_t column, size_t margin)
{
    const char *word;
    size_t len;
    bool first = true;

    while ((word = next_word(&text, &len)) != NULL) {
        if (!first && column + 1 + len > HELP_WIDTH) {
            fprintf(out, "\n%*s", (int)margin, "");
            column = margin;
            first = true;
        }
        fprintf(out, "%s%.*s", first ? "" : " ", (int)len, word);
        column += len + !first;
        first = false;
    }
    fprintf(out, "\n");
}

/* "--ptime MS   packet time: ... (ms; 0.125 to 20; default 1)" */
static void print_help_row(const struct option_spec *spec, FILE *out)
{
    char head[WHY_LEN] = "";
    char text[WHY_LEN * 4] = "";
    char allowed[WHY_LEN];

    append(head, sizeof head, "  --%s%s%s", spec->name, spec->argument != NULL ? " " : "",
           spec->argument != NULL ? spec->argument : "");
    append(text, sizeof text, "%s", spec->help);
    describe_allowed(spec, allowed, sizeof allowed);
    bool lists = spec->kind != OPTION_FLAG && allowed[0] != '\0';
    if (lists)
        append(text, sizeof text, " (%s%s%s)", allowed, spec->standard != NULL ? "; default " : "",
               spec->standard != NULL ? spec->standard : "");
    else if (spec->standard != NULL)
        append(text, sizeof text, " (default %s)", spec->standard);

    fprintf(out, "%s", head);
    if (strlen(head) + 2 > HELP_COLUMN)
        fprintf(out, "\n%*s", HELP_COLUMN, "");
    else
        fprintf(out, "%*s", HELP_COLUMN - (int)strlen(head), "");
    print_wrapped(out, text, HELP_COLUMN, HELP_COLUMN);
}

static void print_help(const struct options_program *program, FILE *out)
{
    const struct option_spec *spec;
    const char *group = "";

    fprintf(out, "Usage: %s %s\n\n", program->name, program->usage);
    print_wrapped(out, program->summary, 0, 0);
    for (size_t i = 0; (spec = options_spec(program, i)) != NULL; i++) {
        if (strcmp(group, spec->group) != 0)
            fprintf(out, "\n%s\n", spec->group);
        group = spec->group;
        print_help_row(spec, out);
    }
    if (program->examples != NULL)
        fprintf(out, "\nExamples\n%s", program->examples);
}

/* The value as one would type it; NULL when there is none. */
static const char *value_text(const struct option_spec *spec, const void *values, char *buf, size_t len)
{
    const void *at = const_member(spec, values);
    const char *list = spec->allowed;
    const char *word = NULL;
    size_t word_len = 0;

    switch (spec->kind) {
    case OPTION_FLAG:
        snprintf(buf, len, "%s", *(const bool *)at ? "yes" : "no");
        break;
    case OPTION_CHOICE:
        if (*(const int *)at < 0)
            return NULL;
        for (int i = 0; i <= *(const int *)at; i++)
            word = next_word(&list, &word_len);
        snprintf(buf, len, "%.*s", (int)word_len, word != NULL ? word : "");
        break;
    case OPTION_INTEGER:
        if (*(const uint32_t *)at == 0 && spec->zero_word != NULL)
            return spec->zero_word;
        snprintf(buf, len, "%u", (unsigned)*(const uint32_t *)at);
        break;
    case OPTION_REAL:
        snprintf(buf, len, "%.15g", *(const double *)at);
        if (strtod(buf, NULL) != *(const double *)at)
            snprintf(buf, len, "%.17g", *(const double *)at);
        break;
    case OPTION_TEXT:
        return (const char *)at;
    case OPTION_LIST:
        return ((const struct option_list *)at)->count > 0 ? ((const struct option_list *)at)->texts[0]
                                                           : NULL;
    }
    /* A zero outside the range is the mark of "not given". */
    if ((spec->kind == OPTION_INTEGER || spec->kind == OPTION_REAL) &&
        !number_allowed(spec, strtod(buf, NULL)))
        return NULL;
    return buf;
}

static void print_quoted(FILE *out, const char *text)
{
    size_t len = strlen(text);

    if (text[strcspn(text, "#\"")] == '\0' && text[0] != ' ' && (len == 0 || text[len - 1] != ' ')) {
        fprintf(out, "%s", text);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++)
        fprintf(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
    fputc('"', out);
}

/* Whether a value, as value_text() has it, is what it would be if nobody had given it. */
static bool is_standard(const struct option_spec *spec, const char *value)
{
    if (value == NULL)
        return true;
    if (spec->standard != NULL)
        return strcmp(value, spec->standard) == 0;
    return spec->kind == OPTION_FLAG ? strcmp(value, "no") == 0 : value[0] == '\0';
}

static void print_line(const struct option_spec *spec, const char *value, FILE *out)
{
    fprintf(out, "%s%s =", is_standard(spec, value) ? "#" : "", spec->name);
    if (value != NULL && value[0] != '\0') {
        fputc(' ', out);
        print_quoted(out, value);
    }
    fputc('\n', out);
}

/* Defaults stand behind #: a file made of this follows them when they change. */
static void print_config(const struct options_program *program, const void *values, FILE *out)
{
    const char *group = "";
    char allowed[WHY_LEN];
    char buf[64];

    fprintf(out, "# %s %s: all options and their values; those at their default stand behind #\n",
            program->name, UNISONO_VERSION);
    for (size_t i = 0; i < program->count; i++) {
        const struct option_spec *spec = &program->specs[i];
        const char *value = value_text(spec, values, buf, sizeof buf);

        if (strcmp(group, spec->group) != 0)
            fprintf(out, "\n# ---- %s ----\n", spec->group);
        group = spec->group;
        describe_allowed(spec, allowed, sizeof allowed);
        fprintf(out, "\n# %s%s%s%s\n", spec->help, allowed[0] != '\0' ? " (" : "", allowed,
                allowed[0] != '\0' ? ")" : "");
        print_line(spec, value, out);
        if (spec->kind == OPTION_LIST) {
            const struct option_list *list = const_member(spec, values);

            for (uint32_t k = 1; k < list->count; k++)
                print_line(spec, list->texts[k], out);
        }
    }
}

/* ---- entry --------------------------------------------------------------------------------------- */

/* The table itself: a row that lies about its member would write beside it. */
static void assert_table(const struct options_program *program)
{
    static const size_t sizes[] = {
        [OPTION_FLAG] = sizeof(bool),
        [OPTION_INTEGER] = sizeof(uint32_t),
        [OPTION_REAL] = sizeof(double),
        [OPTION_CHOICE] = sizeof(int),
        [OPTION_LIST] = sizeof(struct option_list),
    };

    assert(program->count + BUILTIN_COUNT <= 64);
    for (size_t i = 0; i < program->count; i++) {
        const struct option_spec *spec = &program->specs[i];

        assert(strlen(spec->name) <= NAME_MAX_LEN);
        assert(spec->kind == OPTION_TEXT ? spec->size > 1 : spec->size == sizes[spec->kind]);
        assert(spec->kind != OPTION_CHOICE || spec->allowed != NULL);
        assert(spec->kind != OPTION_LIST || spec->standard == NULL);
        assert((spec->kind == OPTION_FLAG) == (spec->argument == NULL));
        assert(find_option(program, spec->name, strlen(spec->name)) == i);
        (void)spec;
    }
    (void)sizes;
}

static int read_all(struct parser *parser, int argc, char *const *argv)
{
    const struct options_program *program = parser->program;
    char why[WHY_LEN] = "";
    int r;

    r = read_arguments(parser, argc, argv, false);
    if (r < 0 || parser->done)
        return r;
    if (parser->config_path != NULL) {
        r = read_config(parser, parser->config_path);
        if (r < 0)
            return r;
    }
    r = read_arguments(parser, argc, argv, true);
    if (r < 0)
        return r;
    if (program->check != NULL && program->check(parser->values, why, sizeof why) < 0)
        return usage_error(parser, "%s%s%s", parser->config_path != NULL ? parser->config_path : "",
                           parser->config_path != NULL ? " and the command line: " : "", why);
    if (parser->print_config) {
        print_config(program, parser->values, parser->out);
        parser->done = true;
    }
    return 0;
}

bool options_parse(const struct options_program *program, void *values, int argc, char *const *argv,
                   FILE *out, FILE *err, int *exit_status)
{
    struct parser parser = {.program = program, .values = values, .out = out, .err = err};

    assert_table(program);
    set_standard(program, values);
    *exit_status = 0;
    if (read_all(&parser, argc, argv) < 0) {
        *exit_status = parser.exit_status;
        return false;
    }
    if (!parser.done)
        return true;
    if (fflush(out) != 0 || ferror(out)) {
        fprintf(err, "%s: standard output: cannot be written; free the disk or reopen the pipe\n",
                program->name);
        *exit_status = EXIT_FAILURE;
    }
    return false;
}

/* ---- values both ends share ---------------------------------------------------------------------- */

int option_parse_group(const char *text, struct sockaddr_in *group, char *why, size_t why_len)
{
    const char *colon = strchr(text, ':');
    size_t addr_len = colon != NULL ? (size_t)(colon - text) : strlen(text);
    long long port = DEFAULT_PORT;
    char addr[INET_ADDRSTRLEN] = "";

    *group = (struct sockaddr_in){.sin_family = AF_INET};
    if (addr_len < sizeof addr)
        memcpy(addr, text, addr_len);
    if (inet_pton(AF_INET, addr, &group->sin_addr) != 1 || !IN_MULTICAST(ntohl(group->sin_addr.s_addr))) {
        snprintf(why, why_len, "not a multicast address; allowed are 224.0.0.0 to 239.255.255.255");
        return -EINVAL;
    }
    if (colon != NULL && (!parse_integer(colon + 1, &port) || port < 1 || port > UINT16_MAX - 1)) {
        snprintf(why, why_len, "not a port; allowed are 1 to %d after the colon", UINT16_MAX - 1);
        return -EINVAL;
    }
    group->sin_port = htons((uint16_t)port);
    return 0;
}

int option_check_group(const char *text, char *why, size_t why_len)
{
    struct sockaddr_in group;

    return option_parse_group(text, &group, why, why_len);
}

int option_check_clock(const char *text, char *why, size_t why_len)
{
    static const char *const words[] = {"auto", "system", "ptp4l"};
    static const char *const with_more[] = {"ptp4l:", "phc:"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0)
            return 0;
    for (size_t i = 0; i < sizeof with_more / sizeof *with_more; i++) {
        size_t len = strlen(with_more[i]);

        if (strncmp(text, with_more[i], len) || text[len] == '\0')
            continue;
        if (strlen(text + len) <= CLOCK_PATH_MAX)
            return 0;
        snprintf(why, why_len, "a path has at most %d characters", CLOCK_PATH_MAX);
        return -EINVAL;
    }
    snprintf(why, why_len, "allowed are auto, system, ptp4l, ptp4l:SOCKET, phc:DEVICE and phc:INTERFACE");
    return -EINVAL;
}

int option_check_control(const char *text, char *why, size_t why_len)
{
    if (strchr(text, '/') || strcmp(text, "auto") == 0 || strcmp(text, "off") == 0)
        return 0;
    snprintf(why, why_len, "allowed are auto, off, and a path with a slash in it");
    return -EINVAL;
}
