// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Numbers in network byte order. The put functions return where the next byte goes.
 */
#ifndef UNISONO_BYTES_H
#define UNISONO_BYTES_H

#include <stdint.h>

static inline uint8_t *put_be16(uint8_t *to, uint16_t value)
{
    *to++ = (uint8_t)(value >> 8);
    *to++ = (uint8_t)value;
    return to;
}

static inline uint8_t *put_be32(uint8_t *to, uint32_t value)
{
    return put_be16(put_be16(to, (uint16_t)(value >> 16)), (uint16_t)value);
}

static inline uint8_t *put_be64(uint8_t *to, uint64_t value)
{
    return put_be32(put_be32(to, (uint32_t)(value >> 32)), (uint32_t)value);
}

static inline uint16_t get_be16(const uint8_t *from)
{
    return (uint16_t)(from[0] << 8 | from[1]);
}

static inline uint32_t get_be32(const uint8_t *from)
{
    return (uint32_t)get_be16(from) << 16 | get_be16(from + 2);
}

static inline uint64_t get_be64(const uint8_t *from)
{
    return (uint64_t)get_be32(from) << 32 | get_be32(from + 4);
}

#endif
