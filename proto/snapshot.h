// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A snapshot: one thread publishes a plain struct, any other reads a whole and consistent copy of it, and
 * neither ever waits for the other. The writer never touches what is published: it fills the other one of two
 * slots, then says that this is the newest.
 *
 *     slot      0: version 6     1: version 5, being made version 7
 *     newest    6                                                      then 7
 *
 * A reader copies the newest slot, and once more if another version was published meanwhile (a sequence lock
 * over atomic words: Boehm, "Can seqlocks get along with programming language memory models?", MSPC 2012).
 * With one slot a real-time reader that preempts the writer in mid-store would turn in circles, on the very
 * processor that the writer waits for. A struct of some hundred bytes takes well under a microsecond.
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

#define SNAPSHOT_WORDS(type) ((sizeof(type) + 7) / 8)

/* Version v is in slot v % 2; the newest is `sequence`. */
#define SNAPSHOT_OF(type)                                                                                    \
    struct {                                                                                                 \
        _Atomic uint32_t sequence;                                                                           \
        _Atomic uint64_t slots[2][SNAPSHOT_WORDS(type)];                                                     \
    }

#define SNAPSHOT_STORE(shared, from)                                                                         \
    snapshot_store(&(shared)->sequence, (shared)->slots[0], (shared)->slots[1], (from), sizeof *(from))
#define SNAPSHOT_LOAD(shared, to)                                                                            \
    snapshot_load(&(shared)->sequence, (shared)->slots[0], (shared)->slots[1], (to), sizeof *(to))

static inline void snapshot_store(_Atomic uint32_t *sequence, _Atomic uint64_t *even, _Atomic uint64_t *odd,
                                  const void *from, size_t size)
{
    uint32_t version = atomic_load_explicit(sequence, memory_order_relaxed) + 1;
    _Atomic uint64_t *words = version & 1 ? odd : even;
    const char *bytes = from;

    /* whoever sees a word of this version in a slot sees, too, that the slot is not the newest any more */
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i * 8 < size; i++) {
        uint64_t word = 0;

        memcpy(&word, bytes + i * 8, size - i * 8 < 8 ? size - i * 8 : 8);
        atomic_store_explicit(&words[i], word, memory_order_relaxed);
    }
    atomic_store_explicit(sequence, version, memory_order_release);
}

static inline void snapshot_load(const _Atomic uint32_t *sequence, const _Atomic uint64_t *even,
                                 const _Atomic uint64_t *odd, void *to, size_t size)
{
    uint32_t before, after;
    char *bytes = to;

    do {
        const _Atomic uint64_t *words;

        before = atomic_load_explicit(sequence, memory_order_acquire);
        words = before & 1 ? odd : even;
        for (size_t i = 0; i * 8 < size; i++) {
            uint64_t word = atomic_load_explicit(&words[i], memory_order_relaxed);

            memcpy(bytes + i * 8, &word, size - i * 8 < 8 ? size - i * 8 : 8);
        }
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load_explicit(sequence, memory_order_relaxed);
    } while (before != after);
}

#endif
