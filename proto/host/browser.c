// SPDX-License-Identifier: GPL-3.0-or-later
#include "browser.h"

#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <avahi-client/client.h>
#include <avahi-client/lookup.h>
#include <avahi-common/domain.h>
#include <avahi-common/thread-watch.h>

enum {
    QUEUE = 16,
    PIECES = 10,
    RETRY_S = 5, /* when not even D-Bus is there */
};

/* A service is one name on one interface; its resolver lives as long, and tells of each change. */
struct service {
    uint64_t number; /* 0: a free place */
    AvahiServiceResolver *resolver;
    AvahiIfIndex interface;
    bool told;
    char name[AVAHI_LABEL_MAX], domain[AVAHI_DOMAIN_NAME_MAX];
};

struct browser {
    char interface[IF_NAMESIZE];
    AvahiThreadedPoll *thread;

    /* Avahi's thread alone */
    AvahiTimeout *retry;
    AvahiClient *client;
    AvahiServiceBrowser *browser;
    struct service services[BROWSER_SERVICES];
    uint64_t numbers;
    struct browser_news made; /* the news in the making */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t taken;
    bool closing;
    unsigned first, count;
    struct browser_news queue[QUEUE];
};

/* ---- the queue -------------------------------------------------------------------------------------- */

/* Waits for room; news that were dropped would never come again. */
static void tell(struct browser *b)
{
    pthread_mutex_lock(&b->lock);
    while (b->count == QUEUE && !b->closing)
        pthread_cond_wait(&b->taken, &b->lock);
    if (!b->closing)
        b->queue[(b->first + b->count++) % QUEUE] = b->made;
    pthread_mutex_unlock(&b->lock);
}

bool browser_next(struct browser *b, struct browser_news *news)
{
    bool found;

    if (!b)
        return false;
    pthread_mutex_lock(&b->lock);
    found = b->count > 0;
    if (found) {
        *news = b->queue[b->first];
        b->first = (b->first + 1) % QUEUE;
        b->count--;
        pthread_cond_signal(&b->taken);
    }
    pthread_mutex_unlock(&b->lock);
    return found;
}

/* ---- services --------------------------------------------------------------------------------------- */

static void retry_later(struct browser *b)
{
    const AvahiPoll *poll = avahi_threaded_poll_get(b->thread);
    struct timeval at;

    gettimeofday(&at, NULL); /* Avahi's timeouts are of that clock */
    at.tv_sec += RETRY_S;
    poll->timeout_update(b->retry, &at);
}

static void forget(struct browser *b, struct service *s)
{
    if (s->resolver)
        avahi_service_resolver_free(s->resolver);
    if (s->told) {
        b->made.service = s->number;
        b->made.gone = true;
        b->made.len = 0;
        tell(b);
    }
    memset(s, 0, sizeof *s);
}

static void forget_all(struct browser *b)
{
    for (size_t i = 0; i < BROWSER_SERVICES; i++)
        if (b->services[i].number)
            forget(b, &b->services[i]);
    if (b->browser)
        avahi_service_browser_free(b->browser);
    b->browser = NULL;
}

static struct service *find(struct browser *b, AvahiIfIndex interface, const char *name, const char *domain)
{
    for (size_t i = 0; i < BROWSER_SERVICES; i++) {
        struct service *s = &b->services[i];

        if (s->number && s->interface == interface && strcmp(s->name, name) == 0 &&
            strcmp(s->domain, domain) == 0)
            return s;
    }
    return NULL;
}

/* The pieces in their order, up to the first that is missing; of two with one number the first counts. */
static size_t join_pieces(AvahiStringList *list, char *text)
{
    AvahiStringList *pieces[PIECES] = {NULL};
    size_t len = 0;

    for (AvahiStringList *i = list; i; i = avahi_string_list_get_next(i)) {
        const uint8_t *bytes = avahi_string_list_get_text(i);

        if (avahi_string_list_get_size(i) > 3 && bytes[0] == 's' && bytes[1] >= '0' && bytes[1] <= '9' &&
            bytes[2] == '=' && !pieces[bytes[1] - '0'])
            pieces[bytes[1] - '0'] = i;
    }
    for (size_t i = 0; i < PIECES && pieces[i]; i++) {
        size_t piece = avahi_string_list_get_size(pieces[i]) - 3;

        if (len + piece > BROWSER_TEXT_MAX)
            break;
        memcpy(text + len, avahi_string_list_get_text(pieces[i]) + 3, piece);
        len += piece;
    }
    return len;
}

static void on_resolved(AvahiServiceResolver *resolver, AvahiIfIndex interface, AvahiProtocol protocol,
                        AvahiResolverEvent event, const char *name, const char *type, const char *domain,
                        const char *host, const AvahiAddress *address, uint16_t port, AvahiStringList *list,
                        AvahiLookupResultFlags flags, void *context)
{
    struct browser *b = context;
    struct service *s;

    (void)resolver, (void)protocol, (void)type, (void)host, (void)address, (void)port, (void)flags;
    if (event != AVAHI_RESOLVER_FOUND)
        return;
    s = find(b, interface, name, domain);
    if (!s)
        return;
    b->made.service = s->number;
    b->made.gone = false;
    b->made.len = join_pieces(list, b->made.text);
    s->told = true;
    tell(b);
}

static void begin_service(struct browser *b, AvahiIfIndex interface, AvahiProtocol protocol, const char *name,
                          const char *type, const char *domain)
{
    struct service *s = NULL;
    char on[IF_NAMESIZE];

    if (!if_indextoname((unsigned)interface, on) || strcmp(on, b->interface) != 0)
        return;
    if (find(b, interface, name, domain) || strlen(name) >= sizeof s->name ||
        strlen(domain) >= sizeof s->domain)
        return;
    for (size_t i = 0; i < BROWSER_SERVICES && !s; i++)
        if (!b->services[i].number)
            s = &b->services[i];
    if (!s)
        return;
    s->number = ++b->numbers;
    s->interface = interface;
    memcpy(s->name, name, strlen(name) + 1);
    memcpy(s->domain, domain, strlen(domain) + 1);
    s->resolver = avahi_service_resolver_new(b->client, interface, protocol, name, type, domain,
                                             AVAHI_PROTO_INET, AVAHI_LOOKUP_NO_ADDRESS, on_resolved, b);
    if (!s->resolver)
        forget(b, s);
}

static void on_browsed(AvahiServiceBrowser *browser, AvahiIfIndex interface, AvahiProtocol protocol,
                       AvahiBrowserEvent event, const char *name, const char *type, const char *domain,
                       AvahiLookupResultFlags flags, void *context)
{
    struct browser *b = context;
    struct service *s;

    (void)browser, (void)flags;
    if (event == AVAHI_BROWSER_FAILURE) {
        retry_later(b);
    } else if (event == AVAHI_BROWSER_NEW) {
        begin_service(b, interface, protocol, name, type, domain);
    } else if (event == AVAHI_BROWSER_REMOVE) {
        s = find(b, interface, name, domain);
        if (s)
            forget(b, s);
    }
}

/* ---- the daemon ------------------------------------------------------------------------------------- */

static void on_client(AvahiClient *client, AvahiClientState state, void *context)
{
    struct browser *b = context;

    b->client = client; /* the library calls before it has returned it */
    switch (state) {
    case AVAHI_CLIENT_S_RUNNING:
    case AVAHI_CLIENT_S_REGISTERING:
    case AVAHI_CLIENT_S_COLLISION:
        if (!b->browser)
            b->browser = avahi_service_browser_new(client, AVAHI_IF_UNSPEC, AVAHI_PROTO_INET, BROWSER_TYPE,
                                                   NULL, 0, on_browsed, b);
        if (!b->browser)
            retry_later(b);
        break;
    case AVAHI_CLIENT_CONNECTING: /* the daemon has gone; the library waits for it */
        forget_all(b);
        break;
    case AVAHI_CLIENT_FAILURE: /* so has D-Bus. Not freed here: it is the library that calls */
        forget_all(b);
        retry_later(b);
        break;
    }
}

static void on_retry(AvahiTimeout *timeout, void *context)
{
    struct browser *b = context;
    const AvahiPoll *poll = avahi_threaded_poll_get(b->thread);

    poll->timeout_update(timeout, NULL);
    forget_all(b);
    if (b->client)
        avahi_client_free(b->client);
    b->client = avahi_client_new(poll, AVAHI_CLIENT_NO_FAIL, on_client, b, NULL);
    if (!b->client)
        retry_later(b);
}

int browser_open(struct browser **result, const char *interface)
{
    struct timeval at_once = {0};
    struct browser *b = calloc(1, sizeof *b);
    const AvahiPoll *poll;

    *result = NULL;
    if (!b)
        return -ENOMEM;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->taken, NULL);
    snprintf(b->interface, sizeof b->interface, "%s", interface);
    b->thread = avahi_threaded_poll_new();
    if (!b->thread)
        goto fail;
    poll = avahi_threaded_poll_get(b->thread);
    b->retry = poll->timeout_new(poll, &at_once, on_retry, b);
    if (!b->retry || avahi_threaded_poll_start(b->thread) < 0)
        goto fail;
    *result = b;
    return 0;
fail:
    if (b->thread)
        avahi_threaded_poll_free(b->thread);
    free(b);
    return -ENOMEM;
}

void browser_close(struct browser *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    b->closing = true;
    pthread_cond_signal(&b->taken);
    pthread_mutex_unlock(&b->lock);
    avahi_threaded_poll_stop(b->thread);
    forget_all(b);
    if (b->client)
        avahi_client_free(b->client);
    avahi_threaded_poll_free(b->thread); /* its timeout, too */
    pthread_cond_destroy(&b->taken);
    pthread_mutex_destroy(&b->lock);
    free(b);
}
