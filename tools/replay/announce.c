// SPDX-License-Identifier: GPL-3.0-or-later
#include "announce.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/sdp.h"
#include "proto/timebase.h"

/* Frames in a packet, as far as the description says it. At 44.1 kHz "1 ms" is 48 frames as well. */
static unsigned frames_of(const struct sdp_stream *s)
{
    int frames = rtp_ptime_frames(s->ptime_us, s->rate_hz);

    if (s->framecount)
        return s->framecount;
    if (frames > 0)
        return (unsigned)frames;
    return (unsigned)samples_in_ns((int64_t)s->ptime_us * NS_PER_US, s->rate_hz);
}

static struct format format_of(const struct sdp_stream *s, enum format_origin origin)
{
    struct format format = {
        .origin = origin,
        .codec = s->codec,
        .rate_hz = s->rate_hz,
        .channels = s->channels,
        .frames = frames_of(s),
        .has_offset = s->has_media_offset,
        .offset = s->media_offset,
    };

    snprintf(format.name, sizeof format.name, "%s", s->name);
    snprintf(format.reference, sizeof format.reference, "%s", s->refclk.text);
    return format;
}

static void keep(struct announcements *a, const struct announcement *new)
{
    for (unsigned i = 0; i < a->count; i++)
        if (a->list[i].destination == new->destination && a->list[i].port == new->port) {
            a->list[i] = *new;
            return;
        }
    if (a->count < ANNOUNCE_MAX)
        a->list[a->count++] = *new;
    else
        a->untold++;
}

static struct announcement announcement_of(const struct sdp_stream *s, unsigned leg,
                                           enum format_origin origin)
{
    return (struct announcement){.destination = ntohl(s->leg[leg].group.sin_addr.s_addr),
                                 .port = ntohs(s->leg[leg].group.sin_port),
                                 .format = format_of(s, origin)};
}

void announce_take(struct announcements *a, const struct datagram *d)
{
    struct sdp_stream streams[SDP_MEDIA_MAX];
    char why[SDP_WHY_SIZE];
    struct sap_packet packet;
    int error, count = 0;

    a->received++;
    error = d->captured < d->length ? -EBADMSG : sap_parse(d->bytes, d->length, &packet);
    if (!error && packet.deletion)
        return;
    if (!error)
        count = sdp_parse(packet.sdp, packet.sdp_len, streams, SDP_MEDIA_MAX, why, sizeof why);
    a->malformed += error == -EBADMSG || count == -EBADMSG;
    for (int i = 0; i < count; i++)
        for (unsigned leg = 0; leg < streams[i].legs; leg++) {
            struct announcement new = announcement_of(&streams[i], leg, FORMAT_SAP);

            keep(a, &new);
        }
}

const struct announcement *announce_find(const struct announcements *a, uint32_t destination, uint16_t port)
{
    for (unsigned i = 0; i < a->count; i++)
        if (a->list[i].destination == destination && a->list[i].port == port)
            return &a->list[i];
    return NULL;
}

int announce_read(struct announcement *announcement, const char *path, char *err, size_t err_size)
{
    struct sdp_stream stream;
    char *text = malloc(SDP_TEXT_MAX + 1), why[SDP_WHY_SIZE] = "";
    FILE *file = fopen(path, "re");
    size_t length = file && text ? fread(text, 1, SDP_TEXT_MAX + 1, file) : 0;
    int error = !text ? -ENOMEM : !file || ferror(file) ? -errno : 0;

    if (error) {
        snprintf(err, err_size, "--sdp %s: cannot be read: %s", path, strerror(-error));
        goto out;
    }
    error = sdp_parse(text, length, &stream, 1, why, sizeof why);
    if (error < 0) {
        snprintf(err, err_size, "--sdp %s: %s", path, why);
        goto out;
    }
    error = 0;
    *announcement = announcement_of(&stream, 0, FORMAT_SDP);
out:
    if (file)
        fclose(file);
    free(text);
    return error;
}
