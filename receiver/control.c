// SPDX-License-Identifier: GPL-3.0-or-later
#include "control.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/host/ear.h"
#include "proto/host/endpoint.h"
#include "proto/host/net.h"
#include "proto/rtp.h"
#include "reception.h"

/* NAME and TOOL are for the curious and never change: in the first report, and then in each eighth. */
#define NAMED_EVERY 8

/* What a first report likely has: block, names, clock and telemetry of two channels, UDP and IPv4. */
#define FIRST_OCTETS 300

/* A stream that was silent for so long is no reason to speak of a sender; nor an offer, repeated each second.
 */
#define SENDING_NS NS_PER_S
#define OFFERED_NS (5 * NS_PER_S)

/* Whoever echoes all we say shall not make us say BYE without end. */
#define COLLISIONS_APART_NS (10 * NS_PER_S)

struct control {
    struct ear *ear;
    RtpSession *session; /* for RTCP alone */
    struct endpoint mouth;
    struct sockaddr_in address; /* the group, with the port of RTCP */
    char interface[INET_ADDRSTRLEN > IF_NAMESIZE ? INET_ADDRSTRLEN : IF_NAMESIZE];
    char cname[RTCP_CNAME_MAX + 1];
    const char *name, *tool;
    uint32_t ssrc;
    struct reception reception;
    struct rtcp_offer offer; /* the newest heard, */
    uint32_t offered_by;     /* by this SSRC, */
    raw_ns offered;          /* then; 0: none yet */
    raw_ns collided;         /* when we took another SSRC */
    raw_ns leave_until;      /* 0: we stay */
    uint64_t reports, others, sent, unsent, collisions;
    int last_errno;
    uint8_t compound[RTCP_COMPOUND_MAX];
};

static uint32_t random_ssrc(void)
{
    uint32_t ssrc = 0;

    /* never less than asked, and never interrupted, for so few bytes */
    if (getrandom(&ssrc, sizeof ssrc, 0) < 0)
        ssrc = (uint32_t)getpid() * 2654435761u;
    return ssrc;
}

/* ---- speaking -------------------------------------------------------------------------------------- */

/* The compound that would be sent now, in c->compound; its length. */
static size_t compose(struct control *c, const struct telemetry *telemetry, struct rtcp_clock clock,
                      const struct stream *stream, raw_ns now)
{
    bool named = c->sent % NAMED_EVERY == 0;
    struct rtcp_report report = {
        .ssrc = c->ssrc,
        .cname_len = (uint8_t)strlen(c->cname),
        .has_clock = true,
        .clock = clock,
        .has_telemetry = true,
        .telemetry = *telemetry,
    };

    memcpy(report.cname, c->cname, sizeof report.cname);
    if (named) {
        snprintf(report.name, sizeof report.name, "%s", c->name);
        snprintf(report.tool, sizeof report.tool, "%s", c->tool);
    }
    report.has_block = reception_block(&c->reception, stream, now, &report.block);
    return rtcp_build(c->compound, &report);
}

/* Likewise, the last one. */
static size_t compose_bye(struct control *c)
{
    struct rtcp_report report = {.ssrc = c->ssrc, .cname_len = (uint8_t)strlen(c->cname), .bye = true};

    memcpy(report.cname, c->cname, sizeof report.cname);
    return rtcp_build(c->compound, &report);
}

/* Best effort, and not marked as media: a report that waits harms nobody. */
static int open_mouth(struct control *c)
{
    struct net_transmit_config config = {.group = c->address, .ttl = NET_TTL_DEFAULT};
    struct sockaddr_in own = {0};
    socklen_t own_len = sizeof own;
    char err[256];
    int fd = net_find_interface(c->interface, &config.group, &config.interface, err, sizeof err);

    if (fd == 0)
        fd = net_open_transmit(&config, err, sizeof err);
    if (fd < 0)
        return fd;
    c->mouth.fd = fd;
    getsockname(fd, (void *)&own, &own_len);
    ear_ignore(c->ear, &own);
    return 0;
}

static void shut_mouth(struct control *c)
{
    if (c->mouth.fd >= 0)
        close(c->mouth.fd);
    c->mouth.fd = -1;
}

/* The octets sent, RTCP_TIMER_OVERHEAD included; 0: none, counted. */
static size_t say(struct control *c, size_t len)
{
    int error = c->mouth.fd < 0 ? open_mouth(c) : 0;

    if (!error)
        error = endpoint_say(c->session, &c->mouth, c->compound, len);
    if (error) {
        c->unsent++;
        c->last_errno = -error;
        return 0;
    }
    c->sent++;
    return len + RTCP_TIMER_OVERHEAD;
}

bool control_due(struct control *c, const struct stream *stream, raw_ns now)
{
    const struct stream_claim *claim = &stream->claim;
    struct rtcp_timer *timer = c ? ear_timer(c->ear) : NULL;

    if (!c)
        return false;
    if (stream->locked && stream->counting && now.ns - stream->newest.ns < SENDING_NS) {
        rtcp_timer_bandwidth(timer, rtp_session_bytes(claim->codec, claim->rate_hz, claim->channels), now);
        rtcp_timer_sending(timer, claim->ssrc, now);
    } else if (c->offered.ns != 0 && now.ns - c->offered.ns < OFFERED_NS) {
        rtcp_timer_bandwidth(timer, rtp_session_bytes(c->offer.codec, c->offer.rate_hz, c->offer.channels),
                             now);
        rtcp_timer_sending(timer, c->offered_by, now);
    }
    return rtcp_timer_run(timer, now) == RTCP_TIMER_REPORT;
}

bool control_offer(const struct control *c, raw_ns now, struct rtcp_offer *offer)
{
    if (!c || c->offered.ns == 0 || now.ns - c->offered.ns > OFFERED_NS)
        return false;
    *offer = c->offer;
    return true;
}

void control_say(struct control *c, const struct stream *stream, const struct telemetry *telemetry,
                 struct rtcp_clock clock, raw_ns now)
{
    size_t len = compose(c, telemetry, clock, stream, now);

    rtcp_timer_sent(ear_timer(c->ear), say(c, len), now);
}

bool control_leave(struct control *c, raw_ns now)
{
    struct rtcp_timer *timer = c ? ear_timer(c->ear) : NULL;

    if (!c)
        return false;
    if (c->leave_until.ns == 0) {
        c->leave_until.ns = now.ns + CONTROL_LEAVE_NS;
        rtcp_timer_leave(timer, compose_bye(c) + RTCP_TIMER_OVERHEAD, now);
    }
    if (rtcp_timer_run(timer, now) == RTCP_TIMER_BYE)
        rtcp_timer_sent(timer, say(c, compose_bye(c)), now);
    return now.ns < c->leave_until.ns && rtcp_timer_deadline(timer).ns < INT64_MAX;
}

/* ---- hearing --------------------------------------------------------------------------------------- */

struct poll {
    struct control *control;
    uint32_t ssrc;
    uint64_t source;
    struct rtcp_report *report;
    int heard;
};

/* RFC 3550 section 8.2: BYE for the old one, if anybody knew it, and on as somebody else. */
static void take_another_ssrc(struct control *c, raw_ns now)
{
    struct rtcp_timer *timer = ear_timer(c->ear);

    if (c->collisions > 0 && now.ns - c->collided.ns < COLLISIONS_APART_NS)
        return;
    c->collided = now;
    c->collisions++;
    if (rtcp_timer_has_spoken(timer))
        say(c, compose_bye(c));
    c->ssrc = random_ssrc();
    rtcp_timer_rename(timer, c->ssrc, now);
}

static void take_word(void *context, const struct ear_word *word)
{
    struct poll *poll = context;
    struct control *c = poll->control;

    if (word->heard == RTCP_HEARD_OURSELVES)
        take_another_ssrc(c, word->arrival);
    if (word->report->has_offer) {
        c->offer = word->report->offer;
        c->offered_by = word->report->ssrc;
        c->offered = word->arrival;
    }
    if (word->report->ssrc != poll->ssrc || word->source != poll->source) {
        c->others++;
        return;
    }
    c->reports++;
    *poll->report = *word->report;
    poll->heard = 1;
    if (word->report->has_sr)
        reception_sender_report(&c->reception, word->report->ssrc, word->report->ntp, word->arrival);
}

int control_poll(struct control *c, uint32_t ssrc, uint64_t source, struct rtcp_report *report)
{
    struct poll poll = {c, ssrc, source, report, 0};
    int error = c ? ear_listen(c->ear, take_word, &poll) : 0;

    return poll.heard ? 1 : error;
}

/* ---- opening and closing --------------------------------------------------------------------------- */

int control_open(struct control **control, const struct control_config *config, raw_ns now, char *err,
                 size_t err_size)
{
    struct control *c = calloc(1, sizeof *c);
    struct ear_config ear = {.group = config->group, .interface = config->interface};
    int result = -ENOMEM;

    *control = NULL;
    if (!c) {
        snprintf(err, err_size, "RTCP is not heard: not enough memory");
        return result;
    }
    endpoint_init(&c->mouth);
    ortp_init();
    ortp_set_log_level_mask(NULL, ORTP_FATAL);
    c->ssrc = random_ssrc();
    c->address = config->group;
    c->address.sin_port = htons((uint16_t)(ntohs(config->group.sin_port) + 1));
    snprintf(c->interface, sizeof c->interface, "%s", config->interface ? config->interface : "");
    snprintf(c->cname, sizeof c->cname, "%s", config->cname);
    c->name = config->name;
    c->tool = config->tool;
    ear.timer = (struct rtcp_timer_config){
        .ssrc = c->ssrc,
        .first_octets = FIRST_OCTETS,
        .seed = (uint64_t)random_ssrc() << 32 | c->ssrc,
    };
    c->session = endpoint_session(c->ssrc, NULL, &c->mouth);
    if (c->session)
        result = ear_open(&c->ear, &ear, now, err, err_size);
    else
        snprintf(err, err_size, "RTCP is not heard: not enough memory");
    if (result < 0) {
        control_close(c);
        return result;
    }
    *control = c;
    return 0;
}

void control_close(struct control *c)
{
    if (!c)
        return;
    shut_mouth(c);
    ear_close(c->ear);
    if (c->session)
        rtp_session_destroy(c->session);
    ortp_exit();
    free(c);
}

int control_reopen(struct control *c, char *err, size_t err_size)
{
    int result = c ? ear_reopen(c->ear, err, err_size) : 0;

    if (c && result == 0)
        shut_mouth(c); /* the next report opens it */
    return result;
}

void control_get_counters(const struct control *c, struct control_counters *counters)
{
    struct ear_counters heard;

    *counters = (struct control_counters){0};
    if (!c)
        return;
    ear_get_counters(c->ear, &heard);
    *counters = (struct control_counters){
        .reports = c->reports,
        .others = c->others,
        .foreign = heard.foreign,
        .malformed = heard.malformed,
        .errors = heard.errors,
        .sent = c->sent,
        .unsent = c->unsent,
        .collisions = c->collisions,
        .last_errno = c->last_errno ? c->last_errno : heard.last_errno,
        .members = rtcp_timer_members(ear_timer(c->ear)),
    };
}
