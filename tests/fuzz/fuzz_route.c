// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Routes and delays: the input is a text of a user, the first byte the shape of card and stream. What is
 * accepted is within its ranges, and the same when it is read again, a prefix of the explanation included; a
 * refusal is one printable line. At work, nothing is louder than the gains allow, what no entry names is
 * silent, and a change ends where the same route set at once is.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "demand.h"
#include "proto/rtp.h"
#include "proto/timebase.h"
#include "receiver/delay.h"
#include "receiver/route.h"

enum { FRAMES = 32, TEXT_MAX = 4096, RATE_HZ = 1600 /* a ramp of 16 frames */ };

static const char *const known[] = {"Vox", "Keys, left", NULL, "mono", "1"};
static const struct route_names names = {
    .count = sizeof known / sizeof *known, .names = known, .channels = 3};

static void demand_line(const char *why, size_t size)
{
    size_t len = strnlen(why, size);

    DEMAND(len > 0 && len < size);
    for (size_t i = 0; i < len; i++)
        DEMAND((unsigned char)why[i] >= 0x20 && why[i] != 0x7f);
}

static void demand_ranges(const struct route *route)
{
    unsigned width = 0;

    DEMAND(route->count <= ROUTE_ENTRIES_MAX);
    for (unsigned i = 0; i < route->count; i++) {
        const struct route_entry *e = &route->entries[i];

        DEMAND(e->card < RTP_CHANNELS_MAX && (e->stream < RTP_CHANNELS_MAX || e->stream == ROUTE_ALL));
        DEMAND(e->gain >= 0 && e->gain <= 10.001f);
        width = e->card >= width ? e->card + 1u : width;
    }
    DEMAND(width == route_width(route));
}

/* The most that channel `card` can be of a stream at full scale. */
static float loudest(const struct route *route, unsigned card, unsigned stream_channels)
{
    float sum = 0;

    if (route->count == 0)
        return card < stream_channels || stream_channels == 1 ? 1 : 0;
    for (unsigned i = 0; i < route->count; i++)
        if (route->entries[i].card == card &&
            (route->entries[i].stream < stream_channels || route->entries[i].stream == ROUTE_ALL))
            sum += route->entries[i].gain;
    return stream_channels ? sum : 0;
}

/* Of all the card's channels. */
static void play(struct router *r, const float *in, float *out, size_t frames, unsigned card_channels)
{
    static float mixes[FRAMES * RTP_CHANNELS_MAX], ones[FRAMES];

    DEMAND(router_mixes(r) >= 1 && router_mixes(r) <= card_channels);
    for (size_t i = 0; i < FRAMES; i++)
        ones[i] = 1;
    memset(out, 0, frames * card_channels * sizeof *out);
    router_run(r, in, mixes, frames);
    router_spread(r, mixes, ones, out, frames);
}

static void demand_work(const struct route *route, unsigned card_channels, unsigned stream_channels)
{
    static float in[FRAMES * RTP_CHANNELS_MAX], ramped[FRAMES * RTP_CHANNELS_MAX],
        at_once[FRAMES * RTP_CHANNELS_MAX];
    const struct route straight = {.count = 0};
    struct router *a = router_create(card_channels), *b = router_create(card_channels);

    DEMAND(a && b);
    for (unsigned i = 0; i < FRAMES * RTP_CHANNELS_MAX; i++)
        in[i] = i % 3 == 0 ? -1 : 1;
    router_set(a, &straight, stream_channels);
    if (!router_go(a, route, RATE_HZ)) /* to other mixes */
        router_set(a, route, stream_channels);
    router_set(b, route, stream_channels);
    play(a, in, ramped, 5, card_channels);
    play(a, in + 5 * stream_channels, ramped + 5 * card_channels, FRAMES - 5, card_channels);
    play(b, in, at_once, FRAMES, card_channels);
    for (unsigned i = 0; i < FRAMES * card_channels; i++) {
        float most = loudest(route, i % card_channels, stream_channels);

        DEMAND(fabsf(at_once[i]) <= most * 1.0001f);
        DEMAND(fabsf(ramped[i]) <= fmaxf(most, 1) * 1.0001f);
        if (i / card_channels >= RATE_HZ / 100 - 1)
            DEMAND(memcmp(&ramped[i], &at_once[i], sizeof *ramped) == 0);
    }
    router_destroy(a);
    router_destroy(b);
}

static void demand_delay(const char *text)
{
    const struct delay_place place = {48000, 20};
    char why[128] = "";
    struct delay delay;
    int64_t ns = -1;
    int error = delay_parse(text, &delay, why, sizeof why);

    DEMAND(error == 0 || error == -EINVAL);
    if (error == 0) {
        DEMAND(delay.amount >= 0);
        error = delay_resolve(&delay, &place, &ns, why, sizeof why);
        DEMAND(error == -ERANGE || (error == 0 && ns >= 0 && ns <= 1000 * NS_PER_MS));
    }
    if (error)
        demand_line(why, sizeof why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[TEXT_MAX + 1];
    struct route route = {.count = 7}, again = {.count = 9};
    char why[ROUTE_WHY_SIZE] = "", brief[9] = "";
    int error;

    if (size < 2 || size > TEXT_MAX)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    error = route_parse(text, &names, &route, why, sizeof why);
    DEMAND(error == 0 || error == -EINVAL || error == -ENOENT);
    DEMAND(route_parse(text, &names, &again, brief, sizeof brief) == error);
    if (error) {
        demand_line(why, sizeof why);
        DEMAND(strncmp(brief, why, sizeof brief - 1) == 0);
    }
    demand_delay(text);
    if (error == -EINVAL) {
        DEMAND(route.count == 7 && again.count == 9);
        return 0;
    }
    DEMAND(route.count == again.count);
    for (unsigned i = 0; i < route.count; i++)
        DEMAND(route.entries[i].card == again.entries[i].card &&
               route.entries[i].stream == again.entries[i].stream &&
               route.entries[i].gain == again.entries[i].gain);
    demand_ranges(&route);
    demand_work(&route, 1 + data[0] % 8, data[0] / 8 % 9);
    return 0;
}
