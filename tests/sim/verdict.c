// SPDX-License-Identifier: GPL-3.0-or-later
#include "verdict.h"

#include <math.h>
#include <string.h>

/* What the figures are made of, gathered once. */
struct sums {
    const struct stage *stage;
    struct rx_status most, least; /* of each counter */
    uint64_t playing;
    double damage_ms, damage_all_ms, gap_ms, sound_least_ms, kink, noise_db, ratio_ppm_ms, first_sound_ms,
        fade_ms;
    double slews, steps;
};

static double apart_p50(const struct sums *s)
{
    return spread_quantile(&s->stage->choir.apart, 0.5) / 1e3;
}
static double apart_p99(const struct sums *s)
{
    return spread_quantile(&s->stage->choir.apart, 0.99) / 1e3;
}
static double apart_p999(const struct sums *s)
{
    return spread_quantile(&s->stage->choir.apart, 0.999) / 1e3;
}
static double apart_worst(const struct sums *s)
{
    return s->stage->choir.apart.count ? s->stage->choir.apart.worst / 1e3 : NAN;
}
static double clock_p999(const struct sums *s)
{
    return spread_quantile(&s->stage->choir.clock, 0.999) / 1e3;
}
static double clock_worst(const struct sums *s)
{
    return s->stage->choir.clock.worst / 1e3;
}
static double damage(const struct sums *s)
{
    return s->damage_ms;
}
static double damage_all(const struct sums *s)
{
    return s->damage_all_ms;
}
static double gap(const struct sums *s)
{
    return s->gap_ms;
}
static double sound_least(const struct sums *s)
{
    return s->sound_least_ms;
}
static double first_sound(const struct sums *s)
{
    return s->first_sound_ms;
}
static double fade(const struct sums *s)
{
    return s->fade_ms;
}
static double kink(const struct sums *s)
{
    return s->kink;
}
static double noise(const struct sums *s)
{
    return s->noise_db;
}
static double ratio(const struct sums *s)
{
    return s->ratio_ppm_ms;
}
static double starts(const struct sums *s)
{
    return (double)s->most.starts;
}
static double starts_least(const struct sums *s)
{
    return (double)s->least.starts;
}
static double xruns(const struct sums *s)
{
    return (double)s->most.xruns;
}
static double concealed(const struct sums *s)
{
    return (double)s->most.concealed / s->stage->scenario->stream.rate_hz * 1e3;
}
static double lost(const struct sums *s)
{
    return (double)s->most.stream.counters.lost;
}
static double late(const struct sums *s)
{
    return (double)s->most.late;
}
static double duplicates(const struct sums *s)
{
    return (double)s->most.stream.counters.duplicates;
}
static double reordered(const struct sums *s)
{
    return (double)s->most.stream.counters.reordered;
}
static double malformed(const struct sums *s)
{
    return (double)s->least.malformed;
}
static double foreign(const struct sums *s)
{
    return (double)s->least.foreign;
}
static double absurd(const struct sums *s)
{
    return (double)s->least.absurd;
}
static double playing(const struct sums *s)
{
    return (double)s->playing;
}
static double slews(const struct sums *s)
{
    return s->slews;
}
static double steps(const struct sums *s)
{
    return s->steps;
}

static double rtcp_share(uint64_t octets, double seconds, const struct sums *s)
{
    return 100 * (double)octets / seconds / s->stage->members.session_bytes_per_s;
}
static double rtcp_mean(const struct sums *s)
{
    const struct scenario *c = s->stage->scenario;

    return rtcp_share(s->stage->members.octets, c->seconds - c->from_s, s);
}
static double rtcp_peak(const struct sums *s)
{
    return rtcp_share(s->stage->members.peak_octets, 1, s);
}
static double rtcp_miscount(const struct sums *s)
{
    return 100 * members_miscount(&s->stage->members);
}
static double rtcp_lost(const struct sums *s)
{
    return (double)(s->stage->members.overflows + s->stage->members.broken);
}

static const struct {
    const char *name;
    double (*of)(const struct sums *);
    const char *meaning;
} metrics[] = {
    {"apart_p50_us", apart_p50,
     "earliest against latest converter in each millisecond, from `from` to `to`: median"},
    {"apart_p99_us", apart_p99, "99 %"},
    {"apart_p999_us", apart_p999, "99.9 %"},
    {"apart_worst_us", apart_worst, "worst"},
    {"clock_p999_us", clock_p999, "each converter against PTP time + latency: 99.9 %"},
    {"clock_worst_us", clock_worst, "worst"},
    {"damage_ms", damage, "milliseconds that are neither sound, fade nor silence; of the worst converter"},
    {"damage_all_ms", damage_all, "of all converters together"},
    {"gap_ms", gap, "longest time without whole sound between sound and sound, fades included"},
    {"sound_least_ms", sound_least, "sound in all, of the converter that had the least"},
    {"first_sound_ms", first_sound,
     "from a receiver's start to its first whole sound, of the slowest; infinite if none"},
    {"fade_ms", fade, "milliseconds of fades, of the worst converter"},
    {"kink", kink,
     "largest second difference of the output over that of the sound itself: a click is far above 1"},
    {"noise_db", noise, "largest power in a millisecond of sound that is not the sound, dBFS"},
    {"ratio_ppm_ms", ratio, "largest step of a resampler's ratio from `from` on, ppm a millisecond"},
    {"starts", starts, "aligned starts"},
    {"starts_least", starts_least, "of the receiver with the fewest"},
    {"xruns", xruns, "times a card ran dry"},
    {"concealed_ms", concealed, "sound that was made up"},
    {"lost", lost, "packets, by sequence number"},
    {"late", late, "packets past their time"},
    {"duplicates", duplicates, "packets"},
    {"reordered", reordered, "packets"},
    {"malformed_least", malformed, "datagrams; of the receiver with the fewest"},
    {"foreign_least", foreign, "datagrams; likewise"},
    {"absurd_least", absurd, "datagrams; likewise"},
    {"playing", playing, "receivers in step at the end"},
    {"slews", slews, "differences of PTP time that were slewed, of any host"},
    {"rtcp_mean_pct", rtcp_mean, "what the members' reports take of the sound's bandwidth, from `from` on"},
    {"rtcp_peak_pct", rtcp_peak, "in the loudest second of the whole run"},
    {"rtcp_miscount_pct", rtcp_miscount, "largest error in a member's count of all members, at the end"},
    {"rtcp_lost", rtcp_lost, "reports that nobody could carry or read"},
    {"steps", steps, "jumps of PTP time, of any host"},
};

enum { METRICS = sizeof metrics / sizeof *metrics };

int verdict_metric(const char *name)
{
    for (int i = 0; i < METRICS; i++)
        if (strcmp(metrics[i].name, name) == 0)
            return i;
    return -1;
}

void verdict_list(FILE *to)
{
    for (int i = 0; i < METRICS; i++)
        fprintf(to, "  %-16s %s\n", metrics[i].name, metrics[i].meaning);
}

#define MORE(member) s->most.member = status.member > s->most.member ? status.member : s->most.member
#define LESS(member) s->least.member = !i || status.member < s->least.member ? status.member : s->least.member

static void add_counters(struct sums *s, struct rx_status status, unsigned i)
{
    MORE(starts);
    MORE(xruns);
    MORE(concealed);
    MORE(late);
    MORE(stream.counters.lost);
    MORE(stream.counters.duplicates);
    MORE(stream.counters.reordered);
    LESS(starts);
    LESS(malformed);
    LESS(foreign);
    LESS(absurd);
    s->playing += status.state == RX_PLAYING;
}

static void add_judge(struct sums *s, const struct judge *j, double joined_ms, double rate_hz, unsigned i)
{
    double ms = (double)j->config.window_ns / 1e6, damaged = (double)j->windows[JUDGE_DAMAGE] * ms;
    double sound = (double)j->windows[JUDGE_SOUND] * ms;

    s->damage_ms = fmax(s->damage_ms, damaged);
    s->damage_all_ms += damaged;
    s->fade_ms = fmax(s->fade_ms, (double)j->windows[JUDGE_FADE] * ms);
    s->gap_ms = fmax(s->gap_ms, (double)j->silent_longest * ms);
    s->sound_least_ms = i ? fmin(s->sound_least_ms, sound) : sound;
    s->first_sound_ms =
        fmax(s->first_sound_ms, j->first_sound < 0 ? INFINITY : (double)j->first_sound * ms - joined_ms);
    s->kink = fmax(s->kink, j->kink / j->config.gain / signal_kink(j->config.sound, rate_hz));
    s->noise_db = fmax(s->noise_db, 10 * log10(j->residual_worst + 1e-30));
}

static void add_clock(struct sums *s, const struct media_clock *c)
{
    s->slews = fmax(s->slews, (double)c->slews);
    s->steps = fmax(s->steps, (double)c->steps);
}

static struct sums gather(const struct stage *stage)
{
    struct sums s = {.stage = stage, .noise_db = -300};

    add_clock(&s, &stage->sender.host.ptp.clock);
    for (unsigned i = 0; i < stage->scenario->receivers; i++) {
        const struct sim_receiver *r = &stage->receivers[i];
        struct rx_status status;

        rx_get_status(r->rx, 0, &status);
        add_counters(&s, status, i);
        add_judge(&s, &r->judge, (double)r->joins / 1e6, r->card.config.rate_hz, i);
        add_clock(&s, &r->host.ptp.clock);
        s.ratio_ppm_ms = fmax(s.ratio_ppm_ms, r->ratio_ppm_ms);
    }
    return s;
}

static bool holds(const struct expect *e, double value)
{
    if (strcmp(e->relation, "<") == 0)
        return value < e->limit;
    if (strcmp(e->relation, "<=") == 0)
        return value <= e->limit;
    if (strcmp(e->relation, "=") == 0)
        return value == e->limit;
    if (strcmp(e->relation, ">=") == 0)
        return value >= e->limit;
    return value > e->limit;
}

unsigned verdict_tell(const struct stage *stage, bool all, FILE *to)
{
    const struct scenario *c = stage->scenario;
    struct sums s = gather(stage);
    unsigned broken = 0;

    for (unsigned i = 0; i < c->expect_count; i++)
        broken += !holds(&c->expects[i], metrics[verdict_metric(c->expects[i].metric)].of(&s));
    fprintf(to,
            "%-6s %-24s seed %-6llu apart p99.9 %9.3f us, worst %9.3f us; damage %4.0f ms; starts %2.0f; "
            "digest %016llx\n",
            broken ? "FAILED" : "ok", c->name, (unsigned long long)stage->seed, apart_p999(&s),
            apart_worst(&s), damage(&s), starts(&s), (unsigned long long)stage_digest(stage));
    for (int i = 0; all && i < METRICS; i++)
        fprintf(to, "       %-16s %.6g\n", metrics[i].name, metrics[i].of(&s));
    if (all && stage->choir.apart.count)
        fprintf(to, "       worst at %.3f s, receivers %u (early) and %u (late)\n",
                (double)stage->choir.worst_at * (double)stage->choir.window_ns / 1e9, stage->choir.early + 1,
                stage->choir.late + 1);
    for (unsigned i = 0; i < c->expect_count; i++) {
        const struct expect *e = &c->expects[i];
        double value = metrics[verdict_metric(e->metric)].of(&s);

        if (!holds(e, value))
            fprintf(to, "       %s %s %g is expected, and it is %g\n", e->metric, e->relation, e->limit,
                    value);
    }
    return broken;
}
