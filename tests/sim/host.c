// SPDX-License-Identifier: GPL-3.0-or-later
#include "host.h"

static int64_t run_clock(void *self, int64_t now)
{
    struct host *h = self;

    ptp_client_run(&h->ptp, h->masters, &h->crystal, now);
    return now + ptp_client_interval(&h->ptp);
}

int host_init(struct host *h, const struct host_config *config, const struct ptp_masters *masters,
              struct loop *loop, uint64_t seed, unsigned number)
{
    *h = (struct host){.masters = masters, .wake = config->wake, .chance = chance_of(seed, "wake", number)};
    oscillator_init(&h->crystal, &config->crystal, chance_of(seed, "host crystal", number));
    ptp_client_init(&h->ptp, &config->ptp, chance_of(seed, "ptp", number));
    h->clock = (struct loop_node){h, run_clock, 0, 0, 0};
    h->clock.next_at = (int64_t)(chance_uniform(&h->chance) * (double)ptp_client_interval(&h->ptp));
    return loop_add(loop, &h->clock);
}

int64_t host_wakes(struct host *h, raw_ns due, int64_t now)
{
    double part;
    int64_t at = oscillator_true(&h->crystal, due.ns - SIM_RAW0, 0, &part);

    at += (int64_t)(h->wake.late_us * 1e3 * chance_exponential(&h->chance));
    if (h->wake.stall_every_s > 0) {
        if (now >= h->stall_next) {
            if (h->stall_next)
                h->stalled_until = now + (int64_t)(h->wake.stall_ms * 1e6 * chance_uniform(&h->chance));
            h->stall_next = now + (int64_t)(h->wake.stall_every_s * 1e9 * chance_exponential(&h->chance));
        }
    }
    at = at > h->stalled_until ? at : h->stalled_until;
    return at > now ? at : now + 1;
}
