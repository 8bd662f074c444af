// SPDX-License-Identifier: GPL-3.0-or-later
#include "mediaclock.h"

#include <math.h>
#include <string.h>

enum {
    MIN_SAMPLES = 4,  /* before this the rate is a guess */
    REFUSE_LIMIT = 8, /* samples in a row outside the gate: time was stepped, or the filter was wrong */
};

#define GATE_SIGMAS   5.0
#define FIRST_RATE_NS 5e5 /* one sigma of an unknown rate: 500 ppm, in ns per s */

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

void media_clock_init(struct media_clock *clock, const struct media_clock_config *config)
{
    *clock = (struct media_clock){.config = *config};
}

static void start_at(struct media_clock *clock, const struct clock_sample *s, double rate_dev)
{
    clock->map.raw0 = s->raw;
    clock->map.ptp0 = s->ptp;
    clock->map.rate_dev = rate_dev;
    clock->map.epoch++;
    clock->part = 0;
    clock->offset_var = s->sigma_ns * s->sigma_ns;
    clock->cross_var = 0;
    clock->rate_var = FIRST_RATE_NS * FIRST_RATE_NS;
    clock->spread_var = s->sigma_ns * s->sigma_ns;
    clock->since_start = 1;
    clock->refused = 0;
}

/* Carries map and variances forward to the instant `raw`. */
static void predict(struct media_clock *clock, raw_ns raw)
{
    struct clock_map *map = &clock->map;
    int64_t since = raw.ns - map->raw0.ns;
    double dt = (double)since / 1e9;
    double walk = clock->config.rate_walk_ppb * clock->config.rate_walk_ppb;
    double ahead = clock->part + (double)since * map->rate_dev;

    map->raw0 = raw;
    map->ptp0.ns += since + (int64_t)floor(ahead);
    clock->part = ahead - floor(ahead);
    clock->offset_var += 2 * dt * clock->cross_var + dt * dt * clock->rate_var + walk * dt * dt * dt / 3;
    clock->cross_var += dt * clock->rate_var + walk * dt * dt / 2;
    clock->rate_var += walk * dt;
}

/* Kalman update with the innovation z and its expected noise variance. */
static void correct(struct media_clock *clock, double z, double noise_var)
{
    double total = clock->offset_var + noise_var;
    double gain_offset = clock->offset_var / total;
    double gain_rate = clock->cross_var / total;
    double ahead = clock->part + gain_offset * z;

    clock->map.ptp0.ns += (int64_t)floor(ahead);
    clock->part = ahead - floor(ahead);
    clock->map.rate_dev += gain_rate * z / 1e9;
    clock->rate_var -= gain_rate * clock->cross_var;
    clock->cross_var -= gain_rate * clock->offset_var;
    clock->offset_var -= gain_offset * clock->offset_var;
}

static void judge(struct media_clock *clock)
{
    struct clock_map *map = &clock->map;

    map->uncertainty_ns = sqrt(clock->offset_var);
    if (clock->since_start < MIN_SAMPLES || map->uncertainty_ns > clock->config.lock_ns)
        map->state = MEDIA_CLOCK_ACQUIRING;
    else
        map->state = MEDIA_CLOCK_LOCKED;
}

/*
 * A sample outside the gate: an outlier, unless it persists. Then either time was stepped (a new epoch), or
 * the rate changed faster than the filter believed (it opens up and follows).
 */
static void refuse(struct media_clock *clock, const struct clock_sample *s, double z)
{
    clock->outliers++;
    if (++clock->refused < REFUSE_LIMIT)
        return;
    if (fabs(z) >= (double)clock->config.step_ns) {
        clock->steps++;
        start_at(clock, s, clock->map.rate_dev);
        return;
    }
    clock->offset_var = z * z;
    clock->rate_var = fmax(clock->rate_var, z * z);
    clock->cross_var = 0;
    clock->refused = 0;
}

bool media_clock_sample(struct media_clock *clock, const struct clock_sample *s)
{
    double z, noise_var, total;

    if (clock->samples && s->raw.ns <= clock->newest.ns)
        return false;
    clock->newest = s->raw;
    if (!clock->samples++) {
        start_at(clock, s, 0);
        judge(clock);
        return true;
    }
    predict(clock, s->raw);
    z = (double)(s->ptp.ns - clock->map.ptp0.ns) - clock->part;
    noise_var = fmax(s->sigma_ns * s->sigma_ns, clock->spread_var);
    total = clock->offset_var + noise_var;
    if (clock->since_start >= MIN_SAMPLES && z * z > GATE_SIGMAS * GATE_SIGMAS * total) {
        refuse(clock, s, z);
    } else {
        clock->refused = 0;
        clock->since_start++;
        /* half the innovation's variance beyond what the filter's own doubt explains counts as noise */
        clock->spread_var += (fmax(z * z - clock->offset_var, 0) / 2 - clock->spread_var) / 32;
        correct(clock, z, noise_var);
    }
    judge(clock);
    return true;
}

void media_clock_tick(struct media_clock *clock, raw_ns now)
{
    struct clock_map *map = &clock->map;

    if (map->state == MEDIA_CLOCK_NONE || now.ns - clock->newest.ns < clock->config.stale_ns)
        return;
    predict(clock, now);
    map->uncertainty_ns = sqrt(clock->offset_var);
    map->state = MEDIA_CLOCK_HOLDOVER;
}

const char *media_clock_state_name(enum media_clock_state state)
{
    static const char *const names[] = {"no-clock", "acquiring", "locked", "holdover"};

    return names[state];
}
