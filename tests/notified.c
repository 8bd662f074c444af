// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * notified SOCKET: a service manager's ear. Prints each line that is told to the socket (sd_notify(3)),
 * behind the milliseconds since the first.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int64_t first_ms = -1;
    char text[4096];

    if (argc != 2 || strlen(argv[1]) >= sizeof address.sun_path) {
        fprintf(stderr, "usage: notified SOCKET\n");
        return 2;
    }
    memcpy(address.sun_path, argv[1], strlen(argv[1]));
    if (fd < 0 || bind(fd, (const void *)&address, sizeof address) < 0) {
        perror("notified");
        return EXIT_FAILURE;
    }
    printf("listening\n");
    for (;;) {
        ssize_t len;
        char *rest = text;

        fflush(stdout);
        len = recv(fd, text, sizeof text - 1, 0);
        if (len < 0)
            return EXIT_FAILURE;
        text[len] = '\0';
        if (first_ms < 0)
            first_ms = now_ms();
        for (char *line; (line = strsep(&rest, "\n")) != NULL;)
            printf("%lld %s\n", (long long)(now_ms() - first_ms), line);
    }
}
