// SPDX-License-Identifier: GPL-3.0-or-later
#include "prometheus.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Two labels, each of a name that may double by escapes. */
#define LABELS_SIZE 512

static const double US = 1e-6, MS = 1e-3, PPM = 1e-6, PERCENT = 1e-2, BITS = 0.125, ONE = 1;

/* A member of a struct as a metric. */
struct metric {
    const char *name, *help;
    enum {
        REAL,
        FLAG,
        CLAIM,
        COUNT
    } kind; /* double; bool; bool of the telemetry; size_t, unsigned or enum */
    size_t at, size;
    const double *unit; /* of a REAL */
};

#define MEMBER(type, member) offsetof(struct type, member), sizeof(((struct type *)0)->member)
#define R(name, member, unit, help)                                                                          \
    {                                                                                                        \
        name, help, REAL, MEMBER(view_receiver, member), unit                                                \
    }
#define S(name, member, unit, help)                                                                          \
    {                                                                                                        \
        name, help, REAL, MEMBER(view_stream, member), unit                                                  \
    }

static const struct metric of_receiver[] = {
    {"level", "Its state: 0 well, 1 note, 2 warning, 3 alarm.", COUNT, MEMBER(view_receiver, level), &ONE},
    R("report_age_seconds", age_s, &ONE, "Since the last report."),
    R("report_gap_seconds", gap_s, &ONE, "Between reports."),
    R("clock_offset_seconds", clock.offset_us, &US, "Offset from the PTP master, as its daemon says."),
    R("clock_uncertainty_seconds", clock.uncertainty_us, &US, "One sigma of its clock."),
    {"clock_holdover", "1 when its clock runs on without a grandmaster.", CLAIM,
     MEMBER(view_receiver, clock.holdover), &ONE},
    R("error_seconds", error_us, &US, "Median playout error since the last report; above 0 is late."),
    R("error_p99_seconds", error_p99_us, &US, "99 % of playout errors are smaller."),
    R("error_worst_seconds", error_worst_us, &US, "Largest playout error."),
    R("error_budget_seconds", budget_us, &US, "One sigma of clock, card and playout together."),
    R("apart_seconds", apart_us, &US, "Median error against the median of the group's; above 0 is late."),
    R("resampling_offset_ratio", resample_ppm, &PPM, "Resampling against nominal, less 1."),
    R("card_offset_ratio", card_ppm, &PPM, "Rate of the card's crystal against nominal, less 1."),
    R("lead_min_seconds", lead_min_ms, &MS, "Smallest time from arrival to presentation."),
    R("lead_median_seconds", lead_median_ms, &MS, "Median time from arrival to presentation."),
    R("headroom_seconds", headroom_ms, &MS, "Smallest lead less what it needs to play."),
    R("queued_min_seconds", queued_min_ms, &MS, "Least sound that waited in its card."),
    R("delay_seconds", delay_ms, &MS, "Its own delay, as it was told to add."),
    R("loss_ratio", loss_percent, &PERCENT, "Packets lost since the report before."),
    R("jitter_seconds", jitter_us, &US, "Interarrival jitter of RFC 3550."),
    R("lost_packets_total", lost, &ONE, "Packets lost."),
    R("late_packets_total", late, &ONE, "Packets past their time."),
    R("duplicate_packets_total", duplicates, &ONE, "Packets that came again."),
    R("concealed_frames_total", concealed, &ONE, "Frames concealed."),
    R("xruns_total", xruns, &ONE, "Times that the card ran dry."),
    R("starts_total", starts, &ONE, "Aligned starts; each after the first is a new anchorage."),
    R("clipped_samples_total", clipped, &ONE, "Samples clipped."),
    {"device_present", "1 when its sound card is there.", CLAIM, MEMBER(view_receiver, device_present), &ONE},
    {"realtime", "1 when it runs with real-time priority.", CLAIM, MEMBER(view_receiver, realtime), &ONE},
    {"refused", "1 when it refuses the stream.", CLAIM, MEMBER(view_receiver, refused), &ONE},
};

static const struct metric of_stream[] = {
    {"level", "State of it and its receivers: 0 well, 1 note, 2 warning, 3 alarm.", COUNT,
     MEMBER(view_stream, level), &ONE},
    {"announced", "1 when it is announced by SAP or mDNS.", FLAG, MEMBER(view_stream, announced), &ONE},
    {"on_air", "1 when sound comes.", FLAG, MEMBER(view_stream, on_air), &ONE},
    {"waiting", "1 when its sender waits for receivers.", FLAG, MEMBER(view_stream, waiting), &ONE},
    {"standby", "1 when it is silent because nobody talks.", FLAG, MEMBER(view_stream, standby), &ONE},
    {"sample_rate_hertz", "Sampling rate.", COUNT, MEMBER(view_stream, rate_hz), &ONE},
    {"channels", "Channels.", COUNT, MEMBER(view_stream, channels), &ONE},
    S("packet_time_seconds", ptime_ms, &MS, "Duration of a packet."),
    S("latency_seconds", latency_ms, &MS, "From sampling to presentation."),
    S("clock_offset_seconds", clock.offset_us, &US, "Offset of the sender from its PTP master."),
    S("clock_uncertainty_seconds", clock.uncertainty_us, &US, "One sigma of the sender's clock."),
    {"clock_holdover", "1 when the sender's clock runs on without a grandmaster.", FLAG,
     MEMBER(view_stream, clock.holdover), &ONE},
    {"receivers", "Receivers that are known.", COUNT, MEMBER(view_stream, receivers), &ONE},
    {"receivers_playing", "Receivers that play.", COUNT, MEMBER(view_stream, playing), &ONE},
    {"receivers_silent", "Receivers of which nothing is heard any more.", COUNT, MEMBER(view_stream, silent),
     &ONE},
    S("apart_seconds", apart_us, &US, "Between the medians of the two receivers furthest apart."),
    S("apart_p99_seconds", apart_p99_us, &US, "The same with 99 % of each one's errors."),
    S("apart_limit_seconds", apart_limit_us, &US, "Beyond that it is an alarm."),
    S("headroom_seconds", headroom_ms, &MS, "Least headroom of all receivers."),
    S("safe_latency_seconds", safe_latency_ms, &MS, "Smallest latency that would have been safe."),
};

static const struct metric of_witness[] = {
    {"hears", "1 when the monitor hears the stream.", FLAG, MEMBER(view_stream, witness.hears), &ONE},
    {"timed", "1 when the monitor's own clock is locked, so that leads mean something.", FLAG,
     MEMBER(view_stream, witness.timed), &ONE},
    {"honest", "1 when presentation times are the sampling instants and one constant latency.", FLAG,
     MEMBER(view_stream, witness.honest), &ONE},
    S("packets_per_second", witness.packets_per_s, &ONE, "Packets in the last second."),
    S("bytes_per_second", witness.bits_per_s, &BITS, "Bytes in the last second."),
    S("lost_packets_total", witness.lost, &ONE, "Packets that never came here."),
    S("duplicate_packets_total", witness.duplicates, &ONE, "Packets that came here again."),
    S("reordered_packets_total", witness.reordered, &ONE, "Packets that came here after a younger one."),
    S("malformed_packets_total", witness.malformed, &ONE, "Packets that were no good."),
    S("loss_ratio", witness.loss_percent, &PERCENT, "Packets lost in the last second."),
    S("jitter_seconds", witness.jitter_us, &US, "Interarrival jitter of RFC 3550."),
    S("jitter_worst_seconds", witness.jitter_worst_us, &US, "Largest deviation in the last second."),
    S("lead_min_seconds", witness.lead_min_ms, &MS, "Smallest time from arrival here to presentation."),
    S("lead_median_seconds", witness.lead_median_ms, &MS, "Median time from arrival here to presentation."),
    S("sent_after_seconds", witness.sent_after_ms, &MS, "Median from sampling to arrival here."),
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A stream, or one of its receivers, with its labels. */
struct labelled {
    const struct view_stream *stream;
    const struct view_receiver *receiver; /* NULL: the stream itself */
    bool shared;                          /* its name is another's, too */
    bool shown;                           /* not so when it would stand twice all the same */
    char name[VIEW_NAME_SIZE + 16];
    char escaped[2 * (VIEW_NAME_SIZE + 16)];
    char labels[LABELS_SIZE];
};

struct labels {
    struct labelled stream[VIEW_STREAMS_MAX], *receiver;
    size_t streams, receivers;
};

static void head(FILE *out, const char *name, const char *help, const char *type)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label value: backslash, quote and line feed escaped. */
static void escape(char *to, const char *from)
{
    for (; *from; from++) {
        if (*from == '\\' || *from == '"' || *from == '\n')
            *to++ = '\\';
        *to++ = *from == '\n' ? 'n' : *from;
    }
    *to = '\0';
}

static void label(FILE *out, const char *before, const char *name, const char *value)
{
    char text[2 * VIEW_TEXT_SIZE];

    escape(text, value);
    fprintf(out, "%s%s=\"%s\"", before, name, text);
}

static void value(FILE *out, double number)
{
    if (isinf(number))
        fputs(number > 0 ? " +Inf\n" : " -Inf\n", out);
    else
        fprintf(out, " %.15g\n", number);
}

static void one(FILE *out, const char *name, const char *help, const char *type, double number)
{
    if (isnan(number))
        return;
    head(out, name, help, type);
    fputs(name, out);
    value(out, number);
}

/* ---- labels ----------------------------------------------------------------------------------------------
 */

static int by_name(const void *a, const void *b)
{
    const struct labelled *x = *(struct labelled *const *)a, *y = *(struct labelled *const *)b;
    int order = (x->stream > y->stream) - (x->stream < y->stream);

    /* streams are compared by their names alone */
    return x->receiver && order ? order : strcmp(x->name, y->name);
}

static bool same(struct labelled *const *at, size_t i, size_t k, size_t count)
{
    return k < count && by_name(&at[i], &at[k]) == 0;
}

static void number(struct labelled *l)
{
    size_t len = strlen(l->name);

    snprintf(l->name + len, sizeof l->name - len, "%s#%08" PRIx32, len ? " " : "",
             l->receiver ? l->receiver->ssrc : l->stream->ssrc);
}

/* First those that share a name get their SSRC; who is then still the same pretends, or is one twice. */
static int distinguish(struct labelled *l, size_t count)
{
    struct labelled **at = malloc((count ? count : 1) * sizeof *at);
    size_t i, k;

    if (!at)
        return -ENOMEM;
    for (i = 0; i < count; i++)
        at[i] = &l[i];
    qsort(at, count, sizeof *at, by_name);
    for (i = 0; i < count; i = k) {
        for (k = i + 1; same(at, i, k, count); k++)
            ;
        for (size_t j = i; k - i > 1 && j < k; j++)
            at[j]->shared = true;
    }
    for (i = 0; i < count; i++)
        if (l[i].shared || !l[i].name[0])
            number(&l[i]);
    qsort(at, count, sizeof *at, by_name);
    for (i = 0; i < count; i++)
        at[i]->shown = !same(at, i, i + 1, count);
    free(at);
    return 0;
}

/* Streams first, each by itself. */
static void write_labels(struct labelled *l, const struct labelled *stream)
{
    l->shown = l->shown && stream->shown;
    escape(l->escaped, l->name);
    if (l->receiver)
        snprintf(l->labels, sizeof l->labels, "stream=\"%s\",receiver=\"%s\"", stream->escaped, l->escaped);
    else
        snprintf(l->labels, sizeof l->labels, "stream=\"%s\"", l->escaped);
}

static int make_labels(struct labels *labels, const struct view *view)
{
    size_t count = 0;

    for (size_t i = 0; i < view->streams; i++)
        count += view->stream[i].receivers;
    labels->receiver = calloc(count + 1, sizeof *labels->receiver);
    if (!labels->receiver)
        return -ENOMEM;
    for (size_t i = 0; i < view->streams; i++) {
        const struct view_stream *s = &view->stream[i];
        struct labelled *l = &labels->stream[labels->streams++];

        *l = (struct labelled){.stream = s};
        snprintf(l->name, sizeof l->name, "%s", s->name);
        for (size_t k = 0; k < s->receivers; k++) {
            l = &labels->receiver[labels->receivers++];
            l->stream = s;
            l->receiver = &s->receiver[k];
            snprintf(l->name, sizeof l->name, "%s", s->receiver[k].name);
        }
    }
    if (distinguish(labels->stream, labels->streams) < 0 ||
        distinguish(labels->receiver, labels->receivers) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < labels->streams; i++)
        write_labels(&labels->stream[i], &labels->stream[i]);
    for (size_t i = 0; i < labels->receivers; i++) {
        struct labelled *l = &labels->receiver[i];

        write_labels(l, &labels->stream[l->stream - view->stream]);
    }
    return 0;
}

/* ---- metrics ---------------------------------------------------------------------------------------------
 */

static double member(const struct metric *m, const void *of)
{
    const char *at = (const char *)of + m->at;

    if (m->kind == CLAIM && !((const struct view_receiver *)of)->telemetry)
        return NAN;
    if (m->kind == FLAG || m->kind == CLAIM)
        return *(const bool *)(const void *)at;
    if (m->kind == REAL)
        return *(const double *)(const void *)at * *m->unit;
    return m->size == sizeof(unsigned) ? (double)*(const unsigned *)(const void *)at
                                       : (double)*(const size_t *)(const void *)at;
}

static bool is_counter(const char *name)
{
    size_t len = strlen(name);

    return len > 6 && !strcmp(name + len - 6, "_total");
}

/* One metric of all streams or receivers. */
static void family(FILE *out, const char *of, const struct metric *m, const struct labelled *l, size_t count)
{
    bool told = false;
    char name[96];

    snprintf(name, sizeof name, "unisono_%s_%s", of, m->name);
    for (size_t i = 0; i < count; i++) {
        double number = member(m, l[i].receiver ? (const void *)l[i].receiver : l[i].stream);

        if (!l[i].shown || isnan(number))
            continue;
        if (!told)
            head(out, name, m->help, is_counter(name) ? "counter" : "gauge");
        told = true;
        fprintf(out, "%s{%s}", name, l[i].labels);
        value(out, number);
    }
}

static void families(FILE *out, const char *of, const struct metric *metric, size_t metrics,
                     const struct labelled *l, size_t count)
{
    for (size_t i = 0; i < metrics; i++)
        family(out, of, &metric[i], l, count);
}

/* 1 for the state that is, 0 for all others, so that they can be summed; a state nobody knows stands last. */
static void one_hot(FILE *out, const char *name, const char *labels, const char *const *states,
                    const char *state)
{
    const char *comma = *labels ? "," : "";
    bool found = false;

    for (; *states; states++) {
        bool is = !strcmp(*states, state);

        fprintf(out, "%s{%s%sstate=\"%s\"} %d\n", name, labels, comma, *states, is);
        found = found || is;
    }
    if (!found && *state) {
        fprintf(out, "%s{%s", name, labels);
        label(out, comma, "state", state);
        fputs("} 1\n", out);
    }
}

static const char *const clock_states[] = {"no-ptp", "acquiring", "locked", "holdover", "gm-changed", NULL};

static void clock_states_of(FILE *out, const char *name, const char *help, const struct labelled *l,
                            size_t count)
{
    bool told = false;

    for (size_t i = 0; i < count; i++) {
        const struct view_clock *c = l[i].receiver ? &l[i].receiver->clock : &l[i].stream->clock;

        if (!l[i].shown || !*c->state)
            continue;
        if (!told)
            head(out, name, help, "gauge");
        told = true;
        one_hot(out, name, l[i].labels, clock_states, c->state);
    }
}

static void clock_info(FILE *out, const char *name, const char *labels, const struct view_clock *c)
{
    fprintf(out, "%s{%s%sdomain=\"%u\"", name, labels, *labels ? "," : "", c->domain);
    label(out, ",", "grandmaster", c->grandmaster);
    fputs("} 1\n", out);
}

static void clock_infos(FILE *out, const char *name, const struct labelled *l, size_t count)
{
    bool told = false;

    for (size_t i = 0; i < count; i++) {
        const struct view_clock *c = l[i].receiver ? &l[i].receiver->clock : &l[i].stream->clock;

        if (!l[i].shown || !c->known)
            continue;
        if (!told)
            head(out, name, "PTP domain and grandmaster that it follows.", "gauge");
        told = true;
        clock_info(out, name, l[i].labels, c);
    }
}

/* As parts of full scale, for decibels are no base unit; silence is 0. */
static void peaks_of(FILE *out, const char *name, const struct labelled *l, size_t count)
{
    bool told = false;

    for (size_t i = 0; i < count; i++) {
        const struct view_witness *w = &l[i].stream->witness;
        const float *peak_db = l[i].receiver ? l[i].receiver->peaks_db : w->peaks_db;
        unsigned channels = l[i].receiver ? l[i].receiver->channels : w->channels;

        for (unsigned k = 0; l[i].shown && k < channels && k < VIEW_CHANNELS; k++) {
            if (isnan(peak_db[k]))
                continue;
            if (!told)
                head(out, name, "Peak of a channel, full scale is 1; 20 log10 of it is dB.", "gauge");
            told = true;
            fprintf(out, "%s{%s,channel=\"%u\"} %.6g\n", name, l[i].labels, k + 1,
                    pow(10, (double)peak_db[k] / 20));
        }
    }
}

static void streams(FILE *out, const struct labels *labels)
{
    const struct labelled *l = labels->stream;
    size_t count = labels->streams;
    bool told = false;

    for (size_t i = 0; i < count; i++) {
        const struct view_stream *s = l[i].stream;

        if (!l[i].shown)
            continue;
        if (!told)
            head(out, "unisono_stream_info", "What a stream is, and who sends it.", "gauge");
        told = true;
        fprintf(out, "unisono_stream_info{%s,ssrc=\"%08" PRIx32 "\"", l[i].labels, s->ssrc);
        label(out, ",", "group", s->group);
        label(out, ",", "sender", s->sender);
        label(out, ",", "host", s->host);
        label(out, ",", "tool", s->tool);
        label(out, ",", "codec", s->codec);
        fputs("} 1\n", out);
    }
    families(out, "stream", of_stream, COUNT_OF(of_stream), l, count);
    clock_states_of(out, "unisono_stream_clock_state", "State of the sender's clock.", l, count);
    clock_infos(out, "unisono_stream_clock_info", l, count);
    families(out, "witness", of_witness, COUNT_OF(of_witness), l, count);
    peaks_of(out, "unisono_witness_peak_ratio", l, count);
}

static void receivers(FILE *out, const struct labels *labels)
{
    static const char *const states[] = {"playing", "armed",  "idle",    "fading",
                                         "witness", "silent", "present", NULL};
    const struct labelled *l = labels->receiver;
    size_t count = labels->receivers;

    if (count == 0)
        return;
    head(out, "unisono_receiver_info", "Who a receiver is.", "gauge");
    for (size_t i = 0; i < count; i++) {
        const struct view_receiver *r = l[i].receiver;

        if (!l[i].shown)
            continue;
        fprintf(out, "unisono_receiver_info{%s,ssrc=\"%08" PRIx32 "\"", l[i].labels, r->ssrc);
        label(out, ",", "host", r->host);
        label(out, ",", "device", r->device);
        label(out, ",", "tool", r->tool);
        label(out, ",", "address", r->address);
        fputs("} 1\n", out);
    }
    head(out, "unisono_receiver_state", "What a receiver does.", "gauge");
    for (size_t i = 0; i < count; i++)
        if (l[i].shown)
            one_hot(out, "unisono_receiver_state", l[i].labels, states, l[i].receiver->state);
    families(out, "receiver", of_receiver, COUNT_OF(of_receiver), l, count);
    clock_states_of(out, "unisono_receiver_clock_state", "State of its clock.", l, count);
    clock_infos(out, "unisono_receiver_clock_info", l, count);
    peaks_of(out, "unisono_receiver_peak_ratio", l, count);
}

static bool same_alarm(const struct view_alarm *a, const struct view_alarm *b)
{
    return a->kind == b->kind && a->level == b->level && !strcmp(a->stream, b->stream) &&
           !strcmp(a->receiver, b->receiver);
}

static void alarms(FILE *out, const struct view *view)
{
    static const char *const level[] = {"well", "note", "warning", "alarm"};

    one(out, "unisono_alarms", "Alarms that are on, notes included.", "gauge", (double)view->alarms_all);
    if (view->alarms > 0)
        head(out, "unisono_alarm", "1 for each alarm that is on; the gravest, where there are many.",
             "gauge");
    for (size_t i = 0; i < view->alarms; i++) {
        const struct view_alarm *alarm = &view->alarm[i];
        size_t k = 0;

        /* two receivers of one name may have the same alarm; a series may stand once only */
        while (!same_alarm(&view->alarm[k], alarm))
            k++;
        if (k < i)
            continue;
        fprintf(out, "unisono_alarm{kind=\"%s\",level=\"%s\"", view_alarm_word(alarm->kind),
                level[alarm->level]);
        label(out, ",", "stream", alarm->stream);
        label(out, ",", "receiver", alarm->receiver);
        fputs("} 1\n", out);
    }
}

static void monitor(FILE *out, const struct view *view)
{
    const struct view_clock *c = &view->clock;

    head(out, "unisono_monitor_build_info", "Version of the monitor.", "gauge");
    fputs("unisono_monitor_build_info{version=\"" UNISONO_VERSION "\"} 1\n", out);
    one(out, "unisono_monitor_time_seconds", "When the figures were taken, since 1970.", "gauge",
        view->time_s);
    one(out, "unisono_monitor_recorded", "1 when they are of a recording.", "gauge", view->recorded);
    one(out, "unisono_monitor_compounds_total", "RTCP compounds heard.", "counter", view->heard_rtcp);
    one(out, "unisono_monitor_malformed_total", "What was heard and no good.", "counter", view->malformed);
    one(out, "unisono_monitor_refused_total", "Members and streams there was no room for.", "counter",
        view->refused);
    if (*c->state) {
        head(out, "unisono_monitor_clock_state", "State of the monitor's own clock.", "gauge");
        one_hot(out, "unisono_monitor_clock_state", "", clock_states, c->state);
    }
    if (c->known) {
        head(out, "unisono_monitor_clock_info", "PTP domain and grandmaster that it follows.", "gauge");
        clock_info(out, "unisono_monitor_clock_info", "", c);
    }
    one(out, "unisono_monitor_clock_offset_seconds", "Offset from the PTP master, as its daemon says.",
        "gauge", c->offset_us * US);
    one(out, "unisono_monitor_clock_uncertainty_seconds", "One sigma of its clock.", "gauge",
        c->uncertainty_us * US);
    one(out, "unisono_level", "State of all: 0 well, 1 note, 2 warning, 3 alarm.", "gauge",
        (double)view->level);
    one(out, "unisono_streams", "Streams that are known.", "gauge", (double)view->streams);
}

int prometheus_text(FILE *out, const struct view *view)
{
    struct labels *labels = calloc(1, sizeof *labels);
    int error = labels ? make_labels(labels, view) : -ENOMEM;

    if (!error) {
        monitor(out, view);
        alarms(out, view);
        streams(out, labels);
        receivers(out, labels);
    }
    if (labels)
        free(labels->receiver);
    free(labels);
    return error;
}
