// SPDX-License-Identifier: GPL-3.0-or-later
#include "finding.h"

#include <stdarg.h>

struct finding finding_make(const char *name, enum result result, const char *format, ...)
{
    struct finding finding = {.name = name, .result = result};
    va_list args;

    va_start(args, format);
    vsnprintf(finding.found, sizeof finding.found, format, args);
    va_end(args);
    return finding;
}

struct finding finding_remedy(struct finding finding, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(finding.remedy, sizeof finding.remedy, format, args);
    va_end(args);
    return finding;
}

const char *result_name(enum result result)
{
    static const char *const name[] = {
        [RESULT_SKIP] = "SKIP", [RESULT_PASS] = "PASS", [RESULT_WARN] = "WARN", [RESULT_FAIL] = "FAIL"};

    return name[result];
}

enum result tally_worst(const struct tally *tally)
{
    if (tally->count[RESULT_FAIL])
        return RESULT_FAIL;
    return tally->count[RESULT_WARN] ? RESULT_WARN : RESULT_PASS;
}

int tally_status(const struct tally *tally)
{
    switch (tally_worst(tally)) {
    case RESULT_FAIL:
        return 2;
    case RESULT_WARN:
        return 1;
    default:
        return 0;
    }
}

void finding_print(FILE *out, const struct finding *finding)
{
    fprintf(out, "%s  %-18s  %s\n", result_name(finding->result), finding->name, finding->found);
    if (finding->remedy[0])
        fprintf(out, "      remedy: %s\n", finding->remedy);
}

void tally_print(FILE *out, const struct tally *tally)
{
    static const char *const verdict[] = {
        [RESULT_PASS] = "READY", [RESULT_WARN] = "READY, with reservations", [RESULT_FAIL] = "NOT READY"};

    fprintf(out, "%s: %u passed, %u warnings, %u failed, %u skipped\n", verdict[tally_worst(tally)],
            tally->count[RESULT_PASS], tally->count[RESULT_WARN], tally->count[RESULT_FAIL],
            tally->count[RESULT_SKIP]);
}

static void json_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c > 0x7e)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

void json_begin(FILE *out)
{
    fputs("{\"checks\":[", out);
}

void json_finding(FILE *out, const struct finding *finding, bool first)
{
    fputs(first ? "\n{\"name\":" : ",\n{\"name\":", out);
    json_text(out, finding->name);
    fprintf(out, ",\"result\":\"%s\",\"found\":", result_name(finding->result));
    json_text(out, finding->found);
    fputs(",\"remedy\":", out);
    json_text(out, finding->remedy);
    fputc('}', out);
}

void json_end(FILE *out, const struct tally *tally)
{
    fprintf(out, "\n],\"worst\":\"%s\"}\n", result_name(tally_worst(tally)));
}
