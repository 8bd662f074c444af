// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * unisono-ctl: tells a running unisono-recv or unisono-send something, and prints what it answers. Commands
 * are passed on as they are: what there is, the program knows.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "proto/host/places.h"
#include "proto/host/remote.h"

enum { PROGRAMS_MAX = 64, NAME_SIZE = 64, TIMEOUT_MS = 3000, EXIT_USAGE = 2 };

/* One that answers, or that does not let us ask. */
struct program {
    char path[PLACES_PATH_SIZE];
    char program[32], name[NAME_SIZE], pid[16];
    bool forbidden;
};

struct ctl {
    const char *to; /* NULL: the only one there is */
    bool json;
    size_t count;
    struct program programs[PROGRAMS_MAX];
    char answer[REMOTE_ANSWER_SIZE];
    char line[REMOTE_LINE_SIZE];
};

static const char usage[] =
    "Usage: unisono-ctl [--to PATH|PID|NAME] [--json] COMMAND [ARGUMENT]...\n"
    "       unisono-ctl list\n"
    "\n"
    "Tells a running unisono-recv or unisono-send to change something, without a click.\n"
    "\n"
    "  --to PATH|PID|NAME   which program: its socket, process or name; needed where several run\n"
    "  --json               print the answer as it came, one line of JSON\n"
    "  --help, --version\n"
    "\n"
    "Commands of every program: who, help (which tells all it has), status. Of a receiver:\n"
    "  gain -6            mute yes           delay 12.5m          map 1=3,2=4       duck -20\n"
    "  stream 2 gain -6   stream 2 mute no   stream 2 delay 140smp   stream 2 map 1=mono\n"
    "  stream 'Stage left' page yes\n"
    "Of a sender:\n"
    "  mute yes           talk on|off|toggle (with --talk or --vox)\n"
    "\n"
    "More in unisono-ctl(1).\n";

/* ---- who is there -------------------------------------------------------------------------------------- */

static void note(void *context, const char *path)
{
    struct ctl *c = context;
    struct program *p = &c->programs[c->count];
    char err[256];
    int error;

    if (c->count == PROGRAMS_MAX)
        return;
    *p = (struct program){.path = ""};
    snprintf(p->path, sizeof p->path, "%s", path);
    error = remote_ask(path, "who", TIMEOUT_MS, c->answer, err, sizeof err);
    if (error == -ECONNREFUSED || error == -ENOENT) /* of a process that died */
        return;
    p->forbidden = error != 0;
    if (!error) {
        answer_member(c->answer, "program", p->program, sizeof p->program);
        answer_member(c->answer, "name", p->name, sizeof p->name);
        answer_member(c->answer, "pid", p->pid, sizeof p->pid);
    }
    c->count++;
}

static void list(const struct ctl *c, FILE *out)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct program *p = &c->programs[i];

        if (p->forbidden)
            fprintf(out, "%s  does not answer this user\n", p->path);
        else
            fprintf(out, "%s  %s  %s  '%s'\n", p->path, p->program, p->pid, p->name);
    }
}

static bool fits(const struct ctl *c, const struct program *p)
{
    return !c->to || strcmp(p->pid, c->to) == 0 || strcmp(p->name, c->to) == 0;
}

/* Whose socket: 0, or an exit status after a message. */
static int find(struct ctl *c, char path[PLACES_PATH_SIZE])
{
    size_t fitting = 0;

    if (c->to && strchr(c->to, '/')) {
        if (snprintf(path, PLACES_PATH_SIZE, "%s", c->to) < PLACES_PATH_SIZE)
            return 0;
        fprintf(stderr, "unisono-ctl: --to %s: too long; allowed are %d bytes\n", c->to,
                PLACES_PATH_SIZE - 1);
        return EXIT_USAGE;
    }
    places_each(note, c);
    for (size_t i = 0; i < c->count; i++)
        if (fits(c, &c->programs[i]) && fitting++ == 0)
            snprintf(path, PLACES_PATH_SIZE, "%s", c->programs[i].path);
    if (fitting == 1)
        return 0;
    if (fitting > 1)
        fprintf(stderr, "unisono-ctl: %zu programs run%s%s; say which one with --to PATH:\n", fitting,
                c->to ? " by the name of " : "", c->to ? c->to : "");
    else if (c->to)
        fprintf(stderr, "unisono-ctl: --to %s: no program of that process or name answers%s\n", c->to,
                c->count ? "; these are there:" : ", nor any other");
    else
        fprintf(stderr,
                "unisono-ctl: no program is there; start unisono-recv or unisono-send, or name its --control "
                "path with --to\n");
    list(c, stderr);
    return fitting > 1 ? EXIT_USAGE : EXIT_FAILURE;
}

/* ---- asking -------------------------------------------------------------------------------------------- */

/* What keeps the name of a stream together that has blanks: the shell has taken its own quotes. */
static const char *quote_for(const char *name)
{
    if (!strchr(name, ' ') || *name == '\'' || *name == '"')
        return "";
    return !strchr(name, '\'') ? "'" : !strchr(name, '"') ? "\"" : "";
}

/* The words as one line. */
static bool compose(struct ctl *c, char **words, int count)
{
    size_t len = 0;

    for (int i = 0; i < count; i++) {
        const char *quote = i == 1 && strcmp(words[0], "stream") == 0 ? quote_for(words[1]) : "";
        int n =
            snprintf(c->line + len, sizeof c->line - len, "%s%s%s%s", i ? " " : "", quote, words[i], quote);

        len += (size_t)n;
        if (len >= sizeof c->line || strpbrk(words[i], "\r\n"))
            return false;
    }
    return true;
}

static int tell(struct ctl *c)
{
    char path[PLACES_PATH_SIZE], err[512], ok[8] = "";
    int status = find(c, path);

    if (status)
        return status;
    if (remote_ask(path, c->line, TIMEOUT_MS, c->answer, err, sizeof err)) {
        fprintf(stderr, "unisono-ctl: %s\n", err);
        return EXIT_FAILURE;
    }
    answer_member(c->answer, "ok", ok, sizeof ok);
    status = strcmp(ok, "true") == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    if (c->json)
        puts(c->answer);
    else if (status == EXIT_SUCCESS && !answer_print(stdout, c->answer))
        status = EXIT_FAILURE;
    else if (status && answer_member(c->answer, "error", c->line, sizeof c->line))
        fprintf(stderr, "unisono-ctl: %s\n", c->line);
    else if (status)
        fprintf(stderr, "unisono-ctl: %s: not an answer of Unisono\n", path);
    if (fflush(stdout) != 0) {
        fprintf(stderr, "unisono-ctl: standard output: %s\n", strerror(errno));
        status = EXIT_FAILURE;
    }
    return status;
}

static int misused(const char *option, const char *why)
{
    fprintf(stderr, "unisono-ctl: %s: %s\n", option, why);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    static struct ctl c;
    int i = 1;

    /* options before the command only: "gain -6" is none */
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return fputs(usage, stdout) < 0 || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
        if (strcmp(argv[i], "--version") == 0)
            return puts("unisono-ctl " UNISONO_VERSION) < 0 || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
        if (strcmp(argv[i], "--json") == 0)
            c.json = true;
        else if (strncmp(argv[i], "--to=", 5) == 0)
            c.to = argv[i] + 5;
        else if (strcmp(argv[i], "--to") == 0 && i + 1 < argc)
            c.to = argv[++i];
        else if (strcmp(argv[i], "--to") == 0)
            return misused(argv[i], "a path, a process or a name is missing");
        else
            return misused(argv[i], "no such option; allowed are --to, --json, --help, --version");
    }
    if (i == argc)
        return misused("a command is missing", "try help, status, or --help");
    if (!compose(&c, argv + i, argc - i))
        return misused("command", "allowed is one line of 4095 bytes");
    if (strcmp(argv[i], "list") == 0 && i + 1 == argc && !c.to) {
        places_each(note, &c);
        list(&c, stdout);
        return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    return tell(&c);
}
