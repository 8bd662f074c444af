// SPDX-License-Identifier: GPL-3.0-or-later
#include "route.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/printable.h"
#include "proto/rtp.h"
#include "proto/slice.h"

#define GAIN_MIN_DB (-120.0)
#define GAIN_MAX_DB 20.0

enum { SHOWN_SIZE = 48 };

struct parser {
    struct slice rest;
    const struct route_names *names;
    struct route route;
    uint64_t cards;   /* bit n: channel n of the card has been named */
    const char *part; /* where the assignment begins that is being read */
    char *why;
    size_t why_size;
    bool missing; /* the stream has not all of it; `why` tells what the first is */
};

static void skip_blanks(struct parser *p)
{
    while (slice_skip(&p->rest, SLICE(" ")))
        ;
}

static bool take(struct parser *p, char sign)
{
    skip_blanks(p);
    return slice_skip(&p->rest, (struct slice){&sign, 1});
}

/* `what`, in the assignment that it stands in; as far as there is room for it. */
static void explain(struct parser *p, struct slice what, const char *wrong)
{
    char part[SHOWN_SIZE], shown[SHOWN_SIZE];
    size_t len = (size_t)(p->rest.at - p->part);

    for (size_t i = 0; i < p->rest.len && p->rest.at[i] != ','; i++)
        len++;
    printable_copy(part, sizeof part, p->part, len);
    printable_copy(shown, sizeof shown, what.at, what.len);
    if (what.len > 0)
        snprintf(p->why, p->why_size, "'%s' in '%s': %s", shown, part, wrong);
    else
        snprintf(p->why, p->why_size, "'%s': %s", part, wrong);
}

static int refuse(struct parser *p, struct slice what, const char *wrong)
{
    explain(p, what, wrong);
    return -EINVAL;
}

/* Up to one of `ends`, without outer blanks. */
static struct slice take_word(struct parser *p, struct slice ends)
{
    struct slice word = {p->rest.at, 0};

    for (; word.len < p->rest.len; word.len++) {
        bool end = false;

        for (size_t i = 0; i < ends.len; i++)
            end |= word.at[word.len] == ends.at[i];
        if (end)
            break;
    }
    p->rest = (struct slice){p->rest.at + word.len, p->rest.len - word.len};
    return slice_trim(word);
}

static int take_channel(struct parser *p, struct slice word, uint8_t *channel)
{
    uint64_t number;

    if (!slice_number(word, RTP_CHANNELS_MAX, &number) || number == 0)
        return refuse(p, word, "not a channel; allowed are 1 to 64");
    *channel = (uint8_t)(number - 1);
    return 0;
}

static bool all_digits(struct slice word)
{
    for (size_t i = 0; i < word.len; i++)
        if (word.at[i] < '0' || word.at[i] > '9')
            return false;
    return true;
}

static void miss(struct parser *p, struct slice what, const char *wrong)
{
    if (!p->missing)
        explain(p, what, wrong);
    p->missing = true;
}

/* The router passes over what is beyond the stream's channels. */
static void check_width(struct parser *p, struct slice word, unsigned channel)
{
    unsigned channels = p->names ? p->names->channels : 0;
    char wrong[SHOWN_SIZE];

    if (channels == 0 || channel < channels)
        return;
    snprintf(wrong, sizeof wrong, "the stream has %u channel%s", channels, channels == 1 ? "" : "s");
    miss(p, word, wrong);
}

static void take_name(struct parser *p, struct slice name, struct route_entry *entry)
{
    for (unsigned i = 0; p->names && i < p->names->count && i < RTP_CHANNELS_MAX; i++) {
        const char *known = p->names->names[i];

        if (known && slice_equals(name, (struct slice){known, strlen(known)})) {
            entry->stream = (uint8_t)i;
            check_width(p, name, i);
            return;
        }
    }
    miss(p, name, "the stream has no channel of that name");
    *entry = (struct route_entry){.card = entry->card, .stream = 0, .gain = 0};
}

static int take_quoted(struct parser *p, struct route_entry *entry)
{
    struct slice quote = {p->rest.at, 1}, name;
    bool closed;

    slice_skip(&p->rest, quote);
    name = slice_cut(&p->rest, *quote.at, &closed);
    if (!closed)
        return refuse(p, quote, "this quote is not closed");
    if (name.len == 0)
        return refuse(p, (struct slice){NULL, 0},
                      "an empty name; allowed are channels 1 to 64, names and mono");
    take_name(p, name, entry);
    return 0;
}

static int take_stream(struct parser *p, struct route_entry *entry)
{
    struct slice word;

    skip_blanks(p);
    if (p->rest.len > 0 && (*p->rest.at == '\'' || *p->rest.at == '"'))
        return take_quoted(p, entry);
    word = take_word(p, SLICE(",+:="));
    if (word.len == 0)
        return refuse(p, word, "no stream channel; allowed are channels 1 to 64, names and mono");
    if (all_digits(word)) {
        if (take_channel(p, word, &entry->stream) < 0)
            return -EINVAL;
        check_width(p, word, entry->stream);
    } else if (slice_equals_nocase(word, SLICE("mono")))
        entry->stream = ROUTE_ALL;
    else
        take_name(p, word, entry);
    return 0;
}

static int take_gain(struct parser *p, float *gain)
{
    struct slice word, number;
    const char *start;
    double db;

    skip_blanks(p);
    start = p->rest.at;
    if (!take(p, '+'))
        take(p, '-');
    word = take_word(p, SLICE(",+"));
    word = slice_trim((struct slice){start, (size_t)(word.at + word.len - start)});
    number = word;
    if (word.len > 2 && slice_equals_nocase((struct slice){word.at + word.len - 2, 2}, SLICE("dB")))
        number = slice_trim((struct slice){word.at, word.len - 2});
    if (!slice_decimal(number, &db) || !(db >= GAIN_MIN_DB && db <= GAIN_MAX_DB))
        return refuse(p, word, "not a gain; allowed are -120 to +20 dB");
    *gain *= (float)pow(10, db / 20); /* what is silent for want of its name stays so */
    return 0;
}

static int take_source(struct parser *p, uint8_t card)
{
    struct route_entry entry = {.card = card, .gain = 1};
    int r = take_stream(p, &entry);

    if (r == 0 && take(p, ':'))
        r = take_gain(p, &entry.gain);
    if (r < 0)
        return r;
    if (p->route.count == ROUTE_ENTRIES_MAX)
        return refuse(p, (struct slice){NULL, 0}, "too many; allowed are 256 stream channels in all");
    p->route.entries[p->route.count++] = entry;
    return 0;
}

static int take_assignment(struct parser *p)
{
    struct slice word;
    uint8_t card;
    int r;

    skip_blanks(p);
    p->part = p->rest.at;
    word = take_word(p, SLICE("=,"));
    if (!take(p, '='))
        return refuse(p, (struct slice){NULL, 0}, "allowed is CARD=STREAM[:GAIN][+STREAM[:GAIN]]...");
    r = take_channel(p, word, &card);
    if (r < 0)
        return r;
    if (p->cards >> card & 1)
        return refuse(p, (struct slice){NULL, 0},
                      "this channel of the card once more; several are joined by +");
    p->cards |= UINT64_C(1) << card;
    do
        r = take_source(p, card);
    while (r == 0 && take(p, '+'));
    return r;
}

int route_parse(const char *text, const struct route_names *names, struct route *route, char *why,
                size_t why_size)
{
    struct parser p = {
        .rest = {text, strlen(text)}, .names = names, .part = text, .why = why, .why_size = why_size};
    struct slice all = slice_trim(p.rest);
    int r = 0;

    if (all.len > 0 && !slice_equals_nocase(all, SLICE("straight")))
        do
            r = take_assignment(&p);
        while (r == 0 && take(&p, ','));
    if (r == 0 && p.rest.len > 0 && p.route.count > 0)
        r = refuse(&p, p.rest, "not understood; allowed is a comma and the next channel of the card");
    if (r < 0)
        return r;
    *route = p.route;
    return p.missing ? -ENOENT : 0;
}

unsigned route_width(const struct route *route)
{
    unsigned width = 0;

    for (unsigned i = 0; i < route->count; i++)
        if (route->entries[i].card >= width)
            width = route->entries[i].card + 1u;
    return width;
}

bool route_equals(const struct route *a, const struct route *b)
{
    if (a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++) {
        const struct route_entry *x = &a->entries[i], *y = &b->entries[i];

        if (x->card != y->card || x->stream != y->stream || x->gain != y->gain)
            return false;
    }
    return true;
}
