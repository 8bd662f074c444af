// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * pester PATH SECONDS: eight bad clients at a control socket at once. One sends noise, one a line without an
 * end, one floods commands and reads no answer, one floods and reads, the others only stay; who is dropped
 * comes again. Prints how often each was.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/host/clock.h"

enum { CLIENTS = 8, NOISE = 0, ENDLESS, DEAF, FLOOD };

struct pester {
    struct sockaddr_un address;
    int fds[CLIENTS];
    unsigned joined[CLIENTS];
    unsigned long long seed;
};

static void fill(struct pester *p, int kind, char *bytes, size_t size)
{
    static const char command[] = "gain 0\n";

    for (size_t i = 0; i < size; i++) {
        p->seed = p->seed * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = kind == NOISE     ? (char)(p->seed >> 56)
                   : kind == ENDLESS ? 'x'
                                     : command[i % (sizeof command - 1)];
    }
}

static void join(struct pester *p, int i)
{
    p->fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connect(p->fds[i], (const void *)&p->address, sizeof p->address) == 0) {
        p->joined[i]++;
        return;
    }
    close(p->fds[i]);
    p->fds[i] = -1;
}

static void bother(struct pester *p, int i)
{
    char bytes[7 * 1024];

    if (p->fds[i] < 0)
        join(p, i);
    if (p->fds[i] < 0)
        return;
    fill(p, i, bytes, sizeof bytes);
    if (i <= FLOOD && send(p->fds[i], bytes, sizeof bytes, MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
        close(p->fds[i]);
        p->fds[i] = -1;
    } else if (i != DEAF)
        while (recv(p->fds[i], bytes, sizeof bytes, 0) > 0)
            ;
}

int main(int argc, char **argv)
{
    struct pester p = {.address = {.sun_family = AF_UNIX}, .seed = 1};
    int64_t end_ns = clock_raw_now().ns;

    if (argc != 3 || strlen(argv[1]) >= sizeof p.address.sun_path) {
        fprintf(stderr, "usage: pester PATH SECONDS\n");
        return 2;
    }
    strcpy(p.address.sun_path, argv[1]);
    end_ns += (int64_t)(strtod(argv[2], NULL) * 1e9);
    for (int i = 0; i < CLIENTS; i++)
        p.fds[i] = -1;
    while (clock_raw_now().ns < end_ns) {
        for (int i = 0; i < CLIENTS; i++)
            bother(&p, i);
        poll(NULL, 0, 1);
    }
    for (int i = 0; i < CLIENTS; i++) {
        printf("%s%u", i ? " " : "joined ", p.joined[i]);
        if (p.fds[i] >= 0)
            close(p.fds[i]);
    }
    putchar('\n');
    return 0;
}
