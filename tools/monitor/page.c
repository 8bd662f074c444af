// SPDX-License-Identifier: GPL-3.0-or-later
#include "page.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gauge.h"

struct line *sheet_line(struct sheet *sheet)
{
    bool seen = sheet_room(sheet) && sheet->next >= sheet->skip;
    struct line *line = seen ? &sheet->lines[sheet->next - sheet->skip] : sheet->scrap;

    line_begin(line, sheet->columns, sheet->ascii);
    sheet->next++;
    return line;
}

bool sheet_room(const struct sheet *sheet)
{
    return sheet->next < sheet->skip + sheet->rows;
}

void flow_begin(struct flow *flow, struct sheet *sheet, size_t lines_max)
{
    *flow = (struct flow){.sheet = sheet, .lines_left = lines_max};
    if (lines_max == 0)
        return;
    flow->line = sheet_line(sheet);
    flow->lines_left--;
}

void flow_field(struct flow *flow, enum look look, const char *format, ...)
{
    char text[LINE_SIZE];
    va_list args;

    if (!flow->line)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    line_look(flow->line, look);
    if (line_field(flow->line, "%s", text))
        return;
    if (flow->lines_left > 0) {
        flow->line = sheet_line(flow->sheet);
        flow->lines_left--;
        line_pad(flow->line, 2);
        line_look(flow->line, look);
        line_text(flow->line, text, flow->line->columns);
    } else if (flow->line->used <= 2) {
        line_text(flow->line, text, flow->line->columns);
    }
}

const char *or_dash(const char *text)
{
    return *text ? text : "-";
}

const char *level_word(enum view_level level)
{
    static const char *const word[] = {"well", "NOTE", "WARNING", "ALARM"};

    return word[level];
}

enum look level_look(enum view_level level)
{
    static const enum look look[] = {LOOK_WELL, LOOK_NOTE, LOOK_WARNING, LOOK_ALARM};

    return look[level];
}

void flow_clock(struct flow *flow, const struct view_clock *clock)
{
    char text[FIGURE_SIZE];

    if (clock->holdover)
        flow_field(flow, LOOK_WARNING, "HOLDOVER");
    if (clock->known)
        flow_field(flow, LOOK_PLAIN, "domain %u", clock->domain);
    else if (*clock->state)
        flow_field(flow, LOOK_PLAIN, "no PTP domain known");
    if (clock->known && *clock->grandmaster)
        flow_field(flow, LOOK_PLAIN, "grandmaster %s", clock->grandmaster);
    if (!isnan(clock->offset_us))
        flow_field(flow, LOOK_PLAIN, "offset %s us", gauge_figure(text, clock->offset_us, 16, 3, true));
    if (!isnan(clock->uncertainty_us))
        flow_field(flow, LOOK_PLAIN, "+-%s us", gauge_plain(text, clock->uncertainty_us, 3));
}

static void clock_time(char text[16], double time_s)
{
    bool known = fabs(time_s) < 1e12; /* neither NAN, nor beyond what a recording could mean */
    time_t seconds = known ? (time_t)time_s : 0;
    struct tm tm = {0};

    if (!known || !localtime_r(&seconds, &tm) || strftime(text, 16, "%H:%M:%S", &tm) == 0)
        snprintf(text, 16, "--:--:--");
}

static void span_of(char text[FIGURE_SIZE], double seconds)
{
    if (isnan(seconds))
        snprintf(text, FIGURE_SIZE, "-");
    else if (seconds < 120)
        snprintf(text, FIGURE_SIZE, "%.0f s", seconds < 0 ? 0 : seconds);
    else if (seconds < 2 * 3600)
        snprintf(text, FIGURE_SIZE, "%.0f min", seconds / 60);
    else
        snprintf(text, FIGURE_SIZE, "%.0f h", fmin(seconds / 3600, 999999));
}

static void top_line(struct line *line, const struct desk *desk, const struct view *view)
{
    size_t receivers = 0;
    char now[16];

    for (size_t i = 0; i < view->streams; i++)
        receivers += view->stream[i].receivers;
    clock_time(now, view->time_s);
    line_add(line, "%s ", now);
    line_look(line, level_look(view->level));
    line_add(line, "%s", view->level == VIEW_WELL ? "ALL WELL" : level_word(view->level));
    line_look(line, LOOK_BOLD);
    if (desk->paused && desk->now != view->level)
        line_add(line, " PAUSED, NOW %s", desk->now == VIEW_WELL ? "WELL" : level_word(desk->now));
    else if (desk->paused)
        line_add(line, " PAUSED");
    if (view->recorded)
        line_add(line, " RECORDED");
    line_look(line, LOOK_PLAIN);
    line_add(line, " %zu alarm%s", view->alarms_all, view->alarms_all == 1 ? "" : "s");
    line_look(line, view->clock.holdover ? LOOK_WARNING : LOOK_PLAIN);
    if (line->columns - line->used > 40)
        line_field(line, "this clock %s", *view->clock.state ? view->clock.state : "unknown");
    else
        line_add(line, " clock %s", *view->clock.state ? view->clock.state : "unknown");
    line_look(line, LOOK_PLAIN);
    line_field(line, "%zu receiver%s", receivers, receivers == 1 ? "" : "s");
    line_field(line, "%zu stream%s", view->streams, view->streams == 1 ? "" : "s");
    if (!isnan(view->clock.offset_us)) {
        char text[FIGURE_SIZE];

        line_field(line, "offset %s us", gauge_figure(text, view->clock.offset_us, 10, 3, true));
    }
    if (view->malformed > 0)
        line_field(line, "%.0f malformed", view->malformed);
    if (view->refused > 0)
        line_field(line, "%.0f refused for want of room", view->refused);
}

static void key_line(struct line *line, const struct desk *desk)
{
    line_look(line, LOOK_HEADING);
    line_field(line, "q quit");
    line_field(line, "h help");
    if (desk->page == DESK_STREAM) {
        line_field(line, "Enter details");
        line_field(line, "a alarms");
        line_field(line, "s sort: %s", desk_sort_word(desk->sort));
        line_field(line, "Tab stream");
        line_field(line, "Space %s", desk->paused ? "go on" : "pause");
        return;
    }
    line_field(line, "Esc back");
    if (desk->top > 0 || desk->visible > 0)
        line_field(line, "Up/Down scroll");
}

void alarm_line(struct line *line, const struct view *view, const struct view_alarm *alarm)
{
    const char *who = alarm->receiver[0] ? alarm->receiver : alarm->stream;
    char since[16], span[FIGURE_SIZE];

    clock_time(since, alarm->since_s);
    span_of(span, view->time_s - alarm->since_s);
    line_look(line, level_look(alarm->level));
    line_add(line, "%-7s ", level_word(alarm->level));
    line_look(line, LOOK_PLAIN);
    if (line->columns >= 70)
        line_add(line, "since %s (%s)  ", since, span);
    if (*who) {
        line_look(line, LOOK_BOLD);
        line_text(line, who, line->columns / 4);
        line_look(line, LOOK_PLAIN);
        line_add(line, ": ");
    }
    line_add(line, "%s", alarm->why);
}

void sheet_words(struct sheet *sheet, unsigned indent, const char *text)
{
    struct line *line = NULL;
    char word[VIEW_WHY_SIZE];

    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        size_t len = strcspn(text, " ");

        snprintf(word, sizeof word, "%.*s", (int)len, text);
        if (!line || line_width_of(word, sheet->ascii) + 1 > line->columns - line->used) {
            line = sheet_line(sheet);
            line_pad(line, indent);
        } else {
            line_add(line, " ");
        }
        line_add(line, "%s", word);
        text += len;
    }
}

void page_alarms(struct sheet *sheet, const struct view *view)
{
    struct line *line = sheet_line(sheet);

    line_look(line, LOOK_HEADING);
    line_field(line, "Alarms: %zu", view->alarms_all);
    if (view->alarms_all > view->alarms)
        line_field(line, "(the gravest %zu)", view->alarms);
    for (size_t i = 0; i < view->alarms && sheet_room(sheet); i++) {
        const struct view_alarm *alarm = &view->alarm[i];
        char since[16], span[FIGURE_SIZE];
        struct flow flow;

        clock_time(since, alarm->since_s);
        span_of(span, view->time_s - alarm->since_s);
        flow_begin(&flow, sheet, 3);
        flow_field(&flow, level_look(alarm->level), "%s", level_word(alarm->level));
        flow_field(&flow, LOOK_PLAIN, "since %s (%s)", since, span);
        flow_field(&flow, LOOK_BOLD, "%s", view_alarm_word(alarm->kind));
        if (alarm->stream[0])
            flow_field(&flow, LOOK_PLAIN, "%s", alarm->stream);
        if (alarm->receiver[0])
            flow_field(&flow, LOOK_PLAIN, "%s", alarm->receiver);
        sheet_words(sheet, 2, alarm->why);
    }
    if (view->alarms == 0)
        line_add(sheet_line(sheet), "none");
}

void page_help(struct sheet *sheet)
{
    static const char *const text[] = {
        "Keys",
        " Up Down PgUp PgDn Home End",
        "              select, or scroll",
        " Enter, Right details of the receiver",
        " Esc, Left    back",
        " Tab          next stream",
        " a            alarms",
        " s            sort: trouble, name,",
        "              error, headroom",
        " Space        pause, go on",
        " Ctrl-L       draw anew",
        " h, ?         this help",
        " q            quit",
        "",
        "Signs",
        " >  selected",
        " A W n        alarm, warning, note",
        " -  not known",
        " ~  cut for want of room",
        " !  outside of the scale",
        "",
        "Figures",
        " error     when sound leaves the converter,",
        "           less when it should: + is late;",
        "           median since the last report",
        " p99       99 % of magnitudes are below",
        " apart     from the median of the group",
        " headroom  smallest lead of packets, less",
        "           what the receiver needs",
        " safe latency",
        "           smallest that would have done",
        " ppm       resampling against nominal",
        " level     loudest channel, dB full scale",
        " age       since the last report",
    };

    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        struct line *line = sheet_line(sheet);

        if (text[i][0] != ' ')
            line_look(line, LOOK_HEADING);
        line_add(line, "%s", text[i]);
    }
}

static void draw_text(struct sheet *sheet, const struct desk *desk, const struct view *view)
{
    if (desk->page == DESK_RECEIVER)
        page_receiver(sheet, desk, view);
    else if (desk->page == DESK_ALARMS)
        page_alarms(sheet, view);
    else
        page_help(sheet);
}

void page_draw(struct desk *desk, const struct view *view, struct line *lines, unsigned rows,
               unsigned columns, bool ascii)
{
    struct line scrap;
    struct sheet sheet = {lines + 1, &scrap, rows - 2, 0, 0, columns, ascii};

    for (unsigned i = 0; i < rows; i++)
        line_begin(&lines[i], columns, ascii);
    if (desk->page == DESK_STREAM) {
        page_stream(&sheet, desk, view);
    } else {
        /* how far it can be scrolled is known only when all of it was told */
        desk->visible = sheet.rows;
        for (int tries = 0; tries < 2; tries++) {
            sheet.next = 0;
            sheet.skip = desk->top;
            draw_text(&sheet, desk, view);
            if (sheet.next >= sheet.skip + sheet.rows || sheet.skip == 0)
                break;
            desk->top = sheet.next > sheet.rows ? sheet.next - sheet.rows : 0;
            for (unsigned i = 1; i < rows; i++)
                line_begin(&lines[i], columns, ascii);
        }
    }
    top_line(&lines[0], desk, view);
    key_line(&lines[rows - 1], desk);
}
