// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * unisono-truth: asks the recordings of simulated sound cards what left them, and when.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "truth_cli.h"

static const char HELP[] =
    "unisono-truth: what left simulated sound cards, and when\n"
    "\n"
    "  unisono-truth pair A B            how far apart two outputs are; positive: B is later\n"
    "  unisono-truth latency A           how late an output is against the source of the sound\n"
    "  unisono-truth damage A            missing, repeated or clicked sound, and xruns\n"
    "  unisono-truth thdn A              distortion and noise relative to the tone\n"
    "  unisono-truth watch A B [C ...]   alignment against A, live, from recordings that are growing\n"
    "\n"
    "A, B, C are recordings (NAME.playback) that the cards write when their ALSA configuration says "
    "`record`.\n"
    "\n"
    "For all commands:\n"
    "  --tone HZ[,HZ2]    the tone that was played (1000); two of them resolve delays to 1/|HZ2-HZ|\n"
    "  --skip S           ignore the first S seconds after the start (after both have started) (0)\n"
    "  --length S         then look at S seconds (all)\n"
    "  --channel N        the channel to look at, from 0 (0)\n"
    "  --window-ms MS     length of the windows in which the tone is fitted, 2 to 1000 (20; thdn: 100)\n"
    "  --limit-db DB      residual, in dBFS, above which a window is damaged, -140 to -10 (-60)\n"
    "  --csv FILE         write one line per window\n"
    "  --json             answer in JSON\n"
    "pair:     --aligned-us US     what counts as aligned after a start or an xrun (5)\n"
    "latency:  --source raw        the source is a simulated capture card\n"
    "          --source realtime   the source is `unisono-send --input tone --clock system`\n"
    "          --expect MS         the latency to expect, to within half a period of the tone (of the beat)\n"
    "damage:   --witness FILE      stalls seen by stall-witness; with\n"
    "          --slack-ms MS       damage near a stall longer than MS is counted as explained\n"
    "watch:    --names A,B,...     what to call the outputs\n"
    "          --limit-us US       the verdict is PASS if the p99 of every alignment is within US (5)\n"
    "          --length S counts from the beginning of the watch; without it, until interrupted\n"
    "\n"
    "Exit: 0 answered (watch: PASS), 1 cannot answer (watch: FAIL), 2 wrong usage.\n";

enum option_code {
    OPTION_TONE = 256,
    OPTION_SKIP,
    OPTION_LENGTH,
    OPTION_CHANNEL,
    OPTION_WINDOW,
    OPTION_LIMIT_DB,
    OPTION_CSV,
    OPTION_JSON,
    OPTION_ALIGNED,
    OPTION_SOURCE,
    OPTION_EXPECT,
    OPTION_WITNESS,
    OPTION_SLACK,
    OPTION_NAMES,
    OPTION_LIMIT_US,
    OPTION_HELP
};

static const struct option options[] = {
    {"tone", required_argument, NULL, OPTION_TONE},
    {"skip", required_argument, NULL, OPTION_SKIP},
    {"length", required_argument, NULL, OPTION_LENGTH},
    {"channel", required_argument, NULL, OPTION_CHANNEL},
    {"window-ms", required_argument, NULL, OPTION_WINDOW},
    {"limit-db", required_argument, NULL, OPTION_LIMIT_DB},
    {"csv", required_argument, NULL, OPTION_CSV},
    {"json", no_argument, NULL, OPTION_JSON},
    {"aligned-us", required_argument, NULL, OPTION_ALIGNED},
    {"source", required_argument, NULL, OPTION_SOURCE},
    {"expect", required_argument, NULL, OPTION_EXPECT},
    {"witness", required_argument, NULL, OPTION_WITNESS},
    {"slack-ms", required_argument, NULL, OPTION_SLACK},
    {"names", required_argument, NULL, OPTION_NAMES},
    {"limit-us", required_argument, NULL, OPTION_LIMIT_US},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

static const struct command {
    const char *name;
    int (*run)(const struct cli_options *o);
    size_t paths_min, paths_max;
} commands[] = {
    {"pair", cli_pair, 2, 2}, {"latency", cli_latency, 1, 1},         {"damage", cli_damage, 1, 1},
    {"thdn", cli_thdn, 1, 1}, {"watch", cli_watch, 2, CLI_PATHS_MAX},
};

/* Reads the number at the start of `text`; *end is what follows. */
static int number(const char *text, double min, double max, double *value, char **end)
{
    *value = strtod(text, end);
    return *end == text || !(*value >= min && *value <= max) ? -EINVAL : 0;
}

static int whole_number(const char *text, double min, double max, double *value)
{
    char *end = NULL;

    return number(text, min, max, value, &end) < 0 || *end ? -EINVAL : 0;
}

static int tones_of(const char *text, struct truth_tones *tones)
{
    char *end = NULL;
    double hertz = 0;

    for (tones->count = 0; tones->count < TRUTH_TONES_MAX; text = end + 1) {
        if (number(text, 20, 40000, &hertz, &end) < 0)
            return -EINVAL;
        tones->millihertz[tones->count++] = llround(hertz * 1000);
        if (*end != ',')
            break;
    }
    return *end || (tones->count == 2 && tones->millihertz[0] == tones->millihertz[1]) ? -EINVAL : 0;
}

static int source_of(const char *text, enum cli_source *source)
{
    if (strcmp(text, "raw") == 0)
        *source = CLI_SOURCE_RAW;
    else if (strcmp(text, "realtime") == 0)
        *source = CLI_SOURCE_REALTIME;
    else
        return -EINVAL;
    return 0;
}

static int take_number(struct cli_options *o, int option, const char *text)
{
    double channel = 0;
    int err = 0;

    switch (option) {
    case OPTION_SKIP:
        return whole_number(text, 0, 1e6, &o->skip_s);
    case OPTION_LENGTH:
        return whole_number(text, 0.001, 1e6, &o->length_s);
    case OPTION_CHANNEL:
        err = whole_number(text, 0, 1023, &channel);
        o->channel = (uint32_t)channel;
        return channel == o->channel ? err : -EINVAL;
    case OPTION_WINDOW:
        return whole_number(text, 2, 1000, &o->window_ms);
    case OPTION_LIMIT_DB:
        return whole_number(text, -140, -10, &o->limit_db);
    case OPTION_ALIGNED:
        return whole_number(text, 0, 1e6, &o->aligned_us);
    case OPTION_EXPECT:
        o->expect_given = true;
        return whole_number(text, -1e5, 1e5, &o->expect_ms);
    case OPTION_SLACK:
        return whole_number(text, 0, 1e5, &o->slack_ms);
    default:
        return whole_number(text, 0, 1e6, &o->limit_us);
    }
}

static int take(struct cli_options *o, int option, const char *text)
{
    switch (option) {
    case OPTION_TONE:
        return tones_of(text, &o->tones);
    case OPTION_SOURCE:
        return source_of(text, &o->source);
    case OPTION_CSV:
        o->csv = text;
        return 0;
    case OPTION_JSON:
        o->json = true;
        return 0;
    case OPTION_WITNESS:
        o->witness = text;
        return 0;
    case OPTION_NAMES:
        o->names = text;
        return 0;
    default:
        return take_number(o, option, text);
    }
}

static int usage(const char *what, const char *value, const char *remedy)
{
    fprintf(stderr, "unisono-truth: %s%s%s%s; %s\n", what, value ? " '" : "", value ? value : "",
            value ? "'" : "", remedy);
    return 2;
}

static int run(const struct command *command, const struct cli_options *o)
{
    if (o->path_count < command->paths_min || o->path_count > command->paths_max)
        return usage("wrong number of recordings for", command->name, "see --help");
    if (command->run == cli_latency && (o->source == CLI_SOURCE_NONE || !o->expect_given))
        return usage("latency needs --source raw|realtime and --expect MS", NULL, "see --help");
    if (o->slack_ms > 0 && !o->witness)
        return usage("--slack-ms says nothing without --witness", NULL, "add --witness FILE");
    return command->run(o);
}

int main(int argc, char **argv)
{
    struct cli_options o = {.tones = {{1000000}, 1}, .limit_db = -60, .limit_us = 5, .aligned_us = 5};
    int option = 0, index = 0;

    while ((option = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (option == '?')
            return 2; /* getopt has said why */
        if (option == OPTION_HELP)
            return fputs(HELP, stdout) < 0;
        if (take(&o, option, optarg) < 0) {
            fprintf(stderr, "unisono-truth: bad value '%s' of --%s; see --help for what is allowed\n", optarg,
                    options[index].name);
            return 2;
        }
    }
    if (optind == argc)
        return usage("no command", NULL, "give pair, latency, damage, thdn or watch; see --help");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[optind], commands[i].name) != 0)
            continue;
        if (argc - optind - 1 > CLI_PATHS_MAX)
            return usage("too many recordings for", argv[optind], "see --help");
        for (int k = optind + 1; k < argc; k++)
            o.paths[o.path_count++] = argv[k];
        return run(&commands[i], &o);
    }
    return usage("unknown command", argv[optind], "give pair, latency, damage, thdn or watch; see --help");
}
