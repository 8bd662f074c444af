// SPDX-License-Identifier: GPL-3.0-or-later
#include "mediaclock.h"

#include <math.h>

enum {
    MIN_SAMPLES = 4,    /* before this the rate is a guess */
    REFUSE_LIMIT = 8,   /* samples in a row outside the gate: they mean it */
    ENOUGH_SAMPLES = 80 /* a candidate has had its time: 10 s of Syncs */
};

#define GATE_SIGMAS    5.0
#define FIRST_RATE_PPB 5e5  /* one sigma of an unknown rate */
#define SURE_RATE_PPB  500. /* a candidate whose rate is known so well is compared */
#define HOLDOVER_PPB   20.  /* walk of a crystal left alone: some 0.1 ppm a minute, with the temperature */
#define SLEW_RATE      20e-6
#define SLEW_TIME_S    1. /* the end of a slew is exponential, so that a late call cannot overshoot */

#define SLEW_MAX_NS NS_PER_MS /* an impulse of 20 ppm lasts 50 s: longer nobody wants to wait */

const struct media_clock_config media_clock_for_system = {
    .rate_walk_ppb = 300, .lock_ns = 1000, .stale_ns = 2 * NS_PER_S, .slew_max_ns = SLEW_MAX_NS};

const struct media_clock_config media_clock_for_phc = {
    .rate_walk_ppb = 100, .lock_ns = 1000, .stale_ns = 2 * NS_PER_S, .slew_max_ns = SLEW_MAX_NS};

const struct media_clock_config media_clock_for_ptp4l = {
    .rate_walk_ppb = 20, .lock_ns = 5000, .stale_ns = 4 * NS_PER_S, .slew_max_ns = SLEW_MAX_NS};

/* ---- the map ---- */

ptp_ns clock_map_ptp(const struct clock_map *map, raw_ns raw)
{
    int64_t since = raw.ns - map->raw0.ns;

    return (ptp_ns){map->ptp0.ns + since + llround((double)since * map->rate_dev)};
}

raw_ns clock_map_raw(const struct clock_map *map, ptp_ns ptp)
{
    int64_t since = ptp.ns - map->ptp0.ns;

    return (raw_ns){map->raw0.ns + since - llround((double)since * map->rate_dev / (1 + map->rate_dev))};
}

bool clock_map_usable(const struct clock_map *map)
{
    return map->state == MEDIA_CLOCK_LOCKED || map->state == MEDIA_CLOCK_HOLDOVER ||
           map->state == MEDIA_CLOCK_GM_CHANGED;
}

/* ---- a line ---- */

static void line_start(struct clock_line *line, const struct clock_sample *s, double rate_dev,
                       double rate_ppb)
{
    *line = (struct clock_line){
        .raw0 = s->raw,
        .ptp0 = s->ptp,
        .rate_dev = rate_dev,
        .offset_var = s->sigma_ns * s->sigma_ns,
        .rate_var = rate_ppb * rate_ppb,
        .spread_var = s->sigma_ns * s->sigma_ns,
        .began = s->raw,
        .used = 1,
    };
}

/* Variance of the line's place dt seconds after raw0, when its rate walks by so many ppb. */
static double line_var(const struct clock_line *line, double dt, double walk_ppb)
{
    return line->offset_var + 2 * dt * line->cross_var + dt * dt * line->rate_var +
           walk_ppb * walk_ppb * dt * dt * dt / 3;
}

/* PTP minus the line at the instant `raw`, for a `ptp` near it. */
static double line_off_ns(const struct clock_line *line, raw_ns raw, ptp_ns ptp)
{
    int64_t since = raw.ns - line->raw0.ns;

    return (double)(ptp.ns - line->ptp0.ns - since) - line->part - (double)since * line->rate_dev;
}

/* Carries line and variances forward to the instant `raw`. */
static void line_predict(struct clock_line *line, raw_ns raw, double walk_ppb)
{
    int64_t since = raw.ns - line->raw0.ns;
    double dt = (double)since / 1e9, walk = walk_ppb * walk_ppb;
    double ahead = line->part + (double)since * line->rate_dev;

    line->offset_var = line_var(line, dt, walk_ppb);
    line->cross_var += dt * line->rate_var + walk * dt * dt / 2;
    line->rate_var += walk * dt;
    line->raw0 = raw;
    line->ptp0.ns += since + (int64_t)floor(ahead);
    line->part = ahead - floor(ahead);
}

/* Kalman update with the innovation z and its expected noise variance. */
static void line_correct(struct clock_line *line, double z, double noise_var)
{
    double total = line->offset_var + noise_var;
    double gain_offset = line->offset_var / total;
    double gain_rate = line->cross_var / total;
    double ahead = line->part + gain_offset * z;

    line->ptp0.ns += (int64_t)floor(ahead);
    line->part = ahead - floor(ahead);
    line->rate_dev += gain_rate * z / 1e9;
    line->rate_var -= gain_rate * line->cross_var;
    line->cross_var -= gain_rate * line->offset_var;
    line->offset_var -= gain_offset * line->offset_var;
}

/* False: the sample lies outside what the line can explain, and was left out. */
static bool line_take(struct clock_line *line, const struct clock_sample *s, double walk_ppb)
{
    double z, noise_var, total;

    line_predict(line, s->raw, walk_ppb);
    z = line_off_ns(line, s->raw, s->ptp);
    noise_var = fmax(s->sigma_ns * s->sigma_ns, line->spread_var);
    total = line->offset_var + noise_var;
    if (line->used >= MIN_SAMPLES && z * z > GATE_SIGMAS * GATE_SIGMAS * total) {
        line->refused++;
        return false;
    }
    line->refused = 0;
    line->used++;
    /* half the innovation's variance beyond what the filter's own doubt explains counts as noise */
    line->spread_var += (fmax(z * z - line->offset_var, 0) / 2 - line->spread_var) / 32;
    line_correct(line, z, noise_var);
    return true;
}

/* ---- what is followed ---- */

void media_clock_init(struct media_clock *clock, const struct media_clock_config *config)
{
    *clock = (struct media_clock){.config = *config, .map.master.domain = CLOCK_DOMAIN_UNKNOWN};
}

static bool same_master(const struct clock_master *a, const struct clock_master *b)
{
    return a->gm_id == b->gm_id && a->domain == b->domain;
}

/* Time jumps: whoever plays has to find its place anew. */
static void jump(struct media_clock *clock, const struct clock_line *line, struct clock_master master)
{
    clock->line = *line;
    clock->map.master = master;
    clock->map.epoch++;
    clock->slew_ns = clock->slew_rate = 0;
    clock->comparing = false;
}

static void start(struct media_clock *clock, const struct clock_sample *s)
{
    struct clock_line line;

    line_start(&line, s, clock->line.rate_dev, FIRST_RATE_PPB);
    jump(clock, &line, s->master);
}

/* From now on the map runs on at the last rate, until a candidate is sure. */
static void compare(struct media_clock *clock)
{
    clock->comparing = true;
    clock->began = false;
}

static bool sure(const struct media_clock *clock)
{
    const struct clock_line *c = &clock->candidate;

    if (c->used < MIN_SAMPLES || sqrt(c->offset_var) > clock->config.lock_ns)
        return false;
    return sqrt(c->rate_var) < SURE_RATE_PPB || c->used >= ENOUGH_SAMPLES;
}

/* The candidate is believed: by a slew where nobody hears it, else by a jump. */
static void decide(struct media_clock *clock)
{
    const struct clock_line *c = &clock->candidate;
    int64_t since = clock->now.ns - c->raw0.ns;
    ptp_ns ptp = {c->ptp0.ns + since};

    clock->step_ns =
        line_off_ns(&clock->line, clock->now, ptp) + c->part + (double)since * c->rate_dev - clock->slew_ns;
    if (fabs(clock->step_ns) > (double)clock->config.slew_max_ns) {
        clock->steps++;
        jump(clock, c, clock->other);
        return;
    }
    clock->slews++;
    clock->slew_ns = -clock->step_ns;
    clock->line = *c;
    clock->map.master = clock->other;
    clock->comparing = false;
}

static void gather(struct media_clock *clock, const struct clock_sample *s)
{
    if (!clock->began || !same_master(&clock->other, &s->master) ||
        clock->candidate.refused >= REFUSE_LIMIT) {
        line_start(&clock->candidate, s, clock->line.rate_dev, FIRST_RATE_PPB);
        clock->other = s->master;
        clock->began = true;
        return;
    }
    clock->outliers += !line_take(&clock->candidate, s, clock->config.rate_walk_ppb);
    if (sure(clock))
        decide(clock);
}

/* Whether anybody may be playing by the line. */
static bool relied_on(const struct media_clock *clock)
{
    return clock_map_usable(&clock->map);
}

static void publish(struct media_clock *clock, raw_ns now);

static void take(struct media_clock *clock, const struct clock_sample *s)
{
    bool other = !same_master(&s->master, &clock->map.master);

    if (!clock->line.used || (other && !relied_on(clock))) {
        start(clock, s);
        return;
    }
    if (other && !clock->comparing)
        compare(clock);
    if (clock->comparing) {
        gather(clock, s);
        return;
    }
    if (line_take(&clock->line, s, clock->config.rate_walk_ppb))
        return;
    clock->outliers++;
    if (clock->line.refused >= REFUSE_LIMIT)
        compare(clock);
}

void media_clock_sample(struct media_clock *clock, const struct clock_sample *s)
{
    if (clock->samples && s->raw.ns <= clock->newest.ns)
        return;
    clock->newest = s->raw;
    clock->samples++;
    if (s->raw.ns > clock->now.ns)
        publish(clock, s->raw);
    take(clock, s);
    publish(clock, clock->now);
}

void media_clock_lost(struct media_clock *clock, raw_ns now)
{
    if (relied_on(clock))
        compare(clock);
    else
        clock->line.used = 0; /* it never was sure: begin again */
    publish(clock, now);
}

void media_clock_tick(struct media_clock *clock, raw_ns now)
{
    if (clock->samples && now.ns - clock->newest.ns >= clock->config.stale_ns)
        media_clock_lost(clock, now);
    else
        publish(clock, now);
}

/* ---- what is published ---- */

static double walk_ppb(const struct media_clock *clock)
{
    return clock->comparing ? HOLDOVER_PPB : clock->config.rate_walk_ppb;
}

static enum media_clock_state state(const struct media_clock *clock)
{
    if (!clock->map.epoch)
        return MEDIA_CLOCK_NO_PTP;
    if (clock->comparing)
        return clock->began && !same_master(&clock->other, &clock->map.master) ? MEDIA_CLOCK_GM_CHANGED
                                                                               : MEDIA_CLOCK_HOLDOVER;
    if (clock->line.used < MIN_SAMPLES || sqrt(clock->line.offset_var) > clock->config.lock_ns)
        return MEDIA_CLOCK_ACQUIRING;
    return MEDIA_CLOCK_LOCKED;
}

static void publish(struct media_clock *clock, raw_ns now)
{
    struct clock_map *map = &clock->map;
    const struct clock_line *line = &clock->line;
    enum media_clock_state before = map->state;
    int64_t since;

    if (now.ns < clock->now.ns) /* a sample is older than the call before it */
        now = clock->now;
    clock->slew_ns += clock->slew_rate * (double)(now.ns - clock->now.ns);
    clock->now = now;
    map->state = state(clock);
    if (map->state != before)
        clock->since = now;
    if (!map->epoch)
        return;
    since = now.ns - line->raw0.ns;
    map->raw0 = now;
    map->ptp0.ns =
        line->ptp0.ns + since + llround(line->part + (double)since * line->rate_dev + clock->slew_ns);
    clock->slew_rate = fmin(fmax(-clock->slew_ns / (SLEW_TIME_S * 1e9), -SLEW_RATE), SLEW_RATE);
    map->rate_dev = line->rate_dev + clock->slew_rate;
    map->uncertainty_ns = sqrt(line_var(line, (double)since / 1e9, walk_ppb(clock))) + fabs(clock->slew_ns);
}

const char *media_clock_state_name(enum media_clock_state state)
{
    static const char *const names[] = {"no-ptp", "acquiring", "locked", "holdover", "gm-changed"};

    return names[state];
}
