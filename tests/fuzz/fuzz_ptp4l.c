// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The client of ptp4l, whatever ptp4l answers: a program as in fuzz_rx.c, with its instructions in obey().
 * The socket calls of proto/host/ptp4l.c are ours: what recv() returns is said by the program, and time is
 * virtual.
 *
 * A sample is a time that can be, near now, with an honest doubt; without one there is a reason.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "demand.h"

static int fake_socket(void);
static int fake_error(void);
static ssize_t fake_send(int fd, const void *msg, size_t len);
static ssize_t fake_recv(int fd, void *to, size_t len);

#define socket(...)               fake_socket()
#define connect(...)              fake_error()
#define bind(...)                 fake_error()
#define close(fd)                 ((void)(fd))
#define unlink(path)              ((void)(path))
#define send(fd, msg, len, flags) fake_send(fd, msg, len)
#define recv(fd, msg, len, flags) fake_recv(fd, msg, len)
#define getpid()                  0x1234
#include "proto/host/ptp4l.c"

enum { QUEUE = 16 };

struct message {
    uint8_t bytes[PTPMGMT_MAX_LEN];
    size_t len;
};

static struct {
    const uint8_t *at, *end; /* of the program */
    struct ptp4l *client;
    struct clock_source_status status;
    struct clock_pair now;
    struct message queue[QUEUE];
    unsigned head, count;
    int error; /* of the next system call that can fail */
} world;

/* ---- the system calls */

static int failure(void)
{
    int error = world.error;

    world.error = 0;
    errno = error;
    return error ? -1 : 0;
}

static int fake_socket(void)
{
    return failure() ? -1 : 1000;
}

static int fake_error(void)
{
    return failure();
}

static ssize_t fake_send(int fd, const void *msg, size_t len)
{
    DEMAND(fd == 1000 && msg && len <= PTPMGMT_MAX_LEN);
    return failure() ? -1 : (ssize_t)len;
}

static ssize_t fake_recv(int fd, void *to, size_t len)
{
    const struct message *m = &world.queue[world.head % QUEUE];

    DEMAND(fd == 1000);
    if (failure())
        return -1;
    if (!world.count) {
        errno = EAGAIN;
        return -1;
    }
    DEMAND(m->len <= len);
    memcpy(to, m->bytes, m->len);
    world.head++;
    world.count--;
    return (ssize_t)m->len;
}

/* ---- the program */

static uint8_t byte(void)
{
    return world.at < world.end ? *world.at++ : 0;
}

/* +-(2^k - 1): every magnitude with one byte. */
static int64_t magnitude(uint8_t b)
{
    int64_t size = (int64_t)((UINT64_C(1) << (b & 63)) - 1);

    return b & 64 ? -size : size;
}

static struct message *enqueue(void)
{
    struct message *m;

    if (world.count == QUEUE) {
        world.head++;
        world.count--;
    }
    m = &world.queue[(world.head + world.count++) % QUEUE];
    memset(m, 0, sizeof *m);
    return m;
}

static void put_number(uint8_t *to, uint64_t value, unsigned octets)
{
    while (octets-- > 0)
        *to++ = (uint8_t)(value >> 8 * octets);
}

/* The head of an answer with `n` octets of data, in domain 0 or another. */
static uint8_t *answer(struct message *m, unsigned id, size_t n, uint8_t domain)
{
    ptpmgmt_build_get(m->bytes, (enum ptpmgmt_id)id, domain, 0, 0);
    m->len = PTPMGMT_GET_LEN + n;
    put_number(m->bytes + 2, m->len, 2);
    memset(m->bytes + 34, 0, 8);
    put_number(m->bytes + 42, 0x1234, 2);
    m->bytes[46] = 2;
    put_number(m->bytes + 50, 2 + n, 2);
    return m->bytes + PTPMGMT_GET_LEN;
}

/* A Sync: where it came in and how far off that was, relative to now; of one of two grandmasters. */
static void sync_came(void)
{
    uint8_t how = byte();
    uint64_t here = (uint64_t)(world.now.realtime_ns + (how & 1 ? 37 * NS_PER_S : 0));
    uint64_t ingress = here - (uint64_t)magnitude(byte());
    uint8_t *d = answer(enqueue(), PTPMGMT_TIME_STATUS_NP, 50, 0);

    put_number(d, (uint64_t)magnitude(byte()), 8);
    put_number(d + 8, how & 2 ? here - ingress : ingress, 8);
    d[41] = how >> 2 & 1;
    d[49] = how >> 3 & 1;
}

static void others(uint8_t which)
{
    static const uint16_t ids[] = {PTPMGMT_DEFAULT_DATA_SET, PTPMGMT_CURRENT_DATA_SET,
                                   PTPMGMT_TIME_PROPERTIES_DATA_SET, PTPMGMT_PORT_DATA_SET,
                                   PTPMGMT_GRANDMASTER_SETTINGS_NP};
    static const size_t sizes[] = {20, 18, 4, 26, 8};
    uint8_t value = byte(), *d = answer(enqueue(), ids[which], sizes[which], 0);

    switch (which) {
    case 0:
        d[17] = value & 1;
        break;
    case 1:
        d[16] = value;
        break;
    case 2:
        d[1] = 37;
        d[2] = value;
        break;
    case 3:
        d[9] = value >> 4;
        d[10] = value & 15;
        break;
    default:
        put_number(d + 4, (uint64_t)(int8_t)value, 2);
        break;
    }
}

/* The usual answers of a slave: all that it takes for Syncs to mean something. */
static void healthy(void)
{
    uint8_t state = byte();

    for (uint8_t which = 0; which < 5; which++) {
        static const uint8_t values[] = {0, 1, 0x0c, 0x19, 37};
        const uint8_t *at = world.at, *end = world.end;
        uint8_t value = which == 3 && state ? state : values[which];

        world.at = &value;
        world.end = &value + 1;
        others(which);
        world.at = at;
        world.end = end;
    }
}

static void raw_message(void)
{
    struct message *m = enqueue();

    m->len = byte();
    for (size_t i = 0; i < m->len; i++)
        m->bytes[i] = byte();
}

static void changed(void)
{
    struct message *m = &world.queue[(world.head + world.count + QUEUE - 1) % QUEUE];
    uint8_t where = byte();

    if (world.count && m->len)
        m->bytes[where % m->len] ^= byte();
}

static void pass(int64_t ns)
{
    world.now.raw.ns += ns;
    world.now.realtime_ns += ns;
}

/* ---- what must hold */

static void check_poll(int watch)
{
    struct clock_sample sample = {0};
    int ret = ptp4l_poll(world.client, &world.now, watch ? NULL : &sample, &world.status);
    const struct clock_source_status *s = &world.status;

    DEMAND(ret <= 1);
    DEMAND(s->port_state && memchr(s->reason, 0, sizeof s->reason) && memchr(s->note, 0, sizeof s->note));
    DEMAND(memchr(s->gm_text, 0, sizeof s->gm_text) && memchr(s->socket, 0, sizeof s->socket));
    if (ret < 0)
        DEMAND(!s->proven && s->reason[0]);
    if (ret < 1 || watch)
        return;
    DEMAND(s->proven && !s->reason[0]);
    DEMAND(sample.ptp.ns >= 0 && sample.ptp.ns <= INT64_MAX / 5 * 4);
    DEMAND(isfinite(sample.sigma_ns) && sample.sigma_ns > 0);
    DEMAND(sample.raw.ns <= world.now.raw.ns + 11 * NS_PER_MS);
    DEMAND(sample.raw.ns >= world.now.raw.ns - 6 * NS_PER_S);
}

static void obey(void)
{
    uint8_t what = byte();

    switch (what % 16) {
    case 0:
    case 1:
        check_poll(0);
        pass(60 * NS_PER_MS);
        break;
    case 2:
        check_poll(1);
        break;
    case 3:
    case 4:
        sync_came();
        break;
    case 5:
        healthy();
        break;
    case 6:
        others(byte() % 5);
        break;
    case 7:
        raw_message();
        break;
    case 8:
        changed();
        break;
    case 9:
        pass(magnitude(byte() % 40));
        break;
    case 10: /* set, or slewed */
        world.now.realtime_ns += magnitude(byte() & 0x7f) / (1 << 12);
        world.now.realtime_ns &= INT64_MAX / 4;
        break;
    case 11:
        world.error = byte();
        break;
    case 12:
        answer(enqueue(), PTPMGMT_DEFAULT_DATA_SET, 20, byte());
        break;
    case 13:
        world.now.width_ns = magnitude(byte() % 30);
        break;
    default: /* a Sync of an ordinary slave, polled */
        put_number(answer(enqueue(), PTPMGMT_TIME_STATUS_NP, 50, 0) + 8,
                   (uint64_t)(world.now.realtime_ns - 5 * NS_PER_MS), 8);
        world.queue[(world.head + world.count - 1) % QUEUE].bytes[PTPMGMT_GET_LEN + 7] = byte();
        check_poll(0);
        pass(125 * NS_PER_MS);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"/one", "/two", NULL};

    memset(&world, 0, sizeof world);
    world.status.kind = world.status.port_state = "";
    world.at = data;
    world.end = data + size;
    world.now = (struct clock_pair){{INT64_C(86400000000123)}, INT64_C(1795000000000000000), 1000};
    DEMAND(ptp4l_open(&world.client, paths, 0) == 0);
    while (world.at < world.end)
        obey();
    ptp4l_close(world.client);
    return 0;
}
