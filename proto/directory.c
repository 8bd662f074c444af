// SPDX-License-Identifier: GPL-3.0-or-later
#include "directory.h"

#include <errno.h>
#include <string.h>

#include "printable.h"
#include "sap.h"
#include "slice.h"

#define COPIES_NS       NS_PER_S        /* closer ones are the same announcement in both groups */
#define SILENT_MIN_NS   (15 * NS_PER_S) /* of an announcer that is not believed to be gone earlier */
#define LIFETIME_MIN_NS (60 * NS_PER_S)
#define LIFETIME_MAX_NS (3600 * NS_PER_S)
#define LIFETIME_OF     10 /* intervals */
#define SILENT_OF       3

/* Somebody says it, now. */
struct word {
    enum directory_kind kind;
    uint64_t announcer;
    uint16_t sap_hash;
    struct in_addr sap_origin;
    struct slice text;
    uint64_t text_hash;
    raw_ns now;
    struct sdp_stream session; /* name and o= alone */
    struct in_addr origin;     /* of the session */
};

void directory_init(struct directory *d)
{
    memset(d, 0, sizeof *d);
}

/* FNV-1a (Fowler, Noll, Vo), 64 bits. Who makes two texts of one hash deceives with his own announcements. */
static uint64_t hash_of(struct slice text)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (uint8_t)text.at[i]) * 0x100000001b3u;
    return hash;
}

static int64_t within(int64_t low, int64_t x, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

static int64_t lifetime_ns(const struct directory_entry *e)
{
    return e->interval_ns ? within(LIFETIME_MIN_NS, LIFETIME_OF * e->interval_ns, LIFETIME_MAX_NS)
                          : LIFETIME_MAX_NS;
}

static bool is_silent(const struct directory_entry *e, raw_ns now)
{
    return now.ns - e->heard.ns > within(SILENT_MIN_NS, SILENT_OF * e->interval_ns, LIFETIME_MAX_NS);
}

/* ---- who said it ----------------------------------------------------------------------------------- */

/*
 * o= and s= alone: all that is left of a description that cannot be played, and all that a deletion may have.
 * False without a readable o=.
 */
static bool read_session(struct word *w)
{
    struct sdp_stream *session = &w->session;
    struct slice text = w->text;
    bool has_origin = false, has_name = false, more;

    while (text.len > 0) {
        struct slice line = slice_cut(&text, '\n', &more);

        if (line.len > 0 && line.at[line.len - 1] == '\r')
            line.len--;
        if (!has_name && slice_skip(&line, SLICE("s="))) {
            has_name = true;
            printable_copy(session->name, sizeof session->name, line.at, line.len);
        } else if (!has_origin && slice_skip(&line, SLICE("o="))) {
            (void)slice_word(&line);
            has_origin = slice_number(slice_word(&line), UINT64_MAX, &session->session_id) &&
                         slice_number(slice_word(&line), UINT64_MAX, &session->session_version);
            (void)slice_word(&line);
            (void)slice_word(&line);
            if (!slice_ipv4(slice_word(&line), &session->origin))
                session->origin.s_addr = INADDR_ANY;
        }
    }
    w->origin = session->origin;
    if (w->origin.s_addr == INADDR_ANY && w->kind == DIRECTORY_SAP)
        w->origin.s_addr = (in_addr_t)w->announcer;
    return has_origin;
}

static bool same_announcer(const struct directory_entry *e, const struct word *w)
{
    return e->kind == w->kind && e->announcer == w->announcer;
}

/* A service has one description, whatever that says; an announcer may have many. */
static bool same_session(const struct directory_entry *e, const struct word *w)
{
    if (w->kind == DIRECTORY_MDNS)
        return same_announcer(e, w);
    return e->kind == DIRECTORY_SAP && e->origin.s_addr == w->origin.s_addr &&
           e->stream.session_id == w->session.session_id;
}

/* ---- the table ------------------------------------------------------------------------------------- */

static void drop(struct directory *d, size_t i)
{
    d->entries[i] = d->entries[--d->count];
    d->changes++;
}

static struct directory_entry *make_room(struct directory *d)
{
    size_t oldest = 0;

    if (d->count < DIRECTORY_ENTRIES)
        return &d->entries[d->count++];
    for (size_t i = 1; i < d->count; i++)
        if (d->entries[i].heard.ns < d->entries[oldest].heard.ns)
            oldest = i;
    d->evicted++;
    return &d->entries[oldest];
}

static void touch(struct directory_entry *e, const struct word *w)
{
    int64_t gap_ns = w->now.ns - e->heard.ns;

    /* the longest counts at once, shorter ones little by little: one that was lost is no change of habit */
    if (gap_ns > COPIES_NS)
        e->interval_ns += gap_ns > e->interval_ns ? gap_ns - e->interval_ns : (gap_ns - e->interval_ns) / 4;
    e->heard = w->now;
    e->sap_hash = w->sap_hash;
    e->sap_origin = w->sap_origin;
}

/* True when this very text is known from there. */
static bool repeats(struct directory *d, const struct word *w)
{
    bool known = false;

    for (size_t i = 0; i < d->count; i++) {
        struct directory_entry *e = &d->entries[i];

        if (e->text_hash != w->text_hash || !same_announcer(e, w))
            continue;
        touch(e, w);
        known = true;
    }
    return known;
}

/* The same version from elsewhere is no news, but it may be a forgery; an older one is a copy that came late.
 */
static bool stands_against(const struct directory_entry *e, const struct word *w)
{
    uint64_t known = e->stream.session_version, said = w->session.session_version;

    return e->kind == DIRECTORY_SAP && (same_announcer(e, w) ? said < known : said <= known);
}

/*
 * Takes away what is known of the session, and leaves in `before` since when it has been. False, and nothing
 * is taken away, when what is known stands.
 */
static bool supersede(struct directory *d, const struct word *w, struct directory_entry *before)
{
    bool known = false;

    for (size_t i = 0; i < d->count; i++) {
        const struct directory_entry *e = &d->entries[i];

        if (!same_session(e, w))
            continue;
        if (!is_silent(e, w->now) && stands_against(e, w))
            return false;
        *before = *e;
        known = true;
    }
    for (size_t i = d->count; known && i-- > 0;)
        if (same_session(&d->entries[i], w))
            drop(d, i);
    return true;
}

static void add(struct directory *d, const struct word *w, const struct directory_entry *before,
                const struct sdp_stream *stream, unsigned index, const char *why)
{
    struct directory_entry *e = make_room(d);

    *e = *before;
    e->kind = w->kind;
    e->announcer = w->announcer;
    e->origin = w->origin;
    e->playable = !why;
    e->stream = *stream;
    e->index = index;
    e->text_hash = w->text_hash;
    memset(e->why, 0, sizeof e->why);
    if (why)
        memcpy(e->why, why, sizeof e->why);
    d->changes++;
}

static void take_description(struct directory *d, struct word *w)
{
    struct directory_entry before = {.first_heard = w->now, .heard = w->now};
    struct sdp_stream streams[DIRECTORY_STREAMS];
    char why[SDP_WHY_SIZE] = "";
    int count;

    if (repeats(d, w)) {
        d->heard++;
        return;
    }
    count = sdp_parse(w->text.at, w->text.len, streams, DIRECTORY_STREAMS, why, sizeof why);
    if (count == -EBADMSG || !read_session(w)) {
        d->malformed++;
        return;
    }
    if (!supersede(d, w, &before)) {
        d->refused++;
        return;
    }
    d->heard++;
    touch(&before, w);
    for (int i = 0; i < count; i++)
        add(d, w, &before, &streams[i], (unsigned)i, NULL);
    /* what was left out is on the air, too: people shall see why it cannot be heard */
    if (why[0])
        add(d, w, &before, &w->session, DIRECTORY_STREAMS, why);
}

/* By the announcer alone, and by the hash of what was announced; or by o=, where there is no hash. */
static void take_deletion(struct directory *d, struct word *w)
{
    bool has_session = read_session(w);

    for (size_t i = d->count; i-- > 0;) {
        const struct directory_entry *e = &d->entries[i];

        if (!same_announcer(e, w) || e->sap_origin.s_addr != w->sap_origin.s_addr)
            continue;
        if (w->sap_hash ? e->sap_hash == w->sap_hash : has_session && same_session(e, w))
            drop(d, i);
    }
}

void directory_announcement(struct directory *d, const uint8_t *datagram, size_t len, uint32_t source,
                            raw_ns now)
{
    struct sap_packet packet;
    int result = sap_parse(datagram, len, &packet);
    struct word w = {.kind = DIRECTORY_SAP, .announcer = source, .now = now};

    d->malformed += result == -EBADMSG;
    d->foreign += result == -EPROTO || result == -EPROTONOSUPPORT;
    if (result < 0)
        return;
    w.sap_hash = packet.hash;
    w.sap_origin = packet.origin;
    w.text = (struct slice){packet.sdp, packet.sdp_len};
    w.text_hash = hash_of(w.text);
    if (packet.deletion)
        take_deletion(d, &w);
    else
        take_description(d, &w);
}

void directory_service(struct directory *d, uint64_t service, const char *text, size_t len, raw_ns now)
{
    struct word w = {.kind = DIRECTORY_MDNS, .announcer = service, .text = {text, len}, .now = now};

    w.text_hash = hash_of(w.text);
    take_description(d, &w);
}

void directory_service_gone(struct directory *d, uint64_t service)
{
    for (size_t i = d->count; i-- > 0;)
        if (d->entries[i].kind == DIRECTORY_MDNS && d->entries[i].announcer == service)
            drop(d, i);
}

void directory_expire(struct directory *d, raw_ns now)
{
    for (size_t i = d->count; i-- > 0;) {
        const struct directory_entry *e = &d->entries[i];

        if (e->kind == DIRECTORY_SAP && now.ns - e->heard.ns > lifetime_ns(e))
            drop(d, i);
    }
}

/* ---- by name --------------------------------------------------------------------------------------- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* 2: in just these letters; 1: but for their case; 0: another name. */
static int likeness(const struct directory_entry *e, const char *name)
{
    const char *own = e->stream.name;
    bool exact = true;

    for (size_t i = 0;; i++) {
        if (lower(own[i]) != lower(name[i]))
            return 0;
        exact = exact && own[i] == name[i];
        if (own[i] == '\0')
            return exact ? 2 : 1;
    }
}

/* Which sessions to choose among: the more, the rather. Negative: not at all. */
static int preference(const struct directory_entry *e, const char *name, const struct in_addr *followed,
                      bool silent)
{
    int like = likeness(e, name);
    bool own = followed && e->origin.s_addr == followed->s_addr;

    if (like == 0 || (followed && !silent && !own))
        return -1;
    return 2 * like + (followed && silent && !own);
}

/* Of one session, however it came to be known. */
static bool is_better_part(const struct directory_entry *a, const struct directory_entry *b)
{
    if (a->stream.session_version != b->stream.session_version)
        return a->stream.session_version > b->stream.session_version;
    if (a->playable != b->playable)
        return a->playable;
    return a->index < b->index;
}

const struct directory_entry *directory_find(const struct directory *d, const char *name,
                                             const struct in_addr *followed, bool silent)
{
    const struct directory_entry *session = NULL, *part;
    int preferred = 0;

    for (size_t i = 0; i < d->count; i++) {
        const struct directory_entry *e = &d->entries[i];
        int prefer = preference(e, name, followed, silent);
        int64_t newer_ns = !session ? 1
                           : silent ? e->heard.ns - session->heard.ns
                                    : e->first_heard.ns - session->first_heard.ns;

        if (prefer < preferred || prefer < 0 || (prefer == preferred && newer_ns <= 0))
            continue;
        session = e;
        preferred = prefer;
    }
    part = session;
    for (size_t i = 0; session && i < d->count; i++) {
        const struct directory_entry *e = &d->entries[i];

        if (e->origin.s_addr == session->origin.s_addr &&
            e->stream.session_id == session->stream.session_id && likeness(e, name) &&
            is_better_part(e, part))
            part = e;
    }
    return part;
}
