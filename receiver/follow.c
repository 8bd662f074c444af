// SPDX-License-Identifier: GPL-3.0-or-later
#include "follow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/host/log.h"
#include "proto/printable.h"
#include "proto/rtcp.h"

#define RETRY_NS      (500 * NS_PER_MS)
#define SEARCH_NS     (10 * NS_PER_S) /* not found by then: people are told what else there is */
#define SILENT_NS     (3 * NS_PER_S)  /* nothing came for so long: another of the same name will do; */
#define SILENT_MAX_NS (60 * NS_PER_S) /* twice as long after each that was silent, too */
#define TELL_APART_NS (5 * NS_PER_S)

enum { NAMES_SIZE = 512 };

struct follow {
    char name[SDP_NAME_SIZE];
    int64_t link_ns;
    struct discovery *discovery; /* not ours; NULL: `stream` is all there is */
    struct sdp_stream stream;    /* found last, */
    struct in_addr found_origin; /* its origin, */
    const char *found_by;        /* and how; NULL: in a file */
    struct tuning wanted, tuned; /* what it takes, and what was done last */
    struct sdp_stream playing;   /* the stream that was tuned to, */
    struct in_addr origin;       /* and its origin */
    bool is_tuned, refused, announced;
    char why[TUNING_WHY_SIZE]; /* the refusal that was told last; "" once something can be played */
    raw_ns since;              /* the search */
    raw_ns sounded;            /* when something came last, or when it was tuned */
    raw_ns retry_at;
    int64_t patience_ns;
    bool told_start, told_search, told_tuned;
    char interface[IF_NAMESIZE]; /* where it is looked for */
    struct log_limit tell_tuned, tell_refused, tell_gone;
    uint64_t retunes;
};

/* ---- a description in a file ------------------------------------------------------------------------ */

static int read_file(const char *path, char *text, size_t size, size_t *len, char *err, size_t err_size)
{
    FILE *file = fopen(path, "re");
    int error = file ? 0 : -errno;

    if (!error) {
        *len = fread(text, 1, size, file);
        error = ferror(file) ? -EIO : *len == size ? -EFBIG : 0;
        fclose(file);
    }
    if (error)
        snprintf(err, err_size, "--sdp %s cannot be read: %s", path, strerror(-error));
    return error;
}

static int take_file(struct follow *f, const char *path, char *err, size_t err_size)
{
    char *text = malloc(SDP_TEXT_MAX + 1), left_out[SDP_WHY_SIZE], why[TUNING_WHY_SIZE];
    struct tuning unused;
    size_t len = 0;
    int result = -ENOMEM;

    if (!text)
        goto out;
    result = read_file(path, text, SDP_TEXT_MAX + 1, &len, err, err_size);
    if (result < 0)
        goto out;
    result = sdp_parse(text, len, &f->stream, 1, left_out, sizeof left_out);
    if (result < 0)
        snprintf(err, err_size, "--sdp %s: %s", path, left_out);
    else if (left_out[0])
        log_warning("--sdp %s: its first stream is played; left out: %s", path, left_out);
    if (result > 0 && !tuning_of(&f->stream, SDP_DOMAIN_UNKNOWN, f->link_ns, &unused, why)) {
        snprintf(err, err_size, "--sdp %s: the stream cannot be played: %s", path, why);
        result = -EPROTONOSUPPORT;
    }
    memcpy(f->name, f->stream.name, sizeof f->name);
out:
    free(text);
    return result < 0 ? result : 0;
}

/* ---- opening and closing ---------------------------------------------------------------------------- */

int follow_open(struct follow **follow, const struct follow_config *config, raw_ns now, char *err,
                size_t err_size)
{
    struct follow *f = calloc(1, sizeof *f);
    int result = -ENOMEM;

    *follow = NULL;
    snprintf(err, err_size, "not enough memory to follow a stream");
    if (!f)
        return result;
    f->link_ns = config->link_ns;
    f->since = f->sounded = now;
    f->patience_ns = SILENT_NS;
    f->tell_tuned.interval_ns = f->tell_refused.interval_ns = f->tell_gone.interval_ns = TELL_APART_NS;
    if (config->name[0]) {
        printable_copy(f->name, sizeof f->name, config->name, strlen(config->name)); /* as all names are */
        snprintf(f->interface, sizeof f->interface, "%s", config->interface);
        f->discovery = config->discovery;
        result = 0;
    } else {
        result = take_file(f, config->sdp, err, err_size);
    }
    if (result < 0) {
        free(f);
        return result;
    }
    *follow = f;
    return 0;
}

void follow_close(struct follow *f)
{
    free(f);
}

/* ---- what is told ----------------------------------------------------------------------------------- */

/* Each name once; as many as fit. */
static void list_names(const struct directory *d, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < d->count && used < size; i++) {
        const char *name = d->entries[i].stream.name;
        bool again = false;

        for (size_t k = 0; k < i && !again; k++)
            again = strcmp(d->entries[k].stream.name, name) == 0;
        if (!again)
            used += (size_t)snprintf(text + used, size - used, "%s\"%s\"", used ? ", " : "", name);
    }
}

static void tell_search(struct follow *f, raw_ns now)
{
    char names[NAMES_SIZE];

    if (f->told_search || now.ns - f->since.ns < SEARCH_NS)
        return;
    f->told_search = true;
    list_names(discovery_directory(f->discovery), names, sizeof names);
    if (names[0])
        log_warning("no stream \"%s\" so far, still looking; on the air: %s", f->name, names);
    else
        log_warning("no stream \"%s\" so far, still looking; nothing at all is announced", f->name);
}

static void tell_announced(struct follow *f, bool announced, raw_ns now)
{
    uint64_t held;

    if (f->is_tuned && f->announced && !announced && log_limit_pass(&f->tell_gone, now, &held))
        log_info("the stream \"%s\" is no longer announced; what comes of it is played", f->name);
    f->announced = announced;
}

static void tell_tuned(struct follow *f, raw_ns now)
{
    const struct sdp_stream *s = &f->playing;
    char group[INET_ADDRSTRLEN], origin[INET_ADDRSTRLEN];
    uint64_t held;

    if (f->told_tuned || !log_limit_pass(&f->tell_tuned, now, &held))
        return;
    f->told_tuned = true;
    inet_ntop(AF_INET, &f->tuned.group.sin_addr, group, sizeof group);
    inet_ntop(AF_INET, &f->origin, origin, sizeof origin);
    log_info("stream \"%s\"%s%s: %s:%u, %s/%u/%u, %s, from %s%s%s", f->name, f->found_by ? ", by " : "",
             f->found_by ? f->found_by : "", group, ntohs(f->tuned.group.sin_port), rtp_codec_name(s->codec),
             s->rate_hz, s->channels, s->ext_id ? "Unisono" : "plain AES67", origin,
             f->tuned.channel_names[0] ? ", channels " : "", f->tuned.channel_names);
    if (s->ext_id && f->link_ns)
        log_warning("--latency is not used: the stream \"%s\" says its own", f->name);
}

static void tell_refused(struct follow *f, const char *why, raw_ns now)
{
    uint64_t held;

    if (strcmp(f->why, why) == 0 || !log_limit_pass(&f->tell_refused, now, &held))
        return;
    snprintf(f->why, sizeof f->why, "%s", why);
    log_error("the stream \"%s\" cannot be played: %s", f->name, why);
}

/* ---- finding ---------------------------------------------------------------------------------------- */

/* False: nothing is known of the stream. `why` is empty, or says why what is known cannot be played. */
static bool find(struct follow *f, int domain, bool silent, raw_ns now, char *why)
{
    const struct directory_entry *e;

    if (!f->discovery) {
        f->found_origin = f->stream.origin;
        (void)tuning_of(&f->stream, domain, f->link_ns, &f->wanted, why);
        return true;
    }
    e = directory_find(discovery_directory(f->discovery), f->name, f->is_tuned ? &f->origin : NULL, silent);
    tell_announced(f, e != NULL, now);
    if (!e)
        return false;
    if (!e->playable)
        snprintf(why, TUNING_WHY_SIZE, "%s", e->why);
    else
        (void)tuning_of(&e->stream, domain, f->link_ns, &f->wanted, why);
    /* a namesake that cannot be played is nobody's successor; but people shall know of it */
    if (why[0] && f->is_tuned && e->origin.s_addr != f->origin.s_addr) {
        tell_refused(f, why, now);
        return false;
    }
    f->stream = e->stream;
    f->found_origin = e->origin;
    f->found_by = e->kind == DIRECTORY_SAP ? "SAP" : "mDNS";
    return true;
}

static bool is_silent(const struct follow *f, raw_ns now)
{
    return f->is_tuned && now.ns - f->sounded.ns > f->patience_ns;
}

bool follow_run(struct follow *f, const struct clock_map *map, bool sounding, raw_ns now)
{
    struct rtcp_clock clock = rtcp_clock_of_map(map);
    char why[TUNING_WHY_SIZE] = "";
    bool found;

    if (!f)
        return false;
    if (f->discovery && !f->told_start)
        log_info("looking for the stream \"%s\" by SAP and mDNS on %s", f->name, f->interface);
    f->told_start = true;
    if (sounding)
        f->patience_ns = SILENT_NS;
    /* without a clock nothing of a plain stream counts as heard */
    if (sounding || map->state == MEDIA_CLOCK_NO_PTP)
        f->sounded = now;
    found = find(f, clock.known ? clock.domain : SDP_DOMAIN_UNKNOWN, is_silent(f, now), now, why);
    if (f->is_tuned)
        tell_tuned(f, now); /* what the limit held back */
    else if (!found)
        tell_search(f, now);
    if (!found)
        return false;
    f->refused = why[0] != '\0';
    if (f->refused) {
        tell_refused(f, why, now);
        return false;
    }
    f->why[0] = '\0';
    if (f->is_tuned && tuning_equal(&f->tuned, &f->wanted)) {
        /* channels may have got other names */
        f->told_tuned &= strcmp(f->tuned.channel_names, f->wanted.channel_names) == 0;
        f->tuned = f->wanted;
        return false;
    }
    if (now.ns < f->retry_at.ns)
        return false;
    f->retry_at.ns = now.ns + RETRY_NS;
    return true;
}

const struct tuning *follow_tuning(const struct follow *f)
{
    return &f->wanted;
}

void follow_settle(struct follow *f, raw_ns now)
{
    f->retunes += f->is_tuned;
    if (is_silent(f, now) && f->patience_ns < SILENT_MAX_NS)
        f->patience_ns *= 2;
    f->tuned = f->wanted;
    f->playing = f->stream;
    f->origin = f->found_origin;
    f->is_tuned = true;
    f->sounded = now;
    f->told_tuned = false;
    tell_tuned(f, now);
}

const char *follow_channel_names(const struct follow *f)
{
    return f && f->is_tuned ? f->tuned.channel_names : NULL;
}

bool follow_refuses(const struct follow *f)
{
    return f && f->refused && f->is_tuned;
}

void follow_report(const struct follow *f, struct stats *stats)
{
    stats_text(stats, "stream_name", f ? f->name : "");
    stats_count(stats, "retunes", f ? f->retunes : 0);
}
