// SPDX-License-Identifier: GPL-3.0-or-later
#include "chance.h"

#include <math.h>

struct chance chance_of(uint64_t seed, const char *name, unsigned number)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    struct chance c;

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    c.state = seed * UINT64_C(0x9e3779b97f4a7c15) ^ hash;
    chance_bits(&c);
    c.state ^= (uint64_t)number * UINT64_C(0xd1342543de82ef95);
    chance_bits(&c);
    return c;
}

uint64_t chance_bits(struct chance *c)
{
    uint64_t z = c->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

double chance_uniform(struct chance *c)
{
    return (double)(chance_bits(c) >> 11) * 0x1p-53;
}

double chance_between(struct chance *c, double low, double high)
{
    return low + (high - low) * chance_uniform(c);
}

double chance_gauss(struct chance *c)
{
    double radius = sqrt(-2 * log(1 - chance_uniform(c)));

    return radius * cos(2 * M_PI * chance_uniform(c));
}

double chance_exponential(struct chance *c)
{
    return -log(1 - chance_uniform(c));
}

int chance_happens(struct chance *c, double probability)
{
    return probability > 0 && chance_uniform(c) < probability;
}
