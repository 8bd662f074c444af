// SPDX-License-Identifier: GPL-3.0-or-later
#include "delay.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/slice.h"
#include "proto/timebase.h"

double delay_sound_m_s(double temperature_c)
{
    return 331.3 * sqrt(1 + temperature_c / 273.15);
}

static bool read_unit(struct slice word, enum delay_unit *unit)
{
    static const struct {
        struct slice word;
        enum delay_unit unit;
    } units[] = {{{"", 0}, DELAY_MS},
                 {{"ms", 2}, DELAY_MS},
                 {{"samples", 7}, DELAY_SAMPLES},
                 {{"smp", 3}, DELAY_SAMPLES},
                 {{"m", 1}, DELAY_METRES}};

    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (slice_equals_nocase(word, units[i].word)) {
            *unit = units[i].unit;
            return true;
        }
    return false;
}

static bool in_number(char c)
{
    return (c >= '0' && c <= '9') || c == '.' || c == '+' || c == '-';
}

int delay_parse(const char *text, struct delay *delay, char *why, size_t why_size)
{
    struct slice number = slice_trim((struct slice){text, strlen(text)}), unit = number;

    number.len = 0;
    while (number.len < unit.len && in_number(number.at[number.len]))
        number.len++;
    unit = slice_trim((struct slice){unit.at + number.len, unit.len - number.len});
    if (slice_decimal(number, &delay->amount) && delay->amount >= 0 && read_unit(unit, &delay->unit))
        return 0;
    snprintf(why, why_size, "allowed are 0 to %d ms, also as samples (140smp) or metres of air (12.5m)",
             DELAY_MAX_MS);
    return -EINVAL;
}

int delay_resolve(const struct delay *delay, const struct delay_place *place, int64_t *delay_ns, char *why,
                  size_t why_size)
{
    double ms = delay->amount;

    if (delay->unit == DELAY_SAMPLES)
        ms = delay->amount / place->card_rate_hz * 1e3;
    else if (delay->unit == DELAY_METRES)
        ms = delay->amount / delay_sound_m_s(place->temperature_c) * 1e3;
    if (!(ms <= DELAY_MAX_MS)) {
        if (delay->unit == DELAY_MS)
            snprintf(why, why_size, "allowed are 0 to %d ms", DELAY_MAX_MS);
        else
            snprintf(why, why_size, "that is %.1f ms; allowed are 0 to %d ms", ms, DELAY_MAX_MS);
        return -ERANGE;
    }
    *delay_ns = llround(ms * NS_PER_MS);
    return 0;
}
