// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What a check found, and how it is told: as lines for people, or as one JSON object (RFC 8259) for scripts.
 *
 *     WARN  eee                 on at eth0: the link sleeps between packets, which delays them by up to 30 us
 *           remedy: ethtool --set-eee eth0 eee off
 */
#ifndef UNISONO_FINDING_H
#define UNISONO_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* In the order of badness. SKIP: it could not be seen, or there is nothing to see; `found` says which. */
enum result { RESULT_SKIP, RESULT_PASS, RESULT_WARN, RESULT_FAIL };

struct finding {
    const char *name; /* of the check, one word; never freed */
    enum result result;
    char found[512];
    char remedy[512]; /* a command or a setting; "" where none is needed, never so with WARN and FAIL */
};

__attribute__((format(printf, 3, 4))) struct finding finding_make(const char *name, enum result result,
                                                                  const char *format, ...);

/* The same with a remedy. */
__attribute__((format(printf, 2, 3))) struct finding finding_remedy(struct finding finding,
                                                                    const char *format, ...);

/* "PASS" and so on. */
const char *result_name(enum result result);

/* How many of each there were. All 0 at first. */
struct tally {
    unsigned count[RESULT_FAIL + 1];
};

/* The worst that was found: RESULT_PASS, RESULT_WARN or RESULT_FAIL. A SKIP is no fault. */
enum result tally_worst(const struct tally *tally);

/* 0, 1 or 2: the exit status for it. */
int tally_status(const struct tally *tally);

/* As lines: each finding, and the verdict at the end. */
void finding_print(FILE *out, const struct finding *finding);
void tally_print(FILE *out, const struct tally *tally);

/*
 * As JSON: begin, each finding (`first` for the comma), end. Octets that are not printable ASCII come out as
 * \u00XX, so that the output is valid whatever a file of the host holds.
 */
void json_begin(FILE *out);
void json_finding(FILE *out, const struct finding *finding, bool first);
void json_end(FILE *out, const struct tally *tally);

#endif
