// SPDX-License-Identifier: GPL-3.0-or-later
#include "scenario.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/resample.h"
#include "proto/rtp.h"
#include "verdict.h"

enum { LINE = 400, WORDS = 40, CHOICES = 5 };

/* One word of a statement and where its value goes. */
struct key {
    const char *name;
    size_t offset;
    const char *choices[CHOICES]; /* an int by its place here; none: a double, */
    bool whole;                   /* or an unsigned */
};

#define NUMBER(type, member) #member, offsetof(type, member), {NULL }, false
#define WHOLE(type, member)  #member, offsetof(type, member), {NULL }, true

static const struct key crystal_keys[] = {
    {NUMBER(struct oscillator_config, ppm)},
    {NUMBER(struct oscillator_config, spread_ppm)},
    {NUMBER(struct oscillator_config, walk_ppb)},
    {NUMBER(struct oscillator_config, wander_ppm)},
    {NUMBER(struct oscillator_config, wander_s)},
    {NUMBER(struct oscillator_config, ramp_ppm)},
    {NUMBER(struct oscillator_config, ramp_from_s)},
    {NUMBER(struct oscillator_config, ramp_s)},
    {NULL, 0, {NULL}, false},
};

static const struct key dac_keys[] = {
    {WHOLE(struct dac_config, rate_hz)},     {WHOLE(struct dac_config, channels)},
    {WHOLE(struct dac_config, step_frames)}, {NUMBER(struct dac_config, step_us)},
    {WHOLE(struct dac_config, fifo_frames)}, {WHOLE(struct dac_config, buffer_frames)},
    {NUMBER(struct dac_config, start_us)},   {NULL, 0, {NULL}, false},
};

static const struct key adc_keys[] = {
    {WHOLE(struct adc_config, rate_hz)},
    {WHOLE(struct adc_config, step_frames)},
    {NULL, 0, {NULL}, false},
};

static const struct key wake_keys[] = {
    {NUMBER(struct wake_config, late_us)},
    {NUMBER(struct wake_config, stall_every_s)},
    {NUMBER(struct wake_config, stall_ms)},
    {NUMBER(struct wake_config, frame_us)},
    {NULL, 0, {NULL}, false},
};

static const struct key ptp_keys[] = {
    {"kind", offsetof(struct ptp_config, kind), {"perfect", "hardware", "software"}, false},
    {NUMBER(struct ptp_config, noise_us)},
    {NUMBER(struct ptp_config, noise_s)},
    {NUMBER(struct ptp_config, white_us)},
    {NUMBER(struct ptp_config, rate_hz)},
    {NUMBER(struct ptp_config, asymmetry_us)},
    {NUMBER(struct ptp_config, outlier_pct)},
    {NUMBER(struct ptp_config, outlier_us)},
    {NULL, 0, {NULL}, false},
};

static const struct key path_keys[] = {
    {NUMBER(struct path_config, delay_us)},      {NUMBER(struct path_config, jitter_us)},
    {NUMBER(struct path_config, queue_us)},      {NUMBER(struct path_config, loss_pct)},
    {NUMBER(struct path_config, burst_every_s)}, {NUMBER(struct path_config, burst_ms)},
    {NUMBER(struct path_config, duplicate_pct)}, {NUMBER(struct path_config, reorder_pct)},
    {NUMBER(struct path_config, reorder_us)},    {NUMBER(struct path_config, limit_kbps)},
    {NUMBER(struct path_config, limit_ms)},      {NULL, 0, {NULL}, false},
};

static const struct key receiver_keys[] = {
    {NUMBER(struct receiver_config, delay_ms)},
    {NUMBER(struct receiver_config, gain_db)},
    {NUMBER(struct receiver_config, joins_s)},
    {NULL, 0, {NULL}, false},
};

static const struct key stream_keys[] = {
    {NUMBER(struct stream_config, rate_hz)},
    {NUMBER(struct stream_config, channels)},
    {NUMBER(struct stream_config, ptime_ms)},
    {NUMBER(struct stream_config, latency_ms)},
    {NUMBER(struct stream_config, pre_roll_ms)},
    {"source", offsetof(struct stream_config, source), {"tone", "adc"}, false},
    {"codec", offsetof(struct stream_config, codec), {"L16", "L24"}, false},
    {"profile", offsetof(struct stream_config, profile), {"unisono", "aes67"}, false},
    {"resampler", offsetof(struct stream_config, resampler), {"fastest", "medium", "best", "linear"}, false},
    {"on_loss", offsetof(struct stream_config, on_loss), {"play", "mute"}, false},
    {NUMBER(struct stream_config, wraps_s)},
    {NUMBER(struct stream_config, first_sequence)},
    {NUMBER(struct stream_config, tone_hz)},
    {NUMBER(struct stream_config, window_ms)},
    {NULL, 0, {NULL}, false},
};

/* The words of one statement, and whom to tell what is wrong with them. */
struct line {
    char text[LINE];
    char *word[WORDS];
    unsigned count;
    char *why;
    size_t why_size;
};

static int complain(const struct line *l, const char *word, const char *allowed)
{
    snprintf(l->why, l->why_size, "%s: %s", word, allowed);
    return -EINVAL;
}

static int to_number(const struct line *l, const char *word, double *value)
{
    char *end;

    *value = strtod(word, &end);
    if (end == word || *end || !isfinite(*value))
        return complain(l, word, "a number is expected here");
    return 0;
}

static int set_key(const struct line *l, const struct key *key, void *base, const char *word)
{
    char *to = (char *)base + key->offset;
    double value;
    int error;

    if (key->choices[0]) {
        for (int i = 0; i < CHOICES && key->choices[i]; i++)
            if (strcmp(key->choices[i], word) == 0) {
                memcpy(to, &i, sizeof i);
                return 0;
            }
        return complain(l, word, "no such choice here");
    }
    error = to_number(l, word, &value);
    if (error)
        return error;
    if (key->whole) {
        unsigned whole = (unsigned)value;

        if (value < 0 || value > 1e6 || value != floor(value))
            return complain(l, word, "a whole number up to a million is expected here");
        memcpy(to, &whole, sizeof whole);
    } else {
        memcpy(to, &value, sizeof value);
    }
    return 0;
}

/* Words from `from` on are pairs of a key of one of the tables, and its value. */
static int set_keys(const struct line *l, unsigned from, const struct key *const *tables, void *const *bases,
                    unsigned count)
{
    for (unsigned i = from; i < l->count; i += 2) {
        const struct key *found = NULL;
        int error;

        for (unsigned t = 0; t < count && !found; t++)
            for (const struct key *k = tables[t]; k->name && !found; k++)
                if (strcmp(k->name, l->word[i]) == 0) {
                    found = k;
                    if (i + 1 == l->count)
                        return complain(l, l->word[i], "its value is missing");
                    error = set_key(l, k, bases[t], l->word[i + 1]);
                    if (error)
                        return error;
                }
        if (!found)
            return complain(l, l->word[i], "no such key in this statement");
    }
    return 0;
}

/* all, sender, or numbers such as 1,3-5. */
static int to_who(const struct line *l, const struct scenario *s, const char *word, struct who *who)
{
    const char *at = word;

    memset(who, 0, sizeof *who);
    if (strcmp(word, "sender") == 0 || strcmp(word, "all") == 0) {
        who->sender = true;
        for (unsigned i = 0; i < s->receivers; i++)
            who->receiver[i] = *word == 'a';
        return 0;
    }
    for (;;) {
        char *end;
        long first = strtol(at, &end, 10), last = first;

        if (end == at || first < 1 || first > (long)s->receivers)
            return complain(l, word, "all, sender, or numbers of receivers such as 1,3-5 are expected here");
        if (*end == '-')
            last = strtol(end + 1, &end, 10);
        for (long i = first; i <= last && i <= (long)s->receivers; i++)
            who->receiver[i - 1] = true;
        if (*end != ',')
            return *end ? complain(l, word, "not a list of receivers") : 0;
        at = end + 1;
    }
}

/* STATEMENT WHO KEY VALUE ... : the same keys for each of them. */
static int set_each(const struct line *l, struct scenario *s)
{
    const char *what = l->word[0];
    struct who who;
    int error = l->count > 1 ? to_who(l, s, l->word[1], &who) : complain(l, what, "WHO is missing");
    bool host = strcmp(what, "host") == 0, ptp = strcmp(what, "ptp") == 0;

    if (!error && who.sender && (host || ptp)) {
        const struct key *tables[] = {host ? crystal_keys : ptp_keys, host ? wake_keys : ptp_keys};
        void *bases[] = {host ? (void *)&s->sender.crystal : (void *)&s->sender.ptp,
                         host ? (void *)&s->sender.wake : (void *)&s->sender.ptp};

        error = set_keys(l, 2, tables, bases, 2);
    }
    for (unsigned i = 0; i < s->receivers && !error; i++) {
        struct receiver_config *r = &s->receiver[i];
        const struct key *tables[2] = {NULL, NULL};
        void *bases[2] = {NULL, NULL};

        if (!who.receiver[i])
            continue;
        if (host)
            tables[0] = crystal_keys, bases[0] = &r->host.crystal, tables[1] = wake_keys,
            bases[1] = &r->host.wake;
        else if (ptp)
            tables[0] = ptp_keys, bases[0] = &r->host.ptp;
        else if (strcmp(what, "card") == 0)
            tables[0] = dac_keys, bases[0] = &r->card, tables[1] = crystal_keys, bases[1] = &r->card_crystal;
        else if (strcmp(what, "net") == 0)
            tables[0] = path_keys, bases[0] = &r->path;
        else
            tables[0] = receiver_keys, bases[0] = r;
        error = set_keys(l, 2, tables, bases, tables[1] ? 2 : 1);
    }
    return error;
}

static int set_global(const struct line *l, struct scenario *s)
{
    const struct key *tables[2] = {stream_keys, NULL};
    void *bases[2] = {&s->stream, NULL};

    if (strcmp(l->word[0], "stream") == 0)
        return set_keys(l, 1, tables, bases, 1);
    tables[0] = adc_keys;
    bases[0] = &s->adc;
    tables[1] = crystal_keys;
    bases[1] = &s->adc_crystal;
    return set_keys(l, 1, tables, bases, 2);
}

/* What an event looks like: its word, whether WHO follows, which words or how many numbers (the last may be
 * left out). */
static const struct {
    const char *name;
    bool who;
    const char *choices[CHOICES];
    unsigned numbers, needed;
} event_forms[] = {
    [EVENT_SENDER] = {"sender", false, {"dies", "stops", "starts", "talks", "hushes"}, 0, 0},
    [EVENT_RIVAL] = {"rival", false, {"dies", "stops", "starts"}, 0, 0},
    [EVENT_STALL] = {"stall", true, {NULL}, 1, 1},
    [EVENT_UNPLUG] = {"unplug", true, {NULL}, 1, 1},
    [EVENT_DRY] = {"dry", true, {NULL}, 0, 0},
    [EVENT_CARD_PPM] = {"card-ppm", true, {NULL}, 1, 1},
    [EVENT_NET] = {"net", true, {NULL}, 0, 0},
    [EVENT_PTP] = {"ptp", true, {"lost", "back"}, 0, 0},
    [EVENT_GRANDMASTER] = {"grandmaster", false, {NULL}, 2, 1},
    [EVENT_PTP_STEP] = {"ptp-step", false, {NULL}, 1, 1},
    [EVENT_LEAVE] = {"leave", true, {NULL}, 0, 0},
    [EVENT_MEMBERS] = {"members-leave", false, {NULL}, 1, 1},
    [EVENT_GARBAGE] = {"garbage", false, {NULL}, 2, 2},
};

enum { EVENT_KINDS = sizeof event_forms / sizeof *event_forms };

static int take_net(const struct line *l, unsigned from, struct event *e)
{
    struct path_config unused;

    for (unsigned i = from; i < l->count; i++) {
        size_t used = strlen(e->text);

        snprintf(e->text + used, sizeof e->text - used, "%s%s", used ? " " : "", l->word[i]);
    }
    return scenario_set_path(&unused, e->text, l->why, l->why_size);
}

static int take_arguments(const struct line *l, unsigned from, struct event *e)
{
    unsigned numbers = event_forms[e->kind].numbers, given = l->count - from;
    const char *const *choices = event_forms[e->kind].choices;

    if (e->kind == EVENT_NET)
        return take_net(l, from, e);
    if (choices[0]) {
        for (e->word = 0; e->word < CHOICES && choices[e->word]; e->word++)
            if (given == 1 && strcmp(choices[e->word], l->word[from]) == 0)
                return 0;
        return complain(l, l->word[2], "one of its words is expected, such as dies, starts, lost, back");
    }
    if (given > numbers || given < event_forms[e->kind].needed)
        return complain(l, l->word[2], "another number of values is expected");
    for (unsigned i = 0; i < given; i++) {
        int error = to_number(l, l->word[from + i], &e->number[i]);

        if (error)
            return error;
    }
    return 0;
}

/* at SECOND EVENT ... */
static int add_event(const struct line *l, struct scenario *s)
{
    struct event *e = &s->events[s->event_count];
    unsigned at = 3;
    int error;

    if (s->event_count == SCENARIO_EVENTS || l->count < 3)
        return complain(l, l->word[0], "at SECOND EVENT is expected, at most 64 times");
    *e = (struct event){.number = {NAN, NAN}};
    error = to_number(l, l->word[1], &e->at_s);
    if (error)
        return error;
    for (unsigned k = 0; k < EVENT_KINDS; k++) {
        if (strcmp(event_forms[k].name, l->word[2]))
            continue;
        e->kind = (enum event_kind)k;
        if (event_forms[k].who) {
            error =
                l->count > 3 ? to_who(l, s, l->word[3], &e->who) : complain(l, l->word[2], "WHO is missing");
            at = 4;
        }
        if (!error)
            error = take_arguments(l, at, e);
        s->event_count += !error;
        return error;
    }
    return complain(l, l->word[2], "no such event");
}

/* expect METRIC RELATION LIMIT */
static int add_expect(const struct line *l, struct scenario *s)
{
    static const char *const relations[] = {"<", "<=", "=", ">=", ">"};
    struct expect *e = &s->expects[s->expect_count];

    if (s->expect_count == SCENARIO_EXPECTS || l->count != 4)
        return complain(l, l->word[0], "expect METRIC RELATION LIMIT is expected, at most 32 times");
    if (verdict_metric(l->word[1]) < 0)
        return complain(l, l->word[1], "no such metric");
    snprintf(e->metric, sizeof e->metric, "%s", l->word[1]);
    for (size_t i = 0; i < sizeof relations / sizeof *relations; i++)
        if (strcmp(relations[i], l->word[2]) == 0) {
            snprintf(e->relation, sizeof e->relation, "%s", l->word[2]);
            s->expect_count++;
            return to_number(l, l->word[3], &e->limit);
        }
    return complain(l, l->word[2], "one of < <= = >= > is expected here");
}

/* What is ordinary: two PCIe cards, crystals that drift as measured ones do, hardware time stamps, a quiet
 * LAN. */
static const struct oscillator_config usual_crystal = {
    .ppm = NAN, .spread_ppm = 80, .walk_ppb = 3, .wander_ppm = 0.5, .wander_s = 120};
static const struct ptp_config usual_ptp = {
    .kind = PTP_HARDWARE, .noise_us = NAN, .noise_s = NAN, .white_us = NAN, .rate_hz = NAN};

static int set_receivers(const struct line *l, struct scenario *s, double count)
{
    if (s->receiver || count < 1 || count > SCENARIO_RECEIVERS || count != floor(count))
        return complain(l, l->word[1], "receivers is said once, before all that concerns them, 1 to 1000");
    s->receivers = (unsigned)count;
    s->receiver = calloc(s->receivers, sizeof *s->receiver);
    if (!s->receiver)
        return complain(l, l->word[0], "out of memory");
    for (unsigned i = 0; i < s->receivers; i++)
        s->receiver[i] = (struct receiver_config){
            .host = {usual_crystal, {.late_us = 8, .frame_us = 0.3}, usual_ptp},
            .card = {.rate_hz = 48000, .channels = 1, .buffer_frames = 4096, .step_frames = 1, .start_us = 5},
            .card_crystal = usual_crystal,
            .path = {.delay_us = 50, .jitter_us = 50},
        };
    return 0;
}

static int set_number(const struct line *l, struct scenario *s)
{
    double value;
    int error =
        l->count == 2 ? to_number(l, l->word[1], &value) : complain(l, l->word[0], "takes one number");

    if (error)
        return error;
    if (strcmp(l->word[0], "receivers") == 0)
        return set_receivers(l, s, value);
    if (value < 0 || value > 1e6)
        return complain(l, l->word[1], "0 to a million is expected");
    if (strcmp(l->word[0], "seconds") == 0)
        s->seconds = value;
    else if (strcmp(l->word[0], "from") == 0)
        s->from_s = value;
    else if (strcmp(l->word[0], "to") == 0)
        s->to_s = value;
    else
        s->members = (unsigned)value;
    return 0;
}

static const struct {
    const char *name;
    int (*take)(const struct line *, struct scenario *);
} statements[] = {
    {"seconds", set_number},   {"from", set_number},   {"to", set_number},  {"members", set_number},
    {"receivers", set_number}, {"stream", set_global}, {"adc", set_global}, {"card", set_each},
    {"host", set_each},        {"ptp", set_each},      {"net", set_each},   {"receiver", set_each},
    {"at", add_event},         {"expect", add_expect},
};

static void split(struct line *l)
{
    char *at = l->text;

    l->count = 0;
    at[strcspn(at, "#\n")] = '\0';
    while (l->count < WORDS) {
        while (isspace((unsigned char)*at))
            *at++ = '\0';
        if (!*at)
            return;
        l->word[l->count++] = at;
        while (*at && !isspace((unsigned char)*at))
            at++;
    }
}

static int take_line(struct line *l, struct scenario *s)
{
    if (!*s->about && l->text[0] == '#') {
        snprintf(s->about, sizeof s->about, "%s", l->text + 1 + (l->text[1] == ' '));
        s->about[strcspn(s->about, "\n")] = '\0';
    }
    split(l);
    if (!l->count)
        return 0;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (strcmp(statements[i].name, l->word[0]) == 0)
            return statements[i].take(l, s);
    return complain(l, l->word[0], "no such statement");
}

int scenario_set_path(struct path_config *path, const char *words, char *why, size_t why_size)
{
    struct line l = {.why = why, .why_size = why_size};
    const struct key *table = path_keys;
    void *base = path;

    snprintf(l.text, sizeof l.text, "%s", words);
    split(&l);
    return set_keys(&l, 0, &table, &base, 1);
}

static struct scenario *usual(const char *path)
{
    struct scenario *s = calloc(1, sizeof *s);
    const char *name = strrchr(path, '/');

    if (!s)
        return NULL;
    snprintf(s->name, sizeof s->name, "%s", name ? name + 1 : path);
    s->name[strcspn(s->name, ".")] = '\0';
    s->seconds = 30;
    s->from_s = 15;
    s->sender = (struct host_config){usual_crystal, {.late_us = 8, .frame_us = 0.3}, usual_ptp};
    s->adc = (struct adc_config){48000, 1, 1};
    s->adc_crystal = usual_crystal;
    s->stream = (struct stream_config){.rate_hz = 48000,
                                       .channels = 1,
                                       .ptime_ms = 1,
                                       .latency_ms = 10,
                                       .codec = RTP_CODEC_L24,
                                       .resampler = RESAMPLE_FASTEST,
                                       .wraps_s = -1,
                                       .first_sequence = 100,
                                       .tone_hz = 1009,
                                       .window_ms = 1};
    return s;
}

struct scenario *scenario_read(const char *path, char *why, size_t why_size)
{
    struct scenario *s = usual(path);
    FILE *file = fopen(path, "r");
    char what[200] = "";
    struct line l = {.why = what, .why_size = sizeof what};
    unsigned number = 0;
    int error = 0;

    if (!file || !s) {
        snprintf(why, why_size, "%s: %s", path, file ? "out of memory" : strerror(errno));
        error = -ENOENT;
    }
    while (!error && fgets(l.text, sizeof l.text, file)) {
        number++;
        error = take_line(&l, s);
        if (error)
            snprintf(why, why_size, "%s, line %u: %s", path, number, what);
    }
    if (!error && (!s->receiver || !s->expect_count)) {
        snprintf(why, why_size, "%s: a scenario says how many receivers there are, and expects something",
                 path);
        error = -EINVAL;
    }
    if (file)
        fclose(file);
    if (error) {
        scenario_free(s);
        return NULL;
    }
    return s;
}

void scenario_free(struct scenario *s)
{
    if (!s)
        return;
    free(s->receiver);
    free(s);
}
