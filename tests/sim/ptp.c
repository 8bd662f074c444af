// SPDX-License-Identifier: GPL-3.0-or-later
#include "ptp.h"

#include <math.h>

int64_t ptp_time(const struct ptp_masters *m, unsigned master, int64_t t, double *part)
{
    double ahead = (double)t * m->master[master].ppm * 1e-6;

    *part = ahead - floor(ahead);
    return m->epoch_ns + m->master[master].offset_ns + t + (int64_t)floor(ahead);
}

double ptp_rate(const struct ptp_masters *m, unsigned master)
{
    return m->master[master].ppm * 1e-6;
}

raw_ns sim_raw(const struct oscillator *host, int64_t t)
{
    double part;

    return (raw_ns){SIM_RAW0 + oscillator_own(host, t, &part)};
}

/* What each kind is unless a scenario says otherwise; the map's settings are those of the daemons. */
static const struct {
    double noise_us, noise_s, white_us, rate_hz;
    const struct media_clock_config *clock;
} kinds[] = {
    [PTP_PERFECT] = {0, 1, 1e-4, 16, &media_clock_for_phc},
    [PTP_HARDWARE] = {0.03, 1, 0.01, 16, &media_clock_for_phc},
    [PTP_SOFTWARE] = {2, 1, 2.2, 8, &media_clock_for_ptp4l},
};

static double or_else(double value, double standard)
{
    return isnan(value) ? standard : value;
}

void ptp_client_init(struct ptp_client *c, const struct ptp_config *config, struct chance chance)
{
    *c = (struct ptp_client){.config = *config, .chance = chance};
    c->config.noise_us = or_else(config->noise_us, kinds[config->kind].noise_us);
    c->config.noise_s = or_else(config->noise_s, kinds[config->kind].noise_s);
    c->config.white_us = or_else(config->white_us, kinds[config->kind].white_us);
    c->config.rate_hz = or_else(config->rate_hz, kinds[config->kind].rate_hz);
    c->slow_ns = c->config.noise_us * 1e3 * chance_gauss(&c->chance);
    media_clock_init(&c->clock, kinds[config->kind].clock);
}

int64_t ptp_client_interval(const struct ptp_client *c)
{
    return (int64_t)(1e9 / c->config.rate_hz);
}

void ptp_client_run(struct ptp_client *c, const struct ptp_masters *masters, const struct oscillator *host,
                    int64_t t)
{
    double keeps = exp(-(double)(t - c->newest) / 1e9 / c->config.noise_s), part, off;
    raw_ns raw = sim_raw(host, t);
    struct clock_sample s = {.raw = raw};

    if (t >= c->notices_at)
        c->master = c->next_master;
    s.master.gm_id = masters->master[c->master].name;
    c->newest = t;
    c->slow_ns =
        keeps * c->slow_ns + sqrt(1 - keeps * keeps) * c->config.noise_us * 1e3 * chance_gauss(&c->chance);
    if (c->lost) {
        media_clock_lost(&c->clock, raw);
    } else {
        s.ptp.ns = ptp_time(masters, c->master, t, &part);
        off = part + c->slow_ns + c->config.white_us * 1e3 * chance_gauss(&c->chance) +
              c->config.asymmetry_us * 500;
        if (chance_happens(&c->chance, c->config.outlier_pct / 100))
            off += c->config.outlier_us * 1e3 * chance_uniform(&c->chance);
        s.ptp.ns += llround(off);
        s.sigma_ns = fmax(hypot(c->config.white_us, c->config.noise_us) * 1e3, 20);
        media_clock_sample(&c->clock, &s);
    }
    media_clock_tick(&c->clock, raw);
}
