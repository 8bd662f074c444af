// SPDX-License-Identifier: GPL-3.0-or-later
#include <arpa/inet.h>
#include <inttypes.h>

#include "report.h"

static void address_text(uint32_t address, char text[INET_ADDRSTRLEN])
{
    struct in_addr in = {htonl(address)};

    inet_ntop(AF_INET, &in, text, INET_ADDRSTRLEN);
}

static void list_stream(FILE *out, const struct replay *r, const struct catalogue_stream *s)
{
    const struct announcement *announced = announce_find(&r->announcements, s->destination, s->port);
    struct format format = catalogue_format(s);
    char destination[INET_ADDRSTRLEN], source[INET_ADDRSTRLEN], to[32], what[96] = "?";
    const char *name = s->name;

    if (announced && !s->describes)
        format = announced->format;
    if (announced && announced->format.name[0])
        name = announced->format.name;
    address_text(s->destination, destination);
    address_text(s->source, source);
    snprintf(to, sizeof to, "%s:%u", destination, s->port);
    if (format.origin != FORMAT_UNKNOWN)
        snprintf(what, sizeof what, "%s %u Hz, %u ch (%s)", rtp_codec_name(format.codec),
                 (unsigned)format.rate_hz, format.channels, format_origin_text(format.origin));
    fprintf(out, "%-21s  0x%08" PRIx32 "  %-15s  %3u  %9" PRIu64 "  %9.3f  %s%s%s\n", to, s->ssrc, source,
            s->payload_type, s->packets, (double)(s->last_ns - s->first_ns) / 1e9, what, *name ? "  " : "",
            name);
}

void report_list(FILE *out, const struct replay *r)
{
    struct catalogue_choice choice = replay_options_choice(r->options);
    const struct catalogue *c = &r->catalogue;

    fprintf(out, "%-21s  %-10s  %-15s  %3s  %9s  %9s  %s\n", "sent to", "SSRC", "from", "PT", "packets",
            "seconds", "format");
    for (unsigned i = 0; i < c->count; i++)
        if (catalogue_fits(&c->streams[i], &choice))
            list_stream(out, r, &c->streams[i]);
    if (c->untold)
        fprintf(out, "and %" PRIu64 " packets of more streams than there is room for\n", c->untold);
}
