// SPDX-License-Identifier: GPL-3.0-or-later
#include "list.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "proto/host/clock.h"
#include "proto/host/discovery.h"
#include "proto/host/log.h"
#include "proto/ptpmgmt.h"
#include "tuning.h"

enum { SECONDS = 6, TICK_MS = 100, COLUMNS = 8, CELL_SIZE = 320 };

struct row {
    const struct directory_entry *entry;
    bool by[2]; /* enum directory_kind */
    char cell[COLUMNS][CELL_SIZE];
};

static const char *const titles[COLUMNS] = {"NAME",  "GROUP", "FORMAT", "PACKET",
                                            "CLOCK", "FROM",  "BY",     "KIND"};

/* ---- what stands in a row --------------------------------------------------------------------------- */

static void write_clock(const struct sdp_refclk *clock, char *text, size_t size)
{
    char gm[PTP_CLOCK_ID_TEXT] = "", domain[8] = "?";
    struct ptp_clock_id id = ptp_clock_id_of_number(clock->gm_id);

    if (clock->domain != SDP_DOMAIN_UNKNOWN)
        snprintf(domain, sizeof domain, "%d", clock->domain);
    if (clock->gm_id)
        ptp_clock_id_text(&id, gm);
    if (clock->kind == SDP_REFCLK_PTP)
        snprintf(text, size, "PTP %s%s%s", domain, gm[0] ? ", " : "", gm);
    else if (clock->kind != SDP_REFCLK_NONE)
        snprintf(text, size, "%s", clock->text);
}

static void write_packet_time(const struct sdp_stream *s, char *text, size_t size)
{
    double ms = s->ptime_us ? s->ptime_us / 1e3 : s->framecount * 1e3 / s->rate_hz;

    if (ms > 0)
        snprintf(text, size, "%.4g ms", ms);
}

static void write_stream(const struct sdp_stream *s, struct row *row)
{
    char group[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &s->leg[0].group.sin_addr, group, sizeof group);
    snprintf(row->cell[1], CELL_SIZE, "%s:%u", group, ntohs(s->leg[0].group.sin_port));
    snprintf(row->cell[2], CELL_SIZE, "%s/%u/%u", rtp_codec_name(s->codec), s->rate_hz, s->channels);
    write_packet_time(s, row->cell[3], CELL_SIZE);
    write_clock(&s->refclk, row->cell[4], CELL_SIZE);
}

static void write_row(struct row *row, int domain)
{
    const struct directory_entry *e = row->entry;
    char why[TUNING_WHY_SIZE];
    struct tuning ignored;

    for (size_t i = 0; i < COLUMNS; i++)
        snprintf(row->cell[i], CELL_SIZE, "-");
    snprintf(row->cell[0], CELL_SIZE, "%s", e->stream.name[0] ? e->stream.name : "(no name)");
    if (e->playable)
        write_stream(&e->stream, row);
    if (e->origin.s_addr != INADDR_ANY)
        inet_ntop(AF_INET, &e->origin, row->cell[5], CELL_SIZE);
    snprintf(row->cell[6], CELL_SIZE, "%s",
             !row->by[DIRECTORY_MDNS]  ? "SAP"
             : !row->by[DIRECTORY_SAP] ? "mDNS"
                                       : "SAP, mDNS");
    if (!e->playable)
        snprintf(row->cell[7], CELL_SIZE, "cannot be played: %s", e->why);
    else if (tuning_of(&e->stream, domain, 0, &ignored, why))
        snprintf(row->cell[7], CELL_SIZE, "%s", e->stream.ext_id ? "Unisono" : "AES67");
    else
        snprintf(row->cell[7], CELL_SIZE, "cannot be played: %s", why);
}

/* ---- the table -------------------------------------------------------------------------------------- */

/* Characters, as UTF-8 counts them. */
static int width(const char *text)
{
    int count = 0;

    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* By name, then by origin and place in the description. */
static int compare(const void *a, const void *b)
{
    const struct directory_entry *x = ((const struct row *)a)->entry, *y = ((const struct row *)b)->entry;
    int by_name = strcmp(x->stream.name, y->stream.name);

    if (by_name != 0)
        return by_name;
    if (x->origin.s_addr != y->origin.s_addr)
        return ntohl(x->origin.s_addr) < ntohl(y->origin.s_addr) ? -1 : 1;
    if (x->stream.session_id != y->stream.session_id)
        return x->stream.session_id < y->stream.session_id ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* What is told of one stream in two ways is one row. */
static size_t gather(const struct directory *d, struct row *rows)
{
    size_t count = 0;

    for (size_t i = 0; i < d->count; i++) {
        struct row row = {.entry = &d->entries[i]};
        size_t same = 0;

        while (same < count && compare(&rows[same], &row) != 0)
            same++;
        if (same == count)
            rows[count++] = row;
        rows[same].by[row.entry->kind] = true;
    }
    qsort(rows, count, sizeof *rows, compare);
    return count;
}

static void print_cells(FILE *out, const char *const cells[COLUMNS], const int widths[COLUMNS])
{
    for (size_t i = 0; i < COLUMNS; i++) {
        bool last = i + 1 == COLUMNS;

        fprintf(out, "%s%*s", cells[i], last ? 0 : widths[i] - width(cells[i]) + 2, "");
    }
    fputc('\n', out);
}

static void print(FILE *out, struct row *rows, size_t count, int domain)
{
    int widths[COLUMNS];

    for (size_t i = 0; i < COLUMNS; i++)
        widths[i] = width(titles[i]);
    for (size_t r = 0; r < count; r++) {
        write_row(&rows[r], domain);
        for (size_t i = 0; i < COLUMNS; i++)
            widths[i] = width(rows[r].cell[i]) > widths[i] ? width(rows[r].cell[i]) : widths[i];
    }
    print_cells(out, titles, widths);
    for (size_t r = 0; r < count; r++) {
        const char *cells[COLUMNS];

        for (size_t i = 0; i < COLUMNS; i++)
            cells[i] = rows[r].cell[i];
        print_cells(out, cells, widths);
    }
}

static void print_nothing(FILE *out, const char *interface, uint32_t seconds)
{
    fprintf(
        out,
        "No stream was announced on %s within %" PRIu32
        " s. Some equipment announces only once in 30 s (--list-seconds 60); a sender "
        "on another network or VLAN, a firewall (UDP ports 9875 and 5353) or a switch with IGMP snooping but "
        "no querier is not heard; and what nobody announces is played with --sdp or --group.\n",
        interface, seconds);
}

int list_run(const struct recv_options *o, int signals, FILE *out)
{
    uint32_t seconds = o->list_seconds ? o->list_seconds : SECONDS;
    struct row *rows = calloc(DIRECTORY_ENTRIES, sizeof *rows);
    struct pollfd fd = {.fd = signals, .events = POLLIN};
    char err[512] = "not enough memory for a list", interface[IF_NAMESIZE];
    struct discovery *discovery = NULL;
    raw_ns end = {clock_raw_now().ns + seconds * NS_PER_S};
    size_t count;
    int status = EXIT_FAILURE;

    if (!rows || discovery_open(&discovery, o->interface, interface, err, sizeof err) < 0) {
        log_error("%s", err);
        goto out;
    }
    do
        discovery_run(discovery, clock_raw_now());
    while (clock_raw_now().ns < end.ns && poll(&fd, 1, TICK_MS) == 0);
    count = gather(discovery_directory(discovery), rows);
    if (count > 0)
        print(out, rows, count, (int)o->ptp_domain);
    else
        print_nothing(out, interface, seconds);
    status = fflush(out) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    if (status != EXIT_SUCCESS)
        log_error("the list cannot be written: %m");
out:
    discovery_close(discovery);
    free(rows);
    return status;
}
