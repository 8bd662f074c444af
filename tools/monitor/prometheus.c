// SPDX-License-Identifier: GPL-3.0-or-later
#include "prometheus.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "proto/host/log.h"

enum { TEXTS = 8, CONNECTIONS = 64, CONNECTION_MEMORY = 16384, IDLE_S = 10, BLOCK = 65536 };

/* Responses that are always the same. */
enum fixed { FIXED_POINTER, FIXED_MISSING, FIXED_REFUSED, FIXED_NOTHING, FIXED_COUNT };

/* A text that somebody may still be reading. */
struct text {
    char *bytes; /* NULL: none */
    size_t size;
    uint64_t number; /* of all that were published, from 1 */
    unsigned readers;
};

struct prometheus {
    struct MHD_Daemon *daemon;
    struct MHD_Response *fixed[FIXED_COUNT];
    pthread_mutex_t lock; /* of what follows */
    struct text text[TEXTS];
    uint64_t newest; /* text[newest % TEXTS]; 0: none yet */
};

/* One response in the making. */
struct reading {
    struct prometheus *p;
    uint64_t number;
};

/* ---- texts -----------------------------------------------------------------------------------------------
 */

static struct text *find(struct prometheus *p, uint64_t number)
{
    struct text *t = &p->text[number % TEXTS];

    return t->bytes && t->number == number ? t : NULL;
}

static void drop(struct text *t)
{
    free(t->bytes);
    *t = (struct text){0};
}

static ssize_t read_text(void *of, uint64_t at, char *to, size_t room)
{
    struct reading *r = of;
    ssize_t count = MHD_CONTENT_READER_END_WITH_ERROR; /* overtaken */
    struct text *t;

    pthread_mutex_lock(&r->p->lock);
    t = find(r->p, r->number);
    if (t && at < t->size) {
        count = (ssize_t)(room < t->size - at ? room : t->size - at);
        memcpy(to, t->bytes + at, (size_t)count);
    } else if (t) {
        count = MHD_CONTENT_READER_END_OF_STREAM;
    }
    pthread_mutex_unlock(&r->p->lock);
    return count;
}

static void end_reading(void *of)
{
    struct reading *r = of;
    struct text *t;

    pthread_mutex_lock(&r->p->lock);
    t = find(r->p, r->number);
    if (t && --t->readers == 0 && t->number != r->p->newest)
        drop(t);
    pthread_mutex_unlock(&r->p->lock);
    free(r);
}

int prometheus_publish(struct prometheus *p, const struct view *view)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&bytes, &size);
    struct text *t;
    int error;

    if (!out)
        return -ENOMEM;
    error = prometheus_text(out, view);
    if (ferror(out) || error) {
        fclose(out);
        free(bytes);
        return -ENOMEM;
    }
    if (fclose(out) == EOF) {
        free(bytes);
        return -ENOMEM;
    }
    pthread_mutex_lock(&p->lock);
    t = find(p, p->newest);
    if (t && t->readers == 0)
        drop(t);
    p->newest++;
    t = &p->text[p->newest % TEXTS];
    drop(t); /* whoever is still at it is overtaken */
    *t = (struct text){.bytes = bytes, .size = size, .number = p->newest};
    pthread_mutex_unlock(&p->lock);
    return 0;
}

/* ---- HTTP ------------------------------------------------------------------------------------------------
 */

static enum MHD_Result answer_text(struct prometheus *p, struct MHD_Connection *connection)
{
    struct reading *r = malloc(sizeof *r);
    struct MHD_Response *response;
    struct text *t;
    uint64_t size = 0;
    enum MHD_Result result;

    if (!r)
        return MHD_NO;
    *r = (struct reading){.p = p};
    pthread_mutex_lock(&p->lock);
    t = find(p, p->newest);
    if (t) {
        t->readers++;
        r->number = t->number;
        size = t->size;
    }
    pthread_mutex_unlock(&p->lock);
    if (!t) {
        free(r);
        return MHD_queue_response(connection, MHD_HTTP_SERVICE_UNAVAILABLE, p->fixed[FIXED_NOTHING]);
    }
    response = MHD_create_response_from_callback(size, BLOCK, read_text, r, end_reading);
    if (!response) {
        end_reading(r);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                            "text/plain; version=0.0.4; charset=utf-8");
    result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer(void *of, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state)
{
    struct prometheus *p = of;

    (void)version;
    (void)upload;
    if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
        return MHD_queue_response(connection, MHD_HTTP_METHOD_NOT_ALLOWED, p->fixed[FIXED_REFUSED]);
    /* the first call is for the headers alone: who answers there closes the connection */
    if (!*state || *upload_size > 0) {
        *state = p;
        *upload_size = 0;
        return MHD_YES;
    }
    if (!strcmp(path, "/metrics"))
        return answer_text(p, connection);
    if (!strcmp(path, "/"))
        return MHD_queue_response(connection, MHD_HTTP_OK, p->fixed[FIXED_POINTER]);
    return MHD_queue_response(connection, MHD_HTTP_NOT_FOUND, p->fixed[FIXED_MISSING]);
}

static struct MHD_Response *make_fixed(const char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);

    if (response)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8");
    return response;
}

/* ---- start and end ---------------------------------------------------------------------------------------
 */

static int parse(const char *address, struct sockaddr_in *to, char *err, size_t err_size)
{
    const char *colon = strrchr(address, ':');
    char host[INET_ADDRSTRLEN] = "127.0.0.1", *end = NULL;
    unsigned long port = 0;

    *to = (struct sockaddr_in){.sin_family = AF_INET};
    if (colon && colon[1] >= '0' && colon[1] <= '9')
        port = strtoul(colon + 1, &end, 10);
    if (!end || *end || port > 65535 || (size_t)(colon - address) >= sizeof host)
        goto bad;
    if (colon > address)
        snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    if (inet_pton(AF_INET, host, &to->sin_addr) != 1)
        goto bad;
    to->sin_port = htons((uint16_t)port);
    return 0;
bad:
    snprintf(err, err_size, "--prometheus %s: not ADDR:PORT or :PORT, as in 127.0.0.1:9469", address);
    return -EINVAL;
}

/* The socket, with what was bound in `at`; -errno. */
static int open_socket(const char *address, struct sockaddr_in *at, char *err, size_t err_size)
{
    socklen_t size = sizeof *at;
    int yes = 1, error = parse(address, at, err, err_size), fd;

    if (error)
        return error;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* else a restart would have to wait for the connections of the one before */
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(fd, (struct sockaddr *)at, sizeof *at) == 0 && listen(fd, SOMAXCONN) == 0 &&
        getsockname(fd, (struct sockaddr *)at, &size) == 0)
        return fd;
    error = -errno;
    if (fd >= 0)
        close(fd);
    snprintf(err, err_size, "--prometheus %s: cannot listen there: %s%s", address, strerror(-error),
             error == -EADDRINUSE      ? "; choose another port, or 0"
             : error == -EADDRNOTAVAIL ? "; choose an address of this machine, or 0.0.0.0 for all"
             : error == -EACCES        ? "; choose a port above 1023"
                                       : "");
    return error;
}

static int serve(struct prometheus *p, int fd)
{
    static const char *const text[FIXED_COUNT] = {
        [FIXED_POINTER] = "Unisono monitor. Metrics for Prometheus: /metrics\n",
        [FIXED_MISSING] = "Not here. Metrics: /metrics\n",
        [FIXED_REFUSED] = "GET and HEAD only.\n",
        [FIXED_NOTHING] = "No figures yet.\n",
    };

    for (size_t i = 0; i < FIXED_COUNT; i++) {
        p->fixed[i] = make_fixed(text[i]);
        if (!p->fixed[i])
            return -ENOMEM;
    }
    MHD_add_response_header(p->fixed[FIXED_REFUSED], MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    p->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, answer, p, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_END);
    return p->daemon ? 0 : -EAGAIN;
}

int prometheus_start(struct prometheus **result, const char *address, char *err, size_t err_size)
{
    struct prometheus *p = calloc(1, sizeof *p);
    struct sockaddr_in at;
    char host[INET_ADDRSTRLEN];
    int fd, error;

    *result = NULL;
    if (!p) {
        snprintf(err, err_size, "--prometheus %s: out of memory", address);
        return -ENOMEM;
    }
    pthread_mutex_init(&p->lock, NULL);
    fd = error = open_socket(address, &at, err, err_size);
    if (fd < 0)
        goto out;
    error = serve(p, fd);
    if (error) {
        snprintf(err, err_size, "--prometheus %s: the HTTP server does not start: %s", address,
                 strerror(-error));
        close(fd);
        goto out;
    }
    inet_ntop(AF_INET, &at.sin_addr, host, sizeof host);
    log_info("metrics for Prometheus: http://%s:%u/metrics", host, ntohs(at.sin_port));
    *result = p;
    return 0;
out:
    prometheus_stop(p);
    return error;
}

void prometheus_stop(struct prometheus *p)
{
    if (!p)
        return;
    if (p->daemon)
        MHD_stop_daemon(p->daemon); /* closes the socket */
    for (size_t i = 0; i < FIXED_COUNT; i++)
        if (p->fixed[i])
            MHD_destroy_response(p->fixed[i]);
    for (size_t i = 0; i < TEXTS; i++)
        drop(&p->text[i]);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
