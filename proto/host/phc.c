// SPDX-License-Identifier: GPL-3.0-or-later
#include "phc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/ptp_clock.h>
#include <linux/sockios.h>
#include <math.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REOPEN_NS (500 * NS_PER_MS)

/* A wider bracket says that somebody else ran in between. */
#define WIDTH_MAX_NS NS_PER_MS

/* A time beyond this (in the year 2086) is no time. */
#define TIME_MAX_NS (INT64_MAX / 5 * 2)

/*
 * Latched by hardware at one instant, but by two counters: the machine's at 24 or 38.4 MHz, the card's at 25
 * MHz or more. Each is up to one step of some 40 ns late; 12 ns rms each, and as much again for the way
 * between them.
 */
#define PRECISE_SIGMA_NS 25.0

/* The card itself counts in steps of some ns. */
#define SIGMA_MIN_NS 5.0

enum {
    READINGS = 8,     /* in one poll */
    FAILURES_MAX = 8, /* polls in a row that say: this will not get better by waiting */
    NAME_MAX_SIZE = 64,
    WHY_SIZE = 200
};

enum method { PRECISE, EXTENDED_RAW, EXTENDED_REALTIME, BRACKETED, METHODS };

struct phc {
    const struct phc_io *io;
    char name[NAME_MAX_SIZE]; /* as the user wrote it */
    char device[NAME_MAX_SIZE];
    int fd; /* -1: gone */
    enum method method;
    unsigned failed;    /* polls in a row with an error */
    unsigned wide;      /* polls in a row without any narrow reading */
    raw_ns tried;       /* to open it again */
    char why[WHY_SIZE]; /* it is gone */
};

/* The card's time `ptp` at the raw time `raw`, somewhere within `width_ns` around it. */
struct reading {
    raw_ns raw;
    ptp_ns ptp;
    int64_t width_ns;
    unsigned seen; /* readings that made sense, of which this is the narrowest */
};

/* The bracketing clock, read by ourselves just before and just after the driver was asked. */
struct span {
    int64_t from_ns, to_ns;
};

/* ---- the kernel ---- */

/* The user may have named anything: a FIFO is not waited for, a terminal not taken. */
static int kernel_open(void *self, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    (void)self;
    return fd < 0 ? -errno : fd;
}

static void kernel_close(void *self, int fd)
{
    (void)self;
    close(fd);
}

static int kernel_control(void *self, int fd, unsigned long request, void *argument)
{
    (void)self;
    return ioctl(fd, request, argument) < 0 ? -errno : 0;
}

/* Linux kernel, include/linux/posix-timers.h: a dynamic clock is known by its file descriptor. */
static clockid_t clock_of_fd(int fd)
{
    return (clockid_t)(~(unsigned)fd << 3 | 3);
}

static int kernel_read(void *self, int fd, struct timespec *t)
{
    (void)self;
    return clock_gettime(clock_of_fd(fd), t) < 0 ? -errno : 0;
}

static int kernel_index(void *self, const char *interface)
{
    struct ethtool_ts_info info = {.cmd = ETHTOOL_GET_TS_INFO};
    struct ifreq request = {.ifr_data = (char *)&info};
    int fd, error = 0;

    (void)self;
    if (strlen(interface) >= sizeof request.ifr_name || !if_nametoindex(interface))
        return -ENODEV;
    memcpy(request.ifr_name, interface, strlen(interface) + 1);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (ioctl(fd, SIOCETHTOOL, &request) < 0)
        error = errno == EOPNOTSUPP ? -ENOENT : -errno;
    close(fd);
    if (error)
        return error;
    return info.phc_index < 0 ? -ENOENT : info.phc_index;
}

static raw_ns kernel_raw(void *self)
{
    (void)self;
    return clock_raw_now();
}

static void kernel_pair(void *self, struct clock_pair *pair)
{
    (void)self;
    clock_pair_read(pair);
}

const struct phc_io phc_kernel = {
    .open = kernel_open,
    .close = kernel_close,
    .control = kernel_control,
    .read = kernel_read,
    .index = kernel_index,
    .raw = kernel_raw,
    .pair = kernel_pair,
};

/* ---- reading ---- */

/* False: the driver says what is no time. */
static bool time_of(int64_t s, int64_t ns, int64_t *time_ns)
{
    if (s < 0 || s > TIME_MAX_NS / NS_PER_S || ns < 0 || ns >= NS_PER_S)
        return false;
    *time_ns = s * NS_PER_S + ns;
    return true;
}

static bool time_told(const struct ptp_clock_time *t, int64_t *time_ns)
{
    return time_of(t->sec, t->nsec, time_ns);
}

/*
 * What the driver says happened outside of `asked` is left from another call, or beside another clock than
 * was asked for: slots that a driver does not fill are zero, and would be the narrowest.
 */
static void consider(struct reading *best, const struct span *asked, int64_t before_ns, int64_t card_ns,
                     int64_t after_ns)
{
    int64_t width_ns = after_ns - before_ns;

    if (before_ns < asked->from_ns || after_ns > asked->to_ns || width_ns < 0)
        return;
    best->seen++;
    if (width_ns < best->width_ns)
        *best = (struct reading){{before_ns + width_ns / 2}, {card_ns}, width_ns, best->seen};
}

static int read_precise(const struct phc *p, struct reading *best)
{
    struct ptp_sys_offset_precise both = {0};
    struct span asked = {.from_ns = p->io->raw(p->io->self).ns};
    int error = p->io->control(p->io->self, p->fd, PTP_SYS_OFFSET_PRECISE, &both);
    int64_t raw, card;

    asked.to_ns = p->io->raw(p->io->self).ns;
    if (!error && time_told(&both.sys_monoraw, &raw) && time_told(&both.device, &card))
        consider(best, &asked, raw, card, raw);
    return error;
}

/*
 * Since Linux 6.12 the first reserved word is the clock to bracket by; before, it had to be 0, which is
 * CLOCK_REALTIME, and anything else was -EINVAL. The headers of Debian 12 do not name it yet.
 */
static int ask_extended(const struct phc *p, clockid_t clock, struct ptp_sys_offset_extended *all)
{
    *all = (struct ptp_sys_offset_extended){.n_samples = READINGS, .rsv[0] = (unsigned)clock};
    return p->io->control(p->io->self, p->fd, PTP_SYS_OFFSET_EXTENDED, all);
}

static void consider_all(struct reading *best, const struct span *asked,
                         const struct ptp_sys_offset_extended *all)
{
    for (int i = 0; i < READINGS; i++) {
        int64_t before, card, after;

        if (time_told(&all->ts[i][0], &before) && time_told(&all->ts[i][1], &card) &&
            time_told(&all->ts[i][2], &after))
            consider(best, asked, before, card, after);
    }
}

static int read_by_raw(const struct phc *p, struct reading *best)
{
    struct ptp_sys_offset_extended all;
    struct span asked = {.from_ns = p->io->raw(p->io->self).ns};
    int error = ask_extended(p, CLOCK_MONOTONIC_RAW, &all);

    asked.to_ns = p->io->raw(p->io->self).ns;
    if (!error)
        consider_all(best, &asked, &all);
    return error;
}

/*
 * Carries a reading beside CLOCK_REALTIME to raw, on the straight line between two pairs around it. What that
 * clock gained on raw meanwhile may have come all at once and at any moment, so the bracket is wider by it:
 * next to nothing when it is slewed, and too wide to be taken when it was stepped. -EAGAIN: it was set back.
 */
static int read_by_realtime(const struct phc *p, struct reading *best)
{
    struct ptp_sys_offset_extended all;
    struct clock_pair before, after;
    struct span asked;
    int64_t passed, gained, since;
    int error;

    p->io->pair(p->io->self, &before);
    error = ask_extended(p, CLOCK_REALTIME, &all);
    p->io->pair(p->io->self, &after);
    if (error)
        return error;
    asked = (struct span){before.realtime_ns, after.realtime_ns};
    passed = after.raw.ns - before.raw.ns;
    gained = asked.to_ns - asked.from_ns - passed;
    if (passed + gained <= 0)
        return -EAGAIN;
    consider_all(best, &asked, &all);
    if (best->width_ns >= WIDTH_MAX_NS)
        return 0;
    since = best->raw.ns - before.realtime_ns;
    best->raw.ns =
        before.raw.ns + since - llround((double)since * (double)gained / (double)(passed + gained));
    best->width_ns += llabs(gained) + (before.width_ns > after.width_ns ? before.width_ns : after.width_ns);
    return 0;
}

static int read_bracketed(const struct phc *p, struct reading *best)
{
    for (int i = 0; i < READINGS; i++) {
        struct span asked = {.from_ns = p->io->raw(p->io->self).ns};
        struct timespec t = {0};
        int error = p->io->read(p->io->self, p->fd, &t);
        int64_t card;

        asked.to_ns = p->io->raw(p->io->self).ns;
        if (error)
            return error;
        if (time_of(t.tv_sec, t.tv_nsec, &card))
            consider(best, &asked, asked.from_ns, card, asked.to_ns);
    }
    return 0;
}

/* -EBADMSG: nothing that was read makes sense. */
static int read_once(const struct phc *p, struct reading *best)
{
    static int (*const by[METHODS])(const struct phc *, struct reading *) = {
        [PRECISE] = read_precise,
        [EXTENDED_RAW] = read_by_raw,
        [EXTENDED_REALTIME] = read_by_realtime,
        [BRACKETED] = read_bracketed,
    };
    int error;

    *best = (struct reading){.width_ns = WIDTH_MAX_NS};
    error = by[p->method](p, best);
    return error ? error : best->seen ? 0 : -EBADMSG;
}

/*
 * Asking again in this way is useless. Two errors of the precise way mean something else there: -EINVAL, once
 * in a while, that a tick of the kernel came between latching and asking; -ENODEV that the machine does not
 * keep its time by the counter that is latched (Linux, get_device_system_crosststamp()). When the card is
 * really gone, the last way says -ENODEV, too.
 */
static bool hopeless(const struct phc *p, int error)
{
    if (p->failed >= FAILURES_MAX)
        return true;
    if (error == -EINVAL)
        return p->method != PRECISE;
    return error == -EOPNOTSUPP || error == -ENOTTY || error == -ENOSYS || error == -ENODEV;
}

/* By the best way that works, from the one in use on. */
static int read_card(struct phc *p, struct reading *best)
{
    int error;

    for (;;) {
        error = read_once(p, best);
        p->failed = error ? p->failed + 1 : 0;
        if (!error || !hopeless(p, error) || p->method + 1 == METHODS)
            break;
        p->method++;
        p->failed = 0;
    }
    p->wide = !error && best->width_ns >= WIDTH_MAX_NS ? p->wide + 1 : 0;
    return error;
}

/* ---- opening ---- */

/* From the name to the device: an interface may come back with another one. */
static int find_device(struct phc *p, char *err, size_t err_size)
{
    int index;

    if (strchr(p->name, '/')) {
        memcpy(p->device, p->name, sizeof p->device);
        return 0;
    }
    index = p->io->index(p->io->self, p->name);
    if (index == -ENODEV)
        snprintf(err, err_size,
                 "--clock phc:%s: no such network interface (see ip link); a device is written /dev/ptp0",
                 p->name);
    else if (index == -ENOENT)
        snprintf(
            err, err_size,
            "--clock phc:%s: that interface has no clock of its own (ethtool -T %s shows what it has); use "
            "--clock ptp4l",
            p->name, p->name);
    else if (index < 0)
        snprintf(err, err_size, "--clock phc:%s: cannot ask for its clock: %s", p->name, strerror(-index));
    else
        snprintf(p->device, sizeof p->device, "/dev/ptp%d", index);
    return index < 0 ? index : 0;
}

static void explain(const struct phc *p, int error, char *text, size_t size)
{
    switch (error) {
    case -EACCES:
    case -EPERM:
        snprintf(text, size,
                 "%s: no permission to read it; a udev rule gives it to a group: SUBSYSTEM==\"ptp\", "
                 "GROUP=\"audio\", MODE=\"0640\"",
                 p->device);
        break;
    case -ENOENT:
    case -ENODEV:
    case -ENXIO:
        snprintf(text, size, "%s: there is no such clock; ls /dev/ptp* shows those there are", p->device);
        break;
    case -ENOTTY:
    case -EINVAL:
    case -EOPNOTSUPP:
    case -ENOSYS:
        snprintf(text, size, "%s is not a PTP hardware clock; those are called /dev/ptp0 and so on",
                 p->device);
        break;
    default:
        snprintf(text, size, "%s: cannot be opened: %s", p->device, strerror(-error));
    }
}

static void let_go(struct phc *p)
{
    if (p->fd >= 0)
        p->io->close(p->io->self, p->fd);
    p->fd = -1;
}

static int open_device(struct phc *p, char *err, size_t err_size)
{
    struct ptp_clock_caps caps = {0};
    int error = find_device(p, err, err_size);
    int fd;

    if (error)
        return error;
    fd = p->io->open(p->io->self, p->device);
    if (fd >= 0) {
        p->fd = fd;
        error = p->io->control(p->io->self, fd, PTP_CLOCK_GETCAPS, &caps);
    } else {
        error = fd;
    }
    if (error) {
        explain(p, error, err, err_size);
        let_go(p);
    }
    p->method = PRECISE;
    p->failed = p->wide = 0;
    return error;
}

int phc_open(struct phc **out, const char *name, const struct phc_io *io, char *err, size_t err_size)
{
    struct reading unused;
    struct phc *p;
    int error;

    if (strlen(name) >= sizeof p->name) {
        snprintf(err, err_size, "--clock phc:%.100s: no such device; it is called /dev/ptp0 or the like",
                 name);
        return -ENAMETOOLONG;
    }
    p = calloc(1, sizeof *p);
    if (!p) {
        snprintf(err, err_size, "--clock phc:%s: out of memory", name);
        return -ENOMEM;
    }
    p->io = io;
    p->fd = -1;
    memcpy(p->name, name, strlen(name) + 1);
    error = open_device(p, err, err_size);
    if (!error) {
        /* finds the way to read it; what may pass by itself is left to the polls */
        error = read_card(p, &unused);
        if (error && hopeless(p, error))
            explain(p, error, err, err_size);
        else
            error = 0;
    }
    if (error) {
        phc_close(p);
        return error;
    }
    *out = p;
    return 0;
}

void phc_close(struct phc *p)
{
    if (!p)
        return;
    let_go(p);
    free(p);
}

/* ---- polling ---- */

static void lose(struct phc *p, raw_ns now, int error)
{
    let_go(p);
    p->tried = now;
    if (error == -ENODEV)
        snprintf(p->why, sizeof p->why, "the network card's clock %s is gone; looking for it", p->device);
    else if (error == -EBADMSG)
        snprintf(p->why, sizeof p->why, "the driver of %s tells times that cannot be; opening it anew",
                 p->device);
    else
        snprintf(p->why, sizeof p->why, "%s: cannot be read: %s; opening it anew", p->device,
                 strerror(-error));
}

static void look_for(struct phc *p, raw_ns now)
{
    char text[WHY_SIZE];
    int error;

    p->tried = now;
    error = open_device(p, text, sizeof text);
    if (error && error != -ENOENT && error != -ENODEV && error != -ENXIO)
        memcpy(p->why, text, sizeof text);
}

int phc_poll(struct phc *p, raw_ns now, struct clock_sample *out, char *reason, size_t reason_size)
{
    struct reading best = {0};
    int error = 0;

    if (p->fd < 0 && now.ns - p->tried.ns >= REOPEN_NS)
        look_for(p, now);
    if (p->fd >= 0) {
        error = read_card(p, &best);
        if (error && hopeless(p, error))
            lose(p, now, error);
    }
    if (p->fd < 0) {
        snprintf(reason, reason_size, "%s", p->why);
        return -ENODEV;
    }
    if (p->wide >= FAILURES_MAX)
        snprintf(reason, reason_size,
                 "every reading of %s takes longer than 1 ms; is this machine overloaded?", p->device);
    if (error || p->wide)
        return 0;
    out->raw = best.raw;
    out->ptp = best.ptp;
    out->sigma_ns =
        p->method == PRECISE ? PRECISE_SIGMA_NS : fmax((double)best.width_ns / sqrt(12), SIGMA_MIN_NS);
    return 1;
}

const char *phc_method(const struct phc *p)
{
    static const char *const names[METHODS] = {"precise", "extended", "extended", "bracketed"};

    return names[p->method];
}

const char *phc_device(const struct phc *p)
{
    return p->device;
}
