// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Record, with its threads, against the real kernel, in a network namespace of its own: who forges streams
 * fills no folder with files, and what is in none of them is counted. Where the kernel grants no namespace,
 * it is skipped.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "proto/host/clock.h"
#include "proto/rtp.h"
#include "receiver/record.h"

/* Long enough for any machine; only a failing test ever waits for it. */
#define PATIENCE_NS (10 * NS_PER_S)

#define PTP0 INT64_C(1795000000123456789)
#define RATE 48000

enum { FRAMES = 48 };

struct booth {
    char folder[256];
    struct sockaddr_in group;
    struct clock_map map;
    struct clock_source_status clock;
    struct record *record;
    int fd;
    uint16_t sequence;
};

static bool enter_namespace(void)
{
    struct ifreq lo = {.ifr_name = "lo"};
    int fd;

    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
        return false;
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &lo), 0);
    lo.ifr_flags |= IFF_UP;
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
    close(fd);
    return true;
}

static int set_up(void **state)
{
    const char *tmp = getenv("UNISONO_TMP");
    struct booth *b = calloc(1, sizeof *b);
    const struct in_addr lo = {htonl(INADDR_LOOPBACK)};
    char path[300], err[512];
    struct record_config config = {.interface = "lo",
                                   .description = {.ext_id = RTP_EXT_ID_DEFAULT},
                                   .path = path,
                                   .title = "",
                                   .host = "here"};

    *state = b;
    if (!enter_namespace())
        return 0;
    snprintf(b->folder, sizeof b->folder, "%s/record.XXXXXX", tmp ? tmp : "/dev/shm");
    assert_non_null(mkdtemp(b->folder));
    snprintf(path, sizeof path, "%s/take.wav", b->folder);
    b->group = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(6200)};
    assert_int_equal(inet_pton(AF_INET, "239.69.83.7", &b->group.sin_addr), 1);
    b->map =
        (struct clock_map){.raw0 = clock_raw_now(), .ptp0 = {PTP0}, .state = MEDIA_CLOCK_LOCKED, .epoch = 1};
    b->clock.kind = "system";
    b->fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(setsockopt(b->fd, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof lo), 0);
    config.group = b->group;
    if (record_start(&b->record, &config, err, sizeof err))
        fail_msg("%s", err);
    record_run(b->record, &b->map, &b->clock);
    return 0;
}

static unsigned files_in(const struct booth *b, bool remove)
{
    DIR *folder = opendir(b->folder);
    struct dirent *entry;
    unsigned count = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        if (remove)
            unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
    return count;
}

static int tear_down(void **state)
{
    struct booth *b = *state;

    record_destroy(b->record);
    if (b->record) {
        close(b->fd);
        files_in(b, true);
        assert_int_equal(rmdir(b->folder), 0);
    }
    free(b);
    return 0;
}

static void post(struct booth *b, uint32_t ssrc, unsigned codec, enum rtp_type type)
{
    uint8_t datagram[RTP_DATAGRAM_MAX] = {0};
    size_t length = rtp_header_bytes(true);
    media_t at = media_at_ptp(clock_map_ptp(&b->map, clock_raw_now()), RATE);
    const struct rtp_packet packet = {.ssrc = ssrc,
                                      .timestamp = (uint32_t)(uint64_t)at.n,
                                      .sequence = b->sequence++,
                                      .has_ext = true,
                                      .ext = {.presentation = {ptp_at_media(at, RATE).ns + 10 * NS_PER_MS},
                                              .type = (uint8_t)type,
                                              .codec = (uint8_t)codec,
                                              .channels = 1,
                                              .rate_hz = RATE}};

    rtp_build(datagram, &packet, RTP_EXT_ID_DEFAULT);
    if (type == RTP_TYPE_AUDIO)
        length += FRAMES * rtp_codec_sample_bytes(codec);
    assert_int_equal(sendto(b->fd, datagram, length, 0, (const struct sockaddr *)&b->group, sizeof b->group),
                     (ssize_t)length);
}

/* A stream of another format each tenth of a second, which is as often as any is followed. */
static void a_flood_of_formats_makes_few_files(void **state)
{
    struct booth *b = *state;
    const raw_ns began = clock_raw_now();
    struct record_status s = {0};
    uint32_t streams = 0;

    if (!b->record)
        skip();
    while (s.take.takes < 12) {
        const unsigned codec = streams % 2 ? RTP_CODEC_L16 : RTP_CODEC_L24;

        streams++;
        post(b, streams, codec, RTP_TYPE_INIT);
        post(b, streams, codec, RTP_TYPE_AUDIO);
        poll(NULL, 0, 10);
        record_get_status(b->record, &s);
        assert_true(clock_raw_now().ns - began.ns < PATIENCE_NS);
    }
    record_stop(b->record);
    record_get_status(b->record, &s);
    assert_int_not_equal(s.state, RECORD_FAILED);
    assert_in_range(s.files, 1, 1 + (uint64_t)((clock_raw_now().ns - began.ns) / NS_PER_S));
    assert_int_equal(files_in(b, false), s.files);
    assert_true(s.take.takes > s.files);
    assert_true(s.skipped > 0);
    assert_int_equal(s.written + s.skipped, s.take.frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_flood_of_formats_makes_few_files, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
