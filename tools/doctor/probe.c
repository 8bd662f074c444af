// SPDX-License-Identifier: GPL-3.0-or-later
#include "probe.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Short options of ptp4l, 1.x to 4.x. */
#define PTP4L_LETTERS "AEP246HSf:i:p:sl:mqvh"

/* ---- files ----------------------------------------------------------------------------------------- */

static int read_path(const char *path, char *text, size_t size)
{
    size_t length = 0;
    ssize_t got = 0;
    int error = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    text[0] = '\0';
    if (fd < 0)
        return -errno;
    while (length < size - 1 && (got = read(fd, text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    if (got < 0) {
        error = -errno;
        length = 0;
    }
    close(fd);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    text[length] = '\0';
    return error ? error : (int)length;
}

/* The path below the root. False: too long. */
static bool below_root(const struct probe *probe, char path[PATH_MAX], const char *format, va_list args)
{
    int n = snprintf(path, PATH_MAX, "%s", probe->root);

    return n >= 0 && n < PATH_MAX && vsnprintf(path + n, (size_t)(PATH_MAX - n), format, args) < PATH_MAX - n;
}

int probe_read(const struct probe *probe, char *text, size_t size, const char *path, ...)
{
    char full[PATH_MAX];
    va_list args;
    bool fits;

    va_start(args, path);
    fits = below_root(probe, full, path, args);
    va_end(args);
    text[0] = '\0';
    return fits ? read_path(full, text, size) : -ENAMETOOLONG;
}

bool probe_number(const struct probe *probe, long long *number, const char *path, ...)
{
    char full[PATH_MAX], text[64], *end;
    va_list args;
    bool fits;

    va_start(args, path);
    fits = below_root(probe, full, path, args);
    va_end(args);
    if (!fits || read_path(full, text, sizeof text) <= 0)
        return false;
    errno = 0;
    *number = strtoll(text, &end, 0);
    return *end == '\0' && errno == 0;
}

bool probe_exists(const struct probe *probe, const char *path, ...)
{
    char full[PATH_MAX];
    va_list args;
    bool fits;

    va_start(args, path);
    fits = below_root(probe, full, path, args);
    va_end(args);
    return fits && access(full, F_OK) == 0;
}

/* Where a symbolic link below the root points. 0 or -errno. */
__attribute__((format(printf, 4, 5))) static int read_link(const struct probe *probe, char *text, size_t size,
                                                           const char *path, ...)
{
    char full[PATH_MAX];
    va_list args;
    ssize_t n;
    bool fits;

    va_start(args, path);
    fits = below_root(probe, full, path, args);
    va_end(args);
    text[0] = '\0';
    if (!fits)
        return -ENAMETOOLONG;
    n = readlink(full, text, size - 1);
    if (n < 0)
        return -errno;
    text[n] = '\0';
    return 0;
}

/* ---- processes ------------------------------------------------------------------------------------- */

/* The number that a whole name is; 0: it is none. */
static pid_t pid_of(const char *name)
{
    char *end;
    long n = strtol(name, &end, 10);

    return *end == '\0' && n > 0 && n <= INT_MAX ? (pid_t)n : 0;
}

/* In which network namespace it is: this one, where there are none. */
static void place(const struct probe *probe, struct probe_process *process)
{
    char own[64], its[64];
    int error = read_link(probe, its, sizeof its, "/proc/%d/ns/net", (int)process->pid);

    process->unplaced = error && error != -ENOENT;
    process->elsewhere =
        !error && read_link(probe, own, sizeof own, "/proc/self/ns/net") == 0 && strcmp(own, its) != 0;
}

void probe_processes(const struct probe *probe,
                     bool (*each)(void *context, const struct probe_process *process), void *context)
{
    char path[PATH_MAX];
    const struct dirent *entry;
    bool more = true;
    DIR *folder;

    snprintf(path, sizeof path, "%s/proc", probe->root);
    folder = opendir(path);
    if (!folder)
        return;
    while (more && (entry = readdir(folder))) {
        struct probe_process process = {.pid = pid_of(entry->d_name)};

        if (process.pid == 0 ||
            probe_read(probe, process.name, sizeof process.name, "/proc/%d/comm", (int)process.pid) <= 0)
            continue;
        place(probe, &process);
        more = each(context, &process);
    }
    closedir(folder);
}

struct counting {
    const char *name;
    unsigned count;
    struct probe_process *first;
};

static bool count_one(void *context, const struct probe_process *process)
{
    struct counting *c = context;

    if (strcmp(process->name, c->name) == 0 && c->count++ == 0)
        *c->first = *process;
    return true;
}

unsigned probe_count(const struct probe *probe, const char *name, struct probe_process *first)
{
    struct counting c = {.name = name, .first = first};

    probe_processes(probe, count_one, &c);
    return c.count;
}

struct owning {
    const struct probe *probe;
    char link[48]; /* "socket:[INODE]" */
    struct probe_process *owner;
    bool found, blind;
};

static bool own_one(void *context, const struct probe_process *process)
{
    struct owning *o = context;
    char path[PATH_MAX], link[64];
    const struct dirent *entry;
    DIR *folder;

    snprintf(path, sizeof path, "%s/proc/%d/fd", o->probe->root, (int)process->pid);
    folder = opendir(path);
    if (!folder) {
        o->blind = o->blind || errno == EACCES || errno == EPERM;
        return true;
    }
    while (!o->found && (entry = readdir(folder))) {
        if (read_link(o->probe, link, sizeof link, "/proc/%d/fd/%s", (int)process->pid, entry->d_name) == 0 &&
            strcmp(link, o->link) == 0) {
            *o->owner = *process;
            o->found = true;
        }
    }
    closedir(folder);
    return !o->found;
}

bool probe_socket_owner(const struct probe *probe, unsigned long long inode, struct probe_process *owner,
                        bool *blind)
{
    struct owning o = {.probe = probe, .owner = owner};

    snprintf(o.link, sizeof o.link, "socket:[%llu]", inode);
    probe_processes(probe, own_one, &o);
    *blind = o.blind;
    return o.found;
}

/* ---- arguments of processes ------------------------------------------------------------------------ */

static const char *next_argument(const char *argument, const char *end)
{
    argument += strlen(argument) + 1;
    return argument < end ? argument : NULL;
}

const char *probe_argument(const char *arguments, size_t length, const char *letters, char letter)
{
    const char *end = arguments + length;
    const char *a = length ? next_argument(arguments, end) : NULL;

    for (; a; a = next_argument(a, end)) {
        if (a[0] != '-' || a[1] == '-')
            continue;
        for (const char *c = a + 1; *c; c++) {
            const char *known = strchr(letters, *c);
            bool takes = known && known[1] == ':';
            const char *value = !takes ? "" : c[1] ? c + 1 : next_argument(a, end);

            if (*c == letter)
                return value ? value : "";
            if (takes) {
                a = c[1] || !value ? a : value;
                break;
            }
        }
    }
    return NULL;
}

const char *probe_long_argument(const char *arguments, size_t length, const char *name)
{
    const char *end = arguments + length;
    size_t n = strlen(name);

    for (const char *a = length ? arguments : NULL; a; a = next_argument(a, end)) {
        const char *value;

        if (strncmp(a, "--", 2) != 0 || strncmp(a + 2, name, n) != 0)
            continue;
        if (a[2 + n] == '=')
            return a + 3 + n;
        value = a[2 + n] == '\0' ? next_argument(a, end) : NULL;
        if (value)
            return value;
    }
    return NULL;
}

/* ---- ptp4l ----------------------------------------------------------------------------------------- */

static void take_setting(struct ptp4l_setup *setup, const char *name, const char *value)
{
    if (strcmp(name, "time_stamping") == 0)
        setup->software = strcmp(value, "software") == 0 || strcmp(value, "legacy") == 0;
    else if (strcmp(name, "free_running") == 0)
        setup->free_running = strcmp(value, "1") == 0;
}

/* "name value" lines; sections do not matter for the two that are looked for. */
static void take_file(struct ptp4l_setup *setup, char *text)
{
    char *rest = text;
    const char *line;

    while ((line = strsep(&rest, "\n"))) {
        char name[64], value[64];

        if (sscanf(line, " %63[^ \t#] %63s", name, value) == 2)
            take_setting(setup, name, value);
    }
}

static bool read_config(const struct probe *probe, struct ptp4l_setup *setup, const char *path)
{
    char text[4 * PROBE_TEXT_MAX], folder[PATH_MAX / 2] = "";
    int n;

    if (path[0] != '/' && read_link(probe, folder, sizeof folder, "/proc/%d/cwd", (int)setup->pid) < 0)
        return false;
    n = probe_read(probe, text, sizeof text, "%s%s%s", folder, folder[0] ? "/" : "", path);
    if (n >= 0)
        take_file(setup, text);
    return n >= 0;
}

/* The command line overrides the file. */
static void read_setup(const struct probe *probe, struct ptp4l_setup *setup)
{
    static const char *const names[] = {"time_stamping", "free_running"};
    char arguments[PROBE_TEXT_MAX];
    int n = probe_read(probe, arguments, sizeof arguments, "/proc/%d/cmdline", (int)setup->pid);
    size_t length = n > 0 ? (size_t)n : 0;
    const char *config, *value;

    if (length == 0)
        return;
    config = probe_argument(arguments, length, PTP4L_LETTERS, 'f');
    setup->known = !config || read_config(probe, setup, config);
    if (probe_argument(arguments, length, PTP4L_LETTERS, 'S'))
        setup->software = true;
    if (probe_argument(arguments, length, PTP4L_LETTERS, 'H'))
        setup->software = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        value = probe_long_argument(arguments, length, names[i]);
        if (value)
            take_setting(setup, names[i], value);
    }
}

static bool count_ptp4l(void *context, const struct probe_process *process)
{
    struct ptp4l_setup *setup = context;

    if (strcmp(process->name, "ptp4l") != 0 || process->elsewhere)
        return true;
    if (setup->count++ == 0)
        setup->pid = process->pid;
    setup->unplaced = setup->unplaced || process->unplaced;
    return true;
}

/* ---- what several checks need ---------------------------------------------------------------------- */

void probe_prepare(struct probe *probe)
{
    const struct doctor_options *o = probe->options;
    char why[128];

    option_parse_group(o->group, &probe->group, why, sizeof why);
    probe->interface_error =
        probe->host->find_interface(probe->context, o->interface, &probe->group, &probe->interface,
                                    probe->interface_why, sizeof probe->interface_why);
    probe->ptp = (struct clock_source_status){.kind = "ptp4l", .port_state = ""};
    probe->ptp_error = probe->host->ptp(probe->context, o->clock, (int)o->ptp_domain, &probe->ptp);
    probe->ptp4l = (struct ptp4l_setup){0};
    probe_processes(probe, count_ptp4l, &probe->ptp4l);
    if (probe->ptp4l.count)
        read_setup(probe, &probe->ptp4l);
    if (o->device[0])
        probe->sound_error = probe->host->sound(probe->context, o->device, &probe->sound);
}
