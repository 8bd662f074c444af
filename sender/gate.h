// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Gate: which part of the sound of a talker is sent.
 *
 * Sound goes through a ring that keeps it back for the hold. Whether the gate is open is decided on the
 * newest sound, and what comes out is that of the hold before: so the beginning of a word, said before the
 * key was down or the level was reached, is there, at the normal pace, and nobody has to catch up.
 *
 *     in      . . . a w o r d . . . . . . .           newest
 *                     |         |
 *                     opens     closes
 *     out           . . . a w o r d . 0 0 0           a hold later
 *                         |       | |     |
 *                         fade in | fade  shut: nothing is sent any more
 *                                 end     (after the linger, which is silence)
 *
 * It is opened by hand or by level. The level is the mean square over some 10 ms of the loudest channel, as
 * that of a sine of so many dBFS. By level it stays open until the hang has passed since the last loud sound.
 * What came in before it closed all comes out; then it fades, and lingers: as long as receivers still play
 * the last of the sound, silence follows, so that a word which begins meanwhile is simply more of the same.
 *
 * Sound that passes is not changed, but for the fades of 5 ms. It goes block by block, one per packet.
 */
#ifndef UNISONO_GATE_H
#define UNISONO_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gate_config {
    uint32_t rate_hz;
    unsigned channels;
    size_t block_frames;
    size_t hold_blocks;   /* how long sound is kept back; 0: not at all */
    size_t linger_blocks; /* of silence, behind the fade */
    bool by_level;
    double threshold_db; /* by level: opens at so many dBFS; a full-scale sine has 0 */
    int64_t hang_frames; /* by level: stays open so long after the last sound at the threshold */
};

struct gate;

/* What is to become of a block. */
enum gate_block {
    GATE_SHUT,  /* nobody hears it: not to be sent */
    GATE_FIRST, /* to be sent; the one before was not */
    GATE_NEXT,  /* to be sent */
};

/* NULL when memory is short. */
struct gate *gate_create(const struct gate_config *config);
void gate_destroy(struct gate *gate); /* NULL is allowed */

/*
 * Takes the newest block (block_frames x channels, interleaved) and puts in its place that of the hold
 * before, faded as it has to be. `talk`: held open by hand.
 */
enum gate_block gate_pass(struct gate *gate, float *block, bool talk);

/* From now on no level opens it, nor keeps it open; what came in before still comes out. */
void gate_close(struct gate *gate);

/* Time jumped: what is held is forgotten, and the gate is shut until the next block says otherwise. */
void gate_reset(struct gate *gate);

/* Some blocks will never come: what is held has become silence. Whether the gate is open stays. */
void gate_skip(struct gate *gate);

/* The largest level since gate_clear_level(), as the square of an amplitude: 1 is 0 dBFS. */
double gate_level(const struct gate *gate);
void gate_clear_level(struct gate *gate);

#endif
