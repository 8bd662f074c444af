// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A snapshot: one thread publishes a plain struct, any other reads a whole and consistent copy of it, and
 * neither ever waits for a lock. A sequence lock over atomic words (Boehm, "Can seqlocks get along with
 * programming language memory models?", MSPC 2012): the reader tries again while the writer is at work, the
 * writer never waits for anybody. A struct of some hundred bytes takes well under a microsecond.
 *
 *     SNAPSHOT_OF(struct clock_map) shared;        all zero at first; one for each writer
 *     SNAPSHOT_STORE(&shared, &map);                             only the one writer
 *     SNAPSHOT_LOAD(&shared, &copy);                             any thread
 */
#ifndef UNISONO_SNAPSHOT_H
#define UNISONO_SNAPSHOT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SNAPSHOT_OF(type)                                                                                    \
    struct {                                                                                                 \
        _Atomic uint32_t sequence;                                                                           \
        _Atomic uint64_t words[(sizeof(type) + 7) / 8];                                                      \
    }

#define SNAPSHOT_STORE(shared, from)                                                                         \
    snapshot_store(&(shared)->sequence, (shared)->words, (from), sizeof *(from))
#define SNAPSHOT_LOAD(shared, to) snapshot_load(&(shared)->sequence, (shared)->words, (to), sizeof *(to))

static inline void snapshot_store(_Atomic uint32_t *sequence, _Atomic uint64_t *words, const void *from,
                                  size_t size)
{
    uint32_t s = atomic_load_explicit(sequence, memory_order_relaxed);
    const char *bytes = from;

    atomic_store_explicit(sequence, s + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i * 8 < size; i++) {
        uint64_t word = 0;

        memcpy(&word, bytes + i * 8, size - i * 8 < 8 ? size - i * 8 : 8);
        atomic_store_explicit(&words[i], word, memory_order_relaxed);
    }
    atomic_store_explicit(sequence, s + 2, memory_order_release);
}

static inline void snapshot_load(_Atomic uint32_t *sequence, _Atomic uint64_t *words, void *to, size_t size)
{
    uint32_t before, after;
    char *bytes = to;

    do {
        before = atomic_load_explicit(sequence, memory_order_acquire);
        for (size_t i = 0; i * 8 < size; i++) {
            uint64_t word = atomic_load_explicit(&words[i], memory_order_relaxed);

            memcpy(bytes + i * 8, &word, size - i * 8 < 8 ? size - i * 8 : 8);
        }
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load_explicit(sequence, memory_order_relaxed);
    } while (before != after || before & 1);
}

#endif
