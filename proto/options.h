// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The options of a program: one table that is the command line, the configuration file, --help and
 * --print-config at once. A row says what an option is called, what it may be, what it is by default and
 * where its value goes in a plain struct; nothing about an option stands anywhere else.
 *
 *     command line          --name value   or   --name=value;   a flag: --name, --name=yes, --name=no
 *     configuration file    name = value   one a line; # begins a comment at the start of a line or after a
 *                           blank; a value that holds such a # or outer blanks stands in "double quotes",
 *                           with \" and \\ for those two signs; a flag: yes or no; text may be empty
 *
 * Defaults, then the file of --config, then the command line; each may be given once at each place, but a
 * list as often as it has room for: those of the command line then stand for all of the file's, and an empty
 * one adds nothing. Every program also has --config, --print-config, --help and --version. --print-config
 * prints such a file, each option under its help; the defaults stand behind #, so that the file follows them.
 *
 * This is the one file of proto/ that touches stdio: it reads the configuration file and prints.
 */
#ifndef UNISONO_OPTIONS_H
#define UNISONO_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_kind {
    OPTION_FLAG,    /* bool */
    OPTION_INTEGER, /* uint32_t */
    OPTION_REAL,    /* double, always finite */
    OPTION_CHOICE,  /* int: the place of the word in `allowed`, from 0; -1: none given and no default */
    OPTION_TEXT,    /* char[]; "" : none given and no default */
    OPTION_LIST,    /* struct option_list: texts, one each time it is given; without default */
};

enum { OPTION_LIST_MAX = 16, OPTION_LIST_TEXT = 1024 };

struct option_list {
    uint32_t count;
    char texts[OPTION_LIST_MAX][OPTION_LIST_TEXT]; /* none is empty */
};

struct option_spec {
    const char *group; /* heading in --help; rows of one group stand together */
    const char *name;  /* without the dashes */
    enum option_kind kind;
    size_t offset;        /* of the member that takes the value, */
    size_t size;          /* and its size in bytes: see OPTION_MEMBER */
    const char *standard; /* the default, as one would type it; NULL: none (0, false, -1, "") */
    double min, max;      /* integer and real: the range, both ends allowed; ignored where `allowed` is set */
    const char *allowed;  /* choice: its words; integer and real: the only values; blanks between; or NULL */
    const char *zero_word; /* integer: a word that stands for 0, allowed besides the range; or NULL */
    const char *unit;      /* integer and real, may be typed behind the number; or NULL */
    const char *argument;  /* what --help calls the value, such as MS; NULL for a flag */
    const char *help;      /* one or two sentences, no full stop at the end */
    /*
     * Text, each one of a list: 0, or a negative errno and in `why` what is wrong and what is allowed, to
     * stand after "--name value: ". NULL: every text will do. Never called for an empty text.
     */
    int (*check)(const char *text, char *why, size_t why_len);
};

#define OPTION_MEMBER(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member)

struct options_program {
    const char *name;     /* "unisono-send" */
    const char *usage;    /* what follows the name in the first line of --help */
    const char *summary;  /* a paragraph or two for --help */
    const char *examples; /* the end of --help, lines of their own; or NULL */
    const struct option_spec *specs;
    size_t count;
    const char *operand; /* the option whose value may stand without its name: a word, or -; NULL: none */
    /*
     * Called once all values are set: what no single row can judge. 0, or a negative errno and in `why`
     * one line that names the option, the value and what is allowed. NULL: nothing to judge.
     */
    int (*check)(const void *values, char *why, size_t why_len);
};

/*
 * Fills `values` (the struct the offsets refer to). Returns true: the program goes on. Returns false: it
 * ends now with *exit_status: 0 after --help, --version or --print-config (on `out`), 1 when `out` cannot
 * be written, 2 after a usage error (one line on `err`). Keeps no pointer to argv.
 */
bool options_parse(const struct options_program *program, void *values, int argc, char *const *argv,
                   FILE *out, FILE *err, int *exit_status);

/* Row i of the program's own rows and those every program has; NULL past the end. */
const struct option_spec *options_spec(const struct options_program *program, size_t i);

/* The whole text as one finite number in plain decimal notation; false: it is something else. */
bool option_parse_real(const char *text, double *value);

/* The same, the unit behind it or left out, whatever its case. `unit` NULL: there is none. */
bool option_parse_quantity(const char *text, const char *unit, double *value);

/*
 * Values both ends share. The functions return 0, or -EINVAL with the reason in `why`, and those called
 * "check" serve in rows.
 */

/* Words of --profile, and what they come out as; words of --codec, which come out as enum rtp_codec. */
#define OPTION_PROFILES "unisono aes67"
enum option_profile { OPTION_PROFILE_UNISONO, OPTION_PROFILE_AES67 };
#define OPTION_CODECS "L16 L24 F32 Opus"

/* Words of --resampler, in the order of enum resample_quality. */
#define OPTION_RESAMPLERS "fastest medium best"

/* Values of --rate: those of AES67-2018 section 7.1, and twice 44100. */
#define OPTION_RATES "44100 48000 88200 96000"

/* ADDR[:PORT], an IPv4 multicast address; the port, 5004 by default, leaves one above it for RTCP. */
int option_parse_group(const char *text, struct sockaddr_in *group, char *why, size_t why_len);
int option_check_group(const char *text, char *why, size_t why_len);

/* auto | system | ptp4l | ptp4l:SOCKET | phc:DEVICE | phc:INTERFACE, which clock_source_open() takes apart.
 */
int option_check_clock(const char *text, char *why, size_t why_len);

/* auto | off | a path with a slash in it, for remote_open(). */
int option_check_control(const char *text, char *why, size_t why_len);

#endif
