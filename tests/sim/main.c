// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * unisono-sim SCENARIO...: plays scenarios in virtual time and says whether they hold. Each run is a process
 * of its own, as many at once as there are processors.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "verdict.h"

static const char usage[] =
    "usage: unisono-sim [options] SCENARIO...\n"
    "Plays each scenario in virtual time with the objects that the daemons run, and measures at the "
    "converters.\n"
    "\n"
    "  --seed N       the run with this seed (1)\n"
    "  --seeds N      N runs of each, with this seed and those that follow\n"
    "  --jobs N       runs at once (one a processor)\n"
    "  --figures      all figures of each run, not only its line\n"
    "  --csv FILE     of one run: time_s, apart_us, error_us of each receiver; - is standard output\n"
    "  --every MS     a row of it (10)\n"
    "  --metrics      the names that a scenario can expect something of\n"
    "  --help\n"
    "\n"
    "Exit status: 0 all hold, 1 some do not, 2 a scenario or an option is wrong. tests/README.md has the "
    "scenarios' words.\n";

struct options {
    unsigned long seed, seeds, jobs, every;
    bool figures;
    const char *csv;
};

struct run {
    const struct scenario *scenario;
    const char *path;
    unsigned long seed;
    pid_t pid;
    FILE *said;
};

/* Plays one run; what there is to say goes to `to`. Returns the exit status. */
static int play(const struct run *run, const struct options *o, FILE *to)
{
    struct stage *stage = stage_create(run->scenario, run->seed);
    FILE *csv = NULL;
    int status = 1, error = stage ? 0 : -ENOMEM;

    if (o->csv && !error) {
        csv = strcmp(o->csv, "-") ? fopen(o->csv, "w") : stdout;
        if (!csv) {
            fprintf(to, "--csv %s: %s\n", o->csv, strerror(errno));
            goto out;
        }
        stage_write_csv(stage, csv, (int64_t)o->every);
    }
    error = error ? error : stage_run(stage, run->scenario->seconds);
    if (error)
        fprintf(to, "%s: %s\n", run->path, strerror(-error));
    else
        status = verdict_tell(stage, o->figures, to) > 0;
    if (csv && (fflush(csv) || ferror(csv))) {
        fprintf(to, "--csv %s: %s\n", o->csv, strerror(errno));
        status = 1;
    }
out:
    if (csv && csv != stdout)
        fclose(csv);
    if (stage)
        stage_destroy(stage);
    return status;
}

static int begin(struct run *run, const struct options *o)
{
    run->said = tmpfile();
    if (!run->said)
        return -errno;
    fflush(stdout);
    run->pid = fork();
    if (run->pid < 0)
        return -errno;
    if (run->pid == 0) {
        int status = play(run, o, run->said);

        fflush(run->said);
        _exit(status);
    }
    return 0;
}

/* Waits for one that runs and shows what it said. Returns whether it failed. */
static bool finish(struct run *runs, size_t count)
{
    int status;
    pid_t pid = wait(&status);

    for (size_t i = 0; i < count; i++) {
        struct run *run = &runs[i];
        char line[512];
        bool failed = !WIFEXITED(status) || WEXITSTATUS(status);

        if (!run->pid || run->pid != pid)
            continue;
        rewind(run->said);
        while (fgets(line, sizeof line, run->said))
            fputs(line, stdout);
        fclose(run->said);
        run->said = NULL;
        run->pid = 0;
        if (WIFSIGNALED(status))
            printf("FAILED %s: ended by signal %d\n", run->scenario->name, WTERMSIG(status));
        if (failed)
            printf("       again: unisono-sim --seed %lu --figures %s\n", run->seed, run->path);
        fflush(stdout);
        return failed;
    }
    return false;
}

static double cost(const struct run *run)
{
    return run->scenario->seconds * (2 + run->scenario->receivers) * run->scenario->stream.rate_hz;
}

static int by_cost(const void *a, const void *b)
{
    double left = cost(a), right = cost(b);

    return (left < right) - (left > right);
}

/* Longest first, so that none is left alone at the end. */
static int play_all(struct run *runs, size_t count, const struct options *o)
{
    size_t begun = 0, running = 0, failed = 0;

    qsort(runs, count, sizeof *runs, by_cost);
    while (begun < count || running) {
        if (begun < count && running < o->jobs) {
            int error = begin(&runs[begun], o);

            if (error) {
                fprintf(stderr, "unisono-sim: %s\n", strerror(-error));
                return 1;
            }
            begun++;
            running++;
            continue;
        }
        failed += finish(runs, begun);
        running--;
    }
    printf("%zu scenarios passed, %zu failed\n", count - failed, failed);
    return failed > 0;
}

static bool to_count(const char *name, const char *text, unsigned long *value)
{
    char *end;

    errno = 0;
    *value = strtoul(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || *value < 1 || *value > 1000000) {
        fprintf(stderr, "unisono-sim: --%s %s: a whole number from 1 to 1000000 is expected\n", name, text);
        return false;
    }
    return true;
}

/* -1: go on; otherwise the exit status. */
static int parse(int argc, char **argv, struct options *o)
{
    static const struct option rows[] = {{"seed", required_argument, NULL, 's'},
                                         {"seeds", required_argument, NULL, 'n'},
                                         {"jobs", required_argument, NULL, 'j'},
                                         {"every", required_argument, NULL, 'e'},
                                         {"csv", required_argument, NULL, 'c'},
                                         {"figures", no_argument, NULL, 'f'},
                                         {"metrics", no_argument, NULL, 'm'},
                                         {"help", no_argument, NULL, 'h'},
                                         {NULL, 0, NULL, 0}};
    unsigned long *counts[128] = {['s'] = &o->seed, ['n'] = &o->seeds, ['j'] = &o->jobs, ['e'] = &o->every};
    int letter, row;

    while ((letter = getopt_long(argc, argv, "", rows, &row)) != -1) {
        if (letter == 'h')
            fputs(usage, stdout);
        else if (letter == 'm')
            verdict_list(stdout);
        if (letter == 'h' || letter == 'm')
            return 0;
        if (letter == '?')
            return 2;
        if (letter == 'f')
            o->figures = true;
        else if (letter == 'c')
            o->csv = optarg;
        else if (!to_count(rows[row].name, optarg, counts[letter]))
            return 2;
    }
    if (optind == argc) {
        fprintf(stderr, "unisono-sim: no scenario was named; see --help\n");
        return 2;
    }
    if (o->csv && (o->seeds > 1 || argc - optind > 1)) {
        fprintf(stderr, "unisono-sim: --csv %s: takes one scenario and one seed\n", o->csv);
        return 2;
    }
    return -1;
}

int main(int argc, char **argv)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct options o = {
        .seed = 1, .seeds = 1, .jobs = processors > 0 ? (unsigned long)processors : 1, .every = 10};
    struct scenario **scenarios = NULL;
    struct run *runs = NULL;
    size_t files, count = 0;
    int status = parse(argc, argv, &o);

    if (status >= 0)
        return status;
    files = (size_t)(argc - optind);
    scenarios = calloc(files, sizeof *scenarios);
    runs = calloc(files * o.seeds, sizeof *runs);
    status = scenarios && runs ? 0 : 1;
    for (size_t i = 0; i < files && !status; i++) {
        const char *path = argv[optind + (int)i];
        char why[512];

        scenarios[i] = scenario_read(path, why, sizeof why);
        if (!scenarios[i]) {
            fprintf(stderr, "unisono-sim: %s\n", why);
            status = 2;
        }
        for (unsigned long k = 0; k < o.seeds && !status; k++)
            runs[count++] = (struct run){scenarios[i], path, o.seed + k, 0, NULL};
    }
    if (!status)
        status = play_all(runs, count, &o);
    for (size_t i = 0; scenarios && i < files; i++)
        scenario_free(scenarios[i]);
    free(scenarios);
    free(runs);
    return status;
}
