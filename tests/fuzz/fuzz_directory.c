// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The directory: the input is a day on the air, a list of what is said, by whom, and of what time passes:
 *
 *     0 SOURCE HASH LENGTH datagram    SAP, as it came
 *     1 SOURCE HASH LENGTH text        an announcement of it, well formed
 *     2 SOURCE HASH LENGTH text        a deletion of it, well formed
 *     3 SOURCE      LENGTH text        a service with it
 *     4 SOURCE                         the service is gone
 *     5 SECONDS                        pass, squared; then what is old is forgotten
 *     6 WHICH                          the name of this entry is asked for, in all ways
 *
 * each a byte but LENGTH, which is two. Whatever was said, the table is bounded, each stream is there once,
 * what it says is printable and of this day, and who asks for a name gets that name.
 */
#include <stdbool.h>
#include <string.h>

#include "demand.h"
#include "proto/directory.h"

struct input {
    const uint8_t *at;
    size_t left;
};

static uint8_t take(struct input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

/* A copy of its own size, so that what is read beyond is found. The caller frees. */
static uint8_t *take_bytes(struct input *in, size_t *len, const uint8_t *head, size_t head_len)
{
    size_t wanted = (size_t)take(in) << 8;
    uint8_t *bytes;

    wanted |= take(in);
    wanted = wanted < in->left ? wanted : in->left;
    *len = head_len + wanted;
    bytes = malloc(*len ? *len : 1);
    DEMAND(bytes);
    if (head_len)
        memcpy(bytes, head, head_len);
    if (wanted)
        memcpy(bytes + head_len, in->at, wanted);
    in->at += wanted;
    in->left -= wanted;
    return bytes;
}

static void demand_printable(const char *text, size_t size)
{
    DEMAND(memchr(text, '\0', size));
    for (; *text; text++)
        DEMAND((uint8_t)*text >= 0x20 && *text != 0x7f);
}

static bool same_stream(const struct directory_entry *a, const struct directory_entry *b)
{
    if (a->kind != b->kind || a->index != b->index)
        return false;
    if (a->kind == DIRECTORY_MDNS)
        return a->announcer == b->announcer;
    return a->origin.s_addr == b->origin.s_addr && a->stream.session_id == b->stream.session_id;
}

static void demand_order(const struct directory *d, raw_ns now)
{
    DEMAND(d->count <= DIRECTORY_ENTRIES);
    for (size_t i = 0; i < d->count; i++) {
        const struct directory_entry *e = &d->entries[i];

        demand_printable(e->stream.name, sizeof e->stream.name);
        demand_printable(e->why, sizeof e->why);
        DEMAND(e->playable == (e->why[0] == '\0'));
        DEMAND(!e->playable || (e->stream.legs >= 1 && e->stream.channels >= 1 && e->stream.rate_hz > 0));
        DEMAND(e->first_heard.ns <= e->heard.ns && e->heard.ns <= now.ns);
        DEMAND(e->interval_ns >= 0);
        for (size_t k = 0; k < i; k++)
            DEMAND(!same_stream(e, &d->entries[k]));
    }
}

static bool same_but_for_case(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        char x = *a >= 'A' && *a <= 'Z' ? (char)(*a | 0x20) : *a;
        char y = *b >= 'A' && *b <= 'Z' ? (char)(*b | 0x20) : *b;

        if (x != y)
            return false;
    }
    return *a == *b;
}

static void ask(const struct directory *d, const struct directory_entry *wanted)
{
    const char *name = wanted->stream.name;
    const struct directory_entry *found = directory_find(d, name, NULL, false);

    DEMAND(found && strcmp(found->stream.name, name) == 0);
    found = directory_find(d, name, &wanted->origin, false);
    DEMAND(found && found->origin.s_addr == wanted->origin.s_addr);
    DEMAND(strcmp(found->stream.name, name) == 0);
    found = directory_find(d, name, &wanted->origin, true);
    DEMAND(found && same_but_for_case(found->stream.name, name));
    for (size_t i = 0; i < d->count && found->origin.s_addr == wanted->origin.s_addr; i++)
        DEMAND(d->entries[i].origin.s_addr == wanted->origin.s_addr ||
               strcmp(d->entries[i].stream.name, name) != 0);
}

static void say(struct directory *d, struct input *in, uint8_t kind, raw_ns now)
{
    static const char type[] = "application/sdp";
    uint8_t head[8 + sizeof type] = {kind == 2 ? 0x24 : 0x20}, *bytes;
    uint32_t source = 0x0100000a + ((uint32_t)take(in) << 24);
    size_t len;

    if (kind < 3)
        head[3] = take(in);
    memcpy(head + 4, &source, sizeof source);
    memcpy(head + 8, type, sizeof type);
    bytes = take_bytes(in, &len, head, kind == 1 || kind == 2 ? sizeof head : 0);
    if (kind < 3)
        directory_announcement(d, bytes, len, source, now);
    else
        directory_service(d, source, (const char *)bytes, len, now);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct directory *d = malloc(sizeof *d);
    struct input in = {data, size};
    raw_ns now = {NS_PER_S};

    DEMAND(d);
    directory_init(d);
    while (in.left > 0) {
        uint8_t kind = take(&in) % 7, number;
        uint64_t changes = d->changes;
        size_t count = d->count;

        if (kind < 4) {
            say(d, &in, kind, now);
        } else if (kind == 4) {
            directory_service_gone(d, 0x0100000a + ((uint32_t)take(&in) << 24));
            DEMAND(d->count <= count);
        } else if (kind == 5) {
            number = take(&in);
            now.ns += (int64_t)number * number * NS_PER_S;
            directory_expire(d, now);
            DEMAND(d->count <= count);
            for (size_t i = 0; i < d->count; i++)
                DEMAND(d->entries[i].kind == DIRECTORY_MDNS ||
                       now.ns - d->entries[i].heard.ns <= 3600 * NS_PER_S);
        } else if (d->count > 0) {
            ask(d, &d->entries[take(&in) % d->count]);
        }
        DEMAND(d->changes > changes || (d->changes == changes && d->count == count));
        demand_order(d, now);
    }
    free(d);
    return 0;
}
