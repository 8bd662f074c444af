// SPDX-License-Identifier: GPL-3.0-or-later
#include "gauge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 8, METER_DB = 60, METER_COLUMNS = 10 };

const char *gauge_figure(char text[FIGURE_SIZE], double value, unsigned width, unsigned decimals, bool sign)
{
    static const char unit[] = " kMGT";
    const char *format = sign ? "%+.*f" : "%.*f";

    if (isnan(value))
        return strcpy(text, "-");
    if (isinf(value))
        return strcpy(text, value > 0 ? "inf" : "-inf");
    if (fabs(value) < 0.5 * pow(10, -(double)decimals))
        value = 0, format = "%.*f"; /* no -0.0 */
    for (int d = (int)decimals; d >= 0; d--)
        if (snprintf(text, FIGURE_SIZE, format, d, value) <= (int)width)
            return text;
    for (size_t i = 1; i < sizeof unit - 1; i++) {
        int len;

        value /= 1000;
        len = snprintf(text, FIGURE_SIZE, sign ? "%+.0f%c" : "%.0f%c", value, unit[i]);
        if (len <= (int)width)
            return text;
    }
    return strcpy(text, value < 0 ? "-huge" : "huge");
}

const char *gauge_plain(char text[FIGURE_SIZE], double value, unsigned decimals)
{
    return gauge_figure(text, value, 16, decimals, false);
}

const char *gauge_short(char text[FIGURE_SIZE], double value)
{
    if (isnan(value))
        return strcpy(text, "-");
    snprintf(text, FIGURE_SIZE, "%.6g", value);
    return text;
}

/* The worse of two, of which the first may not be known. */
static double worse(double a, double b, enum gauge_worst worst)
{
    if (worst == GAUGE_LARGEST)
        b = fabs(b);
    if (isnan(a) || isnan(b))
        return isnan(b) ? a : b;
    return worst == GAUGE_LOWEST ? fmin(a, b) : fmax(a, b);
}

double gauge_worst_of(const struct view_history *history, enum gauge_worst worst)
{
    double value = NAN;

    for (size_t i = 0; i < VIEW_HISTORY; i++)
        value = worse(value, (double)history->value[i], worst);
    return value;
}

static const char *step_sign(double part, bool ascii)
{
    static const char *const block[STEPS] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                             "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char *const plain[STEPS] = {"_", ".", "-", "~", "=", "+", "*", "#"};
    int step;

    if (isnan(part))
        return " ";
    if (part < 0 || part > 1)
        return "!";
    step = (int)(part * STEPS);
    if (step == STEPS)
        step--;
    return ascii ? plain[step] : block[step];
}

void gauge_spark(struct line *line, const struct view_history *history, unsigned columns, double full,
                 enum gauge_worst worst)
{
    size_t each, first;

    if (columns > line->columns - line->used)
        columns = line->columns - line->used;
    if (columns == 0)
        return;
    each = (VIEW_HISTORY + columns - 1) / columns;
    first = VIEW_HISTORY % each;
    for (size_t at = 0, end = first ? first : each; at < VIEW_HISTORY; at = end, end += each) {
        double value = NAN;

        for (size_t i = at; i < end; i++)
            value = worse(value, (double)history->value[i], worst);
        line_text(line, step_sign(full > 0 ? value / full : value, line->ascii), 1);
    }
}

static double loudness(float db)
{
    return isnan(db) ? 0 : fmax(0, 1 + (double)db / METER_DB);
}

static enum look level_look(float db)
{
    return db >= 0 ? LOOK_ALARM : db > -6 ? LOOK_NOTE : LOOK_WELL;
}

static void level_bar(struct line *line, unsigned channel, float db)
{
    double part = loudness(db);
    unsigned bars = (unsigned)lround(fmin(part, 1) * METER_COLUMNS);
    char bar[METER_COLUMNS + 1], figure[FIGURE_SIZE];

    memset(bar, '.', METER_COLUMNS);
    memset(bar, '#', bars);
    bar[METER_COLUMNS] = '\0';
    line_look(line, LOOK_PLAIN);
    line_add(line, "%s%u ", line->used ? "  " : "", channel);
    line_look(line, level_look(db));
    line_add(line, "%s%c", bar, db >= 0 ? '!' : ' ');
    line_look(line, LOOK_PLAIN);
    line_add(line, "%5s", gauge_figure(figure, (double)db, 5, 1, false));
}

void gauge_levels(struct line *line, const float *peaks_db, unsigned channels)
{
    enum { BAR_COLUMNS = 2 + 3 + METER_COLUMNS + 1 + 5 };
    char figure[FIGURE_SIZE];
    float loudest = -INFINITY;

    if (channels > VIEW_CHANNELS)
        channels = VIEW_CHANNELS;
    if (channels * BAR_COLUMNS <= line->columns - line->used) {
        for (unsigned i = 0; i < channels; i++)
            level_bar(line, i + 1, peaks_db[i]);
        return;
    }
    for (unsigned i = 0; i < channels; i++) {
        double part = loudness(peaks_db[i]);

        loudest = fmaxf(loudest, peaks_db[i]);
        line_look(line, level_look(peaks_db[i]));
        line_text(line, part <= 0 ? "." : step_sign(peaks_db[i] >= 0 ? 2 : part, line->ascii), 1);
    }
    line_look(line, LOOK_PLAIN);
    line_add(line, "  %s dB", gauge_figure(figure, (double)loudest, 6, 1, false));
}
