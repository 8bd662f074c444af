// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The monitor's model. The input is a little program: steps of one byte, two bytes of length (but the last,
 * which has the rest), and as many bytes of datagram.
 *
 *     0x00  RTP    0x20  RTCP    0x40  SAP    0x60  a second is over    0x80  time passes without one
 *     and in the low bits from whom and to which group; 0x10: as a recording would testify
 *
 * Whatever comes, the view keeps its bounds, its texts are printable UTF-8, and it is written as one line of
 * JSON.
 */
#include <math.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "demand.h"
#include "proto/bytes.h"
#include "proto/directory.h"
#include "proto/printable.h"
#include "tools/monitor/json_view.h"
#include "tools/monitor/model.h"

enum { STEPS_MAX = 200, ROOM = 8, TEXT_MAX = 512 };

struct run {
    struct model *model;
    struct directory directory;
    raw_ns now;
};

static void check_text(const char *text, size_t size)
{
    char again[TEXT_MAX];

    DEMAND(memchr(text, 0, size));
    DEMAND(printable_copy(again, sizeof again, text, strlen(text)) == strlen(text));
    DEMAND(strcmp(again, text) == 0);
}
#define CHECK_TEXT(text) check_text(text, sizeof text)

static void check_clock(const struct view_clock *c)
{
    CHECK_TEXT(c->state);
    CHECK_TEXT(c->grandmaster);
}

static void check_receiver(const struct view_receiver *r)
{
    CHECK_TEXT(r->name);
    CHECK_TEXT(r->host);
    CHECK_TEXT(r->device);
    CHECK_TEXT(r->tool);
    CHECK_TEXT(r->address);
    CHECK_TEXT(r->state);
    check_clock(&r->clock);
    DEMAND(*r->state && r->channels <= VIEW_CHANNELS && r->level <= VIEW_ALARM);
    DEMAND(!(r->loss_percent < 0) && !(r->loss_percent > 100) && !(r->age_s < 0));
}

static void check_stream(const struct view_stream *s, enum view_level least)
{
    CHECK_TEXT(s->name);
    CHECK_TEXT(s->group);
    CHECK_TEXT(s->sender);
    CHECK_TEXT(s->host);
    CHECK_TEXT(s->tool);
    CHECK_TEXT(s->codec);
    CHECK_TEXT(s->early);
    CHECK_TEXT(s->late);
    CHECK_TEXT(s->headroom_of);
    CHECK_TEXT(s->witness.dishonest);
    check_clock(&s->clock);
    DEMAND(*s->name && s->level <= least);
    DEMAND(s->receivers <= ROOM && s->playing + s->silent <= s->receivers);
    DEMAND(s->witness.channels <= VIEW_CHANNELS && s->witness.honest == !*s->witness.dishonest);
    DEMAND(!(s->witness.loss_percent < 0) && !(s->witness.loss_percent > 100));
    DEMAND(!(s->apart_us < 0) && !(s->apart_p99_us < s->apart_us - 1e-6 * fabs(s->apart_us)));
    for (size_t i = 0; i < s->receivers; i++) {
        check_receiver(&s->receiver[i]);
        DEMAND(i == 0 || s->receiver[i].level <= s->receiver[i - 1].level);
        DEMAND(s->receiver[i].level <= s->level);
    }
}

static void check_view(const struct view *v)
{
    enum view_level level = VIEW_ALARM;
    FILE *out = tmpfile();

    DEMAND(v->streams <= VIEW_STREAMS_MAX && v->alarms <= VIEW_ALARMS_MAX && v->alarms <= v->alarms_all);
    for (size_t i = 0; i < v->streams; i++) {
        check_stream(&v->stream[i], level);
        level = v->stream[i].level;
    }
    for (size_t i = 0; i < v->alarms; i++) {
        CHECK_TEXT(v->alarm[i].stream);
        CHECK_TEXT(v->alarm[i].receiver);
        CHECK_TEXT(v->alarm[i].why);
        DEMAND(*v->alarm[i].why && *view_alarm_word(v->alarm[i].kind));
        DEMAND(i == 0 || v->alarm[i].level <= v->alarm[i - 1].level);
    }
    DEMAND(out);
    json_view(out, v);
    rewind(out);
    for (int c; (c = fgetc(out)) != EOF;) {
        DEMAND((c >= 0x20 || c == '\n') && c != 0x7f);
        DEMAND(c != '\n' || fgetc(out) == EOF);
    }
    fclose(out);
}

static void second(struct run *r)
{
    r->now.ns += NS_PER_S;
    directory_expire(&r->directory, r->now);
    model_announced(r->model, &r->directory, "", false, r->now);
    check_view(model_tick(r->model, r->now, (double)r->now.ns / 1e9));
}

static void step(struct run *r, uint8_t what, const uint8_t *bytes, size_t len)
{
    uint32_t source = what & 0x10 ? 0 : htonl(0x0a000001 + (what & 3));
    size_t group = what >> 2 & 1;

    switch (what >> 5) {
    case 0:
        model_rtp(r->model, group, bytes, len, source, r->now);
        break;
    case 1:
        model_rtcp(r->model, group, bytes, len, source, r->now);
        break;
    case 2:
        directory_announcement(&r->directory, bytes, len, source, r->now);
        break;
    case 3:
        second(r);
        break;
    default:
        r->now.ns += (int64_t)(what & 0x1f) * 100 * NS_PER_MS;
        break;
    }
}

/* The datagram is copied, so that a read beyond its end is found. */
static void perform(struct run *r, const uint8_t *data, size_t size)
{
    for (int i = 0; i < STEPS_MAX && size >= 3; i++) {
        uint8_t what = data[0];
        size_t len = get_be16(data + 1);
        uint8_t *copy;

        data += 3;
        size -= 3;
        len = len < size ? len : size;
        copy = malloc(len ? len : 1);
        DEMAND(copy);
        memcpy(copy, data, len);
        step(r, what, copy, len);
        free(copy);
        data += len;
        size -= len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run run;
    struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(5004)};
    struct model_config config = {
        .limits = {10, 1, 0}, .members = ROOM, .expect = "a,lobby", .grace_s = 2, .witness = true, .seed = 1};
    struct clock_map map = {.ptp0 = {INT64_C(1700000000500000000)},
                            .uncertainty_ns = 50,
                            .state = MEDIA_CLOCK_LOCKED,
                            .epoch = 1};

    if (size < 1)
        return 0;
    config.recorded = data[0] & 1;
    map.state = data[0] >> 1 & 1 ? MEDIA_CLOCK_NO_PTP : MEDIA_CLOCK_LOCKED;
    run = (struct run){.model = model_create(&config)};
    DEMAND(run.model);
    directory_init(&run.directory);
    model_clock(run.model, &map, NAN);
    for (int i = 0; i < 2; i++) {
        group.sin_addr.s_addr = htonl(0xef450101 + (uint32_t)i);
        DEMAND(model_watch(run.model, &group, i == 0, run.now) == i);
    }
    perform(&run, data + 1, size - 1);
    second(&run);
    second(&run);
    model_destroy(run.model);
    return 0;
}
