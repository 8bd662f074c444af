// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Chance, from one seed. Every part of the simulator draws from a stream of its own, named by what it is for:
 * what one part draws does not move the draws of another, so that a scenario stays comparable when a part of
 * it changes, and one seed gives one run, to the bit.
 */
#ifndef UNISONO_SIM_CHANCE_H
#define UNISONO_SIM_CHANCE_H

#include <stdint.h>

struct chance {
    uint64_t state;
};

/* The stream `name` of the node `number` under `seed`. */
struct chance chance_of(uint64_t seed, const char *name, unsigned number);

uint64_t chance_bits(struct chance *c);  /* SplitMix64 (Steele, Lea, Flood 2014) */
double chance_uniform(struct chance *c); /* 0 <= x < 1 */
double chance_between(struct chance *c, double low, double high);
double chance_gauss(struct chance *c);       /* one standard deviation */
double chance_exponential(struct chance *c); /* of mean 1 */
int chance_happens(struct chance *c, double probability);

#endif
