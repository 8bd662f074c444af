// SPDX-License-Identifier: GPL-3.0-or-later
#include "publish.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <avahi-client/client.h>
#include <avahi-client/publish.h>
#include <avahi-common/alternative.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <avahi-common/simple-watch.h>

#include "proto/host/clock.h"
#include "proto/host/log.h"
#include "proto/printable.h"
#include "proto/sdpwrite.h"

#define RETRY_NS     (5 * NS_PER_S)
#define PATIENCE_MS  1000 /* of the thread's sleep, and of the goodbye */
#define SERVICE_NAME 64   /* a label of DNS, with a zero */

struct announced {
    char sdp[SDP_WRITE_MAX];
    size_t sdp_len; /* 0: nothing yet */
    unsigned interface_index;
};

struct publish {
    pthread_t thread;
    int wake; /* eventfd: something in the next four changed */
    pthread_mutex_t lock;
    struct announced wanted;
    bool fresh, stop;

    /* the thread's own */
    AvahiSimplePoll *poll;
    AvahiWatch *watch;
    AvahiClient *client;    /* NULL: to be made at retry_at */
    AvahiEntryGroup *group; /* NULL: none yet */
    bool running;           /* the daemon is there and has its host name */
    bool broken;            /* the client is of no use any more */
    bool current;           /* the daemon has what is in `text` */
    bool offered;           /* or an older text, on the same interface */
    struct announced text;
    char name[SERVICE_NAME];
    uint16_t port;
    raw_ns retry_at;
    bool absence_told;
};

AvahiStringList *publish_txt(const char *sdp, size_t sdp_len)
{
    AvahiStringList *list = avahi_string_list_add_pair(NULL, "txtvers", "1");
    char key[] = "s0";

    for (size_t at = 0; list && at < sdp_len; at += PUBLISH_PIECE, key[1]++) {
        size_t len = sdp_len - at < PUBLISH_PIECE ? sdp_len - at : PUBLISH_PIECE;
        AvahiStringList *longer =
            avahi_string_list_add_pair_arbitrary(list, key, (const uint8_t *)sdp + at, len);

        if (!longer)
            avahi_string_list_free(list);
        list = longer;
    }
    return list;
}

/* ---- what the daemon says --------------------------------------------------------------------------- */

static void tell_absence(struct publish *p, int error)
{
    if (!p->absence_told)
        log_info("no Avahi daemon answers (%s): the stream is announced by SAP only, until one does",
                 avahi_strerror(error));
    p->absence_told = true;
}

/* It may be called before avahi_client_new() has returned. */
static void take_client_state(AvahiClient *client, AvahiClientState state, void *context)
{
    struct publish *p = context;

    p->client = client;
    p->running = state == AVAHI_CLIENT_S_RUNNING;
    if (p->running)
        return;
    /* The host's name is being settled, or the daemon is gone: what it had has to be told again. */
    p->current = p->offered = false;
    if (state == AVAHI_CLIENT_CONNECTING)
        tell_absence(p, AVAHI_ERR_NO_DAEMON);
    if (state == AVAHI_CLIENT_FAILURE) {
        tell_absence(p, avahi_client_errno(client));
        p->broken = true;
    }
}

static bool rename_service(struct publish *p)
{
    char *other = avahi_alternative_service_name(p->name);

    if (!other)
        return false;
    log_info("the name \"%s\" is taken in this network: announced as \"%s\"", p->name, other);
    snprintf(p->name, sizeof p->name, "%s", other);
    avahi_free(other);
    return true;
}

static void take_group_state(AvahiEntryGroup *group, AvahiEntryGroupState state, void *context)
{
    struct publish *p = context;

    if (state == AVAHI_ENTRY_GROUP_ESTABLISHED) {
        log_info("announced by DNS-SD as \"%s\"", p->name);
        p->absence_told = false;
    }
    if (state == AVAHI_ENTRY_GROUP_COLLISION) {
        rename_service(p);
        p->current = p->offered = false;
    }
    if (state == AVAHI_ENTRY_GROUP_FAILURE) {
        log_debug("the Avahi daemon refuses: %s",
                  avahi_strerror(avahi_client_errno(avahi_entry_group_get_client(group))));
        p->current = p->offered = false;
    }
}

/* ---- what it is told -------------------------------------------------------------------------------- */

static int add_service(struct publish *p, AvahiIfIndex interface, AvahiStringList *txt)
{
    int error = avahi_entry_group_reset(p->group);

    if (error)
        return error;
    /* Here a name collides with one of this host; with those of others later, in take_group_state(). */
    do
        error = avahi_entry_group_add_service_strlst(p->group, interface, AVAHI_PROTO_INET, 0, p->name,
                                                     PUBLISH_TYPE, NULL, NULL, p->port, txt);
    while (error == AVAHI_ERR_COLLISION && rename_service(p));
    return error ? error : avahi_entry_group_commit(p->group);
}

static void offer(struct publish *p)
{
    AvahiIfIndex interface =
        p->text.interface_index ? (AvahiIfIndex)p->text.interface_index : AVAHI_IF_UNSPEC;
    AvahiStringList *txt = publish_txt(p->text.sdp, p->text.sdp_len);
    int error = AVAHI_ERR_NO_MEMORY;

    if (!p->group)
        p->group = avahi_entry_group_new(p->client, take_group_state, p);
    if (!p->group)
        error = avahi_client_errno(p->client);
    else if (txt && p->offered)
        error = avahi_entry_group_update_service_txt_strlst(p->group, interface, AVAHI_PROTO_INET, 0, p->name,
                                                            PUBLISH_TYPE, NULL, txt);
    else if (txt)
        error = add_service(p, interface, txt);
    avahi_string_list_free(txt);
    p->current = p->offered = error == 0;
    if (error)
        log_debug("the Avahi daemon refuses: %s", avahi_strerror(error));
}

/* ---- the thread ------------------------------------------------------------------------------------- */

static void drop_client(struct publish *p)
{
    /* Its groups go with it. */
    if (p->client)
        avahi_client_free(p->client);
    p->client = NULL;
    p->group = NULL;
    p->running = p->broken = p->current = p->offered = false;
}

static void make_client(struct publish *p)
{
    int error = 0;

    if (!avahi_client_new(avahi_simple_poll_get(p->poll), AVAHI_CLIENT_NO_FAIL, take_client_state, p,
                          &error)) {
        p->client = NULL; /* whose state may have been told, but which is no more */
        p->running = p->broken = false;
        tell_absence(p, error);
    }
}

/* Takes the newest text; false: it is over. */
static bool take_news(struct publish *p)
{
    bool stop;

    pthread_mutex_lock(&p->lock);
    if (p->fresh) {
        p->offered = p->offered && p->text.interface_index == p->wanted.interface_index;
        p->text = p->wanted;
        p->current = p->fresh = false;
    }
    stop = p->stop;
    pthread_mutex_unlock(&p->lock);
    return !stop;
}

static void woken(AvahiWatch *watch, int fd, AvahiWatchEvent event, void *context)
{
    uint64_t times;

    (void)watch;
    (void)event;
    (void)context;
    if (read(fd, &times, sizeof times) < 0 && errno != EAGAIN)
        log_debug("eventfd: %s", strerror(errno));
}

static void *run(void *context)
{
    struct publish *p = context;

    while (take_news(p)) {
        raw_ns now = clock_raw_now();
        bool retry = now.ns >= p->retry_at.ns;

        if (p->broken)
            drop_client(p);
        if (!p->client && retry) {
            p->retry_at.ns = now.ns + RETRY_NS;
            make_client(p);
        }
        if (p->running && !p->current && p->text.sdp_len > 0)
            offer(p);
        if (avahi_simple_poll_iterate(p->poll, PATIENCE_MS) != 0)
            break;
    }
    drop_client(p);
    return NULL;
}

/* ---- from outside ----------------------------------------------------------------------------------- */

static void free_all(struct publish *p)
{
    if (p->watch)
        avahi_simple_poll_get(p->poll)->watch_free(p->watch);
    if (p->poll)
        avahi_simple_poll_free(p->poll);
    if (p->wake >= 0)
        close(p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

struct publish *publish_open(const char *name, uint16_t port)
{
    struct publish *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    printable_copy(p->name, sizeof p->name, name, strlen(name));
    p->port = port;
    p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->poll = avahi_simple_poll_new();
    if (p->wake >= 0 && p->poll)
        p->watch = avahi_simple_poll_get(p->poll)->watch_new(avahi_simple_poll_get(p->poll), p->wake,
                                                             AVAHI_WATCH_IN, woken, p);
    if (!p->watch || pthread_create(&p->thread, NULL, run, p) != 0) {
        free_all(p);
        return NULL;
    }
    return p;
}

static void wake(struct publish *p)
{
    const uint64_t once = 1;

    if (write(p->wake, &once, sizeof once) < 0)
        log_debug("eventfd: %s", strerror(errno));
}

void publish_say(struct publish *p, const char *sdp, size_t sdp_len, unsigned interface_index)
{
    assert(sdp_len > 0 && sdp_len <= SDP_WRITE_MAX);
    pthread_mutex_lock(&p->lock);
    memcpy(p->wanted.sdp, sdp, sdp_len);
    p->wanted.sdp_len = sdp_len;
    p->wanted.interface_index = interface_index;
    p->fresh = true;
    pthread_mutex_unlock(&p->lock);
    wake(p);
}

void publish_close(struct publish *p)
{
    struct timespec until;

    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_mutex_unlock(&p->lock);
    wake(p);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    /* A thread that waits for D-Bus is left to the end of the process, with what it uses. */
    if (pthread_timedjoin_np(p->thread, NULL, &until) == 0)
        free_all(p);
}
