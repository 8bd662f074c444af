// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The client of ptp4l against a stand-in for it on a socket of its own: healthy in each timescale, as
 * grandmaster, and everything that goes wrong. One thread and made-up time: nothing here waits for anything.
 *
 * A world holds the two system clocks and what the stand-in would answer. step() lets time pass, with Syncs
 * arriving on the way, polls the client, then lets the stand-in answer.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/host/ptp4l.h"

#define POLL_NS (60 * NS_PER_MS)
#define SYNC_NS (125 * NS_PER_MS)
#define UTC_S   37

static const struct ptp_clock_id own_id = {{2, 0, 0, 0xff, 0xfe, 0, 0, 1}};
static const struct ptp_clock_id gm_one = {{2, 0, 0, 0xff, 0xfe, 0, 0, 0x11}};
static const struct ptp_clock_id gm_two = {{2, 0, 0, 0xff, 0xfe, 0, 0, 0x22}};

struct sender {
    struct sockaddr_un address;
    socklen_t size;
};

struct world {
    char dir[64], path[100];
    const char *paths[2];
    int fd; /* of the stand-in; -1: not running */
    struct ptp4l *client;
    struct clock_source_status status;
    struct clock_sample sample;

    int64_t raw, realtime;
    double slew; /* of CLOCK_REALTIME against raw */

    /* the stand-in */
    uint8_t domain;
    bool mute;        /* reads, never answers */
    bool files_only;  /* answers only to names in the file system */
    bool no_settings; /* refuses GRANDMASTER_SETTINGS_NP as a read-only client's may be */
    int asked;        /* messages read */
    int subscribed;   /* among them subscriptions; the newest is from: */
    struct sender subscriber;
    uint8_t subscription[PTPMGMT_SUBSCRIBE_LEN];
    bool pushing; /* answers no GET of TIME_STATUS_NP, but tells it to the subscriber */
    uint8_t ports[3];
    int port_count;
    struct ptp_clock_id gm;
    int64_t delay_ns;
    int announced_utc_s, settings_utc_s;
    uint8_t time_flags;

    /* its Syncs */
    bool syncing;
    bool measuring;      /* the offset is renewed with each */
    bool constant;       /* it is renewed, but always the same */
    int64_t next_sync;   /* raw */
    int64_t true_offset; /* of the local clock against the master, before linuxptp's corrections */
    int64_t card_ahead;  /* of the stamping clock against CLOCK_REALTIME: 0 in software */
    int syncs;
    int64_t ingress, ingress_raw, offset;
};

/* ---- the stand-in ---- */

static void listen_at(struct world *w)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    w->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(w->fd >= 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", w->path);
    unlink(w->path);
    assert_int_equal(bind(w->fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void put(uint8_t **at, uint64_t value, int octets)
{
    for (int i = octets - 1; i >= 0; i--)
        *(*at)++ = (uint8_t)(i < 8 ? value >> (8 * i) : 0);
}

static void put_id(uint8_t **at, const struct ptp_clock_id *id)
{
    memcpy(*at, id->byte, 8);
    *at += 8;
}

static void answer(struct world *w, const struct sender *to, const uint8_t *request, unsigned tlv,
                   const uint8_t *body, size_t n)
{
    uint8_t msg[256] = {0x0d, 0x02, 0, (uint8_t)(52 + n), w->domain};

    memcpy(msg + 20, own_id.byte, 8);
    memcpy(msg + 30, request + 30, 2); /* sequence */
    msg[32] = 4;
    msg[33] = 0x7f;
    memcpy(msg + 34, request + 20, 10);
    msg[46] = 2;
    msg[49] = (uint8_t)tlv;
    msg[51] = (uint8_t)n;
    memcpy(msg + 52, body, n);
    if (w->files_only && to->address.sun_path[0] == '\0')
        return;
    sendto(w->fd, msg, 52 + n, 0, (const struct sockaddr *)&to->address, to->size);
}

static void put_time_status(const struct world *w, uint8_t **at)
{
    put(at, (uint64_t)w->offset, 8);
    put(at, (uint64_t)w->ingress, 8);
    put(at, 0, 4 + 4 + 2 + 12);
    put(at, !ptp_clock_id_equal(&w->gm, &own_id), 4);
    put_id(at, &w->gm);
}

static void put_port(const struct world *w, uint8_t **at, int port)
{
    put_id(at, &own_id);
    put(at, (uint64_t)port + 1, 2);
    put(at, w->ports[port], 1);
    put(at, 0, 9);
    put(at, 0x0003fd010002, 6);
}

static void put_others(const struct world *w, uint8_t **at, unsigned id)
{
    switch (id) {
    case PTPMGMT_DEFAULT_DATA_SET:
        put(at, 0, 2);
        put(at, (uint64_t)w->port_count, 2);
        put(at, 0x80f8feffff80, 6);
        put_id(at, &own_id);
        put(at, (uint64_t)w->domain << 8, 2);
        break;
    case PTPMGMT_CURRENT_DATA_SET:
        put(at, 1, 2);
        put(at, (uint64_t)w->offset << 16, 8);
        put(at, (uint64_t)w->delay_ns << 16, 8);
        break;
    case PTPMGMT_TIME_PROPERTIES_DATA_SET:
        put(at, (uint64_t)w->announced_utc_s, 2);
        put(at, w->time_flags, 1);
        put(at, 0xa0, 1);
        break;
    case PTPMGMT_GRANDMASTER_SETTINGS_NP:
        put(at, 0xf8feffff, 4);
        put(at, (uint64_t)w->settings_utc_s, 2);
        put(at, 0x00a0, 2);
        break;
    default:
        fail_msg("asked for %04x", id);
    }
}

static void answer_get(struct world *w, const struct sender *from, const uint8_t *request)
{
    unsigned id = (unsigned)(request[52] << 8 | request[53]);
    uint8_t body[128], *at;

    if (id == PTPMGMT_TIME_STATUS_NP && w->pushing && from != &w->subscriber)
        return;
    for (int port = 0; port < (id == PTPMGMT_PORT_DATA_SET ? w->port_count : 1); port++) {
        at = body;
        put(&at, id, 2);
        if (id == PTPMGMT_GRANDMASTER_SETTINGS_NP && w->no_settings) {
            at = body;
            put(&at, 6, 2);
            put(&at, id, 2);
            put(&at, 0, 4);
            answer(w, from, request, 2, body, 8);
            return;
        }
        if (id == PTPMGMT_TIME_STATUS_NP)
            put_time_status(w, &at);
        else if (id == PTPMGMT_PORT_DATA_SET)
            put_port(w, &at, port);
        else
            put_others(w, &at, id);
        answer(w, from, request, 1, body, (size_t)(at - body));
    }
}

static void serve(struct world *w)
{
    while (w->fd >= 0) {
        uint8_t request[256];
        struct sender from = {.size = sizeof(from.address)};
        ssize_t n =
            recvfrom(w->fd, request, sizeof(request), 0, (struct sockaddr *)&from.address, &from.size);

        if (n < 0)
            return;
        w->asked++;
        if (n == PTPMGMT_SUBSCRIBE_LEN) {
            memcpy(w->subscription, request, PTPMGMT_SUBSCRIBE_LEN);
            w->subscriber = from;
            w->subscribed++;
            continue;
        }
        assert_int_equal(n, PTPMGMT_GET_LEN);
        if (!w->mute && request[4] == w->domain)
            answer_get(w, &from, request);
    }
}

/* ---- time ---- */

static int64_t realtime_at(const struct world *w, int64_t raw)
{
    return w->realtime + (raw - w->raw) + llround((double)(raw - w->raw) * w->slew);
}

static void take_sync(struct world *w)
{
    w->syncs++;
    w->ingress_raw = w->next_sync;
    w->ingress = realtime_at(w, w->next_sync) + w->card_ahead;
    /* No two alike, as measurements are. */
    if (w->measuring)
        w->offset = w->true_offset + (w->constant ? 0 : (w->syncs * 7) % 10);
}

/* As linuxptp since 4.0: at each Sync, to whoever subscribed. */
static void push_time_status(struct world *w)
{
    uint8_t like_a_get[PTPMGMT_SUBSCRIBE_LEN];

    memcpy(like_a_get, w->subscription, sizeof(like_a_get));
    like_a_get[52] = PTPMGMT_TIME_STATUS_NP >> 8;
    like_a_get[53] = PTPMGMT_TIME_STATUS_NP & 0xff;
    answer_get(w, &w->subscriber, like_a_get);
}

static void pass(struct world *w, int64_t ns)
{
    int64_t end = w->raw + ns;

    for (; w->next_sync <= end; w->next_sync += SYNC_NS)
        if (w->syncing) {
            take_sync(w);
            if (w->pushing && w->subscribed)
                push_time_status(w);
        }
    w->realtime = realtime_at(w, end);
    w->raw = end;
}

static int poll_now(struct world *w)
{
    struct clock_pair now = {{w->raw}, w->realtime, 40};
    int ret = ptp4l_poll(w->client, &now, &w->sample, &w->status);

    serve(w);
    return ret;
}

static int step(struct world *w)
{
    pass(w, POLL_NS);
    return poll_now(w);
}

/* Steps until the poll returns `wanted`, at most for some seconds of the world. */
static void step_until(struct world *w, int wanted)
{
    int ret = 0;

    for (int i = 0; i < 200; i++) {
        ret = step(w);
        if (ret == wanted)
            return;
    }
    fail_msg("poll gives %d (%s), not %d", ret, w->status.reason, wanted);
}

/* Steps for `ns`; returns how many samples came. The last result is in *last. */
static int step_for(struct world *w, int64_t ns, int *last)
{
    int samples = 0;

    for (int64_t t = 0; t < ns; t += POLL_NS) {
        int ret = step(w);

        samples += ret == 1;
        if (last)
            *last = ret;
    }
    return samples;
}

/* The sample is that of the Sync before last poll's answers, or a later one: its times must be exact. */
static void check_sample(const struct world *w, int64_t ptp)
{
    assert_true(w->sample.ptp.ns == ptp);
    assert_true(llabs(w->sample.raw.ns - w->ingress_raw) <= 2);
    assert_true(w->sample.sigma_ns > 0);
}

/* ---- the world ---- */

/* A slave in software, free-running, of a grandmaster of linuxptp: no PTP timescale. */
static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    snprintf(w->dir, sizeof(w->dir), "/tmp/test_ptp4l.XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->path, sizeof(w->path), "%s/socket", w->dir);
    w->paths[0] = w->path;
    w->raw = 1000 * NS_PER_S;
    w->realtime = INT64_C(1795240951) * NS_PER_S + 123456789;
    w->next_sync = w->raw + 10 * NS_PER_MS;
    w->ports[0] = PTP_PORT_UNCALIBRATED;
    w->port_count = 1;
    w->gm = gm_one;
    w->delay_ns = 6000;
    w->announced_utc_s = w->settings_utc_s = UTC_S;
    w->syncing = w->measuring = true;
    w->true_offset = 1234567;
    listen_at(w);
    assert_int_equal(ptp4l_open(&w->client, w->paths, 0), 0);
    *state = w;
    return 0;
}

/* How many socket files of the client there are, beside the stand-in's and in /tmp; each open to everyone. */
static size_t client_files(const struct world *w)
{
    char pattern[160];
    glob_t found;
    size_t n;

    snprintf(pattern, sizeof(pattern), "%s.unisono-%d-*", w->path, (int)getpid());
    glob(pattern, 0, NULL, &found);
    snprintf(pattern, sizeof(pattern), "/tmp/ptp4l.unisono-%d-*", (int)getpid());
    glob(pattern, GLOB_APPEND, NULL, &found);
    n = found.gl_pathc;
    for (size_t i = 0; i < n; i++) {
        struct stat is;

        assert_int_equal(stat(found.gl_pathv[i], &is), 0);
        assert_int_equal(is.st_mode & 0777, 0666);
    }
    globfree(&found);
    return n;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    ptp4l_close(w->client);
    if (w->fd >= 0)
        close(w->fd);
    unlink(w->path);
    assert_int_equal(client_files(w), 0);
    assert_int_equal(rmdir(w->dir), 0);
    free(w);
    return 0;
}

/* ---- healthy ---- */

static void one_exact_sample_for_each_sync(void **state)
{
    struct world *w = *state;
    int syncs, samples = 0;

    w->slew = 400e-6;
    step_until(w, 1);
    syncs = w->syncs;
    for (int i = 0; i < 500; i++) {
        int64_t ingress = w->ingress, ptp = w->ingress - w->offset;

        pass(w, POLL_NS);
        /* what the client now gets was answered at the last poll */
        if (poll_now(w) != 1)
            continue;
        samples++;
        assert_true(w->sample.ptp.ns == ptp);
        assert_true(llabs(realtime_at(w, w->sample.raw.ns) - ingress) <= 2);
    }
    assert_in_range(samples, w->syncs - syncs - 1, w->syncs - syncs + 1);
    assert_true(w->status.proven);
    assert_string_equal(w->status.reason, "");
    assert_string_equal(w->status.note, "");
}

static void status_tells_what_ptp4l_says(void **state)
{
    struct world *w = *state;

    w->time_flags = 0x0c;
    step_until(w, 1);
    step_for(w, NS_PER_S, NULL);
    assert_string_equal(w->status.port_state, "UNCALIBRATED");
    assert_true(w->status.gm_known);
    assert_true(ptp_clock_id_equal(&w->status.gm_id, &gm_one));
    assert_string_equal(w->status.gm_text, "02-00-00-FF-FE-00-00-11");
    assert_in_range(w->status.offset_ns, w->true_offset, w->true_offset + 9);
    assert_int_equal(w->status.path_delay_ns, 6000);
    assert_int_equal(w->status.utc_offset_s, UTC_S);
    assert_true(w->status.utc_offset_valid);
    assert_true(w->status.ptp_timescale);
    assert_string_equal(w->status.socket, w->path);
}

/* linuxptp takes TAI - UTC out of the offset; its own idea of it, not the grandmaster's unset one. */
static void tai_of_a_ptp_timescale_is_put_back(void **state)
{
    struct world *w = *state;

    w->time_flags = 0x08;
    w->announced_utc_s = 0;
    step_until(w, 1);
    step_until(w, 1);
    check_sample(w, w->ingress - w->offset + UTC_S * NS_PER_S);
    assert_string_equal(w->status.note, "");
}

static void announced_utc_serves_where_settings_are_refused(void **state)
{
    struct world *w = *state;

    w->time_flags = 0x08;
    w->no_settings = true;
    w->settings_utc_s = 1;
    step_until(w, 1);
    step_until(w, 1);
    check_sample(w, w->ingress - w->offset + UTC_S * NS_PER_S);
}

/* The card is on TAI, CLOCK_REALTIME kept on it by phc2sys: nothing to put back, and the user is warned. */
static void hardware_stamps_are_placed_by_utc(void **state)
{
    struct world *w = *state;

    w->time_flags = 0x08;
    w->card_ahead = UTC_S * NS_PER_S;
    step_until(w, 1);
    step_until(w, 1);
    check_sample(w, w->ingress - w->offset);
    assert_non_null(strstr(w->status.note, "phc2sys"));
}

static void the_port_nearest_to_a_master_decides(void **state)
{
    struct world *w = *state;

    w->port_count = 3;
    w->ports[0] = PTP_PORT_MASTER;
    w->ports[1] = PTP_PORT_LISTENING;
    w->ports[2] = PTP_PORT_SLAVE;
    step_until(w, 1);
    step_until(w, 1);
    check_sample(w, w->ingress - w->offset);
    assert_string_equal(w->status.port_state, "SLAVE");
}

static void sigma_is_measured(void **state)
{
    struct world *w = *state;
    uint32_t seed = 7;
    double quiet;

    w->slew = 80e-6; /* a rate is no noise */
    step_until(w, 1);
    assert_true(w->sample.sigma_ns > 1000);
    step_for(w, 60 * NS_PER_S, NULL);
    quiet = w->sample.sigma_ns;
    assert_true(quiet < 100);
    for (int i = 0; i < 1000; i++) {
        /* uniform over 12 us: sigma 3464 ns */
        seed = seed * 1664525 + 1013904223;
        w->true_offset = (int64_t)((seed >> 8) % 12000);
        step(w);
    }
    /* stays within the error of 32 or so samples of it */
    assert_true(w->sample.sigma_ns > 1700 && w->sample.sigma_ns < 7000);
}

/* ---- grandmaster ourselves ---- */

static void become_master(struct world *w, uint8_t port_state)
{
    w->ports[0] = port_state;
    w->gm = own_id;
    w->syncing = false;
    w->ingress = w->offset = w->delay_ns = 0;
}

static void the_grandmaster_reads_its_own_clock(void **state)
{
    static const uint8_t states[] = {PTP_PORT_MASTER, PTP_PORT_GRAND_MASTER};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(states); i++) {
        become_master(w, states[i]);
        step_until(w, 1);
        for (int k = 0; k < 20; k++) {
            assert_int_equal(step(w), 1);
            assert_true(w->sample.ptp.ns == w->realtime);
            assert_true(w->sample.raw.ns == w->raw);
            assert_true(w->sample.sigma_ns < 100);
        }
        assert_true(w->status.proven);
    }
    /* announcing TAI it stamps by the card */
    w->time_flags = 0x08;
    step_for(w, NS_PER_S, NULL);
    assert_true(w->sample.ptp.ns == w->realtime + UTC_S * NS_PER_S);
    assert_non_null(strstr(w->status.note, "phc2sys"));
}

static void a_master_port_of_another_grandmaster_is_no_clock(void **state)
{
    struct world *w = *state;

    become_master(w, PTP_PORT_MASTER);
    w->gm = gm_one;
    step_until(w, -ENODATA);
    assert_int_equal(step_for(w, 2 * NS_PER_S, NULL), 0);
}

static void slave_turns_master_and_back(void **state)
{
    struct world *w = *state;

    step_until(w, 1);
    become_master(w, PTP_PORT_MASTER);
    step_for(w, NS_PER_S, NULL);
    assert_true(w->sample.ptp.ns == w->realtime);
    w->ports[0] = PTP_PORT_SLAVE;
    w->gm = gm_one;
    w->delay_ns = 6000;
    w->syncing = true;
    step_for(w, NS_PER_S, NULL);
    step_until(w, 1);
    check_sample(w, w->ingress - w->offset);
}

/* ---- grandmasters that die and change ---- */

/* All gone: ptp4l keeps naming the dead one, with its last offset; the ingress becomes 0. */
static void a_dead_grandmaster_gives_nothing(void **state)
{
    struct world *w = *state;
    int last;

    step_until(w, 1);
    w->syncing = false;
    w->ports[0] = PTP_PORT_LISTENING;
    w->ingress = 0;
    step_until(w, -ENODATA);
    assert_int_equal(step_for(w, 5 * NS_PER_S, &last), 0);
    assert_int_equal(last, -ENODATA);
    assert_false(w->status.proven);
    assert_non_null(strstr(w->status.reason, "LISTENING"));

    w->ports[0] = PTP_PORT_UNCALIBRATED;
    w->syncing = true;
    step_until(w, 1);
    assert_true(w->status.proven);
    assert_string_equal(w->status.reason, "");
}

/* Announces go on, Syncs do not: the port state says nothing. */
static void missing_syncs_are_noticed(void **state)
{
    struct world *w = *state;
    int last;

    step_until(w, 1);
    w->syncing = false;
    w->ingress = 0; /* as after ptp4l has stepped the clock */
    for (int i = 0; i < 16; i++)
        assert_int_equal(step(w), 0);
    assert_string_equal(w->status.reason, "");
    step_for(w, 2 * NS_PER_S, &last);
    assert_int_equal(last, -ENODATA);
    assert_non_null(strstr(w->status.reason, w->status.gm_text));
    assert_false(w->status.proven);
    w->syncing = true;
    step_until(w, 1);
    check_sample(w, w->ingress - w->offset);
}

/* The ingress follows the new one at once; the offset stays the old one's until a delay was measured. */
static void offsets_of_the_old_grandmaster_are_not_taken(void **state)
{
    struct world *w = *state;

    step_until(w, 1);
    w->gm = gm_two;
    w->ingress = 0;
    w->syncing = false;
    for (int i = 0; i < 10; i++)
        assert_int_equal(step(w), 0);
    w->syncing = true;
    w->measuring = false;
    w->true_offset = -50 * NS_PER_MS;
    assert_int_equal(step_for(w, NS_PER_S, NULL), 0);
    assert_non_null(strstr(w->status.reason, "02-00-00-FF-FE-00-00-22"));
    w->measuring = true;
    step_until(w, 1);
    check_sample(w, w->ingress - w->offset);
}

/* Before its first measurement ptp4l says offset 0; without a delay no number of Syncs makes it true. */
static void an_unmeasured_offset_is_never_taken(void **state)
{
    struct world *w = *state;
    int last;

    w->measuring = false;
    w->delay_ns = 0;
    assert_int_equal(step_for(w, 10 * NS_PER_S, &last), 0);
    assert_non_null(strstr(w->status.reason, "path delay"));
    w->delay_ns = 6000;
    w->measuring = true;
    step_until(w, 1);
    check_sample(w, w->ingress - w->offset);
}

/* A coarse clock in perfect lock: always the same offset. */
static void a_constant_offset_is_believed_in_the_end(void **state)
{
    struct world *w = *state;

    w->constant = true;
    w->true_offset = 0;
    step_until(w, 1);
    check_sample(w, w->ingress);
    assert_in_range(w->syncs, 10, 30);
}

/*
 * A grandmaster that changes its timescale: each offset is to be read by the properties it was computed
 * under, though they may change between the Sync and the question. Else a sample is 37 s off.
 */
static void offsets_are_read_by_their_own_timescale(void **state)
{
    struct world *w = *state;
    int samples = 0;
    uint8_t flags_of_sync = 0;

    step_until(w, 1);
    for (int i = 0; i < 1000; i++) {
        int64_t expected = w->ingress - w->offset + (flags_of_sync ? UTC_S * NS_PER_S : 0);
        int syncs = w->syncs;
        struct clock_pair now;

        pass(w, POLL_NS);
        if (w->syncs != syncs)
            flags_of_sync = w->time_flags;
        if (i % 9 == 0)
            w->time_flags ^= 0x08;
        now = (struct clock_pair){{w->raw}, w->realtime, 40};
        if (ptp4l_poll(w->client, &now, &w->sample, &w->status) == 1) {
            samples++;
            assert_true(w->sample.ptp.ns == expected);
        }
        serve(w);
    }
    assert_true(samples > 300);
}

static void faulty_port_is_explained(void **state)
{
    struct world *w = *state;

    w->ports[0] = PTP_PORT_FAULTY;
    step_until(w, -ENODATA);
    assert_non_null(strstr(w->status.reason, "tx_timestamp_timeout"));
}

/* ---- clocks that do not fit ---- */

static void a_card_on_its_own_time_is_refused(void **state)
{
    static const int64_t ahead[] = {-10 * NS_PER_S, NS_PER_S, 1000 * NS_PER_S, -1795240000 * NS_PER_S};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
        w->card_ahead = ahead[i];
        step_for(w, NS_PER_S, NULL);
        step_until(w, -EXDEV);
        for (int k = 0; k < 30; k++)
            assert_int_equal(step(w), -EXDEV);
        assert_non_null(strstr(w->status.reason, "phc2sys"));
        assert_false(w->status.proven);
    }
    w->card_ahead = 0;
    step_until(w, 1);
}

static void impossible_times_are_refused(void **state)
{
    static const int64_t offsets[] = {INT64_MAX, INT64_MIN, INT64_MAX / 2, 1800000000 * NS_PER_S};
    struct world *w = *state;

    w->constant = true;
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        w->true_offset = offsets[i];
        step_for(w, NS_PER_S, NULL);
        assert_int_equal(step_for(w, NS_PER_S, NULL), 0);
        step_until(w, -ERANGE);
    }
    w->syncing = false;
    w->ingress = INT64_MAX;
    step_until(w, -EXDEV);
    w->ingress = INT64_MIN;
    step(w);
    step_until(w, -EXDEV);
    w->syncing = true;
    w->constant = false;
    w->true_offset = 0;
    step_until(w, 1);
}

/* A grandmaster that began at 1970 when it was switched on is a grandmaster. */
static void an_arbitrary_epoch_is_followed(void **state)
{
    struct world *w = *state;

    w->true_offset = w->realtime - 2574 * NS_PER_S;
    step_until(w, 1);
    check_sample(w, w->ingress - w->offset);
    assert_true(w->sample.ptp.ns < 3000 * NS_PER_S);
}

/* Someone sets the clock: what is delivered stays true of raw and PTP time, which nobody touched. */
static void a_step_of_the_system_clock_does_not_show(void **state)
{
    static const int64_t steps[] = {3600 * NS_PER_S, -3600 * NS_PER_S, NS_PER_S,
                                    -NS_PER_S,       200 * NS_PER_US,  -200 * NS_PER_US};
    struct world *w = *state;
    int64_t ptp_minus_raw;

    step_until(w, 1);
    ptp_minus_raw = w->sample.ptp.ns - w->sample.raw.ns;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        int samples = 0;

        w->realtime += steps[i];
        w->true_offset += steps[i];
        for (int k = 0; k < 50; k++) {
            if (step(w) != 1)
                continue;
            samples++;
            assert_true(llabs(w->sample.ptp.ns - w->sample.raw.ns - ptp_minus_raw) < 20);
        }
        assert_true(samples > 20);
    }
}

/* ---- connections ---- */

static void stop_stand_in(struct world *w)
{
    close(w->fd);
    w->fd = -1;
}

static void absence_is_told_and_ends(void **state)
{
    struct world *w = *state;

    stop_stand_in(w);
    assert_int_equal(step(w), -ECONNREFUSED);
    assert_non_null(strstr(w->status.reason, w->path));
    unlink(w->path);
    step_until(w, -ENOENT);
    assert_non_null(strstr(w->status.reason, w->path));
    listen_at(w);
    step_until(w, 1);
    assert_string_equal(w->status.reason, "");
}

static void a_restart_is_survived(void **state)
{
    struct world *w = *state;

    step_until(w, 1);
    stop_stand_in(w);
    step_until(w, -ECONNREFUSED);
    assert_string_equal(w->status.port_state, "");
    assert_false(w->status.proven);
    step_for(w, 3 * NS_PER_S, NULL);
    listen_at(w);
    step_until(w, 1);
    /* and one so quick that only the file is another */
    stop_stand_in(w);
    listen_at(w);
    step_for(w, NS_PER_S, NULL);
    step_until(w, 1);
    check_sample(w, w->ingress - w->offset);
}

static void the_first_path_that_listens_is_taken(void **state)
{
    struct world *w = *state;
    char none[120];
    const char *const paths[] = {none, w->path, NULL};
    struct ptp4l *other;

    snprintf(none, sizeof(none), "%s/none", w->dir);
    ptp4l_close(w->client);
    assert_int_equal(ptp4l_open(&other, paths, 0), 0);
    w->client = other;
    step_until(w, 1);
    assert_string_equal(w->status.socket, w->path);
}

static void another_domain_is_named(void **state)
{
    struct world *w = *state;
    int last;

    w->domain = 42;
    step_until(w, -ETIMEDOUT);
    step_until(w, -EDOM);
    assert_non_null(strstr(w->status.reason, "domain 42"));
    assert_non_null(strstr(w->status.reason, "domain 0"));
    assert_int_equal(step_for(w, 5 * NS_PER_S, &last), 0);
    assert_int_equal(last, -EDOM);
    /* the others have been asked once, not for ever: what remains is one question a poll */
    w->asked = 0;
    for (int i = 0; i < 50; i++)
        step(w);
    assert_int_equal(w->asked, 50);
    w->domain = 0;
    step_until(w, 1);
    assert_string_equal(w->status.reason, "");
}

static void silence_is_told_and_ends(void **state)
{
    struct world *w = *state;
    int last;

    step_until(w, 1);
    w->mute = true;
    step_for(w, 500 * NS_PER_MS, &last);
    assert_int_equal(last, 0);
    assert_int_equal(step_for(w, NS_PER_S, &last), 0);
    assert_int_equal(last, -ETIMEDOUT);
    /* it stays told while other ways are tried */
    for (int i = 0; i < 300; i++)
        assert_int_equal(step(w), -ETIMEDOUT);
    w->mute = false;
    step_until(w, 1);
}

/* Stopped in a debugger, say: its queue fills up, and nothing here may wait for it. */
static void a_full_queue_is_silence(void **state)
{
    struct world *w = *state;
    int fd, last = 0;

    step_until(w, 1);
    fd = w->fd;
    w->fd = -1;
    step_for(w, 10 * NS_PER_S, &last);
    assert_int_equal(last, -ETIMEDOUT);
    w->fd = fd;
    step_until(w, 1);
}

/* In another network namespace: only names in the file system lead back. */
static void answers_find_their_way_by_a_file(void **state)
{
    struct world *w = *state;

    w->files_only = true;
    step_until(w, 1);
    check_sample(w, w->ingress - w->offset);
    assert_int_equal(client_files(w), 1);
}

/* Where no file can be put beside the socket, here for the length of its name, one in /tmp has to do. */
static void answers_find_their_way_by_a_file_elsewhere(void **state)
{
    struct world *w = *state;
    char *end = w->path + strlen(w->path);

    close(w->fd);
    unlink(w->path);
    memset(end, 'x', sizeof(w->path) - strlen(w->path) - 1);
    listen_at(w);
    w->files_only = true;
    step_until(w, 1);
    check_sample(w, w->ingress - w->offset);
    assert_int_equal(client_files(w), 1);
}

static void rubbish_from_the_socket_changes_nothing(void **state)
{
    struct world *w = *state;
    uint32_t seed = 3;
    int samples = 0;

    step_until(w, 1);
    for (int i = 0; i < 400; i++) {
        uint8_t request[256], rubbish[256];
        struct sender from = {.size = sizeof(from.address)};

        /* to each question some noise that begins like an answer, then the answer */
        while (recvfrom(w->fd, request, sizeof(request), MSG_PEEK, (struct sockaddr *)&from.address,
                        &from.size) > 0) {
            size_t n = (seed >> 8) % sizeof(rubbish);

            for (size_t k = 0; k < n; k++) {
                seed = seed * 1664525 + 1013904223;
                rubbish[k] = k < 52 && seed >> 29 ? request[k] : (uint8_t)(seed >> 24);
            }
            sendto(w->fd, rubbish, n, 0, (struct sockaddr *)&from.address, from.size);
            assert_true(recvfrom(w->fd, request, sizeof(request), 0, NULL, NULL) > 0);
            if (!w->mute && request[4] == w->domain)
                answer_get(w, &from, request);
        }
        pass(w, POLL_NS);
        if (poll_now(w) == 1) {
            samples++;
            assert_true(
                llabs(w->sample.ptp.ns + w->true_offset - w->sample.raw.ns - (w->realtime - w->raw)) <= 20);
        }
    }
    assert_true(samples > 100);
}

/* Subscribes at once and before each end; takes what is told unasked as if it had asked. */
static void what_is_told_unasked_is_taken(void **state)
{
    struct world *w = *state;

    w->pushing = true;
    step_until(w, 1);
    assert_int_equal(w->subscribed, 1);
    assert_int_equal(w->subscription[54] << 8 | w->subscription[55], 60);
    assert_int_equal(w->subscription[56], PTPMGMT_EVENT_PORT_STATE | PTPMGMT_EVENT_TIME_SYNC);
    assert_in_range(step_for(w, 62 * NS_PER_S, NULL), 62 * NS_PER_S / SYNC_NS - 2,
                    62 * NS_PER_S / SYNC_NS + 2);
    assert_int_equal(w->subscribed, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(one_exact_sample_for_each_sync),
        TEST(what_is_told_unasked_is_taken),
        TEST(status_tells_what_ptp4l_says),
        TEST(tai_of_a_ptp_timescale_is_put_back),
        TEST(announced_utc_serves_where_settings_are_refused),
        TEST(hardware_stamps_are_placed_by_utc),
        TEST(the_port_nearest_to_a_master_decides),
        TEST(sigma_is_measured),
        TEST(the_grandmaster_reads_its_own_clock),
        TEST(a_master_port_of_another_grandmaster_is_no_clock),
        TEST(slave_turns_master_and_back),
        TEST(a_dead_grandmaster_gives_nothing),
        TEST(missing_syncs_are_noticed),
        TEST(offsets_of_the_old_grandmaster_are_not_taken),
        TEST(an_unmeasured_offset_is_never_taken),
        TEST(a_constant_offset_is_believed_in_the_end),
        TEST(offsets_are_read_by_their_own_timescale),
        TEST(faulty_port_is_explained),
        TEST(a_card_on_its_own_time_is_refused),
        TEST(impossible_times_are_refused),
        TEST(an_arbitrary_epoch_is_followed),
        TEST(a_step_of_the_system_clock_does_not_show),
        TEST(absence_is_told_and_ends),
        TEST(a_restart_is_survived),
        TEST(the_first_path_that_listens_is_taken),
        TEST(another_domain_is_named),
        TEST(silence_is_told_and_ends),
        TEST(a_full_queue_is_silence),
        TEST(answers_find_their_way_by_a_file),
        TEST(answers_find_their_way_by_a_file_elsewhere),
        TEST(rubbish_from_the_socket_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
