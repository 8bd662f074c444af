// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The page at one glance: a stream, how well it is aligned, what is heard of it, its receivers, alarms. Where
 * rows are few the receivers keep theirs, and what stands above them gives way.
 */
#include "page.h"

#include <math.h>
#include <stdio.h>

#include "gauge.h"

enum { MARGIN = 2, NAME_MIN = 13, NAME_MAX = 26, SPARK_MIN = 10 };

static void stream_list(struct sheet *sheet, const struct desk *desk, const struct view *view, size_t lines)
{
    for (size_t i = 0; i < view->streams && i < lines; i++) {
        const struct view_stream *s = &view->stream[i];
        struct line *line = sheet_line(sheet);
        char text[FIGURE_SIZE];

        line->selected = i == desk->stream;
        line_add(line, "%c ", i == desk->stream ? '>' : ' ');
        line_look(line, level_look(s->level));
        line_add(line, "%-7s ", level_word(s->level));
        line_look(line, LOOK_PLAIN);
        line_text(line, s->name, NAME_MAX);
        line_pad(line, 11 + (line->columns >= 60 ? NAME_MAX : NAME_MIN));
        line_field(line, "%zu playing", s->playing);
        if (s->silent)
            line_field(line, "%zu silent", s->silent);
        line_field(line, "apart %s us", gauge_plain(text, s->apart_us, 1));
        line_field(line, "headroom %s ms", gauge_plain(text, s->headroom_ms, 1));
    }
}

static void heading(struct sheet *sheet, const struct desk *desk, const struct view *view,
                    const struct view_stream *s, size_t lines)
{
    char ptime[FIGURE_SIZE], latency[FIGURE_SIZE];
    struct flow flow;

    flow_begin(&flow, sheet, lines);
    line_look(flow.line, LOOK_BOLD);
    line_text(flow.line, *s->name ? s->name : "(no name)", sheet->columns > 60 ? 40 : sheet->columns / 2);
    if (view->streams > 1)
        flow_field(&flow, LOOK_PLAIN, "stream %zu of %zu", desk->stream + 1, view->streams);
    if (s->waiting)
        flow_field(&flow, LOOK_NOTE, "WAITING FOR RECEIVERS");
    else if (s->standby)
        flow_field(&flow, LOOK_PLAIN, "standby");
    else if (!s->on_air)
        flow_field(&flow, LOOK_WARNING, "NO SOUND");
    flow_field(&flow, LOOK_PLAIN, "%s", s->group);
    flow_field(&flow, LOOK_PLAIN, "%s/%u/%u", or_dash(s->codec), (unsigned)s->rate_hz, s->channels);
    flow_field(&flow, LOOK_PLAIN, "latency %s ms", gauge_short(latency, s->latency_ms));
    flow_field(&flow, LOOK_PLAIN, "packets of %s ms", gauge_short(ptime, s->ptime_ms));
    flow_field(&flow, LOOK_PLAIN, "%s", s->announced ? "announced" : "not announced");
    if (*s->sender)
        flow_field(&flow, LOOK_PLAIN, "from %s", s->sender);
    flow_field(&flow, s->clock.holdover ? LOOK_WARNING : LOOK_PLAIN, "sender's clock %s",
               *s->clock.state  ? s->clock.state
               : s->clock.known ? "PTP"
                                : "unknown");
    flow_clock(&flow, &s->clock);
    if (*s->host)
        flow_field(&flow, LOOK_PLAIN, "host %s", s->host);
    if (*s->tool)
        flow_field(&flow, LOOK_PLAIN, "%s", s->tool);
}

static void alignment(struct sheet *sheet, const struct view_stream *s, size_t lines)
{
    bool apart = s->apart_us > s->apart_limit_us;
    char a[FIGURE_SIZE], p99[FIGURE_SIZE], limit[FIGURE_SIZE], text[FIGURE_SIZE];
    struct flow flow;

    flow_begin(&flow, sheet, lines);
    if (isnan(s->apart_us))
        flow_field(&flow, LOOK_BOLD, "aligned: fewer than two play");
    else
        flow_field(&flow, apart ? LOOK_ALARM : LOOK_BOLD, "%s %s us (p99 %s, limit %s)",
                   apart ? "APART" : "aligned", gauge_plain(a, s->apart_us, 1),
                   gauge_plain(p99, s->apart_p99_us, 1), gauge_short(limit, s->apart_limit_us));
    flow_field(&flow, LOOK_PLAIN, "headroom %s ms%s%s", gauge_plain(text, s->headroom_ms, 1),
               *s->headroom_of ? " at " : "", s->headroom_of);
    flow_field(&flow, LOOK_PLAIN, "loss %s %%", gauge_plain(text, s->witness.loss_percent, 2));
    if (*s->early && *s->late && sheet->columns >= 50)
        flow_field(&flow, LOOK_PLAIN, "furthest: %s early, %s late", s->early, s->late);
    if (!isnan(s->safe_latency_ms))
        flow_field(&flow, LOOK_PLAIN, "smallest safe latency %s ms",
                   gauge_plain(text, s->safe_latency_ms, 1));
    flow_field(&flow, LOOK_PLAIN, "%zu of %zu play", s->playing, s->receivers);
    if (s->silent)
        flow_field(&flow, LOOK_ALARM, "%zu SILENT", s->silent);
}

static void witness(struct sheet *sheet, const struct view_stream *s, size_t lines)
{
    const struct view_witness *w = &s->witness;
    char a[FIGURE_SIZE], b[FIGURE_SIZE];
    struct flow flow;

    flow_begin(&flow, sheet, lines);
    if (!flow.line)
        return;
    if (!w->hears) {
        flow_field(&flow, LOOK_PLAIN, "heard here: nothing");
        return;
    }
    if (!w->honest)
        flow_field(&flow, LOOK_ALARM, "DISHONEST: %s", w->dishonest);
    flow_field(&flow, LOOK_PLAIN, "heard here: %s packets/s", gauge_plain(a, w->packets_per_s, 0));
    flow_field(&flow, LOOK_PLAIN, "%s Mbit/s", gauge_plain(a, w->bits_per_s / 1e6, 2));
    flow_field(&flow, LOOK_PLAIN, "jitter %s us (worst %s)", gauge_plain(a, w->jitter_us, 0),
               gauge_plain(b, w->jitter_worst_us, 0));
    if (w->timed)
        flow_field(&flow, LOOK_PLAIN, "lead %s ms (least %s)", gauge_plain(a, w->lead_median_ms, 1),
                   gauge_plain(b, w->lead_min_ms, 1));
    else
        flow_field(&flow, LOOK_NOTE, "lead unknown: this clock is not locked");
    if (w->timed)
        flow_field(&flow, LOOK_PLAIN, "sent %s ms after its sampling", gauge_plain(a, w->sent_after_ms, 1));
    flow_field(&flow, LOOK_PLAIN, "lost %s", gauge_plain(a, w->lost, 0));
    flow_field(&flow, LOOK_PLAIN, "duplicates %s", gauge_plain(a, w->duplicates, 0));
    flow_field(&flow, LOOK_PLAIN, "reordered %s", gauge_plain(a, w->reordered, 0));
    flow_field(&flow, LOOK_PLAIN, "malformed %s", gauge_plain(a, w->malformed, 0));
    if (w->honest)
        flow_field(&flow, LOOK_PLAIN, "presentation times honest");
}

static void levels(struct sheet *sheet, const struct view_witness *w)
{
    struct line *line = sheet_line(sheet);

    line_add(line, "level dB ");
    if (w->channels)
        gauge_levels(line, w->peaks_db, w->channels);
    else
        line_add(line, "-");
}

static void history(struct sheet *sheet, const char *what, const char *unit, enum gauge_worst worst,
                    const struct view_history *values)
{
    double full = gauge_worst_of(values, GAUGE_LARGEST);
    struct line *line = sheet_line(sheet);
    char text[FIGURE_SIZE], scale[64];
    unsigned columns;

    line_add(line, "%-9s", what);
    if (isnan(full)) {
        line_add(line, "-");
        return;
    }
    snprintf(scale, sizeof scale, " 0..%s %s, %u s", gauge_figure(text, full, 8, 1, false), unit,
             VIEW_HISTORY);
    columns = line_width_of(scale, true);
    columns = line->columns > line->used + columns ? line->columns - line->used - columns : 1;
    gauge_spark(line, values, columns, full, worst);
    line_add(line, "%s", scale);
}

/* ---- receivers -------------------------------------------------------------------------------------------
 */

enum column {
    COLUMN_STATE,
    COLUMN_ERROR,
    COLUMN_P99,
    COLUMN_APART,
    COLUMN_PTP,
    COLUMN_HEADROOM,
    COLUMN_LOSS,
    COLUMN_XRUNS,
    COLUMN_PPM,
    COLUMN_LEVEL,
    COLUMN_AGE,
    COLUMNS_COUNT,
};

/* In the order they are shown; `rank`: in which they are given room. The first column of each is a space. */
static const struct {
    const char *heading;
    unsigned width, rank;
} columns[COLUMNS_COUNT] = {
    [COLUMN_STATE] = {"state", 8, 0}, [COLUMN_ERROR] = {"error us", 9, 1},
    [COLUMN_P99] = {"p99", 7, 7},     [COLUMN_APART] = {"apart", 8, 5},
    [COLUMN_PTP] = {"PTP", 11, 3},    [COLUMN_HEADROOM] = {"room ms", 8, 2},
    [COLUMN_LOSS] = {"loss %", 7, 4}, [COLUMN_XRUNS] = {"xruns", 6, 6},
    [COLUMN_PPM] = {"ppm", 8, 9},     [COLUMN_LEVEL] = {"dB", 6, 10},
    [COLUMN_AGE] = {"age s", 6, 8},
};

struct table {
    bool shown[COLUMNS_COUNT];
    unsigned name, spark; /* columns */
    double full_us;       /* of the sparklines */
};

static struct table table_layout(const struct view_stream *s, unsigned width)
{
    struct table t = {.name = NAME_MIN, .full_us = s->apart_limit_us};
    unsigned left = width > MARGIN + NAME_MIN ? width - MARGIN - NAME_MIN : 0, more;
    bool room = true;

    for (unsigned rank = 0; rank < COLUMNS_COUNT && room; rank++)
        for (unsigned i = 0; i < COLUMNS_COUNT; i++)
            if (columns[i].rank == rank) {
                room = t.shown[i] = columns[i].width <= left;
                left -= t.shown[i] ? columns[i].width : 0;
            }
    more = left < NAME_MAX - NAME_MIN ? left : NAME_MAX - NAME_MIN;
    if (left > SPARK_MIN + 1 && left - more < SPARK_MIN + 1)
        more = left - SPARK_MIN - 1;
    t.name += more;
    left -= more;
    t.spark = left > SPARK_MIN ? left - 1 : 0;
    return t;
}

static void table_heading(struct line *line, const struct table *t)
{
    unsigned at = MARGIN + t->name;
    char text[FIGURE_SIZE];

    line_look(line, LOOK_HEADING);
    line_pad(line, MARGIN);
    line_add(line, "receiver");
    line_pad(line, at);
    for (unsigned i = 0; i < COLUMNS_COUNT; i++) {
        unsigned width = columns[i].width;

        if (!t->shown[i])
            continue;
        at += width;
        if (i == COLUMN_STATE || i == COLUMN_PTP)
            line_add(line, " %-*s", (int)width - 1, columns[i].heading);
        else
            line_add(line, "%*s", (int)width, columns[i].heading);
    }
    if (!t->spark)
        return;
    line_pad(line, at + 1);
    if (t->spark >= 24)
        line_add(line, "error ");
    if (!isnan(t->full_us))
        line_add(line, "0..%s us ", gauge_short(text, t->full_us));
    line_add(line, "%u s", VIEW_HISTORY);
}

static float loudest(const struct view_receiver *r)
{
    float db = r->channels ? -INFINITY : NAN;

    for (unsigned i = 0; i < r->channels && i < VIEW_CHANNELS; i++)
        db = fmaxf(db, r->peaks_db[i]);
    return db;
}

static const char *cell(char text[FIGURE_SIZE], const struct view_receiver *r, enum column column)
{
    unsigned width = columns[column].width - 1;

    switch (column) {
    case COLUMN_STATE:
        return or_dash(r->state);
    case COLUMN_PTP:
        return or_dash(r->clock.state);
    case COLUMN_ERROR:
        return gauge_figure(text, r->error_us, width, 1, true);
    case COLUMN_P99:
        return gauge_figure(text, r->error_p99_us, width, 1, false);
    case COLUMN_APART:
        return gauge_figure(text, r->apart_us, width, 1, true);
    case COLUMN_HEADROOM:
        return gauge_figure(text, r->headroom_ms, width, 1, false);
    case COLUMN_LOSS:
        return gauge_figure(text, r->loss_percent, width, 2, false);
    case COLUMN_XRUNS:
        return gauge_figure(text, r->xruns, width, 0, false);
    case COLUMN_PPM:
        return gauge_figure(text, r->resample_ppm, width, 2, true);
    case COLUMN_LEVEL:
        return gauge_figure(text, (double)loudest(r), width, 1, false);
    default:
        return gauge_figure(text, r->age_s, width, 1, false);
    }
}

static void table_row(struct line *line, const struct table *t, const struct view_receiver *r, bool selected)
{
    static const char mark[] = " nWA";
    unsigned at = MARGIN + t->name;
    char text[FIGURE_SIZE];

    line->selected = selected;
    line_look(line, level_look(r->level));
    line_add(line, "%c%c", selected ? '>' : ' ', mark[r->level]);
    line_text(line, *r->name ? r->name : or_dash(r->address), t->name);
    line_pad(line, at);
    line_look(line, r->level > VIEW_NOTE ? level_look(r->level) : LOOK_PLAIN);
    for (unsigned i = 0; i < COLUMNS_COUNT; i++) {
        const char *said;
        unsigned blank;

        if (!t->shown[i])
            continue;
        said = cell(text, r, i);
        blank = columns[i].width - 1;
        blank -= line_width_of(said, true) < blank ? line_width_of(said, true) : blank;
        line_pad(line, at + 1 + (i == COLUMN_STATE || i == COLUMN_PTP ? 0 : blank));
        line_text(line, said, columns[i].width - 1);
        at += columns[i].width;
        line_pad(line, at);
    }
    if (t->spark) {
        double full = isnan(t->full_us) ? gauge_worst_of(&r->errors, GAUGE_LARGEST) : t->full_us;

        line_pad(line, at + 1);
        gauge_spark(line, &r->errors, t->spark, full, GAUGE_LARGEST);
    }
    if (selected)
        line_pad(line, line->columns);
}

static void receivers(struct sheet *sheet, struct desk *desk, const struct view_stream *s, size_t rows)
{
    struct table t = table_layout(s, sheet->columns);

    if (rows < 2)
        return;
    rows--;
    table_heading(sheet_line(sheet), &t);
    desk->visible = rows;
    if (desk->top + rows > desk->receivers)
        desk->top = desk->receivers > rows ? desk->receivers - rows : 0;
    if (desk->selected < desk->top)
        desk->top = desk->selected;
    if (desk->selected >= desk->top + rows)
        desk->top = desk->selected - rows + 1;
    for (size_t i = desk->top; i < desk->top + rows && i < desk->receivers; i++)
        table_row(sheet_line(sheet), &t, &s->receiver[desk->order[i]], i == desk->selected);
    if (desk->receivers == 0)
        line_add(sheet_line(sheet), "  none has been heard of");
}

/* At the bottom; how many rows it takes. */
static size_t alarm_pane(struct sheet *sheet, const struct view *view)
{
    size_t rows = sheet->rows < 7 ? 0 : sheet->rows < 14 ? 1 : sheet->rows / 6;
    struct sheet pane = *sheet;

    if (rows > view->alarms)
        rows = view->alarms;
    pane.lines += sheet->rows - rows;
    pane.rows = rows;
    pane.next = 0;
    for (size_t i = 0; i < rows; i++)
        alarm_line(sheet_line(&pane), view, &view->alarm[i]);
    return rows;
}

void page_stream(struct sheet *sheet, struct desk *desk, const struct view *view)
{
    const struct view_stream *s = desk_stream(desk, view);
    size_t rows = sheet->rows, pane = alarm_pane(sheet, view);

    sheet->rows -= pane;
    if (!s) {
        line_add(sheet_line(sheet), "No stream has been heard yet.");
        return;
    }
    if (view->streams > 1 && rows >= 16)
        stream_list(sheet, desk, view, rows / 6);
    heading(sheet, desk, view, s, rows >= 20 ? 2 : 1);
    alignment(sheet, s, rows >= 30 ? 3 : 2);
    if (rows >= 12)
        witness(sheet, s, rows >= 20 ? 2 : 1);
    if (rows >= 14)
        levels(sheet, &s->witness);
    if (rows >= 18) {
        history(sheet, "apart", "us", GAUGE_HIGHEST, &s->aparts);
        history(sheet, "headroom", "ms", GAUGE_LOWEST, &s->headrooms);
    }
    receivers(sheet, desk, s, sheet->rows > sheet->next ? sheet->rows - sheet->next : 0);
}
