// SPDX-License-Identifier: GPL-3.0-or-later
#include "ptp4l.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define RETRY_NS  (500 * NS_PER_MS) /* between attempts to connect */
#define SILENT_NS NS_PER_S          /* no answer for so long: it does not answer */
#define PROBE_NS  (100 * NS_PER_MS)

/* No Sync for three intervals, within these bounds: the grandmaster is gone. */
#define STALE_NS     (2 * NS_PER_S)
#define STALE_MAX_NS (10 * NS_PER_S)

/* A Sync is seen by the next polls; an ingress further from now is of another clock. Below TAI - UTC. */
#define INGRESS_MAX_AGE_NS   (5 * NS_PER_S)
#define INGRESS_MAX_AHEAD_NS (10 * NS_PER_MS)

/* A time beyond this (in the year 2086) is no time; two of them can be added. */
#define TIME_MAX_NS (INT64_MAX / 5 * 2)

/* Slewing beyond this, or a step: the kernel's own limit is 500 ppm. */
#define SLEW_MAX_PPM 600

enum {
    MAX_PORTS = 16,
    MAX_PAIRS = 64,
    REPLIES_PER_POLL = 64,
    SETTLE_SYNCS = 16, /* Syncs of one unchanged offset after which it is believed to be measured */
    DOMAINS = 128,     /* 0..127 are for use, the rest is reserved */
    DOMAINS_PER_POLL = 8,
    PROBE_ATTEMPTS = 5,
    SUBSCRIPTION_S = 60,
};

#define SPREAD_FIRST_NS 5000.0
#define SPREAD_MIN_NS   20.0

const char *const ptp4l_usual_paths[] = {
    "/var/run/ptp4lro", "/var/run/ptp/ptp4lro", "/var/run/ptp/ptp4l", "/var/run/ptp4l", NULL,
};

/*
 * The address that ptp4l answers to. The kernel's autobind leaves no file, but such a name does not reach
 * into another network namespace; a file does, where both sides see the directory.
 */
enum binding { BIND_AUTO, BIND_BESIDE, BIND_TMP, BINDINGS };

/*
 * Data sets, as bits of `have`. Those before ASK_IN_TURN are asked for at each poll: together they tell what
 * an offset means. The others change rarely and take turns.
 */
enum {
    ASK_TIME_STATUS,
    ASK_TIME_PROPERTIES,
    ASK_PORT,
    ASK_IN_TURN,
    ASK_DEFAULT = ASK_IN_TURN,
    ASK_CURRENT,
    ASK_GM_SETTINGS,
    ASK_COUNT
};

static const enum ptpmgmt_id ask_id[ASK_COUNT] = {
    [ASK_TIME_STATUS] = PTPMGMT_TIME_STATUS_NP, [ASK_TIME_PROPERTIES] = PTPMGMT_TIME_PROPERTIES_DATA_SET,
    [ASK_PORT] = PTPMGMT_PORT_DATA_SET,         [ASK_DEFAULT] = PTPMGMT_DEFAULT_DATA_SET,
    [ASK_CURRENT] = PTPMGMT_CURRENT_DATA_SET,   [ASK_GM_SETTINGS] = PTPMGMT_GRANDMASTER_SETTINGS_NP,
};

#define HAVE_ALL ((1u << ASK_COUNT) - 1)

/* The recent past of CLOCK_REALTIME beside CLOCK_MONOTONIC_RAW, a ring. */
struct pairs {
    struct clock_pair pair[MAX_PAIRS];
    unsigned count;
    unsigned newest;
};

/* Spread of the samples about a straight line, from three in a row. */
struct spread {
    raw_ns raw[2]; /* the last two, newer first */
    int64_t ahead_ns[2];
    unsigned count;
    double mean_ns; /* mean magnitude of the deviation */
};

/* How far the Syncs of the present grandmaster have been followed. */
struct following {
    bool active;
    bool settled; /* master_offset is known to belong to this grandmaster */
    struct ptp_clock_id gm_id;
    int64_t ingress_ns; /* newest seen */
    int64_t offset_ns;  /* with it */
    raw_ns changed;     /* when it was seen first */
    int64_t interval_ns;
    int64_t correction_ns; /* TAI - UTC put back into the last sample */
    unsigned unsettled;    /* Syncs since the beginning */
    int verdict;           /* on the newest: 0 or -errno */
};

struct ptp4l {
    const char *const *paths;
    uint8_t domain;
    uint16_t client;

    int fd; /* -1: not connected */
    const char *path;
    char bound_path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* "": no file */
    unsigned attempt; /* counts through the bindings of each path */
    raw_ns tried;     /* the last attempt to connect */
    bool tried_once;
    int connect_err;
    uint16_t sequence;
    unsigned turn; /* of the data sets asked for in turn */
    bool subscribed;
    raw_ns subscribed_at;

    raw_ns heard;     /* the last answer in our domain, or the connection */
    bool silent;      /* for too long since then */
    int other_domain; /* one in which it answered; -1: none */
    unsigned domains_asked;

    unsigned have;
    struct ptp_time_status time_status;
    struct ptp_default_data_set default_ds;
    struct ptp_current_data_set current;
    struct ptp_time_properties time_properties;
    bool utc_told;
    int16_t utc_offset_s; /* what ptp4l itself reckons with, whatever the grandmaster says */
    uint8_t port_state[MAX_PORTS];

    struct pairs pairs;
    struct spread spread;
    struct following following;
};

/* ---- the system clock's recent past ---- */

static bool clock_moved(const struct clock_pair *a, const struct clock_pair *b)
{
    int64_t passed = b->raw.ns - a->raw.ns;
    int64_t gained = b->realtime_ns - a->realtime_ns - passed;
    int64_t limit = passed / (1000000 / SLEW_MAX_PPM) + a->width_ns + b->width_ns;

    return passed <= 0 || gained > limit || gained < -limit;
}

/* After a step what came before belongs to another time: forget it. */
static void pairs_add(struct pairs *s, const struct clock_pair *pair)
{
    if (s->count && clock_moved(&s->pair[s->newest], pair))
        s->count = 0;
    s->newest = (s->newest + 1) % MAX_PAIRS;
    s->pair[s->newest] = *pair;
    if (s->count < MAX_PAIRS)
        s->count++;
}

/* False: the instant lies before all that is known. */
static bool pairs_raw(const struct pairs *s, int64_t realtime_ns, raw_ns *out)
{
    const struct clock_pair *after = NULL;

    for (unsigned i = 0; i < s->count; i++) {
        const struct clock_pair *p = &s->pair[(s->newest + MAX_PAIRS - i) % MAX_PAIRS];
        int64_t since = realtime_ns - p->realtime_ns;

        if (since >= 0) {
            double rate =
                !after ? 1.0
                       : (double)(after->raw.ns - p->raw.ns) / (double)(after->realtime_ns - p->realtime_ns);

            *out = (raw_ns){p->raw.ns + llround((double)since * rate)};
            return true;
        }
        after = p;
    }
    return false;
}

/* ---- how noisy the samples are ---- */

static double spread_sigma(const struct spread *s)
{
    double sigma = s->mean_ns * sqrt(M_PI / 2);

    return sigma > SPREAD_MIN_NS ? sigma : SPREAD_MIN_NS;
}

static void spread_reset(struct spread *s)
{
    *s = (struct spread){.mean_ns = SPREAD_FIRST_NS / sqrt(M_PI / 2)};
}

/*
 * The deviation of a sample from the line through the two before it has the variance
 * sigma^2 (1 + (1 + r)^2 + r^2), r = step ahead / step between. One outlier may count no more than five
 * sigma.
 */
static void spread_add(struct spread *s, const struct clock_sample *sample)
{
    int64_t ahead = sample->ptp.ns - sample->raw.ns;

    if (s->count == 2) {
        double r = (double)(sample->raw.ns - s->raw[0].ns) / (double)(s->raw[0].ns - s->raw[1].ns);
        double line = (double)(s->ahead_ns[0] - s->ahead_ns[1]) * r;
        double deviation =
            fabs((double)(ahead - s->ahead_ns[0]) - line) / sqrt(1 + (1 + r) * (1 + r) + r * r);

        s->mean_ns += (fmin(deviation, 5 * s->mean_ns + SPREAD_MIN_NS) - s->mean_ns) / 32;
    }
    s->raw[1] = s->raw[0];
    s->ahead_ns[1] = s->ahead_ns[0];
    s->raw[0] = sample->raw;
    s->ahead_ns[0] = ahead;
    if (s->count < 2)
        s->count++;
}

/* ---- connection ---- */

__attribute__((format(printf, 3, 4))) static int explain(struct clock_source_status *status, int err,
                                                         const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(status->reason, sizeof(status->reason), format, args);
    va_end(args);
    status->proven = false;
    return err;
}

static void disconnect(struct ptp4l *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    if (p->bound_path[0])
        unlink(p->bound_path);
    p->bound_path[0] = '\0';
}

/* Binds to a name of one kind, to be answered at. */
static int bind_as(struct ptp4l *p, enum binding binding, const char *server)
{
    struct sockaddr_un own = {.sun_family = AF_UNIX};
    int n;

    if (binding == BIND_AUTO)
        return bind(p->fd, (const struct sockaddr *)&own, sizeof(own.sun_family)) ? -errno : 0;
    n = snprintf(own.sun_path, sizeof(own.sun_path), "%s.unisono-%d-%08" PRIx32,
                 binding == BIND_BESIDE ? server : "/tmp/ptp4l", (int)getpid(), (uint32_t)clock_raw_now().ns);
    if (n < 0 || (size_t)n >= sizeof(own.sun_path))
        return -ENAMETOOLONG;
    if (bind(p->fd, (const struct sockaddr *)&own, sizeof(own)))
        return -errno;
    memcpy(p->bound_path, own.sun_path, sizeof(p->bound_path));
    /* ptp4l may run as another user and must be able to answer. */
    return chmod(p->bound_path, 0666) ? -errno : 0;
}

/* The kind that is due, or the next that can be had: a folder may not be ours to write in. */
static int bind_client(struct ptp4l *p, const char *server)
{
    int err = -EADDRNOTAVAIL;

    for (int i = 0; i < BINDINGS && err; i++) {
        err = bind_as(p, p->attempt % BINDINGS, server);
        if (err)
            p->attempt++;
    }
    return err;
}

static int connect_path(struct ptp4l *p, const char *path)
{
    struct sockaddr_un server = {.sun_family = AF_UNIX};
    struct stat file;
    int err;

    snprintf(server.sun_path, sizeof(server.sun_path), "%s", path);
    p->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        return -errno;
    /* Connected, so that nobody but ptp4l can answer, and its end is noticed. */
    err = connect(p->fd, (const struct sockaddr *)&server, sizeof(server)) ? -errno : 0;
    if (err == -ECONNREFUSED && stat(path, &file) == 0 && !S_ISSOCK(file.st_mode))
        err = -ENOTSOCK;
    if (!err)
        err = bind_client(p, path);
    if (err)
        disconnect(p);
    return err;
}

/* Of several failures the one to tell: no file tells least, no permission most. */
static int severity(int err)
{
    switch (err) {
    case 0:
        return 0;
    case -ENOENT:
        return 1;
    case -ECONNREFUSED:
        return 2;
    case -EACCES:
    case -EPERM:
        return 4;
    default:
        return 3;
    }
}

static void start_over(struct ptp4l *p, raw_ns now)
{
    /* Under another name it has to prove itself first. */
    if (!p->silent)
        p->heard = now;
    p->other_domain = -1;
    p->domains_asked = 0;
    p->have = 0;
    p->utc_told = false;
    p->subscribed = false;
    memset(p->port_state, 0, sizeof(p->port_state));
    p->following.active = false;
}

static void connect_any(struct ptp4l *p, raw_ns now)
{
    unsigned count = 0, first = p->attempt / BINDINGS;

    p->tried = now;
    p->tried_once = true;
    p->connect_err = 0;
    while (p->paths[count])
        count++;
    for (unsigned i = 0; i < count; i++) {
        const char *path = p->paths[(first + i) % count];
        int err = connect_path(p, path);

        if (!err) {
            p->path = path;
            p->connect_err = 0;
            start_over(p, now);
            return;
        }
        if (severity(err) >= severity(p->connect_err)) {
            p->path = path;
            p->connect_err = err;
        }
    }
}

static int explain_connect(const struct ptp4l *p, struct clock_source_status *status)
{
    status->port_state = "";
    switch (p->connect_err) {
    case -ENOENT:
        return explain(status, -ENOENT,
                       "no ptp4l at %s: start it, or name its socket with --clock ptp4l:SOCKET", p->path);
    case -ECONNREFUSED:
        return explain(status, -ECONNREFUSED,
                       "no answer from ptp4l at %s: is it running? The socket is there, but nobody listens",
                       p->path);
    case -ENOTSOCK:
        return explain(status, -ENOTSOCK,
                       "%s is not a socket: --clock ptp4l:SOCKET wants ptp4l's uds_address", p->path);
    case -EACCES:
    case -EPERM:
        return explain(status, -EACCES,
                       "ptp4l at %s refuses this user: run as root, or give the socket's group the user",
                       p->path);
    default:
        return explain(status, p->connect_err, "cannot talk to ptp4l at %s: %s", p->path,
                       strerror(-p->connect_err));
    }
}

/* ---- questions ---- */

static int put(struct ptp4l *p, const uint8_t *msg, size_t len)
{
    if (send(p->fd, msg, len, MSG_NOSIGNAL) >= 0)
        return 0;
    /* Its queue is full: it will be asked again. */
    return errno == EAGAIN || errno == ENOBUFS || errno == EINTR ? 0 : -errno;
}

static int ask(struct ptp4l *p, enum ptpmgmt_id id, uint8_t domain)
{
    uint8_t msg[PTPMGMT_GET_LEN];

    ptpmgmt_build_get(msg, id, domain, p->client, p->sequence++);
    return put(p, msg, sizeof(msg));
}

/* What it tells unasked comes earlier than any answer. Refused, by a read-only socket, nothing is lost: it is
 * polled. */
static int subscribe(struct ptp4l *p, raw_ns now)
{
    uint8_t msg[PTPMGMT_SUBSCRIBE_LEN];

    if (p->subscribed && now.ns - p->subscribed_at.ns < SUBSCRIPTION_S * NS_PER_S / 2)
        return 0;
    p->subscribed = true;
    p->subscribed_at = now;
    ptpmgmt_build_subscribe(msg, PTPMGMT_EVENT_PORT_STATE | PTPMGMT_EVENT_TIME_SYNC, SUBSCRIPTION_S,
                            p->domain, p->client, p->sequence++);
    return put(p, msg, sizeof(msg));
}

static int ask_data(struct ptp4l *p, raw_ns now)
{
    bool all = p->have != HAVE_ALL;
    int err = subscribe(p, now);

    p->turn = (p->turn + 1) % (ASK_COUNT - ASK_IN_TURN);
    for (unsigned i = 0; i < ASK_COUNT && !err; i++)
        if (all || i < ASK_IN_TURN || i == ASK_IN_TURN + p->turn)
            err = ask(p, ask_id[i], p->domain);
    return err;
}

/* It is silent: ask for life in our domain, and go through the others. */
static int ask_domains(struct ptp4l *p)
{
    int err = ask(p, PTPMGMT_DEFAULT_DATA_SET, p->domain);

    for (int i = 0; i < DOMAINS_PER_POLL && p->domains_asked < DOMAINS && !err; i++) {
        if (p->domains_asked != p->domain)
            err = ask(p, PTPMGMT_DEFAULT_DATA_SET, (uint8_t)p->domains_asked);
        p->domains_asked++;
    }
    return err;
}

/* ---- answers ---- */

static void take_reply(struct ptp4l *p, const struct ptpmgmt_reply *reply)
{
    unsigned index = 0;

    while (index < ASK_COUNT && ask_id[index] != reply->id)
        index++;
    if (index == ASK_COUNT)
        return;
    p->have |= 1u << index;
    if (reply->error)
        return;
    switch (reply->id) {
    case PTPMGMT_TIME_STATUS_NP:
        p->time_status = reply->time_status;
        break;
    case PTPMGMT_PORT_DATA_SET:
        if (reply->port.port >= 1 && reply->port.port <= MAX_PORTS)
            p->port_state[reply->port.port - 1] = reply->port.state;
        break;
    case PTPMGMT_DEFAULT_DATA_SET:
        p->default_ds = reply->default_ds;
        break;
    case PTPMGMT_CURRENT_DATA_SET:
        p->current = reply->current;
        break;
    case PTPMGMT_TIME_PROPERTIES_DATA_SET:
        p->time_properties = reply->time_properties;
        break;
    case PTPMGMT_GRANDMASTER_SETTINGS_NP:
        p->utc_offset_s = reply->gm_settings.utc_offset_s;
        p->utc_told = true;
        break;
    case PTPMGMT_PARENT_DATA_SET:
    case PTPMGMT_SUBSCRIBE_EVENTS_NP:
        break;
    }
}

/* 0, or -errno when the connection is broken. */
static int receive(struct ptp4l *p, raw_ns now)
{
    for (int i = 0; i < REPLIES_PER_POLL; i++) {
        uint8_t msg[PTPMGMT_MAX_LEN];
        struct ptpmgmt_reply reply;
        ssize_t n = recv(p->fd, msg, sizeof(msg), 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        if (ptpmgmt_parse(msg, (size_t)n, p->client, &reply))
            continue;
        if (reply.domain != p->domain) {
            p->other_domain = reply.domain;
            continue;
        }
        p->heard = now;
        p->silent = false;
        p->other_domain = -1;
        p->domains_asked = 0;
        take_reply(p, &reply);
    }
    return 0;
}

/* ---- what the answers mean ---- */

/* TAI - UTC as ptp4l applies it; what the grandmaster announces, often an unset 0, is the second choice. */
static int64_t utc_offset_ns(const struct ptp4l *p)
{
    return (p->utc_told ? p->utc_offset_s : p->time_properties.utc_offset_s) * NS_PER_S;
}

/* The state of the port that decides: of several, the one nearest to a grandmaster. */
static uint8_t deciding_state(const struct ptp4l *p)
{
    static const uint8_t order[] = {PTP_PORT_SLAVE,       PTP_PORT_UNCALIBRATED, PTP_PORT_GRAND_MASTER,
                                    PTP_PORT_MASTER,      PTP_PORT_PRE_MASTER,   PTP_PORT_PASSIVE,
                                    PTP_PORT_LISTENING,   PTP_PORT_FAULTY,       PTP_PORT_DISABLED,
                                    PTP_PORT_INITIALIZING};

    for (size_t i = 0; i < sizeof(order); i++)
        for (int port = 0; port < MAX_PORTS; port++)
            if (p->port_state[port] == order[i])
                return order[i];
    return 0;
}

static void follow_from_here(struct ptp4l *p, const struct ptp_time_status *ts, raw_ns now)
{
    p->following = (struct following){
        .active = true,
        .gm_id = ts->gm_id,
        .ingress_ns = ts->ingress_time_ns,
        .offset_ns = ts->master_offset_ns,
        .changed = now,
    };
    spread_reset(&p->spread);
}

/* Whether the offset that came with this Sync was measured against the present grandmaster. */
static bool settled(struct ptp4l *p, const struct ptp_time_status *ts)
{
    struct following *f = &p->following;

    if (!f->settled) {
        f->unsettled++;
        f->settled = ts->master_offset_ns != f->offset_ns ||
                     (f->unsettled >= SETTLE_SYNCS && p->current.mean_path_delay_ns != 0);
    }
    return f->settled;
}

static bool possible(int64_t time_ns)
{
    return time_ns >= 0 && time_ns <= TIME_MAX_NS;
}

/* The local clock's timescale: TAI (true) or that of CLOCK_REALTIME, judged by where it stands. */
static int local_scale(const struct ptp4l *p, const struct clock_pair *now, int64_t ingress_ns, bool *tai)
{
    int64_t utc = utc_offset_ns(p);

    for (int i = 0; i < 2; i++) {
        int64_t age = now->realtime_ns + (i ? utc : 0) - ingress_ns;

        *tai = i;
        if (age >= -INGRESS_MAX_AHEAD_NS && age <= INGRESS_MAX_AGE_NS)
            return 0;
    }
    return -EXDEV;
}

static const char note_card[] =
    "ptp4l stamps by the network card's clock: right only while phc2sys keeps the system "
    "clock on it";

static int sample_sync(struct ptp4l *p, const struct ptp_time_status *ts, const struct clock_pair *now,
                       struct clock_sample *out, struct clock_source_status *status)
{
    struct following *f = &p->following;
    int64_t utc = utc_offset_ns(p), correction;
    bool tai;

    if (!out)
        return 1;
    if (!possible(ts->ingress_time_ns) || local_scale(p, now, ts->ingress_time_ns, &tai))
        return explain(
            status, -EXDEV,
            "ptp4l's clock is not this machine's system clock (hardware timestamping): run phc2sys, "
            "or set time_stamping software in ptp4l.conf");
    correction = !tai && p->time_properties.ptp_timescale ? utc : 0;
    if (ts->master_offset_ns > TIME_MAX_NS || ts->master_offset_ns < -TIME_MAX_NS ||
        !possible(ts->ingress_time_ns - ts->master_offset_ns + correction))
        return explain(status, -ERANGE, "grandmaster %s tells an impossible time", status->gm_text);
    if (correction != f->correction_ns) {
        /* The offset may be from before the change, the time properties from after it. */
        f->correction_ns = correction;
        return explain(status, 0, "the grandmaster's timescale has changed: waiting for the next Sync");
    }
    if (!pairs_raw(&p->pairs, ts->ingress_time_ns - (tai ? utc : 0), &out->raw))
        return explain(
            status, 0,
            "the system clock was set, or is slewed by more than %d ppm: waiting for the next Sync",
            SLEW_MAX_PPM);
    out->ptp = (ptp_ns){ts->ingress_time_ns - ts->master_offset_ns + correction};
    spread_add(&p->spread, out);
    out->sigma_ns = spread_sigma(&p->spread);
    status->reason[0] = '\0';
    snprintf(status->note, sizeof(status->note), "%s", tai ? note_card : "");
    status->proven = true;
    return 1;
}

/* Three intervals, but within reason: the interval is as seen by polls that may themselves have stalled. */
static int64_t stale_limit(const struct following *f)
{
    int64_t limit = 3 * f->interval_ns;

    if (limit < STALE_NS)
        return STALE_NS;
    return limit < STALE_MAX_NS ? limit : STALE_MAX_NS;
}

/* Somebody else is grandmaster: a sample for each Sync. */
static int follow(struct ptp4l *p, const struct clock_pair *now, struct clock_sample *out,
                  struct clock_source_status *status)
{
    const struct ptp_time_status *ts = &p->time_status;
    struct following *f = &p->following;
    int64_t limit = stale_limit(f);
    int ret;

    if (!f->active || !ptp_clock_id_equal(&f->gm_id, &ts->gm_id)) {
        follow_from_here(p, ts, now->raw);
        return explain(status, 0, "following grandmaster %s: waiting for the first measurement",
                       status->gm_text);
    }
    if (ts->ingress_time_ns == f->ingress_ns || ts->ingress_time_ns == 0) {
        if (now->raw.ns - f->changed.ns <= limit)
            return f->verdict;
        return explain(status, -ENODATA, "no Sync from grandmaster %s: is it gone, or is multicast blocked?",
                       status->gm_text);
    }
    if (!settled(p, ts))
        ret = explain(status, 0, "following grandmaster %s: the path delay is not measured yet",
                      status->gm_text);
    else
        ret = sample_sync(p, ts, now, out, status);
    f->interval_ns = now->raw.ns - f->changed.ns;
    f->changed = now->raw;
    f->ingress_ns = ts->ingress_time_ns;
    f->offset_ns = ts->master_offset_ns;
    f->verdict = ret < 0 ? ret : 0;
    return ret;
}

/* This machine is the grandmaster: PTP time is its local clock, CLOCK_REALTIME or the card's under it. */
static int lead(struct ptp4l *p, const struct clock_pair *now, struct clock_sample *out,
                struct clock_source_status *status)
{
    bool tai = p->time_properties.ptp_timescale;

    p->following.active = false;
    if (out) {
        out->raw = now->raw;
        out->ptp = (ptp_ns){now->realtime_ns + (tai ? utc_offset_ns(p) : 0)};
        out->sigma_ns = clock_pair_sigma(now);
    }
    status->reason[0] = '\0';
    snprintf(status->note, sizeof(status->note), "%s", tai ? note_card : "");
    status->proven = true;
    return 1;
}

static int no_master(struct ptp4l *p, uint8_t state, struct clock_source_status *status)
{
    p->following.active = false;
    if (state == PTP_PORT_FAULTY)
        return explain(status, -ENODATA,
                       "the port of ptp4l is FAULTY: its log says why (interface down, or no transmit "
                       "timestamps: raise tx_timestamp_timeout)");
    return explain(status, -ENODATA, "ptp4l hears no grandmaster in domain %d (port %s)", p->domain,
                   ptp_port_state_name(state));
}

static void tell_status(const struct ptp4l *p, uint8_t state, struct clock_source_status *status)
{
    status->port_state = ptp_port_state_name(state);
    status->gm_known = true;
    status->gm_id = p->time_status.gm_id;
    ptp_clock_id_text(&status->gm_id, status->gm_text);
    status->offset_ns = p->time_status.master_offset_ns;
    status->path_delay_ns = p->current.mean_path_delay_ns;
    status->port = state;
    status->utc_offset_s = (int)(utc_offset_ns(p) / NS_PER_S);
    status->utc_offset_valid = p->time_properties.utc_offset_valid;
    status->ptp_timescale = p->time_properties.ptp_timescale;
}

static int judge(struct ptp4l *p, const struct clock_pair *now, struct clock_sample *out,
                 struct clock_source_status *status)
{
    uint8_t state;

    if (now->raw.ns - p->heard.ns > SILENT_NS) {
        p->silent = true;
        p->have = 0;
        p->following.active = false;
        status->port_state = "";
        status->port = 0;
        if (p->other_domain >= 0)
            return explain(status, -EDOM,
                           "ptp4l at %s answers in domain %d, not in domain %d: set domainNumber in its "
                           "configuration, or --ptp-domain",
                           p->path, p->other_domain, p->domain);
        return explain(status, -ETIMEDOUT,
                       "ptp4l at %s does not answer in domain %d: is it stopped, or of another domain?",
                       p->path, p->domain);
    }
    if (p->have != HAVE_ALL)
        return explain(status, 0, "waiting for ptp4l at %s to tell its state", p->path);
    state = deciding_state(p);
    tell_status(p, state, status);
    if (state == PTP_PORT_SLAVE || state == PTP_PORT_UNCALIBRATED)
        return follow(p, now, out, status);
    if ((state == PTP_PORT_MASTER || state == PTP_PORT_GRAND_MASTER) &&
        ptp_clock_id_equal(&p->time_status.gm_id, &p->default_ds.clock_id))
        return lead(p, now, out, status);
    return no_master(p, state, status);
}

/* ---- interface ---- */

int ptp4l_open(struct ptp4l **out, const char *const *paths, uint8_t domain)
{
    struct ptp4l *p = calloc(1, sizeof(*p));

    if (!p)
        return -ENOMEM;
    p->paths = paths;
    p->path = paths[0];
    p->domain = domain;
    p->client = (uint16_t)getpid();
    p->fd = -1;
    *out = p;
    return 0;
}

void ptp4l_close(struct ptp4l *p)
{
    if (!p)
        return;
    disconnect(p);
    free(p);
}

/* 0 when connected. */
static int keep_connected(struct ptp4l *p, raw_ns now, struct clock_source_status *status)
{
    if (p->fd < 0 && (!p->tried_once || now.ns - p->tried.ns >= RETRY_NS))
        connect_any(p, now);
    if (p->fd < 0)
        return explain_connect(p, status);
    snprintf(status->socket, sizeof(status->socket), "%s", p->path);
    return 0;
}

/* Asked in every domain, in vain: perhaps its answers do not reach us. Another name, then another path. */
static bool try_elsewhere(struct ptp4l *p)
{
    if (!p->silent || p->other_domain >= 0 || p->domains_asked < DOMAINS)
        return false;
    p->attempt++;
    p->tried_once = false; /* at once */
    disconnect(p);
    return true;
}

int ptp4l_poll(struct ptp4l *p, const struct clock_pair *now, struct clock_sample *out,
               struct clock_source_status *status)
{
    int ret, err;

    pairs_add(&p->pairs, now);
    ret = keep_connected(p, now->raw, status);
    if (ret)
        return ret;
    err = receive(p, now->raw);
    if (!err) {
        ret = judge(p, now, out, status);
        if (try_elsewhere(p))
            return ret;
        err = p->silent ? ask_domains(p) : ask_data(p, now->raw);
    }
    if (err) {
        /* It has ended, or another has taken its place. */
        disconnect(p);
        p->silent = false;
        p->connect_err = err == -ECONNRESET ? -ECONNREFUSED : err;
        p->tried = now->raw;
        if (ret != 1)
            ret = explain_connect(p, status);
    }
    return ret;
}

int ptp4l_probe(struct ptp4l *p, struct clock_source_status *status)
{
    for (int i = 0; i < PROBE_ATTEMPTS; i++) {
        struct pollfd fd = {.events = POLLIN};
        int err;

        p->have = 0;
        connect_any(p, clock_raw_now());
        if (p->fd < 0)
            return explain_connect(p, status);
        fd.fd = p->fd;
        err = ask(p, PTPMGMT_DEFAULT_DATA_SET, p->domain);
        if (!err && poll(&fd, 1, PROBE_NS / NS_PER_MS) > 0)
            err = receive(p, clock_raw_now());
        if (!err && p->have)
            return 0;
        p->attempt++;
        disconnect(p);
    }
    return explain(status, -ETIMEDOUT, "ptp4l at %s does not answer in domain %d", p->path, p->domain);
}
