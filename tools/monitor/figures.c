// SPDX-License-Identifier: GPL-3.0-or-later
#include "figures.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/printable.h"

double figure_us_of_ns(int32_t ns)
{
    return ns == TELEMETRY_UNKNOWN ? NAN : ns / 1e3;
}

double figure_ms_of_us(int32_t us)
{
    return us == TELEMETRY_UNKNOWN ? NAN : us / 1e3;
}

float figure_db_of_peak(uint8_t peak)
{
    return peak == TELEMETRY_SILENCE ? -INFINITY : -(float)peak / 2;
}

float figure_db_of_magnitude(float magnitude)
{
    return magnitude > 0 ? 20 * log10f(magnitude) : -INFINITY;
}

void figure_address(char *text, size_t size, uint32_t address)
{
    uint8_t byte[4];

    memcpy(byte, &address, sizeof byte);
    snprintf(text, size, "%u.%u.%u.%u", byte[0], byte[1], byte[2], byte[3]);
}

void figure_group(char *text, size_t size, uint32_t address, uint16_t port)
{
    char host[16];

    figure_address(host, sizeof host, address);
    snprintf(text, size, "%s:%u", host, port);
}

void figure_text(char *text, size_t size, const char *from)
{
    printable_copy(text, size, from, strlen(from));
}

struct view_clock figure_no_clock(void)
{
    return (struct view_clock){.offset_us = NAN, .uncertainty_us = NAN};
}

void figure_clock(struct view_clock *clock, const struct rtcp_clock *said)
{
    uint8_t id[8];

    clock->known = said->known;
    clock->holdover = said->holdover;
    clock->domain = said->domain;
    for (int i = 0; i < 8; i++)
        id[i] = (uint8_t)(said->gm_id >> (56 - 8 * i));
    clock->grandmaster[0] = '\0';
    if (said->known)
        snprintf(clock->grandmaster, sizeof clock->grandmaster, "%02X-%02X-%02X-%02X-%02X-%02X-%02X-%02X",
                 id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7]);
}

void figure_clock_state(struct view_clock *clock, enum media_clock_state state)
{
    figure_text(clock->state, sizeof clock->state, media_clock_state_name(state));
}

void figure_history_clear(struct view_history *history)
{
    for (size_t i = 0; i < VIEW_HISTORY; i++)
        history->value[i] = NAN;
}

void figure_history_add(struct view_history *history, double value)
{
    memmove(history->value, history->value + 1, sizeof history->value - sizeof *history->value);
    history->value[VIEW_HISTORY - 1] = (float)value;
}

void figure_sort(uint32_t *order, size_t count, int (*compare)(const void *context, uint32_t a, uint32_t b),
                 const void *context)
{
    /* Shellsort with Ciura's gaps: qsort() may allocate, and what was sorted a second ago nearly still is */
    static const size_t gaps[] = {8861, 3938, 1750, 701, 301, 132, 57, 23, 10, 4, 1};

    for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++)
        for (size_t i = gaps[g]; i < count; i++) {
            uint32_t moved = order[i];
            size_t at = i;

            for (; at >= gaps[g] && compare(context, order[at - gaps[g]], moved) > 0; at -= gaps[g])
                order[at] = order[at - gaps[g]];
            order[at] = moved;
        }
}
