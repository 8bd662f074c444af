// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The machine as the checks see it: files under a root folder, and a handful of calls. A test gives another
 * folder and other calls, and so presents any machine there is.
 *
 *     checks  -->  probe  -->  files below `root` (/proc, /sys, /etc): probe_read() and its like
 *                        -->  struct probe_host: ioctls, sockets, sound; probe_this_host is the real one
 *
 * Nothing here changes anything, and nothing leaves the machine.
 */
#ifndef UNISONO_PROBE_H
#define UNISONO_PROBE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "doctor_options.h"
#include "proto/host/clockstatus.h"
#include "proto/host/net.h"

#define PROBE_TEXT_MAX 4096
#define PROBE_PATH_MAX 256
#define PROBE_PRIORITY 70 /* of SCHED_FIFO: what the daemons ask for unless told otherwise */

/* A sound card as it was found, opened for a moment. */
struct sound_view {
    bool capture;     /* it opened for capture only */
    bool hardware;    /* the card itself (ALSA type HW), nothing between */
    char type[32];    /* ALSA's word for the type: "HW", "IOPLUG", "PLUG" ... */
    int card, device; /* the hardware behind it; -1: not known */
    char formats[64]; /* of those that are of use: "S32_LE S24_LE"; "": none */
    char rates[64];   /* likewise "44100 48000 96000" */
    unsigned channels_min, channels_max;
};

/* IGMP queries heard. */
struct igmp_view {
    unsigned queries;
    struct in_addr querier; /* the first one's */
};

/* Calls that return int: 0 or -errno. `context` is the probe's. */
struct probe_host {
    /* As net_find_interface(). */
    int (*find_interface)(void *context, const char *wanted, const struct sockaddr_in *group,
                          struct net_interface *found, char *err, size_t err_size);
    /* What a local ptp4l says, by --clock and domain: 0, or as clock_source_poll(), and status->reason. */
    int (*ptp)(void *context, const char *clock, int domain, struct clock_source_status *status);
    /* SIOCETHTOOL with a command of <linux/ethtool.h>. */
    int (*ethtool)(void *context, const char *interface, void *command);
    /* Opens a device of /dev, with O_RDONLY or O_WRONLY, and closes it. */
    int (*open_device)(void *context, const char *path, int flags);
    /* Tries SCHED_FIFO of this priority, in a process of its own. */
    int (*try_fifo)(void *context, int priority);
    /* TAI - UTC as the kernel has it, and +1, -1 or 0: a leap second is inserted, deleted, or not. */
    int (*tai)(void *context, int *tai_offset_s, int *leap);
    /* Waits for IGMP queries on the interface until one came, `seconds` at most. */
    int (*listen_igmp)(void *context, const struct net_interface *interface, unsigned seconds,
                       struct igmp_view *view);
    /* Looks at an ALSA PCM. */
    int (*sound)(void *context, const char *device, struct sound_view *view);
};

extern const struct probe_host probe_this_host;

/* ptp4l on this machine, by its command line and its configuration file. */
struct ptp4l_setup {
    unsigned count; /* how many run in this network namespace, */
    bool unplaced;  /* those included that this user may not see the namespace of */
    pid_t pid;      /* of the first */
    bool known;     /* what follows is: its configuration could be read */
    bool software;  /* software timestamping, so its clock is CLOCK_REALTIME */
    bool free_running;
};

struct probe {
    const char *root; /* "" for this machine */
    const struct probe_host *host;
    void *context;
    const struct doctor_options *options;

    /* Filled by probe_prepare(). */
    struct sockaddr_in group;
    struct net_interface interface;
    int interface_error; /* 0, or why there is none, */
    char interface_why[256];
    int ptp_error; /* 0, or why ptp4l tells no time; the reason is in ptp.reason */
    struct clock_source_status ptp;
    struct ptp4l_setup ptp4l;
    int sound_error; /* 0, or why --device cannot be opened; without --device neither means anything */
    struct sound_view sound;
};

/* Asks what several checks need. `root`, `host`, `context` and `options` are set. */
void probe_prepare(struct probe *probe);

/*
 * A file below the root, whole or its beginning, closed by 0; blanks at its end are cut. Returns the length,
 * or -errno and an empty text. NULs within it stay.
 */
__attribute__((format(printf, 4, 5))) int probe_read(const struct probe *probe, char *text, size_t size,
                                                     const char *path, ...);

/* A file that holds one decimal number. False: no such file, or something else. */
__attribute__((format(printf, 3, 4))) bool probe_number(const struct probe *probe, long long *number,
                                                        const char *path, ...);

__attribute__((format(printf, 2, 3))) bool probe_exists(const struct probe *probe, const char *path, ...);

struct probe_process {
    pid_t pid;
    char name[32];  /* as the kernel has it: 15 characters at most */
    bool elsewhere; /* it is known to be in another network namespace */
    bool unplaced;  /* it may be: this user may not see */
};

/* Calls `each` with every process, until it returns false. */
void probe_processes(const struct probe *probe,
                     bool (*each)(void *context, const struct probe_process *process), void *context);

/* How many processes have this name; *first is one of them. The whole machine's. */
unsigned probe_count(const struct probe *probe, const char *name, struct probe_process *first);

/*
 * The process that holds the socket with this inode. False: none that this user can see into; *blind is then
 * set when there were some that it could not.
 */
bool probe_socket_owner(const struct probe *probe, unsigned long long inode, struct probe_process *owner,
                        bool *blind);

/*
 * The word of an option of a process: `letters` are those of short options, with a colon behind each that
 * takes a value, as for getopt(3); it looks for `letter`. Returns the value, "" for an option without one;
 * NULL: it is not there. `arguments`: as /proc/PID/cmdline, `length` octets and a 0.
 */
const char *probe_argument(const char *arguments, size_t length, const char *letters, char letter);

/* The value of a long option (--name=value or --name value) of such arguments; NULL: not there. */
const char *probe_long_argument(const char *arguments, size_t length, const char *name);

#endif
