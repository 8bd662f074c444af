// SPDX-License-Identifier: GPL-3.0-or-later
#include "places.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOTS_PLACE "/run/unisono"

/* systemd may name several, with colons between: the one that is called like us, or else the first. */
static void service_place(char place[PLACES_PATH_SIZE])
{
    const char *named = getenv("RUNTIME_DIRECTORY");
    bool ours = false;

    *place = '\0';
    for (; named && *named && !ours; named += strspn(named, ":")) {
        size_t len = strcspn(named, ":");

        ours = strncmp(named, ROOTS_PLACE, strlen(ROOTS_PLACE)) == 0;
        if (len < PLACES_PATH_SIZE && (ours || !*place))
            snprintf(place, PLACES_PATH_SIZE, "%.*s", (int)len, named);
        named += len;
    }
}

static void session_place(char place[PLACES_PATH_SIZE])
{
    const char *session = getenv("XDG_RUNTIME_DIR");

    *place = '\0';
    if (session && *session && strlen(session) < PLACES_PATH_SIZE - sizeof "/unisono")
        snprintf(place, PLACES_PATH_SIZE, "%.*s/unisono", PLACES_PATH_SIZE - 16, session);
}

static void last_place(char place[PLACES_PATH_SIZE])
{
    snprintf(place, PLACES_PATH_SIZE, "/tmp/unisono-%u", (unsigned)geteuid());
}

/* 0, or -errno. */
static int make_private(const char *place)
{
    struct stat is;

    if (mkdir(place, geteuid() == 0 ? 0755 : 0700) < 0 && errno != EEXIST)
        return -errno;
    if (lstat(place, &is) < 0)
        return -errno;
    if (!S_ISDIR(is.st_mode))
        return -ENOTDIR;
    return is.st_uid != geteuid() || is.st_mode & 022 ? -EPERM : 0;
}

/* A path in it. 0, or -errno. */
static int use_place(const char *place, bool made_for_us, const char *end, char path[PLACES_PATH_SIZE])
{
    int error = made_for_us ? 0 : make_private(place);

    if (!error && faccessat(AT_FDCWD, place, W_OK | X_OK, AT_EACCESS) < 0)
        error = -errno;
    if (!error &&
        snprintf(path, PLACES_PATH_SIZE, "%s/%s-%d.sock", place, end, (int)getpid()) >= PLACES_PATH_SIZE)
        error = -ENAMETOOLONG;
    return error;
}

int places_own(const char *end, char path[PLACES_PATH_SIZE], char *err, size_t err_size)
{
    char place[PLACES_PATH_SIZE];
    int error;

    service_place(place);
    if (*place && use_place(place, true, end, path) == 0)
        return 0;
    if (geteuid() == 0)
        snprintf(place, sizeof place, ROOTS_PLACE);
    else
        session_place(place);
    if (*place && use_place(place, false, end, path) == 0)
        return 0;
    last_place(place);
    error = use_place(place, false, end, path);
    if (error)
        snprintf(err, err_size, "control socket: folder %s cannot be used: %s; name another with --control",
                 place, error == -EPERM ? "others may write to it" : strerror(-error));
    return error;
}

static void look_in(const char *place, void (*found)(void *context, const char *path), void *context)
{
    static const char *const ends[] = {"recv", "send"};

    for (size_t end = 0; *place && end < sizeof ends / sizeof *ends; end++) {
        char pattern[PLACES_PATH_SIZE + 16];
        glob_t paths;
        struct stat is;

        snprintf(pattern, sizeof pattern, "%s/%s-*.sock", place, ends[end]);
        if (glob(pattern, 0, NULL, &paths) != 0)
            continue;
        for (size_t i = 0; i < paths.gl_pathc; i++)
            if (strlen(paths.gl_pathv[i]) < PLACES_PATH_SIZE && lstat(paths.gl_pathv[i], &is) == 0 &&
                S_ISSOCK(is.st_mode))
                found(context, paths.gl_pathv[i]);
        globfree(&paths);
    }
}

void places_beside(const char *path, void (*found)(void *context, const char *path), void *context)
{
    char place[PLACES_PATH_SIZE];
    const char *slash = strrchr(path, '/');

    snprintf(place, sizeof place, "%.*s", slash ? (int)(slash - path) : 0, path);
    look_in(place, found, context);
}

void places_each(void (*found)(void *context, const char *path), void *context)
{
    char place[PLACES_PATH_SIZE];

    service_place(place);
    if (strcmp(place, ROOTS_PLACE) != 0 &&
        strncmp(place, ROOTS_PLACE "-", sizeof ROOTS_PLACE) != 0) /* else it is among the next ones */
        look_in(place, found, context);
    look_in(ROOTS_PLACE, found, context);
    look_in(ROOTS_PLACE "-*", found, context);
    session_place(place);
    look_in(place, found, context);
    last_place(place);
    look_in(place, found, context);
}
