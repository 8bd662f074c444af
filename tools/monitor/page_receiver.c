// SPDX-License-Identifier: GPL-3.0-or-later
/* All that is known of one receiver. */
#include "page.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gauge.h"

enum { CELL_COLUMNS = 40, LABEL_COLUMNS = 16 };

/* Label and value side by side, as many pairs in a line as there is room for. */
struct grid {
    struct sheet *sheet;
    struct line *line;
    unsigned across, at;
};

__attribute__((format(printf, 3, 4))) static void pair(struct grid *grid, const char *label,
                                                       const char *format, ...)
{
    char text[LINE_SIZE];
    unsigned from;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (grid->at == 0)
        grid->line = sheet_line(grid->sheet);
    from = grid->at * CELL_COLUMNS;
    line_pad(grid->line, from);
    line_look(grid->line, LOOK_HEADING);
    line_text(grid->line, label, LABEL_COLUMNS);
    line_pad(grid->line, from + LABEL_COLUMNS);
    line_look(grid->line, LOOK_PLAIN);
    line_text(grid->line, text, CELL_COLUMNS - LABEL_COLUMNS - 1);
    grid->at = (grid->at + 1) % grid->across;
}

static void real(struct grid *grid, const char *label, double value, unsigned decimals, bool sign,
                 const char *unit)
{
    char text[FIGURE_SIZE];

    pair(grid, label, "%s %s", gauge_figure(text, value, 14, decimals, sign), unit);
}

static void who(struct grid *g, const struct view_receiver *r)
{
    pair(g, "host", "%s", or_dash(r->host));
    pair(g, "device", "%s", or_dash(r->device));
    pair(g, "program", "%s", or_dash(r->tool));
    pair(g, "address", "%s", or_dash(r->address));
    pair(g, "SSRC", "0x%08x", (unsigned)r->ssrc);
    pair(g, "telemetry", "%s", r->telemetry ? "yes" : "no: RTCP alone");
    real(g, "heard", r->age_s, 1, false, "s ago");
    real(g, "reports every", r->gap_s, 2, false, "s");
    pair(g, "sound card", "%s", !r->telemetry ? "-" : r->device_present ? "present" : "MISSING");
    pair(g, "real-time", "%s", !r->telemetry ? "-" : r->realtime ? "yes" : "NO");
    pair(g, "stream", "%s", !r->telemetry ? "-" : r->refused ? "REFUSED" : "accepted");
    pair(g, "clock", "%s%s", or_dash(r->clock.state), r->clock.holdover ? ", HOLDOVER" : "");
    if (r->clock.known) {
        pair(g, "PTP domain", "%u", r->clock.domain);
        pair(g, "grandmaster", "%s", or_dash(r->clock.grandmaster));
    } else {
        pair(g, "PTP domain", "not known");
    }
    real(g, "clock offset", r->clock.offset_us, 3, true, "us");
    real(g, "clock in doubt", r->clock.uncertainty_us, 3, false, "us");
}

static void how(struct grid *g, const struct view_receiver *r)
{
    real(g, "error median", r->error_us, 2, true, "us");
    real(g, "error p99", r->error_p99_us, 2, false, "us");
    real(g, "error worst", r->error_worst_us, 2, false, "us");
    real(g, "error budget", r->budget_us, 2, false, "us");
    real(g, "from the group", r->apart_us, 2, true, "us");
    real(g, "resampling", r->resample_ppm, 3, true, "ppm");
    real(g, "card's crystal", r->card_ppm, 3, true, "ppm");
    real(g, "lead smallest", r->lead_min_ms, 2, false, "ms");
    real(g, "lead median", r->lead_median_ms, 2, false, "ms");
    real(g, "headroom", r->headroom_ms, 2, false, "ms");
    real(g, "least queued", r->queued_min_ms, 2, false, "ms");
    real(g, "own delay", r->delay_ms, 3, false, "ms");
    real(g, "loss now", r->loss_percent, 3, false, "%");
    real(g, "jitter", r->jitter_us, 1, false, "us");
    real(g, "lost", r->lost, 0, false, "packets");
    real(g, "late", r->late, 0, false, "packets");
    real(g, "duplicates", r->duplicates, 0, false, "packets");
    real(g, "concealed", r->concealed, 0, false, "frames");
    real(g, "xruns", r->xruns, 0, false, "");
    real(g, "aligned starts", r->starts, 0, false, "");
    real(g, "clipped", r->clipped, 0, false, "samples");
    pair(g, "channels", "%u", r->channels);
}

static void past(struct sheet *sheet, const char *what, const char *unit, enum gauge_worst worst,
                 const struct view_history *values)
{
    struct line *line = sheet_line(sheet);
    double full = gauge_worst_of(values, GAUGE_LARGEST);
    char text[FIGURE_SIZE], scale[64];
    unsigned width;

    line_look(line, LOOK_HEADING);
    line_add(line, "%-9s", what);
    line_look(line, LOOK_PLAIN);
    snprintf(scale, sizeof scale, " 0..%s %s", gauge_figure(text, full, 8, 2, false), unit);
    width = line_width_of(scale, true) + line->used;
    gauge_spark(line, values, line->columns > width ? line->columns - width : 1, full, worst);
    line_add(line, "%s", scale);
}

static void its_alarms(struct sheet *sheet, const struct view *view, const struct view_stream *s,
                       const struct view_receiver *r)
{
    for (size_t i = 0; i < view->alarms; i++) {
        const struct view_alarm *alarm = &view->alarm[i];
        struct line *line;

        if (strcmp(alarm->stream, s->name) || strcmp(alarm->receiver, r->name))
            continue;
        line = sheet_line(sheet);
        line_look(line, level_look(alarm->level));
        line_add(line, "%s %s", level_word(alarm->level), view_alarm_word(alarm->kind));
        sheet_words(sheet, 2, alarm->why);
    }
}

void page_receiver(struct sheet *sheet, const struct desk *desk, const struct view *view)
{
    const struct view_stream *s = desk_stream(desk, view);
    const struct view_receiver *r = desk_receiver(desk, view);
    struct grid grid = {.sheet = sheet, .across = sheet->columns / CELL_COLUMNS};
    struct line *line = sheet_line(sheet);

    if (grid.across == 0)
        grid.across = 1;
    line_look(line, LOOK_BOLD);
    line_text(line, desk->receiver_name, line->columns / 2);
    line_look(line, LOOK_PLAIN);
    if (!s || !r) {
        line_field(line, "is no more: nothing was heard of it for long");
        return;
    }
    line_field(line, "%s", or_dash(r->state));
    line_look(line, level_look(r->level));
    line_field(line, "%s", level_word(r->level));
    line_look(line, LOOK_PLAIN);
    line_field(line, "of %s", s->name);
    its_alarms(sheet, view, s, r);
    who(&grid, r);
    how(&grid, r);
    line = sheet_line(sheet);
    line_look(line, LOOK_HEADING);
    line_add(line, "level dB ");
    line_look(line, LOOK_PLAIN);
    if (r->channels)
        gauge_levels(line, r->peaks_db, r->channels);
    past(sheet, "error", "us", GAUGE_LARGEST, &r->errors);
    past(sheet, "headroom", "ms", GAUGE_LOWEST, &r->headrooms);
    past(sheet, "loss", "%", GAUGE_HIGHEST, &r->losses);
    line_add(sheet_line(sheet), "%u s, newest last; each sign is the worst of its seconds", VIEW_HISTORY);
}
