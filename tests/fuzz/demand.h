// SPDX-License-Identifier: GPL-3.0-or-later
/* What a target demands of the code under test: a failure ends the run, and the fuzzer keeps the input. */
#ifndef UNISONO_DEMAND_H
#define UNISONO_DEMAND_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define DEMAND(condition)                                                                                    \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                    \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/* Runs one input, libFuzzer's interface: each target defines it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
