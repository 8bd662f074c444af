// SPDX-License-Identifier: GPL-3.0-or-later
/* unisono-doctor: looks at this machine and says what would spoil the show. */
#include <stdio.h>
#include <sysexits.h>

#include "checks.h"
#include "doctor_options.h"

/* Exit statuses of proto/options.h, where 1 and 2 are not a WARN and a FAIL. */
static int status_of_options(int status)
{
    switch (status) {
    case 0:
        return 0;
    case 1:
        return EX_IOERR;
    default:
        return EX_USAGE;
    }
}

int main(int argc, char **argv)
{
    struct doctor_options options = {0};
    struct probe probe = {.root = "", .host = &probe_this_host, .options = &options};
    struct tally tally = {0};
    int status;

    if (!options_parse(&doctor_options_program, &options, argc, argv, stdout, stderr, &status))
        return status_of_options(status);
    probe_prepare(&probe);
    if (options.json)
        json_begin(stdout);
    for (size_t i = 0; i < all_checks_count; i++) {
        struct finding finding = all_checks[i](&probe);

        if (options.json)
            json_finding(stdout, &finding, i == 0);
        else
            finding_print(stdout, &finding);
        tally.count[finding.result]++;
        fflush(stdout);
    }
    if (options.json)
        json_end(stdout, &tally);
    else
        tally_print(stdout, &tally);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("unisono-doctor: standard output: cannot be written; free the disk or reopen the pipe\n",
              stderr);
        return EX_IOERR;
    }
    return tally_status(&tally);
}
