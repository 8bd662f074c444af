// SPDX-License-Identifier: GPL-3.0-or-later
#include "pcapfile.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/timebase.h"

#define SECONDS_MAX INT64_C(8000000000) /* the year 2223; so that nanoseconds fit, and sums of a few */

struct pcapfile {
    char name[256]; /* for messages */
    int fd;         /* seekable */
    off_t begin, size;
    FILE *file; /* of this pass; the pcap's */
    pcap_t *pcap;
    enum frame_link link;
    struct pcapfile_counters counters;
};

static int fail(const struct pcapfile *c, int error, const char *why, char *err, size_t err_size)
{
    snprintf(err, err_size, "%s: %s", c->name, why);
    return error;
}

/* Copies what comes from `from` into a file without a name. Its descriptor, or -errno. */
static int keep(int from)
{
    char block[1 << 16];
    FILE *file = tmpfile();
    int fd = file ? dup(fileno(file)) : -1, error = -errno;
    ssize_t n = 0;

    if (file)
        fclose(file);
    if (fd < 0)
        return error;
    while ((n = read(from, block, sizeof block)) > 0 || (n < 0 && errno == EINTR)) {
        for (ssize_t at = 0, wrote; at < n; at += wrote) {
            wrote = write(fd, block + at, (size_t)(n - at));
            if (wrote < 0) {
                error = -errno;
                close(fd);
                return error;
            }
        }
    }
    error = -errno;
    if (n == 0 && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    close(fd);
    return error;
}

/* What cannot be read twice, a pipe, is kept first. */
static int make_seekable(struct pcapfile *c)
{
    struct stat status;
    int kept;

    if (fstat(c->fd, &status) < 0)
        return -errno;
    if (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)) {
        kept = keep(c->fd);
        if (kept < 0)
            return kept;
        close(c->fd);
        c->fd = kept;
        if (fstat(c->fd, &status) < 0)
            return -errno;
    } else if (!S_ISREG(status.st_mode)) {
        return S_ISDIR(status.st_mode) ? -EISDIR : -ESPIPE;
    }
    c->begin = lseek(c->fd, 0, SEEK_CUR);
    c->size = status.st_size;
    return c->begin < 0 ? -errno : 0;
}

static int open_input(struct pcapfile *c, const char *path, char *err, size_t err_size)
{
    bool standard = strcmp(path, "-") == 0;
    int error;

    snprintf(c->name, sizeof c->name, "%s", standard ? "standard input" : path);
    c->fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (c->fd < 0)
        return fail(c, -errno, strerror(errno), err, err_size);
    error = make_seekable(c);
    if (error)
        return fail(c, error, strerror(-error), err, err_size);
    if (c->size <= c->begin)
        return fail(c, -EINVAL, "is empty; give a pcap or pcapng file", err, err_size);
    return 0;
}

int pcapfile_open(struct pcapfile **result, const char *path, char *err, size_t err_size)
{
    struct pcapfile *c = calloc(1, sizeof *c);
    int error;

    *result = NULL;
    if (!c) {
        snprintf(err, err_size, "out of memory");
        return -ENOMEM;
    }
    c->fd = -1;
    error = open_input(c, path, err, err_size);
    if (!error)
        error = pcapfile_rewind(c, err, err_size);
    if (error) {
        pcapfile_close(c);
        return error;
    }
    *result = c;
    return 0;
}

static void end_pass(struct pcapfile *c)
{
    if (c->pcap)
        pcap_close(c->pcap); /* which closes the file */
    else if (c->file)
        fclose(c->file);
    c->pcap = NULL;
    c->file = NULL;
}

void pcapfile_close(struct pcapfile *c)
{
    if (!c)
        return;
    end_pass(c);
    if (c->fd >= 0)
        close(c->fd);
    free(c);
}

static int find_link(struct pcapfile *c)
{
    switch (pcap_datalink(c->pcap)) {
    case DLT_EN10MB:
        c->link = FRAME_LINK_ETHERNET;
        return 0;
    case DLT_LINUX_SLL:
        c->link = FRAME_LINK_SLL;
        return 0;
    case DLT_LINUX_SLL2:
        c->link = FRAME_LINK_SLL2;
        return 0;
    case DLT_RAW:
    case DLT_IPV4:
        c->link = FRAME_LINK_RAW;
        return 0;
    case DLT_NULL:
    case DLT_LOOP:
        c->link = FRAME_LINK_LOOPBACK;
        return 0;
    default:
        return -EPROTONOSUPPORT;
    }
}

int pcapfile_rewind(struct pcapfile *c, char *err, size_t err_size)
{
    char why[PCAP_ERRBUF_SIZE + 64] = "";
    char text[PCAP_ERRBUF_SIZE] = "";
    int fd;

    end_pass(c);
    memset(&c->counters, 0, sizeof c->counters);
    fd = dup(c->fd);
    c->file = fd < 0 ? NULL : fdopen(fd, "rb");
    if (!c->file || lseek(c->fd, c->begin, SEEK_SET) < 0)
        return fail(c, -errno, strerror(errno), err, err_size);
    c->pcap = pcap_fopen_offline_with_tstamp_precision(c->file, PCAP_TSTAMP_PRECISION_NANO, text);
    if (!c->pcap) {
        snprintf(why, sizeof why, "is no capture that can be read (%s); give a pcap or pcapng file", text);
        return fail(c, -EBADMSG, why, err, err_size);
    }
    if (find_link(c)) {
        const char *name = pcap_datalink_val_to_name(pcap_datalink(c->pcap));

        snprintf(why, sizeof why,
                 "link type %s is not known; known are Ethernet, Linux cooked, raw IP and loopback",
                 name ? name : "without a name");
        return fail(c, -EPROTONOSUPPORT, why, err, err_size);
    }
    return 0;
}

/* False: the stamp is none. */
static bool take_time(struct pcapfile *c, const struct timeval *stamp, int64_t *arrival_ns)
{
    struct pcapfile_counters *n = &c->counters;
    int64_t at;

    /* with this precision libpcap keeps nanoseconds in tv_usec */
    if (stamp->tv_sec < 0 || stamp->tv_sec > SECONDS_MAX || stamp->tv_usec < 0 ||
        stamp->tv_usec >= NS_PER_S) {
        n->timeless++;
        return false;
    }
    at = stamp->tv_sec * NS_PER_S + stamp->tv_usec;
    if (n->frames == 1 + n->timeless)
        n->first_ns = n->last_ns = at;
    if (at < n->last_ns) {
        n->backward++;
        if (n->last_ns - at > n->backward_max_ns)
            n->backward_max_ns = n->last_ns - at;
        at = n->last_ns;
    }
    n->last_ns = at;
    *arrival_ns = at;
    return true;
}

static bool take_frame(struct pcapfile *c, const struct pcap_pkthdr *header, const uint8_t *bytes,
                       struct datagram *datagram)
{
    struct pcapfile_counters *n = &c->counters;
    size_t length = header->len > header->caplen ? header->len : header->caplen;

    n->frames++;
    if (!take_time(c, &header->ts, &datagram->arrival_ns))
        return false;
    n->cut += header->caplen < length;
    switch (frame_decode(c->link, bytes, header->caplen, length, datagram)) {
    case FRAME_DATAGRAM:
        n->datagrams++;
        return true;
    case FRAME_FRAGMENT:
        n->fragments++;
        break;
    case FRAME_MALFORMED:
        n->malformed++;
        break;
    case FRAME_CUT:
    case FRAME_OTHER:
        break;
    }
    return false;
}

bool pcapfile_next(struct pcapfile *c, struct datagram *datagram)
{
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    int result;

    while ((result = pcap_next_ex(c->pcap, &header, &bytes)) == 1)
        if (take_frame(c, header, bytes, datagram))
            return true;
    if (result == PCAP_ERROR && !c->counters.damaged) {
        c->counters.damaged = true;
        snprintf(c->counters.damage, sizeof c->counters.damage, "%s", pcap_geterr(c->pcap));
    }
    return false;
}

const struct pcapfile_counters *pcapfile_count(const struct pcapfile *c)
{
    return &c->counters;
}

double pcapfile_progress(const struct pcapfile *c)
{
    return (double)(ftello(c->file) - c->begin) / (double)(c->size - c->begin);
}
