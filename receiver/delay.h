// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A delay as people say it:
 *
 *     2.9   2.9ms              milliseconds
 *     140samples   140smp      frames of the card
 *     12.5m                    metres that sound travels in air: a speaker so much nearer to the
 *                              audience than another one waits for it
 *
 * Blanks around number and unit mean nothing. Pure.
 */
#ifndef UNISONO_DELAY_H
#define UNISONO_DELAY_H

#include <stddef.h>
#include <stdint.h>

enum delay_unit { DELAY_MS, DELAY_SAMPLES, DELAY_METRES };

struct delay {
    double amount; /* 0 or more */
    enum delay_unit unit;
};

/* What the units other than milliseconds depend on. */
struct delay_place {
    uint32_t card_rate_hz;
    double temperature_c; /* above -273 */
};

#define DELAY_MAX_MS        1000
#define DELAY_TEMPERATURE_C 20.0

/* Of sound in dry air: 331.3 m/s * sqrt(1 + C / 273.15), an ideal gas. 343.2 at 20 degrees. */
double delay_sound_m_s(double temperature_c);

/* Reads one. 0; -EINVAL, and in `why` what is allowed, to stand behind the text and a colon. */
int delay_parse(const char *text, struct delay *delay, char *why, size_t why_size);

/* To nanoseconds, 0 to 1000 ms, the nearest. -ERANGE, and in `why` what it came to and what is allowed. */
int delay_resolve(const struct delay *delay, const struct delay_place *place, int64_t *delay_ns, char *why,
                  size_t why_size);

#endif
