// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * fake-ptp4l: a ptp4l as its clients see it, through its management socket, that does at once what it is
 * told: so a test can have each state, fault and version of ptp4l when it wants it.
 *
 *      stdin   state LISTENING  -->  fake-ptp4l  <-- GET --  unisono-send, unisono-recv, unisono-doctor
 *      stdout  ok               <--              -- RESPONSE -->
 *
 * It stands for a ptp4l with software timestamps: its local clock is CLOCK_REALTIME, ingress times are read
 * from it. The grandmaster it pretends to follow tells
 *
 *      CLOCK_REALTIME - epoch + steps + rate * time + noise     (+ TAI - UTC on the PTP timescale)
 *
 * so two of them on one machine that were told the same agree exactly, as soon as their noise is 0.
 *
 * Commands, one a line or several on one line with `;` between: these take effect together. Each line is
 * answered by "ok", or by "error: " and why; what stood before the wrong one has taken effect.
 *
 *      state NAME        of the port: SLAVE, UNCALIBRATED, MASTER, GRAND_MASTER, LISTENING, FAULTY ... Only
 * the first two take in Syncs; as MASTER or GRAND_MASTER it is itself the grandmaster gm ID             the
 * grandmaster's identity, AA-BB-CC-DD-EE-FF-00-11 step NS           the grandmaster's time jumps rate PPB the
 * grandmaster runs fast by so much noise NS          of the measured offset, one sigma epoch NS          the
 * grandmaster's time was 0 when CLOCK_REALTIME was NS; undoes all steps delay NS          mean path delay; 0:
 * not measured yet sync off|on|HZ    Syncs that are taken in timescale ptp|arb utc SECONDS       TAI - UTC as
 * announced; the grandmaster's own time (TAI) goes on as it was leap 0|59|61      the last minute of this day
 *      domain N
 *      version V         3.1, 4.0, 4.2 or 4.4: minor version of PTP, read-only socket, what can be subscribed
 * to stall on|off      reads nothing and answers nothing, as if stopped garbage N|on      the next N answers,
 * or all, are malformed, each in another way; 0 ends it error ID          each question is refused with this
 * managementErrorId; 0 ends it
 *
 * What is known of the real one is in IEEE 1588-2008 clause 15 and in linuxptp's clock.c, port.c and tlv.h;
 * the data sets are written here byte by byte, not by the code under test.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "proto/timebase.h"

enum {
    ANSWER_MAX = 4096,
    PREFIX = 54, /* up to the data */
    SUBSCRIBERS = 8,
    LINE = 512,
    WITHOUT_END = -1,
    TAI_MINUS_UTC = 37, /* of the grandmaster's clock, whatever it announces */
};

enum { SOCKET_RW, SOCKET_RO, SOCKETS };

enum { ACTION_GET, ACTION_SET, ACTION_RESPONSE };
enum { TLV_MANAGEMENT = 1, TLV_ERROR_STATUS };
enum { ERROR_NOT_SETABLE = 4, ERROR_NO_SUCH_ID = 2, ERROR_NOT_SUPPORTED = 6 };

enum {
    DEFAULT_DATA_SET = 0x2000,
    CURRENT_DATA_SET = 0x2001,
    PARENT_DATA_SET = 0x2002,
    TIME_PROPERTIES_DATA_SET = 0x2003,
    PORT_DATA_SET = 0x2004,
    TIME_STATUS_NP = 0xc000,
    GRANDMASTER_SETTINGS_NP = 0xc001,
    SUBSCRIBE_EVENTS_NP = 0xc003,
};

/* Bits of a subscription, and since which version it is kept. */
enum { NOTIFY_PORT_STATE, NOTIFY_TIME_SYNC, NOTIFY_PARENT_DATA_SET };

static const int notify_since[] = {31, 40, 42};

static const char *const state_names[] = {
    "",       "INITIALIZING", "FAULTY",       "DISABLED", "LISTENING",   "PRE_MASTER",
    "MASTER", "PASSIVE",      "UNCALIBRATED", "SLAVE",    "GRAND_MASTER"};

enum { LISTENING = 4, MASTER = 6, UNCALIBRATED = 8, SLAVE = 9, GRAND_MASTER = 10, STATES = 11 };

struct identity {
    uint8_t byte[8];
};

/* Somebody who asked, and where the answer goes. */
struct client {
    struct sockaddr_un address;
    socklen_t size;
    uint8_t port[10]; /* port identity */
};

struct subscriber {
    struct client client;
    int64_t until; /* CLOCK_MONOTONIC; 0: none */
    uint8_t events;
    uint16_t sequence;
};

struct fake {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    char ro_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int fd[SOCKETS];
    int version; /* 31, 40, 42, 44 */
    int domain;
    struct identity own, gm;
    int state;

    int64_t ahead_ns; /* the grandmaster's time minus CLOCK_REALTIME, on an arbitrary timescale */
    double rate_ppb, noise_ns;
    int64_t rate_since; /* CLOCK_REALTIME */
    bool ptp_timescale;
    int utc_s, leap;
    int64_t delay_ns;

    double sync_hz;
    bool syncing;
    int64_t next_sync; /* CLOCK_MONOTONIC */
    int64_t ingress_ns, offset_ns;

    bool stalled;
    long garbage, nonsense; /* answers, or WITHOUT_END */
    unsigned garbage_kind;
    unsigned error;
    struct subscriber subscriber[SUBSCRIBERS];
    uint64_t random;
};

/* ---- time and chance ------------------------------------------------------------------------------- */

static int64_t now_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* xorshift64* (Vigna 2016), below `limit`. */
static unsigned draw(struct fake *f, unsigned limit)
{
    f->random ^= f->random >> 12;
    f->random ^= f->random << 25;
    f->random ^= f->random >> 27;
    return (unsigned)((f->random * UINT64_C(0x2545f4914f6cdd1d) >> 32) % limit);
}

/* Normal, sigma 1: twelve uniform numbers have the variance 1. */
static double draw_normal(struct fake *f)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += draw(f, 1000001) / 1e6;
    return sum;
}

static int64_t drift_ns(const struct fake *f, int64_t realtime)
{
    return llround((double)(realtime - f->rate_since) * f->rate_ppb / 1e9);
}

static bool follows(const struct fake *f)
{
    return f->state == SLAVE || f->state == UNCALIBRATED;
}

static bool leads(const struct fake *f)
{
    return f->state == MASTER || f->state == GRAND_MASTER;
}

/* What ptp4l makes of a Sync: TAI - UTC as it knows it is taken out where the grandmaster is on the PTP
 * timescale. */
static void take_sync(struct fake *f)
{
    int64_t gm_ahead, realtime = now_ns(CLOCK_REALTIME);

    gm_ahead = f->ahead_ns + drift_ns(f, realtime) + llround(f->noise_ns * draw_normal(f));
    if (f->ptp_timescale)
        gm_ahead += (TAI_MINUS_UTC - f->utc_s) * NS_PER_S;
    f->ingress_ns = realtime;
    f->offset_ns = -gm_ahead;
}

/* ---- messages -------------------------------------------------------------------------------------- */

static void put(uint8_t **at, uint64_t value, int octets)
{
    for (int i = octets - 1; i >= 0; i--)
        *(*at)++ = (uint8_t)(i < 8 ? value >> (8 * i) : 0);
}

static void put_identity(uint8_t **at, const struct identity *id)
{
    memcpy(*at, id->byte, sizeof id->byte);
    *at += sizeof id->byte;
}

static const struct identity *grandmaster(const struct fake *f)
{
    return leads(f) ? &f->own : &f->gm;
}

static void put_default(const struct fake *f, uint8_t **at)
{
    put(at, 0, 2);
    put(at, 1, 2);
    put(at, 0x80f8feffff80, 6); /* priority, class, accuracy, variance, priority */
    put_identity(at, &f->own);
    put(at, (uint64_t)f->domain << 8, 2);
}

static void put_current(const struct fake *f, uint8_t **at)
{
    put(at, !leads(f), 2);
    put(at, leads(f) ? 0 : (uint64_t)f->offset_ns << 16, 8);
    put(at, leads(f) ? 0 : (uint64_t)f->delay_ns << 16, 8);
}

static void put_parent(const struct fake *f, uint8_t **at)
{
    put_identity(at, grandmaster(f));
    put(at, !leads(f), 2);
    put(at, 0, 2);
    put(at, 0xffff7fffffff, 6);
    put(at, 0x80f8feffff80, 6);
    put_identity(at, grandmaster(f));
}

static void put_time_properties(const struct fake *f, uint8_t **at)
{
    put(at, (uint64_t)f->utc_s, 2);
    put(at, (f->leap == 61) | (f->leap == 59) << 1 | (f->ptp_timescale ? 0x0c : 0), 1);
    put(at, 0xa0, 1);
}

static void put_port(const struct fake *f, uint8_t **at)
{
    put_identity(at, &f->own);
    put(at, 1, 2);
    put(at, (uint64_t)f->state, 1);
    put(at, 0, 9);
    put(at, 0x0003fd010002,
        6); /* announce interval, its timeout, sync interval, E2E, peer interval, version */
}

/* A dead grandmaster stays in it; only the ingress goes, and only when the port listens for another. */
static void put_time_status(const struct fake *f, uint8_t **at)
{
    put(at, leads(f) ? 0 : (uint64_t)f->offset_ns, 8);
    put(at, follows(f) ? (uint64_t)f->ingress_ns : 0, 8);
    put(at, 0, 4 + 4 + 2 + 12);
    put(at, !leads(f), 4);
    put_identity(at, grandmaster(f));
}

static void put_settings(const struct fake *f, uint8_t **at)
{
    put(at, 0xf8feffff, 4);
    put(at, (uint64_t)f->utc_s, 2);
    put(at, f->ptp_timescale ? 0x0c : 0, 1);
    put(at, 0xa0, 1);
}

static const struct data_set {
    unsigned id;
    void (*put)(const struct fake *f, uint8_t **at);
} data_sets[] = {
    {DEFAULT_DATA_SET, put_default},
    {CURRENT_DATA_SET, put_current},
    {PARENT_DATA_SET, put_parent},
    {TIME_PROPERTIES_DATA_SET, put_time_properties},
    {PORT_DATA_SET, put_port},
    {TIME_STATUS_NP, put_time_status},
    {GRANDMASTER_SETTINGS_NP, put_settings},
};

static const struct data_set *data_set(unsigned id)
{
    for (size_t i = 0; i < sizeof data_sets / sizeof *data_sets; i++)
        if (data_sets[i].id == id)
            return &data_sets[i];
    return NULL;
}

/* ---- answers --------------------------------------------------------------------------------------- */

static void fill(struct fake *f, uint8_t *from, uint8_t *end)
{
    while (from < end)
        *from++ = (uint8_t)draw(f, 256);
}

/* Breaks a sound answer of `len` bytes in one way; returns its new length. */
static size_t deform(struct fake *f, uint8_t *msg, size_t len)
{
    size_t random_len = draw(f, ANSWER_MAX);

    switch (f->garbage_kind++ % 8) {
    case 0: /* noise of any length */
        fill(f, msg, msg + random_len);
        return random_len;
    case 1: /* cut */
        return draw(f, (unsigned)len);
    case 2: /* far longer, and says so */
        fill(f, msg + len, msg + ANSWER_MAX);
        msg[2] = ANSWER_MAX >> 8;
        msg[3] = ANSWER_MAX & 0xff;
        return ANSWER_MAX;
    case 3: /* a length that is not its own */
        fill(f, msg + 2, msg + 4);
        return len;
    case 4: /* a TLV that does not fit into it */
        fill(f, msg + 50, msg + 52);
        return len;
    case 5: /* another TLV */
        msg[48] |= 0x7f;
        return len;
    case 6: /* another data set than its data are of */
        msg[53] ^= 1;
        return len;
    default: /* nothing */
        return 0;
    }
}

/* `n` bytes of data follow the prefix in msg, an array of ANSWER_MAX. */
static void finish(const struct fake *f, uint8_t *msg, const struct client *to, unsigned sequence,
                   unsigned id, size_t n)
{
    uint8_t *at = msg;

    put(&at, 0x0d, 1);
    put(&at, f->version >= 40 ? 0x12 : 0x02, 1);
    put(&at, PREFIX + n, 2);
    put(&at, (uint64_t)f->domain << 8, 2);
    put(&at, 0, 14);
    put_identity(&at, &f->own);
    put(&at, 1, 2);
    put(&at, sequence, 2);
    put(&at, 0x047f, 2);
    memcpy(at, to->port, sizeof to->port);
    at += sizeof to->port;
    put(&at, 0, 2);
    put(&at, ACTION_RESPONSE, 1);
    put(&at, 0, 1);
    put(&at, TLV_MANAGEMENT, 2);
    put(&at, 2 + n, 2);
    put(&at, id, 2);
}

/* A client that is gone, or does not read, is no concern of ptp4l. */
static void send_to(struct fake *f, int fd, const struct client *to, uint8_t *msg, size_t len)
{
    if (f->nonsense) {
        fill(f, msg + PREFIX, msg + len);
        f->nonsense -= f->nonsense > 0;
    }
    if (f->garbage) {
        len = deform(f, msg, len);
        f->garbage -= f->garbage > 0;
    }
    (void)sendto(fd, msg, len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&to->address, to->size);
}

static void send_error(struct fake *f, int fd, const struct client *to, unsigned sequence, unsigned id,
                       unsigned error)
{
    uint8_t msg[ANSWER_MAX], *at = msg + PREFIX - 6;

    finish(f, msg, to, sequence, id, 6);
    put(&at, TLV_ERROR_STATUS, 2);
    put(&at, 8, 2);
    put(&at, error, 2);
    put(&at, id, 2);
    put(&at, 0, 4);
    send_to(f, fd, to, msg, (size_t)(at - msg));
}

static void send_data_set(struct fake *f, int fd, const struct client *to, unsigned sequence,
                          const struct data_set *set)
{
    uint8_t msg[ANSWER_MAX], *at = msg + PREFIX;

    set->put(f, &at);
    finish(f, msg, to, sequence, set->id, (size_t)(at - msg) - PREFIX);
    send_to(f, fd, to, msg, (size_t)(at - msg));
}

static void notify(struct fake *f, int event, unsigned id)
{
    int64_t now = now_ns(CLOCK_MONOTONIC);

    for (int i = 0; i < SUBSCRIBERS && f->version >= notify_since[event]; i++) {
        struct subscriber *s = &f->subscriber[i];

        if (s->until > now && s->events >> event & 1)
            send_data_set(f, f->fd[SOCKET_RW], &s->client, s->sequence++, data_set(id));
    }
}

/* Duration in seconds and 64 bytes of bits; a subscriber that is known is renewed. */
static void subscribe(struct fake *f, const struct client *from, unsigned sequence, const uint8_t *request)
{
    uint8_t msg[ANSWER_MAX];
    int64_t now = now_ns(CLOCK_MONOTONIC);
    struct subscriber *found = NULL;

    for (int i = SUBSCRIBERS - 1; i >= 0; i--) {
        struct subscriber *s = &f->subscriber[i];

        if (s->until > now && memcmp(s->client.port, from->port, sizeof from->port) == 0) {
            found = s;
            break;
        }
        if (s->until <= now)
            found = s;
    }
    if (!found) {
        send_error(f, f->fd[SOCKET_RW], from, sequence, SUBSCRIBE_EVENTS_NP, 0xfffe);
        return;
    }
    *found = (struct subscriber){.client = *from,
                                 .until = now + (request[PREFIX] << 8 | request[PREFIX + 1]) * NS_PER_S,
                                 .events = request[PREFIX + 2]};
    memcpy(msg + PREFIX, request + PREFIX, 66);
    finish(f, msg, from, sequence, SUBSCRIBE_EVENTS_NP, 66);
    send_to(f, f->fd[SOCKET_RW], from, msg, PREFIX + 66);
}

/* A question of another domain, or no question, meets with silence. */
static void answer(struct fake *f, int which, const struct client *from, const uint8_t *msg, size_t len)
{
    unsigned sequence, id, action;
    const struct data_set *set;

    if (len < PREFIX || (msg[0] & 0x0f) != 0x0d || (msg[1] & 0x0f) != 2 || msg[4] != f->domain)
        return;
    sequence = (unsigned)msg[30] << 8 | msg[31];
    action = msg[46] & 0x0f;
    id = (unsigned)msg[52] << 8 | msg[53];
    set = data_set(id);
    if (f->error)
        send_error(f, f->fd[which], from, sequence, id, f->error);
    else if (which == SOCKET_RO && action != ACTION_GET)
        send_error(f, f->fd[which], from, sequence, id, ERROR_NOT_SUPPORTED);
    else if (action == ACTION_SET && id == SUBSCRIBE_EVENTS_NP && len >= PREFIX + 66)
        subscribe(f, from, sequence, msg);
    else if (action == ACTION_SET)
        send_error(f, f->fd[which], from, sequence, id, ERROR_NOT_SETABLE);
    else if (action == ACTION_GET && set)
        send_data_set(f, f->fd[which], from, sequence, set);
    else if (action == ACTION_GET)
        send_error(f, f->fd[which], from, sequence, id, ERROR_NO_SUCH_ID);
}

static void serve(struct fake *f, int which)
{
    struct client from = {.size = sizeof from.address};
    uint8_t msg[ANSWER_MAX];
    ssize_t n =
        recvfrom(f->fd[which], msg, sizeof msg, MSG_DONTWAIT, (struct sockaddr *)&from.address, &from.size);

    if (n < PREFIX || from.size <= sizeof from.address.sun_family)
        return;
    memcpy(from.port, msg + 20, sizeof from.port);
    answer(f, which, &from, msg, (size_t)n);
}

/* ---- sockets --------------------------------------------------------------------------------------- */

static int listen_at(struct fake *f, int which, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    f->fd[which] = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (f->fd[which] < 0)
        return -errno;
    unlink(path);
    if (bind(f->fd[which], (const struct sockaddr *)&address, sizeof address))
        return -errno;
    return chmod(path, which == SOCKET_RO ? 0666 : 0660) ? -errno : 0;
}

static void close_at(struct fake *f, int which, const char *path)
{
    if (f->fd[which] < 0)
        return;
    close(f->fd[which]);
    unlink(path);
    f->fd[which] = -1;
}

/* ---- commands: each returns false when its argument makes no sense ---------------------------------- */

static bool read_number(const char *text, double min, double max, double *value)
{
    char *end = NULL;

    *value = strtod(text, &end);
    return end != text && !*end && *value >= min && *value <= max;
}

static bool read_whole(const char *text, int64_t min, int64_t max, int64_t *value)
{
    char *end = NULL;

    errno = 0;
    *value = strtoll(text, &end, 10);
    return !errno && end != text && !*end && *value >= min && *value <= max;
}

static bool read_switch(const char *text, bool *on)
{
    *on = strcmp(text, "on") == 0;
    return *on || strcmp(text, "off") == 0;
}

static bool set_state(struct fake *f, const char *text)
{
    for (int i = 1; i < STATES; i++) {
        if (strcmp(text, state_names[i]))
            continue;
        f->state = i;
        if (!follows(f))
            f->ingress_ns = 0;
        notify(f, NOTIFY_PORT_STATE, PORT_DATA_SET);
        return true;
    }
    return false;
}

static bool set_gm(struct fake *f, const char *text)
{
    struct identity id;

    if (strlen(text) != 23)
        return false;
    for (size_t i = 0; i < sizeof id.byte; i++) {
        char *end = NULL;

        id.byte[i] = (uint8_t)strtoul(text + 3 * i, &end, 16);
        if (end != text + 3 * i + 2 || (*end && *end != '-'))
            return false;
    }
    f->gm = id;
    notify(f, NOTIFY_PARENT_DATA_SET, PARENT_DATA_SET);
    return true;
}

static bool do_step(struct fake *f, const char *text)
{
    int64_t step;

    if (!read_whole(text, INT64_MIN / 4, INT64_MAX / 4, &step))
        return false;
    f->ahead_ns += step;
    return true;
}

static bool set_rate(struct fake *f, const char *text)
{
    int64_t now = now_ns(CLOCK_REALTIME);
    double rate;

    if (!read_number(text, -1e6, 1e6, &rate))
        return false;
    f->ahead_ns += drift_ns(f, now);
    f->rate_since = now;
    f->rate_ppb = rate;
    return true;
}

static bool set_noise(struct fake *f, const char *text)
{
    return read_number(text, 0, 1e9, &f->noise_ns);
}

static bool set_epoch(struct fake *f, const char *text)
{
    int64_t epoch;

    if (!read_whole(text, INT64_MIN / 4, INT64_MAX / 4, &epoch))
        return false;
    f->ahead_ns = -epoch;
    f->rate_since = now_ns(CLOCK_REALTIME);
    return true;
}

static bool set_delay(struct fake *f, const char *text)
{
    return read_whole(text, 0, NS_PER_S, &f->delay_ns);
}

static bool set_sync(struct fake *f, const char *text)
{
    double hz;

    f->next_sync = now_ns(CLOCK_MONOTONIC);
    if (read_switch(text, &f->syncing))
        return true;
    if (!read_number(text, 0.01, 1000, &hz))
        return false;
    f->sync_hz = hz;
    f->syncing = true;
    return true;
}

static bool set_timescale(struct fake *f, const char *text)
{
    f->ptp_timescale = strcmp(text, "ptp") == 0;
    return f->ptp_timescale || strcmp(text, "arb") == 0;
}

static bool set_utc(struct fake *f, const char *text)
{
    int64_t value = f->utc_s;
    bool sound = read_whole(text, INT16_MIN, INT16_MAX, &value);

    f->utc_s = (int)value;
    return sound;
}

static bool set_leap(struct fake *f, const char *text)
{
    int64_t value;

    if (!read_whole(text, 0, 61, &value) || (value != 0 && value != 59 && value != 61))
        return false;
    f->leap = (int)value;
    return true;
}

static bool set_domain(struct fake *f, const char *text)
{
    int64_t value = f->domain;
    bool sound = read_whole(text, 0, 255, &value);

    f->domain = (int)value;
    return sound;
}

static bool set_version(struct fake *f, const char *text)
{
    static const char *const names[] = {"3.1", "4.0", "4.2", "4.4"};
    static const int versions[] = {31, 40, 42, 44};

    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        if (strcmp(text, names[i]))
            continue;
        f->version = versions[i];
        if (f->version < 40)
            close_at(f, SOCKET_RO, f->ro_path);
        return f->version < 40 || f->fd[SOCKET_RO] >= 0 || listen_at(f, SOCKET_RO, f->ro_path) == 0;
    }
    return false;
}

static bool set_stall(struct fake *f, const char *text)
{
    return read_switch(text, &f->stalled);
}

static bool read_answers(const char *text, long *answers)
{
    int64_t count = WITHOUT_END;

    if (strcmp(text, "on") != 0 && !read_whole(text, 0, 1000000, &count))
        return false;
    *answers = (long)count;
    return true;
}

static bool set_garbage(struct fake *f, const char *text)
{
    return read_answers(text, &f->garbage);
}

static bool set_nonsense(struct fake *f, const char *text)
{
    return read_answers(text, &f->nonsense);
}

static bool set_error(struct fake *f, const char *text)
{
    int64_t value;

    if (!read_whole(text, 0, 0xffff, &value))
        return false;
    f->error = (unsigned)value;
    return true;
}

static const struct command {
    const char *name;
    bool (*obey)(struct fake *f, const char *argument);
} commands[] = {
    {"state", set_state},     {"gm", set_gm},       {"step", do_step},        {"rate", set_rate},
    {"noise", set_noise},     {"epoch", set_epoch}, {"delay", set_delay},     {"sync", set_sync},
    {"utc", set_utc},         {"leap", set_leap},   {"domain", set_domain},   {"timescale", set_timescale},
    {"version", set_version}, {"stall", set_stall}, {"garbage", set_garbage}, {"nonsense", set_nonsense},
    {"error", set_error},
};

static bool obey(struct fake *f, const char *name, const char *argument)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].obey(f, argument);
    return false;
}

static void obey_line(struct fake *f, char *line)
{
    char *rest = NULL;

    for (char *part = strtok_r(line, ";", &rest); part; part = strtok_r(NULL, ";", &rest)) {
        char name[32], argument[64];
        int fields = sscanf(part, "%31s %63s", name, argument);

        if (fields > 0 && (fields < 2 || !obey(f, name, argument))) {
            printf("error: '%s' is no command, or not with this argument\n", part);
            return;
        }
    }
    printf("ok\n");
}

/* False: nothing will come any more. */
static bool take_commands(struct fake *f, char line[LINE], size_t *length)
{
    ssize_t n = read(STDIN_FILENO, line + *length, LINE - 1 - *length);
    char *end;

    if (n <= 0)
        return n < 0 && errno == EINTR;
    *length += (size_t)n;
    line[*length] = '\0';
    while ((end = strchr(line, '\n')) != NULL) {
        *end++ = '\0';
        obey_line(f, line);
        *length -= (size_t)(end - line);
        memmove(line, end, *length + 1);
    }
    return *length < LINE - 1;
}

/* ---- running --------------------------------------------------------------------------------------- */

/* Takes the Sync that is due; returns the milliseconds until the next. */
static int sync_when_due(struct fake *f)
{
    int64_t now = now_ns(CLOCK_MONOTONIC), interval = llround(1e9 / f->sync_hz);

    if (!f->syncing || !follows(f) || f->stalled)
        return -1;
    if (now >= f->next_sync) {
        take_sync(f);
        notify(f, NOTIFY_TIME_SYNC, TIME_STATUS_NP);
        /* after a delay of this machine: not all at once */
        f->next_sync += ((now - f->next_sync) / interval + 1) * interval;
    }
    return (int)((f->next_sync - now) / NS_PER_MS) + 1;
}

static int run(struct fake *f, int signals)
{
    char line[LINE];
    size_t length = 0;
    bool commanded = true;

    for (;;) {
        struct pollfd fds[] = {{signals, POLLIN, 0},
                               {commanded ? STDIN_FILENO : -1, POLLIN, 0},
                               {f->stalled ? -1 : f->fd[SOCKET_RW], POLLIN, 0},
                               {f->stalled ? -1 : f->fd[SOCKET_RO], POLLIN, 0}};
        int ready = poll(fds, sizeof fds / sizeof *fds, sync_when_due(f));

        if (ready < 0 && errno != EINTR)
            return -errno;
        if (ready <= 0)
            continue;
        if (fds[0].revents)
            return 0;
        for (int which = 0; which < SOCKETS; which++)
            if (fds[2 + which].revents)
                serve(f, which);
        if (fds[1].revents)
            commanded = take_commands(f, line, &length);
        fflush(stdout);
    }
}

static const char HELP[] =
    "fake-ptp4l: a ptp4l as its clients see it, told on the standard input what to pretend\n"
    "\n"
    "  --socket PATH   its management socket; from version 4.0 on PATH-ro is the read-only one\n"
    "  --domain N      (0)\n"
    "  --version V     3.1, 4.0, 4.2 or 4.4 (3.1)\n"
    "  --state NAME    of its port (SLAVE)\n"
    "  --sync HZ       Syncs a second (8)\n"
    "\n"
    "The commands are told at the head of its source.\n";

static const struct option options[] = {
    {"socket", required_argument, NULL, 'p'},
    {"domain", required_argument, NULL, 'd'},
    {"version", required_argument, NULL, 'v'},
    {"state", required_argument, NULL, 's'},
    {"sync", required_argument, NULL, 'y'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool set_socket(struct fake *f, const char *path)
{
    if (strlen(path) + sizeof "-ro" > sizeof f->ro_path)
        return false;
    snprintf(f->path, sizeof f->path, "%s", path);
    snprintf(f->ro_path, sizeof f->ro_path, "%s-ro", path);
    return true;
}

static bool take_option(struct fake *f, int option, const char *value)
{
    switch (option) {
    case 'p':
        return set_socket(f, value);
    case 'd':
        return set_domain(f, value);
    case 'v':
        return *f->path && set_version(f, value);
    case 's':
        return set_state(f, value);
    case 'y':
        return set_sync(f, value);
    default:
        return false;
    }
}

/* One signal descriptor, so that a signal is never missed between two polls. */
static int take_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
    struct fake f = {
        .fd = {-1, -1},
        .version = 31,
        .own = {{2, 0, 0, 0xff, 0xfe, 0, (uint8_t)(getpid() >> 8), (uint8_t)getpid()}},
        .gm = {{2, 0, 0, 0xff, 0xfe, 0x0a, 0, 1}},
        .state = SLAVE,
        .utc_s = TAI_MINUS_UTC,
        .delay_ns = 5000,
        .sync_hz = 8,
        .syncing = true,
        .next_sync = now_ns(CLOCK_MONOTONIC),
        .random = (uint64_t)getpid() + 1,
    };
    int option, signals = take_signals(), error;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(HELP, stdout);
            return EXIT_SUCCESS;
        }
        if (!take_option(&f, option, optarg)) {
            fprintf(stderr, "fake-ptp4l: wrong option or value; see --help (--socket comes first)\n");
            return 2;
        }
    }
    error = *f.path ? listen_at(&f, SOCKET_RW, f.path) : -EINVAL;
    if (!error)
        error = run(&f, signals);
    if (error)
        fprintf(stderr, "fake-ptp4l: --socket '%s': %s\n", f.path, strerror(-error));
    close_at(&f, SOCKET_RW, f.path);
    close_at(&f, SOCKET_RO, f.ro_path);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
