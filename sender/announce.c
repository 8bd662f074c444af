// SPDX-License-Identifier: GPL-3.0-or-later
#include "announce.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "describe.h"
#include "proto/host/log.h"
#include "proto/host/net.h"
#include "proto/rtcp.h"
#include "proto/sap.h"
#include "proto/saptimer.h"
#include "proto/sdpwrite.h"
#include "publish.h"

enum {
    DELETIONS = 3,
    BATCH = 32, /* announcements of others heard at a time; more wait for the next call */
    HEARD_BYTES = 2048,
    HEARD_BUFFER = 64 * 1024
};

struct announce {
    char wanted[INET_ADDRSTRLEN > IF_NAMESIZE ? INET_ADDRSTRLEN : IF_NAMESIZE];
    struct net_interface interface;
    uint64_t mac;
    int talk, hear;           /* sockets; hear -1: others are not counted */
    struct sdp_stream stream; /* as last announced */
    char sdp[SDP_WRITE_MAX];
    size_t sdp_len; /* 0: nothing was announced yet */
    uint16_t hash;
    struct sap_timer timer;
    raw_ns opened;
    uint64_t announced;
    struct publish *publish;
};

static struct sockaddr_in sap_group(void)
{
    struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(SAP_PORT)};

    inet_pton(AF_INET, SAP_GROUP, &group.sin_addr);
    return group;
}

/* The interface is that of the stream: found by the stream's group, where nobody names it. */
static int open_sockets(struct announce *a, char *err, size_t err_size)
{
    struct net_transmit_config config = {.group = sap_group(), .ttl = a->stream.leg[0].ttl};
    int buffer = HEARD_BUFFER, talk, hear;
    int result = net_find_interface(a->wanted, &a->stream.leg[0].group, &config.interface, err, err_size);
    char why[512];

    if (result < 0)
        return result;
    talk = net_open_transmit(&config, err, err_size);
    if (talk < 0)
        return talk;
    hear = net_open_receive(&config.group, &config.interface, &buffer, why, sizeof why);
    if (hear < 0)
        log_debug("other announcements are not counted: %s", why);
    if (a->talk >= 0)
        close(a->talk);
    if (a->hear >= 0)
        close(a->hear);
    a->talk = talk;
    a->hear = hear;
    a->interface = config.interface;
    a->mac = net_mac(&a->interface);
    return 0;
}

int announce_open(struct announce **announce, const struct announce_config *config, raw_ns now, char *err,
                  size_t err_size)
{
    struct announce *a = calloc(1, sizeof *a);
    int result = -ENOMEM;

    *announce = NULL;
    if (!a) {
        snprintf(err, err_size, "the stream is not announced: not enough memory");
        return result;
    }
    a->talk = a->hear = -1;
    a->stream = config->stream;
    a->opened = now;
    snprintf(a->wanted, sizeof a->wanted, "%s", config->interface ? config->interface : "");
    result = open_sockets(a, err, err_size);
    if (result < 0) {
        free(a);
        return result;
    }
    a->publish = publish_open(config->name, ntohs(a->stream.leg[0].group.sin_port));
    if (!a->publish)
        log_warning("no thread for DNS-SD: the stream is announced by SAP only");
    *announce = a;
    return 0;
}

int announce_reopen(struct announce *a, char *err, size_t err_size)
{
    return a ? open_sockets(a, err, err_size) : 0;
}

/* ---- saying ----------------------------------------------------------------------------------------- */

/* How many octets it has; what cannot be sent is said again in its time. */
static size_t send_sap(struct announce *a, bool deletion)
{
    uint8_t datagram[SAP_OVERHEAD + SDP_WRITE_MAX];
    const struct sap_packet packet = {.deletion = deletion,
                                      .hash = a->hash,
                                      .origin = a->interface.address,
                                      .sdp = a->sdp,
                                      .sdp_len = a->sdp_len};
    size_t len = sap_build(datagram, &packet);

    if (send(a->talk, datagram, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        log_debug("an announcement could not be sent: %s", strerror(errno));
    else
        a->announced += !deletion;
    return len;
}

/* Writes it anew with the next version if it differs; whether it does. */
static bool describe(struct announce *a, const struct rtcp_clock *clock)
{
    struct sdp_stream next = a->stream;
    char sdp[SDP_WRITE_MAX];
    size_t len;

    describe_interface(&next, &a->interface);
    describe_clock(&next, clock, a->mac);
    len = sdp_write(&next, sdp);
    if (len == a->sdp_len && memcmp(sdp, a->sdp, len) == 0)
        return false;
    next.session_version += a->sdp_len > 0;
    a->stream = next;
    a->sdp_len = sdp_write(&next, a->sdp);
    a->hash = sap_hash(a->sdp, a->sdp_len, a->hash);
    return true;
}

/* ---- hearing ---------------------------------------------------------------------------------------- */

/* Our own come back, too: they are told by hash, for another sender of this host has the same origin. */
static void hear_others(struct announce *a, raw_ns now)
{
    uint8_t datagram[HEARD_BYTES];
    struct sap_packet packet;

    for (int i = 0; i < BATCH && a->hear >= 0; i++) {
        ssize_t len = recv(a->hear, datagram, sizeof datagram, MSG_DONTWAIT);

        if (len < 0)
            return;
        if (sap_parse(datagram, (size_t)len, &packet) < 0 || packet.hash == 0)
            continue;
        if (packet.origin.s_addr == a->interface.address.s_addr && packet.hash == a->hash)
            continue;
        sap_timer_heard(&a->timer, packet.origin, packet.hash, packet.deletion, now);
    }
}

/* ---- its life --------------------------------------------------------------------------------------- */

void announce_run(struct announce *a, const struct clock_map *map, raw_ns now)
{
    const struct rtcp_clock clock = rtcp_clock_of_map(map);

    if (!a)
        return;
    if (a->sdp_len == 0) {
        if (!clock.known && now.ns - a->opened.ns < ANNOUNCE_PATIENCE_NS)
            return;
        sap_timer_start(&a->timer, a->stream.session_id * (uint64_t)now.ns, now);
    }
    hear_others(a, now);
    if (describe(a, &clock)) {
        sap_timer_changed(&a->timer, now);
        if (a->publish)
            publish_say(a->publish, a->sdp, a->sdp_len, a->interface.index);
    }
    if (sap_timer_due(&a->timer, now))
        sap_timer_sent(&a->timer, send_sap(a, false), now);
}

void announce_report(const struct announce *a, struct stats *stats)
{
    stats_count(stats, "announced", a ? a->announced : 0);
}

void announce_close(struct announce *a)
{
    if (!a)
        return;
    for (int i = 0; i < DELETIONS && a->announced > 0; i++)
        send_sap(a, true);
    publish_close(a->publish);
    close(a->talk);
    if (a->hear >= 0)
        close(a->hear);
    free(a);
}
