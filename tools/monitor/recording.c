// SPDX-License-Identifier: GPL-3.0-or-later
#include "recording.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/bytes.h"
#include "proto/host/log.h"
#include "proto/timebase.h"

enum {
    IPV4_BYTES = 20,
    UDP_BYTES = 8,
    DATAGRAM_MAX = 9000, /* longer came in no Ethernet frame */
    TTL = 32,
};

struct recording {
    char path[256];
    pcap_t *pcap;
    pcap_dumper_t *dumper;
    bool failed;
    uint8_t packet[IPV4_BYTES + UDP_BYTES + DATAGRAM_MAX];
};

int recording_open(struct recording **result, const char *path, char *err, size_t err_size)
{
    struct recording *r = calloc(1, sizeof *r);
    int error = -ENOMEM;

    *result = NULL;
    snprintf(err, err_size, "out of memory opening --record %s", path);
    if (!r)
        return error;
    snprintf(r->path, sizeof r->path, "%s", path);
    r->pcap = pcap_open_dead_with_tstamp_precision(DLT_RAW, sizeof r->packet, PCAP_TSTAMP_PRECISION_NANO);
    if (!r->pcap)
        goto out;
    errno = EIO; /* in case libpcap fails without telling */
    r->dumper = pcap_dump_open(r->pcap, path);
    if (!r->dumper) {
        error = -errno;
        snprintf(err, err_size, "--record %s: cannot be written: %s; choose another file", path,
                 strerror(-error));
        goto out;
    }
    *result = r;
    return 0;
out:
    recording_close(r);
    return error;
}

void recording_close(struct recording *r)
{
    if (!r)
        return;
    recording_flush(r);
    if (r->dumper)
        pcap_dump_close(r->dumper);
    if (r->pcap)
        pcap_close(r->pcap);
    free(r);
}

/* RFC 1071; of the header alone. */
static uint16_t checksum(const uint8_t *header)
{
    uint32_t sum = 0;

    for (int i = 0; i < IPV4_BYTES; i += 2)
        sum += get_be16(header + i);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

static void put_headers(uint8_t *to, const struct sockaddr_in *from, const struct sockaddr_in *dest,
                        size_t len)
{
    uint8_t *ip = to;

    to = put_be16(to, 0x4500);
    to = put_be16(to, (uint16_t)(IPV4_BYTES + UDP_BYTES + len));
    to = put_be32(to, 0);
    to = put_be16(to, TTL << 8 | IPPROTO_UDP);
    to = put_be16(to, 0);
    to = put_be32(to, ntohl(from->sin_addr.s_addr));
    to = put_be32(to, ntohl(dest->sin_addr.s_addr));
    put_be16(ip + 10, checksum(ip));
    to = put_be16(to, ntohs(from->sin_port));
    to = put_be16(to, ntohs(dest->sin_port));
    to = put_be16(to, (uint16_t)(UDP_BYTES + len));
    put_be16(to, 0); /* none; IPv4 allows that */
}

void recording_take(struct recording *r, const struct sockaddr_in *from, const struct sockaddr_in *to,
                    const uint8_t *bytes, size_t len, int64_t realtime_ns)
{
    struct pcap_pkthdr header;

    if (!r || r->failed || len > DATAGRAM_MAX)
        return;
    put_headers(r->packet, from, to, len);
    memcpy(r->packet + IPV4_BYTES + UDP_BYTES, bytes, len);
    header.caplen = header.len = (bpf_u_int32)(IPV4_BYTES + UDP_BYTES + len);
    header.ts.tv_sec = realtime_ns / NS_PER_S;
    /* with this precision libpcap wants nanoseconds there */
    header.ts.tv_usec = realtime_ns % NS_PER_S;
    pcap_dump((u_char *)r->dumper, &header, r->packet);
}

void recording_flush(struct recording *r)
{
    if (!r || r->failed || !r->dumper)
        return;
    errno = 0;
    if (pcap_dump_flush(r->dumper) == 0 && !ferror(pcap_dump_file(r->dumper)))
        return;
    r->failed = true;
    log_error("--record %s: cannot be written: %s; nothing more is recorded, the monitor goes on", r->path,
              strerror(errno ? errno : EIO));
}
