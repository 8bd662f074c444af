// SPDX-License-Identifier: GPL-3.0-or-later
#include "recv.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proto/host/net.h"
#include "proto/timebase.h"

/* Room for the two control messages that the socket was asked for. */
union control {
    struct cmsghdr header; /* alignment */
    char bytes[CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(sizeof(uint32_t))];
};

#define NO_SOCKET     (-1)
#define ANOTHER_GROUP (1 << 30) /* marks a descriptor: not to be gone over to before recv_go_over() */

struct receiver {
    int fd;                  /* of recv_drain() */
    _Atomic int next;        /* put here by the control thread, taken by the real-time one */
    _Atomic int left;        /* the other way round */
    uint32_t overflows_told; /* of this socket */
    bool emptied;            /* nothing more waited in it */
    struct sockaddr_in group;
    struct in_addr source;
    char interface[INET_ADDRSTRLEN > IF_NAMESIZE ? INET_ADDRSTRLEN : IF_NAMESIZE];
    struct mmsghdr headers[RECV_BATCH];
    struct iovec parts[RECV_BATCH];
    struct sockaddr_in sources[RECV_BATCH];
    union control controls[RECV_BATCH];
    uint8_t slots[RECV_BATCH][RECV_SLOT_BYTES];
    struct recv_datagram datagrams[RECV_BATCH];
    _Atomic uint64_t handed_out, truncated, overflows, errors;
    _Atomic int last_errno;
};

static bool is_tuned(const struct receiver *r)
{
    return r->group.sin_addr.s_addr != INADDR_ANY;
}

static void close_socket(int fd)
{
    if (fd != NO_SOCKET)
        close(fd & ~ANOTHER_GROUP);
}

static int open_socket(const struct receiver *r, char *interface_name, int *buffer_bytes, char *err,
                       size_t err_size)
{
    struct net_interface interface;
    int bytes = NET_RECEIVE_BUFFER;
    int fd = net_find_interface(r->interface, &r->group, &interface, err, err_size);

    if (fd < 0)
        return fd;
    fd = net_open_receive_from(&r->group, r->source, &interface, &bytes, err, err_size);
    if (interface_name)
        memcpy(interface_name, interface.name, IF_NAMESIZE);
    if (buffer_bytes)
        *buffer_bytes = bytes;
    return fd;
}

int recv_open(struct receiver **receiver, const struct recv_config *config, char *interface_name,
              int *buffer_bytes, char *err, size_t err_size)
{
    struct receiver *r = calloc(1, sizeof *r);

    if (!r) {
        snprintf(err, err_size, "not enough memory for a receiver");
        return -ENOMEM;
    }
    r->group = config->group;
    r->source = config->source;
    r->next = r->left = NO_SOCKET;
    snprintf(r->interface, sizeof r->interface, "%s", config->interface ? config->interface : "");
    for (size_t i = 0; i < RECV_BATCH; i++) {
        r->parts[i] = (struct iovec){r->slots[i], RECV_SLOT_BYTES};
        r->headers[i].msg_hdr = (struct msghdr){
            .msg_name = &r->sources[i],
            .msg_iov = &r->parts[i],
            .msg_iovlen = 1,
            .msg_control = &r->controls[i],
        };
    }
    r->fd = NO_SOCKET;
    if (is_tuned(r))
        r->fd = open_socket(r, interface_name, buffer_bytes, err, err_size);
    if (is_tuned(r) && r->fd < 0) {
        int result = r->fd;

        free(r);
        return result;
    }
    *receiver = r;
    return 0;
}

void recv_close(struct receiver *r)
{
    if (!r)
        return;
    recv_sweep(r);
    close_socket(r->next);
    close_socket(r->fd);
    free(r);
}

int recv_fd(const struct receiver *r)
{
    return r->fd;
}

static void add(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* The arrival stamp, 0 when there is none; and notes how often the receive buffer overflowed. */
static int64_t read_control(struct receiver *r, struct msghdr *header)
{
    int64_t arrival_ns = 0;

    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control; control = CMSG_NXTHDR(header, control)) {
        if (control->cmsg_level != SOL_SOCKET)
            continue;
        if (control->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;

            memcpy(&stamp, CMSG_DATA(control), sizeof stamp);
            arrival_ns = (int64_t)stamp.tv_sec * NS_PER_S + stamp.tv_nsec;
        } else if (control->cmsg_type == SO_RXQ_OVFL) {
            uint32_t overflows;

            memcpy(&overflows, CMSG_DATA(control), sizeof overflows);
            add(&r->overflows, overflows - r->overflows_told);
            r->overflows_told = overflows;
        }
    }
    return arrival_ns;
}

/*
 * To the socket that was seen in `next`; false when the control thread has first to close the one before, or
 * has just put another there, which may be of another group.
 */
static bool go_over(struct receiver *r, int next)
{
    if (atomic_load_explicit(&r->left, memory_order_acquire) != NO_SOCKET)
        return false;
    if (!atomic_compare_exchange_strong(&r->next, &next, NO_SOCKET))
        return false;
    atomic_store_explicit(&r->left, r->fd, memory_order_release);
    r->fd = next & ~ANOTHER_GROUP;
    r->overflows_told = 0;
    return true;
}

bool recv_go_over(struct receiver *r)
{
    int next = atomic_load_explicit(&r->next, memory_order_acquire);

    return next == NO_SOCKET || go_over(r, next);
}

static int drain(struct receiver *r)
{
    int received, error, kept = 0;

    /* The kernel shortens these to what it filled in. */
    for (size_t i = 0; i < RECV_BATCH; i++) {
        r->headers[i].msg_hdr.msg_namelen = sizeof r->sources[i];
        r->headers[i].msg_hdr.msg_controllen = sizeof r->controls[i];
    }
    received = recvmmsg(r->fd, r->headers, RECV_BATCH, MSG_DONTWAIT, NULL);
    error = received < 0 ? errno : 0;
    r->emptied = received < RECV_BATCH;
    if (error == EAGAIN || error == EINTR)
        return 0;
    if (error) {
        add(&r->errors, 1);
        atomic_store_explicit(&r->last_errno, error, memory_order_relaxed);
        return -error;
    }
    for (int i = 0; i < received; i++) {
        struct msghdr *header = &r->headers[i].msg_hdr;
        int64_t arrival_ns = read_control(r, header);

        if (header->msg_flags & MSG_TRUNC) {
            add(&r->truncated, 1);
            continue;
        }
        r->datagrams[kept++] =
            (struct recv_datagram){r->slots[i], r->headers[i].msg_len, arrival_ns, r->sources[i]};
    }
    add(&r->handed_out, (uint64_t)kept);
    return kept;
}

int recv_drain(struct receiver *r, const struct recv_datagram **datagrams)
{
    /* Looked for first: only what the new socket heard while the old one was emptied may be left in that. */
    int next = atomic_load_explicit(&r->next, memory_order_acquire);
    int result = r->fd == NO_SOCKET ? 0 : drain(r);

    *datagrams = r->datagrams;
    if (next != NO_SOCKET && !(next & ANOTHER_GROUP) && r->emptied)
        go_over(r, next);
    return result;
}

int recv_reopen(struct receiver *r, char *err, size_t err_size)
{
    int fd, unused;

    if (!is_tuned(r))
        return 0;
    fd = open_socket(r, NULL, NULL, err, err_size);
    if (fd < 0)
        return fd;
    recv_sweep(r);
    unused = atomic_load(&r->next);
    /* one that waits for recv_go_over() is replaced by another that does */
    while (!atomic_compare_exchange_weak(&r->next, &unused,
                                         fd | (unused != NO_SOCKET ? unused & ANOTHER_GROUP : 0)))
        ;
    close_socket(unused);
    return 0;
}

int recv_retune(struct receiver *r, const struct sockaddr_in *group, struct in_addr source, int *buffer_bytes,
                char *err, size_t err_size)
{
    const struct sockaddr_in old_group = r->group;
    const struct in_addr old_source = r->source;
    int fd;

    r->group = *group;
    r->source = source;
    fd = open_socket(r, NULL, buffer_bytes, err, err_size);
    if (fd < 0) {
        r->group = old_group;
        r->source = old_source;
        return fd;
    }
    recv_sweep(r);
    close_socket(atomic_exchange(&r->next, fd | ANOTHER_GROUP));
    return 0;
}

void recv_sweep(struct receiver *r)
{
    int left = atomic_exchange(&r->left, NO_SOCKET);

    if (left != NO_SOCKET)
        close(left);
}

void recv_get_counters(const struct receiver *r, struct recv_counters *counters)
{
    *counters = (struct recv_counters){
        .datagrams = atomic_load(&r->handed_out),
        .truncated = atomic_load(&r->truncated),
        .overflows = atomic_load(&r->overflows),
        .errors = atomic_load(&r->errors),
        .last_errno = atomic_load(&r->last_errno),
    };
}
