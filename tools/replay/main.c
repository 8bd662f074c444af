// SPDX-License-Identifier: GPL-3.0-or-later
/* unisono-replay: what a capture of a stream tells about its sender, the network, and what a receiver makes
 * of it. */
#include <stdio.h>
#include <stdlib.h>

#include "replay.h"
#include "replay_options.h"
#include "report.h"
#include "verdict.h"

static void judge(const struct replay *replay, struct verdict *verdict)
{
    for (size_t i = 0; i < all_verdicts_count; i++) {
        verdict->findings[i] = all_verdicts[i](replay);
        verdict->tally.count[verdict->findings[i].result]++;
    }
    verdict->count = (unsigned)all_verdicts_count;
}

/* The exit status. */
static int run(struct replay *replay, char *err, size_t err_size)
{
    const struct replay_options *options = replay->options;
    struct verdict verdict = {0};

    if (pcapfile_open(&replay->capture, options->file, err, err_size) || replay_scan(replay, err, err_size))
        return EXIT_FAILURE;
    if (options->list) {
        report_list(stdout, replay);
        return EXIT_SUCCESS;
    }
    if (replay_run(replay, err, err_size))
        return EXIT_FAILURE;
    judge(replay, &verdict);
    if (options->json)
        report_json(stdout, replay, &verdict);
    else
        report_text(stdout, replay, &verdict);
    return tally_worst(&verdict.tally) == RESULT_FAIL ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct replay_options options = {0};
    struct replay *replay;
    char err[512] = "";
    int status;

    if (!options_parse(&replay_options_program, &options, argc, argv, stdout, stderr, &status))
        return status;
    replay = calloc(1, sizeof *replay);
    if (!replay) {
        fputs("unisono-replay: out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    replay->options = &options;
    status = run(replay, err, sizeof err);
    if (*err)
        fprintf(stderr, "unisono-replay: %s\n", err);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("unisono-replay: standard output: cannot be written; free the disk or reopen the pipe\n",
              stderr);
        status = EXIT_FAILURE;
    }
    pcapfile_close(replay->capture);
    free(replay);
    return status;
}
