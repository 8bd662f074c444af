// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * From numbers of the wire to those of a view: units, texts, histories.
 */
#ifndef UNISONO_MONITOR_FIGURES_H
#define UNISONO_MONITOR_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#include "proto/rtcp.h"
#include "view.h"

/* us, ms; NAN for TELEMETRY_UNKNOWN. */
double figure_us_of_ns(int32_t ns);
double figure_ms_of_us(int32_t us);

/* dB of full scale of a peak as telemetry has it, and of a magnitude. */
float figure_db_of_peak(uint8_t peak);
float figure_db_of_magnitude(float magnitude);

/* "10.77.0.1", and with the port "239.69.83.1:5004"; address in network byte order, port in the host's. */
void figure_address(char *text, size_t size, uint32_t address);
void figure_group(char *text, size_t size, uint32_t address, uint16_t port);

/* A text of strangers, cut to the size of a view's at a character's end. */
void figure_text(char *text, size_t size, const char *from);

/* A clock of which nothing is known; and what its owner says whose time it is. Only known, holdover, domain
 * and grandmaster are set. */
struct view_clock figure_no_clock(void);
void figure_clock(struct view_clock *clock, const struct rtcp_clock *said);
void figure_clock_state(struct view_clock *clock, enum media_clock_state state);

/* A history without values; and one second more. */
void figure_history_clear(struct view_history *history);
void figure_history_add(struct view_history *history, double value);

/* Sorts places 0 to count - 1 of `order` so that before(context, a, b) never holds the wrong way round. */
void figure_sort(uint32_t *order, size_t count, int (*compare)(const void *context, uint32_t a, uint32_t b),
                 const void *context);

#endif
