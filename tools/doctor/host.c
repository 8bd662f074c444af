// SPDX-License-Identifier: GPL-3.0-or-later
/* The calls of struct probe_host on a real machine. */
#include "probe.h"

#include <alsa/asoundlib.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <netinet/igmp.h>
#include <netinet/ip.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/host/clock.h"
#include "proto/host/clocksource.h"

#define PTP_POLL_NS (50 * NS_PER_MS) /* see clock_source_poll() */

/* Long enough for a few Syncs, and to try the other domains once one has stayed silent for a second. */
#define PTP_PATIENCE_NS (2200 * NS_PER_MS)

/* ---- network --------------------------------------------------------------------------------------- */

static int find_interface(void *context, const char *wanted, const struct sockaddr_in *group,
                          struct net_interface *found, char *err, size_t err_size)
{
    (void)context;
    return net_find_interface(wanted, group, found, err, err_size);
}

static int call_ethtool(void *context, const char *interface, void *command)
{
    struct ifreq request = {.ifr_data = command};
    int error;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)context;
    if (fd < 0)
        return -errno;
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
    error = ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
    close(fd);
    return error;
}

/* One datagram. Tells whether it was an IGMP query from the interface. */
static bool take_igmp(int fd, unsigned index, struct igmp_view *view)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control;
    uint8_t packet[256];
    struct iovec part = {packet, sizeof packet};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
    const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    struct in_pktinfo info;
    size_t header;

    if (!c || c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
        return false;
    memcpy(&info, CMSG_DATA(c), sizeof info);
    header = (packet[0] & 0x0fu) * 4;
    if ((unsigned)info.ipi_ifindex != index || (size_t)n < header + IGMP_MINLEN ||
        packet[header] != IGMP_MEMBERSHIP_QUERY)
        return false;
    if (view->queries++ == 0)
        memcpy(&view->querier, packet + offsetof(struct iphdr, saddr), sizeof view->querier);
    return true;
}

/* Queries go to 224.0.0.1, which every host has joined already: nothing is to be sent. */
static int listen_igmp(void *context, const struct net_interface *interface, unsigned seconds,
                       struct igmp_view *view)
{
    raw_ns now = clock_raw_now(), end = {now.ns + seconds * NS_PER_S};
    const int on = 1;
    int error = 0;
    int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_IGMP);

    (void)context;
    *view = (struct igmp_view){0};
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) < 0)
        error = -errno;
    for (; !error && view->queries == 0 && now.ns < end.ns; now = clock_raw_now()) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int left_ms = (int)((end.ns - now.ns) / NS_PER_MS) + 1;

        if (poll(&wait, 1, left_ms) < 0)
            error = errno == EINTR ? 0 : -errno;
        else
            take_igmp(fd, interface->index, view);
    }
    close(fd);
    return error;
}

/* ---- time ------------------------------------------------------------------------------------------ */

/* Whether waiting longer cannot change the answer. A silence may yet turn out to be another domain. */
static bool is_final(int answer)
{
    return answer > 0 || (answer < 0 && answer != -ETIMEDOUT && answer != -ENODATA);
}

static int ask_ptp(void *context, const char *clock, int domain, struct clock_source_status *status)
{
    struct clock_source *source = NULL;
    struct clock_sample sample;
    raw_ns now = clock_raw_now(), end = {now.ns + PTP_PATIENCE_NS};
    int answer = clock_source_open(&source, strncmp(clock, "ptp4l:", 6) == 0 ? clock : "ptp4l", domain,
                                   status->reason, sizeof status->reason);

    (void)context;
    if (answer)
        return answer;
    do {
        clock_sleep_until((raw_ns){now.ns + PTP_POLL_NS});
        answer = clock_source_poll(source, &sample);
        now = clock_raw_now();
    } while (!is_final(answer) && now.ns < end.ns);
    *status = *clock_source_status(source);
    clock_source_close(source);
    if (answer == 0) {
        answer = -ENODATA;
        if (!status->reason[0])
            snprintf(status->reason, sizeof status->reason, "ptp4l answers, but has no Sync to tell of");
    }
    return answer > 0 ? 0 : answer;
}

static int ask_tai(void *context, int *tai_offset_s, int *leap)
{
    struct timex kernel = {0};

    (void)context;
    if (adjtimex(&kernel) < 0)
        return -errno;
    *tai_offset_s = kernel.tai;
    *leap = kernel.status & STA_INS ? 1 : kernel.status & STA_DEL ? -1 : 0;
    return 0;
}

/* ---- machine --------------------------------------------------------------------------------------- */

static int open_device(void *context, const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);

    (void)context;
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

/* As the daemons do: the soft limit is raised as far as it may go. The child's exit status is the errno. */
static int try_fifo(void *context, int priority)
{
    struct sched_param param = {.sched_priority = priority};
    struct rlimit limit;
    int status = 0;
    pid_t child = fork();

    (void)context;
    if (child < 0)
        return -errno;
    if (child == 0) {
        if (getrlimit(RLIMIT_RTPRIO, &limit) == 0) {
            limit.rlim_cur = limit.rlim_max;
            setrlimit(RLIMIT_RTPRIO, &limit);
        }
        _exit(sched_setscheduler(0, SCHED_FIFO, &param) < 0 ? errno : 0);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

/* ---- sound ----------------------------------------------------------------------------------------- */

__attribute__((format(printf, 5, 6))) static void no_message(const char *file, int line, const char *function,
                                                             int error, const char *format, ...)
{
    (void)file;
    (void)line;
    (void)function;
    (void)error;
    (void)format;
}

static void append(char *list, size_t size, const char *word)
{
    size_t length = strlen(list);

    snprintf(list + length, size - length, "%s%s", length ? " " : "", word);
}

static void view_abilities(snd_pcm_t *pcm, struct sound_view *view)
{
    static const snd_pcm_format_t formats[] = {SND_PCM_FORMAT_S32_LE, SND_PCM_FORMAT_S24_LE,
                                               SND_PCM_FORMAT_S24_3LE, SND_PCM_FORMAT_FLOAT_LE,
                                               SND_PCM_FORMAT_S16_LE};
    static const unsigned rates[] = {44100, 48000, 88200, 96000};
    snd_pcm_hw_params_t *hw;

    snd_pcm_hw_params_alloca(&hw);
    if (snd_pcm_hw_params_any(pcm, hw) < 0)
        return;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (snd_pcm_hw_params_test_format(pcm, hw, formats[i]) == 0)
            append(view->formats, sizeof view->formats, snd_pcm_format_name(formats[i]));
    }
    /* What the card itself can do, not what ALSA would convert. */
    snd_pcm_hw_params_set_rate_resample(pcm, hw, 0);
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        char text[16];

        snprintf(text, sizeof text, "%u", rates[i]);
        if (snd_pcm_hw_params_test_rate(pcm, hw, rates[i], 0) == 0)
            append(view->rates, sizeof view->rates, text);
    }
    if (snd_pcm_hw_params_get_channels_min(hw, &view->channels_min) < 0 ||
        snd_pcm_hw_params_get_channels_max(hw, &view->channels_max) < 0)
        view->channels_min = view->channels_max = 0;
}

static int view_sound(void *context, const char *device, struct sound_view *view)
{
    snd_pcm_info_t *info;
    snd_pcm_t *pcm = NULL;
    int error;

    (void)context;
    *view = (struct sound_view){.card = -1, .device = -1};
    snd_lib_error_set_handler(no_message);
    snd_pcm_info_alloca(&info);
    error = snd_pcm_open(&pcm, device, SND_PCM_STREAM_PLAYBACK, SND_PCM_NONBLOCK);
    if (error == -ENOENT || error == -EINVAL) {
        int capture = snd_pcm_open(&pcm, device, SND_PCM_STREAM_CAPTURE, SND_PCM_NONBLOCK);

        view->capture = capture == 0;
        error = capture == 0 ? 0 : error;
    }
    if (error == 0) {
        view->hardware = snd_pcm_type(pcm) == SND_PCM_TYPE_HW;
        snprintf(view->type, sizeof view->type, "%s", snd_pcm_type_name(snd_pcm_type(pcm)));
        if (snd_pcm_info(pcm, info) == 0 && snd_pcm_info_get_card(info) >= 0) {
            view->card = snd_pcm_info_get_card(info);
            view->device = (int)snd_pcm_info_get_device(info);
        }
        view_abilities(pcm, view);
        snd_pcm_close(pcm);
    }
    snd_lib_error_set_handler(NULL);
    snd_config_update_free_global();
    return error;
}

const struct probe_host probe_this_host = {
    .find_interface = find_interface,
    .ptp = ask_ptp,
    .ethtool = call_ethtool,
    .open_device = open_device,
    .try_fifo = try_fifo,
    .tai = ask_tai,
    .listen_igmp = listen_igmp,
    .sound = view_sound,
};
